//! The deep network: ONNX models, checked and run by tract. With its operators (`dnn/operators.rs`) the only file that knows tract
//! and ONNX.
//!
//! A model takes rows of features, `f32 [batch, n_inputs]`, and gives each row a probability of being an anomaly, and, as a
//! second output if it has an autoencoder, the row's reconstruction error. A model is an attacker's file: nothing but the
//! operators of a feed-forward network is let through, so no model can loop, read a file, or make constants grow.
//!
//! tract's kernels round differently on different machines. A plain chain of layers is therefore run by `dense.rs`, after
//! tract has confirmed on probe rows that it computes the same; every other graph is run by tract itself.

#[cfg(target_arch = "wasm32")]
mod kernels;
mod operators;

use crate::dense::{Activation, Dense, Layer, mean_absolute_difference};
use crate::error::{Error, Result};
use crate::rng::Rng;
use ndarray::{Array2, ArrayView2, s};
use prost::Message;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataType, tensor_shape_proto::Dimension,
    tensor_shape_proto::dimension, type_proto,
};
use tract_onnx::prelude::*;

/// A loaded model that has passed every check.
#[derive(Clone)]
pub struct Network {
    n_inputs: usize,
    /// The classifier and the autoencoder as chains of layers, where the graph is no more than that.
    dense: Option<(Dense, Option<Dense>)>,
    plan: Arc<TypedRunnableModel>,
    n_outputs: usize,
}

/// A network of a few hundred kilobytes is expected; this bounds what a hostile one costs.
const MAX_BYTES: usize = 8 << 20;
const MAX_NODES: usize = 256;
/// Rows that tract runs at a time; the last batch is padded.
const BATCH: usize = 256;
/// Numbers in one value of the graph, at [`BATCH`] rows.
const MAX_VOLUME: usize = 1 << 22;
/// How far `dense.rs` may be from tract, on any probe row.
const AGREEMENT: f32 = 1e-5;

/// None of these makes a value larger than its inputs but by broadcasting, which [`MAX_VOLUME`] bounds.
const OPERATORS: [&str; 32] = [
    "Abs",
    "Add",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Constant",
    "Div",
    "Dropout",
    "Elu",
    "Exp",
    "Flatten",
    "Gemm",
    "HardSigmoid",
    "Identity",
    "LeakyRelu",
    "Log",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "PRelu",
    "ReduceMean",
    "Relu",
    "Selu",
    "Sigmoid",
    "Slice",
    "Softplus",
    "Sqrt",
    "Sub",
    "Tanh",
];

