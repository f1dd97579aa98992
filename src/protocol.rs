//! The messages between the page and its worker. Data only; how they travel is `web.rs`'s business.
//!
//! Small things travel as serde values, bulk (scores, orders, file bytes) beside them as [`Bulk`] buffers that are
//! transferred, not copied. Every request carries a [`JobId`], and every reply the id of the request it answers.

use crate::allow::{AllowList, Likeness, Rule};
use crate::compare::{Comparison, ScoreChange};
use crate::domain::FitReport;
use crate::error::Error;
use crate::evaluate::{Confusion, Curve, NameRecall, Reliability};
use crate::explain::{Background, Explanation};
use crate::flow::Part;
use crate::groups::{Group, GroupKind, Lead, Others};
use crate::report::{
    Brush, Chart, Cuts, DensityGrid, Histogram, QuadrantCounts, Swimlanes, pr_chart, reliability_chart, roc_chart,
};
use crate::schema::{Kind, Layout, Role, Schema};
use crate::session::FileIdentity;
use crate::table::BadRecord;
use crate::verdicts::{Judged, Verdicts};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Numbers the requests of one page, from 1; 0 is the worker speaking unasked.
pub type JobId = u32;

/// Which model pack to use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackChoice {
    /// The pack that was made for the file's layout, if there is one.
    #[default]
    Auto,
    /// The forest fitted to the file itself.
    None,
    Named(String),
}

/// Which records count as normal: what the forest is fitted to where no pack speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reference {
    /// All of the open file.
    #[default]
    All,
    /// Those that the label column calls normal.
    Label,
    /// Those whose text contains this, whatever the case.
    Filter(String),
    /// Those of a time window, its ends included: numbers or dates as the file's [column of times](Schema::time_column) holds
    /// them; a blank end is open.
    Time { from: String, to: String },
    /// Those of the file that [`Request::OpenReference`] has read.
    File,
}

impl Reference {
    /// Rows for each tree, if nobody asks for another number. Small samples keep odd rows from hiding each other (256:
    /// Liu 2008, section 4). Among normal records there are none to hide, and larger samples know them better: of
    /// CIC-IDS2017, the ROC AUC rises from 0.88 to 0.93, of UNSW-NB15 from 0.78 to 0.84.
    #[must_use]
    pub fn usual_samples(&self) -> u32 {
        if *self == Self::All { 256 } else { 4096 }
    }
}

/// The media type of a file that was written, by its name.
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html",
        Some("json") => "application/json",
        Some("tsv") => "text/tab-separated-values",
        _ => "text/csv",
    }
}

/// What the person can set for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub pack: PackChoice,
    /// Trees of the forest that is fitted to the file.
    pub n_estimators: u32,
    /// Rows that each of these trees sees.
    pub max_samples: u32,
    /// The share of rows to flag, in (0, 0.5]; `None` is the detector's own threshold.
    pub contamination: Option<f64>,
    pub seed: u64,
    pub reference: Reference,
}

impl Default for Settings {
    fn default() -> Self {
        // 100 trees: Liu 2008, section 4.
        Self {
            pack: PackChoice::Auto,
            n_estimators: 100,
            max_samples: Reference::All.usual_samples(),
            contamination: None,
            seed: 0,
            reference: Reference::All,
        }
    }
}

impl Settings {
    /// Names the normal records. A pack has learned elsewhere what is normal, so a named one gives way; the rows for
    /// each tree follow, unless the person has chosen another number.
    pub fn set_reference(&mut self, reference: Reference) {
        if self.max_samples == self.reference.usual_samples() {
            self.max_samples = reference.usual_samples();
        }
        if reference != Reference::All && matches!(self.pack, PackChoice::Named(_)) {
            self.pack = PackChoice::Auto;
        }
        self.reference = reference;
    }

    /// Chooses a pack; the normal records give way to a named one.
    pub fn set_pack(&mut self, pack: PackChoice) {
        if matches!(pack, PackChoice::Named(_)) {
            self.set_reference(Reference::All);
        }
        self.pack = pack;
    }

