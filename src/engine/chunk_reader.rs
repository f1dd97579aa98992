//! Reading the records of a chunk while its bytes come: a browser's pipe holds less than a chunk, and fills again while what came
//! before is cut into cells.

use super::crew::FileId;
use super::places::Chunk;
use crate::error::Result;
use crate::ingest::{Part, PartReader, Plan, Start, guess_start};
use crate::store::Store;
use std::ops::Range;
use std::rc::Rc;

/// Bytes that are waited for at a time.
const STEP: u64 = 1 << 20;
/// Bytes beyond a chunk that are read with it, to see where its last record ends; and at a time, where that is not enough. A browser
/// takes milliseconds each time.
pub(super) const REST: u64 = 64 << 10;

/// See above.
pub(super) struct ChunkReader {
    what: (FileId, Chunk, bool),
    store: Rc<dyn Store>,
    plan: Rc<Plan>,
    state: State,
    /// What has been read, from the first record on once it is known where that starts.
    bytes: Vec<u8>,
    /// The next byte to be read.
    at: u64,
}

enum State {
    /// Of the line end that comes before the first record.
    Seeking,
    Reading(Box<PartReader>, Start),
}

impl ChunkReader {
    /// With `guess`, the first record starts with the first line that does at or after where the chunk starts.
    pub fn new(file: FileId, chunk: Chunk, guess: bool, store: Rc<dyn Store>, plan: Rc<Plan>) -> Self {
        // A line that ends just before the chunk makes its first byte a start.
        let at = chunk.start.offset - u64::from(guess && chunk.start.offset > 0);
        let state = match guess {
            true => State::Seeking,
            false => State::Reading(PartReader::new(&plan, chunk.start, chunk.end).into(), chunk.start),
        };
        let mut reader = Self { what: (file, chunk, guess), store, plan, state, bytes: Vec::new(), at };
        reader.bytes.reserve_exact((reader.last() - at) as usize);
        reader
    }

    /// Whether this is what [`Self::new`] was told.
    pub fn is_of(&self, file: FileId, chunk: Chunk, guess: bool) -> bool {
        self.what == (file, chunk, guess)
    }

    /// Reads as far as bytes are near, see [`Store::is_near`], to which `until` goes; the result says whether that was all of them.
    ///
    /// # Errors
    /// If they can no longer be read, or are too many to be held.
    pub fn advance(&mut self, until: u64) -> Result<bool> {
        while let Some(next) = self.next() {
            if !self.store.is_near(next.clone(), until.max(next.end)) {
                return Ok(false);
            }
            self.read(next)?;
        }
        Ok(true)
    }

    /// The records, and the bytes from the first of them to the start of the next chunk's, after waiting for what has not come.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn finish(mut self) -> Result<(Part, Vec<u8>)> {
        while let Some(next) = self.next() {
            self.read(next)?;
        }
        let Self { mut bytes, state, .. } = self;
        let State::Reading(reader, start) = state else {
            unreachable!("it is read until a start is found, or given up")
        };
        let part = reader.finish()?;
        bytes.truncate((part.end.offset - start.offset) as usize);
        Ok((part, bytes))
    }

    /// Up to where is read, as far as is known.
    fn last(&self) -> u64 {
        let (_, Chunk { end, .. }, _) = self.what;
        end.max(self.at).saturating_add(REST).min(self.store.size())
    }

    /// What is to be read next.
    fn next(&self) -> Option<Range<u64>> {
        let is_done = matches!(&self.state, State::Reading(reader, _) if reader.is_done());
        let last = self.last();
        // No step is a short one.
        let until = if last - self.at < 2 * STEP { last } else { self.at + STEP };
        (!is_done && self.at < until).then_some(self.at..until)
    }

    fn read(&mut self, next: Range<u64>) -> Result<()> {
        let mut new = self.bytes.len();
        self.store.read(next.start, (next.end - next.start) as usize, &mut self.bytes)?;
        self.at = next.end;
        if let State::Seeking = self.state {
            let (_, Chunk { end, .. }, _) = self.what;
            let start = match guess_start(&self.bytes[new..], &self.plan) {
                Some(found) => {
                    let start = next.start + found as u64;
                    self.bytes.drain(..new + found);
                    new = 0;
                    start
                }
                // Whoever has the chunks before this one knows where its records start, if there are any.
                None if self.next().is_none() || self.at >= end => end,
                None => return Ok(()),
            };
            let start = Start::at(start);
            self.state = State::Reading(PartReader::new(&self.plan, start, end).into(), start);
        }
        match &mut self.state {
            State::Reading(reader, _) if !reader.is_done() => reader.push(&self.bytes[new..]),
            _ => Ok(()),
        }
    }
}
