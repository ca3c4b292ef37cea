//! `sealbook import`: files of a known source format become entries. Everything is read and mapped before anything is
//! committed, so that a bad file leaves nothing half done.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use anyhow::{Context as _, bail};
use sealbook_core::entry::Source;
use sealbook_disk::World;
use sealbook_index::{Index, State};
use sealbook_log::{Answer, Group, Ledger, Placed, Refusal, SELF_SOURCE, Sealing, Submission};
use sealbook_service::load_source;
use sealbook_sources::{DIGEST_FORMAT, DIGEST_VERSION, DigestFiles, Item, Library, Mapped, Unreadable};
use serde_json::json;

use crate::output::{self, Exit};
use crate::progress::Talk;

/// Bytes of one file, after decompression.
const FILE_BYTES_MAX: usize = 2 << 30;
/// Entries that are committed together.
const GROUP_ENTRIES: usize = 512;
/// Groups that are on their way at a time.
const GROUPS_WAITING: usize = 8;
/// Refusals that are printed one by one.
const REFUSALS_SHOWN: usize = 10;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealbook import L cloudtrail/ --from cloudtrail\n  \
    zcat audit.log.gz | sealbook import L - --from kubernetes\n  \
    sealbook import L door.ndjson --from door.toml\n  \
    sealbook import L digests/ logs/ keys.json --from cloudtrail-digest\n\n\
    Importing the same file again adds nothing: an event is known by its source and its id.")]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// Files or folders (read recursively, in the order of their names); `-` is standard input. `.gz` is read as is.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Source format, `auto` to guess by content, or a TOML file that describes a source. `cloudtrail-digest` verifies a
    /// chain of digest files, with their metadata, the public keys and the log files among the given paths.
    #[arg(long, default_value = "auto", value_name = "FORMAT")]
    from: String,
    /// Source id of the entries. Without it: the name of the format.
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Commit the rest although some elements cannot be mapped; these are counted and listed.
    #[arg(long)]
    skip_refused: bool,
    /// Print the counts as JSON.
    #[arg(long)]
    json: bool,
}

/// What is imported at a time.
struct Input<'l> {
    name: String,
    /// Name and version of its format.
    format: (String, u32),
    content: Content<'l>,
}

enum Content<'l> {
    /// One file, read and decompressed.
    Body(Vec<u8>, &'l dyn sealbook_sources::Source),
    /// A set of files that were verified together.
    Items(Vec<Item>),
}

impl Input<'_> {
    fn each(&self, out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        match &self.content {
            Content::Body(body, source) => source.read(body, out),
            Content::Items(items) => {
                items.iter().cloned().for_each(out);
                Ok(())
            }
        }
    }
}

/// The sources, and the name of the one that is asked for.
fn library(from: &str) -> anyhow::Result<(Library, String)> {
    if !from.ends_with(".toml") {
        return Ok((Library::default(), from.to_owned()));
    }
    let custom = load_source(Path::new(from))?;
    let name = sealbook_sources::Source::name(&custom).to_owned();
    Ok((Library::new(vec![custom]).map_err(anyhow::Error::msg)?, name))
}

#[derive(Default)]
struct Counts {
    committed: u64,
    duplicates: u64,
    conflicts: Vec<u64>,
    refused: u64,
    by_source: BTreeMap<String, u64>,
}

