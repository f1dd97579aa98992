//! An encoder on a table: many rows, feature by feature.

use super::scale::Knots;
use super::{ColumnEncoding, Encoding, PortRange, Scale, number_key, to_f32};
use crate::ranker::{BLOCK, Scratch};
use crate::table::{Column, Few, Value};
use ndarray::{Array2, ArrayViewMut2, Axis};
use rustc_hash::FxHashMap;

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
    few: Option<Box<Scaled>>,
}

/// What a column of numbers becomes of each of the 256 cells that it may have.
struct Scaled {
    values: [f32; 256],
    is_missing: [bool; 256],
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
    /// Encodes some rows of the table into `out`, rows × features. It is fastest where the values of a feature are neighbours.
    ///
    /// # Panics
    /// If `out` does not have this shape, or the table not these rows.
    pub fn transform(&self, rows: &[u32], mut out: ArrayViewMut2<'_, f32>) {
        assert_eq!(out.dim(), (rows.len(), self.n_features), "shape of the encoded rows");
        out.fill(0.0);
        let mut scratch = Scratch::default();
        let mut first = 0;
        for column in &self.columns {
            let width = column.encoding.n_features();
            let features = out.slice_mut(ndarray::s![.., first..first + width]);
            column.transform(rows, features, &mut scratch);
            first += width;
        }
    }

    /// Encodes some rows of the table, rows × features.
    #[must_use]
    pub fn transform_all(&self, rows: &[u32]) -> Array2<f32> {
        let mut out = Array2::zeros((rows.len(), self.n_features));
        self.transform(rows, out.view_mut());
        out
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
        // Of fewer rows than there may be values they are scaled as they come.
        if let Some(few) = column.cells.few()
            && let Encoding::Number { fill, .. } = encoding.encoding
            && column.cells.len() > 256
        {
            bound.few = Some(Box::new(bound.scaled(few, fill)));
        }
        bound
    }

    fn scaled(&self, few: Few<'_>, fill: f32) -> Scaled {
        let mut scaled = Scaled { values: [fill; 256], is_missing: [true; 256] };
        for (which, (value, is_missing)) in (0..=255).zip(scaled.values.iter_mut().zip(&mut scaled.is_missing)) {
            if let Some(x) = few.cell(which).as_number() {
                (*value, *is_missing) = (to_f32(x), false);
            }
        }
        self.scale(&mut scaled.values, &mut Scratch::default());
        scaled
    }

    /// `out` is rows × features of this column, all zero.
    fn transform(&self, rows: &[u32], mut out: ArrayViewMut2<'_, f32>, scratch: &mut Scratch) {
        let missing_at = out.ncols() - 1;
        let cells = &self.column.cells;
        if let Some((few, scaled)) = cells.few().zip(self.few.as_ref())
            && let Encoding::Number { low, high, .. } = self.encoding.encoding
        {
            if low < high {
                let values = rows.iter().map(|&row| scaled.values[usize::from(few.which(row))]);
                out.column_mut(0).iter_mut().zip(values).for_each(|(place, x)| *place = x);
            }
            if self.encoding.missing {
                let is_missing = rows.iter().map(|&row| scaled.is_missing[usize::from(few.which(row))]);
                out.column_mut(missing_at)
                    .iter_mut()
                    .zip(is_missing)
                    .for_each(|(place, is)| *place = f32::from(u8::from(is)));
            }
            return;
        }
        match &self.encoding.encoding {
            Encoding::Number { low, high, .. } => {
                let mut values = [0.0; BLOCK];
                for (rows, mut out) in rows.chunks(BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)) {
                    let values = &mut values[..rows.len()];
                    self.numbers(rows, values, &mut out);
                    if low < high {
                        self.scale(values, scratch);
                        let mut column = out.column_mut(0);
                        match column.as_slice_mut() {
                            Some(column) => column.copy_from_slice(values),
                            None => column.iter_mut().zip(values).for_each(|(place, x)| *place = *x),
                        }
                    }
                }
            }
            Encoding::Category { .. } => {
                cells.for_each(rows, |row, cell| {
                    let feature = match cell.value() {
                        Value::Text(code) => self.lookup.texts[code as usize],
                        Value::Number(x) => self.lookup.numbers.get(&number_key(x)).copied().or(self.lookup.other),
                        Value::UnkeptText => self.lookup.other,
                        Value::Missing => self.encoding.missing.then_some(missing_at as u32),
                    };
                    if let Some(feature) = feature {
                        out[[row, feature as usize]] = 1.0;
                    }
                });
            }
            Encoding::Port { ports, ranges } => {
                cells.for_each(rows, |row, cell| {
                    if let Some(port) = cell.as_port() {
                        if let Some(&feature) = self.lookup.numbers.get(&number_key(f64::from(port))) {
                            out[[row, feature as usize]] = 1.0;
                        }
                        if let Some(range) = ranges.iter().position(|&range| range == PortRange::of(port)) {
                            out[[row, ports.len() + range]] = 1.0;
                        }
                    } else if self.encoding.missing {
                        out[[row, missing_at]] = 1.0;
                    }
                });
            }
        }
    }

    /// The numbers of a column of numbers, with what stands for those that are missing or infinite; these get their own
    /// features in `out`.
    fn numbers(&self, rows: &[u32], values: &mut [f32], out: &mut ArrayViewMut2<'_, f32>) {
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
                    let last = out.ncols() - 1;
                    out[[at, last]] = 1.0;
                }
                *value = fill;
            } else if x.is_infinite() {
                if infinite {
                    out[[at, usize::from(low < high)]] = 1.0;
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
