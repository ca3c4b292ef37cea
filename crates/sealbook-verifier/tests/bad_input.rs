//! Whatever is given to the binary: an exit status and one clear sentence, in bounded memory and time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_disk::{RealDisk, SeededEntropy, SetClock, World};
use sealbook_log::{Ledger, Options, Submission, create};

const BINARY: &str = env!("CARGO_BIN_EXE_sealbook-verify");
/// Address space of the process, in KiB: 256 MiB of memory, and room for the stacks and arenas of its threads.
const ADDRESS_SPACE_KIB: u32 = 768 << 10;
/// A run that takes longer than this hangs.
const SECONDS_MAX: u64 = 120;
/// Zeros in a file that takes no room.
const MANY_BYTES: u64 = 10 << 30;
/// As much in a segment, whose every byte is looked at; `SEALBOOK_ZEROS_GIB` asks for more.
const ZEROS_GIB: u64 = 1;
/// A user who owns nothing.
const NOBODY: &str = "65534";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A ledger of so many entries, with several segments.
    fn ledger(&self, name: &str, entries: u64) -> PathBuf {
        let root = self.path(name);
        let clock = SetClock::new(1_790_000_000_000_000);
        let entropy = Arc::new(SeededEntropy::new(5));
        let world = World { disk: Arc::new(RealDisk), clock: Arc::new(clock), entropy };
        create(&world, &root, "example.org/bad-input").unwrap();
        let options = Options { segment_bytes: 16 << 10, ..Options::default() };
        let ledger = Ledger::open_with(&world, &root, options).unwrap();
        for from in (0..entries).step_by(20) {
            let source = Source { id: "test".to_owned(), format: "native".to_owned(), version: 1, sequence: None };
            let submission = |n: u64| {
                let subject = Identity::new(format!("user-{}", n % 5), IdentityType::Human);
                let mut event = Event::new(format!("e{n}"), Kind::Decision, subject, Outcome::Allow);
                event.reason = Some("because".to_owned());
                Submission { source: source.clone(), event, raw: None }
            };
            ledger.commit((from..from + 20).map(submission).collect(), true).unwrap();
        }
        ledger.close().unwrap();
        root
    }
}

fn sparse(path: &Path, bytes: u64) {
    File::options().write(true).create(true).truncate(false).open(path).unwrap().set_len(bytes).unwrap();
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs the binary with little memory; a run that does not end is a failure.
fn run_as(user: Option<&str>, arguments: &[&OsStr]) -> Output {
    let limited = format!("ulimit -v {ADDRESS_SPACE_KIB} && exec timeout {SECONDS_MAX} \"$@\"");
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "sh"]);
            command
        }
        None => Command::new("sh"),
    };
    command.args(["-c", &limited, "sh"]).arg(if user.is_some() { readable_binary() } else { PathBuf::from(BINARY) });
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A copy of the binary where everybody may read it.
fn readable_binary() -> PathBuf {
    let path = std::env::temp_dir().join(format!("sealbook-verify-{}", std::process::id()));
    if !path.exists() {
        fs::copy(BINARY, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Exit 2 and exactly one sentence, which says `word`.
fn undecided(what: &str, output: &Output, word: &str) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(2), "{what}: {text}");
    let sentences: Vec<_> =
        text.lines().filter(|line| line.starts_with("  missing") || line.starts_with("sealbook-verify: ")).collect();
    assert_eq!(sentences.len(), 1, "{what}: {text}");
    assert!(sentences[0].contains(word), "{what}: {word:?} is not in {text}");
    assert!(!text.contains("panicked"), "{what}: {text}");
}

fn verify(target: &Path) -> Output {
    run_as(None, &[target.as_os_str()])
}

#[test]
fn what_is_no_ledger_pack_or_proof_is_told_so() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    undecided("an empty folder", &verify(&place.path("empty")), "no ledger");
    undecided("a missing path", &verify(&place.path("missing")), "No such file");
    undecided("an empty file", &verify(&place.file("nothing", b"")), "is empty");
    undecided("a text", &verify(&place.file("text", b"a text")), "neither a ledger folder nor");
    undecided("a zip", &verify(&other_zip(&place, "other.zip", 1000, "")), "no Sealbook evidence pack");
    let bomb = other_zip(&place, "bomb.zip", 256 << 20, "");
    assert!(fs::metadata(&bomb).unwrap().len() < 1 << 20);
    undecided("a zip bomb", &verify(&bomb), "no Sealbook evidence pack");
    undecided("/dev/zero", &verify(Path::new("/dev/zero")), "not a regular file");
    undecided("/dev/null", &verify(Path::new("/dev/null")), "not a regular file");
    pipe(&place.path("pipe"));
    undecided("a pipe", &verify(&place.path("pipe")), "not a regular file");
    let _listener = UnixListener::bind(place.path("socket")).unwrap();
    undecided("a socket", &verify(&place.path("socket")), "not a regular file");
    symlink(place.path("loop"), place.path("loop")).unwrap();
    undecided("a loop of links", &verify(&place.path("loop")), "symbolic links");
    sparse(&place.path("zeros"), MANY_BYTES);
    undecided("10 GB of zeros", &verify(&place.path("zeros")), "neither a ledger folder nor");
    let strange = place.dir.path().join(OsStr::from_bytes(b"name\xff\xfe\x1b[2J"));
    fs::write(&strange, b"x").unwrap();
    let output = verify(&strange);
    undecided("a name that is no text", &output, "neither a ledger folder nor");
    assert!(!text(&output).contains('\u{1b}'), "a name moves the cursor");
}