/// Imports.
///
/// # Errors
/// When a file cannot be read, is of no known format, or has an element that cannot be mapped; nothing is committed then.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    if args.source.as_deref() == Some(SELF_SOURCE) {
        bail!("the source id {SELF_SOURCE:?} is the ledger's own; choose another");
    }
    let (library, from) = library(&args.from)?;
    let files = list(&args.paths)?;
    let groups: Vec<&[PathBuf]> =
        if from == DIGEST_FORMAT { vec![files.as_slice()] } else { files.chunks(1).collect() };
    let mut counts = Counts::default();
    let bar = talk.bar(groups.len() as u64, "reading");
    for group in &groups {
        let input = read(group, &library, &from, talk)?;
        check(&input, args, &mut counts, talk)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let ledger = Ledger::open(&World::real(), &args.ledger, Sealing::default())?;
    let bar = talk.bar(groups.len() as u64, "committing");
    for group in &groups {
        let input = read(group, &library, &from, Talk::new(true))?;
        commit(&ledger, &input, args, &mut counts)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let reader = ledger.reader().clone();
    ledger.close()?;
    // What is derived follows; the log is committed whether or not it can.
    let followed = Index::open(&reader).and_then(|index| index.catch_up(&reader)).and_then(|_| {
        let state = State::open(&reader)?;
        state.catch_up(&reader)
    });
    if let Err(error) = followed {
        talk.say(format!("the index could not follow: {error}; `sealbook rebuild` makes it anew"));
    }
    let size = reader.size();
    report(args, &files, &counts, size, talk)
}

fn report(args: &Args, files: &[PathBuf], counts: &Counts, size: u64, talk: Talk) -> anyhow::Result<Exit> {
    if args.json {
        output::json(&json!({
            "files": files.len(), "committed": counts.committed, "duplicates": counts.duplicates,
            "conflicts": counts.conflicts, "refused": counts.refused, "by_source": counts.by_source, "size": size,
        }))?;
    } else {
        output::line(format!(
            "{} committed, {} already there, {} refused; the ledger holds {size} entries",
            counts.committed, counts.duplicates, counts.refused
        ))?;
    }
    if counts.conflicts.is_empty() {
        return Ok(Exit::Yes);
    }
    let shown: Vec<_> = counts.conflicts.iter().take(REFUSALS_SHOWN).map(u64::to_string).collect();
    let many = counts.conflicts.len();
    talk.say(format!(
        "{many} events were already there with other content (entries {}); they were not committed",
        shown.join(", ")
    ));
    Ok(Exit::CouldNotTell)
}

/// Every file below the given paths, in the order of their names.
fn list(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut below = Vec::new();
            for entry in std::fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
                below.push(entry.with_context(|| format!("cannot list {}", path.display()))?.path());
            }
            below.sort();
            files.extend(list(&below)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn read<'l>(group: &[PathBuf], library: &'l Library, format: &str, talk: Talk) -> anyhow::Result<Input<'l>> {
    if format == DIGEST_FORMAT {
        return digests(group);
    }
    let path = group.first().context("no file")?;
    let (name, body) = body(path)?;
    let known = || library.names().collect::<Vec<_>>().join(", ");
    let source = if format == "auto" {
        let Some(source) = library.detect(&body) else {
            bail!("{name}: of no format that Sealbook knows; say which with --from (known: {})", known());
        };
        talk.say(format!("{name}: {}", source.name()));
        source
    } else {
        library.by_name(format).with_context(|| {
            format!("no format is called {format:?}; known: auto, {DIGEST_FORMAT}, {}, or a .toml file", known())
        })?
    };
    Ok(Input { name, format: (source.name().to_owned(), source.version()), content: Content::Body(body, source) })
}

fn body(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = read_bytes(path).with_context(|| format!("cannot read {name}"))?;
    let body = sealbook_sources::decompress(&bytes, FILE_BYTES_MAX).with_context(|| name.clone())?.into_owned();
    Ok((name, body))
}

/// All files together: a digest is verified with what the others hold.
fn digests(files: &[PathBuf]) -> anyhow::Result<Input<'static>> {
    let mut set = DigestFiles::default();
    for file in files {
        let (name, body) = body(file)?;
        set.add(&name, &body);
    }
    if set.is_empty() {
        bail!("there is no CloudTrail digest among these {} files", files.len());
    }
    let name = format!("{} files", files.len());
    Ok(Input { name, format: (DIGEST_FORMAT.to_owned(), DIGEST_VERSION), content: Content::Items(set.verify()) })
}

/// Standard input can be read once only: it is kept for the second pass.
fn read_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    static STANDARD_INPUT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    if let Some(bytes) = STANDARD_INPUT.get() {
        return Ok(bytes.clone());
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(STANDARD_INPUT.get_or_init(|| bytes).clone())
}

