//! The cells of a column, in as few bytes each as they need.
//!
//! Most columns hold numbers of a few digits, or few texts: as whole numbers of one byte or two they are an eighth or a quarter
//! of what a double is, and memory that is not filled takes no time. A number is its digits, and how many of them are decimals is
//! the same for the whole column: `m / 10^d` is rounded as the number itself is when it is read, so that the same bits come back.

use super::cell::{Cell, Value};
use bytemuck::cast;
use serde::{Deserialize, Serialize};
use std::fmt;
use wide::{i8x16, i16x8, i32x8};

/// A cell of a column whose [`Kind`] is known: the digits of a number or the code of a text, from `LEAST` on, or what is neither.
pub type Digits = i32;
/// A missing cell.
pub const NO_DIGITS: Digits = Digits::MIN;
/// A text that was not kept.
const UNKEPT: Digits = Digits::MIN + 1;
const LEAST: Digits = Digits::MIN + 2;
/// Cells that are looked at together.
const BLOCK: usize = 16;

/// What [`Digits`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Those of numbers, so many of them decimals.
    Numbers(u8),
    /// Codes of texts.
    Texts,
    /// There are none: numbers that need more, or both.
    Any,
}

const ONLY_DIGITS: &str = "what is of any kind is stored as such, and nothing else is";

/// More decimals than this are those of measured quantities, which seldom have few digits.
pub const MOST_DECIMALS: u8 = 7;
const POWERS: [f64; MOST_DECIMALS as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
const TENS: [u64; MOST_DECIMALS as usize + 1] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Values that sixteen bits can have.
const MOST_COUNTED: usize = 1 << 16;

/// As many different cells are still few: what is known of each then stays in a cache.
const MOST_FEW: usize = 1 << 10;

/// How cells were written as bytes, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    kind: Kind,
    is_certain: bool,
    /// Bytes of each.
    width: u8,
    len: u32,
}

/// The cells of a column.
#[derive(Clone)]
pub struct Cells {
    kind: Kind,
    /// Whether there was a cell that is neither missing nor unkept, and the kind is more than a guess.
    is_certain: bool,
    store: Store,
}

#[derive(Clone)]
enum Store {
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    Any(Vec<Cell>),
}

/// Digits in fewer bytes; the two least values are those that are none.
trait Narrow: Copy + PartialEq {
    const LEAST: Digits;
    const MOST: Digits;

    /// Whether there is room for the digits.
    #[inline]
    fn fits(digits: Digits) -> bool {
        digits < LEAST || (Self::LEAST..=Self::MOST).contains(&digits)
    }

    fn of(digits: Digits) -> Self;
    /// The same of many that fit and are none of [`UNKEPT`]: the missing is then the least, whatever the width.
    fn all_of(digits: &[Digits; BLOCK]) -> [Self; BLOCK];
    fn digits(self) -> Digits;
    /// A number from 0 on for each of its values.
    fn place(self) -> usize;
    fn write(self, out: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! narrow {
    ($($narrow:ty: $all_of:expr),*) => {$(
        impl Narrow for $narrow {
            const LEAST: Digits = <$narrow>::MIN as Digits + 2;
            const MOST: Digits = <$narrow>::MAX as Digits;

            #[inline]
            fn of(digits: Digits) -> Self {
                let special = digits.wrapping_sub(Digits::MIN).wrapping_add(<$narrow>::MIN as Digits);
                (if digits < LEAST { special } else { digits }) as Self
            }

            #[inline]
            fn all_of(digits: &[Digits; BLOCK]) -> [Self; BLOCK] {
                $all_of(digits)
            }

            #[inline]
            fn digits(self) -> Digits {
                let digits = self as Digits;
                if digits < Self::LEAST { digits.wrapping_sub(<$narrow>::MIN as Digits).wrapping_add(Digits::MIN) } else { digits }
            }

            #[inline]
            fn place(self) -> usize {
                self.abs_diff(<$narrow>::MIN) as usize
            }

            #[inline]
            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                bytes.try_into().map_or(0, <$narrow>::from_le_bytes)
            }
        }
    )*};
}
narrow!(
    i8: |&digits| i8x16::from_i16x16_saturate(cast(halves(digits))).to_array(),
    i16: |&digits| cast(halves(digits)),
    i32: |&digits| digits
);

/// Sixteen bits of each.
#[inline]
fn halves(digits: [Digits; BLOCK]) -> [i16x8; 2] {
    cast::<_, [i32x8; 2]>(digits).map(i16x8::from_i32x8_saturate)
}

/// Does the same with the vector that the cells are in, whatever it is of.
macro_rules! with {
    ($store:expr, $narrow:ident => $of_narrow:expr, $any:ident => $of_any:expr) => {
        match $store {
            Store::I8($narrow) => $of_narrow,
            Store::I16($narrow) => $of_narrow,
            Store::I32($narrow) => $of_narrow,
            Store::Any($any) => $of_any,
        }
    };
}

impl Default for Cells {
    fn default() -> Self {
        Self { kind: Kind::Numbers(0), is_certain: false, store: Store::I8(Vec::new()) }
    }
}

impl Cells {
    #[must_use]
    pub fn len(&self) -> usize {
        with!(&self.store, cells => cells.len(), cells => cells.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.capacity() * with!(&self.store, cells => width_of(cells), cells => width_of(cells))
    }

    /// Makes room for so many more of the size that the cells have now.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn try_reserve_exact(&mut self, more: usize) -> Result<(), std::collections::TryReserveError> {
        with!(&mut self.store, cells => cells.try_reserve_exact(more), cells => cells.try_reserve_exact(more))
    }

