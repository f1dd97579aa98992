//! The worker's shell: the port on one side, the engine on the other. One job at a time, a step at a time; between two
//! steps the messages that have come in are heard, so that a job can be cancelled.

use gloo::events::EventListener;
use js_sys::Date;
use oddflow::engine::{Engine, Job, Step};
use oddflow::protocol::{Bulk, JobId, Reply, Request};
use oddflow::store::{Spool, Store};
use oddflow::web::{BlobStore, Incoming, PagePort};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use web_sys::{Blob, MessageChannel};

/// The page and its worker must come from one build: their messages have no version of their own.
const BUILD: &str = match option_env!("ODDFLOW_BUILD") {
    Some(build) => build,
    None => env!("CARGO_PKG_VERSION"),
};

/// More often than this a progress bar need not move.
const PROGRESS_EVERY_MS: f64 = 50.0;

struct Shell {
    port: PagePort,
    engine: Engine,
    /// Requests that wait for their turn.
    waiting: VecDeque<Incoming<Request>>,
    running: Option<(JobId, Job)>,
    last_progress: f64,
}

impl Shell {
    fn hear(&mut self, incoming: Incoming<Request>) {
        if let Request::Cancel { job } = incoming.message {
            let waited = self.waiting.len();
            self.waiting.retain(|waiting| waiting.job != job);
            let was_running = self.running.take_if(|(running, _)| *running == job).is_some();
            if was_running || self.waiting.len() < waited {
                self.port.send(job, &Reply::Cancelled, &[], None);
            }
        } else {
            self.waiting.push_back(incoming);
        }
    }

    /// Does one step; `false` if there is nothing left to do.
    fn step(&mut self) -> bool {
        let (id, mut job) = match self.running.take() {
            Some(running) => running,
            None => {
                let Some(Incoming { job, message, bulk, blob }) = self.waiting.pop_front() else { return false };
                let file = blob.map(|blob| Box::new(BlobStore::new(blob)) as Box<dyn Store>);
                (job, self.engine.start(message, bulk, file))
            }
        };
        match self.engine.step(&mut job) {
            Ok(Step::Working(progress)) => {
                let now = Date::now();
                if now - self.last_progress >= PROGRESS_EVERY_MS {
                    self.last_progress = now;
                    self.port.send(id, &Reply::Progress(progress), &[], None);
                }
                self.running = Some((id, job));
            }
            Ok(Step::Done(outcome)) => self.answer(id, &outcome.reply, &outcome.bulk, outcome.written),
            Err(error) => self.answer(id, &Reply::Failed(error), &[], None),
        }
        true
    }

    fn answer(&self, job: JobId, reply: &Reply, bulk: &[Bulk], written: Option<Box<dyn Spool>>) {
        let blob: Option<Blob> =
            written.map(|spool| spool.into_any().downcast::<BlobStore>().expect("our own spool").into_blob("text/csv"));
        self.port.send(job, reply, bulk, blob.as_ref());
    }
}

fn main() {
    std::panic::set_hook(Box::new(|info| gloo::console::error!(info.to_string())));
    let port = PagePort::new();
    let engine = Engine::new(|| Box::new(BlobStore::default()));
    let shell = Shell { port: port.clone(), engine, waiting: VecDeque::new(), running: None, last_progress: 0.0 };
    let shell = Rc::new(RefCell::new(shell));

    // A message to ourselves gives way to those of the page without the four milliseconds that a nested timeout costs.
    let channel = MessageChannel::new().expect("workers have message channels");
    let (again, turn) = (channel.port1(), channel.port2());
    let next = move || again.post_message(&wasm_bindgen::JsValue::NULL).expect("null can be cloned");
    EventListener::new(&turn, "message", {
        let (shell, next) = (shell.clone(), next.clone());
        move |_| {
            if shell.borrow_mut().step() {
                next();
            }
        }
    })
    .forget();
    turn.start();

    port.listen(move |incoming| {
        let was_idle = {
            let shell = shell.borrow();
            shell.running.is_none() && shell.waiting.is_empty()
        };
        shell.borrow_mut().hear(incoming);
        if was_idle {
            next();
        }
    });
    port.send(0, &Reply::Ready { build: BUILD.into() }, &[], None);
}
