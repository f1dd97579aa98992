//! A forest as it is scored fastest: many rows at a time, to the same bits as row by row.
//!
//! Near the root, splits are compared as bytes. In a group of trees a feature is compared with at most 255 thresholds there, so
//! that how many of them a value exceeds, its rank, fits a byte, and `value > threshold` is `rank > place of the threshold`.
//! Every split is then looked at for a whole tile of rows, parents first: the ends of the upper part are numbered from the
//! left, a row stands at the first end that it can still reach, and where it goes right it moves on by the ends of the left
//! side. There is no branch and no gather, which is what narrow vectors are good at (QuickScorer, Lucchese 2015, and
//! RapidScorer, Ye 2018, do so with a bit for each end).
//!
//! That looks at every split, so in large trees it ends after a few levels. From there each row walks down by itself, many at
//! a time: while one waits for a node, the others go on.

use super::outline::{Outline, Step};
use crate::features::Values;
use crate::ranker::{BLOCK, MOST_THRESHOLDS, Ranker, Scratch};
use ndarray::ArrayView1;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct TileForest {
    /// The features that upper parts compare, rising.
    rankers: Vec<(u32, Ranker)>,
    /// The features that lower parts compare, rising.
    features: Vec<u32>,
    groups: Vec<Group>,
}

/// What scoring needs room for, and what one forest need not find out again for its next rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    /// For each group, of each tile the ranks by feature.
    ranks: Vec<Vec<[i8; TILE]>>,
    /// Of the features that lower parts compare.
    values: Vec<[f32; TILE]>,
    /// For each ranker, whether these are the ranks of zeros.
    are_zeros: Vec<bool>,
    /// For each ranker, the few numbers that its feature may have, and their ranks.
    few: Vec<Option<Known>>,
}

type Known = (Rc<[f32]>, Vec<u16>);

/// Numbers of ends are bytes.
const MOST_ENDS: usize = 256;
/// So are ranks.
const MOST_RANKS: usize = 256;
/// Bytes of all tables together, which only thousands of trees would exceed.
const MOST_TABLES: usize = 1 << 26;
/// The levels that are an upper part, of a tree with more than [`MOST_ENDS`] leaves.
const LEVELS: u32 = 7;
/// Rows that are looked at together, so that a split is loaded once for all of them.
const TILE: usize = 128;
/// Of a block.
const TILES: usize = BLOCK / TILE;
/// Rows that walk down together.
const LANES: usize = 16;

/// Trees that share one set of ranks.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    /// For each ranker.
    ranks: Vec<GroupRanks>,
    trees: Vec<Tree>,
}

/// What a forest's rank is among the thresholds of a group.
#[derive(Clone, Debug, PartialEq)]
enum GroupRanks {
    Unused,
    Same,
    Table(Vec<i8>),
}

#[derive(Clone, Debug, PartialEq)]
struct Tree {
    /// Of the upper part, parents first.
    splits: Vec<Split>,
    /// The path length at each end of the upper part, if that is the whole tree.
    paths: Box<[f64; MOST_ENDS]>,
    lower: Option<Lower>,
}

/// Where the rank of a row at end `at` exceeds `place`, the row moves on by `left` ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Split {
    ranker: u16,
    place: i8,
    at: u8,
    left: u8,
}

/// What is below the upper part of a large tree.
#[derive(Clone, Debug, PartialEq)]
struct Lower {
    depth: u32,
    /// First those that the ends of the upper part lead to.
    nodes: Vec<Node>,
    /// For each node that is a leaf.
    paths: Vec<f32>,
}

/// Goes to `child` where the feature is at most the threshold, else to `child + 1`. A leaf compares with infinity and is its
/// own child, which makes all walks equally long and free of branches.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    threshold: f32,
    /// Its place among the features that lower parts compare.
    feature: u16,
    child: u16,
}

