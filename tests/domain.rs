//! The packs that ship know their own kind of file, whole or small, and decline other networks' files.
//!
//! The files are found by `ODDFLOW_DATA`, by default `../shared/data`; those that are not there are skipped with a
//! message.

use oddflow::domain::Domain;
use oddflow::flow;
use oddflow::ingest::{Decoder, Ingested, Reader};
use oddflow::rng::Rng;
use oddflow::schema::{Schema, detect};
use oddflow::table::Table;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file as the pack reads it, or `None` after saying that it is not there.
fn real(pack: &str, path: &str) -> Option<(Table, Schema)> {
    let data = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    let Ok(bytes) = std::fs::read(root().join(PathBuf::from(data)).join(path)) else {
        eprintln!("skipped: {path} is not there");
        return None;
    };
    let (mut decoder, mut reader, mut decoded) = (Decoder::new(), Reader::new(), Vec::new());
    decoder.push(&bytes, &mut decoded).unwrap();
    reader.push(&decoded).unwrap();
    decoded.clear();
    decoder.finish(&mut decoded).unwrap();
    reader.push(&decoded).unwrap();
    let Ingested { table, detected, .. } = reader.finish().unwrap();
    let schema = detect(&table, detected);
    if pack == "flow" { flow::view(&table, &schema) } else { Some((table, schema)) }
}

fn domain(pack: &str) -> Domain {
    let manifest = std::fs::read(root().join("models").join(pack).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    serde_json::from_value(manifest["domain"].clone()).unwrap()
}

/// A file of the pack's own kind: whole, as slices from all over it, and as some of its rows at random.
fn check_own(pack: &str, path: &str) {
    let Some((table, schema)) = real(pack, path) else { return };
    let (domain, rows) = (domain(pack), table.good_rows());
    let check = |what: &str, rows: &[u32]| {
        let fit = domain.report(pack, &table, &schema, rows).unwrap();
        assert!(fit.accepted, "{pack}, {path}, {what}: {} of {}", fit.drift, fit.limit);
    };
    check("whole", &rows);
    for n in [1000, 5000] {
        for part in rows.chunks_exact(rows.len().div_ceil(8)).filter(|part| part.len() >= n) {
            check(&format!("{n} rows from {}", part[0]), &part[..n]);
        }
        let some = Rng::new(n as u64).sample(rows.len() as u32, n as u32);
        check(&format!("{n} rows at random"), &some.into_iter().map(|at| rows[at as usize]).collect::<Vec<_>>());
    }
}

#[test]
fn packs_accept_their_own_kind_whole_or_small() {
    check_own("nsl-kdd", "nsl-kdd/KDDTrain+.txt");
    check_own("unsw-nb15", "unsw-nb15/UNSW_NB15_half.csv");
    check_own("cicids2017", "cic/cicids2017_cleaned_stratified12k.csv");
}

#[test]
fn the_pack_for_any_flow_log_knows_its_captures_and_declines_other_networks() {
    for (path, accepted) in [
        ("iot-23/CTU-Malware-Capture-20-1-labeled.csv", true),
        ("iot-23/CTU-Malware-Capture-34-1-labeled.csv", true),
        ("iot-23/CTU-Honeypot-Capture-4-1-labeled.csv", true),
        ("iot-23/CTU-Honeypot-Capture-5-1-labeled.csv", true),
        ("zeek/stratosphere/008-zeek-mixed/conn.log.labeled", true),
        ("zeek/stratosphere/010-zeek-mixed/conn.log.labeled", true),
        ("unsw-nb15/UNSW_NB15_half.csv", true),
        ("unsw-nb15/raw49_comma_BOM_Escenario3_rcarmas.csv", true),
        ("unsw-nb15/unsw-nb15_1_sampled.csv", true),
        ("cic/cicids2017_cleaned_stratified12k.csv", true),
        ("netflow/NF-BoT-IoT-v2_first100k.csv.gz", true),
        ("nsl-kdd/KDDTrain+.txt", false),
        ("cic/cic_0.01km.csv", false),
        ("zeek/stratosphere/001-zeek-scenario-malicious/labeled-conn.log", false),
        ("netflow/test1-malicious.nfdump.csv", false),
        ("argus/test2-malicious.binetflow", false),
        ("argus/test3-mixed.binetflow", false),
        ("seed/synthetic_network_traffic_10k.csv", false),
    ] {
        let Some((table, schema)) = real("flow", path) else { continue };
        let fit = domain("flow").report("flow", &table, &schema, &table.good_rows()).unwrap();
        assert_eq!(fit.accepted, accepted, "{path}: {} of {}", fit.drift, fit.limit);
    }
}
