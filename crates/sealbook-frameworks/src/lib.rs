//! Catalogues, mappings, control-test definitions and the operator's policy, as data.
//!
//! Takes: the `frameworks/` folder, embedded at build time or read from a folder of the same shape; a policy file.
//! Gives: typed catalogues, mappings, crosswalks, tests and thresholds, found by id, with the digest of every file.
//! Never: runs SQL, reads a ledger, judges anything.
//! Next:  `sealbook-controls`.

mod catalogue;
mod check;
mod crosswalk;
mod error;
mod files;
mod framework;
mod lookup;
mod mapping;
mod names;
pub mod policy;
mod shape;
mod test_definition;
mod walk;

#[cfg(test)]
mod reference_tests;

pub use catalogue::Catalogue;
pub use check::Problem;
pub use crosswalk::{Crosswalk, CrosswalkRow, Relation};
pub use error::{LoadError, Place};
pub use files::FILE_BYTES_MAX;
pub use framework::{Control, Framework, Group, TitleOrigin};
pub use lookup::{Item, Lookup};
pub use mapping::{Ceiling, Mapping, MappingRow};
pub use policy::{BoundValue, Policy, ValueOrigin};
pub use shape::DEFAULT_POLICY_FILE;
pub use test_definition::{Parameter, ParameterValue, Severity, TestDefinition};
