//! The open file held against another, such as yesterday's: what has drifted, and what is new.

use super::chart::LineChart;
use crate::actions::use_app;
use crate::state::{Comparing, Outcome};
use leptos::html;
use leptos::prelude::*;
use oddflow::compare::{Comparison, ScoreChange};
use oddflow::query::of_value;
use oddflow::report::{ReportTable, count};
use std::sync::Arc;

/// Rows of a table that are shown before the person asks for more.
const FIRST: usize = 12;

#[component]
pub fn Compare() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let input = NodeRef::<html::Input>::new();
    let choose = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else { return };
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            app.open_reference(file);
        }
        // The same file may be chosen again.
        input.set_value("");
    };
    let busy = move || state.activity.with(Option::is_some) || !state.engine_has_file.get();
    let name = move || state.reference.with(|reference| reference.as_ref().map(|reference| reference.name.clone()));
    let words = move || match name() {
        Some(name) => format!("Against {name}."),
        None => "Choose a file with the same columns, such as yesterday's: what has changed, and which addresses and \
                 ports are new?"
            .into(),
    };
    // While nobody looked, other records may have come to be shown.
    Effect::new(move |_| app.compare_anew());
    view! {
        <div class="panel-head">
            <h2>"Compare with another file"</h2>
            <p class="hint" role="status">{words}</p>
        </div>
        <div class="panel-foot">
            <button type="button" class="button small" disabled=busy on:click=choose>
                {move || if name().is_some() { "Choose another file" } else { "Choose a file" }}
            </button>
            <input class="visually-hidden" type="file" aria-label="File to compare with" tabindex="-1" node_ref=input on:change=chosen/>
            <Show when=move || name().is_some()>
                <button type="button" class="button small primary" disabled=busy on:click=move |_| app.compare()>"Compare"</button>
            </Show>
        </div>
        {move || match state.comparison.get() {
            Comparing::Nothing => ().into_any(),
            Comparing::Done(done) => view! { <Compared done/> }.into_any(),
            Comparing::Failed(error) => view! { <p class="remark" role="status">{error.to_string()}</p> }.into_any(),
        }}
    }
}

#[component]
fn Compared(done: Arc<(Comparison, Option<ScoreChange>)>) -> impl IntoView {
    let (comparison, scores) = &*done;
    let report = comparison.report(scores.as_ref());
    // The words name the first of them.
    let lacking = [(&comparison.base, &comparison.only_in_base), (&comparison.other, &comparison.only_in_other)];
    let lacking = lacking.into_iter().filter(|(_, names)| !names.is_empty()).map(|(file, names)| {
        view! { <p class="hint">"Only in " {file.name.clone()} ": " {names.join(", ")} "."</p> }
    });
    let lacking = lacking.collect_view();
    view! {
        <ul class="plain-list words">{report.words.into_iter().map(|words| view! { <li>{words}</li> }).collect_view()}</ul>
        {(!lacking.is_empty()).then(|| view! {
            <details class="help"><summary>"Columns that only one file has"</summary>{lacking}</details>
        })}
        <div class="line-charts">
            {report.charts.into_iter().map(|chart| view! { <LineChart chart=Signal::stored(chart)/> }).collect_view()}
        </div>
        <div class="compare-tables">
            {report.tables.into_iter().map(|table| view! { <Table table/> }).collect_view()}
        </div>
    }
}

#[component]
fn Table(table: ReportTable) -> impl IntoView {
    let n = table.rows.len();
    let class: Vec<&str> = (0..table.columns.len()).map(|at| if table.is_number(at) { "number" } else { "" }).collect();
    let classes = class.clone();
    let shown = RwSignal::new(n.min(FIRST));
    let app = use_app();
    let (rows, is_of_values) = (table.rows, table.is_of_values);
    let query = move |column: &str, value: &str| {
        let schema = |outcome: &Option<Arc<Outcome>>| Some(outcome.as_ref()?.analysis.schema.clone());
        of_value(column, value, &app.state.outcome.with_untracked(schema)?)
    };
    let cell = move |texts: &[String], at: usize| {
        let text = texts[at].clone();
        match (is_of_values && at == 1).then(|| query(&texts[0], &text)).flatten() {
            Some(query) => {
                view! { <button type="button" class="group-button" on:click=move |_| app.show(&query)>{text}</button> }
                    .into_any()
            }
            None => text.into_any(),
        }
    };
    view! {
        <div class="compare-table">
            <h3>{table.title.clone()}</h3>
            <p class="hint">{table.note}</p>
            <div class="scroll-box" role="region" tabindex="0" aria-label=table.title>
                <table class="list">
                    <thead><tr>{table.columns.into_iter().zip(class).map(|(column, class)| view! { <th scope="col" class=class>{column}</th> }).collect_view()}</tr></thead>
                    <tbody>
                        {move || rows.iter().take(shown.get()).map(|texts| {
                            let cells = classes.iter().enumerate().map(|(at, class)| view! { <td class=*class>{cell(texts, at)}</td> });
                            view! { <tr>{cells.collect_view()}</tr> }
                        }).collect_view()}
                    </tbody>
                </table>
            </div>
            <Show when=move || shown.get() < n>
                <button type="button" class="button small" on:click=move |_| shown.set(n)>"Show all " {count(n as u64)}</button>
            </Show>
        </div>
    }
}
