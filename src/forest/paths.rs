//! What each split on a row's way through a forest does to its path length: the ground of reasons.
//!
//! The value of a node is the path length that a fitted row is expected to have once it is there. A split credits its
//! feature with how much the value falls from a node to its child, so the credits of a path add up to the value of the
//! root less the row's own path length. Local DIFFI (Carletti, Terzi and Susto, "Interpretable Anomaly Detection with
//! DIFFI", Engineering Applications of Artificial Intelligence 119:105730) adds `1/h − 1/⌈log2 ψ⌉` to every feature
//! on a path of `h` splits: features on short paths matter.

use super::{IsolationForest, Stored, StoredNode, average_path_length, depth_limit};

/// A forest laid out to be walked with an eye on every split.
pub struct ForestPaths {
    roots: Vec<u32>,
    nodes: Vec<PathNode>,
    /// `⌈log2 ψ⌉`.
    depth_limit: f64,
    /// `c(ψ)`.
    average: f64,
    /// The mean value of the roots.
    expected: f64,
}

#[derive(Clone, Copy)]
struct PathNode {
    threshold: f32,
    /// [`LEAF`] in leaves.
    feature: u32,
    /// The left one; the right one is next to it.
    child: u32,
    /// The expected path length.
    value: f64,
}

const LEAF: u32 = u32::MAX;

/// What the features of a forest have to do with the path length of one row; a place for each of some groups of features.
#[derive(Clone, Debug, Default)]
pub struct PathCredits {
    /// By how much the group shortens the path, in splits, mean over the trees.
    pub shortening: Vec<f64>,
    /// The summed `1/h − 1/⌈log2 ψ⌉` of its splits.
    pub diffi: Vec<f64>,
    /// How many splits those were.
    pub uses: Vec<u32>,
    /// The mean path length.
    pub path: f64,
}

impl ForestPaths {
    #[must_use]
    pub fn of(forest: &IsolationForest) -> Self {
        let stored = Stored::from(forest.clone());
        let mut paths = Self {
            roots: Vec::with_capacity(stored.trees.len()),
            nodes: Vec::new(),
            depth_limit: f64::from(depth_limit(stored.max_samples)),
            average: average_path_length(stored.max_samples),
            expected: 0.0,
        };
        for tree in &stored.trees {
            let root = paths.add_tree(tree);
            paths.expected += paths.nodes[root as usize].value;
            paths.roots.push(root);
        }
        paths.expected /= paths.roots.len() as f64;
        paths
    }

    /// The path length that a fitted row is expected to have.
    #[must_use]
    pub fn expected(&self) -> f64 {
        self.expected
    }

    /// `c(ψ)`, with which a path length is compared: `s = 2^(−h/c(ψ))`.
    #[must_use]
    pub fn average(&self) -> f64 {
        self.average
    }

    /// Walks every tree with one row; `group` says to which group of features each feature belongs.
    ///
    /// # Panics
    /// If the row or `group` has fewer features than the forest.
    pub fn credit(&self, row: &[f32], group: &[u32], credits: &mut PathCredits) {
        let n_groups = group.iter().max().map_or(0, |&last| last as usize + 1);
        credits.shortening.clear();
        credits.shortening.resize(n_groups, 0.0);
        credits.diffi.clear();
        credits.diffi.resize(n_groups, 0.0);
        credits.uses.clear();
        credits.uses.resize(n_groups, 0);
        let mut sum = 0.0;
        let mut passed = Vec::with_capacity(self.depth_limit as usize);
        for &root in &self.roots {
            passed.clear();
            let mut node = self.nodes[root as usize];
            while node.feature != LEAF {
                let child = node.child + u32::from(row[node.feature as usize] > node.threshold);
                let next = self.nodes[child as usize];
                let group = group[node.feature as usize] as usize;
                credits.shortening[group] += node.value - next.value;
                passed.push(group);
                node = next;
            }
            sum += node.value;
            let weight = if passed.is_empty() { 0.0 } else { 1.0 / passed.len() as f64 - 1.0 / self.depth_limit };
            for &group in &passed {
                credits.diffi[group] += weight;
                credits.uses[group] += 1;
            }
        }
        let n = self.roots.len() as f64;
        credits.shortening.iter_mut().for_each(|credit| *credit /= n);
        credits.path = sum / n;
    }

