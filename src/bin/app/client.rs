//! The page's end of the worker: numbers the jobs, holds messages back until the worker has spoken, and an analysis until the
//! model packs are there as well; replaces a dead worker.
//!
//! Knows nothing of signals. What a job was for is kept here and handed back with each of its replies.

use gloo::net::http::Request as Fetch;
use gloo::timers::callback::Timeout;
use js_sys::WebAssembly::Module;
use leptos::task::spawn_local;
use oddflow::protocol::{Bulk, JobId, Reply, Request};
use oddflow::web::{Arrived, Incoming, WorkerPort};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;

/// Tells a page and a worker of different builds apart.
pub const BUILD: &str = match option_env!("ODDFLOW_BUILD") {
    Some(build) => build,
    None => env!("CARGO_PKG_VERSION"),
};

/// The model packs that are served with the page.
const PACKS: [&str; 4] = ["cicids2017", "flow", "nsl-kdd", "unsw-nb15"];
/// The files of a pack, in the order in which [`Request::AddPack`] wants them.
const PACK_FILES: [&str; 3] = ["manifest.json", "forest.bin", "dnn.onnx"];

/// A tab's memory bears no more.
pub const MOST_WORKERS: usize = 8;
/// How long a worker may take to answer a cancel before it is ended.
const CANCEL_PATIENCE_MS: u32 = 5000;
/// A worker that fails before it has loaded is tried again only so many times.
const MAX_FAILED_STARTS: u32 = 2;

/// What a job was for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    Pack,
    Open,
    OpenReference,
    Analyze,
    Arrange,
    Survey,
    Explain(u32),
    Rule,
    Compare,
    Report,
    Limit,
    /// Rows, and from which score on with their reasons.
    Rows(Vec<u32>, f32),
    Check,
    Export,
}

/// What the client has to say.
pub enum News {
    Reply(Purpose, Box<Incoming<Reply>>),
    /// The worker died, or did not hear a cancel, and all its jobs are lost. `again` tells that a fresh one is in its place.
    Replaced {
        cause: Option<String>,
        again: bool,
    },
    /// The worker is of another build than the page.
    Outdated,
    /// A model pack could not be fetched.
    PackMissing(&'static str),
}

struct Outgoing {
    job: JobId,
    request: Request,
    /// A Blob, or a file to write to.
    beside: Option<JsValue>,
}

struct Pack {
    name: &'static str,
    files: Vec<Bulk>,
}

struct Inner {
    tell: Box<dyn Fn(News)>,
    port: RefCell<Option<WorkerPort>>,
    /// Workers that share that one's work.
    hands: RefCell<Vec<WorkerPort>>,
    /// Rises with each worker, so that the voice of a dead one is known.
    generation: Cell<u32>,
    ready: Cell<bool>,
    failed_starts: Cell<u32>,
    last_job: Cell<JobId>,
    jobs: RefCell<FxHashMap<JobId, Purpose>>,
    waiting: RefCell<Vec<Outgoing>>,
    packs: RefCell<Vec<Pack>>,
    packs_settled: Cell<bool>,
    rehearsal: Cell<Rehearsal>,
}

/// Whether the worker rehearses.
#[derive(Clone, Copy)]
enum Rehearsal {
    /// It does once the packs are there.
    Planned,
    Begun(JobId),
    /// Somebody has wanted something. A worker that took the place of another does not: what ended that one may have been this.
    Over,
}

/// A handle; clones speak of the same worker.
#[derive(Clone)]
pub struct Client(Rc<Inner>);

impl Client {
    /// Starts a worker and fetches the model packs; every word of theirs goes to `tell`.
    pub fn start(tell: impl Fn(News) + 'static) -> Self {
        let client = Self(Rc::new(Inner {
            tell: Box::new(tell),
            port: RefCell::default(),
            hands: RefCell::default(),
            generation: Cell::new(0),
            ready: Cell::new(false),
            failed_starts: Cell::new(0),
            last_job: Cell::new(0),
            jobs: RefCell::default(),
            waiting: RefCell::default(),
            packs: RefCell::default(),
            packs_settled: Cell::new(false),
            rehearsal: Cell::new(Rehearsal::Planned),
        }));
        client.spawn_worker();
        client.fetch_packs();
        client
    }

    /// Sends a request as soon as the worker can hear it.
    pub fn send(&self, purpose: Purpose, request: Request, beside: Option<JsValue>) -> JobId {
        if let Rehearsal::Begun(rehearsal) = self.0.rehearsal.replace(Rehearsal::Over) {
            self.post(&Request::Cancel { job: rehearsal });
        }
        let job = self.next_job();
        self.0.jobs.borrow_mut().insert(job, purpose);
        self.0.waiting.borrow_mut().push(Outgoing { job, request, beside });
        self.flush();
        job
    }

