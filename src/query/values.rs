//! The values of a condition: texts with wildcards, numbers with units, ranges, addresses and networks, times.

use super::{Field, QueryError, RawValue, error};
use crate::flow::{Part, seconds};
use crate::schema::{Kind, Schema, time};
use std::net::IpAddr;

/// What a value of a field has to be; one of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The whole text, whatever the case.
    Text(String),
    /// Pieces in lower case that follow one another, with anything between them.
    Wildcard(Vec<String>),
    /// Both ends count, unless they are open.
    Range {
        low: f64,
        high: f64,
        low_open: bool,
        high_open: bool,
    },
    /// Addresses of one family, as numbers, both ends included.
    Addresses {
        v6: bool,
        low: u128,
        high: u128,
    },
    Truth(bool),
    Missing,
}

/// What stands for a value that is not there.
pub const MISSING: [&str; 2] = ["missing", "none"];

/// What the field holds.
#[derive(Clone, Copy, PartialEq)]
enum Type {
    Address,
    Port,
    /// So many of the column's unit make one of the common unit; `None` where it has none.
    Number(Option<f64>),
    Text,
    Time,
    Truth,
}

fn type_of(field: &Field, schema: &Schema) -> Type {
    match field {
        Field::Address => Type::Address,
        Field::Port => Type::Port,
        Field::Column(at) => {
            let spec = &schema.columns[*at];
            match spec.kind {
                Kind::Address => Type::Address,
                Kind::Port => Type::Port,
                Kind::Number => Type::Number(match spec.unit.as_deref() {
                    Some("ms") => Some(1e3),
                    Some("µs") => Some(1e6),
                    _ => None,
                }),
                _ => Type::Text,
            }
        }
        Field::Amount(Part::Duration) => Type::Number(Some(1.0)),
        Field::Amount(_) | Field::Score | Field::Forest | Field::Network | Field::Row => Type::Number(None),
        Field::Time(_) => Type::Time,
        Field::Flagged => Type::Truth,
        Field::Reason | Field::Note | Field::Verdict | Field::Label => Type::Text,
    }
}

pub(super) fn read(raw: &RawValue, field: &Field, schema: &Schema) -> Result<Value, QueryError> {
    let wrong = |what: &str, advice: &str| Err(error(what, raw.start, raw.end, Some(advice.to_owned())));
    let of = type_of(field, schema);
    let text = raw.text.trim();
    if text.is_empty() && !raw.quoted {
        return wrong("empty value", "give a value behind the colon");
    }
    if raw.quoted && of != Type::Time {
        return Ok(Value::Text(raw.text.to_lowercase()));
    }
    if MISSING.contains(&text.to_ascii_lowercase().as_str()) && !raw.quoted && !matches!(of, Type::Truth) {
        return Ok(Value::Missing);
    }
    let range = match of {
        Type::Truth => {
            return match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(Value::Truth(true)),
                "false" | "no" | "0" => Ok(Value::Truth(false)),
                _ => wrong(&format!("value `{text}`"), "say true or false"),
            };
        }
        Type::Address => addresses(text),
        Type::Port | Type::Number(_) | Type::Time => numbers(text, of),
        // Categories may be numbers.
        Type::Text => numbers(text, of).filter(|_| is_comparison(text)),
    };
    match (range, of) {
        (Some(value), _) => Ok(value),
        // A time has quotes for the space in it, also where it is compared with.
        (None, Type::Time) if raw.quoted && !is_comparison(text) => Ok(Value::Text(raw.text.to_lowercase())),
        (None, Type::Text | Type::Address | Type::Port) if is_comparison(text) && text.contains(['<', '>']) => {
            wrong(&format!("comparison `{text}`"), "compare with a number")
        }
        (None, Type::Address) if text.contains('/') => {
            wrong(&format!("network `{text}`"), "write it as 10.0.0.0/8 or fe80::/10")
        }
        (None, Type::Number(_)) => {
            wrong(&format!("number `{text}`"), "write it as 443, >=0.9, 10k..1M, 5m or \"text\"")
        }
        (None, Type::Time) if !may_be_written_otherwise(text) => {
            wrong(&format!("time `{text}`"), "write it as 2024-04-19, 2024-04-19T08:30..2024-04-19T09:00 or seconds")
        }
        _ => Ok(text_value(text)),
    }
}

fn text_value(text: &str) -> Value {
    let text = text.strip_prefix('=').unwrap_or(text).to_lowercase();
    if text.contains('*') {
        Value::Wildcard(text.split('*').map(ToOwned::to_owned).collect())
    } else {
        Value::Text(text)
    }
}

/// Whether a text that cannot be read as a time may be how a file writes one all the same, such as `30/04/2024`, or a part of that
/// with a `*`: a file of such times is asked for their texts. What begins with a year is a slip.
fn may_be_written_otherwise(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_cut = (1..4).contains(&(text.len() - rest.len())) && rest.starts_with(['/', '-', '.', ':']);
    !is_comparison(text) && (is_cut || text.contains('*'))
}

