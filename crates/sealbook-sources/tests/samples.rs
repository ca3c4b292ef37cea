//! Reference logs of real systems: how many events they give, and how much of them is understood.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test helper fails its test, and the table is for people"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sealbook_core::event::Outcome;
use sealbook_sources::{Item, Mapped, UNKNOWN, by_name, decompress, detect};

const BODY_BYTES_MAX: usize = 256 << 20;

fn samples() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    if !path.is_dir() {
        eprintln!("SKIPPED: no reference logs at {}", path.display());
        return None;
    }
    Some(path)
}

/// Every file at `path`, or `path` itself.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[derive(Default)]
struct Tally {
    events: Vec<Mapped>,
    refused: Vec<String>,
}

fn read(source: &str, paths: &[PathBuf]) -> Tally {
    let source = by_name(source).unwrap();
    let mut tally = Tally::default();
    for path in paths {
        let bytes = fs::read(path).unwrap();
        let body = decompress(&bytes, BODY_BYTES_MAX).unwrap();
        let found = detect(&body).map(|s| s.name());
        assert_eq!(found, Some(source.name()), "{}", path.display());
        let before = tally.events.len();
        source
            .read(&body, &mut |item| match item {
                Item::Event(mapped) => {
                    mapped.event.check().unwrap();
                    tally.events.push(*mapped);
                }
                Item::Refused { reason, .. } => {
                    tally.refused.push(format!("{}: {reason}", path.display()));
                }
            })
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(tally.events.len() + tally.refused.len() > before, "{}", path.display());
    }
    tally
}

/// Source, file or folder below the samples, elements, of these refused, ids that appear more than once in the data.
const SETS: &[(&str, &str, usize, usize, usize)] = &[
    ("cloudtrail", "cloudtrail/invictus-stratus", 1_983, 0, 0),
    ("cloudtrail", "cloudtrail/stratus-detonation", 218, 0, 0),
    ("cloudtrail", "cloudtrail/otrf-ec2-proxy-s3-exfiltration.ndjson", 103, 0, 0),
    ("cloudtrail", "cloudtrail/panther-aws_cloudtrail-aws_cloudtrail.ndjson", 320, 0, 184),
    ("cloudtrail", "cloudtrail/sekoia-aws-cloudtrail.ndjson", 12, 0, 0),
    ("cloudtrail", "envelopes/eventbridge-cloudtrail.json", 1, 0, 0),
    ("kubernetes", "kubernetes/perfspec-cluster-reconstructed.ndjson", 11_042, 0, 0),
    ("kubernetes", "kubernetes/webhook-bodies", 2_000, 0, 0),
    ("kubernetes", "kubernetes/audit2rbac-demo-v1.ndjson", 37, 0, 0),
    ("kubernetes", "kubernetes/panther-aws_eks-amazon_eks_audit.ndjson", 14, 0, 6),
    ("kubernetes", "kubernetes/panther-kubernetes-amazon_eks_audit.ndjson", 89, 0, 3),
    ("kubernetes", "kubernetes/sekoia-audit-log.ndjson", 3, 0, 0),
    ("vault", "vault/openbao-2.7.2-audit.ndjson", 3_685, 0, 0),
    ("opa", "opa/decision-log-events.ndjson", 4_000, 0, 0),
    ("opa", "opa/push-bodies", 4_000, 0, 0),
    ("opa", "opa/real-console-lines.ndjson", 2, 0, 0),
];

/// Sets that lack the subject in more than one event of a hundred: test events from which it was left out.
const ANONYMOUS_SETS: &[&str] =
    &["kubernetes/panther-kubernetes-amazon_eks_audit.ndjson", "opa/real-console-lines.ndjson"];

#[test]
fn reference_logs_give_the_expected_events() {
    let Some(samples) = samples() else { return };
    let mut wrong = Vec::new();
    eprintln!("events refused no-subject% no-outcome% no-time%  set: kinds");
    for (source, set, elements, refused, repeated) in SETS {
        let tally = read(source, &files(&samples.join(set)));
        let events = &tally.events;
        let percent = |n: usize| 100.0 * n as f64 / events.len().max(1) as f64;
        let nobody = events.iter().filter(|m| m.event.subject.id == UNKNOWN).count();
        let unclear = events.iter().filter(|m| m.event.outcome == Outcome::Unknown).count();
        let timeless = events.iter().filter(|m| m.event.occurred_at.is_none()).count();
        let mut kinds = BTreeMap::new();
        for mapped in events {
            *kinds.entry(mapped.event.kind.word()).or_insert(0) += 1;
        }
        eprintln!(
            "{:6} {:7} {:10.2}% {:10.2}% {:7.2}%  {set}: {kinds:?}",
            events.len(),
            tally.refused.len(),
            percent(nobody),
            percent(unclear),
            percent(timeless),
        );
        for reason in tally.refused.iter().take(3) {
            eprintln!("        refused: {reason}");
        }
        let ids: BTreeSet<_> = events.iter().map(|m| &m.event.id).collect();
        let found = (events.len(), tally.refused.len(), events.len() - ids.len());
        if found != (*elements, *refused, *repeated) {
            wrong.push(format!("{set}: {found:?}"));
        }
        if percent(nobody) >= 1.0 && !ANONYMOUS_SETS.contains(set) {
            wrong.push(format!("{set}: {nobody} subjects unknown"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
