//! The page and its panels, one file each. Views read signals and call actions; they compute nothing.

mod chart;
mod check;
mod compare;
mod explore;
mod file;
mod filter;
mod fit;
mod groups;
mod header;
mod kept;
mod labels;
mod lanes;
mod leads;
mod menu;
mod notices;
mod progress;
mod record;
mod records;
mod reference;
mod result;
mod save;
mod scores;
mod settings;
mod size;
mod stages;
mod start;
mod why;

use crate::actions::{App, use_app};
use crate::state::{ActivityKind, Outcome, Theme};
use gloo::timers::callback::Timeout;
use leptos::{ev, prelude::*};
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// What the main part of the page shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Screen {
    Start,
    /// A first file is being read; nothing is known of it yet.
    Opening,
    File,
}

#[component]
pub fn Page() -> impl IntoView {
    let app = App::new();
    provide_context(app);
    let dragging = RwSignal::new(false);
    hear_drops(app, dragging);
    hear_pastes(app);
    apply_theme(app.state.theme);

    let screen = Memo::new(move |_| {
        let opening = app.state.activity.with(|a| a.as_ref().is_some_and(|a| a.kind == ActivityKind::Open));
        match app.state.opened.with(Option::is_some) {
            _ if app.state.choosing.get() => Screen::Start,
            true => Screen::File,
            false if opening => Screen::Opening,
            false => Screen::Start,
        }
    });
    view! {
        <header::Header/>
        <notices::Notices/>
        <main class="main">
            {move || match screen.get() {
                Screen::Start => view! { <start::Start/> }.into_any(),
                Screen::Opening => view! { <div class="narrow"><h1 class="visually-hidden">"Oddflow"</h1><progress::Progress/></div> }.into_any(),
                Screen::File => view! { <FileScreen/> }.into_any(),
            }}
        </main>
        <footer class="footer">
            <span>"Oddflow " {env!("CARGO_PKG_VERSION")}</span>
            <span>"MIT or Apache-2.0"</span>
            <span>"Everything is computed in this tab."</span>
            <button type="button" class="link-button" on:click=move |_| app.forget_everything()>"Forget everything"</button>
        </footer>
        <div class="drop-veil" class:shown=move || dragging.get() aria-hidden="true">
            <p>"Drop it anywhere"</p>
        </div>
    }
}

/// All that is known of the open file. What stands further down follows a result a moment later, so that the headline is there at
/// once and the page is never busy for long.
#[component]
fn FileScreen() -> impl IntoView {
    let app = use_app();
    let busy = Memo::new(move |_| app.state.activity.with(Option::is_some));
    let [for_leads, for_explore, for_panel, for_records] = [1, 2, 3, 4].map(|steps| later(app.state.outcome, steps));
    let panel_is_due = Signal::derive(move || for_panel.with(Option::is_some));
    view! {
        <file::FilePanel/>
        <Show when=move || app.state.outcome.with(Option::is_none)>
            <h1 class="visually-hidden">"Oddflow"</h1>
        </Show>
        <Show when=move || busy.get()>
            <progress::Progress/>
        </Show>
        {move || app.state.outcome.get().map(|outcome| view! { <result::Outcome outcome/> }.into_any())}
        <Show when=move || for_leads.with(Option::is_some)>
            <leads::Leads/>
        </Show>
        {move || for_explore.get().map(|outcome| view! { <explore::Explore outcome is_due=panel_is_due/> }.into_any())}
        <Show when=move || for_records.with(Option::is_some)>
            <records::Records outcome=for_records/>
        </Show>
    }
}

/// Milliseconds in which the browser can paint what has come.
const STEP: u32 = 16;

/// A signal that turns true so many steps from now.
fn due_after(steps: u32) -> ReadSignal<bool> {
    let (is_due, set_due) = signal(false);
    // By then the view may be gone.
    Timeout::new(steps * STEP, move || {
        let _ = set_due.try_set(true);
    })
    .forget();
    is_due
}

/// An outcome so many steps after it has come; that it has gone, at once.
fn later(outcome: RwSignal<Option<Arc<Outcome>>>, steps: u32) -> RwSignal<Option<Arc<Outcome>>> {
    let later = RwSignal::new(None);
    Effect::new(move |_| {
        if outcome.with(Option::is_none) {
            later.set(None);
            return;
        }
        // By then the view may be gone.
        let follow = move || drop(later.try_set(outcome.get_untracked()));
        Timeout::new(steps * STEP, follow).forget();
    });
    later
}

/// A file can be dropped anywhere on the page.
fn hear_drops(app: App, dragging: RwSignal<bool>) {
    let has_files = |event: &web_sys::DragEvent| {
        event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
    };
    let over = window_event_listener(ev::dragover, move |event| {
        if has_files(&event) {
            event.prevent_default();
            dragging.set(true);
        }
    });
    let leave = window_event_listener(ev::dragleave, move |event| {
        // Leaving the window, not only one of its elements.
        if event.related_target().is_none() {
            dragging.set(false);
        }
    });
    let drop = window_event_listener(ev::drop, move |event| {
        dragging.set(false);
        if has_files(&event) {
            event.prevent_default();
            if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
                app.open_files(&files);
            }
        }
    });
    on_cleanup(move || [over, leave, drop].into_iter().for_each(|listener| listener.remove()));
}

/// Pasted text or a pasted file is opened, unless it is meant for a field.
fn hear_pastes(app: App) {
    let listener = window_event_listener(ev::paste, move |event| {
        let target = event.target();
        let in_field = target.as_ref().is_some_and(|target| {
            target.dyn_ref::<web_sys::HtmlInputElement>().is_some()
                || target.dyn_ref::<web_sys::HtmlTextAreaElement>().is_some()
        });
        let data = event.unchecked_ref::<web_sys::ClipboardEvent>().clipboard_data();
        if let Some(data) = data.filter(|_| !in_field) {
            event.prevent_default();
            match data.files().filter(|files| files.length() > 0) {
                Some(files) => app.open_files(&files),
                None => app.open_text(&data.get_data("text/plain").unwrap_or_default()),
            }
        }
    });
    on_cleanup(move || listener.remove());
}

const THEME_KEY: &str = "oddflow-theme";

/// Light or dark, kept for the next visit where the browser allows it.
fn apply_theme(theme: RwSignal<Theme>) {
    let storage = || gloo::utils::window().local_storage().ok().flatten();
    match storage().and_then(|storage| storage.get_item(THEME_KEY).ok().flatten()).as_deref() {
        Some("light") => theme.set(Theme::Light),
        Some("dark") => theme.set(Theme::Dark),
        _ => {}
    }
    Effect::new(move |_| {
        let name = match theme.get() {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        };
        if let Some(root) = gloo::utils::document().document_element() {
            let _ = match name {
                Some(name) => root.set_attribute("data-theme", name),
                None => root.remove_attribute("data-theme"),
            };
        }
        if let Some(storage) = storage() {
            let _ = match name {
                Some(name) => storage.set_item(THEME_KEY, name),
                None => storage.remove_item(THEME_KEY),
            };
        }
    });
}
