//! Breaks running text into lines and puts each line's glyphs in visual order.

use std::ops::Range;

use unicode_bidi::{BidiInfo, Level};

use super::fonts::{FaceId, Fonts, Glyph};
use super::visible::{is_mark, visible};
use crate::model::Colour;

/// How a span is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) face: FaceId,
    /// Points.
    pub(crate) size: f32,
    pub(crate) colour: Colour,
    /// Figures of equal width.
    pub(crate) tabular: bool,
}

/// Text of one style.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
    /// Anchor that a click leads to.
    pub(crate) link: Option<String>,
}

impl Span {
    /// A span of text as it came: made showable here.
    pub(crate) fn new(fonts: &Fonts, text: &str, style: Style) -> Self {
        Self { text: visible(text, |c| fonts.covers(c)).into_owned(), style, link: None }
    }
}

/// Glyphs of one face and style on a line.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// From the line's left edge, points.
    pub(crate) x: f32,
    pub(crate) width: f32,
    pub(crate) face: FaceId,
    pub(crate) style: Style,
    pub(crate) glyphs: Vec<Glyph>,
    pub(crate) link: Option<String>,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) width: f32,
}

/// Characters after which an overlong word is broken by preference.
const SOFT_BREAKS: &[char] = &['-', '/', '_', '.', ':', '@', ',', '=', '&', '?', '‹', '›'];

/// Breaks spans into lines of at most `width` points. There is at least one line.
pub(crate) fn break_lines(fonts: &mut Fonts, spans: &[Span], width: f32) -> Vec<Line> {
    let paragraph = Paragraph::new(spans);
    let ranges = paragraph.line_ranges(fonts, width);
    ranges.into_iter().map(|range| paragraph.line(fonts, range)).collect()
}

/// One line of one style, unbroken.
pub(crate) fn single_line(fonts: &mut Fonts, text: &str, style: Style) -> Line {
    let spans = [Span::new(fonts, text, style)];
    let paragraph = Paragraph::new(&spans);
    let end = paragraph.text.len();
    paragraph.line(fonts, 0..end)
}

struct Paragraph<'a> {
    spans: &'a [Span],
    /// Byte range of each span in `text`.
    ranges: Vec<Range<usize>>,
    text: String,
    /// Direction level of each byte; empty when all runs from the left.
    levels: Vec<Level>,
}

/// A part of one line in one face, span and direction.
struct Run {
    range: Range<usize>,
    span: usize,
    face: FaceId,
    rtl: bool,
}

