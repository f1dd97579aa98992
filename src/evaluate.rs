//! What labels say about scores: confusion, precision, recall, F1, accuracy, ROC AUC, PR AUC, recall at a false
//! positive rate, precision where anomalies are rare; how sure these are (`bootstrap`) and whether a probability is one
//! (`reliability`).
//!
//! A higher score means odder, and a row is flagged if its score is at least the threshold. Labels are 0 for normal, 1 for
//! anomaly; rows with another label or a score that is NaN are left out everywhere. Ties are one step of every curve, as in
//! scikit-learn. Nothing is smoothed: a ratio of nothing to nothing is 0.

mod bootstrap;
mod reliability;

use crate::radix::sort_by_bits;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub use bootstrap::{Bootstrap, Interval, Intervals};
pub use reliability::{Reliability, ReliabilityBin, reliability};

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

/// A point of the ROC curve. Unlike precision, neither of its shares changes with how frequent anomalies are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    pub recall: f64,
    pub false_positive_rate: f64,
}

/// How many of the rows of one name were flagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameRecall {
    pub name: String,
    pub rows: u64,
    pub flagged: u64,
}

impl Confusion {
    /// Counts a row; none with another label than 0 or 1.
    pub fn add(&mut self, label: u8, is_flagged: bool) {
        match (label, is_flagged) {
            (1, true) => self.true_positives += 1,
            (0, true) => self.false_positives += 1,
            (0, false) => self.true_negatives += 1,
            (1, false) => self.false_negatives += 1,
            _ => {}
        }
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.true_negatives += other.true_negatives;
        self.false_negatives += other.false_negatives;
    }

    /// Anomalies among the flagged.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Flagged among the anomalies.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }

    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        ratio(right, right + self.false_positives + self.false_negatives)
    }

    /// Flagged among the normal.
    #[must_use]
    pub fn false_positive_rate(&self) -> f64 {
        ratio(self.false_positives, self.false_positives + self.true_negatives)
    }

    #[must_use]
    pub fn roc_point(&self) -> RocPoint {
        RocPoint { recall: self.recall(), false_positive_rate: self.false_positive_rate() }
    }
}

impl RocPoint {
    /// The precision where a share π of all rows are anomalies, by Bayes' rule from the recall p and the false positive
    /// rate f: `pπ / (pπ + f(1 − π))` (Axelsson, "The base-rate fallacy and the difficulty of intrusion detection",
    /// 2000). 0 where nothing is flagged.
    #[must_use]
    pub fn precision_at_base_rate(&self, base_rate: f64) -> f64 {
        let right = self.recall * base_rate;
        let flagged = right + self.false_positive_rate * (1.0 - base_rate);
        if flagged == 0.0 { 0.0 } else { right / flagged }
    }
}

/// Counts at this threshold.
///
/// # Panics
/// If there are not as many labels as scores; so for every function here.
#[must_use]
pub fn confusion(scores: &[f32], labels: &[u8], threshold: f32) -> Confusion {
    assert_eq!(scores.len(), labels.len(), "one label for each score");
    let mut counts = Confusion::default();
    for (&score, &label) in scores.iter().zip(labels).filter(|(score, _)| !score.is_nan()) {
        counts.add(label, score >= threshold);
    }
    counts
}

/// The area under the ROC curve: the chance that an anomaly scores higher than a normal row, ties counting half. 0.5 where
/// there is only one class.
#[must_use]
pub fn roc_auc(scores: &[f32], labels: &[u8]) -> f64 {
    roc_auc_of(Sorted::new(scores, labels).steps())
}

/// The area under the precision-recall curve as average precision, `Σ (Rₙ − Rₙ₋₁) Pₙ`, scikit-learn's definition. 0 where
/// there is no anomaly.
#[must_use]
pub fn pr_auc(scores: &[f32], labels: &[u8]) -> f64 {
    pr_auc_of(Sorted::new(scores, labels).steps())
}

/// The point of the ROC curve with the greatest recall of a threshold that flags at most this share of the normal rows.
#[must_use]
pub fn point_at_fpr(scores: &[f32], labels: &[u8], false_positive_rate: f64) -> RocPoint {
    point_at_fpr_of(&Sorted::new(scores, labels).steps().collect::<Vec<_>>(), false_positive_rate)
}

