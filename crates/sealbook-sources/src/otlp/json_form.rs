//! The JSON form (OTLP 1, "JSON Protobuf Encoding"): lower camel case, 64-bit integers as text, ids in hex.

use serde_json::{Map, Number, Value as Json};

use super::proto::Found;
use super::record::Record;
use super::{Attributes, Place};
use crate::frame::{self, Element};
use crate::item::{Reason, Unmapped, Unreadable};
use crate::json::{self, Value};
use crate::source::check_size;

/// Every record of every request; a request that is none is one refused element.
pub(super) fn places(body: &[u8]) -> Result<Vec<Found<'_>>, Unreadable> {
    let mut found = Vec::new();
    for element in frame::split(body, &[])? {
        let before = found.len();
        if let Err((error, at)) = request(element, &mut found) {
            found.truncate(before);
            found.push(Err((error, Element { offset: element.offset + at, ..element })));
        }
    }
    Ok(found)
}

/// An error, and bytes from the start of the request.
type Broken = (Unmapped, usize);

fn request<'a>(element: Element<'a>, found: &mut Vec<Found<'a>>) -> Result<(), Broken> {
    let raw = element.raw;
    let broken = |e: Unreadable| (Unmapped::new(Reason::Syntax, "", e.problem), e.offset);
    let Some(logs) = frame::member(raw, 0, "resourceLogs").ok().flatten() else {
        check_size(raw).map_err(|error| (error, 0))?;
        let value = json::parse(raw).map_err(|error| (error.clone().into(), error.offset))?;
        let error = match value.is_map() {
            true => Unmapped::missing("resourceLogs"),
            false => Unmapped::new(Reason::WrongType, "", "is no object"),
        };
        return Err((error, 0));
    };
    let mut groups = Vec::new();
    frame::items(raw, logs.0, &mut |range| groups.push(range)).map_err(broken)?;
    for (at, _) in groups {
        let resource = slice(raw, frame::member(raw, at, "resource").map_err(broken)?);
        let Some((scopes, _)) = frame::member(raw, at, "scopeLogs").map_err(broken)? else { continue };
        let mut ranges = Vec::new();
        frame::items(raw, scopes, &mut |range| ranges.push(range)).map_err(broken)?;
        for (at, _) in ranges {
            let scope = slice(raw, frame::member(raw, at, "scope").map_err(broken)?);
            let Some((records, _)) = frame::member(raw, at, "logRecords").map_err(broken)? else { continue };
            frame::items(raw, records, &mut |(from, to)| {
                let record = raw.get(from..to).unwrap_or_default();
                found.push(Ok(Place { resource, scope, record, offset: element.offset + from, line: element.line }));
            })
            .map_err(broken)?;
        }
    }
    Ok(())
}

fn slice(raw: &[u8], range: Option<(usize, usize)>) -> &[u8] {
    range.and_then(|(from, to)| raw.get(from..to)).unwrap_or_default()
}

/// A request that holds this one record, from the bytes that were received.
pub(super) fn alone(place: &Place<'_>) -> Vec<u8> {
    let part = |name: &[u8], bytes: &[u8]| if bytes.is_empty() { Vec::new() } else { [name, bytes, b","].concat() };
    [
        b"{\"resourceLogs\":[{".as_slice(),
        &part(b"\"resource\":", place.resource),
        b"\"scopeLogs\":[{",
        &part(b"\"scope\":", place.scope),
        b"\"logRecords\":[",
        place.record,
        b"]}]}]}",
    ]
    .concat()
}

pub(super) fn record(place: &Place<'_>) -> Result<Record, Unmapped> {
    let read = |bytes: &[u8], path: &str| {
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        json::parse(bytes).map(Value::into_owned).map_err(|error| {
            let path = if error.path.is_empty() { path.to_owned() } else { format!("{path}.{}", error.path) };
            Unmapped { path, reason: error.reason, problem: error.problem }
        })
    };
    let (log, resource) = (read(place.record, "logRecord")?, read(place.resource, "resource")?);
    let scope = read(place.scope, "scope")?;
    if !log.is_map() {
        return Err(Unmapped::new(Reason::WrongType, "logRecord", "is no object"));
    }
    let text = |value: &Value<'_>, name: &str| value.get(name).text().unwrap_or_default().to_owned();
    let id = |name: &str| {
        let id = log.get(name).text()?.to_ascii_lowercase();
        id.bytes().any(|b| b != b'0').then_some(id)
    };
    Ok(Record {
        time: nanos(log.get("timeUnixNano")),
        observed: nanos(log.get("observedTimeUnixNano")),
        severity: text(&log, "severityText"),
        body: any(log.get("body")),
        attributes: attributes(log.get("attributes")),
        resource: attributes(resource.get("attributes")),
        scope: (text(&scope, "name"), text(&scope, "version"), attributes(scope.get("attributes"))),
        trace: id("traceId"),
        span: id("spanId"),
        event_name: text(&log, "eventName"),
    })
}

fn nanos(value: &Value<'_>) -> u64 {
    let number = value.int().and_then(|number| u64::try_from(number).ok());
    number.or_else(|| value.text()?.parse().ok()).unwrap_or(0)
}

fn attributes(list: &Value<'_>) -> Attributes {
    let pair = |pair: &Value<'_>| Some((pair.get("key").text()?.to_owned(), any(pair.get("value"))));
    list.items().iter().filter_map(pair).collect()
}

/// A value in its wrapping, such as `{"stringValue": "x"}`.
fn any(value: &Value<'_>) -> Json {
    let Some((sort, inside)) = value.pairs().first() else { return Json::Null };
    match (sort.as_ref(), inside) {
        ("stringValue" | "bytesValue", Value::Text(text)) => Json::String(text.to_string()),
        ("boolValue", Value::Bool(flag)) => Json::Bool(*flag),
        ("intValue", Value::Int(number)) => Json::Number((*number).into()),
        ("intValue", Value::Text(text)) => text.parse::<i64>().map_or(Json::Null, |number| Json::Number(number.into())),
        ("doubleValue", Value::Int(number)) => Json::Number((*number).into()),
        ("doubleValue", Value::Float(number)) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        ("arrayValue", list) => Json::Array(list.get("values").items().iter().map(any).collect()),
        ("kvlistValue", list) => Json::Object(attributes(list.get("values")).into_iter().collect::<Map<_, _>>()),
        _ => Json::Null,
    }
}
