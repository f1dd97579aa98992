//! All that the page remembers, as signals. Views read it, `actions.rs` alone writes what the worker says.

use leptos::prelude::*;
use oddflow::error::Error;
use oddflow::protocol::{Analysis, Checked, JobId, Opened, Progress, RoleChange, RowView, Settings, SortKey};
use oddflow::report::{Columns, Ranking};
use oddflow::schema::Role;
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
    /// A record is odd if its score is at least this. Starts as the detector's own threshold.
    pub threshold: RwSignal<f32>,
    /// How the table is sorted and filtered.
    pub sort: RwSignal<Sort>,
    pub filter: RwSignal<String>,
    pub flagged_only: RwSignal<bool>,
    /// The worker's answer to sort and filter; `None` while the run's own order serves.
    pub arranged: RwSignal<Option<Arc<Vec<u32>>>>,
    /// Whether such an answer is on its way.
    pub arranging: RwSignal<bool>,
    /// Cells that were fetched for the table, and a number that rises as they come.
    pub cells: StoredValue<CellCache>,
    pub cells_version: RwSignal<u32>,
    /// The record in the side panel, by row.
    pub selected: RwSignal<Option<u32>>,
    pub side: RwSignal<Side>,
    /// Whether what the labels say is shown while the side panel rests.
    pub quality_open: RwSignal<bool>,
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
}

/// Where records come from.
#[derive(Clone)]
pub enum Source {
    File { name: String, blob: web_sys::Blob },
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
    pub order: Arc<Vec<u32>>,
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
    pub rows: FxHashMap<u32, Arc<RowView>>,
    pub pending: FxHashSet<u32>,
}

/// What the panel beside the table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// What the labels say, if there are labels and the person has not closed it.
    #[default]
    Rest,
    Record,
    Check,
}

/// The answer to the one-record form.
#[derive(Clone, Debug, PartialEq)]
pub enum Checking {
    Waiting,
    Done(Checked),
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
        Self {
            activity: RwSignal::new(None),
            source: RwSignal::new_local(None),
            reference: RwSignal::new_local(None),
            engine_has_reference: RwSignal::new(false),
            engine_has_file: RwSignal::new(false),
            opened: RwSignal::new(None),
            draft: RwSignal::default(),
            outcome: RwSignal::new(None),
            threshold: RwSignal::new(f32::INFINITY),
            sort: RwSignal::default(),
            filter: RwSignal::default(),
            flagged_only: RwSignal::new(false),
            arranged: RwSignal::new(None),
            arranging: RwSignal::new(false),
            cells: StoredValue::new(CellCache::default()),
            cells_version: RwSignal::new(0),
            selected: RwSignal::new(None),
            side: RwSignal::default(),
            quality_open: RwSignal::new(true),
            form: StoredValue::new(Vec::new()),
            form_filled: RwSignal::new(0),
            form_origin: RwSignal::new(None),
            checked: RwSignal::new(None),
            notices: RwSignal::default(),
            file_open: RwSignal::new(false),
            choosing: RwSignal::new(false),
            theme: RwSignal::default(),
        }
    }

    /// Whether the form asks for another run than the last one.
    pub fn draft_is_new(&self) -> bool {
        self.outcome.with(|outcome| outcome.as_ref().is_none_or(|outcome| self.draft.with(|d| *d != outcome.draft)))
    }

    /// Whether the run's own order is what the table shows, so that the worker need not sort.
    pub fn in_natural_order(&self) -> bool {
        self.sort.get() == Sort::default() && self.filter.with(|filter| filter.trim().is_empty())
    }

    /// How many records are odd.
    pub fn n_flagged(&self) -> usize {
        let threshold = self.threshold.get();
        self.outcome.with(|outcome| outcome.as_ref().map_or(0, |outcome| outcome.ranking.flagged(threshold)))
    }
}
