//! Whether a file is of the kind that a pack was trained on: detectors trained on one network do badly on another's records,
//! and nothing in their scores says so.
//!
//! A [`Domain`] keeps, for each class of training rows, how the values of each column fall into bins. A file's own bins are
//! compared with the mixture of the classes that comes closest to it, since another share of attacks is no other network.
//! The measure is the population stability index by column, `PSI = Σ (a − e) ln(a / e)` over the bins, with `a` the shares in
//! the file and `e` those of the mixture (Siddiqi, Credit Risk Scorecards, 2006: above 0.25 is a major shift); the mean over
//! the columns, each counted up to [`MAX_PSI`], is the file's drift.

use crate::encode::{Encoder, Encoding, Scale};
use crate::error::{Error, Result};
use crate::explain::label_of;
use crate::rng::Rng;
use crate::schema::Schema;
use crate::table::{Column, Table, Value};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// What training rows look like, and how far a file may be from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    pub columns: Vec<DomainColumn>,
    /// A file that drifts further is not of the pack's kind. Derived while training; see `train`.
    pub limit: f64,
}

/// One column's bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainColumn {
    /// The canonical name.
    pub name: String,
    pub bins: Bins,
    /// Training rows by class and bin; the last three bins are those of [`Special`].
    pub counts: Vec<Vec<u32>>,
}

/// How values fall into bins, besides the special ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Bins {
    /// A value is in the bin of the last edge that it is not below; beyond `high` or below the first edge it is foreign.
    Edges { edges: Vec<f32>, high: f32 },
    /// Values as text, one bin for each, and those of no bin that were seen are in the special bin for others.
    Values { values: Vec<String>, others: Vec<String> },
    /// The same for ports.
    Ports { ports: Vec<u16> },
}

/// The bins after the ordinary ones.
enum Special {
    Missing,
    Other,
    /// Out of the range that was seen, or never seen.
    Foreign,
}

const N_SPECIAL: usize = 3;
const MAX_BINS: usize = 10;
const MAX_CLASSES: usize = 64;
/// Shares below this count as this, or one value that was never seen would be infinitely far.
const LEAST_SHARE: f64 = 1e-4;
/// What one column counts at most: a column in other units is as foreign as it can be.
pub const MAX_PSI: f64 = 2.0;
/// Rows of a file that are looked at, at most.
const SAMPLE: u32 = 20_000;
/// Steps that find the mixture; it has settled long before.
const EM_STEPS: usize = 40;

/// How well a file fits a pack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// The name of the pack.
    pub pack: String,
    pub accepted: bool,
    /// Mean PSI of the columns, each counted up to [`MAX_PSI`].
    pub drift: f64,
    pub limit: f64,
    /// Rows that were looked at.
    pub rows: u64,
    /// The columns that drift most come first.
    pub columns: Vec<ColumnFit>,
}

/// How well one column of a file fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnFit {
    /// The canonical name.
    pub name: String,
    /// What people call the column.
    pub label: String,
    pub psi: f64,
    /// The share of values outside the range seen in training, or never seen there.
    pub foreign: f64,
    pub missing: f64,
}

impl Domain {
    /// Counts these rows, whose classes are given, by the columns of an encoder that was fitted to them. The limit is still to
    /// be set.
    ///
    /// # Errors
    /// If the table lacks the encoder's columns.
    pub fn fit(
        encoder: &Encoder,
        table: &Table,
        schema: &Schema,
        rows: &[u32],
        class: impl Fn(u32) -> u32,
    ) -> Result<Self> {
        let mut places: FxHashMap<u32, usize> = FxHashMap::default();
        let mut frequent: FxHashMap<u32, u64> = FxHashMap::default();
        rows.iter().for_each(|&row| *frequent.entry(class(row)).or_default() += 1);
        let mut order: Vec<(u32, u64)> = frequent.into_iter().collect();
        order.sort_unstable_by_key(|&(class, count)| (std::cmp::Reverse(count), class));
        // Rare classes share the last place.
        order.iter().enumerate().for_each(|(at, &(class, _))| {
            places.insert(class, at.min(MAX_CLASSES - 1));
        });
        let n_classes = order.len().min(MAX_CLASSES);
        let mut columns = Vec::with_capacity(encoder.columns.len());
        for encoding in &encoder.columns {
            let at = find(schema, &encoding.name)?;
            let bins = Bins::of(&encoding.encoding, &table.columns[at], rows);
            let mut counts = vec![vec![0_u32; bins.len()]; n_classes];
            let bound = bins.bind(&table.columns[at]);
            for &row in rows {
                counts[places[&class(row)]][bound.bin(row)] += 1;
            }
            columns.push(DomainColumn { name: encoding.name.clone(), bins, counts });
        }
        Ok(Self { columns, limit: f64::MAX })
    }

