//! The browser's side of things: a typed port over `postMessage`, and Blobs as [`Store`]s.
//!
//! A message between the page and its worker is an array `[job, message, bulk, beside]`: the job's number, a request as a value or
//! a reply as bytes, an array of typed arrays that are transferred, and a Blob, a file to write to or `undefined`, which are
//! cloned by reference. Nothing else of the library knows JavaScript.
//!
//! The page gives its worker hands: further workers, each joined to it by a port of a message channel, whose messages are
//! arrays `[bytes, bulk, blob]`. A hand says `true` once it can hear. Which of the two a worker is to be, the page says by an
//! array that begins with [`HIRE`] or [`SERVE`] and goes on with ports.

use crate::engine::{Answered, Heard, Pool};
use crate::error::{Error, Result};
use crate::protocol::{Bulk, JobId, Reply, Request};
use crate::store::{Spool, Store, out_of_range};
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use js_sys::futures::{JsFuture, spawn_local};
use js_sys::{Array, Float32Array, Function, Object, Promise, Reflect, Uint8Array, Uint32Array};
use serde::Serialize;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::slice;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, ErrorEvent, FileReaderSync, FileSystemFileHandle, FileSystemWritableFileStream,
    MessageChannel, MessageEvent, MessagePort, Worker,
};

/// A message as it arrived.
#[derive(Debug)]
pub struct Incoming<T> {
    pub job: JobId,
    pub message: T,
    pub bulk: Arrived,
    pub blob: Option<Blob>,
    /// A file to write to.
    pub file: Option<FileSystemFileHandle>,
}

/// Typed arrays of the bulk, and the memory below them, which is what is transferred.
fn pack_bulk(bulk: &[Bulk]) -> (Array, Array) {
    let (buffers, transfer) = (Array::new(), Array::new());
    for part in bulk {
        let buffer = match part {
            Bulk::U8(x) => Uint8Array::from(x.as_slice()).unchecked_into::<Object>(),
            Bulk::U32(x) => Uint32Array::from(x.as_slice()).unchecked_into(),
            Bulk::F32(x) => Float32Array::from(x.as_slice()).unchecked_into(),
        };
        transfer.push(&buffer.unchecked_ref::<Uint8Array>().buffer());
        buffers.push(&buffer);
    }
    (buffers, transfer)
}

fn unpack_bulk(buffers: &Array) -> Option<Vec<Bulk>> {
    let bulk = buffers.iter().map(|buffer| {
        if let Some(x) = buffer.dyn_ref::<Float32Array>() {
            Some(Bulk::F32(x.to_vec()))
        } else if let Some(x) = buffer.dyn_ref::<Uint32Array>() {
            Some(Bulk::U32(x.to_vec().into()))
        } else {
            buffer.dyn_ref::<Uint8Array>().map(|x| Bulk::U8(x.to_vec()))
        }
    });
    bulk.collect()
}

/// Numbers that are copied into our memory at a time.
const SLICE: usize = 1 << 19;

/// Gives way to whatever else there is to do.
async fn turn() {
    let soon = Promise::new(&mut |resolve, _| {
        Timeout::new(0, move || drop(resolve.call0(&JsValue::UNDEFINED))).forget();
    });
    let _ = JsFuture::from(soon).await;
}

/// Bulk as it arrived, not in our memory yet.
#[derive(Clone, Debug)]
pub struct Arrived(Array);

impl Arrived {
    #[must_use]
    pub fn none() -> Self {
        Self(Array::new())
    }

    /// All of it; `None` if it is none of this protocol.
    #[must_use]
    pub fn take(&self) -> Option<Vec<Bulk>> {
        unpack_bulk(&self.0)
    }

    /// One of its parts, if it is of such numbers. Never busy for long: for the page, which must answer the person meanwhile.
    pub async fn numbers_slowly(&self, at: u32) -> Option<Vec<f32>> {
        let buffer: Float32Array = self.0.get(at).dyn_into().ok()?;
        let n = buffer.length() as usize;
        let mut all = Vec::with_capacity(n);
        while all.len() < n {
            if !all.is_empty() {
                turn().await;
            }
            let (start, end) = (all.len(), n.min(all.len() + SLICE));
            // New memory costs time where it is first written to, so that is done slice by slice, too.
            all.resize(end, 0.0);
            buffer.subarray(start as u32, end as u32).copy_to(&mut all[start..]);
        }
        Some(all)
    }

