//! Stages of the detector compared fairly: each flags as many rows as the threshold on screen does.

use crate::evaluate::{Confusion, Curve};

/// The counts of a stage that flags as many labelled rows as `confusion` counts.
#[must_use]
pub fn stage_confusion(curve: &Curve, confusion: &Confusion) -> Confusion {
    let (flagged, true_positives) = curve.at(confusion.true_positives + confusion.false_positives);
    let anomalies = confusion.true_positives + confusion.false_negatives;
    let normal = confusion.true_negatives + confusion.false_positives;
    let false_positives = flagged - true_positives.min(flagged);
    Confusion {
        true_positives,
        false_positives,
        false_negatives: anomalies - true_positives.min(anomalies),
        true_negatives: normal - false_positives.min(normal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_flags_as_many_as_the_threshold() {
        let curve = Curve { flagged: vec![0, 2, 4], true_positives: vec![0, 2, 2] };
        for (tp, fp, expected) in [(1, 1, (1.0, 1.0)), (2, 2, (0.5, 1.0)), (0, 0, (0.0, 0.0))] {
            let confusion =
                Confusion { true_positives: tp, false_positives: fp, false_negatives: 2 - tp, true_negatives: 2 - fp };
            let stage = stage_confusion(&curve, &confusion);
            assert_eq!((stage.precision(), stage.recall()), expected, "{tp} {fp}");
        }
    }
}
