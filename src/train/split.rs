//! Which rows are used for what: duplicates removed first, then rows held out, class by class, before anything is fitted.

use crate::error::{Error, Result};
use crate::flow::SOURCE;
use crate::rng::Rng;
use crate::schema::{Schema, labels};
use crate::table::{Table, Value};
use rustc_hash::{FxHashMap, FxHasher};
use std::collections::BTreeMap;
use std::hash::Hasher;

/// A labelled table, and its rows that may be used.
pub struct Data<'a> {
    pub table: &'a Table,
    pub schema: &'a Schema,
    /// Readable, labelled rows without copies of earlier ones, in file order.
    pub rows: Vec<u32>,
    /// The same with their copies.
    pub with_copies: Vec<u32>,
    /// 1 for an anomaly, for every row of the table.
    pub labels: Vec<u8>,
    /// The class of every row of the table, an index into `class_names`: its attack's name where there are names, else its
    /// label's value.
    pub classes: Vec<u32>,
    pub class_names: Vec<String>,
    /// The source of every row of the table: 0, unless they have been told apart.
    pub sources: Vec<u32>,
    /// Empty, unless they have been told apart.
    pub source_names: Vec<String>,
    pub facts: Facts,
}

/// What was found while preparing the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub labelled: u64,
    pub duplicates: u64,
    /// Of the duplicates, those whose label is not that of the row they copy.
    pub contradictory: u64,
    pub missing_cells: u64,
    pub infinite_cells: u64,
}

impl<'a> Data<'a> {
    /// With `normal_only`, a table without labels counts as normal throughout.
    ///
    /// # Errors
    /// If there is no label; without normal rows; or, unless `normal_only`, without anomalies.
    pub fn new(table: &'a Table, schema: &'a Schema, normal_only: bool) -> Result<Self> {
        let labels = match labels(table, schema) {
            Some(labels) => labels,
            None if normal_only => vec![0; table.n_rows()],
            None => {
                return Err(Error::new("No column tells which rows are normal")
                    .advice("Give a column the role of the label, or train with --normal-only on normal traffic"));
            }
        };
        let mut facts = Facts::default();
        let features: Vec<usize> = schema.feature_columns().collect();
        let cells = |row: u32| features.iter().map(move |&column| table.columns[column].cells.at(row as usize));
        let mut seen: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        let (mut rows, mut with_copies) = (Vec::new(), Vec::new());
        for row in table.good_rows() {
            let label = labels[row as usize];
            if label > 1 {
                continue;
            }
            facts.labelled += 1;
            with_copies.push(row);
            let mut hasher = FxHasher::default();
            for cell in cells(row) {
                hasher.write_u64(key(cell.value()));
            }
            let twins = seen.entry(hasher.finish()).or_default();
            if let Some(&twin) = twins.iter().find(|&&twin| cells(twin).eq(cells(row))) {
                facts.duplicates += 1;
                facts.contradictory += u64::from(labels[twin as usize] != label);
                continue;
            }
            twins.push(row);
            rows.push(row);
            for cell in cells(row) {
                match cell.value() {
                    Value::Missing => facts.missing_cells += 1,
                    Value::Number(x) if x.is_infinite() => facts.infinite_cells += 1,
                    _ => {}
                }
            }
        }
        let has = |label| rows.iter().any(|&row| labels[row as usize] == label);
        if !has(0) || !normal_only && !has(1) {
            let only = if has(0) { "normal rows" } else { "anomalies" };
            return Err(Error::new(format!("The table has only {only}"))
                .advice("Train with rows of both kinds, or with --normal-only on normal traffic"));
        }
        let (classes, class_names) = classes(table, schema, &labels);
        let sources = vec![0; table.n_rows()];
        Ok(Self {
            table,
            schema,
            rows,
            with_copies,
            labels,
            classes,
            class_names,
            sources,
            source_names: Vec::new(),
            facts,
        })
    }

    /// Tells the sources apart, by the column that `flow::concat` makes.
    ///
    /// # Errors
    /// If the table does not have it.
    pub fn tell_sources(&mut self) -> Result<()> {
        let column = self.schema.find(SOURCE).map(|at| &self.table.columns[at]);
        let column = column.ok_or_else(|| Error::new("The table does not say where its rows come from"))?;
        self.sources = column.cells.iter().map(|cell| cell.as_text().unwrap_or(u32::MAX)).collect();
        self.source_names = column.dictionary.iter().map(str::to_owned).collect();
        Ok(())
    }

