//! Who calls whom like clockwork: pairs of hosts whose connections are too regular for a person, or last for hours.
//!
//! A forest over single flows sees no rhythm. So every row of the file, flagged or not, is counted by source, destination, port
//! and protocol, and at the end each pair is judged by what beacons have in common (RITA by Active Countermeasures judges
//! pairs by the same things): even intervals, even sizes, connections all the time, answers, and enough of them. NTP clients
//! and monitoring do the same: a beacon is worth a look, not a verdict.
//!
//! Bounded: of each pair at most [`MAX_SAMPLES`] connections are kept, evenly from all of them, and of pairs the [`MAX_PAIRS`] with the most; what
//! was dropped is counted. Parts of a file are merged in their order.

use crate::explain::span;
use crate::flow::{Answers, Part, Parts, cell_text};
use crate::report::{bytes, count, share_of_one};
use crate::table::Table;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// All pairs of a file, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pairs {
    pairs: Vec<Pair>,
    /// Connections of pairs that were dropped.
    pub dropped: u32,
    /// Seconds since 1970; of all connections that have a time.
    first: Option<f64>,
    last: Option<f64>,
}

/// The connections of one source to one port of one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    key: PairKey,
    rows: u32,
    answered: u32,
    /// Connections of which it is known whether they were answered.
    judged: u32,
    /// In the order of the file: one of so many connections that have a time, and how many of these there are.
    samples: Vec<Sample>,
    stride: u32,
    timed: u32,
    /// The time of the first and of the last of them in the file, and the least and the greatest of all.
    ends: (f64, f64),
    extent: (f64, f64),
    hours: Buckets,
    longest: f64,
    longest_row: u32,
    bytes: f64,
    first_row: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PairKey {
    pub source: String,
    pub destination: String,
    /// Empty where the file has none.
    pub port: String,
    pub protocol: String,
    pub service: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    time: f64,
    /// Since the connection before it in the file.
    gap: Option<f64>,
    /// Sent by the source.
    bytes: Option<f64>,
}

/// In which stretches of time there was something, at most [`MAX_BUCKETS`] of `2^level` seconds each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Buckets {
    level: u32,
    /// Rising.
    at: Vec<f64>,
}

const MAX_PAIRS: usize = 1 << 15;
const MAX_SAMPLES: usize = 1024;
const MAX_BUCKETS: usize = 64;

/// A pair that calls like clockwork.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beacon {
    pub key: PairKey,
    /// From 0 to 1.
    pub score: f64,
    pub connections: u32,
    /// Seconds between connections: the median, and the median distance from it.
    pub interval: f64,
    pub jitter: f64,
    /// Bytes sent that are most frequent, and the share of the connections that sent as many; where the file tells.
    pub size: Option<f64>,
    pub size_share: f64,
    /// Seconds since 1970.
    pub first: f64,
    pub last: f64,
    /// The share of the file's time, cut into at least 12 pieces, in which there were connections.
    pub coverage: f64,
    /// Of the connections; `None` where the file does not tell.
    pub answered: Option<f64>,
    /// Row of the first connection.
    pub row: u32,
    /// In one sentence, such as `every 269 s ± 37 s for 47 h 53 min, always 292 bytes`.
    pub words: String,
}

/// A connection that was open for long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LongConnection {
    pub key: PairKey,
    /// Seconds.
    pub longest: f64,
    pub connections: u32,
    pub bytes: f64,
    /// Its row.
    pub row: u32,
    pub words: String,
}

/// Fewer connections show no rhythm.
const LEAST_CONNECTIONS: usize = 8;
/// Below this a pair is no beacon: on two days of a host in the open, 6 of 28,079 pairs are above it.
const LEAST_SCORE: f64 = 0.7;
/// An hour: RITA's lowest grade of long connections.
const LONG: f64 = 3600.0;

/// Counts the pairs of a table.
pub struct PairFold<'a> {
    parts: &'a Parts,
    table: &'a Table,
    answers: Answers<'a>,
    /// By the bits of the key's cells.
    known: FxHashMap<[u64; 4], u32>,
    found: Pairs,
}

impl<'a> PairFold<'a> {
    /// `None` where the table does not tell who spoke to whom.
    #[must_use]
    pub fn new(parts: &'a Parts, table: &'a Table) -> Option<Self> {
        let answers = Answers::of(parts, table);
        parts.has_ends().then(|| Self { parts, table, answers, known: FxHashMap::default(), found: Pairs::default() })
    }

