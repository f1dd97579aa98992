//! What the columns of a file hold, in so few numbers that two files can be held against each other: a fold over its rows.
//!
//! Profiles of parts of a file merge into that of the whole, whatever their dictionaries. Amounts are counted by their
//! leading binary digits, values by their text, up to [`MAX_VALUES`] of them; absolute times, identifiers and free text differ
//! between any two files and are not looked at.

use crate::schema::{Kind, Role, Schema};
use crate::table::{Cell, Column, Dictionary, Table, Value};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// More different values than a column's dictionary keeps are not kept here either.
pub const MAX_VALUES: usize = Dictionary::MAX_TEXTS;

/// A file in brief.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Records that could be read.
    pub rows: u64,
    /// In the table's order.
    pub columns: Vec<ColumnProfile>,
}

/// A column in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub canonical: String,
    /// As in the file.
    pub name: String,
    pub kind: Kind,
    pub unit: Option<String>,
    pub missing: u64,
    pub values: Values,
}

/// The values of a column in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    Amounts(Amounts),
    Named(Named),
    /// Not looked at.
    Unread,
}

/// Numbers, counted by sign, exponent and the four binary digits behind the first: to within 6 %.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amounts {
    /// By rising value, none of them empty; at most 2¹³.
    pub buckets: Vec<Bucket>,
}

/// Numbers close to each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub key: u32,
    pub rows: u64,
    /// The least of them.
    pub low: f64,
}

/// Values by their text; numbers as they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Named {
    pub tallies: BTreeMap<String, Tally>,
    /// Rows of values that were not kept, since there were too many.
    pub unkept: u64,
}

/// The rows of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub rows: u64,
    /// The highest score among them, where they are scored.
    pub best: Option<f32>,
}

impl Profile {
    /// Of no rows yet.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.columns.iter().map(|spec| ColumnProfile {
            canonical: spec.canonical.clone(),
            name: spec.name.clone(),
            kind: spec.kind,
            unit: spec.unit.clone(),
            missing: 0,
            values: match (spec.role, spec.kind) {
                (Role::Label | Role::AttackName, _) => Values::Named(Named::default()),
                (_, Kind::Number) => Values::Amounts(Amounts::default()),
                (_, Kind::Category | Kind::Port | Kind::Address | Kind::Constant) => Values::Named(Named::default()),
                (_, Kind::Time | Kind::Identifier | Kind::FreeText) => Values::Unread,
            },
        });
        Self { rows: 0, columns: columns.collect() }
    }

    /// Counts these rows of a table with the schema's columns. `scores` has one for each row of the table, NaN where
    /// unscored, or is empty.
    pub fn add(&mut self, table: &Table, rows: &[u32], scores: &[f32]) {
        self.rows += rows.len() as u64;
        for (profile, column) in self.columns.iter_mut().zip(&table.columns) {
            match &mut profile.values {
                Values::Amounts(amounts) => profile.missing += amounts.add(column, rows),
                Values::Named(named) => profile.missing += named.add(column, rows, scores),
                Values::Unread => {
                    let is_missing = |row: &&u32| column.cells.at(**row as usize) == Cell::MISSING;
                    profile.missing += rows.iter().filter(is_missing).count() as u64;
                }
            }
        }
    }

    /// Adds the rows of the next part of the file.
    ///
    /// # Panics
    /// If it has other columns.
    pub fn merge(&mut self, next: &Self) {
        assert_eq!(self.columns.len(), next.columns.len(), "profiles of the same columns");
        self.rows += next.rows;
        for (profile, next) in self.columns.iter_mut().zip(&next.columns) {
            profile.missing += next.missing;
            match (&mut profile.values, &next.values) {
                (Values::Amounts(amounts), Values::Amounts(next)) => amounts.merge(&next.buckets),
                (Values::Named(named), Values::Named(next)) => {
                    next.tallies.iter().for_each(|(value, &tally)| named.count(value, tally));
                    named.unkept += next.unkept;
                }
                (Values::Unread, Values::Unread) => {}
                _ => panic!("profiles of the same columns"),
            }
        }
    }
}

impl Amounts {
    /// Counts the numbers, and returns how many rows have none.
    fn add(&mut self, column: &Column, rows: &[u32]) -> u64 {
        let mut counts: FxHashMap<u32, Bucket> = FxHashMap::default();
        let mut numbers = 0;
        for x in rows.iter().filter_map(|&row| column.cells.at(row as usize).as_number()) {
            let x = x.clamp(f64::MIN, f64::MAX) + 0.0;
            let key = key_of(x);
            let bucket = counts.entry(key).or_insert(Bucket { key, rows: 0, low: x });
            bucket.rows += 1;
            bucket.low = bucket.low.min(x);
            numbers += 1;
        }
        let mut buckets: Vec<Bucket> = counts.into_values().collect();
        buckets.sort_unstable_by_key(|bucket| bucket.key);
        self.merge(&buckets);
        rows.len() as u64 - numbers
    }

    fn merge(&mut self, other: &[Bucket]) {
        for bucket in other {
            match self.buckets.binary_search_by_key(&bucket.key, |bucket| bucket.key) {
                Ok(at) => {
                    self.buckets[at].rows += bucket.rows;
                    self.buckets[at].low = self.buckets[at].low.min(bucket.low);
                }
                Err(at) => self.buckets.insert(at, *bucket),
            }
        }
    }

    #[must_use]
    pub fn rows(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.rows).sum()
    }

    /// The bucket of the number with this share of the others below it; `None` without numbers.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Bucket> {
        let wanted = (share.clamp(0.0, 1.0) * self.rows().saturating_sub(1) as f64) as u64;
        let mut below = 0;
        self.buckets.iter().copied().find(|bucket| {
            below += bucket.rows;
            below > wanted
        })
    }
}