/// Another archive with one compressed file of zeros, and a comment.
fn other_zip(place: &Place, name: &str, bytes: usize, comment: &str) -> PathBuf {
    let path = place.path(name);
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("zeros", options).unwrap();
    let piece = vec![0; 1 << 16];
    for _ in 0..bytes.div_ceil(piece.len()) {
        zip.write_all(&piece).unwrap();
    }
    zip.set_comment(comment).unwrap();
    zip.finish().unwrap();
    path
}

#[test]
fn a_zip_bomb_that_calls_itself_a_pack_is_not_unpacked() {
    let place = Place::new();
    let comment = String::from_utf8_lossy(sealbook_core::pack::archive::COMMENT).into_owned();
    let output = verify(&other_zip(&place, "bomb.zip", 256 << 20, &comment));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("archive-bytes"), "{}", text(&output));
}

#[test]
fn what_may_not_be_read_is_told_so() {
    let place = Place::new();
    let uid = fs::metadata(place.dir.path()).unwrap().uid();
    let user = (uid == 0).then_some(NOBODY);
    if user.is_some() && !Command::new("setpriv").arg("--version").output().is_ok_and(|o| o.status.success()) {
        println!("skipped: run by root, to whom nothing is forbidden, and there is no setpriv");
        return;
    }
    let shut = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let root = place.ledger("ledger", 100);
    let run = |target: &Path| run_as(user, &[target.as_os_str()]);
    assert_eq!(run(&root).status.code(), Some(0), "{}", text(&run(&root)));
    for (name, mode) in [("log", 0o755), ("log/00000001.seg", 0o644), ("checkpoint", 0o644), ("keys", 0o755)] {
        shut(&root.join(name));
        undecided(name, &run(&root), "ermission denied");
        open(&root.join(name), mode);
    }
    shut(&root);
    undecided("the folder", &run(&root), "ermission denied");
    open(&root, 0o755);
    let pack = place.file("pack.zip", b"PK");
    shut(&pack);
    undecided("a file", &run(&pack), "ermission denied");
    fs::remove_file(readable_binary()).unwrap();
}

