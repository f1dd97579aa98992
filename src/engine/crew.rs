//! One worker's hands: it holds the open files, the detector of the run, and the columns of the chunks that it read last,
//! and does one task for one chunk at a time.
//!
//! The engine has a crew of its own, and may have more elsewhere, which hear everything by [`Message`] and know nothing of
//! each other. What is found out about a chunk does not depend on who does it.

use super::chunk_reader::{ChunkReader, REST};
use super::lens::{Reasons, Sight, Which, look};
use super::places::Chunk;
use super::reference::Test;
use super::sample::{Picked, is_picked};
use super::sweep::Answered;
use super::{arrange, export, judge, survey};
use crate::bundle::Pack;
use crate::encode::Encoder;
use crate::error::{Error, Result};
use crate::explain::{Background, Explainer};
use crate::forest::IsolationForest;
use crate::hybrid::Detector;
use crate::ingest::{Dialect, Part, Plan, Start, Tally};
use crate::protocol::{Bulk, StageQuality};
use crate::query::Needs;
use crate::schema::{self, Schema, Summary};
use crate::seen::Seen;
use crate::store::{Spool, Store};
use crate::table::{BadRecord, Table};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// What the engine tells a crew.
#[derive(Serialize, Deserialize)]
pub(super) enum Message {
    /// A file is open. How its bytes get there is for the program to say, see [`super::Pool::send`].
    Open {
        file: FileId,
        plan: Plan,
    },
    Close {
        file: FileId,
    },
    /// What scores from now on. A pack's three files travel beside it.
    Brief(Box<Briefing>),
    /// What is usual in the file that was scored, for the reasons.
    Usual(Box<Background>),
    /// Columns that are kept may take so many bytes.
    Limit {
        bytes: u64,
    },
    Order(Order),
}

/// Numbers the files that have been opened.
pub(super) type FileId = u32;

/// One task for one chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub sweep: u32,
    pub file: FileId,
    /// The chunk's number.
    pub number: u32,
    pub chunk: Chunk,
    /// Where the chunks end that the crew will probably be given next, one after the other.
    pub until: u64,
    pub task: Task,
}

/// What is to be done with the records of a chunk. Where a task needs their scores, these travel beside it: forest scores,
/// probabilities (empty without a network) and scores, a place for each row of the chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Task {
    /// Reads the records that start in the chunk, whose rows are not known yet. With `guess`, the first of them starts
    /// with the first line that does. Of columns that are `full` no more texts are wanted.
    Read {
        guess: bool,
        below: u64,
        full: Vec<bool>,
    },
    Score,
    /// Says what labels say about scores that travel beside it. The chunk has no part in it.
    Judge,
    Select {
        test: Test,
        below: u64,
    },
    /// Picks from what a lens shows. With a schema, of a file that was not scored: without scores beside the task.
    Pick {
        sight: Box<Sight>,
        schema: Option<Schema>,
        below: u64,
    },
    Arrange(Box<arrange::Task>),
    Export(Box<export::Task>),
    Survey(Box<survey::Task>),
}

/// What came of a task. Bulk travels beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Finding {
    /// Bulk: where each record starts, counted from the first, how long it is, and the picked cells.
    Read(Box<ReadFinding>),
    /// Bulk: forest scores, probabilities, scores, labels (empty without labels).
    Scored,
    Judged(Box<StageQuality>),
    /// Bulk: the picked cells.
    Selected {
        n: u64,
        is_comparable: bool,
        picked: Picked,
    },
    Arranged(arrange::Finding),
    /// Bulk: the bytes, unless a hand has made a store of them.
    Exported,
    Surveyed(survey::Finding),
    /// The reasons of some records were found, and there are more: the order is to be given again.
    Again,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReadFinding {
    /// Where the first record really starts, and the one after the last.
    pub start: Start,
    pub end: Start,
    pub tally: Tally,
    /// The first bad records, with rows and lines counted from the chunk's first.
    pub bad: Vec<BadRecord>,
    pub summaries: Vec<Summary>,
    /// Of each column that is not full, all texts in the order of their appearance.
    pub texts: Vec<Vec<String>>,
    pub picked: Picked,
}

const AGAIN: (Finding, Vec<Bulk>) = (Finding::Again, Vec::new());

/// Bad records that a [`ReadFinding`] names.
pub(super) const BAD_NAMED: usize = 100;

