//! The records that count as normal: what a person names → the rows that the forest is fitted to.

use super::arrange::Contains;
use super::{Dataset, Engine, Records};
use crate::error::{Error, Result};
use crate::protocol::{Progress, Reference, Stage};
use crate::report::count;
use crate::schema::time::{self, Moment};
use crate::schema::{self, Kind, Role, Schema};
use crate::table::Value;
use std::rc::Rc;

/// Fewer rows than this say too little about what is normal.
const LEAST_ROWS: usize = 30;

/// Rows that the forest is to be fitted to.
pub(super) struct Normal {
    /// Of the rows: the open file or the reference file.
    pub dataset: Rc<Dataset>,
    /// Of that file's columns; its features are those that the open file has, too.
    pub schema: Schema,
    /// In file order, none of them bad.
    pub rows: Vec<u32>,
    /// Such as `the 300 records labelled normal`.
    pub words: String,
}

/// Finding the rows, a block of records at a time.
pub(super) struct Search {
    normal: Normal,
    /// Where records have to be read for it.
    reading: Option<(Records, Test)>,
}

/// What a record has to pass.
enum Test {
    Contains(Box<Contains>),
    Within(Window),
}

impl Search {
    /// Begins to look for the rows that the reference names; `schema` is the open file's.
    pub(super) fn new(engine: &Engine, dataset: &Rc<Dataset>, schema: &Schema, reference: &Reference) -> Result<Self> {
        let of_open_file = |rows, words| Normal { dataset: dataset.clone(), schema: schema.clone(), rows, words };
        let read = |test, words: String| Self {
            normal: of_open_file(Vec::new(), words),
            reading: Some((Records::new(dataset.clone()), test)),
        };
        Ok(match reference {
            Reference::All => Self { normal: of_open_file(dataset.table.good_rows(), String::new()), reading: None },
            Reference::Label => {
                let labels = schema::labels(&dataset.table, schema).ok_or_else(|| {
                    Error::new("The file has no label column that calls records normal")
                        .advice("Give a column the role of the label, or name the normal records in another way")
                })?;
                let mut rows = dataset.table.good_rows();
                rows.retain(|&row| labels[row as usize] == schema::NORMAL);
                Self { normal: of_open_file(rows, "labelled normal".into()), reading: None }
            }
            Reference::Filter(text) => {
                let contains = Contains::new(text).ok_or_else(|| {
                    Error::new("The text that normal records contain is blank").advice("Give a text to look for")
                })?;
                read(Test::Contains(Box::new(contains)), format!("that contain \"{}\"", text.trim()))
            }
            Reference::Time { from, to } => {
                let window = Window::new(dataset, schema, from, to)?;
                let words = match (from.trim(), to.trim()) {
                    (from, "") => format!("from {from} on"),
                    ("", to) => format!("up to {to}"),
                    (from, to) => format!("from {from} to {to}"),
                };
                read(Test::Within(window), words)
            }
            Reference::File => {
                let other = engine
                    .reference
                    .clone()
                    .ok_or_else(|| Error::new("No file of normal records is open").advice("Choose a file to fit to"))?;
                let schema = shared_features(&other.schema, schema);
                if schema.feature_columns().next().is_none() {
                    return Err(Error::new(format!(
                        "{} and the open file have no column in common that could be used",
                        other.name
                    ))
                    .advice("Choose a file with the same columns as the open one"));
                }
                let (rows, words) = (other.table.good_rows(), format!("of {}", other.name));
                Self { normal: Normal { dataset: other, schema, rows, words }, reading: None }
            }
        })
    }

    /// Reads one more block of records, if there are some to read, and tells how far it is.
    pub(super) fn step(&mut self) -> Result<Option<Progress>> {
        let Some((records, test)) = &mut self.reading else { return Ok(None) };
        let Normal { dataset, rows, .. } = &mut self.normal;
        records.block(|row, record, bad| {
            let passes = match test {
                Test::Contains(contains) => contains.is_in(record),
                Test::Within(window) => window.holds(dataset, row, record),
            };
            if passes && bad.is_none() {
                rows.push(row);
            }
        })?;
        let (done, total) = (records.done() as u64, dataset.table.n_rows() as u64);
        let progress = Progress { stage: Stage::Selecting, done, total, rows: done };
        Ok((!records.is_done()).then_some(progress))
    }

    /// What was found.
    pub(super) fn finish(self) -> Result<Normal> {
        let Self { mut normal, reading } = self;
        if let Some((_, Test::Within(window))) = &reading {
            window.check_seen()?;
        }
        if normal.words.is_empty() {
            return Ok(normal);
        }
        let n = normal.rows.len();
        if n < LEAST_ROWS {
            let what = format!("There are too few records {} to tell what is normal: {n}", normal.words);
            return Err(Error::new(what).advice(format!("Name at least {LEAST_ROWS} records that are normal")));
        }
        normal.words = format!("the {} records {}", count(n as u64), normal.words);
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

/// A time window on the file's first column of times. A record is in it if its time is; an end that stands for a whole
/// day or minute includes all of it.
struct Window {
    column: usize,
    /// Whether the column holds numbers, which are compared with numbers.
    of_numbers: bool,
    /// Both within the window.
    from: f64,
    to: f64,
    /// One of the file's times, and whether any could be compared.
    example: String,
    seen: bool,
}

impl Window {
    fn new(dataset: &Dataset, schema: &Schema, from: &str, to: &str) -> Result<Self> {
        let column = schema.time_column().ok_or_else(|| {
            Error::new("The file has no column of times").advice("Name the normal records in another way")
        })?;
        let name = &dataset.table.columns[column].name;
        let cells = &dataset.table.columns[column].cells;
        let first = cells.iter().map(|cell| cell.value()).find(|value| *value != Value::Missing);
        let (of_numbers, example) = match first {
            Some(Value::Number(x)) => (true, x.to_string()),
            Some(Value::Text(code)) => (false, dataset.table.columns[column].dictionary.text(code).to_owned()),
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
        Ok(Self { column, of_numbers, from: start, to: end, example, seen: false })
    }

    fn holds(&mut self, dataset: &Dataset, row: u32, record: &[u8]) -> bool {
        let column = &dataset.table.columns[self.column];
        let start = |text: &str| time::parse(text).map(|moment| moment.start);
        let time = match column.cells[row as usize].value() {
            Value::Number(x) => Some(x).filter(|_| self.of_numbers),
            Value::Text(code) if !self.of_numbers => start(column.dictionary.text(code)),
            Value::UnkeptText if !self.of_numbers => {
                dataset.dialect.fields(record).get(self.column).and_then(|field| start(field))
            }
            _ => None,
        };
        self.seen |= time.is_some();
        time.is_some_and(|time| (self.from..=self.to).contains(&time))
    }

    /// Of texts that are no times, none is in any window, and the reason is not that the window is empty.
    fn check_seen(&self) -> Result<()> {
        if self.seen {
            return Ok(());
        }
        let example = &self.example;
        Err(Error::new(format!("The times of the file, such as \"{example}\", cannot be compared"))
            .advice("Write them year first, as in 2024-04-19 08:30:00, or name the normal records in another way"))
    }
}
