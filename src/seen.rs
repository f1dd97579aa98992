//! The values of normal records, column by column. A forest can only split between values that it was fitted to: beyond
//! them every row falls in with the outermost one, and a flood of a kind never seen hides there.
//!
//! Were the splits drawn from a wider range, one on a column with an unseen value would part the row from all normal
//! records at once. With a share `q` of such columns, a path of `h` splits is then expected to end after `(1 − (1 −
//! q)^h) / q`. That is what [`BoundSeen::shorten`] makes of a score; a row without unseen values keeps the forest's own
//! to the bit.

use crate::forest::{IsolationForest, average_path_length};
use crate::schema::{Kind, Schema};
use crate::table::{Cell, Column, Table, Value};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// What was seen in some rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    columns: Vec<SeenColumn>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SeenColumn {
    /// The canonical name.
    name: String,
    kind: Kind,
    /// Of the amounts, the least and the greatest.
    low: f64,
    high: f64,
    tokens: FxHashSet<u64>,
    texts: FxHashSet<Box<str>>,
    missing: bool,
}

/// What a cell is compared by.
enum Reading {
    Missing,
    Amount(f64),
    /// A port, or a number that is a category.
    Token(u64),
    Text(u32),
    /// Text that was not kept: nothing can be said of it.
    Unknown,
}

fn read(kind: Kind, cell: Cell) -> Reading {
    match (kind, cell.value()) {
        (Kind::Number, Value::Number(x)) => Reading::Amount(x),
        // The encoder takes other numbers for missing, too.
        (Kind::Port, _) => cell.as_port().map_or(Reading::Missing, |port| Reading::Token(port_class(port))),
        (Kind::Number, _) | (_, Value::Missing) => Reading::Missing,
        // −0 is 0.
        (_, Value::Number(x)) => Reading::Token((x + 0.0).to_bits()),
        (_, Value::Text(code)) => Reading::Text(code),
        (_, Value::UnkeptText) => Reading::Unknown,
    }
}

/// A well-known port by itself, any other by its range (RFC 6335, section 6): most of those are drawn at random.
fn port_class(port: u16) -> u64 {
    match port {
        0..=1023 => port.into(),
        1024..=49151 => 1024,
        _ => 49152,
    }
}

impl Seen {
    /// In these rows of the schema's feature columns, those that are constant there included.
    #[must_use]
    pub fn of(table: &Table, schema: &Schema, rows: &[u32]) -> Self {
        let mut names = FxHashSet::default();
        let features = schema.feature_columns().filter(|&at| names.insert(schema.columns[at].canonical.as_str()));
        let columns = features.map(|at| {
            let (spec, column) = (&schema.columns[at], &table.columns[at]);
            let mut seen = SeenColumn {
                name: spec.canonical.clone(),
                kind: spec.kind,
                low: f64::INFINITY,
                high: f64::NEG_INFINITY,
                tokens: FxHashSet::default(),
                texts: FxHashSet::default(),
                missing: false,
            };
            let mut codes = FxHashSet::default();
            for &row in rows {
                match read(spec.kind, column.cells.at(row as usize)) {
                    Reading::Missing => seen.missing = true,
                    Reading::Amount(x) => (seen.low, seen.high) = (seen.low.min(x), seen.high.max(x)),
                    Reading::Token(token) => drop(seen.tokens.insert(token)),
                    Reading::Text(code) => drop(codes.insert(code)),
                    Reading::Unknown => {}
                }
            }
            seen.texts = codes.into_iter().map(|code| column.dictionary.text(code).into()).collect();
            seen
        });
        Self { columns: columns.collect() }
    }

    /// The canonical names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Finds the columns in a table; those that it lacks have no unseen values.
    #[must_use]
    pub fn bind<'a>(&'a self, table: &'a Table, schema: &Schema) -> BoundSeen<'a> {
        let columns = self.columns.iter().filter_map(|seen| {
            let column = table.columns.get(schema.find(&seen.name)?)?;
            let texts = column.dictionary.iter().map(|text| seen.texts.contains(text)).collect();
            Some((seen, column, texts))
        });
        BoundSeen { columns: columns.collect() }
    }
}

