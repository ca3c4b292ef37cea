//! `sealbook-verify`: checks a ledger folder, an evidence pack or a proof file, and says so by words and exit status.
fn main() {}
