//! Makes an evidence pack from a log.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;

use sealbook_controls::outcome::Assessment;
use sealbook_core::entry::Opening;
use sealbook_core::hash::{TreeHash, sha256};
use sealbook_core::note::encode_base64;
use sealbook_core::pack::archive::Assembly;
use sealbook_core::pack::{
    Consistency, EXPORT_ACTION, ListedFile, ListedFramework, Manifest, encode_sealed, names, sealed_name,
};
use sealbook_core::tile::{TILE_WIDTH, Tile, TileKind, split_bundle};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, Nodes as _, consistency_proof, leaf_hash};
use sealbook_log::{LogError, LogKey, Published, Reader, Submission, act};

use crate::assess::{MakeError, Plan, consistent, position, ranges, start_checkpoint};
use crate::produce::{Inputs, Products, Source, Words, produce, products};

/// A pack to be made.
pub struct PackRequest<'a> {
    /// The ledger.
    pub reader: &'a Reader,
    /// The signed state to make it at; every entry under it must have been verified.
    pub checkpoint: &'a Published,
    /// Signs the manifest.
    pub key: &'a LogKey,
    /// Catalogue, policy, frameworks and period.
    pub plan: Plan<'a>,
    /// First entry of the range; 0 for the whole ledger, which is what tests that look back need.
    pub first: u64,
    /// Paths of sealed fields whose values are disclosed.
    pub disclose: &'a [String],
    /// Index of the entry that records this export.
    pub export: Option<u64>,
    /// What the maker says.
    pub words: Words,
}

/// What was made.
pub struct Made {
    /// The manifest.
    pub manifest: Manifest,
    /// The results.
    pub assessment: Assessment,
    /// The report as PDF, as it is in the pack.
    pub pdf: Vec<u8>,
    /// Bytes of the pack.
    pub bytes: u64,
}

/// The event that records an export: to be committed before the pack is made. `id` makes it unique.
#[must_use]
pub fn export_act(origin: &str, id: &str, at: Micros, frameworks: &[String], disclose: &[String]) -> Submission {
    let labels = [("frameworks", frameworks.join(" ")), ("disclosed", disclose.join(" "))];
    let labels: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    act(origin, EXPORT_ACTION, id, at, &labels)
}

/// Makes a pack and writes it to `out`. The same log, state and request give the same bytes.
///
/// # Errors
/// What could not be read or computed; a range that is too large for the format; a log that was changed meanwhile.
pub fn make(request: &PackRequest<'_>, out: &mut dyn Write) -> Result<Made, MakeError> {
    let (reader, checkpoint) = (request.reader, request.checkpoint);
    if request.first >= checkpoint.size {
        let problem =
            format!("entry {} is not under the signed checkpoint of {} entries", request.first, checkpoint.size);
        return Err(MakeError::Pack(problem));
    }
    let mut disclosed = request.disclose.to_vec();
    disclosed.sort();
    disclosed.dedup();
    let start = RefCell::new(None);
    let inputs = Inputs {
        plan: request.plan,
        position: position(reader, checkpoint),
        checkpoint: checkpoint.note.clone(),
        key: reader.verifier_key().to_string(),
        first: request.first,
        disclosed: &disclosed,
        words: request.words.clone(),
    };
    let log = Log { reader, first: request.first, end: checkpoint.size };
    let Products { assessment, mut files } = produce(&log, inputs, |first_index| {
        let older = start_checkpoint(reader, checkpoint, first_index)?;
        let consistent = consistent(reader, checkpoint, older.as_ref())?;
        start.replace(older);
        Ok(ranges(request.first, checkpoint.size, consistent))
    })?;
    let pdf = files.get(products::PDF).cloned().unwrap_or_default();
    let start = start.into_inner();
    let mut manifest = manifest(request, &assessment, disclosed, start.as_ref())?;
    files.insert(names::CHECKPOINT.to_owned(), checkpoint.note.clone().into_bytes());
    if let Some(start) = &start {
        files.insert(names::CHECKPOINT_START.to_owned(), start.note.clone().into_bytes());
    }
    files.insert(names::CONSISTENCY.to_owned(), consistency(reader, &manifest, checkpoint)?.encode().into_bytes());
    let mut contents: BTreeMap<String, Content> =
        files.into_iter().map(|(name, bytes)| (name, Content::Bytes(bytes))).collect();
    let bundles = Bundles { reader, manifest: &manifest };
    bundles.add(&mut contents)?;
    let readme = contents.remove_entry(names::README).ok_or_else(|| MakeError::Pack("no README".to_owned()))?;
    let ordered: Vec<_> = [readme].into_iter().chain(contents).collect();
    let mut listed = Vec::with_capacity(ordered.len());
    for (name, content) in &ordered {
        let bytes = bundles.bytes(content)?;
        listed.push(ListedFile { name: name.clone(), bytes: bytes.len() as u64, sha256: sha256(&bytes) });
    }
    manifest.files = listed;
    let text = manifest.encode();
    Manifest::parse(text.as_bytes()).map_err(|error| MakeError::Pack(error.to_string()))?;
    let signature = request.key.sign_note(&Manifest::signed_text(reader.origin(), text.as_bytes()));
    let bundles = Bundles { reader, manifest: &manifest };
    let bytes = write(&bundles, &ordered, text.as_bytes(), signature.as_bytes(), out)?;
    Ok(Made { manifest, assessment, pdf, bytes })
}

