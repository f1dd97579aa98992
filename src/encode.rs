//! Columns to numbers for the models: `EncoderParams::fit` learns from some rows, `BoundEncoder::transform` applies it.
//!
//! - Numbers pass a monotone [`Scale`] that tames heavy tails. Infinite values become the largest finite ones seen.
//! - Categories become one-hot features; what is rare while fitting shares the feature "other", and so does what is unseen
//!   later. Where nothing was rare there is no such feature, and an unseen value is all zeros.
//! - Ports become one-hot features for the frequent ones and for the IANA range. Their magnitude means nothing.
//! - Missing and infinite values, and text in a column of numbers (which counts as missing), get an indicator of their own
//!   where they occur while fitting; the number itself is then the median.
//! - Columns that are constant, or the same as an earlier one, among the fitted rows are left out.
//!
//! Nothing is learned from any row but those given to `fit`. A stored encoder is untrusted: it is checked whole while it is
//! deserialized, so that no table can make a checked encoder fail.

mod bound;
mod scale;

pub use bound::BoundEncoder;
pub use scale::Scale;

use crate::error::{Error, Result};
use crate::ranker::MOST_THRESHOLDS;
use crate::schema::{Kind, Role, Schema};
use crate::table::{Cell, Column, Table, Value};
use bound::BoundColumn;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use scale::{amount_unit, quantiles};
use serde::{Deserialize, Serialize};
use std::hash::Hasher;

/// How numbers are to be scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumericTransform {
    Identity,
    /// `sign(x) · ln(1 + |x|)`
    SignedLog,
    /// Amounts with a long tail by the logarithm, in units of their own median; everything else as it is.
    Amount,
    /// The place among the fitted values, from −1 to 1.
    Quantile,
}

/// What to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderParams {
    pub numeric: NumericTransform,
    /// At most this many one-hot features for a column, "other" not counted.
    pub max_categories: u32,
    /// A value of a smaller share of the rows is rare.
    pub min_share: f64,
    /// At most this many knots for a quantile scale, at least 2.
    pub max_knots: u32,
}

/// A fitted encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Encoder {
    pub version: u32,
    pub columns: Vec<ColumnEncoding>,
}

/// How one column becomes features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnEncoding {
    /// The canonical name of the column.
    pub name: String,
    pub encoding: Encoding,
    /// Whether a missing value has its own feature.
    pub missing: bool,
}

/// What the values of a column become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Encoding {
    Number {
        scale: Scale,
        /// The least and greatest finite value seen. If they are the same, the value itself is no feature.
        low: f32,
        high: f32,
        /// Stands for missing values: the median.
        fill: f32,
        /// Whether an infinite value has its own feature.
        infinite: bool,
    },
    /// One feature for each value, and one for the others.
    Category { values: Vec<String>, other: bool },
    /// One feature for each port, and one for each of these ranges.
    Port { ports: Vec<u16>, ranges: Vec<PortRange> },
}

/// The ranges of RFC 6335, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortRange {
    WellKnown,
    Registered,
    Dynamic,
}

/// More features than this make a matrix that no tab can hold.
pub const MAX_FEATURES: usize = 1 << 14;
const MAX_KNOTS: usize = MOST_THRESHOLDS;
const VERSION: u32 = 1;

impl EncoderParams {
    /// For a forest that is fitted to the file itself.
    #[must_use]
    pub fn for_file() -> Self {
        // Measured on the ADBench sets, where the plain logarithm loses up to 0.03 of ROC AUC on what is no amount and ranks
        // lose up to 0.1, and on NSL-KDD, UNSW-NB15, CIC-IDS2017 and IoT-23, where rare anomalies gain by the logarithm.
        Self { numeric: NumericTransform::Amount, max_categories: 16, min_share: 0.02, max_knots: 1000 }
    }

    /// For a model pack.
    #[must_use]
    pub fn for_pack() -> Self {
        Self { numeric: NumericTransform::Quantile, max_categories: 128, min_share: 0.0, max_knots: 1000 }
    }

