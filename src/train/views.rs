//! Fits the views of a pack to training rows: encoder, forest, network, autoencoder. Nothing here sees any other row but the
//! validation rows that end the training of the networks.

use super::mlp::{MlpParams, Rows, Target};
use super::pieces;
use super::split::Data;
use crate::dense::Dense;
use crate::encode::{Encoder, EncoderParams};
use crate::error::{Error, Result};
use crate::forest::{Contamination, IsolationForest, IsolationForestParams, MaxSamples};
use crate::hybrid::{Fusion, Standardise, Tail, Views, Weights, logit};
use crate::inputs::NetworkInputs;
use crate::rng::Rng;
use ndarray::{Array2, ArrayView2, Axis, s};
use std::collections::BTreeMap;

/// How the views are fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewParams {
    pub n_estimators: u32,
    pub max_samples: u32,
    /// Parts of the normal training rows; each part's forest scores come from a forest that was fitted to the others.
    pub n_folds: u32,
    pub manner: Manner,
    pub classifier: MlpParams,
    pub autoencoder: Option<MlpParams>,
    pub seed: u64,
}

/// How the classifier is taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Made-up anomalies for each normal row that the network learns from beside the real ones; where there are no real ones,
    /// one for each.
    pub synthetic_share: f64,
    /// Whether features are cut into pieces where the classes part, or evenly.
    pub informed_pieces: bool,
    /// Whether the pieces get the noise that the other inputs get.
    pub noisy_pieces: bool,
    /// [`MlpParams::averaging`]
    pub averaging: f64,
}

impl Manner {
    /// For what is unlike all that was learned: on NSL-KDD, 0.05 made-up anomalies find 86 % of left-out types at 1 % false
    /// alarms, none 73 %; more teach the network to doubt real attacks (0.2: 82 %).
    pub const WARY: Self = Self { synthetic_share: 0.05, informed_pieces: false, noisy_pieces: true, averaging: 0.0 };
    /// For attacks that are hard to tell from normal traffic. On two folds of UNSW-NB15 the ROC AUC of the network is .9922 as
    /// above, .9928 with averaged weights and without made-up anomalies and noise on the pieces, and .9936 with informed ones.
    pub const KEEN: Self = Self { synthetic_share: 0.0, informed_pieces: true, noisy_pieces: false, averaging: 0.998 };
}

/// How rows become the network's inputs.
#[derive(Clone, Copy)]
struct Reading<'a> {
    inputs: &'a NetworkInputs,
    forest_input: Standardise,
    forest: &'a IsolationForest,
    encoder: &'a Encoder,
}

/// What a row is to the classifier; those of a kind weigh the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    label: u8,
    source: u32,
}

impl Kind {
    fn of(data: &Data<'_>, row: u32) -> Self {
        Self { label: data.labels[row as usize], source: data.sources[row as usize] }
    }
}

/// The weight of a row of each kind: each label weighs as much as the other, and so does each source that has it. Else the
/// network would learn which source has how many attacks, which says nothing about another.
fn balance(kinds: &[Kind]) -> BTreeMap<Kind, f32> {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    kinds.iter().for_each(|&kind| *counts.entry(kind).or_default() += 1);
    let n_sources = |label| counts.keys().filter(|kind| kind.label == label).count();
    let n_sources = [0, 1].map(n_sources);
    let weight = |(&kind, &count): (&Kind, &usize)| {
        (kind, kinds.len() as f32 / (2.0 * (n_sources[usize::from(kind.label)] * count) as f32))
    };
    counts.iter().map(weight).collect()
}

/// The network's inputs, and what each row is.
struct Learned {
    x: Array2<f32>,
    kinds: Vec<Kind>,
}

/// The same, with what the network is to say and how much that counts.
struct Weighted<'a> {
    x: ArrayView2<'a, f32>,
    labels: Vec<u8>,
    weights: Vec<f32>,
}

impl Learned {
    /// What is of no kind that has a weight counts nothing.
    fn weighted(&self, balance: &BTreeMap<Kind, f32>) -> Weighted<'_> {
        let weight = |kind: &Kind| balance.get(kind).copied().unwrap_or(0.0);
        Weighted {
            x: self.x.view(),
            labels: self.kinds.iter().map(|kind| kind.label).collect(),
            weights: self.kinds.iter().map(weight).collect(),
        }
    }
}

impl Weighted<'_> {
    fn rows(&self) -> Rows<'_> {
        Rows { x: self.x, target: Target::Labels { labels: &self.labels, weights: &self.weights } }
    }
}

