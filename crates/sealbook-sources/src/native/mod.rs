//! Sealbook's own event format: JSON as an object, an array or one object per line, or CBOR items in a row.

mod cbor;

use sealbook_core::event::{Event, Kind};
use sealbook_core::record::Tree;

use crate::frame;
use crate::item::{Item, Mapped, Refusal, Unmapped, Unreadable};
use crate::json::{self, Value};
use crate::source::{JSON, Source, check_size};

/// The source `native`.
pub(crate) struct Native;

impl Source for Native {
    fn name(&self) -> &str {
        "native"
    }

    fn version(&self) -> u32 {
        1
    }

    fn recognises(&self, head: &[u8]) -> bool {
        if cbor::looks_like(head) {
            return cbor::first(head).is_some_and(|tree| is_event(&tree));
        }
        frame::first(head, &[])
            .and_then(|element| json::parse(element.raw).ok())
            .is_some_and(|value| is_event(&tree(value)))
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        if cbor::looks_like(body) {
            return cbor::read(body, out);
        }
        for (n, element) in frame::split(body, &[])?.into_iter().enumerate() {
            let place = |offset, error: Unmapped| error.at(n + 1, element.line, element.offset + offset);
            let read = check_size(element.raw)
                .map_err(|e| place(0, e))
                .and_then(|()| json::parse(element.raw).map_err(|e| place(e.offset, e.into())))
                .and_then(|value| event(tree(value)).map_err(|e| place(0, e)));
            out(item(read, element.raw, JSON));
        }
        Ok(())
    }
}

fn item(read: Result<Event, Refusal>, raw: &[u8], media_type: &'static str) -> Item {
    let raw = raw.to_vec();
    match read {
        Ok(event) => Item::Event(Box::new(Mapped { event, raw, media_type, sequence: None, format: None })),
        Err(reason) => Item::Refused { reason, raw },
    }
}

/// An event from names and values, within every limit.
pub(crate) fn event(tree: Tree) -> Result<Event, Unmapped> {
    let event = Event::from_tree(tree)?;
    event.check()?;
    Ok(event)
}

/// Whether a value looks like an event of this format.
pub(crate) fn is_native(value: &Value<'_>) -> bool {
    let kind = value.get("kind").text().is_some_and(|word| Kind::parse(word).is_some());
    kind && value.get("subject").is_map() && value.get("id").text().is_some()
}

fn is_event(tree: &Tree) -> bool {
    let Tree::Map(pairs) = tree else {
        return false;
    };
    let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    matches!(value("kind"), Some(Tree::Text(word)) if Kind::parse(word).is_some())
        && matches!(value("subject"), Some(Tree::Map(_)))
        && matches!(value("id"), Some(Tree::Text(_)))
}

pub(crate) fn tree(value: Value<'_>) -> Tree {
    match value {
        Value::Null => Tree::Null,
        Value::Bool(flag) => Tree::Bool(flag),
        Value::Int(number) => Tree::Int(number),
        Value::Float(number) => Tree::Number(number.to_string()),
        Value::Text(text) => Tree::Text(text.into_owned()),
        Value::List(items) => Tree::List(items.into_iter().map(tree).collect()),
        Value::Map(pairs) => {
            Tree::Map(pairs.into_iter().map(|(name, value)| (name.into_owned(), tree(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"id":"e1","kind":"decision","subject":{"id":"spiffe://t/a","type":"workload"},"outcome":"allow"}"#;

    fn read(body: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        Native
            .read(body, &mut |item| {
                found.push(match item {
                    Item::Event(mapped) => format!("event {}", mapped.event.id),
                    Item::Refused { reason, .. } => reason.to_string(),
                });
            })
            .unwrap();
        found
    }

    #[test]
    fn one_event_an_array_and_lines_are_read() {
        assert_eq!(read(GOOD.as_bytes()), ["event e1"]);
        assert_eq!(read(format!("[{GOOD}, {GOOD}]").as_bytes()).len(), 2);
        assert_eq!(read(format!("{GOOD}\n{GOOD}\n").as_bytes()).len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_field() {
        let cases = [
            (r#""id":"e1","#, "", "line 2 (byte 98): id: is missing"),
            (r#""id":"spiffe://t/a","#, "", "line 2 (byte 98): subject.id: is missing"),
            (
                "allow",
                "perhaps",
                "line 2 (byte 98): outcome: \"perhaps\" is none of allow, deny, success, failure, error, unknown",
            ),
            (r#""id":"e1""#, r#""id":1"#, "line 2 (byte 98): id: expected text, found a number"),
            (r#""id":"e1""#, r#""id":"e1","id":"e2""#, "line 2 (byte 112): id: appears twice"),
            (r#""id":"e1""#, r#""id":"""#, "line 2 (byte 98): id: is empty; leave the field out instead"),
            (
                r#""id":"e1""#,
                r#""id":"e1","colour":"red""#,
                "line 2 (byte 98): colour: unknown field; known here: id, kind,",
            ),
            (
                r#""id":"e1""#,
                r#""id":"e1","occurred_at":"2026-01-01""#,
                "line 2 (byte 98): occurred_at: \"2026-01-01\" is no RFC 3339 time",
            ),
            (r#""e1""#, "99999999999999999999999", "line 2 (byte 98): id: expected text, found a number"),
        ];
        for (from, to, expected) in cases {
            let body = format!("{GOOD}\n{}", GOOD.replacen(from, to, 1));
            let found = read(body.as_bytes());
            assert!(found[1].starts_with(expected), "{} is not {expected}", found[1]);
        }
    }

    #[test]
    fn a_limit_is_named_with_the_size() {
        let body = GOOD.replace("e1", &"x".repeat(129));
        assert_eq!(read(body.as_bytes()), ["line 1 (byte 0): id: has 129 bytes, at most 128 are allowed"]);
    }
}
