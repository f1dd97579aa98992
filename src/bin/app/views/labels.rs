//! What the labels say about the scores: figures at the threshold on screen, curves over all thresholds, and the recall of
//! each attack.

use super::chart::LineChart;
use crate::actions::use_app;
use crate::state::Outcome;
use leptos::prelude::*;
use oddflow::evaluate::{Confusion, Curve};
use oddflow::groups::GroupKind;
use oddflow::protocol::{Quality, StageQuality};
use oddflow::report::{
    Chart, auc_words, count, has_no_skill, metric, plural, pr_chart, reliability_chart, roc_chart, share, stage_rates,
};
use std::sync::Arc;

#[component]
pub fn Labels(outcome: Arc<Outcome>) -> impl IntoView {
    let app = use_app();
    let Some(quality) = outcome.analysis.quality.clone() else { return ().into_any() };
    let quality = Arc::new(quality);
    let confusion = {
        let outcome = outcome.clone();
        Memo::new(move |_| outcome.ranking.confusion(app.state.threshold.get()).unwrap_or_default())
    };
    let charts = [pr_chart, roc_chart].map(|draw| {
        let quality = quality.clone();
        Signal::derive(move || {
            let curves = curves(&quality);
            draw(&curves, quality.anomalies, quality.normal, Some(&confusion.get()))
        })
    });
    let reliability = outcome.analysis.reliability.clone().map(|reliability| {
        let chart: Chart = reliability_chart("Network", &reliability);
        view! { <LineChart chart=Signal::stored(chart)/> }
    });
    let stages = stages(&quality);
    view! {
        <div class="panel-head">
            <h2>"Against the labels"</h2>
            <p class="hint">
                "Column " <code>{quality.label_column.clone()}</code> ": "
                {plural(quality.anomalies, "anomaly", "anomalies")} ", " {count(quality.normal)} " normal. It was not used to score."
            </p>
        </div>
        {move || app.state.is_narrowed().then(|| view! {
            <p class="hint">"Figures and curves are those of all records, whatever is filtered."</p>
        })}
        <p class="verdict-words" class:no-skill=has_no_skill(quality.hybrid.roc_auc)>{auc_words(quality.hybrid.roc_auc)}</p>
        <div class="label-figures">
            <div>
                <h3>"At this threshold"</h3>
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
                        {stages.into_iter().map(|(name, stage)| stage_row(name, stage.clone(), confusion)).collect_view()}
                    </tbody>
                </table>
            </div>
            <Attacks/>
        </div>
        <div class="line-charts">
            {charts.into_iter().map(|chart| view! { <LineChart chart/> }).collect_view()}
            {reliability}
        </div>
    }
    .into_any()
}

fn stages(quality: &Quality) -> Vec<(&'static str, &StageQuality)> {
    match &quality.dnn {
        Some(dnn) => vec![("Hybrid", &quality.hybrid), ("Forest", &quality.forest), ("Network", dnn)],
        None => vec![("Forest", &quality.forest)],
    }
}

fn curves(quality: &Quality) -> Vec<(&str, &Curve)> {
    stages(quality).into_iter().map(|(name, stage)| (name, &stage.curve)).collect()
}

/// How many of each attack are found, where the file names attacks.
#[component]
fn Attacks() -> impl IntoView {
    let state = use_app().state;
    let rows = Memo::new(move |_| {
        state.overview.with(|survey| {
            let list = survey.as_ref()?.groups.iter().find(|list| list.kind == GroupKind::AttackName)?;
            let of = |group: &oddflow::groups::Group| (group.label.clone(), group.flagged, group.rows);
            Some(list.groups.iter().map(of).collect::<Vec<_>>()).filter(|rows| !rows.is_empty())
        })
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
                            {rows.into_iter().map(|(name, flagged, rows)| view! {
                                <tr>
                                    <th scope="row">{name}</th>
                                    <td class="number">{count(rows.into())}</td>
                                    <td class="number">{share(flagged.into(), rows.into())}</td>
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
