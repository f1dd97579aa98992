//! What a worker does while nobody wants anything of it: it reads, scores and writes generated records, for nobody. A browser
//! compiles a function well only once it has run for some time, and the first file is not to wait for that.

use super::{Engine, Job, Outcome, Step};
use crate::error::Result;
use crate::protocol::{Lens, Reply, Request, Settings};

/// Few at a time, so that no step is long: a file may come during any of them.
const ROWS: u32 = 4000;
/// By then, what the time is spent on has been compiled.
const TIMES: u64 = 5;

/// An engine of its own, with the packs of the one that people talk to.
pub struct Rehearsal {
    engine: Engine,
    job: Job,
    /// How often it has begun.
    times: u64,
}

impl Rehearsal {
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        let engine = Engine { packs: engine.packs.clone(), ..Engine::new(engine.new_spool) };
        let job = engine.start(sample(1), Vec::new(), None);
        Self { engine, job, times: 1 }
    }

    /// Does a bounded part of it; `false` when it is over.
    ///
    /// # Errors
    /// As [`Engine::step`]; it is over then.
    pub fn step(&mut self) -> Result<bool> {
        let Step::Done(Outcome { reply, .. }) = self.engine.step(&mut self.job)? else { return Ok(true) };
        let next = match reply {
            Reply::Opened(_) => Request::Analyze { settings: Settings::default(), roles: Vec::new() },
            Reply::Analyzed(analysis) => Request::Export { lens: Lens::new(analysis.threshold) },
            _ if self.times < TIMES => {
                self.times += 1;
                sample(self.times)
            }
            _ => return Ok(false),
        };
        self.job = self.engine.start(next, Vec::new(), None);
        Ok(true)
    }
}

fn sample(seed: u64) -> Request {
    Request::OpenSample { rows: ROWS, seed }
}
