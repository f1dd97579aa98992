//! Two files held against each other, such as yesterday's and today's: which columns have drifted, which addresses, ports and
//! other values are new or gone, and how the scores of one lie beside the other's.
//!
//! Drift is the population stability index over the base file's tenths (`domain`), less what chance alone would make of so
//! many rows. Values that come once are normal in some columns: how many new ones were to be expected is what Good and Turing
//! estimate from the base file, the share of its rows whose value came only once (Good, Biometrika 40, 1953). Nothing is called
//! new or gone where a file has more different values than could be kept.

mod profile;

pub use profile::{Amounts, Bucket, ColumnProfile, MAX_VALUES, Named, Profile, Tally, Values};

use crate::domain::psi;
use crate::report::{
    Axis, Chart, Histogram, Ranking, ReportCompared, ReportTable, Series, bytes, count, drift, plural, score,
    share_of_one,
};
use crate::schema::Kind;
use serde::{Deserialize, Serialize};

/// How a file differs from a base file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub base: Compared,
    pub other: Compared,
    /// Columns that both have, those that drift most first; then those that cannot be compared.
    pub columns: Vec<ColumnChange>,
    pub only_in_base: Vec<String>,
    pub only_in_other: Vec<String>,
    /// Whether a filter has left some records out, of both files.
    pub filtered: bool,
    /// The main things in plain words, a sentence each.
    pub words: Vec<String>,
}

/// One of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    pub name: String,
    /// Records that could be read.
    pub rows: u64,
    /// So many of them were compared, where these are not all.
    pub sampled: Option<u64>,
}

impl Comparison {
    /// The comparison of so many records, of which samples were held against each other. They are all records of the files, or, if
    /// they are `filtered`, those that a filter has left.
    #[must_use]
    pub fn of_samples(mut self, base_rows: u64, other_rows: u64, filtered: bool) -> Self {
        self.filtered = filtered;
        for (file, rows) in [(&mut self.base, base_rows), (&mut self.other, other_rows)] {
            if rows > file.rows {
                file.sampled = Some(file.rows);
                file.rows = rows;
            }
        }
        // Of values that the filter has taken from a file, it cannot be told whether they are new to the other one.
        if filtered && base_rows.min(other_rows) < LEAST_ROWS {
            for column in &mut self.columns {
                (column.appeared, column.gone) = (None, None);
                column.words = format!("{TOO_FEW}.");
            }
        }
        self.words = in_words(&self);
        self
    }
}

/// How one column differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnChange {
    pub canonical: String,
    /// As in the other file.
    pub name: String,
    pub kind: Kind,
    /// `None` where there is nothing to compare.
    pub psi: Option<f64>,
    /// What the index was computed from.
    pub bins: Vec<BinChange>,
    /// Values that only the other file has; `None` where this cannot be told, as for amounts.
    pub appeared: Option<Changed>,
    /// Values that only the base file has.
    pub gone: Option<Changed>,
    pub words: String,
}

/// The share of rows in one bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinChange {
    pub label: String,
    pub base: f64,
    pub other: f64,
}

/// Values that one of two files lacks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub n_values: u64,
    pub rows: u64,
    /// Of the rows with a value.
    pub share: f64,
    /// The share that was to be expected of a column like this.
    pub expected_share: f64,
    /// The first of them, at most [`LISTED`]: by the highest score, then by rows.
    pub values: Vec<ChangedValue>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedValue {
    pub value: String,
    pub rows: u64,
    /// The highest score among its rows.
    pub best: Option<f32>,
}

/// How the scores of one file lie beside the other's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreChange {
    /// Both with the same edges.
    pub base: Histogram,
    pub other: Histogram,
    /// Rows that score at least the threshold.
    pub flagged_base: u64,
    pub flagged_other: u64,
    /// Over the base's tenths.
    pub psi: f64,
    pub words: String,
}

/// New or gone values that are listed.
pub const LISTED: usize = 50;
/// An index over fewer rows is noise.
const LEAST_ROWS: u64 = 30;
const TOO_FEW: &str = "Too few records to compare";
const TENTHS: usize = 10;
/// Values that have a bin of their own.
const NAMED_BINS: usize = 10;
/// The index of a shift that is to be looked into, and of a major one (Siddiqi, Credit Risk Scorecards, 2006).
const SOME_DRIFT: f64 = 0.1;
const MUCH_DRIFT: f64 = 0.25;
/// Things of a kind that the summary names.
const NAMED_IN_WORDS: usize = 5;

