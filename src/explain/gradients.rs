//! Integrated gradients of a network's logit (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML
//! 2017): how much of the difference between a row and a typical one comes from each input.
//!
//! The way from the typical row to the row is a straight line, on which the first layer's sums move in a straight line as
//! well; so each step costs only the layers behind it. The steps are few, and what they miss is shared out in proportion:
//! the attributions add up to the difference of the logits.

use crate::dense::{Activation, Dense, tanh};

/// A chain of layers, ready to be walked back.
pub struct Gradients {
    layers: Vec<GradientLayer>,
    /// The typical row.
    base: Vec<f32>,
    /// The first layer's sums for it.
    base_sums: Vec<f32>,
    base_logit: f64,
}

struct GradientLayer {
    n_outputs: usize,
    /// Rows of `n_outputs` weights, a row for each input.
    weights: Vec<f32>,
    /// The same, a row for each output, for the way back.
    transposed: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
}

/// Middles of the pieces of the way. Of KDDTrain+'s rows, 16 leave 1 % of the difference over at the median.
const STEPS: usize = 16;

impl Gradients {
    /// Of a chain whose one output is a probability; its sigmoid is left out, so that what is attributed is the logit.
    #[must_use]
    pub fn of(dense: &Dense, base: Vec<f32>) -> Self {
        let last = dense.layers().len() - 1;
        let layers = dense.layers().iter().enumerate().map(|(at, layer)| {
            let (weights, n_outputs) = (layer.weights(), layer.n_outputs());
            let column = |output: usize| weights.iter().skip(output).step_by(n_outputs).copied();
            GradientLayer {
                n_outputs,
                transposed: (0..n_outputs).flat_map(column).collect(),
                weights,
                bias: layer.bias().to_vec(),
                activation: if at == last { Activation::Identity } else { layer.activation() },
            }
        });
        let layers: Vec<GradientLayer> = layers.collect();
        let base_sums = layers[0].sums(&base);
        let mut gradients = Self { layers, base, base_sums, base_logit: 0.0 };
        gradients.base_logit = gradients.logit(&gradients.base_sums, &mut Vec::new());
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
        let width = self.base_sums.len();
        let differences = || row.iter().zip(&self.base).enumerate().filter(|(_, (x, base))| x != base);
        let mut way = vec![0.0f32; width];
        for (at, (x, base)) in differences() {
            let weights = &self.layers[0].weights[at * width..(at + 1) * width];
            way.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += (x - base) * weight);
        }
        let mut outputs = Vec::new();
        let mut gradient = vec![0.0f32; width];
        let mut sums = vec![0.0f32; width];
        let mut at = |part: f32, outputs: &mut Vec<Vec<f32>>| {
            sums.iter_mut().zip(&self.base_sums).zip(&way).for_each(|((sum, base), way)| *sum = base + part * way);
            self.logit(&sums, outputs)
        };
        for step in 0..STEPS {
            at((step as f32 + 0.5) / STEPS as f32, &mut outputs);
            self.add_gradient(&outputs, &mut gradient);
        }
        let logit = at(1.0, &mut outputs);
        let mut slopes = Vec::new();
        self.layers[0].back(&gradient, &mut slopes);
        let mut parts = vec![0.0; out.len()];
        for (at, (x, base)) in differences() {
            parts[at] = f64::from(x - base) * f64::from(slopes[at]) / STEPS as f64;
        }
        complete(&mut parts, logit - self.base_logit);
        out.iter_mut().zip(parts).for_each(|(out, part)| *out += part);
        logit
    }

    /// From the first layer's sums; `outputs` takes what comes out of each layer.
    fn logit(&self, sums: &[f32], outputs: &mut Vec<Vec<f32>>) -> f64 {
        outputs.resize(self.layers.len(), Vec::new());
        outputs[0].clear();
        outputs[0].extend(sums.iter().map(|&sum| activate(self.layers[0].activation, sum)));
        for (at, layer) in self.layers.iter().enumerate().skip(1) {
            let (before, here) = outputs.split_at_mut(at);
            layer.run(&before[at - 1], &mut here[0]);
        }
        f64::from(outputs[self.layers.len() - 1][0])
    }

    /// Adds how fast the logit changes with each of the first layer's sums.
    fn add_gradient(&self, outputs: &[Vec<f32>], gradient: &mut [f32]) {
        let (mut behind, mut before) = (vec![1.0f32], Vec::new());
        for (at, (layer, outputs)) in self.layers.iter().zip(outputs).enumerate().rev() {
            behind.iter_mut().zip(outputs).for_each(|(slope, &y)| *slope *= slope_at(layer.activation, y));
            if at > 0 {
                layer.back(&behind, &mut before);
                std::mem::swap(&mut behind, &mut before);
            }
        }
        gradient.iter_mut().zip(behind).for_each(|(sum, slope)| *sum += slope);
    }
}

impl GradientLayer {
    fn sums(&self, x: &[f32]) -> Vec<f32> {
        let mut sums = self.bias.clone();
        for (&x, weights) in x.iter().zip(self.weights.chunks_exact(self.n_outputs)).filter(|(x, _)| **x != 0.0) {
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
        }
        sums
    }

    /// How fast something changes with each input, from how fast it changes with each sum.
    fn back(&self, slopes: &[f32], out: &mut Vec<f32>) {
        let n_inputs = self.transposed.len() / self.n_outputs;
        out.clear();
        out.resize(n_inputs, 0.0);
        for (&slope, weights) in slopes.iter().zip(self.transposed.chunks_exact(n_inputs)).filter(|(s, _)| **s != 0.0) {
            out.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += slope * weight);
        }
    }

    fn run(&self, x: &[f32], out: &mut Vec<f32>) {
        *out = self.sums(x);
        out.iter_mut().for_each(|y| *y = activate(self.activation, *y));
    }
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

fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::Sigmoid => crate::dense::sigmoid(x),
        Activation::Tanh => tanh(x),
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
    use crate::dense::Layer;
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
