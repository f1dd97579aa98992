//! `MODEL_CARD.md`: what a pack is for, what it was made from, what it can do and what it cannot (Mitchell et al. 2019).

use super::TrainParams;
use super::rounds::LeaveOut;
use crate::bundle::{FigureSpread, Manifest, Spread, Validation};
use crate::flow::Record;
use crate::schema::layout_name;
use std::fmt::{self, Write};

pub fn write(manifest: &Manifest, params: &TrainParams) -> String {
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = write_to(&mut card, manifest, params);
    card
}

fn write_to(out: &mut String, manifest: &Manifest, params: &TrainParams) -> fmt::Result {
    let training = &manifest.training;
    let layout = match manifest.record {
        Record::Flow => "any flow log that gives bytes or packets",
        Record::Columns => manifest.layout.map_or("tables with the columns it was trained on", layout_name),
    };
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
    let inputs = training.features.len() + 1;
    writeln!(
        out,
        "An isolation forest of {} trees of {} normal rows each, and a network with the layers {}, whose last input is the \
         forest's score{}{}. The score says how rare such a row is among normal ones: 2 means one in 100. It is computed from \
         the network's level (up to {}, and a little beyond), {} times the forest's{}.\n",
        params.views.n_estimators,
        params.views.max_samples,
        widths(inputs, &params.views.classifier.hidden, 1),
        match (params.normal_only, params.views.manner.synthetic_share > 0.0) {
            (true, _) => " and which has learned to tell normal rows from mixtures of them, without any attack",
            (false, true) => " and which has also learned from mixtures of normal rows as if they were attacks",
            (false, false) => "",
        },
        params.views.autoencoder.as_ref().map_or_else(String::new, |net| format!(
            ", and an autoencoder ({}) that knows normal rows",
            widths(inputs, &net.hidden, inputs)
        )),
        manifest.fusion.network_cap,
        manifest.fusion.weights.forest,
        match &params.views.autoencoder {
            Some(_) => format!(" and {} times the autoencoder's", manifest.fusion.weights.autoencoder),
            None => String::new(),
        },
    )?;
    writeln!(
        out,
        "The threshold, {:.3}, flags {} % of the normal rows that were held out.\n",
        manifest.threshold,
        manifest.false_alarm_rate * 100.0
    )?;
    writeln!(
        out,
        "A file whose columns drift further than {:.2} from the training rows (mean population stability index; the columns' \
         own fits are shown) gets no verdict from this pack.\n",
        manifest.domain.limit
    )?;
    if let Some(why) = &manifest.switched_off {
        writeln!(out, "It is switched off unless it is asked for by name: {why}.\n")?;
    }
    writeln!(out, "## Figures\n")?;
    if manifest.cross_validation.runs == 0 {
        writeln!(out, "None: it was trained without runs to judge it by.")?;
    } else {
        writeln!(
            out,
            "On rows that were kept out of training, {} runs with a seed and a split each; mean ± standard deviation:\n",
            manifest.cross_validation.runs
        )?;
        table(out, &manifest.cross_validation)?;
    }
    if manifest.left_out.runs > 0 {
        let what = match params.leave_out {
            LeaveOut::AttackTypes => "attack types",
            LeaveOut::Sources => "sources",
        };
        writeln!(out, "\nOn {what} that were left out of training one by one; means over {what}:\n")?;
        table(out, &manifest.left_out)?;
        writeln!(
            out,
            "\n| left out | view | ROC AUC | recall at 1 % false alarms | recall at 5 % |\n|---|---|---|---|---|"
        )?;
        for (name, by_view) in &manifest.left_out.by_name {
            for (view, f) in by_view {
                let name = plain(name);
                writeln!(out, "| {name} | {view} | {:.4} | {:.3} | {:.3} |", f.roc_auc, f.recall_at_1, f.recall_at_5)?;
            }
        }
    }
    writeln!(out, "\n## Limits\n")?;
    writeln!(
        out,
        "- The first table is what a random split of one file shows; it says little about other networks and years."
    )?;
    writeln!(out, "- Attacks whose records look like normal traffic stay unseen, whatever the threshold.")?;
    writeln!(
        out,
        "- The score is calibrated on {} held-out rows, normal ones among them; beyond 3 it is extrapolated.",
        training.validation_rows
    )
}

fn table(out: &mut String, validation: &Validation) -> fmt::Result {
    writeln!(out, "| view | ROC AUC | PR AUC | recall at 1 % false alarms | recall at 5 % |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    let fine = |s: &Spread| format!("{:.4} ± {:.4}", s.mean, s.sd);
    let coarse = |s: &Spread| format!("{:.3} ± {:.3}", s.mean, s.sd);
    for (name, f) in &validation.by_view {
        let FigureSpread { roc_auc, pr_auc, recall_at_1, recall_at_5 } = f;
        let figures = [fine(roc_auc), fine(pr_auc), coarse(recall_at_1), coarse(recall_at_5)];
        writeln!(out, "| {name} | {} |", figures.join(" | "))?;
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
