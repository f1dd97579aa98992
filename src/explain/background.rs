//! What is usual in a file, column by column: the ground that a reason compares a value with.
//!
//! Fitted to a sample of rows. Of numbers it keeps how they are distributed, of categories and ports how often each value
//! is, of both how much is missing. Its size does not grow with the file.

use crate::flow::cell_text;
use crate::schema::{Kind, Role, Schema};
use crate::table::{Cell, Column, Table, Value};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// What is usual in some rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Rows that were looked at.
    pub rows: u32,
    /// Whether those are all rows of the file.
    pub complete: bool,
    pub columns: Vec<ColumnBackground>,
}

/// What is usual in one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnBackground {
    /// The canonical name.
    pub name: String,
    /// Of the rows; text in a column of numbers counts as missing.
    pub missing: f64,
    /// Of the rows that have a value.
    pub zeros: f64,
    pub median: f64,
    /// The median distance from the median.
    pub deviation: f64,
    /// The first and the 99th percentile: beyond them one odd value must not hide the next.
    pub low: f64,
    pub high: f64,
    /// Of a column of numbers: rising values, the least and the greatest among them.
    pub knots: Vec<Knot>,
    /// Of a column of categories or ports: the most frequent first.
    pub values: Vec<ValueShare>,
    /// The share of the values that are not listed.
    pub others: f64,
}

/// A number, with the shares of the values below it and up to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knot {
    pub value: f64,
    pub below: f64,
    pub up_to: f64,
}

/// A category or port, and its share of the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueShare {
    pub text: String,
    pub share: f64,
    /// Of this and all rarer values.
    pub as_rare: f64,
}

/// Knots at even ranks, at most; a reason tells shares to a tenth of a percent.
const MAX_KNOTS: usize = 1024;
/// Distinct values at either end that have knots of their own: there the odd ones are.
const END_KNOTS: usize = 64;
const MAX_VALUES: usize = 1024;

impl Background {
    /// What is usual in these rows, which stand for `n_rows` of the file. Addresses, times, identifiers, free text and labels
    /// are not looked at.
    #[must_use]
    pub fn fit(table: &Table, schema: &Schema, rows: &[u32], n_rows: usize) -> Self {
        let columns = table.columns.iter().zip(&schema.columns).filter_map(|(column, spec)| {
            if matches!(spec.role, Role::Label | Role::AttackName) {
                return None;
            }
            let fitted = match spec.kind {
                Kind::Number => numbers(column, rows),
                Kind::Category | Kind::Port => values(column, rows),
                Kind::Constant if column.cells.iter().any(|cell| cell.as_number().is_some()) => numbers(column, rows),
                Kind::Constant => values(column, rows),
                Kind::Time | Kind::Address | Kind::Identifier | Kind::FreeText => return None,
            };
            Some(ColumnBackground { name: spec.canonical.clone(), ..fitted })
        });
        Self { rows: rows.len() as u32, complete: rows.len() == n_rows, columns: columns.collect() }
    }

    /// The same without most of what only reasons need: of a distribution its ends, of the values the most frequent.
    #[must_use]
    pub fn outline(&self) -> Self {
        const FEW: usize = 100;
        let columns = self.columns.iter().map(|column| ColumnBackground {
            knots: column.knots.first().into_iter().chain(column.knots.last()).copied().collect(),
            values: column.values.iter().take(FEW).cloned().collect(),
            others: column.others + column.values.iter().skip(FEW).map(|value| value.share).sum::<f64>(),
            name: column.name.clone(),
            ..*column
        });
        Self { columns: columns.collect(), ..*self }
    }

    /// The column of this canonical name.
    #[must_use]
    pub fn find(&self, canonical: &str) -> Option<&ColumnBackground> {
        self.columns.iter().find(|column| column.name == canonical)
    }
}

