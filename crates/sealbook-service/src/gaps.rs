//! Watches the sources: numbers that are missing, and silence where there should be signs of life, become entries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sealbook_core::time::Micros;
use sealbook_frameworks::Policy;
use sealbook_index::{GAP_ACT, HEARD_ACT, IndexError, SILENT_ACT, SourceState, State};
use sealbook_log::{Group, Reader, act};
use tokio::sync::watch;

use crate::app::{App, Condition, beside};
use crate::metrics::{head, label, line};
use crate::problem::Problem;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// For so long a number that is missing may still be on its way.
const LATE: Micros = Micros(30_000_000);
/// Gaps of one source that become entries at one look: a source that numbers at random does not fill the ledger.
const GAPS_AT_ONCE: usize = 4;

/// What the entries say of the sources.
#[derive(Default)]
pub(crate) struct Watch {
    state: OnceLock<State>,
    sources: Mutex<Vec<SourceState>>,
}

impl Watch {
    /// Takes in the newest entries.
    fn look(&self, reader: &Reader) -> Result<Vec<SourceState>, IndexError> {
        let state = match self.state.get() {
            Some(state) => state,
            None => {
                let opened = State::open(reader)?;
                self.state.get_or_init(|| opened)
            }
        };
        state.catch_up(reader)?;
        let sources = state.sources();
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&sources);
        Ok(sources)
    }

    /// Prometheus text: what is missing of each source, when it was last heard, and whether it is silent.
    pub(crate) fn text(&self) -> String {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&SourceState) -> Option<String>| {
            head(&mut out, name, "gauge", help);
            for source in &*sources {
                if let Some(value) = value(source) {
                    line(&mut out, format_args!("{name}{{source=\"{}\"}} {value}", label(&source.id)));
                }
            }
        };
        gauge("sealbook_source_missing", "Sequence numbers of the source that are missing.", &|source| {
            source.last_sequence.map(|_| source.missing.to_string())
        });
        gauge("sealbook_source_silent", "1 where an entry says that the source is silent.", &|source| {
            Some(u8::from(source.silent.is_some()).to_string())
        });
        gauge("sealbook_source_heard_seconds", "Ledger time of its newest entry, Unix time.", &|source| {
            (source.entries > 0).then(|| (source.last_recorded_at.0 / 1_000_000).to_string())
        });
        out
    }
}

/// An entry that is due. Its id follows from what it says, so that it is made once, whoever makes it.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    action: &'static str,
    id: String,
    at: Micros,
    labels: Vec<(&'static str, String)>,
}

/// Gaps of a source that no entry names and that have been there for [`LATE`]; `recorded_at` gives the ledger time of an
/// entry.
fn gaps(source: &SourceState, now: Micros, recorded_at: &dyn Fn(u64) -> Option<Micros>) -> Vec<Due> {
    let open = source.gaps.iter().filter(|gap| !gap.reported);
    let due = open.filter_map(|gap| {
        let at = recorded_at(gap.index).filter(|at| now.0.saturating_sub(at.0) >= LATE.0)?;
        let labels = vec![
            ("source", source.id.clone()),
            ("first_missing", gap.from.to_string()),
            ("last_missing", gap.to.to_string()),
            ("shown_by", gap.index.to_string()),
        ];
        Some(Due { action: GAP_ACT, id: format!("{}/{}-{}", source.id, gap.from, gap.to), at, labels })
    });
    due.take(GAPS_AT_ONCE).collect()
}

/// That a source became silent, or is heard again. `heartbeat` is how long it may be silent, in seconds; nobody could be heard
/// before `since`.
fn silence(id: &str, source: Option<&SourceState>, heartbeat: u64, since: Micros, now: Micros) -> Option<Due> {
    let heard = source.filter(|source| source.entries > 0);
    let named = vec![("source", id.to_owned()), ("heartbeat_s", heartbeat.to_string())];
    if let Some(silent) = source.and_then(|source| source.silent) {
        let heard = heard.filter(|source| source.last_index > silent)?;
        let labels =
            [named, vec![("silent_by", silent.to_string()), ("heard_by", heard.last_index.to_string())]].concat();
        return Some(Due { action: HEARD_ACT, id: format!("{id}/{silent}"), at: heard.last_recorded_at, labels });
    }
    let from = heard.map_or(since, |source| source.last_recorded_at.max(since));
    let limit = i64::try_from(heartbeat).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    if now.0.saturating_sub(from.0) <= limit {
        return None;
    }
    let last = heard.map_or_else(|| "never".to_owned(), |source| source.last_index.to_string());
    let labels = [named, vec![("last_entry", last.clone())]].concat();
    Some(Due {
        action: SILENT_ACT,
        id: format!("{id}/{last}/{}", from.0),
        at: Micros(from.0.saturating_add(limit)),
        labels,
    })
}