impl TileForest {
    /// `None` if a tree, or the number of features, is too large for the numbers in nodes and splits.
    pub(super) fn of(trees: &[Outline]) -> Option<Self> {
        let halves: Vec<(Outline, Vec<Outline>)> = trees.iter().map(halves).collect();
        let n_nodes = |lower: &[Outline]| lower.iter().map(Vec::len).sum::<usize>();
        if halves.iter().any(|(_, lower)| n_nodes(lower) > usize::from(u16::MAX)) {
            return None;
        }
        let uppers: Vec<&Outline> = halves.iter().map(|(upper, _)| upper).collect();
        let all = thresholds(&uppers);
        let features: BTreeSet<u32> =
            halves.iter().flat_map(|(_, lower)| lower.iter().flatten()).filter_map(|step| step.feature()).collect();
        let too_many = all.iter().any(|(_, values)| values.len() > MOST_THRESHOLDS);
        if too_many || all.len().max(features.len()) > usize::from(u16::MAX) {
            return None;
        }
        let rankers = all.iter().map(|(feature, values)| (*feature, Ranker::of(values.iter().copied()))).collect();
        let mut forest = Self { rankers, features: features.into_iter().collect(), groups: Vec::new() };
        let sizes = group_sizes(&uppers);
        if all.iter().map(|(_, values)| values.len()).sum::<usize>() * sizes.len() > MOST_TABLES {
            return None;
        }
        let mut rest = &halves[..];
        for size in sizes {
            let some = rest.split_off(..size).expect("the sizes are those of all trees");
            forest.groups.push(forest.group(some, &all));
        }
        Some(forest)
    }

    /// `all` are the thresholds of the whole forest.
    fn group(&self, trees: &[(Outline, Vec<Outline>)], all: &[(u32, Vec<f32>)]) -> Group {
        let own = thresholds(&trees.iter().map(|(upper, _)| upper).collect::<Vec<_>>());
        let mut rest = own.iter().peekable();
        let values: Vec<&[f32]> = all
            .iter()
            .map(|(feature, _)| rest.next_if(|(own, _)| own == feature).map_or(&[][..], |(_, values)| values))
            .collect();
        let ranks = all.iter().zip(&values).map(|((_, all), own)| match own {
            [] => GroupRanks::Unused,
            own if own.len() == all.len() => GroupRanks::Same,
            own => {
                // A rank says that a value exceeds the thresholds before it, and no other.
                let exceeded = all.iter().map(|last| own.partition_point(|t| t <= last));
                GroupRanks::Table(std::iter::once(0).chain(exceeded).map(byte).collect())
            }
        });
        let place = |feature: u32, threshold: f32| {
            let ranker = all.partition_point(|(other, _)| *other < feature);
            (ranker as u16, byte(values[ranker].partition_point(|&t| t < threshold)))
        };
        let tree = |(upper, lower): &(Outline, Vec<Outline>)| {
            let mut splits = Vec::new();
            add_splits(&mut upper.iter(), 0, &mut splits, &place);
            let mut paths = Box::new([0.0; MOST_ENDS]);
            let ends = upper.iter().filter_map(|step| step.path());
            paths.iter_mut().zip(ends).for_each(|(place, path)| *place = f64::from(path));
            let lower = (!lower.is_empty()).then(|| Lower::of(lower, &self.features));
            Tree { splits, paths, lower }
        };
        Group { ranks: ranks.collect(), trees: trees.iter().map(tree).collect() }
    }

