//! The engine as its programs use it: a file in, a verdict for every record out.

mod driver;

#[cfg(feature = "onnx")]
use driver::engine_with_a_pack;
use driver::{analyze, engine, flows, open, open_reference, report, sample};
use oddflow::engine::{APPENDED_COLUMNS, Engine, Step};
use oddflow::evaluate::Bootstrap;
use oddflow::protocol::{Bulk, Lens, PackChoice, Reference, Reply, Request, RoleChange, Settings, SortKey};
use oddflow::schema::Role;
use std::cell::Cell;
use std::fmt::Write;

fn export(engine: &mut Engine, threshold: f32) -> String {
    let job = engine.start(Request::Export { lens: Lens::new(threshold) }, Vec::new(), None);
    let written = engine.finish(job, |_| ()).expect("it was scored").written.expect("an export writes");
    String::from_utf8(*written.into_any().downcast::<Vec<u8>>().expect("our own spool")).expect("UTF-8")
}

fn arrange(engine: &mut Engine, sort: SortKey, descending: bool, filter: &str) -> Vec<u32> {
    let request =
        Request::Arrange { sort, descending, lens: Lens { filter: filter.into(), ..Lens::new(0.5) }, first: 0 };
    let job = engine.start(request, Vec::new(), None);
    match engine.finish(job, |_| ()).expect("it was scored").bulk.remove(0) {
        Bulk::U32(rows) => rows.to_vec(),
        other => panic!("not rows: {other:?}"),
    }
}

#[test]
fn the_odd_record_comes_first_and_every_record_comes_out() {
    let mut engine = engine();
    let opened = open(&mut engine, flows()).unwrap();
    assert_eq!((opened.n_rows, opened.n_bad), (301, 0));
    let (analysis, bulk) = analyze(&mut engine, Settings::default()).unwrap();
    assert_eq!(analysis.pack, None);
    assert_eq!(
        bulk,
        [
            Bulk::F32(
                engine
                    .scores()
                    .unwrap()
                    .order
                    .iter()
                    .map(|&row| engine.scores().unwrap().score[row as usize])
                    .collect()
            ),
            Bulk::U8(vec![]),
            Bulk::U32(engine.scores().unwrap().order.to_vec().into()),
        ]
    );
    assert_eq!(engine.scores().unwrap().order[0], 300);

    let written = export(&mut engine, analysis.threshold);
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 302);
    assert_eq!(lines[0], format!("src_ip,proto,bytes,packets,info,{}", APPENDED_COLUMNS.join(",")));
    assert!(lines[301].starts_with("10.0.0.7,icmp,50000000,40000,the odd one,0.") && lines[301].contains(",anomaly,"));
    for (input, output) in flows().lines().zip(&lines) {
        assert!(output.starts_with(input), "{output}");
    }
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let run = |seed| {
        let mut engine = engine();
        open(&mut engine, flows()).unwrap();
        let (analysis, _) = analyze(&mut engine, Settings { seed, ..Settings::default() }).unwrap();
        export(&mut engine, analysis.threshold)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn contamination_flags_that_share() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    let settings = Settings { contamination: Some(0.1), ..Settings::default() };
    let (analysis, _) = analyze(&mut engine, settings).unwrap();
    let flagged = export(&mut engine, analysis.threshold).matches(",anomaly,").count();
    assert!((20..=30).contains(&flagged), "{flagged} of 301");
}

#[test]
fn bad_records_are_kept_unscored_with_their_cause() {
    let text = flows() + "too,few\nfar,too,1,2,many,fields,here\n";
    let mut engine = engine();
    let opened = open(&mut engine, text).unwrap();
    assert_eq!((opened.n_rows, opened.n_bad), (303, 2));
    assert_eq!(opened.bad[0].line, 303);
    analyze(&mut engine, Settings::default()).unwrap();
    let written = export(&mut engine, 0.5);
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
    assert_eq!(&records[301][0], "too");
    assert_eq!(&records[302][4], "many,fields,here");
    for record in &records[301..] {
        assert_eq!((&record[5], &record[7], &record[8]), ("", "", "unscored"));
        assert!(record[12].contains("fields"), "{record:?}");
    }
}

