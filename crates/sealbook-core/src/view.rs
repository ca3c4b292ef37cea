//! Entries where they lie: one strict pass over the bytes that builds no values.

use crate::cbor::{DecodeError, Reader};
use crate::entry::{ENTRY_VERSION, Entry, Genesis, Opening, RAW_PATH, Raw, Source, Thread};
use crate::event::{Event, Kind, sealable};
use crate::hash::{ChainValue, Commitment, SALT_BYTES, commitment};
use crate::limits::ENTRY_BYTES_MAX;
use crate::record::{FieldId, Passed};
use crate::time::Micros;

#[cfg(test)]
mod tests;

/// An entry in deterministic encoding (RFC 8949 §4.2.1). [`EntryView::decode`] takes exactly the bytes that
/// [`Entry::encode`] can make.
#[derive(Clone, Debug)]
pub struct EntryView<'b> {
    /// Index, from 0.
    pub index: u64,
    /// When, by the ledger's clock, in µs since the Unix epoch.
    pub recorded_at: Micros,
    /// Chain value of the entry before; zeros at index 0.
    pub prev: ChainValue,
    /// Where the event came from.
    pub source: SourceView<'b>,
    /// The event's open fields.
    pub event: EventView<'b>,
    /// The original bytes, where there were any.
    pub raw: Option<RawView<'b>>,
    /// Place among the entries about the subject.
    pub thread: Thread,
    /// Only at index 0.
    pub genesis: Option<GenesisView<'b>>,
    /// Verifier key of the signing key that takes over.
    pub successor: Option<&'b str>,
    commitments: Option<Pairs<'b, Commitment>>,
}

/// [`Source`], borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceView<'b> {
    /// Source id.
    pub id: &'b str,
    /// Source format.
    pub format: &'b str,
    /// Version of the mapping.
    pub version: u64,
    /// The source's own sequence number.
    pub sequence: Option<u64>,
}

/// The fields of an event that lookups and links need, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'b> {
    /// The producer's own id.
    pub id: &'b str,
    /// What it is about.
    pub kind: Kind,
    /// When, by the producer's clock.
    pub occurred_at: Option<Micros>,
    /// Id of the identity whose access is concerned.
    pub subject: &'b str,
    /// The verb in the source's own words.
    pub action: Option<&'b str>,
    bytes: &'b [u8],
}

/// [`Raw`], borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawView<'b> {
    /// Salted commitment to the bytes.
    pub commitment: Commitment,
    /// How many bytes.
    pub length: u64,
    /// Their media type.
    pub media_type: &'b str,
}

/// [`Genesis`], borrowed.
#[derive(Clone, Debug)]
pub struct GenesisView<'b> {
    /// Origin: the name of the ledger in its checkpoints.
    pub origin: &'b str,
    /// Verifier key of the first signing key.
    pub verifier_key: &'b str,
    /// Formats in force, name by version.
    pub formats: Pairs<'b, &'b str>,
}

/// A sealed value and its salt, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningView<'b> {
    /// Field path, or [`RAW_PATH`].
    pub path: &'b str,
    /// Salt.
    pub salt: [u8; SALT_BYTES],
    /// The value.
    pub value: &'b [u8],
}

/// Reads one value.
type ReadValue<'b, V> = fn(&mut Reader<'b>) -> Result<V, DecodeError>;

/// Pairs of a map with texts for keys, in the order of the encoding.
#[derive(Clone, Debug)]
pub struct Pairs<'b, V> {
    r: Reader<'b>,
    left: u64,
    value: ReadValue<'b, V>,
}

impl<'b, V> Pairs<'b, V> {
    /// Passes the map strictly and remembers where it began; `known` says whether a key may be there.
    fn pass(r: &mut Reader<'b>, value: ReadValue<'b, V>, known: fn(&str) -> bool) -> Result<Self, DecodeError> {
        let left = r.map()?;
        let pairs = Self { r: r.clone(), left, value };
        let mut before = None;
        for _ in 0..left {
            let key = r.text_key(&mut before)?;
            if !known(key) {
                return Err(r.error(format!("{key:?} cannot stand here")));
            }
            value(r)?;
        }
        Ok(pairs)
    }

    /// How many there are.
    #[must_use]
    pub fn count_left(&self) -> u64 {
        self.left
    }
}

impl<'b, V> Iterator for Pairs<'b, V> {
    type Item = (&'b str, V);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = self.r.text().ok()?;
        Some((key, (self.value)(&mut self.r).ok()?))
    }
}

