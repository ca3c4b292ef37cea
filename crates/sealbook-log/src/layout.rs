//! Names of the files in a ledger directory.

use std::path::{Path, PathBuf};

use sealbook_core::tile::Tile;

/// Where everything lies in a ledger directory. `SECURITY.md` says what may be lost.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout of the ledger at `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of the segments: the truth.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// A segment.
    #[must_use]
    pub fn segment(&self, number: u64) -> PathBuf {
        self.log().join(format!("{number:08}.seg"))
    }

    /// Bytes of an unacknowledged write, moved out of a segment.
    #[must_use]
    pub fn torn(&self, number: u64, offset: u64) -> PathBuf {
        self.log().join(format!("{number:08}-{offset}.torn"))
    }

    /// The newest signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// Folder of the keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The private signing key.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.keys().join("signing.key")
    }

    /// The public verifier key.
    #[must_use]
    pub fn verifier_key(&self) -> PathBuf {
        self.keys().join("verifier.key")
    }

    /// The signing key that takes over, before it does.
    #[must_use]
    pub fn next_key(&self) -> PathBuf {
        self.keys().join("next.key")
    }

    /// Secret with which the writer knows its lookup files again.
    #[must_use]
    pub fn lookup_secret(&self) -> PathBuf {
        self.keys().join("lookup.secret")
    }

    /// Folder of what opening a ledger need not read the log for. Derived.
    #[must_use]
    pub fn lookup(&self) -> PathBuf {
        self.root.join("lookup")
    }

    /// Where things lie in a sealed segment.
    #[must_use]
    pub fn map(&self, number: u64) -> PathBuf {
        self.lookup().join(format!("{number:08}.map"))
    }

    /// The keys of the entries from `first` to before `upto`.
    #[must_use]
    pub fn run(&self, first: u64, upto: u64) -> PathBuf {
        self.lookup().join(format!("{first:012}-{upto:012}.keys"))
    }

    /// The range of a run by its file's name.
    pub(crate) fn run_range(name: &str) -> Option<(u64, u64)> {
        let (first, upto) = name.strip_suffix(".keys")?.split_once('-')?;
        Some((first.parse().ok()?, upto.parse().ok()?))
    }

    /// A hash tile; only full ones are kept.
    #[must_use]
    pub fn tile(&self, tile: &Tile) -> PathBuf {
        self.root.join("tiles").join(tile.to_string())
    }

    /// Lock of the one writer.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// A derived store (`index`, `state`, `sql`, `columns`, `tiles`, `lookup`): may be deleted at any time.
    #[must_use]
    pub fn derived(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}
