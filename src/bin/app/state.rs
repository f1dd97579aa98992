//! All that the page remembers, as signals. Views read it, `actions.rs` alone writes what the worker says.

use leptos::prelude::*;
use oddflow::allow::AllowList;
use oddflow::compare::{Comparison, ScoreChange};
use oddflow::error::{Error, Result};
use oddflow::explain::Explanation;
use oddflow::groups::GroupKind;
use oddflow::protocol::{
    Analysis, Checked, FileStart, JobId, Lens, Opened, Progress, RoleChange, RowView, Settings, SortKey, Survey,
};
use oddflow::report::{Brush, Budget, Columns, Cut, Ranking, Scale};
use oddflow::schema::Role;
use oddflow::session::{Session, Setup};
use oddflow::verdicts::Verdicts;
use oddflow::web::RowList;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Every signal of the page.
#[derive(Clone, Copy)]
pub struct State {
    /// What the person waits for: opening, analysing or writing a file. One at a time.
    pub activity: RwSignal<Option<Activity>>,
    /// What was opened last, to open it again if the worker had to be replaced. A handle: no bytes of the file are here.
    pub source: RwSignal<Option<Source>, LocalStorage>,
    /// The file of normal records. It stays whatever file is opened, until another takes its place.
    pub reference: RwSignal<Option<ReferenceFile>, LocalStorage>,
    /// Whether the worker holds it; false after the worker was replaced.
    pub engine_has_reference: RwSignal<bool>,
    /// Whether the worker holds what is on screen; false after it was replaced, until the file is opened again.
    pub engine_has_file: RwSignal<bool>,
    /// What was found out about the file on screen.
    pub opened: RwSignal<Option<Arc<Opened>>>,
    /// The settings as the form shows them, which may differ from those of the last run.
    pub draft: RwSignal<Draft>,
    /// The last run. A failed or cancelled job leaves it as it is.
    pub outcome: RwSignal<Option<Arc<Outcome>>>,
    /// How many records the person wants to be flagged, and what that comes to; an error if it cannot be had.
    pub budget: RwSignal<Budget>,
    pub cut: Memo<Option<Result<Cut>>>,
    /// A record is odd if its score is at least this.
    pub threshold: Memo<f32>,
    /// How the table is sorted.
    pub sort: RwSignal<Sort>,
    /// Through what the records are looked at; see [`State::lens`].
    pub filter: RwSignal<String>,
    pub flagged_only: RwSignal<bool>,
    pub brush: RwSignal<Option<Brush>>,
    pub allow_list: RwSignal<AllowList>,
    /// The lists before each change, the last one last, to undo it.
    pub allow_past: RwSignal<Vec<AllowList>>,
    pub shows_allowed: RwSignal<bool>,
    /// Whether the allow-list is kept on this device.
    pub keeps_allowed: RwSignal<bool>,
    pub verdicts: RwSignal<Verdicts>,
    /// What all records of the file have in common, whatever the filter: the answer to "what should I look at first?".
    pub overview: RwSignal<Option<Arc<Survey>>>,
    /// The same of those that the lens shows.
    pub survey: RwSignal<Option<Arc<Survey>>>,
    /// Whether an answer for the lens on screen is on its way.
    pub surveying: RwSignal<bool>,
    /// What the swimlanes are to be of; the worker chooses where nothing is chosen.
    pub lane_kind: RwSignal<Option<GroupKind>>,
    /// The panel of the exploration that is open.
    pub view: RwSignal<View>,
    /// Why the record in the side panel has its score.
    pub explanation: RwSignal<Explaining>,
    /// The open file held against that of normal records.
    pub comparison: RwSignal<Comparing>,
    /// Whether one for the lens on screen is on its way, without being asked for.
    pub comparing: RwSignal<bool>,
    /// What waits for a file to be opened.
    pub waiting: RwSignal<Option<Waiting>>,
    /// The worker's answer to sort and lens; `None` while the run's own order serves.
    pub arranged: RwSignal<Option<RowList>>,
    /// Whether such an answer is on its way.
    pub arranging: RwSignal<bool>,
    /// Cells that were fetched for the table, and a number that rises as they come.
    pub cells: StoredValue<CellCache>,
    pub cells_version: RwSignal<u32>,
    /// How many records at the top the table has ready while it is not scrolled.
    pub n_first: StoredValue<u32>,
    /// The record in the side panel, by row.
    pub selected: RwSignal<Option<u32>>,
    pub side: RwSignal<Side>,
    /// The one-record form: its texts, a number that rises when they are filled anew, and the answer.
    pub form: StoredValue<Vec<String>>,
    pub form_filled: RwSignal<u32>,
    /// The row that the form was filled from.
    pub form_origin: RwSignal<Option<u32>>,
    pub checked: RwSignal<Option<Checking>>,
    /// What the person should know, the newest last.
    pub notices: RwSignal<Vec<Notice>>,
    /// Whether the file panel is unfolded.
    pub file_open: RwSignal<bool>,
    /// Whether the start page is shown over an open file, to choose another.
    pub choosing: RwSignal<bool>,
    /// Bytes that a file may take in memory, if the person has said so.
    pub limit: RwSignal<Option<u64>>,
    /// [`Lens::most_reasoned`]
    pub most_reasoned: RwSignal<u32>,
    pub theme: RwSignal<Theme>,
}

