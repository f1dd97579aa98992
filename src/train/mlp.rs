//! Trains fully connected networks: back-propagation, AdamW with decoupled weight decay (Loshchilov and Hutter 2019), a cosine
//! schedule, inverted dropout, input noise, and early stopping on validation rows.
//!
//! Every sum has a fixed order and chance comes from `rng.rs`, so the same rows and seed give the same weights to the last
//! bit, natively and in wasm. General training libraries pick kernels by processor, and do not promise that.

use crate::dense::{Activation, Dense, Layer, sigmoid, tanh};
use crate::error::Result;
use crate::rng::Rng;
use ndarray::ArrayView2;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpParams {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    pub activation: Activation,
    /// The share of each hidden layer's outputs that is dropped. Only behind a ReLU; may be shorter than `hidden`.
    pub dropout: Vec<f64>,
    /// Standard deviation of the noise that is added to the inputs.
    pub input_noise: f32,
    /// The first inputs, which the noise is added to; all, if there are no more.
    pub noisy_inputs: usize,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub batch: usize,
    /// Batches to learn from, roughly: the rows are gone through in whole epochs, 3 to 200 of them.
    pub steps: u32,
    /// The network is the moving average of its weights over the batches, which each batch keeps this share of; 0 for the
    /// weights as they are.
    pub averaging: f64,
    pub seed: u64,
}

/// What the network learns.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// The probability of label 1, with a label and a weight for each row.
    Labels { labels: &'a [u8], weights: &'a [f32] },
    /// The inputs themselves, by mean squared error: by absolute error, rare values would not be worth learning.
    Inputs,
}

/// Rows and what to learn of them.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub x: ArrayView2<'a, f32>,
    pub target: Target<'a>,
}

impl MlpParams {
    /// Trains on `rows`; keeps the weights of the epoch that has the least loss on `validation`. `epoch_done` hears the
    /// share of the epochs that are done and that loss.
    ///
    /// # Errors
    /// If the loss diverges, so that weights are no longer finite.
    pub fn fit(&self, rows: Rows<'_>, validation: Rows<'_>, mut epoch_done: impl FnMut(f64, f64)) -> Result<Dense> {
        let mut rng = Rng::new(self.seed);
        let mut net = Trainer::new(self, rows.x.ncols(), rows.target, &mut rng);
        let mut order: Vec<u32> = (0..rows.x.nrows() as u32).collect();
        let batches = order.len().div_ceil(self.batch).max(1) as u32;
        let epochs = (self.steps / batches).clamp(3, 200);
        let steps = f64::from(epochs) * f64::from(batches);
        let (mut best, mut best_loss) = (net.dense()?, f64::INFINITY);
        for epoch in 1..=epochs {
            rng.shuffle(&mut order);
            for batch in order.chunks(self.batch) {
                net.load(rows, batch, self, &mut rng);
                net.forward(&self.dropout, &mut rng);
                net.loss_gradient();
                net.backward(&self.dropout);
                let done = f64::from(net.step) / steps;
                let rate = self.learning_rate * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done));
                net.update(rate, self.weight_decay);
                net.average(self.averaging);
            }
            let now = net.dense()?;
            let loss = mean_loss(&now, validation);
            if loss < best_loss {
                (best, best_loss) = (now, loss);
            }
            epoch_done(f64::from(epoch) / f64::from(epochs), loss);
        }
        Ok(best)
    }
}

/// The mean loss of a finished network: weighted cross-entropy, or mean squared error.
#[must_use]
pub fn mean_loss(net: &Dense, rows: Rows<'_>) -> f64 {
    let mut sum = 0.0;
    net.for_each_row(rows.x, |row, x, y| {
        sum += match rows.target {
            Target::Labels { labels, weights } => {
                let p = f64::from(if labels[row] == 1 { y[0] } else { 1.0 - y[0] });
                -f64::from(weights[row]) * libm::log(p.max(1e-12))
            }
            Target::Inputs => x.iter().zip(y).map(|(x, y)| f64::from((x - y) * (x - y))).sum::<f64>() / x.len() as f64,
        };
    });
    sum / rows.x.nrows().max(1) as f64
}

/// A layer's parameters or their gradients or moments: weights, then biases.
struct Weights {
    n_inputs: usize,
    n_outputs: usize,
    values: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// The moving average of the values; empty without one.
    averaged: Vec<f32>,
    activation: Activation,
}

