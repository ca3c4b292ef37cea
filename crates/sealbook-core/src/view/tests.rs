//! The view takes exactly what decoding, encoding again and comparing takes.

#![expect(clippy::cast_possible_truncation, reason = "the numbers are small, or meant to be cut")]

use std::collections::BTreeMap;

use super::{EntryView, pass_openings};
use crate::cbor::{DecodeError, Reader};
use crate::entry::{ENTRY_VERSION, Entry, Genesis, Opening, Raw, Source, Thread, decode_openings, encode_openings};
use crate::event::{Event, schema, sealable};
use crate::hash::{ChainValue, Commitment, SALT_BYTES};
use crate::limits::ENTRY_BYTES_MAX;
use crate::record::{FieldSpec, FieldType, Tree};
use crate::time::Micros;

/// The rule of the format: what is read, in whatever order and spelling, must encode to the same bytes again.
fn by_encoding_again(bytes: &[u8]) -> Option<Entry> {
    let mut r = Reader::new(bytes);
    let entry = read_entry(&mut r).ok()?;
    (bytes.len() <= ENTRY_BYTES_MAX && entry.encode() == bytes).then_some(entry)
}

/// Both judge `bytes`, and must agree; true where they take them.
#[track_caller]
fn judged(bytes: &[u8]) -> bool {
    let (rule, view) = (by_encoding_again(bytes), EntryView::decode(bytes));
    assert_eq!(rule.is_some(), view.is_ok(), "{view:?}\n{}", crate::hash::hex(bytes));
    let (Some(rule), Ok(view)) = (rule, view) else { return false };
    assert_eq!(view.entry().unwrap(), rule);
    same(&view, &rule);
    true
}

fn same(view: &EntryView<'_>, entry: &Entry) {
    assert_eq!((view.index, view.recorded_at, view.prev), (entry.index, entry.recorded_at, entry.prev));
    assert_eq!((view.event.id, view.event.kind), (entry.event.id.as_str(), entry.event.kind));
    assert_eq!(
        (view.event.subject, view.event.action),
        (entry.event.subject.id.as_str(), entry.event.action.as_deref())
    );
    assert_eq!((view.event.occurred_at, view.thread), (entry.event.occurred_at, entry.thread));
    assert_eq!((view.source.id, view.source.sequence), (entry.source.id.as_str(), entry.source.sequence));
    assert_eq!(view.successor, entry.successor.as_deref());
    assert_eq!(view.committed(), entry.commitments.len() as u64 + u64::from(entry.raw.is_some()));
}

