//! What queries mean, and what is said of those that mean nothing.

use super::*;
use crate::ingest::Reader;
use crate::schema::{ANOMALY, ColumnSpec, detect};
use crate::table::Table;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FLOWS: &str = "ts,src ip,src_port,dst_ip,dst_port,proto,service,duration,src_bytes,dst_bytes,conn_state,Label\n\
    1713484800,10.0.0.1,50000,192.168.1.1,443,tcp,ssl,90,2500000,1000,SF,BENIGN\n\
    1713488400,10.1.2.3,50001,192.168.1.2,80,tcp,http,0.2,300,2000,SF,BENIGN\n\
    1713492000,fe80::1,50002,ff02::fb,5353,udp,dns,,0,0,S0,Scan\n\
    1713495600,172.16.0.9,50003,8.8.8.8,53,udp,dns,400,60,120,SF,BENIGN\n\
    1713499200,10.0.0.1,50004,10.0.0.2,22,tcp,,7200,900,15000000,RSTO,Bruteforce\n";

fn flows() -> (Table, Schema) {
    read(FLOWS)
}

fn read(text: &str) -> (Table, Schema) {
    let mut reader = Reader::new();
    reader.push(text.as_bytes()).unwrap();
    let table = reader.finish().unwrap().table;
    let schema = detect(&table, None);
    (table, schema)
}

/// The rows that pass, counted from 1.
fn passing(query: &str) -> Vec<u32> {
    let (table, schema) = flows();
    let query = parse(query, &schema).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut bound = query.bind(&table, &schema);
    let records: Vec<&str> = FLOWS.lines().skip(1).collect();
    let reasons: [&[&str]; 5] = [&["src_bytes", "duration"], &[], &["service"], &[], &["dst_bytes"]];
    let facts = |row: usize| RowFacts {
        file_row: row as u32,
        score: [0.95, 0.3, 0.5, f32::NAN, 0.9][row],
        forest: 0.5,
        network: [0.9, 0.1, 0.1, f32::NAN, 0.2][row],
        flagged: [true, false, false, false, true][row],
        label: [0, 0, ANOMALY, 0, ANOMALY][row],
        verdict: [Some(true), None, Some(false), None, None][row],
        note: ["backup of the night", "", "", "", ""][row],
        reasons: reasons[row],
        record: records[row].as_bytes(),
    };
    let may_match = bound.may_match();
    let passes = |&row: &usize| {
        let matches = bound.matches(row as u32, &facts(row));
        assert!(may_match[row] || !matches, "{row}");
        matches
    };
    (0..5).filter(passes).map(|row| row as u32 + 1).collect()
}

#[test]
fn protocols_written_as_numbers_are_found_by_their_names() {
    let (table, schema) = read(&FLOWS.replace(",tcp,", ",6,").replace(",udp,", ",17,"));
    for (query, expected) in [
        ("proto:udp", &[3, 4][..]),
        ("proto:17", &[3, 4]),
        ("-proto:UDP", &[1, 2, 5]),
        ("proto:tcp,udp", &[1, 2, 3, 4, 5]),
    ] {
        let query = parse(query, &schema).unwrap();
        let mut bound = query.bind(&table, &schema);
        let found: Vec<u32> =
            (0..5).filter(|&row| bound.matches(row, &RowFacts::default())).map(|row| row + 1).collect();
        assert_eq!(found, expected);
    }
    let background = crate::explain::Background::fit(&table, &schema, &[0, 1, 2, 3, 4], 5);
    let found = complete("proto:u", 7, &schema, Some(&background));
    assert_eq!(found.iter().map(|completion| completion.text.as_str()).collect::<Vec<_>>(), ["udp"]);
    assert!(found[0].detail.starts_with("17, "), "{}", found[0].detail);
    // Only where they are protocols.
    let query = parse("dport:tcp", &schema).unwrap();
    let (table, _) = read(&FLOWS.replace(",443,", ",6,"));
    assert!((0..5).all(|row| !query.bind(&table, &schema).matches(row, &RowFacts::default())));
}

#[test]
fn the_table_alone_rules_rows_out() {
    let (table, schema) = flows();
    for (query, expected) in [
        ("dport:443", &[1][..]),
        ("-proto:tcp", &[3, 4]),
        ("port:5353,443", &[1, 3]),
        ("proto:udp score:>0.9", &[3, 4]),
        ("score:>2 flagged:true text", &[1, 2, 3, 4, 5]),
    ] {
        let may_match = parse(query, &schema).unwrap().bind(&table, &schema).may_match();
        assert_eq!((1..=5).filter(|&row| may_match[row - 1]).collect::<Vec<_>>(), expected, "{query}");
    }
}

