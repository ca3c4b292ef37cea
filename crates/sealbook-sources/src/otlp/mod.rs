//! OpenTelemetry logs: export requests as protobuf or JSON. A body that is itself an event of a source is read as such.

mod json_form;
mod proto;
mod record;

use std::collections::HashMap;

use crate::carried::{self, Carried, Customs, Wrapping};
use crate::frame;
use crate::item::{Item, Unmapped, Unreadable};
use crate::json;
use crate::source::{JSON, Source, check_all, check_size};

pub use self::proto::export_response as otlp_response;

/// The source `otlp`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Otlp {
    pub customs: Customs,
}

/// Media type of the binary form.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// One log record with what surrounds it, all as they were received.
pub(crate) struct Place<'a> {
    pub resource: &'a [u8],
    pub scope: &'a [u8],
    pub record: &'a [u8],
    /// Bytes from the start of the body.
    pub offset: usize,
    /// From 1, where the body has one request per line.
    pub line: Option<usize>,
}

/// The two forms of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Source for Otlp {
    fn name(&self) -> &str {
        "otlp"
    }

    fn version(&self) -> u32 {
        1
    }

    fn recognises(&self, head: &[u8]) -> bool {
        if proto::is_request(head) {
            return true;
        }
        let first = frame::first(head, &[&["resourceLogs"]]).and_then(|element| json::parse(element.raw).ok());
        first.is_some_and(|value| !value.get("scopeLogs").is_null())
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        let (form, places) = if proto::is_request(body) {
            (Form::Protobuf, proto::places(body)?)
        } else {
            (Form::Json, json_form::places(body)?)
        };
        let mut seen = HashMap::new();
        for (n, place) in places.into_iter().enumerate() {
            let (place, original) = match place {
                Ok(place) => {
                    let original = if form == Form::Protobuf { proto::alone(&place) } else { json_form::alone(&place) };
                    (place, original)
                }
                Err((error, element)) => {
                    let reason = error.at(n + 1, element.line, element.offset);
                    out(Item::Refused { reason, raw: element.raw.to_vec() });
                    continue;
                }
            };
            match self.one(&place, &original, form, &mut seen) {
                Ok((found, wrapping)) => carried::give(found, &wrapping, &original, form.media_type(), out),
                Err(error) => {
                    out(Item::Refused { reason: error.at(n + 1, place.line, place.offset), raw: original });
                }
            }
        }
        Ok(())
    }
}

impl Form {
    fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        }
    }
}

impl Otlp {
    fn one(
        &self,
        place: &Place<'_>,
        original: &[u8],
        form: Form,
        seen: &mut HashMap<blake3::Hash, usize>,
    ) -> Result<(Vec<Carried>, Wrapping), Unmapped> {
        check_size(original)?;
        let record = match form {
            Form::Protobuf => proto::record(place)?,
            Form::Json => json_form::record(place)?,
        };
        let wrapping = record.wrapping();
        if let Some(body) = record.object() {
            let value = json::parse(&body)?;
            let mut found = Vec::with_capacity(1);
            if carried::read_value(&value, &body, self.customs.all(), &mut found)? {
                return Ok((found, wrapping));
            }
        }
        // Records of one request may be alike in every byte: the second is another record.
        let hash = blake3::hash(original);
        let number = seen.entry(hash).and_modify(|n| *n += 1).or_insert(1);
        let id = if *number == 1 { format!("blake3:{hash}") } else { format!("blake3:{hash}#{number}") };
        let event = record.event(id, original).ok_or_else(carried::unknown)?;
        check_all(core::slice::from_ref(&event))?;
        Ok((vec![Carried { event, format: None }], wrapping))
    }
}

/// A log record in either form.
pub(crate) type Attributes = Vec<(String, serde_json::Value)>;

#[cfg(test)]
mod tests;