    /// Lays out a tree that is stored in pre-order; the place of its root.
    fn add_tree(&mut self, tree: &[StoredNode]) -> u32 {
        let first = self.nodes.len();
        let place = |at: usize| PathNode { threshold: 0.0, feature: LEAF, child: at as u32, value: 0.0 };
        self.nodes.push(place(first));
        // The nodes that are still to come, with their depths; and each node's place, for the way back up.
        let mut open = vec![(first, 0_u32)];
        let mut places = Vec::with_capacity(tree.len());
        for node in tree {
            let (at, depth) = open.pop().expect("a forest's trees are whole");
            places.push(at);
            match *node {
                // As the scorer rounds it.
                StoredNode::Leaf { size } => {
                    self.nodes[at].value = f64::from((f64::from(depth) + average_path_length(size)) as f32);
                }
                StoredNode::Split { feature, threshold } => {
                    let child = self.nodes.len();
                    self.nodes.extend([place(child), place(child + 1)]);
                    self.nodes[at] = PathNode { threshold, feature, child: child as u32, value: 0.0 };
                    open.extend([(child + 1, depth + 1), (child, depth + 1)]);
                }
            }
        }
        let mut sizes = vec![0_u64; self.nodes.len() - first];
        for (node, &at) in tree.iter().zip(&places).rev() {
            match *node {
                StoredNode::Leaf { size } => sizes[at - first] = u64::from(size),
                StoredNode::Split { .. } => {
                    let left = self.nodes[at].child as usize;
                    let (a, b) = (sizes[left - first] as f64, sizes[left + 1 - first] as f64);
                    sizes[at - first] = sizes[left - first] + sizes[left + 1 - first];
                    // A split that parts no fitted rows cannot be, but a stored forest may claim it.
                    let all = (a + b).max(1.0);
                    self.nodes[at].value = (a * self.nodes[left].value + b * self.nodes[left + 1].value) / all;
                }
            }
        }
        first as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::IsolationForestParams;
    use crate::rng::Rng;
    use ndarray::Array2;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn credits_add_up_to_the_shortening_of_the_path() {
        let mut rng = Rng::new(3);
        let x = Array2::from_shape_simple_fn((500, 6), || rng.normal() as f32);
        let forest = IsolationForestParams::default().fit(x.view()).unwrap();
        let paths = ForestPaths::of(&forest);
        let mut scores = vec![0.0; x.nrows()];
        forest.anomaly_score(x.view(), &mut scores);
        let mut credits = PathCredits::default();
        for (row, score) in x.rows().into_iter().zip(scores) {
            paths.credit(row.as_slice().unwrap(), &[0, 1, 2, 2, 3, 4], &mut credits);
            let sum: f64 = credits.shortening.iter().sum();
            assert!((sum - (paths.expected() - credits.path)).abs() < 1e-9);
            assert!((libm::exp2(-credits.path / paths.average()) as f32 - score).abs() < 1e-6);
        }
    }

    #[test]
    fn the_feature_that_isolates_a_row_is_credited() {
        let mut rng = Rng::new(4);
        let mut x = Array2::from_shape_simple_fn((400, 5), || rng.normal() as f32);
        x[[7, 3]] = 40.0;
        let forest = IsolationForestParams::default().fit(x.view()).unwrap();
        let mut credits = PathCredits::default();
        ForestPaths::of(&forest).credit(x.row(7).as_slice().unwrap(), &[0, 1, 2, 3, 4], &mut credits);
        let best = (0..5).max_by(|&a, &b| credits.shortening[a].total_cmp(&credits.shortening[b]));
        assert_eq!(best, Some(3), "{credits:?}");
    }
}
