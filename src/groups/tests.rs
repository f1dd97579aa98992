//! Made-up flows with a scan, a beacon and copies of one anomaly in them.

use super::beacons::{PairFold, Pairs};
use super::*;
use crate::ingest::Reader;
use crate::rng::Rng;
use crate::schema::detect;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const HEADER: &str = "ts,src_ip,src_port,dst_ip,dst_port,proto,service,duration,src_bytes,dst_bytes,conn_state\n";
const START: f64 = 1.7e9;

/// Ordinary flows of ten hosts over a day, and a score for each.
fn day() -> Vec<(String, f32)> {
    let mut rng = Rng::new(2);
    let mut rows = Vec::new();
    for _ in 0..4000 {
        let time = START + 86_400.0 * rng.uniform();
        let (host, server) = (rng.below(10), rng.below(30));
        let bytes = libm::round(libm::exp(7.0 + rng.normal()));
        let line =
            format!("{time:.3},10.0.0.{host},{},10.1.0.{server},443,tcp,ssl,0.5,{bytes},2000,SF\n", 40_000 + host);
        // One in a hundred is flagged by chance.
        rows.push((line, if rng.below(100) == 0 { 0.62 } else { 0.4 }));
    }
    rows
}

fn read(rows: &[(String, f32)]) -> (Table, Schema, Vec<f32>) {
    let mut rows: Vec<&(String, f32)> = rows.iter().collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let mut reader = Reader::new();
    reader.push(HEADER.as_bytes()).unwrap();
    rows.iter().for_each(|(line, _)| reader.push(line.as_bytes()).unwrap());
    let table = reader.finish().unwrap().table;
    let schema = detect(&table, None);
    assert!(table.bad.is_empty());
    (table, schema, rows.iter().map(|(_, score)| *score).collect())
}

fn folded(rows: &[(String, f32)], parts_of_file: usize) -> (Groups, Pairs) {
    let (table, schema, scores) = read(rows);
    let parts = Parts::of(&schema);
    let (mut groups, mut pairs) = (Groups::default(), Pairs::default());
    let all: Vec<u32> = (0..scores.len() as u32).collect();
    for chunk in all.chunks(all.len().div_ceil(parts_of_file)) {
        let mut group_fold = GroupFold::new(&parts, &table, &schema, 0.6);
        let mut pair_fold = PairFold::new(&parts, &table).unwrap();
        for &row in chunk {
            group_fold.add(row, row, scores[row as usize], Some("bytes"));
            pair_fold.add(row, row);
        }
        // What crosses from a worker to another is the same behind it.
        let crossed: Groups = serde_json::from_str(&serde_json::to_string(&group_fold.finish()).unwrap()).unwrap();
        groups.merge(crossed);
        let crossed: Pairs = serde_json::from_str(&serde_json::to_string(&pair_fold.finish()).unwrap()).unwrap();
        pairs.merge(crossed);
    }
    (groups, pairs)
}

fn with(mut rows: Vec<(String, f32)>, more: impl IntoIterator<Item = (String, f32)>) -> Vec<(String, f32)> {
    rows.extend(more);
    rows
}

#[test]
fn a_type_of_icmp_is_no_port() {
    let flow = |i: u32, port: u32, protocol: &str, score| {
        let time = START + f64::from(i);
        (format!("{time:.3},10.0.0.3,8,10.2.0.{i},{port},{protocol},-,0.5,90,0,OTH\n"), score)
    };
    let pings = (0..40).map(|i| flow(i, 3, if i % 2 == 0 { "icmp" } else { "IPv6-ICMP" }, 0.9));
    let calls = (40..60).map(|i| flow(i, 3, "tcp", if i < 50 { 0.8 } else { 0.4 }));
    let knocks = (60..70).map(|i| flow(i, 7, "udp", 0.8));
    let rows = with(day(), pings.chain(calls).chain(knocks));
    for parts_of_file in [1, 7] {
        let (groups, pairs) = folded(&rows, parts_of_file);
        let ports = groups.top(GroupKind::DestinationPort, 9);
        let of = |port: &str| ports.iter().find(|group| group.parts == [port]).unwrap();
        assert_eq!((&*of("3").label, &*of("3").query, of("3").rows), ("ICMP type or code 3", "dport:3", 60));
        assert_eq!((&*of("7").label, of("7").rows), ("port 7", 10));
        let leads = leads(&groups, &pairs, 99);
        assert!(!leads.iter().any(|lead| lead.query == "dport:3"));
    }
    // The same by numbers, and to one host as by a clock.
    let pings = (0..200).map(|i| {
        let time = START + 60.0 * f64::from(i);
        (format!("{time:.3},10.0.0.3,8,10.2.0.9,{},1,-,0.5,90,90,SF\n", 3 * (i % 2)), 0.9)
    });
    let (groups, pairs) = folded(&pings.collect::<Vec<_>>(), 1);
    assert!(groups.top(GroupKind::DestinationPort, 1)[0].is_icmp);
    let leads = leads(&groups, &pairs, 9);
    let clock = leads.iter().find(|lead| lead.beacon.is_some()).expect("a ping a minute");
    assert!(clock.title.contains("icmp") && !clock.title.contains("port"), "{}", clock.title);
    // Two types are not two ports of the pair.
    assert_eq!(groups.top(GroupKind::Pair, 1)[0].counterparts, 0);
}