impl Weights {
    fn new(n_inputs: usize, n_outputs: usize, activation: Activation, rng: &mut Rng) -> Self {
        let n = (n_inputs + 1) * n_outputs;
        // Uniform in ±1/√n_inputs, as PyTorch's Linear begins.
        let bound = 1.0 / libm::sqrt(n_inputs as f64);
        let values = (0..n).map(|_| ((2.0 * rng.uniform() - 1.0) * bound) as f32).collect();
        Self {
            n_inputs,
            n_outputs,
            values,
            gradient: vec![0.0; n],
            mean: vec![0.0; n],
            variance: vec![0.0; n],
            averaged: Vec::new(),
            activation,
        }
    }

    fn n_weights(&self) -> usize {
        self.n_inputs * self.n_outputs
    }
}

struct Trainer {
    layers: Vec<Weights>,
    is_classifier: bool,
    /// The batch's inputs, then each layer's outputs, row after row.
    values: Vec<Vec<f32>>,
    /// What the loss compares the outputs with, and how much each row weighs.
    wanted: Vec<f32>,
    row_weights: Vec<f32>,
    /// The loss by each layer's sums, row after row.
    deltas: Vec<Vec<f32>>,
    n_rows: usize,
    step: u32,
    pack: Packed,
}

impl Trainer {
    fn new(params: &MlpParams, n_inputs: usize, target: Target<'_>, rng: &mut Rng) -> Self {
        let is_classifier = matches!(target, Target::Labels { .. });
        let n_outputs = if is_classifier { 1 } else { n_inputs };
        let mut layers = Vec::new();
        let mut width = n_inputs;
        for &next in &params.hidden {
            layers.push(Weights::new(width, next, params.activation, rng));
            width = next;
        }
        // The classifier learns with the logit; the sigmoid is part of the loss until the network is done.
        layers.push(Weights::new(width, n_outputs, Activation::Identity, rng));
        let n = layers.len();
        Self {
            layers,
            is_classifier,
            values: vec![Vec::new(); n + 1],
            wanted: Vec::new(),
            row_weights: Vec::new(),
            deltas: vec![Vec::new(); n],
            n_rows: 0,
            step: 0,
            pack: Packed::default(),
        }
    }

    fn load(&mut self, rows: Rows<'_>, batch: &[u32], params: &MlpParams, rng: &mut Rng) {
        self.n_rows = batch.len();
        let input = &mut self.values[0];
        input.clear();
        for &row in batch {
            input.extend(rows.x.row(row as usize));
        }
        match rows.target {
            Target::Labels { labels, weights } => {
                self.wanted.clear();
                self.row_weights.clear();
                for &row in batch {
                    self.wanted.push(f32::from(labels[row as usize]));
                    self.row_weights.push(weights[row as usize]);
                }
            }
            Target::Inputs => self.wanted.clone_from(input),
        }
        if params.input_noise > 0.0 {
            for row in input.chunks_exact_mut(rows.x.ncols()) {
                row.iter_mut().take(params.noisy_inputs).for_each(|x| *x += params.input_noise * quick_normal(rng));
            }
        }
    }

    fn forward(&mut self, dropout: &[f64], rng: &mut Rng) {
        for (at, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.values.split_at_mut(at + 1);
            let (x, y) = (&before[at], &mut after[0]);
            y.clear();
            for _ in 0..self.n_rows {
                y.extend_from_slice(&layer.values[layer.n_weights()..]);
            }
            let a = Strided { values: x, row: layer.n_inputs, column: 1 };
            self.pack.multiply_add(a, &layer.values, y, [self.n_rows, layer.n_inputs, layer.n_outputs]);
            match layer.activation {
                Activation::Relu => y.iter_mut().for_each(|y| *y = y.max(0.0)),
                Activation::Tanh => y.iter_mut().for_each(|y| *y = tanh(*y)),
                Activation::Sigmoid => y.iter_mut().for_each(|y| *y = sigmoid(*y)),
                Activation::Identity => {}
            }
            let dropped = dropout.get(at).copied().unwrap_or(0.0);
            if dropped > 0.0 && at + 1 < self.layers.len() {
                let below = (dropped * f64::from(u32::MAX)) as u32;
                let scale = (1.0 / (1.0 - dropped)) as f32;
                let mut bits = 0;
                for (i, y) in y.iter_mut().enumerate() {
                    bits = if i % 2 == 0 { rng.next_u64() } else { bits >> 32 };
                    *y *= if (bits as u32) < below { 0.0 } else { scale };
                }
            }
        }
    }

