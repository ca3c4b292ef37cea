//! The growing document: the pen's place on the page, page breaks, and the primitives that blocks are drawn with.

use std::collections::BTreeMap;

use super::fonts::{FaceId, Fonts};
use super::page::{
    Element, ElementId, Item, Link, OutlineEntry, PAGE_HEIGHT, PAGE_WIDTH, Page, Paged, PathPoint, Place, Role, Shape,
};
use super::text::{Line, Span, Style, break_lines, single_line};
use crate::error::ReportError;
use crate::model::{Badge, Colour, Colours, Face, Inline};

/// Left and right margin, points.
pub(crate) const MARGIN: f32 = 48.0;
/// Width of the text, points.
pub(crate) const TEXT_WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// Where text starts on a page, points from the top.
pub(crate) const TOP: f32 = 72.0;
/// Where text ends on a page, points from the top.
pub(crate) const BOTTOM: f32 = PAGE_HEIGHT - 60.0;
/// Pages of one report. 5,000 pages are more than anybody reads and still below 100 MB of memory per 1,000.
pub(crate) const PAGES_MAX: usize = 5_000;
/// Characters that a line of a page can hold at most, in the smallest type.
const FITTED_CHARS_MAX: usize = 400;
/// Size of body type, points.
pub(crate) const BODY: f32 = 9.2;

/// Stands for a page number until it is known.
const UNKNOWN_PAGE: &str = "000";

