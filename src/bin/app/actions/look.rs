//! What is asked of the worker about a run: order, survey, reasons; and how what is looked at is narrowed and widened.

use super::App;
use crate::client::Purpose;
use crate::state::{ActivityKind, Comparing, Explaining, Side, Sort, View};
use leptos::prelude::*;
use oddflow::allow::{AllowList, Likeness, Rule};
use oddflow::error::Error;
use oddflow::flow::Part;
use oddflow::groups::{GroupKind, Lead, without_lane_terms};
use oddflow::protocol::{JobId, Reply, Request};
use oddflow::query::{has_terms, toggle_terms};
use oddflow::report::Budget;
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// Changes of the allow-list that can be undone.
const MAX_PAST: usize = 50;
/// The heading of the table.
pub const RECORDS_TITLE: &str = "records-title";
/// The table itself, and the heading of the record that stands beside it.
pub const RECORDS_GRID: &str = "records-grid";
pub const RECORD_TITLE: &str = "record-title";

impl App {
    /// Asks the worker for the order that the table wants. The run's own order needs no worker.
    pub fn arrange(self) {
        let state = self.state;
        if state.arranging.get_untracked() {
            self.cancel_job(self.arrange_job.get_value());
        }
        if state.outcome.with_untracked(Option::is_none) || untrack(|| state.in_natural_order()) {
            state.arranging.set(false);
            state.arranged.set(None);
            self.arrange_job.set_value(0);
            return;
        }
        if !state.engine_has_file.get_untracked() {
            return;
        }
        let Sort { key, descending } = state.sort.get_untracked();
        let (lens, first) = (untrack(|| state.lens()), state.n_first.get_value());
        let request = Request::Arrange { sort: key, descending, lens, first };
        state.arranging.set(true);
        let job = self.ahead_of_survey(|| self.send(Purpose::Arrange, request, None));
        self.arrange_job.set_value(job);
    }

    /// Has the worker do something that the person waits for before it goes on with a survey or a comparison that nobody asked for,
    /// which begin anew.
    pub(super) fn ahead_of_survey(self, send: impl FnOnce() -> JobId) -> JobId {
        let is_surveying = self.overview_job.get_value() != 0 || self.survey_job.get_value() != 0;
        let is_comparing = self.state.comparing.get_untracked();
        if is_surveying {
            self.give_up_survey();
        }
        if is_comparing {
            self.give_up(self.compare_job);
        }
        let job = send();
        if is_surveying {
            self.survey();
        }
        if is_comparing {
            self.send_comparison();
        }
        job
    }

    fn give_up_survey(self) {
        for job in [self.survey_job, self.overview_job] {
            self.give_up(job);
        }
        self.overview_of.set_value(None);
    }

    fn give_up(self, job: StoredValue<JobId>) {
        if job.get_value() != 0 {
            self.cancel_job(job.get_value());
            job.set_value(0);
        }
    }

    /// Asks what the records have in common: all of them, and, where that is something else, those that the lens shows.
    pub fn survey(self) {
        let state = self.state;
        self.give_up(self.survey_job);
        if state.outcome.with_untracked(Option::is_none) || !state.engine_has_file.get_untracked() {
            self.give_up(self.overview_job);
            state.surveying.set(false);
            return;
        }
        let (wide, lens, is_narrowed) = untrack(|| (state.wide_lens(), state.lens(), state.is_narrowed()));
        let lanes = state.lane_kind.get_untracked();
        let ask = |lens| self.send(Purpose::Survey, Request::Survey { lens, lanes }, None);
        let of = Some((wide.clone(), lanes));
        if self.overview_of.with_value(|made| *made != of) {
            self.give_up(self.overview_job);
            self.overview_of.set_value(of);
            self.overview_job.set_value(ask(wide));
        }
        if is_narrowed {
            self.survey_job.set_value(ask(lens));
        } else if self.overview_job.get_value() == 0 {
            state.survey.set(state.overview.get_untracked());
        }
        state.surveying.set(self.overview_job.get_value() != 0 || is_narrowed);
    }

    /// Holds what is shown of the open file against that of normal records.
    pub fn compare(self) {
        let Some(opened) = self.state.opened.get_untracked() else { return };
        if !self.state.engine_has_reference.get_untracked()
            && let Some(reference) = self.state.reference.get_untracked()
        {
            self.send_reference(&reference);
        }
        let job = self.send_comparison();
        self.begin(ActivityKind::Compare, opened.identity.name.clone(), job);
    }