    /// The mean loss by the last layer's sums.
    fn loss_gradient(&mut self) {
        let n = self.layers.len();
        let (y, delta) = (&self.values[n], &mut self.deltas[n - 1]);
        delta.clear();
        let rows = self.n_rows as f32;
        if self.is_classifier {
            let targets = self.wanted.iter().zip(&self.row_weights);
            delta.extend(y.iter().zip(targets).map(|(z, (t, w))| w * (sigmoid(*z) - t) / rows));
        } else {
            let scale = 2.0 / y.len() as f32;
            delta.extend(y.iter().zip(&self.wanted).map(|(y, x)| scale * (y - x)));
        }
    }

    fn backward(&mut self, dropout: &[f64]) {
        let mut turned = Vec::new();
        for at in (0..self.layers.len()).rev() {
            let layer = &mut self.layers[at];
            let (n, k) = (layer.n_outputs, layer.n_inputs);
            let (before, after) = self.deltas.split_at_mut(at);
            let delta = &after[0];
            let (weights, biases) = layer.gradient.split_at_mut(k * n);
            weights.fill(0.0);
            let a = Strided { values: &self.values[at], row: 1, column: k };
            self.pack.multiply_add(a, delta, weights, [k, self.n_rows, n]);
            biases.fill(0.0);
            for row in delta.chunks_exact(n) {
                biases.iter_mut().zip(row).for_each(|(sum, d)| *sum += d);
            }
            let Some(previous) = before.last_mut() else { continue };
            turned.clear();
            turned.extend((0..n).flat_map(|j| (0..k).map(move |i| i * n + j)).map(|i| layer.values[i]));
            previous.clear();
            previous.resize(self.n_rows * k, 0.0);
            let a = Strided { values: delta, row: n, column: 1 };
            self.pack.multiply_add(a, &turned, previous, [self.n_rows, n, k]);
            let outputs = previous.iter_mut().zip(&self.values[at]);
            match self.layers[at - 1].activation {
                // What dropout has set to zero has no slope; what it has kept has been scaled up.
                Activation::Relu => {
                    let slope = dropout.get(at - 1).map_or(1.0, |dropped| (1.0 / (1.0 - dropped)) as f32);
                    outputs.for_each(|(d, y)| *d *= if *y > 0.0 { slope } else { 0.0 });
                }
                Activation::Tanh => outputs.for_each(|(d, y)| *d *= 1.0 - y * y),
                Activation::Sigmoid => outputs.for_each(|(d, y)| *d *= y * (1.0 - y)),
                Activation::Identity => {}
            }
        }
    }

    fn update(&mut self, rate: f64, decay: f64) {
        const BETA: [f64; 2] = [0.9, 0.999];
        self.step += 1;
        let correction = BETA.map(|beta| 1.0 - libm::pow(beta, f64::from(self.step)));
        let [b1, b2] = BETA.map(|beta| beta as f32);
        let rate_now = (rate * libm::sqrt(correction[1]) / correction[0]) as f32;
        // Adam's 1e-8, moved under the same correction.
        let epsilon = (1e-8 * libm::sqrt(correction[1])) as f32;
        for layer in &mut self.layers {
            let n_weights = layer.n_weights();
            let keep = (1.0 - rate * decay) as f32;
            layer.values[..n_weights].iter_mut().for_each(|w| *w *= keep);
            let moments = layer.mean.iter_mut().zip(&mut layer.variance);
            for ((value, gradient), (mean, variance)) in layer.values.iter_mut().zip(&layer.gradient).zip(moments) {
                *mean = b1 * *mean + (1.0 - b1) * gradient;
                *variance = b2 * *variance + (1.0 - b2) * gradient * gradient;
                *value -= rate_now * *mean / (variance.sqrt() + epsilon);
            }
        }
    }

    /// Takes the weights into their moving average (Polyak and Juditsky 1992), which forgets its beginning: at first it keeps
    /// less than `averaging`.
    fn average(&mut self, averaging: f64) {
        if averaging == 0.0 {
            return;
        }
        let step = f64::from(self.step);
        let keep = averaging.min((step - 1.0) / (step + 10.0)) as f32;
        for layer in &mut self.layers {
            layer.averaged.resize(layer.values.len(), 0.0);
            for (averaged, value) in layer.averaged.iter_mut().zip(&layer.values) {
                *averaged = keep * *averaged + (1.0 - keep) * value;
            }
        }
    }

