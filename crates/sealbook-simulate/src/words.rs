//! The fixed words of the model organisation: domains, resource classes, names, components, sources.

/// Name of the organisation in ids.
pub(crate) const ORG: &str = "corvane.example";

/// A class of resources and what can be done with it; the last action is the privileged one.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) actions: [&'static str; 3],
}

/// A policy domain and the team behind it.
#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) name: &'static str,
    pub(crate) team: &'static str,
    pub(crate) classes: [Class; 2],
    pub(crate) services: [&'static str; 6],
}

/// Number of domains, and of teams.
pub(crate) const DOMAIN_COUNT: usize = 7;
/// Numbers of the domains that stories name.
pub(crate) const PAYMENTS: usize = 0;
pub(crate) const PLATFORM: usize = 1;
pub(crate) const DATA: usize = 2;
pub(crate) const ML: usize = 3;
pub(crate) const SECURITY: usize = 4;
pub(crate) const IDENTITY: usize = 5;
pub(crate) const PARTNERS: usize = 6;

pub(crate) static DOMAINS: [Domain; DOMAIN_COUNT] = [
    Domain {
        name: "payments",
        team: "payments",
        classes: [
            Class { name: "payment-api", actions: ["payments.read", "payments.capture", "payments.refund"] },
            Class { name: "ledger-database", actions: ["ledger.select", "ledger.insert", "ledger.alter"] },
        ],
        services: ["settlement", "fraud-score", "card-vault", "refunds", "payout-batch", "fx-rates"],
    },
    Domain {
        name: "platform",
        team: "platform",
        classes: [
            Class { name: "cluster", actions: ["get pods", "create deployments", "create pods/exec"] },
            Class { name: "message-queue", actions: ["queue.consume", "queue.publish", "queue.purge"] },
        ],
        services: ["deployer", "image-builder", "dns-sync", "cert-watch", "autoscaler", "backup-runner"],
    },
    Domain {
        name: "data",
        team: "data",
        classes: [
            Class { name: "warehouse", actions: ["warehouse.query", "warehouse.load", "warehouse.export"] },
            Class { name: "lake-table", actions: ["table.select", "table.append", "table.drop"] },
        ],
        services: ["daily-etl", "orders-stream", "report-builder", "dedupe", "cdc-relay", "catalogue"],
    },
    Domain {
        name: "ml",
        team: "ml",
        classes: [
            Class { name: "feature-store", actions: ["features.read", "features.write", "features.delete"] },
            Class { name: "model-registry", actions: ["model.pull", "model.push", "model.promote"] },
        ],
        services: ["train-risk", "serve-risk", "embedder", "drift-watch", "label-queue", "batch-score"],
    },
    Domain {
        name: "security",
        team: "security",
        classes: [
            Class { name: "siem-index", actions: ["siem.search", "siem.tag", "siem.delete"] },
            Class { name: "key-ring", actions: ["key.verify", "key.sign", "key.destroy"] },
        ],
        services: ["log-shipper", "vuln-scan", "signer", "edr-relay", "secrets-scan", "evidence-sync"],
    },
    Domain {
        name: "identity",
        team: "identity-governance",
        classes: [
            Class { name: "directory", actions: ["directory.read", "directory.write", "directory.admin"] },
            Class { name: "secret", actions: ["secret.read", "secret.write", "secret.destroy"] },
        ],
        services: ["scim-bridge", "mover-sync", "access-mirror", "key-rotator", "group-sync", "recert-mailer"],
    },
    Domain {
        name: "partners",
        team: "partner-integrations",
        classes: [
            Class { name: "partner-api", actions: ["orders.read", "orders.create", "orders.cancel"] },
            Class { name: "file-drop", actions: ["file.get", "file.put", "file.purge"] },
        ],
        services: ["edi-gateway", "carrier-sync", "invoice-pull", "catalogue-push", "webhook-relay", "sftp-bridge"],
    },
];

/// The class whose resources the clouds decide about themselves.
pub(crate) static BUCKET: Class =
    Class { name: "bucket", actions: ["s3:GetObject", "s3:PutObject", "s3:DeleteBucket"] };

/// Instances of a class.
pub(crate) static INSTANCES: [&str; 5] = ["core", "north", "archive", "main", "shared"];

/// Where things run: prefix of the account, and the account.
pub(crate) static PLACES: [(&str, &str); 3] =
    [("aws", "aws:481203374455"), ("gcp", "gcp:corvane-prod-7731"), ("onprem", "onprem:aarhus-dc2")];

/// Companies that supply identities.
pub(crate) static SUPPLIERS: [&str; 4] = ["brightledger", "norsk-fraktdata", "北斗物流", "atelier-paie"];

/// Models of the AI agents.
pub(crate) static MODELS: [&str; 3] = ["orrin-4-large", "orrin-4-mini", "tessel-2"];