/// The document while it grows.
pub(crate) struct Canvas<'a> {
    pub(crate) fonts: Fonts,
    pub(crate) colours: &'a Colours,
    pub(crate) paged: Paged,
    /// Where the next block starts, points from the top.
    pub(crate) y: f32,
    /// The element that new elements belong to.
    pub(crate) parent: ElementId,
    /// Page numbers of anchors, from the pass before.
    numbers: &'a BTreeMap<String, usize>,
    too_long: bool,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(fonts: Fonts, colours: &'a Colours, numbers: &'a BTreeMap<String, usize>) -> Self {
        let paged = Paged {
            pages: vec![Page::default()],
            outline: Vec::new(),
            elements: vec![Element { role: Role::Document, parent: 0 }],
            anchors: BTreeMap::new(),
        };
        Self { fonts, colours, paged, y: TOP, parent: 0, numbers, too_long: false }
    }

    /// The finished pages, and the fonts for the next use.
    pub(crate) fn finish(self) -> Result<(Paged, Fonts), ReportError> {
        if self.too_long { Err(ReportError::TooLong { max: PAGES_MAX }) } else { Ok((self.paged, self.fonts)) }
    }

    /// Points left on the page.
    pub(crate) fn left(&self) -> f32 {
        BOTTOM - self.y
    }

    pub(crate) fn at_top(&self) -> bool {
        self.y <= TOP + 0.5
    }

    pub(crate) fn new_page(&mut self) {
        if self.paged.pages.len() >= PAGES_MAX {
            // Keep drawing on the last page: `finish` refuses the whole.
            self.too_long = true;
        } else {
            self.paged.pages.push(Page::default());
        }
        self.y = TOP;
    }

    /// Starts a new page unless `height` points are left; a page's start is taken as it is.
    pub(crate) fn need(&mut self, height: f32) {
        if self.left() < height && !self.at_top() {
            self.new_page();
        }
    }

    /// Space between blocks; none at the start of a page.
    pub(crate) fn gap(&mut self, points: f32) {
        if !self.at_top() {
            self.y += points;
        }
    }

    pub(crate) fn place(&self) -> Place {
        Place { page: self.paged.pages.len().saturating_sub(1), y: self.y }
    }

    pub(crate) fn anchor(&mut self, name: &str, place: Place) {
        self.paged.anchors.entry(name.to_owned()).or_insert(place);
    }

    pub(crate) fn bookmark(&mut self, level: u8, title: &str, place: Place) {
        let title = super::visible::visible(title, |_| true).into_owned();
        self.paged.outline.push(OutlineEntry { level, title, place });
    }

    pub(crate) fn element(&mut self, role: Role, parent: ElementId) -> ElementId {
        self.paged.elements.push(Element { role, parent });
        self.paged.elements.len() - 1
    }

    pub(crate) fn draw(&mut self, element: Option<ElementId>, shape: Shape) {
        if let Some(page) = self.paged.pages.last_mut() {
            page.items.push(Item { element, shape });
        }
    }

    pub(crate) fn rect(&mut self, element: Option<ElementId>, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.draw(element, Shape::Rect { x, y, width, height, colour });
    }

    pub(crate) fn fill(&mut self, element: Option<ElementId>, points: Vec<PathPoint>, colour: Colour) {
        self.draw(element, Shape::Fill { points, colour });
    }

    pub(crate) fn rule(&mut self, x: f32, y: f32, width: f32, thickness: f32, colour: Colour) {
        self.rect(None, x, y - thickness / 2.0, width, thickness, colour);
    }

    pub(crate) fn style(&self, face: Face, size: f32) -> Style {
        let (face, size, colour) = match face {
            Face::Plain => (FaceId::Regular, size, self.colours.ink),
            Face::Strong => (FaceId::SemiBold, size, self.colours.ink),
            Face::Mono => (FaceId::Mono, size * 0.9, self.colours.ink),
            Face::Quiet => (FaceId::Regular, size, self.colours.quiet),
        };
        Style { face, size, colour, tabular: true }
    }

    /// Spans of running text; page numbers are filled in, links are coloured.
    pub(crate) fn spans(&self, inlines: &[Inline], size: f32) -> Vec<Span> {
        let spans = inlines.iter().map(|inline| {
            let mut style = self.style(inline.face, size);
            let number = inline.page_of.as_ref().map(|anchor| match self.numbers.get(anchor) {
                Some(number) => number.to_string(),
                None => UNKNOWN_PAGE.to_owned(),
            });
            if inline.link.is_some() {
                style.colour = self.colours.accent;
            }
            let mut span = Span::new(&self.fonts, number.as_deref().unwrap_or(&inline.text), style);
            span.link.clone_from(&inline.link);
            span
        });
        spans.collect()
    }

    pub(crate) fn lines(&mut self, inlines: &[Inline], size: f32, width: f32) -> Vec<Line> {
        let spans = self.spans(inlines, size);
        break_lines(&mut self.fonts, &spans, width)
    }

    pub(crate) fn one_line(&mut self, text: &str, style: Style) -> Line {
        single_line(&mut self.fonts, text, style)
    }

    /// One line of at most `width` points; a longer text ends with `…`. Only for words that stand whole elsewhere.
    pub(crate) fn fitted(&mut self, text: &str, style: Style, width: f32) -> Line {
        let whole = self.one_line(text, style);
        if whole.width <= width {
            return whole;
        }
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).take(FITTED_CHARS_MAX).collect();
        let cut = |at: &usize| format!("{}…", text.get(..*at).unwrap_or_default().trim_end());
        let fitting = ends.partition_point(|at| self.one_line(&cut(at), style).width <= width);
        let end = fitting.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or_default();
        self.one_line(&cut(&end), style)
    }

    /// Lines of one style, broken at `width`.
    pub(crate) fn styled_lines(&mut self, text: &str, style: Style, width: f32) -> Vec<Line> {
        let span = Span::new(&self.fonts, text, style);
        break_lines(&mut self.fonts, &[span], width)
    }

    /// Draws a line into the band from `top`, `height` points high; returns the width.
    pub(crate) fn line(&mut self, element: Option<ElementId>, x: f32, top: f32, height: f32, line: &Line) -> f32 {
        for piece in &line.pieces {
            let baseline = top + height / 2.0 + piece.style.size * 0.36;
            let shape = Shape::Text {
                x: x + piece.x,
                y: baseline,
                face: piece.face,
                size: piece.style.size,
                colour: piece.style.colour,
                glyphs: piece.glyphs.clone(),
            };
            let mut target = element;
            if let (Some(anchor), Some(parent)) = (&piece.link, element) {
                let link = self.element(Role::Link, parent);
                target = Some(link);
                self.link(Some(link), (x + piece.x, top, piece.width, height), anchor, "");
            }
            self.draw(target, shape);
        }
        line.width
    }

    /// Makes an area clickable.
    pub(crate) fn link(&mut self, element: Option<ElementId>, area: (f32, f32, f32, f32), anchor: &str, alt: &str) {
        let (x, y, width, height) = area;
        if let Some(page) = self.paged.pages.last_mut() {
            page.links.push(Link { x, y, width, height, anchor: anchor.to_owned(), alt: alt.to_owned(), element });
        }
    }

    /// Draws one line of one style at the place given; returns its width.
    pub(crate) fn put(
        &mut self,
        element: Option<ElementId>,
        x: f32,
        top: f32,
        height: f32,
        text: &str,
        style: Style,
    ) -> f32 {
        let line = self.one_line(text, style);
        self.line(element, x, top, height, &line)
    }

    /// Like [`Self::put`], ending at `right`.
    pub(crate) fn put_right(
        &mut self,
        element: Option<ElementId>,
        right: f32,
        top: f32,
        height: f32,
        text: &str,
        style: Style,
    ) {
        let line = self.one_line(text, style);
        self.line(element, right - line.width, top, height, &line);
    }

    /// Like [`Self::put`], centred on `middle`.
    pub(crate) fn put_centred(
        &mut self,
        element: Option<ElementId>,
        middle: f32,
        top: f32,
        height: f32,
        text: &str,
        style: Style,
    ) {
        let line = self.one_line(text, style);
        self.line(element, middle - line.width / 2.0, top, height, &line);
    }

    /// A badge as a line: sign and word in a darkened tone.
    pub(crate) fn badge_line(&mut self, badge: &Badge, size: f32) -> Line {
        let colour = self.colours.tone(badge.tone).mix(self.colours.ink, 0.25);
        let style = Style { face: FaceId::SemiBold, size, colour, tabular: true };
        self.one_line(&format!("{} {}", badge.mark, badge.text), style)
    }

    /// Draws a badge as a pill in the band from `top`; returns its width.
    pub(crate) fn badge(
        &mut self,
        element: Option<ElementId>,
        x: f32,
        top: f32,
        height: f32,
        badge: &Badge,
        size: f32,
    ) -> f32 {
        let line = self.badge_line(badge, size);
        let pad = size * 0.55;
        let pill = size * 1.62;
        let ground = self.colours.tone(badge.tone).mix(Colour::WHITE, 0.86);
        let y = top + (height - pill) / 2.0;
        self.fill(None, super::page::rounded(x, y, line.width + 2.0 * pad, pill, pill / 2.0), ground);
        self.line(element, x + pad, top, height, &line);
        line.width + 2.0 * pad
    }
}
