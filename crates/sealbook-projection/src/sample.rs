//! A few events written by hand, one JSON object a line, as entries: the fixtures of control tests.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use sealbook_core::entry::{Entry, SEALED_BY_DEFAULT, Source, Thread, seal};
use sealbook_core::event::Event;
use sealbook_core::hash::{ChainValue, SALT_BYTES, chain_value};
use sealbook_core::record::Tree;
use sealbook_core::time::Micros;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::builder::{Builder, Place};
use crate::error::{BuildError, SampleError};
use crate::facts::{Facts, PolicyOwner, SourceFact, TeamFact, VerifiedRange};
use crate::projection::Projection;

/// A period, µs since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Inclusive.
    pub from: i64,
    /// Exclusive.
    pub to: i64,
}

/// What a fixture file holds; `docs/views.md` describes its lines.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The events, as entries from index 0.
    pub entries: Vec<Entry>,
    /// Facts that are not entries.
    pub facts: Facts,
    period: Option<Period>,
}

impl Sample {
    /// Reads a fixture file.
    ///
    /// # Errors
    /// Line and reason: no JSON, an unknown or repeated key, an event that breaks a limit.
    pub fn parse(text: &str) -> Result<Self, SampleError> {
        let mut sample = Self::default();
        let mut threads = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |problem| SampleError { line: at + 1, problem };
            let Json(tree) = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            sample.add(tree, &mut threads).map_err(wrong)?;
        }
        Ok(sample)
    }

    /// The period stated, else from the earliest `event_at` to 1 µs after the latest.
    #[must_use]
    pub fn period(&self) -> Period {
        let times = self.entries.iter().map(|entry| entry.event.occurred_at.unwrap_or(entry.recorded_at).0);
        self.period
            .unwrap_or(Period { from: times.clone().min().unwrap_or(0), to: times.max().map_or(1, |last| last + 1) })
    }

    /// Its projection, in memory.
    ///
    /// # Errors
    /// When memory is short.
    pub fn project(&self) -> Result<Projection, BuildError> {
        let mut builder = Builder::new(&Place::Memory)?;
        for entry in &self.entries {
            builder.push(entry)?;
        }
        let mut projection = builder.finish()?;
        projection.set_facts(&self.facts)?;
        Ok(projection)
    }

    fn add(&mut self, tree: Tree, threads: &mut HashMap<String, Thread>) -> Result<(), String> {
        let mut line = Line::of(tree)?;
        if let Some(event) = line.take("event") {
            let entry = self.entry(event, &mut line, threads)?;
            self.entries.push(entry);
        } else if let Some(fact) = line.text("fact")? {
            self.fact(&fact, &mut line)?;
        } else if let Some(period) = line.take("period") {
            let mut period = Line::of(period)?;
            let stated = Period { from: period.need_time("from")?, to: period.need_time("to")? };
            period.end()?;
            if self.period.replace(stated).is_some() {
                return Err("a second period".to_owned());
            }
        } else {
            return Err("expected an object with \"event\", \"fact\" or \"period\"".to_owned());
        }
        line.end()
    }

    fn entry(&self, event: Tree, line: &mut Line, threads: &mut HashMap<String, Thread>) -> Result<Entry, String> {
        let mut event = Event::from_tree(event).map_err(|error| error.to_string())?;
        event.check().map_err(|error| error.to_string())?;
        let last = self.entries.last();
        let floor = last.map_or(0, |entry| entry.recorded_at.0);
        let stated = line.time("recorded_at")?.or(event.occurred_at.map(|time| time.0));
        let index = u64::try_from(self.entries.len()).map_err(|_| "too many events".to_owned())?;
        let subject = event.subject.id.clone();
        let before = threads.get(&subject).copied();
        let thread = Thread { n: before.map_or(1, |thread| thread.n + 1), prev: before.and_then(|thread| thread.prev) };
        // Kept with `prev` = this entry, for the next one about the subject.
        threads.insert(subject, Thread { prev: Some(index), ..thread });
        // Nobody hides anything in a fixture, so the salt may be fixed.
        let paths = SEALED_BY_DEFAULT.map(str::to_owned);
        let (commitments, _) = seal(&mut event, &paths, &mut || [0; SALT_BYTES]);
        Ok(Entry {
            index,
            recorded_at: Micros(stated.unwrap_or(floor).max(floor)),
            prev: last.map_or(ChainValue([0; 32]), |entry| chain_value(&entry.encode())),
            source: Source {
                id: line.text("source")?.unwrap_or_else(|| "native".to_owned()),
                format: "native".to_owned(),
                version: 1,
                sequence: line.number("sequence")?,
            },
            event,
            commitments,
            raw: None,
            thread,
            genesis: None,
            successor: None,
        })
    }

    fn fact(&mut self, fact: &str, line: &mut Line) -> Result<(), String> {
        let facts = &mut self.facts;
        match fact {
            "verified_ranges" => facts.verified.push(VerifiedRange {
                check: line.need_text("check_id")?,
                first_index: line.need_number("first_index")?,
                end_index: line.need_number("end_index")?,
                ok: line.need_number("ok")? != 0,
                detail: line.text("detail")?.unwrap_or_default(),
            }),
            "inventory_sources" => facts.sources.push(SourceFact {
                id: line.need_text("id")?,
                heartbeat_seconds: line.need_number("heartbeat_seconds")?,
                description: line.text("description")?,
            }),
            "policy_owners" => facts.owners.push(PolicyOwner {
                domain: line.need_text("domain")?,
                role: line.need_text("role")?,
                owner: line.need_text("owner")?,
                team: line.text("team")?,
            }),
            "policy_teams" => facts.teams.push(TeamFact {
                team: line.need_text("team")?,
                roles: vec![line.need_text("role")?],
                members: Vec::new(),
            }),
            "policy_team_members" => facts.teams.push(TeamFact {
                team: line.need_text("team")?,
                roles: Vec::new(),
                members: vec![line.need_text("member")?],
            }),
            other => return Err(format!("{other:?} is no table of facts; see docs/views.md")),
        }
        Ok(())
    }
}

