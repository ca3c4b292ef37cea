//! One schedule: a ledger's life, its accidents and its next lives, all from a seed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sealbook_disk::{Dice, Fault, JumpingClock, Operation, SeededEntropy, SimulatedDisk, World};
use sealbook_log::{
    Answer, Group, Ledger, LogError, Options, Reader, Refusal, Sealing, Submission, create, rebuild_tiles,
};

use super::events::{contradicting, submission};
use super::model::{Found, Model, ensure};
use super::tally::Tally;
use super::{image, rot};

const ORIGIN: &str = "crash.example/ledger";
const START_MICROS: i64 = 1_790_000_000_000_000;
/// One of so many schedules goes before the verifier, which reads real files.
const VERIFY_ONE_IN: u64 = 24;
/// One of so many schedules ends in corruption.
const ROT_ONE_IN: u64 = 24;

/// What stays the same through all lives.
pub struct Rig {
    pub root: PathBuf,
    segment_bytes: u64,
    clock: JumpingClock,
    verify: bool,
}

/// A world on a disk, for a look at it.
pub fn world_on(disk: &SimulatedDisk, seed: u64) -> World {
    World {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(JumpingClock::new(START_MICROS, seed, 16)),
        entropy: Arc::new(SeededEntropy::new(seed)),
    }
}

type Replies = Arc<Mutex<Vec<(usize, Result<Answer, Refusal>)>>>;

/// A group on its way.
struct Sent {
    group: Vec<Submission>,
    all_or_nothing: bool,
}

/// A schedule on its way.
struct Run<'t> {
    rig: Rig,
    dice: Dice,
    disk: SimulatedDisk,
    model: Model,
    tally: &'t mut Tally,
    sent: u64,
    /// Everything that was sent, for repetitions.
    history: Vec<Submission>,
}

/// Runs the schedule of a seed. Gives the number of disk operations and their digest.
///
/// # Errors
/// What did not hold.
pub fn run(seed: u64, tally: &mut Tally) -> Found<(u64, u64)> {
    shown(seed, tally, None)
}

/// [`run`], and tells `show` what happened on the disk, in order.
pub fn shown(seed: u64, tally: &mut Tally, show: Option<&mut dyn FnMut(&str)>) -> Found<(u64, u64)> {
    let mut dice = Dice::new(seed);
    let disk = SimulatedDisk::seeded(dice.roll());
    if show.is_some() {
        disk.keep_steps();
    }
    let segment_bytes = [100, 1_500, 6_000, 40_000, 64 << 20][usize::try_from(dice.below(5)).unwrap()];
    let clock = JumpingClock::new(START_MICROS, dice.roll(), 4 << dice.below(8));
    let verify = dice.one_in(VERIFY_ONE_IN);
    let rig = Rig { root: PathBuf::from("/data/ledger"), segment_bytes, clock, verify };
    let (disk, model) = born(&rig, disk, &mut dice, tally)?;
    let mut run = Run { rig, dice, disk, model, tally, sent: 0, history: Vec::new() };
    let result = run.lives();
    if let Some(show) = show {
        run.disk.trace().iter().for_each(|step| show(&step.to_string()));
    }
    result.map(|()| run.disk.digest())
}

/// Plans what goes wrong in a life.
fn plan(disk: &SimulatedDisk, dice: &mut Dice) {
    if dice.one_in(2) {
        let fault = Fault::ALL[usize::try_from(dice.below(4)).unwrap()];
        // Every order of magnitude is as likely as another.
        let limit = 1 << dice.below(9);
        disk.plan(fault, dice.below(limit), 1 + dice.below(3));
    }
    if dice.one_in(2) {
        let limit = 1 << dice.below(10);
        disk.plan(Fault::Kill, dice.below(limit), 1);
    }
}

fn world(rig: &Rig, disk: &SimulatedDisk, dice: &mut Dice) -> World {
    World {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(rig.clock.clone()),
        entropy: Arc::new(SeededEntropy::new(dice.roll())),
    }
}

/// Creates a ledger. An accident on the way leaves nothing, or something that says so, or a ledger.
fn born(rig: &Rig, disk: SimulatedDisk, dice: &mut Dice, tally: &mut Tally) -> Found<(SimulatedDisk, Model)> {
    if dice.one_in(8) {
        plan(&disk, dice);
    }
    match create(&world(rig, &disk, dice), &rig.root, ORIGIN) {
        Ok(key) => return Ok((disk, Model::new(key))),
        Err(error) => ensure!(!disk.met().is_empty(), "a ledger could not be created: {error}"),
    }
    tally.one("creations cut off");
    let after = if dice.one_in(2) { disk.crash(dice.roll()) } else { disk.restart(dice.roll()) };
    let world_after = world(rig, &after, dice);
    match Ledger::open_stepped(&world_after, &rig.root, Options::default()) {
        Ok(ledger) => {
            let mut model = Model::new(ledger.reader().verifier_key().clone());
            model.observe(ledger.reader())?;
            ledger.close().map_err(|error| format!("a ledger whose creation was cut off does not close: {error}"))?;
            return Ok((after, model));
        }
        Err(LogError::RolledBack { .. }) => return Err("a creation that was cut off is called a rollback".to_owned()),
        Err(_) => {}
    }
    let disk = SimulatedDisk::seeded(dice.roll());
    let key = create(&world(rig, &disk, dice), &rig.root, ORIGIN).map_err(|error| error.to_string())?;
    Ok((disk, Model::new(key)))
}

