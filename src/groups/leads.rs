//! One list of what to look at first: groups with surprisingly many anomalies, pairs of hosts that call like clockwork, and
//! connections that are open for hours.
//!
//! The three are measured in things that cannot be compared, so none outranks the others: the list takes the best of each in
//! turn, and every line says why it is there. Groups that are the same rows under another name are named once. Where nothing of
//! this is found, as in a table of amounts alone, odd records that have the same reason are what there is to begin with.

use super::beacons::{Beacon, LongConnection, PairKey, Pairs};
use super::{Group, GroupKind, Groups};
use crate::explain::span;
use crate::flow::{is_icmp, protocol_name};
use crate::query::quote;
use crate::report::{count, score};
use serde::{Deserialize, Serialize};

/// Something worth opening.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// Such as `10.0.0.1 → 10.0.0.2`.
    pub title: String,
    /// Each in one sentence.
    pub why: Vec<String>,
    /// The filter that finds its rows.
    pub query: String,
    /// Rows to open first.
    pub examples: Vec<u32>,
    /// What was found; one of these or more.
    pub group: Option<Group>,
    pub beacon: Option<Beacon>,
    pub long: Option<LongConnection>,
}

/// The kinds of which leads are made where the file tells who spoke to whom. Attack names are labels; times and reasons are no
/// entities; patterns are parts of pairs; and of a category, such as all UDP, nobody knows where to begin.
const ENTITIES: &[GroupKind] =
    &[GroupKind::Pair, GroupKind::Destination, GroupKind::Source, GroupKind::DestinationPort, GroupKind::Service];
/// Where it does not.
const CATEGORIES: &[GroupKind] = &[GroupKind::Service, GroupKind::DestinationPort, GroupKind::Category];
/// Of each kind; what is further down is hardly among the first leads.
const CANDIDATES: usize = 100;
/// Surprise below this is chance: a likelihood ratio of 20 to 1.
const LEAST_VALUE: f64 = 3.0;

/// Reasons that are named where there are no other leads.
const REASONS: usize = 5;

/// What to look at first, at most `n`.
#[must_use]
pub fn leads(groups: &Groups, pairs: &Pairs, n: usize) -> Vec<Lead> {
    let anomalies = distinct(groups, n).into_iter().map(of_group);
    let beacons = pairs.beacons(n).into_iter().map(of_beacon);
    let long = pairs.long_connections(n).into_iter().map(of_long);
    let mut queues: [std::collections::VecDeque<Lead>; 3] = [anomalies.collect(), beacons.collect(), long.collect()];
    // Long connections are common: they have every fifth line.
    let turns = [0, 1, 0, 1, 2];
    let mut leads: Vec<Lead> = Vec::new();
    for turn in turns.into_iter().cycle() {
        if queues.iter().all(std::collections::VecDeque::is_empty) {
            break;
        }
        let Some(lead) = queues[turn].pop_front() else { continue };
        match leads.iter().position(|other| is_same_pair(other, &lead)) {
            Some(at) => join(&mut leads[at], lead),
            None if leads.len() < n => leads.push(lead),
            None => {}
        }
    }
    if leads.is_empty() {
        let reasons = groups.top(GroupKind::Reason, n.min(REASONS)).into_iter().filter(|group| group.flagged > 1);
        leads.extend(reasons.map(of_reason));
    }
    leads
}

/// Source and destination of a lead that is about a pair.
fn ends(lead: &Lead) -> Option<(&str, &str)> {
    if let Some(beacon) = &lead.beacon {
        return Some((&beacon.key.source, &beacon.key.destination));
    }
    if let Some(long) = &lead.long {
        return Some((&long.key.source, &long.key.destination));
    }
    lead.group.as_ref().filter(|group| group.kind == GroupKind::Pair).map(|group| (&*group.parts[0], &*group.parts[1]))
}

fn is_same_pair(a: &Lead, b: &Lead) -> bool {
    let same_finding = a.beacon.is_some() && b.beacon.is_some() || a.long.is_some() && b.long.is_some();
    !same_finding && ends(a).is_some() && ends(a) == ends(b)
}

fn join(lead: &mut Lead, other: Lead) {
    lead.why.extend(other.why);
    lead.examples.extend(other.examples.into_iter().filter(|row| !lead.examples.contains(row)).collect::<Vec<_>>());
    lead.group = lead.group.take().or(other.group);
    lead.beacon = lead.beacon.take().or(other.beacon);
    lead.long = lead.long.take().or(other.long);
}

