//! What a pack's network reads of a row: the encoded features, the forest's standardised score, and each finely scaled
//! feature once more in pieces, `clamp((x − a_k) / (a_{k+1} − a_k), 0, 1)` between even positions `a_k` of its scale. A network
//! that can weigh each part of a range by itself comes close to boosted trees on tables (piecewise linear encoding,
//! Gorishniy 2022, "On Embeddings for Numerical Features in Tabular Deep Learning").

use crate::encode::{Encoder, Encoding, Scale};
use crate::error::{Error, Result};
use crate::hybrid::Standardise;
use ndarray::{ArrayView2, ArrayViewMut2, s};
use serde::{Deserialize, Serialize};

/// Which features are given in pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkInputs {
    /// For each of these features.
    pub pieces: u32,
    /// Rising indices.
    pub features: Vec<u32>,
}

/// More pieces than this tell no more (UNSW-NB15: 8 pieces give a ROC AUC of .9920, 16 .9928, 32 .9930, none .9899).
const MAX_PIECES: u32 = 16;
/// Of all features: the network's first layer has a weight for each, and a pack is to stay small.
const MAX_ALL: u32 = 480;
/// A feature with fewer distinct values needs none.
const LEAST_KNOTS: usize = 9;

impl NetworkInputs {
    /// For a fitted encoder.
    #[must_use]
    pub fn of(encoder: &Encoder) -> Self {
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
        let pieces = (MAX_ALL / (features.len() as u32).max(1)).min(MAX_PIECES);
        if pieces < 2 { Self { pieces: 0, features: Vec::new() } } else { Self { pieces, features } }
    }

    /// How many numbers the network reads of a row with so many features.
    #[must_use]
    pub fn n_inputs(&self, n_features: usize) -> usize {
        n_features + 1 + self.pieces as usize * self.features.len()
    }

    /// For stored ones, which are not trusted.
    ///
    /// # Errors
    /// If they do not fit an encoder with so many features.
    pub fn check(&self, n_features: usize) -> Result<()> {
        let sound = self.pieces <= MAX_PIECES
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
        let scale = self.pieces as f32 / 2.0;
        for ((row, &score), mut out) in features.rows().into_iter().zip(scores).zip(out.rows_mut()) {
            out[width] = forest_input.apply(score);
            let mut places = out.iter_mut().skip(width + 1);
            for &feature in &self.features {
                // The feature is between −1 and 1.
                let at = (row[feature as usize] + 1.0) * scale;
                for (piece, place) in (0..self.pieces).zip(&mut places) {
                    *place = (at - piece as f32).clamp(0.0, 1.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::ColumnEncoding;
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
        assert_eq!(inputs, NetworkInputs { pieces: 16, features: vec![1] });
        assert!(inputs.check(2).is_ok() && inputs.check(1).is_err());
        let inputs = NetworkInputs { pieces: 4, ..inputs };
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
    }

    #[test]
    fn many_features_share_the_pieces() {
        let columns = |n: usize| (0..n).map(|i| number(&i.to_string(), 9)).collect();
        let pieces = |n: usize| NetworkInputs::of(&Encoder { version: 1, columns: columns(n) }).pieces;
        assert_eq!((pieces(1), pieces(30), pieces(60), pieces(240), pieces(241)), (16, 16, 8, 2, 0));
    }
}
