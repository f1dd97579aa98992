//! Real files are recognised, no record of them is lost, and their columns get sensible roles. Broken and hostile inputs
//! end in a clear message or in bad records, never in a panic.
//!
//! The real files are found by `ODDFLOW_DATA`, by default `../shared/data`; without them their tests say that they skipped.

use oddflow::Result;
use oddflow::flow;
use oddflow::ingest::{Decoder, Ingested, Reader};
use oddflow::rng::Rng;
use oddflow::schema::{ANOMALY, Kind, Layout, NORMAL, Role, Schema, UNKNOWN, detect, labels};
use oddflow::table::{Cell, Table};
use std::path::PathBuf;

fn ingest(bytes: &[u8], chunk: usize) -> Result<Ingested> {
    let (mut decoder, mut reader, mut decoded) = (Decoder::new(), Reader::new(), Vec::new());
    for chunk in bytes.chunks(chunk) {
        decoded.clear();
        decoder.push(chunk, &mut decoded)?;
        reader.push(&decoded)?;
    }
    decoded.clear();
    decoder.finish(&mut decoded)?;
    reader.push(&decoded)?;
    reader.finish()
}

/// A real file, or `None` after saying that it is not there.
fn real(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(root);
    let bytes = std::fs::read(root.join(path)).ok();
    if bytes.is_none() {
        eprintln!("skipped: {path} is not there");
    }
    bytes
}

/// What is expected of a real file.
struct Expected {
    path: &'static str,
    layout: Option<Layout>,
    rows: usize,
    columns: usize,
    bad: usize,
    /// Columns by canonical name: label, attack names.
    label: Option<&'static str>,
    attack: Option<&'static str>,
    /// Normal, anomalies, unknown.
    counts: Option<[usize; 3]>,
    features: usize,
    never: &'static [&'static str],
}

