//! Cuts bytes into records and records into fields, as RFC 4180 says and as the `csv` crate reads what it leaves open:
//! a quote opens only at the start of a field, `""` is a quote, and what follows a closing quote belongs to the field.
//!
//! The one place that looks at every byte.

use super::dialect::{Dialect, LineEnd};
use memchr::memchr;

/// A field within a record, its quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub start: u32,
    pub end: u32,
    /// It begins with a quote.
    pub quoted: bool,
}

impl Field {
    /// The bytes of the field in its record, quotes and all.
    #[inline]
    #[must_use]
    pub fn of(self, record: &[u8]) -> &[u8] {
        &record[self.start as usize..self.end as usize]
    }

    /// What the field says; `scratch` lends room to undo doubled quotes.
    #[inline]
    pub fn unquoted<'a>(self, record: &'a [u8], quote: Option<u8>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match quote {
            Some(quote) if self.quoted => self.unquote(record, quote, scratch),
            _ => self.of(record),
        }
    }

    fn unquote<'a>(self, record: &'a [u8], quote: u8, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let inner = &self.of(record)[1..];
        match memchr(quote, inner) {
            None => inner,
            Some(at) if at + 1 == inner.len() => &inner[..at],
            Some(_) => {
                scratch.clear();
                let mut quoted = true;
                let mut bytes = inner.iter().copied().peekable();
                while let Some(byte) = bytes.next() {
                    if quoted && byte == quote {
                        if bytes.next_if_eq(&quote).is_some() {
                            scratch.push(quote);
                        } else {
                            quoted = false;
                        }
                    } else {
                        scratch.push(byte);
                    }
                }
                scratch
            }
        }
    }
}

/// How a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At a line end.
    Line,
    /// At a line end within quotes that were not allowed to go on.
    Unclosed,
    /// The bytes ended first.
    Bytes,
    /// The bytes ended first, within quotes.
    BytesInQuotes,
}

/// Where the first record of some bytes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of the record, without its line end.
    pub len: usize,
    /// Where the next record starts.
    pub next: usize,
    pub end: End,
    /// Whether it holds a line break within quotes.
    pub many_lines: bool,
    /// Whether something follows the closing quote of a field with a line break: neither a delimiter nor a line end.
    pub ends_badly: bool,
}

/// Cuts the first record off `bytes` and its fields into `fields`. With `many_lines` false, a quote ends with its line.
pub fn cut(bytes: &[u8], dialect: &Dialect, many_lines: bool, fields: &mut Vec<Field>) -> Cut {
    fields.clear();
    let line_end = dialect.line_end.byte();
    let first_end = memchr(line_end, bytes);
    let line = &bytes[..first_end.unwrap_or(bytes.len())];
    if dialect.quote.is_none_or(|quote| memchr(quote, line).is_none()) {
        let len = without_cr(line, dialect.line_end, first_end.is_some()).len();
        split_plain(&line[..len], dialect.delimiter, fields);
        let end = if first_end.is_some() { End::Line } else { End::Bytes };
        return Cut {
            len,
            next: first_end.map_or(bytes.len(), |at| at + 1),
            end,
            many_lines: false,
            ends_badly: false,
        };
    }
    cut_quoted(bytes, dialect, many_lines, fields)
}

/// CRLF files end some lines in LF and the other way round; a CR before the line end is never part of the record.
fn without_cr(line: &[u8], line_end: LineEnd, ended: bool) -> &[u8] {
    match line {
        [line @ .., b'\r'] if ended && line_end != LineEnd::Cr || line_end == LineEnd::CrLf => line,
        line => line,
    }
}

fn split_plain(line: &[u8], delimiter: u8, fields: &mut Vec<Field>) {
    let mut start = 0u32;
    if delimiter == b' ' {
        return split_at_runs(line, fields);
    }
    for (at, &byte) in line.iter().enumerate() {
        if byte == delimiter {
            fields.push(Field { start, end: at as u32, quoted: false });
            start = at as u32 + 1;
        }
    }
    fields.push(Field { start, end: line.len() as u32, quoted: false });
}

