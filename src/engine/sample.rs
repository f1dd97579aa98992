//! Some rows of a file, with their cells: what its own forest, the check against the packs' domains and the reasons are
//! fitted to. All rows of a file of up to [`MOST_ROWS`]; of a larger one so many, those whose places have the lowest hashes: rows
//! are kept whose hash is below a bound, which is guessed at first and falls as rows come. So the same file gives the same sample, however many workers
//! read it.

use crate::table::{Cell, Cells, Column, Shape, Span, Table, keep};
use serde::{Deserialize, Serialize};

/// Rows that are kept at most. More change no quantile that matters, and would fill the memory that columns of the file
/// itself could have.
pub(super) const MOST_ROWS: usize = 1 << 17;

/// Rows that are held while more may come, so that the bound does not have to be found for each chunk.
const MOST_HELD: usize = 2 * MOST_ROWS;

/// Rows that are picked where their number is known about: so many more than are wanted that there are too few only if the guess
/// was wrong.
const EXPECTED: usize = MOST_ROWS + MOST_ROWS / 2;

/// Cells for which there is room from the beginning.
const MOST_RESERVED: usize = 10 << 20;

/// Rows that one worker has picked from one chunk. Their cells travel beside it, column by column.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Picked {
    /// Where they start, and how long they are.
    pub spans: Vec<(u64, u32)>,
    /// Of each column, how its cells are written, and the texts that their codes stand for.
    pub columns: Vec<(Shape, Vec<String>)>,
}

/// Whether a row is picked: a hash of where it starts, compared with `below`.
pub(super) fn is_picked(span: &Span, below: u64) -> bool {
    hash(span.start) <= below
}

/// SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014): evenly spread for consecutive places.
fn hash(place: u64) -> u64 {
    let mut x = place.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Picked {
    /// These rows of a table, and their cells.
    pub fn of(table: &Table, rows: &[u32]) -> (Self, Vec<u8>) {
        let mut bytes = Vec::new();
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let mut cells = column.cells.select(rows);
            let mut texts = Vec::new();
            if !column.dictionary.is_empty() {
                let mut codes = vec![u32::MAX; column.dictionary.len()];
                let mut cell_of = |code: u32| {
                    let place = &mut codes[code as usize];
                    if *place == u32::MAX {
                        *place = texts.len() as u32;
                        texts.push(column.dictionary.text(code).to_owned());
                    }
                    Cell::text(*place)
                };
                cells = cells.iter().map(|cell| cell.as_text().map_or(cell, &mut cell_of)).collect();
            }
            columns.push((cells.write(&mut bytes), texts));
        }
        let spans = rows.iter().map(|&row| table.spans[row as usize]).map(|span| (span.start, span.len)).collect();
        (Self { spans, columns }, bytes)
    }
}

/// The rows that have been picked so far.
pub(super) struct Sample {
    /// Their cells; the dictionaries may hold texts of other rows, too.
    pub table: Table,
    /// Rows are picked whose hash is at most this.
    pub below: u64,
}

