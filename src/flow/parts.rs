//! Which column of a table plays which part in a flow: who spoke to whom, at which port, when, how long and how much.
//!
//! Unlike the common flow record, nothing is derived: a part is a column of the file, read as it stands, and the file keeps
//! its own words. Tables that are no flow logs have few parts or none.

use super::names::State;
use super::sources::{self, Of, Source, Term};
use crate::schema::{Kind, Role, Schema, fold, time};
use crate::table::{Cell, Column, Table, Value};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a column tells of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
    Service,
    State,
    Time,
    Duration,
    /// Bytes of the one who opened the flow.
    Sent,
    Received,
    PacketsSent,
    PacketsReceived,
    /// Of both directions.
    Bytes,
    Packets,
}

impl Part {
    pub const ALL: [Self; 15] = [
        Self::Source,
        Self::Destination,
        Self::SourcePort,
        Self::DestinationPort,
        Self::Protocol,
        Self::Service,
        Self::State,
        Self::Time,
        Self::Duration,
        Self::Sent,
        Self::Received,
        Self::PacketsSent,
        Self::PacketsReceived,
        Self::Bytes,
        Self::Packets,
    ];
}

/// The parts that the columns of a schema play.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The column of each part, and how many of its unit make a second, a byte or a packet.
    at: [Option<(usize, f64)>; Part::ALL.len()],
    /// What each column plays, in which unit; several may tell the same.
    of_column: Vec<Option<(Part, f64)>>,
    /// See [`Source::hex_flags`].
    hex_flags: [Option<usize>; 2],
}

/// Folded names of the addresses of either side, the likeliest first.
const SOURCES: &[&str] = &[
    "idorigh",
    "srcip",
    "sourceip",
    "ipv4srcaddr",
    "ipv6srcaddr",
    "srcaddr",
    "saddr",
    "sa",
    "srcipaddr",
    "sourceipaddress",
    "sourceaddress",
    "src",
    "source",
    "srchost",
    "sourcehost",
    "clientip",
    "client",
    "orighost",
    "sourceipv4address",
];
const DESTINATIONS: &[&str] = &[
    "idresph",
    "dstip",
    "destinationip",
    "ipv4dstaddr",
    "ipv6dstaddr",
    "dstaddr",
    "daddr",
    "da",
    "dstipaddr",
    "destip",
    "destinationipaddress",
    "destinationaddress",
    "dst",
    "destination",
    "dest",
    "dsthost",
    "destinationhost",
    "serverip",
    "server",
    "resphost",
    "destinationipv4address",
];
/// Amounts of the common flow record.
const TOTAL_BYTES: &[Term] = &[sources::is(&["bytes"])];
const TOTAL_PACKETS: &[Term] = &[sources::is(&["pkts"])];

