//! Compares the shipped catalogues with the reference lists in `../shared/frameworks`, where those are at hand.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::{Catalogue, Ceiling, Framework, MappingRow, Relation};

/// A run of this many words in common counts as common wording.
const RUN_WORDS: usize = 6;
/// The same for a short sentence, which has few runs of six words.
const SHORT_RUN_WORDS: usize = 4;
/// A sentence with fewer words than this is short.
const SHORT_SENTENCE_WORDS: usize = 10;
/// Largest share of a sentence's runs that may be official text, in percent.
const SHARED_PERCENT_MAX: usize = 60;

/// The mapping rows that differ from the reference on purpose, and why.
const DELIBERATE: &[(&str, &str, &str)] = &[(
    "nist-csf-2.0",
    "GV.OV-01",
    "the reference leaves it out; whether reviews happened (CT-REV-01) and exceptions ended (CT-EXC-03) are outcomes \
     of the strategy that a review of it needs, so it is partial",
)];

fn reference(file: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/frameworks").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        let skipped = format!("SKIPPED: no reference list at {}\n", path.display());
        // Past the test harness's capture, so that a skipped comparison is seen.
        std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes()).unwrap();
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// (id, official title or nothing, OSCAL token or nothing) of every item in a reference list.
type Expected = (String, String, String);

fn entry(value: &Value) -> Expected {
    let title = [text(value, "title"), text(value, "heading")].concat();
    (text(value, "id"), title.trim_end_matches('.').to_owned(), text(value, "oscal_id"))
}

/// Functions and categories, and subcategories, of CSF or AI RMF.
fn functions(reference: &Value) -> (Vec<Expected>, Vec<Expected>) {
    let (mut groups, mut controls) = (Vec::new(), Vec::new());
    for function in list(reference, "functions") {
        groups.push(entry(function));
        for category in list(function, "categories") {
            groups.push(entry(category));
            controls.extend(list(category, "subcategories").iter().map(entry));
        }
    }
    (groups, controls)
}

fn same_items(framework_id: &str, groups: &[Expected], controls: &[Expected]) {
    let catalogue = Catalogue::builtin().unwrap();
    let framework = catalogue.framework(framework_id).unwrap();
    let mapping = catalogue.mapping(framework_id).unwrap();
    let ids = |items: &[Expected]| items.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
    let control_ids: Vec<_> = framework.controls().iter().map(|control| control.id.clone()).collect();
    let group_ids: Vec<_> = framework.groups_deep().iter().map(|group| group.id.clone()).collect();
    let row_ids: Vec<_> = mapping.rows.iter().map(|row| row.control.clone()).collect();
    assert_eq!(control_ids, ids(controls), "controls of {framework_id}, in order");
    assert_eq!(row_ids, control_ids, "one mapping row per control, in order");
    if !groups.is_empty() {
        assert_eq!(group_ids, ids(groups), "groups of {framework_id}, in order");
    }
    for (id, title, oscal_id) in groups {
        let group = framework.group(id).unwrap();
        assert!(title.is_empty() || group.title == *title, "{id}: {} is not {title}", group.title);
        assert!(oscal_id.is_empty() || group.oscal_id == *oscal_id, "{id}: {}", group.oscal_id);
    }
    for (id, title, oscal_id) in controls {
        let control = framework.control(id).unwrap();
        assert!(title.is_empty() || control.title == *title, "{id}: {} is not {title}", control.title);
        assert!(oscal_id.is_empty() || control.oscal_id == *oscal_id, "{id}: {}", control.oscal_id);
    }
}

#[test]
fn csf_2_0_is_complete() {
    let Some(reference) = reference("nist-csf-2.0.json") else {
        return;
    };
    let (groups, controls) = functions(&reference);
    assert_eq!((groups.len(), controls.len()), (6 + 22, 106));
    same_items("nist-csf-2.0", &groups, &controls);
}

