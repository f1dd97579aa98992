//! What one cell says: a number, nothing, or text.
//!
//! Numbers are read exactly, as the standard library would read them. Hexadecimal digits are numbers only where the column
//! asks for them, and digits grouped by dots only where the column holds numbers: `192.168.100.103` is an address elsewhere.

use crate::table::{Column, Notation};
use serde::{Deserialize, Serialize};

/// How the cells of one column are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRule {
    pub notation: Notation,
    /// `1.307.668.672` is a number.
    pub dotted: bool,
    /// `0x0008` is a number.
    pub hex: bool,
}

/// The meaning of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parsed {
    Number(f64),
    /// A number with several dots in it, which a spreadsheet may have put there.
    Dotted(f64),
    Missing,
    Text,
}

impl CellRule {
    /// The rule for more cells of a column that has been read.
    #[must_use]
    pub fn like(column: &Column) -> Self {
        let dotted = column.cells.iter().take(1000).any(|cell| cell.as_number().is_some());
        Self { notation: column.notation, dotted, hex: is_port_name(&column.name) }
    }

    /// Reads a cell that has been trimmed by [`trim`].
    #[must_use]
    pub fn parse(self, cell: &[u8]) -> Parsed {
        self.parse_fast(cell).map_or_else(|| self.parse_slowly(cell), Parsed::Number)
    }

    /// The number in a trimmed cell, if it is written as most numbers are.
    #[inline]
    #[must_use]
    pub fn parse_fast(self, cell: &[u8]) -> Option<f64> {
        decimal(cell, self.mark())
    }

    /// What stands before the decimals.
    #[inline]
    #[must_use]
    pub fn mark(self) -> u8 {
        if self.notation == Notation::Comma { b',' } else { b'.' }
    }

    /// Reads a cell that [`CellRule::parse_fast`] could not read.
    #[must_use]
    pub fn parse_slowly(self, cell: &[u8]) -> Parsed {
        if is_missing(cell) {
            return Parsed::Missing;
        }
        // No number that is worth reading is longer, and names and texts are often short.
        if cell.len() > MAX_NUMBER || !cell.iter().any(|&b| b.is_ascii_digit()) {
            return infinity(cell).map_or(Parsed::Text, Parsed::Number);
        }
        let marked = match self.notation {
            Notation::Point => None,
            Notation::Comma => grouped(cell, b'.', b',', 1),
            Notation::CommaThousands => grouped(cell, b',', b'.', 1),
        };
        if let Some(x) = marked.or_else(|| plain(cell, self.notation == Notation::Comma)) {
            return Parsed::Number(x);
        }
        if self.dotted
            && let Some(x) = grouped(cell, b'.', 0, 2)
        {
            return Parsed::Dotted(x);
        }
        if self.hex
            && let Some(digits) = cell.strip_prefix(b"0x").or_else(|| cell.strip_prefix(b"0X"))
            && let Some(x) = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok())
        {
            return Parsed::Number(f64::from(x));
        }
        Parsed::Text
    }
}

const MAX_NUMBER: usize = 64;

/// Whether a column's name says that it holds ports, which Argus writes in hexadecimal for some protocols.
#[must_use]
pub fn is_port_name(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    name.ends_with("port") || name.ends_with("orig_p") || name.ends_with("resp_p")
}

/// Without the white space around it.
#[inline]
#[must_use]
pub fn trim(cell: &[u8]) -> &[u8] {
    match (cell.first(), cell.last()) {
        (Some(&first), Some(&last)) if first <= b' ' || last <= b' ' => cell.trim_ascii(),
        _ => cell,
    }
}

/// Powers of ten that a double holds exactly.
pub const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

/// Up to here a double holds every integer.
pub const MAX_EXACT: u64 = 1 << 53;

/// The fast path: up to 18 digits whose integer a double holds exactly, so that one division rounds correctly
/// (Clinger 1990, section 4).
#[inline]
fn decimal(cell: &[u8], mark: u8) -> Option<f64> {
    let (negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut integer = 0u64;
    let mut decimals = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            integer = integer * 10 + u64::from(digit);
        } else if byte == mark && decimals.is_none() {
            decimals = Some(digits.len() - 1 - at);
        } else {
            return None;
        }
    }
    if integer > MAX_EXACT || (decimals.is_some() && digits.len() == 1) {
        return None;
    }
    let x = match decimals {
        None | Some(0) => integer as f64,
        Some(decimals) => integer as f64 / POWERS[decimals],
    };
    Some(if negative { -x } else { x })
}

/// Whatever else the standard library reads as a number: signs, exponents, many digits.
fn plain(cell: &[u8], comma: bool) -> Option<f64> {
    if !cell.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') || comma && *b == b',') {
        return None;
    }
    let text = std::str::from_utf8(cell).ok()?;
    if comma && cell.contains(&b',') {
        if cell.contains(&b'.') {
            return None;
        }
        return text.replacen(',', ".", 1).parse().ok();
    }
    text.parse().ok()
}

