//! Scoring the open file: roles and settings → detector → scores → what they are worth.

use super::choose::Choice;
use super::crew::{Briefing, Message, Origin, Own, Ready, Task};
use super::judge::{Judged, Judging};
use super::reference::{Normal, Search};
use super::sweep::{Effort, Found, Sweep, Swept};
use super::{Dataset, Engine, Outcome, Run, Step, Work, flood, judge};
use crate::bundle::Pack;
use crate::domain::FitReport;
use crate::error::{Error, Result};
use crate::evaluate;
use crate::explain::Background;
use crate::hybrid::{Detector, FileFit, Threshold};
use crate::protocol::{
    Analysis, Bulk, PackChoice, Progress, Quality, Reference, Reply, RoleChange, Settings, Stage, StageQuality,
};
use crate::report::{self, DensityGrid, Histogram, Ranking};
use crate::schema;
use std::rc::Rc;
use std::sync::Arc;

pub(super) struct Analyze {
    settings: Settings,
    roles: Vec<RoleChange>,
    state: State,
}

enum State {
    Begun,
    Searching(Box<Search>),
    Scoring(Box<Scoring>),
    Judging(Box<(Scoring, Judging, Option<Ranked>)>),
    Done,
}

/// What the steps after the first work on.
struct Scoring {
    dataset: Rc<Dataset>,
    ready: Rc<Ready>,
    pack: Option<Rc<Pack>>,
    explanation: String,
    warnings: Vec<String>,
    wants_reference: bool,
    fit: Option<FitReport>,
    sweep: Sweep,
    /// A place for each row, NaN where it is not scored; the probabilities are empty without a network, the labels without
    /// labels.
    forest: Vec<f32>,
    dnn: Vec<f32>,
    score: Vec<f32>,
    labels: Vec<u8>,
}

/// What is known of all records once they are in order.
struct Ranked {
    order: Arc<Vec<u32>>,
    threshold: Threshold,
    ranking: Ranking,
    /// What the labels say about the score that decides, if there are any.
    quality: Option<StageQuality>,
}

/// Fine enough to place a threshold by eye, coarse enough to read.
const HISTOGRAM_BINS: usize = 80;

impl Analyze {
    pub(super) fn new(settings: Settings, roles: Vec<RoleChange>) -> Self {
        Self { settings, roles, state: State::Begun }
    }

    /// Begins to look for the rows that count as normal.
    fn search(&self, engine: &mut Engine) -> Result<Search> {
        let dataset = engine.dataset()?;
        dataset.check_good()?;
        Search::new(engine, &dataset, dataset.schema_with(&self.roles)?, &self.settings.reference)
    }

