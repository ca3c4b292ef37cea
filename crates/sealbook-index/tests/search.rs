//! An index answers as reading the whole log does, whatever becomes of its files.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test helper fails its test")]

mod support;

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;
use sealbook_index::{Field, Index, Order, Query, TimeRange};
use sealbook_log::Reader;
use support::{MINUTE, START, TestLedger};

fn indexes(index: &Index, reader: &Reader, query: &Query) -> Vec<u64> {
    index.search(reader, query.clone()).unwrap().map(|hit| hit.unwrap().stored.index).collect()
}

fn scan(entries: &[Entry], query: &Query) -> Vec<u64> {
    entries.iter().filter(|entry| query.matches(entry)).map(|entry| entry.index).collect()
}

/// Queries that between them touch every field and both encodings.
fn probes() -> Vec<Query> {
    let deny = Query::is(Field::Outcome, "deny");
    let mut probes = vec![
        Query::everything(),
        Query::Any(vec![]),
        Query::Not(Box::new(Query::is(Field::Request, "request-3"))),
        Query::All(vec![deny.clone(), Query::Not(Box::new(Query::is(Field::Source, "source-1")))]),
        Query::Any(vec![Query::identity("person-1"), Query::is(Field::Environment, "production")]),
        Query::Happened(TimeRange { from: Some(Micros(START + 40 * MINUTE)), to: Some(Micros(START + 90 * MINUTE)) }),
        Query::Recorded(TimeRange { from: Some(Micros(START)), to: None }),
        Query::Indexes(13..77),
    ];
    let terms = [
        (Field::Subject, "workload-3"),
        (Field::Actor, "person-0"),
        (Field::Party, "person-2"),
        (Field::Resource, "bucket-4"),
        (Field::Credential, "key-21"),
        (Field::Approval, "approval-2"),
        (Field::Exception, "exception-1"),
        (Field::Request, "request-20"),
        (Field::Kind, "issuance"),
        (Field::Environment, "test"),
        (Field::Event, "source-1\0event-31"),
        (Field::Team, "nobody"),
    ];
    probes.extend(terms.map(|(field, value)| Query::is(field, value)));
    probes
}

fn assert_answers_as_a_scan(index: &Index, ledger: &TestLedger) {
    let entries = ledger.entries();
    for query in probes() {
        assert_eq!(indexes(index, ledger.reader(), &query), scan(&entries, &query), "{query:?}");
    }
}

#[test]
fn catching_up_across_block_borders_leaves_nothing_out() {
    let mut ledger = TestLedger::new(20);
    let index = Index::open_sized(ledger.reader(), 32).unwrap();
    assert_answers_as_a_scan(&index, &ledger);
    for more in [1, 9, 2, 1, 31, 33, 100] {
        ledger.grow(more);
        assert_answers_as_a_scan(&index, &ledger);
        assert_eq!(index.catch_up(ledger.reader()).unwrap(), ledger.reader().size());
        assert_answers_as_a_scan(&index, &ledger);
    }
    assert_eq!(index.status().blocks, ledger.reader().size() / 32);
    let again = Index::open_sized(ledger.reader(), 32).unwrap();
    assert_eq!(again.status().holes, 0);
    assert_eq!(again.indexed_through(), ledger.reader().size() / 32 * 32);
    assert_answers_as_a_scan(&again, &ledger);
}

#[test]
fn pages_of_an_answer_join_to_the_whole_in_both_orders() {
    let ledger = TestLedger::new(200);
    let index = Index::open_sized(ledger.reader(), 32).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    let query = Query::is(Field::Outcome, "deny");
    let mut whole = scan(&ledger.entries(), &query);
    assert!(whole.len() > 30);
    for order in [Order::Ascending, Order::Descending] {
        let mut pages = Vec::new();
        let mut start = None;
        loop {
            let mut search = index.search(ledger.reader(), query.clone()).unwrap().order(order).limit(7);
            if let Some(start) = start {
                search = search.starting_at(start);
            }
            let page: Vec<u64> = search.map(|hit| hit.unwrap().entry.index).collect();
            let Some(last) = page.last().copied() else { break };
            start = match order {
                Order::Ascending => Some(last + 1),
                Order::Descending => last.checked_sub(1),
            };
            pages.extend(page);
        }
        assert_eq!(pages, whole);
        whole.reverse();
    }
}

#[test]
fn an_event_is_found_by_its_source_and_id_and_by_nothing_else() {
    let ledger = TestLedger::new(150);
    let index = Index::open_sized(ledger.reader(), 32).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    for entry in ledger.entries().iter().skip(1) {
        let hit = index.event(ledger.reader(), &entry.source.id, &entry.event.id).unwrap().unwrap();
        assert_eq!(hit.entry.index, entry.index);
        assert!(index.event(ledger.reader(), "source-9", &entry.event.id).unwrap().is_none());
    }
}

#[test]
fn a_flipped_byte_anywhere_in_a_block_changes_no_answer_and_is_repaired() {
    let ledger = TestLedger::new(100);
    let index = Index::open_sized(ledger.reader(), 64).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    let path = ledger.reader().layout().derived("index").join("00000000.idx");
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(29).chain(good.len() - 12..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        let opened = Index::open_sized(ledger.reader(), 64).unwrap();
        assert_answers_as_a_scan(&opened, &ledger);
        assert_eq!(opened.check().blocks, 0, "byte {at} was not noticed");
        opened.catch_up(ledger.reader()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), good, "byte {at} was not repaired");
        assert_answers_as_a_scan(&opened, &ledger);
    }
}

