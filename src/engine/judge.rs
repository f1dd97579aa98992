//! What the labels of the open file say about its scores, in figures.

use super::crew::{self, FileId};
use super::places::Chunk;
use super::sweep::{Effort, Sweep, Swept};
use super::{Engine, Run};
use crate::domain::FitReport;
use crate::error::{Error, Result};
use crate::evaluate::{self, Bootstrap, Confusion, Curve, Intervals, NameRecall, Reliability};
use crate::ingest::Start;
use crate::protocol::{Bulk, Quality, StageQuality};
use crate::report::Ranking;
use crate::schema;
use serde::Serialize;
use std::ops::RangeInclusive;

/// How rare anomalies may be where the detector is used; the share in a labelled file says nothing about it.
const BASE_RATES: [f64; 2] = [0.01, 0.001];

/// The report of `oddflow evaluate`.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    pub file: String,
    pub layout: Option<schema::Layout>,
    pub rows: u64,
    pub scored: u64,
    pub unscored: u64,
    /// The model pack, or `null` for the forest fitted to the file itself.
    pub pack: Option<String>,
    pub label_column: String,
    pub normal: u64,
    pub anomalies: u64,
    pub threshold: f32,
    pub threshold_origin: String,
    /// The score that decides, at the threshold.
    pub hybrid: StageEvaluation,
    /// At the threshold that flags as many rows as the hybrid does, or the next fewer.
    pub forest: StageEvaluation,
    /// The same; `null` without a network.
    pub network: Option<StageEvaluation>,
    /// Of the network's probability; `null` without a network.
    pub reliability: Option<Reliability>,
    pub recall_by_attack: Vec<AttackRecall>,
    /// `null` without a pack, or where attacks have no names, here or in the file that the pack was trained on.
    pub novelty: Option<Novelty>,
    /// How the confidence intervals of 95 % were found.
    pub bootstrap: Bootstrap,
    pub fit: Option<FitReport>,
    pub warnings: Vec<String>,
}

/// How many of the rows of one attack were flagged.
#[derive(Clone, Debug, Serialize)]
pub struct AttackRecall {
    #[serde(flatten)]
    pub counts: NameRecall,
    pub recall: f64,
}

/// Recall on the attacks that the pack was trained on, and on those that it has never met; `null` where there are none.
#[derive(Clone, Debug, Serialize)]
pub struct Novelty {
    pub seen: Option<AttackGroup>,
    pub unseen: Option<AttackGroup>,
}

/// Several attacks together, at the hybrid's threshold and at thresholds that flag a share of the normal rows.
#[derive(Clone, Debug, Serialize)]
pub struct AttackGroup {
    pub names: Vec<String>,
    pub rows: u64,
    pub flagged: u64,
    pub recall: f64,
    pub recall_at_1pct_fpr: f64,
    pub recall_at_5pct_fpr: f64,
}

/// One stage's figures.
#[derive(Clone, Debug, Serialize)]
pub struct StageEvaluation {
    pub roc_auc: f64,
    pub pr_auc: f64,
    pub recall_at_1pct_fpr: f64,
    pub recall_at_5pct_fpr: f64,
    pub threshold: f32,
    pub confusion: Confusion,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub accuracy: f64,
    pub false_positive_rate: f64,
    pub precision_at_base_rate: Vec<BaseRatePrecision>,
    /// `null` without a bootstrap.
    pub confidence_intervals: Option<Intervals>,
}

/// The precision where this share of all rows are anomalies.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BaseRatePrecision {
    pub base_rate: f64,
    pub at_threshold: f64,
    pub at_1pct_fpr: f64,
}

/// How many records may be judged by other crews. With fewer it is not worth while; to give others the scores of more would take too
/// much memory.
const SHARED: RangeInclusive<usize> = 1 << 14..=1 << 22;

/// What the labels say about each of some stages, found step by step by whoever has time.
pub(super) struct Judging {
    /// One chunk for each stage, without records; `None` where nobody else is to do it.
    sweep: Option<Sweep>,
    n_stages: usize,
    judged: Vec<StageQuality>,
}

/// How far [`Judging::step`] has come.
pub(super) enum Judged {
    Working,
    Waiting,
    Done(Vec<StageQuality>),
}

impl Judging {
    pub fn new(engine: &mut Engine, file: FileId, n_stages: usize, n_rows: usize) -> Self {
        let has_others = engine.crews.as_ref().is_some_and(|crews| crews.n() > 0);
        let sweep = (has_others && SHARED.contains(&n_rows)).then(|| {
            let none = Chunk { start: Start::at(0), end: 0, first_row: 0, n_rows: 0, first_line: 0 };
            Sweep::new(engine, file, vec![none; n_stages].into(), [].into(), Effort::Much)
        });
        Self { sweep, n_stages, judged: Vec::new() }
    }

