//! The first page.

use super::canvas::{Canvas, MARGIN, TEXT_WIDTH};
use super::fonts::FaceId;
use super::page::{PAGE_HEIGHT, PAGE_WIDTH, Role, rounded};
use super::text::Style;
use crate::model::{Colour, Cover, Tone};

/// Height of the coloured head, points.
const HEAD: f32 = 306.0;
const TITLE: f32 = 30.0;
const TITLE_LEADING: f32 = 38.0;
/// Lines of a title; a longer one ends with the count of what is left out.
const TITLE_LINES: usize = 4;
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
        let organisation = self.styled_lines(&cover.organisation, pale, TEXT_WIDTH);
        let title = self.styled_lines(&cover.title, white(FaceId::Bold, TITLE), TEXT_WIDTH * 0.86);
        let shown = title.len().min(TITLE_LINES);
        let mut y = HEAD - 64.0 - TITLE_LEADING * shown as f32 - 30.0 - 16.0 * organisation.len().min(3) as f32;
        for line in organisation.iter().take(3) {
            self.line(Some(paragraph), MARGIN, y, 16.0, line);
            y += 16.0;
        }
        y += 10.0;
        let heading = self.element(Role::Heading(1), self.parent);
        for line in title.iter().take(TITLE_LINES) {
            self.line(Some(heading), MARGIN, y, TITLE_LEADING, line);
            y += TITLE_LEADING;
        }
        y += 12.0;
        let period = self.element(Role::Paragraph, self.parent);
        self.put(Some(period), MARGIN, y, 18.0, &cover.period, white(FaceId::Regular, 12.5));
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
        let line = self.one_line(words, style);
        let width = (line.width + 28.0).min(TEXT_WIDTH);
        let y = PAGE_HEIGHT - 78.0;
        let element = self.element(Role::Paragraph, self.parent);
        self.draw(None, super::page::Shape::Stroke { points: rounded(MARGIN, y, width, 18.0, 3.0), closed: true, width: 0.9, colour: tone });
        self.line(Some(element), MARGIN + 14.0, y, 18.0, &line);
    }
}
