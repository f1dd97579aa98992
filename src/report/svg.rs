//! The charts of a report as inline SVG: no script, no style of its own, colours by class.
//!
//! A chart has a name for those who cannot see it; the table of the same numbers stands beside it in `html`.

use super::markup::Markup;
use super::plot::{Plot, bars, cells, line, outline, place};
use super::{
    Axis, Chart, CountScale, DensityGrid, Quadrant, ReportLanes, ReportScores, ReportStages, Tick, count, score,
};

/// Classes of the lines of a chart, in their order.
const SERIES: [&str; 3] = ["s1", "s2", "s3"];
/// How many shades the density has; their classes are `d1` to `d6`.
const SHADES: u8 = 6;
/// Names along the left that are longer are cut.
const LANE_NAME_CHARS: usize = 24;
const LANE_HEIGHT: f64 = 20.0;

/// Room round a plot for names and ticks.
#[derive(Clone, Copy)]
struct Frame {
    plot: Plot,
    left: f64,
    top: f64,
}

const RIGHT: f64 = 16.0;
const BOTTOM: f64 = 40.0;

/// The histogram of the scores; what is flagged is to the right of the threshold.
pub(super) fn histogram(out: &mut Markup, scores: &ReportScores) {
    let histogram = &scores.histogram;
    let frame = Frame { plot: Plot { width: 860.0, height: 180.0 }, left: 56.0, top: 24.0 };
    let scale = CountScale::Log;
    let peak = histogram.peak();
    let tick = |at: u64| Tick { at: scale.height(at, peak), label: count(at) };
    let y =
        Axis { name: "Records".into(), low: 0.0, high: 1.0, ticks: scale.ticks(peak).into_iter().map(tick).collect() };
    let x = Axis::between("Score", histogram.low, histogram.high, 8);
    frame.open(out, "Histogram of the scores");
    frame.axes(out, &x, &y);
    let cut = scores.threshold.map_or(1.0, |threshold| histogram.position(threshold.into())) * frame.plot.width;
    // The same bars twice, seen through two windows: the threshold may cut through a bin.
    let path = bars(histogram, &histogram.counts, scale, frame.plot);
    for (class, left, width) in [("calm", 0.0, cut), ("odd", cut, frame.plot.width - cut)] {
        let height = frame.plot.height;
        out.raw("<svg x=\"").pixels(left).raw("\" width=\"").pixels(width).raw("\" height=\"").pixels(height);
        out.raw("\" viewBox=\"").pixels(left).raw(" 0 ").pixels(width).raw(" ").pixels(height).raw("\">");
        path_of(out, class, &path);
        out.raw("</svg>");
    }
    if !histogram.anomalies.is_empty() {
        path_of(out, "labels", &outline(histogram, &histogram.anomalies, scale, frame.plot));
    }
    if let Some(threshold) = scores.threshold {
        path_of(out, "cut", &format!("M{cut:.1} -6V{}", frame.plot.height));
        let (class, at) = if cut < frame.plot.width / 2.0 { ("start strong", cut) } else { ("end strong", cut) };
        label(out, class, [at, -10.0], &format!("Threshold {}", score(threshold)));
    }
    frame.close(out);
}

/// Forest score against network probability, with the lines that make quadrants of it.
pub(super) fn density(out: &mut Markup, stages: &ReportStages) {
    let frame = Frame { plot: Plot { width: 800.0, height: 400.0 }, left: 116.0, top: 24.0 };
    let (x, y) = (stages.grid.forest_axis(), DensityGrid::network_axis());
    frame.open(out, "Records by forest score and network probability");
    frame.axes(out, &x, &y);
    let columns = DensityGrid::BINS;
    let levels = stages.grid.levels(SHADES);
    // The grid's first row is the lowest, the drawing's the highest.
    let from_top: Vec<u8> = levels.chunks(columns).rev().flatten().copied().collect();
    for (class, level) in ["d1", "d2", "d3", "d4", "d5", "d6"].into_iter().zip(1..) {
        path_of(out, class, &cells(&from_top, columns, level, frame.plot));
    }
    let cut = [f64::from(stages.cuts.forest), super::network_position(stages.cuts.network)];
    let [left, top] = place(cut, &x, &y, frame.plot);
    let Plot { width, height } = frame.plot;
    path_of(out, "cut", &format!("M{left:.1} 0V{height}M0 {top:.1}H{width}"));
    for (quadrant, class, at) in [
        (Quadrant::KnownButCommon, "start corner", [6.0, 16.0]),
        (Quadrant::OddAndKnown, "end corner", [width - 6.0, 16.0]),
        (Quadrant::Ordinary, "start corner", [6.0, height - 8.0]),
        (Quadrant::OddAndUnknown, "end corner", [width - 6.0, height - 8.0]),
    ] {
        label(out, class, at, &format!("{}: {}", quadrant.words(), count(stages.counts.of(quadrant))));
    }
    frame.close(out);
}