    /// Does some more with the same scores and labels as ever.
    pub fn step(&mut self, engine: &mut Engine, stages: &[&[f32]], labels: &[u8]) -> Result<Judged> {
        let Some(sweep) = &mut self.sweep else {
            let Some(scores) = stages[..self.n_stages].get(self.judged.len()) else {
                return Ok(Judged::Done(std::mem::take(&mut self.judged)));
            };
            self.judged.push(stage(scores, labels));
            return Ok(Judged::Working);
        };
        let bulk = |number: u32| vec![Bulk::F32(stages[number as usize].to_vec()), Bulk::U8(labels.to_vec())];
        match sweep.step(engine, |number, _| (crew::Task::Judge, bulk(number)))? {
            Swept::Found(found) => match found.finding {
                crew::Finding::Judged(quality) => self.judged.push(*quality),
                _ => return Err(Error::new("A worker gave another answer than it was asked for")),
            },
            Swept::Working => {}
            Swept::Waiting => return Ok(Judged::Waiting),
            Swept::Done => return Ok(Judged::Done(std::mem::take(&mut self.judged))),
        }
        Ok(Judged::Working)
    }
}

/// The stages that have scored, of forest scores, probabilities (empty without a network) and scores.
pub(super) fn stages([forest, dnn, score]: [&[f32]; 3]) -> Vec<&[f32]> {
    if dnn.is_empty() { vec![forest, score] } else { vec![forest, dnn, score] }
}

/// What the labels say about one stage: of those records that have both a score and a label of 0 or 1.
pub(super) fn stage(scores: &[f32], labels: &[u8]) -> StageQuality {
    quality(evaluate::areas_and_curve(scores, labels))
}

/// The same about scores that are in their order already.
pub(super) fn ranked_stage(ranking: &Ranking) -> StageQuality {
    quality(ranking.areas_and_curve())
}

fn quality((roc_auc, pr_auc, curve): (f64, f64, Curve)) -> StageQuality {
    let [normal, anomalies] = known(&curve);
    let of_both = |area| if normal == 0 || anomalies == 0 { f64::NAN } else { area };
    StageQuality { roc_auc: of_both(roc_auc), pr_auc: of_both(pr_auc), curve }
}

/// Normal records and anomalies of a curve.
fn known(curve: &Curve) -> [u64; 2] {
    let last = |counts: &[u64]| counts.last().copied().unwrap_or(0);
    let anomalies = last(&curve.true_positives);
    [last(&curve.flagged) - anomalies, anomalies]
}

/// All that the labels say, of what they say about each of [`stages`].
pub(super) fn sum_up(label_column: &str, mut judged: Vec<StageQuality>, dnn: &[f32], labels: &[u8]) -> Quality {
    let hybrid = judged.pop().expect("some score decides");
    let mut others = judged.into_iter();
    let [normal, anomalies] = known(&hybrid.curve);
    Quality {
        label_column: label_column.to_owned(),
        normal,
        anomalies,
        forest: others.next().expect("there is always a forest"),
        dnn: others.next(),
        hybrid,
        reliability: if dnn.is_empty() { None } else { evaluate::reliability(dnn, labels) },
    }
}

impl AttackRecall {
    fn of(counts: NameRecall) -> Self {
        Self { recall: counts.flagged as f64 / counts.rows.max(1) as f64, counts }
    }
}

impl StageEvaluation {
    fn new(scores: &[f32], labels: &[u8], threshold: f32, bootstrap: Bootstrap) -> Self {
        let confusion = evaluate::confusion(scores, labels, threshold);
        let (here, at_1pct) = (confusion.roc_point(), evaluate::point_at_fpr(scores, labels, 0.01));
        let precision = |base_rate| BaseRatePrecision {
            base_rate,
            at_threshold: here.precision_at_base_rate(base_rate),
            at_1pct_fpr: at_1pct.precision_at_base_rate(base_rate),
        };
        Self {
            roc_auc: evaluate::roc_auc(scores, labels),
            pr_auc: evaluate::pr_auc(scores, labels),
            recall_at_1pct_fpr: at_1pct.recall,
            recall_at_5pct_fpr: evaluate::recall_at_fpr(scores, labels, 0.05),
            threshold,
            confusion,
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            accuracy: confusion.accuracy(),
            false_positive_rate: confusion.false_positive_rate(),
            precision_at_base_rate: BASE_RATES.map(precision).to_vec(),
            confidence_intervals: bootstrap.intervals(scores, labels, threshold),
        }
    }
}