impl Network {
    /// Loads an untrusted model.
    ///
    /// # Errors
    /// If the bytes are no ONNX model, or one that asks for another input than `f32 [batch, n_inputs]`, gives another output
    /// than `[batch, 1]` or `[batch]` (at most two of them), uses other operators than those of a feed-forward network, is
    /// larger than 8 MiB, or whose first output is no probability.
    pub fn from_onnx(bytes: &[u8], n_inputs: usize) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::new(format!("The network has {} bytes; the limit is {MAX_BYTES}", bytes.len())));
        }
        let no_model = |_| Error::new("The network is not an ONNX model, or it is damaged").advice("Export it again");
        let model = ModelProto::decode(bytes).map_err(no_model)?;
        let graph = model.graph.as_ref().ok_or_else(|| Error::new("The ONNX model holds no graph"))?;
        check_graph(graph, n_inputs)?;
        let plan = plan(&model, n_inputs)?;
        let mut network = Self { n_inputs, dense: None, plan, n_outputs: graph.output.len() };
        network.check_outputs()?;
        network.dense = chains(graph).filter(|dense| network.confirms(dense));
        Ok(network)
    }

    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    /// Whether the model has a second output, the reconstruction error.
    #[must_use]
    pub fn has_autoencoder(&self) -> bool {
        self.n_outputs == 2
    }

    /// Whether the model is run by `dense.rs`: the same numbers everywhere, to the last bit.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        self.dense.is_some()
    }

    /// The classifier and the autoencoder, where the model is run by `dense.rs`.
    #[must_use]
    pub fn dense(&self) -> Option<(&Dense, Option<&Dense>)> {
        self.dense.as_ref().map(|(classifier, autoencoder)| (classifier, autoencoder.as_ref()))
    }

    /// The probability of being an anomaly for each row of `x`; `out` has a place for each.
    ///
    /// # Errors
    /// If the sizes do not fit, or tract fails.
    pub fn probability(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) -> Result<()> {
        self.run(x, out, &mut [])
    }

    /// As [`Self::probability`]; `error` takes the reconstruction errors, and may be empty.
    ///
    /// # Errors
    /// If the sizes do not fit, or tract fails.
    pub fn run(&self, x: ArrayView2<'_, f32>, probability: &mut [f32], error: &mut [f32]) -> Result<()> {
        let Some((classifier, autoencoder)) = &self.dense else {
            return self.judge(x, probability, error);
        };
        self.check_sizes(&x, probability, error)?;
        classifier.for_each_row(x, |row, _, y| probability[row] = y[0]);
        if let (Some(autoencoder), false) = (autoencoder, error.is_empty()) {
            let x = x.slice_move(s![.., ..autoencoder.n_inputs()]);
            autoencoder.for_each_row(x, |row, x, y| error[row] = mean_absolute_difference(x, y));
        }
        Ok(())
    }

    /// As [`Self::run`], but always by tract.
    ///
    /// # Errors
    /// If the sizes do not fit, or tract fails.
    pub fn judge(&self, x: ArrayView2<'_, f32>, probability: &mut [f32], error: &mut [f32]) -> Result<()> {
        self.check_sizes(&x, probability, error)?;
        let failed = |e: TractError| Error::new(format!("The network failed: {}", one_line(&e)));
        let shape = [BATCH, self.n_inputs];
        let mut padded = Array2::zeros(shape);
        for start in (0..x.nrows()).step_by(BATCH) {
            let rows = BATCH.min(x.nrows() - start);
            let batch = x.slice(s![start..start + rows, ..]);
            let input = match batch.to_slice() {
                Some(cells) if rows == BATCH => Tensor::from_shape(&shape, cells),
                _ => {
                    padded.slice_mut(s![..rows, ..]).assign(&batch);
                    padded.slice_mut(s![rows.., ..]).fill(0.0);
                    Tensor::from_shape(&shape, padded.as_slice().expect("it was made row by row"))
                }
            };
            let input = input.map_err(failed)?;
            let outputs = self.plan.run(tvec!(input.into())).map_err(failed)?;
            let copy = |at: usize, out: &mut [f32]| -> Result<()> {
                let view = outputs[at].to_plain_array_view::<f32>().map_err(failed)?;
                out.iter_mut().zip(view.iter()).for_each(|(place, &value)| *place = value);
                Ok(())
            };
            copy(0, &mut probability[start..start + rows])?;
            if self.has_autoencoder() && !error.is_empty() {
                copy(1, &mut error[start..start + rows])?;
            }
        }
        Ok(())
    }

    fn check_sizes(&self, x: &ArrayView2<'_, f32>, probability: &[f32], error: &[f32]) -> Result<()> {
        if x.ncols() != self.n_inputs {
            return Err(Error::new(format!("The network takes {} inputs, not {}", self.n_inputs, x.ncols())));
        }
        if probability.len() != x.nrows() || (!error.is_empty() && error.len() != x.nrows()) {
            return Err(Error::new(format!("The network has {} rows to score, and places for others", x.nrows())));
        }
        Ok(())
    }

    /// Rows like those that an encoder makes: numbers in [-1, 1], many zeros, some far out.
    fn probes(&self) -> Array2<f32> {
        let mut rng = Rng::new(0);
        Array2::from_shape_simple_fn((64, self.n_inputs), || match rng.below(4) {
            0 => 0.0,
            1 => 3.0 * rng.normal() as f32,
            _ => 2.0 * rng.uniform() as f32 - 1.0,
        })
    }

    fn check_outputs(&self) -> Result<()> {
        let x = self.probes();
        let (mut p, mut error) = (vec![0.0; x.nrows()], vec![0.0; x.nrows()]);
        self.judge(x.view(), &mut p, &mut error)?;
        if !p.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Err(Error::new("The network's output is not a probability")
                .advice("Export it with a sigmoid as its last step"));
        }
        if !error.iter().all(|e| e.is_finite() && *e >= 0.0) {
            return Err(Error::new("The network's second output is not a reconstruction error"));
        }
        Ok(())
    }

    /// Whether tract computes what `dense` does.
    fn confirms(&self, dense: &(Dense, Option<Dense>)) -> bool {
        if dense.0.n_inputs() != self.n_inputs || dense.1.is_some() != self.has_autoencoder() {
            return false;
        }
        let x = self.probes();
        let (mut p, mut error) = (vec![0.0; x.nrows()], vec![0.0; x.nrows()]);
        if self.judge(x.view(), &mut p, &mut error).is_err() {
            return false;
        }
        let mut same = true;
        dense.0.for_each_row(x.view(), |row, _, y| same &= (y[0] - p[row]).abs() <= AGREEMENT);
        if let Some(autoencoder) = &dense.1 {
            autoencoder.for_each_row(x.slice(s![.., ..autoencoder.n_inputs()]), |row, x, y| {
                same &= (mean_absolute_difference(x, y) - error[row]).abs() <= AGREEMENT * error[row].max(1.0);
            });
        }
        same
    }
}

