//! What callers do before they queue: seal fields, commit to them, encode everything that needs no place.

use std::io;
use std::sync::Arc;

use sealbook_core::cbor::DecodeError;
use sealbook_core::entry::{
    Body, Entry, Opening, Place, RAW_PATH, Raw, SEALED_BY_DEFAULT, Source, Statement, decode_openings, encode_openings,
    seal,
};
use sealbook_core::event::{Event, sealable};
use sealbook_core::hash::{ChainValue, SALT_BYTES};
use sealbook_core::limits::{ENTRY_BYTES_MAX, RAW_BYTES_MAX, SOURCE_ID_BYTES_MAX};
use sealbook_core::planted::{Bug, is};
use sealbook_core::record::FieldError;
use sealbook_core::time::Micros;
use sealbook_disk::Entropy;

use crate::keys::LogKey;
use crate::lookup::Known;
use crate::state::{Keys, next_in_thread};

/// An event on its way into the ledger.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Where it came from.
    pub source: Source,
    /// The event.
    pub event: Event,
    /// The original bytes and their media type, where there are any besides the event itself.
    pub raw: Option<(Vec<u8>, String)>,
}

/// Which fields are sealed.
#[derive(Clone, Debug)]
pub struct Sealing {
    paths: Vec<String>,
}

impl Default for Sealing {
    fn default() -> Self {
        Self { paths: SEALED_BY_DEFAULT.iter().map(|path| (*path).to_owned()).collect() }
    }
}

impl Sealing {
    /// The default fields and `more`.
    ///
    /// # Errors
    /// Names the first path that is no field that can be sealed.
    pub fn with(more: &[String]) -> Result<Self, FieldError> {
        let mut sealing = Self::default();
        for path in more {
            if !sealable(path) {
                return Err(FieldError::new(path, "cannot be sealed: only optional text fields and labels can"));
            }
            if !sealing.paths.contains(path) {
                sealing.paths.push(path.clone());
            }
        }
        Ok(sealing)
    }
}

/// An event ready for the queue.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) body: Body,
    pub(crate) openings: Vec<u8>,
    pub(crate) keys: Keys,
    /// What the lookup files say of it, once they were asked.
    pub(crate) known: Option<Known>,
    /// The key that takes over after it.
    pub(crate) successor: Option<Arc<LogKey>>,
}

impl Prepared {
    /// Checks the limits, seals, commits and encodes.
    ///
    /// # Errors
    /// [`PrepareError::Field`] names the field that breaks a limit; [`PrepareError::Entropy`] when there is no salt.
    pub fn new(submission: Submission, sealing: &Sealing, entropy: &dyn Entropy) -> Result<Self, PrepareError> {
        Self::stating(submission, sealing, entropy, Statement::default())
    }

    pub(crate) fn stating(
        submission: Submission,
        sealing: &Sealing,
        entropy: &dyn Entropy,
        statement: Statement<'_>,
    ) -> Result<Self, PrepareError> {
        let Submission { source, mut event, raw } = submission;
        event.check()?;
        if source.id.is_empty() || source.id.len() > SOURCE_ID_BYTES_MAX {
            let problem =
                format!("the source id has {} bytes, 1 to {SOURCE_ID_BYTES_MAX} are allowed", source.id.len());
            return Err(FieldError::new("source", problem).into());
        }
        let raw = raw.filter(|(bytes, _)| !bytes.is_empty());
        if let Some((bytes, _)) = raw.as_ref().filter(|(bytes, _)| bytes.len() > RAW_BYTES_MAX) {
            let problem = format!("the original has {} bytes, at most {RAW_BYTES_MAX} are allowed", bytes.len());
            return Err(FieldError::new("", problem).into());
        }
        let mut failed = None;
        let mut salt = || {
            let mut salt = [0; SALT_BYTES];
            if !is(Bug::SaltUsedTwice)
                && let Err(error) = entropy.fill(&mut salt)
            {
                failed = Some(error);
            }
            salt
        };
        let (commitments, mut openings) = seal(&mut event, &sealing.paths, &mut salt);
        let raw = raw.map(|(value, media_type)| {
            let opening = Opening { path: RAW_PATH.to_owned(), salt: salt(), value };
            let raw = Raw { commitment: opening.commitment(), length: opening.value.len() as u64, media_type };
            openings.push(opening);
            raw
        });
        if let Some(error) = failed {
            return Err(PrepareError::Entropy(error));
        }
        let keys = Keys::of(&event.subject.id, &source.id, &event.id);
        let body = Body::new(&source, &event, &commitments, raw.as_ref(), statement);
        if body.bytes_max() > ENTRY_BYTES_MAX {
            let problem =
                format!("the entry would have {} bytes, at most {ENTRY_BYTES_MAX} are allowed", body.bytes_max());
            return Err(FieldError::new("", problem).into());
        }
        let openings = if openings.is_empty() { Vec::new() } else { encode_openings(&openings) };
        Ok(Self { body, openings, keys, known: None, successor: None })
    }

    /// The entry that it would be as the first of all.
    pub(crate) fn entry(&self) -> Result<Entry, DecodeError> {
        let thread = next_in_thread(None);
        Entry::decode(&self.body.place(&Place {
            index: 0,
            recorded_at: Micros(0),
            prev: ChainValue::default(),
            thread,
        }))
    }

    /// What its producer sent.
    pub(crate) fn sent(&self) -> Result<Option<Sent>, DecodeError> {
        let openings = if self.openings.is_empty() { Vec::new() } else { decode_openings(&self.openings)? };
        Ok(Sent::of(&self.entry()?, openings))
    }

    /// Bytes that it holds in the queue and in the log, about.
    pub(crate) fn bytes(&self) -> usize {
        self.body.bytes_max() + self.openings.len()
    }
}

/// What a producer sent, sealed or not: it tells a repetition from a conflict.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The original bytes.
    Original(Vec<u8>),
    /// The event, where it came without any.
    Event(Box<Event>),
}

impl Sent {
    /// As an entry and what lies beside it say; `None` where the original was erased.
    pub(crate) fn of(entry: &Entry, openings: Vec<Opening>) -> Option<Self> {
        if entry.raw.is_none() {
            return Some(Self::Event(Box::new(entry.unsealed(&openings))));
        }
        openings.into_iter().find(|opening| opening.path == RAW_PATH).map(|opening| Self::Original(opening.value))
    }
}

/// Why an event cannot become an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// A field breaks a limit.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The system gave no random bytes for a salt.
    #[error("no random bytes for a salt: {0}")]
    Entropy(io::Error),
}