/// Fitted views.
pub struct Fitted {
    pub encoder: Encoder,
    pub forest: IsolationForest,
    pub forest_input: Standardise,
    pub inputs: NetworkInputs,
    pub classifier: Dense,
    pub autoencoder: Option<Dense>,
}

impl ViewParams {
    /// The same recipe with another seed for every part of it.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        let mut params = Self { seed, ..self.clone() };
        params.classifier.seed = seed ^ 0xC1;
        if let Some(autoencoder) = &mut params.autoencoder {
            autoencoder.seed = seed ^ 0xAE;
        }
        params
    }

    /// `progress` hears the share of the work that is done.
    ///
    /// # Errors
    /// If nothing can be fitted, as without features that vary.
    pub fn fit(
        &self,
        data: &Data<'_>,
        train: &[u32],
        validation: &[u32],
        mut progress: impl FnMut(f64),
    ) -> Result<Fitted> {
        let encoder = EncoderParams::for_pack().fit(data.table, data.schema, train)?;
        let x = encode(data, &encoder, train)?;
        let kinds = |rows: &[u32]| rows.iter().map(|&row| Kind::of(data, row)).collect::<Vec<_>>();
        let (train_kinds, held_out_kinds) = (kinds(train), kinds(validation));
        let inputs = match self.manner.informed_pieces {
            true => {
                pieces::informed(&encoder, x.view(), &train_kinds.iter().map(|kind| kind.label).collect::<Vec<_>>())
            }
            false => NetworkInputs::of(&encoder),
        };
        let is_normal: Vec<bool> = train.iter().map(|&row| !data.is_attack(row)).collect();
        let normal: Vec<usize> = (0..train.len()).filter(|&at| is_normal[at]).collect();
        if normal.len() < 2 * self.n_folds as usize {
            return Err(Error::new(format!("{} normal rows are too few to train with", normal.len())));
        }
        let features = |places: &[usize]| x.select(Axis(0), places);
        let forest = self.forest(features(&normal).view())?;
        let mut scores = vec![0.0; train.len()];
        forest.anomaly_score(x.view(), &mut scores);
        let mut dealt = normal.clone();
        Rng::stream(self.seed, 1).shuffle(&mut dealt);
        for fold in 0..self.n_folds as usize {
            let part = |inside: bool| -> Vec<usize> {
                let mine = |at: &usize| (at % self.n_folds as usize == fold) == inside;
                (0..dealt.len()).filter(mine).map(|at| dealt[at]).collect()
            };
            let (mut others, out) = (part(false), part(true));
            others.sort_unstable();
            let forest = self.forest(features(&others).view())?;
            let mut unseen = vec![0.0; out.len()];
            forest.anomaly_score(features(&out).view(), &mut unseen);
            out.iter().zip(unseen).for_each(|(&at, score)| scores[at] = score);
            progress(0.1 * (fold + 1) as f64 / f64::from(self.n_folds));
        }
        let forest_input = Standardise::of(&normal.iter().map(|&at| scores[at]).collect::<Vec<_>>());
        let x_out = encode(data, &encoder, validation)?;
        let mut scores_out = vec![0.0; validation.len()];
        forest.anomaly_score(x_out.view(), &mut scores_out);
        let read = Reading { inputs: &inputs, forest_input, forest: &forest, encoder: &encoder };
        let learned = self.with_synthetic(read, &x, &scores, &train_kinds, 2);
        let checked = self.with_synthetic(read, &x_out, &scores_out, &held_out_kinds, 3);
        let balance = balance(&learned.kinds);
        let share = if self.autoencoder.is_some() { 0.5 } else { 0.9 };
        let mut params = MlpParams { averaging: self.manner.averaging, ..self.classifier.clone() };
        if !self.manner.noisy_pieces {
            params.noisy_inputs = x.ncols() + 1;
        }
        let classifier =
            params.fit(learned.weighted(&balance).rows(), checked.weighted(&balance).rows(), |done, _| {
                progress(0.1 + share * done)
            })?;
        let normal_out: Vec<usize> = (0..validation.len()).filter(|&at| held_out_kinds[at].label == 0).collect();
        let autoencoder = self.autoencoder.as_ref().map(|params| {
            // Without the pieces, which would only say the same once more.
            let x = learned.x.slice(s![.., ..=x.ncols()]).select(Axis(0), &normal);
            let x_out = checked.x.slice(s![.., ..=x_out.ncols()]).select(Axis(0), &normal_out);
            let rows = |x| Rows { x, target: Target::Inputs };
            params.fit(rows(x.view()), rows(x_out.view()), |done, _| progress(0.6 + 0.4 * done))
        });
        Ok(Fitted { encoder, forest, forest_input, inputs, classifier, autoencoder: autoencoder.transpose()? })
    }

    /// The network's inputs and labels, with synthetic anomalies below: normal rows, each with some columns from another
    /// normal row, so that every value is normal and their company is not.
    fn with_synthetic(
        &self,
        read: Reading<'_>,
        x: &Array2<f32>,
        scores: &[f32],
        kinds: &[Kind],
        stream: u64,
    ) -> Learned {
        let normal: Vec<usize> = (0..kinds.len()).filter(|&at| kinds[at].label == 0).collect();
        let share = if normal.len() == kinds.len() { 1.0 } else { self.manner.synthetic_share };
        let n = (share * normal.len() as f64) as usize;
        let mut rng = Rng::stream(self.seed, stream);
        let mut made = Array2::zeros((n, x.ncols()));
        let mut all_kinds = kinds.to_vec();
        for mut row in made.rows_mut() {
            let mut any = || normal[rng.below(normal.len() as u32) as usize];
            let (base, other) = (any(), any());
            row.assign(&x.row(base));
            all_kinds.push(Kind { label: 1, ..kinds[base] });
            let swapped = 0.1 + 0.4 * rng.uniform();
            let mut first = 0;
            for column in &read.encoder.columns {
                let features = first..first + column.n_features();
                first = features.end;
                if rng.uniform() < swapped {
                    row.slice_mut(s![features.clone()]).assign(&x.slice(s![other, features]));
                }
            }
        }
        let mut made_scores = vec![0.0; n];
        read.forest.anomaly_score(made.view(), &mut made_scores);
        let mut all = Array2::zeros((x.nrows() + n, read.inputs.n_inputs(x.ncols())));
        let (real, synthetic) = all.view_mut().split_at(Axis(0), x.nrows());
        read.inputs.fill(x.view(), scores, read.forest_input, real);
        read.inputs.fill(made.view(), &made_scores, read.forest_input, synthetic);
        Learned { x: all, kinds: all_kinds }
    }

    fn forest(&self, x: ArrayView2<'_, f32>) -> Result<IsolationForest> {
        let params = IsolationForestParams {
            n_estimators: self.n_estimators,
            max_samples: MaxSamples::Count(self.max_samples),
            max_features: 1.0,
            contamination: Contamination::Auto,
            seed: self.seed,
        };
        params.fit(x)
    }
}

