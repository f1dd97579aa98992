//! How the forest's and the network's opinions become one score, and what that score is compared with.
//!
//! A pack's network sees the encoded features and, as its last input, the forest's standardised score. Each view's output is
//! put on one scale that a person understands: `−log10` of the share of normal rows, held out from training, that look at
//! least this odd. "2" says that one normal row in a hundred does. The network's voice is capped, since a network is
//! confidently wrong about rows unlike any it has seen, and a few thousand held-out rows cannot certify more than "3".
//!
//! Without a pack, the forest fitted to the file itself stands alone, and its score is the score. Rows are scored in blocks,
//! so memory does not grow with the file.

use crate::dense::{Around, mean_absolute_difference};
use crate::dnn::Network;
use crate::encode::{BoundEncoder, Encoder, EncoderParams};
use crate::error::{Error, Result};
use crate::evaluate::contamination_threshold;
use crate::features::{BLOCK, Encoded};
use crate::flow::Record;
use crate::forest::{Contamination, ForestScorer, IsolationForest, IsolationForestParams, MaxSamples};
use crate::inputs::{Folded, NetworkInputs};
use crate::rng::Rng;
use crate::schema::Schema;
use crate::seen::{BoundSeen, Seen};
use crate::table::Table;
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

/// Everything that turns a table into scores. Made from a pack, or fitted to the file itself.
#[derive(Clone)]
pub struct Detector {
    /// What the encoder reads; a table has to be seen that way before it is bound.
    pub record: Record,
    pub encoder: Encoder,
    pub forest: IsolationForest,
    pub second: Option<SecondStage>,
    /// What a forest that speaks alone is scored by.
    pub unscaled: Option<Unscaled>,
    /// The values of the normal records, of a detector that was fitted to such.
    pub seen: Option<Seen>,
    /// A row is an anomaly if its score is at least this.
    pub threshold: f32,
    /// Where the threshold comes from, as one sentence.
    pub threshold_origin: String,
    /// What the score says, as one sentence.
    pub score_meaning: String,
    /// The name of the pack, or `None` for a detector that was fitted to the file itself.
    pub pack: Option<String>,
}

/// A detector's encoder without scales, and its forest with thresholds that part the same numbers: the same scores, without
/// the time that scaling takes.
#[derive(Clone)]
pub struct Unscaled {
    encoder: Encoder,
    forest: IsolationForest,
}

impl Unscaled {
    /// Of an encoder and a forest of its features.
    ///
    /// # Panics
    /// If the forest has more features than the encoder.
    #[must_use]
    pub fn of(encoder: &Encoder, forest: &IsolationForest) -> Self {
        let unscale = encoder.unscale();
        let forest = forest.map_thresholds(|feature, threshold| unscale[feature as usize](threshold));
        Self { encoder: encoder.unscaled(), forest }
    }
}

/// The network of a pack, what it reads, and what becomes of its opinion.
#[derive(Clone)]
pub struct SecondStage {
    pub inputs: NetworkInputs,
    pub network: Network,
    pub fusion: Fusion,
}

/// How the views of a pack become one score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fusion {
    /// Turns the forest's score into the network's last input.
    pub forest_input: Standardise,
    /// Of the logit of the network's probability.
    pub network: Tail,
    /// Of the forest's score.
    pub forest: Tail,
    /// Of the reconstruction error, if the network has an autoencoder.
    pub autoencoder: Option<Tail>,
    /// The network's level counts up to here, and little beyond.
    pub network_cap: f64,
    /// What the other views' levels count beside the network's.
    pub weights: Weights,
    /// Of the weighted sum of the levels; its level is the score.
    pub sum: Tail,
}

/// What the levels of the forest and of the autoencoder count beside the network's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub forest: f64,
    pub autoencoder: f64,
}

/// `(x − mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardise {
    pub mean: f64,
    pub deviation: f64,
}

impl Standardise {
    /// Mean 0 and variance 1 for these values.
    #[must_use]
    pub fn of(values: &[f32]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let square = |x: f64| x * x;
        let variance = values.iter().map(|&x| square(f64::from(x) - mean)).sum::<f64>() / n;
        let deviation = libm::sqrt(variance);
        Self { mean, deviation: if deviation > 0.0 { deviation } else { 1.0 } }
    }

    #[must_use]
    pub fn apply(self, x: f32) -> f32 {
        ((f64::from(x) - self.mean) / self.deviation) as f32
    }
}

