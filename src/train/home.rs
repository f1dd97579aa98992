//! What a pack's own kind of file looks like, and how far such files are from the training rows at most: the limit beyond
//! which the pack keeps silent.
//!
//! A fresh file of the same kind differs by time, by the mixture of its classes and by attacks that are new. Each is tried
//! with rows of the training file: parts of it that follow one another, measured against all the rest, and normal rows
//! together with an attack type, measured against rows without that type.

use super::TrainParams;
use super::rounds::{LeaveOut, groups};
use super::split::Data;
use crate::domain::Domain;
use crate::encode::{Encoder, EncoderParams};
use crate::error::Result;
use rustc_hash::FxHashSet;

/// Parts that each source is cut into.
const PARTS: usize = 8;
/// A fresh file may be further away than any trial by this factor.
const MARGIN: f64 = 1.5;

pub fn domain(
    data: &Data<'_>,
    params: &TrainParams,
    encoder: &Encoder,
    train: &[u32],
    validation: &[u32],
) -> Result<Domain> {
    let class = |row: u32| data.class(row);
    let mut domain = Domain::fit(encoder, data.table, data.schema, train, class)?;
    let mut drift = domain.report("", data.table, data.schema, validation)?.drift;
    let mut try_without = |fitted: &[u32], fresh: &[u32]| -> Result<()> {
        let encoder = EncoderParams::for_pack().fit(data.table, data.schema, fitted)?;
        let domain = Domain::fit(&encoder, data.table, data.schema, fitted, class)?;
        drift = drift.max(domain.report("", data.table, data.schema, fresh)?.drift);
        Ok(())
    };
    let (group_of, named) = groups(data, params)?;
    let group = |row: u32| group_of[row as usize];
    let mut known = train.to_vec();
    known.extend(validation);
    known.sort_unstable();
    let sources: Vec<Vec<u32>> = match params.leave_out {
        LeaveOut::AttackTypes => vec![known.clone()],
        LeaveOut::Sources => named
            .iter()
            .map(|(source, _)| known.iter().copied().filter(|&row| group(row) == *source).collect())
            .collect(),
    };
    for source in &sources {
        for part in source.chunks(source.len().div_ceil(PARTS).max(1)) {
            let inside: FxHashSet<u32> = part.iter().copied().collect();
            let rest: Vec<u32> = known.iter().copied().filter(|row| !inside.contains(row)).collect();
            if !rest.is_empty() {
                try_without(&rest, part)?;
            }
        }
    }
    if params.leave_out == LeaveOut::AttackTypes {
        let normal: Vec<u32> = validation.iter().copied().filter(|&row| !data.is_attack(row)).collect();
        for (name, _) in &named {
            let others: Vec<u32> = train.iter().copied().filter(|&row| group(row) != *name).collect();
            let fresh: Vec<u32> = known.iter().copied().filter(|&row| group(row) == *name).take(normal.len()).collect();
            // As many as there are normal rows, at the most.
            let fresh: Vec<u32> = normal.iter().copied().chain(fresh).collect();
            try_without(&others, &fresh)?;
        }
    }
    domain.limit = MARGIN * drift;
    Ok(domain)
}
