//! What a policy may say, and what it binds.

use super::*;

fn policy(text: &str) -> Policy {
    Policy::parse("p.toml", text).unwrap()
}

fn refusal(text: &str) -> String {
    Policy::parse("p.toml", text).unwrap_err().to_string()
}

fn catalogue() -> Catalogue {
    let parameter = "[parameters.max_age_days]\ndefault = 90\nunit = \"days\"\nmeaning = \"m\"\n";
    let test = |id: &str| {
        let head = format!("id = \"{id}\"\ntitle = \"t\"\nquestion = \"q\"\npopulation = \"p\"\nseverity = \"low\"\n");
        let files = [
            ("test.toml", format!("{head}fail_entries = []\n{parameter}")),
            ("test.sql", "SELECT $max_age_days".to_owned()),
            ("pass.ndjson", String::new()),
            ("fail.ndjson", String::new()),
        ];
        files.map(|(name, text)| (format!("tests/{id}/{name}"), text.into_bytes()))
    };
    Catalogue::from_files(test("CT-A-01").into_iter().chain(test("CT-B-01"))).unwrap()
}

fn bound(policy: &Policy, test: &str) -> (i64, ValueOrigin) {
    let catalogue = catalogue();
    let values = policy.bind(catalogue.test(test).unwrap());
    match &values["max_age_days"] {
        BoundValue { value: ParameterValue::Integer(number), origin, .. } => (*number, *origin),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_value_comes_from_the_test_table_then_the_thresholds_then_the_default() {
    let both = policy("[thresholds]\nmax_age_days = 60\n[tests.\"CT-A-01\"]\nmax_age_days = 30\n");
    assert_eq!(bound(&both, "CT-A-01"), (30, ValueOrigin::Policy));
    assert_eq!(bound(&both, "CT-B-01"), (60, ValueOrigin::Policy));
    assert_eq!(bound(&policy(""), "CT-A-01"), (90, ValueOrigin::Default));
    // A policy that happens to agree with the default is still a decision.
    assert_eq!(bound(&policy("thresholds.max_age_days = 90"), "CT-A-01"), (90, ValueOrigin::Policy));
}

#[test]
fn an_unknown_key_is_refused_with_line_and_key() {
    let message = refusal("organisation = \"x\"\nthreshold = 1\n");
    assert!(message.starts_with("p.toml, line 2, column 1: unknown field `threshold`"), "{message}");
}

#[test]
fn a_wrong_type_is_refused_with_line_and_key() {
    let message = refusal("[thresholds]\n\nmax_age_days = 1.5\n");
    assert!(message.starts_with("p.toml, line 3, column 16: max_age_days: "), "{message}");
    assert!(message.ends_with("expected an integer or a text"), "{message}");
    assert!(refusal("[[teams]]\nname = \"a\"\nroles = [\"rules\"]\n").contains("line 3"));
}

#[test]
fn contradictions_are_refused() {
    let team = "[[teams]]\nname = \"a\"\nroles = [\"decides\"]\n";
    assert_eq!(refusal(&team.repeat(2)), "p.toml: teams: the name \"a\" is given twice");
    let source = "[[sources]]\nid = \"s\"\nheartbeat_seconds = 60\n";
    assert!(refusal(&source.repeat(2)).contains("sources: the id \"s\" is given twice"));
    assert!(refusal(&source.replace("60", "0")).contains("at least 1"));
    let owner = "[[owners]]\ndomain = \"d\"\nrole = \"policy-owner\"\nowner = \"o\"\n";
    assert!(refusal(&owner.repeat(2)).contains("given twice"));
    assert!(
        refusal("[[scope.out]]\nframework = \"f\"\ncontrol = \"c\"\nreason = \" \"\n").contains("without a reason")
    );
    assert_eq!(
        refusal("[tests.\"CT-A-01\"]\nmax_age_days = -1\n"),
        "p.toml, line 2, column 16: max_age_days: a threshold cannot be negative"
    );
}

#[test]
fn a_name_that_nothing_has_is_refused_with_its_line() {
    let check = |text| policy(text).check(&catalogue()).unwrap_err().to_string();
    assert_eq!(
        check("[thresholds]\nmax_age_dyas = 1"),
        "p.toml, line 2, column 16: max_age_dyas: no test has a parameter of this name"
    );
    assert!(check("[tests.\"CT-Z-09\"]\nmax_age_days = 1").starts_with("p.toml, line 1, column 8: tests.CT-Z-09"));
    assert!(check("[tests.\"CT-A-01\"]\nage = 1").ends_with("it has: max_age_days"));
    assert!(check("[thresholds]\nmax_age_days = \"x\"").contains("takes an integer here, not a text"));
    assert!(check("[scope]\nframeworks = [\"nope\"]").contains("\"nope\""));
    assert!(
        check("[[scope.out]]\nframework = \"f\"\ncontrol = \"c\"\nreason = \"r\"").contains("f c is not a control")
    );
    policy("[thresholds]\nmax_age_days = 1").check(&catalogue()).unwrap();
}

#[test]
fn the_default_policy_decides_nothing_and_fits_the_catalogue() {
    let policy = Policy::default_documented().unwrap();
    assert!(policy.is_default() && policy.content == PolicyFile::default());
    policy.check(&Catalogue::builtin().unwrap()).unwrap();
    assert_eq!(policy.sha256().len(), 64);
}

#[test]
fn the_examples_in_the_default_policy_are_a_policy_when_uncommented() {
    let text = Policy::default_documented().unwrap().text().to_owned();
    let examples: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#: ")).collect();
    let policy = policy(&examples.join("\n"));
    assert!(!policy.owners().is_empty() && !policy.teams().is_empty() && !policy.sources().is_empty());
    assert!(!policy.content.thresholds.is_empty() && !policy.content.tests.is_empty());
    let out = &policy.scope().out[0];
    assert_eq!(policy.excluded(&out.framework, &out.control), Some(out.reason.as_str()));
}
