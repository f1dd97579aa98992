//! How well the file fits the model pack, column by column.

use leptos::prelude::*;
use oddflow::domain::{ColumnFit, FitReport};
use oddflow::report::{drift, drift_words, share_of_one};

/// Columns that are shown; they come by falling drift.
const SHOWN: usize = 8;

#[component]
pub fn Fit(fit: FitReport) -> impl IntoView {
    let row = |column: &ColumnFit| {
        view! {
            <tr>
                <th scope="row">{column.label.clone()}</th>
                <td class="number">{drift(column.psi)}</td>
                <td class="number">{share_of_one(column.foreign)}</td>
                <td class="number">{share_of_one(column.missing)}</td>
            </tr>
        }
    };
    view! {
        <details class="fit" class:foreign=!fit.accepted>
            <summary>{drift_words(&fit)}</summary>
            <p class="hint">
                "Population stability index of each column against the pack's training rows: below 0.1 nothing has changed, above
                 0.25 much has. The shares of normal and attack records do not count."
            </p>
            <div class="scroll-box">
                <table class="list">
                    <caption class="visually-hidden">"Columns that drift most"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Column"</th>
                            <th scope="col" class="number">"PSI"</th>
                            <th scope="col" class="number">"Never seen"</th>
                            <th scope="col" class="number">"Missing"</th>
                        </tr>
                    </thead>
                    <tbody>{fit.columns.iter().take(SHOWN).map(row).collect_view()}</tbody>
                </table>
            </div>
        </details>
    }
}
