//! What every open connection is doing. When nearly all places are taken, those that have waited longest for a request give
//! up theirs: whoever holds thousands of connections open, and says nothing on them, keeps nobody else out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Of all places, this part stays free.
const FREE_PART: usize = 32;
/// Files that are open beside connections: the ledger's, and those of its readers.
const FILES_BESIDE: u64 = 1_024;

/// All open connections.
#[derive(Debug)]
pub(crate) struct Seats {
    /// Above so many, some are asked to leave.
    most: usize,
    taken: Mutex<BTreeMap<u64, Arc<Doing>>>,
    next: AtomicU64,
    start: Instant,
}

#[derive(Debug)]
struct Doing {
    /// Requests in work.
    busy: AtomicUsize,
    /// Milliseconds from the start of the service to when it last had nothing to do.
    waits_since: AtomicU64,
    leave: Notify,
}

/// The seat of one connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    doing: Arc<Doing>,
}

/// A request in work, until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Seat>);

impl Seats {
    /// For `connections` at once, or as many as the system lets this process have.
    pub(crate) fn new(connections: usize) -> Arc<Self> {
        let places = connections.min(files(connections));
        let most = places.saturating_sub((places / FREE_PART).max(1)).max(1);
        Arc::new(Self { most, taken: Mutex::default(), next: AtomicU64::new(0), start: Instant::now() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Doing>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A seat for a new connection.
    pub(crate) fn take(self: &Arc<Self>) -> Arc<Seat> {
        let number = self.next.fetch_add(1, Relaxed);
        let doing = Arc::new(Doing {
            busy: AtomicUsize::new(0),
            waits_since: AtomicU64::new(self.now()),
            leave: Notify::new(),
        });
        let mut taken = self.lock();
        taken.insert(number, doing.clone());
        if taken.len() > self.most {
            ask_to_leave(&taken, (self.most / FREE_PART).max(1));
        }
        drop(taken);
        Arc::new(Seat { seats: self.clone(), number, doing })
    }
}

/// Asks the `count` that have waited longest.
fn ask_to_leave(taken: &BTreeMap<u64, Arc<Doing>>, count: usize) {
    let idle = taken.values().filter(|doing| doing.busy.load(Relaxed) == 0);
    let mut waiting: Vec<(u64, &Arc<Doing>)> = idle.map(|doing| (doing.waits_since.load(Relaxed), doing)).collect();
    let count = count.min(waiting.len());
    if let Some(last) = count.checked_sub(1) {
        waiting.select_nth_unstable_by_key(last, |(since, _)| *since);
    }
    for (_, doing) in waiting.into_iter().take(count) {
        // It is not asked again while it goes.
        doing.waits_since.store(u64::MAX, Relaxed);
        doing.leave.notify_one();
    }
}

/// Files that this process may have open beside its own; the system is asked for more where it gives fewer than wanted.
fn files(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current else { return usize::MAX };
    let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = most > now && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).is_ok();
    let files = if raised { most } else { now };
    usize::try_from(files.saturating_sub(FILES_BESIDE).max(files / 2)).unwrap_or(usize::MAX)
}

impl Seat {
    /// The connection works on a request.
    pub(crate) fn work(self: &Arc<Self>) -> Busy {
        self.doing.busy.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    /// Ready when another connection needs the place, and this one does nothing with it.
    pub(crate) async fn leave(&self) {
        loop {
            self.doing.leave.notified().await;
            if self.doing.busy.load(Relaxed) == 0 {
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Seat { seats, doing, .. } = &*self.0;
        doing.waits_since.store(seats.now(), Relaxed);
        doing.busy.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn leaves(seat: &Seat) -> bool {
        timeout(Duration::from_millis(20), seat.leave()).await.is_ok()
    }

    #[tokio::test]
    async fn who_has_waited_longest_leaves_and_who_works_stays() {
        let seats = Seats::new(4);
        let pause = || tokio::time::sleep(Duration::from_millis(5));
        let working = seats.take();
        let busy = working.work();
        pause().await;
        let (old, _) = (seats.take(), pause().await);
        let (new, _) = (seats.take(), pause().await);
        assert!(!leaves(&old).await, "there are places left");
        let another = seats.take();
        assert!(leaves(&old).await && !leaves(&new).await && !leaves(&working).await);
        drop((busy, working, old, new, another));
        assert_eq!(seats.lock().len(), 0);
    }
}
