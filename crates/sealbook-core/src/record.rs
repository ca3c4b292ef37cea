//! Records: one declaration gives a struct, its CBOR, its named tree, its schema and its checks.

use std::collections::BTreeMap;

use crate::cbor::{DecodeError, Reader, Writer};
use crate::limits::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX};
use crate::time::Micros;

/// A value with names, as JSON or CBOR from outside is handed in and handed out.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Any other number, in its own digits.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Names and values, in the order in which they came.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    fn what(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// What sort of fault a field has, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It must be there and is not.
    Missing,
    /// No such field exists.
    Unknown,
    /// It appears twice.
    Repeated,
    /// It holds another type of value.
    Type,
    /// Its word is none of those that are known.
    Word,
    /// It is no time with an offset.
    Time,
    /// It is longer, or there are more of them, than is allowed.
    Limit,
    /// Its value cannot stand there for another reason.
    Value,
}

/// Why an event is refused: which field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, names joined by dots; empty for the event itself.
    pub path: String,
    /// What sort of fault it is.
    pub fault: Fault,
    /// What is wrong, with the limit and the size where one was broken.
    pub problem: String,
}

impl FieldError {
    /// An error at `path` of no special sort.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::of(Fault::Value, path, problem)
    }

    /// An error of this sort at `path`.
    pub fn of(fault: Fault, path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), fault, problem: problem.into() }
    }

    /// The same error, seen from the record whose field `name` it is in.
    pub(crate) fn under(self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { join(name, &self.path) };
        Self { path, ..self }
    }
}

impl core::fmt::Display for FieldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let path = if self.path.is_empty() { "(event)" } else { &self.path };
        write!(f, "{path}: {}", self.problem)
    }
}

impl std::error::Error for FieldError {}

/// Integer keys from the event down to a field; unused places are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub [u8; 3]);

