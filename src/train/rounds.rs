//! How well the recipe does on rows that it has not seen. In each run, a fifth of the rows is kept for judging; then the
//! recipe is followed once with all attack types, and once without each of them (or without each source), which is judged
//! on what was left out: the nearest thing there is to an attack, or a network, of tomorrow.
//!
//! Rounds know nothing of one another and may be done at the same time; what they say does not depend on it.

use super::split::{Data, k_folds, stratified};
use super::views::calibrate;
use super::{Progress, TrainParams};
use crate::bundle::{FigureSpread, Figures, Spread, Validation};
use crate::error::{Error, Result};
use crate::evaluate::{pr_auc, recall_at_fpr, roc_auc};
use crate::hybrid::{Detector, FileFit, Fusion, Standardise, Views, Weights};
use crate::protocol::Settings;
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Parts that the rows are dealt into; each run keeps another one for judging.
const FOLDS: u32 = 5;
/// Fewer rows of a type say little when it is left out.
const LEAST_ROWS: usize = 10;
/// The view that decides.
pub const FUSED: &str = "fused";
/// A forest that is fitted to the left-out source itself, without labels: what people have without a pack.
pub const OWN_FOREST: &str = "forest fitted to the source itself";

/// What is left out of training, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveOut {
    AttackTypes,
    /// Values of the column `source`, which `flow::concat` makes.
    Sources,
}

/// Rows of one round.
struct Plan {
    run: u32,
    /// The group that is left out.
    left_out: Option<u32>,
    train: Vec<u32>,
    validation: Vec<u32>,
    /// What the round is judged by.
    normal: Vec<u32>,
    attacks: Vec<u32>,
}

/// What the views of one round say.
pub struct Round {
    run: u32,
    /// The name of what was left out.
    left_out: Option<String>,
    forest_input: Standardise,
    has_autoencoder: bool,
    /// Of validation rows that are normal.
    calibration: Vec<Views>,
    normal: Vec<Views>,
    attacks: Vec<Views>,
    /// Scores of the judged rows by a forest fitted to them alone, normal rows first; only for sources.
    own: Option<Vec<f32>>,
}

/// What can be left out.
pub struct Groups {
    /// The group of each row of the table.
    pub of_row: Vec<u32>,
    /// The groups that are worth leaving out, and their names.
    pub named: Vec<(u32, String)>,
}

#[must_use]
pub fn groups(data: &Data<'_>, params: &TrainParams) -> Groups {
    let (of_row, named): (Vec<u32>, Vec<(u32, String)>) = match params.leave_out {
        // Nothing that is left out could have been learned.
        LeaveOut::AttackTypes if params.normal_only => (data.classes.clone(), Vec::new()),
        LeaveOut::AttackTypes => {
            let attacks: Vec<u32> = data.rows.iter().copied().filter(|&row| data.is_attack(row)).collect();
            let counts = data.counts(&attacks);
            let frequent = (0..).zip(counts).filter(|&(_, count)| count >= LEAST_ROWS as u64);
            let named = frequent.map(|(class, _)| (class, data.class_names[class as usize].clone())).collect();
            (data.classes.clone(), named)
        }
        LeaveOut::Sources => (data.sources.clone(), (0..).zip(data.source_names.iter().cloned()).collect()),
    };
    // With one group only, nothing would be left to learn from.
    Groups { of_row, named: if named.len() < 2 { Vec::new() } else { named } }
}

