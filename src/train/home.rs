//! What a pack's own kind of file looks like, and how far such files are from the training rows: the limit beyond which the
//! pack keeps silent.
//!
//! Copies count here, unlike everywhere else in training: a file is what it is, and a flood is mostly copies.
//!
//! A fresh file of the same kind differs by time, by the mixture of its classes, by attacks that are new, and it may be
//! small. Each is tried with rows of the training file: parts of it that follow one another, and slices of them, measured
//! against all the rest; attack types, one by one and half of them at a time, measured against rows without them. Where there
//! are several sources, each is also measured against the others, which shows how far another network's file is at the
//! least. There each capture is known by itself: a file may be as any one of them, and none looks like the mean of all.

use super::TrainParams;
use super::rounds::{LeaveOut, groups};
use super::split::Data;
use crate::domain::Domain;
use crate::encode::{Encoder, EncoderParams};
use crate::error::Result;
use crate::flow::{CAPTURE, Record};
use crate::rng::Rng;
use std::collections::BTreeMap;

/// Parts that each capture is cut into, and the rows of a part at the least.
const PARTS: usize = 8;
const LEAST_PART: usize = 100;
/// Rows of a small file.
const SLICE: usize = 1000;
/// The share of parts, and of slices, that count as of the same kind; what is beyond is odd by itself, such as a day of
/// nothing but one flood.
const OWN_SHARE: f64 = 0.9;
/// A fresh file may be further away than the middle part of the training file by this factor.
const MARGIN: f64 = 3.0;
/// The furthest parts, slices and new attack types are extremes themselves: a thousand rows of one hour, a file half of one
/// new attack.
const EXTREME_MARGIN: f64 = 1.5;
/// How far, by factors, the limit may be on the way from own files to the nearest other network: silence costs little, a
/// verdict on another network much. With a half, the pack for any flow log would speak on an Argus log of another network.
const TOWARDS_FOREIGN: f64 = 1.0 / 3.0;
/// Rows of each component that are looked at, at most.
const COMPONENT_ROWS: u32 = 10_000;
/// Draws of half of the attack types.
const HALVES: u64 = 6;
/// Of each row among the known ones, one in so many is kept aside to be fresh.
const FRESH: usize = 10;

/// Trials with rows of the training file.
struct Trials<'a> {
    data: &'a Data<'a>,
    /// Of every row of the table.
    capture_of: Vec<u32>,
}

impl Trials<'_> {
    /// The rows that are one component of the mixture that a file may be.
    fn component(&self, row: u32) -> u32 {
        self.capture_of[row as usize] * self.data.class_names.len() as u32 + self.data.class(row)
    }

    fn domain(&self, encoder: &Encoder, rows: &[u32]) -> Result<Domain> {
        Domain::fit(encoder, self.data.table, self.data.schema, rows, |row| self.component(row))
    }

    /// How far each of `fresh` is from `known` rows.
    fn drifts<'r>(&self, known: &[u32], fresh: impl IntoIterator<Item = &'r [u32]>) -> Result<Vec<f64>> {
        let Data { table, schema, .. } = *self.data;
        let domain = self.domain(&EncoderParams::for_pack().fit(table, schema, known)?, known)?;
        fresh.into_iter().map(|rows| Ok(domain.report("", table, schema, rows)?.drift)).collect()
    }

    /// Some rows of each component, in their order.
    fn some(&self, rng: &mut Rng) -> Vec<u32> {
        let mut components: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &row in &self.data.with_copies {
            components.entry(self.component(row)).or_default().push(row);
        }
        let some = |rows: Vec<u32>| {
            let places = rng.sample(rows.len() as u32, COMPONENT_ROWS);
            places.into_iter().map(|at| rows[at as usize]).collect::<Vec<_>>()
        };
        let mut rows: Vec<u32> = components.into_values().flat_map(some).collect();
        rows.sort_unstable();
        rows
    }

    /// The drifts of parts that follow one another, and of slices of them.
    fn parts(&self, known: &[u32]) -> Result<[Vec<f64>; 2]> {
        let (mut parts, mut slices) = (Vec::new(), Vec::new());
        let captures =
            self.data.with_copies.chunk_by(|&a, &b| self.capture_of[a as usize] == self.capture_of[b as usize]);
        for capture in captures {
            for part in capture.chunks(capture.len().div_ceil(PARTS).max(LEAST_PART)) {
                let (first, last) = (part[0], part[part.len() - 1]);
                let rest: Vec<u32> = known.iter().copied().filter(|row| !(first..=last).contains(row)).collect();
                if part.len() < LEAST_PART || rest.is_empty() {
                    continue;
                }
                let mut drifts = self.drifts(&rest, [part].into_iter().chain(part.chunks_exact(SLICE)))?.into_iter();
                parts.extend(drifts.next());
                slices.extend(drifts);
            }
        }
        Ok([parts, slices])
    }

    /// The drifts of fresh rows with attack types that are not among the known ones: one with as many rows as there are
    /// normal ones, or half of the types in their own shares.
    fn types(&self, known: &[u32], named: &[u32], seed: u64) -> Result<Vec<f64>> {
        let (fresh, old): (Vec<(usize, u32)>, _) =
            (0..).zip(known.iter().copied()).partition(|(at, _)| at % FRESH == 0);
        let is_of = |row: u32, types: &[u32]| self.data.is_attack(row) && types.contains(&self.data.class(row));
        let without =
            |types: &[u32]| old.iter().map(|&(_, row)| row).filter(|&row| !is_of(row, types)).collect::<Vec<_>>();
        let fresh: Vec<u32> = fresh.into_iter().map(|(_, row)| row).collect();
        let normal: Vec<u32> = fresh.iter().copied().filter(|&row| !self.data.is_attack(row)).collect();
        let mut drifts = Vec::new();
        for &class in named {
            let attacks = known.iter().copied().filter(|&row| is_of(row, &[class])).take(normal.len());
            let fresh: Vec<u32> = normal.iter().copied().chain(attacks).collect();
            drifts.extend(self.drifts(&without(&[class]), [&fresh[..]])?);
        }
        let mut types = named.to_vec();
        for draw in 0..if named.is_empty() { 0 } else { HALVES } {
            Rng::stream(seed, 16 + draw).shuffle(&mut types);
            drifts.extend(self.drifts(&without(&types[..types.len().div_ceil(2)]), [&fresh[..]])?);
        }
        Ok(drifts)
    }
}

