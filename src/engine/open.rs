//! Reading a file: bytes → decoded bytes → the columns of its chunks → schema.
//!
//! Only what is encoded (gzip, UTF-16) is written anew, in one go. Everything else is read where it lies, by all crews at
//! once, and no more of it is kept here than the places of the records, a sample of them, and what is known of the columns.

use super::crew::{FileId, Finding, Order, ReadFinding, Task};
use super::joined::Joined;
use super::places::{CHUNK_BYTES, Chunk, LEAST_BYTES, Places};
use super::reference::Test;
use super::sample::Sample;
use super::sweep::{Effort, Found, Owner, Sweep, Swept};
use super::{Dataset, Engine, ROWS_PER_STEP, Step, Work};
use crate::error::{Error, Result};
use crate::generate::Generator;
use crate::ingest::{Decoder, Part, Plan, Start, Tally};
use crate::protocol::{Bulk, ColumnSummary, FileFacts, FileStart, Opened, PackOffer, Progress, Reply, Stage};
use crate::schema::{self, Summary, layout_name};
use crate::session::FileIdentity;
use crate::store::{Spool, Store};
use crate::table::{BadRecord, Column, Span};
use std::rc::Rc;

/// Bad records that are shown; the annotated file names them all.
const BAD_SHOWN: usize = 100;
/// Records that are looked at for examples of values.
const EXAMPLE_ROWS: usize = 100;

/// gzip can grow a thousandfold, and what one step yields is in memory at once.
const ENCODED_BYTES_PER_STEP: usize = 1 << 16;

/// A file of so many bytes has chunks enough to end with smaller ones. What is done once for each would count in others.
const LARGE: u64 = 64 << 20;
/// A chunk of such a file is at most this part of what is left of it.
const PARTS_OF_REST: u64 = 8;

pub(super) struct Open {
    name: String,
    /// Whether it is to be the file of normal records, beside the open one.
    is_reference: bool,
    state: State,
}

enum State {
    Decoding(Box<Decoding>),
    Reading(Box<Reading>),
    Done,
}

struct Decoding {
    file: Box<dyn Store>,
    /// Those that it is made of, if there are several.
    files: Vec<FileStart>,
    at: u64,
    decoder: Decoder,
    /// The decoded bytes, where they are not the file's own.
    decoded: Option<Box<dyn Spool>>,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// What is known of the file so far.
struct Reading {
    file: FileId,
    store: Rc<dyn Store>,
    plan: Rc<Plan>,
    identity: FileIdentity,
    facts: FileFacts,
    /// Where they nominally are.
    chunks: Rc<[Chunk]>,
    sweep: Sweep,
    places: Places,
    owners: Vec<Owner>,
    sample: Sample,
    summaries: Vec<Summary>,
    tally: Tally,
    bad: Vec<BadRecord>,
    /// Where the next chunk's first record starts.
    start: Start,
    /// The other files that are read as one with the first.
    joined: Option<Joined>,
    /// Picks from all records again, where there were fewer than the beginning of the file had promised.
    again: Option<Sweep>,
}

impl Open {
    pub(super) fn new(name: String, files: Vec<FileStart>, file: Box<dyn Store>) -> Self {
        let decoding = Decoding {
            file,
            files,
            at: 0,
            decoder: Decoder::new(),
            decoded: None,
            input: Vec::new(),
            output: Vec::new(),
        };
        Self { name, is_reference: false, state: State::Decoding(Box::new(decoding)) }
    }

    pub(super) fn reference(name: String, file: Box<dyn Store>) -> Self {
        Self { is_reference: true, ..Self::new(name, Vec::new(), file) }
    }
}

impl Decoding {
    /// Decodes some more; `true` when all of it is decoded, or nothing has to be.
    fn step(&mut self, new_spool: fn() -> Box<dyn Spool>) -> Result<bool> {
        let size = self.file.size();
        let len = (size - self.at).min(ENCODED_BYTES_PER_STEP as u64);
        self.input.clear();
        self.output.clear();
        self.file.read(self.at, len as usize, &mut self.input)?;
        self.at += len;
        self.decoder.push(&self.input, &mut self.output)?;
        let ended = self.at == size;
        if ended {
            self.decoder.finish(&mut self.output)?;
        }
        // It knows by the first bytes whether it has anything to undo.
        if self.decoder.is_identity() {
            return Ok(true);
        }
        self.decoded.get_or_insert_with(new_spool).append(&self.output)?;
        Ok(ended)
    }

