//! Reads the records of a part of a file: from a place where a record starts, to the first record that starts at or after
//! another place. What comes out does not depend on how the bytes were cut into pushes.
//!
//! Parts whose ends meet, appended to one another, are the file. Each byte is looked at a bounded number of times, whatever
//! its neighbours are.

use super::MAX_RECORD;
use super::cell::{self, Seen};
use super::number::trim;
use super::plain::Plain;
use super::plan::{Plan, Start, Tally};
use super::sniff::BOM;
use super::split::{End, Field, cut};
use crate::error::Result;
use crate::table::{BadRecord, Cell, Dictionary, Span, Table};
use memchr::{memchr, memchr_iter};

// Bytes that must have come before it is worth looking for more whole records.
const BATCH: usize = 64 << 10;

/// Some of the records of a file that follow one another.
#[derive(Clone, Debug)]
pub struct Part {
    /// Spans are those of the file. Lines of bad records count from 1 where the part starts, but in a whole file from the
    /// beginning. The dictionaries of a part that was read by itself have no limit: which texts are kept is decided when the
    /// part is appended to those before it.
    pub table: Table,
    pub tally: Tally,
    /// Where the part was told to start, and where the next one starts.
    pub start: Start,
    pub end: Start,
}

impl Part {
    /// Appends the part that follows.
    ///
    /// # Errors
    /// A table that is too large to be held.
    ///
    /// # Panics
    /// If `next` does not start where this part ends: it was read from a wrong place and says nothing about the file.
    pub fn append(&mut self, next: Self) -> Result<()> {
        assert!(self.end == next.start, "a part must start where the one before it ended");
        self.table.append(next.table, self.tally.lines)?;
        self.tally.add(&next.tally);
        self.end = next.end;
        Ok(())
    }
}

/// Reads a part as its bytes come.
pub struct PartReader {
    /// Bytes that have come and not been read.
    pending: Vec<u8>,
    /// `pending` is looked at again when it has this size.
    next_look: usize,
    body: Body,
}

impl PartReader {
    /// The bytes to push are those of the decoded file from `start` on; what starts at or after the place `end` is left to the
    /// next part, for which `u64::MAX` is the end of the file.
    #[must_use]
    pub fn new(plan: &Plan, start: Start, end: u64) -> Self {
        let mut table = plan.new_table();
        table.columns.iter_mut().for_each(|column| column.dictionary = Dictionary::unlimited());
        Self::with_table(plan, start, end, table, 0)
    }

    /// The whole file in one part, with the limits and lines of a whole file, whose size is about `size` bytes or not known.
    pub(super) fn whole(plan: &Plan, size: u64) -> Self {
        let mut reader = Self::with_table(plan, plan.start(), u64::MAX, plan.new_table(), plan.lines);
        reader.body.size = size;
        reader
    }

    /// As [`PartReader::whole`], but record by record.
    #[cfg(test)]
    pub(super) fn careful(plan: &Plan) -> Self {
        let mut reader = Self::whole(plan, 0);
        reader.body.plain = None;
        reader
    }

    fn with_table(plan: &Plan, start: Start, end: u64, table: Table, lines: u64) -> Self {
        let body = Body {
            seen: vec![Seen::default(); table.columns.len()],
            plain: Plain::can_read(&plan.dialect, table.columns.len()).then(Plain::default),
            plan: plan.clone(),
            table,
            start,
            offset: start.offset,
            end,
            size: if end == u64::MAX { 0 } else { end },
            line: 1 + lines,
            one_line_until: start.one_line_until,
            stray_quotes: 0,
            overlong: None,
            fields: Vec::new(),
            scratch: Vec::new(),
        };
        Self { pending: Vec::new(), next_look: BATCH, body }
    }

    /// Takes the next bytes of the decoded file. It needs some beyond the end of the part, to read its last record.
    ///
    /// # Errors
    /// A table that is too large to be held.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !self.is_done() {
            if self.pending.is_empty() && rest.len() >= BATCH {
                // Most bytes are read where they are.
                let read = self.body.read(rest, false)?;
                self.pending.extend_from_slice(&rest[read..]);
                self.next_look = self.pending.len() + BATCH;
                return Ok(());
            }
            let (before, more) = (self.pending.len(), rest.len().min(BATCH));
            self.pending.extend_from_slice(&rest[..more]);
            if self.pending.len() < self.next_look {
                return Ok(());
            }
            let read = self.read(false)?;
            if read >= before {
                rest = &rest[read - before..];
                self.pending.clear();
                self.next_look = BATCH;
            } else {
                rest = &rest[more..];
            }
        }
        Ok(())
    }

    /// Whether the part has been read and no more bytes are needed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.body.is_done()
    }

    /// Records read so far, the bad ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.body.table.n_rows() as u64
    }

    /// The part. Unless [`PartReader::is_done`], the bytes that were pushed are taken for the last ones of the file.
    ///
    /// # Errors
    /// A table that is too large to be held.
    pub fn finish(mut self) -> Result<Part> {
        self.read(true)?;
        Ok(self.body.finish())
    }

    fn read(&mut self, at_end: bool) -> Result<usize> {
        let read = self.body.read(&self.pending, at_end)?;
        self.pending.drain(..read);
        self.next_look = self.pending.len() + BATCH;
        Ok(read)
    }
}