/// Holds a file against a base file; the columns are matched by their canonical names.
#[must_use]
pub fn compare(base: (&str, &Profile), other: (&str, &Profile)) -> Comparison {
    let counterpart =
        |of: &ColumnProfile, among: &Profile| among.columns.iter().position(|column| column.canonical == of.canonical);
    let only = |of: &Profile, among: &Profile| {
        let lacking = of.columns.iter().filter(|column| counterpart(column, among).is_none());
        lacking.map(|column| column.name.clone()).collect::<Vec<_>>()
    };
    let pairs =
        other.1.columns.iter().filter_map(|column| Some((&base.1.columns[counterpart(column, base.1)?], column)));
    let mut columns: Vec<ColumnChange> = pairs.map(|(base, other)| column_change(base, other)).collect();
    columns.sort_by(|a, b| b.psi.unwrap_or(-1.0).total_cmp(&a.psi.unwrap_or(-1.0)));
    let compared =
        |(name, profile): (&str, &Profile)| Compared { name: name.to_owned(), rows: profile.rows, sampled: None };
    let mut comparison = Comparison {
        base: compared(base),
        other: compared(other),
        columns,
        only_in_base: only(base.1, other.1),
        only_in_other: only(other.1, base.1),
        filtered: false,
        words: Vec::new(),
    };
    comparison.words = in_words(&comparison);
    comparison
}

/// Holds the scores of a file against those of a base file, in about `n_bins` bins. `same_detector` says that one detector has
/// scored both. `None` where either has no finite score.
#[must_use]
pub fn compare_scores(
    base: &Ranking,
    other: &Ranking,
    threshold: f32,
    same_detector: bool,
    n_bins: usize,
) -> Option<ScoreChange> {
    let (base_range, other_range) = (base.range()?, other.range()?);
    let (low, high) = (base_range.0.min(other_range.0), base_range.1.max(other_range.1));
    // Rows down to the end of each tenth of the base file, from the highest score on.
    let ends = |ranking: &Ranking| -> Vec<u64> {
        let edge = |tenth: usize| base.threshold_for((base.n_scored() * tenth).div_ceil(TENTHS));
        (1..TENTHS).map(|tenth| ranking.flagged(edge(tenth)) as u64).chain([ranking.n_scored() as u64]).collect()
    };
    let counts = |ends: Vec<u64>| -> Vec<u64> {
        ends.iter().scan(0, |before, &end| Some(end - std::mem::replace(before, end))).collect()
    };
    let bins: Vec<(u64, u64)> = counts(ends(base)).into_iter().zip(counts(ends(other))).collect();
    let flagged = |ranking: &Ranking| ranking.flagged(threshold) as u64;
    let share = |ranking: &Ranking| share_of_one(flagged(ranking) as f64 / ranking.n_scored() as f64);
    let mut words = format!(
        "{} of the records score at least {}; of those in the other file, {}.",
        share(other),
        score(threshold),
        share(base)
    );
    if !same_detector {
        words += " Each file was scored by a detector of its own, so the two are not on one scale.";
    }
    Some(ScoreChange {
        base: Histogram::between(base, low, high, n_bins),
        other: Histogram::between(other, low, high, n_bins),
        flagged_base: flagged(base),
        flagged_other: flagged(other),
        psi: drift_of(&bins),
        words,
    })
}

impl Comparison {
    /// For a report: the words, the scores of both files, how each column differs, and what is new.
    #[must_use]
    pub fn report(&self, scores: Option<&ScoreChange>) -> ReportCompared {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let row = |column: &ColumnChange| {
            vec![column.name.clone(), column.psi.map_or_else(|| "–".into(), drift), column.words.clone()]
        };
        let columns = ReportTable {
            title: "How each column differs".into(),
            note: "Drift is the population stability index, less what chance accounts for; 0.25 is a major shift."
                .into(),
            columns: texts(&["Column", "Drift", "In words"]),
            rows: self.columns.iter().map(row).collect(),
            is_of_values: false,
        };
        let mut new: Vec<(&str, &ChangedValue)> = Vec::new();
        for (column, appeared) in self.columns.iter().filter_map(|column| Some((column, column.appeared.as_ref()?))) {
            // In a column that always brings new values, one that comes once is none of interest.
            let counts = |new: &&ChangedValue| appeared.is_surprising() || new.rows > 1;
            new.extend(appeared.values.iter().filter(counts).map(|new| (column.name.as_str(), new)));
        }
        new.sort_by(|(_, a), (_, b)| by_oddness(a, b));
        let row = |&(column, new): &(&str, &ChangedValue)| {
            let best = new.best.map_or_else(|| "–".into(), score);
            vec![column.to_owned(), new.value.clone(), count(new.rows), best]
        };
        let new = ReportTable {
            title: match self.filtered {
                true => format!("New among what is shown, against {}", self.base.name),
                false => format!("New since {}", self.base.name),
            },
            note: "The highest scores first.".into(),
            columns: texts(&["Column", "Value", "Records", "Highest score"]),
            rows: new.iter().take(LISTED).map(row).collect(),
            is_of_values: true,
        };
        let tables = [columns, new].into_iter().filter(|table| !table.rows.is_empty());
        ReportCompared {
            title: format!("Against {}", self.base.name),
            words: self.words.iter().cloned().chain(scores.map(|scores| scores.words.clone())).collect(),
            charts: scores.iter().map(|scores| scores.chart(&self.base.name, &self.other.name)).collect(),
            tables: tables.collect(),
        }
    }
}