fn plans(data: &Data<'_>, params: &TrainParams, runs: Range<u32>) -> Vec<(Plan, Option<String>)> {
    let Groups { of_row: group_of, named } = groups(data, params);
    let mut plans = Vec::new();
    for run in runs {
        let mut rng = Rng::stream(params.seed + u64::from(run / FOLDS), 2);
        let mut folds = k_folds(&data.rows, |row| data.class(row), FOLDS as usize, &mut rng);
        let judged = folds.swap_remove((run % FOLDS) as usize);
        let mut rest = folds.concat();
        rest.sort_unstable();
        let (train, validation) = params.hold_out(data, &rest, params.seed + u64::from(run));
        let of_kind = |rows: &[u32], attack: bool| -> Vec<u32> {
            rows.iter().copied().filter(|&row| data.is_attack(row) == attack).collect()
        };
        for (group, name) in &named {
            let kept =
                |rows: &[u32]| rows.iter().copied().filter(|&row| group_of[row as usize] != *group).collect::<Vec<_>>();
            let whole: Vec<u32> = data.rows.iter().copied().filter(|&row| group_of[row as usize] == *group).collect();
            let normal = of_kind(if params.leave_out == LeaveOut::Sources { &whole } else { &judged }, false);
            let attacks = of_kind(&whole, true);
            if normal.len().min(attacks.len()) >= LEAST_ROWS {
                let (train, validation) = (kept(&train), kept(&validation));
                plans.push((
                    Plan { run, left_out: Some(*group), train, validation, normal, attacks },
                    Some(name.clone()),
                ));
            }
        }
        let (normal, attacks) = (of_kind(&judged, false), of_kind(&judged, true));
        if normal.len().min(attacks.len()) >= LEAST_ROWS {
            plans.push((Plan { run, left_out: None, train, validation, normal, attacks }, None));
        }
    }
    plans
}

/// Does all rounds of these runs, two or more at a time where the machine can.
///
/// # Errors
/// If a round fails; the first of those that were noticed.
pub fn run(
    data: &Data<'_>,
    params: &TrainParams,
    runs: Range<u32>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Vec<Round>> {
    let plans = plans(data, params, runs);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let told = Mutex::new((vec![0.0; plans.len()], progress));
    let work = || -> Vec<(usize, Result<Round>)> {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((plan, name)) = plans.get(at).filter(|_| !failed.load(Ordering::Relaxed)) else { return done };
            let run = match plan.run {
                run if run < params.runs => format!("Run {} of {}", run + 1, params.runs),
                _ => "Choosing how to teach".into(),
            };
            let stage = match name {
                Some(name) => format!("{run}, without {name}"),
                None => format!("{run}, with all"),
            };
            let round = judge(data, params, plan, name.clone(), |share| {
                let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                told.0[at] = share;
                let done = told.0.iter().sum::<f64>() / plans.len() as f64;
                (told.1)(Progress { stage: stage.clone(), done });
            });
            failed.fetch_or(round.is_err(), Ordering::Relaxed);
            done.push((at, round));
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(plans.len());
    let mut rounds = if n_threads < 2 {
        work()
    } else {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a round does not panic")).collect()
        })
    };
    rounds.sort_by_key(|(at, _)| *at);
    rounds.into_iter().map(|(_, round)| round).collect()
}

fn judge(
    data: &Data<'_>,
    params: &TrainParams,
    plan: &Plan,
    left_out: Option<String>,
    progress: impl FnMut(f64),
) -> Result<Round> {
    let views = params.views.seeded(params.seed + u64::from(plan.run));
    let fitted = views.fit(data, &plan.train, &plan.validation, progress)?;
    let normal: Vec<u32> = plan.validation.iter().copied().filter(|&row| !data.is_attack(row)).collect();
    let own = (params.leave_out == LeaveOut::Sources && plan.left_out.is_some()).then(|| {
        let rows: Vec<u32> = plan.normal.iter().chain(&plan.attacks).copied().collect();
        let Settings { n_estimators, max_samples, .. } = Settings::default();
        let fit = FileFit { n_estimators, max_samples, seed: views.seed };
        let detector = Detector::fit_to_file(data.table, data.schema, &rows, fit)?;
        let (mut forest, mut score) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        detector.bind(data.table, data.schema)?.score(&rows, &mut forest, &mut [], &mut score)?;
        Ok::<_, Error>(score)
    });
    Ok(Round {
        run: plan.run,
        left_out,
        forest_input: fitted.forest_input,
        has_autoencoder: fitted.autoencoder.is_some(),
        calibration: fitted.views(data, &normal)?,
        normal: fitted.views(data, &plan.normal)?,
        attacks: fitted.views(data, &plan.attacks)?,
        own: own.transpose()?,
    })
}

impl Round {
    fn fusion(&self, cap: f64, weights: Weights) -> Result<Fusion> {
        calibrate(&self.calibration, self.forest_input, self.has_autoencoder, cap, weights)
    }

    fn labels(&self) -> Vec<u8> {
        let n = self.normal.len();
        (0..n + self.attacks.len()).map(|at| u8::from(at >= n)).collect()
    }

