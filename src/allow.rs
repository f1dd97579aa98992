//! "Ignore flows like this": a list of named rules, each a query of the filter language.
//!
//! A rule is made from a row, exactly or with the networks of its addresses, or written by hand. The list travels as JSON with a
//! version; one that comes from outside is checked whole before any of it is used. A rule that does not fit the open file,
//! because a column is missing, is kept and said to be idle: it may fit tomorrow's.

use crate::error::{Error, Result};
use crate::flow::{Part, Parts};
use crate::query::{self, BoundQuery, Needs, QueryError, RowFacts, quote};
use crate::schema::Schema;
use crate::table::Table;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The rules, the first that fits a row counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowList {
    pub rules: Vec<Rule>,
}

/// Rows that are not to be shown as odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    /// In the filter language.
    pub query: String,
    pub enabled: bool,
}

/// How much like a row others have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// The same addresses.
    Exact,
    /// Addresses of the same networks: 24 bits of IPv4, 64 of IPv6.
    Network,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    version: u32,
    rules: Vec<Rule>,
}

/// What a stored list says of its kind.
pub const FORMAT: &str = "oddflow-allow-list";
const VERSION: u32 = 1;
const MAX_RULES: usize = 1000;
const MAX_BYTES: usize = 1 << 20;
const MAX_NAME: usize = 200;
const MAX_QUERY: usize = 4096;

impl Rule {
    /// A rule for rows with the same values of these parts as a row of the table; parts that it has not are left out. `None` if
    /// it has none of them.
    #[must_use]
    pub fn like(table: &Table, schema: &Schema, row: u32, of: &[Part], likeness: Likeness) -> Option<Self> {
        let parts = Parts::of(schema);
        let names = [
            (Part::Source, "src"),
            (Part::Destination, "dst"),
            (Part::SourcePort, "sport"),
            (Part::DestinationPort, "dport"),
            (Part::Protocol, "proto"),
            (Part::Service, "service"),
            (Part::State, "state"),
        ];
        let terms = names.into_iter().filter(|(part, _)| of.contains(part)).filter_map(|(part, name)| {
            let text = parts.text(part, table, row)?;
            let is_address = matches!(part, Part::Source | Part::Destination);
            let network = (is_address && likeness == Likeness::Network).then(|| network_of(&text)).flatten();
            Some(format!("{name}:{}", network.unwrap_or_else(|| quote(&text))))
        });
        let query = terms.collect::<Vec<_>>().join(" ");
        (!query.is_empty()).then(|| Self::of(&query, query.clone()))
    }

    /// A rule for what a query finds. A name that is too long is cut.
    #[must_use]
    pub fn of(name: &str, query: String) -> Self {
        let mut name = name.to_owned();
        if name.len() > MAX_NAME {
            name.truncate(name.floor_char_boundary(MAX_NAME - '…'.len_utf8()));
            name.push('…');
        }
        Self { name, query, enabled: true }
    }

    /// For one that comes from outside.
    ///
    /// # Errors
    /// If it has no query, or is longer than any that is made here.
    pub fn check(&self) -> Result<()> {
        if self.query.trim().is_empty() {
            return Err(Error::new(format!("The rule \"{}\" has no condition, and would hide every row", self.name))
                .advice("Give it a query such as src:10.0.0.1 dport:443"));
        }
        if self.query.len() > MAX_QUERY || self.name.len() > MAX_NAME {
            return Err(Error::new("A rule of the allow-list is far longer than any that Oddflow makes"));
        }
        Ok(())
    }
}

