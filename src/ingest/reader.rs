//! Decoded bytes in, table out. What comes out does not depend on how the bytes were cut into pushes.
//!
//! The beginning of the file is kept back until it is enough to find out how the table is written; from then on whole records
//! are read as they come. Each byte is looked at a bounded number of times, whatever its neighbours are.

use super::dialect::{Dialect, text_of};
use super::number::{CellRule, Parsed, trim};
use super::sniff::{Sniffed, sniff};
use super::split::{End, Field, cut};
use super::{Ingested, MAX_RECORD};
use crate::error::{Error, Result};
use crate::protocol::FileFacts;
use crate::schema::Layout;
use crate::table::{BadRecord, Cell, Column, Span, Table};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

// Beginnings of this size are looked at to find out how the table is written.
const HEAD: usize = MAX_RECORD + 2;
// Bytes that must have come before it is worth looking for more whole records.
const BATCH: usize = 64 << 10;
// Cells of eight bytes each. Short bad records in a wide table would otherwise make gigabytes out of kilobytes.
const MAX_CELLS: u64 = 1 << 30;
// Records that room is made for at a time.
const ROOM: usize = 4096;

/// Reads a table as its bytes come.
#[derive(Default)]
pub struct Reader {
    /// Bytes that have come and not been read.
    pending: Vec<u8>,
    body: Option<Body>,
    /// `pending` is looked at again when it has this size.
    next_look: usize,
}

impl Reader {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the decoded file.
    ///
    /// # Errors
    /// What is no table at all, and a table that is too large to be held.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.body.is_none() {
            if self.pending.len() <= HEAD {
                return Ok(());
            }
            self.body = Some(Body::new(sniff(&self.pending[..HEAD], false)?));
        }
        if self.pending.len() >= self.next_look { self.read(false) } else { Ok(()) }
    }

    /// Records read so far, the bad ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.body.as_ref().map_or(0, |body| body.table.n_rows() as u64)
    }

    /// Reads what is left.
    ///
    /// # Errors
    /// What is no table at all, such as a file without a record.
    pub fn finish(mut self) -> Result<Ingested> {
        if self.body.is_none() {
            self.body = Some(Body::new(sniff(&self.pending, true)?));
        }
        self.read(true)?;
        match self.body {
            Some(body) => body.finish(),
            None => Err(Error::new("The file holds no record")),
        }
    }

    fn read(&mut self, at_end: bool) -> Result<()> {
        if let Some(body) = &mut self.body {
            let read = body.read(&self.pending, at_end)?;
            self.pending.drain(..read);
            self.next_look = self.pending.len() + BATCH;
        }
        Ok(())
    }
}

