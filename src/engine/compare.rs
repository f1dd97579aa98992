//! The open file held against that of normal records: what a lens shows of the one, and what passes the same lens of the other.
//!
//! Both by samples of at most as many rows as any sample has (`sample.rs`): where a lens shows all records those that there are,
//! otherwise of what it shows, for which every record is looked at. The detector of the run scores both files.

use super::crew::{Finding, Ready, Task};
use super::lens::Sight;
use super::sample::Sample;
use super::sweep::{Effort, Sweep, Swept};
use super::{Dataset, Engine, ROWS_PER_STEP, Run, Step, Work};
use crate::compare::{self, Profile};
use crate::error::{Error, Result};
use crate::evaluate::best_order;
use crate::protocol::{Bulk, Lens, Progress, Reply, Stage};
use crate::query;
use crate::report::Ranking;
use crate::schema::{Role, Schema};
use crate::table::Table;
use crate::verdicts::Verdicts;
use std::rc::Rc;

/// Bins of scores.
const BINS: usize = 40;

pub(super) struct Comparing {
    lens: Lens,
    /// The file of normal records first. Done are those before [`Self::at`].
    sides: Vec<Side>,
    at: usize,
}

/// One of the files.
struct Side {
    dataset: Rc<Dataset>,
    schema: Schema,
    /// What is looked for, where not all records are shown.
    picking: Option<Picking>,
    /// Rows that are shown.
    n: u64,
    /// All or some of these; those of the dataset where all are shown.
    sample: Option<Table>,
    scoring: Option<Scoring>,
}

struct Picking {
    sight: Sight,
    /// For the crews, where it is another than the detector's own.
    schema: Option<Schema>,
    sweep: Sweep,
    sample: Sample,
}

/// Scores of the first so many rows of a sample.
struct Scoring {
    ready: Rc<Ready>,
    /// What the detector reads, where that is not the sample itself.
    view: Option<(Table, Schema)>,
    n: usize,
    forest: Vec<f32>,
    dnn: Vec<f32>,
    score: Vec<f32>,
}

impl Comparing {
    pub(super) fn new(lens: Lens) -> Self {
        Self { lens, sides: Vec::new(), at: 0 }
    }

    fn begin(&mut self, engine: &mut Engine) -> Result<()> {
        let open = engine.dataset()?;
        let base = engine.reference.clone().ok_or_else(|| {
            Error::new("There is no file to compare with").advice("Choose a file of normal records first")
        })?;
        let run = engine.run.clone();
        let schema = run.as_ref().map_or(&open.schema, |run| &run.ready.schema).clone();
        let base_schema = with_labels_of(&schema, &base);
        // What was judged are rows of the open file.
        let mut lens = Lens { verdicts: Verdicts::default(), ..self.lens.clone() };
        match query::parse(&lens.filter, &base_schema) {
            Err(error) => {
                let what = format!("{} cannot be filtered in the same way: {error}", base.name);
                return Err(Error::new(what).advice("Take away what only the open file has from the filter"));
            }
            // Which of its records are among the oddest is not known before all are scored.
            Ok(query) if base.n_good() > u64::from(lens.most_reasoned) => {
                if query.bind(&base.sample, &base_schema).needs().reasons {
                    let what = format!("{} has more records than reasons are looked for", base.name);
                    return Err(Error::new(what).advice("Take what is said of reasons from the filter"));
                }
                lens.most_reasoned = 0;
            }
            Ok(_) => {}
        }
        let base = Side::new(engine, base, base_schema, run.as_deref(), &lens, true)?;
        let open = Side::new(engine, open, schema, run.as_deref(), &self.lens, false)?;
        self.sides = vec![base, open];
        Ok(())
    }

    fn finish(&self) -> Result<Step> {
        let [base, open] = &self.sides[..] else { return Err(Error::new("There is nothing to compare")) };
        let profile = |side: &Side| {
            let (table, mut profile) = (side.table(), Profile::new(&side.schema));
            profile.add(table, &table.good_rows(), side.scores().unwrap_or_default());
            profile
        };
        let comparison = compare::compare((&base.dataset.name, &profile(base)), (&open.dataset.name, &profile(open)));
        let comparison = comparison.of_samples(base.n, open.n, !self.lens.is_clear());
        let ranking = |scores: &[f32]| Ranking::new(scores, &best_order(scores), &[]);
        let scores = base.scores().zip(open.scores()).and_then(|(base, open)| {
            compare::compare_scores(&ranking(base), &ranking(open), self.lens.threshold, true, BINS)
        });
        Ok(Step::Done(Reply::Compared { comparison: Box::new(comparison), scores: scores.map(Box::new) }.into()))
    }
}

/// The schema of a file whose columns are labels where those of the open one are.
fn with_labels_of(open: &Schema, file: &Dataset) -> Schema {
    let mut schema = file.schema.clone();
    let is_label = |role| matches!(role, Role::Label | Role::AttackName);
    for at in 0..schema.columns.len() {
        let Some(like) = open.find(&schema.columns[at].canonical).map(|at| open.columns[at].role) else { continue };
        match (like, schema.columns[at].role) {
            (like, _) if is_label(like) => schema.set_role(at, like),
            (_, own) if is_label(own) => schema.set_role(at, Role::Ignored),
            _ => {}
        }
    }
    schema.find_normal_labels(&file.sample);
    schema
}

