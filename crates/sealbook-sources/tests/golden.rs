//! Golden pairs: `src/<source>/golden/<name>.in.json` must give exactly `<name>.out.json`; `BLESS=1` writes the latter anew.

#![expect(clippy::unwrap_used, reason = "a test helper fails its test")]

use std::fs;
use std::path::{Path, PathBuf};

use sealbook_sources::{Item, Source, all, detect, to_json};
use serde_json::{Value, json};

fn folder(source: &str) -> PathBuf {
    let name = source.replace('-', "_");
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name).join("golden")
}

fn inputs(source: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder(source))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    found.retain(|path| path.to_string_lossy().ends_with(".in.json"));
    found.sort();
    found
}

fn read(source: &dyn Source, body: &[u8]) -> Value {
    let mut items = Vec::new();
    let result = source.read(body, &mut |item| {
        let (raw, value) = match item {
            Item::Event(mapped) => {
                mapped.event.check().unwrap();
                let event = to_json(&mapped.event);
                let shown = match mapped.format {
                    Some((format, version)) => json!({ "event": event, "format": format!("{format}/{version}") }),
                    None => json!({ "event": event }),
                };
                (mapped.raw, shown)
            }
            Item::Refused { reason, raw } => (raw, json!({ "refused": reason.to_string() })),
        };
        // A carrier's original is what it carried: decoded, or with its own surroundings only.
        let carrier = ["otlp", "firehose"].contains(&source.name());
        assert!(
            carrier || body.windows(raw.len()).any(|window| window == raw),
            "the bytes kept for an element are not bytes of the body"
        );
        items.push(value);
    });
    match result {
        Ok(()) => Value::Array(items),
        Err(unreadable) => json!({ "unreadable": unreadable.to_string() }),
    }
}

#[test]
fn every_golden_input_gives_its_golden_output() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for source in all() {
        let inputs = inputs(source.name());
        assert!(!inputs.is_empty(), "{} has no golden pair", source.name());
        for input in inputs {
            let body = fs::read(&input).unwrap();
            let found = serde_json::to_string_pretty(&read(*source, &body)).unwrap() + "\n";
            let output = PathBuf::from(input.to_string_lossy().replace(".in.json", ".out.json"));
            if bless {
                fs::write(&output, &found).unwrap();
            } else if fs::read_to_string(&output).unwrap_or_default() != found {
                wrong.push(output);
            }
        }
    }
    assert!(wrong.is_empty(), "not as expected; BLESS=1 rewrites: {wrong:#?}");
}

#[test]
fn every_golden_input_is_recognised_as_its_source() {
    for source in all() {
        for input in inputs(source.name()) {
            if input.to_string_lossy().contains("hostile") {
                continue;
            }
            let found = detect(&fs::read(&input).unwrap()).map(|s| s.name());
            assert_eq!(found, Some(source.name()), "{}", input.display());
        }
    }
}
