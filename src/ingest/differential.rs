//! Ways of reading that must come to the same, on made-up and mutated files: a file in parts and as a whole, record by record
//! and many plain records at a time, and as the `csv` crate reads it.

use super::*;
use crate::error::Result;
use crate::rng::Rng;
use crate::table::Dictionary;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A file that is read in one go.
fn whole(bytes: &[u8]) -> Result<Ingested> {
    let mut reader = Reader::new();
    reader.push(bytes)?;
    reader.finish()
}

/// A file that is read record by record.
fn careful(bytes: &[u8]) -> Result<Ingested> {
    let plan = Plan::new(bytes)?;
    let mut reader = PartReader::careful(&plan);
    reader.push(&bytes[plan.skip as usize..])?;
    plan.finish(reader.finish()?)
}

/// The part from `start` to `end`, pushed in pieces of `chunk` bytes.
fn part(bytes: &[u8], plan: &Plan, start: Start, end: u64, chunk: usize) -> Result<Part> {
    let mut reader = PartReader::new(plan, start, end);
    for bytes in bytes[start.offset as usize..].chunks(chunk) {
        if reader.is_done() {
            break;
        }
        reader.push(bytes)?;
    }
    reader.finish()
}

/// A file that is cut near the places `cuts`, and how many of its parts had to be read again.
fn in_parts(bytes: &[u8], cuts: &[usize], chunk: usize) -> Result<(Ingested, usize)> {
    let plan = Plan::new(bytes)?;
    let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    let guess = |cut: &usize| Some(cut + guess_start(&bytes[*cut..], &plan)?);
    let mut starts: Vec<Start> = cuts.iter().filter_map(guess).map(|at| Start::at(at as u64)).collect();
    starts.retain(|start| start.offset > plan.start().offset);
    starts.insert(0, plan.start());
    starts.sort_by_key(|start| start.offset);
    let (mut all, mut again) = (plan.begin(), 0);
    for (at, &start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).map_or(u64::MAX, |next| next.offset);
        let mut next = part(bytes, &plan, start, end, chunk)?;
        if next.start != all.end {
            next = part(bytes, &plan, all.end, end, chunk)?;
            again += 1;
        }
        all.append(next)?;
    }
    plan.finish(all).map(|file| (file, again))
}

/// Everything there is to compare, as bits and texts.
fn seen(file: &Result<Ingested>) -> impl PartialEq + std::fmt::Debug + use<> {
    let file = file.as_ref().map_err(ToString::to_string)?;
    let column = |column: &Column| {
        let texts: Vec<String> = column.dictionary.iter().map(ToOwned::to_owned).collect();
        let cells: Vec<u64> = column.cells.iter().map(|cell| cell.to_bits()).collect();
        (column.name.clone(), column.notation, cells, texts, column.dictionary.overflowed)
    };
    let Ingested { table, facts, dialect, detected } = file;
    let columns: Vec<_> = table.columns.iter().map(column).collect();
    Ok::<_, String>((columns, table.spans.clone(), table.bad.clone(), facts.clone(), dialect.clone(), *detected))
}

