//! From the bytes of a file to typed columns. Bytes are pushed in; nothing here opens, seeks or waits.
//!
//! Two stages: [`Decoder`] undoes gzip and UTF-16 and makes a table of JSON lines, [`Reader`] finds out how the table is written and reads it. A record that
//! cannot be read is kept as a bad one with its place and cause; only what is no table at all is an error.
//!
//! Or several readers share a file: [`Plan`] is what its beginning says, a [`PartReader`] reads from any place on, and
//! [`Part::append`] makes one table of the parts, the same as [`Reader`] makes.

mod cell;
mod decode;
mod dialect;
#[cfg(test)]
mod differential;
mod digits;
mod json;
mod lanes;
mod magic;
mod number;
mod part;
mod plain;
mod plan;
mod preamble;
mod reader;
mod scan;
mod shapes;
mod sniff;
mod split;

pub use decode::{Decoder, MAX_DECODED};
pub use dialect::{Dialect, LineEnd, text_of};
pub use part::{Part, PartReader};
pub use plan::{Plan, Start, Tally, guess_start};
pub use reader::Reader;
#[cfg(test)]
pub(crate) use split::cut;

use crate::protocol::FileFacts;
use crate::schema::Layout;
use crate::table::{BadRecord, Cell, Column, Span, Table};
use cell::Seen;
use number::CellRule;

/// The longest record in bytes; a longer one is bad.
pub const MAX_RECORD: usize = 1 << 20;
/// The most columns a table may have.
pub const MAX_COLUMNS: usize = 4096;

/// A file that has been read.
#[derive(Clone, Debug)]
pub struct Ingested {
    pub table: Table,
    /// Without name, size and compression, which the reader does not know, and with the encoding as far as it saw it.
    pub facts: FileFacts,
    pub dialect: Dialect,
    /// The layout of a headerless table that is known by its shape.
    pub detected: Option<Layout>,
}

/// A table of a few records given as text, with the columns of `like`: for checking a record by hand. A record with too few or
/// too many fields is a bad one.
#[must_use]
pub fn table_of(like: &Table, records: &[Vec<String>]) -> Table {
    let rules: Vec<CellRule> = like.columns.iter().map(CellRule::like).collect();
    let new_column =
        |column: &Column| Column { name: column.name.clone(), notation: column.notation, ..Column::default() };
    let mut table = Table { columns: like.columns.iter().map(new_column).collect(), ..Table::default() };
    for (row, record) in records.iter().enumerate() {
        table.spans.push(Span { start: 0, len: 0 });
        if record.len() == rules.len() {
            for ((column, rule), text) in table.columns.iter_mut().zip(&rules).zip(record) {
                let cell = cell::read(text.trim().as_bytes(), *rule, &mut column.dictionary, &mut Seen::default());
                column.cells.push(cell);
            }
        } else {
            let cause = format!("{} fields, expected {}", record.len(), rules.len());
            table.bad.push(BadRecord { row: row as u32, line: row as u64 + 1, cause });
            table.columns.iter_mut().for_each(|column| column.cells.push(Cell::MISSING));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Cells, Notation, Value};

    #[test]
    fn a_record_by_hand_is_read_like_the_file() {
        let column = |name: &str, notation| Column {
            name: name.into(),
            notation,
            cells: Cells::from_iter([Cell::number(1.0)]),
            ..Column::default()
        };
        let columns = vec![column("bytes", Notation::Comma), column("sport", Notation::Point)];
        let like = Table { columns, ..Table::default() };
        let record = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        let table = table_of(&like, &[record(&[" 0,5 ", "0x0035"]), record(&["1"]), record(&["tcp", "-"])]);
        let values = |row: usize| table.columns.iter().map(|column| column.cells.at(row).value()).collect::<Vec<_>>();
        assert_eq!(values(0), [Value::Number(0.5), Value::Number(53.0)]);
        assert_eq!(values(1), [Value::Missing, Value::Missing]);
        assert_eq!(values(2), [Value::Text(0), Value::Missing]);
        assert_eq!(table.bad[0].cause, "1 fields, expected 2");
    }
}
