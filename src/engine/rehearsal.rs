//! What a worker does while nobody wants anything of it: it reads, scores, surveys and writes generated records, for nobody. A
//! browser compiles a function well only once it has run for some time, and the first file is not to wait for that.

use super::{Answered, Engine, Hand, Heard, Job, Outcome, Pool, Step, Work, judge};
use crate::bundle::Pack;
use crate::error::Result;
use crate::evaluate;
use crate::generate::like::Likeness;
use crate::protocol::{Bulk, Lens, Reply, Request, Settings};
use crate::report::Ranking;
use crate::rng::Rng;
use crate::store::Store;
use std::cell::Cell;
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
    /// An engine and a hand of its own, with the packs of the engine that people talk to, and what it is at.
    scene: Option<(Engine, Job)>,
    is_survey: Rc<Cell<bool>>,
    /// How often it has begun.
    times: u64,
    /// Through what the records are looked at.
    lens: Option<Lens>,
}

/// A hand in the very worker: what workers say to one another has to be compiled, too. It surveys; the rest is done without it, as
/// by the engine's own crew.
struct Understudy {
    hand: Hand,
    acts: Rc<Cell<bool>>,
}

impl Pool for Understudy {
    fn n(&self) -> usize {
        1
    }

    fn is_ready(&self, _: usize) -> bool {
        self.acts.get()
    }

    fn send(&mut self, _: usize, message: &[u8], bulk: Vec<Bulk>, store: Option<&dyn Store>) -> Result<()> {
        let copy = |store: &dyn Store| -> Result<Box<dyn Store>> {
            let mut bytes = Vec::new();
            store.read(0, store.size() as usize, &mut bytes)?;
            Ok(Box::new(bytes))
        };
        self.hand.hear(message, bulk, store.map(copy).transpose()?)
    }

    fn receive(&mut self) -> Option<Heard> {
        // An answer that cannot be read has the job fail.
        let answer = self.hand.work().unwrap_or_else(|_| Some(Answered::default()))?;
        Some(Heard { from: 0, answer })
    }

    fn wait(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Work for Rehearsal {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        if self.scene.is_none() {
            let mut own = Engine { packs: engine.packs.clone(), ..Engine::new(engine.new_spool) };
            own.hire(Box::new(Understudy { hand: Hand::default(), acts: self.is_survey.clone() }))?;
            self.times = 1;
            let job = open(&own, 1);
            self.scene = Some((own, job));
        }
        let (own, job) = self.scene.as_mut().expect("it was set just now");
        loop {
            let reply = match own.step(job) {
                Ok(Step::Done(Outcome { reply, .. })) => Some(reply),
                // The understudy has done by the next step what it is waited for.
                Ok(Step::Working(progress) | Step::Waiting(progress)) => return Ok(Step::Working(progress)),
                // Who then wants the same in earnest is told.
                Err(_) => None,
            };
            let next = match (reply, self.lens.take()) {
                (Some(Reply::Opened(_)), _) => {
                    judge_scores(self.times);
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
                    self.is_survey.set(false);
                    *job = open(own, self.times);
                    continue;
                }
                _ => return Ok(Step::Done(Reply::Rehearsed.into())),
            };
            self.is_survey.set(matches!(next, Request::Survey { .. }));
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

fn judge_scores(seed: u64) {
    let mut rng = Rng::new(seed);
    let scores: Vec<f32> = (0..JUDGED).map(|_| rng.uniform() as f32).collect();
    let labels: Vec<u8> = scores.iter().map(|&score| u8::from(rng.uniform() < f64::from(score))).collect();
    let ranking = Ranking::new(&scores, &evaluate::best_order(&scores), &labels);
    let judged = vec![judge::stage(&scores, &labels), judge::ranked_stage(&ranking)];
    black_box(judge::sum_up("", judged, &scores, &labels));
}
