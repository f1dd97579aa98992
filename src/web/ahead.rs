//! Reading ahead of what is needed next: one stream of the browser's for many chunks in a row. To begin one takes it milliseconds,
//! and while a worker is busy with one chunk, the browser goes on with the next, as far as its pipe has room.

use js_sys::futures::{JsFuture, spawn_local};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::{Rc, Weak};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ReadableStreamByobReader, ReadableStreamDefaultReader, ReadableStreamReadResult};

/// Bytes that may wait in the browser's memory, beside those that somebody waits for.
const MOST_WAITING: u64 = 4 << 20;
/// Pieces of memory that are kept to be filled again.
const MOST_FREE: usize = (MOST_WAITING / PIECE as u64) as usize;
/// Bytes that are rather passed over than read by another stream.
const MOST_SKIPPED: u64 = 4 << 20;

/// Bytes that a piece may have: half of what Chromium's pipe holds, so that it fills again while they are cut into cells.
pub(super) const PIECE: u32 = 1 << 20;

/// The stream of one file.
pub(super) struct Ahead {
    stream: RefCell<Option<Rc<Stream>>>,
    /// Memory of pieces that are no longer needed, of this stream or of one before, as long as the file is open: new memory takes a
    /// browser longer than what it puts there.
    free: Free,
    /// Called when bytes have come that were waited for.
    on_near: Rc<dyn Fn()>,
}

type Free = Rc<RefCell<Vec<ArrayBuffer>>>;

struct Stream {
    reader: Reader,
    flow: RefCell<Flow>,
}

enum Reader {
    /// Puts pieces where others were.
    Filling(ReadableStreamByobReader),
    /// Not every browser has that.
    Giving(ReadableStreamDefaultReader),
}

/// How far it has come.
struct Flow {
    /// What has come and may still be needed, each with its place in the file.
    pieces: VecDeque<(u64, Uint8Array)>,
    free: Free,
    /// Where the next piece begins, and where the last one ends.
    at: u64,
    end: u64,
    /// Up to where somebody waits for it.
    awaited: Option<u64>,
    is_flowing: bool,
    has_failed: bool,
}

impl Ahead {
    pub fn new(on_near: Rc<dyn Fn()>) -> Self {
        Self { stream: RefCell::default(), free: Free::default(), on_near }
    }

    /// Whether these bytes are there; if not, they are on their way, and so is what follows them up to `until`. `blob_of` gives a part
    /// of the file. What cannot be read is as good as there: whoever then reads it is told why.
    pub fn is_near(&self, range: &Range<u64>, until: u64, blob_of: impl FnOnce(Range<u64>) -> Option<Blob>) -> bool {
        let mut stream = self.stream.borrow_mut();
        if stream.as_ref().is_none_or(|stream| !stream.flow.borrow().leads_to(range)) {
            let end = until.max(range.end);
            *stream =
                blob_of(range.start..end).and_then(|blob| Stream::new(&blob, range.start..end, self.free.clone()));
        }
        let Some(stream) = &*stream else { return true };
        let mut flow = stream.flow.borrow_mut();
        flow.forget_before(range.start);
        let is_near = flow.at >= range.end || flow.has_failed;
        if !is_near {
            flow.awaited = Some(range.end);
        }
        if flow.wants_more() && !std::mem::replace(&mut flow.is_flowing, true) {
            spawn_local(pump(Rc::downgrade(stream), self.on_near.clone()));
        }
        is_near
    }

    /// Appends these bytes to `out`, if all of them are there.
    pub fn read(&self, range: &Range<u64>, out: &mut Vec<u8>) -> bool {
        let stream = self.stream.borrow();
        let Some(flow) = stream.as_ref().map(|stream| stream.flow.borrow()) else { return false };
        if flow.start() > range.start || flow.at < range.end {
            return false;
        }
        let len = out.len();
        out.reserve_exact((range.end - range.start) as usize);
        for (place, piece) in &flow.pieces {
            let within = |at: u64| (at.clamp(*place, place + u64::from(piece.length())) - place) as u32;
            append(&piece.subarray(within(range.start), within(range.end)), out);
        }
        debug_assert_eq!(out.len() - len, (range.end - range.start) as usize);
        let is_over = range.end == flow.end;
        drop(flow);
        drop(stream);
        if is_over {
            self.stream.take();
        }
        true
    }
}

