//! The auditor's checks of ledgers, packs and proofs, and the small binary around them.
//!
//! Takes: a folder or a file, the keys and the earlier checkpoint that the auditor holds.
//! Gives: a report: `VERIFIED`, `REFUTED` with what and where, or `UNDECIDED` with what is missing.
//! Never: writes, links storage, network or SQL, believes what it has not computed.
//! Next:  `sealbook-cli`.

mod failure;
mod files;
mod given;
mod ledger;
mod pack;
mod proof;
mod receipt;
mod report;
mod target;
#[cfg(test)]
mod testing;

pub use failure::{Class, Failure, printable};
pub use given::{read_keys, read_note};
pub use ledger::{Progress, verify_ledger};
pub use pack::{PackContents, verify_pack};
pub use proof::verify_proof;
pub use receipt::verify_receipt;
pub use report::{Checked, FAILURES_MAX, KeySource, Report, Trust, Verdict, Verified};
pub use target::{Kind, kind_of, verify_target};