    /// The same anew where other records are shown than were compared, if somebody looks at it.
    pub fn compare_anew(self) {
        let state = self.state;
        let lens = untrack(|| state.lens());
        let is_seen =
            state.view.get_untracked() == View::Compare && state.comparison.get_untracked() != Comparing::Nothing;
        let is_there = state.engine_has_file.get_untracked() && state.engine_has_reference.get_untracked();
        if is_seen && is_there && self.comparison_of.with_value(|of| of.as_ref() != Some(&lens)) {
            state.comparing.set(true);
            self.send_comparison();
        }
    }

    fn send_comparison(self) -> JobId {
        self.give_up(self.compare_job);
        let lens = untrack(|| self.state.lens());
        self.comparison_of.set_value(Some(lens.clone()));
        let job = self.send(Purpose::Compare, Request::Compare { lens }, None);
        self.compare_job.set_value(job);
        job
    }

    /// What came of it.
    pub(super) fn compared(self, reply: Reply) {
        let state = self.state;
        let outcome = match reply {
            Reply::Compared { comparison, scores } => {
                Some(Comparing::Done(Arc::new((*comparison, scores.map(|scores| *scores)))))
            }
            Reply::Failed(error) => Some(Comparing::Failed(error)),
            Reply::Cancelled => None,
            _ => return,
        };
        self.compare_job.set_value(0);
        state.comparing.set(false);
        match outcome {
            Some(outcome) => {
                state.comparison.set(outcome);
                // Meanwhile other records may have come to be shown.
                self.compare_anew();
            }
            None => self.comparison_of.set_value(None),
        }
    }

    /// Ends a comparison that nobody waits for, before something that somebody does.
    pub(super) fn give_up_comparing(self) {
        if self.state.comparing.get_untracked() {
            self.give_up(self.compare_job);
            self.comparison_of.set_value(None);
            self.state.comparing.set(false);
        }
    }

    pub(super) fn forget_comparison(self) {
        self.give_up(self.compare_job);
        self.comparison_of.set_value(None);
        self.state.comparing.set(false);
        self.state.comparison.set(Comparing::Nothing);
    }

    /// Asks why a record has its score.
    pub(super) fn explain(self, row: u32) {
        let state = self.state;
        if state.engine_has_file.get_untracked() {
            state.explanation.set(Explaining::Waiting(row));
            self.send(Purpose::Explain(row), Request::Explain { row }, None);
        }
    }

    /// What the worker says about a run.
    pub(super) fn looked(self, purpose: Purpose, job: JobId, reply: Reply) {
        let state = self.state;
        match (purpose, reply) {
            (Purpose::Survey, Reply::Surveyed(survey)) if job == self.overview_job.get_value() => {
                let survey = Arc::new(*survey);
                self.overview_job.set_value(0);
                if self.survey_job.get_value() == 0 && !untrack(|| state.is_narrowed()) {
                    state.survey.set(Some(survey.clone()));
                    state.surveying.set(false);
                }
                state.overview.set(Some(survey));
            }
            (Purpose::Survey, Reply::Surveyed(survey)) if job == self.survey_job.get_value() => {
                self.survey_job.set_value(0);
                state.survey.set(Some(Arc::new(*survey)));
                state.surveying.set(false);
            }
            (Purpose::Survey, Reply::Failed(error))
                if [self.overview_job, self.survey_job].iter().any(|current| current.get_value() == job) =>
            {
                state.surveying.set(false);
                self.overview_of.set_value(None);
                self.problem(error);
            }
            (Purpose::Explain(row), reply) if state.explanation.get_untracked() == Explaining::Waiting(row) => {
                match reply {
                    Reply::Explained(explanation) => state.explanation.set(Explaining::Done(Arc::new(*explanation))),
                    Reply::Failed(error) => state.explanation.set(Explaining::Failed(error)),
                    Reply::Cancelled => state.explanation.set(Explaining::Nothing),
                    _ => {}
                }
            }
            (Purpose::Rule, Reply::Rule(rule)) => self.ignore(rule),
            (Purpose::Rule, Reply::Failed(error)) => self.problem(error),
            // Answers to what was given up meanwhile.
            _ => {}
        }
    }

    /// Shows all records again, in no order of its own.
    pub fn clear_lens(self) {
        let state = self.state;
        state.filter.set(String::new());
        state.flagged_only.set(false);
        state.brush.set(None);
    }

