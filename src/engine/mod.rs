//! The boundary between the detector and its programs: an [`Engine`] holds the open file, the model packs and the last
//! result; [`Engine::start`] turns a request into a [`Job`], and [`Engine::step`] does a bounded part of it.
//!
//! Between two steps a program may report progress or drop the job. A job changes the engine only when it is done, so a
//! cancelled or failed one leaves what was there before.
//!
//! A file is never held whole. It is cut into chunks (`places.rs`); a sweep (`sweep.rs`) has one task done for every chunk by
//! all crews there are (`crew.rs`), and takes what they find in the order of the chunks. What the detector is fitted to is a
//! sample of the rows (`sample.rs`), all of them where the file is small.

mod analyze;
mod arrange;
mod choose;
mod chunk_reader;
mod compare;
mod crew;
mod export;
mod flood;
mod joined;
mod judge;
mod lens;
mod open;
mod part;
mod places;
mod reference;
mod rehearsal;
mod report;
mod sample;
mod survey;
mod sweep;

use crate::allow::{Likeness, Rule};
use crate::bundle::Pack;
use crate::domain::FitReport;
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::flow::Part;
use crate::ingest::{self, Dialect, MAX_RECORD, Plan};
use crate::protocol::{
    Analysis, Bulk, Checked, FileFacts, Lens, Progress, Reply, Request, RoleChange, RowScores, RowView,
};
use crate::report::Cuts;
use crate::schema::{Schema, Summary};
use crate::store::{Spool, Store, out_of_range};
use crate::table::{BadRecord, Dictionary, Span, Table};
use crew::{Crew, FileId, Message, Ready};
use lens::Sight;
use places::{Chunk, Places};
use std::rc::Rc;
use std::sync::Arc;
use sweep::{Crews, Effort, Owner, Sweep};

pub use crew::Hand;
pub use export::APPENDED_COLUMNS;
pub use judge::{AttackGroup, AttackRecall, BaseRatePrecision, Evaluation, Novelty, StageEvaluation};
pub use sweep::{Answered, Heard, Pool};

/// Rows that one step works on.
const ROWS_PER_STEP: usize = 8192;
/// Bytes that an open file may take in all crews, if nobody says otherwise. Columns that do not fit are read again when needed.
pub const MEMORY_LIMIT: u64 = 1 << 30;
/// Bytes that a record takes at most, whatever its columns: 19 for its place, three scores, its label and its rank; and, while the
/// records are ranked, some nine more, or sixteen where they are so few that it does not matter.
const RECORD_BYTES: u64 = 32;
/// The part of the limit that columns have in any case: with less, every sweep would read all of the file.
const LEAST_FOR_COLUMNS: u64 = 8;

/// An open file.
struct Dataset {
    name: String,
    file: FileId,
    /// The decoded bytes, in which the records have their places.
    store: Rc<dyn Store>,
    plan: Rc<Plan>,
    facts: FileFacts,
    schema: Schema,
    chunks: Rc<[Chunk]>,
    owners: Rc<[Owner]>,
    places: Places,
    n_bad: u64,
    /// The first of the bad records.
    bad: Vec<BadRecord>,
    /// Some of the good records, all where there are few; its dictionaries hold the texts of all.
    sample: Table,
    /// Of each column, over all records.
    summaries: Vec<Summary>,
}

impl Dataset {
    fn n_rows(&self) -> usize {
        self.places.n_rows()
    }

    /// Records that could be read.
    fn n_good(&self) -> u64 {
        self.n_rows() as u64 - self.n_bad
    }

    /// # Errors
    /// If no record could be read: there is nothing to say about any.
    fn check_good(&self) -> Result<()> {
        match self.bad.first() {
            Some(bad) if self.n_good() == 0 => Err(Error::new(format!(
                "None of the {} records can be read; line {}: {}",
                self.n_bad, bad.line, bad.cause
            ))
            .advice("Make sure that the records have the columns that the file's header names")),
            _ => Ok(()),
        }
    }

    fn dialect(&self) -> &Dialect {
        &self.plan.dialect
    }

    /// Rows of the first so many chunks.
    fn rows_before(&self, n_chunks: u64) -> u64 {
        self.chunks[..n_chunks as usize].last().map_or(0, |chunk| chunk.rows().end as u64)
    }

