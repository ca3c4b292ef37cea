//! Policies: which logs and which witnesses are enough to believe a checkpoint (C2SP tlog-policy).

use core::fmt;
use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, VerifiedCheckpoint, parse_decimal, verify_note};
use crate::cosignature::{Cosignature, cosignatures};
use crate::limits::{POLICY_BYTES_MAX, POLICY_NAMES_MAX};
use crate::note::{ED25519, ED25519_COSIGNATURE, Note, NoteError, VerifierKey};

/// A log or a witness, with the place where it can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its key.
    pub key: VerifierKey,
    /// Its URL; any bytes, as the file has them.
    pub url: Option<Vec<u8>>,
}

/// Which logs and witnesses are trusted, and how many of them are enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    members: Vec<Member>,
    /// Place in `members`; `None` asks for no witness.
    quorum: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    /// Place in `witnesses`.
    Witness(usize),
    /// Places in `members`, all of them earlier, and how many are enough.
    Group { enough: usize, members: Vec<usize> },
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Line, from 1; 0 for the text as a whole.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy, line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for PolicyError {}

/// Why a policy does not believe a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// The bytes are no signed checkpoint, or a signature is missing or bad.
    Note(NoteError),
    /// No log of the policy has this origin for its name.
    UnknownLog {
        /// Origin of the checkpoint.
        origin: String,
    },
    /// Too few witnesses cosigned.
    NoQuorum {
        /// Names of those who did.
        by: Vec<String>,
    },
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => error.fmt(f),
            Self::UnknownLog { origin } => write!(f, "{origin} is no log of the policy"),
            Self::NoQuorum { by } if by.is_empty() => f.write_str("no witness of the policy cosigned"),
            Self::NoQuorum { by } => write!(f, "too few witnesses of the policy cosigned: only {}", by.join(", ")),
        }
    }
}

impl std::error::Error for Distrust {}

impl From<NoteError> for Distrust {
    fn from(error: NoteError) -> Self {
        Self::Note(error)
    }
}

/// A checkpoint that a policy believes. Only [`Policy::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedCheckpoint {
    checkpoint: VerifiedCheckpoint,
    cosignatures: Vec<Cosignature>,
}

