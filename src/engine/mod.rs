//! The boundary between the detector and its programs: an [`Engine`] holds the open file, the model packs and the last
//! result; [`Engine::start`] turns a request into a [`Job`], and [`Engine::step`] does a bounded part of it.
//!
//! Between two steps a program may report progress or drop the job. A job changes the engine only when it is done, so a
//! cancelled or failed one leaves what was there before.

mod analyze;
mod arrange;
mod choose;
mod export;
mod flood;
mod judge;
mod open;
mod part;
mod reference;

use crate::bundle::Pack;
use crate::domain::FitReport;
use crate::error::{Error, Result};
use crate::hybrid::Detector;
use crate::ingest::{self, Dialect};
use crate::protocol::{Analysis, Bulk, Checked, FileFacts, Progress, Reply, Request, RoleChange, RowView};
use crate::schema::Schema;
use crate::store::{Spool, Store};
use crate::table::{BadRecord, Span, Table};
use std::rc::Rc;

pub use export::APPENDED_COLUMNS;
pub use judge::{AttackGroup, AttackRecall, BaseRatePrecision, Evaluation, Novelty, StageEvaluation};

/// Rows that one step works on.
const ROWS_PER_STEP: usize = 8192;
/// Bytes that one step reads.
const BYTES_PER_STEP: usize = 1 << 20;

/// An open file.
struct Dataset {
    name: String,
    /// The decoded bytes, into which the table's spans point.
    store: Box<dyn Store>,
    table: Table,
    dialect: Dialect,
    facts: FileFacts,
    schema: Schema,
}

impl Dataset {
    /// The schema as the person has changed it.
    fn schema_with(&self, roles: &[RoleChange]) -> Result<Schema> {
        let mut schema = self.schema.clone();
        for change in roles {
            if change.column as usize >= schema.columns.len() {
                return Err(Error::new("A role was given to a column that is not there"));
            }
            schema.set_role(change.column as usize, change.role);
        }
        schema.find_normal_labels(&self.table);
        Ok(schema)
    }
}

/// The scores of the open file.
struct Run {
    schema: Schema,
    detector: Detector,
    forest: Vec<f32>,
    /// Empty without a network.
    dnn: Vec<f32>,
    score: Vec<f32>,
    /// Rows by falling score, the unscored last.
    order: Vec<u32>,
    n_scored: usize,
    analysis: Analysis,
    /// The last filter and the rows that pass it, so that sorting anew does not read the file anew.
    filtered: Option<(String, Vec<u32>)>,
}

/// All that a program talks to.
pub struct Engine {
    new_spool: fn() -> Box<dyn Spool>,
    packs: Vec<Rc<Pack>>,
    dataset: Option<Rc<Dataset>>,
    /// A file of normal records. It outlives the open file: people hold several days against the same quiet one.
    reference: Option<Rc<Dataset>>,
    run: Option<Run>,
}

/// What a finished job gives.
pub struct Outcome {
    pub reply: Reply,
    pub bulk: Vec<Bulk>,
    /// The file that was written, of [`Request::Export`].
    pub written: Option<Box<dyn Spool>>,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self { reply, bulk: Vec::new(), written: None }
    }
}

/// How a step ended.
pub enum Step {
    Working(Progress),
    Done(Outcome),
}

/// A request under way.
pub struct Job(Box<dyn Work>);

trait Work {
    fn step(&mut self, engine: &mut Engine) -> Result<Step>;
}

/// A request that needs but one step.
struct Once<F>(Option<F>);

impl<F: FnOnce(&mut Engine) -> Result<Outcome>> Work for Once<F> {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let work = self.0.take().expect("a finished job is not stepped again");
        work(engine).map(Step::Done)
    }
}

fn once(work: impl FnOnce(&mut Engine) -> Result<Outcome> + 'static) -> Job {
    Job(Box::new(Once(Some(work))))
}

fn read(file: Option<Box<dyn Store>>, open: impl FnOnce(Box<dyn Store>) -> open::Open) -> Job {
    match file {
        Some(file) => Job(Box::new(open(file))),
        None => once(|_| Err(Error::new("No file came with the request"))),
    }
}