/// People: name, and local part of the id.
pub(crate) static PEOPLE: [(&str, &str); 49] = [
    ("Zoë Müller", "zoe.mueller"),
    ("Łukasz Dąbrowski", "lukasz.dabrowski"),
    ("Nguyễn Thị Hạnh", "hanh.nguyen"),
    ("José Ángel Núñez", "jose.nunez"),
    ("李晓明", "xiaoming.li"),
    ("ליאור כהן", "lior.cohen"),
    ("Åsa Sjöström", "asa.sjostrom"),
    ("Çağla Öztürk", "cagla.ozturk"),
    ("Tomás Ó Súilleabháin", "tomas.osuilleabhain"),
    ("佐藤 美咲", "misaki.sato"),
    ("Siobhán Kelly", "siobhan.kelly"),
    ("محمد الفاسي", "mohammed.elfassi"),
    ("Ingrid Sørensen", "ingrid.sorensen"),
    ("Renée Lefèvre", "renee.lefevre"),
    ("Ola Nordmann-Bakke", "ola.bakke"),
    ("Priya Raghunathan", "priya.raghunathan"),
    ("Ștefan Ionescu", "stefan.ionescu"),
    ("Chinedu Okonkwo", "chinedu.okonkwo"),
    ("김서연", "seoyeon.kim"),
    ("Márton Szűcs", "marton.szucs"),
    ("Jiří Dvořák", "jiri.dvorak"),
    ("Ana Luísa Gonçalves", "ana.goncalves"),
    ("Þóra Einarsdóttir", "thora.einarsdottir"),
    ("Димитър Петров", "dimitar.petrov"),
    ("Ελένη Παπαδάκη", "eleni.papadaki"),
    ("Wanjiru Kamau", "wanjiru.kamau"),
    ("Noah van der Berg", "noah.vanderberg"),
    ("Élodie Brûlé", "elodie.brule"),
    ("Rasmus Kjær", "rasmus.kjaer"),
    ("Fatoumata Diallo", "fatoumata.diallo"),
    ("María José Peña", "mariajose.pena"),
    ("王芳", "fang.wang"),
    ("Kōji Tanabe", "koji.tanabe"),
    ("Božena Němcová", "bozena.nemcova"),
    ("Lwazi Dlamini", "lwazi.dlamini"),
    ("Giulia D’Angelo", "giulia.dangelo"),
    ("Håkon Lie", "hakon.lie"),
    ("Aïcha Benali", "aicha.benali"),
    ("Tadhg Murphy", "tadhg.murphy"),
    ("ปิยะ สุขใจ", "piya.sukjai"),
    ("Marek Žižka", "marek.zizka"),
    ("Anneliese Groß", "anneliese.gross"),
    ("Ravi Shankar Iyer", "ravi.iyer"),
    ("Camille Saint-Yves", "camille.saintyves"),
    ("Oksana Шевченко", "oksana.shevchenko"),
    ("Liam Whitaker", "liam.whitaker"),
    ("Beatriz Simões", "beatriz.simoes"),
    ("נועה לוי", "noa.levi"),
    ("Jan-Willem de Vries", "janwillem.devries"),
];

/// Components: role and id.
pub(crate) static COMPONENTS: [(&str, &str); 42] = [
    ("source", "iam-governance"),
    ("source", "idp/main"),
    ("source", "cloudtrail/main"),
    ("source", "gcp-audit/main"),
    ("source", "spire/prod"),
    ("source", "openbao/main"),
    ("source", "hr"),
    ("source", "policy-registry"),
    ("source", "pam"),
    ("source", "siem"),
    ("source", "iam-governance/automation"),
    ("source", "hr/feed"),
    ("source", "siem/correlator"),
    ("source", "policy-registry/publisher"),
    ("pdp", "opa/payments"),
    ("pdp", "opa/platform"),
    ("pdp", "opa/data"),
    ("pdp", "opa/ml"),
    ("pdp", "opa/security"),
    ("pdp", "opa/identity"),
    ("pdp", "opa/partners"),
    ("pdp", SIGN_ON_PDP),
    ("pdp", AWS_PDP),
    ("pdp", GCP_PDP),
    ("pdp", FAILSAFE_PDP),
    ("issuer", SVID_ISSUER),
    ("issuer", SECRET_ISSUER),
    ("issuer", TOKEN_ISSUER),
    ("issuer", SSH_ISSUER),
    ("secret-store", SVID_STORE),
    ("secret-store", SECRET_STORE),
    ("secret-store", TOKEN_STORE),
    ("secret-store", SSH_STORE),
    ("schedule", SCHEDULE),
    ("source", "aws/organisation"),
    ("pep", "envoy/edge"),
    ("pep", "envoy/mesh"),
    ("pep", QUIET_PEP),
    ("pep", "kubernetes/prod-eu"),
    ("pep", "kubernetes/staging"),
    ("pep", "agents/gateway"),
    ("pep", BASTION_PEP),
];

