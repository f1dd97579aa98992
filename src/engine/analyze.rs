//! Scoring the open file: roles and settings → detector → scores → what they are worth.

use super::choose::{Choice, Chosen};
use super::reference::{Normal, Search};
use super::{Dataset, Engine, Outcome, ROWS_PER_STEP, Run, Step, Work, flood};
use crate::domain::FitReport;
use crate::error::{Error, Result};
use crate::evaluate;
use crate::hybrid::{Detector, FileFit};
use crate::protocol::{
    Analysis, Bulk, PackChoice, Progress, Quality, Reference, Reply, RoleChange, Settings, Stage, StageQuality,
};
use crate::report;
use crate::schema::{self, Schema};
use crate::table::Table;
use std::rc::Rc;

pub(super) struct Analyze {
    settings: Settings,
    roles: Vec<RoleChange>,
    search: Option<Search>,
    scoring: Option<Scoring>,
}

/// What the steps after the first work on.
struct Scoring {
    dataset: Rc<Dataset>,
    schema: Schema,
    detector: Detector,
    explanation: String,
    warnings: Vec<String>,
    wants_reference: bool,
    fit: Option<FitReport>,
    /// The file as the pack reads it, where that is not as it is.
    view: Option<(Table, Schema)>,
    /// The rows that can be scored, in order, and how many of them have been.
    rows: Vec<u32>,
    done: usize,
    forest: Vec<f32>,
    dnn: Vec<f32>,
    score: Vec<f32>,
    block: [Vec<f32>; 3],
}

impl Analyze {
    pub(super) fn new(settings: Settings, roles: Vec<RoleChange>) -> Self {
        Self { settings, roles, search: None, scoring: None }
    }

    /// Begins to look for the rows that count as normal.
    fn search(&self, engine: &Engine) -> Result<Search> {
        let dataset = engine.dataset()?;
        Search::new(engine, &dataset, &dataset.schema_with(&self.roles)?, &self.settings.reference)
    }

    /// Chooses or fits the detector.
    fn prepare(&self, engine: &Engine, normal: Normal) -> Result<Scoring> {
        let dataset = engine.dataset()?;
        let schema = dataset.schema_with(&self.roles)?;
        let rows = dataset.table.good_rows();
        let names_normal = self.settings.reference != Reference::All;
        let Choice { chosen, explanation, fit, mut warnings } = if names_normal {
            Choice { explanation: fitted_to(&normal.words, &self.settings.pack)?, ..Choice::default() }
        } else {
            Choice::new(&engine.packs, &dataset.table, &schema, &rows, &self.settings.pack)?
        };
        let (mut wants_reference, mut view) = (false, None);
        let detector = match chosen {
            Some(Chosen { pack, view: as_read }) => {
                view = as_read;
                if pack.manifest().training.rows == rows.len() as u64 {
                    warnings.push(format!(
                        "The file has as many records as the one that the pack {} was trained on. If it is that very \
                         file, its labels flatter the scores: they say nothing about new records.",
                        pack.manifest().name
                    ));
                }
                pack.detector()
            }
            None => {
                if rows.len() < 2 {
                    return Err(Error::new("One record alone cannot be odd: there is nothing to compare it with")
                        .advice("Give a file with more records, or one that a model pack knows"));
                }
                let Settings { n_estimators, max_samples, seed, .. } = self.settings;
                let file_fit = FileFit { n_estimators, max_samples, seed };
                if names_normal {
                    let Normal { dataset, schema, rows, words } = normal;
                    Detector::fit_to_normal(&dataset.table, &schema, &rows, &words, file_fit)?
                } else {
                    let detector = Detector::fit_to_file(&dataset.table, &schema, &rows, file_fit)?;
                    let warning = flood::warning(&detector, &dataset.table, &schema, &rows, seed)?;
                    wants_reference = warning.is_some();
                    warnings.extend(warning);
                    detector
                }
            }
        };
        let n_rows = dataset.table.n_rows();
        let n_dnn = if detector.second.is_some() { n_rows } else { 0 };
        Ok(Scoring {
            schema,
            detector,
            explanation,
            warnings,
            wants_reference,
            fit,
            view,
            rows,
            done: 0,
            forest: vec![f32::NAN; n_rows],
            dnn: vec![f32::NAN; n_dnn],
            score: vec![f32::NAN; n_rows],
            block: Default::default(),
            dataset,
        })
    }