impl Engine {
    /// An engine without a file. `new_spool` makes room for decoded and written bytes.
    #[must_use]
    pub fn new(new_spool: fn() -> Box<dyn Spool>) -> Self {
        Self { new_spool, packs: Vec::new(), dataset: None, reference: None, run: None }
    }

    /// Makes a model pack known; one of the same name is replaced.
    pub fn add_pack(&mut self, pack: Pack) {
        self.packs.retain(|known| known.manifest().name != pack.manifest().name);
        self.packs.push(Rc::new(pack));
    }

    /// Begins a request. `file` is what [`Request::Open`] and [`Request::OpenReference`] read.
    ///
    /// # Panics
    /// On [`Request::Cancel`], which is for programs: they drop the job.
    #[must_use]
    pub fn start(&self, request: Request, bulk: Vec<Bulk>, file: Option<Box<dyn Store>>) -> Job {
        match request {
            Request::AddPack { name } => once(move |engine| engine.add_pack_from(&name, &bulk)),
            Request::Open { name } => read(file, |file| open::Open::new(name, file)),
            Request::OpenReference { name } => read(file, |file| open::Open::reference(name, file)),
            Request::OpenSample { rows, seed } => Job(Box::new(open::OpenSample::new(rows, seed, (self.new_spool)()))),
            Request::Analyze { settings, roles } => Job(Box::new(analyze::Analyze::new(settings, roles))),
            Request::Arrange { sort, descending, filter, at_least } => {
                Job(Box::new(arrange::Arrange::new(sort, descending, filter, at_least)))
            }
            Request::Rows { rows } => once(move |engine| engine.rows(&rows).map(|rows| Reply::Rows(rows).into())),
            Request::Check { cells } => {
                once(move |engine| engine.check(cells).map(|checked| Reply::Checked(checked).into()))
            }
            Request::Export { threshold } => Job(Box::new(export::Export::new(threshold, (self.new_spool)()))),
            Request::Cancel { .. } => unreachable!("programs cancel jobs themselves"),
        }
    }

    /// Does a bounded part of a job, which is not to be stepped again once it is done or has failed.
    ///
    /// # Errors
    /// What the person who holds the file has to know.
    pub fn step(&mut self, job: &mut Job) -> Result<Step> {
        job.0.step(self)
    }

    /// Does a whole job, telling its progress.
    ///
    /// # Errors
    /// As [`Engine::step`].
    pub fn finish(&mut self, mut job: Job, mut on_progress: impl FnMut(&Progress)) -> Result<Outcome> {
        loop {
            match self.step(&mut job)? {
                Step::Working(progress) => on_progress(&progress),
                Step::Done(outcome) => return Ok(outcome),
            }
        }
    }

    /// Hands out the open file's table, and its schema with these changes of role.
    ///
    /// # Errors
    /// If no file is open, a changed column is not there, and what `work` says.
    pub fn with_table<T>(&self, roles: &[RoleChange], work: impl FnOnce(&Table, &Schema) -> Result<T>) -> Result<T> {
        let dataset = self.dataset()?;
        work(&dataset.table, &dataset.schema_with(roles)?)
    }

    /// How well the open file fits each pack that is known: the columns that drift, or why it cannot be read at all.
    ///
    /// # Errors
    /// If no file is open, or a changed column is not there.
    pub fn fits(&self, roles: &[RoleChange]) -> Result<Vec<(String, Result<FitReport>)>> {
        let dataset = self.dataset()?;
        let schema = dataset.schema_with(roles)?;
        let (table, rows) = (&dataset.table, dataset.table.good_rows());
        let fit = |pack: &Rc<Pack>| {
            let fit = pack.fits(table, &schema).and_then(|()| pack.fit(table, &schema, &rows));
            (pack.manifest().name.clone(), fit.map(|(fit, _)| fit))
        };
        Ok(self.packs.iter().map(fit).collect())
    }

