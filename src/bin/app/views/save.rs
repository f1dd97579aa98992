//! What can be taken away: a report, the session, a link to the settings.

use super::menu::Menu;
use crate::actions::use_app;
use leptos::html;
use leptos::prelude::*;
use oddflow::protocol::ReportFormat;

#[component]
pub fn SaveMenu() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let busy = Signal::derive(move || state.activity.with(Option::is_some) || !state.engine_has_file.get());
    let linked = RwSignal::new(None::<String>);
    view! {
        <Menu label="Report and session" disabled=busy>
            <button type="button" on:click=move |_| app.report(ReportFormat::Html)>
                "Report to read and print" <span class="hint">"one HTML file, no script, no request"</span>
            </button>
            <button type="button" on:click=move |_| app.report(ReportFormat::Json)>
                "Report for programs" <span class="hint">"JSON of the same"</span>
            </button>
            <hr/>
            <button type="button" on:click=move |_| app.save_session()>
                "Save session" <span class="hint">"settings, rules and verdicts; not the data"</span>
            </button>
            <OpenSession/>
            <button type="button" on:click=move |_| linked.set(Some(app.link()))>
                "Link to these settings" <span class="hint">"the part after # is sent to no server"</span>
            </button>
            {move || linked.get().map(|link| view! {
                <input class="input" type="text" readonly aria-label="Link" prop:value=link on:focus=move |event| {
                    let input: web_sys::HtmlInputElement = event_target(&event);
                    input.select();
                }/>
            })}
        </Menu>
    }
}

/// A button that reads a session file.
#[component]
pub fn OpenSession() -> impl IntoView {
    let app = use_app();
    let input = NodeRef::<html::Input>::new();
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else { return };
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            app.open_session(file);
        }
        // The same file may be chosen again.
        input.set_value("");
    };
    view! {
        <button type="button" class="link-button" on:click=move |_| if let Some(input) = input.get_untracked() { input.click() }>
            "Open a session" <span class="hint">"go on where it was saved"</span>
        </button>
        <input class="visually-hidden" type="file" accept=".json,application/json" aria-label="Session file" tabindex="-1" node_ref=input
            on:change=chosen/>
    }
}
