//! What a person set and said about a file, to go on with tomorrow: settings, roles, budget, filter, order, allow-list, verdicts
//! and view. Never the data: a session tells the file it belongs to by name, size and a digest of its two ends.
//!
//! A session travels as JSON with a version, and is checked whole when it comes back. Settings alone fit into the fragment of an
//! address, which no browser sends to a server: only what is not as usual is written, and what a newer version may have added
//! is passed over.

use crate::allow::{AllowList, one_line};
use crate::error::{Error, Result};
use crate::forest::check_size;
use crate::protocol::{PackChoice, Reference, RoleChange, Settings, SortKey};
use crate::report::Budget;
use crate::schema::{Role, Schema};
use crate::store::Store;
use crate::verdicts::Verdicts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What a person set and said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub file: FileIdentity,
    pub setup: Setup,
    pub allow_list: AllowList,
    pub verdicts: Verdicts,
}

/// How a file is analysed and shown: what can be shared as a link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    pub settings: Settings,
    pub roles: Vec<NamedRole>,
    pub budget: Budget,
    /// In the filter language.
    pub filter: String,
    pub sort: Sort,
    /// Name of the view that is open; empty for the first.
    pub view: String,
}

/// The role of a column that is known by its name, so that it fits another file of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedRole {
    pub column: String,
    pub role: Role,
}

/// In which order rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    pub by: SortKey,
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: SortKey::Score, descending: true }
    }
}

/// What a file is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileIdentity {
    pub name: String,
    pub bytes: u64,
    /// SHA-256 of the first and of the last [`END`] bytes, in lower-case hexadecimal digits.
    pub head: String,
    pub tail: String,
}

/// Whether a file is the one that a session belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Same {
    Yes,
    /// The same bytes by another name.
    Renamed,
    /// It begins as the other, and goes on: a log that has grown. Row numbers still hold.
    Grown,
    No,
}

/// Bytes of either end that are digested.
pub const END: u64 = 1 << 16;

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    version: u32,
    session: Session,
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// What a stored session says of its kind.
pub const FORMAT: &str = "oddflow-session";
const VERSION: u32 = 1;
const MAX_BYTES: usize = 64 << 20;
const MAX_FRAGMENT: usize = 8192;
const MAX_TEXT: usize = 4096;
const MAX_ROLES: usize = 4096;

impl FileIdentity {
    /// # Errors
    /// If the file cannot be read.
    pub fn of(name: impl Into<String>, store: &dyn Store) -> Result<Self> {
        let bytes = store.size();
        // Both at once, which is sooner than one after the other.
        let (head, tail) = (0..bytes.min(END), bytes.saturating_sub(END)..bytes);
        let mut read = Vec::new();
        store.gather(&[head.clone(), tail], &mut read)?;
        let (head, tail) = read.split_at(head.end as usize);
        let digest = |end: &[u8]| {
            Sha256::digest(end).iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("a String takes every text");
                text
            })
        };
        Ok(Self { name: name.into(), bytes, head: digest(head), tail: digest(tail) })
    }

    /// Whether `other` is this file.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Same {
        match () {
            () if self.head != other.head => Same::No,
            () if self.bytes == other.bytes && self.tail == other.tail => {
                if self.name == other.name {
                    Same::Yes
                } else {
                    Same::Renamed
                }
            }
            // Shorter files are digested whole, and then their beginnings cannot be compared.
            () if other.bytes > self.bytes && self.bytes >= END => Same::Grown,
            () => Same::No,
        }
    }
}

impl Session {
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stored = Stored { format: FORMAT.into(), version: VERSION, session: self.clone() };
        serde_json::to_string_pretty(&stored).expect("a session can be written to memory")
    }

    /// Reads the stored form, which is not trusted.
    ///
    /// # Errors
    /// If it is none, of another version, or makes no sense.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::new("The session is far larger than any that Oddflow makes"));
        }
        let unreadable = |e: serde_json::Error| {
            Error::new(format!("The file is no session: {}", one_line(&e)))
                .advice("Choose a file that Oddflow saved as a session")
        };
        let head: Head = serde_json::from_slice(bytes).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(Error::new("The file is no session").advice("Choose one that Oddflow saved"));
        }
        if head.version != VERSION {
            return Err(Error::new(format!(
                "The session is of version {}; this Oddflow reads {VERSION}",
                head.version
            )));
        }
        let stored: Stored = serde_json::from_slice(bytes).map_err(unreadable)?;
        stored.session.setup.check()?;
        stored.session.allow_list.check()?;
        stored.session.verdicts.check()?;
        Ok(stored.session)
    }
}

