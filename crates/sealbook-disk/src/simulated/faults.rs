//! Which operation fails, and how.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::random::Dice;
use super::trace::Operation;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Any operation fails with EIO; of a write, a part may have been done.
    Eio,
    /// An operation that needs room fails with ENOSPC; of a write, a part may have been done.
    Enospc,
    /// A write is done in part and then fails with EIO.
    ShortWrite,
    /// A sync fails with EIO: part of what it should have made durable never will be, yet counts as written.
    FailedSync,
    /// The process is killed within this operation, which may be done, in part done, or not: nothing after it happens.
    Kill,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Eio, Self::Enospc, Self::ShortWrite, Self::FailedSync, Self::Kill];

    fn hits(self, operation: Operation) -> bool {
        use Operation as O;
        match self {
            Self::Eio | Self::Kill => operation != O::Exists,
            Self::Enospc => matches!(operation, O::Create | O::CreateFolders | O::Rename | O::Write | O::SetLength),
            Self::ShortWrite => operation == O::Write,
            Self::FailedSync => matches!(operation, O::Sync | O::SyncFolder),
        }
    }

    pub(super) fn error(self) -> io::Error {
        /// Error numbers of Linux, so that the kind is the one that a real disk gives.
        const EIO: i32 = 5;
        const ENOSPC: i32 = 28;
        io::Error::from_raw_os_error(if self == Self::Enospc { ENOSPC } else { EIO })
    }
}

/// A fault that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// What went wrong.
    pub fault: Fault,
    /// With what.
    pub operation: Operation,
    /// Of which file or folder.
    pub path: Arc<Path>,
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
struct Planned {
    fault: Fault,
    /// Operations that it could hit and that still go well.
    left: u64,
    /// Operations that it hits then.
    times: u64,
}

/// The faults to come, and whether somebody is left to meet them.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    planned: Vec<Planned>,
    pub(super) dice: Dice,
    pub(super) dead: bool,
    pub(super) met: Vec<Met>,
}

impl Default for Faults {
    fn default() -> Self {
        Self::new(Dice::new(0))
    }
}

impl Faults {
    pub(super) fn new(dice: Dice) -> Self {
        Self { planned: Vec::new(), dice, dead: false, met: Vec::new() }
    }

    pub(super) fn plan(&mut self, fault: Fault, left: u64, times: u64) {
        self.planned.push(Planned { fault, left, times });
    }

    pub(super) fn forget(&mut self) {
        self.planned.clear();
    }

    /// The fault that hits this operation.
    pub(super) fn hit(&mut self, operation: Operation, path: &Arc<Path>) -> Option<Fault> {
        let mut hit = None;
        for planned in self.planned.iter_mut().filter(|planned| planned.fault.hits(operation)) {
            if planned.left > 0 {
                planned.left -= 1;
            } else if hit.is_none() && planned.times > 0 {
                planned.times -= 1;
                hit = Some(planned.fault);
            }
        }
        if let Some(fault) = hit {
            self.met.push(Met { fault, operation, path: path.clone() });
            self.dead |= fault == Fault::Kill;
        }
        hit
    }
}