/// How rare a value is among held-out normal rows: a table up to their 95th percentile, an exponential tail beyond.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// Rising values.
    pub values: Vec<f64>,
    /// `−log10` of the share of normal rows with at least this value, for each of them.
    pub levels: Vec<f64>,
    /// By how much the level rises with the value beyond the last of them.
    pub slope: f64,
}

/// Where the table of a [`Tail`] ends.
const TAIL_SHARE: f64 = 0.05;
const TAIL_KNOTS: usize = 129;

impl Tail {
    /// Of the values of held-out normal rows.
    ///
    /// # Errors
    /// With fewer than 100 values, or any that is not finite.
    pub fn fit(values: &[f64]) -> Result<Self> {
        let n = values.len();
        if n < 100 || !values.iter().all(|x| x.is_finite()) {
            return Err(Error::new(format!("{n} held-out normal rows are too few to calibrate with"))
                .advice("Train with at least a thousand normal rows"));
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let level = |value: f64| -libm::log10((n - sorted.partition_point(|&x| x < value)) as f64 / n as f64);
        let last = ((1.0 - TAIL_SHARE) * n as f64) as usize;
        let at = |k: usize| sorted[k * last / (TAIL_KNOTS - 1)];
        let mut knots: Vec<f64> = (0..TAIL_KNOTS).map(at).collect();
        knots.dedup();
        let end = sorted[last];
        // The maximum-likelihood rate of an exponential tail is one by the mean excess.
        let above = sorted.partition_point(|&x| x <= end);
        let excess = sorted[above..].iter().map(|x| x - end).sum::<f64>() / (n - above).max(1) as f64;
        let slope = std::f64::consts::LOG10_E / excess.max(1e-6 * (1.0 + end.abs()));
        Ok(Self { levels: knots.iter().map(|&value| level(value)).collect(), values: knots, slope })
    }

    /// `−log10` of the share of normal rows that have at least this value.
    #[must_use]
    pub fn level(&self, value: f64) -> f64 {
        // Without a branch, of which half would be guessed wrong.
        let (mut above, mut left) = (0, self.values.len());
        while left > 0 {
            let half = left.div_ceil(2);
            above += half * usize::from(self.values[above + half - 1] <= value);
            left -= half;
        }
        let (below, last) = (above.saturating_sub(1), self.values.len() - 1);
        let (low, high) = (self.values[below], self.values[above.min(last)]);
        let (from, to) = (self.levels[below], self.levels[above.min(last)]);
        let within = from + (value - low) / (high - low) * (to - from);
        let beyond = from + (value - low) * self.slope;
        match above {
            0 => 0.0,
            _ if above > last => beyond,
            _ => within,
        }
    }

    fn is_sound(&self) -> bool {
        (1..=TAIL_KNOTS).contains(&self.values.len())
            && self.values.len() == self.levels.len()
            && self.values.iter().chain(&self.levels).all(|x| x.is_finite())
            && self.values.windows(2).all(|pair| pair[0] < pair[1])
            && self.levels.windows(2).all(|pair| pair[0] <= pair[1])
            && self.levels[0] >= 0.0
            && self.slope.is_finite()
            && self.slope > 0.0
    }
}

/// `ln(p / (1 − p))`, within what an `f32` near 1 can tell apart.
#[must_use]
pub fn logit(probability: f32) -> f64 {
    const EDGE: f64 = 1e-7;
    let p = f64::from(probability).clamp(EDGE, 1.0 - EDGE);
    libm::log(p / (1.0 - p))
}

/// What the network's level counts beyond its cap: enough to keep the order of rows, too little to outvote the others.
const BEYOND_CAP: f64 = 0.05;

/// What the views say about one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Views {
    pub forest: f32,
    pub probability: f32,
    /// The reconstruction error; unused without an autoencoder.
    pub error: f32,
}

/// What each view adds to the weighted sum: its level, capped or weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    pub network: f64,
    pub forest: f64,
    pub autoencoder: f64,
}

impl Fusion {
    /// The weighted sum of the views' levels.
    #[must_use]
    pub fn weighted_sum(&self, views: Views) -> f64 {
        let Levels { network, forest, autoencoder } = self.levels(views);
        network + forest + autoencoder
    }

    /// What each view adds to the sum.
    #[must_use]
    pub fn levels(&self, views: Views) -> Levels {
        Levels {
            network: self.network_level(views.probability),
            forest: self.forest_level(views.forest),
            autoencoder: self.autoencoder_level(views.error),
        }
    }