/// Pseudo-random numbers (xorshift64*), so that every run tries the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }

    /// Numbers of every length of head.
    fn number(&mut self) -> u64 {
        let edges = [0, 1, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX];
        if self.one_in(2) { self.roll(u64::MAX) >> self.roll(64) } else { edges[self.roll(11) as usize] }
    }

    fn text(&mut self) -> String {
        let length = [0, 1, 3, 22, 23, 24, 25, 60, 255, 256, 300][self.roll(11) as usize];
        let letters = ['a', 'z', '-', ' ', 'é', '日', '\u{1f511}'];
        let mut text: String =
            (0..length).map(|_| letters[self.roll(if length > 24 { 7 } else { 4 }) as usize]).collect();
        text.truncate(text.floor_char_boundary(length));
        text
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.roll(256) as u8)
    }

    fn texts(&mut self, most: u64) -> BTreeMap<String, String> {
        (0..self.roll(most + 1)).map(|_| (self.text(), self.text())).collect()
    }

    fn value(&mut self, spec: &FieldSpec) -> Tree {
        match spec.kind {
            FieldType::Text => Tree::Text(self.text()),
            FieldType::Time => Tree::Text(Micros(self.roll(1 << 52) as i64 - (1 << 50)).to_string()),
            FieldType::Bool => Tree::Bool(self.one_in(2)),
            FieldType::Word(words) => Tree::Text(words[self.roll(words.len() as u64) as usize].to_owned()),
            FieldType::Labels => {
                let labels = self.texts(5).into_iter().map(|(name, text)| (name, Tree::Text(text)));
                Tree::Map(labels.collect())
            }
        }
    }

    fn event(&mut self) -> Event {
        let (mut root, one_in) = (Vec::new(), 1 + self.roll(12));
        let actor = self.one_in(3);
        for spec in schema() {
            let required = ["id", "kind", "outcome", "subject.id", "subject.type"].contains(&spec.path.as_str());
            let of_actor = spec.path == "actor.id" || spec.path == "actor.type";
            let optional = self.one_in(one_in) && !spec.path.starts_with("actor.");
            if required || (of_actor && actor) || optional {
                let value = self.value(spec);
                put(&mut root, &spec.path, value);
            }
        }
        // Records without any field are possible, too.
        if self.one_in(4) {
            put(&mut root, "resource", Tree::Map(Vec::new()));
        }
        Event::from_tree(Tree::Map(root)).unwrap()
    }

    fn entry(&mut self) -> Entry {
        let event = self.event();
        let paths: Vec<_> = schema().iter().map(|spec| spec.path.clone()).filter(|path| sealable(path)).collect();
        let label = format!("labels.{}x", self.text());
        let mut commitments: BTreeMap<_, _> = (0..self.roll(4))
            .map(|_| (paths[self.roll(paths.len() as u64) as usize].clone(), Commitment(self.bytes())))
            .collect();
        if self.one_in(3) {
            commitments.insert(label, Commitment(self.bytes()));
        }
        Entry {
            index: self.number(),
            recorded_at: Micros(self.number() as i64),
            prev: ChainValue(self.bytes()),
            source: Source {
                id: self.text(),
                format: self.text(),
                version: self.number(),
                sequence: self.one_in(2).then(|| self.number()),
            },
            event,
            commitments,
            raw: self.one_in(2).then(|| Raw {
                commitment: Commitment(self.bytes()),
                length: self.number(),
                media_type: self.text(),
            }),
            thread: Thread { n: self.number(), prev: self.one_in(2).then(|| self.number()) },
            genesis: self.one_in(4).then(|| Genesis {
                origin: self.text(),
                verifier_key: self.text(),
                formats: self.texts(4),
            }),
            successor: self.one_in(4).then(|| self.text()),
        }
    }
}

fn put(pairs: &mut Vec<(String, Tree)>, path: &str, value: Tree) {
    let Some((name, rest)) = path.split_once('.') else {
        if !pairs.iter().any(|(known, _)| known == path) {
            pairs.push((path.to_owned(), value));
        }
        return;
    };
    if !pairs.iter().any(|(known, _)| known == name) {
        pairs.push((name.to_owned(), Tree::Map(Vec::new())));
    }
    let Some((_, Tree::Map(inner))) = pairs.iter_mut().find(|(known, _)| known == name) else { return };
    put(inner, rest, value);
}

/// CBOR as a value, so that tests can spell it otherwise.
#[derive(Clone, Debug)]
enum Item {
    /// Head only: major type and number.
    Head(u8, u64),
    String(u8, Vec<u8>),
    Array(Vec<Item>),
    Map(Vec<Pair>),
}

fn item(bytes: &mut &[u8]) -> Item {
    let first = bytes[0];
    let length = [1, 2, 4, 8].get((first & 31).wrapping_sub(24) as usize).copied().unwrap_or(0);
    let number = match length {
        0 => u64::from(first & 31),
        n => bytes[1..=n].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    };
    *bytes = &bytes[1 + length..];
    match first >> 5 {
        major @ (2 | 3) => {
            let (string, rest) = bytes.split_at(number as usize);
            *bytes = rest;
            Item::String(major, string.to_vec())
        }
        4 => Item::Array((0..number).map(|_| item(bytes)).collect()),
        5 => Item::Map((0..number).map(|_| (item(bytes), item(bytes))).collect()),
        major => Item::Head(major, number),
    }
}

/// How the `n`-th head is spelled: bytes more than it needs, or without a length.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Longer(u32),
    Indefinite,
}

struct Speller {
    out: Vec<u8>,
    head: usize,
    at: usize,
    spelling: Spelling,
}

