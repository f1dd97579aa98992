//! Two days of one network held against each other, hour by hour: parts of a file are profiled apart and merged.
//!
//! The logs are looked for in `zeek/rita/missing_host/` under `ODDFLOW_DATA`, by default `../shared/data`; without them the
//! test says that it is skipped.

use oddflow::compare::{Comparison, Profile, compare};
use oddflow::ingest::{Decoder, Reader};
use oddflow::schema::{Schema, detect};
use oddflow::table::Table;
use std::path::{Path, PathBuf};

fn read(path: &Path) -> Table {
    let (mut decoder, mut text) = (Decoder::new(), Vec::new());
    decoder.push(&std::fs::read(path).unwrap(), &mut text).unwrap();
    decoder.finish(&mut text).unwrap();
    let mut reader = Reader::new();
    reader.push(&text).unwrap();
    reader.finish().unwrap().table
}

/// The hours of a day, in order.
fn hours(folder: &Path, day: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut hours: Vec<PathBuf> =
        files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(day))).collect();
    hours.sort();
    hours
}

fn profile(schema: &Schema, files: &[PathBuf]) -> Profile {
    let mut day = Profile::new(schema);
    for file in files {
        let table = read(file);
        let mut hour = Profile::new(schema);
        hour.add(&table, &table.good_rows(), &[]);
        day.merge(&hour);
    }
    day
}

#[test]
fn two_days_of_a_network() {
    let data = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(data).join("zeek/rita/missing_host");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let days = ["2024-04-19", "2024-04-20"].map(|day| hours(&folder, day));
    let schema = detect(&read(&days[0][0]), None);
    let [first, second] = days.each_ref().map(|hours| profile(&schema, hours));
    let comparison = compare(("Friday", &first), ("Saturday", &second));
    assert_eq!((comparison.base.rows, comparison.other.rows), (31_367, 39_073));
    let column = |name: &str| comparison.columns.iter().find(|column| column.canonical == name).unwrap();
    // On the second day, more than a quarter of the records is ICMP, and half come from addresses not seen before.
    let words = column("proto").words.replace('\u{202f}', " ");
    assert_eq!(words, "Much different; icmp in 27.3 %, was 2.8 %.");
    let sources = column("id.orig_h").appeared.as_ref().unwrap();
    assert!(sources.n_values > 4000 && sources.is_surprising());
    // Clients draw new ports on either day, and the addresses that they ask are the same.
    assert!(!column("id.orig_p").appeared.as_ref().unwrap().is_surprising());
    assert!(column("id.resp_h").psi < Some(0.1));
    // Within a day, every second hour is like the others.
    let halves = [0, 1].map(|odd| {
        let hours: Vec<PathBuf> = days[0].iter().skip(odd).step_by(2).cloned().collect();
        profile(&schema, &hours)
    });
    let within = compare(("even", &halves[0]), ("odd", &halves[1]));
    let much = |comparison: &Comparison| comparison.columns.iter().filter(|column| column.psi > Some(0.25)).count();
    assert!(much(&within) < much(&comparison), "{:?}", within.words);
}
