//! Runs the tests of a verified pack again and compares every figure.

use sealbook_controls::Position;
use sealbook_controls::outcome::Assessment;
use sealbook_core::note::encode_base64;
use sealbook_core::pack::{VerifiedPack, names};
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_reports::ReportContext;
use serde_json::Value;

use crate::assess::{MakeError, Plan, ranges};
use crate::produce::{Inputs, Products, Source, Words, catalogue_path, produce, products};

/// Differences that are listed; further ones are counted.
pub const DIFFERENCES_MAX: usize = 100;

/// Something that a re-run gives otherwise than the pack says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// File of the pack.
    pub file: String,
    /// Where in it: a JSON pointer (RFC 6901), or a byte.
    pub place: String,
    /// What the pack says.
    pub said: String,
    /// What the re-run gives.
    pub found: String,
}

impl core::fmt::Display for Difference {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at {}: the pack says {}, the re-run gives {}", self.file, self.place, self.said, self.found)
    }
}

/// What a re-run gave.
#[derive(Debug)]
pub struct Reperformed {
    /// The results of the re-run.
    pub assessment: Assessment,
    /// Differences, at most [`DIFFERENCES_MAX`]. None means that every figure and every file was found again.
    pub differences: Vec<Difference>,
    /// Differences that are counted but not listed.
    pub differences_more: u64,
    /// Files that were made again and compared.
    pub files: u64,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// Builds a fresh projection from the entries of a verified pack, runs its SQL with its policy over its period, and
/// compares the results field by field and every other product byte by byte. `product` is the name and version of the
/// software at hand: products of another version need not have the same bytes.
///
/// # Errors
/// When the pack cannot be read, or its catalogue, policy or results cannot be understood.
pub fn reperform(pack: &dyn VerifiedPack, product: &str) -> Result<Reperformed, MakeError> {
    let manifest = pack.manifest();
    let said: Assessment = parse(pack, names::RESULTS)?;
    let context: ReportContext = parse(pack, products::CONTEXT)?;
    let catalogue = catalogue(pack)?;
    let policy = policy(pack, &said)?;
    let frameworks: Vec<String> = manifest.frameworks.iter().map(|framework| framework.id.clone()).collect();
    let plan = Plan {
        catalogue: &catalogue,
        policy: &policy,
        frameworks: &frameworks,
        from: Some(manifest.from.0),
        to: Some(manifest.to.0),
    };
    let inputs = Inputs {
        plan,
        position: Position {
            origin: manifest.origin.clone(),
            size: manifest.size,
            root: encode_base64(&manifest.root.0),
        },
        checkpoint: text(pack, names::CHECKPOINT)?,
        key: manifest.key.clone(),
        first: manifest.first,
        disclosed: &manifest.disclosed,
        words: Words {
            number: context.number.clone(),
            title: context.title.clone(),
            classification: context.classification.clone(),
            product: context.product.clone(),
            pack_file: context.pack_file.clone(),
            verification: context.verification.clone(),
        },
    };
    let start = manifest.start.map(|size| (size, Ok(())));
    let Products { assessment, files } =
        produce(&Entries(pack), inputs, |_| Ok(ranges(manifest.first, manifest.end, start)))?;
    let mut compared = Reperformed { assessment, differences: vec![], differences_more: 0, files: 0, notes: vec![] };
    let same_product = context.product == product;
    for (name, made) in &files {
        let Some(stored) = pack.file(name).map_err(MakeError::Read)? else {
            compared.differ(name, "", "nothing", "this file");
            continue;
        };
        compared.files += 1;
        let figures = [names::RESULTS, products::CONTEXT].contains(&name.as_str());
        if stored == *made {
        } else if figures && let (Ok(said), Ok(found)) = (serde_json::from_slice(&stored), serde_json::from_slice(made))
        {
            compared.compare(name, "", &said, &found);
        } else if same_product {
            let at = stored.iter().zip(made).take_while(|(a, b)| a == b).count();
            compared.differ(name, &format!("byte {at}"), "other bytes", "its own");
        } else {
            let note = format!("{name} has other bytes: it was made by {}, this is {product}", context.product);
            compared.notes.push(note);
        }
    }
    Ok(compared)
}

/// The entries of a pack.
struct Entries<'a>(&'a dyn VerifiedPack);

impl Source for Entries<'_> {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>> + '_> {
        self.0.entries()
    }
}

fn file(pack: &dyn VerifiedPack, name: &str) -> Result<Vec<u8>, MakeError> {
    let found = pack.file(name).map_err(MakeError::Read)?;
    found.ok_or_else(|| MakeError::Read(format!("{name} is not in the pack")))
}

fn text(pack: &dyn VerifiedPack, name: &str) -> Result<String, MakeError> {
    String::from_utf8(file(pack, name)?).map_err(|_| MakeError::Read(format!("{name} is not UTF-8")))
}

fn parse<T: serde::de::DeserializeOwned>(pack: &dyn VerifiedPack, name: &str) -> Result<T, MakeError> {
    serde_json::from_slice(&file(pack, name)?).map_err(|error| MakeError::Read(format!("{name}: {error}")))
}

fn catalogue(pack: &dyn VerifiedPack) -> Result<Catalogue, MakeError> {
    let mut files = Vec::new();
    for listed in &pack.manifest().files {
        if let Some(path) = catalogue_path(&listed.name) {
            files.push((path.to_owned(), file(pack, &listed.name)?));
        }
    }
    Catalogue::from_files(files).map_err(|error| MakeError::Read(error.to_string()))
}

/// The policy of the pack. Whether it is the built-in one is what the pack says, where the text is that.
fn policy(pack: &dyn VerifiedPack, said: &Assessment) -> Result<Policy, MakeError> {
    let cannot = |error: sealbook_frameworks::LoadError| MakeError::Read(error.to_string());
    let text = text(pack, names::POLICY)?;
    if said.policy_is_default {
        let built_in = Policy::default_documented().map_err(cannot)?;
        if built_in.text() == text {
            return Ok(built_in);
        }
    }
    Policy::parse(names::POLICY, &text).map_err(cannot)
}

impl Reperformed {
    fn differ(&mut self, file: &str, place: &str, said: &str, found: &str) {
        if self.differences.len() >= DIFFERENCES_MAX {
            self.differences_more += 1;
            return;
        }
        let owned = str::to_owned;
        self.differences.push(Difference {
            file: owned(file),
            place: owned(place),
            said: owned(said),
            found: owned(found),
        });
    }

    /// Compares two JSON values down to the fields that differ.
    fn compare(&mut self, file: &str, place: &str, said: &Value, found: &Value) {
        match (said, found) {
            (Value::Object(said), Value::Object(found)) => {
                let keys: std::collections::BTreeSet<_> = said.keys().chain(found.keys()).collect();
                for key in keys {
                    let place = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
                    let field = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                    self.compare(file, &place, &field(said), &field(found));
                }
            }
            (Value::Array(said), Value::Array(found)) => {
                if said.len() != found.len() {
                    self.differ(file, place, &format!("{} items", said.len()), &format!("{} items", found.len()));
                }
                for (at, (said, found)) in said.iter().zip(found).enumerate() {
                    self.compare(file, &format!("{place}/{at}"), said, found);
                }
            }
            (said, found) if said == found => {}
            (said, found) => self.differ(file, place, &said.to_string(), &found.to_string()),
        }
    }
}
