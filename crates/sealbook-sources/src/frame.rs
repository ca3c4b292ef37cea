//! Splits a body into its elements: one object, an array, one object per line, objects in a row, or an envelope.

use crate::item::Unreadable;
use crate::json;
use crate::scan::{ScanError, is_space, members, skip_space, value_end};

/// A name path to the elements inside an envelope object, such as `["data", "events"]`.
pub(crate) type Envelope<'e> = &'e [&'e str];

/// One element, still unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub raw: &'a [u8],
    /// Bytes from the start of the body.
    pub offset: usize,
    /// From 1, where the body has one element per line.
    pub line: Option<usize>,
}

/// UTF-8 byte order mark, which some exporters put first.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Elements of one body. What is known of each takes 48 bytes, and `{}` is one.
const ELEMENTS_MAX: usize = 1 << 22;

/// Splits a whole body. An element is at least one bracketed, quoted or bare value; whether it is JSON is seen later.
pub(crate) fn split<'a>(body: &'a [u8], envelopes: &[Envelope<'_>]) -> Result<Vec<Element<'a>>, Unreadable> {
    let mut elements = Vec::new();
    spread(body, &mut elements).map_err(|error| unreadable(error, body))?;
    few(&elements)?;
    let alone = elements.len() == 1;
    let mut inner = Vec::with_capacity(elements.len());
    for element in elements {
        let before = inner.len();
        match open(body, element, envelopes, &mut inner) {
            Ok(()) => few(&inner)?,
            Err(error) if alone => return Err(error),
            Err(_) => {
                // One bad envelope among others is refused as one element.
                inner.truncate(before);
                inner.push(element);
            }
        }
    }
    Ok(inner)
}

fn few(elements: &[Element<'_>]) -> Result<(), Unreadable> {
    match elements.get(ELEMENTS_MAX) {
        None => Ok(()),
        Some(Element { offset, .. }) => {
            let problem = format!("more than {ELEMENTS_MAX} elements; send the rest in another body");
            Err(Unreadable { offset: *offset, problem })
        }
    }
}

/// The first element that is complete, also where the body is only the beginning of a longer one.
pub(crate) fn first<'a>(head: &'a [u8], envelopes: &[Envelope<'_>]) -> Option<Element<'a>> {
    let mut elements = Vec::new();
    let start = start_of(head);
    if spread(head, &mut elements).is_err() && elements.is_empty() && head.get(start) == Some(&b'{') {
        // The beginning of one large envelope: look for its list.
        let mut list = None;
        let open = list_start(head, start, envelopes)?;
        let _ = members(head, open, &mut |pair| {
            list.get_or_insert(pair.value);
        });
        let (from, to) = list?;
        return Some(element(head, from, to, None));
    }
    let first = *elements.first()?;
    let mut inner = Vec::new();
    open(head, first, envelopes, &mut inner).ok()?;
    inner.first().copied()
}

fn start_of(body: &[u8]) -> usize {
    let bom = if body.starts_with(BOM) { BOM.len() } else { 0 };
    skip_space(body, bom)
}

fn element(body: &[u8], from: usize, to: usize, line: Option<usize>) -> Element<'_> {
    Element { raw: body.get(from..to).unwrap_or_default(), offset: from, line }
}

/// Elements at the top of the body. What was found before an error stays in `out`.
fn spread<'a>(body: &'a [u8], out: &mut Vec<Element<'a>>) -> Result<(), ScanError> {
    let start = start_of(body);
    match body.get(start) {
        None => return Err(ScanError::Incomplete),
        Some(b'[') => {
            let end = members(body, start, &mut |pair| {
                if out.len() <= ELEMENTS_MAX {
                    out.push(element(body, pair.value.0, pair.value.1, None));
                }
            })?;
            let rest = skip_space(body, end);
            if rest == body.len() {
                return Ok(());
            }
            out.clear();
            return Err(ScanError::Unexpected(rest));
        }
        Some(b'{') => {}
        Some(_) => return Err(ScanError::Unexpected(start)),
    }
    let first_line_end = line_end(body, start);
    let first_line = body.get(..first_line_end).unwrap_or_default();
    if in_a_row(first_line, start, None).is_err() {
        match in_a_row(body, start, None) {
            Ok(found) => {
                out.extend(found);
                return Ok(());
            }
            Err(error) if !any_line_is_whole(body) => return Err(error),
            Err(_) => {}
        }
    }
    lines(body, start, out);
    Ok(())
}

fn line_end(body: &[u8], from: usize) -> usize {
    body.get(from..).and_then(|rest| rest.iter().position(|b| *b == b'\n')).map_or(body.len(), |n| from + n)
}

/// Objects one after the other, with or without white space between them.
fn in_a_row(body: &[u8], from: usize, line: Option<usize>) -> Result<Vec<Element<'_>>, ScanError> {
    let mut found = Vec::new();
    let mut at = skip_space(body, from);
    while at < body.len() && found.len() <= ELEMENTS_MAX {
        if body.get(at) != Some(&b'{') {
            return Err(ScanError::Unexpected(at));
        }
        let end = value_end(body, at)?;
        found.push(element(body, at, end, line));
        at = skip_space(body, end);
    }
    Ok(found)
}