#[test]
fn a_host_whose_flows_are_all_odd_comes_before_a_busy_one() {
    let odd = (0..16).map(|i| {
        (
            format!(
                "{:.3},10.0.0.3,51000,66.85.157.90,8080,tcp,http,0.5,{},0,S0\n",
                START + 5000.0 * f64::from(i),
                900 + i
            ),
            0.7,
        )
    });
    let (groups, pairs) = folded(&with(day(), odd), 1);
    let found = leads(&groups, &pairs, 10);
    assert_eq!(found[0].title, "10.0.0.3 → 66.85.157.90", "{found:#?}");
    assert!(found[0].why[0].starts_with("16 of 16 are odd"), "{:?}", found[0].why);
    // The same rows by their destination, port, state and service are not told again.
    assert!(!found[1..].iter().any(|lead| lead.title.contains("66.85.157.90") || lead.title.contains("8080")));
    let group = &groups.top(GroupKind::Destination, 1)[0];
    assert_eq!((group.flagged, group.rows, group.counterparts, group.examples.len()), (16, 16, 1, 8));
    assert_eq!(group.first.map(libm::round), Some(START));
    assert_eq!(group.query, "dst:66.85.157.90");
    // All are one pattern, and its filter says what they have in common.
    let pattern = &groups.top(GroupKind::Pattern, 1)[0];
    assert_eq!(pattern.flagged, 16, "{pattern:?}");
    assert!(
        pattern.query.starts_with("src:10.0.0.3 dst:66.85.157.90 dport:8080 proto:tcp service:http state:S0 bytes:")
    );
    let reason = &groups.top(GroupKind::Reason, 9)[..];
    assert!(reason.len() == 1 && reason[0].query == "reason:bytes");
}

#[test]
fn one_record_has_nothing_in_common_with_others() {
    let odd = |n: u32| {
        (0..n).map(|i| {
            let start = START + 900.0 * f64::from(i);
            (format!("{start:.3},10.0.0.3,51000,66.85.157.90,8080,tcp,http,0.5,900,0,S0\n"), 0.9)
        })
    };
    let about_it = |n: u32| {
        let (groups, pairs) = folded(&with(day(), odd(n)), 1);
        leads(&groups, &pairs, 10).iter().filter(|lead| lead.title.contains("66.85.157.90")).count()
    };
    assert_eq!([about_it(1), about_it(2)], [0, 1]);
}

#[test]
fn parts_of_a_file_give_what_the_whole_gives() {
    let odd = (0..300).map(|i| {
        (format!("{:.3},10.0.0.5,{},10.1.0.1,{},tcp,-,0,0,0,REJ\n", START + f64::from(i), 50_000 + i, 1 + i), 0.65)
    });
    let rows = with(day(), odd);
    let (whole, whole_pairs) = folded(&rows, 1);
    let (parts, part_pairs) = folded(&rows, 7);
    for kind in GroupKind::ALL {
        let strip = |mut groups: Vec<Group>| {
            // Sums of floating-point numbers depend on their order.
            groups.iter_mut().for_each(|group| (group.excess, group.value) = (0.0, libm::round(group.value * 1e6)));
            groups
        };
        assert_eq!(strip(whole.top(kind, 50)), strip(parts.top(kind, 50)), "{kind:?}");
    }
    assert_eq!(whole_pairs.beacons(10), part_pairs.beacons(10));
    assert_eq!(leads(&whole, &whole_pairs, 5).len(), leads(&parts, &part_pairs, 5).len());
    assert!(whole.top(GroupKind::Time, 0).len() <= 200 && whole.stretch_seconds() >= 300.0);
}

