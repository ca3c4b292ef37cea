//! What the operator set: flag before environment before file before default, each value with where it came from.

mod file;
mod table;

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealbook_core::hash::{hex, sha256};
use sealbook_disk::World;

pub use file::FILE_BYTES_MAX;
pub use table::{Holds, SETTINGS, Setting};

use crate::config::{Config, Limits};
use crate::credentials::{Actor, Scope};
use crate::log::{Level, Log, LogFormat};
use crate::tls::{ClientTrust, SpiffeId, TlsFiles};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of a file.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{} line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// Something that cannot be set so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {key}{}{problem}", if key.is_empty() { "" } else { " " })]
pub struct SettingError {
    /// Where it was set.
    pub origin: Origin,
    /// Which setting; empty for the file as a whole.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Whose client certificates are taken.
#[derive(Clone, Debug)]
struct Trust {
    domain: String,
    bundle: PathBuf,
    origin: Origin,
}

/// What a workload may do.
#[derive(Clone, Debug)]
struct Identity {
    id: SpiffeId,
    scopes: Vec<Scope>,
    origin: Origin,
}

/// Every setting with its value.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, (String, Origin)>,
    trusts: Vec<Trust>,
    identities: Vec<Identity>,
}

impl Settings {
    /// Puts together what a file (its path and its text), the environment and the flags (by their keys) say.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn gather(
        file: Option<(&Path, &str)>,
        environment: impl Fn(&str) -> Option<String>,
        flags: &[(&'static str, String)],
    ) -> Result<Self, Vec<SettingError>> {
        let default = |setting: &'static Setting| (setting.key, (setting.default.to_owned(), Origin::Default));
        let mut values: BTreeMap<_, _> = SETTINGS.iter().map(default).collect();
        let mut read = file.map(|(path, text)| file::read(path, text)).unwrap_or_default();
        for (setting, text, origin) in read.values {
            values.insert(setting.key, (text, origin));
        }
        for setting in SETTINGS {
            let flag = flags.iter().find(|(key, _)| *key == setting.key);
            let flag = flag.map(|(_, text)| (text.clone(), Origin::Flag(setting.flag())));
            let variable = setting.variable();
            let given = flag.or_else(|| Some((environment(&variable)?, Origin::Environment(variable))));
            let Some((text, origin)) = given else { continue };
            match setting.problem(&text) {
                Some(problem) => read.errors.push(SettingError { origin, key: setting.key.to_owned(), problem }),
                None => drop(values.insert(setting.key, (text, origin))),
            }
        }
        let settings = Self { values, trusts: read.trusts, identities: read.identities };
        if read.errors.is_empty() {
            settings.together(&mut read.errors);
        }
        if read.errors.is_empty() { Ok(settings) } else { Err(read.errors) }
    }

    fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |(text, _)| text)
    }

    fn number(&self, key: &str) -> u64 {
        // Every value was checked when it was gathered.
        self.text(key).parse().unwrap_or_default()
    }

    fn truth(&self, key: &str) -> bool {
        self.text(key) == "true"
    }

    fn error(&self, errors: &mut Vec<SettingError>, key: &str, problem: &str) {
        let origin = self.values.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        errors.push(SettingError { origin, key: key.to_owned(), problem: problem.to_owned() });
    }

    /// What must hold of several settings together.
    fn together(&self, errors: &mut Vec<SettingError>) {
        let tls = match (self.text("tls.certificate"), self.text("tls.key")) {
            ("", "") => false,
            ("", _) => return self.error(errors, "tls.key", "is set and tls.certificate is not"),
            (_, "") => return self.error(errors, "tls.certificate", "is set and tls.key is not"),
            _ => true,
        };
        let mut wrong = |origin: &Origin, key: &str, problem: String| {
            errors.push(SettingError { origin: origin.clone(), key: key.to_owned(), problem });
        };
        for (n, trust) in self.trusts.iter().enumerate() {
            if !tls {
                wrong(&trust.origin, "trust", "needs tls.certificate and tls.key".to_owned());
            }
            if self.trusts.iter().take(n).any(|before| before.domain == trust.domain) {
                wrong(
                    &trust.origin,
                    "trust",
                    format!("the domain {:?} is there twice; put both into one bundle", trust.domain),
                );
            }
        }
        for (n, identity) in self.identities.iter().enumerate() {
            let id = identity.id.as_str();
            if !self.trusts.iter().any(|trust| trust.domain == identity.id.domain()) {
                let problem = format!("nobody vouches for {id}: no [[trust]] has its domain");
                wrong(&identity.origin, "identity", problem);
            }
            if self.identities.iter().take(n).any(|before| before.id == identity.id) {
                wrong(&identity.origin, "identity", format!("{id} is there twice; give it all its scopes at once"));
            }
        }
        if self.truth("tls.require_client_certificate") && self.trusts.is_empty() {
            self.error(errors, "tls.require_client_certificate", "needs a [[trust]]: nobody could connect");
        }
        if self.number("limits.in_flight_bytes") < self.number("limits.body_bytes") {
            self.error(
                errors,
                "limits.in_flight_bytes",
                "is less than limits.body_bytes: the largest body could never come in",
            );
        }
    }

    /// The effective configuration as a file that says the same, each value with where it came from.
    #[must_use]
    pub fn shown(&self) -> String {
        self.written(|origin| format!("  # {origin}"))
    }

    /// SHA-256 of the effective configuration; where the values came from does not matter to it.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&sha256(self.written(|_| String::new()).as_bytes()))
    }

    fn written(&self, remark: impl Fn(&Origin) -> String) -> String {
        let mut out = String::new();
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let list = |texts: &[String]| {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            format!("[{}]", texts.join(", "))
        };
        for setting in SETTINGS {
            let Some((text, origin)) = self.values.get(setting.key) else { continue };
            let value = match setting.holds {
                Holds::Truth | Holds::Number(..) => text.clone(),
                Holds::List => list(&split(text)),
                _ => quoted(text),
            };
            out.push_str(&format!("{} = {value}{}\n", setting.key, remark(origin)));
        }
        for Trust { domain, bundle, origin } in &self.trusts {
            let (domain, bundle) = (quoted(domain), quoted(&bundle.display().to_string()));
            out.push_str(&format!("\n[[trust]]{}\ndomain = {domain}\nbundle = {bundle}\n", remark(origin)));
        }
        for Identity { id, scopes, origin } in &self.identities {
            let (id, scopes) = (quoted(id.as_str()), scopes.iter().map(ToString::to_string).collect::<Vec<_>>());
            out.push_str(&format!("\n[[identity]]{}\nspiffe_id = {id}\nscopes = {}\n", remark(origin), list(&scopes)));
        }
        out
    }

    /// Folder with descriptions of further sources.
    #[must_use]
    pub fn sources(&self) -> Option<PathBuf> {
        Some(self.text("sources")).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// Further fields that are sealed.
    #[must_use]
    pub fn seal(&self) -> Vec<String> {
        split(self.text("seal"))
    }

    /// How to serve a ledger so.
    #[must_use]
    pub fn config(&self, world: &World) -> Config {
        let Ok(listen) = self.text("listen").parse() else {
            // It was checked when it was gathered.
            return Config::new(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
        };
        let level = Level::WORDS.iter().find(|(word, _)| *word == self.text("log.level"));
        let format = LogFormat::WORDS.iter().find(|(word, _)| *word == self.text("log.format"));
        let bytes = |key: &str| usize::try_from(self.number(key)).unwrap_or(usize::MAX);
        Config {
            world: world.clone(),
            limits: Limits {
                connections: bytes("limits.connections"),
                body_bytes: bytes("limits.body_bytes"),
                decompressed_bytes: bytes("limits.decompressed_bytes"),
                in_flight_bytes: bytes("limits.in_flight_bytes"),
                header_time: Duration::from_secs(self.number("limits.header_seconds")),
                body_time: Duration::from_secs(self.number("limits.body_seconds")),
            },
            actor: Actor::current(Some(self.text("actor"))),
            tls: self.tls(),
            identities: self.identities.iter().map(|identity| (identity.id.clone(), identity.scopes.clone())).collect(),
            plain_http: self.truth("plain_http"),
            public_log: self.truth("public_log"),
            digest: self.digest(),
            log: Log::standard_error(
                level.map_or(Level::Info, |(_, level)| *level),
                format.map_or(LogFormat::Text, |(_, format)| *format),
                world.clock.clone(),
            ),
            ..Config::new(listen)
        }
    }

    /// The files of TLS, where there is TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let certificate = Some(self.text("tls.certificate")).filter(|path| !path.is_empty())?;
        let trust = |trust: &Trust| ClientTrust { domain: trust.domain.clone(), bundle: trust.bundle.clone() };
        Some(TlsFiles {
            certificate: certificate.into(),
            key: self.text("tls.key").into(),
            clients: self.trusts.iter().map(trust).collect(),
            require_client_certificate: self.truth("tls.require_client_certificate"),
            only_tls13: self.text("tls.min_version") == "1.3",
        })
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
listen = "0.0.0.0:8420"
seal = ["labels.ticket", "action"]

[tls]
certificate = "server.crt"
key = "/etc/keys/server.key"

[limits]
body_bytes = 1_000_000

[[trust]]
domain = "prod.example"
bundle = "prod.pem"

[[identity]]
spiffe_id = "spiffe://prod.example/gate"
scopes = ["ingest:gate@envoy", "read"]
"#;

    fn gather(text: &str) -> Result<Settings, Vec<String>> {
        let settings = Settings::gather(Some((Path::new("/etc/sealbook/s.toml"), text)), |_| None, &[]);
        settings.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_flag_counts_before_the_environment_before_the_file_before_the_default() {
        let variables = |name: &str| match name {
            "SEALBOOK_LISTEN" => Some("127.0.0.1:2".to_owned()),
            "SEALBOOK_LOG_LEVEL" => Some("debug".to_owned()),
            _ => None,
        };
        let file = Some((Path::new("f"), "listen = \"127.0.0.1:3\"\n[log]\nlevel = \"warn\"\nformat = \"json\"\n"));
        let settings = Settings::gather(file, variables, &[("listen", "127.0.0.1:1".into())]).unwrap();
        let shown = settings.shown();
        for line in [
            "listen = \"127.0.0.1:1\"  # flag --listen",
            "log.level = \"debug\"  # environment SEALBOOK_LOG_LEVEL",
            "log.format = \"json\"  # f line 4",
            "public_log = false  # default",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
        }
        assert_eq!(settings.config(&World::real()).listen.port(), 1);
    }

    #[test]
    fn what_is_shown_is_a_file_that_says_the_same() {
        let settings = gather(FILE).unwrap();
        let again = gather(&settings.shown()).unwrap();
        assert_eq!(
            (again.digest(), settings.seal()),
            (settings.digest(), vec!["labels.ticket".into(), "action".into()])
        );
        assert_ne!(gather("").unwrap().digest(), settings.digest());
        let config = settings.config(&World::real());
        let tls = config.tls.unwrap();
        assert_eq!(tls.certificate, Path::new("/etc/sealbook/server.crt"));
        assert_eq!((tls.key, tls.clients.len()), ("/etc/keys/server.key".into(), 1));
        assert_eq!((config.identities[0].1.len(), config.limits.body_bytes), (2, 1_000_000));
    }

    #[test]
    fn what_is_wrong_is_named_by_key_and_line() {
        for (text, expected) in [
            ("\nlisten = 5", "/etc/sealbook/s.toml line 2: listen expected a text in quotes"),
            ("listen = \"here\"", "line 1: listen is \"here\"; expected an address and a port"),
            ("[tls]\ncert = \"a\"", "line 2: tls.cert is no setting"),
            ("[tls]\n\nmin-version = \"1.3\"", "line 3: tls.min-version is no setting; is tls.min_version meant?"),
            ("[limits]\nbody_bytes = \"5\"", "line 2: limits.body_bytes expected a whole number"),
            ("[limits]\nbody_bytes = 0", "line 2: limits.body_bytes is \"0\"; expected a whole number from 1"),
            ("public_log = \"yes\"", "line 1: public_log expected true or false"),
            ("[log]\nlevel = \"loud\"", "line 2: log.level is \"loud\"; expected one of error"),
            ("a = [", "line 1: is no TOML"),
            ("listen = \"[::1]:1\"\nlisten = \"[::1]:2\"", "line 2: is no TOML"),
            ("[tls]\nkey = \"k\"", "line 2: tls.key is set and tls.certificate is not"),
            ("[trust]\ndomain = \"a\"", "line 1: trust is written [[trust]]"),
            ("[[trust]]\ndomain = \"A\"\nbundle = \"b\"", "line 1: trust[0].domain \"A\" is no trust domain"),
            ("[[trust]]\nname = \"A\"", "line 2: trust[0].name is no key of [[trust]]; known here: domain, bundle"),
            ("[[identity]]\nspiffe_id = \"spiffe://a/b\"\nscopes = [\"wr\"]", "identity[0].scopes \"wr\" is no scope"),
            ("[[identity]]\nspiffe_id = \"spiffe://a/b\"\nscopes = [\"read\"]", "nobody vouches for spiffe://a/b"),
        ] {
            let errors = gather(text).unwrap_err();
            assert!(errors.iter().any(|error| error.contains(expected)), "{expected} is not in {errors:?}");
        }
        // All of it at once.
        assert_eq!(gather("one = 1\ntwo = 2\n[tls]\nthree = 3").unwrap_err().len(), 3);
    }
}
