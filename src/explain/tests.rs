//! Culprits that were planted, bars that add up, and sentences as an analyst would say them.

use super::*;
use crate::hybrid::FileFit;
use crate::ingest::Reader;
use crate::rng::Rng;
use crate::schema::{ColumnSpec, Kind, Role, detect};
use std::rc::Rc;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FIT: FileFit = FileFit { n_estimators: 100, max_samples: 256, seed: 1 };

fn number_table(columns: Vec<Vec<f64>>) -> (Table, Schema) {
    let n = columns[0].len();
    let spec = |at: usize| ColumnSpec {
        name: format!("c{at}"),
        canonical: format!("c{at}"),
        kind: Kind::Number,
        role: Role::Feature,
        unit: None,
        why: None,
    };
    let schema = Schema { columns: (0..columns.len()).map(spec).collect(), ..Schema::default() };
    let column = |(at, values): (usize, Vec<f64>)| Column {
        name: format!("c{at}"),
        cells: values.into_iter().map(Cell::number).collect(),
        ..Column::default()
    };
    let table = Table {
        columns: columns.into_iter().enumerate().map(column).collect(),
        spans: vec![Span { start: 0, len: 0 }; n],
        bad: vec![],
    };
    (table, schema)
}

fn read(text: &str) -> (Table, Schema) {
    let mut reader = Reader::new();
    reader.push(text.as_bytes()).unwrap();
    let ingested = reader.finish().unwrap();
    let schema = detect(&ingested.table, ingested.detected);
    (ingested.table, schema)
}

/// How often the column that was made odd is the first reason, among 40 columns of one kind.
fn top_1(draw: fn(&mut Rng) -> f64, culprit: fn(&mut Rng) -> f64) -> f64 {
    const COLUMNS: usize = 40;
    const ROWS: usize = 3000;
    const PLANTED: usize = 60;
    let mut rng = Rng::new(11);
    let mut columns: Vec<Vec<f64>> = (0..COLUMNS).map(|_| (0..ROWS).map(|_| draw(&mut rng)).collect()).collect();
    let planted: Vec<(usize, usize)> =
        (0..PLANTED).map(|at| (at * (ROWS / PLANTED), rng.below(COLUMNS as u32) as usize)).collect();
    planted.iter().for_each(|&(row, column)| columns[column][row] = culprit(&mut rng));
    let (table, schema) = number_table(columns);
    let rows = table.good_rows();
    let detector = Detector::fit_to_file(&table, &schema, &rows, FIT).unwrap();
    let background = Background::fit(&table, &schema, &rows, rows.len());
    let explainer = Explainer::new(Rc::new(detector.clone()), Rc::new(background.clone())).unwrap();
    let mut bound = explainer.bind(&table, &schema).unwrap();
    let found = planted.iter().filter(|&&(row, column)| {
        bound.reasons(row as u32).unwrap().0.first().is_some_and(|reason| reason.tag == format!("c{column}"))
    });
    found.count() as f64 / PLANTED as f64
}

#[test]
fn planted_culprits_come_first() {
    let heavy = |rng: &mut Rng| libm::exp(1.5 * rng.normal());
    let far = |rng: &mut Rng| libm::exp(1.5 * (4.0 + 2.0 * rng.uniform()));
    let found = top_1(heavy, far);
    assert!(found >= 0.9, "heavy tails: {found}");
    let mostly_zero = |rng: &mut Rng| if rng.below(50) > 0 { 0.0 } else { libm::ceil(libm::exp(rng.normal())) };
    let many = |rng: &mut Rng| libm::ceil(libm::exp(3.0 + 2.0 * rng.uniform()));
    let found = top_1(mostly_zero, many);
    assert!(found >= 0.9, "mostly zeros: {found}");
    let found = top_1(|rng| rng.normal(), |rng| 4.5 + rng.uniform());
    assert!(found >= 0.9, "no tails: {found}");
}

/// Flows of a quiet network, and after them some odd ones.
fn flows(odd: &str) -> (Table, Schema) {
    read(&flows_text(odd))
}

fn flows_text(odd: &str) -> String {
    let mut rng = Rng::new(5);
    let mut text = String::from(
        "src_ip,src_port,dst_ip,dst_port,proto,service,duration,src_bytes,dst_bytes,conn_state,src_pkts,dst_pkts,errors\n",
    );
    for i in 0..1000 {
        let (port, proto, service) =
            [(80, "tcp", "http"), (443, "tcp", "ssl"), (53, "udp", "dns")][[0, 0, 1, 2][i % 4]];
        let bytes = libm::round(2000.0 * libm::exp(rng.normal()));
        let error = if i % 200 == 7 { 1 } else { 0 };
        text += &format!(
            "10.0.0.{},{},10.1.0.1,{port},{proto},{service},{:.3},{bytes},{},{},{},{},{error}\n",
            i % 20,
            40_000 + i,
            0.2 * libm::exp(rng.normal()),
            libm::round(3.0 * bytes),
            if i % 10 == 9 { "REJ" } else { "SF" },
            1.0 + libm::floor(bytes / 500.0),
            1.0 + libm::floor(bytes / 400.0),
        );
    }
    text + odd
}

