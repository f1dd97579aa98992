//! Numbers as a person reads them. English, a comma between thousands, a thin space before a unit.

use crate::domain::FitReport;
use crate::evaluate::Confusion;
use crate::explain::brief;

/// Keeps a number and its unit on one line.
const SPACE: char = '\u{202f}';

/// `1,234,567`
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.char_indices() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2,000 rows`
#[must_use]
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", count(n), if n == 1 { one } else { many })
}

/// `812 bytes`, `19.1 MB`: decimal units, three figures.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if n < 1000 {
        return format!("{n}{SPACE}{}", if n == 1 { "byte" } else { "bytes" });
    }
    let mut x = n as f64 / 1000.0;
    let mut unit = 0;
    // What would round to 1000 belongs to the next unit.
    while x >= 999.5 && unit + 1 < UNITS.len() {
        x /= 1000.0;
        unit += 1;
    }
    let decimals = if x < 9.995 { 2 } else { usize::from(x < 99.95) };
    format!("{x:.decimals$}{SPACE}{}", UNITS[unit])
}

/// `0.98 %` of `whole`; `0 %` of nothing. Never rounds something to nothing or a part to all.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return format!("0{SPACE}%");
    }
    let percent = part as f64 / whole as f64 * 100.0;
    match percent {
        p if part == whole => format!("{p:.0}{SPACE}%"),
        p if p < 0.01 => format!("<\u{2009}0.01{SPACE}%"),
        p if p > 99.99 => format!(">\u{2009}99.99{SPACE}%"),
        p if !(1.0..=99.0).contains(&p) => format!("{p:.2}{SPACE}%"),
        p => format!("{p:.1}{SPACE}%"),
    }
}

/// As [`share`], of a fraction between 0 and 1.
#[must_use]
pub fn share_of_one(x: f64) -> String {
    const PARTS: u64 = 1_000_000;
    share((x.clamp(0.0, 1.0) * PARTS as f64).round() as u64, PARTS)
}

/// A score with three decimals; a dash for an unscored row.
#[must_use]
pub fn score(x: f32) -> String {
    match x {
        x if x.is_nan() => "–".into(),
        f32::INFINITY => "∞".into(),
        x => signed(format!("{x:.3}")),
    }
}

/// A quality between 0 and 1 with three decimals, or four where three would call it perfect; a dash where it is not defined.
#[must_use]
pub fn metric(x: f64) -> String {
    match x {
        x if x.is_nan() => "–".into(),
        x if (0.9995..1.0).contains(&x) => format!("{:.4}", x.min(0.9999)),
        x => signed(format!("{x:.3}")),
    }
}

/// What a confusion comes to: precision, recall, F1 and accuracy. A dash where it would be nothing by nothing.
#[must_use]
pub fn confusion_words(counts: &Confusion) -> [String; 4] {
    let Confusion { true_positives, false_positives, true_negatives, false_negatives } = *counts;
    let (flagged, anomalies) = (true_positives + false_positives, true_positives + false_negatives);
    let either = flagged + false_negatives;
    let of = |whole: u64, x: f64| if whole == 0 { metric(f64::NAN) } else { metric(x) };
    [
        of(flagged, counts.precision()),
        of(anomalies, counts.recall()),
        of(either, counts.f1()),
        of(either + true_negatives, counts.accuracy()),
    ]
}

/// `340 ms`, `2.4 s`, `3 min 20 s`
#[must_use]
pub fn duration(milliseconds: f64) -> String {
    let milliseconds = milliseconds.max(0.0);
    let seconds = milliseconds / 1000.0;
    match seconds {
        s if s < 0.9995 => format!("{milliseconds:.0}{SPACE}ms"),
        s if s < 59.95 => format!("{s:.1}{SPACE}s"),
        s => {
            let s = s.round() as u64;
            format!("{}{SPACE}min {}{SPACE}s", s / 60, s % 60)
        }
    }
}

/// Whether an area under the ROC curve is no better than that of a coin.
#[must_use]
pub fn has_no_skill(auc: f64) -> bool {
    auc <= NO_SKILL
}

/// Below this a ranking is rather upside down than blind.
pub const WORSE_THAN_CHANCE: f64 = 0.45;
/// Chance is 0.5; a lucky seed on few anomalies reaches this.
const NO_SKILL: f64 = 0.55;

/// What an area under the ROC curve says, in words that do not flatter.
#[must_use]
pub fn auc_words(auc: f64) -> &'static str {
    match auc {
        a if a.is_nan() => "Cannot be judged: only one class is labelled.",
        a if a < WORSE_THAN_CHANCE => {
            "Worse than chance: in this file the labelled anomalies look more ordinary than the rest."
        }
        a if has_no_skill(a) => "No better than chance: here a high score says nothing about the label.",
        a if a < 0.7 => "Weak: only a little better than chance.",
        a if a < 0.85 => "Fair: anomalies tend to score higher.",
        a if a < 0.95 => "Good: most anomalies score above most normal rows.",
        _ => "Very good: nearly all anomalies score above normal rows.",
    }
}

/// A true minus sign, and none before zero.
fn signed(text: String) -> String {
    match text.strip_prefix('-') {
        None => text,
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.into(),
        Some(rest) => format!("−{rest}"),
    }
}

/// A population stability index with two decimals.
#[must_use]
pub fn drift(x: f64) -> String {
    if x < 100.0 { format!("{x:.2}") } else { ">\u{2009}100".into() }
}

/// Columns that are named where a file does not fit.
const DRIFTING: usize = 3;

/// In one line, whether and how well a file fits a pack, and where it does not, what is most unlike.
#[must_use]
pub fn drift_words(fit: &FitReport) -> String {
    let (drift, limit) = (drift(fit.drift), drift(fit.limit));
    if fit.accepted {
        return format!("This file is of the kind that {} knows: drift {drift}, within its limit of {limit}", fit.pack);
    }
    let most: Vec<&str> = fit.columns.iter().take(DRIFTING).map(|column| brief(&column.label)).collect();
    let most = if most.is_empty() { String::new() } else { format!(", most in {}", most.join(", ")) };
    format!("This file is not of the kind that {} knows: drift {drift}, beyond its limit of {limit}{most}", fit.pack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ColumnFit;

    #[test]
    fn counts() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (125_973, "125,973"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(plural(1, "row", "rows"), "1\u{a0}row");
        assert_eq!(plural(2000, "row", "rows"), "2,000\u{a0}rows");
    }

    #[test]
    fn sizes() {
        for (n, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.00 kB"),
            (19_109_424, "19.1 MB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (9_996_000, "10.0 MB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(n).replace(SPACE, " "), text);
        }
    }

    #[test]
    fn shares() {
        for (part, whole, text) in [
            (0, 10, "0 %"),
            (10, 10, "100 %"),
            (1, 0, "0 %"),
            (1, 3, "33.3 %"),
            (1, 200, "0.50 %"),
            (1, 1_000_000, "<\u{2009}0.01 %"),
            (999_999, 1_000_000, ">\u{2009}99.99 %"),
            (995, 1000, "99.50 %"),
        ] {
            assert_eq!(share(part, whole).replace(SPACE, " "), text);
        }
    }

    #[test]
    fn fractions() {
        for (x, text) in [(0.973, "97.3 %"), (1.0, "100 %"), (0.0, "0 %"), (2.0, "100 %")] {
            assert_eq!(share_of_one(x).replace(SPACE, " "), text);
        }
    }

    #[test]
    fn scores_metrics_and_durations() {
        for (x, text) in [
            (0.6124, "0.612"),
            (-0.25, "−0.250"),
            (-0.0001, "0.000"),
            (f32::INFINITY, "∞"),
            (12.0, "12.000"),
            (f32::NAN, "–"),
        ] {
            assert_eq!(score(x), text);
        }
        for (x, text) in [(0.973_4, "0.973"), (1.0, "1.000"), (0.999_62, "0.9996"), (0.999_999, "0.9999")] {
            assert_eq!(metric(x), text);
        }
        for (ms, text) in
            [(12.4, "12 ms"), (999.6, "1.0 s"), (2449.0, "2.4 s"), (200_000.0, "3 min 20 s"), (-1.0, "0 ms")]
        {
            assert_eq!(duration(ms).replace(SPACE, " "), text);
        }
    }

    #[test]
    fn a_share_of_nothing_is_a_dash() {
        let check = |[tp, fp, tn, fn_]: [u64; 4], expected: [&str; 4]| {
            let counts =
                Confusion { true_positives: tp, false_positives: fp, true_negatives: tn, false_negatives: fn_ };
            assert_eq!(confusion_words(&counts), expected, "{counts:?}");
        };
        check([1, 1, 2, 0], ["0.500", "1.000", "0.667", "0.750"]);
        check([0, 0, 3, 1], ["–", "0.000", "0.000", "0.750"]);
        check([0, 1, 3, 0], ["0.000", "–", "0.000", "0.750"]);
        check([0, 1, 0, 1], ["0.000", "0.000", "0.000", "0.000"]);
        check([0, 0, 0, 0], ["–", "–", "–", "–"]);
    }

    #[test]
    fn chance_is_called_chance() {
        for (auc, start) in
            [(0.5, "No better"), (0.545, "No better"), (0.3, "Worse"), (0.6, "Weak"), (0.99, "Very good")]
        {
            assert!(auc_words(auc).starts_with(start), "{auc}");
        }
        assert!(has_no_skill(0.5) && !has_no_skill(0.6) && !has_no_skill(f64::NAN));
        assert!(auc_words(f64::NAN).starts_with("Cannot"));
    }

    #[test]
    fn tells_whether_a_file_fits() {
        let column =
            |name: &str| ColumnFit { name: name.into(), label: name.into(), psi: 1.0, foreign: 0.0, missing: 0.0 };
        let columns = vec![column("Balance of bytes (1 all sent, −1 all received)"), column("Rate (in)")];
        let fit = |accepted, drift| FitReport {
            pack: "p".into(),
            accepted,
            drift,
            limit: 0.5,
            rows: 1,
            columns: columns.clone(),
        };
        assert_eq!(
            drift_words(&fit(true, 0.123)),
            "This file is of the kind that p knows: drift 0.12, within its limit of 0.50"
        );
        assert_eq!(
            drift_words(&fit(false, 1e9)),
            "This file is not of the kind that p knows: drift >\u{2009}100, beyond its limit of 0.50, most in Balance of \
             bytes, Rate (in)"
        );
    }
}
