//! A seeded day of flow records of a small office network, with planted anomalies and labels: the built-in sample.
//!
//! Eighty workstations, a few servers, cameras and a guest or two speak DNS, HTTPS, HTTP, QUIC, mail, SSH, NTP, SMB and SQL, by a
//! daily rhythm, with log-normal sizes and durations and packets to match. Normal traffic has its own extremes, such as
//! nightly backups, updates, video calls and failed connections, so that no single column gives the anomalies away.
//!
//! 1.5 % of the records are planted, in episodes: port scans, floods, SSH password guessing, DNS tunnels, exfiltration,
//! lateral movement by SMB, and beacons. The last two look much like their surroundings: a detector of single flows is not
//! expected to find them all.
//!
//! Addresses are private (RFC 1918) or for documentation (RFC 5737). The same seed gives the same bytes natively and in wasm:
//! integers and `libm` only. Memory is bounded by the planted records, not by the file.

pub mod like;

use crate::rng::Rng;
use std::collections::BTreeMap;
use std::io::Write;

/// The first line of the file.
pub const HEADER: &str = "ts,src_ip,src_port,dst_ip,dst_port,proto,service,conn_state,duration,orig_bytes,resp_bytes,\
    orig_pkts,resp_pkts,label,attack\n";

/// Planted records among a thousand.
pub const PLANTED_PER_MILLE: u64 = 15;

/// 2026-03-02, a Monday, 00:00 UTC, in seconds since 1970.
const DAY_START: u64 = 1_772_409_600;
const DAY: f64 = 86_400.0;

/// How busy each hour of the day is.
const RHYTHM: [f64; 24] = [
    2.0, 2.0, 3.0, 2.0, 2.0, 2.0, 3.0, 5.0, 8.0, 10.0, 10.0, 9.0, 7.0, 9.0, 10.0, 10.0, 9.0, 7.0, 5.0, 4.0, 3.0, 3.0,
    2.0, 2.0,
];

/// Writes the records bit by bit.
pub struct Generator {
    rng: Rng,
    rows: u32,
    begun: bool,
    next: u32,
    planted: BTreeMap<u32, Planted>,
}

#[derive(Clone, Copy)]
struct Planted {
    attack: Attack,
    attacker: Host,
    victim: Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    PortScan,
    Flood,
    PasswordGuessing,
    DnsTunnel,
    Exfiltration,
    LateralMovement,
    Beacon,
}

/// How an attack is planted.
struct Plan {
    attack: Attack,
    name: &'static str,
    /// Of the planted records, in percent.
    share: u32,
    /// Records of one episode.
    episode: u32,
    /// Of one episode, in seconds.
    duration: f64,
}

const PLANS: [Plan; 7] = [
    Plan { attack: Attack::PortScan, name: "port_scan", share: 28, episode: 60, duration: 120.0 },
    Plan { attack: Attack::Flood, name: "flood", share: 20, episode: 40, duration: 180.0 },
    Plan { attack: Attack::PasswordGuessing, name: "ssh_bruteforce", share: 16, episode: 40, duration: 1200.0 },
    Plan { attack: Attack::DnsTunnel, name: "dns_tunnel", share: 12, episode: 15, duration: 3600.0 },
    Plan { attack: Attack::Exfiltration, name: "exfiltration", share: 10, episode: 4, duration: 5400.0 },
    Plan { attack: Attack::LateralMovement, name: "lateral_smb", share: 7, episode: 6, duration: 900.0 },
    Plan { attack: Attack::Beacon, name: "beacon", share: 7, episode: 24, duration: 43_200.0 },
];

/// The last two bytes of a private address, or all of a documentation address.
#[derive(Clone, Copy)]
enum Host {
    Inside(u8, u8),
    Outside(u8, u8),
}

const RESOLVER: Host = Host::Inside(0, 2);
const MAIL: Host = Host::Inside(0, 3);
const WEB: Host = Host::Inside(0, 4);
const FILES: Host = Host::Inside(0, 5);
const DATABASE: Host = Host::Inside(0, 6);
const BACKUP: Host = Host::Inside(0, 7);