/// Runs of spaces count as one delimiter, and those around the record as none.
fn split_at_runs(line: &[u8], fields: &mut Vec<Field>) {
    let mut start = None;
    for (at, &byte) in line.iter().chain(b" ").enumerate() {
        match (byte == b' ', start) {
            (true, Some(from)) => {
                fields.push(Field { start: from, end: at as u32, quoted: false });
                start = None;
            }
            (false, None) => start = Some(at as u32),
            _ => {}
        }
    }
    if fields.is_empty() {
        fields.push(Field { start: 0, end: 0, quoted: false });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end of the quotes or the first half of a doubled quote.
    Quote,
}

fn cut_quoted(bytes: &[u8], dialect: &Dialect, many_lines: bool, fields: &mut Vec<Field>) -> Cut {
    let Dialect { delimiter, quote, line_end, .. } = *dialect;
    let (quote, last) = (quote.unwrap_or(b'"'), line_end.byte());
    let runs = delimiter == b' ';
    let mut state = State::Start;
    let mut start = 0usize;
    let (mut broken, mut ends_badly) = (false, false);
    // Whether the present field holds a line break.
    let mut breaks = false;
    let mut found = None;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == last && (state != State::Quoted || !many_lines) {
            found = Some(at);
            break;
        }
        state = match state {
            State::Quoted if byte == quote => State::Quote,
            State::Quoted => {
                breaks |= byte == last;
                broken |= byte == last;
                State::Quoted
            }
            State::Quote if byte == quote => State::Quoted,
            State::Start if runs && byte == delimiter => {
                start = at + 1;
                State::Start
            }
            _ if byte == delimiter => {
                fields.push(Field { start: start as u32, end: at as u32, quoted: bytes[start] == quote });
                start = at + 1;
                breaks = false;
                State::Start
            }
            State::Start if byte == quote => State::Quoted,
            State::Quote => {
                ends_badly |= breaks && !byte.is_ascii_whitespace();
                State::Plain
            }
            _ => State::Plain,
        };
    }
    let unclosed = state == State::Quoted;
    let line = &bytes[..found.unwrap_or(bytes.len())];
    let len = if unclosed { line.len() } else { without_cr(line, line_end, found.is_some()).len() }.max(start);
    if !(runs && start == len && !fields.is_empty()) {
        fields.push(Field { start: start as u32, end: len as u32, quoted: start < len && bytes[start] == quote });
    }
    let end = match (found, unclosed) {
        (Some(_), false) => End::Line,
        (Some(_), true) => End::Unclosed,
        (None, false) => End::Bytes,
        (None, true) => End::BytesInQuotes,
    };
    Cut { len, next: found.map_or(bytes.len(), |at| at + 1), end, many_lines: broken, ends_badly }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, delimiter: u8, expected: &[&str], rest: &str, end: End) {
        let dialect = Dialect { delimiter, ..Dialect::default() };
        let mut fields = Vec::new();
        let cut = cut(bytes.as_bytes(), &dialect, true, &mut fields);
        let record = &bytes.as_bytes()[..cut.len];
        let texts: Vec<String> = fields
            .iter()
            .map(|field| String::from_utf8(field.unquoted(record, dialect.quote, &mut Vec::new()).to_vec()).unwrap())
            .collect();
        assert_eq!(texts, expected, "{bytes:?}");
        assert_eq!(&bytes[cut.next..], rest, "{bytes:?}");
        assert_eq!(cut.end, end, "{bytes:?}");
    }

    #[test]
    fn records_and_fields() {
        check("a,b\nc", b',', &["a", "b"], "c", End::Line);
        check("a,b\r\nc", b',', &["a", "b"], "c", End::Line);
        check("a,,\n", b',', &["a", "", ""], "", End::Line);
        check("\na", b',', &[""], "a", End::Line);
        check("a,b", b',', &["a", "b"], "", End::Bytes);
        check("\"a,b\",c\n", b',', &["a,b", "c"], "", End::Line);
        check("\"a\nb\",c\r\nd", b',', &["a\nb", "c"], "d", End::Line);
        check("\"a\"\r\nd", b',', &["a"], "d", End::Line);
        check("\"say \"\"hi\"\"\",\"\"\n", b',', &["say \"hi\"", ""], "", End::Line);
        check("\"a\"b\"c,d\n", b',', &["ab\"c", "d"], "", End::Line);
        check("a\"b\"c,d\n", b',', &["a\"b\"c", "d"], "", End::Line);
        check("\"a,b\nc", b',', &["a,b\nc"], "", End::BytesInQuotes);
        check("a,\"\"\nc", b',', &["a", ""], "c", End::Line);
        check("  a  b \nc", b' ', &["a", "b"], "c", End::Line);
        check(" \"a b\"  c \n", b' ', &["a b", "c"], "", End::Line);
    }

    #[test]
    fn a_quote_can_be_made_to_end_with_its_line() {
        let mut fields = Vec::new();
        let cut = cut(b"a,\"b\nc,d\n", &Dialect::default(), false, &mut fields);
        assert_eq!((cut.len, cut.next, cut.end, fields.len()), (4, 5, End::Unclosed, 2));
    }
}
