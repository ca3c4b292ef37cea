//! Reference logs of real systems: every event of them is mapped, or refused with a counted reason, and a table says so.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test helper fails its test, and the table is for people"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealbook_sources::{Custom, DIGEST_FORMAT, DigestFiles, Item, Library, Mapped, UNKNOWN, UNMAPPED, decompress};
use serde_json::{Value, json};

const BODY_BYTES_MAX: usize = 256 << 20;
/// Of a thousand events of real systems, so many may have an unknown kind, and so many an unknown subject.
const UNKNOWN_PER_THOUSAND_MAX: usize = 10;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn samples() -> Option<PathBuf> {
    let path = root().join("../shared/samples");
    if !path.is_dir() {
        eprintln!("SKIPPED: no reference logs at {}", path.display());
        return None;
    }
    Some(path)
}

/// The product's sources, and those that its documentation describes.
fn library() -> Library {
    let described = files(&root().join("docs/sources"));
    let custom = |path: &PathBuf| Custom::parse(&fs::read_to_string(path).unwrap()).unwrap();
    Library::new(described.iter().map(custom).collect()).unwrap()
}

/// Every file below `path`, or `path` itself.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found: Vec<_> = fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect();
    found.sort();
    found
}

/// The body that a file holds: itself, or what was captured of a request.
fn body(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let bytes = decompress(&bytes, BODY_BYTES_MAX).unwrap().into_owned();
    let name = path.to_string_lossy();
    let parsed = || serde_json::from_slice::<Value>(&bytes).unwrap();
    if name.contains("/captures/") {
        let sent = STANDARD.decode(parsed()["body_b64"].as_str().unwrap()).unwrap();
        return decompress(&sent, BODY_BYTES_MAX).unwrap().into_owned();
    }
    if name.ends_with("cloudevents-binary.json") {
        // The headers and the body as one event.
        let parsed = parsed();
        let mut event = json!({ "data": parsed["body"] });
        for (name, value) in parsed["headers"].as_object().unwrap() {
            if let Some(name) = name.strip_prefix("ce-") {
                event[name] = value.clone();
            }
        }
        return event.to_string().into_bytes();
    }
    bytes
}

#[derive(Default)]
struct Tally {
    files: usize,
    events: Vec<Mapped>,
    refused: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn take(&mut self, item: Item) {
        match item {
            Item::Event(mapped) => {
                mapped.event.check().unwrap();
                self.events.push(*mapped);
            }
            Item::Refused { reason, .. } => *self.refused.entry(reason.reason.code()).or_default() += 1,
        }
    }

    fn unmapped(&self) -> usize {
        self.events.iter().filter(|mapped| mapped.event.labels.contains_key(UNMAPPED)).count()
    }

    fn nobody(&self) -> usize {
        self.events.iter().filter(|mapped| mapped.event.subject.id == UNKNOWN).count()
    }

    fn counts(&self) -> [usize; 5] {
        let ids: BTreeSet<_> = self.events.iter().map(|mapped| &mapped.event.id).collect();
        let (events, refused) = (self.events.len(), self.refused.values().sum());
        [events, refused, events - ids.len(), self.unmapped(), self.nobody()]
    }
}

/// Files that are told by their content; those of no format are counted as such.
const GUESSED: &str = "auto";

fn digests(paths: &[PathBuf]) -> Vec<Item> {
    let mut set = DigestFiles::default();
    for path in paths {
        set.add(&path.to_string_lossy(), &body(path));
    }
    set.verify()
}

