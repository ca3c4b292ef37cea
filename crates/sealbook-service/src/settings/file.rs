//! Reads a configuration file strictly: what is unknown or wrong is named by its key and its line.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::table::{Holds, SETTINGS, Setting};
use super::{Identity, Origin, SettingError, Trust};
use crate::credentials::Scope;
use crate::tls::{SpiffeId, is_domain};

/// Bytes of a configuration file.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) values: Vec<(&'static Setting, String, Origin)>,
    pub(super) trusts: Vec<Trust>,
    pub(super) identities: Vec<Identity>,
    pub(super) errors: Vec<SettingError>,
}

struct Reader<'f> {
    path: &'f Path,
    text: &'f str,
    read: Read,
}

/// Reads the text of the file at `path`.
pub(super) fn read(path: &Path, text: &str) -> Read {
    let mut reader = Reader { path, text, read: Read::default() };
    if text.len() > FILE_BYTES_MAX {
        reader.error(0, "", format!("the file has more than {FILE_BYTES_MAX} bytes"));
        return reader.read;
    }
    match DeTable::parse(text) {
        Ok(table) => reader.table("", table.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            reader.error(at, "", format!("is no TOML: {}", error.message()));
        }
    }
    reader.read
}

/// The line on which a byte stands, from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

impl Reader<'_> {
    fn origin(&self, at: usize) -> Origin {
        Origin::File(self.path.to_owned(), line(self.text, at))
    }

    fn error(&mut self, at: usize, key: &str, problem: String) {
        let origin = self.origin(at);
        self.read.errors.push(SettingError { origin, key: key.to_owned(), problem });
    }

    fn table(&mut self, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = name.span().start;
            let key = if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
            let inside = format!("{key}.");
            match (key.as_str(), value.get_ref()) {
                ("trust" | "identity", DeValue::Array(items)) => {
                    for (n, item) in items.iter().enumerate() {
                        self.item(&key, n, item);
                    }
                }
                ("trust" | "identity", _) => self.error(at, &key, format!("is written [[{key}]]")),
                (_, DeValue::Table(below)) if SETTINGS.iter().any(|setting| setting.key.starts_with(&inside)) => {
                    self.table(&key, below);
                }
                _ => match Setting::named(&key) {
                    Some(setting) => self.value(at, setting, value),
                    None => {
                        let problem = unknown(&key);
                        self.error(at, &key, problem);
                    }
                },
            }
        }
    }

    fn value(&mut self, at: usize, setting: &'static Setting, value: &Spanned<DeValue<'_>>) {
        let text = match (setting.holds, value.get_ref()) {
            (Holds::Truth, DeValue::Boolean(truth)) => Ok(truth.to_string()),
            (Holds::Number(..), DeValue::Integer(number)) if number.radix() == 10 => {
                Ok(number.as_str().replace('_', ""))
            }
            (Holds::File, DeValue::String(text)) => Ok(self.file(text).display().to_string()),
            (Holds::Address | Holds::Text | Holds::Word(_), DeValue::String(text)) => Ok(text.to_string()),
            (Holds::List, DeValue::Array(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
                match texts.filter(|texts| texts.iter().all(|text| !text.contains(','))) {
                    Some(texts) => Ok(texts.join(",")),
                    None => Err("a list of texts without commas"),
                }
            }
            (Holds::Truth, _) => Err("true or false, without quotes"),
            (Holds::Number(..), _) => Err("a whole number, without quotes"),
            (Holds::List, _) => Err("a list of texts, such as [\"labels.ticket\"]"),
            _ => Err("a text in quotes"),
        };
        match text {
            Ok(text) => match setting.problem(&text) {
                Some(problem) => self.error(at, setting.key, problem),
                None => {
                    let origin = self.origin(at);
                    self.read.values.push((setting, text, origin));
                }
            },
            Err(expected) => self.error(at, setting.key, format!("expected {expected}")),
        }
    }

    /// A path in the file starts where the file lies.
    fn file(&self, text: &str) -> PathBuf {
        // Nothing is no file, and not the folder either.
        if text.is_empty() { PathBuf::new() } else { self.path.parent().unwrap_or(Path::new("")).join(text) }
    }

    fn item(&mut self, list: &str, number: usize, item: &Spanned<DeValue<'_>>) {
        let at = item.span().start;
        let known: &[&str] = if list == "trust" { &["domain", "bundle"] } else { &["spiffe_id", "scopes"] };
        let key = |name: &str| format!("{list}[{number}].{name}");
        let DeValue::Table(table) = item.get_ref() else {
            return self.error(at, &format!("{list}[{number}]"), format!("is written [[{list}]]"));
        };
        for name in table.keys().filter(|name| !known.contains(&name.get_ref().as_ref())) {
            let problem = format!("is no key of [[{list}]]; known here: {}", known.join(", "));
            self.error(name.span().start, &key(name.get_ref()), problem);
        }
        let origin = self.origin(at);
        if list == "trust" {
            let (domain, bundle) = (self.text_in(table, at, &key("domain")), self.text_in(table, at, &key("bundle")));
            let (Some(domain), Some(bundle)) = (domain, bundle) else { return };
            if !is_domain(&domain) {
                return self.error(at, &key("domain"), format!("{domain:?} is no trust domain: a-z 0-9 - . _"));
            }
            let bundle = self.file(&bundle);
            self.read.trusts.push(Trust { domain, bundle, origin });
        } else {
            let Some(id) = self.text_in(table, at, &key("spiffe_id")) else { return };
            let id = match SpiffeId::parse(&id) {
                Ok(id) => id,
                Err(error) => return self.error(at, &key("spiffe_id"), error.to_string()),
            };
            let Some(scopes) = self.scopes(table, at, &key("scopes")) else { return };
            self.read.identities.push(Identity { id, scopes, origin });
        }
    }

    fn text_in(&mut self, table: &DeTable<'_>, at: usize, key: &str) -> Option<String> {
        let name = key.rsplit('.').next().unwrap_or_default();
        let text = table.get(name).and_then(|value| value.get_ref().as_str()).filter(|text| !text.is_empty());
        if text.is_none() {
            self.error(at, key, "is missing, or no text in quotes".to_owned());
        }
        text.map(str::to_owned)
    }

    fn scopes(&mut self, table: &DeTable<'_>, at: usize, key: &str) -> Option<Vec<Scope>> {
        let items = table.get("scopes").and_then(|value| value.get_ref().as_array()).filter(|items| !items.is_empty());
        let texts =
            items.and_then(|items| items.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<_>>>());
        let Some(texts) = texts else {
            self.error(at, key, "expected a list of scopes, such as [\"ingest:gate@envoy\"]".to_owned());
            return None;
        };
        match texts.into_iter().map(str::parse).collect::<Result<Vec<Scope>, _>>() {
            Ok(scopes) => Some(scopes),
            Err(error) => {
                self.error(at, key, error.to_string());
                None
            }
        }
    }
}

/// What to say of a key that is none: which one may have been meant.
fn unknown(key: &str) -> String {
    let plain = |text: &str| text.replace(['.', '_', '-'], "").to_ascii_lowercase();
    let last = key.rsplit('.').next().unwrap_or_default();
    let near = SETTINGS.iter().map(|setting| setting.key).find(|known| {
        plain(known) == plain(key) || known.rsplit('.').next().is_some_and(|end| plain(end) == plain(last))
    });
    match near {
        Some(near) => format!("is no setting; is {near} meant?"),
        None => "is no setting; `sealbook config show` lists those that there are".to_owned(),
    }
}
