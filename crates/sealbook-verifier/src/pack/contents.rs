//! What is in a pack whose checks passed.

use sealbook_core::hash::sha256;
use sealbook_core::pack::{Manifest, VerifiedPack};
use sealbook_core::tile::{TILE_WIDTH, split_bundle};

use super::archive::Archive;

/// The contents of a verified pack. Only [`super::verify_pack`] makes one; every read is compared with the manifest again.
#[derive(Debug)]
pub struct PackContents {
    archive: Archive,
    manifest: Manifest,
}

impl PackContents {
    pub(super) fn new(archive: Archive, manifest: Manifest) -> Self {
        Self { archive, manifest }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let found = self.file(name)?;
        found.ok_or_else(|| format!("{name} is not in the pack"))
    }
}

impl VerifiedPack for PackContents {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(listed) = self.manifest.files.iter().find(|file| file.name == name) else { return Ok(None) };
        let member = self.archive.member(name).ok_or_else(|| format!("{name} is not in the archive"))?;
        let bytes = self.archive.content(member, usize::MAX).map_err(|why| format!("{name}: {why}"))?;
        if sha256(&bytes) == listed.sha256 {
            Ok(Some(bytes))
        } else {
            Err(format!("{name} was changed after it was checked"))
        }
    }

    fn entries(&self) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>> + '_> {
        let bundles = self.manifest.bundles().map(|bundle| {
            let bytes = self.read(&bundle.to_string())?;
            let entries = split_bundle(&bytes).ok_or("a bundle was changed after it was checked")?;
            let outside = self.manifest.first.saturating_sub(bundle.index * TILE_WIDTH);
            let outside = usize::try_from(outside).unwrap_or(usize::MAX);
            Ok::<_, String>(entries.into_iter().skip(outside).map(ToOwned::to_owned).collect::<Vec<_>>())
        });
        Box::new(bundles.flat_map(|bundle| match bundle {
            Ok(entries) => entries.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(why) => vec![Err(why)],
        }))
    }
}
