//! What labels say about scores: confusion, precision, recall, F1, accuracy, ROC AUC, PR AUC.

use serde::{Deserialize, Serialize};

/// Counts at one threshold: a row is flagged if its score is at least the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    pub true_positives: u64,
    pub false_positives: u64,
    pub true_negatives: u64,
    pub false_negatives: u64,
}

/// Confusion as a function of the number of flagged rows, at up to 513 points from no row to all rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Rising numbers of flagged rows.
    pub flagged: Vec<u64>,
    /// How many of them are anomalies.
    pub true_positives: Vec<u64>,
}
