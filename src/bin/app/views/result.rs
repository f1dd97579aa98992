//! The headline of a run, and what can be done with all of it.

use super::fit::Fit;
use super::save::SaveMenu;
use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use crate::state;
use leptos::prelude::*;
use oddflow::protocol::annotated_extension;
use oddflow::report::{auc_words, count, duration, has_no_skill, plural, share};
use std::sync::Arc;

#[component]
pub fn Outcome(outcome: Arc<state::Outcome>) -> impl IntoView {
    let app = use_app();
    let analysis = &outcome.analysis;
    let n_rows = analysis.n_rows;
    let unscored = n_rows - analysis.n_scored.min(n_rows);
    let footnote = format!("{} · {}", plural(analysis.n_features.into(), "input", "inputs"), duration(outcome.elapsed));
    // What was said of the file already stands there.
    let warnings = app.state.opened.with_untracked(|opened| {
        let known = |warning: &&String| {
            opened.as_ref().is_some_and(|o| o.facts.warnings.contains(warning) || o.schema.warnings.contains(warning))
        };
        let new = analysis.warnings.iter().filter(|warning| !known(warning));
        new.map(|warning| view! { <p class="remark">{warning.clone()}</p> }).collect_view()
    });
    let roc_auc = analysis.quality.as_ref().map(|quality| quality.hybrid.roc_auc);
    let no_skill = roc_auc.filter(|&auc| has_no_skill(auc)).map(auc_words);
    let busy = move || app.state.activity.with(Option::is_some) || !app.state.engine_has_file.get();
    let state = app.state;
    // What the allow-list ignores is not called odd.
    let n_flagged = Memo::new(move |_| (state.n_flagged() as u64).saturating_sub(state.n_ignored()));
    let format = app.state.opened.with_untracked(|opened| {
        let delimiter = opened.as_ref().map_or(',', |opened| opened.facts.delimiter);
        annotated_extension(delimiter).to_ascii_uppercase()
    });
    view! {
        <section class="result" aria-labelledby="headline">
            <div class="headline">
                <div class="headline-text">
                    <h1 id="headline" aria-live="polite">
                        <strong class="odd-count">{move || count(n_flagged.get())}</strong>
                        " of " {count(n_rows)} {if n_rows == 1 { " flow " } else { " flows " }}
                        {move || if n_flagged.get() == 1 { "is odd" } else { "are odd" }}
                        " "
                        <span class="odd-share">{move || share(n_flagged.get(), n_rows)}</span>
                    </h1>
                    <p class="explanation">{analysis.explanation.clone()}</p>
                    <p class="hint">
                        {footnote}
                        {(unscored > 0).then(|| format!(
                            " · {} could not be scored and {} at the end of the table",
                            plural(unscored, "record", "records"),
                            if unscored == 1 { "stands" } else { "stand" }
                        ))}
                        {move || match state.n_ignored() {
                            0 => String::new(),
                            n => format!(" · {} ignored by your rules", plural(n, "odd record is", "odd records are")),
                        }}
                    </p>
                </div>
                <div class="headline-actions">
                    <button type="button" class="button" disabled=busy on:click=move |_| app.edit_record(None)>
                        "Check one record"
                    </button>
                    <SaveMenu/>
                    <button type="button" class="button primary" disabled=busy on:click=move |_| app.export()>
                        {icon(Icon::Download)} "Download annotated " {format}
                    </button>
                </div>
            </div>
            {no_skill.map(|words| view! { <p class="remark">"Judged by the labels: " {words}</p> })}
            {warnings}
            {analysis.wants_reference.then(|| view! {
                <button type="button" class="button remark-action" on:click=move |_| app.name_normal_records()>
                    "Name the normal records"
                </button>
            })}
            {analysis.fit.clone().map(|fit| view! { <Fit fit/> })}
        </section>
    }
}
