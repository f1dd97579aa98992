//! The filter box: the filter language with completion, a plain error below it, and a chip for all that narrows what is shown.

use crate::actions::use_app;
use crate::draw::icons::{Icon, icon};
use gloo::timers::callback::Timeout;
use leptos::{html, prelude::*};
use oddflow::query::{Completion, QueryError, complete, parse, without};
use oddflow::report::{count, plural};
use wasm_bindgen::JsCast;

/// Milliseconds without typing before the worker filters.
const TYPE_PAUSE: u32 = 250;
const INPUT: &str = "filter";

#[component]
pub fn FilterBox() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let input = NodeRef::<html::Input>::new();
    let pause = StoredValue::new_local(None::<Timeout>);
    let error = RwSignal::new(None::<QueryError>);
    let offers = RwSignal::new(Vec::<Completion>::new());
    // The offer that the arrow keys are at.
    let at = RwSignal::new(None::<usize>);
    let open = Memo::new(move |_| offers.with(|offers| !offers.is_empty()));

    let check = move |text: &str| {
        let wrong = state.outcome.with_untracked(|o| o.as_ref().and_then(|o| parse(text, &o.analysis.schema).err()));
        error.set(wrong.clone());
        wrong.is_none()
    };
    // What is set elsewhere, as by a lead, is sound; what was wrong with the text before is forgotten.
    Effect::new(move |_| {
        state.filter.track();
        error.set(None);
    });
    let apply = move |text: String| {
        if check(&text) {
            state.filter.set(text);
        }
    };
    let offer = move |text: &str, cursor: usize| {
        let found = state.outcome.with_untracked(|outcome| {
            let analysis = &outcome.as_ref()?.analysis;
            Some(complete(text, cursor, &analysis.schema, Some(&analysis.background)))
        });
        offers.set(found.unwrap_or_default());
        at.set(None);
    };
    let typed = move |_| {
        let Some(node) = input.get_untracked() else { return };
        let text = node.value();
        offer(&text, cursor_of(&node));
        pause.set_value(Some(Timeout::new(TYPE_PAUSE, move || apply(text))));
    };
    let take = move |place: usize| {
        let Some(node) = input.get_untracked() else { return };
        let Some(replacement) = offers.with_untracked(|offers| offers.get(place).cloned()) else { return };
        let text: Vec<char> = node.value().chars().collect();
        let (before, after) = (&text[..replacement.start.min(text.len())], &text[replacement.end.min(text.len())..]);
        let taken: String = before.iter().chain(&replacement.text.chars().collect::<Vec<_>>()).chain(after).collect();
        let cursor = replacement.start + replacement.text.chars().count();
        node.set_value(&taken);
        let cursor16 = taken.chars().take(cursor).map(char::len_utf16).sum::<usize>() as u32;
        let _ = node.set_selection_range(cursor16, cursor16);
        let _ = node.focus();
        offers.set(Vec::new());
        at.set(None);
        // A name goes on with its values.
        if replacement.text.ends_with(':') {
            offer(&taken, cursor);
        } else {
            pause.set_value(None);
            apply(taken);
        }
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        let n = offers.with_untracked(Vec::len);
        match event.key().as_str() {
            // All that can be asked for, before anything is typed.
            "ArrowDown" if n == 0 => {
                if let Some(node) = input.get_untracked() {
                    offer(&node.value(), cursor_of(&node));
                }
            }
            "ArrowDown" => at.update(|at| *at = Some(at.map_or(0, |at| (at + 1) % n))),
            "ArrowUp" if n > 0 => at.update(|at| *at = Some(at.map_or(n - 1, |at| (at + n - 1) % n))),
            // Tab goes on to the next field unless something was chosen.
            "Tab" if at.get_untracked().is_some() => take(at.get_untracked().unwrap_or(0)),
            "Enter" => match at.get_untracked() {
                Some(place) => take(place),
                None => {
                    offers.set(Vec::new());
                    pause.set_value(None);
                    if let Some(node) = input.get_untracked() {
                        apply(node.value());
                    }
                }
            },
            "Escape" if n > 0 => {
                offers.set(Vec::new());
                at.set(None);
            }
            _ => return,
        }
        event.prevent_default();
    };
    let disabled = move || !state.engine_has_file.get();
    view! {
        <div class="filter">
            <input id=INPUT class="input" type="search" role="combobox" placeholder="Filter: src:10.0.0.0/8 dport:443 -proto:udp, or a text"
                aria-label="Filter records" aria-autocomplete="list" aria-expanded=move || open.get().to_string() aria-controls="filter-offers"
                aria-activedescendant=move || at.get().map(offer_id) aria-invalid=move || error.with(Option::is_some).to_string()
                aria-describedby="filter-error" autocomplete="off" spellcheck="false" autocapitalize="off" node_ref=input
                prop:value=move || state.filter.get() on:input=typed on:keydown=keys disabled=disabled
                on:blur=move |_| { offers.set(Vec::new()); at.set(None); }/>
            <ul id="filter-offers" class="offers" role="listbox" aria-label="Completions" hidden=move || !open.get()>
                {move || offers.get().into_iter().enumerate().map(|(place, offer)| view! {
                    <li role="option" id=offer_id(place) aria-selected=move || (at.get() == Some(place)).to_string()
                        // Before the field loses the focus.
                        on:pointerdown=move |event| { event.prevent_default(); take(place); }>
                        <span class="offer-text">{offer.text}</span>
                        <span class="offer-detail">{offer.detail}</span>
                    </li>
                }).collect_view()}
            </ul>
            <p id="filter-error" class="filter-error" role="alert">
                {move || error.get().map(|error| {
                    let advice = error.advice.clone().map(|advice| format!(": {advice}"));
                    format!("There is an {} at character {}{}.", error.what, error.start + 1, advice.unwrap_or_default())
                })}
            </p>
        </div>
    }
}

