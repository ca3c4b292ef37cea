//! Entries: an event with its place in the ledger, the exact bytes that are hashed, and what is sealed beside them.

use std::collections::BTreeMap;

use crate::cbor::{DecodeError, Writer};
use crate::event::Event;
use crate::hash::{ChainValue, Commitment, SALT_BYTES, commitment};
use crate::limits::SEALED_FIELDS_MAX;
use crate::time::Micros;
use crate::view::{EntryView, OpeningView, pass_openings};

/// Version of the entry format; the first pair of every entry.
pub const ENTRY_VERSION: u64 = 1;

/// Path under which the original bytes are sealed.
pub const RAW_PATH: &str = "raw";

/// Where an event came from. The id is that of the credential it came with, never a claim of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Source id.
    pub id: String,
    /// Source format, for example `cloudtrail`.
    pub format: String,
    /// Version of the mapping that made the event of the original bytes.
    pub version: u64,
    /// The source's own sequence number.
    pub sequence: Option<u64>,
}

/// The original bytes of an event, by commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// Salted commitment to the bytes.
    pub commitment: Commitment,
    /// How many bytes.
    pub length: u64,
    /// Their media type.
    pub media_type: String,
}

/// Place of an entry among the entries about the same subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// This is the n-th, from 1.
    pub n: u64,
    /// Index of the one before; `None` for the first.
    pub prev: Option<u64>,
}

/// What entry 0 says about the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Origin: the name of the ledger in its checkpoints.
    pub origin: String,
    /// Verifier key of the first signing key (C2SP signed-note vkey).
    pub verifier_key: String,
    /// Formats in force, name by version.
    pub formats: BTreeMap<String, String>,
}

/// An event once it is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index, from 0.
    pub index: u64,
    /// When, by the ledger's clock; never less than the entry before.
    pub recorded_at: Micros,
    /// Chain value of the entry before; zeros at index 0.
    pub prev: ChainValue,
    /// Where the event came from.
    pub source: Source,
    /// The event, its sealed fields taken out.
    pub event: Event,
    /// Commitments to the sealed fields, by path.
    pub commitments: BTreeMap<String, Commitment>,
    /// The original bytes, where there were any.
    pub raw: Option<Raw>,
    /// Place among the entries about the subject.
    pub thread: Thread,
    /// Only at index 0.
    pub genesis: Option<Genesis>,
    /// Verifier key of the signing key that takes over: this entry is the last of its commit, the checkpoint over it is
    /// still signed with the key before, every larger one with this one.
    pub successor: Option<String>,
}

/// What an entry says of the ledger itself, beside its event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statement<'a> {
    /// Only at index 0.
    pub genesis: Option<&'a Genesis>,
    /// Verifier key of the signing key that takes over.
    pub successor: Option<&'a str>,
}

/// A sealed value and the salt that opens its commitment. It lies beside the entry, outside every hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Field path, or [`RAW_PATH`].
    pub path: String,
    /// Salt.
    pub salt: [u8; SALT_BYTES],
    /// The value.
    pub value: Vec<u8>,
}

impl Opening {
    /// The commitment that this opens.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        commitment(&self.salt, &self.path, &self.value)
    }
}

/// The part of an entry that does not depend on its place: it can be encoded before the place is known.
#[derive(Clone, Debug)]
pub struct Body {
    pairs: usize,
    /// Pairs 5 to 8, 10 and 11, encoded.
    bytes: Vec<u8>,
    /// Where pair 10 begins, or 11.
    statement_at: usize,
}

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index.
    pub index: u64,
    /// Ledger time.
    pub recorded_at: Micros,
    /// Chain value of the entry before.
    pub prev: ChainValue,
    /// Place among the entries about the subject.
    pub thread: Thread,
}

impl Body {
    /// Encodes what does not depend on the place.
    #[must_use]
    pub fn new(
        source: &Source,
        event: &Event,
        commitments: &BTreeMap<String, Commitment>,
        raw: Option<&Raw>,
        statement: Statement<'_>,
    ) -> Self {
        let mut w = Writer::new();
        write_source(&mut w, source);
        w.uint(6);
        event.write(&mut w);
        let mut pairs = 2;
        if !commitments.is_empty() {
            pairs += 1;
            w.uint(7);
            write_commitments(&mut w, commitments);
        }
        if let Some(raw) = raw {
            pairs += 1;
            w.uint(8);
            write_raw(&mut w, raw);
        }
        let mut bytes = w.into_bytes();
        let statement_at = bytes.len();
        let mut w = Writer::onto(bytes);
        if let Some(genesis) = statement.genesis {
            pairs += 1;
            w.uint(10);
            write_genesis(&mut w, genesis);
        }
        if let Some(successor) = statement.successor {
            pairs += 1;
            w.uint(11);
            w.text(successor);
        }
        bytes = w.into_bytes();
        Self { pairs, bytes, statement_at }
    }

