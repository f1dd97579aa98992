//! Which hosts, ports, services, times and patterns the anomalies belong to, and which of them to look at first.
//!
//! [`GroupFold`] counts the rows of a part of the file, [`Groups`] are merged in the order of the parts, and tell at the end the
//! groups of each kind. A group's value is how surprising it is that so many of its rows are flagged: the binomial
//! log-likelihood ratio against the share that is flagged of all rows, weighted by how far above the threshold they are.
//! Hosts with many rows, of which few are flagged, fall behind a host with few rows that all are.
//!
//! Repeated anomalies with the same ends, port, protocol, state and service and similar amounts fold into one pattern. Tables
//! without addresses are grouped by their categories.
//!
//! What a forest over single flows cannot see, the rhythm of a pair of hosts, is counted by [`beacons`]; [`leads`] puts both on
//! one list.
//!
//! Bounded: of each kind the [`MAX_GROUPS`] groups of the greatest mass are kept, and the others are counted together.

pub mod beacons;
mod leads;

pub use leads::{Lead, leads};

use crate::flow::{Part, Parts, cell_text, is_icmp};
use crate::query::{Condition, Field, Term, Value, quote, without_terms};
use crate::schema::{Kind, Role, Schema};
use crate::table::{Cell, Table};
use rustc_hash::{FxHashMap, FxHasher};
use serde::{Deserialize, Serialize};
use std::hash::Hasher;

/// By what rows are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    Source,
    Destination,
    /// Source and destination.
    Pair,
    DestinationPort,
    Service,
    /// The name that the file gives the attack; never a lead, since labels are for evaluation only.
    AttackName,
    /// A stretch of time.
    Time,
    /// The column of the first reason.
    Reason,
    /// Near-identical anomalies.
    Pattern,
    /// The value of some other column: its canonical name, and the value.
    Category,
}

impl GroupKind {
    pub const ALL: [Self; 10] = [
        Self::Source,
        Self::Destination,
        Self::Pair,
        Self::DestinationPort,
        Self::Service,
        Self::AttackName,
        Self::Time,
        Self::Reason,
        Self::Pattern,
        Self::Category,
    ];

    /// What people call such a group.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::Destination => "Destination",
            Self::Pair => "Source and destination",
            Self::DestinationPort => "Destination port",
            Self::Service => "Service",
            Self::AttackName => "Attack name",
            Self::Time => "Time",
            Self::Reason => "Reason",
            Self::Pattern => "Pattern",
            Self::Category => "Category",
        }
    }
}

impl GroupKind {
    /// The column whose values are the entities of this kind.
    #[must_use]
    pub fn column(self, parts: &Parts) -> Option<usize> {
        match self {
            Self::Source => parts.column(Part::Source),
            Self::Destination => parts.column(Part::Destination),
            Self::Service => parts.column(Part::Service),
            Self::DestinationPort => parts.column(Part::DestinationPort),
            _ => None,
        }
    }
}

/// A filter without what a cell of swimlanes writes into it, one entity and a stretch of time, so that others can be chosen there;
/// `None` if it has nothing of that. What is excluded, or a network of entities, is no such choice.
#[must_use]
pub fn without_lane_terms(filter: &str, lanes: GroupKind, schema: &Schema) -> Option<String> {
    let entities = lanes.column(&Parts::of(schema));
    let is_one = |value: &Value| match value {
        Value::Text(_) => true,
        Value::Addresses { low, high, .. } => low == high,
        Value::Range { low, high, .. } => low == high,
        _ => false,
    };
    let is_own = |term: &Term| match &term.condition {
        Condition::Is(Field::Time(at), values) => {
            !term.negated && Some(*at) == schema.time_column() && matches!(values[..], [Value::Range { .. }])
        }
        Condition::Is(Field::Column(at), values) => {
            !term.negated && Some(*at) == entities && matches!(&values[..], [value] if is_one(value))
        }
        _ => false,
    };
    without_terms(filter, schema, is_own)
}

