//! What one cell becomes in its column.

use super::dialect::text_of;
use super::number::{CellRule, Parsed, is_missing, trim};
use crate::table::{Cell, Dictionary};
use std::borrow::Cow;

/// What is noted about the cells of one column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Cells that had several dots in a number.
    pub dotted: u64,
    /// Whether some text was not valid as UTF-8.
    pub has_windows_1252: bool,
}

/// Reads the bytes of a cell, whose white space does not count.
pub fn read(bytes: &[u8], rule: CellRule, dictionary: &mut Dictionary, seen: &mut Seen) -> Cell {
    let cell = trim(bytes);
    if let Some(x) = rule.parse_fast(cell) {
        return Cell::number(x);
    }
    if is_missing(cell) {
        return Cell::MISSING;
    }
    // The same bytes mean the same.
    if let Some(code) = dictionary.find_bytes(cell) {
        return Cell::text(code);
    }
    match rule.parse_slowly(cell) {
        Parsed::Number(x) => Cell::number(x),
        Parsed::Missing => Cell::MISSING,
        Parsed::Dotted(x) => {
            seen.dotted += 1;
            Cell::number(x)
        }
        Parsed::Text => {
            let text = text_of(cell);
            seen.has_windows_1252 |= matches!(text, Cow::Owned(_));
            dictionary.code(&text).map_or(Cell::UNKEPT_TEXT, Cell::text)
        }
    }
}
