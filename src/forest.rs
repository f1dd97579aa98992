//! Isolation Forest after Liu, Ting and Zhou, "Isolation Forest", ICDM 2008, with scikit-learn's parameters and meanings.
//!
//! A tree splits a small sample of rows at random until each row is alone or the tree is as deep as an average one. Odd
//! rows end up alone early: `s = 2^(−E[h]/c(ψ))`, `h = depth + c(leaf size)`.
//!
//! - A feature that is constant in a node does not end the branch: the draw is among the features that vary there.
//! - NaN stands below every number: it goes left at every split and never bounds a range. Infinities are the largest
//!   finite numbers while fitting.
//! - The same seed and rows give the same forest and scores to the bit, natively and in wasm: `u32` draws, `libm`, sums in
//!   fixed order.
//!
//! A stored forest is untrusted. Its trees are stored in pre-order without pointers, so no stored tree can point outside
//! itself or in a circle; sizes, depths, features and thresholds are checked while it is laid out.

mod outline;
mod paths;
mod tiles;

pub use paths::{ForestPaths, PathCredits};

use crate::error::{Error, Result};
use crate::features::{Encoded, Values};
use crate::rng::Rng;
use ndarray::{ArrayView2, CowArray, Ix2, s};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use tiles::{Room, TileForest};

/// How many rows each tree sees; never more than there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxSamples {
    /// 256 (Liu 2008, section 4).
    Auto,
    Count(u32),
    /// Of the rows, in (0, 1].
    Fraction(f64),
}

/// What sets the offset between outlier and inlier. The scores themselves do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contamination {
    /// Offset −0.5: a row is an outlier if it is isolated sooner than an average row.
    Auto,
    /// This share of the fitted rows, in (0, 0.5], lies beyond the offset.
    Share(f64),
}

/// The parameters of a forest, named as in scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IsolationForestParams {
    pub n_estimators: u32,
    pub max_samples: MaxSamples,
    /// The share of the features that each tree may use, in (0, 1].
    pub max_features: f64,
    pub contamination: Contamination,
    pub seed: u64,
}

impl Default for IsolationForestParams {
    fn default() -> Self {
        // 100 trees of 256 rows: Liu 2008, section 4.
        Self {
            n_estimators: 100,
            max_samples: MaxSamples::Auto,
            max_features: 1.0,
            contamination: Contamination::Auto,
            seed: 0,
        }
    }
}

/// Far beyond use: path lengths settle well before 1,000 trees.
pub const MAX_ESTIMATORS: u32 = 10_000;
/// Bounds the memory of one tree. More rows make a forest worse, not better (Liu 2008, section 3: swamping and masking).
pub const MAX_SAMPLES: u32 = 1 << 20;

/// Rows that all trees together may see: bounds the memory of a forest, of some 45 bytes for each of them, and the time of the one
/// step that fits it. It is twenty times what is usual with named normal records.
pub const MAX_DRAWN: u64 = 1 << 23;

const AUTO_SAMPLES: u32 = 256;
const AUTO_OFFSET: f32 = -0.5;
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// A fitted forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct IsolationForest {
    n_features: u32,
    max_samples: u32,
    offset: f32,
    trees: Vec<Tree>,
    /// Of all trees, one after the other; the two children of a node are neighbours.
    nodes: Vec<Node>,
    /// The end of the path for each node that is a leaf.
    ends: Vec<End>,
    /// The trees as they are scored fastest, unless one is too large for it.
    tiles: Option<TileForest>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Tree {
    root: u32,
    depth: u32,
}

/// Goes to `child` where the feature is at most the threshold, else to `child + 1`. A leaf compares with infinity and is
/// its own child, so that a walk needs no test for leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    threshold: f32,
    feature: u32,
    child: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct End {
    /// `depth + c(size)`.
    path: f32,
    /// Rows that ended here while fitting; 0 in inner nodes.
    size: u32,
}

impl IsolationForestParams {
    /// Fits to the rows of `x` (rows × features).
    ///
    /// # Errors
    /// Without rows or features, or if a parameter is out of its range.
    pub fn fit(&self, x: ArrayView2<'_, f32>) -> Result<IsolationForest> {
        self.fit_where(x, x.nrows() as u32, |row| row)
    }

