//! The OpenAPI document is held to the running service by a tool of others.

use std::process::Command;

use sealbook_tests::random::number_from_env;
use sealbook_tests::served::Served;
use sealbook_tests::{TestLedger, tool};

/// What is checked. Not among it: that every body that fits the document is taken, since the formats of other systems are not
/// described there.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,unsupported_method";

/// `SEALBOOK_EXAMPLES` says how many requests each endpoint gets, `SEALBOOK_SEED` which.
#[test]
fn the_service_does_what_its_openapi_document_says() {
    let Some(program) = tool("producers/bin/schemathesis") else { return };
    let (examples, seed) = (number_from_env("SEALBOOK_EXAMPLES", 20), number_from_env("SEALBOOK_SEED", 1));
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let mut command = Command::new(program);
    command.args(["run", &format!("{}/openapi.json", served.url), "--checks", CHECKS, "--no-color"]);
    command.args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string()]);
    command.args(["--suppress-health-check", "all"]).current_dir(ledger.dir());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", said.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    served.terminate();
    ledger.check();
}