/// The reading of the records, once it is known how they are written.
struct Body {
    format: &'static str,
    dialect: Dialect,
    detected: Option<Layout>,
    rules: Vec<CellRule>,
    header: Vec<Vec<u8>>,
    table: Table,
    warnings: Vec<String>,
    /// Bytes of the header and what comes before it, that are still to be passed over.
    skip: usize,
    /// Place of the next byte to read in the decoded file, and its line.
    offset: u64,
    line: u64,
    /// Quotes that open before this place must close in their line: the quote that reaches so far was a stray one.
    one_line_until: u64,
    /// Within a record that is longer than [`MAX_RECORD`]; the last byte of it that has been passed over.
    overlong: Option<u8>,
    /// For each column, the cells that had several dots in a number.
    dotted: Vec<u64>,
    has_windows_1252: bool,
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl Body {
    fn new(sniffed: Sniffed) -> Self {
        let Sniffed { format, dialect, names, rules, header, skip, lines, detected, warnings } = sniffed;
        let notations = rules.iter().map(|rule| rule.notation);
        let new_column = |(name, notation)| Column { name, notation, ..Column::default() };
        let columns: Vec<Column> = names.into_iter().zip(notations).map(new_column).collect();
        Self {
            format,
            dialect,
            detected,
            dotted: vec![0; columns.len()],
            rules,
            header,
            table: Table { columns, ..Table::default() },
            warnings,
            skip,
            offset: 0,
            line: 1 + lines,
            one_line_until: 0,
            overlong: None,
            has_windows_1252: false,
            fields: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Reads the whole records at the start of `bytes` and says how many bytes that were.
    fn read(&mut self, bytes: &[u8], at_end: bool) -> Result<usize> {
        // The beginning that was sniffed is larger than what is passed over.
        let mut at = std::mem::take(&mut self.skip).min(bytes.len());
        self.offset += at as u64;
        while at < bytes.len() {
            let Some(read) = self.read_one(&bytes[at..], at_end)? else { break };
            at += read;
            self.offset += read as u64;
        }
        Ok(at)
    }

    /// Reads one record, bad or good, or a line that is no record; `None` if more bytes are needed.
    fn read_one(&mut self, rest: &[u8], at_end: bool) -> Result<Option<usize>> {
        if let Some(last) = self.overlong {
            return Ok(Some(self.pass_over(rest, last)));
        }
        // What is decided must not depend on how many bytes happen to be there.
        let window = &rest[..rest.len().min(MAX_RECORD + 2)];
        let is_whole = at_end && window.len() == rest.len();
        let is_full = window.len() < rest.len();
        if !is_whole && !is_full && memchr(self.dialect.line_end.byte(), window).is_none() {
            return Ok(None);
        }
        let many_lines = self.offset >= self.one_line_until;
        let mut fields = std::mem::take(&mut self.fields);
        let found = cut(window, &self.dialect, many_lines, &mut fields);
        let record = &window[..found.len];
        let result = match found.end {
            End::Line | End::Unclosed if found.len > MAX_RECORD => {
                self.bad(found.len, "longer than 1 MiB".into()).map(|()| Some(found.next))
            }
            End::Line if found.many_lines && self.is_stray_quote(record, &fields) => {
                self.one_line_until = self.offset + found.next as u64;
                Ok(Some(0))
            }
            End::Line => self.record(record, &fields).map(|()| Some(found.next)),
            End::Unclosed => self.unclosed(found.len).map(|()| Some(found.next)),
            End::BytesInQuotes if many_lines && (is_full || is_whole) => {
                self.one_line_until = self.offset + window.len() as u64;
                Ok(Some(0))
            }
            End::Bytes | End::BytesInQuotes if is_full => {
                self.overlong = Some(b'\n');
                self.bad(0, "longer than 1 MiB".into()).map(|()| Some(0))
            }
            End::Bytes if is_whole && found.len > MAX_RECORD => {
                self.bad(found.len, "longer than 1 MiB".into()).map(|()| Some(found.next))
            }
            End::Bytes if is_whole => self.record(record, &fields).map(|()| Some(found.next)),
            End::BytesInQuotes if is_whole => self.unclosed(found.len).map(|()| Some(found.next)),
            End::Bytes | End::BytesInQuotes => Ok(None),
        };
        self.fields = fields;
        if let Ok(Some(read)) = result {
            self.line += memchr_iter(self.dialect.line_end.byte(), &rest[..read]).count() as u64;
        }
        result
    }

    /// The rest of an overlong record, as far as it is there.
    fn pass_over(&mut self, rest: &[u8], last: u8) -> usize {
        let end = memchr(self.dialect.line_end.byte(), rest);
        let passed = end.unwrap_or(rest.len());
        let last = if passed > 0 { rest[passed - 1] } else { last };
        if let Some(span) = self.table.spans.last_mut() {
            span.len = u32::try_from(passed).map_or(u32::MAX, |passed| span.len.saturating_add(passed));
            if end.is_some() && last == b'\r' {
                span.len -= 1;
            }
        }
        self.line += u64::from(end.is_some());
        self.overlong = if end.is_some() { None } else { Some(last) };
        end.map_or(passed, |end| end + 1)
    }

    /// Whether a record of several lines is a line with a stray quote and the lines below it, rather than one record: it has
    /// the wrong number of fields, and its second line by itself has the right one.
    fn is_stray_quote(&self, record: &[u8], fields: &[Field]) -> bool {
        let n_columns = self.table.columns.len();
        let Some(at) = memchr(self.dialect.line_end.byte(), record) else { return false };
        let mut second = Vec::new();
        fields.len() != n_columns && {
            cut(&record[at + 1..], &self.dialect, false, &mut second);
            second.len() == n_columns
        }
    }

    fn record(&mut self, record: &[u8], fields: &[Field]) -> Result<()> {
        let n_columns = self.table.columns.len();
        if is_blank(record, self.dialect.delimiter) || self.dialect.is_comment(record) {
            return Ok(());
        }
        if fields.len() != n_columns {
            return self.bad(record.len(), format!("{} fields, expected {n_columns}", fields.len()));
        }
        if self.is_header(record, fields) {
            return self.bad(record.len(), "the header again".into());
        }
        self.begin_row(record.len())?;
        for (at, field) in fields.iter().enumerate() {
            let cell = trim(field.unquoted(record, self.dialect.quote, &mut self.scratch));
            let column = &mut self.table.columns[at];
            let cell = match self.rules[at].parse_fast(cell) {
                Some(x) => Cell::number(x),
                // Categories come in runs; the same bytes mean the same.
                None => match column.cells.last().and_then(|last| last.as_text()) {
                    Some(code) if column.dictionary.text(code).as_bytes() == cell => Cell::text(code),
                    _ => match self.rules[at].parse_slowly(cell) {
                        Parsed::Number(x) => Cell::number(x),
                        Parsed::Missing => Cell::MISSING,
                        Parsed::Dotted(x) => {
                            self.dotted[at] += 1;
                            Cell::number(x)
                        }
                        Parsed::Text => {
                            let text = text_of(cell);
                            self.has_windows_1252 |= matches!(text, Cow::Owned(_));
                            column.dictionary.code(&text).map_or(Cell::UNKEPT_TEXT, Cell::text)
                        }
                    },
                },
            };
            column.cells.push(cell);
        }
        Ok(())
    }

    fn is_header(&mut self, record: &[u8], fields: &[Field]) -> bool {
        !self.header.is_empty()
            && fields.iter().zip(&self.header).all(|(field, name)| {
                trim(field.unquoted(record, self.dialect.quote, &mut self.scratch)) == name.as_slice()
            })
    }

    fn unclosed(&mut self, len: usize) -> Result<()> {
        self.bad(len, "a quote that is not closed".into())
    }

    fn bad(&mut self, len: usize, cause: String) -> Result<()> {
        self.begin_row(len)?;
        let row = (self.table.spans.len() - 1) as u32;
        self.table.bad.push(BadRecord { row, line: self.line, cause });
        self.table.columns.iter_mut().for_each(|column| column.cells.push(Cell::MISSING));
        Ok(())
    }

    /// Notes where the record is, after making room for its cells.
    fn begin_row(&mut self, len: usize) -> Result<()> {
        let rows = self.table.spans.len();
        if rows == u32::MAX as usize {
            return Err(
                Error::new("The file has more than 4,294,967,295 records").advice("Split it and analyze its parts")
            );
        }
        if rows == self.table.spans.capacity() {
            if rows as u64 * self.table.columns.len() as u64 > MAX_CELLS {
                return Err(Error::new(format!(
                    "The table is too large: {rows} records were read, and there are more"
                ))
                .advice("Split it and analyze its parts, or leave out columns"));
            }
            let more = (rows / 2).max(ROOM);
            let columns = self.table.columns.iter_mut().map(|column| column.cells.try_reserve_exact(more));
            if columns.chain([self.table.spans.try_reserve_exact(more)]).any(|room| room.is_err()) {
                return Err(Error::new(format!(
                    "The file is too large for the memory there is: {rows} records were read"
                ))
                .advice("Split it and analyze its parts"));
            }
        }
        self.table.spans.push(Span { start: self.offset, len: len as u32 });
        Ok(())
    }

    /// The columns that had numbers with several dots, and how many.
    fn dotted_columns(&self) -> impl Iterator<Item = String> {
        let columns = self.table.columns.iter().zip(&self.dotted).filter(|(_, dotted)| **dotted > 0);
        columns.map(|(column, dotted)| format!("\"{}\" ({dotted})", column.name))
    }

    fn finish(mut self) -> Result<Ingested> {
        let (rows, bad) = (self.table.n_rows(), self.table.bad.len());
        if rows == 0 {
            return Err(Error::new("There is a header but no record").advice("Choose a file that holds flow records"));
        }
        if 2 * bad > rows {
            self.warnings.push(format!(
                "{bad} of {rows} records could not be read: the file may not be the table that it looks like"
            ));
        }
        let dotted: Vec<String> = self.dotted_columns().collect();
        if !dotted.is_empty() {
            self.warnings.push(format!(
                "Numbers with several dots, such as 1.307.668.672, were read as whole numbers in {}: \
                 a spreadsheet may have mangled them",
                dotted.join(", ")
            ));
        }
        let facts = FileFacts {
            format: self.format.into(),
            layout: self.detected,
            encoding: if self.has_windows_1252 { "windows-1252" } else { "UTF-8" }.into(),
            delimiter: char::from(self.dialect.delimiter),
            has_header: self.dialect.has_header,
            line_end: self.dialect.line_end.name().into(),
            warnings: self.warnings,
            ..FileFacts::default()
        };
        Ok(Ingested { table: self.table, facts, dialect: self.dialect, detected: self.detected })
    }
}

/// A line of spaces is no record, unless tabs are what separates its empty fields.
fn is_blank(record: &[u8], delimiter: u8) -> bool {
    match record.first() {
        None => true,
        Some(&first) => first <= b' ' && record.iter().all(|&b| b <= b' ' && (b != delimiter || b == b' ')),
    }
}