    /// Asks a job to end, and ends its worker if that goes unheard.
    pub fn cancel(&self, job: JobId) {
        let unsent = {
            let mut waiting = self.0.waiting.borrow_mut();
            let before = waiting.len();
            waiting.retain(|outgoing| outgoing.job != job);
            waiting.len() < before
        };
        if unsent {
            self.answer(Incoming {
                job,
                message: Reply::Cancelled,
                bulk: Arrived::none(),
                blob: None,
                file: None,
                program: None,
            });
            return;
        }
        self.post(&Request::Cancel { job });
        let (inner, generation) = (Rc::downgrade(&self.0), self.0.generation.get());
        Timeout::new(CANCEL_PATIENCE_MS, move || {
            if let Some(client) = of_generation(&inner, generation)
                && client.0.jobs.borrow().contains_key(&job)
            {
                client.replace_worker(None);
            }
        })
        .forget();
    }

    /// What no answer is wanted to.
    fn post(&self, request: &Request) -> JobId {
        let job = self.next_job();
        if let Some(port) = &*self.0.port.borrow() {
            port.send(job, request, &[], None);
        }
        job
    }

    fn next_job(&self) -> JobId {
        self.0.last_job.set(self.0.last_job.get() + 1);
        self.0.last_job.get()
    }

    fn spawn_worker(&self) {
        let generation = self.0.generation.get() + 1;
        self.0.generation.set(generation);
        self.0.ready.set(false);
        let hear = Rc::downgrade(&self.0);
        let hear = move |incoming| {
            if let Some(client) = of_generation(&hear, generation) {
                client.hear(incoming);
            }
        };
        let director = self.spawn(generation, None, hear, |client, cause| client.replace_worker(Some(cause)));
        match director {
            Ok(port) => *self.0.port.borrow_mut() = Some(port),
            Err(error) => (self.0.tell)(News::Replaced { cause: Some(format!("{error:?}")), again: false }),
        }
    }

    /// Starts a worker; `crashed` is called unless all workers have been replaced.
    fn spawn(
        &self,
        generation: u32,
        program: Option<&Module>,
        hear: impl FnMut(Incoming<Reply>) + 'static,
        crashed: impl Fn(&Self, String) + Clone + 'static,
    ) -> Result<WorkerPort, JsValue> {
        let crash = Rc::downgrade(&self.0);
        WorkerPort::spawn(&worker_url(), program, hear, move |cause| {
            // Not from within the dying port's own call.
            let (inner, crashed) = (crash.clone(), crashed.clone());
            Timeout::new(0, move || {
                if let Some(client) = of_generation(&inner, generation) {
                    crashed(&client, cause);
                }
            })
            .forget();
        })
    }

    /// Gives the worker hands that run its program, once it can hear; a hand is told to serve once it can. A browser that refuses
    /// more workers, or cannot start them, gets on with fewer; one that crashes later is the end of all of them.
    fn hire(&self, program: Option<&Module>) {
        let generation = self.0.generation.get();
        let hands: Vec<WorkerPort> = (1..n_workers())
            .map_while(|at| {
                let inner = Rc::downgrade(&self.0);
                let ready = move |incoming: Incoming<Reply>| {
                    if let (Reply::Ready { .. }, Some(client)) = (incoming.message, of_generation(&inner, generation)) {
                        client.0.hands.borrow().get(at - 1).inspect(|hand| hand.serve());
                    }
                };
                let crashed = move |client: &Self, cause| {
                    let was_given_up = client.0.hands.borrow().get(at - 1).is_some_and(WorkerPort::give_up);
                    if !was_given_up {
                        client.replace_worker(Some(cause));
                    }
                };
                self.spawn(generation, program, ready, crashed).ok()
            })
            .collect();
        if let Some(port) = &*self.0.port.borrow() {
            port.hire(&hands);
        }
        *self.0.hands.borrow_mut() = hands;
    }

    fn replace_worker(&self, cause: Option<String>) {
        drop(self.0.port.take());
        drop(self.0.hands.take());
        if !self.0.ready.get() {
            self.0.failed_starts.set(self.0.failed_starts.get() + 1);
        }
        self.0.jobs.borrow_mut().clear();
        self.0.waiting.borrow_mut().clear();
        self.0.rehearsal.set(Rehearsal::Over);
        let again = self.0.failed_starts.get() <= MAX_FAILED_STARTS;
        if again {
            self.spawn_worker();
        }
        (self.0.tell)(News::Replaced { cause, again });
    }