#[test]
fn formulas_are_defused_and_numbers_are_not() {
    let cases = [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+1+cmd", "'+1+cmd"),
        ("-5.25", "-5.25"),
        ("-1e6", "-1e6"),
        ("-", "-"),
        ("\u{A0}=1+1", "'\u{A0}=1+1"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    ];
    let mut text = flows();
    for (cell, _) in cases {
        writeln!(text, "10.0.0.1,tcp,600,5,{cell}").unwrap();
    }
    let mut engine = engine();
    open(&mut engine, text).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let written = export(&mut engine, 0.5);
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
    for (record, (cell, expected)) in records[301..].iter().zip(cases) {
        assert_eq!(&record[4], expected, "{cell}");
    }
}

#[test]
fn records_are_sorted_and_filtered() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let check = |engine: &mut Engine, sort, descending, filter: &str, n: usize, first: &[u32]| {
        let rows = arrange(engine, sort, descending, filter);
        assert_eq!((rows.len(), &rows[..first.len()]), (n, first), "{sort:?} {descending} {filter:?}");
    };
    check(&mut engine, SortKey::Record, false, "", 301, &[0, 1, 2]);
    check(&mut engine, SortKey::Record, true, "", 301, &[300, 299]);
    check(&mut engine, SortKey::Score, true, "", 301, &[300]);
    check(&mut engine, SortKey::Column(2), true, "", 301, &[300]);
    check(&mut engine, SortKey::Column(1), false, "", 301, &[300, 0, 2]);
    check(&mut engine, SortKey::Column(1), true, "", 301, &[1, 3]);
    check(&mut engine, SortKey::Record, false, "ODD one", 1, &[300]);
    check(&mut engine, SortKey::Record, false, "row 29", 11, &[29, 290]);
    check(&mut engine, SortKey::DnnProbability, true, "", 301, &[0, 1]);
}

#[test]
fn a_checked_record_scores_as_it_does_in_the_file() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let scores = engine.scores().unwrap().score.to_vec();
    let mut check = |cells: [&str; 5]| {
        let cells = cells.map(str::to_owned).to_vec();
        let job = engine.start(Request::Check { cells }, Vec::new(), None);
        match engine.finish(job, |_| ()).unwrap().reply {
            Reply::Checked(checked) => checked,
            other => panic!("not a checked record: {other:?}"),
        }
    };
    let odd = check(["10.0.0.7", "icmp", "50000000", "40000", ""]);
    assert_eq!(odd.score.to_bits(), scores[300].to_bits());
    assert!(odd.rank > 0.99 && odd.dnn_probability.is_none());
    assert!(check(["10.0.0.7", "tcp", "700", "8", ""]).score < odd.score);
}

#[test]
fn labels_are_for_evaluation_and_never_a_feature() {
    let mut text = String::from("bytes,packets,label\n");
    for i in 0..200 {
        let odd = i % 50 == 49;
        writeln!(text, "{},{},{}", if odd { 90_000 + i } else { 500 + i }, 4 + i % 9, u8::from(odd)).unwrap();
    }
    let mut engine = engine();
    let opened = open(&mut engine, text).unwrap();
    assert_eq!(opened.schema.columns[2].role, Role::Label);
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    assert_eq!(analysis.n_features, 2);
    let evaluation = engine.evaluate(None, Bootstrap { resamples: 20, seed: 0 }).unwrap();
    assert_eq!((evaluation.normal, evaluation.anomalies), (196, 4));
    let stage = &evaluation.hybrid;
    assert!(stage.roc_auc > 0.99 && stage.recall_at_1pct_fpr == 1.0 && stage.recall_at_5pct_fpr == 1.0);
    let rates: Vec<f64> = stage.precision_at_base_rate.iter().map(|precision| precision.base_rate).collect();
    assert_eq!(rates, [0.01, 0.001]);
    assert!(stage.confidence_intervals.unwrap().roc_auc.high == 1.0);
    // Without a pack there is no probability, and no attack that has been met before.
    assert!(evaluation.reliability.is_none() && evaluation.novelty.is_none());
    let quick = engine.evaluate(None, Bootstrap { resamples: 0, seed: 0 }).unwrap();
    assert!(quick.hybrid.confidence_intervals.is_none());
}