impl Speller {
    /// Writes a head; true where it was given no length.
    fn head(&mut self, major: u8, number: u64) -> bool {
        let mine = self.head == self.at;
        self.head += 1;
        let need = match number {
            0..24 => 0,
            24..0x100 => 1,
            0x100..0x1_0000 => 2,
            0x1_0000..0x1_0000_0000 => 3,
            _ => 4,
        };
        match self.spelling {
            Spelling::Indefinite if mine && (2..=5).contains(&major) => {
                self.out.push(major << 5 | 31);
                return true;
            }
            Spelling::Longer(more) if mine && major < 7 => self.spelled(major, number, (need + more).min(4)),
            _ => self.spelled(major, number, need),
        }
        false
    }

    fn spelled(&mut self, major: u8, number: u64, size: u32) {
        if size == 0 {
            self.out.push(major << 5 | number as u8);
        } else {
            self.out.push(major << 5 | (23 + size as u8));
            self.out.extend_from_slice(&number.to_be_bytes()[8 - (1 << (size - 1))..]);
        }
    }

    fn item(&mut self, item: &Item) {
        let open = match item {
            Item::Head(major, number) => self.head(*major, *number),
            Item::String(major, string) => {
                let open = self.head(*major, string.len() as u64);
                if open {
                    self.spelled(*major, string.len() as u64, if string.len() < 24 { 0 } else { 2 });
                }
                self.out.extend_from_slice(string);
                open
            }
            Item::Array(items) => {
                let open = self.head(4, items.len() as u64);
                items.iter().for_each(|item| self.item(item));
                open
            }
            Item::Map(pairs) => {
                let open = self.head(5, pairs.len() as u64);
                for (key, value) in pairs {
                    self.item(key);
                    self.item(value);
                }
                open
            }
        };
        if open {
            self.out.push(0xff);
        }
    }
}

fn spell(item: &Item, at: usize, spelling: Spelling) -> (Vec<u8>, usize) {
    let mut speller = Speller { out: Vec::new(), head: 0, at, spelling };
    speller.item(item);
    (speller.out, speller.head)
}

type Pair = (Item, Item);

/// Every map in `item`, with what `change` makes of it, one at a time.
fn with_each_map(item: &Item, change: &dyn Fn(&[Pair]) -> Vec<Vec<Pair>>) -> Vec<Item> {
    match item {
        Item::Map(pairs) => {
            let mut all: Vec<_> = change(pairs).into_iter().map(Item::Map).collect();
            for (at, (key, value)) in pairs.iter().enumerate() {
                all.extend(with_each_map(value, change).into_iter().map(|value| {
                    let mut pairs = pairs.clone();
                    pairs[at] = (key.clone(), value);
                    Item::Map(pairs)
                }));
            }
            all
        }
        _ => Vec::new(),
    }
}

fn real_entries() -> Vec<Vec<u8>> {
    let mut dice = Dice(7);
    let mut entries: Vec<_> = (0..400).map(|_| dice.entry().encode()).collect();
    entries.retain(|bytes| (300..900).contains(&bytes.len()));
    entries.truncate(8);
    assert_eq!(entries.len(), 8);
    entries
}

#[test]
fn entries_of_every_shape_are_taken() {
    let mut dice = Dice(1);
    for _ in 0..5_000 {
        let entry = dice.entry();
        let bytes = entry.encode();
        assert_eq!(judged(&bytes), bytes.len() <= ENTRY_BYTES_MAX);
        let mut longer = bytes;
        longer.push(0);
        assert!(!judged(&longer));
    }
}

#[test]
fn every_changed_byte_and_every_cut_is_judged_as_encoding_again_does() {
    let (mut taken, mut refused) = (0, 0);
    for bytes in real_entries().into_iter().take(3) {
        for at in 0..bytes.len() {
            assert!(!judged(&bytes[..at]));
            let mut changed = bytes.clone();
            for byte in 0..=255 {
                changed[at] = byte;
                *(if judged(&changed) { &mut taken } else { &mut refused }) += 1;
            }
        }
    }
    assert!(taken > 10_000 && refused > 10_000, "{taken} {refused}");
}

