//! The settings of a run, and "Run again" once they differ from the last one.

use super::reference::ReferenceField;
use crate::actions::use_app;
use crate::client::{MOST_WORKERS, n_workers, use_workers};
use leptos::prelude::*;
use oddflow::engine::MEMORY_LIMIT;
use oddflow::protocol::{Opened, PackChoice, Settings};
use std::sync::Arc;

// Beyond these a run takes minutes without getting better; Liu 2008 needs 100 trees of 256 rows.
const TREES: (f64, f64) = (1.0, 1000.0);
const SAMPLES: (f64, f64) = (2.0, 65_536.0);
/// In percent of the rows; the engine takes (0, 0.5].
const SHARE: (f64, f64) = (0.001, 50.0);
const DEFAULT_SHARE: f64 = 1.0;
/// Exact as a number in JavaScript.
const SEEDS: (f64, f64) = (0.0, 9_007_199_254_740_991.0);
const WORKERS: (f64, f64) = (1.0, MOST_WORKERS as f64);
const MB: f64 = 1e6;
/// In MB. wasm has addresses for 4 GB, which all columns and all else have to fit into.
const MEMORY: (f64, f64) = (16.0, 3500.0);
/// Those found take some 400 bytes each.
const REASONED: (f64, f64) = (0.0, 200_000.0);

#[component]
pub fn SettingsForm(opened: Arc<Opened>) -> impl IntoView {
    let app = use_app();
    let draft = app.state.draft;
    let settings = move |read: fn(&Settings) -> f64| Signal::derive(move || draft.with(|draft| read(&draft.settings)));
    let set =
        move |write: fn(&mut Settings, f64)| move |value: f64| draft.update(|draft| write(&mut draft.settings, value));
    let by_share = Memo::new(move |_| draft.with(|draft| draft.settings.contamination.is_some()));
    let is_new = Memo::new(move |_| app.state.draft_is_new());
    let has_run = Memo::new(move |_| app.state.outcome.with(Option::is_some));
    let busy = Memo::new(move |_| app.state.activity.with(Option::is_some));
    let lost = move || !app.state.engine_has_file.get();
    let choose_threshold = move |event| {
        let share = (event_target_value(&event) == "share").then_some(DEFAULT_SHARE / 100.0);
        draft.update(|draft| draft.settings.contamination = share);
    };
    view! {
        <form class="settings" aria-label="Settings" on:submit=move |event| {
            event.prevent_default();
            if is_new.get_untracked() && !busy.get_untracked() {
                app.analyze();
            }
        }>
            <h3>"Settings"</h3>
            <fieldset class="fields" disabled=move || busy.get()>
                <PackField opened=opened.clone()/>
                <ReferenceField opened/>
                <NumberField id="trees" label="Trees" range=TREES
                    value=settings(|s| s.n_estimators.into()) set=set(|s, x| s.n_estimators = x as u32)/>
                <NumberField id="samples" label="Rows per tree" range=SAMPLES
                    value=settings(|s| s.max_samples.into()) set=set(|s, x| s.max_samples = x as u32)/>
                <NumberField id="seed" label="Seed" range=SEEDS
                    value=settings(|s| s.seed as f64) set=set(|s, x| s.seed = x as u64)/>
                <div class="field two">
                    <label for="threshold-kind">"Threshold"</label>
                    <select id="threshold-kind" class="select" on:change=choose_threshold
                        prop:value=move || if by_share.get() { "share" } else { "own" }>
                        <option value="own">"The detector’s own"</option>
                        <option value="share">"A share of the rows"</option>
                    </select>
                </div>
                <Show when=move || by_share.get()>
                    <NumberField id="share" label="Share to flag, %" range=SHARE step="any"
                        value=settings(|s| s.contamination.map_or(DEFAULT_SHARE, |share| share * 100.0))
                        set=set(|s, x| s.contamination = Some(x / 100.0))/>
                </Show>
            </fieldset>
            <MachineFields/>
            <div class="settings-run">
                <button type="submit" class="button primary" disabled=move || busy.get() || !is_new.get() || lost()>
                    {move || if has_run.get() { "Run again" } else { "Run" }}
                </button>
                <p class="hint" role="status">
                    {move || match (has_run.get(), is_new.get()) {
                        (false, _) => "Not run yet.",
                        (true, true) => "Changed since the last run.",
                        (true, false) => "As in the last run.",
                    }}
                </p>
            </div>
        </form>
    }
}

