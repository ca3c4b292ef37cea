//! What was asked of a simulated disk, in order, and one number that stands for all of it.

use std::path::Path;
use std::sync::Arc;

/// Operations that are kept to be shown; the digest is over all of them.
const STEPS_MAX: usize = 20_000;

/// What can be asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of the operations of `Disk` and `DiskFile`")]
pub enum Operation {
    Open,
    Create,
    CreateFolders,
    List,
    Exists,
    Rename,
    Remove,
    SyncFolder,
    Lock,
    Length,
    Read,
    Write,
    SetLength,
    Sync,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// The file system said no, for a reason of its own.
    Refused,
    /// A fault of the plan.
    Failed,
    /// Nobody is there any more: the process was killed or the power went before.
    Dead,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was asked.
    pub operation: Operation,
    /// Of which file or folder.
    pub path: Arc<Path>,
    /// Offset in bytes; the new length for a cut.
    pub offset: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// How it went.
    pub outcome: Outcome,
}

impl core::fmt::Display for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} {}", self.operation, self.path.display())?;
        if matches!(self.operation, Operation::Read | Operation::Write | Operation::SetLength) {
            write!(f, " at {} {} bytes", self.offset, self.bytes)?;
        }
        if self.outcome == Outcome::Done { Ok(()) } else { write!(f, ": {:?}", self.outcome) }
    }
}

/// Every operation on a disk so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// Where somebody wants to see them.
    pub(super) steps: Option<Vec<Step>>,
    pub(super) count: u64,
    pub(super) digest: u64,
}

fn mix(digest: u64, value: u64) -> u64 {
    (digest ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

fn mix_bytes(mut digest: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        digest = mix(digest, u64::from_le_bytes(*word));
    }
    rest.iter().fold(digest, |digest, byte| mix(digest, u64::from(*byte)))
}

impl Trace {
    pub(super) fn add(&mut self, step: Step, written: &[u8]) {
        self.count += 1;
        let mut digest = mix(self.digest, step.operation as u64);
        digest = mix_bytes(digest, step.path.as_os_str().as_encoded_bytes());
        for value in [step.offset, step.bytes, step.outcome as u64] {
            digest = mix(digest, value);
        }
        self.digest = mix_bytes(digest, written);
        if let Some(steps) = self.steps.as_mut().filter(|steps| steps.len() < STEPS_MAX) {
            steps.push(step);
        }
    }

    /// What a power cut or a restart adds.
    pub(super) fn mark(&mut self, value: u64) {
        self.digest = mix(self.digest, value);
    }
}

/// A path for steps.
pub(super) fn shared(path: &Path) -> Arc<Path> {
    Arc::from(path)
}
