//! The figures of docs/DETECTION.md: measured part by part, kept as JSON in target/figures/, written between the marks
//! `<!-- figures:NAME -->` and `<!-- end -->`.
//!
//! A table is written from whatever results there are, and not touched where there are none; a row without results stays as
//! it was, or says "not run".

use crate::results::{self, NOT_RUN, Table, Unmeasured, failed};
use crate::run::{Result, command, json_of, root, run, target};
use crate::tools;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SEEDS: u32 = 5;
const PAGE: &str = "docs/DETECTION.md";

/// A part's name, and what measures it.
type Part = (&'static str, fn(&Path) -> Result<()>);

const PARTS: [Part; 9] = [
    ("nsl-kdd", |data| train(&PACKS[0], data)),
    ("unsw", |data| train(&PACKS[1], data)),
    ("unsw-without-ttl", |data| train(&PACKS[2], data)),
    ("cicids2017", |data| train(&PACKS[3], data)),
    ("flow", |data| train(&PACKS[4], data)),
    ("domain", domain),
    ("adbench", adbench),
    ("peers", |data| ["iforest", "original", "lightgbm"].iter().try_for_each(|peer| detection(peer, data))),
    ("negative", |data| detection("negative", data)),
];

/// What a pack is trained on.
struct Pack {
    /// Of its folder.
    name: &'static str,
    /// Whether it is shipped, or trained for its figures alone.
    ships: bool,
    /// `NAME=FILE` where the source is to have a name.
    files: &'static [&'static str],
    options: &'static [&'static str],
}

const PACKS: [Pack; 5] = [
    Pack { name: "nsl-kdd", ships: true, files: &["nsl-kdd/KDDTrain+.txt"], options: &[] },
    // The packets a second follow from two other columns, and not every export of these records has them.
    Pack { name: "unsw-nb15", ships: true, files: &[UNSW], options: &["--ignore", "rate"] },
    // The columns that nearly give the label away.
    Pack {
        name: "unsw-nb15-without-ttl",
        ships: false,
        files: &[UNSW],
        options: &["--ignore", "rate", "--ignore", "sttl", "--ignore", "dttl", "--ignore", "ct_state_ttl"],
    },
    Pack { name: "cicids2017", ships: true, files: &["cic/cicids2017_cleaned_stratified12k.csv"], options: &[] },
    Pack {
        name: "flow",
        ships: true,
        files: &[
            "iot23=iot-23/CTU-Malware-Capture-20-1-labeled.csv",
            "iot23=iot-23/CTU-Malware-Capture-34-1-labeled.csv",
            "iot23=iot-23/CTU-Honeypot-Capture-4-1-labeled.csv",
            "iot23=iot-23/CTU-Honeypot-Capture-5-1-labeled.csv",
            "stratosphere=zeek/stratosphere/008-zeek-mixed/conn.log.labeled",
            "stratosphere=zeek/stratosphere/010-zeek-mixed/conn.log.labeled",
            "unsw=unsw-nb15/UNSW_NB15_half.csv",
            "unsw=unsw-nb15/raw49_comma_BOM_Escenario3_rcarmas.csv",
            "unsw=unsw-nb15/unsw-nb15_1_sampled.csv",
            "cic=cic/cicids2017_cleaned_stratified12k.csv",
            "bot-iot=netflow/NF-BoT-IoT-v2_first100k.csv.gz",
        ],
        options: &["--schema", "flow"],
    },
];
const UNSW: &str = "unsw-nb15/UNSW_NB15_half.csv";

const TABLES: [Table; 9] = [
    ("nsl-kdd", || detectors("nsl-kdd", "nsl-kdd")),
    ("unsw", || detectors("unsw", "unsw-nb15")),
    ("unsw-without-ttl", || views("unsw-nb15-without-ttl")),
    ("cicids2017", || views("cicids2017")),
    ("flow", flow_table),
    ("domain", domain_table),
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
    results::write_tables(PAGE, &TABLES, Unmeasured::Stay)
}

fn folder() -> PathBuf {
    target().join("figures")
}

fn keep(name: &str, result: &Value) -> Result<()> {
    results::keep(&folder(), name, result)
}

fn kept(name: &str) -> Value {
    results::kept(&folder(), name)
}

fn oddflow() -> Command {
    Command::new(target().join("release/oddflow"))
}

impl Pack {
    fn folder(&self) -> PathBuf {
        if self.ships { root().join("models").join(self.name) } else { folder().join("packs").join(self.name) }
    }