#[test]
fn ai_rmf_1_0_is_complete() {
    let Some(reference) = reference("nist-ai-rmf-1.0.json") else {
        return;
    };
    let (groups, controls) = functions(&reference);
    assert_eq!((groups.len(), controls.len()), (4 + 19, 72));
    same_items("nist-ai-rmf-1.0", &groups, &controls);
}

#[test]
fn owasp_nhi_top_10_is_complete() {
    let Some(reference) = reference("owasp-nhi-top10-2025.json") else {
        return;
    };
    let controls: Vec<_> = list(&reference, "risks").iter().map(entry).collect();
    assert_eq!(controls.len(), 10);
    same_items("owasp-nhi-top10-2025", &[], &controls);
}

#[test]
fn sp_800_207_is_complete_and_printed_as_the_reference_prints_it() {
    let Some(reference) = reference("nist-sp-800-207.json") else {
        return;
    };
    let is_covered = |section: &&Value| section["kind"].is_string();
    let items: Vec<&Value> = ["tenets", "network_assumptions", "logical_components", "network_requirements"]
        .into_iter()
        .flat_map(|part| list(&reference, part))
        .chain(list(&reference, "sections").iter().filter(is_covered))
        .collect();
    assert_eq!(items.len(), 7 + 6 + (3 + 8) + 10 + (5 + 7));
    let controls: Vec<_> = items.iter().map(|item| entry(item)).collect();
    same_items("nist-sp-800-207", &[], &controls);
    let catalogue = Catalogue::builtin().unwrap();
    let framework = catalogue.framework("nist-sp-800-207").unwrap();
    for item in items.iter().filter(|item| item["display"].is_string()) {
        assert_eq!(framework.control(&text(item, "id")).unwrap().display, text(item, "display"));
    }
    for group in framework.groups.iter() {
        let section = list(&reference, "sections").iter().find(|section| text(section, "id") == group.id).unwrap();
        assert_eq!((group.title.clone(), group.display.clone()), (text(section, "title"), text(section, "display")));
    }
}

#[test]
fn the_csf_1_1_crosswalk_says_what_nist_says() {
    let Some(reference) = reference("nist-csf-1.1-to-2.0.json") else {
        return;
    };
    let catalogue = Catalogue::builtin().unwrap();
    let crosswalk = catalogue.crosswalks("nist-csf-2.0").next().unwrap();
    let relation = |value: &Value| match value["nist_relation"].as_str() {
        Some("same_id") => Relation::SameId,
        Some("moved_to") => Relation::MovedTo,
        Some("incorporated_into") => Relation::IncorporatedInto,
        None => Relation::Withdrawn,
        Some(other) => panic!("{other}"),
    };
    let expected: Vec<_> = list(&reference, "mappings")
        .iter()
        .map(|row| {
            let to = list(row, "csf20").iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>();
            (text(row, "csf11"), relation(row), to)
        })
        .collect();
    let ours: Vec<_> = crosswalk.rows.iter().map(|row| (row.id.clone(), row.relation, row.to.clone())).collect();
    assert_eq!(ours, expected);
    assert_eq!(ours.len(), 108 + 23);
}

#[test]
fn mappings_agree_with_the_reference_but_for_the_differences_listed() {
    let Some(reference) = reference("control-tests.json") else {
        return;
    };
    let catalogue = Catalogue::builtin().unwrap();
    for mapping in catalogue.mappings() {
        let expected = reference["controls"][&mapping.framework].as_object().unwrap();
        let mapped: BTreeSet<_> = mapping.rows.iter().map(|row| row.control.as_str()).collect();
        assert!(expected.keys().all(|id| mapped.contains(id.as_str())));
        for row in &mapping.rows {
            let differs = !agrees(row, expected.get(&row.control));
            let listed =
                DELIBERATE.iter().any(|(framework, id, _)| *framework == mapping.framework && *id == row.control);
            assert_eq!(differs, listed, "{} {}: {row:?}", mapping.framework, row.control);
        }
    }
}

