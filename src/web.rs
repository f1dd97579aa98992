//! The browser's side of things: a typed port over `postMessage`, and Blobs as [`Store`]s.
//!
//! A message between the page and its worker is an array `[job, message, bulk, blob]`: the job's number, a serde value, an
//! array of typed arrays that are transferred, and a Blob or `undefined`, which is cloned by reference. Nothing else of the
//! library knows JavaScript.
//!
//! The page gives its worker hands: further workers, each joined to it by a port of a message channel, whose messages are
//! arrays `[bytes, bulk, blob]`. A hand says `true` once it can hear. Which of the two a worker is to be, the page says by an
//! array that begins with [`HIRE`] or [`SERVE`] and goes on with ports.

use crate::engine::Pool;
use crate::error::{Error, Result};
use crate::protocol::{Bulk, JobId, Reply, Request};
use crate::store::{Spool, Store, out_of_range};
use gloo::events::EventListener;
use js_sys::{Array, Float32Array, Object, Uint8Array, Uint32Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, ErrorEvent, FileReaderSync, MessageChannel, MessageEvent, MessagePort, Worker,
};

/// A message as it arrived.
#[derive(Debug)]
pub struct Incoming<T> {
    pub job: JobId,
    pub message: T,
    pub bulk: Vec<Bulk>,
    pub blob: Option<Blob>,
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
            Some(Bulk::U32(x.to_vec()))
        } else {
            buffer.dyn_ref::<Uint8Array>().map(|x| Bulk::U8(x.to_vec()))
        }
    });
    bulk.collect()
}

fn pack<T: Serialize>(job: JobId, message: &T, bulk: &[Bulk], blob: Option<&Blob>) -> (Array, Array) {
    // Numbers beyond 2^53 (seeds) must survive.
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    let message = message.serialize(&serializer).expect("every message of the protocol is a plain value");
    let (buffers, transfer) = pack_bulk(bulk);
    let blob = blob.map_or(JsValue::UNDEFINED, |blob| blob.clone().into());
    (Array::of4(&job.into(), &message, &buffers, &blob), transfer)
}

/// `None` if it is not a message of this protocol, as when page and worker are of different builds.
fn unpack<T: DeserializeOwned>(data: &JsValue) -> Option<Incoming<T>> {
    let parts: &Array = data.dyn_ref()?;
    Some(Incoming {
        job: parts.get(0).as_f64()? as JobId,
        message: serde_wasm_bindgen::from_value(parts.get(1)).ok()?,
        bulk: unpack_bulk(parts.get(2).dyn_ref()?)?,
        blob: parts.get(3).dyn_into().ok(),
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
            match unpack(&data) {
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

    pub fn send(&self, job: JobId, request: &Request, bulk: &[Bulk], blob: Option<&Blob>) {
        let (message, transfer) = pack(job, request, bulk, blob);
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
            if let Some(request) = unpack(&data) {
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
        let (message, transfer) = pack(job, reply, bulk, blob);
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
    heard: Rc<RefCell<Heard>>,
    _listeners: Vec<EventListener>,
}

#[derive(Default)]
struct Heard {
    is_ready: Vec<bool>,
    answers: VecDeque<(usize, Vec<u8>, Vec<Bulk>)>,
}

impl Hands {
    /// `on_answer` is called whenever one of them has spoken.
    pub fn new(ports: Vec<MessagePort>, on_answer: impl Fn() + Clone + 'static) -> Self {
        let heard = Rc::new(RefCell::new(Heard { is_ready: vec![false; ports.len()], ..Heard::default() }));
        let listen = |(at, port): (usize, &MessagePort)| {
            let (heard, on_answer) = (heard.clone(), on_answer.clone());
            let listener = EventListener::new(port, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                match unpack_hand(&data) {
                    Some((bytes, bulk, _)) => heard.borrow_mut().answers.push_back((at, bytes, bulk)),
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
        let blob = store.and_then(|store| store.as_any().downcast_ref::<BlobStore>()).map(|store| store.to_blob(""));
        send_hand(&self.ports[to], message, &bulk, blob.as_ref());
        Ok(())
    }

    fn receive(&mut self) -> Option<(usize, Vec<u8>, Vec<Bulk>)> {
        self.heard.borrow_mut().answers.pop_front()
    }

    /// A worker cannot wait: it goes on when `on_answer` is called.
    fn wait(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a hand hears: bytes, bulk and, with an open file, its Blob.
pub type Told = (Vec<u8>, Vec<Bulk>, Option<Blob>);

fn send_hand(port: &MessagePort, message: &[u8], bulk: &[Bulk], blob: Option<&Blob>) {
    let (buffers, transfer) = pack_bulk(bulk);
    let blob = blob.map_or(JsValue::UNDEFINED, |blob| blob.clone().into());
    let message = Array::of3(&Uint8Array::from(message), &buffers, &blob);
    port.post_message_with_transferable(&message, &transfer).expect("every part of a message can be cloned");
}

fn unpack_hand(data: &JsValue) -> Option<Told> {
    let parts: &Array = data.dyn_ref()?;
    let bytes = parts.get(0).dyn_ref::<Uint8Array>()?.to_vec();
    Some((bytes, unpack_bulk(parts.get(1).dyn_ref()?)?, parts.get(2).dyn_into().ok()))
}

/// A hand's work: `on_told` does what the director says, and what it gives is sent back.
pub fn serve(port: MessagePort, mut on_told: impl FnMut(Told) -> Option<(Vec<u8>, Vec<Bulk>)> + 'static) {
    let back = port.clone();
    EventListener::new(&port, "message", move |event| {
        let told = unpack_hand(&event.unchecked_ref::<MessageEvent>().data());
        if let Some((bytes, bulk)) = told.and_then(&mut on_told) {
            send_hand(&back, &bytes, &bulk, None);
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

    fn flush(&mut self) {
        let bytes = Array::of1(&Uint8Array::from(self.tail.as_slice()));
        let blob = Blob::new_with_u8_array_sequence(&bytes).expect("bytes make a Blob");
        self.parts.push((self.size - self.tail.len() as u64, blob));
        self.tail.clear();
    }
}

impl Store for BlobStore {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        let end = start.checked_add(len as u64).filter(|&end| end <= self.size).ok_or_else(out_of_range)?;
        let mut at = start;
        let tail_start = self.size - self.tail.len() as u64;
        while at < end.min(tail_start) {
            let part = self.parts.partition_point(|&(offset, _)| offset <= at) - 1;
            let (offset, blob) = &self.parts[part];
            let part_end = self.parts.get(part + 1).map_or(tail_start, |&(next, _)| next);
            let until = end.min(part_end);
            let unreadable = |_| {
                Error::new("The file can no longer be read; it may have been changed or moved").advice("Open it again")
            };
            let slice =
                blob.slice_with_f64_and_f64((at - offset) as f64, (until - offset) as f64).map_err(unreadable)?;
            let reader = FileReaderSync::new().expect("this runs in a worker");
            let bytes = Uint8Array::new(&reader.read_as_array_buffer(&slice).map_err(unreadable)?.into());
            let filled = out.len();
            out.resize(filled + bytes.length() as usize, 0);
            bytes.copy_to(&mut out[filled..]);
            if u64::from(bytes.length()) != until - at {
                return Err(out_of_range());
            }
            at = until;
        }
        if at < end {
            let range = (at - tail_start) as usize..(end - tail_start) as usize;
            out.extend_from_slice(&self.tail[range]);
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Spool for BlobStore {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.tail.extend_from_slice(bytes);
        self.size += bytes.len() as u64;
        if self.tail.len() >= PART_BYTES {
            self.flush();
        }
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
