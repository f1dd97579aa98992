//! What stands before the first record: Zeek's `#fields` (Zeek manual, "Log Formats") and ARFF's `@attribute` (Weka
//! manual, chapter 9), from which the names of the columns come; comments, and the line `sep=;` that Excel obeys, which
//! are passed over.

use super::dialect::{Dialect, LineEnd, text_of};
use super::number::trim;

/// A file that names its columns before its records.
pub struct Preamble {
    pub format: &'static str,
    pub dialect: Dialect,
    pub names: Vec<String>,
    /// Bytes and lines before the first record.
    pub len: usize,
    pub lines: u64,
}

/// Reads the preamble at the start of `head`, if it has one.
#[must_use]
pub fn read(head: &[u8], line_end: LineEnd) -> Option<Preamble> {
    let start = trim_start(head);
    if start.starts_with(b"#separator") || start.starts_with(b"#fields") {
        zeek(head, line_end)
    } else if start.len() >= 9 && (start[0] == b'%' || start[..9].eq_ignore_ascii_case(b"@relation")) {
        arff(head, line_end)
    } else {
        None
    }
}

/// Lines before the header, or before the first record, that are neither.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// As `sep=` gives it.
    pub delimiter: Option<u8>,
    /// Bytes and lines.
    pub len: usize,
    pub lines: u64,
}

/// Reads the line `sep=` and the comments at the start of `head`, of a table that has no [`Preamble`].
#[must_use]
pub fn introduction(head: &[u8], line_end: LineEnd) -> Introduction {
    let mut introduction = Introduction::default();
    let mut last_comment = None;
    let mut lines = lines_of(head, line_end).peekable();
    if let Some((line, end)) = lines.peek()
        && let Some(delimiter) = separator(line)
    {
        introduction = Introduction { delimiter: Some(delimiter), len: *end, lines: 1 };
        lines.next();
    }
    let mut passed = (introduction.len, introduction.lines);
    for (line, end) in lines {
        let text = trim(line);
        if !text.is_empty() && text[0] != b'#' {
            let (len, lines) = match last_comment {
                // Some programs write their header as a comment.
                Some((comment, start)) if is_header_of(comment, text) => start,
                Some(_) => passed,
                None => (introduction.len, introduction.lines),
            };
            return Introduction { len, lines, ..introduction };
        }
        if !text.is_empty() {
            last_comment = Some((text, passed));
        }
        passed = (end, passed.1 + 1);
    }
    // Nothing but comments: then they are no comments.
    introduction
}

/// Of the line `sep=;`, which may stand in quotes.
fn separator(line: &[u8]) -> Option<u8> {
    let line = trim(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter @ (b',' | b';' | b'|' | b'\t')]
            if [s, e, p].into_iter().zip(b"sep").all(|(a, b)| a.eq_ignore_ascii_case(b)) =>
        {
            Some(*delimiter)
        }
        // The TAB was trimmed.
        _ if line.eq_ignore_ascii_case(b"sep=") => Some(b'\t'),
        _ => None,
    }
}

/// Whether a comment has the fields of the record below it, by some delimiter.
fn is_header_of(comment: &[u8], record: &[u8]) -> bool {
    let count = |text: &[u8], delimiter: u8| memchr::memchr_iter(delimiter, text).count();
    b",;\t|".iter().any(|&delimiter| {
        let fields = count(record, delimiter);
        fields > 0 && fields == count(comment, delimiter)
    })
}

fn zeek(head: &[u8], line_end: LineEnd) -> Option<Preamble> {
    let (mut delimiter, mut names) = (b'\t', Vec::new());
    let (mut len, mut lines) = (0, 0);
    for (line, end) in lines_of(head, line_end) {
        let text = trim_start(line);
        if !text.is_empty() && text[0] != b'#' {
            break;
        }
        if let Some(separator) = text.strip_prefix(b"#separator ") {
            delimiter = escaped_byte(trim_end(separator))?;
        } else if let Some(fields) = text.strip_prefix(b"#fields") {
            names = fields.split(|&b| b == delimiter).skip(1).map(|name| text_of(trim(name)).into_owned()).collect();
        }
        len = end;
        lines += 1;
    }
    let dialect = Dialect { delimiter, quote: None, comment: Some(b'#'), has_header: true, line_end };
    (!names.is_empty()).then_some(Preamble { format: "Zeek log", dialect, names, len, lines })
}