/// The recall of [`point_at_fpr`].
#[must_use]
pub fn recall_at_fpr(scores: &[f32], labels: &[u8], false_positive_rate: f64) -> f64 {
    point_at_fpr(scores, labels, false_positive_rate).recall
}

/// Counts along the falling threshold: half of the points evenly spaced, half closer and closer towards the first rows,
/// where it matters who is right.
#[must_use]
pub fn curve(scores: &[f32], labels: &[u8]) -> Curve {
    curve_of(&Sorted::new(scores, labels))
}

/// The area under the ROC curve, that under the precision-recall curve, and the [`curve`]: together they take the time of one.
#[must_use]
pub fn areas_and_curve(scores: &[f32], labels: &[u8]) -> (f64, f64, Curve) {
    areas_and_curve_of(&Sorted::new(scores, labels))
}

/// The same of scores that fall, which need not be sorted.
#[must_use]
pub fn areas_and_curve_of_falling(scores: &[f32], labels: &[u8]) -> (f64, f64, Curve) {
    areas_and_curve_of(&Sorted::of_falling(scores, labels))
}

fn areas_and_curve_of(sorted: &Sorted) -> (f64, f64, Curve) {
    let (mut roc, mut pr, mut points) = (RocArea::default(), PrArea::default(), Points::of(sorted));
    for step in sorted.steps() {
        roc.add(step);
        pr.add(step);
        points.add(step);
    }
    (roc.share(), pr.mean(), points.curve)
}

fn curve_of(sorted: &Sorted) -> Curve {
    let mut points = Points::of(sorted);
    sorted.steps().for_each(|step| points.add(step));
    points.curve
}

/// Takes the points of a curve out of its steps.
struct Points {
    /// Rising numbers of flagged rows: at the first step that has as many there is a point.
    wanted: Vec<u64>,
    next: usize,
    curve: Curve,
}

impl Points {
    fn of(sorted: &Sorted) -> Self {
        const HALF: u64 = 256;
        let total = (sorted.anomalies.len() + sorted.normal.len()) as u64;
        let even = (1..=HALF).map(|k| (total as u128 * u128::from(k) / u128::from(HALF)) as u64);
        let close = (0..HALF).map(|k| libm::exp2(libm::log2(total as f64) * k as f64 / HALF as f64) as u64);
        let mut wanted: Vec<u64> = even.chain(close).collect();
        wanted.sort_unstable();
        Self { wanted, next: 0, curve: Curve { flagged: vec![0], true_positives: vec![0] } }
    }

    fn add(&mut self, step: Step) {
        let flagged = step.flagged();
        let is_reached = |&&wanted: &&u64| wanted <= flagged;
        let reached = self.wanted[self.next..].iter().take_while(is_reached).count();
        if reached > 0 {
            self.next += reached;
            self.curve.flagged.push(flagged);
            self.curve.true_positives.push(step.anomalies);
        }
    }
}

impl Curve {
    /// The number of flagged rows, within what there is, and how many of them are anomalies: linear between points, which
    /// is the expectation where rows are tied.
    #[must_use]
    pub fn at(&self, flagged: u64) -> (u64, u64) {
        let above = self.flagged.partition_point(|&point| point < flagged);
        let (Some(&right), Some(&tp_right)) = (self.flagged.get(above), self.true_positives.get(above)) else {
            return (self.flagged.last().copied().unwrap_or(0), self.true_positives.last().copied().unwrap_or(0));
        };
        let Some(left) = above.checked_sub(1) else { return (right, tp_right) };
        let (left, tp_left) = (self.flagged[left], self.true_positives[left]);
        let share = (flagged - left) as f64 / (right - left) as f64;
        (flagged, tp_left + libm::round(share * (tp_right - tp_left) as f64) as u64)
    }
}

/// The least and the greatest score; infinite the wrong way round where there is none.
// Not inlined: a browser would compile the whole of a large function for the sake of this loop.
#[inline(never)]
#[must_use]
pub fn ends(scores: &[f32]) -> (f32, f32) {
    let known = scores.iter().filter(|score| !score.is_nan());
    known.fold((f32::INFINITY, f32::NEG_INFINITY), |ends, &x| (ends.0.min(x), ends.1.max(x)))
}

/// The rows by falling score, ties by row, NaN last.
#[must_use]
pub fn best_order(scores: &[f32]) -> Vec<u32> {
    order(scores, MANY)
}

