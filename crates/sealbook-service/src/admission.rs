//! Decides what is let in: memory for bodies that arrive, bytes in work, and turns at what takes long. Whatever is above is
//! refused at once, so that what was let in is answered soon and memory stays bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::config::Limits;
use crate::problem::Problem;
use crate::seats::Seats;

/// Bytes of one permit of memory.
const PERMIT_BYTES: usize = 1 << 10;
/// Bytes of whole bodies between their arrival and their answer; while so many are in work, no more are let in. Two cores
/// answer about this much in a quarter of a second: a sender does better to come back than to wait longer.
const WORK_BYTES_MAX: usize = 8 << 20;
/// What the smallest request counts for; so 2,048 of them may be in work.
const REQUEST_BYTES_MIN: usize = 4 << 10;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) seats: Arc<Seats>,
    memory: Arc<Semaphore>,
    work_bytes: AtomicUsize,
    turns: Semaphore,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            seats: Seats::new(limits.connections),
            memory: Arc::new(Semaphore::new(limits.in_flight_bytes / PERMIT_BYTES)),
            work_bytes: AtomicUsize::new(0),
            turns: Semaphore::new(threads),
        }
    }

    /// Bytes in work.
    pub(crate) fn work_bytes(&self) -> usize {
        self.work_bytes.load(Acquire)
    }

    /// Whether anything is let in now: asked before a body is read.
    pub(crate) fn room(&self) -> Result<(), Problem> {
        let bytes = self.work_bytes();
        if bytes < WORK_BYTES_MAX { Ok(()) } else { Err(full(bytes)) }
    }

    /// Lets in a whole body of `bytes`, once decompressed; a large one too, wherever a small one would be.
    pub(crate) fn admit(self: &Arc<Self>, bytes: usize) -> Result<Work, Problem> {
        let counted = bytes.max(REQUEST_BYTES_MIN);
        let add = |now: usize| (now < WORK_BYTES_MAX).then(|| now.saturating_add(counted));
        match self.work_bytes.fetch_update(AcqRel, Acquire, add) {
            Ok(_) => Ok(Work { admission: self.clone(), bytes: counted }),
            Err(now) => Err(full(now)),
        }
    }

    /// Waits for a turn at what takes long: as many at once as there are processors, so that answers, refusals and looks
    /// at the service's health are not held up. `None` never comes: the turns are never closed.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Memory for a body that arrives; none yet.
    pub(crate) fn grant(&self) -> Grant {
        Grant { memory: self.memory.clone(), held: Vec::new(), bytes: 0 }
    }
}

fn full(bytes: usize) -> Problem {
    Problem::overloaded(format!("{bytes} bytes of events are in work; try again later"))
}

/// Bytes that are in work until this is dropped.
#[derive(Debug)]
pub(crate) struct Work {
    admission: Arc<Admission>,
    bytes: usize,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.admission.work_bytes.fetch_sub(self.bytes, AcqRel);
    }
}

/// Memory that was granted; given back when dropped.
#[derive(Debug)]
pub(crate) struct Grant {
    memory: Arc<Semaphore>,
    held: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Grant {
    /// Makes sure of `needed` bytes; asks for more than that, up to `most`, so that a growing body asks seldom.
    pub(crate) fn at_least(&mut self, needed: usize, most: usize) -> Result<(), Problem> {
        if needed <= self.bytes {
            return Ok(());
        }
        for wanted in [needed.max(self.bytes.saturating_mul(2).min(most)), needed] {
            let permits = u32::try_from((wanted - self.bytes).div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
            if let Ok(permit) = self.memory.clone().try_acquire_many_owned(permits) {
                self.held.push(permit);
                self.bytes = wanted;
                return Ok(());
            }
        }
        Err(Problem::overloaded("the bodies in work take all the memory granted to them; try again later"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_let_in_up_to_the_limit_and_given_back() {
        let admission = Arc::new(Admission::new(&Limits::default()));
        let small: Vec<Work> = (0..WORK_BYTES_MAX / REQUEST_BYTES_MIN).map(|_| admission.admit(1).unwrap()).collect();
        assert_eq!(admission.admit(1).unwrap_err().code, "overloaded");
        assert_eq!(admission.room().unwrap_err().status, 429);
        drop(small);
        // A large body is let in wherever a small one is; nothing else beside it.
        let large = admission.admit(WORK_BYTES_MAX * 4).unwrap();
        assert!(admission.admit(1).is_err() && admission.room().is_err());
        drop(large);
        assert_eq!(admission.work_bytes(), 0);
    }
}