impl AttackGroup {
    /// Of the rows that the label 1 is left to.
    fn new(names: &[NameRecall], scores: &[f32], labels: &[u8]) -> Self {
        let sum = |of: fn(&NameRecall) -> u64| names.iter().map(of).sum::<u64>();
        let (rows, flagged) = (sum(|name| name.rows), sum(|name| name.flagged));
        Self {
            names: names.iter().map(|name| name.name.clone()).collect(),
            rows,
            flagged,
            recall: flagged as f64 / rows as f64,
            recall_at_1pct_fpr: evaluate::recall_at_fpr(scores, labels, 0.01),
            recall_at_5pct_fpr: evaluate::recall_at_fpr(scores, labels, 0.05),
        }
    }
}

impl Engine {
    /// Judges the last analysis by the file's labels, at its own threshold or at the one given, with the intervals of
    /// this bootstrap.
    ///
    /// # Errors
    /// If nothing has been scored, or the file has no labels of both kinds.
    pub fn evaluate(&mut self, given: Option<f32>, bootstrap: Bootstrap) -> Result<Evaluation> {
        let (dataset, run) = (self.dataset()?, self.run()?.clone());
        let (run, labels, schema) = (&*run, &run.labels, &run.ready.schema);
        let Some(quality) = &run.analysis.quality else {
            let mut warnings = run.analysis.warnings.iter();
            let why = warnings.find(|warning| schema::is_about_labels(warning)).map_or("", String::as_str);
            return Err(Error::new(
                format!("The file has no labels to evaluate against. {why}").trim_end_matches([' ', '.']),
            )
            .advice("Name the label column with --label"));
        };
        let threshold = given.unwrap_or(run.analysis.threshold);
        let hybrid = StageEvaluation::new(&run.score, labels, threshold, bootstrap);
        let flagged = run.order.partition_point(|&row| run.score[row as usize] >= threshold);
        let matched =
            |scores: &[f32]| StageEvaluation::new(scores, labels, threshold_for(run, scores, flagged), bootstrap);
        let attacks = schema.attack_column().map(|column| self.texts_of(&dataset, column)).transpose()?;
        let name = |row: usize| {
            let (texts, rows) = attacks.as_ref()?;
            rows[row].map(|text| texts[text as usize].as_str()).filter(|_| labels[row] == schema::ANOMALY)
        };
        let names = evaluate::recall_by_name(&run.score, name, threshold);
        Ok(Evaluation {
            file: dataset.name.clone(),
            layout: schema.layout,
            rows: run.analysis.n_rows,
            scored: run.analysis.n_scored,
            unscored: run.analysis.n_rows - run.analysis.n_scored,
            pack: run.analysis.pack.clone(),
            label_column: quality.label_column.clone(),
            normal: quality.normal,
            anomalies: quality.anomalies,
            threshold,
            threshold_origin: match given {
                Some(_) => "As you asked.".into(),
                None => run.analysis.threshold_origin.clone(),
            },
            forest: matched(&run.forest),
            network: (!run.dnn.is_empty()).then(|| matched(&run.dnn)),
            hybrid,
            reliability: if run.dnn.is_empty() { None } else { evaluate::reliability(&run.dnn, labels) },
            novelty: self.novelty(run, labels, name, &names),
            recall_by_attack: names.into_iter().map(AttackRecall::of).collect(),
            bootstrap,
            fit: run.analysis.fit.clone(),
            warnings: run.analysis.warnings.clone(),
        })
    }

    /// Recall on the attacks whose names are among the classes that the pack was trained on, and on the others.
    fn novelty<'a>(
        &self,
        run: &Run,
        labels: &[u8],
        name_of: impl Fn(usize) -> Option<&'a str>,
        names: &[NameRecall],
    ) -> Option<Novelty> {
        let name = run.ready.detector.pack.as_ref()?;
        let pack = self.packs.iter().find(|pack| pack.manifest().name == *name)?;
        let classes = &pack.manifest().training.classes;
        let is_seen = |name: &str| classes.contains_key(name.trim());
        // Normal rows and one kind of attack: such a file had a label, but no names.
        if names.is_empty() || classes.len() <= 2 {
            return None;
        }
        let group = |seen: bool| {
            let names: Vec<NameRecall> = names.iter().filter(|name| is_seen(&name.name) == seen).cloned().collect();
            if names.is_empty() {
                return None;
            }
            let label = |(row, &label): (usize, &u8)| match label {
                1 if name_of(row).is_none_or(|name| is_seen(name) != seen) => schema::UNKNOWN,
                _ => label,
            };
            let labels: Vec<u8> = labels.iter().enumerate().map(label).collect();
            Some(AttackGroup::new(&names, &run.score, &labels))
        };
        Some(Novelty { seen: group(true), unseen: group(false) })
    }
}

/// The lowest threshold that flags at most `flagged` rows.
fn threshold_for(run: &Run, scores: &[f32], flagged: usize) -> f32 {
    evaluate::contamination_threshold(scores, flagged as f64 / run.n_scored.max(1) as f64)
}
