//! Makes a model pack from a labelled table: `train`.
//!
//! The order is what makes the figures honest. Exact copies are removed and rows held out for validation before anything is
//! fitted; the encoder is fitted to the training rows, the forest and the autoencoder to their normal ones; the forest
//! scores that the network learns from come from forests that have not seen the row; classes are balanced by weights, not
//! by copies; calibration and threshold come from held-out normal rows; and how much the views count is decided by rows that
//! no part of the training has seen, half of it by attack types that were left out (`rounds`).
//!
//! The same table, parameters and seed give the same pack, byte for byte, however many threads do the work.

mod card;
mod home;
pub mod mlp;
mod pieces;
pub mod rounds;
pub mod split;
pub mod views;

use crate::bundle::{FORMAT, FileDigest, Manifest, Training, VERSION};
use crate::dense::Activation;
use crate::dnn::to_onnx;
use crate::error::Result;
use crate::flow::Record;
use crate::hybrid::{Views, Weights};
use crate::rng::Rng;
use crate::schema::Schema;
use crate::table::Table;
use mlp::MlpParams;
use rounds::{FUSED, LeaveOut, OWN_FOREST};
use split::Data;
use views::{Fitted, Manner, ViewParams, calibrate};

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
    /// What the forest's and the autoencoder's levels may count; those that do best are taken, the first of equals.
    pub weights: Vec<Weights>,
    /// Runs that find out how well the recipe does, with a seed and a split each; 0 takes the first weights.
    pub runs: u32,
    pub leave_out: LeaveOut,
    /// Learn from normal rows alone: the network tells them from made-up anomalies.
    pub normal_only: bool,
    /// What the table is: the file's own columns, or flow records made of them.
    pub record: Record,
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
            noisy_inputs: usize::MAX,
            learning_rate: 2e-3,
            weight_decay: 1e-4,
            batch: 512,
            steps: 2000,
            averaging: 0.0,
            seed,
        };
        let autoencoder = MlpParams {
            hidden: vec![64, 16, 64],
            activation: Activation::Tanh,
            dropout: vec![],
            input_noise: 0.0,
            steps: 6000,
            ..classifier.clone()
        };
        let views = ViewParams {
            n_estimators: 100,
            max_samples: 8192,
            n_folds: 3,
            manner: MANNERS[0],
            classifier,
            autoencoder: Some(autoencoder),
            seed,
        };
        let weights = [(1.0, 1.0), (0.5, 1.0), (1.0, 2.0), (0.5, 0.5), (0.0, 0.5), (0.0, 0.0)];
        Self {
            name: name.to_owned(),
            data_sha256: data_sha256.to_owned(),
            seed,
            false_alarm_rate: 0.05,
            validation_share: 0.1,
            views: views.seeded(seed),
            network_cap: 3.0,
            weights: weights.map(|(forest, autoencoder)| Weights { forest, autoencoder }).to_vec(),
            runs: 5,
            leave_out: LeaveOut::AttackTypes,
            normal_only: false,
            record: Record::Columns,
        }
    }

    /// The recipe for flow records of several sources, which is to carry over to others: less is learned by heart. Trained as
    /// the others are, the network does worse than chance on some sources that it has not seen (NF-BoT-IoT-v2: a ROC AUC of
    /// .54 where this one's is .86).
    #[must_use]
    pub fn for_sources(mut self) -> Self {
        self.record = Record::Flow;
        self.leave_out = LeaveOut::Sources;
        self.views.classifier.hidden = vec![64, 32];
        self.views.classifier.steps = 1000;
        self
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

/// Manners to choose from; without runs it is the first.
const MANNERS: [Manner; 2] = [Manner::WARY, Manner::KEEN];

/// Rows of each label that a source gives at most.
const SOURCE_ROWS: u32 = 5000;

/// Trains a pack.
///
/// # Errors
/// If the table has no label, only one class, or too few normal rows.
pub fn train(
    table: &Table,
    schema: &Schema,
    params: &TrainParams,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<PackFiles> {
    let mut data = Data::new(table, schema, params.normal_only)?;
    if params.leave_out == LeaveOut::Sources {
        data.tell_sources()?;
        data.limit_sources(SOURCE_ROWS, &mut Rng::stream(params.seed, 4));
    }
    let mut params = params.clone();
    let (judged, before) = judge(&data, &mut params, progress)?;
    let verdict = rounds::sum_up(&judged, &params)?;
    drop(judged);
    if verdict.weights.autoencoder == 0.0 {
        params.views.autoencoder = None;
    }
    let params = &params;

    let (train, validation) = params.hold_out(&data, &data.rows, params.seed);
    let stage = "Training the pack itself";
    let heard = |done| progress(Progress { stage: stage.into(), done: before + (1.0 - before) * 0.9 * done });
    let fitted = params.views.fit(&data, &train, &validation, heard)?;
    let normal: Vec<u32> = validation.iter().copied().filter(|&row| !data.is_attack(row)).collect();
    let normal: Vec<Views> = fitted.views(&data, &normal)?;
    let has_autoencoder = fitted.autoencoder.is_some();
    let fusion = calibrate(&normal, fitted.forest_input, has_autoencoder, params.network_cap, verdict.weights)?;
    progress(Progress {
        stage: "Learning what the training rows look like".into(),
        done: before + (1.0 - before) * 0.9,
    });
    let domain = home::domain(&data, params, &fitted.encoder)?;

    let forest = fitted.forest.to_bytes();
    let dnn = to_onnx(&fitted.classifier, fitted.autoencoder.as_ref())?;
    let manifest = Manifest {
        format: FORMAT.into(),
        version: VERSION,
        name: params.name.clone(),
        description: describe(&data, params),
        layout: schema.layout,
        record: params.record,
        switched_off: switched_off(params, &verdict),
        forest: FileDigest::of(&forest),
        dnn: FileDigest::of(&dnn),
        // The score is minus the logarithm of a share of normal rows.
        threshold: -libm::log10(params.false_alarm_rate) as f32,
        false_alarm_rate: params.false_alarm_rate,
        training: training_facts(&data, params, &fitted, [train.len(), validation.len()]),
        cross_validation: verdict.cross_validation,
        left_out: verdict.left_out,
        domain,
        fusion,
        inputs: fitted.inputs,
        encoder: fitted.encoder,
    };
    progress(Progress { stage: "Done".into(), done: 1.0 });
    let card = card::write(&manifest, params);
    Ok(PackFiles { manifest: manifest.to_json(), forest, dnn, card })
}

/// Does all runs, in the manner that does best in one run more, with another split of the same rows and another seed: the run
/// that chooses is not among those that are reported. Also says what part of all the work that was, the pack itself being as much as one round more.
fn judge(
    data: &Data<'_>,
    params: &mut TrainParams,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(Vec<rounds::Round>, f64)> {
    if params.runs == 0 {
        return Ok((Vec::new(), 0.0));
    }
    // Trained on normal rows alone, made-up anomalies are all there is.
    let manners = if params.normal_only { &MANNERS[..1] } else { &MANNERS[..] };
    let n_trials = if manners.len() > 1 { manners.len() } else { 0 };
    let passes = f64::from(params.runs) + n_trials as f64;
    let mut passed = 0.0;
    // A pass has some ten rounds.
    let all = passes + 0.1;
    let mut pass = |params: &TrainParams, runs: std::ops::Range<u32>| {
        let n = f64::from(runs.end - runs.start);
        let heard = &mut |told: Progress| {
            progress(Progress { done: (passed + n * told.done) / all, ..told });
        };
        let rounds = rounds::run(data, params, runs, heard);
        passed += n;
        rounds
    };
    let mut best = (f64::NEG_INFINITY, manners[0]);
    for &manner in &manners[..n_trials] {
        params.views.manner = manner;
        let trial = pass(params, params.runs..params.runs + 1)?;
        let merit = rounds::sum_up(&trial, params)?.merit;
        if merit > best.0 {
            best = (merit, manner);
        }
    }
    params.views.manner = best.1;
    let judged = pass(params, 0..params.runs)?;
    Ok((judged, passes / all))
}

/// A pack for many networks must beat what people have without one, on networks that it has not seen.
fn switched_off(params: &TrainParams, verdict: &rounds::Verdict) -> Option<String> {
    if params.leave_out != LeaveOut::Sources {
        return None;
    }
    let auc = |view: &str| verdict.left_out.by_view.get(view).map(|figures| figures.roc_auc.mean);
    match (auc(FUSED), auc(OWN_FOREST)) {
        (Some(fused), Some(own)) if fused > own => None,
        (Some(fused), Some(own)) => Some(format!(
            "on sources that it was not trained on its mean ROC AUC is {fused:.3}, that of a forest fitted to the source \
             itself {own:.3}"
        )),
        _ => Some("it was not measured on sources that it was not trained on".into()),
    }
}

fn describe(data: &Data<'_>, params: &TrainParams) -> String {
    let kind = match params.record {
        Record::Columns => data.schema.layout.map_or("a table", crate::schema::layout_name),
        Record::Flow => "any flow log",
    };
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