impl ScoreChange {
    /// The share of each file's records in each bin of scores.
    #[must_use]
    pub fn chart(&self, base: &str, other: &str) -> Chart {
        let series = |name: &str, histogram: &Histogram| {
            let all: u64 = histogram.counts.iter().sum();
            let step = |(bin, &n): (usize, &u64)| {
                let (from, to) = histogram.edges(bin);
                [[from, ratio(n, all)], [to, ratio(n, all)]]
            };
            Series { name: name.to_owned(), points: histogram.counts.iter().enumerate().flat_map(step).collect() }
        };
        let series = vec![series(other, &self.other), series(base, &self.base)];
        let peak = series.iter().flat_map(|series| &series.points).map(|point| point[1]).fold(0.0, f64::max);
        Chart {
            title: "Scores of both files".into(),
            summary: self.words.clone(),
            x: Axis::between("Score", self.base.low, self.base.high, 5),
            y: Axis::between("Share of the file's records", 0.0, peak, 4),
            series,
            guides: Vec::new(),
            marks: Vec::new(),
        }
    }
}

impl Changed {
    /// Whether more rows have such a value than the column's own variety accounts for.
    #[must_use]
    pub fn is_surprising(&self) -> bool {
        // An estimate from one file for another day may well be wrong by a factor of two.
        self.n_values > 0 && self.share > 2.0 * self.expected_share
    }
}

/// A bin's name, and the rows that are in it.
type Bin = (String, u64, u64);

fn column_change(base: &ColumnProfile, other: &ColumnProfile) -> ColumnChange {
    let unit = other.unit.as_deref();
    let bins = match (&base.values, &other.values) {
        (Values::Amounts(base), Values::Amounts(other)) => amount_bins(base, other, unit),
        (Values::Amounts(base), Values::Named(other)) => {
            other.as_amounts().map_or_else(Vec::new, |other| amount_bins(base, &other, unit))
        }
        (Values::Named(base), Values::Amounts(other)) => {
            base.as_amounts().map_or_else(Vec::new, |base| amount_bins(&base, other, unit))
        }
        (Values::Named(base), Values::Named(other)) => named_bins(base, other),
        (Values::Unread, _) | (_, Values::Unread) => Vec::new(),
    };
    let (mut psi, mut shares) = (None, Vec::new());
    if !bins.is_empty() {
        let bins: Vec<Bin> = bins.into_iter().chain([("missing".into(), base.missing, other.missing)]).collect();
        let sums = bins.iter().fold((0, 0), |sums, bin| (sums.0 + bin.1, sums.1 + bin.2));
        let rows: Vec<(u64, u64)> = bins.iter().map(|bin| (bin.1, bin.2)).collect();
        psi = (sums.0 >= LEAST_ROWS && sums.1 >= LEAST_ROWS).then(|| drift_of(&rows));
        let bin_share =
            |(label, base, other)| BinChange { label, base: ratio(base, sums.0), other: ratio(other, sums.1) };
        shares = bins.into_iter().filter(|bin| bin.1 + bin.2 > 0).map(bin_share).collect();
    }
    let (appeared, gone) = match (&base.values, &other.values) {
        (Values::Named(base), Values::Named(other)) => (lacking(other, base), lacking(base, other)),
        _ => (None, None),
    };
    let mut change = ColumnChange {
        canonical: other.canonical.clone(),
        name: other.name.clone(),
        kind: other.kind,
        psi,
        bins: shares,
        appeared,
        gone,
        words: String::new(),
    };
    change.words = column_words(&change, base, other);
    change
}