/// The leading binary digits of a number, rising with it.
fn key_of(x: f64) -> u32 {
    const KEPT: u32 = 1 + 8 + 4;
    let bits = (x as f32).to_bits();
    let rising = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    rising >> (32 - KEPT)
}

impl Named {
    /// Counts the values, and returns how many rows have none.
    fn add(&mut self, column: &Column, rows: &[u32], scores: &[f32]) -> u64 {
        let mut order: Vec<Cell> = Vec::new();
        let mut counts: FxHashMap<u64, Tally> = FxHashMap::default();
        for &row in rows {
            let cell = column.cells.at(row as usize);
            let tally = counts.entry(cell.to_bits()).or_default();
            if tally.rows == 0 {
                order.push(cell);
            }
            tally.add(Tally { rows: 1, best: scores.get(row as usize).copied().filter(|score| !score.is_nan()) });
        }
        let mut missing = 0;
        // The first to come are the first to be kept.
        for cell in order {
            let tally = counts[&cell.to_bits()];
            match cell.value() {
                Value::Missing => missing = tally.rows,
                Value::UnkeptText => self.unkept += tally.rows,
                Value::Text(code) => self.count(column.dictionary.text(code), tally),
                Value::Number(x) => self.count(&(x + 0.0).to_string(), tally),
            }
        }
        missing
    }

    fn count(&mut self, value: &str, tally: Tally) {
        if let Some(known) = self.tallies.get_mut(value) {
            known.add(tally);
        } else if self.tallies.len() < MAX_VALUES {
            self.tallies.insert(value.to_owned(), tally);
        } else {
            self.unkept += tally.rows;
        }
    }

    /// Rows with a value.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.unkept + self.tallies.values().map(|tally| tally.rows).sum::<u64>()
    }

    /// Whether every value is known.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unkept == 0
    }

    /// The same as amounts, if all of them are numbers.
    #[must_use]
    pub fn as_amounts(&self) -> Option<Amounts> {
        let mut amounts = Amounts::default();
        for (value, tally) in &self.tallies {
            let low: f64 = value.parse().ok().filter(|x: &f64| x.is_finite())?;
            amounts.merge(&[Bucket { key: key_of(low), rows: tally.rows, low }]);
        }
        self.is_complete().then_some(amounts)
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.best = match (self.best, other.best) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;
    use crate::ingest::Reader;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn read(csv: &str) -> Table {
        let mut reader = Reader::new();
        reader.push(csv.as_bytes()).unwrap();
        reader.finish().unwrap().table
    }

    #[test]
    fn parts_merge_into_the_whole() {
        let mut csv = Vec::new();
        let mut generator = Generator::new(3000, 5);
        while generator.write(1000, &mut csv) {}
        let csv = String::from_utf8(csv).unwrap();
        let table = read(&csv);
        let schema = detect(&table, None);
        let scores: Vec<f32> = (0..3000).map(|row| if row % 7 == 0 { f32::NAN } else { row as f32 }).collect();
        let mut whole = Profile::new(&schema);
        whole.add(&table, &table.good_rows(), &scores);
        let lines: Vec<&str> = csv.lines().collect();
        let mut merged = Profile::new(&schema);
        let mut first = 0;
        for n in [1, 999, 2000] {
            let part = read(&format!("{}\n{}\n", lines[0], lines[1 + first..1 + first + n].join("\n")));
            let mut profile = Profile::new(&schema);
            // In blocks, too.
            for rows in part.good_rows().chunks(300) {
                profile.add(&part, rows, &scores[first..first + n]);
            }
            merged.merge(&profile);
            first += n;
        }
        assert_eq!((merged.rows, merged == whole), (3000, true));
        let again: Profile = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        assert_eq!(again.columns.len(), whole.columns.len());
    }

    #[test]
    fn amounts_rise_with_their_keys_and_small_whole_numbers_stay_apart() {
        let numbers = [f64::MIN, -1e9, -2.0, -1.0, -1e-9, 0.0, 1e-9, 0.5, 1.0, 2.0, 31.0, 32.0, 1e9, 1e30, f64::MAX];
        assert!(numbers.windows(2).all(|pair| key_of(pair[0]) < key_of(pair[1])));
        for exponent in -30..30 {
            let x = libm::exp2(f64::from(exponent)) * 1.999;
            assert_eq!(key_of(x), key_of(x * 0.97), "{x}");
            assert_ne!(key_of(x), key_of(x * 0.93), "{x}");
        }
    }

    #[test]
    fn quantiles_are_numbers_of_the_file() {
        let column = Column { cells: (0..=1000).map(|x| Cell::number(f64::from(x))).collect(), ..Column::default() };
        let mut amounts = Amounts::default();
        let rows: Vec<u32> = (0..=1000).collect();
        assert_eq!(amounts.add(&column, &rows), 0);
        for (share, low) in [(0.0, 0.0), (0.005, 5.0), (0.5, 496.0), (1.0, 992.0)] {
            assert_eq!(amounts.quantile(share).map(|bucket| bucket.low), Some(low), "{share}");
        }
        assert_eq!(Amounts::default().quantile(0.5), None);
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let mut named = Named::default();
        (0..MAX_VALUES).for_each(|i| named.count(&i.to_string(), Tally { rows: 1, best: None }));
        assert!(named.is_complete() && named.as_amounts().is_some());
        named.count("one more", Tally { rows: 3, best: Some(0.5) });
        named.count("41", Tally { rows: 1, best: Some(0.5) });
        assert_eq!((named.unkept, named.rows()), (3, MAX_VALUES as u64 + 4));
        assert_eq!(named.tallies["41"], Tally { rows: 2, best: Some(0.5) });
        assert!(!named.is_complete() && named.as_amounts().is_none());
    }
}
