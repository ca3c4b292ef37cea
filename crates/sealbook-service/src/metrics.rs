//! What the service counts, and its Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Sources that are counted one by one; later ones are counted together.
const SOURCES_MAX: usize = 256;
/// Name under which later ones are counted.
const OTHERS: &str = "(others)";
/// Upper bounds of the latency histogram, in µs.
const BUCKETS_MICROS: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// What became of the elements of one source since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) quarantined: u64,
    /// Requests, not elements: what is refused was not taken apart.
    pub(crate) refused: u64,
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    sources: Mutex<BTreeMap<String, Counts>>,
    buckets: [AtomicU64; BUCKETS_MICROS.len()],
    waited_micros: AtomicU64,
    answers: AtomicU64,
    commits: AtomicU64,
    newest_size: AtomicU64,
    handshakes_failed: AtomicU64,
}

/// What the log says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauges {
    pub(crate) entries: u64,
    pub(crate) queue_entries: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) poisoned: bool,
    pub(crate) indexed_through: u64,
    pub(crate) index_failures: u64,
}

impl Metrics {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Counts>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts for `source`.
    pub(crate) fn count(&self, source: &str, count: impl FnOnce(&mut Counts)) {
        let mut sources = self.lock();
        let known = sources.contains_key(source) || sources.len() < SOURCES_MAX;
        count(sources.entry(if known { source } else { OTHERS }.to_owned()).or_default());
    }

    /// A copy of all counts.
    pub(crate) fn sources(&self) -> Vec<(String, Counts)> {
        self.lock().iter().map(|(name, counts)| (name.clone(), *counts)).collect()
    }

    /// Called for every answer, on the writer's thread, with the size that it made durable.
    pub(crate) fn answered(&self, waited: Duration, size: u64) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        for (bucket, bound) in self.buckets.iter().zip(BUCKETS_MICROS) {
            if micros <= bound {
                bucket.fetch_add(1, Relaxed);
            }
        }
        self.waited_micros.fetch_add(micros, Relaxed);
        self.answers.fetch_add(1, Relaxed);
        if self.newest_size.fetch_max(size, Relaxed) < size {
            self.commits.fetch_add(1, Relaxed);
        }
    }

    /// A TLS handshake that did not come to an end.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// The Prometheus text.
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let mut out = String::new();
        let commits = self.commits.load(Relaxed);
        metric(&mut out, "sealbook_entries", "gauge", "Entries in the log.", gauges.entries);
        metric(&mut out, "sealbook_commits_total", "counter", "Commits that answered a request.", commits);
        let queue = gauges.queue_entries as u64;
        metric(&mut out, "sealbook_queue_entries", "gauge", "Entries that wait for the writer.", queue);
        let bytes = gauges.queue_bytes as u64;
        metric(&mut out, "sealbook_queue_bytes", "gauge", "Bytes that wait for the writer.", bytes);
        let poisoned = u64::from(gauges.poisoned);
        metric(&mut out, "sealbook_poisoned", "gauge", "1 when the log can no longer be written.", poisoned);
        let through = gauges.indexed_through;
        metric(&mut out, "sealbook_indexed_through", "gauge", "Entries that the index covers.", through);
        let failures = gauges.index_failures;
        metric(&mut out, "sealbook_index_failures_total", "counter", "Failed steps of the index.", failures);
        let failed = self.handshakes_failed.load(Relaxed);
        metric(&mut out, "sealbook_tls_failures_total", "counter", "TLS handshakes that failed.", failed);
        self.per_source(&mut out);
        self.histogram(&mut out);
        out
    }

    fn per_source(&self, out: &mut String) {
        let name = "sealbook_source_total";
        head(out, name, "counter", "Elements accepted, duplicate or quarantined, and requests refused, by source.");
        for (source, counts) in self.sources() {
            let source = label(&source);
            let Counts { accepted, duplicate, quarantined, refused } = counts;
            for (result, count) in
                [("accepted", accepted), ("duplicate", duplicate), ("quarantined", quarantined), ("refused", refused)]
            {
                line(out, format_args!("{name}{{source=\"{source}\",result=\"{result}\"}} {count}"));
            }
        }
    }

    fn histogram(&self, out: &mut String) {
        let name = "sealbook_commit_seconds";
        head(out, name, "histogram", "Time from queueing a group to its durable answer.");
        for (bucket, bound) in self.buckets.iter().zip(BUCKETS_MICROS) {
            line(out, format_args!("{name}_bucket{{le=\"{}\"}} {}", seconds(bound), bucket.load(Relaxed)));
        }
        let answers = self.answers.load(Relaxed);
        line(out, format_args!("{name}_bucket{{le=\"+Inf\"}} {answers}"));
        line(out, format_args!("{name}_sum {}", seconds(self.waited_micros.load(Relaxed))));
        line(out, format_args!("{name}_count {answers}"));
    }
}

/// Seconds as decimal text without a float in between.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn line(out: &mut String, text: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

pub(crate) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

pub(crate) fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    head(out, name, kind, help);
    line(out, format_args!("{name} {value}"));
}

/// A label's value, escaped as the text format asks.
pub(crate) fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_every_source_and_the_histogram_is_cumulative() {
        let metrics = Metrics::default();
        metrics.count("a\"b", |counts| counts.accepted += 2);
        metrics.answered(Duration::from_micros(300), 5);
        metrics.answered(Duration::from_micros(300), 5);
        metrics.answered(Duration::from_secs(9), 6);
        let text = metrics.text(&Gauges {
            entries: 6,
            queue_entries: 0,
            queue_bytes: 0,
            poisoned: false,
            indexed_through: 5,
            index_failures: 0,
        });
        for expected in [
            "sealbook_entries 6\n",
            "sealbook_commits_total 2\n",
            "sealbook_source_total{source=\"a\\\"b\",result=\"accepted\"} 2\n",
            "sealbook_commit_seconds_bucket{le=\"0.00025\"} 0\n",
            "sealbook_commit_seconds_bucket{le=\"0.0005\"} 2\n",
            "sealbook_commit_seconds_bucket{le=\"5\"} 2\n",
            "sealbook_commit_seconds_bucket{le=\"+Inf\"} 3\n",
            "sealbook_commit_seconds_sum 9.0006\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn the_number_of_sources_counted_is_bounded() {
        let metrics = Metrics::default();
        for n in 0..SOURCES_MAX + 50 {
            metrics.count(&format!("s{n}"), |counts| counts.refused += 1);
        }
        let sources = metrics.sources();
        assert_eq!(sources.len(), SOURCES_MAX + 1);
        assert_eq!(sources.iter().map(|(_, counts)| counts.refused).sum::<u64>(), SOURCES_MAX as u64 + 50);
    }
}
