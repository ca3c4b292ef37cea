//! The real binary while the system refuses or kills it: `strace` makes one write, sync, rename, … fail, at every one of
//! them in turn. What was answered must be there afterwards, exactly once, and nothing be called tampering.

#![expect(clippy::disallowed_methods, reason = "the binary is waited for in real time, and sampled by the clock")]

mod served;
mod strace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use sealbook_tests::{TestLedger, event, expect, run, sealbook};
use serde_json::Value;
use served::{Client, Served};
use strace::{Fault, Point, choose, killed, met, points, traced};

/// Entries before the script begins: some of its entries then complete a hash tile.
const ENTRIES_BEFORE: usize = 240;
/// Events that the script sends to the service.
const EVENTS: usize = 24;
/// Bytes of a segment of the service: the script rolls several times.
const SEGMENT_BYTES: &str = "4096";
/// Events that the script imports: more than one group.
const IMPORTED: usize = 600;

/// Events with the ids `a0`, `a1`, …
fn events(prefix: &str, count: usize) -> String {
    (0..count).map(|n| format!("{}\n", event(&format!("{prefix}{n}")))).collect()
}

/// A ledger to copy from, made once.
fn template() -> &'static TestLedger {
    static TEMPLATE: OnceLock<TestLedger> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let ledger = TestLedger::new();
        let file = ledger.file("before.ndjson", events("t", ENTRIES_BEFORE));
        expect(0, &["import", &ledger.arg(), &file, "--from", "native"]);
        ledger
    })
}

