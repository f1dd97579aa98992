//! Integrated gradients of a network's logit (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML
//! 2017): how much of the difference between a row and a typical one comes from each input.
//!
//! The way from the typical row to the row is a straight line, on which the first layer's sums move in a straight line as
//! well; so each step costs only the layers behind it. The steps are few, and what they miss is shared out in proportion:
//! the attributions add up to the difference of the logits.

use crate::dense::{Activation, Dense, Inputs, Layer};

/// A chain of layers, ready to be walked back.
pub struct Gradients {
    /// Without its bias, and what it does to its sums.
    first: (Both, Activation),
    rest: Vec<Both>,
    /// The typical row.
    base: Vec<f32>,
    /// The first layer's sums for it.
    base_sums: Vec<f32>,
    base_logit: f64,
}

/// A layer in both directions.
struct Both {
    forth: Layer,
    /// From how fast something changes with each sum to how fast it changes with each input.
    back: Layer,
}

/// Middles of the pieces of the way. Of KDDTrain+'s rows, 16 leave 1 % of the difference over at the median.
const STEPS: usize = 16;

impl Gradients {
    /// Of a chain whose one output is a probability; its sigmoid is left out, so that what is attributed is the logit.
    #[must_use]
    pub fn of(dense: &Dense, base: Vec<f32>) -> Self {
        let layers = dense.layers();
        let last = layers.len() - 1;
        let activation = |at: usize| if at == last { Activation::Identity } else { layers[at].activation() };
        let blank = vec![0.0; layers[0].n_outputs()];
        let first = Both::of(&layers[0], &blank, Activation::Identity);
        let rest = (1..).zip(&layers[1..]).map(|(at, layer)| Both::of(layer, layer.bias(), activation(at)));
        let rest = rest.collect();
        let whole = Layer::new(layers[0].n_inputs(), &layers[0].weights(), layers[0].bias(), Activation::Identity);
        let base_sums = run_one(&whole.expect("it is a layer"), &base);
        let mut gradients = Self { first: (first, activation(0)), rest, base, base_sums, base_logit: 0.0 };
        gradients.base_logit = logit_of(&gradients.outputs(&gradients.base_sums, &mut Vec::new()));
        gradients
    }

    /// The logit of the typical row.
    #[must_use]
    pub fn base_logit(&self) -> f64 {
        self.base_logit
    }

    /// Adds each input's part to `out`; the row's logit.
    ///
    /// # Panics
    /// If the row or `out` has not the chain's inputs.
    pub fn attribute(&self, row: &[f32], out: &mut [f64]) -> f64 {
        assert!(row.len() == self.base.len() && out.len() == row.len(), "a place for each input");
        let differences: Vec<f32> = row.iter().zip(&self.base).map(|(x, base)| x - base).collect();
        let way = run_one(&self.first.0.forth, &differences);
        let mut sums = Vec::with_capacity((STEPS + 1) * way.len());
        for part in (0..STEPS).map(|step| (step as f32 + 0.5) / STEPS as f32).chain([1.0]) {
            sums.extend(self.base_sums.iter().zip(&way).map(|(base, way)| base + part * way));
        }
        let mut rows = Vec::new();
        let outputs = self.outputs(&sums, &mut rows);
        let logit = logit_of(&outputs);
        let slopes = run_one(&self.first.0.back, &self.gradient(&outputs, &mut rows));
        let of_input = |(x, slope): (&f32, f32)| match *x {
            0.0 => 0.0,
            x => f64::from(x) * f64::from(slope) / STEPS as f64,
        };
        let mut parts: Vec<f64> = differences.iter().zip(slopes).map(of_input).collect();
        complete(&mut parts, logit - self.base_logit);
        out.iter_mut().zip(parts).for_each(|(out, part)| *out += part);
        logit
    }

    /// What comes out of each layer, points × outputs, from the first layer's sums at some points. `rows` is overwritten.
    fn outputs(&self, sums: &[f32], rows: &mut Vec<Inputs>) -> Vec<Vec<f32>> {
        rows.resize_with(sums.len() / self.base_sums.len(), Inputs::default);
        let mut scratch = Vec::new();
        let mut first = sums.to_vec();
        self.first.1.apply(&mut first);
        let mut outputs = vec![first];
        for Both { forth, .. } in &self.rest {
            fill(rows, &outputs[outputs.len() - 1]);
            forth.run(rows, &mut scratch);
            outputs.push(joined(forth.outputs(&scratch)));
        }
        outputs
    }

    /// How fast the logit changes with each of the first layer's sums, over the middles of all pieces. `rows` is overwritten.
    fn gradient(&self, outputs: &[Vec<f32>], rows: &mut Vec<Inputs>) -> Vec<f32> {
        rows.resize_with(STEPS, Inputs::default);
        let (mut slopes, mut scratch) = (vec![1.0f32; STEPS], Vec::new());
        let through = |slopes: &mut [f32], activation, outputs: &[f32]| {
            slopes.iter_mut().zip(outputs).for_each(|(slope, &y)| *slope *= slope_at(activation, y));
        };
        for (Both { forth, back }, outputs) in self.rest.iter().zip(&outputs[1..]).rev() {
            through(&mut slopes, forth.activation(), outputs);
            fill(rows, &slopes);
            back.run(rows, &mut scratch);
            slopes = joined(back.outputs(&scratch));
        }
        through(&mut slopes, self.first.1, &outputs[0]);
        let mut gradient = vec![0.0; self.base_sums.len()];
        for slopes in slopes.chunks_exact(gradient.len()) {
            gradient.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
        }
        gradient
    }
}

