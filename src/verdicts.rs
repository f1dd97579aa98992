//! What a person found out about rows: true or false alarm, and a note; for single rows, or for all that a query finds.
//!
//! A row's own verdict counts before that of a group, and a later group's before an earlier one's. What has been judged is a
//! sample that the person chose, so its figures say how good the list is that was looked at, and no more: the precision among
//! the flagged comes with an interval, and there is no recall, since nobody judges the rows that were never shown.

use crate::error::{Error, Result};
use crate::query::{self, BoundQuery, Needs, RowFacts};
use crate::schema::{ANOMALY, NORMAL, Schema, UNKNOWN};
use crate::table::Table;
use serde::{Deserialize, Serialize};

/// All verdicts on a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// By rising row.
    pub rows: Vec<RowVerdict>,
    /// In the order in which they were given.
    pub groups: Vec<GroupVerdict>,
}

/// On one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowVerdict {
    /// In the file, from 0.
    pub row: u32,
    /// Whether it is a true alarm; `None` for a note alone.
    pub is_true: Option<bool>,
    pub note: String,
}

/// On all rows that a query finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupVerdict {
    pub query: String,
    pub is_true: Option<bool>,
    pub note: String,
}

const MAX_ROWS: usize = 1 << 20;
const MAX_GROUPS: usize = 1000;
/// UTF-16 units of a note, which is how a browser counts what is typed.
pub const MAX_NOTE: usize = 2000;
/// Bytes of a query.
const MAX_QUERY: usize = 4096;

impl Verdicts {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.groups.is_empty()
    }

    /// Takes the place of what was said about the row; nothing said is no verdict.
    pub fn set_row(&mut self, row: u32, is_true: Option<bool>, note: &str) {
        let place = self.rows.binary_search_by_key(&row, |verdict| verdict.row);
        let said = is_true.is_some() || !note.is_empty();
        let verdict = || RowVerdict { row, is_true, note: note.to_owned() };
        match place {
            Ok(at) if said => self.rows[at] = verdict(),
            Ok(at) => drop(self.rows.remove(at)),
            Err(at) if said => self.rows.insert(at, verdict()),
            Err(_) => {}
        }
    }

    /// Takes the place of what was said about the group, as the last word.
    pub fn set_group(&mut self, query: &str, is_true: Option<bool>, note: &str) {
        self.groups.retain(|verdict| verdict.query != query);
        if is_true.is_some() || !note.is_empty() {
            self.groups.push(GroupVerdict { query: query.to_owned(), is_true, note: note.to_owned() });
        }
    }

    /// What was said about the row itself.
    #[must_use]
    pub fn of_row(&self, row: u32) -> Option<&RowVerdict> {
        self.rows.binary_search_by_key(&row, |verdict| verdict.row).ok().map(|at| &self.rows[at])
    }

    /// For verdicts that come from outside.
    ///
    /// # Errors
    /// If there are too many, a text is too long, or rows are not in order.
    pub fn check(&self) -> Result<()> {
        let mut notes =
            self.rows.iter().map(|verdict| &verdict.note).chain(self.groups.iter().map(|verdict| &verdict.note));
        let sound = self.rows.len() <= MAX_ROWS
            && self.groups.len() <= MAX_GROUPS
            && self.rows.windows(2).all(|pair| pair[0].row < pair[1].row)
            && notes.all(|note| note.encode_utf16().count() <= MAX_NOTE)
            && self.groups.iter().all(|verdict| verdict.query.len() <= MAX_QUERY);
        if sound { Ok(()) } else { Err(Error::new("The verdicts make no sense, or are far more than a person gives")) }
    }

    /// Finds the columns of the groups' queries in a table; groups of which a query does not fit it are left out.
    #[must_use]
    pub fn bind<'a>(&'a self, table: &'a Table, schema: &Schema) -> BoundVerdicts<'a> {
        let groups = self.groups.iter().rev().filter_map(|verdict| {
            let query = query::parse(&verdict.query, schema).ok()?;
            Some((verdict, query.bind(table, schema)))
        });
        BoundVerdicts { groups: groups.collect(), verdicts: self }
    }
}

/// Verdicts that know where a table's columns are.
pub struct BoundVerdicts<'a> {
    verdicts: &'a Verdicts,
    /// The last first.
    groups: Vec<(&'a GroupVerdict, BoundQuery<'a>)>,
}

impl<'a> BoundVerdicts<'a> {
    /// What it has to be told of a row.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.groups.iter().fold(Needs::default(), |needs, (_, query)| needs | query.needs())
    }

    /// Whether a row is a true alarm, as far as anybody said, and the note; of the row itself or else of its group.
    pub fn of(&mut self, row: u32, facts: &RowFacts<'_>) -> (Option<bool>, &'a str) {
        let own = self.verdicts.of_row(facts.file_row);
        if let Some(own) = own
            && own.is_true.is_some()
        {
            return (own.is_true, &own.note);
        }
        let group = self.groups.iter_mut().find_map(|(verdict, query)| query.matches(row, facts).then_some(*verdict));
        let note = own.map(|own| own.note.as_str()).filter(|note| !note.is_empty());
        match group {
            Some(group) => (group.is_true, note.unwrap_or(&group.note)),
            None => (None, note.unwrap_or("")),
        }
    }
}

