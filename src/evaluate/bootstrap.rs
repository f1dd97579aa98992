//! How much figures would differ on other rows of the same kind: percentile intervals of a stratified bootstrap (Efron
//! and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13).
//!
//! Each resample draws as many anomalies and as many normal rows as there are, with replacement. Scores are sorted once:
//! a resample is but another count for each of their steps, so it costs O(n). The detector stays as it is, so the
//! intervals say nothing about how another training would have come out.

use super::{Sorted, Step, falling_key, point_at_fpr_of, pr_auc_of, roc_auc_of};
use crate::rng::Rng;
use serde::Serialize;

/// The share of resamples whose figure lies within its interval.
const CONFIDENCE: f64 = 0.95;

/// How intervals are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// 0 finds none.
    pub resamples: u32,
    pub seed: u64,
}

/// Where the middle 95 % of a figure's resamples lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Intervals {
    pub roc_auc: Interval,
    pub pr_auc: Interval,
    pub recall_at_1pct_fpr: Interval,
    pub recall_at_5pct_fpr: Interval,
    pub f1: Interval,
}

impl Bootstrap {
    /// The intervals of figures at this threshold; `None` without resamples or without rows of both kinds.
    ///
    /// # Panics
    /// If there are not as many labels as scores.
    #[must_use]
    pub fn intervals(self, scores: &[f32], labels: &[u8], threshold: f32) -> Option<Intervals> {
        if self.resamples == 0 {
            return None;
        }
        let sorted = Sorted::new(scores, labels);
        // Of the normal rows and of the anomalies, which step each of them is part of.
        let mut step_of = [Vec::new(), Vec::new()];
        let (mut n_steps, mut flagged_steps) = (0_u32, 0);
        for (key, upto) in sorted.keyed_steps() {
            step_of[0].resize(upto.normal as usize, n_steps);
            step_of[1].resize(upto.anomalies as usize, n_steps);
            n_steps += 1;
            flagged_steps += usize::from(key <= falling_key(threshold));
        }
        let [normal, anomalies] = &step_of;
        if normal.is_empty() || anomalies.is_empty() {
            return None;
        }
        let mut figures: [Vec<f64>; 5] = Default::default();
        let mut steps = vec![Step::default(); n_steps as usize];
        for resample in 0..self.resamples {
            let mut rng = Rng::stream(self.seed, u64::from(resample));
            steps.fill(Step::default());
            draws(normal, &mut rng, |step| steps[step].normal += 1);
            draws(anomalies, &mut rng, |step| steps[step].anomalies += 1);
            let mut sum = Step::default();
            for step in &mut steps {
                sum.normal += step.normal;
                sum.anomalies += step.anomalies;
                *step = sum;
            }
            let flagged = flagged_steps.checked_sub(1).map_or(Step::default(), |last| steps[last]);
            let of = [
                roc_auc_of(steps.iter().copied()),
                pr_auc_of(steps.iter().copied()),
                point_at_fpr_of(&steps, 0.01).recall,
                point_at_fpr_of(&steps, 0.05).recall,
                // F1 = 2 TP / (flagged + anomalies).
                2.0 * flagged.anomalies as f64 / (flagged.flagged() + sum.anomalies) as f64,
            ];
            figures.iter_mut().zip(of).for_each(|(figures, figure)| figures.push(figure));
        }
        let [roc_auc, pr_auc, recall_at_1pct_fpr, recall_at_5pct_fpr, f1] = figures.map(interval);
        Some(Intervals { roc_auc, pr_auc, recall_at_1pct_fpr, recall_at_5pct_fpr, f1 })
    }
}

/// As many rows as there are, with replacement; tells the step of each. First how many fall into each block, then which of
/// the block's: the same draws as from all rows at once, but in an order that stays within the processor's cache.
fn draws(step_of: &[u32], rng: &mut Rng, mut each: impl FnMut(usize)) {
    const BLOCK: usize = 1 << 13;
    let mut counts = vec![0_u32; step_of.len().div_ceil(BLOCK)];
    for _ in step_of {
        counts[rng.below(step_of.len() as u32) as usize / BLOCK] += 1;
    }
    for (block, count) in step_of.chunks(BLOCK).zip(counts) {
        for _ in 0..count {
            each(block[rng.below(block.len() as u32) as usize] as usize);
        }
    }
}

