//! Commit: from waiting groups to signed answers, in the order in which it must happen.

use std::collections::HashMap;
use std::sync::Arc;

use sealbook_core::cbor::DecodeError;
use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::{Place, RAW_PATH};
use sealbook_core::hash::TreeHash;
use sealbook_core::segment::{Commit, Footer, Frame, Header, push_frame};
use sealbook_core::tile::TILE_HEIGHT;
use sealbook_core::time::Micros;
use sealbook_disk::replace_file;

use crate::acts::act;
use crate::error::{LogError, Refusal};
use crate::files::{OpenSegment, Segment};
use crate::keys::{LogKey, signed_note};
use crate::nodes::store_tile;
use crate::prepare::{Prepared, Sealing, content};
use crate::queue::{Answer, Group, Placed, Published, Waiting};
use crate::reader::{Reader, Shared};
use crate::state::State;

/// The clock may step back this far, in µs, before it is worth an entry.
const CLOCK_STEP_MICROS: i64 = 1_000_000;

/// Owns the log: nobody else writes to it.
pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: LogKey,
    pub(crate) state: State,
    pub(crate) segment: OpenSegment,
    /// Signature over the newest commit.
    pub(crate) signature: [u8; 64],
    pub(crate) clock_is_behind: bool,
}

/// A batch on its way: nothing of it is visible before it is durable.
#[derive(Default)]
struct Batch {
    frames: Vec<u8>,
    first: u64,
    /// Index of each entry and where its frame begins, within `frames`.
    entries: Vec<(u64, u64)>,
    nodes: Vec<(u32, TreeHash)>,
    contents: HashMap<u64, [u8; 32]>,
}

impl Committer {
    /// Commits what waits. An error poisons the log: the batch was not answered and nothing more can be.
    pub(crate) fn commit(&mut self, waiting: Vec<Waiting>) -> Result<(), LogError> {
        let mut batch = Batch { first: self.state.size(), ..Batch::default() };
        let now = self.time(&mut batch)?;

        // 1. Give every entry its index, time, link and place in its thread.
        let mut placed = Vec::with_capacity(waiting.len());
        for waiting in waiting {
            let outcome = self.place_group(&waiting.group, now, &mut batch)?;
            placed.push((waiting.reply, outcome));
        }

        // 2. Write the batch and make it durable with one sync. A crash before this leaves at most a torn tail that
        //    nobody was answered about; recovery moves it aside.
        if !batch.entries.is_empty()
            && let Err(error) = self.write(&mut batch)
        {
            for (reply, _) in placed {
                reply(Err(Refusal::Poisoned(error.to_string())));
            }
            return Err(error);
        }

        // 3. Only now sign, show and answer. A crash before an answer leaves entries that their producers will send
        //    again, and that are then answered as the same entries.
        let checkpoint = self.publish(&batch);
        for (reply, outcome) in placed {
            reply(outcome.map(|placed| Answer { placed, checkpoint: checkpoint.clone() }));
        }

        // 4. What can be made anew at any time is made last.
        self.store_tiles(&batch)?;
        if self.segment.is_full() {
            self.roll()?;
        }
        Ok(())
    }

    /// The ledger's time: the clock's, but never less than the entry before. That the clock stepped back is an entry.
    fn time(&mut self, batch: &mut Batch) -> Result<Micros, LogError> {
        let clock = Micros(self.shared.world.clock.now());
        let behind = self.state.time.0.saturating_sub(clock.0);
        if behind < CLOCK_STEP_MICROS {
            self.clock_is_behind = false;
        } else if !self.clock_is_behind {
            self.clock_is_behind = true;
            let labels = [("micros_behind", behind.to_string()), ("clock", clock.to_string())];
            let id = self.state.size().to_string();
            let step = act(self.shared.verifier.name(), "ledger.clock-stepped-back", &id, clock, &labels);
            let prepared = Prepared::new(step, &Sealing::default(), &*self.shared.world.entropy)
                .map_err(|error| LogError::Refused(Refusal::Poisoned(error.to_string())))?;
            self.place(&prepared, self.state.time, batch);
        }
        Ok(clock.max(self.state.time))
    }

