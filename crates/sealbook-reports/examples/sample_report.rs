//! Writes a sample report: `cargo run --example sample_report -- OUT.pdf [FINDINGS] [void]`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use sealbook_frameworks::Catalogue;
use sealbook_reports::Report;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: sample_report OUT.pdf [FINDINGS] [void]")?;
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
    let report = Report::assessment(&assessment, &catalogue, &sample::context(&assessment))?;
    std::fs::write(out, sealbook_reports::pdf(&report)?)?;
    Ok(())
}
