//! What a pack's network reads of a row: the encoded features, the forest's standardised score, and each finely scaled
//! feature once more in pieces, `clamp((x − a_k) / (a_{k+1} − a_k), 0, 1)` between positions `a_k` of its scale. A network that
//! can weigh each part of a range by itself comes close to boosted trees on tables (piecewise linear encoding, Gorishniy 2022,
//! "On Embeddings for Numerical Features in Tabular Deep Learning"). The positions are even, or where training has found that
//! the classes part.
//!
//! Nearly all pieces are 0 or 1, with the ones first, so [`Folded`] gives the first layer of a network the sums of their weights
//! instead: a fine feature costs two rows of weights, however many pieces it has.

use crate::dense::{Dense, Inputs, Layer, run};
use crate::encode::{Encoder, Encoding, Scale};
use crate::error::{Error, Result};
use crate::features::Encoded;
use crate::hybrid::Standardise;
use ndarray::{ArrayView2, ArrayViewMut2, s};
use serde::{Deserialize, Serialize};
use wide::f32x4;

/// Which features are given in pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkInputs {
    pub pieces: Pieces,
    /// Rising indices.
    pub features: Vec<u32>,
}

/// How their ranges are cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Pieces {
    /// So many of the same size for each feature.
    Even(u32),
    /// At these rising positions, for each feature.
    At(Vec<Vec<f32>>),
}

/// More even pieces than this tell no more (UNSW-NB15: 8 pieces give a ROC AUC of .9920, 16 .9928, 32 .9930, none .9899).
const MAX_EVEN: u32 = 16;
/// Of all features: the network's first layer has a weight for each, and a pack is to stay small.
pub const MAX_PIECES: u32 = 480;
/// A feature with fewer distinct values needs none.
const LEAST_KNOTS: usize = 9;

impl NetworkInputs {
    /// Even pieces for a fitted encoder.
    #[must_use]
    pub fn of(encoder: &Encoder) -> Self {
        let features = fine_features(encoder);
        let pieces = (MAX_PIECES / (features.len() as u32).max(1)).min(MAX_EVEN);
        match pieces {
            0..2 => Self { pieces: Pieces::Even(0), features: Vec::new() },
            _ => Self { pieces: Pieces::Even(pieces), features },
        }
    }

    /// How many numbers the network reads of a row with so many features.
    #[must_use]
    pub fn n_inputs(&self, n_features: usize) -> usize {
        n_features + 1 + (0..self.features.len()).map(|at| self.n_pieces(at)).sum::<usize>()
    }

    /// The pieces of the feature at this place in [`Self::features`].
    #[must_use]
    pub fn n_pieces(&self, at: usize) -> usize {
        match &self.pieces {
            Pieces::Even(pieces) => *pieces as usize,
            Pieces::At(edges) => edges[at].len() - 1,
        }
    }

    /// The rising positions between which the pieces of the feature at this place in [`Self::features`] lie.
    fn edges(&self, at: usize) -> Vec<f32> {
        match &self.pieces {
            Pieces::Even(n) => (0..=*n).map(|k| 2.0 * k as f32 / *n as f32 - 1.0).collect(),
            Pieces::At(edges) => edges[at].clone(),
        }
    }

    /// For stored ones, which are not trusted.
    ///
    /// # Errors
    /// If they do not fit an encoder with so many features.
    pub fn check(&self, n_features: usize) -> Result<()> {
        let are_sound = match &self.pieces {
            Pieces::Even(pieces) => *pieces <= MAX_EVEN,
            Pieces::At(all) => {
                // By the length of a piece is divided.
                let is_long = |length: f32| length > 0.0 && length.recip().is_finite();
                let rise = |edges: &[f32]| edges.windows(2).all(|pair| is_long(pair[1] - pair[0]));
                all.len() == self.features.len()
                    && all.iter().map(Vec::len).sum::<usize>() <= 2 * MAX_PIECES as usize
                    && all.iter().all(|edges| {
                        edges.len() > 1 && edges.iter().all(|edge| (-1.0..=1.0).contains(edge)) && rise(edges)
                    })
            }
        };
        let sound = are_sound
            && self.features.windows(2).all(|pair| pair[0] < pair[1])
            && self.features.last().is_none_or(|&last| (last as usize) < n_features);
        if sound { Ok(()) } else { Err(Error::new("The pack's network inputs make no sense")) }
    }