    /// For another file: what was said of the columns and times of the last one no longer holds, and nothing of a pack
    /// that may not fit. A file of normal records still serves if the columns have the same names.
    #[must_use]
    pub fn for_other_file(mut self, same_names: bool) -> Self {
        self.pack = PackChoice::Auto;
        if self.reference != Reference::File || !same_names {
            self.set_reference(Reference::All);
        }
        self
    }
}

/// A role that the person gave to a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleChange {
    /// Index into the table's columns.
    pub column: u32,
    pub role: Role,
}

/// What the records are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// The place in the file.
    Record,
    Score,
    ForestScore,
    DnnProbability,
    /// A column of the table, by index.
    Column(u32),
}

/// Through what the records of a run are looked at. Everything that is shown of them goes through the same lens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lens {
    /// A record is flagged if its score is at least this, and no rule of the allow-list is about it.
    pub threshold: f32,
    /// In the language of [`crate::query`]; records that do not pass are not looked at.
    pub filter: String,
    pub flagged_only: bool,
    /// The part of the plot of both stages that records have to be in.
    pub brush: Option<Brush>,
    pub allow_list: AllowList,
    /// Whether records that the allow-list is about are looked at all the same.
    pub shows_allowed: bool,
    pub verdicts: Verdicts,
    /// Of so many records at most, the oddest, the reasons are looked for if they are flagged.
    pub most_reasoned: u32,
}

impl Lens {
    /// [`Self::most_reasoned`], unless the person has chosen another number: a worker explains some thousands a second.
    pub const USUALLY_REASONED: u32 = 5000;

    /// All records, flagged by this threshold.
    #[must_use]
    pub fn new(threshold: f32) -> Self {
        Self {
            threshold,
            filter: String::new(),
            flagged_only: false,
            brush: None,
            allow_list: AllowList::default(),
            shows_allowed: false,
            verdicts: Verdicts::default(),
            most_reasoned: Self::USUALLY_REASONED,
        }
    }

    /// Whether it shows all records.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.filter.trim().is_empty()
            && !self.flagged_only
            && self.brush.is_none()
            && !self.allow_list.rules.iter().any(|rule| rule.enabled)
    }
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportFormat {
    Html,
    Json,
}

/// One of several files that are opened as one, and its first byte among theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStart {
    pub name: String,
    pub start: u64,
}

/// What the page asks of the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Makes a model pack known, which may come after a file was opened. Bulk: the bytes of its manifest, forest and network,
    /// in this order. → [`Reply::PackAdded`]
    AddPack { name: String },
    /// Reads a file. A `File` or `Blob` travels beside this message; where it is several files in a row, `files` says which. →
    /// [`Reply::Opened`]
    Open { name: String, files: Vec<FileStart> },
    /// Reads the built-in sample: `rows` generated flow records. → [`Reply::Opened`]
    OpenSample { rows: u32, seed: u64 },
    /// Reads a file of normal records, in the same way. It stays until another takes its place, whatever file is
    /// opened, so that several days can be held against the same quiet one. → [`Reply::ReferenceOpened`]
    OpenReference { name: String },
    /// Reads, scores, surveys and writes generated records, so that the first file need not wait until the browser has compiled
    /// what that takes. Nothing that is open is touched; whoever wants something else cancels it. → [`Reply::Rehearsed`]
    Rehearse,
    /// Scores the open file. → [`Reply::Analyzed`]
    Analyze { settings: Settings, roles: Vec<RoleChange> },
    /// Puts the records that a lens shows in order, and tells the cells of the `first` of them, for which a page would ask next.
    /// → [`Reply::Arranged`]
    Arrange { sort: SortKey, descending: bool, lens: Lens, first: u32 },
    /// What the records that a lens shows have in common, and what to look at first; with swimlanes of this kind, if they can be
    /// had. → [`Reply::Surveyed`]
    Survey { lens: Lens, lanes: Option<GroupKind> },
    /// Why a record has its score. → [`Reply::Explained`]
    Explain { row: u32 },
    /// A rule for the allow-list that is about flows like this record's. → [`Reply::Rule`]
    RuleLike { row: u32, parts: Vec<Part>, likeness: Likeness },
    /// Holds what a lens shows of the open file against what passes it of the one of [`Request::OpenReference`].
    /// → [`Reply::Compared`]
    Compare { lens: Lens },
    /// Writes a report of what a lens shows; `made` is when, in words. → [`Reply::Exported`]
    Report { lens: Lens, format: ReportFormat, made: Option<String> },
    /// Bytes that the open file may take in memory. → [`Reply::Limited`]
    Limit { bytes: u64 },
    /// The cells of these rows, and the first reason of those that score at least `reasons_from`. → [`Reply::Rows`]
    Rows { rows: Vec<u32>, reasons_from: f32 },
    /// Scores one record, given as one text for each column of the table. → [`Reply::Checked`]
    Check { cells: Vec<String> },
    /// Writes the annotated file: all records, flagged and judged as the lens has it. The file that the person chose to write
    /// to, if there is one, travels beside this message. → [`Reply::Exported`]
    Export { lens: Lens },
    /// Ends a job at its next step. The cancelled job answers [`Reply::Cancelled`]; this message has no answer of its own.
    Cancel { job: JobId },
}