/// A job that the person waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    pub job: JobId,
    pub kind: ActivityKind,
    /// Of the file.
    pub name: String,
    pub progress: Option<Progress>,
    pub cancelling: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    Open,
    OpenReference,
    Analyze,
    Export,
    Report,
    Compare,
}

/// Where records come from.
#[derive(Clone)]
pub enum Source {
    /// `files`, if there are several in it.
    File {
        name: String,
        blob: web_sys::Blob,
        files: Vec<FileStart>,
    },
    Sample,
}

impl Source {
    pub const SAMPLE_NAME: &str = "Built-in sample";

    pub fn name(&self) -> &str {
        match self {
            Self::File { name, .. } => name,
            Self::Sample => Self::SAMPLE_NAME,
        }
    }
}

/// A file of normal records: a handle, to read it again if the worker had to be replaced.
#[derive(Clone)]
pub struct ReferenceFile {
    pub name: String,
    pub blob: web_sys::Blob,
    /// Once it has been read.
    pub rows: Option<u64>,
}

/// The settings of a run and the role of each column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    pub settings: Settings,
    pub roles: Vec<Role>,
    /// Rises with each file of normal records, which the settings do not tell apart.
    pub reference_file: u32,
}

impl Draft {
    pub fn of(opened: &Opened, settings: Settings, reference_file: u32) -> Self {
        Self { settings, roles: opened.schema.columns.iter().map(|column| column.role).collect(), reference_file }
    }

    /// What differs from the roles that were found in the file.
    pub fn role_changes(&self, opened: &Opened) -> Vec<RoleChange> {
        let found = opened.schema.columns.iter().map(|column| column.role);
        let changed = self.roles.iter().zip(found).enumerate().filter(|(_, (role, found))| *role != found);
        changed.map(|(column, (&role, _))| RoleChange { column: column as u32, role }).collect()
    }

    /// At most one column is the label, and one the attack name.
    pub fn set_role(&mut self, column: usize, role: Role) {
        if matches!(role, Role::Label | Role::AttackName) {
            self.roles.iter_mut().filter(|other| **other == role).for_each(|other| *other = Role::Ignored);
        }
        if let Some(place) = self.roles.get_mut(column) {
            *place = role;
        }
    }
}

/// A run, with all that follows from it whatever the threshold.
pub struct Outcome {
    pub analysis: Analysis,
    /// Whether a network has spoken.
    pub has_network: bool,
    /// Rows by falling score, the unscored last.
    pub order: RowList,
    pub ranking: Ranking,
    /// The table's columns in pixels.
    pub columns: Columns,
    /// What it was run with.
    pub draft: Draft,
    /// Milliseconds from the request to the answer, reading included where the file was read for it.
    pub elapsed: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { key: SortKey::Score, descending: true }
    }
}

