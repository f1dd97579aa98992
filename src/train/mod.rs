//! Makes a model pack from a labelled table: `train`.
//!
//! The order is what makes the figures honest. Exact copies are removed and rows held out for validation before anything is
//! fitted; the encoder is fitted to the training rows, the forest and the autoencoder to their normal ones; the forest
//! scores that the network learns from come from forests that have not seen the row; classes are balanced by weights, not
//! by copies; calibration and threshold come from held-out normal rows; and how much the views count is decided by leaving
//! whole attack types out of training, the nearest thing there is to an attack of tomorrow.
//!
//! The same table, parameters and seed give the same pack, byte for byte.

mod card;
pub mod mlp;
pub mod split;
pub mod views;

use crate::bundle::{FORMAT, Figures, FileDigest, Manifest, Training, VERSION};
use crate::dense::Activation;
use crate::dnn::to_onnx;
use crate::error::{Error, Result};
use crate::evaluate::{pr_auc, recall_at_fpr, roc_auc};
use crate::hybrid::{Fusion, Views};
use crate::rng::Rng;
use crate::schema::Schema;
use crate::table::Table;
use mlp::MlpParams;
use split::{Data, stratified, type_folds};
use std::collections::BTreeMap;
use views::{Fitted, ViewParams, calibrate};

/// What to train and how.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainParams {
    pub name: String,
    /// SHA-256 of the training file, for the record.
    pub data_sha256: String,
    pub seed: u64,
    /// Of normal rows, at the threshold.
    pub false_alarm_rate: f64,
    /// The share of each class that is held out.
    pub validation_share: f64,
    pub views: ViewParams,
    /// The network's level counts up to here; fewer than 10,000 held-out normal rows cannot certify more.
    pub network_cap: f64,
    /// What the forest's and the autoencoder's levels may count; the first that does best is taken.
    pub weights: Vec<f64>,
    /// Rounds of training, each without some attack types, to choose the weight; 0 takes the first weight.
    pub type_folds: usize,
}

impl TrainParams {
    /// The recipe.
    #[must_use]
    pub fn new(name: &str, data_sha256: &str, seed: u64) -> Self {
        let classifier = MlpParams {
            hidden: vec![128, 64, 32],
            activation: Activation::Relu,
            dropout: vec![0.2, 0.2],
            input_noise: 0.1,
            learning_rate: 2e-3,
            weight_decay: 1e-4,
            batch: 512,
            epochs: 10,
            seed: seed ^ 0xC1,
        };
        let autoencoder = MlpParams {
            hidden: vec![64, 16, 64],
            activation: Activation::Tanh,
            dropout: vec![],
            input_noise: 0.0,
            epochs: 20,
            seed: seed ^ 0xAE,
            ..classifier.clone()
        };
        let autoencoder = Some(autoencoder);
        Self {
            name: name.to_owned(),
            data_sha256: data_sha256.to_owned(),
            seed,
            false_alarm_rate: 0.05,
            validation_share: 0.1,
            views: ViewParams { n_estimators: 100, max_samples: 1024, n_folds: 5, classifier, autoencoder, seed },
            network_cap: 3.0,
            weights: vec![1.0, 0.5, 0.0],
            type_folds: 5,
        }
    }
}

/// How far the training is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What is being done, in a few words.
    pub stage: String,
    /// The share of all the work that is done, from 0 to 1, roughly in time.
    pub done: f64,
}

/// The files of a pack.
#[derive(Clone, Debug, PartialEq)]
pub struct PackFiles {
    /// `manifest.json`
    pub manifest: Vec<u8>,
    /// `forest.bin`
    pub forest: Vec<u8>,
    /// `dnn.onnx`
    pub dnn: Vec<u8>,
    /// `MODEL_CARD.md`
    pub card: String,
}

/// A type that has fewer rows says little when it is left out.
const LEAST_TYPE_ROWS: u64 = 10;

