//! What the labels of the open file say about its scores, in figures.

use super::{Engine, Run};
use crate::error::{Error, Result};
use crate::evaluate::{self, Confusion, NameRecall};
use crate::schema;
use serde::Serialize;

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
    pub recall_by_attack: Vec<AttackRecall>,
    pub warnings: Vec<String>,
}

/// How many of the rows of one attack were flagged.
#[derive(Clone, Debug, Serialize)]
pub struct AttackRecall {
    #[serde(flatten)]
    pub counts: NameRecall,
    pub recall: f64,
}

/// One stage's figures.
#[derive(Clone, Debug, Serialize)]
pub struct StageEvaluation {
    pub roc_auc: f64,
    pub pr_auc: f64,
    pub threshold: f32,
    pub confusion: Confusion,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub accuracy: f64,
    pub false_positive_rate: f64,
}

impl AttackRecall {
    fn of(counts: NameRecall) -> Self {
        Self { recall: counts.flagged as f64 / counts.rows.max(1) as f64, counts }
    }
}

impl StageEvaluation {
    fn new(scores: &[f32], labels: &[u8], threshold: f32) -> Self {
        let confusion = evaluate::confusion(scores, labels, threshold);
        Self {
            roc_auc: evaluate::roc_auc(scores, labels),
            pr_auc: evaluate::pr_auc(scores, labels),
            threshold,
            confusion,
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            accuracy: confusion.accuracy(),
            false_positive_rate: confusion.false_positive_rate(),
        }
    }
}

impl Engine {
    /// Judges the last analysis by the file's labels, at its own threshold or at the one given.
    ///
    /// # Errors
    /// If nothing has been scored, or the file has no labels of both kinds.
    pub fn evaluate(&self, given: Option<f32>) -> Result<Evaluation> {
        let (dataset, run) = (self.dataset()?, self.run()?);
        let labels = schema::labels(&dataset.table, &run.schema);
        let (Some(labels), Some(quality)) = (labels, &run.analysis.quality) else {
            let why = run.analysis.warnings.first().cloned().unwrap_or_default();
            return Err(Error::new(
                format!("The file has no labels to evaluate against. {why}").trim_end_matches([' ', '.']),
            )
            .advice("Name the label column with --label"));
        };
        let threshold = given.unwrap_or(run.analysis.threshold);
        let hybrid = StageEvaluation::new(&run.score, &labels, threshold);
        let flagged = run.order.partition_point(|&row| run.score[row as usize] >= threshold);
        let matched = |scores: &[f32]| StageEvaluation::new(scores, &labels, threshold_for(run, scores, flagged));
        let names = run.schema.attack_column().map(|column| {
            let column = &dataset.table.columns[column];
            let name = |row: usize| column.text(row).filter(|_| labels[row] == 1);
            evaluate::recall_by_name(&run.score, name, threshold)
        });
        Ok(Evaluation {
            file: dataset.name.clone(),
            layout: run.schema.layout,
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
            recall_by_attack: names.into_iter().flatten().map(AttackRecall::of).collect(),
            warnings: run.analysis.warnings.clone(),
        })
    }
}

/// The lowest threshold that flags at most `flagged` rows.
fn threshold_for(run: &Run, scores: &[f32], flagged: usize) -> f32 {
    evaluate::contamination_threshold(scores, flagged as f64 / run.n_scored.max(1) as f64)
}
