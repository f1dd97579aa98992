//! One flow record for every source: the table of a flow log becomes a derived table with columns that mean the same
//! whatever wrote the log, so that one model reads them all.
//!
//! - Which of a log's columns a derived one comes from, and in which unit, is data: [`sources`]. What ports, services
//!   and states are called is data as well: [`names`].
//! - A derived record depends on its own record alone, so a record by hand is seen as it would be in its file. Nothing
//!   is learned here.
//! - What a source does not say stays missing. Bytes are those of the IP layer, headers included, as NetFlow, Zeek's
//!   `*_ip_bytes` and UNSW-NB15 count them; where a source counts payload, the usual headers are added for each packet.
//!   Suricata counts the link layer, too (up to 14 bytes a packet), and Argus and NFStream may, as their user chose; KDD's
//!   payload stays.
//! - Forward is from the one who opened the flow. A source that counts one direction leaves the reverse missing.
//! - Arithmetic is plain, in one order: the same bits natively and as wasm.

mod names;
mod parts;
mod sources;

pub use names::{flag_names, is_icmp, protocol_name, state_meaning, unknown_service};
pub use parts::{Answers, Part, Parts, cell_text, cell_time, seconds};

use crate::error::{Error, Result};
use crate::schema::{ANOMALY, ColumnSpec, Kind, NORMAL, Role, Schema, fold, labels};
use crate::table::{BadRecord, Cell, Column, Table, Value};
use names::{Proto, State};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use sources::{Of, Source, Term};
use std::borrow::Cow;
use std::iter::repeat_n;

/// A derived column.
struct Derived {
    name: &'static str,
    /// Of a number.
    unit: Option<&'static str>,
    of: From,
}

/// How a derived value comes from a flow; `None` is missing.
enum From {
    Number(fn(&Flow) -> Option<f64>),
    Category(fn(&Flow) -> Option<&'static str>),
}

const fn number(name: &'static str, unit: &'static str, of: fn(&Flow) -> Option<f64>) -> Derived {
    Derived { name, unit: Some(unit), of: From::Number(of) }
}

const fn category(name: &'static str, of: fn(&Flow) -> Option<&'static str>) -> Derived {
    Derived { name, unit: None, of: From::Category(of) }
}

/// The derived columns in their order. Their names are for ever: model packs find them by these.
const DERIVED: &[Derived] = &[
    number("duration", "s", |flow| flow.duration),
    category("proto", |flow| flow.proto.map(Proto::name)),
    category("service", |flow| flow.service),
    category("dst_port_class", |flow| flow.port(flow.dst_port).map(names::port_class)),
    category("src_port_class", |flow| flow.port(flow.src_port).map(names::port_class)),
    category("state", |flow| flow.state.map(State::name)),
    number("fwd_bytes", "bytes", |flow| flow.bytes.forward),
    number("rev_bytes", "bytes", |flow| flow.bytes.reverse),
    number("fwd_pkts", "packets", |flow| flow.packets.forward),
    number("rev_pkts", "packets", |flow| flow.packets.reverse),
    number("bytes", "bytes", |flow| flow.bytes.total),
    number("pkts", "packets", |flow| flow.packets.total),
    number("fwd_bytes_per_pkt", "bytes", |flow| per(flow.bytes.forward, flow.packets.forward)),
    number("rev_bytes_per_pkt", "bytes", |flow| per(flow.bytes.reverse, flow.packets.reverse)),
    number("bytes_per_pkt", "bytes", |flow| per(flow.bytes.total, flow.packets.total)),
    number("bytes_ratio", "-1 to 1", |flow| flow.bytes.ratio()),
    number("pkts_ratio", "-1 to 1", |flow| flow.packets.ratio()),
    number("bytes_per_s", "bytes/s", |flow| per(flow.bytes.total, flow.duration)),
    number("pkts_per_s", "packets/s", |flow| per(flow.packets.total, flow.duration)),
];

/// The derived columns that are no features.
const LABEL: &str = "label";
const ATTACK: &str = "attack";
/// The column of `concat` that names where a record comes from.
pub const SOURCE: &str = "source";
/// The column of `concat` that numbers the views: a source may give several captures.
pub const CAPTURE: &str = "capture";

// Beyond these a number is damage, such as a lost decimal mark, and no measurement: a petabyte, a trillion packets,
// thirty days.
const MAX_BYTES: f64 = 1e15;
const MAX_PACKETS: f64 = 1e12;
const MAX_SECONDS: f64 = 2_592_000.0;

/// One flow, from whatever source.
#[derive(Default)]
struct Flow {
    duration: Option<f64>,
    proto: Option<Proto>,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    service: Option<&'static str>,
    state: Option<State>,
    bytes: Amounts,
    packets: Amounts,
    /// The source counts one direction.
    is_one_way: bool,
}

impl Flow {
    /// A port, where the protocol has ports: others put their types and codes there.
    fn port(&self, port: Option<u16>) -> Option<u16> {
        port.filter(|_| matches!(self.proto, None | Some(Proto::Tcp | Proto::Udp)))
    }
}

/// Bytes or packets by direction.
#[derive(Default)]
struct Amounts {
    forward: Option<f64>,
    reverse: Option<f64>,
    /// The sum of both, or the total that the source gives, or what a source of one direction counts.
    total: Option<f64>,
}

impl Amounts {
    fn new([forward, reverse, total]: [Option<f64>; 3], is_one_way: bool) -> Self {
        let sum = match (forward, reverse) {
            (Some(forward), Some(reverse)) => Some(forward + reverse),
            _ => total.or(forward.filter(|_| is_one_way)),
        };
        Self { forward, reverse, total: sum }
    }