/// Trains a pack.
///
/// # Errors
/// If the table has no label, only one class, or too few normal rows.
pub fn train(
    table: &Table,
    schema: &Schema,
    params: &TrainParams,
    progress: &mut dyn FnMut(Progress),
) -> Result<PackFiles> {
    let data = Data::new(table, schema)?;
    let (train, validation) = hold_out(&data, params);
    let folds = attack_folds(&data, params.type_folds);
    let rounds = folds.len() as f64 + 1.0;

    let mut left_out = Vec::new();
    for (round, types) in folds.iter().enumerate() {
        let names: Vec<&str> = types.iter().map(|&class| data.class_names[class as usize].as_str()).collect();
        let stage = format!("Training without {}", names.join(", "));
        let heard = |done| progress(Progress { stage: stage.clone(), done: (round as f64 + done) / rounds });
        left_out.push(without_types(&data, &train, &validation, types, params, heard)?);
    }
    let (weight, left_out_attacks) = choose_weight(&left_out, params)?;

    let stage = "Training with all attack types";
    let heard = |done| progress(Progress { stage: stage.into(), done: (rounds - 1.0 + 0.99 * done) / rounds });
    let fitted = params.views.fit(&data, &train, &validation, heard)?;
    let views = fitted.views(&data, &validation)?;
    let is_attack: Vec<u8> = validation.iter().map(|&row| data.labels[row as usize]).collect();
    let normal = normal_of(&views, &is_attack);
    let fusion = calibrate(&normal, fitted.forest_input, fitted.autoencoder.is_some(), params.network_cap, weight)?;

    let forest = fitted.forest.to_bytes();
    let dnn = to_onnx(&fitted.classifier, fitted.autoencoder.as_ref())?;
    let manifest = Manifest {
        format: FORMAT.into(),
        version: VERSION,
        name: params.name.clone(),
        description: describe(&data),
        layout: schema.layout,
        forest: FileDigest::of(&forest),
        dnn: FileDigest::of(&dnn),
        // The score is minus the logarithm of a share of normal rows.
        threshold: -libm::log10(params.false_alarm_rate) as f32,
        false_alarm_rate: params.false_alarm_rate,
        training: training_facts(&data, params, &fitted, [train.len(), validation.len()]),
        validation: by_view(&fusion, &views)
            .into_iter()
            .map(|(name, scores)| (name, figures(&scores, &is_attack)))
            .collect(),
        left_out_attacks,
        fusion,
        encoder: fitted.encoder,
    };
    progress(Progress { stage: "Done".into(), done: 1.0 });
    let card = card::write(&manifest, params);
    Ok(PackFiles { manifest: manifest.to_json(), forest, dnn, card })
}

/// Training and validation rows.
#[must_use]
pub fn hold_out(data: &Data<'_>, params: &TrainParams) -> (Vec<u32>, Vec<u32>) {
    stratified(&data.rows, |row| data.class(row), params.validation_share, &mut Rng::stream(params.seed, 0))
}

/// Which attack types are left out together, round by round.
#[must_use]
pub fn attack_folds(data: &Data<'_>, n_folds: usize) -> Vec<Vec<u32>> {
    let attacks: Vec<u32> = data.rows.iter().copied().filter(|&row| data.is_attack(row)).collect();
    let counts: Vec<(u32, u64)> = (0..).zip(data.counts(&attacks)).collect();
    let folds = type_folds(&counts, n_folds, LEAST_TYPE_ROWS);
    // With one type only, nothing would be left to learn attacks from.
    if folds.len() < 2 { Vec::new() } else { folds }
}

/// What a round that left types out says about held-out normal rows and about the rows of each type.
pub struct LeftOut {
    pub fitted: Fitted,
    pub normal: Vec<Views>,
    pub types: Vec<(u32, Vec<Views>)>,
}

/// Trains without these attack types.
///
/// # Errors
/// As [`train`].
pub fn without_types(
    data: &Data<'_>,
    train: &[u32],
    validation: &[u32],
    types: &[u32],
    params: &TrainParams,
    progress: impl FnMut(f64),
) -> Result<LeftOut> {
    let kept =
        |rows: &[u32]| -> Vec<u32> { rows.iter().copied().filter(|&row| !types.contains(&data.class(row))).collect() };
    let fitted = params.views.fit(data, &kept(train), &kept(validation), progress)?;
    let normal: Vec<u32> = validation.iter().copied().filter(|&row| !data.is_attack(row)).collect();
    let of_type = |&class: &u32| -> Result<(u32, Vec<Views>)> {
        let rows: Vec<u32> = data.rows.iter().copied().filter(|&row| data.class(row) == class).collect();
        Ok((class, fitted.views(data, &rows)?))
    };
    Ok(LeftOut {
        normal: fitted.views(data, &normal)?,
        types: types.iter().map(of_type).collect::<Result<_>>()?,
        fitted,
    })
}

