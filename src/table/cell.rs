//! What one cell holds.

use std::fmt;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Never NaN; may be infinite.
    Number(f64),
    /// Blank, `-`, `(empty)`, `NaN`, `null` and their like, or a field that the record does not have.
    Missing,
    /// A code into the column's [`Dictionary`](super::Dictionary).
    Text(u32),
    /// Text that came after the dictionary was full.
    UnkeptText,
}

/// A [`Value`] in eight bytes: a number is itself, everything else is boxed into the payload of a NaN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell(u64);

// A negative quiet NaN; arithmetic on finite numbers never yields one with these tags, and `number` canonicalises.
const BOX: u64 = 0xFFF8 << 48;
const TAG_MISSING: u64 = BOX | 1 << 32;
const TAG_TEXT: u64 = BOX | 2 << 32;
const TAG_UNKEPT: u64 = BOX | 3 << 32;

impl Cell {
    pub const MISSING: Self = Self(TAG_MISSING);
    pub const UNKEPT_TEXT: Self = Self(TAG_UNKEPT);

    /// NaN becomes [`Value::Missing`].
    #[must_use]
    pub fn number(x: f64) -> Self {
        if x.is_nan() { Self::MISSING } else { Self(x.to_bits()) }
    }

    #[must_use]
    pub fn text(code: u32) -> Self {
        Self(TAG_TEXT | u64::from(code))
    }

    #[must_use]
    pub fn value(self) -> Value {
        match self.0 & 0xFFFF_FFFF_0000_0000 {
            TAG_MISSING => Value::Missing,
            TAG_TEXT => Value::Text(self.0 as u32),
            TAG_UNKEPT => Value::UnkeptText,
            _ => Value::Number(f64::from_bits(self.0)),
        }
    }

    /// What [`Self::to_bits`] gave; any other number is taken for itself.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        match Self(bits).value() {
            Value::Number(x) => Self::number(x),
            _ => Self(bits),
        }
    }

    /// Equal for equal values of one column.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn as_number(self) -> Option<f64> {
        match self.value() {
            Value::Number(x) => Some(x),
            _ => None,
        }
    }

    /// A number that a port can have.
    #[must_use]
    pub fn as_port(self) -> Option<u16> {
        let x = self.as_number()?;
        let port = x as u16;
        (f64::from(port) == x).then_some(port)
    }

    #[must_use]
    pub fn as_text(self) -> Option<u32> {
        match self.value() {
            Value::Text(code) => Some(code),
            _ => None,
        }
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_cell_gives_back_what_it_was_given() {
        for x in [0.0, -0.0, 1.5, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Cell::number(x).value(), Value::Number(x));
        }
        assert_eq!(Cell::number(f64::NAN).value(), Value::Missing);
        assert_eq!(Cell::number(-f64::NAN).value(), Value::Missing);
        assert_eq!(Cell::text(u32::MAX).value(), Value::Text(u32::MAX));
        assert_eq!(Cell::UNKEPT_TEXT.value(), Value::UnkeptText);
    }
}