    /// 1 where all goes forward, −1 where all comes back.
    fn ratio(&self) -> Option<f64> {
        let (forward, reverse) = (self.forward?, self.reverse?);
        per(Some(forward - reverse), Some(forward + reverse))
    }
}

fn per(amount: Option<f64>, unit: Option<f64>) -> Option<f64> {
    let quotient = amount? / unit.filter(|&unit| unit > 0.0)?;
    quotient.is_finite().then_some(quotient)
}

/// What a detector's encoder reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The table's own columns.
    Columns,
    /// The common flow record that [`view`] makes of any flow log.
    Flow,
}

impl Record {
    /// The table as it is read; `None` for as it is.
    ///
    /// # Errors
    /// If flow records are read, and the table is no flow log.
    pub fn view(self, table: &Table, schema: &Schema) -> Result<Option<(Table, Schema)>> {
        match self {
            Self::Columns => Ok(None),
            Self::Flow => view(table, schema).map(Some).ok_or_else(|| {
                Error::new("The table is no flow log")
                    .advice("Give a file with bytes or packets, and a protocol or ports")
            }),
        }
    }

    /// The table as it is read, and its schema: made anew, or those that are given.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn read<'a>(self, table: &'a Table, schema: &'a Schema) -> Result<(Cow<'a, Table>, Cow<'a, Schema>)> {
        Ok(match self.view(table, schema)? {
            Some((table, schema)) => (Cow::Owned(table), Cow::Owned(schema)),
            None => (Cow::Borrowed(table), Cow::Borrowed(schema)),
        })
    }
}

/// Whether [`view`] can read the table.
#[must_use]
pub fn is_flow_log(table: &Table, schema: &Schema) -> bool {
    Reader::new(table, schema).is_some()
}

/// The table as flow records, with the same rows, spans and bad records, and its schema; labels are carried over as 0
/// and 1 in `label`, the names of attacks as they are in `attack`, where the table has them. `None` where the table is
/// no flow log: that has bytes or packets and, unless its layout is a known flow log's, a protocol or ports.
#[must_use]
pub fn view(table: &Table, schema: &Schema) -> Option<(Table, Schema)> {
    let reader = Reader::new(table, schema)?;
    let mut columns: Vec<Column> = DERIVED.iter().map(|derived| column(derived.name)).collect();
    for row in 0..table.n_rows() {
        let flow = reader.flow(row);
        for (column, derived) in columns.iter_mut().zip(DERIVED) {
            let cell = match derived.of {
                From::Number(of) => of(&flow).map_or(Cell::MISSING, Cell::number),
                From::Category(of) => of(&flow).map_or(Cell::MISSING, |text| text_cell(column, text)),
            };
            column.cells.push(cell);
        }
    }
    let mut specs: Vec<ColumnSpec> = DERIVED.iter().map(spec).collect();
    let mut normal_labels = Vec::new();
    if let Some(labels) = labels(table, schema) {
        let cell = |label| match label {
            NORMAL | ANOMALY => Cell::number(f64::from(label)),
            _ => Cell::MISSING,
        };
        columns.push(Column { cells: labels.into_iter().map(cell).collect(), ..column(LABEL) });
        specs.push(label_spec());
        normal_labels = normal();
    }
    if let Some(column) = schema.attack_column().and_then(|at| table.columns.get(at)) {
        columns.push(Column { name: ATTACK.into(), ..column.clone() });
        specs.push(attack_spec());
    }
    let table = Table { columns, spans: table.spans.clone(), bad: table.bad.clone() };
    Some((table, Schema { columns: specs, normal_labels, ..Schema::default() }))
}