/// A lane for each entity, shaded by its oddest record of each bucket of time.
pub(super) fn swimlanes(out: &mut Markup, report: &ReportLanes) {
    let lanes = &report.lanes;
    let n = lanes.entities.len() + 1;
    let frame = Frame { plot: Plot { width: 720.0, height: LANE_HEIGHT * n as f64 }, left: 186.0, top: 8.0 };
    let middle = |lane: usize| 1.0 - (lane as f64 + 0.5) / n as f64;
    let ticks = (0..n).map(|lane| Tick { at: middle(lane), label: cut_name(lanes.name(lane)) });
    let y = Axis { name: String::new(), low: 0.0, high: 1.0, ticks: ticks.collect() };
    frame.open(out, "Odd records by entity and time");
    frame.axes(out, &lanes.axis(6), &y);
    let shades = lanes.shades(report.threshold);
    for (class, shade) in ["lane1", "lane2", "lane3", "lane4"].into_iter().zip(1..) {
        path_of(out, class, &cells(&shades, lanes.n_buckets as usize, shade, frame.plot));
    }
    (0..n).for_each(|lane| path_of(out, "gap", &format!("M0 {}H{}", LANE_HEIGHT * lane as f64, frame.plot.width)));
    frame.close(out);
}

/// Lines, with a legend where there are several.
pub(super) fn chart(out: &mut Markup, chart: &Chart) {
    let frame = Frame { plot: Plot { width: 340.0, height: 280.0 }, left: 44.0, top: 36.0 };
    frame.open(out, &chart.title);
    frame.axes(out, &chart.x, &chart.y);
    for guide in &chart.guides {
        path_of(out, "guide", &line(&guide.points, &chart.x, &chart.y, frame.plot));
    }
    for (series, class) in chart.series.iter().zip(SERIES.into_iter().cycle()) {
        path_of(out, class, &line(&series.points, &chart.x, &chart.y, frame.plot));
        if series.points.len() <= 20 {
            series.points.iter().for_each(|&point| dot(out, place(point, &chart.x, &chart.y, frame.plot)));
        }
    }
    chart.marks.iter().for_each(|mark| dot(out, place(mark.at, &chart.x, &chart.y, frame.plot)));
    if chart.series.len() > 1 {
        let width = frame.plot.width / chart.series.len() as f64;
        for (at, (series, class)) in chart.series.iter().zip(SERIES.into_iter().cycle()).enumerate() {
            let left = at as f64 * width;
            path_of(out, class, &format!("M{left:.1} -14h20"));
            label(out, "start", [left + 26.0, -10.0], &cut_name(&series.name));
        }
    }
    frame.close(out);
}

impl Frame {
    /// A wide chart can be moved within its frame, also by the keyboard.
    fn open(self, out: &mut Markup, name: &str) {
        if self.is_wide() {
            out.raw("<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"").text(name).raw("\">");
        }
        out.raw("<svg role=\"img\" viewBox=\"0 0 ").pixels(self.left + self.plot.width + RIGHT).raw(" ");
        out.pixels(self.top + self.plot.height + BOTTOM).raw("\" aria-label=\"").text(name).raw("\">");
        out.raw("<g transform=\"translate(").pixels(self.left).raw(" ").pixels(self.top).raw(")\">");
    }

    fn close(self, out: &mut Markup) {
        out.raw(if self.is_wide() { "</g></svg></div>" } else { "</g></svg>" });
    }

    fn is_wide(self) -> bool {
        self.plot.width > 500.0
    }

    /// Lines at the ticks, the ticks' names outside, and the axes' names: below the plot, and above its left edge.
    fn axes(self, out: &mut Markup, x: &Axis, y: &Axis) {
        let Plot { width, height } = self.plot;
        for tick in &y.ticks {
            let top = (1.0 - y.position(tick.at)) * height;
            path_of(out, "grid", &format!("M0 {top:.1}H{width}"));
            label(out, "end", [-8.0, top + 4.0], &tick.label);
        }
        for tick in &x.ticks {
            let left = x.position(tick.at) * width;
            path_of(out, "grid", &format!("M{left:.1} 0V{height}"));
            label(out, "middle", [left, height + 15.0], &tick.label);
        }
        path_of(out, "axis", &format!("M0 0V{height}H{width}"));
        label(out, "end", [width, height + 32.0], &x.name);
        label(out, "start", [8.0 - self.left, if self.top < 30.0 { -10.0 } else { -26.0 }], &y.name);
    }
}

fn path_of(out: &mut Markup, class: &'static str, path: &str) {
    if !path.is_empty() {
        out.raw("<path class=\"").raw(class).raw("\" d=\"").drawn(path).raw("\"/>");
    }
}

fn label(out: &mut Markup, class: &'static str, [left, top]: [f64; 2], text: &str) {
    if !text.is_empty() {
        out.raw("<text class=\"").raw(class).raw("\" x=\"").pixels(left).raw("\" y=\"").pixels(top).raw("\">");
        out.text(text).raw("</text>");
    }
}

fn dot(out: &mut Markup, [left, top]: [f64; 2]) {
    out.raw("<circle class=\"mark\" r=\"4\" cx=\"").pixels(left).raw("\" cy=\"").pixels(top).raw("\"/>");
}

fn cut_name(name: &str) -> String {
    if name.chars().count() <= LANE_NAME_CHARS {
        return name.into();
    }
    name.chars().take(LANE_NAME_CHARS - 1).chain(['…']).collect()
}
