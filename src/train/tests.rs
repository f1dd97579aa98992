use super::*;
use crate::bundle::Pack;
use crate::evaluate::roc_auc;
use crate::generate::Generator;
use crate::ingest::{Ingested, Reader};
use crate::schema::detect;
use std::sync::OnceLock;

/// The built-in sample, small.
fn sample(rows: u32, seed: u64) -> (Ingested, Schema) {
    let mut csv = Vec::new();
    let mut generator = Generator::new(rows, seed);
    while generator.write(1000, &mut csv) {}
    let mut reader = Reader::new();
    reader.push(&csv).unwrap();
    let ingested = reader.finish().unwrap();
    let schema = detect(&ingested.table, ingested.detected);
    (ingested, schema)
}

fn quick() -> TrainParams {
    let mut params = TrainParams::new("test", "0", 1);
    params.views.n_estimators = 20;
    params.views.max_samples = 256;
    params.views.n_folds = 2;
    params.views.classifier.hidden = vec![16];
    params.views.classifier.steps = 100;
    params.views.autoencoder.as_mut().unwrap().hidden = vec![4];
    params.views.autoencoder.as_mut().unwrap().steps = 100;
    params.runs = 1;
    params
}

/// A pack made of 6,000 rows, and its making retold.
fn pack() -> &'static (PackFiles, Vec<Progress>) {
    static PACK: OnceLock<(PackFiles, Vec<Progress>)> = OnceLock::new();
    PACK.get_or_init(|| {
        let (ingested, schema) = sample(6000, 1);
        let mut told = Vec::new();
        let files = train(&ingested.table, &schema, &quick(), &mut |progress| told.push(progress)).unwrap();
        (files, told)
    })
}

#[test]
fn a_pack_finds_the_anomalies_of_a_day_it_has_not_seen() {
    let (files, told) = pack();
    assert!(told.windows(2).all(|pair| pair[0].done <= pair[1].done) && told.last().unwrap().done == 1.0);
    let pack = Pack::open(&files.manifest, &files.forest, &files.dnn).unwrap();
    assert!(pack.network().is_portable());
    let (ingested, schema) = sample(4000, 2);
    pack.fits(&ingested.table, &schema).unwrap();
    let detector = pack.detector();
    let rows = ingested.table.good_rows();
    let mut out = vec![vec![0.0; rows.len()]; 3];
    let [forest, dnn, score] = &mut out[..] else { unreachable!() };
    detector.bind(&ingested.table, &schema).unwrap().score(&rows, forest, dnn, score).unwrap();
    let labels = crate::schema::labels(&ingested.table, &schema).unwrap();
    let auc = roc_auc(score, &labels);
    assert!(auc > 0.9, "ROC AUC {auc}");
    let flagged = crate::evaluate::confusion(score, &labels, detector.threshold).false_positive_rate();
    assert!((0.02..0.1).contains(&flagged), "flags {flagged} of the normal rows, trained for 0.05");
}

#[test]
fn a_recipe_is_judged_by_what_it_has_not_seen() {
    let pack = Pack::open(&pack().0.manifest, &pack().0.forest, &pack().0.dnn).unwrap();
    let manifest = pack.manifest();
    // Too few rows to find much of what was left out; but more than by chance.
    for (what, validation, least) in
        [("known", &manifest.cross_validation, 0.85), ("left out", &manifest.left_out, 0.6)]
    {
        assert_eq!(validation.runs, 1, "{what}");
        let views: Vec<&str> = validation.by_view.keys().map(String::as_str).collect();
        assert_eq!(views, ["autoencoder", "forest", "fused", "network"], "{what}");
        assert!(validation.by_view["fused"].roc_auc.mean > least, "{what}: {validation:?}");
    }
    assert!(manifest.left_out.by_name.len() > 1 && manifest.cross_validation.by_name.is_empty());
    assert!(manifest.domain.limit > 0.0 && manifest.domain.limit < 10.0, "{}", manifest.domain.limit);
}

#[test]
fn normal_rows_alone_are_enough_to_train_with() {
    let (ingested, mut schema) = sample(4000, 1);
    let label = schema.label_column().unwrap();
    let params = TrainParams { normal_only: true, ..quick() };
    let judged = train(&ingested.table, &schema, &params, &mut |_| {}).unwrap();
    let judged = Pack::open(&judged.manifest, &judged.forest, &judged.dnn).unwrap();
    assert!(judged.manifest().cross_validation.by_view["fused"].roc_auc.mean > 0.85);
    // Without labels, every row counts as normal, and there is nothing to judge by.
    schema.set_role(label, crate::schema::Role::Ignored);
    let unlabelled = train(&ingested.table, &schema, &params, &mut |_| {}).unwrap();
    let unlabelled = Pack::open(&unlabelled.manifest, &unlabelled.forest, &unlabelled.dnn).unwrap();
    assert_eq!(unlabelled.manifest().cross_validation.runs, 0);
}

