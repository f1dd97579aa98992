//! Bytes that can be read again: a file, a Blob, or what was decoded from one.
//!
//! The library knows neither files nor browsers; programs bring their own [`Store`].

use crate::error::{Error, Result};
use std::any::Any;
use std::ops::Range;

/// Bytes with random access. Reading blocks: in the browser it happens in a worker.
pub trait Store {
    /// The number of bytes.
    fn size(&self) -> u64;

    /// Appends bytes `start .. start + len` to `out`.
    ///
    /// # Errors
    /// If the range does not exist or can no longer be read, for instance because the file has changed.
    fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()>;

    /// Appends the bytes of each of these ranges to `out`, one after the other: in a browser each [`Self::read`] takes
    /// milliseconds, however little is read.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn gather(&self, ranges: &[Range<u64>], out: &mut Vec<u8>) -> Result<()> {
        ranges.iter().try_for_each(|range| self.read(range.start, (range.end - range.start) as usize, out))
    }

    /// Whether these bytes can be read without waiting for them. If not, they are being fetched, and what follows them up to `until`
    /// is, too; the program that made the store steps the job again, or has the hand work, when they are there. To read them all the
    /// same is no fault.
    fn is_near(&self, _range: Range<u64>, _until: u64) -> bool {
        true
    }

    /// Of how many bytes it is best asked at a time whether they are near; `None` if it reads all at once, and never says no.
    fn step(&self) -> Option<u64> {
        None
    }

    /// For the program that made the store to share it with other workers.
    fn as_any(&self) -> &dyn Any;
}

/// A [`Store`] that grows at its end.
pub trait Spool: Store {
    /// # Errors
    /// If there is no room left.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Whether it rather has what a hand writes as a store of its own program than as bytes.
    fn takes_stores(&self) -> bool {
        false
    }

    /// Appends all bytes of a store.
    ///
    /// # Errors
    /// If it cannot be read, or there is no room left.
    fn append_store(&mut self, store: &dyn Store) -> Result<()> {
        let mut bytes = Vec::new();
        store.read(0, store.size() as usize, &mut bytes)?;
        self.append(&bytes)
    }

    /// Whether nothing should be appended for now, since what was has not got where it belongs. The program steps the job again
    /// when that has changed.
    fn is_full(&self) -> bool {
        false
    }

    /// For the program that made the spool to have its own type back.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl Store for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        let range = usize::try_from(start).ok().and_then(|start| Some(start..start.checked_add(len)?));
        let bytes = range.and_then(|range| self.get(range)).ok_or_else(out_of_range)?;
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Spool for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn takes_stores(&self) -> bool {
        true
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// The error of a [`Store::read`] beyond the end.
#[must_use]
pub fn out_of_range() -> Error {
    Error::new("The file is shorter than it was").advice("Open it again")
}
