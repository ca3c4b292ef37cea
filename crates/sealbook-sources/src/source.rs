//! What every source is, and the one loop that reads bodies of JSON for all of them.

use sealbook_core::event::Event;
use sealbook_core::limits::RAW_BYTES_MAX;

use crate::draft::surely_fits;
use crate::frame::{self, Envelope};
use crate::item::{Item, Reason, Unmapped, Unreadable};
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
        read_elements(body, self.envelopes, out, |value, raw, out| {
            check_map(value)?;
            // Events are held back until all of the element is mapped: it is taken whole or refused whole.
            let mut events = Vec::with_capacity(1);
            (self.map)(value, raw, &mut |event| events.push(event))?;
            check_all(&events)?;
            events.into_iter().for_each(|event| out(Item::of(event, raw, JSON, None)));
            Ok(())
        })
    }
}

/// Takes the elements of a body one by one. `take` gives out what an element holds, or gives out nothing and says why it
/// is refused.
pub(crate) fn read_elements(
    body: &[u8],
    envelopes: &[Envelope<'_>],
    out: &mut dyn FnMut(Item),
    take: impl Fn(&Value<'_>, &[u8], &mut dyn FnMut(Item)) -> Result<(), Unmapped>,
) -> Result<(), Unreadable> {
    for (n, element) in frame::split(body, envelopes)?.iter().enumerate() {
        let taken = check_size(element.raw).map_err(|error| (0, error)).and_then(|()| {
            let value = json::parse(element.raw).map_err(|error| (error.offset, error.into()))?;
            take(&value, element.raw, out).map_err(|error| (0, error))
        });
        if let Err((offset, error)) = taken {
            let reason = error.at(n + 1, element.line, element.offset + offset);
            out(Item::Refused { reason, raw: element.raw.to_vec() });
        }
    }
    Ok(())
}

pub(crate) fn check_map(value: &Value<'_>) -> Result<(), Unmapped> {
    if value.is_map() { Ok(()) } else { Err(Unmapped::new(Reason::WrongType, "", "is no object")) }
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
