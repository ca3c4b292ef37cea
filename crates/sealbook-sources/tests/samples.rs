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
use sealbook_sources::{Item, Mapped, UNKNOWN, UNMAPPED, by_name, decompress, detect};

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

/// One set of reference logs and what it must give.
struct Set {
    source: &'static str,
    /// File or folder below the samples.
    path: &'static str,
    events: usize,
    refused: usize,
    /// Ids that the data itself has more than once (shortened or repeated test events).
    repeated: usize,
    /// Events from which the subject was left out, or never was there (calls without a caller, masked ids).
    nobody: usize,
}

const fn set(source: &'static str, path: &'static str, counts: [usize; 4]) -> Set {
    let [events, refused, repeated, nobody] = counts;
    Set { source, path, events, refused, repeated, nobody }
}

const SETS: &[Set] = &[
    set("cloudtrail", "cloudtrail/invictus-stratus", [1_983, 0, 0, 0]),
    set("cloudtrail", "cloudtrail/stratus-detonation", [218, 0, 0, 0]),
    set("cloudtrail", "cloudtrail/otrf-ec2-proxy-s3-exfiltration.ndjson", [103, 0, 0, 0]),
    set("cloudtrail", "cloudtrail/panther-aws_cloudtrail-aws_cloudtrail.ndjson", [320, 0, 184, 2]),
    set("cloudtrail", "cloudtrail/sekoia-aws-cloudtrail.ndjson", [12, 0, 0, 0]),
    set("cloudtrail", "envelopes/eventbridge-cloudtrail.json", [1, 0, 0, 0]),
    set("cloudtrail", "cedar/avp-isauthorized-cloudtrail.ndjson", [300, 0, 0, 0]),
    set("kubernetes", "kubernetes/perfspec-cluster-reconstructed.ndjson", [11_042, 0, 0, 1]),
    set("kubernetes", "kubernetes/webhook-bodies", [2_000, 0, 0, 1]),
    set("kubernetes", "kubernetes/audit2rbac-demo-v1.ndjson", [37, 0, 0, 0]),
    set("kubernetes", "kubernetes/panther-aws_eks-amazon_eks_audit.ndjson", [14, 0, 6, 0]),
    set("kubernetes", "kubernetes/panther-kubernetes-amazon_eks_audit.ndjson", [89, 0, 3, 22]),
    set("kubernetes", "kubernetes/sekoia-audit-log.ndjson", [3, 0, 0, 0]),
    set("vault", "vault/openbao-2.7.2-audit.ndjson", [3_685, 0, 0, 0]),
    set("opa", "opa/decision-log-events.ndjson", [4_000, 0, 0, 31]),
    set("opa", "opa/push-bodies", [4_000, 0, 0, 31]),
    set("opa", "opa/real-console-lines.ndjson", [2, 0, 0, 2]),
    set("envoy", "envoy/envoy-1.40-mtls-rbac-access.ndjson", [2_500, 0, 0, 0]),
    set("cerbos", "cerbos/cerbos-0.51-audit.ndjson", [1_200, 0, 0, 0]),
    set("cedar", "cedar/cedar-decisions.ndjson", [300, 0, 0, 0]),
    set("okta", "okta", [46, 0, 10, 9]),
    set("okta", "envelopes/okta-event-hook.json", [2, 0, 0, 0]),
    set("gcp", "gcp/panther-gcp_audit-gcp_auditlog.ndjson", [87, 6, 14, 10]),
    set("gcp", "gcp/panther-gcp_k8s-gcp_auditlog.ndjson", [4, 0, 0, 4]),
    set("gcp", "gcp/panther-kubernetes-gcp_auditlog.ndjson", [19, 0, 0, 0]),
    set("gcp", "gcp/sekoia-google-cloud-audit.ndjson", [17, 0, 2, 1]),
    set("gcp", "envelopes/pubsub-push.json", [1, 0, 0, 0]),
    set("github", "github", [138, 0, 6, 23]),
    set("teleport", "teleport", [43, 0, 14, 0]),
    set("keycloak", "keycloak", [15, 0, 0, 0]),
    set("spire", "spire", [15, 0, 0, 0]),
    set("entra", "azure/otrf-goldensaml-aad-audit-loganalytics.ndjson", [4, 0, 1, 0]),
    set("entra", "azure/panther-azure_activity-azure_monitoractivity.ndjson", [169, 0, 0, 160]),
    set("entra", "azure/panther-azure_signin-azure_audit.ndjson", [34, 0, 10, 0]),
    set("entra", "azure/panther-kubernetes-azure_monitoractivity.ndjson", [19, 0, 1, 0]),
    set("entra", "azure/sekoia-azure-activity-logs.ndjson", [2, 0, 0, 1]),
    set("entra", "azure/sekoia-azure-ad.ndjson", [18, 0, 1, 0]),
    set("entra", "azure/sekoia-azure-key-vault.ndjson", [13, 0, 0, 0]),
    set("entra", "azure/sekoia-microsoft-entraid-graphapi.ndjson", [59, 0, 0, 0]),
    set("entra", "envelopes/azure-diagnostic-records.json", [3, 0, 0, 0]),
    set("ocsf", "ocsf/sekoia-ocsf.ndjson", [32, 0, 0, 10]),
];

#[test]
fn reference_logs_give_the_expected_events() {
    let Some(samples) = samples() else { return };
    let mut wrong = Vec::new();
    eprintln!("events refused no-subject% no-outcome% no-time%  set: kinds");
    for Set { source, path: set, events: expected, refused, repeated, nobody: unnamed } in SETS {
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
        if std::env::var_os("SHOW").is_some() {
            let mut words = BTreeMap::new();
            for m in events.iter() {
                if let Some(w) = m.event.labels.get(UNMAPPED) {
                    *words.entry(w.clone()).or_insert(0) += 1;
                }
            }
            eprintln!("        unmapped: {words:?}");
            for m in events.iter().filter(|m| m.event.subject.id == UNKNOWN).take(60) {
                eprintln!(
                    "   NOBODY {set} {:?} actor={:?} {}",
                    m.event.action,
                    m.event.actor.as_ref().map(|a| &a.id),
                    String::from_utf8_lossy(&m.raw).chars().take(420).collect::<String>()
                );
            }
        }
        for reason in tally.refused.iter().take(3) {
            eprintln!("        refused: {reason}");
        }
        let ids: BTreeSet<_> = events.iter().map(|m| &m.event.id).collect();
        let found = [events.len(), tally.refused.len(), events.len() - ids.len(), nobody];
        if found != [*expected, *refused, *repeated, *unnamed] {
            wrong.push(format!("{set}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
