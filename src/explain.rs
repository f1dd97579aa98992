//! Why a row is odd: what each column has to do with its score, and up to three reasons in words.
//!
//! - The forest: every split credits its feature with how much it shortens the expected path ([`ForestPaths`]); a column's
//!   bar is the sum over its features, and the bars add up to what the row's path is shorter than an expected one. Columns
//!   with values that no normal record has share what `seen.rs` takes off.
//! - The network: integrated gradients of the logit ([`gradients`]) from a typical row, where it is a chain of layers; for any
//!   other graph the logit's change when a column is made typical, in proportion. The part of the forest's score, which is
//!   one of its inputs, is passed on to the columns that make up that score: "odd because it is odd" is no reason. The bars
//!   add up to the row's logit less that of the typical row.
//! - The autoencoder: each column's part of the reconstruction error.
//!
//! Which column comes first is another question than how long its bar is. The forest ranks by local DIFFI times how far out
//! the value is in its column; a network ranks by its bars; each counts as much as it counts in the score.
//!
//! Nothing here is learned from labels, and rows are explained one by one: any worker can explain its own.

mod background;
mod glossary;
mod gradients;
mod words;

pub use background::{Background, ColumnBackground, Knot, ValueShare};
pub use glossary::meaning;
pub use words::{brief, clean, label_of, part_name, span};

use crate::dense::mean_absolute_difference;
use crate::encode::{BoundEncoder, Encoding};
use crate::error::Result;
use crate::features::Encoded;
use crate::flow::Parts;
use crate::forest::{ForestPaths, PathCredits};
use crate::hybrid::{Detector, SecondStage, Views, logit};
use crate::schema::Schema;
use crate::seen::BoundSeen;
use crate::table::{Cell, Column, Span, Table};
use background::BoundBackground;
use gradients::{Gradients, complete};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use words::Wording;

/// Why one row has the score that it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub row: u32,
    /// The path length that is expected, and the row's own, in splits; what the bars' `forest` add up to.
    pub forest: Explained,
    /// The logit of a typical row, and the row's own; what the bars' `network` add up to. `None` without a network.
    pub network: Option<Explained>,
    /// The reconstruction error, to which the bars' `reconstruction` add up; `None` without an autoencoder that is a chain of
    /// layers.
    pub reconstruction: Option<f64>,
    /// The columns that have to do with the score, the weightiest first.
    pub bars: Vec<Bar>,
    /// At most three values that stand out by themselves.
    pub reasons: Vec<Reason>,
    /// Where none does: the values that make the row odd together, in the same words.
    pub together: Vec<String>,
    /// All of this in one line.
    pub summary: String,
}

/// From what is expected to what the row has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    pub expected: f64,
    pub row: f64,
}

/// What one column has to do with the score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The canonical name.
    pub column: String,
    /// What people call it.
    pub label: String,
    pub value: String,
    pub typical: String,
    /// By how many splits it shortens the path; negative where it makes the row more ordinary.
    pub forest: f64,
    /// By how much it raises the logit; 0 without a network.
    pub network: f64,
    /// Its part of the reconstruction error; 0 without an autoencoder.
    pub reconstruction: f64,
    /// Its share among all columns as a reason, from 0 to 1.
    pub weight: f64,
}

/// One thing that makes a row odd, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The canonical name of the column: rows are filtered and grouped by it.
    pub tag: String,
    /// Such as `Sent 48 MB (typical 2 kB), more than 99.8 % of flows here`.
    pub text: String,
    /// As that of the bar.
    pub weight: f64,
}

/// More are no help.
const MAX_REASONS: usize = 3;
/// A value stands out if at most this share of its column is as far out.
const RARE: f64 = 0.05;
/// What the network alone objects to is a reason if it is this much of all.
const LEARNED: f64 = 0.2;
/// Beside a reason that is so many times as weighty, another is none.
const FAINT: f64 = 0.2;

/// A detector's reasons, against what is usual.
pub struct Explainer {
    detector: Rc<Detector>,
    background: Rc<Background>,
    paths: ForestPaths,
    network: Option<NetworkReasons>,
    /// The canonical names of the columns that can be a reason: those of the encoder, then those that are only `seen`.
    columns: Vec<String>,
    /// The column of each feature.
    of_feature: Vec<u32>,
}

struct NetworkReasons {
    /// The column of each of the network's inputs; the forest's score has none.
    of_input: Vec<Option<u32>>,
    base: Vec<f32>,
    base_logit: f64,
    /// Where the network is a chain of layers.
    gradients: Option<Gradients>,
}