impl Request {
    /// Whether it is about some records only, needs one step, and changes nothing: it need not wait for a job that takes long.
    #[must_use]
    pub fn is_brief(&self) -> bool {
        matches!(self, Self::Rows { .. } | Self::Explain { .. } | Self::RuleLike { .. } | Self::Check { .. })
    }
}

/// How far a job is. `total` is 0 where it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub stage: Stage,
    pub done: u64,
    pub total: u64,
    /// Records seen so far.
    pub rows: u64,
}

/// What a job is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// In bytes.
    Reading,
    /// In rows.
    Selecting,
    /// In steps.
    Fitting,
    /// In rows.
    Scoring,
    /// In rows.
    Surveying,
    /// In rows.
    Arranging,
    /// In rows.
    Writing,
}

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its name, and what a session knows it by.
    pub identity: FileIdentity,
    pub facts: FileFacts,
    pub schema: Schema,
    /// One for each column.
    pub summaries: Vec<ColumnSummary>,
    pub n_rows: u64,
    pub n_bad: u64,
    /// The first of the bad records.
    pub bad: Vec<BadRecord>,
    /// The packs that could be used on this file, the best first, with the reason if one cannot be used.
    pub packs: Vec<PackOffer>,
}

/// What the annotated copy of a file is called.
#[must_use]
pub fn annotated_name(name: &str, delimiter: char) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!("{stem}.oddflow.{}", annotated_extension(delimiter))
}

/// How its name ends. Opened as CSV, text with commas in a TAB-separated file would be cut anew, and may then begin a formula.
#[must_use]
pub fn annotated_extension(delimiter: char) -> &'static str {
    if delimiter == '\t' { "tsv" } else { "csv" }
}

/// How a file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// In words, such as `NSL-KDD records` or `Table`.
    pub format: String,
    pub layout: Option<Layout>,
    /// As stored, before decompression.
    pub bytes: u64,
    pub compression: Option<String>,
    /// `UTF-8`, `UTF-16LE`, `UTF-16BE` or `windows-1252`.
    pub encoding: String,
    pub delimiter: char,
    pub has_header: bool,
    /// `LF`, `CRLF` or `CR`.
    pub line_end: String,
    pub warnings: Vec<String>,
}

impl FileFacts {
    /// Whether what is read is not the stored bytes.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        self.compression.is_some() || self.encoding.starts_with("UTF-16")
    }
}

/// The values of one column in brief.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    pub missing: u64,
    pub numbers: u64,
    pub infinite: u64,
    /// Distinct texts; `None` where there are too many to count.
    pub texts: Option<u64>,
    /// Of the finite numbers.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Up to three values as they stand in the file.
    pub examples: Vec<String>,
}

/// A pack as the page offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackOffer {
    pub name: String,
    /// One sentence from its manifest.
    pub summary: String,
    /// Why it cannot be used on this file, if it cannot.
    pub unfit: Option<String>,
    /// Why it is only used by name, if that is so.
    pub switched_off: Option<String>,
}

