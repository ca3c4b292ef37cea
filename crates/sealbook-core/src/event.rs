//! Events: what a producer says happened, its fields and limits.

use std::sync::LazyLock;

use crate::cbor::{DecodeError, Reader, Writer};
use crate::limits::{EVENT_ID_BYTES_MAX, IDENTIFIER_BYTES_MAX, PROSE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::record::{Field, FieldError, FieldId, FieldSpec, FieldType, Labels, Passed, Scalar, Tree, record};
use crate::time::Micros;
pub use crate::words::{
    ApprovalDecision, CredentialType, ElevationVerb, ExceptionVerb, IdentityType, Kind, LifecycleVerb, Outcome,
    OwnershipRole, ReviewDecision,
};

const ID: usize = IDENTIFIER_BYTES_MAX;
const TEXT: usize = TEXT_BYTES_MAX;
const PROSE: usize = PROSE_BYTES_MAX;

record! {
    /// Somebody or something that can act. `id` has one canonical form, whatever the source.
    Identity {
        /// Canonical id: a SPIFFE ID, an ARN, `issuer#subject`, `system:serviceaccount:ns:name`, …
        1 id: String, ID, "id";
        /// What sort of identity.
        2 kind: IdentityType, 0, "type";
        /// Name for people. Sealed by default.
        3 name: Option<String>, TEXT, "name";
        /// Id of the person or team that answers for it.
        4 owner: Option<String>, ID, "owner";
        /// Team it belongs to.
        5 team: Option<String>, TEXT, "team";
        /// Who vouches for the id.
        6 issuer: Option<String>, ID, "issuer";
    }
}

record! {
    /// What access is about.
    Resource {
        /// The source's id of it.
        1 id: Option<String>, ID, "id";
        /// The source's type of it.
        2 kind: Option<String>, TEXT, "type";
        /// For example `production`.
        3 environment: Option<String>, TEXT, "environment";
        /// Account, project, tenant or cluster it lies in.
        4 account: Option<String>, TEXT, "account";
    }
}

record! {
    /// The rule that decided, and where.
    Policy {
        /// Id of the policy.
        1 id: Option<String>, ID, "id";
        /// Version of it.
        2 version: Option<String>, TEXT, "version";
        /// Digest of its text.
        3 digest: Option<String>, TEXT, "digest";
        /// Who answers for it.
        4 owner: Option<String>, ID, "owner";
        /// Policy decision point (PDP, SP 800-207 §3).
        5 decision_point: Option<String>, ID, "decision_point";
        /// Policy enforcement point (PEP, SP 800-207 §3).
        6 enforcement_point: Option<String>, ID, "enforcement_point";
    }
}

record! {
    /// What was shown, minted, replaced or withdrawn.
    Credential {
        /// Id or fingerprint; never the secret itself.
        1 id: Option<String>, ID, "id";
        /// What sort of credential.
        2 kind: Option<CredentialType>, 0, "type";
        /// When it begins to be valid.
        3 issued_at: Option<Micros>, 0, "issued_at";
        /// When it ceases to be valid.
        4 expires_at: Option<Micros>, 0, "expires_at";
        /// Id of the credential that it replaces.
        5 replaces: Option<String>, ID, "replaces";
    }
}

record! {
    /// A request and its answer.
    Approval {
        /// Id of the approval.
        1 id: Option<String>, ID, "id";
        /// Id of the request.
        2 request: Option<String>, ID, "request";
        /// The answer.
        3 decision: Option<ApprovalDecision>, 0, "decision";
        /// Id of the identity that asked.
        4 requester: Option<String>, ID, "requester";
        /// Id of the identity that answered.
        5 approver: Option<String>, ID, "approver";
        /// Until when the answer holds.
        6 valid_until: Option<Micros>, 0, "valid_until";
    }
}

record! {
    /// A departure from policy.
    Exception {
        /// Id of the exception.
        1 id: Option<String>, ID, "id";
        /// What happened to it.
        2 verb: Option<ExceptionVerb>, 0, "verb";
        /// Who answers for it.
        3 owner: Option<String>, ID, "owner";
        /// Who granted it.
        4 granted_by: Option<String>, ID, "granted_by";
        /// Why.
        5 justification: Option<String>, PROSE, "justification";
        /// When it ends.
        6 expires_at: Option<Micros>, 0, "expires_at";
        /// What makes up for it.
        7 compensating_control: Option<String>, PROSE, "compensating_control";
    }
}

record! {
    /// Privilege for a time.
    Elevation {
        /// Id of the elevation.
        1 id: Option<String>, ID, "id";
        /// What happened to it.
        2 verb: Option<ElevationVerb>, 0, "verb";
        /// Whether it went round the usual path in an emergency.
        3 break_glass: Option<bool>, 0, "break_glass";
        /// Id of the approval that allows it.
        4 approval: Option<String>, ID, "approval";
        /// When it ends by itself.
        5 ends_at: Option<Micros>, 0, "ends_at";
    }
}

record! {
    /// A step in the life of the subject.
    Lifecycle {
        /// What happened.
        1 verb: Option<LifecycleVerb>, 0, "verb";
        /// Who answers for the identity from now on.
        2 owner: Option<String>, ID, "owner";
    }
}

record! {
    /// A privilege was looked at.
    Review {
        /// Id of the review or campaign.
        1 id: Option<String>, ID, "id";
        /// What was reviewed.
        2 scope: Option<String>, TEXT, "scope";
        /// What was decided.
        3 decision: Option<ReviewDecision>, 0, "decision";
        /// When the next one is due.
        4 next_due: Option<Micros>, 0, "next_due";
    }
}

record! {
    /// Somebody became accountable.
    Ownership {
        /// What for: a policy domain, an identity, a control.
        1 domain: Option<String>, ID, "domain";
        /// In which role.
        2 role: Option<OwnershipRole>, 0, "role";
        /// Id of the person.
        3 owner: Option<String>, ID, "owner";
        /// Team of the person.
        4 team: Option<String>, TEXT, "team";
    }
}

record! {
    /// A statement that a control is met.
    Attestation {
        /// Framework id.
        1 framework: Option<String>, TEXT, "framework";
        /// Control id.
        2 control: Option<String>, TEXT, "control";
        /// What is stated.
        3 statement: Option<String>, PROSE, "statement";
        /// Digest of the attached document.
        4 document: Option<String>, TEXT, "document";
    }
}

record! {
    /// Where something runs.
    Runtime {
        /// Cluster.
        1 cluster: Option<String>, TEXT, "cluster";
        /// Namespace.
        2 namespace: Option<String>, TEXT, "namespace";
        /// Workload.
        3 workload: Option<String>, TEXT, "workload";
        /// Node.
        4 node: Option<String>, TEXT, "node";
    }
}

record! {
    /// What an AI agent was when it acted.
    AgentContext {
        /// Model.
        1 model: Option<String>, TEXT, "model";
        /// Tool it called.
        2 tool: Option<String>, TEXT, "tool";
        /// Session it acted in.
        3 session: Option<String>, ID, "session";
    }
}

record! {
    /// Circumstances.
    Context {
        /// Network address of the caller. Sealed by default.
        1 source_ip: Option<String>, TEXT, "source_ip";
        /// Program of the caller. Sealed by default.
        2 user_agent: Option<String>, TEXT, "user_agent";
        /// Device.
        3 device: Option<String>, TEXT, "device";
        /// Whether several factors were shown.
        4 mfa: Option<bool>, 0, "mfa";
        /// The source's word for the risk.
        5 risk: Option<String>, TEXT, "risk";
        /// Region or place.
        6 location: Option<String>, TEXT, "location";
        /// Where it runs.
        7 runtime: Option<Runtime>, 0, "runtime";
        /// Which AI agent.
        8 agent: Option<AgentContext>, 0, "agent";
    }
}

record! {
    /// What ties this event to others.
    Correlation {
        /// Request id.
        1 request: Option<String>, ID, "request";
        /// Session id.
        2 session: Option<String>, ID, "session";
        /// Trace id.
        3 trace: Option<String>, ID, "trace";
    }
}

record! {
    /// What a producer says happened.
    Event {
        /// The producer's own id, unique per source; with the source it is the idempotency key.
        1 id: String, EVENT_ID_BYTES_MAX, "id";
        /// What it is about.
        2 kind: Kind, 0, "kind";
        /// When, by the producer's clock. Never trusted for order; absent where the source gives no usable time.
        3 occurred_at: Option<Micros>, 0, "occurred_at";
        /// The identity whose access is concerned.
        4 subject: Identity, 0, "subject";
        /// Who did it; absent means the subject itself.
        5 actor: Option<Identity>, 0, "actor";
        /// What access is about.
        6 resource: Option<Resource>, 0, "resource";
        /// The verb in the source's own words.
        7 action: Option<String>, TEXT, "action";
        /// How it ended.
        8 outcome: Outcome, 0, "outcome";
        /// Free text. Sealed by default.
        9 reason: Option<String>, PROSE, "reason";
        /// The rule that decided.
        10 policy: Option<Policy>, 0, "policy";
        /// What was shown, minted, replaced or withdrawn.
        11 credential: Option<Credential>, 0, "credential";
        /// A request and its answer.
        12 approval: Option<Approval>, 0, "approval";
        /// A departure from policy.
        13 exception: Option<Exception>, 0, "exception";
        /// Privilege for a time.
        14 elevation: Option<Elevation>, 0, "elevation";
        /// A step in the life of the subject.
        15 lifecycle: Option<Lifecycle>, 0, "lifecycle";
        /// A privilege was looked at.
        16 review: Option<Review>, 0, "review";
        /// Somebody became accountable.
        17 ownership: Option<Ownership>, 0, "ownership";
        /// A statement that a control is met.
        18 attestation: Option<Attestation>, 0, "attestation";
        /// Circumstances.
        19 context: Option<Context>, 0, "context";
        /// What ties this event to others.
        20 correlation: Option<Correlation>, 0, "correlation";
        /// Anything else worth querying.
        21 labels: Labels, 0, "labels";
    }
}

/// `Default` for records whose every field may be absent.
macro_rules! empty {
    ($($name:ident { $($field:ident),+ })+) => {
        $(impl Default for $name {
            fn default() -> Self { Self { $($field: None),+ } }
        })+
    };
}

empty! {
    Resource { id, kind, environment, account }
    Policy { id, version, digest, owner, decision_point, enforcement_point }
    Credential { id, kind, issued_at, expires_at, replaces }
    Approval { id, request, decision, requester, approver, valid_until }
    Exception { id, verb, owner, granted_by, justification, expires_at, compensating_control }
    Elevation { id, verb, break_glass, approval, ends_at }
    Lifecycle { verb, owner }
    Review { id, scope, decision, next_due }
    Ownership { domain, role, owner, team }
    Attestation { framework, control, statement, document }
    Runtime { cluster, namespace, workload, node }
    AgentContext { model, tool, session }
    Context { source_ip, user_agent, device, mfa, risk, location, runtime, agent }
    Correlation { request, session, trace }
}

impl Identity {
    /// An identity of which only id and type are known.
    pub fn new(id: impl Into<String>, kind: IdentityType) -> Self {
        Self { id: id.into(), kind, name: None, owner: None, team: None, issuer: None }
    }
}

impl Event {
    /// An event of which only what must be there is known.
    pub fn new(id: impl Into<String>, kind: Kind, subject: Identity, outcome: Outcome) -> Self {
        Self {
            id: id.into(),
            kind,
            occurred_at: None,
            subject,
            actor: None,
            resource: None,
            action: None,
            outcome,
            reason: None,
            policy: None,
            credential: None,
            approval: None,
            exception: None,
            elevation: None,
            lifecycle: None,
            review: None,
            ownership: None,
            attestation: None,
            context: None,
            correlation: None,
            labels: Labels::new(),
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// Names the first field that breaks one, the limit, and the size found.
    pub fn check(&self) -> Result<(), FieldError> {
        Field::check(self, 0)
    }

    /// Reads an event from names and values; unknown and repeated names are errors. Limits are not checked here.
    ///
    /// # Errors
    /// Names the field that is unknown, missing, repeated or of the wrong type.
    pub fn from_tree(tree: Tree) -> Result<Self, FieldError> {
        Field::from_tree(tree, "")
    }

    /// The event as names and values, absent fields left out.
    #[must_use]
    pub fn to_tree(&self) -> Tree {
        Field::to_tree(self)
    }

    /// Calls `f` for every field that is there, in the order of their keys.
    pub fn visit(&self, f: &mut dyn FnMut(FieldId, Scalar<'_>)) {
        Field::visit(self, FieldId::default(), f);
    }

    /// Takes the text at `path` out of the event; `None` where there is none, or where the field must be there.
    pub fn take_text(&mut self, path: &str) -> Option<String> {
        self.take(path)
    }

    /// Puts a text back where [`Event::take_text`] took it; false where it does not fit.
    pub fn put_text(&mut self, path: &str, value: &str) -> bool {
        self.put(path, value)
    }

    /// Appends the event in deterministic CBOR.
    pub fn write(&self, w: &mut Writer) {
        self.encode(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode(r)
    }

    /// Passes an event strictly and tells `f` every field that is there.
    pub(crate) fn pass<'b>(r: &mut Reader<'b>, f: &mut impl FnMut(FieldId, Passed<'b>)) -> Result<(), DecodeError> {
        Self::scan(r, FieldId::default(), f)
    }
}

/// Every field of an event, in the order of their keys.
#[must_use]
pub fn schema() -> &'static [FieldSpec] {
    static SCHEMA: LazyLock<Vec<FieldSpec>> = LazyLock::new(|| {
        let mut specs = Vec::new();
        Event::spec("", FieldId::default(), 0, &mut specs);
        specs
    });
    &SCHEMA
}

/// Whether a field may be sealed: an optional text, or a label.
#[must_use]
pub fn sealable(path: &str) -> bool {
    static PATHS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let required = ["id", "subject.id", "actor.id"];
        let texts = schema().iter().filter(|spec| spec.kind == FieldType::Text).map(|spec| spec.path.as_str());
        let mut paths: Vec<_> = texts.filter(|path| !required.contains(path)).collect();
        paths.sort_unstable_by_key(|path| (path.len(), *path));
        paths
    });
    match path.strip_prefix("labels.") {
        Some(label) => !label.is_empty(),
        None => PATHS.binary_search_by_key(&(path.len(), path), |known| (known.len(), *known)).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Event {
        let mut event =
            Event::new("e-1", Kind::Decision, Identity::new("spiffe://a/b", IdentityType::Workload), Outcome::Allow);
        event.occurred_at = Some(Micros(-5));
        event.reason = Some("because".into());
        event.subject.name = Some("Bee".into());
        event.context = Some(Context {
            source_ip: Some("192.0.2.1".into()),
            runtime: Some(Runtime { cluster: Some("c1".into()), ..Runtime::default() }),
            ..Context::default()
        });
        event.labels.insert("ticket".into(), "T-1".into());
        event
    }

    #[test]
    fn an_event_survives_cbor_and_names() {
        let event = full();
        let mut w = Writer::new();
        event.write(&mut w);
        let bytes = w.into_bytes();
        assert_eq!(Event::read(&mut Reader::new(&bytes)).unwrap(), event);
        assert_eq!(Event::from_tree(event.to_tree()).unwrap(), event);
    }

    #[test]
    fn sealed_texts_can_be_taken_out_and_put_back() {
        let mut event = full();
        for path in ["reason", "subject.name", "context.source_ip", "labels.ticket"] {
            assert!(sealable(path), "{path}");
            let value = event.take_text(path).unwrap();
            assert_eq!(event.take_text(path), None);
            assert!(event.put_text(path, &value));
        }
        assert_eq!(event, full());
        assert!(!sealable("id") && !sealable("kind") && !sealable("context.mfa") && !sealable("nothing"));
        assert_eq!(event.take_text("id"), None);
    }

    #[test]
    fn unknown_missing_and_repeated_fields_are_named() {
        let text = |t: &str| Tree::Text(t.into());
        let tree = Tree::Map(vec![("id".into(), text("1")), ("colour".into(), text("red"))]);
        assert_eq!(Event::from_tree(tree).unwrap_err().path, "colour");
        let tree = Tree::Map(vec![("id".into(), text("1")), ("id".into(), text("1"))]);
        assert_eq!(Event::from_tree(tree).unwrap_err().problem, "appears twice");
        let tree = Tree::Map(vec![("subject".into(), Tree::Map(vec![("type".into(), text("human"))]))]);
        let error = Event::from_tree(tree).unwrap_err();
        assert_eq!((error.path.as_str(), error.problem.as_str()), ("subject.id", "is missing"));
    }

    #[test]
    fn a_broken_limit_is_named_with_limit_and_size() {
        let mut event = full();
        event.id = "x".repeat(129);
        assert_eq!(event.check().unwrap_err().to_string(), "id: has 129 bytes, at most 128 are allowed");
    }

    #[test]
    fn every_field_has_its_own_id() {
        let specs = schema();
        let ids: std::collections::BTreeSet<_> = specs.iter().map(|s| s.id).collect();
        assert_eq!(ids.len(), specs.len());
    }
}