/// All that makes the detector of a run.
#[derive(Serialize, Deserialize)]
pub(super) struct Briefing {
    pub schema: Schema,
    pub origin: Origin,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Origin {
    Pack,
    Own(Box<Own>),
}

/// A detector that was fitted to a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Own {
    pub encoder: Encoder,
    pub forest: IsolationForest,
    pub seen: Option<Seen>,
}

/// What scores, how the file's columns are to be understood, and what is usual in them.
pub(super) struct Ready {
    pub detector: Rc<Detector>,
    pub schema: Schema,
    /// Found out while records are scored, which does not need it.
    background: OnceCell<Rc<Background>>,
    explainer: OnceCell<Explainer>,
}

impl Ready {
    pub fn new(detector: Detector, schema: Schema) -> Self {
        Self { detector: Rc::new(detector), schema, background: OnceCell::new(), explainer: OnceCell::new() }
    }

    /// Takes in what is usual, once.
    pub fn learn(&self, background: Background) {
        self.background.get_or_init(|| Rc::new(background));
    }

    /// What is usual, once that has been found out.
    pub fn background(&self) -> Result<&Rc<Background>> {
        self.background.get().ok_or_else(|| Error::new("The file has not been scored to the end yet"))
    }

    /// What tells the reasons; made when it is first needed.
    pub fn explainer(&self) -> Result<&Explainer> {
        if self.explainer.get().is_none() {
            let explainer = Explainer::new(self.detector.clone(), self.background()?.clone())?;
            // Nobody else has filled it meanwhile.
            let _ = self.explainer.set(explainer);
        }
        Ok(self.explainer.get().expect("it was filled just now"))
    }
}

struct OpenFile {
    store: Rc<dyn Store>,
    plan: Rc<Plan>,
}

/// See above.
#[derive(Default)]
pub struct Crew {
    files: FxHashMap<FileId, OpenFile>,
    ready: Option<Rc<Ready>>,
    /// The same detector for the columns of a file that was not scored.
    ready_for_other: Option<Rc<Ready>>,
    /// Of rows of each file, by that detector.
    reasons: FxHashMap<FileId, Reasons>,
    cache: Cache,
    /// What is being read for the next order; or what was, where the job has been given up.
    reading: Option<ChunkReader>,
}

/// A chunk's records as a task sees them.
pub(super) struct Records<'a> {
    pub table: &'a Table,
    pub dialect: &'a Dialect,
    pub chunk: Chunk,
    /// The chunk's bytes, where they were kept or read just now.
    kept: Option<Rc<Vec<u8>>>,
    store: &'a dyn Store,
}

impl Records<'_> {
    /// The chunk's bytes, for [`Self::record`].
    pub fn bytes(&self) -> Result<Rc<Vec<u8>>> {
        if let Some(kept) = &self.kept {
            return Ok(kept.clone());
        }
        let (mut bytes, range) = (Vec::new(), self.chunk.range());
        self.store.read(range.start, (range.end - range.start) as usize, &mut bytes)?;
        Ok(bytes.into())
    }

    /// One record as it stands in the file.
    pub fn record<'b>(&self, bytes: &'b [u8], row: usize) -> &'b [u8] {
        let span = self.table.spans[row];
        let start = (span.start - self.chunk.start.offset) as usize;
        &bytes[start..start + span.len as usize]
    }

    /// Calls `each` for every record, with its place in the chunk, its bytes and, if it is bad, why.
    pub fn each(&self, mut each: impl FnMut(usize, &[u8], Option<&BadRecord>)) -> Result<()> {
        let bytes = self.bytes()?;
        let mut bad = self.table.bad.iter().peekable();
        for row in 0..self.table.n_rows() {
            each(row, self.record(&bytes, row), bad.next_if(|bad| bad.row as usize == row));
        }
        Ok(())
    }

    /// The places of the records that can be scored.
    fn good(&self) -> Vec<u32> {
        self.table.good_rows()
    }
}

