//! `MODEL_CARD.md`: what a pack is for, what it was made from, what it can do and what it cannot (Mitchell et al. 2019).

use super::TrainParams;
use crate::bundle::{Figures, Manifest};
use crate::schema::layout_name;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

pub fn write(manifest: &Manifest, params: &TrainParams) -> String {
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = write_to(&mut card, manifest, params);
    card
}

fn write_to(out: &mut String, manifest: &Manifest, params: &TrainParams) -> fmt::Result {
    let training = &manifest.training;
    let layout = manifest.layout.map_or("tables with the columns it was trained on", layout_name);
    writeln!(out, "# {}\n\n{}.\n", manifest.name, manifest.description)?;
    writeln!(out, "Written by `oddflow train`; do not edit.\n")?;
    writeln!(out, "## Intended use\n")?;
    writeln!(
        out,
        "To rank the records of one kind of log, {layout}, by how unlike normal traffic they are, so that a person looks at \
         the oddest first. Not for blocking traffic unattended, and not for other networks' logs without a check: detectors \
         trained on one network do badly on others.\n"
    )?;
    writeln!(out, "## Data\n")?;
    writeln!(out, "- Training file: SHA-256 `{}`", training.data_sha256)?;
    writeln!(
        out,
        "- {} labelled rows; {} copies of earlier rows removed ({} of them with another label); {} missing and {} infinite \
         cells",
        training.rows,
        training.duplicates_removed,
        training.contradictory,
        training.missing_cells,
        training.infinite_cells
    )?;
    writeln!(
        out,
        "- {} rows to train on and {} held out, class by class, before anything was fitted",
        training.training_rows, training.validation_rows
    )?;
    let mut classes: Vec<_> = training.classes.iter().collect();
    classes.sort_by_key(|&(name, count)| (std::cmp::Reverse(*count), name.clone()));
    let classes: Vec<String> = classes.into_iter().map(|(name, count)| format!("{} {count}", plain(name))).collect();
    writeln!(out, "- Classes: {}", classes.join(", "))?;
    writeln!(out, "- {} features; seed {}\n", training.features.len(), training.seed)?;
    writeln!(out, "## How it works\n")?;
    writeln!(
        out,
        "An isolation forest of {} trees of {} normal rows each, and a network with the layers {}, whose last input is the \
         forest's score{}. The score says how rare such a row is among normal ones: 2 means one in 100. It is computed from \
         the network's level (at most {}) plus {} times the level{} the forest{}.\n",
        params.views.n_estimators,
        params.views.max_samples,
        widths(training.features.len() + 1, &params.views.classifier.hidden, 1),
        match &params.views.autoencoder {
            Some(net) => format!(
                ", and an autoencoder ({}) that knows normal rows",
                widths(training.features.len() + 1, &net.hidden, training.features.len() + 1)
            ),
            None => String::new(),
        },
        manifest.fusion.network_cap,
        manifest.fusion.weight,
        if params.views.autoencoder.is_some() { "s of" } else { " of" },
        if params.views.autoencoder.is_some() { " and the autoencoder" } else { "" },
    )?;
    writeln!(
        out,
        "The threshold, {:.3}, flags {} % of the normal rows that were held out.\n",
        manifest.threshold,
        manifest.false_alarm_rate * 100.0
    )?;
    writeln!(out, "## Figures\n")?;
    writeln!(out, "On the held-out rows, whose attack types were all trained on:\n")?;
    table(out, &manifest.validation)?;
    if !manifest.left_out_attacks.is_empty() {
        writeln!(
            out,
            "\nOn attack types that were left out of training, in {} rounds; means over the types:\n",
            params.type_folds
        )?;
        table(out, &manifest.left_out_attacks)?;
    }
    writeln!(out, "\n## Limits\n")?;
    writeln!(
        out,
        "- The first table is what a random split of one file shows; it says little about other networks and years."
    )?;
    if !manifest.left_out_attacks.is_empty() {
        writeln!(
            out,
            "- How much each view counts was chosen by the second table, so its row \"fused\" is a little too good."
        )?;
    }
    writeln!(out, "- One seed; differences in the third decimal are chance.")?;
    writeln!(out, "- Attacks whose records look like normal traffic stay unseen, whatever the threshold.")?;
    writeln!(
        out,
        "- The score is calibrated on {} held-out rows, normal ones among them; beyond 3 it is extrapolated.",
        training.validation_rows
    )
}

fn table(out: &mut String, figures: &BTreeMap<String, Figures>) -> fmt::Result {
    writeln!(out, "| view | ROC AUC | PR AUC | recall at 1 % false alarms | recall at 5 % |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for (name, f) in figures {
        writeln!(out, "| {name} | {:.4} | {:.4} | {:.3} | {:.3} |", f.roc_auc, f.pr_auc, f.recall_at_1, f.recall_at_5)?;
    }
    Ok(())
}

fn widths(first: usize, hidden: &[usize], last: usize) -> String {
    let all: Vec<String> = [first].iter().chain(hidden).chain(&[last]).map(usize::to_string).collect();
    all.join("-")
}

/// A class name comes from the file; it must not become markup.
fn plain(name: &str) -> String {
    name.chars().take(40).filter(|c| c.is_alphanumeric() || " _.()/-".contains(*c)).collect()
}
