//! Several files that are opened as one: whether they belong together. What is no table is left to whoever reads it.

use crate::error::{Error, Result};
use crate::explain::clean;
use crate::ingest::{Decoder, Plan};
use crate::protocol::FileStart;
use crate::store::Store;

/// Bytes of each file that are looked at.
const LOOK_BYTES: u64 = 64 << 10;

/// What the beginning of a file says about it.
struct Look<'a> {
    name: &'a str,
    is_json: bool,
    encoding: &'static str,
    /// `None` if nothing can be said.
    plan: Option<Plan>,
}

/// # Errors
/// If a file has other columns than the first, or is written in another way.
pub(super) fn check(joined: &dyn Store, files: &[FileStart]) -> Result<()> {
    let ends = files.iter().skip(1).map(|next| next.start).chain([joined.size()]);
    let mut looks = files.iter().zip(ends).map(|(file, end)| look(joined, file, end));
    let Some(first) = looks.next().transpose()? else { return Ok(()) };
    looks.try_for_each(|other| compare(&first, &other?))
}

fn look<'a>(joined: &dyn Store, file: &'a FileStart, end: u64) -> Result<Look<'a>> {
    let (mut bytes, mut text, mut decoder) = (Vec::new(), Vec::new(), Decoder::new());
    joined.read(file.start, end.saturating_sub(file.start).min(LOOK_BYTES) as usize, &mut bytes)?;
    let is_read = decoder.push(&bytes, &mut text).is_ok();
    // What was held back, since the file may be short. gzip that was cut is said to end early.
    let _ = decoder.finish(&mut text);
    let plan = if is_read { Plan::new(&text).ok() } else { None };
    Ok(Look { name: &file.name, is_json: decoder.is_json(), encoding: decoder.encoding(), plan })
}

fn compare(first: &Look, other: &Look) -> Result<()> {
    let [a, b] = [first, other].map(|look| clean(look.name));
    let differs = |what: String| {
        Err(Error::new(what)
            .advice("Only files with the same columns are one log: open them one after the other, or compare them"))
    };
    if first.is_json != other.is_json {
        let [is, is_not] = if first.is_json { [a, b] } else { [b, a] };
        return differs(format!("{is} holds JSON lines, {is_not} does not"));
    }
    if let Some(look) = [first, other].into_iter().find(|look| look.encoding != "UTF-8") {
        let what = format!("{} is {}, which cannot be joined with other files", clean(look.name), look.encoding);
        return Err(Error::new(what).advice("Save the files as UTF-8, or open them one after the other"));
    }
    // Each line of JSON names its own columns.
    let (Some(plan), Some(others), false) = (&first.plan, &other.plan, first.is_json) else { return Ok(()) };
    let n = [plan, others].map(|plan| plan.names.len());
    if n[0] != n[1] {
        return differs(format!("{a} has {} columns, {b} has {}", n[0], n[1]));
    }
    match [plan.dialect.has_header, others.dialect.has_header] {
        // What was cut into pieces has a header in the first.
        [true, false] => Ok(()),
        [false, true] => differs(format!("{b} has a header, {a} has none")),
        _ => match plan.names.iter().zip(&others.names).position(|(name, other)| name != other) {
            Some(at) => {
                let [name, other] = [plan, others].map(|plan| clean(&plan.names[at]));
                differs(format!("Column {} is \"{name}\" in {a} and \"{other}\" in {b}", at + 1))
            }
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const FLOWS: &str = "duration,proto,bytes\n0.5,tcp,100\n0.7,udp,90\n";

    fn checked(files: &[&[u8]]) -> std::result::Result<(), String> {
        let (mut all, mut starts) = (Vec::new(), Vec::new());
        for (name, file) in ["a", "b", "c"].into_iter().zip(files) {
            starts.push(FileStart { name: name.into(), start: all.len() as u64 });
            all.extend_from_slice(file);
        }
        check(&all, &starts).map_err(|error| error.what)
    }

    fn gzipped(text: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn files_of_one_log_belong_together() {
        let rest = FLOWS.split_once('\n').unwrap().1;
        let json = [r#"{"a":1,"b":2}"#, r#"{"b":3}"#].map(|line| format!("{line}\n").repeat(3));
        let long = format!("{FLOWS}{}", "0.5,tcp,100\n".repeat(20_000));
        let zipped = gzipped(&long);
        for files in [
            &[FLOWS.as_bytes()][..],
            &[FLOWS.as_bytes(), FLOWS.as_bytes()],
            &[FLOWS.as_bytes(), rest.as_bytes(), rest.as_bytes()],
            &[rest.as_bytes(), rest.as_bytes()],
            &[long.as_bytes(), FLOWS.as_bytes()],
            &[&zipped, &zipped],
            &[json[0].as_bytes(), json[1].as_bytes()],
            // Nothing can be said of what is empty.
            &[FLOWS.as_bytes(), b"", FLOWS.as_bytes()],
        ] {
            assert_eq!(checked(files), Ok(()), "{}", String::from_utf8_lossy(files[files.len() - 1]));
        }
        assert_eq!(checked(&[]), Ok(()));
    }

    #[test]
    fn files_with_other_columns_are_refused() {
        let check = |files: &[&[u8]], expected: &str| assert_eq!(checked(files), Err(expected.to_owned()));
        let turned = "duration,bytes,proto\n0.5,100,tcp\n0.7,90,udp\n";
        let wide = "duration,proto,bytes,state\n0.5,tcp,100,SF\n0.7,udp,90,SF\n";
        let rest = FLOWS.split_once('\n').unwrap().1;
        check(&[FLOWS.as_bytes(), turned.as_bytes()], "Column 2 is \"proto\" in a and \"bytes\" in b");
        check(&[FLOWS.as_bytes(), FLOWS.as_bytes(), wide.as_bytes()], "a has 3 columns, c has 4");
        check(&[&gzipped(FLOWS), &gzipped(turned)], "Column 2 is \"proto\" in a and \"bytes\" in b");
        check(&[rest.as_bytes(), FLOWS.as_bytes()], "b has a header, a has none");
        check(&[FLOWS.as_bytes(), b"{\"a\":1}\n{\"a\":2}\n"], "b holds JSON lines, a does not");
        let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(FLOWS.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        check(&[&wide, &wide], "a is UTF-16LE, which cannot be joined with other files");
    }
}
