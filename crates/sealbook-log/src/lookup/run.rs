//! A run: the keys of a range of entries, sorted, in pages that are authenticated one by one.
//!
//! `SEALKEY1`, the range, the counts and the tier in a head; pages of records, those of the events before those of the
//! subjects; a tail with the first key of each page and two Bloom filters. Head, tail and each page end in a keyed
//! BLAKE3 digest, cut to 16 bytes, that also covers the range and what it is.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use sealbook_core::hash::ChainValue;
use sealbook_disk::{DiskFile, World};

use super::{Remembered, Secret};
use crate::error::LogError;
use crate::state::{ByKey, Key, Newest};

const MAGIC: [u8; 8] = *b"SEALKEY1";
const HEAD_BYTES: usize = 128;
const PAGE_BYTES: usize = 4096;
const TAG_BYTES: usize = 16;
/// Key and index.
const EVENT_BYTES: usize = 24;
/// Key, number in the thread, index.
const SUBJECT_BYTES: usize = 32;
const EVENTS_PER_PAGE: usize = (PAGE_BYTES - TAG_BYTES) / EVENT_BYTES;
const SUBJECTS_PER_PAGE: usize = (PAGE_BYTES - TAG_BYTES) / SUBJECT_BYTES;
/// Bits of a Bloom filter per key, and bits of the block that one key touches.
const FILTER_BITS: u64 = 16;
const BLOCK_BITS: u64 = 512;
const PROBES: u32 = 7;
/// Pages of subjects of one run that are kept in memory: the same subjects come again and again.
const KEPT_PAGES: usize = 128;

/// What stands in the tag of a page beside its number.
const OF_HEAD: u64 = u64::MAX;
const OF_TAIL: u64 = u64::MAX - 1;

/// A record by its key: the event's index, or number and index of the newest entry about a subject.
pub(crate) type Event = (Key, u64);
pub(crate) type Subject = (Key, Newest);

/// An open run.
pub(crate) struct Run {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    secret: Secret,
    head: Head,
    event_fences: Vec<u64>,
    subject_fences: Vec<u64>,
    event_filter: Vec<u64>,
    subject_filter: Vec<u64>,
    kept: RwLock<HashMap<u64, Arc<Vec<Subject>>>>,
}

impl core::fmt::Debug for Run {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Run({:?})", self.head)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    first: u64,
    upto: u64,
    events: u64,
    subjects: u64,
    tier: u64,
    /// Blocks of the filters.
    event_blocks: u64,
    subject_blocks: u64,
    chain: ChainValue,
}

fn pages(records: u64, per_page: usize) -> u64 {
    records.div_ceil(per_page as u64)
}

fn blocks(records: u64) -> u64 {
    (records * FILTER_BITS).div_ceil(BLOCK_BITS).max(1)
}

fn fence(key: Key) -> u64 {
    u64::try_from(key >> 64).unwrap_or(u64::MAX)
}

impl Head {
    fn encode(&self, secret: &Secret) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let counts = [self.events, self.subjects, self.tier, self.event_blocks, self.subject_blocks];
        for number in [self.first, self.upto].into_iter().chain(counts) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.chain.0);
        bytes.resize(HEAD_BYTES - TAG_BYTES, 0);
        let tag = tag(secret, (self.first, self.upto), OF_HEAD, &bytes);
        bytes.extend_from_slice(&tag);
        bytes
    }

    fn decode(bytes: &[u8], secret: &Secret) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (numbers, chain) = rest.split_first_chunk::<56>()?;
        let numbers: Vec<u64> = numbers.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let [first, upto, events, subjects, tier, event_blocks, subject_blocks] = *numbers.as_slice() else {
            return None;
        };
        let chain = ChainValue(*chain.first_chunk()?);
        let head = Self { first, upto, events, subjects, tier, event_blocks, subject_blocks, chain };
        (*magic == MAGIC && head.encode(secret) == bytes).then_some(head)
    }

    fn event_pages(&self) -> u64 {
        pages(self.events, EVENTS_PER_PAGE)
    }

    fn subject_pages(&self) -> u64 {
        pages(self.subjects, SUBJECTS_PER_PAGE)
    }

    fn tail_offset(&self) -> u64 {
        HEAD_BYTES as u64 + (self.event_pages() + self.subject_pages()) * PAGE_BYTES as u64
    }

    fn tail_words(&self) -> u64 {
        let filters = (self.event_blocks + self.subject_blocks) * (BLOCK_BITS / 64);
        self.event_pages() + self.subject_pages() + filters
    }
}