impl Explainer {
    /// # Errors
    /// If the network fails on the typical row.
    pub fn new(detector: Rc<Detector>, background: Rc<Background>) -> Result<Self> {
        let encoder = &detector.encoder;
        let mut columns: Vec<String> = encoder.columns.iter().map(|column| column.name.clone()).collect();
        if let Some(seen) = &detector.seen {
            let others = seen.columns().filter(|name| encoder.columns.iter().all(|column| column.name != *name));
            columns.extend(others.map(ToOwned::to_owned));
        }
        let features = encoder.columns.iter().zip(0..).flat_map(|(column, at)| vec![at; column.n_features()]);
        let of_feature: Vec<u32> = features.collect();
        let paths = ForestPaths::of(&detector.forest);
        let mut explainer = Self { detector, background, paths, network: None, columns, of_feature };
        if let Some(second) = &explainer.detector.second {
            explainer.network = Some(explainer.network_reasons(second)?);
        }
        Ok(explainer)
    }

    fn network_reasons(&self, second: &SecondStage) -> Result<NetworkReasons> {
        let features = self.typical_features();
        let mut score = [0.0];
        self.detector.forest.anomaly_score(features.view(), &mut score);
        let base = network_row(second, &features, score);
        let of_input = self.of_feature.iter().map(|&column| Some(column)).chain([None]);
        let inputs = &second.inputs;
        let pieces = inputs
            .features
            .iter()
            .enumerate()
            .flat_map(|(at, &feature)| vec![Some(self.of_feature[feature as usize]); inputs.n_pieces(at)]);
        let gradients = second.network.dense().map(|(classifier, _)| Gradients::of(classifier, base.clone()));
        let base_logit = match &gradients {
            Some(gradients) => gradients.base_logit(),
            None => {
                let mut probability = [0.0];
                second
                    .network
                    .probability(Array2::from_shape_fn((1, base.len()), |(_, k)| base[k]).view(), &mut probability)?;
                logit(probability[0])
            }
        };
        Ok(NetworkReasons { of_input: of_input.chain(pieces).collect(), base, base_logit, gradients })
    }

    /// A row of the medians and of the most frequent values, as the encoder would have it.
    fn typical_features(&self) -> Array2<f32> {
        let encoder = &self.detector.encoder;
        let columns = encoder.columns.iter().map(|encoding| {
            let mut column = Column { name: encoding.name.clone(), ..Column::default() };
            let known = self.background.find(&encoding.name);
            let cell = match known.map(|known| (known, known.typical())) {
                Some((known, Some(text))) => match (known.is_number(), text.parse::<f64>(), &encoding.encoding) {
                    (true, Ok(x), _) | (_, Ok(x), Encoding::Number { .. } | Encoding::Port { .. }) => Cell::number(x),
                    _ => column.dictionary.code(&text).map_or(Cell::UNKEPT_TEXT, Cell::text),
                },
                _ => Cell::MISSING,
            };
            column.cells.push(cell);
            column
        });
        let table = Table { columns: columns.collect(), spans: vec![Span { start: 0, len: 0 }], bad: vec![] };
        let specs = encoder.columns.iter().map(|encoding| crate::schema::ColumnSpec {
            name: encoding.name.clone(),
            canonical: encoding.name.clone(),
            kind: crate::schema::Kind::Number,
            role: crate::schema::Role::Feature,
            unit: None,
            why: None,
        });
        let schema = Schema { columns: specs.collect(), ..Schema::default() };
        encoder.bind(&table, &schema).expect("the table has the encoder's columns").transform_all(&[0])
    }

    /// Finds the detector's columns in a table, which is seen as the detector's record sees it.
    ///
    /// # Errors
    /// If some are missing; the error names them.
    pub fn bind<'a>(&'a self, table: &'a Table, schema: &'a Schema) -> Result<BoundExplainer<'a>> {
        let parts = Parts::of(schema);
        let rows = self.background.rows;
        let encoder = self.detector.encoder.bind(table, schema)?;
        let columns = self.columns.iter().map(|name| {
            let at = schema.find(name).filter(|&at| at < table.columns.len())?;
            let background = self.background.find(name)?;
            Some(BoundColumn {
                wording: Wording::of(schema, &parts, at),
                background: background.bind(&table.columns[at], rows),
            })
        });
        Ok(BoundExplainer {
            room: encoder.room(1),
            encoder,
            seen: self.detector.seen.as_ref().map(|seen| seen.bind(table, schema)),
            columns: columns.collect(),
            records: words::records_called(&parts),
            credits: PathCredits::default(),
            explainer: self,
        })
    }
}

