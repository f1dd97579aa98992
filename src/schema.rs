//! What each column is: its kind, its role, and the known layout that the file follows, found from names and values.
//!
//! Addresses, identifiers, absolute times, constants and free text are never features. A label is for evaluation, never a
//! feature. Nothing here is final: the person can change every role.

mod labels;
mod layouts;
mod summary;
pub mod time;

pub use labels::{ANOMALY, NORMAL, ONE_LABEL, UNKNOWN, is_about_labels, labels};

use crate::table::{Column, Table};
use layouts::KnownColumn;
pub(crate) use layouts::fold;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
pub use summary::Summary;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Number,
    Category,
    Time,
    Address,
    Port,
    Identifier,
    Constant,
    FreeText,
}

/// What a column is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An input of the models.
    Feature,
    /// Normal or not: for evaluation only. At most one column.
    Label,
    /// The name of the attack: for evaluation only. At most one column.
    AttackName,
    Ignored,
}

/// A table layout that Oddflow knows by its column names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// NSL-KDD and KDD Cup 1999, headerless, 41 features.
    NslKdd,
    /// The UNSW-NB15 training and testing sets.
    UnswNb15,
    /// The UNSW-NB15 raw records, headerless, 49 columns.
    UnswNb15Raw,
    /// CICFlowMeter, any of its generations of names.
    CicFlowMeter,
    /// The ten columns of the Python project that Oddflow succeeds.
    TenColumns,
    /// A Zeek connection log.
    ZeekConn,
    /// Flows with nProbe's names for NetFlow's fields, as the NF-v1, v2 and v3 sets have them.
    NetFlow,
    /// Argus flows as `ra` writes them, such as binetflow.
    Argus,
    /// What nfdump writes as CSV, any of its generations of names.
    Nfdump,
    /// What NFStream writes as CSV.
    NfStream,
    /// An AWS VPC flow log, with or without a header.
    AwsVpc,
    /// Flow events of Suricata's EVE log.
    SuricataEve,
}

/// What is known of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// As in the table.
    pub name: String,
    /// The layout's own name for it where the layout is known, else the trimmed lower-case name. Model packs and encoders
    /// find their columns by this.
    pub canonical: String,
    pub kind: Kind,
    pub role: Role,
    /// Of the values, such as `µs`, `s`, `bytes`, `packets`.
    pub unit: Option<String>,
    /// In a few words, why the column has this role, where that is not plain.
    pub why: Option<String>,
}

/// The columns of a table, in the table's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    pub layout: Option<Layout>,
    pub columns: Vec<ColumnSpec>,
    /// The values of the label column that mean normal, as text. Every other value that is present is an anomaly.
    pub normal_labels: Vec<String>,
    pub warnings: Vec<String>,
}

/// Names a layout for people.
#[must_use]
pub fn layout_name(layout: Layout) -> &'static str {
    layouts::of(layout).map_or("Table", |known| known.name)
}

/// Finds out what each column is. `detected` is the layout of a headerless table that is known by its shape.
#[must_use]
pub fn detect(table: &Table, detected: Option<Layout>) -> Schema {
    let summaries: Vec<Summary> = table.columns.iter().map(|column| Summary::of(column, table.bad.len())).collect();
    detect_with(table, &summaries, detected)
}

/// As [`detect`], of a table that holds a part of the records: `summaries` are of all of them, and so are the texts in its
/// dictionaries.
#[must_use]
pub fn detect_with(table: &Table, summaries: &[Summary], detected: Option<Layout>) -> Schema {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let layout = detected.and_then(layouts::of).or_else(|| layouts::find(&names));
    let known = layout.map_or_else(|| vec![None; names.len()], |layout| layout.columns_of(&names));
    let mut schema = Schema { layout: layout.map(|known| known.layout), ..Schema::default() };
    let mut taken: FxHashSet<String> = known.iter().flatten().map(|column| column.canonical.to_owned()).collect();
    for (at, column) in table.columns.iter().enumerate() {
        let summary = &summaries[at];
        let (guess, unit) = match known[at] {
            Some(known) => (of_known(known, column, summary, &mut schema.warnings), known.unit),
            None => (guess(column, summary, &mut schema.warnings), None),
        };
        schema.columns.push(ColumnSpec {
            name: column.name.clone(),
            canonical: known[at].map_or_else(|| own_name(&column.name, &mut taken), |known| known.canonical.to_owned()),
            kind: guess.kind,
            role: if guess.why.is_some() { Role::Ignored } else { Role::Feature },
            unit: unit.map(ToOwned::to_owned),
            why: guess.why.map(ToOwned::to_owned),
        });
    }
    let found = labels::find(table, summaries, |at| known[at].is_none());
    let mut give = |at: usize, role: Role, why: &str| {
        let spec = &mut schema.columns[at];
        spec.kind = if summaries[at].present() == 0 { Kind::Constant } else { label_kind(&summaries[at]) };
        spec.role = role;
        spec.why = Some(if summaries[at].present() == 0 { NO_VALUE } else { why }.to_owned());
    };
    found.others.iter().for_each(|&at| give(at, Role::Ignored, "another label"));
    if let Some(at) = found.attack_name {
        give(at, Role::AttackName, "names the attacks: for evaluation only");
    }
    if let Some(at) = found.label {
        give(at, Role::Label, "says what is normal: for evaluation only");
    }
    for at in found.guessed {
        let name = &table.columns[at].name;
        schema.warnings.push(format!("Column \"{name}\" seems to hold labels, so it is no feature"));
    }
    schema.find_normal_labels(table);
    schema
}