    fn hear(&self, incoming: Incoming<Reply>) {
        match &incoming.message {
            Reply::Ready { build } if build != BUILD => (self.0.tell)(News::Outdated),
            Reply::Ready { .. } => {
                self.0.ready.set(true);
                self.0.failed_starts.set(0);
                self.hire(incoming.program.as_ref());
                for pack in self.0.packs.borrow().iter() {
                    self.send_pack(pack);
                }
                self.flush();
                self.rehearse();
            }
            _ => self.answer(incoming),
        }
    }

    /// A reply to a job that is not known any more is of no use to anyone.
    fn answer(&self, incoming: Incoming<Reply>) {
        let purpose = match incoming.message {
            Reply::Progress(_) => self.0.jobs.borrow().get(&incoming.job).cloned(),
            _ => self.0.jobs.borrow_mut().remove(&incoming.job),
        };
        if let Some(purpose) = purpose {
            (self.0.tell)(News::Reply(purpose, Box::new(incoming)));
        }
    }

    /// A file is read before the packs are there. An analysis, and all that comes after it, waits for them or until they are
    /// known not to come: it chooses the best.
    fn flush(&self) {
        if !self.0.ready.get() {
            return;
        }
        let mut waiting = self.0.waiting.borrow_mut();
        let wants_packs = |outgoing: &Outgoing| matches!(outgoing.request, Request::Analyze { .. });
        let held = waiting.iter().position(wants_packs).filter(|_| !self.0.packs_settled.get());
        let n = held.unwrap_or(waiting.len());
        if let Some(port) = &*self.0.port.borrow() {
            for Outgoing { job, request, beside } in waiting.drain(..n) {
                port.send(job, &request, &[], beside.as_ref());
            }
        }
    }

    /// Has the worker rehearse, if it can hear and has the packs.
    fn rehearse(&self) {
        if let (true, true, Rehearsal::Planned) =
            (self.0.ready.get(), self.0.packs_settled.get(), self.0.rehearsal.get())
        {
            self.0.rehearsal.set(Rehearsal::Begun(self.post(&Request::Rehearse)));
        }
    }

    fn send_pack(&self, pack: &Pack) {
        let job = self.next_job();
        self.0.jobs.borrow_mut().insert(job, Purpose::Pack);
        if let Some(port) = &*self.0.port.borrow() {
            port.send(job, &Request::AddPack { name: pack.name.into() }, &pack.files, None);
        }
    }

    fn fetch_packs(&self) {
        let client = self.clone();
        spawn_local(async move {
            for name in PACKS {
                match fetch_pack(name).await {
                    Some(files) => {
                        let pack = Pack { name, files };
                        if client.0.ready.get() {
                            client.send_pack(&pack);
                        }
                        client.0.packs.borrow_mut().push(pack);
                    }
                    None => (client.0.tell)(News::PackMissing(name)),
                }
            }
            client.0.packs_settled.set(true);
            client.flush();
            client.rehearse();
        });
    }
}

fn of_generation(inner: &Weak<Inner>, generation: u32) -> Option<Client> {
    inner.upgrade().filter(|inner| inner.generation.get() == generation).map(Client)
}

/// Relative to the document, so that the page works under any path.
fn url(relative: &str) -> String {
    let base = gloo::utils::document().base_uri().ok().flatten().unwrap_or_default();
    web_sys::Url::new_with_base(relative, &base).map_or_else(|_| relative.into(), |url| url.href())
}

/// As many as there are processors, within what a tab's memory bears; `?workers=` asks for another number.
pub fn n_workers() -> usize {
    let window = gloo::utils::window();
    let asked = window.location().search().ok().and_then(|query| {
        let query = web_sys::UrlSearchParams::new_with_str(&query).ok()?;
        query.get("workers")?.parse().ok()
    });
    asked.unwrap_or(window.navigator().hardware_concurrency() as usize).clamp(1, MOST_WORKERS)
}

/// Starts the page afresh with another number of workers.
pub fn use_workers(n: usize) {
    if n != n_workers() {
        let _ = gloo::utils::window().location().set_search(&format!("workers={n}"));
    }
}

fn worker_url() -> String {
    url(&format!("worker_loader.js?build={BUILD}"))
}

async fn fetch_pack(name: &str) -> Option<Vec<Bulk>> {
    let mut files = Vec::with_capacity(PACK_FILES.len());
    for file in PACK_FILES {
        let response = Fetch::get(&url(&format!("models/{name}/{file}?build={BUILD}"))).send().await.ok()?;
        if !response.ok() {
            return None;
        }
        files.push(Bulk::U8(response.binary().await.ok()?));
    }
    Some(files)
}
