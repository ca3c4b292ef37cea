//! Fuzz target: [`sealbook_fuzz::entry::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::entry::check(data));