/// A table in some dialect, with cells of all kinds.
fn generate(rng: &mut Rng, rows: u32) -> Vec<u8> {
    let pick = |rng: &mut Rng, of: &[&'static str]| of[rng.below(of.len() as u32) as usize];
    let delimiter = pick(rng, &[",", ",", ";", "\t", "|", " "]);
    let line_end = pick(rng, &["\n", "\n", "\r\n", "\r"]);
    let quotes = rng.below(4);
    let kinds: Vec<u32> = (0..2 + rng.below(7)).map(|_| rng.below(8)).collect();
    let mut out = Vec::new();
    if rng.below(8) > 0 {
        let names: Vec<String> = (0..kinds.len()).map(|at| format!("name{at}")).collect();
        out.extend_from_slice((names.join(delimiter) + line_end).as_bytes());
    }
    for _ in 0..rows {
        for (at, kind) in kinds.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(delimiter.as_bytes());
            }
            let digits = rng.next_u64() >> rng.below(64);
            let cell =
                match kind {
                    0 => rng.below(2).to_string(),
                    1 => digits.to_string(),
                    2 => format!("{:.*}", rng.below(9) as usize, digits as f64 / 1e6),
                    3 => pick(rng, &["tcp", "udp", "icmp", "a longer text than most", "HTTP/1.1", "Web Attack – XSS"])
                        .into(),
                    4 => format!("10.{}.{}.{}", rng.below(3), rng.below(256), rng.below(256)),
                    5 => format!("-{}e{}", rng.below(100), rng.below(5)),
                    6 => pick(rng, &["", "-", "?", "NaN", "inf", "0x0035", "1.307.668.672", " 7 ", "1,5", ".", "+5"])
                        .into(),
                    _ => format!("C{:x}", rng.below(5000)),
                };
            if quotes == 0 && rng.below(3) == 0 || quotes == 1 && rng.below(40) == 0 {
                let more = pick(rng, &["", "", "\"\"", "\n", "\r\n", ",", ";"]);
                out.extend_from_slice(format!("\"{cell}{more}\"").as_bytes());
            } else {
                out.extend_from_slice(cell.as_bytes());
            }
        }
        out.extend_from_slice(line_end.as_bytes());
    }
    out
}

/// Breaks a file here and there.
fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.below(5) {
        let at = rng.below(bytes.len() as u32 + 1) as usize;
        let to = bytes.len().min(at + rng.below(40) as usize);
        match rng.below(4) {
            0 => drop(bytes.drain(at..to)),
            1 => bytes.truncate(bytes.len() - bytes.len() / 8 * rng.below(2) as usize),
            2 => bytes.splice(at..at, bytes[at..to].to_vec()).for_each(drop),
            _ => {
                let some = b"\"\"\"\n\r\0,; #'\xE9\xFF\t|";
                bytes.insert(at, some[rng.below(some.len() as u32) as usize]);
            }
        }
    }
}

#[test]
fn many_at_a_time_or_one_by_one() {
    let mut rng = Rng::new(46);
    for round in 0..800 {
        let rows = if round % 50 == 0 { 3000 } else { rng.below(60) + 1 };
        let mut bytes = generate(&mut rng, rows);
        mutate(&mut rng, &mut bytes);
        let expected = seen(&careful(&bytes));
        assert!(seen(&whole(&bytes)) == expected, "round {round}");
        let chunk = [1, 50, 4096, 70_000][rng.below(4) as usize];
        let mut reader = Reader::new();
        let pushed: Result<()> = bytes.chunks(chunk).try_for_each(|bytes| reader.push(bytes));
        assert!(seen(&pushed.and_then(|()| reader.finish())) == expected, "round {round}, {chunk} bytes at a time");
    }
}

#[test]
fn parts_make_the_whole() {
    let mut rng = Rng::new(47);
    let mut again = 0;
    for round in 0..600 {
        let rows = if round % 50 == 0 { 3000 } else { rng.below(60) + 1 };
        let mut bytes = generate(&mut rng, rows);
        mutate(&mut rng, &mut bytes);
        let n_cuts = rng.below(6);
        let cuts: Vec<usize> = (0..n_cuts).map(|_| rng.below(bytes.len() as u32 + 1) as usize).collect();
        let chunk = [7, 100, 4096, 1 << 17][rng.below(4) as usize];
        let parts = in_parts(&bytes, &cuts, chunk);
        again += parts.as_ref().map_or(0, |(_, again)| *again);
        assert!(seen(&parts.map(|(file, _)| file)) == seen(&whole(&bytes)), "round {round}");
    }
    // Guesses within quotes and below stray quotes were among them.
    assert!(again > 20, "{again} parts were read again");
}

