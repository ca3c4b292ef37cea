//! Every control test that is shipped passes over its pass file, fails over its fail file naming the entries that it
//! should, and does not pass over nothing.

use std::path::Path;

use sealbook_controls::check_fixtures;
use sealbook_frameworks::Catalogue;

#[test]
fn every_shipped_test_can_pass_and_can_fail() {
    // Read from the folder, so that a test under work is seen without a build of the catalogue.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../frameworks");
    let catalogue = Catalogue::load_dir(&folder).expect("the frameworks folder loads");
    let faults: Vec<_> = catalogue.tests().iter().flat_map(check_fixtures).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