/// What the network reads of one row.
fn network_row(second: &SecondStage, features: &Array2<f32>, score: [f32; 1]) -> Vec<f32> {
    let mut inputs = Array2::zeros((1, second.inputs.n_inputs(features.ncols())));
    second.inputs.fill(features.view(), &score, second.fusion.forest_input, inputs.view_mut());
    inputs.into_raw_vec_and_offset().0
}

/// An explainer that knows where a table's columns are.
pub struct BoundExplainer<'a> {
    explainer: &'a Explainer,
    encoder: BoundEncoder<'a>,
    room: Encoded,
    seen: Option<BoundSeen<'a>>,
    /// `None` for a column of which nothing usual is known.
    columns: Vec<Option<BoundColumn<'a>>>,
    records: &'static str,
    credits: PathCredits,
}

struct BoundColumn<'a> {
    wording: Wording,
    background: BoundBackground<'a>,
}

/// What the columns have to do with one row's score; a place for each column.
struct Weighed {
    forest: Explained,
    network: Option<Explained>,
    reconstruction: Option<f64>,
    by_forest: Vec<f64>,
    by_network: Vec<f64>,
    by_reconstruction: Vec<f64>,
    weights: Vec<f64>,
    /// How much of the weight is the network's.
    learned: Vec<f64>,
    unseen: Vec<bool>,
}

