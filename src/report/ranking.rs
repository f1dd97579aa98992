//! Scores in falling order with the labels counted along, so that every question about a threshold is a binary search.
//!
//! Unscored rows (NaN) are in no count. Rows with an unknown label count as flagged or not, but are in no confusion.

use crate::evaluate::{self, Confusion, Curve};

/// The scored rows of one run, from the oddest to the most ordinary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Falling.
    scores: Vec<f32>,
    /// Of the rows in the same order: 0 normal, 1 anomaly, 2 unknown; empty without labels.
    labels: Vec<u8>,
    /// Anomalies and normal rows before every [`BLOCK`]th row.
    counts: Vec<[u32; 2]>,
}

/// Rows that are counted anew for each question, at most: so that a row takes a byte rather than eight.
const BLOCK: usize = 256;

impl Ranking {
    /// `order` holds rows by falling score with the unscored last; `labels` is empty or 0 normal, 1 anomaly, 2 unknown.
    /// Rows that `scores` does not have are left out.
    #[must_use]
    pub fn new(scores: &[f32], order: &[u32], labels: &[u8]) -> Self {
        let score = |row: &u32| scores.get(*row as usize).copied();
        // Room for all at once: as they grow, arrays take twice the memory.
        let mut sorted = Vec::with_capacity(order.len());
        sorted.extend(order.iter().filter_map(score).take_while(|score| !score.is_nan()));
        let mut ranked_labels = Vec::with_capacity(if labels.is_empty() { 0 } else { sorted.len() });
        if !labels.is_empty() {
            let known = order.iter().filter(|row| score(row).is_some()).take(sorted.len());
            ranked_labels.extend(known.map(|&row| labels.get(row as usize).copied().unwrap_or(2)));
        }
        let labels = ranked_labels;
        Self::of_sorted(sorted, labels)
    }

    fn of_sorted(scores: Vec<f32>, labels: Vec<u8>) -> Self {
        let mut ranking = Self { labels, ..Self::of_scores(scores) };
        ranking.count_from(0);
        ranking
    }

    /// The scores and the labels in their order: for [`Self::of_scores`] and [`Self::push_labels`].
    #[must_use]
    pub fn into_parts(self) -> (Vec<f32>, Vec<u8>) {
        (self.scores, self.labels)
    }

    /// Of scores in falling order, without labels.
    #[must_use]
    pub fn of_scores(scores: Vec<f32>) -> Self {
        Self { scores, labels: Vec::new(), counts: vec![[0; 2]] }
    }

    /// Takes in the labels of the next rows, so that many may come in parts, or none.
    pub fn push_labels(&mut self, more: &[u8]) {
        let before = self.labels.len();
        if !more.is_empty() {
            self.labels.reserve_exact(self.scores.len().saturating_sub(before));
        }
        self.labels.extend_from_slice(more);
        self.count_from(before);
    }

