//! What a worker does while nobody wants anything of it: it reads, scores and writes generated records, for nobody. A browser
//! compiles a function well only once it has run for some time, and the first file is not to wait for that.

use super::{Engine, Job, Outcome, Step, Work};
use crate::error::Result;
use crate::protocol::{Lens, Reply, Request, Settings};

/// Few at a time, so that no step is long: a file may come during any of them.
const ROWS: u32 = 4000;
/// By then, what the time is spent on has been compiled.
const TIMES: u64 = 5;

#[derive(Default)]
pub(super) struct Rehearsal {
    /// An engine of its own, with the packs of the one that people talk to, and what it is at.
    scene: Option<(Engine, Job)>,
    /// How often it has begun.
    times: u64,
}

impl Work for Rehearsal {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let (own, job) = self.scene.get_or_insert_with(|| {
            let own = Engine { packs: engine.packs.clone(), ..Engine::new(engine.new_spool) };
            self.times = 1;
            let job = own.start(sample(1), Vec::new(), None);
            (own, job)
        });
        loop {
            let Outcome { reply, .. } = match own.step(job)? {
                Step::Done(outcome) => outcome,
                step => return Ok(step),
            };
            let next = match reply {
                Reply::Opened(_) => Request::Analyze { settings: Settings::default(), roles: Vec::new() },
                Reply::Analyzed(analysis) => Request::Export { lens: Lens::new(analysis.threshold) },
                _ if self.times < TIMES => {
                    self.times += 1;
                    sample(self.times)
                }
                _ => return Ok(Step::Done(Reply::Rehearsed.into())),
            };
            *job = own.start(next, Vec::new(), None);
        }
    }
}

fn sample(seed: u64) -> Request {
    Request::OpenSample { rows: ROWS, seed }
}
