//! Writing the annotated file: every record in order with its own columns, and behind them what was found.
//!
//! Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they are. The output is
//! UTF-8, in the delimiter and line ends of the input, with a header even where the input has none.

use super::{Engine, Outcome, Records, Run, Step, Work};
use crate::error::Result;
use crate::ingest::Dialect;
use crate::protocol::{Progress, Reply, Stage};
use crate::store::Spool;
use crate::table::BadRecord;
use std::io::Write;

/// The columns that are written behind the file's own. The last says why a record is not scored.
pub const APPENDED_COLUMNS: [&str; 5] =
    ["oddflow_forest_score", "oddflow_dnn_probability", "oddflow_score", "oddflow_verdict", "oddflow_note"];

pub(super) struct Export {
    threshold: f32,
    spool: Option<Box<dyn Spool>>,
    records: Option<Records>,
    out: Vec<u8>,
}

impl Export {
    pub(super) fn new(threshold: f32, spool: Box<dyn Spool>) -> Self {
        Self { threshold, spool: Some(spool), records: None, out: Vec::new() }
    }
}

impl Work for Export {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let (dataset, run) = (engine.dataset()?, engine.run()?);
        let spool = self.spool.as_mut().expect("a finished job is not stepped again");
        self.out.clear();
        let records = self.records.get_or_insert_with(|| {
            let names = dataset.table.columns.iter().map(|column| column.name.as_str());
            let names: Vec<&str> = names.chain(APPENDED_COLUMNS).collect();
            write_fields(&dataset.dialect, &names, &mut self.out);
            self.out.extend_from_slice(dataset.dialect.line_end.bytes());
            Records::new(dataset.clone())
        });
        let n_columns = dataset.table.columns.len();
        let out = &mut self.out;
        records.block(|row, record, bad| {
            write_record(&dataset.dialect, n_columns, record, bad, out);
            write_findings(&dataset.dialect, run, row, self.threshold, bad, out);
            out.extend_from_slice(dataset.dialect.line_end.bytes());
        })?;
        spool.append(out)?;
        let (done, total) = (records.done() as u64, dataset.table.n_rows() as u64);
        if !records.is_done() {
            return Ok(Step::Working(Progress { stage: Stage::Writing, done, total, rows: done }));
        }
        let stem = dataset.name.rsplit_once('.').map_or(dataset.name.as_str(), |(stem, _)| stem);
        // Opened as CSV, text with commas in a TAB-separated file would be cut anew, and may then begin a formula.
        let extension = if dataset.dialect.delimiter == b'\t' { "tsv" } else { "csv" };
        let reply = Reply::Exported { name: format!("{stem}.oddflow.{extension}") };
        Ok(Step::Done(Outcome { reply, bulk: Vec::new(), written: self.spool.take() }))
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
        let field = field.as_ref();
        if is_formula(field) {
            dialect.write_field(&format!("'{field}"), out);
        } else {
            dialect.write_field(field, out);
        }
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

fn write_findings(dialect: &Dialect, run: &Run, row: u32, threshold: f32, bad: Option<&BadRecord>, out: &mut Vec<u8>) {
    let score = run.score[row as usize];
    for scores in [&run.forest, &run.dnn, &run.score] {
        out.push(dialect.delimiter);
        match scores.get(row as usize).filter(|x| !x.is_nan()) {
            Some(x) => write!(out, "{x}").expect("a Vec takes every byte"),
            // Where runs of spaces count as one, an empty field has to be seen.
            None => dialect.write_field("", out),
        }
    }
    out.push(dialect.delimiter);
    let verdict = if score.is_nan() {
        "unscored"
    } else if score >= threshold {
        "anomaly"
    } else {
        "normal"
    };
    out.extend_from_slice(verdict.as_bytes());
    out.push(dialect.delimiter);
    dialect.write_field(&bad.map(|bad| format!("line {}: {}", bad.line, bad.cause)).unwrap_or_default(), out);
}