/// The members of one JSON object, taken out one by one.
struct Line(BTreeMap<String, Tree>);

impl Line {
    fn of(tree: Tree) -> Result<Self, String> {
        match tree {
            Tree::Map(members) => Ok(Self(members.into_iter().collect())),
            _ => Err("expected an object".to_owned()),
        }
    }

    fn take(&mut self, name: &str) -> Option<Tree> {
        self.0.remove(name)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Tree::Text(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{name}: expected a text")),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Tree::Int(number)) => {
                u64::try_from(number).map(Some).map_err(|_| format!("{name}: {number} is negative"))
            }
            Some(_) => Err(format!("{name}: expected a whole number")),
        }
    }

    fn time(&mut self, name: &str) -> Result<Option<i64>, String> {
        let time = self.text(name)?.map(|text| Micros::parse(&text)).transpose();
        time.map(|time| time.map(|t| t.0)).map_err(|problem| format!("{name}: {problem}"))
    }

    fn need_text(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn need_number(&mut self, name: &str) -> Result<u64, String> {
        self.number(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn need_time(&mut self, name: &str) -> Result<i64, String> {
        self.time(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn end(&self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("unknown key {name:?}")),
        }
    }
}

/// JSON read into a [`Tree`]; a repeated key is an error.
struct Json(Tree);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Json)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(i64::try_from(number).map_or_else(|_| Tree::Number(number.to_string()), Tree::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(tree)) = seq.next_element()? {
            list.push(tree);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members: Vec<(String, Tree)> = Vec::new();
        while let Some((name, Json(tree))) = map.next_entry::<String, Json>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format!("{name:?} appears twice")));
            }
            members.push((name, tree));
        }
        Ok(Tree::Map(members))
    }
}
