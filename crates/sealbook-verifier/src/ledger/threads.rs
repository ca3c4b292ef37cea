//! The threads: every entry names the one before about the same subject.

use sealbook_core::entry::Thread;

use super::examine::SubjectDigest;

/// Subjects that are followed. The table then takes 210 MB.
pub const SUBJECTS_MAX: u64 = 11_000_000;

/// Bits of an index or a number in a slot: 17 thousand million entries.
const PLACE_BITS: u32 = 34;
const PLACE_MAX: u64 = (1 << PLACE_BITS) - 1;
/// Bits of the digest that choose the shard, and those that a slot keeps. Two subjects are taken for one where all of
/// these are the same: among ten million, with a chance of one in a million.
const SHARD_BITS: u32 = 8;
const KEPT_BITS: u32 = 128 - 2 * PLACE_BITS;

/// The newest entry of some subjects, in 16 bytes each: part of the digest, index, number. 0 is free.
///
/// The slot where a search begins rises with the kept part of the digest, so that a table that grows needs nothing else.
#[derive(Clone, Debug, Default)]
struct Shard {
    slots: Vec<u128>,
    used: usize,
}

impl Shard {
    /// Where `kept` lies, or the free slot where it belongs; `None` in an empty table.
    fn find(&self, kept: u64) -> Option<usize> {
        let room = self.slots.len();
        let start = (u128::from(kept) * room as u128) >> KEPT_BITS;
        let mut at = usize::try_from(start).ok()?;
        for _ in 0..room {
            let slot = *self.slots.get(at)?;
            if slot == 0 || slot >> (2 * PLACE_BITS) == u128::from(kept) {
                return Some(at);
            }
            at = if at + 1 == room { 0 } else { at + 1 };
        }
        None
    }

    /// An eighth more room: full tables are slow, and half empty ones waste memory.
    fn grow(&mut self) {
        let room = self.slots.len() + self.slots.len() / 8 + 4;
        let old = core::mem::replace(&mut self.slots, vec![0; room]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let kept = u64::try_from(slot >> (2 * PLACE_BITS)).unwrap_or(u64::MAX);
            if let Some(place) = self.find(kept).and_then(|at| self.slots.get_mut(at)) {
                *place = slot;
            }
        }
    }

    /// Puts the newest entry of a subject in and gives number and index of the one before; with `room` false, only where
    /// there is one.
    fn replace(&mut self, kept: u64, index: u64, n: u64, room: bool) -> Result<Option<(u64, u64)>, NoRoom> {
        if room && self.used + 1 > self.slots.len() - self.slots.len() / 8 {
            self.grow();
        }
        let slot = self.find(kept).and_then(|at| self.slots.get_mut(at)).ok_or(NoRoom)?;
        let before = *slot;
        if before == 0 {
            if !room {
                return Err(NoRoom);
            }
            self.used += 1;
        }
        *slot = u128::from(kept) << (2 * PLACE_BITS) | u128::from(index) << PLACE_BITS | u128::from(n.max(1));
        let place = |shift: u32| u64::try_from(before >> shift & u128::from(PLACE_MAX)).unwrap_or(PLACE_MAX);
        Ok((before != 0).then(|| (place(0), place(PLACE_BITS))))
    }
}

/// The table is full.
struct NoRoom;

/// Newest entry per subject.
#[derive(Clone, Debug)]
pub struct Threads {
    shards: Vec<Shard>,
    subjects: u64,
    /// True once entries are missing: a thread may then have a gap that is reported already.
    pub gaps: bool,
    /// Entries before this index are not known: a thread may lead back to one of them.
    pub known_from: u64,
    /// Entries whose subject did not fit.
    pub unfollowed: u64,
}

impl Default for Threads {
    fn default() -> Self {
        Self { shards: vec![Shard::default(); 1 << SHARD_BITS], subjects: 0, gaps: false, known_from: 0, unfollowed: 0 }
    }
}

impl Threads {
    /// Subjects followed.
    pub fn subjects(&self) -> u64 {
        self.subjects
    }

    /// Takes the entry at `index` and says what is wrong with its place in the thread.
    pub fn follow(&mut self, index: u64, subject: SubjectDigest, thread: Thread) -> Result<(), String> {
        let kept = subject & ((1 << KEPT_BITS) - 1);
        let shard = usize::try_from(subject >> KEPT_BITS & ((1 << SHARD_BITS) - 1)).unwrap_or(0);
        let room = self.subjects < SUBJECTS_MAX;
        let taken = match (self.shards.get_mut(shard), u64::try_from(kept)) {
            (Some(shard), Ok(kept)) if index <= PLACE_MAX => shard.replace(kept, index, thread.n.min(PLACE_MAX), room),
            _ => Err(NoRoom),
        };
        match taken {
            Ok(before) => {
                self.subjects += u64::from(before.is_none());
                self.judge(before, index, thread)
            }
            Err(NoRoom) => {
                self.unfollowed += 1;
                Ok(())
            }
        }
    }

