//! Pages as neutral items: what a PDF engine draws, and the tree of meaning that goes with it.

use super::fonts::{FaceId, Glyph};
use crate::model::Colour;

/// A4, points.
pub(crate) const PAGE_WIDTH: f32 = 595.28;
/// A4, points.
pub(crate) const PAGE_HEIGHT: f32 = 841.89;

/// A document ready to be drawn.
pub(crate) struct Paged {
    pub(crate) pages: Vec<Page>,
    /// In reading order; a deeper level belongs to the last shallower one.
    pub(crate) outline: Vec<OutlineEntry>,
    /// The tree of meaning; an element's parent comes before it. The first is the document.
    pub(crate) elements: Vec<Element>,
    /// Where each anchor stands.
    pub(crate) anchors: std::collections::BTreeMap<String, Place>,
}

/// A place that links and bookmarks lead to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    /// From 0.
    pub(crate) page: usize,
    /// Points from the top.
    pub(crate) y: f32,
}

/// A bookmark.
pub(crate) struct OutlineEntry {
    /// From 1.
    pub(crate) level: u8,
    pub(crate) title: String,
    pub(crate) place: Place,
}

/// Position of an element in [`Paged::elements`].
pub(crate) type ElementId = usize;

/// What a part of the document is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    Document,
    Section,
    Heading(u8),
    Paragraph,
    Contents,
    ContentsItem,
    Table,
    Row,
    HeaderCell,
    Cell,
    Code,
    Link,
    /// A picture, with what it shows in words.
    Figure(String),
}

/// A node of the tree of meaning.
pub(crate) struct Element {
    pub(crate) role: Role,
    pub(crate) parent: ElementId,
}

/// One page. Coordinates are points from the top left corner.
#[derive(Default)]
pub(crate) struct Page {
    /// In drawing and reading order.
    pub(crate) items: Vec<Item>,
    pub(crate) links: Vec<Link>,
}

/// A shape with its meaning; decoration has none.
pub(crate) struct Item {
    pub(crate) element: Option<ElementId>,
    pub(crate) shape: Shape,
}

/// A clickable area.
pub(crate) struct Link {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) anchor: String,
    /// What the area says.
    pub(crate) alt: String,
    pub(crate) element: Option<ElementId>,
}

/// A point of a path; control points come in pairs before the end of their curve.
#[derive(Clone, Copy)]
pub(crate) struct PathPoint {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) control: bool,
}

impl PathPoint {
    pub(crate) const fn at(x: f32, y: f32) -> Self {
        Self { x, y, control: false }
    }

    pub(crate) const fn control(x: f32, y: f32) -> Self {
        Self { x, y, control: true }
    }
}

/// What is drawn.
pub(crate) enum Shape {
    /// A filled rectangle.
    Rect { x: f32, y: f32, width: f32, height: f32, colour: Colour },
    /// A filled path.
    Fill { points: Vec<PathPoint>, colour: Colour },
    /// A stroked path.
    Stroke { points: Vec<PathPoint>, closed: bool, width: f32, colour: Colour },
    /// Glyphs of one face on a baseline.
    Text { x: f32, y: f32, face: FaceId, size: f32, colour: Colour, glyphs: Vec<Glyph> },
}

/// A rectangle with round corners, as a path.
pub(crate) fn rounded(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Vec<PathPoint> {
    let r = radius.min(width / 2.0).min(height / 2.0);
    // Distance of a control point that makes a quarter circle.
    let k = r * 0.447_7;
    let (right, bottom) = (x + width, y + height);
    vec![
        PathPoint::at(x + r, y),
        PathPoint::at(right - r, y),
        PathPoint::control(right - k, y),
        PathPoint::control(right, y + k),
        PathPoint::at(right, y + r),
        PathPoint::at(right, bottom - r),
        PathPoint::control(right, bottom - k),
        PathPoint::control(right - k, bottom),
        PathPoint::at(right - r, bottom),
        PathPoint::at(x + r, bottom),
        PathPoint::control(x + k, bottom),
        PathPoint::control(x, bottom - k),
        PathPoint::at(x, bottom - r),
        PathPoint::at(x, y + r),
        PathPoint::control(x, y + k),
        PathPoint::control(x + k, y),
        PathPoint::at(x + r, y),
    ]
}