    /// Chooses or fits the detector.
    // Not inlined, nor is what comes last: a browser would compile them with what is called for each chunk, and take a twentieth of a
    // second for it while records are scored.
    #[inline(never)]
    fn prepare(&self, engine: &mut Engine, normal: Normal) -> Result<Scoring> {
        let dataset = engine.dataset()?;
        let schema = dataset.schema_with(&self.roles)?;
        let (table, rows) = (&dataset.sample, dataset.sample.good_rows());
        let names_normal = self.settings.reference != Reference::All;
        let Choice { chosen, explanation, fit, mut warnings } = if names_normal {
            Choice { explanation: fitted_to(&normal.words, &self.settings.pack)?, ..Choice::default() }
        } else {
            Choice::new(&engine.packs, table, &schema, &rows, &self.settings.pack)?
        };
        let mut wants_reference = false;
        let detector = match &chosen {
            Some(pack) => {
                if pack.manifest().training.rows == dataset.n_good() {
                    warnings.push(format!(
                        "The file has as many records as the one that the pack {} was trained on. If it is that very \
                         file, its labels flatter the scores: they say nothing about new records.",
                        pack.manifest().name
                    ));
                }
                pack.detector()
            }
            None => {
                if dataset.n_good() < 2 {
                    return Err(Error::new("One record alone cannot be odd: there is nothing to compare it with")
                        .advice("Give a file with more records, or one that a model pack knows"));
                }
                let Settings { n_estimators, max_samples, seed, .. } = self.settings;
                let file_fit = FileFit { n_estimators, max_samples, seed };
                if names_normal {
                    let Normal { table, schema, words } = normal;
                    Detector::fit_to_normal(&table, &schema, &table.good_rows(), &words, file_fit)?
                } else {
                    let detector = Detector::fit_to_file(table, &schema, &rows, file_fit)?;
                    let warning = flood::warning(&detector, table, &schema, &rows, seed)?;
                    wants_reference = warning.is_some();
                    warnings.extend(warning);
                    detector
                }
            }
        };
        let n_rows = dataset.n_rows();
        let n_dnn = if detector.second.is_some() { n_rows } else { 0 };
        let n_labels = if schema.normal_labels.is_empty() { 0 } else { n_rows };
        let ready = Rc::new(Ready::new(detector, schema));
        engine.brief_everywhere(&ready, chosen.as_deref())?;
        let pack = chosen;
        Ok(Scoring {
            sweep: dataset.sweep_as_briefed(engine, Effort::Much),
            ready,
            pack,
            explanation,
            warnings,
            wants_reference,
            fit,
            forest: vec![f32::NAN; n_rows],
            dnn: vec![f32::NAN; n_dnn],
            score: vec![f32::NAN; n_rows],
            labels: vec![schema::UNKNOWN; n_labels],
            dataset,
        })
    }

    /// `judged` are all stages but the one that decides.
    #[inline(never)]
    fn finish(&self, scoring: Scoring, ranked: Ranked, mut judged: Vec<StageQuality>) -> Result<(Run, Vec<Bulk>)> {
        let Ranked { order, threshold, ranking, quality } = ranked;
        let quality = scoring.label_column().zip(quality).map(|(name, of_score)| {
            judged.push(of_score);
            judge::sum_up(name, judged, &scoring.dnn, &scoring.labels)
        });
        let Scoring {
            dataset,
            ready,
            pack,
            explanation,
            mut warnings,
            mut wants_reference,
            fit,
            forest,
            dnn,
            score,
            labels,
            ..
        } = scoring;
        let Ready { detector, schema, .. } = &*ready;
        let quality = quality.filter(|quality| {
            if quality.has_both_classes() {
                return true;
            }
            let only = if quality.normal == 0 { "anomalous" } else { "normal" };
            warnings.push(format!(
                "{} \"{}\" calls every record {only}, so there is nothing to measure the scores against.",
                schema::ONE_LABEL,
                quality.label_column
            ));
            false
        });
        let is_unguided = detector.pack.is_none() && self.settings.reference == Reference::All;
        let is_worse_than_chance = |quality: &Quality| quality.hybrid.roc_auc < report::WORSE_THAN_CHANCE;
        wants_reference |= is_unguided && quality.as_ref().is_some_and(is_worse_than_chance);
        warnings.extend(schema.warnings.iter().cloned());
        let analysis = Analysis {
            pack: detector.pack.clone(),
            explanation,
            score_meaning: detector.score_meaning.clone(),
            n_rows: dataset.n_rows() as u64,
            n_scored: dataset.n_good(),
            n_features: detector.encoder.n_features() as u32,
            threshold: threshold.value,
            threshold_origin: threshold.origin,
            settings: self.settings.clone(),
            schema: schema.clone(),
            quality,
            histogram: Histogram::of(&ranking, HISTOGRAM_BINS),
            warnings,
            wants_reference,
            fit,
            background: ready.background()?.outline(),
        };
        let (sorted, ranked_labels) = ranking.into_parts();
        let bulk = vec![Bulk::F32(sorted), Bulk::U8(ranked_labels), Bulk::U32(order.clone())];
        let n_scored = dataset.n_good() as usize;
        let (low, high) = evaluate::ends(&forest);
        let grid = DensityGrid::around(low, high);
        let forest_range = (grid.low, grid.high);
        Ok((Run { ready, pack, forest, dnn, score, labels, order, n_scored, forest_range, analysis }, bulk))
    }
}