    /// The score; NaN where a view is.
    #[must_use]
    pub fn score(&self, views: Views) -> f32 {
        let sum = self.weighted_sum(views);
        if sum.is_nan() || views.probability.is_nan() { f32::NAN } else { self.sum.level(sum) as f32 }
    }

    fn network_level(&self, probability: f32) -> f64 {
        let level = self.network.level(logit(probability));
        level.min(self.network_cap) + BEYOND_CAP * (level - self.network_cap).max(0.0)
    }

    fn forest_level(&self, score: f32) -> f64 {
        self.weights.forest * self.forest.level(f64::from(score))
    }

    fn autoencoder_level(&self, error: f32) -> f64 {
        self.weights.autoencoder * self.autoencoder.as_ref().map_or(0.0, |tail| tail.level(f64::from(error)))
    }

    /// For a stored fusion, which is not trusted.
    ///
    /// # Errors
    /// If its numbers make no sense.
    pub fn check(&self) -> Result<()> {
        let tails = [Some(&self.network), Some(&self.forest), self.autoencoder.as_ref(), Some(&self.sum)];
        let Weights { forest, autoencoder } = self.weights;
        let numbers = [self.forest_input.mean, self.forest_input.deviation, self.network_cap, forest, autoencoder];
        let sound = tails.into_iter().flatten().all(Tail::is_sound)
            && numbers.iter().all(|x| x.is_finite())
            && self.forest_input.deviation > 0.0
            && self.network_cap > 0.0
            && forest >= 0.0
            && autoencoder >= 0.0;
        if sound { Ok(()) } else { Err(Error::new("The pack's calibration makes no sense")) }
    }
}

/// A row is an anomaly if its score is at least `value`; `origin` says in one sentence where that comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub value: f32,
    pub origin: String,
}

impl Threshold {
    /// At most this share of the scored rows is flagged.
    #[must_use]
    pub fn of_share(scores: &[f32], share: f64) -> Self {
        let origin = format!("Set to flag at most {} % of the records, as you asked.", share * 100.0);
        Self { value: finite_threshold(scores, share), origin }
    }
}

/// How a forest is fitted to the file itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FileFit {
    pub n_estimators: u32,
    pub max_samples: u32,
    pub seed: u64,
}

/// Rows that the encoder of a file's own forest is fitted to, at most.
const ENCODER_ROWS: u32 = 1 << 17;

/// The share of a file's records that its own forest flags at most, if nobody asks for another.
const MOST_FLAGGED: f64 = 0.05;

/// The share of normal records that a forest fitted to them flags: one false alarm in a hundred.
const FALSE_ALARMS: f64 = 0.01;
/// The share of normal records that is kept from fitting, to choose the threshold on.
const HELD_OUT: f64 = 0.2;
/// One in a hundred of fewer held-out records is none.
const LEAST_HELD_OUT: usize = 100;

/// The threshold for a share of scores; just above them all where ties leave none that may be flagged.
fn finite_threshold(scores: &[f32], share: f64) -> f32 {
    let threshold = contamination_threshold(scores, share);
    if threshold.is_finite() {
        return threshold;
    }
    scores.iter().copied().filter(|score| !score.is_nan()).fold(0.0, f32::max).next_up()
}

impl Detector {
    /// Fits an encoder and a forest to these rows of the file itself. The threshold is scikit-learn's `auto`.
    ///
    /// # Errors
    /// Without rows or features that vary, or if a parameter is out of its range.
    pub fn fit_to_file(table: &Table, schema: &Schema, rows: &[u32], fit: FileFit) -> Result<Self> {
        // Sorting every column of a large file would take longer than all the rest, and change no scale that matters.
        let some = Rng::stream(fit.seed, u64::MAX).sample(rows.len() as u32, ENCODER_ROWS);
        let some: Vec<u32> = some.into_iter().map(|at| rows[at as usize]).collect();
        let encoder = EncoderParams::for_file().fit(table, schema, &some)?;
        let params = IsolationForestParams {
            n_estimators: fit.n_estimators,
            max_samples: MaxSamples::Count(fit.max_samples),
            max_features: 1.0,
            contamination: Contamination::Auto,
            seed: fit.seed,
        };
        let n_rows = rows.len() as u32;
        // Only the rows that some tree sees are encoded.
        let sampled: Vec<u32> = params.sampled_rows(n_rows)?.into_iter().map(|at| rows[at as usize]).collect();
        let x = encoder.bind(table, schema)?.transform_all(&sampled);
        let forest = params.fit_sampled(x.view(), n_rows)?;
        Ok(Self {
            threshold: -forest.offset(),
            record: Record::Columns,
            unscaled: Some(Unscaled::of(&encoder, &forest)),
            encoder,
            forest,
            second: None,
            seen: None,
            threshold_origin: "0.5: rows that random splits isolate sooner than an average row of this file.".into(),
            score_meaning:
                "How quickly random splits isolate the row from the others of this file, from 0 to 1; about \
                            0.5 is average. Rare is not the same as malicious."
                    .into(),
            pack: None,
        })
    }