/// Whether opening may fail that way when the disk fails.
fn blames_the_disk(error: &LogError) -> bool {
    matches!(error, LogError::Io { .. } | LogError::Refused(_) | LogError::BadTile { .. })
}

impl Run<'_> {
    fn lives(&mut self) -> Found<()> {
        for _ in 0..=self.dice.below(4) {
            self.live(true)?;
            self.disk.forget_faults();
            self.between()?;
        }
        // Without faults everything must be there, and go on.
        self.live(false)?;
        self.between()?;
        let ledger = self.open()?.ok_or("the last life has no faults")?;
        ledger.close().map_err(|error| format!("does not close: {error}"))?;
        if self.rig.verify {
            image::verified(&self.disk, &self.rig.root, &self.model)?;
            self.tally.one("closed ledgers verified");
        }
        self.disk = self.disk.crash(self.dice.roll());
        let reader = Reader::open(&self.world(), &self.rig.root).map_err(|e| format!("does not open to read: {e}"))?;
        self.model.observe(&reader)?;
        self.tally.add("entries", reader.size());
        self.tally.add("answered events", self.model.answered());
        if self.dice.one_in(ROT_ONE_IN) {
            rot::check(&self.disk, &self.rig, &mut self.model, &mut self.dice, self.tally)?;
        }
        Ok(())
    }

    fn world(&mut self) -> World {
        world(&self.rig, &self.disk, &mut self.dice)
    }

    /// What happens between two lives: nothing, the process goes, or the power goes.
    fn between(&mut self) -> Found<()> {
        for met in self.disk.met() {
            self.tally.one(format!("fault {:?} at {:?}", met.fault, met.operation));
        }
        let mut explicable = true;
        match self.dice.below(4) {
            0 if !self.disk.is_dead() => {}
            0 | 1 => {
                self.tally.one("processes killed");
                self.disk = self.disk.restart(self.dice.roll());
            }
            _ => {
                let (after, damage) = self.disk.crash_report(self.dice.roll());
                self.disk = after;
                explicable = damage.flipped + damage.misdirected == 0;
                self.tally.one("power cuts");
                self.tally.add("unsynced sectors lost", damage.lost);
                self.tally.add("unsynced sectors kept", damage.kept);
                self.tally.add("unsynced sectors with a flipped bit", damage.flipped);
                self.tally.add("unsynced sectors misdirected", damage.misdirected);
                self.tally.add("unsynced names lost", damage.names_lost);
                self.tally.add("unsynced names kept", damage.names_kept);
            }
        }
        // Whoever has not the writer's key cannot tell a flipped bit of a write on its way from one of an answered entry.
        if self.rig.verify && explicable {
            image::not_refuted(&self.disk, &self.rig.root, &self.model)?;
            self.tally.one("crashed ledgers not refuted");
        }
        Ok(())
    }

    /// Opens; `None` where a fault stood in the way.
    fn open(&mut self) -> Found<Option<Ledger>> {
        let met = self.disk.met().len();
        let options = Options { sealing: Sealing::default(), segment_bytes: self.rig.segment_bytes };
        let world = self.world();
        match Ledger::open_stepped(&world, &self.rig.root, options) {
            Ok(ledger) => {
                self.tally.one("opened");
                if ledger.recovered().torn.is_some() {
                    self.tally.one("torn tails moved aside");
                }
                Ok(Some(ledger))
            }
            Err(error) if self.disk.met().len() > met || self.disk.is_dead() => {
                ensure!(blames_the_disk(&error), "a fault of the disk is called: {error}");
                self.tally.one("not opened for a fault");
                Ok(None)
            }
            Err(error) => Err(format!("does not open: {error}")),
        }
    }

    /// What a look at the ledger says. Where a fault stood in the way it looks again: what a process before this one
    /// committed and never answered is known by looking only.
    fn look(&mut self, reader: &Reader) -> Found<()> {
        loop {
            let met = self.disk.met().len();
            let seen = self.model.observe(reader);
            if self.disk.is_dead() {
                return Ok(());
            }
            if self.disk.met().len() == met {
                return seen;
            }
        }
    }

    /// From opening to closing, or as far as it comes.
    fn live(&mut self, faults: bool) -> Found<()> {
        let while_opening = faults && self.dice.one_in(3);
        if while_opening {
            plan(&self.disk, &mut self.dice);
        }
        let Some(ledger) = self.open()? else { return Ok(()) };
        self.look(ledger.reader())?;
        if faults && !while_opening {
            plan(&self.disk, &mut self.dice);
        }
        let mut poisoned = ledger.poisoned().is_some();
        ensure!(!poisoned || !self.disk.met().is_empty(), "poisoned at once: {:?}", ledger.poisoned());
        for _ in 0..self.dice.below(10) {
            if self.disk.is_dead() {
                break;
            }
            match self.dice.below(16) {
                0..=9 => poisoned |= self.submit(&ledger, poisoned)?,
                10..=11 => {
                    let met = self.disk.met().len();
                    if let Err(error) = ledger.rest() {
                        ensure!(self.disk.met().len() > met || poisoned, "resting failed: {error}");
                        poisoned = true;
                    }
                }
                12 => self.beside(&ledger)?,
                13 => self.prove(&ledger)?,
                15 if self.dice.one_in(3) => poisoned |= self.rotate(&ledger, poisoned)?,
                14 => ensure!(
                    matches!(
                        Ledger::open_stepped(&self.world(), &self.rig.root, Options::default()),
                        Err(LogError::Locked { .. } | LogError::Io { .. })
                    ),
                    "two opened the same ledger to write"
                ),
                _ => {
                    let reader = ledger.reader().clone();
                    self.look(&reader)?;
                }
            }
        }
        if self.dice.one_in(4) {
            self.disk.kill();
        }
        let met = self.disk.met().len();
        let closed = ledger.close();
        let excused = poisoned || self.disk.met().len() > met || self.disk.is_dead();
        ensure!(excused || closed.is_ok(), "does not close: {closed:?}");
        if closed.is_ok() && self.dice.one_in(8) && !self.disk.is_dead() {
            self.rebuild()?;
        }
        Ok(())
    }

    /// A new key takes over; true where the log is poisoned now.
    fn rotate(&mut self, ledger: &Ledger, poisoned: bool) -> Found<bool> {
        let met = self.disk.met().len();
        match ledger.rotate_key() {
            Ok(key) => {
                ensure!(!poisoned, "a poisoned log changes its key");
                let ring = ledger.reader().ring();
                let (index, newest) = ring.newest();
                ensure!(*newest == key, "the newest key is {newest}, not {key}");
                self.model.rotated(index, key);
                self.tally.one("keys changed");
            }
            Err(error) => {
                let fault = self.disk.met().len() > met || self.disk.is_dead() || poisoned;
                ensure!(fault, "the key cannot be changed: {error}");
            }
        }
        Ok(ledger.poisoned().is_some())
    }

    fn rebuild(&mut self) -> Found<()> {
        let met = self.disk.met().len();
        let rebuilt = rebuild_tiles(&self.world(), &self.rig.root);
        ensure!(rebuilt.is_ok() || self.disk.met().len() > met, "tiles cannot be made anew: {rebuilt:?}");
        self.tally.one("tiles rebuilt");
        Ok(())
    }

    /// A second process reads while the first writes.
    fn beside(&mut self, ledger: &Ledger) -> Found<()> {
        let met = self.disk.met().len();
        let opened = Reader::open(&self.world(), &self.rig.root);
        if self.disk.met().len() > met || self.disk.is_dead() {
            return Ok(());
        }
        let reader = opened.map_err(|error| format!("does not open beside the writer: {error}"))?;
        let seen = self.compare(&reader, ledger);
        if self.disk.met().len() > met || self.disk.is_dead() {
            return Ok(());
        }
        self.tally.one("read beside the writer");
        seen
    }

    fn compare(&self, reader: &Reader, ledger: &Ledger) -> Found<()> {
        ensure!(reader.size() <= ledger.reader().size() || ledger.poisoned().is_some(), "reads more than is signed");
        for stored in reader.entries(0, u64::MAX) {
            let stored = stored.map_err(|error| format!("beside the writer: {error}"))?;
            let own = ledger.reader().stored(stored.index).map_err(|error| error.to_string());
            ensure!(
                own.as_ref() == Ok(&stored) || ledger.poisoned().is_some() || !self.disk.met().is_empty(),
                "beside the writer: {stored:?}, not {own:?}"
            );
        }
        Ok(())
    }

    fn prove(&mut self, ledger: &Ledger) -> Found<()> {
        let reader = ledger.reader();
        let (index, met) = (self.dice.below(reader.size()), self.disk.met().len());
        let proof = reader.prove(index);
        let stored = reader.stored(index);
        if self.disk.met().len() > met || self.disk.is_dead() {
            return Ok(());
        }
        let proof = proof.map_err(|error| format!("no proof of entry {index}: {error}"))?;
        let stored = stored.map_err(|error| format!("entry {index} cannot be read: {error}"))?;
        proof
            .verify(&stored.bytes, &self.model.keys())
            .map_err(|error| format!("the proof of entry {index} does not hold: {error}"))?;
        Ok(())
    }

    fn group(&mut self) -> Sent {
        let mut group = Vec::new();
        let count = if self.dice.one_in(600) { 300 } else { 1 + self.dice.below(5) };
        for _ in 0..count {
            let earlier = self.dice.below(self.history.len() as u64 + 1);
            let earlier = self.history.get(usize::try_from(earlier).unwrap()).filter(|_| count < 10).cloned();
            let next = match (self.dice.below(8), earlier) {
                (0 | 1, Some(earlier)) => earlier,
                (2, Some(earlier)) => contradicting(&earlier, &mut self.dice),
                _ => {
                    self.sent += 1;
                    let mut next = submission(&mut self.dice, self.sent);
                    if self.dice.one_in(64) {
                        self.quote(&mut next);
                    }
                    next
                }
            };
            self.model.send(&next);
            self.history.push(next.clone());
            group.push(next);
        }
        Sent { group, all_or_nothing: self.dice.one_in(2) }
    }

    /// A producer sends bytes of the log itself: a piece of a segment, with frames in it.
    fn quote(&mut self, submission: &mut Submission) {
        let files = self.disk.files();
        let mut segments =
            files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "seg"));
        let Some(bytes) = segments.next_back().and_then(|(path, _)| self.disk.bytes(path)) else { return };
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let start = usize::try_from(self.dice.below(used as u64)).unwrap();
        let piece = bytes[start..used].iter().take(3_000).copied().collect();
        submission.raw = Some((piece, "application/octet-stream".to_owned()));
        self.tally.one("events that hold frames");
    }

    /// Submits groups and commits them together; true where the log is poisoned now.
    fn submit(&mut self, ledger: &Ledger, poisoned: bool) -> Found<bool> {
        let replies = Replies::default();
        let met = self.disk.met().len();
        let mut sent = Vec::new();
        for at in 0..=usize::try_from(self.dice.below(3)).unwrap() {
            let group = self.group();
            let prepared: Result<Vec<_>, _> = group.group.iter().map(|s| ledger.prepare(s.clone())).collect();
            let prepared = prepared.map_err(|error| format!("cannot be prepared: {error}"))?;
            let replies = replies.clone();
            let reply = move |answer| replies.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
            let entry = Group { entries: prepared, all_or_nothing: group.all_or_nothing };
            let taken = ledger.submit(entry, reply);
            ensure!(taken.is_err() == poisoned, "a log that is poisoned: {poisoned} takes a group: {taken:?}");
            if taken.is_ok() {
                sent.push(group);
            }
        }
        let mut outcome = Ok(false);
        while !sent.is_empty() {
            outcome = ledger.step();
            if !matches!(outcome, Ok(true)) {
                break;
            }
        }
        let met: Vec<_> = self.disk.met().into_iter().skip(met).collect();
        let answers = std::mem::take(&mut *replies.lock().unwrap_or_else(PoisonError::into_inner));
        let lost = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "seg");
        let failed =
            met.iter().any(|met| matches!(met.operation, Operation::Write | Operation::Sync) && lost(&met.path));
        ensure!(!failed || outcome.is_err(), "a failed write or sync of a segment did not stop the log: {met:?}");
        ensure!(outcome.is_ok() || !met.is_empty(), "committing failed without a fault: {outcome:?}");
        ensure!(answers.len() == sent.len(), "{} answers to {} groups", answers.len(), sent.len());
        for (at, answer) in &answers {
            self.answered(ledger, &sent[*at], answer, outcome.is_err())?;
        }
        ensure!(outcome.is_err() == ledger.poisoned().is_some() || poisoned, "poisoned: {:?}", ledger.poisoned());
        if outcome.is_err() {
            self.tally.one("logs poisoned");
        }
        Ok(outcome.is_err())
    }

    fn answered(
        &mut self,
        ledger: &Ledger,
        sent: &Sent,
        answer: &Result<Answer, Refusal>,
        poisoned: bool,
    ) -> Found<()> {
        if poisoned && matches!(answer, Err(Refusal::Poisoned(_) | Refusal::Closed)) {
            self.tally.one("groups refused by a poisoned log");
            return Ok(());
        }
        self.tally.one(if answer.is_ok() { "groups answered" } else { "groups refused as conflicts" });
        let checked = self.model.answer(&sent.group, sent.all_or_nothing, answer, ledger.reader());
        // A proof may need the disk, which may be dead by now.
        if self.disk.is_dead() && answer.is_ok() { Ok(()) } else { checked }
    }
}
