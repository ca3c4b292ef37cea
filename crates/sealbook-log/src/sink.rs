//! The durable part of a commit: one write, one sync, and only then the signature and the answers.

use std::sync::Arc;

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::note::Note;
use sealbook_core::planted::{Bug, is};
use sealbook_core::segment::{Commit, Footer, Frame, Header, push_frame};
use sealbook_core::tile::{TILE_HEIGHT, TILE_WIDTH};
use sealbook_disk::replace_file;

use crate::batch::Batch;
use crate::error::LogError;
use crate::files::{OpenSegment, Segment};
use crate::keeper::{Jobs, Sealed, TileJob};
use crate::keys::{LogKey, install, signed_note};
use crate::lookup::Remembered;
use crate::queue::{Answer, Published};
use crate::reader::Shared;
use crate::segment_map::SegmentMap;

/// Commits between two writes of the checkpoint file while the log is busy.
const STORE_EVERY_COMMITS: u32 = 256;

/// Owns the segment that is written to: nobody else writes to the log.
pub(crate) struct Sink {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: LogKey,
    pub(crate) segment: OpenSegment,
    pub(crate) jobs: Jobs,
    /// Signature over the newest commit.
    pub(crate) signature: [u8; 64],
    /// Entries of the open segment.
    pub(crate) remembered: Vec<Remembered>,
    /// Commits since the checkpoint file was written.
    pub(crate) unstored: u32,
    /// Why nothing can be written any more.
    pub(crate) failed: Option<String>,
}

impl Sink {
    /// Makes a batch durable and answers it. An error poisons the log: the batch is refused, and so is every later one.
    pub(crate) fn commit(&mut self, batch: &mut Batch) -> Result<(), LogError> {
        if let Some(why) = &self.failed {
            batch.refuse(why);
            return Ok(());
        }
        let done = self.commit_sound(batch);
        if let Err(error) = &done {
            let why = error.to_string();
            batch.refuse(&why);
            self.failed = Some(why).filter(|_| !is(Bug::PoisonForgotten));
        }
        done
    }

    fn commit_sound(&mut self, batch: &mut Batch) -> Result<(), LogError> {
        if batch.has_entries() {
            // 1. Write the batch and make it durable with one sync. A crash before this leaves at most a torn tail that
            //    nobody was answered about; recovery moves it aside.
            if is(Bug::SignBeforeSync) {
                self.sign(batch)?;
                self.store_checkpoint()?;
            }
            if is(Bug::AnswerBeforeSync) {
                self.sign(batch)?;
                self.answer(batch);
            }
            self.write(batch)?;
            // 2. Only now sign and show it.
            self.sign(batch)?;
            self.take_over(batch)?;
        }
        // 3. Answer. A crash before an answer leaves entries that their producers will send again, and that are then
        //    answered as the same entries.
        self.answer(batch);
        // 4. What can be made anew at any time is made last.
        self.store_tiles(batch);
        if self.segment.is_full() {
            self.roll(batch)?;
        }
        self.unstored += u32::from(batch.has_entries());
        if self.unstored >= STORE_EVERY_COMMITS { self.store_checkpoint() } else { Ok(()) }
    }

