//! The form that scores one record, filled by hand or from a row of the table. Once it is scored, the scores follow each change.

use super::why::Why;
use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use crate::state::{Checking, Explaining};
use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use oddflow::explain::{Bar, meaning};
use oddflow::protocol::{Checked, Opened};
use oddflow::report::{count, plural, score, share_of_one};
use oddflow::schema::{Kind, Role};
use std::sync::Arc;

/// A form of thousands of fields is laid out in full only on demand.
const FIRST_FIELDS: usize = 200;
/// Milliseconds without a change before the record is scored anew.
const SETTLE_PAUSE: u32 = 120;
/// Steps of a slider between a column's ordinary ends.
const SLIDER_STEPS: f64 = 200.0;

#[component]
pub fn CheckPanel() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let waiting = move || state.checked.with(|checked| *checked == Some(Checking::Waiting));
    let origin = move || match state.form_origin.get() {
        Some(row) => format!("Started from record {}.", count(u64::from(row) + 1)),
        None => "Fill in what you know; empty fields count as missing.".into(),
    };
    view! {
        <aside class="side sheet" on:keydown=move |event| {
                if event.key() == "Escape" {
                    app.close_side();
                }
            } aria-labelledby="check-title">
            <div class="side-head">
                <h2 id="check-title">"Check one record"</h2>
                <button type="button" class="icon-button" aria-label="Close form" on:click=move |_| app.close_side()>
                    {icon(Icon::Close)}
                </button>
            </div>
            <form class="check" aria-labelledby="check-title" on:submit=move |event| {
                event.prevent_default();
                app.check();
            }>
                <p class="hint">{origin}</p>
                <div class="check-answer" role="status">
                    {move || state.checked.get().map(|checking| match checking {
                        Checking::Waiting => view! { <p class="hint">"Scoring…"</p> }.into_any(),
                        Checking::Failed(error) => view! { <p class="remark">{error.to_string()}</p> }.into_any(),
                        Checking::Done(checked) => view! { <Answer checked/> }.into_any(),
                    })}
                </div>
                <div class="check-actions">
                    <button type="submit" class="button primary" disabled=move || waiting() || !state.engine_has_file.get()>"Score it"</button>
                    <button type="button" class="button" on:click=move |_| app.empty_form()>"Clear"</button>
                </div>
                {move || {
                    state.form_filled.track();
                    let origin = state.form_origin.get_untracked();
                    let explanation = state.explanation.with_untracked(|explanation| match explanation {
                        Explaining::Done(explanation) if Some(explanation.row) == origin => Some(explanation.clone()),
                        _ => None,
                    });
                    let bars = explanation.as_ref().map_or(&[][..], |explanation| &explanation.bars);
                    state.opened.get().map(|opened| fields(&opened, bars))
                }}
            </form>
        </aside>
    }
}

#[component]
fn Answer(checked: Arc<Checked>) -> impl IntoView {
    let app = use_app();
    let value = checked.score;
    let verdict = move || if value >= app.state.threshold.get() { "odd" } else { "ordinary" };
    let network = checked.dnn_probability;
    view! {
        <div class="standing">
            <p class="verdict" data-verdict=verdict>{verdict}</p>
            <dl class="figures compact">
                <div><dt>"Score"</dt><dd>{score(value)}</dd></div>
                <div><dt>"Forest"</dt><dd>{score(checked.forest_score)}</dd></div>
                {network.map(|network| view! { <div><dt>"Network"</dt><dd>{score(network)}</dd></div> })}
                <div><dt>"Odder than"</dt><dd>{share_of_one(checked.rank)}</dd></div>
            </dl>
        </div>
        <Why explanation=Arc::new(checked.explanation.clone())/>
    }
}

