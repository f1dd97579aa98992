//! Swimlanes: when which entity was odd. Time runs to the right, a lane for each entity, darker where scores are higher.

use super::chart::{TableBelow, ticks_below};
use super::groups::kind_name;
use super::size::size_of;
use crate::actions::use_app;
use leptos::{html, prelude::*};
use oddflow::protocol::Lanes;
use oddflow::report::{Plot, Swimlanes, cells, count, plural, score};
use oddflow::schema::time;
use std::sync::Arc;

/// In pixels, as in `explore.css`.
const LANE_HEIGHT: f64 = 22.0;
/// Pixels that the label of a tick needs.
const TICK_WIDTH: f64 = 96.0;
/// Shades of [`Swimlanes::shades`]: below the threshold, and its three thirds above.
const SHADES: [u8; 4] = [1, 2, 3, 4];

#[component]
pub fn LanesPanel() -> impl IntoView {
    let state = use_app().state;
    let lanes = Memo::new(move |_| state.survey.with(|survey| survey.as_ref().and_then(|s| s.lanes.clone())));
    let kinds = Memo::new(move |_| lanes.with(|lanes| lanes.as_ref().map(|l| (l.kind, l.kinds.clone()))));
    view! {
        <div class="panel-head">
            <h2>"Over time"</h2>
            <p class="hint">
                "When who was odd. Each cell is a stretch of time: the stronger its colour, the higher its highest score. Choose one to see its records,
                 and again to see all."
            </p>
        </div>
        {move || kinds.get().filter(|(_, kinds)| kinds.len() > 1).map(|(kind, kinds)| view! {
            <div class="segments wrap" role="group" aria-label="Lanes of">
                {kinds.into_iter().map(|option| view! {
                    <button type="button" aria-pressed=(option == kind).to_string() on:click=move |_| state.lane_kind.set(Some(option))>
                        {kind_name(option)}
                    </button>
                }).collect_view()}
            </div>
        })}
        {move || match lanes.get() {
            Some(lanes) => view! { <Drawn lanes=Arc::new(lanes)/> }.into_any(),
            None if state.surveying.get() => view! { <p class="hint">"Counting…"</p> }.into_any(),
            None => view! { <p class="hint">"None of these records is odd, or none has a time."</p> }.into_any(),
        }}
    }
}

#[component]
fn Drawn(lanes: Arc<Lanes>) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let node = NodeRef::<html::Div>::new();
    let size = size_of(node);
    let drawn = lanes.lanes.clone();
    let n_lanes = drawn.entities.len() + 1;
    let n_buckets = drawn.n_buckets as usize;
    let height = n_lanes as f64 * LANE_HEIGHT;
    let drawn = StoredValue::new(drawn);
    let queries = StoredValue::new(lanes.queries.clone());
    // Lane and bucket that the keyboard is at.
    let at = RwSignal::new((0_usize, 0_usize));
    // Whether a cell has been pointed at: before, there is nothing to say of one.
    let pointed = RwSignal::new(false);
    let point = move |cell| {
        at.set(cell);
        pointed.set(true);
    };
    let threshold = state.threshold;
    let paths = Memo::new(move |_| {
        let plot = Plot { width: size.get().0, height };
        drawn.with_value(|drawn| {
            let shades = drawn.shades(threshold.get());
            SHADES.map(|shade| cells(&shades, n_buckets, shade, plot))
        })
    });
    let query = move |(lane, bucket): (usize, usize)| {
        let time = drawn.with_value(|drawn| time_term(drawn, bucket));
        let lane = queries.with_value(|queries| queries.get(lane).cloned().unwrap_or_default());
        format!("{lane} {time}").trim().to_owned()
    };
    let kind = lanes.kind;
    let choose = move |cell| app.choose_cell(kind, &query(cell));
    let cell_of = move |event: &web_sys::MouseEvent| {
        let area = node.get_untracked()?.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        let y = (f64::from(event.client_y()) - area.top()) / area.height().max(1.0);
        let place = |x: f64, n: usize| ((x * n as f64).max(0.0) as usize).min(n - 1);
        Some((place(y, n_lanes), place(x, n_buckets)))
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        let (lane, bucket) = at.get_untracked();
        let to = match event.key().as_str() {
            "ArrowRight" => (lane, bucket + 1),
            "ArrowLeft" => (lane, bucket.saturating_sub(1)),
            "ArrowDown" => (lane + 1, bucket),
            "ArrowUp" => (lane.saturating_sub(1), bucket),
            "Home" => (lane, 0),
            "End" => (lane, n_buckets - 1),
            "Enter" | " " => {
                event.prevent_default();
                return choose((lane, bucket));
            }
            _ => return,
        };
        event.prevent_default();
        point((to.0.min(n_lanes - 1), to.1.min(n_buckets - 1)));
    };
    let words = move || {
        let (lane, bucket) = at.get();
        match pointed.get() {
            true => drawn.with_value(|drawn| cell_words(drawn, lane, bucket)),
            false => "Point at a cell, or move to it by the arrow keys.".into(),
        }
    };
    let (step_x, left, top) = (
        move || size.get().0 / n_buckets as f64,
        move || at.get().1 as f64 * size.get().0 / n_buckets as f64,
        move || at.get().0 as f64 * LANE_HEIGHT,
    );
    let n_ticks = Memo::new(move |_| ((size.get().0 / TICK_WIDTH) as usize).clamp(2, 6));
    let ticks = move || drawn.with_value(|drawn| ticks_below(&drawn.axis(n_ticks.get())));
    let axis_name = drawn.with_value(|drawn| drawn.axis(2).name);
    let names = drawn.with_value(|drawn| {
        (0..n_lanes)
            .map(|lane| view! { <span title=drawn.name(lane).to_owned()>{drawn.name(lane).to_owned()}</span> })
            .collect_view()
    });
    view! {
        <div class="lanes">
            <div class="lane-names" aria-hidden="true">{names}</div>
            <div class="lane-plot" node_ref=node style:height=format!("{height}px") tabindex="0" role="application"
                aria-label=format!("Swimlanes by {}: arrow keys move, Enter shows the records", kind_name(kind))
                aria-describedby="lane-words" on:keydown=keys
                on:pointermove=move |event| if let Some(cell) = cell_of(&event) { point(cell) }
                on:click=move |event| if let Some(cell) = cell_of(&event) { point(cell); choose(cell) }>
                <svg class="lane-cells" width=move || size.get().0 height=height aria-hidden="true" focusable="false">
                    {SHADES.into_iter().enumerate().map(|(at, shade)| view! {
                        <path class=format!("shade-{shade}") d=move || paths.with(|paths| paths[at].clone())/>
                    }).collect_view()}
                    <rect class="lane-cursor" x=left y=top width=step_x height=LANE_HEIGHT/>
                </svg>
            </div>
            <div class="chart-x lane-axis" aria-hidden="true">{ticks}</div>
            <p class="axis-name lane-axis-name">{axis_name}</p>
        </div>
        <div class="panel-foot">
            <div class="legend" aria-hidden="true">
                <span class="key key-shade-1">"below the threshold"</span>
                <span class="key key-shade-2">"above it"</span>
                <span class="key key-shade-3">"well above it"</span>
                <span class="key key-shade-4">"far above it"</span>
            </div>
            <p id="lane-words" class="hint" role="status">{words}</p>
        </div>
        <LaneTable drawn/>
    }
}

