//! The filter language, in one line: `src:10.0.0.0/8 dport:443 score:>=0.9 reason:bytes -proto:udp "free text"`.
//!
//! ```text
//! query := term*                               every term has to hold
//! term  := "-"? (name ":" values | text)       a minus in front: must not hold
//! values := value ("," value)*                 one of them has to hold
//! value := text | number | (">" ">=" "<" "<=" "=") number | from? ".." to? | address "/" bits
//! ```
//!
//! A name is a part of a flow (`src`, `dport`, `bytes`, …), something that was found (`score`, `reason`, `verdict`, …), or a
//! column of the file. Texts are compared whole, whatever the case, with `*` for any characters; in double quotes they stand as
//! they are, but for times: `time:"2024-04-19 08:30"` has them for its space. Numbers may have a unit: `k M G`, `KB MB GB`,
//! `ms s m h d`. A query without names, quotes and minuses is one text that the record has to contain, spaces and all.
//!
//! A query is checked against a schema when it is read; what is wrong is told with its place and a way out. Nothing in it is
//! ever run, and no pattern takes longer than the length of the text times that of the pattern.

mod complete;
mod edit;
mod matching;
mod values;

pub use complete::{Completion, complete};
pub use edit::{has_terms, toggle_terms, without, without_terms};
pub use matching::{BoundQuery, Needs, RowFacts};
pub use values::Value;

use crate::flow::{Part, Parts};
use crate::schema::{Kind, Role, Schema, fold};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A query that has been read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub negated: bool,
    pub condition: Condition,
    /// Its place in the query, in characters.
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The record's text contains this; in lower case.
    Contains(String),
    /// The field has one of these values.
    Is(Field, Vec<Value>),
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Either end.
    Address,
    /// Either port.
    Port,
    /// A column that plays a part of a flow, as text, port or address.
    Column(usize),
    /// A part of a flow in seconds, bytes or packets.
    Amount(Part),
    /// A column of times.
    Time(usize),
    Score,
    Forest,
    Network,
    Reason,
    Verdict,
    Note,
    Flagged,
    Label,
    /// Counted from 1, as people do.
    Row,
}

/// The filter for the records of which a column of this name has a value; `None` where the name means something else here.
#[must_use]
pub fn of_value(name: &str, value: &str, schema: &Schema) -> Option<String> {
    let at = schema.columns.iter().position(|column| column.name == name || column.canonical == name)?;
    if schema.attack_column() == Some(at) {
        return Some(format!("attack:{}", quote(value)));
    }
    // A time that is written in another way than ours is a text in any case.
    let is_time = schema.columns[at].kind == Kind::Time;
    let query = format!("{name}:{}", if is_time { in_quotes(value) } else { quote(value) });
    let read = parse(&query, schema).ok()?;
    let is_it = |term: &Term| {
        !term.negated && matches!(term.condition, Condition::Is(Field::Column(of) | Field::Time(of), _) if of == at)
    };
    matches!(&read.terms[..], [term] if is_it(term)).then_some(query)
}

/// What is wrong with a query, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryError {
    pub what: String,
    /// In characters.
    pub start: usize,
    pub end: usize,
    pub advice: Option<String>,
}

/// ``unknown field `scr` at 5: did you mean `src`?``
impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.what, self.start + 1)?;
        self.advice.iter().try_for_each(|advice| write!(f, ": {advice}"))
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for crate::Error {
    fn from(error: QueryError) -> Self {
        let wrong = crate::Error::new(format!("The filter has an {} at character {}", error.what, error.start + 1));
        match error.advice {
            Some(advice) => wrong.advice(advice),
            None => wrong,
        }
    }
}

/// Longer queries are none that a person wrote.
const MAX_LENGTH: usize = 4096;

/// Reads a query against the columns of a file.
///
/// # Errors
/// If a name is unknown, a value makes no sense for its field, or a quote is not closed.
pub fn parse(text: &str, schema: &Schema) -> Result<Query, QueryError> {
    if text.len() > MAX_LENGTH {
        return Err(error("filter too long", 0, 1, Some(format!("use fewer than {MAX_LENGTH} characters"))));
    }
    let names = Names::of(schema);
    let tokens = tokens(text)?;
    let is_plain = tokens.iter().all(|token| !token.negated && !token.quoted && !is_field(token, &names));
    if is_plain && tokens.iter().all(|token| token.field.is_none() || looks_like_text(token)) {
        let plain = text.trim().to_ascii_lowercase();
        let end = text.chars().count();
        let term = |condition| Term { negated: false, condition, start: 0, end };
        let terms = (!plain.is_empty()).then(|| term(Condition::Contains(plain))).into_iter().collect();
        return Ok(Query { terms });
    }
    let terms = tokens.into_iter().map(|token| {
        let (start, end, negated) = (token.start, token.end, token.negated);
        let condition = match &token.field {
            Some(name) if !looks_like_text(&token) || names.find(name).is_some() => {
                let field = names.find(name).ok_or_else(|| {
                    let what = format!("unknown field `{name}`");
                    error(what, start, start + name.chars().count(), Some(names.did_you_mean(name)))
                })?;
                let field = field.map_err(|what| error(what, start, end, None))?;
                let values = token.values.iter().map(|raw| values::read(raw, &field, schema));
                Condition::Is(field.clone(), values.collect::<Result<_, _>>()?)
            }
            _ => Condition::Contains(token.text.to_ascii_lowercase()),
        };
        Ok(Term { negated, condition, start, end })
    });
    Ok(Query { terms: terms.collect::<Result<_, _>>()? })
}