#[test]
fn real_files() {
    use Layout::{Argus, AwsVpc, CicFlowMeter, NetFlow, Nfdump, NslKdd, TenColumns, UnswNb15, UnswNb15Raw, ZeekConn};
    let expected = |path, layout, rows, columns, label, attack, counts, features, never| Expected {
        path,
        layout,
        rows,
        columns,
        bad: 0,
        label,
        attack,
        counts,
        features,
        never,
    };
    const ZEEK: &[&str] = &["ts", "uid", "id.orig_h", "id.resp_h", "tunnel_parents", "label", "detailed-label"];
    let files = [
        expected(
            "nsl-kdd/KDDTrain+.txt",
            Some(NslKdd),
            125_973,
            43,
            Some("class"),
            Some("class"),
            Some([67_343, 58_630, 0]),
            40,
            &["difficulty", "class", "num_outbound_cmds"],
        ),
        expected(
            "unsw-nb15/UNSW_NB15_half.csv",
            Some(UnswNb15),
            41_371,
            45,
            Some("label"),
            Some("attack_cat"),
            Some([18_489, 22_882, 0]),
            42,
            &["id", "attack_cat", "label"],
        ),
        expected(
            "unsw-nb15/raw49_semicolon_Escenario3_hfcatucuamba.csv",
            Some(UnswNb15Raw),
            3_000,
            49,
            Some("label"),
            Some("attack_cat"),
            Some([1_500, 1_500, 0]),
            43,
            &["srcip", "dstip", "stime", "ltime"],
        ),
        expected(
            "unsw-nb15/raw49_comma_BOM_Escenario3_rcarmas.csv",
            Some(UnswNb15Raw),
            3_400,
            49,
            Some("label"),
            Some("attack_cat"),
            Some([3_283, 117, 0]),
            43,
            &["srcip", "dstip", "stime", "ltime"],
        ),
        expected(
            "unsw-nb15/unsw-nb15_1_sampled.csv",
            Some(UnswNb15Raw),
            7_000,
            44,
            Some("label"),
            Some("label"),
            Some([6_796, 204, 0]),
            41,
            &["stime", "ltime"],
        ),
        expected(
            "cic/cicids2017_cleaned_stratified12k.csv",
            Some(CicFlowMeter),
            12_000,
            53,
            Some("attack type"),
            Some("attack type"),
            Some([9_973, 2_027, 0]),
            52,
            &["attack type"],
        ),
        expected(
            "cic/cicids2017_78feat_sample_starrix16.csv",
            Some(CicFlowMeter),
            6_311,
            78,
            Some("label"),
            Some("label"),
            Some([227, 6_084, 0]),
            65,
            &["label"],
        ),
        expected(
            "cic/cic_0.01km.csv",
            Some(CicFlowMeter),
            28_303,
            20,
            Some("labelb"),
            None,
            Some([22_662, 5_641, 0]),
            19,
            &["labelb"],
        ),
        expected(
            "cic/iscxtor2016_semicolon_Escenario1.csv",
            Some(CicFlowMeter),
            7_000,
            29,
            Some("label"),
            Some("label"),
            Some([3_500, 3_500, 0]),
            23,
            &["source_ip", "destination_ip"],
        ),
        expected(
            "iot-23/CTU-Malware-Capture-20-1-labeled.csv",
            Some(ZeekConn),
            3_209,
            23,
            Some("label"),
            Some("detailed-label"),
            Some([3_193, 16, 0]),
            14,
            ZEEK,
        ),
        expected(
            "iot-23/CTU-Honeypot-Capture-4-1-labeled.csv",
            Some(ZeekConn),
            452,
            23,
            Some("label"),
            Some("label"),
            Some([452, 0, 0]),
            14,
            ZEEK,
        ),
        expected(
            "zeek/stratosphere/008-zeek-mixed/conn.log.labeled",
            Some(ZeekConn),
            5_663,
            23,
            Some("label"),
            Some("detailedlabel"),
            Some([1_402, 4_201, 60]),
            16,
            &["ts", "uid"],
        ),
        Expected {
            bad: 1,
            ..expected("zeek/rita/truncated/conn.log", Some(ZeekConn), 59, 21, None, None, None, 14, &["ts", "uid"])
        },
        Expected {
            bad: 1,
            ..expected("zeek/rita/truncated/conn_top.log", Some(ZeekConn), 59, 21, None, None, None, 14, &["ts", "uid"])
        },
        Expected {
            bad: 3,
            ..expected(
                "netflow/test1-malicious.nfdump.csv",
                Some(Nfdump),
                4_596,
                48,
                None,
                None,
                None,
                10,
                &["firstseen", "srcaddr", "nexthop", "received"],
            )
        },
        expected(
            "netflow/NF-BoT-IoT-v2_first100k.csv.gz",
            Some(NetFlow),
            100_000,
            46,
            Some("label"),
            Some("attack"),
            Some([455, 99_545, 0]),
            39,
            &["ipv4_src_addr", "ipv4_dst_addr", "dns_query_id", "dataset", "attack"],
        ),
        expected(
            "argus/test2-malicious.binetflow",
            Some(Argus),
            6_751,
            16,
            None,
            None,
            None,
            12,
            &["starttime", "srcaddr", "label"],
        ),
        expected(
            "firewall-cloud/aws_vpc_v2_elastic.log",
            Some(AwsVpc),
            7,
            14,
            None,
            None,
            None,
            7,
            &["account-id", "srcaddr", "start"],
        ),
        expected(
            "wireshark/chrissanders_synscan.csv",
            None,
            2_011,
            7,
            None,
            None,
            None,
            1,
            &["no.", "time", "source", "info"],
        ),
        expected(
            "seed/synthetic_network_traffic_10k.csv",
            Some(TenColumns),
            10_000,
            11,
            Some("isanomaly"),
            None,
            Some([9_941, 59, 0]),
            8,
            &["source_ip", "destination_ip"],
        ),
        expected(
            "adbench/cover.csv.gz",
            None,
            286_048,
            11,
            Some("label"),
            None,
            Some([283_301, 2_747, 0]),
            10,
            &["label"],
        ),
    ];
    for expected in files {
        check_real(&expected);
    }
}

