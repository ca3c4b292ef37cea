//! Strict JSON: no repeated names, bounded depth, errors with byte offset and path; texts borrowed from the input.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::item::Reason;

/// Levels of lists and objects inside each other. The widest real objects (schemas of custom resources) stay below;
/// the parser beneath stops at 128.
pub const DEPTH_MAX: usize = 120;

/// Names of one object up to which looking at all pairs is cheaper than hashing.
const PAIRWISE_NAMES_MAX: usize = 16;

/// A JSON value. Names within one object are unique.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer of 64 bits with sign.
    Int(i64),
    /// Any other number; digits may be lost, the original bytes have them.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Value<'a>>),
    /// Names and values in the order of the input.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

static NULL: Value<'static> = Value::Null;

impl<'a> Value<'a> {
    /// The value of a name; [`Value::Null`] where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &Value<'a> {
        self.pairs().iter().find(|(key, _)| key == name).map_or(&NULL, |(_, value)| value)
    }

    /// The value below several names joined by dots.
    #[must_use]
    pub fn at(&self, path: &str) -> &Value<'a> {
        path.split('.').fold(self, |value, name| value.get(name))
    }

    /// The value of a name, whatever the case of its letters; [`Value::Null`] where there is none.
    #[must_use]
    pub fn any_case(&self, name: &str) -> &Value<'a> {
        self.pairs().iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or(&NULL, |(_, value)| value)
    }

    /// The same value, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Map(pairs) => {
                let pair =
                    |(name, value): (Cow<'a, str>, Value<'a>)| (Cow::Owned(name.into_owned()), value.into_owned());
                Value::Map(pairs.into_iter().map(pair).collect())
            }
        }
    }

    /// Text that is not empty.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Integer.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// `true` or `false`, also where a source writes them as text.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// Elements of a list; none where it is no list.
    #[must_use]
    pub fn items(&self) -> &[Value<'a>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Pairs of an object; none where it is no object.
    #[must_use]
    pub fn pairs(&self) -> &[(Cow<'a, str>, Value<'a>)] {
        match self {
            Self::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    /// Whether it is `null` or absent.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Why bytes are no strict JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Bytes from the start of the input.
    pub offset: usize,
    /// Names and list positions down to the place, joined by dots; empty at the top.
    pub path: String,
    /// What sort of fault it is.
    pub reason: Reason,
    /// What is wrong.
    pub problem: String,
}

/// Reads one value that fills the whole input.
///
/// # Errors
/// Says where the input is no UTF-8, no JSON, nested too deep, or repeats a name.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = core::str::from_utf8(bytes).map_err(|e| JsonError {
        offset: e.valid_up_to(),
        path: String::new(),
        reason: Reason::Utf8,
        problem: "is not UTF-8".into(),
    })?;
    let trail = Trail { names: RefCell::new(Vec::new()), reason: Cell::new(Reason::Syntax) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Node { trail: &trail, depth: 0 };
    seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value)).map_err(|e| JsonError {
        offset: offset_of(text, e.line(), e.column()),
        path: {
            let mut names = trail.names.borrow().clone();
            names.reverse();
            names.join(".")
        },
        reason: trail.reason.get(),
        problem: problem_of(&e),
    })
}

fn problem_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// What is known of an error when it comes out.
struct Trail {
    /// Names down to the place, innermost first.
    names: RefCell<Vec<String>>,
    reason: Cell<Reason>,
}

/// One value to read; an error leaves its place in `trail`.
struct Node<'t> {
    trail: &'t Trail,
    depth: usize,
}

