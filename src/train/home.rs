//! What a pack's own kind of file looks like, and how far such files are from the training rows: the limit beyond which the
//! pack keeps silent.
//!
//! A fresh file of the same kind differs by time, by the mixture of its classes and by attacks that are new. Each is tried
//! with rows of the training file: parts of it that follow one another, measured against all the rest, and normal rows
//! together with an attack type, measured against rows without that type. Where there are several sources, each is also
//! measured against the others, which shows how far another network's file is at the least.

use super::TrainParams;
use super::rounds::{Groups, LeaveOut, groups};
use super::split::Data;
use crate::domain::Domain;
use crate::encode::{Encoder, EncoderParams};
use crate::error::Result;
use rustc_hash::FxHashSet;

/// Parts that each source is cut into.
const PARTS: usize = 8;
/// The share of trials that count as of the same kind; what is beyond is odd by itself, such as a day of nothing but one
/// flood.
const OWN_SHARE: f64 = 0.9;
/// A fresh file may be further away than those trials by this factor.
const MARGIN: f64 = 3.0;

/// Trials with rows of the training file.
struct Trials<'a> {
    data: &'a Data<'a>,
    group_of: Vec<u32>,
    /// Every source has normal rows of its own.
    by_source: bool,
}

impl Trials<'_> {
    /// The rows that are one component of the mixture that a file may be.
    fn component(&self, row: u32) -> u32 {
        let class = self.data.class(row);
        if self.by_source { self.group_of[row as usize] * self.data.class_names.len() as u32 + class } else { class }
    }

    fn domain(&self, encoder: &Encoder, rows: &[u32]) -> Result<Domain> {
        Domain::fit(encoder, self.data.table, self.data.schema, rows, |row| self.component(row))
    }

    /// How far `fresh` rows are from `known` ones.
    fn drift(&self, known: &[u32], fresh: &[u32]) -> Result<f64> {
        let encoder = EncoderParams::for_pack().fit(self.data.table, self.data.schema, known)?;
        Ok(self.domain(&encoder, known)?.report("", self.data.table, self.data.schema, fresh)?.drift)
    }
}

pub fn domain(
    data: &Data<'_>,
    params: &TrainParams,
    encoder: &Encoder,
    train: &[u32],
    validation: &[u32],
) -> Result<Domain> {
    let Groups { of_row: group_of, named } = groups(data, params)?;
    let by_source = params.leave_out == LeaveOut::Sources;
    let trials = Trials { data, group_of, by_source };
    let of_group = |rows: &[u32], group: u32, inside: bool| -> Vec<u32> {
        rows.iter().copied().filter(|&row| (trials.group_of[row as usize] == group) == inside).collect()
    };
    let mut known = [train, validation].concat();
    known.sort_unstable();
    let sources: Vec<Vec<u32>> = match by_source {
        true => named.iter().map(|(source, _)| of_group(&known, *source, true)).collect(),
        false => vec![known.clone()],
    };
    let mut own = Vec::new();
    for source in &sources {
        for part in source.chunks(source.len().div_ceil(PARTS).max(1)) {
            let inside: FxHashSet<u32> = part.iter().copied().collect();
            let rest: Vec<u32> = known.iter().copied().filter(|row| !inside.contains(row)).collect();
            if !rest.is_empty() {
                own.push(trials.drift(&rest, part)?);
            }
        }
    }
    let mut foreign = f64::INFINITY;
    for (group, _) in &named {
        if by_source {
            let drift = trials.drift(&of_group(&known, *group, false), &of_group(&known, *group, true))?;
            foreign = foreign.min(drift);
        } else {
            // As many as there are normal rows, at the most.
            let mut fresh: Vec<u32> = validation.iter().copied().filter(|&row| !data.is_attack(row)).collect();
            fresh.extend(of_group(&known, *group, true).into_iter().take(fresh.len()));
            own.push(trials.drift(&of_group(train, *group, false), &fresh)?);
        }
    }
    own.sort_unstable_by(f64::total_cmp);
    let furthest = own.get(((own.len() as f64 * OWN_SHARE) as usize).min(own.len().saturating_sub(1)));
    let mut domain = trials.domain(encoder, train)?;
    // Half way to the nearest other network, where that is nearer.
    let furthest = furthest.copied().unwrap_or(0.0);
    domain.limit = (MARGIN * furthest).min(f64::midpoint(furthest, foreign)).max(f64::MIN_POSITIVE);
    Ok(domain)
}
