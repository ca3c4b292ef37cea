//! Fuzz target: [`sealbook_fuzz::event::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealbook_fuzz::event::check(data));