fn tag(secret: &Secret, range: (u64, u64), what: u64, bytes: &[u8]) -> [u8; TAG_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    for number in [range.0, range.1, what] {
        hasher.update(&number.to_le_bytes());
    }
    let digest = hasher.update(bytes).finalize();
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The bits of a key in a filter: its block, and the bits in it.
fn probes(filter_words: usize, key: Key) -> (usize, impl Iterator<Item = (usize, u64)>) {
    let words = usize::try_from(BLOCK_BITS / 64).unwrap_or(1);
    let blocks = (filter_words / words).max(1) as u128;
    let block = usize::try_from(((key >> 64) * blocks) >> 64).unwrap_or(0);
    let low = u64::try_from(key & u128::from(u64::MAX)).unwrap_or(0);
    let bits = (0..PROBES).map(move |probe| (low >> (9 * probe)) & (BLOCK_BITS - 1));
    (block * words, bits.map(|bit| (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))))
}

fn filter_insert(filter: &mut [u64], key: Key) {
    let (base, probes) = probes(filter.len(), key);
    for (word, bit) in probes {
        if let Some(word) = filter.get_mut(base + word) {
            *word |= bit;
        }
    }
}

fn filter_has(filter: &[u64], key: Key) -> bool {
    let (base, mut probes) = probes(filter.len(), key);
    probes.all(|(word, bit)| filter.get(base + word).is_some_and(|word| word & bit != 0))
}

impl Run {
    /// Opens a run that a writer with this secret wrote for this range of this log; `None` where it is another one.
    pub(crate) fn open(
        world: &World,
        path: PathBuf,
        secret: &Secret,
        range: (u64, u64),
        chain: ChainValue,
    ) -> Result<Option<Self>, LogError> {
        let file = world.disk.open(&path, false).map_err(LogError::io(&path))?;
        let mut head = [0; HEAD_BYTES];
        file.read_at(&mut head, 0).map_err(LogError::io(&path))?;
        let Some(head) = Head::decode(&head, secret).filter(|head| (head.first, head.upto) == range) else {
            return Ok(None);
        };
        // The tail is as long as the counts say, and no longer than the file.
        let length = file.length().map_err(LogError::io(&path))?;
        if head.chain != chain || length != head.tail_offset() + head.tail_words() * 8 + TAG_BYTES as u64 {
            return Ok(None);
        }
        let mut tail = vec![0; usize::try_from(length - head.tail_offset()).unwrap_or(0)];
        file.read_at(&mut tail, head.tail_offset()).map_err(LogError::io(&path))?;
        let Some((words, stored)) = tail.split_last_chunk::<TAG_BYTES>() else { return Ok(None) };
        if tag(secret, range, OF_TAIL, words) != *stored {
            return Ok(None);
        }
        let mut words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut take = |count: u64| words.by_ref().take(usize::try_from(count).unwrap_or(0)).collect::<Vec<_>>();
        let (event_fences, subject_fences) = (take(head.event_pages()), take(head.subject_pages()));
        let event_filter = take(head.event_blocks * (BLOCK_BITS / 64));
        let subject_filter = take(head.subject_blocks * (BLOCK_BITS / 64));
        let secret = *secret;
        let kept = RwLock::default();
        Ok(Some(Self { file, path, secret, head, event_fences, subject_fences, event_filter, subject_filter, kept }))
    }

    pub(crate) fn upto(&self) -> u64 {
        self.head.upto
    }

    pub(crate) fn first(&self) -> u64 {
        self.head.first
    }

    pub(crate) fn chain(&self) -> ChainValue {
        self.head.chain
    }