fn read(error: LogError) -> MakeError {
    MakeError::Read(error.to_string())
}

/// A range of a log.
struct Log<'a> {
    reader: &'a Reader,
    first: u64,
    end: u64,
}

impl Source for Log<'_> {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>> + '_> {
        let entries = self.reader.entries(self.first, self.end);
        Box::new(entries.map(|stored| stored.map(|stored| stored.bytes).map_err(|error| error.to_string())))
    }
}

fn manifest(
    request: &PackRequest<'_>,
    assessment: &Assessment,
    disclosed: Vec<String>,
    start: Option<&Published>,
) -> Result<Manifest, MakeError> {
    let digest = |text: &str| {
        let bytes: Option<Vec<u8>> =
            (0..32).map(|at| text.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| MakeError::Pack(format!("{text:?} is no SHA-256")))
    };
    let frameworks = assessment.frameworks.iter().map(|framework| {
        let (catalogue, mapping) = (digest(&framework.catalogue_sha256)?, digest(&framework.mapping_sha256)?);
        Ok(ListedFramework { id: framework.id.clone(), catalogue, mapping })
    });
    let frameworks = frameworks.collect::<Result<_, MakeError>>()?;
    Ok(Manifest {
        origin: request.reader.origin().to_owned(),
        key: request.reader.verifier_key().to_string(),
        from: Micros(assessment.from),
        to: Micros(assessment.to),
        first: request.first,
        end: request.checkpoint.size,
        size: request.checkpoint.size,
        root: request.checkpoint.root,
        start: start.map(|start| start.size),
        export: request.export,
        disclosed,
        policy: digest(&assessment.policy_sha256)?,
        frameworks,
        files: Vec::new(),
    })
}

fn consistency(reader: &Reader, manifest: &Manifest, checkpoint: &Published) -> Result<Consistency, MakeError> {
    let start = manifest.start.unwrap_or(0);
    Ok(Consistency {
        left: left(reader, manifest.aligned())?,
        end_to_size: consistency_proof(reader, manifest.end, checkpoint.size).map_err(read)?,
        start_to_size: consistency_proof(reader, start, checkpoint.size).map_err(read)?,
    })
}

/// The roots of the complete subtrees of the first `size` leaves, largest first.
fn left(reader: &Reader, size: u64) -> Result<Vec<TreeHash>, MakeError> {
    let mut hashes = Vec::new();
    let mut from = 0;
    for level in (0..u64::BITS).rev().filter(|level| (size >> level) & 1 == 1) {
        hashes.push(reader.node(level, from >> level).map_err(read)?);
        from += 1 << level;
    }
    Ok(hashes)
}

/// Content of a file of the pack: at hand, or read from the log when it is needed.
enum Content {
    Bytes(Vec<u8>),
    Tile(Tile),
    Sealed(u64),
}

/// Entries of the range as tiles, and the disclosed values beside them.
struct Bundles<'a> {
    reader: &'a Reader,
    manifest: &'a Manifest,
}