#[test]
fn what_is_no_file_in_a_ledger_is_told_so() {
    let place = Place::new();
    let root = place.ledger("ledger", 300);
    let tile = "tiles/tile/0/000";
    for name in ["log/00000000.seg", "log/00000001.seg", "checkpoint", "keys/verifier.key", tile] {
        let path = root.join(name);
        let bytes = fs::read(&path).unwrap();
        let with = |put: &dyn Fn(&Path)| {
            fs::remove_file(&path).unwrap();
            put(&path);
            let output = verify(&root);
            if path.is_dir() {
                fs::remove_dir(&path).unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            fs::write(&path, &bytes).unwrap();
            output
        };
        undecided(name, &with(&|path| fs::create_dir(path).unwrap()), "not a regular file");
        undecided(name, &with(&pipe), "not a regular file");
        undecided(name, &with(&|path| symlink("/dev/zero", path).unwrap()), "not a regular file");
        undecided(name, &with(&|path| symlink(path, path).unwrap()), "symbolic links");
        undecided(name, &with(&|path| drop(UnixListener::bind(path).unwrap())), "not a regular file");
    }
    fs::rename(root.join("log"), root.join("elsewhere")).unwrap();
    fs::write(root.join("log"), b"no folder").unwrap();
    undecided("a file for log/", &verify(&root), "Not a directory");
    assert_eq!(verify(&root.join("elsewhere")).status.code(), Some(2));
}

#[test]
fn gigabytes_of_zeros_in_a_ledger_are_read_in_bounded_memory() {
    let zeros = std::env::var("SEALBOOK_ZEROS_GIB").ok().and_then(|gib| gib.parse().ok()).unwrap_or(ZEROS_GIB) << 30;
    let place = Place::new();
    let root = place.ledger("ledger", 300);
    for name in ["checkpoint", "keys/verifier.key", "tiles/tile/0/000"] {
        let bytes = fs::read(root.join(name)).unwrap();
        fs::write(root.join(name), b"").unwrap();
        sparse(&root.join(name), MANY_BYTES);
        undecided(name, &verify(&root), "larger than");
        fs::write(root.join(name), bytes).unwrap();
    }
    let segments = fs::read_dir(root.join("log")).unwrap().count();
    let last = root.join(format!("log/{:08}.seg", segments - 1));
    let length = fs::metadata(&last).unwrap().len();
    sparse(&last, zeros);
    let output = verify(&root);
    assert_eq!(output.status.code(), Some(0), "as room for more: {}", text(&output));
    sparse(&last, length);
    let first = root.join("log/00000000.seg");
    fs::write(&first, b"").unwrap();
    sparse(&first, zeros);
    let output = verify(&root);
    assert_eq!(output.status.code(), Some(1), "as the first segment: {}", text(&output));
    assert!(text(&output).contains("segment-header, entry 0, log/00000000.seg, byte 0"), "{}", text(&output));
}

#[test]
fn keys_and_checkpoints_that_cannot_be_read_are_told_so() {
    let place = Place::new();
    let root = place.ledger("ledger", 20);
    sparse(&place.path("zeros"), MANY_BYTES);
    pipe(&place.path("pipe"));
    fs::create_dir(place.path("folder")).unwrap();
    let empty = place.file("empty", b"");
    for given in [&place.path("zeros"), &place.path("pipe"), &place.path("folder"), &place.path("missing"), &empty] {
        for option in ["--key", "--at-least"] {
            let output = run_as(None, &[root.as_os_str(), OsStr::new(option), given.as_os_str()]);
            let shown = given.file_name().unwrap().to_string_lossy().into_owned();
            undecided(&format!("{option} {shown}"), &output, if option == "--key" { &shown } else { "" });
        }
    }
}

#[test]
fn a_hundred_thousand_stray_files_are_passed_over() {
    let place = Place::new();
    let root = place.ledger("ledger", 60);
    let log = root.join("log");
    for n in 0..100_000 {
        fs::hard_link(root.join("checkpoint"), log.join(format!("stray-{n}"))).unwrap_or_else(|_| {
            // File systems limit the links of a file.
            File::create(log.join(format!("stray-{n}"))).unwrap();
        });
    }
    File::create(log.join(OsStr::from_bytes(b"\xff\xfe.seg"))).unwrap();
    File::create(log.join("99999999999999999999.seg")).unwrap();
    let output = verify(&root);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).lines().count() < 200, "{}", text(&output).lines().count());
}

#[test]
fn a_segment_that_shrinks_while_it_is_read_ends_the_reading() {
    let place = Place::new();
    let root = place.ledger("ledger", 6_000);
    let last = fs::read_dir(root.join("log")).unwrap().count() - 1;
    for (round, number) in [0, 1, last - 1, last].into_iter().cycle().take(40).enumerate() {
        let path = root.join(format!("log/{number:08}.seg"));
        let bytes = fs::read(&path).unwrap();
        let mut command = Command::new("timeout");
        command.args([&SECONDS_MAX.to_string(), BINARY]).arg(&root).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round as u64 % 20));
        File::options().write(true).open(&path).unwrap().set_len(100 + 311 * round as u64).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = text(&output);
        assert!(matches!(output.status.code(), Some(0..=2)), "{:?} {text}", output.status);
        assert!(!text.contains("panicked"), "{text}");
        fs::write(&path, bytes).unwrap();
    }
    let output = verify(&root);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
