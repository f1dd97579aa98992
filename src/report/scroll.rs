//! Which rows and columns of a large table are in view.
//!
//! A browser caps an element's height near 16.7 million pixels, so a long table is drawn on a shorter track. Small steps of
//! the track move the rows by as many pixels, as a wheel expects; a long jump goes to the same share of the rows, as a
//! dragged scroll bar expects. After a pause the track is put back to where the rows are.

use crate::protocol::ColumnSummary;
use std::ops::Range;

/// A window over rows of equal height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowScroll {
    pub n_rows: usize,
    /// In pixels.
    pub row_height: f64,
    /// The height of the window in pixels.
    pub viewport: f64,
}

impl RowScroll {
    /// Below the caps of Chrome (33.5 million at one device pixel per pixel, half that at two) and Firefox (17.9 million).
    pub const MAX_TRACK: f64 = 8_000_000.0;

    /// The height of all rows.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.n_rows as f64 * self.row_height
    }

    /// The height of the element that is scrolled.
    #[must_use]
    pub fn track(&self) -> f64 {
        self.height().min(Self::MAX_TRACK)
    }

    /// The offset of the last window into all rows.
    #[must_use]
    pub fn max_offset(&self) -> f64 {
        (self.height() - self.viewport).max(0.0)
    }

    fn max_top(&self) -> f64 {
        (self.track() - self.viewport).max(0.0)
    }

    /// The scroll position of the track that shows `offset`.
    #[must_use]
    pub fn top_of(&self, offset: f64) -> f64 {
        if self.max_offset() > 0.0 { offset / self.max_offset() * self.max_top() } else { 0.0 }
    }

    /// The offset into all rows after the track has moved from `from` to `to`, both scroll positions.
    #[must_use]
    pub fn moved(&self, offset: f64, from: f64, to: f64) -> f64 {
        let proportional = if self.max_top() > 0.0 { to / self.max_top() * self.max_offset() } else { 0.0 };
        let at_an_end = to <= 0.0 || to >= self.max_top();
        let small = (to - from).abs() <= 2.0 * self.viewport;
        let offset = if self.height() <= Self::MAX_TRACK {
            to
        } else if small && !at_an_end {
            offset + to - from
        } else {
            proportional
        };
        offset.clamp(0.0, self.max_offset())
    }

    /// The places that are in view at `offset`, with `spare` more at either side.
    #[must_use]
    pub fn visible(&self, offset: f64, spare: usize) -> Range<usize> {
        let first = (offset / self.row_height).max(0.0) as usize;
        let last = ((offset + self.viewport) / self.row_height).max(0.0).ceil() as usize;
        first.saturating_sub(spare).min(self.n_rows)..(last + spare).min(self.n_rows)
    }

    /// The offset nearest to `offset` at which the row in this place is in full view.
    #[must_use]
    pub fn reveal(&self, offset: f64, place: usize) -> f64 {
        let top = place as f64 * self.row_height;
        let lowest = (top + self.row_height - self.viewport).max(0.0);
        offset.clamp(lowest.min(top), top).min(self.max_offset())
    }
}

/// Pixels beside the text of a cell, as in `table.css`.
const CELL_PADDING: f64 = 24.0;

/// Columns of different widths, side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The left edge of each column, and the right edge of the last, in pixels.
    edges: Vec<f64>,
}

impl Columns {
    /// Widths in pixels.
    #[must_use]
    pub fn new(widths: impl IntoIterator<Item = f64>) -> Self {
        let mut right = 0.0;
        let edges = widths.into_iter().map(|width| {
            right += width;
            right
        });
        Self { edges: std::iter::once(0.0).chain(edges).collect() }
    }

    /// A width in which a name and typical values can be read.
    #[must_use]
    pub fn width_for(name: &str, summary: &ColumnSummary) -> f64 {
        let whole = |x: Option<f64>| x.map_or(0, |x| format!("{x:.0}").len());
        let examples = summary.examples.iter().map(|example| example.chars().count());
        let longest = examples.chain([whole(summary.min), whole(summary.max)]).max().unwrap_or(0);
        // The name stands beside a sort mark, and other values may be longer than the examples.
        let characters = name.chars().count().max(longest) + 2;
        (characters as f64 * 7.5 + CELL_PADDING).clamp(88.0, 220.0)
    }

    /// Whether a text surely needs no cutting off to stay in its column, even if a person has letters a quarter larger or wider
    /// apart than ours. Where that is known, the browser does not have to clip the cell, which takes it as long as all else in a
    /// frame of scrolling.
    #[must_use]
    pub fn holds(&self, column: usize, text: &str) -> bool {
        // Of the widest among common fonts, at 13 pixels.
        let width = |c: char| match c {
            '%' | '@' => 14.0,
            '&' | 'm' | 'w' | 'A'..='Z' => 13.0,
            '#' | '+' | '<' | '=' | '>' | '^' | '~' => 11.0,
            ' '..='~' => 8.5,
            _ => f64::INFINITY,
        };
        let room = self.width(column);
        text.chars().map(width).sum::<f64>() <= (room - CELL_PADDING).min(0.8 * room)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The width of all columns.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.edges.last().copied().unwrap_or(0.0)
    }