    /// Looks at the beginning, and has the records read.
    fn finish(self, engine: &mut Engine, name: String) -> Result<Reading> {
        let identity = FileIdentity::of(name, &*self.file)?;
        let mut facts = FileFacts { bytes: self.file.size(), ..FileFacts::default() };
        facts.compression = self.decoder.compression().map(str::to_owned);
        facts.warnings = self.decoder.notes();
        // Of what passes through, the records tell the encoding.
        if self.decoder.encoding() != "UTF-8" {
            self.decoder.encoding().clone_into(&mut facts.encoding);
        }
        if self.decoder.has_rest() {
            facts.warnings.push("What follows the end of the gzip data is no gzip, and was passed over".into());
        }
        let stored: Rc<dyn Store> = self.file.into();
        let store = match self.decoded {
            Some(decoded) => (decoded as Box<dyn Store>).into(),
            None => stored.clone(),
        };
        let joined = Joined::new(self.files, stored, &self.decoder);
        let mut head = Vec::new();
        store.read(0, store.size().min(Plan::HEAD as u64) as usize, &mut head)?;
        let plan = Rc::new(Plan::new(&head)?);
        let file = engine.open_everywhere(&store, &plan)?;
        // wasm memory never shrinks, so what records will take cannot be taken from the columns later.
        let lines = [b'\n', b'\r'].map(|end| memchr::memchr_iter(end, &head).count() as u64).into_iter().max();
        let lines = u128::from(lines.unwrap_or(0)) * u128::from(store.size());
        engine.opening = 1 + lines.div_ceil(head.len().max(1) as u128) as u64;
        engine.leave_room()?;
        let Part { table, tally, start, .. } = plan.begin();
        let sample = Sample::new(table.columns).expecting(engine.opening);
        let chunks: Rc<[Chunk]> = chunks(start.offset, store.size()).into();
        Ok(Reading {
            file,
            sweep: Sweep::new(engine, file, chunks.clone(), [].into(), Effort::Much),
            chunks,
            store,
            identity,
            facts,
            places: Places::default(),
            owners: Vec::new(),
            sample,
            summaries: Vec::new(),
            tally,
            bad: Vec::new(),
            start,
            again: None,
            joined,
            plan,
        })
    }
}

/// Parts of equal size, or of a large file such as become smaller towards its end, so that all crews come to it together; where
/// their records start is not known yet.
fn chunks(start: u64, end: u64) -> Vec<Chunk> {
    let size = end - start;
    let equal = size.div_ceil(size.div_ceil(CHUNK_BYTES).max(1));
    let mut chunks = Vec::new();
    let mut at = start;
    loop {
        let left = end - at;
        let bytes = if size < LARGE { equal } else { (left / PARTS_OF_REST).clamp(LEAST_BYTES, CHUNK_BYTES) };
        // The last is not to be smaller than the least.
        let until = if left < bytes + LEAST_BYTES { end } else { at + bytes };
        chunks.push(Chunk { start: Start::at(at), end: until, first_row: 0, n_rows: 0, first_line: 0 });
        if until == end {
            return chunks;
        }
        at = until;
    }
}

impl Reading {
    fn step(&mut self, engine: &mut Engine) -> Result<Option<Step>> {
        if let Some(joined) = &mut self.joined {
            if !joined.step(&self.plan)? {
                self.joined = None;
            }
            return Ok(Some(Step::Working(self.progress())));
        }
        // Only one sweep at a time is told what comes in.
        if self.again.is_some() {
            return self.step_again(engine);
        }
        let (full, below) = (self.full_columns(), self.sample.below);
        let task = |number, _: &_| (Task::Read { guess: number > 0, below, full: full.clone() }, Vec::new());
        match self.sweep.step(engine, task)? {
            Swept::Found(found) => self.take(engine, found)?,
            Swept::Working => {}
            Swept::Waiting => return Ok(Some(Step::Waiting(self.progress()))),
            Swept::Done => return self.step_again(engine),
        }
        Ok(Some(Step::Working(self.progress())))
    }