/// What tract says, without its chain of causes.
fn one_line(error: &TractError) -> String {
    let text = error.root_cause().to_string();
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Refuses what tract should not even begin with.
fn check_graph(graph: &GraphProto, n_inputs: usize) -> Result<()> {
    if graph.node.len() > MAX_NODES {
        return Err(Error::new(format!("The network has {} steps; the limit is {MAX_NODES}", graph.node.len())));
    }
    let constant_tensors =
        graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
    for tensor in graph.initializer.iter().chain(constant_tensors) {
        check_tensor(tensor)?;
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(Error::new("The network holds sparse weights, which are not supported"));
    }
    let mut constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let given = graph.input.iter().map(|input| input.name.as_str());
    let mut known: HashSet<&str> = given.chain(constants.iter().copied()).collect();
    for node in &graph.node {
        let operator: String = node.op_type.chars().filter(|c| !c.is_control()).take(40).collect();
        if !matches!(node.domain.as_str(), "" | "ai.onnx") || !OPERATORS.contains(&node.op_type.as_str()) {
            return Err(Error::new(format!("The network uses the operator \"{operator}\", which is not supported"))
                .advice("Export a feed-forward network"));
        }
        // ONNX wants steps in order, which also rules out circles; an empty name stands for an optional input.
        if !node.input.iter().all(|name| name.is_empty() || known.contains(name.as_str())) {
            return Err(Error::new(format!(
                "The network applies \"{operator}\" to values that no step before it gives"
            )));
        }
        known.extend(node.output.iter().map(String::as_str));
        if node.op_type == "Constant" {
            constants.extend(node.output.iter().map(String::as_str));
        } else if node.input.iter().all(|name| constants.contains(name.as_str())) {
            return Err(Error::new(format!("The network applies \"{operator}\" to constants alone"))
                .advice("Export it with constants folded"));
        }
        if node.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty()) {
            return Err(Error::new("The network holds a graph inside a graph, which is not supported"));
        }
    }
    let inputs: Vec<_> = graph.input.iter().filter(|input| !constants.contains(input.name.as_str())).collect();
    let [input] = inputs[..] else {
        return Err(Error::new(format!(
            "The network has {} inputs; one of shape [rows, {n_inputs}] is needed",
            inputs.len()
        )));
    };
    let (element, shape) = type_of(input).ok_or_else(|| Error::new("The network's input has no type"))?;
    if element != DataType::Float as i32 {
        return Err(Error::new("The network's input is not of 32-bit floating-point numbers"));
    }
    if shape.len() != 2 || shape[1].is_some_and(|n| n != n_inputs as i64) {
        return Err(Error::new(format!(
            "The network's input has the shape {}, not [rows, {n_inputs}]",
            shape_text(&shape)
        )));
    }
    match graph.output.len() {
        1 | 2 => Ok(()),
        n => Err(Error::new(format!("The network has {n} outputs; one is needed, the probability"))),
    }
}

fn check_tensor(tensor: &TensorProto) -> Result<()> {
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() {
        return Err(Error::new("The network keeps weights in another file").advice("Export it as one file"));
    }
    let volume = tensor.dims.iter().try_fold(1usize, |volume, &n| volume.checked_mul(usize::try_from(n).ok()?));
    let stored = tensor.raw_data.len()
        + tensor.float_data.len()
        + tensor.double_data.len()
        + tensor.int32_data.len()
        + tensor.int64_data.len()
        + tensor.uint64_data.len();
    if !tensor.string_data.is_empty() || volume.is_none_or(|volume| volume > stored) {
        return Err(Error::new("The network's weights do not fill their shapes"));
    }
    let is_float = tensor.data_type == DataType::Float as i32;
    let raw = tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    if is_float && !raw.chain(tensor.float_data.iter().copied()).all(f32::is_finite) {
        return Err(Error::new("The network has weights that are not finite numbers"));
    }
    Ok(())
}

