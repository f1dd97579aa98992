//! What is chosen in one view narrows all others: the same lens, looked through in different ways.

mod driver;

#[cfg(feature = "onnx")]
use driver::engine_with_a_pack;
use driver::{analyze, engine, flows, open, open_reference, report, sample};
use oddflow::Result;
use oddflow::engine::Engine;
use oddflow::groups::GroupKind;
use oddflow::protocol::{Bulk, Lens, Reply, Request, Settings, SortKey, Survey};
use oddflow::schema::Role;
use std::fmt::Write;

fn survey(engine: &mut Engine, lens: Lens, lanes: Option<GroupKind>) -> Survey {
    let job = engine.start(Request::Survey { lens, lanes }, Vec::new(), None);
    match engine.finish(job, |_| ()).expect("it was scored").reply {
        Reply::Surveyed(survey) => *survey,
        other => panic!("not a survey: {other:?}"),
    }
}

#[test]
fn lanes_are_narrowed_by_all_but_themselves() {
    let mut engine = engine();
    open(&mut engine, sample(3000, 2, |x| x)).unwrap();
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    let mut look = |filter: &str, lanes| survey(&mut engine, Lens { filter: filter.into(), ..Lens::new(0.5) }, lanes);
    let all = look("", None);
    assert_eq!(all.histogram, analysis.histogram.counts);
    let lanes = all.lanes.as_ref().unwrap();
    assert_eq!((lanes.kind, lanes.kinds[1]), (GroupKind::Source, GroupKind::Destination));
    // A cell that is chosen narrows everything but the lanes.
    let (from, to) = (lanes.lanes.start, lanes.lanes.start + 20.0 * lanes.lanes.step);
    let cell = look(&format!("{} time:{from}..{to}", lanes.queries[0]), None);
    assert!(0 < cell.shown && cell.shown < all.shown);
    assert_eq!(cell.histogram.iter().sum::<u64>(), cell.shown);
    assert_eq!(cell.lanes, all.lanes);
    // What else is asked for narrows the lanes, too.
    let udp = look("proto:udp", None);
    assert_ne!(udp.lanes, all.lanes);
    assert_eq!(look(&format!("proto:udp time:{from}..{to}"), None).lanes, udp.lanes);
    // Of other lanes, the source is something else.
    let destinations = look(&lanes.queries[0], Some(GroupKind::Destination)).lanes.unwrap();
    assert_eq!(destinations.kind, GroupKind::Destination);
    assert!(destinations.lanes.rows.iter().map(|&n| u64::from(n)).sum::<u64>() < all.shown);
    // Nothing in a cell need be odd.
    let top = survey(&mut engine, Lens::new(f32::MIN), None).groups[0]
        .groups
        .iter()
        .filter_map(|g| g.top_score)
        .fold(0.0, f32::max);
    let mut at_top = |filter: &str| survey(&mut engine, Lens { filter: filter.into(), ..Lens::new(top) }, None).lanes;
    let (all_at_top, other) = (at_top(""), at_top(&format!("src:10.0.1.1 time:{from}..{to}")));
    assert!(all_at_top.is_some() && other == all_at_top);
    let mut look = |filter: &str, lanes| survey(&mut engine, Lens { filter: filter.into(), ..Lens::new(0.5) }, lanes);
    // What a person has excluded stays out.
    let without = look("-src:10.0.0.4", None).lanes;
    assert_eq!(look(&format!("-src:10.0.0.4 time:{from}..{to}"), None).lanes, without);
    // A report is about what it says it is about.
    let report = report(&mut engine, Lens { filter: format!("time:{from}..{to}"), ..Lens::new(0.5) });
    let end =
        report["lanes"]["lanes"]["start"].as_f64().unwrap() + 96.0 * report["lanes"]["lanes"]["step"].as_f64().unwrap();
    assert!(end < from + 2.0 * (to - from), "{end}");
}

