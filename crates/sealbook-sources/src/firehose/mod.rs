//! Amazon Data Firehose over HTTP, and CloudWatch Logs subscriptions: records in base64, some of them gzip.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::carried::{self, Customs, Wrapping};
use crate::frame;
use crate::gzip::decompress;
use crate::item::{Item, Reason, Unmapped, Unreadable};
use crate::json::{self, Value};
use crate::source::{JSON, Source, check_size};
use crate::when::epoch_millis;

/// The source `firehose`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Firehose {
    pub customs: Customs,
}

/// Bytes of one record after decompression. AWS sends at most 1,000 KiB per record before compression; a record of
/// several log events shrinks by 10 to 40 times.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes of all records of one body after decompression.
const RECORDS_BYTES_MAX: usize = 64 << 20;
/// So many times its size may a record grow: logs shrink by 10 to 40 times, bombs by 1,000.
const GROWTH_MAX: usize = 100;
/// And by so many bytes, however short it is.
const GROWTH_BYTES: usize = 4 << 10;
/// What names the carrier in an event.
const CARRIER: &str = "firehose/1";
/// A subscription's test of the way; it carries no log.
const CONTROL: &str = "CONTROL_MESSAGE";
const DATA: &str = "DATA_MESSAGE";

impl Source for Firehose {
    fn name(&self) -> &str {
        "firehose"
    }

    fn version(&self) -> u32 {
        1
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let record = frame::first(head, &[&["records"]]).and_then(|element| json::parse(element.raw).ok());
        record.is_some_and(|value| {
            let record = value.get("data").text().is_some() && value.pairs().len() == 1;
            record
                || (value.get("requestId").text().is_some() && !value.get("records").is_null())
                || is_subscription(&value)
        })
    }

    fn read(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Unreadable> {
        let (mut number, mut left) = (0, RECORDS_BYTES_MAX);
        for element in frame::split(body, &[&["records"]])? {
            let value = check_size(element.raw)
                .map_err(|error| (error, 0))
                .and_then(|()| json::parse(element.raw).map_err(|error| (error.clone().into(), error.offset)));
            let place = (element.line, element.offset);
            let data = match value {
                Err((error, at)) => {
                    number += 1;
                    out(refused(error, number, (element.line, element.offset + at), element.raw));
                    continue;
                }
                Ok(value) if is_subscription(&value) => Ok(Cow::Borrowed(element.raw)),
                Ok(value) => opened(&value, left).map(Cow::Owned),
            };
            match data {
                Err(error) => {
                    number += 1;
                    out(refused(error, number, place, element.raw));
                }
                Ok(data) => {
                    left = left.saturating_sub(data.len());
                    self.record(&data, place, &mut number, out);
                }
            }
        }
        Ok(())
    }
}

fn is_subscription(value: &Value<'_>) -> bool {
    value.get("messageType").text().is_some()
        && (value.get("logGroup").text().is_some() || !value.get("logEvents").is_null())
}

/// The bytes of one record, at most `left`.
fn opened(value: &Value<'_>, left: usize) -> Result<Vec<u8>, Unmapped> {
    let data = value.get("data").text().ok_or_else(|| Unmapped::missing("data"))?;
    let bytes =
        STANDARD.decode(data).map_err(|e| Unmapped::new(Reason::Inner, "data", format!("is no base64: {e}")))?;
    let growth = bytes.len().saturating_mul(GROWTH_MAX).saturating_add(GROWTH_BYTES);
    let most = growth.min(RECORD_BYTES_MAX).min(left);
    let opened = decompress(&bytes, most).map_err(|e| Unmapped::new(Reason::Inner, "data", e.to_string()))?;
    Ok(opened.into_owned())
}

impl Firehose {
    /// The objects of one record: events of a source, or log events of a subscription. Each keeps its own bytes.
    fn record(
        &self,
        data: &[u8],
        (line, offset): (Option<usize>, usize),
        number: &mut usize,
        out: &mut dyn FnMut(Item),
    ) {
        let elements = match frame::split(data, &[]) {
            Ok(elements) => elements,
            Err(error) => {
                *number += 1;
                let reason = Unmapped::new(Reason::Inner, "data", error.problem).at(*number, line, offset);
                out(Item::Refused { reason, raw: data.to_vec() });
                return;
            }
        };
        for element in elements {
            let value = json::parse(element.raw);
            if let Ok(value) = &value
                && is_subscription(value)
            {
                self.subscription(value, element.raw, (line, offset), number, out);
                continue;
            }
            *number += 1;
            let wrapping = Wrapping { carrier: CARRIER, ..Wrapping::default() };
            let read = value
                .map_err(Unmapped::from)
                .and_then(|_| check_size(element.raw))
                .and_then(|()| carried::read(element.raw, self.customs.all()));
            match read {
                Ok(found) => carried::give(found, &wrapping, element.raw, JSON, out),
                Err(error) => out(refused(error, *number, (line, offset), element.raw)),
            }
        }
    }

    fn subscription(
        &self,
        value: &Value<'_>,
        raw: &[u8],
        place: (Option<usize>, usize),
        number: &mut usize,
        out: &mut dyn FnMut(Item),
    ) {
        match value.get("messageType").text() {
            Some(CONTROL) => return,
            Some(DATA) => {}
            _ => {
                *number += 1;
                let problem = format!("is neither {DATA} nor {CONTROL}");
                out(refused(Unmapped::new(Reason::UnknownWord, "messageType", problem), *number, place, raw));
                return;
            }
        }
        let group = value.get("logGroup").text().map(|group| ("log_group".to_owned(), group.to_owned()));
        for event in value.get("logEvents").items() {
            *number += 1;
            let Some(message) = event.get("message").text() else {
                out(refused(Unmapped::missing("logEvents.message"), *number, place, raw));
                continue;
            };
            let time = epoch_millis(event.get("timestamp").int());
            let wrapping =
                Wrapping { carrier: CARRIER, time, labels: group.iter().cloned().collect(), ..Wrapping::default() };
            match check_size(message.as_bytes()).and_then(|()| carried::read(message.as_bytes(), self.customs.all())) {
                Ok(found) => carried::give(found, &wrapping, message.as_bytes(), JSON, out),
                Err(error) => out(refused(error, *number, place, message.as_bytes())),
            }
        }
    }
}

fn refused(error: Unmapped, number: usize, (line, offset): (Option<usize>, usize), raw: &[u8]) -> Item {
    Item::Refused { reason: error.at(number, line, offset), raw: raw.to_vec() }
}
