//! Lays a report out on pages: twice, so that page numbers can be printed.

mod canvas;
mod charts;
mod cover;
mod flow;
pub(crate) mod fonts;
pub(crate) mod page;
mod table;
mod text;
mod visible;

use std::collections::BTreeMap;

use self::canvas::{Canvas, MARGIN, TEXT_WIDTH};
use self::fonts::{FaceId, Fonts};
use self::page::{PAGE_HEIGHT, Paged};
use self::text::Style;
use crate::error::ReportError;
use crate::model::{Block, Report, Tone};

pub(crate) use self::text::thousandths as points;
pub(crate) use self::visible::visible;

/// Layout passes before giving up. Two settle every report met; a number that grows a digit can cost one more.
const PASSES_MAX: usize = 5;

/// Lays out a report.
pub(crate) fn lay_out(report: &Report) -> Result<(Paged, Fonts), ReportError> {
    let contents = contents_of(report);
    let mut fonts = Fonts::load()?;
    let mut numbers = BTreeMap::new();
    for _ in 0..PASSES_MAX {
        let (mut paged, used) = one_pass(report, &contents, fonts, &numbers)?;
        fonts = used;
        let found: BTreeMap<String, usize> =
            paged.anchors.iter().map(|(anchor, place)| (anchor.clone(), place.page + 1)).collect();
        if found == numbers {
            fonts = page_lines(report, &mut paged, fonts)?;
            return Ok((paged, fonts));
        }
        numbers = found;
    }
    Err(ReportError::Unsettled { passes: PASSES_MAX })
}

fn one_pass(
    report: &Report,
    contents: &[(u8, String, String)],
    fonts: Fonts,
    numbers: &BTreeMap<String, usize>,
) -> Result<(Paged, Fonts), ReportError> {
    let mut canvas = Canvas::new(fonts, &report.theme.colours, numbers);
    canvas.cover(&report.cover);
    canvas.new_page();
    for section in &report.sections {
        canvas.section(section, contents)?;
    }
    canvas.finish()
}

/// Level, title and anchor of what the contents list.
fn contents_of(report: &Report) -> Vec<(u8, String, String)> {
    let mut entries = Vec::new();
    for section in &report.sections {
        if section.blocks.iter().any(|block| matches!(block, Block::Contents)) {
            continue;
        }
        entries.push((1, section.title.clone(), section.anchor.clone()));
        for block in &section.blocks {
            if let Block::Heading(heading) = block
                && heading.level == 2
                && let Some(anchor) = &heading.anchor
            {
                entries.push((2, heading.text.clone(), anchor.clone()));
            }
        }
    }
    entries
}

/// Draws what every page but the cover repeats. It carries no meaning of its own.
fn page_lines(report: &Report, paged: &mut Paged, fonts: Fonts) -> Result<Fonts, ReportError> {
    let numbers = BTreeMap::new();
    let colours = &report.theme.colours;
    let pages = paged.pages.len();
    let mut canvas = Canvas::new(fonts, colours, &numbers);
    let style = Style { face: FaceId::Regular, size: 7.2, colour: colours.quiet, tabular: true };
    let cover = &report.cover;
    let owner = match &cover.classification {
        Some(words) => format!("{} · {words}", cover.organisation),
        None => cover.organisation.clone(),
    };
    for (page, number) in paged.pages.iter_mut().zip(1_usize..).skip(1) {
        let title = canvas.fitted(&cover.title, style, TEXT_WIDTH * 0.42);
        canvas.line(None, MARGIN, 34.0, 10.0, &title);
        let report_number = canvas.fitted(&cover.number, style, TEXT_WIDTH * 0.36);
        canvas.line(None, MARGIN + TEXT_WIDTH - report_number.width, 34.0, 10.0, &report_number);
        if let Some(banner) = &cover.banner {
            let loud = Style { face: FaceId::Bold, size: 9.0, colour: colours.tone(Tone::Bad), tabular: false };
            canvas.put_centred(None, MARGIN + TEXT_WIDTH / 2.0, 34.0, 10.0, banner, loud);
        }
        canvas.rule(MARGIN, 50.0, TEXT_WIDTH, 0.5, colours.line);
        let foot = PAGE_HEIGHT - 42.0;
        canvas.rule(MARGIN, foot, TEXT_WIDTH, 0.5, colours.line);
        let owner = canvas.fitted(&owner, style, TEXT_WIDTH * 0.7);
        canvas.line(None, MARGIN, foot + 6.0, 10.0, &owner);
        let line =
            report.theme.page_of_pages.replace("{page}", &number.to_string()).replace("{pages}", &pages.to_string());
        canvas.put_right(None, MARGIN + TEXT_WIDTH, foot + 6.0, 10.0, &line, style);
        if let Some(drawn) = canvas.paged.pages.last_mut() {
            page.items.append(&mut drawn.items);
        }
    }
    canvas.finish().map(|(_, fonts)| fonts)
}