    /// Counts a row of the table, which is `file_row` in its file.
    pub fn add(&mut self, row: u32, file_row: u32) {
        let (parts, table) = (self.parts, self.table);
        let cell = |part| parts.column(part).map(|at| table.columns[at].cells.at(row as usize));
        let bits = [Part::Source, Part::Destination, Part::DestinationPort, Part::Protocol]
            .map(|part| cell(part).map_or(0, |cell| cell.to_bits()));
        let text = |part| {
            let column = &table.columns[parts.column(part)?];
            cell_text(column, column.cells.at(row as usize))
        };
        let place = match self.known.get(&bits) {
            Some(&place) => place,
            None => {
                let (Some(source), Some(destination)) = (text(Part::Source), text(Part::Destination)) else {
                    self.found.dropped += 1;
                    return;
                };
                let or_none = |part| text(part).map(std::borrow::Cow::into_owned).unwrap_or_default();
                let key = PairKey {
                    source: source.into_owned(),
                    destination: destination.into_owned(),
                    port: or_none(Part::DestinationPort),
                    protocol: or_none(Part::Protocol),
                    service: or_none(Part::Service),
                };
                if self.found.pairs.len() >= 4 * MAX_PAIRS {
                    self.found.prune();
                    self.known.clear();
                    // The bits of the kept ones are found again as they come: two places for one key are merged at the end.
                }
                let place = self.found.pairs.len() as u32;
                self.found.pairs.push(Pair::new(key, file_row));
                self.known.insert(bits, place);
                place
            }
        };
        let pair = &mut self.found.pairs[place as usize];
        pair.rows += 1;
        if let Some(answered) = self.answers.is_answered(row) {
            pair.judged += 1;
            pair.answered += u32::from(answered);
        }
        if let Some(duration) = parts.amount(Part::Duration, table, row).filter(|&duration| duration > pair.longest) {
            (pair.longest, pair.longest_row) = (duration, file_row);
        }
        pair.bytes += parts.bytes(table, row).unwrap_or(0.0);
        if let Some(time) = parts.time(table, row) {
            pair.add(time, || parts.amount(Part::Sent, table, row).or_else(|| parts.bytes(table, row)));
            self.found.first = Some(self.found.first.map_or(time, |first| first.min(time)));
            self.found.last = Some(self.found.last.map_or(time, |last| last.max(time)));
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Pairs {
        let mut found = Pairs::default();
        found.merge(self.found);
        found
    }
}

impl Pairs {
    /// Adds the next part of the file.
    pub fn merge(&mut self, next: Self) {
        let mut places: FxHashMap<PairKey, usize> =
            self.pairs.iter().enumerate().map(|(at, pair)| (pair.key.clone(), at)).collect();
        for pair in next.pairs {
            match places.get(&pair.key) {
                Some(&at) => self.pairs[at].merge(pair),
                None => {
                    places.insert(pair.key.clone(), self.pairs.len());
                    self.pairs.push(pair);
                }
            }
        }
        self.dropped += next.dropped;
        let ends = |a: Option<f64>, b: Option<f64>, of: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(of(a, b)),
            (a, b) => a.or(b),
        };
        self.first = ends(self.first, next.first, f64::min);
        self.last = ends(self.last, next.last, f64::max);
        self.prune();
    }

    /// Keeps the pairs with the most connections, and of as many the first.
    fn prune(&mut self) {
        if self.pairs.len() > MAX_PAIRS {
            self.pairs.sort_by_key(|pair| std::cmp::Reverse(pair.rows));
            self.dropped += self.pairs.drain(MAX_PAIRS..).map(|pair| pair.rows).sum::<u32>();
        }
    }

    /// When the first and the last connection began.
    #[must_use]
    pub fn time_range(&self) -> Option<(f64, f64)> {
        Some((self.first?, self.last?))
    }

    /// Pairs that call like clockwork, the most regular first, at most `n`.
    #[must_use]
    pub fn beacons(&self, n: usize) -> Vec<Beacon> {
        let Some((first, last)) = self.time_range() else { return Vec::new() };
        let mut beacons: Vec<Beacon> = self.pairs.iter().filter_map(|pair| pair.beacon(first, last)).collect();
        beacons.retain(|beacon| beacon.score >= LEAST_SCORE);
        beacons.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
        beacons.truncate(n);
        beacons
    }

    /// The longest connections of at least an hour, one for each pair, at most `n`.
    #[must_use]
    pub fn long_connections(&self, n: usize) -> Vec<LongConnection> {
        let mut long: Vec<&Pair> = self.pairs.iter().filter(|pair| pair.longest >= LONG).collect();
        long.sort_by(|a, b| b.longest.total_cmp(&a.longest).then_with(|| a.key.cmp(&b.key)));
        let found = long.into_iter().take(n).map(|pair| LongConnection {
            key: pair.key.clone(),
            longest: pair.longest,
            connections: pair.rows,
            bytes: pair.bytes,
            row: pair.longest_row,
            words: format!("open for {}; {} in all", span(pair.longest), bytes(pair.bytes as u64)),
        });
        found.collect()
    }
}

impl Pair {
    fn new(key: PairKey, row: u32) -> Self {
        Self {
            key,
            rows: 0,
            answered: 0,
            judged: 0,
            samples: Vec::new(),
            stride: 1,
            timed: 0,
            ends: (f64::NAN, f64::NAN),
            extent: (f64::INFINITY, f64::NEG_INFINITY),
            hours: Buckets::default(),
            longest: 0.0,
            longest_row: row,
            bytes: 0.0,
            first_row: row,
        }
    }