    /// Fits an encoder and a forest to rows that the person calls normal, in this or another file, with a threshold
    /// that flags [`FALSE_ALARMS`] of them; where there are enough of them, the threshold is chosen on rows that were
    /// not fitted to. `words` say which rows they are, such as `the 300 records labelled normal`.
    ///
    /// # Errors
    /// As [`Self::fit_to_file`].
    pub fn fit_to_normal(table: &Table, schema: &Schema, rows: &[u32], words: &str, fit: FileFit) -> Result<Self> {
        let n_held_out = (rows.len() as f64 * HELD_OUT) as usize;
        let n_held_out = if n_held_out < LEAST_HELD_OUT { 0 } else { n_held_out };
        let held_out = Rng::stream(fit.seed, u64::MAX - 2).sample(rows.len() as u32, n_held_out as u32);
        let mut held_out = held_out.into_iter().map(|at| rows[at as usize]).peekable();
        let (judged, fitted): (Vec<u32>, Vec<u32>) =
            rows.iter().copied().partition(|row| held_out.next_if_eq(row).is_some());
        let mut detector = Self::fit_to_file(table, schema, &fitted, fit)?;
        detector.seen = Some(Seen::of(table, schema, &fitted));
        let judged = if judged.is_empty() { fitted } else { judged };
        let mut scores = vec![0.0; judged.len()];
        detector.bind(table, schema)?.score(&judged, &mut vec![0.0; judged.len()], &mut [], &mut scores)?;
        detector.threshold = finite_threshold(&scores, FALSE_ALARMS);
        let how = match n_held_out {
            0 => "too few to keep some of them from the fitting".into(),
            n => format!("measured on {n} of them that the forest was not fitted to"),
        };
        detector.threshold_origin = format!("Set to flag at most {} % of {words}; {how}.", FALSE_ALARMS * 100.0);
        detector.score_meaning = format!(
            "How quickly random splits isolate the row from {words}, from 0 to 1; about 0.5 is average among them, and \
             values that none of them has count most. Unlike them is not the same as malicious."
        );
        Ok(detector)
    }

    /// The threshold that was chosen when the detector was made.
    #[must_use]
    pub fn own_threshold(&self) -> Threshold {
        Threshold { value: self.threshold, origin: self.threshold_origin.clone() }
    }

    /// The own threshold; of a forest that was fitted to the file itself, raised if it flags more than [`MOST_FLAGGED`] of
    /// these scores. Such a forest can rank, but cannot know how many records are odd; a list that is too long helps nobody.
    #[must_use]
    pub fn limited_threshold(&self, scores: &[f32]) -> Threshold {
        if self.pack.is_some() {
            return self.own_threshold();
        }
        let limit = finite_threshold(scores, MOST_FLAGGED);
        if self.threshold >= limit {
            return self.own_threshold();
        }
        let origin = format!(
            "Set to flag at most {} % of the records: 0.5, where oddness begins, would flag more than anyone can look at.",
            MOST_FLAGGED * 100.0
        );
        Threshold { value: limit, origin }
    }

    /// A detector that scores as one fitted to a file with these parts does, and has nothing to say about it.
    #[must_use]
    pub fn of_parts(encoder: Encoder, forest: IsolationForest, seen: Option<Seen>) -> Self {
        Self {
            record: Record::Columns,
            unscaled: Some(Unscaled::of(&encoder, &forest)),
            encoder,
            threshold: -forest.offset(),
            forest,
            second: None,
            seen,
            threshold_origin: String::new(),
            score_meaning: String::new(),
            pack: None,
        }
    }