impl Crew {
    pub(super) fn open(&mut self, file: FileId, store: Rc<dyn Store>, plan: Rc<Plan>) {
        self.files.insert(file, OpenFile { store, plan });
    }

    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        self.files.keys().copied()
    }

    pub(super) fn close(&mut self, file: FileId) {
        self.files.remove(&file);
        self.reasons.remove(&file);
        self.cache.forget(file);
        self.reading.take_if(|reading| reading.file() == file);
    }

    pub(super) fn brief(&mut self, ready: Rc<Ready>) {
        self.ready = Some(ready);
        self.ready_for_other = None;
        self.reasons.clear();
    }

    pub(super) fn limit(&mut self, bytes: u64) {
        self.cache.limit = bytes;
        self.cache.shrink();
    }

    /// Whether the bytes that an order is about are there; if not, they are fetched, see [`Store::is_near`], and read as they come.
    pub(super) fn is_near(&mut self, order: &Order) -> bool {
        let Order { file, chunk, until, ref task, .. } = *order;
        if let Task::Judge = task {
            return true;
        }
        let Some(OpenFile { store, .. }) = self.files.get(&file) else { return true };
        let until = until.saturating_add(REST);
        let guess = match (task, self.cache.get(file, chunk.range())) {
            (Task::Read { guess, .. }, _) => *guess,
            (Task::Export(_), Some(Kept { bytes: None, .. })) => return store.is_near(chunk.range(), until),
            (_, Some(_)) => return true,
            (_, None) => false,
        };
        let begun = self.reading.take_if(|reading| reading.is_of(file, chunk, guess));
        let advance = || {
            let mut reading = begun.map_or_else(|| self.begin(file, chunk, guess), Ok)?;
            let is_near = reading.advance(until)?;
            self.reading = Some(reading);
            Ok::<_, Error>(is_near)
        };
        // What cannot be read is as good as there: whoever reads it is told why.
        advance().unwrap_or(true)
    }

    pub(super) fn perform(&mut self, order: &Order, bulk: &[Bulk]) -> Result<(Finding, Vec<Bulk>)> {
        let Order { file, chunk, .. } = *order;
        if let Task::Judge = order.task {
            let [Bulk::F32(scores), Bulk::U8(labels)] = bulk else {
                return Err(Error::new("The scores did not come with the labels"));
            };
            return Ok((Finding::Judged(Box::new(judge::stage(scores, labels))), Vec::new()));
        }
        let OpenFile { store, plan } = self.file(file)?;
        let (store, plan) = (store.clone(), plan.clone());
        if let Task::Read { guess, below, full } = &order.task {
            return self.read(order, *guess, *below, full);
        }
        let Kept { table, bytes: kept } = self.kept(file, chunk)?;
        let records = Records { table: &table, dialect: &plan.dialect, chunk, kept, store: &*store };
        if let Task::Select { test, below } = &order.task {
            let (rows, is_comparable) = test.select(&records)?;
            return Ok(select(&table, &rows, is_comparable, *below));
        }
        let ready = match &order.task {
            Task::Pick { schema: Some(schema), .. } => self.ready_for(schema)?,
            _ => self.ready()?.clone(),
        };
        let reasons = self.reasons.entry(file).or_default();
        match &order.task {
            Task::Read { .. } | Task::Judge | Task::Select { .. } => unreachable!("it was done above"),
            Task::Score => Ok((Finding::Scored, score(&ready, &records)?)),
            Task::Pick { sight, schema, below } => {
                let own = schema.as_ref().map(|_| scores_of_other(&ready, &records));
                let mut rows = Vec::new();
                let scores = own.as_deref().unwrap_or(bulk);
                let is_done =
                    look(sight, &records, scores, &ready, reasons, (Which::Shown, Needs::default()), |seen| {
                        rows.extend(seen.is_shown.then_some(seen.row));
                        Ok(())
                    })?;
                let bad: FxHashSet<u32> = table.bad.iter().map(|bad| bad.row).collect();
                rows.retain(|row| !bad.contains(row));
                Ok(if is_done { select(&table, &rows, true, *below) } else { AGAIN })
            }
            Task::Arrange(task) => {
                let done = task.perform(&records, bulk, &ready, reasons)?;
                Ok(done.map_or(AGAIN, |(finding, bulk)| (Finding::Arranged(finding), bulk)))
            }
            Task::Export(task) => {
                let done = task.perform(&records, bulk, &ready, reasons)?;
                Ok(done.map_or(AGAIN, |bytes| (Finding::Exported, vec![Bulk::U8(bytes)])))
            }
            Task::Survey(task) => {
                let done = task.perform(&records, bulk, &ready, reasons)?;
                Ok(done.map_or(AGAIN, |(finding, bulk)| (Finding::Surveyed(finding), bulk)))
            }
        }
    }

    /// The detector for a file with this schema.
    fn ready_for(&mut self, schema: &Schema) -> Result<Rc<Ready>> {
        if let Some(ready) = self.ready_for_other.as_ref().filter(|ready| ready.schema == *schema) {
            return Ok(ready.clone());
        }
        let Ready { detector, background, .. } = &**self.ready()?;
        let (detector, background) = (detector.clone(), background.clone());
        let ready = Rc::new(Ready { detector, schema: schema.clone(), background, explainer: OnceCell::new() });
        self.ready_for_other = Some(ready.clone());
        Ok(ready)
    }

    fn file(&self, file: FileId) -> Result<&OpenFile> {
        self.files.get(&file).ok_or_else(|| Error::new("The file is no longer open").advice("Open it again"))
    }

    pub(super) fn ready(&self) -> Result<&Rc<Ready>> {
        self.ready.as_ref().ok_or_else(|| Error::new("There is no detector yet"))
    }

    /// The columns of a chunk, which are kept as long as there is room.
    pub(super) fn table(&mut self, file: FileId, chunk: Chunk) -> Result<Rc<Table>> {
        self.kept(file, chunk).map(|kept| kept.table)
    }

    fn kept(&mut self, file: FileId, chunk: Chunk) -> Result<Kept> {
        if let Some(kept) = self.cache.get(file, chunk.range()) {
            return Ok(kept);
        }
        let (part, bytes) = self.part_and_bytes(file, chunk, false)?;
        Ok(self.cache.put(file, chunk.range(), part.table, bytes))
    }

    /// A chunk's bytes, if they are kept.
    pub(super) fn bytes(&self, file: FileId, chunk: Chunk) -> Option<Rc<Vec<u8>>> {
        self.cache.get(file, chunk.range())?.bytes
    }

    /// A chunk's records, not to be kept.
    pub(super) fn part(&self, file: FileId, chunk: Chunk) -> Result<Part> {
        self.begin(file, chunk, false)?.finish().map(|(part, _)| part)
    }

    /// A chunk's records, and their bytes, after waiting for what has not come; see [`ChunkReader`].
    fn part_and_bytes(&mut self, file: FileId, chunk: Chunk, guess: bool) -> Result<(Part, Vec<u8>)> {
        let begun = self.reading.take_if(|reading| reading.is_of(file, chunk, guess));
        begun.map_or_else(|| self.begin(file, chunk, guess), Ok)?.finish()
    }

    fn begin(&self, file: FileId, chunk: Chunk, guess: bool) -> Result<ChunkReader> {
        let OpenFile { store, plan } = self.file(file)?;
        Ok(ChunkReader::new(file, chunk, guess, store.clone(), plan.clone()))
    }

    fn read(&mut self, order: &Order, guess: bool, below: u64, full: &[bool]) -> Result<(Finding, Vec<Bulk>)> {
        let Order { file, chunk, .. } = *order;
        let (Part { table, tally, start, end }, bytes) = self.part_and_bytes(file, chunk, guess)?;
        let starts: Vec<u32> = table.spans.iter().map(|span| (span.start - start.offset) as u32).collect();
        let lens: Vec<u32> = table.spans.iter().map(|span| span.len).collect();
        let good = table.good_rows().into_iter();
        let picked: Vec<u32> = good.filter(|&row| is_picked(&table.spans[row as usize], below)).collect();
        let (picked, cells) = Picked::of(&table, &picked);
        let texts = table.columns.iter().zip(full).map(|(column, &is_full)| match is_full {
            true => Vec::new(),
            false => column.dictionary.iter().map(str::to_owned).collect(),
        });
        let summaries = table.columns.iter().map(|column| Summary::of(column, table.bad.len())).collect();
        let (texts, bad) = (texts.collect(), table.bad.iter().take(BAD_NAMED).cloned().collect());
        self.cache.put(file, start.offset..end.offset, table, bytes);
        let finding = ReadFinding { start, end, tally, bad, summaries, texts, picked };
        Ok((Finding::Read(Box::new(finding)), vec![Bulk::U32(starts.into()), Bulk::U32(lens.into()), Bulk::U8(cells)]))
    }
}

