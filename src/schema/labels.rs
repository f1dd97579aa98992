//! Which column says what a record truly is, and which of its values mean normal. For evaluation only.

use super::layouts::fold;
use super::summary::Summary;
use super::{Role, Schema};
use crate::table::{Column, Table, Value};

/// The label of a record.
pub const NORMAL: u8 = 0;
pub const ANOMALY: u8 = 1;
pub const UNKNOWN: u8 = 2;

/// Folded names of columns that hold labels and nothing else, the likeliest first.
const LABELS: &[&str] = &[
    "label",
    "labels",
    "labelb",
    "binarylabel",
    "labelbinary",
    "isanomaly",
    "anomaly",
    "isattack",
    "isoutlier",
    "outlier",
    "ismalicious",
    "malicious",
    "isintrusion",
    "intrusion",
    "groundtruth",
    "attackflag",
    "attack",
    "attacklabel",
    "attacktype",
    "attacktypes",
    "attackname",
    "attackcat",
    "attackcategory",
    "detailedlabel",
    "detailedlabels",
    "labelname",
    "multilabel",
    "attackclass",
];
/// The same for names that other columns have too: only a value that means normal makes them labels.
const PERHAPS_LABELS: &[&str] =
    &["class", "classlabel", "target", "outcome", "traffictype", "category", "type", "subcategory", "y"];
/// Folded names of columns that name attacks, the likeliest first.
const ATTACK_NAMES: &[&str] = &[
    "attackcat",
    "attackcategory",
    "attackname",
    "attacktype",
    "attacktypes",
    "attack",
    "attackclass",
    "detailedlabel",
    "detailedlabels",
    "multilabel",
    "labelname",
    "label",
    "labels",
    "class",
    "classlabel",
    "type",
    "category",
    "subcategory",
    "traffictype",
];

/// The columns that hold labels.
#[derive(Debug, Default)]
pub struct Found {
    pub label: Option<usize>,
    pub attack_name: Option<usize>,
    /// Labels as well, though not used.
    pub others: Vec<usize>,
}

/// Finds the label columns among those that `may_be` one.
#[must_use]
pub fn find(table: &Table, summaries: &[Summary], may_be: impl Fn(usize) -> bool) -> Found {
    let mut candidates: Vec<(usize, usize, usize)> = Vec::new();
    let (mut unusable, mut doubtful) = (Vec::new(), Vec::new());
    let columns = || table.columns.iter().enumerate().filter(|(at, _)| may_be(*at));
    for (at, column) in columns() {
        let (folded, summary) = (fold(without_repeat(&column.name)), &summaries[at]);
        let sure = LABELS.iter().position(|name| *name == folded);
        let perhaps = PERHAPS_LABELS.iter().position(|name| *name == folded).map(|place| place + LABELS.len());
        let Some(place) = sure.or(perhaps) else { continue };
        let values = summary.few_numbers.len() + summary.distinct_texts;
        // A long list of numbers is a measurement, whatever it is called.
        let is_usable = summary.has_few_numbers() && !normal_values(column, summary, sure.is_some()).is_empty();
        if is_usable {
            candidates.push((usize::from(values > 2), place, at));
        } else if sure.is_none() {
            // Beside a label, a column of such a name would tell the label to the models.
            doubtful.push(at);
        } else {
            unusable.push((place, at));
        }
    }
    candidates.sort_unstable();
    unusable.sort_unstable();
    let has_values = |at: usize| summaries[at].present() > 0;
    let label = candidates
        .first()
        .map(|&(.., at)| at)
        .or_else(|| unusable.iter().map(|&(_, at)| at).find(|&at| has_values(at) && summaries[at].has_few_numbers()));
    let is_label = |at: usize| candidates.iter().any(|c| c.2 == at) || unusable.iter().any(|u| u.1 == at);
    let names_attacks = |at: usize| Some(at) != label && is_label(at) && summaries[at].distinct_texts > 0;
    let attack_name = label.and_then(|_| {
        let place = |column: &Column| ATTACK_NAMES.iter().position(|name| *name == fold(&column.name));
        let named = columns().filter(|(at, _)| names_attacks(*at));
        named.filter_map(|(at, column)| Some((place(column)?, at))).min().map(|(_, at)| at)
    });
    let tells =
        |at: usize| is_label(at) || label.is_some() && doubtful.contains(&at) && summaries[at].has_few_numbers();
    let others = (0..table.columns.len()).filter(|&at| tells(at) && Some(at) != label && Some(at) != attack_name);
    Found { label, attack_name, others: others.collect() }
}

