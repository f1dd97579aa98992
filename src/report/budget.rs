//! A threshold as a budget: how many rows a person can look at, or how many false alarms they can bear.
//!
//! One type for the page, the session that is kept, and the link. Rows of equal score are flagged together or not at all. A budget is a limit: the threshold is the lowest that stays within
//! it. Only where more rows share the highest score than the budget allows is it exceeded, since flagging nothing would hide
//! them; the words say so.

use super::{Ranking, count, metric, plural, share_of_one};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a person is ready to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// What the detector itself flags.
    #[default]
    Own,
    /// So many rows, those with the highest scores.
    Rows(u32),
    /// A share of the scored rows, from 0 to 1.
    Share(f64),
    /// At most one false alarm in this many normal rows.
    FalseAlarm(u32),
    /// The threshold with the greatest F1 by the labels.
    BestF1,
    /// The rows with at least this score.
    Score(f32),
}

/// What a detector says of its own scores.
#[derive(Clone, Copy, Debug)]
pub struct Scale<'a> {
    /// From which score on it calls a row odd, and in words why from there.
    pub threshold: f32,
    pub origin: &'a str,
    /// Whether a score is `−log10` of the share of normal rows that look at least this odd, as the scores of a pack are: a number
    /// of false alarms then needs no labels.
    pub is_level: bool,
}

/// The threshold that a budget comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// A row is flagged if its score is at least this. Just above every score where none is flagged; infinite without
    /// scored rows.
    pub threshold: f32,
    pub flagged: u64,
    /// In plain words: what the threshold stands for.
    pub words: String,
}

impl Budget {
    /// The threshold for the rows of a run.
    ///
    /// # Errors
    /// If the number makes no sense, or labels are needed and none calls a row an anomaly.
    pub fn cut(self, ranking: &Ranking, scale: &Scale<'_>) -> Result<Cut> {
        let n = ranking.n_scored();
        match self {
            Self::Own => Ok(at(ranking, scale.threshold, scale.origin.to_owned())),
            Self::Rows(wanted) => {
                let flagged = ranking.most_within(wanted as usize);
                Ok(by_count(ranking, wanted as usize, flagged, || match flagged == (wanted as usize).min(n) {
                    true => format!("The {} with the highest scores.", plural(flagged as u64, "record", "records")),
                    false => format!(
                        "The {} with the highest scores: {} share the next one.",
                        plural(flagged as u64, "record", "records"),
                        count((ranking.flagged(ranking.threshold_for(flagged + 1)) - flagged) as u64)
                    ),
                }))
            }
            Self::Share(share) => {
                if !(0.0..=1.0).contains(&share) {
                    return Err(Error::new("The share of records to flag is not between 0 and 100 %"));
                }
                let wanted = part_of(n, share);
                let flagged = ranking.most_within(wanted);
                Ok(by_count(ranking, wanted, flagged, || {
                    let records = plural(flagged as u64, "record", "records");
                    format!("The highest {} of the scores: {records}.", share_of_one(share))
                }))
            }
            Self::FalseAlarm(0) => Err(Error::new("One false alarm in no record is no budget")),
            Self::FalseAlarm(one_in) => Ok(false_alarms(ranking, one_in, scale.is_level)),
            Self::BestF1 => best_f1(ranking),
            Self::Score(threshold) if threshold.is_nan() => Err(Error::new("The threshold is not a number")),
            Self::Score(threshold) => Ok(at(ranking, threshold, "Set by hand.".into())),
        }
    }
}

/// The cut at a threshold that is given.
fn at(ranking: &Ranking, threshold: f32, words: String) -> Cut {
    Cut { threshold, flagged: ranking.flagged(threshold) as u64, words }
}

/// A number of rows was asked for; `within` of them keep to it.
fn by_count(ranking: &Ranking, wanted: usize, within: usize, words: impl Fn() -> String) -> Cut {
    if within > 0 || wanted == 0 || ranking.n_scored() == 0 {
        return Cut { threshold: ranking.threshold_for(within), flagged: within as u64, words: words() };
    }
    let threshold = ranking.threshold_for(1);
    let flagged = ranking.flagged(threshold) as u64;
    let words = format!("{} share the highest score and cannot be told apart.", plural(flagged, "record", "records"));
    Cut { threshold, flagged, words }
}

fn false_alarms(ranking: &Ranking, one_in: u32, score_is_level: bool) -> Cut {
    let normal = ranking.normal_among(ranking.n_scored());
    if normal > 0 {
        let allowed = normal / one_in as usize;
        let flagged = ranking.most_with_normal(allowed);
        let words = match allowed {
            0 => format!(
                "No record labelled normal is flagged: of {}, one in {} is less than one.",
                count(normal as u64),
                count(one_in.into())
            ),
            _ => format!(
                "At most one false alarm in {} records labelled normal: {} of {}.",
                count(one_in.into()),
                count(ranking.normal_among(flagged) as u64),
                count(normal as u64)
            ),
        };
        return Cut { threshold: ranking.threshold_for(flagged), flagged: flagged as u64, words };
    }
    if score_is_level {
        let threshold = libm::log10(f64::from(one_in)) as f32;
        let words =
            format!("One normal record in {} of those held out from training looks this odd.", count(one_in.into()));
        return at(ranking, threshold, words);
    }
    let allowed = ranking.n_scored() / one_in as usize;
    let flagged = ranking.most_within(allowed);
    by_count(ranking, allowed, flagged, || {
        format!(
            "At most one record in {}, as if all were normal: without labels false alarms cannot be counted.",
            count(one_in.into())
        )
    })
}