    /// How far these rows are from the training rows.
    ///
    /// # Errors
    /// If the table lacks the columns.
    pub fn report(&self, pack: &str, table: &Table, schema: &Schema, rows: &[u32]) -> Result<FitReport> {
        let sample: Vec<u32> =
            Rng::new(0).sample(rows.len() as u32, SAMPLE).into_iter().map(|at| rows[at as usize]).collect();
        let mut file = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let bound_column = &table.columns[find(schema, &column.name)?];
            let bound = column.bins.bind(bound_column);
            let mut counts = vec![0_u32; column.bins.len()];
            sample.iter().for_each(|&row| counts[bound.bin(row)] += 1);
            file.push(shares(&counts));
        }
        let classes: Vec<Vec<Vec<f64>>> =
            self.columns.iter().map(|column| column.counts.iter().map(|counts| shares(counts)).collect()).collect();
        let mixture = mixture(&classes, &file);
        let n = sample.len().max(1) as f64;
        let mut columns: Vec<ColumnFit> = self
            .columns
            .iter()
            .zip(&file)
            .zip(&classes)
            .map(|((column, file), classes)| {
                let expected = mix(classes, &mixture);
                let special = |which: Special| file[column.bins.ordinary() + which as usize];
                // A few rows differ from any share by chance: the expected PSI of n rows in k bins is (k − 1) / n.
                let by_chance = (expected.iter().filter(|&&e| e > 0.0).count().saturating_sub(1)) as f64 / n;
                ColumnFit {
                    name: column.name.clone(),
                    label: label_of(schema, &column.name),
                    psi: (psi(file, &expected) - by_chance).clamp(0.0, f64::MAX),
                    foreign: special(Special::Foreign),
                    missing: special(Special::Missing),
                }
            })
            .collect();
        let drift = columns.iter().map(|column| column.psi.min(MAX_PSI)).sum::<f64>() / columns.len().max(1) as f64;
        columns.sort_by(|a, b| b.psi.total_cmp(&a.psi));
        Ok(FitReport {
            pack: pack.to_owned(),
            accepted: drift <= self.limit,
            drift,
            limit: self.limit,
            rows: sample.len() as u64,
            columns,
        })
    }

    /// For a stored one, which is not trusted.
    ///
    /// # Errors
    /// If its parts do not fit together.
    pub fn check(&self) -> Result<()> {
        let n_classes = self.columns.first().map_or(0, |column| column.counts.len());
        let sound = (1..=MAX_CLASSES).contains(&n_classes)
            && self.limit > 0.0
            && self.columns.iter().all(|column| {
                column.counts.len() == n_classes
                    && column.bins.is_sound()
                    && column.counts.iter().all(|counts| counts.len() == column.bins.len())
            });
        if sound { Ok(()) } else { Err(Error::new("The pack's record of its training rows makes no sense")) }
    }
}

fn find(schema: &Schema, name: &str) -> Result<usize> {
    schema.find(name).ok_or_else(|| Error::new(format!("The file lacks the column \"{name}\" that the model reads")))
}

fn shares(counts: &[u32]) -> Vec<f64> {
    let sum = counts.iter().map(|&count| u64::from(count)).sum::<u64>().max(1) as f64;
    counts.iter().map(|&count| f64::from(count) / sum).collect()
}

fn mix(classes: &[Vec<f64>], mixture: &[f64]) -> Vec<f64> {
    let bins = classes.first().map_or(0, Vec::len);
    (0..bins).map(|bin| classes.iter().zip(mixture).map(|(class, share)| class[bin] * share).sum()).collect()
}

/// The shares of the classes that make the file most likely, its columns taken as independent: expectation maximisation.
fn mixture(columns: &[Vec<Vec<f64>>], file: &[Vec<f64>]) -> Vec<f64> {
    let n = columns.first().map_or(0, Vec::len);
    let mut mixture = vec![1.0 / n.max(1) as f64; n];
    for _ in 0..EM_STEPS {
        let mut next = vec![0.0; n];
        for (classes, file) in columns.iter().zip(file) {
            for (bin, &share) in file.iter().enumerate().filter(|&(_, &share)| share > 0.0) {
                let part = |class: usize| mixture[class] * classes[class][bin].max(LEAST_SHARE);
                let sum: f64 = (0..n).map(part).sum();
                next.iter_mut().enumerate().for_each(|(class, next)| *next += share * part(class) / sum);
            }
        }
        let sum: f64 = next.iter().sum();
        mixture = next.into_iter().map(|share| share / sum.max(f64::MIN_POSITIVE)).collect();
    }
    mixture
}

