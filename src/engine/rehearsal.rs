//! What a worker does while nobody wants anything of it: it reads, scores, surveys and writes generated records, for nobody. A
//! browser compiles a function well only once it has run for some time, and the first file is not to wait for that.

use super::{Engine, Job, Outcome, Step, Work, judge};
use crate::bundle::Pack;
use crate::error::Result;
use crate::evaluate;
use crate::generate::like::Likeness;
use crate::protocol::{Lens, Reply, Request, Settings};
use crate::report::Ranking;
use crate::rng::Rng;
use std::hint::black_box;
use std::rc::Rc;

/// Few at a time, so that no step is long: a file may come during any of them.
const ROWS: u32 = 4000;
/// Those of packs have more columns.
const ROWS_OF_PACKS: u32 = 2000;
/// By then, what the time is spent on has been compiled.
const TIMES: u64 = 12;
/// So many are flagged, for the sake of their reasons.
const FLAGGED: f64 = 0.2;
/// Scores that are judged each time. What is done but once for all records of a file takes many to be compiled.
const JUDGED: usize = 1 << 16;

#[derive(Default)]
pub(super) struct Rehearsal {
    /// An engine of its own, with the packs of the one that people talk to, and what it is at.
    scene: Option<(Engine, Job)>,
    /// How often it has begun.
    times: u64,
    /// Through what the records are looked at.
    lens: Option<Lens>,
}

impl Work for Rehearsal {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let (own, job) = self.scene.get_or_insert_with(|| {
            let own = Engine { packs: engine.packs.clone(), ..Engine::new(engine.new_spool) };
            self.times = 1;
            let job = open(&own, 1);
            (own, job)
        });
        loop {
            let reply = match own.step(job) {
                Ok(Step::Done(Outcome { reply, .. })) => Some(reply),
                Ok(step) => return Ok(step),
                // Who then wants the same in earnest is told.
                Err(_) => None,
            };
            let next = match (reply, self.lens.take()) {
                (Some(Reply::Opened(_)), _) => {
                    judge_scores(self.times);
                    open_pack(own, self.times);
                    let settings = Settings { contamination: Some(FLAGGED), ..Settings::default() };
                    Request::Analyze { settings, roles: Vec::new() }
                }
                (Some(Reply::Analyzed(analysis)), _) => {
                    let lens = self.lens.insert(Lens::new(analysis.threshold)).clone();
                    Request::Survey { lens, lanes: None }
                }
                (Some(Reply::Surveyed(_)), Some(lens)) => Request::Export { lens },
                _ if self.times < TIMES => {
                    self.times += 1;
                    *job = open(own, self.times);
                    continue;
                }
                _ => return Ok(Step::Done(Reply::Rehearsed.into())),
            };
            *job = own.start(next, Vec::new(), None);
        }
    }
}

/// Opens records such as each of the packs knows in turn, or the flow records of the sample.
fn open(engine: &Engine, time: u64) -> Job {
    let like = |pack: &Rc<Pack>| Likeness::new(pack.manifest(), ROWS_OF_PACKS, time).ok();
    let mut kinds: Vec<Option<Likeness>> = engine.packs.iter().filter_map(like).map(Some).collect();
    kinds.push(None);
    let at = (time % kinds.len() as u64) as usize;
    match kinds.swap_remove(at) {
        Some(mut likeness) => {
            let mut bytes = Vec::new();
            likeness.write(ROWS_OF_PACKS, &mut bytes);
            let request = Request::Open { name: "rehearsal.csv".into(), files: Vec::new() };
            engine.start(request, Vec::new(), Some(Box::new(bytes)))
        }
        None => engine.start(Request::OpenSample { rows: ROWS, seed: time }, Vec::new(), None),
    }
}

/// Opens one of the packs anew, as every other worker does with the one that is chosen.
fn open_pack(engine: &Engine, time: u64) {
    let at = (time as usize).checked_rem(engine.packs.len());
    if let Some([manifest, forest, dnn]) = at.map(|at| engine.packs[at].files()) {
        let _ = black_box(Pack::open(manifest, forest, dnn));
    }
}

fn judge_scores(seed: u64) {
    let mut rng = Rng::new(seed);
    let scores: Vec<f32> = (0..JUDGED).map(|_| rng.uniform() as f32).collect();
    let labels: Vec<u8> = scores.iter().map(|&score| u8::from(rng.uniform() < f64::from(score))).collect();
    let ranking = Ranking::new(&scores, &evaluate::best_order(&scores), &labels);
    let judged = vec![judge::stage(&scores, &labels), judge::ranked_stage(&ranking)];
    black_box(judge::sum_up("", judged, &scores, &labels));
}
