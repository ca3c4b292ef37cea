//! The running service follows the store of tokens: a change becomes an entry, and then it counts.

use std::sync::Arc;
use std::time::Duration;

use sealbook_log::Group;
use tokio::sync::watch;

use super::error::CredentialError;
use super::record::{TOGETHER, place, submission};
use super::store::{Change, Token, TokenStore};
use crate::app::{App, beside};
use crate::log::Level;
use crate::problem::Problem;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How far the store was read.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    changes: Vec<Change>,
    /// Changes, from the first, that are entries and count.
    recorded: usize,
    /// The service runs: what changes now is news.
    running: bool,
    length: u64,
}

/// Reads what is new in the store, commits its entries and lets it count. A withdrawal counts before its entry.
async fn step(app: &Arc<App>, store: &TokenStore, followed: &mut Followed) -> Result<(), CredentialError> {
    let reading = store.clone();
    let read = move || {
        let length = reading.length()?;
        Ok::<_, CredentialError>((length, reading))
    };
    let (length, reading) = blocking(read).await?;
    if length != followed.length {
        let changes = blocking(move || reading.changes()).await?;
        if !changes.starts_with(&followed.changes) {
            let problem = format!("{} changes were known", followed.changes.len());
            return Err(CredentialError::Lost { path: store.path(), problem });
        }
        (followed.changes, followed.length) = (changes, length);
    }
    if !followed.changes.is_empty() {
        app.access.require();
    }
    let news = followed.changes.get(followed.recorded..).unwrap_or_default();
    let token_of = |id: &str| {
        followed.changes.iter().find_map(|change| match change {
            Change::Created(token) if token.id == id => Some(token),
            _ => None,
        })
    };
    let withdrawn = news.iter().filter_map(|change| match change {
        Change::Revoked { token, .. } => token_of(token),
        Change::Created(_) => None,
    });
    for token in withdrawn {
        app.access.withdraw(token);
        let level = if followed.running { Level::Info } else { Level::Debug };
        app.log.event(level, "token.withdrawn", &[("token", &token.id), ("name", &token.name)]);
    }
    let mut done = 0;
    let mut differs = None;
    for some in news.chunks(TOGETHER) {
        for (token, result) in commit(app, some).await? {
            match (token, result) {
                (Some(token), Ok(())) => {
                    app.access.admit(token);
                    let level = if followed.running { Level::Info } else { Level::Debug };
                    app.log.event(level, "token.admitted", &[("token", &token.id), ("name", &token.name)]);
                }
                (_, Err(error)) => differs = Some(error),
                (None, Ok(())) => {}
            }
        }
        done += some.len();
    }
    followed.recorded += done;
    differs.map_or(Ok(()), Err)
}

type Recorded<'c> = Vec<(Option<&'c Token>, Result<(), CredentialError>)>;

async fn commit<'c>(app: &Arc<App>, changes: &'c [Change]) -> Result<Recorded<'c>, CredentialError> {
    let unrecorded = |problem: Problem| CredentialError::NotRecorded(problem.detail.clone());
    let origin = app.reader.origin();
    let entries: Result<_, _> = changes.iter().map(|change| app.prepare(submission(origin, change))).collect();
    let entries = entries.map_err(unrecorded)?;
    let answer = app.commit(Group { entries, all_or_nothing: false }).await.map_err(unrecorded)?;
    let of = |change: &'c Change| match change {
        Change::Created(token) => Some(token),
        Change::Revoked { .. } => None,
    };
    let each =
        changes.iter().zip(&answer.placed).map(|(change, placed)| (of(change), place(change, placed).map(|_| ())));
    Ok(each.collect())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CredentialError> + Send + 'static,
) -> Result<T, CredentialError> {
    let done = beside(move || Ok(work())).await;
    done.unwrap_or_else(|problem| Err(CredentialError::Refused(problem.detail.clone())))
}

/// Reads the store for the first time.
///
/// # Errors
/// When it cannot be read, its changes cannot be recorded, or it says something else than the ledger.
pub(crate) async fn load(app: &Arc<App>, store: &TokenStore) -> Result<Followed, CredentialError> {
    let mut followed = Followed::default();
    step(app, store, &mut followed).await?;
    followed.running = true;
    Ok(followed)
}

/// Looks at the store until the service stops. What cannot be read leaves what was known.
pub(crate) async fn follow(
    app: Arc<App>,
    store: TokenStore,
    mut followed: Followed,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let result = step(&app, &store, &mut followed).await;
        app.store_state.set(result.err().map(|error| error.to_string()));
    }
}
