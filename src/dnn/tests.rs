use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Layers of random weights with the given widths; the last has the given activation, the others `inner`.
fn net(widths: &[usize], inner: Activation, last: Activation, seed: u64) -> Dense {
    let mut rng = Rng::new(seed);
    let n = widths.len() - 1;
    let layer = |i: usize| {
        let scale = (2.0 / widths[i] as f64).sqrt();
        let mut draw = |n: usize| (0..n).map(|_| (rng.normal() * scale) as f32).collect::<Vec<_>>();
        let (weights, bias) = (draw(widths[i] * widths[i + 1]), draw(widths[i + 1]));
        Layer::new(widths[i], &weights, &bias, if i + 1 == n { last } else { inner }).unwrap()
    };
    Dense::new((0..n).map(layer).collect()).unwrap()
}

fn classifier(n: usize) -> Dense {
    net(&[n, 128, 64, 32, 1], Activation::Relu, Activation::Sigmoid, 1)
}

fn model(n: usize) -> ModelProto {
    ModelProto::decode(&to_onnx(&classifier(n), None).unwrap()[..]).unwrap()
}

fn load(model: &ModelProto, n: usize) -> Result<Network> {
    Network::from_onnx(&model.encode_to_vec(), n)
}

/// Both ways of running `network` over `rows` rows, as the largest difference of any output.
fn difference(network: &Network, rows: usize) -> f32 {
    let mut rng = Rng::new(9);
    let x = Array2::from_shape_simple_fn((rows, network.n_inputs()), || rng.normal() as f32);
    let mut ours = (vec![-1.0; rows], vec![-1.0; rows]);
    let mut tracts = ours.clone();
    network.run(x.view(), &mut ours.0, &mut ours.1).unwrap();
    network.judge(x.view(), &mut tracts.0, &mut tracts.1).unwrap();
    let pairs = ours.0.iter().zip(&tracts.0).chain(ours.1.iter().zip(&tracts.1));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_chain_of_layers_is_run_as_tract_runs_it() {
    for (n, rows) in [(1, 1), (41, 255), (123, 256), (123, 600)] {
        let network = Network::from_onnx(&to_onnx(&classifier(n), None).unwrap(), n).unwrap();
        assert!(network.is_portable() && !network.has_autoencoder());
        assert!(difference(&network, rows) <= AGREEMENT, "{n} inputs, {rows} rows");
    }
}

#[test]
fn an_autoencoder_is_a_second_output() {
    let autoencoder = net(&[20, 16, 4, 16, 20], Activation::Tanh, Activation::Identity, 2);
    let network = Network::from_onnx(&to_onnx(&classifier(20), Some(&autoencoder)).unwrap(), 20).unwrap();
    assert!(network.is_portable() && network.has_autoencoder());
    assert!(difference(&network, 300) <= AGREEMENT);
}

#[test]
fn the_same_layers_give_the_same_bytes_and_come_back() {
    let bytes = to_onnx(&classifier(7), None).unwrap();
    assert_eq!(bytes, to_onnx(&classifier(7), None).unwrap());
    let read = chains(ModelProto::decode(&bytes[..]).unwrap().graph.as_ref().unwrap()).unwrap();
    assert_eq!(read, (classifier(7), None));
}

#[test]
fn other_ways_to_write_a_chain_are_recognised() {
    let mut model = model(5);
    let graph = model.graph.as_mut().unwrap();
    // Gemm as MatMul and Add, as skl2onnx writes it.
    let first = graph.node.remove(0);
    graph.node.insert(0, node("MatMul", &[&first.input[0], &first.input[1]], "product"));
    graph.node.insert(1, node("Add", &[&first.input[2], "product"], &first.output[0]));
    // Gemm with transposed weights, as PyTorch writes it.
    let weight = graph.initializer.iter_mut().find(|tensor| tensor.name == "classifier.1.weight").unwrap();
    let values: Vec<f32> = weight.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let flipped: Vec<f32> = (0..64 * 128).map(|at| values[at % 128 * 64 + at / 128]).collect();
    *weight = tensor("classifier.1.weight", &[64, 128], &flipped);
    let second = graph.node.iter_mut().find(|node| node.op_type == "Gemm").unwrap();
    second.attribute.push(AttributeProto {
        name: "transB".into(),
        r#type: AttributeType::Int as i32,
        i: 1,
        ..AttributeProto::default()
    });
    let network = load(&model, 5).unwrap();
    assert_eq!(network.dense, Some((classifier(5), None)));
}

#[test]
fn any_other_graph_is_run_by_tract() {
    let mut model = model(5);
    let graph = model.graph.as_mut().unwrap();
    graph.node.iter_mut().find(|node| node.op_type == "Relu").unwrap().op_type = "Softplus".into();
    let network = load(&model, 5).unwrap();
    assert!(!network.is_portable());
    assert_eq!(difference(&network, 3), 0.0);
}

#[test]
fn a_model_that_cannot_be_trusted_is_refused() {
    let check = |change: &dyn Fn(&mut GraphProto), expected: &str| {
        let mut model = model(5);
        change(model.graph.as_mut().unwrap());
        let what = load(&model, 5).err().expect(expected).what;
        assert!(what.contains(expected), "{what}");
    };
    check(&|graph| graph.node[0].op_type = "Loop".into(), "the operator \"Loop\"");
    check(&|graph| graph.node[0].domain = "com.evil".into(), "the operator \"Gemm\"");
    check(&|graph| graph.node[0].input[0] = "classifier.0.bias".into(), "constants alone");
    check(&|graph| graph.node[0].input[0] = "nothing".into(), "no step before it gives");
    check(&|graph| graph.input[0] = value_info("features", 6), "shape [any, 6], not [rows, 5]");
    check(&|graph| graph.input.push(value_info("more", 6)), "has 2 inputs");
    check(&|graph| graph.output.clear(), "has 0 outputs");
    check(&|graph| graph.output[0].name = "classifier.0.out".into(), "not one number per row");
    check(&|graph| graph.output[0].name = "classifier.3.sum".into(), "not a probability");
    check(&|graph| graph.initializer[0].dims[0] = 1 << 40, "do not fill their shapes");
    check(&|graph| graph.initializer[0].dims[0] = -1, "do not fill their shapes");
    check(&|graph| graph.initializer[0].dims = vec![128, 5], "cannot be run");
    check(&|graph| graph.initializer[0].data_location = Some(1), "another file");
    check(&|graph| graph.node = vec![graph.node[0].clone(); 300], "has 300 steps");
    check(&|graph| graph.node[1].input[0] = "probability".into(), "no step before it gives");
    check(&|graph| graph.initializer[0].raw_data[2..4].copy_from_slice(&[0x80, 0x7f]), "not finite");
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    let whole = to_onnx(&classifier(5), None).unwrap();
    let check = |bytes: &[u8], n: usize, expected: &str| {
        let what = Network::from_onnx(bytes, n).err().expect(expected).what;
        assert!(what.contains(expected), "{what}");
    };
    check(b"\x89PNG\r\n\x1a\n", 5, "not an ONNX model");
    check(&[], 5, "no graph");
    check(&vec![0; MAX_BYTES + 1], 5, "the limit is");
    check(&whole[..whole.len() / 2], 5, "not an ONNX model");
    check(&whole, 1, "shape [any, 5], not [rows, 1]");
}

#[test]
fn rows_and_places_must_fit() {
    let network = Network::from_onnx(&to_onnx(&classifier(5), None).unwrap(), 5).unwrap();
    let check = |columns: usize, places: usize| {
        assert!(network.probability(Array2::zeros((2, columns)).view(), &mut vec![0.0; places]).is_err());
    };
    check(4, 2);
    check(5, 3);
    assert!(network.probability(Array2::zeros((0, 5)).view(), &mut []).is_ok());
}

/// What tract makes of a model that it reads by itself.
fn by_tracts_own_reader(model: &ModelProto, x: &Tensor) -> TractResult<Vec<f32>> {
    let parsed = tract_onnx::onnx().with_ignore_output_shapes(true).parse(model, None)?.model;
    let mut parsed = parsed.with_input_fact(0, f32::fact(x.shape()).into())?;
    parsed.analyse(false)?;
    outputs(parsed.into_typed()?, x)
}

fn outputs(model: TypedModel, x: &Tensor) -> TractResult<Vec<f32>> {
    let outputs = model.into_optimized()?.into_runnable()?.run(tvec!(x.clone().into()))?;
    Ok(outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect())
}

#[test]
fn every_operator_means_what_tracts_own_reader_takes_it_for() {
    let float = |name: &str, f: f32| AttributeProto {
        name: name.into(),
        r#type: AttributeType::Float as i32,
        f,
        ..AttributeProto::default()
    };
    let int = |name: &str, i: i64| AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i,
        ..AttributeProto::default()
    };
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: ints.to_vec(),
        ..AttributeProto::default()
    };
    let held = |x: f32| AttributeProto {
        name: "value".into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(tensor("", &[1, 3], &[x, 2.0 * x, -x])),
        ..AttributeProto::default()
    };
    type Case<'a> = (i64, &'a str, &'a [&'a str], Vec<AttributeProto>);
    // In every case `x` has two rows of three numbers.
    let cases: Vec<Case<'_>> = vec![
        (13, "Abs", &["x"], vec![]),
        (13, "Exp", &["x"], vec![]),
        (13, "Neg", &["x"], vec![]),
        (13, "Sigmoid", &["x"], vec![]),
        (13, "Tanh", &["x"], vec![]),
        (13, "Log", &["positive"], vec![]),
        (13, "Sqrt", &["positive"], vec![]),
        (13, "Add", &["x", "row"], vec![]),
        (13, "Sub", &["row", "x"], vec![]),
        (13, "Mul", &["x", "one"], vec![]),
        (13, "Div", &["x", "row"], vec![]),
        (13, "Max", &["x", "row", "one"], vec![]),
        (13, "Min", &["row", "x"], vec![]),
        (13, "Pow", &["positive", "one"], vec![]),
        (13, "Relu", &["x"], vec![]),
        (13, "Elu", &["x"], vec![float("alpha", 0.7)]),
        (13, "Elu", &["x"], vec![]),
        (13, "HardSigmoid", &["x"], vec![]),
        (13, "HardSigmoid", &["x"], vec![float("alpha", 0.3), float("beta", 0.4)]),
        (13, "LeakyRelu", &["x"], vec![]),
        (13, "Selu", &["x"], vec![]),
        (13, "Softplus", &["x"], vec![]),
        (13, "PRelu", &["x", "row"], vec![]),
        (13, "PRelu", &["x", "one"], vec![]),
        (13, "MatMul", &["x", "matrix"], vec![]),
        (13, "Gemm", &["x", "matrix", "two"], vec![]),
        (13, "Gemm", &["x", "turned", "two"], vec![int("transB", 1), float("alpha", 0.5), float("beta", 2.0)]),
        (13, "Gemm", &["x", "matrix"], vec![]),
        (13, "Flatten", &["x"], vec![]),
        (13, "Identity", &["x"], vec![]),
        (13, "Dropout", &["x"], vec![]),
        (13, "Dropout", &["x", "ratio"], vec![]),
        (13, "Cast", &["x"], vec![int("to", DataType::Float as i64)]),
        (13, "Clip", &["x", "ratio", "most"], vec![]),
        (13, "Clip", &["x", "", "most"], vec![]),
        (13, "Clip", &["x", "ratio"], vec![]),
        (9, "Clip", &["x"], vec![float("min", -0.5), float("max", 0.5)]),
        (13, "BatchNormalization", &["x", "row", "row", "three", "variance"], vec![float("epsilon", 0.01)]),
        (13, "ReduceMean", &["x"], vec![ints("axes", &[1]), int("keepdims", 1)]),
        (13, "ReduceMean", &["x"], vec![ints("axes", &[-1]), int("keepdims", 0)]),
        (18, "ReduceMean", &["x", "axis"], vec![]),
        (13, "Slice", &["x", "start", "end", "axis"], vec![]),
        (13, "Slice", &["x", "last", "far", "axis", "axis"], vec![]),
        (9, "Slice", &["x"], vec![ints("axes", &[1]), ints("starts", &[0]), ints("ends", &[2])]),
    ];
    for operator in OPERATORS.iter().filter(|operator| **operator != "Constant") {
        assert!(cases.iter().any(|(_, tested, ..)| tested == operator), "{operator}");
    }
    let x = Tensor::from_shape(&[2, 3], &[-1.5_f32, 0.25, 3.0, 0.0, -0.125, 1.0]).unwrap();
    for (opset, operator, inputs, attribute) in cases {
        let mut graph = GraphProto::default();
        graph.input.push(value_info("x", 3));
        let scalar = |name: &str, x: f32| TensorProto { dims: vec![], ..tensor(name, &[1], &[x]) };
        graph.initializer = vec![
            tensor("row", &[3], &[0.5, -2.0, 4.0]),
            tensor("three", &[3], &[0.1, 0.2, -0.3]),
            tensor("variance", &[3], &[1.0, 0.5, 2.0]),
            tensor("one", &[1], &[1.5]),
            tensor("two", &[2], &[1.0, -1.0]),
            tensor("matrix", &[3, 2], &[1.0, 2.0, -0.5, 0.25, 3.0, -1.0]),
            tensor("turned", &[2, 3], &[1.0, -0.5, 3.0, 2.0, 0.25, -1.0]),
            scalar("ratio", -0.1),
            scalar("most", 0.75),
            integer("axis", 1),
            integer("start", 0),
            integer("end", 2),
            integer("last", -2),
            integer("far", i64::MAX),
        ];
        // Logarithms and roots want positive numbers.
        graph.node.push(node("Exp", &["x"], "positive"));
        let mut constant = node("Constant", &[], "constant");
        constant.attribute = vec![held(0.25)];
        graph.node.push(constant);
        let mut tested = node(operator, inputs, "tested");
        tested.attribute = attribute;
        graph.node.push(tested);
        graph.node.push(node("Mul", &["tested", "tested"], "y"));
        graph.node.push(node("Sub", &["x", "constant"], "unused"));
        graph.output.push(ValueInfoProto { name: "y".into(), ..ValueInfoProto::default() });
        let model = ModelProto {
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
            graph: Some(graph),
            ..ModelProto::default()
        };
        let expected = by_tracts_own_reader(&model, &x).map_err(|error| format!("{operator}: {error:#}")).unwrap();
        let ours = operators::wire(&model, [2, 3]).and_then(|model| outputs(model, &x));
        let ours = ours.map_err(|error| format!("{operator}: {error:#}")).unwrap();
        assert_eq!(ours.len(), expected.len(), "{operator} {inputs:?}");
        for (ours, expected) in ours.iter().zip(&expected) {
            assert!(
                (ours - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                "{operator} {inputs:?}: {ours} {expected}"
            );
        }
    }
}