/// The same; of so many rows, or more, in blocks.
fn order(scores: &[f32], many: usize) -> Vec<u32> {
    let key = |row: u32| falling_key(scores[row as usize]);
    let keyed = |row: u32| u64::from(key(row)) << 32 | u64::from(row);
    if scores.len() < many {
        let mut keys: Vec<u64> = (0..scores.len() as u32).map(keyed).collect();
        sort_by_bits(&mut keys, 32..64, |&key| key);
        return keys.into_iter().map(|key| key as u32).collect();
    }
    let (mut order, ends) = in_blocks(scores.iter().map(|&score| falling_key(score)).zip(0..));
    let mut keys: Vec<u64> = Vec::new();
    for block in blocks(&mut order, ends) {
        // The rows of a block are in the order of the file already.
        if block.windows(2).all(|rows| key(rows[0]) == key(rows[1])) {
            continue;
        }
        if block.len() < many {
            keys.clear();
            keys.extend(block.iter().map(|&row| keyed(row)));
            sort_by_bits(&mut keys, 32..32 + HALF, |&key| key);
            block.iter_mut().zip(&keys).for_each(|(row, &key)| *row = key as u32);
        } else {
            let by_lower_half = in_blocks(block.iter().map(|&row| (key(row) << HALF, row))).0;
            block.copy_from_slice(&by_lower_half);
        }
    }
    order
}

/// Of many rows, the upper halves of keys say which stand together; each such block is then sorted by itself. All at once, with their
/// keys beside them, they would take several times the memory.
const HALF: u32 = 16;
/// Rows whose keys would take too much memory beside them, though that is faster.
const MANY: usize = 1 << 21;

/// The values of keys by the upper halves of these, and where each block ends.
fn in_blocks(keyed: impl Iterator<Item = (u32, u32)> + Clone) -> (Vec<u32>, Vec<usize>) {
    let mut ends = vec![0_usize; 1 << HALF];
    keyed.clone().for_each(|(key, _)| ends[(key >> HALF) as usize] += 1);
    let mut next = 0;
    for end in &mut ends {
        next += std::mem::replace(end, next);
    }
    let mut values = vec![0_u32; next];
    for (key, value) in keyed {
        let end = &mut ends[(key >> HALF) as usize];
        values[*end] = value;
        *end += 1;
    }
    (values, ends)
}

fn blocks(values: &mut [u32], ends: Vec<usize>) -> impl Iterator<Item = &mut [u32]> {
    let (mut rest, mut start) = (values, 0);
    ends.into_iter().map(move |end| {
        let len = end - std::mem::replace(&mut start, end);
        rest.split_off_mut(..len).expect("blocks are part of the whole")
    })
}

/// The lowest score that flags at most this share of the rows. Infinity where even the highest score flags more, as when all
/// scores are equal.
#[must_use]
pub fn contamination_threshold(scores: &[f32], share: f64) -> f32 {
    let keys = || scores.iter().filter(|score| !score.is_nan()).map(|&score| falling_key(score));
    let n = keys().count();
    let mut allowed = ((share * n as f64).max(0.0) as usize).min(n);
    // The product may have been rounded below a whole number.
    if allowed < n && (allowed + 1) as f64 / n as f64 <= share {
        allowed += 1;
    }
    if allowed == n {
        return keys().max().map_or(f32::INFINITY, score_of_key);
    }
    // The first row that may not be flagged; what is tied with it may not either. It is looked for in the block that it is in.
    let mut counts = vec![0_usize; 1 << HALF];
    keys().for_each(|key| counts[(key >> HALF) as usize] += 1);
    let (mut block, mut before) = (0, 0);
    while before + counts[block] <= allowed {
        before += counts[block];
        block += 1;
    }
    let mut some = Vec::with_capacity(counts[block]);
    some.extend(keys().filter(|key| (key >> HALF) as usize == block));
    let first_out = *some.select_nth_unstable(allowed - before).1;
    keys().filter(|&key| key < first_out).max().map_or(f32::INFINITY, score_of_key)
}

