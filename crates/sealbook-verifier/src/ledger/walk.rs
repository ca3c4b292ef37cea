//! The walk over all entries in order: links, tree, commits, and the signatures they carry.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealbook_core::hash::{ChainValue, TreeHash};
use sealbook_core::segment::{Commit, Footer, Header};
use sealbook_core::time::Micros;
use sealbook_core::tree::Frontier;

use super::aside::SignatureJob;
use super::examine::{Examined, Found, Located, OpeningsWrong, Stated};
use super::pieces::{ENTRY, SEALED};
use super::ring::{Ring, log_key};
use super::threads::Threads;
use super::tiles::TileBuilder;
use crate::failure::{Class, Failure};
use crate::report::Report;

/// Compares a tile with what is stored of it.
pub type TileCheck<'a> = dyn FnMut(&sealbook_core::tile::Tile, &[u8], &mut Report) + 'a;

/// What is known while going through the entries in order. `None` stands for what damage made unknown.
#[derive(Clone, Debug)]
pub struct Walk {
    /// What was found.
    pub report: Report,
    /// Index of the next entry.
    pub next: Option<u64>,
    /// Chain value of the last entry.
    pub chain: Option<ChainValue>,
    /// The tree so far.
    pub tree: Option<Frontier>,
    /// Size and root after the last commit, as it says them.
    pub last_commit: Option<(u64, TreeHash)>,
    /// Size and root after the commit before the last.
    pub commit_before: Option<(u64, TreeHash)>,
    /// Byte after the last commit in the segment at hand; its header's end where it has none.
    pub committed_to: u64,
    /// The segment before ended without its footer.
    pub unfinished: bool,
    /// Roots at the sizes that somebody asks for.
    pub roots: BTreeMap<u64, Option<TreeHash>>,
    /// The signing keys that the entries name.
    pub ring: Ring,
    /// Origin, for the texts of checkpoints.
    pub origin: Option<Arc<str>>,
    /// Signatures that were met and not yet checked.
    pub signatures: Vec<SignatureJob>,
    /// Footer of the segment at hand.
    pub footer: bool,
    /// The threads of all subjects.
    pub threads: Threads,
    tiles: TileBuilder,
    time: Option<Micros>,
    file: Arc<str>,
    in_segment: u64,
    batch_first: Option<u64>,
    commits: u64,
    /// Nothing says where commits end: a key that an entry names is taken to hold from the next entry on.
    without_commits: bool,
    /// Something is wrong since the last commit.
    batch_is_wrong: bool,
    settled: Settled,
}

/// Where the last batch ends that nothing is wrong with, and what was known there.
#[derive(Clone, Copy, Debug, Default)]
struct Settled {
    offset: u64,
    last_commit: Option<(u64, TreeHash)>,
    commit_before: Option<(u64, TreeHash)>,
    next: Option<u64>,
}

impl Walk {
    /// Before the first entry. `sizes` are those whose roots are to be kept.
    pub fn new(report: Report, sizes: impl IntoIterator<Item = u64>) -> Self {
        let mut roots: BTreeMap<_, _> = sizes.into_iter().map(|size| (size, None)).collect();
        if let Some(root) = roots.get_mut(&0) {
            *root = Some(Frontier::default().root());
        }
        Self {
            report,
            next: Some(0),
            chain: Some(ChainValue::default()),
            tree: Some(Frontier::default()),
            last_commit: None,
            commit_before: None,
            committed_to: 0,
            unfinished: false,
            roots,
            ring: Ring::default(),
            origin: None,
            signatures: Vec::new(),
            footer: false,
            threads: Threads::default(),
            tiles: TileBuilder::default(),
            time: None,
            file: Arc::default(),
            in_segment: 0,
            batch_first: Some(0),
            commits: 0,
            without_commits: false,
            batch_is_wrong: false,
            settled: Settled::default(),
        }
    }

    /// Begins in the middle and without commits, at entry `first`, right of `tree`; roots at `sizes` are to be kept.
    pub fn resume(&mut self, first: u64, tree: Frontier, sizes: impl IntoIterator<Item = u64>) {
        let root = tree.root();
        self.roots = sizes.into_iter().map(|size| (size, (size == first).then_some(root))).collect();
        self.next = Some(first);
        self.batch_first = Some(first);
        if first > 0 {
            self.chain = None;
        }
        self.threads.known_from = first;
        self.tree = Some(tree);
        self.without_commits = true;
    }

