//! Times written year first (ISO 8601 and its kin), as the seconds that they stand for.
//!
//! Day-first and month-first dates are refused: nothing in them tells the two apart.

/// A stretch of time: a day alone is a whole day, a minute a whole minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Seconds since 1970 in UTC, which is also taken for times without a zone.
    pub start: f64,
    /// Seconds; 0 for a time with a fraction.
    pub length: f64,
}

/// `2017-07-04`, `2017/07/04 08:55`, `2017-07-04T08:55:58.123456+02:00` and their like.
#[must_use]
pub fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let separator = date.as_bytes()[4];
    if !matches!(separator, b'-' | b'/') || date.as_bytes()[7] != separator {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
    let days = i64::from(days_since_1970(year, month, day));
    // There is no 31 February.
    if civil(days) != (year.into(), month.into(), day.into()) {
        return None;
    }
    let midnight = days as f64 * 86_400.0;
    if rest.is_empty() {
        return Some(Moment { start: midnight, length: 86_400.0 });
    }
    let (clock, zone) = cut_zone(rest.strip_prefix(['T', 't', ' '])?)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (digits_below(24, parts.next()?)?, digits_below(60, parts.next()?)?);
    let (second, length) = match parts.next() {
        None => (0.0, 60.0),
        Some(second) => match second.split_once(['.', ',']) {
            None => (f64::from(digits(second)?), 1.0),
            Some((whole, fraction)) => {
                if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                (f64::from(digits(whole)?) + format!("0.{fraction}").parse::<f64>().ok()?, 0.0)
            }
        },
    };
    // A leap second is the 60th.
    let sound = second < 61.0 && parts.next().is_none();
    let start = midnight + f64::from(hour * 3600 + minute * 60) + second - f64::from(zone);
    sound.then_some(Moment { start, length })
}

/// `2017-07-04 08:55:58` in UTC; seconds that are far from our years as `+12 s`, since they count from somewhere else.
#[must_use]
pub fn format(seconds: f64) -> String {
    // 1973 to 2286, ten digits or nearly.
    if !(1e8..1e10).contains(&seconds) {
        return format!("+{seconds:.0}\u{202f}s");
    }
    let whole = libm::floor(seconds) as i64;
    let (days, second) = (whole.div_euclid(86_400), whole.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The time of day, and by how many seconds its zone is ahead of UTC.
fn cut_zone(text: &str) -> Option<(&str, i32)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("UTC")) {
        return Some((clock.trim_end(), 0));
    }
    let Some(at) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (clock, zone) = text.split_at(at);
    let (sign, zone) = (if zone.starts_with('-') { -1 } else { 1 }, zone[1..].replace(':', ""));
    let (hours, minutes) = zone.split_at_checked(2)?;
    let minutes = match minutes.len() {
        0 => 0,
        2 => digits_below(60, minutes)?,
        _ => return None,
    };
    Some((clock.trim_end(), sign * (digits_below(24, hours)? * 3600 + minutes * 60)))
}

/// A number of digits alone.
fn digits(text: &str) -> Option<i32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn digits_below(end: i32, text: &str) -> Option<i32> {
    digits(text).filter(|&x| x < end)
}

/// Days of the Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of the Gregorian calendar, from days since 1970, counted in the same eras.
#[must_use]
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["1999-12-31 23:59:59", "2000-02-29 00:00:00", "2000-03-01 12:00:00", "2024-12-31 08:05:09"] {
            assert_eq!(format(parse(text).unwrap().start), text);
        }
        assert_eq!(format(12.0), "+12\u{202f}s");
    }

    #[test]
    fn times_are_read() {
        let check = |text: &str, expected: Option<(f64, f64)>| {
            assert_eq!(parse(text).map(|moment| (moment.start, moment.length)), expected, "{text}");
        };
        check("1970-01-01", Some((0.0, 86_400.0)));
        check("2000-03-01 00:00", Some((951_868_800.0, 60.0)));
        check("2017-07-04T08:55:58", Some((1_499_158_558.0, 1.0)));
        check("2017/07/04 08:55:58.5", Some((1_499_158_558.5, 0.0)));
        check(" 2017-07-04T10:55:58+02:00 ", Some((1_499_158_558.0, 1.0)));
        check("2017-07-04 05:25:58 -0330", Some((1_499_158_558.0, 1.0)));
        check("2017-07-04T08:55:58,25Z", Some((1_499_158_558.25, 0.0)));
        for text in ["", "4/7/2017 8:55", "04/07/2017 08:55:58", "2017-13-01", "2017-07-04 25:00", "2017-07-04x"] {
            check(text, None);
        }
        for text in ["2017-07-04T", "2017-07-04 08:55:58.", "2017-07-04 08:55+2", "1499158558.123", "日本語日本語"]
        {
            check(text, None);
        }
        for text in [
            "2017-07-04 08:55:58.12345678é",
            "2017-07-04 08:55:58.1e5",
            "2017-07-04 08:55:58+0299999999",
            "2017-07-04 08:55:58+99:00",
            "2017-07-04 08:55:58+02:99",
            "2017-07-04 08:55:58+2:00",
            "2017-07-04 999999999:00",
            "2024-02-31",
            "2023-02-29 10:00",
            "2024-04-31",
            "2024-00-10",
            "2024-01-00",
        ] {
            check(text, None);
        }
    }
}