fn read(library: &Library, source: &str, paths: &[PathBuf]) -> Tally {
    let mut tally = Tally { files: paths.len(), ..Tally::default() };
    if source == DIGEST_FORMAT {
        // Without the log files: in the reference set some of these were edited after they were hashed.
        digests(paths).into_iter().for_each(|item| tally.take(item));
        return tally;
    }
    for path in paths {
        let mut none_of_it = false;
        let body = body(path);
        let found = library.detect(&body);
        let before = tally.events.len();
        let format = match (source, found) {
            (GUESSED, None) => {
                *tally.refused.entry("(no known format)").or_default() += 1;
                continue;
            }
            (GUESSED, Some(found)) => found,
            (named, found) => {
                // What is imported without a name is recognised as what it is; what is of no format is refused whole.
                let known = found.map(|found| found.name().to_owned());
                assert!(known.as_deref().is_none_or(|known| known == named), "{}: {known:?}", path.display());
                none_of_it |= known.is_none();
                library.by_name(named).unwrap()
            }
        };
        format.read(&body, &mut |item| tally.take(item)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!none_of_it || tally.events.len() == before, "{} gave events unrecognised", path.display());
    }
    tally
}

/// One set of reference logs and what it must give.
struct Set {
    /// How it came to be: Recorded from a real system, Made with the real program, Converted from a real data set,
    /// Synthetic after the schema; Unit tests of detection rules, whose events were trimmed and are not whole.
    mark: char,
    source: &'static str,
    /// File or folder below the samples.
    path: &'static str,
    /// Events; elements refused; ids that the data itself has more than once; events whose kind, and events whose subject,
    /// is unknown.
    counts: [usize; 5],
}

const fn set(mark: char, source: &'static str, path: &'static str, counts: [usize; 5]) -> Set {
    Set { mark, source, path, counts }
}

