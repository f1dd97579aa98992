//! How many of a feature's thresholds a value exceeds: its rank. Found by a table on the value's high bits and a few steps.

use ndarray::ArrayView1;

/// The thresholds of one feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranker {
    pub(super) feature: u32,
    /// Rising, without −0.
    pub(super) thresholds: Vec<f32>,
    /// The [`key`] of each, and what a search may read behind them.
    keys: Vec<u32>,
    /// A value's bucket is `(key − low) >> shift`, within the table.
    low: u32,
    shift: u32,
    /// How many thresholds lie before each bucket.
    starts: Box<[u16; BUCKETS]>,
    /// Of the search among the thresholds of a bucket.
    steps: u32,
    /// Whether 0 exceeds no threshold and 1 all: so it is for a feature that says yes or no.
    is_flag: bool,
}

/// A table of 2 KiB for each feature, which stays in the cache while a block of its values is ranked.
const BUCKETS: usize = 1024;
/// How many steps a search may have: each number is compiled by itself.
const STEPS: [u32; 8] = [0, 1, 2, 3, 4, 6, 10, 16];
/// What a rank has room for.
pub(super) const MOST_THRESHOLDS: usize = u16::MAX as usize;

/// Values that are ranked together.
pub(super) const BLOCK: usize = 512;

/// Ranks of one feature's values, and what it takes to find them.
pub(super) struct Scratch {
    pub(super) ranks: [u16; BLOCK],
    keys: [u32; BLOCK],
    buckets: [u16; BLOCK],
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { ranks: [0; BLOCK], keys: [0; BLOCK], buckets: [0; BLOCK] }
    }
}

/// In the order of the numbers; −0 is 0, and NaN, which exceeds nothing, is below all.
fn key(x: f32) -> u32 {
    let bits = (x + 0.0).to_bits();
    let flip = ((bits as i32 >> 31) as u32) | 1 << 31;
    if x.is_nan() { 0 } else { bits ^ flip }
}

impl Ranker {
    /// For at least one and at most [`MOST_THRESHOLDS`] rising thresholds, which are not NaN.
    pub(super) fn of(feature: u32, thresholds: Vec<f32>) -> Self {
        let mut keys: Vec<u32> = thresholds.iter().map(|&t| key(t)).collect();
        let n = keys.len();
        let is_flag = thresholds.first() >= Some(&0.0) && thresholds.last() < Some(&1.0);
        // A few thresholds far out would make all buckets wide: some of them are left to the first and the last.
        let cuts = || std::iter::successors(Some(0), |&cut| (2 * cut < n / 8).then_some((2 * cut).max(1)));
        let ranges = cuts().flat_map(|low| cuts().map(move |high| (low, n - 1 - high)));
        let most = ranges.map(|(low, high)| {
            let shift = shift(keys[low], keys[high]);
            let starts = starts(&keys, keys[low], shift);
            let ends = starts.iter().copied().skip(1).chain(std::iter::once(n as u16));
            let most = starts.iter().zip(ends).map(|(start, end)| end - start).max();
            (most, keys[low], shift)
        });
        let (most, low, shift) = most.min().expect("at least one range");
        let needed = u16::BITS - most.unwrap_or(0).leading_zeros();
        let steps = STEPS.into_iter().find(|&steps| steps >= needed).expect("a place has 16 bits");
        let starts = starts(&keys, low, shift);
        keys.resize(n + (1 << steps), u32::MAX);
        Self { feature, thresholds, keys, low, shift, starts, steps, is_flag }
    }

    /// Fills `scratch.ranks` for the values of a column, at most [`BLOCK`]; behind them, with zeros.
    pub(super) fn rank(&self, column: ArrayView1<'_, f32>, scratch: &mut Scratch) {
        scratch.ranks[column.len()..].fill(0);
        let mut gathered = [0.0; BLOCK];
        let values = match column.to_slice() {
            Some(values) => values,
            None => {
                gathered.iter_mut().zip(&column).for_each(|(place, &x)| *place = x);
                &gathered[..column.len()]
            }
        };
        if self.is_flag && values.iter().fold(true, |all, &x| all & ((x == 0.0) | (x == 1.0))) {
            let most = self.thresholds.len() as u16;
            scratch.ranks.iter_mut().zip(values).for_each(|(rank, &x)| *rank = most * u16::from(x > 0.0));
            return;
        }
        // In two passes, of which the first can be done with vectors.
        for ((&x, place), bucket) in values.iter().zip(&mut scratch.keys).zip(&mut scratch.buckets) {
            let key = key(x);
            *place = key;
            *bucket = (key.saturating_sub(self.low) >> self.shift).min(BUCKETS as u32 - 1) as u16;
        }
        match self.steps {
            0 => self.search::<0>(scratch, values.len()),
            1 => self.search::<1>(scratch, values.len()),
            2 => self.search::<2>(scratch, values.len()),
            3 => self.search::<3>(scratch, values.len()),
            4 => self.search::<4>(scratch, values.len()),
            6 => self.search::<6>(scratch, values.len()),
            10 => self.search::<10>(scratch, values.len()),
            _ => self.search::<16>(scratch, values.len()),
        }
    }

    /// Finds the ranks of the first `n` values from their keys and buckets, by `N` steps.
    fn search<const N: u32>(&self, scratch: &mut Scratch, n: usize) {
        let Scratch { ranks, keys, buckets } = scratch;
        for ((&key, &bucket), place) in keys[..n].iter().zip(&buckets[..n]).zip(ranks) {
            let mut rank = usize::from(self.starts[usize::from(bucket) % BUCKETS]);
            for step in (0..N).rev() {
                let half = 1 << step;
                rank += half * usize::from(self.keys[rank + half - 1] < key);
            }
            *place = rank as u16;
        }
    }
}

/// So that all keys from `low` to `high` have buckets.
fn shift(low: u32, high: u32) -> u32 {
    (u32::BITS - (high - low).leading_zeros()).saturating_sub(BUCKETS.ilog2())
}

/// How many keys lie before each bucket; what lies before the first or behind the last bucket counts among it.
fn starts(keys: &[u32], low: u32, shift: u32) -> Box<[u16; BUCKETS]> {
    let mut starts = Box::new([0; BUCKETS]);
    let mut start = 0;
    for (bucket, place) in starts.iter_mut().enumerate().skip(1) {
        let from = u64::from(low) + ((bucket as u64) << shift);
        start += keys[start..].iter().take_while(|&&key| u64::from(key) < from).count();
        *place = start as u16;
    }
    starts
}
