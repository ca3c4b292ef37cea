//! JSON with one spelling: fixed keys in a fixed order, two spaces, one line an item. Any JSON reader reads it; only
//! this spelling is accepted here.

use super::PackError;
use crate::time::Micros;

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes an object.
pub struct Object {
    out: String,
}

impl Object {
    pub fn new() -> Self {
        Self { out: "{".to_owned() }
    }

    fn key(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push_str(&format!("\n  \"{name}\": "));
    }

    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name);
        self.out.push_str(&quoted(value));
        self
    }

    pub fn number(&mut self, name: &str, value: Option<u64>) -> &mut Self {
        self.key(name);
        self.out.push_str(&value.map_or_else(|| "null".to_owned(), |value| value.to_string()));
        self
    }

    pub fn lines(&mut self, name: &str, items: impl Iterator<Item = String>) {
        self.key(name);
        self.out.push('[');
        for (at, item) in items.enumerate() {
            self.out.push_str(if at == 0 { "\n    " } else { ",\n    " });
            self.out.push_str(&item);
        }
        self.out.push_str(if self.out.ends_with('[') { "]" } else { "\n  ]" });
    }

    pub fn end(self) -> String {
        self.out + "\n}\n"
    }
}

/// Reads what [`Object`] writes.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    first: bool,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, PackError> {
        let text = core::str::from_utf8(bytes).map_err(|error| PackError::new(error.valid_up_to(), "not UTF-8"))?;
        Ok(Self { text, at: 0, first: true })
    }

    pub fn error(&self, problem: impl Into<String>) -> PackError {
        PackError::new(self.at, problem)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn accept(&mut self, literal: &str) -> bool {
        let found = self.rest().starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    pub fn literal(&mut self, literal: &str) -> Result<(), PackError> {
        if self.accept(literal) { Ok(()) } else { Err(self.error(format!("expected {literal:?}"))) }
    }

    pub fn open(&mut self) -> Result<(), PackError> {
        self.literal("{")
    }

    pub fn close(&mut self) -> Result<(), PackError> {
        self.literal("\n}\n")?;
        if self.rest().is_empty() { Ok(()) } else { Err(self.error("something follows the end")) }
    }

    fn key(&mut self, name: &str) -> Result<(), PackError> {
        let comma = if core::mem::take(&mut self.first) { "" } else { "," };
        self.literal(&format!("{comma}\n  \"{name}\": "))
    }

    pub fn string(&mut self) -> Result<String, PackError> {
        self.literal("\"")?;
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else { return Err(self.error("a text without an end")) };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, PackError> {
        if self.accept("\"") {
            return Ok('"');
        }
        if self.accept("\\") {
            return Ok('\\');
        }
        self.literal("u")?;
        let code = self.rest().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let c = code.and_then(char::from_u32).ok_or_else(|| self.error("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(c)
    }

    pub fn digits(&mut self) -> Result<u64, PackError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest.get(..end).and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| self.error("expected a number"))?;
        self.at += end;
        Ok(number)
    }

    pub fn hex(&mut self) -> Result<[u8; 32], PackError> {
        let text = self.string()?;
        let mut out = [0; 32];
        let pairs = text.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).ok());
        for (byte, pair) in out.iter_mut().zip(pairs) {
            let parsed = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = parsed.ok_or_else(|| self.error("expected a SHA-256 in hexadecimal"))?;
        }
        if text.len() == 64 { Ok(out) } else { Err(self.error("expected a SHA-256 in hexadecimal")) }
    }

    pub fn text(&mut self, name: &str) -> Result<String, PackError> {
        self.key(name)?;
        self.string()
    }

    pub fn exactly(&mut self, name: &str, value: &str) -> Result<(), PackError> {
        let found = self.text(name)?;
        if found == value {
            return Ok(());
        }
        Err(self.error(format!("{name} is {found:?}; this version knows {value:?}")))
    }

    pub fn time(&mut self, name: &str) -> Result<Micros, PackError> {
        let text = self.text(name)?;
        Micros::parse(&text).map_err(|problem| self.error(problem))
    }

    pub fn digest(&mut self, name: &str) -> Result<[u8; 32], PackError> {
        self.key(name)?;
        self.hex()
    }

    pub fn number(&mut self, name: &str) -> Result<Option<u64>, PackError> {
        self.key(name)?;
        self.digits().map(Some)
    }

    pub fn optional(&mut self, name: &str) -> Result<Option<u64>, PackError> {
        self.key(name)?;
        if self.accept("null") { Ok(None) } else { self.digits().map(Some) }
    }

    pub fn lines<T>(
        &mut self,
        name: &str,
        mut item: impl FnMut(&mut Self) -> Result<T, PackError>,
    ) -> Result<Vec<T>, PackError> {
        self.key(name)?;
        self.literal("[")?;
        let mut items = Vec::new();
        if self.accept("]") {
            return Ok(items);
        }
        loop {
            self.literal("\n    ")?;
            items.push(item(self)?);
            if !self.accept(",") {
                break;
            }
        }
        self.literal("\n  ]")?;
        Ok(items)
    }
}
