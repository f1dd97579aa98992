//! JSON lines, as Zeek and Suricata write them, made a table: a line of CSV for each flow record.
//!
//! Columns are the keys of the beginning, in the order in which they first appear; nested objects have dotted names, lists
//! stay JSON. Keys that first come later are left out, and named. A line about something else than a flow is left out, and
//! counted by its kind: alerts and lookups beside flows are no odd flows. A line that is no JSON object stays, as a record of
//! one field, which the reader finds to be bad.

use super::{MAX_COLUMNS, MAX_RECORD};
use crate::error::{Error, Place, Result};
use crate::report::{count, plural};
use memchr::memchr_iter;
use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of the beginning whose keys become columns.
const HEAD: usize = 1 << 20;
/// A flow record has to come within so many bytes, and a line has to end.
const MAX_HELD: usize = 16 << 20;
/// Keys that a note names.
const NAMED: usize = 5;

/// Keys that tell what a line is about, and what it says where that is a flow: Suricata's EVE, Zeek's streams in one file.
const KINDS: [(&str, &str); 4] = [("event_type", "flow"), ("_path", "conn"), ("@stream", "conn"), ("stream", "conn")];

/// Whether a file that begins so is to be read as JSON lines.
#[must_use]
pub fn begins(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let object = head.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    object.is_some_and(|inside| inside.starts_with(b"\"")) && !head.starts_with(b"{\n") && !head.starts_with(b"{\r")
}

/// Makes a table of lines as they come.
#[derive(Default)]
pub struct JsonLines {
    /// Bytes that have come and not been written: the beginning, and later the last line.
    pending: Vec<u8>,
    /// Of the beginning, what has been looked at for keys.
    scanned: usize,
    columns: FxHashMap<String, usize>,
    names: Vec<String>,
    has_begun: bool,
    lines: u64,
    flows: u64,
    /// Lines about other things, by their kind.
    others: BTreeMap<String, u64>,
    /// Keys that are no columns, and in how many lines they come.
    late: BTreeMap<String, u64>,
    fields: Vec<(String, String)>,
    cells: Vec<String>,
}

/// What a line is.
enum Line {
    Flow,
    /// About something else, or blank.
    Other,
    Bad,
}

