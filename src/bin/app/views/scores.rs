//! The threshold: as a budget, and as a line in the histogram of scores to drag, or to move by keyboard.

use super::chart::{TableBelow, ticks_below};
use super::size::size_of;
use crate::actions::use_app;
use crate::state::Outcome;
use leptos::{html, prelude::*};
use oddflow::report::{Axis, Budget, CountScale, Plot, bars, count, outline, score};
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// Arrow keys move by this share of the axis.
const STEP: f64 = 0.005;
/// Page keys, or arrows with shift.
const LEAP: f64 = 0.05;
/// Budgets to start from: as much as one sitting bears.
const USUAL_ROWS: u32 = 50;
const USUAL_SHARE: f64 = 0.01;
const USUAL_ONE_IN: u32 = 1000;

#[component]
pub fn Scores(outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let threshold = state.threshold;
    let scale = RwSignal::new(CountScale::Log);
    let plot_node = NodeRef::<html::Div>::new();
    let size = size_of(plot_node);
    let plot = Memo::new(move |_| Plot { width: size.get().0, height: size.get().1 });

    let outcome = StoredValue::new(outcome);
    // Where the labels call nothing an anomaly, there is nothing to tell apart.
    let has_labels = outcome.with_value(|outcome| outcome.analysis.histogram.anomalies.iter().any(|&n| n > 0));
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
    // Of the records that the lens shows, where it does not show all.
    let shown_counts = Memo::new(move |_| {
        let counts = state.survey.with(|survey| survey.as_ref().map(|survey| survey.histogram.clone()));
        let fits = |counts: &Vec<u64>| outcome.with_value(|o| o.analysis.histogram.counts.len() == counts.len());
        counts.filter(|counts| state.is_narrowed() && fits(counts))
    });
    let shown = Memo::new(move |_| {
        let counts = shown_counts.get()?;
        outcome.with_value(|outcome| Some(bars(&outcome.analysis.histogram, &counts, scale.get(), plot.get())))
    });
    let position = Memo::new(move |_| outcome.with_value(|o| o.analysis.histogram.position(threshold.get().into())));
    let height = move || plot.get().height;
    let left = move || position.get() * plot.get().width;
    // A bar of records that are all alike is as wide as the plot, and the threshold just above them is at its left end.
    let n_scored = outcome.with_value(|outcome| outcome.ranking.n_scored());
    let odd_from = Memo::new(move |_| match state.n_flagged() {
        0 => plot.get().width,
        n if n == n_scored => 0.0,
        _ => left(),
    });
    let set_position = move |position: f64| {
        let score = outcome.with_value(|outcome| outcome.analysis.histogram.score_at(position));
        app.set_budget(Budget::Score(score as f32));
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
    let axis = Axis::between("score", low, high, 6);
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
        <div class="scores">
            <div class="scores-info">
                <h2>"Threshold"</h2>
                <BudgetFields outcome/>
                <details class="help">
                    <summary>"What a score means"</summary>
                    <p class="hint">{outcome.with_value(|outcome| outcome.analysis.score_meaning.clone())}</p>
                </details>
                <details class="help">
                    <summary>"Everything is red?"</summary>
                    <p class="hint">
                        "Where attacks are most of a file, rare means normal. Name records that you know to be normal under
                         File and settings, Fit to: by their label, a text, a time window or another file. Ignore what you
                         know under What to look at first. Or choose a smaller budget here: ranks hold where thresholds do not."
                    </p>
                </details>
            </div>
            {is_empty.then(|| view! { <p class="remark">"No record could be scored, so there is nothing to draw."</p> })}
            <div class="scores-chart" hidden=is_empty>
                <div class="legend">
                    <span class="key key-normal">"ordinary"</span>
                    <span class="key key-odd">"odd"</span>
                    {move || shown.with(Option::is_some).then(|| view! { <span class="key key-hidden">"not shown by the filter"</span> })}
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
                    <span class="axis-name" aria-hidden="true">{axis.name.clone()}</span>
                    <div class="plot" node_ref=plot_node on:pointerdown=press on:pointermove=hold>
                        <svg class="bars" width=move || plot.get().width height=height aria-hidden="true" focusable="false">
                            <defs>
                                <clipPath id="below"><rect x="0" y="0" width=odd_from height=height/></clipPath>
                                <clipPath id="above"><rect x=odd_from y="0" width=move || (plot.get().width - odd_from.get()).max(0.0) height=height/></clipPath>
                            </defs>
                            {move || shown.with(Option::is_some).then(|| view! { <path class="bar-hidden" d=move || all.get()/> })}
                            <path class="bar-normal" clip-path="url(#below)" d=move || shown.get().unwrap_or_else(|| all.get())/>
                            <path class="bar-odd" clip-path="url(#above)" d=move || shown.get().unwrap_or_else(|| all.get())/>
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
                    <div class="chart-x" aria-hidden="true">{ticks_below(&axis)}</div>
                </div>
                <HistogramTable outcome has_labels shown=shown_counts/>
            </div>
        </div>
    }
}