/// Looks until the service stops.
pub(crate) async fn follow(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    let since = Micros(app.world.clock.now());
    let condition = Condition::new("sources.watch", &app.log);
    loop {
        let looked = look(&app, since).await;
        condition.set(looked.err());
        tokio::select! {
            _ = stopping.changed() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn look(app: &Arc<App>, since: Micros) -> Result<(), String> {
    let shared = app.clone();
    let due = beside(move || due(&shared, since).map_err(Problem::unreadable));
    for Due { action, id, at, labels } in due.await.map_err(|problem| problem.detail.clone())? {
        let mut submission = act(app.reader.origin(), action, &id, at, &labels);
        submission.event.actor = Some(app.actor.identity());
        let prepared = app.prepare(submission).map_err(|problem| problem.detail.clone())?;
        let done = app.commit(Group { entries: vec![prepared], all_or_nothing: true }).await;
        // Another one ran here before and has said it already.
        if let Err(problem) =
            done.map(|_| ()).or_else(|problem| if problem.code == "conflict" { Ok(()) } else { Err(problem) })
        {
            return Err(problem.detail.clone());
        }
    }
    Ok(())
}

/// What is due now, by the newest entries and the operator's policy as it stands.
fn due(app: &App, since: Micros) -> Result<Vec<Due>, String> {
    let sources = app.watch.look(&app.reader).map_err(|error| error.to_string())?;
    let now = Micros(app.world.clock.now());
    let recorded_at = |index| Some(app.reader.stored(index).ok()?.entry().ok()?.recorded_at);
    let mut due: Vec<Due> = sources.iter().flat_map(|source| gaps(source, now, &recorded_at)).collect();
    let known: BTreeMap<&str, &SourceState> = sources.iter().map(|source| (source.id.as_str(), source)).collect();
    for expected in policy(app)?.iter().flat_map(Policy::sources) {
        let source = known.get(expected.id.as_str()).copied();
        due.extend(silence(&expected.id, source, expected.heartbeat_seconds, since, now));
    }
    Ok(due)
}

/// The operator's policy, where there is one.
pub(crate) fn policy(app: &App) -> Result<Option<Policy>, String> {
    let path = app.reader.layout().root().join("policy.toml");
    if path.exists() { Policy::load(&path).map(Some).map_err(|error| error.to_string()) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use sealbook_index::Gap;

    use super::*;

    const NOW: Micros = Micros(1_790_000_000_000_000);

    fn source(gaps: Vec<Gap>, silent: Option<u64>) -> SourceState {
        SourceState {
            id: "pep".to_owned(),
            format: "native".to_owned(),
            entries: 3,
            last_index: 9,
            last_recorded_at: NOW,
            last_event_at: NOW,
            last_sequence: Some(12),
            missing: 2,
            repeated: 0,
            gaps,
            gaps_unlisted: 0,
            silent,
        }
    }

    fn seconds(n: i64) -> Micros {
        Micros(NOW.0 + n * 1_000_000)
    }

    #[test]
    fn a_gap_is_named_once_and_only_when_nothing_is_on_its_way_any_more() {
        let open = Gap { from: 4, to: 5, index: 7, reported: false };
        let recorded_at = |index| (index == 7).then_some(NOW);
        assert_eq!(gaps(&source(vec![open], None), seconds(29), &recorded_at), []);
        let due = gaps(&source(vec![open], None), seconds(30), &recorded_at);
        assert_eq!((due[0].action, due[0].id.as_str(), due[0].at), (GAP_ACT, "pep/4-5", NOW));
        let named = Gap { reported: true, ..open };
        assert_eq!(gaps(&source(vec![named], None), seconds(99), &recorded_at), []);
        let many = (0..100).map(|n| Gap { from: n * 2, to: n * 2, ..open }).collect();
        assert_eq!(gaps(&source(many, None), seconds(99), &recorded_at).len(), GAPS_AT_ONCE);
    }

    #[test]
    fn silence_is_longer_than_the_heartbeat_and_never_before_anybody_could_be_heard() {
        let heard = source(Vec::new(), None);
        assert_eq!(silence("pep", Some(&heard), 60, seconds(-900), seconds(60)), None);
        let due = silence("pep", Some(&heard), 60, seconds(-900), seconds(61)).unwrap();
        assert_eq!((due.action, due.at), (SILENT_ACT, seconds(60)));
        assert_eq!(silence("pep", Some(&heard), 60, seconds(5), seconds(61)), None);
        assert_eq!(silence("pep", None, 60, seconds(0), seconds(60)), None);
        let never = silence("pep", None, 60, seconds(0), seconds(61)).unwrap();
        assert!(never.labels.contains(&("last_entry", "never".to_owned())));
    }

    #[test]
    fn a_silent_source_is_silent_once_and_heard_again_by_an_entry_of_its_own() {
        assert_eq!(silence("pep", Some(&source(Vec::new(), Some(11))), 60, NOW, seconds(999)), None);
        let due = silence("pep", Some(&source(Vec::new(), Some(8))), 60, NOW, seconds(999)).unwrap();
        assert_eq!((due.action, due.id.as_str()), (HEARD_ACT, "pep/8"));
    }
}
