//! The two stages of the detector side by side: how many rows have which forest score and which network probability, as a
//! grid to draw, and the four corners of opinion that two thresholds make of it, in words.
//!
//! Both are counted block by block, and counts of several blocks add up. The probability is spread by its logit, since a
//! network that is sure of itself would otherwise leave all but the outermost cells empty.

use super::{Axis, CountScale, Tick, nice_ticks, score, share_of_one};
use crate::hybrid::logit;
use serde::{Deserialize, Serialize};

/// Counts of rows by forest score (96 columns, rising) and network probability (96 rows, rising from the bottom).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DensityGrid {
    /// The forest scores at the outer edges; what is beyond counts in the outermost column.
    pub low: f64,
    pub high: f64,
    /// [`DensityGrid::BINS`]² counts, a row of cells after the other.
    pub counts: Vec<u32>,
}

/// A rectangle of cells, all ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brush {
    pub columns: (u8, u8),
    pub rows: (u8, u8),
}

/// What the two stages say about a row when both are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quadrant {
    OddAndKnown,
    OddAndUnknown,
    KnownButCommon,
    Ordinary,
}

/// Where the quadrants meet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cuts {
    /// A row is odd if its forest score is at least this.
    pub forest: f32,
    /// A row looks like a known attack if the network's probability is at least this.
    pub network: f32,
}

/// Rows in each quadrant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuadrantCounts {
    pub odd_and_known: u64,
    pub odd_and_unknown: u64,
    pub known_but_common: u64,
    pub ordinary: u64,
}

/// Probabilities closer to 0 or 1 than 0.0001 share the outermost row of cells: `ln(0.9999 / 0.0001)`.
const LAST_LOGIT: f64 = 9.210_240_366_975_85;
/// Probabilities that the axis names.
const NAMED: [f32; 7] = [1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];

impl DensityGrid {
    pub const BINS: usize = 96;