fn check_real(expected: &Expected) {
    let path = expected.path;
    let Some(bytes) = real(path) else { return };
    let ingested = ingest(&bytes, 1 << 20).expect(path);
    let table = &ingested.table;
    let schema = detect(table, ingested.detected);
    let canonical = |at: usize| schema.columns[at].canonical.as_str();
    assert_eq!(schema.layout, expected.layout, "{path}");
    assert_eq!(
        (table.n_rows(), table.columns.len(), table.bad.len()),
        (expected.rows, expected.columns, expected.bad),
        "{path}"
    );
    assert_eq!(schema.label_column().map(canonical), expected.label, "{path}");
    assert_eq!(schema.attack_column().map(canonical), expected.attack, "{path}");
    assert_eq!(count_labels(table, &schema), expected.counts, "{path}");
    let features: Vec<&str> = schema.feature_columns().map(canonical).collect();
    assert_eq!(features.len(), expected.features, "{path}: {features:?}");
    for name in expected.never {
        assert!(!features.contains(name), "{path}: {name} is a feature");
    }
    for column in schema.columns.iter().filter(|column| column.role == Role::Ignored) {
        assert!(column.why.is_some(), "{path}: no reason for {}", column.name);
    }
}

fn count_labels(table: &Table, schema: &Schema) -> Option<[usize; 3]> {
    let labels = labels(table, schema)?;
    Some([NORMAL, ANOMALY, UNKNOWN].map(|kind| labels.iter().filter(|&&label| label == kind).count()))
}

#[test]
fn a_spreadsheet_s_thousands_marks_are_read_and_reported() {
    let Some(bytes) = real("unsw-nb15/raw49_semicolon_Escenario3_hfcatucuamba.csv") else { return };
    let ingested = ingest(&bytes, 4096).unwrap();
    let column = ingested.table.columns.iter().find(|column| column.name == "Dload").unwrap();
    assert_eq!(column.cells.at(0).as_number(), Some(1_307_668_672.0));
    assert!(ingested.facts.warnings.iter().any(|warning| warning.contains("\"Dload\"") && warning.contains("mangled")));
}

#[test]
fn kdd_is_known_with_every_line_end() {
    let Some(bytes) = real("nsl-kdd/KDDTrain+.txt") else { return };
    let lines: Vec<&str> = std::str::from_utf8(&bytes).unwrap().lines().take(30_000).collect();
    for line_end in ["\n", "\r\n", "\r"] {
        let ingested = ingest(lines.join(line_end).as_bytes(), 1 << 18).unwrap();
        assert_eq!((ingested.table.n_rows(), ingested.table.bad.len()), (30_000, 0), "{line_end:?}");
        assert_eq!(ingested.detected, Some(Layout::NslKdd));
    }
}

#[test]
fn every_record_can_be_read_again_from_its_span() {
    let text = "\u{FEFF}a;b;c\r\n1;\"x;y\";tcp\r\n\r\n2;\"two\r\nlines\";udp\r\n3;short\r\n";
    let ingested = ingest(text.as_bytes(), 5).unwrap();
    let fields = |row: usize| {
        let span = ingested.table.spans[row];
        ingested.dialect.fields(&text.as_bytes()[span.start as usize..][..span.len as usize])
    };
    assert_eq!(fields(0), ["1", "x;y", "tcp"]);
    assert_eq!(fields(1), ["2", "two\r\nlines", "udp"]);
    assert_eq!(fields(2), ["3", "short"]);
    let bad = &ingested.table.bad;
    assert_eq!((bad.len(), bad[0].row, bad[0].line, bad[0].cause.as_str()), (1, 2, 6, "2 fields, expected 3"));
}

