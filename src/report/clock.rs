//! Times of a file as seconds, and seconds as a person reads them: dates and ticks in UTC.
//!
//! Numbers that cannot be a time of our age are taken for seconds of the file's own clock, such as those since a capture began,
//! and get no date. Leap seconds and time zones of the reader are left out: logs of several networks share only UTC.

use super::{Axis, Tick, nice_ticks};
use crate::schema::time;
use crate::table::{Column, Value};
use serde::{Deserialize, Serialize};

/// How a column's cells tell the time. Found once for a file, so that all its parts agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Dates as text, year first.
    Written,
    /// Numbers since 1970, so many of them a second.
    Since1970 { per_second: f64 },
    /// Seconds since something else.
    Own,
}

/// The earliest and the latest of some times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// In seconds; `None` before the first.
    pub ends: Option<(f64, f64)>,
}

/// Cells that tell which clock it is.
const VOTES: usize = 255;

impl Clock {
    /// That of most of the first cells that tell a time: a zero stands for none in some logs.
    #[must_use]
    pub fn of(column: &Column) -> Option<Self> {
        let clocks = column.cells.iter().filter_map(|cell| match cell.value() {
            Value::Number(x) if x.is_finite() => Some(Self::of_number(x)),
            Value::Text(code) => time::parse(column.dictionary.text(code)).map(|_| Self::Written),
            _ => None,
        });
        let mut votes: Vec<(Self, u32)> = Vec::new();
        for clock in clocks.take(VOTES) {
            match votes.iter_mut().find(|(other, _)| *other == clock) {
                Some((_, n)) => *n += 1,
                None => votes.push((clock, 1)),
            }
        }
        // The first of those with as many votes.
        votes.into_iter().rev().max_by_key(|(_, n)| *n).map(|(clock, _)| clock)
    }

    /// 1e8 is a day in 1973, 1e10 one in 2286; a thousand times as many are milliseconds, and so on to nanoseconds.
    fn of_number(x: f64) -> Self {
        let unit = [1.0, 1e3, 1e6, 1e9].into_iter().find(|unit| (1e8..1e10).contains(&(x / unit)));
        unit.map_or(Self::Own, |per_second| Self::Since1970 { per_second })
    }

    /// The seconds that a cell stands for.
    #[must_use]
    pub fn seconds(self, column: &Column, row: u32) -> Option<f64> {
        match (self, column.cells.at(row as usize).value()) {
            (Self::Written, Value::Text(code)) => time::parse(column.dictionary.text(code)).map(|moment| moment.start),
            (Self::Since1970 { per_second }, Value::Number(x)) => Some(x / per_second).filter(|x| x.is_finite()),
            (Self::Own, Value::Number(x)) => Some(x).filter(|x| x.is_finite()),
            _ => None,
        }
    }

    /// About `n` ticks between two times, at round hours and dates where the clock has such.
    #[must_use]
    pub fn axis(self, low: f64, high: f64, n: usize) -> Axis {
        let step = step_for((high - low) / n.max(1) as f64);
        // Parts of a second are lost in the large numbers that dates are, so ticks are found within their second.
        let second = libm::floor(low);
        let parts = || nice_ticks(low - second, high - second, n).into_iter().map(|part| second + part).collect();
        let at = if step < 1.0 { parts() } else { multiples(step, low, high) };
        let (label, name): (fn(f64, f64) -> String, String) = match self {
            Self::Own => (elapsed, "Time by the file's own clock".into()),
            Self::Written | Self::Since1970 { .. } => (clock_time, days_words(low, high)),
        };
        Axis { name, low, high, ticks: at.into_iter().map(|at| Tick { at, label: label(at, step) }).collect() }
    }
}

impl Extent {
    pub fn add(&mut self, seconds: f64) {
        let (low, high) = self.ends.unwrap_or((seconds, seconds));
        self.ends = Some((low.min(seconds), high.max(seconds)));
    }

    pub fn merge(&mut self, other: &Self) {
        if let Some((low, high)) = other.ends {
            self.add(low);
            self.add(high);
        }
    }
}

