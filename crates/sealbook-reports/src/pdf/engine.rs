//! The one module that knows printpdf: page items to its operations, used glyphs to embedded subsets.

use std::collections::BTreeMap;

use printpdf::{
    Codepoint, Color, DictItem, FontEmbeddingMode, FontId, FontMetrics, FontType, Line, LinePoint, Mm, Op, PaintMode,
    ParsedFont, PdfDocument, PdfFont, PdfFontHandle, PdfFontMetricsStub, PdfPage, PdfSaveOptions, Point, Polygon,
    PolygonRing, PrintpdfFontMeta, Pt, Rect, Rgb, TextItem, TextMatrix, WindingOrder,
};

use super::Backend;
use super::meaning::marked_runs;
use crate::error::ReportError;
use crate::layout::fonts::{FaceId, Fonts, Glyph};
use crate::layout::page::{PAGE_HEIGHT, PAGE_WIDTH, Paged, PathPoint, Shape};
use crate::model::Colour;

/// Millimetres of one point.
const MM_PER_POINT: f32 = 25.4 / 72.0;

/// Draws with printpdf.
pub(super) struct Printpdf;

/// An embedded subset: which glyph became which.
struct Subset {
    id: FontId,
    font: PdfFont,
    remap: BTreeMap<u16, u16>,
}

impl Backend for Printpdf {
    fn draw(&self, paged: &Paged, fonts: &Fonts) -> Result<lopdf::Document, ReportError> {
        let mut subsets = BTreeMap::new();
        for (number, (face, said)) in fonts.said().iter().enumerate() {
            subsets.insert(*face, subset(number, *face, said, fonts)?);
        }
        let mut document = PdfDocument::new("");
        document.pages = paged
            .pages
            .iter()
            .enumerate()
            .map(|(number, _)| {
                let ops = page_ops(paged, number, &subsets, fonts);
                PdfPage::new(Mm(PAGE_WIDTH * MM_PER_POINT), Mm(PAGE_HEIGHT * MM_PER_POINT), ops)
            })
            .collect();
        for subset in subsets.into_values() {
            document.resources.fonts.map.insert(subset.id, subset.font);
        }
        let options = PdfSaveOptions { optimize: false, subset_fonts: false, secure: true, image_optimization: None };
        let mut warnings = Vec::new();
        let drawn = printpdf::to_lopdf_doc(&document, &options, &mut warnings);
        match warnings.first() {
            Some(warning) => Err(ReportError::Pdf(format!("{warning:?}"))),
            None => Ok(drawn),
        }
    }
}

fn subset(number: usize, face: FaceId, said: &BTreeMap<u16, String>, fonts: &Fonts) -> Result<Subset, ReportError> {
    let fail = |detail: String| ReportError::Font { face: face.postscript_name(), detail };
    let parsed = fonts.face(face).ok_or_else(|| fail("not loaded".to_owned()))?;
    let glyphs: Vec<u16> = said.keys().copied().collect();
    let remapper = subsetter::GlyphRemapper::new_from_glyphs_sorted(&glyphs);
    let bytes = subsetter::subset(face.bytes(), 0, &remapper).map_err(|error| fail(format!("{error:?}")))?;
    let remap: BTreeMap<u16, u16> = glyphs.iter().filter_map(|old| Some((*old, remapper.get(*old)?))).collect();
    let width = |old: u16| parsed.glyph_hor_advance(rustybuzz::ttf_parser::GlyphId(old)).unwrap_or_default();
    let glyph_widths = remap.iter().map(|(old, new)| (*new, width(*old))).collect();
    let bounds = parsed.global_bounding_box();
    let units_per_em = u16::try_from(parsed.units_per_em()).map_err(|error| fail(error.to_string()))?;
    let tag = subset_tag(number);
    let is_cff = parsed.tables().cff.is_some();
    let font = ParsedFont {
        original_bytes: bytes,
        font_index: 0,
        font_name: Some(format!("{tag}+{}", face.postscript_name())),
        codepoint_to_glyph: BTreeMap::new(),
        glyph_widths,
        units_per_em,
        font_metrics: FontMetrics { ascent: parsed.ascender(), descent: parsed.descender() },
        font_type: if is_cff { FontType::OpenTypeCFF(()) } else { FontType::TrueType },
        pdf_font_metrics: PdfFontMetricsStub {
            units_per_em,
            x_min: bounds.x_min,
            y_min: bounds.y_min,
            x_max: bounds.x_max,
            y_max: bounds.y_max,
            caret_slope_rise: 1,
            caret_slope_run: 0,
            us_weight_class: parsed.weight().to_number(),
        },
    };
    let meta = PrintpdfFontMeta {
        original_gid_to_cid: None,
        original_to_unicode_map: None,
        embedding_mode: FontEmbeddingMode::Full,
        requires_subsetting: false,
    };
    Ok(Subset { id: FontId(tag), font: PdfFont::with_meta(font, meta), remap })
}

