//! Reads the TOML description of a source, strictly: what is unknown or wrong is named by its path.

use std::collections::BTreeMap;

use sealbook_core::event::schema;
use sealbook_core::record::FieldType;
use toml::{Table, Value};

use super::Custom;
use super::pick::{Choice, Clock, Field, From, How, Pointer, Test};
use crate::SOURCES;

/// Bytes of one description.
pub const CONFIG_BYTES_MAX: usize = 256 << 10;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 32;

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ConfigError {
    /// Keys joined by dots, from the top of the file.
    pub path: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

fn error<T>(path: &str, problem: impl Into<String>) -> Result<T, ConfigError> {
    let path = if path.is_empty() { "(file)" } else { path };
    Err(ConfigError { path: path.to_owned(), problem: problem.into() })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn only(table: &Table, path: &str, known: &[&str]) -> Result<(), ConfigError> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => error(&join(path, key), format!("unknown key; known here: {}", known.join(", "))),
        None => Ok(()),
    }
}

pub(super) fn read(text: &str) -> Result<Custom, ConfigError> {
    if text.len() > CONFIG_BYTES_MAX {
        return error("", format!("has {} bytes, at most {CONFIG_BYTES_MAX} are allowed", text.len()));
    }
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(e) => return error("", e.to_string().trim_end()),
    };
    only(&table, "", &["name", "version", "envelope", "sequence", "when", "event"])?;
    let name = text_at(&table, "", "name")?.map_or_else(|| error("name", "is missing"), Ok)?;
    check_name(name)?;
    let version = match table.get("version") {
        None => 1,
        Some(Value::Integer(number)) if (1..=i64::from(u32::MAX)).contains(number) => {
            u32::try_from(*number).unwrap_or(u32::MAX)
        }
        Some(_) => return error("version", "must be a number from 1; let it grow when the mapping changes"),
    };
    let envelope = pointer_at(&table, "", "envelope")?.map(|pointer| pointer.steps().to_vec());
    let sequence = pointer_at(&table, "", "sequence")?;
    let when = table.get("when").map_or(Ok(Vec::new()), |value| tests(value, "when"))?;
    let Some(Value::Table(event)) = table.get("event") else {
        return error("event", "is missing; it is the table of the fields");
    };
    let mut fields = Vec::new();
    group(event, "", &mut fields)?;
    for needed in ["kind", "subject.id"] {
        if !fields.iter().any(|field| field.path == needed) {
            return error(&format!("event.{needed}"), "is missing");
        }
    }
    Ok(Custom { name: name.to_owned(), version, envelope, when, sequence, fields })
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    let fits = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits {
        return error("name", format!("{name:?} is no name: 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -"));
    }
    if SOURCES.iter().any(|source| source.name() == name) {
        return error("name", format!("{name:?} is a source of its own; choose another name"));
    }
    Ok(())
}

/// Fields below `path`; a table that is no field is a group of fields.
fn group(table: &Table, path: &str, fields: &mut Vec<Field>) -> Result<(), ConfigError> {
    for (key, value) in table {
        let at = join(path, key);
        let shown = format!("event.{at}");
        let label = at.strip_prefix("labels.").is_some();
        match schema().iter().find(|spec| spec.path == at && !matches!(spec.kind, FieldType::Labels)) {
            Some(spec) => fields.push(Field { choices: choices(value, &shown, spec.kind)?, kind: spec.kind, path: at }),
            None if label => {
                fields.push(Field {
                    choices: choices(value, &shown, FieldType::Text)?,
                    kind: FieldType::Text,
                    path: at,
                });
            }
            None => match value {
                Value::Table(inner)
                    if schema().iter().any(|spec| spec.path.starts_with(&format!("{at}."))) || at == "labels" =>
                {
                    group(inner, &at, fields)?;
                }
                _ => return error(&shown, "events have no such field; docs/spec lists them"),
            },
        }
    }
    Ok(())
}

/// One way to a value, or a list of ways.
fn choices(value: &Value, path: &str, kind: FieldType) -> Result<Vec<Choice>, ConfigError> {
    match value {
        Value::Array(ways) if ways.is_empty() => error(path, "is an empty list; leave the field out instead"),
        Value::Array(ways) => {
            ways.iter().enumerate().map(|(n, way)| choice(way, &format!("{path}.{n}"), kind)).collect()
        }
        way => Ok(vec![choice(way, path, kind)?]),
    }
}

