//! What a worker does while nobody wants anything of it: it reads, scores, surveys and writes generated records, for nobody. A
//! browser compiles a function well only once it has run for some time, and the first file is not to wait for that.

use super::{Engine, Job, Outcome, Step, Work, judge};
use crate::error::Result;
use crate::evaluate;
use crate::protocol::{Lens, Opened, PackChoice, Reply, Request, Settings};
use crate::report::Ranking;
use crate::rng::Rng;
use std::hint::black_box;

/// Few at a time, so that no step is long: a file may come during any of them.
const ROWS: u32 = 4000;
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
            let job = own.start(sample(1), Vec::new(), None);
            (own, job)
        });
        loop {
            let Outcome { reply, .. } = match own.step(job)? {
                Step::Done(outcome) => outcome,
                step => return Ok(step),
            };
            let next = match (reply, self.lens.take()) {
                (Reply::Opened(opened), _) => {
                    judge_scores(self.times);
                    // Now and then by a forest of their own.
                    let pack = if self.times.is_multiple_of(4) { PackChoice::None } else { a_pack(&opened) };
                    let settings = Settings { pack, contamination: Some(FLAGGED), ..Settings::default() };
                    Request::Analyze { settings, roles: Vec::new() }
                }
                (Reply::Analyzed(analysis), _) => {
                    let lens = self.lens.insert(Lens::new(analysis.threshold)).clone();
                    Request::Survey { lens, lanes: None }
                }
                (Reply::Surveyed(_), Some(lens)) => Request::Export { lens },
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

/// A pack that can read the records, whatever it would say of them.
fn a_pack(opened: &Opened) -> PackChoice {
    let fits = opened.packs.iter().find(|offer| offer.unfit.is_none());
    fits.map_or(PackChoice::None, |offer| PackChoice::Named(offer.name.clone()))
}

fn judge_scores(seed: u64) {
    let mut rng = Rng::new(seed);
    let scores: Vec<f32> = (0..JUDGED).map(|_| rng.uniform() as f32).collect();
    let labels: Vec<u8> = scores.iter().map(|&score| u8::from(rng.uniform() < f64::from(score))).collect();
    let ranking = Ranking::new(&scores, &evaluate::best_order(&scores), &labels);
    let judged = vec![judge::stage(&scores, &labels), judge::ranked_stage(&ranking)];
    black_box(judge::sum_up("", judged, &scores, &labels));
}
