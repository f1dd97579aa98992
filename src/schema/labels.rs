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
/// Words of names that nobody knows, which say that the column holds labels, if its values may be some.
const LABEL_WORDS: &[&str] = &[
    "label",
    "labels",
    "normal",
    "benign",
    "malicious",
    "attack",
    "attacks",
    "threat",
    "malware",
    "anomaly",
    "anomalous",
    "intrusion",
    "outlier",
];
/// Labels of other things: MPLS labels and the flow labels of IPv6.
const OTHER_LABELS: &[&str] = &["mpls", "flow", "ip6", "ipv6"];
/// Whole numbers that stand for kinds of attacks are at most so many.
const MOST_CODES: usize = 16;
/// Texts that name attacks are at most so many.
const MOST_NAMES: usize = 100;
/// Words by which attacks go, as the public sets of flows write them.
const ATTACK_WORDS: &[&str] = &[
    "attack",
    "attacks",
    "malicious",
    "malware",
    "anomaly",
    "anomalous",
    "abnormal",
    "intrusion",
    "threat",
    "suspicious",
    "dos",
    "ddos",
    "scan",
    "scanning",
    "portscan",
    "probe",
    "flood",
    "botnet",
    "bot",
    "bruteforce",
    "brute",
    "exploit",
    "exploits",
    "infiltration",
    "injection",
    "backdoor",
    "backdoors",
    "worm",
    "worms",
    "trojan",
    "ransomware",
    "spyware",
    "spoofing",
    "phishing",
    "mitm",
    "xss",
    "shellcode",
    "fuzzers",
    "reconnaissance",
    "exfiltration",
    "theft",
    "keylogging",
    "mirai",
    "neptune",
    "smurf",
    "r2l",
    "u2r",
];
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
    /// Those of all these whose name is in no list.
    pub guessed: Vec<usize>,
}