/// Rows whose cells are here or on their way.
#[derive(Default)]
pub struct CellCache {
    pub rows: FxHashMap<u32, CachedRow>,
    pub pending: FxHashSet<u32>,
}

pub struct CachedRow {
    pub view: Arc<RowView>,
    /// Its reason was asked for if it scores at least this.
    pub reasons_from: f32,
}

impl CellCache {
    /// Takes in rows that have come.
    pub fn keep(&mut self, rows: Vec<RowView>, reasons_from: f32) {
        for record in rows {
            self.pending.remove(&record.row);
            self.rows.insert(record.row, CachedRow { view: Arc::new(record), reasons_from });
        }
    }

    /// Whether the cells of some rows are on their way, and not just their reasons.
    pub fn awaits_cells(&self) -> bool {
        self.pending.iter().any(|row| !self.rows.contains_key(row))
    }

    /// Whether a row is not here, or lacks a reason that it should have, and is not on its way.
    pub fn lacks(&self, row: u32, reasons_from: f32) -> bool {
        let has_all = |cached: &CachedRow| {
            let score = cached.view.scores.map_or(f32::NAN, |scores| scores.score);
            cached.reasons_from <= reasons_from
                || score.is_nan()
                || score < reasons_from
                || score >= cached.reasons_from
        };
        !self.pending.contains(&row) && !self.rows.get(&row).is_some_and(has_all)
    }
}

/// What the panel beside the table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    #[default]
    Closed,
    Record,
    Check,
}

/// The panels of the exploration, of which one is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    #[default]
    Scores,
    Groups,
    Time,
    Stages,
    Labels,
    Kept,
    Compare,
}

impl View {
    pub const ALL: [Self; 7] =
        [Self::Scores, Self::Groups, Self::Time, Self::Stages, Self::Labels, Self::Kept, Self::Compare];

    /// As sessions and links have it; that of the first is empty.
    pub fn key(self) -> &'static str {
        match self {
            Self::Scores => "",
            Self::Groups => "groups",
            Self::Time => "time",
            Self::Stages => "stages",
            Self::Labels => "labels",
            Self::Kept => "kept",
            Self::Compare => "compare",
        }
    }

    pub fn of_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|view| view.key() == key).unwrap_or_default()
    }
}

/// The answer to why a record has its score.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Explaining {
    #[default]
    Nothing,
    Waiting(u32),
    Done(Arc<Explanation>),
    Failed(Error),
}

/// How the next file is to be analysed and shown.
#[derive(Clone)]
pub enum Waiting {
    Session(Arc<Session>),
    Link(Arc<Setup>),
}

/// The answer to how the open file differs from that of normal records.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Comparing {
    #[default]
    Nothing,
    Done(Arc<(Comparison, Option<ScoreChange>)>),
    Failed(Error),
}

/// The answer to the one-record form.
#[derive(Clone, Debug, PartialEq)]
pub enum Checking {
    Waiting,
    Done(Arc<Checked>),
    Failed(Error),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub id: u32,
    pub tone: Tone,
    pub error: Error,
    pub remedy: Option<Remedy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Info,
    Problem,
}

/// What a notice offers to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    Reload,
    OpenAgain,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system is set.
    #[default]
    System,
    Light,
    Dark,
}

