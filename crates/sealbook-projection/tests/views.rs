//! What the views say about a few events: the rules of `docs/views.md`, one by one.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop a test that cannot go on")]

use sealbook_projection::{Builder, Cell, Door, Place, Projection, Query, Sample, VIEWS, portable_script};

/// Event lines: `(day of January 2026, kind, subject, rest of the event)`.
fn sample(events: &[(u8, &str, &str, &str)]) -> Projection {
    let mut text = String::new();
    for (n, (day, kind, subject, rest)) in events.iter().enumerate() {
        let outcome = if *kind == "decision" { "allow" } else { "success" };
        let outcome = if rest.contains("\"outcome\"") { String::new() } else { format!(r#","outcome":"{outcome}""#) };
        text += &format!(
            r#"{{"event":{{"id":"{n}","kind":"{kind}","occurred_at":"2026-01-{day:02}T00:00:00Z","subject":{{"id":"{subject}","type":"service-account"}}{outcome}{rest}}}}}"#
        );
        text.push('\n');
    }
    Sample::parse(&text).unwrap().project().unwrap()
}

/// The answer as lines, cells joined by `|`; times as days of January 2026.
fn ask(projection: &Projection, sql: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let show = |cell: &Cell<'_>| match cell {
        Cell::Null => "-".to_owned(),
        Cell::Integer(n) if *n > 1_000_000_000 => {
            let day = (n - 1_767_225_600_000_000) / 86_400_000_000 + 1;
            format!("d{day}")
        }
        Cell::Integer(n) => n.to_string(),
        Cell::Real(x) => x.to_string(),
        Cell::Text(text) => (*text).to_owned(),
    };
    let asked = projection.query(&Query::new(sql, Door::Portable), &mut |_, cells| {
        lines.push(cells.iter().map(show).collect::<Vec<_>>().join("|"));
    });
    asked.unwrap();
    lines
}

#[test]
fn a_sealed_field_says_that_it_is_there_and_not_what_it_is() {
    let with = r#","reason":"ticket 7","labels":{"a":"1"}"#;
    let projection = sample(&[(1, "decision", "a", with), (2, "decision", "a", "")]);
    assert_eq!(ask(&projection, "SELECT entry, reason FROM decisions ORDER BY entry"), ["0|(sealed)", "1|-"]);
    assert_eq!(ask(&projection, "SELECT entry, name, value FROM labels"), ["0|a|1"]);
}

#[test]
fn every_view_exists_over_no_entries_at_all() {
    let projection = sample(&[]);
    for view in
        VIEWS.iter().map(|view| view.name).chain(["entries", "decisions", "attestations", "labels", "policy_teams"])
    {
        assert_eq!(ask(&projection, &format!("SELECT COUNT(*) FROM {view}")), ["0"], "{view}");
    }
    assert_eq!(ask(&projection, "SELECT first_entry, end_entry, origin FROM ledger"), ["-|-|-"]);
}

#[test]
fn entries_are_the_rows_of_all_kinds_and_threads_are_numbered() {
    let projection = sample(&[(1, "decision", "a", ""), (2, "policy", "b", ""), (3, "review", "a", "")]);
    let sql = "SELECT entry, kind, subject_id, thread_n, thread_prev, event_at FROM entries ORDER BY entry";
    assert_eq!(ask(&projection, sql), ["0|decision|a|1|-|d1", "1|policy|b|1|-|d2", "2|review|a|2|0|d3"]);
    assert_eq!(ask(&projection, "SELECT e.entry FROM entries e JOIN entries f ON f.entry = e.thread_prev"), ["2"]);
}

#[test]
fn an_identity_is_active_from_provisioning_to_the_first_end_and_again_when_it_comes_back() {
    let verb = |verb: &str| format!(r#","lifecycle":{{"verb":"{verb}"}}"#);
    let (p, d, o) = (verb("provisioned"), verb("disabled"), verb("offboarded"));
    let failed = format!(r#"{o},"outcome":"failure""#);
    let projection = sample(&[
        (1, "lifecycle", "a", &p),
        (2, "lifecycle", "a", &p),
        (3, "lifecycle", "a", &failed),
        (4, "lifecycle", "a", &d),
        (5, "lifecycle", "a", &o),
        (6, "lifecycle", "a", &p),
        (7, "lifecycle", "b", &o),
    ]);
    let sql =
        "SELECT id, n, starts_at, start_entry, ends_at, end_entry, end_verb FROM identity_intervals ORDER BY id, n";
    assert_eq!(ask(&projection, sql), ["a|1|d1|0|d4|3|disabled", "a|2|d6|5|-|-|-"]);
    let sql = "SELECT id, provisioned_at, provisioned_by, ended_at, ended_verb, machine FROM identities ORDER BY id";
    assert_eq!(ask(&projection, sql), ["a|d1|a|-|-|1", "b|-|-|d7|offboarded|1"]);
}

#[test]
fn an_identity_tells_its_owner_team_and_uses() {
    let owned = r#","lifecycle":{"verb":"provisioned","owner":"ann"},"actor":{"id":"hr","type":"system"}"#;
    let moved = r#","lifecycle":{"verb":"transferred","owner":"bob"}"#;
    let projection = sample(&[
        (1, "lifecycle", "a", owned),
        (2, "decision", "a", ""),
        (3, "decision", "a", ""),
        (3, "decision", "a", r#","outcome":"deny""#),
        (4, "lifecycle", "a", moved),
    ]);
    let sql = "SELECT owner, provisioned_by, first_entry, last_entry, first_use_entry, last_use_entry, last_use_at, uses FROM identities";
    assert_eq!(ask(&projection, sql), ["bob|hr|0|4|1|2|d3|2"]);
    let sql = "SELECT owned, role, owner, starts_at, ends_at, end_entry, via FROM owners ORDER BY start_entry";
    assert_eq!(
        ask(&projection, sql),
        ["a|lifecycle-owner|ann|d1|d4|4|lifecycle", "a|lifecycle-owner|bob|d4|-|-|lifecycle"]
    );
}

#[test]
fn a_domain_without_a_named_owner_is_vacant() {
    let of = |owner: &str| format!(r#","ownership":{{"domain":"pay","role":"policy-owner"{owner}}}"#);
    let ann = of(r#","owner":"ann","team":"t""#);
    let projection = sample(&[(1, "ownership", "ann", &ann), (5, "ownership", "ann", &of(""))]);
    let sql = "SELECT owned, owner, team, starts_at, ends_at FROM owners ORDER BY start_entry";
    assert_eq!(ask(&projection, sql), ["pay|ann|t|d1|d5", "pay|-|-|d5|-"]);
}

#[test]
fn a_credential_is_followed_from_minting_to_replacement_and_revocation() {
    let credential = |rest: &str| format!(r#","credential":{{{rest}}}"#);
    let projection = sample(&[
        (1, "issuance", "a", &credential(r#""id":"k1","type":"api-key","expires_at":"2026-01-20T00:00:00Z""#)),
        (2, "decision", "a", &credential(r#""id":"k1""#)),
        (3, "rotation", "a", &credential(r#""id":"k2","type":"api-key","replaces":"k1""#)),
        (4, "revocation", "a", &credential(r#""id":"k1""#)),
        (5, "decision", "b", &credential(r#""id":"k9","type":"token","issued_at":"2026-01-03T00:00:00Z""#)),
    ]);
    let sql = "SELECT id, type, subject_id, issued_at, issued_entry, issued_kind, expires_at, replaces, replaced_by, replaced_entry,
        revoked_at, first_entry, last_use_entry, uses FROM credentials ORDER BY id";
    let expected = [
        "k1|api-key|a|d1|0|issuance|d20|-|k2|2|d4|0|1|1",
        "k2|api-key|a|d3|2|rotation|-|k1|-|-|-|2|-|0",
        "k9|token|b|d3|-|-|-|-|-|-|-|4|4|1",
    ];
    assert_eq!(ask(&projection, sql), expected);
}

#[test]
fn an_exception_is_open_by_terms() {
    let act = |verb: &str, rest: &str| format!(r#","exception":{{"id":"x","verb":"{verb}"{rest}}}"#);
    let opened =
        act("opened", r#","owner":"ann","granted_by":"bob","justification":"j","expires_at":"2026-01-05T00:00:00Z""#);
    let projection = sample(&[
        (1, "exception", "a", &format!(r#"{opened},"labels":{{"scope":"CT-A CT-B"}},"resource":{{"id":"db"}}"#)),
        (3, "exception", "a", &act("renewed", r#","expires_at":"2026-01-20T00:00:00Z""#)),
        (4, "exception", "a", &act("used", "")),
        (8, "exception", "a", &act("renewed", "")),
        (10, "exception", "a", &act("closed", "")),
        (12, "exception", "a", &act("opened", "")),
    ]);
    let sql = "SELECT term, start_verb, starts_at, expires_at, closed_at, closed_entry, ends_at, last_term, owner, scope, resource_id,
        has_justification, has_compensating_control FROM exception_intervals ORDER BY term";
    let expected = [
        "1|opened|d1|d5|d10|4|d3|0|ann|CT-A CT-B|db|1|0",
        "2|renewed|d3|d20|d10|4|d8|0|ann|CT-A CT-B|db|1|0",
        "3|renewed|d8|d20|d10|4|d10|0|ann|CT-A CT-B|db|1|0",
        "4|opened|d12|-|-|-|-|1|-|-|-|0|0",
    ];
    assert_eq!(ask(&projection, sql), expected);
    assert_eq!(ask(&projection, "SELECT id, term FROM open_exceptions"), ["x|4"]);
}

#[test]
fn long_and_numeric_texts_come_back_as_they_were() {
    let long = "x".repeat(300);
    let projection = sample(&[(1, "decision", &long, r#","action":"0""#), (2, "decision", "1", r#","action":"1""#)]);
    let lines = ask(&projection, "SELECT subject_id, action FROM decisions ORDER BY entry");
    assert_eq!(lines, [format!("{long}|0"), "1|1".to_owned()]);
}

#[test]
fn a_projection_in_a_file_gives_the_same_answers_as_one_in_memory() {
    let long = "x".repeat(300);
    let lines: Vec<String> = [long.as_str(), "1", "a", "1"]
        .iter()
        .enumerate()
        .map(|(n, subject)| {
            format!(
                r#"{{"event":{{"id":"{n}","kind":"decision","subject":{{"id":"{subject}","type":"human"}},"outcome":"allow","action":"{n}","reason":"r","labels":{{"k":"v"}}}}}}"#
            )
        })
        .collect();
    let sample = Sample::parse(&lines.join("\n")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let places = [Place::Memory, Place::Temporary, Place::File(folder.path().join("p.sqlite"))];
    let answers = places.map(|place| {
        let mut builder = Builder::new(&place).unwrap();
        sample.entries.iter().for_each(|entry| builder.push(entry).unwrap());
        let projection = builder.finish().unwrap();
        let views = ["entries", "decisions", "labels", "identities"];
        views.map(|view| ask(&projection, &format!("SELECT * FROM {view} ORDER BY 1")))
    });
    assert_eq!(answers[0][0].len(), 4);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn the_portable_script_makes_every_view_and_calls_no_function_that_other_engines_lack() {
    let script = portable_script();
    assert_eq!(script.matches("CREATE VIEW").count(), 12 + VIEWS.len());
    // Running a view's own text through the portable door checks every function in it.
    let projection = sample(&[(1, "decision", "a", "")]);
    for view in VIEWS {
        ask(&projection, view.sql);
    }
}
