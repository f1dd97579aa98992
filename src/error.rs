//! One error type for every stage. It speaks to the person who holds the file: what is wrong, where, and what to do.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where in the input something is wrong. Records and lines count from 1; the header is line 1 but no record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub record: Option<u64>,
    pub line: Option<u64>,
    pub column: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(record) = self.record {
            write!(f, "record {record}")?;
            separator = ", ";
        }
        if let Some(line) = self.line {
            write!(f, "{separator}line {line}")?;
            separator = ", ";
        }
        if let Some(column) = &self.column {
            write!(f, "{separator}column \"{column}\"")?;
        }
        Ok(())
    }
}

/// An input that cannot be worked with. Bugs panic instead; they are not the person's problem to solve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What is wrong, as one sentence without a full stop.
    pub what: String,
    pub place: Option<Place>,
    /// The way out, as one sentence without a full stop.
    pub advice: Option<String>,
}

/// The result of every fallible stage.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), place: None, advice: None }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// One line: `record 41, line 57: 9 fields, expected 12. Check the delimiter.`
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}.", self.what)?;
        if let Some(advice) = &self.advice {
            write!(f, " {advice}.")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_in_one_line_with_place_and_advice() {
        let place = Place { record: Some(41), line: Some(57), column: Some("dur".into()) };
        let error = Error::new("9 fields, expected 12").at(place).advice("Check the delimiter");
        assert_eq!(
            error.to_string(),
            "record 41, line 57, column \"dur\": 9 fields, expected 12. Check the delimiter."
        );
        assert_eq!(Error::new("The file is empty").to_string(), "The file is empty.");
    }
}