/// One record but for its time and label.
struct Flow {
    source: Host,
    source_port: u32,
    target: Host,
    target_port: u32,
    proto: &'static str,
    service: &'static str,
    state: &'static str,
    /// In seconds; nothing where no answer came.
    duration: Option<f64>,
    sent: f64,
    received: f64,
    sent_packets: f64,
    received_packets: f64,
}

impl Generator {
    #[must_use]
    pub fn new(rows: u32, seed: u64) -> Self {
        Self { rng: Rng::stream(seed, 0), rows, begun: false, next: 0, planted: plant(rows, &mut Rng::stream(seed, 1)) }
    }

    /// Appends up to `rows` more records, the first time after the header. Returns whether there are more.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn write(&mut self, rows: u32, out: &mut Vec<u8>) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(HEADER.as_bytes());
        }
        let end = self.next.saturating_add(rows).min(self.rows);
        for row in self.next..end {
            self.write_record(row, out).expect("a record can be written to memory");
        }
        self.next = end;
        end < self.rows
    }

    fn write_record(&mut self, row: u32, out: &mut Vec<u8>) -> std::io::Result<()> {
        let second = time_of_day((f64::from(row) + self.rng.uniform()) / f64::from(self.rows));
        let planted = self.planted.remove(&row);
        let flow = match planted {
            Some(planted) => attack_flow(planted, &mut self.rng),
            None => normal_flow(second, &mut self.rng),
        };
        let micros = DAY_START * 1_000_000 + (second * 1e6) as u64;
        write!(out, "{}.{:06},", micros / 1_000_000, micros % 1_000_000)?;
        flow.source.write(out)?;
        write!(out, ",{},", flow.source_port)?;
        flow.target.write(out)?;
        write!(out, ",{},{},{},{},", flow.target_port, flow.proto, flow.service, flow.state)?;
        if let Some(duration) = flow.duration {
            let micros = (duration * 1e6) as u64;
            write!(out, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)?;
        }
        let counts = [flow.sent, flow.received, flow.sent_packets, flow.received_packets];
        for count in counts {
            write!(out, ",{}", count as u64)?;
        }
        match planted {
            Some(planted) => writeln!(out, ",malicious,{}", name_of(planted.attack)),
            None => writeln!(out, ",benign,-"),
        }
    }
}

impl Host {
    fn write(self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Self::Inside(net, host) => write!(out, "10.0.{net}.{host}"),
            Self::Outside(0, host) => write!(out, "192.0.2.{host}"),
            Self::Outside(1, host) => write!(out, "198.51.100.{host}"),
            Self::Outside(_, host) => write!(out, "203.0.113.{host}"),
        }
    }

    fn workstation(rng: &mut Rng) -> Self {
        Self::Inside(1, 10 + rng.below(80) as u8)
    }

    fn server(rng: &mut Rng) -> Self {
        Self::Inside(0, 2 + rng.below(6) as u8)
    }

    fn camera(rng: &mut Rng) -> Self {
        Self::Inside(3, 20 + rng.below(12) as u8)
    }

    fn outside(rng: &mut Rng) -> Self {
        Self::Outside(rng.below(3) as u8, 1 + rng.below(254) as u8)
    }
}

fn name_of(attack: Attack) -> &'static str {
    PLANS.iter().find(|plan| plan.attack == attack).map_or("", |plan| plan.name)
}

/// The second of the day by which this share of the day's flows has been seen.
fn time_of_day(share: f64) -> f64 {
    let mut left = share * RHYTHM.iter().sum::<f64>();
    for (hour, weight) in RHYTHM.iter().enumerate() {
        if left < *weight {
            return (hour as f64 + left / weight) * 3600.0;
        }
        left -= weight;
    }
    DAY
}

/// Which rows are planted, and with what. Episodes that overlap move on to the next free row.
fn plant(rows: u32, rng: &mut Rng) -> BTreeMap<u32, Planted> {
    let total = ((u64::from(rows) * PLANTED_PER_MILLE + 500) / 1000) as u32;
    let mut planted = BTreeMap::new();
    let (mut share, mut done) = (0, 0);
    for plan in &PLANS {
        share += u64::from(plan.share);
        let until = (u64::from(total) * share / 100) as u32;
        while done < until {
            let episode = plan.episode.min(until - done);
            let what = cast(plan.attack, rng);
            let span = plan.duration / DAY * f64::from(rows);
            let start = rng.uniform() * f64::from(rows);
            for flow in 0..episode {
                let place = start + span * (f64::from(flow) + 0.3 * rng.uniform()) / f64::from(episode);
                let mut row = (place as u64 % u64::from(rows)) as u32;
                while planted.contains_key(&row) {
                    row = (row + 1) % rows;
                }
                planted.insert(row, what);
            }
            done += episode;
        }
    }
    planted
}