impl JsonLines {
    /// Appends what has come as CSV to `out`.
    ///
    /// # Errors
    /// If this is JSON in another form, or has no flow record for too long.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        if !self.has_begun {
            self.scan(false)?;
            if self.pending.len() < HEAD || self.names.is_empty() {
                return self.check_held();
            }
            self.begin(out);
        }
        let end = memchr::memrchr(b'\n', &self.pending).map_or(0, |at| at + 1);
        self.write(end, out);
        self.check_held()
    }

    /// Appends the rest.
    ///
    /// # Errors
    /// If there is no flow record.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.has_begun {
            self.scan(true)?;
            if self.names.is_empty() {
                return Err(self.no_flow());
            }
            self.begin(out);
        }
        self.write(self.pending.len(), out);
        Ok(())
    }

    /// What there is to say about it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec!["Read from JSON lines; the annotated file is a table (CSV)".to_owned()];
        if !self.others.is_empty() {
            let kinds = self.others.iter().map(|(kind, n)| format!("{} {kind}", count(*n)));
            let all = self.others.values().sum::<u64>();
            let words = kinds.collect::<Vec<_>>().join(", ");
            notes.push(format!("{} about something else than a flow left out: {words}", plural(all, "line", "lines")));
        }
        if !self.late.is_empty() {
            let named: Vec<&str> = self.late.keys().take(NAMED).map(String::as_str).collect();
            let more = if self.late.len() > NAMED { " and others" } else { "" };
            let keys = plural(self.late.len() as u64, "key", "keys");
            notes.push(format!("{keys} left out that first come after the beginning: {}{more}", named.join(", ")));
        }
        notes
    }

    fn check_held(&self) -> Result<()> {
        match self.pending.len() > MAX_HELD {
            true if self.has_begun => Err(Error::new("A line is longer than 16 MiB")
                .at(Place { line: Some(self.lines + 1), ..Place::default() })
                .advice("Check that each record is on a line of its own")),
            true => Err(self.no_flow()),
            false => Ok(()),
        }
    }

    fn no_flow(&self) -> Error {
        let kinds: Vec<&str> = self.others.keys().map(String::as_str).collect();
        let of = if kinds.is_empty() { String::new() } else { format!(", only {}", kinds.join(", ")) };
        Error::new(format!("There is no flow record in this JSON{of}"))
            .advice("Choose Zeek's conn.log, or an EVE file in which Suricata writes flow events")
    }

    /// Looks at the lines of the beginning for their keys.
    fn scan(&mut self, at_end: bool) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let whole = if at_end { pending.len() } else { memchr::memrchr(b'\n', &pending).map_or(0, |at| at + 1) };
        let first = self.scanned == 0;
        for (at, line) in lines(&pending[self.scanned.min(whole)..whole]).enumerate() {
            match self.read(line) {
                Line::Bad if first && at == 0 => {
                    return Err(Error::new("This is JSON, but not with one record on each line")
                        .advice("Write it as JSON lines, for example with `jq -c`, or as CSV"));
                }
                Line::Flow if self.names.len() < MAX_COLUMNS => {
                    for (key, _) in &self.fields {
                        if !self.columns.contains_key(key) && self.names.len() < MAX_COLUMNS {
                            self.columns.insert(key.clone(), self.names.len());
                            self.names.push(key.clone());
                        }
                    }
                }
                Line::Other => {
                    self.kind().into_iter().for_each(|kind| *self.others.entry(kind).or_default() += 1);
                }
                _ => {}
            }
        }
        self.scanned = whole.max(self.scanned);
        self.pending = pending;
        Ok(())
    }

    /// Writes the header. From here on the lines are counted, those of the beginning too.
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.has_begun = true;
        self.others.clear();
        self.cells = vec![String::new(); self.names.len()];
        write_record(&self.names, out);
    }

    /// Writes the first bytes that are held.
    fn write(&mut self, end: usize, out: &mut Vec<u8>) {
        let mut pending = std::mem::take(&mut self.pending);
        for line in lines(&pending[..end]) {
            self.lines += 1;
            match self.read(line) {
                Line::Flow => {
                    self.flows += 1;
                    self.cells.iter_mut().for_each(String::clear);
                    for (key, value) in self.fields.drain(..) {
                        match self.columns.get(&key) {
                            Some(&at) => self.cells[at] = value,
                            None => *self.late.entry(key).or_default() += 1,
                        }
                    }
                    write_record(&self.cells, out);
                }
                Line::Other => {
                    self.kind().into_iter().for_each(|kind| *self.others.entry(kind).or_default() += 1);
                }
                Line::Bad => {
                    let text = String::from_utf8_lossy(&line[..line.len().min(MAX_RECORD / 4)]);
                    write_record(&[format!("line {} is no JSON object: {}", self.lines, text.trim())], out);
                }
            }
        }
        pending.drain(..end);
        self.pending = pending;
    }

    /// Takes a line apart into `fields`.
    fn read(&mut self, line: &[u8]) -> Line {
        self.fields.clear();
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Line::Other;
        }
        let mut reader = serde_json::Deserializer::from_slice(line);
        let fields = Fields { name: String::new(), fields: &mut self.fields };
        let read = fields.deserialize(&mut reader).and_then(|()| reader.end());
        if read.is_err() || !line.starts_with(b"{") {
            return Line::Bad;
        }
        if self.kind().is_some() { Line::Other } else { Line::Flow }
    }

    /// What the line in `fields` is about, if that is no flow.
    fn kind(&self) -> Option<String> {
        let told = |key: &str| self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        let (told, flow) = KINDS.iter().find_map(|(key, flow)| told(key).map(|told| (told, flow)))?;
        (told != flow).then(|| told.clone())
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .chain((!bytes.ends_with(b"\n") && !bytes.is_empty()).then_some(bytes.len()));
    ends.scan(0, |start, end| Some(&bytes[std::mem::replace(start, end)..end]))
}

/// A line of CSV after RFC 4180.
fn write_record(cells: &[String], out: &mut Vec<u8>) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let is_plain = !cell.contains(['"', ',', '\n', '\r']) && !cell.starts_with(['#', ' ']) && !cell.ends_with(' ');
        // A record of one empty field would be a blank line.
        if is_plain && !(cell.is_empty() && cells.len() == 1) {
            out.extend_from_slice(cell.as_bytes());
        } else {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        }
    }
    out.push(b'\n');
}

/// Takes a value apart: a name and a text for each scalar in it, in their order. Nothing is kept of what is empty.
struct Fields<'a> {
    name: String,
    fields: &'a mut Vec<(String, String)>,
}

