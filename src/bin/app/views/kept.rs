//! What the person has said: rules that ignore flows, and verdicts on records and groups.

use crate::actions::{App, use_app};
use crate::draw::icons::{Icon, icon};
use leptos::html;
use leptos::prelude::*;
use oddflow::allow::Rule;
use oddflow::query::parse;
use oddflow::report::{count, plural, share_of_one};
use oddflow::verdicts::{MAX_NOTE, verdict_word};

/// Verdicts that are listed; a person gives few, a session may bring many.
const LISTED: usize = 100;

#[component]
pub fn Kept() -> impl IntoView {
    view! {
        <div class="kept">
            <Rules/>
            <Verdicts/>
        </div>
    }
}

#[component]
fn Rules() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    // No two rules have the same filter. Those that stay keep their rows, and what is being written there.
    let queries = Memo::new(move |_| {
        state.allow_list.with(|list| list.rules.iter().map(|rule| rule.query.clone()).collect::<Vec<_>>())
    });
    // The rule whose filter is being changed, and the one that was: there the focus goes back to.
    let (editing, edited) = (RwSignal::new(None::<String>), RwSignal::new(None::<String>));
    let row = move |query: String| view! { <RuleRow query editing edited/> };
    let input = NodeRef::<html::Input>::new();
    let choose = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else { return };
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            app.import_rules(file);
        }
        input.set_value("");
    };
    view! {
        <section aria-labelledby="rules-title">
            <h2 id="rules-title">"Ignored"</h2>
            <p class="hint">"Flows that these rules find are not called odd, here and in what you download. Scores stay as they are."</p>
            <ul class="rules" aria-label="Rules">
                <For each=move || queries.get() key=String::clone children=row/>
            </ul>
            <Show when=move || state.allow_list.with(|list| list.rules.is_empty())>
                <p class="hint">"No rules yet. Ignore a lead above or the like of a record, or write a rule."</p>
            </Show>
            <RuleForm/>
            <div class="panel-foot">
                <button type="button" class="button small" disabled=move || state.allow_past.with(Vec::is_empty) on:click=move |_| app.undo_rules()>"Undo"</button>
                <button type="button" class="button small" on:click=choose>"Import"</button>
                <input class="visually-hidden" type="file" accept=".json,application/json" aria-label="Allow-list file" tabindex="-1"
                    node_ref=input on:change=chosen/>
                <button type="button" class="button small" disabled=move || state.allow_list.with(|list| list.rules.is_empty())
                    on:click=move |_| app.export_rules()>"Export"</button>
                <label class="toggle">
                    <input type="checkbox" prop:checked=move || state.keeps_allowed.get()
                        on:change=move |event| state.keeps_allowed.set(event_target_checked(&event))/>
                    "Keep on this device"
                </label>
            </div>
        </section>
    }
}