impl Side {
    fn new(
        engine: &mut Engine,
        dataset: Rc<Dataset>,
        schema: Schema,
        run: Option<&Run>,
        lens: &Lens,
        is_other: bool,
    ) -> Result<Self> {
        let picking = match run.filter(|_| !lens.is_clear()) {
            Some(run) => Some(Picking {
                sight: run.sight(lens),
                schema: is_other.then(|| schema.clone()),
                sweep: dataset.sweep(engine, Effort::Much)?,
                sample: Sample::like(&dataset.sample),
            }),
            None => None,
        };
        let n = if picking.is_some() { 0 } else { dataset.n_good() };
        Ok(Self { dataset, schema, picking, n, sample: None, scoring: None })
    }

    fn table(&self) -> &Table {
        self.sample.as_ref().unwrap_or(&self.dataset.sample)
    }

    /// Of each row of the table; `None` if the detector cannot read the file.
    fn scores(&self) -> Option<&[f32]> {
        self.scoring.as_ref().map(|scoring| scoring.score.as_slice())
    }

    /// Does some more; `None` when it is done.
    fn step(&mut self, engine: &mut Engine, run: Option<&Run>) -> Result<Option<Step>> {
        if let Some(picking) = &mut self.picking {
            let Picking { sight, schema, sweep, sample } = picking;
            let below = sample.below;
            let task = |_, chunk: &_| {
                let bulk = match (&schema, run) {
                    (None, Some(run)) => run.scores_of(chunk),
                    _ => Vec::new(),
                };
                (Task::Pick { sight: Box::new(sight.clone()), schema: schema.clone(), below }, bulk)
            };
            let swept = sweep.step(engine, task)?;
            let rows = self.dataset.rows_before(sweep.done().0);
            let progress = Progress { stage: Stage::Selecting, done: rows, total: self.dataset.n_rows() as u64, rows };
            return Ok(Some(match swept {
                Swept::Found(found) => {
                    let (Finding::Selected { n, picked, .. }, [Bulk::U8(cells)]) = (found.finding, &found.bulk[..])
                    else {
                        return Err(Error::new("A worker gave another answer than it was asked for"));
                    };
                    self.n += n;
                    sample.push(picked, cells);
                    Step::Working(progress)
                }
                Swept::Working => Step::Working(progress),
                Swept::Waiting => Step::Waiting(progress),
                Swept::Done => {
                    self.sample = self.picking.take().map(|picking| picking.sample.finish());
                    Step::Working(progress)
                }
            }));
        }
        let Some(run) = run else { return Ok(None) };
        let n = self.table().n_rows();
        if self.scoring.is_none() {
            let Ok(scoring) = Scoring::new(run.ready.clone(), self.table(), &self.schema) else { return Ok(None) };
            self.scoring = Some(scoring);
        }
        let table = self.sample.as_ref().unwrap_or(&self.dataset.sample);
        if let Some(scoring) = self.scoring.as_mut().filter(|scoring| scoring.n < n) {
            if scoring.step(table, &self.schema).is_err() {
                // It was trained on something that this file has not.
                self.scoring = None;
                return Ok(None);
            }
            let done = scoring.n as u64;
            return Ok(Some(Step::Working(Progress { stage: Stage::Scoring, done, total: n as u64, rows: done })));
        }
        Ok(None)
    }
}

impl Scoring {
    fn new(ready: Rc<Ready>, table: &Table, schema: &Schema) -> Result<Self> {
        let view = ready.detector.record.view(table, schema)?;
        let n = table.n_rows();
        let dnn = vec![f32::NAN; if ready.detector.second.is_some() { n } else { 0 }];
        Ok(Self { ready, view, n: 0, forest: vec![f32::NAN; n], dnn, score: vec![f32::NAN; n] })
    }

    fn step(&mut self, table: &Table, schema: &Schema) -> Result<()> {
        let Self { ready, view, n, forest, dnn, score } = self;
        let (table, schema) = view.as_ref().map_or((table, schema), |(table, schema)| (table, schema));
        let range = *n..(*n + ROWS_PER_STEP).min(score.len());
        let rows: Vec<u32> = range.clone().map(|row| row as u32).collect();
        let dnn = if dnn.is_empty() { &mut dnn[..] } else { &mut dnn[range.clone()] };
        let mut detector = ready.detector.bind(table, schema)?;
        detector.score(&rows, &mut forest[range.clone()], dnn, &mut score[range.clone()])?;
        *n = range.end;
        Ok(())
    }
}

impl Work for Comparing {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let run = engine.run.clone();
        if self.sides.is_empty() {
            self.begin(engine)?;
        }
        while let Some(side) = self.sides.get_mut(self.at) {
            if let Some(step) = side.step(engine, run.as_deref())? {
                return Ok(step);
            }
            self.at += 1;
        }
        self.finish()
    }
}