impl Node<'_> {
    fn deeper<E: de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            self.trail.reason.set(Reason::Depth);
            return Err(E::custom(format_args!("is nested more than {DEPTH_MAX} levels deep")));
        }
        Ok(Node { trail: self.trail, depth: self.depth + 1 })
    }

    fn twice<E: de::Error>(&self) -> E {
        self.trail.reason.set(Reason::RepeatedName);
        E::custom("appears twice")
    }

    fn left<T, E>(&self, name: impl FnOnce() -> String, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.trail.names.borrow_mut().push(name());
        }
        result
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        #[expect(clippy::cast_precision_loss, reason = "such a number is only kept as `Float`, which says so")]
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut items = Vec::new();
        loop {
            let next = seq.next_element_seed(self.deeper()?);
            match self.left(|| items.len().to_string(), next)? {
                Some(item) => items.push(item),
                None => return Ok(Value::List(items)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut pairs: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            if pairs.len() < PAIRWISE_NAMES_MAX && pairs.iter().any(|(n, _)| *n == name) {
                return self.left(|| name.into_owned(), Err(self.twice()));
            }
            let value = map.next_value_seed(self.deeper()?);
            let value = self.left(|| name.clone().into_owned(), value)?;
            pairs.push((name, value));
        }
        if pairs.len() > PAIRWISE_NAMES_MAX {
            let mut seen = HashSet::with_capacity(pairs.len());
            if let Some((name, _)) = pairs.iter().find(|(name, _)| !seen.insert(name.as_ref())) {
                return self.left(|| name.to_string(), Err(self.twice()));
            }
        }
        Ok(Value::Map(pairs))
    }
}

/// Name of a pair.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &[u8]) -> JsonError {
        parse(text).unwrap_err()
    }

    #[test]
    fn a_repeated_name_is_refused_wherever_it_stands() {
        let e = error(br#"{"a":[{"b":1,"c":2,"b":3}]}"#);
        assert_eq!((e.path.as_str(), e.reason, e.problem.as_str()), ("a.0.b", Reason::RepeatedName, "appears twice"));
        // An escaped spelling of the same name is the same name.
        assert_eq!(error(br#"{"ab":1,"a\u0062":2}"#).path, "ab");
        let many: Vec<String> = (0..40).map(|n| format!("\"n{}\":0", n % 39)).collect();
        assert_eq!(error(format!("{{{}}}", many.join(",")).as_bytes()).path, "n0");
    }

    #[test]
    fn nesting_is_bounded_and_the_bound_is_named() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(DEPTH_MAX).as_bytes()).is_ok());
        let e = error(deep(DEPTH_MAX + 2).as_bytes());
        assert!(e.problem.contains("120 levels") && e.reason == Reason::Depth, "{e:?}");
        assert!(!error(deep(1_000_000).as_bytes()).problem.is_empty());
    }

    #[test]
    fn bad_bytes_are_refused_with_their_offset() {
        let e = error(b"{\"a\":\"\xff\"}");
        assert_eq!((e.offset, e.reason, e.problem.as_str()), (6, Reason::Utf8, "is not UTF-8"));
        assert_eq!(error(b"{\"a\":\n \"x\x00\"}").offset, 9);
        let e = error(b"{\"a\": nope}");
        assert_eq!((e.path.as_str(), e.reason), ("a", Reason::Syntax));
        assert!(error(br#""\ud800""#).problem.contains("hex escape"));
        assert!(error(b"1e999").problem.contains("out of range"));
        assert!(error(b"{} {}").problem.contains("trailing"));
        assert!(error(b"").problem.contains("EOF"));
        assert!(error(b"NaN").problem.contains("expected"));
    }

    #[test]
    fn integers_beyond_64_bits_are_kept_as_other_numbers() {
        assert_eq!(parse(b"9223372036854775807").unwrap().int(), Some(i64::MAX));
        assert_eq!(parse(b"9223372036854775808").unwrap().int(), None);
        assert_eq!(parse(b"1.0").unwrap().int(), None);
    }

    #[test]
    fn absent_names_lead_to_null() {
        let value = parse(br#"{"a":{"b":"x","e":""}}"#).unwrap();
        assert_eq!(value.at("a.b").text(), Some("x"));
        assert!(value.at("a.c.d").is_null());
        assert_eq!(value.at("a.e").text(), None);
    }
}
