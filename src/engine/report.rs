//! A report of what a lens shows, as one HTML file or as JSON: the survey, and the first of the flagged records with their
//! reasons.

use super::arrange::Arrange;
use super::survey::{Advance, Surveying};
use super::{Dataset, Engine, Outcome, Run, Step, Work};
use crate::bundle::{Pack, sha256_hex};
use crate::error::{Error, Result};
use crate::evaluate;
use crate::protocol::{
    Bulk, Labelled, Lanes, Lens, PackChoice, Progress, Reference, Reply, ReportFormat, SortKey, Stage, Survey,
};
use crate::report::{
    Figure, Histogram, Report, ReportFile, ReportGroup, ReportLanes, ReportRow, ReportScores, ReportStages,
    ReportTable, auc_words, count, drift_words, metric, plural, score, share, share_of_one,
};
use crate::schema::{self, Role};
use crate::store::Spool;
use crate::verdicts::verdict_word;
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// Records that are shown with their reasons.
const ROWS: usize = 50;
/// Bytes that are hashed in one step.
const HASHED_PER_STEP: u64 = 8 << 20;

pub(super) struct Reporting {
    lens: Lens,
    format: ReportFormat,
    made: Option<String>,
    spool: Option<Box<dyn Spool>>,
    hash: Sha256,
    /// Bytes that have been hashed.
    hashed: u64,
    surveying: Option<Surveying>,
    survey: Option<Box<Survey>>,
    arrange: Option<Arrange>,
}

impl Reporting {
    pub(super) fn new(lens: Lens, format: ReportFormat, made: Option<String>, spool: Box<dyn Spool>) -> Self {
        let flagged = Lens { flagged_only: true, ..lens.clone() };
        Self {
            surveying: Some(Surveying::narrow(lens.clone())),
            arrange: Some(Arrange::new(SortKey::Score, true, flagged, 0)),
            lens,
            format,
            made,
            spool: Some(spool),
            hash: Sha256::new(),
            hashed: 0,
            survey: None,
        }
    }

    /// Hashes some more of the file; `None` when it is done.
    fn hash(&mut self, dataset: &Dataset) -> Result<Option<Progress>> {
        let total = dataset.store.size();
        if self.hashed == total {
            return Ok(None);
        }
        let len = (total - self.hashed).min(HASHED_PER_STEP);
        let mut bytes = Vec::new();
        dataset.store.read(self.hashed, len as usize, &mut bytes)?;
        self.hash.update(&bytes);
        self.hashed += len;
        Ok(Some(Progress { stage: Stage::Reading, done: self.hashed, total, rows: 0 }))
    }

    fn finish(&mut self, engine: &mut Engine, rows: &[u32]) -> Result<Outcome> {
        let (dataset, run) = (engine.dataset()?, engine.run()?.clone());
        let survey = self.survey.take().ok_or_else(|| Error::new("There is nothing to report"))?;
        let shown =
            rows.iter().take(ROWS).map(|&row| report_row(engine, &self.lens, row)).collect::<Result<Vec<_>>>()?;
        let hash = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // The manifest names the hashes of the other files.
        let of_run = |pack: &&Rc<Pack>| Some(&pack.manifest().name) == run.analysis.pack.as_ref();
        let pack_sha256 = engine.packs.iter().find(of_run).map(|pack| sha256_hex(&pack.files()[0]));
        let report = Report {
            rows_note: note(shown.len(), rows.len(), "odd record", "odd records"),
            rows: shown,
            made: self.made.take(),
            ..report(&dataset, &run, &self.lens, *survey, hash, pack_sha256)
        };
        let stem = dataset.name.rsplit_once('.').map_or(dataset.name.as_str(), |(stem, _)| stem);
        let (text, extension) = match self.format {
            ReportFormat::Html => (report.to_html(), "html"),
            ReportFormat::Json => (report.to_json(), "json"),
        };
        let mut spool = self.spool.take().expect("a finished job is not stepped again");
        spool.append(text.as_bytes())?;
        let reply = Reply::Exported { name: format!("{stem}.oddflow-report.{extension}") };
        Ok(Outcome { reply, bulk: Vec::new(), written: Some(spool) })
    }
}

impl Work for Reporting {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let dataset = engine.dataset()?;
        engine.run()?;
        if let Some(progress) = self.hash(&dataset)? {
            return Ok(Step::Working(progress));
        }
        if let Some(surveying) = &mut self.surveying {
            return Ok(match surveying.advance(engine)? {
                Advance::Working(progress) => Step::Working(progress),
                Advance::Waiting(progress) => Step::Waiting(progress),
                Advance::Done(survey) => {
                    self.survey = Some(survey);
                    self.surveying = None;
                    let total = dataset.n_rows() as u64;
                    Step::Working(Progress { stage: Stage::Writing, done: 0, total, rows: 0 })
                }
            });
        }
        let arrange = self.arrange.as_mut().expect("a finished job is not stepped again");
        match arrange.step(engine)? {
            Step::Done(outcome) => {
                self.arrange = None;
                let Some(Bulk::U32(rows)) = outcome.bulk.into_iter().next() else {
                    return Err(Error::new("The records could not be put in order"));
                };
                self.finish(engine, &rows).map(Step::Done)
            }
            step => Ok(step),
        }
    }
}