/// A rule as it is listed, found by its filter.
#[component]
fn RuleRow(query: String, editing: RwSignal<Option<String>>, edited: RwSignal<Option<String>>) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let query = StoredValue::new(query);
    let text = move || query.get_value();
    let at = move || {
        query.with_value(|query| state.allow_list.with(|list| list.rules.iter().position(|r| r.query == *query)))
    };
    let rule = Memo::new(move |_| at().and_then(|at| state.allow_list.with(|list| list.rules.get(at).cloned())));
    let name = Memo::new(move |_| rule.with(|rule| rule.as_ref().map(|rule| rule.name.clone())).unwrap_or_default());
    let enabled = Memo::new(move |_| rule.with(|rule| rule.as_ref().is_some_and(|rule| rule.enabled)));
    // The odd records that it ignores, or why it does not work on this file.
    let words = move || {
        let effect = at().and_then(|at| {
            state.overview.with(|survey| {
                let survey = survey.as_ref()?;
                let idle = survey.idle_rules.iter().find(|(rule, _)| *rule as usize == at).map(|(_, why)| why.clone());
                Some((survey.allowed.get(at).copied().unwrap_or(0), idle))
            })
        });
        match effect {
            _ if !enabled.get() => "off".into(),
            None => "…".into(),
            Some((_, Some(why))) => format!("does not fit this file: {why}"),
            Some((n, None)) => format!("ignores {}", plural(n, "odd record", "odd records")),
        }
    };
    let switch = move |event| {
        let on = event_target_checked(&event);
        change_rule(app, &text(), |rule| rule.enabled = on);
    };
    let remove = move |_| {
        app.change_rules(|list| {
            list.rules.retain(|rule| rule.query != text());
            Ok(())
        });
    };
    let button = NodeRef::<html::Button>::new();
    Effect::new(move |_| {
        if let Some(button) = button.get()
            && edited.get_untracked() == Some(text())
        {
            edited.set(None);
            let _ = button.focus();
        }
    });
    let leave = move |query: String| {
        edited.set(Some(query));
        editing.set(None);
    };
    view! {
        <li class="rule" class:off=move || !enabled.get()>
            <label class="toggle">
                <input type="checkbox" aria-label=move || format!("Use {}", name.get()) prop:checked=move || enabled.get() on:change=switch/>
            </label>
            <div class="rule-text">
                {move || match editing.get() == Some(text()) {
                    true => view! { <RuleEditor query=text() done=leave/> }.into_any(),
                    false => view! {
                        <button type="button" class="rule-query" aria-label=format!("Change {}", text()) node_ref=button
                            on:click=move |_| editing.set(Some(text()))>
                            <code>{text()}</code>
                        </button>
                    }.into_any(),
                }}
                {move || (name.get() != text()).then(|| view! { <span class="hint">{name.get()}</span> })}
                <span class="hint rule-effect">{words}</span>
            </div>
            <button type="button" class="icon-button" aria-label=move || format!("Remove {}", name.get()) on:click=remove>
                {icon(Icon::Close)}
            </button>
        </li>
    }
}

/// Changes the rule that has this filter.
fn change_rule(app: App, query: &str, change: impl Fn(&mut Rule)) {
    app.change_rules(|list| {
        if let Some(rule) = list.rules.iter_mut().find(|rule| rule.query == query) {
            change(rule);
        }
        Ok(())
    });
}

/// A rule with this filter; or in words why it cannot be one.
fn rule_of(app: App, query: &str) -> Result<Rule, String> {
    let query = query.trim();
    let rule = Rule::of(query, query.to_owned());
    app.state.outcome.with_untracked(|outcome| match outcome {
        Some(outcome) => parse(&rule.query, &outcome.analysis.schema).map(|_| ()).map_err(|error| error.to_string()),
        None => Ok(()),
    })?;
    rule.check().map_err(|error| error.to_string())?;
    Ok(rule)
}

/// The filter of a rule as a field: Enter takes it over, Escape leaves it as it was. `done` is told what it is then.
#[component]
fn RuleEditor(query: String, done: impl Fn(String) + Copy + 'static) -> impl IntoView {
    let app = use_app();
    let text = RwSignal::new(query.clone());
    let before = StoredValue::new(query);
    let error = RwSignal::new(None::<String>);
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            let _ = input.focus();
        }
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let is_there =
            |query: &str| app.state.allow_list.with_untracked(|list| list.rules.iter().any(|rule| rule.query == query));
        match rule_of(app, &text.get_untracked()) {
            Err(wrong) => error.set(Some(wrong)),
            Ok(new) if new.query == before.get_value() => done(new.query),
            Ok(new) if is_there(&new.query) => error.set(Some("There is such a rule already".into())),
            Ok(new) => {
                change_rule(app, &before.get_value(), |rule| {
                    // A name of its own stays.
                    if rule.name == rule.query {
                        rule.name.clone_from(&new.name);
                    }
                    rule.query.clone_from(&new.query);
                });
                done(new.query);
            }
        }
    };
    view! {
        <form class="rule-form" aria-label="Change the rule" on:submit=submit
            on:keydown=move |event| if event.key() == "Escape" { done(before.get_value()) }>
            <input class="input" type="text" aria-label="Filter of the rule" autocomplete="off" spellcheck="false" node_ref=input
                prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event))/>
            <button type="submit" class="button small">"Take over"</button>
            <p class="filter-error" role="alert">{move || error.get()}</p>
        </form>
    }
}