/// Of times that say nothing of the flow itself.
const LATEST: u8 = 2;
/// Words in names of times that are no beginnings.
const LATER: [&str; 6] = ["end", "last", "stop", "te", "tr", "received"];
/// Folded names of such times, whose words are not apart.
const LATER_TIMES: [&str; 8] =
    ["ltime", "lasttime", "lastseen", "endtime", "endtimestamp", "flowend", "flowendtime", "flowendmilliseconds"];
/// Words in names of how long something took, which some write like a time of the day.
const LONG: [&str; 2] = ["duration", "dur"];

impl Schema {
    /// The inputs of the models.
    pub fn feature_columns(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter(|(_, column)| column.role == Role::Feature).map(|(at, _)| at)
    }

    /// The columns of times, those of beginnings first. A label is no time, whatever is in it.
    #[must_use]
    pub fn time_columns(&self) -> Vec<usize> {
        let mut found = Vec::new();
        for lateness in 0..=LATEST {
            found.extend((0..self.columns.len()).filter(|&at| self.lateness(&self.columns[at]) == Some(lateness)));
        }
        found
    }

    /// The column that says when something began, or else another one of times.
    #[must_use]
    pub fn time_column(&self) -> Option<usize> {
        self.time_columns().first().copied()
    }

    /// How far a column of times is from telling when something began, up to [`LATEST`]; `None` for others.
    fn lateness(&self, column: &ColumnSpec) -> Option<u8> {
        if column.kind != Kind::Time || matches!(column.role, Role::Label | Role::AttackName) {
            return None;
        }
        let words = words(&column.name);
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        // When Suricata wrote the event.
        let is_of_event = self.layout == Some(Layout::SuricataEve) && column.canonical == "timestamp";
        Some(match () {
            () if is_of_event || has(&LONG) => LATEST,
            () => u8::from(has(&LATER) || LATER_TIMES.contains(&fold(&column.name).as_str())),
        })
    }

    /// Whether the other table's columns have the same names, in the same order.
    #[must_use]
    pub fn has_columns_of(&self, other: &Self) -> bool {
        self.columns.iter().map(|column| &column.name).eq(other.columns.iter().map(|column| &column.name))
    }

    /// The column of this canonical name.
    #[must_use]
    pub fn find(&self, canonical: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.canonical == canonical)
    }

    /// Gives a column another role. A second label or attack name takes the place of the first, which is then ignored. The
    /// values that mean normal are forgotten with their column; [`Schema::find_normal_labels`] finds those of the new one.
    pub fn set_role(&mut self, column: usize, role: Role) {
        if self.columns.get(column).is_none_or(|spec| spec.role == role) {
            return;
        }
        let labels_change = role == Role::Label || self.columns[column].role == Role::Label;
        if matches!(role, Role::Label | Role::AttackName) {
            for spec in self.columns.iter_mut().filter(|spec| spec.role == role) {
                spec.role = Role::Ignored;
                spec.why = Some("another label".into());
            }
        }
        self.columns[column].role = role;
        self.columns[column].why = Some(BY_HAND.into());
        if labels_change {
            self.normal_labels.clear();
        }
    }
}

/// What a column seems to be; with a reason it is not a feature.
struct Guess {
    kind: Kind,
    why: Option<&'static str>,
}

/// Why a column has the role that the person gave it.
pub const BY_HAND: &str = "chosen by hand";
/// How the names of the columns begin that an annotated file has.
const OWN_COLUMNS: &str = "oddflow_";
const NO_VALUE: &str = "no value in any record";
const CONSTANT: &str = "the same value in every record";

fn guessed(kind: Kind) -> Guess {
    let why = match kind {
        Kind::Number | Kind::Category | Kind::Port => None,
        Kind::Time => Some("absolute time"),
        Kind::Address => Some("an address"),
        Kind::Identifier => Some("an identifier"),
        Kind::Constant => Some(CONSTANT),
        Kind::FreeText => Some("free text"),
    };
    Guess { kind, why }
}