/// A pair that calls at these times with these sizes, among the day's flows, in words.
fn beacon(times: impl Fn(f64, &mut Rng) -> f64, size: impl Fn(&mut Rng) -> f64, n: u32) -> Option<String> {
    let mut rng = Rng::new(9);
    let calls: Vec<(String, f32)> = (0..n)
        .map(|i| {
            let time = START + times(f64::from(i), &mut rng);
            (format!("{time:.3},10.0.0.7,45000,203.0.113.9,80,tcp,http,0.1,{},300,SF\n", size(&mut rng)), 0.4)
        })
        .collect();
    let (_, pairs) = folded(&with(day(), calls), 3);
    pairs.beacons(3).into_iter().next().map(|beacon| {
        assert_eq!(beacon.key.destination, "203.0.113.9");
        beacon.words.replace(['\u{202f}', '\u{a0}'], " ")
    })
}

#[test]
fn all_connections_of_a_busy_pair_count() {
    for n in [1024, 1025, 10_000] {
        let words = beacon(|i, _| 60.0 * i, |_| 512.0, n).unwrap();
        let (days, times) = match n {
            1024 => ("17 h 3 min", "1,024"),
            1025 => ("17 h 4 min", "1,025"),
            _ => ("6 d 22 h", "10,000"),
        };
        assert!(words.starts_with(&format!("every 1 min for {days}, {times} times")), "{words}");
    }
}

#[test]
fn beacons_are_found_by_their_rhythm() {
    let jitter = |rng: &mut Rng| 120.0 * rng.uniform() - 60.0;
    let words = beacon(|i, _| 300.0 * i, |_| 512.0, 280).unwrap();
    assert_eq!(words, "every 5 min for 23 h 15 min, 280 times, always 512 bytes");
    let words = beacon(|i, rng| 300.0 * i + jitter(rng), |_| 512.0, 280).unwrap();
    assert!(words.starts_with("every 5 min") && words.contains(" ± "), "{words}");
    // A person's visits come at any time, and with any size.
    let any_time = |_: f64, rng: &mut Rng| 86_400.0 * rng.uniform();
    assert_eq!(beacon(any_time, |rng| libm::round(libm::exp(7.0 + 2.0 * rng.normal())), 280), None);
    assert_eq!(beacon(|i, _| 300.0 * i, |_| 512.0, 6), None);
}

#[test]
fn long_connections_are_told() {
    let long = [(format!("{START},10.0.0.2,4000,203.0.113.5,22,tcp,ssh,41420,348808,366587,SF\n"), 0.5)];
    let rows = with(day(), long);
    let numbered = rows.iter().map(|(line, score)| (line.replace(",tcp,", ",6,"), *score)).collect();
    for (rows, proto) in [(rows, "tcp"), (numbered, "6")] {
        let (groups, pairs) = folded(&rows, 2);
        let found = leads(&groups, &pairs, 10);
        let lead = found.iter().find(|lead| lead.long.is_some()).unwrap();
        assert_eq!(lead.title, "10.0.0.2 → 203.0.113.5, port 22 tcp (ssh)");
        assert_eq!(lead.why[0].replace('\u{202f}', " "), "open for 11 h 30 min; 715 kB in all");
        assert_eq!(lead.query, format!("src:10.0.0.2 dst:203.0.113.5 dport:22 proto:{proto}"));
    }
}

#[test]
fn tables_without_addresses_are_grouped_by_their_categories() {
    let mut text = String::from("protocol_type,flag,count,rate\n");
    for i in 0..300 {
        text += &format!("{},{},{},{}\n", ["tcp", "udp"][i % 2], if i % 30 == 0 { "S0" } else { "SF" }, i % 7, i % 11);
    }
    let mut reader = Reader::new();
    reader.push(text.as_bytes()).unwrap();
    let table = reader.finish().unwrap().table;
    let schema = detect(&table, None);
    let parts = Parts::of(&schema);
    let mut fold = GroupFold::new(&parts, &table, &schema, 0.6);
    (0..300).for_each(|row| fold.add(row, row, if row % 30 == 0 { 0.7 } else { 0.4 }, None));
    let groups = fold.finish();
    let group = &groups.top(GroupKind::Category, 1)[0];
    assert_eq!((group.query.as_str(), group.flagged, group.rows), ("flag:S0", 10, 10));
    assert!(groups.top(GroupKind::Source, 9).is_empty() && PairFold::new(&parts, &table).is_none());
    assert!(leads(&groups, &Pairs::default(), 10)[0].title.contains("S0"));
}

