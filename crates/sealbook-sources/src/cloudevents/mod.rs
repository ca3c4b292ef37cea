//! CloudEvents 1.0 in JSON: one event, a batch, or one per line. Their data is an event of some source, or speaks for itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::carried::{self, Carried, Customs, Wrapping};
use crate::frame;
use crate::generic::Facts;
use crate::hec::scalar;
use crate::item::{Item, Reason, Unmapped, Unreadable};
use crate::json::{self, Value};
use crate::native;
use crate::source::{Source, check_all, read_elements};
use crate::when::rfc3339;

/// The source `cloudevents`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CloudEvents {
    pub customs: Customs,
}

/// Media type of one event with its attributes.
const STRUCTURED: &str = "application/cloudevents+json";
/// The version that is understood.
const VERSION: &str = "1.0";
/// Attributes that every cloud event has.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

impl Source for CloudEvents {
    fn name(&self) -> &str {
        "cloudevents"
    }

    fn version(&self) -> u32 {
        1
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let first = frame::first(head, &[]).and_then(|element| json::parse(element.raw).ok());
        first.is_some_and(|value| REQUIRED.iter().all(|name| value.get(name).text().is_some()))
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        read_elements(body, &[], out, |value, raw, out| {
            let found = self.event(value, raw)?;
            carried::give(found, &wrapping(value), raw, STRUCTURED, out);
            Ok(())
        })
    }
}

impl CloudEvents {
    fn event(&self, value: &Value<'_>, raw: &[u8]) -> Result<Vec<Carried>, Unmapped> {
        check_attributes(value)?;
        let bytes = data(value, raw)?;
        let inside = |error: Unmapped| Unmapped {
            path: if error.path.is_empty() { "data".to_owned() } else { format!("data.{}", error.path) },
            ..error
        };
        let data = json::parse(&bytes).map_err(|error| inside(error.into()))?;
        let mut found = Vec::with_capacity(1);
        if carried::read_value(&data, &bytes, self.customs.all(), &mut found).map_err(inside)? {
            return Ok(found);
        }
        let fact = |name: &str| scalar(data.at(name));
        let facts =
            Facts { value: &fact, name: value.get("type").text(), speaker: None, about: value.get("subject").text() };
        let id = format!(
            "{}#{}",
            value.get("source").text().unwrap_or_default(),
            value.get("id").text().unwrap_or_default()
        );
        let event = facts.event(Some(id), raw).ok_or_else(|| inside(unknown(&data)))?;
        check_all(core::slice::from_ref(&event))?;
        Ok(vec![Carried { event, format: None }])
    }
}

/// Why data is no event: what is nearly a native one is told what it lacks.
fn unknown(data: &Value<'_>) -> Unmapped {
    if data.get("id").is_null() && data.get("kind").is_null() {
        return carried::unknown();
    }
    native::event(native::tree(data.clone())).err().unwrap_or_else(carried::unknown)
}

/// The attributes that must be there, and the version.
fn check_attributes(value: &Value<'_>) -> Result<(), Unmapped> {
    if !value.is_map() {
        return Err(Unmapped::new(Reason::WrongType, "", "is no object; expected a cloud event"));
    }
    for name in REQUIRED {
        match value.get(name) {
            Value::Text(text) if !text.is_empty() => {}
            Value::Null => return Err(Unmapped::missing(name)),
            _ => return Err(Unmapped::new(Reason::WrongType, name, "expected text")),
        }
    }
    if value.get("specversion").text() != Some(VERSION) {
        return Err(Unmapped::new(Reason::Value, "specversion", format!("only {VERSION} is understood")));
    }
    Ok(())
}

/// The bytes of the data, from either member.
fn data(value: &Value<'_>, raw: &[u8]) -> Result<Vec<u8>, Unmapped> {
    let has = |name: &str| value.pairs().iter().any(|(known, _)| known == name);
    match (has("data"), has("data_base64")) {
        (true, false) => {
            let range = frame::member(raw, 0, "data").ok().flatten();
            // JSON inside a text is read too.
            match value.get("data") {
                Value::Text(text) => Ok(text.as_bytes().to_vec()),
                _ => Ok(range.and_then(|(from, to)| raw.get(from..to)).unwrap_or_default().to_vec()),
            }
        }
        (false, true) => {
            let text = value.get("data_base64").text().unwrap_or_default();
            STANDARD.decode(text).map_err(|e| Unmapped::new(Reason::Inner, "data_base64", format!("is no base64: {e}")))
        }
        (true, true) => Err(Unmapped::new(Reason::Value, "data_base64", "stands beside data; send one of them")),
        (false, false) => Err(Unmapped::missing("data")),
    }
}

fn wrapping(value: &Value<'_>) -> Wrapping {
    let label = |name: &str| Some((format!("ce_{name}"), value.get(name).text()?.to_owned()));
    // A trace parent is version, trace, span and flags (W3C Trace Context §3.2).
    let trace = value.get("traceparent").text().and_then(|text| text.split('-').nth(1));
    Wrapping {
        carrier: "cloudevents/1",
        time: rfc3339(value.get("time").text()),
        trace: trace.map(str::to_owned),
        request: None,
        labels: ["id", "source", "type", "subject"].into_iter().filter_map(label).collect(),
    }
}