#[test]
fn queries_find_what_they_say() {
    for (query, expected) in [
        ("", &[1, 2, 3, 4, 5][..]),
        // As a text filter: all of it, whatever the case.
        ("TCP,ssl", &[1]),
        ("ssl,90", &[1]),
        ("10.0.0.1", &[1, 5]),
        ("fe80::1", &[3]),
        ("nothing of it", &[]),
        // Addresses.
        ("src:10.0.0.1", &[1, 5]),
        ("src:10.0.0.0/8", &[1, 2, 5]),
        ("src:10.0.0.0/16,172.16.0.0/12", &[1, 4, 5]),
        ("src:fe80::/10", &[3]),
        ("dst:10.0.0.0..10.0.0.255", &[5]),
        ("ip:8.8.8.8", &[4]),
        ("ip:10.0.0.0/8", &[1, 2, 5]),
        ("src:10.*", &[1, 2, 5]),
        ("src:0.0.0.0/0", &[1, 2, 4, 5]),
        // Ports.
        ("dport:443", &[1]),
        ("dport:80,443", &[1, 2]),
        ("dport:1..100", &[2, 4, 5]),
        ("dport:1-100", &[2, 4, 5]),
        ("dport:>1023", &[3]),
        ("port:50000..50001", &[1, 2]),
        // Categories.
        ("proto:udp", &[3, 4]),
        ("-proto:udp", &[1, 2, 5]),
        ("service:HTTP", &[2]),
        ("service:\"http\"", &[2]),
        ("service:h*p,s*", &[1, 2]),
        ("service:missing", &[5]),
        ("state:SF -service:dns", &[1, 2]),
        // Amounts.
        ("bytes:>1MB", &[1, 5]),
        ("sent:2.5MB", &[1]),
        ("sent:0", &[3]),
        ("src_bytes:0", &[3]),
        ("received:1k..2k", &[1, 2]),
        ("duration:1m..5m", &[1]),
        ("duration:>=2h", &[5]),
        ("duration:<500ms", &[2]),
        ("duration:missing", &[3]),
        ("bytes:..400", &[3, 4]),
        // Times.
        ("time:2024-04-19", &[1, 2, 3, 4, 5]),
        ("time:2024-04-19T02:00..2024-04-19T03:00", &[3, 4]),
        ("time:<1713488400", &[1]),
        // What was found.
        ("score:>=0.9", &[1, 5]),
        ("score:missing", &[4]),
        ("flagged:true network:>0.5", &[1]),
        ("flagged:no", &[2, 3, 4]),
        ("reason:bytes", &[1, 5]),
        ("-reason:bytes reason:service,duration", &[3]),
        ("verdict:true", &[1]),
        ("verdict:false", &[3]),
        ("verdict:none", &[2, 4, 5]),
        ("note:night", &[1]),
        ("label:anomaly", &[3, 5]),
        ("Label:normal", &[1, 2, 4]),
        ("row:2..3", &[2, 3]),
        // The file's own names.
        ("\"src ip\":10.1.2.3", &[2]),
        ("conn_state:rsto", &[5]),
        // Several texts.
        ("\"10.0.0.1\" -ssl", &[5]),
        ("tcp dport:443", &[1]),
    ] {
        assert_eq!(passing(query), expected, "{query}");
    }
}

