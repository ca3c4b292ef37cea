//! What other people's programs say about what we write: exported tiles, proof files, receipts, and the ledger itself.
//! `tests/strangers/install.sh` installs those that are not crates; where one is missing, that is said.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealbook_tests::{TestLedger, expect, repository};
use tlog_tiles::{Tile, TileHashReader, TileReader};

/// Entries that are proven, beside the last one.
const PROVEN: [u64; 4] = [0, 255, 256, 1023];

/// A ledger of 1,500 events and more, its static export, and proofs with receipts of some entries.
struct Written {
    ledger: TestLedger,
    size: u64,
    tiles: PathBuf,
    /// Proof, receipt and bytes of an entry.
    proven: Vec<[PathBuf; 3]>,
}

impl Written {
    fn new() -> Self {
        let ledger = TestLedger::new();
        ledger.fill(1500);
        let size = ledger.check();
        let tiles = ledger.dir().join("export");
        expect(0, &["export", &ledger.arg(), "--tiles", tiles.to_str().unwrap()]);
        let proofs = ledger.dir().join("proofs");
        let prove = |index: u64| {
            let file = |suffix: &str| proofs.join(format!("entry-{index}.{suffix}"));
            std::fs::create_dir_all(&proofs).unwrap();
            let (out, receipt) = (proofs.to_str().unwrap(), file("receipt"));
            let receipt = receipt.to_str().unwrap();
            expect(0, &["prove", &ledger.arg(), &index.to_string(), "--out", out, "--receipt", receipt]);
            [file("tlog-proof"), file("receipt"), file("cbor")]
        };
        let proven = PROVEN.into_iter().chain([size - 1]).map(prove).collect();
        Self { ledger, size, tiles, proven }
    }

    /// The same export with one bit of one file turned.
    fn spoilt(&self, file: &str) -> PathBuf {
        let to = self.ledger.dir().join("spoilt");
        let _ = std::fs::remove_dir_all(&to);
        assert!(Command::new("cp").arg("-r").args([&self.tiles, &to]).status().unwrap().success());
        flip(&to.join(file));
        to
    }

    /// A key of the same name that is not the ledger's.
    fn other_key(&self) -> String {
        TestLedger::new().key
    }
}

fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

/// What the installing script puts where.
fn installed(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("sealbook-strangers").join(name)).filter(|path| path.exists())
}

/// Says past the capture of the test runner that something was not tested.
fn skipped(what: &str) {
    let mut talk = std::io::stderr();
    writeln!(talk, "skipped: {what} (install with tests/strangers/install.sh)").unwrap();
}

fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// Runs a checker, which must agree; gives what it said.
fn agrees(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", said(&output));
    said(&output)
}

/// Runs a checker, which must not agree: one that accepts everything would prove nothing.
fn refuses(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}\n{}", said(&output));
}

/// The checker in Python of this name, where its library is installed.
fn python(script: &str, library: &str) -> Option<impl Fn() -> Command> {
    let python = installed("venv/bin/python")?;
    let found =
        Command::new(&python).args(["-c", &format!("import {library}")]).output().is_ok_and(|o| o.status.success());
    let script = repository().join("tests/strangers").join(script);
    found.then_some(move || {
        let mut command = Command::new(&python);
        command.arg("-B").arg(&script);
        command
    })
}

/// Tiles of a static folder, for a client that somebody else wrote.
struct Folder<'p>(&'p Path);

impl TileReader for Folder<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| std::fs::read(self.0.join(tile.path().replacen("tile/8/", "tile/", 1))).unwrap();
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