    /// Places a group, or refuses it. An error means that the log cannot be read: then nothing can be promised.
    fn place_group(
        &mut self,
        group: &Group,
        now: Micros,
        batch: &mut Batch,
    ) -> Result<Result<Vec<Placed>, Refusal>, LogError> {
        if group.all_or_nothing
            && let Some(conflict) = self.conflict(group, batch)?
        {
            return Ok(Err(conflict));
        }
        group.entries.iter().map(|prepared| self.place_once(prepared, now, batch)).collect::<Result<_, _>>().map(Ok)
    }

    /// The first event of a group whose id is taken by another event.
    fn conflict(&self, group: &Group, batch: &Batch) -> Result<Option<Refusal>, LogError> {
        let mut own: HashMap<(&str, &str), [u8; 32]> = HashMap::new();
        for (position, prepared) in group.entries.iter().enumerate() {
            let (source, event) = (prepared.body.source().id.as_str(), prepared.body.event_id());
            let first = *own.entry((source, event)).or_insert(prepared.content);
            let earlier = self.state.seen(prepared.keys);
            let taken = match earlier {
                Some(index) => !self.is_same(prepared, index, batch)?,
                None => false,
            };
            if taken || first != prepared.content {
                let index = earlier.unwrap_or(self.state.size());
                let (source_id, event) = (source.to_owned(), event.to_owned());
                return Ok(Some(Refusal::Conflict { position, source_id, event, index }));
            }
        }
        Ok(None)
    }

    /// Places an entry unless its source already sent it.
    fn place_once(&mut self, prepared: &Prepared, now: Micros, batch: &mut Batch) -> Result<Placed, LogError> {
        Ok(match self.state.seen(prepared.keys) {
            Some(index) if self.is_same(prepared, index, batch)? => Placed::Duplicate { index },
            Some(index) => Placed::Conflict { index },
            None => self.place(prepared, now, batch),
        })
    }

    /// Whether entry `index` holds the same content. One whose original was erased counts as the same.
    fn is_same(&self, prepared: &Prepared, index: u64, batch: &Batch) -> Result<bool, LogError> {
        if let Some(staged) = batch.contents.get(&index) {
            return Ok(*staged == prepared.content);
        }
        let changed = |error: DecodeError| LogError::Damaged {
            path: self.shared.layout.log(),
            offset: 0,
            index,
            detail: format!("the entry has changed since the log was opened: {error}"),
        };
        let stored = Reader { shared: self.shared.clone() }.stored(index)?;
        let entry = stored.entry().map_err(changed)?;
        let openings = stored.openings().map_err(changed)?;
        let raw = openings.iter().find(|opening| opening.path == RAW_PATH);
        if entry.raw.is_some() != raw.is_some() {
            return Ok(true);
        }
        Ok(content(&entry.unsealed(&openings), raw.map(|raw| raw.value.as_slice())) == prepared.content)
    }