#[cfg(feature = "onnx")]
#[test]
fn attacks_that_the_pack_has_not_met_are_told_apart() {
    let (mut engine, text) = engine_with_a_pack();
    open(&mut engine, text).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let evaluation = engine.evaluate(None, Bootstrap { resamples: 10, seed: 0 }).unwrap();
    let novelty = evaluation.novelty.unwrap();
    let (seen, unseen) = (novelty.seen.unwrap(), novelty.unseen.unwrap());
    assert_eq!((seen.names, seen.rows), (vec!["neptune".to_owned()], 10));
    assert_eq!((unseen.names, unseen.rows), (vec!["mailbomb".to_owned()], 10));
    assert_eq!((seen.recall, seen.recall_at_1pct_fpr), (1.0, 1.0));
    assert_eq!(seen.flagged + unseen.flagged, evaluation.hybrid.confusion.true_positives);
    assert_eq!(evaluation.reliability.unwrap().bins.iter().map(|bin| bin.count).sum::<u64>(), 90);
}

#[test]
fn no_other_label_is_a_feature() {
    for (names, a, b) in [
        ("label,label", "0", "1"),
        ("Label,LABEL.1", "benign", "dos"),
        ("label,class", "1", "2"),
        ("label,class", "x", "y"),
    ] {
        let mut text = format!("bytes,packets,{names}\n");
        for i in 0..200 {
            let odd = i % 50 == 49;
            writeln!(text, "{},{},{},{}", 500 + i * 7 % 90, 4 + i % 9, u8::from(odd), if odd { b } else { a }).unwrap();
        }
        let opened = open(&mut engine(), text).unwrap();
        let roles: Vec<Role> = opened.schema.columns.iter().map(|column| column.role).collect();
        assert_eq!(roles[..2], [Role::Feature; 2], "{names}");
        assert!(roles[2..].contains(&Role::Label) && !roles[2..].contains(&Role::Feature), "{names}: {roles:?}");
    }
}

#[test]
fn a_space_separated_file_can_be_read_back() {
    let mut text = String::new();
    for i in 0..60 {
        writeln!(text, "tcp {} {} {}", 500 + i * 7 % 90, 4 + i % 9, 1 + i % 5).unwrap();
    }
    let mut engine = engine();
    open(&mut engine, text).unwrap();
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    let annotated = export(&mut engine, analysis.threshold);
    let opened = open(&mut engine, annotated).unwrap();
    assert_eq!((opened.n_rows, opened.n_bad, opened.schema.columns.len()), (60, 0, 4 + APPENDED_COLUMNS.len()));
}

#[test]
fn the_annotated_file_begins_with_its_header() {
    for (before, delimiter) in [("# made by a tool\n# on Monday\n", ','), ("sep=;\n", ';')] {
        let mut engine = engine();
        open(&mut engine, before.to_owned() + &flows().replace(',', &delimiter.to_string())).unwrap();
        let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
        let annotated = export(&mut engine, analysis.threshold);
        let header: Vec<&str> =
            ["src_ip", "proto", "bytes", "packets", "info"].into_iter().chain(APPENDED_COLUMNS).collect();
        assert_eq!(annotated.lines().next(), Some(header.join(&delimiter.to_string()).as_str()));
        assert_eq!(open(&mut engine, annotated).unwrap().n_rows, 301);
    }
}

#[test]
fn a_failed_job_leaves_the_last_result() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    assert!(open(&mut engine, Vec::new()).is_err());
    let named = Settings { pack: PackChoice::Named("nowhere".into()), ..Settings::default() };
    assert!(analyze(&mut engine, named).is_err());
    assert_eq!(export(&mut engine, analysis.threshold).lines().count(), 302);
}

