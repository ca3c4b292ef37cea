//! An event in the making: what breaks a limit is left out and named, never cut.

use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::limits::{EVENT_ID_BYTES_MAX, LABEL_NAME_BYTES_MAX, LABELS_MAX, TEXT_BYTES_MAX};
use sealbook_core::record::{FieldId, Scalar};

/// Label that lists the fields which did not fit; the raw bytes have them.
pub(crate) const OMITTED: &str = "omitted";

/// Label with the source's own word where no rule says which kind of event it is: the nearest kind stands then.
pub const UNMAPPED: &str = "unmapped";

/// Id of a subject of which the source says nothing.
pub const UNKNOWN: &str = "unknown";

/// An identity of which the source says nothing.
pub(crate) fn nobody() -> Identity {
    Identity::new(UNKNOWN, IdentityType::Unknown)
}

/// Subject and actor of a step in the life of somebody who is not named: it is not a step in the caller's life.
pub(crate) fn unnamed(caller: Identity) -> (Identity, Option<Identity>) {
    (nobody(), Some(caller).filter(|caller| caller.id != UNKNOWN))
}

/// A record, or nothing where all its fields are absent.
pub(crate) fn filled<T: Default + PartialEq>(record: T) -> Option<T> {
    (record != T::default()).then_some(record)
}

/// The owned form of a text.
pub(crate) fn own(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// An event, and the paths of what was left out of it.
pub(crate) struct Draft {
    pub event: Event,
    omitted: Vec<String>,
}

impl Draft {
    /// An event whose id is `id`, or made from the bytes where the source has no usable one.
    pub fn new(id: Option<String>, raw: &[u8], kind: Kind, subject: Identity, outcome: Outcome) -> Self {
        let mut omitted = Vec::new();
        let id = id.filter(|id| {
            let fits = !id.is_empty() && id.len() <= EVENT_ID_BYTES_MAX;
            if !fits {
                omitted.push("id".to_owned());
            }
            fits
        });
        Self { event: Event::new(id.unwrap_or_else(|| digest_id(raw)), kind, subject, outcome), omitted }
    }

    /// Adds a label where there is a value; one place is kept for [`OMITTED`].
    pub fn label(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value.filter(|v| !v.is_empty()) else {
            return;
        };
        if self.event.labels.len() + 1 >= LABELS_MAX || name.len() > LABEL_NAME_BYTES_MAX {
            self.omitted.push(format!("labels.{name}"));
        } else {
            self.event.labels.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Says that no rule knows this word.
    pub fn unmapped(&mut self, word: &str) {
        self.label(UNMAPPED, Some(word));
    }

    /// Names a field that is left out.
    pub fn omit(&mut self, path: &str) {
        self.omitted.push(path.to_owned());
    }

    /// The event, within every limit.
    pub fn finish(mut self) -> Event {
        if !surely_fits(&self.event) {
            self.trim();
        }
        if !self.omitted.is_empty() {
            let list = self.omitted.join(",");
            let list = if list.len() > TEXT_BYTES_MAX { format!("{} fields", self.omitted.len()) } else { list };
            self.event.labels.insert(OMITTED.to_owned(), list);
        }
        self.event
    }

    fn trim(&mut self) {
        while let Err(error) = self.event.check() {
            let path = error.path;
            if self.event.take_text(&path).is_none() && !self.replace(&path) {
                return; // `read` refuses the event with this very error.
            }
            self.omitted.push(path);
        }
    }

    /// An identity must have an id: one that does not fit stands as unknown.
    fn replace(&mut self, path: &str) -> bool {
        let id = match path {
            "subject.id" => Some(&mut self.event.subject.id),
            "actor.id" => self.event.actor.as_mut().map(|actor| &mut actor.id),
            _ => None,
        };
        id.is_some_and(|id| core::mem::replace(id, UNKNOWN.to_owned()) != UNKNOWN)
    }
}

/// Id made of the bytes themselves, for sources that give none.
pub(crate) fn digest_id(raw: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(raw).to_hex())
}

/// A cheap look that finds nearly every event within the limits; the full check decides for the rest.
pub(crate) fn surely_fits(event: &Event) -> bool {
    let mut fits = event.labels.len() < LABELS_MAX && event.id.len() <= EVENT_ID_BYTES_MAX;
    event.visit(&mut |_: FieldId, value: Scalar<'_>| {
        fits &= match value {
            Scalar::Text(text) => !text.is_empty() && text.len() <= TEXT_BYTES_MAX,
            Scalar::Label(name, text) => {
                !name.is_empty()
                    && name.len() <= LABEL_NAME_BYTES_MAX
                    && !text.is_empty()
                    && text.len() <= TEXT_BYTES_MAX
            }
            Scalar::Time(time) => jiff::Timestamp::from_microsecond(time.0).is_ok(),
            Scalar::Bool(_) => true,
        };
    });
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealbook_core::event::{Context, Resource};
    use sealbook_core::time::Micros;

    fn draft(id: Option<&str>) -> Draft {
        Draft::new(own(id), b"raw", Kind::Decision, nobody(), Outcome::Allow)
    }

    #[test]
    fn a_text_that_breaks_a_limit_is_left_out_and_named() {
        let mut d = draft(Some("e"));
        d.event.action = Some("a".repeat(TEXT_BYTES_MAX + 1));
        d.event.subject.id = "s".repeat(3_000);
        d.event.occurred_at = Some(Micros(i64::MAX));
        d.event.resource = filled(Resource { id: Some("r".repeat(2_000)), ..Resource::default() });
        d.event.context = filled(Context { user_agent: Some("u".repeat(5_000)), ..Context::default() });
        d.label("big", Some(&"b".repeat(2_000)));
        let event = d.finish();
        event.check().unwrap();
        assert_eq!(event.subject.id, UNKNOWN);
        assert_eq!((event.action.as_ref(), event.occurred_at), (None, None));
        assert!(event.resource.unwrap().id.is_some(), "2,000 bytes are within the limit of an id");
        assert_eq!(event.labels[OMITTED], "occurred_at,subject.id,action,context.user_agent,labels.big");
    }

    #[test]
    fn an_event_without_a_usable_id_gets_one_from_its_bytes() {
        assert!(draft(None).finish().id.starts_with("blake3:"));
        let long = draft(Some(&"x".repeat(129))).finish();
        assert_eq!(long.id, draft(None).finish().id);
        assert_eq!(long.labels[OMITTED], "id");
        assert_eq!(draft(Some("e")).finish().labels.len(), 0);
    }

    #[test]
    fn too_many_labels_are_named_or_counted() {
        let mut d = draft(Some("e"));
        for n in 0..40 {
            d.label(&format!("l{n:02}"), Some("v"));
        }
        d.label(&"n".repeat(65), Some("v"));
        d.label("empty", Some(""));
        let event = d.finish();
        event.check().unwrap();
        assert_eq!(event.labels.len(), LABELS_MAX);
        assert!(event.labels[OMITTED].starts_with("labels.l31,labels.l32,"));
        let mut d = draft(Some("e"));
        for n in 0..400 {
            d.label(&format!("l{n:03}"), Some("v"));
        }
        assert_eq!(d.finish().labels[OMITTED], "369 fields");
    }
}
