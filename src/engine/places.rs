//! Where a file's records are: chunks of about [`CHUNK_BYTES`], cut between records, and each record's bytes.
//!
//! A record takes six bytes here, whatever it holds, so that the places of a file that is larger than memory fit in it.

use crate::ingest::Start;
use crate::table::Span;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Large enough that what is done once for a chunk does not count, small enough that several workers get their share of a
/// file of some megabytes and that one chunk's columns are no burden.
pub(super) const CHUNK_BYTES: u64 = 4 << 20;

/// Some consecutive records of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// Where the first record starts in the decoded file, and the byte after the last one.
    pub start: Start,
    pub end: u64,
    pub first_row: u32,
    pub n_rows: u32,
    /// The line in which the first record starts, from 1.
    pub first_line: u64,
}

impl Chunk {
    /// The bytes.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.start.offset..self.end
    }

    /// The rows' places in arrays of all rows.
    pub fn rows(&self) -> std::ops::Range<usize> {
        self.first_row as usize..self.first_row as usize + self.n_rows as usize
    }
}

/// The places of all records.
#[derive(Default)]
pub(super) struct Places {
    pub chunks: Vec<Chunk>,
    /// Of each record, counted from its chunk's start.
    starts: Vec<u32>,
    /// [`LONG`] for those that are in `long`.
    lens: Vec<u16>,
    long: FxHashMap<u32, u32>,
}

const LONG: u16 = u16::MAX;

impl Places {
    pub fn n_rows(&self) -> usize {
        self.starts.len()
    }

    /// Appends a chunk and the spans of its records.
    pub fn push(&mut self, chunk: Chunk, spans: impl Iterator<Item = Span>) {
        self.starts.reserve(chunk.n_rows as usize);
        self.lens.reserve(chunk.n_rows as usize);
        for (row, span) in (chunk.first_row..).zip(spans) {
            self.starts.push((span.start - chunk.start.offset) as u32);
            self.lens.push(u16::try_from(span.len).unwrap_or(LONG));
            if span.len >= u32::from(LONG) {
                self.long.insert(row, span.len);
            }
        }
        self.chunks.push(chunk);
    }

    /// The chunk that holds a row.
    pub fn chunk_of(&self, row: u32) -> Option<u32> {
        if row as usize >= self.n_rows() {
            return None;
        }
        // An empty chunk begins with the row that the next one begins with.
        Some(self.chunks.partition_point(|chunk| chunk.first_row <= row) as u32 - 1)
    }

    pub fn span(&self, row: u32) -> Option<Span> {
        let chunk = self.chunks[self.chunk_of(row)? as usize];
        let len = match self.lens[row as usize] {
            LONG => self.long[&row],
            len => u32::from(len),
        };
        Some(Span { start: chunk.start.offset + u64::from(self.starts[row as usize]), len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_found_again() {
        let spans = [(10, 5), (15, 70_000), (70_016, 0), (70_020, 65_535), (200_000, 3)];
        let span = |&(start, len): &(u64, u32)| Span { start, len };
        let chunk =
            |start, end, first_row, n_rows| Chunk { start: Start::at(start), end, first_row, n_rows, first_line: 1 };
        let mut places = Places::default();
        places.push(chunk(10, 70_020, 0, 3), spans[..3].iter().map(span));
        places.push(chunk(70_020, 70_020, 3, 0), [].iter().map(span));
        places.push(chunk(70_020, 200_003, 3, 2), spans[3..].iter().map(span));
        for (row, expected) in (0..).zip(&spans) {
            assert_eq!(places.span(row), Some(span(expected)), "row {row}");
        }
        assert_eq!((places.span(5), places.n_rows()), (None, 5));
        assert_eq!([0, 2, 3, 4].map(|row| places.chunk_of(row)), [Some(0), Some(0), Some(2), Some(2)]);
    }
}