    /// The same, of bytes, which are handed over slice by slice.
    pub async fn bytes_slowly(&self, at: u32, mut take: impl FnMut(&[u8])) -> Option<()> {
        let buffer: Uint8Array = self.0.get(at).dyn_into().ok()?;
        let n = buffer.length();
        for start in (0..n).step_by(SLICE) {
            if start > 0 {
                turn().await;
            }
            take(&buffer.subarray(start, n.min(start + SLICE as u32)).to_vec());
        }
        Some(())
    }

    /// The same, of rows, which are not copied.
    #[must_use]
    pub fn rows(&self, at: u32) -> Option<RowList> {
        self.0.get(at).dyn_into().ok().map(RowList)
    }
}

/// Rows in some order. They stay in the browser's memory, since a page shows a few of millions at a time.
#[derive(Clone, Debug, Default)]
pub struct RowList(Uint32Array);

impl RowList {
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.length() as usize
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<u32> {
        (place < self.len()).then(|| self.0.get_index(place as u32))
    }

    /// The rows at some places; those beyond the end are left out.
    #[must_use]
    pub fn window(&self, places: Range<usize>) -> Vec<u32> {
        let end = places.end.min(self.len());
        self.0.subarray(places.start.min(end) as u32, end as u32).to_vec()
    }
}

/// The same list, and not one of the same rows.
impl PartialEq for RowList {
    fn eq(&self, other: &Self) -> bool {
        AsRef::<JsValue>::as_ref(&self.0) == AsRef::<JsValue>::as_ref(&other.0)
    }
}

/// A request is a few values, which the browser's tools can show: it travels as these.
fn request_value(request: &Request) -> JsValue {
    // Numbers beyond 2^53 (seeds) must survive.
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    request.serialize(&serializer).expect("every request is a plain value")
}

fn request_of(value: JsValue) -> Option<Request> {
    serde_wasm_bindgen::from_value(value).ok()
}

/// A reply may be thousands of values, and would take the page's thread long to make one by one: it travels as bytes.
fn reply_value(reply: &Reply) -> JsValue {
    let bytes = postcard::to_stdvec(reply).expect("every reply is a plain value");
    Uint8Array::from(bytes.as_slice()).into()
}

fn reply_of(value: JsValue) -> Option<Reply> {
    postcard::from_bytes(&value.dyn_ref::<Uint8Array>()?.to_vec()).ok()
}

fn pack(job: JobId, message: &JsValue, bulk: &[Bulk], beside: Option<&JsValue>) -> (Array, Array) {
    let (buffers, transfer) = pack_bulk(bulk);
    (Array::of4(&job.into(), message, &buffers, beside.unwrap_or(&JsValue::UNDEFINED)), transfer)
}

/// `None` if it is not a message of this protocol, as when page and worker are of different builds.
fn unpack<T>(data: &JsValue, message_of: impl FnOnce(JsValue) -> Option<T>) -> Option<Incoming<T>> {
    let parts: &Array = data.dyn_ref()?;
    Some(Incoming {
        job: parts.get(0).as_f64()? as JobId,
        message: message_of(parts.get(1))?,
        bulk: Arrived(parts.get(2).dyn_into().ok()?),
        blob: parts.get(3).dyn_into().ok(),
        file: parts.get(3).dyn_into().ok(),
    })
}

/// The first element of the page's word to a worker that is to direct hands.
const HIRE: &str = "hire";
/// The same, to a worker that is to be a hand.
const SERVE: &str = "serve";

/// The page's end of the port: it owns the worker, which ends when this is dropped.
#[derive(Debug)]
pub struct WorkerPort {
    worker: Worker,
    /// For a worker that is to be a hand, the port at which it will serve.
    service: RefCell<Option<MessagePort>>,
    _listeners: [EventListener; 3],
}