    /// Learns from these rows of the schema's feature columns.
    ///
    /// # Errors
    /// Without rows, without a column that varies, or with more than [`MAX_FEATURES`] features.
    pub fn fit(&self, table: &Table, schema: &Schema, rows: &[u32]) -> Result<Encoder> {
        if rows.is_empty() {
            return Err(Error::new("There is no row to learn the columns from"));
        }
        let mut columns: Vec<ColumnEncoding> = Vec::new();
        let mut names = FxHashSet::default();
        let mut seen: FxHashMap<u64, Vec<&Column>> = FxHashMap::default();
        for (column, spec) in table.columns.iter().zip(&schema.columns) {
            if spec.role != Role::Feature || !names.insert(spec.canonical.as_str()) {
                continue;
            }
            let Some(encoding) = self.fit_column(column, spec.kind, rows) else { continue };
            let twins = seen.entry(fingerprint(column, rows)).or_default();
            if !twins.iter().any(|twin| same(twin, column, rows)) {
                twins.push(column);
                columns.push(ColumnEncoding { name: spec.canonical.clone(), ..encoding });
            }
        }
        if columns.is_empty() {
            return Err(Error::new("No column can be used: all are constant or have no role as a feature")
                .advice("Give at least one column with different values the role of a feature"));
        }
        Encoder::try_from(Stored { version: VERSION, columns })
    }

    /// The encoding, without its name, if the column has something to tell.
    fn fit_column(&self, column: &Column, kind: Kind, rows: &[u32]) -> Option<ColumnEncoding> {
        let cells = rows.iter().map(|&row| column.cells.at(row as usize));
        let (encoding, missing) = match kind {
            Kind::Number => self.fit_number(cells),
            Kind::Category => self.fit_category(column, cells),
            Kind::Port => self.fit_port(cells),
            _ => return None,
        };
        let missing = missing > 0 && missing < rows.len();
        let fitted = ColumnEncoding { name: String::new(), encoding, missing };
        (fitted.n_features() > 0).then_some(fitted)
    }

    fn fit_number(&self, cells: impl Iterator<Item = Cell>) -> (Encoding, usize) {
        let (mut values, mut missing, mut infinite) = (Vec::new(), 0, false);
        for cell in cells {
            match cell.as_number() {
                Some(x) if x.is_finite() => values.push(to_f32(x)),
                Some(_) => infinite = true,
                None => missing += 1,
            }
        }
        values.sort_unstable_by(f32::total_cmp);
        let infinite = infinite && !values.is_empty();
        let (low, high) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
        let fill = values.get(values.len() / 2).copied().unwrap_or(0.0);
        let scale = match self.numeric {
            NumericTransform::Quantile if low < high => quantiles(&values, self.max_knots.max(2) as usize),
            NumericTransform::Identity | NumericTransform::Quantile => Scale::Identity,
            NumericTransform::SignedLog => Scale::SignedLog { unit: 1.0 },
            NumericTransform::Amount => amount_unit(&values).map_or(Scale::Identity, |unit| Scale::SignedLog { unit }),
        };
        (Encoding::Number { scale, low, high, fill, infinite }, missing)
    }

    fn fit_category(&self, column: &Column, cells: impl Iterator<Item = Cell>) -> (Encoding, usize) {
        let (mut missing, mut unkept, mut n_rows) = (0, 0, 0_usize);
        let mut texts = vec![0_u64; column.dictionary.len()];
        let mut numbers: FxHashMap<u64, u64> = FxHashMap::default();
        for cell in cells {
            n_rows += 1;
            match cell.value() {
                Value::Number(x) => *numbers.entry(number_key(x)).or_default() += 1,
                Value::Text(code) => texts[code as usize] += 1,
                Value::Missing => missing += 1,
                Value::UnkeptText => unkept += 1,
            }
        }
        let texts = texts.into_iter().enumerate().filter(|&(_, count)| count > 0);
        let counts: Vec<(String, u64)> = texts
            .map(|(code, count)| (column.dictionary.text(code as u32).to_owned(), count))
            .chain(numbers.into_iter().map(|(bits, count)| (number_text(f64::from_bits(bits)), count)))
            .collect();
        let n_values = counts.len();
        let values = self.frequent(counts, n_rows);
        let other = values.len() < n_values || unkept > 0;
        if values.len() + usize::from(other) < 2 && missing == 0 {
            return (Encoding::Category { values: Vec::new(), other: false }, missing);
        }
        (Encoding::Category { values, other }, missing)
    }

