//! An encoder on a table: many rows, feature by feature.

use super::scale::Knots;
use super::{ColumnEncoding, Encoding, PortRange, Scale, number_key, to_f32};
use crate::features::{BLOCK, Encoded};
use crate::ranker::Scratch;
use crate::table::{Column, Few, Value};
use ndarray::{Array2, Axis};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// An encoder that has found its columns in a table.
pub struct BoundEncoder<'a> {
    pub(super) columns: Vec<BoundColumn<'a>>,
    pub(super) n_features: usize,
}

pub(super) struct BoundColumn<'a> {
    encoding: &'a ColumnEncoding,
    column: &'a Column,
    lookup: Lookup,
    knots: Option<Knots>,
    few: Option<Scaled<'a>>,
}

/// What becomes of each of the few cells that a column of numbers may have.
struct Scaled<'a> {
    few: Few<'a>,
    values: Rc<[f32]>,
    is_missing: Vec<bool>,
}

/// Which of a column's features a value sets.
#[derive(Default)]
struct Lookup {
    /// By code of the table's dictionary.
    texts: Vec<Option<u32>>,
    /// By [`number_key`].
    numbers: FxHashMap<u64, u32>,
    /// For every other value.
    other: Option<u32>,
}

impl Lookup {
    fn new(encoding: &ColumnEncoding, column: &Column) -> Self {
        match &encoding.encoding {
            Encoding::Number { .. } => Self::default(),
            Encoding::Category { values, other } => {
                let other = other.then_some(values.len() as u32);
                let mut lookup = Self { texts: vec![other; column.dictionary.len()], other, ..Self::default() };
                for (value, feature) in values.iter().zip(0..) {
                    if let Some(code) = column.dictionary.find(value) {
                        lookup.texts[code as usize] = Some(feature);
                    }
                    if let Ok(x) = value.parse() {
                        lookup.numbers.insert(number_key(x), feature);
                    }
                }
                lookup
            }
            Encoding::Port { ports, .. } => {
                let numbers = ports.iter().zip(0..).map(|(&port, feature)| (number_key(f64::from(port)), feature));
                Self { numbers: numbers.collect(), ..Self::default() }
            }
        }
    }
}

impl BoundEncoder<'_> {
    /// Room for so many encoded rows at a time.
    #[must_use]
    pub fn room(&self, most_rows: usize) -> Encoded {
        let mut room = Encoded::new(most_rows, self.n_features);
        for (first, column) in self.columns() {
            if let Some(scaled) = column.few.as_ref().filter(|_| column.varies()) {
                room.is_one_of(first, scaled.values.clone());
            }
        }
        room
    }

    /// Encodes some rows of the table into [`Self::room`] for them.
    ///
    /// # Panics
    /// If there is not enough room, or the table has not these rows.
    pub fn transform(&self, rows: &[u32], out: &mut Encoded) {
        assert_eq!(out.n_features(), self.n_features, "room for the features");
        out.begin(rows.len());
        let mut scratch = Scratch::default();
        self.columns().for_each(|(first, column)| column.transform(rows, first, out, &mut scratch));
    }

    /// Encodes some rows of the table, rows × features.
    #[must_use]
    pub fn transform_all(&self, rows: &[u32]) -> Array2<f32> {
        let mut all = Array2::zeros((rows.len(), self.n_features));
        let mut room = self.room(rows.len().min(BLOCK));
        for (rows, mut out) in rows.chunks(BLOCK).zip(all.axis_chunks_iter_mut(Axis(0), BLOCK)) {
            self.transform(rows, &mut room);
            out.assign(&room.view());
        }
        all
    }

    /// The columns, each with the first of its features.
    fn columns(&self) -> impl Iterator<Item = (usize, &BoundColumn<'_>)> {
        let mut next = 0;
        self.columns.iter().map(move |column| {
            let first = next;
            next += column.encoding.n_features();
            (first, column)
        })
    }
}

impl<'a> BoundColumn<'a> {
    pub fn new(encoding: &'a ColumnEncoding, column: &'a Column) -> Self {
        let knots = match &encoding.encoding {
            Encoding::Number { scale: Scale::Quantile { values, positions }, .. } => {
                Some(Knots::new(values, positions))
            }
            _ => None,
        };
        let mut bound = Self { encoding, column, lookup: Lookup::new(encoding, column), knots, few: None };
        // Where there are hardly more rows than there may be values, these are scaled as they come.
        if let Encoding::Number { fill, .. } = encoding.encoding
            && let Some(few) = column.cells.few()
            && column.cells.len() >= 2 * few.n()
        {
            bound.few = Some(bound.scaled(few, fill));
        }
        bound
    }