#[test]
fn every_other_spelling_of_every_head_is_refused() {
    for bytes in real_entries() {
        let tree = item(&mut bytes.as_slice());
        let (again, heads) = spell(&tree, usize::MAX, Spelling::Indefinite);
        assert_eq!(again, bytes);
        for head in 0..heads {
            let spellings = [Spelling::Longer(1), Spelling::Longer(2), Spelling::Longer(4), Spelling::Indefinite];
            for spelling in spellings {
                let (spelled, _) = spell(&tree, head, spelling);
                assert!(!judged(&spelled) || spelled == bytes, "head {head} {spelling:?}");
            }
        }
    }
}

#[test]
fn every_other_order_of_keys_and_every_pair_twice_missing_or_too_many_is_judged_alike() {
    let mut maps = 0;
    for bytes in real_entries() {
        let tree = item(&mut bytes.as_slice());
        let twice = |pairs: &[Pair]| {
            let at = |at: usize| [&pairs[..=at], &pairs[at..]].concat();
            (0..pairs.len()).map(at).collect::<Vec<_>>()
        };
        let swapped = |pairs: &[Pair]| {
            let at = |at: usize| {
                let mut pairs = pairs.to_vec();
                pairs.swap(at - 1, at);
                pairs
            };
            (1..pairs.len()).map(at).collect::<Vec<_>>()
        };
        for changed in with_each_map(&tree, &twice).iter().chain(&with_each_map(&tree, &swapped)) {
            maps += 1;
            assert!(!judged(&spell(changed, usize::MAX, Spelling::Indefinite).0));
        }
        let less = |pairs: &[Pair]| {
            let without = |at: usize| [&pairs[..at], &pairs[at + 1..]].concat();
            (0..pairs.len()).map(without).chain([Vec::new()]).collect::<Vec<_>>()
        };
        let more = |pairs: &[Pair]| {
            let with = |key: Item| [pairs, &[(key, Item::Head(0, 1))]].concat();
            [0, 12, 22, 24, 255].map(|key| with(Item::Head(0, key))).into_iter().collect()
        };
        for changed in with_each_map(&tree, &less).iter().chain(&with_each_map(&tree, &more)) {
            judged(&spell(changed, usize::MAX, Spelling::Indefinite).0);
        }
    }
    assert!(maps > 300, "{maps}");
}