fn any_line_is_whole(body: &[u8]) -> bool {
    body.split(|b| *b == b'\n')
        .any(|line| line.contains(&b'{') && in_a_row(line, 0, None).is_ok_and(|found| !found.is_empty()))
}

/// One or more objects per line; a line that holds anything else is one element as it stands, to be refused later.
fn lines<'a>(body: &'a [u8], start: usize, out: &mut Vec<Element<'a>>) {
    let before = body.get(..start).unwrap_or_default();
    let mut number = 1 + before.iter().filter(|b| **b == b'\n').count();
    let mut at = start;
    while at < body.len() && out.len() <= ELEMENTS_MAX {
        let end = line_end(body, at);
        let upto = body.get(..end).unwrap_or_default();
        match in_a_row(upto, at, Some(number)) {
            Ok(found) => out.extend(found),
            Err(_) => {
                let from = skip_space(upto, at);
                let rest = upto.get(from..).unwrap_or_default();
                let trailing = rest.iter().rev().take_while(|b| is_space(**b)).count();
                out.push(element(body, from, end - trailing, Some(number)));
            }
        }
        at = end + 1;
        number += 1;
    }
}

/// Gives the elements inside `element` if it is an envelope, else itself.
fn open<'a>(
    body: &'a [u8],
    outer: Element<'a>,
    envelopes: &[Envelope<'_>],
    out: &mut Vec<Element<'a>>,
) -> Result<(), Unreadable> {
    let Some(at) = list_start(body_to(body, outer), outer.offset, envelopes) else {
        out.push(outer);
        return Ok(());
    };
    let upto = body_to(body, outer);
    if upto.get(at) == Some(&b'{') {
        let end = value_end(upto, at).map_err(|e| unreadable(e, body))?;
        out.push(element(body, at, end, outer.line));
        return Ok(());
    }
    let end = members(upto, at, &mut |pair| {
        if out.len() <= ELEMENTS_MAX {
            out.push(element(body, pair.value.0, pair.value.1, outer.line));
        }
    })
    .map_err(|e| unreadable(e, body))?;
    check_around(body, outer, (at, end))
}

fn body_to<'a>(body: &'a [u8], element: Element<'_>) -> &'a [u8] {
    body.get(..element.offset + element.raw.len()).unwrap_or_default()
}

/// The envelope without its list must itself be strict JSON.
fn check_around(body: &[u8], outer: Element<'_>, list: (usize, usize)) -> Result<(), Unreadable> {
    let end = outer.offset + outer.raw.len();
    let mut around = body.get(outer.offset..list.0).unwrap_or_default().to_vec();
    around.extend_from_slice(b"[]");
    around.extend_from_slice(body.get(list.1..end).unwrap_or_default());
    json::parse(&around).map(|_| ()).map_err(|e| Unreadable {
        offset: outer.offset + e.offset,
        problem: format!("the envelope is no strict JSON: {} {}", e.path, e.problem),
    })
}

