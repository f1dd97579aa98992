//! One record: its scores, why it has them, what can be done about it, and all its fields.

use super::file::role_name;
use super::why::Why;
use crate::actions::{RECORD_TITLE, use_app};
use crate::draw::icons::{Icon, icon};
use crate::state::{Explaining, Outcome};
use leptos::prelude::*;
use oddflow::allow::Likeness;
use oddflow::explain::part_name;
use oddflow::flow::{Part, Parts};
use oddflow::protocol::RowView;
use oddflow::report::{count, score};
use oddflow::schema::Role;
use oddflow::verdicts::MAX_NOTE;
use std::sync::Arc;

#[component]
pub fn RecordPanel() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    view! {
        {move || {
            let (row, outcome) = (state.selected.get()?, state.outcome.get()?);
            // What is being written here is not drawn anew when the reason for the table comes.
            let record = Memo::new(move |_| app.cells(row).map(|record| RowView { reason: None, ..(*record).clone() }));
            Some(view! {
                <aside class="side sheet" on:keydown=move |event| {
                if event.key() == "Escape" {
                    app.close_side();
                }
            } aria-labelledby=RECORD_TITLE>
                    <div class="side-head">
                        <h2 id=RECORD_TITLE tabindex="-1">"Record " {count(u64::from(row) + 1)}</h2>
                        <button type="button" class="icon-button" aria-label="Close record" on:click=move |_| app.close_side()>
                            {icon(Icon::Close)}
                        </button>
                    </div>
                    {move || match record.get().map(Arc::new) {
                        Some(record) => view! {
                            <Standing record=record.clone() outcome=outcome.clone()/>
                            {record.scores.map(|_| view! { <Reasons/> })}
                            <Deeds row outcome=outcome.clone()/>
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
fn Reasons() -> impl IntoView {
    let explanation = use_app().state.explanation;
    move || match explanation.get() {
        Explaining::Done(explanation) => view! { <Why explanation/> }.into_any(),
        Explaining::Failed(error) => view! { <p class="remark">{error.to_string()}</p> }.into_any(),
        Explaining::Waiting(_) => view! { <p class="hint">"Looking for the reasons…"</p> }.into_any(),
        Explaining::Nothing => ().into_any(),
    }
}

/// What a person can do about it: judge it, ignore its like, change it.
#[component]
fn Deeds(row: u32, outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let verdicts = app.state.verdicts;
    let said = Memo::new(move |_| {
        verdicts.with(|verdicts| verdicts.of_row(row).map(|v| (v.is_true, v.note.clone())).unwrap_or_default())
    });
    let judge = move |is_true: bool| {
        let (before, note) = said.get_untracked();
        app.judge_row(row, (before != Some(is_true)).then_some(is_true), &note);
    };
    let ignoring = RwSignal::new(false);
    view! {
        <div class="deeds">
            <div class="deed-buttons">
                {[("True alarm", true), ("False alarm", false)].map(|(name, is_true)| view! {
                    <button type="button" class="button small judge" aria-pressed=move || (said.get().0 == Some(is_true)).to_string()
                        on:click=move |_| judge(is_true)>{name}</button>
                }).collect_view()}
                <button type="button" class="button small" aria-expanded=move || ignoring.get().to_string()
                    on:click=move |_| ignoring.update(|on| *on = !*on)>"Ignore its like"</button>
                <button type="button" class="button small" on:click=move |_| app.edit_record(Some(row))>"Check a changed copy"</button>
            </div>
            <Show when=move || said.get().0.is_some() || !said.get().1.is_empty()>
                <div class="field">
                    <label for="note">"Note"</label>
                    <input id="note" class="input" type="text" maxlength=MAX_NOTE autocomplete="off" prop:value=move || said.get().1
                        on:change=move |event| app.judge_row(row, said.get_untracked().0, event_target_value(&event).trim())/>
                </div>
            </Show>
            <Show when=move || ignoring.get()>
                <IgnoreForm row outcome=outcome.clone() done=move || ignoring.set(false)/>
            </Show>
        </div>
    }
}

/// Which flows count as like this one: those that share the chosen parts with it.
#[component]
fn IgnoreForm(row: u32, outcome: Arc<Outcome>, done: impl Fn() + Copy + Send + 'static) -> impl IntoView {
    const OFFERED: [Part; 6] =
        [Part::Source, Part::Destination, Part::DestinationPort, Part::Protocol, Part::Service, Part::State];
    let app = use_app();
    let parts = Parts::of(&outcome.analysis.schema);
    let offered: Vec<Part> = OFFERED.into_iter().filter(|&part| parts.column(part).is_some()).collect();
    let chosen = RwSignal::new(offered.iter().copied().filter(|part| *part != Part::State).collect::<Vec<_>>());
    let has_addresses = offered.contains(&Part::Source) || offered.contains(&Part::Destination);
    let network = RwSignal::new(false);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let likeness = if network.get_untracked() { Likeness::Network } else { Likeness::Exact };
        app.ignore_like(row, chosen.get_untracked(), likeness);
        done();
    };
    if offered.is_empty() {
        return view! { <p class="hint">"This file tells no source, destination, port or protocol. Write a rule by hand under Ignored and judged."</p> }.into_any();
    }
    view! {
        <form class="ignore-form" aria-label="Ignore flows like this" on:submit=submit>
            <fieldset>
                <legend>"Ignore flows with the same"</legend>
                {offered.into_iter().map(|part| view! {
                    <label class="toggle">
                        <input type="checkbox" prop:checked=move || chosen.with(|chosen| chosen.contains(&part)) on:change=move |event| {
                            let on = event_target_checked(&event);
                            chosen.update(|chosen| {
                                chosen.retain(|other| *other != part);
                                if on {
                                    chosen.push(part);
                                }
                            });
                        }/>
                        {part_name(part)}
                    </label>
                }).collect_view()}
            </fieldset>
            {has_addresses.then(|| view! {
                <label class="toggle">
                    <input type="checkbox" prop:checked=move || network.get() on:change=move |event| network.set(event_target_checked(&event))/>
                    "the whole network of an address (/24, IPv6 /64)"
                </label>
            })}
            <button type="submit" class="button small primary" disabled=move || chosen.with(Vec::is_empty)>"Ignore them"</button>
        </form>
    }
    .into_any()
}

#[component]
fn Fields(record: Arc<RowView>, outcome: Arc<Outcome>) -> impl IntoView {
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
        <table class="list record-fields">
            <caption class="visually-hidden">"Fields of the record"</caption>
            <thead class="visually-hidden">
                <tr><th scope="col">"Field"</th><th scope="col">"Value"</th><th scope="col">"Role"</th></tr>
            </thead>
            <tbody>{record.cells.iter().enumerate().map(field).collect_view()}</tbody>
        </table>
    }
}