#[test]
fn crates_by_others_accept_the_static_export() {
    let written = Written::new();
    let note = std::fs::read(written.tiles.join("checkpoint")).unwrap();
    let parsed = signed_note::Note::from_bytes(&note).unwrap();
    let verifier = signed_note::StandardVerifier::new(&written.ledger.key).unwrap();
    let (signed, _) = parsed.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(signed.len(), 1);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(parsed.text()).unwrap();
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    assert_eq!((size, checkpoint.origin()), (written.size, "test.example/ledger"));
    let folder = Folder(&written.tiles);
    let reader = TileHashReader::new(size, root, &folder);
    assert_eq!(tlog_tiles::tree_hash(size, &reader).unwrap(), root);
    let mut proven = 0;
    for bundle in 0..size.div_ceil(256) {
        let width = (size - bundle * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let bytes = std::fs::read(written.tiles.join(format!("tile/entries/{bundle:03}{partial}"))).unwrap();
        let mut rest = &bytes[..];
        for index in bundle * 256..bundle * 256 + width {
            let (length, tail) = rest.split_first_chunk::<2>().unwrap();
            let (entry, tail) = tail.split_at(u16::from_be_bytes(*length).into());
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            tlog_tiles::check_record(&proof, size, root, index, tlog_tiles::record_hash(entry)).unwrap();
            rest = tail;
            proven += 1;
        }
        assert!(rest.is_empty());
    }
    assert_eq!(proven, size);
    let spoilt = written.spoilt("tile/0/000");
    let folder = Folder(&spoilt);
    let reader = TileHashReader::new(size, root, &folder);
    // This client may build a proof of a spoilt tile; it must not believe it then.
    let first = tlog_tiles::record_hash(&std::fs::read(&written.proven[0][2]).unwrap());
    let believed = tlog_tiles::prove_record(size, 0, &reader)
        .and_then(|proof| tlog_tiles::check_record(&proof, size, root, 0, first));
    assert!(believed.is_err());
    written.ledger.check();
}

/// A program by others accepts export and proof files, and says `expected` of a log of so many entries; it refuses another
/// key, a proof with another entry, and files with a flipped bit.
fn accepts_export_and_proofs_only(program: impl Fn() -> Command, expected: impl Fn(u64) -> String) {
    let written = Written::new();
    let check = |key: &str, tiles: &Path, entry: usize| {
        let mut command = program();
        command.arg(key).arg(tiles);
        for ([proof, ..], [.., bytes]) in written.proven.iter().zip(written.proven.iter().cycle().skip(entry)) {
            command.args([proof, bytes]);
        }
        command
    };
    let key = &written.ledger.key;
    let said = agrees(&mut check(key, &written.tiles, 0));
    assert!(said.contains(&expected(written.size)), "{said}");
    assert_eq!(said.matches("proof of entry").count(), PROVEN.len() + 1);
    refuses(&mut check(&written.other_key(), &written.tiles, 0));
    refuses(&mut check(key, &written.tiles, 1));
    for file in ["checkpoint", "tile/0/001", "tile/entries/002"] {
        refuses(&mut check(key, &written.spoilt(file), 0));
    }
}

#[test]
fn go_sumdb_accepts_the_static_export_and_the_proof_files() {
    let Some(program) = installed("gocheck") else { return skipped("Go sumdb/note and sumdb/tlog") };
    let expected = |size| format!("log of {size} entries: signature, root, {size} records");
    accepts_export_and_proofs_only(|| Command::new(&program), expected);
}

#[test]
fn aics_tlog_accepts_the_static_export_and_the_proof_files() {
    let Some(script) = python("check_aics_tlog.py", "aics_tlog") else { return skipped("PyPI aics-tlog") };
    accepts_export_and_proofs_only(script, |size| format!("log of {size} entries"));
}

#[test]
fn scitt_cose_accepts_the_receipts() {
    let Some(script) = python("check_scitt_cose.py", "scitt_cose") else { return skipped("PyPI scitt-cose") };
    let written = Written::new();
    let check = |key: &str, entry: usize| {
        let mut command = script();
        command.arg(key);
        for ([_, receipt, _], [.., bytes]) in written.proven.iter().zip(written.proven.iter().cycle().skip(entry)) {
            command.args([receipt, bytes]);
        }
        command
    };
    let said = agrees(&mut check(&written.ledger.key, 0));
    assert_eq!(said.matches("receipt by test.example/ledger about ").count(), PROVEN.len() + 1, "{said}");
    refuses(&mut check(&written.other_key(), 0));
    refuses(&mut check(&written.ledger.key, 1));
    flip(&written.proven[0][1]);
    refuses(&mut check(&written.ledger.key, 0));
}

/// The format as the specification has it, written a second time in another language: vectors and a real ledger.
#[test]
fn the_second_implementation_in_python_accepts_vectors_and_ledger_and_can_refuse() {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        return skipped("tests/vectors/check.py: no python3");
    }
    let script = || {
        let mut command = Command::new(installed("venv/bin/python").unwrap_or_else(|| "python3".into()));
        command.arg("-B").arg(repository().join("tests/vectors/check.py"));
        command
    };
    assert!(agrees(&mut script()).ends_with("all as it should be\n"));
    assert!(agrees(script().arg("--self-test")).ends_with("all as it should be\n"));
    let written = Written::new();
    let (folder, key) = (written.ledger.path(), &written.ledger.key);
    let said = agrees(script().arg("--ledger").arg(&folder).arg(key));
    assert!(said.contains(&format!("\n{} entries, ", written.size)), "{said}");
    refuses(script().arg("--ledger").arg(&folder).arg(written.other_key()));
    flip(&folder.join("log/00000000.seg"));
    // In the middle may be room that was filled ahead: foreign bytes there are refused too.
    refuses(script().arg("--ledger").arg(&folder).arg(key));
}