/// A verdict as it is written to files.
#[must_use]
pub fn verdict_word(is_true: Option<bool>) -> &'static str {
    match is_true {
        Some(true) => "true alarm",
        Some(false) => "false alarm",
        None => "",
    }
}

/// A verdict as a label, so that what has been judged can be evaluated as labelled rows are.
#[must_use]
pub fn label_of(is_true: Option<bool>) -> u8 {
    match is_true {
        Some(true) => ANOMALY,
        Some(false) => NORMAL,
        None => UNKNOWN,
    }
}

/// What verdicts say about the rows that were flagged; counted row by row, and merged in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Flagged rows, judged or not.
    pub flagged: u32,
    pub true_alarms: u32,
    pub false_alarms: u32,
    /// Rows below the threshold that somebody called true alarms.
    pub missed: u32,
    /// Rows below the threshold that somebody called false alarms.
    pub rightly_passed: u32,
}

impl Judged {
    pub fn add(&mut self, is_flagged: bool, is_true: Option<bool>) {
        self.flagged += u32::from(is_flagged);
        let counter = match (is_flagged, is_true) {
            (_, None) => return,
            (true, Some(true)) => &mut self.true_alarms,
            (true, Some(false)) => &mut self.false_alarms,
            (false, Some(true)) => &mut self.missed,
            (false, Some(false)) => &mut self.rightly_passed,
        };
        *counter += 1;
    }

    pub fn merge(&mut self, other: Self) {
        self.flagged += other.flagged;
        self.true_alarms += other.true_alarms;
        self.false_alarms += other.false_alarms;
        self.missed += other.missed;
        self.rightly_passed += other.rightly_passed;
    }

    /// The share of true alarms among the flagged rows that were judged, with its interval of 95 % (Wilson 1927, "Probable
    /// inference, the law of succession, and statistical inference"); `None` where none was.
    #[must_use]
    pub fn precision(&self) -> Option<(f64, [f64; 2])> {
        const Z: f64 = 1.959_964;
        let (hits, n) = (f64::from(self.true_alarms), f64::from(self.true_alarms + self.false_alarms));
        if n == 0.0 {
            return None;
        }
        let share = hits / n;
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * libm::sqrt(share * (1.0 - share) / n + Z * Z / (4.0 * n * n));
        Some((share, [(middle - half).max(0.0), (middle + half).min(1.0)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reader;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_rows_own_verdict_comes_first_and_a_later_groups_before_an_earlier_ones() {
        let mut reader = Reader::new();
        reader
            .push(b"src_ip,dst_port,proto,bytes\n10.0.0.1,80,tcp,1\n10.0.0.1,443,tcp,2\n10.0.0.2,53,udp,3\n")
            .unwrap();
        let table = reader.finish().unwrap().table;
        let schema = detect(&table, None);
        let mut verdicts = Verdicts::default();
        verdicts.set_row(1, Some(true), "seen it");
        verdicts.set_row(0, None, "look again");
        verdicts.set_group("src:10.0.0.1", Some(true), "the scanner");
        verdicts.set_group("proto:tcp", Some(false), "backup");
        verdicts.set_group("no_such:1", Some(true), "");
        let mut bound = verdicts.bind(&table, &schema);
        let mut of = |row| bound.of(row, &RowFacts { file_row: row, ..RowFacts::default() });
        assert_eq!(of(0), (Some(false), "look again"));
        assert_eq!(of(1), (Some(true), "seen it"));
        assert_eq!(of(2), (None, ""));
        verdicts.set_row(1, None, "");
        verdicts.set_group("proto:tcp", None, "");
        assert_eq!(
            verdicts.bind(&table, &schema).of(1, &RowFacts { file_row: 1, ..RowFacts::default() }).0,
            Some(true)
        );
        assert!(verdicts.check().is_ok() && verdicts.of_row(1).is_none());
        verdicts.rows.reverse();
        verdicts.rows.push(RowVerdict { row: 0, is_true: None, note: String::new() });
        assert!(verdicts.check().is_err());
    }

    #[test]
    fn judged_rows_give_a_precision_with_its_interval() {
        let mut judged = Judged::default();
        (0..8).for_each(|_| judged.add(true, Some(true)));
        (0..2).for_each(|_| judged.add(true, Some(false)));
        judged.add(true, None);
        judged.add(false, Some(true));
        judged.merge(Judged { rightly_passed: 1, ..Judged::default() });
        assert_eq!((judged.flagged, judged.missed, judged.rightly_passed), (11, 1, 1));
        // Wilson's interval of 8 in 10 is 0.490 to 0.943.
        let (precision, [low, high]) = judged.precision().unwrap();
        assert!((precision - 0.8).abs() < 1e-12 && (low - 0.490).abs() < 1e-3 && (high - 0.943).abs() < 1e-3);
        assert_eq!(Judged::default().precision(), None);
    }
}