#[component]
fn RuleForm() -> impl IntoView {
    let app = use_app();
    let text = RwSignal::new(String::new());
    let error = RwSignal::new(None::<String>);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match rule_of(app, &text.get_untracked()) {
            Err(wrong) => error.set(Some(wrong)),
            Ok(rule) => {
                app.ignore(rule);
                error.set(None);
                text.set(String::new());
            }
        }
    };
    view! {
        <form class="rule-form" aria-label="New rule" on:submit=submit>
            <input class="input" type="text" aria-label="Rule in the filter language" placeholder="src:10.0.0.0/8 dport:53" autocomplete="off"
                spellcheck="false" prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event))/>
            <button type="submit" class="button small">"Add rule"</button>
            <p class="filter-error" role="alert">{move || error.get()}</p>
        </form>
    }
}

#[component]
fn Verdicts() -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let judged = move || state.survey.with(|survey| survey.as_ref().map(|survey| survey.judged));
    let precision = move || {
        judged().and_then(|judged| {
            let (precision, [low, high]) = judged.precision()?;
            let n = u64::from(judged.true_alarms + judged.false_alarms);
            Some(format!(
                "Of {} judged among the odd{}, {} are true alarms: a precision of {}, likely between {} and {}.",
                plural(n, "record", "records"),
                if state.is_narrowed() { " that are shown" } else { "" },
                count(judged.true_alarms.into()),
                share_of_one(precision),
                share_of_one(low),
                share_of_one(high)
            ))
        })
    };
    let none = move || state.verdicts.with(oddflow::verdicts::Verdicts::is_empty);
    let groups = move || {
        let groups = state.verdicts.get().groups.into_iter();
        groups
            .map(|verdict| {
                let (query, noted) = (verdict.query.clone(), verdict.query.clone());
                let note = move |event| {
                    let note = event_target_value(&event);
                    state.verdicts.update(|verdicts| verdicts.set_group(&noted, verdict.is_true, note.trim()));
                };
                view! {
                    <tr>
                        <th scope="row"><code>{verdict.query.clone()}</code></th>
                        <td>{verdict_word(verdict.is_true)}</td>
                        <td>
                            <input class="input" type="text" maxlength=MAX_NOTE autocomplete="off" aria-label=format!("Note on {}", verdict.query)
                                prop:value=verdict.note on:change=note/>
                        </td>
                        <td class="number">
                            <button type="button" class="link-button" aria-label=format!("Take back {}", verdict.query)
                                on:click=move |_| state.verdicts.update(|verdicts| verdicts.set_group(&query, None, ""))>"Take back"</button>
                        </td>
                    </tr>
                }
            })
            .collect_view()
    };
    let rows = move || {
        let rows = state.verdicts.get().rows.into_iter().take(LISTED);
        rows.map(|verdict| {
            let name = format!("Record {}", count(u64::from(verdict.row) + 1));
            let label = format!("Take back {name}");
            view! {
                <tr>
                    <th scope="row">
                        <button type="button" class="group-button" on:click=move |_| app.select(verdict.row)>{name}</button>
                    </th>
                    <td>{verdict_word(verdict.is_true)}</td>
                    <td>{verdict.note}</td>
                    <td class="number">
                        <button type="button" class="link-button" aria-label=label
                            on:click=move |_| app.judge_row(verdict.row, None, "")>"Take back"</button>
                    </td>
                </tr>
            }
        })
        .collect_view()
    };
    view! {
        <section aria-labelledby="verdicts-title">
            <h2 id="verdicts-title">"Judged"</h2>
            <p class="hint">"What you call a true or a false alarm goes with the rows that you download, and tells how good this list is."</p>
            <p role="status">{precision}</p>
            <Show when=none>
                <p class="hint">"Nothing judged yet. Each record and each lead can be called a true or a false alarm."</p>
            </Show>
            <Show when=move || !none()>
                <div class="scroll-box short" role="region" tabindex="0" aria-label="Verdicts">
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col">"What"</th>
                                <th scope="col">"Verdict"</th>
                                <th scope="col">"Note"</th>
                                <td></td>
                            </tr>
                        </thead>
                        <tbody>{groups} {rows}</tbody>
                    </table>
                </div>
            </Show>
        </section>
    }
}
