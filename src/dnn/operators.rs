//! The operators of a feed-forward network, wired as tract's: ONNX in, a typed model out. All shapes are known here, so each step's
//! follows from those before it.
//!
//! tract's own reader knows some two hundred operators and finds unknown shapes. Whoever calls it links all of them, and they were
//! most of the worker. What this one makes is held against what that one makes in the tests.

use std::collections::HashMap;
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tensor::load_tensor;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::{cast, wire_cast};
use tract_onnx::tract_core::ops::change_axes::{wire_rank_broadcast, wire_with_rank_broadcast};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::{logic, math, nn};
use tract_onnx::tract_hir::ops::activations::{Clip, Elu, HardSigmoid, LeakyRelu, Selu, Softplus};
use tract_onnx::tract_hir::ops::array::Flatten;
use tract_onnx::tract_hir::ops::expandable::Expansion;
use tract_onnx::tract_hir::ops::matmul::MatMulInference;
use tract_onnx::tract_hir::ops::nn::{Reduce, Reducer};

/// The model for so many rows at a time. Its steps stand in order, and use no operator that is not below.
pub(super) fn wire(model: &ModelProto, shape: [usize; 2]) -> TractResult<TypedModel> {
    let graph = model.graph.as_ref().context("no graph")?;
    let opset = model.opset_import.iter().find(|import| matches!(import.domain.as_str(), "" | "ai.onnx"));
    let mut wiring = Wiring { opset: opset.map_or(0, |import| import.version), ..Wiring::default() };
    wiring.begin(graph, shape)?;
    for node in &graph.node {
        wiring.step(node).with_context(|| format!("in a step {}", node.op_type))?;
    }
    let outputs = graph.output.iter().map(|output| wiring.value(&output.name)).collect::<TractResult<Vec<_>>>()?;
    wiring.model.select_output_outlets(&outputs)?;
    Ok(wiring.model)
}

#[derive(Default)]
struct Wiring {
    model: TypedModel,
    /// Of the operators: their meaning changes with it.
    opset: i64,
    values: HashMap<String, OutletId>,
}

impl Wiring {
    fn begin(&mut self, graph: &GraphProto, shape: [usize; 2]) -> TractResult<()> {
        for tensor in &graph.initializer {
            self.constant(&tensor.name, load(tensor)?)?;
        }
        for input in &graph.input {
            if !self.values.contains_key(&input.name) {
                let source = self.model.add_source(input.name.clone(), f32::fact(shape))?;
                self.values.insert(input.name.clone(), source);
            }
        }
        Ok(())
    }

    fn constant(&mut self, name: &str, tensor: Tensor) -> TractResult<OutletId> {
        let value = self.model.add_const(name, tensor)?;
        self.values.insert(name.to_owned(), value);
        Ok(value)
    }

    fn value(&self, name: &str) -> TractResult<OutletId> {
        self.values.get(name).copied().with_context(|| format!("no step gives {name}"))
    }

    /// What is known of a value beforehand.
    fn known(&self, value: OutletId) -> TractResult<&Tensor> {
        let known = self.model.outlet_fact(value)?.konst.as_deref();
        known.context("an input that has to be constant is not")
    }

    fn integers(&self, value: OutletId) -> TractResult<Vec<i64>> {
        Ok(self.known(value)?.cast_to::<i64>()?.to_plain_array_view::<i64>()?.iter().copied().collect())
    }

    fn rank(&self, value: OutletId) -> TractResult<usize> {
        Ok(self.model.outlet_fact(value)?.rank())
    }