pub fn domain(data: &Data<'_>, params: &TrainParams, encoder: &Encoder) -> Result<Domain> {
    let groups = groups(data, params);
    let capture = data.schema.find(CAPTURE).filter(|_| params.record == Record::Flow);
    let capture = capture.map(|at| &data.table.columns[at].cells);
    let number = |row: usize| capture.and_then(|cells| cells.at(row).as_number()).unwrap_or_default() as u32;
    let trials = Trials { data, capture_of: (0..data.table.n_rows()).map(number).collect() };
    let known = trials.some(&mut Rng::stream(params.seed, 5));
    let [mut parts, mut slices] = trials.parts(&known)?;
    let named: Vec<u32> = groups.named.iter().map(|(group, _)| *group).collect();
    let (mut types, mut foreign) = (Vec::new(), None);
    if params.leave_out == LeaveOut::Sources {
        for group in named {
            let (its, others): (Vec<u32>, Vec<u32>) =
                known.iter().copied().partition(|&row| groups.of_row[row as usize] == group);
            foreign = trials.drifts(&others, [&its[..]])?.into_iter().chain(foreign).reduce(f64::min);
        }
    } else {
        types = trials.types(&known, &named, params.seed)?;
    }
    let mut domain = trials.domain(encoder, &known)?;
    domain.limit = limit(&mut parts, &mut slices, &types, foreign);
    Ok(domain)
}

/// The limit that such drifts of own and of foreign files speak for.
fn limit(parts: &mut [f64], slices: &mut [f64], types: &[f64], foreign: Option<f64>) -> f64 {
    let own = most(parts).max(most(slices));
    let middle = parts.get(parts.len() / 2).copied().unwrap_or(0.0);
    let extreme = types.iter().copied().fold(own, f64::max);
    let limit = (MARGIN * middle).max(EXTREME_MARGIN * extreme);
    // As drifts differ by factors.
    let towards = |foreign: f64| libm::pow(own, 1.0 - TOWARDS_FOREIGN) * libm::pow(foreign, TOWARDS_FOREIGN);
    limit.min(foreign.map_or(f64::INFINITY, towards)).max(f64::MIN_POSITIVE)
}

/// The greatest of those that are not odd by themselves.
fn most(drifts: &mut [f64]) -> f64 {
    drifts.sort_unstable_by(f64::total_cmp);
    let last = drifts.len().saturating_sub(1);
    drifts.get(((drifts.len() as f64 * OWN_SHARE) as usize).min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_lies_beyond_own_files_and_before_foreign_ones() {
        let check = |parts: &[f64], slices: &[f64], types: &[f64], foreign, expected: f64| {
            let limit = limit(&mut parts.to_vec(), &mut slices.to_vec(), types, foreign);
            assert!((limit - expected).abs() < 1e-12, "{limit} is not {expected}");
        };
        check(&[0.1], &[0.1], &[], None, 0.3);
        check(&[0.1], &[0.8], &[], None, 1.2);
        check(&[0.1], &[0.1], &[0.02, 0.4], None, 0.6);
        // One part in ten may be odd.
        check(&[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 5.0], &[], &[], None, 0.3);
        check(&[0.1], &[0.1], &[], Some(0.8), 0.2);
        check(&[0.1], &[0.1], &[], Some(5.0), 0.3);
        check(&[], &[], &[], None, f64::MIN_POSITIVE);
    }
}