/// Element type and dimensions (`None` where symbolic) of a graph's input or output.
fn type_of(value: &ValueInfoProto) -> Option<(i32, Vec<Option<i64>>)> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    let number = |dimension: &Dimension| match dimension.value {
        Some(dimension::Value::DimValue(n)) => Some(n),
        _ => None,
    };
    Some((tensor.elem_type, tensor.shape.as_ref()?.dim.iter().map(number).collect()))
}

fn shape_text(shape: &[Option<i64>]) -> String {
    let names: Vec<_> = shape.iter().take(8).map(|n| n.map_or_else(|| "any".to_owned(), |n| n.to_string())).collect();
    format!("[{}]", names.join(", "))
}

/// Type-checks and optimises the model for batches of [`BATCH`] rows.
fn plan(model: &ModelProto, n_inputs: usize) -> Result<Arc<TypedRunnableModel>> {
    let refused = |e: TractError| Error::new(format!("The network cannot be run: {}", one_line(&e)));
    #[cfg(target_arch = "wasm32")]
    kernels::prefer();
    let typed = operators::wire(model, [BATCH, n_inputs]).map_err(refused)?;
    for fact in typed.nodes().iter().flat_map(|node| &node.outputs).map(|outlet| &outlet.fact) {
        let volume = fact.shape.as_concrete().and_then(|shape| shape.iter().try_fold(1usize, |v, &n| v.checked_mul(n)));
        if volume.is_none_or(|volume| volume > MAX_VOLUME) {
            return Err(Error::new("The network computes values of unbounded or enormous size"));
        }
    }
    let typed = typed.into_optimized().map_err(refused)?;
    for outlet in typed.output_outlets().map_err(refused)? {
        let fact = typed.outlet_fact(*outlet).map_err(refused)?;
        let shape = fact.shape.as_concrete().unwrap_or_default();
        if fact.datum_type != f32::datum_type() || !matches!(shape, [BATCH] | [BATCH, 1]) {
            return Err(Error::new("The network's output is not one number per row"));
        }
    }
    typed.into_runnable().map_err(refused)
}

/// The graph's outputs as chains of layers; `None` if it is anything else.
fn chains(graph: &GraphProto) -> Option<(Dense, Option<Dense>)> {
    let trace = Trace::new(graph);
    let classifier = trace.chain(&graph.output[0].name, trace.input)?;
    if classifier.n_outputs() != 1 {
        return None;
    }
    let Some(error) = graph.output.get(1) else {
        return Some((classifier, None));
    };
    let mean = trace.producer(&error.name, "ReduceMean")?;
    let axes = mean.attribute.iter().find(|a| a.name == "axes").map(|a| a.ints.as_slice());
    if !matches!(axes, Some([1] | [-1])) || mean.input.len() != 1 {
        return None;
    }
    let absolute = trace.producer(&mean.input[0], "Abs")?;
    let difference = trace.producer(absolute.input.first()?, "Sub")?;
    let [x, reconstruction] = &difference.input[..] else { return None };
    let autoencoder = trace.chain(reconstruction, x).filter(|chain| chain.n_inputs() == chain.n_outputs())?;
    let width = if x == trace.input { classifier.n_inputs() } else { trace.first_inputs(x)? };
    (width == autoencoder.n_inputs()).then_some((classifier, Some(autoencoder)))
}

/// Walks a graph from its outputs back to its input.
struct Trace<'a> {
    constants: HashMap<&'a str, &'a TensorProto>,
    producers: HashMap<&'a str, &'a NodeProto>,
    input: &'a str,
}

