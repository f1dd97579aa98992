//! What the page does: turns the person's wishes into requests to the worker, and the worker's words into state.

mod keep;
mod look;
mod open;

pub use look::{RECORD_TITLE, RECORDS_GRID, RECORDS_TITLE};

use crate::client::{Client, News, Purpose};
use crate::state::{
    Activity, ActivityKind, Checking, Draft, Explaining, Notice, Outcome, ReferenceFile, Remedy, Side, Sort, Source,
    State, Tone,
};
use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use leptos::task::spawn_local;
use oddflow::error::Error;
use oddflow::groups::GroupKind;
use oddflow::protocol::{
    Analysis, JobId, Lens, Opened, Reference, Reply, ReportFormat, Request, RowView, annotated_name,
};
use oddflow::report::{Budget, Columns, Ranking};
use oddflow::schema::Schema;
use oddflow::web::{Arrived, Incoming, Place, RowList, ask_where, give_back};
use std::sync::Arc;
use wasm_bindgen::{JsCast, JsValue};

/// The built-in sample is the same for everyone.
const SAMPLE: Request = Request::OpenSample { rows: 20_000, seed: 1 };
/// Rows whose cells are kept; beyond that the cache starts afresh.
const MAX_CACHED_ROWS: usize = 20_000;
/// The field that says which records are normal.
pub const FIT_FIELD: &str = "fit-to";
/// Milliseconds that a new result is given to be painted.
const PAINT_PAUSE: u32 = 150;
/// How long a download's address must live for the browser to have taken it.
const DOWNLOAD_MS: u32 = 60_000;

/// State and worker, handed to every view as context.
#[derive(Clone, Copy)]
pub struct App {
    pub state: State,
    client: StoredValue<Option<Client>, LocalStorage>,
    /// When the job of the running activity, or of the first of a row of activities, was asked for.
    started: StoredValue<f64>,
    /// What was on screen before the file that is being opened.
    last_source: StoredValue<Option<Source>, LocalStorage>,
    /// The same of the file of normal records.
    last_reference: StoredValue<Option<ReferenceFile>, LocalStorage>,
    arrange_job: StoredValue<JobId>,
    overview_job: StoredValue<JobId>,
    /// Through what the overview was made, or is being made.
    overview_of: StoredValue<Option<(Lens, Option<GroupKind>)>>,
    survey_job: StoredValue<JobId>,
    compare_job: StoredValue<JobId>,
    /// Through what the comparison was made, or is being made.
    comparison_of: StoredValue<Option<Lens>>,
    check_job: StoredValue<JobId>,
    last_notice: StoredValue<u32>,
}

/// The context of every view.
pub fn use_app() -> App {
    expect_context()
}

impl App {
    pub fn new() -> Self {
        let app = Self {
            state: State::new(),
            client: StoredValue::new_local(None),
            started: StoredValue::new(0.0),
            last_source: StoredValue::new_local(None),
            last_reference: StoredValue::new_local(None),
            arrange_job: StoredValue::new(0),
            overview_job: StoredValue::new(0),
            overview_of: StoredValue::new(None),
            survey_job: StoredValue::new(0),
            compare_job: StoredValue::new(0),
            comparison_of: StoredValue::new(None),
            check_job: StoredValue::new(0),
            last_notice: StoredValue::new(0),
        };
        app.client.set_value(Some(Client::start(move |news| app.hear(news))));
        app.keep_rules();
        app.take_link();
        app
    }

    fn send(self, purpose: Purpose, request: Request, beside: Option<JsValue>) -> JobId {
        let client = self.client.get_value().expect("the client is set before any view");
        client.send(purpose, request, beside)
    }

    fn begin(self, kind: ActivityKind, name: String, job: JobId) {
        self.state.activity.set(Some(Activity { job, kind, name, progress: None, cancelling: false }));
    }

    /// Opens a file and, when it has been read, analyses it.
    pub fn open(self, source: Source) {
        self.cancel();
        self.give_up_comparing();
        self.state.choosing.set(false);
        self.started.set_value(now());
        self.clear_notices();
        let name = source.name().to_owned();
        let (request, blob) = match &source {
            Source::File { name, blob, files } => {
                (Request::Open { name: name.clone(), files: files.clone() }, Some(blob.clone().into()))
            }
            Source::Sample => (SAMPLE, None),
        };
        self.last_source.set_value(self.state.source.get_untracked());
        self.state.source.set(Some(source));
        let job = self.send(Purpose::Open, request, blob);
        self.begin(ActivityKind::Open, name, job);
    }