/// The filter for a stretch of time.
fn time_term(drawn: &Swimlanes, bucket: usize) -> String {
    let (from, to) = ends(drawn, bucket);
    format!("time:{from}..{to}")
}

fn ends(drawn: &Swimlanes, bucket: usize) -> (f64, f64) {
    let from = drawn.start + drawn.step * bucket as f64;
    (from, from + drawn.step)
}

fn cell_words(drawn: &Swimlanes, lane: usize, bucket: usize) -> String {
    let cell = drawn.lane(lane).start + bucket;
    let from = ends(drawn, bucket).0;
    let time = time::format(from);
    match drawn.rows.get(cell).copied().unwrap_or(0) {
        0 => format!("{}, {time}: no record", drawn.name(lane)),
        n => format!(
            "{}, {time}: {}, highest score {}",
            drawn.name(lane),
            plural(n.into(), "record", "records"),
            score(drawn.best[cell])
        ),
    }
}

/// The same for those who do not see the cells: what each lane has in all.
#[component]
fn LaneTable(drawn: StoredValue<Swimlanes>) -> impl IntoView {
    let threshold = use_app().state.threshold;
    let rows = move || {
        drawn.with_value(|drawn| {
            let lanes = 0..=drawn.entities.len();
            lanes
                .map(|lane| {
                    let places = drawn.lane(lane);
                    let n: u64 = drawn.rows[places.clone()].iter().map(|&n| u64::from(n)).sum();
                    let filled = places.clone().filter(|&at| drawn.rows[at] > 0);
                    let best = filled.clone().max_by(|&a, &b| drawn.best[a].total_cmp(&drawn.best[b]));
                    let odd = filled.filter(|&at| drawn.best[at] >= threshold.get()).count();
                    let when = best.map(|at| cell_words(drawn, lane, at - places.start));
                    view! {
                        <tr>
                            <th scope="row">{drawn.name(lane).to_owned()}</th>
                            <td class="number">{count(n)}</td>
                            <td class="number">{count(odd as u64)}</td>
                            <td>{when}</td>
                        </tr>
                    }
                })
                .collect_view()
        })
    };
    view! {
        <TableBelow label="Swimlanes as a table">
            <thead>
                <tr>
                    <th scope="col">"Lane"</th>
                    <th scope="col" class="number">"Records"</th>
                    <th scope="col" class="number">"Odd stretches"</th>
                    <th scope="col">"Highest score"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </TableBelow>
    }
}
