//! Some rows of a file, with their cells: what its own forest, the check against the packs' domains and the reasons are
//! fitted to. All rows of a file of up to [`MOST_ROWS`]; of a larger one those whose place, hashed, is below a bound that
//! falls as rows come. So the same file gives the same sample, however many workers read it.

use crate::table::{Cell, Column, Span, Table};
use serde::{Deserialize, Serialize};

/// Rows that are kept at most. More change no quantile that matters, and would fill the memory that columns of the file
/// itself could have.
pub(super) const MOST_ROWS: usize = 1 << 17;

/// Rows that one worker has picked from one chunk. Their cells travel beside it, column by column, eight bytes each.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Picked {
    /// In the file.
    pub rows: Vec<u32>,
    pub spans: Vec<(u64, u32)>,
    /// Of each column, the texts that the cells' codes stand for.
    pub texts: Vec<Vec<String>>,
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
    /// These rows (places in `table`, whose first row is `first_row` of the file), and their cells.
    pub fn of(table: &Table, rows: &[u32], first_row: u32) -> (Self, Vec<u8>) {
        let mut cells = Vec::with_capacity(table.columns.len() * rows.len() * 8);
        let mut texts = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let mut codes = vec![u32::MAX; column.dictionary.len()];
            let mut used = Vec::new();
            for &row in rows {
                let mut cell = column.cells[row as usize];
                if let Some(code) = cell.as_text() {
                    let place = &mut codes[code as usize];
                    if *place == u32::MAX {
                        *place = used.len() as u32;
                        used.push(column.dictionary.text(code).to_owned());
                    }
                    cell = Cell::text(*place);
                }
                cells.extend_from_slice(&cell.to_bits().to_le_bytes());
            }
            texts.push(used);
        }
        let spans = rows.iter().map(|&row| table.spans[row as usize]).map(|span| (span.start, span.len)).collect();
        (Self { rows: rows.iter().map(|row| first_row + row).collect(), spans, texts }, cells)
    }
}

/// The rows that have been picked so far.
pub(super) struct Sample {
    /// Their cells; the dictionaries may hold texts of other rows, too.
    pub table: Table,
    /// Their places in the file, rising.
    pub rows: Vec<u32>,
    /// Rows are picked whose hash is at most this.
    pub below: u64,
}

impl Sample {
    /// An empty one, of a table with these columns, of a file of about so many rows.
    pub fn new(columns: Vec<Column>, expected_rows: u64) -> Self {
        let share = MOST_ROWS as f64 / expected_rows.max(1) as f64;
        // Saturates: of a small file, all.
        let below = if share >= 0.9 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
        Self { table: Table { columns, ..Table::default() }, rows: Vec::new(), below }
    }

    /// Takes in what was picked from the next chunk, perhaps with a bound that has fallen since.
    pub fn push(&mut self, picked: Picked, cells: &[u8]) {
        let n = picked.rows.len();
        let kept: Vec<usize> = (0..n).filter(|&at| hash(picked.spans[at].0) <= self.below).collect();
        for (at, (column, texts)) in self.table.columns.iter_mut().zip(&picked.texts).enumerate() {
            let of_text = |text: &String| column.dictionary.code(text).map_or(Cell::UNKEPT_TEXT, Cell::text);
            let texts: Vec<Cell> = texts.iter().map(of_text).collect();
            column.cells.extend(kept.iter().map(|&row| {
                let from = (at * n + row) * 8;
                let bits = cells[from..from + 8].try_into().map_or(0, u64::from_le_bytes);
                let cell = Cell::from_bits(bits);
                cell.as_text().map_or(cell, |code| texts[code as usize])
            }));
        }
        self.rows.extend(kept.iter().map(|&at| picked.rows[at]));
        self.table.spans.extend(kept.iter().map(|&at| Span { start: picked.spans[at].0, len: picked.spans[at].1 }));
        while self.rows.len() > MOST_ROWS {
            self.below /= 2;
            self.prune();
        }
    }

    fn prune(&mut self) {
        let keep: Vec<bool> = self.table.spans.iter().map(|span| is_picked(span, self.below)).collect();
        let mut kept = keep.iter().copied();
        let mut next = || kept.next().unwrap_or(false);
        self.rows.retain(|_| next());
        for column in &mut self.table.columns {
            let mut kept = keep.iter().copied();
            column.cells.retain(|_| kept.next().unwrap_or(false));
        }
        let mut kept = keep.iter().copied();
        self.table.spans.retain(|_| kept.next().unwrap_or(false));
    }
}