    fn judge(&self, before: Option<(u64, u64)>, index: u64, thread: Thread) -> Result<(), String> {
        let expected = match before {
            Some((n, at)) => Thread { n: n.saturating_add(1), prev: Some(at) },
            None if self.gaps || self.known_from > 0 => {
                let leads_out = match thread.prev {
                    Some(prev) => prev < if self.gaps { index } else { self.known_from } && thread.n > 1,
                    None => thread.n == 1,
                };
                return if leads_out {
                    Ok(())
                } else {
                    Err(mismatch(thread, "an entry before those at hand, or none"))
                };
            }
            None => Thread { n: 1, prev: None },
        };
        if thread == expected || (self.gaps && thread.prev < Some(index)) {
            Ok(())
        } else {
            Err(mismatch(thread, &text(expected)))
        }
    }
}

fn text(thread: Thread) -> String {
    match thread.prev {
        Some(prev) => format!("number {} after entry {prev}", thread.n),
        None => format!("number {}, the first", thread.n),
    }
}

fn mismatch(found: Thread, expected: &str) -> String {
    format!("among the entries about its subject it says {}; what is there asks for {expected}", text(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_counts_from_one_and_names_the_entry_before() {
        let mut threads = Threads::default();
        let at = |n, prev| Thread { n, prev };
        assert!(threads.follow(0, 1, at(1, None)).is_ok());
        assert!(threads.follow(1, 2, at(1, None)).is_ok());
        assert!(threads.follow(2, 1, at(2, Some(0))).is_ok());
        assert!(threads.follow(3, 1, at(3, Some(0))).is_err());
        assert!(threads.follow(4, 2, at(3, Some(1))).is_err());
        assert!(threads.follow(5, 3, at(1, Some(4))).is_err());
        assert!(threads.follow(6, 4, at(2, None)).is_err());
    }

    #[test]
    fn a_thread_may_lead_back_before_what_is_known_but_not_into_it() {
        let mut threads = Threads { known_from: 100, ..Threads::default() };
        let at = |n, prev| Thread { n, prev };
        assert!(threads.follow(100, 1, at(7, Some(99))).is_ok());
        assert!(threads.follow(101, 2, at(1, None)).is_ok());
        assert!(threads.follow(102, 3, at(2, Some(100))).is_err());
        assert!(threads.follow(103, 1, at(9, Some(100))).is_err());
    }

    #[test]
    fn many_subjects_are_each_followed_and_confused_with_no_other() {
        let mut threads = Threads::default();
        let mut model = std::collections::HashMap::new();
        let mut random = 1u128;
        for index in 0..300_000u64 {
            random = random.wrapping_mul(0xda94_2042_e4dd_58b5).wrapping_add(0x1405_7b7e_f767_814f);
            // Half of the subjects come again, and all of them are spread over 128 bits.
            let subject = (random >> 64 & 0x1_ffff).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let before: Option<(u64, u64)> = model.get(&subject).copied();
            let n = before.map_or(1, |(_, n)| n + 1);
            model.insert(subject, (index, n));
            let right = Thread { n, prev: before.map(|(at, _)| at) };
            if index % 1_000 == 999 {
                let wrong = Thread { n: n + 1, prev: right.prev };
                assert!(threads.clone().follow(index, subject, wrong).is_err());
            }
            assert_eq!(threads.follow(index, subject, right), Ok(()));
        }
        assert_eq!(threads.subjects(), model.len() as u64);
        assert_eq!(threads.unfollowed, 0);
    }

    #[test]
    fn an_entry_beyond_what_a_slot_can_hold_is_counted_and_not_believed() {
        let mut threads = Threads::default();
        assert!(threads.follow(PLACE_MAX + 1, 1, Thread { n: 1, prev: None }).is_ok());
        assert_eq!((threads.unfollowed, threads.subjects()), (1, 0));
        assert!(threads.follow(PLACE_MAX, 1, Thread { n: 1, prev: None }).is_ok());
        assert_eq!((threads.unfollowed, threads.subjects()), (1, 1));
    }
}