#[test]
fn several_sources_make_one_pack_of_flow_records() {
    let view = |seed| {
        let (ingested, schema) = sample(2000, seed);
        (format!("day {seed}"), crate::flow::view(&ingested.table, &schema).unwrap())
    };
    let views: Vec<_> = [1, 2, 3].map(view).into_iter().map(|(name, (table, schema))| (name, table, schema)).collect();
    let (table, schema) = crate::flow::concat(&views);
    let params = TrainParams { record: Record::Flow, leave_out: LeaveOut::Sources, ..quick() };
    let files = train(&table, &schema, &params, &mut |_| {}).unwrap();
    let pack = Pack::open(&files.manifest, &files.forest, &files.dnn).unwrap();
    let manifest = pack.manifest();
    let left_out: Vec<&str> = manifest.left_out.by_name.keys().map(String::as_str).collect();
    assert_eq!(left_out, ["day 1", "day 2", "day 3"]);
    assert!(manifest.left_out.by_view.contains_key(OWN_FOREST));
    let (ingested, schema) = sample(1000, 4);
    assert!(pack.fits(&ingested.table, &schema).is_ok());
    let (table, schema) = manifest.record.view(&ingested.table, &schema).unwrap().unwrap();
    let fit = manifest.domain.report("flow", &table, &schema, &table.good_rows()).unwrap();
    assert!(fit.accepted, "{fit:?}");
}

#[test]
fn the_same_rows_and_seed_give_the_same_pack() {
    let (ingested, schema) = sample(1500, 3);
    let params = TrainParams { runs: 0, ..quick() };
    let make = |params: &TrainParams| train(&ingested.table, &schema, params, &mut |_| {}).unwrap();
    assert_eq!(make(&params), make(&params));
    // Nor do the rounds before it depend on what else the machine does.
    let judged = TrainParams { runs: 1, ..quick() };
    assert_eq!(make(&judged), make(&judged));
    let other = TrainParams { seed: 2, ..params.clone() };
    assert_ne!(make(&params).manifest, make(&other).manifest);
}

#[test]
fn a_pack_that_was_tampered_with_is_refused() {
    let files = &pack().0;
    let manifest = String::from_utf8(files.manifest.clone()).unwrap();
    let check = |manifest: &str, forest: &[u8], dnn: &[u8], expected: &str| {
        let what = Pack::open(manifest.as_bytes(), forest, dnn).err().expect(expected).what;
        assert!(what.contains(expected), "{what}");
    };
    let edited = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        manifest.replacen(from, to, 1)
    };
    let mut flipped = files.forest.clone();
    flipped[40] ^= 1;
    check(&manifest, &flipped, &files.dnn, "forest.bin is not the file");
    check(&manifest, &files.forest, &files.dnn[1..], "dnn.onnx is not the file");
    check("{}", &files.forest, &files.dnn, "cannot be read");
    check(&manifest[..manifest.len() / 2], &files.forest, &files.dnn, "cannot be read");
    check(&edited("oddflow-pack", "zip"), &files.forest, &files.dnn, "not that of an Oddflow pack");
    check(&edited("\"version\":2", "\"version\":9"), &files.forest, &files.dnn, "version 9");
    check(&edited("\"network_cap\":3.0", "\"network_cap\":-3.0"), &files.forest, &files.dnn, "calibration");
    let endless = format!("\"threshold\":1{}", "0".repeat(60));
    check(&edited("\"threshold\":1", &endless), &files.forest, &files.dnn, "threshold makes no sense");
    // Another forest, with a manifest that admits it.
    let other =
        crate::forest::IsolationForestParams::default().fit(ndarray::Array2::zeros((9, 2)).view()).unwrap().to_bytes();
    let mut admitted: Manifest = serde_json::from_str(&manifest).unwrap();
    admitted.forest = FileDigest::of(&other);
    check(&String::from_utf8(admitted.to_json()).unwrap(), &other, &files.dnn, "forest takes 2 features");
}

#[test]
fn tables_that_cannot_be_learned_from_are_refused() {
    let check = |csv: String, expected: &str| {
        let mut reader = Reader::new();
        reader.push(csv.as_bytes()).unwrap();
        let ingested = reader.finish().unwrap();
        let schema = detect(&ingested.table, ingested.detected);
        let what = train(&ingested.table, &schema, &quick(), &mut |_| {}).expect_err(expected).what;
        assert!(what.contains(expected), "{what}");
    };
    let lines = |label: &dyn Fn(u32) -> &'static str| {
        (0..40).map(|i| format!("{i},{},{}\n", i % 7, label(i))).collect::<String>()
    };
    check(format!("a,b,c\n{}", lines(&|i| if i % 2 == 0 { "x" } else { "y" })), "No column tells");
    check(format!("a,b,label\n{}", lines(&|i| if i % 2 == 0 { "normal" } else { "attack" })), "too few");
}
