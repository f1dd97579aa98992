//! Where a file's records are: chunks of [`CHUNK_BYTES`] at most, or about that, cut between records, and each record's bytes.
//!
//! A record takes two bytes here, and a little, whatever it holds: the places of a file that is larger than memory fit in it.

use crate::ingest::Start;
use crate::table::Span;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Large enough that what is done once for a chunk does not count, small enough that several workers get their share of a
/// file of some megabytes and that one chunk's columns are no burden.
pub(super) const CHUNK_BYTES: u64 = 4 << 20;
/// The least that a chunk has nominally, unless it is the whole file.
pub(super) const LEAST_BYTES: u64 = 1 << 20;

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

/// The places of all records. Of a record, only how far the next one is; every [`BLOCK`] records of a chunk it is said where
/// one starts.
#[derive(Default)]
pub(super) struct Places {
    pub chunks: Vec<Chunk>,
    /// Of each chunk, its first block, and how many bytes most of its records end before the next one starts.
    blocks: Vec<(u32, u32)>,
    /// Where the first record of each block starts.
    starts: Vec<u64>,
    /// Of each chunk's records; [`UNUSUAL`] for those that are in `unusual`. One array of all would have to grow, and take twice
    /// the memory for it.
    steps: Vec<Box<[u16]>>,
    /// The steps and lengths of records that are long, or followed by something that is no record.
    unusual: FxHashMap<u32, (u64, u32)>,
}

const BLOCK: usize = 64;
const UNUSUAL: u16 = u16::MAX;

impl Places {
    pub fn n_rows(&self) -> usize {
        self.chunks.last().map_or(0, |chunk| chunk.rows().end)
    }

    /// Appends a chunk and the spans of its records.
    pub fn push(&mut self, chunk: Chunk, spans: &[Span]) {
        let next = |at: usize| spans.get(at + 1).map_or(chunk.end, |next| next.start);
        let rest = |at: usize, span: &Span| next(at) - span.start - u64::from(span.len);
        // One or two, most often: the line end. The middle one of some, since any single record may be followed by more.
        let mut some: Vec<u64> = spans.iter().take(BLOCK).enumerate().map(|(at, span)| rest(at, span)).collect();
        some.sort_unstable();
        let usual = some.get(some.len() / 2).map_or(0, |&rest| rest.min(2)) as u32;
        self.blocks.push((self.starts.len() as u32, usual));
        let mut steps = Vec::with_capacity(spans.len());
        for (at, span) in spans.iter().enumerate() {
            if at % BLOCK == 0 {
                self.starts.push(span.start);
            }
            let step = next(at) - span.start;
            steps.push(match u16::try_from(step) {
                Ok(short) if short != UNUSUAL && rest(at, span) == u64::from(usual) => short,
                _ => {
                    self.unusual.insert(chunk.first_row + at as u32, (step, span.len));
                    UNUSUAL
                }
            });
        }
        self.steps.push(steps.into());
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
        let number = self.chunk_of(row)? as usize;
        let (first_block, usual) = self.blocks[number];
        let first_row = self.chunks[number].first_row;
        let within = (row - first_row) as usize;
        let first = within - within % BLOCK;
        let place = |at: usize| match self.steps[number][at] {
            UNUSUAL => self.unusual[&(first_row + at as u32)],
            step => (u64::from(step), u32::from(step) - usual),
        };
        let start = self.starts[first_block as usize + within / BLOCK];
        let start = start + (first..within).map(|at| place(at).0).sum::<u64>();
        Some(Span { start, len: place(within).1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_found_again() {
        // A blank line after the second record, long records, an empty one, and a last one without a line end.
        let mut spans = vec![(10, 5), (16, 70_000), (70_018, 0), (70_020, 65_535)];
        spans.extend((0..200).map(|row| (200_000 + row * 30, 29)));
        spans.push((206_000, 3));
        let spans: Vec<Span> = spans.into_iter().map(|(start, len)| Span { start, len }).collect();
        let chunk =
            |start, end, first_row, n_rows| Chunk { start: Start::at(start), end, first_row, n_rows, first_line: 1 };
        let mut places = Places::default();
        places.push(chunk(10, 70_020, 0, 3), &spans[..3]);
        places.push(chunk(70_020, 70_020, 3, 0), &[]);
        places.push(chunk(70_020, 206_003, 3, 202), &spans[3..]);
        for (row, expected) in (0..).zip(&spans) {
            assert_eq!(places.span(row), Some(*expected), "row {row}");
        }
        assert_eq!((places.span(205), places.n_rows()), (None, 205));
        assert_eq!([0, 2, 3, 204].map(|row| places.chunk_of(row)), [Some(0), Some(0), Some(2), Some(2)]);
        // Those before what is no record, those that are long, and the last.
        assert_eq!(places.unusual.len(), 4);
    }
}
