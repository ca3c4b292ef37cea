//! The first page.

use super::canvas::{Canvas, MARGIN, TEXT_WIDTH};
use super::fonts::FaceId;
use super::page::{PAGE_HEIGHT, PAGE_WIDTH, Role, rounded};
use super::text::{Line, Style};
use crate::model::{Colour, Cover, Tone};

/// Height of the coloured head, points.
const HEAD: f32 = 306.0;
/// Sizes of the title, with the most lines that each may take: a longer title is set smaller.
const TITLE_SIZES: [(f32, usize); 4] = [(30.0, 2), (22.0, 3), (15.0, 6), (9.0, 14)];
/// Lines of the organisation's name; a longer one is cut to one line and stands whole in the document properties.
const ORGANISATION_LINES: usize = 3;
const PATTERN_COLUMNS: u16 = 11;
const PATTERN_ROWS: u16 = 5;

impl Canvas<'_> {
    /// Draws the cover onto the first page.
    pub(crate) fn cover(&mut self, cover: &Cover) {
        let element = self.element(Role::Section, 0);
        self.parent = element;
        let brand = self.colours.brand;
        self.rect(None, 0.0, 0.0, PAGE_WIDTH, HEAD, brand);
        self.rect(None, 0.0, HEAD, PAGE_WIDTH, 4.5, self.colours.accent);
        self.pattern(&cover.pattern);
        self.cover_titles(cover);
        self.y = HEAD + 36.0;
        self.callout(&cover.verdict, MARGIN, TEXT_WIDTH);
        self.y += 10.0;
        self.facts(&cover.facts, MARGIN, TEXT_WIDTH);
        if let Some(words) = &cover.classification {
            self.stamp(words);
        }
        self.parent = 0;
    }

    fn cover_titles(&mut self, cover: &Cover) {
        let white = |face, size| Style { face, size, colour: Colour::WHITE, tabular: false };
        let pale = Style { colour: Colour::WHITE.mix(self.colours.brand, 0.18), ..white(FaceId::SemiBold, 12.0) };
        let paragraph = self.element(Role::Paragraph, self.parent);
        let mut organisation = self.styled_lines(&cover.organisation, pale, TEXT_WIDTH);
        if organisation.len() > ORGANISATION_LINES {
            organisation = vec![self.fitted(&cover.organisation, pale, TEXT_WIDTH)];
        }
        let (title, leading) = self.title_lines(&cover.title);
        let mut y = (HEAD - 64.0 - leading * title.len() as f32 - 26.0 - 16.0 * organisation.len() as f32).max(24.0);
        for line in &organisation {
            self.line(Some(paragraph), MARGIN, y, 16.0, line);
            y += 16.0;
        }
        y += 10.0;
        let heading = self.element(Role::Heading(1), self.parent);
        for line in &title {
            self.line(Some(heading), MARGIN, y, leading, line);
            y += leading;
        }
        y += 12.0;
        let period = self.element(Role::Paragraph, self.parent);
        self.put(Some(period), MARGIN, y, 18.0, &cover.period, white(FaceId::Regular, 12.5));
    }

    /// The title's lines and their leading, in the largest size that holds it.
    fn title_lines(&mut self, title: &str) -> (Vec<Line>, f32) {
        let mut lines = Vec::new();
        let mut leading = 0.0;
        for (size, most) in TITLE_SIZES {
            let style = Style { face: FaceId::Bold, size, colour: Colour::WHITE, tabular: false };
            lines = self.styled_lines(title, style, TEXT_WIDTH * 0.86);
            leading = size * 1.26;
            if lines.len() <= most {
                return (lines, leading);
            }
            // Longer than any size holds: one line of it, the whole stands in the document properties.
            lines = vec![self.fitted(title, style, TEXT_WIDTH * 0.86)];
        }
        (lines, leading)
    }

    /// Squares shaded by the bytes given: the same ledger state gives the same picture.
    fn pattern(&mut self, bytes: &[u8]) {
        let side = 16.0;
        let step = 20.5;
        let left = PAGE_WIDTH - f32::from(PATTERN_COLUMNS) * step - 8.0;
        let mut shades = bytes.iter().cycle();
        for row in 0..PATTERN_ROWS {
            for column in 0..PATTERN_COLUMNS {
                let Some(byte) = shades.next() else { return };
                // Fades out towards the title.
                let fade = f32::from(column + 1) / f32::from(PATTERN_COLUMNS);
                let share = f32::from(byte % 8) / 7.0 * 0.62 * fade;
                let colour = self.colours.brand.mix(self.colours.accent, share);
                let (x, y) = (left + f32::from(column) * step, 20.0 + f32::from(row) * step);
                self.fill(None, rounded(x, y, side, side, 3.0), colour);
            }
        }
    }

    fn stamp(&mut self, words: &str) {
        let tone = self.colours.tone(Tone::Bad);
        let style = Style { face: FaceId::SemiBold, size: 8.2, colour: tone, tabular: false };
        let line = self.fitted(words, style, TEXT_WIDTH - 28.0);
        let width = line.width + 28.0;
        let y = PAGE_HEIGHT - 78.0;
        let element = self.element(Role::Paragraph, self.parent);
        self.draw(
            None,
            super::page::Shape::Stroke {
                points: rounded(MARGIN, y, width, 18.0, 3.0),
                closed: true,
                width: 0.9,
                colour: tone,
            },
        );
        self.line(Some(element), MARGIN + 14.0, y, 18.0, &line);
    }
}