/// The inputs of the detector first, what it does not look at folded away. Where the record's score is explained, what counts
/// most comes first.
fn fields(opened: &Arc<Opened>, bars: &[Bar]) -> impl IntoView + use<> {
    let is_feature = |index: &usize| opened.schema.columns[*index].role == Role::Feature;
    let (mut features, others): (Vec<_>, Vec<_>) = (0..opened.schema.columns.len()).partition(is_feature);
    let place = |index: usize| bars.iter().position(|bar| bar.column == opened.schema.columns[index].canonical);
    features.sort_by_key(|&index| place(index).unwrap_or(bars.len()));
    let n_others = others.len();
    view! {
        <FieldList opened=opened.clone() indices=features/>
        {(n_others > 0).then(|| view! {
            <details>
                <summary>"Not used by the detector (" {n_others} ")"</summary>
                <FieldList opened=opened.clone() indices=others/>
            </details>
        })}
    }
}

#[component]
fn FieldList(opened: Arc<Opened>, indices: Vec<usize>) -> impl IntoView {
    let n = indices.len();
    let shown = RwSignal::new(n.min(FIRST_FIELDS));
    view! {
        <div class="check-fields">
            {move || indices.iter().take(shown.get()).map(|&index| field(&opened, index)).collect_view()}
        </div>
        <Show when=move || shown.get() < n>
            <button type="button" class="button" on:click=move |_| shown.set(n)>
                "Show all " {plural(n as u64, "field", "fields")}
            </button>
        </Show>
    }
}

fn field(opened: &Opened, index: usize) -> impl IntoView + use<> {
    let app = use_app();
    let state = app.state;
    let spec = &opened.schema.columns[index];
    let id = format!("field-{index}");
    let list = format!("values-{index}");
    let examples = opened.summaries.get(index).map(|summary| summary.examples.clone()).unwrap_or_default();
    let value = RwSignal::new(state.form.with_value(|cells| cells.get(index).cloned().unwrap_or_default()));
    let pause = StoredValue::new_local(None::<Timeout>);
    let set = move |text: String, live: bool| {
        state.form.update_value(|cells| {
            if cells.len() <= index {
                cells.resize(index + 1, String::new());
            }
            cells[index].clone_from(&text);
        });
        value.set(text);
        if live || matches!(state.checked.get_untracked(), Some(Checking::Done(_))) {
            pause.set_value(Some(Timeout::new(SETTLE_PAUSE, move || app.check())));
        }
    };
    let numeric = matches!(spec.kind, Kind::Number | Kind::Port);
    let placeholder = examples.first().cloned().unwrap_or_default();
    let values = (!numeric && !examples.is_empty()).then(|| {
        view! {
            <datalist id=list.clone()>
                {examples.into_iter().map(|example| view! { <option value=example></option> }).collect_view()}
            </datalist>
        }
    });
    let ends = state.outcome.with_untracked(|outcome| {
        let background = outcome.as_ref()?.analysis.background.find(&spec.canonical)?;
        (background.is_number() && background.low < background.high).then_some((background.low, background.high))
    });
    let slider = ends.map(|(low, high)| {
        let label = format!("Move {}", spec.name);
        let step = (high - low) / SLIDER_STEPS;
        // Whole numbers stay whole.
        let is_whole = low.fract() == 0.0 && high.fract() == 0.0 && step >= 1.0;
        let step = if is_whole { step.round() } else { step };
        view! {
            <input class="slider" type="range" aria-label=label min=low.to_string() max=high.to_string() step=step.to_string()
                prop:value=move || value.get() on:input=move |event| set(event_target_value(&event), true)/>
        }
    });
    let meaning = meaning(opened.schema.layout, &spec.canonical);
    let meaning_id = meaning.map(|_| format!("meaning-{index}"));
    view! {
        <div class="field">
            <label for=id.clone()>{spec.name.clone()}</label>
            {meaning.map(|meaning| view! { <span id=meaning_id.clone() class="field-meaning">{meaning}</span> })}
            <input id=id class="input" type="text" autocomplete="off" spellcheck="false" aria-describedby=meaning_id.clone()
                inputmode=if numeric { "decimal" } else { "text" } list=values.is_some().then_some(list)
                placeholder=placeholder prop:value=move || value.get() on:input=move |event| set(event_target_value(&event), false)/>
            {values}
            {slider}
        </div>
    }
}