/// One record with its reasons and fields.
fn report_row(engine: &mut Engine, lens: &Lens, row: u32) -> Result<ReportRow> {
    let explanation = engine.explain_row(row)?;
    let dataset = engine.dataset()?;
    let view = engine.rows(&[row], f32::INFINITY)?.remove(0);
    let judged = lens.verdicts.of_row(row);
    let verdict = match judged {
        Some(judged) if judged.is_true.is_some() && !judged.note.is_empty() => {
            format!("{}: {}", verdict_word(judged.is_true), judged.note)
        }
        Some(judged) if judged.is_true.is_some() => verdict_word(judged.is_true).into(),
        Some(judged) if !judged.note.is_empty() => format!("odd: {}", judged.note),
        _ => "odd".into(),
    };
    let reasons = match explanation.reasons.is_empty() {
        true => vec![explanation.summary],
        false => explanation.reasons.into_iter().map(|reason| reason.text).collect(),
    };
    let names = dataset.sample.columns.iter().map(|column| &column.name);
    Ok(ReportRow {
        record: u64::from(row) + 1,
        score: view.scores.map(|scores| scores.score),
        verdict,
        reasons,
        fields: names.zip(view.cells).map(|(name, cell)| Figure::new(name, cell)).collect(),
    })
}

fn report(
    dataset: &Dataset,
    run: &Run,
    lens: &Lens,
    survey: Survey,
    sha256: String,
    pack_sha256: Option<String>,
) -> Report {
    let analysis = &run.analysis;
    let origin = match lens.threshold == analysis.threshold {
        true => analysis.threshold_origin.clone(),
        false => "Chosen by the person who made this report.".into(),
    };
    let mut summary = vec![analysis.explanation.clone(), analysis.score_meaning.clone()];
    summary.extend(analysis.fit.as_ref().map(|fit| format!("{}.", drift_words(fit))));
    if !lens.filter.trim().is_empty() {
        summary.push(format!("Only records that pass this filter: {}", lens.filter.trim()));
    }
    let mut tables = Vec::new();
    let allowed = lens.allow_list.rules.iter().zip(&survey.allowed).filter(|(rule, _)| rule.enabled);
    let ignored: Vec<Vec<String>> =
        allowed.map(|(rule, n)| vec![rule.name.clone(), rule.query.clone(), count(*n)]).collect();
    if !ignored.is_empty() {
        tables.push(ReportTable {
            title: "Ignored".into(),
            note: "Records that would be odd, but for the allow-list.".into(),
            columns: ["Rule", "Filter", "Records"].map(Into::into).to_vec(),
            rows: ignored,
            ..ReportTable::default()
        });
    }
    // What is odd is a share of what was looked at.
    let is_narrowed = !lens.filter.trim().is_empty() || lens.brush.is_some();
    let of = if is_narrowed { survey.shown } else { analysis.n_rows };
    let mut figures = vec![
        Figure::new("Records", count(analysis.n_rows)),
        Figure::new("Odd", format!("{} ({})", count(survey.flagged), share(survey.flagged, of))),
        Figure::new("Threshold", score(lens.threshold)),
    ];
    if is_narrowed {
        figures.insert(1, Figure::new("Looked at", count(of)));
    }
    let mut charts = Vec::new();
    let of_all = analysis.quality.as_ref().map(|quality| {
        let confusion = evaluate::confusion(&run.score, &run.labels, lens.threshold);
        Labelled { quality: quality.clone(), confusion }
    });
    if let Some(Labelled { quality, confusion }) = survey.labelled.as_ref().or(of_all.as_ref()) {
        figures.push(Figure::new("ROC AUC", metric(quality.hybrid.roc_auc)));
        figures.push(Figure::new("PR AUC", metric(quality.hybrid.pr_auc)));
        summary.push(format!("Judged by the labels: {}", auc_words(quality.hybrid.roc_auc)));
        charts.extend(quality.charts(confusion));
        let of_shown = survey.labelled.as_ref().map_or("", |_| " It counts the records that were looked at.");
        tables.push(ReportTable {
            title: "Against the labels".into(),
            note: format!("By the column \"{}\", at the threshold.{of_shown}", quality.label_column),
            columns: ["", "Odd", "Ordinary"].map(Into::into).to_vec(),
            rows: vec![
                vec!["Anomaly".into(), count(confusion.true_positives), count(confusion.false_negatives)],
                vec!["Normal".into(), count(confusion.false_positives), count(confusion.true_negatives)],
            ],
            ..ReportTable::default()
        });
    }
    if let Some((precision, [low, high])) = survey.judged.precision() {
        let judged = u64::from(survey.judged.true_alarms + survey.judged.false_alarms);
        figures.push(Figure::new(
            "Precision of what was judged",
            format!(
                "{} (95 %: {} to {}) of {}",
                share_of_one(precision),
                share_of_one(low),
                share_of_one(high),
                plural(judged, "verdict", "verdicts")
            ),
        ));
    }
    let groups = survey.leads.into_iter().map(|lead| ReportGroup {
        title: lead.title,
        detail: lead.query,
        count: lead.group.as_ref().map_or(lead.examples.len() as u64, |group| group.flagged.into()),
        score: lead.group.and_then(|group| group.top_score),
        reasons: lead.why,
    });
    Report {
        version: Report::VERSION,
        program: format!("Oddflow {}", env!("CARGO_PKG_VERSION")),
        file: ReportFile {
            name: dataset.name.clone(),
            bytes: dataset.facts.bytes,
            // Of what was decoded it would be the digest of no file that anybody has.
            sha256: Some(sha256).filter(|_| !dataset.facts.is_decoded()),
            format: dataset.facts.format.clone(),
            rows: analysis.n_rows,
            unscored: analysis.n_rows - analysis.n_scored,
        },
        headline: match is_narrowed {
            true => format!(
                "{} of {} odd, of those looked at",
                count(survey.flagged),
                plural(of, "record is", "records are")
            ),
            false => format!("{} of {} odd", count(survey.flagged), plural(of, "record is", "records are")),
        },
        summary,
        warnings: dataset.facts.warnings.iter().chain(&analysis.warnings).cloned().collect(),
        figures,
        groups: groups.collect(),
        groups_note: String::new(),
        scores: Some(ReportScores {
            histogram: match is_narrowed {
                true => Histogram { counts: survey.histogram, anomalies: Vec::new(), ..analysis.histogram },
                false => analysis.histogram.clone(),
            },
            threshold: Some(lens.threshold).filter(|_| analysis.n_scored > 0),
            origin,
            meaning: analysis.score_meaning.clone(),
        }),
        stages: survey.stages.map(|stages| ReportStages {
            grid: stages.grid,
            cuts: stages.cuts,
            counts: stages.counts,
        }),
        lanes: survey.lanes.map(|Lanes { kind, lanes, .. }| ReportLanes {
            what: kind.words().into(),
            lanes,
            threshold: lens.threshold,
        }),
        charts,
        tables,
        settings: settings(run, pack_sha256),
        ..Report::default()
    }
}