    fn fit_port(&self, cells: impl Iterator<Item = Cell>) -> (Encoding, usize) {
        let (mut missing, mut n_rows) = (0, 0_usize);
        let mut counts: FxHashMap<u16, u64> = FxHashMap::default();
        for cell in cells {
            n_rows += 1;
            match cell.as_port() {
                Some(port) => *counts.entry(port).or_default() += 1,
                None => missing += 1,
            }
        }
        let mut ranges: Vec<PortRange> = PortRange::ALL
            .into_iter()
            .filter(|range| counts.keys().any(|&port| PortRange::of(port) == *range))
            .collect();
        if ranges.len() == 1 && missing == 0 {
            ranges.clear();
        }
        let constant = counts.len() == 1 && missing == 0;
        let ports = if constant { Vec::new() } else { self.frequent(counts.into_iter().collect(), n_rows) };
        (Encoding::Port { ports, ranges }, missing)
    }

    /// The values that are not rare, the most frequent first.
    fn frequent<T: Ord>(&self, mut counts: Vec<(T, u64)>, n_rows: usize) -> Vec<T> {
        counts.sort_unstable_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then_with(|| a.cmp(b)));
        let least = self.min_share * n_rows as f64;
        let frequent = counts.into_iter().take_while(|&(_, count)| count as f64 >= least);
        frequent.take(self.max_categories as usize).map(|(value, _)| value).collect()
    }
}

impl PortRange {
    const ALL: [Self; 3] = [Self::WellKnown, Self::Registered, Self::Dynamic];

    fn of(port: u16) -> Self {
        match port {
            0..=1023 => Self::WellKnown,
            1024..=49151 => Self::Registered,
            _ => Self::Dynamic,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::WellKnown => "well-known",
            Self::Registered => "registered",
            Self::Dynamic => "dynamic",
        }
    }
}

impl ColumnEncoding {
    /// How many features the column becomes.
    #[must_use]
    pub fn n_features(&self) -> usize {
        usize::from(self.missing)
            + match &self.encoding {
                Encoding::Number { low, high, infinite, .. } => usize::from(low < high) + usize::from(*infinite),
                Encoding::Category { values, other } => values.len() + usize::from(*other),
                Encoding::Port { ports, ranges } => ports.len() + ranges.len(),
            }
    }

    fn feature_names(&self) -> Vec<String> {
        let name = &self.name;
        let mut names = Vec::with_capacity(self.n_features());
        match &self.encoding {
            Encoding::Number { low, high, infinite, .. } => {
                names.extend((low < high).then(|| name.clone()));
                names.extend(infinite.then(|| format!("{name} is infinite")));
            }
            Encoding::Category { values, other } => {
                names.extend(values.iter().map(|value| format!("{name}={value}")));
                names.extend(other.then(|| format!("{name} is another")));
            }
            Encoding::Port { ports, ranges } => {
                names.extend(ports.iter().map(|port| format!("{name}={port}")));
                names.extend(ranges.iter().map(|range| format!("{name} is {}", range.name())));
            }
        }
        names.extend(self.missing.then(|| format!("{name} is missing")));
        names
    }

    fn check(&self) -> Result<()> {
        let sound = match &self.encoding {
            Encoding::Number { scale, low, high, fill, .. } => {
                low <= high && [low, high, fill].iter().all(|x| x.is_finite()) && scale.is_sound()
            }
            Encoding::Category { values, .. } => all_differ(values),
            Encoding::Port { ports, ranges } => all_differ(ports) && ranges.len() <= PortRange::ALL.len(),
        };
        if sound { Ok(()) } else { Err(broken(&format!("the column \"{}\" makes no sense", self.name))) }
    }
}

