//! Decimal numbers, four at a time: what [`short`](super::digits::short) does with one by multiplying integers, done by vector
//! instructions.
//!
//! The cells of a column are mostly written with as many decimals as one another. Then the mark before these has the same place in
//! all of them, counted from the end, and each digit has the same weight.

use super::digits::{WORD, padded};
use crate::table::{Digits, MOST_DECIMALS};
use bytemuck::cast;
use wide::{i16x8, i32x4, i32x8, u8x16, u16x8};

/// How the cells of a column are read: two of them in each vector, eight bytes each.
pub struct Lanes {
    /// What makes the mark, where it stands, a zero.
    mark: u8x16,
    /// The most that each byte may then be.
    most: u8x16,
    /// Weights of the first byte of each pair, of the two pairs of each half, and of the two halves.
    first: u16x8,
    pairs: i16x8,
    halves: i16x8,
}

impl Lanes {
    /// For cells with exactly so many decimals, up to [`MOST_DECIMALS`]; those without any have no mark either.
    #[must_use]
    pub fn new(mark: u8, decimals: u8) -> Self {
        const { assert!(MOST_DECIMALS == 7, "eight bytes are seven digits and a mark") }
        let place = 7_usize.checked_sub(usize::from(decimals)).filter(|_| decimals > 0);
        let is_mark = |byte: usize| Some(byte) == place;
        // By how much more a digit counts that stands before these bytes.
        let ahead_of = |bytes: std::ops::Range<usize>| 10_i16.pow(bytes.filter(|&byte| !is_mark(byte)).count() as u32);
        let bytes = |of: [u8; 2]| u8x16::new(std::array::from_fn(|at| of[usize::from(is_mark(at % 8))]));
        let pairs = |of: &dyn Fn(usize) -> i16| i16x8::new(std::array::from_fn(|pair| of(2 * (pair % 4))));
        Self {
            mark: bytes([0, mark ^ b'0']),
            most: bytes([9, 0]),
            first: cast(pairs(&|byte| ahead_of(byte + 1..byte + 2))),
            pairs: pairs(&|byte| ahead_of(byte + 2..(byte + 4) & !3)),
            halves: i16x8::new(std::array::from_fn(|half| if half % 2 == 0 { ahead_of(4..8) } else { 1 })),
        }
    }

    /// The digits in four ranges of `text`, if they are as [`Self::new`] says, up to eight bytes each, and as many bytes of text
    /// follow their starts.
    #[inline]
    #[must_use]
    pub fn read(&self, text: &[u8], places: [(usize, usize); 4]) -> Option<[Digits; 4]> {
        // One question about all four: eight bytes at most are three bits when one is taken off, and a word follows the furthest start.
        let len = |(start, end): (usize, usize)| end.wrapping_sub(start);
        let unfit = places.iter().fold(0, |unfit, &place| unfit | len(place).wrapping_sub(1));
        let furthest = places.iter().fold(0, |furthest, &(start, _)| furthest.max(start));
        if unfit >= WORD || text.len() < WORD || furthest > text.len() - WORD {
            return None;
        }
        // SAFETY: a word of text follows each start.
        let [a, b, c, d] = places.map(|place| padded(unsafe { word(text, place.0) }, len(place)));
        let [one, other] = [[a, b], [c, d]].map(|two| cast::<_, u8x16>(two) ^ self.mark);
        let wrong = one.saturating_sub(self.most) | other.saturating_sub(self.most);
        if cast::<_, u128>(wrong) != 0 {
            return None;
        }
        // Four digits fit into sixteen bits.
        let halves =
            i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>([self.halves_of(one), self.halves_of(other)]));
        Some(halves.dot(self.halves).to_array())
    }

    /// The value of each four bytes.
    #[inline]
    fn halves_of(&self, digits: u8x16) -> i32x4 {
        let words: u16x8 = cast(digits);
        let pairs = (words & u16x8::splat(0xFF)) * self.first + (words >> 8_u32);
        cast::<_, i16x8>(pairs).dot(self.pairs)
    }
}

/// Eight bytes, the first of which is the lowest.
///
/// # Safety
///
/// As many have to follow `start`.
#[inline(always)]
unsafe fn word(text: &[u8], start: usize) -> u64 {
    u64::from_le(unsafe { text.as_ptr().add(start).cast::<u64>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::super::digits::short;
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn nothing_is_read_beyond_the_text() {
        let lanes = Lanes::new(b'.', 0);
        assert_eq!(lanes.read(b"12345678", [(0, 8); 4]), Some([12_345_678; 4]));
        for (text, place) in
            [("1234567", (0, 1)), ("12345678", (1, 2)), ("12345678", (5, 3)), ("12345678", (usize::MAX, 0))]
        {
            assert_eq!(lanes.read(text.as_bytes(), [place; 4]), None, "{text} {place:?}");
        }
    }

    #[test]
    fn the_same_digits_as_one_by_one() {
        let mut rng = Rng::new(50);
        let mut read = 0;
        for round in 0..40_000 {
            let (mark, decimals) = (if round % 5 == 0 { b',' } else { b'.' }, rng.below(8));
            let mut text = Vec::new();
            let places = std::array::from_fn(|_| {
                text.push(b';');
                let start = text.len();
                text.extend((0..rng.below(9 - decimals)).map(|_| b'0' + rng.below(10) as u8));
                if decimals > 0 {
                    text.push(mark);
                    text.extend((0..decimals).map(|_| b'0' + rng.below(10) as u8));
                }
                let at = start + rng.below((text.len() - start) as u32 + 1) as usize;
                match rng.below(40) {
                    0 => text.insert(at, rng.below(256) as u8),
                    1 => text.truncate(at),
                    2 if at < text.len() => text[at] = b"0.,-: /9"[rng.below(8) as usize],
                    _ => {}
                }
                (start, text.len())
            });
            // Mostly enough for all of them.
            let behind = if rng.below(4) == 0 { rng.below(9) } else { 8 };
            text.extend(&b",1234567"[..behind as usize]);
            let expected = places.map(|(start, end)| {
                let (digits, own) = short(&text, start, end, mark)?;
                let has_mark = text[start..end].contains(&mark);
                (u32::from(own) == decimals && has_mark == (decimals > 0)).then_some(digits as Digits)
            });
            let expected = expected.iter().all(Option::is_some).then(|| expected.map(Option::unwrap_or_default));
            assert_eq!(Lanes::new(mark, decimals as u8).read(&text, places), expected, "{decimals}: {text:?}");
            read += u32::from(expected.is_some());
        }
        assert!((10_000..35_000).contains(&read), "{read}");
    }
}
