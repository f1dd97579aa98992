//! Writing the annotated file: every record in order with its own columns, and behind them what was found.
//!
//! Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they are. The output is
//! UTF-8, in the delimiter and line ends of the input, with a header even where the input has none.

use super::crew::{self, Ready, Records};
use super::lens::{Reasons, Sight, look};
use super::sweep::{Sweep, Swept};
use super::{Dataset, Engine, Outcome, Step, Work};
use crate::error::{Error, Result};
use crate::ingest::Dialect;
use crate::protocol::{Bulk, Lens, Progress, Reply, Stage, annotated_name};
use crate::store::Spool;
use crate::table::BadRecord;
use crate::verdicts::verdict_word;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// The columns that are written behind the file's own: what was found, what a person said about it, and why a record is not
/// scored.
pub const APPENDED_COLUMNS: [&str; 8] = [
    "oddflow_forest_score",
    "oddflow_dnn_probability",
    "oddflow_score",
    "oddflow_verdict",
    "oddflow_reasons",
    "oddflow_judged",
    "oddflow_remark",
    "oddflow_note",
];

pub(super) struct Export {
    lens: Lens,
    spool: Option<Box<dyn Spool>>,
    sweep: Option<Sweep>,
}

/// What a crew does with a chunk's records: writes them all, flagged and judged as the lens has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task(Sight);

impl Task {
    pub fn perform(&self, records: &Records, scores: &[Bulk], ready: &Ready, found: &mut Reasons) -> Result<Vec<u8>> {
        let Self(sight) = self;
        let (dialect, table) = (records.dialect, records.table);
        let n_columns = table.columns.len();
        let first_line = records.chunk.first_line - 1;
        let bytes = records.bytes()?;
        let mut out = Vec::with_capacity(bytes.len() * 5 / 4);
        let mut bad = table.bad.iter().peekable();
        let mut numbers = zmij::Buffer::new();
        look(sight, records, scores, ready, found, true, |seen| {
            let bad = bad.next_if(|bad| bad.row == seen.row);
            write_record(dialect, n_columns, records.record(&bytes, seen.row as usize), bad, &mut out);
            for score in [seen.forest, seen.probability, seen.score] {
                out.push(dialect.delimiter);
                if score.is_nan() {
                    // Where runs of spaces count as one, an empty field has to be seen.
                    dialect.write_field("", &mut out);
                } else {
                    write_number(score, &mut numbers, &mut out);
                }
            }
            let verdict = match () {
                () if seen.score.is_nan() => "unscored",
                () if seen.allowed.is_some() => "allowed",
                () if seen.is_flagged => "anomaly",
                () => "normal",
            };
            let reasons = if seen.is_flagged { seen.line } else { "" };
            let note = bad.map(|bad| format!("line {}: {}", first_line + bad.line, bad.cause)).unwrap_or_default();
            for text in [verdict, reasons, verdict_word(seen.is_true), seen.note, &note] {
                out.push(dialect.delimiter);
                write_safe(dialect, text, &mut out);
            }
            out.extend_from_slice(dialect.line_end.bytes());
            Ok(())
        })?;
        Ok(out)
    }
}

impl Export {
    pub(super) fn new(lens: Lens, spool: Box<dyn Spool>) -> Self {
        Self { lens, spool: Some(spool), sweep: None }
    }

    fn begin(&mut self, engine: &mut Engine, dataset: &Dataset) -> Result<Sweep> {
        let mut header = Vec::new();
        let names = dataset.sample.columns.iter().map(|column| column.name.as_str());
        let names: Vec<&str> = names.chain(APPENDED_COLUMNS).collect();
        write_fields(dataset.dialect(), &names, &mut header);
        header.extend_from_slice(dataset.dialect().line_end.bytes());
        self.spool.as_mut().expect("a finished job is not stepped again").append(&header)?;
        Ok(dataset.sweep(engine))
    }
}