/// Who attacks whom.
fn cast(attack: Attack, rng: &mut Rng) -> Planted {
    let inside = Host::workstation(rng);
    let outside = Host::outside(rng);
    let (attacker, victim) = match attack {
        Attack::PortScan => (inside, Host::server(rng)),
        Attack::Flood => (outside, WEB),
        Attack::PasswordGuessing => (outside, Host::server(rng)),
        Attack::LateralMovement => (inside, Host::workstation(rng)),
        Attack::DnsTunnel | Attack::Exfiltration | Attack::Beacon => (inside, outside),
    };
    Planted { attack, attacker, victim }
}

fn attack_flow(planted: Planted, rng: &mut Rng) -> Flow {
    let Planted { attack, attacker, victim } = planted;
    let tcp = |port, service| Flow::tcp(attacker, victim, port, service);
    let mut flow = match attack {
        Attack::PortScan => {
            let (state, answered) = pick(rng, &[(50, ("S0", 0.0)), (35, ("REJ", 1.0)), (15, ("RSTO", 1.0))]);
            let packets = if state == "RSTO" { 3.0 } else { 1.0 + f64::from(rng.below(3)) };
            let duration = (answered > 0.0).then(|| log_normal(rng, 0.000_4, 0.8));
            let port = 1 + rng.below(10_000);
            Flow { state, duration, sent_packets: packets, received_packets: answered, ..tcp(port, "-") }
        }
        Attack::Flood => {
            let packets = log_normal(rng, 6_000.0, 0.9).max(20.0);
            let duration = Some(log_normal(rng, 25.0, 0.7));
            let sent = packets * f64::from(rng.below(40));
            Flow { state: "S0", duration, sent, sent_packets: packets, ..tcp(80, "-") }
        }
        Attack::PasswordGuessing => {
            let state = pick(rng, &[(60, "SF"), (25, "RSTO"), (15, "RSTR")]);
            let duration = Some(log_normal(rng, 2.2, 0.15));
            let (sent, received) = (log_normal(rng, 1_250.0, 0.12), log_normal(rng, 1_750.0, 0.1));
            Flow { state, duration, sent, received, ..tcp(22, "ssh") }.with_packets()
        }
        Attack::DnsTunnel => {
            let packets = log_normal(rng, 400.0, 0.9).max(4.0);
            let (sent, received) = (packets * log_normal(rng, 190.0, 0.2), packets * log_normal(rng, 240.0, 0.3));
            let duration = Some(log_normal(rng, 90.0, 0.8));
            let flow = Flow { duration, sent, received, ..Flow::udp(attacker, victim, 53, "dns") };
            Flow { sent_packets: packets, received_packets: packets, ..flow }
        }
        Attack::Exfiltration => {
            let sent = log_normal(rng, 6e7, 1.1);
            let received = sent / log_normal(rng, 120.0, 0.5);
            let duration = Some(sent / log_normal(rng, 4e5, 0.7));
            Flow { duration, sent, received, ..tcp(443, "ssl") }.with_packets()
        }
        Attack::LateralMovement => {
            let (sent, received) = (log_normal(rng, 4e6, 1.0), log_normal(rng, 30_000.0, 0.8));
            let duration = Some(log_normal(rng, 12.0, 1.0));
            Flow { duration, sent, received, ..tcp(445, "smb") }.with_packets()
        }
        Attack::Beacon => {
            let (sent, received) = (log_normal(rng, 312.0, 0.02), log_normal(rng, 148.0, 0.02));
            let duration = Some(log_normal(rng, 0.35, 0.1));
            Flow { duration, sent, received, ..tcp(8443, "ssl") }.with_packets()
        }
    };
    flow.source_port = ephemeral(rng);
    flow
}