/// Finds the label columns among those that `may_be` one.
#[must_use]
pub fn find(table: &Table, summaries: &[Summary], may_be: impl Fn(usize) -> bool) -> Found {
    let mut candidates: Vec<(bool, usize, usize, usize)> = Vec::new();
    let (mut unusable, mut doubtful, mut guessed) = (Vec::new(), Vec::new(), Vec::new());
    let columns = || table.columns.iter().enumerate().filter(|(at, _)| may_be(*at));
    for (at, column) in columns() {
        let (folded, summary) = (fold(without_repeat(&column.name)), &summaries[at]);
        let sure = LABELS.iter().position(|name| *name == folded);
        let perhaps = PERHAPS_LABELS.iter().position(|name| *name == folded).map(|place| place + LABELS.len());
        let is_guessed = sure.or(perhaps).is_none();
        // What Oddflow has written is no label.
        let is_own = column.name.to_ascii_lowercase().starts_with(super::OWN_COLUMNS);
        let guess = || (!is_own && may_label(column, summary)).then_some(LABELS.len() + PERHAPS_LABELS.len());
        let Some(place) = sure.or(perhaps).or_else(guess) else { continue };
        if is_guessed {
            guessed.push(at);
        }
        let sure = sure.is_some() || is_guessed;
        let values = summary.few_numbers.len() + summary.distinct_texts;
        // A long list of numbers is a measurement, whatever it is called.
        let is_usable = summary.has_few_numbers() && !normal_values(column, summary, sure).is_empty();
        if is_usable {
            // Names that are known go before those that are not.
            candidates.push((is_guessed, usize::from(values > 2), place, at));
        } else if !sure {
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
    let is_label = |at: usize| candidates.iter().any(|c| c.3 == at) || unusable.iter().any(|u| u.1 == at);
    let names_attacks = |at: usize| Some(at) != label && is_label(at) && summaries[at].distinct_texts > 0;
    let attack_name = label.and_then(|_| {
        let place = |column: &Column| ATTACK_NAMES.iter().position(|name| *name == fold(&column.name));
        let named = columns().filter(|(at, _)| names_attacks(*at));
        named.filter_map(|(at, column)| Some((place(column)?, at))).min().map(|(_, at)| at)
    });
    let tells =
        |at: usize| is_label(at) || label.is_some() && doubtful.contains(&at) && summaries[at].has_few_numbers();
    let others = (0..table.columns.len()).filter(|&at| tells(at) && Some(at) != label && Some(at) != attack_name);
    Found { label, attack_name, others: others.collect(), guessed }
}

/// Whether a column of a name in no list holds labels: its name says so and its values may be some, or its values say so by
/// themselves.
fn may_label(column: &Column, summary: &Summary) -> bool {
    let words = words_of(&column.name);
    let says = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    let texts = || column.dictionary.iter();
    let few_texts = summary.texts > 0 && !column.dictionary.overflowed && summary.distinct_texts <= MOST_NAMES;
    // Texts that are wholly about it: words such as these turn up in addresses and names of programs, too.
    let is_normal = |text: &str| {
        let mut words = words_in(text).peekable();
        words.peek().is_some() && words.all(|word| NORMAL_WORDS.contains(&word) || ["traffic", "flow"].contains(&word))
    };
    let is_attack = |text: &str| words_in(text).any(|word| ATTACK_WORDS.contains(&word));
    let lower: Vec<String> = if few_texts { texts().map(str::to_lowercase).collect() } else { Vec::new() };
    let (normal, attack) = (lower.iter().any(|text| is_normal(text)), lower.iter().any(|text| is_attack(text)));
    if normal && attack {
        return true;
    }
    if !says(LABEL_WORDS) || says(super::COUNTED) || says(OTHER_LABELS) {
        return false;
    }
    let answers = |text: &str| answers_no(text) || answers_yes(text);
    let are_codes = summary.numbers > 0 && summary.integers && summary.few_numbers.len() <= MOST_CODES;
    match (summary.numbers > 0, summary.texts > 0) {
        (false, false) => false,
        (_, false) => are_codes,
        // A dash or a blank is none of these texts.
        (_, true) => normal || attack || few_texts && texts().all(answers),
    }
}

/// The words of a name, `normal` for `isnormal`.
fn words_of(name: &str) -> Vec<String> {
    let words = super::words(name).into_iter();
    words.map(|word| word.strip_prefix("is").map_or(word.clone(), str::to_owned)).collect()
}

fn words_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a column's name asks whether a record is normal, so that yes is the answer for normal ones.
fn asks_for_normal(name: &str) -> bool {
    let words = words_of(name);
    words.iter().any(|word| NORMAL_WORDS.contains(&word.as_str()))
        && !words.iter().any(|word| ["not", "non", "ab", "no"].contains(&word.as_str()))
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
    let yes_is_normal = asks_for_normal(&column.name);
    if values.is_empty() && sure {
        values.extend(texts(if yes_is_normal { answers_yes } else { answers_no }));
    }
    let numbers = &summary.few_numbers;
    let are = |allowed: &[f64]| !numbers.is_empty() && numbers.iter().all(|x| allowed.contains(x));
    if are(&[-1.0, 1.0]) && numbers.contains(&-1.0) {
        // scikit-learn's outlier detectors: -1 is an outlier.
        values.push("1".into());
    } else if yes_is_normal && are(&[0.0, 1.0]) {
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
/// How a warning begins that says that all labels are the same.
pub const ONE_LABEL: &str = "The label column";

/// Whether a warning says why scores cannot be judged by labels.
#[must_use]
pub fn is_about_labels(warning: &str) -> bool {
    warning.starts_with(NO_NORMAL) || warning.starts_with(ONE_LABEL)
}

const NORMAL_WORDS: &[&str] = &["normal", "benign", "legitimate", "legit", "natural"];

fn means_normal(text: &str) -> bool {
    if ["nontor", "nonvpn", "notattack", "noattack", "nonattack", "inlier"].contains(&fold(text).as_str()) {
        return true;
    }
    let lower = text.to_lowercase();
    let mut words = words_in(&lower);
    let normal = words_in(&lower).any(|word| NORMAL_WORDS.contains(&word));
    normal && !words.any(|word| ["not", "non", "ab", "no"].contains(&word))
}

/// The answer to the question that a column such as `is_attack` asks.
fn answers_no(text: &str) -> bool {
    ["false", "no", "n", "f", "clean", "good"].contains(&fold(text).as_str())
}

fn answers_yes(text: &str) -> bool {
    ["true", "yes", "y", "t"].contains(&fold(text).as_str())
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

    #[test]
    fn labels_under_unlisted_names_are_found() {
        check("is_normal", &["1", "0", "1"], "010", &["1"]);
        check("isBenign", &["True", "False"], "01", &["True"]);
        check("malware", &["0", "1"], "01", &["0"]);
        check("threat", &["0", "1"], "01", &["0"]);
        check("is_threat", &["no", "yes"], "01", &["no"]);
        check("true_label", &["BENIGN", "DoS Hulk"], "01", &["BENIGN"]);
        check("label_1", &["0", "4", "2"], "011", &["0"]);
        check("result", &["benign", "Port Scan"], "01", &["benign"]);
        check("tag", &["Normal", "ddos", "other"], "011", &["Normal"]);
        // Not what it seems.
        for (name, values) in [
            ("result", &["0", "1"][..]),
            ("tag", &["red", "blue"]),
            ("priority", &["normal", "high"]),
            ("mpls_label", &["0", "1"]),
            ("attack_count", &["0", "1"]),
            ("normal_bytes", &["0", "1"]),
            ("host", &["benign.example.com", "attack.example.com"]),
            ("malware_entropy", &["0.25", "1.5"]),
        ] {
            check(name, values, "?", &[]);
            let rows: Vec<String> = values.iter().map(|value| format!("7,{value}\n8,{value}\n")).collect();
            let mut reader = Reader::new();
            reader.push(format!("x,{name}\n{}", rows.concat()).as_bytes()).unwrap();
            let schema = detect(&reader.finish().unwrap().table, None);
            assert_eq!(schema.columns[1].role, Role::Feature, "{name}");
        }
    }

    #[test]
    fn a_guessed_label_is_told_and_gives_way_to_a_known_one() {
        let text = "x,is_normal,label,note\n1,1,0,benign\n2,0,1,ddos\n3,1,0,benign\n";
        let mut reader = Reader::new();
        reader.push(text.as_bytes()).unwrap();
        let schema = detect(&reader.finish().unwrap().table, None);
        let roles: Vec<Role> = schema.columns.iter().map(|column| column.role).collect();
        assert_eq!(roles, [Role::Feature, Role::Ignored, Role::Label, Role::Ignored]);
        let warned = |name: &str| schema.warnings.iter().any(|warning| warning.contains(name));
        assert!(warned("\"is_normal\"") && warned("\"note\"") && !warned("\"label\""), "{:?}", schema.warnings);
    }
}
