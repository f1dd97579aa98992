//! Why a record has its score: up to three reasons in words, and what each column has to do with it as bars.

use super::chart::TableBelow;
use leptos::prelude::*;
use oddflow::explain::{Bar, Explained, Explanation};
use oddflow::report::plural;
use std::sync::Arc;

/// Bars that are drawn; the others are added up in one.
const DRAWN: usize = 8;

#[component]
pub fn Why(explanation: Arc<Explanation>) -> impl IntoView {
    let texts = explanation.reasons.iter().map(|reason| &reason.text).chain(&explanation.together);
    let reasons = texts.map(|text| view! { <li>{text.clone()} "."</li> }).collect_view();
    let nothing = explanation.reasons.is_empty().then(|| {
        let words = match explanation.together.is_empty() {
            true => "Nothing stands out.",
            false => "No single value stands out. What counts most, together:",
        };
        view! { <p class="nothing">{words}</p> }
    });
    let forest = Part { of: explanation.forest, value: |bar| bar.forest };
    let network = explanation.network.map(|of| Part { of, value: |bar| bar.network });
    let bars = StoredValue::new(explanation.bars.clone());
    view! {
        <section class="because" aria-labelledby="why-title">
            <h3 id="why-title">"Why"</h3>
            {nothing}
            <ol class="reasons">{reasons}</ol>
            {(!explanation.bars.is_empty()).then(|| view! {
                <details class="why-bars">
                    <summary>"What each column adds"</summary>
                    {stage(
                        "Forest: splits that it is set apart sooner",
                        forest.words(|x| format!("{x:.2} splits"), "Expected", "this record"),
                        &explanation.bars,
                        forest.value,
                    )}
                    {network.map(|network| stage(
                        "Network: evidence for an attack, in logits",
                        network.words(|x| signed(x, 2), "Typical record", "this record"),
                        &explanation.bars,
                        network.value,
                    ))}
                    <TableBelow label="What each column adds, as a table">
                        <thead>
                            <tr>
                                <th scope="col">"Column"</th>
                                <th scope="col">"Here"</th>
                                <th scope="col">"Typical"</th>
                                <th scope="col" class="number">"Forest"</th>
                                {network.map(|_| view! { <th scope="col" class="number">"Network"</th> })}
                            </tr>
                        </thead>
                        <tbody>
                            {bars.with_value(|bars| bars.iter().map(|bar| view! {
                                <tr>
                                    <th scope="row">{bar.label.clone()}</th>
                                    <td>{bar.value.clone()}</td>
                                    <td>{bar.typical.clone()}</td>
                                    <td class="number">{signed(bar.forest, 2)}</td>
                                    {network.map(|_| view! { <td class="number">{signed(bar.network, 2)}</td> })}
                                </tr>
                            }).collect_view())}
                        </tbody>
                    </TableBelow>
                </details>
            })}
        </section>
    }
}

/// One stage's side of the bars.
#[derive(Clone, Copy)]
struct Part {
    of: Explained,
    value: fn(&Bar) -> f64,
}

impl Part {
    fn words(&self, amount: fn(f64) -> String, expected: &str, row: &str) -> String {
        format!("{expected} {}, {row} {}.", amount(self.of.expected), amount(self.of.row))
    }
}

fn stage(title: &'static str, words: String, bars: &[Bar], value: fn(&Bar) -> f64) -> impl IntoView + use<> {
    let peak = bars.iter().map(|bar| value(bar).abs()).fold(f64::MIN_POSITIVE, f64::max);
    let mut ordered: Vec<&Bar> = bars.iter().filter(|bar| value(bar) != 0.0).collect();
    ordered.sort_by(|a, b| value(b).abs().total_cmp(&value(a).abs()));
    let (drawn, others) = ordered.split_at(ordered.len().min(DRAWN));
    let rest: f64 = others.iter().map(|bar| value(bar)).sum();
    let draw = |label: String, title: String, x: f64| {
        let share = (x.abs() / peak).min(1.0) * 50.0;
        let left = if x < 0.0 { 50.0 - share } else { 50.0 };
        view! {
            <li title=title>
                <span class="bar-label">{label}</span>
                <span class="bar-track" aria-hidden="true">
                    <span class="bar-fill" class:lowers=x < 0.0 style:left=format!("{left:.1}%") style:width=format!("{share:.1}%")></span>
                </span>
                <span class="bar-value">{signed(x, 2)}</span>
            </li>
        }
    };
    let drawn = drawn.iter().map(|bar| {
        draw(bar.label.clone(), format!("{}: {}, typical {}", bar.label, bar.value, bar.typical), value(bar))
    });
    view! {
        <h4>{title}</h4>
        <p class="hint">{words}</p>
        <ul class="why-list">
            {drawn.collect_view()}
            {(!others.is_empty()).then(|| draw(plural(others.len() as u64, "other", "others"), String::new(), rest))}
        </ul>
    }
}

/// With its sign, as a sum has it.
fn signed(x: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", x.abs());
    match text.chars().any(|c| ('1'..='9').contains(&c)) {
        false => text,
        true if x < 0.0 => format!("−{text}"),
        true => format!("+{text}"),
    }
}
