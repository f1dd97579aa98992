//! What a chart shows, as plain data: axes with round ticks, lines, points. The page and the report draw the same.
//!
//! Charts of what labels say: precision and recall (first, since it is what counts where anomalies are rare: Saito and
//! Rehmsmeier, PLOS ONE 10(3), 2015), the ROC curve, and whether a probability is one.

use super::{confusion_words, metric, nice_ticks};
use crate::evaluate::{Confusion, Curve, Reliability};
use serde::{Deserialize, Serialize};

/// A chart of lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    pub title: String,
    /// What is to be seen, for whoever cannot see it.
    pub summary: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    /// What to compare with, drawn behind and dashed.
    pub guides: Vec<Series>,
    /// Single points, such as the threshold in use.
    pub marks: Vec<Mark>,
}

/// From where to where, and what is written along it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    pub name: String,
    pub low: f64,
    pub high: f64,
    /// Rising.
    pub ticks: Vec<Tick>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

/// Points that a line joins, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    /// `[x, y]`
    pub points: Vec<[f64; 2]>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub at: [f64; 2],
    pub label: String,
}

impl Axis {
    /// From 0 to 1, for shares and probabilities.
    #[must_use]
    pub fn unit(name: &str) -> Self {
        let ticks = nice_ticks(0.0, 1.0, 5).into_iter().map(|at| Tick { at, label: format!("{at:.1}") });
        Self { name: name.into(), low: 0.0, high: 1.0, ticks: ticks.collect() }
    }

    /// About `n` round ticks between two different numbers, with as many decimals as they need.
    #[must_use]
    pub fn between(name: &str, low: f64, high: f64, n: usize) -> Self {
        let ticks = nice_ticks(low, high, n);
        let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let decimals =
            if step.is_finite() { libm::ceil(-libm::log10(step) - 1e-9).clamp(0.0, 9.0) as usize } else { 0 };
        let ticks = ticks.into_iter().map(|at| Tick { at, label: format!("{at:.decimals$}").replace('-', "−") });
        Self { name: name.into(), low, high, ticks: ticks.collect() }
    }

    /// Where a value stands, from 0 at `low` to 1 at `high`; what is beyond stands at the end, and NaN at 0.
    #[must_use]
    pub fn position(&self, x: f64) -> f64 {
        let position = (x - self.low) / (self.high - self.low);
        if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) }
    }
}

/// Precision against recall of each named curve; the guide is the precision of flagging at random, and the mark the
/// threshold in use.
#[must_use]
pub fn pr_chart(curves: &[(&str, &Curve)], anomalies: u64, normal: u64, at_threshold: Option<&Confusion>) -> Chart {
    let base = anomalies as f64 / (anomalies + normal).max(1) as f64;
    let of = |curve: &Curve| {
        let points = curve.flagged.iter().zip(&curve.true_positives).filter(|&(&flagged, _)| flagged > 0);
        let points = points.map(|(&flagged, &right)| [ratio(right, anomalies), ratio(right, flagged)]);
        let points: Vec<[f64; 2]> = points.collect();
        // Before the first row is flagged, precision is taken for that of the first, as scikit-learn's average does.
        let start = points.first().map(|first| [0.0, first[1]]);
        start.into_iter().chain(points).collect()
    };
    let mark = at_threshold.map(|counts| {
        let [precision, recall, ..] = confusion_words(counts);
        let label = format!("Threshold: precision {precision}, recall {recall}");
        Mark { at: [counts.recall(), counts.precision()], label }
    });
    Chart {
        title: "Precision and recall".into(),
        summary: summary("Share of right alarms (precision) as more anomalies are found (recall).", mark.as_ref()),
        x: Axis::unit("Recall: found among the anomalies"),
        y: Axis::unit("Precision: right among the flagged"),
        series: named(curves, of),
        guides: vec![Series { name: "At random".into(), points: vec![[0.0, base], [1.0, base]] }],
        marks: mark.into_iter().collect(),
    }
}

/// Recall against the false positive rate of each named curve; the guide is chance, and the mark the threshold in use.
#[must_use]
pub fn roc_chart(curves: &[(&str, &Curve)], anomalies: u64, normal: u64, at_threshold: Option<&Confusion>) -> Chart {
    let of = |curve: &Curve| {
        let points = curve.flagged.iter().zip(&curve.true_positives);
        points
            .map(|(&flagged, &right)| [ratio(flagged.saturating_sub(right), normal), ratio(right, anomalies)])
            .collect()
    };
    let mark = at_threshold.map(|counts| Mark {
        at: [counts.false_positive_rate(), counts.recall()],
        label: format!(
            "Threshold: false alarms {}, recall {}",
            metric(counts.false_positive_rate()),
            metric(counts.recall())
        ),
    });
    Chart {
        title: "ROC curve".into(),
        summary: summary("Anomalies found (recall) as more normal records are flagged.", mark.as_ref()),
        x: Axis::unit("False alarms among the normal"),
        y: Axis::unit("Recall: found among the anomalies"),
        series: named(curves, of),
        guides: vec![Series { name: "At random".into(), points: vec![[0.0, 0.0], [1.0, 1.0]] }],
        marks: mark.into_iter().collect(),
    }
}

