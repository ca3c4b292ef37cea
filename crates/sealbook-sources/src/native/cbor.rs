//! Native events as CBOR (RFC 8949): one map, a list of maps, or maps in a row (RFC 8742).

use ciborium::value::Value as Cbor;
use sealbook_core::record::Tree;

use super::{event, item};
use crate::item::{Item, Reason, Unmapped, Unreadable};
use crate::source::check_size;

/// Media type of CBOR elements.
const CBOR: &str = "application/cbor";

/// Levels of maps and lists inside each other; events need four.
const DEPTH_MAX: usize = 16;

/// Tag of "this is CBOR" (RFC 8949 §3.4.6).
const SELF_DESCRIBED: [u8; 3] = [0xd9, 0xd9, 0xf7];

/// First three bits of a list (RFC 8949 §3.1).
const MAJOR_LIST: u8 = 4;

/// End of a list of unknown length (RFC 8949 §3.2.1).
const BREAK: u8 = 0xff;

/// Tag of an RFC 3339 text (RFC 8949 §3.4.1).
const TIME_TEXT: u64 = 0;

/// Whether the first byte starts a CBOR list, map or tag; none of these can start JSON.
pub(super) fn looks_like(body: &[u8]) -> bool {
    // The byte order mark that JSON may start with is no CBOR: 0xef is a reserved simple value.
    matches!(body.first(), Some(0x80..=0xdb))
}

/// The first map, as names and values.
pub(super) fn first(head: &[u8]) -> Option<Tree> {
    let start = start_of(head, 0);
    let at = list_head(head, start).map_or(start, |(_, first)| first);
    let (value, _) = next(head, at).ok()?;
    tree(value, "").ok()
}

pub(super) fn read(body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
    // All items are found first: a body that ends inside an item is refused as a whole.
    let mut items = Vec::new();
    let mut at = start_of(body, 0);
    while at < body.len() {
        at = match list_head(body, at) {
            None => one(body, at, &mut items)?,
            Some((count, first)) => list(body, first, count, &mut items)?,
        };
        at = start_of(body, at);
    }
    for (n, (offset, value, raw)) in items.into_iter().enumerate() {
        let read = check_size(raw).and_then(|()| tree(value, "")).and_then(event);
        let read = read.map_err(|error| error.at(n + 1, None, offset));
        out(item(read, raw, CBOR));
    }
    Ok(())
}

/// Offset in the body, value, bytes.
type Found<'a> = (usize, Cbor, &'a [u8]);

/// Reads one item; gives the offset after it.
fn one<'a>(body: &'a [u8], at: usize, items: &mut Vec<Found<'a>>) -> Result<usize, Unreadable> {
    let (value, end) = next(body, at)?;
    items.push((at, value, body.get(at..end).unwrap_or_default()));
    Ok(end)
}

/// Reads the items of a list, so that each keeps its own bytes; gives the offset after the list.
fn list<'a>(
    body: &'a [u8],
    mut at: usize,
    count: Option<u64>,
    items: &mut Vec<Found<'a>>,
) -> Result<usize, Unreadable> {
    let mut left = count;
    loop {
        match left {
            Some(0) => return Ok(at),
            Some(more) => left = Some(more - 1),
            None if body.get(at) == Some(&BREAK) => return Ok(at + 1),
            None => {}
        }
        at = one(body, at, items)?;
    }
}

/// If a list starts here: how many items it has (`None`: until a break), and where the first one starts.
fn list_head(body: &[u8], at: usize) -> Option<(Option<u64>, usize)> {
    let first = *body.get(at)?;
    if first >> 5 != MAJOR_LIST {
        return None;
    }
    let width = match first & 0x1f {
        few @ 0..=23 => return Some((Some(u64::from(few)), at + 1)),
        31 => return Some((None, at + 1)),
        width @ 24..=27 => 1_usize << (width - 24),
        _ => return None,
    };
    let digits = body.get(at + 1..at + 1 + width)?;
    let count = digits.iter().fold(0, |n, d| (n << 8) | u64::from(*d));
    Some((Some(count), at + 1 + width))
}

/// Skips the tag that says "this is CBOR".
fn start_of(body: &[u8], at: usize) -> usize {
    let marked = body.get(at..).is_some_and(|rest| rest.starts_with(&SELF_DESCRIBED));
    if marked { at + SELF_DESCRIBED.len() } else { at }
}

/// The item at `at`, and the offset after it.
fn next(body: &[u8], at: usize) -> Result<(Cbor, usize), Unreadable> {
    let mut rest = body.get(at..).unwrap_or_default();
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).map_err(
        |e: ciborium::de::Error<std::io::Error>| {
            let (after, problem) = match e {
                ciborium::de::Error::Io(_) => (0, "ends inside this CBOR item".to_owned()),
                ciborium::de::Error::Syntax(after) => (after, "is no CBOR".to_owned()),
                ciborium::de::Error::Semantic(after, problem) => (after.unwrap_or_default(), problem),
                ciborium::de::Error::RecursionLimitExceeded => {
                    (0, format!("is nested more than {DEPTH_MAX} levels deep"))
                }
            };
            Unreadable { offset: at + after, problem }
        },
    )?;
    Ok((value, body.len() - rest.len()))
}

