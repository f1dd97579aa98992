//! Sorting and filtering: a filter text, a least score and a sort key → the rows to show, in order.

use super::{Dataset, Engine, Outcome, Records, Run, Step, Work};
use crate::error::{Error, Result};
use crate::protocol::{Bulk, Progress, Reply, SortKey, Stage};
use crate::table::{Column, Value};
use std::cmp::Ordering;
use std::rc::Rc;

pub(super) struct Arrange {
    sort: SortKey,
    descending: bool,
    /// In lower case.
    filter: String,
    at_least: Option<f32>,
    filtering: Option<Filtering>,
    texts: Option<Texts>,
}

struct Filtering {
    records: Records,
    contains: Contains,
    passing: Vec<u32>,
}

/// Whether a record's text contains another, whatever the case.
pub(super) struct Contains {
    finder: memchr::memmem::Finder<'static>,
    lower: Vec<u8>,
}

impl Contains {
    /// `None` for a blank text, which tells no record from another.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = normalized(text);
        let finder = memchr::memmem::Finder::new(&text).into_owned();
        (!text.is_empty()).then_some(Self { finder, lower: Vec::new() })
    }

    pub(super) fn is_in(&mut self, record: &[u8]) -> bool {
        self.lower.clear();
        self.lower.extend(record.iter().map(u8::to_ascii_lowercase));
        self.finder.find(&self.lower).is_some()
    }
}

fn normalized(filter: &str) -> String {
    filter.trim().to_ascii_lowercase()
}

/// The texts of a column whose dictionary could not hold them all, read from the file again.
struct Texts {
    records: Records,
    texts: Vec<Box<str>>,
}

impl Arrange {
    pub(super) fn new(sort: SortKey, descending: bool, filter: String, at_least: Option<f32>) -> Self {
        let filter = normalized(&filter);
        Self { sort, descending, filter, at_least, filtering: None, texts: None }
    }

    fn progress(records: &Records) -> Step {
        let (done, total) = (records.done() as u64, records.dataset.table.n_rows() as u64);
        Step::Working(Progress { stage: Stage::Arranging, done, total, rows: done })
    }

    /// Whether the filter's rows are known, after one more block of records.
    fn filter_some(&mut self, run: &mut Run, dataset: &Rc<Dataset>) -> Result<bool> {
        if run.filtered.as_ref().is_some_and(|(filter, _)| *filter == self.filter) {
            return Ok(true);
        }
        let Some(contains) = Contains::new(&self.filter) else { return Ok(true) };
        let filtering = self.filtering.get_or_insert_with(|| Filtering {
            records: Records::new(dataset.clone()),
            contains,
            passing: Vec::new(),
        });
        let Filtering { records, contains, passing } = filtering;
        records.block(|row, record, _| {
            if contains.is_in(record) {
                passing.push(row);
            }
        })?;
        if records.is_done() {
            run.filtered = Some((self.filter.clone(), std::mem::take(passing)));
        }
        Ok(run.filtered.as_ref().is_some_and(|(filter, _)| *filter == self.filter))
    }

    /// Whether the texts to sort by are known, after one more block of records.
    fn read_texts(&mut self, column: usize, dataset: &Rc<Dataset>) -> Result<bool> {
        if !dataset.table.columns[column].dictionary.overflowed {
            return Ok(true);
        }
        let read =
            self.texts.get_or_insert_with(|| Texts { records: Records::new(dataset.clone()), texts: Vec::new() });
        let Texts { records, texts } = read;
        records.block(|_, record, _| {
            let field = dataset.dialect.fields(record).into_iter().nth(column).unwrap_or_default();
            texts.push(field.into_boxed_str());
        })?;
        Ok(records.is_done())
    }
}

impl Work for Arrange {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let dataset = engine.dataset()?;
        engine.run()?;
        let run = engine.run.as_mut().expect("it was looked at just now");
        if !self.filter_some(run, &dataset)? {
            return Ok(Self::progress(&self.filtering.as_ref().expect("it was begun").records));
        }
        if let SortKey::Column(column) = self.sort {
            if column as usize >= dataset.table.columns.len() {
                return Err(Error::new("There is no such column to sort by"));
            }
            if !self.read_texts(column as usize, &dataset)? {
                return Ok(Self::progress(&self.texts.as_ref().expect("they were begun").records));
            }
        }
        let mut rows: Vec<u32> = match &run.filtered {
            Some((filter, rows)) if *filter == self.filter => rows.clone(),
            _ => (0..dataset.table.n_rows() as u32).collect(),
        };
        if let Some(threshold) = self.at_least {
            rows.retain(|&row| run.score[row as usize] >= threshold);
        }
        let texts = self.texts.as_ref().map(|texts| texts.texts.as_slice());
        sort_rows(&mut rows, self.sort, self.descending, run, &dataset, texts);
        Ok(Step::Done(Outcome { reply: Reply::Arranged, bulk: vec![Bulk::U32(rows)], written: None }))
    }
}

fn sort_rows(
    rows: &mut [u32],
    sort: SortKey,
    descending: bool,
    run: &Run,
    dataset: &Dataset,
    texts: Option<&[Box<str>]>,
) {
    let by_score = |rows: &mut [u32], scores: &[f32]| {
        sort_by_key(rows, descending, |row| {
            scores.get(row as usize).filter(|x| !x.is_nan()).map(|&x| Key::Number(f64::from(x)))
        });
    };
    match sort {
        SortKey::Record if descending => rows.sort_unstable_by(|a, b| b.cmp(a)),
        SortKey::Record => rows.sort_unstable(),
        SortKey::Score => by_score(rows, &run.score),
        SortKey::ForestScore => by_score(rows, &run.forest),
        SortKey::DnnProbability => by_score(rows, &run.dnn),
        SortKey::Column(column) => {
            let column = &dataset.table.columns[column as usize];
            let rank = alphabetical_ranks(column);
            sort_by_key(rows, descending, |row| match column.cells[row as usize].value() {
                Value::Missing => None,
                Value::Number(x) => Some(Key::Number(x)),
                Value::Text(_) | Value::UnkeptText if texts.is_some() => {
                    texts.map(|texts| Key::Text(&texts[row as usize]))
                }
                Value::Text(code) => Some(Key::Rank(rank[code as usize])),
                Value::UnkeptText => None,
            });
        }
    }
}

/// What a row is sorted by: numbers before texts.
#[derive(PartialEq, PartialOrd)]
enum Key<'a> {
    Number(f64),
    Rank(u32),
    Text(&'a str),
}

/// Stable; rows without a key come last in either direction.
fn sort_by_key<'a>(rows: &mut [u32], descending: bool, key: impl Fn(u32) -> Option<Key<'a>>) {
    rows.sort_by(|&a, &b| match (key(a), key(b)) {
        (Some(a), Some(b)) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
}

fn alphabetical_ranks(column: &Column) -> Vec<u32> {
    let texts: Vec<&str> = column.dictionary.iter().collect();
    let mut codes: Vec<u32> = (0..texts.len() as u32).collect();
    codes.sort_unstable_by_key(|&code| texts[code as usize]);
    let mut ranks = vec![0; texts.len()];
    for (rank, &code) in codes.iter().enumerate() {
        ranks[code as usize] = rank as u32;
    }
    ranks
}
