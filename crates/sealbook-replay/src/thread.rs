//! Threads: every entry about a subject names the one before, so an answer can be checked for what it leaves out.

use sealbook_core::entry::Thread;
use serde::Serialize;

/// Where an answer does not continue the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ThreadBreak {
    /// Index of the entry that does not follow on the one before it in the answer.
    pub index: u64,
    /// Which entry of the thread it says that it is, from 1.
    pub n: u64,
    /// Which one was expected.
    pub expected: u64,
}

/// Whether an answer is a whole thread. What was cut off at the end cannot be seen from the thread itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreadCheck {
    /// Entries.
    pub entries: u64,
    /// Where entries are missing, repeated or out of order.
    pub breaks: Vec<ThreadBreak>,
}

impl ThreadCheck {
    /// Whether nothing is missing between the first entry about the subject and the last of the answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.breaks.is_empty()
    }
}

/// Checks the places of entries about one subject, in the order of the ledger.
///
/// # Errors
/// What reading them met.
pub fn check_thread<E>(places: impl Iterator<Item = Result<(u64, Thread), E>>) -> Result<ThreadCheck, E> {
    let mut check = ThreadCheck { entries: 0, breaks: Vec::new() };
    let (mut expected, mut before) = (1, None);
    for place in places {
        let (index, thread) = place?;
        check.entries += 1;
        if thread.n != expected || thread.prev != before {
            check.breaks.push(ThreadBreak { index, n: thread.n, expected });
        }
        (expected, before) = (thread.n.saturating_add(1), Some(index));
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(places: &[(u64, u64, Option<u64>)]) -> ThreadCheck {
        let places = places.iter().map(|(index, n, prev)| Ok::<_, ()>((*index, Thread { n: *n, prev: *prev })));
        check_thread(places).unwrap()
    }

    #[test]
    fn a_whole_thread_has_no_breaks() {
        assert!(check(&[]).is_whole());
        assert!(check(&[(4, 1, None), (9, 2, Some(4)), (11, 3, Some(9))]).is_whole());
    }

    #[test]
    fn an_entry_left_out_at_the_beginning_or_in_the_middle_is_seen() {
        let without_first = check(&[(9, 2, Some(4)), (11, 3, Some(9))]);
        assert_eq!(without_first.breaks, [ThreadBreak { index: 9, n: 2, expected: 1 }]);
        let without_second = check(&[(4, 1, None), (11, 3, Some(9))]);
        assert_eq!(without_second.breaks, [ThreadBreak { index: 11, n: 3, expected: 2 }]);
        // The number fits, but it follows on another entry.
        assert_eq!(check(&[(4, 1, None), (9, 2, Some(5))]).breaks.len(), 1);
    }
}