    /// Finds the detector's columns in a table.
    ///
    /// # Errors
    /// If some are missing; the error names them.
    pub fn bind<'a>(&'a self, table: &'a Table, schema: &Schema) -> Result<BoundDetector<'a>> {
        let unscaled = self.unscaled.as_ref().filter(|_| self.second.is_none());
        let (encoder, forest) = unscaled.map_or((&self.encoder, &self.forest), |u| (&u.encoder, &u.forest));
        let encoder = encoder.bind(table, schema)?;
        let features = encoder.room(BLOCK);
        let width = self.encoder.n_features();
        let chains = self.second.as_ref().and_then(|second| Chains::of(second, &self.encoder.usual()));
        let inputs =
            self.second.as_ref().filter(|_| chains.is_none()).map_or(0, |second| second.inputs.n_inputs(width));
        Ok(BoundDetector {
            detector: self,
            encoder,
            forest,
            scorer: forest.scorer(),
            chains,
            seen: self.seen.as_ref().map(|seen| seen.bind(table, schema)),
            features,
            inputs: Array2::zeros((BLOCK, inputs)),
            errors: vec![0.0; BLOCK],
        })
    }
}

/// A detector that knows where a table's columns are.
pub struct BoundDetector<'a> {
    detector: &'a Detector,
    encoder: BoundEncoder<'a>,
    forest: &'a IsolationForest,
    scorer: ForestScorer<'a>,
    chains: Option<Chains>,
    seen: Option<BoundSeen<'a>>,
    features: Encoded,
    inputs: Array2<f32>,
    errors: Vec<f32>,
}

impl BoundDetector<'_> {
    /// Scores some rows; each slice has a place for each row. `dnn` is left alone without a network, and may then be empty.
    ///
    /// # Errors
    /// If the network fails.
    ///
    /// # Panics
    /// If the slices do not have a place for each row, or the table not these rows.
    pub fn score(&mut self, rows: &[u32], forest: &mut [f32], dnn: &mut [f32], score: &mut [f32]) -> Result<()> {
        assert!(forest.len() == rows.len() && score.len() == rows.len(), "a place for each row");
        let detector = self.detector;
        for (block, rows) in rows.chunks(BLOCK).enumerate() {
            let n = rows.len();
            let places = block * BLOCK..block * BLOCK + n;
            let (forest, score) = (&mut forest[places.clone()], &mut score[places.clone()]);
            self.encoder.transform(rows, &mut self.features);
            self.scorer.anomaly_score(&self.features, forest);
            if let Some(seen) = &self.seen {
                seen.shorten(rows, self.forest, forest);
            }
            let Some(SecondStage { inputs, network, fusion }) = &detector.second else {
                score.copy_from_slice(forest);
                continue;
            };
            let dnn = &mut dnn[places];
            let errors = &mut self.errors[..n];
            if let Some(chains) = &self.chains {
                chains.run(&self.features, forest, fusion.forest_input, dnn, errors);
            } else {
                inputs.fill(self.features.view(), forest, fusion.forest_input, self.inputs.slice_mut(s![..n, ..]));
                network.run(self.inputs.slice(s![..n, ..]), dnn, errors)?;
            }
            let views = forest.iter().zip(&*dnn).zip(&*errors);
            for (score, ((&forest, &probability), &error)) in score.iter_mut().zip(views) {
                *score = fusion.score(Views { forest, probability, error });
            }
        }
        Ok(())
    }
}

/// A network that is run by `dense.rs`, on features and scores rather than on all of its inputs.
struct Chains {
    classifier: Folded,
    /// If its error counts.
    autoencoder: Option<Around>,
}

impl Chains {
    /// Most rows have the usual features; `None` if the network is not such a one.
    fn of(second: &SecondStage, usual: &[f32]) -> Option<Self> {
        let (classifier, autoencoder) = second.network.dense()?;
        let autoencoder = autoencoder.filter(|_| second.fusion.weights.autoencoder > 0.0);
        let autoencoder = match autoencoder {
            Some(autoencoder) => Some(autoencoder.around(usual.get(..autoencoder.n_inputs())?).ok()?),
            None => None,
        };
        Some(Self { classifier: Folded::new(&second.inputs, usual, classifier)?, autoencoder })
    }