/// For each name, how many of its rows have at least the threshold; the most frequent names first. Rows without a name are
/// left out.
#[must_use]
pub fn recall_by_name<'a>(
    scores: &[f32],
    name_of: impl Fn(usize) -> Option<&'a str>,
    threshold: f32,
) -> Vec<NameRecall> {
    let mut counts: FxHashMap<&str, (u64, u64)> = FxHashMap::default();
    for (row, score) in scores.iter().enumerate().filter(|(_, score)| !score.is_nan()) {
        if let Some(name) = name_of(row) {
            let (rows, flagged) = counts.entry(name).or_default();
            *rows += 1;
            *flagged += u64::from(*score >= threshold);
        }
    }
    let mut recalls: Vec<NameRecall> =
        counts.into_iter().map(|(name, (rows, flagged))| NameRecall { name: name.to_owned(), rows, flagged }).collect();
    recalls.sort_unstable_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.name.cmp(&b.name)));
    recalls
}

/// Counts of the rows whose score is at least that of one of them.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    anomalies: u64,
    normal: u64,
}

impl Step {
    fn flagged(&self) -> u64 {
        self.anomalies + self.normal
    }
}

/// The keys of the labelled rows' scores, by falling score: four bytes a row, since there may be tens of millions.
struct Sorted {
    anomalies: Vec<u32>,
    normal: Vec<u32>,
}

impl Sorted {
    fn new(scores: &[f32], labels: &[u8]) -> Self {
        Self::with(scores, labels, MANY)
    }

    /// The same; of so many rows, or more, in blocks.
    fn with(scores: &[f32], labels: &[u8], many: usize) -> Self {
        let mut scratch = Vec::new();
        let mut of = |wanted: u8| {
            let known = keys_of(scores, labels, wanted);
            if scores.len() < many {
                let mut keys: Vec<u32> = known.collect();
                sort_by_bits(&mut keys, 0..32, |&key| u64::from(key));
                return keys;
            }
            let (mut keys, ends) = in_blocks(known.map(|key| (key, key)));
            for block in blocks(&mut keys, ends) {
                if block.len() < many {
                    scratch.clear();
                    scratch.extend_from_slice(block);
                    sort_by_bits(&mut scratch, 0..HALF, |&key| u64::from(key));
                    block.copy_from_slice(&scratch);
                } else {
                    block.sort_unstable();
                }
            }
            keys
        };
        Self { anomalies: of(1), normal: of(0) }
    }

    /// Of scores that fall.
    fn of_falling(scores: &[f32], labels: &[u8]) -> Self {
        let of = |wanted| keys_of(scores, labels, wanted).collect::<Vec<u32>>();
        let sorted = Self { anomalies: of(1), normal: of(0) };
        debug_assert!(sorted.anomalies.is_sorted() && sorted.normal.is_sorted(), "the scores fall");
        sorted
    }

    /// One step for each different score, falling.
    fn steps(&self) -> impl Iterator<Item = Step> {
        self.keyed_steps().map(|(_, step)| step)
    }

    /// The same, each with the score's key.
    fn keyed_steps(&self) -> impl Iterator<Item = (u32, Step)> {
        let (mut anomalies, mut normal) = (self.anomalies.as_slice(), self.normal.as_slice());
        let mut step = Step::default();
        std::iter::from_fn(move || {
            let key = anomalies.first().into_iter().chain(normal.first()).min().copied()?;
            step.anomalies += pass(&mut anomalies, key);
            step.normal += pass(&mut normal, key);
            Some((key, step))
        })
    }
}

/// Of the rows that have a score and this label.
fn keys_of(scores: &[f32], labels: &[u8], wanted: u8) -> impl Iterator<Item = u32> + Clone {
    assert_eq!(scores.len(), labels.len(), "one label for each score");
    let known = scores.iter().zip(labels).filter(move |&(score, &label)| !score.is_nan() && label == wanted);
    known.map(|(&score, _)| falling_key(score))
}

/// Goes on behind the keys that are this one, and says how many there were.
fn pass(keys: &mut &[u32], key: u32) -> u64 {
    let n = keys.iter().take_while(|&&next| next == key).count();
    *keys = &keys[n..];
    n as u64
}

/// Twice the area under the curve, step by step.
#[derive(Default)]
struct RocArea {
    before: Step,
    twice: u128,
}

impl RocArea {
    fn add(&mut self, step: Step) {
        let (rises, runs) = (step.anomalies - self.before.anomalies, step.normal - self.before.normal);
        // Of 2³² rows at most, so that no product is greater than 2 · 2³¹ · 2³¹.
        self.twice += u128::from(runs * (2 * self.before.anomalies + rises));
        self.before = step;
    }