/// The most valuable groups of all kinds, without those that are the same rows, or a part of them, under another name.
fn distinct(groups: &Groups, n: usize) -> Vec<Group> {
    let has_ends = groups.has(GroupKind::Pair) || groups.has(GroupKind::Source) || groups.has(GroupKind::Destination);
    let kinds = if has_ends { ENTITIES } else { CATEGORIES };
    let mut candidates: Vec<Group> = kinds.iter().flat_map(|&kind| groups.top(kind, CANDIDATES)).collect();
    // One record has nothing in common with others; it stands in the table.
    candidates.retain(|group| group.value >= LEAST_VALUE && group.flagged > 1);
    // All of a type of ICMP have nothing in common, as those of a port have.
    candidates.retain(|group| group.kind != GroupKind::DestinationPort || !group.is_icmp);
    // Of groups that are worth the same, those that say more come first, in the order of the kinds: sorting is stable.
    candidates.sort_by(|a, b| b.value.total_cmp(&a.value));
    let mut chosen: Vec<Group> = Vec::new();
    for group in candidates {
        if chosen.len() == n {
            break;
        }
        match chosen.iter().position(|other| same_rows(other, &group)) {
            // The one with more parts says more.
            Some(at) if group.parts.len() > chosen[at].parts.len() && group.kind != GroupKind::Category => {
                chosen[at] = group;
            }
            Some(_) => {}
            None if chosen.iter().any(|other| is_part_of(&group, other)) => {}
            None => chosen.push(group),
        }
    }
    chosen
}

/// Whether nearly the same rows are flagged in both: as many, and the oddest of them the same.
fn same_rows(a: &Group, b: &Group) -> bool {
    let (most, least) = (a.flagged.max(b.flagged), a.flagged.min(b.flagged));
    let shared = a.examples.iter().filter(|row| b.examples.contains(row)).count();
    10 * least >= 9 * most && 10 * shared >= 6 * a.examples.len().min(b.examples.len())
}

/// Whether `group` is a pair of which the other is an end: the host's line tells of it already.
fn is_part_of(group: &Group, other: &Group) -> bool {
    match (group.kind, other.kind) {
        (GroupKind::Pair, GroupKind::Source) => group.parts.first() == other.parts.first(),
        (GroupKind::Pair, GroupKind::Destination) => group.parts.get(1) == other.parts.first(),
        _ => false,
    }
}

fn of_group(group: Group) -> Lead {
    let mut words = format!(
        "{} of {} are odd; highest score {}",
        count(u64::from(group.flagged)),
        count(u64::from(group.rows)),
        score(group.top_score.unwrap_or(f32::NAN)),
    );
    if group.counterparts > 1 {
        let more = if group.more_counterparts { "more than " } else { "" };
        let what = match group.kind {
            GroupKind::Source => "destinations",
            GroupKind::Pair => "ports",
            _ => "sources",
        };
        words += &format!("; {more}{} {what}", group.counterparts);
    }
    if let (Some(first), Some(last)) = (group.first, group.last)
        && last > first
    {
        words += &format!("; within {}", span(last - first));
    }
    let title = match group.kind {
        GroupKind::Source => format!("from {}", group.label),
        GroupKind::Destination => format!("to {}", group.label),
        GroupKind::Service => format!("service {}", group.label),
        _ => group.label.clone(),
    };
    about(group, title, words)
}

fn of_reason(group: Group) -> Lead {
    let words = format!(
        "Of {} odd records this is the first reason; highest score {}",
        count(u64::from(group.flagged)),
        score(group.top_score.unwrap_or(f32::NAN)),
    );
    let title = group.label.clone();
    about(group, title, words)
}

fn about(group: Group, title: String, words: String) -> Lead {
    Lead {
        title,
        why: vec![words],
        query: group.query.clone(),
        examples: group.examples.clone(),
        group: Some(group),
        beacon: None,
        long: None,
    }
}

fn of_beacon(beacon: Beacon) -> Lead {
    Lead {
        title: title(&beacon.key),
        why: vec![beacon.words.clone()],
        query: query(&beacon.key),
        examples: vec![beacon.row],
        group: None,
        beacon: Some(beacon),
        long: None,
    }
}

fn of_long(long: LongConnection) -> Lead {
    Lead {
        title: title(&long.key),
        why: vec![long.words.clone()],
        query: query(&long.key),
        examples: vec![long.row],
        group: None,
        beacon: None,
        long: Some(long),
    }
}

fn title(key: &PairKey) -> String {
    let port =
        if key.port.is_empty() || is_icmp(&key.protocol) { String::new() } else { format!(", port {}", key.port) };
    let protocol = protocol_name(&key.protocol).unwrap_or(&key.protocol);
    let protocol = if protocol.is_empty() { String::new() } else { format!(" {protocol}") };
    let service = if key.service.is_empty() { String::new() } else { format!(" ({})", key.service) };
    format!("{} → {}{port}{protocol}{service}", key.source, key.destination)
}

fn query(key: &PairKey) -> String {
    let mut query = format!("src:{} dst:{}", quote(&key.source), quote(&key.destination));
    for (name, value) in [("dport", &key.port), ("proto", &key.protocol)] {
        if !value.is_empty() {
            query += &format!(" {name}:{}", quote(value));
        }
    }
    query
}
