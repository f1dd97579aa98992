//! Charts of lines, and the table below each chart for those who do not see it.

use super::size::size_of;
use leptos::{html, prelude::*};
use oddflow::report::{Axis, Chart, Plot, line, metric, place};

/// Points of a curve that its table lists, at most.
const LISTED: usize = 21;
/// Up to here and from here on a tick's label would stand out at the left or at the right.
const FIRST_TICK: f64 = 0.03;
const LAST_TICK: f64 = 0.97;

/// A chart with its axes, legend and table.
#[component]
pub fn LineChart(chart: Signal<Chart>) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    let size = size_of(node);
    let plot = Memo::new(move |_| Plot { width: size.get().0, height: size.get().1 });
    let ticks_y = move || {
        chart.with(|chart| {
            let ticks = chart.y.ticks.iter().map(|tick| {
                let bottom = chart.y.position(tick.at) * 100.0;
                view! { <span class="tick-y" style:bottom=format!("{bottom}%")>{tick.label.clone()}</span> }
            });
            ticks.collect_view()
        })
    };
    let ticks_x = move || chart.with(|chart| ticks_below(&chart.x));
    let lines = move || {
        chart.with(|chart| {
            let draw = |class: String, points: &[[f64; 2]]| {
                view! { <path class=class d=line(points, &chart.x, &chart.y, plot.get())/> }
            };
            let guides = chart.guides.iter().map(|guide| draw("guide".into(), &guide.points));
            let series =
                chart.series.iter().enumerate().map(|(at, series)| draw(format!("curve curve-{at}"), &series.points));
            let marks = chart.marks.iter().map(|mark| {
                let [x, y] = place(mark.at, &chart.x, &chart.y, plot.get());
                view! { <circle class="curve-mark" cx=x cy=y r="5"/> }
            });
            (guides.collect_view(), series.collect_view(), marks.collect_view())
        })
    };
    let legend = move || {
        chart.with(|chart| {
            let series = chart
                .series
                .iter()
                .enumerate()
                .map(|(at, series)| (format!("key key-curve-{at}"), series.name.clone()));
            let guides = chart.guides.iter().map(|guide| ("key key-guide".to_owned(), guide.name.clone()));
            let marks = chart.marks.iter().map(|mark| ("key key-mark".to_owned(), mark.label.clone()));
            let keys = series.chain(guides).chain(marks);
            keys.map(|(class, name)| view! { <span class=class>{name}</span> }).collect_view()
        })
    };
    view! {
        <figure class="line-chart">
            <figcaption>
                <h3>{move || chart.with(|chart| chart.title.clone())}</h3>
                <p class="visually-hidden">{move || chart.with(|chart| chart.summary.clone())}</p>
            </figcaption>
            <p class="axis-name up" aria-hidden="true">{move || chart.with(|chart| chart.y.name.clone())}</p>
            <div class="chart">
                <div class="chart-y" aria-hidden="true">{ticks_y}</div>
                <div class="line-plot" node_ref=node aria-hidden="true">
                    <svg class="bars" width=move || plot.get().width height=move || plot.get().height focusable="false">{lines}</svg>
                </div>
                <div class="chart-x" aria-hidden="true">{ticks_x}</div>
            </div>
            <p class="axis-name right" aria-hidden="true">{move || chart.with(|chart| chart.x.name.clone())}</p>
            <div class="legend" aria-hidden="true">{legend}</div>
            <PointTable chart/>
        </figure>
    }
}

/// The ticks of an axis that runs to the right. The outermost stay within the chart.
pub fn ticks_below(axis: &Axis) -> impl IntoView + use<> {
    let ticks = axis.ticks.iter().map(|tick| {
        let position = axis.position(tick.at);
        let class = match position {
            x if x < FIRST_TICK => "tick-x first",
            x if x > LAST_TICK => "tick-x last",
            _ => "tick-x",
        };
        view! { <span class=class style:left=format!("{}%", position * 100.0)>{tick.label.clone()}</span> }
    });
    ticks.collect_view()
}

#[component]
fn PointTable(chart: Signal<Chart>) -> impl IntoView {
    let rows = move || {
        chart.with(|chart| {
            let rows = chart.series.iter().flat_map(|series| {
                let every = series.points.len().div_ceil(LISTED).max(1);
                series.points.iter().step_by(every).map(|[x, y]| {
                    view! {
                        <tr>
                            <th scope="row">{series.name.clone()}</th>
                            <td class="number">{metric(*x)}</td>
                            <td class="number">{metric(*y)}</td>
                        </tr>
                    }
                })
            });
            rows.collect_view()
        })
    };
    let label = chart.with_untracked(|chart| format!("{} as a table", chart.title));
    view! {
        <TableBelow label>
            <thead>
                <tr>
                    <th scope="col">"Curve"</th>
                    <th scope="col" class="number">{move || chart.with(|chart| chart.x.name.clone())}</th>
                    <th scope="col" class="number">{move || chart.with(|chart| chart.y.name.clone())}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </TableBelow>
    }
}

/// The numbers of a chart, unfolded on demand.
#[component]
pub fn TableBelow(#[prop(into)] label: String, children: ChildrenFn) -> impl IntoView {
    let shown = RwSignal::new(false);
    let children = StoredValue::new(children);
    let label = StoredValue::new(label);
    view! {
        <div class="chart-table">
            <button type="button" class="link-button" aria-expanded=move || shown.get().to_string()
                on:click=move |_| shown.update(|shown| *shown = !*shown)>
                {move || if shown.get() { "Hide the numbers" } else { "Show the numbers" }}
            </button>
            <Show when=move || shown.get()>
                <div class="scroll-box short" role="region" tabindex="0" aria-label=label.get_value()>
                    <table class="list">{children.with_value(|children| children())}</table>
                </div>
            </Show>
        </div>
    }
}
