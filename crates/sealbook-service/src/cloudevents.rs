//! CloudEvents 1.0 whose data is an event of a source: structured, batched, and the headers of binary mode.

use axum::http::HeaderMap;
use sealbook_core::note::decode_base64;
use sealbook_sources::json::{self, Value};
use sealbook_sources::{Item, Reason, Refusal, Source, Unmapped, Unreadable};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::problem::Problem;

/// Media type of one event in structured mode.
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
/// Media type of a batch.
pub(crate) const BATCHED: &str = "application/cloudevents-batch+json";
/// The version that is understood.
const VERSION: &str = "1.0";
/// Attributes that every cloud event has.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

/// Where the data of a cloud event is; the other attributes are checked on the strict reading of the same bytes.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

/// Reads cloud events. The original of each entry is the whole cloud event.
pub(crate) fn read(body: &[u8], batch: bool, format: &dyn Source, out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
    let unreadable = |error: serde_json::Error| Unreadable { offset: 0, problem: format!("no cloud event: {error}") };
    let elements: Vec<&RawValue> = if batch {
        serde_json::from_slice(body).map_err(unreadable)?
    } else {
        vec![serde_json::from_slice(body).map_err(unreadable)?]
    };
    for (n, raw) in elements.into_iter().enumerate() {
        let bytes = raw.get().as_bytes();
        let offset = (bytes.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
        let mut found = Vec::new();
        if let Err(error) = open(bytes, format, &mut found) {
            out(Item::Refused { reason: error.at(n + 1, None, offset), raw: bytes.to_vec() });
            continue;
        }
        for item in found {
            out(enclose(item, n + 1, offset, bytes));
        }
    }
    Ok(())
}

fn open(bytes: &[u8], format: &dyn Source, found: &mut Vec<Item>) -> Result<(), Unmapped> {
    let value = json::parse(bytes)?;
    if !value.is_map() {
        return Err(Unmapped::new(Reason::WrongType, "", "expected an object, the cloud event"));
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
    let envelope: Envelope<'_> = serde_json::from_slice(bytes)
        .map_err(|error| Unmapped::new(Reason::WrongType, "data_base64", error.to_string()))?;
    let data = match (envelope.data, envelope.data_base64) {
        (Some(data), None) => data.get().as_bytes().to_vec(),
        (None, Some(text)) => {
            decode_base64(&text).ok_or_else(|| Unmapped::new(Reason::Inner, "data_base64", "is no base64"))?
        }
        (Some(_), Some(_)) => {
            return Err(Unmapped::new(Reason::Value, "data_base64", "stands beside data; send one of them"));
        }
        (None, None) => return Err(Unmapped::missing("data")),
    };
    let read = format.read(&data, &mut |item| found.push(item));
    read.map_err(|error| Unmapped::new(Reason::Inner, "data", error.problem))
}

/// Puts the whole cloud event in the place of its data.
fn enclose(item: Item, element: usize, offset: usize, bytes: &[u8]) -> Item {
    match item {
        Item::Event(mut mapped) => {
            mapped.raw = bytes.to_vec();
            mapped.media_type = STRUCTURED;
            Item::Event(mapped)
        }
        Item::Refused { mut reason, .. } => {
            let path = if reason.path.is_empty() { "data".to_owned() } else { format!("data.{}", reason.path) };
            reason = Refusal { element, line: None, offset, path, ..reason };
            Item::Refused { reason, raw: bytes.to_vec() }
        }
    }
}

/// What binary mode says in headers.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    id: String,
    source: String,
    kind: String,
}

impl Attributes {
    /// Reads them where there are any.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let text = |name: &'static str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
            value.map(str::to_owned).ok_or_else(|| {
                let mut problem = Problem::bad_request("bad-cloudevent", format!("the header {name} is missing"));
                problem.field = Some(name.to_owned());
                problem
            })
        };
        if !headers.contains_key("ce-specversion") {
            return Ok(None);
        }
        let version = text("ce-specversion")?;
        if version != VERSION {
            let detail = format!("ce-specversion {version:?}: only {VERSION} is understood");
            return Err(Problem::bad_request("bad-cloudevent", detail));
        }
        Ok(Some(Self { id: text("ce-id")?, source: text("ce-source")?, kind: text("ce-type")? }))
    }

    /// Keeps them with the event, as labels: they are not in its bytes.
    pub(crate) fn attach(&self, mut item: Item) -> Item {
        if let Item::Event(mapped) = &mut item {
            for (name, value) in [("ce_id", &self.id), ("ce_source", &self.source), ("ce_type", &self.kind)] {
                mapped.event.labels.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
        item
    }
}