    /// Keeps at most `most` rows of each label from each source, drawn at random: one flood would else outweigh the rest.
    pub fn limit_sources(&mut self, most: u32, rng: &mut Rng) {
        let mut parts: BTreeMap<(u32, u8), Vec<u32>> = BTreeMap::new();
        for &row in &self.rows {
            parts.entry((self.sources[row as usize], self.labels[row as usize])).or_default().push(row);
        }
        let some = |rows: Vec<u32>| -> Vec<u32> {
            rng.sample(rows.len() as u32, most).into_iter().map(|at| rows[at as usize]).collect()
        };
        self.rows = parts.into_values().flat_map(some).collect();
        self.rows.sort_unstable();
    }

    #[must_use]
    pub fn is_attack(&self, row: u32) -> bool {
        self.labels[row as usize] == 1
    }

    #[must_use]
    pub fn class(&self, row: u32) -> u32 {
        self.classes[row as usize]
    }

    /// How many of these rows each class has.
    #[must_use]
    pub fn counts(&self, rows: &[u32]) -> Vec<u64> {
        let mut counts = vec![0; self.class_names.len()];
        rows.iter().for_each(|&row| counts[self.class(row) as usize] += 1);
        counts
    }
}

fn key(value: Value) -> u64 {
    match value {
        Value::Number(x) => x.to_bits(),
        Value::Missing => 1,
        Value::Text(code) => 2 | u64::from(code) << 8,
        Value::UnkeptText => 3,
    }
}

/// By the attack's name; normal rows are one class. Without names, by the label.
fn classes(table: &Table, schema: &Schema, labels: &[u8]) -> (Vec<u32>, Vec<String>) {
    let mut names = vec!["normal".to_owned(), "anomaly".to_owned()];
    let mut codes: FxHashMap<String, u32> = FxHashMap::default();
    let column = schema.attack_column().or_else(|| schema.label_column()).map(|column| &table.columns[column]);
    let class = |(row, &label): (usize, &u8)| {
        if label == 0 {
            return 0;
        }
        let Some(name) = column.and_then(|column| column.text(row)) else { return 1 };
        *codes.entry(name.trim().to_owned()).or_insert_with_key(|name| {
            names.push(name.clone());
            names.len() as u32 - 1
        })
    };
    let classes = labels.iter().enumerate().map(class).collect();
    (classes, names)
}

/// Splits rows so that each class gives `share` of its rows, rounded at random, to the second part. Both parts are in the
/// order of `rows`.
#[must_use]
pub fn stratified(rows: &[u32], class: impl Fn(u32) -> u32, share: f64, rng: &mut Rng) -> (Vec<u32>, Vec<u32>) {
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, &row) in rows.iter().enumerate() {
        by_class.entry(class(row)).or_default().push(at);
    }
    let mut is_second = vec![false; rows.len()];
    for places in by_class.values_mut() {
        rng.shuffle(places);
        let n = (share * places.len() as f64 + rng.uniform()) as usize;
        places.iter().take(n).for_each(|&at| is_second[at] = true);
    }
    let part =
        |second: bool| rows.iter().zip(&is_second).filter(|&(_, &is)| is == second).map(|(&row, _)| row).collect();
    (part(false), part(true))
}

/// Deals rows into `n` folds, class by class, so that each fold has its share of every class. Each fold is in the order of
/// `rows`.
#[must_use]
pub fn k_folds(rows: &[u32], class: impl Fn(u32) -> u32, n: usize, rng: &mut Rng) -> Vec<Vec<u32>> {
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, &row) in rows.iter().enumerate() {
        by_class.entry(class(row)).or_default().push(at);
    }
    let mut fold_of = vec![0; rows.len()];
    // Dealing goes on where the class before has ended, or the rare classes would all be in the first folds.
    let mut next = 0;
    for places in by_class.values_mut() {
        rng.shuffle(places);
        for &at in places.iter() {
            fold_of[at] = next;
            next = (next + 1) % n;
        }
    }
    let part = |fold| rows.iter().zip(&fold_of).filter(|&(_, &of)| of == fold).map(|(&row, _)| row).collect();
    (0..n).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_its_share() {
        let rows: Vec<u32> = (0..1000).collect();
        let (first, second) = stratified(&rows, |row| row % 4, 0.1, &mut Rng::new(1));
        assert_eq!((first.len(), second.len()), (900, 100));
        for class in 0..4 {
            assert_eq!(second.iter().filter(|&&row| row % 4 == class).count(), 25);
        }
        assert!(second.iter().all(|row| !first.contains(row)));
    }

    #[test]
    fn every_fold_has_its_share_of_every_class() {
        let rows: Vec<u32> = (0..103).collect();
        let folds = k_folds(&rows, |row| u32::from(row >= 100), 5, &mut Rng::new(1));
        let mut all: Vec<u32> = folds.concat();
        all.sort_unstable();
        assert_eq!(all, rows);
        assert!(folds.iter().all(|fold| (20..=21).contains(&fold.len())));
        assert!(folds.iter().all(|fold| fold.iter().filter(|&&row| row >= 100).count() <= 1));
    }
}
