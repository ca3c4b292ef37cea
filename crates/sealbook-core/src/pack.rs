//! Evidence packs: the texts that bind one together, shared by the side that makes packs and the side that checks them.
//!
//! `docs/spec/pack.md` is the format. Everything here has exactly one spelling: what reads a text encodes it again and
//! compares.

pub mod archive;
mod text;

use crate::cbor::{DecodeError, Reader, Writer};
use crate::entry::{Opening, decode_openings, encode_openings};
use crate::hash::{TreeHash, hex, sha256};
use crate::note::{decode_base64, encode_base64};
use crate::tile::{TILE_WIDTH, Tile, TileKind};
use crate::time::Micros;
use text::{Cursor, Object, quoted};

/// Value of `format` in the manifest.
pub const FORMAT: &str = "sealbook-pack/1";
/// Value of `mode` of a pack that holds every entry of its range.
pub const MODE_PERIOD: &str = "period";
/// First line of `README.txt`.
pub const README_FIRST_LINE: &str = "Sealbook evidence pack\n";
/// Action of the entry that records an export.
pub const EXPORT_ACTION: &str = "pack.exported";
/// Most files of a pack: the zip format counts them in 16 bits.
pub const FILES_MAX: usize = 65_535;
/// Bytes of a manifest: [`FILES_MAX`] files with long names, and room.
pub const MANIFEST_BYTES_MAX: usize = 24 << 20;
/// Bytes of the name of a file.
pub const NAME_BYTES_MAX: usize = 255;

/// Names of the files that every pack has.
pub mod names {
    /// What this is, for people.
    pub const README: &str = "README.txt";
    /// The manifest.
    pub const MANIFEST: &str = "manifest.json";
    /// Signed note over the manifest.
    pub const MANIFEST_SIGNATURE: &str = "manifest.sig";
    /// Signed checkpoint that the entries lead to.
    pub const CHECKPOINT: &str = "checkpoint";
    /// Signed checkpoint from before the period.
    pub const CHECKPOINT_START: &str = "checkpoint.start";
    /// Hashes that lead from the entries to the checkpoints.
    pub const CONSISTENCY: &str = "consistency.json";
    /// The assessment.
    pub const RESULTS: &str = "results.json";
    /// The operator's policy as used.
    pub const POLICY: &str = "policy.toml";
}

/// A file that a manifest lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Name inside the pack.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// A framework as used, by the digests of its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFramework {
    /// Framework id.
    pub id: String,
    /// SHA-256 of the catalogue.
    pub catalogue: [u8; 32],
    /// SHA-256 of the mapping.
    pub mapping: [u8; 32],
}

/// What a pack says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Origin of the ledger.
    pub origin: String,
    /// Verifier key that signed, for comparison only: nobody may take the key from here.
    pub key: String,
    /// Start of the period that the tests looked at, inclusive.
    pub from: Micros,
    /// End of it, exclusive.
    pub to: Micros,
    /// Index of the first entry in the range of the pack.
    pub first: u64,
    /// One past the last.
    pub end: u64,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Root of the checkpoint.
    pub root: TreeHash,
    /// Size of the checkpoint from before the period, where there is one.
    pub start: Option<u64>,
    /// Index of the entry that records this export.
    pub export: Option<u64>,
    /// Paths of the sealed fields whose values are disclosed, sorted.
    pub disclosed: Vec<String>,
    /// SHA-256 of the policy as used.
    pub policy: [u8; 32],
    /// Frameworks as used.
    pub frameworks: Vec<ListedFramework>,
    /// Every file but the manifest and its signature, in the order of the archive.
    pub files: Vec<ListedFile>,
}

/// Hashes that lead from the entries of a pack to its checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consistency {
    /// Roots of the complete subtrees left of the first bundle, largest first.
    pub left: Vec<TreeHash>,
    /// Consistency proof from the tree that ends with the range to that of the checkpoint.
    pub end_to_size: Vec<TreeHash>,
    /// Consistency proof from the start checkpoint to the checkpoint.
    pub start_to_size: Vec<TreeHash>,
}

/// A pack whose every check passed: what re-running its tests reads.
pub trait VerifiedPack {
    /// What it says about itself.
    fn manifest(&self) -> &Manifest;

    /// A file of it, as the manifest lists it; `None` where it is not listed.
    ///
    /// # Errors
    /// A sentence for a person, when the file cannot be read or was changed since the checks.
    fn file(&self, name: &str) -> Result<Option<Vec<u8>>, String>;

    /// The bytes of every entry of the range, in order.
    ///
    /// # Errors
    /// As [`Self::file`]; nothing follows an error.
    fn entries(&self) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>> + '_>;
}

/// Why a text of a pack cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackError {
    /// Byte where it stops being what the format asks for.
    pub offset: usize,
    /// What is wrong.
    pub problem: String,
}

