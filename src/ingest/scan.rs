//! Where the marks that give a table its structure are, for 64 bytes at a time, as bits: the first byte is the lowest bit.
//!
//! By the vector instructions that every x86-64 processor and every current browser has, or byte by byte to the same bits.

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
    let (delimiter, line_feed, quote) = (lane::splat(delimiter), lane::splat(b'\n'), lane::splat(quote));
    let mut marks = Marks { delimiters: 0, line_feeds: 0, quotes: 0 };
    for (at, bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let bytes = lane::load(bytes);
        marks.delimiters |= lane::equal(bytes, delimiter) << (16 * at);
        marks.line_feeds |= lane::equal(bytes, line_feed) << (16 * at);
        marks.quotes |= lane::equal(bytes, quote) << (16 * at);
    }
    marks
}

#[cfg(target_arch = "x86_64")]
mod lane {
    use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    #[inline]
    pub fn splat(byte: u8) -> __m128i {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_set1_epi8(byte as i8) }
    }

    #[inline]
    pub fn load(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: SSE2 is part of x86-64, and 16 bytes may be read, at any address.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline]
    pub fn equal(a: __m128i, b: __m128i) -> u64 {
        // SAFETY: SSE2 is part of x86-64.
        u64::from(unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) } as u16)
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lane {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, v128, v128_load};

    #[inline]
    pub fn splat(byte: u8) -> v128 {
        u8x16_splat(byte)
    }

    #[inline]
    pub fn load(bytes: &[u8; 16]) -> v128 {
        // SAFETY: 16 bytes may be read, at any address.
        unsafe { v128_load(bytes.as_ptr().cast()) }
    }

    #[inline]
    pub fn equal(a: v128, b: v128) -> u64 {
        u64::from(u8x16_bitmask(u8x16_eq(a, b)))
    }
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
mod lane {
    #[inline]
    pub fn splat(byte: u8) -> u8 {
        byte
    }

    #[inline]
    pub fn load(bytes: &[u8; 16]) -> &[u8; 16] {
        bytes
    }

    #[inline]
    pub fn equal(a: &[u8; 16], b: u8) -> u64 {
        a.iter().enumerate().fold(0, |bits, (at, &byte)| bits | u64::from(byte == b) << at)
    }
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