    /// An empty grid for forest scores between these; equal ones still get a column to stand in.
    #[must_use]
    pub fn new(low: f64, high: f64) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low - 0.05, low + 0.05) };
        Self { low, high, counts: vec![0; Self::BINS * Self::BINS] }
    }

    /// Round edges for a grid of scores between these, at most a step beyond.
    #[must_use]
    pub fn around(low: f32, high: f32) -> Self {
        let (low, high) = (f64::from(low), f64::from(high));
        let ticks = nice_ticks(low, high, 20);
        let (Some(&first), Some(&last), Some(step)) = (ticks.first(), ticks.last(), ticks.get(1).map(|t| t - ticks[0]))
        else {
            return Self::new(low, high);
        };
        // A score is a hair's breadth off the round number that it is written as.
        let close = step * 1e-6;
        let low = if first > low + close { first - step } else { first };
        let high = if last < high - close { last + step } else { last };
        Self::new(low, high)
    }

    /// Counts a block of rows, which have a forest score and a network probability each; those without either are left out.
    ///
    /// # Panics
    /// If there are not as many of one as of the other.
    pub fn add(&mut self, forest: &[f32], network: &[f32]) {
        assert_eq!(forest.len(), network.len(), "one probability for each forest score");
        for (&forest, &network) in forest.iter().zip(network) {
            if let Some((column, row)) = self.cell(forest, network) {
                let count = &mut self.counts[row * Self::BINS + column];
                *count = count.saturating_add(1);
            }
        }
    }

    /// Adds the counts of other rows.
    ///
    /// # Panics
    /// If the other grid has other edges.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!((self.low, self.high), (other.low, other.high), "grids of the same edges");
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count = count.saturating_add(*more));
    }

    /// How dark each cell is: 0 where no row is, else 1 to `n`, by the logarithm of the count.
    #[must_use]
    pub fn levels(&self, n: u8) -> Vec<u8> {
        let peak = u64::from(self.counts.iter().copied().max().unwrap_or(0));
        let level = |count: u32| {
            let height = CountScale::Log.height(count.into(), peak);
            libm::ceil(height * f64::from(n) - 1e-9) as u8
        };
        self.counts.iter().map(|&count| level(count)).collect()
    }

    /// The column and row of a point, if it has both coordinates.
    #[must_use]
    pub fn cell(&self, forest: f32, network: f32) -> Option<(usize, usize)> {
        if forest.is_nan() || network.is_nan() {
            return None;
        }
        let bin = |position: f64| ((position * Self::BINS as f64) as usize).min(Self::BINS - 1);
        Some((bin(self.forest_position(forest)), bin(network_position(network))))
    }

    /// Where a forest score stands, from 0 to 1.
    #[must_use]
    pub fn forest_position(&self, forest: f32) -> f64 {
        ((f64::from(forest) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Whether a point is in one of the cells.
    #[must_use]
    pub fn holds(&self, brush: Brush, forest: f32, network: f32) -> bool {
        let within = |ends: (u8, u8), at: usize| (usize::from(ends.0)..=usize::from(ends.1)).contains(&at);
        self.cell(forest, network).is_some_and(|(column, row)| within(brush.columns, column) && within(brush.rows, row))
    }

    /// Rows in the cells.
    #[must_use]
    pub fn count_in(&self, brush: Brush) -> u64 {
        let span = |ends: (u8, u8)| usize::from(ends.0)..usize::from(ends.1).saturating_add(1).min(Self::BINS);
        let cells = span(brush.rows).flat_map(|row| span(brush.columns).map(move |column| row * Self::BINS + column));
        cells.map(|at| u64::from(self.counts[at])).sum()
    }

    /// The forest scores between which the cells lie, and the network probabilities.
    #[must_use]
    pub fn ends(&self, brush: Brush) -> [f64; 4] {
        let forest = |edge: usize| self.low + (self.high - self.low) * edge as f64 / Self::BINS as f64;
        let after = |at: u8| (usize::from(at) + 1).min(Self::BINS);
        [
            forest(brush.columns.0.into()),
            forest(after(brush.columns.1)),
            network_edge(brush.rows.0.into()),
            network_edge(after(brush.rows.1)),
        ]
    }

    /// The cells whose edges are nearest to such ends, at least one cell wide and high.
    #[must_use]
    pub fn brush_between(&self, ends: [f64; 4]) -> Brush {
        let span = |a: f64, b: f64| {
            let edge = |position: f64| (position * Self::BINS as f64).round() as u8;
            let (from, to) = (edge(a.min(b)).min(Self::BINS as u8 - 1), edge(a.max(b)));
            (from, to.max(from + 1) - 1)
        };
        let [forest_a, forest_b, network_a, network_b] = ends.map(|end| end as f32);
        Brush {
            columns: span(self.forest_position(forest_a), self.forest_position(forest_b)),
            rows: span(network_position(network_a), network_position(network_b)),
        }
    }

    /// What the cells stand for: `forest score 0.500 to 0.550, network probability 10.0 % to 50.0 %`.
    #[must_use]
    pub fn brush_words(&self, brush: Brush) -> String {
        let [left, right, bottom, top] = self.ends(brush);
        format!(
            "forest score {} to {}, network probability {} to {}",
            score(left as f32),
            score(right as f32),
            share_of_one(bottom),
            share_of_one(top)
        )
    }

    /// The forest's axis.
    #[must_use]
    pub fn forest_axis(&self) -> Axis {
        Axis::between("Forest score: how odd", self.low, self.high, 5)
    }

    /// The network's axis, in positions from 0 to 1 ([`network_position`]).
    #[must_use]
    pub fn network_axis() -> Axis {
        let tick = |&p: &f32| Tick { at: network_position(p), label: share_of_one(f64::from(p)) };
        let name = "Network probability: how much like a known attack".into();
        Axis { name, low: 0.0, high: 1.0, ticks: NAMED.iter().map(tick).collect() }
    }
}

/// Where a probability stands on the network's axis, from 0 to 1: its logit, ends cut off.
#[must_use]
pub fn network_position(probability: f32) -> f64 {
    ((logit(probability) / LAST_LOGIT).clamp(-1.0, 1.0) + 1.0) / 2.0
}

/// The probability at an edge between rows of cells; the outermost are 0 and 1.
fn network_edge(edge: usize) -> f64 {
    match edge {
        0 => 0.0,
        DensityGrid::BINS.. => 1.0,
        _ => {
            let position = edge as f64 / DensityGrid::BINS as f64;
            1.0 / (1.0 + libm::exp(-(2.0 * position - 1.0) * LAST_LOGIT))
        }
    }
}

impl Quadrant {
    pub const ALL: [Self; 4] = [Self::OddAndKnown, Self::OddAndUnknown, Self::KnownButCommon, Self::Ordinary];

    /// `None` for a row that is not scored.
    #[must_use]
    pub fn of(forest: f32, network: f32, cuts: Cuts) -> Option<Self> {
        if forest.is_nan() || network.is_nan() {
            return None;
        }
        Some(match (forest >= cuts.forest, network >= cuts.network) {
            (true, true) => Self::OddAndKnown,
            (true, false) => Self::OddAndUnknown,
            (false, true) => Self::KnownButCommon,
            (false, false) => Self::Ordinary,
        })
    }

    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::OddAndKnown => "odd, and looks like a known attack",
            Self::OddAndUnknown => "odd, but like nothing known",
            Self::KnownButCommon => "looks like a known attack, yet common here",
            Self::Ordinary => "ordinary",
        }
    }
}