/// The population stability index of two lists of shares, bin by bin.
pub(crate) fn psi(actual: &[f64], expected: &[f64]) -> f64 {
    let term = |(&a, &e): (&f64, &f64)| {
        let (a, e) = (a.max(LEAST_SHARE), e.max(LEAST_SHARE));
        (a - e) * libm::log(a / e)
    };
    actual.iter().zip(expected).map(term).sum()
}

impl Bins {
    fn of(encoding: &Encoding, column: &Column, rows: &[u32]) -> Self {
        match encoding {
            Encoding::Number { scale, low, high, .. } => Self::Edges { edges: edges(scale, *low, *high), high: *high },
            Encoding::Category { values, .. } => {
                let (first, others) = values.split_at(values.len().min(MAX_BINS));
                Self::Values { values: first.to_vec(), others: others.to_vec() }
            }
            Encoding::Port { .. } => {
                let mut counts: FxHashMap<u16, u64> = FxHashMap::default();
                rows.iter()
                    .filter_map(|&row| column.cells.at(row as usize).as_port())
                    .for_each(|port| *counts.entry(port).or_default() += 1);
                let mut order: Vec<(u16, u64)> = counts.into_iter().collect();
                order.sort_unstable_by_key(|&(port, count)| (std::cmp::Reverse(count), port));
                Self::Ports { ports: order.into_iter().take(MAX_BINS).map(|(port, _)| port).collect() }
            }
        }
    }

    /// Bins that are not special.
    fn ordinary(&self) -> usize {
        match self {
            Self::Edges { edges, .. } => edges.len(),
            Self::Values { values, .. } => values.len(),
            Self::Ports { ports } => ports.len(),
        }
    }

    fn len(&self) -> usize {
        self.ordinary() + N_SPECIAL
    }

    fn is_sound(&self) -> bool {
        self.ordinary() <= MAX_BINS
            && match self {
                Self::Edges { edges, high } => {
                    high.is_finite()
                        && edges.iter().all(|edge| edge.is_finite())
                        && edges.windows(2).all(|pair| pair[0] < pair[1])
                }
                Self::Values { .. } | Self::Ports { .. } => true,
            }
    }

    fn bind<'a>(&'a self, column: &'a Column) -> BoundBins<'a> {
        let special = |which: Special| self.ordinary() + which as usize;
        let mut texts = Vec::new();
        let mut numbers: FxHashMap<u64, usize> = FxHashMap::default();
        if let Self::Values { values, others } = self {
            texts = vec![special(Special::Foreign); column.dictionary.len()];
            let known = values.iter().enumerate().map(|(bin, value)| (value, bin));
            for (value, bin) in known.chain(others.iter().map(|value| (value, special(Special::Other)))) {
                if let Some(code) = column.dictionary.find(value) {
                    texts[code as usize] = bin;
                }
                if let Ok(number) = value.parse::<f64>() {
                    numbers.insert(number.to_bits(), bin);
                }
            }
        }
        BoundBins { bins: self, column, texts, numbers }
    }
}

/// At most [`MAX_BINS`] edges, at even positions of the scale.
fn edges(scale: &Scale, low: f32, high: f32) -> Vec<f32> {
    let mut edges = match scale {
        Scale::Quantile { values, positions } => {
            let at = |k: usize| {
                let position = -1.0 + 2.0 * k as f32 / MAX_BINS as f32;
                values[positions.partition_point(|&p| p < position).min(values.len() - 1)]
            };
            (0..MAX_BINS).map(at).collect()
        }
        Scale::Identity | Scale::SignedLog { .. } => {
            (0..MAX_BINS).map(|k| low + (high - low) * k as f32 / MAX_BINS as f32).collect::<Vec<f32>>()
        }
    };
    edges.dedup();
    edges
}

/// Bins that know a table's column.
struct BoundBins<'a> {
    bins: &'a Bins,
    column: &'a Column,
    /// By code of the column's dictionary.
    texts: Vec<usize>,
    numbers: FxHashMap<u64, usize>,
}

