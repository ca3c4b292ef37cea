//! Memory of one run, and the place that every error must name.

use core::fmt::Display;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that any run may take, however short its input.
const ALLOWANCE_BYTES: usize = 4 << 20;
/// Bytes that a run may take for each byte of its input. A JSON list of digits costs a value of 32 bytes for two bytes of
/// input, in a vector that doubles, and again as a tree.
const BYTES_PER_BYTE: usize = 512;

/// Runs `check` on `data` and fails where it takes more memory than the input justifies.
pub fn bounded(data: &[u8], check: impl FnOnce(&[u8])) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    check(data);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let most = ALLOWANCE_BYTES + BYTES_PER_BYTE * data.len();
    assert!(taken <= most, "{taken} bytes of memory for {} bytes of input, at most {most} are allowed", data.len());
}

/// Fails unless an error lies within its input and says something.
#[track_caller]
pub fn located(offset: usize, data: &[u8], problem: impl Display) {
    assert!(offset <= data.len(), "byte {offset} of {}: {problem}", data.len());
    assert!(!problem.to_string().is_empty(), "an error without a word");
}

/// Fails unless what was encoded again is what was decoded.
#[track_caller]
pub fn same(again: &[u8], data: &[u8], what: &str) {
    assert!(again == data, "{what} is not encoded as it was read:\n{again:02x?}\n{data:02x?}");
}
