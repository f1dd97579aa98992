//! The browser's side of things: a typed port over `postMessage`, and Blobs as [`Store`]s.
//!
//! A message is an array `[job, message, bulk, blob]`: the job's number, a serde value, an array of typed arrays that are
//! transferred, and a Blob or `undefined`, which is cloned by reference. Nothing else of the library knows JavaScript.

use crate::error::{Error, Result};
use crate::protocol::{Bulk, JobId, Reply, Request};
use crate::store::{Spool, Store, out_of_range};
use gloo::events::EventListener;
use js_sys::{Array, Float32Array, Object, Uint8Array, Uint32Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, DedicatedWorkerGlobalScope, ErrorEvent, FileReaderSync, MessageEvent, Worker};

/// A message as it arrived.
#[derive(Debug)]
pub struct Incoming<T> {
    pub job: JobId,
    pub message: T,
    pub bulk: Vec<Bulk>,
    pub blob: Option<Blob>,
}

fn pack<T: Serialize>(job: JobId, message: &T, bulk: &[Bulk], blob: Option<&Blob>) -> (Array, Array) {
    // Numbers beyond 2^53 (seeds) must survive.
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    let message = message.serialize(&serializer).expect("every message of the protocol is a plain value");
    let (buffers, transfer) = (Array::new(), Array::new());
    for part in bulk {
        let buffer = match part {
            Bulk::U8(x) => Uint8Array::from(x.as_slice()).unchecked_into::<Object>(),
            Bulk::U32(x) => Uint32Array::from(x.as_slice()).unchecked_into(),
            Bulk::F32(x) => Float32Array::from(x.as_slice()).unchecked_into(),
        };
        // What is to be transferred is the memory below the typed array.
        transfer.push(&buffer.unchecked_ref::<Uint8Array>().buffer());
        buffers.push(&buffer);
    }
    let blob = blob.map_or(JsValue::UNDEFINED, |blob| blob.clone().into());
    (Array::of4(&job.into(), &message, &buffers, &blob), transfer)
}

/// `None` if it is not a message of this protocol, as when page and worker are of different builds.
fn unpack<T: DeserializeOwned>(data: &JsValue) -> Option<Incoming<T>> {
    let parts: &Array = data.dyn_ref()?;
    let buffers: Array = parts.get(2).dyn_into().ok()?;
    let bulk = buffers.iter().map(|buffer| {
        if let Some(x) = buffer.dyn_ref::<Float32Array>() {
            Some(Bulk::F32(x.to_vec()))
        } else if let Some(x) = buffer.dyn_ref::<Uint32Array>() {
            Some(Bulk::U32(x.to_vec()))
        } else {
            buffer.dyn_ref::<Uint8Array>().map(|x| Bulk::U8(x.to_vec()))
        }
    });
    Some(Incoming {
        job: parts.get(0).as_f64()? as JobId,
        message: serde_wasm_bindgen::from_value(parts.get(1)).ok()?,
        bulk: bulk.collect::<Option<_>>()?,
        blob: parts.get(3).dyn_into().ok(),
    })
}

/// The page's end of the port: it owns the worker, which ends when this is dropped.
#[derive(Debug)]
pub struct WorkerPort {
    worker: Worker,
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
        Ok(Self { worker, _listeners: [on_message, on_error, on_message_error] })
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

    /// Hears every request from now on. Messages that are none of this protocol are not for us.
    pub fn listen(&self, mut on_request: impl FnMut(Incoming<Request>) + 'static) {
        EventListener::new(&self.0, "message", move |event| {
            if let Some(request) = unpack(&event.unchecked_ref::<MessageEvent>().data()) {
                on_request(request);
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
    pub fn into_blob(self, mime: &str) -> Blob {
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
