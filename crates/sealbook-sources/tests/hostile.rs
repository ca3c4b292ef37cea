//! Hostile bodies: every source answers with a clear error or a refusal, never with a panic or with silence.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test helper fails its test")]

use proptest::prelude::*;
use sealbook_sources::{Item, Source, Unreadable, all, detect};

fn read(source: &dyn Source, body: &[u8]) -> Result<Vec<Result<String, String>>, Unreadable> {
    let mut found = Vec::new();
    let result = source.read(body, &mut |item| {
        found.push(match item {
            Item::Event(mapped) => {
                mapped.event.check().unwrap();
                Ok(mapped.event.id)
            }
            Item::Refused { reason, .. } => Err(reason.to_string()),
        });
    });
    assert!(result.is_ok() || found.is_empty(), "an unreadable body gave items");
    result.map(|()| found)
}

/// Every source must refuse `body` and say `why`.
fn refused_by_all(body: &[u8], why: &str) {
    for source in all() {
        let said = match read(*source, body) {
            Err(unreadable) => unreadable.to_string(),
            Ok(items) => items.into_iter().map(|item| item.expect_err("refused")).collect::<Vec<_>>().join("; "),
        };
        assert!(said.contains(why), "{}: {said:?} does not say {why:?}", source.name());
    }
}

#[test]
fn an_empty_body_is_refused() {
    refused_by_all(b"", "(byte 0): is empty");
    refused_by_all(b" \n\n", "(byte 3): is empty");
}

#[test]
fn a_body_of_another_format_is_refused() {
    refused_by_all(b"hello world", "found 'h'; expected a JSON object");
    refused_by_all(b"<xml/>", "found '<'");
    refused_by_all(b"\x1f\x8b\x08\x00", "found byte 0x1f");
    refused_by_all(b"\"text\"", "found '\"'");
    for source in all() {
        let items = read(*source, b"{\"some\":\"other\"}").unwrap();
        assert!(matches!(&items[..], [Err(_)]), "{}: {items:?}", source.name());
    }
}

#[test]
fn a_body_that_was_cut_off_is_refused_as_a_whole() {
    refused_by_all(b"{\"id\":\"1\",", "was it cut off");
    refused_by_all(b"[{\"id\":\"1\"},", "was it cut off");
}

#[test]
fn elements_that_are_no_objects_are_refused() {
    refused_by_all(b"[1,]", "found ']'");
    for source in all() {
        let items = read(*source, b"[1,\"a\",null,[]]").unwrap();
        assert_eq!(items.len(), 4);
        assert!(items.iter().all(Result::is_err), "{}", source.name());
    }
}

#[test]
fn depth_bombs_are_refused() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(300_000), "]".repeat(300_000));
    refused_by_all(deep.as_bytes(), "120 levels");
    refused_by_all("[".repeat(2_000_000).as_bytes(), "cut off");
}

#[test]
fn repeated_names_are_refused_with_their_path() {
    refused_by_all(br#"{"a":{"b":[{"c":1,"c":2}]}}"#, "a.b.0.c: appears twice");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_offset() {
    refused_by_all(b"{\"a\":\"\xff\xfe\"}", "(byte 6): is not UTF-8");
    refused_by_all(b"{\"a\":\"b\0\"}", "(byte 7)");
    refused_by_all(b"{\"a\":\"\\ud800\"}", "(byte ");
}

#[test]
fn numbers_that_no_machine_holds_are_refused() {
    refused_by_all(b"{\"a\":1e99999}", "a: number out of range");
}

#[test]
fn a_large_element_is_refused_by_size() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    refused_by_all(large.as_bytes(), "has 1048584 bytes, at most 1048576");
}

#[test]
fn a_bad_element_does_not_touch_its_neighbours() {
    let good =
        |n: u32| format!(r#"{{"id":"{n}","kind":"review","subject":{{"id":"s","type":"human"}},"outcome":"success"}}"#);
    let mut body = Vec::new();
    body.extend(good(1).bytes());
    body.extend(b"\n{\"id\":\"\xff\"}\n{\"id\":\n");
    body.extend(good(4).bytes());
    let native = sealbook_sources::by_name("native").unwrap();
    let items = read(native, &body).unwrap();
    assert_eq!(items.len(), 4);
    assert_eq!((&items[0], &items[3]), (&Ok("1".into()), &Ok("4".into())));
    assert!(items[1].as_ref().unwrap_err().starts_with("line 2 "));
    assert!(items[2].as_ref().unwrap_err().starts_with("line 3 "));
}

/// Words that lead deep into the mappings when put together at random.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\n",
    "null",
    "true",
    "1e9",
    "-5",
    "\"id\":",
    "\"kind\":",
    "\"Records\":[",
    "\"eventName\":\"AssumeRole\"",
    "\"eventID\":\"x\"",
    "\"awsRegion\":\"r\"",
    "\"userIdentity\":{\"arn\":\"arn:aws:iam::1:role/x\"}",
    "\"auditID\":\"a\"",
    "\"verb\":\"get\"",
    "\"items\":[",
    "\"request\":{\"path\":\"sys/rotate\"}",
    "\"type\":\"response\"",
    "\"auth\":{}",
    "\"decision_id\":\"d\"",
    "\"result\":{\"allow\":true}",
    "\"input\":{\"subject\":{\"id\":\"s\"}}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_a_source_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = detect(&body);
        for source in all() {
            let _ = read(*source, &body);
        }
    }

    #[test]
    fn no_broken_json_makes_a_source_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40)) {
        let body = words.concat();
        let _ = detect(body.as_bytes());
        for source in all() {
            let _ = read(*source, body.as_bytes());
        }
    }
}
