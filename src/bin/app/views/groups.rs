//! What the odd records have in common, by source, destination, port and so on. Each group is a filter.

use crate::actions::use_app;
use leptos::prelude::*;
use oddflow::groups::{Group, GroupKind};
use oddflow::protocol::GroupList;
use oddflow::report::{count, plural, score};
use oddflow::schema::time;
use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

/// By what the groups of a kind are sorted; what is highest comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// How surprising it is that so many are odd: the order in which they come.
    Surprise,
    Odd,
    Records,
    Score,
}

/// Groups of a kind that are shown before the person asks for more.
const FIRST: usize = 8;

#[component]
pub fn Groups() -> impl IntoView {
    let state = use_app().state;
    let chosen = RwSignal::new(None::<GroupKind>);
    let by = RwSignal::new(By::Surprise);
    let kinds = Memo::new(move |_| {
        state.survey.with(|survey| {
            let lists = survey.iter().flat_map(|survey| survey.groups.iter()).filter(|list| !list.groups.is_empty());
            lists.map(|list| list.kind).collect::<Vec<_>>()
        })
    });
    let kind = Memo::new(move |_| {
        let kinds = kinds.get();
        chosen.get().filter(|kind| kinds.contains(kind)).or_else(|| kinds.first().copied())
    });
    let list = move || {
        state.survey.with(|survey| survey.as_ref()?.groups.iter().find(|list| Some(list.kind) == kind.get()).cloned())
    };
    view! {
        <div class="panel-head">
            <h2>"Groups"</h2>
            <p class="hint">
                "The most surprising, of which more is odd than of the file as a whole; sort by records for the top talkers. Choose one to see its
                 records."
            </p>
        </div>
        {move || match kinds.with(Vec::is_empty) {
            true if state.surveying.get() => view! { <p class="hint">"Counting…"</p> }.into_any(),
            true => view! { <p class="hint">"No records to group."</p> }.into_any(),
            false => view! {
                <div class="segments wrap" role="group" aria-label="Group by">
                    {kinds.get().into_iter().map(|option| view! {
                        <button type="button" aria-pressed=move || (kind.get() == Some(option)).to_string() on:click=move |_| chosen.set(Some(option))>
                            {kind_name(option)}
                        </button>
                    }).collect_view()}
                </div>
            }.into_any(),
        }}
        {move || list().map(|list| view! { <Listed list=Arc::new(list) by/> })}
        {move || (kind.get() == Some(GroupKind::Reason)).then(of_the_oddest).flatten()}
    }
}

/// Where not all flagged records were asked for their reasons, how many were.
fn of_the_oddest() -> Option<impl IntoView> {
    let survey = use_app().state.survey;
    let (reasoned, flagged) = survey.with(|survey| survey.as_ref().map(|survey| (survey.reasoned, survey.flagged)))?;
    (reasoned < flagged).then(|| {
        view! {
            <p class="hint">
                "Reasons are those of the " {count(reasoned)} " oddest of " {count(flagged)}
                " odd records; Settings, “This machine”, has how many are asked."
            </p>
        }
    })
}

