//! Sources described in TOML.

use super::*;

const AUTH: &str = r#"
name = "door"
version = 3
envelope = "/data/rows"
sequence = "/n"
when = [{ at = "/door", exists = true }]

[event]
id = "/row~1id"
kind = [
    { when = { at = "/what", starts = "key." }, at = "/what", map = { "key.new" = "issuance", "key.off" = "revocation" } },
    { at = "/what", map = { open = "decision" }, else = "decision" },
]
occurred_at = { at = "/t", time = "epoch-seconds" }
outcome = { at = "/ok", map = { true = "allow", false = "deny" }, else = "unknown" }
action = "/what"
subject.id = { first = ["/who/mail", "/who/badge"], prefix = "" }
subject.type = { text = "human" }
actor.id = { at = "/by", prefix = "door:" }
resource = { id = "/door", type = "door" }
context.mfa = "/pin"
labels.floor = "/floors/0"
"#;

fn read(text: &str, body: &str) -> Vec<String> {
    let custom = Custom::parse(text).unwrap();
    let mut found = Vec::new();
    custom
        .read(body.as_bytes(), &mut |item| {
            found.push(match item {
                Item::Event(mapped) => {
                    mapped.event.check().unwrap();
                    format!("{:?} {}", mapped.sequence, crate::to_json(&mapped.event))
                }
                Item::Refused { reason, .. } => format!("{}: {reason}", reason.reason.code()),
            });
        })
        .unwrap();
    found
}

#[test]
fn a_described_source_gives_events_without_code() {
    let body = r#"{"data":{"rows":[
        {"row/id":"r1","n":7,"what":"open","t":1790000000.25,"ok":true,"who":{"mail":"Ann@Shop.Example"},"by":"b1","door":"d1","pin":true,"floors":[2]},
        {"row/id":"r2","what":"key.new","t":1790000001,"ok":false,"who":{"badge":77},"door":"d1"},
        {"row/id":"r3","what":"strange","who":{"badge":"x"},"door":"d1"}]}}"#;
    let found = read(AUTH, body);
    assert_eq!(found.len(), 3);
    assert_eq!(
        found[0],
        r#"Some(7) {"action":"open","actor":{"id":"door:b1","type":"unknown"},"context":{"mfa":true},"id":"r1","kind":"decision","labels":{"floor":"2"},"occurred_at":"2026-09-21T14:13:20.25Z","outcome":"allow","resource":{"id":"d1","type":"door"},"subject":{"id":"ann@shop.example","type":"human"}}"#
    );
    assert!(found[1].contains(r#""kind":"issuance""#) && found[1].contains(r#""id":"77""#), "{}", found[1]);
    assert!(found[2].contains(r#""labels":{"unmapped":"strange"}"#), "{}", found[2]);
}

#[test]
fn what_the_description_does_not_cover_is_refused_by_name() {
    let cases = [
        (r#"{"what":"open","door":"d"}"#, "missing-field: element 1 (byte 0): subject.id: is missing"),
        (r#"{"what":"key.bent","door":"d","who":{"badge":"b"}}"#, ""),
        (r#"{"what":"open","who":{"badge":"b"}}"#, "other-format: element 1 (byte 0): does not meet"),
        (
            r#"{"what":"open","door":"d","who":{"badge":"b"},"pin":"perhaps"}"#,
            "wrong-type: element 1 (byte 0): context.mfa",
        ),
        ("7", "unreadable"),
        ("[7]", "wrong-type: element 1 (byte 1): is no object"),
    ];
    for (body, expected) in cases {
        if expected == "unreadable" {
            let custom = Custom::parse(AUTH).unwrap();
            assert!(custom.read(body.as_bytes(), &mut |_| ()).is_err());
            continue;
        }
        assert!(
            read(AUTH, body)[0].replace("line 1", "element 1").contains(expected),
            "{body}: {:?}",
            read(AUTH, body)
        );
    }
    let soon = read(AUTH, r#"{"what":"open","door":"d","who":{"badge":"b"},"t":"soon"}"#);
    assert!(soon[0].contains(r#""omitted":"occurred_at""#), "{soon:?}");
    let strict = AUTH.replace(r#"map = { open = "decision" }, else = "decision""#, r#"map = { open = "decision" }"#);
    let found = read(&strict, r#"{"what":"bent","door":"d","who":{"badge":"b"}}"#);
    assert!(found[0].starts_with("unknown-word: "), "{found:?}");
    assert!(found[0].contains(r#"kind: /what holds "bent", which the map does not know"#), "{found:?}");
}

#[test]
fn a_wrong_description_is_refused_with_the_path_of_the_key() {
    let with = |from: &str, to: &str| Custom::parse(&AUTH.replace(from, to)).unwrap_err().to_string();
    for (from, to, expected) in [
        ("version = 3", "version = 0", "version: must be a number from 1"),
        ("version = 3", "colour = 3", "colour: unknown key; known here: name, version"),
        (r#"name = "door""#, r#"name = "Door""#, "name: \"Door\" is no name"),
        (r#"name = "door""#, r#"name = "okta""#, "name: \"okta\" is a source of its own"),
        (r#"name = "door""#, "", "name: is missing"),
        (r#"id = "/row~1id""#, r#"id = "/row~2id""#, "event.id: \"/row~2id\" is no JSON pointer"),
        (r#"open = "decision""#, r#"open = "magic""#, "event.kind.1.map.open: \"magic\" is none of decision, "),
        (r#"time = "epoch-seconds""#, r#"time = "noon""#, "event.occurred_at.time: \"noon\" is none of"),
        (r#"action = "/what""#, r#"deed = "/what""#, "event.deed: events have no such field"),
        (r#"context.mfa = "/pin""#, r#"context.shoe = "/pin""#, "event.context.shoe: events have no such field"),
        (r#"context.mfa = "/pin""#, r#"context.mfa = "perhaps""#, "event.context.mfa: expected true or false"),
        (r#"starts = "key.""#, r#"ends = "key.""#, "event.kind.0.when.ends: unknown key"),
        (r#"first = ["/who/mail", "/who/badge"]"#, "first = []", "event.subject.id: needs one of: at = "),
        (r#"subject.id = { first"#, r#"subject.name = { first"#, "event.subject.id: is missing"),
        ("[event]", "[event", "(file): TOML parse error"),
    ] {
        let said = with(from, to);
        assert!(said.starts_with(expected), "{to}: {said}");
    }
}

#[test]
fn the_documented_descriptions_are_sound() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let text = std::fs::read_to_string(format!("{docs}/sources.md")).unwrap();
    let example = text.split("```toml").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(Custom::parse(example).unwrap().name, "door");
    let mut found = 0;
    for file in std::fs::read_dir(format!("{docs}/sources")).unwrap() {
        let path = file.unwrap().path();
        let custom = Custom::parse(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(
            path.file_stem().unwrap().to_str().unwrap(),
            custom.unwrap_or_else(|e| panic!("{}: {e}", path.display())).name
        );
        found += 1;
    }
    assert!(found > 3);
}