/// Maps the whole file without committing anything.
fn check(input: &Input, args: &Args, counts: &mut Counts, talk: Talk) -> anyhow::Result<()> {
    let mut refused = Vec::new();
    let mut events = 0u64;
    let result = input.each(&mut |item| match item {
        Item::Event(_) => events += 1,
        Item::Refused { reason, .. } => refused.push(reason),
    });
    result.with_context(|| format!("{} is not of the format {}", input.name, input.format.0))?;
    counts.refused += refused.len() as u64;
    if let (Some(first), false) = (refused.first(), args.skip_refused) {
        bail!(
            "{}: {first} ({} of {} elements cannot be mapped; nothing was committed; --skip-refused commits the rest)",
            input.name,
            refused.len(),
            refused.len() as u64 + events
        );
    }
    for reason in refused.iter().take(REFUSALS_SHOWN) {
        talk.say(format!("{}: skipped: {reason}", input.name));
    }
    if let Some(more) = refused.len().checked_sub(REFUSALS_SHOWN).filter(|more| *more > 0) {
        talk.say(format!("{}: {more} further elements skipped", input.name));
    }
    Ok(())
}

fn commit(ledger: &Ledger, input: &Input, args: &Args, counts: &mut Counts) -> anyhow::Result<()> {
    let id = args.source.clone().unwrap_or_else(|| input.format.0.clone());
    let mut way = OnTheirWay::new(ledger);
    let mut failed = None;
    let result = input.each(&mut |item| {
        let Item::Event(mapped) = item else { return };
        if failed.is_none() {
            failed = way.add(submission(&id, &input.format, *mapped)).err();
        }
    });
    result.with_context(|| format!("{} changed while it was read", input.name))?;
    if let Some(error) = failed {
        return Err(error.context(input.name.clone()));
    }
    for answer in way.finish()? {
        for placed in answer.placed {
            match placed {
                Placed::Committed { .. } => {
                    counts.committed += 1;
                    *counts.by_source.entry(id.clone()).or_default() += 1;
                }
                Placed::Duplicate { .. } => counts.duplicates += 1,
                Placed::Conflict { index } => counts.conflicts.push(index),
            }
        }
    }
    Ok(())
}

fn submission(id: &str, format: &(String, u32), mapped: Mapped) -> Submission {
    let (format, version) = mapped.format.unwrap_or_else(|| format.clone());
    let source = Source { id: id.to_owned(), format, version: u64::from(version), sequence: mapped.sequence };
    Submission { source, event: mapped.event, raw: Some((mapped.raw, mapped.media_type.to_owned())) }
}

/// Groups that were handed to the writer and not yet answered.
struct OnTheirWay<'l> {
    ledger: &'l Ledger,
    group: Vec<sealbook_log::Prepared>,
    sender: mpsc::SyncSender<Result<Answer, Refusal>>,
    receiver: mpsc::Receiver<Result<Answer, Refusal>>,
    waiting: usize,
    answers: Vec<Answer>,
}

impl<'l> OnTheirWay<'l> {
    fn new(ledger: &'l Ledger) -> Self {
        let (sender, receiver) = mpsc::sync_channel(GROUPS_WAITING + 1);
        Self { ledger, group: Vec::new(), sender, receiver, waiting: 0, answers: Vec::new() }
    }

    fn add(&mut self, submission: Submission) -> anyhow::Result<()> {
        let id = submission.event.id.clone();
        self.group.push(self.ledger.prepare(submission).with_context(|| format!("event {id:?}"))?);
        if self.group.len() >= GROUP_ENTRIES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> anyhow::Result<()> {
        while self.waiting >= GROUPS_WAITING {
            self.receive()?;
        }
        let group = Group { entries: std::mem::take(&mut self.group), all_or_nothing: false };
        let sender = self.sender.clone();
        self.ledger.submit(group, move |answer| {
            // The channel has room for every group on its way; it is closed only when the import has already failed.
            let _ = sender.send(answer);
        })?;
        self.waiting += 1;
        Ok(())
    }

    fn receive(&mut self) -> anyhow::Result<()> {
        self.answers.push(self.receiver.recv().context("the writer stopped")??);
        self.waiting -= 1;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Vec<Answer>> {
        if !self.group.is_empty() {
            self.send()?;
        }
        while self.waiting > 0 {
            self.receive()?;
        }
        Ok(self.answers)
    }
}