    /// Says in which file the next entries lie.
    pub fn file(&mut self, file: &str) {
        self.file = file.into();
    }

    fn fail(&mut self, class: Class, offset: u64, index: Option<u64>, detail: impl Into<String>) {
        self.batch_is_wrong = true;
        self.report.fail(Failure::new(class, detail).file(&*self.file).offset(offset).index(index));
    }

    /// Begins a segment; `header` is `None` where it cannot be read.
    pub fn begin_segment(&mut self, file: String, number: u64, header: Option<Header>) {
        self.file = file.into();
        self.in_segment = 0;
        self.footer = false;
        self.committed_to = sealbook_core::segment::HEADER_BYTES as u64;
        if core::mem::take(&mut self.unfinished) && header.is_some_and(|header| self.next < Some(header.first)) {
            self.lose_place();
        }
        self.batch_is_wrong = false;
        self.settle(self.committed_to);
        let Some(header) = header else {
            self.fail(Class::SegmentHeader, 0, self.next, "no head of a segment file that Sealbook writes");
            return;
        };
        if header.number != number {
            let detail = format!("the head says segment {}", header.number);
            self.fail(Class::SegmentHeader, 8, self.next, detail);
        }
        if self.next.is_some_and(|next| next != header.first) {
            let detail = format!("the head says that entry {} comes first", header.first);
            self.fail(Class::SegmentHeader, 16, self.next, detail);
        }
        if self.chain.is_some_and(|chain| chain != header.prev) {
            let detail = "the head names another chain value than that of the entry before";
            self.fail(Class::SegmentHeader, 24, self.next, detail);
        }
        if self.next.is_none() {
            self.next = Some(header.first);
            self.batch_first = Some(header.first);
        }
        self.chain = self.chain.or(Some(header.prev));
    }

    /// Forgets what cannot be known after damage, so that only what is wrong is reported.
    pub fn lose_place(&mut self) {
        self.next = None;
        self.chain = None;
        self.batch_first = None;
        self.last_commit = None;
        self.commit_before = None;
        self.lose_tree();
        self.ring.lose_place();
    }

    fn settle(&mut self, offset: u64) {
        let (last_commit, commit_before, next) = (self.last_commit, self.commit_before, self.next);
        self.settled = Settled { offset, last_commit, commit_before, next };
    }

    /// Where the last batch of the segment at hand ends that nothing is wrong with, and the entries up to there.
    pub fn settled(&self) -> (u64, u64) {
        (self.settled.offset, self.settled.last_commit.map_or(0, |(size, _)| size))
    }

    /// Goes back there, and takes back what was said of anything behind it: it never belonged to the log.
    pub fn settle_back(&mut self) {
        self.report.forget(&self.file, self.settled.offset);
        self.last_commit = self.settled.last_commit;
        self.commit_before = self.settled.commit_before;
        self.next = self.settled.next;
        self.batch_first = self.next;
        self.ring.go_back(self.settled().1);
    }

    fn lose_tree(&mut self) {
        self.tree = None;
        self.threads.gaps = true;
    }

    /// Takes the next frame.
    pub fn take(&mut self, located: &Located, after: u64, tiles: &mut TileCheck<'_>) {
        let offset = located.offset;
        if self.footer {
            self.fail(Class::SegmentFooter, offset, self.next, "a frame after the footer of the segment");
            self.footer = false;
        }
        match &located.found {
            Found::Entry(entry) => self.entry(entry, offset, tiles),
            Found::Undecodable(error) => {
                self.fail(Class::EntryEncoding, offset, self.next, format!("not an entry: {error}"));
                self.entry_lost();
            }
            Found::StraySealed => {
                let detail = "sealed values that do not follow an entry";
                self.fail(Class::FrameMalformed, offset, self.next, detail);
            }
            Found::Damaged(kind) => self.damaged(*kind, offset),
            Found::Commit(commit) => {
                self.commit(commit, offset);
                self.committed_to = after;
                if !core::mem::take(&mut self.batch_is_wrong) {
                    self.settle(after);
                }
            }
            Found::Footer(footer) => self.footer(footer, offset),
        }
    }

