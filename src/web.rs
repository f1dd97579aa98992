//! The browser's side of things: a typed port over `postMessage`, and Blobs as [`Store`]s.
//!
//! A message between the page and its worker is an array `[job, message, bulk, beside]`: the job's number, a request as a value or
//! a reply as bytes, an array of typed arrays that are transferred, and a Blob, a file to write to, the workers' program or
//! `undefined`, which are cloned by reference. Nothing else of the library knows JavaScript. The first message to a worker whose
//! program another one has is that program, for the script that starts it.
//!
//! The page gives its worker hands: further workers, each joined to it by a port of a message channel, whose messages are
//! arrays `[bytes, bulk, beside]`. A hand says `true` once it can hear. Which of the two a worker is to be, the page says by an
//! array that begins with [`HIRE`] or [`SERVE`] and goes on with ports. Where ports do not take Blobs, a file is lent to a hand by way
//! of the page, by an array that begins with [`LEND`].

mod ahead;
mod blobs;
mod sink;

use crate::engine::{Answered, Hand, Heard, Pool};
use crate::error::Result;
use crate::protocol::{Bulk, JobId, Reply, Request};
use crate::store::Store;
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use js_sys::WebAssembly::Module;
use js_sys::futures::JsFuture;
use js_sys::{Array, Float32Array, Object, Promise, Uint8Array, Uint32Array};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, ErrorEvent, EventTarget, FileSystemFileHandle, MessageChannel, MessageEvent,
    MessagePort, Worker, WorkerOptions,
};

use blobs::{blob_of, ports_take_blobs};

pub use blobs::BlobStore;
pub use sink::{FileSink, Place, ask_where, give_back};

/// A message as it arrived.
#[derive(Debug)]
pub struct Incoming<T> {
    pub job: JobId,
    pub message: T,
    pub bulk: Arrived,
    pub blob: Option<Blob>,
    /// A file to write to.
    pub file: Option<FileSystemFileHandle>,
    /// What the worker runs, compiled.
    pub program: Option<Module>,
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
        program: parts.get(3).dyn_into().ok(),
    })
}

/// The first element of the page's word to a worker that is to direct hands.
const HIRE: &str = "hire";
/// The same, to a worker that is to be a hand.
const SERVE: &str = "serve";
/// The first element of a message that lends a hand a Blob: to the page with the hand's number, from there without.
const LEND: &str = "lend";
/// What goes through the port instead of a Blob that is lent.
const IS_LENT: JsValue = JsValue::TRUE;
/// The name of a worker whose script (`public/worker_loader.js`) waits for the program as the first message.
const GIVEN: &str = "given";

/// A worker, and what may be said to it.
#[derive(Debug)]
struct Post {
    worker: Worker,
    stage: RefCell<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// A hand that may not hear yet: the port at which it will serve, and what is to be lent to it then.
    Awaited { port: MessagePort, lent: Vec<JsValue> },
    /// It hears.
    Taken,
    /// A hand that could not start.
    GivenUp,
}

impl Post {
    fn lend(&self, blob: JsValue) {
        match &mut *self.stage.borrow_mut() {
            Stage::Awaited { lent, .. } => lent.push(blob),
            Stage::Taken => {
                self.worker.post_message(&Array::of2(&LEND.into(), &blob)).expect("a Blob can be cloned");
            }
            Stage::GivenUp => {}
        }
    }
}

/// The page's end of the port: it owns the worker, which ends when this is dropped.
#[derive(Debug)]
pub struct WorkerPort {
    post: Rc<Post>,
    /// The hands that it may lend Blobs to.
    hands: Rc<RefCell<Vec<Rc<Post>>>>,
    _listeners: [EventListener; 3],
}