/// The result of a run. Bulk, in this order: the scores in falling order (f32 per scored row), the labels in the same order
/// (u8: 0 normal, 1 anomaly, 2 unknown; empty without labels), and the rows by falling score, the unscored last (u32 per row).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The pack in use.
    pub pack: Option<String>,
    /// In plain words: which detector spoke and why.
    pub explanation: String,
    /// In plain words: what a score of this run means.
    pub score_meaning: String,
    pub n_rows: u64,
    pub n_scored: u64,
    pub n_features: u32,
    /// A row is flagged if its score is at least this.
    pub threshold: f32,
    /// In plain words: where the threshold comes from.
    pub threshold_origin: String,
    pub settings: Settings,
    pub schema: Schema,
    pub quality: Option<Quality>,
    pub histogram: Histogram,
    pub warnings: Vec<String>,
    /// Whether naming the normal records may help: one pattern is most of the file, or the labels call the ranking of
    /// the forest that was fitted to all of it worse than chance.
    pub wants_reference: bool,
    /// How well the file fits the pack that speaks, or the one that keeps silent because it does not.
    pub fit: Option<FitReport>,
    /// What is usual in this file: of the columns that the detector reads.
    pub background: Background,
}

/// What the labels say about the scores of some records, at no particular threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    pub label_column: String,
    pub normal: u64,
    pub anomalies: u64,
    pub forest: StageQuality,
    pub dnn: Option<StageQuality>,
    /// The score that decides.
    pub hybrid: StageQuality,
    /// Of the network's probability.
    pub reliability: Option<Reliability>,
}

impl Quality {
    /// Whether there is anything to measure: records that are labelled normal, and others that are labelled anomalies.
    #[must_use]
    pub fn has_both_classes(&self) -> bool {
        self.normal > 0 && self.anomalies > 0
    }

    /// The stages by name; the one that decides first.
    #[must_use]
    pub fn stages(&self) -> Vec<(&'static str, &StageQuality)> {
        match &self.dnn {
            Some(dnn) => vec![("Hybrid", &self.hybrid), ("Forest", &self.forest), ("Network", dnn)],
            None => vec![("Forest", &self.forest)],
        }
    }

    /// What is to be drawn, with the threshold that gives these counts; nothing where only one class is labelled.
    #[must_use]
    pub fn charts(&self, at_threshold: &Confusion) -> Vec<Chart> {
        if !self.has_both_classes() {
            return Vec::new();
        }
        let curves: Vec<_> = self.stages().into_iter().map(|(name, stage)| (name, &stage.curve)).collect();
        let charts = [pr_chart, roc_chart].map(|draw| draw(&curves, self.anomalies, self.normal, Some(at_threshold)));
        let reliability = self.reliability.iter().map(|reliability| reliability_chart("Network", reliability));
        charts.into_iter().chain(reliability).collect()
    }
}

/// The threshold-free quality of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageQuality {
    /// This and the next are NaN where only one class is labelled.
    pub roc_auc: f64,
    pub pr_auc: f64,
    /// Counts at each of some hundred thresholds, for "at the same number of flagged rows".
    pub curve: Curve,
}

/// One record as the table shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowView {
    pub row: u32,
    /// One for each column; fewer or more where the record is ragged.
    pub cells: Vec<String>,
    /// Once the file is scored, and if the record could be.
    pub scores: Option<RowScores>,
    /// Why it is not scored, if it is not.
    pub unscored: Option<String>,
    /// The first of its reasons, where somebody asked for it.
    pub reason: Option<String>,
}

/// What the stages say about one record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowScores {
    pub forest: f32,
    /// `None` without a network.
    pub probability: Option<f32>,
    /// What decides.
    pub score: f32,
}

/// What the records that a lens shows have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Records that are shown, and those of them that are flagged.
    pub shown: u64,
    pub flagged: u64,
    /// Of each rule of the allow-list, the records that would be flagged without it; why a rule is not in force.
    pub allowed: Vec<u64>,
    pub idle_rules: Vec<(u32, String)>,
    /// What to look at first.
    pub leads: Vec<Lead>,
    /// The first groups of each kind that the file has.
    pub groups: Vec<GroupList>,
    /// When which of the first entities was odd, where the file has times; whatever time and entity the filter asks for, so that
    /// others can be chosen there.
    pub lanes: Option<Lanes>,
    /// Forest scores by network probabilities, where a network has spoken; whatever part of the plot is chosen.
    pub stages: Option<Stages>,
    /// Records that are shown in each bin of [`Analysis::histogram`].
    pub histogram: Vec<u64>,
    /// What the verdicts say about the list.
    pub judged: Judged,
    /// The reasons of so many of the flagged records were looked at, those with the highest scores.
    pub reasoned: u64,
    /// Where not all records are shown and the file has labels: what these say of the shown ones. Of all it is [`Analysis::quality`].
    pub labelled: Option<Labelled>,
    /// How many of each attack are flagged, where the file names attacks: of the same records; the most frequent first.
    pub attacks: Vec<NameRecall>,
}

