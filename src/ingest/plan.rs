//! What the beginning of a file says about the rest of it: enough to read any part of the file without the beginning.
//!
//! A plan is plain data, so that several workers can read a file each from another place. Where a record starts cannot be
//! known from the middle of a file, only guessed: the line end before it may be within quotes. So a part says where it
//! really ended, and a part that was read from another [`Start`] than that has to be read again.

use super::dialect::Dialect;
use super::number::CellRule;
use super::part::Part;
use super::sniff::sniff;
use super::{Ingested, MAX_RECORD};
use crate::error::{Error, Result};
use crate::protocol::FileFacts;
use crate::schema::Layout;
use crate::table::{Column, Table};
use memchr::memchr;
use serde::{Deserialize, Serialize};

/// How a file is to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In words, such as `Zeek log`.
    pub format: String,
    pub dialect: Dialect,
    /// Unique, one for each column.
    pub names: Vec<String>,
    pub(super) rules: Vec<CellRule>,
    /// The header record's fields as they stand, to know the header again in mid-file.
    pub(super) header: Vec<Vec<u8>>,
    /// Bytes and lines before the first record, the header included.
    pub(super) skip: u64,
    pub(super) lines: u64,
    /// Known from the shape of a headerless table.
    pub detected: Option<Layout>,
    pub warnings: Vec<String>,
}

impl Plan {
    /// So many bytes of the beginning are needed to make a plan, if the file has them.
    pub const HEAD: usize = MAX_RECORD + 3;

    /// Looks at the first [`Plan::HEAD`] bytes of a decoded file, or at all of a shorter one.
    ///
    /// # Errors
    /// What is no table, has no record, has a first line without end, or has more columns than anyone wants.
    pub fn new(head: &[u8]) -> Result<Self> {
        if head.len() < Self::HEAD { sniff(head, true) } else { sniff(&head[..Self::HEAD - 1], false) }
    }

    /// A column's name as the bytes that stand in the header, in whatever encoding.
    #[must_use]
    pub fn header_field(&self, column: usize) -> Option<&[u8]> {
        self.header.get(column).map(Vec::as_slice)
    }

    /// Where the first record starts.
    #[must_use]
    pub fn start(&self) -> Start {
        Start::at(self.skip)
    }

    /// What has been read when nothing has been read: the parts of the file are appended to it in their order.
    #[must_use]
    pub fn begin(&self) -> Part {
        let tally = Tally { lines: self.lines, dotted: vec![0; self.names.len()], ..Tally::default() };
        Part { table: self.new_table(), tally, start: self.start(), end: self.start() }
    }

    /// The file, when all its parts have been appended to [`Plan::begin`].
    ///
    /// # Errors
    /// If there is no record.
    pub fn finish(&self, all: Part) -> Result<Ingested> {
        let facts = self.facts(&all.tally)?;
        Ok(Ingested { table: all.table, facts, dialect: self.dialect.clone(), detected: self.detected })
    }

    /// What there is to say about the file, given the tally of all its parts. Without name, size and compression, which
    /// are not known here.
    ///
    /// # Errors
    /// If there is no record.
    pub fn facts(&self, tally: &Tally) -> Result<FileFacts> {
        let Tally { rows, bad, .. } = *tally;
        if rows == 0 {
            return Err(Error::new("There is a header but no record").advice("Choose a file that holds flow records"));
        }
        let mut warnings = self.warnings.clone();
        if 2 * bad > rows {
            warnings.push(format!(
                "{bad} of {rows} records could not be read: the file may not be the table that it looks like"
            ));
        }
        if tally.stray_quotes > 0 {
            let quotes = tally.stray_quotes;
            warnings.push(format!(
                "{quotes} stray {}: a quote that opens a field and is not closed as one makes its record a bad one, and the \
                 lines below are read by themselves",
                if quotes == 1 { "quote" } else { "quotes" }
            ));
        }
        let dotted = self.names.iter().zip(&tally.dotted).filter(|(_, dotted)| **dotted > 0);
        let dotted: Vec<String> = dotted.map(|(name, dotted)| format!("\"{name}\" ({dotted})")).collect();
        if !dotted.is_empty() {
            warnings.push(format!(
                "Numbers with several dots, such as 1.307.668.672, were read as whole numbers in {}: \
                 a spreadsheet may have mangled them",
                dotted.join(", ")
            ));
        }
        Ok(FileFacts {
            format: self.format.clone(),
            layout: self.detected,
            encoding: if tally.has_windows_1252 { "windows-1252" } else { "UTF-8" }.into(),
            delimiter: char::from(self.dialect.delimiter),
            has_header: self.dialect.has_header,
            line_end: self.dialect.line_end.name().into(),
            warnings,
            ..FileFacts::default()
        })
    }

    pub(super) fn new_table(&self) -> Table {
        let new_column = |(name, rule): (&String, &CellRule)| Column {
            name: name.clone(),
            notation: rule.notation,
            ..Column::default()
        };
        Table { columns: self.names.iter().zip(&self.rules).map(new_column).collect(), ..Table::default() }
    }
}

/// Where a record starts in the decoded file, and what was seen before that matters for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// In bytes from the beginning of the decoded file.
    pub offset: u64,
    /// Quotes that open before this place must close in their line: the quote that reaches so far was a stray one. 0 if
    /// no such place lies ahead.
    pub(super) one_line_until: u64,
}

impl Start {
    /// A record that starts at `offset`, with nothing unusual before it.
    #[must_use]
    pub fn at(offset: u64) -> Self {
        Self { offset, one_line_until: 0 }
    }
}

/// What is counted while records are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records, the bad ones included.
    pub rows: u64,
    pub bad: u64,
    pub lines: u64,
    /// Records that are bad because of a quote that is not closed.
    pub stray_quotes: u64,
    /// For each column, the cells that had several dots in a number.
    pub dotted: Vec<u64>,
    /// Whether some text was not valid as UTF-8.
    pub has_windows_1252: bool,
}

impl Tally {
    /// Adds what was counted in another part of the same file.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.bad += other.bad;
        self.lines += other.lines;
        self.stray_quotes += other.stray_quotes;
        self.has_windows_1252 |= other.has_windows_1252;
        self.dotted.iter_mut().zip(&other.dotted).for_each(|(sum, dotted)| *sum += dotted);
    }
}

/// The place after the first line end in `bytes`, where a record may well start. To find the first line that starts at or
/// after a place, look at the bytes from the one before it.
#[must_use]
pub fn guess_start(bytes: &[u8], plan: &Plan) -> Option<usize> {
    memchr(plan.dialect.line_end.byte(), bytes).map(|at| at + 1)
}
