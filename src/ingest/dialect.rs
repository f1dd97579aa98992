//! How a file's records are cut into fields: enough to read a record again from its span, and to write fields that the same
//! file's readers understand.

use super::split::{Field, cut};
use encoding_rs::WINDOWS_1252;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What ends a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineEnd {
    #[default]
    Lf,
    CrLf,
    Cr,
}

impl LineEnd {
    /// The last byte of the line end.
    #[must_use]
    pub fn byte(self) -> u8 {
        if self == Self::Cr { b'\r' } else { b'\n' }
    }

    /// As it is written.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::CrLf => "CRLF",
            Self::Cr => "CR",
        }
    }
}

/// The dialect of a table of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// Runs of spaces count as one where this is a space.
    pub delimiter: u8,
    /// `None` where quotes mean nothing, as in Zeek's logs.
    pub quote: Option<u8>,
    /// Lines that start with this byte are no records.
    pub comment: Option<u8>,
    pub has_header: bool,
    pub line_end: LineEnd,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), comment: None, has_header: true, line_end: LineEnd::Lf }
    }
}

impl Dialect {
    /// The fields of one record, unquoted. A field that is not valid UTF-8 is read as windows-1252, as in the table.
    #[must_use]
    pub fn fields(&self, record: &[u8]) -> Vec<String> {
        let (mut fields, mut scratch) = (Vec::new(), Vec::new());
        // A lone CR would end a record of a CR file, a LF that of any other: the record holds one only within quotes.
        cut(record, self, true, &mut fields);
        let mut text = |field: &Field| text_of(field.unquoted(record, self.quote, &mut scratch)).into_owned();
        fields.iter().map(&mut text).collect()
    }

    /// Appends `text` as one field, quoted if it must be. Where there are no quotes, bytes that would break the record are
    /// written as `\x09`, as Zeek does.
    pub fn write_field(&self, text: &str, out: &mut Vec<u8>) {
        // Spaces at the ends would be lost to readers that trim.
        self.write(text.as_bytes(), text.trim() != text, out);
    }

    /// The same of a text in any encoding.
    pub fn write_bytes(&self, text: &[u8], out: &mut Vec<u8>) {
        self.write(text, text.trim_ascii() != text, out);
    }

    fn write(&self, text: &[u8], spaced: bool, out: &mut Vec<u8>) {
        let breaks = |b: u8| b == self.delimiter || b == b'\n' || b == b'\r';
        let Some(quote) = self.quote else {
            for &byte in text {
                if breaks(byte) {
                    out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
                } else {
                    out.push(byte);
                }
            }
            return;
        };
        // Where runs of spaces count as one, an empty field has to be seen.
        let spaced = spaced || text.is_empty() && self.delimiter == b' ';
        if !spaced && !text.iter().any(|&b| breaks(b) || b == quote) && !self.is_comment(text) {
            out.extend_from_slice(text);
            return;
        }
        out.push(quote);
        for &byte in text {
            if byte == quote {
                out.push(quote);
            }
            out.push(byte);
        }
        out.push(quote);
    }

    /// Whether a line that starts so is no record.
    #[must_use]
    pub fn is_comment(&self, line: &[u8]) -> bool {
        self.comment.is_some() && line.first().copied() == self.comment
    }
}

/// UTF-8, or windows-1252 where it is not valid as such.
#[must_use]
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_field_is_read_back() {
        for delimiter in [b',', b';', b'\t', b'|', b' '] {
            let dialect = Dialect { delimiter, ..Dialect::default() };
            let texts = ["", "a", " a ", "a,b;c|d e\tf", "\"", "say \"hi\"", "two\nlines\r\n", "=cmd|' /C calc'!A0"];
            let mut record = Vec::new();
            for (at, text) in texts.iter().enumerate() {
                if at > 0 {
                    record.push(delimiter);
                }
                dialect.write_field(text, &mut record);
            }
            assert_eq!(dialect.fields(&record), texts, "{}", String::from_utf8_lossy(&record));
        }
    }

    #[test]
    fn without_quotes_bytes_are_escaped() {
        let dialect = Dialect { delimiter: b'\t', quote: None, ..Dialect::default() };
        let mut out = Vec::new();
        dialect.write_field("a\tb\"c\n", &mut out);
        assert_eq!(out, b"a\\x09b\"c\\x0a");
    }

    #[test]
    fn a_field_that_is_not_utf8_is_windows_1252() {
        let dialect = Dialect::default();
        assert_eq!(dialect.fields(b"Web Attack \x96 XSS,caf\xe9"), ["Web Attack – XSS", "café"]);
        assert_eq!(dialect.fields("Web Attack – XSS,café".as_bytes()), ["Web Attack – XSS", "café"]);
    }
}
