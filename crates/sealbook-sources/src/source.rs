//! What every source is, and the one loop that reads bodies of JSON for all of them.

use sealbook_core::event::Event;
use sealbook_core::limits::RAW_BYTES_MAX;

use crate::draft::surely_fits;
use crate::frame::{self, Element, Envelope};
use crate::item::{Item, Reason, Refusal, Unmapped, Unreadable};
use crate::json::{self, Value};

/// Media type of JSON elements.
pub(crate) const JSON: &str = "application/json";

/// A source: bytes in, events out, no clock, no network.
pub trait Source: Sync {
    /// Its name in paths and in entries.
    fn name(&self) -> &str;

    /// Version of its mapping; every entry says which one made it. It grows whenever the same bytes would give other events.
    fn version(&self) -> u32;

    /// Whether the beginning of a body (at least one whole element of it) looks like this source's.
    fn recognises(&self, head: &[u8]) -> bool;

    /// Reads a whole, decompressed body and calls `out` for each of its elements in order.
    ///
    /// # Errors
    /// The body as a whole is not of this format. `out` was not called then.
    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable>;
}

/// Maps one element to its events: usually one, several where a source packs several acts into one line.
pub(crate) type Map = fn(&Value<'_>, &[u8], &mut dyn FnMut(Event)) -> Result<(), Unmapped>;

/// A source whose bodies are JSON.
pub(crate) struct JsonSource {
    pub name: &'static str,
    pub version: u32,
    pub envelopes: &'static [Envelope<'static>],
    /// Whether an element is of this source.
    pub recognises: fn(&Value<'_>) -> bool,
    pub map: Map,
}

impl JsonSource {
    /// Whether a body is one of its envelopes, with an element of its own inside.
    pub fn opens(&self, body: &[u8]) -> bool {
        !self.envelopes.is_empty() && self.recognises(body)
    }
}

impl Source for JsonSource {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn recognises(&self, head: &[u8]) -> bool {
        frame::first(head, self.envelopes)
            .and_then(|element| json::parse(element.raw).ok())
            .is_some_and(|value| (self.recognises)(&value))
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        let elements = frame::split(body, self.envelopes)?;
        for (n, element) in elements.iter().enumerate() {
            if let Err(reason) = read_one(n + 1, element, self.map, out) {
                out(Item::Refused { reason, raw: element.raw.to_vec() });
            }
        }
        Ok(())
    }
}

fn read_one(number: usize, element: &Element<'_>, map: Map, out: &mut dyn FnMut(Item)) -> Result<(), Refusal> {
    let refusal = |offset: usize, error: Unmapped| error.at(number, element.line, element.offset + offset);
    check_size(element.raw).map_err(|error| refusal(0, error))?;
    let value = json::parse(element.raw).map_err(|e| refusal(e.offset, e.into()))?;
    if !value.is_map() {
        return Err(refusal(0, Unmapped::new(Reason::WrongType, "", "is no object")));
    }
    // Events are held back until all of the element is mapped: it is taken whole or refused whole.
    let mut events = Vec::with_capacity(1);
    map(&value, element.raw, &mut |event| events.push(event))
        .and_then(|()| check_all(&events))
        .map_err(|e| refusal(0, e))?;
    for event in events {
        out(Item::of(event, element.raw, JSON, None));
    }
    Ok(())
}

/// One element must fit beside its entry.
pub(crate) fn check_size(raw: &[u8]) -> Result<(), Unmapped> {
    if raw.len() > RAW_BYTES_MAX {
        let problem = format!("has {} bytes, at most {RAW_BYTES_MAX} are allowed", raw.len());
        return Err(Unmapped::new(Reason::TooLarge, "", problem));
    }
    Ok(())
}

pub(crate) fn check_all(events: &[Event]) -> Result<(), Unmapped> {
    events.iter().try_for_each(|event| if surely_fits(event) { Ok(()) } else { event.check().map_err(Unmapped::from) })
}