fn network_of(text: &str) -> Option<String> {
    Some(match text.parse().ok()? {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{}/64", std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    })
}

impl AllowList {
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stored = Stored { format: FORMAT.into(), version: VERSION, rules: self.rules.clone() };
        serde_json::to_string_pretty(&stored).expect("rules can be written to memory")
    }

    /// Reads the stored form, which is not trusted.
    ///
    /// # Errors
    /// If it is none, of another version, or a rule makes no sense.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::new("The allow-list is far larger than any that Oddflow makes"));
        }
        let stored: Stored = serde_json::from_slice(bytes).map_err(|e| {
            Error::new(format!("The file is no allow-list: {}", one_line(&e)))
                .advice("Choose a file that Oddflow exported as an allow-list")
        })?;
        if stored.format != FORMAT {
            return Err(Error::new("The file is no allow-list").advice("Choose one that Oddflow exported"));
        }
        if stored.version != VERSION {
            return Err(Error::new(format!(
                "The allow-list is of version {}; this Oddflow reads {VERSION}",
                stored.version
            )));
        }
        let list = Self { rules: stored.rules };
        list.check()?;
        Ok(list)
    }

    /// For one that comes from outside.
    ///
    /// # Errors
    /// If it has too many rules, two with the same filter, or one that makes no sense.
    pub fn check(&self) -> Result<()> {
        if self.rules.len() > MAX_RULES {
            return Err(Error::new(format!("The allow-list has more than {MAX_RULES} rules")));
        }
        let mut queries: Vec<&str> = self.rules.iter().map(|rule| rule.query.as_str()).collect();
        queries.sort_unstable();
        if let Some(twice) = queries.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = format!("The allow-list has two rules with the filter \"{}\"", twice[0]);
            return Err(Error::new(what).advice("Remove one of them"));
        }
        self.rules.iter().try_for_each(Rule::check)
    }

    /// Adds a rule. One of the same query is there already, and is switched on again if this one is.
    ///
    /// # Errors
    /// If the list is full, or the rule makes no sense.
    pub fn insert(&mut self, rule: Rule) -> Result<()> {
        rule.check()?;
        if let Some(known) = self.rules.iter_mut().find(|known| known.query == rule.query) {
            known.enabled |= rule.enabled;
            return Ok(());
        }
        if self.rules.len() >= MAX_RULES {
            return Err(Error::new(format!("The allow-list is full: it has {MAX_RULES} rules"))
                .advice("Remove some, or write one rule for several"));
        }
        self.rules.push(rule);
        Ok(())
    }

    /// Finds the rules' columns in a table.
    #[must_use]
    pub fn bind<'a>(&self, table: &'a Table, schema: &Schema) -> BoundAllowList<'a> {
        let mut bound = BoundAllowList { rules: Vec::new(), idle: Vec::new() };
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
            match query::parse(&rule.query, schema) {
                Ok(query) if !query.is_empty() => bound.rules.push((at, query.bind(table, schema))),
                Ok(_) => {}
                Err(error) => bound.idle.push((at, error)),
            }
        }
        bound
    }
}