fn choice(value: &Value, path: &str, kind: FieldType) -> Result<Choice, ConfigError> {
    let plain =
        |from| Choice { when: Vec::new(), from, map: None, otherwise: None, prefix: None, clock: Clock::Rfc3339 };
    let table = match value {
        Value::String(text) if text.starts_with('/') => return Ok(plain(From::First(vec![pointer(text, path)?]))),
        Value::String(text) => return Ok(plain(From::Text(literal(text, path, kind)?))),
        Value::Boolean(flag) if kind == FieldType::Bool => return Ok(plain(From::Text(flag.to_string()))),
        Value::Table(table) => table,
        _ => return error(path, "expected text, a JSON pointer that begins with /, a table, or a list of these"),
    };
    only(table, path, &["at", "first", "text", "map", "else", "prefix", "time", "when"])?;
    let from = source(table, path, kind)?;
    let map = match table.get("map") {
        None => None,
        Some(Value::Table(words)) => Some(map(words, &join(path, "map"), kind)?),
        Some(_) => return error(&join(path, "map"), "expected a table of words and what they become"),
    };
    let otherwise = match text_at(table, path, "else")? {
        Some(text) => Some(literal(text, &join(path, "else"), kind)?),
        None => None,
    };
    let clock = match text_at(table, path, "time")? {
        None | Some("rfc3339") => Clock::Rfc3339,
        Some("epoch-seconds") => Clock::EpochSeconds,
        Some("epoch-millis") => Clock::EpochMillis,
        Some(other) => {
            return error(&join(path, "time"), format!("{other:?} is none of rfc3339, epoch-seconds, epoch-millis"));
        }
    };
    if table.contains_key("time") && kind != FieldType::Time {
        return error(&join(path, "time"), "this field holds no time");
    }
    let when = table.get("when").map_or(Ok(Vec::new()), |value| tests(value, &join(path, "when")))?;
    let prefix = text_at(table, path, "prefix")?.map(str::to_owned);
    Ok(Choice { when, from, map, otherwise, prefix, clock })
}

fn source(table: &Table, path: &str, kind: FieldType) -> Result<From, ConfigError> {
    match (table.get("at"), table.get("first"), table.get("text")) {
        (Some(Value::String(at)), None, None) => Ok(From::First(vec![pointer(at, &join(path, "at"))?])),
        (None, Some(Value::Array(places)), None) if !places.is_empty() => {
            let of = |(n, place): (usize, &Value)| match place {
                Value::String(text) => pointer(text, &format!("{path}.first.{n}")),
                _ => error(&format!("{path}.first.{n}"), "expected a JSON pointer"),
            };
            Ok(From::First(places.iter().enumerate().map(of).collect::<Result<_, _>>()?))
        }
        (None, None, Some(Value::String(text))) => Ok(From::Text(literal(text, &join(path, "text"), kind)?)),
        _ => error(path, "needs one of: at = \"/pointer\", first = [\"/pointer\", …], text = \"words\""),
    }
}

fn map(words: &Table, path: &str, kind: FieldType) -> Result<BTreeMap<String, String>, ConfigError> {
    let of = |(word, value): (&String, &Value)| match value {
        Value::String(text) => Ok((word.clone(), literal(text, &join(path, word), kind)?)),
        Value::Boolean(flag) if kind == FieldType::Bool => Ok((word.clone(), flag.to_string())),
        _ => error(&join(path, word), "expected text"),
    };
    words.iter().map(of).collect()
}

/// Words that the file itself says must fit their field.
fn literal(text: &str, path: &str, kind: FieldType) -> Result<String, ConfigError> {
    match kind {
        FieldType::Word(words) if !words.contains(&text) => {
            error(path, format!("{text:?} is none of {}", words.join(", ")))
        }
        FieldType::Bool if !matches!(text, "true" | "false") => error(path, "expected true or false"),
        _ if text.is_empty() => error(path, "is empty; leave it out instead"),
        _ => Ok(text.to_owned()),
    }
}

fn tests(value: &Value, path: &str) -> Result<Vec<Test>, ConfigError> {
    match value {
        Value::Array(list) => list.iter().enumerate().map(|(n, one)| test(one, &format!("{path}.{n}"))).collect(),
        one => Ok(vec![test(one, path)?]),
    }
}

fn test(value: &Value, path: &str) -> Result<Test, ConfigError> {
    let Value::Table(table) = value else {
        return error(path, "expected a condition, such as { at = \"/type\", is = \"login\" }");
    };
    only(table, path, &["at", "is", "in", "starts", "exists"])?;
    let at = pointer_at(table, path, "at")?.map_or_else(|| error(&join(path, "at"), "is missing"), Ok)?;
    let how = match (table.get("is"), table.get("in"), table.get("starts"), table.get("exists")) {
        (Some(is), None, None, None) => How::In(vec![plain(is, &join(path, "is"))?]),
        (None, Some(Value::Array(words)), None, None) => {
            How::In(words.iter().map(|word| plain(word, &join(path, "in"))).collect::<Result<_, _>>()?)
        }
        (None, None, Some(Value::String(start)), None) => How::Starts(start.clone()),
        (None, None, None, Some(Value::Boolean(exists))) => How::Exists(*exists),
        _ => return error(path, "needs one of: is = value, in = [values], starts = \"text\", exists = true or false"),
    };
    Ok(Test { at, how })
}

fn plain(value: &Value, path: &str) -> Result<String, ConfigError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        _ => error(path, "expected text, a whole number, true or false"),
    }
}

fn text_at<'t>(table: &'t Table, path: &str, key: &str) -> Result<Option<&'t str>, ConfigError> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => error(&join(path, key), "expected text"),
    }
}

fn pointer_at(table: &Table, path: &str, key: &str) -> Result<Option<Pointer>, ConfigError> {
    text_at(table, path, key)?.map(|text| pointer(text, &join(path, key))).transpose()
}

fn pointer(text: &str, path: &str) -> Result<Pointer, ConfigError> {
    match Pointer::parse(text) {
        Some(pointer) => Ok(pointer),
        None => error(
            path,
            format!("{text:?} is no JSON pointer (RFC 6901): it begins with /, and ~ stands as ~0, / as ~1"),
        ),
    }
}
