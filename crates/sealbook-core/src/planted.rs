//! Bugs that a test build can switch on, one at a time, to show that the tests find them. Without the feature
//! `planted-bugs`, which no crate enables, there are none and asking costs nothing.

/// A mistake that an engineer could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what goes wrong; docs/crash-testing.md lists them")]
pub enum Bug {
    ChainWithoutDomain,
    LeafWithoutDomain,
    CommitmentWithoutPath,
    ChecksumIgnored,
    AnswerBeforeSync,
    SignBeforeSync,
    SyncForgotten,
    SyncRetried,
    WriteErrorIgnored,
    PoisonForgotten,
    NameNotSynced,
    SegmentNamedBeforeSync,
    FooterNotSynced,
    CheckpointOverwritten,
    SignatureBeforeForgotten,
    KeyChangedBeforeCheckpoint,
    LastBatchTrusted,
    TornTailLeft,
    CommitNotCompared,
    SealNotChecked,
    FooterNotChecked,
    StoredCheckpointIgnored,
    ThreadEndsAtRoll,
    EventsForgottenAtRoll,
    DuplicateWithWrongIndex,
    ConflictTakenForDuplicate,
    HalfAGroup,
    ClockGoesBack,
    QueueWithoutLimit,
    LockNotTaken,
    SaltUsedTwice,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 31] = [
        Self::ChainWithoutDomain,
        Self::LeafWithoutDomain,
        Self::CommitmentWithoutPath,
        Self::ChecksumIgnored,
        Self::AnswerBeforeSync,
        Self::SignBeforeSync,
        Self::SyncForgotten,
        Self::SyncRetried,
        Self::WriteErrorIgnored,
        Self::PoisonForgotten,
        Self::NameNotSynced,
        Self::SegmentNamedBeforeSync,
        Self::FooterNotSynced,
        Self::CheckpointOverwritten,
        Self::SignatureBeforeForgotten,
        Self::KeyChangedBeforeCheckpoint,
        Self::LastBatchTrusted,
        Self::TornTailLeft,
        Self::CommitNotCompared,
        Self::SealNotChecked,
        Self::FooterNotChecked,
        Self::StoredCheckpointIgnored,
        Self::ThreadEndsAtRoll,
        Self::EventsForgottenAtRoll,
        Self::DuplicateWithWrongIndex,
        Self::ConflictTakenForDuplicate,
        Self::HalfAGroup,
        Self::ClockGoesBack,
        Self::QueueWithoutLimit,
        Self::LockNotTaken,
        Self::SaltUsedTwice,
    ];
}

/// Whether a bug is switched on.
#[cfg(not(feature = "planted-bugs"))]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use switched::{choose, is};

#[cfg(feature = "planted-bugs")]
mod switched {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::Bug;

    /// Number of the bug, from 1.
    static CHOSEN: AtomicUsize = AtomicUsize::new(0);

    /// Whether a bug is switched on.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        CHOSEN.load(Ordering::Relaxed) == bug as usize + 1
    }

    /// Switches a bug on and every other one off.
    pub fn choose(bug: Option<Bug>) {
        CHOSEN.store(bug.map_or(0, |bug| bug as usize + 1), Ordering::Relaxed);
    }
}