    /// The bytes of some records: those that a crew keeps, and the others read in one go.
    fn records(&self, crew: &Crew, spans: &[Span]) -> Result<Vec<Vec<u8>>> {
        let kept = |span: &Span| {
            let after = self.chunks.partition_point(|chunk| chunk.start.offset <= span.start);
            let chunk = self.chunks[after.checked_sub(1)?];
            let start = (span.start - chunk.start.offset) as usize;
            crew.bytes(self.file, chunk)?.get(start..start + span.len as usize).map(<[u8]>::to_vec)
        };
        let mut records: Vec<Option<Vec<u8>>> = spans.iter().map(kept).collect();
        let others = || spans.iter().enumerate().zip(&records).filter(|(_, record)| record.is_none());
        let others: Vec<(usize, Span)> = others().map(|((at, span), _)| (at, *span)).collect();
        let mut bytes = Vec::new();
        self.store.gather(&others.iter().map(|(_, span)| span.range()).collect::<Vec<_>>(), &mut bytes)?;
        let mut rest = bytes.as_slice();
        for (at, span) in others {
            records[at] = rest.split_off(..span.len as usize).map(<[u8]>::to_vec);
        }
        records.into_iter().collect::<Option<_>>().ok_or_else(out_of_range)
    }

    /// Begins to have something done for every chunk, by crews that know the detector of the last result, if there is one.
    fn sweep(&self, engine: &mut Engine, effort: Effort) -> Result<Sweep> {
        engine.brief_again()?;
        Ok(self.sweep_as_briefed(engine, effort))
    }

    /// The same by crews that know what they were told last, whatever that is.
    fn sweep_as_briefed(&self, engine: &mut Engine, effort: Effort) -> Sweep {
        Sweep::new(engine, self.file, self.chunks.clone(), self.owners.clone(), effort)
    }

    /// The schema as the person has changed it.
    fn schema_with(&self, roles: &[RoleChange]) -> Result<Schema> {
        let mut schema = self.schema.clone();
        for change in roles {
            if change.column as usize >= schema.columns.len() {
                return Err(Error::new("A role was given to a column that is not there"));
            }
            schema.set_role(change.column as usize, change.role);
        }
        schema.find_normal_labels(&self.sample);
        Ok(schema)
    }
}

/// The scores of the open file.
struct Run {
    ready: Rc<Ready>,
    /// Where the detector comes from, if it was not fitted to the file.
    pack: Option<Rc<Pack>>,
    forest: Vec<f32>,
    /// Empty without a network.
    dnn: Vec<f32>,
    score: Vec<f32>,
    /// Empty without labels.
    labels: Vec<u8>,
    /// Rows by falling score, the unscored last.
    order: Arc<Vec<u32>>,
    n_scored: usize,
    /// The ends of the axis of forest scores.
    forest_range: (f64, f64),
    analysis: Analysis,
}

impl Run {
    /// Forest scores, probabilities and scores of a chunk's rows.
    fn scores_of(&self, chunk: &Chunk) -> Vec<Bulk> {
        let some = |scores: &[f32]| Bulk::F32(scores.get(chunk.rows()).unwrap_or_default().to_vec());
        vec![some(&self.forest), some(&self.dnn), some(&self.score)]
    }

    /// The same without what the stages say.
    fn score_of(&self, chunk: &Chunk) -> Vec<Bulk> {
        let none = || Bulk::F32(Vec::new());
        vec![none(), none(), Bulk::F32(self.score.get(chunk.rows()).unwrap_or_default().to_vec())]
    }

    /// A lens, with what the crews need to know of all records.
    fn sight(&self, lens: &Lens) -> Sight {
        let last = self.order[..self.n_scored].get((lens.most_reasoned as usize).saturating_sub(1));
        Sight {
            lens: lens.clone(),
            forest_range: self.forest_range,
            last_reasoned: last.map(|&row| (self.score[row as usize], row)),
        }
    }

    /// Where the two stages' opinions part: the forest flags as many as the run's own threshold does, the network what is
    /// rather an attack than not.
    fn cuts(&self) -> Cuts {
        let flagged = self.order.partition_point(|&row| self.score[row as usize] >= self.analysis.threshold);
        let share = flagged as f64 / self.n_scored.max(1) as f64;
        Cuts { forest: crate::evaluate::contamination_threshold(&self.forest, share), network: 0.5 }
    }

    /// Scores of the forest and, if there is one, of the network; and the one that decides.
    fn stages(&self) -> Vec<&[f32]> {
        judge::stages([&self.forest, &self.dnn, &self.score])
    }

    fn scores(&self, row: u32) -> Option<RowScores> {
        let of = |scores: &[f32]| scores.get(row as usize).copied();
        let score = of(&self.score).filter(|score| !score.is_nan())?;
        Some(RowScores { forest: of(&self.forest)?, probability: of(&self.dnn), score })
    }
}

