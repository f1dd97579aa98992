//! The figures of docs/DETECTION.md: measured part by part, kept as JSON in target/figures/, written between the marks
//! `<!-- figures:NAME -->` and `<!-- end -->`.
//!
//! A table is written from whatever results there are, and not touched where there are none; a row without results says
//! "not run".

use crate::run::{Result, command, json_of, root, run, target};
use crate::tools;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SEEDS: u32 = 5;
const PAGE: &str = "docs/DETECTION.md";
const NOT_RUN: &str = "not run";

/// A part's name, and what measures it.
type Part = (&'static str, fn(&Path) -> Result<()>);

const PARTS: [Part; 5] = [
    ("nsl-kdd", |data| train("nsl-kdd", &data.join("nsl-kdd/KDDTrain+.txt"))),
    ("unsw", |data| train("unsw", &data.join("unsw-nb15/UNSW_NB15_half.csv"))),
    ("adbench", adbench),
    ("peers", |data| ["iforest", "original", "lightgbm"].iter().try_for_each(|peer| detection(peer, data))),
    ("negative", |data| detection("negative", data)),
];

/// A table's name, and what it holds; `None` without any results.
type Table = (&'static str, fn() -> Option<String>);

const TABLES: [Table; 5] = [
    ("nsl-kdd", || detectors("nsl-kdd")),
    ("unsw", || detectors("unsw")),
    ("original", original_table),
    ("adbench", adbench_table),
    ("negative", negative_table),
];

/// Measures these parts, or all, unless results are to be used again; then writes the tables.
pub fn measure(parts: &[&str], reuse: bool) -> Result<()> {
    if let Some(unknown) = parts.iter().find(|part| PARTS.iter().all(|(name, _)| name != *part)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there are no figures named {unknown}, only {}", names.join(", ")));
    }
    if !reuse {
        let data = root().join(std::env::var_os("ODDFLOW_DATA").unwrap_or_else(|| "../shared/data".into()));
        if !data.is_dir() {
            return Err(format!("there is no data in {}: name its folder in ODDFLOW_DATA", data.display()));
        }
        run(&mut command("cargo build --quiet --release --features cli"))?;
        fs::create_dir_all(folder()).map_err(|error| failed(&folder(), &error))?;
        for (name, measure) in PARTS.iter().filter(|(name, _)| parts.is_empty() || parts.contains(name)) {
            println!("== {name}");
            measure(&data)?;
        }
    }
    let page = root().join(PAGE);
    let mut text = fs::read_to_string(&page).map_err(|error| failed(&page, &error))?;
    for (name, table) in TABLES {
        if let Some(table) = table() {
            text = with_table(&text, name, &table)?;
        }
    }
    fs::write(&page, text).map_err(|error| failed(&page, &error))
}

fn folder() -> PathBuf {
    target().join("figures")
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

fn keep(name: &str, result: &Value) -> Result<()> {
    let path = folder().join(format!("{name}.json"));
    fs::write(&path, format!("{result:#}\n")).map_err(|error| failed(&path, &error))
}

/// A part's results; null without any.
fn kept(name: &str) -> Value {
    let text = fs::read(folder().join(format!("{name}.json"))).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn oddflow() -> Command {
    Command::new(target().join("release/oddflow"))
}

/// Oddflow's own figures are those that training writes into the manifest.
fn train(name: &str, file: &Path) -> Result<()> {
    let pack = folder().join("packs").join(name);
    run(oddflow().arg("train").arg(file).args(["--seeds", &SEEDS.to_string(), "--out"]).arg(&pack))?;
    let path = pack.join("manifest.json");
    let text = fs::read(&path).map_err(|error| failed(&path, &error))?;
    let manifest: Value = serde_json::from_slice(&text).map_err(|error| failed(&path, &error))?;
    let parts = ["cross_validation", "left_out_attacks"].map(|part| (part.to_owned(), manifest[part].clone()));
    keep(name, &Value::Object(parts.into_iter().collect()))
}

/// Another detector's figures.
fn detection(peer: &str, data: &Path) -> Result<()> {
    let script = root().join("benches/peers/detection.py");
    let mut python = Command::new(tools::peers_python()?);
    // Its threads wait busily for each other: on small matrices they gain nothing, and on a busy machine they lose much.
    python.env("OPENBLAS_NUM_THREADS", "1");
    python.arg(script).args([peer, "--seeds", &SEEDS.to_string(), "--data"]).arg(data);
    keep(peer, &json_of(&mut python)?)
}

/// The forest that is fitted to the file itself, beside the reference that comes with the sets.
fn adbench(data: &Path) -> Result<()> {
    let folder = data.join("adbench");
    let path = folder.join("sklearn_iforest_auroc.csv");
    let references = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
    let mut sets = Vec::new();
    // dataset, n, d, anom_pct, auroc_mean, auroc_std, seeds
    for line in references.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, rows, _, _, mean, sd, _] = fields[..] else {
            return Err(failed(&path, &"not seven columns"));
        };
        let name = name.split_once('_').map_or(name, |(_, name)| name).to_lowercase();
        let file = folder.join(format!("{name}.csv.gz"));
        let auc = |seed: u32| {
            let mut evaluate = oddflow();
            evaluate.arg("evaluate").arg(&file).args(["--pack", "none", "--bootstrap", "0", "--seed"]);
            let evaluation = json_of(evaluate.arg(seed.to_string()))?;
            let auc = evaluation["hybrid"]["roc_auc"].as_f64();
            auc.ok_or_else(|| failed(&file, &"the evaluation has no ROC AUC"))
        };
        let aucs = (0..SEEDS).map(auc).collect::<Result<Vec<f64>>>()?;
        let number = |text: &str| text.parse::<f64>().map_err(|error| failed(&path, &error));
        sets.push(json!({
            "name": name,
            "rows": number(rows)?,
            "scikit_learn": {"mean": number(mean)?, "sd": number(sd)?},
            "oddflow": summary(&aucs),
        }));
        println!("{name}");
    }
    keep("adbench", &Value::Array(sets))
}

/// Mean and standard deviation.
fn summary(values: &[f64]) -> Value {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    json!({"mean": mean, "sd": variance.sqrt()})
}

/// All detectors on one set: on held-out rows, and on attack types that were left out of training.
fn detectors(set: &str) -> Option<String> {
    const PEERS: [(&str, &str, &str); 4] = [
        ("iforest", "iforest_plain", "scikit-learn's forest, all rows, standard scaling"),
        ("iforest", "iforest_best", "scikit-learn's forest, normal rows, quantiles, 4096 samples"),
        ("original", "original", "the original project's pipeline, without leakage"),
        ("lightgbm", "lightgbm", "LightGBM"),
    ];
    const VIEWS: [(&str, &str); 4] = [
        ("forest", "Oddflow's forest"),
        ("autoencoder", "Oddflow's autoencoder"),
        ("network", "Oddflow's network"),
        ("fused", "**Oddflow, all views**"),
    ];
    let own = kept(set);
    let peers = PEERS.map(|(file, peer, title)| {
        let figures = &kept(file)["sets"][set]["peers"][peer];
        (title, figures["held_out"].clone(), figures["left_out"].clone())
    });
    let views = VIEWS.map(|(view, title)| {
        let by_view = |part: &str| own[part]["by_view"][view].clone();
        (title, by_view("cross_validation"), by_view("left_out_attacks"))
    });
    let rows: Vec<_> = peers.into_iter().chain(views).collect();
    if rows.iter().all(|(_, held_out, left_out)| held_out.is_null() && left_out.is_null()) {
        return None;
    }
    let mut table = String::from(
        "| detector | held out: ROC AUC | PR AUC | left out: ROC AUC | recall at 1 % | recall at 5 % |\n\
         |---|---|---|---|---|---|\n",
    );
    for (title, held_out, left_out) in rows {
        let cells = [
            cell(&held_out["roc_auc"]),
            cell(&held_out["pr_auc"]),
            cell(&left_out["roc_auc"]),
            cell(&left_out["recall_at_1"]),
            cell(&left_out["recall_at_5"]),
        ];
        table += &format!("| {title} | {} |\n", cells.join(" | "));
    }
    Some(table)
}

/// The original project's pipeline at its own threshold.
fn original_table() -> Option<String> {
    let original = kept("original");
    let mut table = String::from("| set | F1 | false positive rate |\n|---|---|---|\n");
    for (set, title) in [("nsl-kdd", "NSL-KDD"), ("unsw", "UNSW-NB15")] {
        let figures = &original["sets"][set]["peers"]["original"]["held_out"];
        table += &format!("| {title} | {} | {} |\n", cell(&figures["f1"]), cell(&figures["false_positive_rate"]));
    }
    (!original.is_null()).then_some(table)
}

fn adbench_table() -> Option<String> {
    let sets = kept("adbench");
    let mut table = String::from("| set | rows | scikit-learn | Oddflow |\n|---|---|---|---|\n");
    for set in sets.as_array()? {
        let (name, rows) = (set["name"].as_str()?, set["rows"].as_f64()?);
        table += &format!("| {name} | {rows} | {} | {} |\n", cell(&set["scikit_learn"]), cell(&set["oddflow"]));
    }
    Some(table)
}

fn negative_table() -> Option<String> {
    let negative = kept("negative");
    let mut table = String::from("| order | ROC AUC |\n|---|---|\n");
    for (order, title) in [
        ("oversample_then_split", "the original's: oversample, then split"),
        ("split_then_oversample", "split, then oversample the training part"),
    ] {
        table += &format!("| {title} | {} |\n", cell(&negative[order]["roc_auc"]));
    }
    (!negative.is_null()).then_some(table)
}

/// Mean and standard deviation in a table.
fn cell(figure: &Value) -> String {
    match (figure["mean"].as_f64(), figure["sd"].as_f64()) {
        (Some(mean), Some(sd)) => format!("{mean:.3} ± {sd:.3}"),
        _ => NOT_RUN.into(),
    }
}

/// The page with this table between its marks.
fn with_table(page: &str, name: &str, table: &str) -> Result<String> {
    let mark = format!("<!-- figures:{name} -->\n");
    let parts = page.split_once(&mark).and_then(|(before, rest)| Some((before, rest.split_once("<!-- end -->")?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{PAGE} has no place for the figures {name}"))?;
    Ok(format!("{before}{mark}{table}<!-- end -->{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_goes_between_its_marks() {
        let page = "a\n<!-- figures:x -->\nold\n<!-- end -->\nb\n<!-- figures:y -->\n<!-- end -->\n";
        let expected = "a\n<!-- figures:x -->\n| new |\n<!-- end -->\nb\n<!-- figures:y -->\n<!-- end -->\n";
        assert_eq!(with_table(page, "x", "| new |\n").as_deref(), Ok(expected));
        assert!(with_table(page, "z", "").is_err());
    }

    #[test]
    fn cells_tell_mean_and_deviation() {
        assert_eq!(cell(&summary(&[0.5, 0.7])), "0.600 ± 0.100");
        assert_eq!(cell(&json!({"mean": 1})), NOT_RUN);
        assert_eq!(cell(&Value::Null["roc_auc"]), NOT_RUN);
    }
}