    /// Fills `out`, rows × [`Self::n_inputs`], from the features of as many rows and their forest scores.
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    pub fn fill(
        &self,
        features: ArrayView2<'_, f32>,
        scores: &[f32],
        forest_input: Standardise,
        mut out: ArrayViewMut2<'_, f32>,
    ) {
        let width = features.ncols();
        out.slice_mut(s![.., ..width]).assign(&features);
        out.column_mut(width).iter_mut().zip(scores).for_each(|(out, &score)| *out = forest_input.apply(score));
        let rows = features.rows().into_iter().zip(out.rows_mut());
        match &self.pieces {
            Pieces::Even(pieces) => {
                let scale = *pieces as f32 / 2.0;
                for (row, mut out) in rows {
                    let mut places = out.iter_mut().skip(width + 1);
                    for &feature in &self.features {
                        // The feature is between −1 and 1.
                        let at = (row[feature as usize] + 1.0) * scale;
                        for (piece, place) in (0..*pieces).zip(&mut places) {
                            *place = (at - piece as f32).clamp(0.0, 1.0);
                        }
                    }
                }
            }
            Pieces::At(edges) => {
                // A feature, where a piece of it begins, and one by its length.
                let piece = |pair: &[f32]| (pair[0], 1.0 / (pair[1] - pair[0]));
                let of = |(&feature, edges): (&u32, &Vec<f32>)| {
                    edges.windows(2).map(|pair| (feature as usize, piece(pair))).collect::<Vec<_>>()
                };
                let all: Vec<(usize, (f32, f32))> = self.features.iter().zip(edges).flat_map(of).collect();
                for (row, mut out) in rows {
                    for (place, &(feature, (from, by_length))) in out.iter_mut().skip(width + 1).zip(&all) {
                        *place = ((row[feature] - from) * by_length).clamp(0.0, 1.0);
                    }
                }
            }
        }
    }
}

/// The features of numbers whose scale has many knots.
#[must_use]
pub fn fine_features(encoder: &Encoder) -> Vec<u32> {
    let mut features = Vec::new();
    let mut first = 0;
    for column in &encoder.columns {
        if let Encoding::Number { scale: Scale::Quantile { values, .. }, .. } = &column.encoding
            && values.len() >= LEAST_KNOTS
        {
            features.push(first);
        }
        first += column.n_features() as u32;
    }
    features
}

/// A network that reads features and scores, with the pieces folded into its first layer, and with what rows usually have folded
/// into its bias, so that it adds only what is different.
pub struct Folded {
    /// The first with a row of weights for each feature, then one for the score, then two for each piece of each fine feature:
    /// what it and the feature add where the piece begins, less what they usually do, and what they add on the way to its end.
    layers: Vec<Layer>,
    fine: Vec<Fine>,
    /// Of each feature what most rows have.
    usual: Vec<f32>,
}

/// A feature in pieces.
struct Fine {
    feature: u32,
    /// The first of its rows of weights.
    row: u32,
    edges: Vec<f32>,
    /// One by the length of each piece.
    by_length: Vec<f32>,
    is_even: bool,
    usual: f32,
}

/// Rows whose inputs are gathered feature by feature.
const TILE: usize = 64;