    /// The rows, rising, that the trees will see of `n_rows` rows: enough for [`Self::fit_sampled`].
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn sampled_rows(&self, n_rows: u32) -> Result<Vec<u32>> {
        let samples = self.check(n_rows)?;
        // A bit for each row: trees see the same rows again and again.
        let mut seen = vec![0_u64; n_rows.div_ceil(64) as usize];
        for tree in 0..self.n_estimators {
            for row in self.rng(tree).sample(n_rows, samples) {
                seen[row as usize / 64] |= 1 << (row % 64);
            }
        }
        Ok((0..n_rows).filter(|&row| seen[row as usize / 64] >> (row % 64) & 1 == 1).collect())
    }

    /// The forest that [`Self::fit`] makes of `n_rows` rows, from the rows that [`Self::sampled_rows`] names alone.
    /// A contamination share then means a share of these.
    ///
    /// # Errors
    /// As [`Self::fit`], and if `x` does not hold as many rows as `sampled_rows` names.
    pub fn fit_sampled(&self, x: ArrayView2<'_, f32>, n_rows: u32) -> Result<IsolationForest> {
        let rows = self.sampled_rows(n_rows)?;
        if rows.len() != x.nrows() {
            return Err(Error::new(format!("{} rows to fit a forest to, expected {}", x.nrows(), rows.len())));
        }
        self.fit_where(x, n_rows, |row| rows.partition_point(|&r| r < row) as u32)
    }

    fn fit_where(&self, x: ArrayView2<'_, f32>, n_rows: u32, place: impl Fn(u32) -> u32) -> Result<IsolationForest> {
        let samples = self.check(n_rows)?;
        let n_features = x.ncols();
        if n_features == 0 {
            return Err(Error::new("There is no column that a forest could use")
                .advice("Give at least one column with different values the role of a feature"));
        }
        // scikit-learn: max(1, int(max_features * n_features)).
        let n_drawn = ((self.max_features * n_features as f64) as u32).max(1);
        let x = x.as_standard_layout();
        let trees = (0..self.n_estimators).map(|tree| {
            let mut rng = self.rng(tree);
            let rows = rng.sample(n_rows, samples).into_iter().map(&place).collect();
            let features = rng.sample(n_features as u32, n_drawn);
            grow(&x, rows, features, &mut rng)
        });
        let stored = Stored {
            version: VERSION,
            n_features: n_features as u32,
            max_samples: samples,
            offset: AUTO_OFFSET,
            trees: trees.collect(),
        };
        let mut forest = IsolationForest::try_from(stored)?;
        if let Contamination::Share(share) = self.contamination {
            forest.offset = percentile(forest.score_samples(x.view()), share);
        }
        Ok(forest)
    }

    /// How many rows each tree sees.
    fn check(&self, n_rows: u32) -> Result<u32> {
        let range = |what: &str, range: &str| Err(Error::new(format!("{what} is not in {range}")));
        if !(self.max_features > 0.0 && self.max_features <= 1.0) {
            return range("The share of features for each tree", "(0, 1]");
        }
        if let Contamination::Share(share) = self.contamination
            && !(share > 0.0 && share <= 0.5)
        {
            return range("The contamination", "(0, 0.5]");
        }
        let samples = match self.max_samples {
            MaxSamples::Auto => AUTO_SAMPLES,
            MaxSamples::Count(0) => return range("The number of rows for each tree", &format!("1 to {MAX_SAMPLES}")),
            MaxSamples::Count(count) => count,
            MaxSamples::Fraction(share) if share > 0.0 && share <= 1.0 => ((share * f64::from(n_rows)) as u32).max(1),
            MaxSamples::Fraction(_) => return range("The share of rows for each tree", "(0, 1]"),
        };
        if n_rows == 0 {
            return Err(Error::new("There is no row to fit a forest to"));
        }
        let samples = samples.min(n_rows).min(MAX_SAMPLES);
        check_size(self.n_estimators, samples)?;
        Ok(samples)
    }

    fn rng(&self, tree: u32) -> Rng {
        Rng::stream(self.seed, u64::from(tree))
    }
}

/// A forest that scores one block of encoded rows after the other.
pub struct ForestScorer<'a> {
    forest: &'a IsolationForest,
    room: Room,
}

