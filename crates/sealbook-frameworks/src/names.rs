//! How names are compared: what makes two spellings the same, and how far two names are apart.

/// A name reduced to what people agree on: letters and numbers, without case, leading zeros, or the marks between
/// them; a mark is kept between two numbers, and a dot between two letters.
///
/// `PR.AA-05`, `pr.aa5` → `pr.aa5`; `NHI-01`, `NHI1` → `nhi1`; `§4.2`, `4.2` → `4.2`; `s4.2` → `s4.2`.
pub(crate) fn comparable(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut marks = String::new();
    let mut previous: Option<char> = None;
    let mut chars = name.chars().flat_map(char::to_lowercase).peekable();
    while let Some(c) = chars.next() {
        if !c.is_alphanumeric() {
            marks.push(c);
            continue;
        }
        let continues_number = marks.is_empty() && previous.is_some_and(|p| p.is_ascii_digit());
        let leading_zero = c == '0' && !continues_number && chars.peek().is_some_and(char::is_ascii_digit);
        if leading_zero {
            continue;
        }
        match previous.map(|p| p.is_ascii_digit()) {
            Some(true) if c.is_ascii_digit() && !marks.is_empty() => out.push(if marks == "." { '.' } else { '-' }),
            Some(false) if !c.is_ascii_digit() && marks == "." => out.push('.'),
            _ => {}
        }
        out.push(c);
        marks.clear();
        previous = Some(c);
    }
    out
}

/// Insertions, deletions and substitutions between two texts (Levenshtein).
pub(crate) fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for ((to, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(from != *to)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_zeros_and_marks() {
        for (a, b) in [
            ("PR.AA-05", "pr.aa5"),
            ("NHI-01", "nhi1"),
            ("NHI1:2025", "nhi1-2025"),
            ("§4.2", "4.2"),
            ("GOVERN 1.1", "govern-1.1"),
            ("SP 800-207 §2.1 Tenet 3", "sp800-207 2.1 tenet3"),
            ("MEASURE 2.10", "measure2.10"),
        ] {
            assert_eq!(comparable(a), comparable(b));
        }
        for (a, b) in
            [("4.2", "42"), ("NHI1", "NHI10"), ("MEASURE 2.1", "MEASURE 2.10"), ("PR.AA", "PRAA"), ("a0", "a")]
        {
            assert_ne!(comparable(a), comparable(b));
        }
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!((edits("", "abc"), edits("abc", "abc"), edits("kitten", "sitting")), (3, 0, 3));
    }
}