impl ColumnBackground {
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.values.is_empty() && !self.knots.is_empty()
    }

    /// The shares of the values below `x`, and up to it.
    #[must_use]
    pub fn rank(&self, x: f64) -> (f64, f64) {
        let above = self.knots.partition_point(|knot| knot.value <= x);
        let Some(low) = above.checked_sub(1).map(|at| self.knots[at]) else { return (0.0, 0.0) };
        if low.value == x {
            return (low.below, low.up_to);
        }
        let Some(high) = self.knots.get(above) else { return (1.0, 1.0) };
        let share = low.up_to + (x - low.value) / (high.value - low.value) * (high.below - low.up_to);
        (share, share)
    }

    /// A cell of a typical row.
    #[must_use]
    pub fn typical(&self) -> Option<String> {
        if self.missing > 0.5 {
            return None;
        }
        if self.is_number() {
            Some(self.median.to_string())
        } else {
            self.values.first().map(|value| value.text.clone())
        }
    }

    /// Finds the listed values in a table's column.
    #[must_use]
    pub fn bind<'a>(&'a self, column: &'a Column, rows: u32) -> BoundBackground<'a> {
        let mut listed = FxHashMap::default();
        for (value, at) in self.values.iter().zip(0..) {
            if let Some(code) = column.dictionary.find(&value.text) {
                listed.insert(Cell::text(code).to_bits(), at);
            }
            if let Ok(x) = value.text.parse() {
                listed.insert(Cell::number(x).to_bits(), at);
            }
        }
        BoundBackground { background: self, column, listed, rows }
    }
}

/// What is usual in one column, to compare a table's cells with.
pub struct BoundBackground<'a> {
    pub background: &'a ColumnBackground,
    pub column: &'a Column,
    /// The place among the values of each listed cell.
    listed: FxHashMap<u64, u32>,
    rows: u32,
}

impl<'a> BoundBackground<'a> {
    #[must_use]
    pub fn cell(&self, row: u32) -> Cell {
        self.column.cells.at(row as usize)
    }

    /// The value of this row, if it is listed.
    #[must_use]
    pub fn listed(&self, row: u32) -> Option<&'a ValueShare> {
        self.listed.get(&self.cell(row).to_bits()).map(|&at| &self.background.values[at as usize])
    }

    /// How much of the column is as far out as this row's cell, or further: the share of the numbers beyond it on its side, or
    /// of the values that are as rare. Never 0.
    #[must_use]
    pub fn tail(&self, row: u32) -> f64 {
        let background = self.background;
        let tail = match self.cell(row).value() {
            Value::Missing => background.missing,
            Value::Number(x) if background.is_number() => {
                let (below, up_to) = background.rank(x);
                (1.0 - below).min(up_to)
            }
            _ if background.is_number() => background.missing,
            Value::UnkeptText => 1.0,
            Value::Text(_) | Value::Number(_) => self.listed(row).map_or(background.others, |value| value.as_rare),
        };
        tail.max(0.5 / f64::from(self.rows.max(1)))
    }

    /// `−log10` of [`Self::tail`], and a little more for each power of ten that a number is further out than nearly all others.
    #[must_use]
    pub fn surprise(&self, row: u32) -> f64 {
        let surprise = -libm::log10(self.tail(row));
        let background = self.background;
        let Some(x) = self.cell(row).as_number().filter(|_| background.is_number()) else { return surprise };
        let beyond = (x - background.high).max(background.low - x).max(0.0);
        let widths = [background.high - background.low, background.deviation, beyond];
        let width = widths.into_iter().find(|&width| width > 0.0).unwrap_or(1.0);
        surprise + libm::log10(1.0 + (beyond / width).min(1e6))
    }
}

