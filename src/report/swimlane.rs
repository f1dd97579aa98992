//! When which entity was odd: buckets of time from left to right, a lane for each of the entities that matter, and one for
//! all others.
//!
//! Two folds: the extent of the times comes first (`Extent`), then the rows are counted. Both are done block by block, and
//! those of several blocks are merged. Rows without a time or a score are left out.

use super::clock::step_for;
use super::{Axis, Clock, Extent};
use crate::table::{Column, Value};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// The rows of each lane and bucket: how many, and the highest score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swimlanes {
    pub clock: Clock,
    /// Where the first bucket begins, in seconds.
    pub start: f64,
    /// How long a bucket is, in seconds.
    pub step: f64,
    pub n_buckets: u32,
    /// What the lanes stand for; the lane after the last is that of all others.
    pub entities: Vec<String>,
    /// Lane by lane, with a count for each bucket.
    pub rows: Vec<u32>,
    /// The highest score in the same place; 0 without rows.
    pub best: Vec<f32>,
}

impl Swimlanes {
    /// Empty lanes over these times, with at most `most_buckets` buckets, which begin at round times; two, if need be, where
    /// only one is wanted. `None` where there is no time.
    #[must_use]
    pub fn new(clock: Clock, extent: Extent, entities: Vec<String>, most_buckets: u32) -> Option<Self> {
        let (low, high) = extent.ends.filter(|(low, high)| low.is_finite() && high.is_finite())?;
        let most = f64::from(most_buckets.max(1));
        let mut step = step_for((high - low) / most);
        let n = |step: f64| libm::floor(high / step) - libm::floor(low / step) + 1.0;
        // Buckets that begin at round times may need one more than the times alone.
        while n(step) > most && n(step) > 2.0 {
            step = step_for(step * 1.01);
        }
        let n_buckets = n(step).max(1.0) as u32;
        let cells = (entities.len() + 1) * n_buckets as usize;
        let start = libm::floor(low / step) * step;
        Some(Self { clock, start, step, n_buckets, entities, rows: vec![0; cells], best: vec![0.0; cells] })
    }

    /// Counts one row; a lane that is not there is that of all others.
    pub fn add(&mut self, lane: usize, seconds: f64, score: f32) {
        let bucket = libm::floor((seconds - self.start) / self.step);
        if score.is_nan() || !(0.0..f64::from(self.n_buckets)).contains(&bucket) {
            return;
        }
        self.count(lane.min(self.entities.len()) * self.n_buckets as usize + bucket as usize, 1, score);
    }

    /// Counts rows of a table by its columns of times and entities; `scores` has one for each row of the table.
    pub fn add_rows(&mut self, times: &Column, entities: &Column, rows: impl IntoIterator<Item = u32>, scores: &[f32]) {
        let lanes = Lanes::new(&self.entities, entities);
        for row in rows {
            if let Some(seconds) = self.clock.seconds(times, row) {
                self.add(lanes.of(entities.cells.at(row as usize).value()), seconds, scores[row as usize]);
            }
        }
    }

    /// Adds the rows of another part.
    ///
    /// # Panics
    /// If the other has other lanes or buckets.
    pub fn merge(&mut self, other: &Self) {
        let shape = |lanes: &Self| (lanes.start, lanes.step, lanes.n_buckets);
        assert!(shape(self) == shape(other) && self.entities == other.entities, "lanes of the same shape");
        for (cell, (&rows, &best)) in other.rows.iter().zip(&other.best).enumerate().filter(|(_, (rows, _))| **rows > 0)
        {
            self.count(cell, rows, best);
        }
    }

    /// The places of a lane in `rows` and `best`.
    #[must_use]
    pub fn lane(&self, lane: usize) -> std::ops::Range<usize> {
        let n = self.n_buckets as usize;
        lane * n..(lane + 1) * n
    }

    /// What a lane is called.
    #[must_use]
    pub fn name(&self, lane: usize) -> &str {
        self.entities.get(lane).map_or("all others", String::as_str)
    }

    /// How odd each cell is: 0 without rows, 1 below the threshold, 2 to 4 for the thirds between it and the highest score.
    #[must_use]
    pub fn shades(&self, threshold: f32) -> Vec<u8> {
        let top = self.best.iter().copied().fold(threshold, f32::max);
        let shade = |(&rows, &best): (&u32, &f32)| match rows {
            0 => 0,
            _ if best < threshold => 1,
            _ if top > threshold => 2 + (3.0 * (best - threshold) / (top - threshold)).min(2.0) as u8,
            _ => 4,
        };
        self.rows.iter().zip(&self.best).map(shade).collect()
    }

    /// The axis of times, with about `n` ticks.
    #[must_use]
    pub fn axis(&self, n: usize) -> Axis {
        self.clock.axis(self.start, self.start + self.step * f64::from(self.n_buckets), n)
    }

    fn count(&mut self, cell: usize, rows: u32, score: f32) {
        self.best[cell] = if self.rows[cell] == 0 { score } else { self.best[cell].max(score) };
        self.rows[cell] = self.rows[cell].saturating_add(rows);
    }
}