/// Several views below one another, as one table to train on. All have a label and an attack name, missing where a view
/// has none, and the columns `source` and `capture`, which are no features, that hold the name and the number of each view.
/// Spans and lines are those of each view's own file.
#[must_use]
pub fn concat(views: &[(String, Table, Schema)]) -> (Table, Schema) {
    let mut specs: Vec<ColumnSpec> = DERIVED.iter().map(spec).collect();
    specs.extend([label_spec(), attack_spec()]);
    let mut columns: Vec<Column> = specs.iter().map(|spec| column(&spec.canonical)).collect();
    let (mut source, mut capture) = (column(SOURCE), column(CAPTURE));
    let mut all = Table::default();
    for (at, (name, table, schema)) in views.iter().enumerate() {
        for column in &mut columns {
            match schema.find(&column.name) {
                Some(at) => column.append(&table.columns[at]),
                None => column.cells.extend(repeat_n(Cell::MISSING, table.n_rows())),
            }
        }
        let cell = text_cell(&mut source, name);
        source.cells.extend(repeat_n(cell, table.n_rows()));
        capture.cells.extend(repeat_n(Cell::number(at as f64), table.n_rows()));
        let first = all.spans.len() as u32;
        all.bad.extend(table.bad.iter().map(|bad| BadRecord { row: first + bad.row, ..bad.clone() }));
        all.spans.extend(&table.spans);
    }
    for column in [source, capture] {
        specs.push(ColumnSpec { role: Role::Ignored, ..plain_spec(&column.name, Kind::Category) });
        columns.push(column);
    }
    all.columns = columns;
    (all, Schema { columns: specs, normal_labels: normal(), ..Schema::default() })
}

fn column(name: &str) -> Column {
    Column { name: name.into(), ..Column::default() }
}

fn text_cell(column: &mut Column, text: &str) -> Cell {
    column.dictionary.code(text).map_or(Cell::UNKEPT_TEXT, Cell::text)
}

fn plain_spec(name: &str, kind: Kind) -> ColumnSpec {
    ColumnSpec { name: name.into(), canonical: name.into(), kind, role: Role::Feature, unit: None, why: None }
}

fn spec(derived: &Derived) -> ColumnSpec {
    let kind = if matches!(derived.of, From::Number(_)) { Kind::Number } else { Kind::Category };
    ColumnSpec { unit: derived.unit.map(Into::into), ..plain_spec(derived.name, kind) }
}

fn label_spec() -> ColumnSpec {
    ColumnSpec { role: Role::Label, ..plain_spec(LABEL, Kind::Number) }
}

fn attack_spec() -> ColumnSpec {
    ColumnSpec { role: Role::AttackName, ..plain_spec(ATTACK, Kind::Category) }
}

fn normal() -> Vec<String> {
    vec![NORMAL.to_string()]
}