    fn run(
        &self,
        features: &Encoded,
        scores: &[f32],
        forest_input: Standardise,
        probabilities: &mut [f32],
        errors: &mut [f32],
    ) {
        self.classifier.for_each_row(features, scores, forest_input, |row, y| probabilities[row] = y[0]);
        if let Some(autoencoder) = &self.autoencoder {
            let x = features.view().slice_move(s![.., ..autoencoder.n_inputs()]);
            autoencoder.for_each_row(x, |row, x, y| errors[row] = mean_absolute_difference(x, y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ColumnSpec, Kind, Role};
    use crate::table::{Cell, Column, Span};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_tail_says_how_rare_a_value_is() {
        // 1000 values 0.000, 0.001, …: a share of 1 − x has at least x.
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let tail = Tail::fit(&values).unwrap();
        let check = |value: f64, expected: f64| {
            assert!((tail.level(value) - expected).abs() < 0.01, "{value}: {} is not {expected}", tail.level(value));
        };
        check(-1.0, 0.0);
        check(0.0, 0.0);
        check(0.5, -libm::log10(0.5));
        check(0.9, 1.0);
        check(0.95, -libm::log10(0.05));
        // Beyond: the mean excess is (0.001 + … + 0.049) / 49 = 0.025.
        check(0.95 + 0.025, -libm::log10(0.05) + std::f64::consts::LOG10_E);
        assert!(tail.is_sound());
    }

    #[test]
    fn a_level_is_between_those_of_the_values_around() {
        for n in 1..40 {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * i)).collect();
            let tail = Tail { levels: (0..n).map(f64::from).collect(), values: values.clone(), slope: 1.0 };
            for x in (-2..=2 * n * n).map(|x| f64::from(x) / 2.0) {
                let above = values.iter().filter(|value| **value <= x).count();
                let within = match above {
                    0 => tail.level(x) == 0.0,
                    above if above == values.len() => tail.level(x) >= tail.levels[above - 1],
                    above => (tail.levels[above - 1]..tail.levels[above]).contains(&tail.level(x)),
                };
                assert!(within, "{x} of {n}: {}", tail.level(x));
            }
            assert_eq!(tail.level(f64::NAN), 0.0);
        }
    }

    #[test]
    fn a_tail_of_equal_values_calls_any_higher_one_rare() {
        let tail = Tail::fit(&[1.0; 200]).unwrap();
        assert_eq!((tail.level(0.9), tail.level(1.0)), (0.0, 0.0));
        assert!(tail.level(1.1) > 3.0 && tail.is_sound());
        assert!(Tail::fit(&[1.0; 20]).is_err() && Tail::fit(&[f64::NAN; 200]).is_err());
    }

    #[test]
    fn the_network_cannot_outvote_the_others_beyond_its_cap() {
        let tail = |scale: f64| Tail { values: vec![0.0, scale], levels: vec![0.0, 1.0], slope: 1.0 / scale };
        let fusion = Fusion {
            forest_input: Standardise { mean: 0.0, deviation: 1.0 },
            network: tail(1.0),
            forest: tail(0.1),
            autoencoder: None,
            network_cap: 3.0,
            weights: Weights { forest: 0.5, autoencoder: 0.5 },
            sum: tail(1.0),
        };
        let score = |forest, probability| fusion.score(Views { forest, probability, error: 0.0 });
        assert!(fusion.check().is_ok());
        assert_eq!(score(0.0, 0.0), 0.0);
        // The largest logit is ln(1e7), about 16.1, and so is its level here.
        let most = 3.0 + 0.05 * (logit(1.0) - 3.0);
        assert!((f64::from(score(0.0, 1.0)) - most).abs() < 1e-6);
        assert!((f64::from(score(0.4, 1.0)) - most - 2.0).abs() < 1e-6);
        assert!(score(0.4, f32::NAN).is_nan());
        let autoencoder = Some(tail(0.3));
        let fusion = Fusion { autoencoder, ..fusion };
        let negative = Weights { forest: -1.0, autoencoder: 1.0 };
        assert!(Fusion { weights: negative, ..fusion.clone() }.check().is_err());
        let unsorted = Tail { values: vec![1.0, 0.0], levels: vec![0.0, 1.0], slope: 1.0 };
        assert!(Fusion { sum: unsorted, ..fusion }.check().is_err());
    }

    #[test]
    fn rows_are_scored_in_blocks_as_each_by_itself() {
        let n = 1300;
        let mut narrow = Column { name: "narrow".into(), ..Column::default() };
        let mut close = Column { name: "close".into(), ..Column::default() };
        let mut wide = Column { name: "wide".into(), ..Column::default() };
        let mut text = Column { name: "text".into(), ..Column::default() };
        for i in 0..n {
            narrow.cells.push(if i % 50 == 7 { Cell::MISSING } else { Cell::number(f64::from(i % 10)) });
            close.cells.push(Cell::number(f64::from(i * i % 499) + 700.0));
            wide.cells.push(Cell::number(f64::from(i * i % 2003)));
            // The last is in the first block alone.
            let code = text.dictionary.code(["a", "b", "c"][if i < 300 { i as usize % 3 } else { i as usize % 2 }]);
            text.cells.push(code.map_or(Cell::MISSING, Cell::text));
        }
        assert_eq!([&narrow, &close, &wide].map(|column| column.cells.few().is_some()), [true, true, false]);
        let columns = [(narrow, Kind::Number), (close, Kind::Number), (wide, Kind::Number), (text, Kind::Category)];
        let spec = |(column, kind): &(Column, Kind)| ColumnSpec {
            name: column.name.clone(),
            canonical: column.name.clone(),
            kind: *kind,
            role: Role::Feature,
            unit: None,
            why: None,
        };
        let schema = Schema { columns: columns.iter().map(spec).collect(), ..Schema::default() };
        let table = Table {
            columns: columns.into_iter().map(|(column, _)| column).collect(),
            spans: vec![Span { start: 0, len: 0 }; n as usize],
            bad: vec![],
        };
        let rows: Vec<u32> = (0..n as u32).collect();
        // Trees that are whole tiles, and such as have lower parts.
        for max_samples in [64, 1200] {
            let fit = FileFit { n_estimators: 20, max_samples, seed: 1 };
            let detector = Detector::fit_to_file(&table, &schema, &rows, fit).unwrap();
            let (mut forest, mut score) = (vec![0.0; n as usize], vec![0.0; n as usize]);
            detector.bind(&table, &schema).unwrap().score(&rows, &mut forest, &mut [], &mut score).unwrap();
            let bound = detector.encoder.bind(&table, &schema).unwrap();
            for (row, score) in rows.iter().zip(forest) {
                let x = bound.transform_all(&[*row]);
                assert_eq!(detector.forest.anomaly_score_of_row(x.as_slice().unwrap()), score, "row {row}");
            }
        }
    }

    #[test]
    fn a_forest_fitted_to_the_file_finds_its_odd_row() {
        let n = 700;
        let cells = (0..n).map(|i| Cell::number(if i == 600 { 900.0 } else { f64::from(i % 10) })).collect();
        let table = Table {
            columns: vec![Column { name: "x".into(), cells, ..Column::default() }],
            spans: vec![Span { start: 0, len: 0 }; n as usize],
            bad: vec![],
        };
        let spec = ColumnSpec {
            name: "x".into(),
            canonical: "x".into(),
            kind: Kind::Number,
            role: Role::Feature,
            unit: None,
            why: None,
        };
        let schema = Schema { columns: vec![spec], ..Schema::default() };
        let rows: Vec<u32> = (0..n as u32).collect();
        let fit = FileFit { n_estimators: 50, max_samples: 256, seed: 1 };
        let mut detector = Detector::fit_to_file(&table, &schema, &rows, fit).unwrap();
        let (mut forest, mut score) = (vec![0.0; n as usize], vec![0.0; n as usize]);
        detector.bind(&table, &schema).unwrap().score(&rows, &mut forest, &mut [], &mut score).unwrap();
        assert_eq!(forest, score);
        // Scaling first gives the same bits.
        let x = detector.encoder.bind(&table, &schema).unwrap().transform_all(&rows);
        assert_eq!(detector.forest.score_samples(x.view()), forest.iter().map(|score| -score).collect::<Vec<_>>());
        let best = (0..n as usize).max_by(|&a, &b| score[a].total_cmp(&score[b])).unwrap();
        assert_eq!(best, 600);
        assert!(score[600] >= detector.threshold);
        assert_eq!(Threshold::of_share(&score, 1.0 / 700.0).value, score[600]);
        // Among equal scores none may be flagged, and the threshold is still a number.
        detector.threshold = 0.5;
        let raised = detector.limited_threshold(&[0.6; 10]);
        assert!(raised.value > 0.6 && raised.value < 0.61 && raised.origin.contains("at most 5 %"));
        assert_eq!(detector.limited_threshold(&[0.4; 10]).value, 0.5);
    }
}