/// What the labels say about the records that a lens shows; if it shows those alone that are flagged, about the others, too, that
/// it would show otherwise: what was missed is among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    pub quality: Quality,
    /// What the allow-list ignores is not flagged.
    pub confusion: Confusion,
}

/// The groups of one kind, the most surprising first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupList {
    pub kind: GroupKind,
    pub groups: Vec<Group>,
    /// Those that are not listed.
    pub others: Others,
}

/// A swimlane for each of some entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lanes {
    pub kind: GroupKind,
    /// What else the lanes could be of.
    pub kinds: Vec<GroupKind>,
    pub lanes: Swimlanes,
    /// The filter for each lane but the last, which is that of all others.
    pub queries: Vec<String>,
}

/// The two stages side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    pub grid: DensityGrid,
    pub cuts: Cuts,
    pub counts: QuadrantCounts,
}

/// The scores of one record that was checked by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    pub forest_score: f32,
    pub dnn_probability: Option<f32>,
    pub score: f32,
    /// The share of the open file's records that score lower, 0 to 1.
    pub rank: f64,
    pub explanation: Explanation,
}

/// What the worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The worker has loaded. `build` must be the page's own.
    Ready {
        build: String,
    },
    /// `offers` are all packs, as [`Opened::packs`] has them; empty while no file is open.
    PackAdded {
        name: String,
        offers: Vec<PackOffer>,
    },
    Progress(Progress),
    Opened(Box<Opened>),
    ReferenceOpened {
        name: String,
        rows: u64,
    },
    Rehearsed,
    Analyzed(Box<Analysis>),
    /// The first of the records, without their reasons. Bulk: the rows to show, in order (u32).
    Arranged(Vec<RowView>),
    Rows(Vec<RowView>),
    Surveyed(Box<Survey>),
    Explained(Box<Explanation>),
    Rule(Rule),
    Compared {
        comparison: Box<Comparison>,
        scores: Option<Box<ScoreChange>>,
    },
    Limited,
    Checked(Box<Checked>),
    /// A `Blob` travels beside this message, unless the person chose a file to write to.
    Exported {
        name: String,
    },
    Cancelled,
    Failed(Error),
}

/// A buffer that travels beside a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Bulk {
    U8(Vec<u8>),
    /// Shared, since the engine keeps the order of all records that it sends.
    U32(Arc<Vec<u32>>),
    F32(Vec<f32>),
}

/// Names the kind as the page and the reports print it.
#[must_use]
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "number",
        Kind::Category => "category",
        Kind::Time => "time",
        Kind::Address => "address",
        Kind::Port => "port",
        Kind::Identifier => "identifier",
        Kind::Constant => "constant",
        Kind::FreeText => "free text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_pack_and_normal_records_exclude_each_other() {
        let named = PackChoice::Named("p".into());
        let mut settings = Settings::default();
        settings.set_pack(named.clone());
        settings.set_reference(Reference::Label);
        assert_eq!((&settings.pack, settings.max_samples), (&PackChoice::Auto, 4096));
        settings.set_pack(PackChoice::None);
        assert_eq!(settings.reference, Reference::Label);
        settings.set_pack(named);
        assert_eq!((&settings.reference, settings.max_samples), (&Reference::All, 256));
        settings.max_samples = 100;
        settings.set_reference(Reference::File);
        assert_eq!((&settings.pack, settings.max_samples), (&PackChoice::Auto, 100));
        assert_eq!(settings.clone().for_other_file(true), settings);
        assert_eq!(settings.for_other_file(false).reference, Reference::All);
        let filter = Settings { reference: Reference::Filter("x".into()), ..Settings::default() };
        assert_eq!(filter.for_other_file(true).reference, Reference::All);
    }
}