impl TrustedCheckpoint {
    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Which witnesses of the policy cosigned it, and when.
    #[must_use]
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first line that is wrong, and why.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyError { line: 0, problem: "larger than a megabyte".to_owned() });
        }
        let mut reading = Reading::default();
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        for (line, content) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            reading.line(content).map_err(|problem| PolicyError { line, problem })?;
        }
        let quorum = reading.quorum.ok_or(PolicyError { line: 0, problem: "no quorum line".to_owned() })?;
        Ok(Self { logs: reading.logs, witnesses: reading.witnesses, members: reading.members, quorum })
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[Party] {
        &self.logs
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[Party] {
        &self.witnesses
    }

    /// Checks that a log of the policy, or one of `logs` that are known otherwise, signed the checkpoint under its own
    /// name, and that enough witnesses cosigned it, none of them after `not_after` (seconds since the Unix epoch) where
    /// that is given.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(
        &self,
        note: &[u8],
        logs: &[VerifierKey],
        not_after: Option<u64>,
    ) -> Result<TrustedCheckpoint, Distrust> {
        let note = Note::parse(note)?;
        let origin = Checkpoint::parse(note.unverified_text())?.origin;
        let listed = self.logs.iter().map(|log| &log.key).chain(logs);
        let keys: Vec<_> = listed.filter(|key| key.name() == origin && key.kind() == ED25519).cloned().collect();
        if keys.is_empty() {
            return Err(Distrust::UnknownLog { origin });
        }
        let checkpoint = verify_note(&note, &keys)?;
        let witnesses: Vec<_> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let cosignatures = cosignatures(&note, &witnesses, not_after)?;
        if self.is_enough(&cosignatures) {
            Ok(TrustedCheckpoint { checkpoint, cosignatures })
        } else {
            let by = cosignatures.iter().map(|cosignature| cosignature.key().name().to_owned()).collect();
            Err(Distrust::NoQuorum { by })
        }
    }

    fn is_enough(&self, found: &[Cosignature]) -> bool {
        let Some(quorum) = self.quorum else { return true };
        // Groups name only what stands before them, so one pass in order decides all of them.
        let mut decided: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            decided.push(match member {
                Member::Witness(place) => {
                    let key = self.witnesses.get(*place).map(|witness| witness.key.public());
                    found.iter().any(|cosignature| Some(cosignature.key().public()) == key)
                }
                Member::Group { enough, members } => {
                    members.iter().filter(|place| decided.get(**place).copied().unwrap_or(false)).count() >= *enough
                }
            });
        }
        decided.get(quorum).copied().unwrap_or(false)
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    members: Vec<Member>,
    /// Names are bytes, compared as such.
    names: BTreeMap<Vec<u8>, usize>,
    /// Members that a group lists already.
    taken: Vec<usize>,
    quorum: Option<Option<usize>>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if line.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err("a control character".to_owned());
        }
        let mut items = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|item| !item.is_empty());
        match items.next() {
            None => Ok(()),
            Some([b'#', ..]) => Ok(()),
            Some(word) => self.items(word, &items.collect::<Vec<_>>()),
        }
    }

    fn items(&mut self, word: &[u8], items: &[&[u8]]) -> Result<(), String> {
        match (word, items) {
            (b"log", [key, url @ ..]) if url.len() <= 1 => {
                let party = party(key, ED25519, url)?;
                push(&mut self.logs, party, "log")
            }
            (b"witness", [name, key, url @ ..]) if url.len() <= 1 => {
                let party = party(key, ED25519_COSIGNATURE, url)?;
                self.define(name, Member::Witness(self.witnesses.len()))?;
                push(&mut self.witnesses, party, "witness")
            }
            (b"group", [name, enough, members @ ..]) if !members.is_empty() => self.group(name, enough, members),
            (b"quorum", [name]) => {
                if self.quorum.is_some() {
                    return Err("a second quorum line".to_owned());
                }
                let place = if *name == b"none" { None } else { Some(self.place(name)?) };
                self.quorum = Some(place);
                Ok(())
            }
            _ => Err(format!("{} is no log, witness, group or quorum line with its items", shown(word))),
        }
    }

    fn group(&mut self, name: &[u8], enough: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let enough = match enough {
            b"all" => members.len(),
            b"any" => 1,
            number => core::str::from_utf8(number)
                .ok()
                .and_then(parse_decimal)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=members.len()).contains(number))
                .ok_or("expected all, any, or a number from 1 to that of the members")?,
        };
        let mut places = Vec::with_capacity(members.len());
        for member in members {
            let place = self.place(member)?;
            if self.taken.contains(&place) {
                return Err(format!("{} is in a group already", shown(member)));
            }
            self.taken.push(place);
            places.push(place);
        }
        self.define(name, Member::Group { enough, members: places })
    }

    fn place(&self, name: &[u8]) -> Result<usize, String> {
        self.names.get(name).copied().ok_or_else(|| format!("{} is not defined before", shown(name)))
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), String> {
        if name == b"none" || self.names.contains_key(name) {
            return Err(format!("the name {} is taken", shown(name)));
        }
        if self.members.len() >= 2 * POLICY_NAMES_MAX {
            return Err(format!("more than {} witnesses and groups", 2 * POLICY_NAMES_MAX));
        }
        self.names.insert(name.to_owned(), self.members.len());
        self.members.push(member);
        Ok(())
    }
}

fn party(key: &[u8], kind: u8, url: &[&[u8]]) -> Result<Party, String> {
    let text = core::str::from_utf8(key).map_err(|_| "the key is not UTF-8")?;
    let key = VerifierKey::parse(text).map_err(|error| error.to_string())?;
    if key.kind() != kind {
        return Err(format!("the key of {} has signature type {}, expected {kind}", key.name(), key.kind()));
    }
    Ok(Party { key, url: url.first().map(|url| url.to_vec()) })
}

fn push(parties: &mut Vec<Party>, party: Party, what: &str) -> Result<(), String> {
    if parties.iter().any(|known| known.key.public() == party.key.public()) {
        return Err(format!("the key of {} is that of another {what}", party.key.name()));
    }
    if parties.len() >= POLICY_NAMES_MAX {
        return Err(format!("more than {POLICY_NAMES_MAX} of these lines"));
    }
    parties.push(party);
    Ok(())
}

fn shown(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}
