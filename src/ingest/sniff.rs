//! Finds out how a table is written from its beginning: line ends, delimiter, quotes, header, notation of numbers.
//!
//! One line says little, so delimiters are scored by how evenly they cut several records. Headerless tables that are known
//! by their shape get their names.

use super::dialect::{Dialect, LineEnd, text_of};
use super::number::{CellRule, Evidence, Parsed, trim};
use super::plan::Plan;
use super::preamble::{self, Introduction};
use super::shapes;
use super::split::{End, Field, cut};
use super::{MAX_COLUMNS, MAX_RECORD};
use crate::error::{Error, Place, Result};
use crate::table::Notation;
use rustc_hash::{FxHashMap, FxHashSet};

const DELIMITERS: [(u8, f64); 5] = [
    // Weights break ties: commas are decimal marks elsewhere, and spaces are part of many texts.
    (b'\t', 1.0),
    (b';', 1.0),
    (b'|', 1.0),
    (b',', 0.8),
    (b' ', 0.5),
];
const SCORED_RECORDS: usize = 200;
const SAMPLED_RECORDS: usize = 2000;
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Looks at the beginning of a file; `complete` is whether it is the whole file.
///
/// # Errors
/// What is no table, has no record, has a first line without end, or has more columns than anyone wants.
pub fn sniff(head: &[u8], complete: bool) -> Result<Plan> {
    let bom = if head.starts_with(BOM) { BOM.len() } else { 0 };
    let text = &head[bom..];
    if text.trim_ascii().is_empty() && complete {
        return Err(Error::new("The file holds no record").advice("Choose a file that holds flow records"));
    }
    refuse_other_formats(text)?;
    let line_end = line_end(text);
    if !complete && text.len() > MAX_RECORD && !text[..=MAX_RECORD].contains(&line_end.byte()) {
        return Err(Error::new("The first line is longer than 1 MiB")
            .at(Place { line: Some(1), ..Place::default() })
            .advice("Check that the file is a table with one record on each line"));
    }
    let mut sniffed = match preamble::read(text, line_end) {
        Some(preamble) => from_preamble(text, complete, preamble)?,
        None => {
            let Introduction { delimiter, len, lines } = preamble::introduction(text, line_end);
            let mut sniffed = from_records(&text[len..], complete, line_end, delimiter)?;
            sniffed.skip += len as u64;
            sniffed.lines += lines;
            sniffed
        }
    };
    sniffed.skip += bom as u64;
    Ok(sniffed)
}

fn refuse_other_formats(text: &[u8]) -> Result<()> {
    let start = text.trim_ascii_start();
    let begins = |words: &[&str]| {
        words.iter().any(|word| start.get(..word.len()).is_some_and(|at| at.eq_ignore_ascii_case(word.as_bytes())))
    };
    if begins(&["{\"", "{ \"", "[{", "[\n", "[ {", "{\n", "{\r"]) {
        return Err(Error::new("This is JSON, not a table").advice(
            "Write it as JSON lines, for example with `jq -c '.[]'`, or as CSV with one line of column names",
        ));
    }
    if begins(&["<!doctype", "<html", "<?xml"]) {
        return Err(Error::new("This is a web page or XML, not a table of flows")
            .advice("Download the file itself, not the page that shows it"));
    }
    Ok(())
}

/// CR alone ends lines only where hardly any LF is about.
fn line_end(text: &[u8]) -> LineEnd {
    let lf = memchr::memchr_iter(b'\n', text).count();
    let cr = memchr::memchr_iter(b'\r', text).count();
    let crlf = memchr::memchr_iter(b'\n', text).filter(|&at| at > 0 && text[at - 1] == b'\r').count();
    match () {
        () if cr - crlf > 10 * lf => LineEnd::Cr,
        () if 2 * crlf > lf => LineEnd::CrLf,
        () => LineEnd::Lf,
    }
}

/// A record of the beginning, cut into fields.
struct Record {
    start: usize,
    len: usize,
    next: usize,
    fields: Vec<Field>,
}

impl Record {
    fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start..self.start + self.len]
    }

    /// The trimmed cells.
    fn cells(&self, text: &[u8], dialect: &Dialect) -> Vec<Vec<u8>> {
        let record = self.bytes(text);
        let mut scratch = Vec::new();
        let cell = |field: &Field| trim(field.unquoted(record, dialect.quote, &mut scratch)).to_vec();
        self.fields.iter().map(cell).collect()
    }
}

