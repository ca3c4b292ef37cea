//! The operator's shell.
fn main() {}