    /// Counts a connection that began at this time.
    fn add(&mut self, time: f64, bytes: impl FnOnce() -> Option<f64>) {
        let gap = (self.timed > 0).then_some(time - self.ends.1);
        if self.timed.is_multiple_of(self.stride) {
            self.samples.push(Sample { time, gap, bytes: bytes() });
        }
        self.ends = (if self.timed > 0 { self.ends.0 } else { time }, time);
        self.extent = (self.extent.0.min(time), self.extent.1.max(time));
        self.timed += 1;
        self.hours.add(time);
        self.thin_to_fit();
    }

    /// Leaves out every second sample until there are not too many.
    fn thin_to_fit(&mut self) {
        while self.samples.len() > MAX_SAMPLES {
            self.thin();
        }
    }

    fn thin(&mut self) {
        let mut keeps = false;
        self.samples.retain(|_| {
            keeps = !keeps;
            keeps
        });
        self.stride *= 2;
    }

    fn merge(&mut self, mut next: Self) {
        if next.timed > 0 {
            while self.stride < next.stride {
                self.thin();
            }
            while next.stride < self.stride {
                next.thin();
            }
            if self.timed > 0 {
                // The first connection of a part is always a sample.
                next.samples[0].gap = Some(next.ends.0 - self.ends.1);
                next.ends.0 = self.ends.0;
            }
            self.ends = next.ends;
            self.extent = (self.extent.0.min(next.extent.0), self.extent.1.max(next.extent.1));
            self.timed += next.timed;
            self.samples.append(&mut next.samples);
            self.thin_to_fit();
        }
        self.rows += next.rows;
        self.answered += next.answered;
        self.judged += next.judged;
        self.hours.merge(next.hours);
        if next.longest > self.longest {
            (self.longest, self.longest_row) = (next.longest, next.longest_row);
        }
        self.bytes += next.bytes;
    }