    fn dense(&self) -> Result<Dense> {
        let last = self.layers.len() - 1;
        let layer = |(at, layer): (usize, &Weights)| {
            let values = if layer.averaged.is_empty() { &layer.values } else { &layer.averaged };
            let (weights, bias) = values.split_at(layer.n_weights());
            let probability = self.is_classifier && at == last;
            let activation = if probability { Activation::Sigmoid } else { layer.activation };
            Layer::new(layer.n_inputs, weights, bias, activation)
        };
        Dense::new(self.layers.iter().enumerate().map(layer).collect::<Result<_>>()?)
    }
}

/// Nearly normal, of mean 0 and variance 1: the sum of four uniform numbers, from one draw.
fn quick_normal(rng: &mut Rng) -> f32 {
    let bits = rng.next_u64();
    let sum: u32 = (0..4).map(|i| (bits >> (16 * i)) as u32 & 0xFFFF).sum();
    (sum as f32 / 65_535.0 - 2.0) * 1.732_050_8
}

/// A matrix whose element (i, j) is `values[i * row + j * column]`.
#[derive(Clone, Copy)]
struct Strided<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
}

/// Rows of a block of sums.
const HEIGHT: usize = 4;
/// Its columns, so that a block fills eight registers of 128 bits, or of 256.
const NARROW: usize = 8;
#[cfg(target_arch = "x86_64")]
const WIDE: usize = 16;

/// Operands laid out in the order in which they are read.
#[derive(Default)]
struct Packed {
    a: Vec<f32>,
    b: Vec<f32>,
}

impl Packed {
    /// `c += a · b`, of `m × k`, `k × n` and `m × n` elements, `b` and `c` row after row. Each element is a sum in the order of
    /// `k`, however wide the registers are.
    fn multiply_add(&mut self, a: Strided<'_>, b: &[f32], c: &mut [f32], shape: [usize; 3]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has the feature.
            return self.by_blocks::<WIDE>(a, b, c, shape, |a, b| unsafe { block_avx(a, b) });
        }
        self.by_blocks::<NARROW>(a, b, c, shape, block);
    }

    fn by_blocks<const WIDTH: usize>(
        &mut self,
        a: Strided<'_>,
        b: &[f32],
        c: &mut [f32],
        [m, k, n]: [usize; 3],
        block: impl Fn(&[f32], &[f32]) -> [[f32; WIDTH]; HEIGHT],
    ) {
        self.a.clear();
        for i in (0..m).step_by(HEIGHT) {
            for p in 0..k {
                for i in i..i + HEIGHT {
                    self.a.push(if i < m { a.values[i * a.row + p * a.column] } else { 0.0 });
                }
            }
        }
        for j in (0..n).step_by(WIDTH) {
            let columns = WIDTH.min(n - j);
            self.b.clear();
            for row in b.chunks_exact(n) {
                self.b.extend_from_slice(&row[j..j + columns]);
                self.b.extend(std::iter::repeat_n(0.0, WIDTH - columns));
            }
            for (at, a) in self.a.chunks_exact(HEIGHT * k).enumerate() {
                let sums = block(a, &self.b);
                let i = at * HEIGHT;
                for (i, sums) in (i..m.min(i + HEIGHT)).zip(&sums) {
                    c[i * n + j..][..columns].iter_mut().zip(sums).for_each(|(c, sum)| *c += sum);
                }
            }
        }
    }
}

#[inline]
fn block<const WIDTH: usize>(a: &[f32], b: &[f32]) -> [[f32; WIDTH]; HEIGHT] {
    let mut sums = [[0.0f32; WIDTH]; HEIGHT];
    for (a, b) in a.as_chunks::<HEIGHT>().0.iter().zip(b.as_chunks::<WIDTH>().0) {
        for i in 0..HEIGHT {
            for j in 0..WIDTH {
                sums[i][j] += a[i] * b[j];
            }
        }
    }
    sums
}

