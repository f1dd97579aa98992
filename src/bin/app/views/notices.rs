//! What went wrong or should be known: what, where and what to do. Shown above everything, in nobody's way.

use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use crate::state::{Notice, Remedy, Source, Tone};
use leptos::prelude::*;

#[component]
pub fn Notices() -> impl IntoView {
    let app = use_app();
    view! {
        // One region for each tone, there from the start, so that what comes into it is read out.
        <div class="notices" role="alert" aria-label="Problems">
            <For each=move || of_tone(app.state.notices.get(), Tone::Problem) key=|notice| notice.id let:notice>
                <Banner notice/>
            </For>
        </div>
        <div class="notices" role="status" aria-label="Messages">
            <For each=move || of_tone(app.state.notices.get(), Tone::Info) key=|notice| notice.id let:notice>
                <Banner notice/>
            </For>
        </div>
    }
}

fn of_tone(notices: Vec<Notice>, tone: Tone) -> Vec<Notice> {
    notices.into_iter().filter(|notice| notice.tone == tone).collect()
}

#[component]
fn Banner(notice: Notice) -> impl IntoView {
    let app = use_app();
    let Notice { id, tone, error, remedy } = notice;
    let remedy = remedy.map(|remedy| match remedy {
        Remedy::Reload => {
            let reload = |_| {
                let _ = gloo::utils::window().location().reload();
            };
            view! { <button type="button" class="button" on:click=reload>"Reload"</button> }.into_any()
        }
        Remedy::OpenAgain => {
            let name = app.state.source.with_untracked(|source| source.as_ref().map(|s| s.name().to_owned()));
            let label = format!("Open {} again", name.as_deref().unwrap_or(Source::SAMPLE_NAME));
            view! { <button type="button" class="button" on:click=move |_| app.open_again()>{label}</button> }
                .into_any()
        }
    });
    view! {
        <div class="notice" class:problem=tone == Tone::Problem>
            {icon(Icon::Warning)}
            <div class="notice-text">
                <p class="notice-what">
                    {error.what}
                    {error.place.map(|place| view! { <span class="notice-place">" (" {place.to_string()} ")"</span> })}
                    "."
                </p>
                {error.advice.map(|advice| view! { <p class="notice-advice">{advice} "."</p> })}
            </div>
            {remedy}
            <button type="button" class="icon-button" aria-label="Dismiss" on:click=move |_| app.dismiss(id)>
                {icon(Icon::Close)}
            </button>
        </div>
    }
}
