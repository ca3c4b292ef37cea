//! Makes hostile text showable: what cannot be seen is written out as its code, and nothing is dropped silently.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of one text that are shown; the rest is counted. 4,000 characters are about one page.
pub(crate) const TEXT_CHARS_MAX: usize = 4_000;

/// Combining marks shown on one base character; scripts in use need at most three.
const MARKS_MAX: usize = 3;

/// The text with every character visible: controls, direction marks, unknown spaces, and characters that no font
/// `covers`, become codes such as `‹U+202E›`.
pub(crate) fn visible(text: &str, covers: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.len() <= TEXT_CHARS_MAX && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    let mut previous = ' ';
    let mut chars = text.chars().peekable();
    for _ in 0..TEXT_CHARS_MAX {
        let Some(c) = chars.next() else { break };
        if is_mark(c) {
            marks += 1;
            if marks > MARKS_MAX {
                continue;
            }
        } else {
            write_surplus_marks(&mut out, marks);
            marks = 0;
        }
        if must_be_coded(c, previous, chars.peek().copied()) || !covers(c) {
            write_code(&mut out, c);
        } else {
            out.push(c);
        }
        previous = c;
    }
    write_surplus_marks(&mut out, marks);
    let rest = chars.count();
    if rest > 0 {
        write_or_ignore(&mut out, format_args!(" ‹{rest} more characters, see results.json›"));
    }
    Cow::Owned(out)
}

fn write_code(out: &mut String, c: char) {
    write_or_ignore(out, format_args!("‹U+{:04X}›", u32::from(c)));
}

fn write_surplus_marks(out: &mut String, marks: usize) {
    if marks > MARKS_MAX {
        write_or_ignore(out, format_args!("‹+{} combining marks›", marks - MARKS_MAX));
    }
}

fn write_or_ignore(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(arguments);
}

/// Whether a character would be invisible, move others, or pass for a plain space.
fn must_be_coded(c: char, previous: char, next: Option<char>) -> bool {
    match c {
        '\u{200C}' | '\u{200D}' => !(joins(previous) && next.is_some_and(joins)),
        '\u{A0}' | '\u{202F}' => false,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FFA0}' => true,
        '\u{180B}'..='\u{180F}' | '\u{2000}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{205F}'..='\u{206F}' => true,
        '\u{1680}' | '\u{3000}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}' => true,
        '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => true,
        _ => c.is_control(),
    }
}

/// Scripts in which the zero-width joiners carry meaning.
fn joins(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{77F}' | '\u{8A0}'..='\u{DFF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}')
}

/// Whether a character sits on the one before it.
pub(crate) fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}'..='\u{5C2}'
        | '\u{5C4}'..='\u{5C5}' | '\u{5C7}' | '\u{610}'..='\u{61A}' | '\u{64B}'..='\u{65F}' | '\u{670}'
        | '\u{6D6}'..='\u{6DC}' | '\u{6DF}'..='\u{6E4}' | '\u{6E7}'..='\u{6E8}' | '\u{6EA}'..='\u{6ED}'
        | '\u{E31}' | '\u{E34}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        visible(text, |c| c != '\u{1F600}').into_owned()
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(visible("svc-payments (prod)", |_| true), Cow::Borrowed(_)));
    }

    #[test]
    fn direction_marks_and_controls_are_written_as_codes() {
        assert_eq!(shown("a\u{202E}b\u{7}c\nd"), "a‹U+202E›b‹U+0007›c‹U+000A›d");
        assert_eq!(shown("pay\u{200B}roll\u{FEFF}"), "pay‹U+200B›roll‹U+FEFF›");
    }

    #[test]
    fn characters_without_a_font_are_written_as_codes() {
        assert_eq!(shown("bot \u{1F600}"), "bot ‹U+1F600›");
    }

    #[test]
    fn joiners_stay_where_the_script_needs_them() {
        assert_eq!(shown("می\u{200C}خواهم"), "می\u{200C}خواهم");
        assert_eq!(shown("ad\u{200C}min"), "ad‹U+200C›min");
    }

    #[test]
    fn piles_of_marks_are_counted_beyond_the_third() {
        let pile = format!("x{}y", "\u{301}".repeat(9));
        assert_eq!(shown(&pile), "x\u{301}\u{301}\u{301}‹+6 combining marks›y");
    }

    #[test]
    fn a_long_text_says_how_much_is_not_shown() {
        let text = "é".repeat(TEXT_CHARS_MAX + 5);
        assert!(shown(&text).ends_with(" ‹5 more characters, see results.json›"));
        let ascii = "e".repeat(TEXT_CHARS_MAX + 7);
        assert!(shown(&ascii).ends_with(" ‹7 more characters, see results.json›"));
    }
}