fn explained(odd: &str) -> Explanation {
    let (table, schema) = flows(odd);
    let rows = table.good_rows();
    let detector = Detector::fit_to_file(&table, &schema, &rows, FIT).unwrap();
    let background = Background::fit(&table, &schema, &rows, rows.len());
    let explainer = Explainer::new(Rc::new(detector.clone()), Rc::new(background.clone())).unwrap();
    explainer.bind(&table, &schema).unwrap().explain(1000).unwrap()
}

#[test]
fn reasons_read_as_an_analyst_would_put_it() {
    let check = |odd: &str, expected: &[&str]| {
        let explanation = explained(odd);
        let text = explanation.summary.replace(['\u{202f}', '\u{a0}', '\u{2009}'], " ");
        for part in expected {
            assert!(text.contains(part), "\"{part}\" is not in: {text}");
        }
        assert!(explanation.reasons.len() <= MAX_REASONS);
    };
    check("10.0.0.3,41000,10.1.0.1,443,tcp,ssl,0.3,48000000,3000,SF,5,6,0\n", &["Sent 48.0 MB (typical 2.0"]);
    check(
        "10.0.0.3,41000,10.1.0.1,6667,tcp,irc,0.3,2000,6000,SF,5,6,0\n",
        &["Service irc (most often http, 50.0 %), as in 0.10 % of flows here", "Destination port 6667 (most"],
    );
    check(
        "10.0.0.3,41000,10.1.0.1,80,tcp,http,0.2,2000,6000,RSTOS0,5,6,0\n",
        &[
            "State RSTOS0, a SYN and a reset of the source, without reply (typical SF, 89.9 %), as in 0.10 % of flows here",
        ],
    );
    check(
        "10.0.0.3,41000,10.1.0.1,80,tcp,registered,0.2,2000,6000,SF,5,6,0\n",
        &["Service unknown on a registered port (most often http, 50.0 %)"],
    );
    check(
        "10.0.0.3,41000,10.1.0.1,80,tcp,http,14400,2000,6000,SF,5,6,0\n",
        &["Lasted 4 h (typical 0.2 s), the longest of all flows here"],
    );
    check(
        "10.0.0.3,41000,10.1.0.1,80,tcp,http,,2000,6000,SF,5,6,0\n",
        &["Duration missing (typical 0.", "), which only 0.10 % of flows"],
    );
    check(
        "10.0.0.3,41000,10.1.0.1,80,tcp,http,0.2,2000,6000,SF,5,6,9\n",
        &["errors: 9 (typical 0), where 99.40 % of flows here have 0"],
    );
    check(
        "10.0.0.3,41000,10.1.0.1,443,tcp,ssl,0.2,2000,6000,SF,5,6,0\n",
        &["No single value stands out, but together: ", "typical"],
    );
}

#[test]
fn tcp_flags_are_told_by_their_names() {
    let check = |names: &str, row: &str, usual: &[&str], odd: &str, expected: &str| {
        let rows: String = (0..200).map(|k| row.replace("FLAGS", usual[k % usual.len()]) + "\n").collect();
        let (table, schema) = read(&format!("{names}\n{rows}{}\n", row.replace("FLAGS", odd)));
        let parts = Parts::of(&schema);
        let background = Background::fit(&table, &schema, &table.good_rows(), 201);
        let column = schema.columns.iter().position(|spec| spec.canonical.contains("flags")).unwrap();
        let at = background.find(&schema.columns[column].canonical).unwrap().bind(&table.columns[column], 201);
        let reason = Wording::of(&schema, &parts, column).reason(&at, 200, "flows", true);
        assert!(reason.starts_with(expected), "{reason}");
    };
    let eve =
        "src_ip,dest_ip,src_port,dest_port,proto,flow.bytes_toserver,flow.bytes_toclient,flow.state,tcp.tcp_flags_ts";
    let row = "10.0.0.1,10.0.0.2,50000,443,TCP,60,60,closed,FLAGS";
    // Digits of the base 16, whether they were read as numbers or as texts.
    check(eve, row, &["02"], "1e", "TCP flags of the source: SYN+RST+PSH+ACK (typical SYN, 99.50");
    check(eve, row, &["1b", "1b", "00"], "16", "TCP flags of the source: SYN+RST+ACK (typical FIN+SYN+PSH+ACK,");
    let netflow =
        "L4_DST_PORT,PROTOCOL,IN_BYTES,IN_PKTS,OUT_BYTES,OUT_PKTS,TCP_FLAGS,FLOW_DURATION_MILLISECONDS,L7_PROTO";
    let row = "443,6,640,6,1360,4,FLAGS,1500,91";
    check(netflow, row, &["27"], "0", "TCP flags: none (typical FIN+SYN+PSH+ACK, 99.50");
    check(netflow, row, &["27"], "9999", "TCP flags: 9999 (typical");
}

