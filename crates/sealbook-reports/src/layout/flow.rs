//! Sections and their blocks, one below the other; keeps headings with what follows.

use super::canvas::{BODY, Canvas, MARGIN, TEXT_WIDTH};
use super::fonts::FaceId;
use super::page::{ElementId, Role, rounded};
use super::text::{Line, Style, break_lines};
use crate::error::ReportError;
use crate::model::{Block, Callout, Card, Colour, Face, Fact, Heading, Inline, QrBlock, Section};

/// Line height of body type, points.
const LEADING: f32 = 13.6;
const NOTE: f32 = 7.8;
const NOTE_LEADING: f32 = 11.2;
const FACT_LEADING: f32 = 13.2;
/// Labels of this height together are not broken over pages, points.
const FACTS_TOGETHER: f32 = 170.0;
const CODE_LEADING: f32 = 11.4;
const CARD_HEIGHT: f32 = 46.0;
const CARD_GAP: f32 = 7.0;
const CALLOUT_PAD: f32 = 10.0;
/// A passage of this height is not broken over pages, points: a third of a page.
const PASSAGE_TOGETHER: f32 = 240.0;
/// Rows of a table in such a passage.
const ROWS_TOGETHER: usize = 6;
/// Type size and width of the labels, points.
type FactStyle = (f32, f32);
const BODY_FACTS: FactStyle = (8.8, 116.0);
/// Beside a QR code: a SHA-256 fits on one line.
const NARROW_FACTS: FactStyle = (7.4, 92.0);
/// Side of a QR code, points (39 mm).
const QR_SIDE: f32 = 112.0;

