//! The bars of the histogram as SVG paths, in pixels, so that their edges are sharp at any width.

use oddflow::report::{CountScale, Histogram};
use std::fmt::Write;

/// The place for the bars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plot {
    pub width: f64,
    pub height: f64,
}

/// Fewer pixels than this per bin leave no room for a gap.
const MIN_GAPPED: f64 = 4.0;

/// One closed shape for each bin that is not empty.
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
