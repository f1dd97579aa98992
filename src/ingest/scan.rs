//! Where the marks that give a table its structure are, for 64 bytes at a time, as bits: the first byte is the lowest bit.
//!
//! By vector instructions.

use wide::u8x16;

/// The marks in 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub delimiters: u64,
    pub line_feeds: u64,
    pub quotes: u64,
}

/// Finds the marks.
#[inline]
#[must_use]
pub fn marks(bytes: &[u8; 64], delimiter: u8, quote: u8) -> Marks {
    let [delimiter, line_feed, quote] = [delimiter, b'\n', quote].map(u8x16::splat);
    let mut marks = Marks { delimiters: 0, line_feeds: 0, quotes: 0 };
    for (at, bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let places = |mark: u8x16| u64::from(bytes.simd_eq(mark).to_bitmask()) << (16 * at);
        marks.delimiters |= places(delimiter);
        marks.line_feeds |= places(line_feed);
        marks.quotes |= places(quote);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn each_mark_is_a_bit() {
        for (byte, expected) in [(b',', [1, 0, 0]), (b'\n', [0, 1, 0]), (b'"', [0, 0, 1]), (b'a', [0, 0, 0])] {
            for at in 0..64 {
                let mut bytes = [0xFF; 64];
                bytes[at] = byte;
                let found = marks(&bytes, b',', b'"');
                let found = [found.delimiters, found.line_feeds, found.quotes];
                assert_eq!(found, expected.map(|bit: u64| bit << at), "{byte} at {at}");
            }
        }
    }
}