    fn answer(&self, batch: &mut Batch) {
        let checkpoint = self.shared.read().published.clone();
        for (reply, outcome) in batch.answers.drain(..) {
            reply(outcome.map(|placed| Answer { placed, checkpoint: checkpoint.clone() }));
        }
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), LogError> {
        let mut commit = Commit {
            first: batch.first,
            size: batch.size,
            chain: batch.chain,
            root: batch.root,
            signature_before: if is(Bug::SignatureBeforeForgotten) { [0; 64] } else { self.signature },
            seal: [0; 32],
        };
        commit.seal = self.key.seal(&commit);
        let base = self.segment.end;
        let at = base + batch.frames.len() as u64;
        push_frame(&mut batch.frames, &Frame::Commit(commit));
        let path = self.shared.layout.segment(self.segment.number());
        self.segment.append(&batch.frames).map_err(LogError::io(path))?;
        self.remembered.append(&mut batch.known);
        let mut view = self.shared.write();
        if let Some(segment) = view.segments.last_mut() {
            for (index, offset) in &batch.marks {
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

    /// Signs the tree after a batch and shows the checkpoint. The key never signs a smaller tree than before, nor
    /// another one of the same size.
    pub(crate) fn sign(&mut self, batch: &Batch) -> Result<(), LogError> {
        let before = self.shared.read().published.clone();
        if batch.size < before.size || (batch.size == before.size && batch.root != before.root) {
            let detail = format!("would sign {} entries after {}", batch.size, before.size);
            return Err(LogError::BadCheckpoint { path: self.shared.layout.checkpoint(), detail });
        }
        let origin = self.shared.origin().to_owned();
        let checkpoint = Checkpoint { origin, size: batch.size, root: batch.root };
        self.signature = self.key.sign(&checkpoint);
        let note = signed_note(self.key.verifier(), &checkpoint, &self.signature);
        let published = Published { size: checkpoint.size, root: checkpoint.root, note };
        self.shared.write().published = Arc::new(published);
        Ok(())
    }

    /// Takes the signature over the newest commit from the checkpoint that is published, where the present key is not the
    /// one for it any more.
    pub(crate) fn resume_signature(&mut self, size: u64) -> Result<(), LogError> {
        let (key, published) = {
            let view = self.shared.read();
            (view.ring.at(size).clone(), view.published.clone())
        };
        let note = Note::parse(published.note.as_bytes()).ok().filter(|_| published.size == size);
        let signature = note.and_then(|note| note.signatures_by(&key).next().and_then(|bytes| bytes.try_into().ok()));
        let Some(signature) = signature else {
            let detail = format!("does not sign the change of key at {size} entries");
            return Err(LogError::BadCheckpoint { path: self.shared.layout.checkpoint(), detail });
        };
        self.signature = signature;
        Ok(())
    }

    /// After a batch that names a new key: the checkpoint by the old key is stored, then the new key is installed.
    pub(crate) fn take_over(&mut self, batch: &Batch) -> Result<(), LogError> {
        let Some(successor) = &batch.successor else { return Ok(()) };
        if !is(Bug::KeyChangedBeforeCheckpoint) {
            self.store_checkpoint()?;
        }
        self.key = LogKey::clone(successor);
        let mut view = self.shared.write();
        view.ring.push(batch.size.saturating_sub(1), self.key.verifier().clone());
        if let Some(segment) = view.segments.last_mut() {
            segment.keys.push((batch.size.saturating_sub(1), self.key.verifier().to_string()));
        }
        let ring = view.ring.clone();
        drop(view);
        install(&self.shared.world, &self.shared.layout, &self.key, &ring)
    }

    /// Puts the newest checkpoint into its file.
    pub(crate) fn store_checkpoint(&mut self) -> Result<(), LogError> {
        let published = self.shared.read().published.clone();
        let path = self.shared.layout.checkpoint();
        let stored = if is(Bug::CheckpointOverwritten) {
            overwrite(&self.shared, published.note.as_bytes())
        } else {
            replace_file(&*self.shared.world.disk, &path, published.note.as_bytes(), false)
        };
        self.unstored = 0;
        stored.map_err(LogError::io(path)).inspect_err(|error| self.failed = Some(error.to_string()))
    }

    fn store_tiles(&self, batch: &Batch) {
        let full = |level: u32, size: u64| size >> (TILE_HEIGHT * (level + 1));
        for level in (0u8..8).take_while(|level| full(u32::from(*level), batch.size) > 0) {
            for index in full(u32::from(level), batch.first)..full(u32::from(level), batch.size) {
                // One whose hashes are no longer in memory is made from the log when somebody asks for it.
                if let Some(bytes) = self.shared.read().nodes.tile(level, index, TILE_WIDTH) {
                    self.jobs.tile(TileJob { level, index, bytes });
                }
            }
        }
    }

    /// Seals the full segment, then begins the next with its last chain value.
    fn roll(&mut self, batch: &Batch) -> Result<(), LogError> {
        let number = self.segment.number();
        let Some(segment) = self.shared.read().segments.last().cloned() else { return Ok(()) };
        let entries = batch.size - segment.first;
        let footer = Footer { entries, size: batch.size, chain: batch.chain, root: batch.root };
        let mut frames = Vec::new();
        push_frame(&mut frames, &Frame::Footer(footer));
        let path = self.shared.layout.segment(number);
        // After this sync the segment is sealed; a crash before the next one exists is mended by recovery.
        self.segment.append_footer(&frames).map_err(LogError::io(path))?;
        let map = SegmentMap::of(&segment, &self.shared.read().nodes, batch.size);
        let remembered = std::mem::take(&mut self.remembered);
        self.begin_segment(&Header { number: number + 1, first: batch.size, prev: batch.chain })?;
        self.jobs.sealed(Sealed { number, footer, map, remembered });
        Ok(())
    }

    pub(crate) fn begin_segment(&mut self, header: &Header) -> Result<(), LogError> {
        self.segment.succeed(&self.shared.world, &self.shared.layout, header)?;
        let segment = Segment::new(header, self.segment.file().clone());
        self.shared.write().segments.push(segment);
        Ok(())
    }
}

/// What [`Bug::CheckpointOverwritten`] does.
fn overwrite(shared: &Shared, note: &[u8]) -> std::io::Result<()> {
    let file = shared.world.disk.open(&shared.layout.checkpoint(), true)?;
    file.set_length(0)?;
    file.write_at(note, 0)?;
    file.sync()
}