    /// The sum of the path lengths in all trees, in their order, for each of so many rows, of which `features` gives what a feature has
    /// in some of them. A room is for one forest.
    pub(super) fn sum_paths<'a>(
        &self,
        n_rows: usize,
        features: &dyn Fn(u32, Range<usize>) -> Values<'a>,
        room: &mut Room,
        mut each: impl FnMut(usize, f64),
    ) {
        let width = self.rankers.len();
        let Room { ranks, values, are_zeros, few } = room;
        ranks.resize_with(self.groups.len(), || vec![[0; TILE]; TILES * width]);
        values.resize(self.features.len(), [0.0; TILE]);
        are_zeros.resize(width, false);
        few.resize(width, None);
        let mut scratch = Scratch::default();
        for start in (0..n_rows).step_by(BLOCK) {
            let n = BLOCK.min(n_rows - start);
            for (at, (feature, ranker)) in self.rankers.iter().enumerate() {
                let values = features(*feature, start..start + n);
                let is_zeros = matches!(values, Values::Zeros);
                if is_zeros && are_zeros[at] {
                    continue;
                }
                are_zeros[at] = is_zeros;
                match values {
                    Values::Zeros => scratch.ranks.fill(ranker.rank_of_zero()),
                    Values::Any(values) => with_slice(values, |values| ranker.rank(values, &mut scratch)),
                    Values::Few { which, all } => {
                        let ranks = match &few[at] {
                            Some((known, ranks)) if Rc::ptr_eq(known, all) => ranks,
                            _ => {
                                let mut ranks = Vec::with_capacity(all.len());
                                for some in all.chunks(BLOCK) {
                                    ranker.rank(some, &mut scratch);
                                    ranks.extend_from_slice(&scratch.ranks[..some.len()]);
                                }
                                &few[at].insert((all.clone(), ranks)).1
                            }
                        };
                        let (some, behind) = scratch.ranks.split_at_mut(which.len());
                        some.iter_mut().zip(which).for_each(|(rank, &which)| *rank = ranks[usize::from(which)]);
                        behind.fill(0);
                    }
                }
                for (group, ranks) in self.groups.iter().zip(&mut *ranks) {
                    for (from, tile) in scratch.ranks.as_chunks::<TILE>().0.iter().zip(ranks.chunks_mut(width)) {
                        group.ranks[at].apply(from, &mut tile[at]);
                    }
                }
            }
            for tile in 0..n.div_ceil(TILE) {
                let first = start + tile * TILE;
                let n = TILE.min(n_rows - first);
                for (to, &feature) in values.iter_mut().zip(&self.features) {
                    match features(feature, first..first + n) {
                        Values::Zeros => to[..n].fill(0.0),
                        Values::Any(values) => with_slice(values, |values| to[..n].copy_from_slice(values)),
                        Values::Few { which, all } => {
                            to.iter_mut().zip(which).for_each(|(to, &which)| *to = all[usize::from(which)]);
                        }
                    }
                }
                let mut sums = [0.0; TILE];
                for (group, ranks) in self.groups.iter().zip(&*ranks) {
                    group.add_paths(&ranks[tile * width..][..width], values, &mut sums);
                }
                sums[..n].iter().enumerate().for_each(|(i, &sum)| each(first + i, sum));
            }
        }
    }
}

/// Does something with at most a block of values, gathered if they are not neighbours.
fn with_slice(values: ArrayView1<'_, f32>, f: impl FnOnce(&[f32])) {
    match values.to_slice() {
        Some(values) => f(values),
        None => {
            let mut gathered = [0.0; BLOCK];
            gathered.iter_mut().zip(values).for_each(|(place, &x)| *place = x);
            f(&gathered[..values.len()]);
        }
    }
}

impl GroupRanks {
    fn apply(&self, from: &[u16; TILE], to: &mut [i8; TILE]) {
        match self {
            Self::Unused => {}
            Self::Same => to.iter_mut().zip(from).for_each(|(to, &rank)| *to = (rank as i16 - 128) as i8),
            Self::Table(table) => to.iter_mut().zip(from).for_each(|(to, &rank)| *to = table[usize::from(rank)]),
        }
    }
}

impl Group {
    /// Adds the path lengths of the rows of a tile, from their ranks and values, features × rows.
    fn add_paths(&self, ranks: &[[i8; TILE]], values: &[[f32; TILE]], sums: &mut [f64; TILE]) {
        #[cfg(target_arch = "x86_64")]
        let is_wide = std::arch::is_x86_feature_detected!("avx2");
        let ends_of = |tree: &Tree| {
            #[cfg(target_arch = "x86_64")]
            if is_wide {
                // SAFETY: the processor has the feature.
                return unsafe { ends_avx2(&tree.splits, ranks) };
            }
            ends(&tree.splits, ranks)
        };
        let (fours, rest) = self.trees.as_chunks::<4>();
        for four in fours {
            if four.iter().any(|tree| tree.lower.is_some()) {
                four.iter().for_each(|tree| tree.add_paths(&ends_of(tree), values, sums));
                continue;
            }
            // So that a sum is loaded and stored once for all of them.
            let ends = four.each_ref().map(ends_of);
            for (row, sum) in sums.iter_mut().enumerate() {
                let paths = four.iter().zip(&ends).map(|(tree, ends)| tree.paths[usize::from(ends[row])]);
                *sum = paths.fold(*sum, |sum, path| sum + path);
            }
        }
        rest.iter().for_each(|tree| tree.add_paths(&ends_of(tree), values, sums));
    }
}