#[test]
fn a_dropped_job_leaves_the_last_result() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let request = Request::Open { name: "other.csv".into(), files: Vec::new() };
    let other = "a,b\n".to_owned() + &"1,2\n".repeat(2_000_000);
    let mut job = engine.start(request, Vec::new(), Some(Box::new(other.into_bytes())));
    assert!(matches!(engine.step(&mut job), Ok(Step::Working(_))));
    drop(job);
    assert_eq!(export(&mut engine, 0.5).lines().count(), 302);
}

#[test]
fn a_dropped_analysis_leaves_the_last_detector() {
    let mut engine = engine();
    open(&mut engine, sample(3000, 2, |x| x)).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let before = export(&mut engine, 0.5);
    let roles = vec![RoleChange { column: 4, role: Role::Ignored }];
    let settings = Settings { n_estimators: 10, ..Settings::default() };
    // Wherever it is dropped.
    for n_steps in 0..5 {
        let request = Request::Analyze { settings: settings.clone(), roles: roles.clone() };
        let mut job = engine.start(request, Vec::new(), None);
        (0..n_steps).for_each(|_| assert!(!matches!(engine.step(&mut job), Ok(Step::Done(_)) | Err(_))));
        drop(job);
        assert_eq!(export(&mut engine, 0.5), before, "after {n_steps} steps");
    }
}

#[test]
fn what_cannot_be_scored_says_why() {
    let cases: [(&str, &str); 3] = [
        ("a,b\n1,2\n", "one record"),
        ("a,b\n1,2\n1,2\n1,2\n", "constant"),
        ("ip\n10.0.0.1\n10.0.0.2\n10.0.0.3\n", "feature"),
    ];
    for (text, expected) in cases {
        let mut engine = engine();
        let error = open(&mut engine, text).and_then(|_| analyze(&mut engine, Settings::default())).unwrap_err();
        assert!(error.to_string().to_lowercase().contains(expected), "{error}");
    }
}

#[test]
fn an_annotated_file_is_not_judged_by_its_annotations() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    let (first, _) = analyze(&mut engine, Settings::default()).unwrap();
    let annotated = export(&mut engine, first.threshold);
    let opened = open(&mut engine, annotated).unwrap();
    let added = &opened.schema.columns[5..];
    assert!(
        added.len() == APPENDED_COLUMNS.len() && added.iter().all(|column| column.role == Role::Ignored),
        "{added:?}"
    );
    let (second, _) = analyze(&mut engine, Settings::default()).unwrap();
    assert_eq!(second.n_features, first.n_features);
}

/// A flood that is 95 % of the file, and varied normal records between, with labels and times.
fn flood() -> String {
    let mut text = String::from("ts,src_ip,proto,bytes,packets,label\n");
    for i in 0..4000 {
        let ts = 1_700_000_000 + i;
        if i % 20 == 0 {
            text += &normal_flow(ts, i / 20);
        } else {
            writeln!(text, "{ts},10.9.9.9,tcp,{},1,scan", 60 + i % 2).unwrap();
        }
    }
    text
}

/// The `k`th of many different normal records.
fn normal_flow(ts: usize, k: usize) -> String {
    let (proto, bytes, packets) = (["tcp", "udp"][k % 2], 300 + k * k % 977, 4 + k % 13);
    format!("{ts},10.0.0.{},{proto},{bytes},{packets},benign\n", k % 20)
}

/// Only normal records, in a file of another order of columns and with one column fewer.
fn quiet_day() -> String {
    let mut text = String::from("proto,packets,bytes,ts\n");
    for k in 1000..2000 {
        let flow = normal_flow(k, k);
        let fields: Vec<&str> = flow.trim_end().split(',').collect();
        writeln!(text, "{},{},{},{}", fields[2], fields[4], fields[3], fields[0]).unwrap();
    }
    text
}

fn fitted_to(reference: Reference) -> Settings {
    Settings { max_samples: reference.usual_samples(), reference, ..Settings::default() }
}

