//! Turns the bytes of each source into events.
//!
//! Takes: bodies as producers send them (files, pushes), decompressed; one folder per source.
//! Gives: for each element an event with its exact bytes, or a refusal that says what is wrong and where.
//! Never: reads a clock, a network or a file, cuts a value short, drops an element silently.
//! Next:  `sealbook-log`.

mod address;
mod carried;
mod cedar;
mod cerbos;
mod cloudevents;
mod cloudtrail;
mod custom;
mod draft;
mod entra;
mod envoy;
mod firehose;
mod frame;
mod gcp;
mod generic;
mod github;
mod gzip;
mod hec;
mod identity;
mod item;
pub mod json;
mod keycloak;
mod kubernetes;
mod library;
mod meaning;
mod native;
mod ocsf;
mod okta;
mod opa;
mod otlp;
mod output;
mod scan;
mod source;
mod spire;
mod teleport;
mod vault;
mod when;

pub use cloudtrail::digest::{DigestFiles, NAME as DIGEST_FORMAT, VERSION as DIGEST_VERSION};
pub use custom::{CONFIG_BYTES_MAX, ConfigError, Custom};
pub use draft::{UNKNOWN, UNMAPPED};
pub use gzip::{DecompressError, decompress};
pub use identity::canonical;
pub use item::{Item, Mapped, Reason, Refusal, Unmapped, Unreadable};
pub use library::Library;
pub use otlp::otlp_response;
pub use output::{to_json, tree_to_json};
pub use source::Source;

/// Every source of one JSON object per event, in the order in which they are asked.
static JSON_SOURCES: &[&source::JsonSource] = &[
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
    &otlp::Otlp { customs: carried::Customs::NONE },
    &hec::Hec { customs: carried::Customs::NONE },
    &firehose::Firehose { customs: carried::Customs::NONE },
    &cloudevents::CloudEvents { customs: carried::Customs::NONE },
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