impl BoundExplainer<'_> {
    /// Why a row of the table has its score.
    ///
    /// # Errors
    /// If the network fails.
    pub fn explain(&mut self, row: u32) -> Result<Explanation> {
        let weighed = self.weigh(row)?;
        let reasons = self.reasons_of(row, &weighed);
        let mut order = by_weight(&weighed.weights);
        order.retain(|&at| {
            weighed.by_forest[at] != 0.0 || weighed.by_network[at] != 0.0 || weighed.by_reconstruction[at] != 0.0
        });
        let bars = order.iter().map(|&at| {
            let (label, value, typical) = match &self.columns[at] {
                Some(column) => (
                    column.wording.label.clone(),
                    column.wording.value(&column.background, column.background.cell(row)),
                    column.wording.typical(column.background.background),
                ),
                None => (self.explainer.columns[at].clone(), String::new(), String::new()),
            };
            Bar {
                column: self.explainer.columns[at].clone(),
                label,
                value,
                typical,
                forest: weighed.by_forest[at],
                network: weighed.by_network[at],
                reconstruction: weighed.by_reconstruction[at],
                weight: weighed.weights[at],
            }
        });
        let together = if reasons.is_empty() { self.together(row, &weighed) } else { Vec::new() };
        Ok(Explanation {
            row,
            forest: weighed.forest,
            network: weighed.network,
            reconstruction: weighed.reconstruction,
            bars: bars.collect(),
            summary: if reasons.is_empty() { in_all(&together) } else { line(&reasons) },
            reasons,
            together,
        })
    }

    /// The reasons alone, at most three, none where no single value stands out; and the same in one line, or what is odd
    /// together: the annotated file's `oddflow_reasons`.
    ///
    /// # Errors
    /// If the network fails.
    pub fn reasons(&mut self, row: u32) -> Result<(Vec<Reason>, String)> {
        let weighed = self.weigh(row)?;
        let reasons = self.reasons_of(row, &weighed);
        let text = if reasons.is_empty() { in_all(&self.together(row, &weighed)) } else { line(&reasons) };
        Ok((reasons, text.replace(['\u{202f}', '\u{a0}', '\u{2009}'], " ")))
    }

    /// The first reason alone, or what is odd together: a line of the table.
    ///
    /// # Errors
    /// If the network fails.
    pub fn brief(&mut self, row: u32) -> Result<String> {
        let weighed = self.weigh(row)?;
        let first = self.reasons_of(row, &weighed).into_iter().next();
        Ok(first.map_or_else(|| format!("Together: {}", self.together(row, &weighed).join("; ")), |reason| reason.text))
    }

    fn reasons_of(&self, row: u32, weighed: &Weighed) -> Vec<Reason> {
        let order = by_weight(&weighed.weights);
        let top = order.first().map_or(0.0, |&at| weighed.weights[at]);
        let mut told = Vec::new();
        let mut reasons: Vec<Reason> = Vec::new();
        for at in order {
            let Some(BoundColumn { wording, background }) = &self.columns[at] else { continue };
            let weight = weighed.weights[at];
            if reasons.len() == MAX_REASONS || weight <= FAINT * top {
                break;
            }
            let is_rare = background.tail(row) <= RARE;
            let is_learned = weighed.learned[at] >= LEARNED;
            // Payload and the same with headers are one thing.
            let is_told = wording.part().is_some_and(|part| told.contains(&part));
            if is_told || !(is_rare || is_learned || weighed.unseen[at]) {
                continue;
            }
            told.extend(wording.part());
            let mut text = wording.reason(background, row, self.records, self.explainer.background.complete);
            if weighed.unseen[at] {
                text.push_str(", and no normal record has such a value");
            } else if !is_rare {
                text.push_str(" (weighs much for the network)");
            }
            reasons.push(Reason { tag: self.explainer.columns[at].clone(), text, weight });
        }
        reasons
    }

    /// The weightiest values where none is a reason by itself.
    fn together(&self, row: u32, weighed: &Weighed) -> Vec<String> {
        let order = by_weight(&weighed.weights);
        let named = order.iter().filter(|&&at| weighed.weights[at] > 0.0);
        let mut told = Vec::new();
        let known = named.filter_map(|&at| self.columns[at].as_ref()).filter(|column| {
            let label = &column.wording.label;
            let is_new = !told.contains(&label);
            told.push(label);
            is_new
        });
        let complete = self.explainer.background.complete;
        known.take(MAX_REASONS).map(|c| c.wording.reason(&c.background, row, self.records, complete)).collect()
    }

    fn weigh(&mut self, row: u32) -> Result<Weighed> {
        let explainer = self.explainer;
        let n = explainer.columns.len();
        self.encoder.transform(&[row], &mut self.room);
        let features = self.room.view().to_owned();
        let values = features.as_slice().expect("it was just made");
        let paths = &explainer.paths;
        paths.credit(values, &explainer.of_feature, &mut self.credits);
        let credits = &self.credits;
        let mut by_forest = credits.shortening.clone();
        by_forest.resize(n, 0.0);
        let mut path = credits.path;
        let mut unseen = vec![false; n];
        if let Some(seen) = &self.seen {
            let at = seen.unseen(row).filter_map(|name| explainer.columns.iter().position(|column| column == name));
            let at: Vec<usize> = at.collect();
            let shortened = seen.shortened(path, at.len());
            for &column in &at {
                unseen[column] = true;
                // Each unseen value has the same part in it.
                by_forest[column] += (path - shortened) / at.len() as f64;
            }
            path = shortened;
        }
        let mut ranks: Vec<f64> = (0..n)
            .map(|at| {
                let diffi = match credits.uses.get(at) {
                    Some(&uses) if uses > 0 => credits.diffi[at] / f64::from(uses),
                    _ => 0.0,
                };
                let surprise = self.columns[at].as_ref().map_or(0.0, |column| column.background.surprise(row));
                // The surprise finds the culprit; DIFFI tells apart what is as surprising. Planted culprits among 40 columns come
                // first: 100 % with heavy tails or mostly zeros, 93 % of normal ones at 5 deviations; by DIFFI times surprise
                // 92, 100 and 83 %.
                if unseen[at] { square(surprise.max(2.0)) } else { libm::sqrt(diffi.max(0.0)) * square(surprise) }
            })
            .collect();
        normalise(&mut ranks);
        let score = libm::exp2(-path / at_least(paths.average())) as f32;
        let mut weighed = Weighed {
            forest: Explained { expected: paths.expected(), row: path },
            network: None,
            reconstruction: None,
            by_forest,
            by_network: vec![0.0; n],
            by_reconstruction: vec![0.0; n],
            weights: ranks,
            learned: vec![0.0; n],
            unseen,
        };
        if let (Some(second), Some(network)) = (&explainer.detector.second, &explainer.network) {
            self.weigh_network(second, network, &features, score, &mut weighed)?;
        }
        Ok(weighed)
    }

    fn weigh_network(
        &self,
        second: &SecondStage,
        network: &NetworkReasons,
        features: &Array2<f32>,
        score: f32,
        weighed: &mut Weighed,
    ) -> Result<()> {
        let n = weighed.by_network.len();
        let inputs = network_row(second, features, [score]);
        let mut of_score = 0.0;
        let row_logit = match &network.gradients {
            Some(gradients) => {
                let mut parts = vec![0.0; inputs.len()];
                let row_logit = gradients.attribute(&inputs, &mut parts);
                for (part, column) in parts.iter().zip(&network.of_input) {
                    match column {
                        Some(column) => weighed.by_network[*column as usize] += part,
                        None => of_score += part,
                    }
                }
                row_logit
            }
            None => {
                let (row_logit, mut parts) = occlude(second, network, &inputs, n)?;
                of_score = parts.pop().unwrap_or(0.0);
                weighed.by_network = parts;
                row_logit
            }
        };
        pass_on(of_score, &weighed.by_forest, &mut weighed.by_network);
        weighed.network = Some(Explained { expected: network.base_logit, row: row_logit });
        let mut error = 0.0;
        if let Some((_, Some(autoencoder))) = second.network.dense() {
            let width = autoencoder.n_inputs();
            let x = ndarray::ArrayView2::from_shape((1, width), &inputs[..width]).expect("the inputs are as many");
            autoencoder.for_each_row(x, |_, x, y| {
                error = f64::from(mean_absolute_difference(x, y));
                for ((x, y), column) in x.iter().zip(y).zip(&network.of_input) {
                    if let Some(column) = column {
                        weighed.by_reconstruction[*column as usize] += f64::from((x - y).abs()) / width as f64;
                    }
                }
            });
            complete(&mut weighed.by_reconstruction, error);
            weighed.reconstruction = Some(error);
        }
        let fusion = &second.fusion;
        let probability = crate::dense::sigmoid(row_logit as f32);
        let levels = fusion.levels(Views { forest: score, probability, error: error as f32 });
        let mut by_network: Vec<f64> = weighed.by_network.iter().map(|part| part.max(0.0)).collect();
        normalise(&mut by_network);
        let mut by_error = weighed.by_reconstruction.clone();
        normalise(&mut by_error);
        for at in 0..n {
            weighed.learned[at] = levels.network * by_network[at];
            weighed.weights[at] =
                levels.forest * weighed.weights[at] + weighed.learned[at] + levels.autoencoder * by_error[at];
        }
        let all = at_least(weighed.weights.iter().sum());
        weighed.weights.iter_mut().chain(&mut weighed.learned).for_each(|weight| *weight /= all);
        Ok(())
    }
}