#[test]
fn a_file_that_is_mostly_a_flood_is_warned_about_and_no_other() {
    let check = |text: String, expected: bool| {
        let mut engine = engine();
        open(&mut engine, text).unwrap();
        let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
        let says_so = analysis.warnings.iter().any(|warning| warning.contains("scan or a flood"));
        assert_eq!((analysis.wants_reference, says_so), (expected, expected), "{:?}", analysis.warnings);
    };
    check(flood(), true);
    check(flows(), false);
    check(quiet_day(), false);
}

#[test]
fn a_forest_fitted_to_normal_records_finds_a_flood() {
    let evaluate = |reference: Reference| {
        let mut engine = engine();
        open(&mut engine, flood()).unwrap();
        open_reference(&mut engine, quiet_day()).unwrap();
        let (analysis, _) = analyze(&mut engine, fitted_to(reference)).unwrap();
        (engine.evaluate(None, Bootstrap { resamples: 0, seed: 0 }).unwrap(), analysis)
    };
    let (upside_down, _) = evaluate(Reference::All);
    assert!(upside_down.hybrid.roc_auc < 0.2, "{}", upside_down.hybrid.roc_auc);
    // Every twentieth record is normal; the filter and the second file find them by other means than the label.
    let references = [
        (Reference::Label, "200 records labelled normal"),
        (Reference::Filter("10.0.0.".into()), "contain \"10.0.0.\""),
        (Reference::File, "1,000 records of quiet.csv"),
    ];
    for (reference, words) in references {
        let (evaluation, analysis) = evaluate(reference.clone());
        assert!(evaluation.hybrid.roc_auc > 0.95, "{reference:?}: {}", evaluation.hybrid.roc_auc);
        assert!(evaluation.hybrid.recall > 0.95, "{reference:?}: most of the file is flagged, not 5 % of it");
        assert!(evaluation.hybrid.false_positive_rate < 0.05, "{reference:?}");
        assert!(!analysis.wants_reference, "{reference:?}");
        for said in [&analysis.explanation, &analysis.threshold_origin, &analysis.score_meaning] {
            assert!(said.contains(words), "{said}");
        }
    }
}

#[test]
fn a_share_to_flag_wins_over_the_normal_records() {
    let mut engine = engine();
    open(&mut engine, flood()).unwrap();
    let settings = Settings { contamination: Some(0.1), ..fitted_to(Reference::Label) };
    let (analysis, _) = analyze(&mut engine, settings).unwrap();
    assert!(analysis.threshold_origin.contains("10 %"), "{}", analysis.threshold_origin);
    assert!(export(&mut engine, analysis.threshold).matches(",anomaly,").count() <= 400);
}

#[test]
fn normal_records_are_named_by_a_time_window() {
    let fitted = |times: fn(usize) -> String, from: &str, to: &str| {
        let mut text = String::from("ts,proto,bytes,packets\n");
        for k in 0..1000 {
            let flow = normal_flow(0, k);
            let fields: Vec<&str> = flow.trim_end().split(',').collect();
            writeln!(text, "{},{},{},{}", times(k), fields[2], fields[3], fields[4]).unwrap();
        }
        let mut engine = engine();
        open(&mut engine, text).unwrap();
        analyze(&mut engine, fitted_to(Reference::Time { from: from.into(), to: to.into() }))
    };
    let check = |times: fn(usize) -> String, from: &str, to: &str, expected: &str| {
        let explanation = match fitted(times, from, to) {
            Ok((analysis, _)) => analysis.explanation,
            Err(error) => error.to_string(),
        };
        assert!(explanation.contains(expected), "{from}..{to}: {explanation}");
    };
    // A second apart, from 2023-11-14 22:13:20 on.
    let epoch = |k: usize| format!("{}.5", 1_700_000_000 + k);
    check(epoch, "1700000100.5", "1700000199.5", "100 records");
    check(epoch, "", "1700000099", "99 records");
    check(epoch, "2023-11-14 22:15", "2023-11-14T22:16:00Z", "61 records");
    check(epoch, "2023-11-14", "2023-11-14", "1,000 records");
    check(epoch, "1800000000", "", "too few records from 1800000000 on");
    check(epoch, "1700000000", "1700000010", "normal: 10.");
    check(epoch, "noon", "", "no time");
    check(epoch, " ", "", "neither a beginning nor an end");
    check(epoch, "2023-11-15", "2023-11-14", "after its end");
    check(|k| format!("{}", 1_700_000_000_000 + k * 1000), "2023-11-14 22:15", "", "900 records");
    let text = |k: usize| format!("2023-11-14 22:{:02}:{:02}", k / 60, k % 60);
    check(text, "2023-11-14 22:10", "", "400 records");
    check(text, "2023-11-14T22:01:00", "2023-11-14 22:01", "60 records");
    check(text, "2023-11-14 23:01:00+01:00", "2023-11-14 22:01:59", "60 records");
    check(text, "1700000000", "", "no time");
    // Nothing tells the month from the day.
    check(|k| format!("04/07/2017 08:{:02}:{:02}", k / 60, k % 60), "2017-07-04", "", "cannot be compared");
}

