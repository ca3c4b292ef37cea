//! The protobuf form: requests are walked where they lie, records are decoded one at a time.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};
use serde_json::{Map, Number, Value as Json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::record::Record;
use super::{Attributes, Place};
use crate::frame::Element;
use crate::item::{Reason, Unmapped, Unreadable};

/// Numbers of fields (opentelemetry-proto, `logs/v1/logs.proto` and `collector/logs/v1`).
const RESOURCE_LOGS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_LOGS: u32 = 2;
const SCOPE: u32 = 1;
const LOG_RECORDS: u32 = 2;
/// Records of one request; each costs some bytes of memory beside those that it was sent in.
const RECORDS_MAX: usize = 1 << 20;

#[derive(Clone, PartialEq, Message)]
struct Described {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(message, repeated, tag = "3")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 4, 5, 6, 7")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    List(List),
    #[prost(message, tag = "6")]
    Pairs(Described),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct LogRecord {
    #[prost(fixed64, tag = "1")]
    time: u64,
    #[prost(fixed64, tag = "11")]
    observed: u64,
    #[prost(string, tag = "3")]
    severity: String,
    #[prost(message, optional, tag = "5")]
    body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    attributes: Vec<KeyValue>,
    #[prost(bytes = "vec", tag = "9")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    span: Vec<u8>,
    #[prost(string, tag = "12")]
    event_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    message: String,
}

/// The answer to an export request in protobuf; with nothing rejected it is empty, which is valid.
#[must_use]
pub fn export_response(rejected: u64, message: &str) -> Vec<u8> {
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    let partial = (rejected > 0).then(|| PartialSuccess { rejected, message: message.to_owned() });
    ExportResponse { partial }.encode_to_vec()
}

/// Calls `found` for every embedded message: its number, and where it lies.
fn walk<'a>(bytes: &'a [u8], found: &mut dyn FnMut(u32, &'a [u8])) -> Result<(), String> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, wire) = decode_key(&mut rest).map_err(|e| e.to_string())?;
        if wire == WireType::LengthDelimited {
            let length = decode_varint(&mut rest).map_err(|e| e.to_string())?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let (inside, after) = rest.split_at_checked(length).ok_or("a message ends before its length")?;
            found(tag, inside);
            rest = after;
        } else {
            skip_field(wire, tag, &mut rest, DecodeContext::default()).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// Whether a whole body is an export request: nothing but resource logs, and those whole too.
pub(super) fn is_request(body: &[u8]) -> bool {
    let mut only = !body.is_empty();
    let whole = walk(body, &mut |tag, inside| {
        let mut known = true;
        let sound = walk(inside, &mut |tag, _| known &= (1..=3).contains(&tag) || tag == 1_000);
        only &= tag == RESOURCE_LOGS && sound.is_ok() && known;
    });
    whole.is_ok() && only
}

/// A record's place, or why it has none.
pub(super) type Found<'a> = Result<Place<'a>, (Unmapped, Element<'a>)>;

/// Every record of a request that [`is_request`] has passed.
pub(super) fn places(body: &[u8]) -> Result<Vec<Found<'_>>, Unreadable> {
    let mut found = Vec::new();
    let offset_of = |inside: &[u8]| (inside.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    let mut broken = None;
    let walked = walk(body, &mut |_, resource_logs| {
        let mut resource: &[u8] = &[];
        let mut scopes = Vec::new();
        let walked = walk(resource_logs, &mut |tag, inside| match tag {
            RESOURCE => resource = inside,
            SCOPE_LOGS => scopes.push(inside),
            _ => {}
        });
        if let Err(problem) = walked {
            broken.get_or_insert((offset_of(resource_logs), problem));
        }
        for scope_logs in scopes {
            let mut scope: &[u8] = &[];
            let before = found.len();
            let walked = walk(scope_logs, &mut |tag, record| match tag {
                SCOPE => scope = record,
                LOG_RECORDS if found.len() < RECORDS_MAX => {
                    let offset = offset_of(record);
                    found.push(Place { resource, scope: &[], record, offset, line: None });
                }
                LOG_RECORDS => {
                    broken.get_or_insert((0, format!("has more than {RECORDS_MAX} log records; send smaller batches")));
                }
                _ => {}
            });
            for place in found.iter_mut().skip(before) {
                place.scope = scope;
            }
            if let Err(problem) = walked {
                broken.get_or_insert((offset_of(scope_logs), problem));
            }
        }
    });
    if let Err(problem) = walked {
        broken.get_or_insert((0, problem));
    }
    match broken {
        Some((offset, problem)) => Err(Unreadable { offset, problem: format!("is no OTLP request: {problem}") }),
        None => Ok(found.into_iter().map(Ok).collect()),
    }
}

/// A request that holds this one record, from the bytes that were received.
pub(super) fn alone(place: &Place<'_>) -> Vec<u8> {
    let message = |tag: u32, inside: &[u8], out: &mut Vec<u8>| {
        encode_key(tag, WireType::LengthDelimited, out);
        encode_varint(inside.len() as u64, out);
        out.extend_from_slice(inside);
    };
    let mut scope_logs = Vec::new();
    if !place.scope.is_empty() {
        message(SCOPE, place.scope, &mut scope_logs);
    }
    message(LOG_RECORDS, place.record, &mut scope_logs);
    let mut resource_logs = Vec::new();
    if !place.resource.is_empty() {
        message(RESOURCE, place.resource, &mut resource_logs);
    }
    message(SCOPE_LOGS, &scope_logs, &mut resource_logs);
    let mut request = Vec::new();
    message(RESOURCE_LOGS, &resource_logs, &mut request);
    request
}

pub(super) fn record(place: &Place<'_>) -> Result<Record, Unmapped> {
    let unread = |at: &'static str| {
        move |e: prost::DecodeError| Unmapped::new(Reason::Syntax, at, format!("is no protobuf of OTLP: {e}"))
    };
    let log = LogRecord::decode(place.record).map_err(unread("logRecord"))?;
    let resource = Described::decode(place.resource).map_err(unread("resource"))?;
    let scope = Scope::decode(place.scope).map_err(unread("scope"))?;
    let id = |bytes: &[u8]| bytes.iter().any(|b| *b != 0).then(|| hex(bytes));
    Ok(Record {
        time: log.time,
        observed: log.observed,
        severity: log.severity,
        body: log.body.map_or(Json::Null, any),
        attributes: pairs(log.attributes),
        resource: pairs(resource.attributes),
        scope: (scope.name, scope.version, pairs(scope.attributes)),
        trace: id(&log.trace),
        span: id(&log.span),
        event_name: log.event_name,
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pairs(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key, pair.value.map_or(Json::Null, any))).collect()
}

fn any(value: AnyValue) -> Json {
    match value.value {
        None => Json::Null,
        Some(Any::Text(text)) => Json::String(text),
        Some(Any::Bool(flag)) => Json::Bool(flag),
        Some(Any::Int(number)) => Json::Number(number.into()),
        Some(Any::Double(number)) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        Some(Any::List(list)) => Json::Array(list.values.into_iter().map(any).collect()),
        Some(Any::Pairs(inside)) => Json::Object(self::pairs(inside.attributes).into_iter().collect::<Map<_, _>>()),
        Some(Any::Bytes(bytes)) => Json::String(STANDARD.encode(bytes)),
    }
}