/// A source that has found its columns in a table.
struct Reader<'a> {
    proto: Option<Named<'a, Proto>>,
    tcp_window: Option<&'a Column>,
    service: Option<Named<'a, &'static str>>,
    state: Option<Named<'a, State>>,
    src_port: Option<&'a Column>,
    dst_port: Option<&'a Column>,
    /// TCP flags of both directions or of the forward one, and of the reverse one.
    flags: [Option<&'a Column>; 2],
    hex_flags: [Option<&'a Column>; 2],
    /// Counts of packets with the flag RST.
    resets: Vec<&'a Column>,
    duration: Terms<'a>,
    bytes: [Terms<'a>; 3],
    packets: [Terms<'a>; 3],
}

/// A column of names, with what each of its distinct texts means.
struct Named<'a, T> {
    column: &'a Column,
    meanings: Vec<Option<T>>,
}

impl<'a, T: Copy> Named<'a, T> {
    fn new(column: &'a Column, meaning: fn(&str) -> Option<T>) -> Self {
        Self { column, meanings: column.dictionary.iter().map(meaning).collect() }
    }

    fn get(&self, row: usize) -> Option<T> {
        self.meanings[self.column.cells.at(row).as_text()? as usize]
    }
}

/// The terms whose columns the table has; the first that has a value counts.
type Terms<'a> = Vec<(&'static Term, Vec<&'a Column>)>;

impl<'a> Reader<'a> {
    fn new(table: &'a Table, schema: &Schema) -> Option<Self> {
        let known = schema.layout.and_then(sources::of);
        let source: &Source = known.unwrap_or(&sources::ANY);
        let mut at = FxHashMap::default();
        for (index, spec) in schema.columns.iter().enumerate().take(table.columns.len()) {
            at.entry(fold(if known.is_some() { &spec.canonical } else { &spec.name })).or_insert(index);
        }
        let find = |name: &&str| at.get(&fold(name)).map(|&at| &table.columns[at]);
        let first = |names: &[&str]| names.iter().find_map(find);
        let terms = |terms: &'static [Term]| -> Terms<'a> {
            let columns = |term: &'static Term| match term.of {
                Of::Product(names) => names.iter().map(find).collect::<Option<Vec<_>>>(),
                Of::Difference(names) => names.iter().map(find).collect(),
            };
            terms.iter().filter_map(|term| Some((term, columns(term)?))).collect()
        };
        let reader = Self {
            proto: first(source.proto).map(|column| Named::new(column, Proto::of_text)),
            tcp_window: first(source.tcp_window),
            service: first(source.service).map(|column| Named::new(column, names::service_of_text)),
            state: first(source.state).map(|column| Named::new(column, State::of_text)),
            src_port: first(source.src_port),
            dst_port: first(source.dst_port),
            flags: source.flags.map(first),
            hex_flags: source.hex_flags.map(first),
            resets: source.resets.iter().filter_map(find).collect(),
            duration: terms(source.duration),
            bytes: [source.fwd_bytes, source.rev_bytes, source.bytes].map(terms),
            packets: [source.fwd_pkts, source.rev_pkts, source.pkts].map(terms),
        };
        let has_amounts = reader.bytes.iter().chain(&reader.packets).any(|terms| !terms.is_empty());
        let has_ends = reader.proto.is_some() || reader.src_port.is_some() || reader.dst_port.is_some();
        (has_amounts && (has_ends || known.is_some())).then_some(reader)
    }

    fn flow(&self, row: usize) -> Flow {
        let proto = self.proto.as_ref().and_then(|named| match named.column.cells.at(row).value() {
            Value::Number(x) => Proto::of_number(x),
            _ => named.get(row),
        });
        let by_window = || {
            let window = self.tcp_window?.cells.at(row).as_number()?;
            Some(if window < 0.0 { Proto::Udp } else { Proto::Tcp })
        };
        let proto = proto.or_else(by_window);
        let port = |column: Option<&Column>| {
            let x = column?.cells.at(row).as_number()?;
            (f64::from(x as u16) == x).then_some(x as u16)
        };
        let packets = self.packets.each_ref().map(|terms| count(amount(terms, row, 0.0), MAX_PACKETS));
        // Without packets nobody can say how many headers there were.
        let headers = |packets: Option<f64>| packets.unwrap_or(0.0) * Proto::headers(proto);
        let bytes = [0, 1, 2].map(|at| count(amount(&self.bytes[at], row, headers(packets[at])), MAX_BYTES));
        let is_one_way = bytes[1].is_none() && packets[1].is_none();
        let mut flow = Flow {
            proto,
            src_port: port(self.src_port),
            dst_port: port(self.dst_port),
            bytes: Amounts::new(bytes, is_one_way),
            packets: Amounts::new(packets, is_one_way),
            is_one_way,
            ..Flow::default()
        };
        // Zeek writes no duration where there was one packet only; other sources write 0.
        let instant = || flow.packets.total.filter(|&packets| packets <= 1.0 && !self.duration.is_empty()).map(|_| 0.0);
        let duration = amount(&self.duration, row, 0.0).or_else(instant);
        flow.duration = duration.filter(|x| (0.0..=MAX_SECONDS).contains(x));
        flow.service = self.service(&flow, row);
        flow.state = self.state(&flow, row);
        flow
    }

    /// The class of the service that the source names, else of that which the ports tell.
    fn service(&self, flow: &Flow, row: usize) -> Option<&'static str> {
        if flow.proto == Some(Proto::Icmp) {
            return Some(names::ICMP);
        }
        let named = self.service.as_ref().and_then(|service| service.get(row));
        named.or_else(|| {
            let port = flow.port(flow.dst_port)?;
            // A record of one direction may be that of the replies, which come from the service.
            let is_service = |port: u16| names::service_of_port(port).is_some() || port < 1024;
            let of_reply = flow.port(flow.src_port).filter(|&from| flow.is_one_way && is_service(from));
            let port = of_reply.filter(|_| !is_service(port)).unwrap_or(port);
            Some(names::service_of_port(port).unwrap_or_else(|| names::port_class(port)))
        })
    }

    /// From TCP flags that tell more than the state which the source gives, else from that, else from other flags, else from whether
    /// anything came back.
    fn state(&self, flow: &Flow, row: usize) -> Option<State> {
        let named = || self.state.as_ref().and_then(|state| state.get(row));
        let flags = || {
            let flags = |column: Option<&Column>| Some(column?.cells.at(row).as_number()? as u8);
            State::of_flags(flags(self.flags[0])?, flags(self.flags[1]))
        };
        let is_reset = || {
            let is = |column: &&Column| column.cells.at(row).as_number().is_some_and(|count| count > 0.0);
            self.resets.iter().any(is).then_some(State::Rejected)
        };
        let replies = || {
            let came_back = flow.packets.reverse.or(flow.bytes.reverse)?;
            Some(if came_back > 0.0 { State::Established } else { State::Attempted })
        };
        // What sources call a state of ICMP has little in common.
        let says = if flow.proto == Some(Proto::Icmp) {
            None
        } else {
            parts::state_of_hex(self.hex_flags, row).or_else(named).or_else(flags).or_else(is_reset)
        };
        says.or_else(replies)
    }
}

