//! What to look at first: up to ten things worth opening, why, and what can be done about each.

use super::menu::Menu;
use crate::actions::{App, use_app};
use leptos::prelude::*;
use oddflow::groups::{GroupKind, Lead};
use std::sync::Arc;

/// Shown in full; the others stand below in brief.
const PROMINENT: usize = 3;

#[component]
pub fn Leads() -> impl IntoView {
    let state = use_app().state;
    // Only another list is drawn anew: the survey changes with every verdict.
    let leads = Memo::new(move |_| state.overview.with(|survey| survey.as_ref().map(|survey| survey.leads.clone())));
    let status = move || match leads.with(|leads| leads.as_ref().map(Vec::len)) {
        None => "Looking for what belongs together…",
        Some(0) => {
            "Nothing belongs together more than chance would have it. The records with the highest scores are below."
        }
        Some(_) => "",
    };
    view! {
        <section class="leads" aria-labelledby="leads-title" aria-busy=move || leads.with(Option::is_none).to_string()>
            <h2 id="leads-title">"What to look at first"</h2>
            <p class="hint" role="status">{status}</p>
            {move || leads.get().filter(|leads| !leads.is_empty()).map(|leads| {
                let leads: Vec<Arc<Lead>> = leads.into_iter().map(Arc::new).collect();
                let (first, others) = leads.split_at(leads.len().min(PROMINENT));
                view! {
                    <ol class="lead-cards">{first.iter().map(|lead| card(lead.clone(), false)).collect_view()}</ol>
                    {(!others.is_empty()).then(|| view! {
                        <ol class="lead-list" start=(PROMINENT + 1).to_string()>
                            {others.iter().map(|lead| card(lead.clone(), true)).collect_view()}
                        </ol>
                    })}
                }
            })}
        </section>
    }
}

fn card(lead: Arc<Lead>, brief: bool) -> impl IntoView {
    let app = use_app();
    let kinds = kinds(&lead);
    let title = lead.title.clone();
    let why = lead.why.iter().map(|words| view! { <p class="lead-why">{words.clone()} "."</p> }).collect_view();
    let query = StoredValue::new(lead.query.clone());
    let show = move |_| query.with_value(|query| app.show(query));
    let verdict = Verdict { app, query: lead.query.clone() };
    let answers = move || {
        let ignored = lead.clone();
        view! {
            <button type="button" class="button small quiet" on:click=move |_| app.ignore_lead(&ignored)>"Ignore"</button>
            <div class="lead-verdict">
                {verdict.button("True alarm", true)}
                {verdict.button("False alarm", false)}
            </div>
        }
    };
    let answers = match brief {
        true => view! { <Menu label="More" name=format!("More about {title}") class="button small quiet">{answers()}</Menu> }.into_any(),
        false => answers().into_any(),
    };
    // In brief the title itself leads there.
    let heading = match brief {
        true => {
            let name = format!("{title}: show its records");
            view! { <button type="button" class="group-button" aria-label=name on:click=show>{title.clone()}</button> }
                .into_any()
        }
        false => title.clone().into_any(),
    };
    view! {
        <li class="lead-card" class:minor=brief>
            <div class="lead-text">
                <p class="lead-kinds">{kinds.into_iter().map(|kind| view! { <span class="tag">{kind}</span> }).collect_view()}</p>
                <h3 class="lead-title">{heading}</h3>
                {why}
            </div>
            <div class="lead-actions" role="group" aria-label=format!("Actions for {title}")>
                {(!brief).then(|| view! { <button type="button" class="button small" on:click=show>"Show its records"</button> })}
                {answers}
            </div>
        </li>
    }
}

/// What was found, in a word each.
fn kinds(lead: &Lead) -> Vec<&'static str> {
    let is_of_reason = lead.group.as_ref().is_some_and(|group| group.kind == GroupKind::Reason);
    let found = [
        (lead.beacon.is_some(), "Calls like clockwork"),
        (lead.long.is_some(), "Open for long"),
        (is_of_reason, "Odd for the same reason"),
        (lead.group.is_some() && !is_of_reason, "Odd flows in common"),
    ];
    found.into_iter().filter(|(is, _)| *is).map(|(_, words)| words).collect()
}

/// What the person says about all that a query finds.
#[derive(Clone)]
struct Verdict {
    app: App,
    query: String,
}

impl Verdict {
    fn button(&self, name: &'static str, is_true: bool) -> impl IntoView + use<> {
        let Self { app, query } = self.clone();
        let said = {
            let query = query.clone();
            Memo::new(move |_| {
                app.state.verdicts.with(|verdicts| {
                    verdicts.groups.iter().find(|verdict| verdict.query == query).and_then(|verdict| verdict.is_true)
                })
            })
        };
        let click = move |_| {
            let back = said.get_untracked() == Some(is_true);
            app.judge_group(&query, (!back).then_some(is_true));
        };
        view! {
            <button type="button" class="button small quiet judge" aria-pressed=move || (said.get() == Some(is_true)).to_string() on:click=click>
                {name}
            </button>
        }
    }
}