impl WorkerPort {
    /// Starts the worker's script at `url`. `on_crash` hears, once, that the worker can no longer be used.
    ///
    /// # Errors
    /// If the browser refuses to start a worker at all.
    pub fn spawn(
        url: &str,
        mut on_reply: impl FnMut(Incoming<Reply>) + 'static,
        on_crash: impl Fn(String) + Clone + 'static,
    ) -> std::result::Result<Self, JsValue> {
        let worker = Worker::new(url)?;
        let unreadable = on_crash.clone();
        let on_message = EventListener::new(&worker, "message", move |event| {
            let data = event.unchecked_ref::<MessageEvent>().data();
            match unpack(&data, reply_of) {
                Some(reply) => on_reply(reply),
                None => unreadable("The worker is of another build than the page".into()),
            }
        });
        let broken = on_crash.clone();
        let on_error = EventListener::new(&worker, "error", move |event| {
            // A script that could not be loaded raises a plain Event without a message.
            let message = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message);
            broken(message.unwrap_or_else(|| "The worker could not be loaded".into()));
        });
        let on_message_error = EventListener::new(&worker, "messageerror", move |_| {
            on_crash("A message of the worker could not be read".into());
        });
        Ok(Self { worker, service: RefCell::default(), _listeners: [on_message, on_error, on_message_error] })
    }

    /// Gives the worker these others for hands. They may not hear yet: what it tells them waits.
    pub fn hire(&self, hands: &[Self]) {
        let (ports, transfer) = (Array::of1(&HIRE.into()), Array::new());
        for hand in hands {
            let channel = MessageChannel::new().expect("browsers with workers have message channels");
            ports.push(&channel.port1());
            transfer.push(&channel.port1());
            *hand.service.borrow_mut() = Some(channel.port2());
        }
        self.worker.post_message_with_transfer(&ports, &transfer).expect("ports can be transferred");
    }

    /// Tells a hand, which can hear now, to serve.
    pub fn serve(&self) {
        if let Some(port) = self.service.take() {
            let (message, transfer) = (Array::of2(&SERVE.into(), &port), Array::of1(&port));
            self.worker.post_message_with_transfer(&message, &transfer).expect("ports can be transferred");
        }
    }

    /// Beside the request may go a Blob, or a file to write to.
    pub fn send(&self, job: JobId, request: &Request, bulk: &[Bulk], beside: Option<&JsValue>) {
        let (message, transfer) = pack(job, &request_value(request), bulk, beside);
        self.worker.post_message_with_transfer(&message, &transfer).expect("every part of a message can be cloned");
    }
}

impl Drop for WorkerPort {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// What the page says to a worker.
pub enum Word {
    Request(Box<Incoming<Request>>),
    /// It is to direct the hands at these ports.
    Hire(Vec<MessagePort>),
    /// It is to be a hand of the worker at this port.
    Serve(MessagePort),
}

/// The worker's end of the port.
#[derive(Clone, Debug)]
pub struct PagePort(DedicatedWorkerGlobalScope);

impl PagePort {
    /// # Panics
    /// If this is not a dedicated worker.
    #[must_use]
    pub fn new() -> Self {
        Self(js_sys::global().dyn_into().expect("a dedicated worker"))
    }

    /// Hears every word of the page from now on. Messages that are none of this protocol are not for us.
    pub fn listen(&self, mut on_word: impl FnMut(Word) + 'static) {
        EventListener::new(&self.0, "message", move |event| {
            let data = event.unchecked_ref::<MessageEvent>().data();
            if let Some(request) = unpack(&data, request_of) {
                return on_word(Word::Request(Box::new(request)));
            }
            let Some(parts) = data.dyn_ref::<Array>() else { return };
            let mut ports = parts.iter().skip(1).filter_map(|port| port.dyn_into::<MessagePort>().ok());
            match parts.get(0).as_string().as_deref() {
                Some(HIRE) => on_word(Word::Hire(ports.collect())),
                Some(SERVE) => {
                    if let Some(port) = ports.next() {
                        on_word(Word::Serve(port));
                    }
                }
                _ => {}
            }
        })
        .forget();
    }

