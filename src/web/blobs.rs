//! Blobs as [`Store`]s.

use super::ahead::{Ahead, PIECE, append};
use crate::error::{Error, Result};
use crate::store::{Spool, Store, out_of_range};
use js_sys::{Array, Reflect, Uint8Array};
use std::any::Any;
use std::ops::Range;
use std::rc::Rc;
use std::slice;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, FileReaderSync};

/// A Blob, or several in a row, read where they lie: the browser keeps large ones on disk, not in this program's memory.
#[derive(Default)]
pub struct BlobStore {
    /// Each with the offset of its first byte.
    parts: Vec<(u64, Blob)>,
    /// The end, not yet a Blob of its own.
    tail: Vec<u8>,
    size: u64,
    /// Where a worker is to be called when bytes have come.
    ahead: Option<Ahead>,
}

/// Small appends are gathered into Blobs of this size, so that a large store has few parts.
const PART_BYTES: usize = 8 << 20;
/// Appends of this size become Blobs by themselves.
const LARGE: usize = 1 << 20;

/// Ranges within so many bytes are read together, with what lies between them.
const CLOSE: u64 = 256 << 10;

/// The browser's own copy of some bytes.
fn to_blob(bytes: &[u8]) -> Blob {
    // SAFETY: the view is gone before anything of ours runs again that could move the memory: a Blob copies when it is made.
    let view = unsafe { Uint8Array::view(bytes) };
    Blob::new_with_u8_array_sequence(&Array::of1(&view)).expect("bytes make a Blob")
}

fn unreadable(_: JsValue) -> Error {
    Error::new("The file can no longer be read; it may have been changed or moved").advice("Open it again")
}

/// Of Blobs that the browser could not keep, which it says when they are read.
pub(super) fn no_room() -> Error {
    Error::new("The browser has no room for a file of this size")
        .advice("Private windows keep files in memory: open the page in a normal one, or free some room")
}

/// Whether a Blob can go through a port between two workers. In Firefox 153 only one stream at a time of those that did can be read:
/// whoever begins another waits for ever. What only Chromium has tells them apart.
pub(super) fn ports_take_blobs() -> bool {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into());
    navigator.is_ok_and(|navigator| Reflect::has(&navigator, &"userAgentData".into()).unwrap_or(false))
}

/// The Blob of a store of the browser's.
pub(super) fn blob_of(store: &dyn Store) -> Result<Blob> {
    let store = store.as_any().downcast_ref::<BlobStore>();
    store.map(|store| store.to_blob("")).ok_or_else(|| Error::new("What was written is not the browser's"))
}

impl BlobStore {
    #[must_use]
    pub fn new(blob: Blob) -> Self {
        let size = blob.size() as u64;
        Self { parts: vec![(0, blob)], size, ..Self::default() }
    }

    /// One that reads ahead, and calls `on_near` when what was asked for by [`Store::is_near`] has come.
    #[must_use]
    pub fn ahead(blob: Blob, on_near: Rc<dyn Fn()>) -> Self {
        Self { ahead: Some(Ahead::new(on_near)), ..Self::new(blob) }
    }

    /// Everything as one Blob of this type; by reference, the bytes are not copied.
    #[must_use]
    pub fn to_blob(&self, mime: &str) -> Blob {
        let sequence: Array = self.parts.iter().map(|(_, blob)| blob).collect();
        if !self.tail.is_empty() {
            sequence.push(&Uint8Array::from(self.tail.as_slice()));
        }
        let properties = web_sys::BlobPropertyBag::new();
        properties.set_type(mime);
        Blob::new_with_blob_sequence_and_options(&sequence, &properties).expect("Blobs make a Blob")
    }

    /// The same, for a person to keep.
    ///
    /// # Errors
    /// If the browser has had no room for all of it, of which it says nothing before the bytes are read.
    pub fn to_download(&self, mime: &str) -> Result<Blob> {
        let blob = self.to_blob(mime);
        let last = blob.slice_with_f64((blob.size() - 1.0).max(0.0));
        let reader = FileReaderSync::new().expect("this runs in a worker");
        match last.and_then(|last| reader.read_as_array_buffer(&last)) {
            Ok(_) => Ok(blob),
            Err(_) => Err(no_room()),
        }
    }

