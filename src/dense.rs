//! Fully connected networks, run the same to the last bit in every program.
//!
//! Each output is the bias plus `input × weight` added in the order of the inputs: one multiplication, one addition, never a
//! fused one, however wide the registers are, and an exponential of our own. So a page (wasm) and a program (native) give the
//! same scores, which no general runtime promises. Only plain chains of layers are run here; any other graph is `dnn.rs`'s.

mod inputs;

use crate::error::{Error, Result};
use ndarray::{ArrayView2, Axis};

pub use inputs::Inputs;

/// What a layer does to its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Identity,
    Relu,
    Sigmoid,
    Tanh,
}

impl Activation {
    /// Turns sums into what comes out.
    pub fn apply(self, sums: &mut [f32]) {
        let sums = sums.iter_mut();
        match self {
            Self::Identity => {}
            // Not `max`, which would turn NaN into a calm zero.
            Self::Relu => sums.for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y }),
            Self::Sigmoid => sums.for_each(|y| *y = sigmoid(*y)),
            Self::Tanh => sums.for_each(|y| *y = tanh(*y)),
        }
    }
}

/// One fully connected layer: `y = activation(x · weights + bias)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    n_inputs: usize,
    n_outputs: usize,
    /// Outputs whose sums are kept in registers together.
    tile: usize,
    /// Tile by tile, the weights of its outputs for each input; padded with zeros to whole tiles.
    weights: Vec<f32>,
    /// Padded as they are.
    bias: Vec<f32>,
    activation: Activation,
}

/// Eight sums of 128 bits, what wasm engines can hold beside the operands.
const TILE: usize = 32;
/// One, for the few outputs of a last layer.
const NARROW_TILE: usize = 4;
/// Eight of 256 bits.
#[cfg(target_arch = "x86_64")]
const WIDE_TILE: usize = 64;

/// How many of so many outputs make a tile.
fn tile_of(n_outputs: usize) -> usize {
    if n_outputs <= NARROW_TILE {
        return NARROW_TILE;
    }
    #[cfg(target_arch = "x86_64")]
    let wide = std::arch::is_x86_feature_detected!("avx").then_some(WIDE_TILE);
    #[cfg(not(target_arch = "x86_64"))]
    let wide: Option<usize> = None;
    wide.filter(|&wide| n_outputs.next_multiple_of(TILE).is_multiple_of(wide)).unwrap_or(TILE)
}

/// Rows that go through a network together, layer by layer: the weights of a tile then come from the nearest cache.
const BATCH: usize = 16;

impl Layer {
    /// `weights` holds `n_inputs` rows of `bias.len()` weights, row after row.
    ///
    /// # Errors
    /// If the sizes do not fit each other, or a number is not finite.
    pub fn new(n_inputs: usize, weights: &[f32], bias: &[f32], activation: Activation) -> Result<Self> {
        let n_outputs = bias.len();
        if n_inputs == 0 || n_outputs == 0 || n_inputs.checked_mul(n_outputs) != Some(weights.len()) {
            return Err(Error::new(format!(
                "A network layer has {} weights where {n_inputs} inputs and {n_outputs} outputs are joined",
                weights.len()
            )));
        }
        if !weights.iter().chain(bias).all(|w| w.is_finite()) {
            return Err(Error::new("A network layer has weights that are not finite numbers"));
        }
        let tile = tile_of(n_outputs);
        let width = n_outputs.next_multiple_of(tile);
        let padded = |row: &[f32], at: usize| row.get(at).copied().unwrap_or(0.0);
        let of_tile = |first: usize| {
            let rows = weights.chunks_exact(n_outputs);
            rows.flat_map(move |row| (first..first + tile).map(move |at| padded(row, at)))
        };
        let tiles = (0..width).step_by(tile).flat_map(of_tile).collect();
        let bias = (0..width).map(|at| padded(bias, at)).collect();
        Ok(Self { n_inputs, n_outputs, tile, weights: tiles, bias, activation })
    }

    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    #[must_use]
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    #[must_use]
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// As [`Layer::new`] took them.
    #[must_use]
    pub fn weights(&self) -> Vec<f32> {
        let place =
            |input: usize, output: usize| (output / self.tile * self.n_inputs + input) * self.tile + output % self.tile;
        let row = |input| (0..self.n_outputs).map(move |output| self.weights[place(input, output)]);
        (0..self.n_inputs).flat_map(row).collect()
    }

