//! The service's own acts, as entries.

use sealbook_core::hash::{hex, sha256};
use sealbook_core::limits::{LABEL_VALUE_BYTES_MAX, RAW_BYTES_MAX};
use sealbook_core::time::Micros;
use sealbook_log::{Submission, act};

use crate::app::App;

/// Media type of bytes that could not be read as what they claim to be.
const UNREAD: &str = "application/octet-stream";

/// An element that is not an event, on its way to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// Which element of the body, from 1, where that is known.
    pub(crate) element: Option<usize>,
    /// On which line it starts.
    pub(crate) line: Option<usize>,
    /// Bytes from the start of the decompressed body.
    pub(crate) offset: Option<usize>,
    /// Path of the offending field.
    pub(crate) field: Option<String>,
    /// What sort of fault it is.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) reason: String,
    /// Its bytes as they were received.
    pub(crate) raw: Vec<u8>,
}

impl Refused {
    /// These bytes, with nothing but the code said about them yet.
    pub(crate) fn of(code: &'static str, raw: Vec<u8>) -> Self {
        Self { element: None, line: None, offset: None, field: None, code, reason: String::new(), raw }
    }

    /// Its entries: one, or several where its bytes are too many for one original. The same element of the same source
    /// has the same ids, so that a body that is sent again adds nothing.
    pub(crate) fn submissions(&self, app: &App, action: &str, source: &str, format: &str) -> Vec<Submission> {
        let digest = hex(&sha256(&[source.as_bytes(), &[0], &self.raw].concat()));
        let parts: Vec<&[u8]> = self.raw.chunks(RAW_BYTES_MAX).collect();
        let parts = if parts.is_empty() { vec![&[][..]] } else { parts };
        let count = parts.len();
        let one = |(n, part): (usize, &[u8])| {
            let mut labels = vec![
                ("source", source.to_owned()),
                ("format", format.to_owned()),
                ("code", self.code.to_owned()),
                ("reason", cut(&self.reason)),
                ("bytes", self.raw.len().to_string()),
            ];
            labels.extend(self.element.map(|element| ("element", element.to_string())));
            labels.extend(self.line.map(|line| ("line", line.to_string())));
            labels.extend(self.field.as_ref().map(|field| ("field", cut(field))));
            if count > 1 {
                labels.push(("part", format!("{} of {count}", n + 1)));
            }
            labels.retain(|(_, value)| !value.is_empty());
            let id = if count > 1 { format!("{digest}/{}", n + 1) } else { digest.clone() };
            let mut submission = act(app.reader.origin(), action, &id, Micros(app.world.clock.now()), &labels);
            submission.raw = Some((part.to_vec(), UNREAD.to_owned()));
            submission
        };
        parts.into_iter().enumerate().map(one).collect()
    }
}

/// A label's value holds 1,024 bytes. Only the explanation is shortened, never the bytes it explains.
fn cut(text: &str) -> String {
    if text.len() <= LABEL_VALUE_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = LABEL_VALUE_BYTES_MAX - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_explanation_is_cut_at_a_character_and_says_so() {
        let long = "é".repeat(600);
        let short = cut(&long);
        assert!(short.len() <= LABEL_VALUE_BYTES_MAX && short.ends_with('…'));
        assert_eq!(cut("short"), "short");
    }
}
