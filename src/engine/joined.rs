//! Several files that are opened as one: whether the others go with the first. The records of all are read by the plan that its
//! beginning gives, so other columns would be read into the wrong ones.

use crate::error::{Error, Result};
use crate::explain::clean;
use crate::ingest::{Decoder, Plan, text_of};
use crate::protocol::FileStart;
use crate::report::plural;
use crate::store::Store;
use std::collections::VecDeque;
use std::rc::Rc;

/// Bytes of each file that are looked at, and lines in them.
const LOOK_BYTES: u64 = 64 << 10;
const LOOK_LINES: usize = 10;

/// See above.
pub(super) struct Joined {
    /// All files in a row, as they are stored.
    store: Rc<dyn Store>,
    first: FileStart,
    form: Form,
    /// Of the first file by itself, unless nothing can be said of it.
    plan: Option<Plan>,
    /// Those that have not been looked at, and where they end.
    left: VecDeque<(FileStart, u64)>,
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq)]
struct Form {
    compression: Option<&'static str>,
    encoding: &'static str,
    is_json: bool,
}

impl Form {
    fn of(decoder: &Decoder) -> Self {
        Self { compression: decoder.compression(), encoding: decoder.encoding(), is_json: decoder.is_json() }
    }
}

impl Joined {
    /// `decoder` has decoded the first file. `None` if there is no other.
    pub fn new(files: Vec<FileStart>, store: Rc<dyn Store>, decoder: &Decoder) -> Option<Self> {
        let ends: Vec<u64> = files.iter().skip(1).map(|next| next.start).chain([store.size()]).collect();
        let mut left: VecDeque<(FileStart, u64)> = files.into_iter().zip(ends).collect();
        let (first, end) = left.pop_front().filter(|_| !left.is_empty())?;
        let plan = look(&*store, &first, end).and_then(|(_, text)| Plan::new(&text)).ok();
        Some(Self { store, first, form: Form::of(decoder), plan, left })
    }

    /// Looks at the next file; `false` if there is none. `plan` is that of all.
    ///
    /// # Errors
    /// If it does not go with the first.
    pub fn step(&mut self, plan: &Plan) -> Result<bool> {
        let Some((file, end)) = self.left.pop_front() else { return Ok(false) };
        let (form, text) = look(&*self.store, &file, end)?;
        if !text.trim_ascii().is_empty() {
            let name = clean(&file.name);
            self.compare_forms(&name, form)?;
            // Each line of JSON names its own columns.
            if !form.is_json {
                self.compare_columns(&name, &text, self.plan.as_ref().unwrap_or(plan))?;
            }
        }
        Ok(true)
    }

    fn compare_forms(&self, name: &str, form: Form) -> Result<()> {
        let first = clean(&self.first.name);
        let pair = |is_first: bool| if is_first { [&*first, name] } else { [name, &*first] };
        let advice = "Choose files of one kind, or open them one after the other";
        let differ = |[is, is_not]: [&str; 2], what: &str| {
            Err(Error::new(format!("{is} {what}, {is_not} does not")).advice(advice))
        };
        if form.compression != self.form.compression {
            return differ(pair(self.form.compression.is_some()), "holds gzip data");
        }
        if form.is_json != self.form.is_json {
            return differ(pair(self.form.is_json), "holds JSON lines");
        }
        if let Some((name, form)) =
            [(&*first, self.form), (name, form)].into_iter().find(|(_, form)| form.encoding != "UTF-8")
        {
            let what = format!("{name} is {}, which cannot be joined with other files", form.encoding);
            return Err(Error::new(what).advice("Save the files as UTF-8, or open them one after the other"));
        }
        Ok(())
    }