impl Parts {
    /// From the layout, where it is known, else from names.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        let known = schema.layout.and_then(sources::of);
        let source: &Source = known.unwrap_or(&sources::ANY);
        let mut columns: FxHashMap<String, usize> = FxHashMap::default();
        for (at, spec) in schema.columns.iter().enumerate() {
            columns.entry(fold(if known.is_some() { &spec.canonical } else { &spec.name })).or_insert(at);
        }
        let hex_flags = source.hex_flags.map(|names| names.iter().find_map(|name| columns.get(&fold(name)).copied()));
        let mut parts = Self { at: [None; Part::ALL.len()], of_column: vec![None; schema.columns.len()], hex_flags };
        // The common flow record's `bytes` counts both directions, and so may another table's that has both apart.
        let has_both = ["fwdbytes", "revbytes"].iter().all(|name| columns.contains_key(*name));
        let names = |names: &[&str]| -> Vec<(usize, f64)> {
            names.iter().filter_map(|name| Some((*columns.get(&fold(name))?, 1.0))).collect()
        };
        let terms = |terms: &[Term]| -> Vec<(usize, f64)> {
            let column = |term: &Term| match term.of {
                Of::Product([name]) => Some((*columns.get(&fold(name))?, term.per_unit)),
                _ => None,
            };
            terms.iter().filter_map(column).collect()
        };
        // Whatever its name, a column of times plays no other part.
        schema.time_columns().into_iter().for_each(|at| parts.take(Part::Time, vec![(at, 1.0)]));
        if has_both {
            parts.take(Part::Bytes, terms(TOTAL_BYTES));
            parts.take(Part::Packets, terms(TOTAL_PACKETS));
        }
        let ends = |ends: &[&str]| -> Vec<(usize, f64)> {
            let is_end =
                |&(at, _): &(usize, f64)| !matches!(schema.columns[at].kind, Kind::Number | Kind::Port | Kind::Time);
            names(ends).into_iter().filter(is_end).collect()
        };
        parts.take(Part::Source, ends(SOURCES));
        parts.take(Part::Destination, ends(DESTINATIONS));
        parts.take(Part::SourcePort, names(source.src_port));
        parts.take(Part::DestinationPort, names(source.dst_port));
        parts.take(Part::Protocol, names(source.proto));
        parts.take(Part::Service, names(source.service));
        parts.take(Part::State, names(source.state));
        parts.take(Part::Duration, terms(source.duration));
        parts.take(Part::Duration, terms(source.age));
        parts.take(Part::Sent, terms(source.fwd_bytes));
        parts.take(Part::Received, terms(source.rev_bytes));
        parts.take(Part::PacketsSent, terms(source.fwd_pkts));
        parts.take(Part::PacketsReceived, terms(source.rev_pkts));
        parts.take(Part::Bytes, terms(source.bytes));
        parts.take(Part::Packets, terms(source.pkts));
        for (at, spec) in schema.columns.iter().enumerate() {
            // A label is nothing that was measured, whatever its name.
            if matches!(spec.role, Role::Label | Role::AttackName) {
                parts.drop_column(at);
            }
        }
        parts
    }

    fn take(&mut self, part: Part, columns: Vec<(usize, f64)>) {
        for (at, per_unit) in columns {
            if self.of_column[at].is_none() {
                self.of_column[at] = Some((part, per_unit));
                self.at[part as usize].get_or_insert((at, per_unit));
            }
        }
    }

    fn drop_column(&mut self, column: usize) {
        self.of_column[column] = None;
        self.at.iter_mut().filter(|at| at.is_some_and(|(at, _)| at == column)).for_each(|at| *at = None);
    }

    /// The first column that plays this part.
    #[must_use]
    pub fn column(&self, part: Part) -> Option<usize> {
        self.at[part as usize].map(|(column, _)| column)
    }

    /// What a column plays, and how many of its unit make a second, a byte or a packet.
    #[must_use]
    pub fn part_of(&self, column: usize) -> Option<(Part, f64)> {
        self.of_column.get(column).copied().flatten()
    }

    /// Whether the table tells who spoke to whom.
    #[must_use]
    pub fn has_ends(&self) -> bool {
        self.column(Part::Source).is_some() && self.column(Part::Destination).is_some()
    }

    /// A number in seconds, bytes or packets; times are [`Self::time`]'s. Negative ones are damage.
    #[must_use]
    pub fn amount(&self, part: Part, table: &Table, row: u32) -> Option<f64> {
        let (column, per_unit) = self.at[part as usize]?;
        let x = table.columns[column].cells.at(row as usize).as_number()? / per_unit;
        (x.is_finite() && x >= 0.0).then_some(x)
    }

    /// The bytes of both directions, or of the one that is known.
    #[must_use]
    pub fn bytes(&self, table: &Table, row: u32) -> Option<f64> {
        self.total([Part::Bytes, Part::Sent, Part::Received], table, row)
    }

    /// The packets of both directions, or of the one that is known.
    #[must_use]
    pub fn packets(&self, table: &Table, row: u32) -> Option<f64> {
        self.total([Part::Packets, Part::PacketsSent, Part::PacketsReceived], table, row)
    }

    fn total(&self, [all, sent, received]: [Part; 3], table: &Table, row: u32) -> Option<f64> {
        self.amount(all, table, row).or_else(|| {
            match (self.amount(sent, table, row), self.amount(received, table, row)) {
                (Some(sent), Some(received)) => Some(sent + received),
                (sent, received) => sent.or(received),
            }
        })
    }

    /// A cell as text; `None` where it is missing or was not kept.
    #[must_use]
    pub fn text<'a>(&self, part: Part, table: &'a Table, row: u32) -> Option<Cow<'a, str>> {
        let column = &table.columns[self.column(part)?];
        cell_text(column, column.cells.at(row as usize))
    }

    /// When the flow began, in seconds since 1970, or since whatever the file counts from.
    #[must_use]
    pub fn time(&self, table: &Table, row: u32) -> Option<f64> {
        let column = &table.columns[self.column(Part::Time)?];
        cell_time(column, column.cells.at(row as usize))
    }
}