    fn add_pack_from(&mut self, name: &str, bulk: &[Bulk]) -> Result<Outcome> {
        let [Bulk::U8(manifest), Bulk::U8(forest), Bulk::U8(dnn)] = bulk else {
            return Err(Error::new(format!("The model pack {name} is not three files")));
        };
        let pack = Pack::open(manifest, forest, dnn)?;
        let name = pack.manifest().name.clone();
        self.add_pack(pack);
        Ok(Reply::PackAdded { name }.into())
    }

    fn dataset(&self) -> Result<Rc<Dataset>> {
        self.dataset.clone().ok_or_else(|| Error::new("No file is open").advice("Open a file first"))
    }

    fn run(&self) -> Result<&Run> {
        self.run.as_ref().ok_or_else(|| Error::new("The file has not been scored yet").advice("Run the analysis first"))
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<RowView>> {
        let dataset = self.dataset()?;
        let mut bytes = Vec::new();
        rows.iter()
            .map(|&row| {
                let span =
                    dataset.table.spans.get(row as usize).ok_or_else(|| Error::new("There is no such record"))?;
                bytes.clear();
                dataset.store.read(span.start, span.len as usize, &mut bytes)?;
                let unscored = dataset.table.bad_record(row).map(|bad| bad.cause.clone());
                Ok(RowView { row, cells: dataset.dialect.fields(&bytes), unscored })
            })
            .collect()
    }

    fn check(&self, cells: Vec<String>) -> Result<Checked> {
        let (dataset, run) = (self.dataset()?, self.run()?);
        if cells.len() != dataset.table.columns.len() {
            let (given, expected) = (cells.len(), dataset.table.columns.len());
            return Err(Error::new(format!("The record has {given} values, the file has {expected} columns")));
        }
        let table = ingest::table_of(&dataset.table, &[cells]);
        let (mut forest, mut dnn, mut score) = ([f32::NAN], [f32::NAN], [f32::NAN]);
        let view = run.detector.record.view(&table, &run.schema)?;
        let (table, schema) = view.as_ref().map_or((&table, &run.schema), |(table, schema)| (table, schema));
        run.detector.bind(table, schema)?.score(&[0], &mut forest, &mut dnn, &mut score)?;
        let scored = &run.order[..run.n_scored];
        let above = scored.partition_point(|&row| run.score[row as usize] >= score[0]);
        Ok(Checked {
            forest_score: forest[0],
            dnn_probability: (!run.dnn.is_empty()).then_some(dnn[0]),
            score: score[0],
            rank: (scored.len() - above) as f64 / scored.len().max(1) as f64,
        })
    }
}

/// The records of a table in file order, block by block, each with its bytes: one read for many records.
struct Records {
    dataset: Rc<Dataset>,
    next: usize,
    bytes: Vec<u8>,
}

impl Records {
    fn new(dataset: Rc<Dataset>) -> Self {
        Self { dataset, next: 0, bytes: Vec::new() }
    }

    /// Rows that have been given out.
    fn done(&self) -> usize {
        self.next
    }

    fn is_done(&self) -> bool {
        self.next == self.dataset.table.n_rows()
    }

    /// Calls `each` for the next block of records, up to about [`BYTES_PER_STEP`].
    fn block(&mut self, mut each: impl FnMut(u32, &[u8], Option<&BadRecord>)) -> Result<()> {
        let table = &self.dataset.table;
        let Some(&first) = table.spans.get(self.next) else { return Ok(()) };
        let rest = &table.spans[self.next..];
        let within = |span: &Span| span.start + u64::from(span.len) <= first.start + BYTES_PER_STEP as u64;
        let count = rest.partition_point(within).max(1);
        let last = rest[count - 1];
        let len = (last.start + u64::from(last.len) - first.start) as usize;
        self.bytes.clear();
        self.dataset.store.read(first.start, len, &mut self.bytes)?;
        let from = table.bad.partition_point(|bad| (bad.row as usize) < self.next);
        let mut bad = table.bad[from..].iter().peekable();
        for (at, span) in rest[..count].iter().enumerate() {
            let row = (self.next + at) as u32;
            let start = (span.start - first.start) as usize;
            each(row, &self.bytes[start..start + span.len as usize], bad.next_if(|bad| bad.row == row));
        }
        self.next += count;
        Ok(())
    }
}