impl ForestScorer<'_> {
    /// As [`IsolationForest::anomaly_score`], to the same bits, with the help of what the encoder knows of the rows.
    ///
    /// # Panics
    /// If the shapes do not fit each other or the forest.
    pub fn anomaly_score(&mut self, rows: &Encoded, out: &mut [f32]) {
        let forest = self.forest;
        let width = forest.n_features as usize;
        assert_eq!((rows.n_rows(), rows.n_features()), (out.len(), width), "shape of the rows to score");
        match &forest.tiles {
            Some(tiles) => {
                let values = |feature: u32, some: Range<usize>| rows.values(feature as usize).of(some);
                tiles.sum_paths(out.len(), &values, &mut self.room, |row, sum| out[row] = forest.score_of(sum));
            }
            None => forest.score_each(rows.view(), out),
        }
    }
}

impl IsolationForest {
    /// `s = 2^(−E[h]/c(ψ))`, in (0, 1], rising with anomaly; 0.5 is average. `x` is rows × features, `out` has a place for
    /// each row. It is fastest where the values of a feature are neighbours (column-major).
    ///
    /// # Panics
    /// If the shapes do not fit each other or the forest.
    pub fn anomaly_score(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) {
        let width = self.n_features as usize;
        assert_eq!((x.nrows(), x.ncols()), (out.len(), width), "shape of the rows to score");
        match &self.tiles {
            Some(tiles) => {
                let values = |feature: u32, rows: Range<usize>| Values::Any(x.slice_move(s![rows, feature as usize]));
                tiles.sum_paths(x.nrows(), &values, &mut Room::default(), |row, sum| out[row] = self.score_of(sum));
            }
            None => self.score_each(x, out),
        }
    }

    fn score_each(&self, x: ArrayView2<'_, f32>, out: &mut [f32]) {
        for (row, score) in x.rows().into_iter().zip(out) {
            *score = self.anomaly_score_of_row(&row.to_vec());
        }
    }

    #[must_use]
    pub fn scorer(&self) -> ForestScorer<'_> {
        ForestScorer { forest: self, room: Room::default() }
    }

    /// The same for one row, node by node, which is slower for many rows: what [`Self::anomaly_score`] is held against.
    ///
    /// # Panics
    /// If the row has fewer values than the forest features.
    #[must_use]
    pub fn anomaly_score_of_row(&self, row: &[f32]) -> f32 {
        let path = |tree: &Tree| {
            let mut at = tree.root;
            for _ in 0..tree.depth {
                let node = self.nodes[at as usize];
                at = node.child + u32::from(row[node.feature as usize] > node.threshold);
            }
            f64::from(self.ends[at as usize].path)
        };
        self.score_of(self.trees.iter().fold(0.0, |sum, tree| sum + path(tree)))
    }

    fn score_of(&self, sum_of_paths: f64) -> f32 {
        let average = average_path_length(self.max_samples) * self.trees.len() as f64;
        // One row has no path to compare with; scikit-learn calls it average.
        if average == 0.0 { 0.5 } else { libm::exp2(-sum_of_paths / average) as f32 }
    }

    /// The forest that compares each feature with what `map` makes of the threshold, from the feature and the threshold.
    #[must_use]
    pub fn map_thresholds(&self, map: impl Fn(u32, f32) -> f32) -> Self {
        let mut forest = self.clone();
        for (at, node) in (0..).zip(&mut forest.nodes) {
            if node.child != at {
                node.threshold = map(node.feature, node.threshold);
            }
        }
        forest.tiles = TileForest::of(&forest.outlines());
        forest
    }

    /// The opposite of the anomaly score, as in scikit-learn: the lower, the more abnormal.
    #[must_use]
    pub fn score_samples(&self, x: ArrayView2<'_, f32>) -> Vec<f32> {
        let mut scores = vec![0.0; x.nrows()];
        self.anomaly_score(x, &mut scores);
        scores.iter_mut().for_each(|score| *score = -*score);
        scores
    }

    /// `score_samples − offset`, as in scikit-learn: negative for outliers.
    #[must_use]
    pub fn decision_function(&self, x: ArrayView2<'_, f32>) -> Vec<f32> {
        self.score_samples(x).into_iter().map(|score| score - self.offset).collect()
    }

    /// −1 for outliers, 1 for inliers, as in scikit-learn.
    #[must_use]
    pub fn predict(&self, x: ArrayView2<'_, f32>) -> Vec<i8> {
        self.decision_function(x).into_iter().map(|decision| if decision < 0.0 { -1 } else { 1 }).collect()
    }

    /// What `score_samples` is compared with.
    #[must_use]
    pub fn offset(&self) -> f32 {
        self.offset
    }

    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features as usize
    }

    #[must_use]
    pub fn n_estimators(&self) -> usize {
        self.trees.len()
    }

    /// Rows that each tree saw, ψ.
    #[must_use]
    pub fn max_samples(&self) -> u32 {
        self.max_samples
    }

    /// The stored form: [`MAGIC`], then postcard.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, MAGIC.to_vec()).expect("a forest can be written to memory")
    }

    /// Reads the stored form, which is not trusted.
    ///
    /// # Errors
    /// If it is no forest, a newer one, or a broken one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| broken("it does not begin as one"))?;
        match postcard::take_from_bytes::<Stored>(body) {
            Ok((stored, [])) => Self::try_from(stored),
            Ok(_) => Err(broken("something follows its end")),
            Err(_) => Err(broken("it cannot be read to its end")),
        }
    }
}