/// Picks from these rows of a table.
fn select(table: &Table, rows: &[u32], is_comparable: bool, below: u64) -> (Finding, Vec<Bulk>) {
    let picked: Vec<u32> = rows.iter().copied().filter(|&row| is_picked(&table.spans[row as usize], below)).collect();
    let (picked, cells) = Picked::of(table, &picked);
    (Finding::Selected { n: rows.len() as u64, is_comparable, picked }, vec![Bulk::U8(cells)])
}

/// Forest scores, probabilities, scores and labels of a chunk.
fn score(ready: &Ready, records: &Records) -> Result<Vec<Bulk>> {
    let Ready { detector, schema, .. } = ready;
    let table = records.table;
    let (seen_as, view_schema) = detector.record.read(table, schema)?;
    let rows = records.good();
    let has_network = detector.second.is_some();
    let blank = |n: usize| vec![f32::NAN; n];
    let (mut forest, mut score) = (blank(rows.len()), blank(rows.len()));
    let mut dnn = blank(if has_network { rows.len() } else { 0 });
    detector.bind(&seen_as, &view_schema)?.score(&rows, &mut forest, &mut dnn, &mut score)?;
    // Bad records have no score.
    let all = |scores: Vec<f32>| {
        if rows.len() == table.n_rows() {
            return scores;
        }
        let mut all = blank(table.n_rows());
        for (&row, score) in rows.iter().zip(scores) {
            all[row as usize] = score;
        }
        all
    };
    let has_labels = !schema.normal_labels.is_empty();
    let labels = if has_labels { schema::labels(table, schema) } else { None }.unwrap_or_default();
    let dnn = if has_network { all(dnn) } else { dnn };
    Ok(vec![Bulk::F32(all(forest)), Bulk::F32(dnn), Bulk::F32(all(score)), Bulk::U8(labels)])
}