    fn finish(&self, scoring: Scoring) -> (Run, Vec<Bulk>) {
        let Scoring {
            dataset,
            schema,
            mut detector,
            explanation,
            mut warnings,
            mut wants_reference,
            fit,
            rows,
            forest,
            dnn,
            score,
            ..
        } = scoring;
        let order = evaluate::best_order(&score);
        let labels = schema::labels(&dataset.table, &schema);
        match self.settings.contamination {
            Some(share) => detector.flag_share(&score, share),
            // Of a file that is mostly a flood, most records are to be flagged.
            None if self.settings.reference != Reference::All => {}
            None => detector.limit_flagged(&score),
        }
        let quality = labels.as_ref().and_then(|labels| {
            let count = |class| rows.iter().filter(|&&row| labels[row as usize] == class).count() as u64;
            let (normal, anomalies) = (count(0), count(1));
            let label_column = schema.label_column().map(|column| schema.columns[column].name.clone())?;
            if normal == 0 || anomalies == 0 {
                let only = if normal == 0 { "anomalous" } else { "normal" };
                warnings.push(format!(
                    "The label column \"{label_column}\" calls every record {only}, so there is nothing to measure the scores against."
                ));
                return None;
            }
            let stage = |scores: &[f32]| StageQuality {
                roc_auc: evaluate::roc_auc(scores, labels),
                pr_auc: evaluate::pr_auc(scores, labels),
                curve: evaluate::curve(scores, labels),
            };
            let dnn = (!dnn.is_empty()).then(|| stage(&dnn));
            Some(Quality { label_column, normal, anomalies, forest: stage(&forest), dnn, hybrid: stage(&score) })
        });
        let is_unguided = detector.pack.is_none() && self.settings.reference == Reference::All;
        let is_worse_than_chance = |quality: &Quality| quality.hybrid.roc_auc < report::WORSE_THAN_CHANCE;
        wants_reference |= is_unguided && quality.as_ref().is_some_and(is_worse_than_chance);
        warnings.extend(schema.warnings.iter().cloned());
        let analysis = Analysis {
            pack: detector.pack.clone(),
            explanation,
            score_meaning: detector.score_meaning.clone(),
            n_rows: dataset.table.n_rows() as u64,
            n_scored: rows.len() as u64,
            n_features: detector.encoder.n_features() as u32,
            threshold: detector.threshold,
            threshold_origin: detector.threshold_origin.clone(),
            settings: self.settings.clone(),
            schema: schema.clone(),
            quality,
            warnings,
            wants_reference,
            fit,
        };
        let bulk = vec![
            Bulk::F32(forest.clone()),
            Bulk::F32(dnn.clone()),
            Bulk::F32(score.clone()),
            Bulk::U8(labels.unwrap_or_default()),
            Bulk::U32(order.clone()),
        ];
        let n_scored = rows.len();
        (Run { schema, detector, forest, dnn, score, order, n_scored, analysis, filtered: None }, bulk)
    }
}

impl Work for Analyze {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let Some(scoring) = &mut self.scoring else {
            let mut search = match self.search.take() {
                Some(search) => search,
                None => self.search(engine)?,
            };
            if let Some(progress) = search.step()? {
                self.search = Some(search);
                return Ok(Step::Working(progress));
            }
            let scoring = self.prepare(engine, search.finish()?)?;
            let total = scoring.rows.len() as u64;
            self.scoring = Some(scoring);
            return Ok(Step::Working(Progress { stage: Stage::Scoring, done: 0, total, rows: 0 }));
        };
        scoring.step()?;
        let (done, total) = (scoring.done as u64, scoring.rows.len() as u64);
        if done < total {
            return Ok(Step::Working(Progress { stage: Stage::Scoring, done, total, rows: done }));
        }
        let scoring = self.scoring.take().expect("it was there");
        let (run, bulk) = self.finish(scoring);
        let reply = Reply::Analyzed(Box::new(run.analysis.clone()));
        engine.run = Some(run);
        Ok(Step::Done(Outcome { reply, bulk, written: None }))
    }
}

impl Scoring {
    fn step(&mut self) -> Result<()> {
        let rows = &self.rows[self.done..self.rows.len().min(self.done + ROWS_PER_STEP)];
        for scores in &mut self.block {
            scores.resize(rows.len(), f32::NAN);
        }
        let [forest, dnn, score] = &mut self.block;
        let (table, schema) = self.view.as_ref().map_or((&self.dataset.table, &self.schema), |(t, s)| (t, s));
        self.detector.bind(table, schema)?.score(rows, forest, dnn, score)?;
        for (at, &row) in rows.iter().enumerate() {
            self.forest[row as usize] = forest[at];
            self.score[row as usize] = score[at];
            if let Some(place) = self.dnn.get_mut(row as usize) {
                *place = dnn[at];
            }
        }
        self.done += rows.len();
        Ok(())
    }
}

/// In plain words, that the forest speaks that was fitted to the records that these words name.
fn fitted_to(words: &str, choice: &PackChoice) -> Result<String> {
    match choice {
        PackChoice::Named(name) => {
            Err(Error::new(format!("The model pack {name} has learned elsewhere what is normal, and cannot be fitted"))
                .advice("Choose either a pack or the records that are normal"))
        }
        PackChoice::Auto | PackChoice::None => Ok(format!("An isolation forest fitted to {words} speaks alone.")),
    }
}
