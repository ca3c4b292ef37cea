//! Writes the seeds of every target into the folder that SEEDS names: small inputs made by the product's own encoders.
//! A target itself, because only these are linked with what coverage calls.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use sealbook_core::entry::encode_openings;
use sealbook_core::pack::encode_sealed;
use sealbook_fuzz::samples;
use sealbook_sources::{Item, all, to_json};

/// Bytes of the longest seed that is taken from a file: long ones make every run slow.
const SEED_BYTES_MAX: usize = 4096;

libfuzzer_sys::fuzz_target!(init: write_all(), |_data: &[u8]| ());

fn write_all() {
    let root = PathBuf::from(std::env::var_os("SEEDS").expect("SEEDS names the folder for the seeds"));
    let ledger = samples::ledger();
    let notes = ledger.notes.iter().cloned();
    let texts = samples::signed_texts().iter().map(|text| text.clone().into_bytes());
    let key = samples::signer().verifier().to_string().into_bytes();
    let openings = ledger.openings.iter().map(|openings| encode_openings(openings));
    let files = samples::files();
    let manifest = samples::listing(samples::manifest(), &files).encode().into_bytes();
    let edits = (0..16u8).map(|file| vec![1, file, 0, file * 7, file % 3, 1]);
    write(&root, "frame", [ledger.segment.clone(), ledger.segment[64..].to_vec()].into_iter());
    write(&root, "entry", ledger.entries.iter().cloned().chain([samples::succession()]).chain(openings));
    let witness = [samples::policy(), samples::add_checkpoint().to_string().into_bytes()];
    write(&root, "note", notes.chain(texts).chain(witness).chain([key, b"15".to_vec()]));
    let proofs = (0..7).map(|index| samples::proof(index).to_string().into_bytes());
    let paths = ["tile/entries/x001/234.p/7", "tile/3/999"].map(|path| path.as_bytes().to_vec());
    write(&root, "proof", proofs.chain(samples::receipts()).chain([samples::bundle()]).chain(paths));
    let consistency = samples::consistency().encode().into_bytes();
    write(&root, "manifest", [manifest, consistency, encode_sealed(&samples::sealed())].into_iter());
    write(&root, "pack", [[&[0], samples::pack().as_slice()].concat()].into_iter().chain(edits));
    let events: Vec<_> = (0..7).map(|index| to_json(&samples::event(index)).to_string().into_bytes()).collect();
    let list = [b"[", events.join(&b',').as_slice(), b"]"].concat();
    write(&root, "event", events.clone().into_iter().chain([list, events.join(&b'\n')]));
    write(&root, "sources", bodies());
}

/// Elements of the bodies that the sources' own tests read, and the bodies themselves where they are short, each behind
/// the number of its source.
fn bodies() -> impl Iterator<Item = Vec<u8>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/sealbook-sources/src");
    (0u8..).zip(all()).flat_map(move |(number, source)| {
        let Ok(golden) = fs::read_dir(sources.join(source.name()).join("golden")) else { return Vec::new() };
        let paths = golden.map(|file| file.unwrap().path());
        let mut bodies = Vec::new();
        for body in paths.filter(|path| path.to_string_lossy().contains(".in.")).map(|path| fs::read(path).unwrap()) {
            let keep = |raw: &[u8]| (raw.len() <= SEED_BYTES_MAX).then(|| [&[number], raw].concat());
            // What a golden file refuses is a seed as well.
            let _ = source.read(&body, &mut |item| match item {
                Item::Event(mapped) => bodies.extend(keep(&mapped.raw)),
                Item::Refused { raw, .. } => bodies.extend(keep(&raw)),
            });
            bodies.extend(keep(&body));
        }
        bodies
    })
}

fn write(root: &Path, target: &str, seeds: impl Iterator<Item = Vec<u8>>) {
    let dir = root.join(target);
    fs::create_dir_all(&dir).unwrap();
    let mut count = 0;
    for (number, seed) in seeds.enumerate() {
        fs::write(dir.join(format!("seed-{number:03}")), seed).unwrap();
        count += 1;
    }
    println!("{target}: {count} seeds");
}
