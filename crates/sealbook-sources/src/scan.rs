//! Finds where JSON values end without reading them, so that one bad element cannot hide its neighbours.

/// Why no end was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanError {
    /// The input ends first.
    Incomplete,
    /// A byte that cannot stand there, at this offset.
    Unexpected(usize),
}

/// Offset of the first byte at or after `at` that is no JSON white space.
pub(crate) fn skip_space(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).and_then(|rest| rest.iter().position(|b| !is_space(*b))).map_or(bytes.len(), |n| at + n)
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Offset after the value that starts at `at`. Brackets are counted, not checked against each other.
pub(crate) fn value_end(bytes: &[u8], at: usize) -> Result<usize, ScanError> {
    match bytes.get(at) {
        None => Err(ScanError::Incomplete),
        Some(b'"') => text_end(bytes, at),
        Some(b'{' | b'[') => nested_end(bytes, at),
        Some(b'}' | b']' | b',' | b':') => Err(ScanError::Unexpected(at)),
        Some(_) => Ok(bytes
            .get(at..)
            .and_then(|rest| {
                rest.iter().position(|b| is_space(*b) || matches!(b, b',' | b']' | b'}' | b'{' | b'[' | b'"'))
            })
            .map_or(bytes.len(), |n| at + n)),
    }
}

fn nested_end(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        at = find(bytes, at, |b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']'))?;
        match bytes.get(at) {
            Some(b'"') => {
                at = text_end(bytes, at)?;
                continue;
            }
            Some(b'{' | b'[') => depth += 1,
            _ => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
        }
        at += 1;
    }
}

fn text_end(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    let mut at = start + 1;
    loop {
        at = find(bytes, at, |b| matches!(b, b'"' | b'\\' | 0..=0x1f))?;
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            _ => return Err(ScanError::Unexpected(at)),
        }
    }
}

/// Offset of the first byte at or after `from` that is wanted.
fn find(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Result<usize, ScanError> {
    let rest = bytes.get(from..).ok_or(ScanError::Incomplete)?;
    rest.iter().position(|b| wanted(*b)).map(|n| from + n).ok_or(ScanError::Incomplete)
}

/// Where name and value of a pair lie.
pub(crate) struct Pair {
    pub name: (usize, usize),
    pub value: (usize, usize),
}

/// Calls `found` for each element of the list, or each pair of the object, that starts at `at`.
/// What came before an error was found and stays found.
pub(crate) fn members(bytes: &[u8], at: usize, found: &mut dyn FnMut(Pair)) -> Result<usize, ScanError> {
    let (close, named) = match bytes.get(at) {
        Some(b'[') => (b']', false),
        Some(b'{') => (b'}', true),
        Some(_) => return Err(ScanError::Unexpected(at)),
        None => return Err(ScanError::Incomplete),
    };
    let mut at = skip_space(bytes, at + 1);
    if bytes.get(at) == Some(&close) {
        return Ok(at + 1);
    }
    loop {
        let mut name = (at, at);
        if named {
            name = (at, name_end(bytes, at)?);
            at = skip_space(bytes, name.1);
            expect(bytes, at, b':')?;
            at = skip_space(bytes, at + 1);
        }
        let end = value_end(bytes, at)?;
        found(Pair { name, value: (at, end) });
        at = skip_space(bytes, end);
        match bytes.get(at) {
            Some(b',') => at = skip_space(bytes, at + 1),
            Some(b) if *b == close => return Ok(at + 1),
            Some(_) => return Err(ScanError::Unexpected(at)),
            None => return Err(ScanError::Incomplete),
        }
    }
}

fn name_end(bytes: &[u8], at: usize) -> Result<usize, ScanError> {
    expect(bytes, at, b'"')?;
    text_end(bytes, at)
}

fn expect(bytes: &[u8], at: usize, byte: u8) -> Result<(), ScanError> {
    match bytes.get(at) {
        Some(b) if *b == byte => Ok(()),
        Some(_) => Err(ScanError::Unexpected(at)),
        None => Err(ScanError::Incomplete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_inside_texts_do_not_count() {
        let bytes = br#"{"a":"]}\"\\","b":[1]} x"#;
        assert_eq!(value_end(bytes, 0), Ok(22));
    }

    #[test]
    fn an_open_value_is_incomplete_and_a_stray_bracket_is_named() {
        assert_eq!(value_end(b"{\"a\":[", 0), Err(ScanError::Incomplete));
        assert_eq!(value_end(b"\"abc\\", 0), Err(ScanError::Incomplete));
        assert_eq!(value_end(b"]", 0), Err(ScanError::Unexpected(0)));
        assert_eq!(value_end(b"\"a\nb\"", 0), Err(ScanError::Unexpected(2)));
    }

    #[test]
    fn members_before_an_error_are_found() {
        let mut found = Vec::new();
        let end = members(b"[1, {\"a\":2} ,", 0, &mut |p| found.push(p.value));
        assert_eq!(end, Err(ScanError::Incomplete));
        assert_eq!(found, [(1, 2), (4, 11)]);
        assert_eq!(members(b"[ ]", 0, &mut |_| ()), Ok(3));
        assert_eq!(members(b"[1,]", 0, &mut |_| ()), Err(ScanError::Unexpected(3)));
        assert_eq!(members(b"{\"a\" 1}", 0, &mut |_| ()), Err(ScanError::Unexpected(5)));
    }
}
