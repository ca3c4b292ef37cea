//! Every setting: its name, what it holds, what it is where nobody sets it, what it means.

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Address and port.
    Address,
    /// A file.
    File,
    /// Text.
    Text,
    /// True or false.
    Truth,
    /// A whole number within bounds.
    Number(u64, u64),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Names, in the file as a list, elsewhere with commas between them.
    List,
}

/// One setting. Its name in the file is `key`, in the environment `SEALBOOK_` and the key in capitals, as a flag `--` and
/// the key with dashes.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Name in the file.
    pub key: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// What it is where nobody sets it; empty means none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn setting(key: &'static str, holds: Holds, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, holds, default, meaning }
}

const GIB: u64 = 1 << 30;

/// Every setting that holds one value; `[[trust]]` and `[[identity]]` stand in the file only.
pub static SETTINGS: &[Setting] = &[
    setting("listen", Holds::Address, "127.0.0.1:8420", "Where to listen; port 0 takes a free one."),
    setting(
        "actor",
        Holds::Text,
        "",
        "Who runs the service, as an id; without it the account of the operating system.",
    ),
    setting("public_log", Holds::Truth, "false", "Checkpoint and tiles are for everybody."),
    setting(
        "plain_http",
        Holds::Truth,
        "false",
        "No TLS although others can reach the address: something in front of the service does it.",
    ),
    setting("seal", Holds::List, "", "Further fields that are sealed, such as labels.ticket."),
    setting("sources", Holds::File, "", "Folder with descriptions of further sources, one TOML file each."),
    setting("tls.certificate", Holds::File, "", "The service's certificate and those that lead to its authority, PEM."),
    setting("tls.key", Holds::File, "", "The certificate's private key, PEM."),
    setting(
        "tls.require_client_certificate",
        Holds::Truth,
        "false",
        "Whoever shows no certificate is turned away at the handshake, whatever token it has.",
    ),
    setting("tls.min_version", Holds::Word(&["1.2", "1.3"]), "1.2", "The oldest version of TLS that is spoken."),
    setting(
        "limits.connections",
        Holds::Number(1, 1 << 20),
        "16384",
        "Connections open at once; when nearly all are taken, those that wait longest for a request are closed.",
    ),
    setting("limits.body_bytes", Holds::Number(1, GIB), "16777216", "Bytes of one body as sent."),
    setting("limits.decompressed_bytes", Holds::Number(1, GIB), "67108864", "Bytes of one body after decompression."),
    setting(
        "limits.in_flight_bytes",
        Holds::Number(1 << 10, 64 * GIB),
        "134217728",
        "Bytes of decompressed bodies in work at once.",
    ),
    setting(
        "limits.header_seconds",
        Holds::Number(1, 3_600),
        "60",
        "Seconds for a handshake, for the head of a request, and between two requests.",
    ),
    setting("limits.body_seconds", Holds::Number(1, 3_600), "60", "Seconds for a body."),
    setting(
        "log.level",
        Holds::Word(&["error", "warn", "info", "debug"]),
        "info",
        "How much is said on standard error.",
    ),
    setting("log.format", Holds::Word(&["text", "json"]), "text", "How it is written."),
];

impl Setting {
    /// The setting with this key.
    #[must_use]
    pub fn named(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// Name of the environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SEALBOOK_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// Name of the flag, without dashes before it.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// What keeps `text` from being a value of it.
    pub(crate) fn problem(&self, text: &str) -> Option<String> {
        let expected = match self.holds {
            _ if text.is_empty() && self.default.is_empty() => return None,
            Holds::Address if text.parse::<std::net::SocketAddr>().is_err() => {
                "an address and a port, such as 127.0.0.1:8420".to_owned()
            }
            Holds::Truth if !["true", "false"].contains(&text) => "true or false".to_owned(),
            Holds::Number(min, max) if text.parse().ok().is_none_or(|number| !(min..=max).contains(&number)) => {
                format!("a whole number from {min} to {max}")
            }
            Holds::Word(words) if !words.contains(&text) => format!("one of {}", words.join(", ")),
            Holds::File | Holds::Text | Holds::List if text.chars().any(char::is_control) => {
                "text without control characters".to_owned()
            }
            _ => return None,
        };
        Some(format!("is {text:?}; expected {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_setting_and_every_name_is_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for setting in SETTINGS {
            assert_eq!(setting.problem(setting.default), None, "{}", setting.key);
            assert!(names.insert(setting.variable()) && names.insert(setting.flag()), "{}", setting.key);
            assert!(setting.meaning.ends_with('.'));
        }
        assert_eq!(Setting::named("tls.min_version").unwrap().variable(), "SEALBOOK_TLS_MIN_VERSION");
        assert_eq!(Setting::named("tls.min_version").unwrap().flag(), "tls-min-version");
    }

    #[test]
    fn the_operations_document_lists_every_setting_with_its_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let text = std::fs::read_to_string(path).unwrap();
        for Setting { key, default, meaning, .. } in SETTINGS {
            let row = format!(
                "| `{key}` | {} | {meaning} |",
                if default.is_empty() { "–".to_owned() } else { format!("`{default}`") }
            );
            assert!(text.contains(&row), "docs/operations.md lacks the row\n{row}");
        }
    }
}
