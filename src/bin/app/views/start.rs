//! The empty page: what this is, and the ways to give it a file.

use super::save::OpenSession;
use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use crate::state::Source;
use leptos::html;
use leptos::prelude::*;

/// Formats that are known by their columns.
const KNOWN: [&str; 10] = [
    "Zeek conn",
    "Suricata EVE",
    "NetFlow",
    "Argus",
    "nfdump",
    "NFStream",
    "CICFlowMeter",
    "AWS VPC",
    "NSL-KDD",
    "UNSW-NB15",
];

#[component]
pub fn Start() -> impl IntoView {
    let app = use_app();
    let input = NodeRef::<html::Input>::new();
    let pasting = RwSignal::new(false);
    let choose = move || {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else { return };
        if let Some(files) = input.files() {
            app.open_files(&files);
        }
        // The same file may be chosen again.
        input.set_value("");
    };
    let current = app.state.opened.with_untracked(|opened| opened.as_ref().map(|opened| opened.identity.name.clone()));
    view! {
        <section class="start" aria-labelledby="start-title">
            {current.map(|name| view! {
                <button type="button" class="link-button back" on:click=move |_| app.state.choosing.set(false)>
                    "← Back to " {name}
                </button>
            })}
            <h1 id="start-title"><span class="visually-hidden">"Oddflow: "</span>"Which flows are odd?"</h1>
            <p class="lead">
                "Give Oddflow a network flow log. It scores every record, shows you the odd ones first, and hands the whole file back, annotated."
            </p>
            <div class="drop-zone" on:click=move |_| choose()>
                {icon(Icon::File)}
                <p class="drop-title">"Drop a flow file here, or several that belong together"</p>
                <div class="drop-actions">
                    <button type="button" class="button primary" on:click=move |event| { event.stop_propagation(); choose(); }>
                        "Choose a file"
                    </button>
                    <button type="button" class="button" aria-expanded=move || pasting.get().to_string() on:click=move |event| {
                        event.stop_propagation();
                        pasting.update(|pasting| *pasting = !*pasting);
                    }>
                        "Paste text"
                    </button>
                </div>
                <input class="visually-hidden" type="file" aria-label="Flow file" multiple tabindex="-1" node_ref=input
                    on:click=|event| event.stop_propagation() on:change=chosen/>
            </div>
            <div class="start-session"><OpenSession/></div>
            <Show when=move || pasting.get()>
                <Paste/>
            </Show>
            <p class="privacy-line">{icon(Icon::Lock)} "Your file stays in this tab. Nothing is sent."</p>
            <div class="start-more">
                <div>
                    <h2>"No file at hand?"</h2>
                    <p>"20,000 made-up flows with a few planted anomalies."</p>
                    <button type="button" class="button" on:click=move |_| app.open(Source::Sample)>"Try the sample"</button>
                </div>
                <div>
                    <h2>"What it reads"</h2>
                    <ul class="formats" aria-label="Formats that are known by their columns">
                        {KNOWN.map(|name| view! { <li>{name}</li> }).collect_view()}
                    </ul>
                    <p>
                        "And any other table with a line per flow: comma, semicolon, tab or pipe, with or without a header, or JSON lines, also gzipped."
                    </p>
                </div>
            </div>
        </section>
    }
}

#[component]
fn Paste() -> impl IntoView {
    let app = use_app();
    let area = NodeRef::<html::Textarea>::new();
    Effect::new(move |_| {
        if let Some(area) = area.get() {
            let _ = area.focus();
        }
    });
    let submit = move |_| {
        if let Some(area) = area.get_untracked() {
            app.open_text(&area.value());
        }
    };
    view! {
        <div class="paste">
            <label for="paste-text">"Lines of a flow log"</label>
            <textarea id="paste-text" rows="7" spellcheck="false" autocomplete="off" node_ref=area></textarea>
            <button type="button" class="button primary" on:click=submit>"Analyse this text"</button>
        </div>
    }
}
