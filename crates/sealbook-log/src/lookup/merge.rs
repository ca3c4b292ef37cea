//! Several runs into one, in bounded memory.

use std::sync::Arc;

use sealbook_disk::World;

use super::Secret;
use super::run::{Event, Output, Run, Subject};
use crate::error::LogError;
use crate::layout::Layout;

/// The records of a run, page by page.
struct Records<'r, R> {
    page: Box<dyn Fn(u64) -> Result<Vec<R>, LogError> + 'r>,
    next: u64,
    pages: u64,
    ready: std::vec::IntoIter<R>,
}

impl<'r, R> Records<'r, R> {
    fn new(pages: u64, page: impl Fn(u64) -> Result<Vec<R>, LogError> + 'r) -> Self {
        Self { page: Box::new(page), next: 0, pages, ready: Vec::new().into_iter() }
    }

    /// The record that comes next, left where it is.
    fn peek(&mut self) -> Result<Option<&R>, LogError> {
        while self.ready.as_slice().is_empty() && self.next < self.pages {
            self.ready = (self.page)(self.next)?.into_iter();
            self.next += 1;
        }
        Ok(self.ready.as_slice().first())
    }
}

/// Merges sorted records; of equal keys the one of the newest run stays.
fn merge_records<K: Ord + Copy, V>(
    mut runs: Vec<Records<'_, (K, V)>>,
    mut put: impl FnMut((K, V)) -> Result<(), LogError>,
) -> Result<(), LogError> {
    loop {
        let mut least: Option<K> = None;
        for run in &mut runs {
            if let Some((key, _)) = run.peek()? {
                least = Some(least.map_or(*key, |least| least.min(*key)));
            }
        }
        let Some(least) = least else { return Ok(()) };
        let mut newest = None;
        for run in &mut runs {
            if run.peek()?.is_some_and(|(key, _)| *key == least) {
                newest = run.ready.next();
            }
        }
        newest.map_or(Ok(()), &mut put)?;
    }
}

/// One run over the ranges of `runs`, which follow each other.
pub(super) fn merge(world: &World, layout: &Layout, secret: &Secret, runs: &[Arc<Run>]) -> Result<Run, LogError> {
    let (Some(oldest), Some(newest)) = (runs.first(), runs.last()) else {
        return Err(LogError::BadLookup { path: layout.lookup(), offset: 0 });
    };
    let range = (oldest.first(), newest.upto());
    let at_most = runs.iter().map(|run| run.counts()).fold((0, 0), |sum, run| (sum.0 + run.0, sum.1 + run.1));
    let path = layout.run(range.0, range.1);
    let mut out = Output::begin(world, path, secret, range, newest.chain(), newest.tier() + 1, at_most)?;
    let events = runs.iter().map(|run| Records::<Event>::new(run.pages().0, |page| run.events_of(page)));
    merge_records(events.collect(), |record| out.event(record))?;
    let subjects = runs.iter().map(|run| Records::<Subject>::new(run.pages().1, |page| run.subjects_of(page)));
    merge_records(subjects.collect(), |record| out.subject(record))?;
    out.end(world)
}
