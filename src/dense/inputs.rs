//! What goes into a layer: a row's numbers that are not zero, with their places. Most are zero, in one-hot columns and behind a
//! ReLU, and a zero adds nothing.

/// Inputs of one row.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    items: Vec<Input>,
    len: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(super) struct Input {
    pub place: u32,
    pub value: f32,
}

/// Items that are written at a time, of which those behind the last are overwritten next.
const LANES: usize = 4;

impl Inputs {
    /// With room for so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { items: vec![Input::default(); most + LANES], len: 0 }
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds an input, unless it is zero. There is no branch, since there is no telling which inputs are.
    ///
    /// # Panics
    /// If there is no room.
    #[inline(always)]
    pub fn push(&mut self, place: u32, value: f32) {
        self.items[self.len] = Input { place, value };
        self.len += usize::from(value != 0.0);
    }

    /// With the numbers of a row.
    pub fn fill(&mut self, values: &[f32]) {
        self.fill_with::<false>(values);
    }

    /// With what a ReLU makes of the numbers of a row: NaN it leaves as it is.
    pub fn fill_rectified(&mut self, values: &[f32]) {
        self.fill_with::<true>(values);
    }

    fn fill_with<const RECTIFIED: bool>(&mut self, values: &[f32]) {
        self.clear();
        self.items.resize(self.items.len().max(values.len() + LANES), Input::default());
        let n_whole = self.push_whole::<RECTIFIED>(values);
        for (place, &value) in (n_whole as u32..).zip(&values[n_whole..]) {
            self.push(place, if RECTIFIED && value < 0.0 { 0.0 } else { value });
        }
    }

    pub(super) fn as_slice(&self) -> &[Input] {
        &self.items[..self.len]
    }

    /// Adds the first of the values, as many as can be added with vectors, and says how many these were.
    #[cfg(not(target_arch = "wasm32"))]
    fn push_whole<const RECTIFIED: bool>(&mut self, _: &[f32]) -> usize {
        0
    }

    /// Adds the first of the values, four at a time: those that are not zero are moved to the front.
    #[cfg(target_arch = "wasm32")]
    fn push_whole<const RECTIFIED: bool>(&mut self, values: &[f32]) -> usize {
        use std::arch::wasm32::{
            f32x4_eq, f32x4_le, f32x4_splat, i8x16_swizzle, i32x4, i32x4_add, i32x4_bitmask, i32x4_shuffle,
            i32x4_splat, v128_load, v128_store,
        };
        let whole = values.as_chunks::<LANES>().0;
        assert!(self.items.len() >= self.len + values.len() + LANES, "room for all");
        let (items, mut len) = (self.items.as_mut_ptr(), self.len);
        let mut places = i32x4(0, 1, 2, 3);
        for chunk in whole {
            // SAFETY: a chunk has 16 bytes. So many items at most have been added as there were values before it, and there is
            // room for four more.
            unsafe {
                let values = v128_load(chunk.as_ptr().cast());
                let zeros = f32x4_splat(0.0);
                let left_out = if RECTIFIED { f32x4_le(values, zeros) } else { f32x4_eq(values, zeros) };
                let left_out = i32x4_bitmask(left_out) as usize;
                let order = v128_load(OTHERS_TO_THE_FRONT[left_out % OTHERS_TO_THE_FRONT.len()].as_ptr().cast());
                let (values, places) = (i8x16_swizzle(values, order), i8x16_swizzle(places, order));
                v128_store(items.add(len).cast(), i32x4_shuffle::<0, 4, 1, 5>(places, values));
                v128_store(items.add(len + 2).cast(), i32x4_shuffle::<2, 6, 3, 7>(places, values));
                len += LANES - left_out.count_ones() as usize;
            }
            places = i32x4_add(places, i32x4_splat(LANES as i32));
        }
        self.len = len;
        whole.len() * LANES
    }
}

/// For each set of lanes, the bytes of the other lanes and then any.
#[cfg(target_arch = "wasm32")]
const OTHERS_TO_THE_FRONT: [[u8; 16]; 1 << LANES] = {
    let mut orders = [[0; 16]; 1 << LANES];
    let mut set = 0;
    while set < orders.len() {
        let (mut lane, mut to) = (0, 0);
        while lane < LANES {
            if set >> lane & 1 == 0 {
                let mut byte = 0;
                while byte < 4 {
                    orders[set][4 * to + byte] = (4 * lane + byte) as u8;
                    byte += 1;
                }
                to += 1;
            }
            lane += 1;
        }
        set += 1;
    }
    orders
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn all_but_zeros_are_kept_with_their_places() {
        let mut rng = Rng::new(4);
        let mut inputs = Inputs::default();
        for n in (0..40).chain([128, 131, 3, 64]) {
            for zeros in [0, 1, 2, 3] {
                let mut draw = || match rng.below(4) {
                    kind if kind < zeros => [0.0, -0.0][rng.below(2) as usize],
                    3 => [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0][rng.below(3) as usize],
                    _ => rng.normal() as f32,
                };
                let values: Vec<f32> = (0..n).map(|_| draw()).collect();
                let bits = |input: &Input| (input.place, input.value.to_bits());
                let known = (0..).zip(&values).filter(|(_, value)| **value != 0.0);
                let known: Vec<(u32, u32)> = known.map(|(place, value)| (place, value.to_bits())).collect();
                inputs.fill_rectified(&values);
                let rectified: Vec<(u32, u32)> = inputs.as_slice().iter().map(bits).collect();
                let is_left = |(_, bits): &&(u32, u32)| f32::from_bits(*bits).is_nan() || f32::from_bits(*bits) > 0.0;
                assert_eq!(rectified, known.iter().filter(is_left).copied().collect::<Vec<_>>());
                inputs.fill(&values);
                let found: Vec<(u32, u32)> = inputs.as_slice().iter().map(bits).collect();
                assert_eq!(found, known);
                let n_found = found.len();
                inputs.push(7, 0.5);
                inputs.push(8, 0.0);
                assert_eq!(inputs.as_slice()[n_found..], [Input { place: 7, value: 0.5 }]);
            }
        }
    }
}