pub(crate) const SIGN_ON_PDP: &str = "idp/main/sign-on";
pub(crate) const AWS_PDP: &str = "aws/iam";
pub(crate) const GCP_PDP: &str = "gcp/iam";
pub(crate) const FAILSAFE_PDP: &str = "envoy/edge/failsafe";
pub(crate) const SVID_ISSUER: &str = "spire/prod/server";
pub(crate) const SECRET_ISSUER: &str = "openbao/main/engine";
pub(crate) const TOKEN_ISSUER: &str = "idp/main/issuer";
pub(crate) const SSH_ISSUER: &str = "pam/ssh-ca";
pub(crate) const SVID_STORE: &str = "spire/prod/workload-api";
pub(crate) const SECRET_STORE: &str = "openbao/main/kv";
pub(crate) const TOKEN_STORE: &str = "idp/main/token-endpoint";
pub(crate) const SSH_STORE: &str = "pam/vault";
pub(crate) const SCHEDULE: &str = "schedule/nightly-reconciliation";
/// An enforcement point with no traffic but heartbeats.
pub(crate) const QUIET_PEP: &str = "envoy/branch-lyon";
pub(crate) const BASTION_PEP: &str = "pam/bastion";

/// A federation trust: id, issuer, audience, subject condition.
pub(crate) struct Trust {
    pub(crate) id: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) audience: &'static str,
    pub(crate) condition: &'static str,
}

/// The registered trusts.
pub(crate) static TRUSTS: [Trust; 2] = [
    Trust {
        id: "trust/forge-deploy",
        issuer: "https://token.forge.corvane.example",
        audience: "sts.aws.corvane.example",
        condition: "repo:corvane/deploy:ref:refs/heads/main",
    },
    Trust {
        id: "trust/forge-data",
        issuer: "https://token.forge.corvane.example",
        audience: "sts.gcp.corvane.example",
        condition: "repo:corvane/pipelines:environment:production",
    },
];

/// Where events come from: index in [`SOURCES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source(pub(crate) usize);

impl Source {
    pub(crate) const IDP: Self = Self(7);
    pub(crate) const AWS: Self = Self(8);
    pub(crate) const GCP: Self = Self(9);
    pub(crate) const EDGE: Self = Self(10);
    pub(crate) const MESH: Self = Self(11);
    pub(crate) const BRANCH: Self = Self(12);
    pub(crate) const PROD_EU: Self = Self(13);
    pub(crate) const STAGING: Self = Self(14);
    pub(crate) const AGENTS: Self = Self(15);
    pub(crate) const SPIRE: Self = Self(16);
    pub(crate) const OPENBAO: Self = Self(17);
    pub(crate) const HR: Self = Self(18);
    pub(crate) const IAM: Self = Self(19);
    pub(crate) const POLICIES: Self = Self(20);
    pub(crate) const PAM: Self = Self(21);
    pub(crate) const SIEM: Self = Self(22);

    /// The decision point of a domain.
    pub(crate) fn opa(domain: usize) -> Self {
        Self(domain % DOMAIN_COUNT)
    }

    pub(crate) fn id(self) -> &'static str {
        cycle(&SOURCES, self.0).0
    }

    /// The kinds of events that it may send, separated by spaces.
    pub(crate) fn kinds(self) -> &'static str {
        cycle(&SOURCES, self.0).2
    }

    /// The source with this id.
    pub(crate) fn with_id(id: &str) -> Option<Self> {
        SOURCES.iter().position(|s| s.0 == id).map(Self)
    }

    /// Beginning of the ids of its events.
    pub(crate) fn prefix(self) -> &'static str {
        cycle(&SOURCES, self.0).1
    }
}

/// Number of sources.
pub(crate) const SOURCE_COUNT: usize = 23;

/// Id, beginning of event ids, and the kinds of events that it may send.
static SOURCES: [(&str, &str, &str); SOURCE_COUNT] = [
    ("opa/payments", "dec", "decision exception"),
    ("opa/platform", "dec", "decision exception"),
    ("opa/data", "dec", "decision exception"),
    ("opa/ml", "dec", "decision exception"),
    ("opa/security", "dec", "decision exception"),
    ("opa/identity", "dec", "decision exception"),
    ("opa/partners", "dec", "decision exception"),
    ("idp/main", "idp", "decision issuance revocation"),
    ("cloudtrail/main", "aws", "decision issuance"),
    ("gcp-audit/main", "gcp", "decision issuance"),
    ("envoy/edge", "edge", "decision lifecycle"),
    ("envoy/mesh", "mesh", "decision lifecycle"),
    ("envoy/branch-lyon", "lyon", "decision lifecycle"),
    ("kubernetes/prod-eu", "k8s", "decision lifecycle"),
    ("kubernetes/staging", "k8s", "decision lifecycle"),
    ("agents/gateway", "agw", "decision lifecycle"),
    ("spire/prod", "svid", "issuance"),
    ("openbao/main", "bao", "issuance rotation revocation"),
    ("hr", "hr", "lifecycle"),
    ("iam-governance", "iam", "approval attestation exception lifecycle ownership review revocation"),
    ("policy-registry", "pol", "policy"),
    ("pam", "pam", "decision elevation issuance lifecycle"),
    ("siem", "siem", "lifecycle"),
];

/// An element of a fixed table, starting over at its end.
pub(crate) fn cycle<T, const N: usize>(table: &[T; N], n: usize) -> &T {
    const { assert!(N > 0, "a table has elements") };
    match table.get(n % N) {
        Some(found) => found,
        None => cycle(table, 0),
    }
}
