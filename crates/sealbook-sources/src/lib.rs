//! Turns the bytes of each source into events.
//!
//! Takes: bodies as producers send them (files, pushes), decompressed; one folder per source.
//! Gives: for each element an event with its exact bytes, or a refusal that says what is wrong and where.
//! Never: reads a clock, a network or a file, cuts a value short, drops an element silently.
//! Next:  `sealbook-log`.

mod address;
mod cedar;
mod cerbos;
mod cloudtrail;
mod draft;
mod entra;
mod envoy;
mod frame;
mod gcp;
mod github;
mod gzip;
mod identity;
mod item;
pub mod json;
mod keycloak;
mod kubernetes;
mod meaning;
mod native;
mod ocsf;
mod okta;
mod opa;
mod output;
mod scan;
mod source;
mod spire;
mod teleport;
mod vault;
mod when;

pub use draft::{UNKNOWN, UNMAPPED};
pub use gzip::{DecompressError, decompress};
pub use identity::canonical;
pub use item::{Item, Mapped, Reason, Refusal, Unmapped, Unreadable};
pub use output::{to_json, tree_to_json};
pub use source::Source;

/// Every source, in the order in which [`detect`] asks them.
static SOURCES: &[&dyn Source] = &[
    &native::Native,
    &cloudtrail::SOURCE,
    &kubernetes::SOURCE,
    &vault::SOURCE,
    &opa::SOURCE,
    &envoy::SOURCE,
    &cerbos::SOURCE,
    &cedar::SOURCE,
    &okta::SOURCE,
    &gcp::SOURCE,
    &teleport::SOURCE,
    &github::SOURCE,
    &keycloak::SOURCE,
    &spire::SOURCE,
    &entra::SOURCE,
    &ocsf::SOURCE,
];

/// Every source.
#[must_use]
pub fn all() -> &'static [&'static dyn Source] {
    SOURCES
}

/// The source with this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.name() == name)
}

/// The source that recognises a body by its beginning, which must hold at least one whole element.
#[must_use]
pub fn detect(head: &[u8]) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.recognises(head))
}
