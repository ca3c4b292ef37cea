//! Support that the integration tests share: the real binaries, a running service, temporary ledgers, events, and the
//! check that ends a test.

pub mod load;
pub mod random;
pub mod served;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The samples of real logs beside the repository; `None`, said aloud, where they are absent.
pub fn samples() -> Option<PathBuf> {
    let path = repository().join("../shared/samples");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no samples beside the repository (../shared/samples)");
    None
}

/// A program that `tests/producers/install.sh` fetched; `None`, said aloud, where it is absent.
pub fn tool(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    let path = cache.join("sealbook-strangers").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {name} is not installed (tests/producers/install.sh)");
    None
}

/// The `sealbook` binary, built once in the profile of the tests.
pub fn sealbook() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| binary("sealbook"))
}

/// The `sealbook-verify` binary.
pub fn sealbook_verify() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| binary("sealbook-verify"))
}

/// `cargo test` does not build binaries of other packages. Asked for beside the tests of the whole workspace they share
/// every dependency with these, so that only the binaries themselves are left to build.
/// `SEALBOOK_BINARIES` names a folder of binaries that are built already, of a release for example.
fn binary(name: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os("SEALBOOK_BINARIES") {
        return Path::new(&dir).join(name);
    }
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bins", "--tests", "--message-format", "json"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut paths = messages
        .filter(|m| m["target"]["name"] == name && m["target"]["kind"][0] == "bin" && m["profile"]["test"] == false)
        .filter_map(|m| m["executable"].as_str().map(PathBuf::from));
    paths.next().unwrap_or_else(|| panic!("cargo named no executable {name}"))
}

/// Runs `sealbook`.
pub fn run(args: &[&str]) -> Output {
    Command::new(sealbook()).args(args).env_remove("SEALBOOK_LISTEN").output().unwrap()
}

/// Runs `sealbook`, which must exit with `status`; gives its standard output.
pub fn expect(status: i32, args: &[&str]) -> String {
    let output = run(args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "sealbook {args:?}\n{out}\n{err}");
    out.into_owned()
}

/// A ledger in a temporary folder.
pub struct TestLedger {
    dir: tempfile::TempDir,
    /// Its verifier key.
    pub key: String,
}

impl Default for TestLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl TestLedger {
    /// A new ledger.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let key = expect(0, &["init", path.to_str().unwrap(), "--origin", "test.example/ledger"]);
        Self { dir, key: key.trim().to_owned() }
    }

    /// A folder for other files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The ledger's folder.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    /// The ledger's folder, as an argument.
    pub fn arg(&self) -> String {
        self.path().display().to_string()
    }

    /// Writes a file beside the ledger and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Imports events of the model organisation.
    pub fn fill(&self, entries: usize) {
        let events = expect(0, &["simulate", "--entries", &entries.to_string(), "--seed", "5"]);
        let file = self.file("events.ndjson", events);
        expect(0, &["import", &self.arg(), &file, "--from", "native"]);
    }

    /// The whole ledger as [`Self::check`] does; gives the entries that are not its own acts.
    pub fn sent(&self) -> usize {
        self.check();
        let log = expect(0, &["log", &self.arg(), "--limit", "0", "--json"]);
        let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.filter(|entry| entry["source"]["id"] != "sealbook").count()
    }

    /// The whole ledger, with the key from outside; ends every test that left one behind. Gives its size.
    pub fn check(&self) -> u64 {
        let report: Value =
            serde_json::from_str(&expect(0, &["verify", &self.arg(), "--key", &self.key, "--json"])).unwrap();
        assert_eq!(report["verdict"], "VERIFIED", "{report}");
        report["size"].as_u64().unwrap()
    }
}

/// A native event.
pub fn event(id: &str) -> Value {
    serde_json::json!({
        "id": id, "kind": "decision", "occurred_at": "2026-05-01T12:00:00Z", "outcome": "allow",
        "subject": {"id": "spiffe://test.example/ns/shop/sa/cart", "type": "workload"}, "action": "read",
        "resource": {"id": "orders"}, "reason": "rule 7"
    })
}