impl Bundles<'_> {
    /// Adds bundles, hash tiles and disclosed values, and checks that the bundles lead to the checkpoint.
    fn add(&self, contents: &mut BTreeMap<String, Content>) -> Result<(), MakeError> {
        let aligned = self.manifest.aligned();
        let tree = Frontier::from_peaks(aligned, left(self.reader, aligned)?);
        let mut tree = tree.ok_or_else(|| MakeError::Pack("the tree left of the range is not known".to_owned()))?;
        for bundle in self.manifest.bundles() {
            let content = Content::Tile(bundle);
            let bytes = self.bytes(&content)?;
            for entry in split_bundle(&bytes).unwrap_or_default() {
                tree.append(leaf_hash(entry), |_, _, _| {});
            }
            drop(bytes);
            contents.insert(bundle.to_string(), content);
            if u64::from(bundle.width) == TILE_WIDTH {
                let hashes = Tile { kind: TileKind::Hashes(0), ..bundle };
                contents.insert(hashes.to_string(), Content::Tile(hashes));
            }
            if !self.openings(bundle.index)?.is_empty() {
                contents.insert(sealed_name(bundle.index), Content::Sealed(bundle.index));
            }
        }
        if tree.root() != self.manifest.root {
            let root = encode_base64(&tree.root().0);
            return Err(MakeError::Pack(format!("the entries give root {root}, which is not the signed one")));
        }
        Ok(())
    }

    /// Disclosed values of the entries of a bundle.
    fn openings(&self, bundle: u64) -> Result<Vec<(u64, Vec<Opening>)>, MakeError> {
        let mut found = Vec::new();
        if self.manifest.disclosed.is_empty() {
            return Ok(found);
        }
        let (start, end) = ((bundle * TILE_WIDTH).max(self.manifest.first), (bundle + 1) * TILE_WIDTH);
        for stored in self.reader.entries(start, end.min(self.manifest.end)) {
            let stored = stored.map_err(read)?;
            let openings = stored.openings().map_err(|error| MakeError::Read(error.to_string()))?;
            let open: Vec<_> =
                openings.into_iter().filter(|opening| self.manifest.disclosed.contains(&opening.path)).collect();
            if !open.is_empty() {
                found.push((stored.index, open));
            }
        }
        Ok(found)
    }

    fn bytes<'b>(&self, content: &'b Content) -> Result<std::borrow::Cow<'b, [u8]>, MakeError> {
        Ok(match content {
            Content::Bytes(bytes) => bytes.as_slice().into(),
            Content::Sealed(bundle) => encode_sealed(&self.openings(*bundle)?).into(),
            Content::Tile(tile) => {
                let bytes = self.reader.tile(tile).map_err(read)?;
                bytes.ok_or_else(|| MakeError::Read(format!("the log has no {tile}")))?.into()
            }
        })
    }
}

/// Writes the archive and gives its length.
fn write(
    bundles: &Bundles<'_>,
    ordered: &[(String, Content)],
    manifest: &[u8],
    signature: &[u8],
    out: &mut dyn Write,
) -> Result<u64, MakeError> {
    let too_large = || MakeError::Pack("more than 65,535 files or 4 GiB: choose a later first entry".to_owned());
    let mut assembly = Assembly::default();
    let mut written = 0;
    let mut put = |name: &str, bytes: &[u8]| {
        let header = assembly.add(name, bytes).ok_or_else(too_large)?;
        out.write_all(&header)?;
        out.write_all(bytes)?;
        written += (header.len() + bytes.len()) as u64;
        Ok::<_, MakeError>(())
    };
    for (at, ((name, content), listed)) in ordered.iter().zip(&bundles.manifest.files).enumerate() {
        let bytes = bundles.bytes(content)?;
        if sha256(&bytes) != listed.sha256 {
            return Err(MakeError::Pack(format!("{name} changed while the pack was made")));
        }
        put(name, &bytes)?;
        if at == 0 {
            put(names::MANIFEST, manifest)?;
            put(names::MANIFEST_SIGNATURE, signature)?;
        }
    }
    let end = assembly.finish().ok_or_else(too_large)?;
    out.write_all(&end)?;
    out.flush()?;
    Ok(written + end.len() as u64)
}