impl<'a> Paragraph<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let mut text = String::new();
        let mut ranges = Vec::with_capacity(spans.len());
        for span in spans {
            let start = text.len();
            text.push_str(&span.text);
            ranges.push(start..text.len());
        }
        let levels =
            if text.chars().any(may_run_left) { BidiInfo::new(&text, Some(Level::ltr())).levels } else { Vec::new() };
        Self { spans, ranges, text, levels }
    }

    fn line_ranges(&self, fonts: &mut Fonts, width: f32) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let mut start = 0;
        let mut end = 0;
        let mut used = 0.0;
        for word in self.words() {
            let with_space = self.measure(fonts, word.start..word.end);
            let bare = self.text.get(word.clone()).map_or(0, |text| text.trim_end_matches(' ').len());
            let without_space = self.measure(fonts, word.start..word.start + bare);
            if used + without_space <= width || (used == 0.0 && bare == 0) {
                used += with_space;
                end = word.end;
                continue;
            }
            if used > 0.0 {
                lines.push(start..end);
            }
            start = word.start;
            if without_space > width {
                for cut in self.word_cuts(fonts, word.start..word.start + bare, width) {
                    lines.push(start..cut);
                    start = cut;
                }
            }
            end = word.end;
            used = self.measure(fonts, start..end);
        }
        if end > start || lines.is_empty() {
            lines.push(start..end);
        }
        lines
    }

    /// Words with the spaces behind them; each CJK character is a word.
    fn words(&self) -> Vec<Range<usize>> {
        let mut words = Vec::new();
        let mut start = 0;
        let mut previous = None;
        for (at, c) in self.text.char_indices() {
            let boundary = match previous {
                None => false,
                Some(' ') => c != ' ',
                Some(before) => (is_cjk(c) || is_cjk(before)) && c != ' ' && !is_mark(c),
            };
            if boundary {
                words.push(start..at);
                start = at;
            }
            previous = Some(c);
        }
        if start < self.text.len() {
            words.push(start..self.text.len());
        }
        words
    }

    /// Where to cut an overlong word so that each part fits; each part has at least one character.
    fn word_cuts(&self, fonts: &mut Fonts, word: Range<usize>, width: f32) -> Vec<usize> {
        let advances = self.advances(fonts, word.clone());
        let mut cuts = Vec::new();
        let mut start = word.start;
        loop {
            let (_, rest) = advances.split_at(advances.partition_point(|(at, _)| *at < start));
            let cut = self.next_cut(rest, width).unwrap_or(word.end);
            let cut = self.step_back(fonts, start, cut, width);
            if cut >= word.end {
                return cuts;
            }
            cuts.push(cut);
            start = cut;
        }
    }

    /// Advance of each character of a range, by its place in the text.
    fn advances(&self, fonts: &mut Fonts, range: Range<usize>) -> Vec<(usize, f32)> {
        let mut advances = Vec::new();
        for run in self.runs(fonts, range) {
            let Some(style) = self.spans.get(run.span).map(|span| span.style) else { continue };
            let part = self.text.get(run.range.clone()).unwrap_or_default();
            let shaped = fonts.shape(run.face, part, run.rtl, style.tabular);
            let glyphs = shaped.glyphs.iter();
            advances.extend(glyphs.map(|g| (run.range.start + g.at, thousandths(g.advance, style.size))));
        }
        advances.sort_by_key(|(at, _)| *at);
        advances
    }

    /// Where the first line of the rest of a word ends; none where all of it fits.
    fn next_cut(&self, rest: &[(usize, f32)], width: f32) -> Option<usize> {
        let mut used = 0.0;
        let mut cut = None;
        let mut soft = None;
        let start = rest.first().map_or(0, |(at, _)| *at);
        for (at, advance) in rest {
            let mark = self.text.get(*at..).and_then(|text| text.chars().next()).is_some_and(is_mark);
            if *at > start && !mark {
                if used > width && cut.is_some() {
                    return soft.or(cut);
                }
                cut = Some(*at);
                let before = self.text.get(..*at).and_then(|text| text.chars().next_back());
                if before.is_some_and(|c| SOFT_BREAKS.contains(&c)) && used > width * 0.5 {
                    soft = Some(*at);
                }
                if used > width {
                    return soft.or(cut);
                }
            }
            used += advance;
        }
        if used > width { soft.or(cut) } else { None }
    }

    /// Moves a cut to the left until what is before it fits: letters that are joined to their neighbours change
    /// their width when they are cut off from them.
    fn step_back(&self, fonts: &mut Fonts, start: usize, cut: usize, width: f32) -> usize {
        let mut cut = cut;
        while self.measure(fonts, start..cut) > width {
            let part = self.text.get(start..cut).unwrap_or_default();
            match part.char_indices().rfind(|(offset, c)| *offset > 0 && !is_mark(*c)) {
                Some((offset, _)) => cut = start + offset,
                None => break,
            }
        }
        cut
    }

    fn measure(&self, fonts: &mut Fonts, range: Range<usize>) -> f32 {
        let mut width = 0.0;
        for run in self.runs(fonts, range) {
            let Some(style) = self.spans.get(run.span).map(|span| span.style) else { continue };
            for word in split_spaces(self.text.get(run.range.clone()).unwrap_or_default()) {
                width += thousandths(fonts.shape(run.face, word, run.rtl, style.tabular).width, style.size);
            }
        }
        width
    }

    /// Runs of a byte range in logical order.
    fn runs(&self, fonts: &Fonts, range: Range<usize>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let part = self.text.get(range.clone()).unwrap_or_default();
        let mut span = self.ranges.iter().position(|r| r.contains(&range.start)).unwrap_or_default();
        for (offset, c) in part.char_indices() {
            let at = range.start + offset;
            while self.ranges.get(span).is_some_and(|r| at >= r.end) {
                span += 1;
            }
            let rtl = self.levels.get(at).is_some_and(Level::is_rtl);
            let first = self.spans.get(span).map_or(FaceId::Regular, |span| span.style.face);
            let end = at + c.len_utf8();
            let last = runs.last_mut().filter(|run| run.span == span && run.rtl == rtl);
            let follows = is_mark(c) || matches!(c, '\u{200C}' | '\u{200D}');
            match last {
                Some(run) if follows || fonts.choose(first, c) == run.face => run.range.end = end,
                _ => runs.push(Run { range: at..end, span, face: fonts.choose(first, c), rtl }),
            }
        }
        runs
    }

    fn line(&self, fonts: &mut Fonts, range: Range<usize>) -> Line {
        let bare = self.text.get(range.clone()).map_or(0, |text| text.trim_end_matches(' ').len());
        let range = range.start..range.start + bare;
        let mut line = Line::default();
        for visual in self.visual_ranges(range) {
            let mut runs = self.runs(fonts, visual);
            if runs.first().is_some_and(|run| run.rtl) {
                runs.reverse();
            }
            for run in runs {
                self.push_run(fonts, &mut line, &run);
            }
        }
        line
    }

    /// Byte ranges of one direction each, from left to right.
    fn visual_ranges(&self, range: Range<usize>) -> Vec<Range<usize>> {
        if self.levels.is_empty() || range.is_empty() {
            return vec![range];
        }
        let info = BidiInfo::new(&self.text, Some(Level::ltr()));
        match info.paragraphs.first() {
            Some(paragraph) => info.visual_runs(paragraph, range).1,
            None => vec![range],
        }
    }

    fn push_run(&self, fonts: &mut Fonts, line: &mut Line, run: &Run) {
        let Some(span) = self.spans.get(run.span) else { return };
        let mut words: Vec<&str> = split_spaces(self.text.get(run.range.clone()).unwrap_or_default()).collect();
        if run.rtl {
            words.reverse();
        }
        let mut glyphs = Vec::new();
        let mut width = 0;
        for word in words {
            let shaped = fonts.shape(run.face, word, run.rtl, span.style.tabular);
            glyphs.extend(shaped.glyphs.iter().copied());
            width += shaped.width;
        }
        let width = thousandths(width, span.style.size);
        let x = line.width;
        line.width += width;
        match line.pieces.last_mut() {
            Some(piece) if piece.face == run.face && piece.style == span.style && piece.link == span.link => {
                piece.glyphs.extend(glyphs);
                piece.width += width;
            }
            _ => {
                line.pieces.push(Piece { x, width, face: run.face, style: span.style, glyphs, link: span.link.clone() })
            }
        }
    }
}

