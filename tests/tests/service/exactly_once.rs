//! Clients send again what they are unsure of, through many kills: each event is in the ledger once, at the place that
//! was answered.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use sealbook_tests::random::{Random, number_from_env};
use sealbook_tests::served::{Client, Served};
use sealbook_tests::{TestLedger, event, expect};
use serde_json::Value;

const PRODUCERS: u64 = 4;
/// Events that a producer makes in one life of the service, at most.
const EVENTS_PER_LIFE: u64 = 60;
/// Events of one batch, at most.
const BATCH: u64 = 8;
/// Small, so that a kill often meets the change from one segment to the next.
const SEGMENT_BYTES: &str = "65536";

/// How a batch is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Alone,
    Array,
    Lines,
}

/// Events that were sent together, and are sent again together.
#[derive(Clone, Debug)]
struct Batch {
    numbers: Range<u64>,
    form: Form,
}

/// A client that knows what it was answered. Ids are the same for all producers: only with the source are they unique.
struct Producer {
    source: String,
    random: Random,
    made: u64,
    unanswered: Vec<Batch>,
    /// Index of each event that was answered.
    answered: BTreeMap<u64, u64>,
}

impl Producer {
    fn new(number: u64, seed: u64) -> Self {
        Self {
            source: format!("producer-{number}"),
            random: Random::new(seed + number),
            made: 0,
            unanswered: Vec::new(),
            answered: BTreeMap::new(),
        }
    }

    fn event(&self, number: u64) -> Value {
        let mut event = event(&format!("e{number}"));
        event["resource"]["id"] = format!("{}/{number}", self.source).into();
        event
    }

    fn body(&self, batch: &Batch) -> (&'static str, String) {
        let mut events = batch.numbers.clone().map(|number| self.event(number));
        match batch.form {
            Form::Alone => ("application/json", events.next().unwrap().to_string()),
            Form::Array => ("application/json", Value::Array(events.collect()).to_string()),
            Form::Lines => {
                let mut lines = String::new();
                events.for_each(|event| writeln!(lines, "{event}").unwrap());
                ("application/x-ndjson", lines)
            }
        }
    }

    /// Sends a batch; whether it was answered. A batch is in the ledger whole or not at all.
    fn send(&mut self, client: &Client, batch: &Batch) -> bool {
        let (media_type, body) = self.body(batch);
        let path = format!("/v1/events?source={}", self.source);
        let Ok(answer) = client.post(&path, &[("content-type", media_type)], body.as_bytes()) else { return false };
        let receipt = answer.json();
        assert!(answer.status == 201 || answer.status == 200, "{receipt}");
        let entries = receipt["entries"].as_array().unwrap();
        assert_eq!(entries.len() as u64, batch.numbers.end - batch.numbers.start, "{receipt}");
        for (number, entry) in batch.numbers.clone().zip(entries) {
            assert_eq!(entry["duplicate"], answer.status == 200, "part of a batch was there: {receipt}");
            let index = entry["index"].as_u64().unwrap();
            let before = self.answered.insert(number, index);
            assert!(before.is_none_or(|before| before == index && answer.status == 200), "{before:?} {receipt}");
        }
        true
    }

    /// Sends again what was not answered.
    fn settle(&mut self, client: &Client) -> bool {
        while let Some(batch) = self.unanswered.first().cloned() {
            if !self.send(client, &batch) {
                return false;
            }
            self.unanswered.remove(0);
        }
        true
    }

    /// Sends again all that was ever answered, in other batches than at first.
    fn repeat(&mut self, client: &Client) -> bool {
        let numbers: Vec<u64> = self.answered.keys().copied().collect();
        numbers.chunk_by(|one, next| one + 1 == *next).flat_map(|run| run.chunks(250)).all(|run| {
            let batch = Batch { numbers: run[0]..run[run.len() - 1] + 1, form: Form::Lines };
            self.send(client, &batch)
        })
    }

    /// One life of the service: what is unsure first, at times everything, then what is new.
    fn live(&mut self, client: &Client, everything: bool) {
        if !self.settle(client) || everything && !self.repeat(client) {
            return;
        }
        let end = self.made + EVENTS_PER_LIFE;
        while self.made < end {
            let form = *self.random.pick(&[Form::Alone, Form::Array, Form::Lines]);
            let count = if matches!(form, Form::Alone) { 1 } else { 1 + self.random.below(BATCH) };
            let batch = Batch { numbers: self.made..self.made + count, form };
            self.made += count;
            self.unanswered.push(batch);
            if !self.settle(client) {
                return;
            }
        }
    }
}

