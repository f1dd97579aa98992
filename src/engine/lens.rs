//! A chunk's records through a lens: which are shown, which are flagged, what the allow-list and the verdicts say of each.

use super::crew::{Ready, Records};
use crate::allow::BoundAllowList;
use crate::error::{Error, Result};
use crate::protocol::{Bulk, Lens};
use crate::query::{self, BoundQuery, Needs, RowFacts};
use crate::report::DensityGrid;
use crate::schema::{self, Schema};
use crate::verdicts::BoundVerdicts;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// A lens, and what the crews need to know of all records to look through it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sight {
    pub lens: Lens,
    /// The ends of the forest's scores, of the plot that is brushed.
    pub forest_range: (f64, f64),
    /// The score and the row of the last record, by falling score, whose reasons are looked for if it is flagged. `None` where
    /// those of all are.
    pub last_reasoned: Option<(f32, u32)>,
}

impl Sight {
    /// Whether the reasons of a row of the file are looked for if it is flagged.
    pub fn reasons_of(&self, row: u32, score: f32) -> bool {
        self.lens.most_reasoned > 0
            && self.last_reasoned.is_none_or(|(least, last)| score > least || score == least && row <= last)
    }
}

/// Whether what a lens shows may depend on what the stages say by themselves, and not only on the score.
pub(super) fn looks_at_stages(lens: &Lens, schema: &Schema) -> bool {
    lens.brush.is_some()
        || !lens.allow_list.rules.is_empty()
        || !lens.verdicts.is_empty()
        || query::parse(&lens.filter, schema).is_ok_and(|query| query.asks_for_stages())
}

/// A record as it is seen.
pub(super) struct Seen<'a> {
    /// Its place in the chunk.
    pub row: u32,
    pub score: f32,
    pub forest: f32,
    /// NaN without a network.
    pub probability: f32,
    /// Whether the lens shows it.
    pub is_shown: bool,
    /// The same if no part of the plot of both stages were chosen.
    pub is_shown_but_for_brush: bool,
    /// The same if not only what is flagged were shown.
    pub is_shown_or_unflagged: bool,
    pub is_flagged: bool,
    /// The rule of the allow-list that keeps it from being flagged.
    pub allowed: Option<usize>,
    /// What the file calls it, if somebody asked for it.
    pub label: u8,
    pub is_true: Option<bool>,
    pub note: &'a str,
    /// The tags of its reasons, if somebody asked for them and it is flagged.
    pub reasons: &'a [&'a str],
    /// The same in words; empty without.
    pub line: &'a str,
}

/// The reasons of rows of the file, so that they are found once for each run.
pub(super) type Reasons = FxHashMap<u32, Told>;

/// Why a row is odd.
pub(super) struct Told {
    /// The canonical names of the columns.
    tags: Vec<String>,
    line: String,
}

/// Reasons that are found at a time, so that no step is long.
const REASONS_AT_A_TIME: usize = 1000;

/// Of which records [`look`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Of those that the lens shows, and of others that are not so easily told from them: only what is shown may be looked at.
    Shown,
    All,
}