impl Setup {
    /// The changes of roles that a file's columns allow; others are left out.
    #[must_use]
    pub fn roles_for(&self, schema: &Schema) -> Vec<RoleChange> {
        let of = |named: &NamedRole| {
            let column = schema.columns.iter().position(|spec| spec.name == named.column)?;
            Some(RoleChange { column: column as u32, role: named.role })
        };
        self.roles.iter().filter_map(of).collect()
    }

    /// For one that comes from outside.
    ///
    /// # Errors
    /// If a number is out of its range, or a text is too long.
    pub fn check(&self) -> Result<()> {
        let settings = &self.settings;
        let share = |share: f64| share > 0.0 && share <= 1.0;
        let budget = match self.budget {
            Budget::Share(x) => share(x),
            Budget::Rows(n) => n > 0,
            Budget::FalseAlarm(n) => n > 0,
            Budget::Score(x) => !x.is_nan(),
            Budget::Own | Budget::BestF1 => true,
        };
        let of_reference = match &settings.reference {
            Reference::Filter(text) => vec![text],
            Reference::Time { from, to } => vec![from, to],
            Reference::All | Reference::Label | Reference::File => vec![],
        };
        let pack = if let PackChoice::Named(name) = &settings.pack { Some(name) } else { None };
        let mut texts = [&self.filter, &self.view].into_iter().chain(of_reference).chain(pack);
        check_size(settings.n_estimators, settings.max_samples)?;
        let sound = budget
            && settings.contamination.is_none_or(|x| x > 0.0 && x <= 0.5)
            && self.roles.len() <= MAX_ROLES
            && texts.all(|text| text.len() <= MAX_TEXT)
            && self.roles.iter().all(|role| role.column.len() <= MAX_TEXT);
        if sound { Ok(()) } else { Err(Error::new("The settings make no sense").advice("Start with the usual ones")) }
    }

    /// For the fragment of an address, without its `#`; empty where all is as usual.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        let usual = Self::default();
        let (settings, usually) = (&self.settings, &usual.settings);
        let mut pairs: Vec<(&str, String)> = Vec::new();
        match &settings.pack {
            PackChoice::Auto => {}
            PackChoice::None => pairs.push(("pack", "none".into())),
            PackChoice::Named(name) => pairs.push(("pack", format!(":{name}"))),
        }
        let mut number = |key, x: u64, usual: u64| {
            if x != usual {
                pairs.push((key, x.to_string()));
            }
        };
        number("trees", settings.n_estimators.into(), usually.n_estimators.into());
        number("samples", settings.max_samples.into(), usually.max_samples.into());
        number("seed", settings.seed, usually.seed);
        pairs.extend(settings.contamination.map(|x| ("contamination", x.to_string())));
        match &settings.reference {
            Reference::All => {}
            Reference::Label => pairs.push(("normal", "label".into())),
            Reference::File => pairs.push(("normal", "file".into())),
            Reference::Filter(text) => pairs.push(("normal", format!("filter:{text}"))),
            Reference::Time { from, to } => pairs.push(("normal", format!("time:{from}..{to}"))),
        }
        match self.budget {
            Budget::Own => {}
            Budget::Rows(n) => pairs.push(("rows", n.to_string())),
            Budget::Share(x) => pairs.push(("share", x.to_string())),
            Budget::FalseAlarm(n) => pairs.push(("one-in", n.to_string())),
            Budget::BestF1 => pairs.push(("best", "f1".into())),
            Budget::Score(x) => pairs.push(("score", x.to_string())),
        }
        if !self.filter.is_empty() {
            pairs.push(("filter", self.filter.clone()));
        }
        if self.sort != usual.sort {
            let by = match self.sort.by {
                SortKey::Record => "record".into(),
                SortKey::Score => "score".into(),
                SortKey::ForestScore => "forest".into(),
                SortKey::DnnProbability => "network".into(),
                SortKey::Column(at) => at.to_string(),
            };
            pairs.push(("sort", if self.sort.descending { format!("-{by}") } else { by }));
        }
        if !self.view.is_empty() {
            pairs.push(("view", self.view.clone()));
        }
        pairs.extend(self.roles.iter().map(|role| ("role", format!("{}:{}", role_name(role.role), role.column))));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// Reads the fragment of an address, with or without its `#`, which is not trusted. Unknown keys are passed over.
    ///
    /// # Errors
    /// If a known key has a value that makes no sense.
    pub fn from_fragment(fragment: &str) -> Result<Self> {
        if fragment.len() > MAX_FRAGMENT {
            return Err(Error::new("The link is far longer than any that Oddflow makes"));
        }
        let mut setup = Self::default();
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        for (key, value) in form_urlencoded::parse(fragment.as_bytes()) {
            setup.set(&key, &value).ok_or_else(|| {
                let value: String = value.chars().filter(|c| !c.is_control()).take(40).collect();
                Error::new(format!("The link sets {key} to \"{value}\", which makes no sense"))
                    .advice("Ask for the link again, or start with the usual settings")
            })?;
        }
        setup.check()?;
        Ok(setup)
    }