/// The threshold as what the person is ready to look at: a number of records, a share, false alarms, or the score itself.
#[component]
fn BudgetFields(outcome: StoredValue<Arc<Outcome>>) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let budget = state.budget;
    let has_labels = outcome.with_value(|outcome| outcome.ranking.has_labels());
    let n_scored = outcome.with_value(|outcome| outcome.ranking.n_scored());
    let kind = Memo::new(move |_| key_of(budget.get()));
    let choose = move |event| {
        app.set_budget(match event_target_value(&event).as_str() {
            "rows" => Budget::Rows(USUAL_ROWS),
            "share" => Budget::Share(USUAL_SHARE),
            "one-in" => Budget::FalseAlarm(USUAL_ONE_IN),
            "best" => Budget::BestF1,
            "score" => Budget::Score(state.threshold.get_untracked()),
            _ => Budget::Own,
        });
    };
    let words = move || match state.cut.get() {
        None => String::new(),
        Some(Ok(cut)) => cut.words,
        Some(Err(error)) => error.to_string(),
    };
    let by_number = move |event| {
        if let Some(value) = event_target_value(&event).parse::<f32>().ok().filter(|value| value.is_finite()) {
            app.set_budget(Budget::Score(value));
        }
        budget.notify();
    };
    let by_count = move |event| {
        if let Ok(flagged) = event_target_value(&event).parse::<u32>() {
            app.set_budget(match flagged {
                // No budget, but a threshold that nothing reaches.
                0 => Budget::Score(outcome.with_value(|outcome| outcome.ranking.threshold_for(0))),
                _ => Budget::Rows(flagged),
            });
        }
        budget.notify();
    };
    let amount = move |event| {
        if let Ok(x) = event_target_value(&event).parse::<f64>() {
            match budget.get_untracked() {
                Budget::Share(_) if x > 0.0 && x <= 100.0 => app.set_budget(Budget::Share(x / 100.0)),
                Budget::FalseAlarm(_) if x >= 1.0 => app.set_budget(Budget::FalseAlarm(x as u32)),
                _ => {}
            }
        }
        budget.notify();
    };
    view! {
        <div class="budget">
            <div class="field wide">
                <label for="budget">"Flag"</label>
                <select id="budget" class="select" on:change=choose prop:value=move || kind.get()>
                    <option value="own">"by the detector’s own threshold"</option>
                    <option value="rows">"the highest scores, so many"</option>
                    <option value="share">"a share of the records"</option>
                    <option value="one-in">"one false alarm in so many"</option>
                    {has_labels.then(|| view! { <option value="best">"what the labels call best (F1)"</option> })}
                    <option value="score">"from a score on, by hand"</option>
                </select>
            </div>
            {move || match budget.get() {
                Budget::Share(share) => Some(("Share to flag, %", share * 100.0, "any")),
                Budget::FalseAlarm(one_in) => Some(("Normal records for one false alarm", f64::from(one_in), "1")),
                _ => None,
            }.map(|(label, value, step)| view! {
                <div class="field wide">
                    <label for="budget-amount">{label}</label>
                    <input id="budget-amount" class="input number" type="number" min="0" step=step inputmode="decimal"
                        prop:value=value.to_string() on:change=amount/>
                </div>
            })}
            <div class="field">
                <label for="flagged">"Flags"</label>
                <input id="flagged" class="input number" type="number" min="0" max=n_scored.to_string() step="1" inputmode="numeric"
                    prop:value=move || { budget.track(); state.n_flagged().to_string() } on:change=by_count/>
            </div>
            <div class="field">
                <label for="threshold">"From score"</label>
                <input id="threshold" class="input number" type="number" step="any" inputmode="decimal"
                    prop:value=move || { budget.track(); format!("{:.4}", state.threshold.get()) } on:change=by_number/>
            </div>
            <p class="hint wide" role="status">{words}</p>
        </div>
    }
}

fn key_of(budget: Budget) -> &'static str {
    match budget {
        Budget::Own => "own",
        Budget::Rows(_) => "rows",
        Budget::Share(_) => "share",
        Budget::FalseAlarm(_) => "one-in",
        Budget::BestF1 => "best",
        Budget::Score(_) => "score",
    }
}

/// The same for those who do not see the bars.
#[component]
fn HistogramTable(
    outcome: StoredValue<Arc<Outcome>>,
    has_labels: bool,
    shown: Memo<Option<Vec<u64>>>,
) -> impl IntoView {
    let rows = move || {
        outcome.with_value(|outcome| {
            let histogram = &outcome.analysis.histogram;
            let filled = (0..histogram.counts.len()).filter(|&bin| histogram.counts[bin] > 0);
            let rows = filled.map(|bin| {
                let (from, to) = histogram.edges(bin);
                let anomalies = histogram.anomalies.get(bin).filter(|_| has_labels).map(|&n| view! { <td class="number">{count(n)}</td> });
                view! {
                    <tr>
                        <th scope="row" class="number">{format!("{from:.3} to {to:.3}")}</th>
                        <td class="number">{count(histogram.counts[bin])}</td>
                        {shown.with(|shown| shown.as_ref().map(|shown| view! { <td class="number">{count(shown[bin])}</td> }))}
                        {anomalies}
                    </tr>
                }
            });
            rows.collect_view()
        })
    };
    view! {
        <TableBelow label="Histogram as a table">
            <thead>
                <tr>
                    <th scope="col" class="number">"Score"</th>
                    <th scope="col" class="number">"Records"</th>
                    {move || shown.with(Option::is_some).then(|| view! { <th scope="col" class="number">"Shown"</th> })}
                    {has_labels.then(|| view! { <th scope="col" class="number">"Labelled anomalies"</th> })}
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </TableBelow>
    }
}
