//! Picks one field of an event out of an element: alternatives, conditions, pointers, maps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sealbook_core::record::FieldType;

use crate::item::{Reason, Unmapped};
use crate::json::Value;
use crate::when::{epoch_micros, epoch_millis};

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    text: String,
    steps: Vec<String>,
}

impl Pointer {
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        // `~` stands only before 0 and 1 (RFC 6901 §3).
        let sound = rest.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        let steps = rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        sound.then(|| Self { text: text.to_owned(), steps })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    pub fn find<'v, 'a>(&self, value: &'v Value<'a>) -> Option<&'v Value<'a>> {
        self.steps.iter().try_fold(value, |value, step| match value {
            Value::Map(pairs) => pairs.iter().find(|(name, _)| name == step).map(|(_, value)| value),
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

/// A scalar as text; nothing for null, lists, objects and empty texts.
pub(super) fn scalar<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        Value::Float(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        _ => None,
    }
}

/// What must hold at a place of the element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Something other than null is there, or nothing is.
    Exists(bool),
    /// One of these texts.
    In(Vec<String>),
    /// A text that begins so.
    Starts(String),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub at: Pointer,
    pub how: How,
}

impl Test {
    pub fn holds(&self, value: &Value<'_>) -> bool {
        let found = self.at.find(value);
        match &self.how {
            How::Exists(wanted) => found.is_some_and(|found| !found.is_null()) == *wanted,
            How::In(words) => found.and_then(scalar).is_some_and(|text| words.iter().any(|word| *word == text)),
            How::Starts(start) => found.and_then(scalar).is_some_and(|text| text.starts_with(start.as_str())),
        }
    }
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Rfc3339,
    EpochSeconds,
    EpochMillis,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// These words themselves.
    Text(String),
    /// The first of these places that holds something.
    First(Vec<Pointer>),
}

/// One way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub when: Vec<Test>,
    pub from: From,
    pub map: Option<BTreeMap<String, String>>,
    pub otherwise: Option<String>,
    pub prefix: Option<String>,
    pub clock: Clock,
}

/// A field of the event and the ways to its value, of which the first that gives one holds.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub path: String,
    pub kind: FieldType,
    pub choices: Vec<Choice>,
}

/// A value that was found.
pub(super) struct Picked {
    pub text: String,
    /// The word that the map does not know, where the value is that of `else`.
    pub from_else: Option<String>,
}

impl Field {
    /// # Errors
    /// When a word was found that no map knows, and nothing else gives a value.
    pub fn pick(&self, value: &Value<'_>) -> Result<Option<Picked>, Unmapped> {
        let mut unknown = None;
        for choice in &self.choices {
            if !choice.when.iter().all(|test| test.holds(value)) {
                continue;
            }
            let (place, found) = choice.found(value);
            let mapped = match (&choice.map, found) {
                (Some(map), Some(word)) => match map.get(&word) {
                    Some(mapped) => Some(mapped.clone()),
                    None => {
                        unknown = Some((place, word));
                        None
                    }
                },
                (_, found) => found,
            };
            let mapped = mapped.map(|text| choice.written(text, self.kind));
            match (mapped, &choice.otherwise) {
                (Some(text), _) => return Ok(Some(Picked { text, from_else: None })),
                (None, Some(otherwise)) => {
                    let from_else = unknown.map(|(_, word)| word);
                    return Ok(Some(Picked { text: otherwise.clone(), from_else }));
                }
                (None, None) => {}
            }
        }
        match unknown {
            None => Ok(None),
            Some((place, word)) => {
                let problem = format!("{place} holds {word:?}, which the map does not know; add it, or an `else`");
                Err(Unmapped::new(Reason::UnknownWord, &self.path, problem))
            }
        }
    }
}

impl Choice {
    /// The place and what it holds.
    fn found<'c>(&'c self, value: &Value<'_>) -> (&'c str, Option<String>) {
        match &self.from {
            From::Text(text) => ("", Some(text.clone())),
            From::First(places) => {
                let found = places.iter().find_map(|place| {
                    let text = scalar(place.find(value)?)?;
                    Some((place.text(), Some(text.into_owned())))
                });
                found.unwrap_or(("", None))
            }
        }
    }

    /// The value with its prefix, times as RFC 3339. A time that cannot be read stays as it is, to be refused by name.
    fn written(&self, text: String, kind: FieldType) -> String {
        let time = match (kind, self.clock) {
            (FieldType::Time, Clock::EpochSeconds) => epoch_micros(&text),
            (FieldType::Time, Clock::EpochMillis) => epoch_millis(text.parse().ok()),
            _ => None,
        };
        let text = time.map_or(text.clone(), |time| time.to_string());
        match &self.prefix {
            Some(prefix) => format!("{prefix}{text}"),
            None => text,
        }
    }
}
