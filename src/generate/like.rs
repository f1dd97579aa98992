//! Made-up records like those that a model pack was trained on: a class by its share, then each column by itself, as the
//! pack's record of its training rows has it for the class.
//!
//! So the file has the pack's columns and passes for its traffic, which a speed measurement needs and no shipped file gives.
//! Columns hang together by their class alone, and rare values are spread more evenly than real ones: what a detector finds
//! in such a file says nothing about how good it is. Packs of flow records are refused, as they have no file of their own.
//!
//! The same pack, seed and rows give the same bytes natively and in wasm. Memory does not grow with the file.

use crate::bundle::Manifest;
use crate::domain::{Bins, DomainColumn};
use crate::encode::{ColumnEncoding, Encoding, Scale};
use crate::error::{Error, Result};
use crate::flow::Record;
use crate::rng::Rng;
use std::io::Write;

/// Writes the records bit by bit.
pub struct Likeness {
    rng: Rng,
    rows: u32,
    next: u32,
    columns: Vec<Column>,
    /// Names, with how many of [`Self::n_trained`] rows are of this class or one before it.
    classes: Vec<(String, u32)>,
    n_trained: u32,
}

struct Column {
    name: String,
    /// What each bin can hold.
    bins: Vec<Choices>,
    /// For each class, how many of its rows are in this bin or one before it.
    until: Vec<Vec<u32>>,
}

/// What a cell may be, all as likely.
enum Choices {
    Texts(Vec<String>),
    /// Numbers as whole steps of `10^-decimals`: from the first of a pair, and below the second if that is greater.
    Spans {
        spans: Vec<(f64, f64)>,
        decimals: u32,
    },
}

/// More digits than this no training file had a use for.
const MAX_DECIMALS: u32 = 6;

impl Likeness {
    /// # Errors
    /// If the pack reads flow records, or its parts do not fit together.
    pub fn new(manifest: &Manifest, rows: u32, seed: u64) -> Result<Self> {
        if manifest.record == Record::Flow {
            return Err(Error::new(format!(
                "The pack {} reads flow records, which no file has as such",
                manifest.name
            ))
            .advice("Name a pack that reads columns"));
        }
        let columns = &manifest.domain.columns;
        let encodings = &manifest.encoder.columns;
        let mut names: Vec<(&String, &u64)> = manifest.training.classes.iter().collect();
        // The order in which the domain counts them.
        names.sort_by_key(|&(name, count)| (std::cmp::Reverse(*count), name));
        let counts: Vec<u32> = columns.first().map_or(Vec::new(), |column| {
            column.counts.iter().map(|bins| bins.iter().fold(0, |sum: u32, &count| sum.saturating_add(count))).collect()
        });
        let until = running_sum(&counts);
        let n_trained = until.last().copied().unwrap_or(0);
        if n_trained == 0 || names.len() < counts.len() || columns.len() != encodings.len() {
            return Err(Error::new(format!("The pack {} does not say what its rows look like", manifest.name)));
        }
        Ok(Self {
            rng: Rng::new(seed),
            rows,
            next: 0,
            columns: columns.iter().zip(encodings).map(|(column, encoding)| Column::new(column, encoding)).collect(),
            classes: names.into_iter().map(|(name, _)| name.clone()).zip(until).collect(),
            n_trained,
        })
    }

    /// Appends up to `rows` more records, the first time after the header. Returns whether there are more.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn write(&mut self, rows: u32, out: &mut Vec<u8>) -> bool {
        if self.next == 0 {
            for column in &self.columns {
                out.extend_from_slice(column.name.as_bytes());
                out.push(b',');
            }
            out.extend_from_slice(b"label\n");
        }
        let end = self.next.saturating_add(rows).min(self.rows);
        for _ in self.next..end {
            let draw = self.rng.below(self.n_trained);
            let class = self.classes.partition_point(|&(_, until)| until <= draw);
            for column in &self.columns {
                column.write_cell(class, &mut self.rng, out).expect("a cell can be written to memory");
                out.push(b',');
            }
            out.extend_from_slice(self.classes[class].0.as_bytes());
            out.push(b'\n');
        }
        self.next = end;
        end < self.rows
    }
}

impl Column {
    fn new(column: &DomainColumn, encoding: &ColumnEncoding) -> Self {
        let texts = |values: &[String]| Choices::Texts(values.to_vec());
        let each = |values: &[String]| values.iter().map(|value| texts(std::slice::from_ref(value))).collect();
        let (mut bins, others): (Vec<Choices>, Choices) = match &column.bins {
            Bins::Values { values, others } => (each(values), texts(others)),
            Bins::Ports { ports } => {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                (each(&ports), Choices::Spans { spans: vec![(0.0, 65_536.0)], decimals: 0 })
            }
            Bins::Edges { edges, high } => (numbers(edges, *high, &encoding.encoding), texts(&[])),
        };
        // The bins after the ordinary ones: missing values and those of no bin. What was never seen stays unseen.
        bins.extend([texts(&[String::new()]), others, texts(&[])]);
        let possible = |counts: &Vec<u32>| {
            let counts = counts.iter().zip(&bins).map(|(&count, bin)| if bin.is_empty() { 0 } else { count });
            running_sum(&counts.collect::<Vec<u32>>())
        };
        Self { name: column.name.clone(), until: column.counts.iter().map(possible).collect(), bins }
    }