#[test]
fn a_cut_empty_or_missing_block_is_made_anew() {
    let ledger = TestLedger::new(150);
    let index = Index::open_sized(ledger.reader(), 64).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    let path = ledger.reader().layout().derived("index").join("00000000.idx");
    let good = fs::read(&path).unwrap();
    for length in [0, 5, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..length]).unwrap();
        let opened = Index::open_sized(ledger.reader(), 64).unwrap();
        assert_eq!((opened.status().holes, opened.indexed_through()), (1, 0));
        assert_answers_as_a_scan(&opened, &ledger);
        opened.catch_up(ledger.reader()).unwrap();
        assert_eq!((opened.status().holes, opened.indexed_through()), (0, ledger.reader().size()));
        assert_eq!(fs::read(&path).unwrap(), good);
    }
    // One that goes missing under an open index is answered from the log, and written again.
    fs::remove_file(&path).unwrap();
    assert_answers_as_a_scan(&index, &ledger);
    index.catch_up(ledger.reader()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), good);
}

#[test]
fn blocks_of_another_ledger_another_history_or_another_place_are_not_used() {
    let ours = TestLedger::new(150);
    let other = TestLedger::named(150, "example.org/other");
    let twin = TestLedger::new(150);
    let folder = |ledger: &TestLedger| ledger.reader().layout().derived("index");
    for ledger in [&ours, &other, &twin] {
        Index::open_sized(ledger.reader(), 64).unwrap().catch_up(ledger.reader()).unwrap();
    }
    let first = folder(&ours).join("00000000.idx");
    let good = fs::read(&first).unwrap();
    // The twin has the same origin and the same events, but another key, hence another history.
    for foreign in
        [folder(&other).join("00000000.idx"), folder(&twin).join("00000000.idx"), folder(&ours).join("00000001.idx")]
    {
        fs::copy(&foreign, &first).unwrap();
        let opened = Index::open_sized(ours.reader(), 64).unwrap();
        assert_eq!(opened.status().holes, 1, "{}", foreign.display());
        assert_answers_as_a_scan(&opened, &ours);
        opened.catch_up(ours.reader()).unwrap();
        assert_eq!(fs::read(&first).unwrap(), good);
    }
    let index = Index::open_sized(ours.reader(), 64).unwrap();
    assert!(index.search(other.reader(), Query::everything()).is_err());
}

#[test]
fn rebuilding_gives_the_same_files() {
    let ledger = TestLedger::new(150);
    let index = Index::open_sized(ledger.reader(), 64).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    let path = ledger.reader().layout().derived("index").join("00000001.idx");
    let before = fs::read(&path).unwrap();
    let again = Index::open_sized(ledger.reader(), 64).unwrap();
    fs::remove_dir_all(ledger.reader().layout().derived("index")).unwrap();
    again.catch_up(ledger.reader()).unwrap();
    assert_answers_as_a_scan(&again, &ledger);
    let rebuilt = Index::rebuild(ledger.reader()).unwrap();
    assert!(!path.exists(), "blocks of the usual size are larger than this ledger");
    assert_answers_as_a_scan(&rebuilt, &ledger);
    Index::open_sized(ledger.reader(), 64).unwrap().catch_up(ledger.reader()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_older_reader_sees_only_its_own_entries() {
    let mut ledger = TestLedger::new(100);
    let old = Reader::open(&sealbook_disk::World::real(), &ledger.root).unwrap();
    ledger.grow(60);
    let index = Index::open_sized(ledger.reader(), 32).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    assert_eq!(indexes(&index, &old, &Query::everything()), (0..old.size()).collect::<Vec<_>>());
}

struct Shared {
    ledger: TestLedger,
    index: Index,
    entries: Vec<Entry>,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let mut ledger = TestLedger::new(300);
    let index = Index::open_sized(ledger.reader(), 64).unwrap();
    index.catch_up(ledger.reader()).unwrap();
    ledger.grow(10);
    let entries = ledger.entries();
    Shared { ledger, index, entries }
});

fn leaf() -> impl Strategy<Value = Query> {
    let numbered = |field: Field, word: &'static str, count: u64| {
        (0..count).prop_map(move |n| Query::is(field, format!("{word}-{n}")))
    };
    let time = || prop::option::of((0..320_i64).prop_map(|n| Micros(START + n * MINUTE)));
    prop_oneof![
        numbered(Field::Subject, "workload", 8),
        numbered(Field::Actor, "person", 4),
        numbered(Field::Resource, "bucket", 12),
        numbered(Field::Request, "request", 160),
        numbered(Field::Credential, "key", 310),
        numbered(Field::Approval, "approval", 60),
        numbered(Field::Source, "source", 3),
        (0..4_u64).prop_map(|n| Query::identity(&format!("person-{n}"))),
        prop::sample::select(vec!["allow", "deny", "success"]).prop_map(|word| Query::is(Field::Outcome, word)),
        prop::sample::select(vec!["decision", "approval", "review"]).prop_map(|word| Query::is(Field::Kind, word)),
        (time(), time()).prop_map(|(from, to)| Query::Happened(TimeRange { from, to })),
        (0..320_u64, 0..320_u64).prop_map(|(a, b)| Query::Indexes(a..b)),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Query::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Query::Any),
            inner.prop_map(|part| Query::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn any_query_is_answered_as_a_scan_answers_it(query in query(), start in 0..330_u64, descending: bool) {
        let Shared { ledger, index, entries } = &*SHARED;
        let order = if descending { Order::Descending } else { Order::Ascending };
        let found = index.search(ledger.reader(), query.clone()).unwrap().order(order).starting_at(start);
        let found: Vec<u64> = found.map(|hit| hit.unwrap().entry.index).collect();
        let mut expected = scan(entries, &query);
        if descending {
            expected.retain(|at| *at <= start);
            expected.reverse();
        } else {
            expected.retain(|at| *at >= start);
        }
        prop_assert_eq!(found, expected);
    }
}