    fn damaged(&mut self, kind: u8, offset: u64) {
        let index = if kind == SEALED { self.next.and_then(|next| next.checked_sub(1)) } else { self.next };
        self.fail(Class::FrameChecksum, offset, index, "the checksum of the frame does not match its bytes");
        match kind {
            ENTRY => self.entry_lost(),
            SEALED => {}
            _ => {
                // A commit: what it said about the tree is known from the entries.
                let known = self.next.zip(self.tree.as_ref().map(Frontier::root));
                self.commit_before = self.last_commit;
                self.last_commit = known;
                self.batch_first = self.next;
                self.ring.commit(self.next.unwrap_or(u64::MAX));
            }
        }
    }

    fn entry_lost(&mut self) {
        self.next = self.next.map(|next| next.saturating_add(1));
        self.in_segment += 1;
        self.chain = None;
        self.lose_tree();
        self.ring.lose_place();
    }

    fn entry(&mut self, entry: &Examined, offset: u64, tiles: &mut TileCheck<'_>) {
        let index = Some(entry.index);
        self.place(entry, offset);
        if let Some((named, at)) = self.ring.another_entry() {
            let detail = "it names the next signing key, and other entries follow it in the same commit";
            self.fail(Class::KeyChange, at, Some(named), detail);
        }
        match &entry.statement {
            Some(stated) => self.statement(stated, entry.index, offset),
            None if entry.index == 0 => {
                self.fail(Class::Genesis, offset, index, "entry 0 names neither origin nor key")
            }
            None => {}
        }
        if let Err(wrong) = self.threads.follow(entry.index, entry.subject, entry.thread) {
            self.fail(Class::ThreadLink, offset, index, wrong);
        }
        match entry.openings_wrong.as_deref() {
            Some(OpeningsWrong::Encoding(why)) => {
                self.fail(Class::OpeningEncoding, offset, index, format!("the sealed values beside it: {why}"));
            }
            Some(OpeningsWrong::Commitment(path)) => {
                let detail = format!("the value beside it for {path:?} does not open a commitment of the entry");
                self.fail(Class::Commitment, offset, index, detail);
            }
            None => {}
        }
        self.report.checked.entries += 1;
        self.report.checked.disclosed += entry.opened;
        self.report.checked.withheld += entry.commitments.saturating_sub(entry.opened);
        self.in_segment += 1;
        if let Some(tree) = &mut self.tree {
            let (builder, report) = (&mut self.tiles, &mut self.report);
            let mut take = |level, index, hash| {
                if let Some((tile, bytes)) = builder.take(level, index, hash) {
                    tiles(&tile, &bytes, report);
                }
            };
            take(0, tree.size(), entry.leaf);
            tree.append(entry.leaf, take);
            if let Some(root) = self.roots.get_mut(&tree.size()) {
                *root = Some(tree.root());
            }
        }
        self.chain = Some(entry.chain);
        self.time = Some(entry.recorded_at);
        self.next = Some(entry.index.saturating_add(1));
    }

    /// Index, link and time against the entry before.
    fn place(&mut self, entry: &Examined, offset: u64) {
        let index = Some(entry.index);
        match self.next {
            Some(next) if next != entry.index => {
                self.fail(Class::IndexOrder, offset, Some(next), format!("here lies entry {}", entry.index));
                self.lose_tree();
            }
            Some(_) => {}
            None => self.batch_first = self.batch_first.or(index),
        }
        if self.chain.is_some_and(|chain| chain != entry.prev) {
            let detail = match entry.index.checked_sub(1) {
                Some(before) => {
                    format!("its link does not lead to entry {before}: that entry or this link was changed")
                }
                None => "the first entry links to one before it".to_owned(),
            };
            self.fail(Class::ChainLink, offset, index, detail);
        }
        if self.time.is_some_and(|time| time > entry.recorded_at) {
            let before = self.time.unwrap_or_default();
            let detail = format!("recorded at {}, the entry before at {before}", entry.recorded_at);
            self.fail(Class::TimeOrder, offset, index, detail);
        }
    }

