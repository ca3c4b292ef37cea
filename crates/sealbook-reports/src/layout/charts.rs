//! Pictures of counts: stacked bars, ring, heat map, columns over time. Each colour comes with a sign or a figure.

use super::canvas::{Canvas, MARGIN, TEXT_WIDTH};
use super::fonts::FaceId;
use super::page::{ElementId, PathPoint, Role};
use super::text::{Line, Style};
use crate::model::{Badge, Bars, Colour, Columns, Donut, HeatMap, Tile, Tone};

const BAR_ROW: f32 = 19.0;
const BAR_LABEL: f32 = 104.0;
const LEGEND: f32 = 20.0;
const RING: f32 = 52.0;
const CHART_HEIGHT: f32 = 128.0;
const TILES_PER_ROW: usize = 4;
const TILE_GAP: f32 = 6.0;
const SQUARE: f32 = 11.0;
const SQUARE_GAP: f32 = 2.2;
const TILE_PAD: f32 = 6.0;
/// Arc of one curve segment: short enough that the curve lies within 0.01 pt of the circle.
const ARC_STEP: f32 = std::f32::consts::FRAC_PI_8;

/// A tile with its text broken into lines.
struct LaidTile<'a> {
    tile: &'a Tile,
    id: Vec<Line>,
    title: Vec<Line>,
    counts: Vec<Line>,
    height: f32,
}

