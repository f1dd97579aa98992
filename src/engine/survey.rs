//! What the records that a lens shows have in common: groups, pairs that call like clockwork, what to look at first, and when
//! which of the first entities was odd. Two sweeps, since the lanes of time are those of the first groups.
//!
//! On the page, plot and lanes do not narrow themselves: the plot counts records outside its chosen part, too, and the lanes those of other times and
//! entities than the filter asks for, which takes a sweep more.

use super::crew::{self, Ready, Records};
use super::lens::{Reasons, Sight, Which, look};
use super::sweep::{Effort, Sweep, Swept};
use super::{Dataset, Engine, Outcome, Run, Step, Work, judge};
use crate::error::{Error, Result};
use crate::evaluate::{Confusion, NameRecall};
use crate::explain::label_of;
use crate::flow::{Parts, cell_text};
use crate::groups::beacons::{PairFold, Pairs};
use crate::groups::{Group, GroupFold, GroupKind, Groups, leads, without_lane_terms};
use crate::protocol::{Bulk, GroupList, Labelled, Lanes, Lens, Progress, Reply, Stage, StageQuality, Stages, Survey};
use crate::query::Needs;
use crate::report::{Clock, Cuts, DensityGrid, Extent, QuadrantCounts, Swimlanes};
use crate::schema::{self, Schema};
use crate::verdicts::Judged;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Leads that are named; nobody reads more at a time.
const LEADS: usize = 10;
/// Groups of each kind that are listed by each of the numbers that they can be sorted by.
const LISTED: usize = 50;
/// Lanes, and columns of time: what fits on a screen.
const LANES: usize = 12;
const BUCKETS: u32 = 96;
/// Attack names that are counted. A column with more holds something else.
const NAMES: usize = 4096;

pub(super) struct Surveying {
    lens: Lens,
    /// What lanes are wished for.
    lanes: Option<GroupKind>,
    /// Whether plot and lanes show what else could be chosen there.
    is_wide: bool,
    state: State,
}

enum State {
    Begun,
    Counting(Box<Counting>),
    Lanes(Box<Timing>),
    Done,
}

struct Counting {
    sight: Rc<Sight>,
    sweep: Sweep,
    scales: Rc<Scales>,
    found: Counts,
    /// Of each record, the label if it is shown; empty where the labels are not wanted.
    labels: Vec<u8>,
    /// What they say of each stage, which is found step by step once all is counted.
    judged: Vec<StageQuality>,
    /// The survey, where it is for the lanes alone that is counted.
    survey: Option<Box<Survey>>,
}

struct Timing {
    survey: Box<Survey>,
    sight: Rc<Sight>,
    sweep: Sweep,
    task: LaneTask,
    /// All but what is drawn.
    lanes: Lanes,
}

/// What a crew does with a chunk's records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Task {
    Count(Sight, Scales),
    Lanes(Sight, LaneTask),
}