    /// The left edge of a column, which may be one past the last.
    #[must_use]
    pub fn left(&self, column: usize) -> f64 {
        self.edges.get(column).copied().unwrap_or_else(|| self.total())
    }

    #[must_use]
    pub fn width(&self, column: usize) -> f64 {
        self.left(column + 1) - self.left(column)
    }

    /// The columns that touch the window from `left`, `viewport` pixels wide, with `spare` more at either side.
    #[must_use]
    pub fn visible(&self, left: f64, viewport: f64, spare: usize) -> Range<usize> {
        let n = self.len();
        let first = self.edges.partition_point(|&edge| edge <= left).saturating_sub(1);
        let last = self.edges.partition_point(|&edge| edge < left + viewport);
        first.saturating_sub(spare).min(n)..(last + spare).min(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: RowScroll = RowScroll { n_rows: 1000, row_height: 32.0, viewport: 640.0 };
    const LONG: RowScroll = RowScroll { n_rows: 5_000_000, row_height: 32.0, viewport: 640.0 };

    #[test]
    fn a_short_table_scrolls_as_it_is() {
        assert_eq!(SHORT.track(), 32_000.0);
        assert_eq!(SHORT.moved(0.0, 0.0, 5000.0), 5000.0);
        assert_eq!(SHORT.top_of(5000.0), 5000.0);
        assert_eq!(SHORT.moved(0.0, 0.0, 1e9), 31_360.0);
    }

    #[test]
    fn a_long_table_steps_by_pixels_and_jumps_by_shares() {
        assert_eq!(LONG.track(), RowScroll::MAX_TRACK);
        // A wheel step moves as many pixels.
        assert_eq!(LONG.moved(1e6, 5000.0, 5100.0), 1_000_100.0);
        // Half the track is half the rows.
        let middle = LONG.moved(0.0, 0.0, (LONG.track() - LONG.viewport) / 2.0);
        assert!((middle - LONG.max_offset() / 2.0).abs() < 1.0);
        // Both ends are ends, however small the step.
        let end = LONG.track() - LONG.viewport;
        assert_eq!(LONG.moved(1e6, end - 10.0, end), LONG.max_offset());
        assert_eq!(LONG.moved(1e6, 10.0, 0.0), 0.0);
        assert!((LONG.top_of(LONG.max_offset()) - end).abs() < 1e-6);
        assert_eq!(LONG.visible(LONG.max_offset(), 0), 4_999_980..5_000_000);
    }

    #[test]
    fn the_window_holds_the_rows_in_view() {
        for (offset, spare, expected) in
            [(0.0, 0, 0..20), (16.0, 0, 0..21), (320.0, 5, 5..35), (31_360.0, 5, 975..1000)]
        {
            assert_eq!(SHORT.visible(offset, spare), expected, "{offset}");
        }
        let none = RowScroll { n_rows: 0, ..SHORT };
        assert_eq!(none.visible(0.0, 5), 0..0);
        assert_eq!(none.moved(0.0, 0.0, 10.0), 0.0);
    }

    #[test]
    fn revealing_a_row_moves_no_further_than_needed() {
        for (offset, place, expected) in
            [(0.0, 3, 0.0), (0.0, 20, 32.0), (3200.0, 99, 3168.0), (0.0, 999, 31_360.0), (5.0, 0, 0.0)]
        {
            assert_eq!(SHORT.reveal(offset, place), expected, "row {place} from {offset}");
        }
    }

    #[test]
    fn columns_in_view() {
        let columns = Columns::new([100.0, 50.0, 200.0, 80.0]);
        assert_eq!((columns.len(), columns.total(), columns.left(2), columns.width(2)), (4, 430.0, 150.0, 200.0));
        for (left, viewport, expected) in
            [(0.0, 100.0, 0..1), (0.0, 101.0, 0..2), (149.0, 2.0, 1..3), (400.0, 500.0, 3..4)]
        {
            assert_eq!(columns.visible(left, viewport, 0), expected, "{left}");
        }
        assert_eq!(Columns::new([]).visible(0.0, 100.0, 2), 0..0);
        for (column, text, holds) in [
            (1, "443", true),
            (1, "4433", false),
            (1, "é", false),
            (3, "SYN-AC", false),
            (3, "syn_ac", true),
            (3, "wwwww", false),
            (3, "%%%%%", false),
            (2, "seventeen letters", true),
            (2, "it is nineteen wide", false),
            (9, "", false),
        ] {
            assert_eq!(columns.holds(column, text), holds, "{text}");
        }
        let summary = |examples: &[&str], max| ColumnSummary {
            examples: examples.iter().map(|&example| example.into()).collect(),
            max,
            ..ColumnSummary::default()
        };
        assert_eq!(Columns::width_for("x", &summary(&[], None)), 88.0);
        assert_eq!(Columns::width_for("x", &summary(&["0"], Some(1e9))), 114.0);
        assert_eq!(Columns::width_for("x", &summary(&["y".repeat(99).as_str()], None)), 220.0);
    }
}