    /// Reads a file of normal records, to fit to.
    pub fn open_reference(self, file: web_sys::File) {
        self.give_up_comparing();
        let reference = ReferenceFile { name: file.name(), blob: file.into(), rows: None };
        let job = self.send_reference(&reference);
        self.begin(ActivityKind::OpenReference, reference.name.clone(), job);
        self.last_reference.set_value(self.state.reference.get_untracked());
        self.state.reference.set(Some(reference));
    }

    fn send_reference(self, reference: &ReferenceFile) -> JobId {
        let request = Request::OpenReference { name: reference.name.clone() };
        self.send(Purpose::OpenReference, request, Some(reference.blob.clone().into()))
    }

    /// Sets how much memory a file may take.
    pub fn limit_memory(self, bytes: u64) {
        self.state.limit.set(Some(bytes));
        self.send(Purpose::Limit, Request::Limit { bytes }, None);
    }

    /// Leads to the setting that says which records are normal.
    pub fn name_normal_records(self) {
        self.state.file_open.set(true);
        // The panel is there after the next frame at the latest.
        request_animation_frame(|| {
            let field = gloo::utils::document().get_element_by_id(FIT_FIELD);
            if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
                let _ = field.focus();
            }
        });
    }

    /// Opens what was open, as after the worker was replaced.
    pub fn open_again(self) {
        if let Some(source) = self.state.source.get_untracked() {
            self.open(source);
        }
    }

    /// Scores the open file with the settings and roles of the form.
    pub fn analyze(self) {
        let Some(opened) = self.state.opened.get_untracked() else { return };
        self.started.set_value(now());
        self.clear_notices();
        self.send_analyze(&opened);
    }

    fn send_analyze(self, opened: &Opened) {
        let draft = self.state.draft.get_untracked();
        if draft.settings.reference == Reference::File
            && !self.state.engine_has_reference.get_untracked()
            && let Some(reference) = self.state.reference.get_untracked()
        {
            self.send_reference(&reference);
        }
        self.give_up_comparing();
        let roles = draft.role_changes(opened);
        let job = self.send(Purpose::Analyze, Request::Analyze { settings: draft.settings, roles }, None);
        self.begin(ActivityKind::Analyze, opened.identity.name.clone(), job);
    }

    /// Ends what the person waits for.
    pub fn cancel(self) {
        let running = self.state.activity.with_untracked(|a| a.as_ref().map(|a| (a.job, a.cancelling)));
        if let Some((job, false)) = running {
            self.state.activity.update(|activity| {
                if let Some(activity) = activity {
                    activity.cancelling = true;
                }
            });
            self.cancel_job(job);
        }
    }

    fn cancel_job(self, job: JobId) {
        if let Some(client) = self.client.get_value() {
            client.cancel(job);
        }
    }

    /// Whether cells or reasons of any of these rows are neither here nor on their way.
    pub fn lacks_rows(self, rows: Vec<u32>) -> bool {
        let reasons_from = self.state.threshold.get_untracked();
        self.state.cells.with_value(|cache| rows.into_iter().any(|row| cache.lacks(row, reasons_from)))
    }

    /// Fetches the cells of those rows that are not here yet, and then their reasons, which take longer.
    pub fn want_rows(self, rows: Vec<u32>) {
        if !self.state.engine_has_file.get_untracked() {
            return;
        }
        let reasons_from = self.state.threshold.get_untracked();
        let missing = self.state.cells.try_update_value(|cache| {
            let missing = rows.iter().copied().filter(|&row| cache.lacks(row, reasons_from)).collect::<Vec<_>>();
            if cache.rows.len() > MAX_CACHED_ROWS && !missing.is_empty() {
                // But for those that are on screen.
                cache.rows.retain(|row, _| rows.contains(row));
            }
            cache.pending.extend(&missing);
            missing.into_iter().partition::<Vec<_>, _>(|row| cache.rows.contains_key(row))
        });
        let Some((unexplained, unknown)) = missing else { return };
        for (rows, reasons_from) in [(unknown, f32::INFINITY), (unexplained, reasons_from)] {
            if !rows.is_empty() {
                self.send(Purpose::Rows(rows.clone(), reasons_from), Request::Rows { rows, reasons_from }, None);
            }
        }
    }

    /// The cells of a row, if they are here; hears of them when they come.
    pub fn cells(self, row: u32) -> Option<Arc<RowView>> {
        self.state.cells_version.track();
        self.state.cells.with_value(|cache| cache.rows.get(&row).map(|cached| cached.view.clone()))
    }

    /// Shows a record in the side panel.
    pub fn select(self, row: u32) {
        self.want_rows(vec![row]);
        self.state.selected.set(Some(row));
        self.state.side.set(Side::Record);
        self.explain(row);
    }

    /// Opens the one-record form with the cells of a row, or as it was left.
    pub fn edit_record(self, from: Option<u32>) {
        let state = self.state;
        let cells =
            from.and_then(|row| state.cells.with_value(|cache| cache.rows.get(&row).map(|cached| cached.view.clone())));
        if let Some(record) = cells {
            state.form.set_value(record.cells.clone());
            state.form_origin.set(from);
            state.form_filled.update(|n| *n += 1);
            state.checked.set(None);
        }
        state.side.set(Side::Check);
    }

    pub fn empty_form(self) {
        self.state.form.set_value(Vec::new());
        self.state.form_origin.set(None);
        self.state.form_filled.update(|n| *n += 1);
        self.state.checked.set(None);
    }

    /// Scores the record in the form.
    pub fn check(self) {
        let Some(opened) = self.state.opened.get_untracked() else { return };
        let mut cells = self.state.form.get_value();
        cells.resize(opened.schema.columns.len(), String::new());
        // An answer on screen stays until the next one is there, so that moving a value does not flicker.
        self.state.checked.update(|checked| {
            if !matches!(checked, Some(Checking::Done(_))) {
                *checked = Some(Checking::Waiting);
            }
        });
        self.check_job.set_value(self.send(Purpose::Check, Request::Check { cells }, None));
    }

    /// Writes the annotated file: all records, flagged and judged as they are on screen. Where the browser can ask the person
    /// for a place, the worker writes there as it goes; elsewhere the whole file is a download.
    pub fn export(self) {
        let Some(opened) = self.state.opened.get_untracked() else { return };
        spawn_local(async move {
            let place = ask_where(&annotated_name(&opened.identity.name, opened.facts.delimiter)).await;
            // Meanwhile another file may have been dropped.
            let is_open =
                self.state.opened.with_untracked(|now| now.as_ref().is_some_and(|now| now.identity == opened.identity));
            if !is_open || self.state.activity.with_untracked(Option::is_some) {
                if let Ok(Place::File(file)) = place {
                    give_back(file).await;
                }
                return;
            }
            let file = match place {
                Ok(Place::Nowhere) => return,
                Ok(Place::Downloads) => None,
                Ok(Place::File(file)) => Some(file.into()),
                Err(error) => return self.problem(error),
            };
            let lens = untrack(|| self.state.lens());
            self.write(ActivityKind::Export, Purpose::Export, Request::Export { lens }, file);
        });
    }

    /// Writes a report of what is on screen.
    pub fn report(self, format: ReportFormat) {
        let lens = untrack(|| self.state.lens());
        let made = js_sys::Date::new_0().to_iso_string().as_string().map(|iso| iso.replace('T', " "));
        let made = made.and_then(|iso| Some(format!("{} UTC", iso.get(..16)?)));
        self.write(ActivityKind::Report, Purpose::Report, Request::Report { lens, format, made }, None);
    }

    fn write(self, kind: ActivityKind, purpose: Purpose, request: Request, beside: Option<JsValue>) {
        let Some(opened) = self.state.opened.get_untracked() else { return };
        let job = self.ahead_of_survey(|| self.send(purpose, request, beside));
        self.begin(kind, opened.identity.name.clone(), job);
    }

    pub fn dismiss(self, id: u32) {
        self.state.notices.update(|notices| notices.retain(|notice| notice.id != id));
    }

    fn clear_notices(self) {
        self.state.notices.update(|notices| notices.retain(|notice| notice.remedy == Some(Remedy::Reload)));
    }

    fn problem(self, error: Error) {
        self.notify(Tone::Problem, error, None);
    }

    fn inform(self, error: Error, remedy: Option<Remedy>) {
        self.notify(Tone::Info, error, remedy);
    }

    fn notify(self, tone: Tone, error: Error, remedy: Option<Remedy>) {
        let id = self.last_notice.get_value() + 1;
        self.last_notice.set_value(id);
        self.state.notices.update(|notices| {
            notices.retain(|notice| notice.error != error);
            notices.push(Notice { id, tone, error, remedy });
        });
    }

    fn hear(self, news: News) {
        match news {
            News::Reply(purpose, incoming) => self.reply(purpose, *incoming),
            News::Replaced { cause, again } => self.replaced(cause, again),
            News::Outdated => {
                self.state.activity.set(None);
                let error = Error::new("This page was updated").advice("Reload it to use the new version");
                self.inform(error, Some(Remedy::Reload));
            }
            News::PackMissing(name) => self.inform(
                Error::new(format!("The model pack {name} could not be loaded; files are judged by the forest alone"))
                    .advice("Reload the page to try again"),
                None,
            ),
        }
    }

    fn reply(self, purpose: Purpose, incoming: Incoming<Reply>) {
        let state = self.state;
        let job = incoming.job;
        let is_current = state.activity.with_untracked(|a| a.as_ref().is_some_and(|a| a.job == job));
        match (purpose, incoming.message) {
            (
                Purpose::Open
                | Purpose::OpenReference
                | Purpose::Analyze
                | Purpose::Export
                | Purpose::Report
                | Purpose::Compare,
                Reply::Progress(progress),
            ) if is_current => {
                state.activity.update(|activity| {
                    if let Some(activity) = activity {
                        activity.progress = Some(progress);
                    }
                });
            }
            (Purpose::Open, Reply::Opened(opened)) if is_current => self.opened(*opened),
            (Purpose::Analyze, Reply::Analyzed(analysis)) if is_current => {
                spawn_local(async move {
                    let ranked = ranked(&incoming.bulk).await;
                    // Meanwhile another file may have been dropped.
                    if state.activity.with_untracked(|a| a.as_ref().is_some_and(|a| a.job == job)) {
                        state.activity.set(None);
                        self.analyzed(*analysis, ranked);
                    }
                });
            }
            (Purpose::OpenReference, Reply::ReferenceOpened { rows, .. }) => {
                state.engine_has_reference.set(true);
                state.reference.update(|reference| {
                    if let Some(reference) = reference {
                        reference.rows = Some(rows);
                    }
                });
                // Otherwise it is the file that was there before, read again for what comes next.
                if is_current {
                    self.forget_comparison();
                    state.activity.set(None);
                    state.draft.update(|draft| draft.reference_file += 1);
                }
            }
            (Purpose::OpenReference, reply @ (Reply::Failed(_) | Reply::Cancelled)) if is_current => {
                state.activity.set(None);
                state.reference.set(self.last_reference.get_value());
                if let Reply::Failed(error) = reply {
                    self.problem(error);
                }
            }
            (Purpose::Compare, reply) if job == self.compare_job.get_value() => {
                if is_current {
                    state.activity.set(None);
                }
                self.compared(reply);
            }
            // It was given up for another lens, which it may not have heard in time.
            (Purpose::Compare, _) if is_current => state.activity.set(None),
            (Purpose::Export | Purpose::Report, Reply::Exported { name }) if is_current => {
                state.activity.set(None);
                match incoming.blob {
                    Some(blob) => download(&name, &blob),
                    None => self.inform(Error::new("The annotated file is written where you chose"), None),
                }
            }
            (Purpose::Open, Reply::Failed(error)) if is_current => {
                state.activity.set(None);
                state.source.set(self.last_source.get_value());
                self.problem(error);
            }
            (purpose @ (Purpose::Analyze | Purpose::Export | Purpose::Report), Reply::Failed(error)) if is_current => {
                state.activity.set(None);
                state.file_open.update(|open| *open |= purpose == Purpose::Analyze);
                self.problem(error);
            }
            (Purpose::Open, Reply::Cancelled) if is_current => {
                state.activity.set(None);
                state.source.set(self.last_source.get_value());
            }
            (Purpose::Analyze | Purpose::Export | Purpose::Report, Reply::Cancelled) if is_current => {
                state.activity.set(None);
                // Without a result, this is where one can be asked for.
                state.file_open.update(|open| *open |= state.outcome.with_untracked(Option::is_none));
            }
            (Purpose::Arrange, Reply::Arranged(first)) if job == self.arrange_job.get_value() => {
                state.arranging.set(false);
                state.cells.update_value(|cache| {
                    // Those that are here may have their reasons, too.
                    let first = first.into_iter().filter(|record| !cache.rows.contains_key(&record.row));
                    cache.keep(first.collect(), f32::INFINITY);
                });
                // Some may be on screen already, without their cells.
                state.cells_version.update(|version| *version += 1);
                if let Some(rows) = incoming.bulk.rows(0) {
                    state.arranged.set(Some(rows));
                }
            }
            (Purpose::Arrange, Reply::Failed(error)) if job == self.arrange_job.get_value() => {
                state.arranging.set(false);
                self.problem(error);
            }
            (Purpose::Rows(_, reasons_from), Reply::Rows(rows)) => {
                state.cells.update_value(|cache| cache.keep(rows, reasons_from));
                // Those in view then ask for their reasons.
                state.cells_version.update(|version| *version += 1);
            }
            (Purpose::Rows(rows, _), reply @ (Reply::Failed(_) | Reply::Cancelled)) => {
                state.cells.update_value(|cache| {
                    for row in rows {
                        cache.pending.remove(&row);
                    }
                });
                // Rows of the file before the one that is open now may be out of its range.
                if let (Reply::Failed(error), true) = (reply, state.outcome.with_untracked(Option::is_some)) {
                    self.problem(error);
                }
            }
            (Purpose::Check, _) if job != self.check_job.get_value() => {}
            (Purpose::Check, Reply::Checked(checked)) => state.checked.set(Some(Checking::Done(Arc::new(*checked)))),
            (Purpose::Check, Reply::Failed(error)) => state.checked.set(Some(Checking::Failed(error))),
            (Purpose::Check, Reply::Cancelled) => state.checked.set(None),
            (Purpose::Pack, Reply::PackAdded { offers, .. }) if !offers.is_empty() => {
                state.opened.update(|opened| {
                    if let Some(opened) = opened {
                        Arc::make_mut(opened).packs = offers;
                    }
                });
            }
            (Purpose::Pack | Purpose::Limit, Reply::Failed(error)) => self.problem(error),
            (purpose, message) => self.looked(purpose, job, message),
        }
    }

    fn opened(self, opened: Opened) {
        let state = self.state;
        let opened = Arc::new(opened);
        let (same_columns, same_names) = state.opened.with_untracked(|old| {
            let is = |same: fn(&Schema, &Schema) -> bool| old.as_ref().is_some_and(|o| same(&o.schema, &opened.schema));
            (is(PartialEq::eq), is(Schema::has_columns_of))
        });
        if !same_columns {
            let Draft { settings, reference_file, .. } = state.draft.get_untracked();
            state.draft.set(Draft::of(&opened, settings.for_other_file(same_names), reference_file));
            self.empty_form();
        }
        // A file that is opened again, after a worker was lost perhaps, is the one that a person has judged.
        let is_same =
            state.opened.with_untracked(|old| old.as_ref().is_some_and(|old| old.identity == opened.identity));
        let verdicts = state.verdicts.get_untracked();
        self.forget_outcome();
        if is_same {
            state.verdicts.set(verdicts);
        }
        state.engine_has_file.set(true);
        state.file_open.set(false);
        state.choosing.set(false);
        state.opened.set(Some(opened.clone()));
        self.settle_settings(&opened);
        self.send_analyze(&opened);
    }

    fn analyzed(self, analysis: Analysis, ranked: Option<(Ranking, RowList)>) {
        let state = self.state;
        let Some(opened) = state.opened.get_untracked() else { return };
        let Some((ranking, order)) = ranked else {
            self.problem(Error::new("The detector's answer is incomplete").advice("Reload the page and try again"));
            return;
        };
        let columns = opened.schema.columns.iter().zip(&opened.summaries);
        let columns = Columns::new(columns.map(|(spec, summary)| Columns::width_for(&spec.name, summary)));
        let elapsed = now() - self.started.get_value();
        let draft = Draft {
            roles: analysis.schema.columns.iter().map(|column| column.role).collect(),
            ..state.draft.get_untracked()
        };
        state.draft.set(draft.clone());
        // A score of one run means nothing in another.
        state.budget.update(|budget| {
            if matches!(budget, Budget::Score(_)) {
                *budget = Budget::Own;
            }
        });
        state.arranged.set(None);
        // What was counted were another run's scores.
        state.survey.set(None);
        state.overview.set(None);
        // They hold the scores of another run.
        state.cells.set_value(Default::default());
        state.cells_version.update(|version| *version += 1);
        // The answer of another run.
        state.checked.set(None);
        state.file_open.set(false);
        state.outcome.set(Some(Arc::new(Outcome {
            has_network: analysis.pack.is_some(),
            analysis,
            order,
            ranking,
            columns,
            draft,
            elapsed,
        })));
        // Columns of the new run may be others.
        state.brush.set(None);
        self.forget_comparison();
        self.settle_session();
        self.overview_of.set_value(None);
        // Another sort order or filter than the run's own is still wanted.
        self.arrange();
        // The page paints the result first, for which it needs a processor.
        state.surveying.set(true);
        Timeout::new(PAINT_PAUSE, move || self.survey()).forget();
        if let (Some(row), Side::Record) = (state.selected.get_untracked(), state.side.get_untracked()) {
            self.want_rows(vec![row]);
            self.explain(row);
        }
    }

    fn forget_outcome(self) {
        let state = self.state;
        self.arrange_job.set_value(0);
        state.arranging.set(false);
        state.outcome.set(None);
        state.arranged.set(None);
        state.arranging.set(false);
        state.selected.set(None);
        state.side.set(Side::Closed);
        state.sort.set(Sort::default());
        self.clear_lens();
        state.budget.set(Budget::Own);
        state.verdicts.set(Default::default());
        state.overview.set(None);
        state.survey.set(None);
        state.surveying.set(false);
        self.overview_job.set_value(0);
        self.overview_of.set_value(None);
        self.survey_job.set_value(0);
        state.lane_kind.set(None);
        state.view.set(Default::default());
        state.explanation.set(Explaining::Nothing);
        self.forget_comparison();
        state.checked.set(None);
        state.cells.set_value(Default::default());
    }

    fn replaced(self, cause: Option<String>, again: bool) {
        let state = self.state;
        let busy_with = state.activity.get_untracked();
        state.activity.set(None);
        state.arranging.set(false);
        state.surveying.set(false);
        self.overview_of.set_value(None);
        self.compare_job.set_value(0);
        self.forget_comparison();
        state.engine_has_file.set(false);
        state.engine_has_reference.set(false);
        state.cells.update_value(|cache| cache.pending.clear());
        if state.checked.get_untracked() == Some(Checking::Waiting) {
            state.checked.set(None);
        }
        if matches!(state.explanation.get_untracked(), Explaining::Waiting(_)) {
            state.explanation.set(Explaining::Nothing);
        }
        if !again {
            let what = format!("The detector cannot start here ({})", cause.unwrap_or_default());
            self.problem(Error::new(what).advice("Reload the page; if that does not help, update the browser"));
            return;
        }
        let was_opening = busy_with.as_ref().is_some_and(|activity| activity.kind == ActivityKind::Open);
        if was_opening && state.opened.with_untracked(Option::is_some) {
            // What can be opened again is what is still on screen.
            state.source.set(self.last_source.get_value());
        }
        let remedy = state.source.with_untracked(Option::is_some).then_some(Remedy::OpenAgain);
        let during =
            busy_with.map_or_else(String::new, |activity| format!(" while it was busy with {}", activity.name));
        match cause {
            Some(cause) => {
                let error =
                    Error::new(format!("The detector stopped unexpectedly{during} and was restarted ({cause})"));
                let advice = match state.opened.with_untracked(Option::is_some) {
                    true => "What is on screen stays, but the file has to be opened again to go on",
                    false => "Open the file again, or try another",
                };
                self.notify(Tone::Problem, error.advice(advice), remedy);
            }
            None => {
                let error = Error::new("Cancelled; the detector was too busy to hear it and was restarted");
                self.inform(error, remedy);
            }
        }
    }
}

/// The bulk of an [`Analysis`], if its parts fit each other.
async fn ranked(bulk: &Arrived) -> Option<(Ranking, RowList)> {
    let mut ranking = Ranking::of_scores(bulk.numbers_slowly(0).await?);
    bulk.bytes_slowly(1, |labels| ranking.push_labels(labels)).await?;
    let order = bulk.rows(2)?;
    (ranking.is_whole() && ranking.n_scored() <= order.len()).then_some((ranking, order))
}

/// Milliseconds of a clock that never goes back.
fn now() -> f64 {
    gloo::utils::window().performance().map_or(0.0, |performance| performance.now())
}

fn download(name: &str, blob: &web_sys::Blob) {
    let Ok(url) = web_sys::Url::create_object_url_with_blob(blob) else { return };
    if let Ok(anchor) = gloo::utils::document().create_element("a") {
        let anchor: web_sys::HtmlAnchorElement = anchor.unchecked_into();
        anchor.set_href(&url);
        anchor.set_download(name);
        anchor.click();
    }
    Timeout::new(DOWNLOAD_MS, move || {
        let _ = web_sys::Url::revoke_object_url(&url);
    })
    .forget();
}