impl core::fmt::Display for PackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.problem)
    }
}

impl std::error::Error for PackError {}

impl PackError {
    fn new(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into() }
    }
}

impl Manifest {
    /// Index of the first entry in the pack: the start of the bundle that holds [`Self::first`].
    #[must_use]
    pub fn aligned(&self) -> u64 {
        self.first - self.first % TILE_WIDTH
    }

    /// The manifest's only spelling.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut object = Object::new();
        object.text("format", FORMAT).text("mode", MODE_PERIOD).text("origin", &self.origin).text("key", &self.key);
        object.text("from", &self.from.to_string()).text("to", &self.to.to_string());
        object.number("first", Some(self.first)).number("end", Some(self.end));
        object.number("size", Some(self.size)).text("root", &encode_base64(&self.root.0));
        object.number("start", self.start).number("export", self.export);
        object.lines("disclosed", self.disclosed.iter().map(|path| quoted(path)));
        object.text("policy", &hex(&self.policy));
        object.lines(
            "frameworks",
            self.frameworks.iter().map(|framework| {
                let (id, catalogue, mapping) =
                    (quoted(&framework.id), hex(&framework.catalogue), hex(&framework.mapping));
                format!("{{\"id\": {id}, \"catalogue\": \"{catalogue}\", \"mapping\": \"{mapping}\"}}")
            }),
        );
        object.lines(
            "files",
            self.files.iter().map(|file| {
                let (name, bytes, digest) = (quoted(&file.name), file.bytes, hex(&file.sha256));
                format!("{{\"name\": {name}, \"bytes\": {bytes}, \"sha256\": \"{digest}\"}}")
            }),
        );
        object.end()
    }

    /// Reads a manifest and checks that it does not contradict itself.
    ///
    /// # Errors
    /// Where and why the bytes are no manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(PackError::new(MANIFEST_BYTES_MAX, "longer than any manifest"));
        }
        let manifest = Self::read(bytes)?;
        let again = manifest.encode();
        if again.as_bytes() != bytes {
            let same = again.bytes().zip(bytes).take_while(|(a, b)| a == *b).count();
            return Err(PackError::new(same, "not the spelling that the format asks for"));
        }
        manifest.consistent()?;
        Ok(manifest)
    }

    fn read(bytes: &[u8]) -> Result<Self, PackError> {
        let mut c = Cursor::new(bytes)?;
        c.open()?;
        c.exactly("format", FORMAT)?;
        c.exactly("mode", MODE_PERIOD)?;
        let (origin, key) = (c.text("origin")?, c.text("key")?);
        let (from, to) = (c.time("from")?, c.time("to")?);
        let (first, end, size) = (c.number("first")?, c.number("end")?, c.number("size")?);
        let root = c.text("root")?;
        let root = decode_base64(&root).and_then(|root| root.try_into().ok()).map(TreeHash);
        let root = root.ok_or_else(|| c.error("the root is not 32 bytes in base64"))?;
        let (start, export) = (c.optional("start")?, c.optional("export")?);
        let disclosed = c.lines("disclosed", Cursor::string)?;
        let policy = c.digest("policy")?;
        let frameworks = c.lines("frameworks", |c| {
            c.literal("{\"id\": ")?;
            let id = c.string()?;
            c.literal(", \"catalogue\": ")?;
            let catalogue = c.hex()?;
            c.literal(", \"mapping\": ")?;
            let mapping = c.hex()?;
            c.literal("}")?;
            Ok(ListedFramework { id, catalogue, mapping })
        })?;
        let files = c.lines("files", |c| {
            c.literal("{\"name\": ")?;
            let name = c.string()?;
            c.literal(", \"bytes\": ")?;
            let bytes = c.digits()?;
            c.literal(", \"sha256\": ")?;
            let sha256 = c.hex()?;
            c.literal("}")?;
            Ok(ListedFile { name, bytes, sha256 })
        })?;
        c.close()?;
        let (first, end, size) = (first.unwrap_or(0), end.unwrap_or(0), size.unwrap_or(0));
        Ok(Self { origin, key, from, to, first, end, size, root, start, export, disclosed, policy, frameworks, files })
    }

    fn consistent(&self) -> Result<(), PackError> {
        let wrong = |problem: &str| Err(PackError::new(0, problem));
        if self.from > self.to {
            return wrong("the period ends before it begins");
        }
        if self.first >= self.end || self.end > self.size {
            return wrong("the range of entries is empty or runs past the checkpoint");
        }
        if self.end.div_ceil(TILE_WIDTH) - self.first / TILE_WIDTH > FILES_MAX as u64 {
            return wrong("the range of entries has more bundles than a pack can hold files");
        }
        if self.start.is_some_and(|start| start > self.size) {
            return wrong("the start checkpoint is larger than the checkpoint");
        }
        if self.export.is_some_and(|export| export < self.first || export >= self.end) {
            return wrong("the entry that records the export is not in the range");
        }
        if !self.disclosed.is_sorted_by(|a, b| a < b) {
            return wrong("the disclosed paths are not sorted, or one is there twice");
        }
        if self.files.len() > FILES_MAX - 2 {
            return wrong("more files than a pack can hold");
        }
        let mut files = self.files.iter();
        if files.next().is_none_or(|file| file.name != names::README) {
            return wrong("the first file is not README.txt");
        }
        let rest: Vec<_> = files.map(|file| file.name.as_str()).collect();
        if !rest.is_sorted_by(|a, b| a < b) {
            return wrong("the files are not sorted by name, or one is there twice");
        }
        if rest.iter().any(|name| [names::README, names::MANIFEST, names::MANIFEST_SIGNATURE].contains(name)) {
            return wrong("the manifest lists a file that it may not list");
        }
        match self.files.iter().find(|file| !name_is_valid(&file.name)) {
            Some(file) => wrong(&format!("{:?} is no name that a file of a pack may have", file.name)),
            None => Ok(()),
        }
    }

    /// The text that the ledger's key signs to let a pack out. It cannot be read as a checkpoint.
    #[must_use]
    pub fn signed_text(origin: &str, manifest: &[u8]) -> String {
        format!("Sealbook pack manifest v1\n{origin}\nsha256 {}\n", hex(&sha256(manifest)))
    }

    /// Entry bundles of the range, in order.
    pub fn bundles(&self) -> impl Iterator<Item = Tile> {
        let (aligned, end) = (self.aligned(), self.end);
        (aligned / TILE_WIDTH..end.div_ceil(TILE_WIDTH)).map(move |index| {
            let width = (end - index * TILE_WIDTH).min(TILE_WIDTH);
            Tile { kind: TileKind::Entries, index, width: u16::try_from(width).unwrap_or(256) }
        })
    }
}

