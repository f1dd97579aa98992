//! Plain records, many at a time: without quotes, each on a line of its own, and with the right number of fields.
//!
//! The marks of a block of bytes become one list of where fields end, and then one column after the other is read, whose
//! cells are much alike. Whatever is not plain is left to [`split`](super::split): a quote, a comment, a wrong number of
//! fields, and delimiters of which several may count as one.

use super::cell::{self, Seen};
use super::dialect::{Dialect, LineEnd};
use super::digits::{decimal, short};
use super::lanes::Lanes;
use super::number::CellRule;
use super::scan::marks;
use crate::table::{Cell, CellKind, Cells, Column, Dictionary, Digits, MOST_DECIMALS, NO_DIGITS, digits_of, scaled};

/// Bytes that are cut at a time, unless the first record is longer: with the ends of their fields they fit into a first-level
/// cache.
const BLOCK: usize = 16 << 10;
/// Records that are longer are not plain.
const LONGEST: usize = 64 << 10;

/// The records at the start of some bytes.
pub struct Plain {
    /// Where each field ends, record by record, after the end of a field that would lie before the first byte.
    ends: Vec<u32>,
    /// How many of them there are; what comes after them is room.
    n_ends: usize,
    n_columns: usize,
    pub rows: usize,
    /// For numbers with a point and with a comma, by their decimals.
    lanes: [[Lanes; MOST_DECIMALS as usize + 1]; 2],
    /// Of the column that is being read.
    run: Box<[Digits; RUN]>,
    /// For each column of texts.
    recent: Vec<Option<Box<Recent>>>,
}

impl Default for Plain {
    fn default() -> Self {
        let lanes = [b'.', b','].map(|mark| std::array::from_fn(|decimals| Lanes::new(mark, decimals as u8)));
        Self {
            ends: Vec::new(),
            n_ends: 0,
            n_columns: 0,
            rows: 0,
            lanes,
            run: Box::new([NO_DIGITS; RUN]),
            recent: Vec::new(),
        }
    }
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
        let Self { ends, n_columns, lanes, run, recent, .. } = self;
        let lanes = &lanes[usize::from(rule.mark() == b',')];
        let fields = Fields { text, ends: &ends[at..], n_columns: *n_columns };
        let mut row = 0;
        while row < rows {
            // As many as are what those before them were; each loop is a function, which compilers of a browser do better with.
            let wanted = (rows - row).min(RUN);
            let run = &mut run[..wanted];
            let n = match cells.kind() {
                CellKind::Numbers(decimals) => {
                    fields.numbers(row, rule.mark(), decimals, &lanes[usize::from(decimals)], run)
                }
                CellKind::Texts => {
                    if recent.len() <= at {
                        recent.resize_with(at + 1, || None);
                    }
                    fields.texts(row, dictionary, recent[at].get_or_insert_default(), run)
                }
                CellKind::Any => fields.any(row, wanted, rule.mark(), cells, dictionary),
            };
            if cells.kind() != CellKind::Any {
                cells.extend_digits(&run[..n]);
            }
            row += n;
            if n < wanted {
                cells.push(cell::read(fields.field(row), rule, dictionary, seen));
                row += 1;
            }
        }
    }
}

/// Cells that are read before they are appended.
const RUN: usize = 512;
/// Times that four of a run could not be read together, after which no more are tried: what it takes is lost.
const MOST_MISSES: usize = 8;

/// The codes of short texts that were met lately in a column: their bytes as one number, and their length. What is in the
/// dictionary is text whenever it comes again, and keeps its code.
struct Recent([(u64, usize, Digits); RECENT]);

/// A power of two.
const RECENT: usize = 64;

impl Default for Recent {
    fn default() -> Self {
        Self([(0, 0, 0); RECENT])
    }
}

impl Recent {
    #[inline]
    fn code(&mut self, text: &[u8], start: usize, end: usize, find: impl Fn() -> Option<Digits>) -> Option<Digits> {
        let len = end - start;
        let Some(bytes) = text.get(start..).and_then(|text| text.first_chunk()).filter(|_| (1..=8).contains(&len))
        else {
            return find();
        };
        let word = u64::from_le_bytes(*bytes) << (64 - 8 * len);
        let known = &mut self.0[(word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize % RECENT];
        if (known.0, known.1) != (word, len) {
            *known = (word, len, find()?);
        }
        Some(known.2)
    }
}

/// The fields of a column.
struct Fields<'a> {
    text: &'a [u8],
    /// Where the fields of the records end, of which every `n_columns`th is before one of this column.
    ends: &'a [u32],
    n_columns: usize,
}

