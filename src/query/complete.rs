//! What could be meant where a query is being written: names, and the values that are usual in a column.

use super::Field;
use super::{NAMES, Names, quote};
use crate::explain::{Background, ValueShare};
use crate::flow::{Part, Parts, protocol_name};
use crate::report::share_of_one;
use crate::schema::Schema;
use serde::{Deserialize, Serialize};

/// Something to put into the query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    pub text: String,
    /// In a few words.
    pub detail: String,
    /// What it takes the place of, in characters.
    pub start: usize,
    pub end: usize,
}

const MOST: usize = 12;

/// What could stand at the cursor, the likeliest first. The background tells values, if there is one.
#[must_use]
pub fn complete(text: &str, cursor: usize, schema: &Schema, background: Option<&Background>) -> Vec<Completion> {
    let chars: Vec<char> = text.chars().collect();
    let cursor = cursor.min(chars.len());
    let before = &chars[..cursor];
    let mut start = before.iter().rposition(|c| c.is_whitespace()).map_or(0, |at| at + 1);
    if before.get(start) == Some(&'-') {
        start += 1;
    }
    let word: String = before[start..].iter().collect();
    let names = Names::of(schema);
    match word.split_once(':') {
        None => {
            let known = NAMES.iter().filter(|(name, ..)| matches!(names.find(name), Some(Ok(_))));
            let known = known.map(|(name, _, what)| ((*name).to_owned(), (*what).to_owned()));
            let taken = |name: &str| NAMES.iter().any(|(known, ..)| known.eq_ignore_ascii_case(name));
            let of_file = schema.columns.iter().filter(|spec| !taken(&spec.canonical));
            let of_file = of_file.map(|spec| (quote(&spec.canonical), format!("column \"{}\"", spec.name)));
            let all: Vec<(String, String)> =
                known.chain(of_file).map(|(name, what)| (format!("{name}:"), what)).collect();
            pick(all, &word, start, cursor)
        }
        Some((name, values)) => {
            let start =
                start + name.chars().count() + 1 + values.rfind(',').map_or(0, |at| values[..=at].chars().count());
            let word: String = before[start..].iter().collect();
            let Some(Ok(field)) = names.find(name.trim_matches('"')) else { return Vec::new() };
            pick(values_of(&field, schema, background), &word, start, cursor)
        }
    }
}

fn values_of(field: &Field, schema: &Schema, background: Option<&Background>) -> Vec<(String, String)> {
    let fixed = |values: &[(&str, &str)]| values.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    match field {
        Field::Flagged => fixed(&[("true", "above the threshold"), ("false", "below it")]),
        Field::Verdict => fixed(&[("true", "true alarm"), ("false", "false alarm"), ("none", "not judged")]),
        Field::Label => fixed(&[("anomaly", ""), ("normal", ""), ("unknown", "")]),
        Field::Score | Field::Forest | Field::Network => fixed(&[(">=0.9", "at least"), ("0.5..0.6", "between")]),
        Field::Amount(Part::Duration) => fixed(&[(">1h", "longer than"), ("1m..5m", "between")]),
        Field::Amount(_) => fixed(&[(">1MB", "more than"), ("0", "exactly"), ("1k..10k", "between")]),
        Field::Address => fixed(&[("10.0.0.0/8", "network"), ("192.168.0.0/16", "network")]),
        Field::Reason => {
            let columns = background.into_iter().flat_map(|background| &background.columns);
            columns.map(|column| (quote(&column.name), "reason".to_owned())).collect()
        }
        Field::Column(at) => {
            let known = background.and_then(|background| background.find(&schema.columns[*at].canonical));
            let values = known.into_iter().flat_map(|column| &column.values);
            let is_protocol = Parts::of(schema).column(Part::Protocol) == Some(*at);
            let value = |value: &ValueShare| {
                let (text, share) = (&value.text, share_of_one(value.share));
                match protocol_name(text).filter(|_| is_protocol) {
                    Some(name) => (name.to_owned(), format!("{text}, {share}")),
                    None => (quote(text), share),
                }
            };
            values.map(value).collect()
        }
        Field::Port | Field::Time(_) | Field::Row | Field::Note => Vec::new(),
    }
}

/// Those that begin as the word does, then those that contain it.
fn pick(all: Vec<(String, String)>, word: &str, start: usize, end: usize) -> Vec<Completion> {
    let word = word.trim_start_matches('"').to_lowercase();
    let place = |text: &str| {
        let text = text.trim_start_matches('"').to_lowercase();
        if text.starts_with(&word) { 0 } else { 1 + usize::from(!text.contains(&word)) }
    };
    let mut found: Vec<(usize, Completion)> = all
        .into_iter()
        .map(|(text, detail)| (place(&text), Completion { text, detail, start, end }))
        .filter(|(place, _)| *place < 2)
        .collect();
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, completion)| completion).take(MOST).collect()
}