fn normal_flow(second: f64, rng: &mut Rng) -> Flow {
    #[derive(Clone, Copy)]
    enum Use {
        Dns,
        Https,
        Http,
        Quic,
        Imap,
        Smtp,
        Ssh,
        Ntp,
        Smb,
        Sql,
        Camera,
        Ping,
        Call,
        Update,
        Backup,
        Failed,
    }
    let night = !(6.0 * 3600.0..22.0 * 3600.0).contains(&second);
    let user = if rng.below(12) == 0 { Host::server(rng) } else { Host::workstation(rng) };
    let site = Host::outside(rng);
    let uses = [
        (300, Use::Dns),
        (330, Use::Https),
        (60, Use::Http),
        (60, Use::Quic),
        (40, Use::Imap),
        (22, Use::Smtp),
        (18, Use::Ssh),
        (50, Use::Ntp),
        (45, Use::Smb),
        (40, Use::Sql),
        (20, Use::Camera),
        (2, Use::Ping),
        (2, Use::Call),
        (3, Use::Update),
        (if night { 12 } else { 1 }, Use::Backup),
        (8, Use::Failed),
    ];
    let mut flow = match pick(rng, &uses) {
        Use::Dns => {
            let answered = rng.below(200) > 0;
            let flow = Flow::udp(user, if rng.below(15) == 0 { site } else { RESOLVER }, 53, "dns");
            let sent = 28.0 + f64::from(rng.below(30));
            if answered {
                let received = sent + log_normal(rng, 70.0, 0.7);
                Flow { duration: Some(log_normal(rng, 0.012, 1.3)), sent, received, ..flow }.with_packets()
            } else {
                Flow { state: "S0", sent, sent_packets: 1.0, ..flow }
            }
        }
        Use::Https => web_flow(Flow::tcp(user, site, 443, "ssl"), 1_900.0, 8_000.0, rng),
        Use::Http => {
            let target = if rng.below(3) == 0 { WEB } else { site };
            web_flow(Flow::tcp(user, target, 80, "http"), 600.0, 5_000.0, rng)
        }
        Use::Quic => {
            let (sent, received) = (log_normal(rng, 4_000.0, 0.9), log_normal(rng, 20_000.0, 1.6));
            let duration = Some(log_normal(rng, 8.0, 1.2));
            Flow { duration, sent, received, ..Flow::udp(user, site, 443, "quic") }.with_packets()
        }
        Use::Imap => web_flow(Flow::tcp(user, MAIL, 993, "ssl"), 1_200.0, 3_500.0, rng),
        Use::Smtp => {
            let (source, target) = if rng.below(2) == 0 { (MAIL, site) } else { (site, MAIL) };
            web_flow(Flow::tcp(source, target, 25, "smtp"), 12_000.0, 500.0, rng)
        }
        Use::Ssh => {
            let (sent, received) = (log_normal(rng, 5_000.0, 1.3), log_normal(rng, 9_000.0, 1.5));
            let duration = Some(log_normal(rng, 60.0, 1.9));
            Flow { duration, sent, received, ..Flow::tcp(user, Host::server(rng), 22, "ssh") }.with_packets()
        }
        Use::Ntp => {
            let flow = Flow::udp(user, site, 123, "ntp");
            Flow { duration: Some(log_normal(rng, 0.02, 0.6)), sent: 48.0, received: 48.0, ..flow }.with_packets()
        }
        Use::Smb => {
            let (sent, received) = (log_normal(rng, 9_000.0, 1.5), log_normal(rng, 30_000.0, 2.0));
            let duration = Some(log_normal(rng, 15.0, 1.5));
            Flow { duration, sent, received, ..Flow::tcp(user, FILES, 445, "smb") }.with_packets()
        }
        Use::Sql => {
            let (sent, received) = (log_normal(rng, 1_500.0, 1.0), log_normal(rng, 6_000.0, 1.4));
            let duration = Some(log_normal(rng, 0.6, 1.5));
            Flow { duration, sent, received, ..Flow::tcp(WEB, DATABASE, 5432, "postgresql") }.with_packets()
        }
        Use::Camera => {
            let (sent, received) = (log_normal(rng, 900.0, 0.2), log_normal(rng, 420.0, 0.2));
            let duration = Some(log_normal(rng, 0.8, 0.5));
            Flow { duration, sent, received, ..Flow::tcp(Host::camera(rng), site, 8443, "ssl") }.with_packets()
        }
        Use::Ping => {
            let packets = 1.0 + f64::from(rng.below(5));
            let duration = Some(packets - 1.0 + log_normal(rng, 0.01, 0.5));
            let bytes = 56.0 * packets;
            let (state, service, proto) = ("OTH", "-", "icmp");
            let flow =
                Flow { state, service, proto, duration, sent: bytes, received: bytes, ..Flow::udp(user, site, 0, "-") };
            Flow { source_port: 8, sent_packets: packets, received_packets: packets, ..flow }
        }
        Use::Call => {
            let duration = log_normal(rng, 300.0, 1.0);
            let (sent, received) = (duration * log_normal(rng, 1.1e5, 0.6), duration * log_normal(rng, 1.6e5, 0.6));
            Flow { duration: Some(duration), sent, received, ..Flow::udp(user, site, 3478, "stun") }.with_packets()
        }
        Use::Update => {
            let received = log_normal(rng, 4e7, 1.2);
            let duration = Some(received / log_normal(rng, 4e6, 0.6));
            let sent = received / log_normal(rng, 300.0, 0.5);
            Flow { duration, sent, received, ..Flow::tcp(user, site, 443, "ssl") }.with_packets()
        }
        Use::Backup => {
            let sent = log_normal(rng, 2e8, 1.2);
            let duration = Some(sent / log_normal(rng, 2e7, 0.5));
            let received = sent / log_normal(rng, 200.0, 0.3);
            Flow { duration, sent, received, ..Flow::tcp(Host::server(rng), BACKUP, 873, "rsync") }.with_packets()
        }
        Use::Failed => {
            let port = pick(rng, &[(5, 443), (3, 80), (1, 8080), (1, 445), (1, 22)]);
            let rejected = rng.below(3) == 0;
            let (state, answered) = if rejected { ("REJ", 1.0) } else { ("S0", 0.0) };
            let duration = Some(if rejected { log_normal(rng, 0.02, 1.0) } else { log_normal(rng, 3.0, 0.3) });
            let sent_packets = if rejected { 1.0 } else { 3.0 };
            Flow { state, duration, sent_packets, received_packets: answered, ..Flow::tcp(user, site, port, "-") }
        }
    };
    if flow.proto != "icmp" {
        flow.source_port = ephemeral(rng);
    }
    flow
}

