//! The histogram of scores, and the threshold as a line to drag, a slider for the keyboard and a number to type.

use super::size::size_of;
use crate::actions::use_app;
use crate::draw::histogram::{Plot, bars, outline};
use crate::state::Outcome;
use leptos::{html, prelude::*};
use oddflow::report::{CountScale, count, nice_ticks, score};
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// Arrow keys move by this share of the axis.
const STEP: f64 = 0.005;
/// Page keys, or arrows with shift.
const LEAP: f64 = 0.05;

#[component]
pub fn Scores(outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let threshold = app.state.threshold;
    let scale = RwSignal::new(CountScale::Log);
    let plot_node = NodeRef::<html::Div>::new();
    let size = size_of(plot_node);
    let plot = Memo::new(move |_| Plot { width: size.get().0, height: size.get().1 });

    let outcome = StoredValue::new(outcome);
    let has_labels = outcome.with_value(|outcome| !outcome.analysis.histogram.anomalies.is_empty());
    let is_empty = outcome.with_value(|outcome| outcome.analysis.histogram.counts.is_empty());
    let all = Memo::new(move |_| {
        outcome.with_value(|outcome| {
            bars(&outcome.analysis.histogram, &outcome.analysis.histogram.counts, scale.get(), plot.get())
        })
    });
    let labelled = Memo::new(move |_| {
        outcome.with_value(|outcome| {
            outline(&outcome.analysis.histogram, &outcome.analysis.histogram.anomalies, scale.get(), plot.get())
        })
    });
    let position = Memo::new(move |_| outcome.with_value(|o| o.analysis.histogram.position(threshold.get().into())));
    let height = move || plot.get().height;
    let left = move || position.get() * plot.get().width;
    let set_position = move |position: f64| {
        threshold.set(outcome.with_value(|outcome| outcome.analysis.histogram.score_at(position)) as f32);
    };

    let drag = move |event: web_sys::PointerEvent| {
        let Some(node) = plot_node.get_untracked() else { return };
        let area = node.get_bounding_client_rect();
        set_position((f64::from(event.client_x()) - area.left()) / area.width().max(1.0));
    };
    let press = move |event: web_sys::PointerEvent| {
        if event.button() != 0 {
            return;
        }
        if let Some(element) = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) {
            let _ = element.set_pointer_capture(event.pointer_id());
        }
        drag(event);
    };
    let hold = move |event: web_sys::PointerEvent| {
        if event.buttons() & 1 == 1 {
            drag(event);
        }
    };
    let key = move |event: web_sys::KeyboardEvent| {
        let step = if event.shift_key() { LEAP } else { STEP };
        let here = position.get_untracked();
        let to = match event.key().as_str() {
            "ArrowRight" | "ArrowUp" => here + step,
            "ArrowLeft" | "ArrowDown" => here - step,
            "PageUp" => here + LEAP,
            "PageDown" => here - LEAP,
            "Home" => 0.0,
            "End" => 1.0,
            _ => return,
        };
        event.prevent_default();
        set_position(to);
    };

    let (low, high) = outcome.with_value(|outcome| (outcome.analysis.histogram.low, outcome.analysis.histogram.high));
    let ticks = nice_ticks(low, high, 6).into_iter().map(|tick| {
        let left = outcome.with_value(|outcome| outcome.analysis.histogram.position(tick)) * 100.0;
        view! { <span class="tick-x" style:left=format!("{left}%")>{format!("{:.2}", tick + 0.0)}</span> }
    });
    let count_ticks = move || {
        let peak = outcome.with_value(|outcome| outcome.analysis.histogram.peak());
        let scale = scale.get();
        let ticks = scale.ticks(peak).into_iter().map(|tick| {
            let bottom = scale.height(tick, peak) * 100.0;
            view! { <span class="tick-y" style:bottom=format!("{bottom}%")>{count(tick)}</span> }
        });
        ticks.collect_view()
    };
    view! {
        <section class="panel scores" aria-labelledby="scores-title">
            <div class="scores-info">
                <h2 id="scores-title">"Scores"</h2>
                <p class="hint">{outcome.with_value(|outcome| outcome.analysis.score_meaning.clone())}</p>
                <ThresholdFields outcome/>
            </div>
            {is_empty.then(|| view! { <p class="remark">"No record could be scored, so there is nothing to draw."</p> })}
            <div class="scores-chart" hidden=is_empty>
                <div class="legend">
                    <span class="key key-normal">"ordinary"</span>
                    <span class="key key-odd">"odd"</span>
                    {has_labels.then(|| view! { <span class="key key-label">"labelled as anomaly"</span> })}
                    <div class="segments" role="group" aria-label="Counts">
                        {[(CountScale::Log, "Log"), (CountScale::Linear, "Linear")].map(|(option, name)| view! {
                            <button type="button" aria-pressed=move || (scale.get() == option).to_string() on:click=move |_| scale.set(option)>
                                {name}
                            </button>
                        }).collect_view()}
                    </div>
                </div>
                <div class="chart">
                    <div class="chart-y" aria-hidden="true"><span class="axis-name">"records"</span>{count_ticks}</div>
                    <span class="axis-name" aria-hidden="true">"score"</span>
                    <div class="plot" node_ref=plot_node on:pointerdown=press on:pointermove=hold>
                        <svg class="bars" width=move || plot.get().width height=height aria-hidden="true" focusable="false">
                            <defs>
                                <clipPath id="below"><rect x="0" y="0" width=left height=height/></clipPath>
                                <clipPath id="above"><rect x=left y="0" width=move || (plot.get().width - left()).max(0.0) height=height/></clipPath>
                            </defs>
                            <path class="bar-normal" clip-path="url(#below)" d=move || all.get()/>
                            <path class="bar-odd" clip-path="url(#above)" d=move || all.get()/>
                            {has_labels.then(|| view! { <path class="bar-label" d=move || labelled.get()/> })}
                        </svg>
                        <div class="threshold" style:left=move || format!("{}px", left()) role="slider" tabindex="0" aria-label="Threshold"
                            aria-orientation="horizontal" aria-valuemin=format!("{low:.3}") aria-valuemax=format!("{high:.3}")
                            aria-valuenow=move || format!("{:.3}", threshold.get())
                            aria-valuetext=move || format!("{}, {} flagged", score(threshold.get()), count(app.state.n_flagged() as u64))
                            on:keydown=key>
                            <span class="grip"></span>
                        </div>
                    </div>
                    <div class="chart-x" aria-hidden="true">{ticks.collect_view()}</div>
                </div>
                <HistogramTable outcome/>
            </div>
        </section>
    }
}

