//! From entries to the files of a pack that say what they show. Made once when a pack is made, and again when it is checked.

use std::collections::BTreeMap;

use sealbook_controls::outcome::Assessment;
use sealbook_controls::{Period, Position, VerifiedRange};
use sealbook_core::entry::Entry;
use sealbook_core::hash::{hex, sha256};
use sealbook_core::pack::names;
use sealbook_core::time::Micros;
use sealbook_frameworks::Catalogue;
use sealbook_projection::{ParquetWriter, Projection, portable_script};
use sealbook_reports::{EntrySummary, Report, ReportContext, Verification};

use crate::assess::{Assessed, MakeError, Plan, assess};
use crate::registers;

/// What the one who makes a pack says beside what the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Report number, printed on each page. Empty: made from size and root.
    pub number: String,
    /// Title instead of the report's own.
    pub title: Option<String>,
    /// Handling words such as `CONFIDENTIAL`.
    pub classification: Option<String>,
    /// Name and version of the product.
    pub product: String,
    /// File name of the pack, for the commands that are printed.
    pub pack_file: String,
    /// What a verifier said about the ledger.
    pub verification: Option<Verification>,
}

/// Where entries come from: a log, or a verified pack.
pub(crate) trait Source {
    /// The bytes of every entry of the range, in order.
    fn entries(&self) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>> + '_>;
}

/// What the files say beside what the entries show.
pub(crate) struct Inputs<'a> {
    pub plan: Plan<'a>,
    pub position: Position,
    /// The signed checkpoint.
    pub checkpoint: String,
    pub key: String,
    pub first: u64,
    pub disclosed: &'a [String],
    pub words: Words,
}