/// A number with at least `least` group marks: one to three digits, then groups of three, then perhaps decimals.
fn grouped(cell: &[u8], group: u8, mark: u8, least: usize) -> Option<f64> {
    let (sign, digits) = match cell {
        [sign @ (b'-' | b'+'), digits @ ..] => (Some(*sign), digits),
        digits => (None, digits),
    };
    let (whole, decimals) = match digits.iter().position(|&b| b == mark && mark != 0) {
        Some(at) => (&digits[..at], &digits[at..]),
        None => (digits, &[][..]),
    };
    let mut groups = whole.split(|&b| b == group);
    let first = groups.next()?;
    let is_digits = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    if first.is_empty() || first.len() > 3 || !is_digits(first) || !decimals.iter().skip(1).all(u8::is_ascii_digit) {
        return None;
    }
    let mut text: Vec<u8> = sign.into_iter().chain(first.iter().copied()).collect();
    let mut n_groups = 0;
    for digits in groups {
        if digits.len() != 3 || !is_digits(digits) {
            return None;
        }
        text.extend_from_slice(digits);
        n_groups += 1;
    }
    if n_groups < least {
        return None;
    }
    if let [_, decimals @ ..] = decimals {
        text.push(b'.');
        text.extend_from_slice(decimals);
    }
    std::str::from_utf8(&text).ok()?.parse().ok()
}

/// The ways in which tools write that there is no value.
#[must_use]
pub fn is_missing(cell: &[u8]) -> bool {
    match cell.len() {
        0 => true,
        1 => matches!(cell, b"-" | b"?"),
        3 => cell.eq_ignore_ascii_case(b"nan") || cell.eq_ignore_ascii_case(b"n/a"),
        4 => cell.eq_ignore_ascii_case(b"null") || cell.eq_ignore_ascii_case(b"-nan"),
        7 => cell == b"(empty)",
        _ => false,
    }
}

fn infinity(cell: &[u8]) -> Option<f64> {
    let (x, word) = match cell {
        [b'-', word @ ..] => (f64::NEG_INFINITY, word),
        [b'+', word @ ..] => (f64::INFINITY, word),
        word => (f64::INFINITY, word),
    };
    (word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity")).then_some(x)
}

/// What the cells of a column's beginning look like, to decide its [`CellRule`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// Numbers without any comma and with at most one dot.
    plain: u32,
    /// Four numbers up to 255 with dots between them.
    addresses: u32,
    /// Several dots, yet no address.
    dotted: u32,
    /// `0,5`, `1234,5`, `1.234,5`: a decimal comma for certain.
    comma: u32,
    /// `1,234,567` or `1,234.5`: commas as thousands marks for certain.
    thousands: u32,
    /// `1,234`: one or the other.
    either: u32,
    /// Anything else that says something.
    texts: u32,
}

impl Evidence {
    /// Takes in a trimmed cell.
    pub fn add(&mut self, cell: &[u8]) {
        if decimal(cell, b'.').is_some() {
            self.plain += 1;
            return;
        }
        if cell.len() > MAX_NUMBER || !cell.iter().any(u8::is_ascii_digit) {
            self.texts += u32::from(!is_missing(cell));
            return;
        }
        let commas = cell.iter().filter(|&&b| b == b',').count();
        let dots = cell.iter().filter(|&&b| b == b'.').count();
        let is_thousands = grouped(cell, b',', b'.', 1).is_some();
        let is_comma = plain(cell, true).is_some() || grouped(cell, b'.', b',', 1).is_some();
        match (commas, dots) {
            (0, 3) if is_ipv4(cell) => self.addresses += 1,
            (0, 2..) if grouped(cell, b'.', 0, 2).is_some() => self.dotted += 1,
            (0, _) if plain(cell, false).is_some() => self.plain += 1,
            (1, 0) if is_thousands && cell[0] != b'0' && !cell.starts_with(b"-0") => self.either += 1,
            (1, _) if is_comma && !is_thousands || commas == 1 && dots == 0 && is_comma => self.comma += 1,
            (1.., _) if is_thousands => self.thousands += 1,
            _ => self.texts += 1,
        }
    }

    /// `european` is whether the file elsewhere shows that its commas are decimal marks.
    #[must_use]
    pub fn rule(self, name: &str, european: bool) -> CellRule {
        let notation = match () {
            () if self.shows_decimal_commas() => Notation::Comma,
            // Among texts a comma may separate anything, such as the ports 80,443.
            () if self.comma + self.thousands + self.either <= self.texts => Notation::Point,
            () if self.thousands > 0 => Notation::CommaThousands,
            () if self.either > 0 && european => Notation::Comma,
            () if self.either > 0 => Notation::CommaThousands,
            () => Notation::Point,
        };
        let numbers = self.plain + self.dotted;
        CellRule { notation, dotted: numbers > 0 && numbers >= self.addresses, hex: is_port_name(name) }
    }