/// What was seen in a column, a column to compare, and the answer for each text of its dictionary.
type Bound<'a> = (&'a SeenColumn, &'a Column, Vec<bool>);

/// What was seen, with the columns of a table to compare.
pub struct BoundSeen<'a> {
    columns: Vec<Bound<'a>>,
}

fn is_unseen((seen, _, texts): &Bound<'_>, cell: Cell) -> bool {
    match read(seen.kind, cell) {
        Reading::Missing => !seen.missing,
        Reading::Amount(x) => !(seen.low..=seen.high).contains(&x),
        Reading::Token(token) => !seen.tokens.contains(&token),
        Reading::Text(code) => !texts[code as usize],
        Reading::Unknown => false,
    }
}

impl BoundSeen<'_> {
    /// The canonical names of the columns in which a row has an unseen value.
    pub fn unseen(&self, row: u32) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().filter(move |bound| is_unseen(bound, bound.1.cells.at(row as usize)));
        columns.map(|(seen, ..)| seen.name.as_str())
    }

    /// The path length that is left of one, where a row has so many unseen values.
    #[must_use]
    pub fn shortened(&self, path: f64, unseen: usize) -> f64 {
        let share = unseen as f64 / self.columns.len() as f64;
        if unseen == 0 { path } else { (1.0 - libm::pow(1.0 - share, path)) / share }
    }

    /// Raises the forest's scores of those of these rows that have unseen values.
    pub fn shorten(&self, rows: &[u32], forest: &IsolationForest, scores: &mut [f32]) {
        let average = average_path_length(forest.max_samples());
        // Column by column, as the cells lie in memory.
        let mut counts = vec![0_usize; rows.len()];
        for bound in &self.columns {
            bound.1.cells.for_each(rows, |at, cell| counts[at] += usize::from(is_unseen(bound, cell)));
        }
        for (unseen, score) in counts.into_iter().zip(scores) {
            if unseen > 0 {
                let path = -libm::log2(f64::from(*score)) * average;
                *score = libm::exp2(-self.shortened(path, unseen) / average) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::IsolationForestParams;
    use crate::ingest::Reader;
    use crate::schema::detect;
    use ndarray::Array2;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_is_no_port_is_missing() {
        for x in [-1.0, 70_000.0, 80.5, f64::INFINITY] {
            assert!(matches!(read(Kind::Port, Cell::number(x)), Reading::Missing), "{x}");
        }
        assert!(matches!(read(Kind::Port, Cell::number(0.0)), Reading::Token(0)));
    }

    #[test]
    fn unseen_values_raise_a_score_and_seen_ones_do_not() {
        let mut text = String::from("bytes,proto,dst_port\n");
        for i in 0..200 {
            text += &format!("{},{},{}\n", 100 + i * 7 % 90, ["tcp", "udp"][i % 2], [53, 8080][i % 2]);
        }
        // The rows from the 200th on are not among those that are seen.
        text += "150,tcp,9000\n189,udp,53\n190,tcp,53\n99,tcp,53\n150,icmp,53\n150,tcp,22\n150,tcp,60000\n";
        text += "150,,53\n5000,icmp,22\n";
        let mut reader = Reader::new();
        reader.push(text.as_bytes()).unwrap();
        let table = reader.finish().unwrap().table;
        let schema = detect(&table, None);
        assert_eq!(schema.feature_columns().count(), 3);
        let forest = IsolationForestParams::default().fit(Array2::from_shape_fn((256, 1), |(i, _)| i as f32).view());
        let forest = forest.unwrap();
        let seen = Seen::of(&table, &schema, &(0..200).collect::<Vec<u32>>());
        let bound = seen.bind(&table, &schema);
        // With c(256) for a path, which is a score of 0.5, one unseen value of three ends it after
        // (1 − (2/3)^10.24) / (1/3) = 2.95 splits, and three end it after the first.
        let check = |row: u32, expected: f32| {
            let mut score = [0.5];
            bound.shorten(&[row], &forest, &mut score);
            assert!((score[0] - expected).abs() < 1e-3, "row {row}: {}", score[0]);
        };
        (0..202).for_each(|row| check(row, 0.5));
        (202..208).for_each(|row| check(row, 0.819));
        check(208, 0.934);
    }
}