/// Tenths of the base's numbers, and what is below and above all of them.
fn amount_bins(base: &Amounts, other: &Amounts, unit: Option<&str>) -> Vec<Bin> {
    let tenths = (0..TENTHS).filter_map(|tenth| base.quantile(tenth as f64 / TENTHS as f64));
    let mut edges: Vec<Bucket> = tenths.collect();
    edges.dedup_by_key(|edge| edge.key);
    let (Some(&first), Some(&last)) = (edges.first(), base.buckets.last()) else { return Vec::new() };
    // Beyond the greatest that was seen.
    let foreign = last.key + 1;
    let place = |key: u32| if key >= foreign { edges.len() + 1 } else { edges.partition_point(|edge| edge.key <= key) };
    let mut bins: Vec<Bin> = Vec::with_capacity(edges.len() + 2);
    bins.push((format!("below {}", amount(first.low, unit)), 0, 0));
    for (at, edge) in edges.iter().enumerate() {
        let end = edges.get(at + 1).map_or(String::new(), |next| format!(" to {}", amount(next.low, unit)));
        bins.push((format!("from {}{end}", amount(edge.low, unit)), 0, 0));
    }
    bins.push((format!("well above {}", amount(last.low, unit)), 0, 0));
    base.buckets.iter().for_each(|bucket| bins[place(bucket.key)].1 += bucket.rows);
    other.buckets.iter().for_each(|bucket| bins[place(bucket.key)].2 += bucket.rows);
    bins
}

/// The most frequent values of the base, and all others. What is new is among them: in a column that always brings new values,
/// such as the ports that clients draw, it is no drift.
fn named_bins(base: &Named, other: &Named) -> Vec<Bin> {
    let mut frequent: Vec<(&String, u64)> = base.tallies.iter().map(|(value, tally)| (value, tally.rows)).collect();
    // By value where as frequent, as they were.
    frequent.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
    frequent.truncate(NAMED_BINS);
    let rows_in_other = |value: &str| other.tallies.get(value).map_or(0, |tally| tally.rows);
    let mut bins: Vec<Bin> =
        frequent.iter().map(|&(value, rows)| (value.clone(), rows, rows_in_other(value))).collect();
    let sums = bins.iter().fold((0, 0), |sums, bin| (sums.0 + bin.1, sums.1 + bin.2));
    bins.push(("any other value".into(), base.rows() - sums.0, other.rows() - sums.1));
    bins
}

/// The index, less what two draws from one source rarely exceed: times `1/n + 1/m`, it is distributed as χ² with `k − 1` degrees
/// of freedom for k bins, whose mean is `k − 1` and whose deviation `√(2(k − 1))` (Yurdakul, "Statistical properties of the
/// population stability index", 2018); two deviations above the mean are taken off.
fn drift_of(bins: &[(u64, u64)]) -> f64 {
    let sums = bins.iter().fold((0, 0), |sums, bin| (sums.0 + bin.0, sums.1 + bin.1));
    let used = bins.iter().filter(|bin| bin.0 + bin.1 > 0).count();
    let base: Vec<f64> = bins.iter().map(|bin| ratio(bin.0, sums.0)).collect();
    let other: Vec<f64> = bins.iter().map(|bin| ratio(bin.1, sums.1)).collect();
    let freedom = used.saturating_sub(1) as f64;
    let chance = freedom + 2.0 * libm::sqrt(2.0 * freedom);
    let by_chance = chance * (1.0 / sums.0.max(1) as f64 + 1.0 / sums.1.max(1) as f64);
    (psi(&other, &base) - by_chance).max(0.0)
}

/// The values that `named` has and `without` lacks, if all that it has are known.
fn lacking(named: &Named, without: &Named) -> Option<Changed> {
    if !without.is_complete() {
        return None;
    }
    let mut values: Vec<ChangedValue> = named
        .tallies
        .iter()
        .filter(|(value, _)| !without.tallies.contains_key(*value))
        .map(|(value, tally)| ChangedValue { value: value.clone(), rows: tally.rows, best: tally.best })
        .collect();
    values.sort_by(by_oddness);
    let (n_values, rows) = (values.len() as u64, values.iter().map(|value| value.rows).sum());
    values.truncate(LISTED);
    let once = without.tallies.values().filter(|tally| tally.rows == 1).count() as u64;
    Some(Changed {
        n_values,
        rows,
        share: ratio(rows, named.rows()),
        expected_share: ratio(once, without.rows()),
        values,
    })
}