/// What divides the scores.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Scales {
    cuts: Cuts,
    /// [`crate::report::Histogram::inner_edges`]
    edges: Vec<f32>,
    /// Whether the plot counts records outside its chosen part, too.
    has_wide_plot: bool,
    /// Whether the labels of what is shown are wanted.
    wants_labels: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LaneTask {
    kind: GroupKind,
    /// Empty: the counts of each chunk go into a copy.
    lanes: Swimlanes,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Finding {
    /// Bulk, where labels are wanted: that of each record, [`schema::UNKNOWN`] where it is not shown.
    Counts(Box<Counts>),
    Lanes(Swimlanes),
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    shown: u64,
    flagged: u64,
    reasoned: u64,
    allowed: Vec<u64>,
    idle_rules: Vec<(u32, String)>,
    groups: Groups,
    pairs: Pairs,
    extent: Extent,
    grid: Option<DensityGrid>,
    quadrants: QuadrantCounts,
    histogram: Vec<u64>,
    judged: Judged,
    /// Of the labels, where they are wanted.
    confusion: Confusion,
    /// Of each attack name, the scored records and those of them that are flagged.
    attacks: BTreeMap<String, (u64, u64)>,
}

/// The clock of a file, by its column of times.
fn clock_of(schema: &Schema, dataset: &Dataset) -> Option<(usize, Clock)> {
    let at = schema.time_column()?;
    Some((at, Clock::of(&dataset.sample.columns[at])?))
}

impl Task {
    pub fn perform(
        &self,
        records: &Records,
        bulk: &[Bulk],
        ready: &Ready,
        found: &mut Reasons,
    ) -> Result<Option<(Finding, Vec<Bulk>)>> {
        match self {
            Self::Count(sight, scales) => {
                let counted = count(sight, scales, records, bulk, ready, found)?;
                Ok(counted.map(|(counts, labels)| (Finding::Counts(Box::new(counts)), vec![Bulk::U8(labels)])))
            }
            Self::Lanes(sight, LaneTask { kind, lanes }) => {
                let (schema, table) = (&ready.schema, records.table);
                let parts = Parts::of(schema);
                let mut lanes = lanes.clone();
                let (Some(times), Some(entities)) = (schema.time_column(), kind.column(&parts)) else {
                    return Ok(Some((Finding::Lanes(lanes), Vec::new())));
                };
                let mut shown = Vec::new();
                let mut scores = vec![f32::NAN; table.n_rows()];
                let is_done = look(sight, records, bulk, ready, found, (Which::Shown, Needs::default()), |seen| {
                    if seen.is_shown && seen.allowed.is_none() {
                        shown.push(seen.row);
                        scores[seen.row as usize] = seen.score;
                    }
                    Ok(())
                })?;
                lanes.add_rows(&table.columns[times], &table.columns[entities], shown, &scores);
                Ok(is_done.then_some((Finding::Lanes(lanes), Vec::new())))
            }
        }
    }
}

fn count(
    sight: &Sight,
    scales: &Scales,
    records: &Records,
    bulk: &[Bulk],
    ready: &Ready,
    found: &mut Reasons,
) -> Result<Option<(Counts, Vec<u8>)>> {
    let (schema, table) = (&ready.schema, records.table);
    let parts = Parts::of(schema);
    let first_row = records.chunk.first_row;
    let mut groups = GroupFold::new(&parts, table, schema, sight.lens.threshold);
    let mut pairs = PairFold::new(&parts, table);
    let clock = schema.time_column().and_then(|at| Some((&table.columns[at], Clock::of(&table.columns[at])?)));
    let mut counts = Counts {
        allowed: vec![0; sight.lens.allow_list.rules.len()],
        histogram: vec![0; scales.edges.len() + 1],
        ..Counts::default()
    };
    if ready.detector.second.is_some() {
        counts.grid = Some(DensityGrid::new(sight.forest_range.0, sight.forest_range.1));
    }
    let attack = schema.attack_column().map(|at| &table.columns[at]);
    let mut names = vec![(0, 0); attack.map_or(0, |column| column.dictionary.len())];
    let mut labels = vec![schema::UNKNOWN; if scales.wants_labels { table.n_rows() } else { 0 }];
    let wanted = Needs { reasons: true, label: scales.wants_labels, ..Needs::default() };
    let is_done = look(sight, records, bulk, ready, found, (Which::All, wanted), |seen| {
        if seen.is_shown_or_unflagged && !seen.score.is_nan() {
            if scales.wants_labels {
                labels[seen.row as usize] = seen.label;
                counts.confusion.add(seen.label, seen.is_flagged);
            }
            if let Some(column) = attack {
                let cell = column.cells.at(seen.row as usize);
                let n = (1, u64::from(seen.is_flagged));
                match cell.as_text() {
                    Some(code) => {
                        let (rows, flagged) = &mut names[code as usize];
                        *rows += n.0;
                        *flagged += n.1;
                    }
                    // Some files number them.
                    None => cell_text(column, cell).into_iter().for_each(|name| counts.add_attack(name.into(), n)),
                }
            }
        }
        if let Some(count) = seen.allowed.and_then(|rule| counts.allowed.get_mut(rule)) {
            *count += 1;
        }
        let is_in_plot = if scales.has_wide_plot { seen.is_shown_but_for_brush } else { seen.is_shown };
        if is_in_plot && let Some(grid) = &mut counts.grid {
            grid.add(&[seen.forest], &[seen.probability]);
            counts.quadrants.add(&[seen.forest], &[seen.probability], scales.cuts);
        }
        if !seen.is_shown {
            return Ok(());
        }
        counts.shown += 1;
        if !seen.score.is_nan() {
            counts.histogram[scales.edges.partition_point(|&edge| edge <= seen.score)] += 1;
        }
        counts.flagged += u64::from(seen.is_flagged);
        let file_row = records.chunk.first_row + seen.row;
        counts.reasoned += u64::from(seen.is_flagged && sight.reasons_of(file_row, seen.score));
        counts.judged.add(seen.is_flagged, seen.is_true);
        if let Some((times, clock)) = clock
            && let Some(seconds) = clock.seconds(times, seen.row)
        {
            counts.extent.add(seconds);
        }
        // What a person ignores is counted, but is no anomaly.
        if seen.allowed.is_none() {
            let file_row = first_row + seen.row;
            groups.add(seen.row, file_row, seen.score, seen.reasons.first().copied());
            if let Some(pairs) = &mut pairs {
                pairs.add(seen.row, file_row);
            }
        }
        Ok(())
    })?;
    if !is_done {
        return Ok(None);
    }
    let idle = sight.lens.allow_list.bind(table, schema).idle;
    counts.idle_rules = idle.into_iter().map(|(rule, error)| (rule as u32, error.to_string())).collect();
    counts.groups = groups.finish();
    counts.pairs = pairs.map(PairFold::finish).unwrap_or_default();
    if let Some(column) = attack {
        let named = column.dictionary.iter().zip(names).filter(|(_, (rows, _))| *rows > 0);
        named.for_each(|(name, n)| counts.add_attack(name.trim().to_owned(), n));
    }
    Ok(Some((counts, labels)))
}

impl Counts {
    fn add_attack(&mut self, name: String, (rows, flagged): (u64, u64)) {
        if self.attacks.len() < NAMES || self.attacks.contains_key(&name) {
            let sums = self.attacks.entry(name).or_default();
            sums.0 += rows;
            sums.1 += flagged;
        }
    }

    fn merge(&mut self, next: Self) {
        self.shown += next.shown;
        self.flagged += next.flagged;
        self.reasoned += next.reasoned;
        self.judged.merge(next.judged);
        self.confusion.merge(&next.confusion);
        next.attacks.into_iter().for_each(|(name, n)| self.add_attack(name, n));
        self.allowed.resize(self.allowed.len().max(next.allowed.len()), 0);
        self.allowed.iter_mut().zip(next.allowed).for_each(|(sum, more)| *sum += more);
        self.idle_rules = next.idle_rules;
        self.groups.merge(next.groups);
        self.pairs.merge(next.pairs);
        self.extent.merge(&next.extent);
        self.quadrants.merge(&next.quadrants);
        self.histogram.resize(self.histogram.len().max(next.histogram.len()), 0);
        self.histogram.iter_mut().zip(next.histogram).for_each(|(sum, more)| *sum += more);
        match (&mut self.grid, next.grid) {
            (Some(grid), Some(more)) => grid.merge(&more),
            (grid, more) => *grid = grid.take().or(more),
        }
    }

    fn survey(self, cuts: Cuts, schema: &Schema) -> Survey {
        // Reasons are counted by the canonical names of their columns.
        let called = |group: &mut Group| {
            if group.kind == GroupKind::Reason {
                group.label = label_of(schema, &group.parts[0]);
            }
        };
        let mut leads = leads(&self.groups, &self.pairs, LEADS);
        for lead in &mut leads {
            if let Some(group) = lead.group.as_mut().filter(|group| group.kind == GroupKind::Reason) {
                called(group);
                lead.title.clone_from(&group.label);
            }
        }
        let list = |&kind: &GroupKind| {
            let mut groups = self.groups.listed(kind, LISTED);
            groups.iter_mut().for_each(called);
            (!groups.is_empty()).then(|| GroupList { kind, groups, others: self.groups.others(kind) })
        };
        let of = |(name, (rows, flagged)): (String, _)| NameRecall { name, rows, flagged };
        let mut attacks: Vec<NameRecall> = self.attacks.into_iter().map(of).collect();
        attacks.sort_by_key(|attack| Reverse(attack.rows));
        attacks.truncate(LISTED);
        Survey {
            shown: self.shown,
            flagged: self.flagged,
            leads,
            groups: GroupKind::ALL.iter().filter_map(list).collect(),
            allowed: self.allowed,
            idle_rules: self.idle_rules,
            lanes: None,
            stages: self.grid.map(|grid| Stages { grid, cuts, counts: self.quadrants }),
            histogram: self.histogram,
            judged: self.judged,
            reasoned: self.reasoned,
            labelled: None,
            attacks,
        }
    }
}

/// What lanes can be of. Unless others are wished for, they are of the first of these that the file has.
const LANE_KINDS: [GroupKind; 4] =
    [GroupKind::Source, GroupKind::Destination, GroupKind::Service, GroupKind::DestinationPort];

impl Surveying {
    /// With lanes of this kind, if they can be had.
    pub(super) fn new(lens: Lens, lanes: Option<GroupKind>) -> Self {
        Self { lens, lanes, is_wide: true, state: State::Begun }
    }

    /// Of nothing but what the lens shows.
    pub(super) fn narrow(lens: Lens) -> Self {
        Self { is_wide: false, ..Self::new(lens, None) }
    }

    /// Does some more; the survey when it is done.
    pub(super) fn advance(&mut self, engine: &mut Engine) -> Result<Advance> {
        let (dataset, run) = (engine.dataset()?, engine.run()?.clone());
        match &mut self.state {
            State::Begun => {
                // Those of all records have been looked at before.
                let is_partial = !Lens { flagged_only: false, ..self.lens.clone() }.is_clear();
                let scales = Scales {
                    cuts: run.cuts(),
                    edges: run.analysis.histogram.inner_edges(),
                    has_wide_plot: self.is_wide,
                    wants_labels: is_partial && run.analysis.quality.is_some(),
                };
                let counting = Counting {
                    sight: Rc::new(run.sight(&self.lens)),
                    sweep: dataset.sweep(engine, Effort::Much)?,
                    labels: vec![schema::UNKNOWN; if scales.wants_labels { run.score.len() } else { 0 }],
                    scales: Rc::new(scales),
                    found: Counts::default(),
                    judged: Vec::new(),
                    survey: None,
                };
                self.state = State::Counting(Box::new(counting));
                Ok(Advance::Working(progress(&dataset, 0)))
            }
            State::Counting(counting) => {
                let Counting { sight, sweep, scales, found, labels, judged, .. } = &mut **counting;
                let task = |_, chunk: &_| {
                    let task = Task::Count((**sight).clone(), (**scales).clone());
                    (crew::Task::Survey(Box::new(task)), run.scores_of(chunk))
                };
                match sweep.step(engine, task)? {
                    Swept::Found(next) => match (next.finding, &next.bulk[..]) {
                        (crew::Finding::Surveyed(Finding::Counts(counts)), [Bulk::U8(some)]) => {
                            found.merge(*counts);
                            if !labels.is_empty() {
                                labels[dataset.chunks[next.number as usize].rows()].copy_from_slice(some);
                            }
                        }
                        _ => return Err(Error::new("A worker gave another answer than it was asked for")),
                    },
                    Swept::Working => {}
                    Swept::Waiting => return Ok(Advance::Waiting(progress(&dataset, sweep.done().0))),
                    Swept::Done if !labels.is_empty() && judged.len() < run.stages().len() => {
                        judged.push(judge::stage(run.stages()[judged.len()], labels));
                    }
                    Swept::Done => {
                        let State::Counting(counting) = std::mem::replace(&mut self.state, State::Done) else {
                            unreachable!("it was matched");
                        };
                        return Ok(self.begin_lanes(engine, &dataset, &run, *counting));
                    }
                }
                Ok(Advance::Working(progress(&dataset, sweep.done().0)))
            }
            State::Lanes(timing) => {
                let Timing { sight, sweep, task, lanes, .. } = &mut **timing;
                let order = |_, chunk: &_| {
                    let task = Task::Lanes((**sight).clone(), task.clone());
                    (crew::Task::Survey(Box::new(task)), run.scores_of(chunk))
                };
                match sweep.step(engine, order)? {
                    Swept::Found(next) => match next.finding {
                        crew::Finding::Surveyed(Finding::Lanes(more)) => lanes.lanes.merge(&more),
                        _ => return Err(Error::new("A worker gave another answer than it was asked for")),
                    },
                    Swept::Working => {}
                    Swept::Waiting => return Ok(Advance::Waiting(progress(&dataset, sweep.done().0))),
                    Swept::Done => {
                        let State::Lanes(timing) = std::mem::replace(&mut self.state, State::Done) else {
                            unreachable!("it was matched");
                        };
                        let Timing { mut survey, lanes, .. } = *timing;
                        survey.lanes = Some(lanes);
                        return Ok(Advance::Done(survey));
                    }
                }
                Ok(Advance::Working(progress(&dataset, sweep.done().0)))
            }
            State::Done => unreachable!("a finished job is not stepped again"),
        }
    }

    /// Once all is counted: the lanes of the first groups; or counts again where the filter hides others than those.
    fn begin_lanes(&mut self, engine: &mut Engine, dataset: &Rc<Dataset>, run: &Run, counting: Counting) -> Advance {
        let Counting { sight, scales, found, labels, judged, survey, .. } = counting;
        let is_second = survey.is_some();
        let extent = found.extent;
        let labelled = run.analysis.quality.as_ref().filter(|_| !labels.is_empty()).map(|of_all| Labelled {
            quality: judge::sum_up(&of_all.label_column, judged, &run.dnn, &labels),
            confusion: found.confusion,
        });
        let mut counted = Box::new(found.survey(scales.cuts, &run.ready.schema));
        let groups = std::mem::take(&mut counted.groups);
        let list_of = |kind: GroupKind| groups.iter().find(|list| list.kind == kind);
        let schema = &run.ready.schema;
        let parts = Parts::of(schema);
        let there: Vec<GroupKind> = LANE_KINDS.into_iter().filter(|kind| kind.column(&parts).is_some()).collect();
        let choose = |kinds: &[GroupKind]| self.lanes.filter(|kind| kinds.contains(kind)).or(kinds.first().copied());
        let clock = clock_of(schema, dataset).map(|(_, clock)| clock);
        // Of what a cell shows, nothing need be odd: whether there are groups is seen once all is counted.
        let wide = choose(&there).filter(|_| self.is_wide && !is_second && clock.is_some()).and_then(|kind| {
            let filter = without_lane_terms(&self.lens.filter, kind, schema)?;
            Some(Lens { filter, ..self.lens.clone() })
        });
        let kinds: Vec<GroupKind> = there.into_iter().filter(|kind| list_of(*kind).is_some()).collect();
        let lanes = choose(&kinds).zip(clock).filter(|_| wide.is_none()).and_then(|(kind, clock)| {
            let first: Vec<_> = list_of(kind)?.groups.iter().take(LANES).collect();
            let names = first.iter().map(|group| group.parts[0].clone()).collect();
            let lanes = Swimlanes::new(clock, extent, names, BUCKETS)?;
            let queries = first.iter().map(|group| group.query.clone()).collect();
            Some(Lanes { kind, kinds, lanes, queries })
        });
        counted.groups = groups;
        counted.labelled = labelled;
        let survey = survey.unwrap_or(counted);
        if let Some(wide) = wide {
            let counting = Counting {
                sight: Rc::new(run.sight(&wide)),
                sweep: dataset.sweep_as_briefed(engine, Effort::Much),
                scales: Rc::new(Scales { wants_labels: false, ..(*scales).clone() }),
                found: Counts::default(),
                labels: Vec::new(),
                judged: Vec::new(),
                survey: Some(survey),
            };
            self.state = State::Counting(Box::new(counting));
            return Advance::Working(progress(dataset, 0));
        }
        match lanes {
            Some(lanes) => {
                let task = LaneTask { kind: lanes.kind, lanes: lanes.lanes.clone() };
                let timing =
                    Timing { survey, sight, sweep: dataset.sweep_as_briefed(engine, Effort::Little), task, lanes };
                self.state = State::Lanes(Box::new(timing));
                Advance::Working(progress(dataset, 0))
            }
            None => Advance::Done(survey),
        }
    }
}

/// How far a survey is.
pub(super) enum Advance {
    Working(Progress),
    Waiting(Progress),
    Done(Box<Survey>),
}

fn progress(dataset: &Dataset, n_chunks: u64) -> Progress {
    let rows = dataset.rows_before(n_chunks);
    Progress { stage: Stage::Surveying, done: rows, total: dataset.n_rows() as u64, rows }
}

impl Work for Surveying {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        Ok(match self.advance(engine)? {
            Advance::Working(progress) => Step::Working(progress),
            Advance::Waiting(progress) => Step::Waiting(progress),
            Advance::Done(survey) => {
                Step::Done(Outcome { reply: Reply::Surveyed(survey), bulk: Vec::new(), written: None })
            }
        })
    }
}