    /// Oddflow's own figures are those that training writes into the manifest; null before it.
    fn manifest(&self) -> Value {
        let text = fs::read(self.folder().join("manifest.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn pack(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}

fn train(pack: &Pack, data: &Path) -> Result<()> {
    let mut program = oddflow();
    program.arg("train");
    for file in pack.files {
        program.arg(match file.split_once('=') {
            Some((name, file)) => format!("{name}={}", data.join(file).display()),
            None => data.join(file).display().to_string(),
        });
    }
    run(program.args(pack.options).args(["--seeds", &SEEDS.to_string(), "--out"]).arg(pack.folder()))
}

/// Files of the data that hold flows, and how well each fits each pack.
fn domain(data: &Path) -> Result<()> {
    // The packs that ship are part of the program.
    run(&mut command("cargo build --quiet --release --features cli"))?;
    let mut files = Vec::new();
    for file in DOMAIN_FILES {
        let fits = json_of(oddflow().arg("fit").arg(data.join(file)))?;
        files.push(json!({"file": file, "fits": fits}));
        println!("{file}");
    }
    keep("domain", &Value::Array(files))
}

const DOMAIN_FILES: [&str; 21] = [
    "nsl-kdd/KDDTrain+.txt",
    "unsw-nb15/UNSW_NB15_half.csv",
    "unsw-nb15/unsw-nb15_1_sampled.csv",
    "unsw-nb15/raw49_comma_BOM_Escenario3_rcarmas.csv",
    "unsw-nb15/raw49_semicolon_Escenario3_hfcatucuamba.csv",
    "cic/cicids2017_cleaned_stratified12k.csv",
    "cic/cicids2017_78feat_sample_starrix16.csv",
    "cic/cic_0.01km.csv",
    "cic/iscxtor2016_semicolon_Escenario1.csv",
    "iot-23/CTU-Malware-Capture-20-1-labeled.csv",
    "iot-23/CTU-Malware-Capture-34-1-labeled.csv",
    "iot-23/CTU-Honeypot-Capture-4-1-labeled.csv",
    "iot-23/CTU-Honeypot-Capture-5-1-labeled.csv",
    "zeek/stratosphere/001-zeek-scenario-malicious/labeled-conn.log",
    "zeek/stratosphere/008-zeek-mixed/conn.log.labeled",
    "zeek/stratosphere/010-zeek-mixed/conn.log.labeled",
    "netflow/NF-BoT-IoT-v2_first100k.csv.gz",
    "netflow/test1-malicious.nfdump.csv",
    "argus/test2-malicious.binetflow",
    "argus/test3-mixed.binetflow",
    "seed/synthetic_network_traffic_10k.csv",
];

/// Another detector's figures.
fn detection(peer: &str, data: &Path) -> Result<()> {
    let script = root().join("benches/peers/detection.py");
    let mut python = Command::new(tools::peers_python("peers", "requirements.txt")?);
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
fn detectors(set: &str, own: &str) -> Option<String> {
    const PEERS: [(&str, &str, &str); 4] = [
        ("iforest", "iforest_plain", "scikit-learn's forest, all rows, standard scaling"),
        ("iforest", "iforest_best", "scikit-learn's forest, normal rows, quantiles, 4096 samples"),
        ("original", "original", "the original project's pipeline, without leakage"),
        ("lightgbm", "lightgbm", "LightGBM"),
    ];
    let peers = PEERS.map(|(file, peer, title)| {
        let figures = &kept(file)["sets"][set]["peers"][peer];
        (title, figures["held_out"].clone(), figures["left_out"].clone())
    });
    rows(peers.into_iter().chain(own_views(own)?).collect())
}

/// The views of one pack alone.
fn views(own: &str) -> Option<String> {
    rows(own_views(own)?.to_vec())
}

/// Held-out and left-out figures of a row of a table.
type Row = (&'static str, Value, Value);

fn own_views(own: &str) -> Option<[Row; 4]> {
    const VIEWS: [(&str, &str); 4] = [
        ("forest", "Oddflow's forest"),
        ("autoencoder", "Oddflow's autoencoder"),
        ("network", "Oddflow's network"),
        ("fused", "**Oddflow, all views**"),
    ];
    let manifest = pack(own)?.manifest();
    Some(VIEWS.map(|(view, title)| {
        let by_view = |part: &str| manifest[part]["by_view"][view].clone();
        (title, by_view("cross_validation"), by_view("left_out"))
    }))
}

fn rows(rows: Vec<Row>) -> Option<String> {
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

/// The flow pack on each source that it was not trained on.
fn flow_table() -> Option<String> {
    let manifest = pack("flow")?.manifest();
    let left_out = manifest["left_out"]["by_name"].as_object()?;
    let own = "forest fitted to the source itself";
    let mut table = String::from(
        "| source left out | forest | network | all views | forest fitted to the source itself |\n|---|---|---|---|---|\n",
    );
    for (source, views) in left_out {
        let auc = |view: &str| views[view]["roc_auc"].as_f64().map_or(NOT_RUN.into(), |auc| format!("{auc:.3}"));
        table += &format!("| {source} | {} | {} | {} | {} |\n", auc("forest"), auc("network"), auc("fused"), auc(own));
    }
    let mean = |view: &str| cell(&manifest["left_out"]["by_view"][view]["roc_auc"]);
    table += &format!("| mean | {} | {} | {} | {} |\n", mean("forest"), mean("network"), mean("fused"), mean(own));
    Some(table)
}

/// Drift of each file from each pack's training rows.
fn domain_table() -> Option<String> {
    let files = kept("domain");
    let files = files.as_array()?;
    let packs: Vec<&str> = files.first()?["fits"].as_array()?.iter().filter_map(|fit| fit["pack"].as_str()).collect();
    let mut table = format!("| file | {} |\n|---|{}\n", packs.join(" | "), "---|".repeat(packs.len()));
    for file in files {
        let cell = |fit: &Value| match (fit["drift"].as_f64(), fit["limit"].as_f64(), fit["accepted"].as_bool()) {
            (Some(drift), Some(limit), Some(true)) => format!("**{drift:.2} of {limit:.2}**"),
            (Some(drift), Some(limit), _) => format!("{drift:.2} of {limit:.2}"),
            _ => "–".into(),
        };
        let cells: Vec<String> = file["fits"].as_array()?.iter().map(cell).collect();
        table += &format!("| {} | {} |\n", file["file"].as_str()?, cells.join(" | "));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_tell_mean_and_deviation() {
        assert_eq!(cell(&summary(&[0.5, 0.7])), "0.600 ± 0.100");
        assert_eq!(cell(&json!({"mean": 1})), NOT_RUN);
        assert_eq!(cell(&Value::Null["roc_auc"]), NOT_RUN);
    }
}