    /// Of how many cells there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        with!(&self.store, cells => cells.capacity(), cells => cells.capacity())
    }

    /// # Panics
    /// If there is no such row.
    #[must_use]
    #[inline]
    pub fn at(&self, row: usize) -> Cell {
        with!(&self.store, cells => cell(self.kind, cells[row].digits()), cells => cells[row])
    }

    /// All cells, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cell> + DoubleEndedIterator {
        (0..self.len()).map(|row| self.at(row))
    }

    /// The numbers in some rows, which is faster than one by one; what is no number is NaN.
    ///
    /// # Panics
    /// If there is no such row, or not as many numbers are wanted.
    pub fn numbers(&self, rows: &[u32], out: &mut [f64]) {
        assert_eq!(rows.len(), out.len(), "a number for each row");
        with!(&self.store, cells => match self.kind {
            // What is the same for all is asked once.
            Kind::Numbers(0) => gather(cells, rows, out, |cell| number(cell.digits())),
            Kind::Numbers(decimals) => {
                let power = POWERS[usize::from(decimals)];
                gather(cells, rows, out, |cell| number(cell.digits()) / power);
            }
            _ => gather(cells, rows, out, |_| f64::NAN),
        }, cells => gather(cells, rows, out, |cell| f64::from_bits(cell.to_bits())))
    }

    /// The finite numbers in some rows, sorted; −0 is 0.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn sorted(&self, rows: &[u32]) -> Vec<f64> {
        /// Of few values it is enough to know how often they are there.
        fn counted<T: Narrow>(cells: &[T], rows: &[u32], power: f64) -> Vec<f64> {
            let place = |cell: T| (cell.digits().max(T::LEAST - 1) - T::LEAST + 1) as usize;
            let mut counts = vec![0_u32; (T::MOST - T::LEAST) as usize + 2];
            rows.iter().for_each(|&row| counts[place(cells[row as usize])] += 1);
            let mut sorted = Vec::with_capacity(rows.len());
            for (&count, digits) in counts[1..].iter().zip(T::LEAST..) {
                sorted.extend(std::iter::repeat_n(f64::from(digits) / power, count as usize));
            }
            sorted
        }
        match (&self.store, self.kind) {
            (Store::I8(cells), Kind::Numbers(decimals)) => counted(cells, rows, POWERS[usize::from(decimals)]),
            (Store::I16(cells), Kind::Numbers(decimals)) => counted(cells, rows, POWERS[usize::from(decimals)]),
            _ => {
                let mut sorted = vec![0.0; rows.len()];
                self.numbers(rows, &mut sorted);
                sorted.retain(|x| x.is_finite());
                sorted.iter_mut().for_each(|x| *x += 0.0);
                sorted.sort_unstable_by(f64::total_cmp);
                sorted
            }
        }
    }

    /// The cells, if they are of a byte each, or so close together that there are few different ones.
    #[must_use]
    pub fn few(&self) -> Option<Few<'_>> {
        let kind = self.kind;
        match &self.store {
            Store::I8(cells) => Some(Few { among: Among::Bytes(cells), kind, n: 1 << 8 }),
            Store::I16(cells) => {
                let ends = cells.iter().fold((i16::MAX, i16::MIN), |(low, high), &x| (low.min(x), high.max(x)));
                let (least, n) = (ends.0, usize::from(ends.1.abs_diff(ends.0)) + 1);
                (n <= MOST_FEW).then_some(Few { among: Among::Close { cells, least }, kind, n })
            }
            Store::I32(_) | Store::Any(_) => None,
        }
    }

    /// The different cells in the order of their appearance, with the first row and the number of those that have them, if there are
    /// many cells for the values that there can be of their width.
    #[must_use]
    pub fn counts(&self) -> Option<Vec<(Cell, usize, u32)>> {
        /// Each value has some counts that are raised in turn: where cells are alike, each would wait for the one before.
        fn counts<const PARTS: usize, T: Narrow>(cells: &[T], of: impl Fn(T) -> Cell) -> Vec<(Cell, usize, u32)> {
            let mut counts = vec![[0_u32; PARTS]; (T::MOST - T::LEAST) as usize + 3];
            let (many, rest) = cells.as_chunks::<BLOCK>();
            for some in many {
                // What is the same all the time is counted at once.
                if *some == [some[0]; BLOCK] {
                    counts[some[0].place()][0] += BLOCK as u32;
                } else {
                    some.iter().enumerate().for_each(|(at, cell)| counts[cell.place()][at % PARTS] += 1);
                }
            }
            rest.iter().for_each(|cell| counts[cell.place()][0] += 1);
            let n = counts.iter().filter(|count| **count != [0; PARTS]).count();
            let mut found = Vec::with_capacity(n);
            for (row, &cell) in cells.iter().enumerate() {
                if found.len() == n {
                    break;
                }
                let count = std::mem::replace(&mut counts[cell.place()], [0; PARTS]);
                if count != [0; PARTS] {
                    found.push((of(cell), row, count.iter().sum()));
                }
            }
            found
        }
        let of = |digits| cell(self.kind, digits);
        match &self.store {
            Store::I8(cells) => Some(counts::<4, _>(cells, |cell| of(cell.digits()))),
            // More counts would not stay in a near cache.
            Store::I16(cells) if cells.len() >= MOST_COUNTED / 4 => {
                Some(counts::<1, _>(cells, |cell| of(cell.digits())))
            }
            Store::I16(_) | Store::I32(_) | Store::Any(_) => None,
        }
    }

    /// Marks in `found` the cells among some that are what is looked for; of few different ones, each is asked about once.
    ///
    /// # Panics
    /// If there is not a place for each cell.
    pub fn find(&self, among: &[bool], mut is_it: impl FnMut(Cell) -> bool, found: &mut [bool]) {
        fn once_each<T: Narrow>(cells: &[T], mut is_it: impl FnMut(T) -> bool) -> impl FnMut(usize) -> bool {
            let mut known = vec![None; (T::MOST - T::LEAST) as usize + 3];
            move |row| *known[cells[row].place()].get_or_insert_with(|| is_it(cells[row]))
        }
        fn mark(among: &[bool], found: &mut [bool], mut is_it: impl FnMut(usize) -> bool) {
            for (row, (found, &is_among)) in found.iter_mut().zip(among).enumerate() {
                *found |= is_among && is_it(row);
            }
        }
        assert_eq!([among.len(), found.len()], [self.len(); 2], "a place for each cell");
        let of = |digits| cell(self.kind, digits);
        match &self.store {
            Store::I8(cells) => mark(among, found, once_each(cells, |cell| is_it(of(cell.digits())))),
            Store::I16(cells) if cells.len() >= MOST_COUNTED / 4 => {
                mark(among, found, once_each(cells, |cell| is_it(of(cell.digits()))));
            }
            Store::I16(_) | Store::I32(_) | Store::Any(_) => mark(among, found, |row| is_it(self.at(row))),
        }
    }

    /// Does something with the cell of each of some rows and its place among them, which is faster than one by one.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn for_each(&self, rows: &[u32], mut f: impl FnMut(usize, Cell)) {
        let rows = rows.iter().enumerate();
        with!(&self.store,
            cells => rows.for_each(|(at, &row)| f(at, cell(self.kind, cells[row as usize].digits()))),
            cells => rows.for_each(|(at, &row)| f(at, cells[row as usize])))
    }

    /// Does something with each cell in order, which is faster than one by one.
    #[inline]
    pub fn for_all(&self, f: impl FnMut(Cell)) {
        with!(&self.store,
            cells => cells.iter().map(|narrow| cell(self.kind, narrow.digits())).for_each(f),
            cells => cells.iter().copied().for_each(f))
    }

    /// The cells of some rows by themselves.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        fn select<T: Copy>(cells: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| cells[row as usize]).collect()
        }
        let store = match &self.store {
            Store::I8(cells) => Store::I8(select(cells, rows)),
            Store::I16(cells) => Store::I16(select(cells, rows)),
            Store::I32(cells) => Store::I32(select(cells, rows)),
            Store::Any(cells) => Store::Any(select(cells, rows)),
        };
        Self { store, ..*self }
    }

    /// The cells as bytes, for [`Self::read`].
    pub fn write(&self, out: &mut Vec<u8>) -> Shape {
        let width = with!(&self.store, cells => {
            cells.iter().for_each(|cell| cell.write(out));
            width_of(cells)
        }, cells => {
            cells.iter().for_each(|cell| out.extend_from_slice(&cell.to_bits().to_le_bytes()));
            width_of(cells)
        });
        Shape { kind: self.kind, is_certain: self.is_certain, width: width as u8, len: self.len() as u32 }
    }

    /// The cells that were written at the start of some bytes, and the bytes behind them; `None` for what was not written.
    #[must_use]
    pub fn read(shape: Shape, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let Shape { kind, is_certain, width, len } = shape;
        let (bytes, rest) = bytes.split_at_checked(usize::from(width) * len as usize)?;
        let is_known = !matches!(kind, Kind::Numbers(decimals) if decimals > MOST_DECIMALS);
        let store = match (width, kind) {
            (8, Kind::Any) => {
                let of_bytes = |bytes: &[u8]| Cell::from_bits(bytes.try_into().map_or(0, u64::from_le_bytes));
                Store::Any(bytes.chunks_exact(8).map(of_bytes).collect())
            }
            (_, Kind::Any) => return None,
            (1, _) => Store::I8(read(bytes)),
            (2, _) => Store::I16(read(bytes)),
            (4, _) => Store::I32(read(bytes)),
            _ => return None,
        };
        is_known.then_some((Self { kind, is_certain, store }, rest))
    }

    /// What [`Self::extend_digits`] takes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Appends cells that are given as the column's kind has them, or are [`NO_DIGITS`].
    ///
    /// # Panics
    /// If the kind is [`Kind::Any`].
    pub fn extend_digits(&mut self, digits: &[Digits]) {
        // Without a branch for each, so that many are looked at together. Counted from the least, a text that was not kept
        // is the greatest of all, and a missing cell the one below.
        let (mut above, mut farthest, mut most) = (u32::MAX, 0, Digits::MIN);
        for &digits in digits {
            let far = digits.wrapping_sub(LEAST).cast_unsigned();
            (above, farthest, most) = (above.min(far), farthest.max(far), most.max(digits));
        }
        let has_unkept = farthest == UNKEPT.wrapping_sub(LEAST).cast_unsigned();
        if most < LEAST {
            self.widen(0, 0);
        } else {
            self.is_certain = true;
            self.widen(LEAST.wrapping_add_unsigned(above), most);
        }
        with!(&mut self.store,
            cells => extend(cells, digits, has_unkept),
            _any => unreachable!("{ONLY_DIGITS}"));
    }

    #[inline]
    pub fn push(&mut self, cell: Cell) {
        if self.kind == Kind::Any {
            let Store::Any(cells) = &mut self.store else { unreachable!("{ONLY_DIGITS}") };
            return cells.push(cell);
        }
        match cell.value() {
            Value::Missing => self.push_digits(NO_DIGITS),
            Value::UnkeptText => self.push_digits(UNKEPT),
            Value::Text(code) => {
                if !self.is_certain {
                    self.kind = Kind::Texts;
                }
                match Digits::try_from(code) {
                    Ok(code) if self.kind == Kind::Texts => self.push_digits(code),
                    _ => self.push_any(cell),
                }
            }
            Value::Number(x) => {
                if !self.is_certain {
                    self.kind = Kind::Numbers(0);
                }
                match self.digits_with_more(x) {
                    Some(digits) => self.push_digits(digits),
                    None => self.push_any(cell),
                }
            }
        }
    }

    fn push_digits(&mut self, digits: Digits) {
        self.is_certain |= digits >= LEAST;
        if !with!(&mut self.store, cells => push(cells, digits), _any => unreachable!("{ONLY_DIGITS}")) {
            self.widen(digits, digits);
            self.push_digits(digits);
        }
    }

    /// Appends cells whose texts have other codes: `texts` says by code which cell each of them is here.
    pub fn append(&mut self, more: &Self, texts: &[Cell]) {
        const PIECE: usize = 256;
        if !self.is_certain && more.is_certain && self.kind != Kind::Any && more.kind != Kind::Any {
            self.kind = more.kind;
        }
        let more_decimals = |kind| match (kind, more.kind) {
            (Kind::Numbers(decimals), Kind::Numbers(of_more)) => decimals.checked_sub(of_more),
            _ => None,
        };
        for first in (0..more.len()).step_by(PIECE) {
            let rows = first..more.len().min(first + PIECE);
            let block = more_decimals(self.kind).and_then(|decimals| {
                with!(&more.store,
                    cells => cells[rows.clone()].iter().map(|cell| with_decimals(cell.digits(), decimals)).collect(),
                    _any => None::<Vec<Digits>>)
            });
            match block {
                Some(block) => self.extend_digits(&block),
                None => self.extend(rows.map(|row| {
                    let cell = more.at(row);
                    cell.as_text().map_or(cell, |code| texts[code as usize])
                })),
            }
        }
    }

    /// Leaves those of some rows, which rise.
    pub fn keep(&mut self, rows: &[usize]) {
        with!(&mut self.store, cells => keep(cells, rows), cells => keep(cells, rows));
    }

    /// Makes all that there is `Any`, and appends one.
    fn push_any(&mut self, cell: Cell) {
        let mut cells = Vec::with_capacity(self.capacity().max(self.len() + 1));
        cells.extend(self.iter());
        cells.push(cell);
        *self = Self { kind: Kind::Any, is_certain: true, store: Store::Any(cells) };
    }

    /// The digits of a number, after those that are there got more decimals if it needs them and they can have them.
    fn digits_with_more(&mut self, x: f64) -> Option<Digits> {
        let Kind::Numbers(decimals) = self.kind else { return None };
        if let Some(digits) = digits_of(x, decimals) {
            return Some(digits);
        }
        let (more, digits) = (decimals + 1..=MOST_DECIMALS).find_map(|more| Some((more, digits_of(x, more)?)))?;
        let all = with!(&self.store,
            cells => cells.iter().map(|cell| with_decimals(cell.digits(), more - decimals)).collect::<Option<Vec<Digits>>>(),
            _any => None)?;
        let capacity = self.capacity();
        let was_certain = self.is_certain;
        *self = Self { kind: Kind::Numbers(more), ..Self::default() };
        let _ = self.try_reserve_exact(capacity);
        self.extend_digits(&all);
        self.is_certain = was_certain;
        Some(digits)
    }

    /// Makes the cells so wide that digits between these fit.
    #[inline]
    fn widen(&mut self, least: Digits, most: Digits) {
        fn wider<A: Narrow, B: Narrow>(cells: &Vec<A>) -> Vec<B> {
            let mut wider = Vec::with_capacity(cells.capacity());
            wider.extend(cells.iter().map(|cell| B::of(cell.digits())));
            wider
        }
        fn fits<T: Narrow>(least: Digits, most: Digits) -> bool {
            T::fits(least) && T::fits(most)
        }
        self.store = match &self.store {
            Store::I8(_) if fits::<i8>(least, most) => return,
            Store::I8(cells) if fits::<i16>(least, most) => Store::I16(wider(cells)),
            Store::I8(cells) => Store::I32(wider(cells)),
            Store::I16(_) if fits::<i16>(least, most) => return,
            Store::I16(cells) => Store::I32(wider(cells)),
            Store::I32(_) | Store::Any(_) => return,
        };
    }
}

