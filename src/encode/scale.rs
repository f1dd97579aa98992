//! Monotone maps of numbers: fitted, applied one by one, and to many numbers to the same bits.

use super::MAX_KNOTS;
use crate::ranker::{Ranker, Scratch};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A monotone map of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scale {
    Identity,
    /// `sign(x) · ln(1 + |x| / unit)`
    SignedLog {
        unit: f32,
    },
    /// Linear between knots; constant outside them.
    Quantile {
        values: Vec<f32>,
        positions: Vec<f32>,
    },
}

/// Twice the median of the positive values, if the sorted values are an amount with a long upper tail: never negative, close
/// to zero at the least, and with an upper tail that is far longer than the lower one.
pub(super) fn amount_unit(sorted: &[f32]) -> Option<f32> {
    let positive = &sorted[sorted.partition_point(|&x| x <= 0.0)..];
    let median = *positive.get(positive.len() / 2)?;
    let (&least, &greatest) = (sorted.first()?, sorted.last()?);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let middle = at(0.5);
    let spread = if at(0.25) < at(0.75) { at(0.75) - at(0.25) } else { median };
    let long_tailed = greatest - middle > 20.0 * spread || at(0.95) - middle > 2.0 * (middle - at(0.05));
    // Twice: small amounts stay nearly linear. The median of huge values may be near the end of the range.
    (least >= 0.0 && least <= median / 10.0 && long_tailed).then_some((2.0 * median).min(f32::MAX))
}

/// Knots at even ranks of the sorted values, or at every distinct value where these are few. The position of a value that
/// occurs often is the middle of its ranks.
pub(super) fn quantiles(sorted: &[f32], max_knots: usize) -> Scale {
    let starts: Vec<usize> = (0..sorted.len()).filter(|&i| i == 0 || sorted[i - 1] < sorted[i]).collect();
    let knots: Vec<usize> = if starts.len() <= max_knots {
        (0..starts.len()).collect()
    } else {
        let at_rank = |k: usize| {
            let rank = (k as u64 * (sorted.len() - 1) as u64 / (max_knots - 1) as u64) as usize;
            starts.partition_point(|&start| start <= rank) - 1
        };
        let mut knots: Vec<usize> = (0..max_knots).map(at_rank).collect();
        knots.dedup();
        knots
    };
    let position = |run: usize| {
        let (start, end) = (starts[run], starts.get(run + 1).copied().unwrap_or(sorted.len()));
        // The ends of the range stand out, however many rows share them.
        if run == 0 || run + 1 == starts.len() {
            return if run == 0 { -1.0 } else { 1.0 };
        }
        ((start + end) as f64 / sorted.len() as f64 - 1.0) as f32
    };
    Scale::Quantile {
        values: knots.iter().map(|&run| sorted[starts[run]]).collect(),
        positions: knots.iter().map(|&run| position(run)).collect(),
    }
}

impl Scale {
    /// Scales a finite number.
    pub(super) fn apply(&self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::SignedLog { unit } => {
                let x = f64::from(x);
                libm::copysign(libm::log1p(x.abs() / f64::from(*unit)), x) as f32
            }
            Self::Quantile { values, positions } => {
                let above = values.partition_point(|&value| value <= x);
                if above == 0 {
                    positions[0]
                } else if above == values.len() {
                    positions[above - 1]
                } else {
                    let (low, high) = (f64::from(values[above - 1]), f64::from(values[above]));
                    let (from, to) = (f64::from(positions[above - 1]), f64::from(positions[above]));
                    (from + (f64::from(x) - low) / (high - low) * (to - from)) as f32
                }
            }
        }
    }

    /// What most of the numbers that it was fitted to are scaled to, as far as their quantiles tell: where one value is that of many,
    /// no other is near it in rank. `fill`, their median, decides where two may be. 0 for scales that know no quantiles.
    pub(super) fn usual(&self, fill: f32) -> f32 {
        let Self::Quantile { values, positions } = self else { return 0.0 };
        // About the share of the numbers that have a knot's value.
        let share = |knot: usize| match (knot, knot + 1 == positions.len()) {
            (0, true) => 1.0,
            (0, false) => (positions[1] - positions[0]) / 2.0,
            (_, true) => (positions[knot] - positions[knot - 1]) / 2.0,
            _ => (positions[knot] - positions[knot - 1]).min(positions[knot + 1] - positions[knot]),
        };
        let of = |knot: usize| (share(knot), values[knot] == fill);
        let most = (0..positions.len()).max_by(|&a, &b| of(a).partial_cmp(&of(b)).unwrap_or(Ordering::Equal));
        most.map_or(0.0, |knot| positions[knot])
    }

    /// The greatest number that is scaled to at most `limit`; −∞ if there is none.
    pub(super) fn greatest(&self, limit: f32) -> f32 {
        if matches!(self, Self::Identity) {
            return limit;
        }
        // Scales never fall, as they are computed too: `log1p` errs by less than what two neighbours of 32 bits differ by, and
        // the operations between two knots are monotone each by itself.
        let (mut low, mut high) = (f32::NEG_INFINITY, f32::INFINITY);
        while low.next_up() < high {
            let middle = midpoint(low, high);
            if self.apply(middle) <= limit { low = middle } else { high = middle }
        }
        low
    }

    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Identity => true,
            Self::SignedLog { unit } => *unit > 0.0 && unit.is_finite(),
            Self::Quantile { values, positions } => {
                (2..=MAX_KNOTS).contains(&values.len())
                    && values.len() == positions.len()
                    && values.iter().all(|x| x.is_finite())
                    && values.windows(2).all(|pair| pair[0] < pair[1])
                    && positions.windows(2).all(|pair| pair[0] <= pair[1])
                    && positions.iter().all(|position| (-1.0..=1.0).contains(position))
            }
        }
    }
}

/// The number in the middle of those that lie between two others, so that halving takes 32 steps.
fn midpoint(low: f32, high: f32) -> f32 {
    // In the order of the numbers.
    let place = |x: f32| (x.to_bits() as i32) ^ (((x.to_bits() as i32) >> 31) as u32 >> 1) as i32;
    let middle = (i64::from(place(low)) + i64::from(place(high))).div_euclid(2) as i32;
    f32::from_bits((middle ^ ((middle >> 31) as u32 >> 1) as i32) as u32)
}

/// A quantile scale that is applied to many numbers.
pub(super) struct Knots {
    ranker: Ranker,
    /// For each rank: value and position of the knot below, and of the one above.
    segments: Vec<[f32; 4]>,
}

impl Knots {
    pub fn new(values: &[f32], positions: &[f32]) -> Self {
        // A value exceeds the number below each knot that it is at least.
        let ranker = Ranker::of(values.iter().map(|x| x.next_down()));
        let (first, last) = (positions[0], positions[positions.len() - 1]);
        let between = values.windows(2).zip(positions.windows(2)).map(|(x, y)| [x[0], y[0], x[1], y[1]]);
        let segments = [[0.0, first, 1.0, first]].into_iter().chain(between).chain([[0.0, last, 1.0, last]]);
        Self { ranker, segments: segments.collect() }
    }

    /// As [`Scale::apply`], to the bit. At most [`crate::ranker::BLOCK`] values.
    pub fn apply(&self, values: &mut [f32], scratch: &mut Scratch) {
        self.ranker.rank(values, scratch);
        for (x, &rank) in values.iter_mut().zip(&scratch.ranks) {
            let [low, from, high, to] = self.segments[usize::from(rank)].map(f64::from);
            *x = (from + (f64::from(*x) - low) / (high - low) * (to - from)) as f32;
        }
    }
}