    pub(crate) fn tier(&self) -> u64 {
        self.head.tier
    }

    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.head.events, self.head.subjects)
    }

    pub(crate) fn remove(&self, world: &World) -> Result<(), LogError> {
        world.disk.remove(&self.path).map_err(LogError::io(&self.path))
    }

    /// The entry that holds an event.
    pub(crate) fn event(&self, key: Key) -> Result<Option<u64>, LogError> {
        if !filter_has(&self.event_filter, key) {
            return Ok(None);
        }
        for page in candidates(&self.event_fences, key) {
            let records = self.events_of(page)?;
            if let Ok(at) = records.binary_search_by_key(&key, |(key, _)| *key) {
                return Ok(records.get(at).map(|(_, index)| *index));
            }
        }
        Ok(None)
    }

    /// The newest entry about a subject.
    pub(crate) fn subject(&self, key: Key) -> Result<Option<Newest>, LogError> {
        if !filter_has(&self.subject_filter, key) {
            return Ok(None);
        }
        for page in candidates(&self.subject_fences, key) {
            let records = self.kept_subjects_of(page)?;
            if let Ok(at) = records.binary_search_by_key(&key, |(key, _)| *key) {
                return Ok(records.get(at).map(|(_, newest)| *newest));
            }
        }
        Ok(None)
    }

    /// The records of a page of events.
    pub(crate) fn events_of(&self, page: u64) -> Result<Vec<Event>, LogError> {
        let bytes = self.page(page)?;
        let held = self.head.events.saturating_sub(page * EVENTS_PER_PAGE as u64);
        let records = bytes.as_chunks::<EVENT_BYTES>().0.iter().take(usize::try_from(held).unwrap_or(usize::MAX));
        Ok(records.filter_map(|record| Some((key_of(record)?, number(record, 16)?))).collect())
    }

    /// The records of a page of subjects.
    pub(crate) fn subjects_of(&self, page: u64) -> Result<Vec<Subject>, LogError> {
        let bytes = self.page(self.head.event_pages() + page)?;
        let held = self.head.subjects.saturating_sub(page * SUBJECTS_PER_PAGE as u64);
        let records = bytes.as_chunks::<SUBJECT_BYTES>().0.iter().take(usize::try_from(held).unwrap_or(usize::MAX));
        let newest = |record: &[u8]| Some(Newest { n: number(record, 16)?, index: number(record, 24)? });
        Ok(records.filter_map(|record| Some((key_of(record)?, newest(record)?))).collect())
    }

    fn kept_subjects_of(&self, page: u64) -> Result<Arc<Vec<Subject>>, LogError> {
        if let Some(records) = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&page) {
            return Ok(records.clone());
        }
        let records = Arc::new(self.subjects_of(page)?);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_PAGES {
            kept.clear();
        }
        kept.insert(page, records.clone());
        Ok(records)
    }

    pub(crate) fn pages(&self) -> (u64, u64) {
        (self.head.event_pages(), self.head.subject_pages())
    }

    fn page(&self, page: u64) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; PAGE_BYTES];
        let offset = HEAD_BYTES as u64 + page * PAGE_BYTES as u64;
        self.file.read_at(&mut bytes, offset).map_err(LogError::io(&self.path))?;
        match bytes.split_last_chunk::<TAG_BYTES>() {
            Some((records, stored))
                if tag(&self.secret, (self.head.first, self.head.upto), page, records) == *stored =>
            {
                bytes.truncate(PAGE_BYTES - TAG_BYTES);
                Ok(bytes)
            }
            _ => Err(LogError::BadLookup { path: self.path.clone(), offset }),
        }
    }
}

/// The pages in which a key may stand.
fn candidates(fences: &[u64], key: Key) -> std::ops::Range<u64> {
    let from = fences.partition_point(|first| *first < fence(key)).saturating_sub(1);
    let to = fences.partition_point(|first| *first <= fence(key));
    from as u64..to as u64
}

fn key_of(record: &[u8]) -> Option<Key> {
    record.first_chunk().map(|bytes| Key::from_be_bytes(*bytes))
}