/// The trimmed lower-case name, with a number if it is taken.
fn own_name(name: &str, taken: &mut FxHashSet<String>) -> String {
    let base = name.trim().to_lowercase();
    let mut unique = base.clone();
    let mut repeat = 0;
    while !taken.insert(unique.clone()) {
        repeat += 1;
        unique = format!("{base}.{repeat}");
    }
    unique
}

fn of_known(known: &KnownColumn, column: &Column, summary: &Summary, warnings: &mut Vec<String>) -> Guess {
    if let Some(why) = known.never {
        return Guess { kind: known.kind, why: Some(why) };
    }
    match known.kind {
        Kind::Address => address_by_name(column, summary, warnings),
        Kind::Time | Kind::Identifier => guessed(known.kind),
        _ if summary.present() == 0 => Guess { kind: Kind::Constant, why: Some(NO_VALUE) },
        _ if summary.is_constant() => guessed(Kind::Constant),
        Kind::Port if !summary.is_mostly_numbers() || !summary.are_ports() => {
            warnings.push(format!("The values of column \"{}\" are not ports", column.name));
            of_values(column, summary)
        }
        Kind::Category if summary.is_mostly_numbers() && !(summary.integers && summary.has_few_numbers()) => {
            guessed(Kind::Number)
        }
        Kind::Number if !summary.is_mostly_numbers() => of_values(column, summary),
        kind => guessed(kind),
    }
}

/// The kind of a column of no known layout, from its name and values.
fn guess(column: &Column, summary: &Summary, warnings: &mut Vec<String>) -> Guess {
    let (folded, words) = (fold(&column.name), words(&column.name));
    let says = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    let ends = |names: &[&str]| words.last().is_some_and(|word| names.contains(&word.as_str()));
    if summary.present() == 0 {
        return Guess { kind: Kind::Constant, why: Some(NO_VALUE) };
    }
    if column.name.to_ascii_lowercase().starts_with(OWN_COLUMNS) {
        return Guess { why: Some("written by Oddflow"), ..of_values(column, summary) };
    }
    let of_addresses: &[&str] = &["ip", "addr", "address", "ipaddr", "ipaddress", "mac"];
    // What follows such a word, as in `ip.proto` and `ip.ttl`, is another field of the packet's, unless its values are addresses.
    if ends(of_addresses)
        || says(of_addresses) && !says(COUNTED) && words.last().is_some_and(|word| WHOSE.contains(&word.as_str()))
        || ADDRESSES.contains(&folded.as_str())
    {
        return address_by_name(column, summary, warnings);
    }
    if share_of_texts(column, summary, is_address) > 0.8 {
        return guessed(Kind::Address);
    }
    let is_epoch = summary.min > 1e8 && summary.max < 4.0 * summary.min && summary.is_mostly_numbers();
    if TIMES.contains(&folded.as_str())
        || share_of_texts(column, summary, is_time) > 0.8
        || is_epoch && says(&["time", "timestamp", "date", "ts", "start", "end", "first", "last", "seen"])
    {
        return guessed(Kind::Time);
    }
    if summary.is_constant() {
        return guessed(Kind::Constant);
    }
    if (words.last().is_some_and(|word| word.ends_with("port")) || PORTS.contains(&folded.as_str()))
        && summary.are_ports()
    {
        return guessed(Kind::Port);
    }
    if IDENTIFIERS.contains(&folded.as_str())
        || ends(&["id", "uid", "uuid", "guid", "key"]) && (summary.distinct_share > 0.9 || !summary.has_few_numbers())
        || summary.is_mostly_numbers() && summary.counts_up && summary.numbers >= 20
    {
        return guessed(Kind::Identifier);
    }
    if summary.is_mostly_numbers() && ends(CATEGORIES) && !says(COUNTED) && summary.has_few_numbers() {
        return guessed(Kind::Category);
    }
    of_values(column, summary)
}

/// Addresses and what goes by their names; a column that is called so is left out whatever it holds.
fn address_by_name(column: &Column, summary: &Summary, warnings: &mut Vec<String>) -> Guess {
    if summary.present() > 0 && (summary.is_mostly_numbers() || share_of_texts(column, summary, is_address) < 0.2) {
        let name = &column.name;
        warnings
            .push(format!("Column \"{name}\" is called an address, but its values are not addresses: it is left out"));
    }
    guessed(Kind::Address)
}