impl Tree {
    /// Adds the path lengths of rows that leave the upper part at these ends.
    fn add_paths(&self, ends: &[u8; TILE], values: &[[f32; TILE]], sums: &mut [f64; TILE]) {
        match &self.lower {
            None => sums.iter_mut().zip(ends).for_each(|(sum, &end)| *sum += self.paths[usize::from(end)]),
            Some(lower) => lower.add_paths(ends, values, sums),
        }
    }
}

/// Where the rows of a tile leave the upper part of a tree.
#[cfg(target_arch = "wasm32")]
fn ends(splits: &[Split], ranks: &[[i8; TILE]]) -> [u8; TILE] {
    use std::arch::wasm32::{i8x16_add, i8x16_eq, i8x16_gt, i8x16_splat, u8x16_splat, v128, v128_and, v128_load};
    // The compiler keeps these in registers, and would not keep bytes there.
    let mut ends = [u8x16_splat(0); TILE / 16];
    for &Split { ranker, place, at, left } in splits {
        let (place, at, left) = (i8x16_splat(place), u8x16_splat(at), u8x16_splat(left));
        let ranks = ranks[usize::from(ranker)].as_chunks::<16>().0;
        for (end, ranks) in ends.iter_mut().zip(ranks) {
            // SAFETY: these are sixteen bytes.
            let ranks = unsafe { v128_load(ranks.as_ptr().cast()) };
            let moves = v128_and(i8x16_eq(*end, at), i8x16_gt(ranks, place));
            *end = i8x16_add(*end, v128_and(moves, left));
        }
    }
    // SAFETY: bytes are bytes, and as many.
    unsafe { std::mem::transmute::<[v128; TILE / 16], [u8; TILE]>(ends) }
}

/// The same for other machines.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn ends(splits: &[Split], ranks: &[[i8; TILE]]) -> [u8; TILE] {
    let mut ends = [0; TILE];
    for &Split { ranker, place, at, left } in splits {
        let ranks = &ranks[usize::from(ranker)];
        for (end, &rank) in ends.iter_mut().zip(ranks) {
            *end += left * u8::from((*end == at) & (rank > place));
        }
    }
    ends
}

/// The same with wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn ends_avx2(splits: &[Split], ranks: &[[i8; TILE]]) -> [u8; TILE] {
    ends(splits, ranks)
}

impl Lower {
    fn of(parts: &[Outline], features: &[u32]) -> Self {
        let leaf = |at: usize| Node { threshold: f32::INFINITY, feature: 0, child: at as u16 };
        let mut nodes: Vec<Node> = (0..parts.len()).map(leaf).collect();
        let mut paths = vec![0.0; parts.iter().map(Vec::len).sum()];
        let mut deepest = 0;
        for (root, part) in parts.iter().enumerate() {
            let mut open = vec![(root, 0)];
            for step in part {
                let (at, depth) = open.pop().expect("an outline is a whole tree");
                deepest = deepest.max(depth);
                match *step {
                    Step::End { path } => paths[at] = path,
                    Step::Split { feature, threshold } => {
                        let child = nodes.len();
                        nodes.extend([leaf(child), leaf(child + 1)]);
                        let feature = features.partition_point(|&f| f < feature) as u16;
                        nodes[at] = Node { threshold, feature, child: child as u16 };
                        open.extend([(child + 1, depth + 1), (child, depth + 1)]);
                    }
                }
            }
        }
        Self { depth: deepest, nodes, paths }
    }