#[test]
fn what_the_labels_say_is_of_what_is_shown() {
    let (mut text, mut labels, mut protos) = (String::from("proto,bytes,packets,attack,label\n"), vec![], vec![]);
    for i in 0..600 {
        let (is_odd, proto) = (i % 29 == 7, ["tcp", "udp"][i % 2]);
        let bytes = if is_odd && i % 3 > 0 { 90_000 + i } else { 500 + i * 7 % 400 };
        let attack = ["", "scan", "flood"][usize::from(is_odd) * (1 + i % 2)];
        writeln!(text, "{proto},{bytes},{},{attack},{}", 4 + i % 9, u8::from(is_odd)).unwrap();
        labels.push(u8::from(is_odd));
        protos.push(proto);
    }
    let mut engine = engine();
    open(&mut engine, text).unwrap();
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    let scores = engine.scores().unwrap().score.to_vec();
    let of = |proto: &str| -> Vec<u8> {
        labels.iter().zip(&protos).map(|(&label, is)| if *is == proto { label } else { 2 }).collect()
    };
    let threshold = analysis.threshold;
    let lens = |filter: &str| Lens { filter: filter.into(), ..Lens::new(threshold) };

    // Of all records it is what the analysis says.
    let all = survey(&mut engine, lens(""), None);
    assert_eq!(all.labelled, None);
    assert_eq!(all.attacks.iter().map(|attack| attack.rows).sum::<u64>(), 21);
    let udp = survey(&mut engine, lens("proto:udp"), None);
    let labelled = udp.labelled.unwrap();
    let (area, precision, curve) = oddflow::evaluate::areas_and_curve(&scores, &of("udp"));
    let hybrid = &labelled.quality.hybrid;
    assert_eq!((hybrid.roc_auc, hybrid.pr_auc, &hybrid.curve), (area, precision, &curve));
    assert_ne!(area, analysis.quality.as_ref().unwrap().hybrid.roc_auc);
    assert_eq!(labelled.confusion, oddflow::evaluate::confusion(&scores, &of("udp"), threshold));
    assert_eq!(labelled.quality.normal + labelled.quality.anomalies, 300);
    let names = |attacks: &[oddflow::evaluate::NameRecall]| -> Vec<String> {
        attacks.iter().map(|attack| attack.name.clone()).collect()
    };
    assert_eq!((names(&all.attacks).len(), names(&udp.attacks)), (2, vec!["flood".to_owned()]));

    // Where only what is odd is shown, what was missed still counts.
    let odd = survey(&mut engine, Lens { flagged_only: true, ..lens("proto:udp") }, None);
    assert!(odd.shown < udp.shown);
    assert_eq!((odd.labelled, odd.attacks), (Some(labelled.clone()), udp.attacks));
    assert_eq!(survey(&mut engine, Lens { flagged_only: true, ..lens("") }, None).labelled, None);

    // What is ignored is gone, or there but not flagged.
    let mut ignoring = lens("");
    ignoring.allow_list.insert(oddflow::allow::Rule::of("No TCP", "proto:tcp".into())).unwrap();
    assert_eq!(survey(&mut engine, ignoring.clone(), None).labelled, Some(labelled.clone()));
    let shown = survey(&mut engine, Lens { shows_allowed: true, ..ignoring }, None).labelled.unwrap();
    assert_eq!(shown.quality, *analysis.quality.as_ref().unwrap());
    assert_eq!(shown.confusion.true_positives, labelled.confusion.true_positives);
    assert!(shown.confusion.false_negatives > labelled.confusion.false_negatives);

    // Of one class there is nothing to measure.
    let none = survey(&mut engine, lens("label:normal"), None).labelled.unwrap();
    assert!(
        none.quality.normal == 579
            && none.quality.hybrid.roc_auc.is_nan()
            && none.quality.charts(&none.confusion).is_empty()
    );

    let narrow = report(&mut engine, lens("proto:udp"));
    let area = oddflow::report::metric(area);
    assert!(narrow["figures"].as_array().unwrap().iter().any(|figure| figure["value"] == area.as_str()), "{narrow}");
    let counts = narrow["scores"]["histogram"]["counts"].as_array().unwrap();
    assert_eq!(counts.iter().filter_map(serde_json::Value::as_u64).sum::<u64>(), 300);
}

#[cfg(feature = "onnx")]
#[test]
fn the_plot_is_narrowed_by_all_but_its_own_part() {
    let (mut engine, text) = engine_with_a_pack();
    open(&mut engine, text).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let all = survey(&mut engine, Lens::new(0.5), None);
    let last = oddflow::report::DensityGrid::BINS as u8 - 1;
    let brush = Some(oddflow::report::Brush { columns: (0, last), rows: (last / 2, last) });
    let part = survey(&mut engine, Lens { brush, ..Lens::new(0.5) }, None);
    assert!(0 < part.shown && part.shown < all.shown);
    assert_eq!(part.stages, all.stages);
}

/// The counts that a comparison of what a lens shows begins with, and what is new.
fn compared(engine: &mut Engine, lens: Lens) -> Result<(String, Vec<String>)> {
    let job = engine.start(Request::Compare { lens }, Vec::new(), None);
    let Reply::Compared { comparison, scores } = engine.finish(job, |_| ())?.reply else { panic!("not compared") };
    let scored: u64 = scores.map_or(0, |scores| scores.other.counts.iter().sum());
    assert!(scored == comparison.other.rows || scored == 0, "all that is compared is scored");
    let new = comparison.columns.iter().filter_map(|column| column.appeared.as_ref());
    let new = new.flat_map(|appeared| appeared.values.iter().map(|new| new.value.clone()));
    Ok((comparison.words[0].replace('\u{a0}', " "), new.collect()))
}

