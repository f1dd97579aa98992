//! The worker's shell: the port on one side, the engine on the other. One job at a time, a step at a time; between two
//! steps the messages that have come in are heard, so that a job can be cancelled. A worker that is told to serve another is
//! a hand of that one's engine instead.

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use js_sys::Date;
use js_sys::futures::spawn_local;
use oddflow::engine::{Engine, Hand, Job, Outcome, Step};
use oddflow::protocol::{JobId, Reply, Request, media_type};
use oddflow::store::Store;
use oddflow::web::{BlobStore, FileSink, Hands, Incoming, PagePort, Word, give_back, serve};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use web_sys::{MessageChannel, MessagePort};

/// The page and its worker must come from one build: their messages have no version of their own.
const BUILD: &str = match option_env!("ODDFLOW_BUILD") {
    Some(build) => build,
    None => env!("CARGO_PKG_VERSION"),
};

/// A progress bar need not move more often than by this share of the time that it has taken so far: each time the page is painted,
/// by a processor that the workers need.
const PROGRESS_EVERY: f64 = 0.01;
/// The least and the most milliseconds that this is.
const PROGRESS_MS: [f64; 2] = [100.0, 1000.0];

/// A browser that is handed a file has so many bytes of it on the disk after a millisecond, if it is not kept from it.
const DISK_BYTES_PER_MS: f64 = 300_000.0;
/// The most milliseconds that are left to it.
const MOST_REST_MS: f64 = 10_000.0;

struct Shell {
    port: PagePort,
    engine: Engine,
    /// Requests that wait for their turn.
    waiting: VecDeque<Incoming<Request>>,
    running: Option<(JobId, Job)>,
    /// When the job that is running was begun, in milliseconds, and when it was last told how far it is.
    since: f64,
    last_progress: f64,
    /// Files that the browser is still putting on the disk, or probably is, for which it needs the processors. Meanwhile surveys
    /// wait, for which nobody does.
    on_their_way: Rc<Cell<u32>>,
    /// Whether a turn is on its way.
    is_due: bool,
    /// Has it take a turn.
    wake: Rc<dyn Fn()>,
}

impl Shell {
    fn hear(&mut self, incoming: Incoming<Request>) {
        if let Request::Cancel { job } = incoming.message {
            let waited = self.waiting.iter().position(|waiting| waiting.job == job);
            let waited = waited.and_then(|at| self.waiting.remove(at));
            let was_running = self.running.take_if(|(running, _)| *running == job).is_some();
            if was_running || waited.is_some() {
                self.port.send(job, &Reply::Cancelled, &[], None);
            }
            if let Some(file) = waited.and_then(|waited| waited.file) {
                spawn_local(give_back(file));
            }
        } else {
            self.waiting.push_back(incoming);
        }
    }

    /// Does one step; `false` if there is nothing to do before another message comes. A word about one record goes before
    /// the next step of a long job, which it does not disturb.
    fn step(&mut self) -> bool {
        let brief = self.waiting.iter().position(|waiting| waiting.message.is_brief());
        if let Some(Incoming { job, message, bulk, .. }) = brief.and_then(|at| self.waiting.remove(at)) {
            let mut brief = self.engine.start(message, bulk.take().unwrap_or_default(), None);
            match self.engine.step(&mut brief) {
                Ok(Step::Done(outcome)) => self.answer(job, outcome),
                Ok(_) => unreachable!("a brief job is one step"),
                Err(error) => self.answer(job, Reply::Failed(error).into()),
            }
            return true;
        }
        let (id, mut job) = match self.running.take() {
            Some(running) => running,
            None => {
                let can_wait = |waiting: &Incoming<Request>| matches!(waiting.message, Request::Survey { .. });
                if self.on_their_way.get() > 0 && self.waiting.iter().all(can_wait) {
                    return false;
                }
                let Some(incoming) = self.waiting.pop_front() else { return false };
                let Incoming { job, message, bulk, blob, file, .. } = incoming;
                let begun = match (message, file) {
                    (Request::Export { lens }, Some(file)) => {
                        self.engine.export_to(lens, Box::new(FileSink::new(file, self.wake.clone())))
                    }
                    (message, _) => {
                        let file =
                            blob.map(|blob| Box::new(BlobStore::ahead(blob, self.wake.clone())) as Box<dyn Store>);
                        self.engine.start(message, bulk.take().unwrap_or_default(), file)
                    }
                };
                self.since = Date::now();
                (job, begun)
            }
        };
        let stepped = self.engine.step(&mut job);
        let must_wait = matches!(stepped, Ok(Step::Waiting(_)));
        match stepped {
            Ok(Step::Working(progress) | Step::Waiting(progress)) => {
                let now = Date::now();
                let pause = (PROGRESS_EVERY * (now - self.since)).clamp(PROGRESS_MS[0], PROGRESS_MS[1]);
                if now - self.last_progress >= pause {
                    self.last_progress = now;
                    self.port.send(id, &Reply::Progress(progress), &[], None);
                }
                self.running = Some((id, job));
            }
            Ok(Step::Done(outcome)) => self.answer(id, outcome),
            Err(error) => self.answer(id, Reply::Failed(error).into()),
        }
        !must_wait
    }

