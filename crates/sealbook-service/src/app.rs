//! What every request shares: the ledger, the clock, the counts, the memory that may be in use.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::StatusCode;
use sealbook_core::event::Identity;
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_log::{Answer, Group, Ledger, PrepareError, Prepared, Reader, Submission, act};
use sealbook_sources::Library;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::admission::Admission;
use crate::config::{Config, Limits};
use crate::credentials::{Access, Actor, Refusals};
use crate::evidence::Desk;
use crate::follower::Follower;
use crate::gaps::Watch;
use crate::log::{Level, Log};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::room::{AskRoom, Watched};
use crate::tls::Tls;

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) ledger: Ledger,
    pub(crate) reader: Reader,
    pub(crate) world: World,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
    /// Who runs the service.
    pub(crate) actor: Actor,
    pub(crate) access: Access,
    pub(crate) refusals: Refusals,
    /// Set where there is TLS.
    pub(crate) tls: OnceLock<Arc<Tls>>,
    /// Places of connections.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) room: AskRoom,
    pub(crate) watched: Watched,
    /// What is wrong with the store of tokens.
    pub(crate) store_state: Condition,
    /// Every source that is known here.
    pub(crate) sources: Arc<Library>,
    pub(crate) follower: Arc<Follower>,
    pub(crate) watch: Watch,
    pub(crate) desk: Desk,
    pub(crate) admission: Arc<Admission>,
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
            log: config.log.clone(),
            actor: config.actor.clone(),
            access: Access::new(config),
            refusals: Refusals::default(),
            tls: OnceLock::new(),
            places: Arc::new(Semaphore::new(config.limits.connections)),
            room: config.room.clone(),
            watched: Watched::default(),
            store_state: Condition::new("credentials.store", &config.log),
            sources: Arc::new(config.sources.clone()),
            follower: Arc::default(),
            watch: Watch::default(),
            desk: Desk::default(),
            admission: Arc::new(Admission::new(&config.limits)),
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
    pub(crate) async fn record(
        &self,
        action: &str,
        actor: &Identity,
        labels: &[(&str, String)],
    ) -> Result<(), Problem> {
        self.record_why(action, actor, labels, None).await
    }

    /// As [`Self::record`], with a reason.
    pub(crate) async fn record_why(
        &self,
        action: &str,
        actor: &Identity,
        labels: &[(&str, String)],
        reason: Option<&str>,
    ) -> Result<(), Problem> {
        let id = format!("{}-{}", self.reader.size(), self.acts.fetch_add(1, Relaxed));
        let now = Micros(self.world.clock.now());
        let mut submission = act(self.reader.origin(), action, &id, now, labels);
        submission.event.actor = Some(actor.clone());
        submission.event.reason = reason.map(str::to_owned);
        let prepared = self.prepare(submission)?;
        self.commit(Group { entries: vec![prepared], all_or_nothing: true }).await.map(|_| ())
    }
}

/// Something that goes on in the background and may go wrong for a while: said when it changes, and counted.
pub(crate) struct Condition {
    what: &'static str,
    log: Log,
    wrong: Mutex<Option<String>>,
    failures: AtomicU64,
}

impl Condition {
    pub(crate) fn new(what: &'static str, log: &Log) -> Self {
        Self { what, log: log.clone(), wrong: Mutex::default(), failures: AtomicU64::new(0) }
    }

    /// What is wrong now; `None` when it is as it should be.
    pub(crate) fn set(&self, wrong: Option<String>) {
        let mut before = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == wrong {
            return;
        }
        match &wrong {
            Some(why) => {
                self.failures.fetch_add(1, Relaxed);
                self.log.event(Level::Error, self.what, &[("problem", why)]);
            }
            None => self.log.event(Level::Info, self.what, &[("problem", &"mended")]),
        }
        *before = wrong;
    }

    /// How often something began to be wrong.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
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
