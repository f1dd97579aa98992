//! How far the running job is, and a way to end it.

use crate::actions::use_app;
use crate::state::{Activity, ActivityKind};
use leptos::prelude::*;
use oddflow::protocol::Stage;
use oddflow::report::{bytes, count, plural};

#[component]
pub fn Progress() -> impl IntoView {
    let app = use_app();
    let activity = app.state.activity;
    let title = Memo::new(move |_| activity.with(|activity| activity.as_ref().map(title).unwrap_or_default()));
    let detail = move || activity.with(|activity| activity.as_ref().map(detail).unwrap_or_default());
    // In thousandths; `None` while the end is not known.
    let share = Memo::new(move |_| {
        let progress = activity.with(|activity| activity.as_ref()?.progress.clone())?;
        (progress.total > 0).then(|| (progress.done.min(progress.total) as f64 / progress.total as f64 * 1000.0) as u32)
    });
    let cancelling = move || activity.with(|activity| activity.as_ref().is_some_and(|activity| activity.cancelling));
    view! {
        <section class="progress" aria-label="Progress">
            <div class="progress-text">
                <p class="progress-title" role="status">{move || title.get()}</p>
                <p class="progress-detail">{detail}</p>
            </div>
            <button type="button" class="button" disabled=cancelling on:click=move |_| app.cancel()>
                {move || if cancelling() { "Cancelling…" } else { "Cancel" }}
            </button>
            <div class="progress-track" role="progressbar" aria-label=move || title.get() aria-valuemin="0" aria-valuemax="100"
                aria-valuenow=move || share.get().map(|share| (share / 10).to_string())
                class:unknown=move || share.get().is_none()>
                <div class="progress-bar" style:transform=move || share.get().map(|share| format!("scaleX({})", f64::from(share) / 1000.0))></div>
            </div>
        </section>
    }
}

fn title(activity: &Activity) -> String {
    let name = &activity.name;
    match (activity.kind, activity.progress.as_ref().map(|progress| progress.stage)) {
        (ActivityKind::Open | ActivityKind::OpenReference, None) => format!("Opening {name}"),
        (_, Some(Stage::Reading)) => format!("Reading {name}"),
        (_, Some(Stage::Selecting)) => "Looking for the normal records".into(),
        (_, Some(Stage::Fitting)) => "Learning what is ordinary here".into(),
        (ActivityKind::Analyze, None) => format!("Preparing {name}"),
        (ActivityKind::Report, None) => "Writing the report".into(),
        (ActivityKind::Compare, _) => format!("Comparing {name}"),
        (_, Some(Stage::Surveying)) => "Looking for what belongs together".into(),
        (_, Some(Stage::Scoring)) => "Scoring every record".into(),
        (_, Some(Stage::Arranging)) => "Sorting".into(),
        (ActivityKind::Export, None) | (_, Some(Stage::Writing)) => "Writing the annotated file".into(),
    }
}

fn detail(activity: &Activity) -> String {
    let Some(progress) = &activity.progress else { return String::new() };
    let (done, total) = (progress.done, progress.total);
    match progress.stage {
        Stage::Reading if total > 0 => {
            format!("{} of {} · {}", bytes(done), bytes(total), plural(progress.rows, "row", "rows"))
        }
        Stage::Reading => format!("{} · {}", bytes(done), plural(progress.rows, "row", "rows")),
        Stage::Fitting if total > 0 => format!("Step {} of {}", count(done), count(total)),
        Stage::Fitting => String::new(),
        Stage::Selecting | Stage::Scoring | Stage::Surveying | Stage::Arranging | Stage::Writing if total > 0 => {
            format!("{} of {}", count(done), plural(total, "row", "rows"))
        }
        Stage::Selecting | Stage::Scoring | Stage::Surveying | Stage::Arranging | Stage::Writing => {
            plural(done, "row", "rows")
        }
    }
}