/// Whether so many trees of so many rows each can be fitted.
///
/// # Errors
/// If one of the two is out of its range, or both together are.
pub fn check_size(n_trees: u32, samples: u32) -> Result<()> {
    let range = |what: &str, most: u32| Err(Error::new(format!("{what} is not in 1 to {most}")));
    if n_trees == 0 || n_trees > MAX_ESTIMATORS {
        return range("The number of trees", MAX_ESTIMATORS);
    }
    if samples == 0 || samples > MAX_SAMPLES {
        return range("The number of rows for each tree", MAX_SAMPLES);
    }
    let drawn = u64::from(n_trees) * u64::from(samples);
    if drawn > MAX_DRAWN {
        return Err(Error::new(format!(
            "{n_trees} trees of {samples} records each are {drawn} records together, more than the {MAX_DRAWN} allowed"
        ))
        .advice("Use fewer trees, or fewer records for each; more of them hardly change the scores"));
    }
    Ok(())
}

/// `c(n) = 2 H(n−1) − 2 (n−1)/n`, the average path length of an unsuccessful search in a binary search tree of `n` rows
/// (Liu 2008, eq. 1), with `H(i) ≈ ln i + γ` as there and in scikit-learn.
#[must_use]
pub fn average_path_length(n: u32) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let (n, before) = (f64::from(n), f64::from(n - 1));
            2.0 * (libm::log(before) + EULER_GAMMA) - 2.0 * before / n
        }
    }
}

/// `⌈log2 ψ⌉`: the average height of a tree, beyond which rows are not odd (Liu 2008, section 3).
fn depth_limit(samples: u32) -> u32 {
    samples.max(2).next_power_of_two().trailing_zeros()
}

/// Grows one tree on these rows and features of `x`; its nodes in pre-order.
fn grow(x: &CowArray<'_, f32, Ix2>, mut rows: Vec<u32>, mut features: Vec<u32>, rng: &mut Rng) -> Vec<StoredNode> {
    let limit = depth_limit(rows.len() as u32);
    let mut nodes = Vec::with_capacity(2 * rows.len());
    // Slices of `rows` that are yet to become nodes, with their depth.
    let mut open = vec![(0, rows.len(), 0)];
    while let Some((start, end, depth)) = open.pop() {
        let node = &mut rows[start..end];
        let split = if node.len() > 1 && depth < limit { draw_split(x, node, &mut features, rng) } else { None };
        let Some((feature, threshold)) = split else {
            nodes.push(StoredNode::Leaf { size: node.len() as u32 });
            continue;
        };
        nodes.push(StoredNode::Split { feature, threshold });
        let column = x.column(feature as usize);
        let middle = start + partition(node, |row| column[row as usize] > threshold);
        open.push((middle, end, depth + 1));
        open.push((start, middle, depth + 1));
    }
    nodes
}

/// Draws a feature among those that vary in these rows, and a threshold between its least and greatest value.
fn draw_split(x: &CowArray<'_, f32, Ix2>, rows: &[u32], features: &mut [u32], rng: &mut Rng) -> Option<(u32, f32)> {
    // What was drawn and found constant moves behind the end, so it is drawn once at most.
    for left in (1..=features.len()).rev() {
        let drawn = rng.below(left as u32) as usize;
        features.swap(drawn, left - 1);
        let feature = features[left - 1];
        let (low, high) = range(x, rows, feature);
        if low < high {
            let width = f64::from(high) - f64::from(low);
            let threshold = (f64::from(low) + rng.uniform() * width) as f32;
            // Rounding may reach the upper end, which would leave the right side empty.
            return Some((feature, if threshold < high { threshold } else { low }));
        }
    }
    None
}

