//! Whether one pattern makes up most of a file, as a scan or a flood does: rare then means normal, and a forest that is
//! fitted to such a file ranks it upside down.
//!
//! The rule looks at no label, so it can only ask how much of the file looks the same. It cannot see an attack that is
//! most of a file and varies, nor tell a flood from a network that does one thing all day: it warns, and changes no
//! score.

use crate::error::Result;
use crate::hybrid::Detector;
use crate::report::share;
use crate::rng::Rng;
use crate::schema::Schema;
use crate::table::Table;
use ndarray::{ArrayView1, ArrayView2};

/// Rows that are looked at, and values in all: a table of thousands of features is sampled more thinly.
const SAMPLE: u32 = 4096;
const VALUES: usize = 1 << 24;
/// So few rows tell nothing about a file.
const LEAST_ROWS: usize = 100;
/// Rows that are tried as the middle of the mass. A random row of a file of which half is one pattern is in it every
/// second time, so that these miss it once in four thousand million times.
const CENTRES: u32 = 32;
/// Rows are alike if no feature differs by more than this share of its usual spread.
const ALIKE: f32 = 1.0 / 16.0;
/// A file of which this share is alike is warned about: half, as of a scan whose every packet is answered, less what a
/// sample of [`SAMPLE`] rows may err by.
const MASS: f64 = 0.48;

/// A warning in plain words, if one pattern makes up most of the file that the detector was fitted to.
pub fn warning(detector: &Detector, table: &Table, schema: &Schema, rows: &[u32], seed: u64) -> Result<Option<String>> {
    let n = SAMPLE.min((VALUES / detector.encoder.n_features()) as u32);
    let some = Rng::stream(seed, u64::MAX - 3).sample(rows.len() as u32, n);
    let some: Vec<u32> = some.into_iter().map(|at| rows[at as usize]).collect();
    let mass = mass(detector.encoder.bind(table, schema)?.transform_all(&some).view(), seed);
    Ok((mass >= MASS).then(|| {
        let share = share((mass * some.len() as f64) as u64, some.len() as u64);
        format!(
            "{share} of the records look the same, as in a scan or a flood. The forest calls odd what is rare, and here \
             that may be the normal traffic: the ranking may be upside down. Name the records that are normal, and the forest \
             is fitted to them."
        )
    }))
}

/// The greatest share of rows that look the same, from encoded rows × features.
fn mass(x: ArrayView2<'_, f32>, seed: u64) -> f64 {
    let n = x.nrows();
    if n < LEAST_ROWS {
        return 0.0;
    }
    let widths: Vec<f32> = x.columns().into_iter().map(|column| ALIKE * spread(column)).collect();
    let centres = Rng::stream(seed, u64::MAX - 1).sample(n as u32, CENTRES);
    let alike = |centre: u32| {
        let centre = x.row(centre as usize);
        let is_alike = |row: &ArrayView1<'_, f32>| {
            row.iter().zip(centre).zip(&widths).all(|((a, b), width)| (a - b).abs() <= *width)
        };
        x.rows().into_iter().filter(is_alike).count()
    };
    centres.into_iter().map(alike).max().unwrap_or(0) as f64 / n as f64
}

/// From the 5th to the 95th percentile. These may both lie in the very mass that is looked for, so it is an eighth of
/// the whole range at least, from which the last half per cent at either end is cut: one huge value makes no other rows
/// alike.
fn spread(column: ArrayView1<'_, f32>) -> f32 {
    let mut values = column.to_vec();
    values.sort_unstable_by(f32::total_cmp);
    let last = values.len() - 1;
    let between = |low: usize, high: usize| values[last * high / 1000] - values[last * low / 1000];
    between(50, 950).max(between(5, 995) / 8.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Rows of which this share are alike but for a little noise, and the others anywhere.
    fn rows(share: f64, n: usize) -> Array2<f32> {
        let mut rng = Rng::stream(1, 0);
        let mut x = Array2::zeros((n, 5));
        for (at, mut row) in x.rows_mut().into_iter().enumerate() {
            let is_flood = (at as f64) < share * n as f64;
            row.map_inplace(|value| {
                let noise = rng.below(1000) as f32 / 1000.0;
                *value = if is_flood { 0.3 + 0.004 * noise } else { noise };
            });
        }
        x
    }

    #[test]
    fn the_mass_is_the_share_that_is_alike() {
        let check = |share: f64, n: usize, low: f64, high: f64| {
            let mass = mass(rows(share, n).view(), 0);
            assert!((low..=high).contains(&mass), "{share} of {n}: {mass}");
        };
        check(0.95, 2000, 0.95, 0.96);
        check(0.6, 2000, 0.6, 0.61);
        check(0.3, 2000, 0.0, 0.31);
        check(0.0, 2000, 0.0, 0.02);
        check(1.0, 50, 0.0, 0.0);
    }
}