    /// `None` if the value makes no sense.
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let settings = &mut self.settings;
        match key {
            "pack" => {
                settings.pack = match value.strip_prefix(':') {
                    Some(name) => PackChoice::Named(name.to_owned()),
                    None if value == "none" => PackChoice::None,
                    None => return None,
                }
            }
            "trees" => settings.n_estimators = value.parse().ok()?,
            "samples" => settings.max_samples = value.parse().ok()?,
            "seed" => settings.seed = value.parse().ok()?,
            "contamination" => settings.contamination = Some(value.parse().ok()?),
            "normal" => {
                settings.reference = match value.split_once(':') {
                    Some(("filter", text)) => Reference::Filter(text.to_owned()),
                    Some(("time", window)) => {
                        let (from, to) = window.split_once("..")?;
                        Reference::Time { from: from.to_owned(), to: to.to_owned() }
                    }
                    None if value == "label" => Reference::Label,
                    None if value == "file" => Reference::File,
                    _ => return None,
                }
            }
            "rows" => self.budget = Budget::Rows(value.parse().ok()?),
            "share" => self.budget = Budget::Share(value.parse().ok()?),
            "one-in" => self.budget = Budget::FalseAlarm(value.parse().ok()?),
            "best" => self.budget = if value == "f1" { Budget::BestF1 } else { return None },
            "score" => self.budget = Budget::Score(value.parse().ok()?),
            "filter" => self.filter = value.to_owned(),
            "sort" => {
                let by = match value.strip_prefix('-').unwrap_or(value) {
                    "record" => SortKey::Record,
                    "score" => SortKey::Score,
                    "forest" => SortKey::ForestScore,
                    "network" => SortKey::DnnProbability,
                    column => SortKey::Column(column.parse().ok()?),
                };
                self.sort = Sort { by, descending: value.starts_with('-') };
            }
            "view" => self.view = value.to_owned(),
            "role" => {
                let (role, column) = value.split_once(':')?;
                let role = ROLES.iter().find(|(_, name)| *name == role)?.0;
                self.roles.push(NamedRole { column: column.to_owned(), role });
            }
            _ => {}
        }
        Some(())
    }
}

const ROLES: [(Role, &str); 4] =
    [(Role::Feature, "feature"), (Role::Label, "label"), (Role::AttackName, "attack-name"), (Role::Ignored, "ignored")];