/// All that it takes to do the same again.
fn settings(run: &Run, pack_sha256: Option<String>) -> Vec<Figure> {
    let settings = &run.analysis.settings;
    let detector = match (&run.analysis.pack, &settings.pack) {
        (Some(pack), _) => format!("model pack {pack}"),
        (None, PackChoice::None) => "forest fitted to the file, as asked".into(),
        (None, _) => "forest fitted to the file".into(),
    };
    let reference = match &settings.reference {
        Reference::All => "all records".into(),
        Reference::Label => "records labelled normal".into(),
        Reference::Filter(text) => format!("records that contain \"{text}\""),
        Reference::Time { from, to } => format!("records from {from} to {to}"),
        Reference::File => "records of another file".into(),
    };
    let threshold = settings.contamination.map_or("the detector's own".into(), |share| format!("a share of {share}"));
    let mut figures = vec![Figure::new("Detector", detector)];
    figures.extend(pack_sha256.map(|sha256| Figure::new("SHA-256 of the pack's manifest", sha256)));
    figures.extend([
        Figure::new("Fitted to", reference),
        Figure::new("Trees", settings.n_estimators.to_string()),
        Figure::new("Records for each tree", settings.max_samples.to_string()),
        Figure::new("Seed", settings.seed.to_string()),
        Figure::new("Threshold of the run", threshold),
        Figure::new("Inputs", run.analysis.n_features.to_string()),
    ]);
    let columns = &run.analysis.schema.columns;
    let by_hand = columns.iter().filter(|column| column.why.as_deref() == Some(schema::BY_HAND));
    let roles: [(Role, &str); 4] = [
        (Role::Label, "Label"),
        (Role::AttackName, "Names of attacks"),
        (Role::Feature, "Inputs chosen by hand"),
        (Role::Ignored, "Left out by hand"),
    ];
    for (role, words) in roles {
        let is_label = matches!(role, Role::Label | Role::AttackName);
        let chosen = columns.iter().filter(|column| is_label && column.role == role);
        let chosen = chosen.chain(by_hand.clone().filter(|column| !is_label && column.role == role));
        let names: Vec<&str> = chosen.map(|column| column.name.as_str()).collect();
        if !names.is_empty() {
            figures.push(Figure::new(words, names.join(", ")));
        }
    }
    figures
}

/// How many of all are listed, where these are not all.
fn note(listed: usize, all: usize, one: &str, many: &str) -> String {
    match listed < all {
        true => format!("The first {listed} of {}.", plural(all as u64, one, many)),
        false => String::new(),
    }
}
