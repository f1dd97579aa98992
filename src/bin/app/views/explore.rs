//! The exploration: panels on one and the same set of records, of which one is open at a time.

use super::{compare, groups, kept, labels, lanes, scores, stages};
use crate::actions::use_app;
use crate::state::{Outcome, View};
use leptos::prelude::*;
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// The panel itself is drawn when it `is_due`, after the tabs: both at once take long where the browser has yet to compile what draws.
#[component]
pub fn Explore(outcome: Arc<Outcome>, is_due: Signal<bool>) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let (has_network, has_labels) = (outcome.has_network, outcome.analysis.quality.is_some());
    let has_times = outcome.analysis.schema.time_column().is_some();
    let views: Vec<View> = View::ALL
        .into_iter()
        .filter(|view| match view {
            View::Time => has_times,
            View::Stages => has_network,
            View::Labels => has_labels,
            View::Scores | View::Groups | View::Kept | View::Compare => true,
        })
        .collect();
    let views = StoredValue::new(views);
    // A link may ask for a panel that this file has nothing for.
    let open = Memo::new(move |_| {
        Some(state.view.get()).filter(|view| views.with_value(|v| v.contains(view))).unwrap_or_default()
    });
    let outcome = StoredValue::new(outcome);
    let keys = move |event: web_sys::KeyboardEvent| {
        let n = views.with_value(Vec::len);
        let here = views.with_value(|views| views.iter().position(|view| *view == open.get_untracked())).unwrap_or(0);
        let to = match event.key().as_str() {
            "ArrowRight" => (here + 1) % n,
            "ArrowLeft" => (here + n - 1) % n,
            "Home" => 0,
            "End" => n - 1,
            _ => return,
        };
        event.prevent_default();
        let view = views.with_value(|views| views[to]);
        app.go_to(view);
        let tab = gloo::utils::document().get_element_by_id(&tab_id(view));
        if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = tab.focus();
        }
    };
    let kept =
        move || state.allow_list.with(|l| l.rules.len()) + state.verdicts.with(|v| v.rows.len() + v.groups.len());
    view! {
        <section class="explore" aria-label="Explore">
            <div class="tabs" role="tablist" aria-label="Panels" on:keydown=keys>
                {views.with_value(|views| views.iter().map(|&view| view! {
                    <button type="button" role="tab" id=tab_id(view) aria-selected=move || (open.get() == view).to_string()
                        aria-controls="explore-panel" tabindex=move || if open.get() == view { "0" } else { "-1" }
                        on:click=move |_| app.go_to(view)>
                        {name(view)}
                        {move || (view == View::Kept && kept() > 0).then(|| view! { <span class="badge">{kept()}</span> })}
                    </button>
                }).collect_view())}
            </div>
            <div id="explore-panel" class="panel" role="tabpanel" aria-labelledby=move || tab_id(open.get())
                aria-busy=move || (state.surveying.get() || state.comparing.get()).to_string()>
                {move || is_due.get().then(|| {
                    let outcome = outcome.get_value();
                    match open.get() {
                        View::Scores => view! { <scores::Scores outcome/> }.into_any(),
                        View::Groups => view! { <groups::Groups/> }.into_any(),
                        View::Time => view! { <lanes::LanesPanel/> }.into_any(),
                        View::Stages => view! { <stages::StagesPanel/> }.into_any(),
                        View::Labels => view! { <labels::Labels outcome/> }.into_any(),
                        View::Kept => view! { <kept::Kept/> }.into_any(),
                        View::Compare => view! { <compare::Compare/> }.into_any(),
                    }
                })}
            </div>
        </section>
    }
}

fn tab_id(view: View) -> String {
    format!("tab-{}", if view == View::Scores { "scores" } else { view.key() })
}

fn name(view: View) -> &'static str {
    match view {
        View::Scores => "Threshold",
        View::Groups => "Groups",
        View::Time => "Over time",
        View::Stages => "Both stages",
        View::Labels => "Against the labels",
        View::Kept => "Ignored and judged",
        View::Compare => "Compare",
    }
}