/// The observed share of anomalies against the mean predicted probability, for each bin with rows; on the guide, a
/// probability means what it says.
#[must_use]
pub fn reliability_chart(name: &str, reliability: &Reliability) -> Chart {
    let points =
        reliability.bins.iter().filter_map(|bin| Some([bin.mean_predicted_probability?, bin.fraction_of_positives?]));
    Chart {
        title: "Is the probability one?".into(),
        summary: format!(
            "Observed share of anomalies against the predicted probability. Brier score {}, mean gap {}.",
            metric(reliability.brier_score),
            metric(reliability.expected_calibration_error)
        ),
        x: Axis::unit("Predicted probability"),
        y: Axis::unit("Observed share of anomalies"),
        series: vec![Series { name: name.into(), points: points.collect() }],
        guides: vec![Series { name: "As predicted".into(), points: vec![[0.0, 0.0], [1.0, 1.0]] }],
        marks: Vec::new(),
    }
}

fn named(curves: &[(&str, &Curve)], points: impl Fn(&Curve) -> Vec<[f64; 2]>) -> Vec<Series> {
    curves.iter().map(|&(name, curve)| Series { name: name.into(), points: points(curve) }).collect()
}

fn summary(what: &str, mark: Option<&Mark>) -> String {
    match mark {
        Some(mark) => format!("{what} {}.", mark.label),
        None => what.into(),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{confusion, curve, pr_auc, reliability, roc_auc};
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_curves_of_a_small_example() {
        let (scores, labels) = ([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0]);
        let curve = curve(&scores, &labels);
        let at = confusion(&scores, &labels, 0.75);
        let pr = pr_chart(&[("Score", &curve)], 2, 2, Some(&at));
        assert_eq!(pr.series[0].points, [[0.0, 1.0], [0.5, 1.0], [0.5, 0.5], [1.0, 2.0 / 3.0], [1.0, 0.5]]);
        assert_eq!((pr.marks[0].at, pr.guides[0].points[0]), ([0.5, 0.5], [0.0, 0.5]));
        assert!(pr.summary.ends_with("Threshold: precision 0.500, recall 0.500."), "{}", pr.summary);
        let roc = roc_chart(&[("Score", &curve)], 2, 2, Some(&at));
        assert_eq!(roc.series[0].points, [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]);
        assert_eq!(roc.marks[0].at, [0.5, 0.5]);
    }

    #[test]
    fn the_areas_under_the_drawn_lines_are_those_of_the_figures() {
        let mut rng = Rng::new(5);
        let labels: Vec<u8> = (0..5000).map(|_| u8::from(rng.below(20) == 0)).collect();
        let scores: Vec<f32> = labels.iter().map(|&y| (rng.normal() + 2.0 * f64::from(y)) as f32).collect();
        let curve = curve(&scores, &labels);
        let anomalies = labels.iter().map(|&y| u64::from(y)).sum::<u64>();
        let normal = labels.len() as u64 - anomalies;
        let area = |chart: &Chart| {
            let points = &chart.series[0].points;
            points.windows(2).map(|pair| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0).sum::<f64>()
        };
        let roc = area(&roc_chart(&[("", &curve)], anomalies, normal, None));
        assert!((roc - roc_auc(&scores, &labels)).abs() < 0.01, "{roc}");
        let pr = area(&pr_chart(&[("", &curve)], anomalies, normal, None));
        assert!((pr - pr_auc(&scores, &labels)).abs() < 0.02, "{pr}");
    }

    #[test]
    fn bins_without_rows_are_no_points() {
        let chart = reliability_chart("Network", &reliability(&[0.0, 0.25, 0.25, 1.0], &[0, 0, 1, 1]).unwrap());
        assert_eq!(chart.series[0].points, [[0.0, 0.0], [0.25, 0.5], [1.0, 1.0]]);
    }

    #[test]
    fn nothing_to_draw_is_drawn_as_nothing() {
        let empty = Curve::default();
        let charts = [pr_chart(&[("", &empty)], 0, 0, None), roc_chart(&[("", &empty)], 0, 0, None)];
        let numbers = charts.iter().flat_map(|chart| chart.series.iter().chain(&chart.guides)).flat_map(|s| &s.points);
        assert!(numbers.flatten().all(|x| x.is_finite()));
        assert!(charts.iter().all(|chart| chart.series[0].points.is_empty()));
    }

    #[test]
    fn ticks_have_the_decimals_that_they_need() {
        let check = |low, high, expected: &[&str]| {
            let axis = Axis::between("", low, high, 4);
            let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!(labels, expected, "{low} to {high}");
        };
        check(0.0, 4.0, &["0", "1", "2", "3", "4"]);
        check(0.31, 0.74, &["0.4", "0.6"]);
        check(0.31, 0.36, &["0.32", "0.34", "0.36"]);
        check(-1000.0, 1000.0, &["−1000", "−500", "0", "500", "1000"]);
        check(1.0, 1.0, &[]);
        let axis = Axis::between("", -1.0, 3.0, 4);
        for (x, position) in [(-1.0, 0.0), (1.0, 0.5), (9.0, 1.0), (f64::NAN, 0.0)] {
            assert_eq!(axis.position(x), position);
        }
    }
}