/// By the highest score, then by rows, falling.
fn by_oddness(a: &ChangedValue, b: &ChangedValue) -> std::cmp::Ordering {
    let best = |value: &ChangedValue| value.best.unwrap_or(f32::NEG_INFINITY);
    best(b).total_cmp(&best(a)).then_with(|| b.rows.cmp(&a.rows))
}

fn column_words(change: &ColumnChange, base: &ColumnProfile, other: &ColumnProfile) -> String {
    let mut words = match (change.psi, &base.values, &other.values) {
        (Some(psi), ..) => match psi {
            p if p < SOME_DRIFT => "About the same".to_owned(),
            p if p < MUCH_DRIFT => "Somewhat different".to_owned(),
            _ => "Much different".to_owned(),
        },
        (None, Values::Unread, _) | (None, _, Values::Unread) => {
            return "Not compared: times, identifiers and free text differ between any two files.".into();
        }
        (None, Values::Amounts(_), Values::Named(_)) | (None, Values::Named(_), Values::Amounts(_))
            if change.bins.is_empty() =>
        {
            return "Not compared: numbers in one of the files, texts in the other.".into();
        }
        _ => TOO_FEW.to_owned(),
    };
    let median = |values: &Values| match values {
        Values::Amounts(amounts) => amounts.quantile(0.5),
        Values::Named(_) | Values::Unread => None,
    };
    let unit = other.unit.as_deref();
    let gap = |bin: &&BinChange| (bin.other - bin.base).abs();
    match (median(&base.values), median(&other.values)) {
        (Some(before), Some(after)) if before.key != after.key => {
            words += &format!("; median {}, was {}", amount(after.low, unit), amount(before.low, unit));
        }
        _ if change.psi.is_some_and(|psi| psi >= SOME_DRIFT) => {
            let greatest = change.bins.iter().max_by(|a, b| gap(a).total_cmp(&gap(b)));
            words.extend(
                greatest.map(|bin| {
                    format!("; {} in {}, was {}", bin.label, share_of_one(bin.other), share_of_one(bin.base))
                }),
            );
        }
        _ => {}
    }
    words.push('.');
    if let Some(new) = change.appeared.as_ref().filter(|new| new.n_values > 0) {
        let values = plural(new.n_values, "new value", "new values");
        words += &format!(" {values} in {} of the records", share_of_one(new.share));
        words += &match new.is_surprising() {
            true => format!("; {} were to be expected.", share_of_one(new.expected_share)),
            false => ", as was to be expected.".into(),
        };
    }
    if let Some(gone) = change.gone.as_ref().filter(|gone| gone.is_surprising()) {
        words += &format!(" {} gone, ", plural(gone.n_values, "value is", "values are"));
        words += &format!("which had {} of the records.", share_of_one(gone.share));
    }
    words
}

fn in_words(comparison: &Comparison) -> Vec<String> {
    let Comparison { base, other, columns, .. } = comparison;
    let n_other = plural(other.rows, "record", "records");
    let mut words = vec![match comparison.filtered {
        true => format!(
            "What is shown: {n_other} of {}, against {} of {} that pass the same filter.",
            other.name,
            count(base.rows),
            base.name
        ),
        false => format!("{} has {n_other}, {} {}.", other.name, base.name, count(base.rows)),
    }];
    if base.sampled.is_some() || other.sampled.is_some() {
        let looked_at = |file: &Compared| count(file.sampled.unwrap_or(file.rows));
        words.push(format!(
            "Compared are samples of {} and {} records, and counts of values are of these.",
            looked_at(other),
            looked_at(base)
        ));
    }
    let of_psi = |psi: f64| columns.iter().filter(move |column| column.psi.is_some_and(|p| p >= psi));
    let compared = of_psi(0.0).count() as u64;
    match of_psi(MUCH_DRIFT).count() as u64 {
        _ if compared == 0 => words.push("No column could be compared.".into()),
        0 => words.push(format!("None of {} differs much.", plural(compared, "compared column", "compared columns"))),
        n => {
            let names =
                of_psi(MUCH_DRIFT).map(|column| format!("{} ({})", column.name, drift(column.psi.unwrap_or(0.0))));
            let verb = if n == 1 { "differs" } else { "differ" };
            let names = list(&names.collect::<Vec<_>>(), n);
            words.push(format!("{} of {} columns {verb} much: {names}.", count(n), count(compared)));
        }
    }
    let surprising = columns.iter().filter_map(|column| Some((column, column.appeared.as_ref()?)));
    for (column, new) in surprising.filter(|(_, new)| new.is_surprising()) {
        let name = |new: &ChangedValue| match new.best {
            Some(best) => format!("{} (highest score {})", new.value, score(best)),
            None => new.value.clone(),
        };
        let names = new.values.iter().map(name).collect::<Vec<_>>();
        let records = plural(new.rows, "record", "records");
        let among = if comparison.filtered { " among what is shown" } else { "" };
        words.push(format!("New{among} in {}: {}; {records}.", column.name, list(&names, new.n_values)));
    }
    for (file, only) in [(base, &comparison.only_in_base), (other, &comparison.only_in_other)] {
        if !only.is_empty() {
            words.push(format!("Only {} has {}.", file.name, list(only, only.len() as u64)));
        }
    }
    words
}

