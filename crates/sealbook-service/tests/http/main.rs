//! What the service promises, against a real server on a free port.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "tests")]

mod bad_input;
mod carriers;
mod credentials;
mod events;
mod evidence;
mod gaps;
mod limits;
mod operate;
mod reading;
mod samples;
mod sources;
mod support;
mod tls;
