//! Whether a row of a table passes a query.

use super::values::{MISSING, Value, number_of};
use super::{Condition, Field, Query};
use crate::flow::{Part, Parts, cell_text, cell_time, protocol_name};
use crate::schema::Schema;
use crate::schema::{ANOMALY, NORMAL};
use crate::table::{self, Cell, Table};
use std::net::IpAddr;
use std::ops::BitOr;

/// What is known of a row beside its cells.
pub struct RowFacts<'a> {
    /// The row in its file, from 0.
    pub file_row: u32,
    /// NaN for a row that is not scored.
    pub score: f32,
    pub forest: f32,
    /// NaN without a network.
    pub network: f32,
    pub flagged: bool,
    /// As [`crate::schema::labels`] has it.
    pub label: u8,
    /// Whether the person called it a true alarm.
    pub verdict: Option<bool>,
    pub note: &'a str,
    /// The tags of its reasons.
    pub reasons: &'a [&'a str],
    /// The record as it stands in the file; needed only where the query [needs text](Needs).
    pub record: &'a [u8],
}

impl Default for RowFacts<'_> {
    fn default() -> Self {
        Self {
            file_row: 0,
            score: f32::NAN,
            forest: f32::NAN,
            network: f32::NAN,
            flagged: false,
            label: crate::schema::UNKNOWN,
            verdict: None,
            note: "",
            reasons: &[],
            record: &[],
        }
    }
}

/// Of [`RowFacts`], what takes time to find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// [`RowFacts::record`].
    pub text: bool,
    pub reasons: bool,
    pub label: bool,
}

impl BitOr for Needs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { text: self.text | other.text, reasons: self.reasons | other.reasons, label: self.label | other.label }
    }
}

/// A query that knows where a table's columns are.
pub struct BoundQuery<'a> {
    table: &'a Table,
    parts: Parts,
    terms: Vec<(bool, Bound)>,
    needs: Needs,
    /// A record in lower case.
    lower: Vec<u8>,
}

enum Bound {
    Contains(Box<memchr::memmem::Finder<'static>>),
    /// One of these columns has one of the values.
    Cells(Vec<Cells>),
    Fact(Field, Vec<Value>),
}

struct Cells {
    column: usize,
    /// By code of the column's dictionary.
    texts: Vec<bool>,
    values: Vec<Value>,
    /// Whether a number has to be looked at as text, too: ranges hold for the number itself.
    by_text: bool,
    /// Whether a number may be meant by its name, too.
    is_protocol: bool,
}

impl Query {
    /// Finds the query's columns in a table with the schema that the query was read with.
    #[must_use]
    pub fn bind<'a>(&self, table: &'a Table, schema: &Schema) -> BoundQuery<'a> {
        let parts = Parts::of(schema);
        let mut bound = BoundQuery {
            table,
            parts,
            terms: Vec::with_capacity(self.terms.len()),
            needs: Needs::default(),
            lower: Vec::new(),
        };
        for term in &self.terms {
            let condition = match &term.condition {
                Condition::Contains(text) => {
                    bound.needs.text = true;
                    Bound::Contains(Box::new(memchr::memmem::Finder::new(text).into_owned()))
                }
                Condition::Is(field, values) => {
                    let columns: Vec<usize> = match field {
                        Field::Column(at) => vec![*at],
                        Field::Address => bound.columns(&[Part::Source, Part::Destination]),
                        Field::Port => bound.columns(&[Part::SourcePort, Part::DestinationPort]),
                        _ => Vec::new(),
                    };
                    if columns.is_empty() {
                        bound.needs.reasons |= *field == Field::Reason;
                        bound.needs.label |= *field == Field::Label;
                        Bound::Fact(field.clone(), values.clone())
                    } else {
                        let protocol = bound.parts.column(Part::Protocol);
                        let cells = |at| Cells::new(table, at, values, protocol == Some(at));
                        Bound::Cells(columns.into_iter().map(cells).collect())
                    }
                }
            };
            bound.terms.push((term.negated, condition));
        }
        bound
    }
}

