//! Fuzz target: [`sealbook_fuzz::note::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::note::check(data));
