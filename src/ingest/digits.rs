//! Decimal numbers, eight digits at a time: eight bytes are one integer, and three multiplications make their value of it
//! (Lemire 2021, "Number parsing at a gigabyte per second", section 5).
//!
//! The same numbers as [`CellRule::parse_fast`](super::number::CellRule::parse_fast) reads, for bytes within a longer text,
//! of which whole words can be loaded. What it does not read may still be a number.

use super::number::{MAX_EXACT, POWERS};

/// The digits in the bytes `start .. end` of `text`, and how many of them are decimals, if they are up to eight bytes with at most
/// one `mark`, and eight bytes of text follow their start.
#[inline]
#[must_use]
pub fn short(text: &[u8], start: usize, end: usize, mark: u8) -> Option<(u32, u8)> {
    let len = end - start;
    let digits = padded(word(text, start)?, len);
    if !(1..=WORD).contains(&len) {
        return None;
    }
    let others = not_digits(digits);
    if others == 0 {
        return Some((value(digits) as u32, 0));
    }
    let at = others.trailing_zeros() & !7;
    let is_mark = (digits >> at) as u8 == mark ^ b'0';
    if others & (others - 1) != 0 || !is_mark || len == 1 {
        return None;
    }
    // The digits before the mark close up to those behind it.
    let behind = digits & (u64::MAX << at << 8);
    let before = digits & !(u64::MAX << at);
    Some((value(behind | before << 8) as u32, (7 - at / 8) as u8))
}

/// The number in the bytes `start .. end` of `text`, if they are up to 18 digits with at most one `mark` and a minus before
/// them, and eight bytes of text follow the start of any of its words.
#[inline]
#[must_use]
pub fn decimal(text: &[u8], start: usize, end: usize, mark: u8) -> Option<f64> {
    let len = end - start;
    match len {
        1..=8 => match short(text, start, end, mark) {
            Some((digits, decimals)) => Some(f64::from(digits as i32) / POWERS[usize::from(decimals)]),
            None if text[start] == b'-' => negative(text, start, end, mark),
            None => None,
        },
        _ => long(text, start, end, mark),
    }
}

#[cold]
fn negative(text: &[u8], start: usize, end: usize, mark: u8) -> Option<f64> {
    if text[start + 1..end].first() == Some(&b'-') {
        return None;
    }
    decimal(text, start + 1, end, mark).map(|x| -x)
}

/// Nine bytes or more.
#[inline(never)]
fn long(text: &[u8], start: usize, end: usize, mark: u8) -> Option<f64> {
    let len = end - start;
    if !(9..=19).contains(&len) {
        return None;
    }
    let first = not_digits(word(text, start)? ^ ZEROS);
    let second = not_digits(word(text, start + 8)? ^ ZEROS);
    let at = match () {
        () if first != 0 => first.trailing_zeros() as usize / 8,
        () if second != 0 => 8 + second.trailing_zeros() as usize / 8,
        () => 16,
    };
    if at == 0 && text[start] == b'-' {
        return negative(text, start, end, mark);
    }
    if len > 18 {
        return None;
    }
    let (integer, decimals) = if at >= len {
        (sixteen(text, start, len)?, 0)
    } else if text[start + at] == mark {
        let decimals = len - at - 1;
        (sixteen(text, start, at)? * TENS[decimals] + sixteen(text, start + at + 1, decimals)?, decimals)
    } else {
        return None;
    };
    (integer <= MAX_EXACT).then(|| integer as f64 / POWERS[decimals])
}

/// The value of up to 16 digits.
#[inline]
fn sixteen(text: &[u8], start: usize, len: usize) -> Option<u64> {
    match len {
        0 => Some(0),
        1..=8 => eight(padded(word(text, start)?, len)),
        9..=16 => {
            let high = eight(padded(word(text, start)?, len - WORD))?;
            let low = eight(padded(word(text, start + len - WORD)?, WORD))?;
            Some(high * 100_000_000 + low)
        }
        _ => None,
    }
}

#[inline]
fn eight(digits: u64) -> Option<u64> {
    (not_digits(digits) == 0).then(|| value(digits))
}

/// Bytes that are read at a time.
pub const WORD: usize = size_of::<u64>();

/// The first `len` bytes of a word, 1 to 8 of them, behind zeros; digits become their values. Of any other length, nothing of use.
#[inline]
#[must_use]
pub fn padded(word: u64, len: usize) -> u64 {
    (word ^ ZEROS).wrapping_shl((len as u32).wrapping_mul(8).wrapping_neg())
}

const ZEROS: u64 = u64::from_le_bytes([b'0'; WORD]);

/// Eight bytes.
#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    let bytes = text.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// The highest bit of each byte that is above nine; where it is more than one byte, perhaps of a nine behind it, too.
#[inline]
fn not_digits(digits: u64) -> u64 {
    (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080
}

/// The value of eight digits, the first of which is the lowest byte.
#[inline]
fn value(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & PAIRS).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

const TENS: [u64; 18] = {
    let mut tens = [1; 18];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

#[cfg(test)]
mod tests {
    use super::super::number::CellRule;
    use super::*;
    use crate::rng::Rng;
    use crate::table::Notation;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The number within other bytes, against the one that is read byte by byte; whether it was read.
    fn check(cell: &[u8], rule: CellRule, mark: u8) -> bool {
        let text = [b",x", cell, b",5.25,1234567890123456789"].concat();
        let found = decimal(&text, 2, 2 + cell.len(), mark);
        let expected = rule.parse_fast(cell);
        let same = found.is_none() || found.map(f64::to_bits) == expected.map(f64::to_bits);
        assert!(same, "{:?}: {found:?}, expected {expected:?}", String::from_utf8_lossy(cell));
        found.is_some()
    }

    #[test]
    fn the_same_numbers_as_byte_by_byte() {
        let mut rng = Rng::new(49);
        let mut read = [0, 0];
        for round in 0..400_000 {
            let comma = round % 5 == 0;
            let (notation, mark) = if comma { (Notation::Comma, b',') } else { (Notation::Point, b'.') };
            let mut cell: Vec<u8> = (0..rng.below(21)).map(|_| b'0' + rng.below(10) as u8).collect();
            for _ in 0..rng.below(3) {
                let at = rng.below(cell.len() as u32 + 1) as usize;
                cell.insert(at, mark);
            }
            if rng.below(4) == 0 {
                cell.insert(0, b'-');
            }
            if rng.below(8) == 0 && !cell.is_empty() {
                let at = rng.below(cell.len() as u32) as usize;
                cell[at] = rng.below(256) as u8;
            }
            read[usize::from(check(&cell, CellRule { notation, ..CellRule::default() }, mark))] += 1;
        }
        assert!(read[0] > 50_000 && read[1] > 50_000, "{read:?}");
    }

    #[test]
    fn edges() {
        for cell in [
            "",
            "-",
            ".",
            "-.",
            "--5",
            "-0",
            "0.",
            ".0",
            "5-",
            "9007199254740992",
            "9007199254740993",
            "0.9007199254740993",
            "99999999",
            "999999999",
            "1424219007.123456",
            "1.5.5",
            "12345678.",
            ".12345678",
            "9.\u{e9}",
            "1,5",
            "-123456789",
            "00000000000000001",
            "000000000000000001",
            "-000000000000000001",
            "0000000000000000001",
        ] {
            check(cell.as_bytes(), CellRule::default(), b'.');
        }
        // Where no whole word can be loaded, there is none.
        assert_eq!(decimal(b"1,2,3", 0, 1, b'.'), None);
    }
}