/// The threshold by number, by how many it flags, and back to where it was.
#[component]
fn ThresholdFields(outcome: StoredValue<Arc<Outcome>>) -> impl IntoView {
    let app = use_app();
    let threshold = app.state.threshold;
    let own = outcome.with_value(|outcome| outcome.analysis.threshold);
    let origin = outcome.with_value(|outcome| outcome.analysis.threshold_origin.clone());
    let by_number = move |event| {
        if let Some(value) = event_target_value(&event).parse::<f32>().ok().filter(|value| value.is_finite()) {
            threshold.set(value);
        }
        threshold.notify();
    };
    let by_count = move |event| {
        if let Ok(flagged) = event_target_value(&event).parse::<usize>() {
            threshold.set(outcome.with_value(|outcome| outcome.ranking.threshold_for(flagged)));
        }
        threshold.notify();
    };
    let n_scored = outcome.with_value(|outcome| outcome.ranking.n_scored());
    view! {
        <div class="threshold-fields">
            <div class="inline-field">
                <label for="threshold">"Threshold"</label>
                <input id="threshold" class="input number" type="number" step="any" inputmode="decimal"
                    prop:value=move || format!("{:.4}", threshold.get()) on:change=by_number/>
            </div>
            <div class="inline-field">
                <label for="flagged">"flags"</label>
                <input id="flagged" class="input number" type="number" min="0" max=n_scored.to_string() step="1" inputmode="numeric"
                    prop:value=move || app.state.n_flagged().to_string() on:change=by_count/>
                <span>"records"</span>
            </div>
            <Show when=move || threshold.get() != own>
                <button type="button" class="link-button" on:click=move |_| threshold.set(own)>
                    "Back to " {score(own)}
                </button>
            </Show>
            <p class="hint">{origin}</p>
        </div>
    }
}

/// The same for those who do not see the bars.
#[component]
fn HistogramTable(outcome: StoredValue<Arc<Outcome>>) -> impl IntoView {
    let shown = RwSignal::new(false);
    let rows = move || {
        outcome.with_value(|outcome| {
            let histogram = &outcome.analysis.histogram;
            let filled = (0..histogram.counts.len()).filter(|&bin| histogram.counts[bin] > 0);
            let rows = filled.map(|bin| {
                let (from, to) = histogram.edges(bin);
                let anomalies = histogram.anomalies.get(bin).map(|&n| view! { <td class="number">{count(n)}</td> });
                view! {
                    <tr>
                        <th scope="row" class="number">{format!("{from:.3} to {to:.3}")}</th>
                        <td class="number">{count(histogram.counts[bin])}</td>
                        {anomalies}
                    </tr>
                }
            });
            rows.collect_view()
        })
    };
    let has_labels = outcome.with_value(|outcome| !outcome.analysis.histogram.anomalies.is_empty());
    view! {
        <div class="chart-table">
            <button type="button" class="link-button" aria-expanded=move || shown.get().to_string()
                on:click=move |_| shown.update(|shown| *shown = !*shown)>
                {move || if shown.get() { "Hide the numbers" } else { "Show the numbers" }}
            </button>
            <Show when=move || shown.get()>
                <div class="scroll-box short" role="region" tabindex="0" aria-label="Histogram as a table">
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col" class="number">"Score"</th>
                                <th scope="col" class="number">"Records"</th>
                                {has_labels.then(|| view! { <th scope="col" class="number">"Labelled anomalies"</th> })}
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </Show>
        </div>
    }
}
