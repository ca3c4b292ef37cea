//! What a carrier (OTLP, HEC, Firehose, cloud events) brings is read again as whichever source knows it.

use std::sync::Arc;

use sealbook_core::event::Event;
use sealbook_core::limits::{LABEL_VALUE_BYTES_MAX, LABELS_MAX};
use sealbook_core::time::Micros;

use crate::custom::Custom;
use crate::frame;
use crate::item::{Item, Mapped, Reason, Unmapped};
use crate::json::{self, Value};
use crate::source::{Source, check_all};
use crate::{JSON_SOURCES, native};

/// Label that names the carrier of an element.
pub(crate) const CARRIER: &str = "carrier";

/// An event that was carried, and as what it was read.
pub(crate) struct Carried {
    pub event: Event,
    pub format: Option<(String, u32)>,
}

/// The sources of an operator, which a carrier may bring too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Customs(pub Option<Arc<[Custom]>>);

impl Customs {
    pub const NONE: Self = Self(None);

    pub fn all(&self) -> &[Custom] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Reads the object, or the objects, that `bytes` hold. All become events, or none.
pub(crate) fn read(bytes: &[u8], custom: &[Custom]) -> Result<Vec<Carried>, Unmapped> {
    let elements = frame::split(bytes, &[]).map_err(|e| Unmapped::new(Reason::OtherFormat, "", e.problem))?;
    let mut found = Vec::with_capacity(elements.len());
    for element in elements {
        let value = json::parse(element.raw)?;
        if !read_value(&value, element.raw, custom, &mut found)? {
            return Err(unknown());
        }
    }
    Ok(found)
}

pub(crate) fn unknown() -> Unmapped {
    Unmapped::new(Reason::OtherFormat, "", "is of no format that is known here")
}

/// Gives out what was carried in one element: all events share its bytes.
pub(crate) fn give(
    found: Vec<Carried>,
    wrapping: &Wrapping,
    raw: &[u8],
    media_type: &'static str,
    out: &mut dyn FnMut(Item),
) {
    for Carried { mut event, format } in found {
        wrapping.put_on(&mut event);
        out(Item::Event(Box::new(Mapped { event, raw: raw.to_vec(), media_type, sequence: None, format })));
    }
}

/// Reads one value; false where no source knows it.
pub(crate) fn read_value(
    value: &Value<'_>,
    raw: &[u8],
    custom: &[Custom],
    found: &mut Vec<Carried>,
) -> Result<bool, Unmapped> {
    if !value.is_map() {
        return Ok(false);
    }
    let mut events = Vec::with_capacity(1);
    let format = if let Some(custom) = custom.iter().find(|custom| custom.recognises_value(value)) {
        custom.map(value, raw, &mut |event| events.push(event))?;
        (custom.name().to_owned(), custom.version())
    } else if native::is_native(value) {
        events.push(native::event(native::tree(value.clone()))?);
        (native::Native.name().to_owned(), native::Native.version())
    } else if let Some(source) = JSON_SOURCES.iter().find(|source| (source.recognises)(value)) {
        (source.map)(value, raw, &mut |event| events.push(event))?;
        (source.name.to_owned(), source.version)
    } else {
        return read_envelope(raw, found);
    };
    check_all(&events)?;
    found.extend(events.into_iter().map(|event| Carried { event, format: Some(format.clone()) }));
    Ok(true)
}

/// Reads an envelope of a source, such as `Records` of CloudTrail.
fn read_envelope(raw: &[u8], found: &mut Vec<Carried>) -> Result<bool, Unmapped> {
    let Some(source) = JSON_SOURCES.iter().find(|source| source.opens(raw)) else {
        return Ok(false);
    };
    let format = (source.name.to_owned(), source.version);
    let mut refused = None;
    let read = source.read(raw, &mut |item| match item {
        Item::Event(mapped) => found.push(Carried { event: mapped.event, format: Some(format.clone()) }),
        Item::Refused { reason, .. } => {
            refused.get_or_insert(Unmapped { path: reason.path, reason: reason.reason, problem: reason.problem });
        }
    });
    read.map_err(|error| Unmapped::new(Reason::Syntax, "", error.problem))?;
    refused.map_or(Ok(true), Err)
}

/// What the carrier itself knows of an element.
#[derive(Default)]
pub(crate) struct Wrapping {
    /// Name and version of the carrier.
    pub carrier: &'static str,
    pub time: Option<Micros>,
    pub trace: Option<String>,
    pub request: Option<String>,
    pub labels: Vec<(String, String)>,
}

impl Wrapping {
    /// Adds to the event what it does not say itself. What does not fit is left to the original.
    pub fn put_on(&self, event: &mut Event) {
        event.occurred_at = event.occurred_at.or(self.time);
        if self.trace.is_some() || self.request.is_some() {
            let correlation = event.correlation.get_or_insert_default();
            if correlation.trace.is_none() {
                correlation.trace.clone_from(&self.trace);
            }
            if correlation.request.is_none() {
                correlation.request.clone_from(&self.request);
            }
        }
        let own = std::iter::once((CARRIER.to_owned(), self.carrier.to_owned()));
        for (name, value) in own.chain(self.labels.iter().cloned()) {
            let fits = !value.is_empty() && value.len() <= LABEL_VALUE_BYTES_MAX;
            if fits && event.labels.len() < LABELS_MAX {
                event.labels.entry(name).or_insert(value);
            }
        }
    }
}