impl<'a> Trace<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let constants: HashMap<_, _> = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let producers =
            graph.node.iter().flat_map(|node| node.output.first().map(|name| (name.as_str(), node))).collect();
        let mut names = graph.input.iter().map(|input| input.name.as_str());
        let input = names.find(|name| !constants.contains_key(name)).unwrap_or_default();
        Self { constants, producers, input }
    }

    fn producer(&self, name: &str, operator: &str) -> Option<&'a NodeProto> {
        self.producers.get(name).copied().filter(|node| node.op_type == operator)
    }

    /// How many of the graph's inputs the value is, counted from the first, if it is a slice of them.
    fn first_inputs(&self, name: &str) -> Option<usize> {
        let slice = self.producer(name, "Slice")?;
        let [x, start, end, axis] = &slice.input[..] else { return None };
        let one = |name: &str| {
            let tensor = self.constants.get(name).filter(|tensor| tensor.data_type == DataType::Int64 as i32)?;
            let raw = tensor.raw_data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
            let values: Vec<i64> = raw.chain(tensor.int64_data.iter().copied()).collect();
            if let [value] = values[..] { Some(value) } else { None }
        };
        let is_first = x == self.input && one(start)? == 0 && one(axis)? == 1;
        usize::try_from(one(end)?).ok().filter(|_| is_first)
    }

    /// The layers between the values `from` and `name`.
    fn chain(&self, name: &'a str, from: &str) -> Option<Dense> {
        let mut layers = Vec::new();
        let mut name = name;
        let mut activation = None;
        let mut bias: Option<Vec<f32>> = None;
        // A graph with a cycle has no end; a chain has at most as many steps as nodes.
        for _ in 0..self.producers.len() {
            let node = *self.producers.get(name)?;
            let inputs: Vec<&'a str> = node.input.iter().map(String::as_str).collect();
            let function = match node.op_type.as_str() {
                "Relu" => Some(Activation::Relu),
                "Sigmoid" => Some(Activation::Sigmoid),
                "Tanh" => Some(Activation::Tanh),
                _ => None,
            };
            match (node.op_type.as_str(), &inputs[..], function) {
                (_, [x], Some(function)) if activation.is_none() && bias.is_none() => {
                    activation = Some(function);
                    name = x;
                }
                ("Add", [a, b], _) if bias.is_none() => {
                    let (x, constant) = if self.constants.contains_key(b) { (a, b) } else { (b, a) };
                    let (shape, values) = self.constant(constant)?;
                    if !matches!(shape[..], [_] | [1, _]) {
                        return None;
                    }
                    bias = Some(values);
                    name = x;
                }
                ("MatMul", [x, w], _) | ("Gemm", [x, w] | [x, w, _], _) => {
                    let gemm = node.op_type == "Gemm";
                    let ([n_inputs, n_outputs], weights) = self.matrix(w, gemm && gemm_transposes(node)?)?;
                    if let Some(c) = inputs.get(2) {
                        if bias.is_some() {
                            return None;
                        }
                        let (shape, values) = self.constant(c)?;
                        bias = matches!(shape[..], [_] | [1, _]).then_some(values);
                    }
                    let bias = bias.take().unwrap_or_else(|| vec![0.0; n_outputs]);
                    if bias.len() != n_outputs {
                        return None;
                    }
                    let function = activation.take().unwrap_or(Activation::Identity);
                    layers.push(Layer::new(n_inputs, &weights, &bias, function).ok()?);
                    name = x;
                }
                _ => return None,
            }
            if name == from {
                layers.reverse();
                return (activation.is_none() && bias.is_none()).then(|| Dense::new(layers).ok())?;
            }
        }
        None
    }

    /// Shape and numbers of a constant.
    fn constant(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensor = self.constants.get(name)?;
        if tensor.data_type != DataType::Float as i32 {
            return None;
        }
        let shape: Vec<usize> = tensor.dims.iter().map(|&n| n as usize).collect();
        let values = if tensor.raw_data.is_empty() {
            tensor.float_data.clone()
        } else {
            tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        };
        (shape.iter().product::<usize>() == values.len()).then_some((shape, values))
    }

    /// Sizes and numbers of a matrix of weights, inputs first.
    fn matrix(&self, name: &str, transposed: bool) -> Option<([usize; 2], Vec<f32>)> {
        let (shape, values) = self.constant(name)?;
        let [rows, columns] = shape[..] else { return None };
        if !transposed {
            return Some(([rows, columns], values));
        }
        let flipped = (0..columns).flat_map(|j| (0..rows).map(move |i| i * columns + j)).map(|at| values[at]).collect();
        Some(([columns, rows], flipped))
    }
}

/// Whether a Gemm transposes its weights; `None` if it does anything else out of the ordinary.
fn gemm_transposes(node: &NodeProto) -> Option<bool> {
    let mut transposes = false;
    for attribute in &node.attribute {
        match attribute.name.as_str() {
            "alpha" | "beta" if attribute.f == 1.0 => {}
            "transA" if attribute.i == 0 => {}
            "transB" => transposes = attribute.i != 0,
            _ => return None,
        }
    }
    Some(transposes)
}

