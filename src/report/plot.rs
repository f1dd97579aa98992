//! Shapes as SVG paths, in the pixels of a plot: what the page and the report draw alike.
//!
//! The origin of SVG is at the top left; the zero of an axis at the bottom left.

use super::{Axis, CountScale, Histogram};
use std::fmt::Write;

/// The place to draw in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plot {
    pub width: f64,
    pub height: f64,
}

/// Fewer pixels than this per bin leave no room for a gap.
const MIN_GAPPED: f64 = 4.0;

/// One closed shape for each bin that is not empty. `counts` are the histogram's own, or its anomalies. Edges are on whole
/// pixels, so that they are sharp at any width.
#[must_use]
pub fn bars(histogram: &Histogram, counts: &[u64], scale: CountScale, plot: Plot) -> String {
    let peak = histogram.peak();
    let n = counts.len().max(1) as f64;
    let edge = |bin: usize| (bin as f64 / n * plot.width).round();
    let mut path = String::with_capacity(counts.len() * 24);
    for (bin, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        // The smallest count is still a line that can be seen.
        let height = (scale.height(count, peak) * plot.height).max(1.5);
        let (left, right) = (edge(bin), edge(bin + 1));
        let width = if right - left >= MIN_GAPPED { right - left - 1.0 } else { right - left };
        let _ = write!(path, "M{left} {:.1}v-{height:.1}h{width}v{height:.1}z", plot.height);
    }
    path
}

/// One line along the tops, for counts that are drawn over others.
#[must_use]
pub fn outline(histogram: &Histogram, counts: &[u64], scale: CountScale, plot: Plot) -> String {
    let peak = histogram.peak();
    let n = counts.len().max(1) as f64;
    let mut path = format!("M0 {}", plot.height);
    for (bin, &count) in counts.iter().enumerate() {
        let top = plot.height - scale.height(count, peak) * plot.height;
        let _ = write!(path, "V{top:.1}H{}", ((bin + 1) as f64 / n * plot.width).round());
    }
    path
}

/// A line through points; what is beyond an axis stands at its end.
#[must_use]
pub fn line(points: &[[f64; 2]], x: &Axis, y: &Axis, plot: Plot) -> String {
    let mut path = String::with_capacity(points.len() * 14);
    for (at, point) in points.iter().enumerate() {
        let [left, top] = place(*point, x, y, plot);
        let _ = write!(path, "{}{left:.1} {top:.1}", if at == 0 { 'M' } else { 'L' });
    }
    path
}

/// Where a point stands, in pixels from the left and the top.
#[must_use]
pub fn place([at_x, at_y]: [f64; 2], x: &Axis, y: &Axis, plot: Plot) -> [f64; 2] {
    [x.position(at_x) * plot.width, (1.0 - y.position(at_y)) * plot.height]
}

/// The cells of one level, in a grid that is `columns` wide and whose first row is at the top; neighbours in a row are one
/// rectangle.
#[must_use]
pub fn cells(levels: &[u8], columns: usize, level: u8, plot: Plot) -> String {
    let columns = columns.max(1);
    let rows = levels.len().div_ceil(columns).max(1);
    let (width, height) = (plot.width / columns as f64, plot.height / rows as f64);
    let mut path = String::new();
    for (row, levels) in levels.chunks(columns).enumerate() {
        let mut at = 0;
        for run in levels.chunk_by(|a, b| a == b) {
            if run[0] == level {
                let (left, top, long) = (at as f64 * width, row as f64 * height, run.len() as f64 * width);
                let _ = write!(path, "M{left:.2} {top:.2}h{long:.2}v{height:.2}h-{long:.2}z");
            }
            at += run.len();
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_in_their_places() {
        let plot = Plot { width: 40.0, height: 10.0 };
        let histogram = Histogram { low: 0.0, high: 4.0, counts: vec![2, 0, 1, 4], anomalies: vec![0, 0, 1, 2] };
        let check = |path: String, expected: &str| assert_eq!(path, expected);
        check(
            bars(&histogram, &histogram.counts, CountScale::Linear, plot),
            "M0 10.0v-5.0h9v5.0zM20 10.0v-2.5h9v2.5zM30 10.0v-10.0h9v10.0z",
        );
        // The peak is that of all rows, so that both can be compared.
        check(
            outline(&histogram, &histogram.anomalies, CountScale::Linear, plot),
            "M0 10V10.0H10V10.0H20V7.5H30V5.0H40",
        );
        let axis = Axis::unit("");
        check(line(&[[0.0, 0.0], [0.5, 1.0], [9.0, 0.5]], &axis, &axis, plot), "M0.0 10.0L20.0 0.0L40.0 5.0");
        check(line(&[], &axis, &axis, plot), "");
        check(
            cells(&[1, 1, 0, 1, 2, 2, 1, 1], 4, 1, plot),
            "M0.00 0.00h20.00v5.00h-20.00zM30.00 0.00h10.00v5.00h-10.00zM20.00 5.00h20.00v5.00h-20.00z",
        );
        check(cells(&[], 4, 1, plot), "");
    }
}