    fn write_cell(&self, class: usize, rng: &mut Rng, out: &mut Vec<u8>) -> std::io::Result<()> {
        let until = &self.until[class];
        let Some(n @ 1..) = until.last().copied() else { return Ok(()) };
        let draw = rng.below(n);
        match &self.bins[until.partition_point(|&until| until <= draw)] {
            Choices::Texts(texts) => out.write_all(texts[rng.below(texts.len() as u32) as usize].as_bytes()),
            Choices::Spans { spans, decimals } => {
                let (from, to) = spans[rng.below(spans.len() as u32) as usize];
                let steps = libm::floor(from + rng.uniform() * (to - from)) as i64;
                if *decimals == 0 {
                    return write!(out, "{steps}");
                }
                let one = 10_u64.pow(*decimals);
                let (sign, steps) = (if steps < 0 { "-" } else { "" }, steps.unsigned_abs());
                write!(out, "{sign}{}.{:0width$}", steps / one, steps % one, width = *decimals as usize)
            }
        }
    }
}

impl Choices {
    fn is_empty(&self) -> bool {
        match self {
            Self::Texts(texts) => texts.is_empty(),
            Self::Spans { spans, .. } => spans.is_empty(),
        }
    }
}

/// For each bin between these edges, the spans between the values that the encoder knows there.
fn numbers(edges: &[f32], high: f32, encoding: &Encoding) -> Vec<Choices> {
    let mut known = edges.to_vec();
    known.push(high);
    if let Encoding::Number { scale: Scale::Quantile { values, .. }, .. } = encoding {
        known.extend(values);
    }
    known.sort_unstable_by(f32::total_cmp);
    known.dedup();
    let decimals = known.iter().map(|&value| decimals(value)).max().unwrap_or(0).min(MAX_DECIMALS);
    let steps = |value: f32| libm::round(f64::from(value) * 10_f64.powi(decimals as i32));
    let bin = |at: usize| {
        let end = edges.get(at + 1).copied().unwrap_or(high);
        let inside = known.windows(2).filter(|pair| edges[at] <= pair[0] && pair[1] <= end);
        let mut spans: Vec<(f64, f64)> = inside.map(|pair| (steps(pair[0]), steps(pair[1]))).collect();
        if spans.is_empty() {
            spans.push((steps(edges[at]), steps(edges[at])));
        }
        Choices::Spans { spans, decimals }
    };
    (0..edges.len()).map(bin).collect()
}

/// Digits behind the point of the shortest text that is this number.
fn decimals(value: f32) -> u32 {
    value.to_string().split_once('.').map_or(0, |(_, digits)| digits.len() as u32)
}

fn running_sum(counts: &[u32]) -> Vec<u32> {
    let mut sum = 0_u32;
    let add = |&count: &u32| {
        sum = sum.saturating_add(count);
        sum
    };
    counts.iter().map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reader;
    use crate::schema::{self, Layout};

    fn manifest(pack: &str) -> Manifest {
        let path = format!("{}/models/{pack}/manifest.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn text(manifest: &Manifest, rows: u32, seed: u64, at_once: u32) -> Vec<u8> {
        let (mut likeness, mut out) = (Likeness::new(manifest, rows, seed).unwrap(), Vec::new());
        while likeness.write(at_once, &mut out) {}
        out
    }

    #[test]
    fn the_records_pass_for_those_of_the_pack() {
        for (pack, layout) in
            [("nsl-kdd", Layout::NslKdd), ("unsw-nb15", Layout::UnswNb15), ("cicids2017", Layout::CicFlowMeter)]
        {
            let manifest = manifest(pack);
            let mut reader = Reader::new();
            reader.push(&text(&manifest, 20_000, 1, 512)).unwrap();
            let read = reader.finish().unwrap();
            let schema = schema::detect(&read.table, read.detected);
            assert_eq!((schema.layout, read.table.n_rows(), read.table.bad.len()), (Some(layout), 20_000, 0), "{pack}");
            assert!(schema.label_column().is_some(), "{pack}");
            let fit = manifest.domain.report(pack, &read.table, &schema, &read.table.good_rows()).unwrap();
            assert!(fit.accepted && fit.drift < 0.02, "{pack}: {fit:?}");
        }
    }

    #[test]
    fn the_seed_and_nothing_else_changes_the_bytes() {
        let manifest = manifest("nsl-kdd");
        let whole = text(&manifest, 1000, 1, 1000);
        assert_eq!(whole, text(&manifest, 1000, 1, 7));
        assert_ne!(whole, text(&manifest, 1000, 2, 1000));
        assert!(whole.starts_with(b"duration,protocol_type,service,flag,src_bytes,"));
    }

    #[test]
    fn a_pack_of_flow_records_is_refused() {
        assert!(Likeness::new(&manifest("flow"), 1, 0).is_err());
    }

    #[test]
    fn numbers_keep_the_digits_of_the_training_file() {
        for (value, expected) in [(0.0, 0), (1379963900.0, 0), (0.01, 2), (1.0, 0), (-0.5, 1)] {
            assert_eq!(decimals(value), expected, "{value}");
        }
    }
}
