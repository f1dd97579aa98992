//! The head of the page: mark, new file, privacy, theme.

use crate::actions::use_app;
use crate::draw::icons::{Icon, icon, mark};
use crate::state::Theme;
use leptos::prelude::*;

#[component]
pub fn Header() -> impl IntoView {
    let app = use_app();
    let theme = app.state.theme;
    let next_theme = move |_| {
        theme.update(|theme| {
            *theme = match theme {
                Theme::System => Theme::Light,
                Theme::Light => Theme::Dark,
                Theme::Dark => Theme::System,
            }
        });
    };
    let theme_name = move || match theme.get() {
        Theme::System => "Theme: as the system",
        Theme::Light => "Theme: light",
        Theme::Dark => "Theme: dark",
    };
    view! {
        <header class="header">
            <div class="brand">{mark()}<span class="wordmark">"oddflow"</span></div>
            <Show when=move || app.state.opened.with(Option::is_some)>
                <p class="privacy-note">{icon(Icon::Lock)} "Your file stays in this tab"</p>
            </Show>
            <div class="header-actions">
                <Show when=move || app.state.opened.with(Option::is_some) && !app.state.choosing.get()>
                    <button type="button" class="button" on:click=move |_| app.state.choosing.set(true)>
                        "New file"
                    </button>
                </Show>
                <button type="button" class="icon-button" title=theme_name aria-label=theme_name on:click=next_theme>
                    {move || match theme.get() {
                        Theme::System => icon(Icon::System),
                        Theme::Light => icon(Icon::Sun),
                        Theme::Dark => icon(Icon::Moon),
                    }}
                </button>
            </div>
        </header>
    }
}