/// The first records, without blank lines, comments, and the last one where it may be cut off.
fn records(text: &[u8], from: usize, complete: bool, dialect: &Dialect, most: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut start = from;
    let mut fields = Vec::new();
    // As the reader does: quotes before the end of one that nobody closes must close in their line.
    let mut one_line_until = from;
    while start < text.len() && records.len() < most {
        let rest = &text[start..text.len().min(start + MAX_RECORD + 2)];
        let mut found = cut(rest, dialect, start >= one_line_until, &mut fields);
        if found.end == End::BytesInQuotes {
            one_line_until = start + rest.len();
            found = cut(rest, dialect, false, &mut fields);
        }
        if matches!(found.end, End::Bytes | End::BytesInQuotes) && !complete {
            break;
        }
        let record = &rest[..found.len];
        if !record.trim_ascii().is_empty() && !dialect.is_comment(record) {
            let fields = std::mem::take(&mut fields);
            records.push(Record { start, len: found.len, next: start + found.next, fields });
        }
        start += found.next;
    }
    records
}

/// The commonest number of fields and the share of records that have it.
fn commonest(records: &[Record]) -> (usize, f64) {
    let mut counts = FxHashMap::<usize, usize>::default();
    records.iter().for_each(|record| *counts.entry(record.fields.len()).or_default() += 1);
    let (fields, count) = counts.into_iter().max_by_key(|&(fields, count)| (count, fields)).unwrap_or((0, 0));
    (fields, count as f64 / records.len().max(1) as f64)
}