/// The reading of the records.
struct Body {
    plan: Plan,
    table: Table,
    start: Start,
    /// Place of the next byte to read in the decoded file, and its line.
    offset: u64,
    line: u64,
    /// Records that start here or later are not read.
    end: u64,
    /// Where the bytes are expected to end, or 0.
    size: u64,
    /// See [`Start`].
    one_line_until: u64,
    stray_quotes: u64,
    /// Within a record that is longer than [`MAX_RECORD`]; the last byte of it that has been passed over.
    overlong: Option<u8>,
    /// For each column.
    seen: Vec<Seen>,
    plain: Option<Plain>,
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl Body {
    fn is_done(&self) -> bool {
        self.overlong.is_none() && self.offset >= self.end
    }

    /// Reads the whole records at the start of `bytes` and says how many bytes that were.
    fn read(&mut self, bytes: &[u8], at_end: bool) -> Result<usize> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            if self.overlong.is_none() {
                at += self.read_plain(&bytes[at..])?;
                if at == bytes.len() || self.is_done() {
                    break;
                }
            }
            let Some(read) = self.read_one(&bytes[at..], at_end)? else { break };
            at += read;
            self.offset += read as u64;
        }
        Ok(at)
    }

    /// Reads the plain records at the start of `bytes` and says how many bytes that were.
    fn read_plain(&mut self, bytes: &[u8]) -> Result<usize> {
        let Some(mut plain) = self.plain.take() else { return Ok(0) };
        let mut at = 0;
        while self.offset < self.end {
            let text = &bytes[at..];
            plain.cut(text, &self.plan.dialect, self.table.columns.len());
            let rows = (0..plain.rows).take_while(|&row| self.is_plain(text, &plain, row)).count();
            if rows == 0 {
                break;
            }
            self.reserve(rows)?;
            let mut read = 0;
            for row in 0..rows {
                let (start, line_feed) = plain.record(row);
                let has_cr = text[line_feed - 1] == b'\r';
                let len = (line_feed - start) as u32 - u32::from(has_cr);
                self.table.spans.push(Span { start: self.offset + start as u64, len });
                read = line_feed + 1;
            }
            let columns = self.table.columns.iter_mut().zip(&self.plan.rules).zip(&mut self.seen);
            for (column, ((cells, rule), seen)) in columns.enumerate() {
                plain.read(text, column, rows, *rule, cells, seen);
            }
            self.line += rows as u64;
            self.offset += read as u64;
            at += read;
            if rows < plain.rows {
                break;
            }
        }
        self.plain = Some(plain);
        Ok(at)
    }

    /// Whether a record that looks plain is one: of this part, no comment, and not the header again.
    fn is_plain(&self, text: &[u8], plain: &Plain, row: usize) -> bool {
        let (start, _) = plain.record(row);
        let header = &self.plan.header;
        let is_header =
            !header.is_empty() && plain.fields(text, row).zip(header).all(|(field, name)| is_named(field, name));
        self.offset + (start as u64) < self.end && !self.plan.dialect.is_comment(&text[start..]) && !is_header
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
        if !is_whole && !is_full && memchr(self.plan.dialect.line_end.byte(), window).is_none() {
            return Ok(None);
        }
        let many_lines = self.offset >= self.one_line_until;
        let mut fields = std::mem::take(&mut self.fields);
        let found = cut(window, &self.plan.dialect, many_lines, &mut fields);
        let record = &window[..found.len];
        let result = match found.end {
            End::Line | End::Unclosed if found.len > MAX_RECORD => {
                self.bad(found.len, "longer than 1 MiB".into()).map(|()| Some(found.next))
            }
            End::Line if found.many_lines && self.is_stray_quote(record, &fields, found.ends_badly) => {
                Ok(Some(self.one_line(found.next)))
            }
            End::Bytes if is_whole && found.many_lines && self.is_stray_quote(record, &fields, found.ends_badly) => {
                Ok(Some(self.one_line(found.next)))
            }
            End::Line => self.record(record, &fields).map(|()| Some(found.next)),
            End::Unclosed => self.unclosed(found.len).map(|()| Some(found.next)),
            End::BytesInQuotes if many_lines && (is_full || is_whole) => Ok(Some(self.one_line(window.len()))),
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
            self.line += memchr_iter(self.plan.dialect.line_end.byte(), &rest[..read]).count() as u64;
        }
        result
    }

    /// The rest of an overlong record, as far as it is there.
    fn pass_over(&mut self, rest: &[u8], last: u8) -> usize {
        let end = memchr(self.plan.dialect.line_end.byte(), rest);
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

    /// Whether a record of several lines is a line with a stray quote and the lines below it, rather than one record. Either it
    /// does not end as a quoted field does; or the lines within it, or the last of them as far as the next stray quote, have by
    /// themselves as many fields as a record; or it has the wrong number of fields, and its second line has the right one.
    fn is_stray_quote(&self, record: &[u8], fields: &[Field], ends_badly: bool) -> bool {
        let n_columns = self.table.columns.len();
        let mut lines = record.split(|&b| b == self.plan.dialect.line_end.byte()).skip(1).peekable();
        if ends_badly {
            return true;
        }
        let (mut alone, mut whole, mut within) = (Vec::new(), 0, 0);
        let mut is_second = true;
        while let Some(line) = lines.next() {
            let end = cut(line, &self.plan.dialect, false, &mut alone).end;
            let fits = alone.len() == n_columns;
            if is_second && fits && fields.len() != n_columns {
                return true;
            }
            is_second = false;
            if lines.peek().is_none() {
                // With one column, every line looks like a record.
                return n_columns > 1 && (fits && end == End::BytesInQuotes || 2 * whole > within);
            }
            // One that ends within quotes lies between two texts of several lines.
            within += 1;
            whole += usize::from(fits && end == End::Bytes);
        }
        false
    }

    /// Takes the next record's quote for a stray one: until so many bytes have been read, quotes end with their line.
    fn one_line(&mut self, bytes: usize) -> usize {
        self.one_line_until = self.offset + bytes as u64;
        0
    }

    fn record(&mut self, record: &[u8], fields: &[Field]) -> Result<()> {
        let n_columns = self.table.columns.len();
        if is_blank(record, self.plan.dialect.delimiter) || self.plan.dialect.is_comment(record) {
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
            let bytes = field.unquoted(record, self.plan.dialect.quote, &mut self.scratch);
            let column = &mut self.table.columns[at];
            let cell = cell::read(bytes, self.plan.rules[at], &mut column.dictionary, &mut self.seen[at]);
            column.cells.push(cell);
        }
        Ok(())
    }

    fn is_header(&mut self, record: &[u8], fields: &[Field]) -> bool {
        !self.plan.header.is_empty()
            && fields
                .iter()
                .zip(&self.plan.header)
                .all(|(field, name)| is_named(field.unquoted(record, self.plan.dialect.quote, &mut self.scratch), name))
    }

    fn unclosed(&mut self, len: usize) -> Result<()> {
        self.stray_quotes += 1;
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
        self.reserve(1)?;
        self.table.spans.push(Span { start: self.offset, len: len as u32 });
        Ok(())
    }

    fn reserve(&mut self, rows: usize) -> Result<()> {
        let (bytes, so_far) = (self.size - self.start.offset.min(self.size), self.offset - self.start.offset);
        let expected = self.table.n_rows() as f64 * (bytes as f64 / so_far.max(1) as f64);
        // The rest of the records may be a little shorter.
        self.table.reserve(rows, (1.02 * expected) as usize)
    }

    fn finish(self) -> Part {
        let tally = Tally {
            rows: self.table.n_rows() as u64,
            bad: self.table.bad.len() as u64,
            lines: self.line - 1,
            stray_quotes: self.stray_quotes,
            dotted: self.seen.iter().map(|seen| seen.dotted).collect(),
            has_windows_1252: self.seen.iter().any(|seen| seen.has_windows_1252),
        };
        let one_line_until = if self.one_line_until > self.offset { self.one_line_until } else { 0 };
        let end = Start { offset: self.offset, one_line_until };
        Part { table: self.table, tally, start: self.start, end }
    }
}

/// A line of spaces is no record, unless tabs are what separates its empty fields.
fn is_blank(record: &[u8], delimiter: u8) -> bool {
    match record.first() {
        None => true,
        Some(&first) => first <= b' ' && record.iter().all(|&b| b <= b' ' && (b != delimiter || b == b' ')),
    }
}

/// Whether a field is this one of the header, which begins with a mark where another file was joined.
fn is_named(field: &[u8], name: &[u8]) -> bool {
    // What may surround a name makes no field shorter.
    if field.len() < name.len() {
        return false;
    }
    let field = trim(field);
    if field == name {
        return true;
    }
    // Behind the mark, a quote is not the first byte of its field.
    field.strip_prefix(BOM).is_some_and(|field| strip_quotes(field).unwrap_or(field) == name)
}

fn strip_quotes(field: &[u8]) -> Option<&[u8]> {
    field.strip_prefix(b"\"")?.strip_suffix(b"\"")
}
