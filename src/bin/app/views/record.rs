//! One record: its scores, and all its fields.

use super::file::role_name;
use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use crate::state::{Outcome, Side};
use leptos::prelude::*;
use oddflow::protocol::RowView;
use oddflow::report::{count, score};
use oddflow::schema::Role;
use std::sync::Arc;

#[component]
pub fn RecordPanel() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    view! {
        {move || {
            let (row, outcome) = (state.selected.get()?, state.outcome.get()?);
            Some(view! {
                <aside class="side sheet" on:keydown=move |event| {
                if event.key() == "Escape" {
                    state.side.set(Side::Rest);
                }
            } aria-labelledby="record-title">
                    <div class="side-head">
                        <h2 id="record-title">"Record " {count(u64::from(row) + 1)}</h2>
                        <button type="button" class="icon-button" aria-label="Close record" on:click=move |_| state.side.set(Side::Rest)>
                            {icon(Icon::Close)}
                        </button>
                    </div>
                    {move || match app.cells(row) {
                        Some(record) => view! {
                            <Standing record=record.clone() outcome=outcome.clone()/>
                            <Fields record outcome=outcome.clone()/>
                        }.into_any(),
                        None => view! { <p class="hint">"The fields of this record are not here yet."</p> }.into_any(),
                    }}
                </aside>
            })
        }}
    }
}

/// What was found about the record.
#[component]
fn Standing(record: Arc<RowView>, outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let scores = record.scores;
    let value = scores.map_or(f32::NAN, |scores| scores.score);
    let stages = [
        ("Score", Some(value)),
        ("Forest", scores.filter(|scores| scores.probability.is_some()).map(|scores| scores.forest)),
        ("Network", scores.and_then(|scores| scores.probability)),
    ];
    let place =
        format!("{} of {}", count(outcome.ranking.place(value) as u64), count(outcome.ranking.n_scored() as u64));
    let verdict = move || match value {
        x if x.is_nan() => "unscored",
        x if x >= app.state.threshold.get() => "odd",
        _ => "ordinary",
    };
    view! {
        <div class="standing">
            <p class="verdict" data-verdict=verdict>{verdict}</p>
            <dl class="figures compact">
                {stages.into_iter().filter_map(|(name, x)| x.map(|x| view! { <div><dt>{name}</dt><dd>{score(x)}</dd></div> })).collect_view()}
                {(!value.is_nan()).then(|| view! { <div><dt>"Rank"</dt><dd>{place}</dd></div> })}
            </dl>
        </div>
    }
}

#[component]
fn Fields(record: Arc<RowView>, outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let row = record.row;
    let columns = &outcome.analysis.schema.columns;
    let field = |(index, value): (usize, &String)| {
        let (name, role) = match columns.get(index) {
            Some(spec) => (spec.name.clone(), Some(spec.role)),
            // A ragged record may have more fields than there are columns.
            None => (format!("field {}", index + 1), None),
        };
        view! {
            <tr class:muted=role != Some(Role::Feature)>
                <th scope="row">{name}</th>
                <td class="value">{value.clone()}</td>
                <td class="role">{role.filter(|&role| role != Role::Feature).map(role_name)}</td>
            </tr>
        }
    };
    view! {
        {record.unscored.clone().map(|cause| view! { <p class="remark">"Not scored: " {cause} "."</p> })}
        <button type="button" class="button" on:click=move |_| app.edit_record(Some(row))>"Check a changed copy"</button>
        <table class="list record-fields">
            <caption class="visually-hidden">"Fields of the record"</caption>
            <thead class="visually-hidden">
                <tr><th scope="col">"Field"</th><th scope="col">"Value"</th><th scope="col">"Role"</th></tr>
            </thead>
            <tbody>{record.cells.iter().enumerate().map(field).collect_view()}</tbody>
        </table>
    }
}