/// Whether the other side answered each flow of a table.
pub struct Answers<'a> {
    parts: &'a Parts,
    table: &'a Table,
    /// By code of the column of states.
    states: Vec<Option<State>>,
}

impl<'a> Answers<'a> {
    #[must_use]
    pub fn of(parts: &'a Parts, table: &'a Table) -> Self {
        let texts = parts.column(Part::State).map(|at| table.columns[at].dictionary.iter());
        Self { parts, table, states: texts.into_iter().flatten().map(State::of_text).collect() }
    }

    /// By the state that flags tell or the source gives, else by what came back; `None` where the source says neither.
    #[must_use]
    pub fn is_answered(&self, row: u32) -> Option<bool> {
        let column = self.parts.column(Part::State).map(|at| &self.table.columns[at]);
        let state = column.and_then(|column| self.states[column.cells.at(row as usize).as_text()? as usize]);
        let flags = self.parts.hex_flags.map(|at| at.map(|at| &self.table.columns[at]));
        match state_of_hex(flags, row as usize).or(state) {
            Some(State::Established) => Some(true),
            Some(State::Attempted | State::Rejected) => Some(false),
            Some(State::Other) | None => {
                let back = |part| self.parts.amount(part, self.table, row);
                back(Part::PacketsReceived).or_else(|| back(Part::Received)).map(|amount| amount > 0.0)
            }
        }
    }
}

/// What became of a flow by its TCP flags in hexadecimal digits, as in [`State::of_flags`]. Where all digits are decimal ones, they
/// were read as a number.
pub(super) fn state_of_hex(columns: [Option<&Column>; 2], row: usize) -> Option<State> {
    let hex = |column: &Column| {
        let text = cell_text(column, column.cells.at(row))?;
        u8::from_str_radix(&text, 16).ok()
    };
    State::of_flags(hex(columns[0]?)?, columns[1].and_then(hex))
}

/// A cell of a column of times, in seconds since 1970, or since whatever the file counts from.
#[must_use]
pub fn cell_time(column: &Column, cell: Cell) -> Option<f64> {
    match cell.value() {
        Value::Number(x) => seconds(x),
        Value::Text(code) => time::parse(column.dictionary.text(code)).map(|moment| moment.start),
        Value::Missing | Value::UnkeptText => None,
    }
}

/// A cell as text; `None` where it is missing or was not kept.
#[must_use]
pub fn cell_text(column: &Column, cell: Cell) -> Option<Cow<'_, str>> {
    match cell.value() {
        Value::Number(x) => Some(Cow::Owned(x.to_string())),
        Value::Text(code) => Some(Cow::Borrowed(column.dictionary.text(code))),
        Value::Missing | Value::UnkeptText => None,
    }
}