#[test]
fn bad_records_are_kept_with_their_place_and_cause() {
    let long = "9".repeat(3 << 20);
    for (text, rows, bad) in [
        ("a,b\n1,2\na,b\n3,4\n".to_owned(), 3, vec![(1, 3, "the header again")]),
        ("a,b\n1,2\n\u{feff}a,b\n3,4\n".into(), 3, vec![(1, 3, "the header again")]),
        ("\u{feff}a,b\n1,2\n\u{feff}\"a\",b\n3,4\n".into(), 3, vec![(1, 3, "the header again")]),
        ("a,b\n1,2\n3\n4,5,6\n7,8\n".into(), 4, vec![(1, 3, "1 fields, expected 2"), (2, 4, "3 fields, expected 2")]),
        ("a,b\n1,2\n\"3,4\n5,6\n7,8\n".into(), 4, vec![(1, 3, "a quote that is not closed")]),
        // A stray quote that another one closes far below must not swallow the lines between them.
        (
            "a,b,c\n1,2,0\n3,\"4,0\n5,6,0\n7,8,0\n9,10,\"0\n".into(),
            5,
            vec![(1, 3, "a quote that is not closed"), (4, 6, "a quote that is not closed")],
        ),
        (format!("a,b\n1,2\n{long},4\n5,6\n"), 3, vec![(1, 3, "longer than 1 MiB")]),
        (format!("a,b\r\n1,2\r\n3,{long}"), 2, vec![(1, 3, "longer than 1 MiB")]),
        (format!("a,b\n1,2\n\"{long}\n5,6\n\"7\",8\n"), 4, vec![(1, 3, "longer than 1 MiB")]),
    ] {
        for chunk in [7, 65_536, usize::MAX] {
            let ingested = ingest(text.as_bytes(), chunk).unwrap();
            let found: Vec<_> = ingested.table.bad.iter().map(|bad| (bad.row, bad.line, bad.cause.as_str())).collect();
            let start = &text[..20.min(text.len())];
            assert_eq!((ingested.table.n_rows(), &found), (rows, &bad), "{start:?} in chunks of {chunk}");
            for (span, row) in ingested.table.spans.iter().zip(0..) {
                let record = &text.as_bytes()[span.start as usize..][..span.len as usize];
                assert!(!record.ends_with(b"\r") && !record.ends_with(b"\n"), "row {row} of {start:?}");
            }
        }
    }
}

#[test]
fn input_that_is_no_table_is_refused_with_advice() {
    let first_line = vec![b'x'; 2 << 20];
    for (bytes, message) in [
        (&b""[..], "The file is empty"),
        (b"a,b,c\n", "There is a header but no record"),
        (b"\n\n\n", "The file holds no record"),
        (&first_line, "line 1: The first line is longer than 1 MiB"),
        (b"[{\"ts\":1},{\"ts\":2}]\n", "This is JSON, not a table"),
        (b"{\"ts\":\n1}\n", "This is JSON, but not with one record on each line"),
        (b"{\"event_type\":\"dns\"}\n", "There is no flow record in this JSON, only dns"),
        ("x,".repeat(5000).as_bytes(), "The table has 5001 columns"),
    ] {
        let error = ingest(bytes, 1 << 16).expect_err(message);
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(error.advice.is_some(), "{error}");
    }
}

/// Lines of other streams and events are left out, those that are no JSON are kept as bad records.
#[test]
fn json_lines_are_tables() {
    for (path, layout, rows, bad, has) in [
        ("zeek/stratosphere/002-zeek-scenario-port-scanning/conn.log", Some(Layout::ZeekConn), 4504, 0, "id.resp_h"),
        ("zeek/rita/json_with_all_fields/conn.log", Some(Layout::ZeekConn), 29, 0, "conn_state"),
        ("zeek/apt29/day1_NASHUA_conn.log", Some(Layout::ZeekConn), 479, 0, "id.orig_p"),
        ("suricata/eve.json", Some(Layout::SuricataEve), 1012, 0, "flow.bytes_toserver"),
    ] {
        let Some(bytes) = real(path) else { continue };
        for chunk in [4096, usize::MAX] {
            let ingested = ingest(&bytes, chunk).unwrap();
            assert_eq!((ingested.table.n_rows(), ingested.table.bad.len()), (rows, bad), "{path}");
            let schema = detect(&ingested.table, ingested.detected);
            assert_eq!(schema.layout, layout, "{path}");
            assert!(
                schema.find(has).is_some(),
                "{path}: {:?}",
                schema.columns.iter().map(|c| &c.canonical).collect::<Vec<_>>()
            );
            let parts = flow::Parts::of(&schema);
            for part in [flow::Part::Source, flow::Part::DestinationPort, flow::Part::Protocol, flow::Part::Sent] {
                assert!(parts.column(part).is_some(), "{path}: {part:?}");
            }
        }
    }
}

