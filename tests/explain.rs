//! Reasons with the packs that ship: bars that add up to what each stage says, and words for every flagged row.
//!
//! KDDTrain+ is found by `ODDFLOW_DATA`, by default `../shared/data`; without it its test says that it skipped.
#![cfg(feature = "onnx")]

use oddflow::bundle::{FILES, Pack};
use oddflow::explain::{Background, Explained, Explainer};
use oddflow::generate::Generator;
use oddflow::hybrid::logit;
use oddflow::ingest::Reader;
use oddflow::rng::Rng;
use oddflow::schema::{Schema, detect};
use oddflow::table::Table;
use std::path::Path;
use std::rc::Rc;

fn pack(name: &str) -> Pack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    let [manifest, forest, network] = FILES.map(|file| std::fs::read(folder.join(file)).unwrap());
    Pack::open(&manifest, &forest, &network).unwrap()
}

fn read(bytes: &[u8]) -> (Table, Schema) {
    let mut reader = Reader::new();
    reader.push(bytes).unwrap();
    let ingested = reader.finish().unwrap();
    let schema = detect(&ingested.table, ingested.detected);
    (ingested.table, schema)
}

/// Explains some of the flagged rows, checks that the bars add up, and gives the reasons in one line each.
fn explained(pack: &str, table: &Table, schema: &Schema, n: u32) -> Vec<String> {
    let detector = self::pack(pack).detector();
    let view = detector.record.view(table, schema).unwrap();
    let (table, schema) = view.as_ref().map_or((table, schema), |(table, schema)| (table, schema));
    let rows = table.good_rows();
    let (mut forest, mut network, mut score) = (vec![0.0; rows.len()], vec![0.0; rows.len()], vec![0.0; rows.len()]);
    detector.bind(table, schema).unwrap().score(&rows, &mut forest, &mut network, &mut score).unwrap();
    let background = Background::fit(table, schema, &rows, rows.len());
    let background: Background = serde_json::from_str(&serde_json::to_string(&background).unwrap()).unwrap();
    let explainer = Explainer::new(Rc::new(detector.clone()), Rc::new(background)).unwrap();
    let mut explainer = explainer.bind(table, schema).unwrap();
    let flagged: Vec<usize> = (0..rows.len()).filter(|&at| score[at] >= detector.threshold).collect();
    assert!(!flagged.is_empty());
    let some = Rng::new(1).sample(flagged.len() as u32, n).into_iter().map(|at| flagged[at as usize]);
    let lines = some.map(|at| {
        let explanation = explainer.explain(rows[at]).unwrap();
        let sum = |of: fn(&oddflow::explain::Bar) -> f64| explanation.bars.iter().map(of).sum::<f64>();
        let difference = |of: Explained| of.row - of.expected;
        assert!((sum(|bar| bar.forest) + difference(explanation.forest)).abs() < 1e-6);
        let of_network = explanation.network.unwrap();
        assert!((sum(|bar| bar.network) - difference(of_network)).abs() < 1e-6);
        // Near 0 and 1 a probability of single precision tells less than its logit.
        let told = logit(network[at]);
        assert!(told.abs() > 12.0 || (told - of_network.row).abs() < 1e-2, "{told} {}", of_network.row);
        assert!((sum(|bar| bar.reconstruction) - explanation.reconstruction.unwrap_or(0.0)).abs() < 1e-6);
        let line = explainer.reasons(rows[at]).unwrap().1;
        assert!(!line.is_empty() && explanation.reasons.len() <= 3);
        format!("{:.2} {line}", score[at])
    });
    lines.collect()
}

#[test]
fn made_up_flows_have_reasons() {
    let (mut generator, mut csv) = (Generator::new(4000, 1), Vec::new());
    while generator.write(1000, &mut csv) {}
    let (table, schema) = read(&csv);
    for line in explained("flow", &table, &schema, 12) {
        println!("{line}");
    }
}

#[test]
fn flagged_rows_of_kdd_have_reasons() {
    let root = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(root).join("nsl-kdd/KDDTrain+.txt");
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let end =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(30_000).map_or(bytes.len(), |(at, _)| at);
    let (table, schema) = read(&bytes[..end]);
    for line in explained("nsl-kdd", &table, &schema, 20) {
        println!("{line}");
    }
}