impl Work for Analyze {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        match &mut self.state {
            State::Begun => {
                let search = self.search(engine)?;
                let progress = search.progress();
                self.state = State::Searching(Box::new(search));
                Ok(Step::Working(progress))
            }
            State::Searching(search) => {
                if let Some(step) = search.step(engine)? {
                    return Ok(step);
                }
                let State::Searching(search) = std::mem::replace(&mut self.state, State::Done) else {
                    unreachable!("it was matched");
                };
                let scoring = self.prepare(engine, search.finish()?)?;
                let progress = scoring.progress();
                self.state = State::Scoring(Box::new(scoring));
                Ok(Step::Working(progress))
            }
            State::Scoring(scoring) => {
                if let Some(step) = scoring.step(engine)? {
                    return Ok(step);
                }
                let State::Scoring(scoring) = std::mem::replace(&mut self.state, State::Done) else {
                    unreachable!("it was matched");
                };
                let (file, n_rows) = (scoring.dataset.file, scoring.score.len());
                let judging = Judging::new(engine, file, scoring.others().len(), n_rows);
                let progress = scoring.progress();
                self.state = State::Judging(Box::new((*scoring, judging, None)));
                Ok(Step::Working(progress))
            }
            State::Judging(state) => {
                let (scoring, judging, ranked) = &mut **state;
                let progress = scoring.progress();
                let judged = match judging.step(engine, &scoring.others(), &scoring.labels)? {
                    Judged::Working => return Ok(Step::Working(progress)),
                    Judged::Waiting if ranked.is_some() => return Ok(Step::Waiting(progress)),
                    Judged::Waiting => {
                        *ranked = Some(scoring.rank(&self.settings));
                        return Ok(Step::Working(progress));
                    }
                    Judged::Done(judged) => judged,
                };
                let State::Judging(state) = std::mem::replace(&mut self.state, State::Done) else {
                    unreachable!("it was matched");
                };
                let (scoring, _, ranked) = *state;
                let ranked = ranked.unwrap_or_else(|| scoring.rank(&self.settings));
                let (run, bulk) = self.finish(scoring, ranked, judged)?;
                let reply = Reply::Analyzed(Box::new(run.analysis.clone()));
                engine.run = Some(Rc::new(run));
                engine.filtered = None;
                Ok(Step::Done(Outcome { reply, bulk, written: None }))
            }
            State::Done => unreachable!("a finished job is not stepped again"),
        }
    }
}

impl Scoring {
    fn step(&mut self, engine: &mut Engine) -> Result<Option<Step>> {
        let swept = self.sweep.step(engine, |_, _| (Task::Score, Vec::new()))?;
        // By now the other crews are busy, and need not wait for this.
        if self.ready.background().is_err() {
            self.learn_what_is_usual(engine)?;
        }
        match swept {
            Swept::Found(found) => self.take(&found)?,
            Swept::Working => {}
            Swept::Waiting => return Ok(Some(Step::Waiting(self.progress()))),
            Swept::Done => return Ok(None),
        }
        Ok(Some(Step::Working(self.progress())))
    }

    /// The name of the column with the labels, if there are any.
    fn label_column(&self) -> Option<&str> {
        let schema = &self.ready.schema;
        let at = schema.label_column().filter(|_| !self.labels.is_empty())?;
        Some(&schema.columns[at].name)
    }

    /// The stages beside the score that decides, if labels say anything about them.
    fn others(&self) -> Vec<&[f32]> {
        let mut stages = judge::stages([&self.forest, &self.dnn, &self.score]);
        stages.truncate(if self.label_column().is_some() { stages.len() - 1 } else { 0 });
        stages
    }