    /// The same layer for inputs that are given as their distance from these, of which it adds the part to the bias.
    ///
    /// # Errors
    /// If that makes the bias infinite.
    ///
    /// # Panics
    /// If there are not as many as inputs.
    pub fn around(&self, usual: &[f32]) -> Result<Self> {
        assert_eq!(usual.len(), self.n_inputs, "the layer's inputs");
        let weights = self.weights();
        let mut bias: Vec<f64> = self.bias().iter().copied().map(f64::from).collect();
        for (weights, &usual) in weights.chunks_exact(self.n_outputs).zip(usual) {
            bias.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += f64::from(usual) * f64::from(weight));
        }
        let bias: Vec<f32> = bias.into_iter().map(|sum| sum as f32).collect();
        Self::new(self.n_inputs, &weights, &bias, self.activation)
    }

    #[must_use]
    pub fn bias(&self) -> &[f32] {
        &self.bias[..self.n_outputs]
    }

    /// Some rows through the layer; `out` takes whole tiles for each, of which [`Self::outputs`] cuts off the padding.
    ///
    /// # Panics
    /// If an input's place is beyond the layer's.
    pub fn run(&self, rows: &[Inputs], out: &mut Vec<f32>) {
        self.sum(rows, out);
        for row in out.chunks_exact_mut(self.bias.len()) {
            self.activation.apply(&mut row[..self.n_outputs]);
        }
    }

    /// The same before the activation.
    fn sum(&self, rows: &[Inputs], out: &mut Vec<f32>) {
        out.resize(rows.len() * self.bias.len(), 0.0);
        self.add(rows, out);
    }

    /// Each row's part of what [`Self::run`] has given.
    pub fn outputs<'a>(&self, out: &'a [f32]) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let n = self.n_outputs;
        out.chunks_exact(self.bias.len()).map(move |row| &row[..n])
    }

    /// Fills `out`, as wide as the bias for each row, with the sums.
    fn add(&self, rows: &[Inputs], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has the feature.
            return unsafe { self.add_avx(rows, out) };
        }
        match self.tile {
            NARROW_TILE => self.add_tiles::<NARROW_TILE>(rows, out),
            _ => self.add_tiles::<TILE>(rows, out),
        }
    }

    /// The same with wider registers: one multiplication and one addition for each term, so the same bits.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx")]
    fn add_avx(&self, rows: &[Inputs], out: &mut [f32]) {
        match self.tile {
            WIDE_TILE => self.add_tiles::<WIDE_TILE>(rows, out),
            NARROW_TILE => self.add_tiles::<NARROW_TILE>(rows, out),
            _ => self.add_tiles::<TILE>(rows, out),
        }
    }

    /// The sums of a layer of one output, for rows that begin so many places behind one another. Of four rows at a time, since each
    /// sum waits for the one before; what is zero adds nothing, so but for the sign of zero these are the sums of [`Self::add`].
    fn sum_of_one(&self, rows: &[f32], stride: usize, sums: &mut [f32]) {
        let weights = self.weights.iter().step_by(self.tile).take(self.n_inputs);
        for (rows, sums) in rows.chunks(4 * stride).zip(sums.chunks_mut(4)) {
            let row = |at: usize| &rows[at.min(sums.len() - 1) * stride..][..self.n_inputs];
            let rows = [row(0), row(1), row(2), row(3)];
            let mut four = [self.bias[0]; 4];
            for (input, weight) in weights.clone().enumerate() {
                four.iter_mut().zip(rows).for_each(|(sum, row)| *sum += row[input] * weight);
            }
            sums.copy_from_slice(&four[..sums.len()]);
        }
    }

    #[inline(always)]
    fn add_tiles<const TILE: usize>(&self, rows: &[Inputs], out: &mut [f32]) {
        let tiles = self.weights.as_chunks::<TILE>().0.chunks_exact(self.n_inputs);
        for (tile, (weights, bias)) in tiles.zip(self.bias.as_chunks::<TILE>().0).enumerate() {
            for (row, out) in rows.iter().zip(out.chunks_exact_mut(self.bias.len())) {
                let mut sums = *bias;
                for input in row.as_slice() {
                    for (sum, weight) in sums.iter_mut().zip(&weights[input.place as usize]) {
                        *sum += input.value * weight;
                    }
                }
                out[tile * TILE..][..TILE].copy_from_slice(&sums);
            }
        }
    }
}

