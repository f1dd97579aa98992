//! What a report holds: plain data that the engine fills, and that becomes one HTML file (`html`) or JSON, both the same.
//!
//! Nothing is computed here and no number is judged: words and figures come as they are to be read.

use super::{Chart, Cuts, DensityGrid, Histogram, QuadrantCounts, Swimlanes};
use serde::{Deserialize, Serialize};

/// A report on one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of this layout: [`Report::VERSION`].
    pub version: u32,
    /// Name and version of the program.
    pub program: String,
    /// When it was made, in words; the library knows no clock.
    pub made: Option<String>,
    pub file: ReportFile,
    /// The one thing to know, such as `50 of 4,000 records are odd`.
    pub headline: String,
    /// A few sentences: which detector spoke, what a score means, what stands out.
    pub summary: Vec<String>,
    pub warnings: Vec<String>,
    pub figures: Vec<Figure>,
    /// What to look at first, in this order.
    pub groups: Vec<ReportGroup>,
    /// Such as `The first 20 of 131 groups.`
    pub groups_note: String,
    pub scores: Option<ReportScores>,
    pub stages: Option<ReportStages>,
    pub lanes: Option<ReportLanes>,
    /// What the labels say.
    pub charts: Vec<Chart>,
    /// Anything else in rows and columns: confusion, recall by attack, verdicts, what is ignored.
    pub tables: Vec<ReportTable>,
    /// How the file differs from another.
    pub compared: Option<ReportCompared>,
    /// The oddest records, in this order.
    pub rows: Vec<ReportRow>,
    /// Such as `The first 100 of 1,234 odd records.`
    pub rows_note: String,
    /// All that it takes to do the same again: seed, pack and its hash, forest, roles.
    pub settings: Vec<Figure>,
}

impl Report {
    pub const VERSION: u32 = 1;

    /// The same as JSON, in one line.
    ///
    /// # Panics
    /// Never: all keys are texts.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report has only keys that are texts")
    }
}

/// Which file it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    pub name: String,
    /// As stored, before decompression.
    pub bytes: u64,
    /// Of the bytes as stored, in hexadecimal digits; `None` where it was not computed.
    pub sha256: Option<String>,
    /// In words, such as `NSL-KDD records`.
    pub format: String,
    pub rows: u64,
    /// Records that could not be scored.
    pub unscored: u64,
}

/// A name and what is to be read beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: String,
}

impl Figure {
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Rows that belong together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportGroup {
    /// Such as `73.54.23.243 → 64.225.56.201`.
    pub title: String,
    /// The filter that finds them.
    pub detail: String,
    /// Odd records.
    pub count: u64,
    /// The highest score.
    pub score: Option<f32>,
    pub reasons: Vec<String>,
}

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Its place in the file, from 1.
    pub record: u64,
    pub score: Option<f32>,
    /// In a few words, such as `odd` or `false alarm: the backup`.
    pub verdict: String,
    pub reasons: Vec<String>,
    /// Its fields as the file has them.
    pub fields: Vec<Figure>,
}

/// The scores of all rows, and where the threshold is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportScores {
    pub histogram: Histogram,
    /// `None` where no row was scored.
    pub threshold: Option<f32>,
    /// Where the threshold comes from.
    pub origin: String,
    /// What a score says.
    pub meaning: String,
}

/// The two stages side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportStages {
    pub grid: DensityGrid,
    pub cuts: Cuts,
    pub counts: QuadrantCounts,
}

/// When which entity was odd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportLanes {
    /// What the lanes are, such as `Source address`.
    pub what: String,
    pub lanes: Swimlanes,
    pub threshold: f32,
}

/// The file held against another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportCompared {
    /// Such as `Against monday.csv`.
    pub title: String,
    pub words: Vec<String>,
    pub charts: Vec<Chart>,
    pub tables: Vec<ReportTable>,
}

/// A table of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTable {
    pub title: String,
    pub note: String,
    pub columns: Vec<String>,
    /// A cell for each column.
    pub rows: Vec<Vec<String>>,
    /// Whether the first two cells of each row are a column and a value of it. For the page; no part of the report.
    #[serde(skip)]
    pub is_of_values: bool,
}

impl ReportTable {
    /// Whether a column holds nothing but numbers, and one at least.
    #[must_use]
    pub fn is_number(&self, column: usize) -> bool {
        let is_part = |c: char| {
            c.is_ascii_digit()
                || matches!(c, '.' | ',' | '%' | '−' | '–' | '>' | '<' | '\u{2009}' | '\u{202f}' | '\u{a0}')
        };
        let mut cells = self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.chars().all(is_part))
    }
}