    fn compare_columns(&self, name: &str, text: &[u8], plan: &Plan) -> Result<()> {
        let first = clean(&self.first.name);
        let differ = |what: String| {
            let advice = "Only files with the same columns are one log: open them one after the other, or compare them";
            Err(Error::new(what).advice(advice))
        };
        // As the reader will cut them.
        let lines = text.split(|&byte| byte == plan.dialect.line_end.byte()).map(<[u8]>::trim_ascii);
        let records = lines.filter(|line| !line.is_empty() && !plan.dialect.is_comment(line));
        let mut records = records.take(LOOK_LINES).map(|line| plan.dialect.fields(line));
        let Some(begin) = records.next() else { return Ok(()) };
        let begin: Vec<String> = begin
            .iter()
            .map(|field| field.trim_start_matches('\u{FEFF}').trim().trim_matches('"').to_owned())
            .collect();
        let headed = |plan: &Plan| plan.dialect.has_header;
        let other = Plan::new(text).ok().filter(headed);
        let names = other.as_ref().filter(|other| other.dialect.delimiter == plan.dialect.delimiter).map(header_of);
        // A Zeek log names its columns before the first line that is none of its comments.
        if let Some(names) = names.as_ref().filter(|names| headed(plan) && **names != begin) {
            return first_difference(&first, &header_of(plan), name, names).map_or(Ok(()), differ);
        }
        let n = plan.names.len();
        if begin.len() != n {
            // A piece of a file may begin within a record.
            if records.any(|fields| fields.len() == n) {
                return Ok(());
            }
            return differ(counts(&first, n, name, begin.len()));
        }
        match (headed(plan), names) {
            (true, Some(_)) => first_difference(&first, &header_of(plan), name, &begin).map_or(Ok(()), differ),
            (false, Some(_)) => differ(format!("{name} has a header, {first} has none")),
            // What was cut into pieces has a header in the first.
            (_, None) => Ok(()),
        }
    }
}

/// How a file is written, and the text at its beginning, in whole lines.
///
/// # Errors
/// If it is no text.
fn look(joined: &dyn Store, file: &FileStart, end: u64) -> Result<(Form, Vec<u8>)> {
    let (mut bytes, mut text, mut decoder) = (Vec::new(), Vec::new(), Decoder::new());
    let len = end.saturating_sub(file.start);
    joined.read(file.start, len.min(LOOK_BYTES) as usize, &mut bytes)?;
    let of_file = |error: Error| Error { what: format!("{}: {}", clean(&file.name), error.what), ..error };
    decoder.push(&bytes, &mut text).map_err(of_file)?;
    match decoder.finish(&mut text) {
        // gzip that was cut for the look is said to end early.
        Err(error) if decoder.compression().is_none() && !bytes.is_empty() => return Err(of_file(error)),
        _ => {}
    }
    if len > LOOK_BYTES {
        text.truncate(memchr::memrchr2(b'\n', b'\r', &text).map_or(0, |end| end + 1));
    }
    Ok((Form::of(&decoder), text))
}

/// The names of the columns as they stand in the file.
fn header_of(plan: &Plan) -> Vec<String> {
    let fields = (0..plan.names.len()).map_while(|at| plan.header_field(at));
    fields.map(|field| text_of(field).trim().to_owned()).collect()
}

/// Of the columns of two files that are called so, in words.
fn first_difference(first: &str, names: &[String], second: &str, others: &[String]) -> Option<String> {
    if names.len() != others.len() {
        return Some(counts(first, names.len(), second, others.len()));
    }
    let at = names.iter().zip(others).position(|(name, other)| name != other)?;
    let [name, other] = [names, others].map(|names| clean(&names[at]));
    Some(format!("Column {} is \"{name}\" in {first} and \"{other}\" in {second}", at + 1))
}

