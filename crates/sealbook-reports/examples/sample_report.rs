//! Writes a sample report and its other forms: `cargo run --example sample_report -- FOLDER [FINDINGS] [void]`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use sealbook_frameworks::Catalogue;
use sealbook_reports::{Report, csv, oscal, text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: sample_report FOLDER [FINDINGS] [void]")?;
    let folder = std::path::Path::new(&folder);
    let findings = arguments.next().map_or(Ok(8), |text| text.parse())?;
    let catalogue = Catalogue::builtin()?;
    let mut assessment = sample::assessment(&catalogue, findings);
    if arguments.next().as_deref() == Some("void") {
        assessment.void = true;
        for test in assessment.tests.iter_mut().filter(|test| test.id == "CT-INT-01" || test.id == "CT-INT-04") {
            test.result = sealbook_controls::outcome::TestResult::Fail;
            test.fail = 1;
        }
    }
    let context = sample::context(&assessment);
    let report = Report::assessment(&assessment, &catalogue, &context)?;
    std::fs::write(folder.join("report.pdf"), sealbook_reports::pdf(&report)?)?;
    std::fs::write(folder.join("findings.csv"), csv::findings(&assessment)?)?;
    std::fs::write(folder.join("coverage.txt"), text::coverage(&assessment, &catalogue)?)?;
    let results = oscal::assessment_results(&assessment, &catalogue, &context)?;
    std::fs::write(folder.join("assessment-results.json"), serde_json::to_vec_pretty(&results)?)?;
    let plan = oscal::poam(&assessment, &context)?;
    std::fs::write(folder.join("poam.json"), serde_json::to_vec_pretty(&plan)?)?;
    Ok(())
}