#[test]
fn normal_records_that_cannot_be_found_say_why() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    let mut check = |settings: Settings, expected: &str| {
        let error = analyze(&mut engine, settings).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(fitted_to(Reference::Label), "no label column");
    check(fitted_to(Reference::Filter("  ".into())), "blank");
    check(
        fitted_to(Reference::Filter("nowhere".into())),
        "too few records that contain \"nowhere\" to tell what is normal: 0",
    );
    check(fitted_to(Reference::Filter("odd one".into())), "normal: 1.");
    check(fitted_to(Reference::Time { from: "2024-01-01".into(), to: String::new() }), "no column of times");
    check(fitted_to(Reference::File), "No file of normal records is open");
    let pack = PackChoice::Named("nsl-kdd".into());
    check(Settings { pack, ..fitted_to(Reference::Filter("row".into())) }, "either a pack");

    open_reference(&mut engine, "a,b\n".to_owned() + &"1,2\n3,4\n".repeat(50)).unwrap();
    let error = analyze(&mut engine, fitted_to(Reference::File)).unwrap_err();
    assert!(error.to_string().contains("no column in common"), "{error}");
    open_reference(&mut engine, "bytes,packets\n".to_owned() + &"1,2\n3,4\n".repeat(5)).unwrap();
    let error = analyze(&mut engine, fitted_to(Reference::File)).unwrap_err();
    assert!(error.to_string().contains("too few records of quiet.csv"), "{error}");
}

#[test]
fn a_reference_file_outlives_the_open_one_and_a_failed_one_leaves_it() {
    let mut engine = engine();
    open(&mut engine, flood()).unwrap();
    open_reference(&mut engine, quiet_day()).unwrap();
    assert!(open_reference(&mut engine, Vec::new()).is_err());
    let (first, _) = analyze(&mut engine, fitted_to(Reference::File)).unwrap();
    open(&mut engine, flood()).unwrap();
    let (second, _) = analyze(&mut engine, fitted_to(Reference::File)).unwrap();
    assert_eq!(first.threshold.to_bits(), second.threshold.to_bits());
}