/// Forest scores, probabilities and scores of a chunk of another file than the one that was scored; NaN where the detector cannot
/// read it.
fn scores_of_other(ready: &Ready, records: &Records) -> Vec<Bulk> {
    let mut scores = score(ready, records).unwrap_or_else(|_| {
        let blank = vec![f32::NAN; records.table.n_rows()];
        vec![Bulk::F32(blank.clone()), Bulk::F32(Vec::new()), Bulk::F32(blank)]
    });
    scores.truncate(3);
    scores
}

/// The columns of the chunks that were read first, and their bytes.
struct Cache {
    /// Bytes.
    limit: u64,
    used: u64,
    chunks: FxHashMap<ChunkId, (Kept, u64)>,
    /// The next to go first.
    order: VecDeque<ChunkId>,
}

/// A file, and where a chunk of it begins and ends: it may be empty, and another begin where it does.
type ChunkId = (FileId, Range<u64>);

#[derive(Clone)]
struct Kept {
    table: Rc<Table>,
    /// `None` where there was no room for them.
    bytes: Option<Rc<Vec<u8>>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { limit: super::MEMORY_LIMIT, used: 0, chunks: FxHashMap::default(), order: VecDeque::new() }
    }
}

impl Cache {
    fn get(&self, file: FileId, range: Range<u64>) -> Option<Kept> {
        self.chunks.get(&(file, range)).map(|(kept, _)| kept.clone())
    }

    /// The chunks of a file that does not fit are asked for in turn, and the oldest is then the very one that is needed
    /// next. So what comes when the room is full is not kept, rather than something else thrown out; whoever needs it now has it.
    ///
    /// Bytes are read again sooner than they are cut into cells, so they may not take the second half of the room.
    fn put(&mut self, file: FileId, range: Range<u64>, table: Table, mut bytes: Vec<u8>) -> Kept {
        bytes.shrink_to_fit();
        let mut size = size_of(&table);
        let with_bytes = size + bytes.len() as u64;
        let is_roomy = 2 * (self.used + with_bytes) <= self.limit;
        let now = Kept { table: Rc::new(table), bytes: Some(bytes.into()) };
        let kept = Kept { bytes: now.bytes.clone().filter(|_| is_roomy), ..now.clone() };
        size = if is_roomy { with_bytes } else { size };
        let id = (file, range);
        if self.used + size <= self.limit && !self.chunks.contains_key(&id) {
            self.used += size;
            self.chunks.insert(id.clone(), (kept, size));
            self.order.push_back(id);
        }
        now
    }

    fn shrink(&mut self) {
        while self.used > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.used -= self.chunks.remove(&oldest).map_or(0, |(_, size)| size);
        }
    }

    fn forget(&mut self, file: FileId) {
        self.order.retain(|id| id.0 != file);
        let mut freed = 0;
        self.chunks.retain(|id, (_, size)| {
            freed += if id.0 == file { *size } else { 0 };
            id.0 != file
        });
        self.used -= freed;
    }
}

/// About the bytes that a table takes.
fn size_of(table: &Table) -> u64 {
    let columns = table.columns.iter().map(|column| {
        // A text is there twice, with what holds it.
        let texts: usize = column.dictionary.iter().map(|text| 2 * text.len() + 64).sum();
        column.cells.bytes() + texts
    });
    (columns.sum::<usize>() + table.spans.capacity() * 16) as u64
}