/// Whether a file of a pack may be called so: ASCII letters, digits and `._-` in parts that are neither empty nor
/// begin with a dot, joined by `/`.
#[must_use]
pub fn name_is_valid(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').all(part)
}

/// Name of the file that holds the disclosed values of the entries of bundle `index`.
#[must_use]
pub fn sealed_name(index: u64) -> String {
    let path = Tile { kind: TileKind::Entries, index, width: 256 }.to_string();
    format!("sealed/{}.cbor", path.trim_start_matches("tile/entries/"))
}

/// Encodes disclosed values: an array of `[index, openings]`, in the order of the indexes.
#[must_use]
pub fn encode_sealed(sealed: &[(u64, Vec<Opening>)]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(sealed.len());
    for (index, openings) in sealed {
        w.array(2);
        w.uint(*index);
        w.bytes(&encode_openings(openings));
    }
    w.into_bytes()
}

/// Reads what [`encode_sealed`] wrote; another spelling or order is refused.
///
/// # Errors
/// Where and why the bytes are no such list.
pub fn decode_sealed(bytes: &[u8]) -> Result<Vec<(u64, Vec<Opening>)>, DecodeError> {
    let mut r = Reader::new(bytes);
    let mut sealed = Vec::new();
    for _ in 0..r.array()? {
        if r.array()? != 2 {
            return Err(r.error("expected index and values"));
        }
        sealed.push((r.uint()?, decode_openings(r.bytes()?)?));
    }
    r.end()?;
    if encode_sealed(&sealed) != bytes || !sealed.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(r.error("not in deterministic encoding, or not in order"));
    }
    Ok(sealed)
}

impl Consistency {
    /// Its only spelling.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut object = Object::new();
        for (name, hashes) in
            [("left", &self.left), ("end_to_size", &self.end_to_size), ("start_to_size", &self.start_to_size)]
        {
            object.lines(name, hashes.iter().map(|hash| quoted(&encode_base64(&hash.0))));
        }
        object.end()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where and why the bytes are not that.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        let mut c = Cursor::new(bytes)?;
        let hash = |c: &mut Cursor<'_>| {
            let hash = decode_base64(&c.string()?).and_then(|hash| hash.try_into().ok());
            hash.map(TreeHash).ok_or_else(|| c.error("not 32 bytes in base64"))
        };
        c.open()?;
        let read = Self {
            left: c.lines("left", hash)?,
            end_to_size: c.lines("end_to_size", hash)?,
            start_to_size: c.lines("start_to_size", hash)?,
        };
        c.close()?;
        if read.encode().as_bytes() == bytes {
            Ok(read)
        } else {
            Err(PackError::new(0, "not the spelling that the format asks for"))
        }
    }
}

#[cfg(test)]
mod tests;