    fn place(&mut self, prepared: &Prepared, recorded_at: Micros, batch: &mut Batch) -> Placed {
        let body = &prepared.body;
        let index = self.state.size();
        let thread = self.state.thread(prepared.keys);
        let bytes = body.place(&Place { index, recorded_at, prev: self.state.chain, thread });
        batch.entries.push((index, batch.frames.len() as u64));
        push_frame(&mut batch.frames, &Frame::Entry(&bytes));
        if !prepared.openings.is_empty() {
            push_frame(&mut batch.frames, &Frame::Sealed(&prepared.openings));
        }
        batch.contents.insert(index, prepared.content);
        let leaf = self.state.apply(&bytes, recorded_at, prepared.keys, |level, hash| batch.nodes.push((level, hash)));
        Placed::Committed { index, recorded_at, chain: self.state.chain, leaf }
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), LogError> {
        let mut commit = Commit {
            first: batch.first,
            size: self.state.size(),
            chain: self.state.chain,
            root: self.state.frontier.root(),
            signature_before: self.signature,
            seal: [0; 32],
        };
        commit.seal = self.key.seal(&commit);
        let base = self.segment.end;
        let at = base + batch.frames.len() as u64;
        push_frame(&mut batch.frames, &Frame::Commit(commit));
        let path = self.shared.layout.segment(self.segment.number());
        self.segment.append(&batch.frames).map_err(LogError::io(path))?;
        let mut view = self.shared.write();
        if let Some(segment) = view.segments.last_mut() {
            for (index, offset) in &batch.entries {
                segment.mark_entry(*index, base + offset);
            }
            segment.mark_commit(commit.size, at);
            segment.end = self.segment.end;
        }
        for (level, hash) in &batch.nodes {
            view.nodes.push(*level, *hash);
        }
        Ok(())
    }

    /// Signs the tree and shows it. The key never signs a smaller tree than before, nor another one of the same size:
    /// both follow from the state, which only grows.
    fn publish(&mut self, batch: &Batch) -> Arc<Published> {
        if batch.entries.is_empty() {
            return self.shared.read().published.clone();
        }
        self.sign();
        self.shared.read().published.clone()
    }

    /// Signs the present state and shows the checkpoint.
    pub(crate) fn sign(&mut self) {
        let origin = self.shared.verifier.name().to_owned();
        let checkpoint = Checkpoint { origin, size: self.state.size(), root: self.state.frontier.root() };
        self.signature = self.key.sign(&checkpoint);
        let note = signed_note(&self.shared.verifier, &checkpoint, &self.signature);
        let published = Published { size: checkpoint.size, root: checkpoint.root, note };
        self.shared.write().published = Arc::new(published);
    }

    /// Puts the newest checkpoint into its file.
    pub(crate) fn store_checkpoint(&self) -> Result<(), LogError> {
        let published = self.shared.read().published.clone();
        let path = self.shared.layout.checkpoint();
        replace_file(&*self.shared.world.disk, &path, published.note.as_bytes(), false).map_err(LogError::io(path))
    }

    fn store_tiles(&self, batch: &Batch) -> Result<(), LogError> {
        let (first, size) = (batch.first, self.state.size());
        let full = |level: u32, size: u64| size >> (TILE_HEIGHT * (level + 1));
        for level in (0..8).take_while(|level| full(*level, size) > 0) {
            for index in full(level, first)..full(level, size) {
                store_tile(&self.shared.world, &self.shared.layout, &self.shared.read().nodes, level, index, false)?;
            }
        }
        Ok(())
    }

    /// Seals the full segment, then begins the next with its last chain value.
    pub(crate) fn roll(&mut self) -> Result<(), LogError> {
        let first = self.shared.read().segments.last().map_or(0, |segment| segment.first);
        let (size, chain, root) = (self.state.size(), self.state.chain, self.state.frontier.root());
        let mut frames = Vec::new();
        push_frame(&mut frames, &Frame::Footer(Footer { entries: size - first, size, chain, root }));
        let path = self.shared.layout.segment(self.segment.number());
        // After this sync the segment is sealed; a crash before the next one exists is mended by recovery.
        self.segment.append(&frames).and_then(|()| self.segment.cut()).map_err(LogError::io(path))?;
        self.begin_segment(self.segment.number() + 1)
    }

    pub(crate) fn begin_segment(&mut self, number: u64) -> Result<(), LogError> {
        let header = Header { number, first: self.state.size(), prev: self.state.chain };
        self.segment = OpenSegment::create(&self.shared.world, &self.shared.layout, &header, self.segment.bytes_max())?;
        let segment = Segment::new(&header, self.segment.file().clone());
        self.shared.write().segments.push(segment);
        Ok(())
    }
}