fn counts(first: &str, n: usize, second: &str, others: usize) -> String {
    let columns = |n: usize| plural(n as u64, "column", "columns").replace('\u{a0}', " ");
    format!("{first} has {}, {second} has {}", columns(n), columns(others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const FLOWS: &str = "duration,proto,bytes\n0.5,tcp,100\n0.7,udp,90\n";
    const ZEEK: &str = "#separator \\x09\n#fields\tts\tproto\torig_bytes\n1.5\ttcp\t100\n2.5\tudp\t90\n";

    fn checked(files: &[&[u8]]) -> std::result::Result<(), String> {
        let (mut all, mut starts) = (Vec::new(), Vec::new());
        for (name, file) in ["a", "b", "c"].into_iter().zip(files) {
            starts.push(FileStart { name: name.into(), start: all.len() as u64 });
            all.extend_from_slice(file);
        }
        let decode = |bytes: &[u8]| {
            let (mut decoder, mut decoded) = (Decoder::new(), Vec::new());
            let _ = decoder.push(bytes, &mut decoded).and_then(|()| decoder.finish(&mut decoded));
            (decoder, decoded)
        };
        // The plan is that of the beginning, which more than one file may be in.
        let (decoder, _) = decode(files.iter().find(|file| !file.is_empty()).unwrap());
        let plan = Plan::new(&decode(&all).1).unwrap();
        let Some(mut joined) = Joined::new(starts, Rc::new(all), &decoder) else { return Ok(()) };
        while joined.step(&plan).map_err(|error| error.what)? {}
        Ok(())
    }

    fn gzipped(text: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn files_of_one_log_belong_together() {
        let (header, rest) = FLOWS.split_once('\n').unwrap();
        let header = format!("{header}\n");
        let json = [r#"{"a":1,"b":2}"#, r#"{"b":3}"#].map(|line| format!("{line}\n").repeat(3));
        let long = format!("{FLOWS}{}", "0.5,tcp,100\n".repeat(20_000));
        let zipped = [gzipped(&long), gzipped("")];
        let marked = format!("\u{feff}{}", FLOWS.replace('\n', "\r\n"));
        let quoted = format!("\u{feff}\"duration\",proto,bytes\n{rest}");
        let growing = format!("{FLOWS}0.5,tc");
        let wide = format!("{FLOWS}0.5,{},100\n", "x".repeat(100_000));
        for files in [
            &[FLOWS.as_bytes()][..],
            &[FLOWS.as_bytes(), FLOWS.as_bytes()],
            &[FLOWS.as_bytes(), rest.as_bytes(), rest.as_bytes()],
            &[rest.as_bytes(), rest.as_bytes()],
            &[long.as_bytes(), FLOWS.as_bytes()],
            &[FLOWS.as_bytes(), wide.as_bytes(), long.as_bytes()],
            &[&zipped[0], &zipped[0], &zipped[1]],
            &[json[0].as_bytes(), json[1].as_bytes(), b"\n"],
            &[ZEEK.as_bytes(), ZEEK.as_bytes()],
            // Of a spreadsheet, and still being written.
            &[FLOWS.as_bytes(), marked.as_bytes(), growing.as_bytes()],
            // Nothing can be said of what is empty.
            &[FLOWS.as_bytes(), b"", FLOWS.as_bytes()],
            &[b"", FLOWS.as_bytes(), b" \n"],
            &[FLOWS.as_bytes(), quoted.as_bytes()],
            // An hour without a flow.
            &[header.as_bytes(), FLOWS.as_bytes()],
            &[FLOWS.as_bytes(), header.as_bytes()],
            // What was cut without regard for its records.
            &[FLOWS.as_bytes(), b"cp,100\n0.7,udp,90\n"],
        ] {
            assert_eq!(checked(files), Ok(()), "{}", String::from_utf8_lossy(files[files.len() - 1]));
        }
    }

    #[test]
    fn files_that_do_not_go_together_are_refused() {
        let check = |files: &[&[u8]], expected: &str| assert_eq!(checked(files), Err(expected.to_owned()));
        let (header, rest) = FLOWS.split_once('\n').unwrap();
        let header = format!("{header}\n");
        let turned = "duration,bytes,proto\n0.5,100,tcp\n0.7,90,udp\n";
        let wide = "duration,proto,bytes,state\n0.5,tcp,100,SF\n0.7,udp,90,SF\n";
        check(&[FLOWS.as_bytes(), turned.as_bytes()], "Column 2 is \"proto\" in a and \"bytes\" in b");
        check(&[header.as_bytes(), turned.as_bytes()], "Column 2 is \"proto\" in a and \"bytes\" in b");
        check(&[FLOWS.as_bytes(), FLOWS.as_bytes(), wide.as_bytes()], "a has 3 columns, c has 4 columns");
        check(&[FLOWS.as_bytes(), FLOWS.replace(',', ";").as_bytes()], "a has 3 columns, b has 1 column");
        check(&[&gzipped(FLOWS), &gzipped(turned)], "Column 2 is \"proto\" in a and \"bytes\" in b");
        check(&[rest.as_bytes(), FLOWS.as_bytes()], "b has a header, a has none");
        check(&[FLOWS.as_bytes(), b"{\"a\":1}\n{\"a\":2}\n"], "b holds JSON lines, a does not");
        check(&[&gzipped(FLOWS), FLOWS.as_bytes()], "a holds gzip data, b does not");
        let zeek = ZEEK.replace("orig_bytes", "resp_bytes");
        check(&[ZEEK.as_bytes(), zeek.as_bytes()], "Column 3 is \"orig_bytes\" in a and \"resp_bytes\" in b");
        let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(FLOWS.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        check(&[&wide, &wide], "a is UTF-16LE, which cannot be joined with other files");
        let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[0; 600]].concat();
        let long = FLOWS.repeat(100);
        assert!(checked(&[long.as_bytes(), &picture]).unwrap_err().starts_with("b: "));
    }
}