impl Fields<'_> {
    #[inline]
    fn place(&self, row: usize) -> (usize, usize) {
        let at = row * self.n_columns;
        (self.ends[at].wrapping_add(1) as usize, self.ends[at + 1] as usize)
    }

    /// As [`Self::place`].
    ///
    /// # Safety
    ///
    /// `row * n_columns + 1` has to be within `ends`.
    #[inline]
    unsafe fn place_unchecked(&self, row: usize) -> (usize, usize) {
        let at = row * self.n_columns;
        let [before, end] = [at, at + 1].map(|at| unsafe { *self.ends.get_unchecked(at) });
        (before.wrapping_add(1) as usize, end as usize)
    }

    #[inline]
    fn field(&self, row: usize) -> &[u8] {
        let (start, end) = self.place(row);
        &self.text[start..end]
    }

    /// Whether a field says that there is nothing: what most such fields are.
    #[inline]
    fn is_nothing(&self, start: usize, end: usize) -> bool {
        start == end || self.text[start..end] == *b"-"
    }

    /// Reads rows from `first` on into `run`, as long as they are numbers with so many decimals at most, or missing.
    #[inline(never)]
    fn numbers(&self, first: usize, mark: u8, decimals: u8, lanes: &Lanes, run: &mut [Digits]) -> usize {
        let Some(others) = run.len().checked_sub(1) else { return 0 };
        let last = first.checked_add(others).and_then(|row| row.checked_mul(self.n_columns)?.checked_add(1));
        assert!(last.is_some_and(|end| end < self.ends.len()), "each row's field has an end");
        let (mut n, mut misses) = (0, 0);
        while n < run.len() {
            // SAFETY: these are rows that fill `run`, and the last of them has an end.
            let place = |at| unsafe { self.place_unchecked(first + n + at) };
            if misses < MOST_MISSES
                && let Some(four) = run[n..].first_chunk_mut()
            {
                if let Some(found) = lanes.read(self.text, [place(0), place(1), place(2), place(3)]) {
                    *four = found;
                    n += four.len();
                    continue;
                }
                misses += 1;
            }
            // One by one, before four more are tried.
            for (at, digits) in run[n..].iter_mut().take(4).enumerate() {
                let (start, end) = place(at);
                match self.number(start, end, mark, decimals) {
                    Some(found) => *digits = found,
                    None => return n + at,
                }
            }
            n += 4;
        }
        run.len()
    }

    #[inline]
    fn number(&self, start: usize, end: usize, mark: u8, decimals: u8) -> Option<Digits> {
        match short(self.text, start, end, mark) {
            Some((short, own)) if own <= decimals => scaled(short, decimals - own),
            Some(_) => None,
            None => self.longer(start, end, mark, decimals),
        }
    }

    /// A number that is not [`short`], or nothing.
    #[inline(never)]
    fn longer(&self, start: usize, end: usize, mark: u8, decimals: u8) -> Option<Digits> {
        if self.is_nothing(start, end) {
            return Some(NO_DIGITS);
        }
        decimal(self.text, start, end, mark).and_then(|x| digits_of(x, decimals))
    }

    /// As [`Self::numbers`], of texts that are known.
    #[inline(never)]
    fn texts(&self, first: usize, dictionary: &Dictionary, recent: &mut Recent, run: &mut [Digits]) -> usize {
        for (n, digits) in run.iter_mut().enumerate() {
            let (start, end) = self.place(first + n);
            let find = || dictionary.find_bytes(&self.text[start..end]).and_then(|code| Digits::try_from(code).ok());
            let found = match self.is_nothing(start, end) {
                true => Some(NO_DIGITS),
                false => recent.code(self.text, start, end, find),
            };
            match found {
                Some(found) => *digits = found,
                None => return n,
            }
        }
        run.len()
    }

    /// Appends numbers, and texts that are known behind a text, as far as there are only such.
    #[inline(never)]
    fn any(&self, first: usize, rows: usize, mark: u8, cells: &mut Cells, dictionary: &Dictionary) -> usize {
        let mut was_text = cells.iter().next_back().is_some_and(|cell| cell.as_text().is_some());
        for n in 0..rows {
            let (start, end) = self.place(first + n);
            if was_text && let Some(code) = dictionary.find_bytes(&self.text[start..end]) {
                cells.push(Cell::text(code));
                continue;
            }
            was_text = false;
            let Some(x) = decimal(self.text, start, end, mark) else { return n };
            cells.push(Cell::number(x));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "each row's field has an end")]
    fn rows_that_were_not_found_are_not_read() {
        let fields = Fields { text: b"12345678", ends: &[], n_columns: 2 };
        fields.numbers(0, b'.', 0, &Lanes::new(b'.', 0), &mut [NO_DIGITS; 4]);
    }
}