impl Fields<'_> {
    fn put(self, text: String) {
        self.fields.push((self.name, text));
    }
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let name = if self.name.is_empty() { key } else { format!("{}.{key}", self.name) };
            map.next_value_seed(Fields { name, fields: &mut *self.fields })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<serde_json::Value>()? {
            values.push(value);
        }
        let text = serde_json::to_string(&values).map_err(A::Error::custom)?;
        self.put(if values.is_empty() { String::new() } else { text });
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<(), E> {
        self.put(text.to_owned());
        Ok(())
    }

    fn visit_bool<E>(self, is: bool) -> std::result::Result<(), E> {
        self.put(is.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, x: u64) -> std::result::Result<(), E> {
        self.put(x.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, x: i64) -> std::result::Result<(), E> {
        self.put(x.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, x: f64) -> std::result::Result<(), E> {
        self.put(serde_json::Value::from(x).to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        self.put(String::new());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn read(text: &str, push: usize) -> Result<(String, Vec<String>)> {
        let (mut lines, mut out) = (JsonLines::default(), Vec::new());
        for bytes in text.as_bytes().chunks(push) {
            lines.push(bytes, &mut out)?;
        }
        lines.finish(&mut out)?;
        Ok((String::from_utf8(out).unwrap(), lines.notes()))
    }

    fn check(text: &str, expected: &str, notes: &[&str]) {
        for push in [1, 7, usize::MAX] {
            let (table, said) = read(text, push).unwrap();
            assert_eq!(table, expected, "pushes of {push}");
            assert_eq!(said.len(), 1 + notes.len(), "{said:?}");
            for (note, part) in said[1..].iter().zip(notes) {
                assert!(note.replace('\u{a0}', " ").contains(part), "{note}");
            }
        }
    }

    #[test]
    fn lines_become_a_table() {
        check(
            "{\"ts\":1.5,\"id.orig_h\":\"10.0.0.1\",\"local\":true,\"n\":-3}\n{\"ts\": 2, \"id.orig_h\": \"10.0.0.2\", \"new\": \"a,b\"}",
            "ts,id.orig_h,local,n,new\n1.5,10.0.0.1,true,-3,\n2,10.0.0.2,,,\"a,b\"\n",
            &[],
        );
        check(
            "\u{FEFF}{\"a\":{\"b\":{\"c\":1}},\"list\":[1,\"x\"],\"none\":null,\"empty\":[]}\r\n\r\n",
            "a.b.c,list,none,empty\n1,\"[1,\"\"x\"\"]\",,\n",
            &[],
        );
        check("{\"a\":\"say \\\"hi\\\"\\n\",\"b\":\"#1\"}\n", "a,b\n\"say \"\"hi\"\"\n\",\"#1\"\n", &[]);
    }

    #[test]
    fn what_is_no_flow_is_counted_and_what_is_no_json_stays() {
        check(
            "{\"event_type\":\"alert\",\"x\":1}\n{\"event_type\":\"flow\",\"flow\":{\"age\":1}}\n{\"event_type\":\"dns\"}\n{\"event_type\":\"alert\"}\n",
            "event_type,flow.age\nflow,1\n",
            &["3 lines about something else than a flow left out: 2 alert, 1 dns"],
        );
        check("{\"_path\":\"conn\",\"a\":1}\n{\"_path\":\"dns\",\"q\":1}\n", "_path,a\nconn,1\n", &["1 line about"]);
        check(
            "{\"a\":1}\noh, no\n[1]\n",
            "a\n1\n\"line 2 is no JSON object: oh, no\"\nline 3 is no JSON object: [1]\n",
            &[],
        );
    }

    #[test]
    fn keys_that_come_too_late_are_named() {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(999));
        let text = line.repeat(HEAD / line.len() + 1) + "{\"a\":\"1\",\"late\":2}\n";
        let (table, notes) = read(&text, 1 << 16).unwrap();
        assert!(table.ends_with("\n1\n"));
        assert!(notes[1].contains("late"), "{notes:?}");
    }

    #[test]
    fn other_json_is_refused() {
        for (text, expected) in [
            ("{\"a\":\n1}\n", "This is JSON, but not with one record on each line"),
            ("{\"event_type\":\"alert\"}\n", "There is no flow record in this JSON, only alert"),
        ] {
            assert_eq!(read(text, usize::MAX).unwrap_err().what, expected);
        }
        assert!(
            begins(b"{\"a\":1}") && begins(b"\xEF\xBB\xBF { \"a\"") && !begins(b"{\n \"a\"") && !begins(b"[{\"a\"")
        );
    }
}