/// Thousandths of the type size as points.
pub(crate) fn thousandths(value: i32, size: f32) -> f32 {
    value as f32 * size / 1000.0
}

/// Words and single spaces, so that each word is shaped once per document.
fn split_spaces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
        .flat_map(|part| match part.strip_suffix(' ') {
            Some("") => [Some(" "), None],
            Some(word) => [Some(word), Some(" ")],
            None => [Some(part), None],
        })
        .flatten()
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

fn may_run_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style =
        Style { face: FaceId::Regular, size: 10.0, colour: Colour { r: 0.0, g: 0.0, b: 0.0 }, tabular: false };

    fn broken(text: &str, width: f32) -> (Fonts, Vec<Line>) {
        let mut fonts = Fonts::load().unwrap();
        let span = Span::new(&fonts, text, STYLE);
        let lines = break_lines(&mut fonts, &[span], width);
        (fonts, lines)
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let texts = [
            "one two three four five six seven eight nine ten",
            &"a".repeat(500),
            "spiffe://example.org/ns/payments/sa/svc-payments-reconciliation-of-the-day",
            "数据平台团队数据平台团队数据平台团队 team",
            "שלום עולם abc שלום עולם 123 مرحبا بالعالم",
            "   leading and    many   spaces   ",
            "",
        ];
        for text in texts {
            for width in [20.0, 55.5, 200.0] {
                for line in broken(text, width).1 {
                    assert!(line.width <= width + 0.01, "{text:?} at {width}: {}", line.width);
                }
            }
        }
    }

    #[test]
    fn breaking_loses_no_glyph() {
        let text = "abc-def/ghi".repeat(30);
        let (_, lines) = broken(&text, 60.0);
        let glyphs: usize = lines.iter().flat_map(|line| &line.pieces).map(|piece| piece.glyphs.len()).sum();
        assert_eq!(glyphs, text.chars().count());
    }

    #[test]
    fn text_from_the_right_is_put_in_visual_order() {
        let (_, lines) = broken("id שלום x", 500.0);
        let faces: Vec<FaceId> = lines[0].pieces.iter().map(|piece| piece.face).collect();
        assert_eq!(faces, [FaceId::Regular, FaceId::Wide, FaceId::Regular]);
        let hebrew = &lines[0].pieces[1].glyphs;
        assert!(hebrew[0].at > hebrew[3].at);
    }

    #[test]
    fn a_line_narrower_than_a_glyph_still_advances() {
        assert_eq!(broken("WWW", 1.0).1.len(), 3);
    }
}