/// Writes a classifier, and an autoencoder of the first of its inputs if there is one, as one ONNX model: input `features`, outputs
/// `probability` and `reconstruction_error`, each `[rows, 1]`. The same layers give the same bytes.
///
/// # Errors
/// If the networks' sizes do not fit each other.
pub fn to_onnx(classifier: &Dense, autoencoder: Option<&Dense>) -> Result<Vec<u8>> {
    let n = classifier.n_inputs();
    let fits = |a: &Dense| a.n_inputs() <= n && a.n_outputs() == a.n_inputs();
    if classifier.n_outputs() != 1 || !autoencoder.is_none_or(fits) {
        return Err(Error::new("The networks' inputs and outputs do not fit each other"));
    }
    let mut graph = GraphProto { name: "oddflow".into(), ..GraphProto::default() };
    graph.input.push(value_info("features", n));
    write_chain(&mut graph, "classifier", classifier, "features", "probability");
    graph.output.push(value_info("probability", 1));
    if let Some(autoencoder) = autoencoder {
        let first = autoencoder.n_inputs();
        let x = if first == n { "features" } else { "first_features" };
        if first < n {
            let bounds = [("first.start", 0), ("first.end", first as i64), ("first.axis", 1)];
            graph.initializer.extend(bounds.map(|(name, value)| integer(name, value)));
            graph.node.push(node("Slice", &["features", "first.start", "first.end", "first.axis"], x));
        }
        write_chain(&mut graph, "autoencoder", autoencoder, x, "reconstruction");
        graph.node.push(node("Sub", &[x, "reconstruction"], "difference"));
        graph.node.push(node("Abs", &["difference"], "absolute_difference"));
        let mut mean = node("ReduceMean", &["absolute_difference"], "reconstruction_error");
        let ints = AttributeProto {
            name: "axes".into(),
            r#type: AttributeType::Ints as i32,
            ints: vec![1],
            ..AttributeProto::default()
        };
        let int = AttributeProto {
            name: "keepdims".into(),
            r#type: AttributeType::Int as i32,
            i: 1,
            ..AttributeProto::default()
        };
        mean.attribute = vec![ints, int];
        graph.node.push(mean);
        graph.output.push(value_info("reconstruction_error", 1));
    }
    let model = ModelProto {
        // ONNX 1.8: the first with operator set 13, which every runtime of today reads.
        ir_version: 7,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        producer_name: "oddflow".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        ..ModelProto::default()
    };
    Ok(model.encode_to_vec())
}

fn write_chain(graph: &mut GraphProto, prefix: &str, net: &Dense, input: &str, output: &str) {
    let mut value = input.to_owned();
    for (i, layer) in net.layers().iter().enumerate() {
        let (weights, bias) = (format!("{prefix}.{i}.weight"), format!("{prefix}.{i}.bias"));
        graph.initializer.push(tensor(&weights, &[layer.n_inputs(), layer.n_outputs()], &layer.weights()));
        graph.initializer.push(tensor(&bias, &[layer.n_outputs()], layer.bias()));
        let function = match layer.activation() {
            Activation::Identity => None,
            Activation::Relu => Some("Relu"),
            Activation::Sigmoid => Some("Sigmoid"),
            Activation::Tanh => Some("Tanh"),
        };
        let end = if i + 1 == net.layers().len() { output.to_owned() } else { format!("{prefix}.{i}.out") };
        let sum = if function.is_some() { format!("{prefix}.{i}.sum") } else { end.clone() };
        graph.node.push(node("Gemm", &[&value, &weights, &bias], &sum));
        if let Some(function) = function {
            graph.node.push(node(function, &[&sum], &end));
        }
        value = end;
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: format!("{output}/{operator}"),
        op_type: operator.to_owned(),
        ..NodeProto::default()
    }
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: shape.iter().map(|&n| n as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// One whole number, as a vector.
fn integer(name: &str, value: i64) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![1],
        data_type: DataType::Int64 as i32,
        raw_data: value.to_le_bytes().to_vec(),
        ..TensorProto::default()
    }
}

/// `f32 [rows, n]`.
fn value_info(name: &str, n: usize) -> ValueInfoProto {
    let dimension = |value| Dimension { value: Some(value), ..Dimension::default() };
    let dim =
        vec![dimension(dimension::Value::DimParam("rows".into())), dimension(dimension::Value::DimValue(n as i64))];
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

#[cfg(test)]
mod tests;