/// Six capitals that tell subsets apart, and are the same each time.
fn subset_tag(number: usize) -> String {
    let letter = u8::try_from(number % 26).map_or('A', |n| char::from(b'A' + n));
    format!("SEALB{letter}")
}

fn page_ops(paged: &Paged, page: usize, subsets: &BTreeMap<FaceId, Subset>, fonts: &Fonts) -> Vec<Op> {
    let mut ops = Vec::new();
    let Some(items) = paged.pages.get(page).map(|page| &page.items) else { return ops };
    for run in marked_runs(paged, items) {
        match run.marked {
            Some((tag, number)) => {
                let map = BTreeMap::from([("MCID".to_owned(), DictItem::Int(number))]);
                ops.push(Op::BeginMarkedContentWithProperties {
                    tag: tag.to_owned(),
                    properties: DictItem::Dict { map },
                });
            }
            None => ops.push(Op::BeginMarkedContent { tag: "Artifact".to_owned() }),
        }
        for item in run.items {
            shape_ops(&item.shape, subsets, fonts, &mut ops);
        }
        ops.push(Op::EndMarkedContent);
    }
    ops
}

fn shape_ops(shape: &Shape, subsets: &BTreeMap<FaceId, Subset>, fonts: &Fonts, ops: &mut Vec<Op>) {
    match shape {
        Shape::Rect { x, y, width, height, colour } => {
            ops.push(Op::SetFillColor { col: color(*colour) });
            let rectangle = Rect {
                x: pt(*x),
                y: up(*y + *height),
                width: pt(*width),
                height: pt(*height),
                mode: Some(PaintMode::Fill),
                winding_order: Some(WindingOrder::NonZero),
            };
            ops.push(Op::DrawRectangle { rectangle });
        }
        Shape::Fill { points, colour } => {
            ops.push(Op::SetFillColor { col: color(*colour) });
            let rings = vec![PolygonRing { points: line_points(points) }];
            let polygon = Polygon { rings, mode: PaintMode::Fill, winding_order: WindingOrder::NonZero };
            ops.push(Op::DrawPolygon { polygon });
        }
        Shape::Stroke { points, closed, width, colour } => {
            ops.push(Op::SetOutlineColor { col: color(*colour) });
            ops.push(Op::SetOutlineThickness { pt: pt(*width) });
            ops.push(Op::DrawLine { line: Line { points: line_points(points), is_closed: *closed } });
        }
        Shape::Text { x, y, face, size, colour, glyphs } => {
            let (Some(subset), Some(said)) = (subsets.get(face), fonts.said().get(face)) else { return };
            ops.push(Op::StartTextSection);
            ops.push(Op::SetFillColor { col: color(*colour) });
            ops.push(Op::SetFont { font: PdfFontHandle::External(subset.id.clone()), size: Pt(*size) });
            text_ops((*x, *y), *size, glyphs, subset, said, ops);
            ops.push(Op::EndTextSection);
        }
    }
}

/// Shows glyphs; one that is shifted from its place starts a run of its own.
fn text_ops(
    at: (f32, f32),
    size: f32,
    glyphs: &[Glyph],
    subset: &Subset,
    said: &BTreeMap<u16, String>,
    ops: &mut Vec<Op>,
) {
    let mut pen = 0;
    for run in glyphs.chunk_by(|a, b| a.shift == (0, 0) && b.shift == (0, 0)) {
        let shift = run.first().map_or((0, 0), |glyph| glyph.shift);
        let x = at.0 + crate::layout::points(pen + shift.0, size);
        let y = at.1 - crate::layout::points(shift.1, size);
        let codes = run.iter().map(|glyph| Codepoint {
            gid: subset.remap.get(&glyph.id).copied().unwrap_or_default(),
            offset: (glyph.width - glyph.advance) as f32,
            cid: Some(said.get(&glyph.id).cloned().unwrap_or_default()),
        });
        ops.push(Op::SetTextMatrix { matrix: TextMatrix::Translate(pt(x), up(y)) });
        ops.push(Op::ShowText { items: vec![TextItem::GlyphIds(codes.collect())] });
        pen += run.iter().map(|glyph| glyph.advance).sum::<i32>();
    }
}

fn line_points(points: &[PathPoint]) -> Vec<LinePoint> {
    points.iter().map(|p| LinePoint { p: Point { x: pt(p.x), y: up(p.y) }, bezier: p.control }).collect()
}

/// Points, rounded to thousandths: finer than any device, and short in the file.
fn pt(value: f32) -> Pt {
    Pt((value * 1000.0).round() / 1000.0)
}

/// Points from the top as points from the bottom.
fn up(y: f32) -> Pt {
    pt(PAGE_HEIGHT - y)
}

fn color(colour: Colour) -> Color {
    let round = |part: f32| (part * 1000.0).round() / 1000.0;
    Color::Rgb(Rgb { r: round(colour.r), g: round(colour.g), b: round(colour.b), icc_profile: None })
}