impl Folded {
    /// `usual` has for each feature what most rows have there. `None` if the network does not read these inputs of so many features,
    /// or folding makes a weight infinite.
    #[must_use]
    pub fn new(inputs: &NetworkInputs, usual: &[f32], network: &Dense) -> Option<Self> {
        let [first, rest @ ..] = network.layers() else { return None };
        let n_features = usual.len();
        if first.n_inputs() != inputs.n_inputs(n_features) {
            return None;
        }
        let width = first.n_outputs();
        let all = first.weights();
        let rows: Vec<&[f32]> = all.chunks_exact(width).collect();
        let mut bias: Vec<f64> = first.bias().iter().copied().map(f64::from).collect();
        for (of_value, &usual) in rows.iter().zip(usual) {
            bias.iter_mut().zip(*of_value).for_each(|(sum, &weight)| *sum += f64::from(usual) * f64::from(weight));
        }
        let mut weights = rows[..=n_features].concat();
        let mut fine = Vec::with_capacity(inputs.features.len());
        let mut of_pieces = rows[n_features + 1..].iter();
        for (at, &feature) in inputs.features.iter().enumerate() {
            if inputs.n_pieces(at) == 0 {
                continue;
            }
            let of_value = rows[feature as usize];
            let edges = inputs.edges(at);
            let row = (weights.len() / width) as u32;
            let usual = usual[feature as usize];
            let from = f64::from(edges[0]) - f64::from(usual);
            let mut sums: Vec<f64> = of_value.iter().map(|&w| from * f64::from(w)).collect();
            // What the pieces add to what is usual is in the bias, and what they add elsewhere is less.
            for (pair, of_piece) in edges.windows(2).zip(of_pieces.clone()) {
                let part = ((usual - pair[0]) / (pair[1] - pair[0])).clamp(0.0, 1.0);
                for ((bias, sum), &weight) in bias.iter_mut().zip(&mut sums).zip(*of_piece) {
                    let usually = f64::from(part) * f64::from(weight);
                    *bias += usually;
                    *sum -= usually;
                }
            }
            for (pair, of_piece) in edges.windows(2).zip(&mut of_pieces) {
                let length = f64::from(pair[1]) - f64::from(pair[0]);
                let slopes = of_piece.iter().zip(of_value).map(|(&p, &w)| f64::from(p) + length * f64::from(w));
                let slopes: Vec<f64> = slopes.collect();
                weights.extend(sums.iter().chain(&slopes).map(|&w| w as f32));
                sums.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
            }
            let by_length = edges.windows(2).map(|pair| 1.0 / (pair[1] - pair[0])).collect();
            fine.push(Fine {
                feature,
                row,
                edges,
                by_length,
                is_even: matches!(inputs.pieces, Pieces::Even(_)),
                usual,
            });
        }
        let bias: Vec<f32> = bias.into_iter().map(|sum| sum as f32).collect();
        let first = Layer::new(weights.len() / width, &weights, &bias, first.activation()).ok()?;
        let layers = std::iter::once(first).chain(rest.iter().cloned()).collect();
        Some(Self { layers, fine, usual: usual.to_vec() })
    }

    /// Runs the features and forest scores of some rows; `each` gets the row's index and the outputs.
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    pub fn for_each_row(
        &self,
        features: &Encoded,
        scores: &[f32],
        forest_input: Standardise,
        mut each: impl FnMut(usize, &[f32]),
    ) {
        let n_features = self.usual.len();
        assert_eq!((features.n_rows(), features.n_features()), (scores.len(), n_features), "shape of the features");
        // A fine feature is three inputs at most.
        let mut lists = vec![Inputs::new(3 * n_features + 1); TILE];
        let mut scratch = Vec::new();
        for (tile, scores) in scores.chunks(TILE).enumerate() {
            let lists = &mut lists[..scores.len()];
            for (list, &score) in lists.iter_mut().zip(scores) {
                list.clear();
                list.push(n_features as u32, forest_input.apply(score));
            }
            self.gather(features, tile * TILE, lists);
            run(&self.layers, lists, &mut scratch, |row, outputs| each(tile * TILE + row, outputs));
        }
    }