fn best_f1(ranking: &Ranking) -> Result<Cut> {
    let n = ranking.n_scored();
    if ranking.anomalies_among(n) == 0 {
        return Err(Error::new("No scored record is labelled an anomaly, so there is no best F1")
            .advice("Choose a number of records, a share, or a number of false alarms instead"));
    }
    let (best_threshold, best) = ranking.best_f1();
    let confusion = ranking.confusion(best_threshold).unwrap_or_default();
    let words = format!(
        "The best F1 by the labels, {}: precision {}, recall {}. Chosen with the labels that it is judged by.",
        metric(best),
        metric(confusion.precision()),
        metric(confusion.recall())
    );
    Ok(at(ranking, best_threshold, words))
}

/// The most whole rows that are at most this share of `n`.
fn part_of(n: usize, share: f64) -> usize {
    let part = ((share * n as f64) as usize).min(n);
    // The product may have been rounded below a whole number.
    if part < n && (part + 1) as f64 / n as f64 <= share { part + 1 } else { part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{best_order, confusion};
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn ranking(scores: &[f32], labels: &[u8]) -> Ranking {
        Ranking::new(scores, &best_order(scores), labels)
    }

    const SCALE: Scale<'_> = Scale { threshold: 0.6, origin: "the detector's own words", is_level: false };

    fn check(scores: &[f32], labels: &[u8], budget: Budget, flagged: u64, words: &str) {
        let ranking = ranking(scores, labels);
        let cut = budget.cut(&ranking, &SCALE).unwrap();
        assert_eq!(cut.flagged, flagged, "{budget:?}: {cut:?}");
        assert_eq!(ranking.flagged(cut.threshold) as u64, flagged, "{budget:?}: {cut:?}");
        assert!(cut.words.replace('\u{a0}', " ").contains(words), "{budget:?}: {cut:?}");
    }

    #[test]
    fn a_budget_is_a_limit() {
        let scores = [0.9, 0.7, 0.5, 0.5, 0.2, f32::NAN];
        for (n, flagged, words) in [
            (0, 0, "0 records"),
            (1, 1, "The 1 record with"),
            (2, 2, "The 2 records"),
            (3, 2, "The 2 records with the highest scores: 2 share the next one"),
            (4, 4, "The 4 records"),
            (99, 5, "The 5 records"),
        ] {
            check(&scores, &[], Budget::Rows(n), flagged, words);
        }
        for (share, flagged) in [(0.0, 0), (0.2, 1), (0.4, 2), (0.6, 2), (0.8, 4), (1.0, 5)] {
            check(&scores, &[], Budget::Share(share), flagged, "% of the scores");
        }
        // 0.29 · 100 is rounded to 28.999….
        check(&(0..100).map(|i| i as f32).collect::<Vec<_>>(), &[], Budget::Share(0.29), 29, "29 records");
        check(&scores, &[], Budget::Score(0.6), 2, "by hand");
        check(&scores, &[], Budget::Own, 2, "own words");
        check(&[0.5; 7], &[], Budget::Rows(3), 7, "7 records share the highest score");
        check(&[], &[], Budget::Rows(3), 0, "0 records");
    }

    #[test]
    fn false_alarms_are_counted_by_labels_or_known_by_the_score() {
        // Falling: anomaly, normal, anomaly, normal, normal, unknown, normal.
        let (scores, labels) = ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [1, 0, 1, 0, 0, 2, 0]);
        for (one_in, flagged, words) in [
            (1, 7, "4 of 4"),
            (2, 4, "2 of 4"),
            (4, 3, "1 of 4"),
            (5, 1, "No record labelled normal is flagged: of 4, one in 5 is less than one"),
        ] {
            check(&scores, &labels, Budget::FalseAlarm(one_in), flagged, words);
        }
        check(&[0.9, 0.9, 0.1], &[1, 0, 0], Budget::FalseAlarm(10), 0, "less than one");
        check(&scores, &[], Budget::FalseAlarm(3), 2, "as if all were normal");
        let cut =
            Budget::FalseAlarm(1000).cut(&ranking(&[2.9, 3.0, 3.5], &[]), &Scale { is_level: true, ..SCALE }).unwrap();
        assert_eq!((cut.threshold, cut.flagged), (3.0, 2));
    }

    #[test]
    fn no_threshold_has_a_better_f1() {
        for seed in 0..40 {
            let mut rng = Rng::new(seed);
            let n = 1 + rng.below(60);
            let scores: Vec<f32> = (0..n).map(|_| rng.below(12) as f32 / 7.0).collect();
            let labels: Vec<u8> = (0..n).map(|row| if row == 0 { 1 } else { rng.below(3) as u8 }).collect();
            let f1 = |threshold| confusion(&scores, &labels, threshold).f1();
            let cut = Budget::BestF1.cut(&ranking(&scores, &labels), &SCALE).unwrap();
            let best = scores.iter().map(|&score| f1(score)).fold(0.0, f64::max);
            assert_eq!(f1(cut.threshold), best, "seed {seed}");
            let higher = scores.iter().any(|&score| score > cut.threshold && f1(score) == best);
            assert!(!higher, "seed {seed}: a higher threshold is as good");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for budget in [Budget::Share(-0.1), Budget::Share(f64::NAN), Budget::FalseAlarm(0), Budget::Score(f32::NAN)] {
            assert!(budget.cut(&ranking(&[0.5], &[]), &SCALE).is_err(), "{budget:?}");
        }
        for labels in [vec![], vec![0, 2]] {
            assert!(Budget::BestF1.cut(&ranking(&[0.5, 0.6], &labels), &SCALE).is_err());
        }
    }
}