/// Source and id of every event in the ledger, with its index and its resource.
fn found(ledger: &TestLedger) -> BTreeMap<(String, String), (u64, String)> {
    let mut found = BTreeMap::new();
    for line in expect(0, &["log", &ledger.arg(), "--kind", "decision", "--limit", "0", "--json"]).lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key = (text(&entry["source"]["id"]), text(&entry["event"]["id"]));
        let place = (entry["index"].as_u64().unwrap(), text(&entry["event"]["resource"]["id"]));
        assert_eq!(found.insert(key, place), None, "twice: {line}");
    }
    found
}

/// `SEALBOOK_KILLS` says how many times the process is killed, `SEALBOOK_SEED` how the run goes.
#[test]
fn every_event_is_there_once_after_kills_and_clients_that_send_everything_again() {
    let kills = number_from_env("SEALBOOK_KILLS", 25);
    let mut random = Random::from_env("SEALBOOK_SEED", 1);
    let ledger = TestLedger::new();
    let arguments = ["--listen", "127.0.0.1:0", "--segment-bytes", SEGMENT_BYTES];
    let mut producers: Vec<Producer> = (0..PRODUCERS).map(|n| Producer::new(n, random.number())).collect();
    let mut unsure = 0;
    for kill in 0..kills {
        if kill % 8 == 7 {
            // It is killed while it starts, too.
            let mut starting = Served::starting(&ledger, &arguments);
            std::thread::sleep(Duration::from_millis(random.below(40)));
            starting.kill();
            continue;
        }
        let mut served = Served::start_with(&ledger, &arguments);
        let client = Client::new(&served.url);
        std::thread::scope(|scope| {
            for producer in &mut producers {
                let client = &client;
                scope.spawn(move || producer.live(client, kill % 20 == 13));
            }
            std::thread::sleep(Duration::from_millis(10 + random.below(90)));
            served.kill();
        });
        unsure += producers.iter().map(|producer| producer.unanswered.len()).sum::<usize>();
    }
    let served = Served::start_with(&ledger, &arguments);
    let client = Client::new(&served.url);
    for producer in &mut producers {
        assert!(producer.settle(&client) && producer.repeat(&client));
    }
    served.terminate();

    let mut model = BTreeMap::new();
    for producer in &producers {
        assert_eq!(producer.answered.len() as u64, producer.made);
        for (number, index) in &producer.answered {
            let key = (producer.source.clone(), format!("e{number}"));
            model.insert(key, (*index, format!("{}/{number}", producer.source)));
        }
    }
    println!("{kills} kills, {} events, {unsure} batches without an answer", model.len());
    assert!(unsure as u64 > kills / 2 && model.len() as u64 > kills * 10, "the kills met nothing");
    assert!(found(&ledger) == model, "the ledger holds something else than was answered");
    ledger.check();
}

#[test]
fn other_content_under_a_known_id_is_refused_and_the_attempt_is_an_entry() {
    let ledger = TestLedger::new();
    let mut served = Served::start(&ledger);
    let path = "/v1/events?source=payments";
    let mut forged = event("e1");
    let (status, first) = Client::new(&served.url).post_json(path, forged.to_string().as_bytes()).unwrap();
    assert_eq!(status, 201);
    // The id is known after a kill, too.
    served.kill();
    let served = Served::start(&ledger);
    let client = Client::new(&served.url);
    forged["outcome"] = "deny".into();
    let batch = Value::Array(vec![event("e2"), forged.clone()]).to_string();
    for body in [forged.to_string(), batch.clone(), batch] {
        let (status, problem) = client.post_json(path, body.as_bytes()).unwrap();
        assert_eq!((status, &problem["code"], &problem["field"]), (409, &"conflict".into(), &"id".into()), "{problem}");
        assert_eq!(problem["entry"], first["entries"][0]["index"]);
    }
    // Under another source the id is another event.
    let (status, _) = client.post_json("/v1/events?source=billing", forged.to_string().as_bytes()).unwrap();
    assert_eq!(status, 201);
    served.terminate();
    let found = found(&ledger);
    let keys: Vec<_> = found.keys().map(|(source, id)| (source.as_str(), id.as_str())).collect();
    assert_eq!(keys, [("billing", "e1"), ("payments", "e1")], "nothing of the refused batch was committed");
    let log = expect(0, &["log", &ledger.arg(), "--limit", "0", "--json"]);
    let refused = log.lines().filter(|line| line.contains("write.refused")).count();
    assert_eq!(refused, 1, "one attempt, however often it is made\n{log}");
    ledger.check();
}