impl Work for Export {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let dataset = engine.dataset()?;
        let run = engine.run()?.clone();
        let total = dataset.n_rows() as u64;
        if self.spool.as_ref().is_some_and(|spool| spool.is_full()) {
            let rows = self.sweep.as_ref().map_or(0, |sweep| dataset.rows_before(sweep.done().0));
            return Ok(Step::Waiting(Progress { stage: Stage::Writing, done: rows, total, rows }));
        }
        let mut sweep = match self.sweep.take() {
            Some(sweep) => sweep,
            None => self.begin(engine, &dataset)?,
        };
        let task = || crew::Task::Export(Box::new(Task(run.sight(&self.lens))));
        let swept = sweep.step(engine, |_, chunk| (task(), run.scores_of(chunk)));
        let rows = dataset.rows_before(sweep.done().0);
        let progress = Progress { stage: Stage::Writing, done: rows, total, rows };
        self.sweep = Some(sweep);
        let spool = self.spool.as_mut().expect("a finished job is not stepped again");
        match swept? {
            Swept::Found(found) => match found.bulk.first() {
                Some(Bulk::U8(bytes)) => spool.append(bytes)?,
                _ => return Err(Error::new("A worker's answer is incomplete")),
            },
            Swept::Working => {}
            Swept::Waiting => return Ok(Step::Waiting(progress)),
            Swept::Done => {
                let reply = Reply::Exported { name: annotated_name(&dataset.name, dataset.dialect().delimiter.into()) };
                return Ok(Step::Done(Outcome { reply, bulk: Vec::new(), written: self.spool.take() }));
            }
        }
        Ok(Step::Working(progress))
    }
}

/// The shortest digits that stand for this number and no other, as [`std::fmt`] writes them: without an exponent, and without
/// decimals where it is an integer.
fn write_number(x: f32, buffer: &mut zmij::Buffer, out: &mut Vec<u8>) {
    let text = buffer.format(x);
    if text.contains(['e', 'N', 'i']) {
        write!(out, "{x}").expect("a Vec takes every byte");
    } else {
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    }
}

/// The record's own fields: its very bytes where they are safe, one field for each column in any case.
fn write_record(dialect: &Dialect, n_columns: usize, record: &[u8], bad: Option<&BadRecord>, out: &mut Vec<u8>) {
    if bad.is_none() && str::from_utf8(record).is_ok() && !may_hold_formula(dialect, record) {
        out.extend_from_slice(record);
        return;
    }
    let mut fields = dialect.fields(record);
    if fields.len() > n_columns {
        // What is too much stays in the last field, so that nothing is lost and the columns behind stay in place.
        let delimiter = char::from(dialect.delimiter).to_string();
        let surplus = fields.split_off(n_columns - 1).join(&delimiter);
        fields.push(surplus);
    }
    fields.resize(n_columns, String::new());
    write_fields(dialect, &fields, out);
}

fn write_fields(dialect: &Dialect, fields: &[impl AsRef<str>], out: &mut Vec<u8>) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(dialect.delimiter);
        }
        write_safe(dialect, field.as_ref(), out);
    }
}

/// One field, with an apostrophe in front if a spreadsheet would run it.
fn write_safe(dialect: &Dialect, field: &str, out: &mut Vec<u8>) {
    if is_formula(field) {
        dialect.write_field(&format!("'{field}"), out);
    } else {
        dialect.write_field(field, out);
    }
}

/// Whether a spreadsheet would run this text (OWASP, "CSV Injection"). Genuine numbers such as `-1.5` are left alone, and so
/// is a lone dash, which logs write for a value that is not set.
fn is_formula(field: &str) -> bool {
    let starts = field
        .trim_start_matches([' ', '\u{A0}', '\u{200B}', '\u{FEFF}', '"'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    starts && field.trim() != "-" && field.trim().replace(',', ".").parse::<f64>().is_err()
}

/// Whether some field might need [`is_formula`]'s look: a quick scan, with false alarms.
fn may_hold_formula(dialect: &Dialect, record: &[u8]) -> bool {
    let mut starts = true;
    record.iter().any(|&byte| {
        // Some readers end a record at a lone CR.
        if byte == b'\r' {
            return true;
        }
        if byte == dialect.delimiter {
            starts = true;
            return false;
        }
        // 0xC2, 0xE2 and 0xEF begin invisible and full-width characters.
        let suspicious = starts && matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\n' | 0xC2 | 0xE2 | 0xEF);
        starts = starts && matches!(byte, b'"' | b'\'' | b' ');
        suspicious
    })
}