/// The name without the number that told it from an earlier column of the same name.
fn without_repeat(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

/// The values of a column that mean normal, as text. With `sure` false the column's name does not say that it
/// holds labels, so its values must.
#[must_use]
pub fn normal_values(column: &Column, summary: &Summary, sure: bool) -> Vec<String> {
    let texts =
        |means: fn(&str) -> bool| column.dictionary.iter().filter(move |text| means(text)).map(ToOwned::to_owned);
    let mut values: Vec<String> = texts(means_normal).collect();
    if values.is_empty() && sure {
        values.extend(texts(answers_no));
    }
    let numbers = &summary.few_numbers;
    let are = |allowed: &[f64]| !numbers.is_empty() && numbers.iter().all(|x| allowed.contains(x));
    if are(&[-1.0, 1.0]) && numbers.contains(&-1.0) {
        // scikit-learn's outlier detectors: -1 is an outlier.
        values.push("1".into());
    } else if are(&[0.0, 1.0]) || sure && summary.integers && summary.has_few_numbers() && numbers.contains(&0.0) {
        values.push("0".into());
    }
    if values.is_empty() {
        // Traffic nobody looked at stands for normal only where nothing else does.
        values.extend(texts(means_background));
    }
    values
}

/// 0 normal, 1 anomaly, 2 unknown, for each row; `None` without a label column of which some value is known to mean normal.
#[must_use]
pub fn labels(table: &Table, schema: &Schema) -> Option<Vec<u8>> {
    let column = table.columns.get(schema.label_column()?)?;
    let found;
    let normal = if schema.normal_labels.is_empty() {
        found = normal_values(column, &Summary::of(column, table.bad.len()), true);
        &found
    } else {
        &schema.normal_labels
    };
    if normal.is_empty() {
        return None;
    }
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let of_text = |text: &str| match () {
        () if normal.iter().any(|normal| same(normal, text)) => NORMAL,
        () if means_unknown(text) || means_background(text) => UNKNOWN,
        () => ANOMALY,
    };
    let codes: Vec<u8> = column.dictionary.iter().map(of_text).collect();
    let numbers: Vec<f64> = normal.iter().filter_map(|text| text.trim().parse().ok()).collect();
    let of_cell = |value: Value| match value {
        Value::Number(x) if numbers.contains(&x) => NORMAL,
        Value::Number(_) => ANOMALY,
        Value::Text(code) => codes[code as usize],
        Value::Missing | Value::UnkeptText => UNKNOWN,
    };
    Some(column.cells.iter().map(|cell| of_cell(cell.value())).collect())
}

impl Schema {
    /// Finds the values that mean normal in the label column again, after a change of roles, and warns if there is none.
    pub fn find_normal_labels(&mut self, table: &Table) {
        self.warnings.retain(|warning| !warning.starts_with(NO_NORMAL));
        self.normal_labels.clear();
        let Some(at) = self.label_column().filter(|&at| at < table.columns.len()) else { return };
        let column = &table.columns[at];
        self.normal_labels = normal_values(column, &Summary::of(column, table.bad.len()), true);
        if self.normal_labels.is_empty() {
            let name = &column.name;
            self.warnings.push(format!(
                "{NO_NORMAL} in column \"{name}\", so nothing can be evaluated: \
                 choose another label column, or write normal records as `normal` or `0`"
            ));
        } else if self.normal_labels.iter().all(|text| means_background(text)) {
            self.warnings.push(format!("{NO_NORMAL}, but background traffic is taken for it"));
        }
    }

    /// The column of the labels.
    #[must_use]
    pub fn label_column(&self) -> Option<usize> {
        self.columns.iter().position(|column| column.role == Role::Label)
    }

    /// The column that names the attacks: that of the labels where it holds names and no other column does.
    #[must_use]
    pub fn attack_column(&self) -> Option<usize> {
        let named = self.columns.iter().position(|column| column.role == Role::AttackName);
        named.or_else(|| self.label_column().filter(|&at| self.columns[at].kind == super::Kind::Category))
    }
}

const NO_NORMAL: &str = "No value is known to be normal";

fn means_normal(text: &str) -> bool {
    if ["nontor", "nonvpn", "notattack", "noattack", "nonattack", "inlier"].contains(&fold(text).as_str()) {
        return true;
    }
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    let normal = words.clone().any(|word| ["normal", "benign", "legitimate", "legit", "natural"].contains(&word));
    normal && !words.any(|word| ["not", "non", "ab", "no"].contains(&word))
}

/// The answer to the question that a column such as `is_attack` asks.
fn answers_no(text: &str) -> bool {
    ["false", "no", "n", "f", "clean", "good"].contains(&fold(text).as_str())
}

fn means_background(text: &str) -> bool {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| word == "background")
}

