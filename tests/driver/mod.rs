//! An engine with small files, for the tests that use it as a program does.

use oddflow::Result;
use oddflow::engine::{Engine, Outcome};
use oddflow::protocol::{Analysis, Bulk, Lens, Opened, Reply, ReportFormat, Request, Settings};
use std::fmt::Write;

pub fn engine() -> Engine {
    Engine::new(|| Box::new(Vec::new()))
}

pub fn open(engine: &mut Engine, bytes: impl Into<Vec<u8>>) -> Result<Opened> {
    let job = engine.start(
        Request::Open { name: "flows.csv".into(), files: Vec::new() },
        Vec::new(),
        Some(Box::new(bytes.into())),
    );
    match engine.finish(job, |_| ())?.reply {
        Reply::Opened(opened) => Ok(*opened),
        other => panic!("not an opened file: {other:?}"),
    }
}

pub fn analyze(engine: &mut Engine, settings: Settings) -> Result<(Analysis, Vec<Bulk>)> {
    let job = engine.start(Request::Analyze { settings, roles: Vec::new() }, Vec::new(), None);
    match engine.finish(job, |_| ())? {
        Outcome { reply: Reply::Analyzed(analysis), bulk, .. } => Ok((*analysis, bulk)),
        Outcome { reply, .. } => panic!("not an analysis: {reply:?}"),
    }
}

/// 300 ordinary flows, and one of 50 MB as record 300 (from 0).
pub fn flows() -> String {
    let mut text = String::from("src_ip,proto,bytes,packets,info\n");
    for i in 0..300 {
        writeln!(text, "10.0.0.{},{},{},{},row {i}", i % 20, ["tcp", "udp"][i % 2], 500 + i * 7 % 400, 4 + i % 9)
            .unwrap();
    }
    text.push_str("10.0.0.7,icmp,50000000,40000,the odd one\n");
    text
}

pub fn open_reference(engine: &mut Engine, bytes: impl Into<Vec<u8>>) -> Result<Reply> {
    let request = Request::OpenReference { name: "quiet.csv".into() };
    let job = engine.start(request, Vec::new(), Some(Box::new(bytes.into())));
    engine.finish(job, |_| ()).map(|outcome| outcome.reply)
}

/// The built-in sample as text, with its label, perhaps with every number changed.
#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "one of the tests needs it for training alone"))]
pub fn sample(rows: u32, seed: u64, change: impl Fn(f64) -> f64) -> String {
    let mut bytes = Vec::new();
    let mut generator = oddflow::generate::Generator::new(rows, seed);
    while generator.write(1000, &mut bytes) {}
    let text = String::from_utf8(bytes).unwrap();
    let (header, records) = text.split_once('\n').unwrap();
    let field = |field: &str| field.parse().map_or_else(|_| field.to_owned(), |number| change(number).to_string());
    let record = |record: &str| record.split(',').map(field).collect::<Vec<_>>().join(",");
    let records: Vec<String> = records.lines().map(record).collect();
    format!("{header}\n{}\n", records.join("\n"))
}

/// The engine with the pack for NSL-KDD, and a few such records.
#[cfg(feature = "onnx")]
pub fn engine_with_a_pack() -> (Engine, String) {
    let mut engine = engine();
    engine.add_pack(a_pack());
    let mut text = String::new();
    for i in 0..90 {
        let (start, label) = match i % 9 {
            0 => ("0,tcp,private,S0,0,0", "neptune"),
            1 => ("0,tcp,smtp,SF,9000,300", "mailbomb"),
            _ => ("0,tcp,http,SF,230,5450", "normal"),
        };
        let zeros = "0,".repeat(16);
        writeln!(text, "{start},{zeros}{},8,0,0,0,0,1,0,0,255,255,1,0,0,0,0,0,0,0,{label},20", 1 + i % 30).unwrap();
    }
    (engine, text)
}

/// The pack for NSL-KDD, which speaks of whatever has its columns: rows that are made up for a test are too few and too plain to be
/// NSL-KDD's.
#[cfg(feature = "onnx")]
pub fn a_pack() -> oddflow::bundle::Pack {
    let [manifest, forest, dnn] = oddflow::bundle::FILES
        .map(|file| std::fs::read(format!("{}/models/nsl-kdd/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let mut manifest: oddflow::bundle::Manifest = serde_json::from_slice(&manifest).unwrap();
    manifest.domain.limit = 10.0;
    oddflow::bundle::Pack::open(&manifest.to_json(), &forest, &dnn).unwrap()
}

pub fn report(engine: &mut Engine, lens: Lens) -> serde_json::Value {
    let request = Request::Report { lens, format: ReportFormat::Json, made: None };
    let job = engine.start(request, Vec::new(), None);
    let written = engine.finish(job, |_| ()).expect("it was scored").written.expect("a report writes");
    serde_json::from_slice(&written.into_any().downcast::<Vec<u8>>().expect("our own spool")).expect("JSON")
}