/// A request and its answer, of these median sizes, that ends in one of several ways.
fn web_flow(flow: Flow, sent: f64, received: f64, rng: &mut Rng) -> Flow {
    let state = pick(rng, &[(900, "SF"), (30, "S1"), (40, "RSTO"), (30, "RSTR")]);
    let (sent, received) = (log_normal(rng, sent, 0.8), log_normal(rng, received, 1.6));
    let duration = Some(log_normal(rng, 0.9, 1.5) + received / 5e6);
    Flow { state, duration, sent, received, ..flow }.with_packets()
}

impl Flow {
    fn tcp(source: Host, target: Host, target_port: u32, service: &'static str) -> Self {
        let (state, duration) = ("SF", None);
        let (sent, received, sent_packets, received_packets) = (0.0, 0.0, 0.0, 0.0);
        Self {
            source,
            source_port: 0,
            target,
            target_port,
            proto: "tcp",
            service,
            state,
            duration,
            sent,
            received,
            sent_packets,
            received_packets,
        }
    }

    fn udp(source: Host, target: Host, target_port: u32, service: &'static str) -> Self {
        Self { proto: "udp", ..Self::tcp(source, target, target_port, service) }
    }

    /// As many packets as the bytes need: full segments of 1,380 bytes, and for TCP the opening, the closing and an
    /// acknowledgement of every second segment of the other side.
    fn with_packets(mut self) -> Self {
        (self.sent, self.received) = (libm::floor(self.sent), libm::floor(self.received));
        let (there, back) = (libm::ceil(self.sent / 1380.0), libm::ceil(self.received / 1380.0));
        (self.sent_packets, self.received_packets) = if self.proto == "tcp" {
            (there + 3.0 + libm::floor(back / 2.0), back + 2.0 + libm::floor(there / 2.0))
        } else {
            (there, back)
        };
        self
    }
}

/// A port that a client opens (Linux: 32768 to 60999).
fn ephemeral(rng: &mut Rng) -> u32 {
    32_768 + rng.below(28_232)
}

