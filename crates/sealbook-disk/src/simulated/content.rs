//! The content of a file: what a program sees, what the platter holds, and what a crash makes of the difference.
//!
//! Content is kept in chunks that are shared until they are written to; a chunk that is not there is zeros. So a file of
//! many MiB that is mostly room costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::random::Dice;

/// Unit in which a disk writes: an unsynced sector is there after a crash, or it is not.
pub const SECTOR_BYTES: usize = 512;
const CHUNK_BYTES: usize = 4096;
const SECTORS: usize = CHUNK_BYTES / SECTOR_BYTES;

type Chunk = [u8; CHUNK_BYTES];
type Sector = [u8; SECTOR_BYTES];

const ZEROS: Chunk = [0; CHUNK_BYTES];

fn size(n: usize) -> u64 {
    n as u64
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Bytes of a file, as chunks.
#[derive(Clone, Default)]
struct Bytes {
    chunks: BTreeMap<u64, Arc<Chunk>>,
    length: u64,
}

impl Bytes {
    fn chunk(&self, number: u64) -> &Chunk {
        self.chunks.get(&number).map_or(&ZEROS, |chunk| chunk)
    }

    fn chunk_mut(&mut self, number: u64) -> &mut Chunk {
        Arc::make_mut(self.chunks.entry(number).or_insert_with(|| Arc::new(ZEROS)))
    }

    fn sector(&self, sector: u64) -> Sector {
        let (sectors, _) = self.chunk(sector / size(SECTORS)).as_chunks::<SECTOR_BYTES>();
        sectors.get(index(sector % size(SECTORS))).copied().unwrap_or([0; SECTOR_BYTES])
    }

    fn set_sector(&mut self, sector: u64, bytes: &Sector) {
        if *bytes == [0; SECTOR_BYTES] && !self.chunks.contains_key(&(sector / size(SECTORS))) {
            return;
        }
        let (sectors, _) = self.chunk_mut(sector / size(SECTORS)).as_chunks_mut::<SECTOR_BYTES>();
        if let Some(place) = sectors.get_mut(index(sector % size(SECTORS))) {
            *place = *bytes;
        }
    }

    /// Forgets everything from `length` on.
    fn erase_from(&mut self, length: u64) {
        let first = length.div_ceil(size(CHUNK_BYTES));
        drop(self.chunks.split_off(&first));
        let inside = length % size(CHUNK_BYTES);
        if inside > 0 && self.chunks.contains_key(&(length / size(CHUNK_BYTES))) {
            let chunk = self.chunk_mut(length / size(CHUNK_BYTES));
            chunk.iter_mut().skip(index(inside)).for_each(|byte| *byte = 0);
        }
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let wanted = index(self.length.saturating_sub(offset)).min(buffer.len());
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            let inside = index(at % size(CHUNK_BYTES));
            let from = self.chunk(at / size(CHUNK_BYTES)).get(inside..).unwrap_or_default();
            let taken = from.len().min(rest.len());
            let (to, later) = rest.split_at_mut(taken);
            to.copy_from_slice(from.get(..taken).unwrap_or_default());
            rest = later;
            at += size(taken);
        }
        wanted
    }
}

/// How a crash treats the sectors that were not synced.
#[derive(Clone, Copy)]
enum Luck {
    Lost,
    Kept,
    /// Up to here, in the order of the file: a write that was cut off.
    Until(u64),
    /// From here on: what came last was written first.
    From(u64),
    /// Each by itself.
    Each,
}

/// A file's content.
#[derive(Clone, Default)]
pub(super) struct Content {
    visible: Bytes,
    durable: Bytes,
    /// Sectors written since the last sync, as a mask per chunk.
    dirty: BTreeMap<u64, u8>,
    /// Sectors that count as written since a sync failed, but are not on the disk.
    lost: BTreeMap<u64, u8>,
    /// What stood in a dirty sector before it was written again: the disk may have seen that version.
    earlier: BTreeMap<u64, Sector>,
    /// The shortest length since the last sync, where the file was cut.
    cut: Option<u64>,
}

