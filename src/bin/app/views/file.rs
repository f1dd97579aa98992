//! What was found out about the file: one line, and unfolded all of it, with roles and settings to change.

use super::settings::SettingsForm;
use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use leptos::prelude::*;
use oddflow::flow::{Part, Parts};
use oddflow::protocol::{ColumnSummary, Opened, kind_name};
use oddflow::report::{bytes, count, plural};
use oddflow::schema::{ColumnSpec, Role};
use std::sync::Arc;

/// A table of thousands of columns is listed in full only on demand.
const FIRST_COLUMNS: usize = 100;

#[component]
pub fn FilePanel() -> impl IntoView {
    let app = use_app();
    let is_open = app.state.file_open;
    view! {
        {move || app.state.opened.get().map(|opened| {
            let unfolded = opened.clone();
            view! {
                <section class="file" aria-label="File">
                    <div class="file-line">
                        <h2 class="file-name" title=opened.identity.name.clone()>{opened.identity.name.clone()}</h2>
                        <Brief opened=opened.clone()/>
                        <button type="button" class="button quiet" aria-expanded=move || is_open.get().to_string()
                            aria-controls="file-details" on:click=move |_| is_open.update(|open| *open = !*open)>
                            "File and settings" {icon(Icon::Down)}
                        </button>
                    </div>
                    <div id="file-details">
                        {move || is_open.get().then(|| view! { <Details opened=unfolded.clone()/> })}
                    </div>
                </section>
            }
        })}
    }
}

/// The facts that matter at a glance.
#[component]
fn Brief(opened: Arc<Opened>) -> impl IntoView {
    let facts = &opened.facts;
    let n_warnings = facts.warnings.len() + opened.schema.warnings.len();
    view! {
        <ul class="brief" aria-label="File in brief">
            <li class="brief-format">{facts.format.clone()}</li>
            <li>{plural(opened.n_rows, "row", "rows")}</li>
            <li>{plural(opened.schema.columns.len() as u64, "column", "columns")}</li>
            <li>{bytes(facts.bytes)}</li>
            {(opened.n_bad > 0).then(|| look_closer(format!("{} unreadable", count(opened.n_bad))))}
            {(n_warnings > 0).then(|| look_closer(plural(n_warnings as u64, "note", "notes")))}
        </ul>
    }
}

/// A fact with more to it, which stands unfolded below.
fn look_closer(words: String) -> impl IntoView {
    let is_open = use_app().state.file_open;
    view! {
        <li class="brief-warning">
            <button type="button" class="link-button" on:click=move |_| is_open.set(true)>{words}</button>
        </li>
    }
}