/// Names and values; repeated names are refused when the event is read, inside labels too.
fn tree(value: Cbor, path: &str) -> Result<Tree, Unmapped> {
    Ok(match value {
        Cbor::Null => Tree::Null,
        Cbor::Bool(flag) => Tree::Bool(flag),
        Cbor::Integer(number) => {
            i64::try_from(number).map_or_else(|_| Tree::Number(i128::from(number).to_string()), Tree::Int)
        }
        Cbor::Float(number) => Tree::Number(number.to_string()),
        Cbor::Text(text) => Tree::Text(text),
        Cbor::Tag(TIME_TEXT, inner) if inner.is_text() => tree(*inner, path)?,
        Cbor::Array(items) => Tree::List(
            items
                .into_iter()
                .enumerate()
                .map(|(n, item)| tree(item, &join(path, &n.to_string())))
                .collect::<Result<_, _>>()?,
        ),
        Cbor::Map(pairs) => Tree::Map(
            pairs
                .into_iter()
                .map(|(name, value)| match name {
                    Cbor::Text(name) => {
                        let value = tree(value, &join(path, &name))?;
                        Ok((name, value))
                    }
                    _ => Err(Unmapped::new(Reason::Syntax, path, "has a name that is no text")),
                })
                .collect::<Result<_, _>>()?,
        ),
        Cbor::Bytes(_) => return Err(Unmapped::new(Reason::WrongType, path, "is a byte string; expected text")),
        Cbor::Tag(tag, _) => {
            let problem = format!("has the unknown tag {tag}");
            return Err(Unmapped::new(Reason::WrongType, path, problem));
        }
        _ => {
            return Err(Unmapped::new(Reason::WrongType, path, "is a CBOR value that events do not have"));
        }
    })
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Native;
    use super::*;
    use crate::source::Source;

    fn text(t: &str) -> Cbor {
        Cbor::Text(t.into())
    }

    fn good(id: &str) -> Cbor {
        Cbor::Map(vec![
            (text("id"), text(id)),
            (text("kind"), text("issuance")),
            (text("occurred_at"), Cbor::Tag(0, Box::new(text("2026-02-03T04:05:06Z")))),
            (text("subject"), Cbor::Map(vec![(text("id"), text("s")), (text("type"), text("token"))])),
            (text("outcome"), text("success")),
        ])
    }

    fn bytes(value: &Cbor) -> Vec<u8> {
        let mut out = Vec::new();
        ciborium::into_writer(value, &mut out).unwrap();
        out
    }

    fn read_all(body: &[u8]) -> Vec<Item> {
        let mut found = Vec::new();
        Native.read(body, &mut |item| found.push(item)).unwrap();
        found
    }

    #[test]
    fn maps_in_a_row_keep_their_exact_bytes() {
        let parts = [bytes(&good("a")), bytes(&good("b")), bytes(&good("c"))];
        let items = read_all(&parts.concat());
        let raws: Vec<_> = items
            .into_iter()
            .map(|item| match item {
                Item::Event(mapped) => mapped.raw,
                Item::Refused { reason, .. } => panic!("{reason}"),
            })
            .collect();
        assert_eq!(raws, parts);
        assert!(Native.recognises(&parts[0]));
    }

    #[test]
    fn a_list_and_a_self_described_map_are_read() {
        let map = bytes(&good("a"));
        let heads: [&[u8]; 4] = [&[0x82], &[0x98, 2], &[0x9b, 0, 0, 0, 0, 0, 0, 0, 2], &[0x9f]];
        for head in heads {
            let mut body = [head, &map, &map].concat();
            if head == [0x9f] {
                body.push(BREAK);
            }
            let items = read_all(&body);
            assert_eq!(items.len(), 2);
            assert!(items.iter().all(|item| matches!(item, Item::Event(m) if m.raw == map)));
            assert!(Native.recognises(&body));
        }
        let tagged = [&SELF_DESCRIBED, &map[..]].concat();
        assert!(matches!(&read_all(&tagged)[..], [Item::Event(m)] if m.raw == map));
        assert!(read_all(&[0x80]).is_empty());
    }

    #[test]
    fn a_repeated_name_and_foreign_values_are_refused_by_path() {
        let mut twice = good("a");
        let pair = twice.as_map().unwrap()[0].clone();
        twice.as_map_mut().unwrap().push(pair);
        let mut blob = good("a");
        blob.as_map_mut().unwrap()[0].1 = Cbor::Bytes(vec![1]);
        let mut key = good("a");
        key.as_map_mut().unwrap()[0].0 = Cbor::Integer(1.into());
        for (value, expected) in [
            (twice, "element 1 (byte 0): id: appears twice"),
            (blob, "element 1 (byte 0): id: is a byte string; expected text"),
            (key, "element 1 (byte 0): has a name that is no text"),
        ] {
            match &read_all(&bytes(&value))[..] {
                [Item::Refused { reason, .. }] => assert_eq!(reason.to_string(), expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_cut_or_bottomless_body_is_unreadable() {
        let whole = bytes(&good("a"));
        for cut in 1..whole.len() {
            assert!(Native.read(&whole[..cut], &mut |_| ()).is_err(), "cut at {cut}");
        }
        let deep = vec![0x81; 100_000];
        let error = Native.read(&deep, &mut |_| ()).unwrap_err();
        assert!(error.problem.contains("16 levels"), "{error}");
        // A list that claims 2^62 elements.
        assert!(Native.read(&[0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0], &mut |_| ()).is_err());
    }
}