    /// How regular the pair is within a file that begins and ends at these times.
    fn beacon(&self, first: f64, last: f64) -> Option<Beacon> {
        let mut times: Vec<f64> = self.samples.iter().map(|sample| sample.time).collect();
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        if times.len() < LEAST_CONNECTIONS {
            return None;
        }
        // Of a few of many connections, each knows its own distance from the one before.
        let gaps = self.samples.iter().filter_map(|sample| sample.gap).filter(|gap| *gap > 0.0);
        let mut intervals: Vec<f64> = match self.stride {
            1 => times.windows(2).map(|pair| pair[1] - pair[0]).collect(),
            _ => gaps.collect(),
        };
        if intervals.is_empty() {
            return None;
        }
        let (interval, jitter) = median_and_deviation(&mut intervals);
        if interval <= 0.0 {
            return None;
        }
        let near = intervals.iter().filter(|x| (*x - interval).abs() <= 0.5 * interval).count();
        let near = near as f64 / intervals.len() as f64;
        let rhythm = libm::sqrt((1.0 - jitter / interval).max(0.0) * near);
        let mut sizes: Vec<f64> = self.samples.iter().filter_map(|sample| sample.bytes).collect();
        let (middle, spread) = median_and_deviation(&mut sizes);
        let evenness = if sizes.is_empty() || middle <= 0.0 { 1.0 } else { (1.0 - spread / middle).max(0.0) };
        let (size, size_count) = most_frequent(&sizes);
        let coverage = self.hours.coverage(first, last);
        let answered = (self.judged > 0).then(|| f64::from(self.answered) / f64::from(self.judged));
        // 20 connections that are as regular as can be are hardly chance.
        let enough = 1.0 - libm::exp(-(times.len() as f64) / 20.0);
        let part = |least: f64, x: f64| least + (1.0 - least) * x;
        let score = rhythm * part(0.5, evenness) * part(0.4, coverage) * part(0.4, answered.unwrap_or(0.5)) * enough;
        let size_share = size_count as f64 / sizes.len().max(1) as f64;
        let mut beacon = Beacon {
            key: self.key.clone(),
            score,
            connections: self.rows,
            interval,
            jitter,
            size: (!sizes.is_empty()).then_some(size),
            size_share,
            first: self.extent.0,
            last: self.extent.1,
            coverage,
            answered,
            row: self.first_row,
            words: String::new(),
        };
        beacon.words = beacon.sentence();
        Some(beacon)
    }
}

impl Beacon {
    fn sentence(&self) -> String {
        let jitter =
            if self.jitter >= 0.005 * self.interval { format!(" ± {}", span(self.jitter)) } else { String::new() };
        let sizes = match self.size {
            Some(size) if self.size_share >= 0.995 => format!(", always {}", bytes(size as u64)),
            Some(size) if self.size_share >= 0.5 => {
                format!(", {} in {} of them", bytes(size as u64), share_of_one(self.size_share))
            }
            _ => String::new(),
        };
        let unanswered = match self.answered {
            Some(share) if share < 0.5 => ", mostly unanswered",
            _ => "",
        };
        format!(
            "every {}{jitter} for {}, {} times{sizes}{unanswered}",
            span(self.interval),
            span(self.last - self.first),
            count(u64::from(self.connections)),
        )
    }
}

impl Buckets {
    fn width(&self) -> f64 {
        libm::exp2(f64::from(self.level))
    }

    fn add(&mut self, time: f64) {
        let bucket = libm::floor(time / self.width());
        if let Err(place) = self.at.binary_search_by(|at| at.total_cmp(&bucket)) {
            self.at.insert(place, bucket);
            while self.at.len() > MAX_BUCKETS {
                self.coarsen();
            }
        }
    }

    fn coarsen(&mut self) {
        self.level += 1;
        self.at.iter_mut().for_each(|at| *at = libm::floor(*at / 2.0));
        self.at.dedup();
    }

    fn merge(&mut self, mut next: Self) {
        while self.level < next.level {
            self.coarsen();
        }
        while next.level < self.level {
            next.coarsen();
        }
        self.at.extend(next.at);
        self.at.sort_unstable_by(f64::total_cmp);
        self.at.dedup();
        while self.at.len() > MAX_BUCKETS {
            self.coarsen();
        }
    }

    /// The share of the pieces from `first` to `last`, between 12 and 24 of them or more, in which there was something.
    fn coverage(&self, first: f64, last: f64) -> f64 {
        let mut all = self.clone();
        while all.width() * 24.0 < last - first {
            all.coarsen();
        }
        let pieces = libm::floor(last / all.width()) - libm::floor(first / all.width()) + 1.0;
        all.at.len() as f64 / pieces
    }
}

/// The median, and the median distance from it; sorts the values.
fn median_and_deviation(values: &mut [f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    values.sort_unstable_by(f64::total_cmp);
    let median = values[values.len() / 2];
    let mut distances: Vec<f64> = values.iter().map(|x| (x - median).abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    (median, distances[distances.len() / 2])
}

/// Of sorted values.
fn most_frequent(sorted: &[f64]) -> (f64, usize) {
    sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).max_by_key(|&(_, n)| n).unwrap_or((0.0, 0))
}