fn numbers(column: &Column, rows: &[u32]) -> ColumnBackground {
    let sorted = column.cells.sorted(rows);
    let n = sorted.len();
    if n == 0 {
        return ColumnBackground { missing: 1.0, ..ColumnBackground::default() };
    }
    let median = sorted[n / 2];
    let deviation = median_distance(&sorted, median);
    let starts: Vec<usize> = (0..n).filter(|&at| at == 0 || sorted[at - 1] < sorted[at]).collect();
    let knot = |run: usize| {
        let end = starts.get(run + 1).copied().unwrap_or(n);
        Knot { value: sorted[starts[run]], below: starts[run] as f64 / n as f64, up_to: end as f64 / n as f64 }
    };
    let runs = starts.len();
    let mut chosen: Vec<usize> = if runs <= MAX_KNOTS {
        (0..runs).collect()
    } else {
        let at_rank = |k: usize| {
            let rank = k as u64 * (n - 1) as u64 / (MAX_KNOTS - 1) as u64;
            starts.partition_point(|&start| start as u64 <= rank) - 1
        };
        (0..MAX_KNOTS).map(at_rank).chain(0..END_KNOTS).chain(runs - END_KNOTS..runs).collect()
    };
    chosen.sort_unstable();
    chosen.dedup();
    ColumnBackground {
        missing: 1.0 - n as f64 / rows.len() as f64,
        zeros: (sorted.partition_point(|&x| x <= 0.0) - sorted.partition_point(|&x| x < 0.0)) as f64 / n as f64,
        median,
        deviation,
        low: sorted[n / 100],
        high: sorted[n - 1 - n / 100],
        knots: chosen.into_iter().map(knot).collect(),
        ..ColumnBackground::default()
    }
}

/// The median of the distances of sorted numbers from their median. Those that are closest to it are next to one another: it is the
/// least distance within which there is a half of them.
fn median_distance(sorted: &[f64], median: f64) -> f64 {
    let half = sorted.len() / 2;
    let ends = sorted.iter().zip(&sorted[half..]);
    ends.map(|(low, high)| (median - low).max(high - median)).fold(f64::INFINITY, f64::min)
}

fn values(column: &Column, rows: &[u32]) -> ColumnBackground {
    let mut counts: FxHashMap<u64, (Cell, u64)> = FxHashMap::default();
    let mut missing = 0;
    column.cells.for_each(rows, |_, cell| match cell.value() {
        Value::Missing => missing += 1,
        _ => counts.entry(cell.to_bits()).or_insert((cell, 0)).1 += 1,
    });
    let n = (rows.len() - missing).max(1) as f64;
    let mut all: Vec<(String, u64)> =
        counts.into_values().filter_map(|(cell, count)| Some((cell_text(column, cell)?.into_owned(), count))).collect();
    all.sort_unstable_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then_with(|| a.cmp(b)));
    // From the rarest up; equally frequent values are as rare as one another.
    let mut as_rare = vec![0.0; all.len()];
    let (mut sum, mut at) = (0, all.len());
    while at > 0 {
        let first = all[..at].partition_point(|(_, count)| *count > all[at - 1].1);
        sum += all[first..at].iter().map(|(_, count)| count).sum::<u64>();
        as_rare[first..at].fill(sum as f64 / n);
        at = first;
    }
    let unlisted: u64 = all.iter().skip(MAX_VALUES).map(|(_, count)| count).sum();
    let listed = all.into_iter().zip(as_rare).take(MAX_VALUES);
    ColumnBackground {
        missing: missing as f64 / rows.len().max(1) as f64,
        values: listed.map(|((text, count), as_rare)| ValueShare { text, share: count as f64 / n, as_rare }).collect(),
        others: unlisted as f64 / n,
        ..ColumnBackground::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_median_distance_is_that_of_all_distances() {
        let mut rng = Rng::new(11);
        for n in 1..400 {
            let few = rng.below(2) == 0;
            let mut number = || if few { f64::from(rng.below(9)) } else { rng.normal() };
            let mut sorted: Vec<f64> = (0..n).map(|_| number()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let median = sorted[n / 2];
            let mut distances: Vec<f64> = sorted.iter().map(|x| (x - median).abs()).collect();
            distances.sort_unstable_by(f64::total_cmp);
            assert_eq!(median_distance(&sorted, median), distances[n / 2]);
        }
    }
}