#[test]
fn dictionaries_are_full_at_the_same_text() {
    let mut bytes = b"name,x\n".to_vec();
    for row in 0..Dictionary::MAX_TEXTS + 5000 {
        bytes.extend_from_slice(format!("t{row},1\nt{},2\n", row / 9).as_bytes());
    }
    // One that the table knows, but not the last part, and one that nobody knows.
    bytes.extend_from_slice(b"t3,1\nt70001,1\n");
    let cuts: Vec<usize> = (1..3).map(|part| bytes.len() / 3 * part).collect();
    let file = whole(&bytes);
    let column = &file.as_ref().unwrap().table.columns[0];
    let last: Vec<Cell> = column.cells.iter().rev().take(2).collect();
    assert_eq!(last, [Cell::UNKEPT_TEXT, Cell::text(3)]);
    let parts = in_parts(&bytes, &cuts, usize::MAX).map(|(file, _)| file);
    assert!(seen(&parts) == seen(&file));
}

/// Files beyond the size of the beginning that is sniffed, with something unusual here and there.
#[test]
fn large_files() {
    let mut rng = Rng::new(48);
    for unusual in [
        "",
        "#1,2,3\n",
        "a,b,c\n",
        "1,2\n",
        "\n",
        "1,\"2\n\n\",3\r\n",
        "1,\"2,3\n",
        "1,2,3\r\n",
        " ,-,\t\n",
        "é,\"\",\n",
    ] {
        let mut bytes = b"a,b,c\n".to_vec();
        while bytes.len() < 3 << 19 {
            let x = rng.below(1 << 20);
            bytes.extend_from_slice(format!("{x},{}.{},host{}\n", x % 9, x >> 8, x % 1000).as_bytes());
            if x < 1000 {
                bytes.extend_from_slice(unusual.as_bytes());
            }
        }
        let long = format!("{},2,3\n", "9".repeat([0, 20, 70_000, 2 << 20][rng.below(4) as usize]));
        bytes.extend_from_slice(long.as_bytes());
        bytes.extend_from_slice(b"7,8,9");
        let expected = seen(&careful(&bytes));
        assert!(seen(&whole(&bytes)) == expected, "{unusual:?}");
        let cuts: Vec<usize> = (0..3).map(|_| rng.below(bytes.len() as u32) as usize).collect();
        assert!(seen(&in_parts(&bytes, &cuts, 100_000).map(|(file, _)| file)) == expected, "{unusual:?} in parts");
    }
}