#[test]
fn bars_add_up_to_what_is_explained() {
    let explanation = explained("10.0.0.3,41000,10.1.0.1,6667,tcp,irc,14400,48000000,3000,S0,5,6,0\n");
    let sum: f64 = explanation.bars.iter().map(|bar| bar.forest).sum();
    let Explained { expected, row } = explanation.forest;
    assert!((sum - (expected - row)).abs() < 1e-9 && sum > 1.0, "{sum}");
    assert!(explanation.bars.windows(2).all(|pair| pair[0].weight >= pair[1].weight));
    assert!((explanation.bars.iter().map(|bar| bar.weight).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn what_no_normal_record_has_is_a_reason() {
    let odd = "10.0.0.3,41000,10.1.0.1,80,sctp,http,0.2,2000,6000,SF,5,6,0\n";
    let text = flows_text(odd);
    let numbered = text.replace(",tcp,", ",6,").replace(",udp,", ",17,").replace(",sctp,", ",132,");
    for text in [text, numbered] {
        a_protocol_of_no_normal_record(&text);
    }
}

fn a_protocol_of_no_normal_record(text: &str) {
    let (table, schema) = read(text);
    let normal: Vec<u32> = (0..1000).collect();
    let detector = Detector::fit_to_normal(&table, &schema, &normal, "the first", FIT).unwrap();
    let background = Background::fit(&table, &schema, &normal, table.n_rows());
    let explainer = Explainer::new(Rc::new(detector.clone()), Rc::new(background.clone())).unwrap();
    let explanation = explainer.bind(&table, &schema).unwrap().explain(1000).unwrap();
    assert_eq!(explanation.reasons[0].tag, "proto");
    let text = &explanation.reasons[0].text;
    assert!(
        text.starts_with("Protocol sctp (typical tcp, ")
            && text.contains("seen in none of the flows here, and no normal"),
        "{text}"
    );
    let sum: f64 = explanation.bars.iter().map(|bar| bar.forest).sum();
    assert!((sum - (explanation.forest.expected - explanation.forest.row)).abs() < 1e-9);
    // The path is the one of which the score is made.
    let mut score = [0.0];
    detector.bind(&table, &schema).unwrap().score(&[1000], &mut [0.0], &mut [], &mut score).unwrap();
    let from_path = libm::exp2(-explanation.forest.row / explainer.paths.average()) as f32;
    assert!((from_path - score[0]).abs() < 1e-5);
}

#[test]
fn texts_of_the_file_cannot_break_out_of_their_place() {
    let odd = "10.0.0.3,41000,10.1.0.1,80,tcp,\"<script>alert(1)</script>; \u{202e}evil that goes on and on\",0.2,2000,6000,SF,5,6,0\n";
    let explanation = explained(odd);
    assert!(!explanation.summary.contains(['\u{202e}']), "{}", explanation.summary);
    assert!(explanation.reasons.iter().all(|reason| reason.text.chars().count() < 300));
}

#[test]
fn what_is_nearly_all_is_said_once() {
    let mut values: Vec<f64> = (0..60_000).map(|at| f64::from(at % 100)).collect();
    // The highest but one: no other is the highest of all.
    (values[7], values[8]) = (5e6, 9e6);
    let (table, schema) = number_table(vec![values]);
    let rows = table.good_rows();
    let detector = Detector::fit_to_file(&table, &schema, &rows, FIT).unwrap();
    let background = Background::fit(&table, &schema, &rows, rows.len());
    let explainer = Explainer::new(Rc::new(detector), Rc::new(background)).unwrap();
    let reasons = explainer.bind(&table, &schema).unwrap().reasons(7).unwrap().0;
    assert!(reasons[0].text.contains("higher than 99.99"), "{}", reasons[0].text);
}

#[test]
fn shares_and_spans_in_words() {
    for (seconds, expected) in [
        (0.0, "0 s"),
        (0.000_25, "250 µs"),
        (0.005, "5 ms"),
        (0.34, "0.34 s"),
        (12.0, "12 s"),
        (61.0, "1 min 1 s"),
        (7200.0, "2 h"),
        (190_000.0, "2 d 4 h"),
    ] {
        assert_eq!(span(seconds).replace('\u{202f}', " "), expected);
    }
    for (x, expected) in
        [(0.0, "0"), (1234.0, "1,234"), (0.25, "0.25"), (-3.5, "−3.5"), (2.5e20, "2.50e20"), (150.26, "150.3")]
    {
        assert_eq!(words::plain(x), expected);
    }
}
