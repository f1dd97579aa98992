//! Sorting and filtering: a lens and a sort key → the rows to show, in order.

use super::crew::{self, Ready, Records};
use super::lens::{Reasons, Sight, Which, look, looks_at_stages};
use super::sweep::{Effort, Sweep, Swept};
use super::{Dataset, Engine, Outcome, Step, Work};
use crate::error::{Error, Result};
use crate::evaluate::best_order;
use crate::protocol::{Bulk, Lens, Progress, Reply, SortKey, Stage};
use crate::query::Needs;
use crate::radix::sort_by_bits;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// More distinct texts than this cannot be put in order in the memory there is.
const MOST_TEXTS: usize = 1 << 22;

pub(super) struct Arrange {
    sort: SortKey,
    descending: bool,
    lens: Lens,
    /// Of so many records the cells are told.
    first: u32,
    state: State,
}

enum State {
    Begun,
    Filtering(Box<Filtering>),
    Filtered,
    Reading(Box<Reading>),
    Done,
}

struct Filtering {
    sight: Sight,
    looks_at_stages: bool,
    sweep: Sweep,
    passing: Vec<u32>,
}

/// What a crew does with a chunk's records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Task {
    /// Finds those that a lens shows.
    Filter(Sight),
    /// Reads what they are sorted by in a column.
    Keys(u32),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Finding {
    /// Bulk: the rows that pass.
    Passing,
    /// Texts, each once. Bulk: the number of each row, eight bytes each, NaN where it has none; and the number of its text,
    /// [`NO_TEXT`] where it has none, or nothing where none has.
    Keys(Vec<String>),
}

const NO_TEXT: u32 = u32::MAX;

impl Task {
    pub fn perform(
        &self,
        records: &Records,
        scores: &[Bulk],
        ready: &Ready,
        found: &mut Reasons,
    ) -> Result<Option<(Finding, Vec<Bulk>)>> {
        match self {
            Self::Filter(sight) => {
                let mut passing = Vec::new();
                let is_done = look(sight, records, scores, ready, found, (Which::Shown, Needs::default()), |seen| {
                    if seen.is_shown {
                        passing.push(records.chunk.first_row + seen.row);
                    }
                    Ok(())
                })?;
                Ok(is_done.then(|| (Finding::Passing, vec![Bulk::U32(passing.into())])))
            }
            Self::Keys(column) => keys(records, *column as usize).map(Some),
        }
    }
}