/// The lanes of one table's values.
struct Lanes {
    /// By code of the column's dictionary.
    texts: Vec<usize>,
    /// By the bits of a number.
    numbers: FxHashMap<u64, usize>,
    others: usize,
}

impl Lanes {
    fn new(entities: &[String], column: &Column) -> Self {
        let others = entities.len();
        let mut lanes = Self { texts: vec![others; column.dictionary.len()], numbers: FxHashMap::default(), others };
        for (lane, entity) in entities.iter().enumerate() {
            if let Some(code) = column.dictionary.find(entity) {
                lanes.texts[code as usize] = lane;
            }
            if let Ok(number) = entity.parse::<f64>() {
                lanes.numbers.insert(number.to_bits(), lane);
            }
        }
        lanes
    }

    fn of(&self, value: Value) -> usize {
        match value {
            Value::Text(code) => self.texts[code as usize],
            Value::Number(x) => self.numbers.get(&x.to_bits()).copied().unwrap_or(self.others),
            Value::Missing | Value::UnkeptText => self.others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Cell;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn extent(low: f64, high: f64) -> Extent {
        Extent { ends: Some((low, high)) }
    }

    fn lanes() -> Swimlanes {
        Swimlanes::new(Clock::Own, extent(7.0, 33.0), vec!["a".into(), "80".into()], 4).unwrap()
    }

    #[test]
    fn buckets_begin_at_round_times_and_hold_all() {
        for (low, high, most, start, step, n) in [
            (7.0, 33.0, 4, 0.0, 10.0, 4),
            (9.0, 31.0, 3, 0.0, 15.0, 3),
            (5.0, 5.0, 10, 5.0, 1.0, 1),
            (0.0, 0.05, 10, 0.0, 0.01, 6),
            (-5.0, 3600.0, 90, -60.0, 60.0, 62),
            (0.0, 864_000.0, 4, 0.0, 432_000.0, 3),
        ] {
            let lanes = Swimlanes::new(Clock::Own, extent(low, high), vec![], most).unwrap();
            assert_eq!((lanes.start, lanes.step, lanes.n_buckets), (start, step, n), "{low} to {high}");
            for seconds in [low, high] {
                let mut lanes = lanes.clone();
                lanes.add(0, seconds, 0.5);
                assert_eq!(lanes.rows.iter().sum::<u32>(), 1, "{seconds}");
            }
        }
        assert_eq!(Swimlanes::new(Clock::Own, Extent::default(), vec![], 4), None);
        assert_eq!(Swimlanes::new(Clock::Own, extent(0.0, f64::INFINITY), vec![], 4), None);
    }

    #[test]
    fn a_row_counts_in_its_lane_and_bucket() {
        let mut lanes = lanes();
        for (lane, seconds, score) in [
            (0, 7.0, 0.2),
            (0, 9.9, 0.6),
            (1, 33.0, -1.0),
            (9, 12.0, 0.4),
            (0, 99.0, 0.9),
            (0, -1.0, 0.9),
            (0, 8.0, f32::NAN),
        ] {
            lanes.add(lane, seconds, score);
        }
        assert_eq!(lanes.rows, [2, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
        assert_eq!(lanes.best, [0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.4, 0.0, 0.0]);
        assert_eq!((lanes.name(1), lanes.name(2), lanes.lane(2)), ("80", "all others", 8..12));
        assert_eq!(lanes.shades(0.5), [4, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
    }

    #[test]
    fn parts_with_other_dictionaries_add_up() {
        let column = |values: &[&str]| {
            let mut column = Column::default();
            for value in values {
                let cell = match value.parse() {
                    Ok(number) => Cell::number(number),
                    Err(_) => Cell::text(column.dictionary.code(value).unwrap()),
                };
                column.cells.push(cell);
            }
            column
        };
        let part = |times: &[&str], entities: &[&str], scores: &[f32]| {
            let mut lanes = lanes();
            lanes.add_rows(&column(times), &column(entities), 0..times.len() as u32, scores);
            lanes
        };
        let whole = part(&["7", "8", "21", "33", "?"], &["a", "b", "80", "a", "a"], &[0.1, 0.2, 0.3, 0.4, 0.9]);
        let mut merged = part(&["33", "?", "8"], &["a", "a", "b"], &[0.4, 0.9, 0.2]);
        merged.merge(&part(&["21", "7"], &["80", "a"], &[0.3, 0.1]));
        assert_eq!(merged, whole);
        assert_eq!(whole.rows, [1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn shades_are_thirds_above_the_threshold() {
        let mut lanes = lanes();
        for (bucket, score) in [0.5, 0.61, 0.71, 0.8].into_iter().enumerate() {
            lanes.add(0, bucket as f64 * 10.0, score);
        }
        for (threshold, expected) in [(0.5, [2, 3, 4, 4]), (0.65, [1, 1, 3, 4]), (0.8, [1, 1, 1, 4]), (0.9, [1; 4])] {
            assert_eq!(lanes.shades(threshold)[..4], expected, "{threshold}");
        }
    }
}