/// Seconds from seconds, milliseconds, microseconds or nanoseconds, whichever makes the number a year of our time.
#[must_use]
pub fn seconds(x: f64) -> Option<f64> {
    [1.0, 1e3, 1e6, 1e9].into_iter().map(|unit| x / unit).find(|seconds| seconds.abs() < 1e10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reader;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The parts of the one record below the header, as text.
    fn check(csv: &str, expected: &[(Part, &str)]) {
        let mut reader = Reader::new();
        reader.push(csv.as_bytes()).unwrap();
        let ingested = reader.finish().unwrap();
        let (table, schema) = (&ingested.table, detect(&ingested.table, ingested.detected));
        let parts = Parts::of(&schema);
        for part in Part::ALL {
            let found = match part {
                Part::Time => parts.time(table, 0).map(|x| x.to_string()),
                Part::Bytes => parts.bytes(table, 0).map(|x| x.to_string()),
                Part::Packets => parts.packets(table, 0).map(|x| x.to_string()),
                Part::Duration | Part::Sent | Part::Received | Part::PacketsSent | Part::PacketsReceived => {
                    parts.amount(part, table, 0).map(|x| x.to_string())
                }
                _ => parts.text(part, table, 0).map(Cow::into_owned),
            };
            let expected = expected.iter().find(|(of, _)| *of == part).map(|(_, text)| (*text).to_owned());
            assert_eq!(found, expected, "{part:?} of {csv}");
        }
    }

    #[test]
    fn columns_play_their_parts_in_any_layout() {
        use Part::*;
        check(
            "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,resp_bytes,conn_state,\
             orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes\n\
             1713484795.5,C1,10.0.0.1,50000,10.0.0.2,443,tcp,ssl,1.5,400,1200,SF,6,640,4,1360\n",
            &[
                (Source, "10.0.0.1"),
                (Destination, "10.0.0.2"),
                (SourcePort, "50000"),
                (DestinationPort, "443"),
                (Protocol, "tcp"),
                (Service, "ssl"),
                (State, "SF"),
                (Time, "1713484795.5"),
                (Duration, "1.5"),
                (Sent, "640"),
                (Received, "1360"),
                (PacketsSent, "6"),
                (PacketsReceived, "4"),
                (Bytes, "2000"),
                (Packets, "10"),
            ],
        );
        check(
            "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n\
             2024-01-12 15:37:30,1.500,TCP,10.0.0.1,50000,10.0.0.2,443,6,640,1\n",
            &[
                (Source, "10.0.0.1"),
                (Destination, "10.0.0.2"),
                (SourcePort, "50000"),
                (DestinationPort, "443"),
                (Protocol, "TCP"),
                (Time, "1705073850"),
                (Duration, "1.5"),
                (Sent, "640"),
                (PacketsSent, "6"),
                (Bytes, "640"),
                (Packets, "6"),
            ],
        );
        check(
            "IPV4_SRC_ADDR,L4_SRC_PORT,IPV4_DST_ADDR,L4_DST_PORT,PROTOCOL,IN_BYTES,IN_PKTS,OUT_BYTES,OUT_PKTS,\
             TCP_FLAGS,FLOW_DURATION_MILLISECONDS,FLOW_START_MILLISECONDS,FLOW_END_MILLISECONDS\n\
             10.0.0.1,50000,10.0.0.2,443,6,640,6,1360,4,27,1500,1705073850000,1705073851000\n",
            &[
                (Source, "10.0.0.1"),
                (Destination, "10.0.0.2"),
                (SourcePort, "50000"),
                (DestinationPort, "443"),
                (Protocol, "6"),
                (Time, "1705073850"),
                (Duration, "1.5"),
                (Sent, "640"),
                (Received, "1360"),
                (PacketsSent, "6"),
                (PacketsReceived, "4"),
                (Bytes, "2000"),
                (Packets, "10"),
            ],
        );
        check(
            "timestamp,flow_id,event_type,src_ip,src_port,dest_ip,dest_port,proto,app_proto,flow.pkts_toserver,flow.pkts_toclient,\
             flow.bytes_toserver,flow.bytes_toclient,flow.end,flow.start,flow.age,flow.state,tcp.tcp_flags_ts,tcp.tcp_flags_tc\n\
             2024-01-12T15:40:00.1+0000,1,flow,10.0.0.1,50000,10.0.0.2,443,TCP,tls,6,4,640,1360,2024-01-12T15:37:31.5+0000,\
             2024-01-12T15:37:30.0+0000,1,closed,02,14\n",
            &[
                (Source, "10.0.0.1"),
                (Destination, "10.0.0.2"),
                (SourcePort, "50000"),
                (DestinationPort, "443"),
                (Protocol, "TCP"),
                (Service, "tls"),
                (State, "closed"),
                (Time, "1705073850"),
                (Duration, "1"),
                (Sent, "640"),
                (Received, "1360"),
                (PacketsSent, "6"),
                (PacketsReceived, "4"),
                (Bytes, "2000"),
                (Packets, "10"),
            ],
        );
        check("length,width\n1,2\n", &[]);
    }

    #[test]
    fn a_time_that_is_no_beginning_is_better_than_none() {
        let time_of = |names: &str, cells: &str| {
            let text = format!(
                "src_ip,dest_ip,dest_port,proto,flow.bytes_toserver,flow.bytes_toclient,event_type,flow.state,{names}\n\
                                10.0.0.1,10.0.0.2,443,TCP,1,1,flow,closed,{cells}\n"
            );
            let mut reader = Reader::new();
            reader.push(text.as_bytes()).unwrap();
            let ingested = reader.finish().unwrap();
            let schema = detect(&ingested.table, ingested.detected);
            let parts = Parts::of(&schema);
            assert_eq!(parts.column(Part::Time), schema.time_column());
            parts.time(&ingested.table, 0)
        };
        let (event, end, start) =
            ("2024-01-12T15:40:00.1+0000", "2024-01-12T15:39:00.0+0000", "2024-01-12T15:37:30.0+0000");
        let begun = time_of("timestamp,flow.end,flow.start", &[event, end, start].join(","));
        assert_eq!(begun, Some(1_705_073_850.0));
        assert_eq!(time_of("timestamp,flow.end", &[event, end].join(",")), Some(1_705_073_940.0));
        assert_eq!(time_of("timestamp", event), Some(1_705_074_000.1));
    }

    #[test]
    fn beginnings_are_known_by_their_names() {
        for (later, first) in [
            ("event.end", "event.start"),
            ("flowEndSeconds", "flowStartSeconds"),
            ("LAST_SWITCHED", "FIRST_SWITCHED"),
            ("Ltime", "Stime"),
            ("te", "ts"),
            ("EndTime", "StartTime"),
            ("duration", "timestamp"),
        ] {
            let time = if later == "duration" { "00:01:30" } else { "2024-01-12 15:40:00" };
            let row = format!("{time},2024-01-12 15:37:30,10.0.0.1,10.0.0.2\n");
            let mut reader = Reader::new();
            reader.push(format!("{later},{first},src_ip,dst_ip\n{row}{row}").as_bytes()).unwrap();
            let schema = detect(&reader.finish().unwrap().table, None);
            assert_eq!([0, 1].map(|at| schema.columns[at].kind), [Kind::Time; 2], "{later}");
            assert_eq!(
                (schema.time_columns(), Parts::of(&schema).column(Part::Time)),
                (vec![1, 0], Some(1)),
                "{later}"
            );
        }
    }

    #[test]
    fn flags_tell_more_than_that_a_connection_is_closed() {
        let head = "src_ip,dest_ip,src_port,dest_port,proto,flow.bytes_toserver,flow.bytes_toclient,flow.state,tcp.tcp_flags_ts,\
                    tcp.tcp_flags_tc";
        let rows = ["TCP,60,60,closed,02,14", "TCP,60,60,closed,1b,1b", "TCP,60,60,closed,02,00", "UDP,60,60,new,,"];
        let rows = rows.map(|row| format!("10.0.0.1,10.0.0.2,50000,443,{row}\n"));
        let mut reader = Reader::new();
        reader.push(format!("{head}\n{}", rows.concat()).as_bytes()).unwrap();
        let ingested = reader.finish().unwrap();
        let parts = Parts::of(&detect(&ingested.table, ingested.detected));
        let answers = Answers::of(&parts, &ingested.table);
        assert_eq!([0, 1, 2, 3].map(|row| answers.is_answered(row)), [false, true, false, false].map(Some));
    }

    #[test]
    fn numbers_are_times_of_our_years() {
        for (x, expected) in [(1.7e9, 1.7e9), (1.7e12, 1.7e9), (1.7e15, 1.7e9), (1.7e18, 1.7e9), (12.5, 12.5)] {
            assert_eq!(seconds(x), Some(expected));
        }
        assert_eq!(seconds(f64::INFINITY), None);
    }
}