/// What the stages say about every row: a place for each, NaN where it is not scored.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'a> {
    pub forest: &'a [f32],
    /// Empty without a network.
    pub probability: &'a [f32],
    /// What decides.
    pub score: &'a [f32],
    /// Rows by falling score, the unscored last.
    pub order: &'a [u32],
}

/// All that a program talks to.
pub struct Engine {
    new_spool: fn() -> Box<dyn Spool>,
    packs: Vec<Rc<Pack>>,
    dataset: Option<Rc<Dataset>>,
    /// A file of normal records. It outlives the open file: people hold several days against the same quiet one.
    reference: Option<Rc<Dataset>>,
    run: Option<Rc<Run>>,
    /// The last lens and the rows that it shows, so that sorting anew does not look at all records anew.
    filtered: Option<(Lens, Vec<u32>)>,
    crew: Crew,
    /// The crews elsewhere, if there are any.
    crews: Option<Crews>,
    /// Bytes, see [`Self::set_memory_limit`].
    memory_limit: u64,
    /// About how many records the file has that is being opened, or was last given up.
    opening: u64,
    last_file: FileId,
    last_sweep: u32,
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
    /// Another step is of no use before a crew elsewhere has answered, or bytes have come.
    Waiting(Progress),
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
        Self {
            new_spool,
            packs: Vec::new(),
            dataset: None,
            reference: None,
            run: None,
            filtered: None,
            crew: Crew::default(),
            crews: None,
            memory_limit: MEMORY_LIMIT,
            opening: 0,
            last_file: 0,
            last_sweep: 0,
        }
    }

    /// Gives it crews elsewhere. Files that are open already are not open there.
    ///
    /// # Errors
    /// If a file is open.
    pub fn hire(&mut self, pool: Box<dyn Pool>) -> Result<()> {
        if self.dataset.is_some() || self.reference.is_some() {
            return Err(Error::new("Workers have to be there before a file is opened"));
        }
        self.crews = Some(Crews::new(pool));
        self.set_memory_limit(MEMORY_LIMIT)
    }

    /// Bytes that the open file may take in all crews together.
    ///
    /// # Errors
    /// If a crew is gone.
    pub fn set_memory_limit(&mut self, bytes: u64) -> Result<()> {
        self.memory_limit = bytes;
        self.leave_room()
    }

    /// Gives the columns what the records of all files leave of the memory.
    fn leave_room(&mut self) -> Result<()> {
        let open = [&self.dataset, &self.reference].into_iter().flatten().map(|dataset| dataset.n_rows() as u64);
        let n_records = open.sum::<u64>() + self.opening;
        let rest = self.memory_limit.saturating_sub(n_records.saturating_mul(RECORD_BYTES));
        let n = self.crews.as_ref().map_or(0, Crews::n) as u64 + 1;
        let bytes = rest.max(self.memory_limit / LEAST_FOR_COLUMNS) / n;
        self.crew.limit(bytes);
        match &mut self.crews {
            Some(crews) => crews.tell(&Message::Limit { bytes }, &[], None),
            None => Ok(()),
        }
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
            Request::Open { name, files } => read(file, |file| open::Open::new(name, files, file)),
            Request::OpenReference { name } => read(file, |file| open::Open::reference(name, file)),
            Request::OpenSample { rows, seed } => Job(Box::new(open::OpenSample::new(rows, seed, (self.new_spool)()))),
            Request::Rehearse => Job(Box::new(rehearsal::Rehearsal::default())),
            Request::Analyze { settings, roles } => Job(Box::new(analyze::Analyze::new(settings, roles))),
            Request::Arrange { sort, descending, lens, first } => {
                Job(Box::new(arrange::Arrange::new(sort, descending, lens, first)))
            }
            Request::Survey { lens, lanes } => Job(Box::new(survey::Surveying::new(lens, lanes))),
            Request::Explain { row } => {
                once(move |engine| engine.explain_row(row).map(|why| Reply::Explained(Box::new(why)).into()))
            }
            Request::RuleLike { row, parts, likeness } => {
                once(move |engine| engine.rule_like(row, &parts, likeness).map(|rule| Reply::Rule(rule).into()))
            }
            Request::Compare { lens } => Job(Box::new(compare::Comparing::new(lens))),
            Request::Report { lens, format, made } => {
                Job(Box::new(report::Reporting::new(lens, format, made, (self.new_spool)())))
            }
            Request::Limit { bytes } => {
                once(move |engine| engine.set_memory_limit(bytes).map(|()| Reply::Limited.into()))
            }
            Request::Rows { rows, reasons_from } => {
                once(move |engine| engine.rows(&rows, reasons_from).map(|rows| Reply::Rows(rows).into()))
            }
            Request::Check { cells } => {
                once(move |engine| engine.check(cells).map(|checked| Reply::Checked(Box::new(checked)).into()))
            }
            Request::Export { lens } => self.export_to(lens, (self.new_spool)()),
            Request::Cancel { .. } => unreachable!("programs cancel jobs themselves"),
        }
    }

    /// Begins [`Request::Export`] with a place of the program's own to write to.
    #[must_use]
    pub fn export_to(&self, lens: Lens, spool: Box<dyn Spool>) -> Job {
        Job(Box::new(export::Export::new(lens, spool)))
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
                Step::Waiting(progress) => {
                    on_progress(&progress);
                    if let Some(crews) = &mut self.crews {
                        crews.wait()?;
                    }
                }
                Step::Done(outcome) => return Ok(outcome),
            }
        }
    }

    /// Hands out the whole table of the open file, and its schema with these changes of role.
    ///
    /// # Errors
    /// If no file is open, a changed column is not there, the table does not fit in memory, and what `work` says.
    pub fn with_table<T>(
        &mut self,
        roles: &[RoleChange],
        work: impl FnOnce(&Table, &Schema) -> Result<T>,
    ) -> Result<T> {
        let dataset = self.dataset()?;
        let schema = dataset.schema_with(roles)?;
        if dataset.sample.n_rows() as u64 == dataset.n_good() {
            return work(&dataset.sample, &schema);
        }
        let mut whole = dataset.plan.begin();
        for &chunk in &*dataset.chunks {
            whole.append(self.crew.part(dataset.file, chunk)?)?;
        }
        work(&whole.table, &schema)
    }

    /// How well the open file fits each pack that is known: the columns that drift, or why it cannot be read at all.
    ///
    /// # Errors
    /// If no file is open, or a changed column is not there.
    pub fn fits(&self, roles: &[RoleChange]) -> Result<Vec<(String, Result<FitReport>)>> {
        let dataset = self.dataset()?;
        dataset.check_good()?;
        let schema = dataset.schema_with(roles)?;
        let (table, rows) = (&dataset.sample, dataset.sample.good_rows());
        let fit = |pack: &Rc<Pack>| {
            let fit = pack.fits(table, &schema).and_then(|()| pack.fit(table, &schema, &rows));
            (pack.manifest().name.clone(), fit)
        };
        Ok(self.packs.iter().map(fit).collect())
    }

    /// The scores of all rows in the last run.
    ///
    /// # Errors
    /// If nothing has been scored.
    pub fn scores(&self) -> Result<Scores<'_>> {
        let run = self.run()?;
        Ok(Scores { forest: &run.forest, probability: &run.dnn, score: &run.score, order: &run.order })
    }

    fn add_pack_from(&mut self, name: &str, bulk: &[Bulk]) -> Result<Outcome> {
        let [Bulk::U8(manifest), Bulk::U8(forest), Bulk::U8(dnn)] = bulk else {
            return Err(Error::new(format!("The model pack {name} is not three files")));
        };
        let pack = Pack::open(manifest, forest, dnn)?;
        let name = pack.manifest().name.clone();
        self.add_pack(pack);
        let offers = self.dataset.as_ref().map(|dataset| open::offers(self, dataset)).unwrap_or_default();
        Ok(Reply::PackAdded { name, offers }.into())
    }

    fn dataset(&self) -> Result<Rc<Dataset>> {
        self.dataset.clone().ok_or_else(|| Error::new("No file is open").advice("Open a file first"))
    }

    fn run(&self) -> Result<&Rc<Run>> {
        self.run.as_ref().ok_or_else(|| Error::new("The file has not been scored yet").advice("Run the analysis first"))
    }

    fn rows(&mut self, rows: &[u32], reasons_from: f32) -> Result<Vec<RowView>> {
        let dataset = self.dataset()?;
        // What is longer is no record that could be read, and nobody reads more of it.
        let cut = |span: Span| Span { len: span.len.min(MAX_RECORD as u32), ..span };
        let span = |&row: &u32| dataset.places.span(row).map(cut).ok_or_else(|| Error::new("There is no such record"));
        let spans: Vec<Span> = rows.iter().map(span).collect::<Result<_>>()?;
        let mut views = Vec::with_capacity(rows.len());
        for (&row, bytes) in rows.iter().zip(dataset.records(&self.crew, &spans)?) {
            let scores = self.run.as_ref().and_then(|run| run.scores(row));
            let unscored = if scores.is_none() { self.bad_cause(&dataset, row)? } else { None };
            let cells = dataset.dialect().fields(&bytes);
            let reason = match (&self.run, scores.filter(|scores| scores.score >= reasons_from)) {
                (Some(run), Some(_)) => {
                    let table = ingest::table_of(&dataset.sample, std::slice::from_ref(&cells));
                    Some(first_reason(&run.ready, &table)?)
                }
                _ => None,
            };
            views.push(RowView { row, cells, scores, unscored, reason });
        }
        Ok(views)
    }

    /// Why a record could not be read, if that is so.
    fn bad_cause(&mut self, dataset: &Dataset, row: u32) -> Result<Option<String>> {
        let Some(number) = dataset.places.chunk_of(row).filter(|_| dataset.n_bad > 0) else { return Ok(None) };
        let chunk = dataset.chunks[number as usize];
        let table = self.crew.table(dataset.file, chunk)?;
        Ok(table.bad_record(row - chunk.first_row).map(|bad| bad.cause.clone()))
    }

    /// The texts of a column, and the number of each row's among them; `None` where the row has none.
    fn texts_of(&mut self, dataset: &Dataset, column: usize) -> Result<(Vec<String>, Vec<Option<u32>>)> {
        let mut known = Dictionary::default();
        let mut rows = Vec::with_capacity(dataset.n_rows());
        for &chunk in &*dataset.chunks {
            let table = self.crew.table(dataset.file, chunk)?;
            let column = &table.columns[column];
            let codes: Vec<Option<u32>> = column.dictionary.iter().map(|text| known.code(text)).collect();
            rows.extend(column.cells.iter().map(|cell| codes[cell.as_text()? as usize]));
        }
        Ok((known.iter().map(str::to_owned).collect(), rows))
    }

    fn check(&self, cells: Vec<String>) -> Result<Checked> {
        let (dataset, run) = (self.dataset()?, self.run()?);
        if cells.len() != dataset.sample.columns.len() {
            let (given, expected) = (cells.len(), dataset.sample.columns.len());
            return Err(Error::new(format!("The record has {given} values, the file has {expected} columns")));
        }
        let table = ingest::table_of(&dataset.sample, &[cells]);
        let Ready { detector, schema, .. } = &*run.ready;
        let (mut forest, mut dnn, mut score) = ([f32::NAN], [f32::NAN], [f32::NAN]);
        let (seen_as, view_schema) = detector.record.read(&table, schema)?;
        detector.bind(&seen_as, &view_schema)?.score(&[0], &mut forest, &mut dnn, &mut score)?;
        let scored = &run.order[..run.n_scored];
        let above = scored.partition_point(|&row| run.score[row as usize] >= score[0]);
        Ok(Checked {
            forest_score: forest[0],
            dnn_probability: (!run.dnn.is_empty()).then_some(dnn[0]),
            score: score[0],
            rank: (scored.len() - above) as f64 / scored.len().max(1) as f64,
            explanation: explain(&run.ready, &table)?,
        })
    }

    /// One record of the file as a table.
    fn table_of_row(&self, row: u32) -> Result<Table> {
        let dataset = self.dataset()?;
        let span = dataset.places.span(row).ok_or_else(|| Error::new("There is no such record"))?;
        let mut bytes = Vec::new();
        dataset.store.read(span.start, span.len as usize, &mut bytes)?;
        Ok(ingest::table_of(&dataset.sample, &[dataset.dialect().fields(&bytes)]))
    }

    /// Why a record has its score.
    fn explain_row(&self, row: u32) -> Result<Explanation> {
        let run = self.run()?;
        if run.scores(row).is_none() {
            return Err(Error::new("The record was not scored, so there is nothing to explain"));
        }
        let explanation = explain(&run.ready, &self.table_of_row(row)?)?;
        Ok(Explanation { row, ..explanation })
    }

    fn rule_like(&self, row: u32, parts: &[Part], likeness: Likeness) -> Result<Rule> {
        let table = self.table_of_row(row)?;
        Rule::like(&table, &self.run()?.ready.schema, 0, parts, likeness).ok_or_else(|| {
            Error::new("The record has none of the values that a rule could be about")
                .advice("Choose other parts of it")
        })
    }
}

/// Why the first record of a table has its score.
fn explain(ready: &Ready, table: &Table) -> Result<Explanation> {
    let (table, schema) = ready.detector.record.read(table, &ready.schema)?;
    ready.explainer()?.bind(&table, &schema)?.explain(0)
}

/// Why the first record of a table has its score, in brief.
fn first_reason(ready: &Ready, table: &Table) -> Result<String> {
    let (table, schema) = ready.detector.record.read(table, &ready.schema)?;
    ready.explainer()?.bind(&table, &schema)?.brief(0)
}