impl WorkerPort {
    /// Starts the worker's script at `url`, with the program of another worker where there is one: then all share what the browser
    /// compiles, first quickly and later well. `on_crash` hears, once, that the worker can no longer be used.
    ///
    /// # Errors
    /// If the browser refuses to start a worker at all.
    pub fn spawn(
        url: &str,
        program: Option<&Module>,
        mut on_reply: impl FnMut(Incoming<Reply>) + 'static,
        on_crash: impl Fn(String) + Clone + 'static,
    ) -> std::result::Result<Self, JsValue> {
        let options = WorkerOptions::new();
        if program.is_some() {
            options.set_name(GIVEN);
        }
        let worker = Worker::new_with_options(url, &options)?;
        let unreadable = on_crash.clone();
        let hands: Rc<RefCell<Vec<Rc<Post>>>> = Rc::default();
        let borrowers = hands.clone();
        let on_message = EventListener::new(&worker, "message", move |event| {
            let data = event.unchecked_ref::<MessageEvent>().data();
            if let Some(parts) = lent(&data) {
                let hand = parts.get(1).as_f64().and_then(|at| borrowers.borrow().get(at as usize).cloned());
                return hand.iter().for_each(|hand| hand.lend(parts.get(2)));
            }
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
        let listeners = [on_message, on_error, on_message_error];
        let port = Self { post: Rc::new(Post { worker, stage: Stage::Taken.into() }), hands, _listeners: listeners };
        program.map_or(Ok(()), |program| port.post.worker.post_message(program))?;
        Ok(port)
    }

    /// Gives the worker these others for hands. They may not hear yet: what it tells them waits.
    pub fn hire(&self, hands: &[Self]) {
        let (ports, transfer) = (Array::of1(&HIRE.into()), Array::new());
        for hand in hands {
            let channel = MessageChannel::new().expect("browsers with workers have message channels");
            ports.push(&channel.port1());
            transfer.push(&channel.port1());
            *hand.post.stage.borrow_mut() = Stage::Awaited { port: channel.port2(), lent: Vec::new() };
        }
        *self.hands.borrow_mut() = hands.iter().map(|hand| hand.post.clone()).collect();
        self.post.worker.post_message_with_transfer(&ports, &transfer).expect("ports can be transferred");
    }

    /// Tells a hand, which can hear now, to serve.
    pub fn serve(&self) {
        match self.post.stage.replace(Stage::Taken) {
            Stage::Awaited { port, lent } => {
                let (message, transfer) = (Array::of2(&SERVE.into(), &port), Array::of1(&port));
                self.post.worker.post_message_with_transfer(&message, &transfer).expect("ports can be transferred");
                lent.into_iter().for_each(|blob| self.post.lend(blob));
            }
            as_before => *self.post.stage.borrow_mut() = as_before,
        }
    }

    /// Gives up a hand, with all that waits for it; `false` if it serves already, and so cannot be spared.
    #[must_use]
    pub fn give_up(&self) -> bool {
        let mut stage = self.post.stage.borrow_mut();
        match &*stage {
            Stage::Taken => return false,
            // What is sent to the other end from now on is nowhere kept.
            Stage::Awaited { port, .. } => port.close(),
            Stage::GivenUp => {}
        }
        *stage = Stage::GivenUp;
        self.post.worker.terminate();
        true
    }

    /// Beside the request may go a Blob, or a file to write to.
    pub fn send(&self, job: JobId, request: &Request, bulk: &[Bulk], beside: Option<&JsValue>) {
        let (message, transfer) = pack(job, &request_value(request), bulk, beside);
        self.post
            .worker
            .post_message_with_transfer(&message, &transfer)
            .expect("every part of a message can be cloned");
    }
}

impl Drop for WorkerPort {
    fn drop(&mut self) {
        self.post.worker.terminate();
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
        mind_losses(&self.0);
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

    /// Says that this worker hears now, and gives the page its program for others, unless it is to be given one itself.
    pub fn announce(&self, build: &str) {
        let program = (self.0.name() != GIVEN).then(wasm_bindgen::module);
        self.send(0, &Reply::Ready { build: build.into() }, &[], program.as_ref());
    }

    /// Beside the reply may go a Blob.
    pub fn send(&self, job: JobId, reply: &Reply, bulk: &[Bulk], beside: Option<&JsValue>) {
        let (message, transfer) = pack(job, &reply_value(reply), bulk, beside);
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
                    Some((bytes, bulk, beside)) => {
                        let blob = beside.dyn_into().ok();
                        let written = blob.map(|blob| Box::new(BlobStore::new(blob)) as Box<dyn Store>);
                        let answer = Answered { bytes, bulk, written };
                        heard.borrow_mut().answers.push_back(Heard { from: at, answer });
                    }
                    None => heard.borrow_mut().is_ready[at] = true,
                }
                on_answer();
            });
            mind_losses(port);
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
        let beside = match store.map(blob_of).transpose()? {
            Some(blob) if ports_take_blobs() => blob.into(),
            Some(blob) => {
                let message = Array::of3(&LEND.into(), &(to as u32).into(), &blob);
                PagePort::new().0.post_message(&message).expect("a Blob can be cloned");
                IS_LENT
            }
            None => JsValue::UNDEFINED,
        };
        send_hand(&self.ports[to], message, &bulk, &beside);
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

/// Fails, which the page hears of, when something comes that cannot be read: otherwise somebody would wait for it for ever.
fn mind_losses(from: &EventTarget) {
    EventListener::new(from, "messageerror", |_| wasm_bindgen::throw_str("A message to a worker could not be read"))
        .forget();
}

/// The parts of a message that lends a Blob.
fn lent(data: &JsValue) -> Option<&Array> {
    let parts: &Array = data.dyn_ref()?;
    (parts.get(0).as_string()? == LEND).then_some(parts)
}

/// What a hand hears or says: bytes, bulk and, with an open file or what is written, its Blob, or [`IS_LENT`].
type Told = (Vec<u8>, Vec<Bulk>, JsValue);

fn send_hand(port: &MessagePort, message: &[u8], bulk: &[Bulk], beside: &JsValue) {
    let (buffers, transfer) = pack_bulk(bulk);
    let message = Array::of3(&Uint8Array::from(message), &buffers, beside);
    port.post_message_with_transferable(&message, &transfer).expect("every part of a message can be cloned");
}

fn unpack_hand(data: &JsValue) -> Option<Told> {
    let parts: &Array = data.dyn_ref()?;
    let bytes = parts.get(0).dyn_ref::<Uint8Array>()?.to_vec();
    Some((bytes, unpack_bulk(parts.get(1).dyn_ref()?)?, parts.get(2)))
}

/// A hand at its port.
struct Service {
    port: MessagePort,
    hand: Hand,
    /// What has come and was not told yet, since a Blob is still on its way.
    waiting: VecDeque<Told>,
    /// The Blobs that have come, in the order of the messages that they belong to.
    lent: VecDeque<Blob>,
}

impl Service {
    /// Tells the hand what has come, has it do what it can, and sends back what it answers; `again` is called when there is more to do.
    fn work(&mut self, again: &Rc<dyn Fn()>) {
        const ONE_BUILD: &str = "both sides are of one build";
        while let Some((bytes, bulk, beside)) = self.waiting.pop_front() {
            let is_lent = beside == IS_LENT;
            let blob = if is_lent { self.lent.pop_front() } else { beside.dyn_ref().cloned() };
            if is_lent && blob.is_none() {
                self.waiting.push_front((bytes, bulk, beside));
                break;
            }
            let store = blob.map(|blob| Box::new(BlobStore::ahead(blob, again.clone())) as Box<dyn Store>);
            self.hand.hear(&bytes, bulk, store).expect(ONE_BUILD);
        }
        while let Some(Answered { bytes, bulk, written }) = self.hand.work().expect(ONE_BUILD) {
            let written = written.map_or(JsValue::UNDEFINED, |written| blob_of(&*written).expect(ONE_BUILD).into());
            send_hand(&self.port, &bytes, &bulk, &written);
        }
    }
}

/// Has it work, now and whenever bytes have come that it waits for; never from within, since those come in turns of their own.
fn go_on(service: &Rc<RefCell<Service>>) {
    let own = Rc::downgrade(service);
    let again: Rc<dyn Fn()> = Rc::new(move || {
        if let Some(service) = own.upgrade() {
            go_on(&service);
        }
    });
    service.borrow_mut().work(&again);
}

/// Has a hand do what the director says, and sends back what it answers.
pub fn serve(port: MessagePort, hand: Hand) {
    let service = Service { port: port.clone(), hand, waiting: VecDeque::new(), lent: VecDeque::new() };
    let service = Rc::new(RefCell::new(service));
    let told = service.clone();
    EventListener::new(&port, "message", move |event| {
        if let Some(message) = unpack_hand(&event.unchecked_ref::<MessageEvent>().data()) {
            told.borrow_mut().waiting.push_back(message);
            go_on(&told);
        }
    })
    .forget();
    EventListener::new(&PagePort::new().0, "message", move |event| {
        let data = event.unchecked_ref::<MessageEvent>().data();
        if let Some(blob) = lent(&data).and_then(|parts| parts.get(1).dyn_into().ok()) {
            service.borrow_mut().lent.push_back(blob);
            go_on(&service);
        }
    })
    .forget();
    mind_losses(&port);
    port.start();
    port.post_message(&JsValue::TRUE).expect("true can be cloned");
}
