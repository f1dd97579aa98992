//! Typed columns, and the place of each record in its file.
//!
//! No text is kept but one copy of each distinct value. The text of a record is not here: its [`Span`] says where to read it
//! again.

mod cell;
mod cells;

pub use cell::{Cell, Value};
pub use cells::{Cells, Few, Shape};
pub(crate) use cells::{Digits, Kind as CellKind, MOST_DECIMALS, NO_DIGITS, digits_of, keep, scaled};

use crate::error::{Error, Result};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The distinct texts of one column, numbered in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    texts: Vec<Box<str>>,
    codes: FxHashMap<Box<[u8]>, u32>,
    bytes: usize,
    is_unlimited: bool,
    /// Whether some text was not kept because the dictionary was full.
    pub overflowed: bool,
}

impl Dictionary {
    /// More distinct texts than this make a column an identifier or free text, which no model reads.
    pub const MAX_TEXTS: usize = 1 << 16;
    /// Bounds the memory of a column of long texts.
    pub const MAX_BYTES: usize = 4 << 20;

    /// One that is never full: for a part of a file, where it is not known yet which texts there is room for.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { is_unlimited: true, ..Self::default() }
    }

    /// The code of `text`, which is added while there is room.
    pub fn code(&mut self, text: &str) -> Option<u32> {
        if let Some(&code) = self.codes.get(text.as_bytes()) {
            return Some(code);
        }
        let is_full = self.texts.len() >= Self::MAX_TEXTS || self.bytes + text.len() > Self::MAX_BYTES;
        if is_full && !self.is_unlimited {
            self.overflowed = true;
            return None;
        }
        let code = self.texts.len() as u32;
        self.bytes += text.len();
        self.texts.push(text.into());
        self.codes.insert(text.as_bytes().into(), code);
        Some(code)
    }

    /// The code of a text that is already known.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.find_bytes(text.as_bytes())
    }

    /// The code of a text that is already known, given as UTF-8; other bytes are no text.
    #[must_use]
    pub fn find_bytes(&self, text: &[u8]) -> Option<u32> {
        self.codes.get(text).copied()
    }

    #[must_use]
    pub fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The texts in code order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }
}

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notation {
    /// `1234.5`
    #[default]
    Point,
    /// `1234,5` or `1.234,5`
    Comma,
    /// `1,234.5`: commas are thousands marks.
    CommaThousands,
}

/// One column: its name as the file has it (made unique) and a cell for each record.
#[derive(Clone, Debug, Default)]
pub struct Column {
    pub name: String,
    pub cells: Cells,
    pub dictionary: Dictionary,
    pub notation: Notation,
}

impl Column {
    /// The text of a cell that holds kept text.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        self.cells.at(row).as_text().map(|code| self.dictionary.text(code))
    }

    /// Appends the cells of another, whose texts have other codes. Those for which there is no room in the dictionary become
    /// [`Value::UnkeptText`].
    pub fn append(&mut self, more: &Self) {
        let dictionary = &mut self.dictionary;
        let text = |text: &str| dictionary.code(text).map_or(Cell::UNKEPT_TEXT, Cell::text);
        let texts: Vec<Cell> = more.dictionary.iter().map(text).collect();
        dictionary.overflowed |= more.dictionary.overflowed;
        self.cells.append(&more.cells, &texts);
    }
}

/// The bytes of one record in the decoded file, without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub len: u32,
}

impl Span {
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.start..self.start + u64::from(self.len)
    }
}

/// A record that could not be read as the others: it is kept and shown, but not scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRecord {
    /// Index into the table's rows, from 0.
    pub row: u32,
    /// Line in the file where it starts, from 1.
    pub line: u64,
    /// Such as `9 fields, expected 12`.
    pub cause: String,
}

// Short bad records in a wide table would otherwise make gigabytes out of kilobytes: each of these cells may need eight bytes yet.
const MAX_CELLS: u64 = if usize::BITS == 32 { 1 << 28 } else { 1 << 30 };
// Records that room is made for at a time.
const ROOM: usize = 4096;