    /// Puts the records in order, once all are scored.
    fn rank(&self, settings: &Settings) -> Ranked {
        let Scoring { ready, score, labels, .. } = self;
        let order = Arc::new(evaluate::best_order(score));
        let threshold = match settings.contamination {
            Some(share) => Threshold::of_share(score, share),
            // Of a file that is mostly a flood, most records are to be flagged.
            None if settings.reference != Reference::All => ready.detector.own_threshold(),
            None => ready.detector.limited_threshold(score),
        };
        let ranking = Ranking::new(score, &order, labels);
        let quality = self.label_column().map(|_| judge::ranked_stage(&ranking));
        Ranked { order, threshold, ranking, quality }
    }

    fn learn_what_is_usual(&mut self, engine: &mut Engine) -> Result<()> {
        let Ready { detector, schema, .. } = &*self.ready;
        let table = &self.dataset.sample;
        let (seen_as, view_schema) = detector.record.read(table, schema)?;
        let n_good = self.dataset.n_good() as usize;
        let background = Background::fit(&seen_as, &view_schema, &table.good_rows(), n_good);
        self.ready.learn(background);
        engine.tell_what_is_usual(&self.ready)
    }

    fn take(&mut self, found: &Found) -> Result<()> {
        let rows = self.dataset.chunks[found.number as usize].rows();
        let [Bulk::F32(forest), Bulk::F32(dnn), Bulk::F32(score), Bulk::U8(labels)] = &found.bulk[..] else {
            return Err(Error::new("A worker's answer is incomplete"));
        };
        let fill = |all: &mut [f32], some: &[f32]| {
            if !all.is_empty() {
                all[rows.clone()].copy_from_slice(some);
            }
        };
        fill(&mut self.forest, forest);
        fill(&mut self.dnn, dnn);
        fill(&mut self.score, score);
        if !self.labels.is_empty() {
            self.labels[rows].copy_from_slice(labels);
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let rows = self.dataset.rows_before(self.sweep.done().0);
        Progress { stage: Stage::Scoring, done: rows, total: self.dataset.n_rows() as u64, rows }
    }
}

impl Engine {
    /// Tells every crew of the detector of the last result, if they have heard of another since: an analysis may have been given up.
    pub(super) fn brief_again(&mut self) -> Result<()> {
        let Some(run) = self.run.clone() else { return Ok(()) };
        if self.crew.ready().is_ok_and(|ready| Rc::ptr_eq(ready, &run.ready)) {
            return Ok(());
        }
        self.brief_everywhere(&run.ready, run.pack.as_deref())?;
        self.tell_what_is_usual(&run.ready)
    }

    fn tell_what_is_usual(&mut self, ready: &Ready) -> Result<()> {
        let Some(crews) = &mut self.crews else { return Ok(()) };
        let background = Background::clone(ready.background()?);
        crews.tell(&Message::Usual(Box::new(background)), &[], None)
    }

    /// Tells every crew what scores from now on.
    fn brief_everywhere(&mut self, ready: &Rc<Ready>, pack: Option<&Pack>) -> Result<()> {
        self.brief_others(ready, pack)?;
        self.crew.brief(ready.clone());
        Ok(())
    }

    fn brief_others(&mut self, ready: &Ready, pack: Option<&Pack>) -> Result<()> {
        let Some(crews) = self.crews.as_mut().filter(|crews| crews.n() > 0) else { return Ok(()) };
        let Ready { detector, schema, .. } = ready;
        let (origin, bulk) = match pack {
            Some(pack) => (Origin::Pack, pack.files().iter().map(|bytes| Bulk::U8(bytes.clone())).collect()),
            None => {
                let Detector { encoder, forest, seen, .. } = Detector::clone(detector);
                (Origin::Own(Box::new(Own { encoder, forest, seen })), Vec::new())
            }
        };
        crews.tell(&Message::Brief(Box::new(Briefing { schema: schema.clone(), origin })), &bulk, None)
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