impl Canvas<'_> {
    pub(crate) fn bars_height(bars: &Bars) -> f32 {
        BAR_ROW * bars.rows.len() as f32 + LEGEND
    }

    fn small(&self, face: FaceId, size: f32, colour: Colour) -> Style {
        Style { face, size, colour, tabular: true }
    }

    /// One stacked bar per row, with the figures in the segments.
    pub(crate) fn bars(&mut self, bars: &Bars) {
        self.need(Self::bars_height(bars));
        let figure = self.element(Role::Figure(bars.alt.clone()), self.parent);
        let width = TEXT_WIDTH - BAR_LABEL - 34.0;
        for (label, values) in &bars.rows {
            let name = self.small(FaceId::SemiBold, 8.2, self.colours.ink);
            let label = self.fitted(label, name, BAR_LABEL - 8.0);
            self.line(Some(figure), MARGIN, self.y, 14.0, &label);
            let total: u64 = values.iter().sum();
            let mut x = MARGIN + BAR_LABEL;
            for (segment, (series, value)) in
                self.segments(values, width).into_iter().zip(bars.series.iter().zip(values))
            {
                if *value > 0 {
                    self.segment(figure, x, segment, series, *value);
                }
                x += segment;
            }
            let sum = self.small(FaceId::SemiBold, 8.2, self.colours.quiet);
            self.put_right(Some(figure), MARGIN + TEXT_WIDTH, self.y, 14.0, &total.to_string(), sum);
            self.y += BAR_ROW;
        }
        self.legend(figure, &bars.series, MARGIN + BAR_LABEL);
        self.y += 6.0;
    }

    /// Widths of segments: proportional, but wide enough for the figure.
    fn segments(&mut self, values: &[u64], width: f32) -> Vec<f32> {
        let style = self.small(FaceId::SemiBold, 7.4, Colour::WHITE);
        let least: Vec<f32> = values
            .iter()
            .map(|value| if *value == 0 { 0.0 } else { self.one_line(&value.to_string(), style).width + 6.0 })
            .collect();
        let spare = (width - least.iter().sum::<f32>()).max(0.0);
        let total: f32 = values.iter().map(|value| *value as f32).sum::<f32>().max(1.0);
        values.iter().zip(least).map(|(value, least)| least + spare * (*value as f32) / total).collect()
    }

    fn segment(&mut self, figure: ElementId, x: f32, width: f32, series: &Badge, value: u64) {
        let (y, height) = (self.y, 14.0);
        let tone = self.colours.tone(series.tone);
        let ink = if series.tone == Tone::Outside { tone } else { Colour::WHITE };
        self.rect(Some(figure), x, y, (width - 0.8).max(0.4), height, self.ground(series.tone));
        let style = self.small(FaceId::SemiBold, 7.4, ink);
        self.put_centred(Some(figure), x + width / 2.0, y, height, &value.to_string(), style);
    }

    fn legend(&mut self, figure: ElementId, series: &[Badge], left: f32) {
        let mut x = left;
        for badge in series {
            let words = self.small(FaceId::Regular, 7.2, self.colours.ink);
            let line = self.one_line(&badge.text, words);
            if x + 15.0 + line.width > MARGIN + TEXT_WIDTH && x > left {
                x = left;
                self.y += 13.0;
            }
            let y = self.y + 2.0;
            self.square(Some(figure), x, y + 0.5, 9.0, badge);
            self.line(Some(figure), x + 12.5, y, 10.0, &line);
            x += 12.5 + line.width + 13.0;
        }
        self.y += LEGEND - 4.0;
    }

    pub(crate) const fn donut_height() -> f32 {
        2.0 * RING + 14.0
    }

    /// A ring with its legend at the right.
    pub(crate) fn donut(&mut self, donut: &Donut) {
        self.need(Self::donut_height());
        let figure = self.element(Role::Figure(donut.alt.clone()), self.parent);
        let (cx, cy) = (MARGIN + RING, self.y + RING);
        let total: f32 = donut.parts.iter().map(|(_, value)| *value as f32).sum();
        let mut angle = -std::f32::consts::FRAC_PI_2;
        for (badge, value) in &donut.parts {
            if *value == 0 || total <= 0.0 {
                continue;
            }
            let sweep = std::f32::consts::TAU * (*value as f32) / total;
            let points = ring_segment(cx, cy, RING, RING * 0.62, angle, angle + sweep);
            self.fill(Some(figure), points, self.ground(badge.tone));
            angle += sweep;
        }
        let big = self.small(FaceId::Bold, 17.0, self.colours.ink);
        self.put_centred(Some(figure), cx, cy - 14.0, 18.0, &donut.total.to_string(), big);
        let words = self.small(FaceId::Regular, 7.2, self.colours.quiet);
        self.put_centred(Some(figure), cx, cy + 4.0, 10.0, &donut.total_label, words);
        let mut top = self.y + RING - donut.parts.len() as f32 * 7.5;
        for (badge, value) in &donut.parts {
            let x = MARGIN + 2.0 * RING + 26.0;
            self.square(Some(figure), x, top + 1.5, 10.0, badge);
            let name = self.small(FaceId::Regular, 8.6, self.colours.ink);
            self.put(Some(figure), x + 17.0, top, 13.0, &badge.text, name);
            let count = self.small(FaceId::SemiBold, 8.6, self.colours.ink);
            self.put_right(Some(figure), x + 170.0, top, 13.0, &value.to_string(), count);
            top += 15.0;
        }
        self.y += Self::donut_height();
    }

    /// Colour of an area. What is outside of the report's view stays pale, so that the rest stands out.
    fn ground(&self, tone: Tone) -> Colour {
        let colour = self.colours.tone(tone);
        if tone == Tone::Outside { colour.mix(Colour::WHITE, 0.76) } else { colour }
    }

    /// A square with its sign.
    fn square(&mut self, element: Option<ElementId>, x: f32, y: f32, side: f32, badge: &Badge) {
        let tone = self.colours.tone(badge.tone);
        let ink = if badge.tone == Tone::Outside { tone } else { Colour::WHITE };
        self.rect(element, x, y, side, side, self.ground(badge.tone));
        let mark = self.small(FaceId::SemiBold, side * 0.66, ink);
        self.put_centred(element, x + side / 2.0, y, side, &badge.mark, mark);
    }

    fn tile_width() -> f32 {
        (TEXT_WIDTH - TILE_GAP * (TILES_PER_ROW as f32 - 1.0)) / TILES_PER_ROW as f32
    }

    fn lay_tile<'t>(&mut self, tile: &'t Tile) -> LaidTile<'t> {
        let inner = Self::tile_width() - 2.0 * TILE_PAD;
        let strong = self.small(FaceId::SemiBold, 8.4, self.colours.ink);
        let id = self.styled_lines(&tile.id, strong, inner);
        let quiet = self.small(FaceId::Regular, 6.8, self.colours.ink);
        let title = self.styled_lines(&tile.title, quiet, inner);
        let counts_style = self.small(FaceId::SemiBold, 6.4, self.colours.ink.mix(self.colours.quiet, 0.4));
        let counts = self.styled_lines(&tile.counts, counts_style, inner);
        let per_row = squares_per_row();
        let rows = tile.controls.len().div_ceil(per_row).max(1);
        let height = TILE_PAD * 2.0
            + 11.0 * id.len() as f32
            + 8.6 * title.len() as f32
            + 4.0
            + (SQUARE + SQUARE_GAP) * rows as f32
            + 1.0
            + 8.2 * counts.len() as f32;
        LaidTile { tile, id, title, counts, height }
    }

    pub(crate) fn heat_least_height(&mut self, heat: &HeatMap) -> f32 {
        let first = heat.tiles.iter().take(TILES_PER_ROW);
        first.map(|tile| self.lay_tile(tile).height).fold(0.0, f32::max) + TILE_GAP
    }

    /// One tile per category; in it one square per control, with the status's sign.
    pub(crate) fn heat(&mut self, heat: &HeatMap) {
        let figure = self.element(Role::Figure(heat.alt.clone()), self.parent);
        for tiles in heat.tiles.chunks(TILES_PER_ROW) {
            let laid: Vec<LaidTile> = tiles.iter().map(|tile| self.lay_tile(tile)).collect();
            let height = laid.iter().map(|tile| tile.height).fold(0.0, f32::max);
            self.need(height);
            for (tile, column) in laid.iter().zip(0_u16..) {
                let x = MARGIN + f32::from(column) * (Self::tile_width() + TILE_GAP);
                self.tile(figure, tile, x, height);
            }
            self.y += height + TILE_GAP;
        }
        self.y += 6.0;
    }

    fn tile(&mut self, figure: ElementId, laid: &LaidTile, x: f32, height: f32) {
        let tone = self.colours.tone(laid.tile.tone);
        let width = Self::tile_width();
        self.rect(Some(figure), x, self.y, width, height, tone.mix(Colour::WHITE, 0.88));
        self.rect(Some(figure), x, self.y, width, 2.0, tone);
        let mut y = self.y + TILE_PAD;
        for line in &laid.id {
            self.line(Some(figure), x + TILE_PAD, y, 11.0, line);
            y += 11.0;
        }
        for line in &laid.title {
            self.line(Some(figure), x + TILE_PAD, y, 8.6, line);
            y += 8.6;
        }
        y += 4.0;
        for row in laid.tile.controls.chunks(squares_per_row()) {
            let mut left = x + TILE_PAD;
            for (badge, anchor) in row {
                self.square(Some(figure), left, y, SQUARE, badge);
                if let Some(anchor) = anchor {
                    self.link(None, (left, y, SQUARE, SQUARE), anchor, &badge.text);
                }
                left += SQUARE + SQUARE_GAP;
            }
            y += SQUARE + SQUARE_GAP;
        }
        y += 1.0;
        for line in &laid.counts {
            self.line(Some(figure), x + TILE_PAD, y, 8.2, line);
            y += 8.2;
        }
    }

    pub(crate) const fn columns_height() -> f32 {
        CHART_HEIGHT + LEGEND + 22.0
    }

    /// Stacked columns over time, with figures in the segments and sums above them.
    pub(crate) fn columns(&mut self, columns: &Columns) {
        self.need(Self::columns_height());
        let figure = self.element(Role::Figure(columns.alt.clone()), self.parent);
        let most = columns.points.iter().map(|(_, values)| values.iter().sum::<u64>()).max().unwrap_or(0).max(1);
        let step = tick_step(most);
        let top_value = most.div_ceil(step) * step;
        let (left, right) = (MARGIN + 30.0, MARGIN + TEXT_WIDTH);
        let base = self.y + 10.0 + CHART_HEIGHT;
        let scale = CHART_HEIGHT / top_value as f32;
        let tick = self.small(FaceId::Regular, 7.0, self.colours.quiet);
        let mut value = 0;
        while value <= top_value {
            let y = base - value as f32 * scale;
            self.rule(left, y, right - left, 0.4, self.colours.line);
            self.put_right(Some(figure), left - 5.0, y - 5.0, 10.0, &value.to_string(), tick);
            value += step;
        }
        let slot = (right - left) / columns.points.len().max(1) as f32;
        for ((label, values), number) in columns.points.iter().zip(0_u16..) {
            let middle = left + slot * (f32::from(number) + 0.5);
            self.column(figure, columns, values, (middle, base, slot, scale));
            let label = self.fitted(label, tick, slot);
            self.line(Some(figure), middle - label.width / 2.0, base + 3.0, 11.0, &label);
        }
        self.rule(left, base, right - left, 0.7, self.colours.quiet);
        self.y = base + 16.0;
        self.legend(figure, &columns.series, left);
        self.y += 6.0;
    }

    fn column(&mut self, figure: ElementId, columns: &Columns, values: &[u64], frame: (f32, f32, f32, f32)) {
        let (middle, base, slot, scale) = frame;
        let width = (slot * 0.56).min(34.0);
        let mut y = base;
        for (series, value) in columns.series.iter().zip(values) {
            let height = *value as f32 * scale;
            y -= height;
            if *value == 0 {
                continue;
            }
            self.rect(Some(figure), middle - width / 2.0, y, width, height, self.colours.tone(series.tone));
            if height >= 10.0 {
                let style = self.small(FaceId::SemiBold, 6.8, Colour::WHITE);
                self.put_centred(Some(figure), middle, y, height, &value.to_string(), style);
            }
        }
        let sum: u64 = values.iter().sum();
        let style = self.small(FaceId::SemiBold, 7.2, self.colours.ink);
        self.put_centred(Some(figure), middle, y - 11.0, 10.0, &sum.to_string(), style);
    }
}

