//! Who there is: people, machines, the roles they hold, and what they may do.

use sealbook_core::event::{CredentialType, Identity, IdentityType, Resource, Runtime};

use crate::draft::{DAY, Minted};
use crate::rng::mix;
use crate::words::{
    BUCKET, Class, DATA, DOMAIN_COUNT, DOMAINS, Domain, IDENTITY, INSTANCES, ORG, PEOPLE, PLACES, PLATFORM, SECURITY,
    SUPPLIERS, Source, cycle,
};

pub(crate) fn domain(n: usize) -> &'static Domain {
    cycle(&DOMAINS, n)
}

/// Person `n`; people go round the teams, so person `n + 7` is of the same team.
pub(crate) fn person(n: usize) -> Identity {
    let (_, local) = cycle(&PEOPLE, n);
    let id = match n / PEOPLE.len() {
        0 => format!("{local}@{ORG}"),
        again => format!("{local}{}@{ORG}", again + 1),
    };
    let mut who = Identity::new(id, IdentityType::Human);
    who.team = Some(domain(n).team.to_owned());
    who
}

pub(crate) fn person_name(n: usize) -> &'static str {
    cycle(&PEOPLE, n).0
}

pub(crate) fn component(id: &str) -> Identity {
    Identity::new(id, IdentityType::System)
}

/// Who sets the rules of a domain.
pub(crate) fn policy_owner(d: usize) -> Identity {
    person(d)
}

/// Who answers requests for access in a domain. Identity governance creates identities, so another team answers there.
pub(crate) fn approver(d: usize) -> Identity {
    let team = if d == IDENTITY { SECURITY } else { d };
    person(team + DOMAIN_COUNT)
}

/// Who runs the enforcement points of a domain; never of the team that sets its rules.
pub(crate) fn enforcer(d: usize) -> Identity {
    let team = if d == PLATFORM { SECURITY } else { PLATFORM };
    person(team + 2 * DOMAIN_COUNT)
}

/// Who creates and renews machine identities.
pub(crate) fn creator() -> Identity {
    person(IDENTITY + 2 * DOMAIN_COUNT)
}

/// The analyst on duty.
pub(crate) fn analyst() -> Identity {
    person(SECURITY + 2 * DOMAIN_COUNT)
}

/// The first of the usual approvers of a domain who is none of `not`.
pub(crate) fn independent(d: usize, not: &[&str]) -> Identity {
    [approver(d), policy_owner(d), policy_owner(SECURITY)]
        .into_iter()
        .find(|who| !not.contains(&who.id.as_str()))
        .unwrap_or_else(|| policy_owner(DATA))
}

/// Who reviews a grant: neither holder, nor grantor, nor owner of the machine.
pub(crate) fn reviewer(d: usize, not: &[&str]) -> Identity {
    [policy_owner(d), policy_owner(SECURITY), policy_owner(IDENTITY)]
        .into_iter()
        .find(|who| !not.contains(&who.id.as_str()))
        .unwrap_or_else(|| policy_owner(PLATFORM))
}

/// What sort of holder, which decides how it signs in and what it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Signs on with a passkey, works in sessions.
    Person,
    /// Gets an SVID whenever it has work.
    Workload,
    /// Has a secret or a cloud key that is rotated.
    Service,
    /// Exchanges the token of its pipeline for one of the cloud.
    Pipeline,
    /// AI agent under delegations.
    Agent,
    /// API key of a supplier.
    Supplier,
}

/// A right to do one thing with one resource.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) domain: usize,
    pub(crate) resource: Resource,
    pub(crate) action: &'static str,
    /// What the holder may not do with it.
    pub(crate) beyond: &'static str,
    pub(crate) approval: String,
    pub(crate) approver: Identity,
    pub(crate) pep: Source,
    pub(crate) cloud: Option<Source>,
    /// Used from then on, and until then.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Somebody or something that acts.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) who: Identity,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) domain: usize,
    pub(crate) environment: &'static str,
    pub(crate) place: usize,
    pub(crate) owner: Identity,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) grants: Vec<Grant>,
    pub(crate) credentials: Vec<Minted>,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) supplier: Option<&'static str>,
}

impl Holder {
    /// Person `n`, from `from` to `to`.
    pub(crate) fn person(n: usize, from: i64, to: i64) -> Self {
        Self {
            who: person(n),
            name: person_name(n).to_owned(),
            role: Role::Person,
            domain: n % DOMAIN_COUNT,
            environment: "production",
            place: n,
            owner: person(n),
            from,
            to,
            grants: Vec::new(),
            credentials: Vec::new(),
            runtime: None,
            supplier: None,
        }
    }

    /// Machine `n`: kinds, domains, environments and places take turns.
    pub(crate) fn machine(n: usize, owner_ranks: usize, from: i64, to: i64) -> Self {
        let role = match n % 10 {
            0..=4 => Role::Workload,
            5 | 6 => Role::Service,
            7 => Role::Pipeline,
            8 => Role::Agent,
            _ => Role::Supplier,
        };
        let d = match role {
            Role::Supplier => crate::words::PARTNERS,
            _ => n % DOMAIN_COUNT,
        };
        let service = cycle(&domain(d).services, n / DOMAIN_COUNT);
        let round = n / (DOMAIN_COUNT * 6);
        let name = if round == 0 { (*service).to_owned() } else { format!("{service}-{}", round + 1) };
        Self::named(&name, role, d, (n, person(d + DOMAIN_COUNT * (2 + n % owner_ranks.max(1)))), (from, to))
    }