/// The files that say what the entries show.
pub(crate) struct Products {
    pub assessment: Assessment,
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Files besides those in [`names`].
pub(crate) mod products {
    pub const CONTEXT: &str = "report-context.json";
    pub const PDF: &str = "report.pdf";
    pub const OSCAL_RESULTS: &str = "assessment-results.json";
    pub const OSCAL_POAM: &str = "poam.json";
    pub const FINDINGS: &str = "findings.csv";
    pub const ENTRIES: &str = "entries.parquet";
    pub const LABELS: &str = "labels.parquet";
    pub const VIEWS: &str = "views.sql";
}

/// Runs every test over the entries and writes down everything that follows from them.
pub(crate) fn produce(
    source: &dyn Source,
    inputs: Inputs<'_>,
    verified: impl FnOnce(u64) -> Result<Vec<VerifiedRange>, MakeError>,
) -> Result<Products, MakeError> {
    let mut columns = ParquetWriter::new(Vec::new(), Vec::new())?;
    let mut newest = 0;
    let entries = source.entries().map(|bytes| {
        let entry = decode(&bytes?)?;
        columns.push(&entry).map_err(|error| error.to_string())?;
        newest = entry.recorded_at.0;
        Ok::<_, String>(entry)
    });
    let Assessed { assessment, projection } = assess(entries, inputs.position.clone(), verified, &inputs.plan)?;
    let (entries, labels) = columns.finish()?;
    let cited = summaries(source, &assessment)?;
    let results = json(&assessment)?;
    let context = context(&inputs, &assessment, &projection, cited, newest, &results)?;
    let catalogue = inputs.plan.catalogue;
    let mut files = texts(catalogue);
    files.insert(names::POLICY.to_owned(), inputs.plan.policy.text().as_bytes().to_vec());
    files.insert(products::VIEWS.to_owned(), portable_script().into_bytes());
    files.insert(products::ENTRIES.to_owned(), entries);
    files.insert(products::LABELS.to_owned(), labels);
    let oscal = sealbook_reports::oscal::assessment_results(&assessment, catalogue, &context)?;
    files.insert(products::OSCAL_RESULTS.to_owned(), json(&oscal)?);
    files.insert(products::OSCAL_POAM.to_owned(), json(&sealbook_reports::oscal::poam(&assessment, &context)?)?);
    files.insert(products::FINDINGS.to_owned(), sealbook_reports::csv::findings(&assessment)?.into_bytes());
    let report = Report::assessment(&assessment, catalogue, &context)?;
    files.insert(products::PDF.to_owned(), sealbook_reports::pdf(&report)?);
    files.insert(products::CONTEXT.to_owned(), json(&context)?);
    files.insert(names::RESULTS.to_owned(), results);
    files.insert(names::README.to_owned(), readme(&inputs, &assessment).into_bytes());
    Ok(Products { assessment, files })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Entry, String> {
    Entry::decode(bytes).map_err(|error| error.to_string())
}

/// JSON on one line: packs are stored uncompressed, and indentation would be half of the larger files.
fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, MakeError> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| MakeError::Text(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The cited entries, in short.
fn summaries(source: &dyn Source, assessment: &Assessment) -> Result<BTreeMap<u64, EntrySummary>, MakeError> {
    let cited = registers::cited(assessment);
    let mut found = BTreeMap::new();
    if cited.is_empty() {
        return Ok(found);
    }
    for bytes in source.entries() {
        let bytes = bytes.map_err(MakeError::Read)?;
        let entry = decode(&bytes).map_err(MakeError::Read)?;
        if cited.contains(&entry.index) {
            found.insert(entry.index, registers::summary(&entry, &bytes));
        }
    }
    Ok(found)
}

fn context(
    inputs: &Inputs<'_>,
    assessment: &Assessment,
    projection: &Projection,
    entries: BTreeMap<u64, EntrySummary>,
    newest: i64,
    results: &[u8],
) -> Result<ReportContext, MakeError> {
    let period = Period { from: assessment.from, to: assessment.to };
    let heard = |id: &str| assessment.sources.iter().any(|source| source.source == id);
    let silent = inputs.plan.policy.sources().iter().filter(|source| !heard(&source.id));
    let words = &inputs.words;
    let number = if words.number.is_empty() {
        let root = sealbook_core::note::decode_base64(&assessment.root).unwrap_or_default();
        format!("{}-{}", assessment.size, hex(root.get(..4).unwrap_or_default()))
    } else {
        words.number.clone()
    };
    Ok(ReportContext {
        number,
        organisation: inputs.plan.policy.organisation().unwrap_or(&assessment.origin).to_owned(),
        title: words.title.clone(),
        classification: words.classification.clone(),
        generated_at: newest,
        product: words.product.clone(),
        pack_file: words.pack_file.clone(),
        verifier_key: inputs.key.clone(),
        key_fingerprint: hex(&sha256(inputs.key.as_bytes())),
        checkpoint: inputs.checkpoint.clone(),
        results_sha256: hex(&sha256(results)),
        verification: words.verification.clone(),
        silent_sources: silent.map(|source| source.id.clone()).collect(),
        months: registers::months(assessment, &entries),
        entries,
        exceptions: registers::exceptions(projection, period)?,
        owners: registers::owners(projection, period)?,
        credential_ages: registers::credential_ages(projection, period, assessment)?,
    })
}

/// Folder of the control tests, in a catalogue and in a pack.
const TESTS: &str = "tests/";
/// Folder of everything else of a catalogue in a pack.
const FRAMEWORKS: &str = "frameworks/";

/// The files of the catalogue as they lie in a pack.
fn texts(catalogue: &Catalogue) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &str| if path.starts_with(TESTS) { path.to_owned() } else { format!("{FRAMEWORKS}{path}") };
    catalogue.files().map(|(path, bytes)| (name(path), bytes.to_vec())).collect()
}

/// Path in a catalogue of a file of a pack; `None` where it is no such file.
pub(crate) fn catalogue_path(name: &str) -> Option<&str> {
    if name.starts_with(TESTS) { Some(name) } else { name.strip_prefix(FRAMEWORKS) }
}

/// Wording of the README.
const README: &str = include_str!("../../../reports/pack-readme.txt");

fn readme(inputs: &Inputs<'_>, assessment: &Assessment) -> String {
    let disclosed = match inputs.disclosed {
        [] => "no sealed value".to_owned(),
        paths => paths.join(", "),
    };
    let range = match inputs.first {
        0 => "There are none: the range is the whole ledger at that checkpoint.".to_owned(),
        first => format!("Entries before {first} were not seen by the tests, except through what later entries say."),
    };
    let size = inputs.position.size;
    let values = [
        ("{origin}", inputs.position.origin.clone()),
        ("{key}", inputs.key.clone()),
        ("{from}", Micros(assessment.from).to_string()),
        ("{to}", Micros(assessment.to).to_string()),
        ("{first}", inputs.first.to_string()),
        ("{last}", size.saturating_sub(1).to_string()),
        ("{size}", size.to_string()),
        ("{root}", inputs.position.root.clone()),
        ("{disclosed}", disclosed),
        ("{pack}", inputs.words.pack_file.clone()),
        ("{range}", range),
    ];
    values.iter().fold(README.to_owned(), |text, (name, value)| text.replace(name, value))
}