    pub fn send(&self, job: JobId, reply: &Reply, bulk: &[Bulk], blob: Option<&Blob>) {
        let (message, transfer) = pack(job, &reply_value(reply), bulk, blob.map(|blob| &**blob as &JsValue));
        self.0.post_message_with_transfer(&message, &transfer).expect("every part of a message can be cloned");
    }
}

impl Default for PagePort {
    fn default() -> Self {
        Self::new()
    }
}

/// A director's hands.
pub struct Hands {
    ports: Vec<MessagePort>,
    heard: Rc<RefCell<Hearing>>,
    _listeners: Vec<EventListener>,
}

/// What has come from them.
#[derive(Default)]
struct Hearing {
    is_ready: Vec<bool>,
    answers: VecDeque<Heard>,
}

impl Hands {
    /// `on_answer` is called whenever one of them has spoken.
    pub fn new(ports: Vec<MessagePort>, on_answer: impl Fn() + Clone + 'static) -> Self {
        let heard = Rc::new(RefCell::new(Hearing { is_ready: vec![false; ports.len()], ..Hearing::default() }));
        let listen = |(at, port): (usize, &MessagePort)| {
            let (heard, on_answer) = (heard.clone(), on_answer.clone());
            let listener = EventListener::new(port, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                match unpack_hand(&data) {
                    Some((bytes, bulk, blob)) => {
                        let written = blob.map(|blob| Box::new(BlobStore::new(blob)) as Box<dyn Store>);
                        let answer = Answered { bytes, bulk, written };
                        heard.borrow_mut().answers.push_back(Heard { from: at, answer });
                    }
                    None => heard.borrow_mut().is_ready[at] = true,
                }
                on_answer();
            });
            port.start();
            listener
        };
        let listeners = ports.iter().enumerate().map(listen).collect();
        Self { ports, heard, _listeners: listeners }
    }
}

impl Pool for Hands {
    fn n(&self) -> usize {
        self.ports.len()
    }

    fn is_ready(&self, at: usize) -> bool {
        self.heard.borrow().is_ready[at]
    }

    fn send(&mut self, to: usize, message: &[u8], bulk: Vec<Bulk>, store: Option<&dyn Store>) -> Result<()> {
        send_hand(&self.ports[to], message, &bulk, store);
        Ok(())
    }

    fn receive(&mut self) -> Option<Heard> {
        self.heard.borrow_mut().answers.pop_front()
    }

