//! Measured results: kept as JSON in a folder of target/, and written as tables into a page of docs/, between the marks
//! `<!-- figures:NAME -->` and `<!-- end -->`.

use crate::run::{Result, root};
use serde_json::Value;
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// A table's name, and what it holds; `None` without any results, so that what stands on the page is left alone.
pub type Table = (&'static str, fn() -> Option<String>);

/// What stands for a figure that was not measured.
pub const NOT_RUN: &str = "not run";

/// Keeps a part's results.
pub fn keep(folder: &Path, name: &str, result: &Value) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, format!("{result:#}\n")).map_err(|error| failed(&path, &error))
}

/// A part's results; null without any.
#[must_use]
pub fn kept(folder: &Path, name: &str) -> Value {
    let text = fs::read(folder.join(format!("{name}.json"))).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Rows of which nothing was measured this time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unmeasured {
    /// They stay as they were: figures do not depend on what else was measured.
    Stay,
    /// They say so: figures of one run are not to be compared with those of another.
    Say,
}

/// Writes those tables into the page for which there are results.
pub fn write_tables(page: &str, tables: &[Table], unmeasured: Unmeasured) -> Result<()> {
    let path = root().join(page);
    let mut text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
    for (name, table) in tables {
        if let Some(table) = table() {
            text = with_table(&text, name, &table, unmeasured)
                .ok_or_else(|| format!("{page} has no place for the figures {name}"))?;
        }
    }
    fs::write(&path, text).map_err(|error| failed(&path, &error))
}

/// An error with the path that it is about.
#[must_use]
pub fn failed(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}

/// The page with this table between its marks; `None` without such marks.
fn with_table(page: &str, name: &str, table: &str, unmeasured: Unmeasured) -> Option<String> {
    let mark = format!("<!-- figures:{name} -->\n");
    let (before, rest) = page.split_once(&mark)?;
    let (old, after) = rest.split_once("<!-- end -->")?;
    let title = |row: &str| row.split(" | ").next().unwrap_or_default().to_owned();
    let row = |new: &str| {
        let is_empty = new.split(" | ").skip(1).all(|cell| cell.trim_end_matches([' ', '|']) == NOT_RUN);
        let may_stay = is_empty && unmeasured == Unmeasured::Stay;
        let known = old.lines().find(|old| may_stay && new.contains(NOT_RUN) && title(old) == title(new));
        format!("{}\n", known.unwrap_or(new))
    };
    let table: String = table.lines().map(row).collect();
    Some(format!("{before}{mark}{table}<!-- end -->{after}"))
}

#[cfg(test)]
mod tests {
    use super::{Unmeasured, with_table};

    #[test]
    fn a_table_goes_between_its_marks() {
        let page = "a\n<!-- figures:x -->\nold\n<!-- end -->\nb\n<!-- figures:y -->\n<!-- end -->\n";
        let expected = "a\n<!-- figures:x -->\n| new |\n<!-- end -->\nb\n<!-- figures:y -->\n<!-- end -->\n";
        assert_eq!(with_table(page, "x", "| new |\n", Unmeasured::Say).as_deref(), Some(expected));
        assert_eq!(with_table(page, "z", "", Unmeasured::Say), None);
    }

    #[test]
    fn what_was_not_measured_again_stays() {
        let page = "<!-- figures:x -->\n| a | 1 | 2 |\n| b | 3 | 4 |\n<!-- end -->\n";
        let table = "| a | not run | not run |\n| b | 5 | not run |\n| c | not run | not run |\n";
        let expected =
            "<!-- figures:x -->\n| a | 1 | 2 |\n| b | 5 | not run |\n| c | not run | not run |\n<!-- end -->\n";
        assert_eq!(with_table(page, "x", table, Unmeasured::Stay).as_deref(), Some(expected));
        let expected = format!("<!-- figures:x -->\n{table}<!-- end -->\n");
        assert_eq!(with_table(page, "x", table, Unmeasured::Say), Some(expected));
    }
}