    /// Most bytes that the entry can have, wherever it is placed.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        // map head 1, version 2, index 10, time 10, prev 35, thread 23: rounded up.
        self.bytes.len() + 96
    }

    /// The entry's bytes at its place.
    #[must_use]
    pub fn place(&self, place: &Place) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes_max());
        self.place_onto(&mut bytes, place);
        bytes
    }

    /// Appends the entry's bytes at its place to `out`.
    pub fn place_onto(&self, out: &mut Vec<u8>, place: &Place) {
        let mut w = Writer::onto(core::mem::take(out));
        w.map(self.pairs + 5);
        w.uint(1);
        w.uint(ENTRY_VERSION);
        w.uint(2);
        w.uint(place.index);
        w.uint(3);
        w.int(place.recorded_at.0);
        w.uint(4);
        w.bytes(&place.prev.0);
        let (before, statement) = self.bytes.split_at_checked(self.statement_at).unwrap_or((&self.bytes, &[]));
        w.raw(before);
        w.uint(9);
        w.map(1 + usize::from(place.thread.prev.is_some()));
        w.uint(1);
        w.uint(place.thread.n);
        if let Some(prev) = place.thread.prev {
            w.uint(2);
            w.uint(prev);
        }
        w.raw(statement);
        *out = w.into_bytes();
    }
}

impl Entry {
    /// The bytes that are hashed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let statement = Statement { genesis: self.genesis.as_ref(), successor: self.successor.as_deref() };
        Body::new(&self.source, &self.event, &self.commitments, self.raw.as_ref(), statement).place(&self.place())
    }

    /// Its place.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { index: self.index, recorded_at: self.recorded_at, prev: self.prev, thread: self.thread }
    }

    /// Reads an entry strictly: what does not encode to the same bytes again is an error.
    ///
    /// # Errors
    /// Where and why the bytes are not an entry in deterministic encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        EntryView::decode(bytes)?.entry()
    }

    /// Whether `opening` opens one of the commitments of this entry.
    #[must_use]
    pub fn opened_by(&self, opening: &Opening) -> bool {
        let committed = if opening.path == RAW_PATH {
            self.raw.as_ref().map(|raw| raw.commitment)
        } else {
            self.commitments.get(&opening.path).copied()
        };
        committed == Some(opening.commitment())
    }

    /// The event with the given sealed values put back; openings that do not open anything here are left out.
    #[must_use]
    pub fn unsealed(&self, openings: &[Opening]) -> Event {
        let mut event = self.event.clone();
        for opening in openings.iter().filter(|opening| opening.path != RAW_PATH && self.opened_by(opening)) {
            if let Ok(value) = core::str::from_utf8(&opening.value) {
                event.put_text(&opening.path, value);
            }
        }
        event
    }
}