fn all_differ<T: Eq + std::hash::Hash>(items: &[T]) -> bool {
    let mut seen = FxHashSet::default();
    items.iter().all(|item| seen.insert(item))
}

fn broken(why: &str) -> Error {
    Error::new(format!("The stored encoder is broken: {why}")).advice("Get the model again from where it came from")
}

/// The stored form of an encoder, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    columns: Vec<ColumnEncoding>,
}

impl TryFrom<Stored> for Encoder {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        if stored.version != VERSION {
            return Err(Error::new(format!("The encoder is stored in version {}, not {VERSION}", stored.version))
                .advice("Use the Oddflow that the model was made for"));
        }
        let encoder = Self { version: VERSION, columns: stored.columns };
        encoder.columns.iter().try_for_each(ColumnEncoding::check)?;
        if !all_differ(&encoder.columns.iter().map(|column| &column.name).collect::<Vec<_>>()) {
            return Err(broken("two columns have the same name"));
        }
        match encoder.n_features() {
            0 => Err(broken("it has no features")),
            1..=MAX_FEATURES => Ok(encoder),
            n => Err(Error::new(format!("The columns make {n} features, more than {MAX_FEATURES}"))
                .advice("Give some columns the role \"ignored\"")),
        }
    }
}

impl Encoder {
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.columns.iter().map(ColumnEncoding::n_features).sum()
    }

    /// Such as `src_bytes`, `service=http`, `dur is missing`.
    #[must_use]
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(ColumnEncoding::feature_names).collect()
    }

    /// For each feature what most rows have there, as far as the encoder knows: where a row has it, a network has nothing to add.
    #[must_use]
    pub fn usual(&self) -> Vec<f32> {
        let usual = self.columns.iter().flat_map(|column| {
            let number = match &column.encoding {
                Encoding::Number { scale, low, high, fill, .. } if low < high => Some(scale.usual(*fill)),
                _ => None,
            };
            number.into_iter().chain(std::iter::repeat(0.0)).take(column.n_features())
        });
        usual.collect()
    }

    /// The encoder that leaves numbers as they are, to compare them with what [`Self::unscale`] makes of thresholds.
    #[must_use]
    pub fn unscaled(&self) -> Self {
        let mut encoder = self.clone();
        for column in &mut encoder.columns {
            if let Encoding::Number { scale, .. } = &mut column.encoding {
                *scale = Scale::Identity;
            }
        }
        encoder
    }

    /// For each feature a map of thresholds: a number exceeds the unscaled threshold exactly if, scaled, it exceeds the threshold.
    #[must_use]
    pub fn unscale(&self) -> Vec<impl Fn(f32) -> f32 + '_> {
        let scales = self.columns.iter().flat_map(|column| {
            let scale = match &column.encoding {
                Encoding::Number { scale, low, high, .. } if low < high => Some(scale),
                _ => None,
            };
            std::iter::once(scale).chain(std::iter::repeat(None)).take(column.n_features())
        });
        scales.map(|scale| move |limit| scale.map_or(limit, |scale| scale.greatest(limit))).collect()
    }

    /// Finds the encoder's columns in a table, by their canonical names.
    ///
    /// # Errors
    /// If some are missing; the error names them.
    pub fn bind<'a>(&'a self, table: &'a Table, schema: &Schema) -> Result<BoundEncoder<'a>> {
        let mut at: FxHashMap<&str, usize> = FxHashMap::default();
        for (index, spec) in schema.columns.iter().enumerate().take(table.columns.len()) {
            at.entry(&spec.canonical).or_insert(index);
        }
        let missing: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !at.contains_key(column.name.as_str()))
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        if !missing.is_empty() {
            let named = missing.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
            return Err(Error::new(format!("The file lacks columns that the model reads: {named}{more}"))
                .advice("Use a model made for this layout, or none"));
        }
        let columns =
            self.columns.iter().map(|encoding| BoundColumn::new(encoding, &table.columns[at[encoding.name.as_str()]]));
        Ok(BoundEncoder { columns: columns.collect(), n_features: self.n_features() })
    }
}

