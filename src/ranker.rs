//! How many of some thresholds a value exceeds: its rank. Found by a table of buckets, in which values of any size or of any
//! distance lie evenly, and a few steps, many values at a time.

/// Some thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranker {
    n: u16,
    /// The [`key`] of each, and what a search may read behind them.
    keys: Vec<u32>,
    buckets: Buckets,
    /// How many thresholds lie before each bucket.
    starts: Box<[u16; BUCKETS]>,
    /// Of the search among the thresholds of a bucket.
    steps: u32,
    /// Whether 0 exceeds no threshold and 1 all: so it is for a feature that says yes or no.
    is_flag: bool,
}

/// Which bucket of the table a value is in: it rises with the value, and those beyond the ends belong to the first and the last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Buckets {
    /// `(key − low) >> shift`: as many for each power of two.
    Sizes { low: u32, shift: u32 },
    /// `(value − low) · scale`: all of the same width.
    Distances { low: f32, scale: f32 },
}

/// A table of 2 KiB, which stays in the cache while a block of values is ranked.
const BUCKETS: usize = 1024;
/// How many steps a search may have: each number is compiled by itself.
const STEPS: [u32; 8] = [0, 1, 2, 3, 4, 6, 10, 16];
/// What a rank has room for.
pub const MOST_THRESHOLDS: usize = u16::MAX as usize;

/// Values that are ranked together.
pub const BLOCK: usize = 512;

/// Ranks of some values, and what it takes to find them.
pub struct Scratch {
    pub ranks: [u16; BLOCK],
    keys: [u32; BLOCK],
    buckets: [u16; BLOCK],
}