/// `1 / (1 + e^-z)`.
#[must_use]
pub fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + exp(-z))
}

/// `tanh(z)`, to 2e-7, by one exponential.
#[must_use]
pub fn tanh(z: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * z))
}

/// `e^x`, to two units in the last place, for −87 to 88, and as there beyond: without branches, so that it is computed for many
/// numbers at a time. `2^n · e^r` with the nearest whole `n`, and for `e^r` the polynomial of Cephes' `expf` (Moshier 1992).
fn exp(x: f32) -> f32 {
    // ln 2, of which the first part times any `n` is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    // Added to a small number, it rounds it to the nearest whole one, which then is in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let sum = POLYNOMIAL.iter().fold(0.0, |sum, coefficient| sum * r + coefficient);
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    (sum * (r * r) + r + 1.0) * power
}

/// The reconstruction error of a row `x` that an autoencoder gave back as `y`.
#[must_use]
pub fn mean_absolute_difference(x: &[f32], y: &[f32]) -> f32 {
    // Several sums, so that none waits for another.
    let mut sums = [0.0; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        sums.iter_mut().zip(x).zip(y).for_each(|((sum, x), y)| *sum += (x - y).abs());
    }
    sums.iter().sum::<f32>() / x.len() as f32
}

/// A chain of layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense(Vec<Layer>);

/// A chain that is quick where many inputs are the usual ones. Its sums are rounded elsewhere than those of the chain itself.
#[derive(Debug)]
pub struct Around {
    /// The first takes inputs as their distance from what is usual.
    layers: Vec<Layer>,
    usual: Vec<f32>,
}

impl Dense {
    /// # Errors
    /// If there is no layer, or a layer's inputs are not the outputs of the one before.
    pub fn new(layers: Vec<Layer>) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::new("The network has no layer"));
        }
        match layers.windows(2).find(|pair| pair[0].n_outputs != pair[1].n_inputs) {
            None => Ok(Self(layers)),
            Some(pair) => Err(Error::new(format!(
                "A network layer of {} outputs is followed by one of {} inputs",
                pair[0].n_outputs, pair[1].n_inputs
            ))),
        }
    }

    /// The chain for inputs of which most are these.
    ///
    /// # Errors
    /// If a layer's bias becomes infinite.
    ///
    /// # Panics
    /// If there are not as many as inputs.
    pub fn around(&self, usual: &[f32]) -> Result<Around> {
        let mut layers = self.0.clone();
        layers[0] = layers[0].around(usual)?;
        Ok(Around { layers, usual: usual.to_vec() })
    }

    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.0[0].n_inputs
    }

    #[must_use]
    pub fn n_outputs(&self) -> usize {
        self.0[self.0.len() - 1].n_outputs
    }

    /// Runs rows of [`Self::n_inputs`] numbers; `each` gets the row's index, its inputs and its outputs.
    ///
    /// # Panics
    /// If `x` has another width.
    pub fn for_each_row(&self, x: ArrayView2<'_, f32>, each: impl FnMut(usize, &[f32], &[f32])) {
        for_each_row(&self.0, |row, list| list.fill(row), x, each);
    }
}

impl Around {
    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.usual.len()
    }

    /// As [`Dense::for_each_row`] does.
    ///
    /// # Panics
    /// If `x` has another width.
    pub fn for_each_row(&self, x: ArrayView2<'_, f32>, each: impl FnMut(usize, &[f32], &[f32])) {
        let mut distances = vec![0.0; self.usual.len()];
        let fill = |row: &[f32], list: &mut Inputs| {
            let values = row.iter().zip(&self.usual);
            distances.iter_mut().zip(values).for_each(|(distance, (x, usual))| *distance = x - usual);
            list.fill(&distances);
        };
        for_each_row(&self.layers, fill, x, each);
    }
}

