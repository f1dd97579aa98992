//! Sorting by some bits of a key.

use std::ops::Range;

/// Bits that are sorted by at a time: as many as there are counters that stay in the nearest cache.
const DIGIT: u32 = 11;
/// Fewer items are sorted faster by comparing them.
const FEW: usize = 1 << 12;
/// Bytes of items of which a second copy does not take too much memory.
const MOST_COPIED: usize = 144 << 20;

/// Sorts items by these bits of their keys. Items of which the bits are equal stay in their order.
pub(crate) fn sort_by_bits<T: Copy>(items: &mut Vec<T>, bits: Range<u32>, key: impl Fn(&T) -> u64) {
    let part = |item: &T, bits: Range<u32>| {
        let mask = u64::MAX >> (u64::BITS - (bits.end - bits.start));
        key(item) >> bits.start & mask
    };
    if bits.is_empty() {
        return;
    }
    if items.len() < FEW || size_of_val(items.as_slice()) > MOST_COPIED {
        items.sort_by_key(|item| part(item, bits.clone()));
        return;
    }
    let mut other = items.clone();
    for start in bits.clone().step_by(DIGIT as usize) {
        let end = bits.end.min(start + DIGIT);
        let digit = |item: &T| part(item, start..end) as usize;
        let mut places = vec![0_usize; 1 << (end - start)];
        items.iter().for_each(|item| places[digit(item)] += 1);
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        for item in &*items {
            let place = &mut places[digit(item)];
            other[*place] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn many_items_are_sorted_as_few_are() {
        let mut rng = Rng::new(5);
        for bits in [0..64, 32..64, 7..9, 20..53, 5..5] {
            for n in [0, 1, 100, 5000] {
                let items: Vec<(u64, u32)> = (0..n).map(|at| (rng.next_u64() & !(u64::MAX >> 40 << 8), at)).collect();
                let part =
                    |key: u64| if bits.is_empty() { 0 } else { key << (64 - bits.end) >> (64 - bits.end + bits.start) };
                let mut expected = items.clone();
                expected.sort_by_key(|&(key, _)| part(key));
                let mut sorted = items;
                sort_by_bits(&mut sorted, bits.clone(), |&(key, _)| key);
                assert_eq!(sorted, expected, "{bits:?}, {n}");
            }
        }
    }
}