    /// Once all is read: picks the sample anew if it is too small.
    fn step_again(&mut self, engine: &mut Engine) -> Result<Option<Step>> {
        let n_good = self.tally.rows - self.tally.bad;
        let Some(sweep) = &mut self.again else {
            if !self.sample.is_short(n_good) {
                return Ok(None);
            }
            self.sample.start_over(n_good);
            let (chunks, owners) = (self.places.chunks.clone().into(), self.owners.clone().into());
            self.again = Some(Sweep::new(engine, self.file, chunks, owners, Effort::Much));
            return Ok(Some(Step::Working(self.progress())));
        };
        let below = self.sample.below;
        match sweep.step(engine, |_, _| (Task::Select { test: Test::All, below }, Vec::new()))? {
            Swept::Found(found) => match (found.finding, &found.bulk[..]) {
                (Finding::Selected { picked, .. }, [Bulk::U8(cells)]) => self.sample.push(picked, cells),
                _ => return Err(Error::new("A worker gave another answer than it was asked for")),
            },
            Swept::Working => {}
            Swept::Waiting => return Ok(Some(Step::Waiting(self.progress()))),
            Swept::Done => self.again = None,
        }
        Ok(Some(Step::Working(self.progress())))
    }

    fn progress(&self) -> Progress {
        let total = self.store.size();
        let read = match &self.again {
            Some(again) => again.done().0 as usize,
            None => self.places.chunks.len(),
        };
        let last = read.checked_sub(1).and_then(|last| self.places.chunks.get(last));
        let rows = last.map_or(0, |chunk| chunk.rows().end as u64);
        Progress { stage: Stage::Reading, done: last.map_or(0, |chunk| chunk.end), total, rows }
    }

    /// Takes in the next chunk, after making sure that it begins where the last one ends.
    // Not inlined: a browser would compile the whole of a large function for the sake of these loops.
    #[inline(never)]
    fn take(&mut self, engine: &mut Engine, found: Found) -> Result<()> {
        let Found { number, mut by, finding: Finding::Read(mut read), mut bulk, .. } = found else {
            return Err(Error::new("A worker gave another answer than it was asked for"));
        };
        if read.start != self.start {
            // What looked like the start of a record is within one, or a record reaches over the whole chunk.
            let nominal = self.chunks[number as usize];
            let chunk = Chunk { start: self.start, end: nominal.end.max(self.start.offset), ..nominal };
            let task = Task::Read { guess: false, below: self.sample.below, full: self.full_columns() };
            let order = Order { sweep: 0, file: self.file, number, chunk, until: chunk.end, task };
            let (Finding::Read(anew), anew_bulk) = engine.crew.perform(&order, &[])? else {
                unreachable!("reading finds records");
            };
            (read, bulk, by) = (anew, anew_bulk, 0);
        }
        let [Bulk::U32(starts), Bulk::U32(lens), Bulk::U8(cells)] = &bulk[..] else {
            return Err(Error::new("A worker's answer is incomplete"));
        };
        let ReadFinding { start, end, tally, bad, summaries, texts, picked } = *read;
        let (first_row, n_rows) = (self.places.n_rows() as u32, tally.rows as u32);
        if first_row.checked_add(n_rows).is_none() {
            return Err(
                Error::new("The file has more than 4,294,967,295 records").advice("Split it and analyze its parts")
            );
        }
        let chunk = Chunk { start, end: end.offset, first_row, n_rows, first_line: self.tally.lines + 1 };
        let spans = starts.iter().zip(lens.iter()).map(|(&at, &len)| Span { start: start.offset + u64::from(at), len });
        self.places.push(chunk, &spans.collect::<Vec<_>>());
        self.owners.push(by);
        let bad = bad.into_iter().take(BAD_SHOWN - self.bad.len());
        let lines = self.tally.lines;
        self.bad.extend(bad.map(|bad| BadRecord { row: first_row + bad.row, line: lines + bad.line, ..bad }));
        self.tally.add(&tally);
        self.start = end;
        // Before the picked cells, so that all texts have the codes of their first appearance.
        for (column, texts) in self.sample.table.columns.iter_mut().zip(&texts) {
            for text in texts {
                column.dictionary.code(text);
            }
        }
        self.sample.push(picked, cells);
        if self.summaries.is_empty() {
            self.summaries = summaries;
        } else {
            self.summaries.iter_mut().zip(summaries).for_each(|(summary, more)| summary.merge(more));
        }
        Ok(())
    }