    fn scaled(&self, few: Few<'a>, fill: f32) -> Scaled<'a> {
        let numbers: Vec<Option<f64>> = (0..few.n()).map(|which| few.cell(which as u16).as_number()).collect();
        let mut values: Vec<f32> = numbers.iter().map(|number| number.map_or(fill, to_f32)).collect();
        let mut scratch = Scratch::default();
        values.chunks_mut(BLOCK).for_each(|values| self.scale(values, &mut scratch));
        Scaled { few, values: values.into(), is_missing: numbers.iter().map(Option::is_none).collect() }
    }

    /// Whether a column of numbers has a feature for them.
    fn varies(&self) -> bool {
        matches!(self.encoding.encoding, Encoding::Number { low, high, .. } if low < high)
    }

    /// `first` is the column's first feature.
    fn transform(&self, rows: &[u32], first: usize, out: &mut Encoded, scratch: &mut Scratch) {
        let missing_at = first + self.encoding.n_features() - 1;
        let cells = &self.column.cells;
        if let Some(Scaled { few, is_missing, .. }) = &self.few {
            if self.varies() {
                out.choose(first, |which| few.which(rows, which));
            }
            if self.encoding.missing && is_missing.contains(&true) {
                let mut which = [0; BLOCK];
                for (block, rows) in rows.chunks(BLOCK).enumerate() {
                    few.which(rows, &mut which[..rows.len()]);
                    let missing = (0..rows.len()).filter(|&at| is_missing[usize::from(which[at])]);
                    missing.for_each(|at| out.set(missing_at, block * BLOCK + at));
                }
            }
            return;
        }
        match &self.encoding.encoding {
            Encoding::Number { .. } => {
                let mut values = [0.0; BLOCK];
                for (block, rows) in rows.chunks(BLOCK).enumerate() {
                    let values = &mut values[..rows.len()];
                    self.numbers(rows, values, |row, feature| out.set(first + feature, block * BLOCK + row));
                    if self.varies() {
                        self.scale(values, scratch);
                        out.numbers(first)[block * BLOCK..][..rows.len()].copy_from_slice(values);
                    }
                }
            }
            Encoding::Category { .. } => {
                cells.for_each(rows, |row, cell| {
                    let feature = match cell.value() {
                        Value::Text(code) => self.lookup.texts[code as usize],
                        Value::Number(x) => self.lookup.numbers.get(&number_key(x)).copied().or(self.lookup.other),
                        Value::UnkeptText => self.lookup.other,
                        Value::Missing => self.encoding.missing.then_some((missing_at - first) as u32),
                    };
                    if let Some(feature) = feature {
                        out.set(first + feature as usize, row);
                    }
                });
            }
            Encoding::Port { ports, ranges } => {
                cells.for_each(rows, |row, cell| {
                    if let Some(port) = cell.as_port() {
                        if let Some(&feature) = self.lookup.numbers.get(&number_key(f64::from(port))) {
                            out.set(first + feature as usize, row);
                        }
                        if let Some(range) = ranges.iter().position(|&range| range == PortRange::of(port)) {
                            out.set(first + ports.len() + range, row);
                        }
                    } else if self.encoding.missing {
                        out.set(missing_at, row);
                    }
                });
            }
        }
    }

    /// The numbers of a column of numbers, with what stands for those that are missing or infinite; `set` gets the place of
    /// each of these, and which of the column's features says so.
    fn numbers(&self, rows: &[u32], values: &mut [f32], mut set: impl FnMut(usize, usize)) {
        let Encoding::Number { low, high, fill, infinite, .. } = self.encoding.encoding else { return };
        let mut numbers = [0.0; BLOCK];
        let numbers = &mut numbers[..rows.len()];
        self.column.cells.numbers(rows, numbers);
        let mut all_finite = true;
        for (x, value) in numbers.iter().zip(&mut *values) {
            all_finite &= x.is_finite();
            *value = to_f32(*x);
        }
        if all_finite {
            return;
        }
        for (at, (&x, value)) in numbers.iter().zip(values).enumerate() {
            if x.is_nan() {
                if self.encoding.missing {
                    set(at, self.encoding.n_features() - 1);
                }
                *value = fill;
            } else if x.is_infinite() {
                if infinite {
                    set(at, usize::from(low < high));
                }
                *value = if x > 0.0 { high } else { low };
            }
        }
    }

    fn scale(&self, values: &mut [f32], scratch: &mut Scratch) {
        match (&self.encoding.encoding, &self.knots) {
            (_, Some(knots)) => knots.apply(values, scratch),
            (Encoding::Number { scale: scale @ Scale::SignedLog { .. }, .. }, _) => {
                values.iter_mut().for_each(|x| *x = scale.apply(*x));
            }
            _ => {}
        }
    }
}