fn number(record: &[u8], at: usize) -> Option<u64> {
    record.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// What a run is made of.
pub(crate) struct Content {
    events: Vec<Event>,
    subjects: Vec<Subject>,
}

impl Content {
    /// The keys of entries, the first of which has the index `first`.
    pub(crate) fn of(first: u64, entries: &[Remembered]) -> Self {
        let mut events = Vec::with_capacity(entries.len());
        let mut newest: ByKey<Newest> = ByKey::default();
        for (index, entry) in (first..).zip(entries) {
            events.push((entry.keys.event, index));
            newest.insert(entry.keys.subject, Newest { n: entry.n, index });
        }
        events.sort_unstable();
        let mut subjects: Vec<Subject> = newest.into_iter().collect();
        subjects.sort_unstable_by_key(|(key, _)| *key);
        Self { events, subjects }
    }

    /// Writes it as a run and opens that.
    pub(crate) fn write(
        self,
        world: &World,
        path: PathBuf,
        secret: &Secret,
        range: (u64, u64),
        chain: ChainValue,
        tier: u64,
    ) -> Result<Run, LogError> {
        let counts = (self.events.len() as u64, self.subjects.len() as u64);
        let mut out = Output::begin(world, path, secret, range, chain, tier, counts)?;
        self.events.into_iter().try_for_each(|record| out.event(record))?;
        self.subjects.into_iter().try_for_each(|record| out.subject(record))?;
        out.end(world)
    }
}

/// A run that is being written: its records come sorted, events first.
pub(crate) struct Output {
    file: Box<dyn DiskFile>,
    temporary: PathBuf,
    path: PathBuf,
    secret: Secret,
    head: Head,
    page: Vec<u8>,
    in_page: usize,
    pages: u64,
    event_fences: Vec<u64>,
    subject_fences: Vec<u64>,
    event_filter: Vec<u64>,
    subject_filter: Vec<u64>,
}

impl Output {
    pub(crate) fn begin(
        world: &World,
        path: PathBuf,
        secret: &Secret,
        range: (u64, u64),
        chain: ChainValue,
        tier: u64,
        at_most: (u64, u64),
    ) -> Result<Self, LogError> {
        let temporary = path.with_extension("tmp");
        if let Some(parent) = path.parent() {
            world.disk.create_dir_all(parent).map_err(LogError::io(parent))?;
        }
        if world.disk.exists(&temporary) {
            world.disk.remove(&temporary).map_err(LogError::io(&temporary))?;
        }
        let file = world.disk.create(&temporary, false).map_err(LogError::io(&temporary))?;
        let filter = |blocks| vec![0; usize::try_from(blocks * (BLOCK_BITS / 64)).unwrap_or(8)];
        let (event_blocks, subject_blocks) = (blocks(at_most.0), blocks(at_most.1));
        let (first, upto) = range;
        let head = Head { first, upto, events: 0, subjects: 0, tier, event_blocks, subject_blocks, chain };
        Ok(Self {
            file,
            temporary,
            path,
            secret: *secret,
            head,
            page: Vec::with_capacity(PAGE_BYTES),
            in_page: 0,
            pages: 0,
            event_fences: Vec::new(),
            subject_fences: Vec::new(),
            event_filter: filter(event_blocks),
            subject_filter: filter(subject_blocks),
        })
    }

    pub(crate) fn event(&mut self, (key, index): Event) -> Result<(), LogError> {
        if self.in_page == EVENTS_PER_PAGE {
            self.end_page()?;
        }
        if self.in_page == 0 {
            self.event_fences.push(fence(key));
        }
        filter_insert(&mut self.event_filter, key);
        self.page.extend_from_slice(&key.to_be_bytes());
        self.page.extend_from_slice(&index.to_le_bytes());
        self.in_page += 1;
        self.head.events += 1;
        Ok(())
    }

    pub(crate) fn subject(&mut self, (key, newest): Subject) -> Result<(), LogError> {
        if self.in_page == SUBJECTS_PER_PAGE || self.head.subjects == 0 {
            self.end_page()?;
        }
        if self.in_page == 0 {
            self.subject_fences.push(fence(key));
        }
        filter_insert(&mut self.subject_filter, key);
        self.page.extend_from_slice(&key.to_be_bytes());
        self.page.extend_from_slice(&newest.n.to_le_bytes());
        self.page.extend_from_slice(&newest.index.to_le_bytes());
        self.in_page += 1;
        self.head.subjects += 1;
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), LogError> {
        if self.in_page == 0 {
            return Ok(());
        }
        self.page.resize(PAGE_BYTES - TAG_BYTES, 0);
        let tag = tag(&self.secret, (self.head.first, self.head.upto), self.pages, &self.page);
        self.page.extend_from_slice(&tag);
        let offset = HEAD_BYTES as u64 + self.pages * PAGE_BYTES as u64;
        self.file.write_at(&self.page, offset).map_err(LogError::io(&self.temporary))?;
        self.page.clear();
        self.in_page = 0;
        self.pages += 1;
        Ok(())
    }

    /// Writes head and tail, and gives the run its name once it is durable.
    pub(crate) fn end(mut self, world: &World) -> Result<Run, LogError> {
        self.end_page()?;
        let words = [&self.event_fences, &self.subject_fences, &self.event_filter, &self.subject_filter];
        let mut tail: Vec<u8> = words.into_iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        let range = (self.head.first, self.head.upto);
        let tail_tag = tag(&self.secret, range, OF_TAIL, &tail);
        tail.extend_from_slice(&tail_tag);
        let head = self.head.encode(&self.secret);
        let write = |bytes: &[u8], at| self.file.write_at(bytes, at).map_err(LogError::io(&self.temporary));
        write(&tail, self.head.tail_offset())?;
        write(&head, 0)?;
        self.file.sync().map_err(LogError::io(&self.temporary))?;
        world.disk.rename(&self.temporary, &self.path).map_err(LogError::io(&self.path))?;
        Ok(Run {
            file: self.file,
            path: self.path,
            secret: self.secret,
            head: self.head,
            event_fences: self.event_fences,
            subject_fences: self.subject_fences,
            event_filter: self.event_filter,
            subject_filter: self.subject_filter,
            kept: RwLock::default(),
        })
    }
}