/// `\x09` or the byte itself.
fn escaped_byte(text: &[u8]) -> Option<u8> {
    match text {
        [b'\\', b'x', digits @ ..] => u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok(),
        [byte] => Some(*byte),
        _ => None,
    }
}

fn arff(head: &[u8], line_end: LineEnd) -> Option<Preamble> {
    let mut names = Vec::new();
    for (line, (text, end)) in (1..).zip(lines_of(head, line_end)) {
        let text = trim(text);
        let (word, rest) = text.split_at(text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()));
        if word.eq_ignore_ascii_case(b"@attribute") {
            names.push(text_of(attribute_name(trim(rest))).into_owned());
        } else if word.eq_ignore_ascii_case(b"@data") && !names.is_empty() {
            let dialect =
                Dialect { delimiter: b',', quote: Some(b'\''), comment: Some(b'%'), has_header: true, line_end };
            return Some(Preamble { format: "ARFF table", dialect, names, len: end, lines: line });
        }
    }
    None
}

fn attribute_name(text: &[u8]) -> &[u8] {
    match text {
        [quote @ (b'\'' | b'"'), rest @ ..] => &rest[..rest.iter().position(|b| b == quote).unwrap_or(rest.len())],
        _ => &text[..text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len())],
    }
}

/// Each line without its end, and where the next one starts.
fn lines_of(bytes: &[u8], line_end: LineEnd) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(line_end.byte(), rest).unwrap_or(rest.len());
        at = (at + len + 1).min(bytes.len());
        Some((&rest[..len], at))
    })
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_start()
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeek_names_its_columns() {
        let head = b"\t#separator \\x09\n#path\tconn\n#fields\tts\tid.orig_h\n#types\ttime\taddr\n1.5\t10.0.0.1\n";
        let preamble = read(head, LineEnd::Lf).unwrap();
        assert_eq!(preamble.names, ["ts", "id.orig_h"]);
        assert_eq!((preamble.dialect.delimiter, preamble.lines), (b'\t', 4));
        assert_eq!(&head[preamble.len..], b"1.5\t10.0.0.1\n");
    }

    #[test]
    fn arff_names_its_columns() {
        let head =
            b"% made\r\n@relation 'KDD'\r\n@attribute 'duration' real\r\n@ATTRIBUTE class {a,b}\r\n@data\r\n0,a\r\n";
        let preamble = read(head, LineEnd::CrLf).unwrap();
        assert_eq!(preamble.names, ["duration", "class"]);
        assert_eq!((&head[preamble.len..], preamble.lines), (&b"0,a\r\n"[..], 5));
    }

    #[test]
    fn comments_and_the_separator_are_passed_over() {
        for (head, delimiter, rest, lines) in [
            ("a,b\n1,2\n", None, "a,b\n1,2\n", 0),
            ("# made by x\n\n# on Monday\na,b\n1,2\n", None, "a,b\n1,2\n", 3),
            ("sep=;\na;b\n", Some(b';'), "a;b\n", 1),
            ("\"SEP=\t\"\n# x\na\tb\n", Some(b'\t'), "a\tb\n", 2),
            ("# made by x\n#a,b\n1,2\n", None, "#a,b\n1,2\n", 1),
            ("#a,b\n1,2\n", None, "#a,b\n1,2\n", 0),
            ("#1\n#2\n", None, "#1\n#2\n", 0),
            ("sep,b\n1,2\n", None, "sep,b\n1,2\n", 0),
            ("", None, "", 0),
        ] {
            let found = introduction(head.as_bytes(), LineEnd::Lf);
            assert_eq!((found.delimiter, &head[found.len..], found.lines), (delimiter, rest, lines), "{head:?}");
        }
    }

    #[test]
    fn other_files_have_none() {
        for head in ["", "a,b\n1,2\n", "# a comment\na,b\n", "%\n", "@relation", "#separator \\xZZ\n"] {
            assert!(read(head.as_bytes(), LineEnd::Lf).is_none(), "{head:?}");
        }
    }
}