/// The least and greatest number of a feature in these rows; NaN is none.
fn range(x: &CowArray<'_, f32, Ix2>, rows: &[u32], feature: u32) -> (f32, f32) {
    let column = x.column(feature as usize);
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for &row in rows {
        let value = column[row as usize].clamp(f32::MIN, f32::MAX);
        // Comparisons with NaN are false.
        if value < low {
            low = value;
        }
        if value > high {
            high = value;
        }
    }
    (low, high)
}

/// Moves the rows that go right behind those that go left, both in their order; how many go left.
fn partition(rows: &mut [u32], goes_right: impl Fn(u32) -> bool) -> usize {
    let (right, left): (Vec<u32>, Vec<u32>) = rows.iter().partition(|&&row| goes_right(row));
    rows[..left.len()].copy_from_slice(&left);
    rows[left.len()..].copy_from_slice(&right);
    left.len()
}

/// The value below which this share of the values lies, interpolated linearly (numpy's default).
fn percentile(mut values: Vec<f32>, share: f64) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let place = share * (values.len() - 1) as f64;
    let below = place as usize;
    let (a, b) = (f64::from(values[below]), f64::from(values[(below + 1).min(values.len() - 1)]));
    (a + (place - below as f64) * (b - a)) as f32
}

/// What a stored forest begins with.
pub const MAGIC: &[u8] = b"OFIF";
const VERSION: u32 = 1;

/// The stored form of a forest.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    n_features: u32,
    max_samples: u32,
    offset: f32,
    /// The nodes of each tree in pre-order: a split is followed by its left and then its right part.
    trees: Vec<Vec<StoredNode>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum StoredNode {
    Leaf { size: u32 },
    Split { feature: u32, threshold: f32 },
}

fn broken(why: &str) -> Error {
    Error::new(format!("The stored forest is broken: {why}")).advice("Get the model again from where it came from")
}

impl TryFrom<Stored> for IsolationForest {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        if stored.version != VERSION {
            return Err(Error::new(format!("The forest is stored in version {}, not {VERSION}", stored.version))
                .advice("Use the Oddflow that the model was made for"));
        }
        if stored.n_features == 0 || stored.trees.is_empty() || stored.trees.len() > MAX_ESTIMATORS as usize {
            return Err(broken("it has no features, no trees or too many trees"));
        }
        if stored.max_samples == 0 || stored.max_samples > MAX_SAMPLES || !stored.offset.is_finite() {
            return Err(broken("its sample size or offset is out of range"));
        }
        let mut forest = Self {
            n_features: stored.n_features,
            max_samples: stored.max_samples,
            offset: stored.offset,
            trees: Vec::with_capacity(stored.trees.len()),
            nodes: Vec::new(),
            ends: Vec::new(),
            tiles: None,
        };
        for tree in &stored.trees {
            forest.lay_out(tree)?;
        }
        forest.tiles = TileForest::of(&forest.outlines());
        Ok(forest)
    }
}

impl IsolationForest {
    fn lay_out(&mut self, tree: &[StoredNode]) -> Result<()> {
        if u32::try_from(self.nodes.len() + tree.len()).is_err() {
            return Err(broken("it has too many nodes"));
        }
        let root = self.reserve(1);
        let (mut rows, mut deepest) = (0, 0);
        let mut open = vec![(root, 0)];
        for node in tree {
            let (at, depth) = open.pop().ok_or_else(|| broken("a tree goes on after its end"))?;
            deepest = deepest.max(depth);
            match *node {
                StoredNode::Leaf { size } => {
                    rows += u64::from(size);
                    let path = (f64::from(depth) + average_path_length(size)) as f32;
                    self.ends[at as usize] = End { path, size };
                }
                StoredNode::Split { feature, threshold } => {
                    if feature >= self.n_features || !threshold.is_finite() || depth >= depth_limit(self.max_samples) {
                        return Err(broken("a split is out of range"));
                    }
                    let child = self.reserve(2);
                    self.nodes[at as usize] = Node { threshold, feature, child };
                    open.push((child + 1, depth + 1));
                    open.push((child, depth + 1));
                }
            }
        }
        if !open.is_empty() || rows != u64::from(self.max_samples) {
            return Err(broken("a tree is not complete"));
        }
        self.trees.push(Tree { root, depth: deepest });
        Ok(())
    }

