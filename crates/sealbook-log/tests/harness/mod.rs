//! Schedules from seeds against the log on a simulated disk, and what must hold after each.
//!
//! 1. Nothing that was answered or signed is lost or changed: index, chain value, leaf, content; its checkpoint verifies
//!    with the log's key, its proof holds, now and later.
//! 2. Each event of a source is one entry; a repetition is answered with its index, other content is a conflict.
//! 3. No crash is called damage: the log opens, and the verifier does not refute it.
//! 4. No corruption goes unseen: opening refuses, or says what it moved aside, or the verifier does not say `VERIFIED`.
//! 5. After a failed write or sync of a segment nothing is answered as new.
//! 6. Chain, threads, time and openings are those of an independent walk over the entries.
//! 7. The same seed gives the same operations on the disk, byte for byte.

mod events;
pub mod fleet;
mod image;
mod model;
mod rot;
mod rules;
pub mod schedule;
pub mod tally;

pub use fleet::Fleet;
pub use rules::RULES;