fn offer_id(place: usize) -> String {
    format!("filter-offer-{place}")
}

/// The cursor's place in characters.
fn cursor_of(input: &web_sys::HtmlInputElement) -> usize {
    let units = input.selection_start().ok().flatten().unwrap_or(u32::MAX) as usize;
    let mut seen = 0;
    input
        .value()
        .chars()
        .take_while(|c| {
            seen += c.len_utf16();
            seen <= units
        })
        .count()
}

/// What narrows the records that are shown, each with a way to take it off.
#[component]
pub fn Chips() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    // The terms of the filter, with their places in characters.
    let terms = move || {
        let text = state.filter.get();
        let parsed = state.outcome.with(|o| o.as_ref().and_then(|o| parse(&text, &o.analysis.schema).ok()));
        let chars: Vec<char> = text.chars().collect();
        let terms = parsed.map(|query| query.terms).unwrap_or_default().into_iter();
        let terms = terms.map(|term| {
            (chars.get(term.start..term.end).unwrap_or_default().iter().collect::<String>(), term.start, term.end)
        });
        terms.collect::<Vec<_>>()
    };
    let drop_term = move |start: usize, end: usize| {
        state.filter.update(|filter| *filter = without(filter, start, end));
        focus_filter();
    };
    let ignored = move || state.n_ignored();
    let any = Memo::new(move |_| state.is_narrowed());
    view! {
        <ul class="chips" aria-label="What is shown">
            {move || terms().into_iter().map(|(text, start, end)| chip(text, move || drop_term(start, end))).collect_view()}
            {move || state.brush.get().is_some().then(|| chip("part of both stages".into(), move || { state.brush.set(None); focus_filter(); }))}
            {move || state.flagged_only.get().then(|| chip("odd only".into(), move || { state.flagged_only.set(false); focus_filter(); }))}
            {move || (ignored() > 0).then(|| view! {
                <li>
                    <label class="chip toggle">
                        <input type="checkbox" prop:checked=move || state.shows_allowed.get()
                            on:change=move |event| state.shows_allowed.set(event_target_checked(&event))/>
                        {move || plural(ignored(), "odd record", "odd records")} " ignored: show"
                    </label>
                </li>
            })}
            {move || any.get().then(|| view! {
                <li><button type="button" class="link-button" on:click=move |_| { app.clear_lens(); focus_filter(); }>"Clear all"</button></li>
            })}
        </ul>
    }
}

fn chip(text: String, remove: impl Fn() + 'static) -> impl IntoView {
    let label = format!("Remove {text}");
    view! {
        <li class="chip">
            <span class="chip-text">{text}</span>
            <button type="button" aria-label=label on:click=move |_| remove()>{icon(Icon::Close)}</button>
        </li>
    }
}

/// The chip that had the focus is gone.
fn focus_filter() {
    let field = gloo::utils::document().get_element_by_id(INPUT);
    if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = field.focus();
    }
}

/// How many records are shown, in words.
pub fn shown_words(shown: u64, all: u64) -> String {
    if shown == all {
        plural(all, "record", "records")
    } else {
        format!("{} of {}", count(shown), plural(all, "record", "records"))
    }
}