    /// Whether as many labels have come as there are scores, or none.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.labels.is_empty() || self.labels.len() == self.scores.len()
    }

    /// Counts anew from the block that holds this row on.
    fn count_from(&mut self, row: usize) {
        let block = row / BLOCK;
        self.counts.truncate(block + 1);
        let mut seen = self.counts[block];
        for some in self.labels[block * BLOCK..].chunks(BLOCK) {
            seen = sum(seen, count(some));
            self.counts.push(seen);
        }
    }

    /// Anomalies and normal rows among the `n` oddest; none without labels.
    fn known(&self, n: usize) -> [u32; 2] {
        let n = n.min(self.labels.len());
        let block = n / BLOCK;
        self.counts.get(block).map_or([0; 2], |&seen| sum(seen, count(&self.labels[block * BLOCK..n])))
    }

    /// How many rows are scored.
    #[must_use]
    pub fn n_scored(&self) -> usize {
        self.scores.len()
    }

    /// How many rows score at least `threshold`; a NaN threshold flags nothing.
    #[must_use]
    pub fn flagged(&self, threshold: f32) -> usize {
        self.scores.partition_point(|&score| score >= threshold)
    }

    /// The highest threshold that flags at least `flagged` rows; ties are flagged together. 0 rows: just above every score.
    #[must_use]
    pub fn threshold_for(&self, flagged: usize) -> f32 {
        match (flagged.min(self.scores.len()), self.scores.first()) {
            (_, None) => f32::INFINITY,
            (0, Some(top)) => top.next_up(),
            (n, Some(_)) => self.scores[n - 1],
        }
    }

    /// The place of a score among the rows, from 1.
    #[must_use]
    pub fn place(&self, score: f32) -> usize {
        self.scores.partition_point(|&other| other > score) + 1
    }

    /// The lowest and the highest finite score.
    #[must_use]
    pub fn range(&self) -> Option<(f32, f32)> {
        let finite = |score: &&f32| score.is_finite();
        Some((*self.scores.iter().rev().find(finite)?, *self.scores.iter().find(finite)?))
    }

    /// Whether labels are known.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Labelled anomalies among the `n` oddest rows; 0 without labels.
    #[must_use]
    pub fn anomalies_among(&self, n: usize) -> usize {
        self.known(n)[0] as usize
    }

    /// Rows labelled normal among the `n` oddest; 0 without labels.
    #[must_use]
    pub fn normal_among(&self, n: usize) -> usize {
        self.known(n)[1] as usize
    }

    /// The most rows, at most `n`, that some threshold flags: what is tied with a row that is one too many is left out.
    #[must_use]
    pub fn most_within(&self, n: usize) -> usize {
        self.scores.get(n).map_or(self.scores.len(), |&first_out| self.place(first_out) - 1)
    }

    /// The most rows that some threshold flags with at most `n` labelled normal among them; without labels, all.
    #[must_use]
    pub fn most_with_normal(&self, n: usize) -> usize {
        if !self.has_labels() {
            return self.scores.len();
        }
        let block = self.counts.partition_point(|seen| seen[1] as usize <= n).saturating_sub(1);
        let rest = self.labels.iter().enumerate().skip(block * BLOCK).filter(|(_, label)| **label == 0);
        let allowed = n - self.counts[block][1] as usize;
        // The first normal row that is one too many, and what is before it.
        self.most_within(rest.map(|(row, _)| row).nth(allowed).unwrap_or(self.scores.len()))
    }

    /// The threshold with the greatest F1 by the labels, and that F1; the highest of equally good ones, which flags the fewest rows.
    #[must_use]
    pub fn best_f1(&self) -> (f32, f64) {
        let all = self.known(self.labels.len());
        let (mut best, mut best_threshold) = (-1.0, f32::INFINITY);
        let mut seen = [0; 2];
        for (at, (&threshold, &label)) in self.scores.iter().zip(&self.labels).enumerate() {
            seen = sum(seen, [(label == 1).into(), (label == 0).into()]);
            if self.scores.get(at + 1) == Some(&threshold) {
                continue;
            }
            let f1 = confusion_of(all, seen).f1();
            if f1 > best {
                (best, best_threshold) = (f1, threshold);
            }
        }
        (best_threshold, best)
    }

    /// See [`evaluate::areas_and_curve`].
    ///
    /// # Panics
    /// Without labels.
    #[must_use]
    pub fn areas_and_curve(&self) -> (f64, f64, Curve) {
        evaluate::areas_and_curve_of_falling(&self.scores, &self.labels)
    }

    /// What the labels say about the rows that score at least `threshold`; `None` without labels.
    #[must_use]
    pub fn confusion(&self, threshold: f32) -> Option<Confusion> {
        if !self.has_labels() {
            return None;
        }
        Some(confusion_of(self.known(self.labels.len()), self.known(self.flagged(threshold))))
    }
}

/// Of anomalies and normal rows: those that there are, and those that are flagged.
fn confusion_of(all: [u32; 2], above: [u32; 2]) -> Confusion {
    Confusion {
        true_positives: above[0].into(),
        false_positives: above[1].into(),
        true_negatives: (all[1] - above[1]).into(),
        false_negatives: (all[0] - above[0]).into(),
    }
}