impl Both {
    fn of(layer: &Layer, bias: &[f32], activation: Activation) -> Self {
        let (weights, n_outputs) = (layer.weights(), layer.n_outputs());
        let column = |output: usize| weights.iter().skip(output).step_by(n_outputs).copied();
        let transposed: Vec<f32> = (0..n_outputs).flat_map(column).collect();
        let blank = vec![0.0; layer.n_inputs()];
        let new = |n, weights: &[f32], bias: &[f32], activation| {
            Layer::new(n, weights, bias, activation).expect("they are a layer's")
        };
        Self {
            forth: new(layer.n_inputs(), &weights, bias, activation),
            back: new(n_outputs, &transposed, &blank, Activation::Identity),
        }
    }
}

/// Rows, one behind the other.
fn joined<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut all = Vec::new();
    rows.for_each(|row| all.extend_from_slice(row));
    all
}

/// Takes in rows that lie one behind the other.
fn fill(rows: &mut [Inputs], all: &[f32]) {
    let width = all.len() / rows.len();
    rows.iter_mut().zip(all.chunks_exact(width)).for_each(|(row, values)| row.fill(values));
}

fn run_one(layer: &Layer, x: &[f32]) -> Vec<f32> {
    let (mut row, mut out) = (Inputs::default(), Vec::new());
    row.fill(x);
    layer.run(&[row], &mut out);
    out.truncate(layer.n_outputs());
    out
}

/// The last point's.
fn logit_of(outputs: &[Vec<f32>]) -> f64 {
    f64::from(*outputs.last().and_then(|logits| logits.last()).expect("a chain has an output"))
}

/// Shares what is missing to the whole out in proportion to the parts' sizes.
pub fn complete(parts: &mut [f64], whole: f64) {
    let rest = whole - parts.iter().sum::<f64>();
    let size: f64 = parts.iter().map(|part| part.abs()).sum();
    if size > 0.0 {
        parts.iter_mut().for_each(|part| *part += rest * part.abs() / size);
    } else if let Some(first) = parts.first_mut() {
        *first += rest;
    }
}

/// The slope where the output is `y`.
fn slope_at(activation: Activation, y: f32) -> f32 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Relu => f32::from(u8::from(y > 0.0)),
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn layer(rng: &mut Rng, n: usize, m: usize, activation: Activation) -> Layer {
        let mut draw = |count: usize| (0..count).map(|_| rng.normal() as f32 / (n as f32).sqrt()).collect::<Vec<_>>();
        let weights = draw(n * m);
        Layer::new(n, &weights, &draw(m), activation).unwrap()
    }

    #[test]
    fn attributions_add_up_to_the_difference_of_the_logits() {
        for activation in [Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
            let mut rng = Rng::new(1);
            let layers = vec![
                layer(&mut rng, 20, 32, activation),
                layer(&mut rng, 32, 16, activation),
                layer(&mut rng, 16, 1, Activation::Sigmoid),
            ];
            let dense = Dense::new(layers).unwrap();
            let mut row = || (0..20).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
            let (base, x) = (row(), row());
            let gradients = Gradients::of(&dense, base.clone());
            let mut out = vec![0.0; 20];
            let logit = gradients.attribute(&x, &mut out);
            let sum: f64 = out.iter().sum();
            assert!((sum - (logit - gradients.base_logit())).abs() < 1e-6, "{activation:?}");
            let mut probability = 0.0;
            dense.for_each_row(ndarray::ArrayView2::from_shape((1, 20), &x).unwrap(), |_, _, y| probability = y[0]);
            assert!((crate::hybrid::logit(probability) - logit).abs() < 1e-4);
            // What does not differ has no part in it.
            let mut same = x.clone();
            same[4] = base[4];
            let mut out = vec![0.0; 20];
            gradients.attribute(&same, &mut out);
            assert_eq!(out[4], 0.0);
        }
    }

    #[test]
    fn of_a_single_layer_they_are_weight_times_difference() {
        let layer = Layer::new(3, &[1.0, -2.0, 0.5], &[0.25], Activation::Sigmoid).unwrap();
        let gradients = Gradients::of(&Dense::new(vec![layer]).unwrap(), vec![0.0, 1.0, 1.0]);
        let mut out = vec![0.0; 3];
        assert_eq!(gradients.attribute(&[2.0, 0.0, 1.0], &mut out), 2.75);
        assert_eq!(out, [2.0, 2.0, 0.0]);
        assert_eq!(gradients.base_logit(), -1.25);
    }
}