impl Sample {
    /// An empty one, of a table with these columns.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { table: Table { columns, ..Table::default() }, below: u64::MAX }
    }

    /// With a bound for about so many rows from the beginning, which spares what would be picked only to be let go again.
    pub fn expecting(self, n_rows: u64) -> Self {
        let below = match n_rows > EXPECTED as u64 {
            true => (u128::from(u64::MAX) * EXPECTED as u128 / u128::from(n_rows)) as u64,
            false => u64::MAX,
        };
        let mut table = self.table;
        // Arrays that grow are copied each time. But a guess is no promise, and a file may have thousands of columns.
        let room = n_rows.min((EXPECTED + EXPECTED / 16) as u64) as usize;
        let room = room.min(MOST_RESERVED / table.columns.len().max(1));
        // Where there is none, they grow.
        for column in &mut table.columns {
            let _ = column.cells.try_reserve_exact(room);
        }
        let _ = table.spans.try_reserve_exact(room);
        Self { table, below }
    }

    /// Whether there were rows enough among so many, and not enough were picked.
    pub fn is_short(&self, n_rows: u64) -> bool {
        self.below < u64::MAX && (self.table.n_rows() as u64) < n_rows.min(MOST_ROWS as u64)
    }

    /// Lets all rows go, to pick from so many once more.
    pub fn start_over(&mut self, n_rows: u64) {
        self.table.columns.iter_mut().for_each(|column| column.cells = Cells::default());
        self.table.spans.clear();
        let before = self.below;
        *self = Self { table: std::mem::take(&mut self.table), below: 0 }.expecting(n_rows);
        if self.below <= before {
            self.below = u64::MAX;
        }
    }

    /// An empty one, of a table with the columns of this one.
    pub fn like(table: &Table) -> Self {
        let blank =
            |column: &Column| Column { name: column.name.clone(), notation: column.notation, ..Column::default() };
        Self::new(table.columns.iter().map(blank).collect())
    }

    /// Takes in what was picked from the next chunk, perhaps with a bound that has fallen since.
    ///
    /// # Panics
    /// If the bytes are not those that belong to it.
    pub fn push(&mut self, picked: Picked, bytes: &[u8]) {
        let n = picked.spans.len();
        let kept: Vec<usize> = (0..n).filter(|&at| hash(picked.spans[at].0) <= self.below).collect();
        assert_eq!(self.table.columns.len(), picked.columns.len(), "the columns must be the same");
        let mut rest = bytes;
        for (column, (shape, texts)) in self.table.columns.iter_mut().zip(&picked.columns) {
            let of_text = |text: &String| column.dictionary.code(text).map_or(Cell::UNKEPT_TEXT, Cell::text);
            let texts: Vec<Cell> = texts.iter().map(of_text).collect();
            let (mut cells, behind) = Cells::read(*shape, rest).expect("the cells are as they were written");
            cells.keep(&kept);
            column.cells.append(&cells, &texts);
            rest = behind;
        }
        self.table.spans.extend(kept.iter().map(|&at| Span { start: picked.spans[at].0, len: picked.spans[at].1 }));
        if self.table.n_rows() > MOST_HELD {
            self.prune();
        }
    }

    /// The rows, when all have come.
    pub fn finish(mut self) -> Table {
        if self.table.n_rows() > MOST_ROWS {
            self.prune();
        }
        self.table
    }

    /// Lowers the bound so that [`MOST_ROWS`] are left.
    fn prune(&mut self) {
        let mut hashes: Vec<u64> = self.table.spans.iter().map(|span| hash(span.start)).collect();
        self.below = *hashes.select_nth_unstable(MOST_ROWS - 1).1;
        let is_kept = |&at: &usize| is_picked(&self.table.spans[at], self.below);
        let kept: Vec<usize> = (0..self.table.n_rows()).filter(is_kept).collect();
        for column in &mut self.table.columns {
            column.cells.keep(&kept);
        }
        keep(&mut self.table.spans, &kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Value;

    fn picked(rows: std::ops::Range<u64>, below: u64) -> (Picked, Vec<u8>) {
        let spans: Vec<Span> = rows.map(|row| Span { start: row * 10, len: 9 }).collect();
        let mut column = Column::default();
        let cell = |column: &mut Column, start: u64| match start % 20 {
            0 => Cell::number(start as f64),
            _ => Cell::text(column.dictionary.code(["tcp", "udp"][start as usize / 10 % 4 / 2]).unwrap()),
        };
        let cells = spans.iter().map(|span| cell(&mut column, span.start)).collect();
        let table = Table { columns: vec![Column { cells, ..column }], spans, bad: vec![] };
        let rows: Vec<u32> =
            (0..table.n_rows() as u32).filter(|&row| is_picked(&table.spans[row as usize], below)).collect();
        Picked::of(&table, &rows)
    }

    #[test]
    fn a_small_file_is_its_own_sample() {
        let mut sample = Sample::new(vec![Column::default()]);
        for rows in [0..40, 40..100] {
            let (picked, cells) = picked(rows, sample.below);
            sample.push(picked, &cells);
        }
        assert_eq!(sample.table.n_rows(), 100);
        for (row, cell) in sample.table.columns[0].cells.iter().enumerate() {
            match cell.value() {
                Value::Number(x) => assert_eq!(x, row as f64 * 10.0),
                _ => assert_eq!(sample.table.columns[0].text(row), Some(["tcp", "udp"][row % 4 / 2])),
            }
        }
    }

    #[test]
    fn the_rows_of_a_large_file_do_not_depend_on_how_it_is_cut() {
        let sample = |cuts: &[u64]| {
            let mut sample = Sample::new(vec![Column::default()]);
            for cut in cuts.windows(2) {
                let (picked, cells) = picked(cut[0]..cut[1], sample.below);
                sample.push(picked, &cells);
            }
            sample.finish().spans.iter().map(|span| span.start).collect::<Vec<_>>()
        };
        let n = 3 * MOST_ROWS as u64;
        let whole = sample(&[0, n]);
        assert_eq!(whole.len(), MOST_ROWS);
        for cuts in [&[0, n / 7, n / 2, n][..], &[0, n / 3 + 9, n / 3 + 10, n / 2, n - 1, n]] {
            assert_eq!(sample(cuts), whole);
        }
        // One row too many.
        assert_eq!(sample(&[0, MOST_ROWS as u64 + 1]).len(), MOST_ROWS);
        // With a bound from the beginning, for twice and for half of the rows that there are.
        for guessed in [n / 2, n] {
            let mut sample = Sample::new(vec![Column::default()]).expecting(guessed);
            let (some, cells) = picked(0..n, sample.below);
            sample.push(some, &cells);
            assert!(!sample.is_short(n));
            assert_eq!(sample.finish().spans.iter().map(|span| span.start).collect::<Vec<_>>(), whole);
        }
        let mut sample = Sample::new(vec![Column::default()]).expecting(2 * n);
        for is_short in [true, false] {
            let (some, cells) = picked(0..n, sample.below);
            sample.push(some, &cells);
            assert_eq!(sample.is_short(n), is_short);
            if is_short {
                sample.start_over(n);
            }
        }
        assert_eq!(sample.finish().spans.iter().map(|span| span.start).collect::<Vec<_>>(), whole);
        // Where the rows' hashes are against it, all are picked.
        let mut unlucky = Sample::new(vec![Column::default()]).expecting(n);
        unlucky.start_over(n);
        assert_eq!(unlucky.below, u64::MAX);
        assert_eq!(Sample::new(Vec::new()).expecting(MOST_ROWS as u64).below, u64::MAX);
        // A header of many names promises much.
        let wide = Sample::new(vec![Column::default(); 4096]).expecting(u64::MAX);
        assert!(wide.table.columns.iter().map(|column| column.cells.capacity()).sum::<usize>() <= MOST_RESERVED);
        // Evenly from all parts.
        let first_half = whole.iter().filter(|&&start| start < n / 2 * 10).count();
        assert!((first_half as f64 / whole.len() as f64 - 0.5).abs() < 0.01);
    }
}
