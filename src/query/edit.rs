//! Terms put into a filter and taken out again, as a click on a group or on a chip does. Texts only: what they find is none of its
//! business.

use super::{Term, parse, quote};
use crate::schema::Schema;

/// Whether the filter has these terms, one after the other, as they are written.
#[must_use]
pub fn has_terms(filter: &str, terms: &str) -> bool {
    place(filter, terms).is_some()
}

/// Takes the terms out of the filter if it has them, and puts them at its end if not. A filter that is one text of several words
/// stays one text.
#[must_use]
pub fn toggle_terms(filter: &str, terms: &str, schema: &Schema) -> String {
    if let Some(at) = place(filter, terms) {
        return joined(&filter[..at], &filter[at + terms.len()..]);
    }
    let read = parse(filter, schema).ok();
    let text = read.as_ref().and_then(|query| query.plain_text()).filter(|text| text.contains(char::is_whitespace));
    match text {
        Some(text) => joined(&quote(text), terms),
        None => joined(filter, terms),
    }
}

/// The filter without what stands between two places, in characters: those of a [`super::Term`].
#[must_use]
pub fn without(filter: &str, start: usize, end: usize) -> String {
    let byte = |place: usize| filter.char_indices().nth(place).map_or(filter.len(), |(at, _)| at);
    joined(&filter[..byte(start)], &filter[byte(end.max(start))..])
}

/// The filter without some terms; `None` if it has none of them.
#[must_use]
pub fn without_terms(filter: &str, schema: &Schema, is_out: impl Fn(&Term) -> bool) -> Option<String> {
    let query = parse(filter, schema).ok()?;
    let out: Vec<_> = query.terms.iter().filter(|term| is_out(term)).collect();
    // From the last on, so that the places of those before stay.
    (!out.is_empty())
        .then(|| out.iter().rev().fold(filter.to_owned(), |left, term| without(&left, term.start, term.end)))
}

fn joined(before: &str, after: &str) -> String {
    format!("{} {}", before.trim(), after.trim()).trim().to_owned()
}

/// In bytes.
fn place(filter: &str, terms: &str) -> Option<usize> {
    if terms.is_empty() {
        return None;
    }
    let is_whole = |&at: &usize| {
        let (before, after) = (&filter[..at], &filter[at + terms.len()..]);
        before.chars().next_back().is_none_or(char::is_whitespace)
            && after.chars().next().is_none_or(char::is_whitespace)
    };
    filter.match_indices(terms).map(|(at, _)| at).find(is_whole)
}

#[cfg(test)]
mod tests {
    use super::super::{Condition, Field};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn terms_are_put_in_and_taken_out_whole() {
        #[track_caller]
        fn check(filter: &str, terms: &str, expected: &str) {
            let toggled = toggle_terms(filter, terms, &Schema::default());
            assert_eq!(toggled, expected);
            assert_eq!(has_terms(&toggled, terms), !has_terms(filter, terms));
        }
        check("", "src:a", "src:a");
        check("src:a", "src:a", "");
        check("score:>1 src:a  row:3", "src:a", "score:>1 row:3");
        check("src:a dst:b", "src:a dst:b", "");
        // Part of a longer value is another term.
        check("src:ab", "src:a", "src:ab src:a");
        check("-src:a", "src:a", "-src:a src:a");
        // One text stays one.
        check("two words", "row:3", "\"two words\" row:3");
        check("word", "row:3", "word row:3");
    }

    #[test]
    fn terms_about_a_field_are_taken_out() {
        let is_score = |term: &Term| matches!(term.condition, Condition::Is(Field::Score, _));
        let out = |filter: &str| without_terms(filter, &Schema::default(), is_score);
        assert_eq!(out("score:>0.5 row:3 -score:1 \"a  b\"").as_deref(), Some("row:3 \"a  b\""));
        assert_eq!(out("score:>0.5").as_deref(), Some(""));
        for other in ["", "row:3", "score", "two words", "scr:>1"] {
            assert_eq!(out(other), None, "{other}");
        }
    }

    #[test]
    fn a_term_is_taken_out_by_its_place() {
        #[track_caller]
        fn check(filter: &str, start: usize, end: usize, expected: &str) {
            assert_eq!(without(filter, start, end), expected);
        }
        check("a b", 0, 1, "b");
        check("ä \"b  c\" d", 0, 1, "\"b  c\" d");
        check("ä \"b  c\" d", 2, 8, "ä d");
        check("a", 0, 9, "");
        check("a", 7, 9, "a");
    }
}