fn role_name(role: Role) -> &'static str {
    ROLES.iter().find(|(other, _)| *other == role).map_or("ignored", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allow::Rule;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn setup() -> Setup {
        Setup {
            settings: Settings {
                pack: PackChoice::Named("nsl & kdd".into()),
                n_estimators: 200,
                max_samples: 512,
                contamination: Some(0.01),
                seed: 7,
                reference: Reference::Time { from: "2024-04-19 08:00".into(), to: String::new() },
            },
            roles: vec![NamedRole { column: "a:b=c&d #é".into(), role: Role::AttackName }],
            budget: Budget::FalseAlarm(1000),
            filter: "src:10.0.0.0/8 -proto:udp \"a b\"".into(),
            sort: Sort { by: SortKey::Column(3), descending: false },
            view: "groups".into(),
        }
    }

    #[test]
    fn a_session_comes_back_as_it_was() {
        let file = FileIdentity::of("flows.csv", &vec![7_u8; 200_000]).unwrap();
        let mut session = Session { file, setup: setup(), ..Session::default() };
        session.allow_list.rules.push(Rule { name: "n".into(), query: "dport:53".into(), enabled: true });
        session.verdicts.set_row(4, Some(true), "a note");
        assert_eq!(Session::from_json(session.to_json().as_bytes()).unwrap(), session);
        let json = session.to_json();
        for (from, to, expected) in [
            ("oddflow-session", "oddflow-pack", "no session"),
            ("\"version\": 1", "\"version\": 2", "version 2"),
            ("\"dport:53\"", "\"\"", "hide every row"),
            ("\"n_estimators\": 200", "\"n_estimators\": 0", "number of trees"),
            ("\"max_samples\": 512", "\"max_samples\": 100000", "together"),
            ("\"contamination\": 0.01", "\"contamination\": 2.0", "settings make no sense"),
            ("\"view\"", "\"data\"", "no session"),
        ] {
            let error = Session::from_json(json.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.what.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn settings_fit_into_a_link() {
        let setup = setup();
        let fragment = setup.to_fragment();
        assert!(fragment.is_ascii() && !fragment.contains(['#', ' ']), "{fragment}");
        assert_eq!(Setup::from_fragment(&format!("#{fragment}")).unwrap(), setup);
        assert_eq!(Setup::default().to_fragment(), "");
        assert_eq!(Setup::from_fragment("").unwrap(), Setup::default());
        assert_eq!(Setup::from_fragment("something-new=1&seed=5").unwrap().settings.seed, 5);
        for budget in [Budget::Rows(50), Budget::Share(0.01), Budget::BestF1, Budget::Score(0.25), Budget::Own] {
            let setup = Setup { budget, ..Setup::default() };
            assert_eq!(Setup::from_fragment(&setup.to_fragment()).unwrap().budget, budget);
        }
        for bad in [
            "trees=many",
            "trees=0",
            "trees=10000&samples=1000000",
            "trees=4294967295",
            "samples=0",
            "share=7",
            "share=NaN",
            "normal=odd",
            "role=x:y",
            "pack=evil",
            "sort=up",
        ] {
            assert!(Setup::from_fragment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_ends_of_a_short_file_overlap() {
        let end = END as usize;
        for n in [0, 1, 10, end - 1, end, end + 1, 2 * end - 1, 2 * end, 2 * end + 1, 5 * end] {
            let bytes: Vec<u8> = (0..n as u32).map(|at| (at % 251) as u8).collect();
            let digest = |end: &[u8]| Sha256::digest(end).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let file = FileIdentity::of("a", &bytes).unwrap();
            assert_eq!((file.bytes, file.head), (n as u64, digest(&bytes[..n.min(end)])));
            assert_eq!(file.tail, digest(&bytes[n.saturating_sub(end)..]), "{n}");
        }
    }

    #[test]
    fn a_file_is_known_again() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let of = |name: &str, bytes: &[u8]| FileIdentity::of(name, &bytes.to_vec()).unwrap();
        let file = of("a", &bytes);
        let grown = [bytes.as_slice(), b"more"].concat();
        let mut changed = bytes.clone();
        changed[299_999] = 99;
        for (other, expected) in [
            (of("a", &bytes), Same::Yes),
            (of("b", &bytes), Same::Renamed),
            (of("a", &grown), Same::Grown),
            (of("a", &changed), Same::No),
            (of("a", &bytes[1..]), Same::No),
            (of("a", b""), Same::No),
        ] {
            assert_eq!(file.compare(&other), expected, "{other:?}");
        }
    }
}
