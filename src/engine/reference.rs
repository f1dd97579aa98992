//! The records that count as normal: what a person names → a table of rows that the forest is fitted to.

use super::arrange::Contains;
use super::crew::{Finding, Records, Task};
use super::sample::Sample;
use super::sweep::{Effort, Sweep, Swept};
use super::{Dataset, Engine, Step};
use crate::error::{Error, Result};
use crate::protocol::{Bulk, Progress, Reference, Stage};
use crate::report::count;
use crate::schema::time::{self, Moment};
use crate::schema::{self, Kind, Role, Schema};
use crate::table::{Table, Value};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Fewer rows than this say too little about what is normal.
const LEAST_ROWS: u64 = 30;

/// Rows that the forest is to be fitted to.
pub(super) struct Normal {
    /// Those rows, or a sample of them.
    pub table: Table,
    /// Of the rows' file, with those features that the open file has, too.
    pub schema: Schema,
    /// Such as `the 300 records labelled normal`.
    pub words: String,
}

/// Finding the rows, chunk by chunk.
pub(super) struct Search {
    dataset: Rc<Dataset>,
    normal: Normal,
    /// Where records have to be looked at for it.
    looking: Option<Looking>,
    /// Rows that were found.
    n: u64,
}

struct Looking {
    sweep: Sweep,
    test: Test,
    sample: Sample,
    /// Whether any record could be compared at all.
    is_comparable: bool,
}

/// What a record has to pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Test {
    /// None: every good record.
    All,
    /// Labelled normal, as this schema understands labels.
    Labelled(Schema),
    Contains(String),
    Within(Window),
}

impl Test {
    /// The places of the good records that pass, and whether there was any that could be compared.
    pub fn select(&self, records: &Records) -> Result<(Vec<u32>, bool)> {
        let table = records.table;
        let mut rows = table.good_rows();
        match self {
            Self::All => {}
            Self::Labelled(schema) => {
                let labels = schema::labels(table, schema).unwrap_or_default();
                rows.retain(|&row| labels.get(row as usize) == Some(&schema::NORMAL));
            }
            Self::Contains(text) => {
                let Some(mut contains) = Contains::new(text) else { return Ok((Vec::new(), true)) };
                rows.clear();
                records.each(|row, record, bad| {
                    if bad.is_none() && contains.is_in(record) {
                        rows.push(row as u32);
                    }
                })?;
            }
            Self::Within(window) => return Ok(window.select(records)),
        }
        Ok((rows, true))
    }
}

impl Search {
    /// Begins to look for the rows that the reference names; `schema` is the open file's.
    pub(super) fn new(
        engine: &mut Engine,
        dataset: &Rc<Dataset>,
        schema: Schema,
        reference: &Reference,
    ) -> Result<Self> {
        let (test, words) = match reference {
            Reference::All => (None, String::new()),
            Reference::Label => {
                if schema.normal_labels.is_empty() {
                    return Err(Error::new("The file has no label column that calls records normal")
                        .advice("Give a column the role of the label, or name the normal records in another way"));
                }
                (Some(Test::Labelled(schema.clone())), "labelled normal".into())
            }
            Reference::Filter(text) => {
                if Contains::new(text).is_none() {
                    let error = Error::new("The text that normal records contain is blank");
                    return Err(error.advice("Give a text to look for"));
                }
                (Some(Test::Contains(text.clone())), format!("that contain \"{}\"", text.trim()))
            }
            Reference::Time { from, to } => {
                let window = Window::new(dataset, &schema, from, to)?;
                let words = match (from.trim(), to.trim()) {
                    (from, "") => format!("from {from} on"),
                    ("", to) => format!("up to {to}"),
                    (from, to) => format!("from {from} to {to}"),
                };
                (Some(Test::Within(window)), words)
            }
            Reference::File => {
                let other = engine
                    .reference
                    .clone()
                    .ok_or_else(|| Error::new("No file of normal records is open").advice("Choose a file to fit to"))?;
                let schema = shared_features(&other.schema, &schema);
                if schema.feature_columns().next().is_none() {
                    return Err(Error::new(format!(
                        "{} and the open file have no column in common that could be used",
                        other.name
                    ))
                    .advice("Choose a file with the same columns as the open one"));
                }
                let normal = Normal { table: other.sample.clone(), schema, words: format!("of {}", other.name) };
                return Ok(Self { dataset: dataset.clone(), normal, looking: None, n: other.n_good() });
            }
        };
        let looking = test.map(|test| {
            let sample = Sample::like(&dataset.sample);
            let sweep = dataset.sweep_as_briefed(engine, Effort::Much);
            Looking { sweep, test, sample, is_comparable: false }
        });
        let normal = Normal { table: Table::default(), schema, words };
        Ok(Self { dataset: dataset.clone(), normal, looking, n: 0 })
    }