fn interval(mut figures: Vec<f64>) -> Interval {
    figures.sort_unstable_by(f64::total_cmp);
    // Linear between neighbours, as numpy.percentile.
    let quantile = |share: f64| {
        let at = share * (figures.len() - 1) as f64;
        let (low, high) = (figures[at as usize], figures[(at as usize + 1).min(figures.len() - 1)]);
        low + (high - low) * at.fract()
    };
    Interval { low: quantile((1.0 - CONFIDENCE) / 2.0), high: quantile((1.0 + CONFIDENCE) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{confusion, roc_auc};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Two normal distributions one deviation apart, whose ROC AUC is Φ(1/√2) = 0.7602.
    fn rows(n: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
        let mut rng = Rng::new(seed);
        let labels: Vec<u8> = (0..n).map(|at| u8::from(at % 4 == 0)).collect();
        (labels.iter().map(|&label| (rng.normal() + f64::from(label)) as f32).collect(), labels)
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let (mut held, mut width) = (0, 0.0);
        for seed in 0..100 {
            let (scores, labels) = rows(400, seed);
            let Interval { low, high } =
                Bootstrap { resamples: 200, seed }.intervals(&scores, &labels, 0.5).unwrap().roc_auc;
            held += u32::from((low..=high).contains(&0.7602));
            width += (high - low) / 100.0;
        }
        assert!((88..=99).contains(&held), "{held} of 100");
        // Hanley and McNeil's formula gives a standard error of 0.030 for 100 anomalies and 300 normal rows.
        assert!((width / (2.0 * 1.96) - 0.028).abs() < 0.005, "{width}");
    }

    #[test]
    fn the_figures_are_within_their_intervals_and_the_same_seed_gives_the_same() {
        let (scores, labels) = rows(2000, 1);
        let bootstrap = Bootstrap { resamples: 100, seed: 3 };
        let intervals = bootstrap.intervals(&scores, &labels, 0.5).unwrap();
        let inside = |interval: Interval, figure: f64| (interval.low..=interval.high).contains(&figure);
        assert!(inside(intervals.roc_auc, roc_auc(&scores, &labels)));
        assert!(inside(intervals.f1, confusion(&scores, &labels, 0.5).f1()));
        assert_eq!(bootstrap.intervals(&scores, &labels, 0.5), Some(intervals));
        assert_ne!(Bootstrap { seed: 4, ..bootstrap }.intervals(&scores, &labels, 0.5), Some(intervals));
    }

    #[test]
    fn every_row_is_drawn_once_on_average() {
        let step_of: Vec<u32> = (0..20_000).collect();
        let mut counts = vec![0_u32; step_of.len()];
        (0..50).for_each(|seed| draws(&step_of, &mut Rng::new(seed), |step| counts[step] += 1));
        assert_eq!(counts.iter().sum::<u32>(), 50 * 20_000);
        // Both ends, and the last block, which is shorter: 50 ± 7 / √1000.
        for part in [&counts[..1000], &counts[16_384..17_384], &counts[19_000..]] {
            let mean = f64::from(part.iter().sum::<u32>()) / 1000.0;
            assert!((mean - 50.0).abs() < 1.0, "{mean}");
        }
    }

    #[test]
    fn edges() {
        let bootstrap = Bootstrap { resamples: 20, seed: 0 };
        let check = |scores: &[f32], labels: &[u8], threshold, expected: Option<[f64; 3]>| {
            let got = bootstrap.intervals(scores, labels, threshold);
            let lows = got.map(|got| [got.roc_auc.low, got.pr_auc.low, got.f1.low]);
            assert_eq!(lows, expected, "{scores:?} {threshold}");
        };
        check(&[0.1, 0.9], &[0, 1], 0.5, Some([1.0, 1.0, 1.0]));
        check(&[0.1, 0.9], &[0, 1], f32::INFINITY, Some([1.0, 1.0, 0.0]));
        // Ties are one step.
        check(&[0.5, 0.5], &[0, 1], 0.5, Some([0.5, 0.5, 2.0 / 3.0]));
        check(&[0.5, 0.9, f32::NAN], &[0, 2, 1], 0.5, None);
        assert_eq!(Bootstrap { resamples: 0, seed: 0 }.intervals(&[0.1, 0.9], &[0, 1], 0.5), None);
    }
}
