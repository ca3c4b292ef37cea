//! Fuzz target: [`sealbook_fuzz::manifest::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::manifest::check(data));