/// Rows that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub kind: GroupKind,
    /// What they have in common, as the file writes it.
    pub parts: Vec<String>,
    /// For people, such as `10.0.0.1 → 10.0.0.2`.
    pub label: String,
    /// The filter that finds the rows; empty where none does.
    pub query: String,
    pub flagged: u32,
    /// Of all rows, flagged or not; of patterns and reasons, the flagged ones alone.
    pub rows: u32,
    /// `None` where no row is flagged.
    pub top_score: Option<f32>,
    /// Whether most of the flagged rows are of ICMP: what logs write in their columns of ports is a type or a code.
    pub is_icmp: bool,
    /// How far the flagged rows are above the threshold, summed.
    pub excess: f64,
    /// When the first and the last flagged row began.
    pub first: Option<f64>,
    pub last: Option<f64>,
    /// The flagged rows with the highest scores, the highest first.
    pub examples: Vec<u32>,
    /// Different hosts at the other end of the flagged rows; of pairs, different ports.
    pub counterparts: u32,
    /// There are more than were counted.
    pub more_counterparts: bool,
    /// How surprising it is that so many of the rows are flagged, weighted by how odd they are.
    pub value: f64,
}

/// The groups of one kind that were not kept, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    pub groups: u32,
    pub rows: u32,
    pub flagged: u32,
}

/// The groups of a file, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// Rows that have a score, and those of them that are flagged.
    rows: u32,
    flagged: u32,
    /// Of the flagged row with the highest score.
    top_excess: f64,
    entries: Vec<Entry>,
    /// By place of the kind in [`GroupKind::ALL`].
    others: [Others; GroupKind::ALL.len()],
    /// Times are grouped in stretches of so many seconds: the place in [`WIDTHS`].
    width: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    kind: GroupKind,
    parts: Vec<String>,
    flagged: u32,
    /// Of the flagged ones, those of ICMP.
    icmp: u32,
    rows: u32,
    excess: f64,
    first: Option<f64>,
    last: Option<f64>,
    /// By falling score.
    examples: Vec<Example>,
    /// Hashes, rising.
    counterparts: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Example {
    score: f32,
    row: u32,
}

/// Of each kind.
pub const MAX_GROUPS: usize = 1 << 12;
const MAX_EXAMPLES: usize = 8;
const MAX_COUNTERPARTS: usize = 256;
/// Columns of categories that rows are grouped by, beside ends, ports and services.
const MAX_CATEGORIES: usize = 12;
/// Columns of amounts that tell patterns apart where the table has no bytes.
const MAX_AMOUNTS: usize = 4;
/// Seconds: a minute to a week.
const WIDTHS: [f64; 8] = [60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0];
/// Stretches of time beyond which they are made wider.
const MAX_TIMES: usize = 200;

/// Counts the rows of a table.
pub struct GroupFold<'a> {
    parts: &'a Parts,
    table: &'a Table,
    threshold: f32,
    source: Option<usize>,
    destination: Option<usize>,
    port: Option<usize>,
    /// The column of the protocol, and which of its texts are ICMP's.
    protocol: Option<(usize, Vec<bool>)>,
    service: Option<usize>,
    attack_name: Option<usize>,
    categories: Vec<(usize, String)>,
    pattern: Vec<PatternPart>,
    /// The place of each group, by its kind, its column and the bits of its cells.
    known: FxHashMap<(GroupKind, usize, u64, u64), u32>,
    found: Groups,
}

/// What two anomalies of one pattern have in common: a value, or the half-octave of an amount.
struct PatternPart {
    /// What the filter calls it.
    name: String,
    of: PatternOf,
}

enum PatternOf {
    Value(usize),
    Bytes,
    Duration,
    Number(usize),
}

/// What is known of a row that is counted.
#[derive(Clone, Copy)]
struct Row {
    file_row: u32,
    score: f32,
    /// How far it is above the threshold, if it is.
    excess: Option<f64>,
    /// Whether it is, and of ICMP.
    is_icmp: bool,
    time: Option<f64>,
}

