//! Packs of the model organisation: what is made is verified, re-performed, and made again with the same bytes.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop a test that cannot go on")]

use std::path::{Path, PathBuf};

use sealbook_core::entry::Source;
use sealbook_core::note::VerifierKey;
use sealbook_core::pack::{Manifest, VerifiedPack, names};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_log::{Layout, Ledger, LogKey, Reader, Sealing, Submission, create};
use sealbook_packs::{Made, PackRequest, Plan, Words, export_act, make, reperform};
use sealbook_simulate::{Config, Simulation};
use sealbook_verifier::{PackContents, Trust, Verdict, verify_pack};

const PRODUCT: &str = "Sealbook test";
const ENTRIES: usize = 3000;

/// A ledger of the model organisation in a folder, with the record of an export at its end.
struct Organisation {
    dir: tempfile::TempDir,
    catalogue: Catalogue,
    policy: Policy,
    key: VerifierKey,
    export: u64,
}

impl Organisation {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (world, root) = (World::real(), dir.path().join("ledger"));
        let key = create(&world, &root, "example.org/model").unwrap();
        let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
        let start = Micros::parse("2026-01-01T00:00:00Z").unwrap();
        let simulation = Simulation::new(Config { seed: 7, entries: ENTRIES, start, days: 90, faults: true }).unwrap();
        let mut batch = Vec::new();
        for simulated in simulation {
            let source = Source {
                id: simulated.source.to_string(),
                format: "native".into(),
                version: 1,
                sequence: simulated.sequence,
            };
            batch.push(Submission { source, event: simulated.event, raw: None });
            if batch.len() == 500 {
                ledger.commit(std::mem::take(&mut batch), true).unwrap();
            }
        }
        ledger.commit(batch, true).unwrap();
        let act = export_act("example.org/model", "1", Micros(0), &["nist-csf-2.0".into()], &[]);
        let answer = ledger.commit(vec![act], true).unwrap();
        let export = answer.checkpoint.size - 1;
        ledger.close().unwrap();
        Self {
            dir,
            catalogue: Catalogue::builtin().unwrap(),
            policy: Policy::default_documented().unwrap(),
            key,
            export,
        }
    }

    fn reader(&self) -> Reader {
        Reader::open(&World::real(), &self.dir.path().join("ledger")).unwrap()
    }

    fn make(&self, first: u64, disclose: &[String]) -> (Made, Vec<u8>) {
        let (reader, frameworks) = (self.reader(), ["nist-csf-2.0".to_owned(), "owasp-nhi-top10-2025".to_owned()]);
        let checkpoint = reader.checkpoint();
        let key = LogKey::load(&World::real(), &Layout::new(&self.dir.path().join("ledger"))).unwrap();
        let request = PackRequest {
            reader: &reader,
            checkpoint: &checkpoint,
            key: &key,
            plan: Plan {
                catalogue: &self.catalogue,
                policy: &self.policy,
                frameworks: &frameworks,
                from: Some(Micros::parse("2026-02-01T00:00:00Z").unwrap().0),
                to: Some(Micros::parse("2026-03-15T00:00:00Z").unwrap().0),
            },
            first,
            disclose,
            export: Some(self.export),
            words: Words {
                number: String::new(),
                title: None,
                classification: None,
                product: PRODUCT.into(),
                pack_file: "evidence-pack.zip".into(),
                verification: None,
            },
        };
        let mut out = Vec::new();
        let made = make(&request, &mut out).unwrap();
        assert_eq!(made.bytes, out.len() as u64);
        (made, out)
    }

    fn save(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join("evidence-pack.zip");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn trust(&self) -> Trust {
        Trust { keys: vec![self.key.clone()], at_least: None }
    }
}

fn verified(path: &Path, trust: &Trust) -> PackContents {
    let (report, contents) = verify_pack(path, trust, &mut |_| {});
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
    contents.unwrap()
}

#[test]
fn a_pack_is_verified_re_performed_and_made_again_with_the_same_bytes() {
    let organisation = Organisation::new();
    let (made, bytes) = organisation.make(0, &["reason".to_owned()]);
    assert!(made.pdf.starts_with(b"%PDF"));
    assert!(made.assessment.tests.iter().any(|test| test.fail > 0));
    let (_, again) = organisation.make(0, &["reason".to_owned()]);
    assert!(bytes == again, "two packs of the same ledger differ");
    let pack = verified(&organisation.save(&bytes), &organisation.trust());
    assert_eq!(pack.manifest().export, Some(organisation.export));
    assert_eq!(pack.entries().count() as u64, pack.manifest().size);
    let found = reperform(&pack, PRODUCT).unwrap();
    assert!(found.differences.is_empty(), "{:?}", found.differences);
    assert!(found.notes.is_empty() && found.files > 100);
    assert_eq!(found.assessment, made.assessment);
}

#[test]
fn a_range_that_begins_later_is_verified_and_re_performed() {
    let organisation = Organisation::new();
    let (made, bytes) = organisation.make(1000, &[]);
    let pack = verified(&organisation.save(&bytes), &organisation.trust());
    assert_eq!((pack.manifest().first, pack.manifest().aligned()), (1000, 768));
    assert_eq!(pack.entries().count() as u64, pack.manifest().size - 1000);
    let found = reperform(&pack, PRODUCT).unwrap();
    assert!(found.differences.is_empty(), "{:?}", found.differences);
    assert_eq!(found.assessment, made.assessment);
}

/// A pack with other files under the same manifest: what a maker who lies about results would sign.
struct Lying<P> {
    pack: P,
    name: &'static str,
    bytes: Vec<u8>,
}

impl<P: VerifiedPack> VerifiedPack for Lying<P> {
    fn manifest(&self) -> &Manifest {
        self.pack.manifest()
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        if name == self.name { Ok(Some(self.bytes.clone())) } else { self.pack.file(name) }
    }

    fn entries(&self) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>> + '_> {
        self.pack.entries()
    }
}

#[test]
fn a_pack_whose_results_were_bent_is_told_field_by_field() {
    let organisation = Organisation::new();
    let (made, bytes) = organisation.make(0, &[]);
    let path = organisation.save(&bytes);
    let lie = |name: &'static str, change: &dyn Fn(String) -> String| {
        let pack = verified(&path, &organisation.trust());
        let text = String::from_utf8(pack.file(name).unwrap().unwrap()).unwrap();
        let changed = change(text.clone());
        assert_ne!(text, changed);
        reperform(&Lying { pack, name, bytes: changed.into_bytes() }, PRODUCT).unwrap().differences
    };
    let failing = made.assessment.tests.iter().position(|test| test.fail > 0).unwrap();
    let bent = lie(names::RESULTS, &|text| {
        let mut results: serde_json::Value = serde_json::from_str(&text).unwrap();
        results["tests"][failing]["fail"] = 0.into();
        results["tests"][failing]["result"] = "pass".into();
        results.to_string()
    });
    let places: Vec<_> = bent.iter().map(|difference| difference.place.clone()).collect();
    assert_eq!(places, [format!("/tests/{failing}/fail"), format!("/tests/{failing}/result")]);
    let other = lie("findings.csv", &|text| text.replacen("fail", "pass", 1));
    assert_eq!(other[0].file, "findings.csv");
    let other = lie(names::POLICY, &|text| text + "\n[thresholds]\nmax_age_days = 100000\n");
    assert!(other.iter().any(|difference| difference.place == "/policy_sha256"), "{other:?}");
}