/// The first term that has a value in this row. `headers` is what to add to payload.
fn amount(terms: &Terms<'_>, row: usize, headers: f64) -> Option<f64> {
    terms.iter().find_map(|(term, columns)| {
        let mut values = columns.iter().map(|column| column.cells.at(row).as_number());
        let first = values.next()??;
        let raw = match term.of {
            Of::Product(_) => values.try_fold(first, |product, value| Some(product * value?))?,
            Of::Difference(_) => first - values.next()??,
        };
        // nProbe's and others' counters of 32 bits that ran backwards.
        let raw = match term.wraps {
            Some(wraps) if raw > wraps / 2.0 && raw < wraps => wraps - raw,
            _ => raw,
        };
        let is_said = raw.is_finite() && !(term.zero_is_missing && raw == 0.0);
        is_said.then_some(raw / term.per_unit + if term.is_payload { headers } else { 0.0 })
    })
}

/// Counts are whole, and those that are computed from rates nearly so.
fn count(x: Option<f64>, most: f64) -> Option<f64> {
    x.filter(|x| (0.0..=most).contains(x)).map(f64::round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn read(text: &str) -> (Table, Schema) {
        let mut reader = ingest::Reader::new();
        reader.push(text.as_bytes()).unwrap();
        let ingested = reader.finish().unwrap();
        let schema = detect(&ingested.table, ingested.detected);
        (ingested.table, schema)
    }

    fn shown(column: &Column, row: usize) -> String {
        match column.cells.at(row).value() {
            Value::Number(x) => format!("{x:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            Value::Text(_) => column.text(row).unwrap_or_default().to_owned(),
            Value::Missing | Value::UnkeptText => "-".into(),
        }
    }

    /// The first record of a log with this header as a flow record, a column after another.
    fn check(header: &str, records: &str, expected: &str) {
        let (table, schema) = read(&format!("{header}\n{records}\n"));
        let (view, _) = view(&table, &schema).unwrap_or_else(|| panic!("no flow log: {header}"));
        let found: Vec<String> = view.columns.iter().map(|column| shown(column, 0)).collect();
        assert_eq!(found.join(" "), expected, "{header}\n{records}");
    }

    /// A TLS flow of 1.5 s: 6 packets of 640 bytes out, 4 of 1360 back.
    const FLOW: &str = "1.5 tcp https well-known dynamic established 640 1360 6 4 2000 10 106.6667 340 200 -0.36 0.2 \
                        1333.3333 6.6667";
    /// The same as a source of one direction sees its first half, whose state is known by the flags of that.
    const HALF: &str =
        "1.5 tcp https well-known dynamic established 640 - 6 - 640 6 106.6667 - 106.6667 - - 426.6667 4";

    #[test]
    fn every_source_becomes_the_same_record() {
        let zeek = "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,resp_bytes,\
                    conn_state,history,orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes";
        check(zeek, "1.5,C1,10.0.0.1,50000,10.0.0.2,443,tcp,ssl,1.5,400,1200,SF,ShADadFf,6,640,4,1360", FLOW);
        // Without the IP layer's bytes: payload and headers.
        check(zeek, "1.5,C1,10.0.0.1,50000,10.0.0.2,443,tcp,-,1.5,400,1200,S1,ShADad,6,-,4,-", FLOW);
        let instant = "0 udp dns well-known dynamic attempted 60 0 1 0 60 1 60 - 60 1 1 - -";
        check(zeek, "1.5,C1,10.0.0.1,50000,10.0.0.2,53,udp,dns,-,-,-,S0,D,1,60,0,0", instant);
        check(
            "Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp, Flow Duration,\
             Total Fwd Packets, Total Backward Packets,Total Length of Fwd Packets, Total Length of Bwd Packets,Label",
            "a-b,10.0.0.1,50000,10.0.0.2,443,6,5/7/2017 8:42,1500000,6,4,400,1200,BENIGN",
            &format!("{FLOW} 0 BENIGN"),
        );
        check(
            "src_port,dst_port,Init Fwd Win Byts,Flow Duration,TotLen Fwd Pkts,Fwd Pkts/s,Bwd Pkts/s,Bwd Pkt Len Mean,\
             Flow IAT Mean,Flow IAT Std",
            "50000,443,8192,1500000,400,4,2.6666667,300,7,8",
            FLOW,
        );
        check(
            "srcip,sport,dstip,dsport,proto,state,dur,sbytes,dbytes,sttl,dttl,sloss,dloss,service,Sload,Dload,Spkts,\
             Dpkts,Stime,Ltime,attack_cat,Label",
            "10.0.0.1,50000,10.0.0.2,0x01bb,tcp,FIN,1.5,640,1360,31,29,0,0,-,3413,7253,6,4,1421927414,1421927415,,0",
            &format!("{FLOW} 0"),
        );
        check(
            "IPV4_SRC_ADDR,L4_SRC_PORT,IPV4_DST_ADDR,L4_DST_PORT,PROTOCOL,L7_PROTO,IN_BYTES,IN_PKTS,OUT_BYTES,\
             OUT_PKTS,TCP_FLAGS,CLIENT_TCP_FLAGS,SERVER_TCP_FLAGS,FLOW_DURATION_MILLISECONDS,Label,Attack",
            "10.0.0.1,50000,10.0.0.2,443,6,91.0,640,6,1360,4,27,27,26,4293467,1,DoS",
            &format!("{FLOW} 1 DoS"),
        );
        let argus =
            "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts";
        let ends = "10.0.0.1,50000,   ->,10.0.0.2,443";
        check(argus, &format!("2019/04/04 16:23:00.3,1.5,tcp,{ends},FSPA_FSPA,0,0,10,2000,640,6"), FLOW);
        check(
            "id,expiration_id,src_ip,src_port,dst_ip,dst_port,protocol,ip_version,bidirectional_duration_ms,\
             bidirectional_packets,bidirectional_bytes,src2dst_packets,src2dst_bytes,dst2src_packets,dst2src_bytes,\
             application_name",
            "0,0,10.0.0.1,50000,10.0.0.2,443,6,4,1500,10,2000,6,640,4,1360,TLS.Google",
            FLOW,
        );
        check(
            "SourceIP,DestinationIP,SourcePort,DestinationPort,Protocol,BytesSent,BytesReceived,PacketsSent,\
             PacketsReceived,Duration,IsAnomaly",
            "10.0.0.1,10.0.0.2,50000,443,tcp,640,1360,6,4,1.5,0",
            &format!("{FLOW} 0"),
        );
        check(
            "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt",
            "2018-01-12 15:37:30,2018-01-12 15:37:31,1.500,10.0.0.1,10.0.0.2,50000,443,TCP,...AP.SF,0,0,6,640,0,0",
            HALF,
        );
        check(
            "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
            "2024-01-12 15:37:30,1.500,TCP,10.0.0.1,50000,10.0.0.2,443,6,640,1",
            &HALF.replace("established", "-"),
        );
        check(
            "Date first seen,Duration,Proto,Src IP Addr,Src Pt,Dst IP Addr,Dst Pt,Packets,Bytes,Flows,Flags,Tos,class,\
             attackType",
            "2017-03-15 00:01:16.632,1.500,TCP,10.0.0.1,50000,10.0.0.2,443,6,640,1,.AP.SF,0,normal,---",
            &format!("{HALF} 0 ---"),
        );
        // The replies come from the service.
        check(
            "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
            "2024-01-12 15:37:30,1.500,TCP,10.0.0.2,443,10.0.0.1,50000,6,640,1",
            &HALF.replace("established", "-").replace("well-known dynamic", "dynamic well-known"),
        );
        check(
            "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action \
             log-status",
            "2 123456789010 eni-1 10.0.0.1 10.0.0.2 50000 443 6 6 640 1477913708 1477913710 REJECT OK",
            "2 tcp https well-known dynamic rejected 640 - 6 - 640 6 106.6667 - 106.6667 - - 320 3",
        );
        let eve = "timestamp,flow_id,src_ip,src_port,dest_ip,dest_port,proto,app_proto,flow.pkts_toserver,flow.pkts_toclient,\
                   flow.bytes_toserver,flow.bytes_toclient,flow.age,flow.state,tcp.tcp_flags,tcp.tcp_flags_ts,tcp.tcp_flags_tc";
        for (flags, state) in [("1b,1b,1a", "established"), ("16,02,14", "rejected"), ("02,02,00", "attempted")] {
            check(
                eve,
                &format!("2021-06-06T15:57:37,1,10.0.0.1,50000,10.0.0.2,443,TCP,failed,6,4,640,1360,1,closed,{flags}"),
                &FLOW.replace("established", state).replace("1.5", "-").replace("1333.3333 6.6667", "- -"),
            );
        }
        let kdd = format!("0,tcp,http,S0,181,0{}", ",0".repeat(35));
        let (table, schema) = read(&format!("{kdd},neptune.\n{kdd},normal.\n"));
        let (table, _) = view(&table, &schema).unwrap();
        let found: Vec<String> = table.columns.iter().map(|column| shown(column, 0)).collect();
        assert_eq!(found.join(" "), "0 tcp http - - attempted 181 0 - - 181 - - - - 1 - - - 1 neptune.");
    }

    #[test]
    fn unknown_logs_are_known_by_their_names() {
        let bytes = "src_port,dst_port,protocol,bytes,packets";
        check(
            bytes,
            "50000,443,6,640,6",
            &HALF.replace("established", "-").replace("1.5", "-").replace("426.6667 4", "- -"),
        );
        let both = "src ip,src port,dst ip,dst port,proto,duration_ms,fwd_bytes,rev_bytes,fwd_pkts,rev_pkts";
        check(both, "10.0.0.1,50000,10.0.0.2,443,TCP,1500,640,1360,6,4", FLOW);
        check(
            "ts,src_ip,src_port,dst_ip,dst_port,proto,service,duration,src_bytes,dst_bytes,conn_state,missed_bytes,\
             src_pkts,src_ip_bytes,dst_pkts,dst_ip_bytes,dns_query",
            "1554198358,10.0.0.1,50000,10.0.0.2,443,tcp,ssl,1.5,400,1200,SF,0,6,640,4,1360,-",
            FLOW,
        );
        let unanswered = "1 udp dns well-known dynamic attempted 60 0 1 0 60 1 60 - 60 1 1 60 1";
        check(both, "10.0.0.1,50000,10.0.0.2,53,17,1000,60,0,1,0", unanswered);
        // ICMP has no ports, and damage is no number.
        let damaged = "- icmp icmp - - established - 1 2 3 - 5 - 0.3333 - - -0.2 - -";
        check(both, "10.0.0.1,8,10.0.0.2,0,1,-1,1e27,1,2,3", damaged);
        for text in [
            "a,b\n1,2\n",
            "No.,Time,Source,Destination,Protocol,Length\n1,0.1,10.0.0.1,10.0.0.2,TCP,60\n",
            "bytes,packets\n1,2\n",
            "src_port,dst_port,protocol\n1,2,6\n",
        ] {
            let (table, schema) = read(text);
            assert!(view(&table, &schema).is_none(), "{text}");
        }
    }

    #[test]
    fn states_are_told_by_flags_and_names() {
        for (text, expected) in [
            ("SF", "established"),
            ("s0", "attempted"),
            ("RSTOS0", "attempted"),
            ("REJ", "rejected"),
            ("OTH", "other"),
            ("S_", "attempted"),
            ("S_RA", "rejected"),
            ("FSRPA_FSPA", "established"),
            ("......S.", "attempted"),
            ("...A.R..", "rejected"),
            ("0x1b", "established"),
            ("deny", "rejected"),
            ("........", "-"),
            ("ACCEPT", "-"),
        ] {
            assert_eq!(State::of_text(text).map_or("-", State::name), expected, "{text}");
        }
    }

    #[test]
    fn views_are_put_below_one_another() {
        let (first, first_schema) = read(
            "src_port,dst_port,protocol,bytes,packets,label,attack\n1,53,17,10,1,0,\n2,80,6,20,2,1,scan\n3,22\n4,80,6,\
             30,3,,\n",
        );
        let (second, second_schema) = read("src_port,dst_port,protocol,bytes,packets\n1,80,6,10,1\n2,53,17,20,2\n");
        let (third, third_schema) = read(
            "src_port,dst_port,protocol,bytes,packets,label\n1,22,6,10,1,BENIGN\n2\n1,22,6,10,1,flood\n1,22,6,10,1,\
             BENIGN\n",
        );
        let view = |name: &str, table, schema| {
            let (table, schema) = view(table, schema).unwrap();
            (name.to_owned(), table, schema)
        };
        let (table, schema) = concat(&[
            view("one", &first, &first_schema),
            view("two", &second, &second_schema),
            view("three", &third, &third_schema),
        ]);
        let shown = |name: &str| {
            let column = &table.columns[schema.find(name).unwrap()];
            assert_eq!(column.cells.len(), table.n_rows());
            (0..table.n_rows()).map(|row| shown(column, row)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("source"), "one one one one two two three three three three");
        assert_eq!(shown("capture"), "0 0 0 0 1 1 2 2 2 2");
        assert_eq!(shown("proto"), "udp tcp - tcp tcp udp tcp - tcp tcp");
        assert_eq!(shown("service"), "dns http - http http dns ssh - ssh ssh");
        assert_eq!(shown("bytes"), "10 20 - 30 10 20 10 - 10 10");
        assert_eq!(shown("label"), "0 1 - - - - 0 - 1 0");
        assert_eq!(shown("attack"), "- scan - - - - BENIGN - flood BENIGN");
        assert_eq!(labels(&table, &schema).unwrap(), [0, 1, 2, 2, 2, 2, 0, 2, 1, 0]);
        assert_eq!(table.bad.iter().map(|bad| bad.row).collect::<Vec<_>>(), [2, 7]);
        let features: Vec<&str> = schema.feature_columns().map(|at| schema.columns[at].canonical.as_str()).collect();
        assert_eq!(features, DERIVED.iter().map(|derived| derived.name).collect::<Vec<_>>());
    }
}