    /// Adds the features of the rows from `first` on to their lists.
    fn gather(&self, features: &Encoded, first: usize, lists: &mut [Inputs]) {
        static ZEROS: [f32; TILE] = [0.0; TILE];
        let mut fine = self.fine.iter().peekable();
        for (feature, &usual) in (0..).zip(&self.usual) {
            let column = features.column(feature as usize);
            let values = column.map_or(&ZEROS[..lists.len()], |values| &values[first..first + lists.len()]);
            match fine.next_if(|fine| fine.feature == feature) {
                Some(fine) if fine.is_even => {
                    let (last, scale) = (fine.by_length.len() - 1, fine.by_length.len() as f32 / 2.0);
                    fine.gather(values, lists, |x| {
                        let at = (x + 1.0) * scale;
                        let piece = (at as usize).min(last);
                        (piece, at - piece as f32)
                    });
                }
                Some(fine) => {
                    let inner = &fine.edges[1..fine.by_length.len()];
                    fine.gather(values, lists, |x| {
                        let piece = inner.iter().map(|&edge| usize::from(edge <= x)).sum();
                        (piece, (x - fine.edges[piece]) * fine.by_length[piece])
                    });
                }
                // Of the features of a category, most are zero in all of some rows.
                None if usual == 0.0 && column.is_none() => {}
                None => for_each_unusual(values, usual, lists, |x, list| list.push(feature, x - usual)),
            }
        }
    }
}

impl Fine {
    /// Adds the feature of some rows to their lists; `find` gives the piece of a number within the pieces, and how much of it.
    fn gather(&self, values: &[f32], lists: &mut [Inputs], find: impl Fn(f32) -> (usize, f32)) {
        let (low, high) = (self.edges[0], self.edges[self.by_length.len()]);
        for_each_unusual(values, self.usual, lists, |x, list| {
            // What is beyond has no pieces, but counts by itself.
            let within = x.clamp(low, high);
            let (piece, part) = find(within);
            let row = self.row + 2 * piece as u32;
            // Where most rows differ, the others come here, too, and add nothing.
            let differs = f32::from(x != self.usual);
            list.push(row, differs);
            list.push(row + 1, differs * part);
            if x != within {
                list.push(self.feature, differs * (x - within));
            }
        });
    }
}

/// Calls `push` for the values that are not the usual one, with the lists of their rows; for all of them where most are not, since
/// it is quicker not to ask.
fn for_each_unusual<T>(values: &[f32], usual: f32, lists: &mut [T], mut push: impl FnMut(f32, &mut T)) {
    let mut unusual = unusual(values, usual);
    if unusual.count_ones() as usize > TILE / 2 {
        values.iter().zip(lists).for_each(|(&x, list)| push(x, list));
        return;
    }
    while unusual != 0 {
        let at = unusual.trailing_zeros() as usize;
        push(values[at], &mut lists[at]);
        unusual &= unusual - 1;
    }
}

