//! Tables: aligned columns, rows that break over pages, headings repeated on each.

use super::canvas::{Canvas, MARGIN, TEXT_WIDTH};
use super::fonts::FaceId;
use super::page::{ElementId, Role};
use super::text::{Line, Style};
use crate::model::{Badge, Cell, Colour, Column, Table, Width};

const SIZE: f32 = 7.6;
const LEADING: f32 = 10.4;
const PAD_X: f32 = 5.0;
const PAD_Y: f32 = 3.6;
const HEAD_SIZE: f32 = 7.2;
/// Size of badges in cells.
const BADGE: f32 = 6.8;
/// Lines of a long row that must fit before it is broken here rather than on the next page.
const LINES_MIN: usize = 3;

/// A row with its text broken into lines.
struct LaidRow {
    cells: Vec<LaidCell>,
    lines: usize,
}

enum LaidCell {
    Lines(Vec<Line>),
    Badge(Badge),
}

/// A column with its place.
struct LaidColumn {
    x: f32,
    width: f32,
    right: bool,
}

impl Canvas<'_> {
    /// Height of the heading and the first row.
    pub(crate) fn table_least_height(&mut self, table: &Table) -> f32 {
        let columns = place(&table.columns);
        let head = self.head_height(table, &columns);
        let first = table.rows.first().map_or(0.0, |row| row_height(self.lay_row(row, &columns).lines));
        head + first.min(120.0)
    }

    /// Height of the whole table, unbroken.
    pub(crate) fn table_height(&mut self, table: &Table) -> f32 {
        let columns = place(&table.columns);
        let rows: f32 = table.rows.iter().map(|row| row_height(self.lay_row(row, &columns).lines)).sum();
        self.head_height(table, &columns) + rows + 12.0
    }

    /// Draws a table.
    pub(crate) fn table(&mut self, table: &Table) {
        let columns = place(&table.columns);
        let least = self.table_least_height(table);
        self.need(least);
        let element = self.element(Role::Table, self.parent);
        let head = self.element(Role::Row, element);
        self.head(table, &columns, Some(head));
        for (row, number) in table.rows.iter().zip(0_usize..) {
            let laid = self.lay_row(row, &columns);
            let shaded = number % 2 == 1;
            let row_element = self.element(Role::Row, element);
            let cells: Vec<ElementId> = columns.iter().map(|_| self.element(Role::Cell, row_element)).collect();
            self.row_over_pages(table, &columns, &laid, &cells, shaded);
        }
        self.rule(MARGIN, self.y, TEXT_WIDTH, 0.6, self.colours.line);
        self.y += 12.0;
    }

    fn lay_row(&mut self, row: &[Cell], columns: &[LaidColumn]) -> LaidRow {
        let cells: Vec<LaidCell> = row
            .iter()
            .zip(columns)
            .map(|(cell, column)| match cell {
                Cell::Text(inlines) => LaidCell::Lines(self.lines(inlines, SIZE, column.width - 2.0 * PAD_X)),
                Cell::Badge(badge) => self.lay_badge(badge, column),
            })
            .collect();
        let lines = cells.iter().map(|cell| match cell {
            LaidCell::Lines(lines) => lines.len(),
            LaidCell::Badge(_) => 1,
        });
        let lines = lines.max().unwrap_or(1).max(1);
        LaidRow { cells, lines }
    }

    /// A badge stands as a pill where it fits, and as lines of its words where it does not.
    fn lay_badge(&mut self, badge: &Badge, column: &LaidColumn) -> LaidCell {
        let line = self.badge_line(badge, BADGE);
        if line.width + BADGE * 1.1 <= column.width - PAD_X {
            return LaidCell::Badge(badge.clone());
        }
        let colour = self.colours.tone(badge.tone).mix(self.colours.ink, 0.25);
        let style = Style { face: FaceId::SemiBold, size: BADGE, colour, tabular: true };
        let words = format!("{} {}", badge.mark, badge.text);
        LaidCell::Lines(self.styled_lines(&words, style, column.width - 2.0 * PAD_X))
    }

    fn head_lines(&mut self, table: &Table, columns: &[LaidColumn]) -> Vec<Vec<Line>> {
        let style = Style { face: FaceId::SemiBold, size: HEAD_SIZE, colour: Colour::WHITE, tabular: false };
        let pairs = table.columns.iter().zip(columns);
        pairs.map(|(column, laid)| self.styled_lines(&column.title, style, laid.width - 2.0 * PAD_X)).collect()
    }

    fn head_height(&mut self, table: &Table, columns: &[LaidColumn]) -> f32 {
        let lines = self.head_lines(table, columns).iter().map(Vec::len).max().unwrap_or(1).max(1);
        row_height(lines) + 1.0
    }

    /// Draws the heading row. Repeated ones carry no meaning of their own and have no element.
    fn head(&mut self, table: &Table, columns: &[LaidColumn], row: Option<ElementId>) {
        let titles = self.head_lines(table, columns);
        let height = self.head_height(table, columns);
        self.rect(None, MARGIN, self.y, TEXT_WIDTH, height, self.colours.brand);
        for (lines, column) in titles.iter().zip(columns) {
            let element = row.map(|row| self.element(Role::HeaderCell, row));
            self.cell_lines(element, lines, column, self.y + PAD_Y + 0.5);
        }
        self.y += height;
    }

    fn row_over_pages(
        &mut self,
        table: &Table,
        columns: &[LaidColumn],
        row: &LaidRow,
        cells: &[ElementId],
        shaded: bool,
    ) {
        let mut done = 0;
        while done < row.lines {
            let rest = row.lines - done;
            let fitting = (0..rest).take_while(|taken| row_height(taken + 1) <= self.left() + 0.01).count();
            let fits = fitting >= rest;
            let page_rows = row_height(rest) > super::canvas::BOTTOM - super::canvas::TOP - 40.0;
            if !fits && (!page_rows || fitting < LINES_MIN) && !self.just_after_head() {
                self.continue_on_new_page(table, columns);
                continue;
            }
            let take = fitting.clamp(1, rest);
            self.row_part(columns, row, cells, done..done + take, shaded);
            done += take;
            if done < row.lines {
                self.continue_on_new_page(table, columns);
            }
        }
    }

    /// Whether the page holds nothing above but a heading row, so that a new page would not help.
    fn just_after_head(&self) -> bool {
        self.y < super::canvas::TOP + 60.0
    }

    fn continue_on_new_page(&mut self, table: &Table, columns: &[LaidColumn]) {
        self.rule(MARGIN, self.y, TEXT_WIDTH, 0.6, self.colours.line);
        self.new_page();
        self.head(table, columns, None);
    }

    fn row_part(
        &mut self,
        columns: &[LaidColumn],
        row: &LaidRow,
        cells: &[ElementId],
        lines: std::ops::Range<usize>,
        shaded: bool,
    ) {
        let height = row_height(lines.len());
        if shaded {
            self.rect(None, MARGIN, self.y, TEXT_WIDTH, height, self.colours.ground);
        }
        self.rule(MARGIN, self.y, TEXT_WIDTH, 0.4, self.colours.line);
        let top = self.y + PAD_Y;
        for ((cell, column), element) in row.cells.iter().zip(columns).zip(cells) {
            match cell {
                LaidCell::Lines(all) => {
                    let end = lines.end.min(all.len());
                    let part = all.get(lines.start.min(end)..end).unwrap_or_default();
                    self.cell_lines(Some(*element), part, column, top);
                }
                LaidCell::Badge(badge) if lines.start == 0 => {
                    self.badge(Some(*element), column.x + PAD_X - 2.0, top, LEADING, badge, BADGE);
                }
                LaidCell::Badge(_) => {}
            }
        }
        self.y += height;
    }

    fn cell_lines(&mut self, element: Option<ElementId>, lines: &[Line], column: &LaidColumn, top: f32) {
        for (line, number) in lines.iter().zip(0_u16..) {
            let x = if column.right { column.x + column.width - PAD_X - line.width } else { column.x + PAD_X };
            self.line(element, x, top + LEADING * f32::from(number), LEADING, line);
        }
    }
}

fn row_height(lines: usize) -> f32 {
    LEADING * lines as f32 + 2.0 * PAD_Y
}

fn place(columns: &[Column]) -> Vec<LaidColumn> {
    let fixed: f32 =
        columns.iter().map(|column| if let Width::Points(points) = column.width { points } else { 0.0 }).sum();
    let shares: f32 =
        columns.iter().map(|column| if let Width::Share(share) = column.width { share } else { 0.0 }).sum();
    let free = (TEXT_WIDTH - fixed).max(0.0);
    let mut x = MARGIN;
    let placed = columns.iter().map(|column| {
        let width = match column.width {
            Width::Points(points) => points,
            Width::Share(share) => free * share / shares.max(f32::EPSILON),
        };
        let laid = LaidColumn { x, width, right: column.right };
        x += width;
        laid
    });
    placed.collect()
}
