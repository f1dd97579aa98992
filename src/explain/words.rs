//! A value of a column beside what is usual, in the words of an analyst: "Sent 48 MB (typical 2 kB), more than 99.8 % of flows
//! here". Texts of the file are shortened and lose their control characters.

use super::background::{BoundBackground, ColumnBackground};
use super::glossary;
use crate::flow::{Part, Parts, flag_names, protocol_name, state_meaning, unknown_service};
use crate::report::{bytes, count, share_of_one};
use crate::schema::{ColumnSpec, Schema};
use crate::table::{Cell, Value};

/// How people call a column and its values.
#[derive(Clone, Debug)]
pub struct Wording {
    /// Such as `Bytes sent`, or the column's own name.
    pub label: String,
    part: Option<Part>,
    unit: Unit,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    None,
    /// 0 for no, anything else for yes.
    Flag,
    /// From 0 to 1.
    Share,
    /// Categories that are TCP flags, written in digits of this base.
    TcpFlags(u32),
    Bytes,
    BytesPerSecond,
    BitsPerSecond,
    Packets,
    PacketsPerSecond,
    /// So many make a second.
    Time(f64),
}

/// What the rows of the table are.
#[must_use]
pub fn records_called(parts: &Parts) -> &'static str {
    let is_flow =
        [Part::Sent, Part::Bytes, Part::PacketsSent, Part::Packets].iter().any(|&part| parts.column(part).is_some());
    if is_flow { "flows" } else { "records" }
}

/// The common flow record's columns that play no part of a flow by themselves.
const DERIVED: &[(&str, &str)] = &[
    ("dst_port_class", "Class of destination port"),
    ("src_port_class", "Class of source port"),
    ("fwd_bytes_per_pkt", "Bytes per packet sent"),
    ("rev_bytes_per_pkt", "Bytes per packet received"),
    ("bytes_per_pkt", "Bytes per packet"),
    ("bytes_ratio", "Balance of bytes (1 all sent, −1 all received)"),
    ("pkts_ratio", "Balance of packets (1 all sent, −1 all received)"),
    ("bytes_per_s", "Bytes per second"),
    ("pkts_per_s", "Packets per second"),
];

impl Wording {
    /// Of the column at this place of a schema.
    #[must_use]
    pub fn of(schema: &Schema, parts: &Parts, column: usize) -> Self {
        let spec = &schema.columns[column];
        let part = parts.part_of(column);
        let known = glossary::find(schema.layout, &spec.canonical).filter(|_| part.is_none());
        let label = match (part, known) {
            (Some((part, _)), _) => part_name(part).to_owned(),
            (None, Some((label, _))) => label.to_owned(),
            (None, None) => own_label(spec),
        };
        let unit = known.map(|(_, unit)| unit).filter(|unit| *unit != Unit::None);
        Self { label, part: part.map(|(part, _)| part), unit: unit.unwrap_or_else(|| unit_of(spec, part)) }
    }

