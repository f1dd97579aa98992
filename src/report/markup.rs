//! Markup in which a string can only be text: what is not written in this program's own code is escaped, always.
//!
//! Control characters, which no document may hold, become U+FFFD. Characters that turn the direction of what follows (Boucher
//! and Anderson, "Trojan Source", 2021) are written as their numbers, so that no name can rewrite the words round it.

/// A document under construction.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// Longer texts are cut: a field of a megabyte has its place in the file, not in a report.
const MOST_CHARS: usize = 600;

impl Markup {
    /// Markup as it stands in the source code.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, also for an attribute in double quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let mut chars = text.chars();
        chars.by_ref().take(MOST_CHARS).for_each(|c| push(&mut self.0, c));
        if chars.next().is_some() {
            self.0.push('…');
        }
        self
    }

    /// The same without an end, for what this program has drawn, such as a path.
    pub(super) fn drawn(&mut self, path: &str) -> &mut Self {
        path.chars().for_each(|c| push(&mut self.0, c));
        self
    }

    /// A number of pixels, with one decimal.
    pub(super) fn pixels(&mut self, x: f64) -> &mut Self {
        self.text(&format!("{x:.1}"))
    }

    /// A text within an element of this name, as `raw` markup before and behind it.
    pub(super) fn element(&mut self, open: &'static str, text: &str, close: &'static str) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    /// Such an element for each text.
    pub(super) fn elements(&mut self, open: &'static str, texts: &[String], close: &'static str) -> &mut Self {
        for text in texts {
            self.element(open, text, close);
        }
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn push(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        '\n' | '\t' => out.push(c),
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            out.push_str(&format!("[U+{:04X}]", u32::from(c)));
        }
        c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, expected) in [
            ("plain, 100 % ünï", "plain, 100 % ünï"),
            ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("&lt;", "&amp;lt;"),
            ("a\0b\u{1b}[31m\u{85}c", "a\u{fffd}b\u{fffd}[31m\u{fffd}c"),
            ("exe\u{202e}gpj.", "exe[U+202E]gpj."),
            ("two\nlines\r", "two\nlines\u{fffd}"),
        ] {
            let mut markup = Markup::default();
            markup.text(text);
            assert_eq!(markup.finish(), expected);
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let written = |n: usize| {
            let mut markup = Markup::default();
            markup.text(&"é".repeat(n));
            markup.finish()
        };
        assert_eq!((written(MOST_CHARS).chars().count(), written(MOST_CHARS + 1).chars().last()), (600, Some('…')));
        let mut markup = Markup::default();
        markup.drawn(&"M0 0".repeat(1000));
        assert_eq!(markup.finish().len(), 4000);
    }
}