impl Fitted {
    /// What the views say about some rows.
    ///
    /// # Errors
    /// If the table lacks the encoder's columns.
    pub fn views(&self, data: &Data<'_>, rows: &[u32]) -> Result<Vec<Views>> {
        let x = encode(data, &self.encoder, rows)?;
        let mut scores = vec![0.0; rows.len()];
        self.forest.anomaly_score(x.view(), &mut scores);
        let mut inputs = Array2::zeros((rows.len(), self.inputs.n_inputs(x.ncols())));
        self.inputs.fill(x.view(), &scores, self.forest_input, inputs.view_mut());
        let view = |&forest: &f32| Views { forest, probability: 0.0, error: 0.0 };
        let mut views: Vec<Views> = scores.iter().map(view).collect();
        self.classifier.for_each_row(inputs.view(), |row, _, y| views[row].probability = y[0]);
        if let Some(autoencoder) = &self.autoencoder {
            autoencoder.for_each_row(inputs.slice(s![.., ..=x.ncols()]), |row, x, y| {
                views[row].error = crate::dense::mean_absolute_difference(x, y)
            });
        }
        Ok(views)
    }
}

/// Calibrates on what the views say about held-out normal rows.
///
/// # Errors
/// With too few of them.
pub fn calibrate(
    normal: &[Views],
    forest_input: Standardise,
    autoencoder: bool,
    cap: f64,
    weights: Weights,
) -> Result<Fusion> {
    let tail = |value: &dyn Fn(&Views) -> f64| Tail::fit(&normal.iter().map(value).collect::<Vec<_>>());
    let mut fusion = Fusion {
        forest_input,
        network: tail(&|view| logit(view.probability))?,
        forest: tail(&|view| f64::from(view.forest))?,
        autoencoder: if autoencoder { Some(tail(&|view| f64::from(view.error))?) } else { None },
        network_cap: cap,
        weights,
        sum: Tail { values: vec![0.0], levels: vec![0.0], slope: 1.0 },
    };
    fusion.sum = tail(&|view| fusion.weighted_sum(*view))?;
    Ok(fusion)
}

fn encode(data: &Data<'_>, encoder: &Encoder, rows: &[u32]) -> Result<Array2<f32>> {
    Ok(encoder.bind(data.table, data.schema)?.transform_all(rows))
}