    /// What the column tells of a flow.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        self.part
    }

    /// A cell as people read it.
    #[must_use]
    pub fn value(&self, at: &BoundBackground<'_>, cell: Cell) -> String {
        match cell.value() {
            Value::Number(x) if at.background.is_number() => self.number(x),
            Value::Number(x) => self.category(&x.to_string()),
            Value::Text(code) => self.category(at.column.dictionary.text(code)),
            Value::Missing => "missing".into(),
            Value::UnkeptText => "some text".into(),
        }
    }

    /// What is typical of the column.
    #[must_use]
    pub fn typical(&self, background: &ColumnBackground) -> String {
        match background.values.first() {
            _ if background.missing > 0.5 => "missing".into(),
            Some(value) => self.category(&value.text),
            None if background.is_number() => self.number(background.median),
            None => "missing".into(),
        }
    }

    /// A row's value beside what is usual. `complete`: the background has seen every row.
    #[must_use]
    pub fn reason(&self, at: &BoundBackground<'_>, row: u32, records: &str, complete: bool) -> String {
        let (background, cell) = (at.background, at.cell(row));
        match cell.value() {
            Value::Missing => self.missing_reason(background, records),
            Value::Number(x) if background.is_number() => self.number_reason(background, x, records, complete),
            _ if background.is_number() => {
                let (value, typical) = (self.value(at, cell), self.typical(background));
                format!("{} holds the text \"{value}\" (typical {typical})", self.label)
            }
            _ => self.category_reason(at, row, records),
        }
    }

    fn missing_reason(&self, background: &ColumnBackground, records: &str) -> String {
        let head = format!("{} missing", self.label);
        let typical = self.typical(background);
        if background.missing > 0.5 {
            format!("{head}, as in {} of {records} here", percent(background.missing))
        } else if background.missing == 0.0 {
            format!("{head} (typical {typical}), which no other of the {records} here lacks")
        } else {
            format!("{head} (typical {typical}), which only {} of {records} here lack", percent(background.missing))
        }
    }

    fn number_reason(&self, background: &ColumnBackground, x: f64, records: &str, complete: bool) -> String {
        let (below, up_to) = background.rank(x);
        let head = format!("{} (typical {})", self.said(x), self.number(background.median));
        let same = percent(up_to - below);
        if self.unit == Unit::Flag && up_to > below {
            return format!("{head}, as in {same} of {records} here");
        }
        if x != 0.0 && background.zeros >= 0.9 {
            return format!("{head}, where {} of {records} here have {}", percent(background.zeros), self.number(0.0));
        }
        let [more, most, less, least] = match self.part {
            Some(Part::Duration) => ["longer than", "the longest of all", "shorter than", "the shortest of all"],
            Some(_) => ["more than", "the most of all", "less than", "the least of all"],
            None => ["higher than", "the highest of all", "lower than", "the lowest of all"],
        };
        let (first, last) = (background.knots.first().map(|k| k.value), background.knots.last().map(|k| k.value));
        let rank = if last.is_some_and(|last| x > last) || complete && below > 0.99 && last == Some(x) {
            format!("{most} {records} here")
        } else if first.is_some_and(|first| x < first) || complete && up_to < 0.01 && first == Some(x) {
            format!("{least} {records} here")
        } else if below >= 0.5 {
            format!("{more} {} of {records} here", at_least(below))
        } else if up_to <= 0.5 {
            format!("{less} {} of {records} here", at_least(1.0 - up_to))
        } else {
            format!("as in {same} of {records} here")
        };
        format!("{head}, {rank}")
    }

    fn category_reason(&self, at: &BoundBackground<'_>, row: u32, records: &str) -> String {
        let value = self.value(at, at.cell(row));
        let mut head =
            if self.part.is_some() { format!("{} {value}", self.label) } else { format!("{}: {value}", self.label) };
        if let Some(meaning) = self.meaning(at, at.cell(row)) {
            head.push_str(", ");
            head.push_str(meaning);
        }
        let listed = at.listed(row);
        let rare = match listed {
            Some(listed) => format!("as in {} of {records} here", percent(listed.share)),
            None if at.background.others > 0.0 => format!("among the rare ones of the {records} here"),
            None => format!("seen in none of the {records} here"),
        };
        match at.background.values.first() {
            Some(most) if listed.is_none_or(|listed| listed.text != most.text) => {
                // What half of them are not is not typical, but most frequent.
                let words = if most.share > 0.5 { "typical" } else { "most often" };
                format!("{head} ({words} {}, {}), {rare}", self.category(&most.text), percent(most.share))
            }
            _ => format!("{head} (the most frequent), {rare}"),
        }
    }

    /// A category as people call it.
    fn category(&self, text: &str) -> String {
        if let Unit::TcpFlags(base) = self.unit
            && let Some(names) = u16::from_str_radix(text, base).ok().and_then(flag_names)
        {
            return names;
        }
        let name = match self.part {
            Some(Part::Protocol) => protocol_name(text),
            Some(Part::Service) => unknown_service(text),
            _ => None,
        };
        name.map_or_else(|| clean(text), str::to_owned)
    }

    /// What a cell means whose text does not tell.
    fn meaning(&self, at: &BoundBackground<'_>, cell: Cell) -> Option<&'static str> {
        match cell.value() {
            Value::Text(code) if self.part == Some(Part::State) => state_meaning(at.column.dictionary.text(code)),
            _ => None,
        }
    }

    /// Such as `Sent 48 MB`, `Lasted 3 min`, `rate: 12`.
    fn said(&self, x: f64) -> String {
        let number = self.number(x);
        match self.part {
            Some(Part::Sent | Part::PacketsSent) => format!("Sent {number}"),
            Some(Part::Received | Part::PacketsReceived) => format!("Received {number}"),
            Some(Part::Bytes | Part::Packets) => format!("Exchanged {number}"),
            Some(Part::Duration) => format!("Lasted {number}"),
            Some(_) => format!("{} {number}", self.label),
            None => format!("{}: {number}", self.label),
        }
    }

    fn number(&self, x: f64) -> String {
        match self.unit {
            Unit::Bytes if is_count(x) => bytes(x as u64),
            Unit::Bytes => format!("{}{SPACE}bytes", plain(x)),
            Unit::BytesPerSecond if (0.0..1e18).contains(&x) => format!("{}/s", bytes(x as u64)),
            Unit::BitsPerSecond if (0.0..1e18).contains(&x) => {
                format!("{}/s", bytes(x as u64).replace("byte", "bit").replace('B', "bit"))
            }
            Unit::Packets => format!("{}{SPACE}{}", plain(x), if x == 1.0 { "packet" } else { "packets" }),
            Unit::PacketsPerSecond => format!("{}{SPACE}packets/s", plain(x)),
            Unit::Time(per_second) => span(x / per_second),
            Unit::Flag => if x == 0.0 { "no" } else { "yes" }.into(),
            Unit::Share if (0.0..=1.0).contains(&x) => share_of_one(x),
            Unit::Share | Unit::BytesPerSecond | Unit::BitsPerSecond | Unit::TcpFlags(_) | Unit::None => plain(x),
        }
    }
}