    fn share(&self) -> f64 {
        let pairs = u128::from(self.before.anomalies) * u128::from(self.before.normal);
        if pairs == 0 { 0.5 } else { self.twice as f64 / (2 * pairs) as f64 }
    }
}

/// The sum of the precisions, each as often as the anomalies rise.
#[derive(Default)]
struct PrArea {
    before: u64,
    sum: f64,
}

impl PrArea {
    fn add(&mut self, step: Step) {
        if step.anomalies > self.before {
            self.sum += (step.anomalies - self.before) as f64 * ratio(step.anomalies, step.flagged());
            self.before = step.anomalies;
        }
    }

    fn mean(&self) -> f64 {
        if self.before == 0 { 0.0 } else { self.sum / self.before as f64 }
    }
}

fn roc_auc_of(steps: impl Iterator<Item = Step>) -> f64 {
    let mut area = RocArea::default();
    steps.for_each(|step| area.add(step));
    area.share()
}

fn pr_auc_of(steps: impl Iterator<Item = Step>) -> f64 {
    let mut area = PrArea::default();
    steps.for_each(|step| area.add(step));
    area.mean()
}

fn point_at_fpr_of(steps: &[Step], false_positive_rate: f64) -> RocPoint {
    let Some(all) = steps.last() else { return RocPoint::default() };
    let within = steps.iter().take_while(|step| ratio(step.normal, all.normal) <= false_positive_rate).last();
    within.map_or(RocPoint::default(), |step| RocPoint {
        recall: ratio(step.anomalies, all.anomalies),
        false_positive_rate: ratio(step.normal, all.normal),
    })
}

/// A key that rises as the score falls; NaN is last, −0 is 0.
fn falling_key(score: f32) -> u32 {
    if score.is_nan() {
        return u32::MAX;
    }
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 0 { !bits & 0x7FFF_FFFF } else { bits }
}