/// Runs rows through layers, of which `fill` makes the inputs.
fn for_each_row(
    layers: &[Layer],
    mut fill: impl FnMut(&[f32], &mut Inputs),
    x: ArrayView2<'_, f32>,
    mut each: impl FnMut(usize, &[f32], &[f32]),
) {
    let n_inputs = layers[0].n_inputs;
    assert_eq!(x.ncols(), n_inputs, "the network's inputs");
    let (mut lists, mut sums) = (vec![Inputs::new(n_inputs); BATCH.min(x.nrows())], Vec::new());
    for (batch, x) in x.axis_chunks_iter(Axis(0), BATCH).enumerate() {
        let x = x.as_standard_layout();
        let row = |at| x.row(at).to_slice().expect("rows are side by side");
        let lists = &mut lists[..x.nrows()];
        lists.iter_mut().enumerate().for_each(|(at, list)| fill(row(at), list));
        run(layers, lists, &mut sums, |at, y| each(batch * BATCH + at, row(at), y));
    }
}

/// Some rows through some layers; `each` gets a row's index and its outputs. `rows` is overwritten, as is `scratch`.
pub fn run(layers: &[Layer], rows: &mut [Inputs], scratch: &mut Vec<f32>, mut each: impl FnMut(usize, &[f32])) {
    let Some((last, hidden)) = layers.split_last() else { return };
    // A single output is summed up from what the layer before it has written, which need not be gathered for that.
    let before = hidden.split_last().filter(|_| last.n_outputs == 1);
    let gathered = before.map_or(hidden, |(_, earlier)| earlier);
    for (batch, rows) in rows.chunks_mut(BATCH).enumerate() {
        for layer in gathered {
            if layer.activation == Activation::Relu {
                layer.sum(rows, scratch);
                rows.iter_mut().zip(layer.outputs(scratch)).for_each(|(row, sums)| row.fill_rectified(sums));
            } else {
                layer.run(rows, scratch);
                rows.iter_mut().zip(layer.outputs(scratch)).for_each(|(row, outputs)| row.fill(outputs));
            }
        }
        let first = batch * BATCH;
        if let Some((before, _)) = before {
            debug_assert_eq!(before.n_outputs, last.n_inputs, "layers that fit each other");
            before.run(rows, scratch);
            let mut outputs = [0.0; BATCH];
            let outputs = &mut outputs[..rows.len()];
            last.sum_of_one(scratch, before.bias.len(), outputs);
            last.activation.apply(outputs);
            outputs.chunks(1).enumerate().for_each(|(at, output)| each(first + at, output));
        } else {
            last.run(rows, scratch);
            last.outputs(scratch).enumerate().for_each(|(at, outputs)| each(first + at, outputs));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use ndarray::{Array2, array};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn outputs(net: &Dense, x: &Array2<f32>) -> Vec<Vec<f32>> {
        let mut all = Vec::new();
        net.for_each_row(x.view(), |_, _, y| all.push(y.to_vec()));
        all
    }

    #[test]
    fn layers_do_what_their_formula_says() {
        let row = |activation, x: Array2<f32>, expected: &[f32]| {
            // Two inputs, two outputs: y0 = x0 + 3·x1 + 0.5, y1 = 2·x0 + 4·x1 - 1.
            let layer = Layer::new(2, &[1.0, 2.0, 3.0, 4.0], &[0.5, -1.0], activation).unwrap();
            assert_eq!(outputs(&Dense::new(vec![layer]).unwrap(), &x), [expected]);
        };
        row(Activation::Identity, array![[0.0, 0.0]], &[0.5, -1.0]);
        row(Activation::Identity, array![[1.0, -2.0]], &[-4.5, -7.0]);
        row(Activation::Relu, array![[0.0, 0.0]], &[0.5, 0.0]);
        row(Activation::Sigmoid, array![[-0.5, 0.0]], &[0.5, sigmoid(-2.0)]);
        row(Activation::Tanh, array![[-0.5, 0.0]], &[0.0, tanh(-2.0)]);
    }

    #[test]
    fn tiles_batches_and_skipped_zeros_change_no_bit() {
        let mut rng = Rng::new(5);
        let x =
            Array2::from_shape_fn((35, 41), |(i, k)| if (i + k) % 3 == 0 { 0.0 } else { (i * k) as f32 / 7.0 - 3.0 });
        for (hidden, width) in [(1, 66), (32, 66), (64, 66), (70, 66), (128, 66), (130, 66), (1, 1), (70, 1), (128, 1)]
        {
            let mut draw = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
            let sizes = [(41, draw(41 * hidden), draw(hidden)), (hidden, draw(hidden * width), draw(width))];
            let activations = [Activation::Relu, if width == 1 { Activation::Identity } else { Activation::Relu }];
            let layers = sizes.iter().zip(activations).map(|((n, weights, bias), activation)| {
                let layer = Layer::new(*n, weights, bias, activation).unwrap();
                assert_eq!((layer.weights(), layer.bias()), (weights.clone(), &bias[..]));
                layer
            });
            let net = Dense::new(layers.collect()).unwrap();
            let usual: Vec<f32> = (0..41).map(|k| x[(k % 3, k)]).collect();
            let mut around = Vec::new();
            net.around(&usual).unwrap().for_each_row(x.view(), |_, _, y| around.push(y.to_vec()));
            for (near, y) in around.into_iter().zip(outputs(&net, &x)) {
                let most = y.iter().fold(0.0, |most: f32, y| most.max(y.abs()));
                assert!(near.iter().zip(&y).all(|(near, y)| (near - y).abs() <= 3e-6 * most), "{near:?} {y:?}");
            }
            for (row, y) in x.rows().into_iter().zip(outputs(&net, &x)) {
                let mut values = row.to_vec();
                for ((_, weights, bias), activation) in sizes.iter().zip(activations) {
                    let sum = |j: usize| {
                        let terms = values.iter().enumerate();
                        terms.fold(bias[j], |sum, (k, x)| sum + x * weights[k * bias.len() + j])
                    };
                    values = (0..bias.len()).map(sum).collect();
                    activation.apply(&mut values);
                }
                let bits = |values: &[f32]| values.iter().map(|y| (y + 0.0).to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&y), bits(&values), "{hidden} to {width}");
            }
        }
    }

    #[test]
    fn tanh_is_the_hyperbolic_tangent() {
        for k in -400..=400 {
            let z = k as f32 / 20.0;
            assert!((tanh(z) - libm::tanhf(z)).abs() < 2e-7, "{z}");
        }
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn exp_is_the_exponential() {
        for k in -8700..=8800 {
            let x = k as f32 / 100.0;
            let expected = libm::exp(f64::from(x));
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 2e-7, "e^{x} = {} is not {expected}", exp(x));
        }
        assert_eq!((exp(0.0), exp(f32::INFINITY), exp(f32::NEG_INFINITY)), (1.0, exp(88.0), exp(-87.0)));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn the_functions_never_change() {
        // FNV-1a over the bits: the same natively and in wasm.
        let values = (-2000..2000).flat_map(|k| [sigmoid(k as f32 / 37.0), tanh(k as f32 / 111.0)]);
        let hash = values
            .flat_map(|y| y.to_bits().to_le_bytes())
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        assert_eq!(hash, 16_656_889_042_280_129_991);
    }

    #[test]
    fn a_missing_number_is_never_calm() {
        let layer = || Layer::new(1, &[1.0], &[0.0], Activation::Relu).unwrap();
        let net = Dense::new(vec![layer(), layer()]).unwrap();
        assert!(outputs(&net, &array![[f32::NAN]])[0][0].is_nan());
    }

    #[test]
    fn layers_that_do_not_fit_are_refused() {
        let check = |result: Result<Dense>, expected: &str| assert!(result.unwrap_err().what.contains(expected));
        let layer = |n, weights: &[f32], bias: &[f32]| Layer::new(n, weights, bias, Activation::Relu);
        check(layer(2, &[1.0], &[0.0]).and_then(|l| Dense::new(vec![l])), "1 weights where 2 inputs");
        check(layer(1, &[f32::NAN], &[0.0]).and_then(|l| Dense::new(vec![l])), "not finite");
        check(Dense::new(vec![]), "no layer");
        let chain = vec![layer(1, &[1.0, 1.0], &[0.0, 0.0]).unwrap(), layer(1, &[1.0], &[0.0]).unwrap()];
        check(Dense::new(chain), "2 outputs is followed by one of 1 inputs");
    }
}