    /// Appends what makes up some of the bytes: slices of Blobs, and a copy of what is in the tail.
    fn slices(&self, range: Range<u64>, pieces: &Array) -> Result<()> {
        if range.end > self.size {
            return Err(out_of_range());
        }
        let mut at = range.start;
        let tail_start = self.size - self.tail.len() as u64;
        while at < range.end.min(tail_start) {
            let part = self.parts.partition_point(|&(offset, _)| offset <= at) - 1;
            let (offset, blob) = &self.parts[part];
            let part_end = self.parts.get(part + 1).map_or(tail_start, |&(next, _)| next);
            let until = range.end.min(part_end);
            let slice = blob.slice_with_f64_and_f64((at - offset) as f64, (until - offset) as f64);
            let slice = slice.map_err(unreadable)?;
            pieces.push(&slice);
            at = until;
        }
        if at < range.end {
            let tail = (at - tail_start) as usize..(range.end - tail_start) as usize;
            pieces.push(&to_blob(&self.tail[tail]));
        }
        Ok(())
    }

    /// Some of the bytes: slices of Blobs in a row are one Blob, of which nothing is copied before it is read.
    fn part(&self, ranges: &[Range<u64>]) -> Result<Blob> {
        let pieces = Array::new();
        for range in ranges {
            self.slices(range.clone(), &pieces)?;
        }
        match pieces.length() {
            1 => Ok(pieces.get(0).unchecked_into()),
            _ => Blob::new_with_blob_sequence(&pieces).map_err(unreadable),
        }
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push((self.size - self.tail.len() as u64, to_blob(&self.tail)));
            self.tail.clear();
        }
    }
}

impl Store for BlobStore {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        let end = start.checked_add(len as u64).ok_or_else(out_of_range)?;
        self.gather(slice::from_ref(&(start..end)), out)
    }

    fn gather(&self, ranges: &[Range<u64>], out: &mut Vec<u8>) -> Result<()> {
        let tail_start = self.size - self.tail.len() as u64;
        if ranges.iter().all(|range| range.start >= tail_start && range.end <= self.size) {
            let tail = |at: u64| (at - tail_start) as usize;
            ranges.iter().for_each(|range| out.extend_from_slice(&self.tail[tail(range.start)..tail(range.end)]));
            return Ok(());
        }
        // Each slice costs the browser a third of a millisecond, so what lies close together is one.
        let whole = ranges.iter().cloned().reduce(|all, one| all.start.min(one.start)..all.end.max(one.end));
        if let Some(whole) = whole.filter(|whole| ranges.len() > 1 && whole.end - whole.start <= CLOSE) {
            let mut bytes = Vec::new();
            self.gather(slice::from_ref(&whole), &mut bytes)?;
            let within = |at: u64| (at - whole.start) as usize;
            ranges.iter().for_each(|range| out.extend_from_slice(&bytes[within(range.start)..within(range.end)]));
            return Ok(());
        }
        if let (Some(ahead), [range]) = (&self.ahead, ranges)
            && ahead.read(range, out)
        {
            return Ok(());
        }
        let len: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let whole = self.part(ranges)?;
        let reader = FileReaderSync::new().expect("this runs in a worker");
        let bytes = Uint8Array::new(&reader.read_as_array_buffer(&whole).map_err(unreadable)?.into());
        if u64::from(bytes.length()) != len {
            return Err(out_of_range());
        }
        append(&bytes, out);
        Ok(())
    }

    fn is_near(&self, range: Range<u64>, until: u64) -> bool {
        let Some(ahead) = &self.ahead else { return true };
        range.end > self.size
            // Less is read at once.
            || range.end - range.start < u64::from(PIECE)
            || ahead.is_near(&range, until.min(self.size), |part| self.part(slice::from_ref(&part)).ok())
    }

    fn step(&self) -> Option<u64> {
        self.ahead.as_ref().map(|_| PIECE.into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Spool for BlobStore {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() >= LARGE {
            self.flush();
            self.parts.push((self.size, to_blob(bytes)));
            self.size += bytes.len() as u64;
            return Ok(());
        }
        self.tail.extend_from_slice(bytes);
        self.size += bytes.len() as u64;
        if self.tail.len() >= PART_BYTES {
            self.flush();
        }
        Ok(())
    }

    fn takes_stores(&self) -> bool {
        ports_take_blobs()
    }

    /// By reference, the bytes are not copied.
    fn append_store(&mut self, store: &dyn Store) -> Result<()> {
        self.flush();
        self.parts.push((self.size, blob_of(store)?));
        self.size += store.size();
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
