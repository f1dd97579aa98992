//! What the labels say about the scores: figures at the threshold on screen, curves over all thresholds, and the recall of
//! each attack.

use super::chart::LineChart;
use crate::actions::use_app;
use crate::state::Outcome;
use leptos::prelude::*;
use oddflow::evaluate::{Confusion, NameRecall};
use oddflow::protocol::{Quality, StageQuality, Survey};
use oddflow::report::{auc_words, confusion_words, count, has_no_skill, metric, plural, share, stage_confusion};
use std::sync::Arc;

#[component]
pub fn Labels(outcome: Arc<Outcome>) -> impl IntoView {
    let state = use_app().state;
    let Some(of_all) = outcome.analysis.quality.clone() else { return ().into_any() };
    // Of what is shown, as the worker says; of all records at once.
    let of_shown = |survey: &Option<Arc<Survey>>| survey.as_ref().and_then(|survey| survey.labelled.clone());
    let labelled = Memo::new(move |_| state.survey.with(of_shown));
    let quality = Memo::new(move |_| {
        labelled.with(|labelled| labelled.as_ref().map(|l| l.quality.clone())).unwrap_or_else(|| of_all.clone())
    });
    let confusion = Memo::new(move |_| match labelled.with(|labelled| labelled.as_ref().map(|l| l.confusion)) {
        Some(confusion) => confusion,
        None => outcome.ranking.confusion(state.threshold.get()).unwrap_or_default(),
    });
    let words = move || {
        quality.with(|quality| {
            let Quality { label_column, anomalies, normal, .. } = quality;
            let anomalies = plural(*anomalies, "anomaly", "anomalies");
            (label_column.clone(), format!(": {anomalies}, {} normal. It was not used to score.", count(*normal)))
        })
    };
    let scope = move || match (labelled.with(Option::is_some), state.flagged_only.get()) {
        (false, false) => "",
        (false, true) => "What is not odd counts here, too.",
        (true, false) => "Of what is shown.",
        (true, true) => "Of what is shown, and of what would be if ordinary records were, too.",
    };
    let auc = Memo::new(move |_| quality.with(|quality| quality.hybrid.roc_auc));
    let words_of = Memo::new(move |_| confusion_words(&confusion.get()));
    view! {
        <div class="panel-head">
            <h2>"Against the labels"</h2>
            <p class="hint">
                "Column " <code>{move || words().0}</code> {move || words().1} " " <span role="status">{scope}</span>
            </p>
        </div>
        <p class="verdict-words" class:no-skill=move || has_no_skill(auc.get())>{move || auc_words(auc.get())}</p>
        <div class="label-figures">
            <div>
                <h3>"At this threshold"</h3>
                <dl class="figures">
                    <div><dt>"Precision"</dt><dd>{move || words_of.get()[0].clone()}</dd></div>
                    <div><dt>"Recall"</dt><dd>{move || words_of.get()[1].clone()}</dd></div>
                    <div><dt>"F1"</dt><dd>{move || words_of.get()[2].clone()}</dd></div>
                    <div><dt>"Accuracy"</dt><dd>{move || words_of.get()[3].clone()}</dd></div>
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
            </div>
            <div>
                <h3>"Each stage, flagging as many"</h3>
                <table class="list stage-rates">
                    <caption class="visually-hidden">"Each stage, flagging as many records as the threshold does"</caption>
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
                        {move || quality.with(|quality| {
                            let rows = quality.stages().into_iter();
                            rows.map(|(name, stage)| stage_row(name, stage.clone(), confusion)).collect_view()
                        })}
                    </tbody>
                </table>
            </div>
            <Attacks/>
        </div>
        <Charts quality confusion/>
    }
    .into_any()
}

/// The charts stay where they are as their lines change, so that their tables stay unfolded.
#[component]
fn Charts(quality: Memo<Quality>, confusion: Memo<Confusion>) -> impl IntoView {
    let charts = Memo::new(move |_| quality.with(|quality| quality.charts(&confusion.get())));
    let n = Memo::new(move |_| charts.with(Vec::len));
    view! {
        <div class="line-charts">
            {move || (0..n.get()).map(|at| {
                let chart = Signal::derive(move || charts.with(|charts| charts.get(at).cloned().unwrap_or_default()));
                view! { <LineChart chart/> }
            }).collect_view()}
        </div>
    }
}

/// How many of each attack are found, where the file names attacks.
#[component]
fn Attacks() -> impl IntoView {
    let state = use_app().state;
    let rows = Memo::new(move |_| {
        let attacks = state.survey.with(|survey| survey.as_ref().map(|survey| survey.attacks.clone()));
        attacks.filter(|attacks| !attacks.is_empty())
    });
    view! {
        {move || rows.get().map(|rows| view! {
            <div>
                <h3>"Each attack"</h3>
                <div class="scroll-box short" role="region" tabindex="0" aria-label="Records found of each attack">
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col">"Name"</th>
                                <th scope="col" class="number">"Records"</th>
                                <th scope="col" class="number">"Odd"</th>
                            </tr>
                        </thead>
                        <tbody>
                            {rows.into_iter().map(|NameRecall { name, rows, flagged }| view! {
                                <tr>
                                    <th scope="row">{name}</th>
                                    <td class="number">{count(rows)}</td>
                                    <td class="number">{share(flagged, rows)}</td>
                                </tr>
                            }).collect_view()}
                        </tbody>
                    </table>
                </div>
            </div>
        })}
    }
}

fn stage_row(name: &'static str, stage: StageQuality, confusion: Memo<Confusion>) -> impl IntoView {
    let curve = Arc::new(stage.curve);
    let words = Memo::new(move |_| confusion.with(|confusion| confusion_words(&stage_confusion(&curve, confusion))));
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td class="number">{metric(stage.roc_auc)}</td>
            <td class="number">{metric(stage.pr_auc)}</td>
            <td class="number">{move || words.get()[0].clone()}</td>
            <td class="number">{move || words.get()[1].clone()}</td>
        </tr>
    }
}
