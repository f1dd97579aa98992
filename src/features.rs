//! Encoded rows on their way from the encoder to the forest and the network: feature by feature, with what is known of a feature's
//! values, so that nobody has to find it out by looking at each of them.

use crate::ranker;
use ndarray::{ArrayView1, ArrayView2, ShapeBuilder, s};
use std::ops::Range;
use std::rc::Rc;

/// Rows that are encoded at a time: 512 × 123 features fit a second-level cache.
pub const BLOCK: usize = ranker::BLOCK;
/// Places of a feature beyond those for its rows: were they a power of two, the values of one row would fall into the same few sets
/// of a cache.
const PADDING: usize = 16;

/// What a feature has in some rows.
#[derive(Clone, Debug)]
pub enum Values<'a> {
    /// Nothing but zeros.
    Zeros,
    Any(ArrayView1<'a, f32>),
    /// One of few numbers: which of them in each row, and what they are.
    Few {
        which: &'a [u16],
        all: &'a Rc<[f32]>,
    },
}

impl Values<'_> {
    /// What it has in some of the rows.
    ///
    /// # Panics
    /// If there are no such rows.
    #[must_use]
    pub fn of(self, rows: Range<usize>) -> Self {
        match self {
            Self::Zeros => Self::Zeros,
            Self::Any(values) => Self::Any(values.slice_move(s![rows])),
            Self::Few { which, all } => Self::Few { which: &which[rows], all },
        }
    }
}

/// Encoded rows.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Feature by feature.
    values: Vec<f32>,
    /// Places of each feature.
    stride: usize,
    n_rows: usize,
    kinds: Vec<Kind>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Zeros, unless a flag is set in some row.
    Flags {
        any: bool,
    },
    /// Numbers, which are written anew for all rows.
    Numbers,
    Few {
        which: Vec<u16>,
        all: Rc<[f32]>,
    },
}

impl Encoded {
    /// Room for so many rows at a time, of features that are flags for now.
    #[must_use]
    pub fn new(most_rows: usize, n_features: usize) -> Self {
        let stride = most_rows + PADDING;
        Self {
            // Where there is no feature, the shape of nothing has to fit, too.
            values: vec![0.0; stride * n_features.max(1)],
            stride,
            n_rows: 0,
            kinds: vec![Kind::Flags { any: false }; n_features],
        }
    }

    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    #[must_use]
    pub fn n_features(&self) -> usize {
        self.kinds.len()
    }

    /// All values, rows × features.
    #[must_use]
    pub fn view(&self) -> ArrayView2<'_, f32> {
        let shape = (self.n_rows, self.n_features()).strides((1, self.stride));
        ArrayView2::from_shape(shape, &self.values).expect("a place for each row of each feature")
    }

    /// A feature's values; `None` if they are all zero.
    ///
    /// # Panics
    /// If there is no such feature.
    #[must_use]
    pub fn column(&self, feature: usize) -> Option<&[f32]> {
        let is_zero = matches!(self.kinds[feature], Kind::Flags { any: false });
        (!is_zero).then(|| &self.values[feature * self.stride..][..self.n_rows])
    }

    /// What is known of them.
    ///
    /// # Panics
    /// If there is no such feature.
    #[must_use]
    pub fn values(&self, feature: usize) -> Values<'_> {
        match (&self.kinds[feature], self.column(feature)) {
            (_, None) => Values::Zeros,
            (Kind::Few { which, all }, _) => Values::Few { which: &which[..self.n_rows], all },
            (_, Some(values)) => Values::Any(values.into()),
        }
    }

    /// From now on the feature is one of these numbers in each row.
    pub(crate) fn is_one_of(&mut self, feature: usize, all: Rc<[f32]>) {
        self.kinds[feature] = Kind::Few { which: vec![0; self.stride], all };
    }

    /// Begins with so many other rows, in which no flag is set.
    pub(crate) fn begin(&mut self, n_rows: usize) {
        assert!(n_rows + PADDING <= self.stride, "room for the rows");
        for (kind, values) in self.kinds.iter_mut().zip(self.values.chunks_exact_mut(self.stride)) {
            if let Kind::Flags { any } = kind
                && std::mem::take(any)
            {
                values[..self.n_rows].fill(0.0);
            }
        }
        self.n_rows = n_rows;
    }

    /// Sets a flag.
    ///
    /// # Panics
    /// If the feature is none.
    #[inline]
    pub(crate) fn set(&mut self, feature: usize, row: usize) {
        let Kind::Flags { any } = &mut self.kinds[feature] else { unreachable!("the feature is a flag") };
        *any = true;
        self.values[feature * self.stride + row] = 1.0;
    }

    /// The places of numbers, all of which are to be written.
    pub(crate) fn numbers(&mut self, feature: usize) -> &mut [f32] {
        self.kinds[feature] = Kind::Numbers;
        &mut self.values[feature * self.stride..][..self.n_rows]
    }

    /// Takes for each row which of the feature's numbers it has: `choose` has to write all of them.
    ///
    /// # Panics
    /// If the feature is not one of few numbers, or there is no such number.
    pub(crate) fn choose(&mut self, feature: usize, choose: impl FnOnce(&mut [u16])) {
        let Kind::Few { which, all } = &mut self.kinds[feature] else {
            unreachable!("the feature is one of few numbers")
        };
        let values = &mut self.values[feature * self.stride..][..self.n_rows];
        let which = &mut which[..self.n_rows];
        choose(which);
        values.iter_mut().zip(which).for_each(|(value, which)| *value = all[usize::from(*which)]);
    }

    /// Any values, rows × features.
    #[must_use]
    pub fn of(x: ArrayView2<'_, f32>) -> Self {
        let mut encoded = Self::new(x.nrows(), x.ncols());
        encoded.begin(x.nrows());
        for (feature, values) in x.columns().into_iter().enumerate() {
            encoded.numbers(feature).iter_mut().zip(values).for_each(|(place, &x)| *place = x);
        }
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_is_known_of_a_feature_is_so() {
        let mut encoded = Encoded::new(4, 3);
        encoded.is_one_of(2, (0..256).map(|which| which as f32).collect());
        encoded.begin(3);
        encoded.set(0, 1);
        encoded.numbers(1).copy_from_slice(&[5.0, 0.0, -1.0]);
        encoded.choose(2, |which| which.copy_from_slice(&[7, 0, 255]));
        assert_eq!(encoded.view(), ndarray::array![[0.0, 5.0, 7.0], [1.0, 0.0, 0.0], [0.0, -1.0, 255.0]]);
        assert!(matches!(encoded.values(0), Values::Any(values) if values.len() == 3));
        assert!(matches!(encoded.values(2).of(1..3), Values::Few { which: [0, 255], all } if all[255] == 255.0));
        // Flags are gone, also where there are more rows than before.
        encoded.begin(4);
        assert!(matches!(encoded.values(0), Values::Zeros) && encoded.column(0).is_none());
        encoded.set(0, 3);
        assert_eq!(encoded.column(0), Some(&[0.0, 0.0, 0.0, 1.0][..]));
        encoded.begin(2);
        encoded.begin(4);
        assert_eq!(encoded.view().column(0).to_vec(), [0.0; 4]);
    }
}