    fn step(&mut self, node: &NodeProto) -> TractResult<()> {
        let output = node.output.first().context("no output")?;
        // Optional inputs may be left out in the middle.
        let given = node.input.iter().map(|name| if name.is_empty() { Ok(None) } else { self.value(name).map(Some) });
        let given = given.collect::<TractResult<Vec<_>>>()?;
        let inputs: Vec<OutletId> = given.iter().copied().flatten().collect();
        let input = |at: usize| given.get(at).copied().flatten();
        let x = || input(0).context("no input");
        let number = |name: &str, default: f32| Ok::<f32, TractError>(node.get_attr_opt(name)?.unwrap_or(default));
        let name = format!("{output}#{}", self.model.nodes().len());
        let name = name.as_str();
        let wired = match node.op_type.as_str() {
            "Abs" => self.one(name, math::abs(), x()?)?,
            "Exp" => self.one(name, math::exp(), x()?)?,
            "Log" => self.one(name, math::ln(), x()?)?,
            "Neg" => self.one(name, math::neg(), x()?)?,
            "Sigmoid" => self.one(name, nn::sigmoid(), x()?)?,
            "Sqrt" => self.one(name, math::sqrt(), x()?)?,
            "Tanh" => self.one(name, math::tanh(), x()?)?,
            "Add" => self.folded(name, math::add, &inputs)?,
            "Div" => self.folded(name, math::div, &inputs)?,
            "Max" => self.folded(name, math::max, &inputs)?,
            "Min" => self.folded(name, math::min, &inputs)?,
            "Mul" => self.folded(name, math::mul, &inputs)?,
            "Pow" => self.folded(name, math::pow, &inputs)?,
            "Sub" => self.folded(name, math::sub, &inputs)?,
            "Relu" => self.expanded(name, &Clip::new(Some(0.0), None), &[x()?])?,
            "Elu" => self.expanded(name, &Elu(number("alpha", 1.0)?), &[x()?])?,
            "HardSigmoid" => self.expanded(name, &HardSigmoid(number("alpha", 0.2)?, number("beta", 0.5)?), &[x()?])?,
            "LeakyRelu" => self.expanded(name, &LeakyRelu(number("alpha", 0.01)?), &[x()?])?,
            "Selu" => self.expanded(name, &Selu(number("alpha", 1.67326)?, number("gamma", 1.0507)?), &[x()?])?,
            "Softplus" => self.expanded(name, &Softplus, &[x()?])?,
            "MatMul" => {
                self.check_product(&inputs, false, false)?;
                self.expanded(name, &MatMulInference::default(), &inputs)?
            }
            "Flatten" => self.expanded(name, &Flatten::new(node.get_attr_opt("axis")?.unwrap_or(1)), &[x()?])?,
            "Identity" => x()?,
            "Dropout" => {
                if let Some(training) = input(2) {
                    ensure!(!self.known(training)?.cast_to_scalar::<bool>()?, "it is set to training");
                }
                x()?
            }
            "Cast" => self.one(name, cast(node.get_attr::<DatumType>("to")?), x()?)?,
            "Constant" => {
                let tensor = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
                let tensor = match tensor {
                    Some(tensor) => load(tensor)?,
                    None => number_of(node)?,
                };
                self.model.add_const(name, tensor)?
            }
            "Clip" if self.opset < 11 => {
                self.expanded(name, &Clip::new(node.get_attr_opt("min")?, node.get_attr_opt("max")?), &[x()?])?
            }
            "Clip" => {
                let above = match input(1) {
                    Some(least) => self.folded(&format!("{name}.min"), math::max, &[x()?, least])?,
                    None => x()?,
                };
                match input(2) {
                    Some(most) => self.folded(&format!("{name}.max"), math::min, &[above, most])?,
                    None => above,
                }
            }
            "PRelu" => self.prelu(name, x()?, input(1).context("no slope")?)?,
            "Gemm" => self.gemm(name, node, &inputs)?,
            "BatchNormalization" => self.batch_normalization(name, number("epsilon", 1e-5)?, &inputs)?,
            "ReduceMean" => {
                let axes = match input(1) {
                    Some(axes) => Some(self.integers(axes)?),
                    None => node.get_attr_opt_vec::<i64>("axes")?,
                };
                let axes = axes.filter(|axes| !axes.is_empty());
                if axes.is_none() && node.get_attr_opt::<i64>("noop_with_empty_axes")? == Some(1) {
                    x()?
                } else {
                    let axes = axes.map_or_else(|| Ok((0..self.rank(x()?)? as i64).collect()), TractResult::Ok)?;
                    let keeps = node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) == 1;
                    self.expanded(name, &Reduce::new(Some(axes), keeps, Reducer::Mean), &[x()?])?
                }
            }
            "Slice" => {
                let of = |at: usize, attribute: &str| match input(at) {
                    Some(value) => self.integers(value).map(Some),
                    None => node.get_attr_opt_vec::<i64>(attribute),
                };
                let bounds = (of(1, "starts")?.context("no starts")?, of(2, "ends")?.context("no ends")?);
                let (axes, steps) = (of(3, "axes")?, of(4, "steps")?);
                ensure!(steps.is_none_or(|steps| steps.iter().all(|&step| step == 1)), "steps other than one");
                self.slice(name, x()?, bounds, axes)?
            }
            other => bail!("the operator {other} is not known"),
        };
        self.values.insert(output.clone(), wired);
        Ok(())
    }

    fn one(&mut self, name: &str, op: impl Into<Box<dyn TypedOp>>, x: OutletId) -> TractResult<OutletId> {
        Ok(self.model.wire_node(name, op, &[x])?[0])
    }

    fn expanded(&mut self, name: &str, op: &impl Expansion, inputs: &[OutletId]) -> TractResult<OutletId> {
        Ok(op.wire(name, &mut self.model, inputs)?[0])
    }

    /// An operation of two values, applied from the first input to the last.
    fn folded(&mut self, name: &str, op: fn() -> TypedBinOp, inputs: &[OutletId]) -> TractResult<OutletId> {
        let types = inputs.iter().map(|&input| Ok(self.model.outlet_fact(input)?.datum_type));
        let types = types.collect::<TractResult<Vec<_>>>()?;
        let common = DatumType::super_type_for(&types).context("types that do not fit each other")?;
        let inputs = wire_cast(name, &mut self.model, inputs, common)?;
        let (first, others) = inputs.split_first().context("no input")?;
        others.iter().enumerate().try_fold(*first, |sum, (at, &next)| {
            Ok(wire_with_rank_broadcast(format!("{name}.{at}"), &mut self.model, op(), &[sum, next])?[0])
        })
    }

    fn prelu(&mut self, name: &str, x: OutletId, slope: OutletId) -> TractResult<OutletId> {
        let scaled = self.folded(&format!("{name}.scaled"), math::mul, &[x, slope])?;
        let zero = tensor0(0.0_f32).cast_to_dt(self.model.outlet_fact(x)?.datum_type)?.into_owned();
        let zero = self.model.add_const(format!("{name}.zero"), zero)?;
        let pair = wire_rank_broadcast(format!("{name}.pair"), &mut self.model, &[zero, x])?;
        let test = TypedBinOp(logic::comp_gt(), None);
        let is_negative = self.model.wire_node(format!("{name}.is-negative"), test, &pair)?[0];
        Ok(self.model.wire_node(name, logic::Iff, &[is_negative, scaled, x])?[0])
    }

    fn gemm(&mut self, name: &str, node: &NodeProto, inputs: &[OutletId]) -> TractResult<OutletId> {
        let is_set = |name: &str| Ok::<bool, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
        let (turns_a, turns_b) = (is_set("transA")?, is_set("transB")?);
        self.check_product(inputs, turns_a, turns_b)?;
        let axes = AxesMapping::for_numpy_matmul(2, turns_a, turns_b, false)?;
        let product = EinSum::new(axes, self.model.outlet_fact(inputs[0])?.datum_type);
        let mut sum = self.model.wire_node(format!("{name}.product"), product, &inputs[..2])?[0];
        let factors = (node.get_attr_opt("alpha")?.unwrap_or(1.0_f32), node.get_attr_opt("beta")?.unwrap_or(1.0_f32));
        if factors.0 != 1.0 {
            sum = self.scaled(&format!("{name}.alpha"), sum, factors.0)?;
        }
        if let Some(&bias) = inputs.get(2) {
            let bias = if factors.1 == 1.0 { bias } else { self.scaled(&format!("{name}.beta"), bias, factors.1)? };
            sum = self.folded(name, math::add, &[sum, bias])?;
        }
        Ok(sum)
    }

    /// Whether the first two inputs are matrices that can be multiplied: tract itself does not look again.
    fn check_product(&self, inputs: &[OutletId], turns_a: bool, turns_b: bool) -> TractResult<()> {
        let [a, b, ..] = inputs else { bail!("no weights") };
        let sizes = |value: OutletId| self.model.outlet_fact(value).map(|fact| fact.shape.to_tvec());
        let (a, b) = (sizes(*a)?, sizes(*b)?);
        ensure!(a.len() == 2 && b.len() == 2, "only matrices can be multiplied");
        ensure!(a[usize::from(!turns_a)] == b[usize::from(turns_b)], "matrices that do not fit each other");
        Ok(())
    }

    fn scaled(&mut self, name: &str, x: OutletId, factor: f32) -> TractResult<OutletId> {
        let factor = self.model.add_const(format!("{name}.factor"), tensor0(factor))?;
        self.folded(name, math::mul, &[factor, x])
    }

    fn batch_normalization(&mut self, name: &str, epsilon: f32, inputs: &[OutletId]) -> TractResult<OutletId> {
        let &[x, scale, bias, mean, variance] = inputs else { bail!("five inputs are needed") };
        let numbers = |value: OutletId| -> TractResult<Vec<f32>> {
            Ok(self.known(value)?.to_plain_array_view::<f32>()?.iter().copied().collect())
        };
        let [scale, bias, mean, variance] = [numbers(scale)?, numbers(bias)?, numbers(mean)?, numbers(variance)?];
        ensure!(
            [&bias, &mean, &variance].iter().all(|other| other.len() == scale.len()),
            "parameters of different lengths"
        );
        // The columns are the second axis.
        let mut shape = vec![1; self.rank(x)?];
        *shape.get_mut(1).context("one axis only")? = scale.len();
        let deviation: Vec<f32> = variance.iter().map(|variance| (variance + epsilon).sqrt()).collect();
        let slope: Vec<f32> = scale.iter().zip(&deviation).map(|(scale, deviation)| scale / deviation).collect();
        let moved = mean.iter().zip(&scale).zip(&deviation).map(|((mean, scale), deviation)| mean * scale / deviation);
        let offset: Vec<f32> = bias.iter().zip(moved).map(|(bias, moved)| bias - moved).collect();
        let slope = self.model.add_const(format!("{name}.slope"), Tensor::from_shape(&shape, &slope)?)?;
        let offset = self.model.add_const(format!("{name}.offset"), Tensor::from_shape(&shape, &offset)?)?;
        let scaled = self.folded(&format!("{name}.scaled"), math::mul, &[slope, x])?;
        self.folded(name, math::add, &[offset, scaled])
    }

    fn slice(
        &mut self,
        name: &str,
        x: OutletId,
        (starts, ends): (Vec<i64>, Vec<i64>),
        axes: Option<Vec<i64>>,
    ) -> TractResult<OutletId> {
        let shape = self.model.outlet_fact(x)?.shape.as_concrete().context("an unknown shape")?.to_vec();
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        ensure!(starts.len() == ends.len() && axes.len() == ends.len(), "bounds that do not fit each other");
        axes.iter().zip(starts.iter().zip(&ends)).try_fold(x, |x, (&axis, (&start, &end))| {
            let axis = usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis })?;
            let n = *shape.get(axis).context("an axis that is not there")? as i64;
            let place = |at: i64| (if at < 0 { at.saturating_add(n) } else { at }).clamp(0, n) as usize;
            let (start, end) = (place(start), place(end));
            ensure!(start < end, "an empty part");
            self.one(&format!("{name}.{axis}"), Slice::new(axis, start, end), x)
        })
    }
}

fn load(tensor: &TensorProto) -> TractResult<Tensor> {
    load_tensor(&MmapDataResolver, tensor, None)
}

/// The numbers of a constant that is no tensor.
fn number_of(node: &NodeProto) -> TractResult<Tensor> {
    if let Some(x) = node.get_attr_opt::<f32>("value_float")? {
        return Ok(tensor0(x));
    }
    if let Some(x) = node.get_attr_opt::<i64>("value_int")? {
        return Ok(tensor0(x));
    }
    if let Some(x) = node.get_attr_opt_slice::<f32>("value_floats")? {
        return Ok(tensor1(x));
    }
    if let Some(x) = node.get_attr_opt_slice::<i64>("value_ints")? {
        return Ok(tensor1(x));
    }
    bail!("a constant without a number")
}
