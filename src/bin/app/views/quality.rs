//! What the labels say about the scores, at the threshold on screen.

use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use crate::state::Outcome;
use leptos::prelude::*;
use oddflow::evaluate::Confusion;
use oddflow::protocol::StageQuality;
use oddflow::report::{auc_words, count, has_no_skill, metric, plural, stage_rates};
use std::sync::Arc;

#[component]
pub fn QualityPanel() -> impl IntoView {
    let state = use_app().state;
    view! {
        <aside class="side quality" aria-labelledby="quality-title">
            <div class="side-head">
                <h2 id="quality-title">"Against the labels"</h2>
                <button type="button" class="icon-button" aria-label="Close labels" on:click=move |_| state.quality_open.set(false)>
                    {icon(Icon::Close)}
                </button>
            </div>
            {move || state.outcome.get().map(|outcome| view! { <Quality outcome/> })}
        </aside>
    }
}

#[component]
fn Quality(outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let Some(quality) = outcome.analysis.quality.clone() else { return ().into_any() };
    let confusion = {
        let outcome = outcome.clone();
        Memo::new(move |_| outcome.ranking.confusion(app.state.threshold.get()).unwrap_or_default())
    };
    let mut stages = vec![("Forest", quality.forest.clone())];
    if let Some(dnn) = quality.dnn.clone() {
        stages.push(("Network", dnn));
        stages.push(("Hybrid", quality.hybrid.clone()));
    }
    let several = stages.len() > 1;
    view! {
        <p class="verdict-words" class:no-skill=has_no_skill(quality.hybrid.roc_auc)>{auc_words(quality.hybrid.roc_auc)}</p>
            <dl class="figures">
                <div><dt>"Precision"</dt><dd>{move || metric(confusion.get().precision())}</dd></div>
                <div><dt>"Recall"</dt><dd>{move || metric(confusion.get().recall())}</dd></div>
                <div><dt>"F1"</dt><dd>{move || metric(confusion.get().f1())}</dd></div>
                <div><dt>"Accuracy"</dt><dd>{move || metric(confusion.get().accuracy())}</dd></div>
            </dl>
            <table class="list confusion">
                <caption class="visually-hidden">"Confusion matrix at this threshold"</caption>
                <thead>
                    <tr><td></td><th scope="col" class="number">"Odd"</th><th scope="col" class="number">"Ordinary"</th></tr>
                </thead>
                <tbody>
                    <tr>
                        <th scope="row">"Labelled anomaly"</th>
                        <td class="number right-call">{move || count(confusion.get().true_positives)}</td>
                        <td class="number">{move || count(confusion.get().false_negatives)}</td>
                    </tr>
                    <tr>
                        <th scope="row">"Labelled normal"</th>
                        <td class="number">{move || count(confusion.get().false_positives)}</td>
                        <td class="number right-call">{move || count(confusion.get().true_negatives)}</td>
                    </tr>
                </tbody>
            </table>
            <table class="list stages">
                <caption class=if several { "hint" } else { "visually-hidden" }>
                    "Each stage, flagging as many records as the threshold does"
                </caption>
                <thead>
                    <tr>
                        <th scope="col">"Stage"</th>
                        <th scope="col" class="number">"ROC AUC"</th>
                        <th scope="col" class="number">"PR AUC"</th>
                        <th scope="col" class="number">"Precision"</th>
                        <th scope="col" class="number">"Recall"</th>
                    </tr>
                </thead>
                <tbody>
                    {stages.into_iter().map(|(name, stage)| stage_row(name, stage, confusion)).collect_view()}
                </tbody>
            </table>
        <p class="hint">
            "Column " <code>{quality.label_column.clone()}</code> ": "
            {plural(quality.anomalies, "anomaly", "anomalies")} ", " {count(quality.normal)} " normal. It was not used to score."
        </p>
    }
    .into_any()
}

fn stage_row(name: &'static str, stage: StageQuality, confusion: Memo<Confusion>) -> impl IntoView {
    let curve = Arc::new(stage.curve);
    let rates = Memo::new(move |_| confusion.with(|confusion| stage_rates(&curve, confusion)));
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td class="number">{metric(stage.roc_auc)}</td>
            <td class="number">{metric(stage.pr_auc)}</td>
            <td class="number">{move || metric(rates.get().0)}</td>
            <td class="number">{move || metric(rates.get().1)}</td>
        </tr>
    }
}