/// A copy of the template that a test may break.
struct Copy {
    dir: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-r").arg(template().path()).arg(dir.path()).status().unwrap();
        assert!(copied.success());
        Self { dir }
    }

    fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    fn arg(&self) -> String {
        self.path().display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `sealbook` under `strace`.
    fn traced(&self, args: &[&str], point: Option<(&Point, Fault)>) -> Output {
        let mut command = traced(sealbook(), &self.path(), point, &self.file("trace"));
        command.args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Whatever happened: nothing is called tampering.
    fn is_not_refuted(&self, key: &str) {
        let output = run(&["verify", &self.arg(), "--key", key]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 2)), "{text}");
    }

    /// Everything holds; gives the size.
    fn is_verified(&self, key: &str) -> u64 {
        let text = expect(0, &["verify", &self.arg(), "--key", key, "--json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["verdict"], "VERIFIED", "{text}");
        report["size"].as_u64().unwrap()
    }
}

/// How many faults there were, how many were met, and how often the process ended in which way.
#[derive(Default)]
struct Counts(BTreeMap<String, usize>);

impl Counts {
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// The run took another way than the one that was listened to: a later store of the checkpoint, for example.
    fn missed(&mut self, point: &Point, fault: Fault) {
        eprintln!("not reached: {point:?} {fault:?}");
        self.count("not reached");
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// A process that met an error ends with 2 and says which file and why; one that was killed says nothing.
fn ended_clearly(point: &Point, fault: Fault, status: std::process::ExitStatus, errors: &str, root: &Path) {
    if fault == Fault::Kill {
        assert!(killed(status), "{point:?} {fault:?}: {status} {errors}");
        return;
    }
    assert_eq!(status.code(), Some(2), "{point:?} {fault:?}: {errors}");
    let said = errors.lines().any(|line| line.starts_with("error: ") && line.contains(&root.display().to_string()));
    assert!(said, "{point:?} {fault:?} is not told clearly: {errors}");
}

/// Whether a path is of what is derived: what could not be written there is made anew when it is needed.
fn derived(point: &Point) -> bool {
    ["tiles", "lookup", "index", "state"].iter().any(|store| point.path.starts_with(store))
}

// ---- serve --------------------------------------------------------------------------------------------------------------

fn serve_args(copy: &Copy) -> Vec<String> {
    let args = ["serve", &copy.arg(), "--listen", "127.0.0.1:0", "--segment-bytes", SEGMENT_BYTES, "--quiet"];
    args.map(ToOwned::to_owned).to_vec()
}

/// What the clients were told.
#[derive(Default)]
struct Told {
    answered: BTreeMap<String, u64>,
    refused: usize,
}

/// Sends every event. After the first refusal nothing may be answered any more, and readiness must be gone.
fn write_events(url: &str, bytes: usize, about: &str) -> Told {
    let client = Client::new(url);
    let mut told = Told::default();
    for n in 0..EVENTS {
        if n == EVENTS / 2 {
            // The log is idle: the checkpoint is stored.
            std::thread::sleep(std::time::Duration::from_millis(120));
        }
        let id = format!("e{n}");
        match client.post(&id, bytes) {
            Some((201, answer)) => {
                assert_eq!(told.refused, 0, "{about}: an answer after a refusal: {answer}");
                told.answered.insert(id, answer["entries"][0]["index"].as_u64().unwrap());
            }
            Some((503, problem)) => {
                assert_eq!(problem["code"], "ledger-poisoned", "{about}: {problem}");
                told.refused += 1;
                assert!(client.says_it_cannot_write(), "{about}: ready, though nothing can be written");
            }
            Some((status, answer)) => panic!("{about}: {status} {answer}"),
            None => break,
        }
    }
    told
}

/// Starts again without faults: every answered event is there exactly once, at its index; what was not answered can be
/// sent again.
fn recovers(copy: &Copy, told: &Told, bytes: usize, about: &str) {
    copy.is_not_refuted(&template().key);
    let mut command = Command::new(sealbook());
    command.args(serve_args(copy));
    let served = Served::start(command, &copy.file("errors-after"));
    assert!(!served.url.is_empty(), "{about}: does not start again: {}", served.stop().1);
    let client = Client::new(&served.url);
    for n in 0..EVENTS {
        let id = format!("e{n}");
        let (status, answer) = client.post(&id, bytes).unwrap();
        let index = answer["entries"][0]["index"].as_u64();
        match told.answered.get(&id) {
            Some(before) => assert_eq!((status, index), (200, Some(*before)), "{about}: {id} {answer}"),
            None => assert!(status == 200 || status == 201, "{about}: {id} {status} {answer}"),
        }
    }
    let (status, errors) = served.stop();
    assert!(status.success(), "{about}: {errors}");
    let mut found = BTreeMap::new();
    for line in expect(0, &["log", &copy.arg(), "--kind", "decision", "--limit", "0", "--json"]).lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let id = entry["event"]["id"].as_str().unwrap().to_owned();
        assert_eq!(found.insert(id, entry["index"].as_u64().unwrap()), None, "{about}: twice: {line}");
    }
    for n in 0..EVENTS {
        assert!(found.contains_key(&format!("e{n}")), "{about}: e{n} is lost");
    }
    assert!(told.answered.iter().all(|(id, index)| found.get(id) == Some(index)), "{about}");
    copy.is_verified(&template().key);
}

#[test]
fn a_service_that_meets_a_fault_answers_nothing_more_and_loses_nothing() {
    if !strace::works() {
        return;
    }
    let copy = Copy::new();
    let mut command = traced(sealbook(), &copy.path(), None, &copy.file("trace"));
    command.args(serve_args(&copy));
    let served = Served::start(command, &copy.file("errors"));
    let told = write_events(&served.url, 10, "without a fault");
    assert_eq!((told.answered.len(), told.refused), (EVENTS, 0));
    let (status, errors) = served.stop();
    assert!(status.success(), "{errors}");
    let points = points(&copy.file("trace"), &copy.path());
    assert!(points.iter().any(|point| point.call == "fdatasync" && point.path.ends_with(".seg")), "{points:?}");
    assert!(points.iter().any(|point| point.path == "log/00000003.seg"), "no roll: {points:?}");
    assert!(points.iter().any(|point| point.path.starts_with("tiles")), "no tile: {points:?}");

    let mut counts = Counts::default();
    for (point, fault) in choose(&points, 48) {
        let about = format!("{point:?} {fault:?}");
        let copy = Copy::new();
        let mut command = traced(sealbook(), &copy.path(), Some((&point, fault)), &copy.file("trace"));
        command.args(serve_args(&copy));
        let served = Served::start(command, &copy.file("errors"));
        let told = if served.url.is_empty() { Told::default() } else { write_events(&served.url, 10, &about) };
        let up = !served.url.is_empty();
        let (status, errors) = served.stop();
        if !met(&copy.file("trace"), fault) {
            assert!(status.success(), "{about}: {errors}");
            counts.missed(&point, fault);
        } else if derived(&point) && fault != Fault::Kill {
            // No answer waits for it.
            assert!(status.success() && told.answered.len() == EVENTS, "{about}: {errors}");
            counts.count(format!("{fault:?} of what is derived, passed over"));
        } else {
            ended_clearly(&point, fault, status, &errors, &copy.path());
            let when = if !up {
                "while it opened"
            } else if told.answered.len() < EVENTS {
                "while it wrote"
            } else {
                "while it closed"
            };
            assert!(
                told.refused == 0 || errors.lines().last().is_some_and(|last| last.contains("start again")),
                "{errors}"
            );
            counts.count(format!("{fault:?} {when}"));
        }
        recovers(&copy, &told, 10, &about);
    }
    eprintln!("serve: {counts}");
}

#[test]
fn a_service_that_cannot_write_says_so_for_a_while_and_then_stops_by_itself() {
    if !strace::works() {
        return;
    }
    let copy = Copy::new();
    let point = Point { call: "fdatasync".into(), path: "log/00000001.seg".into(), n: 2, anywhere: false };
    let mut command = traced(sealbook(), &copy.path(), Some((&point, Fault::Io)), &copy.file("trace"));
    command.args(serve_args(&copy));
    let mut served = Served::start(command, &copy.file("errors"));
    let told = write_events(&served.url, 10, "a failed sync");
    assert!(told.refused > 0 && told.answered.len() < EVENTS);
    assert_eq!(Client::new(&served.url).ready(), Some(503));
    let (status, errors) = served.ended();
    ended_clearly(&point, Fault::Io, status, &errors, &copy.path());
    let last = errors.lines().last().unwrap();
    assert!(last.contains("log/00000001.seg") && last.contains("start again"), "{errors}");
    drop(served);
    recovers(&copy, &told, 10, "a failed sync");
}

/// Files may not grow beyond a limit: writes that cross it are cut short by the system, the next ones fail.
#[test]
fn a_write_that_the_system_cuts_short_is_never_answered() {
    const REASON_BYTES: usize = 8_000;
    let size = std::fs::metadata(template().path().join("log/00000000.seg")).unwrap().len() >> 10;
    let mut refused = 0;
    for more in [0, 1, 3, 62, 65, 127, 130] {
        let copy = Copy::new();
        let mut command = Command::new("bash");
        // Without the trap the signal that goes with the limit would end the process.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", size + more);
        command.args(["-c", &script]).arg(sealbook());
        command.args(serve_args(&copy).iter().map(|arg| if arg == SEGMENT_BYTES { "100000000" } else { arg }));
        let about = format!("files of at most {} KiB", size + more);
        let served = Served::start(command, &copy.file("errors"));
        let told =
            if served.url.is_empty() { Told::default() } else { write_events(&served.url, REASON_BYTES, &about) };
        refused += told.refused;
        let (status, errors) = served.stop();
        assert!(status.success() == (told.answered.len() == EVENTS), "{about}: {status} {errors}");
        recovers(&copy, &told, REASON_BYTES, &about);
    }
    assert!(refused > 0, "no limit was met");
}

// ---- the commands ---------------------------------------------------------------------------------------------------------

#[test]
fn a_creation_that_meets_a_fault_leaves_a_ledger_or_says_that_there_is_none() {
    if !strace::works() {
        return;
    }
    let args = |copy: &Copy| ["init".to_owned(), copy.arg(), "--origin".to_owned(), "test.example/ledger".to_owned()];
    let traced_init =
        |copy: &Copy, point: Option<(&Point, Fault)>| copy.traced(&args(copy).each_ref().map(String::as_str), point);
    let copy = Copy::empty();
    assert!(traced_init(&copy, None).status.success());
    let points = points(&copy.file("trace"), &copy.path());
    assert!(points.len() > 15, "{points:?}");
    let mut counts = Counts::default();
    for (point, fault) in choose(&points, 24) {
        let copy = Copy::empty();
        let output = traced_init(&copy, Some((&point, fault)));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(met(&copy.file("trace"), fault), "{point:?} {fault:?} was not reached");
        ended_clearly(&point, fault, output.status, &errors, &copy.path());
        let key = std::fs::read_to_string(copy.path().join("keys/verifier.key")).unwrap_or(template().key.clone());
        copy.is_not_refuted(key.trim());
        // Either it can be written, or it says that there is nothing, and a new one can be made elsewhere.
        let file = copy.file("events.ndjson");
        std::fs::write(&file, format!("{}\n", event("a"))).unwrap();
        let imported = run(&["import", &copy.arg(), file.to_str().unwrap(), "--from", "native"]);
        match imported.status.code() {
            Some(0) => {
                assert_eq!(copy.is_verified(key.trim()), 2, "{point:?} {fault:?}");
                counts.count("left a ledger");
            }
            Some(2) => {
                assert!(!imported.stderr.is_empty());
                copy.is_not_refuted(key.trim());
                counts.count("left none");
            }
            other => panic!("{point:?} {fault:?}: {other:?} {}", String::from_utf8_lossy(&imported.stderr)),
        }
    }
    eprintln!("init: {counts}");
}

#[test]
fn an_import_that_meets_a_fault_can_be_repeated_and_adds_everything_once() {
    if !strace::works() {
        return;
    }
    let import = |copy: &Copy, point: Option<(&Point, Fault)>| {
        std::fs::write(copy.file("events.ndjson"), events("i", IMPORTED)).unwrap();
        let file = copy.file("events.ndjson").display().to_string();
        copy.traced(&["import", &copy.arg(), &file, "--from", "native", "--json"], point)
    };
    let copy = Copy::new();
    assert!(import(&copy, None).status.success());
    let points = points(&copy.file("trace"), &copy.path());
    let size = copy.is_verified(&template().key);
    let mut counts = Counts::default();
    for (point, fault) in choose(&points, 32) {
        let about = format!("{point:?} {fault:?}");
        let copy = Copy::new();
        let output = import(&copy, Some((&point, fault)));
        let errors = String::from_utf8_lossy(&output.stderr);
        match (met(&copy.file("trace"), fault), derived(&point) && fault != Fault::Kill) {
            (false, _) => counts.missed(&point, fault),
            (true, true) => {
                assert_eq!(output.status.code(), Some(0), "{about}: {errors}");
                counts.count("of what is derived, passed over");
            }
            (true, false) => {
                ended_clearly(&point, fault, output.status, &errors, &copy.path());
                counts.count(format!("{fault:?}"));
            }
        }
        copy.is_not_refuted(&template().key);
        let again = import(&copy, None);
        assert!(again.status.success(), "{about}: {}", String::from_utf8_lossy(&again.stderr));
        let counted: Value = serde_json::from_slice(&again.stdout).unwrap();
        let sum = counted["committed"].as_u64().unwrap() + counted["duplicates"].as_u64().unwrap();
        assert_eq!((sum, counted["conflicts"].as_array().map(Vec::len)), (IMPORTED as u64, Some(0)), "{about}");
        // A torn write is recorded by an entry of its own.
        let now = copy.is_verified(&template().key);
        assert!(now == size || now == size + 1, "{about}: {now} entries, {size} without a fault");
    }
    eprintln!("import: {counts}");
}

#[test]
fn a_rebuild_that_meets_a_fault_harms_no_entry_and_can_be_repeated() {
    if !strace::works() {
        return;
    }
    let copy = Copy::new();
    let file = template().file("more.ndjson", events("m", 40));
    expect(0, &["import", &copy.arg(), &file, "--from", "native"]);
    assert!(copy.traced(&["rebuild", &copy.arg()], None).status.success());
    let points = points(&copy.file("trace"), &copy.path());
    let size = copy.is_verified(&template().key);
    let mut counts = Counts::default();
    for (point, fault) in choose(&points, 32) {
        let about = format!("{point:?} {fault:?}");
        let copy = Copy::new();
        expect(0, &["import", &copy.arg(), &file, "--from", "native"]);
        let output = copy.traced(&["rebuild", &copy.arg()], Some((&point, fault)));
        let errors = String::from_utf8_lossy(&output.stderr);
        if met(&copy.file("trace"), fault) {
            counts.count(format!("{fault:?}, exit {:?}", output.status.code()));
            if output.status.success() {
                eprintln!("passed over: {about}");
            }
            assert!(killed(output.status) == (fault == Fault::Kill), "{about}: {errors}");
            assert!(matches!(output.status.code(), None | Some(0 | 2)), "{about}: {errors}");
            assert!(output.status.code() != Some(2) || errors.contains("error: "), "{about}: {errors}");
        } else {
            counts.missed(&point, fault);
        }
        copy.is_not_refuted(&template().key);
        expect(0, &["rebuild", &copy.arg()]);
        assert_eq!(copy.is_verified(&template().key), size, "{about}");
        let csv = expect(0, &["query", &copy.arg(), "SELECT COUNT(*) AS n FROM entries", "--format", "csv"]);
        assert_eq!(csv, format!("n\r\n{size}\r\n"), "{about}");
    }
    eprintln!("rebuild: {counts}");
}