const SETS: &[Set] = &[
    set('U', "auth0", "auth0", [45, 1, 36, 0, 0]),
    set('R', "entra", "azure/otrf-goldensaml-aad-audit-loganalytics.ndjson", [4, 0, 1, 0, 0]),
    set('U', "entra", "azure/panther-azure_activity-azure_monitoractivity.ndjson", [169, 0, 0, 5, 160]),
    set('U', "entra", "azure/panther-azure_signin-azure_audit.ndjson", [34, 0, 10, 0, 0]),
    set('U', "entra", "azure/panther-kubernetes-azure_monitoractivity.ndjson", [19, 0, 1, 0, 0]),
    set('U', "microsoft365", "azure/panther-microsoft-microsoft365_audit_azureactivedirectory.ndjson", [4, 0, 2, 0, 0]),
    set('U', "microsoft365", "azure/panther-microsoft-microsoft365_audit_sharepoint.ndjson", [5, 0, 4, 0, 0]),
    set('U', "entra", "azure/sekoia-azure-activity-logs.ndjson", [2, 0, 0, 0, 1]),
    set('U', "entra", "azure/sekoia-azure-ad.ndjson", [18, 0, 1, 0, 0]),
    set('U', "entra", "azure/sekoia-azure-key-vault.ndjson", [13, 0, 0, 0, 0]),
    set('U', "entra", "azure/sekoia-microsoft-entraid-graphapi.ndjson", [59, 0, 0, 0, 0]),
    set('S', "cloudtrail", "cedar/avp-isauthorized-cloudtrail.ndjson", [300, 0, 0, 0, 0]),
    set('S', "cedar", "cedar/cedar-decisions.ndjson", [300, 0, 0, 0, 0]),
    set('M', "cerbos", "cerbos/cerbos-0.51-audit.ndjson", [1200, 0, 0, 0, 0]),
    set('S', "cloudtrail-digest", "cloudtrail/digest-chain", [4, 0, 0, 0, 0]),
    set('R', "cloudtrail", "cloudtrail/invictus-stratus", [1983, 0, 0, 0, 0]),
    set('R', "cloudtrail", "cloudtrail/otrf-ec2-proxy-s3-exfiltration.ndjson", [103, 0, 0, 0, 0]),
    set('U', "cloudtrail", "cloudtrail/panther-aws_cloudtrail-aws_cloudtrail.ndjson", [320, 0, 184, 0, 2]),
    set('U', "cloudtrail", "cloudtrail/sekoia-aws-cloudtrail.ndjson", [12, 0, 0, 0, 0]),
    set('R', "cloudtrail", "cloudtrail/stratus-detonation", [218, 0, 0, 0, 0]),
    set('U', "cyberark", "cyberark", [7, 7, 0, 0, 0]),
    set('U', "native", "delinea", [0, 17, 0, 0, 0]),
    set('M', "envoy", "envoy/envoy-1.40-mtls-rbac-access.ndjson", [2500, 0, 0, 0, 0]),
    set('U', "gcp", "gcp/panther-gcp_audit-gcp_auditlog.ndjson", [87, 6, 14, 0, 10]),
    set('U', "gcp", "gcp/panther-gcp_k8s-gcp_auditlog.ndjson", [4, 0, 0, 0, 4]),
    set('U', "gcp", "gcp/panther-kubernetes-gcp_auditlog.ndjson", [19, 0, 0, 0, 0]),
    set('U', "gcp", "gcp/sekoia-google-cloud-audit.ndjson", [17, 0, 2, 0, 1]),
    set('U', "gcp", "gcp/sekoia-google-kubernetes-engine.ndjson", [0, 3, 0, 0, 0]),
    set('U', "github", "github", [138, 0, 6, 5, 23]),
    set('U', "jumpcloud", "jumpcloud", [8, 0, 0, 0, 0]),
    set('U', "keycloak", "keycloak/sekoia-keycloak-events.ndjson", [5, 0, 0, 0, 0]),
    set('S', "keycloak", "keycloak/synthetic-admin-rest.ndjson", [5, 0, 0, 0, 0]),
    set('S', "keycloak", "keycloak/synthetic-user-rest.ndjson", [5, 0, 0, 0, 0]),
    set('R', "kubernetes", "kubernetes/audit2rbac-demo-v1.ndjson", [37, 0, 0, 0, 0]),
    set('U', "kubernetes", "kubernetes/panther-aws_eks-amazon_eks_audit.ndjson", [14, 0, 6, 0, 0]),
    set('U', "kubernetes", "kubernetes/panther-kubernetes-amazon_eks_audit.ndjson", [89, 0, 3, 0, 22]),
    set('C', "kubernetes", "kubernetes/perfspec-cluster-reconstructed.ndjson", [11042, 0, 0, 0, 1]),
    set('U', "kubernetes", "kubernetes/sekoia-audit-log.ndjson", [3, 0, 0, 0, 0]),
    set('C', "kubernetes", "kubernetes/webhook-bodies", [2000, 0, 0, 0, 1]),
    set('U', "auto", "ocsf/pairs", [38, 8, 21, 5, 5]),
    set('R', "ocsf", "ocsf/sekoia-ocsf.ndjson", [32, 0, 0, 18, 10]),
    set('U', "okta", "okta/panther-okta-okta_systemlog.ndjson", [25, 0, 9, 1, 8]),
    set('U', "okta", "okta/sekoia-okta-system-logs.ndjson", [7, 0, 1, 0, 0]),
    set('R', "okta", "okta/tenzir-system-log.ndjson", [14, 0, 0, 1, 1]),
    set('S', "opa", "opa/decision-log-events.ndjson", [4000, 0, 0, 0, 31]),
    set('S', "opa", "opa/push-bodies", [4000, 0, 0, 0, 31]),
    set('R', "opa", "opa/real-console-lines.ndjson", [2, 0, 0, 0, 2]),
    set('M', "otlp", "otlp/captures", [2547, 0, 0, 0, 0]),
    set('M', "otlp", "otlp/envoy-1.40-decoded.ndjson", [434, 0, 0, 0, 0]),
    set('M', "otlp", "otlp/sdk-decoded.ndjson", [45, 0, 0, 0, 0]),
    set('S', "spire", "spire", [15, 0, 0, 0, 0]),
    set(
        'U',
        "teleport",
        "teleport/panther-gravitational_teleport-gravitational_teleportaudit.ndjson",
        [23, 0, 14, 0, 0],
    ),
    set('S', "teleport", "teleport/synthetic-nhi-lifecycle.ndjson", [20, 0, 0, 0, 0]),
    set('M', "vault", "vault/captures", [15, 0, 0, 0, 0]),
    set('M', "vault", "vault/openbao-2.7.2-audit.ndjson", [3685, 0, 0, 0, 0]),
    set('U', "wiz", "wiz", [8, 0, 3, 0, 0]),
    set('S', "entra", "envelopes/azure-diagnostic-records.json", [3, 0, 0, 0, 0]),
    set('S', "cloudevents", "envelopes/cloudevents-batch.json", [3, 0, 0, 0, 0]),
    set('S', "cloudevents", "envelopes/cloudevents-binary.json", [1, 0, 0, 0, 0]),
    set('S', "cloudevents", "envelopes/cloudevents-structured.json", [1, 0, 0, 0, 0]),
    set('S', "cloudtrail", "envelopes/eventbridge-cloudtrail.json", [1, 0, 0, 0, 0]),
    set('S', "firehose", "envelopes/firehose-cloudwatch-eks-audit.json", [5, 0, 0, 0, 0]),
    set('S', "firehose", "envelopes/firehose-http-body.json", [3, 0, 0, 0, 0]),
    set('S', "okta", "envelopes/okta-event-hook.json", [2, 0, 0, 0, 0]),
    set('S', "gcp", "envelopes/pubsub-push.json", [1, 0, 0, 0, 0]),
    set('S', "hec", "envelopes/splunk-hec-batch.hec", [3, 0, 0, 0, 0]),
];