    fn fused(&self, cap: f64, weights: Weights) -> Result<Figures> {
        let fusion = self.fusion(cap, weights)?;
        let scores: Vec<f32> = self.normal.iter().chain(&self.attacks).map(|view| fusion.score(*view)).collect();
        Ok(figures(&scores, &self.labels()))
    }

    fn by_view(&self, cap: f64, weights: Weights) -> Result<BTreeMap<String, Figures>> {
        let scores = |of: fn(&Views) -> f32| -> Vec<f32> { self.normal.iter().chain(&self.attacks).map(of).collect() };
        let mut views = vec![("forest", scores(|view| view.forest)), ("network", scores(|view| view.probability))];
        if self.has_autoencoder {
            views.push(("autoencoder", scores(|view| view.error)));
        }
        views.extend(self.own.as_ref().map(|own| (OWN_FOREST, own.clone())));
        let labels = self.labels();
        let mut by_view: BTreeMap<String, Figures> =
            views.into_iter().map(|(name, scores)| (name.to_owned(), figures(&scores, &labels))).collect();
        by_view.insert(FUSED.into(), self.fused(cap, weights)?);
        Ok(by_view)
    }
}

/// What the rounds say, and the weights that they choose.
pub struct Verdict {
    pub weights: Weights,
    /// How well the fused score does with them, up to 2: half of it on known types, half on what was left out.
    pub merit: f64,
    pub cross_validation: Validation,
    pub left_out: Validation,
}

/// Chooses the weights and sums up. The fused figures of what was left out are those of the weights that the *other* left-out
/// names choose, so that no figure is the best of several.
///
/// # Errors
/// With too few validation rows to calibrate with, or without weights to choose from.
pub fn sum_up(rounds: &[Round], params: &TrainParams) -> Result<Verdict> {
    let first = *params.weights.first().ok_or_else(|| Error::new("There are no weights to choose from"))?;
    let mut by_weights: Vec<Vec<f64>> = Vec::new();
    for &weights in &params.weights {
        let merit = |round: &Round| -> Result<f64> {
            let fused = round.fused(params.network_cap, weights)?;
            // Ranking as a whole, and where alarms are raised.
            Ok((fused.roc_auc + fused.recall_at_1 + fused.recall_at_5) / 3.0)
        };
        by_weights.push(rounds.iter().map(merit).collect::<Result<_>>()?);
    }
    let alone = params.weights.iter().position(|weights| weights.forest == 0.0 && weights.autoencoder == 0.0);
    let chosen_without = |name: Option<&str>| -> (f64, Weights) {
        let mut by_name: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (at, round) in rounds.iter().enumerate() {
            let left_out = round.left_out.as_deref();
            if name.is_none() || left_out != name {
                by_name.entry(left_out).or_default().push(at);
            }
        }
        // Of what is known, and of each name that was left out.
        let merits = |merits: &[f64]| -> (f64, Vec<f64>) {
            let mean = |places: &Vec<usize>| places.iter().map(|&at| merits[at]).sum::<f64>() / places.len() as f64;
            let known = by_name.get(&None).map_or(0.0, mean);
            (known, by_name.iter().filter(|(name, _)| name.is_some()).map(|(_, places)| mean(places)).collect())
        };
        // What is known and what is not count as much as each other.
        let merit = |known: f64, left_out: &[f64]| known + left_out.iter().sum::<f64>() / left_out.len().max(1) as f64;
        let all: Vec<(f64, Vec<f64>)> = by_weights.iter().map(|by_round| merits(by_round)).collect();
        let mut best = (f64::NEG_INFINITY, first);
        for (at, (&weights, (known, left_out))) in params.weights.iter().zip(&all).enumerate() {
            let merit_here = merit(*known, left_out);
            // A weak view must not drag the network down: the others count only where they help by more than chance may.
            let is_chance = alone.filter(|&alone| alone != at).is_some_and(|alone| {
                let (known_alone, left_out_alone) = &all[alone];
                let gains: Vec<f64> = left_out.iter().zip(left_out_alone).map(|(with, alone)| with - alone).collect();
                merit_here - merit(*known_alone, left_out_alone) <= standard_error(&gains)
            });
            if merit_here > best.0 && !is_chance {
                best = (merit_here, weights);
            }
        }
        best
    };
    let (merit, weights) = chosen_without(None);
    let mut all = Vec::new();
    for round in rounds {
        let weights = round.left_out.as_deref().map_or(weights, |name| chosen_without(Some(name)).1);
        all.push((round, round.by_view(params.network_cap, weights)?));
    }
    let (left_out, known): (Vec<_>, Vec<_>) = all.into_iter().partition(|(round, _)| round.left_out.is_some());
    Ok(Verdict { weights, merit, cross_validation: validation(&known), left_out: validation(&left_out) })
}