impl QuadrantCounts {
    /// Counts a block of rows, as [`DensityGrid::add`] does.
    ///
    /// # Panics
    /// If there are not as many probabilities as forest scores.
    pub fn add(&mut self, forest: &[f32], network: &[f32], cuts: Cuts) {
        assert_eq!(forest.len(), network.len(), "one probability for each forest score");
        let quadrants =
            forest.iter().zip(network).filter_map(|(&forest, &network)| Quadrant::of(forest, network, cuts));
        quadrants.for_each(|quadrant| *self.of_mut(quadrant) += 1);
    }

    /// Adds the counts of other rows, made with the same cuts.
    pub fn merge(&mut self, other: &Self) {
        Quadrant::ALL.into_iter().for_each(|quadrant| *self.of_mut(quadrant) += other.of(quadrant));
    }

    #[must_use]
    pub fn of(&self, quadrant: Quadrant) -> u64 {
        match quadrant {
            Quadrant::OddAndKnown => self.odd_and_known,
            Quadrant::OddAndUnknown => self.odd_and_unknown,
            Quadrant::KnownButCommon => self.known_but_common,
            Quadrant::Ordinary => self.ordinary,
        }
    }

    fn of_mut(&mut self, quadrant: Quadrant) -> &mut u64 {
        match quadrant {
            Quadrant::OddAndKnown => &mut self.odd_and_known,
            Quadrant::OddAndUnknown => &mut self.odd_and_unknown,
            Quadrant::KnownButCommon => &mut self.known_but_common,
            Quadrant::Ordinary => &mut self.ordinary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NAN: f32 = f32::NAN;
    const LAST: usize = DensityGrid::BINS - 1;

    fn rows(n: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
        let mut rng = Rng::new(seed);
        let forest = (0..n).map(|i| if i % 50 == 7 { NAN } else { (0.3 + 0.5 * rng.uniform()) as f32 }).collect();
        (forest, (0..n).map(|_| rng.uniform() as f32).collect())
    }

    #[test]
    fn blocks_add_up_to_the_whole() {
        let (forest, network) = rows(1000, 3);
        let cuts = Cuts { forest: 0.6, network: 0.5 };
        let mut whole = (DensityGrid::around(0.3, 0.8), QuadrantCounts::default());
        whole.0.add(&forest, &network);
        whole.1.add(&forest, &network, cuts);
        let mut merged = (DensityGrid::around(0.3, 0.8), QuadrantCounts::default());
        for block in [0..300, 300..301, 301..1000] {
            let mut part = (DensityGrid::around(0.3, 0.8), QuadrantCounts::default());
            part.0.add(&forest[block.clone()], &network[block.clone()]);
            part.1.add(&forest[block.clone()], &network[block], cuts);
            merged.0.merge(&part.0);
            merged.1.merge(&part.1);
        }
        assert_eq!(merged, whole);
        assert_eq!(whole.0.counts.iter().sum::<u32>(), 980);
        assert_eq!(Quadrant::ALL.into_iter().map(|quadrant| whole.1.of(quadrant)).sum::<u64>(), 980);
    }

    #[test]
    fn points_stand_in_their_cells() {
        let grid = DensityGrid::new(0.0, 0.96);
        for (forest, network, expected) in [
            (0.0, 0.0, Some((0, 0))),
            (0.5, 0.5, Some((50, 48))),
            (0.96, 1.0, Some((LAST, LAST))),
            (-9.0, 2e-5, Some((0, 0))),
            (f32::INFINITY, 0.999_99, Some((LAST, LAST))),
            (NAN, 0.5, None),
            (0.5, NAN, None),
        ] {
            assert_eq!(grid.cell(forest, network), expected, "{forest} {network}");
        }
        // Equal scores have a width.
        assert_eq!(DensityGrid::around(0.5, 0.5).cell(0.5, 0.5), Some((47, 48)));
    }

    #[test]
    fn a_brush_holds_the_rows_that_it_counts() {
        let (forest, network) = rows(2000, 4);
        let mut grid = DensityGrid::around(0.3, 0.8);
        grid.add(&forest, &network);
        for brush in [
            Brush { columns: (0, 95), rows: (0, 95) },
            Brush { columns: (10, 40), rows: (48, 60) },
            Brush { columns: (5, 4), rows: (0, 95) },
            Brush { columns: (0, 255), rows: (95, 255) },
        ] {
            let held = forest.iter().zip(&network).filter(|&(&f, &n)| grid.holds(brush, f, n)).count() as u64;
            assert_eq!(grid.count_in(brush), held, "{brush:?}");
        }
        for brush in [(0, 95, 0, 95), (10, 40, 48, 60), (95, 95, 0, 0), (0, 0, 95, 95)] {
            let brush = Brush { columns: (brush.0, brush.1), rows: (brush.2, brush.3) };
            assert_eq!(grid.brush_between(grid.ends(brush)), brush);
        }
        // Ends that are turned round, or beyond the plot, or in one cell.
        assert_eq!(grid.brush_between([9.0, -9.0, 1.0, 0.0]), Brush { columns: (0, 95), rows: (0, 95) });
        assert_eq!(grid.brush_between([9.0, 9.0, 0.5, 0.5]), Brush { columns: (95, 95), rows: (48, 48) });
        let words = DensityGrid::new(0.0, 0.96).brush_words(Brush { columns: (50, 59), rows: (48, 95) });
        assert_eq!(words.replace('\u{202f}', " "), "forest score 0.500 to 0.600, network probability 50.0 % to 100 %");
    }

    #[test]
    fn one_row_is_seen_beside_a_million() {
        let mut grid = DensityGrid::new(0.0, 1.0);
        (grid.counts[0], grid.counts[1], grid.counts[2]) = (1_000_000, 1, 900);
        let levels = grid.levels(8);
        assert_eq!((levels[0], levels[1], levels[2], levels[3]), (8, 1, 4, 0));
        assert!(DensityGrid::new(0.0, 1.0).levels(8).iter().all(|&level| level == 0));
    }

    #[test]
    fn quadrants_are_named_in_words() {
        let cuts = Cuts { forest: 0.6, network: 0.5 };
        for (forest, network, expected) in [
            (0.6, 0.5, "odd, and looks like a known attack"),
            (0.7, 0.49, "odd, but like nothing known"),
            (0.59, 0.9, "looks like a known attack, yet common here"),
            (0.1, 0.1, "ordinary"),
        ] {
            assert_eq!(Quadrant::of(forest, network, cuts).map(Quadrant::words), Some(expected));
        }
        assert_eq!(Quadrant::of(NAN, 0.5, cuts), None);
    }

    #[test]
    fn edges_are_round_and_hold_every_score() {
        for (low, high, expected) in [(0.312, 0.748, (0.3, 0.75)), (0.3, 0.8, (0.3, 0.8))] {
            let grid = DensityGrid::around(low, high);
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
            assert!(near(grid.low, expected.0) && near(grid.high, expected.1), "{} to {}", grid.low, grid.high);
        }
        let axis = DensityGrid::network_axis();
        assert!(axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at) && axis.ticks[3].at == 0.5);
    }
}