    /// Whether the column has decimal commas beyond doubt.
    #[must_use]
    pub fn shows_decimal_commas(self) -> bool {
        self.comma > self.thousands && self.comma + self.either > self.texts
    }
}

fn is_ipv4(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|text| text.parse::<std::net::Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: CellRule = CellRule { notation: Notation::Point, dotted: true, hex: false };

    fn check(rule: CellRule, cell: &str, expected: Parsed) {
        assert_eq!(rule.parse(trim(cell.as_bytes())), expected, "{cell:?}");
    }

    #[test]
    fn numbers_with_a_decimal_point() {
        for (cell, x) in [
            ("0", 0.0),
            (" 17 ", 17.0),
            ("-0.5", -0.5),
            ("5.", 5.0),
            (".5", 0.5),
            ("+5", 5.0),
            ("1e-3", 1e-3),
            ("1.5E+27", 1.5e27),
            ("123456789012345678", 123456789012345678.0),
            ("0.12345678901234567890", 0.123_456_789_012_345_68),
            ("9007199254740993", 9007199254740993.0),
            ("Infinity", f64::INFINITY),
            ("inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
        ] {
            check(POINT, cell, Parsed::Number(x));
        }
    }

    #[test]
    fn the_fast_path_is_exact() {
        let mut seed = 41u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let digits = seed >> (seed % 50);
            let mut text = digits.to_string();
            text.truncate(18);
            text.insert((seed >> 7) as usize % (text.len() + 1), '.');
            if text.len() > 1 {
                check(POINT, &text, Parsed::Number(text.parse().unwrap()));
            }
        }
    }

    #[test]
    fn nothing_and_text() {
        for cell in ["", "  ", "-", "?", "(empty)", "NaN", "nan", "null", "NULL", "N/A", "\t"] {
            check(POINT, cell, Parsed::Missing);
        }
        for cell in
            ["tcp", ".", "--", "1.2.3", "10.0.2.15", "0x0008", "1,5", "e", "1e", "fe80::1", "infinite", "-.", "1-2"]
        {
            check(POINT, cell, Parsed::Text);
        }
    }

    #[test]
    fn other_notations() {
        let comma = CellRule { notation: Notation::Comma, ..POINT };
        let thousands = CellRule { notation: Notation::CommaThousands, ..POINT };
        let hex = CellRule { hex: true, ..POINT };
        for (rule, cell, x) in [
            (comma, "0,5", 0.5),
            (comma, "1.234,5", 1234.5),
            (comma, "1.234.567", 1234567.0),
            (comma, "-12,25", -12.25),
            (comma, "1,5e3", 1500.0),
            (comma, "7", 7.0),
            (thousands, "1,234,567.5", 1234567.5),
            (thousands, "1,234", 1234.0),
            (thousands, "12.5", 12.5),
            (hex, "0x0403", 1027.0),
            (hex, "53", 53.0),
        ] {
            check(rule, cell, Parsed::Number(x));
        }
        check(POINT, "1.307.668.672", Parsed::Dotted(1307668672.0));
        check(POINT, "45.977.011.494.253", Parsed::Dotted(45977011494253.0));
        check(CellRule { dotted: false, ..POINT }, "192.168.100.103", Parsed::Text);
    }

    #[test]
    fn the_notation_is_decided_by_the_cells_that_allow_no_doubt() {
        let rule = |cells: &[&str], european| {
            let mut evidence = Evidence::default();
            cells.iter().for_each(|cell| evidence.add(cell.as_bytes()));
            evidence.rule("x", european)
        };
        assert_eq!(rule(&["0,5", "1,234"], false).notation, Notation::Comma);
        assert_eq!(rule(&["1,234", "12"], false).notation, Notation::CommaThousands);
        assert_eq!(rule(&["1,234", "12"], true).notation, Notation::Comma);
        assert_eq!(rule(&["1,234,567", "12"], true).notation, Notation::CommaThousands);
        assert_eq!(rule(&["1.234,5", "12"], false).notation, Notation::Comma);
        assert_eq!(rule(&["1,234.5", "12"], true).notation, Notation::CommaThousands);
        assert_eq!(rule(&["0.5", "12"], true).notation, Notation::Point);
        assert_eq!(rule(&["80,443", "http", "22-23"], false).notation, Notation::Point);
        assert!(rule(&["0", "1.307.668.672"], false).dotted);
        assert!(!rule(&["192.168.100.103", "192.168.100.104"], false).dotted);
        assert!(!rule(&["192.168.100.103", "10.0.2.15"], false).dotted);
    }
}
