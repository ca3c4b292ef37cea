//! A source that an operator describes in TOML: JSON pointers, literals, value maps and conditions, no code.

mod config;
mod pick;

use std::collections::BTreeMap;

use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::record::{FieldType, Tree};
use sealbook_core::time::Micros;

use self::pick::{Field, Picked, Pointer, Test};
use crate::draft::Draft;
use crate::frame;
use crate::identity::recognise;
use crate::item::{Item, Reason, Unmapped, Unreadable};
use crate::json::{self, Value};
use crate::source::{JSON, Source, check_all, check_map, read_elements};

pub use self::config::{CONFIG_BYTES_MAX, ConfigError};

/// A source described in TOML.
#[derive(Clone, Debug)]
pub struct Custom {
    name: String,
    version: u32,
    /// Names down to the list of elements inside an envelope, where there is one.
    envelope: Option<Vec<String>>,
    /// What an element must look like to be this source's; empty: it is never guessed.
    when: Vec<Test>,
    /// The source's own sequence number.
    sequence: Option<Pointer>,
    /// Fields of the event by path.
    fields: Vec<Field>,
}

impl Custom {
    /// Reads a description.
    ///
    /// # Errors
    /// Says which key is unknown, missing or wrong, by its path in the file, and what would be right.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        config::read(text)
    }

    pub(crate) fn recognises_value(&self, value: &Value<'_>) -> bool {
        !self.when.is_empty() && self.when.iter().all(|test| test.holds(value))
    }

    pub(crate) fn map(&self, value: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
        if !self.when.iter().all(|test| test.holds(value)) {
            return Err(Unmapped::new(Reason::OtherFormat, "", "does not meet the conditions under `when`"));
        }
        let mut texts = BTreeMap::new();
        let mut guessed = None;
        for field in &self.fields {
            match field.pick(value)? {
                None => {}
                Some(Picked { text, from_else }) => {
                    if let Some(word) = from_else.filter(|_| field.path == "kind") {
                        guessed = Some(word);
                    }
                    texts.insert(field.path.as_str(), (text, field.kind));
                }
            }
        }
        let id = texts.remove("id").map(|(id, _)| id);
        // The identities that the texts name get their canonical form; a type that the mapping states stands.
        let subject = texts.remove("subject.id").ok_or_else(|| Unmapped::missing("subject.id"))?.0;
        let actor = texts.remove("actor.id").map(|(id, _)| id);
        let kind = word(&texts, "kind", Kind::parse)?.ok_or_else(|| Unmapped::missing("kind"))?;
        let outcome = word(&texts, "outcome", Outcome::parse)?.unwrap_or(Outcome::Unknown);
        texts.remove("kind");
        texts.remove("outcome");
        let mut draft = Draft::new(id, raw, kind, Identity::new("unknown", IdentityType::Unknown), outcome);
        let event = core::mem::replace(
            &mut draft.event,
            Event::new("", kind, Identity::new("", IdentityType::Unknown), outcome),
        );
        let mut tree = event.to_tree();
        set(&mut tree, "subject", Tree::Map(identity(subject)));
        if let Some(actor) = actor {
            set(&mut tree, "actor", Tree::Map(identity(actor)));
        }
        for (path, (text, kind)) in texts {
            // A time that cannot be placed exactly is left out, never guessed and no reason to refuse.
            if kind == FieldType::Time && Micros::parse(&text).is_err() {
                draft.omit(path);
                continue;
            }
            set(&mut tree, path, leaf(path, text, kind)?);
        }
        draft.event = Event::from_tree(tree)?;
        if let Some(word) = guessed {
            draft.unmapped(&word);
        }
        emit(draft.finish());
        Ok(())
    }
}

/// A word of an enumeration, checked here so that the refusal names the field.
fn word<T>(
    texts: &BTreeMap<&str, (String, FieldType)>,
    path: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, Unmapped> {
    let Some((text, _)) = texts.get(path) else { return Ok(None) };
    let found = parse(text);
    found.map(Some).ok_or_else(|| Unmapped::new(Reason::UnknownWord, path, format!("{text:?} is no {path}")))
}

fn identity(id: String) -> Vec<(String, Tree)> {
    let identity = recognise(&id).unwrap_or_else(|| Identity::new(id, IdentityType::Unknown));
    let mut pairs = vec![
        ("id".to_owned(), Tree::Text(identity.id)),
        ("type".to_owned(), Tree::Text(identity.kind.word().to_owned())),
    ];
    pairs.extend(identity.issuer.map(|issuer| ("issuer".to_owned(), Tree::Text(issuer))));
    pairs
}

/// A text as the type that its field has.
fn leaf(path: &str, text: String, kind: FieldType) -> Result<Tree, Unmapped> {
    match kind {
        FieldType::Bool => match text.as_str() {
            "true" => Ok(Tree::Bool(true)),
            "false" => Ok(Tree::Bool(false)),
            _ => Err(Unmapped::new(Reason::WrongType, path, format!("{text:?} is neither true nor false"))),
        },
        FieldType::Time => Ok(Micros::parse(&text).map_or(Tree::Text(text), |time| Tree::Text(time.to_string()))),
        _ => Ok(Tree::Text(text)),
    }
}

/// Puts a value at a path of names; what is on the way is made, what is there is replaced.
fn set(tree: &mut Tree, path: &str, value: Tree) {
    let (name, rest) = match path.split_once('.') {
        // The names of labels may hold dots.
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let Tree::Map(pairs) = tree else { return };
    let at = pairs.iter().position(|(known, _)| known == name);
    let inside = rest.map(|rest| {
        let mut inside =
            at.and_then(|at| pairs.get(at).map(|(_, inside)| inside.clone())).unwrap_or(Tree::Map(Vec::new()));
        if name == "labels"
            && let Tree::Map(labels) = &mut inside
        {
            labels.retain(|(known, _)| known != rest);
            labels.push((rest.to_owned(), value.clone()));
        } else {
            set(&mut inside, rest, value.clone());
        }
        inside
    });
    let value = inside.unwrap_or(value);
    match at.and_then(|at| pairs.get_mut(at)) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

impl Source for Custom {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let names: Vec<&str> = self.envelope.iter().flatten().map(String::as_str).collect();
        let envelopes: &[&[&str]] = if names.is_empty() { &[] } else { &[&names] };
        frame::first(head, envelopes)
            .and_then(|element| json::parse(element.raw).ok())
            .is_some_and(|value| self.recognises_value(&value))
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        let names: Vec<&str> = self.envelope.iter().flatten().map(String::as_str).collect();
        let envelopes: &[&[&str]] = if names.is_empty() { &[] } else { &[&names] };
        read_elements(body, envelopes, out, |value, raw, out| {
            let (event, sequence) = self.one(value, raw)?;
            out(Item::of(event, raw, JSON, sequence));
            Ok(())
        })
    }
}

impl Custom {
    fn one(&self, value: &Value<'_>, raw: &[u8]) -> Result<(Event, Option<u64>), Unmapped> {
        check_map(value)?;
        let mut events = Vec::with_capacity(1);
        self.map(value, raw, &mut |event| events.push(event))?;
        check_all(&events)?;
        let sequence = self.sequence.as_ref().and_then(|at| at.find(value)?.int()).and_then(|n| u64::try_from(n).ok());
        let event = events.pop().ok_or_else(|| Unmapped::missing("subject.id"))?;
        Ok((event, sequence))
    }
}

#[cfg(test)]
mod tests;