    /// Looks at some more records; `None` when all have been looked at.
    pub(super) fn step(&mut self, engine: &mut Engine) -> Result<Option<Step>> {
        let Some(looking) = &mut self.looking else { return Ok(None) };
        let (test, below) = (&looking.test, looking.sample.below);
        let task = |_, _: &_| (Task::Select { test: test.clone(), below }, Vec::new());
        match looking.sweep.step(engine, task)? {
            Swept::Found(found) => {
                let (Finding::Selected { n, is_comparable, picked }, [Bulk::U8(cells)]) =
                    (found.finding, &found.bulk[..])
                else {
                    return Err(Error::new("A worker gave another answer than it was asked for"));
                };
                self.n += n;
                looking.is_comparable |= is_comparable;
                looking.sample.push(picked, cells);
            }
            Swept::Working => {}
            Swept::Waiting => return Ok(Some(Step::Waiting(self.progress()))),
            Swept::Done => return Ok(None),
        }
        Ok(Some(Step::Working(self.progress())))
    }

    pub(super) fn progress(&self) -> Progress {
        let rows = self.dataset.rows_before(self.looking.as_ref().map_or(0, |looking| looking.sweep.done().0));
        Progress { stage: Stage::Selecting, done: rows, total: self.dataset.n_rows() as u64, rows }
    }

    /// What was found.
    pub(super) fn finish(self) -> Result<Normal> {
        let Self { mut normal, looking, n, .. } = self;
        if let Some(Looking { test: Test::Within(window), is_comparable: false, .. }) = &looking {
            return Err(window.incomparable());
        }
        if normal.words.is_empty() {
            return Ok(normal);
        }
        if n < LEAST_ROWS {
            let what = format!("There are too few records {} to tell what is normal: {n}", normal.words);
            return Err(Error::new(what).advice(format!("Name at least {LEAST_ROWS} records that are normal")));
        }
        normal.words = format!("the {} records {}", count(n), normal.words);
        if let Some(looking) = looking {
            normal.table = looking.sample.finish();
        }
        Ok(normal)
    }
}

/// The reference file's schema, with those features that the open file has as well, as the same kind of thing. What is
/// constant in the open file still counts: a flood has a single protocol, and that is what tells it.
fn shared_features(reference: &Schema, open: &Schema) -> Schema {
    let mut shared = reference.clone();
    for column in &mut shared.columns {
        let other = open.find(&column.canonical).map(|at| &open.columns[at]);
        let is_shared = other.is_some_and(|other| match other.role {
            Role::Feature => other.kind == column.kind,
            Role::Ignored => other.kind == Kind::Constant && other.why.as_deref() != Some(schema::BY_HAND),
            Role::Label | Role::AttackName => false,
        });
        if column.role == Role::Feature && !is_shared {
            column.role = Role::Ignored;
        }
    }
    shared
}