impl<'b> EntryView<'b> {
    /// Reads an entry where it lies: one pass, no allocation, as strict as decoding, encoding again and comparing.
    ///
    /// # Errors
    /// Where and why the bytes are not an entry in deterministic encoding.
    #[inline]
    pub fn decode(bytes: &'b [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > ENTRY_BYTES_MAX {
            let problem = format!("entry of {} bytes, at most {ENTRY_BYTES_MAX} are allowed", bytes.len());
            return Err(DecodeError { offset: 0, problem });
        }
        let mut r = Reader::new(bytes);
        let entry = Self::read(&mut r)?;
        r.end()?;
        Ok(entry)
    }

    #[inline]
    fn read(r: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let (mut version, mut index, mut recorded_at, mut prev, mut source) = (None, None, None, None, None);
        let (mut event, mut commitments, mut raw, mut thread) = (None, None, None, None);
        let (mut genesis, mut successor) = (None, None);
        let mut before = 0;
        for _ in 0..r.map()? {
            match r.key(&mut before)? {
                1 => version = Some(r.uint()?),
                2 => index = Some(r.uint()?),
                3 => recorded_at = Some(Micros(r.int()?)),
                4 => prev = Some(ChainValue(r.array_of()?)),
                5 => source = Some(SourceView::read(r)?),
                6 => event = Some(EventView::read(r)?),
                7 => commitments = Some(read_commitments(r)?),
                8 => raw = Some(RawView::read(r)?),
                9 => thread = Some(read_thread(r)?),
                10 => genesis = Some(GenesisView::read(r)?),
                11 => successor = Some(r.text()?),
                key => return Err(r.error(format!("unknown key {key} in the entry"))),
            }
        }
        if version != Some(ENTRY_VERSION) {
            return Err(r.error(format!("entry format {version:?}, this reader knows {ENTRY_VERSION}")));
        }
        let (Some(index), Some(recorded_at), Some(prev)) = (index, recorded_at, prev) else {
            return Err(r.error("index, time or link is missing"));
        };
        let (Some(source), Some(event), Some(thread)) = (source, event, thread) else {
            return Err(r.error("source, event or thread is missing"));
        };
        Ok(Self { index, recorded_at, prev, source, event, raw, thread, genesis, successor, commitments })
    }

    /// Commitments to the sealed fields, by path.
    pub fn commitments(&self) -> impl Iterator<Item = (&'b str, Commitment)> + use<'b> {
        self.commitments.clone().into_iter().flatten()
    }

    /// How many values the entry commits to: sealed fields, and the original bytes.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.commitments.as_ref().map_or(0, Pairs::count_left) + u64::from(self.raw.is_some())
    }

    /// Whether `opening` opens one of the commitments of this entry.
    #[must_use]
    pub fn opened_by(&self, opening: &OpeningView<'_>) -> bool {
        let committed = if opening.path == RAW_PATH {
            self.raw.map(|raw| raw.commitment)
        } else {
            self.commitments().find(|(path, _)| *path == opening.path).map(|(_, commitment)| commitment)
        };
        committed.is_some_and(|committed| committed == opening.commitment())
    }

    /// The entry with its values.
    ///
    /// # Errors
    /// None for what [`Self::decode`] gave.
    pub fn entry(&self) -> Result<Entry, DecodeError> {
        let SourceView { id, format, version, sequence } = self.source;
        Ok(Entry {
            index: self.index,
            recorded_at: self.recorded_at,
            prev: self.prev,
            source: Source { id: id.to_owned(), format: format.to_owned(), version, sequence },
            event: Event::read(&mut Reader::new(self.event.bytes))?,
            commitments: self.commitments().map(|(path, commitment)| (path.to_owned(), commitment)).collect(),
            raw: self.raw.map(|raw| Raw {
                commitment: raw.commitment,
                length: raw.length,
                media_type: raw.media_type.to_owned(),
            }),
            thread: self.thread,
            genesis: self.genesis.as_ref().map(GenesisView::genesis),
            successor: self.successor.map(ToOwned::to_owned),
        })
    }
}

impl<'b> SourceView<'b> {
    #[inline]
    fn read(r: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let (mut id, mut format, mut version, mut sequence) = (None, None, None, None);
        let mut before = 0;
        for _ in 0..r.map()? {
            match r.key(&mut before)? {
                1 => id = Some(r.text()?),
                2 => format = Some(r.text()?),
                3 => version = Some(r.uint()?),
                4 => sequence = Some(r.uint()?),
                key => return Err(r.error(format!("unknown key {key} in the source"))),
            }
        }
        match (id, format, version) {
            (Some(id), Some(format), Some(version)) => Ok(Self { id, format, version, sequence }),
            _ => Err(r.error("id, format or version of the source is missing")),
        }
    }
}

