//! Fuzz target: [`sealbook_fuzz::proof::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::proof::check(data));