fn agrees(row: &MappingRow, expected: Option<&Value>) -> bool {
    let Some(expected) = expected else {
        return row.ceiling == Ceiling::None;
    };
    let tests: Vec<_> = list(expected, "tests").iter().filter_map(Value::as_str).collect();
    row.ceiling.as_str() == text(expected, "ceiling") && row.tests == tests
}

#[test]
fn every_mapped_test_is_specified_and_every_specified_test_is_mapped() {
    let Some(reference) = reference("control-tests.json") else {
        return;
    };
    let specified: BTreeSet<_> = list(&reference, "tests").iter().map(|test| text(test, "id")).collect();
    let catalogue = Catalogue::builtin().unwrap();
    let rows = catalogue.mappings().iter().flat_map(|mapping| &mapping.rows);
    let mapped: BTreeSet<_> = rows.flat_map(|row| row.tests.clone()).collect();
    // Tests of our own beyond the specification have a group of their own.
    let own: BTreeSet<_> = mapped.iter().filter(|id| id.starts_with("CT-GOV-")).cloned().collect();
    assert_eq!(mapped, specified.union(&own).cloned().collect());
}

/// Official text, cut into runs of words.
struct OfficialText {
    sentences: BTreeSet<String>,
    runs: BTreeSet<Vec<String>>,
}

impl OfficialText {
    fn read() -> Option<Self> {
        let mut texts = Vec::new();
        for file in ["nist-csf-2.0", "nist-sp-800-207", "owasp-nhi-top10-2025", "nist-ai-rmf-1.0"] {
            collect_texts(&reference(&format!("{file}.json"))?, &mut texts);
        }
        let runs = texts.iter().flat_map(|text| {
            let text = words(text);
            [runs(&text, SHORT_RUN_WORDS), runs(&text, RUN_WORDS)].concat()
        });
        Some(Self { runs: runs.collect(), sentences: texts.iter().map(|text| words(text).join(" ")).collect() })
    }

    fn holds(&self, sentence: &str) -> bool {
        self.sentences.contains(&words(sentence).join(" "))
    }

    /// How many percent of a sentence's runs of words are official text.
    fn shared_percent(&self, sentence: &str) -> usize {
        let words = words(sentence);
        let length = if words.len() < SHORT_SENTENCE_WORDS { SHORT_RUN_WORDS } else { RUN_WORDS };
        let runs = runs(&words, length);
        let shared = runs.iter().filter(|run| self.runs.contains(*run)).count();
        shared * 100 / runs.len().max(1)
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn runs(words: &[String], length: usize) -> Vec<Vec<String>> {
    words.windows(length).map(<[String]>::to_vec).collect()
}

fn collect_texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect_texts(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, into)),
        _ => {}
    }
}

#[test]
fn no_sentence_of_ours_is_an_official_one_or_nearly_one() {
    let Some(official) = OfficialText::read() else {
        return;
    };
    let theirs = "Inventories of hardware managed by the organization are maintained";
    assert!(
        official.holds(theirs) && official.shared_percent(theirs) == 100,
        "the measure catches an official sentence"
    );
    let catalogue = Catalogue::builtin().unwrap();
    let groups = catalogue.frameworks().iter().flat_map(Framework::groups_deep).map(|g| (&g.id, &g.statement));
    let controls = catalogue.frameworks().iter().flat_map(Framework::controls).map(|c| (&c.id, &c.statement));
    let rows = catalogue.mappings().iter().flat_map(|m| &m.rows).map(|row| (&row.control, &row.not_shown));
    for (id, sentence) in groups.chain(controls).chain(rows) {
        let shared = official.shared_percent(sentence);
        assert!(shared <= SHARED_PERCENT_MAX, "{id}: {shared} % of {sentence:?} is official text");
        assert!(!official.holds(sentence), "{id}: {sentence:?} is official text");
    }
}