impl<'b> EventView<'b> {
    #[inline]
    fn read(r: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let start = r.position();
        let (mut id, mut kind, mut occurred_at, mut subject, mut action) = (None, None, None, None, None);
        Event::pass(r, &mut |field, value| match (field, value) {
            (FieldId([1, 0, 0]), Passed::Text(text)) => id = Some(text),
            (FieldId([2, 0, 0]), Passed::Word(word)) => kind = Kind::parse(word),
            (FieldId([3, 0, 0]), Passed::Time(time)) => occurred_at = Some(time),
            (FieldId([4, 1, 0]), Passed::Text(text)) => subject = Some(text),
            (FieldId([7, 0, 0]), Passed::Text(text)) => action = Some(text),
            _ => {}
        })?;
        // Nothing is lost: the pass has seen that these are UTF-8.
        let text = |bytes: &'b [u8]| core::str::from_utf8(bytes).unwrap_or_default();
        let (id, subject, action) = (id.map(text), subject.map(text), action.map(text));
        match (id, kind, subject) {
            (Some(id), Some(kind), Some(subject)) => {
                Ok(Self { id, kind, occurred_at, subject, action, bytes: r.since(start) })
            }
            _ => Err(r.error("id, kind or subject of the event is missing")),
        }
    }
}

impl<'b> RawView<'b> {
    #[inline]
    fn read(r: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let (mut commitment, mut length, mut media_type) = (None, None, None);
        let mut before = 0;
        for _ in 0..r.map()? {
            match r.key(&mut before)? {
                1 => commitment = Some(Commitment(r.array_of()?)),
                2 => length = Some(r.uint()?),
                3 => media_type = Some(r.text()?),
                key => return Err(r.error(format!("unknown key {key} in the raw bytes"))),
            }
        }
        match (commitment, length, media_type) {
            (Some(commitment), Some(length), Some(media_type)) => Ok(Self { commitment, length, media_type }),
            _ => Err(r.error("commitment, length or media type of the raw bytes is missing")),
        }
    }
}

impl<'b> GenesisView<'b> {
    #[inline]
    fn read(r: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let (mut origin, mut verifier_key, mut formats) = (None, None, None);
        let mut before = 0;
        for _ in 0..r.map()? {
            match r.key(&mut before)? {
                1 => origin = Some(r.text()?),
                2 => verifier_key = Some(r.text()?),
                3 => formats = Some(Pairs::pass(r, Reader::text, |_| true)?),
                key => return Err(r.error(format!("unknown key {key} in the genesis"))),
            }
        }
        match (origin, verifier_key, formats) {
            (Some(origin), Some(verifier_key), Some(formats)) => Ok(Self { origin, verifier_key, formats }),
            _ => Err(r.error("origin, key or formats of the genesis are missing")),
        }
    }

    /// With its values.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        Genesis {
            origin: self.origin.to_owned(),
            verifier_key: self.verifier_key.to_owned(),
            formats: self.formats.clone().map(|(name, version)| (name.to_owned(), version.to_owned())).collect(),
        }
    }
}

fn read_commitments<'b>(r: &mut Reader<'b>) -> Result<Pairs<'b, Commitment>, DecodeError> {
    let pairs = Pairs::pass(r, |r: &mut Reader<'b>| r.array_of().map(Commitment), sealable)?;
    if pairs.count_left() == 0 {
        return Err(r.error("no commitment at all, where they are left out"));
    }
    Ok(pairs)
}

fn read_thread(r: &mut Reader<'_>) -> Result<Thread, DecodeError> {
    let (mut n, mut prev) = (None, None);
    let mut before = 0;
    for _ in 0..r.map()? {
        match r.key(&mut before)? {
            1 => n = Some(r.uint()?),
            2 => prev = Some(r.uint()?),
            key => return Err(r.error(format!("unknown key {key} in the thread"))),
        }
    }
    n.map(|n| Thread { n, prev }).ok_or_else(|| r.error("number in the thread is missing"))
}

impl OpeningView<'_> {
    /// The commitment that this opens.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        commitment(&self.salt, self.path, self.value)
    }
}

impl Opening {
    /// Borrowed.
    #[must_use]
    pub fn view(&self) -> OpeningView<'_> {
        OpeningView { path: &self.path, salt: self.salt, value: &self.value }
    }
}

/// Passes the openings that lie beside an entry (an array of `[path, salt, value]`) strictly and tells `f` each.
///
/// # Errors
/// Where and why the bytes are no list of openings in deterministic encoding.
pub fn pass_openings<'b>(bytes: &'b [u8], f: &mut impl FnMut(OpeningView<'b>)) -> Result<(), DecodeError> {
    let mut r = Reader::new(bytes);
    for _ in 0..r.array()? {
        if r.array()? != 3 {
            return Err(r.error("an opening has three items"));
        }
        f(OpeningView { path: r.text()?, salt: r.array_of()?, value: r.bytes()? });
    }
    r.end()
}
