//! The texts of evidence packs.

use sealbook_core::pack::{Consistency, FILES_MAX, Manifest, decode_sealed, encode_sealed, name_is_valid};

use crate::bounds::{bounded, located, same};

/// Everything that a pack says about itself.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        match Manifest::parse(data) {
            Ok(manifest) => parsed(&manifest, data),
            Err(error) => located(error.offset, data, error),
        }
        match Consistency::parse(data) {
            Ok(consistency) => same(consistency.encode().as_bytes(), data, "consistency"),
            Err(error) => located(error.offset, data, error),
        }
        match decode_sealed(data) {
            Ok(sealed) => {
                same(&encode_sealed(&sealed), data, "list of sealed values");
                assert!(sealed.is_sorted_by(|a, b| a.0 < b.0));
            }
            Err(error) => located(error.offset, data, error),
        }
    });
}

fn parsed(manifest: &Manifest, data: &[u8]) {
    same(manifest.encode().as_bytes(), data, "manifest");
    assert!(manifest.aligned() <= manifest.first && manifest.first < manifest.end && manifest.end <= manifest.size);
    assert!(manifest.files.iter().all(|file| name_is_valid(&file.name)));
    // Whoever walks over the bundles of the range walks no further than a pack can reach.
    assert!(manifest.bundles().take(FILES_MAX + 1).count() <= FILES_MAX, "{} to {}", manifest.first, manifest.end);
    // Any other JSON reader reads the same names.
    let json: serde_json::Value = serde_json::from_slice(data).unwrap();
    assert_eq!(json["origin"], manifest.origin);
    assert_eq!(json["size"], manifest.size);
    assert_eq!(json["files"].as_array().map(Vec::len), Some(manifest.files.len()));
}