impl Stream {
    /// `None` if the browser has none.
    fn new(blob: &Blob, range: Range<u64>, free: Free) -> Option<Rc<Self>> {
        let stream = blob.stream();
        let reader = match ReadableStreamByobReader::new(&stream) {
            Ok(reader) => Reader::Filling(reader),
            Err(_) => Reader::Giving(stream.get_reader().dyn_into().ok()?),
        };
        let flow = Flow {
            pieces: VecDeque::new(),
            free,
            at: range.start,
            end: range.end,
            awaited: None,
            is_flowing: false,
            has_failed: false,
        };
        Some(Rc::new(Self { reader, flow: RefCell::new(flow) }))
    }

    /// Asks for the next piece.
    fn read(&self) -> Promise {
        match &self.reader {
            Reader::Giving(reader) => reader.read(),
            Reader::Filling(reader) => {
                let free = self.flow.borrow().free.borrow_mut().pop();
                let free = free.unwrap_or_else(|| ArrayBuffer::new(PIECE));
                reader.read_with_array_buffer_view(&Uint8Array::new(&free))
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.flow.get_mut().forget_before(u64::MAX);
        // Otherwise the browser would keep what it has read. What it could not read has been said already.
        let cancelled = match &self.reader {
            Reader::Filling(reader) => reader.cancel(),
            Reader::Giving(reader) => reader.cancel(),
        };
        spawn_local(async { drop(JsFuture::from(cancelled).await) });
    }
}

impl Flow {
    /// The first byte that is there.
    fn start(&self) -> u64 {
        self.pieces.front().map_or(self.at, |(place, _)| *place)
    }

    /// Whether it has these bytes or will, without passing over many.
    fn leads_to(&self, range: &Range<u64>) -> bool {
        (self.start()..=self.at + MOST_SKIPPED).contains(&range.start) && range.end <= self.end
    }

    fn forget_before(&mut self, start: u64) {
        while self.pieces.front().is_some_and(|(place, piece)| place + u64::from(piece.length()) <= start) {
            if let Some((_, piece)) = self.pieces.pop_front() {
                self.reuse(&piece);
            }
        }
    }

    /// Takes the memory of a piece that is no longer needed, if it is as large as those that are filled.
    fn reuse(&self, piece: &Uint8Array) {
        let (buffer, mut free) = (piece.buffer(), self.free.borrow_mut());
        if buffer.byte_length() == PIECE && free.len() < MOST_FREE {
            free.push(buffer);
        }
    }

    fn wants_more(&self) -> bool {
        let is_awaited = self.awaited.is_some_and(|awaited| self.at < awaited);
        !self.has_failed && self.at < self.end && (is_awaited || self.at - self.start() < MOST_WAITING)
    }

    /// Takes what the stream has given; the result says whether somebody has waited for it.
    fn take(&mut self, given: Result<JsValue, JsValue>) -> bool {
        let piece = given.ok().map(JsCast::unchecked_into::<ReadableStreamReadResult>);
        let piece = piece.filter(|piece| piece.get_done() != Some(true)).map(|piece| piece.get_value());
        match piece.and_then(|piece| piece.dyn_into::<Uint8Array>().ok()) {
            Some(piece) => {
                let len = piece.length();
                // One that fills little of its memory gets memory of its size.
                let piece = if len < PIECE / 2 {
                    self.reuse(&piece);
                    piece.slice(0, len)
                } else {
                    piece
                };
                self.pieces.push_back((self.at, piece));
                self.at += u64::from(len);
            }
            // It has ended before its end: the file is another than it was.
            None => self.has_failed = true,
        }
        self.awaited.take_if(|awaited| self.at >= *awaited || self.has_failed).is_some()
    }
}

/// Appends bytes of the browser's, without filling the room for them with zeros first.
pub(super) fn append(bytes: &Uint8Array, out: &mut Vec<u8>) {
    let n = bytes.length() as usize;
    out.reserve_exact(n);
    bytes.copy_to_uninit(&mut out.spare_capacity_mut()[..n]);
    // SAFETY: so many bytes behind the end were written just now.
    unsafe { out.set_len(out.len() + n) };
}

/// Takes what comes, as long as it is wanted.
async fn pump(stream: Weak<Stream>, on_near: Rc<dyn Fn()>) {
    loop {
        let Some(promise) = stream.upgrade().map(|stream| stream.read()) else { return };
        let given = JsFuture::from(promise).await;
        let Some(stream) = stream.upgrade() else { return };
        let (was_awaited, goes_on) = {
            let mut flow = stream.flow.borrow_mut();
            let was_awaited = flow.take(given);
            flow.is_flowing = flow.wants_more();
            (was_awaited, flow.is_flowing)
        };
        drop(stream);
        if was_awaited {
            on_near();
        }
        if !goes_on {
            return;
        }
    }
}