/// A bit for each of up to [`TILE`] values that is not the usual one.
fn unusual(values: &[f32], usual: f32) -> u64 {
    let (whole, rest) = values.as_chunks::<4>();
    let mut bits = 0;
    for (at, &four) in whole.iter().enumerate() {
        bits |= u64::from(f32x4::new(four).simd_ne(f32x4::splat(usual)).to_bitmask()) << (4 * at);
    }
    for (at, &x) in rest.iter().enumerate() {
        bits |= u64::from(x != usual) << (4 * whole.len() + at);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense::Activation;
    use crate::encode::ColumnEncoding;
    use crate::features::BLOCK;
    use crate::rng::Rng;
    use ndarray::{Array2, array};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn number(name: &str, knots: usize) -> ColumnEncoding {
        let even = |k: usize| -1.0 + 2.0 * k as f32 / (knots - 1) as f32;
        let scale = Scale::Quantile {
            values: (0..knots).map(|k| k as f32).collect(),
            positions: (0..knots).map(even).collect(),
        };
        let encoding = Encoding::Number { scale, low: 0.0, high: (knots - 1) as f32, fill: 0.0, infinite: false };
        ColumnEncoding { name: name.into(), encoding, missing: false }
    }

    #[test]
    fn a_fine_feature_is_given_in_pieces() {
        let encoder = Encoder { version: 1, columns: vec![number("coarse", 2), number("fine", 20)] };
        let inputs = NetworkInputs::of(&encoder);
        assert_eq!(inputs, NetworkInputs { pieces: Pieces::Even(16), features: vec![1] });
        assert!(inputs.check(2).is_ok() && inputs.check(1).is_err());
        let inputs = NetworkInputs { pieces: Pieces::Even(4), ..inputs };
        let mut out = Array2::zeros((3, inputs.n_inputs(2)));
        let forest_input = Standardise { mean: 1.0, deviation: 2.0 };
        let features = array![[0.5, -1.0], [-1.0, 0.25], [0.0, 1.0]];
        inputs.fill(features.view(), &[3.0, 1.0, 1.0], forest_input, out.view_mut());
        let expected = array![
            [0.5, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            [-1.0, 0.25, 0.0, 1.0, 1.0, 0.5, 0.0],
            [0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
        ];
        assert_eq!(out, expected);
        // The same, cut there.
        let inputs = NetworkInputs { pieces: Pieces::At(vec![vec![-1.0, -0.5, 0.0, 0.5, 1.0]]), ..inputs };
        inputs.fill(features.view(), &[3.0, 1.0, 1.0], forest_input, out.view_mut());
        assert_eq!(out, expected);
    }

    #[test]
    fn uneven_pieces_are_checked() {
        let check = |features: &[u32], edges: &[&[f32]], sound: bool| {
            let pieces = Pieces::At(edges.iter().map(|edges| edges.to_vec()).collect());
            let inputs = NetworkInputs { pieces, features: features.to_vec() };
            assert_eq!(inputs.check(2).is_ok(), sound, "{inputs:?}");
            if sound {
                let json = serde_json::to_string(&inputs).unwrap();
                assert_eq!(serde_json::from_str::<NetworkInputs>(&json).unwrap(), inputs);
            }
        };
        check(&[], &[], true);
        check(&[0, 1], &[&[-1.0, 1.0], &[-1.0, 0.5, 1.0]], true);
        check(&[0, 1], &[&[-1.0, 1.0]], false);
        check(&[0], &[&[-1.0]], false);
        check(&[0], &[&[0.0, 0.0]], false);
        check(&[0], &[&[0.0, 1.5]], false);
        check(&[0], &[&[0.0, f32::MIN_POSITIVE / 8.0]], false);
        check(&[0], &[&[0.0, f32::NAN]], false);
        check(&[2], &[&[-1.0, 1.0]], false);
        let many: Vec<f32> = (0..2000).map(|i| i as f32 / 2000.0).collect();
        check(&[0], &[&many], false);
    }

    #[test]
    fn a_folded_network_gives_what_the_whole_one_does() {
        folded(Pieces::Even(7));
        folded(Pieces::Even(0));
        folded(Pieces::At(vec![vec![-1.0, 1.0], vec![-0.5, -0.25, 0.75], vec![-1.0, -0.9, 0.0, 0.1, 0.2, 0.6]]));
    }

    fn folded(pieces: Pieces) {
        let mut rng = Rng::new(4);
        let inputs = NetworkInputs { pieces, features: vec![0, 2, 3] };
        let mut layer = |n: usize, width: usize, activation| {
            let mut draw = |n: usize| (0..n).map(|_| rng.normal() as f32 / 4.0).collect::<Vec<_>>();
            Layer::new(n, &draw(n * width), &draw(width), activation).unwrap()
        };
        let layers = vec![layer(inputs.n_inputs(5), 40, Activation::Relu), layer(40, 3, Activation::Sigmoid)];
        for network in [Dense::new(layers.clone()).unwrap(), Dense::new(layers[..1].to_vec()).unwrap()] {
            // Ends of pieces and what is between them; flags; and what no encoder gives.
            let features = Array2::from_shape_fn((700, 5), |(i, column)| match (column, i % 9) {
                (1, _) => f32::from(u8::from(i % 3 == 0)),
                (_, 0) => 1.0,
                (_, 1) => -1.0,
                (_, 2) => 2.0 * (i % 7) as f32 / 7.0 - 1.0,
                (_, 3) if i > 600 => 3.0 * (i % 5) as f32 - 6.0,
                _ => rng.uniform() as f32 * 2.0 - 1.0,
            });
            let scores: Vec<f32> = (0..700).map(|i| i as f32 / 700.0).collect();
            let forest_input = Standardise { mean: 0.4, deviation: 0.2 };
            let mut x = Array2::zeros((700, inputs.n_inputs(5)));
            inputs.fill(features.view(), &scores, forest_input, x.view_mut());
            let mut expected = Vec::new();
            network.for_each_row(x.view(), |_, _, y| expected.push(y.to_vec()));
            // An end and what is between, a flag that is set, and what no piece reaches.
            for usual in [[0.0; 5], [-1.0, 1.0, 1.0, features[[2, 3]], 1.0], [features[[605, 0]], 0.0, 0.1, -1.0, 2.0]]
            {
                let folded = Folded::new(&inputs, &usual, &network).unwrap();
                let mut rows = 0;
                folded.for_each_row(&Encoded::of(features.view()), &scores, forest_input, |row, y| {
                    let near = y.iter().zip(&expected[row]).all(|(a, b)| (a - b).abs() < 5e-6);
                    assert!(near && y.len() == expected[row].len(), "row {row}: {y:?} is not {:?}", expected[row]);
                    rows += 1;
                });
                assert_eq!(rows, 700);
            }
            assert!(Folded::new(&inputs, &[0.0; 6], &network).is_none());
        }
    }

    #[test]
    fn known_zeros_are_passed_over() {
        let mut rng = Rng::new(7);
        let inputs = NetworkInputs { pieces: Pieces::Even(4), features: vec![2] };
        let mut draw = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
        let width = inputs.n_inputs(3);
        let network =
            Dense::new(vec![Layer::new(width, &draw(8 * width), &draw(8), Activation::Tanh).unwrap()]).unwrap();
        let forest_input = Standardise { mean: 0.4, deviation: 0.2 };
        let mut known = Encoded::new(BLOCK, 3);
        // Two flags, of which one is usually set, and a number; in one block no flag is set.
        let folded = Folded::new(&inputs, &[0.0, 1.0, 0.0], &network).unwrap();
        for (rows, step) in [(300, 7), (200, 0), (70, 64)] {
            known.begin(rows);
            for row in (0..rows).filter(|row| step > 0 && row % step == 1) {
                known.set(0, row);
                known.set(1, row);
            }
            assert_eq!(known.column(1).is_none(), step == 0);
            (0..).zip(known.numbers(2)).for_each(|(i, x)| *x = (i % 9) as f32 / 4.0 - 1.0);
            let outputs = |rows: &Encoded| {
                let mut all = Vec::new();
                let scores = vec![0.5; rows.n_rows()];
                folded.for_each_row(rows, &scores, forest_input, |_, y| all.extend_from_slice(y));
                all
            };
            assert_eq!(outputs(&known), outputs(&Encoded::of(known.view())));
        }
    }

    #[test]
    fn whatever_is_unusual_is_found_in_each_row() {
        let mut rng = Rng::new(8);
        for n in 0..=TILE {
            for most in [0, 1, 2, 5, 9, 10] {
                let mut draw = || match rng.below(10) < most {
                    true => [1.5, f32::NAN, -f32::MIN_POSITIVE, f32::INFINITY][rng.below(4) as usize],
                    false => 0.0,
                };
                let values: Vec<f32> = (0..n).map(|_| draw()).collect();
                for usual in [0.0, 1.5, f32::INFINITY] {
                    let (mut found, mut asked) = (vec![false; n], 0);
                    for_each_unusual(&values, usual, &mut found, |x, found| {
                        asked += 1;
                        *found = x != usual;
                    });
                    let unusual: Vec<bool> = values.iter().map(|&x| x != usual).collect();
                    assert_eq!(found, unusual, "{values:?} but for {usual}");
                    let n_unusual = unusual.iter().filter(|&&is| is).count();
                    assert_eq!(asked, if n_unusual > TILE / 2 { n } else { n_unusual });
                }
            }
        }
    }

    #[test]
    fn many_features_share_the_pieces() {
        let columns = |n: usize| (0..n).map(|i| number(&i.to_string(), 9)).collect();
        for (n, pieces) in [(1, 16), (30, 16), (60, 8), (240, 2), (241, 0)] {
            let inputs = NetworkInputs::of(&Encoder { version: 1, columns: columns(n) });
            assert_eq!(inputs.pieces, Pieces::Even(pieces), "{n} features");
        }
    }
}