/// A time window on the file's column of times. A record is in it if its time is; an end that stands for a whole
/// day or minute includes all of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Window {
    column: u32,
    /// Whether the column holds numbers, which are compared with numbers.
    of_numbers: bool,
    /// Both within the window.
    from: f64,
    to: f64,
    /// One of the file's times.
    example: String,
}

impl Window {
    fn new(dataset: &Dataset, schema: &Schema, from: &str, to: &str) -> Result<Self> {
        let column = schema.time_column().ok_or_else(|| {
            Error::new("The file has no column of times").advice("Name the normal records in another way")
        })?;
        let name = &dataset.sample.columns[column].name;
        let cells = &dataset.sample.columns[column].cells;
        let first = cells.iter().map(|cell| cell.value()).find(|value| *value != Value::Missing);
        let (of_numbers, example) = match first {
            Some(Value::Number(x)) => (true, x.to_string()),
            Some(Value::Text(code)) => (false, dataset.sample.columns[column].dictionary.text(code).to_owned()),
            _ => (false, String::new()),
        };
        let unreadable = |text: &str| {
            let such = if of_numbers { format!("a number like {example}, or a date") } else { "a date".into() };
            Error::new(format!("\"{text}\" is no time to compare with column \"{name}\""))
                .advice(format!("Give {such} like 2024-04-19 or 2024-04-19T08:30:00"))
        };
        // Seconds, milliseconds, microseconds or nanoseconds since 1970, whichever makes the number a year of our time.
        let unit = first.and_then(|value| match value {
            Value::Number(x) => [1.0, 1e3, 1e6, 1e9].into_iter().find(|unit| x / unit < 1e10),
            _ => None,
        });
        let read = |text: &str| match (text.parse::<f64>(), time::parse(text)) {
            (Ok(x), _) if of_numbers && x.is_finite() => Ok((x, x)),
            (_, Some(Moment { start, length })) => {
                let unit = unit.unwrap_or(1.0);
                // The end of a stretch belongs to the next one.
                let last = if length > 0.0 { ((start + length) * unit).next_down() } else { start * unit };
                Ok((start * unit, last))
            }
            _ => Err(unreadable(text)),
        };
        let (from, to) = (from.trim(), to.trim());
        if from.is_empty() && to.is_empty() {
            return Err(Error::new("The time window has neither a beginning nor an end").advice("Give one of them"));
        }
        let start = if from.is_empty() { f64::NEG_INFINITY } else { read(from)?.0 };
        let end = if to.is_empty() { f64::INFINITY } else { read(to)?.1 };
        if start > end {
            return Err(Error::new(format!("The time window begins at {from}, after its end at {to}")));
        }
        Ok(Self { column: column as u32, of_numbers, from: start, to: end, example })
    }

    fn select(&self, records: &Records) -> (Vec<u32>, bool) {
        let column = &records.table.columns[self.column as usize];
        let start = |text: &str| time::parse(text).map(|moment| moment.start);
        let (mut rows, mut is_comparable) = (Vec::new(), false);
        let texts: Vec<Option<f64>> = column.dictionary.iter().map(start).collect();
        for row in records.table.good_rows() {
            let time = match column.cells.at(row as usize).value() {
                Value::Number(x) => Some(x).filter(|_| self.of_numbers),
                Value::Text(code) => texts[code as usize].filter(|_| !self.of_numbers),
                Value::Missing | Value::UnkeptText => None,
            };
            is_comparable |= time.is_some();
            if time.is_some_and(|time| (self.from..=self.to).contains(&time)) {
                rows.push(row);
            }
        }
        (rows, is_comparable)
    }

    /// Of texts that are no times, none is in any window, and the reason is not that the window is empty.
    fn incomparable(&self) -> Error {
        let example = &self.example;
        Error::new(format!("The times of the file, such as \"{example}\", cannot be compared"))
            .advice("Write them year first, as in 2024-04-19 08:30:00, or name the normal records in another way")
    }
}