#[cfg(feature = "train")]
#[test]
fn a_pack_keeps_silent_on_records_unlike_its_own() {
    use oddflow::flow::Record;
    use oddflow::train::{TrainParams, rounds::LeaveOut, train};

    let mut engine = engine();
    let mut make = |name: &str, record: Record| {
        let mut params = TrainParams::new(name, "0", 1);
        params.runs = 0;
        params.views.n_estimators = 20;
        params.views.max_samples = 256;
        params.views.classifier.hidden = vec![8];
        params.views.classifier.steps = 50;
        params.views.autoencoder = None;
        params.record = record;
        params.leave_out = LeaveOut::AttackTypes;
        open(&mut engine, sample(5000, 1, |x| x)).unwrap();
        let files = engine
            .with_table(&[], |table, schema| match record.view(table, schema)? {
                Some((table, schema)) => train(&table, &schema, &params, &mut |_| ()),
                None => train(table, schema, &params, &mut |_| ()),
            })
            .unwrap();
        oddflow::bundle::Pack::open(&files.manifest, &files.forest, &files.dnn).unwrap()
    };
    let (own, flow) = (make("own", Record::Columns), make("flow", Record::Flow));
    // The one for the file's own columns speaks before the one for any flow log.
    engine.add_pack(flow);
    engine.add_pack(own);

    open(&mut engine, sample(3000, 2, |x| x)).unwrap();
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    assert_eq!(analysis.pack.as_deref(), Some("own"));
    assert!(analysis.fit.is_some_and(|fit| fit.accepted && fit.pack == "own"));
    assert_eq!(engine.scores().unwrap().probability.len(), 3000);
    let flow = Settings { pack: PackChoice::Named("flow".into()), ..Settings::default() };
    let (analysis, _) = analyze(&mut engine, flow.clone()).unwrap();
    assert_eq!(analysis.pack.as_deref(), Some("flow"));
    // One record by itself is read as it is in the file.
    let job = engine.start(Request::Rows { rows: vec![7], reasons_from: 0.0 }, Vec::new(), None);
    let Reply::Rows(rows) = engine.finish(job, |_| ()).unwrap().reply else { panic!("not rows") };
    analyze(&mut engine, flow.clone()).unwrap();
    let job = engine.start(Request::Check { cells: rows[0].cells.clone() }, Vec::new(), None);
    let Reply::Checked(checked) = engine.finish(job, |_| ()).unwrap().reply else { panic!("not a check") };
    assert_eq!(engine.scores().unwrap().score[7], checked.score);

    // The same layout, but every number is a thousand times as large.
    open(&mut engine, sample(3000, 2, |x| x * 1000.0)).unwrap();
    for settings in [Settings::default(), flow] {
        let (analysis, _) = analyze(&mut engine, settings).unwrap();
        assert_eq!(analysis.pack, None);
        assert!(analysis.fit.is_some_and(|fit| !fit.accepted && fit.drift > fit.limit));
        assert!(analysis.explanation.contains("keeps silent"), "{}", analysis.explanation);
        assert!(engine.scores().unwrap().probability.is_empty());
    }
    assert_eq!(engine.fits(&[]).unwrap().len(), 2);
}

#[test]
fn a_report_says_what_it_is_about() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    analyze(&mut engine, Settings { contamination: Some(0.01), ..Settings::default() }).unwrap();
    let headline = |report: &serde_json::Value| report["headline"].to_string().replace('\u{a0}', " ").replace('"', "");
    let all = report(&mut engine, Lens::new(0.0));
    assert_eq!(headline(&all), "301 of 301 records are odd");
    assert!(all["file"]["sha256"].is_string());
    assert!(all["settings"].to_string().contains("a share of 0.01"));
    let few = report(&mut engine, Lens { filter: "proto:tcp".into(), ..Lens::new(0.0) });
    assert_eq!(headline(&few), "150 of 150 records are odd, of those looked at");

    // Of a decoded file the digest would be that of no file that anybody has.
    let utf16: Vec<u8> = flows().encode_utf16().flat_map(u16::to_le_bytes).collect();
    open(&mut engine, utf16).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    assert!(report(&mut engine, Lens::new(0.5))["file"]["sha256"].is_null());
}

#[test]
fn no_labels_are_explained_by_what_is_said_of_labels() {
    let mut engine = engine();
    let text = flows().replace("proto,bytes", "proto,ip").replace("10.0.0.", "h");
    open(&mut engine, text.clone()).unwrap();
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    assert!(analysis.warnings.iter().any(|warning| warning.contains("called an address")), "{:?}", analysis.warnings);
    let error = engine.evaluate(None, Bootstrap { resamples: 0, seed: 0 }).unwrap_err();
    assert_eq!(error.what, "The file has no labels to evaluate against");
    open(&mut engine, text.replace(",info\n", ",label\n").replace(",row ", ",attack ")).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let error = engine.evaluate(None, Bootstrap { resamples: 0, seed: 0 }).unwrap_err();
    assert!(error.what.contains("No value is known to be normal"), "{error}");
}