    /// What an entry says of the ledger: origin and first key, or the next key.
    fn statement(&mut self, stated: &Stated, index: u64, offset: u64) {
        match (&stated.genesis, index) {
            (Some(genesis), 0) => {
                match log_key(&genesis.verifier_key, &genesis.origin) {
                    Ok(key) => self.ring.first(key),
                    Err(why) => self.fail(Class::Genesis, offset, Some(0), format!("the key that it names: {why}")),
                }
                self.origin = Some(genesis.origin.as_str().into());
            }
            (None, 0) => self.fail(Class::Genesis, offset, Some(0), "entry 0 names neither origin nor key"),
            (Some(_), index) => {
                self.fail(Class::Genesis, offset, Some(index), "only entry 0 may name origin and key");
            }
            (None, _) => {}
        }
        let Some(successor) = &stated.successor else { return };
        if !stated.is_own {
            let detail = "it names the next signing key and is not of the ledger's own source";
            return self.fail(Class::KeyChange, offset, Some(index), detail);
        }
        match log_key(successor, self.origin.as_deref().unwrap_or_default()) {
            Ok(key) => {
                self.ring.name(key, index, offset);
                if self.without_commits {
                    self.ring.commit(index.saturating_add(1));
                }
            }
            Err(why) => self.fail(Class::KeyChange, offset, Some(index), format!("the next signing key: {why}")),
        }
    }

    fn commit(&mut self, commit: &Commit, offset: u64) {
        let last = commit.size.checked_sub(1);
        if self.batch_first.is_some_and(|first| first != commit.first) {
            let detail = format!("the commit says that its batch begins with entry {}", commit.first);
            self.fail(Class::Commit, offset, self.batch_first, detail);
        }
        if self.next.is_some_and(|next| next != commit.size) || commit.first >= commit.size {
            let detail = format!("the commit says entries {} to {} and no others", commit.first, commit.size);
            self.fail(Class::Commit, offset, self.next, detail);
        }
        if self.chain.is_some_and(|chain| chain != commit.chain) {
            let detail = "the commit names another chain value than that of its last entry";
            self.fail(Class::ChainLink, offset, last, detail);
        }
        if let Some(tree) = &self.tree {
            let root = tree.root();
            self.report.checked.commits += 1;
            if root != commit.root {
                let detail = format!("the commit says root {}, the entries give {root}", commit.root);
                self.fail(Class::RootMismatch, offset, last, detail);
                self.lose_tree();
            }
        }
        self.signature(commit, offset);
        self.ring.commit(commit.size);
        self.commits += 1;
        self.commit_before = self.last_commit;
        self.last_commit = Some((commit.size, commit.root));
        self.batch_first = Some(commit.size);
        self.next = Some(commit.size);
        self.chain = Some(commit.chain);
    }

    /// The commit carries the signature over the checkpoint of the one before.
    fn signature(&mut self, commit: &Commit, offset: u64) {
        if commit.first == 0 {
            if commit.signature_before != [0; 64] {
                self.fail(Class::Signature, offset, Some(0), "the first commit carries a signature of nothing");
            }
        } else if let (Some((size, root)), Some(origin)) = (self.last_commit, &self.origin)
            && let Some(key) = self.ring.valid(size)
        {
            self.signatures.push(SignatureJob {
                origin: origin.clone(),
                size,
                root,
                key: key.clone(),
                signature: commit.signature_before,
                file: self.file.clone(),
                offset,
            });
        }
    }

    /// Says what is wrong with a signature that does not verify.
    pub fn refuse(&mut self, job: &SignatureJob) {
        match self.ring.judge(job) {
            Some((class, detail)) => {
                let failure = Failure::new(class, detail).file(&*job.file).offset(job.offset);
                self.report.fail(failure.index(job.size.checked_sub(1)));
            }
            None if self.ring.is_empty() => self.report.checked.signatures += 1,
            None => self.report.note(format!(
                "{}: whether the signature at byte {} is right cannot be told: entries that may name its key are lost",
                job.file, job.offset
            )),
        }
    }

    fn footer(&mut self, footer: &Footer, offset: u64) {
        self.footer = true;
        let known = self.next.is_some();
        let wrong = [
            (known && footer.entries != self.in_segment, "number of entries"),
            (self.next.is_some_and(|next| next != footer.size), "size"),
            (self.chain.is_some_and(|chain| chain != footer.chain), "chain value"),
            (self.last_commit.is_some_and(|(size, root)| size == footer.size && root != footer.root), "root"),
        ];
        for (_, what) in wrong.into_iter().filter(|(wrong, _)| *wrong) {
            let detail = format!("the footer says another {what} than the entries before it");
            self.fail(Class::SegmentFooter, offset, footer.size.checked_sub(1), detail);
        }
        if self.next.is_some() && self.batch_first != self.next {
            self.fail(Class::SegmentFooter, offset, self.next, "the footer comes before the end of a batch");
        }
    }

    /// Commits met.
    pub fn commits(&self) -> u64 {
        self.commits
    }
}