fn squares_per_row() -> usize {
    let inner = Canvas::tile_width() - 2.0 * TILE_PAD;
    // Count by addition: the width is a small constant.
    let mut count = 1;
    while (count + 1) as f32 * (SQUARE + SQUARE_GAP) - SQUARE_GAP <= inner {
        count += 1;
    }
    count
}

/// A step of 1, 2 or 5 times a power of ten that gives at most five ticks.
fn tick_step(most: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if most.div_ceil(step) <= 5 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

fn ring_segment(cx: f32, cy: f32, outer: f32, inner: f32, from: f32, to: f32) -> Vec<PathPoint> {
    let mut points = arc(cx, cy, outer, from, to);
    points.extend(arc(cx, cy, inner, to, from));
    points
}

/// Curve points of an arc, in steps of at most [`ARC_STEP`].
fn arc(cx: f32, cy: f32, radius: f32, from: f32, to: f32) -> Vec<PathPoint> {
    let pieces = ((to - from).abs() / ARC_STEP).ceil().max(1.0);
    let step = (to - from) / pieces;
    let k = 4.0 / 3.0 * (step / 4.0).tan() * radius;
    let mut points = vec![PathPoint::at(cx + radius * from.cos(), cy + radius * from.sin())];
    let mut done = 0.0;
    while done < pieces {
        let (a, b) = (from + step * done, from + step * (done + 1.0));
        points.push(PathPoint::control(cx + radius * a.cos() - k * a.sin(), cy + radius * a.sin() + k * a.cos()));
        points.push(PathPoint::control(cx + radius * b.cos() + k * b.sin(), cy + radius * b.sin() - k * b.cos()));
        points.push(PathPoint::at(cx + radius * b.cos(), cy + radius * b.sin()));
        done += 1.0;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for most in [1, 4, 5, 6, 23, 99, 100, 12_345, u64::MAX / 20] {
            let step = tick_step(most);
            assert!(most.div_ceil(step) <= 5, "{most}");
        }
        assert_eq!(tick_step(23), 5);
    }
}