/// Cells of which there are few different ones.
#[derive(Clone, Copy)]
pub struct Few<'a> {
    among: Among<'a>,
    kind: Kind,
    n: usize,
}

#[derive(Clone, Copy)]
enum Among<'a> {
    /// All that a byte may be.
    Bytes(&'a [i8]),
    /// Those from the least one on.
    Close { cells: &'a [i16], least: i16 },
}

impl Few<'_> {
    /// How many there may be.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Which of these the cells of some rows are.
    ///
    /// # Panics
    /// If there is no such row, or there are not as many places.
    pub fn which(&self, rows: &[u32], out: &mut [u16]) {
        assert_eq!(rows.len(), out.len(), "a place for each row");
        let places = rows.iter().zip(out);
        match self.among {
            Among::Bytes(cells) => places.for_each(|(&row, out)| *out = u16::from(cells[row as usize] as u8)),
            Among::Close { cells, least } => {
                places.for_each(|(&row, out)| *out = cells[row as usize].wrapping_sub(least) as u16);
            }
        }
    }

    /// One of them.
    #[must_use]
    pub fn cell(&self, which: u16) -> Cell {
        let digits = match self.among {
            Among::Bytes(_) => (which as i8).digits(),
            Among::Close { least, .. } => least.wrapping_add(which as i16).digits(),
        };
        cell(self.kind, digits)
    }
}