/// A text as a value that means just this text.
#[must_use]
pub fn quote(text: &str) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '/' | '(' | ')' | '+' | '@' | '#' | '%');
    let plain = !text.is_empty()
        && text.chars().all(is_plain)
        && !text.starts_with('-')
        && !text.contains("..")
        && !values::MISSING.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { in_quotes(text) }
}

fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn error(what: impl Into<String>, start: usize, end: usize, advice: Option<String>) -> QueryError {
    QueryError { what: what.into(), start, end: end.max(start + 1), advice }
}

/// A term as it is written.
struct Token {
    negated: bool,
    /// Some part of it is in quotes.
    quoted: bool,
    field: Option<String>,
    values: Vec<RawValue>,
    /// All of it, without quotes and minus.
    text: String,
    start: usize,
    end: usize,
}

/// A value as it is written.
struct RawValue {
    text: String,
    quoted: bool,
    start: usize,
    end: usize,
}

fn is_field(token: &Token, names: &Names<'_>) -> bool {
    token.field.as_ref().is_some_and(|name| names.find(name).is_some())
}

/// Whether what stands before the colon is no name: a part of an address, a time of day, or of an URL.
fn looks_like_text(token: &Token) -> bool {
    let Some(name) = &token.field else { return true };
    let first = token.values.first().map_or("", |value| value.text.as_str());
    let is_hex = name.chars().all(|c| c.is_ascii_hexdigit()) && name.chars().any(|c| c.is_ascii_digit());
    !token.quoted && (name.is_empty() || is_hex || first.starts_with("//") || first.starts_with(':'))
}

fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at].is_whitespace() {
            at += 1;
            continue;
        }
        let start = at;
        let negated = chars[at] == '-' && chars.get(at + 1).is_some_and(|c| !c.is_whitespace());
        at += usize::from(negated);
        let mut token =
            Token { negated, quoted: false, field: None, values: Vec::new(), text: String::new(), start, end: at };
        let mut value = RawValue { text: String::new(), quoted: false, start: at, end: at };
        while at < chars.len() && !chars[at].is_whitespace() {
            match chars[at] {
                '"' => {
                    let open = at;
                    at += 1;
                    (token.quoted, value.quoted) = (true, true);
                    while chars.get(at).is_some_and(|&c| c != '"') {
                        // A backslash takes the next character as it is.
                        at += usize::from(chars[at] == '\\' && at + 1 < chars.len());
                        value.text.push(chars[at]);
                        token.text.push(chars[at]);
                        at += 1;
                    }
                    if at == chars.len() {
                        return Err(error("open quote", open, at, Some("close it with \"".into())));
                    }
                }
                ':' if token.field.is_none() => {
                    token.field = Some(std::mem::take(&mut value.text));
                    token.text.push(':');
                    value = RawValue { text: String::new(), quoted: false, start: at + 1, end: at + 1 };
                }
                ',' if token.field.is_some() => {
                    token.text.push(',');
                    let next = RawValue { text: String::new(), quoted: false, start: at + 1, end: at + 1 };
                    token.values.push(RawValue { end: at, ..std::mem::replace(&mut value, next) });
                }
                c => {
                    value.text.push(c);
                    token.text.push(c);
                }
            }
            at += 1;
        }
        token.end = at;
        if token.field.is_some() {
            token.values.push(RawValue { end: at, ..value });
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// Names that do not depend on the file, with what they are about, and in a few words.
const NAMES: &[(&str, Named, &str)] = &[
    ("src", Named::Part(Part::Source), "source address, CIDR or range"),
    ("dst", Named::Part(Part::Destination), "destination address, CIDR or range"),
    ("ip", Named::Field(Field::Address), "source or destination address"),
    ("sport", Named::Part(Part::SourcePort), "source port"),
    ("dport", Named::Part(Part::DestinationPort), "destination port"),
    ("port", Named::Field(Field::Port), "source or destination port"),
    ("proto", Named::Part(Part::Protocol), "protocol"),
    ("service", Named::Part(Part::Service), "service"),
    ("state", Named::Part(Part::State), "state of the connection"),
    ("bytes", Named::Amount(Part::Bytes), "bytes in both directions"),
    ("sent", Named::Amount(Part::Sent), "bytes sent by the source"),
    ("received", Named::Amount(Part::Received), "bytes received by the source"),
    ("packets", Named::Amount(Part::Packets), "packets in both directions"),
    ("duration", Named::Amount(Part::Duration), "how long the flow lasted"),
    ("time", Named::Time, "when the flow began"),
    ("score", Named::Field(Field::Score), "the score"),
    ("forest", Named::Field(Field::Forest), "the forest's score"),
    ("network", Named::Field(Field::Network), "the network's probability"),
    ("reason", Named::Field(Field::Reason), "a column that is a reason"),
    ("verdict", Named::Field(Field::Verdict), "true alarm, false alarm or none"),
    ("note", Named::Field(Field::Note), "text of the note"),
    ("flagged", Named::Field(Field::Flagged), "above the threshold"),
    ("label", Named::Field(Field::Label), "anomaly, normal or unknown by the file's label"),
    ("attack", Named::Attack, "name of the attack"),
    ("row", Named::Field(Field::Row), "number of the record"),
];

/// What a name is about.
enum Named {
    Part(Part),
    Amount(Part),
    Time,
    Field(Field),
    Attack,
}

/// The names that a file's queries may use.
struct Names<'a> {
    schema: &'a Schema,
    parts: Parts,
}

