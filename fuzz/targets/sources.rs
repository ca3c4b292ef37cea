//! Fuzz target: [`sealbook_fuzz::sources::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::sources::check(data));