    /// A machine with a name of its own; `n` chooses environment and place.
    pub(crate) fn named(
        name: &str,
        role: Role,
        d: usize,
        (n, owner): (usize, Identity),
        (from, to): (i64, i64),
    ) -> Self {
        let environment = match (role, mix(n as u64) % 10) {
            (Role::Workload | Role::Service, 7 | 8) => "staging",
            (Role::Workload | Role::Service, 9) => "development",
            _ => "production",
        };
        let area = domain(d).name;
        let supplier = (role == Role::Supplier).then(|| *cycle(&SUPPLIERS, n));
        let (id, kind) = match role {
            Role::Person => (format!("{name}@{ORG}"), IdentityType::Human),
            Role::Workload => (format!("spiffe://{environment}.{ORG}/ns/{area}/sa/{name}"), IdentityType::Workload),
            Role::Service => {
                (format!("arn:corvane:iam::{area}:service/{name}-{environment}"), IdentityType::ServiceAccount)
            }
            Role::Pipeline => (format!("pipeline:{area}/{name}"), IdentityType::ServiceAccount),
            Role::Agent => (format!("agent:{area}/{name}"), IdentityType::Agent),
            Role::Supplier => (format!("api-client:{}/{name}", supplier.unwrap_or("supplier")), IdentityType::ApiKey),
        };
        let mut who = Identity::new(id, kind);
        who.team = Some(domain(d).team.to_owned());
        Self {
            who,
            name: name.to_owned(),
            role,
            domain: d,
            environment,
            place: n,
            owner,
            from,
            to,
            grants: Vec::new(),
            credentials: Vec::new(),
            runtime: Some(runtime(area, name, environment, n)),
            supplier,
        }
    }

    /// The same machine, of a supplier of its own.
    pub(crate) fn of_supplier(mut self, supplier: &'static str) -> Self {
        self.who.id = format!("api-client:{supplier}/{}", self.name);
        self.supplier = Some(supplier);
        self
    }

    /// The newest credential at `at`.
    pub(crate) fn credential_at(&self, at: i64) -> Option<&Minted> {
        self.credentials.iter().rev().find(|c| c.from <= at)
    }

    /// Class and type of credential that it keeps for long, where it does.
    pub(crate) fn long_lived(&self) -> Option<CredentialType> {
        match self.role {
            Role::Service if self.place.is_multiple_of(2) => Some(CredentialType::Secret),
            Role::Service => Some(CredentialType::CloudKey),
            Role::Supplier => Some(CredentialType::ApiKey),
            _ => None,
        }
    }

    /// Shape of its `k`-th grant: domain, class, number of the action.
    pub(crate) fn wants(&self, k: usize) -> (usize, &'static Class, usize) {
        match (self.role, k) {
            (Role::Service | Role::Pipeline, 0) => (PLATFORM, &BUCKET, 0),
            (Role::Pipeline, 1) => (PLATFORM, &BUCKET, 1),
            // An agent does two things with one resource, which bounds its delegations.
            (Role::Agent, _) => (self.domain, cycle(&domain(self.domain).classes, self.place), k % 2),
            _ => (self.domain, cycle(&domain(self.domain).classes, self.place + k), (k + self.place / 2) % 2),
        }
    }
}

fn runtime(area: &str, name: &str, environment: &str, n: usize) -> Runtime {
    let cluster = match environment {
        "production" => "prod-eu",
        other => other,
    };
    Runtime {
        cluster: Some(cluster.to_owned()),
        namespace: Some(area.to_owned()),
        workload: Some(name.to_owned()),
        node: Some(format!("{cluster}-node-{:02}", mix(n as u64 + 9) % 24)),
    }
}

/// A resource of a class.
pub(crate) fn resource(class: &Class, n: usize, environment: &str, place: usize) -> Resource {
    // The bucket service exists in the two clouds only.
    let place = if class.name == BUCKET.name { place % 2 } else { place };
    let (short, account) = cycle(&PLACES, place);
    let instance = cycle(&INSTANCES, n);
    Resource {
        id: Some(format!("{}/{instance}.{environment}.{short}", class.name)),
        kind: Some(class.name.to_owned()),
        environment: Some(environment.to_owned()),
        account: Some((*account).to_owned()),
    }
}

/// Who enforces access to a class of resources, and which cloud decides itself.
pub(crate) fn enforced_by(role: Role, class: &Class, environment: &str, place: usize) -> (Source, Option<Source>) {
    let cloud = (class.name == BUCKET.name).then(|| if place.is_multiple_of(2) { Source::AWS } else { Source::GCP });
    let pep = match (role, class.name) {
        (Role::Agent, _) => Source::AGENTS,
        (_, "cluster") if environment == "production" => Source::PROD_EU,
        (_, "cluster") => Source::STAGING,
        (Role::Person | Role::Supplier, _) => Source::EDGE,
        _ => Source::MESH,
    };
    (pep, cloud)
}

/// Life of the credentials that are kept for long.
pub(crate) const KEPT_LIFE: i64 = 60 * DAY;
/// How old they become before they are rotated.
pub(crate) const KEPT_ROTATION: i64 = 40 * DAY;
