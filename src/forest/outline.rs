//! A tree as what decides its path lengths: the splits whose two sides lead to different ones, in pre-order.
//!
//! Where a split parts two rows that are then alone, both have the same path, whichever way they went. Such splits are a good
//! part of a tree, and scoring need not look at them.

use super::IsolationForest;

/// In pre-order: a split is followed by its left and then its right side.
pub(super) type Outline = Vec<Step>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Right where the feature exceeds the threshold.
    Split {
        feature: u32,
        threshold: f32,
    },
    End {
        path: f32,
    },
}

impl Step {
    pub(super) fn feature(self) -> Option<u32> {
        if let Self::Split { feature, .. } = self { Some(feature) } else { None }
    }

    pub(super) fn path(self) -> Option<f32> {
        if let Self::End { path } = self { Some(path) } else { None }
    }
}

impl IsolationForest {
    pub(super) fn outlines(&self) -> Vec<Outline> {
        let outline = |root: u32| {
            let mut steps = Vec::new();
            self.add_steps(root, &mut steps);
            steps
        };
        self.trees.iter().map(|tree| outline(tree.root)).collect()
    }

    /// No tree is deeper than `log2` of [`super::MAX_SAMPLES`], so the recursion is shallow.
    fn add_steps(&self, at: u32, steps: &mut Outline) {
        let node = self.nodes[at as usize];
        if node.child == at {
            steps.push(Step::End { path: self.ends[at as usize].path });
            return;
        }
        let start = steps.len();
        steps.push(Step::Split { feature: node.feature, threshold: node.threshold });
        self.add_steps(node.child, steps);
        self.add_steps(node.child + 1, steps);
        if let [_, Step::End { path: left }, Step::End { path: right }] = steps[start..]
            && left.to_bits() == right.to_bits()
        {
            steps.truncate(start);
            steps.push(Step::End { path: left });
        }
    }
}