#[test]
fn a_file_that_was_annotated_can_be_annotated_again() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let once = export(&mut engine, 0.5);
    open(&mut engine, once.clone()).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let twice = export(&mut engine, 0.5);
    let header = twice.lines().next().unwrap();
    assert!(header.starts_with(once.lines().next().unwrap()) && header.contains("oddflow_score.1"), "{header}");
}

#[test]
fn a_part_has_the_header_of_its_file() {
    let mut engine = engine();
    let bytes = b"gr\xF6\xDFe,\"a,b\",x,x\n1,2,caf\xE9,4\n5,6,7,8\n";
    let opened = open(&mut engine, &bytes[..]).unwrap();
    assert_eq!((opened.schema.columns[0].name.as_str(), opened.facts.encoding.as_str()), ("größe", "windows-1252"));
    let mut part = Vec::new();
    let write = |bytes: &[u8]| {
        part.extend_from_slice(bytes);
        Ok(())
    };
    engine.write_part(&[0], write).unwrap();
    assert_eq!(part, b"gr\xF6\xDFe,\"a,b\",x,x\n1,2,caf\xE9,4\n");
}

#[test]
fn an_empty_file_says_so() {
    for bytes in [&b""[..], b"\xEF\xBB\xBF"] {
        let error = open(&mut engine(), bytes).unwrap_err();
        assert!(error.what.contains("empty") || error.what.contains("no record"), "{error:?}");
    }
    assert!(open(&mut engine(), "").unwrap_err().what.contains("empty"));
}

#[test]
fn json_lines_are_opened_and_known_again_by_their_bytes() {
    let line = |at: usize, bytes: usize| {
        format!(
            "{{\"event_type\":\"flow\",\"src_ip\":\"10.0.0.{}\",\"flow\":{{\"bytes_toserver\":{bytes}}}}}\n",
            at % 9
        )
    };
    let text: String = (0..200).map(|at| line(at, 100 + at % 50)).collect();
    let text = format!("{{\"event_type\":\"dns\"}}\n{text}");
    let mut engine = engine();
    let opened = open(&mut engine, text.clone()).unwrap();
    assert_eq!((opened.n_rows, opened.facts.bytes), (200, text.len() as u64));
    assert!(opened.facts.warnings.iter().any(|note| note.contains("1 dns")), "{:?}", opened.facts.warnings);
    assert_eq!(opened.schema.columns[2].name, "flow.bytes_toserver");
    // Another file of the same name and size is told apart.
    let other = open(&mut engine, text.replacen("100", "101", 1)).unwrap();
    assert_eq!(opened.identity.bytes, other.identity.bytes);
    assert_ne!(opened.identity, other.identity);
}

#[test]
fn a_rehearsal_goes_to_its_end_and_is_not_seen() {
    thread_local!(static MADE: Cell<u32> = const { Cell::new(0) });
    let new_engine = || {
        MADE.set(0);
        Engine::new(|| {
            MADE.set(MADE.get() + 1);
            Box::new(Vec::new())
        })
    };
    let rehearse = |mut engine: Engine| {
        let job = engine.start(Request::Rehearse, Vec::new(), None);
        assert!(matches!(engine.finish(job, |_| ()).unwrap().reply, Reply::Rehearsed));
        assert!(engine.scores().is_err() && analyze(&mut engine, Settings::default()).is_err());
        MADE.get()
    };
    // Each of twelve times a sample, and the annotated file.
    assert_eq!(rehearse(new_engine()), 24);
    #[cfg(feature = "onnx")]
    {
        // Every other time of records like those of the pack, which are in memory.
        let mut engine = new_engine();
        engine.add_pack(driver::a_pack());
        assert_eq!(rehearse(engine), 18);
    }
}
