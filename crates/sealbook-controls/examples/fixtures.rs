//! Runs the fixtures of the control tests in `frameworks/`, or of those named as arguments: `-- CT-CRED-03`.
#![expect(clippy::print_stdout, reason = "an example that tells what it found")]

use std::path::Path;
use std::process::ExitCode;

use sealbook_controls::check_fixtures;
use sealbook_frameworks::Catalogue;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../frameworks");
    let catalogue = match Catalogue::load_dir(&folder) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut all_well = true;
    for test in catalogue.tests() {
        if !wanted.is_empty() && !wanted.contains(&test.id) {
            continue;
        }
        let faults = check_fixtures(test);
        if faults.is_empty() {
            println!("{}: well", test.id);
        }
        for fault in faults {
            all_well = false;
            println!("{fault}");
        }
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