/// Calls `each` for the records of the chunk; or for none, and gives `false`, where more reasons have to be found first than can
/// be in one step. Beside what the lens needs, it is told what `wanted` asks for; reasons only of those that are flagged. What the
/// stages say may be left out of the scores where nobody [looks at it](looks_at_stages).
pub(super) fn look(
    sight: &Sight,
    records: &Records,
    scores: &[Bulk],
    ready: &Ready,
    found: &mut Reasons,
    (which, wanted): (Which, Needs),
    mut each: impl FnMut(&Seen) -> Result<()>,
) -> Result<bool> {
    let [Bulk::F32(forest), Bulk::F32(dnn), Bulk::F32(score)] = scores else {
        return Err(Error::new("The scores did not come with the records"));
    };
    let (lens, table, schema) = (&sight.lens, records.table, &ready.schema);
    let query = query::parse(&lens.filter, schema)?;
    let mut query: BoundQuery = query.bind(table, schema);
    let mut allow: BoundAllowList = lens.allow_list.bind(table, schema);
    let mut verdicts: BoundVerdicts = lens.verdicts.bind(table, schema);
    let needs = wanted | query.needs() | allow.needs() | verdicts.needs();
    let needs_reasons = needs.reasons && lens.most_reasoned > 0;
    let has_labels = needs.label && !schema.normal_labels.is_empty();
    let labels = if has_labels { schema::labels(table, schema) } else { None }.unwrap_or_default();
    let grid = DensityGrid::new(sight.forest_range.0, sight.forest_range.1);
    if needs_reasons && !find_reasons(sight, records, score, ready, found)? {
        return Ok(false);
    }
    let may_match = (which == Which::Shown).then(|| query.may_match());
    let text = if needs.text { Some(records.bytes()?) } else { None };
    for row in 0..table.n_rows() {
        if may_match.as_ref().is_some_and(|may_match| !may_match[row]) {
            continue;
        }
        let number = |of: &[f32]| of.get(row).copied().unwrap_or(f32::NAN);
        let (forest, probability, score) = (number(forest), number(dnn), number(score));
        let file_row = records.chunk.first_row + row as u32;
        let is_high = score >= lens.threshold;
        let has_reasons = needs_reasons && is_high && sight.reasons_of(file_row, score);
        let told = has_reasons.then(|| found.get(&file_row)).flatten();
        let reasons: Vec<&str> = told.iter().flat_map(|told| &told.tags).map(String::as_str).collect();
        let line = told.map_or("", |told| &told.line);
        let mut facts = RowFacts {
            file_row,
            score,
            forest,
            network: probability,
            flagged: is_high,
            label: labels.get(row).copied().unwrap_or(schema::UNKNOWN),
            reasons: &reasons,
            record: text.as_ref().map_or(&[], |bytes| records.record(bytes, row)),
            ..RowFacts::default()
        };
        let (is_true, note) = verdicts.of(row as u32, &facts);
        facts.verdict = is_true;
        facts.note = note;
        let allowed = allow.rule_of(row as u32, &facts);
        facts.flagged = is_high && allowed.is_none();
        let passes = query.matches(row as u32, &facts) && (allowed.is_none() || lens.shows_allowed);
        let is_brushed = lens.brush.is_none_or(|brush| grid.holds(brush, forest, probability));
        let may_show = facts.flagged || !lens.flagged_only;
        let (is_flagged, label) = (facts.flagged, facts.label);
        each(&Seen {
            row: row as u32,
            score,
            forest,
            probability,
            is_shown: passes && is_brushed && may_show,
            is_shown_but_for_brush: passes && may_show,
            is_shown_or_unflagged: passes && is_brushed,
            is_flagged,
            allowed: allowed.filter(|_| is_high),
            label,
            is_true,
            note,
            reasons: &reasons,
            line,
        })?;
    }
    Ok(true)
}

/// Finds the reasons that are not known yet, of some records; whether they are all known then.
fn find_reasons(sight: &Sight, records: &Records, scores: &[f32], ready: &Ready, found: &mut Reasons) -> Result<bool> {
    let first_row = records.chunk.first_row;
    let wanted = (0..).zip(scores).filter(|&(row, &score)| {
        let file_row = first_row + row;
        score >= sight.lens.threshold && sight.reasons_of(file_row, score) && !found.contains_key(&file_row)
    });
    let mut wanted: Vec<u32> = wanted.map(|(row, _)| row).take(REASONS_AT_A_TIME + 1).collect();
    let are_all = wanted.len() <= REASONS_AT_A_TIME;
    wanted.truncate(REASONS_AT_A_TIME);
    if wanted.is_empty() {
        return Ok(true);
    }
    let (table, schema) = ready.detector.record.read(records.table, &ready.schema)?;
    let mut explainer = ready.explainer()?.bind(&table, &schema)?;
    for row in wanted {
        let (reasons, line) = explainer.reasons(row)?;
        let tags = reasons.into_iter().map(|reason| reason.tag).collect();
        found.insert(first_row + row, Told { tags, line });
    }
    Ok(are_all)
}