fn sectors_of(masks: &BTreeMap<u64, u8>) -> Vec<u64> {
    let of_chunk = |(chunk, mask): (&u64, &u8)| {
        let (first, mask) = (chunk * size(SECTORS), *mask);
        (0..size(SECTORS)).filter(move |at| mask & (1 << at) != 0).map(move |at| first + at)
    };
    masks.iter().flat_map(of_chunk).collect()
}

impl Content {
    pub(super) fn durably(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(bytes, 0);
        content.sync();
        content
    }

    pub(super) fn length(&self) -> u64 {
        self.visible.length
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        self.visible.read(buffer, offset)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; index(self.visible.length)];
        self.visible.read(&mut bytes, 0);
        bytes
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        let (mut rest, mut at) = (bytes, offset);
        while !rest.is_empty() {
            let number = at / size(CHUNK_BYTES);
            let inside = index(at % size(CHUNK_BYTES));
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES - inside));
            self.write_chunk(number, inside, now);
            at += size(now.len());
            rest = later;
        }
        self.visible.length = self.visible.length.max(at);
    }

    fn write_chunk(&mut self, number: u64, inside: usize, bytes: &[u8]) {
        if !self.visible.chunks.contains_key(&number) && bytes.iter().all(|byte| *byte == 0) {
            return;
        }
        let (first, last) = (inside / SECTOR_BYTES, (inside + bytes.len() - 1) / SECTOR_BYTES);
        let dirty = self.dirty.entry(number).or_default();
        let mut mask = 0;
        for at in first..=last {
            let bit = 1u8 << at;
            if *dirty & bit != 0 {
                let sector = number * size(SECTORS) + size(at);
                self.earlier.insert(sector, self.visible.sector(sector));
            }
            mask |= bit;
        }
        *dirty |= mask;
        if let Some(lost) = self.lost.get_mut(&number) {
            *lost &= !mask;
        }
        let place = self.visible.chunk_mut(number).get_mut(inside..inside + bytes.len()).unwrap_or_default();
        place.copy_from_slice(bytes);
    }

    pub(super) fn set_length(&mut self, length: u64) {
        if length < self.visible.length {
            self.visible.erase_from(length);
            let first = length.div_ceil(size(SECTOR_BYTES));
            for masks in [&mut self.dirty, &mut self.lost] {
                let sectors = sectors_of(masks);
                masks.clear();
                for sector in sectors.into_iter().filter(|sector| *sector < first) {
                    *masks.entry(sector / size(SECTORS)).or_default() |= 1 << (sector % size(SECTORS));
                }
            }
            drop(self.earlier.split_off(&first));
            self.cut = Some(self.cut.map_or(length, |cut| cut.min(length)));
        }
        self.visible.length = length;
    }

    pub(super) fn sync(&mut self) {
        if let Some(cut) = self.cut.take() {
            self.durable.erase_from(cut);
        }
        for (number, mask) in std::mem::take(&mut self.dirty) {
            let lost = self.lost.get(&number).copied().unwrap_or(0);
            match self.visible.chunks.get(&number) {
                Some(chunk) if lost == 0 => {
                    self.durable.chunks.insert(number, chunk.clone());
                }
                _ => {
                    for at in (0..size(SECTORS)).filter(|at| mask & (1 << at) != 0) {
                        let sector = number * size(SECTORS) + at;
                        self.durable.set_sector(sector, &self.visible.sector(sector));
                    }
                }
            }
        }
        self.durable.length = self.visible.length;
        self.earlier.clear();
    }

    /// A sync that fails: some sectors reach the disk, the others never will, yet all of them count as written. What a
    /// program sees of the lost ones is, until they are thrown out of memory, what it wrote.
    pub(super) fn sync_failed(&mut self, dice: &mut Dice) {
        let luck = self.luck(dice);
        let forgotten = dice.one_in(4);
        for sector in sectors_of(&std::mem::take(&mut self.dirty)) {
            if luck.holds(sector, dice) {
                self.durable.set_sector(sector, &self.visible.sector(sector));
            } else if forgotten {
                self.visible.set_sector(sector, &self.durable.sector(sector));
            } else {
                *self.lost.entry(sector / size(SECTORS)).or_default() |= 1 << (sector % size(SECTORS));
            }
        }
        self.earlier.clear();
    }

    fn luck(&self, dice: &mut Dice) -> Luck {
        let sectors = sectors_of(&self.dirty);
        let some = sectors.get(index(dice.below(size(sectors.len())))).copied().unwrap_or(0);
        match dice.below(8) {
            0 => Luck::Lost,
            1 => Luck::Kept,
            2 | 3 => Luck::Until(some),
            4 => Luck::From(some),
            _ => Luck::Each,
        }
    }

    /// What is found after the power went: every synced byte, and of the rest what the dice say.
    pub(super) fn after_crash(&self, dice: &mut Dice, done: &mut Damage) -> Self {
        let mut after = self.durable.clone();
        let mut lengths = vec![self.durable.length, self.visible.length];
        let cut = self.cut.filter(|_| dice.one_in(2));
        if let Some(cut) = cut {
            after.erase_from(cut);
            lengths = vec![cut, self.visible.length];
        }
        if self.cut.is_some() && cut.is_none() {
            lengths.pop();
        }
        let reach = if cut.is_none() { self.cut } else { None };
        let luck = self.luck(dice);
        for sector in sectors_of(&self.dirty) {
            // What was written behind a cut comes after the cut.
            if reach.is_some_and(|reach| (sector + 1) * size(SECTOR_BYTES) > reach) {
                continue;
            }
            if luck.holds(sector, dice) {
                self.keep(sector, &mut after, dice, done);
            } else {
                done.lost += 1;
            }
        }
        after.length = lengths.get(index(dice.below(size(lengths.len())))).copied().unwrap_or(self.durable.length);
        after.erase_from(after.length);
        Self { visible: after.clone(), durable: after, ..Self::default() }
    }

    /// Puts an unsynced sector on the disk: as it is, in an earlier version, with a flipped bit, or somewhere else.
    fn keep(&self, sector: u64, after: &mut Bytes, dice: &mut Dice, done: &mut Damage) {
        let old = self.durable.sector(sector);
        let mut new = match self.earlier.get(&sector) {
            Some(earlier) if dice.one_in(2) => *earlier,
            _ => self.visible.sector(sector),
        };
        match dice.below(64) {
            // Only what was not synced: bytes of a sector that are on the disk already are not at stake here.
            0 => {
                let changed: Vec<usize> = (0..SECTOR_BYTES).filter(|at| new.get(*at) != old.get(*at)).collect();
                let at = changed.get(index(dice.below(size(changed.len()))));
                if let Some(byte) = at.and_then(|at| new.get_mut(*at)) {
                    *byte ^= 1 << dice.below(8);
                    done.flipped += 1;
                }
            }
            1 => {
                // It lands in another place, but on nothing that was synced.
                let sectors = self.visible.length.div_ceil(size(SECTOR_BYTES));
                let other = dice.below(sectors);
                if self.durable.sector(other) == [0; SECTOR_BYTES] {
                    after.set_sector(other, &new);
                    done.misdirected += 1;
                }
                return;
            }
            _ => {}
        }
        done.kept += 1;
        after.set_sector(sector, &new);
    }

    /// Flips a bit on the disk itself; false where the file is not that long.
    pub(super) fn flip(&mut self, bit: u64) -> bool {
        let offset = bit / 8;
        if offset >= self.durable.length.min(self.visible.length) {
            return false;
        }
        for bytes in [&mut self.durable, &mut self.visible] {
            let chunk = bytes.chunk_mut(offset / size(CHUNK_BYTES));
            if let Some(byte) = chunk.get_mut(index(offset % size(CHUNK_BYTES))) {
                *byte ^= 1 << (bit % 8);
            }
        }
        true
    }
}

impl Luck {
    fn holds(self, sector: u64, dice: &mut Dice) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Until(end) => sector < end,
            Self::From(start) => sector >= start,
            Self::Each => dice.one_in(2),
        }
    }
}

/// What a crash did, in sectors and names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Unsynced sectors that are gone.
    pub lost: u64,
    /// Unsynced sectors that are there.
    pub kept: u64,
    /// Of those, with a flipped bit.
    pub flipped: u64,
    /// Unsynced sectors that landed in another place of their file.
    pub misdirected: u64,
    /// Unsynced changes of names that are undone.
    pub names_lost: u64,
    /// Unsynced changes of names that are there.
    pub names_kept: u64,
}