    /// Shows the records that a query finds, and nothing else.
    pub fn show(self, query: &str) {
        self.clear_lens();
        self.state.filter.set(query.to_owned());
        self.state.sort.set(Sort::default());
        self.state.side.set(Side::Closed);
        reveal_records();
    }

    /// Narrows what is shown to a cell of the swimlanes, whatever cell it was narrowed to before; or widens it again if it was this one.
    pub fn choose_cell(self, lanes: GroupKind, terms: &str) {
        let outcome = self.state.outcome.get_untracked();
        let Some(schema) = outcome.as_ref().map(|outcome| &outcome.analysis.schema) else { return };
        let filter = self.state.filter.get_untracked();
        let others = if has_terms(&filter, terms) { None } else { without_lane_terms(&filter, lanes, schema) };
        self.state.filter.set(toggle_terms(&others.unwrap_or(filter), terms, schema));
    }

    /// Narrows what is shown to the records that a query finds, or widens it again if it is narrowed so already.
    pub fn toggle_terms(self, query: &str) {
        let toggled = self.state.outcome.with_untracked(|outcome| {
            let schema = &outcome.as_ref()?.analysis.schema;
            Some(self.state.filter.with_untracked(|filter| toggle_terms(filter, query, schema)))
        });
        if let Some(filter) = toggled {
            self.state.filter.set(filter);
        }
    }

    /// Whether the filter has these terms.
    pub fn has_terms(self, query: &str) -> bool {
        self.state.filter.with(|filter| has_terms(filter, query))
    }

    /// Goes from the table into the record beside it.
    pub fn enter_side(self) {
        focus(RECORD_TITLE, |_| {});
    }

    /// Closes what stands beside the table, and goes back to the table.
    pub fn close_side(self) {
        self.state.side.set(Side::Closed);
        focus(RECORDS_GRID, |_| {});
    }

    /// Flags as many records as the person is ready to look at.
    pub fn set_budget(self, budget: Budget) {
        self.state.budget.set(budget);
    }

    /// Opens a panel of the exploration.
    pub fn go_to(self, view: View) {
        self.state.view.set(view);
    }

    /// Ignores flows like a record: the worker knows what it is like.
    pub fn ignore_like(self, row: u32, parts: Vec<Part>, likeness: Likeness) {
        self.send(Purpose::Rule, Request::RuleLike { row, parts, likeness }, None);
    }

    /// Ignores what a lead is about.
    pub fn ignore_lead(self, lead: &Lead) {
        self.ignore(Rule::of(&lead.title, lead.query.clone()));
    }

    /// Ignores what a rule finds.
    pub fn ignore(self, rule: Rule) {
        self.change_rules(|list| list.insert(rule.clone()));
    }

    /// Changes the allow-list so that it can be undone.
    pub fn change_rules(self, change: impl Fn(&mut AllowList) -> Result<(), Error>) {
        let state = self.state;
        let before = state.allow_list.get_untracked();
        let mut after = before.clone();
        if let Err(error) = change(&mut after) {
            self.problem(error);
            return;
        }
        if after != before {
            state.allow_past.update(|past| {
                past.push(before);
                let too_many = past.len().saturating_sub(MAX_PAST);
                past.drain(..too_many);
            });
            state.allow_list.set(after);
        }
    }

    pub fn undo_rules(self) {
        let before = self.state.allow_past.try_update(Vec::pop).flatten();
        if let Some(list) = before {
            self.state.allow_list.set(list);
        }
    }

    /// Says of a record that it is a true or a false alarm, or takes that back.
    pub fn judge_row(self, row: u32, is_true: Option<bool>, note: &str) {
        self.state.verdicts.update(|verdicts| verdicts.set_row(row, is_true, note));
    }

    /// The same of all records that a query finds.
    pub fn judge_group(self, query: &str, is_true: Option<bool>) {
        self.state.verdicts.update(|verdicts| {
            let note = verdicts.groups.iter().find(|verdict| verdict.query == query).map(|v| v.note.clone());
            verdicts.set_group(query, is_true, &note.unwrap_or_default());
        });
    }
}

fn reveal_records() {
    focus(RECORDS_TITLE, |title| title.scroll_into_view());
}

/// Gives the focus to an element that is there after the next frame at the latest.
fn focus(id: &'static str, then: fn(&web_sys::HtmlElement)) {
    request_animation_frame(move || {
        let element = gloo::utils::document().get_element_by_id(id);
        if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = element.focus();
            then(&element);
        }
    });
}
