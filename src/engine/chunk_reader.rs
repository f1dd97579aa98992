//! Reading the records of a chunk while its bytes come: a browser's pipe holds less than a chunk, and fills again while what came
//! before is cut into cells.

use super::crew::FileId;
use super::places::Chunk;
use crate::error::Result;
use crate::ingest::{Part, PartReader, Plan, Start, guess_start};
use crate::store::Store;
use std::ops::Range;
use std::rc::Rc;

/// Bytes beyond a chunk that are read with it, to see where its last record ends: a browser takes milliseconds each time.
pub(super) const REST: u64 = 64 << 10;
/// Bytes that are read at a time where that is not enough.
const MORE: u64 = 1 << 20;

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

    pub fn file(&self) -> FileId {
        self.what.0
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
        while let Some(next) = self.next(self.store.step()) {
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
        while let Some(next) = self.next(None) {
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
        let more = if self.at > end { self.at.saturating_add(MORE) } else { end.saturating_add(REST) };
        more.min(self.store.size())
    }

    /// What is to be read next, in steps of so many bytes.
    fn next(&self, step: Option<u64>) -> Option<Range<u64>> {
        let is_done = matches!(&self.state, State::Reading(reader, _) if reader.is_done());
        let last = self.last();
        // No step is a short one.
        let step = step.filter(|&step| last - self.at >= 2 * step);
        let until = step.map_or(last, |step| self.at + step);
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
                None if self.next(None).is_none() || self.at >= end => end,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::any::Any;
    use std::cell::RefCell;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Bytes of which each range is near when it is asked for again.
    struct Far {
        bytes: Vec<u8>,
        asked: RefCell<Vec<Range<u64>>>,
    }

    impl Store for Far {
        fn size(&self) -> u64 {
            self.bytes.size()
        }

        fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
            assert!(self.asked.borrow().contains(&(start..start + len as u64)), "what is read was near");
            self.bytes.read(start, len, out)
        }

        fn is_near(&self, range: Range<u64>, until: u64) -> bool {
            assert!(!range.is_empty() && range.end <= self.size() && range.end <= until);
            let mut asked = self.asked.borrow_mut();
            let is_near = asked.contains(&range);
            asked.push(range);
            is_near
        }

        fn step(&self) -> Option<u64> {
            Some(1 << 20)
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    /// Reads a chunk step by step: the lines of its records, and in how many steps.
    fn lines(file: &[u8], range: Range<u64>, guess: bool) -> (Vec<String>, usize) {
        let plan = Rc::new(Plan::new(&file[..file.len().min(Plan::HEAD)]).unwrap());
        let chunk = Chunk { start: Start::at(range.start), end: range.end, first_row: 0, n_rows: 0, first_line: 0 };
        let far = Rc::new(Far { bytes: file.to_vec(), asked: RefCell::default() });
        let mut reader = ChunkReader::new(1, chunk, guess, far.clone(), plan.clone());
        assert!(reader.is_of(1, chunk, guess) && !reader.is_of(2, chunk, guess) && !reader.is_of(1, chunk, !guess));
        let mut waited = 0;
        while !reader.advance(range.end + REST).unwrap() {
            waited += 1;
        }
        let (part, bytes) = reader.finish().unwrap();
        assert_eq!(far.asked.borrow().len(), 2 * waited, "a step is asked for twice");
        // All at once, it is the same.
        let at_once = ChunkReader::new(1, chunk, guess, Rc::new(file.to_vec()), plan).finish().unwrap();
        assert_eq!((&part.table.spans, part.start, part.end), (&at_once.0.table.spans, at_once.0.start, at_once.0.end));
        assert_eq!(bytes, at_once.1);
        assert_eq!(bytes, file[part.start.offset as usize..part.end.offset as usize]);
        let line =
            |span: &crate::table::Span| String::from_utf8(file[span.start as usize..][..span.len as usize].to_vec());
        (part.table.spans.iter().map(line).collect::<std::result::Result<_, _>>().unwrap(), waited)
    }

    #[test]
    fn a_chunk_is_read_in_steps() {
        let mut file = b"number,text\n".to_vec();
        let first = file.len() as u64;
        let line = |at: usize| format!("{at},{}\n", "x".repeat(40 + at % 50));
        (0..60_000).for_each(|at| file.extend_from_slice(line(at).as_bytes()));
        let (size, cut) = (file.len() as u64, first + (5 << 19));
        let (before, steps) = lines(&file, first..cut, false);
        assert_eq!(steps, 2, "the last one is longer than the others");
        let (after, steps) = lines(&file, cut..size, true);
        assert_eq!(steps, 1);
        let all: Vec<String> = before.into_iter().chain(after).collect();
        assert_eq!(all.len(), 60_000);
        assert!(all.iter().enumerate().all(|(at, text)| *text == line(at).trim_end()));
        // Nothing starts at the end of a file.
        assert_eq!(lines(&file, size..size, false).0.len(), 0);
        assert_eq!(lines(&file, size..size, true).0.len(), 0);
    }

    #[test]
    fn a_line_may_be_longer_than_a_step_and_than_a_chunk() {
        let mut file = b"number,text\n1,a\n2,".to_vec();
        file.resize(file.len() + (5 << 20), b'b');
        file.extend_from_slice(b"\n3,c\n");
        let size = file.len() as u64;
        // Within it, no record starts, and none is looked for beyond the chunk.
        assert_eq!(lines(&file, 1 << 20..3 << 20, true).0.len(), 0);
        let (found, steps) = lines(&file, 3 << 20..size, true);
        assert_eq!((found, steps), (vec!["3,c".to_owned()], 2));
        let (found, steps) = lines(&file, 12..1 << 20, false);
        assert_eq!((found.len(), found[1].len()), (2, (5 << 20) + 2));
        assert!((4..=6).contains(&steps), "{steps}");
    }
}
