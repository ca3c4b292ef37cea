//! Takes a body apart: prepared events, and the elements that are none.

use std::sync::Arc;

use axum::http::StatusCode;
use sealbook_core::entry::Source as From;
use sealbook_log::{PrepareError, Prepared, QUEUE_ENTRIES_MAX, Submission};
use sealbook_sources::{Item, Library, Reason, Source};

use crate::acts::Refused;
use crate::app::{App, unprepared};
use crate::cloudevents::Attributes;
use crate::problem::Problem;

/// Elements of one body: as many as may wait for the writer.
const ELEMENTS_MAX: usize = QUEUE_ENTRIES_MAX;

fn too_many() -> Problem {
    let detail = format!("the body has more than {ELEMENTS_MAX} elements; send smaller batches");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-elements", detail)
}

/// How the elements of a body are found.
#[derive(Clone)]
pub(crate) enum Form {
    /// As the source itself sends them.
    Own,
    /// The body is the data of one cloud event; its attributes came as headers.
    Binary(Attributes),
    /// There are none.
    Empty,
}

/// Who sends, and how to read it.
#[derive(Clone)]
pub(crate) struct Sender {
    /// Source id of the entries.
    pub(crate) id: String,
    /// Name of the format.
    pub(crate) format: String,
    pub(crate) form: Form,
    /// The sender's own number of the first element; each that follows has the next.
    first: Option<u64>,
    sources: Arc<Library>,
}

/// A body taken apart.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) events: Vec<Prepared>,
    /// For each prepared event, its number among all events of the body, from 0.
    pub(crate) numbers: Vec<usize>,
    pub(crate) refused: Vec<Refused>,
}

impl Sender {
    /// `None` where there is no such format.
    pub(crate) fn new(sources: &Arc<Library>, id: String, format: &str, form: Form) -> Option<Self> {
        sources.by_name(format)?;
        Some(Self { id, format: format.to_owned(), form, first: None, sources: sources.clone() })
    }

    /// The same sender, who numbers what it sends: the first element has the number `first`.
    pub(crate) fn numbered(self, first: Option<u64>) -> Self {
        Self { first, ..self }
    }

    /// The same sender of a body without elements.
    pub(crate) fn of_nothing(self) -> Self {
        Self { form: Form::Empty, ..self }
    }

    fn version(&self) -> u32 {
        self.sources.by_name(&self.format).map_or(0, Source::version)
    }

    fn items(&self, body: &[u8], out: &mut dyn FnMut(Item)) -> Result<(), Problem> {
        // `new` has looked it up.
        let Some(format) = self.sources.by_name(&self.format) else { return Ok(()) };
        let read = match &self.form {
            Form::Own => format.read(body, out),
            Form::Binary(attributes) => format.read(&attributes.structured(body), out),
            Form::Empty => Ok(()),
        };
        read.map_err(|error| {
            let mut problem = Problem::bad_request("unreadable-body", error.to_string());
            problem.offset = Some(error.offset);
            problem
        })
    }

    /// Reads, seals and encodes everything; what is no event is set apart.
    pub(crate) fn parse(&self, app: &App, body: &[u8]) -> Result<Parsed, Problem> {
        let mut parsed = Parsed::default();
        let (mut number, mut failed, version) = (0, None, self.version());
        let mut own_numbers = self.first.map(|first| first..);
        let mut elements = 0;
        self.items(body, &mut |item| {
            elements += 1;
            if elements > ELEMENTS_MAX {
                failed.get_or_insert_with(too_many);
                return;
            }
            match (item, own_numbers.as_mut().and_then(Iterator::next)) {
                (Item::Refused { reason, raw }, _) => parsed.refused.push(Refused {
                    element: Some(reason.element),
                    line: reason.line,
                    offset: Some(reason.offset),
                    field: Some(reason.path).filter(|path| !path.is_empty()),
                    code: reason.reason.code(),
                    reason: reason.problem,
                    raw,
                }),
                (Item::Event(mapped), own_number) => {
                    let raw = mapped.raw.clone();
                    let (format, version) = mapped.format.unwrap_or_else(|| (self.format.clone(), version));
                    let sequence = mapped.sequence.or(own_number);
                    let source = From { id: self.id.clone(), format, version: u64::from(version), sequence };
                    let original = Some((mapped.raw, mapped.media_type.to_owned()));
                    match app.ledger.prepare(Submission { source, event: mapped.event, raw: original }) {
                        Ok(prepared) => {
                            parsed.events.push(prepared);
                            parsed.numbers.push(number);
                        }
                        Err(PrepareError::Field(error)) => parsed.refused.push(Refused {
                            field: Some(error.path).filter(|path| !path.is_empty()),
                            reason: error.problem,
                            ..Refused::of(Reason::Limit.code(), raw)
                        }),
                        Err(error) => failed = Some(unprepared(error)),
                    }
                    number += 1;
                }
            }
        })?;
        failed.map_or(Ok(parsed), Err)
    }

    /// Bytes and id of the events with these numbers, which must ascend.
    pub(crate) fn again(&self, body: &[u8], numbers: &[usize]) -> Result<Vec<(String, Vec<u8>)>, Problem> {
        let (mut number, mut found) = (0, Vec::with_capacity(numbers.len()));
        self.items(body, &mut |item| {
            if let Item::Event(mapped) = item {
                if numbers.get(found.len()) == Some(&number) {
                    found.push((mapped.event.id, mapped.raw));
                }
                number += 1;
            }
        })?;
        Ok(found)
    }

    /// Bytes of all events with this id.
    pub(crate) fn with_id(&self, body: &[u8], id: &str) -> Result<Vec<Vec<u8>>, Problem> {
        let mut found = Vec::new();
        self.items(body, &mut |item| {
            if let Item::Event(mapped) = item
                && mapped.event.id == id
            {
                found.push(mapped.raw);
            }
        })?;
        Ok(found)
    }
}

/// Why a body is refused whole: its first bad element, and how many there are.
pub(crate) fn refusal(refused: &[Refused]) -> Option<Problem> {
    let first = refused.first()?;
    let status = status_of(first.code);
    let place = match (first.line, first.element) {
        (Some(line), _) => format!("line {line}: "),
        (None, Some(element)) if refused.len() > 1 || element > 1 => format!("element {element}: "),
        _ => String::new(),
    };
    let field = first.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
    let mut problem =
        Problem::new(status, first.code, format!("{place}{field}{}; nothing was committed", first.reason));
    problem.field.clone_from(&first.field);
    problem.element = first.element;
    problem.line = first.line;
    problem.offset = first.offset;
    problem.refused = Some(refused.len());
    Some(problem)
}

/// What is malformed is a bad request; what is sound and cannot be taken is unprocessable.
fn status_of(code: &str) -> StatusCode {
    let malformed = [Reason::Syntax, Reason::Utf8, Reason::Depth, Reason::RepeatedName];
    match code {
        _ if code == Reason::TooLarge.code() => StatusCode::PAYLOAD_TOO_LARGE,
        _ if malformed.iter().any(|reason| reason.code() == code) => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