const SPACE: char = '\u{202f}';

/// What people call a part of a flow.
#[must_use]
pub fn part_name(part: Part) -> &'static str {
    match part {
        Part::Source => "Source",
        Part::Destination => "Destination",
        Part::SourcePort => "Source port",
        Part::DestinationPort => "Destination port",
        Part::Protocol => "Protocol",
        Part::Service => "Service",
        Part::State => "State",
        Part::Time => "Time",
        Part::Duration => "Duration",
        Part::Sent => "Bytes sent",
        Part::Received => "Bytes received",
        Part::PacketsSent => "Packets sent",
        Part::PacketsReceived => "Packets received",
        Part::Bytes => "Bytes in all",
        Part::Packets => "Packets in all",
    }
}

fn own_label(spec: &ColumnSpec) -> String {
    derived_label(&spec.canonical).map_or_else(|| clean(&spec.name), str::to_owned)
}

/// A label without the words behind it that explain the values.
#[must_use]
pub fn brief(label: &str) -> &str {
    let is_derived = DERIVED.iter().any(|(_, derived)| *derived == label);
    label.split_once(" (").filter(|_| is_derived).map_or(label, |(name, _)| name)
}

fn derived_label(canonical: &str) -> Option<&'static str> {
    DERIVED.iter().find(|(name, _)| *name == canonical).map(|(_, label)| *label)
}

