//! ONNX Runtime, tract and the dense kernel agree on the packs' networks and on a fresh one, to 1e-5.
//!
//! Needs a Python with onnxruntime, named by ODDFLOW_PYTHON or found as `python3`; says so and passes where there is none.
#![cfg(feature = "onnx")]

use ndarray::Array2;
use oddflow::dense::{Activation, Dense, Layer};
use oddflow::dnn::{Network, to_onnx};
use oddflow::rng::Rng;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROWS: usize = 1000;
const TOLERANCE: f32 = 1e-5;

fn python() -> Option<String> {
    let python = std::env::var("ODDFLOW_PYTHON").unwrap_or_else(|_| "python3".into());
    let probe = Command::new(&python).args(["-c", "import onnxruntime, numpy"]).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: {python} has no onnxruntime; set ODDFLOW_PYTHON to one that has");
    None
}

fn layers(widths: &[usize], inner: Activation, last: Activation, rng: &mut Rng) -> Dense {
    let mut layers = Vec::new();
    for (at, pair) in widths.windows(2).enumerate() {
        let scale = (2.0 / pair[0] as f64).sqrt();
        let mut draw = |n: usize| (0..n).map(|_| (rng.normal() * scale) as f32).collect::<Vec<_>>();
        let activation = if at + 2 == widths.len() { last } else { inner };
        layers.push(Layer::new(pair[0], &draw(pair[0] * pair[1]), &draw(pair[1]), activation).unwrap());
    }
    Dense::new(layers).unwrap()
}

/// The largest differences of the dense kernel and of tract from ONNX Runtime.
fn differences(python: &str, name: &str, bytes: &[u8], n_inputs: usize) -> (f32, f32) {
    let dir = std::env::temp_dir().join(format!("oddflow-onnxruntime-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let [model, inputs, outputs] = ["dnn.onnx", "inputs", "outputs"].map(|file| dir.join(file));
    let mut rng = Rng::new(3);
    let x = Array2::from_shape_simple_fn((ROWS, n_inputs), || rng.normal() as f32);
    std::fs::write(&model, bytes).unwrap();
    std::fs::write(&inputs, x.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/onnxruntime_agreement.py");
    let status = Command::new(python)
        .arg(script)
        .args([&model, &inputs])
        .arg(n_inputs.to_string())
        .arg(&outputs)
        .status()
        .unwrap();
    assert!(status.success(), "{name}: ONNX Runtime failed");
    let theirs = std::fs::read(&outputs).unwrap();
    let theirs: Vec<f32> = theirs.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    std::fs::remove_dir_all(&dir).unwrap();

    let network = Network::from_onnx(bytes, n_inputs).unwrap();
    assert_eq!(theirs.len(), ROWS * (1 + usize::from(network.has_autoencoder())), "{name}: outputs");
    let largest = |run: &dyn Fn(&mut [f32], &mut [f32])| {
        let mut ours = vec![0.0; 2 * ROWS];
        let (probability, error) = ours.split_at_mut(ROWS);
        run(probability, error);
        ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(network.is_portable(), "{name} is a plain chain of layers");
    let dense = largest(&|p, e| network.run(x.view(), p, e).unwrap());
    (dense, largest(&|p, e| network.judge(x.view(), p, e).unwrap()))
}

#[test]
fn onnx_runtime_agrees() {
    let Some(python) = python() else { return };
    let mut rng = Rng::new(1);
    let classifier = layers(&[123, 128, 64, 32, 1], Activation::Relu, Activation::Sigmoid, &mut rng);
    let autoencoder = layers(&[123, 64, 16, 64, 123], Activation::Tanh, Activation::Identity, &mut rng);
    let mut models = vec![("fresh".to_owned(), to_onnx(&classifier, Some(&autoencoder)).unwrap(), 123)];
    let packs: Vec<PathBuf> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    for pack in packs {
        let Ok(manifest) = std::fs::read(pack.join("manifest.json")) else { continue };
        let manifest: oddflow::bundle::Manifest = serde_json::from_slice(&manifest).unwrap();
        let bytes = std::fs::read(pack.join("dnn.onnx")).unwrap();
        models.push((manifest.name.clone(), bytes, manifest.inputs.n_inputs(manifest.encoder.n_features())));
    }
    for (name, bytes, n_inputs) in models {
        let (dense, tract) = differences(&python, &name, &bytes, n_inputs);
        println!("{name}: dense kernel {dense:e}, tract {tract:e} from ONNX Runtime");
        assert!(dense <= TOLERANCE && tract <= TOLERANCE, "{name}: dense {dense:e}, tract {tract:e}");
    }
}