/// Figures by view, means over the types that were left out.
///
/// # Errors
/// With too few held-out normal rows.
pub fn left_out_figures(rounds: &[LeftOut], cap: f64, weight: f64) -> Result<BTreeMap<String, Figures>> {
    let mut by_name: BTreeMap<String, Vec<Figures>> = BTreeMap::new();
    for round in rounds {
        let fitted = &round.fitted;
        let fusion = calibrate(&round.normal, fitted.forest_input, fitted.autoencoder.is_some(), cap, weight)?;
        for (_, attacks) in &round.types {
            let views: Vec<Views> = round.normal.iter().chain(attacks).copied().collect();
            let labels: Vec<u8> = (0..views.len()).map(|at| u8::from(at >= round.normal.len())).collect();
            for (name, scores) in by_view(&fusion, &views) {
                by_name.entry(name).or_default().push(figures(&scores, &labels));
            }
        }
    }
    let mean = |all: &[Figures]| {
        let mean = |of: &dyn Fn(&Figures) -> f64| rounded(all.iter().map(of).sum::<f64>() / all.len() as f64);
        Figures {
            roc_auc: mean(&|f| f.roc_auc),
            pr_auc: mean(&|f| f.pr_auc),
            recall_at_1: mean(&|f| f.recall_at_1),
            recall_at_5: mean(&|f| f.recall_at_5),
        }
    };
    Ok(by_name.into_iter().map(|(name, all)| (name, mean(&all))).collect())
}

/// The weight whose fused score finds most of the attack types that were left out.
fn choose_weight(rounds: &[LeftOut], params: &TrainParams) -> Result<(f64, BTreeMap<String, Figures>)> {
    let first = *params.weights.first().ok_or_else(|| Error::new("There is no weight to choose from"))?;
    if rounds.is_empty() {
        return Ok((first, BTreeMap::new()));
    }
    let mut best: Option<(f64, f64, BTreeMap<String, Figures>)> = None;
    for &weight in &params.weights {
        let by_name = left_out_figures(rounds, params.network_cap, weight)?;
        let fused = by_name.get(FUSED).copied().unwrap_or_default();
        // Ranking as a whole, and where alarms are raised.
        let merit = (fused.roc_auc + fused.recall_at_1 + fused.recall_at_5) / 3.0;
        if best.as_ref().is_none_or(|(_, most, _)| merit > *most) {
            best = Some((weight, merit, by_name));
        }
    }
    Ok(best.map_or((first, BTreeMap::new()), |(weight, _, by_name)| (weight, by_name)))
}

const FUSED: &str = "fused";

/// The scores of each view, and of all together.
fn by_view(fusion: &Fusion, views: &[Views]) -> Vec<(String, Vec<f32>)> {
    let scores = |name: &str, score: &dyn Fn(&Views) -> f32| (name.to_owned(), views.iter().map(score).collect());
    let mut all = vec![
        scores("forest", &|view| view.forest),
        scores("network", &|view| view.probability),
        scores(FUSED, &|view| fusion.score(*view)),
    ];
    if fusion.autoencoder.is_some() {
        all.push(scores("autoencoder", &|view| view.error));
    }
    all
}

fn figures(scores: &[f32], labels: &[u8]) -> Figures {
    Figures {
        roc_auc: rounded(roc_auc(scores, labels)),
        pr_auc: rounded(pr_auc(scores, labels)),
        recall_at_1: rounded(recall_at_fpr(scores, labels, 0.01)),
        recall_at_5: rounded(recall_at_fpr(scores, labels, 0.05)),
    }
}

/// To the digits that such figures bear.
fn rounded(x: f64) -> f64 {
    libm::round(x * 1e5) / 1e5
}

fn normal_of(views: &[Views], is_attack: &[u8]) -> Vec<Views> {
    views.iter().zip(is_attack).filter(|&(_, &is)| is == 0).map(|(view, _)| *view).collect()
}

fn describe(data: &Data<'_>) -> String {
    let kind = data.schema.layout.map_or("a table", crate::schema::layout_name);
    format!("Tells attacks from normal traffic in {kind}; trained on {} rows", data.rows.len())
}

fn training_facts(data: &Data<'_>, params: &TrainParams, fitted: &Fitted, parts: [usize; 2]) -> Training {
    let counts = data.counts(&data.rows);
    let named = data.class_names.iter().cloned().zip(counts).filter(|&(_, count)| count > 0);
    Training {
        data_sha256: params.data_sha256.clone(),
        seed: params.seed,
        rows: data.facts.labelled,
        duplicates_removed: data.facts.duplicates,
        contradictory: data.facts.contradictory,
        training_rows: parts[0] as u64,
        validation_rows: parts[1] as u64,
        missing_cells: data.facts.missing_cells,
        infinite_cells: data.facts.infinite_cells,
        classes: named.collect(),
        features: fitted.encoder.feature_names(),
    }
}

#[cfg(test)]
mod tests;
