//! Whether a probability is one: of the rows that are given 0.8, are 80 % anomalies?

use serde::{Deserialize, Serialize};

const BINS: usize = 10;

/// How a predicted probability compares with what is observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The mean of `(p − y)²` (Brier, "Verification of forecasts expressed in terms of probability", 1950): 0 is
    /// perfect, and always saying the share of anomalies q gives `q(1 − q)`.
    pub brier_score: f64,
    /// `Σ nᵦ/n |mean predicted − observed|` over the bins (Naeini et al., AAAI 2015).
    pub expected_calibration_error: f64,
    /// Ten bins of equal width: [0, 0.1), [0.1, 0.2), …, [0.9, 1].
    pub bins: Vec<ReliabilityBin>,
}

/// The rows whose probability is within one bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    pub count: u64,
    /// `null` without rows; so below.
    pub mean_predicted_probability: Option<f64>,
    /// The share of anomalies.
    pub fraction_of_positives: Option<f64>,
}

/// Compares probabilities with labels; `None` where no row has both.
///
/// # Panics
/// If there are not as many labels as probabilities.
#[must_use]
pub fn reliability(probabilities: &[f32], labels: &[u8]) -> Option<Reliability> {
    assert_eq!(probabilities.len(), labels.len(), "one label for each probability");
    let known = probabilities.iter().zip(labels).filter(|(p, label)| !p.is_nan() && **label <= 1);
    let (mut squares, mut sums) = (0.0, [(0_u64, 0.0, 0.0); BINS]);
    for (&p, &label) in known {
        let (p, y) = (f64::from(p), f64::from(label));
        squares += (p - y) * (p - y);
        let bin = &mut sums[((p * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + p, bin.2 + y);
    }
    let n = sums.iter().map(|bin| bin.0).sum::<u64>() as f64;
    let share = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
    (n > 0.0).then(|| Reliability {
        brier_score: squares / n,
        expected_calibration_error: sums.iter().map(|&(_, p, y)| (p - y).abs()).sum::<f64>() / n,
        bins: sums
            .iter()
            .map(|&(count, p, y)| ReliabilityBin {
                count,
                mean_predicted_probability: share(p, count),
                fraction_of_positives: share(y, count),
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn bins_and_scores_are_those_of_the_definition() {
        let (probabilities, labels) = ([0.0, 0.25, 0.25, 1.0, f32::NAN, 0.5], [0, 0, 1, 1, 1, 2]);
        let got = reliability(&probabilities, &labels).unwrap();
        assert_eq!(got.brier_score, (0.0625 + 0.5625) / 4.0);
        assert_eq!(got.expected_calibration_error, 2.0 * 0.25 / 4.0);
        let bin = |count, predicted, observed| ReliabilityBin {
            count,
            mean_predicted_probability: Some(predicted),
            fraction_of_positives: Some(observed),
        };
        assert_eq!([got.bins[0], got.bins[2], got.bins[9]], [bin(1, 0.0, 0.0), bin(2, 0.25, 0.5), bin(1, 1.0, 1.0)]);
        let rest = got.bins.iter().filter(|bin| bin.count == 0 && bin.fraction_of_positives.is_none()).count();
        assert_eq!((got.bins.len(), rest), (10, 7));
        assert_eq!(reliability(&[f32::NAN], &[1]), None);
    }
}