/// The kind from the values alone.
fn of_values(column: &Column, summary: &Summary) -> Guess {
    if summary.is_mostly_numbers() {
        return guessed(Kind::Number);
    }
    let distinct = summary.distinct_texts;
    let bytes: usize = column.dictionary.iter().map(str::len).sum();
    let spaces: usize = column.dictionary.iter().map(|text| text.matches(' ').count()).sum();
    let is_wordy = spaces >= 2 * distinct || bytes > 64 * distinct;
    // Texts that hardly ever come again say nothing about other records.
    let is_unique = column.dictionary.overflowed || distinct > 50 && 2 * distinct > summary.texts;
    match (is_unique, is_wordy) {
        (true, true) => guessed(Kind::FreeText),
        (true, false) => guessed(Kind::Identifier),
        (false, true) if distinct > 1000 => guessed(Kind::FreeText),
        (false, _) => guessed(Kind::Category),
    }
}

/// Two values or numbers are a verdict, more are names.
fn label_kind(summary: &Summary) -> Kind {
    if summary.texts == 0 && summary.few_numbers.len() <= 2 { Kind::Number } else { Kind::Category }
}

const COUNTED: &[&str] =
    &["count", "cnt", "num", "number", "rate", "total", "bytes", "pkts", "packets", "ratio", "len", "length"];
// Names without a telling word in them, as Argus, nfdump, Suricata and others have them.
const ADDRESSES: &[&str] = &[
    "sa", "da", "ra", "nh", "nhb", "srcip", "dstip", "srcaddr", "dstaddr", "saddr", "daddr", "srchost", "dsthost",
    "ismc", "odmc", "idmc", "osmc", "smac", "dmac", "srcmac", "dstmac",
];
// Words behind that of an address that say whose or which it is.
const WHOSE: &[&str] = &[
    "src",
    "dst",
    "source",
    "destination",
    "orig",
    "resp",
    "client",
    "server",
    "from",
    "to",
    "a",
    "b",
    "1",
    "2",
    "in",
    "out",
    "local",
    "remote",
    "int",
    "hash",
    "str",
    "string",
    "v4",
    "v6",
];
const TIMES: &[&str] = &[
    "ts",
    "te",
    "time",
    "times",
    "timestamp",
    "datetime",
    "date",
    "stime",
    "ltime",
    "starttime",
    "endtime",
    "lasttime",
    "firstseen",
    "lastseen",
    "starttimestamp",
    "endtimestamp",
    "tr",
    "received",
    "flowstart",
    "flowend",
    "flowstarttime",
    "flowendtime",
];
const PORTS: &[&str] = &["sp", "dp", "sport", "dport", "dsport", "srcport", "dstport", "idorigp", "idrespp"];
const IDENTIFIERS: &[&str] = &[
    "id",
    "uid",
    "uuid",
    "guid",
    "flowid",
    "sessionid",
    "connid",
    "communityid",
    "no",
    "index",
    "rowid",
    "recordid",
    "unnamed0",
    "pktseqid",
];
const CATEGORIES: &[&str] = &[
    "proto",
    "protocol",
    "protocols",
    "flag",
    "flags",
    "state",
    "status",
    "tos",
    "stos",
    "dtos",
    "pr",
    "dscp",
    "type",
    "code",
    "version",
    "direction",
    "dir",
    "action",
    "service",
    "vlan",
];

/// The words of a name in lower case: `L4_SRC_PORT`, `Src Port` and `SrcPort` all end in `port`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && was_lower {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The share of the present cells that are such texts, judged by some of the distinct ones.
fn share_of_texts(column: &Column, summary: &Summary, is: fn(&str) -> bool) -> f64 {
    let some = summary.distinct_texts.min(200);
    if some == 0 {
        return 0.0;
    }
    let such = column.dictionary.iter().take(some).filter(|text| is(text)).count();
    such as f64 / some as f64 * summary.texts as f64 / summary.present() as f64
}

/// IPv4, IPv6, or MAC, perhaps with a prefix length or a zone.
fn is_address(text: &str) -> bool {
    let text = text.split(['/', '%']).next().unwrap_or(text);
    let is_mac = || {
        let mut groups = 0;
        let pair = |group: &str| group.len() == 2 && group.bytes().all(|b| b.is_ascii_hexdigit());
        text.split([':', '-']).all(|group| {
            groups += 1;
            pair(group)
        }) && groups == 6
    };
    text.parse::<std::net::IpAddr>().is_ok() || is_mac()
}

/// A date, a time of day, or both, in digits.
fn is_time(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let marks = |marks: &[u8]| text.bytes().filter(|b| marks.contains(b)).count();
    text.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && (5..=26).contains(&digits)
        && text.bytes().all(|b| b.is_ascii_digit() || b"-/:., +TZAPMapm".contains(&b))
        && (marks(b"-/") >= 2 || marks(b":") >= 1)
}