/// How much of this machine is used. No number here changes a score.
#[component]
fn MachineFields() -> impl IntoView {
    let app = use_app();
    let workers = n_workers() as f64;
    view! {
        <details class="help">
            <summary>"This machine"</summary>
            <div class="fields">
                <NumberField id="workers" label="Workers" range=WORKERS value=Signal::stored(workers)
                    set=|n| use_workers(n as usize)/>
                <NumberField id="memory" label="Memory, MB" range=MEMORY
                    value=Signal::derive(move || (app.state.limit.get().unwrap_or(MEMORY_LIMIT) as f64 / MB).round())
                    set=move |x| app.limit_memory((x * MB) as u64)/>
                <NumberField id="reasoned" label="Records with reasons" range=REASONED
                    value=Signal::derive(move || app.state.most_reasoned.get().into())
                    set=move |n| app.state.most_reasoned.set(n as u32)/>
            </div>
            <p class="hint">
                "Another number of workers starts the page afresh. The memory is for the open file: what its records
                 need, and as many columns as fit beside that; the others are read again when they are needed. Reasons are found for so many of the oddest records, for
                 groups and the annotated file; any record that you open has its own."
            </p>
        </details>
    }
}

#[component]
fn PackField(opened: Arc<Opened>) -> impl IntoView {
    let app = use_app();
    let draft = app.state.draft;
    let choose = move |event| {
        let pack = match event_target_value(&event).as_str() {
            "auto" => PackChoice::Auto,
            "none" => PackChoice::None,
            // Marked, so that no pack's name can be taken for one of the above.
            named => PackChoice::Named(named.trim_start_matches("pack:").into()),
        };
        draft.update(|draft| draft.settings.set_pack(pack));
    };
    let value = move || {
        draft.with(|draft| match &draft.settings.pack {
            PackChoice::Auto => "auto".into(),
            PackChoice::None => "none".into(),
            PackChoice::Named(name) => format!("pack:{name}"),
        })
    };
    let offers = opened.packs.iter().map(|offer| {
        view! {
            <option value=format!("pack:{}", offer.name) disabled=offer.unfit.is_some() title=offer.unfit.clone()>
                {offer.name.clone()}
            </option>
        }
    });
    let (fit, unfit): (Vec<_>, Vec<_>) = opened.packs.iter().partition(|offer| offer.unfit.is_none());
    let notes = fit.into_iter().map(|offer| {
        let off = offer.switched_off.as_ref().map(|why| format!(". Only used if you choose it: {why}"));
        view! { <p class="hint">{offer.name.clone()} ": " {offer.summary.clone()} {off}</p> }
    });
    let unfit: Vec<&str> = unfit.into_iter().map(|offer| offer.name.as_str()).collect();
    let unfit = (!unfit.is_empty()).then(|| {
        view! { <p class="hint">"Made for other records: " {unfit.join(", ")}</p> }
    });
    view! {
        <div class="field wide">
            <label for="pack">"Detector"</label>
            <select id="pack" class="select" on:change=choose prop:value=value>
                <option value="auto">"The best for this file"</option>
                <option value="none">"Forest fitted to this file"</option>
                {offers.collect_view()}
            </select>
            {notes.collect_view()}
            {unfit}
        </div>
    }
}

/// A number that is taken over when it is valid, and otherwise put back.
#[component]
fn NumberField(
    id: &'static str,
    label: &'static str,
    range: (f64, f64),
    #[prop(default = "1")] step: &'static str,
    value: Signal<f64>,
    set: impl Fn(f64) + 'static,
) -> impl IntoView {
    let (min, max) = range;
    let text = RwSignal::new(String::new());
    Effect::new(move |_| text.set(value.get().to_string()));
    let change = move |event| {
        if let Some(number) = event_target_value(&event).parse::<f64>().ok().filter(|number| number.is_finite()) {
            let number = if step == "1" { number.round() } else { number };
            set(number.clamp(min, max));
        }
        // Also where nothing has changed, the field shows what holds.
        text.set(String::new());
        text.set(value.get_untracked().to_string());
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input id=id class="input number" type="number" inputmode="decimal" min=min.to_string() max=max.to_string() step=step
                prop:value=move || text.get() on:change=change/>
        </div>
    }
}
