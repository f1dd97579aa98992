//! The histogram of scores: bins with round edges, counts on a linear or a logarithmic axis.

use super::Ranking;
use serde::{Deserialize, Serialize};

/// Counts of scores in bins of equal width.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The lower edge of the first bin.
    pub low: f64,
    /// The upper edge of the last bin.
    pub high: f64,
    /// Scored rows in each bin.
    pub counts: Vec<u64>,
    /// Labelled anomalies in each bin; empty without labels.
    pub anomalies: Vec<u64>,
}

impl Histogram {
    /// About `n_bins` bins from the lowest to the highest score, widened to a round step; each holds the scores from its
    /// lower edge up to, but not with, its upper edge. Infinite scores count in the outermost bins. Without a finite score
    /// the histogram is empty.
    #[must_use]
    pub fn of(ranking: &Ranking, n_bins: usize) -> Self {
        ranking.range().map_or_else(Self::default, |(low, high)| Self::between(ranking, low, high, n_bins))
    }

    /// The same between given scores, for histograms that are to be compared; scores beyond count in the outermost bins.
    #[must_use]
    pub fn between(ranking: &Ranking, low: f32, high: f32, n_bins: usize) -> Self {
        if n_bins == 0 {
            return Self::default();
        }
        let (low, high) = (f64::from(low), f64::from(high));
        // Equal scores still need a bin to stand in.
        let width = if high > low { high - low } else { low.abs().max(1.0) * 0.1 };
        let step = nice_step(width / n_bins as f64);
        let first = (low / step).floor();
        // The highest score lies inside the last bin, not on its upper edge.
        let n = ((high / step).floor() - first + 1.0).max(1.0) as usize;
        let mut histogram =
            Self { low: first * step, high: (first + n as f64) * step, counts: vec![0; n], ..Self::default() };
        let edges = histogram.inner_edges();
        let at_least = |bin: usize| match bin {
            0 => ranking.n_scored(),
            _ => edges.get(bin - 1).map_or(0, |&edge| ranking.flagged(edge)),
        };
        let in_bins = |count: &dyn Fn(usize) -> usize| (0..n).map(|bin| count(bin) as u64).collect::<Vec<_>>();
        histogram.counts = in_bins(&|bin| at_least(bin) - at_least(bin + 1));
        if ranking.has_labels() {
            let anomalies_at_least = |bin| ranking.anomalies_among(at_least(bin));
            histogram.anomalies = in_bins(&|bin| anomalies_at_least(bin) - anomalies_at_least(bin + 1));
        }
        histogram
    }

    /// The edges between the bins, rising: a score is in the bin of which so many are at most the score.
    #[must_use]
    pub fn inner_edges(&self) -> Vec<f32> {
        (1..self.counts.len()).map(|bin| self.edges(bin).0 as f32).collect()
    }

    /// The edges of a bin.
    #[must_use]
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        let width = (self.high - self.low) / self.counts.len().max(1) as f64;
        (self.low + bin as f64 * width, self.low + (bin + 1) as f64 * width)
    }

    /// Where a score stands between the outer edges, from 0 to 1; an unscored row stands at 0.
    #[must_use]
    pub fn position(&self, score: f64) -> f64 {
        let position = (score - self.low) / (self.high - self.low);
        if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) }
    }

    /// The score at a position, which is held between 0 and 1.
    #[must_use]
    pub fn score_at(&self, position: f64) -> f64 {
        self.low + position.clamp(0.0, 1.0) * (self.high - self.low)
    }

    /// The highest count.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }
}

/// How counts become heights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountScale {
    /// log10(1 + count): the few odd rows stay visible beside the many ordinary ones.
    #[default]
    Log,
    Linear,
}

impl CountScale {
    /// The height of a count, from 0 to 1 at `peak`.
    #[must_use]
    pub fn height(self, count: u64, peak: u64) -> f64 {
        if peak == 0 {
            return 0.0;
        }
        match self {
            Self::Log => libm::log10(1.0 + count as f64) / libm::log10(1.0 + peak as f64),
            Self::Linear => count as f64 / peak as f64,
        }
    }

    /// The counts that the axis names, rising, none above `peak`.
    #[must_use]
    pub fn ticks(self, peak: u64) -> Vec<u64> {
        match self {
            Self::Log => {
                let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
                let powers = powers.take_while(|&power| power <= peak).collect::<Vec<_>>();
                // Four names are enough for any height.
                let every = powers.len().div_ceil(4).max(1);
                powers.into_iter().rev().step_by(every).collect::<Vec<_>>().into_iter().rev().collect()
            }
            Self::Linear => nice_ticks(0.0, peak as f64, 4).into_iter().skip(1).map(|tick| tick as u64).collect(),
        }
    }
}