fn sum(a: [u32; 2], b: [u32; 2]) -> [u32; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

/// Anomalies and normal rows among these.
fn count(labels: &[u8]) -> [u32; 2] {
    let of = |class| labels.iter().filter(|&&label| label == class).count() as u32;
    [of(1), of(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 6] = [0.2, 0.9, f32::NAN, 0.5, 0.5, 0.7];
    const ORDER: [u32; 6] = [1, 5, 3, 4, 0, 2];
    const LABELS: [u8; 6] = [0, 1, 1, 2, 0, 1];

    fn ranking() -> Ranking {
        Ranking::new(&SCORES, &ORDER, &LABELS)
    }

    #[test]
    fn counts_rows_at_a_threshold() {
        let rows = [(1.0, 0), (0.9, 1), (0.7, 2), (0.6, 2), (0.5, 4), (0.2, 5), (-1.0, 5), (f32::NAN, 0)];
        for (threshold, expected) in rows {
            assert_eq!(ranking().flagged(threshold), expected, "{threshold}");
        }
    }

    #[test]
    fn a_budget_becomes_a_threshold_that_keeps_ties_together() {
        for (budget, flagged) in [(0, 0), (1, 1), (2, 2), (3, 4), (4, 4), (5, 5), (99, 5)] {
            let ranking = ranking();
            assert_eq!(ranking.flagged(ranking.threshold_for(budget)), flagged, "{budget}");
        }
    }

    #[test]
    fn confusion_leaves_out_unknown_labels_and_unscored_rows() {
        // Scored and labelled: 0.9 anomaly, 0.7 anomaly, 0.5 normal, 0.2 normal.
        for (threshold, [tp, fp, tn, missed]) in [(0.6, [2, 0, 2, 0]), (0.5, [2, 1, 1, 0]), (0.8, [1, 0, 2, 1])] {
            let expected =
                Confusion { true_positives: tp, false_positives: fp, true_negatives: tn, false_negatives: missed };
            assert_eq!(ranking().confusion(threshold), Some(expected), "{threshold}");
        }
        assert_eq!(Ranking::new(&SCORES, &ORDER, &[]).confusion(0.5), None);
    }

    #[test]
    fn labels_come_whole_or_in_parts() {
        let scores: Vec<f32> = (0..1000).map(|i| -(i as f32)).collect();
        let labels: Vec<u8> = (0..1000).map(|i| (i * i % 7 % 3) as u8).collect();
        let order: Vec<u32> = (0..1000).collect();
        let whole = Ranking::new(&scores, &order, &labels);
        assert_eq!(whole.anomalies_among(700), labels[..700].iter().filter(|&&label| label == 1).count());
        for cuts in [&[0, 1000][..], &[0, 256, 768, 1000], &[0, 10, 300, 300, 999, 1000]] {
            let mut parts = Ranking::of_scores(scores.clone());
            cuts.windows(2).for_each(|cut| parts.push_labels(&labels[cut[0]..cut[1]]));
            assert!(parts.is_whole() && parts == whole, "{cuts:?}");
        }
        let mut some = Ranking::of_scores(scores);
        assert!(some.is_whole() && !some.has_labels());
        some.push_labels(&[0]);
        assert!(!some.is_whole());
    }

    #[test]
    fn places_and_range() {
        for (score, place) in [(1.0, 1), (0.9, 1), (0.7, 2), (0.5, 3), (0.2, 5), (0.0, 6)] {
            assert_eq!(ranking().place(score), place, "{score}");
        }
        assert_eq!(ranking().range(), Some((0.2, 0.9)));
        assert_eq!(Ranking::default().range(), None);
        assert_eq!(Ranking::default().threshold_for(3), f32::INFINITY);
    }

    #[test]
    fn rows_that_do_not_exist_are_left_out() {
        assert_eq!(Ranking::new(&[0.5], &[9, 0], &[]).n_scored(), 1);
        assert_eq!(Ranking::new(&[0.5], &[0], &[]).anomalies_among(1), 0);
    }
}