    /// Adds leaves; the place of the first.
    fn reserve(&mut self, count: u32) -> u32 {
        let first = self.nodes.len() as u32;
        for child in first..first + count {
            self.nodes.push(Node { threshold: f32::INFINITY, feature: 0, child });
            self.ends.push(End { path: 0.0, size: 0 });
        }
        first
    }
}

impl From<IsolationForest> for Stored {
    fn from(forest: IsolationForest) -> Self {
        let tree = |tree: &Tree| {
            let mut stored = Vec::new();
            let mut open = vec![tree.root];
            while let Some(at) = open.pop() {
                let Node { threshold, feature, child } = forest.nodes[at as usize];
                if child == at {
                    stored.push(StoredNode::Leaf { size: forest.ends[at as usize].size });
                } else {
                    stored.push(StoredNode::Split { feature, threshold });
                    open.extend([child + 1, child]);
                }
            }
            stored
        };
        Self {
            version: VERSION,
            n_features: forest.n_features,
            max_samples: forest.max_samples,
            offset: forest.offset,
            trees: forest.trees.iter().map(tree).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder, array};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn cloud(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
        let mut rng = Rng::new(seed);
        Array2::from_shape_simple_fn((rows, columns), || rng.normal() as f32)
    }

    /// A flag and one of few numbers, in so many rows.
    fn encoded(room: &mut Encoded, rows: usize, is_set: impl Fn(usize) -> bool) {
        room.begin(rows);
        (0..rows).filter(|&row| is_set(row)).for_each(|row| room.set(0, row));
        room.choose(1, |which| which.iter_mut().zip(0..).for_each(|(which, row)| *which = 13 * row % 700));
    }

    #[test]
    fn what_is_known_of_features_changes_no_bit() {
        // Many thresholds on both sides of zero, and fewer of the other feature; in several groups.
        let x = Array2::from_shape_fn((4000, 2), |(i, k)| match k {
            0 => libm::sinf(i as f32),
            _ => {
                if i % 40 == 0 {
                    libm::cosf(i as f32)
                } else {
                    0.0
                }
            }
        });
        let forest = IsolationForestParams { n_estimators: 300, ..Default::default() }.fit(x.view()).unwrap();
        let mut room = Encoded::new(512, 2);
        // More than are ranked at a time.
        room.is_one_of(1, (0..700).map(|which| libm::cosf(which as f32)).collect());
        let mut scorer = forest.scorer();
        for (rows, step) in [(512, 3), (100, usize::MAX), (512, usize::MAX), (300, 299), (1, usize::MAX), (0, 1)] {
            encoded(&mut room, rows, |row| row > 0 && row % step == 0);
            let mut found = vec![0.0; rows];
            scorer.anomaly_score(&room, &mut found);
            assert_eq!(found, scores(&forest, &room.view().to_owned()), "{rows} rows");
        }
        // Other numbers are not taken for those before.
        room.is_one_of(1, (0..700).map(|which| libm::sinf(which as f32)).collect());
        encoded(&mut room, 200, |_| false);
        let mut found = vec![0.0; 200];
        scorer.anomaly_score(&room, &mut found);
        assert_eq!(found, scores(&forest, &room.view().to_owned()));
    }

    fn scores(forest: &IsolationForest, x: &Array2<f32>) -> Vec<f32> {
        let mut scores = vec![0.0; x.nrows()];
        forest.anomaly_score(x.view(), &mut scores);
        scores
    }

    #[test]
    fn average_path_length_is_that_of_the_paper() {
        // c(3) = 2 (ln 2 + γ) − 4/3; c(256) = 2 (ln 255 + γ) − 510/256.
        for (n, expected) in [(0, 0.0), (1, 0.0), (2, 1.0), (3, 1.207_392_36), (256, 10.244_770_92)] {
            assert!((average_path_length(n) - expected).abs() < 1e-8, "c({n}) = {}", average_path_length(n));
        }
        for (samples, limit) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)] {
            assert_eq!(depth_limit(samples), limit, "{samples}");
        }
    }

    #[test]
    fn scores_follow_from_the_paths() {
        let check = |x: Array2<f32>, expected: &[f32]| {
            let forest = IsolationForestParams::default().fit(x.view()).unwrap();
            let scores = scores(&forest, &x);
            assert!(scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{x}: {scores:?}");
        };
        // Two rows: one split, h = 1, c(2) = 1.
        check(array![[0.0], [1.0]], &[0.5, 0.5]);
        // One row, and rows that are all the same: the root is a leaf, h = c(ψ).
        check(array![[3.0]], &[0.5]);
        check(array![[3.0, 1.0], [3.0, 1.0], [3.0, 1.0]], &[0.5, 0.5, 0.5]);
        // The first split parts 10 from the zeros, which then cannot be split: h = 1 and h = 1 + c(3) = 2.207392.
        // c(4) = 2 (ln 3 + γ) − 3/2 = 1.851656, so s = 2^(−1/1.851656) and 2^(−2.207392/1.851656).
        check(array![[0.0], [0.0], [0.0], [10.0]], &[0.437_659_9, 0.437_659_9, 0.437_659_9, 0.687_743_7]);
        // Constant features do not end the branch.
        let mut wide = Array2::zeros((4, 40));
        wide[[3, 17]] = 10.0;
        check(wide, &[0.437_659_9, 0.437_659_9, 0.437_659_9, 0.687_743_7]);
        // Neither do the extremes: their width overflows no f32, and a split between neighbours leaves no side empty.
        check(array![[f32::MIN], [f32::MAX]], &[0.5, 0.5]);
        check(array![[f32::INFINITY], [f32::NEG_INFINITY]], &[0.5, 0.5]);
        check(array![[1.0], [1.0 + f32::EPSILON]], &[0.5, 0.5]);
        // NaN goes left with the lower number.
        check(array![[f32::NAN], [f32::NAN], [f32::NAN], [f32::NAN]], &[0.5; 4]);
    }

    #[test]
    fn scoring_many_rows_is_scoring_each() {
        // Flags, numbers with few and with many values, and everything that a number can be.
        let odd = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, 0.0, 1e-45, -1e-45];
        let mut rng = Rng::new(3);
        let mut table = |n_rows: usize, width: usize| {
            Array2::from_shape_fn((n_rows, width), |(_, column)| match (column % 4, rng.below(50)) {
                (0, 0) => odd[rng.below(odd.len() as u32) as usize],
                (0, _) => (rng.normal() * 1e3) as f32,
                (1, _) => rng.below(2) as f32,
                (2, 0) => (rng.normal() * 1e30) as f32,
                (2, _) => rng.below(7) as f32 - 3.0,
                _ => libm::exp(9.0 * rng.normal()) as f32,
            })
        };
        let mut check = |n_rows: usize, width: usize, samples: u32, n_estimators: u32| {
            let x = table(n_rows, width);
            let max_samples = MaxSamples::Count(samples);
            let params = IsolationForestParams { n_estimators, max_samples, ..Default::default() };
            let forest = params.fit(x.view()).unwrap();
            assert!(forest.tiles.is_some());
            // Rows like those, then each threshold with its neighbours, a row for a node.
            let splits = forest.nodes.iter().filter(|node| node.threshold.is_finite()).take(3000);
            let mut rows = table(700, width);
            for (i, node) in splits.enumerate() {
                for value in [node.threshold, node.threshold.next_up(), node.threshold.next_down()] {
                    rows.push_row(x.row(i % n_rows)).unwrap();
                    *rows.last_mut().unwrap() = value;
                    let last = rows.nrows() - 1;
                    rows[[last, node.feature as usize]] = value;
                }
            }
            let expected: Vec<f32> =
                rows.rows().into_iter().map(|row| forest.anomaly_score_of_row(&row.to_vec())).collect();
            assert_eq!(scores(&forest, &rows), expected, "{n_rows} rows, {width} columns, {samples} samples");
            let mut columns = Array2::zeros(rows.raw_dim().f());
            columns.assign(&rows);
            assert_eq!(scores(&forest, &columns), expected);
        };
        check(1, 1, 256, 3);
        check(300, 1, 256, 1);
        check(2000, 9, 256, 100);
        check(5000, 4, 512, 30);
        check(5000, 41, 5000, 12);
    }

    #[test]
    fn a_forest_too_large_for_tiles_is_scored_all_the_same() {
        // One tree of more nodes than 16 bits count.
        let x = Array2::from_shape_fn((300_000, 1), |(i, _)| i as f32);
        let params =
            IsolationForestParams { n_estimators: 1, max_samples: MaxSamples::Count(300_000), ..Default::default() };
        let forest = params.fit(x.view()).unwrap();
        assert!(forest.tiles.is_none());
        let some = x.slice(ndarray::s![..5, ..]).to_owned();
        let expected: Vec<f32> = some.iter().map(|&x| forest.anomaly_score_of_row(&[x])).collect();
        assert_eq!(scores(&forest, &some), expected);
    }

    #[test]
    fn contamination_moves_only_the_offset() {
        let x = cloud(400, 3, 1);
        let params = IsolationForestParams { n_estimators: 20, ..IsolationForestParams::default() };
        let auto = params.fit(x.view()).unwrap();
        assert_eq!(auto.offset(), -0.5);
        let tenth = IsolationForestParams { contamination: Contamination::Share(0.1), ..params }.fit(x.view()).unwrap();
        assert_eq!(auto.score_samples(x.view()), tenth.score_samples(x.view()));
        assert_eq!(tenth.predict(x.view()).iter().filter(|&&verdict| verdict == -1).count(), 40);
    }

    #[test]
    fn percentile_interpolates_as_numpy() {
        for (share, expected) in [(0.0, 1.0), (0.5, 2.5), (0.1, 1.3), (1.0, 4.0)] {
            assert_eq!(percentile(vec![4.0, 1.0, 3.0, 2.0], share), expected);
        }
    }

    #[test]
    fn the_sampled_rows_are_enough() {
        let x = cloud(5000, 4, 2);
        let params = IsolationForestParams {
            n_estimators: 7,
            max_samples: MaxSamples::Count(64),
            max_features: 0.5,
            ..Default::default()
        };
        let rows = params.sampled_rows(5000).unwrap();
        let picked = x.select(ndarray::Axis(0), &rows.iter().map(|&row| row as usize).collect::<Vec<_>>());
        assert!(rows.len() <= 7 * 64);
        assert_eq!(params.fit_sampled(picked.view(), 5000).unwrap(), params.fit(x.view()).unwrap());
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let good = IsolationForestParams::default();
        let x = cloud(4, 2, 0);
        for bad in [
            IsolationForestParams { n_estimators: 0, ..good },
            IsolationForestParams { max_samples: MaxSamples::Count(0), ..good },
            IsolationForestParams { max_samples: MaxSamples::Fraction(1.5), ..good },
            IsolationForestParams { max_features: f64::NAN, ..good },
            IsolationForestParams { contamination: Contamination::Share(0.7), ..good },
        ] {
            assert!(bad.fit(x.view()).is_err(), "{bad:?}");
        }
        let many = IsolationForestParams { n_estimators: 1000, max_samples: MaxSamples::Count(65_536), ..good };
        assert!(many.fit(x.view()).is_ok(), "of four rows each");
        assert!(many.sampled_rows(100_000).unwrap_err().what.contains("together"));
        assert!(good.fit(Array2::zeros((0, 2)).view()).is_err());
        assert!(good.fit(Array2::zeros((2, 0)).view()).is_err());
    }

    #[test]
    fn a_stored_forest_comes_back_and_a_broken_one_does_no_harm() {
        let x = cloud(40, 3, 5);
        let params = IsolationForestParams { n_estimators: 3, ..IsolationForestParams::default() };
        let forest = params.fit(x.view()).unwrap();
        let bytes = forest.to_bytes();
        assert_eq!(IsolationForest::from_bytes(&bytes).unwrap(), forest);
        for end in 0..bytes.len() {
            assert!(IsolationForest::from_bytes(&bytes[..end]).is_err());
        }
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xFF] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                if let Ok(forest) = IsolationForest::from_bytes(&bytes)
                    && forest.n_features() == 3
                {
                    assert!(scores(&forest, &x).iter().all(|score| (0.0..=1.0).contains(score)));
                }
            }
        }
    }

    #[test]
    fn the_scores_never_change() {
        // FNV-1a over the bits of the scores: the same natively and in wasm.
        let x = cloud(1000, 5, 11);
        let forest = IsolationForestParams { seed: 4, ..IsolationForestParams::default() }.fit(x.view()).unwrap();
        let bytes = scores(&forest, &x).into_iter().flat_map(|score| score.to_bits().to_le_bytes());
        let hash =
            bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        assert_eq!(hash, 13_763_109_224_567_247_998);
    }
}
