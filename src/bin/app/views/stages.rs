//! The two stages side by side: how many records have which forest score and which network probability. A rectangle drawn
//! on it, by pointer or by numbers, narrows everything to the records within.

use super::chart::{TableBelow, ticks_below};
use super::size::size_of;
use crate::actions::use_app;
use leptos::{html, prelude::*};
use oddflow::protocol::Stages;
use oddflow::report::{Brush, DensityGrid, Plot, Quadrant, cells, count, network_position, plural};
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// Steps of darkness.
const LEVELS: u8 = 5;
const LAST: u8 = DensityGrid::BINS as u8 - 1;

#[component]
pub fn StagesPanel() -> impl IntoView {
    let state = use_app().state;
    let stages = Memo::new(move |_| state.survey.with(|survey| survey.as_ref().and_then(|s| s.stages.clone())));
    view! {
        <div class="panel-head">
            <h2>"Both stages"</h2>
            <p class="hint">"How odd the forest finds a record, and how much it looks like a known attack to the network. Drag a rectangle to see its records."</p>
        </div>
        {move || match stages.get() {
            Some(stages) => view! { <Drawn stages=Arc::new(stages)/> }.into_any(),
            None if state.surveying.get() => view! { <p class="hint">"Counting…"</p> }.into_any(),
            None => view! { <p class="hint">"No record has both scores."</p> }.into_any(),
        }}
    }
}

#[component]
fn Drawn(stages: Arc<Stages>) -> impl IntoView {
    let app = use_app();
    let brush = app.state.brush;
    let node = NodeRef::<html::Div>::new();
    let size = size_of(node);
    let grid = StoredValue::new(stages.grid.clone());
    let paths = Memo::new(move |_| {
        let plot = Plot { width: size.get().0, height: size.get().1 };
        grid.with_value(|grid| {
            // Rows of the grid rise from the bottom, and are drawn from the top.
            let levels: Vec<u8> = grid.levels(LEVELS).chunks(DensityGrid::BINS).rev().flatten().copied().collect();
            (1..=LEVELS).map(|level| cells(&levels, DensityGrid::BINS, level, plot)).collect::<Vec<_>>()
        })
    });
    let cuts = stages.cuts;
    let cut_x = grid.with_value(|grid| grid.forest_position(cuts.forest));
    let cut_y = 1.0 - network_position(cuts.network);

    // The cell in which a drag began.
    let origin = RwSignal::new(None::<(u8, u8)>);
    let drawing = RwSignal::new(None::<Brush>);
    let cell_of = move |event: &web_sys::PointerEvent| {
        let area = node.get_untracked()?.get_bounding_client_rect();
        let cell = |x: f64| (x.clamp(0.0, 1.0) * DensityGrid::BINS as f64).min(f64::from(LAST)) as u8;
        let x = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        let y = (f64::from(event.client_y()) - area.top()) / area.height().max(1.0);
        Some((cell(x), cell(1.0 - y)))
    };
    let span = |a: u8, b: u8| (a.min(b), a.max(b));
    let press = move |event: web_sys::PointerEvent| {
        if event.button() != 0 {
            return;
        }
        if let Some(element) = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) {
            let _ = element.set_pointer_capture(event.pointer_id());
        }
        origin.set(cell_of(&event));
    };
    let hold = move |event: web_sys::PointerEvent| {
        if let (Some(from), Some(to)) = (origin.get_untracked(), cell_of(&event)) {
            drawing.set(Some(Brush { columns: span(from.0, to.0), rows: span(from.1, to.1) }));
        }
    };
    let release = move |_| {
        if origin.get_untracked().is_some() {
            origin.set(None);
            // A click without a drag takes the rectangle away.
            brush.set(drawing.get_untracked().filter(|b| b.columns.0 < b.columns.1 || b.rows.0 < b.rows.1));
            drawing.set(None);
        }
    };
    let shown = move || drawing.get().or(brush.get());
    let rectangle = move || {
        shown().map(|b| {
            let (w, h) = (size.get().0 / DensityGrid::BINS as f64, size.get().1 / DensityGrid::BINS as f64);
            let wide = f64::from(b.columns.1 - b.columns.0) + 1.0;
            let high = f64::from(b.rows.1 - b.rows.0) + 1.0;
            let top = f64::from(LAST - b.rows.1);
            view! { <rect class="brush" x=f64::from(b.columns.0) * w y=top * h width=wide * w height=high * h/> }
        })
    };
    let (forest, network) = (grid.with_value(DensityGrid::forest_axis), DensityGrid::network_axis());
    let ticks_x = ticks_below(&forest);
    let ticks_y = network.ticks.iter().map(|tick| {
        let bottom = network.position(tick.at) * 100.0;
        view! { <span class="tick-y" style:bottom=format!("{bottom}%")>{tick.label.clone()}</span> }
    });
    let words = move || match shown() {
        Some(b) => grid
            .with_value(|grid| format!("{}: {}", grid.brush_words(b), plural(grid.count_in(b), "record", "records"))),
        None => "No part is chosen.".into(),
    };
    let quadrant = |which: Quadrant| {
        let corner = match which {
            Quadrant::OddAndKnown => "corner top right",
            Quadrant::OddAndUnknown => "corner bottom right",
            Quadrant::KnownButCommon => "corner top left",
            Quadrant::Ordinary => "corner bottom left",
        };
        view! { <span class=corner>{which.words()} " · " {count(stages.counts.of(which))}</span> }
    };
    view! {
        <div class="stages">
            <div class="density">
                <p class="axis-name up" aria-hidden="true">{network.name.clone()}</p>
                <div class="chart">
                    <div class="chart-y wide" aria-hidden="true">{ticks_y.collect_view()}</div>
                    <div class="density-plot" class:brushed=move || shown().is_some() node_ref=node on:pointerdown=press on:pointermove=hold on:pointerup=release
                        on:pointercancel=move |_| { origin.set(None); drawing.set(None); }>
                        <svg class="bars" width=move || size.get().0 height=move || size.get().1 aria-hidden="true" focusable="false">
                            {(0..usize::from(LEVELS)).map(|at| view! {
                                <path class=format!("level-{}", at + 1) d=move || paths.with(|paths| paths[at].clone())/>
                            }).collect_view()}
                            <line class="cut" x1=move || cut_x * size.get().0 x2=move || cut_x * size.get().0 y1="0" y2=move || size.get().1/>
                            <line class="cut" y1=move || cut_y * size.get().1 y2=move || cut_y * size.get().1 x1="0" x2=move || size.get().0/>
                            {rectangle}
                        </svg>
                        <div aria-hidden="true">{Quadrant::ALL.map(quadrant).collect_view()}</div>
                    </div>
                    <div class="chart-x" aria-hidden="true">{ticks_x}</div>
                </div>
                <p class="axis-name right" aria-hidden="true">{forest.name.clone()}</p>
            </div>
            <div class="stages-side">
                <h3>"What the two say"</h3>
                <table class="list">
                    <caption class="visually-hidden">"Records by what the two stages say"</caption>
                    <thead class="visually-hidden"><tr><th scope="col">"Both say"</th><th scope="col">"Records"</th></tr></thead>
                    <tbody>
                        {Quadrant::ALL.into_iter().map(|which| view! {
                            <tr><th scope="row">{which.words()}</th><td class="number">{count(stages.counts.of(which))}</td></tr>
                        }).collect_view()}
                    </tbody>
                </table>
                <h3>"Part of the plot"</h3>
                <p class="hint" role="status">{words}</p>
                <BrushFields brush grid/>
                <TableBelow label="Records in each part of the plot">
                    <thead><tr><th scope="col">"Part"</th><th scope="col" class="number">"Records"</th></tr></thead>
                    <tbody>{move || grid.with_value(parts)}</tbody>
                </TableBelow>
            </div>
        </div>
    }
}