fn delimiter(text: &[u8], complete: bool, line_end: LineEnd) -> Result<u8> {
    let mut best = (b',', 0.0);
    let mut most = 0;
    for (delimiter, weight) in DELIMITERS {
        let dialect = Dialect { delimiter, line_end, ..Dialect::default() };
        let records = records(text, 0, complete, &dialect, SCORED_RECORDS);
        let (fields, share) = commonest(&records);
        most = most.max(records.iter().filter(|record| record.fields.len() > 1).count());
        // A delimiter that most records lack may still cut the rest, such as the records below a long introduction.
        // Prose has spaces too, but no table's worth of evenly filled lines.
        let is_prose = delimiter == b' ' && (fields < 4 || share < 0.4) && share < 0.9;
        let is_table = fields > 1 && !is_prose;
        let score = if is_table { share * share * weight * ((fields + 1) as f64).ln() } else { 0.0 };
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    // Half of the worst table worth reading: two columns, and half of the records ragged.
    if best.1 < 0.1 && most > 1 {
        return Err(Error::new(
            "This does not look like a table: no delimiter cuts its lines into the same number of fields",
        )
        .advice("Choose a table of flow records, such as a CSV file"));
    }
    Ok(best.0)
}

/// Single quotes quote where most quoted-looking fields have them and double quotes do not occur.
fn quote(text: &[u8], records: &[Record]) -> u8 {
    let (mut fields, mut single) = (0, 0);
    for record in records {
        let bytes = record.bytes(text);
        if bytes.contains(&b'"') {
            return b'"';
        }
        fields += 1;
        let is_single = |field: &Field| matches!(field.of(bytes), [b'\'', .., b'\'']);
        single += usize::from(record.fields.iter().any(is_single));
    }
    if 2 * single > fields { b'\'' } else { b'"' }
}

/// A table of records, whose delimiter may be `given`.
fn from_records(text: &[u8], complete: bool, line_end: LineEnd, given: Option<u8>) -> Result<Plan> {
    let delimiter = given.map_or_else(|| delimiter(text, complete, line_end), Ok)?;
    let mut dialect = Dialect { delimiter, line_end, ..Dialect::default() };
    dialect.quote = Some(quote(text, &records(text, 0, complete, &dialect, SCORED_RECORDS)));
    let records = records(text, 0, complete, &dialect, SAMPLED_RECORDS);
    let Some(first) = records.first() else {
        return Err(Error::new("The file holds no record that ends within its first MiB")
            .advice("Check that the file is a table with one record on each line"));
    };
    let cells: Vec<Vec<Vec<u8>>> = records.iter().map(|record| record.cells(text, &dialect)).collect();
    dialect.has_header = is_header(&cells);
    let (common, share) = commonest(if dialect.has_header && records.len() > 1 { &records[1..] } else { &records });
    let n_header = first.fields.len();
    // The header knows best, unless nearly all records agree on another number.
    let n_columns = if dialect.has_header && share < 0.6 { n_header } else { common };
    check_columns(n_columns.max(n_header))?;

    let mut warnings = Vec::new();
    let mut detected = None;
    let mut sniffed_names = Vec::new();
    let (mut header, mut skip, mut lines) = (Vec::new(), 0, 0);
    if dialect.has_header {
        skip = first.next;
        lines = memchr::memchr_iter(line_end.byte(), &text[..skip]).count() as u64;
        header = cells[0].clone();
        sniffed_names = header.iter().map(|name| text_of(name).into_owned()).collect();
        if n_header != n_columns {
            warnings.push(format!("The header has {n_header} names, but the records have {n_columns} fields"));
        }
        if complete && records.len() == 1 {
            return Err(Error::new("There is a header but no record").advice("Choose a file that holds flow records"));
        }
    } else if let Some(shape) = shapes::recognise(&cells) {
        detected = Some(shape.layout);
        sniffed_names = shape.names.iter().take(n_columns).map(ToString::to_string).collect();
    }
    let names = unique_names(sniffed_names, n_columns);
    let rules = rules(&names, &cells[usize::from(dialect.has_header)..], &mut warnings);
    Ok(Plan { format: "Table".into(), dialect, names, rules, header, skip: skip as u64, lines, detected, warnings })
}

fn from_preamble(text: &[u8], complete: bool, preamble: preamble::Preamble) -> Result<Plan> {
    let preamble::Preamble { format, dialect, names, len, lines } = preamble;
    check_columns(names.len())?;
    let records = records(text, len, complete, &dialect, SAMPLED_RECORDS);
    if records.is_empty() && complete {
        return Err(Error::new("There is a header but no record").advice("Choose a file that holds flow records"));
    }
    let cells: Vec<Vec<Vec<u8>>> = records.iter().map(|record| record.cells(text, &dialect)).collect();
    let header = names.iter().map(|name| name.clone().into_bytes()).collect();
    let n_columns = names.len();
    let names = unique_names(names, n_columns);
    // Programs write these, and with decimal points.
    let point = |rule: CellRule| CellRule { notation: Notation::Point, ..rule };
    let rules = rules(&names, &cells, &mut Vec::new()).into_iter().map(point).collect();
    Ok(Plan {
        format: format.into(),
        dialect,
        names,
        rules,
        header,
        skip: len as u64,
        lines,
        detected: None,
        warnings: Vec::new(),
    })
}

fn check_columns(n_columns: usize) -> Result<()> {
    if n_columns <= MAX_COLUMNS {
        return Ok(());
    }
    Err(Error::new(format!("The table has {n_columns} columns; at most {MAX_COLUMNS} can be read"))
        .advice("Leave out columns that do not describe flows"))
}

/// Names against values: names are texts above numbers, and texts that do not come again below.
fn is_header(cells: &[Vec<Vec<u8>>]) -> bool {
    let Some((first, rest)) = cells.split_first() else { return false };
    let parse = |cell: &[u8]| CellRule::default().parse(cell);
    let is_number = |cell: &[u8]| matches!(parse(cell), Parsed::Number(_));
    let is_counter = |(at, name): (usize, &Vec<u8>)| name.as_slice() == at.to_string().as_bytes();
    if first.len() > 1 && first.iter().enumerate().all(is_counter) {
        // Tables without names that were saved with their column numbers.
        return true;
    }
    let rest: Vec<_> = rest.iter().filter(|record| record.len() == first.len()).take(SCORED_RECORDS).collect();
    let (mut above_numbers, mut numbers, mut come_again) = (0, 0, 0);
    for (at, name) in first.iter().enumerate() {
        let below = || rest.iter().map(|record| record[at].as_slice()).filter(|cell| parse(cell) != Parsed::Missing);
        let is_name = parse(name) == Parsed::Text;
        numbers += usize::from(is_number(name));
        above_numbers += usize::from(is_name && 2 * below().filter(|cell| is_number(cell)).count() > below().count());
        come_again += usize::from(!is_name || below().any(|cell| cell == name.as_slice()));
    }
    if numbers + above_numbers > 0 { above_numbers > numbers } else { come_again == 0 }
}

/// Blank names get a number, and repeated ones a suffix as pandas writes it: `x`, `x.1`.
fn unique_names(names: Vec<String>, n_columns: usize) -> Vec<String> {
    let mut taken = FxHashSet::default();
    let mut repeats = FxHashMap::<String, usize>::default();
    let mut names: Vec<String> = names.into_iter().take(n_columns).collect();
    names.resize(n_columns, String::new());
    let given: FxHashSet<String> = names.iter().cloned().collect();
    for (at, name) in names.iter_mut().enumerate() {
        // A name that stands in the file belongs to the first column that has it there.
        let mut is_given = !name.is_empty();
        if !is_given {
            *name = format!("column {}", at + 1);
        }
        let base = name.clone();
        while !is_given && given.contains(name) || !taken.insert(name.clone()) {
            let repeat = repeats.entry(base.clone()).or_default();
            *repeat += 1;
            *name = format!("{base}.{repeat}");
            is_given = false;
        }
    }
    names
}

fn rules(names: &[String], cells: &[Vec<Vec<u8>>], warnings: &mut Vec<String>) -> Vec<CellRule> {
    let mut evidence = vec![Evidence::default(); names.len()];
    for record in cells.iter().filter(|record| record.len() == names.len()) {
        for (evidence, cell) in evidence.iter_mut().zip(record) {
            evidence.add(cell);
        }
    }
    let european = evidence.iter().any(|evidence| evidence.shows_decimal_commas());
    if european {
        warnings.push("Commas are read as decimal marks".into());
    }
    names.iter().zip(evidence).map(|(name, evidence)| evidence.rule(name, european)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, delimiter: char, has_header: bool, names: &str) -> Plan {
        let sniffed = sniff(text.as_bytes(), true).unwrap();
        assert_eq!(char::from(sniffed.dialect.delimiter), delimiter, "{text:?}");
        assert_eq!(sniffed.dialect.has_header, has_header, "{text:?}");
        assert_eq!(sniffed.names.join("/"), names, "{text:?}");
        sniffed
    }

    #[test]
    fn delimiters_and_headers() {
        check("a,b\n1,2\n3,4\n", ',', true, "a/b");
        check("1,2\n3,4\n", ',', false, "column 1/column 2");
        check("a;b\n0,5;1,5\n0,25;3\n", ';', true, "a/b");
        check("0,5;1,5;2\n0,25;3,5;4\n", ';', false, "column 1/column 2/column 3");
        check("a\tb c\n1 2\t2\n", '\t', true, "a/b c");
        check("a|b\nx,y|1\n", '|', true, "a/b");
        check("a  b\n1  2\n10 20\n", ' ', true, "a/b");
        check("a\n1\n2\n", ',', true, "a");
        check("a,b\ntcp,udp\ntcp,icmp\n", ',', true, "a/b");
        check("tcp,udp\ntcp,icmp\n", ',', false, "column 1/column 2");
        check("0,1,2\n5,6,7\n", ',', true, "0/1/2");
        check(" a , b ,a\n1,2,3\n", ',', true, "a/b/a.1");
        check("a,,a,a.1\n1,2,3,4\n", ',', true, "a/column 2/a.2/a.1");
        check("x,x,x.1,x\n1,2,3,4\n", ',', true, "x/x.2/x.1/x.3");
        check("x,,column 2\n1,2,3\n", ',', true, "x/column 2.1/column 2");
        check("ip,proto,80,443\na,tcp,1,2\nb,udp,3,4\n", ',', false, "column 1/column 2/column 3/column 4");
        check("bytes,packets,port,80,443\n1,2,3,4,5\n", ',', true, "bytes/packets/port/80/443");
        check(",a,b\n0,1,2\n1,3,4\n", ',', true, "column 1/a/b");
        check("\"x,y\",b\n\"1,2\",3\n", ',', true, "x,y/b");
        check("'x','y'\n'tcp',3\n", ',', true, "x/y");
        check("time,what\n2018-01-12 15:37:30,a b\n2018-01-12 15:37:31,c d\n", ',', true, "time/what");
        check("\u{FEFF}a,b\n1,2\n", ',', true, "a/b");
    }

    #[test]
    fn line_ends() {
        for (text, expected) in [
            ("a,b\r\n1,2\r\n", LineEnd::CrLf),
            ("a,b\r1,2\r", LineEnd::Cr),
            ("a,b\n1,2\n", LineEnd::Lf),
            ("a,b", LineEnd::Lf),
        ] {
            assert_eq!(line_end(text.as_bytes()), expected);
        }
    }

    #[test]
    fn notations() {
        let sniffed = check("a;b;c\n0,5;1,234;x\n0,25;2,345;y\n", ';', true, "a/b/c");
        let notations: Vec<_> = sniffed.rules.iter().map(|rule| rule.notation).collect();
        assert_eq!(notations, [Notation::Comma, Notation::Comma, Notation::Point]);
    }

    #[test]
    fn what_is_no_table() {
        for (text, message) in [
            ("a,b\n", "There is a header but no record"),
            ("\n\n  \n", "The file holds no record"),
            ("{\"ts\": 1}\n", "This is JSON"),
            ("<!DOCTYPE html><html>", "This is a web page"),
            ("#fields\ta\tb\n#close\n", "There is a header but no record"),
        ] {
            let error = sniff(text.as_bytes(), true).expect_err(text).to_string();
            assert!(error.starts_with(message), "{error}");
        }
        let wide = vec!["x"; 5000].join(",");
        let error = sniff(wide.as_bytes(), true).unwrap_err();
        assert_eq!(error.what, "The table has 5000 columns; at most 4096 can be read");
    }
}
