//! Which records the forest is fitted to: all of the file, or those that a person names as normal.

use crate::actions::{FIT_FIELD, use_app};
use leptos::html;
use leptos::prelude::*;
use oddflow::protocol::{Opened, Reference};
use oddflow::report::plural;
use oddflow::schema::Role;
use std::sync::Arc;

#[component]
pub fn ReferenceField(opened: Arc<Opened>) -> impl IntoView {
    let app = use_app();
    let draft = app.state.draft;
    let kind = Memo::new(move |_| draft.with(|draft| kind_of(&draft.settings.reference)));
    let choose = move |event| {
        let reference = match event_target_value(&event).as_str() {
            "label" => Reference::Label,
            "filter" => Reference::Filter(String::new()),
            "time" => Reference::Time { from: String::new(), to: String::new() },
            "file" => Reference::File,
            _ => Reference::All,
        };
        draft.update(|draft| draft.settings.set_reference(reference));
    };
    // What is chosen stays on offer, also when its column has lost its role.
    let has_label = move || kind.get() == "label" || draft.with(|draft| draft.roles.contains(&Role::Label));
    let time_column = opened.schema.time_column();
    let times = time_column.map(|at| {
        let (name, summary) = (&opened.schema.columns[at].name, &opened.summaries[at]);
        let example = summary.examples.first().cloned().unwrap_or_default();
        format!("As in column {name}, such as {example}, or a date like 2024-04-19 08:30. One of the two may be blank.")
    });
    view! {
        <div class="field wide">
            <label for=FIT_FIELD>"Fit to"</label>
            <select id=FIT_FIELD class="select" on:change=choose prop:value=move || kind.get()>
                <option value="all">"All records"</option>
                <option value="label" hidden=move || !has_label() disabled=move || !has_label()>"Records labelled normal"</option>
                <option value="filter">"Records containing a text"</option>
                {time_column.map(|_| view! { <option value="time">"A time window"</option> })}
                <option value="file">"Another file"</option>
            </select>
            <p class="hint">{move || hint(kind.get())}</p>
        </div>
        {move || match kind.get() {
            "filter" => view! { <FilterField/> }.into_any(),
            "time" => view! { <TimeFields hint=times.clone().unwrap_or_default()/> }.into_any(),
            "file" => view! { <FileField/> }.into_any(),
            _ => ().into_any(),
        }}
    }
}

fn kind_of(reference: &Reference) -> &'static str {
    match reference {
        Reference::All => "all",
        Reference::Label => "label",
        Reference::Filter(_) => "filter",
        Reference::Time { .. } => "time",
        Reference::File => "file",
    }
}

fn hint(kind: &str) -> &'static str {
    match kind {
        "all" => "What is rare in the file is odd. If attacks are most of it, name the records that are normal.",
        _ => "What is unlike these records is odd. They should be normal, and many.",
    }
}

#[component]
fn FilterField() -> impl IntoView {
    let draft = use_app().state.draft;
    let text = move || {
        draft.with(|draft| match &draft.settings.reference {
            Reference::Filter(text) => text.clone(),
            _ => String::new(),
        })
    };
    let set =
        move |event| draft.update(|draft| draft.settings.reference = Reference::Filter(event_target_value(&event)));
    view! {
        <div class="field wide">
            <label for="normal-text">"Text of normal records, whatever the case"</label>
            <input id="normal-text" class="input" type="text" autocomplete="off" spellcheck="false" prop:value=text on:input=set/>
        </div>
    }
}

#[component]
fn TimeFields(hint: String) -> impl IntoView {
    let draft = use_app().state.draft;
    let end = move |is_from: bool| {
        draft.with(|draft| match &draft.settings.reference {
            Reference::Time { from, to } => if is_from { from } else { to }.clone(),
            _ => String::new(),
        })
    };
    let set = move |is_from: bool, text: String| {
        draft.update(|draft| {
            if let Reference::Time { from, to } = &mut draft.settings.reference {
                *if is_from { from } else { to } = text;
            }
        });
    };
    view! {
        <div class="wide pair">
            <div class="field">
                <label for="normal-from">"From"</label>
                <input id="normal-from" class="input" type="text" autocomplete="off" spellcheck="false" aria-describedby="normal-times"
                    prop:value=move || end(true) on:input=move |event| set(true, event_target_value(&event))/>
            </div>
            <div class="field">
                <label for="normal-to">"To"</label>
                <input id="normal-to" class="input" type="text" autocomplete="off" spellcheck="false" aria-describedby="normal-times"
                    prop:value=move || end(false) on:input=move |event| set(false, event_target_value(&event))/>
            </div>
            <p id="normal-times" class="hint wide">{hint}</p>
        </div>
    }
}

#[component]
fn FileField() -> impl IntoView {
    let app = use_app();
    let reference = app.state.reference;
    let input = NodeRef::<html::Input>::new();
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else { return };
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            app.open_reference(file);
        }
        // The same file may be chosen again.
        input.set_value("");
    };
    let choose = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let what = move || {
        reference.with(|reference| match reference {
            Some(file) => {
                let rows = file.rows.map(|rows| format!(", {}", plural(rows, "row", "rows"))).unwrap_or_default();
                format!("{}{rows}. It stays for the next files as well, until you choose another.", file.name)
            }
            None => "A file of normal records with the same columns, such as a quiet day.".into(),
        })
    };
    view! {
        <div class="wide reference-file">
            <button type="button" class="button" on:click=choose>
                {move || if reference.with(Option::is_some) { "Choose another file" } else { "Choose the file" }}
            </button>
            <input class="visually-hidden" type="file" aria-label="File of normal records" tabindex="-1" node_ref=input
                on:change=chosen/>
            <p class="hint" role="status">{what}</p>
        </div>
    }
}