/// The plot in 8 × 8 parts, those without records left out.
fn parts(grid: &DensityGrid) -> impl IntoView + use<> {
    const WIDE: u8 = DensityGrid::BINS as u8 / 8;
    let ends = |at: u8| (at * WIDE, at * WIDE + WIDE - 1);
    let all = (0..8).rev().flat_map(|row| (0..8).map(move |column| (row, column)));
    let filled = all.filter_map(|(row, column)| {
        let part = Brush { columns: ends(column), rows: ends(row) };
        let n = grid.count_in(part);
        (n > 0)
            .then(|| view! { <tr><th scope="row">{grid.brush_words(part)}</th><td class="number">{count(n)}</td></tr> })
    });
    filled.collect_view()
}

/// The rectangle by the scores at its edges, which are those of the nearest cells.
#[component]
fn BrushFields(brush: RwSignal<Option<Brush>>, grid: StoredValue<DensityGrid>) -> impl IntoView {
    let whole = Brush { columns: (0, LAST), rows: (0, LAST) };
    let ends = move |brush: Option<Brush>| grid.with_value(|grid| grid.ends(brush.unwrap_or(whole)));
    let field = move |at: usize, id: &'static str, label: &'static str| {
        let text = move |end: f64| format!("{end:.5}").trim_end_matches('0').trim_end_matches('.').to_owned();
        let shown = RwSignal::new(String::new());
        Effect::new(move |_| shown.set(text(ends(brush.get())[at])));
        let change = move |event| {
            if let Some(end) = event_target_value(&event).parse::<f64>().ok().filter(|end| end.is_finite()) {
                let mut changed = ends(brush.get_untracked());
                changed[at] = end;
                let changed = grid.with_value(|grid| grid.brush_between(changed));
                brush.set(Some(changed).filter(|changed| *changed != whole));
            }
            // Also where nothing has changed, the field shows what holds.
            shown.set(String::new());
            shown.set(text(ends(brush.get_untracked())[at]));
        };
        view! {
            <div class="field">
                <label for=id>{label}</label>
                <input id=id class="input number" type="number" step="any" inputmode="decimal"
                    prop:value=move || shown.get() on:change=change/>
            </div>
        }
    };
    view! {
        <div class="brush-fields" role="group" aria-label="Part of the plot, by its edges">
            {field(0, "brush-left", "Forest score from")}
            {field(1, "brush-right", "Forest score to")}
            {field(2, "brush-bottom", "Probability from, 0 to 1")}
            {field(3, "brush-top", "Probability to, 0 to 1")}
        </div>
    }
}