/// What people call the column by this canonical name, of a file with this schema or of the common flow record made of it.
#[must_use]
pub fn label_of(schema: &Schema, canonical: &str) -> String {
    match schema.find(canonical) {
        Some(column) => Wording::of(schema, &Parts::of(schema), column).label,
        None => derived_label(canonical).unwrap_or(canonical).to_owned(),
    }
}

fn unit_of(spec: &ColumnSpec, part: Option<(Part, f64)>) -> Unit {
    let of_unit = spec.unit.as_deref().and_then(|unit| {
        Some(match unit {
            "bytes" => Unit::Bytes,
            "bytes/s" => Unit::BytesPerSecond,
            "bits/s" => Unit::BitsPerSecond,
            "packets" => Unit::Packets,
            "packets/s" => Unit::PacketsPerSecond,
            "s" => Unit::Time(1.0),
            "ms" => Unit::Time(1e3),
            "µs" => Unit::Time(1e6),
            _ => return None,
        })
    });
    of_unit.unwrap_or(match part {
        Some((Part::Sent | Part::Received | Part::Bytes, _)) => Unit::Bytes,
        Some((Part::PacketsSent | Part::PacketsReceived | Part::Packets, _)) => Unit::Packets,
        Some((Part::Duration, per_second)) => Unit::Time(per_second),
        _ => Unit::None,
    })
}

/// A text of the file, short and in one line.
#[must_use]
pub fn clean(text: &str) -> String {
    const MOST: usize = 40;
    // A semicolon parts the reasons of a row where they stand in one line.
    let mut short: String =
        text.trim().chars().filter(|c| !is_hidden(*c)).map(|c| if c == ';' { ',' } else { c }).take(MOST).collect();
    if text.trim().chars().count() > MOST {
        short.push('…');
    }
    short
}

/// Control characters, and those that turn the direction of what follows.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

fn is_count(x: f64) -> bool {
    (0.0..1e18).contains(&x) && x == libm::trunc(x)
}

/// `1,234`, `0.25`, `3.14e9`: three figures, or all of a whole number.
#[must_use]
pub fn plain(x: f64) -> String {
    let size = x.abs();
    let text = if is_count(size) && size < 1e15 {
        count(size as u64)
    } else if !x.is_finite() {
        "∞".into()
    } else if (0.001..1e6).contains(&size) {
        let decimals = if size < 10.0 { 3 } else { usize::from(size < 1000.0) };
        let fixed = format!("{size:.decimals$}");
        if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.').to_owned() } else { fixed }
    } else {
        format!("{size:.2e}")
    };
    if x < 0.0 { format!("−{text}") } else { text }
}

/// `0.34 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
#[must_use]
pub fn span(seconds: f64) -> String {
    if !(0.0..1e12).contains(&seconds) {
        return format!("{}{SPACE}s", plain(seconds));
    }
    if seconds == 0.0 {
        return format!("0{SPACE}s");
    }
    if seconds < 0.0995 {
        let (x, unit) = if seconds < 1e-3 { (seconds * 1e6, "µs") } else { (seconds * 1e3, "ms") };
        return format!("{}{SPACE}{unit}", plain(if x < 10.0 { x } else { libm::round(x) }));
    }
    if seconds < 59.95 {
        let text = format!("{seconds:.*}", if seconds < 10.0 { 2 } else { 1 });
        return format!("{}{SPACE}s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    let whole = libm::round(seconds) as u64;
    let two = |a: u64, unit: &str, b: u64, small: &str| match b {
        0 => format!("{a}{SPACE}{unit}"),
        _ => format!("{a}{SPACE}{unit} {b}{SPACE}{small}"),
    };
    match whole {
        0..3600 => two(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// A share behind words that say already that it is more.
fn at_least(share: f64) -> String {
    share_of_one(share).replace(">\u{2009}", "")
}

/// A share that no reader takes for all or none.
fn percent(share: f64) -> String {
    share_of_one(share).replace("<\u{2009}", "less than ").replace(">\u{2009}", "more than ")
}
