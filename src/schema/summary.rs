//! One pass over a column: what its cells are, as far as its kind and role depend on it.

use crate::table::{Cell, Cells, Column, Value};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// A power of two, at most 64.
const RECENT: usize = 64;

/// What the cells of a column are. Counts are over the records that could be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub missing: usize,
    pub numbers: usize,
    /// Including those that the dictionary did not keep.
    pub texts: usize,
    pub distinct_texts: usize,
    /// The distinct numbers in the order of their appearance, at most [`Summary::FEW`] and one more.
    pub few_numbers: Vec<f64>,
    /// Integers from 0 to 65535.
    pub port_numbers: usize,
    /// All numbers are integers.
    pub integers: bool,
    pub min: f64,
    pub max: f64,
    pub infinite: usize,
    /// The least and the greatest finite number.
    pub finite: Option<(f64, f64)>,
    /// Every number is one more than that before it.
    pub counts_up: bool,
    /// The first number and the last.
    pub ends: Option<(f64, f64)>,
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
        let mut summary = match column.cells.counts() {
            Some(counts) => Self::of_few(&column.cells, &counts),
            None => Self::of_many(&column.cells),
        };
        summary.missing = summary.missing.saturating_sub(bad);
        summary.distinct_texts = column.dictionary.len();
        summary
    }

    fn of_none() -> Self {
        Self { integers: true, min: f64::INFINITY, max: f64::NEG_INFINITY, counts_up: true, ..Self::default() }
    }

    /// Of cells of which it is known which there are, the first row of each, and how often it is there.
    fn of_few(cells: &Cells, counts: &[(Cell, usize, u32)]) -> Self {
        let mut summary = Self::of_none();
        for &(cell, _, count) in counts {
            match cell.value() {
                Value::Missing => summary.missing += count as usize,
                Value::Text(_) | Value::UnkeptText => summary.texts += count as usize,
                Value::Number(x) => {
                    summary.numbers += count as usize;
                    summary.port_numbers += if is_port(x) { count as usize } else { 0 };
                    summary.distinct(x);
                }
            }
        }
        if summary.numbers == 0 {
            return summary;
        }
        let numbers = || cells.iter().filter_map(Cell::as_number);
        summary.ends = numbers().next().zip(numbers().next_back());
        summary.counts_up = numbers().zip(numbers().skip(1)).all(|(x, next)| next == x + 1.0);
        let sampled = match summary.numbers == cells.len() {
            true => counts.iter().filter(|(_, row, _)| *row < Self::SAMPLE).count(),
            false => numbers().take(Self::SAMPLE).map(f64::to_bits).collect::<FxHashSet<u64>>().len(),
        };
        summary.share_of(sampled);
        summary
    }

    fn of_many(cells: &Cells) -> Self {
        let mut summary = Self::of_none();
        let mut few = FxHashSet::default();
        let mut sample = FxHashSet::default();
        let mut last = f64::NAN;
        // Numbers seen lately, which say nothing new but that they are there, and whether they are ports.
        let mut recent = [(f64::NAN.to_bits(), false); RECENT];
        cells.for_all(|cell| {
            let x = match cell.value() {
                Value::Missing => return summary.missing += 1,
                Value::Text(_) | Value::UnkeptText => return summary.texts += 1,
                Value::Number(x) => x,
            };
            let bits = x.to_bits();
            let known = &mut recent[(bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize % RECENT];
            if known.0 != bits {
                *known = (bits, is_port(x));
                if summary.numbers < Self::SAMPLE {
                    sample.insert(bits);
                }
                if few.len() > Self::FEW || few.insert(bits) {
                    summary.distinct(x);
                }
            }
            summary.port_numbers += usize::from(known.1);
            summary.infinite += usize::from(x.is_infinite());
            summary.counts_up &= last.is_nan() || x == last + 1.0;
            if summary.numbers == 0 {
                summary.ends = Some((x, x));
            }
            summary.numbers += 1;
            last = x;
        });
        if let Some((_, end)) = &mut summary.ends {
            *end = last;
        }
        summary.share_of(sample.len());
        summary
    }

    /// Takes in a number that is perhaps not there yet.
    fn distinct(&mut self, x: f64) {
        if self.few_numbers.len() <= Self::FEW {
            self.few_numbers.push(x);
        }
        // Beyond 2^63 the cast saturates, and such numbers are no counts.
        self.integers &= (x as i64) as f64 == x;
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        if x.is_finite() {
            let (least, greatest) = self.finite.unwrap_or((x, x));
            self.finite = Some((least.min(x), greatest.max(x)));
        }
    }

    fn share_of(&mut self, distinct: usize) {
        self.distinct_share = distinct as f64 / self.numbers.clamp(1, Self::SAMPLE) as f64;
    }

    /// Takes in what the records after these hold. The number of distinct texts is not known then, before somebody counts
    /// those of both; the share of distinct numbers stays that of the first records that have any.
    pub fn merge(&mut self, more: Self) {
        let Some((_, last)) = self.ends else {
            let (missing, texts) = (self.missing, self.texts);
            *self = Self { missing: missing + more.missing, texts: texts + more.texts, ..more };
            return;
        };
        self.missing += more.missing;
        self.texts += more.texts;
        let Some((first, end)) = more.ends else { return };
        self.counts_up &= more.counts_up && first == last + 1.0;
        self.ends = self.ends.map(|(start, _)| (start, end));
        self.numbers += more.numbers;
        self.port_numbers += more.port_numbers;
        self.integers &= more.integers;
        (self.min, self.max) = (self.min.min(more.min), self.max.max(more.max));
        self.infinite += more.infinite;
        self.finite = match (self.finite, more.finite) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        for x in more.few_numbers {
            if self.few_numbers.len() > Self::FEW {
                break;
            }
            if !self.few_numbers.iter().any(|known| known.to_bits() == x.to_bits()) {
                self.few_numbers.push(x);
            }
        }
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

    /// Up to one in a hundred may be broken.
    #[must_use]
    pub fn are_ports(&self) -> bool {
        self.numbers > 0 && 100 * self.port_numbers >= 99 * self.numbers
    }
}

fn is_port(x: f64) -> bool {
    f64::from(x as u16) == x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn few_cells_are_summed_up_as_many_are() {
        let mut rng = Rng::new(8);
        let mut counted = 0;
        for round in 0..600 {
            let (most, most_values) = [(9000, 120), (40_000, 30_000)][round % 2];
            let (n, missing, size) = (rng.below(most), rng.below(3), 1 + rng.below(most_values));
            let cell = |row: u32, rng: &mut Rng| match rng.below(40) {
                0 if missing == 0 => Cell::MISSING,
                _ if round % 3 == 0 => Cell::number(f64::from(row % 100)),
                _ if round % 7 == 0 => Cell::text(rng.below(size)),
                _ if round % 5 == 0 => Cell::number(f64::from(rng.below(size)) / 100.0),
                _ => Cell::number(f64::from(rng.below(size)) - 20.0),
            };
            let cells: Cells = (0..n).map(|row| cell(row, &mut rng)).collect();
            let Some(counts) = cells.counts() else { continue };
            counted += 1;
            assert_eq!(Summary::of_few(&cells, &counts), Summary::of_many(&cells), "round {round}");
        }
        assert!(counted > 400, "{counted}");
    }
}