#[component]
fn Details(opened: Arc<Opened>) -> impl IntoView {
    let facts = &opened.facts;
    let encoding = match &facts.compression {
        Some(compression) => format!("{}, {compression}", facts.encoding),
        None => facts.encoding.clone(),
    };
    let pairs = [
        ("Format", facts.format.clone()),
        ("Encoding", encoding),
        ("Delimiter", delimiter_name(facts.delimiter)),
        ("Line ends", facts.line_end.clone()),
        ("Header", if facts.has_header { "yes".into() } else { "none".to_owned() }),
        ("Size", bytes(facts.bytes)),
        ("Rows", count(opened.n_rows)),
        ("Columns", count(opened.schema.columns.len() as u64)),
    ];
    let warnings = facts.warnings.iter().chain(&opened.schema.warnings).cloned().collect::<Vec<_>>();
    let bad = (!opened.bad.is_empty()).then(|| view! { <BadRecords opened=opened.clone()/> });
    view! {
        <div class="file-details">
            <div class="file-facts">
                <h3>"File"</h3>
                <dl class="facts">
                    {pairs.map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
                </dl>
                {(!warnings.is_empty()).then(|| view! {
                    <h3>"Notes"</h3>
                    <ul class="plain-list">{warnings.into_iter().map(|warning| view! { <li>{warning}</li> }).collect_view()}</ul>
                })}
                {bad}
                <h3>"What this file allows"</h3>
                <ul class="plain-list">
                    {allows(&opened).into_iter().map(|(what, lacks)| view! {
                        <li class:muted=lacks.is_some()>{what} {lacks.map(|lacks| format!(": not here, {lacks}"))}</li>
                    }).collect_view()}
                </ul>
            </div>
            <SettingsForm opened=opened.clone()/>
            <ColumnTable opened=opened.clone()/>
        </div>
    }
}

/// What can be found in a file like this, and what it lacks for the rest.
fn allows(opened: &Opened) -> Vec<(&'static str, Option<&'static str>)> {
    let parts = Parts::of(&opened.schema);
    let lacks = |part: Part| parts.column(part).is_none();
    let has_pack = opened.packs.iter().any(|pack| pack.unfit.is_none() && pack.switched_off.is_none());
    let has_role = |role: Role| opened.schema.columns.iter().any(|column| column.role == role);
    let no_ends = lacks(Part::Source) || lacks(Part::Destination);
    vec![
        ("Odd records by rarity", None),
        ("Groups by host and pair", no_ends.then_some("no source and destination address")),
        ("Hosts that call like clockwork", (no_ends || lacks(Part::Time)).then_some("it needs addresses and times")),
        ("When which host was odd", lacks(Part::Time).then_some("no time")),
        ("Likeness to known attacks", (!has_pack).then_some("no model pack was trained on this layout")),
        ("Figures against labels", (!has_role(Role::Label)).then_some("no label")),
        ("Recall of each attack", (!has_role(Role::AttackName)).then_some("no attack name")),
    ]
}

fn delimiter_name(delimiter: char) -> String {
    match delimiter {
        ',' => "comma".into(),
        ';' => "semicolon".into(),
        '\t' => "tab".into(),
        '|' => "pipe".into(),
        ' ' => "space".into(),
        other => other.to_string(),
    }
}

#[component]
fn BadRecords(opened: Arc<Opened>) -> impl IntoView {
    let more = opened.n_bad.saturating_sub(opened.bad.len() as u64);
    view! {
        <h3>"Records that could not be read"</h3>
        <p class="hint">"They are kept, shown and exported, but not scored."</p>
        <div class="scroll-box short" role="region" tabindex="0" aria-label="Records that could not be read">
            <table class="list">
                <thead><tr><th scope="col" class="number">"Record"</th><th scope="col" class="number">"Line"</th><th scope="col">"Cause"</th></tr></thead>
                <tbody>
                    {opened.bad.iter().map(|bad| view! {
                        <tr>
                            <td class="number">{count(u64::from(bad.row) + 1)}</td>
                            <td class="number">{count(bad.line)}</td>
                            <td>{bad.cause.clone()}</td>
                        </tr>
                    }).collect_view()}
                </tbody>
            </table>
        </div>
        {(more > 0).then(|| view! { <p class="hint">"and " {plural(more, "more record", "more records")}</p> })}
    }
}

#[component]
fn ColumnTable(opened: Arc<Opened>) -> impl IntoView {
    let n = opened.schema.columns.len();
    let shown = RwSignal::new(n.min(FIRST_COLUMNS));
    let rows = move || {
        let columns = opened.schema.columns.iter().zip(&opened.summaries).enumerate().take(shown.get());
        columns.map(|(index, (spec, summary))| column_row(index, spec, summary, opened.n_rows)).collect_view()
    };
    view! {
        <div class="file-columns">
            <h3>"Columns"</h3>
            <div class="scroll-box" role="region" tabindex="0" aria-label="Columns">
                <table class="list columns">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Role"</th>
                            <th scope="col">"Kind"</th>
                            <th scope="col" class="number">"Missing"</th>
                            <th scope="col">"Values"</th>
                            <th scope="col">"Why"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <Show when=move || shown.get() < n>
                <button type="button" class="button" on:click=move |_| shown.set(n)>
                    "Show all " {plural(n as u64, "column", "columns")}
                </button>
            </Show>
        </div>
    }
}

fn column_row(index: usize, spec: &ColumnSpec, summary: &ColumnSummary, n_rows: u64) -> impl IntoView + use<> {
    let app = use_app();
    let draft = app.state.draft;
    let role = Memo::new(move |_| draft.with(|draft| draft.roles.get(index).copied().unwrap_or(Role::Ignored)));
    let select = move |event| {
        let chosen = event_target_value(&event);
        if let Some((role, ..)) = ROLES.into_iter().find(|(_, value, _)| *value == chosen) {
            draft.update(|draft| draft.set_role(index, role));
        }
    };
    let options = ROLES.map(|(option, value, name)| {
        view! { <option value=value selected=move || role.get() == option>{name}</option> }
    });
    let unit = spec.unit.clone().map(|unit| view! { <span class="unit">{unit}</span> });
    let missing = match summary.missing {
        0 => String::new(),
        all if all == n_rows => "all".into(),
        some => count(some),
    };
    view! {
        <tr class:muted=move || role.get() == Role::Ignored>
            <th scope="row">{spec.name.clone()} {unit}</th>
            <td>
                <select class="select small" aria-label=format!("Role of {}", spec.name) on:change=select
                    disabled=move || app.state.activity.with(Option::is_some)
                    prop:value=move || ROLES.into_iter().find(|(option, ..)| *option == role.get()).map(|(_, value, _)| value)>
                    {options.collect_view()}
                </select>
            </td>
            <td>{kind_name(spec.kind)}</td>
            <td class="number">{missing}</td>
            <td class="examples">{summary.examples.iter().map(|example| view! { <code>{example.clone()}</code> }).collect_view()}</td>
            <td class="why">{spec.why.clone()}</td>
        </tr>
    }
}

const ROLES: [(Role, &str, &str); 4] = [
    (Role::Feature, "feature", "feature"),
    (Role::Label, "label", "label"),
    (Role::AttackName, "attack-name", "attack name"),
    (Role::Ignored, "ignored", "not used"),
];

/// How the page names a role.
pub fn role_name(role: Role) -> &'static str {
    ROLES.into_iter().find(|(option, ..)| *option == role).map_or("", |(.., name)| name)
}
