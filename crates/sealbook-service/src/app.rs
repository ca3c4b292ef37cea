//! What every request shares: the ledger, the clock, the counts, the memory that may be in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::StatusCode;
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_log::{Answer, Group, Ledger, PrepareError, Prepared, Reader, Submission, act};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::config::{Config, Limits};
use crate::follower::Follower;
use crate::metrics::Metrics;
use crate::problem::Problem;

/// Bytes of one permit of [`App::memory`].
pub(crate) const PERMIT_BYTES: usize = 1 << 10;

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) ledger: Ledger,
    pub(crate) reader: Reader,
    pub(crate) world: World,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) follower: Arc<Follower>,
    /// Permits of [`PERMIT_BYTES`] for bodies in work.
    pub(crate) memory: Arc<Semaphore>,
    /// Tells apart acts of one moment.
    acts: AtomicU64,
}

impl core::fmt::Debug for App {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "App({:?})", self.reader)
    }
}

impl App {
    pub(crate) fn new(config: &Config, ledger: Ledger) -> Self {
        Self {
            reader: ledger.reader().clone(),
            ledger,
            world: config.world.clone(),
            limits: config.limits,
            metrics: Arc::default(),
            follower: Arc::default(),
            memory: Arc::new(Semaphore::new(config.limits.in_flight_bytes / PERMIT_BYTES)),
            acts: AtomicU64::new(0),
        }
    }

    pub(crate) fn prepare(&self, submission: Submission) -> Result<Prepared, Problem> {
        self.ledger.prepare(submission).map_err(unprepared)
    }

    /// Queues a group and waits until it is durable.
    pub(crate) async fn commit(&self, group: Group) -> Result<Answer, Problem> {
        let (sender, receiver) = oneshot::channel();
        let (metrics, start) = (self.metrics.clone(), Instant::now());
        self.ledger.submit(group, move |answer| {
            if let Ok(answer) = &answer {
                metrics.answered(start.elapsed(), answer.checkpoint.size);
            }
            // Whoever waited may have gone away; the entries are durable either way.
            let _ = sender.send(answer);
        })?;
        let answer = receiver.await.map_err(|_| Problem::poisoned("the writer went away"))?;
        Ok(answer?)
    }

    /// Records an act of the service that happens once: its id is made from the size and a count.
    pub(crate) async fn record(&self, action: &str, labels: &[(&str, String)]) -> Result<(), Problem> {
        let id = format!("{}-{}", self.reader.size(), self.acts.fetch_add(1, Relaxed));
        let now = Micros(self.world.clock.now());
        let prepared = self.prepare(act(self.reader.origin(), action, &id, now, labels))?;
        self.commit(Group { entries: vec![prepared], all_or_nothing: true }).await.map(|_| ())
    }
}

pub(crate) fn unprepared(error: PrepareError) -> Problem {
    match error {
        PrepareError::Field(error) => {
            let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "limit-exceeded", error.to_string());
            problem.field = Some(error.path).filter(|path| !path.is_empty());
            problem
        }
        error => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-randomness", error.to_string()),
    }
}

/// Runs what takes long or reads the disk beside the threads that serve requests.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::unreadable(format!("a request could not be worked on: {error}"))))
}