impl Extend<Cell> for Cells {
    fn extend<T: IntoIterator<Item = Cell>>(&mut self, cells: T) {
        cells.into_iter().for_each(|cell| self.push(cell));
    }
}

impl FromIterator<Cell> for Cells {
    fn from_iter<T: IntoIterator<Item = Cell>>(cells: T) -> Self {
        let mut all = Self::default();
        all.extend(cells);
        all
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[inline]
fn cell(kind: Kind, digits: Digits) -> Cell {
    match digits {
        NO_DIGITS => Cell::MISSING,
        UNKEPT => Cell::UNKEPT_TEXT,
        _ => match kind {
            Kind::Numbers(0) => Cell::number(f64::from(digits)),
            Kind::Numbers(decimals) => Cell::number(f64::from(digits) / POWERS[usize::from(decimals)]),
            Kind::Texts | Kind::Any => Cell::text(digits as u32),
        },
    }
}

/// The digits that give this number back to the bit, if there are any.
#[inline]
#[must_use]
pub fn digits_of(x: f64, decimals: u8) -> Option<Digits> {
    if decimals == 0 {
        let digits = x as Digits;
        return (digits >= LEAST && f64::from(digits).to_bits() == x.to_bits()).then_some(digits);
    }
    let power = POWERS[usize::from(decimals)];
    // The next whole number, by rounding towards zero.
    let digits = (x * power + if x < 0.0 { -0.5 } else { 0.5 }) as Digits;
    (digits >= LEAST && (f64::from(digits) / power).to_bits() == x.to_bits()).then_some(digits)
}

/// The same with `more` further decimals, if there is room for them.
fn with_decimals(digits: Digits, more: u8) -> Option<Digits> {
    if digits < LEAST {
        return Some(digits);
    }
    let scaled = scaled(digits.unsigned_abs(), more)?;
    Some(if digits < 0 { -scaled } else { scaled })
}

/// The digits with `more` further decimals, if there is room for them.
#[inline]
#[must_use]
pub fn scaled(digits: u32, more: u8) -> Option<Digits> {
    let scaled = u64::from(digits) * TENS[usize::from(more)];
    (scaled <= Digits::MAX as u64).then_some(scaled as Digits)
}

fn width_of<T>(_: &[T]) -> usize {
    size_of::<T>()
}

fn read<T: Narrow>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(T::read).collect()
}

/// Whether there was room for the digits.
#[inline]
fn push<T: Narrow>(cells: &mut Vec<T>, digits: Digits) -> bool {
    let fits = T::fits(digits);
    if fits {
        cells.push(T::of(digits));
    }
    fits
}

fn extend<T: Narrow>(cells: &mut Vec<T>, digits: &[Digits], has_unkept: bool) {
    cells.reserve(digits.len());
    let (blocks, rest) = if has_unkept { (&[][..], digits) } else { digits.as_chunks() };
    blocks.iter().for_each(|block| cells.extend_from_slice(&T::all_of(block)));
    cells.extend(rest.iter().map(|&digits| T::of(digits)));
}

/// What there is in some rows, which mostly follow one another.
#[inline]
fn gather<T: Copy>(cells: &[T], rows: &[u32], out: &mut [f64], of: impl Fn(T) -> f64) {
    let first = rows.first().map_or(0, |&row| row as usize);
    if rows.iter().zip(first..).all(|(&row, at)| row as usize == at) {
        out.iter_mut().zip(&cells[first..first + rows.len()]).for_each(|(out, cell)| *out = of(*cell));
    } else {
        out.iter_mut().zip(rows).for_each(|(out, &row)| *out = of(cells[row as usize]));
    }
}

#[inline]
fn number(digits: Digits) -> f64 {
    if digits < LEAST { f64::NAN } else { f64::from(digits) }
}

/// Leaves those at some places, which rise: with no branch for each, as `retain` would have.
pub fn keep<T: Copy>(all: &mut Vec<T>, places: &[usize]) {
    for (to, &from) in places.iter().enumerate() {
        all[to] = all[from];
    }
    all.truncate(places.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// What comes out must be what went in, bit by bit, by every way in and out.
    fn check(cells: &[Cell]) -> Cells {
        let stored: Cells = cells.iter().copied().collect();
        let bits = |cells: &mut dyn Iterator<Item = Cell>| cells.map(Cell::to_bits).collect::<Vec<_>>();
        let expected = bits(&mut cells.iter().copied());
        assert_eq!(bits(&mut stored.iter()), expected, "{:?}", stored.kind);
        let rows: Vec<u32> = (0..cells.len() as u32).rev().collect();
        for rows in [rows.iter().copied().rev().collect(), rows.clone()] {
            let mut numbers = vec![0.0; rows.len()];
            stored.numbers(&rows, &mut numbers);
            for (&row, x) in rows.iter().zip(numbers) {
                let cell = cells[row as usize];
                assert!(
                    if x.is_nan() { cell.as_number().is_none() } else { cell == Cell::number(x) },
                    "{cell:?} was {x}"
                );
            }
        }
        let mut bytes = vec![7];
        let shape = stored.write(&mut bytes);
        bytes.push(8);
        let (read, rest) = Cells::read(shape, &bytes[1..]).unwrap();
        assert_eq!((&read, rest), (&stored, &[8][..]));
        assert!(stored.is_empty() || Cells::read(shape, &bytes[3..]).is_none());
        assert_eq!(stored.select(&rows), stored.iter().rev().collect());
        let mut finite: Vec<f64> = cells.iter().filter_map(|cell| cell.as_number()).filter(|x| x.is_finite()).collect();
        finite.sort_by(|a, b| (a + 0.0).total_cmp(&(b + 0.0)));
        assert_eq!(
            stored.sorted(&rows).iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            finite.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>()
        );
        let counts = stored.counts();
        let n_counted = counts.iter().flatten().map(|&(.., count)| count as usize).sum::<usize>();
        assert!(counts.is_none() || n_counted == cells.len());
        assert!(counts.iter().flatten().is_sorted_by_key(|(_, row, _)| row));
        for (cell, row, count) in counts.unwrap_or_default() {
            assert_eq!(cells.iter().position(|other| *other == cell), Some(row));
            assert_eq!(cells.iter().filter(|other| **other == cell).count(), count as usize);
        }
        if let Some(few) = stored.few() {
            let mut which = vec![0; rows.len()];
            few.which(&rows, &mut which);
            let is_right = |(&row, which): (&u32, u16)| few.cell(which) == cells[row as usize];
            assert!(which.iter().all(|&which| usize::from(which) < few.n()));
            assert!(rows.iter().zip(which).all(is_right));
        }
        let is_odd = |cell: Cell| cell.to_bits() % 3 == 1;
        let among: Vec<bool> = (0..cells.len()).map(|row| row % 4 > 0).collect();
        let mut found: Vec<bool> = (0..cells.len()).map(|row| row % 5 == 0).collect();
        stored.find(&among, is_odd, &mut found);
        let is_found = |(row, cell): (usize, &Cell)| row % 5 == 0 || among[row] && is_odd(*cell);
        assert_eq!(found, cells.iter().enumerate().map(is_found).collect::<Vec<_>>());
        // In two parts, of which the second has other codes.
        let half = cells.len() / 2;
        let mut whole: Cells = cells[..half].iter().copied().collect();
        let texts: Vec<Cell> = (0..300).map(|code| Cell::text(299 - code)).collect();
        let other = |cell: &Cell| cell.as_text().map_or(*cell, |code| Cell::text(299 - code));
        whole.append(&cells[half..].iter().map(other).collect(), &texts);
        assert_eq!(bits(&mut whole.iter()), expected);
        let odd: Vec<usize> = (0..cells.len()).filter(|row| row % 2 == 1).collect();
        whole.keep(&odd);
        assert_eq!(bits(&mut whole.iter()), odd.iter().map(|&row| expected[row]).collect::<Vec<_>>());
        stored
    }

    #[test]
    fn cells_come_out_as_they_went_in() {
        let mut rng = Rng::new(3);
        for _ in 0..3000 {
            let (n, size, decimals) = (rng.below(40), 1 << rng.below(32), rng.below(9));
            // Now and then something that does not fit what came before.
            let (odd, texts) = (rng.below(8), rng.below(4) == 0);
            let cells: Vec<Cell> = (0..n)
                .map(|_| match rng.below(24 + odd) {
                    0..4 => Cell::MISSING,
                    4 => Cell::UNKEPT_TEXT,
                    5..24 if texts => Cell::text(rng.below(300)),
                    5..24 => {
                        let x = f64::from(rng.below(size)) / libm::pow(10.0, f64::from(rng.below(decimals + 1)));
                        Cell::number(if rng.below(9) == 0 { -x } else { x })
                    }
                    24 => Cell::text(rng.below(300)),
                    25 => Cell::number(rng.uniform()),
                    26 => Cell::number(f64::from(rng.below(300))),
                    _ => Cell::number(
                        [-0.0, f64::INFINITY, 1e300, 2_147_483_648.0, -2_147_483_647.0, 0.1][rng.below(6) as usize],
                    ),
                })
                .collect();
            check(&cells);
        }
    }

    #[test]
    fn cells_are_as_narrow_as_they_can_be() {
        let numbers = |numbers: &[f64]| check(&numbers.iter().map(|&x| Cell::number(x)).collect::<Vec<_>>());
        assert!(matches!(numbers(&[0.0, 127.0, -126.0]).store, Store::I8(_)));
        assert!(matches!(numbers(&[0.0, 1.0, 0.17, 1.27]).store, Store::I8(_)));
        assert!(matches!(numbers(&[128.0]).store, Store::I16(_)));
        assert!(matches!(numbers(&[-127.0]).store, Store::I16(_)));
        assert!(matches!(numbers(&[65_535.0, 0.25]).store, Store::I32(_)));
        assert!(matches!(numbers(&[2_147_483_647.0]).store, Store::I32(_)));
        assert!(matches!(numbers(&[2_147_483_648.0]).store, Store::Any(_)));
        assert!(matches!(numbers(&[20_000_000.0, 0.001]).store, Store::Any(_)));
        assert!(matches!(check(&[Cell::MISSING, Cell::text(7)]).store, Store::I8(_)));
        assert!(matches!(check(&[Cell::text(7), Cell::number(7.0)]).store, Store::Any(_)));
        assert!(matches!(check(&[Cell::MISSING; 3]).store, Store::I8(_)));
        let n_few = |all: &[f64]| numbers(all).few().map(|few| few.n());
        assert_eq!([n_few(&[1.0, 2.0]), n_few(&[1000.0, 1003.0]), n_few(&[-2000.0, -977.0])], [256, 4, 1024].map(Some));
        // The missing and the unkept are the least of two bytes.
        let low = |most: f64| check(&[Cell::number(-32_766.0), Cell::MISSING, Cell::UNKEPT_TEXT, Cell::number(most)]);
        assert_eq!([-31_745.0, -31_744.0].map(|most| low(most).few().map(|few| few.n())), [Some(1024), None]);
        assert_eq!([n_few(&[-2000.0, -976.0]), n_few(&[40_000.0, 40_001.0]), n_few(&[0.5, -0.0])], [None; 3]);
    }

    #[test]
    fn digits_are_taken_together_as_they_are_one_by_one() {
        let mut rng = Rng::new(4);
        for round in 0..1000 {
            let size = 1 << rng.below(31);
            let digits: Vec<Digits> = (0..rng.below(70))
                .map(|_| match rng.below(9) {
                    0 => NO_DIGITS,
                    1 if round % 3 == 0 => UNKEPT,
                    _ => rng.below(size) as Digits - (size / 4) as Digits,
                })
                .collect();
            let mut together = Cells::default();
            together.extend_digits(&digits);
            let one_by_one: Cells = digits.iter().map(|&digits| cell(Kind::Numbers(0), digits)).collect();
            assert_eq!(together, one_by_one);
            assert_eq!(
                together.bytes() / together.capacity().max(1),
                one_by_one.bytes() / one_by_one.capacity().max(1)
            );
        }
    }
}
