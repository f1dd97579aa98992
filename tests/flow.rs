//! Real flow logs as flow records: little is missing that the source has, values are sane, labels are the file's own.
//!
//! The files are found by `ODDFLOW_DATA`, by default `../shared/data`; those that are not there are skipped with a
//! message.

use oddflow::flow;
use oddflow::ingest::{Decoder, Ingested, Reader};
use oddflow::schema::{ANOMALY, Schema, detect, labels};
use oddflow::table::{Cells, Table, Value};
use std::path::{Path, PathBuf};

/// The file as flow records, with its own labels, or `None` after saying that it is not there.
fn real(path: &str) -> Option<(Table, Schema, Option<Vec<u8>>)> {
    let root = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    let Ok(bytes) = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(PathBuf::from(root)).join(path)) else {
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
    let (view, derived) = flow::view(&table, &schema).unwrap_or_else(|| panic!("{path} is no flow log"));
    assert_eq!((&view.spans, &view.bad), (&table.spans, &table.bad), "{path}");
    Some((view, derived, labels(&table, &schema)))
}

/// The shares of good rows without a value, in percent, by column.
fn missing(table: &Table) -> Vec<(&str, f64)> {
    let rows = table.good_rows();
    let share = |cells: &Cells| {
        let missing = rows.iter().filter(|&&row| cells.at(row as usize).value() == Value::Missing).count();
        100.0 * missing as f64 / rows.len() as f64
    };
    table.columns.iter().map(|column| (column.name.as_str(), share(&column.cells))).collect()
}

/// What every view keeps to.
fn check_sanity(path: &str, table: &Table, schema: &Schema) {
    for (column, spec) in table.columns.iter().zip(&schema.columns) {
        assert_eq!((column.cells.len(), &column.name), (table.n_rows(), &spec.canonical), "{path}");
        let range = match spec.unit.as_deref() {
            Some("-1 to 1") => -1.0..=1.0,
            _ => 0.0..=1e22,
        };
        for cell in column.cells.iter() {
            let sane = match cell.value() {
                Value::Number(x) => range.contains(&x) && spec.unit.is_some() || spec.canonical == "label",
                Value::Text(code) => spec.unit.is_none() && (code as usize) < column.dictionary.len(),
                Value::Missing => true,
                Value::UnkeptText => false,
            };
            assert!(sane, "{path}: {} is {cell:?}", column.name);
        }
    }
}

/// What is expected of a real file.
struct Expected {
    path: &'static str,
    rows: usize,
    anomalies: usize,
    /// Columns that the source does not say at all.
    lacks: &'static str,
    /// Columns without a value in more than a twentieth of the rows.
    often: &'static str,
}