#[component]
fn Listed(list: Arc<GroupList>, by: RwSignal<By>) -> impl IntoView {
    let n = list.groups.len();
    let shown = RwSignal::new(n.min(FIRST));
    let peak = list.groups.iter().map(|group| group.flagged).max().unwrap_or(0).max(1);
    let others = list.others;
    let kind = list.kind;
    let has_times = list.groups.iter().any(|group| group.first.is_some());
    let has_counterparts = list.groups.iter().any(|group| group.counterparts > 0);
    let rows = move || {
        let mut groups: Vec<&Group> = list.groups.iter().collect();
        // What is equal stays in its order.
        match by.get() {
            By::Surprise => {}
            By::Odd => groups.sort_by_key(|group| Reverse(group.flagged)),
            By::Records => groups.sort_by_key(|group| Reverse(group.rows)),
            By::Score => groups.sort_by(|a, b| b.top_score.partial_cmp(&a.top_score).unwrap_or(Ordering::Equal)),
        }
        groups.into_iter().take(shown.get()).map(|group| row(group, peak, has_counterparts, has_times)).collect_view()
    };
    let head = move |of: By, name: &'static str| {
        let sort = move || if by.get() == of { "descending" } else { "none" };
        let toggle = move |_| by.update(|by| *by = if *by == of { By::Surprise } else { of });
        view! {
            <th scope="col" class="number" aria-sort=sort>
                <button type="button" class="sort-button" on:click=toggle>
                    <span aria-hidden="true">{move || (by.get() == of).then_some("↓ ")}</span> {name}
                </button>
            </th>
        }
    };
    view! {
        <div class="scroll-box groups" role="region" tabindex="0" aria-label="Groups">
            <table class="list">
                <caption class="visually-hidden">"Groups by " {kind_name(kind)}</caption>
                <thead>
                    <tr>
                        <th scope="col">{kind_name(kind)}</th>
                        {head(By::Odd, "Odd")}
                        <th scope="col" class="bar-column"><span class="visually-hidden">"Odd, as a bar"</span></th>
                        {head(By::Records, "Records")}
                        {head(By::Score, "Highest score")}
                        {has_counterparts.then(|| view! { <th scope="col" class="number">{counterparts_name(kind)}</th> })}
                        {has_times.then(|| view! { <th scope="col">"First odd"</th> <th scope="col">"Last odd"</th> })}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <div class="panel-foot">
            <Show when=move || shown.get() < n>
                <button type="button" class="button small" on:click=move |_| shown.set(n)>"Show all " {count(n as u64)}</button>
            </Show>
            {(others.groups > 0).then(|| view! {
                <p class="hint">
                    "and " {plural(others.groups.into(), "more group", "more groups")} " with "
                    {plural(others.rows.into(), "record", "records")} ", " {count(others.flagged.into())} " of them odd"
                </p>
            })}
        </div>
    }
}

fn row(group: &Group, peak: u32, has_counterparts: bool, has_times: bool) -> impl IntoView + use<> {
    let app = use_app();
    let query = group.query.clone();
    let filtered = {
        let query = query.clone();
        Memo::new(move |_| app.has_terms(&query))
    };
    let label = match query.is_empty() {
        true => view! { <span>{group.label.clone()}</span> }.into_any(),
        false => view! {
            <button type="button" class="group-button" aria-pressed=move || filtered.get().to_string() on:click=move |_| app.toggle_terms(&query)>
                {group.label.clone()}
            </button>
        }
        .into_any(),
    };
    let width = |part: u32| format!("{:.2}%", f64::from(part) / f64::from(peak) * 100.0);
    let counterparts = match (group.counterparts, group.more_counterparts) {
        (0, _) => String::new(),
        (n, true) => format!("> {}", count(n.into())),
        (n, false) => count(n.into()),
    };
    view! {
        <tr>
            <th scope="row">{label}</th>
            <td class="number odd-number">{count(group.flagged.into())}</td>
            <td class="bar-column"><span class="group-track"><span class="group-bar" style:width=width(group.flagged)></span></span></td>
            <td class="number">{count(group.rows.into())}</td>
            <td class="number">{group.top_score.map_or_else(|| "–".into(), score)}</td>
            {has_counterparts.then(|| view! { <td class="number">{counterparts}</td> })}
            {has_times.then(|| view! { <td class="time">{group.first.map(time::format)}</td> <td class="time">{group.last.map(time::format)}</td> })}
        </tr>
    }
}

pub fn kind_name(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Source => "Source",
        GroupKind::Destination => "Destination",
        GroupKind::Pair => "Pair",
        GroupKind::DestinationPort => "Port",
        GroupKind::Service => "Service",
        GroupKind::AttackName => "Attack name",
        GroupKind::Time => "Time",
        GroupKind::Reason => "Reason",
        GroupKind::Pattern => "Pattern",
        GroupKind::Category => "Category",
    }
}

fn counterparts_name(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Source => "Destinations",
        GroupKind::Pair => "Ports",
        _ => "Sources",
    }
}