/// What serde says, short and in one line: it may quote the file.
pub(crate) fn one_line(error: &serde_json::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// An allow-list that knows where a table's columns are.
pub struct BoundAllowList<'a> {
    /// With their places in the list.
    rules: Vec<(usize, BoundQuery<'a>)>,
    /// Rules that do not fit the file, and why.
    pub idle: Vec<(usize, QueryError)>,
}

impl BoundAllowList<'_> {
    /// What it has to be told of a row.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.rules.iter().fold(Needs::default(), |needs, (_, query)| needs | query.needs())
    }

    /// The place in the list of the first rule that fits the row.
    pub fn rule_of(&mut self, row: u32, facts: &RowFacts<'_>) -> Option<usize> {
        self.rules.iter_mut().find_map(|(at, query)| query.matches(row, facts).then_some(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reader;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn flows() -> (Table, Schema) {
        let mut reader = Reader::new();
        reader
            .push(
                b"src_ip,src_port,dst_ip,dst_port,proto,bytes,packets\n10.0.0.7,50000,192.0.2.1,443,tcp,10,1\n\
                  10.0.0.9,50001,192.0.2.1,443,tcp,20,2\n2001:db8::5,50002,2001:db8:1::9,53,udp,30,3\n",
            )
            .unwrap();
        let table = reader.finish().unwrap().table;
        let schema = detect(&table, None);
        (table, schema)
    }

    #[test]
    fn a_rule_fits_the_row_that_it_was_made_from_and_those_like_it() {
        let (table, schema) = flows();
        let ends = [Part::Source, Part::Destination, Part::DestinationPort];
        for (row, likeness, expected, fitting) in [
            (0, Likeness::Exact, "src:10.0.0.7 dst:192.0.2.1 dport:443", &[0][..]),
            (0, Likeness::Network, "src:10.0.0.0/24 dst:192.0.2.0/24 dport:443", &[0, 1]),
            (2, Likeness::Network, "src:2001:db8::/64 dst:2001:db8:1::/64 dport:53", &[2]),
        ] {
            let rule = Rule::like(&table, &schema, row, &ends, likeness).unwrap();
            assert_eq!(rule.query, expected);
            let list = AllowList { rules: vec![Rule { enabled: false, ..rule.clone() }, rule] };
            let mut bound = list.bind(&table, &schema);
            assert!(bound.idle.is_empty() && !bound.needs().text);
            let found = (0..3).filter(|&row| bound.rule_of(row, &RowFacts::default()) == Some(1));
            assert_eq!(found.collect::<Vec<u32>>(), fitting, "{expected}");
        }
        assert_eq!(Rule::like(&table, &schema, 0, &[Part::Service], Likeness::Exact), None);
    }

    #[test]
    fn lists_travel_as_json_and_strange_ones_are_refused() {
        let rule = |query: &str| Rule { name: "mine".into(), query: query.into(), enabled: true };
        let list = AllowList { rules: vec![rule("src:10.0.0.1"), rule("bytes:>1MB")] };
        assert_eq!(AllowList::from_json(list.to_json().as_bytes()).unwrap(), list);
        for (json, expected) in [
            ("", "no allow-list"),
            ("{}", "no allow-list"),
            (r#"{"format":"other","version":1,"rules":[]}"#, "no allow-list"),
            (r#"{"format":"oddflow-allow-list","version":9,"rules":[]}"#, "version 9"),
            (
                r#"{"format":"oddflow-allow-list","version":1,"rules":[{"name":"a","query":" ","enabled":true}]}"#,
                "hide every",
            ),
            (r#"{"format":"oddflow-allow-list","version":1,"rules":[],"more":1}"#, "no allow-list"),
            (&AllowList { rules: vec![rule("a"), rule("b"), rule("a")] }.to_json(), "two rules with the filter \"a\""),
        ] {
            let error = AllowList::from_json(json.as_bytes()).unwrap_err();
            assert!(error.what.contains(expected), "{json}: {error}");
        }
        let long = AllowList { rules: vec![rule(&"x".repeat(5000))] };
        assert!(AllowList::from_json(long.to_json().as_bytes()).is_err());
        assert!(AllowList { rules: vec![rule("a"); 1001] }.check().is_err());
    }

    #[test]
    fn what_is_added_can_be_read_again() {
        let mut list = AllowList::default();
        let long = "é".repeat(500);
        list.insert(Rule::of(&long, format!("service:{long}"))).unwrap();
        assert!(list.rules[0].name.len() <= MAX_NAME && list.rules[0].name.ends_with("é…"));
        list.rules[0].enabled = false;
        list.insert(Rule::of("again", list.rules[0].query.clone())).unwrap();
        assert!(list.rules.len() == 1 && list.rules[0].enabled);
        assert!(list.insert(Rule::of("all", " ".into())).is_err());
        assert!(list.insert(Rule::of("x", "x".repeat(5000))).is_err());
        for at in 1..1000 {
            list.insert(Rule::of("port", format!("dport:{at}"))).unwrap();
        }
        assert!(list.insert(Rule::of("port", "dport:5000".into())).unwrap_err().what.contains("full"));
        assert_eq!(AllowList::from_json(list.to_json().as_bytes()).unwrap(), list);
    }

    #[test]
    fn a_rule_for_another_file_is_idle() {
        let (table, schema) = flows();
        let rule = |query: &str| Rule { name: "mine".into(), query: query.into(), enabled: true };
        let list = AllowList { rules: vec![rule("conn_state:S0"), rule("dport:53")] };
        let mut bound = list.bind(&table, &schema);
        assert_eq!(bound.idle.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0]);
        assert_eq!(bound.rule_of(2, &RowFacts::default()), Some(1));
    }
}