#[test]
fn files_are_compared_by_what_is_shown() {
    let mut engine = engine();
    open(&mut engine, flows()).unwrap();
    assert!(compared(&mut engine, Lens::new(0.5)).unwrap_err().to_string().contains("no file to compare with"));
    // The day before: the first hundred records, in another order of columns, and none is odd.
    let mut before = String::from("proto,src_ip,packets,bytes\n");
    for i in 0..100 {
        writeln!(before, "{},10.0.0.{},{},{}", ["tcp", "udp"][i % 2], i % 20, 4 + i % 9, 500 + i * 7 % 400).unwrap();
    }
    open_reference(&mut engine, before).unwrap();
    let (words, _) = compared(&mut engine, Lens::new(0.5)).unwrap();
    assert_eq!(words, "flows.csv has 301 records, quiet.csv 100.");
    let (analysis, _) = analyze(&mut engine, Settings::default()).unwrap();
    let lens = |filter: &str| Lens { filter: filter.into(), ..Lens::new(analysis.threshold) };
    let all = compared(&mut engine, lens("")).unwrap();
    assert_eq!((all.0.as_str(), all.1.contains(&"icmp".to_owned())), (words.as_str(), true));

    let mut of = |lens: Lens| compared(&mut engine, lens).unwrap();
    assert_eq!(
        of(lens("proto:udp")).0,
        "What is shown: 150 records of flows.csv, against 50 of quiet.csv that pass the same filter."
    );
    assert_eq!(of(lens("proto:udp")).1, [""; 0]);
    assert_eq!(
        of(lens("src:10.0.0.7 \"10.0.0.7,icmp\"")).0,
        "What is shown: 1 record of flows.csv, against 0 of quiet.csv that pass the same filter."
    );
    // One detector says of both what is odd and why.
    let odd = of(Lens { flagged_only: true, ..lens("") });
    assert!(odd.0.starts_with("What is shown: 15 records of flows.csv, against 5"), "{odd:?}");
    assert_eq!(
        of(lens("reason:bytes proto:icmp")).0,
        "What is shown: 1 record of flows.csv, against 0 of quiet.csv that pass the same filter."
    );
    let mut ignoring = lens("");
    ignoring.allow_list.insert(oddflow::allow::Rule::of("No TCP", "proto:tcp".into())).unwrap();
    assert_eq!(
        of(ignoring).0,
        "What is shown: 151 records of flows.csv, against 50 of quiet.csv that pass the same filter."
    );
    // What was judged are records of the open file.
    let mut judged = lens("verdict:true");
    judged.verdicts.set_row(0, Some(true), "");
    assert_eq!(of(judged).0, "What is shown: 1 record of flows.csv, against 0 of quiet.csv that pass the same filter.");
    let many = Lens { most_reasoned: 50, ..lens("reason:bytes") };
    let error = compared(&mut engine, many).unwrap_err().to_string();
    assert!(error.contains("more records than reasons are looked for"), "{error}");
    let error = compared(&mut engine, lens("info:x*")).unwrap_err().to_string();
    assert!(error.contains("quiet.csv cannot be filtered in the same way"), "{error}");
}

#[test]
fn what_was_made_a_label_is_one_in_both_files() {
    let text = |n: usize| {
        let mut text = String::from("proto,bytes,kind,truth\n");
        for i in 0..n {
            writeln!(text, "{},{},{},{}", ["tcp", "udp"][i % 2], 500 + i * 7 % 400, i % 3, u8::from(i % 5 == 0))
                .unwrap();
        }
        text
    };
    let mut engine = engine();
    open(&mut engine, text(200)).unwrap();
    open_reference(&mut engine, text(100)).unwrap();
    let role = |column, role| oddflow::protocol::RoleChange { column, role };
    let roles = vec![role(2, Role::AttackName), role(3, Role::Label)];
    let job = engine.start(Request::Analyze { settings: Settings::default(), roles }, Vec::new(), None);
    engine.finish(job, |_| ()).unwrap();
    let words = compared(&mut engine, Lens { filter: "label:anomaly".into(), ..Lens::new(0.5) }).unwrap().0;
    assert_eq!(words, "What is shown: 40 records of flows.csv, against 20 of quiet.csv that pass the same filter.");
    // Attacks that are numbered have names, too.
    let attacks = survey(&mut engine, Lens::new(0.5), None).attacks;
    let counted: Vec<(&str, u64)> = attacks.iter().map(|attack| (attack.name.as_str(), attack.rows)).collect();
    assert_eq!(counted, [("0", 67), ("1", 67), ("2", 66)]);
}

#[test]
fn records_are_shown_by_what_a_stage_says() {
    let mut engine = engine();
    open(&mut engine, sample(3000, 2, |x| x)).unwrap();
    analyze(&mut engine, Settings::default()).unwrap();
    let mut shown = |lens: Lens| {
        let request = Request::Arrange { sort: SortKey::Record, descending: false, lens, first: 0 };
        let job = engine.start(request, Vec::new(), None);
        match &engine.finish(job, |_| ()).unwrap().bulk[..] {
            [Bulk::U32(rows)] => rows.to_vec(),
            other => panic!("not rows: {other:?}"),
        }
    };
    let of = |filter: &str| Lens { filter: filter.into(), ..Lens::new(0.5) };
    let by_forest = shown(of("forest:>=0.5 proto:tcp"));
    // Without a network, the forest's score is the score.
    assert!(!by_forest.is_empty() && by_forest == shown(of("score:>=0.5 proto:tcp")));
}
