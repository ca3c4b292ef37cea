//! The room left on the ledger's disk: a warning before it is too late, as an entry, a metric and a line of the log.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;

use crate::app::{App, beside};
use crate::log::{Field, Level};
use crate::problem::Problem;

/// Percent of the disk in use from which on the operator is warned, once at each.
pub const DISK_WARNINGS_PERCENT: [u64; 2] = [75, 90];
/// A warning ends when the use is this many percent below it, so that it does not come and go.
const EASED_PERCENT: u64 = 2;
/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// The act that says how full the disk is.
const WARNED: &str = "disk.warning";

/// How large a disk is, and how much of it is left to this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the disk.
    pub bytes: u64,
    /// Bytes that can still be written.
    pub free_bytes: u64,
}

/// Where the room is asked for.
pub type AskRoom = Arc<dyn Fn(&Path) -> io::Result<Room> + Send + Sync>;

impl Room {
    /// Of the disk on which `path` lies, as the system says.
    ///
    /// # Errors
    /// As the system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { bytes: bytes(disk.f_blocks), free_bytes: bytes(disk.f_bavail) })
    }

    /// Percent in use, rounded up.
    #[must_use]
    pub fn used_percent(&self) -> u64 {
        let used = u128::from(self.bytes.saturating_sub(self.free_bytes)) * 100;
        u64::try_from(used.div_ceil(u128::from(self.bytes.max(1)))).unwrap_or(100)
    }
}

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    bytes: AtomicU64,
    free_bytes: AtomicU64,
    /// Warnings that stand: 0, 1 or 2.
    level: AtomicU64,
}

impl Watched {
    /// Disk, free bytes, warnings that stand.
    pub(crate) fn seen(&self) -> (Room, u64) {
        let room = Room { bytes: self.bytes.load(Relaxed), free_bytes: self.free_bytes.load(Relaxed) };
        (room, self.level.load(Relaxed))
    }

    /// Takes in what is seen now; gives the warnings that stand now where they are others than before.
    fn see(&self, room: Room) -> Option<(u64, u64)> {
        self.bytes.store(room.bytes, Relaxed);
        self.free_bytes.store(room.free_bytes, Relaxed);
        let before = self.level.load(Relaxed);
        let used = room.used_percent();
        let mut level = 0;
        for (n, percent) in (1..).zip(DISK_WARNINGS_PERCENT) {
            let stands = if n <= before { used + EASED_PERCENT > percent } else { used >= percent };
            level = if stands { n } else { level };
        }
        self.level.store(level, Relaxed);
        (level != before).then_some((before, level))
    }
}

async fn look(app: &Arc<App>) {
    let (ask, root) = (app.room.clone(), app.reader.layout().root().to_owned());
    let asked = beside(move || ask(&root).map_err(|error| Problem::unreadable(error.to_string()))).await;
    let room = match asked {
        Ok(room) => room,
        Err(problem) => {
            app.log.event(Level::Warn, "disk.unknown", &[("problem", &problem.detail)]);
            return;
        }
    };
    let Some((before, level)) = app.watched.see(room) else { return };
    let percent = room.used_percent();
    let fields: [Field<'_>; 2] = [("used_percent", &percent), ("free_bytes", &room.free_bytes)];
    if level < before {
        app.log.event(Level::Info, "disk.eased", &fields);
        return;
    }
    app.log.event(if level > 1 { Level::Error } else { Level::Warn }, WARNED, &fields);
    let labels = [("used_percent", percent.to_string()), ("free_bytes", room.free_bytes.to_string())];
    // What cannot be recorded was at least said.
    let _ = app.record(WARNED, &app.actor.identity(), &labels).await;
}

/// Looks until the service stops, for the first time at once.
pub(crate) async fn follow(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    loop {
        look(&app).await;
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once_until_it_has_eased() {
        let watched = Watched::default();
        let see = |used: u64| watched.see(Room { bytes: 1_000, free_bytes: 1_000 - used });
        assert_eq!(see(740), None);
        assert_eq!(see(741), Some((0, 1)));
        assert_eq!((see(800), see(740)), (None, None));
        assert_eq!(see(900), Some((1, 2)));
        assert_eq!((see(890), see(900)), (None, None));
        assert_eq!(see(870), Some((2, 1)));
        assert_eq!(see(700), Some((1, 0)));
        // Both at once are one warning.
        assert_eq!(see(1_000), Some((0, 2)));
    }

    #[test]
    fn the_system_says_how_large_a_disk_is() {
        let room = Room::of(Path::new("/")).unwrap();
        assert!(room.bytes > 0 && room.free_bytes <= room.bytes && room.used_percent() <= 100);
        assert!(Room::of(Path::new("/no/such/path")).is_err());
        assert_eq!(Room { bytes: 0, free_bytes: 0 }.used_percent(), 0);
    }
}