fn keys(records: &Records, at: usize) -> Result<(Finding, Vec<Bulk>)> {
    let column = records.table.columns.get(at).ok_or_else(|| Error::new("There is no such column to sort by"))?;
    let texts: Vec<String> = column.dictionary.iter().map(str::to_owned).collect();
    let mut numbers = Vec::with_capacity(column.cells.len() * 8);
    let mut codes = vec![NO_TEXT; if texts.is_empty() { 0 } else { column.cells.len() }];
    for (row, cell) in column.cells.iter().enumerate() {
        if let Some(code) = cell.as_text() {
            codes[row] = code;
        }
        numbers.extend_from_slice(&cell.as_number().unwrap_or(f64::NAN).to_le_bytes());
    }
    Ok((Finding::Keys(texts), vec![Bulk::U8(numbers), Bulk::U32(codes.into())]))
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

impl Arrange {
    pub(super) fn new(sort: SortKey, descending: bool, lens: Lens, first: u32) -> Self {
        Self { sort, descending, lens, first, state: State::Begun }
    }

    fn progress(dataset: &Dataset, sweep: &Sweep) -> Progress {
        let rows = dataset.rows_before(sweep.done().0);
        Progress { stage: Stage::Arranging, done: rows, total: dataset.n_rows() as u64, rows }
    }

    /// The rows that are shown, by rising number.
    fn rows(&self, engine: &Engine, dataset: &Dataset) -> Vec<u32> {
        match &engine.filtered {
            Some((lens, rows)) if *lens == self.lens => rows.clone(),
            _ => (0..dataset.n_rows() as u32).collect(),
        }
    }

    fn done(&mut self, engine: &mut Engine, rows: Vec<u32>) -> Step {
        self.state = State::Done;
        // Where they cannot be read, the order holds all the same; whoever then asks for them is told why.
        let first = engine.rows(&rows[..rows.len().min(self.first as usize)], f32::INFINITY).unwrap_or_default();
        Step::Done(Outcome { reply: Reply::Arranged(first), bulk: vec![Bulk::U32(rows.into())], written: None })
    }
}

impl Work for Arrange {
    fn step(&mut self, engine: &mut Engine) -> Result<Step> {
        let dataset = engine.dataset()?;
        engine.run()?;
        match &mut self.state {
            State::Begun => {
                let is_known = engine.filtered.as_ref().is_some_and(|(lens, _)| *lens == self.lens);
                self.state = if self.lens.is_clear() || is_known {
                    State::Filtered
                } else {
                    let run = engine.run()?;
                    let (sight, looks_at_stages) =
                        (run.sight(&self.lens), looks_at_stages(&self.lens, &run.ready.schema));
                    let sweep = dataset.sweep(engine, Effort::Little)?;
                    State::Filtering(Box::new(Filtering { sight, looks_at_stages, sweep, passing: Vec::new() }))
                };
            }
            State::Filtering(filtering) => {
                let Filtering { sight, looks_at_stages, sweep, passing } = &mut **filtering;
                let run = engine.run()?.clone();
                let task = |_, chunk: &_| {
                    let task = Task::Filter(sight.clone());
                    let scores = if *looks_at_stages { run.scores_of(chunk) } else { run.score_of(chunk) };
                    (crew::Task::Arrange(Box::new(task)), scores)
                };
                match sweep.step(engine, task)? {
                    Swept::Found(found) => match found.bulk.into_iter().next() {
                        Some(Bulk::U32(rows)) => passing.extend_from_slice(&rows),
                        _ => return Err(incomplete()),
                    },
                    Swept::Working => {}
                    Swept::Waiting => return Ok(Step::Waiting(Self::progress(&dataset, sweep))),
                    Swept::Done => {
                        engine.filtered = Some((self.lens.clone(), std::mem::take(passing)));
                        self.state = State::Filtered;
                    }
                }
            }
            State::Filtered => {
                let run = engine.run()?;
                let rows = self.rows(engine, &dataset);
                let of = |scores: &[f32], order: &[u32]| by_score(scores, order, &rows, self.descending);
                let rows = match self.sort {
                    SortKey::Record if self.descending => rows.into_iter().rev().collect(),
                    SortKey::Record => rows,
                    SortKey::Score => of(&run.score, &run.order),
                    SortKey::ForestScore => of(&run.forest, &best_order(&run.forest)),
                    // Without a network there is nothing to sort by.
                    SortKey::DnnProbability if run.dnn.is_empty() => rows,
                    SortKey::DnnProbability => of(&run.dnn, &best_order(&run.dnn)),
                    SortKey::Column(column) => {
                        if column as usize >= dataset.sample.columns.len() {
                            return Err(Error::new("There is no such column to sort by"));
                        }
                        let keyed = Keyed { expected: rows.len(), ..Keyed::default() };
                        let reading =
                            Reading { column, sweep: dataset.sweep(engine, Effort::Little)?, rows, next: 0, keyed };
                        self.state = State::Reading(Box::new(reading));
                        return self.step(engine);
                    }
                };
                return Ok(self.done(engine, rows));
            }
            State::Reading(reading) => {
                if let Some(step) = reading.step(engine, &dataset)? {
                    return Ok(step);
                }
                let rows = std::mem::take(&mut reading.keyed).sorted(self.descending);
                return Ok(self.done(engine, rows));
            }
            State::Done => unreachable!("a finished job is not stepped again"),
        }
        let (done, total) = (0, dataset.n_rows() as u64);
        Ok(Step::Working(Progress { stage: Stage::Arranging, done, total, rows: done }))
    }
}

/// Some of the rows that `order` has by falling score, the unscored last, in this or the other direction. Rows of equal score
/// stay in the order of the file.
fn by_score(scores: &[f32], order: &[u32], some: &[u32], descending: bool) -> Vec<u32> {
    let mut is_wanted = vec![some.len() == order.len(); order.len()];
    some.iter().for_each(|&row| is_wanted[row as usize] = true);
    let score = |row: &u32| scores[*row as usize];
    let (scored, unscored) = order.split_at(order.partition_point(|row| !score(row).is_nan()));
    let mut rows: Vec<u32> = match descending {
        true => scored.to_vec(),
        false => scored.chunk_by(|a, b| score(a) == score(b)).rev().flatten().copied().collect(),
    };
    rows.extend(unscored);
    rows.retain(|&row| is_wanted[row as usize]);
    rows
}

fn incomplete() -> Error {
    Error::new("A worker's answer is incomplete")
}

/// Fetching what the rows are sorted by.
struct Reading {
    column: u32,
    sweep: Sweep,
    rows: Vec<u32>,
    /// The first of the rows that has no key yet.
    next: usize,
    keyed: Keyed,
}

impl Reading {
    fn step(&mut self, engine: &mut Engine, dataset: &Dataset) -> Result<Option<Step>> {
        let column = self.column;
        let task = |_, _: &_| (crew::Task::Arrange(Box::new(Task::Keys(column))), Vec::new());
        match self.sweep.step(engine, task)? {
            Swept::Found(found) => {
                let (crew::Finding::Arranged(Finding::Keys(texts)), [Bulk::U8(numbers), Bulk::U32(codes)]) =
                    (found.finding, &found.bulk[..])
                else {
                    return Err(incomplete());
                };
                let places = dataset.chunks[found.number as usize].rows();
                let (numbers, _) = numbers.as_chunks::<8>();
                if numbers.len() != places.len() || !codes.is_empty() && codes.len() != places.len() {
                    return Err(incomplete());
                }
                let texts = self.keyed.texts(texts)?;
                while let Some(&row) = self.rows.get(self.next).filter(|&&row| (row as usize) < places.end) {
                    let at = row as usize - places.start;
                    match codes.get(at) {
                        Some(&code) if code != NO_TEXT => self.keyed.text(row, texts[code as usize]),
                        _ => self.keyed.number(row, f64::from_le_bytes(numbers[at])),
                    }
                    self.next += 1;
                }
            }
            Swept::Working => {}
            Swept::Waiting => return Ok(Some(Step::Waiting(Arrange::progress(dataset, &self.sweep)))),
            Swept::Done => return Ok(None),
        }
        Ok(Some(Step::Working(Arrange::progress(dataset, &self.sweep))))
    }
}

/// Rows with what they are sorted by: numbers before texts, and those with neither last, whatever the direction.
#[derive(Default)]
struct Keyed {
    /// How many there may be.
    expected: usize,
    /// Numbers, as bits that rise with them, and their rows.
    numbers: Vec<u64>,
    numbered: Vec<u32>,
    /// By the text's number, in the order of appearance.
    texts: Vec<(u32, u32)>,
    neither: Vec<u32>,
    known: FxHashMap<Box<str>, u32>,
}

impl Keyed {
    /// NaN is no number.
    fn number(&mut self, row: u32, x: f64) {
        if x.is_nan() {
            self.neither.push(row);
            return;
        }
        if self.numbers.is_empty() && self.texts.is_empty() {
            // The column is one of numbers, most likely, and to grow a little at a time takes longer than to sort.
            self.numbers.reserve(self.expected);
            self.numbered.reserve(self.expected);
        }
        // −0 is 0. Of negative numbers all bits are turned over, of others the sign.
        let bits = (x + 0.0).to_bits();
        let mask = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
        self.numbers.push(bits ^ mask);
        self.numbered.push(row);
    }

    fn text(&mut self, row: u32, text: u32) {
        self.texts.push((text, row));
    }

    /// Numbers these texts.
    fn texts(&mut self, texts: Vec<String>) -> Result<Vec<u32>> {
        let numbers = texts.into_iter().map(|text| {
            let next = self.known.len() as u32;
            *self.known.entry(text.into_boxed_str()).or_insert(next)
        });
        let numbers = numbers.collect();
        if self.known.len() > MOST_TEXTS {
            return Err(Error::new("The column holds too many different texts to sort by")
                .advice("Filter the records first, or sort by another column"));
        }
        Ok(numbers)
    }

    /// Rows of equal keys stay in the order of the file.
    fn sorted(mut self, descending: bool) -> Vec<u32> {
        let mut by_text: Vec<(Box<str>, u32)> = self.known.into_iter().collect();
        by_text.sort_unstable();
        let mut ranks = vec![0; by_text.len()];
        for (rank, (_, text)) in (0..).zip(by_text) {
            ranks[text as usize] = rank;
        }
        let (mut texts, texted): (Vec<u64>, Vec<u32>) =
            self.texts.into_iter().map(|(text, row)| (ranks[text as usize], row)).unzip();
        if descending {
            self.numbers.iter_mut().chain(&mut texts).for_each(|key| *key = !*key);
        }
        let (numbers, texts) = (sorted_by_key(self.numbers, self.numbered), sorted_by_key(texts, texted));
        match descending {
            true => [texts, numbers, self.neither].concat(),
            false => [numbers, texts, self.neither].concat(),
        }
    }
}

/// The rows by rising key; rows of equal keys stay in their order.
fn sorted_by_key(keys: Vec<u64>, rows: Vec<u32>) -> Vec<u32> {
    let all = keys.iter().fold(u64::MAX, |all, key| all & key);
    let any = keys.iter().fold(0, |any, key| any | key);
    // The bits in which keys differ: whole numbers have many zeros at the end.
    let differing = all ^ any;
    if keys.is_empty() || differing == 0 {
        return rows;
    }
    let (low, high) = (differing.trailing_zeros(), u64::BITS - differing.leading_zeros());
    let row_bits = u32::BITS - rows.iter().fold(0, |any, row| any | row).leading_zeros();
    if high - low + row_bits > u64::BITS {
        let mut pairs: Vec<(u64, u32)> = keys.into_iter().zip(rows).collect();
        sort_by_bits(&mut pairs, low..high, |&(key, _)| key);
        return pairs.into_iter().map(|(_, row)| row).collect();
    }
    // What differs and the row go into one word: half as much is moved about.
    let kept = u64::MAX >> (u64::BITS - (high - low));
    let words = keys.into_iter().zip(rows).map(|(key, row)| ((key >> low & kept) << row_bits) | u64::from(row));
    let mut words: Vec<u64> = words.collect();
    sort_by_bits(&mut words, row_bits..row_bits + high - low, |&word| word);
    words.into_iter().map(|word| (word & ((1 << row_bits) - 1)) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn many_rows_are_sorted_as_few_are() {
        let mut rng = Rng::new(3);
        // Keys that are all the same, of which few bits differ, that fit beside a row, and that do not.
        for bound in [1, 2, 1 << 20, u32::MAX] {
            for scale in [1.0, 1.0 / 3.0] {
                let mut key = || (scale * f64::from(rng.below(bound))).to_bits() ^ (1 << 63);
                let pairs: Vec<(u64, u32)> = (0..5000).map(|at| (key(), 7 * at)).collect();
                let (keys, rows): (Vec<u64>, Vec<u32>) = pairs.iter().copied().unzip();
                let mut expected = pairs;
                expected.sort_by_key(|&(key, _)| key);
                let expected: Vec<u32> = expected.into_iter().map(|(_, row)| row).collect();
                assert_eq!(sorted_by_key(keys, rows), expected, "{bound} {scale}");
            }
        }
        assert!(sorted_by_key(Vec::new(), Vec::new()).is_empty());
    }

    #[test]
    fn a_known_order_is_filtered_and_turned_round() {
        let scores = [0.5, f32::NAN, 0.9, 0.5, 0.1];
        let order = best_order(&scores);
        for (some, descending, expected) in [
            (&[0, 1, 2, 3, 4][..], true, &[2, 0, 3, 4, 1][..]),
            (&[0, 1, 2, 3, 4], false, &[4, 0, 3, 2, 1]),
            (&[1, 3, 4], true, &[3, 4, 1]),
            (&[0, 2, 3], false, &[0, 3, 2]),
            (&[], false, &[]),
        ] {
            assert_eq!(by_score(&scores, &order, some, descending), expected, "{some:?} {descending}");
        }
    }

    #[test]
    fn numbers_come_before_texts_and_nothing_last() {
        let mut keyed = Keyed::default();
        let texts = keyed.texts(vec!["tcp".into(), "icmp".into()]).unwrap();
        for (row, x) in (0..).zip([3.0, -0.0, f64::NAN, -2.5, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1e-300]) {
            keyed.number(row, x);
        }
        keyed.text(8, texts[0]);
        keyed.text(9, texts[1]);
        let texts = keyed.texts(vec!["icmp".into()]).unwrap();
        keyed.text(10, texts[0]);
        let again = Keyed {
            expected: 0,
            numbers: keyed.numbers.clone(),
            numbered: keyed.numbered.clone(),
            texts: keyed.texts.clone(),
            neither: keyed.neither.clone(),
            known: keyed.known.clone(),
        };
        assert_eq!(keyed.sorted(false), [6, 3, 1, 4, 7, 0, 5, 9, 10, 8, 2]);
        assert_eq!(again.sorted(true), [8, 9, 10, 5, 0, 7, 1, 4, 3, 6, 2]);
    }
}