#[test]
fn memory_is_bounded_and_what_is_left_out_is_told() {
    let mut text = String::from(HEADER);
    for i in 0..20_000_u32 {
        let host = format!("10.{}.{}.{}", i >> 16, i >> 8 & 255, i & 255);
        text += &format!("{}.5,{host},40000,192.0.2.1,443,tcp,ssl,0.5,100,200,SF\n", 1_700_000_000 + i);
    }
    let mut reader = Reader::new();
    reader.push(text.as_bytes()).unwrap();
    let table = reader.finish().unwrap().table;
    let schema = detect(&table, None);
    let parts = Parts::of(&schema);
    let mut fold = GroupFold::new(&parts, &table, &schema, 0.6);
    (0..20_000).for_each(|row| fold.add(row, row, if row == 19_999 { 0.9 } else { 0.7 }, None));
    let groups = fold.finish();
    assert_eq!(groups.entries.iter().filter(|entry| entry.kind == GroupKind::Source).count(), MAX_GROUPS);
    let others = groups.others(GroupKind::Source);
    assert_eq!(others.groups as usize, 20_000 - MAX_GROUPS);
    assert_eq!(others.flagged, others.rows);
    assert_eq!(groups.top(GroupKind::Source, 1)[0].examples, [19_999]);
    assert_eq!((groups.rows, groups.flagged), (20_000, 20_000));
}

#[test]
fn the_first_by_any_number_are_listed() {
    // Hosts with few rows that are all odd, one with very many of which few are, and one with the highest score of all.
    let mut rows: Vec<(String, f32)> = Vec::new();
    let line =
        |at: usize, host: &str| format!("{}.5,{host},40000,192.0.2.1,443,tcp,ssl,0.5,100,200,SF\n", 1_700_000_000 + at);
    for at in 0..40 {
        rows.push((line(at, &format!("10.0.1.{}", at / 4)), 0.8));
    }
    (0..2000).for_each(|at| rows.push((line(100 + at, "10.0.2.1"), if at < 30 { 0.61 } else { 0.4 })));
    (0..400).for_each(|at| rows.push((line(3000 + at, "10.0.2.2"), if at == 0 { 0.99 } else { 0.4 })));
    let (groups, _) = folded(&rows, 2);
    let names = |listed: Vec<Group>| listed.into_iter().map(|group| group.label).collect::<Vec<_>>();
    let top = names(groups.top(GroupKind::Source, 3));
    assert!(top.iter().all(|name| name.starts_with("10.0.1.")), "{top:?}");
    let listed = names(groups.listed(GroupKind::Source, 3));
    assert_eq!(listed[..3], top[..]);
    assert!(["10.0.2.1", "10.0.2.2"].iter().all(|host| listed.iter().any(|name| name == host)), "{listed:?}");
    assert_eq!(names(groups.listed(GroupKind::Source, 1)).len(), 3);
}

#[test]
fn where_nothing_else_is_in_common_reasons_are() {
    let mut reader = Reader::new();
    reader.push(b"duration,bytes\n").unwrap();
    (0..500).for_each(|i| reader.push(format!("{}.5,{}\n", i % 7, 1000 + i).as_bytes()).unwrap());
    let table = reader.finish().unwrap().table;
    let schema = detect(&table, None);
    let parts = Parts::of(&schema);
    let mut groups = GroupFold::new(&parts, &table, &schema, 0.6);
    for row in 0..500 {
        let score = if row % 25 == 0 { 0.8 } else { 0.4 };
        groups.add(row, row, score, Some(if row == 0 { "duration" } else { "bytes" }));
    }
    let found = leads(&groups.finish(), &Pairs::default(), 10);
    // One record is nothing in common.
    assert_eq!(found.iter().map(|lead| lead.query.as_str()).collect::<Vec<_>>(), ["reason:bytes"]);
    assert!(found[0].why[0].starts_with("Of 19 odd records"), "{:?}", found[0].why);
}
