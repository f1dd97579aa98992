//! Writes a model pack that does the work of the peers in docs/PERFORMANCE.md, no more and no less: a forest of 100 trees of 256
//! rows, and the network 122→128→64→32→1 with seeded weights. The packs that ship do more: larger trees, features in pieces, an
//! autoencoder.
//!
//! `pack FILE OUT`: fitted to FILE, which `oddflow generate --like nsl-kdd` has made. What it says about records is worthless.

use ndarray::{Array2, concatenate, prelude::*};
use oddflow::bundle::{FileDigest, Manifest};
use oddflow::dense::{Activation, Dense, Layer};
use oddflow::dnn::{Network, to_onnx};
use oddflow::forest::IsolationForestParams;
use oddflow::hybrid::{Standardise, Views, Weights};
use oddflow::ingest::Reader;
use oddflow::inputs::{NetworkInputs, Pieces};
use oddflow::rng::Rng;
use oddflow::schema;
use oddflow::train::views::calibrate;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

const LAYERS: [usize; 5] = [122, 128, 64, 32, 1];
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/nsl-kdd/manifest.json");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(file), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pack FILE OUT".into());
    };
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(MODEL)?)?;
    let mut reader = Reader::new();
    reader.push(&fs::read(file)?)?;
    let read = reader.finish()?;
    let schema = schema::detect(&read.table, read.detected);
    let rows = read.table.good_rows();
    let x = manifest.encoder.bind(&read.table, &schema)?.transform_all(&rows);

    let forest = IsolationForestParams::default().fit(x.view())?;
    let mut forest_scores = vec![0.0; rows.len()];
    forest.anomaly_score(x.view(), &mut forest_scores);
    let forest_input = Standardise::of(&forest_scores);
    let last = forest_scores.iter().map(|&score| forest_input.apply(score)).collect();
    let inputs = concatenate(Axis(1), &[x.view(), Array2::from_shape_vec((rows.len(), 1), last)?.view()])?;

    let dnn = to_onnx(&seeded(&mut Rng::new(0))?, None)?;
    let network = Network::from_onnx(&dnn, LAYERS[0])?;
    let mut probabilities = vec![0.0; rows.len()];
    network.probability(inputs.view(), &mut probabilities)?;
    let views = forest_scores.iter().zip(&probabilities);
    let views: Vec<Views> = views.map(|(&forest, &probability)| Views { forest, probability, error: 0.0 }).collect();
    let weights = Weights { forest: 0.5, autoencoder: 0.0 };

    let forest = forest.to_bytes();
    manifest.fusion = calibrate(&views, forest_input, false, manifest.fusion.network_cap, weights)?;
    manifest.inputs = NetworkInputs { pieces: Pieces::Even(0), features: Vec::new() };
    manifest.forest = FileDigest::of(&forest);
    manifest.dnn = FileDigest::of(&dnn);
    manifest.description = "Does the work of the peers in a measurement of speed".into();
    let out = Path::new(&out);
    fs::create_dir_all(out)?;
    fs::write(out.join("forest.bin"), forest)?;
    fs::write(out.join("dnn.onnx"), dnn)?;
    fs::write(out.join("manifest.json"), manifest.to_json())?;
    Ok(())
}

/// Weights as a fresh network has them: normal, with the variance 2 by the inputs (He 2015), so that about half of all units speak.
fn seeded(rng: &mut Rng) -> oddflow::Result<Dense> {
    let layers = LAYERS.windows(2).enumerate().map(|(at, sizes)| {
        let deviation = (2.0 / sizes[0] as f64).sqrt();
        let weights: Vec<f32> = (0..sizes[0] * sizes[1]).map(|_| (rng.normal() * deviation) as f32).collect();
        let is_last = at + 2 == LAYERS.len();
        Layer::new(
            sizes[0],
            &weights,
            &vec![0.0; sizes[1]],
            if is_last { Activation::Sigmoid } else { Activation::Relu },
        )
    });
    Dense::new(layers.collect::<oddflow::Result<_>>()?)
}