fn means_unknown(text: &str) -> bool {
    ["needmanuallabel", "unknown", "unlabeled", "unlabelled", "nolabel", "none", "na"].contains(&fold(text).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reader;
    use crate::schema::detect;

    #[test]
    fn what_means_normal() {
        for text in [
            "normal",
            "normal.",
            " Normal",
            "BENIGN",
            "Normal Traffic",
            "nonTOR",
            "Non-Tor",
            "flow=From-Normal-V42-Stribrek",
        ] {
            assert!(means_normal(text), "{text}");
        }
        for text in ["abnormal", "not normal", "Non-benign", "TOR", "DoS", "", "-", "Background", "neptune"] {
            assert!(!means_normal(text), "{text}");
        }
    }

    /// Reads a column of this name beside one of numbers, and gives the labels' digits, `?` for none, with the values that
    /// mean normal.
    fn check(name: &str, values: &[&str], expected: &str, normal: &[&str]) {
        let rows: Vec<String> = values.iter().zip(10..).map(|(value, x)| format!("{x},{value}\n")).collect();
        let text = format!("x,{name}\n{}", rows.concat());
        let mut reader = Reader::new();
        reader.push(text.as_bytes()).unwrap();
        let table = reader.finish().unwrap().table;
        let schema = detect(&table, None);
        let digits = |labels: Vec<u8>| labels.iter().map(u8::to_string).collect();
        let found: String = labels(&table, &schema).map_or_else(|| "?".into(), digits);
        let found_normal: Vec<&str> = schema.normal_labels.iter().map(String::as_str).collect();
        assert_eq!((found.as_str(), found_normal.as_slice()), (expected, normal), "{name}: {values:?}");
        let is_feature = schema.feature_columns().any(|at| at == 1);
        assert!(expected == "?" || !is_feature, "{name} is a feature");
    }

    #[test]
    fn labels_are_found_by_name_and_value() {
        check("label", &["0", "1", "0", ""], "0102", &["0"]);
        check("Label", &["BENIGN", "DoS", " benign ", "NeedManualLabel", "-"], "01022", &["BENIGN", "benign"]);
        check("Label", &["NeedManualLabel", "NeedManualLabel"], "?", &[]);
        check("label", &["1", "1"], "11", &["0"]);
        check("outlier", &["-1", "1", "1"], "100", &["1"]);
        check("label", &["0", "3", "7"], "011", &["0"]);
        check("label", &["Benign", "Background", "Malicious"], "021", &["Benign"]);
        check("label", &["Background", "Malicious"], "01", &["Background"]);
        check("IsAnomaly", &["False", "True"], "01", &["False"]);
        check("Attack Type", &["Normal Traffic", "DDoS", "Bots"], "011", &["Normal Traffic"]);
        check("class", &["normal", "anomaly"], "01", &["normal"]);
        check("class", &["red", "blue"], "?", &[]);
        check("target", &["0.5", "1.5"], "?", &[]);
        check("type", &["no", "yes"], "?", &[]);
        check("y", &["normal.", "smurf."], "01", &["normal."]);
    }
}
