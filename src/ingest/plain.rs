//! Plain records, many at a time: without quotes, each on a line of its own, and with the right number of fields.
//!
//! The marks of a block of bytes become one list of where fields end, and then one column after the other is read, whose
//! cells are much alike. Whatever is not plain is left to [`split`](super::split): a quote, a comment, a wrong number of
//! fields, and delimiters of which several may count as one.

use super::cell::{self, Seen};
use super::dialect::{Dialect, LineEnd};
use super::digits::{decimal, short};
use super::number::CellRule;
use super::scan::marks;
use crate::table::{Cell, CellKind, Cells, Column, Digits, MISSING, digits_of, scaled};
use std::ops::Range;

/// Bytes that are cut at a time, unless the first record is longer: with the ends of their fields they fit into a first-level
/// cache.
const BLOCK: usize = 16 << 10;
/// Records that are longer are not plain.
const LONGEST: usize = 64 << 10;

/// The records at the start of some bytes.
#[derive(Default)]
pub struct Plain {
    /// Where each field ends, record by record, after the end of a field that would lie before the first byte.
    ends: Vec<u32>,
    /// How many of them there are; what comes after them is room.
    n_ends: usize,
    n_columns: usize,
    pub rows: usize,
    /// Of the column that is being read.
    digits: Run,
}

impl Plain {
    /// Whether records of this dialect may be plain.
    #[must_use]
    pub fn can_read(dialect: &Dialect, n_columns: usize) -> bool {
        let delimiter = dialect.delimiter;
        // With two columns no record is blank, and none is empty.
        n_columns > 1
            && dialect.line_end != LineEnd::Cr
            && !matches!(delimiter, b' ' | b'\n' | b'\r')
            && dialect.quote != Some(delimiter)
    }

    /// Finds the plain records at the start of `text`, of a dialect that [`Plain::can_read`].
    pub fn cut(&mut self, text: &[u8], dialect: &Dialect, n_columns: usize) {
        self.n_columns = n_columns;
        self.rows = 0;
        self.n_ends = 0;
        self.add(u32::MAX, 1);
        // Where quotes mean nothing, one that is never met.
        let quote = dialect.quote.unwrap_or(b'\n');
        let mut row_end = n_columns;
        for (at, bytes) in text[..text.len().min(LONGEST)].as_chunks::<64>().0.iter().enumerate() {
            let found = marks(bytes, dialect.delimiter, quote);
            let stop = if dialect.quote.is_some() { found.quotes } else { 0 };
            // The bits below the first quote.
            let before = stop.wrapping_sub(1) & !stop;
            let (fields, mut lines) = ((found.delimiters | found.line_feeds) & before, found.line_feeds & before);
            let n_before = self.n_ends - 1;
            self.add(64 * at as u32, fields);
            while lines != 0 {
                let below = fields & (lines - 1) & !lines;
                if n_before + below.count_ones() as usize + 1 != row_end {
                    return;
                }
                self.rows += 1;
                row_end += n_columns;
                lines &= lines - 1;
            }
            if stop != 0 || (self.rows > 0 && 64 * at >= BLOCK) {
                return;
            }
        }
    }

    #[inline]
    fn add(&mut self, first: u32, mut fields: u64) {
        let n = fields.count_ones() as usize;
        if self.ends.len() < self.n_ends + 64 {
            self.ends.resize(2 * self.n_ends + 64, 0);
        }
        // Eight at a time, which may be more than there are, because how many there are cannot be foreseen.
        for ends in self.ends[self.n_ends..].as_chunks_mut::<8>().0.iter_mut().take(n.div_ceil(8)) {
            for end in ends {
                *end = first.wrapping_add(fields.trailing_zeros());
                fields &= fields.wrapping_sub(1);
            }
        }
        self.n_ends += n;
    }

    /// Where a record starts, and where its line feed is.
    #[must_use]
    pub fn record(&self, row: usize) -> (usize, usize) {
        let at = row * self.n_columns;
        (self.ends[at].wrapping_add(1) as usize, self.ends[at + self.n_columns] as usize)
    }

    /// The fields of a record.
    pub fn fields<'a>(&'a self, text: &'a [u8], row: usize) -> impl Iterator<Item = &'a [u8]> {
        let ends = &self.ends[row * self.n_columns..][..=self.n_columns];
        ends.windows(2).map(|ends| &text[ends[0].wrapping_add(1) as usize..ends[1] as usize])
    }

    /// Appends the cells that the first records have in column `at`.
    pub fn read(&mut self, text: &[u8], at: usize, rows: usize, rule: CellRule, column: &mut Column, seen: &mut Seen) {
        let Column { cells, dictionary, .. } = column;
        let mark = rule.mark();
        let (ends, n_columns) = (&self.ends[at..], self.n_columns);
        let places = |row: usize| {
            let start = ends[row * n_columns].wrapping_add(1) as usize;
            (start, ends[row * n_columns + 1] as usize)
        };
        let mut row = 0;
        while row < rows {
            // As many as are what those before them were.
            match cells.kind() {
                CellKind::Numbers(decimals) => {
                    row += self.digits.extend(cells, row..rows, |row| {
                        let (start, end) = places(row);
                        number(text, start, end, mark, decimals)
                    });
                }
                CellKind::Texts => {
                    row += self.digits.extend(cells, row..rows, |row| {
                        let (start, end) = places(row);
                        dictionary.find_bytes(&text[start..end]).and_then(|code| Digits::try_from(code).ok())
                    });
                }
                CellKind::Any => {
                    while row < rows {
                        let (start, end) = places(row);
                        let Some(x) = decimal(text, start, end, mark) else { break };
                        cells.push(Cell::number(x));
                        row += 1;
                    }
                }
            }
            if row < rows {
                let (start, end) = places(row);
                cells.push(cell::read(&text[start..end], rule, dictionary, seen));
                row += 1;
            }
        }
    }
}

/// Room for cells that follow one another.
struct Run([Digits; 512]);

impl Default for Run {
    fn default() -> Self {
        Self([MISSING; 512])
    }
}

impl Run {
    /// Appends the cells of rows as far as there are digits, and says how many those were.
    #[inline]
    fn extend(&mut self, cells: &mut Cells, rows: Range<usize>, digits: impl Fn(usize) -> Option<Digits>) -> usize {
        let mut done = 0;
        loop {
            let first = rows.start + done;
            let wanted = (rows.end - first).min(self.0.len());
            let mut n = 0;
            for (place, row) in self.0.iter_mut().zip(first..first + wanted) {
                let Some(digits) = digits(row) else { break };
                *place = digits;
                n += 1;
            }
            cells.extend_digits(&self.0[..n]);
            done += n;
            if n < wanted || done == rows.len() {
                return done;
            }
        }
    }
}

/// A cell of a column of numbers that have so many decimals at most.
#[inline]
fn number(text: &[u8], start: usize, end: usize, mark: u8, decimals: u8) -> Option<Digits> {
    match short(text, start, end, mark) {
        Some((digits, own)) if own <= decimals => scaled(digits, decimals - own),
        Some(_) => None,
        None if start == end || text[start..end] == *b"-" => Some(MISSING),
        None => digits_of(decimal(text, start, end, mark)?, decimals),
    }
}