/// Those of Suricata are hexadecimal, also where all of the digits are decimal ones.
#[test]
fn flags_of_suricata_are_no_numbers() {
    let lines = (0..40).map(|k| {
        let flags = if k % 8 == 0 { "14" } else { "16" };
        format!(
            "{{\"event_type\":\"flow\",\"flow_id\":{k},\"src_ip\":\"10.0.0.1\",\"src_port\":{k},\"dest_ip\":\"10.0.0.2\",\
             \"dest_port\":80,\"proto\":\"TCP\",\"flow\":{{\"bytes_toserver\":{k},\"bytes_toclient\":{k}}},\
             \"tcp\":{{\"tcp_flags_ts\":\"{flags}\"}}}}\n"
        )
    });
    let ingested = ingest(lines.collect::<String>().as_bytes(), 1 << 16).unwrap();
    let schema = detect(&ingested.table, ingested.detected);
    assert_eq!(schema.layout, Some(Layout::SuricataEve));
    let flags = &schema.columns[schema.find("tcp.tcp_flags_ts").unwrap()];
    assert_eq!((flags.kind, flags.role), (Kind::Category, Role::Feature));
}

#[test]
fn one_long_line_is_refused_before_it_has_been_read() {
    let mut reader = Reader::new();
    let chunk = vec![b'x'; 1 << 20];
    let pushed = (0..100).take_while(|_| reader.push(&chunk).is_ok()).count();
    assert!(pushed <= 2, "{pushed} MiB were taken");
}

#[test]
fn encodings() {
    let text = "service,bytes\nWeb Attack – XSS,1\ncafé,2\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows = b"service,bytes\nWeb Attack \x96 XSS,1\ncaf\xe9,2\n".to_vec();
    for (bytes, encoding) in [(text.as_bytes().to_vec(), "UTF-8"), (wide, "UTF-8"), (windows, "windows-1252")] {
        let ingested = ingest(&bytes, 3).unwrap();
        assert_eq!(ingested.facts.encoding, encoding);
        assert_eq!(ingested.table.columns[0].text(0), Some("Web Attack – XSS"));
        assert_eq!(ingested.table.columns[0].text(1), Some("café"));
    }
}

#[test]
fn headerless_tables_are_known_by_their_shape() {
    let kdd = |label: &str| format!("0,tcp,http,SF,181,5450{}{label}\n", ",0".repeat(35)).repeat(3);
    let unsw =
        format!("59.166.0.0,1390,149.171.126.6,0x0035,udp,CON{},dns{},Exploits,1\n", ",0".repeat(7), ",0".repeat(33))
            .repeat(3);
    let zeek =
        "1.5\tC1\t10.0.0.1\t50\t10.0.0.2\t53\tudp\tdns\t0.1\t1\t2\tSF\tT\tF\t0\tDd\t1\t2\t3\t4\t(empty)\n".repeat(3);
    for (text, layout, last, normal) in [
        (kdd(""), Layout::NslKdd, "dst_host_srv_rerror_rate", &[][..]),
        (kdd(",normal."), Layout::NslKdd, "class", &["normal."]),
        (kdd(",normal,21"), Layout::NslKdd, "difficulty", &["normal"]),
        (unsw, Layout::UnswNb15Raw, "label", &["0"]),
        (zeek, Layout::ZeekConn, "tunnel_parents", &[]),
    ] {
        let ingested = ingest(text.as_bytes(), 100).unwrap();
        let schema = detect(&ingested.table, ingested.detected);
        assert_eq!((schema.layout, ingested.table.n_rows()), (Some(layout), 3));
        assert_eq!(schema.columns.last().unwrap().canonical, last);
        assert_eq!(schema.normal_labels, normal);
    }
}

