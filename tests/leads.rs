//! What a person has to see first in real logs, without a label: the beacon of RITA's test network among the first ten leads,
//! and the command-and-control flows of an IoT malware among the first three.
//!
//! The files are found by `ODDFLOW_DATA`, by default `../shared/data`; those that are not there are skipped with a word.

use oddflow::explain::{Background, Explainer};
use oddflow::flow::Parts;
use oddflow::groups::beacons::{PairFold, Pairs};
use oddflow::groups::{GroupFold, Groups, Lead, leads};
use oddflow::hybrid::{Detector, FileFit};
use oddflow::ingest::{Decoder, Reader};
use oddflow::schema::{Role, Schema, detect};
use oddflow::table::Table;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const FIT: FileFit = FileFit { n_estimators: 100, max_samples: 256, seed: 0 };

fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    let path = Path::new(&root).join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

fn decoded(path: &Path) -> Vec<u8> {
    let (mut decoder, mut bytes) = (Decoder::new(), Vec::new());
    decoder.push(&std::fs::read(path).unwrap(), &mut bytes).unwrap();
    decoder.finish(&mut bytes).unwrap();
    bytes
}

fn table(bytes: &[u8]) -> (Table, Schema) {
    let mut reader = Reader::new();
    reader.push(bytes).unwrap();
    let ingested = reader.finish().unwrap();
    let schema = detect(&ingested.table, ingested.detected);
    (ingested.table, schema)
}

/// Leads by a forest that is fitted to the file itself, with the rows counted in several parts.
fn found(table: &Table, schema: &Schema, parts_of_file: usize) -> (Vec<Lead>, Vec<f32>) {
    let rows = table.good_rows();
    let detector = Detector::fit_to_file(table, schema, &rows, FIT).unwrap();
    let (mut forest, mut score) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
    detector.bind(table, schema).unwrap().score(&rows, &mut forest, &mut [], &mut score).unwrap();
    let threshold = detector.limited_threshold(&score).value;
    let background = Background::fit(table, schema, &rows, rows.len());
    let explainer = Explainer::new(Rc::new(detector.clone()), Rc::new(background.clone())).unwrap();
    let mut explainer = explainer.bind(table, schema).unwrap();
    let parts = Parts::of(schema);
    let (mut groups, mut pairs) = (Groups::default(), Pairs::default());
    for chunk in (0..rows.len()).collect::<Vec<_>>().chunks(rows.len().div_ceil(parts_of_file)) {
        let mut group_fold = GroupFold::new(&parts, table, schema, threshold);
        let mut pair_fold = PairFold::new(&parts, table).unwrap();
        for &at in chunk {
            let reasons = if score[at] >= threshold { explainer.reasons(rows[at]).unwrap().0 } else { Vec::new() };
            group_fold.add(rows[at], rows[at], score[at], reasons.first().map(|reason| reason.tag.as_str()));
            pair_fold.add(rows[at], rows[at]);
        }
        groups.merge(group_fold.finish());
        pairs.merge(pair_fold.finish());
    }
    (leads(&groups, &pairs, 10), score)
}

fn show(leads: &[Lead]) -> String {
    leads.iter().map(|lead| format!("{}: {} [{}]\n", lead.title, lead.why.join(" / "), lead.query)).collect()
}

#[test]
fn a_beacon_that_no_single_flow_shows_is_among_the_first_leads() {
    let Some(folder) = data("zeek/rita/missing_host") else { return };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let bytes = decoded(&path);
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        // The first file's preamble names the columns of all.
        let is_first = all.is_empty();
        lines.filter(|line| is_first || !line.starts_with(b"#")).for_each(|line| all.extend_from_slice(line));
    }
    let (table, schema) = table(&all);
    for parts_of_file in [1, 7] {
        let (leads, _) = found(&table, &schema, parts_of_file);
        let beacon = leads.iter().position(|lead| lead.title.starts_with("73.54.23.243 → 64.225.56.201"));
        assert!(beacon.is_some_and(|place| place < 10), "{}", show(&leads));
    }
}

#[test]
fn flows_to_a_control_server_are_among_the_first_leads() {
    let Some(path) = data("iot-23/CTU-Malware-Capture-20-1-labeled.csv") else { return };
    let (table, mut schema) = table(&decoded(&path));
    let at = schema.columns.iter().position(|spec| spec.role == Role::Label).unwrap();
    let is_malicious = |row: &u32| table.columns[at].text(*row as usize) == Some("Malicious");
    let malicious: Vec<u32> = table.good_rows().into_iter().filter(is_malicious).collect();
    assert_eq!(malicious.len(), 16);
    for at in 0..schema.columns.len() {
        if matches!(schema.columns[at].role, Role::Label | Role::AttackName) {
            schema.set_role(at, Role::Ignored);
        }
    }
    let (leads, score) = found(&table, &schema, 3);
    let rank = |row: u32| score.iter().filter(|&&other| other > score[row as usize]).count() + 1;
    assert!(
        malicious.iter().all(|&row| rank(row) <= 50),
        "{:?}",
        malicious.iter().map(|&row| rank(row)).collect::<Vec<_>>()
    );
    let group = leads.iter().position(|lead| lead.query.contains("66.85.157.90"));
    assert!(group.is_some_and(|place| place < 3), "{}", show(&leads));
}
