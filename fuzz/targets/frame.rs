//! Fuzz target: [`sealbook_fuzz::frame::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::frame::check(data));