#[test]
fn preambles_name_the_columns() {
    let zeek = "#separator \\x09\n#path\tconn\n#fields\tts\tproto\tbytes\n#types\ttime\tenum\tcount\n1.5\ttcp\t-\n2.5\t(empty)\t7\n#close\t2\n";
    let arff = "@relation 'x'\n@attribute 'ts' real\n@attribute proto {'tcp', udp}\n@attribute bytes real\n@data\n% none\n1.5,'tcp',?\n2.5,?,7\n";
    for (text, format) in [(zeek, "Zeek log"), (arff, "ARFF table")] {
        let Ingested { table, facts, .. } = ingest(text.as_bytes(), 10).unwrap();
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            (facts.format.as_str(), names, table.n_rows(), table.bad.len()),
            (format, vec!["ts", "proto", "bytes"], 2, 0)
        );
        assert_eq!((table.columns[1].text(0), table.columns[1].cells.at(1)), (Some("tcp"), Cell::MISSING), "{format}");
        assert_eq!(
            (table.columns[2].cells.at(0), table.columns[2].cells.at(1)),
            (Cell::MISSING, Cell::number(7.0)),
            "{format}"
        );
    }
}

#[test]
fn what_stands_before_the_header_is_no_record() {
    for (text, line) in [
        ("# exported by a tool, on Monday\n#\nproto,bytes\ntcp,1\nudp,x,\n", 5),
        ("sep=;\nproto;bytes\ntcp;1\nudp;x;\n", 4),
        ("\u{FEFF}sep=,\r\nproto,bytes\r\ntcp,1\r\nudp,x,\r\n", 4),
        ("#proto,bytes\ntcp,1\nudp,x,\n", 3),
        ("# without a header\ntcp,1,7\ntcp,1,8\nudp,x\n", 4),
    ] {
        for chunk in [1, 1000] {
            let Ingested { table, dialect, .. } = ingest(text.as_bytes(), chunk).unwrap();
            assert_eq!(table.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [line], "{text:?}");
            assert_eq!(table.columns[0].text(0), Some("tcp"), "{text:?}");
            assert_eq!(table.columns[1].cells.at(0), Cell::number(1.0), "{text:?}");
            let span = table.spans[0];
            let record = &text.as_bytes()[span.start as usize..][..span.len as usize];
            assert_eq!(dialect.fields(record)[..2], ["tcp", "1"], "{text:?}");
        }
    }
}

#[test]
fn roles_by_name_and_value() {
    let rows = 60;
    let mut text = String::from("Flow ID,when,src,Dst Port,proto,bytes,note,same,Attack,is_attack\n");
    for row in 0..rows {
        let (port, proto) = (40_000 + 7 * row, if row % 3 == 0 { 17 } else { 6 });
        let (attack, label) = if row % 10 == 0 { ("scan", 1) } else { ("", 0) };
        text += &format!(
            "f-{row},2024-05-06 07:08:{row:02},10.0.0.{row},{port},{proto},{},a long note about flow {row},x,{attack},{label}\n",
            row * row
        );
    }
    let ingested = ingest(text.as_bytes(), 1000).unwrap();
    let mut schema = detect(&ingested.table, None);
    let found: Vec<_> = schema.columns.iter().map(|column| (column.kind, column.role)).collect();
    use {Kind as K, Role as R};
    assert_eq!(
        found,
        [
            (K::Identifier, R::Ignored),
            (K::Time, R::Ignored),
            (K::Address, R::Ignored),
            (K::Port, R::Feature),
            (K::Category, R::Feature),
            (K::Number, R::Feature),
            (K::FreeText, R::Ignored),
            (K::Constant, R::Ignored),
            (K::Category, R::AttackName),
            (K::Number, R::Label),
        ]
    );
    assert_eq!(count_labels(&ingested.table, &schema), Some([54, 6, 0]));

    // A label that loses its role is not silently a feature, and what means normal follows the label.
    schema.set_role(4, Role::Label);
    assert_eq!(schema.columns[9].role, Role::Ignored);
    schema.find_normal_labels(&ingested.table);
    assert!(schema.normal_labels.is_empty() && labels(&ingested.table, &schema).is_none());
    assert!(schema.warnings.iter().any(|warning| warning.contains("\"proto\"")));
    schema.set_role(9, Role::Label);
    schema.find_normal_labels(&ingested.table);
    assert_eq!(count_labels(&ingested.table, &schema), Some([54, 6, 0]));
    assert!(schema.warnings.is_empty());
}

