//! One pass over a column: what its cells are, as far as its kind and role depend on it.

use crate::table::{Column, Value};
use rustc_hash::FxHashSet;

/// What the cells of a column are. Counts are over the records that could be read.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub missing: usize,
    pub numbers: usize,
    /// Including those that the dictionary did not keep.
    pub texts: usize,
    pub distinct_texts: usize,
    /// The distinct numbers in the order of their appearance, at most [`Summary::FEW`] and one more.
    pub few_numbers: Vec<f64>,
    /// All numbers are integers.
    pub integers: bool,
    pub min: f64,
    pub max: f64,
    /// Every number is one more than that before it.
    pub counts_up: bool,
    /// The share of distinct numbers among the first [`Summary::SAMPLE`].
    pub distinct_share: f64,
}

impl Summary {
    /// More distinct numbers than this are many.
    pub const FEW: usize = 256;
    const SAMPLE: usize = 4096;

    /// Of all cells but those of `bad` records, which are missing without saying anything.
    #[must_use]
    pub fn of(column: &Column, bad: usize) -> Self {
        let mut summary =
            Self { integers: true, min: f64::INFINITY, max: f64::NEG_INFINITY, counts_up: true, ..Self::default() };
        let mut few = FxHashSet::default();
        let mut sample = FxHashSet::default();
        let mut last = f64::NAN;
        for cell in &column.cells {
            match cell.value() {
                Value::Missing => summary.missing += 1,
                Value::Text(_) | Value::UnkeptText => summary.texts += 1,
                Value::Number(x) => {
                    if x != last && few.len() <= Self::FEW && few.insert(x.to_bits()) {
                        summary.few_numbers.push(x);
                    }
                    if summary.numbers < Self::SAMPLE {
                        sample.insert(x.to_bits());
                    }
                    summary.integers &= x.fract() == 0.0;
                    summary.min = summary.min.min(x);
                    summary.max = summary.max.max(x);
                    summary.counts_up &= last.is_nan() || x == last + 1.0;
                    summary.numbers += 1;
                    last = x;
                }
            }
        }
        summary.missing = summary.missing.saturating_sub(bad);
        summary.distinct_texts = column.dictionary.len();
        summary.distinct_share = sample.len() as f64 / summary.numbers.clamp(1, Self::SAMPLE) as f64;
        summary
    }

    /// Cells that say something.
    #[must_use]
    pub fn present(&self) -> usize {
        self.numbers + self.texts
    }

    /// The same value in every record. A value that some records lack tells them apart.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.missing == 0 && self.few_numbers.len() + self.distinct_texts <= 1
    }

    /// So few distinct numbers that each can stand for something.
    #[must_use]
    pub fn has_few_numbers(&self) -> bool {
        self.few_numbers.len() <= Self::FEW
    }

    #[must_use]
    pub fn is_mostly_numbers(&self) -> bool {
        self.numbers > 0 && self.numbers >= 9 * self.texts
    }

    #[must_use]
    pub fn are_ports(&self) -> bool {
        self.integers && self.min >= 0.0 && self.max <= 65535.0 && self.numbers > 0
    }
}
