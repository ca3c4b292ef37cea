//! The texts of packs have one spelling.

use super::archive::{Assembly, Member};
use super::*;

fn manifest() -> Manifest {
    let file = |name: &str| ListedFile { name: name.into(), bytes: 7, sha256: [0xab; 32] };
    Manifest {
        origin: "example.org/\"log\"\n\u{7f}ü".into(),
        key: "k".into(),
        from: Micros::parse("2026-01-01T00:00:00Z").unwrap(),
        to: Micros::parse("2026-04-01T00:00:00.5Z").unwrap(),
        first: 300,
        end: 700,
        size: 900,
        root: TreeHash([3; 32]),
        start: None,
        export: Some(699),
        disclosed: vec!["context.source_ip".into(), "reason".into()],
        policy: [1; 32],
        frameworks: vec![ListedFramework { id: "f".into(), catalogue: [2; 32], mapping: [3; 32] }],
        files: [names::README, "checkpoint", "tile/entries/001", "tile/entries/002.p/188"].map(file).to_vec(),
    }
}

#[test]
fn a_manifest_reads_back_and_every_flipped_byte_is_refused_or_says_something_else() {
    let manifest = manifest();
    let text = manifest.encode();
    assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
    for at in 0..text.len() {
        let mut flipped = text.clone().into_bytes();
        flipped[at] ^= 1;
        assert!(Manifest::parse(&flipped).is_ok_and(|other| other != manifest) || Manifest::parse(&flipped).is_err());
        assert!(Manifest::parse(&text.as_bytes()[..at]).is_err());
    }
}

#[test]
fn another_spelling_of_a_manifest_is_refused() {
    let text = manifest().encode();
    for (from, to) in [
        ("\"first\": 300", "\"first\": 0300"),
        ("\"first\": 300", "\"first\":300"),
        ("\\u000a", "\\n"),
        ("\\u000a", "\\u000A"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
        ("abab", "ABab"),
        ("\n}\n", "\n}\n\n"),
        ("sealbook-pack/1", "sealbook-pack/2"),
    ] {
        assert!(text.contains(from));
        assert!(Manifest::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let spoil = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        Manifest::parse(manifest.encode().as_bytes()).is_err()
    };
    assert!(!spoil(&|_| {}));
    assert!(spoil(&|m| m.end = m.size + 1));
    assert!(spoil(&|m| m.first = m.end));
    assert!(spoil(&|m| m.start = Some(m.size + 1)));
    assert!(spoil(&|m| m.export = Some(m.end)));
    assert!(spoil(&|m| m.disclosed.reverse()));
    // A range that no pack can hold: whoever walks over its bundles would never come to an end.
    assert!(spoil(&|m| (m.end, m.size) = (u64::MAX, u64::MAX)));
    assert!(spoil(&|m| m.files.swap(1, 2)));
    assert!(spoil(&|m| m.files[1] = m.files[2].clone()));
    assert!(spoil(&|m| drop(m.files.remove(0))));
    for name in ["../x", "/x", "a//b", "a/./b", "manifest.json", "a\\b", "ü", ""] {
        assert!(spoil(&|m| m.files[1].name = name.into()), "{name}");
    }
}

#[test]
fn the_bundles_cover_the_range_from_its_aligned_start() {
    let manifest = manifest();
    assert_eq!(manifest.aligned(), 256);
    let bundles: Vec<_> = manifest.bundles().map(|tile| tile.to_string()).collect();
    assert_eq!(bundles, ["tile/entries/001", "tile/entries/002.p/188"]);
    assert_eq!(sealed_name(1067), "sealed/x001/067.cbor");
}

#[test]
fn consistency_reads_back_and_has_one_spelling() {
    let some =
        Consistency { left: vec![TreeHash([1; 32])], end_to_size: vec![], start_to_size: vec![TreeHash([2; 32]); 3] };
    let text = some.encode();
    assert_eq!(Consistency::parse(text.as_bytes()).unwrap(), some);
    assert!(Consistency::parse(text.replace("[]", "[ ]").as_bytes()).is_err());
}

#[test]
fn disclosed_values_read_back_in_order_only() {
    let opening = |n| Opening { path: "reason".into(), salt: [n; 16], value: vec![n] };
    let sealed = vec![(3, vec![opening(1)]), (9, vec![opening(2)])];
    assert_eq!(decode_sealed(&encode_sealed(&sealed)).unwrap(), sealed);
    let reversed: Vec<_> = sealed.into_iter().rev().collect();
    assert!(decode_sealed(&encode_sealed(&reversed)).is_err());
}

#[test]
fn headers_of_an_archive_read_back() {
    let mut assembly = Assembly::default();
    let first = assembly.add("a/b.txt", b"content").unwrap();
    assert_eq!(Member::read(&first, 0).unwrap().end(), first.len() as u64 + 7);
    assert!(assembly.add("../b.txt", b"").is_none());
    for at in (0..first.len()).filter(|at| !(14..28).contains(at) && *at < 30) {
        let mut flipped = first.clone();
        flipped[at] ^= 1;
        assert!(Member::read(&flipped, 0).is_none(), "byte {at}");
    }
}
