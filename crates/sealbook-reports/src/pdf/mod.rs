//! Laid-out pages to PDF bytes. The engine stands behind one trait; what it cannot say is added afterwards.

mod colour_profile;
mod engine;
mod finish;
mod meaning;
mod metadata;

use crate::error::ReportError;
use crate::layout::{self, fonts::Fonts, page::Paged};
use crate::model::Report;

/// Draws pages. Another PDF library is another implementation of this.
trait Backend {
    /// The document with one page object per page, in order, its fonts embedded, and marked content numbered as
    /// [`meaning`] counts it.
    fn draw(&self, paged: &Paged, fonts: &Fonts) -> Result<lopdf::Document, ReportError>;
}

/// Renders a report as PDF. The same report gives the same bytes.
///
/// # Errors
/// When a font or the PDF engine fails, a QR code cannot hold its text, a time cannot be printed, or the report is
/// longer than the page limit.
pub fn pdf(report: &Report) -> Result<Vec<u8>, ReportError> {
    let (paged, fonts) = layout::lay_out(report)?;
    let document = engine::Printpdf.draw(&paged, &fonts)?;
    finish::finish(document, &paged, &report.cover)
}