    /// A worker cannot wait: it goes on when `on_answer` is called.
    fn wait(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a hand hears or says: bytes, bulk and, with an open file or one that is written, its Blob.
pub type Told = (Vec<u8>, Vec<Bulk>, Option<Blob>);

fn send_hand(port: &MessagePort, message: &[u8], bulk: &[Bulk], store: Option<&dyn Store>) {
    let (buffers, transfer) = pack_bulk(bulk);
    let store = store.and_then(|store| store.as_any().downcast_ref::<BlobStore>());
    let blob = store.map_or(JsValue::UNDEFINED, |store| store.to_blob("").into());
    let message = Array::of3(&Uint8Array::from(message), &buffers, &blob);
    port.post_message_with_transferable(&message, &transfer).expect("every part of a message can be cloned");
}

fn unpack_hand(data: &JsValue) -> Option<Told> {
    let parts: &Array = data.dyn_ref()?;
    let bytes = parts.get(0).dyn_ref::<Uint8Array>()?.to_vec();
    Some((bytes, unpack_bulk(parts.get(1).dyn_ref()?)?, parts.get(2).dyn_into().ok()))
}

/// A hand's work: `on_told` does what the director says, and what it gives is sent back.
pub fn serve(port: MessagePort, mut on_told: impl FnMut(Told) -> Option<Answered> + 'static) {
    let back = port.clone();
    EventListener::new(&port, "message", move |event| {
        let told = unpack_hand(&event.unchecked_ref::<MessageEvent>().data());
        if let Some(Answered { bytes, bulk, written }) = told.and_then(&mut on_told) {
            send_hand(&back, &bytes, &bulk, written.as_deref());
        }
    })
    .forget();
    port.start();
    port.post_message(&JsValue::TRUE).expect("true can be cloned");
}

/// A Blob, or several in a row, read where they lie: the browser keeps large ones on disk, not in this program's memory.
#[derive(Debug, Default)]
pub struct BlobStore {
    /// Each with the offset of its first byte.
    parts: Vec<(u64, Blob)>,
    /// The end, not yet a Blob of its own.
    tail: Vec<u8>,
    size: u64,
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

/// The Blob of a store of the browser's.
fn blob_of(store: &dyn Store) -> Result<Blob> {
    let store = store.as_any().downcast_ref::<BlobStore>();
    store.map(|store| store.to_blob("")).ok_or_else(|| Error::new("What was written is not the browser's"))
}

impl BlobStore {
    #[must_use]
    pub fn new(blob: Blob) -> Self {
        let size = blob.size() as u64;
        Self { parts: vec![(0, blob)], tail: Vec::new(), size }
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
            Err(_) => Err(Error::new("The browser has no room for a file of this size")
                .advice("Private windows keep files in memory: open the page in a normal one, or free some room")),
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
        let pieces = Array::new();
        for range in ranges {
            self.slices(range.clone(), &pieces)?;
        }
        let len: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        // Slices of Blobs in a row are one Blob, of which nothing is copied before it is read.
        let whole = match pieces.length() {
            1 => pieces.get(0).unchecked_into(),
            _ => Blob::new_with_blob_sequence(&pieces).map_err(unreadable)?,
        };
        let reader = FileReaderSync::new().expect("this runs in a worker");
        let bytes = Uint8Array::new(&reader.read_as_array_buffer(&whole).map_err(unreadable)?.into());
        if u64::from(bytes.length()) != len {
            return Err(out_of_range());
        }
        // Without being filled with zeros first.
        match out.is_empty() {
            true => *out = bytes.to_vec(),
            false => out.append(&mut bytes.to_vec()),
        }
        Ok(())
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
        true
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

/// Where the person wants a file to be written.
pub enum Place {
    /// Where the browser puts downloads; it has no dialog of its own to offer.
    Downloads,
    File(FileSystemFileHandle),
    /// They have thought better of it.
    Nowhere,
}

/// Asks the person where to save a file of this name, which browsers allow shortly after a click only.
///
/// # Errors
/// If the browser does not let them write there.
pub async fn ask_where(name: &str) -> Result<Place> {
    let global = js_sys::global();
    let Some(picker) =
        Reflect::get(&global, &"showSaveFilePicker".into()).ok().and_then(|x| x.dyn_into::<Function>().ok())
    else {
        return Ok(Place::Downloads);
    };
    let options = Object::new();
    Reflect::set(&options, &"suggestedName".into(), &name.into()).expect("a new object takes every property");
    let chosen = match picker.call1(&global, &options).map(JsCast::unchecked_into::<Promise>) {
        Ok(promise) => JsFuture::from(promise).await,
        Err(error) => Err(error),
    };
    match chosen {
        Ok(file) => Ok(Place::File(file.unchecked_into())),
        Err(error) => match error.unchecked_ref::<js_sys::Error>().name().as_string().unwrap_or_default().as_str() {
            "AbortError" => Ok(Place::Nowhere),
            // In a frame of another site's page there is no such dialog.
            "SecurityError" => Ok(Place::Downloads),
            _ => Err(unwritable(&error)),
        },
    }
}

/// Why a file that the person chose cannot be written, in plain words.
fn unwritable(error: &JsValue) -> Error {
    let error: &js_sys::Error = error.unchecked_ref();
    let text = |text: js_sys::JsString| text.as_string().unwrap_or_default();
    match text(error.name()).as_str() {
        "QuotaExceededError" => {
            Error::new("There is no room left for the annotated file").advice("Make room, or choose another place")
        }
        "NotAllowedError" | "SecurityError" => {
            Error::new("The browser was not allowed to write the annotated file there")
                .advice("Choose another place, and allow it to save there")
        }
        "NoModificationAllowedError" | "InvalidStateError" => {
            Error::new("The annotated file cannot be written while another program uses it")
                .advice("Close it there first")
        }
        name => Error::new(format!("The annotated file could not be written ({name}: {})", text(error.message())))
            .advice("Choose another place"),
    }
}

/// A file that the person chose, written as the bytes come. Browsers put it in place when it is finished, and only then; one that
/// is dropped before that leaves nothing.
pub struct FileSink {
    file: FileSystemFileHandle,
    sinking: Rc<RefCell<Sinking>>,
    on_room: Rc<dyn Fn()>,
    size: u64,
}

#[derive(Default)]
struct Sinking {
    /// Once the browser has opened it.
    stream: Option<FileSystemWritableFileStream>,
    failure: Option<Error>,
    /// Bytes on their way.
    pending: usize,
    is_over: bool,
}

/// Bytes that may be on their way to a file; its disk may be slower than we are.
const MOST_PENDING: usize = 32 << 20;

impl FileSink {
    /// `on_room` is called whenever more can be appended than before, or has failed.
    pub fn new(file: FileSystemFileHandle, on_room: Rc<dyn Fn()>) -> Self {
        let sink = Self { file, sinking: Rc::default(), on_room, size: 0 };
        let (file, sinking, on_room) = (sink.file.clone(), sink.sinking.clone(), sink.on_room.clone());
        spawn_local(async move {
            match JsFuture::from(file.create_writable()).await {
                Ok(stream) if sinking.borrow().is_over => discard(stream.unchecked_into(), file).await,
                Ok(stream) => sinking.borrow_mut().stream = Some(stream.unchecked_into()),
                Err(error) => sinking.borrow_mut().failure = Some(unwritable(&error)),
            }
            on_room();
        });
        sink
    }

    /// Waits until all of it is in its place.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn finish(self) -> Result<()> {
        let stream = {
            let mut sinking = self.sinking.borrow_mut();
            if let Some(failure) = sinking.failure.clone() {
                return Err(failure);
            }
            sinking.is_over = true;
            sinking.stream.take()
        };
        let Some(stream) = stream else { return Ok(()) };
        // Closing waits for what is on its way, and fails if some of it has.
        match JsFuture::from(stream.close()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = self.sinking.borrow_mut().failure.take();
                discard(stream, self.file.clone()).await;
                Err(failure.unwrap_or_else(|| unwritable(&error)))
            }
        }
    }
}

/// Gives up what was written.
async fn discard(stream: FileSystemWritableFileStream, file: FileSystemFileHandle) {
    let _ = JsFuture::from(stream.abort()).await;
    give_back(file).await;
}

/// Takes away the empty file that choosing a place has made, where nothing comes of it.
pub async fn give_back(file: FileSystemFileHandle) {
    let is_empty = JsFuture::from(file.get_file()).await.is_ok_and(|file| file.unchecked_ref::<Blob>().size() == 0.0);
    let remove = Reflect::get(&file, &"remove".into()).ok().and_then(|remove| remove.dyn_into::<Function>().ok());
    if let (true, Some(remove)) = (is_empty, remove)
        && let Ok(removed) = remove.call0(&file)
    {
        let _ = JsFuture::from(removed.unchecked_into::<Promise>()).await;
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        let mut sinking = self.sinking.borrow_mut();
        sinking.is_over = true;
        if let Some(stream) = sinking.stream.take() {
            spawn_local(discard(stream, self.file.clone()));
        }
    }
}

impl Store for FileSink {
    fn size(&self) -> u64 {
        self.size
    }

    /// What is on its way cannot be read.
    fn read(&self, _: u64, _: usize, _: &mut Vec<u8>) -> Result<()> {
        Err(out_of_range())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Spool for FileSink {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let mut sinking = self.sinking.borrow_mut();
        if let Some(failure) = &sinking.failure {
            return Err(failure.clone());
        }
        let stream = sinking.stream.as_ref().expect("nothing is appended to what is full");
        let written = stream.write_with_js_u8_array(&bytes.into()).map_err(|error| unwritable(&error))?;
        let n = bytes.len();
        self.size += n as u64;
        sinking.pending += n;
        let (sinking, on_room) = (self.sinking.clone(), self.on_room.clone());
        spawn_local(async move {
            let written = JsFuture::from(written).await;
            let mut sinking = sinking.borrow_mut();
            sinking.pending -= n;
            if let Err(error) = written {
                sinking.failure.get_or_insert_with(|| unwritable(&error));
            }
            drop(sinking);
            on_room();
        });
        Ok(())
    }

    fn is_full(&self) -> bool {
        let sinking = self.sinking.borrow();
        sinking.failure.is_none() && (sinking.stream.is_none() || sinking.pending > MOST_PENDING)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