    fn add_paths(&self, ends: &[u8; TILE], values: &[[f32; TILE]], sums: &mut [f64; TILE]) {
        for first in (0..TILE).step_by(LANES) {
            let mut at = [0_u16; LANES];
            at.iter_mut().zip(&ends[first..]).for_each(|(at, &end)| *at = u16::from(end));
            for _ in 0..self.depth {
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = self.nodes[usize::from(*at)];
                    let value = values[usize::from(node.feature)][first + lane];
                    *at = node.child + u16::from(value > node.threshold);
                }
            }
            for (sum, at) in sums[first..].iter_mut().zip(at) {
                *sum += f64::from(self.paths[usize::from(at)]);
            }
        }
    }
}

/// Ranks compare as signed bytes, since that is what every processor does in one step.
fn byte(rank: usize) -> i8 {
    (rank as i16 - 128) as i8
}

/// The upper part of a tree, and what is below each of its ends; nothing, if the upper part is the whole tree.
fn halves(tree: &Outline) -> (Outline, Vec<Outline>) {
    if tree.len() < 2 * MOST_ENDS {
        return (tree.clone(), Vec::new());
    }
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    let mut open = vec![0];
    let mut last = 0;
    for &step in tree {
        let level = open.pop().expect("an outline is a whole tree");
        if let Step::Split { .. } = step {
            open.extend([level + 1, level + 1]);
        }
        match step {
            Step::Split { .. } if level < LEVELS => upper.push(step),
            _ => {
                // Behind the end of the upper part, what is deeper belongs to it, and so does the first step itself.
                if level <= LEVELS {
                    upper.push(Step::End { path: 0.0 });
                    lower.push(Vec::new());
                    last = lower.len() - 1;
                }
                lower[last].push(step);
            }
        }
    }
    (upper, lower)
}

/// The splits of a tree, parents first, from its steps; how many ends it has. `first` is the number of its first end.
fn add_splits<'a>(
    steps: &mut impl Iterator<Item = &'a Step>,
    first: usize,
    splits: &mut Vec<Split>,
    place: &impl Fn(u32, f32) -> (u16, i8),
) -> usize {
    let Some(&Step::Split { feature, threshold }) = steps.next() else { return 1 };
    let at = splits.len();
    let (ranker, place_of) = place(feature, threshold);
    splits.push(Split { ranker, place: place_of, at: first as u8, left: 0 });
    let left = add_splits(steps, first, splits, place);
    splits[at].left = left as u8;
    left + add_splits(steps, first + left, splits, place)
}

/// Sizes of groups of neighbouring trees whose thresholds have ranks that are bytes. One tree has fewer splits than that.
fn group_sizes(trees: &[&Outline]) -> Vec<usize> {
    let mut sizes = vec![0];
    let mut counts: FxHashMap<u32, usize> = FxHashMap::default();
    let mut seen = FxHashSet::default();
    for tree in trees {
        let own = thresholds(&[tree]);
        let is_new = |feature: u32, t: f32| !seen.contains(&(feature, t.to_bits()));
        let added = |(feature, values): &(u32, Vec<f32>)| values.iter().filter(|&&t| is_new(*feature, t)).count();
        let fits = own.iter().all(|some| counts.get(&some.0).unwrap_or(&0) + added(some) < MOST_RANKS);
        if !fits {
            sizes.push(0);
            counts.clear();
            seen.clear();
        }
        *sizes.last_mut().expect("it begins with one") += 1;
        for (feature, values) in own {
            let new = values.iter().filter(|t| seen.insert((feature, t.to_bits()))).count();
            *counts.entry(feature).or_default() += new;
        }
    }
    sizes
}

/// The distinct thresholds of each feature, both rising; −0 is 0.
fn thresholds(trees: &[&Outline]) -> Vec<(u32, Vec<f32>)> {
    let split = |step: &Step| match *step {
        Step::Split { feature, threshold } => Some((feature, threshold + 0.0)),
        Step::End { .. } => None,
    };
    let mut all: Vec<(u32, f32)> = trees.iter().copied().flatten().filter_map(split).collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    all.dedup();
    all.chunk_by(|a, b| a.0 == b.0).map(|some| (some[0].0, some.iter().map(|&(_, t)| t).collect())).collect()
}
