//! Measured results: kept as JSON in a folder of target/, and written as tables into a page of docs/, between the marks
//! `<!-- figures:NAME -->` and `<!-- end -->`.

use crate::run::{Result, root};
use serde_json::Value;
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// A table's name, and what it holds; `None` without any results, so that what stands on the page is left alone.
pub type Table = (&'static str, fn() -> Option<String>);

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

/// Writes those tables into the page for which there are results.
pub fn write_tables(page: &str, tables: &[Table]) -> Result<()> {
    let path = root().join(page);
    let mut text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
    for (name, table) in tables {
        if let Some(table) = table() {
            text =
                with_table(&text, name, &table).ok_or_else(|| format!("{page} has no place for the figures {name}"))?;
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
fn with_table(page: &str, name: &str, table: &str) -> Option<String> {
    let mark = format!("<!-- figures:{name} -->\n");
    let (before, rest) = page.split_once(&mark)?;
    let (_, after) = rest.split_once("<!-- end -->")?;
    Some(format!("{before}{mark}{table}<!-- end -->{after}"))
}

#[cfg(test)]
mod tests {
    use super::with_table;

    #[test]
    fn a_table_goes_between_its_marks() {
        let page = "a\n<!-- figures:x -->\nold\n<!-- end -->\nb\n<!-- figures:y -->\n<!-- end -->\n";
        let expected = "a\n<!-- figures:x -->\n| new |\n<!-- end -->\nb\n<!-- figures:y -->\n<!-- end -->\n";
        assert_eq!(with_table(page, "x", "| new |\n").as_deref(), Some(expected));
        assert_eq!(with_table(page, "z", ""), None);
    }
}