/// How much the logit falls when each column is made typical, and at the end the same for the forest's score, in proportion so
/// that they add up to the difference of the logits; and the row's logit.
fn occlude(
    second: &SecondStage,
    network: &NetworkReasons,
    inputs: &[f32],
    n_columns: usize,
) -> Result<(f64, Vec<f64>)> {
    let place = |column: &Option<u32>| column.map_or(n_columns, |column| column as usize);
    let mut rows = Array2::zeros((n_columns + 2, inputs.len()));
    for (at, mut row) in rows.rows_mut().into_iter().enumerate() {
        for (k, value) in row.iter_mut().enumerate() {
            *value = if place(&network.of_input[k]) == at { network.base[k] } else { inputs[k] };
        }
    }
    let mut probabilities = vec![0.0; n_columns + 2];
    second.network.probability(rows.slice(s![.., ..]), &mut probabilities)?;
    // The last row is the row itself: no column has its place.
    let row_logit = logit(probabilities[n_columns + 1]);
    let mut parts: Vec<f64> = probabilities[..=n_columns].iter().map(|&p| row_logit - logit(p)).collect();
    complete(&mut parts, row_logit - network.base_logit);
    Ok((row_logit, parts))
}

/// Shares a part of the forest's score out among the columns that made that score, those that push to its side.
fn pass_on(part: f64, by_forest: &[f64], by_network: &mut [f64]) {
    let pushes = |bar: &f64| if part > 0.0 { bar.max(0.0) } else { (-bar).max(0.0) };
    let all: f64 = by_forest.iter().map(pushes).sum();
    let n = by_forest.len() as f64;
    for (network, bar) in by_network.iter_mut().zip(by_forest) {
        *network += part * if all > 0.0 { pushes(bar) / all } else { 1.0 / n };
    }
}

/// Places of the weights, the greatest first.
fn by_weight(weights: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    order
}

fn normalise(weights: &mut [f64]) {
    weights.iter_mut().for_each(|weight| *weight = weight.max(0.0));
    let all = at_least(weights.iter().sum());
    weights.iter_mut().for_each(|weight| *weight /= all);
}

fn square(x: f64) -> f64 {
    x * x
}

fn at_least(x: f64) -> f64 {
    x.max(f64::MIN_POSITIVE)
}

/// Reasons in one line.
#[must_use]
pub fn line(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// What to say where no value stands out.
fn in_all(together: &[String]) -> String {
    match together {
        [] => "Nothing stands out".into(),
        [only] => format!("No single value stands out, but most by {only}"),
        several => format!("No single value stands out, but together: {}", several.join("; ")),
    }
}

#[cfg(test)]
mod tests;