#[test]
fn real_logs_become_flow_records() {
    let expected = |path, rows, anomalies, lacks, often| Expected { path, rows, anomalies, lacks, often };
    let files = [
        expected(
            "nsl-kdd/KDDTrain+.txt",
            125_973,
            58_630,
            "dst_port_class src_port_class fwd_pkts rev_pkts pkts fwd_bytes_per_pkt rev_bytes_per_pkt \
             bytes_per_pkt pkts_ratio pkts_per_s",
            "service bytes_ratio bytes_per_s",
        ),
        expected(
            "unsw-nb15/UNSW_NB15_half.csv",
            41_371,
            22_882,
            "dst_port_class src_port_class",
            "service rev_bytes_per_pkt",
        ),
        expected("unsw-nb15/raw49_comma_BOM_Escenario3_rcarmas.csv", 3400, 117, "", ""),
        expected("unsw-nb15/raw49_semicolon_Escenario3_hfcatucuamba.csv", 3000, 1500, "", "rev_bytes_per_pkt"),
        expected("unsw-nb15/unsw-nb15_1_sampled.csv", 7000, 204, "dst_port_class src_port_class", "service"),
        expected("cic/cicids2017_cleaned_stratified12k.csv", 12_000, 2027, "src_port_class", "rev_bytes_per_pkt"),
        expected(
            "cic/cicids2017_78feat_sample_starrix16.csv",
            6311,
            6084,
            "service dst_port_class src_port_class",
            "rev_bytes_per_pkt",
        ),
        expected(
            "cic/cic_0.01km.csv",
            28_303,
            5641,
            "service dst_port_class src_port_class rev_bytes bytes rev_bytes_per_pkt bytes_per_pkt \
             bytes_ratio bytes_per_s",
            "",
        ),
        expected(
            "iot-23/CTU-Malware-Capture-20-1-labeled.csv",
            3209,
            16,
            "",
            "rev_bytes_per_pkt bytes_per_s pkts_per_s",
        ),
        expected(
            "iot-23/CTU-Malware-Capture-34-1-labeled.csv",
            23_145,
            21_222,
            "",
            "fwd_bytes_per_pkt rev_bytes_per_pkt bytes_per_pkt bytes_ratio pkts_ratio bytes_per_s pkts_per_s",
        ),
        expected("iot-23/CTU-Honeypot-Capture-4-1-labeled.csv", 452, 0, "", ""),
        expected(
            "iot-23/CTU-Honeypot-Capture-5-1-labeled.csv",
            1374,
            0,
            "",
            "dst_port_class src_port_class rev_bytes_per_pkt bytes_per_s pkts_per_s",
        ),
        expected(
            "zeek/stratosphere/001-zeek-scenario-malicious/labeled-conn.log",
            992,
            244,
            "",
            "dst_port_class src_port_class rev_bytes_per_pkt bytes_per_s pkts_per_s label",
        ),
        expected("zeek/stratosphere/008-zeek-mixed/conn.log.labeled", 5663, 4201, "", "rev_bytes_per_pkt"),
        expected("zeek/stratosphere/010-zeek-mixed/conn.log.labeled", 5347, 3373, "", "rev_bytes_per_pkt"),
        expected(
            "zeek/rita/missing_host/2024-04-19_conn.00_00_00-01_00_00.log.gz",
            1765,
            0,
            "",
            "dst_port_class src_port_class",
        ),
        expected(
            "netflow/NF-BoT-IoT-v2_first100k.csv.gz",
            100_000,
            99_545,
            "",
            "rev_bytes_per_pkt bytes_per_s pkts_per_s",
        ),
        expected(
            "netflow/test1-malicious.nfdump.csv",
            4596,
            0,
            "rev_bytes rev_pkts rev_bytes_per_pkt bytes_ratio pkts_ratio",
            "bytes_per_s pkts_per_s",
        ),
        expected("argus/test2-malicious.binetflow", 6751, 0, "", ""),
        expected(
            "argus/test3-mixed.binetflow",
            89,
            0,
            "",
            "dst_port_class src_port_class rev_bytes_per_pkt bytes_per_s pkts_per_s",
        ),
        expected(
            "firewall-cloud/aws_vpc_v2_elastic.log",
            7,
            0,
            "rev_bytes rev_pkts rev_bytes_per_pkt bytes_ratio pkts_ratio",
            "proto service dst_port_class src_port_class state fwd_bytes fwd_pkts bytes pkts fwd_bytes_per_pkt \
             bytes_per_pkt bytes_per_s pkts_per_s",
        ),
        expected(
            "seed/synthetic_network_traffic_10k.csv",
            10_000,
            59,
            "proto service dst_port_class src_port_class",
            "duration state fwd_bytes rev_bytes fwd_pkts rev_pkts bytes pkts fwd_bytes_per_pkt rev_bytes_per_pkt \
             bytes_per_pkt bytes_ratio pkts_ratio bytes_per_s pkts_per_s",
        ),
    ];
    for Expected { path, rows, anomalies, lacks, often } in files {
        let Some((table, schema, own_labels)) = real(path) else { continue };
        check_sanity(path, &table, &schema);
        assert_eq!(labels(&table, &schema), own_labels, "{path}");
        let found = own_labels.iter().flatten().filter(|&&label| label == ANOMALY).count();
        assert_eq!((table.n_rows(), found), (rows, anomalies), "{path}");
        let missing = missing(&table);
        let shown: Vec<String> = missing.iter().map(|(name, share)| format!("{name} {share:.0}")).collect();
        println!("{path}: {rows} rows, {anomalies} anomalies; missing %: {}", shown.join(", "));
        let names = |is: fn(f64) -> bool| {
            let such = missing.iter().filter(|(name, share)| is(*share) && *name != "attack");
            such.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(|share| share == 100.0), lacks, "{path}");
        assert_eq!(names(|share| share > 5.0 && share < 100.0), often, "{path}");
    }
}
