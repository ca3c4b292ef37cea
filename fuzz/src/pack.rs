//! Evidence packs: archives as they come, and archives that are whole and signed but wrong inside.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sealbook_core::pack::VerifiedPack as _;
use sealbook_core::pack::archive::Member;
use sealbook_verifier::{Trust, Verdict, verify_pack};

use crate::bounds::bounded;
use crate::samples;

/// Bytes of one edit: which file, where (2), what to do, how many or which byte.
const EDIT_BYTES: usize = 5;

/// The whole verifier: an even first byte is followed by an archive, an odd one by edits of the sample.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        let Some((mode, rest)) = data.split_first() else { return };
        if mode % 2 == 0 {
            header(rest);
            let verified = verify(rest);
            // Whoever does not hold the key cannot make another pack that is verified.
            assert!(!verified || rest == samples::pack(), "a forged pack was verified");
        } else if let Some(archive) = edited(rest) {
            verify(&archive);
        }
    });
}

fn header(data: &[u8]) {
    if let Some(member) = Member::read(data, 0) {
        assert!(data.starts_with(&member.local_header()));
    }
}

/// Verifies an archive with the key and without any; says whether it is believed.
fn verify(archive: &[u8]) -> bool {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        dir.join(format!("sealbook-fuzz-{}.zip", std::process::id()))
    });
    std::fs::write(&*PATH, archive).unwrap();
    let (report, contents) = verify_pack(&PATH, &Trust::default(), &mut |_| {});
    assert!(!matches!(report.verdict(), Verdict::Verified(_)) && contents.is_none(), "believed without a key");
    let trust = Trust { keys: vec![samples::signer().verifier()], at_least: None };
    let (report, contents) = verify_pack(&PATH, &trust, &mut |_| {});
    let reasons = report.failures().iter().map(|failure| failure.detail.as_str());
    assert!(reasons.chain(report.missing().iter().map(String::as_str)).all(|reason| !reason.is_empty()));
    assert!(!report.json().to_string().is_empty() && !report.to_string().is_empty());
    let believed = matches!(report.verdict(), Verdict::Verified(_));
    assert_eq!(believed, contents.is_some());
    assert_eq!(believed, report.failures().is_empty() && report.missing().is_empty());
    if let Some(contents) = contents {
        // Whatever else its maker wrote into it: the entries are those that the ledger signed.
        let entries: Result<Vec<_>, _> = contents.entries().collect();
        let entries = entries.unwrap();
        let first = usize::try_from(contents.manifest().first).unwrap();
        let end = usize::try_from(contents.manifest().end).unwrap();
        assert_eq!(entries, samples::ledger().entries[first..end]);
    }
    believed
}

/// The sample with its files edited, listed, signed and packed again; or with the manifest itself edited.
fn edited(edits: &[u8]) -> Option<Vec<u8>> {
    let mut files = samples::files();
    let names: Vec<_> = files.keys().cloned().collect();
    let (of_files, of_manifest): (Vec<_>, Vec<_>) =
        edits.chunks_exact(EDIT_BYTES).partition(|edit| usize::from(edit[0]) < names.len());
    for edit in of_files {
        apply(files.get_mut(&names[usize::from(edit[0])]).unwrap(), edit);
    }
    let mut manifest = samples::listing(samples::manifest(), &files).encode().into_bytes();
    for edit in of_manifest {
        apply(&mut manifest, edit);
    }
    samples::archive(&manifest, &files)
}

/// Changes, inserts or removes bytes.
fn apply(bytes: &mut Vec<u8>, edit: &[u8]) {
    let [_, high, low, act, value] = *edit else { return };
    let at = usize::from(u16::from_be_bytes([high, low])) % (bytes.len() + 1);
    match act % 3 {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        1 => bytes.insert(at, value),
        _ => drop(bytes.drain(at..(at + usize::from(value)).min(bytes.len()))),
    }
}