fn is_comparison(text: &str) -> bool {
    text.starts_with(['<', '>', '=']) || text.contains("..")
}

/// What a sign makes of the least and the greatest number that a literal stands for.
type Comparison = fn((f64, f64)) -> Value;

/// A number, a comparison or a range.
fn numbers(text: &str, of: Type) -> Option<Value> {
    let whole = |low: f64, high: f64| Value::Range { low, high, low_open: false, high_open: false };
    let comparisons: [(&str, Comparison); 5] = [
        (">=", |(low, _)| Value::Range { low, high: f64::INFINITY, low_open: false, high_open: false }),
        ("<=", |(_, high)| Value::Range { low: f64::NEG_INFINITY, high, low_open: false, high_open: false }),
        (">", |(_, high)| Value::Range { low: high, high: f64::INFINITY, low_open: true, high_open: false }),
        ("<", |(low, _)| Value::Range { low: f64::NEG_INFINITY, high: low, low_open: false, high_open: true }),
        ("=", |(low, high)| Value::Range { low, high, low_open: false, high_open: false }),
    ];
    for (sign, value) in comparisons {
        if let Some(rest) = text.strip_prefix(sign) {
            return one(rest, of).map(value);
        }
    }
    if let Some((from, to)) = text.split_once("..") {
        let low = if from.is_empty() { f64::NEG_INFINITY } else { one(from, of)?.0 };
        let high = if to.is_empty() { f64::INFINITY } else { one(to, of)?.1 };
        return (!(from.is_empty() && to.is_empty())).then(|| whole(low, high));
    }
    if of == Type::Port
        && let Some((from, to)) = text.split_once('-')
    {
        return Some(whole(one(from, of)?.0, one(to, of)?.1));
    }
    one(text, of).map(|(low, high)| whole(low, high))
}

/// The least and the greatest number that a literal stands for: a day is as long as a day.
fn one(text: &str, of: Type) -> Option<(f64, f64)> {
    let text = text.trim();
    if of == Type::Time {
        if let Some(moment) = time::parse(text) {
            let last = if moment.length > 0.0 { (moment.start + moment.length).next_down() } else { moment.start };
            return Some((moment.start, last));
        }
        return text.parse::<f64>().ok().and_then(seconds).map(|x| (x, x));
    }
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic() || c == 'µ');
    // `1e9` is a number, and so is `inf`, which is not a unit.
    if let Ok(x) = text.parse::<f64>() {
        return (!x.is_nan()).then_some((x, x));
    }
    let x: f64 = digits.parse().ok()?;
    let seconds = |unit: f64| match of {
        Type::Number(per_second) => Some(unit * per_second.unwrap_or(1.0)),
        _ => None,
    };
    let factor = match &text[digits.len()..] {
        "k" | "K" | "kB" | "KB" | "kb" => 1e3,
        "M" | "MB" | "mb" | "Mb" => 1e6,
        "G" | "GB" | "gb" | "Gb" => 1e9,
        "T" | "TB" | "tb" => 1e12,
        "KiB" | "Ki" => 1024.0,
        "MiB" | "Mi" => 1_048_576.0,
        "GiB" | "Gi" => 1_073_741_824.0,
        "B" | "b" | "bytes" => 1.0,
        "us" | "µs" => seconds(1e-6)?,
        "ms" => seconds(1e-3)?,
        "s" | "sec" => seconds(1.0)?,
        "m" | "min" => seconds(60.0)?,
        "h" => seconds(3600.0)?,
        "d" => seconds(86_400.0)?,
        _ => return None,
    };
    Some((x * factor, x * factor))
}

/// An address, a network, or a range of addresses.
fn addresses(text: &str) -> Option<Value> {
    let of = |low: IpAddr, high: IpAddr| {
        let same = low.is_ipv6() == high.is_ipv6();
        same.then(|| Value::Addresses { v6: low.is_ipv6(), low: number_of(low), high: number_of(high) })
    };
    if let Some((from, to)) = text.split_once("..") {
        return of(from.parse().ok()?, to.parse().ok()?);
    }
    if let Some((address, bits)) = text.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv6() { 128 } else { 32 };
        let bits: u32 = bits.parse().ok().filter(|&bits| bits <= width)?;
        // Shifting by all 128 bits would be too far.
        let rest = if width == bits { 0 } else { (u128::MAX >> (128 - width)) >> bits };
        let low = number_of(address) & !rest;
        return Some(Value::Addresses { v6: address.is_ipv6(), low, high: low | rest });
    }
    let address: IpAddr = text.parse().ok()?;
    of(address, address)
}

pub(super) fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}