/// The same with wider registers: one multiplication and one addition for each term, as elsewhere, so the same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn block_avx(a: &[f32], b: &[f32]) -> [[f32; WIDE]; HEIGHT] {
    block(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn params() -> MlpParams {
        MlpParams {
            hidden: vec![16, 8],
            activation: Activation::Relu,
            dropout: vec![0.1],
            input_noise: 0.02,
            noisy_inputs: usize::MAX,
            learning_rate: 5e-3,
            weight_decay: 1e-4,
            batch: 64,
            steps: 500,
            averaging: 0.0,
            seed: 3,
        }
    }

    /// Rows in a square, labelled 1 in two opposite quarters.
    fn quarters(n: usize, seed: u64) -> (Array2<f32>, Vec<u8>) {
        let mut rng = Rng::new(seed);
        let x = Array2::from_shape_simple_fn((n, 2), || 2.0 * rng.uniform() as f32 - 1.0);
        let labels = x.rows().into_iter().map(|row| u8::from(row[0] * row[1] > 0.0)).collect();
        (x, labels)
    }

    #[test]
    fn a_product_is_a_product() {
        let mut rng = Rng::new(1);
        for [m, k, n] in [[1, 1, 1], [4, 3, 8], [5, 7, 9], [9, 2, 17]] {
            let a = Array2::from_shape_simple_fn((m, k), || rng.below(9) as f32 - 4.0);
            let b = Array2::from_shape_simple_fn((k, n), || rng.below(9) as f32 - 4.0);
            let (expected, at) = (a.dot(&b) + 1.0, a.t().as_standard_layout().to_owned());
            for a in [
                Strided { values: a.as_slice().unwrap(), row: k, column: 1 },
                Strided { values: at.as_slice().unwrap(), row: 1, column: m },
            ] {
                let mut c = Array2::ones((m, n));
                Packed::default().multiply_add(a, b.as_slice().unwrap(), c.as_slice_mut().unwrap(), [m, k, n]);
                assert_eq!(c, expected);
            }
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let (x, labels) = quarters(32, 4);
        let uneven: Vec<f32> = labels.iter().map(|&label| [0.5, 1.5][usize::from(label)]).collect();
        for (target, activation) in [
            (Target::Labels { labels: &labels, weights: &uneven }, Activation::Relu),
            (Target::Labels { labels: &labels, weights: &[1.0; 32] }, Activation::Tanh),
            (Target::Inputs, Activation::Tanh),
        ] {
            let mut rng = Rng::new(8);
            let rows = Rows { x: x.view(), target };
            let mut net = Trainer::new(&MlpParams { activation, ..params() }, 2, target, &mut rng);
            let no_noise = MlpParams { input_noise: 0.0, ..params() };
            net.load(rows, &(0..32).collect::<Vec<_>>(), &no_noise, &mut rng);
            net.forward(&[], &mut rng);
            net.loss_gradient();
            net.backward(&[]);
            for (at, i) in [(0, 0), (0, 17), (0, 40), (1, 5), (1, 130), (2, 3), (2, 8)] {
                let step = 1e-2;
                let kept = net.layers[at].values[i];
                let mut loss_at = |value: f32| {
                    net.layers[at].values[i] = value;
                    mean_loss(&net.dense().unwrap(), rows)
                };
                let slope = (loss_at(kept + step) - loss_at(kept - step)) / (2.0 * f64::from(step));
                loss_at(kept);
                let gradient = f64::from(net.layers[at].gradient[i]);
                assert!((slope - gradient).abs() < 2e-3, "layer {at} value {i}: slope {slope}, gradient {gradient}");
            }
        }
    }

    #[test]
    fn a_classifier_learns_what_no_line_separates_and_the_same_again() {
        let ((x, labels), (vx, vlabels)) = (quarters(2000, 1), quarters(500, 2));
        let rows = |x, labels| Rows { x, target: Target::Labels { labels, weights: &[1.0; 2000][..labels.len()] } };
        let fit = || params().fit(rows(x.view(), &labels), rows(vx.view(), &vlabels), |_, _| {}).unwrap();
        let net = fit();
        let mut right = 0;
        net.for_each_row(vx.view(), |row, _, y| right += u32::from((y[0] >= 0.5) == (vlabels[row] == 1)));
        assert!(right >= 475, "{right} of 500");
        assert_eq!(net, fit());
    }

    #[test]
    fn an_autoencoder_learns_the_line_that_its_rows_lie_on() {
        let mut rng = Rng::new(6);
        let x = Array2::from_shape_fn((1000, 4), |(i, j)| (i as f32 / 500.0 - 1.0) * [1.0, -0.5, 0.3, 0.8][j]);
        let rows = Rows { x: x.view(), target: Target::Inputs };
        let params = MlpParams { hidden: vec![8, 1, 8], activation: Activation::Tanh, dropout: vec![], ..params() };
        let net = params.fit(rows, rows, |_, _| {}).unwrap();
        let odd = Array2::from_shape_simple_fn((100, 4), || 2.0 * rng.uniform() as f32 - 1.0);
        let (on, off) = (mean_loss(&net, rows), mean_loss(&net, Rows { x: odd.view(), target: Target::Inputs }));
        assert!(on < 0.1 && off > 3.0 * on, "on the line {on}, off it {off}");
    }
}