/// A number whose logarithm is normal, by its median and the logarithm's deviation.
fn log_normal(rng: &mut Rng, median: f64, deviation: f64) -> f64 {
    median * libm::exp(deviation * rng.normal())
}

/// One of the weighted choices.
fn pick<T: Copy>(rng: &mut Rng, choices: &[(u32, T)]) -> T {
    let mut left = rng.below(choices.iter().map(|(weight, _)| weight).sum());
    for &(weight, choice) in choices {
        if left < weight {
            return choice;
        }
        left -= weight;
    }
    unreachable!("the draw is below the sum of the weights")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::EncoderParams;
    use crate::evaluate::{recall_by_name, roc_auc};
    use crate::forest::IsolationForestParams;
    use crate::schema::{ColumnSpec, Kind, Role, Schema};
    use crate::table::{Cell, Column, Span, Table};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn sample(rows: u32, seed: u64, at_once: u32) -> String {
        let (mut generator, mut out) = (Generator::new(rows, seed), Vec::new());
        while generator.write(at_once, &mut out) {}
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_bytes_never_change() {
        let text = sample(3000, 1, 1000);
        assert_eq!(text, sample(3000, 1, 7));
        assert_ne!(text, sample(3000, 2, 1000));
        let hash = text
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        assert_eq!(hash, 18_106_251_788_846_384_241);
    }

    #[test]
    fn the_records_are_many_whole_and_in_order() {
        for (rows, planted) in [(0, 0), (1, 0), (40, 1), (1000, 15), (20_000, 300)] {
            let text = sample(rows, 3, 512);
            let records: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(records.len(), rows as usize);
            assert_eq!(records.iter().filter(|record| record.contains(",malicious,")).count(), planted);
            assert!(records.iter().all(|record| record.split(',').count() == HEADER.split(',').count()));
            let times: Vec<&str> = records.iter().map(|record| record.split(',').next().unwrap()).collect();
            assert!(times.is_sorted() && times.iter().all(|time| time.len() == "1772409600.000000".len()));
        }
    }

    #[test]
    fn the_forest_finds_most_of_what_is_planted() {
        let text = sample(20_000, 5, 20_000);
        let records: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let (names, records) = records.split_first().unwrap();
        let mut table = Table { spans: vec![Span { start: 0, len: 0 }; records.len()], ..Table::default() };
        let mut schema = Schema::default();
        for (at, &name) in names.iter().enumerate() {
            let (kind, role) = match name {
                "src_port" | "dst_port" => (Kind::Port, Role::Feature),
                "proto" | "service" | "conn_state" => (Kind::Category, Role::Feature),
                "ts" | "src_ip" | "dst_ip" | "label" | "attack" => (Kind::Category, Role::Ignored),
                _ => (Kind::Number, Role::Feature),
            };
            let mut column = Column { name: name.into(), ..Column::default() };
            for record in records {
                let cell = match record[at] {
                    "" | "-" => Cell::MISSING,
                    text => {
                        text.parse().map_or_else(|_| Cell::text(column.dictionary.code(text).unwrap()), Cell::number)
                    }
                };
                column.cells.push(cell);
            }
            table.columns.push(column);
            let (name, canonical, unit, why) = (name.to_owned(), name.to_owned(), None, None);
            schema.columns.push(ColumnSpec { name, canonical, kind, role, unit, why });
        }
        let rows: Vec<u32> = (0..records.len() as u32).collect();
        let encoder = EncoderParams::for_file().fit(&table, &schema, &rows).unwrap();
        let x = encoder.bind(&table, &schema).unwrap().transform_all(&rows);
        let mut scores = vec![0.0; records.len()];
        IsolationForestParams::default().fit(x.view()).unwrap().anomaly_score(x.view(), &mut scores);
        let labels: Vec<u8> = records.iter().map(|record| u8::from(record[13] == "malicious")).collect();
        let auc = roc_auc(&scores, &labels);
        // Far from chance, and no toy.
        assert!((0.92..0.99).contains(&auc), "ROC AUC {auc}");
        let names = recall_by_name(&scores, |row| Some(records[row][14]).filter(|&name| name != "-"), 0.0);
        assert_eq!(names.len(), PLANS.len());
    }
}