impl Canvas<'_> {
    /// Draws a section.
    pub(crate) fn section(&mut self, section: &Section, contents: &[(u8, String, String)]) -> Result<(), ReportError> {
        if section.new_page && !self.at_top() {
            self.new_page();
        }
        let element = self.element(Role::Section, 0);
        self.parent = element;
        let needed = 60.0 + self.needed_with_next(&section.blocks);
        self.need(needed);
        self.gap(26.0);
        let place = self.place();
        self.anchor(&section.anchor, place);
        self.bookmark(1, &section.title, place);
        let heading = self.element(Role::Heading(1), element);
        let style = Style { face: FaceId::Bold, size: 19.0, colour: self.colours.brand, tabular: false };
        for line in self.styled_lines(&section.title, style, TEXT_WIDTH) {
            self.line(Some(heading), MARGIN, self.y, 24.0, &line);
            self.y += 24.0;
        }
        self.y += 10.0;
        self.blocks(&section.blocks, contents)?;
        self.parent = 0;
        Ok(())
    }

    fn blocks(&mut self, blocks: &[Block], contents: &[(u8, String, String)]) -> Result<(), ReportError> {
        let mut rest = blocks;
        while let Some((block, after)) = rest.split_first() {
            if let Block::Heading(heading) = block {
                let needed = self.needed_with_next(rest);
                let together = if heading.level == 3 { self.height_together(rest) } else { None };
                self.need(together.unwrap_or(needed));
            }
            self.block(block, contents)?;
            rest = after;
        }
        Ok(())
    }

    /// Height of the headings and the one paragraph at the start of `blocks`, with the least of what follows them.
    fn needed_with_next(&mut self, blocks: &[Block]) -> f32 {
        let mut height = 0.0;
        let mut paragraphs = 0;
        for block in blocks {
            height += self.least_height(block);
            match block {
                Block::Heading(_) => {}
                Block::Text(_) if paragraphs == 0 => paragraphs += 1,
                _ => break,
            }
        }
        // What is longer than this may break as it must.
        height.min(260.0)
    }

    /// Height of a short passage, up to the next heading of its kind; none where it is too long to be kept together.
    fn height_together(&mut self, blocks: &[Block]) -> Option<f32> {
        let mut height = 0.0;
        for (position, block) in blocks.iter().enumerate() {
            match block {
                Block::Heading(heading) if position > 0 && heading.level <= 3 => break,
                Block::Heading(_) | Block::Text(_) | Block::Note(_) => height += self.least_height(block),
                Block::Facts(facts) => height += self.facts_height(facts, BODY_FACTS, TEXT_WIDTH) + 6.0,
                Block::Table(table) if table.rows.len() <= ROWS_TOGETHER => height += self.table_height(table),
                _ => return None,
            }
            if height > PASSAGE_TOGETHER {
                return None;
            }
        }
        Some(height)
    }

    /// The least height that a block must have on the page on which it starts.
    fn least_height(&mut self, block: &Block) -> f32 {
        match block {
            Block::Heading(heading) => {
                if heading.level == 2 {
                    44.0
                } else {
                    32.0
                }
            }
            Block::Text(inlines) => self.lines(inlines, BODY, TEXT_WIDTH).len().min(6) as f32 * LEADING + 6.0,
            Block::Note(_) => 2.0 * NOTE_LEADING + 4.0,
            Block::Callout(callout) => self.callout_height(callout),
            Block::Facts(facts) => self.facts_height(facts, BODY_FACTS, TEXT_WIDTH).min(FACTS_TOGETHER),
            Block::Cards(_) => CARD_HEIGHT + 10.0,
            Block::Table(table) => self.table_least_height(table),
            Block::Bars(bars) => Self::bars_height(bars),
            Block::Donut(_) => Self::donut_height(),
            Block::Heat(heat) => self.heat_least_height(heat),
            Block::Columns(_) => Self::columns_height(),
            Block::Code(lines) => CODE_LEADING * lines.len().min(4) as f32 + 16.0,
            Block::Qr(_) => QR_SIDE,
            Block::Contents | Block::NewPage => 0.0,
        }
    }

    fn block(&mut self, block: &Block, contents: &[(u8, String, String)]) -> Result<(), ReportError> {
        match block {
            Block::Heading(heading) => self.heading(heading),
            Block::Text(inlines) => self.paragraph(inlines, BODY, LEADING),
            Block::Note(inlines) => self.paragraph(inlines, NOTE, NOTE_LEADING),
            Block::Callout(callout) => self.callout(callout, MARGIN, TEXT_WIDTH),
            Block::Facts(facts) => self.facts(facts, MARGIN, TEXT_WIDTH),
            Block::Cards(cards) => self.cards(cards),
            Block::Table(table) => self.table(table),
            Block::Bars(bars) => self.bars(bars),
            Block::Donut(donut) => self.donut(donut),
            Block::Heat(heat) => self.heat(heat),
            Block::Columns(columns) => self.columns(columns),
            Block::Code(lines) => self.code(lines),
            Block::Qr(qr) => self.qr(qr)?,
            Block::Contents => self.contents(contents),
            Block::NewPage => self.new_page(),
        }
        Ok(())
    }

    fn heading(&mut self, heading: &Heading) {
        let (size, leading, before, after) = match heading.level {
            2 => (12.5, 16.5, 18.0, 5.0),
            3 => (9.8, 13.5, 12.0, 3.0),
            _ => (8.2, 11.5, 4.0, 3.0),
        };
        self.gap(before);
        let place = self.place();
        if let Some(anchor) = &heading.anchor {
            self.anchor(anchor, place);
        }
        if heading.level == 2 || heading.anchor.is_some() {
            self.bookmark(heading.level, &heading.text, place);
        }
        let element = self.element(Role::Heading(heading.level), self.parent);
        let style = Style { face: FaceId::SemiBold, size, colour: self.colours.brand, tabular: false };
        let badge_width = heading.badge.as_ref().map_or(0.0, |badge| self.badge_line(badge, 7.6).width + 20.0);
        let lines = self.styled_lines(&heading.text, style, TEXT_WIDTH - badge_width);
        for line in &lines {
            self.line(Some(element), MARGIN, self.y, leading, line);
            self.y += leading;
        }
        if let Some(badge) = &heading.badge {
            let x = MARGIN + TEXT_WIDTH - (badge_width - 12.0);
            let top = self.y - leading * lines.len() as f32;
            self.badge(Some(element), x, top, leading, badge, 7.6);
        }
        self.y += after;
    }

    fn paragraph(&mut self, inlines: &[Inline], size: f32, leading: f32) {
        let lines = self.lines(inlines, size, TEXT_WIDTH);
        let element = self.element(Role::Paragraph, self.parent);
        self.lines_over_pages(&lines, leading, Some(element), MARGIN);
        self.y += leading * 0.45;
    }

    /// Draws lines over as many pages as it takes; no line stands alone on a page.
    fn lines_over_pages(&mut self, lines: &[Line], leading: f32, element: Option<ElementId>, x: f32) {
        let mut rest = lines;
        while !rest.is_empty() {
            let mut take = rest
                .iter()
                .scan(self.left(), |left, _| {
                    *left -= leading;
                    Some(*left)
                })
                .take_while(|left| *left >= -0.01)
                .count();
            if take < rest.len() && rest.len() - take == 1 {
                take = take.saturating_sub(1);
            }
            if take < rest.len() && take < 2 && !self.at_top() {
                self.new_page();
                continue;
            }
            let (now, later) = rest.split_at(take.max(1).min(rest.len()));
            for line in now {
                self.line(element, x, self.y, leading, line);
                self.y += leading;
            }
            rest = later;
            if !rest.is_empty() {
                self.new_page();
            }
        }
    }

    fn callout_parts(&mut self, callout: &Callout, width: f32) -> (Vec<Line>, Vec<Line>) {
        let colour = self.colours.tone(callout.tone).mix(self.colours.ink, 0.35);
        let colour = if callout.loud { Colour::WHITE } else { colour };
        let style = Style { face: FaceId::SemiBold, size: 10.6, colour, tabular: true };
        let inner = width - 2.0 * CALLOUT_PAD - 6.0;
        let title = self.styled_lines(&callout.title, style, inner);
        let mut spans = self.spans(&callout.text, 8.8);
        if callout.loud {
            spans.iter_mut().for_each(|span| span.style.colour = Colour::WHITE);
        }
        let text = if spans.is_empty() { Vec::new() } else { break_lines(&mut self.fonts, &spans, inner) };
        (title, text)
    }

    fn callout_height(&mut self, callout: &Callout) -> f32 {
        let (title, text) = self.callout_parts(callout, TEXT_WIDTH);
        2.0 * CALLOUT_PAD + title.len() as f32 * 14.5 + text.len() as f32 * 12.8
    }

    /// A box with a coloured edge.
    pub(crate) fn callout(&mut self, callout: &Callout, x: f32, width: f32) {
        let (title, text) = self.callout_parts(callout, width);
        let height = 2.0 * CALLOUT_PAD + title.len() as f32 * 14.5 + text.len() as f32 * 12.8;
        self.need(height);
        let tone = self.colours.tone(callout.tone);
        let ground = if callout.loud { tone } else { tone.mix(Colour::WHITE, 0.9) };
        self.fill(None, rounded(x, self.y, width, height, 3.0), ground);
        self.rect(None, x, self.y, 4.0, height, tone);
        let element = self.element(Role::Paragraph, self.parent);
        let left = x + CALLOUT_PAD + 6.0;
        let mut top = self.y + CALLOUT_PAD;
        for line in &title {
            self.line(Some(element), left, top, 14.5, line);
            top += 14.5;
        }
        for line in &text {
            self.line(Some(element), left, top, 12.8, line);
            top += 12.8;
        }
        self.y += height + 12.0;
    }

    /// Labels with values beside them.
    pub(crate) fn facts(&mut self, facts: &[Fact], x: f32, width: f32) {
        self.styled_facts(facts, BODY_FACTS, x, width);
    }

    fn facts_height(&mut self, facts: &[Fact], style: FactStyle, width: f32) -> f32 {
        let mut height = 0.0;
        for fact in facts {
            let (labels, values) = self.fact_lines(fact, style, width);
            height += FACT_LEADING * labels.len().max(values.len()) as f32 + 1.6;
        }
        height
    }

    fn fact_lines(&mut self, fact: &Fact, style: FactStyle, width: f32) -> (Vec<Line>, Vec<Line>) {
        let (size, label_width) = style;
        let label = [Inline::quiet(fact.label.as_str())];
        (self.lines(&label, size, label_width - 8.0), self.lines(&fact.value, size, width - label_width))
    }

    fn styled_facts(&mut self, facts: &[Fact], style: FactStyle, x: f32, width: f32) {
        let together = self.facts_height(facts, style, width);
        if together <= FACTS_TOGETHER {
            self.need(together);
        }
        for fact in facts {
            let (labels, values) = self.fact_lines(fact, style, width);
            self.need(FACT_LEADING * labels.len() as f32);
            let element = self.element(Role::Paragraph, self.parent);
            let (top, page) = (self.y, self.paged.pages.len());
            for (line, row) in labels.iter().zip(0_u16..) {
                self.line(Some(element), x, top + FACT_LEADING * f32::from(row), FACT_LEADING, line);
            }
            self.lines_over_pages(&values, FACT_LEADING, Some(element), x + style.1);
            if self.paged.pages.len() == page {
                self.y = self.y.max(top + FACT_LEADING * labels.len() as f32);
            }
            self.y += 1.6;
        }
        self.y += 6.0;
    }

    fn cards(&mut self, cards: &[Card]) {
        let count = cards.len().max(1) as f32;
        let width = (TEXT_WIDTH - CARD_GAP * (count - 1.0)) / count;
        self.need(CARD_HEIGHT + 10.0);
        let mut x = MARGIN;
        for card in cards {
            let tone = self.colours.tone(card.badge.tone);
            self.rect(None, x, self.y, width, CARD_HEIGHT, self.colours.ground);
            self.rect(None, x, self.y, 3.0, CARD_HEIGHT, tone);
            let element = self.element(Role::Paragraph, self.parent);
            let figure =
                Style { face: FaceId::Bold, size: 16.0, colour: tone.mix(self.colours.ink, 0.2), tabular: true };
            self.put(Some(element), x + 10.0, self.y + 6.0, 20.0, &card.value, figure);
            let quiet = Style {
                face: FaceId::Regular,
                size: 6.9,
                colour: self.colours.ink.mix(self.colours.quiet, 0.5),
                tabular: false,
            };
            let words = format!("{} {}", card.badge.mark, card.badge.text);
            let lines = self.styled_lines(&words, quiet, width - 13.0);
            for (line, row) in lines.iter().zip(0_u16..) {
                self.line(Some(element), x + 10.0, self.y + 26.0 + 8.6 * f32::from(row), 8.6, line);
            }
            x += width + CARD_GAP;
        }
        self.y += CARD_HEIGHT + 10.0;
    }

    fn code(&mut self, lines: &[String]) {
        let style = self.style(Face::Mono, 8.4);
        let mut broken = Vec::new();
        for text in lines {
            broken.extend(self.styled_lines(text, style, TEXT_WIDTH - 24.0));
        }
        let mut rest = broken.as_slice();
        self.need(CODE_LEADING * rest.len().min(4) as f32 + 16.0);
        while !rest.is_empty() {
            let mut take = 0;
            let mut height = 14.0;
            while take < rest.len() && height + CODE_LEADING <= self.left() + 0.01 {
                take += 1;
                height += CODE_LEADING;
            }
            let (now, later) = rest.split_at(take.max(1).min(rest.len()));
            self.rect(None, MARGIN, self.y, TEXT_WIDTH, 14.0 + CODE_LEADING * now.len() as f32, self.colours.ground);
            let element = self.element(Role::Code, self.parent);
            self.y += 7.0;
            for line in now {
                self.line(Some(element), MARGIN + 12.0, self.y, CODE_LEADING, line);
                self.y += CODE_LEADING;
            }
            self.y += 7.0;
            rest = later;
            if !rest.is_empty() {
                self.new_page();
            }
        }
        self.y += 9.0;
    }

    fn qr(&mut self, qr: &QrBlock) -> Result<(), ReportError> {
        let code = qrcode::QrCode::with_error_correction_level(qr.text.as_bytes(), qrcode::EcLevel::M)
            .map_err(|error| ReportError::Qr(format!("{error}; the text has {} bytes", qr.text.len())))?;
        self.need(QR_SIDE);
        let element = self.element(Role::Figure(qr.alt.clone()), self.parent);
        let modules = code.width();
        let side = QR_SIDE / modules as f32;
        let colours = code.to_colors();
        for (row, cells) in colours.chunks(modules).enumerate() {
            self.qr_row(element, self.y + row as f32 * side, side, cells);
        }
        let top = self.y;
        let page = self.paged.pages.len();
        self.styled_facts(&qr.facts, NARROW_FACTS, MARGIN + QR_SIDE + 18.0, TEXT_WIDTH - QR_SIDE - 18.0);
        if self.paged.pages.len() == page {
            self.y = self.y.max(top + QR_SIDE + 12.0);
        }
        Ok(())
    }

    /// One row of a QR code: neighbouring dark modules as one rectangle, so that no hairline shows between them.
    fn qr_row(&mut self, element: ElementId, y: f32, side: f32, cells: &[qrcode::Color]) {
        let mut column = 0;
        for run in cells.chunk_by(|a, b| a == b) {
            if run.first() == Some(&qrcode::Color::Dark) {
                let x = MARGIN + column as f32 * side;
                self.rect(Some(element), x, y, run.len() as f32 * side, side + 0.05, self.colours.ink);
            }
            column += run.len();
        }
    }

    fn contents(&mut self, entries: &[(u8, String, String)]) {
        let list = self.element(Role::Contents, self.parent);
        for (level, title, anchor) in entries {
            let (face, size, height, indent) =
                if *level == 1 { (Face::Strong, 9.4, 18.0, 0.0) } else { (Face::Plain, 8.4, 13.2, 14.0) };
            self.need(height);
            let item = self.element(Role::ContentsItem, list);
            let link = self.element(Role::Link, item);
            let style = self.style(face, size);
            let spans = self.spans(&[Inline::page_of(anchor.as_str())], size);
            let number: String = spans.into_iter().map(|span| span.text).collect();
            let width = TEXT_WIDTH - indent - 40.0;
            let lines = self.styled_lines(title, style, width);
            let mut end = MARGIN;
            let top = self.y;
            for line in &lines {
                end = MARGIN + indent + self.line(Some(link), MARGIN + indent, self.y, height, line);
                self.y += height;
            }
            let last = self.y - height;
            self.leader(end + 6.0, MARGIN + TEXT_WIDTH - 26.0, last + height / 2.0 + 3.0);
            self.put_right(Some(link), MARGIN + TEXT_WIDTH, last, height, &number, style);
            self.link(Some(link), (MARGIN, top, TEXT_WIDTH, self.y - top), anchor, title);
        }
    }

    /// A thin leader from a title to its page number.
    fn leader(&mut self, from: f32, to: f32, y: f32) {
        if to - from > 8.0 {
            self.rule(from, y, to - from, 0.35, self.colours.line);
        }
    }
}
