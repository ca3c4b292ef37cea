//! The vectors in `tests/vectors/`, which a script in another language replays: what the code makes is what stands there,
//! byte for byte. `BLESS=1` writes them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod entries;
mod ledger;
mod notes;
mod receipts;
#[path = "../support/mod.rs"]
mod support;
mod trees;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// The same value with the names in every object in order, whichever map type the JSON library was built with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            map.into_iter().collect()
        }
        other => other.clone(),
    }
}

fn compare(name: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
    let text = format!("{}\n", serde_json::to_string_pretty(&sorted(value)).unwrap());
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        eprintln!("wrote {}", path.display());
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap();
    let differs = found.lines().zip(text.lines()).position(|(found, made)| found != made);
    assert!(found == text, "{name}: line {} is not what the code makes", differs.map_or(0, |line| line + 1));
}

#[test]
fn entries_are_the_vectors() {
    compare("entries.json", &entries::vectors());
}

#[test]
fn a_ledger_with_threads_and_a_change_of_key_is_the_vector() {
    compare("ledger.json", &ledger::vectors());
}

#[test]
fn trees_proofs_and_tiles_are_the_vectors() {
    compare("trees.json", &trees::vectors());
}

#[test]
fn notes_checkpoints_proof_files_and_cosignatures_are_the_vectors() {
    compare("notes.json", &notes::vectors());
}

#[test]
fn receipts_are_the_vectors() {
    compare("receipts.json", &receipts::vectors());
}