/// The least step, in seconds, that a clock names and that is at least this: seconds, minutes and hours by their own
/// divisors, then days.
#[must_use]
pub fn step_for(least: f64) -> f64 {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3600.0;
    const STEPS: [f64; 17] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        3.0 * HOUR,
        6.0 * HOUR,
        12.0 * HOUR,
    ];
    let power = |x: f64| {
        let power = libm::pow(10.0, libm::floor(libm::log10(x)));
        power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= x * (1.0 - 1e-9)).unwrap_or(10.0)
    };
    match least {
        x if !(x > 0.0 && x.is_finite()) => 1.0,
        x if x <= 0.5 => power(x),
        x => STEPS.into_iter().find(|&step| step >= x).unwrap_or_else(|| DAY * power(x / DAY).max(1.0)),
    }
}

const DAY: f64 = 86_400.0;

/// `2017-07-04 08:55:58 UTC`
#[must_use]
pub fn date_time(seconds: f64) -> String {
    format!("{} {} UTC", date(seconds), time_of_day(seconds, 1.0))
}

/// `2017-07-04`
fn date(seconds: f64) -> String {
    // Beyond this the calendar has no meaning, and whole days no exact number.
    let days = libm::floor(seconds / DAY).clamp(-1e8, 1e8) as i64;
    let (year, month, day) = time::civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `08:55`, with seconds and their parts where the step needs them.
fn time_of_day(seconds: f64, step: f64) -> String {
    let decimals = if step < 1.0 { libm::ceil(-libm::log10(step) - 1e-9).clamp(1.0, 9.0) as usize } else { 0 };
    let unit = libm::pow(10.0, decimals as f64);
    // Cut off, not rounded, so that the last moment of a day stays in it; what is lost to the width of a number is given back.
    let parts = libm::floor((seconds - libm::floor(seconds / DAY) * DAY) * unit + 1e-3);
    let whole = libm::floor(parts / unit);
    let (hours, minutes) = ((whole / 3600.0) as u32 % 24, (whole / 60.0) as u32 % 60);
    let rest = (parts - libm::floor(whole / 60.0) * 60.0 * unit) / unit;
    let width = if decimals > 0 { decimals + 3 } else { 2 };
    match step {
        step if step >= 60.0 => format!("{hours:02}:{minutes:02}"),
        _ => format!("{hours:02}:{minutes:02}:{rest:0width$.decimals$}"),
    }
}

/// The tick's date where a day begins, else its time.
fn clock_time(seconds: f64, step: f64) -> String {
    if libm::floor(seconds / DAY) * DAY == seconds { date(seconds) } else { time_of_day(seconds, step) }
}

/// `1 d 2 h`, in units that the step is a multiple of.
fn elapsed(seconds: f64, step: f64) -> String {
    if step < 1.0 {
        let decimals = libm::ceil(-libm::log10(step) - 1e-9).clamp(1.0, 9.0) as usize;
        return format!("{seconds:.decimals$} s").replace('-', "−");
    }
    let mut rest = seconds.abs();
    let mut words = Vec::new();
    for (unit, name) in [(DAY, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")] {
        let whole = libm::floor(rest / unit);
        rest -= whole * unit;
        if whole > 0.0 {
            words.push(format!("{whole} {name}"));
        }
    }
    match (words.is_empty(), seconds < 0.0) {
        (true, _) => "0 s".into(),
        (false, true) => format!("−{}", words.join(" ")),
        (false, false) => words.join(" "),
    }
}

fn days_words(low: f64, high: f64) -> String {
    let (first, last) = (date(low), date(high));
    if first == last { format!("Time in UTC, {first}") } else { format!("Time in UTC, {first} to {last}") }
}

fn multiples(step: f64, low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (libm::ceil(low / step), libm::floor(high / step));
    let n = last - first + 1.0;
    let n = if n.is_finite() && n > 0.0 { n as u32 } else { 0 };
    (0..n).map(|i| (first + f64::from(i)) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Cell, Cells};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn dates_are_those_that_they_were_read_from() {
        for text in ["1970-01-01", "1969-12-31", "2000-02-29", "2024-02-29", "2100-03-01", "2017-07-04", "1600-01-01"] {
            assert_eq!(date(time::parse(text).unwrap().start), text);
        }
        for days in (-200_000..200_000).step_by(97) {
            let text = date(f64::from(days) * DAY);
            assert_eq!(time::parse(&text).unwrap().start, f64::from(days) * DAY, "{text}");
        }
        assert_eq!(date_time(1_499_158_558.9), "2017-07-04 08:55:58 UTC");
        assert_eq!(date_time(-0.4), "1969-12-31 23:59:59 UTC");
    }

    #[test]
    fn a_clock_is_told_by_its_numbers() {
        let since = |per_second| Some(Clock::Since1970 { per_second });
        for (cell, clock, seconds) in [
            (Cell::number(1_499_158_558.5), since(1.0), Some(1_499_158_558.5)),
            (Cell::number(1_499_158_558_500.0), since(1e3), Some(1_499_158_558.5)),
            (Cell::number(1_499_158_558_500_000.0), since(1e6), Some(1_499_158_558.5)),
            (Cell::number(1_499_158_558_500_000_000.0), since(1e9), Some(1_499_158_558.5)),
            (Cell::number(12.5), Some(Clock::Own), Some(12.5)),
            (Cell::text(0), Some(Clock::Written), Some(1_499_158_558.0)),
            (Cell::text(1), None, None),
            (Cell::MISSING, None, None),
            (Cell::number(f64::INFINITY), None, None),
        ] {
            let mut column = Column { cells: Cells::from_iter([Cell::MISSING, cell]), ..Column::default() };
            column.dictionary.code("2017-07-04 08:55:58");
            column.dictionary.code("4 July");
            assert_eq!(Clock::of(&column), clock, "{cell:?}");
            assert_eq!(clock.and_then(|clock| clock.seconds(&column, 1)), seconds, "{cell:?}");
        }
    }

    #[test]
    fn a_few_zeros_are_outvoted() {
        let times = [0.0, 1.5e9, 0.0, 1.6e9, 1.7e9];
        let column = Column { cells: times.map(Cell::number).into_iter().collect(), ..Column::default() };
        assert_eq!(Clock::of(&column), Some(Clock::Since1970 { per_second: 1.0 }));
    }

    #[test]
    fn ticks_stand_at_round_times() {
        let start = time::parse("2017-07-04 21:40").unwrap().start;
        let check = |clock: Clock, low: f64, length: f64, n, name: &str, expected: &[&str]| {
            let axis = clock.axis(low, low + length, n);
            let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!((axis.name.as_str(), labels.as_slice()), (name, expected));
        };
        let two = "Time in UTC, 2017-07-04 to 2017-07-05";
        check(Clock::Written, start, 4.0 * 3600.0, 4, two, &["22:00", "23:00", "2017-07-05", "01:00"]);
        let one = "Time in UTC, 2017-07-04";
        check(Clock::Written, start, 30.0, 3, one, &["21:40:00", "21:40:10", "21:40:20", "21:40:30"]);
        check(Clock::Written, start, 0.5, 3, one, &["21:40:00.0", "21:40:00.2", "21:40:00.4"]);
        let days = "Time in UTC, 2017-07-04 to 2017-07-14";
        check(
            Clock::Written,
            start,
            9.5 * DAY,
            5,
            days,
            &["2017-07-05", "2017-07-07", "2017-07-09", "2017-07-11", "2017-07-13"],
        );
        check(
            Clock::Own,
            0.0,
            7200.0,
            4,
            "Time by the file's own clock",
            &["0 s", "30 min", "1 h", "1 h 30 min", "2 h"],
        );
        check(Clock::Own, 5.0, 0.0, 4, "Time by the file's own clock", &["5 s"]);
        assert!(Clock::Own.axis(f64::NEG_INFINITY, f64::INFINITY, 4).ticks.is_empty());
    }

    #[test]
    fn extents_add_up() {
        let mut all = Extent::default();
        let mut part = Extent::default();
        [3.0, -1.0, 2.0].into_iter().for_each(|x| part.add(x));
        all.merge(&Extent::default());
        all.merge(&part);
        all.add(9.0);
        assert_eq!(all.ends, Some((-1.0, 9.0)));
    }
}
