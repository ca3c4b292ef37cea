//! What must hold for whatever bytes a parser is given: one function for each family of formats.
//!
//! Each asks more than that nothing panics. What decodes encodes back to the same bytes; what is refused says where and
//! why; what is signed cannot be changed; memory stays within a multiple of the input.

pub mod bounds;
pub mod entry;
pub mod event;
pub mod frame;
pub mod manifest;
pub mod note;
pub mod pack;
pub mod proof;
pub mod samples;
pub mod sources;