/// Of the mean of some values; 0 for fewer than two.
fn standard_error(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    if values.len() < 2 { 0.0 } else { libm::sqrt(squares / (n * (n - 1.0))) }
}

/// Means over names within a run, then mean and deviation over the runs.
fn validation(rounds: &[(&Round, BTreeMap<String, Figures>)]) -> Validation {
    let mut runs: BTreeMap<u32, Vec<&BTreeMap<String, Figures>>> = BTreeMap::new();
    let mut names: BTreeMap<String, Vec<&BTreeMap<String, Figures>>> = BTreeMap::new();
    for (round, by_view) in rounds {
        runs.entry(round.run).or_default().push(by_view);
        if let Some(name) = &round.left_out {
            names.entry(name.clone()).or_default().push(by_view);
        }
    }
    let by_run: Vec<BTreeMap<String, Figures>> = runs.values().map(|all| mean(all)).collect();
    let views = by_run.first().map(|views| views.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let spread = |view: &str| {
        let of = |figure: fn(&Figures) -> f64| {
            Spread::of(&by_run.iter().filter_map(|run| run.get(view)).map(figure).collect::<Vec<_>>())
        };
        FigureSpread {
            roc_auc: of(|f| f.roc_auc),
            pr_auc: of(|f| f.pr_auc),
            recall_at_1: of(|f| f.recall_at_1),
            recall_at_5: of(|f| f.recall_at_5),
        }
    };
    Validation {
        runs: by_run.len() as u32,
        by_view: views.into_iter().map(|view| (view.clone(), spread(&view))).collect(),
        by_name: names.into_iter().map(|(name, all)| (name, mean(&all))).collect(),
    }
}

fn mean(all: &[&BTreeMap<String, Figures>]) -> BTreeMap<String, Figures> {
    let mut sums: BTreeMap<String, Vec<Figures>> = BTreeMap::new();
    all.iter().flat_map(|by_view| by_view.iter()).for_each(|(view, &f)| sums.entry(view.clone()).or_default().push(f));
    let mean = |all: &[Figures], of: fn(&Figures) -> f64| rounded(all.iter().map(of).sum::<f64>() / all.len() as f64);
    let figures = |all: Vec<Figures>| Figures {
        roc_auc: mean(&all, |f| f.roc_auc),
        pr_auc: mean(&all, |f| f.pr_auc),
        recall_at_1: mean(&all, |f| f.recall_at_1),
        recall_at_5: mean(&all, |f| f.recall_at_5),
    };
    sums.into_iter().map(|(view, all)| (view, figures(all))).collect()
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        Self { mean: rounded(mean), sd: rounded(libm::sqrt(squares / (n - 1.0).max(1.0))) }
    }
}

fn figures(scores: &[f32], labels: &[u8]) -> Figures {
    Figures {
        roc_auc: rounded(roc_auc(scores, labels)),
        pr_auc: rounded(pr_auc(scores, labels)),
        recall_at_1: rounded(recall_at_fpr(scores, labels, 0.01)),
        recall_at_5: rounded(recall_at_fpr(scores, labels, 0.05)),
    }
}

/// To the digits that such figures bear.
fn rounded(x: f64) -> f64 {
    libm::round(x * 1e5) / 1e5
}

impl TrainParams {
    /// Training and validation rows. Trained on normal rows only, there are no others among them.
    pub(super) fn hold_out(&self, data: &Data<'_>, rows: &[u32], seed: u64) -> (Vec<u32>, Vec<u32>) {
        let mut rows = rows.to_vec();
        if self.normal_only {
            rows.retain(|&row| !data.is_attack(row));
        }
        stratified(&rows, |row| data.class(row), self.validation_share, &mut Rng::stream(seed, 0))
    }
}