/// Tables as programs write them and as they should not: quotes, line breaks in quotes, ragged records.
fn generate(rng: &mut Rng, delimiter: char, line_end: &str, rows: usize) -> String {
    let mut text = ["alpha", "beta", "gamma", "delta", "epsilon"].join(&delimiter.to_string()) + line_end;
    for _ in 0..rows {
        let mut fields = Vec::new();
        let ragged = rng.below(20) == 0;
        for _ in 0..if ragged { 1 + rng.below(8) } else { 5 } {
            fields.push(match rng.below(8) {
                0 => String::new(),
                1 => "\"\"".into(),
                2 => format!("\"a{delimiter}b\""),
                3 => "\"say \"\"so\"\"\"".into(),
                4 if !ragged => format!("\"two{line_end}lines\""),
                5 => "in\"side".into(),
                6 => "\"tail\"ing".into(),
                _ => format!("{}.{}", rng.below(100_000), rng.below(1000)),
            });
        }
        if fields.iter().all(String::is_empty) {
            fields[0] = "x".into();
        }
        text += &(fields.join(&delimiter.to_string()) + line_end);
    }
    text
}

#[test]
fn fields_are_those_of_the_csv_crate() {
    let mut rng = Rng::new(41);
    for round in 0..60 {
        let delimiter = [',', ';', '\t', '|'][round % 4];
        let line_end = ["\n", "\r\n"][round / 4 % 2];
        let text = generate(&mut rng, delimiter, line_end, 300);
        let ingested = ingest(text.as_bytes(), 1 << 12).unwrap();
        let mut peer = csv::ReaderBuilder::new().delimiter(delimiter as u8).flexible(true).from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> =
            peer.records().map(|record| record.unwrap().iter().map(ToOwned::to_owned).collect()).collect();
        assert_eq!(ingested.table.n_rows(), expected.len());
        for (row, expected) in expected.iter().enumerate() {
            let span = ingested.table.spans[row];
            let record = &text.as_bytes()[span.start as usize..][..span.len as usize];
            assert_eq!(&ingested.dialect.fields(record), expected, "round {round}, row {row}: {record:?}");
            assert_eq!(ingested.table.bad_record(row as u32).is_some(), expected.len() != 5);
            for (column, field) in ingested.table.columns.iter().zip(expected).filter(|_| expected.len() == 5) {
                let number = column.cells.at(row).as_number();
                let same = number == field.parse().ok() && column.text(row).is_none_or(|text| text == field.trim());
                assert!(same, "{field:?} became {:?}", column.cells.at(row));
            }
        }
    }
}

#[test]
fn the_result_does_not_depend_on_the_pushes() {
    let mut rng = Rng::new(42);
    let mut large = generate(&mut rng, ',', "\r\n", 30_000);
    assert!(large.len() > 1 << 20);
    large += "\"a quote that nobody closes,2,3,4,5\r\n1,2,3,4,5";
    let texts = [
        generate(&mut rng, ';', "\n", 100),
        large,
        "#fields\ta\tb\n1\t2\n#close\n".into(),
        "a,b\r1,\"x\ry\"\r2,\"z".into(),
    ];
    for text in texts {
        let whole = ingest(text.as_bytes(), usize::MAX).unwrap();
        for chunk in [1, 2, 3, 7, 4096] {
            let parts = ingest(text.as_bytes(), chunk).unwrap();
            assert!(same(&whole, &parts), "chunks of {chunk}");
        }
    }
}