impl<'a> GroupFold<'a> {
    /// Rows with at least the threshold are flagged.
    #[must_use]
    pub fn new(parts: &'a Parts, table: &'a Table, schema: &Schema, threshold: f32) -> Self {
        let column = |part| parts.column(part);
        let [source, destination, port, service] =
            [Part::Source, Part::Destination, Part::DestinationPort, Part::Service].map(column);
        let is_category = |at: &usize| {
            let spec = &schema.columns[*at];
            ![source, destination, port, service, column(Part::SourcePort)].contains(&Some(*at))
                && spec.role == Role::Feature
                && matches!(spec.kind, Kind::Category | Kind::Port)
        };
        let n_columns = schema.columns.len().min(table.columns.len());
        let categories = (0..n_columns).filter(is_category).take(MAX_CATEGORIES);
        let name = |at: usize| schema.columns[at].canonical.clone();
        let categories: Vec<(usize, String)> = categories.map(|at| (at, name(at))).collect();
        let value = |name: &str, at: Option<usize>| Some(PatternPart { name: name.into(), of: PatternOf::Value(at?) });
        let mut pattern: Vec<PatternPart> = [
            value("src", source),
            value("dst", destination),
            value("dport", port),
            value("proto", column(Part::Protocol)),
            value("service", service),
            value("state", column(Part::State)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !parts.has_ends() {
            let is_new = |at: usize| !pattern.iter().any(|part| matches!(part.of, PatternOf::Value(old) if old == at));
            let others: Vec<PatternPart> = categories
                .iter()
                .filter(|(at, _)| is_new(*at))
                .map(|(at, name)| PatternPart { name: name.clone(), of: PatternOf::Value(*at) })
                .collect();
            pattern.extend(others);
        }
        let has_bytes = [Part::Bytes, Part::Sent, Part::Received].into_iter().any(|part| column(part).is_some());
        if has_bytes {
            pattern.push(PatternPart { name: "bytes".into(), of: PatternOf::Bytes });
            pattern.extend(
                column(Part::Duration).map(|_| PatternPart { name: "duration".into(), of: PatternOf::Duration }),
            );
        } else {
            let is_number =
                |at: &usize| schema.columns[*at].role == Role::Feature && schema.columns[*at].kind == Kind::Number;
            let numbers = (0..n_columns).filter(is_number).take(MAX_AMOUNTS);
            pattern.extend(numbers.map(|at| PatternPart { name: name(at), of: PatternOf::Number(at) }));
        }
        Self {
            parts,
            table,
            threshold,
            source,
            destination,
            port,
            protocol: column(Part::Protocol).map(|at| (at, table.columns[at].dictionary.iter().map(is_icmp).collect())),
            service,
            attack_name: schema.attack_column(),
            categories,
            pattern,
            known: FxHashMap::default(),
            found: Groups::default(),
        }
    }

    /// Counts a row of the table, which is `file_row` in its file. `reason` is the tag of its first reason, if that is known;
    /// it matters for flagged rows alone.
    pub fn add(&mut self, row: u32, file_row: u32, score: f32, reason: Option<&str>) {
        if score.is_nan() {
            return;
        }
        let excess = (score >= self.threshold).then(|| f64::from(score) - f64::from(self.threshold));
        self.found.rows += 1;
        if let Some(excess) = excess {
            self.found.flagged += 1;
            self.found.top_excess = self.found.top_excess.max(excess);
        }
        let is_icmp = excess.is_some() && self.is_icmp(row);
        let seen = Row { file_row, score, excess, is_icmp, time: self.parts.time(self.table, row) };
        // Only flagged rows count their counterparts.
        let hash = |at: Option<usize>| {
            let (column, _) = (&self.table.columns[at?], excess?);
            cell_text(column, column.cells.at(row as usize)).map(|text| hash_of(text.as_bytes()) as u32)
        };
        let (from, to) = (hash(self.source), hash(self.destination));
        let at = if is_icmp { None } else { hash(self.port) };
        self.count_cells(GroupKind::Source, &[self.source], row, seen, to);
        self.count_cells(GroupKind::Destination, &[self.destination], row, seen, from);
        self.count_cells(GroupKind::Pair, &[self.source, self.destination], row, seen, at);
        self.count_cells(GroupKind::DestinationPort, &[self.port], row, seen, from);
        self.count_cells(GroupKind::Service, &[self.service], row, seen, from);
        self.count_cells(GroupKind::AttackName, &[self.attack_name], row, seen, from);
        for at in 0..self.categories.len() {
            self.count_cells(GroupKind::Category, &[Some(self.categories[at].0)], row, seen, from);
        }
        if let Some(time) = seen.time {
            let start = stretch(time, self.found.width);
            self.count((GroupKind::Time, 0, start.to_bits(), 0), seen, from, |_| vec![start.to_string()]);
        }
        if let (Some(reason), true) = (reason, excess.is_some()) {
            let key = (GroupKind::Reason, 0, hash_of(reason.as_bytes()), 0);
            self.count(key, seen, from, |_| vec![reason.to_owned()]);
        }
        if excess.is_some() && !self.pattern.is_empty() {
            let mut hasher = FxHasher::default();
            self.pattern.iter().for_each(|part| hasher.write_u64(self.pattern_bits(part, row)));
            self.count((GroupKind::Pattern, 0, hasher.finish(), 0), seen, from, |fold| fold.pattern_parts(row));
        }
    }

    fn is_icmp(&self, row: u32) -> bool {
        self.protocol.as_ref().is_some_and(|(at, texts)| {
            let cell = self.table.columns[*at].cells.at(row as usize);
            match cell.as_text() {
                Some(code) => texts[code as usize],
                None => cell.as_number().is_some_and(|number| is_icmp(&number.to_string())),
            }
        })
    }

    /// By the values of one or two columns; rows without a value are in no group.
    fn count_cells(
        &mut self,
        kind: GroupKind,
        columns: &[Option<usize>],
        row: u32,
        seen: Row,
        counterpart: Option<u32>,
    ) {
        let mut bits = [0; 2];
        for (bits, column) in bits.iter_mut().zip(columns) {
            let Some(column) = column else { return };
            let cell = self.table.columns[*column].cells.at(row as usize);
            if cell == Cell::MISSING || cell == Cell::UNKEPT_TEXT {
                return;
            }
            *bits = cell.to_bits();
        }
        let first = columns[0].unwrap_or(0);
        self.count((kind, first, bits[0], bits[1]), seen, counterpart, |fold| {
            let texts = columns.iter().flatten().filter_map(|&at| {
                let column = &fold.table.columns[at];
                Some(cell_text(column, column.cells.at(row as usize))?.into_owned())
            });
            let name = fold.categories.iter().find(|(at, _)| kind == GroupKind::Category && *at == first);
            name.map(|(_, name)| name.clone()).into_iter().chain(texts).collect()
        });
    }

    fn count(
        &mut self,
        key: (GroupKind, usize, u64, u64),
        seen: Row,
        counterpart: Option<u32>,
        parts: impl FnOnce(&Self) -> Vec<String>,
    ) {
        let place = match self.known.get(&key) {
            Some(&place) => place as usize,
            None => {
                if self.found.entries.len() >= 4 * MAX_GROUPS * GroupKind::ALL.len() {
                    // What is dropped and comes again is a new group; the same key twice is merged at the end.
                    self.found.prune();
                    self.known.clear();
                }
                let entry = Entry::new(key.0, parts(self));
                let place = self.found.entries.len();
                self.found.entries.push(entry);
                self.known.insert(key, place as u32);
                place
            }
        };
        self.found.entries[place].add(seen, counterpart);
    }

    fn pattern_bits(&self, part: &PatternPart, row: u32) -> u64 {
        match part.of {
            PatternOf::Value(at) => self.table.columns[at].cells.at(row as usize).to_bits(),
            _ => self.octave(part, row).map_or(u64::MAX, |octave| octave as u64),
        }
    }

    /// The half-octave of an amount.
    fn octave(&self, part: &PatternPart, row: u32) -> Option<i64> {
        let (x, unit) = match part.of {
            PatternOf::Value(_) => return None,
            PatternOf::Bytes => (self.parts.bytes(self.table, row)?, 1.0),
            // Durations below a tenth of a second are alike.
            PatternOf::Duration => (self.parts.amount(Part::Duration, self.table, row)?, 0.1),
            PatternOf::Number(at) => (self.table.columns[at].cells.at(row as usize).as_number()?, 1.0),
        };
        let size = libm::floor(2.0 * libm::log2(1.0 + x.abs().min(1e300) / unit)) as i64;
        Some(if x < 0.0 { -size } else { size })
    }

    /// `name:value` for each part, as the filter would have it.
    fn pattern_parts(&self, row: u32) -> Vec<String> {
        let part = |part: &PatternPart| {
            let value = match part.of {
                PatternOf::Value(at) => {
                    let column = &self.table.columns[at];
                    quote(&cell_text(column, column.cells.at(row as usize))?)
                }
                _ => {
                    let octave = self.octave(part, row)?;
                    let unit = if matches!(part.of, PatternOf::Duration) { 0.1 } else { 1.0 };
                    let edge = |octave: i64| unit * (libm::exp2(octave.abs() as f64 / 2.0) - 1.0);
                    let (low, high) =
                        if octave < 0 { (-edge(octave - 1), -edge(octave)) } else { (edge(octave), edge(octave + 1)) };
                    let round = |x: f64| if unit < 1.0 { format!("{x:.3}") } else { format!("{x:.0}") };
                    format!("{}..{}", round(low), round(high))
                }
            };
            Some(format!("{}:{value}", quote(&part.name)))
        };
        self.pattern.iter().filter_map(part).collect()
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Groups {
        let mut found = Groups::default();
        found.merge(self.found);
        found
    }
}

/// The beginning of the stretch of time that a time is in.
fn stretch(time: f64, width: u8) -> f64 {
    let width = WIDTHS[usize::from(width)];
    libm::floor(time / width) * width
}

fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

impl Entry {
    fn new(kind: GroupKind, parts: Vec<String>) -> Self {
        Self {
            kind,
            parts,
            flagged: 0,
            icmp: 0,
            rows: 0,
            excess: 0.0,
            first: None,
            last: None,
            examples: Vec::new(),
            counterparts: Vec::new(),
        }
    }

    fn add(&mut self, row: Row, counterpart: Option<u32>) {
        self.rows += 1;
        let Some(excess) = row.excess else { return };
        self.flagged += 1;
        self.icmp += u32::from(row.is_icmp);
        self.excess += excess;
        self.see_times(row.time, row.time);
        self.see_example(Example { score: row.score, row: row.file_row });
        if let Some(counterpart) = counterpart {
            self.see_counterpart(counterpart);
        }
    }

    fn merge(&mut self, next: Self) {
        self.rows += next.rows;
        self.flagged += next.flagged;
        self.icmp += next.icmp;
        self.excess += next.excess;
        self.see_times(next.first, next.last);
        next.examples.into_iter().for_each(|example| self.see_example(example));
        next.counterparts.into_iter().for_each(|counterpart| self.see_counterpart(counterpart));
    }

    fn see_times(&mut self, first: Option<f64>, last: Option<f64>) {
        let either = |a: Option<f64>, b: Option<f64>, of: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(of(a, b)),
            (a, b) => a.or(b),
        };
        self.first = either(self.first, first, f64::min);
        self.last = either(self.last, last, f64::max);
    }

    fn see_example(&mut self, example: Example) {
        let place = self.examples.partition_point(|other| {
            other.score.total_cmp(&example.score).then(example.row.cmp(&other.row)) != std::cmp::Ordering::Less
        });
        if place < MAX_EXAMPLES {
            self.examples.insert(place, example);
            self.examples.truncate(MAX_EXAMPLES);
        }
    }

    fn see_counterpart(&mut self, counterpart: u32) {
        // One more than is told, so that it is known whether there are more.
        if let Err(place) = self.counterparts.binary_search(&counterpart)
            && self.counterparts.len() <= MAX_COUNTERPARTS
        {
            self.counterparts.insert(place, counterpart);
        }
    }
}

impl Groups {
    /// Adds the next part of the file.
    pub fn merge(&mut self, mut next: Self) {
        while self.width < next.width {
            self.widen();
        }
        while next.width < self.width {
            next.widen();
        }
        self.rows += next.rows;
        self.flagged += next.flagged;
        self.top_excess = self.top_excess.max(next.top_excess);
        for (others, more) in self.others.iter_mut().zip(next.others) {
            others.groups += more.groups;
            others.rows += more.rows;
            others.flagged += more.flagged;
        }
        self.entries.extend(next.entries);
        self.unite();
        while self.entries.iter().filter(|entry| entry.kind == GroupKind::Time).count() > MAX_TIMES
            && usize::from(self.width) + 1 < WIDTHS.len()
        {
            self.widen();
        }
        self.prune();
    }

    /// How many seconds a group of [`GroupKind::Time`] is long.
    #[must_use]
    pub fn stretch_seconds(&self) -> f64 {
        WIDTHS[usize::from(self.width)]
    }

    /// Groups of this kind with flagged rows, the most valuable first, at most `n`; of times, all of them in their order.
    #[must_use]
    pub fn top(&self, kind: GroupKind, n: usize) -> Vec<Group> {
        let mut entries: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == kind && (entry.flagged > 0 || kind == GroupKind::Time))
            .collect();
        if kind == GroupKind::Time {
            entries.sort_by(|a, b| start_of(a).total_cmp(&start_of(b)));
            return entries.into_iter().map(|entry| self.group(entry)).collect();
        }
        entries.sort_by(|a, b| {
            let falling = self.value(b).total_cmp(&self.value(a));
            falling
                .then(b.excess.total_cmp(&a.excess))
                .then(b.flagged.cmp(&a.flagged))
                .then_with(|| a.parts.cmp(&b.parts))
        });
        entries.into_iter().take(n).map(|entry| self.group(entry)).collect()
    }

    /// The same, and those that come first by another number: so many by their odd rows, by all rows (the top talkers) and by their
    /// highest score. The most valuable still come first.
    #[must_use]
    pub fn listed(&self, kind: GroupKind, n: usize) -> Vec<Group> {
        let mut groups = self.top(kind, usize::MAX);
        if kind == GroupKind::Time {
            return groups;
        }
        let first = |key: &dyn Fn(&Group) -> f64| {
            let mut places: Vec<usize> = (0..groups.len()).collect();
            places.sort_by(|&a, &b| key(&groups[b]).total_cmp(&key(&groups[a])));
            places.truncate(n);
            places
        };
        let by_numbers: [&dyn Fn(&Group) -> f64; 3] =
            [&|group| group.flagged.into(), &|group| group.rows.into(), &|group| {
                group.top_score.map_or(f64::NEG_INFINITY, f64::from)
            }];
        let mut is_listed: Vec<bool> = (0..groups.len()).map(|place| place < n).collect();
        by_numbers.into_iter().flat_map(first).for_each(|place| is_listed[place] = true);
        let mut is_listed = is_listed.into_iter();
        groups.retain(|_| is_listed.next().unwrap_or(false));
        groups
    }

    /// Whether there are groups of this kind.
    #[must_use]
    pub fn has(&self, kind: GroupKind) -> bool {
        self.entries.iter().any(|entry| entry.kind == kind)
    }

    /// The groups of this kind that were not kept.
    #[must_use]
    pub fn others(&self, kind: GroupKind) -> Others {
        self.others[kind as usize]
    }

    /// `2 (ln L(share of the group) − ln L(share of all))` in half, weighted by how odd the flagged rows are.
    fn value(&self, entry: &Entry) -> f64 {
        let (flagged, rows) = (f64::from(entry.flagged), f64::from(entry.rows.max(1)));
        let (all_flagged, all) = (f64::from(self.flagged), f64::from(self.rows.max(1)));
        let (share, usual) = (flagged / rows, all_flagged / all);
        if share <= usual {
            return 0.0;
        }
        let term =
            |count: f64, share: f64, usual: f64| if count > 0.0 { count * libm::log(share / usual) } else { 0.0 };
        let surprise = term(flagged, share, usual) + term(rows - flagged, 1.0 - share, 1.0 - usual);
        let height = entry.excess / flagged.max(1.0) / self.top_excess.max(f64::MIN_POSITIVE);
        // A quarter for being flagged at all.
        surprise * (0.25 + 0.75 * height.min(1.0))
    }

    fn group(&self, entry: &Entry) -> Group {
        let parts = &entry.parts;
        let part = |at: usize| parts.get(at).map_or("", String::as_str);
        let is_icmp = entry.icmp > entry.flagged / 2;
        let (label, query) = match entry.kind {
            GroupKind::Source => (part(0).to_owned(), format!("src:{}", quote(part(0)))),
            GroupKind::Destination => (part(0).to_owned(), format!("dst:{}", quote(part(0)))),
            GroupKind::Pair => {
                (format!("{} → {}", part(0), part(1)), format!("src:{} dst:{}", quote(part(0)), quote(part(1))))
            }
            GroupKind::DestinationPort => {
                let what = if is_icmp { "ICMP type or code" } else { "port" };
                (format!("{what} {}", part(0)), format!("dport:{}", quote(part(0))))
            }
            GroupKind::Service => (part(0).to_owned(), format!("service:{}", quote(part(0)))),
            GroupKind::AttackName => (part(0).to_owned(), format!("attack:{}", quote(part(0)))),
            GroupKind::Time => {
                let start = start_of(entry);
                let end = start + self.stretch_seconds();
                (crate::schema::time::format(start), format!("time:{start}..{end}"))
            }
            GroupKind::Reason => (part(0).to_owned(), format!("reason:{}", quote(part(0)))),
            GroupKind::Pattern => (parts.join(" "), format!("{} flagged:true", parts.join(" "))),
            GroupKind::Category => {
                (format!("{} {}", part(0), part(1)), format!("{}:{}", quote(part(0)), quote(part(1))))
            }
        };
        Group {
            kind: entry.kind,
            parts: entry.parts.clone(),
            label,
            query,
            flagged: entry.flagged,
            rows: entry.rows,
            top_score: entry.examples.first().map(|example| example.score),
            is_icmp,
            excess: entry.excess,
            first: entry.first,
            last: entry.last,
            examples: entry.examples.iter().map(|example| example.row).collect(),
            counterparts: entry.counterparts.len().min(MAX_COUNTERPARTS) as u32,
            more_counterparts: entry.counterparts.len() > MAX_COUNTERPARTS,
            value: self.value(entry),
        }
    }

    /// Makes the stretches of time wider.
    fn widen(&mut self) {
        self.width += 1;
        for entry in self.entries.iter_mut().filter(|entry| entry.kind == GroupKind::Time) {
            entry.parts = vec![stretch(start_of(entry), self.width).to_string()];
        }
        self.unite();
    }

    /// Merges entries of the same group into the first of them.
    fn unite(&mut self) {
        let mut places: FxHashMap<(GroupKind, Vec<String>), usize> = FxHashMap::default();
        let mut united: Vec<Entry> = Vec::with_capacity(self.entries.len());
        for entry in self.entries.drain(..) {
            match places.get(&(entry.kind, entry.parts.clone())) {
                Some(&place) => united[place].merge(entry),
                None => {
                    places.insert((entry.kind, entry.parts.clone()), united.len());
                    united.push(entry);
                }
            }
        }
        self.entries = united;
    }

    /// Keeps the groups of the greatest mass of each kind.
    fn prune(&mut self) {
        for kind in GroupKind::ALL {
            let n = self.entries.iter().filter(|entry| entry.kind == kind).count();
            if n <= MAX_GROUPS {
                continue;
            }
            let (mut of_kind, rest): (Vec<Entry>, Vec<Entry>) =
                self.entries.drain(..).partition(|entry| entry.kind == kind);
            of_kind.sort_by(|a, b| {
                b.excess.total_cmp(&a.excess).then(b.flagged.cmp(&a.flagged)).then(b.rows.cmp(&a.rows))
            });
            let others = &mut self.others[kind as usize];
            for entry in of_kind.drain(MAX_GROUPS..) {
                others.groups += 1;
                others.rows += entry.rows;
                others.flagged += entry.flagged;
            }
            self.entries = rest;
            self.entries.extend(of_kind);
        }
    }
}

/// Of a group of [`GroupKind::Time`].
fn start_of(entry: &Entry) -> f64 {
    entry.parts.first().and_then(|start| start.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