impl FieldId {
    pub(crate) fn child(self, key: u8) -> Self {
        match self.0 {
            [0, ..] => Self([key, 0, 0]),
            [a, 0, _] => Self([a, key, 0]),
            [a, b, _] => Self([a, b, key]),
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// UTF-8 text.
    Text,
    /// µs since the Unix epoch.
    Time,
    /// True or false.
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text by text.
    Labels,
}

/// One field of an event, for those who make columns, forms or documents of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Integer keys.
    pub id: FieldId,
    /// Names joined by dots, such as `context.runtime.cluster`.
    pub path: String,
    /// What it holds.
    pub kind: FieldType,
    /// Most bytes of a text.
    pub bytes_max: usize,
}

/// A value met while walking through an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Text, or the word of an enumeration.
    Text(&'a str),
    /// µs since the Unix epoch.
    Time(Micros),
    /// True or false.
    Bool(bool),
    /// Name and value of a label.
    Label(&'a str, &'a str),
}

/// A value met while passing over the bytes of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passed<'b> {
    /// Text: UTF-8.
    Text(&'b [u8]),
    /// The word of an enumeration.
    Word(&'static str),
    /// µs since the Unix epoch.
    Time(Micros),
}

/// What every type of field can do. `path` names the field in errors.
pub(crate) trait Field: Sized {
    fn spec(path: &str, id: FieldId, bytes_max: usize, out: &mut Vec<FieldSpec>);
    /// What stands for a field that is not there; `None` where it must be.
    fn absent() -> Option<Self> {
        None
    }
    fn present(&self) -> bool {
        true
    }
    fn encode(&self, w: &mut Writer);
    /// Whether the field must be there.
    const REQUIRED: bool = true;
    /// Passes the field where it stands, as strictly as if it were decoded and encoded again, and tells `f` the scalars.
    fn scan<'b, F: FnMut(FieldId, Passed<'b>)>(r: &mut Reader<'b>, id: FieldId, f: &mut F) -> Result<(), DecodeError>;
    /// Builds the value of bytes that `scan` has passed; by itself it does not look at the order of keys.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;
    /// Checks the limits; an error's path begins below this field.
    fn check(&self, bytes_max: usize) -> Result<(), FieldError>;
    fn visit(&self, id: FieldId, f: &mut dyn FnMut(FieldId, Scalar<'_>));
    fn to_tree(&self) -> Tree;
    fn from_tree(tree: Tree, path: &str) -> Result<Self, FieldError>;
    /// Takes out the text at `path` below this field, leaving it absent.
    fn take(&mut self, _path: &str) -> Option<String> {
        None
    }
    /// The opposite of `take`: false where there is no such field or it is not empty.
    fn put(&mut self, _path: &str, _value: &str) -> bool {
        false
    }
}

fn wrong_type(path: &str, expected: &str, tree: &Tree) -> FieldError {
    FieldError::of(Fault::Type, path, format!("expected {expected}, found {}", tree.what()))
}

pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Field for String {
    fn spec(path: &str, id: FieldId, bytes_max: usize, out: &mut Vec<FieldSpec>) {
        out.push(FieldSpec { id, path: path.to_owned(), kind: FieldType::Text, bytes_max });
    }
    fn encode(&self, w: &mut Writer) {
        w.text(self);
    }
    fn scan<'b, F: FnMut(FieldId, Passed<'b>)>(r: &mut Reader<'b>, id: FieldId, f: &mut F) -> Result<(), DecodeError> {
        r.text_bytes().map(|text| f(id, Passed::Text(text)))
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.text().map(str::to_owned)
    }
    fn check(&self, bytes_max: usize) -> Result<(), FieldError> {
        if self.is_empty() {
            return Err(FieldError::new("", "is empty; leave the field out instead"));
        }
        if self.len() > bytes_max {
            let problem = format!("has {} bytes, at most {bytes_max} are allowed", self.len());
            return Err(FieldError::of(Fault::Limit, "", problem));
        }
        Ok(())
    }
    fn visit(&self, id: FieldId, f: &mut dyn FnMut(FieldId, Scalar<'_>)) {
        f(id, Scalar::Text(self));
    }
    fn to_tree(&self) -> Tree {
        Tree::Text(self.clone())
    }
    fn from_tree(tree: Tree, path: &str) -> Result<Self, FieldError> {
        match tree {
            Tree::Text(text) => Ok(text),
            other => Err(wrong_type(path, "text", &other)),
        }
    }
}

impl Field for bool {
    fn spec(path: &str, id: FieldId, bytes_max: usize, out: &mut Vec<FieldSpec>) {
        out.push(FieldSpec { id, path: path.to_owned(), kind: FieldType::Bool, bytes_max });
    }
    fn encode(&self, w: &mut Writer) {
        w.bool(*self);
    }
    fn scan<'b, F: FnMut(FieldId, Passed<'b>)>(
        r: &mut Reader<'b>,
        _id: FieldId,
        _f: &mut F,
    ) -> Result<(), DecodeError> {
        r.bool().map(|_| ())
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bool()
    }
    fn check(&self, _bytes_max: usize) -> Result<(), FieldError> {
        Ok(())
    }
    fn visit(&self, id: FieldId, f: &mut dyn FnMut(FieldId, Scalar<'_>)) {
        f(id, Scalar::Bool(*self));
    }
    fn to_tree(&self) -> Tree {
        Tree::Bool(*self)
    }
    fn from_tree(tree: Tree, path: &str) -> Result<Self, FieldError> {
        match tree {
            Tree::Bool(value) => Ok(value),
            other => Err(wrong_type(path, "true or false", &other)),
        }
    }
}

impl Field for Micros {
    fn spec(path: &str, id: FieldId, bytes_max: usize, out: &mut Vec<FieldSpec>) {
        out.push(FieldSpec { id, path: path.to_owned(), kind: FieldType::Time, bytes_max });
    }
    fn encode(&self, w: &mut Writer) {
        w.int(self.0);
    }
    fn scan<'b, F: FnMut(FieldId, Passed<'b>)>(r: &mut Reader<'b>, id: FieldId, f: &mut F) -> Result<(), DecodeError> {
        r.int().map(|time| f(id, Passed::Time(Micros(time))))
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.int().map(Micros)
    }
    fn check(&self, _bytes_max: usize) -> Result<(), FieldError> {
        jiff::Timestamp::from_microsecond(self.0)
            .map(|_| ())
            .map_err(|e| FieldError::of(Fault::Time, "", e.to_string()))
    }
    fn visit(&self, id: FieldId, f: &mut dyn FnMut(FieldId, Scalar<'_>)) {
        f(id, Scalar::Time(*self));
    }
    fn to_tree(&self) -> Tree {
        Tree::Text(self.to_string())
    }
    fn from_tree(tree: Tree, path: &str) -> Result<Self, FieldError> {
        match tree {
            Tree::Text(text) => Micros::parse(&text).map_err(|e| {
                FieldError::of(Fault::Time, path, format!("{text:?} is no RFC 3339 time with an offset: {e}"))
            }),
            other => Err(wrong_type(path, "an RFC 3339 time", &other)),
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn spec(path: &str, id: FieldId, bytes_max: usize, out: &mut Vec<FieldSpec>) {
        T::spec(path, id, bytes_max, out);
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn present(&self) -> bool {
        self.is_some()
    }
    fn encode(&self, w: &mut Writer) {
        if let Some(value) = self {
            value.encode(w);
        }
    }
    const REQUIRED: bool = false;
    fn scan<'b, F: FnMut(FieldId, Passed<'b>)>(r: &mut Reader<'b>, id: FieldId, f: &mut F) -> Result<(), DecodeError> {
        T::scan(r, id, f)
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode(r).map(Some)
    }
    fn check(&self, bytes_max: usize) -> Result<(), FieldError> {
        self.as_ref().map_or(Ok(()), |value| value.check(bytes_max))
    }
    fn visit(&self, id: FieldId, f: &mut dyn FnMut(FieldId, Scalar<'_>)) {
        if let Some(value) = self {
            value.visit(id, f);
        }
    }
    fn to_tree(&self) -> Tree {
        self.as_ref().map_or(Tree::Null, Field::to_tree)
    }
    fn from_tree(tree: Tree, path: &str) -> Result<Self, FieldError> {
        T::from_tree(tree, path).map(Some)
    }
    fn take(&mut self, path: &str) -> Option<String> {
        if path.is_empty() {
            match self.as_ref()?.to_tree() {
                Tree::Text(text) => {
                    *self = None;
                    Some(text)
                }
                _ => None,
            }
        } else {
            self.as_mut()?.take(path)
        }
    }
    fn put(&mut self, path: &str, value: &str) -> bool {
        match (path, &mut *self) {
            ("", None) => match T::from_tree(Tree::Text(value.to_owned()), "") {
                Ok(parsed) => {
                    *self = Some(parsed);
                    true
                }
                Err(_) => false,
            },
            ("", Some(_)) | (_, None) => false,
            (_, Some(inner)) => inner.put(path, value),
        }
    }
}

/// Labels: text by text, at most [`LABELS_MAX`].
pub type Labels = BTreeMap<String, String>;

impl Field for Labels {
    fn spec(path: &str, id: FieldId, bytes_max: usize, out: &mut Vec<FieldSpec>) {
        out.push(FieldSpec { id, path: path.to_owned(), kind: FieldType::Labels, bytes_max });
    }
    fn absent() -> Option<Self> {
        Some(Self::new())
    }
    fn present(&self) -> bool {
        !self.is_empty()
    }
    fn encode(&self, w: &mut Writer) {
        let mut sorted: Vec<_> = self.iter().collect();
        // RFC 8949 §4.2.1 sorts by encoded key, and the length comes first in the encoding.
        sorted.sort_by_key(|(name, _)| (name.len(), *name));
        w.map(sorted.len());
        for (name, value) in sorted {
            w.text(name);
            w.text(value);
        }
    }
    const REQUIRED: bool = false;
    fn scan<'b, F: FnMut(FieldId, Passed<'b>)>(
        r: &mut Reader<'b>,
        _id: FieldId,
        _f: &mut F,
    ) -> Result<(), DecodeError> {
        let (mut before, labels) = (None, r.map()?);
        if labels == 0 {
            return Err(r.error("no label at all, where the field is left out"));
        }
        for _ in 0..labels {
            r.text_key(&mut before)?;
            r.text_bytes()?;
        }
        Ok(())
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut labels = Self::new();
        for _ in 0..r.map()? {
            let name = r.text()?.to_owned();
            let value = r.text()?.to_owned();
            labels.insert(name, value);
        }
        Ok(labels)
    }
    fn check(&self, _bytes_max: usize) -> Result<(), FieldError> {
        if self.len() > LABELS_MAX {
            let problem = format!("has {} labels, at most {LABELS_MAX} are allowed", self.len());
            return Err(FieldError::of(Fault::Limit, "", problem));
        }
        for (name, value) in self {
            let checked = name.check(LABEL_NAME_BYTES_MAX).and_then(|()| value.check(LABEL_VALUE_BYTES_MAX));
            checked.map_err(|error| error.under(name))?;
        }
        Ok(())
    }
    fn visit(&self, id: FieldId, f: &mut dyn FnMut(FieldId, Scalar<'_>)) {
        for (name, value) in self {
            f(id, Scalar::Label(name, value));
        }
    }
    fn to_tree(&self) -> Tree {
        Tree::Map(self.iter().map(|(name, value)| (name.clone(), Tree::Text(value.clone()))).collect())
    }
    fn from_tree(tree: Tree, path: &str) -> Result<Self, FieldError> {
        let Tree::Map(pairs) = tree else {
            return Err(wrong_type(path, "an object", &tree));
        };
        let mut labels = Self::new();
        for (name, value) in pairs {
            let at = join(path, &name);
            if labels.insert(name, String::from_tree(value, &at)?).is_some() {
                return Err(FieldError::of(Fault::Repeated, at, "appears twice"));
            }
        }
        Ok(labels)
    }
    fn take(&mut self, path: &str) -> Option<String> {
        self.remove(path)
    }
    fn put(&mut self, path: &str, value: &str) -> bool {
        !path.is_empty() && self.insert(path.to_owned(), value.to_owned()).is_none()
    }
}

pub(crate) fn tree_pairs(tree: Tree, path: &str) -> Result<Vec<(String, Tree)>, FieldError> {
    match tree {
        Tree::Map(pairs) => Ok(pairs),
        other => Err(wrong_type(path, "an object", &other)),
    }
}

pub(crate) fn word<T>(
    tree: Tree,
    path: &str,
    words: &[&str],
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, FieldError> {
    match tree {
        Tree::Text(text) => parse(&text)
            .ok_or_else(|| FieldError::of(Fault::Word, path, format!("{text:?} is none of {}", words.join(", ")))),
        other => Err(wrong_type(path, "text", &other)),
    }
}

/// Declares an enumeration with its CBOR code and its word.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $code:literal $variant:ident $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every word, in the order of the codes.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that stands in JSON, SQL and reports.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value with this word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl $crate::record::Field for $name {
            fn spec(path: &str, id: $crate::record::FieldId, bytes_max: usize, out: &mut Vec<$crate::record::FieldSpec>) {
                let kind = $crate::record::FieldType::Word(Self::WORDS);
                out.push($crate::record::FieldSpec { id, path: path.to_owned(), kind, bytes_max });
            }
            fn encode(&self, w: &mut $crate::cbor::Writer) {
                w.uint(match self { $(Self::$variant => $code),+ });
            }
            fn scan<'b, F: FnMut($crate::record::FieldId, $crate::record::Passed<'b>)>(
                r: &mut $crate::cbor::Reader<'b>,
                id: $crate::record::FieldId,
                f: &mut F,
            ) -> Result<(), $crate::cbor::DecodeError> {
                Self::decode(r).map(|value| f(id, $crate::record::Passed::Word(value.word())))
            }
            fn decode(r: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::DecodeError> {
                match r.uint()? {
                    $($code => Ok(Self::$variant),)+
                    other => Err(r.error(format!("{other} is no code of {}", stringify!($name)))),
                }
            }
            fn check(&self, _bytes_max: usize) -> Result<(), $crate::record::FieldError> {
                Ok(())
            }
            fn visit(&self, id: $crate::record::FieldId, f: &mut dyn FnMut($crate::record::FieldId, $crate::record::Scalar<'_>)) {
                f(id, $crate::record::Scalar::Text(self.word()));
            }
            fn to_tree(&self) -> $crate::record::Tree {
                $crate::record::Tree::Text(self.word().to_owned())
            }
            fn from_tree(tree: $crate::record::Tree, path: &str) -> Result<Self, $crate::record::FieldError> {
                $crate::record::word(tree, path, Self::WORDS, Self::parse)
            }
        }
    };
}

/// Declares a record: CBOR key, field, type, most bytes of its text, and a name where it differs from the field.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $key:literal $field:ident : $ty:ty, $max:expr, $word:literal);+ $(;)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty),+ }

        impl $crate::record::Field for $name {
            fn spec(path: &str, id: $crate::record::FieldId, _bytes_max: usize, out: &mut Vec<$crate::record::FieldSpec>) {
                $(<$ty as $crate::record::Field>::spec(&$crate::record::join(path, $word), id.child($key), $max, out);)+
            }
            fn encode(&self, w: &mut $crate::cbor::Writer) {
                let mut pairs = 0;
                $(if $crate::record::Field::present(&self.$field) { pairs += 1; })+
                w.map(pairs);
                $(if $crate::record::Field::present(&self.$field) {
                    w.uint($key);
                    $crate::record::Field::encode(&self.$field, w);
                })+
            }
            fn scan<'b, F: FnMut($crate::record::FieldId, $crate::record::Passed<'b>)>(
                r: &mut $crate::cbor::Reader<'b>,
                id: $crate::record::FieldId,
                f: &mut F,
            ) -> Result<(), $crate::cbor::DecodeError> {
                let (mut seen, mut before) = (0u32, 0);
                for _ in 0..r.map()? {
                    match r.key(&mut before)? {
                        $($key => {
                            seen |= 1 << $key;
                            <$ty as $crate::record::Field>::scan(r, id.child($key), f)?;
                        })+
                        other => return Err(r.error(format!("unknown key {other} in {}", stringify!($name)))),
                    }
                }
                $(if <$ty as $crate::record::Field>::REQUIRED && seen & (1 << $key) == 0 {
                    return Err(r.error(concat!($word, " of ", stringify!($name), " is missing")));
                })+
                Ok(())
            }
            fn decode(r: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::DecodeError> {
                $(let mut $field: Option<$ty> = None;)+
                for _ in 0..r.map()? {
                    match r.uint()? {
                        $($key => $field = Some($crate::record::Field::decode(r)?),)+
                        other => return Err(r.error(format!("unknown key {other} in {}", stringify!($name)))),
                    }
                }
                Ok(Self { $($field: match $field.or_else(<$ty as $crate::record::Field>::absent) {
                    Some(value) => value,
                    None => return Err(r.error(format!("{} of {} is missing", $word, stringify!($name)))),
                }),+ })
            }
            fn check(&self, _bytes_max: usize) -> Result<(), $crate::record::FieldError> {
                $($crate::record::Field::check(&self.$field, $max).map_err(|error| error.under($word))?;)+
                Ok(())
            }
            fn visit(&self, id: $crate::record::FieldId, f: &mut dyn FnMut($crate::record::FieldId, $crate::record::Scalar<'_>)) {
                $($crate::record::Field::visit(&self.$field, id.child($key), f);)+
            }
            fn to_tree(&self) -> $crate::record::Tree {
                let mut pairs = Vec::new();
                $(if $crate::record::Field::present(&self.$field) {
                    pairs.push(($word.to_owned(), $crate::record::Field::to_tree(&self.$field)));
                })+
                $crate::record::Tree::Map(pairs)
            }
            fn from_tree(tree: $crate::record::Tree, path: &str) -> Result<Self, $crate::record::FieldError> {
                $(let mut $field: Option<$ty> = None;)+
                for (name, value) in $crate::record::tree_pairs(tree, path)? {
                    let at = $crate::record::join(path, &name);
                    match name.as_str() {
                        $($word => if $field.replace($crate::record::Field::from_tree(value, &at)?).is_some() {
                            return Err($crate::record::FieldError::of(
                                $crate::record::Fault::Repeated, at, "appears twice"));
                        },)+
                        _ => return Err($crate::record::FieldError::of(
                            $crate::record::Fault::Unknown, at, format!("unknown field; known here: {}", [$($word),+].join(", ")))),
                    }
                }
                Ok(Self { $($field: match $field.or_else(<$ty as $crate::record::Field>::absent) {
                    Some(value) => value,
                    None => return Err($crate::record::FieldError::of(
                        $crate::record::Fault::Missing, $crate::record::join(path, $word), "is missing")),
                }),+ })
            }
            fn take(&mut self, path: &str) -> Option<String> {
                let (name, rest) = path.split_once('.').unwrap_or((path, ""));
                match name {
                    $($word => $crate::record::Field::take(&mut self.$field, rest),)+
                    _ => None,
                }
            }
            fn put(&mut self, path: &str, value: &str) -> bool {
                let (name, rest) = path.split_once('.').unwrap_or((path, ""));
                match name {
                    $($word => $crate::record::Field::put(&mut self.$field, rest, value),)+
                    _ => false,
                }
            }
        }
    };
}

pub(crate) use record;
pub(crate) use vocabulary;
