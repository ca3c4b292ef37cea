//! The threads: every entry names the one before about the same subject.

use std::collections::HashMap;

use sealbook_core::entry::Thread;

use super::examine::SubjectDigest;

/// Subjects that are followed. A map of as many takes 140 MB, twice that while it grows.
pub const SUBJECTS_MAX: usize = 3_600_000;

/// Newest entry per subject.
#[derive(Clone, Debug, Default)]
pub struct Threads {
    newest: HashMap<SubjectDigest, (u64, u64)>,
    /// True once entries are missing: a thread may then have a gap that is reported already.
    pub gaps: bool,
    /// Entries before this index are not known: a thread may lead back to one of them.
    pub known_from: u64,
    /// Entries whose subject did not fit.
    pub unfollowed: u64,
}

impl Threads {
    /// Subjects followed.
    pub fn subjects(&self) -> u64 {
        self.newest.len() as u64
    }

    /// Takes the entry at `index` and says what is wrong with its place in the thread.
    pub fn follow(&mut self, index: u64, subject: SubjectDigest, thread: Thread) -> Result<(), String> {
        let room = self.newest.len() < SUBJECTS_MAX;
        let before = match self.newest.get_mut(&subject) {
            Some(newest) => Some(core::mem::replace(newest, (thread.n, index))),
            None if room => {
                self.newest.insert(subject, (thread.n, index));
                None
            }
            None => {
                self.unfollowed += 1;
                return Ok(());
            }
        };
        self.judge(before, index, thread)
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
}