/// The first few of `n` names, and how many more there are.
fn list(names: &[String], n: u64) -> String {
    let first = &names[..names.len().min(NAMED_IN_WORDS)];
    match n - first.len() as u64 {
        0 => first.join(", "),
        more => format!("{} and {} more", first.join(", "), count(more)),
    }
}

/// An amount with three figures or so, in its unit.
fn amount(x: f64, unit: Option<&str>) -> String {
    let sign = if x < 0.0 { "−" } else { "" };
    let size = x.abs();
    if unit == Some("bytes") {
        return format!("{sign}{}", bytes(size as u64));
    }
    let (size, unit) = match unit {
        Some("s") if size > 0.0 && size < 1e-3 => (size * 1e6, Some("µs")),
        Some("s") if size > 0.0 && size < 1.0 => (size * 1e3, Some("ms")),
        Some("packets") if size == 1.0 => (size, Some("packet")),
        unit => (size, unit),
    };
    let number = match size {
        x if x >= 1e15 || x > 0.0 && x < 1e-3 => format!("{x:.2e}"),
        x if x >= 1000.0 || libm::floor(x) == x => count(libm::round(x) as u64),
        x => format!("{x:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    match unit {
        Some(unit) => format!("{sign}{number}\u{202f}{unit}"),
        None => format!("{sign}{number}"),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::best_order;
    use crate::generate::Generator;
    use crate::ingest::Reader;
    use crate::rng::Rng;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn profile(csv: &str, score: impl Fn(usize) -> f32) -> Profile {
        let mut reader = Reader::new();
        reader.push(csv.as_bytes()).unwrap();
        let table = reader.finish().unwrap().table;
        let mut profile = Profile::new(&detect(&table, None));
        let scores: Vec<f32> = (0..table.n_rows()).map(score).collect();
        profile.add(&table, &table.good_rows(), &scores);
        profile
    }

    /// A day of the built-in sample, perhaps with some lines changed.
    fn day(seed: u64, change: impl Fn(usize, &str) -> String) -> String {
        let mut csv = Vec::new();
        let mut generator = Generator::new(4000, seed);
        while generator.write(1000, &mut csv) {}
        let text = String::from_utf8(csv).unwrap();
        text.lines()
            .enumerate()
            .map(|(at, line)| if at == 0 { line.to_owned() } else { change(at, line) } + "\n")
            .collect()
    }

    fn with_field(line: &str, at: usize, value: &str) -> String {
        line.split(',').enumerate().map(|(i, field)| if i == at { value } else { field }).collect::<Vec<_>>().join(",")
    }

    fn of<'a>(comparison: &'a Comparison, name: &str) -> &'a ColumnChange {
        comparison.columns.iter().find(|column| column.name == name).unwrap()
    }

    #[test]
    fn two_days_of_one_network_are_about_the_same() {
        let days = [1, 2].map(|seed| profile(&day(seed, |_, line| line.to_owned()), |_| 0.5));
        let comparison = compare(("monday", &days[0]), ("tuesday", &days[1]));
        let much: Vec<_> = comparison.columns.iter().filter(|column| column.psi > Some(SOME_DRIFT)).collect();
        assert!(much.is_empty(), "{much:?}");
        assert_eq!(comparison.words[0].replace('\u{a0}', " "), "tuesday has 4,000 records, monday 4,000.");
        // Ports that clients draw are new every day, and no surprise.
        let ports = of(&comparison, "src_port").appeared.as_ref().unwrap();
        assert!(ports.n_values > 100 && !ports.is_surprising(), "{} {}", ports.share, ports.expected_share);
        assert_eq!(of(&comparison, "ts").psi, None);
        // A file is the same as itself.
        let same = compare(("a", &days[0]), ("b", &days[0]));
        assert!(same.columns.iter().all(|column| column.psi.is_none_or(|psi| psi == 0.0)));
        assert!(same.columns.iter().all(|column| column.appeared.as_ref().is_none_or(|new| new.n_values == 0)));
    }

    #[test]
    fn what_has_changed_is_told() {
        let monday = profile(&day(1, |_, line| line.to_owned()), |_| 0.5);
        let changed = day(2, |at, line| {
            let line = if at % 400 == 0 { with_field(line, 3, "100.64.9.9") } else { line.to_owned() };
            let bytes = line.split(',').nth(9).and_then(|field| field.parse::<f64>().ok());
            bytes.map_or(line.clone(), |bytes| with_field(&line, 9, &(bytes * 50.0).to_string()))
        });
        let tuesday = profile(&changed, |row| if (row + 1).is_multiple_of(400) { 0.9 } else { 0.5 });
        let comparison = compare(("monday", &monday), ("tuesday", &tuesday));
        assert_eq!(comparison.columns[0].name, "orig_bytes", "{:?}", comparison.words);
        assert!(comparison.columns[0].psi > Some(MUCH_DRIFT));
        assert!(comparison.columns[0].words.starts_with("Much different; median "), "{}", comparison.columns[0].words);
        let new = of(&comparison, "dst_ip").appeared.as_ref().unwrap();
        assert_eq!(new.values[0], ChangedValue { value: "100.64.9.9".into(), rows: 10, best: Some(0.9) });
        let back = compare(("tuesday", &tuesday), ("monday", &monday));
        let gone = of(&back, "dst_ip").gone.as_ref().unwrap();
        assert_eq!((&gone.values[0], gone.n_values), (&new.values[0], new.n_values));
        let report = comparison.report(None);
        assert_eq!((report.title.as_str(), &report.words), ("Against monday", &comparison.words));
        assert_eq!(report.tables[0].rows[0][0], "orig_bytes");
        assert!(report.tables[1].rows.iter().any(|row| row[1] == "100.64.9.9" && row[3] == "0.900"));
    }

    #[test]
    fn kinds_that_differ_are_compared_where_they_can_be() {
        let csv = |column: &dyn Fn(u32) -> String| {
            let rows = (0..200).map(|i| format!("{},{}\n", i % 7, column(i)));
            "n,x\n".to_owned() + &rows.collect::<String>()
        };
        let numbers = profile(&csv(&|i| format!("{}.5", i * i)), |_| 0.5);
        let constant = profile(&csv(&|_| "2.5".into()), |_| 0.5);
        let texts = profile(&csv(&|i| ["red", "blue"][i as usize % 2].into()), |_| 0.5);
        let check = |a: &Profile, b: &Profile, words: &str| {
            let comparison = compare(("a", a), ("b", b));
            assert!(of(&comparison, "x").words.starts_with(words), "{}", of(&comparison, "x").words);
        };
        check(&numbers, &constant, "Much different");
        check(&constant, &numbers, "Much different");
        check(&numbers, &texts, "Not compared: numbers in one");
        check(&constant, &texts, "Much different");
        check(&texts, &texts, "About the same.");
        let few = profile("n,x\n1,a\n2,b\n", |_| 0.5);
        check(&few, &texts, "Too few records to compare. 2");
        let other = profile("n,y\n1,a\n2,b\n", |_| 0.5);
        let comparison = compare(("a", &few), ("b", &other));
        assert_eq!((comparison.only_in_base, comparison.only_in_other), (vec!["x".into()], vec!["y".into()]));
        assert!(comparison.words.contains(&"Only b has y.".into()), "{:?}", comparison.words);
    }

    #[test]
    fn nothing_is_called_new_where_not_all_is_known() {
        let tally = Tally { rows: 2, best: None };
        let named = |values: &[&str], unkept| Named {
            tallies: values.iter().map(|&value| (value.to_owned(), tally)).collect(),
            unkept,
        };
        let (some, all) = (named(&["a", "b"], 3), named(&["b", "c"], 0));
        assert_eq!(lacking(&all, &some), None);
        let values: Vec<String> = lacking(&some, &all).unwrap().values.into_iter().map(|new| new.value).collect();
        assert_eq!(values, ["a"]);
    }

    #[test]
    fn files_are_counted_whole_where_samples_are_compared() {
        let profile = Profile { rows: 1000, columns: Vec::new() };
        let comparison = compare(("a", &profile), ("b", &profile));
        assert_eq!((comparison.base.sampled, comparison.words.len()), (None, 2));
        let comparison = comparison.of_samples(1000, 250_000, false);
        assert_eq!((comparison.base.rows, comparison.base.sampled), (1000, None));
        assert_eq!((comparison.other.rows, comparison.other.sampled), (250_000, Some(1000)));
        assert!(comparison.words[0].starts_with("b has 250,000"), "{:?}", comparison.words);
        assert!(comparison.words[1].starts_with("Compared are samples of 1,000 and 1,000 records"));
    }

    #[test]
    fn nothing_is_new_where_a_filter_has_left_too_little() {
        let (few, many) =
            (profile("n,x\n1,a\n2,b\n", |_| 0.5), profile(&format!("n,x\n{}", "3,c\n".repeat(40)), |_| 0.5));
        let new = |comparison: &Comparison| comparison.columns[1].appeared.as_ref().map(|new| new.n_values);
        let whole = compare(("a", &few), ("b", &many));
        assert_eq!(new(&whole), Some(1));
        let filtered = whole.of_samples(2, 40, true);
        assert_eq!(new(&filtered), None);
        assert_eq!(filtered.columns[1].words, "Too few records to compare.");
        assert!(filtered.words[0].starts_with("What is shown: 40"), "{:?}", filtered.words);
    }

    #[test]
    fn chance_is_no_drift() {
        for seed in 0..20 {
            let mut rng = Rng::new(seed);
            let mut draw = |n: u32| {
                let mut counts = [0; 10];
                (0..n).for_each(|_| counts[rng.below(10) as usize] += 1);
                counts
            };
            let bins: Vec<(u64, u64)> = draw(300).into_iter().zip(draw(200)).collect();
            assert!(drift_of(&bins) < SOME_DRIFT, "seed {seed}: {}", drift_of(&bins));
        }
        // (0.9 − 0.5) ln(0.9 / 0.5) + (0.1 − 0.5) ln(0.1 / 0.5), less (1 + 2 √2)(1/1000 + 1/1000).
        let expected = 0.4 * libm::log(1.8) - 0.4 * libm::log(0.2) - (1.0 + 2.0 * libm::sqrt(2.0)) * 0.002;
        assert!((drift_of(&[(500, 900), (500, 100)]) - expected).abs() < 1e-12);
    }

    #[test]
    fn scores_lie_side_by_side() {
        let ranking = |shift: f32| {
            let scores: Vec<f32> = (0..1000).map(|i| i as f32 / 2000.0 + shift).collect();
            Ranking::new(&scores, &best_order(&scores), &[])
        };
        let change = compare_scores(&ranking(0.25), &ranking(0.5), 0.7, true, 20).unwrap();
        assert_eq!((change.base.low, change.base.high), (change.other.low, change.other.high));
        assert_eq!(change.base.counts.iter().sum::<u64>(), 1000);
        assert_eq!((change.flagged_base, change.flagged_other), (100, 600));
        assert!(change.psi > 1.0 && change.words.replace('\u{202f}', " ").starts_with("60.0 % of the records"));
        let chart = change.chart("monday", "tuesday");
        let area = |series: &Series| series.points.iter().map(|point| point[1]).sum::<f64>() / 2.0;
        assert!(chart.series.iter().all(|series| (area(series) - 1.0).abs() < 1e-9));
        let same = compare_scores(&ranking(0.0), &ranking(0.0), 0.7, false, 20).unwrap();
        assert!(same.psi == 0.0 && same.words.ends_with("not on one scale."));
        assert_eq!(compare_scores(&Ranking::default(), &ranking(0.0), 0.5, true, 20), None);
    }

    #[test]
    fn amounts_are_read_by_people() {
        for (x, unit, expected) in [
            (0.0, None, "0"),
            (1_234_567.0, Some("bytes"), "1.23 MB"),
            (12.5, Some("s"), "12.5 s"),
            (0.000_065, Some("s"), "65 µs"),
            (0.25, Some("s"), "250 ms"),
            (1.0, Some("packets"), "1 packet"),
            (-1500.4, None, "−1,500"),
            (0.000_012, None, "1.20e-5"),
            (1e300, None, "1.00e300"),
        ] {
            assert_eq!(amount(x, unit).replace('\u{202f}', " "), expected);
        }
    }
}