#[test]
fn mutated_entries_are_judged_alike() {
    let mut dice = Dice(3);
    for _ in 0..40_000 {
        let mut bytes = dice.entry().encode();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(bytes.len() as u64) as usize;
            let end = (at + dice.roll(40) as usize).min(bytes.len());
            match dice.roll(4) {
                0 => bytes[at] = dice.roll(256) as u8,
                1 => bytes.insert(at, dice.roll(256) as u8),
                2 => drop(bytes.drain(at..end)),
                _ => {
                    let copy = bytes[at..end].to_vec();
                    let to = dice.roll(bytes.len() as u64) as usize;
                    bytes.splice(to..to, copy);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        judged(&bytes);
    }
}

#[test]
fn a_map_that_says_more_pairs_than_there_are_bytes_ends() {
    for head in [&[0xbb, 255, 255, 255, 255, 255, 255, 255, 255][..], &[0xbf], &[0xb8, 24], &[]] {
        assert!(!judged(head));
    }
}

#[test]
fn openings_are_read_strictly() {
    let opening = Opening { path: "reason".into(), salt: [1; SALT_BYTES], value: b"no ticket".to_vec() };
    let openings = vec![opening.clone(), Opening { path: "raw".into(), ..opening }];
    let bytes = encode_openings(&openings);
    assert_eq!(decode_openings(&bytes).unwrap(), openings);
    let mut views = Vec::new();
    pass_openings(&bytes, &mut |view| views.push(view)).unwrap();
    assert_eq!(views, [openings[0].view(), openings[1].view()]);
    for at in 0..bytes.len() {
        assert!(decode_openings(&bytes[..at]).is_err());
        for byte in 0..=255 {
            let mut changed = bytes.clone();
            changed[at] = byte;
            if let Ok(openings) = decode_openings(&changed) {
                assert_eq!(encode_openings(&openings), changed);
            }
        }
    }
}

fn read_entry(r: &mut Reader<'_>) -> Result<Entry, DecodeError> {
    let (mut version, mut index, mut recorded_at, mut prev, mut source) = (None, None, None, None, None);
    let (mut event, mut commitments, mut raw, mut thread) = (None, BTreeMap::new(), None, None);
    let (mut genesis, mut successor) = (None, None);
    for _ in 0..r.map()? {
        match r.uint()? {
            1 => version = Some(r.uint()?),
            2 => index = Some(r.uint()?),
            3 => recorded_at = Some(Micros(r.int()?)),
            4 => prev = Some(ChainValue(r.array_of()?)),
            5 => source = Some(read_source(r)?),
            6 => event = Some(Event::read(r)?),
            7 => commitments = read_commitments(r)?,
            8 => raw = Some(read_raw(r)?),
            9 => thread = Some(read_thread(r)?),
            10 => genesis = Some(read_genesis(r)?),
            11 => successor = Some(r.text()?.to_owned()),
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
    Ok(Entry { index, recorded_at, prev, source, event, commitments, raw, thread, genesis, successor })
}

fn read_source(r: &mut Reader<'_>) -> Result<Source, DecodeError> {
    let (mut id, mut format, mut version, mut sequence) = (None, None, None, None);
    for _ in 0..r.map()? {
        match r.uint()? {
            1 => id = Some(r.text()?.to_owned()),
            2 => format = Some(r.text()?.to_owned()),
            3 => version = Some(r.uint()?),
            4 => sequence = Some(r.uint()?),
            key => return Err(r.error(format!("unknown key {key} in the source"))),
        }
    }
    match (id, format, version) {
        (Some(id), Some(format), Some(version)) => Ok(Source { id, format, version, sequence }),
        _ => Err(r.error("id, format or version of the source is missing")),
    }
}

fn read_commitments(r: &mut Reader<'_>) -> Result<BTreeMap<String, Commitment>, DecodeError> {
    let mut commitments = BTreeMap::new();
    for _ in 0..r.map()? {
        let path = r.text()?;
        if !sealable(path) {
            return Err(r.error(format!("{path:?} is no field that can be sealed")));
        }
        commitments.insert(path.to_owned(), Commitment(r.array_of()?));
    }
    Ok(commitments)
}

fn read_raw(r: &mut Reader<'_>) -> Result<Raw, DecodeError> {
    let (mut commitment, mut length, mut media_type) = (None, None, None);
    for _ in 0..r.map()? {
        match r.uint()? {
            1 => commitment = Some(Commitment(r.array_of()?)),
            2 => length = Some(r.uint()?),
            3 => media_type = Some(r.text()?.to_owned()),
            key => return Err(r.error(format!("unknown key {key} in the raw bytes"))),
        }
    }
    match (commitment, length, media_type) {
        (Some(commitment), Some(length), Some(media_type)) => Ok(Raw { commitment, length, media_type }),
        _ => Err(r.error("commitment, length or media type of the raw bytes is missing")),
    }
}

fn read_thread(r: &mut Reader<'_>) -> Result<Thread, DecodeError> {
    let (mut n, mut prev) = (None, None);
    for _ in 0..r.map()? {
        match r.uint()? {
            1 => n = Some(r.uint()?),
            2 => prev = Some(r.uint()?),
            key => return Err(r.error(format!("unknown key {key} in the thread"))),
        }
    }
    n.map(|n| Thread { n, prev }).ok_or_else(|| r.error("number in the thread is missing"))
}

fn read_genesis(r: &mut Reader<'_>) -> Result<Genesis, DecodeError> {
    let (mut origin, mut verifier_key, mut formats) = (None, None, BTreeMap::new());
    for _ in 0..r.map()? {
        match r.uint()? {
            1 => origin = Some(r.text()?.to_owned()),
            2 => verifier_key = Some(r.text()?.to_owned()),
            3 => {
                for _ in 0..r.map()? {
                    let name = r.text()?.to_owned();
                    formats.insert(name, r.text()?.to_owned());
                }
            }
            key => return Err(r.error(format!("unknown key {key} in the genesis"))),
        }
    }
    match (origin, verifier_key) {
        (Some(origin), Some(verifier_key)) => Ok(Genesis { origin, verifier_key, formats }),
        _ => Err(r.error("origin or key of the genesis is missing")),
    }
}
