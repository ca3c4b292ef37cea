//! Fuzz target: [`sealbook_fuzz::pack::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::pack::check(data));
