//! Splunk HTTP Event Collector: objects one after the other, each an event of some source in a wrapping.

use serde_json::Value as Json;

use crate::carried::{self, Carried, Customs, Wrapping};
use crate::custom::Custom;
use crate::frame;
use crate::generic::Facts;
use crate::item::{Item, Reason, Unmapped, Unreadable};
use crate::json::{self, Value};
use crate::source::{JSON, Source, check_all, check_map, read_elements};
use crate::when::{epoch_micros, rfc3339};

/// The source `hec`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hec {
    pub customs: Customs,
}

/// The names that the wrapping may have.
const NAMES: [&str; 7] = ["time", "host", "source", "sourcetype", "index", "event", "fields"];

impl Source for Hec {
    fn name(&self) -> &str {
        "hec"
    }

    fn version(&self) -> u32 {
        1
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let first = frame::first(head, &[]).and_then(|element| json::parse(element.raw).ok());
        first.is_some_and(|value| {
            let known = value.pairs().iter().all(|(name, _)| NAMES.contains(&name.as_ref()));
            known && value.pairs().len() > 1 && !value.get("event").is_null()
        })
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        read_elements(body, &[], out, |value, raw, out| {
            let found = self.event(value, raw)?;
            carried::give(found, &wrapping(value), raw, JSON, out);
            Ok(())
        })
    }
}

impl Hec {
    fn event(&self, value: &Value<'_>, raw: &[u8]) -> Result<Vec<Carried>, Unmapped> {
        check_map(value)?;
        if let Some((name, _)) = value.pairs().iter().find(|(name, _)| !NAMES.contains(&name.as_ref())) {
            return Err(Unmapped::new(
                Reason::UnknownField,
                name,
                format!("unknown field; known here: {}", NAMES.join(", ")),
            ));
        }
        let inside = |error: Unmapped| Unmapped { path: join("event", &error.path), ..error };
        let sort = value.get("sourcetype").text();
        match value.get("event") {
            Value::Null => Err(Unmapped::missing("event")),
            Value::Text(text) if text.is_empty() => Err(Unmapped::new(Reason::Value, "event", "is empty")),
            Value::Text(text) => carried::read(text.as_bytes(), self.customs.all()).map_err(inside),
            event => {
                let range = frame::member(raw, 0, "event").ok().flatten();
                let bytes = range.and_then(|(from, to)| raw.get(from..to)).unwrap_or(raw);
                self.object(event, bytes, sort).map_err(inside)
            }
        }
    }

    fn object(&self, event: &Value<'_>, bytes: &[u8], sort: Option<&str>) -> Result<Vec<Carried>, Unmapped> {
        // The sender may name the source that an operator described.
        if let Some(custom) = self.customs.all().iter().find(|custom| Some(custom.name()) == sort) {
            return described(custom, event, bytes);
        }
        let mut found = Vec::with_capacity(1);
        if carried::read_value(event, bytes, self.customs.all(), &mut found)? {
            return Ok(found);
        }
        let name = ["event.name", "name", "type", "event", "action"].iter().find_map(|path| event.at(path).text());
        let value = |name: &str| scalar(event.at(name));
        let facts = Facts { value: &value, name: name.or(sort), speaker: None, about: None };
        let event = facts.event(None, bytes).ok_or_else(carried::unknown)?;
        check_all(core::slice::from_ref(&event))?;
        Ok(vec![Carried { event, format: None }])
    }
}

fn described(custom: &Custom, event: &Value<'_>, bytes: &[u8]) -> Result<Vec<Carried>, Unmapped> {
    let format = Some((custom.name().to_owned(), custom.version()));
    let mut found = Vec::with_capacity(1);
    custom.map(event, bytes, &mut |event| found.push(Carried { event, format: format.clone() }))?;
    Ok(found)
}

/// A scalar as text.
pub(crate) fn scalar(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn join(name: &str, rest: &str) -> String {
    if rest.is_empty() { name.to_owned() } else { format!("{name}.{rest}") }
}

fn wrapping(value: &Value<'_>) -> Wrapping {
    let time = match value.get("time") {
        // Seconds with a fraction, as a number or as text.
        Value::Int(seconds) => epoch_micros(&seconds.to_string()),
        Value::Float(seconds) => epoch_micros(&Json::from(*seconds).to_string()),
        Value::Text(text) => epoch_micros(text).or_else(|| rfc3339(Some(text))),
        _ => None,
    };
    let label = |name: &str| Some((format!("hec_{name}"), value.get(name).text()?.to_owned()));
    let labels = ["host", "source", "sourcetype"].into_iter().filter_map(label).collect();
    Wrapping { carrier: "hec/1", time, labels, ..Wrapping::default() }
}
