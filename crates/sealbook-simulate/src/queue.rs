//! A queue in the order of time, which moves large events only once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::draft::Draft;

/// Events by time; of those at the same time the first in comes out first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// Time, number of arrival, place in `slots`.
    order: BinaryHeap<Reverse<(i64, u64, usize)>>,
    slots: Vec<Option<Draft>>,
    free: Vec<usize>,
    arrived: u64,
}

impl Queue {
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn push(&mut self, draft: Draft) {
        let at = draft.at;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(draft);
        }
        self.order.push(Reverse((at, self.arrived, slot)));
        self.arrived += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<Draft> {
        let Reverse((_, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        self.slots.get_mut(slot)?.take()
    }
}