impl State {
    pub fn new() -> Self {
        let outcome = RwSignal::new(None::<Arc<Outcome>>);
        let budget = RwSignal::new(Budget::Own);
        let cut = Memo::new(move |_| outcome.with(|outcome| Some(outcome.as_ref()?.cut(budget.get()))));
        let threshold = Memo::new(move |_| {
            let own = || outcome.with(|outcome| outcome.as_ref().map_or(f32::INFINITY, |o| o.analysis.threshold));
            cut.with(|cut| cut.as_ref().and_then(|cut| cut.as_ref().ok().map(|cut| cut.threshold))).unwrap_or_else(own)
        });
        Self {
            activity: RwSignal::new(None),
            source: RwSignal::new_local(None),
            reference: RwSignal::new_local(None),
            engine_has_reference: RwSignal::new(false),
            engine_has_file: RwSignal::new(false),
            opened: RwSignal::new(None),
            draft: RwSignal::default(),
            outcome,
            budget,
            cut,
            threshold,
            sort: RwSignal::default(),
            filter: RwSignal::default(),
            flagged_only: RwSignal::new(false),
            brush: RwSignal::new(None),
            allow_list: RwSignal::default(),
            allow_past: RwSignal::default(),
            shows_allowed: RwSignal::new(false),
            keeps_allowed: RwSignal::new(false),
            verdicts: RwSignal::default(),
            overview: RwSignal::new(None),
            survey: RwSignal::new(None),
            surveying: RwSignal::new(false),
            lane_kind: RwSignal::new(None),
            view: RwSignal::default(),
            explanation: RwSignal::default(),
            comparison: RwSignal::default(),
            comparing: RwSignal::new(false),
            waiting: RwSignal::new(None),
            arranged: RwSignal::new(None),
            arranging: RwSignal::new(false),
            cells: StoredValue::new(CellCache::default()),
            cells_version: RwSignal::new(0),
            n_first: StoredValue::new(0),
            selected: RwSignal::new(None),
            side: RwSignal::default(),
            form: StoredValue::new(Vec::new()),
            form_filled: RwSignal::new(0),
            form_origin: RwSignal::new(None),
            checked: RwSignal::new(None),
            notices: RwSignal::default(),
            file_open: RwSignal::new(false),
            choosing: RwSignal::new(false),
            limit: RwSignal::new(None),
            most_reasoned: RwSignal::new(Lens::USUALLY_REASONED),
            theme: RwSignal::default(),
        }
    }

    /// Whether the form asks for another run than the last one.
    pub fn draft_is_new(&self) -> bool {
        self.outcome.with(|outcome| outcome.as_ref().is_none_or(|outcome| self.draft.with(|d| *d != outcome.draft)))
    }

    /// Through what the records are looked at.
    pub fn lens(&self) -> Lens {
        Lens {
            filter: self.filter.get().trim().to_owned(),
            flagged_only: self.flagged_only.get(),
            brush: self.brush.get(),
            ..self.wide_lens()
        }
    }

    /// The same without what the person has narrowed it to.
    pub fn wide_lens(&self) -> Lens {
        Lens {
            allow_list: self.allow_list.get(),
            shows_allowed: self.shows_allowed.get(),
            verdicts: self.verdicts.get(),
            most_reasoned: self.most_reasoned.get(),
            ..Lens::new(self.threshold.get())
        }
    }

    /// Whether the lens shows less than all records that are not ignored.
    pub fn is_narrowed(&self) -> bool {
        self.filter.with(|filter| !filter.trim().is_empty())
            || self.brush.with(Option::is_some)
            || self.flagged_only.get()
    }

    /// Whether the run's own order is what the table shows, so that the worker need not sort. The odd records are then
    /// the first.
    pub fn in_natural_order(&self) -> bool {
        self.sort.get() == Sort::default()
            && self.filter.with(|filter| filter.trim().is_empty())
            && self.brush.with(Option::is_none)
            && (self.shows_allowed.get() || self.allow_list.with(|list| !list.rules.iter().any(|rule| rule.enabled)))
    }

    /// How many records are above the threshold.
    pub fn n_flagged(&self) -> usize {
        let threshold = self.threshold.get();
        self.outcome.with(|outcome| outcome.as_ref().map_or(0, |outcome| outcome.ranking.flagged(threshold)))
    }

    /// How many of those the allow-list ignores, as far as the worker has said.
    pub fn n_ignored(&self) -> u64 {
        self.overview.with(|survey| survey.as_ref().map_or(0, |survey| survey.allowed.iter().sum()))
    }
}

impl Outcome {
    /// The threshold that a budget comes to.
    fn cut(&self, budget: Budget) -> Result<Cut> {
        let Analysis { threshold, threshold_origin, .. } = &self.analysis;
        let scale = Scale { threshold: *threshold, origin: threshold_origin, is_level: self.has_network };
        budget.cut(&self.ranking, &scale)
    }
}