fn per_mille(part: usize, whole: usize) -> f64 {
    1_000.0 * part as f64 / whole.max(1) as f64
}

#[test]
fn every_event_of_the_reference_logs_is_mapped_or_refused_and_few_are_unknown() {
    let Some(samples) = samples() else { return };
    let library = library();
    let mut wrong = Vec::new();
    let (mut all, mut real) = ([0; 5], [0; 5]);
    eprintln!("mark source            files  events refused  kind?  who?  set: kinds; reasons");
    for Set { mark, source, path, counts } in SETS {
        let tally = read(&library, source, &files(&samples.join(path)));
        let found = tally.counts();
        let mut kinds = BTreeMap::new();
        for mapped in &tally.events {
            *kinds.entry(mapped.event.kind.word()).or_insert(0) += 1;
        }
        let [events, refused, _, unmapped, nobody] = found;
        eprintln!(
            "{mark}    {source:17} {:5} {events:7} {refused:7} {unmapped:6} {nobody:5}  {path}: {kinds:?}; {:?}",
            tally.files, tally.refused
        );
        for n in 0..5 {
            all[n] += found[n];
            real[n] += if *mark == 'U' { 0 } else { found[n] };
        }
        if found != *counts {
            wrong.push(format!("{path}: {found:?}"));
        }
    }
    for (name, [events, refused, _, unmapped, nobody]) in [("all", all), ("whole events", real)] {
        eprintln!(
            "{name}: {events} mapped, {refused} refused, {unmapped} of unknown kind ({:.1} ‰), {nobody} of unknown subject ({:.1} ‰)",
            per_mille(unmapped, events),
            per_mille(nobody, events)
        );
        for unknown in [unmapped, nobody] {
            assert!(unknown * 1_000 < events * UNKNOWN_PER_THOUSAND_MAX, "{name}: {unknown} of {events} are unknown");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_of_the_reference_logs_is_in_a_set() {
    let Some(samples) = samples() else { return };
    let covered: BTreeSet<PathBuf> = SETS.iter().flat_map(|set| files(&samples.join(set.path))).collect();
    let apart =
        |path: &PathBuf| path.starts_with(samples.join("producers")) || path.extension().is_some_and(|e| e == "md");
    let left: Vec<_> = files(&samples).into_iter().filter(|path| !apart(path) && !covered.contains(path)).collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_log_file_that_was_edited_after_its_digest_breaks_the_chain_by_name() {
    let Some(samples) = samples() else { return };
    let mut paths = files(&samples.join("cloudtrail/digest-chain"));
    paths.extend(files(&samples.join("cloudtrail/invictus-stratus")));
    let broken = |item: &Item| matches!(item, Item::Refused { reason, .. } if reason.reason.code() == "broken-chain" && reason.path.ends_with(".hashValue"));
    assert_eq!(digests(&paths).iter().filter(|item| broken(item)).count(), 4);
}