#[test]
fn any_column_of_times_is_asked_for_a_time() {
    let (table, schema) = read(
        "flow_end,flow_start,end_of_month\n\
         2024-04-19 08:31:10.5,2024-04-19 08:30:00,30/04/2024 08:00\n\
         2024-04-19 08:41:10.5,2024-04-19 08:40:00,30/04/2024 09:00\n\
         2024-04-20 08:31:10.5,2024-04-19 08:50:00,31/05/2024 08:00\n\
         ,1970-01-01,1/1/1970\n",
    );
    let schema = Schema {
        columns: schema.columns.into_iter().map(|spec| ColumnSpec { kind: Kind::Time, ..spec }).collect(),
        ..schema
    };
    for (query, expected) in [
        // That of the beginning, though it is not the first.
        ("time:2024-04-19T08:40..", &[1, 2][..]),
        ("flow_end:2024-04-19", &[0, 1]),
        ("flow_end:>2024-04-19T09:00", &[2]),
        // With a space in it, for which it is quoted.
        ("time:\"2024-04-19 08:40\"", &[1]),
        ("flow_end:\"2024-04-19 08:41:10.5\"", &[1]),
        ("time:>=\"2024-04-19 08:45\"", &[2]),
        ("time:\"2024-04-19 08:35\"..\"2024-04-19 08:45\"", &[1]),
        // What cannot be read as a time is a text.
        ("end_of_month:\"30/04/2024 09:00\"", &[1]),
        ("end_of_month:30/04/2024*", &[0, 1]),
        ("flow_end:2024-04-19*,2024-04-20", &[0, 1, 2]),
        ("end_of_month:missing", &[]),
        ("flow_end:missing", &[3]),
    ] {
        let read = parse(query, &schema).unwrap();
        let mut bound = read.bind(&table, &schema);
        let found: Vec<u32> = (0..4).filter(|&row| bound.matches(row, &RowFacts::default())).collect();
        assert_eq!(found, expected, "{query}");
    }
    let only = |name: &str, value: &str| of_value(name, value, &schema);
    assert_eq!(only("flow_end", "2024-04-20 08:31:10.5").as_deref(), Some("flow_end:\"2024-04-20 08:31:10.5\""));
    assert_eq!(only("end_of_month", "1/1/1970").as_deref(), Some("end_of_month:\"1/1/1970\""));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_way_out() {
    let (_, schema) = flows();
    for (query, expected) in [
        ("tcp scr:10.0.0.1", "unknown field `scr` at 5: did you mean `src`?"),
        ("conn_stat:SF", "unknown field `conn_stat` at 1: did you mean `conn_state`?"),
        ("zzzzzzzz:1", "unknown field `zzzzzzzz` at 1: use a name such as src"),
        ("score:high", "number `high` at 7: write it as"),
        ("src:10.0.0.0/40", "network `10.0.0.0/40` at 5: write it as 10.0.0.0/8"),
        ("proto:>udp", "comparison `>udp` at 7: compare with a number"),
        ("flagged:perhaps", "value `perhaps` at 9: say true or false"),
        ("service:", "empty value at 9: give a value"),
        ("dport:80,", "empty value at 10"),
        ("\"open", "open quote at 1: close it"),
        ("time:yesterday", "time `yesterday` at 6"),
        ("time:2024-13-45", "time `2024-13-45` at 6"),
        ("time:>=2024-04-1*", "time `>=2024-04-1*` at 6"),
        ("time:>\"last night\"", "time `>last night` at 6"),
        ("time:5m", "time `5m` at 6"),
        ("packets:5", "field `packets`, which this file has no column for"),
    ] {
        let error = parse(query, &schema).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(expected), "{query}: {error}");
    }
    assert!(parse(&"x ".repeat(3000), &schema).is_err());
}

#[test]
fn plain_texts_stay_what_they_were() {
    let (_, schema) = flows();
    for (text, expected) in [
        ("  GET /Index html ", Some("get /index html")),
        ("08:55:58", Some("08:55:58")),
        ("http://example.org/a", Some("http://example.org/a")),
        ("fe80::1", Some("fe80::1")),
        ("00:1a:2b:3c:4d:5e", Some("00:1a:2b:3c:4d:5e")),
        ("src:10.0.0.1", None),
        ("a \"b c\"", None),
    ] {
        assert_eq!(parse(text, &schema).unwrap().plain_text(), expected, "{text}");
    }
}

#[test]
fn a_quoted_text_means_itself() {
    let (_, schema) = flows();
    for text in ["a b", "x*y", "-1", "1..2", "say \"no\"", "c:\\d", "missing", ">5", "", "a,b"] {
        let query = parse(&format!("service:{}", quote(text)), &schema).unwrap();
        let Condition::Is(_, values) = &query.terms[0].condition else { panic!("{text}") };
        assert_eq!(values[..], [Value::Text(text.to_lowercase())], "{text}");
    }
    assert_eq!(quote("10.0.0.1"), "10.0.0.1");
}

#[test]
fn completions_fit_where_the_cursor_is() {
    let (table, schema) = flows();
    let background = crate::explain::Background::fit(&table, &schema, &[0, 1, 2, 3, 4], 5);
    let check = |text: &str, cursor: usize, expected: &[&str]| {
        let found = complete(text, cursor, &schema, Some(&background));
        let texts: Vec<&str> = found.iter().map(|completion| completion.text.as_str()).collect();
        assert_eq!(texts.get(..expected.len()), Some(expected), "{text}: {texts:?}");
        found.first().map(|completion| (completion.start, completion.end))
    };
    assert_eq!(check("tcp s", 5, &["src:", "sport:", "service:", "state:", "sent:", "score:"]), Some((4, 5)));
    assert_eq!(check("-pro", 4, &["proto:"]), Some((1, 4)));
    assert_eq!(check("service:d", 9, &["dns"]), Some((8, 9)));
    assert_eq!(check("service:dns,h", 13, &["http"]), Some((12, 13)));
    assert_eq!(check("flagged:", 8, &["true", "false"]), Some((8, 8)));
    assert_eq!(check("conn", 4, &["conn_state:"]), Some((0, 4)));
    assert!(complete("zzz:", 4, &schema, None).is_empty() && complete("zzz", 99, &schema, None).is_empty());
}