/// Offset of the list or object to which the names of one of the envelopes lead from the object at `at`.
fn list_start(bytes: &[u8], at: usize, envelopes: &[Envelope<'_>]) -> Option<usize> {
    if envelopes.is_empty() {
        return None;
    }
    let leads = |name| {
        envelopes.iter().find_map(|envelope| {
            let (first, deeper) = envelope.split_first()?;
            named(bytes, name, first).then_some(deeper)
        })
    };
    let mut found = None;
    let mut last = None;
    let scanned = members(bytes, at, &mut |pair| {
        if found.is_none() {
            found = leads(pair.name).map(|deeper| (pair.value.0, deeper));
        }
        last = Some(pair.value.1);
    });
    if found.is_none() && scanned.is_err() {
        let (name, start) = cut_member(bytes, at, last)?;
        found = leads(name).map(|deeper| (start, deeper));
    }
    let (start, deeper) = found?;
    match bytes.get(start) {
        Some(b'[' | b'{') if deeper.is_empty() => Some(start),
        Some(b'{') => list_start(bytes, start, &[deeper]),
        _ => None,
    }
}

/// Name and start of the value of the member that is cut off by the end of the input.
fn cut_member(bytes: &[u8], at: usize, last: Option<usize>) -> Option<((usize, usize), usize)> {
    let from = match last {
        Some(end) => skip_space(bytes, end),
        None => at,
    };
    let name_start = skip_space(bytes, from + 1);
    let name_end = value_end(bytes, name_start).ok()?;
    let colon = skip_space(bytes, name_end);
    let start = skip_space(bytes, colon + 1);
    (start < bytes.len()).then_some(((name_start, name_end), start))
}

/// Where the value of a name lies in the object that starts at `at`.
///
/// # Errors
/// The object is broken, or has the name twice.
pub(crate) fn member(bytes: &[u8], at: usize, name: &str) -> Result<Option<(usize, usize)>, Unreadable> {
    let (mut found, mut twice) = (None, false);
    let end = members(bytes, at, &mut |pair| {
        if named(bytes, pair.name, name) {
            twice |= found.replace(pair.value).is_some();
        }
    });
    end.map_err(|error| unreadable(error, bytes))?;
    if twice {
        return Err(Unreadable { offset: at, problem: format!("{name} appears twice") });
    }
    Ok(found)
}

/// Where the elements of the list at `at` lie; none where it is no list.
pub(crate) fn items(bytes: &[u8], at: usize, found: &mut dyn FnMut((usize, usize))) -> Result<(), Unreadable> {
    if bytes.get(at) != Some(&b'[') {
        return Ok(());
    }
    members(bytes, at, &mut |pair| found(pair.value)).map(|_| ()).map_err(|error| unreadable(error, bytes))
}

fn named(bytes: &[u8], (from, to): (usize, usize), name: &str) -> bool {
    bytes.get(from + 1..to.saturating_sub(1)).is_some_and(|text| text == name.as_bytes())
}

fn unreadable(error: ScanError, body: &[u8]) -> Unreadable {
    let (offset, problem) = match error {
        ScanError::Incomplete if start_of(body) == body.len() => (body.len(), "is empty; expected JSON".to_owned()),
        ScanError::Incomplete => (body.len(), "ends inside a JSON value; was it cut off on the way?".to_owned()),
        ScanError::Unexpected(at) => {
            let byte = body.get(at).copied().unwrap_or_default();
            let found =
                if byte.is_ascii_graphic() { format!("{:?}", char::from(byte)) } else { format!("byte 0x{byte:02x}") };
            (at, format!("found {found}; expected a JSON object, an array of objects, or one object per line"))
        }
    };
    Unreadable { offset, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPES: &[Envelope<'_>] = &[&["Records"], &["data", "events"], &["detail"]];

    fn texts(body: &str) -> Vec<String> {
        split(body.as_bytes(), ENVELOPES).unwrap().iter().map(|e| String::from_utf8(e.raw.to_vec()).unwrap()).collect()
    }

    #[test]
    fn every_framing_gives_the_exact_bytes_of_its_elements() {
        assert_eq!(texts("{\"a\": 1}"), ["{\"a\": 1}"]);
        assert_eq!(texts("{\n \"a\": 1\n}\n"), ["{\n \"a\": 1\n}"]);
        assert_eq!(texts(" [ {\"a\": 1} , {} ]\n"), ["{\"a\": 1}", "{}"]);
        assert_eq!(texts("{\"a\":1}\r\n\n  {\"b\":2}\n"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(texts("{\"a\":1}{\"b\":2}"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(texts("{\n\"a\":1}\n{\n\"b\":2}"), ["{\n\"a\":1}", "{\n\"b\":2}"]);
        assert_eq!(texts("\u{feff}[{}]"), ["{}"]);
        assert_eq!(texts("[]"), Vec::<String>::new());
    }

    #[test]
    fn envelopes_are_opened_once() {
        assert_eq!(texts("{\"x\":1,\"Records\":[{\"a\":1},{}]}"), ["{\"a\":1}", "{}"]);
        assert_eq!(texts("{\"data\":{\"events\":[{}]}}"), ["{}"]);
        assert_eq!(texts("{\"detail\":{\"b\":2}}"), ["{\"b\":2}"]);
        assert_eq!(texts("[{\"detail\":{\"b\":2}},{\"c\":3}]"), ["{\"b\":2}", "{\"c\":3}"]);
        assert_eq!(texts("{\"detail\":\"text\"}"), ["{\"detail\":\"text\"}"]);
        assert!(texts("{\"Records\":[]}").is_empty());
    }

    #[test]
    fn a_bad_line_stands_alone_with_its_number() {
        let body = b"{\"a\":1}\n{\"b\":\n\n{\"c\":3}\nnot json \n";
        let elements = split(body, &[]).unwrap();
        let lines: Vec<_> = elements.iter().map(|e| (e.line.unwrap(), e.raw)).collect();
        assert_eq!(lines, [(1, b"{\"a\":1}".as_slice()), (2, b"{\"b\":"), (4, b"{\"c\":3}"), (5, b"not json")]);
        // Also where it is the first.
        assert_eq!(split(b"{\"a\":\n{\"c\":3}\n", &[]).unwrap().len(), 2);
    }

    #[test]
    fn a_body_of_another_sort_is_unreadable_as_a_whole() {
        for (body, offset) in [
            (b"".as_slice(), 0),
            (b"  \n", 3),
            (b"hello", 0),
            (b"{\"a\":", 5),
            (b"[{},", 4),
            (b"[{}] x", 5),
            (b"[{} {}]", 4),
            (b"\x00", 0),
        ] {
            assert_eq!(split(body, ENVELOPES).unwrap_err().offset, offset, "{body:?}");
        }
        let twice = split(b"{\"Records\":[],\"Records\":[{}]}", ENVELOPES).unwrap_err();
        assert!(twice.problem.contains("Records appears twice"), "{twice}");
    }

    #[test]
    fn the_first_element_is_found_in_the_head_of_a_long_body() {
        for head in [
            "[{\"a\":1},{\"b\"",
            "{\"a\":1}\n{\"b\"",
            "{\"Records\":[{\"a\":1},{\"b",
            "{\"x\":{},\"Records\": [{\"a\":1},{\"b",
            "{\"detail\":{\"a\":1}}",
            "{\"data\":{\"events\":[{\"a\":1}]}}",
        ] {
            let found = first(head.as_bytes(), ENVELOPES).unwrap();
            assert_eq!(found.raw, b"{\"a\":1}", "{head}");
        }
        assert_eq!(first(b"{\"a\":", ENVELOPES), None);
    }
}