impl BoundQuery<'_> {
    fn columns(&self, parts: &[Part]) -> Vec<usize> {
        parts.iter().filter_map(|&part| self.parts.column(part)).collect()
    }

    /// What it has to be told of a row.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether each row of the table may pass as far as its columns tell; of the others nothing else matters.
    #[must_use]
    pub fn may_match(&self) -> Vec<bool> {
        let mut may = vec![true; self.table.n_rows()];
        for (negated, condition) in &self.terms {
            let Bound::Cells(columns) = condition else { continue };
            let mut holds = vec![false; may.len()];
            for cells in columns {
                self.table.columns[cells.column].cells.find(&may, |cell| cells.hold(cell), &mut holds);
            }
            may.iter_mut().zip(holds).for_each(|(may, holds)| *may &= holds != *negated);
        }
        may
    }

    /// Whether a row of the table passes.
    pub fn matches(&mut self, row: u32, facts: &RowFacts<'_>) -> bool {
        let mut is_lower = false;
        for at in 0..self.terms.len() {
            if matches!(self.terms[at].1, Bound::Contains(_)) && !is_lower {
                self.lower.clear();
                self.lower.extend(facts.record.iter().map(u8::to_ascii_lowercase));
                is_lower = true;
            }
            let (negated, condition) = &self.terms[at];
            let holds = match condition {
                Bound::Contains(finder) => finder.find(&self.lower).is_some(),
                Bound::Cells(columns) => columns.iter().any(|cells| {
                    let cell = self.table.columns[cells.column].cells.at(row as usize);
                    cells.hold(cell)
                }),
                Bound::Fact(field, values) => values.iter().any(|value| self.fact_is(field, value, row, facts)),
            };
            if holds == *negated {
                return false;
            }
        }
        true
    }

    fn fact_is(&self, field: &Field, value: &Value, row: u32, facts: &RowFacts<'_>) -> bool {
        let number = |x: Option<f64>| match x.filter(|x| !x.is_nan()) {
            Some(x) => is_number(value, x),
            None => *value == Value::Missing,
        };
        match field {
            Field::Amount(Part::Bytes) => number(self.parts.bytes(self.table, row)),
            Field::Amount(Part::Packets) => number(self.parts.packets(self.table, row)),
            Field::Amount(part) => number(self.parts.amount(*part, self.table, row)),
            Field::Time(at) => {
                let column = &self.table.columns[*at];
                let cell = column.cells.at(row as usize);
                match value {
                    Value::Range { .. } => cell_time(column, cell).is_some_and(|x| is_number(value, x)),
                    Value::Missing if cell == Cell::MISSING => true,
                    // Of times that cannot be read, texts can still be told apart.
                    _ => cell_text(column, cell).is_some_and(|text| is_text(value, &text)),
                }
            }
            Field::Score => is_score(value, facts.score),
            Field::Forest => is_score(value, facts.forest),
            Field::Network => is_score(value, facts.network),
            Field::Row => number(Some(f64::from(facts.file_row) + 1.0)),
            Field::Flagged => *value == Value::Truth(facts.flagged),
            Field::Label => {
                let name = match facts.label {
                    NORMAL => "normal",
                    ANOMALY => "anomaly",
                    _ => "unknown",
                };
                is_text(value, name)
            }
            Field::Verdict => match facts.verdict {
                None => *value == Value::Missing,
                Some(verdict) => is_text(value, if verdict { "true" } else { "false" }),
            },
            Field::Note if *value == Value::Missing => facts.note.is_empty(),
            Field::Note => contains(value, facts.note),
            Field::Reason if *value == Value::Missing => facts.reasons.is_empty(),
            Field::Reason => facts.reasons.iter().any(|reason| contains(value, reason)),
            Field::Address | Field::Port | Field::Column(_) => false,
        }
    }
}

impl Cells {
    fn new(table: &Table, column: usize, values: &[Value], is_protocol: bool) -> Self {
        let is_named = |text: &str| is_protocol && protocol_name(text).is_some_and(|name| is_any(values, name));
        let texts = table.columns[column].dictionary.iter();
        let texts = texts.map(|text| is_any(values, text) || is_named(text)).collect();
        let by_text = values.iter().any(|value| !matches!(value, Value::Range { .. }));
        Self { column, texts, values: values.to_vec(), by_text, is_protocol }
    }

    /// Whether a cell of the column has one of the values.
    fn hold(&self, cell: Cell) -> bool {
        match cell.value() {
            table::Value::Text(code) => self.texts[code as usize],
            table::Value::Number(x) => {
                let is_text = || {
                    let text = x.to_string();
                    let name = if self.is_protocol { protocol_name(&text) } else { None };
                    is_any(&self.values, &text) || name.is_some_and(|name| is_any(&self.values, name))
                };
                self.values.iter().any(|value| is_number(value, x)) || self.by_text && is_text()
            }
            table::Value::Missing => self.values.contains(&Value::Missing),
            // The tables of chunks, of which records are shown, keep all texts.
            table::Value::UnkeptText => false,
        }
    }
}

fn is_number(value: &Value, x: f64) -> bool {
    match *value {
        Value::Range { low, high, low_open, high_open } => {
            (if low_open { x > low } else { x >= low }) && (if high_open { x < high } else { x <= high })
        }
        _ => false,
    }
}

/// Scores have single precision: 0.9 is to be the nearest such number.
fn is_score(value: &Value, x: f32) -> bool {
    match *value {
        Value::Missing => x.is_nan(),
        Value::Range { low, high, low_open, high_open } => {
            let (low, high) = (f64::from(low as f32), f64::from(high as f32));
            is_number(&Value::Range { low, high, low_open, high_open }, f64::from(x))
        }
        _ => false,
    }
}

fn is_any(values: &[Value], text: &str) -> bool {
    values.iter().any(|value| is_text(value, text))
}

fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(wanted) => text.to_lowercase() == *wanted,
        Value::Wildcard(pieces) => fits(pieces, &text.to_lowercase()),
        Value::Addresses { v6, low, high } => match text.parse::<IpAddr>() {
            Ok(address) => address.is_ipv6() == *v6 && (*low..=*high).contains(&number_of(address)),
            Err(_) => false,
        },
        // A number that a source writes as text, such as a port in hexadecimal digits.
        Value::Range { .. } => text.parse().is_ok_and(|x| is_number(value, x)),
        Value::Missing => MISSING.contains(&text.to_ascii_lowercase().as_str()),
        Value::Truth(_) => false,
    }
}

/// For names and notes: a part is enough.
fn contains(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(wanted) => text.to_lowercase().contains(wanted.as_str()),
        _ => is_text(value, text),
    }
}

/// Whether the pieces follow one another in the text, the first at its beginning and the last at its end.
fn fits(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last.as_str())
}
