//! Reading a file: bytes → decoded bytes → table → schema.

use super::{BYTES_PER_STEP, Dataset, Engine, ROWS_PER_STEP, Step, Work};
use crate::error::Result;
use crate::generate::Generator;
use crate::ingest::{Decoder, Ingested, Reader};
use crate::protocol::{ColumnSummary, Opened, PackOffer, Progress, Reply, Stage};
use crate::schema::{self, layout_name};
use crate::store::{Spool, Store};
use crate::table::{Column, Table, Value};
use std::rc::Rc;

/// Bad records that are shown; the annotated file names them all.
const BAD_SHOWN: usize = 100;
/// Records that are looked at for examples of values.
const EXAMPLE_ROWS: usize = 100;

/// gzip can grow a thousandfold, and what one step yields is in memory at once.
const ENCODED_BYTES_PER_STEP: usize = 1 << 16;

pub(super) struct Open {
    name: String,
    /// Whether it is to be the file of normal records, beside the open one.
    is_reference: bool,
    file: Option<Box<dyn Store>>,
    at: u64,
    decoder: Decoder,
    /// The decoded bytes, where they are not the file's own.
    decoded: Option<Box<dyn Spool>>,
    reader: Option<Reader>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Open {
    pub(super) fn new(name: String, file: Box<dyn Store>) -> Self {
        Self {
            name,
            is_reference: false,
            file: Some(file),
            at: 0,
            decoder: Decoder::new(),
            decoded: None,
            reader: Some(Reader::new()),
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    pub(super) fn reference(name: String, file: Box<dyn Store>) -> Self {
        Self { is_reference: true, ..Self::new(name, file) }
    }

    fn push(&mut self, new_spool: fn() -> Box<dyn Spool>) -> Result<()> {
        if !self.decoder.is_identity() {
            self.decoded.get_or_insert_with(new_spool).append(&self.output)?;
        }
        self.reader.as_mut().expect("the reader lives until the end").push(&self.output)
    }
}

impl Work for Open {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let file = self.file.as_ref().expect("a finished job is not stepped again");
        let size = file.size();
        // The decoder knows by the first bytes whether it has anything to undo.
        let step = if self.at > 0 && self.decoder.is_identity() { BYTES_PER_STEP } else { ENCODED_BYTES_PER_STEP };
        let len = (size - self.at).min(step as u64);
        self.input.clear();
        self.output.clear();
        file.read(self.at, len as usize, &mut self.input)?;
        self.at += len;
        self.decoder.push(&self.input, &mut self.output)?;
        let ended = self.at == size;
        if ended {
            self.decoder.finish(&mut self.output)?;
        }
        self.push(engine.new_spool)?;
        let rows = self.reader.as_ref().map_or(0, Reader::rows);
        if !ended {
            return Ok(Step::Working(Progress { stage: Stage::Reading, done: self.at, total: size, rows }));
        }
        let Ingested { table, mut facts, dialect, detected } =
            self.reader.take().expect("the reader lives until the end").finish()?;
        facts.bytes = size;
        facts.compression = self.decoder.compression().map(str::to_owned);
        if !self.decoder.is_identity() {
            self.decoder.encoding().clone_into(&mut facts.encoding);
        }
        let file = self.file.take().expect("the file lives until the end");
        let store = match self.decoded.take() {
            Some(decoded) => decoded as Box<dyn Store>,
            None => file,
        };
        let schema = schema::detect(&table, detected);
        facts.layout = schema.layout;
        if let Some(layout) = schema.layout {
            layout_name(layout).clone_into(&mut facts.format);
        }
        let dataset = Dataset { name: std::mem::take(&mut self.name), store, table, dialect, facts, schema };
        if self.is_reference {
            let (name, rows) = (dataset.name.clone(), dataset.table.n_rows() as u64);
            engine.reference = Some(Rc::new(dataset));
            return Ok(Step::Done(Reply::ReferenceOpened { name, rows }.into()));
        }
        let opened = describe(engine, &dataset)?;
        engine.dataset = Some(Rc::new(dataset));
        engine.run = None;
        Ok(Step::Done(Reply::Opened(Box::new(opened)).into()))
    }
}

fn describe(engine: &Engine, dataset: &Dataset) -> Result<Opened> {
    let Dataset { table, schema, .. } = dataset;
    let mut summaries: Vec<ColumnSummary> = table.columns.iter().map(summarize).collect();
    add_examples(dataset, &mut summaries)?;
    let packs = engine.packs.iter().map(|pack| PackOffer {
        name: pack.manifest().name.clone(),
        summary: pack.manifest().description.clone(),
        unfit: pack.fits(table, schema).err().map(|error| error.what),
        switched_off: pack.manifest().switched_off.clone(),
    });
    let mut packs: Vec<PackOffer> = packs.collect();
    packs.sort_by_key(|offer| offer.unfit.is_some());
    Ok(Opened {
        name: dataset.name.clone(),
        facts: dataset.facts.clone(),
        schema: schema.clone(),
        summaries,
        n_rows: table.n_rows() as u64,
        n_bad: table.bad.len() as u64,
        bad: table.bad.iter().take(BAD_SHOWN).cloned().collect(),
        packs,
    })
}

fn summarize(column: &Column) -> ColumnSummary {
    let mut summary = ColumnSummary::default();
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    for cell in &column.cells {
        match cell.value() {
            Value::Number(x) => {
                summary.numbers += 1;
                if x.is_finite() {
                    (min, max) = (min.min(x), max.max(x));
                } else {
                    summary.infinite += 1;
                }
            }
            Value::Missing => summary.missing += 1,
            Value::Text(_) | Value::UnkeptText => {}
        }
    }
    summary.texts = (!column.dictionary.overflowed).then_some(column.dictionary.len() as u64);
    (summary.min, summary.max) = if min <= max { (Some(min), Some(max)) } else { (None, None) };
    summary
}

fn add_examples(dataset: &Dataset, summaries: &mut [ColumnSummary]) -> Result<()> {
    const EXAMPLES: usize = 3;
    let Table { spans, bad, .. } = &dataset.table;
    let mut bytes = Vec::new();
    let is_good = |row: &usize| bad.binary_search_by_key(&(*row as u32), |bad| bad.row).is_err();
    for row in (0..spans.len().min(EXAMPLE_ROWS)).filter(is_good) {
        bytes.clear();
        dataset.store.read(spans[row].start, spans[row].len as usize, &mut bytes)?;
        for (summary, field) in summaries.iter_mut().zip(dataset.dialect.fields(&bytes)) {
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
            self.open = Some(Open::new(format!("sample of {} flows.csv", self.rows), file));
        }
        Ok(Step::Working(Progress { stage: Stage::Reading, done, total: 0, rows: 0 }))
    }
}