fn score_of_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 0 { !key & 0x7FFF_FFFF } else { key })
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;

    #[test]
    fn the_areas_are_those_of_the_definition() {
        let check = |scores: &[f32], labels: &[u8], roc: f64, pr: f64| {
            let got = (roc_auc(scores, labels), pr_auc(scores, labels));
            assert!((got.0 - roc).abs() < 1e-12 && (got.1 - pr).abs() < 1e-12, "{scores:?} {labels:?}: {got:?}");
        };
        check(&[], &[], 0.5, 0.0);
        check(&[0.1, 0.2], &[0, 0], 0.5, 0.0);
        check(&[0.1, 0.2], &[1, 1], 0.5, 1.0);
        check(&[0.1, 0.9], &[0, 1], 1.0, 1.0);
        check(&[0.9, 0.1], &[0, 1], 0.0, 0.5);
        // All tied: half of every pair, and one step with precision 1/2.
        check(&[0.5; 4], &[0, 1, 0, 1], 0.5, 0.5);
        // scikit-learn's own example: 3 of 4 pairs; (1/2) · 1 + (1/2) · 2/3.
        check(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1], 0.75, 5.0 / 6.0);
        // NaN and unknown labels are as if they were not there.
        check(&[0.1, NAN, 0.4, 0.35, 9.0, 0.8], &[0, 1, 0, 1, 2, 1], 0.75, 5.0 / 6.0);
        // −0 and 0 are tied, infinities are not special.
        check(&[-0.0, 0.0], &[0, 1], 0.5, 0.5);
        check(&[-INF, INF, 0.0], &[0, 1, 0], 1.0, 1.0);
    }

    #[test]
    fn fast_is_the_same_as_slow() {
        for seed in 0..50 {
            let mut rng = Rng::new(seed);
            let n = rng.below(60) as usize;
            let scores: Vec<f32> = (0..n).map(|_| rng.below(12) as f32 / 7.0 - 0.5).collect();
            let labels: Vec<u8> = (0..n).map(|_| rng.below(3) as u8).collect();
            let of = |label| (0..n).filter(|&i| labels[i] == label).map(|i| scores[i]).collect::<Vec<f32>>();
            let (normal, anomalies) = (of(0), of(1));
            let half_wins = |a: f32, b: f32| u32::from(a > b) + u32::from(a >= b);
            let wins: u32 = anomalies.iter().flat_map(|&a| normal.iter().map(move |&b| half_wins(a, b))).sum();
            let pairs = (2 * normal.len() * anomalies.len()) as f64;
            let roc = if pairs == 0.0 { 0.5 } else { f64::from(wins) / pairs };
            assert!((roc_auc(&scores, &labels) - roc).abs() < 1e-12, "seed {seed}");
            let precision = |&score: &f32| confusion(&scores, &labels, score).precision();
            let pr = anomalies.iter().map(precision).sum::<f64>() / anomalies.len().max(1) as f64;
            assert!((pr_auc(&scores, &labels) - pr).abs() < 1e-12, "seed {seed}");
            let curve = curve(&scores, &labels);
            for &score in normal.iter().chain(&anomalies) {
                let counts = confusion(&scores, &labels, score);
                let flagged = counts.true_positives + counts.false_positives;
                assert_eq!(curve.at(flagged), (flagged, counts.true_positives), "seed {seed}");
                let rate = counts.false_positive_rate();
                assert!(recall_at_fpr(&scores, &labels, rate) >= counts.recall(), "seed {seed}");
            }
            for share in [0.0, 0.1, 0.5, 1.0] {
                let threshold = contamination_threshold(&scores, share);
                let flags = |t: f32| scores.iter().filter(|&&score| score >= t).count() as f64;
                assert!(flags(threshold) <= share * n as f64, "seed {seed}");
                let lower = scores.iter().copied().filter(|&score| score < threshold).fold(-INF, f32::max);
                assert!(lower == -INF || flags(lower) > share * n as f64, "seed {seed}");
            }
        }
    }

    #[test]
    fn confusion_counts_and_its_ratios() {
        let counts = confusion(&[0.9, 0.8, 0.5, 0.4, 0.1, NAN, 0.9], &[1, 0, 1, 1, 0, 1, 2], 0.5);
        let expected = Confusion { true_positives: 2, false_positives: 1, true_negatives: 1, false_negatives: 1 };
        assert_eq!(counts, expected);
        let ratios =
            [counts.precision(), counts.recall(), counts.f1(), counts.accuracy(), counts.false_positive_rate()];
        assert_eq!(ratios, [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 0.6, 0.5]);
        let none = Confusion::default();
        let ratios = [none.precision(), none.recall(), none.f1(), none.accuracy(), none.false_positive_rate()];
        assert_eq!(ratios, [0.0; 5]);
    }

    #[test]
    fn many_rows_are_in_the_same_order_as_few() {
        let mut rng = Rng::new(3);
        let mut any = |_| match rng.below(9) {
            0 => NAN,
            1 => rng.below(40) as f32 - 20.0,
            _ => 0.5 + rng.below(9000) as f32 * 1e-7,
        };
        let some: Vec<f32> = (0..60_000).map(&mut any).collect();
        // All but a few in one block.
        let mut rng = Rng::new(4);
        let alike = |at: usize| if at.is_multiple_of(1000) { at as f32 } else { 0.5 + rng.below(9000) as f32 * 1e-7 };
        let many: Vec<f32> = (0..90_000).map(alike).collect();
        for scores in [some, many] {
            let mut expected: Vec<u32> = (0..scores.len() as u32).collect();
            expected.sort_by_key(|&row| falling_key(scores[row as usize]));
            assert!(best_order(&scores) == expected);
            // In blocks, of which none is too large, one is, all are.
            assert!([scores.len(), 9000, 1].map(|many| order(&scores, many) == expected) == [true; 3]);
        }
    }

    #[test]
    fn many_rows_are_judged_as_in_the_order_that_they_have() {
        let mut rng = Rng::new(6);
        let scores: Vec<f32> = (0..70_000)
            .map(|_| match rng.below(9) {
                0 => NAN,
                1 => rng.below(40) as f32 - 20.0,
                _ => 0.5 + rng.below(9000) as f32 * 1e-7,
            })
            .collect();
        let labels: Vec<u8> = scores.iter().map(|_| rng.below(3) as u8).collect();
        let mut rows: Vec<usize> = (0..scores.len()).collect();
        rows.sort_by_key(|&row| falling_key(scores[row]));
        let falling: Vec<f32> = rows.iter().map(|&row| scores[row]).collect();
        let in_order: Vec<u8> = rows.iter().map(|&row| labels[row]).collect();
        let expected = areas_and_curve_of_falling(&falling, &in_order);
        assert!(areas_and_curve(&scores, &labels) == expected);
        for many in [20_000, 1000] {
            assert!(areas_and_curve_of(&Sorted::with(&scores, &labels, many)) == expected);
        }
    }

    #[test]
    fn the_order_is_falling_with_ties_by_row() {
        assert_eq!(best_order(&[0.1, NAN, 0.9, 0.1, INF, -1.0, -INF, 0.0, -0.0]), [4, 2, 0, 3, 7, 8, 5, 6, 1]);
    }

    #[test]
    fn the_threshold_flags_no_more_than_the_share() {
        let check = |scores: &[f32], share, expected| {
            assert_eq!(contamination_threshold(scores, share), expected, "{scores:?} {share}");
        };
        let ten: Vec<f32> = (0..10).map(|i| i as f32).collect();
        check(&ten, 0.1, 9.0);
        check(&ten, 0.19, 9.0);
        check(&ten, 0.5, 5.0);
        check(&ten, 0.05, INF);
        // 0.29 · 100 is rounded to 28.999….
        check(&(0..100).map(|i| i as f32).collect::<Vec<_>>(), 0.29, 71.0);
        check(&[1.0; 5], 0.5, INF);
        check(&[3.0, 2.0, 2.0, 2.0], 0.5, 3.0);
        check(&[3.0, NAN, NAN, NAN, 1.0], 0.5, 3.0);
        check(&[-3.0, -2.0], 0.5, -2.0);
        check(&[], 0.5, INF);
    }

    #[test]
    fn recall_at_a_false_positive_rate_takes_ties_as_one() {
        let (scores, labels) = ([0.9, 0.8, 0.8, 0.7, 0.6], [1, 0, 1, 1, 0]);
        for (rate, expected) in [(0.0, 1.0 / 3.0), (0.49, 1.0 / 3.0), (0.5, 1.0), (1.0, 1.0)] {
            assert_eq!(recall_at_fpr(&scores, &labels, rate), expected, "{rate}");
        }
    }

    #[test]
    fn precision_falls_with_the_base_rate() {
        let check = |recall, false_positive_rate, base_rate, expected: f64| {
            let got = RocPoint { recall, false_positive_rate }.precision_at_base_rate(base_rate);
            assert!((got - expected).abs() < 1e-12, "{recall} {false_positive_rate} {base_rate}: {got}");
        };
        // Of 10,000 rows, 100 are anomalies, 90 of them flagged, beside 99 of the 9,900 normal ones.
        check(0.9, 0.01, 0.01, 90.0 / 189.0);
        check(0.9, 0.01, 0.001, 90.0 / (90.0 + 999.0));
        check(1.0, 0.0, 0.001, 1.0);
        check(0.0, 0.0, 0.01, 0.0);
        // At the base rate of the rows themselves it is their precision.
        let counts = Confusion { true_positives: 3, false_positives: 2, true_negatives: 14, false_negatives: 1 };
        check(counts.recall(), counts.false_positive_rate(), 0.2, counts.precision());
        let point = point_at_fpr(&[0.9, 0.8, 0.8, 0.7, 0.6], &[1, 0, 1, 1, 0], 0.6);
        assert_eq!(point, RocPoint { recall: 1.0, false_positive_rate: 0.5 });
    }

    #[test]
    fn the_curve_of_many_rows_has_few_points_and_both_ends() {
        let scores: Vec<f32> = (0..100_000).map(|i| -(i as f32)).collect();
        let labels: Vec<u8> = (0..100_000).map(|i| u8::from(i % 10 == 0)).collect();
        let curve = curve(&scores, &labels);
        assert!(curve.flagged.len() <= 513 && curve.flagged.is_sorted());
        assert_eq!(
            (curve.flagged[..3].to_vec(), curve.at(10), curve.at(55_555)),
            (vec![0, 1, 2], (10, 1), (55_555, 5556))
        );
        assert_eq!((curve.at(0), curve.at(u64::MAX)), ((0, 0), (100_000, 10_000)));
        assert_eq!(Curve::default().at(3), (0, 0));
    }

    #[test]
    fn recall_by_name_counts_each_name() {
        let names = [Some("dos"), None, Some("scan"), Some("dos"), Some("dos")];
        let recalls = recall_by_name(&[0.9, 0.9, 0.1, 0.2, NAN], |row| names[row], 0.5);
        let of = |name: &str, rows, flagged| NameRecall { name: name.into(), rows, flagged };
        assert_eq!(recalls, [of("dos", 2, 1), of("scan", 1, 0)]);
    }
}