/// A finite number in the models' precision; −0 is 0.
fn to_f32(x: f64) -> f32 {
    (x as f32).clamp(f32::MIN, f32::MAX) + 0.0
}

/// Equal for equal numbers; −0 is 0.
fn number_key(x: f64) -> u64 {
    (x + 0.0).to_bits()
}

/// The text of a number that is a category.
fn number_text(x: f64) -> String {
    x.to_string()
}

/// Equal for columns that hold the same in these rows.
fn fingerprint(column: &Column, rows: &[u32]) -> u64 {
    let mut hasher = FxHasher::default();
    for &row in rows {
        match column.cells.at(row as usize).value() {
            Value::Number(x) => hasher.write_u64(number_key(x)),
            Value::Text(code) => hasher.write(column.dictionary.text(code).as_bytes()),
            Value::Missing => hasher.write_u8(0),
            Value::UnkeptText => hasher.write_u8(1),
        }
    }
    hasher.finish()
}

fn same(a: &Column, b: &Column, rows: &[u32]) -> bool {
    rows.iter().map(|&row| row as usize).all(|row| match (a.cells.at(row).value(), b.cells.at(row).value()) {
        (Value::Number(x), Value::Number(y)) => x == y,
        (Value::Text(x), Value::Text(y)) => a.dictionary.text(x) == b.dictionary.text(y),
        (Value::Missing, Value::Missing) => true,
        // What was not kept cannot be compared.
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::schema::ColumnSpec;
    use crate::table::Span;
    use ndarray::Array2;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// A column of cells: `""` is missing, what parses is a number, the rest is text.
    fn column(name: &str, cells: &[&str]) -> Column {
        let mut column = Column { name: name.into(), ..Column::default() };
        for cell in cells {
            let cell = match (cell.is_empty(), cell.parse()) {
                (true, _) => Cell::MISSING,
                (_, Ok(x)) => Cell::number(x),
                _ => Cell::text(column.dictionary.code(cell).unwrap()),
            };
            column.cells.push(cell);
        }
        column
    }

    fn table(columns: &[(&str, Kind, &[&str])]) -> (Table, Schema) {
        let spec = |&(name, kind, _): &(&str, Kind, &[&str])| ColumnSpec {
            name: name.into(),
            canonical: name.into(),
            kind,
            role: Role::Feature,
            unit: None,
            why: None,
        };
        let table = Table {
            columns: columns.iter().map(|(name, _, cells)| column(name, cells)).collect(),
            spans: vec![Span { start: 0, len: 0 }; columns[0].2.len()],
            ..Table::default()
        };
        (table, Schema { columns: columns.iter().map(spec).collect(), ..Schema::default() })
    }

    fn params(numeric: NumericTransform) -> EncoderParams {
        EncoderParams { numeric, max_categories: 2, min_share: 0.2, max_knots: 1000 }
    }

    /// Fits on all rows but the last and encodes them all.
    fn encode(params: EncoderParams, kind: Kind, cells: &[&str]) -> (Vec<String>, Array2<f32>) {
        let (table, schema) = table(&[("x", kind, cells)]);
        let rows: Vec<u32> = (0..cells.len() as u32).collect();
        let encoder = params.fit(&table, &schema, &rows[..cells.len() - 1]).unwrap();
        let json = serde_json::to_string(&encoder).unwrap();
        assert_eq!(serde_json::from_str::<Encoder>(&json).unwrap(), encoder, "{json}");
        (encoder.feature_names(), encoder.bind(&table, &schema).unwrap().transform_all(&rows))
    }

    #[test]
    fn a_column_becomes_these_features() {
        // `expected` has a row for each cell, with the features parted by blanks.
        let check = |numeric, kind, cells: &str, names: &str, expected: &str| {
            let cells: Vec<&str> = cells.split(',').collect();
            let (named, encoded) = encode(params(numeric), kind, &cells);
            assert_eq!(named.join(","), names, "{cells:?}");
            let row = |row: &str| row.split_whitespace().map(|x| x.parse().unwrap()).collect::<Vec<f32>>();
            let expected: Vec<Vec<f32>> = expected.split(',').map(row).collect();
            let encoded: Vec<Vec<f32>> = encoded.rows().into_iter().map(|row| row.to_vec()).collect();
            assert_eq!(encoded, expected, "{cells:?}");
        };
        use Kind::{Category, Number, Port};
        use NumericTransform::{Amount, Identity, Quantile, SignedLog};
        check(Identity, Number, "1,2,-7", "x", "1,2,-7");
        // ln 3 = 1.0986123
        check(SignedLog, Number, "0,2,-2", "x", "0,1.0986123,-1.0986123");
        // No amount: negative, or far from zero at the least.
        check(Amount, Number, "-1,1,2", "x", "-1,1,2");
        check(Amount, Number, "5,6,900,7", "x", "5,6,900,7");
        // An amount with the unit 2 · 1: ln(1 + 1/2), ln(1 + 100/2), ln(1 + 4/2).
        check(Amount, Number, "0,0,0,1,1,100,4", "x", "0,0,0,0.4054651,0.4054651,3.9318256,1.0986123");
        // Text counts as missing; the median of 1, 5, 9 stands for it.
        check(Identity, Number, "1,5,9,,?", "x,x is missing", "1 0,5 0,9 0,5 1,5 1");
        // Not missing while fitting: no indicator.
        check(Identity, Number, "1,5,9,", "x", "1,5,9,5");
        check(Identity, Number, "1,5,inf,-inf", "x,x is infinite", "1 0,5 0,5 1,1 1");
        // The ends of the range are −1 and 1, however many share them; 4 is half way between.
        check(Quantile, Number, "0,0,0,8,4", "x", "-1,-1,-1,1,0");
        // Constant outside the fitted range.
        check(Quantile, Number, "0,1,1e300", "x", "-1,1,1");
        // "c" and "d" are rare: one row of six is less than a fifth.
        let one_hot = "0 1 0,0 1 0,1 0 0,1 0 0,0 0 1,0 0 1,0 0 1";
        check(Identity, Category, "a,a,6,6,c,d,z", "x=6,x=a,x is another", one_hot);
        // Nothing is rare: what is unseen is all zeros.
        check(Identity, Category, "a,,z", "x=a,x is missing", "1 0,0 1,0 0");
        let one_hot = "1 0 1 0,1 0 1 0,0 1 1 0,0 1 1 0,0 0 0 1,0 0 0 1,0 0 0 0";
        let names = "x=80,x=443,x is well-known,x is dynamic";
        check(Identity, Port, "80,80,443,443,50000,60000,8080", names, one_hot);
    }

    #[test]
    fn constants_and_duplicates_are_left_out() {
        let (table, schema) = table(&[
            ("a", Kind::Number, &["1", "2", "3"]),
            ("constant", Kind::Number, &["7", "7", "8"]),
            ("copy", Kind::Number, &["1", "2", "4"]),
            ("one value", Kind::Category, &["u", "u", "v"]),
            ("address", Kind::Address, &["p", "q", "r"]),
            ("one port", Kind::Port, &["80", "80", "81"]),
            ("all missing", Kind::Number, &["", "", "1"]),
        ]);
        let params = params(NumericTransform::Identity);
        assert_eq!(params.fit(&table, &schema, &[0, 1]).unwrap().feature_names(), ["a"]);
        let all = params.fit(&table, &schema, &[0, 1, 2]).unwrap();
        let names = all.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["a", "constant", "copy", "one value", "one port", "all missing"]);
        assert!(params.fit(&table, &schema, &[]).is_err() && params.fit(&table, &schema, &[1]).is_err());
    }

    #[test]
    fn binding_names_the_missing_columns() {
        let (train, schema) = table(&[
            ("a", Kind::Number, &["1", "2"]),
            ("b", Kind::Number, &["2", "1"]),
            ("c", Kind::Number, &["5", "1"]),
        ]);
        let encoder = EncoderParams::for_pack().fit(&train, &schema, &[0, 1]).unwrap();
        let (other, schema) = table(&[("c", Kind::Number, &["1"])]);
        let error = encoder.bind(&other, &schema).err().unwrap();
        assert!(error.what.ends_with("\"a\", \"b\""), "{error}");
    }

    #[test]
    fn what_is_usual_is_what_most_have() {
        let usual = |cells: &[&str]| {
            let columns: &[(&str, Kind, &[&str])] = &[("x", Kind::Number, cells)];
            let (table, schema) = table(columns);
            let rows: Vec<u32> = (0..cells.len() as u32).collect();
            let encoder = params(NumericTransform::Quantile).fit(&table, &schema, &rows).unwrap();
            let features = encoder.bind(&table, &schema).unwrap().transform_all(&rows);
            let place = features.column(0).iter().position(|&x| x == encoder.usual()[0]).unwrap();
            cells[place].to_owned()
        };
        assert_eq!(usual(&["0", "0", "0", "7", "9", "12"]), "0");
        assert_eq!(usual(&["0", "1", "5", "9", "9", "9"]), "9");
        assert_eq!(usual(&["0", "3", "3", "3", "3", "5", "6"]), "3");
        assert_eq!(usual(&["0", "1", "1"]), "1");
        assert_eq!(usual(&["1", "0", "0"]), "0");
    }

    #[test]
    fn quantiles_are_monotone_with_few_knots_and_many_ties() {
        let cells: Vec<String> = (0..3000)
            .map(|i: u32| if i.is_multiple_of(3) { f64::from(i * i % 1009) - 300.0 } else { 0.0 }.to_string())
            .collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let few = EncoderParams { max_knots: 9, ..params(NumericTransform::Quantile) };
        let (_, encoded) = encode(few, Kind::Number, &cells);
        let mut pairs: Vec<(f64, f32)> = cells.iter().map(|x| x.parse().unwrap()).zip(encoded).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(pairs.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!(pairs.iter().all(|pair| pair.1.abs() <= 1.0));
    }

    #[test]
    fn many_numbers_are_scaled_as_each() {
        let cells: Vec<String> = (0..1500_u32)
            .map(|i| match i % 5 {
                0 => (f64::from(i) * 0.37 - 80.0).to_string(),
                1 => libm::exp(f64::from(i % 97) - 40.0).to_string(),
                2 => (i % 12).to_string(),
                3 => ["", "inf", "-inf", "text", "-0"][i as usize / 5 % 5].to_string(),
                _ => "0".to_string(),
            })
            .collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let (table, schema) = table(&[("x", Kind::Number, &cells)]);
        let rows: Vec<u32> = (0..1500).collect();
        for numeric in [NumericTransform::Identity, NumericTransform::Amount, NumericTransform::Quantile] {
            let encoder =
                EncoderParams { max_knots: 300, ..params(numeric) }.fit(&table, &schema, &rows[..1000]).unwrap();
            let Encoding::Number { scale, low, high, fill, .. } = &encoder.columns[0].encoding else { panic!() };
            let bound = encoder.bind(&table, &schema).unwrap();
            let mut room = bound.room(rows.len());
            bound.transform(&rows, &mut room);
            let columns = room.view();
            assert_eq!(bound.transform_all(&rows), columns);
            for (cell, row) in table.columns[0].cells.iter().zip(columns.rows()) {
                let (value, flags) = match cell.as_number() {
                    Some(x) if x.is_finite() => (to_f32(x), [0.0, 0.0]),
                    Some(x) => (if x > 0.0 { *high } else { *low }, [1.0, 0.0]),
                    None => (*fill, [0.0, 1.0]),
                };
                assert_eq!(row.to_vec(), [&[scale.apply(value)][..], &flags].concat(), "{cell:?} by {numeric:?}");
            }
        }
    }

    #[test]
    fn few_numbers_are_scaled_as_many() {
        let narrow =
            |i: u32| if i.is_multiple_of(7) { String::new() } else { (f64::from(i * i % 83) / 100.0).to_string() };
        // Two bytes each, but close together, and with rows enough for that.
        let close = |i: u32| (f64::from(i * i % 499) / 10.0 - 700.0).to_string();
        for mut cells in [(0..1100).map(narrow).collect::<Vec<_>>(), (0..1100).map(close).collect()] {
            // A number that needs more bytes, in a row that is not asked for.
            cells.push("1e300".into());
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let (few, schema) = table(&[("x", Kind::Number, &cells[..1100])]);
            let (many, _) = table(&[("x", Kind::Number, &cells)]);
            assert!(few.columns[0].cells.few().is_some() && many.columns[0].cells.few().is_none());
            let rows: Vec<u32> = (0..1100).collect();
            for numeric in [NumericTransform::Identity, NumericTransform::Amount, NumericTransform::Quantile] {
                let encoder = params(numeric).fit(&few, &schema, &rows).unwrap();
                let of = |table| encoder.bind(table, &schema).unwrap().transform_all(&rows[300..]);
                assert_eq!(of(&few), of(&many));
            }
        }
    }

    #[test]
    fn unscaled_thresholds_part_the_same_numbers() {
        let quantile =
            Scale::Quantile { values: vec![-3.0, 0.0, 1e-3, 7.0, 1e9], positions: vec![-1.0, -0.2, -0.2, 0.7, 1.0] };
        let logarithm = |unit| Scale::SignedLog { unit };
        for scale in
            [Scale::Identity, logarithm(1.0), logarithm(1234.5), logarithm(1e-30), logarithm(f32::MAX), quantile]
        {
            let mut rng = Rng::new(8);
            for _ in 0..300 {
                let x = to_f32((rng.normal() * libm::exp(20.0 * rng.normal())).clamp(-3e38, 3e38));
                // Thresholds are values and numbers between or beyond them.
                for limit in [scale.apply(x), scale.apply(x).next_up(), scale.apply(x).next_down(), -2.0, 2.0, 1e30] {
                    let greatest = scale.greatest(limit);
                    for x in [x, x.next_up(), x.next_down(), greatest, greatest.next_up(), f32::MIN, f32::MAX, 0.0] {
                        if x.is_finite() {
                            assert_eq!(scale.apply(x) > limit, x > greatest, "{x} and {limit} by {scale:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_stored_encoder_is_checked() {
        let number = |scale: &str| {
            format!(
                r#"{{"version":1,"columns":[{{"name":"x","missing":false,"encoding":{{"number":
                {{"scale":{scale},"low":0,"high":1,"fill":0,"infinite":false}}}}}}]}}"#
            )
        };
        let check = |json: &str, sound: bool| {
            assert_eq!(serde_json::from_str::<Encoder>(json).is_ok(), sound, "{json}");
        };
        check(&number(r#""identity""#), true);
        check(&number(r#"{"signed-log":{"unit":2}}"#), true);
        check(&number(r#"{"signed-log":{"unit":0}}"#), false);
        check(&number(r#"{"quantile":{"values":[0,1],"positions":[-1,1]}}"#), true);
        check(&number(r#"{"quantile":{"values":[1,0],"positions":[-1,1]}}"#), false);
        check(&number(r#"{"quantile":{"values":[0,1],"positions":[-1]}}"#), false);
        check(&number(r#"{"quantile":{"values":[],"positions":[]}}"#), false);
        check(&number(r#"{"quantile":{"values":[0,1e99],"positions":[-1,1]}}"#), false);
        check(&number(r#""identity""#).replace("\"version\":1", "\"version\":2"), false);
        check(r#"{"version":1,"columns":[]}"#, false);
    }
}
