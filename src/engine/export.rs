//! Writing the annotated file: every record in order with its own columns, and behind them what was found.
//!
//! Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they are. The output is
//! UTF-8, in the delimiter and line ends of the input, with a header even where the input has none.

use super::crew::{self, Ready, Records};
use super::lens::{Reasons, Sight, Which, look};
use super::sweep::{Effort, Sweep, Swept};
use super::{Dataset, Engine, Outcome, Step, Work};
use crate::error::{Error, Result};
use crate::ingest::{Dialect, LineEnd};
use crate::protocol::{Bulk, Lens, Progress, Reply, Stage, annotated_name};
use crate::query::Needs;
use crate::store::Spool;
use crate::table::BadRecord;
use crate::verdicts::verdict_word;
use memchr::memchr;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;
use wide::u8x16;

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

/// Bytes that are written behind most records, at most: to make room for more, all would be copied.
const APPENDED_BYTES: usize = 64;

pub(super) struct Export {
    lens: Lens,
    spool: Option<Box<dyn Spool>>,
    sweep: Option<Sweep>,
}

/// What a crew does with a chunk's records: writes them all, flagged and judged as the lens has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    sight: Sight,
    /// Whether a hand may give what it has written as a store.
    pub as_store: bool,
}

impl Task {
    pub fn perform(
        &self,
        records: &Records,
        scores: &[Bulk],
        ready: &Ready,
        found: &mut Reasons,
    ) -> Result<Option<Vec<u8>>> {
        let Self { sight, .. } = self;
        let (dialect, table) = (records.dialect, records.table);
        let n_columns = table.columns.len();
        let first_line = records.chunk.first_line - 1;
        let bytes = records.bytes()?;
        let mut out = Vec::with_capacity(bytes.len() + APPENDED_BYTES * table.n_rows());
        let mut bad = table.bad.iter().peekable();
        let are_harmless = are_all_harmless(dialect, &bytes);
        let mut numbers = zmij::Buffer::new();
        let wanted = Needs { reasons: true, ..Needs::default() };
        let is_done = look(sight, records, scores, ready, found, (Which::All, wanted), |seen| {
            let bad = bad.next_if(|bad| bad.row == seen.row);
            let record = records.record(&bytes, seen.row as usize);
            if bad.is_none() && (are_harmless || !may_harm(dialect, record, &CARE_WITHIN)) {
                out.extend_from_slice(record);
            } else {
                write_record(dialect, n_columns, record, bad, &mut out);
            }
            for score in [seen.forest, seen.probability, seen.score] {
                out.push(dialect.delimiter);
                if score.is_nan() {
                    // Where runs of spaces count as one, an empty field has to be seen.
                    write_safe(dialect, "", &mut out);
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
        Ok(is_done.then_some(out))
    }
}

impl Export {
    pub(super) fn new(lens: Lens, spool: Box<dyn Spool>) -> Self {
        Self { lens, spool: Some(spool), sweep: None }
    }

    fn begin(&mut self, engine: &mut Engine, dataset: &Dataset) -> Result<Sweep> {
        let mut header = Vec::new();
        let mut names: Vec<String> = dataset.sample.columns.iter().map(|column| column.name.clone()).collect();
        names.extend(appended_names(&names));
        write_fields(dataset.dialect(), &names, &mut header);
        header.extend_from_slice(dataset.dialect().line_end.bytes());
        self.spool.as_mut().expect("a finished job is not stepped again").append(&header)?;
        dataset.sweep(engine, Effort::Much)
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
        let as_store = self.spool.as_ref().is_some_and(|spool| spool.takes_stores());
        let task = || crew::Task::Export(Box::new(Task { sight: run.sight(&self.lens), as_store }));
        let swept = sweep.step(engine, |_, chunk| (task(), run.scores_of(chunk)));
        let rows = dataset.rows_before(sweep.done().0);
        let progress = Progress { stage: Stage::Writing, done: rows, total, rows };
        self.sweep = Some(sweep);
        let spool = self.spool.as_mut().expect("a finished job is not stepped again");
        match swept? {
            Swept::Found(found) => match (found.bulk.first(), found.written) {
                (_, Some(written)) => spool.append_store(&*written)?,
                (Some(Bulk::U8(bytes)), _) => spool.append(bytes)?,
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

/// The shortest digits that stand for this number and no other, without an exponent, and without decimals where it is an integer.
fn write_number(x: f32, buffer: &mut zmij::Buffer, out: &mut Vec<u8>) {
    let text = buffer.format(x);
    // To look for an exponent takes as long as to find the digits.
    if !PLAIN.contains(&x.abs()) && text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        write!(out, "{x}").expect("a Vec takes every byte");
    } else {
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    }
}

/// Numbers of such a size zmij writes without an exponent.
const PLAIN: Range<f32> = 1e-3..1e6;

/// The names of the appended columns, with a number where the file was scored before and has such columns.
fn appended_names(names: &[String]) -> [String; 8] {
    let numbered = |repeat: usize| {
        APPENDED_COLUMNS.map(|name| if repeat == 0 { name.to_owned() } else { format!("{name}.{repeat}") })
    };
    let mut repeat = 0;
    while numbered(repeat).iter().any(|name| names.contains(name)) {
        repeat += 1;
    }
    numbered(repeat)
}

/// How the file is written: with quotes even where they mean nothing in the input, because what its readers look at is a plain
/// table.
fn written_as(dialect: &Dialect) -> Dialect {
    Dialect { quote: dialect.quote.or(Some(b'"')), ..dialect.clone() }
}

/// The record's own fields: its very bytes where they are safe, one field for each column in any case.
fn write_record(dialect: &Dialect, n_columns: usize, record: &[u8], bad: Option<&BadRecord>, out: &mut Vec<u8>) {
    let is_safe = || {
        let would_quote = dialect.quote.is_none() && memchr(b'"', record).is_some();
        !would_quote && str::from_utf8(record).is_ok() && !may_hold_formula(dialect, record)
    };
    if bad.is_none() && is_safe() {
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

/// What is not safe wherever it stands in a record.
const CARE_WITHIN: [u8; 7] = [b'=', b'+', b'-', b'@', b'"', b'\r', b'\n'];
/// The same in records that are whole lines: all but the last.
const CARE: [u8; 6] = *CARE_WITHIN.first_chunk().unwrap();

/// Whether no record of some bytes needs to be looked at by itself.
fn are_all_harmless(dialect: &Dialect, bytes: &[u8]) -> bool {
    // Then no record has a line feed within it, unless it is quoted.
    let are_lines = dialect.line_end != LineEnd::Cr && dialect.quote.is_none_or(|quote| quote == b'"');
    are_lines && !may_harm(dialect, bytes, &CARE)
}

/// Whether there is anything that is not safe wherever it stands: by far the most records have nothing, and this is quick.
fn may_harm<const N: usize>(dialect: &Dialect, bytes: &[u8], care: &[u8; N]) -> bool {
    let care = care.map(u8x16::splat);
    let tab = if dialect.delimiter == b'\t' { care[0] } else { u8x16::splat(b'\t') };
    // What is not ASCII has the high bit set, and so has what a comparison says yes with.
    let looked_at = |some: &[u8; 16]| {
        let some = u8x16::new(*some);
        care.iter().fold(some | some.simd_eq(tab), |any, &care| any | some.simd_eq(care))
    };
    let any =
        |some: &[[u8; 16]]| some.iter().map(looked_at).fold(u8x16::ZERO, |any, more| any | more).to_bitmask() != 0;
    let (many, rest) = bytes.as_chunks::<64>();
    let (some, rest) = rest.as_chunks::<16>();
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    any(some) || any(&[last]) || many.iter().any(|many| any(many.as_chunks().0))
}

/// One field, so that no spreadsheet runs it.
fn write_safe(dialect: &Dialect, field: &str, out: &mut Vec<u8>) {
    // Most are a word, or empty.
    if field.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (!field.is_empty() || dialect.delimiter != b' ') {
        out.extend_from_slice(field.as_bytes());
        return;
    }
    written_as(dialect).write_field(&defused(field), out);
}

/// A text with an apostrophe in front if a spreadsheet would run it, and in front of each part that it would run where it takes
/// another separator than the file's: it knows quotes only at the start of what it takes for a cell.
fn defused(field: &str) -> Cow<'_, str> {
    let is_separator = |c: char| matches!(c, ',' | ';' | '\t' | '|' | '\n' | '\r');
    let mut parts = field.split(is_separator);
    parts.next();
    let runs = is_formula(field);
    if !runs && !parts.any(is_formula) {
        return Cow::Borrowed(field);
    }
    let mut out = String::with_capacity(field.len() + 2);
    if runs {
        out.push('\'');
    }
    for (at, part) in field.split_inclusive(is_separator).enumerate() {
        if at > 0 && is_formula(part.trim_end_matches(is_separator)) {
            out.push('\'');
        }
        out.push_str(part);
    }
    Cow::Owned(out)
}

/// Whether a spreadsheet would run this text (OWASP, "CSV Injection"). Genuine numbers such as `-1.5` are left alone, and so
/// is a lone dash, which logs write for a value that is not set.
fn is_formula(field: &str) -> bool {
    let starts = field
        .trim_start_matches([' ', '\u{A0}', '\u{200B}', '\u{FEFF}', '"'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    starts && field.trim() != "-" && field.trim().replace(',', ".").parse::<f64>().is_err()
}

/// Whether some field might have to be [`defused`]: a quick scan, with false alarms.
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
        starts = matches!(byte, b',' | b';' | b'\t' | b'|' | b'\n') || starts && matches!(byte, b'"' | b'\'' | b' ');
        suspicious
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn written(dialect: &Dialect, n_columns: usize, record: &str) -> String {
        let mut out = Vec::new();
        write_record(dialect, n_columns, record.as_bytes(), None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_with_the_fewest_digits_and_without_an_exponent() {
        let mut rng = Rng::new(7);
        let mut buffer = zmij::Buffer::new();
        let ends = [PLAIN.start, PLAIN.end].into_iter().flat_map(|end| [end.next_down(), end, end.next_up()]);
        let special = [0.0, 1.0, 1e-45, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY];
        let some = (0..20_000).map(|_| f32::from_bits(rng.next_u64() as u32));
        let whole = (0..2000).flat_map(|k| [k as f32, k as f32 * 1000.0, k as f32 / 1000.0]);
        for x in ends.chain(special).chain(some).chain(whole).flat_map(|x| [x, -x]) {
            let mut out = Vec::new();
            write_number(x, &mut buffer, &mut out);
            let text = String::from_utf8(out).unwrap();
            // Where two numbers of as many digits are as close, either will do.
            assert!(text.parse::<f32>().unwrap() == x || x.is_nan(), "{text} was {x}");
            let is_plain = !x.is_finite() || text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
            assert!(is_plain && !text.ends_with(".0") && text.len() == x.to_string().len(), "{text} was {x}");
        }
    }

    #[test]
    fn no_separator_makes_a_formula() {
        for (delimiter, record, expected) in [
            (b';', "1;x,=HYPERLINK(1)", "1;x,'=HYPERLINK(1)"),
            (b',', "1,x;=cmd|'/c calc'!A0;y", "1,x;'=cmd|'/c calc'!A0;y"),
            (b',', "1,a\t@x", "1,a\t'@x"),
            (b';', "a|+x;2", "a|'+x;2"),
            (b';', "1;\"a, -x;\"", "1;\"a,' -x;\""),
            (b';', "1;\"a\n=x\"", "1;\"a\n'=x\""),
            (b',', "=a;=b,1", "'=a;'=b,1"),
            // Numbers and lone dashes are left alone.
            (b';', "-1,5;x,-2", "-1,5;x,-2"),
            (b',', "a;-;b,2017-07-04", "a;-;b,2017-07-04"),
        ] {
            let dialect = Dialect { delimiter, ..Dialect::default() };
            assert_eq!(written(&dialect, 2, record), expected, "{record:?}");
        }
    }

    #[test]
    fn the_quick_look_lets_nothing_through_that_the_careful_one_would_stop() {
        let mut rng = Rng::new(5);
        let bytes = b"a1.=+-@\t\r\n\"',;| \xEF\xBC\x9D\xC2\xA0\xFF";
        let mut harmless = 0;
        for delimiter in *b",;\t| " {
            for quote in [Some(b'"'), None] {
                let dialect = Dialect { delimiter, quote, ..Dialect::default() };
                for _ in 0..20_000 {
                    // Often of harmless bytes alone.
                    let most = if rng.below(2) == 0 { 3 } else { bytes.len() as u32 };
                    let record: Vec<u8> = (0..rng.below(40)).map(|_| bytes[rng.below(most) as usize]).collect();
                    if !may_harm(&dialect, &record, &CARE_WITHIN) {
                        harmless += 1;
                        assert!(record.is_ascii() && !record.contains(&b'"') && !may_hold_formula(&dialect, &record));
                    }
                }
            }
        }
        assert!(harmless > 50_000, "{harmless}");
    }

    #[test]
    fn each_byte_is_looked_at_wherever_it_stands() {
        for delimiter in *b",\t" {
            let dialect = Dialect { delimiter, ..Dialect::default() };
            for (n, at) in (0..200).flat_map(|n| (0..n).map(move |at| (n, at))) {
                let mut bytes = vec![b'a'; n];
                assert!(!may_harm(&dialect, &bytes, &CARE) && !may_harm(&dialect, &bytes, &CARE_WITHIN));
                // Those that need care, their neighbours, and a few others.
                for byte in b"=+-@\"\r\n\t<>,.?A!#\x0b\x0c\x7f\x80\xff".iter().copied() {
                    bytes[at] = byte;
                    let is_care = !byte.is_ascii() || byte == b'\t' && delimiter != b'\t';
                    assert_eq!(may_harm(&dialect, &bytes, &CARE), is_care || CARE.contains(&byte));
                    assert_eq!(may_harm(&dialect, &bytes, &CARE_WITHIN), is_care || CARE_WITHIN.contains(&byte));
                }
            }
        }
    }

    #[test]
    fn what_is_harmless_as_a_whole_is_so_record_by_record() {
        let mut rng = Rng::new(6);
        let mut harmless = [0; 3];
        for (which, line_end) in [LineEnd::Lf, LineEnd::CrLf, LineEnd::Cr].into_iter().enumerate() {
            for quote in [Some(b'"'), Some(b'\''), None] {
                for delimiter in *b",;\t" {
                    let dialect = Dialect { delimiter, quote, line_end, ..Dialect::default() };
                    for _ in 0..5000 {
                        // Often of harmless bytes alone.
                        let most = if rng.below(3) == 0 { 12 } else { 7 };
                        let n = rng.below(60);
                        let text: Vec<u8> = (0..n).map(|_| b"a1.,\n;'\"\r\t=\xFF"[rng.below(most) as usize]).collect();
                        if !are_all_harmless(&dialect, &text) {
                            continue;
                        }
                        harmless[which] += 1;
                        let (mut rest, mut fields) = (&text[..], Vec::new());
                        while !rest.is_empty() {
                            let found = crate::ingest::cut(rest, &dialect, true, &mut fields);
                            assert!(!may_harm(&dialect, &rest[..found.len], &CARE_WITHIN), "{dialect:?} {text:?}");
                            if found.next == 0 {
                                break;
                            }
                            rest = &rest[found.next..];
                        }
                    }
                }
            }
        }
        assert!(harmless[0] > 5000 && harmless[2] == 0, "{harmless:?}");
    }

    #[test]
    fn a_log_without_quotes_is_written_with_them() {
        let zeek = Dialect { delimiter: b'\t', quote: None, comment: Some(b'#'), ..Dialect::default() };
        assert_eq!(written(&zeek, 2, "a\tb"), "a\tb");
        assert_eq!(written(&zeek, 2, "\"a\tb"), "\"\"\"a\"\tb");
        let spaced = Dialect { delimiter: b' ', ..zeek };
        let mut out = Vec::new();
        write_safe(&spaced, "", &mut out);
        assert_eq!(out, b"\"\"");
    }

    #[test]
    fn appended_columns_have_names_of_their_own() {
        let of = |names: &[&str]| appended_names(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["a"])[2], "oddflow_score");
        assert_eq!(of(&["a", "oddflow_note"])[2], "oddflow_score.1");
        assert_eq!(of(&["oddflow_score", "oddflow_score.1"])[0], "oddflow_forest_score.2");
    }
}