/// About `n` round numbers between `low` and `high`, both included where they are round.
#[must_use]
pub fn nice_ticks(low: f64, high: f64, n: usize) -> Vec<f64> {
    if !(low < high && (high - low).is_finite()) || n == 0 {
        return Vec::new();
    }
    let step = nice_step((high - low) / n as f64);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// The least of 1, 2, 5 times a power of ten that is at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(step)));
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(scores: &[f32], labels: &[u8]) -> Ranking {
        let mut order = (0..scores.len() as u32).collect::<Vec<_>>();
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        Ranking::new(scores, &order, labels)
    }

    #[test]
    fn every_row_is_in_exactly_one_bin() {
        let cases: [(&[f32], usize); 5] = [
            (&[0.31, 0.45, 0.452, 0.7, 0.7, 0.99], 40),
            (&[0.5; 7], 40),
            (&[0.0, 0.0], 10),
            (&[-3.5, 12.25, f32::INFINITY, f32::NEG_INFINITY], 8),
            (&[1.0], 1),
        ];
        for (scores, n_bins) in cases {
            let histogram = Histogram::of(&ranking(scores, &[]), n_bins);
            assert_eq!(histogram.counts.iter().sum::<u64>(), scores.len() as u64, "{scores:?}");
            assert!(histogram.counts.len() <= n_bins + 2, "{} bins for {scores:?}", histogram.counts.len());
        }
        assert_eq!(Histogram::of(&Ranking::default(), 40), Histogram::default());
    }

    #[test]
    fn bins_have_round_edges_and_count_labels() {
        let histogram = Histogram::of(&ranking(&[0.12, 0.18, 0.35, 0.5], &[0, 1, 1, 2]), 4);
        assert_eq!((histogram.low, histogram.counts.len()), (0.1, 5));
        assert!((histogram.high - 0.6).abs() < 1e-12);
        assert_eq!(histogram.counts, [2, 0, 1, 0, 1]);
        assert_eq!(histogram.anomalies, [1, 0, 1, 0, 0]);
        let (from, to) = histogram.edges(2);
        assert!((from - 0.3).abs() < 1e-12 && (to - 0.4).abs() < 1e-12);
    }

    #[test]
    fn positions_and_scores_are_inverse() {
        let histogram = Histogram { low: -1.0, high: 3.0, ..Histogram::default() };
        for (score, position) in [(-1.0, 0.0), (0.0, 0.25), (3.0, 1.0), (9.0, 1.0), (-9.0, 0.0)] {
            assert_eq!(histogram.position(score), position);
            assert_eq!(histogram.score_at(position), score.clamp(-1.0, 3.0));
        }
        assert_eq!(histogram.position(f64::NAN), 0.0);
        assert_eq!(Histogram::default().position(0.0), 0.0);
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (low, high, n, expected) in [
            (0.0, 1.0, 5, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (0.31, 0.74, 4, vec![0.4, 0.6]),
            (-2.0, 3.0, 5, vec![-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]),
            (1.0, 1.0, 5, vec![]),
        ] {
            let ticks = nice_ticks(low, high, n);
            let equal = ticks.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(equal && ticks.len() == expected.len(), "{low} to {high}: {ticks:?}");
        }
        for (scale, peak, expected) in [
            (CountScale::Log, 90_000, vec![1, 10, 100, 1000, 10_000]),
            (CountScale::Log, 500, vec![1, 10, 100]),
            (CountScale::Log, 0, vec![]),
            (CountScale::Linear, 90, vec![50]),
            (CountScale::Linear, 400, vec![100, 200, 300, 400]),
        ] {
            let ticks = scale.ticks(peak);
            let thinned = expected.len() > 4;
            assert!(if thinned { ticks.len() <= 4 } else { ticks == expected }, "{scale:?} {peak}: {ticks:?}");
        }
    }

    #[test]
    fn heights_span_zero_to_one() {
        for scale in [CountScale::Log, CountScale::Linear] {
            assert_eq!(scale.height(0, 10), 0.0);
            assert_eq!(scale.height(10, 10), 1.0);
            assert_eq!(scale.height(0, 0), 0.0);
        }
        assert!(CountScale::Log.height(1, 1_000_000) > 0.04);
    }
}