    /// Of each column, whether its dictionary has no room for more texts.
    fn full_columns(&self) -> Vec<bool> {
        self.sample.table.columns.iter().map(|column| column.dictionary.overflowed).collect()
    }

    /// Makes of it what the engine keeps of an open file.
    fn finish(mut self, name: String) -> Result<Dataset> {
        let mut read = self.plan.facts(&self.tally)?;
        let Self { mut facts, .. } = self;
        facts.warnings.append(&mut read.warnings);
        let mut facts = FileFacts {
            bytes: facts.bytes,
            compression: facts.compression,
            encoding: facts.encoding,
            warnings: facts.warnings,
            ..read
        };
        if facts.encoding.is_empty() {
            facts.encoding = if self.tally.has_windows_1252 { "windows-1252" } else { "UTF-8" }.into();
        }
        for (column, summary) in self.sample.table.columns.iter().zip(&mut self.summaries) {
            summary.distinct_texts = column.dictionary.len();
        }
        let table = self.sample.finish();
        let schema = schema::detect_with(&table, &self.summaries, self.plan.detected);
        facts.layout = schema.layout;
        if let Some(layout) = schema.layout {
            layout_name(layout).clone_into(&mut facts.format);
        }
        Ok(Dataset {
            name,
            file: self.file,
            store: self.store,
            plan: self.plan,
            facts,
            schema,
            chunks: self.places.chunks.clone().into(),
            owners: self.owners.into(),
            places: self.places,
            n_bad: self.tally.bad,
            bad: self.bad,
            sample: table,
            summaries: self.summaries,
        })
    }
}

impl Work for Open {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        match &mut self.state {
            State::Decoding(decoding) => {
                if !decoding.step(engine.new_spool)? {
                    let (done, total) = (decoding.at, decoding.file.size());
                    return Ok(Step::Working(Progress { stage: Stage::Reading, done, total, rows: 0 }));
                }
                let State::Decoding(decoding) = std::mem::replace(&mut self.state, State::Done) else {
                    unreachable!("it was matched");
                };
                let reading = decoding.finish(engine, std::mem::take(&mut self.name))?;
                let progress = reading.progress();
                self.state = State::Reading(Box::new(reading));
                Ok(Step::Working(progress))
            }
            State::Reading(reading) => {
                if let Some(step) = reading.step(engine)? {
                    return Ok(step);
                }
                let State::Reading(mut reading) = std::mem::replace(&mut self.state, State::Done) else {
                    unreachable!("it was matched");
                };
                let identity = std::mem::take(&mut reading.identity);
                let dataset = reading.finish(identity.name.clone())?;
                engine.opening = 0;
                if self.is_reference {
                    let (name, rows) = (dataset.name.clone(), dataset.n_rows() as u64);
                    if let Some(old) = engine.reference.replace(Rc::new(dataset)) {
                        engine.close_everywhere(old.file);
                    }
                    engine.leave_room()?;
                    return Ok(Step::Done(Reply::ReferenceOpened { name, rows }.into()));
                }
                let opened = describe(engine, &dataset, identity)?;
                if let Some(old) = engine.dataset.replace(Rc::new(dataset)) {
                    engine.close_everywhere(old.file);
                }
                engine.leave_room()?;
                engine.run = None;
                engine.filtered = None;
                Ok(Step::Done(Reply::Opened(Box::new(opened)).into()))
            }
            State::Done => unreachable!("a finished job is not stepped again"),
        }
    }
}

fn describe(engine: &Engine, dataset: &Dataset, identity: FileIdentity) -> Result<Opened> {
    let Dataset { sample, schema, .. } = dataset;
    let mut summaries: Vec<ColumnSummary> =
        sample.columns.iter().zip(&dataset.summaries).map(|(column, summary)| summarize(column, summary)).collect();
    add_examples(engine, dataset, &mut summaries)?;
    Ok(Opened {
        identity,
        facts: dataset.facts.clone(),
        schema: schema.clone(),
        summaries,
        n_rows: dataset.n_rows() as u64,
        n_bad: dataset.n_bad,
        bad: dataset.bad.clone(),
        packs: offers(engine, dataset),
    })
}