/// Where nothing is broken, fields are those of the `csv` crate.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn cells_are_those_of_the_csv_crate() {
    let mut rng = Rng::new(45);
    let mut compared = 0;
    for round in 0..300 {
        let bytes = generate(&mut rng, 100);
        let Ok(file) = whole(&bytes) else { continue };
        let Dialect { delimiter, has_header, line_end, quote, .. } = file.dialect;
        let lone_cr = bytes.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n');
        if delimiter == b' ' || lone_cr || line_end == LineEnd::Cr || quote != Some(b'"') {
            continue;
        }
        let mut peer = csv::ReaderBuilder::new();
        let peer = peer.delimiter(delimiter).has_headers(has_header).flexible(true).from_reader(bytes.as_slice());
        let records: Vec<csv::ByteRecord> = peer.into_byte_records().map(|record| record.unwrap()).collect();
        let records: Vec<_> = records
            .into_iter()
            .filter(|record| record.iter().any(|field| !field.trim_ascii().is_empty() || record.len() > 1))
            .collect();
        // Records of several lines with a wrong number of fields are read as lines with stray quotes.
        let is_stray = |record: &csv::ByteRecord| {
            record.len() != file.table.columns.len() && record.iter().any(|field| field.contains(&b'\n'))
        };
        if records.iter().any(is_stray) {
            continue;
        }
        assert_eq!(file.table.n_rows(), records.len(), "round {round}");
        let plan = Plan::new(&bytes).unwrap();
        for (row, record) in records.iter().enumerate() {
            if record.len() != file.table.columns.len() {
                assert!(file.table.bad_record(row as u32).is_some(), "round {round}, row {row}");
                continue;
            }
            for ((column, field), rule) in file.table.columns.iter().zip(record).zip(&plan.rules) {
                let expected = match rule.parse(number::trim(field)) {
                    number::Parsed::Number(x) | number::Parsed::Dotted(x) => Cell::number(x),
                    number::Parsed::Missing => Cell::MISSING,
                    number::Parsed::Text => {
                        Cell::text(column.dictionary.find(&dialect::text_of(number::trim(field))).unwrap())
                    }
                };
                assert_eq!(column.cells.at(row).to_bits(), expected.to_bits(), "round {round}, row {row}: {field:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 50_000, "{compared} cells were compared");
}

/// Stray quotes swallow no records, wherever the file is cut.
#[test]
fn stray_quotes_are_found_by_what_follows_them() {
    let rows = 6000;
    for (stray, is_stray) in [("\"stray", true), ("\"", true), ("\"a \"\"b\"\"", true), ("\"fine\"", false)] {
        let mut bytes = b"a,b,c\n".to_vec();
        for row in 0..rows {
            let last = if row % 100 == 50 { stray } else { "text" };
            bytes.extend_from_slice(format!("{row},{},{last}\n", row % 7).as_bytes());
        }
        let file = whole(&bytes);
        let cuts = [bytes.len() / 3, bytes.len() / 2, bytes.len() / 7 * 6];
        for chunk in [37, 5000] {
            let parts = in_parts(&bytes, &cuts, chunk).map(|(file, _)| file);
            assert!(seen(&parts) == seen(&file), "{stray}");
        }
        let file = file.unwrap();
        assert_eq!(
            (file.table.n_rows(), file.table.bad.len()),
            (rows, if is_stray { rows / 100 } else { 0 }),
            "{stray}"
        );
        assert_eq!(file.facts.warnings.iter().any(|warning| warning.contains("60 stray quotes")), is_stray, "{stray}");
    }
}

#[test]
fn texts_of_several_lines_are_kept() {
    let check = |text: &str, n_rows: usize, n_bad: usize| {
        let table = whole(text.as_bytes()).unwrap().table;
        assert_eq!((table.n_rows(), table.bad.len()), (n_rows, n_bad), "{text:?}");
    };
    check("a,b,c\n1,2,\"two\nlines\"\n3,4,5\n", 2, 0);
    check("a,b,c\n1,\"one, two\nthree, four\n\nfive\",2\r\n3,4,5\n", 2, 0);
    check("a,b\n1,\"x, y\nz, w\"\n3,4\n", 2, 0);
    check("a,b,c\n\"two\nlines\",1,\"two\nlines\"\n3,4,5\n", 2, 0);
    check("a,b,c\n1,2,\"two\nlines\"", 1, 0);
    // Closed only by the next stray quote, within a record, with nothing before it, and at the end of the file.
    check("a,b,c\n1,2,\"x\n3,4,\"x\n5,6,7\n", 3, 2);
    check("a,b,c\n1,\"x,2\n3,4,5\n6,\"x,7\n8,9,0\n", 4, 2);
    check("a,b,c\n1,2,\"\n3,4,\"\n5,6,7\n", 3, 2);
    check("a,b,c\n1,2,\"\n3,4,5\n6,7,\"", 3, 2);
}

#[test]
fn a_part_stops_by_itself() {
    let bytes = b"a,b\n1,2\n3,\"4\n5\"\n6,7\n8,9\n";
    let plan = Plan::new(bytes).unwrap();
    for (start, end, rows, lines, ends_at) in [
        (4, 4, 0, 0, 4),
        (4, 5, 1, 1, 8),
        (4, 8, 1, 1, 8),
        // The record that starts before the end is read to its own end.
        (4, 9, 2, 3, 16),
        (4, 13, 2, 3, 16),
        (4, 17, 3, 4, 20),
        (4, u64::MAX, 4, 5, 24),
        // A guess within quotes reads what is no record, and the part before it shows that by its end.
        (13, 16, 1, 1, 16),
        (16, u64::MAX, 2, 2, 24),
    ] {
        let mut reader = PartReader::new(&plan, Start::at(start), end);
        for byte in &bytes[start as usize..] {
            if !reader.is_done() {
                reader.push(&[*byte]).unwrap();
            }
        }
        let part = reader.finish().unwrap();
        let found = (part.tally.rows, part.tally.lines, part.end);
        assert_eq!(found, (rows, lines, Start::at(ends_at)), "{start}..{end}");
    }
    assert_eq!(guess_start(b"2\n3", &plan), Some(2));
    assert_eq!(guess_start(b"23", &plan), None);
}