/// Takes the fields at `paths` out of `event` and commits to them; `salt` gives a fresh salt at each call.
pub fn seal(
    event: &mut Event,
    paths: &[String],
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> (BTreeMap<String, Commitment>, Vec<Opening>) {
    let mut commitments = BTreeMap::new();
    let mut openings = Vec::new();
    for path in paths.iter().take(SEALED_FIELDS_MAX) {
        if let Some(value) = event.take_text(path) {
            let opening = Opening { path: path.clone(), salt: salt(), value: value.into_bytes() };
            commitments.insert(path.clone(), opening.commitment());
            openings.push(opening);
        }
    }
    (commitments, openings)
}

/// The fields that are sealed in every ledger: free text, and what identifies people.
pub const SEALED_BY_DEFAULT: [&str; 5] =
    ["reason", "subject.name", "actor.name", "context.source_ip", "context.user_agent"];

fn write_source(w: &mut Writer, source: &Source) {
    w.uint(5);
    w.map(3 + usize::from(source.sequence.is_some()));
    w.uint(1);
    w.text(&source.id);
    w.uint(2);
    w.text(&source.format);
    w.uint(3);
    w.uint(source.version);
    if let Some(sequence) = source.sequence {
        w.uint(4);
        w.uint(sequence);
    }
}

fn write_commitments(w: &mut Writer, commitments: &BTreeMap<String, Commitment>) {
    let mut sorted: Vec<_> = commitments.iter().collect();
    sorted.sort_by_key(|(path, _)| (path.len(), *path));
    w.map(sorted.len());
    for (path, commitment) in sorted {
        w.text(path);
        w.bytes(&commitment.0);
    }
}

fn write_raw(w: &mut Writer, raw: &Raw) {
    w.map(3);
    w.uint(1);
    w.bytes(&raw.commitment.0);
    w.uint(2);
    w.uint(raw.length);
    w.uint(3);
    w.text(&raw.media_type);
}

fn write_genesis(w: &mut Writer, genesis: &Genesis) {
    w.map(3);
    w.uint(1);
    w.text(&genesis.origin);
    w.uint(2);
    w.text(&genesis.verifier_key);
    w.uint(3);
    let mut sorted: Vec<_> = genesis.formats.iter().collect();
    sorted.sort_by_key(|(name, _)| (name.len(), *name));
    w.map(sorted.len());
    for (name, version) in sorted {
        w.text(name);
        w.text(version);
    }
}

/// Encodes openings as they lie beside an entry: an array of `[path, salt, value]`.
#[must_use]
pub fn encode_openings(openings: &[Opening]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(openings.len());
    for opening in openings {
        w.array(3);
        w.text(&opening.path);
        w.bytes(&opening.salt);
        w.bytes(&opening.value);
    }
    w.into_bytes()
}

/// Reads what [`encode_openings`] wrote.
///
/// # Errors
/// Where and why the bytes are no list of openings.
pub fn decode_openings(bytes: &[u8]) -> Result<Vec<Opening>, DecodeError> {
    let mut openings = Vec::new();
    pass_openings(bytes, &mut |opening| {
        let OpeningView { path, salt, value } = opening;
        openings.push(Opening { path: path.to_owned(), salt, value: value.to_owned() });
    })?;
    Ok(openings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Identity, IdentityType, Kind, Outcome};

    fn entry() -> Entry {
        let mut event = Event::new("e1", Kind::Decision, Identity::new("alice", IdentityType::Human), Outcome::Deny);
        event.reason = Some("no ticket".into());
        let mut n = 0;
        let (commitments, openings) = seal(&mut event, &["reason".to_owned()], &mut || {
            n += 1;
            [n; SALT_BYTES]
        });
        assert_eq!(openings.len(), 1);
        Entry {
            index: 7,
            recorded_at: Micros(1_780_000_000_000_000),
            prev: ChainValue([9; 32]),
            source: Source { id: "hr".into(), format: "native".into(), version: 1, sequence: Some(3) },
            event,
            commitments,
            raw: Some(Raw { commitment: Commitment([1; 32]), length: 10, media_type: "application/json".into() }),
            thread: Thread { n: 2, prev: Some(5) },
            genesis: None,
            successor: None,
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let entry = entry();
        assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
    }

    #[test]
    fn every_other_spelling_of_the_same_entry_is_refused() {
        let bytes = entry().encode();
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert!(Entry::decode(&trailing).unwrap_err().problem.contains("trailing"));
        // `7` as a two-byte integer: the same value, another spelling.
        let mut longer = bytes[..4].to_vec();
        longer.extend_from_slice(&[0x18, 7]);
        longer.extend_from_slice(&bytes[5..]);
        assert_eq!(&bytes[3..5], &[2, 7]);
        assert!(Entry::decode(&longer).unwrap_err().problem.contains("deterministic"));
        for cut in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn an_opening_opens_only_its_own_commitment() {
        let entry = entry();
        let good = Opening { path: "reason".into(), salt: [1; SALT_BYTES], value: b"no ticket".to_vec() };
        assert!(entry.opened_by(&good));
        assert_eq!(entry.unsealed(std::slice::from_ref(&good)).reason.as_deref(), Some("no ticket"));
        for bad in [
            Opening { value: b"a ticket".to_vec(), ..good.clone() },
            Opening { salt: [2; SALT_BYTES], ..good.clone() },
            Opening { path: "subject.name".into(), ..good.clone() },
        ] {
            assert!(!entry.opened_by(&bad));
            assert_eq!(entry.unsealed(&[bad]).reason, None);
        }
        let openings = vec![good];
        assert_eq!(decode_openings(&encode_openings(&openings)).unwrap(), openings);
    }
}