impl Default for Scratch {
    fn default() -> Self {
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
    ///
    /// # Panics
    /// If there are none or too many.
    #[must_use]
    pub fn of(thresholds: impl IntoIterator<Item = f32>) -> Self {
        let thresholds: Vec<f32> = thresholds.into_iter().collect();
        let mut keys: Vec<u32> = thresholds.iter().copied().map(key).collect();
        let n = keys.len();
        assert!((1..=MOST_THRESHOLDS).contains(&n), "{n} thresholds");
        // A few thresholds far out would make all buckets wide: a sixteenth may be left to the first and the last.
        let ranges = [(0, n - 1), (n / 16, n - 1), (0, n - 1 - n / 16), (n / 16, n - 1 - n / 16)];
        let sizes = ranges.map(|(low, high)| Some(Buckets::sizes(keys[low], keys[high])));
        let distances = ranges.map(|(low, high)| Buckets::distances(thresholds[low], thresholds[high]));
        let most = |buckets: &Buckets| {
            let runs = thresholds.chunk_by(|&a, &b| buckets.of(a) == buckets.of(b));
            runs.map(<[f32]>::len).max().unwrap_or(0)
        };
        let buckets = sizes.into_iter().chain(distances).flatten().min_by_key(most).expect("the sizes of four ranges");
        let needed = usize::BITS - most(&buckets).leading_zeros();
        let steps = STEPS.into_iter().find(|&steps| steps >= needed).expect("a place has 16 bits");
        let is_flag = keys[0] >= key(0.0) && keys[n - 1] < key(1.0);
        let starts = starts(&thresholds, &buckets);
        keys.resize(n + (1 << steps), u32::MAX);
        Self { n: n as u16, keys, buckets, starts, steps, is_flag }
    }

    #[must_use]
    pub fn rank_of_zero(&self) -> u16 {
        self.keys[..usize::from(self.n)].partition_point(|&other| other < key(0.0)) as u16
    }

    /// Fills `scratch.ranks` for at most [`BLOCK`] values; behind them, with zeros.
    ///
    /// # Panics
    /// If there are more values.
    pub fn rank(&self, values: &[f32], scratch: &mut Scratch) {
        scratch.ranks[values.len()..].fill(0);
        if self.is_flag && values.iter().fold(true, |all, &x| all & ((x == 0.0) | (x == 1.0))) {
            scratch.ranks.iter_mut().zip(values).for_each(|(rank, &x)| *rank = self.n * u16::from(x > 0.0));
            return;
        }
        // In two passes, of which the first can be done with vectors.
        let places = values.iter().zip(&mut scratch.keys).zip(&mut scratch.buckets);
        match self.buckets {
            Buckets::Sizes { low, shift } => places.for_each(|((&x, place), to)| {
                *place = key(x);
                *to = by_size(*place, low, shift);
            }),
            Buckets::Distances { low, scale } => places.for_each(|((&x, place), to)| {
                *place = key(x);
                *to = by_distance(x, low, scale);
            }),
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

impl Buckets {
    /// For all keys from `low` to `high`.
    fn sizes(low: u32, high: u32) -> Self {
        Self::Sizes { low, shift: (u32::BITS - (high - low).leading_zeros()).saturating_sub(BUCKETS.ilog2()) }
    }

    /// For all values from `low` to `high`; `None` where they are too far apart, or too close.
    fn distances(low: f32, high: f32) -> Option<Self> {
        let scale = (BUCKETS - 1) as f32 / (high - low);
        (low.is_finite() && scale.is_normal()).then_some(Self::Distances { low, scale })
    }

    fn of(&self, x: f32) -> u16 {
        match *self {
            Self::Sizes { low, shift } => by_size(key(x), low, shift),
            Self::Distances { low, scale } => by_distance(x, low, scale),
        }
    }
}

fn by_size(key: u32, low: u32, shift: u32) -> u16 {
    (key.saturating_sub(low) >> shift).min(BUCKETS as u32 - 1) as u16
}

/// NaN, which exceeds nothing, is in the first.
fn by_distance(x: f32, low: f32, scale: f32) -> u16 {
    (((x - low) * scale) as i32).clamp(0, BUCKETS as i32 - 1) as u16
}

/// How many thresholds lie before each bucket.
fn starts(thresholds: &[f32], buckets: &Buckets) -> Box<[u16; BUCKETS]> {
    let mut starts = Box::new([0; BUCKETS]);
    let mut start = 0;
    for (at, place) in starts.iter_mut().enumerate() {
        start += thresholds[start..].iter().take_while(|&&x| usize::from(buckets.of(x)) < at).count();
        *place = start as u16;
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_rank_is_the_number_of_smaller_thresholds() {
        let check = |thresholds: &[f32]| {
            let odd = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, 1.0, 0.5];
            let near = thresholds.iter().flat_map(|t| [*t, t.next_up(), t.next_down(), t * 1.01, -t]);
            let values: Vec<f32> = odd.into_iter().chain(near).collect();
            let ranker = Ranker::of(thresholds.iter().copied());
            let mut scratch = Scratch::default();
            // In blocks with and without a rest, and flags alone.
            for values in values.chunks(BLOCK).chain([&[0.0, 1.0, -0.0][..]]) {
                ranker.rank(values, &mut scratch);
                assert_eq!(usize::from(ranker.rank_of_zero()), thresholds.iter().filter(|t| 0.0 > **t).count());
                for (x, rank) in values.iter().zip(scratch.ranks) {
                    let expected = thresholds.iter().filter(|t| x > t).count();
                    assert_eq!(usize::from(rank), expected, "{x} among {} thresholds", thresholds.len());
                }
            }
        };
        let mut rng = Rng::new(1);
        let mut drawn = |n: usize, draw: &dyn Fn(f64) -> f64| {
            let mut values: Vec<f32> = (0..n).map(|_| draw(rng.normal()) as f32).collect();
            values.sort_unstable_by(f32::total_cmp);
            values.dedup();
            values
        };
        check(&[0.0]);
        check(&[f32::NEG_INFINITY, f32::MIN, f32::MAX]);
        check(&[0.0, 0.25, 0.5, 1.0_f32.next_down()]);
        check(&drawn(10, &|x| x));
        check(&drawn(700, &|x| libm::exp(10.0 * x)));
        check(&drawn(700, &|x| 1e-30 * x));
        // Almost all in one bucket, as wide as the numbers are.
        let close: Vec<f32> = (0..3000).map(|i| f32::from_bits(1.0_f32.to_bits() + i)).collect();
        check(&[&[f32::MIN], &close[..], &[f32::MAX]].concat());
        // Evenly, and by powers of two, each with the buckets that suit it.
        let even: Vec<f32> = (0..700).map(|i| i as f32 / 350.0 - 1.0).collect();
        let sizes: Vec<f32> = (0..120).map(|i| libm::exp2f(i as f32 - 60.0)).collect();
        check(&even);
        check(&sizes);
        let are_even =
            |thresholds: &[f32]| matches!(Ranker::of(thresholds.iter().copied()).buckets, Buckets::Distances { .. });
        assert!(are_even(&even) && !are_even(&sizes));
        let spread = |i: u32| if i < 1500 { -f32::MAX / (i + 1) as f32 } else { f32::from_bits(i) };
        check(&(0..3000).map(spread).collect::<Vec<_>>());
    }
}