fn same(a: &Ingested, b: &Ingested) -> bool {
    let columns = || a.table.columns.iter().zip(&b.table.columns);
    (a.table.columns.len(), &a.table.spans, &a.table.bad) == (b.table.columns.len(), &b.table.spans, &b.table.bad)
        && (&a.facts, &a.dialect, a.detected) == (&b.facts, &b.dialect, b.detected)
        && columns().all(|(a, b)| a.name == b.name && a.cells == b.cells && a.dictionary.iter().eq(b.dictionary.iter()))
}

#[test]
fn mutated_files_never_panic() {
    use std::io::Write;
    let mut rng = Rng::new(43);
    let table = generate(&mut rng, ',', "\n", 40).into_bytes();
    let wide: Vec<u8> = String::from_utf8_lossy(&table).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&table).unwrap();
    let zeek = b"#separator \\x09\n#fields\tts\tuid\tid.orig_h\tproto\n#types\ttime\n1.5\tC1\t10.0.0.1\ttcp\n2.5\tC2\t-\tudp\n#close\n";
    let arff = b"@relation x\n@attribute 'a b' real\n@attribute class {normal,bad}\n@data\n0,'normal'\n1,bad\n";
    let cic = b" Flow Duration, Total Fwd Packets,Label\n1,\"1.234,5\",BENIGN\n2,Infinity,DoS\n3,1.307.668.672,DoS\n";
    let nfdump =
        b"ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt\n1,2,1.5,10.0.0.1,10.0.0.2,50000,443,TCP,...AP.SF,0,0,6,640\n\
        1,2,1e9,10.0.0.1,10.0.0.2,0x35,-1,999,_,0,0,-6,1e300\n";
    let json = b"{\"ts\":1.5,\"id.orig_h\":\"10.0.0.1\",\"flow\":{\"age\":1,\"tags\":[1,{\"a\":null}]}}\n{\"ts\":2,\"new\":true}\n";
    let sources = [
        table,
        wide,
        gzip.finish().unwrap(),
        zeek.to_vec(),
        arff.to_vec(),
        cic.to_vec(),
        nfdump.to_vec(),
        json.to_vec(),
    ];
    let (mut read, mut refused, mut views) = (0, 0, 0);
    for round in 0..3000 {
        let mut bytes = sources[round % sources.len()].clone();
        for _ in 0..=rng.below(6) {
            let at = rng.below(bytes.len().max(1) as u32) as usize;
            match rng.below(5) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] ^= 1 << rng.below(8),
                2 => {
                    let special = b"\"',;\t|\r\n#\0-. \xFF{%@0";
                    bytes.insert(at, special[rng.below(special.len() as u32) as usize]);
                }
                3 if !bytes.is_empty() => {
                    bytes.remove(at);
                }
                _ => bytes.extend_from_within(at..),
            }
        }
        match ingest(&bytes, 1 + rng.below(200) as usize) {
            Err(_) => refused += 1,
            Ok(ingested) => {
                read += 1;
                let table = &ingested.table;
                let schema = detect(table, ingested.detected);
                assert_eq!(schema.columns.len(), table.columns.len());
                assert!(table.columns.iter().all(|column| column.cells.len() == table.n_rows()));
                assert!(table.spans.windows(2).all(|pair| pair[0].start + u64::from(pair[0].len) <= pair[1].start));
                assert!(labels(table, &schema).is_none_or(|labels| labels.len() == table.n_rows()));
                if let Some((view, derived)) = flow::view(table, &schema) {
                    views += 1;
                    assert_eq!((view.n_rows(), view.columns.len()), (table.n_rows(), derived.columns.len()));
                    assert!(view.columns.iter().all(|column| column.cells.len() == table.n_rows()));
                }
            }
        }
    }
    assert!(read > 500 && refused > 100 && views > 100, "{read} were read, {refused} refused, {views} were flows");
}
