//! Shared support for the integration benches.