/// All records of a file, the bad ones included (their cells are [`Cell::MISSING`]).
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub columns: Vec<Column>,
    /// One per record, in file order.
    pub spans: Vec<Span>,
    /// In row order.
    pub bad: Vec<BadRecord>,
}

impl Table {
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.spans.len()
    }

    /// Makes room for `more` records, and for as many as are expected in all where room must be made anyway.
    ///
    /// # Errors
    /// A table that is too large to be held.
    pub fn reserve(&mut self, more: usize, expected: usize) -> Result<()> {
        let rows = self.spans.len();
        if rows as u64 + more as u64 > u64::from(u32::MAX) {
            return Err(
                Error::new("The file has more than 4,294,967,295 records").advice("Split it and analyze its parts")
            );
        }
        if (rows as u64 + more as u64) * self.columns.len() as u64 > MAX_CELLS {
            return Err(Error::new(format!("The table is too large: {rows} records were read, and there are more"))
                .advice("Split it and analyze its parts, or leave out columns"));
        }
        if more <= self.spans.capacity() - rows {
            return Ok(());
        }
        // The records so far may be much shorter than those to come.
        let expected = expected.min(16 * rows).saturating_sub(rows);
        let room = more.max(expected).max(rows / 2).max(ROOM);
        let columns = self.columns.iter_mut().map(|column| column.cells.try_reserve_exact(room));
        if columns.chain([self.spans.try_reserve_exact(room)]).any(|room| room.is_err()) {
            return Err(Error::new(format!("The file is too large for the memory there is: {rows} records were read"))
                .advice("Split it and analyze its parts"));
        }
        Ok(())
    }

    /// Appends the records of a table with the same columns, whose texts have other codes. Texts for which there is no room in
    /// a dictionary become [`Value::UnkeptText`]. `lines` are to be added to the lines of its bad records.
    ///
    /// # Errors
    /// A table that is too large to be held.
    ///
    /// # Panics
    /// If the number of columns differs.
    pub fn append(&mut self, more: Self, lines: u64) -> Result<()> {
        assert_eq!(self.columns.len(), more.columns.len(), "the columns must be the same");
        self.reserve(more.n_rows(), 0)?;
        let rows = self.n_rows() as u32;
        for (column, more) in self.columns.iter_mut().zip(more.columns) {
            column.append(&more);
        }
        self.spans.extend(more.spans);
        let bad = |bad: BadRecord| BadRecord { row: rows + bad.row, line: lines + bad.line, ..bad };
        self.bad.extend(more.bad.into_iter().map(bad));
        Ok(())
    }

    /// Why a row is not scored, if it is bad.
    #[must_use]
    pub fn bad_record(&self, row: u32) -> Option<&BadRecord> {
        self.bad.binary_search_by_key(&row, |bad| bad.row).ok().map(|at| &self.bad[at])
    }

    /// The rows that can be scored, in order.
    // Not inlined: a browser would compile the whole of a large function for the sake of this loop.
    #[inline(never)]
    #[must_use]
    pub fn good_rows(&self) -> Vec<u32> {
        let all = 0..self.n_rows() as u32;
        if self.bad.is_empty() {
            return all.collect();
        }
        let mut bad = self.bad.iter().map(|bad| bad.row).peekable();
        all.filter(|&row| bad.next_if_eq(&row).is_none()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_dictionary_keeps_what_it_knows() {
        let mut dictionary = Dictionary::default();
        for i in 0..Dictionary::MAX_TEXTS {
            assert_eq!(dictionary.code(&i.to_string()), Some(i as u32));
        }
        assert!(!dictionary.overflowed);
        assert_eq!(dictionary.code("one more"), None);
        assert!(dictionary.overflowed);
        assert_eq!(dictionary.code("41"), Some(41));
    }

    #[test]
    fn good_rows_leave_out_the_bad_ones() {
        let bad = |row| BadRecord { row, line: 0, cause: String::new() };
        let table = Table { spans: vec![Span { start: 0, len: 0 }; 5], bad: vec![bad(0), bad(3)], ..Table::default() };
        assert_eq!(table.good_rows(), [1, 2, 4]);
        assert!(table.bad_record(3).is_some() && table.bad_record(2).is_none());
    }
}
