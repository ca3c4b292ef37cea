//! What an OPA result says: allowed, denied, or nothing that can be told without the policy.

use sealbook_core::event::Outcome;

use crate::json::Value;

/// Where a result object puts its answer, best first.
const ANSWERS: &[&str] = &["allow", "allowed", "decision", "response.allowed", "authorized"];

/// Last part of the path of a rule that lists what is wrong: there, `true` or an entry means no.
const DENYING: &[&str] = &["deny", "denied", "violation", "violations"];

pub(super) fn outcome(event: &Value<'_>) -> Outcome {
    if !event.get("error").is_null() {
        return Outcome::Failure;
    }
    let path = event.get("path").text().unwrap_or_default();
    let denying = path.rsplit('/').next().is_some_and(|last| DENYING.contains(&last));
    match event.get("result") {
        result @ (Value::List(_) | Value::Bool(_)) if denying => match says_anything(result) {
            true => Outcome::Deny,
            false => Outcome::Allow,
        },
        Value::Map(_) => of_object(event.get("result")),
        other => word(other),
    }
}

fn of_object(result: &Value<'_>) -> Outcome {
    let answer = ANSWERS.iter().map(|path| result.at(path)).find(|value| !value.is_null());
    if let Some(answer) = answer {
        return word(answer);
    }
    match DENYING.iter().any(|name| says_anything(result.get(name))) {
        true => Outcome::Deny,
        false => Outcome::Unknown,
    }
}

fn word(value: &Value<'_>) -> Outcome {
    match value {
        Value::Bool(true) => Outcome::Allow,
        Value::Bool(false) => Outcome::Deny,
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "allow" | "allowed" | "permit" => Outcome::Allow,
            "deny" | "denied" | "forbid" => Outcome::Deny,
            _ => Outcome::Unknown,
        },
        _ => Outcome::Unknown,
    }
}

fn says_anything(value: &Value<'_>) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::List(items) => !items.is_empty(),
        Value::Map(pairs) => !pairs.is_empty(),
        Value::Text(text) => !text.is_empty(),
        _ => false,
    }
}

/// Why: the error, or the result's own words.
pub(super) fn reason<'v>(event: &'v Value<'_>) -> Option<&'v str> {
    let result = event.get("result");
    [event.at("error.message"), result.get("reason"), result.get("message"), result.at("response.status.message")]
        .into_iter()
        .find_map(Value::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_result_has_its_outcome() {
        for (text, expected) in [
            (r#"{"result":true}"#, Outcome::Allow),
            (r#"{"result":false}"#, Outcome::Deny),
            (r#"{"result":{"allow":true}}"#, Outcome::Allow),
            (r#"{"result":{"allowed":false}}"#, Outcome::Deny),
            (r#"{"result":{"decision":"ALLOW"}}"#, Outcome::Allow),
            (r#"{"result":"deny"}"#, Outcome::Deny),
            (r#"{"result":{"response":{"allowed":false}}}"#, Outcome::Deny),
            (r#"{"result":{"deny":["no"]}}"#, Outcome::Deny),
            (r#"{"result":{"deny":[]}}"#, Outcome::Unknown),
            (r#"{"path":"a/deny","result":["no"]}"#, Outcome::Deny),
            (r#"{"path":"a/deny","result":[]}"#, Outcome::Allow),
            (r#"{"path":"a/deny","result":true}"#, Outcome::Deny),
            (r#"{"result":{"roles":["x"]}}"#, Outcome::Unknown),
            (r#"{"result":{"allow":"perhaps"}}"#, Outcome::Unknown),
            (r#"{"result":7}"#, Outcome::Unknown),
            (r#"{"path":"a/b"}"#, Outcome::Unknown),
            (r#"{"result":true,"error":{"code":"x"}}"#, Outcome::Failure),
        ] {
            let event = crate::json::parse(text.as_bytes()).unwrap();
            assert_eq!(outcome(&event), expected, "{text}");
        }
    }
}