impl<'a> Names<'a> {
    fn of(schema: &'a Schema) -> Self {
        Self { schema, parts: Parts::of(schema) }
    }

    /// `None` for an unknown name; an error for one that the file has nothing for.
    fn find(&self, name: &str) -> Option<Result<Field, String>> {
        let known = NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let of_file = || self.column(name).map(|at| Ok(self.of_column(at)));
        let Some((known, named, what)) = known else { return of_file() };
        let found = match named {
            Named::Part(part) => self.parts.column(*part).map(Field::Column),
            Named::Amount(part) => self.has_amount(*part).then_some(Field::Amount(*part)),
            Named::Time => self.schema.time_column().map(Field::Time),
            Named::Attack => self.schema.attack_column().map(Field::Column),
            Named::Field(Field::Address) => self.has_any(&[Part::Source, Part::Destination]).then_some(Field::Address),
            Named::Field(Field::Port) => {
                self.has_any(&[Part::SourcePort, Part::DestinationPort]).then_some(Field::Port)
            }
            Named::Field(field) => Some(field.clone()),
        };
        let lacking = || format!("field `{known}`, which this file has no column for ({what}),");
        Some(found.map(Ok).or_else(of_file).unwrap_or_else(|| Err(lacking())))
    }

    fn has_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|&part| self.parts.column(part).is_some())
    }

    fn has_amount(&self, part: Part) -> bool {
        match part {
            Part::Bytes => self.has_any(&[Part::Bytes, Part::Sent, Part::Received]),
            Part::Packets => self.has_any(&[Part::Packets, Part::PacketsSent, Part::PacketsReceived]),
            _ => self.has_any(&[part]),
        }
    }

    /// By the canonical name, the file's own, or either of them folded.
    fn column(&self, name: &str) -> Option<usize> {
        let columns = &self.schema.columns;
        let exact = columns.iter().position(|spec| spec.canonical == name || spec.name == name);
        let folded = fold(name);
        let by_fold = || columns.iter().position(|spec| fold(&spec.canonical) == folded || fold(&spec.name) == folded);
        exact.or_else(|| if folded.is_empty() { None } else { by_fold() })
    }

    fn of_column(&self, at: usize) -> Field {
        match self.schema.columns[at].kind {
            Kind::Time => Field::Time(at),
            _ => Field::Column(at),
        }
    }

    fn did_you_mean(&self, name: &str) -> String {
        let known = NAMES.iter().map(|(known, ..)| *known);
        let of_file = self.schema.columns.iter().map(|spec| spec.canonical.as_str());
        let near = known.chain(of_file).map(|known| (distance(&fold(known), &fold(name)), known));
        match near.min_by_key(|(distance, _)| *distance) {
            Some((0..=2, known)) => format!("did you mean `{}`?", quote(known)),
            _ => {
                "use a name such as src, dst, dport, bytes or score, or a column of the file; put text in quotes".into()
            }
        }
    }
}

/// The optimal string alignment distance: characters to change, drop, add, or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

impl Query {
    /// Whether every row passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the query asks for what the stages say by themselves, and not only for the score.
    #[must_use]
    pub fn asks_for_stages(&self) -> bool {
        let asks = |term: &Term| matches!(&term.condition, Condition::Is(Field::Forest | Field::Network, _));
        self.terms.iter().any(asks)
    }

    /// The text, if the query is no more than one that the record has to contain.
    #[must_use]
    pub fn plain_text(&self) -> Option<&str> {
        match &self.terms[..] {
            [Term { negated: false, condition: Condition::Contains(text), .. }] => Some(text),
            _ => None,
        }
    }

    /// Whether the query asks for labels, which are for evaluation only.
    #[must_use]
    pub fn asks_for_labels(&self, schema: &Schema) -> bool {
        self.terms.iter().any(|term| match &term.condition {
            Condition::Is(Field::Label, _) => true,
            Condition::Is(Field::Column(at), _) => {
                matches!(schema.columns[*at].role, Role::Label | Role::AttackName)
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests;