impl BoundBins<'_> {
    fn bin(&self, row: u32) -> usize {
        let special = |which: Special| self.bins.ordinary() + which as usize;
        let cell = self.column.cells.at(row as usize);
        match (self.bins, cell.value()) {
            (_, Value::Missing) => special(Special::Missing),
            (Bins::Edges { edges, high }, Value::Number(x)) => {
                let x = x as f32;
                match edges.partition_point(|&edge| edge <= x) {
                    0 => special(Special::Foreign),
                    _ if x > *high => special(Special::Foreign),
                    above => above - 1,
                }
            }
            // Text among numbers counts as missing, as it does for the encoder.
            (Bins::Edges { .. }, _) => special(Special::Missing),
            (Bins::Values { .. }, Value::Number(x)) => {
                self.numbers.get(&x.to_bits()).copied().unwrap_or_else(|| special(Special::Foreign))
            }
            (Bins::Values { .. }, Value::Text(code)) => self.texts[code as usize],
            (Bins::Values { .. }, Value::UnkeptText) => special(Special::Foreign),
            (Bins::Ports { ports }, _) => match cell.as_port() {
                Some(port) => ports.iter().position(|&p| p == port).unwrap_or_else(|| special(Special::Other)),
                None => special(Special::Missing),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::EncoderParams;
    use crate::generate::Generator;
    use crate::ingest::Reader;
    use crate::schema::{detect, labels};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The built-in sample, perhaps with some fields changed.
    fn sample(seed: u64, change: impl Fn(&str) -> String) -> (Table, Schema) {
        let mut csv = Vec::new();
        let mut generator = Generator::new(4000, seed);
        while generator.write(1000, &mut csv) {}
        let text = String::from_utf8(csv).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let mut reader = Reader::new();
        reader.push(format!("{header}\n").as_bytes()).unwrap();
        rows.lines().for_each(|line| reader.push(format!("{}\n", change(line)).as_bytes()).unwrap());
        let ingested = reader.finish().unwrap();
        let schema = detect(&ingested.table, ingested.detected);
        (ingested.table, schema)
    }

    fn domain() -> Domain {
        let (table, schema) = sample(1, str::to_owned);
        let rows = table.good_rows();
        let classes = labels(&table, &schema).unwrap();
        let encoder = EncoderParams::for_pack().fit(&table, &schema, &rows).unwrap();
        let class = |row: u32| u32::from(classes[row as usize]);
        let domain = Domain::fit(&encoder, &table, &schema, &rows, class).unwrap();
        domain.check().unwrap();
        domain
    }

    #[test]
    fn another_day_fits_and_another_network_does_not() {
        let domain = domain();
        let drift = |(table, schema): &(Table, Schema), rows: &[u32]| domain.report("p", table, schema, rows).unwrap();
        let other_day = sample(2, str::to_owned);
        let rows = other_day.0.good_rows();
        let fit = drift(&other_day, &rows);
        assert!(fit.drift < 0.1, "{fit:?}");
        // Another share of attacks is no other network.
        let labels = labels(&other_day.0, &other_day.1).unwrap();
        let attacks: Vec<u32> = rows.iter().copied().filter(|&row| labels[row as usize] == 1).collect();
        let fit = drift(&other_day, &attacks);
        assert!(fit.drift < 0.5, "{fit:?}");
        // Every amount a hundred times as large, as in another unit.
        let foreign = sample(2, |line| {
            let fields = line.split(',').map(|field| match field.parse::<f64>() {
                Ok(number) if number > 0.0 => (number * 100.0).to_string(),
                _ => field.to_owned(),
            });
            fields.collect::<Vec<_>>().join(",")
        });
        let fit = drift(&foreign, &rows);
        assert!(fit.drift > 0.8, "{fit:?}");
        assert!(fit.columns.windows(2).all(|pair| pair[0].psi >= pair[1].psi));
        assert!(fit.columns.iter().any(|column| column.foreign > 0.0), "{fit:?}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let check = |change: fn(&mut Domain)| {
            let mut domain = domain();
            change(&mut domain);
            assert!(domain.check().is_err());
        };
        check(|domain| domain.limit = -1.0);
        check(|domain| domain.columns.clear());
        check(|domain| drop(domain.columns[0].counts.pop()));
        check(|domain| domain.columns[1].counts[0].truncate(1));
        check(|domain| {
            if let Some(Bins::Edges { edges, .. }) =
                domain.columns.iter_mut().map(|column| &mut column.bins).find(|bins| matches!(bins, Bins::Edges { .. }))
            {
                edges.reverse();
            }
        });
    }
}