/// The packs that could be used on a file, the best first.
pub(super) fn offers(engine: &Engine, dataset: &Dataset) -> Vec<PackOffer> {
    let packs = engine.packs.iter().map(|pack| PackOffer {
        name: pack.manifest().name.clone(),
        summary: pack.manifest().description.clone(),
        unfit: pack.fits(&dataset.sample, &dataset.schema).err().map(|error| error.what),
        switched_off: pack.manifest().switched_off.clone(),
    });
    let mut packs: Vec<PackOffer> = packs.collect();
    packs.sort_by_key(|offer| offer.unfit.is_some());
    packs
}

fn summarize(column: &Column, summary: &Summary) -> ColumnSummary {
    ColumnSummary {
        missing: summary.missing as u64,
        numbers: summary.numbers as u64,
        infinite: summary.infinite as u64,
        texts: (!column.dictionary.overflowed).then_some(column.dictionary.len() as u64),
        min: summary.finite.map(|(min, _)| min),
        max: summary.finite.map(|(_, max)| max),
        examples: Vec::new(),
    }
}

fn add_examples(engine: &Engine, dataset: &Dataset, summaries: &mut [ColumnSummary]) -> Result<()> {
    const EXAMPLES: usize = 3;
    let spans = &dataset.sample.spans[..dataset.sample.n_rows().min(EXAMPLE_ROWS)];
    for record in dataset.records(&engine.crew, spans)? {
        for (summary, field) in summaries.iter_mut().zip(dataset.dialect().fields(&record)) {
            let field = field.trim();
            if summary.examples.len() < EXAMPLES && !field.is_empty() && !summary.examples.iter().any(|x| x == field) {
                summary.examples.push(field.to_owned());
            }
        }
    }
    Ok(())
}

/// Generates the sample, then reads it like any file.
pub(super) struct OpenSample {
    rows: u32,
    generator: Generator,
    spool: Option<Box<dyn Spool>>,
    open: Option<Open>,
    text: Vec<u8>,
}

impl OpenSample {
    pub(super) fn new(rows: u32, seed: u64, spool: Box<dyn Spool>) -> Self {
        Self { rows, generator: Generator::new(rows, seed), spool: Some(spool), open: None, text: Vec::new() }
    }
}

impl Work for OpenSample {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        if let Some(open) = &mut self.open {
            return open.step(engine);
        }
        self.text.clear();
        let more = self.generator.write(ROWS_PER_STEP as u32, &mut self.text);
        let spool = self.spool.as_mut().expect("the spool lives until all is generated");
        spool.append(&self.text)?;
        let done = spool.size();
        if !more {
            let file = self.spool.take().expect("the spool lives until all is generated") as Box<dyn Store>;
            self.open = Some(Open::new(format!("sample of {} flows.csv", self.rows), Vec::new(), file));
        }
        Ok(Step::Working(Progress { stage: Stage::Reading, done, total: 0, rows: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_large_file_ends_with_smaller_chunks() {
        let sizes = |start: u64, end: u64| {
            let chunks = chunks(start, end);
            assert_eq!((chunks[0].start.offset, chunks[chunks.len() - 1].end), (start, end));
            assert!(chunks.windows(2).all(|pair| pair[0].end == pair[1].start.offset));
            chunks.iter().map(|chunk| chunk.end - chunk.start.offset).collect::<Vec<_>>()
        };
        assert_eq!(sizes(7, 7), [0]);
        assert_eq!(sizes(7, 8), [1]);
        assert_eq!(sizes(7, 4 << 20), [(4 << 20) - 7]);
        assert_eq!(sizes(0, CHUNK_BYTES + 1), [CHUNK_BYTES / 2 + 1, CHUNK_BYTES / 2]);
        assert_eq!(sizes(9, 9 + LARGE - 1), [vec![CHUNK_BYTES; 15], vec![CHUNK_BYTES - 1]].concat());
        for large in [LARGE, LARGE + 1, 150_000_000, 5_000_000_000] {
            let sizes = sizes(100, 100 + large);
            assert_eq!(sizes[0], CHUNK_BYTES);
            let is_falling = sizes.windows(2).rev().skip(1).all(|pair| pair[0] >= pair[1]);
            assert!(is_falling && (LEAST_BYTES..2 * LEAST_BYTES).contains(&sizes[sizes.len() - 1]), "{sizes:?}");
            assert!(sizes.len() as u64 <= large / CHUNK_BYTES + 12);
        }
    }
}