/// Bytes of which a store of their own is made; fewer are copied as soon.
const LEAST_STORED: usize = 1 << 20;

/// The other end of a [`super::Pool`]: does what it is told.
#[derive(Default)]
pub struct Hand {
    crew: Crew,
    new_spool: Option<fn() -> Box<dyn Spool>>,
    /// What it was told and has not done.
    told: VecDeque<Told>,
}

/// A message, and what travels beside it.
struct Told {
    message: Message,
    bulk: Vec<Bulk>,
    store: Option<Box<dyn Store>>,
}

impl Hand {
    /// One that gives what it writes as a store, which the program can hand over without a copy.
    #[must_use]
    pub fn that_writes(new_spool: fn() -> Box<dyn Spool>) -> Self {
        Self { new_spool: Some(new_spool), ..Self::default() }
    }

    /// Takes a message, which the engine has packed, with what travels beside it: bulk, and the file's bytes where a file
    /// is opened.
    ///
    /// # Errors
    /// If the message is of another build.
    pub fn hear(&mut self, message: &[u8], bulk: Vec<Bulk>, store: Option<Box<dyn Store>>) -> Result<()> {
        let message = postcard::from_bytes(message).map_err(|_| Error::new("A worker is of another build"))?;
        self.told.push_back(Told { message, bulk, store });
        Ok(())
    }

    /// Does what it was told, up to the next answer. There is none where nothing is left to do, or the bytes for it are on their way,
    /// see [`Store::is_near`].
    ///
    /// # Errors
    /// If a message was not understood.
    pub fn work(&mut self) -> Result<Option<Answered>> {
        while let Some(told) = self.told.pop_front() {
            if let Message::Order(order) = &told.message
                && !self.crew.is_near(order)
            {
                self.told.push_front(told);
                break;
            }
            if let Some(answer) = self.obey(told)? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    fn obey(&mut self, told: Told) -> Result<Option<Answered>> {
        let Told { message, bulk, store } = told;
        match message {
            Message::Open { file, plan } => {
                if let Some(store) = store {
                    self.crew.open(file, store.into(), Rc::new(plan));
                }
            }
            Message::Close { file } => self.crew.close(file),
            Message::Limit { bytes } => self.crew.limit(bytes),
            Message::Usual(background) => self.crew.ready()?.learn(*background),
            Message::Brief(briefing) => {
                let Briefing { schema, origin } = *briefing;
                let detector = match origin {
                    Origin::Pack => {
                        let [Bulk::U8(manifest), Bulk::U8(forest), Bulk::U8(dnn)] = &bulk[..] else {
                            return Err(Error::new("The model pack is not three files"));
                        };
                        Pack::open(manifest, forest, dnn)?.detector()
                    }
                    Origin::Own(own) => Detector::of_parts(own.encoder, own.forest, own.seen),
                };
                self.crew.brief(Rc::new(Ready::new(detector, schema)));
            }
            Message::Order(order) => {
                let answer = Answer {
                    sweep: order.sweep,
                    number: order.number,
                    finding: Err(Error::new("The worker has no answer")),
                };
                let done = self.crew.perform(&order, &bulk).and_then(|(finding, mut bulk)| {
                    let written = self.write(&order.task, &mut bulk)?;
                    Ok((finding, Answered { bulk, written, ..Answered::default() }))
                });
                let (finding, answered) = match done {
                    Ok((finding, answered)) => (Ok(finding), answered),
                    Err(error) => (Err(error), Answered::default()),
                };
                let answer = Answer { finding, ..answer };
                let bytes = postcard::to_stdvec(&answer).map_err(|_| Error::new("An answer cannot be packed"))?;
                return Ok(Some(Answered { bytes, ..answered }));
            }
        }
        Ok(None)
    }

    /// Makes a store of what was exported, where it is wanted and worth it.
    fn write(&self, task: &Task, bulk: &mut Vec<Bulk>) -> Result<Option<Box<dyn Store>>> {
        let (Task::Export(task), Some(new_spool), [Bulk::U8(bytes)]) = (task, self.new_spool, &bulk[..]) else {
            return Ok(None);
        };
        if !task.as_store || bytes.len() < LEAST_STORED {
            return Ok(None);
        }
        let mut spool = new_spool();
        spool.append(bytes)?;
        bulk.clear();
        Ok(Some(spool))
    }
}

/// What a crew answers to an [`Order`].
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub sweep: u32,
    pub number: u32,
    pub finding: Result<Finding>,
}