    /// One more file is on its way, until the function that this gives is called, and for so many milliseconds at most.
    fn on_its_way(&self, ms: f64) -> impl FnOnce() + 'static {
        let (on_their_way, wake) = (self.on_their_way.clone(), self.wake.clone());
        on_their_way.update(|n| n + 1);
        let is_there = Cell::new(false);
        let there = Rc::new(move || {
            if !is_there.replace(true) {
                on_their_way.update(|n| n - 1);
                wake();
            }
        });
        let late = there.clone();
        Timeout::new(ms as u32, move || late()).forget();
        move || there()
    }

    fn answer(&self, job: JobId, outcome: Outcome) {
        let Outcome { reply, bulk, written } = outcome;
        let kind = match &reply {
            Reply::Exported { name } => media_type(name),
            _ => "",
        };
        let blob = match written.map(|spool| spool.into_any().downcast::<FileSink>()) {
            None => Ok(None),
            Some(Ok(sink)) => {
                let (port, on_its_way) = (self.port.clone(), self.on_its_way(MOST_REST_MS));
                spawn_local(async move {
                    let reply = sink.finish().await.map_or_else(Reply::Failed, |()| reply);
                    port.send(job, &reply, &bulk, None);
                    on_its_way();
                });
                return;
            }
            Some(Err(spool)) => spool.downcast::<BlobStore>().expect("our own spool").to_download(kind).map(Some),
        };
        match blob {
            Ok(blob) => {
                if let Some(blob) = &blob {
                    let _ = self.on_its_way((blob.size() / DISK_BYTES_PER_MS).min(MOST_REST_MS));
                }
                self.port.send(job, &reply, &bulk, blob.as_ref().map(AsRef::as_ref));
            }
            Err(error) => self.port.send(job, &Reply::Failed(error), &[], None),
        }
    }
}

/// Takes turns: a message to ourselves gives way to those of others, without the four milliseconds that a nested timeout
/// costs.
#[derive(Clone)]
struct Turns {
    again: MessagePort,
    shell: Rc<RefCell<Shell>>,
}

impl Turns {
    fn new(shell: Shell) -> Self {
        let channel = MessageChannel::new().expect("workers have message channels");
        let (again, turn) = (channel.port1(), channel.port2());
        let turns = Self { again, shell: Rc::new(RefCell::new(shell)) };
        let own = turns.clone();
        turns.shell.borrow_mut().wake = Rc::new(move || own.next());
        let own = turns.clone();
        EventListener::new(&turn, "message", move |_| {
            let mut shell = own.shell.borrow_mut();
            shell.is_due = false;
            let goes_on = shell.step();
            drop(shell);
            if goes_on {
                own.next();
            }
        })
        .forget();
        turn.start();
        turns
    }

    fn next(&self) {
        let mut shell = self.shell.borrow_mut();
        if !shell.is_due {
            shell.is_due = true;
            self.again.post_message(&wasm_bindgen::JsValue::NULL).expect("null can be cloned");
        }
    }
}

fn main() {
    std::panic::set_hook(Box::new(|info| gloo::console::error!(info.to_string())));
    let port = PagePort::new();
    let turns = Turns::new(Shell {
        port: port.clone(),
        engine: Engine::new(|| Box::new(BlobStore::default())),
        waiting: VecDeque::new(),
        running: None,
        since: 0.0,
        last_progress: 0.0,
        on_their_way: Rc::default(),
        is_due: false,
        wake: Rc::new(|| {}),
    });
    port.listen(move |word| match word {
        Word::Request(request) => {
            turns.shell.borrow_mut().hear(*request);
            turns.next();
        }
        Word::Hire(ports) => {
            let own = turns.clone();
            let hands = Hands::new(ports, move || own.next());
            turns.shell.borrow_mut().engine.hire(Box::new(hands)).expect("the page gives hands before files");
        }
        Word::Serve(port) => serve(port, Hand::that_writes(|| Box::new(BlobStore::default()))),
    });
    port.announce(BUILD);
}
