//! A report as one HTML file that stands by itself: no script, no request, no link; light and dark, on screen and on paper.
//!
//! Its own policy forbids everything but its style, so even a mistake here could load or run nothing. Texts of the file are
//! escaped by [`Markup`], which takes nothing else as markup than what is written in the source code. Every chart has its
//! numbers beside it as a table.

use super::markup::Markup;
use super::svg;
use super::{
    Chart, Figure, Histogram, Quadrant, Report, ReportGroup, ReportLanes, ReportRow, ReportScores, ReportStages,
    ReportTable, bytes, count, metric, plural, score, share,
};

/// Points of a curve that its table names, at most.
const TABLE_POINTS: usize = 21;

impl Report {
    /// The report as an HTML document.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut out = Markup::default();
        out.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        out.raw(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; ",
        );
        out.raw("base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n");
        out.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<title>Oddflow: ").text(&self.file.name);
        out.raw("</title>\n<style>\n").raw(include_str!("report.css")).raw("</style>\n</head>\n<body>\n");
        self.head(&mut out);
        out.raw("<main>\n");
        if !self.groups.is_empty() {
            section(&mut out, "What to look at first", &self.groups_note);
            out.raw("<ol class=\"list\">");
            self.groups.iter().for_each(|group| group_item(&mut out, group));
            out.raw("</ol>\n");
        }
        if let Some(scores) = &self.scores {
            scores_section(&mut out, scores);
        }
        if let Some(stages) = &self.stages {
            stages_section(&mut out, stages);
        }
        if let Some(lanes) = &self.lanes {
            lanes_section(&mut out, lanes);
        }
        if !self.charts.is_empty() {
            section(&mut out, "Against the labels", "The labels were not used to score.");
            charts(&mut out, &self.charts);
        }
        self.tables.iter().for_each(|table| table_section(&mut out, table));
        if let Some(compared) = &self.compared {
            section(&mut out, &compared.title, "");
            out.elements("<p>", &compared.words, "</p>\n");
            charts(&mut out, &compared.charts);
            compared.tables.iter().for_each(|table| table_section(&mut out, table));
        }
        if !self.rows.is_empty() {
            section(&mut out, "The oddest records", &self.rows_note);
            out.raw("<ol class=\"list\">");
            self.rows.iter().for_each(|row| row_item(&mut out, row));
            out.raw("</ol>\n");
        }
        self.foot(&mut out);
        out.raw("</main>\n</body>\n</html>\n");
        out.finish()
    }

    fn head(&self, out: &mut Markup) {
        out.raw("<header>\n").element("<h1>", &self.headline, "</h1>\n");
        let file = &self.file;
        out.element("<p class=\"quiet\">", &file.name, " · ").text(&bytes(file.bytes)).raw(" · ").text(&file.format);
        out.raw(" · ").text(&plural(file.rows, "record", "records"));
        if file.unscored > 0 {
            out.raw(", ").text(&count(file.unscored)).raw(" of them not scored");
        }
        out.raw("</p>\n");
        out.elements("<p>", &self.summary, "</p>\n");
        if !self.warnings.is_empty() {
            out.raw("<div class=\"warnings\" role=\"group\" aria-label=\"Warnings\">");
            out.elements("<p>", &self.warnings, "</p>").raw("</div>\n");
        }
        figures(out, "<dl class=\"figures\">", &self.figures);
        out.raw("</header>\n");
    }

    /// What it takes to do the same again.
    fn foot(&self, out: &mut Markup) {
        section(out, "How this was made", "");
        figures(out, "<dl class=\"fields settings\">", &self.settings);
        out.element("<p>", &self.program, "");
        if let Some(made) = &self.made {
            out.raw(", ").text(made);
        }
        out.raw(". Everything was computed on this machine; nothing of the file has left it.</p>\n");
        if let Some(sha256) = &self.file.sha256 {
            out.element("<p class=\"quiet\">SHA-256 of the file: <code>", sha256, "</code></p>\n");
        }
    }
}

fn section(out: &mut Markup, title: &str, note: &str) {
    out.element("<h2>", title, "</h2>\n");
    if !note.is_empty() {
        out.element("<p class=\"quiet\">", note, "</p>\n");
    }
}

fn figures(out: &mut Markup, open: &'static str, figures: &[Figure]) {
    if figures.is_empty() {
        return;
    }
    out.raw(open);
    for figure in figures {
        out.element("<div><dt>", &figure.name, "</dt>").element("<dd>", &figure.value, "</dd></div>");
    }
    out.raw("</dl>\n");
}

fn reasons(out: &mut Markup, reasons: &[String]) {
    if !reasons.is_empty() {
        out.raw("<ul>").elements("<li>", reasons, "</li>").raw("</ul>");
    }
}

fn group_item(out: &mut Markup, group: &ReportGroup) {
    out.element("<li><div class=\"line\"><h3>", &group.title, "</h3>");
    // The reasons say how many there are.
    if group.reasons.is_empty() {
        out.element("<span>", &plural(group.count, "odd record", "odd records"), "</span>");
        if let Some(highest) = group.score {
            out.raw("<span>highest score <span class=\"score\">").text(&score(highest)).raw("</span></span>");
        }
    }
    if !group.detail.is_empty() {
        out.element("<code>", &group.detail, "</code>");
    }
    out.raw("</div>");
    reasons(out, &group.reasons);
    out.raw("</li>\n");
}

fn row_item(out: &mut Markup, row: &ReportRow) {
    out.raw("<li><div class=\"line\"><h3>Record ").text(&count(row.record)).raw("</h3>");
    if let Some(of_row) = row.score {
        out.raw("<span>score <span class=\"score\">").text(&score(of_row)).raw("</span></span>");
    }
    out.element("<span class=\"quiet\">", &row.verdict, "</span></div>");
    reasons(out, &row.reasons);
    figures(out, "<dl class=\"fields\">", &row.fields);
    out.raw("</li>\n");
}

fn scores_section(out: &mut Markup, scores: &ReportScores) {
    section(out, "Scores", &scores.meaning);
    out.raw("<figure>");
    svg::histogram(out, scores);
    out.element("<figcaption>", &scores.origin, "");
    if !scores.histogram.anomalies.is_empty() {
        out.raw(" The line counts the records that are labelled anomalies.");
    }
    out.raw(" Counts are drawn by their logarithm.</figcaption>");
    hidden_table(out, &histogram_table(&scores.histogram));
    out.raw("</figure>\n");
}

fn histogram_table(histogram: &Histogram) -> ReportTable {
    let has_labels = !histogram.anomalies.is_empty();
    let mut columns = vec!["From".to_owned(), "To, not included".to_owned(), "Records".to_owned()];
    columns.extend(has_labels.then(|| "Labelled anomalies".to_owned()));
    let row = |(bin, &n): (usize, &u64)| {
        let (from, to) = histogram.edges(bin);
        let mut cells = vec![score(from as f32), score(to as f32), count(n)];
        cells.extend(histogram.anomalies.get(bin).map(|&n| count(n)));
        cells
    };
    let rows = histogram.counts.iter().enumerate().filter(|(_, n)| **n > 0).map(row).collect();
    ReportTable { columns, rows, ..ReportTable::default() }
}

fn stages_section(out: &mut Markup, stages: &ReportStages) {
    section(out, "The two stages side by side", "");
    out.raw("<figure>");
    svg::density(out, stages);
    out.raw("<figcaption>The stronger the colour, the more records, by the logarithm of their number. Odd from a forest score of ");
    out.text(&score(stages.cuts.forest)).raw(" on, like a known attack from a probability of ");
    out.text(&super::share_of_one(stages.cuts.network.into())).raw(" on.</figcaption></figure>\n");
    let all: u64 = Quadrant::ALL.into_iter().map(|quadrant| stages.counts.of(quadrant)).sum();
    let row = |quadrant: Quadrant| {
        let n = stages.counts.of(quadrant);
        vec![capital(quadrant.words()), count(n), share(n, all)]
    };
    table_of(
        out,
        &ReportTable {
            columns: ["What the stages say", "Records", "Share"].map(str::to_owned).to_vec(),
            rows: Quadrant::ALL.into_iter().map(row).collect(),
            ..ReportTable::default()
        },
    );
}

fn lanes_section(out: &mut Markup, report: &ReportLanes) {
    let lanes = &report.lanes;
    section(out, "When", "");
    out.raw("<figure>");
    svg::swimlanes(out, report);
    out.element("<figcaption>", &report.what, "");
    out.raw(
        " by time. Grey: records, none of them odd; coloured: the oddest record of that time is odd, the stronger the ",
    );
    out.raw("odder.</figcaption>");
    let row = |lane: usize| {
        let cells = lanes.lane(lane);
        let scored = lanes.rows[cells.clone()].iter().zip(&lanes.best[cells]).filter(|(rows, _)| **rows > 0);
        let (rows, best) =
            scored.fold((0, f32::NAN), |(sum, best), (&rows, &score)| (sum + u64::from(rows), score.max(best)));
        vec![lanes.name(lane).to_owned(), count(rows), score(best)]
    };
    let rows = (0..=lanes.entities.len()).map(row).collect();
    let columns = vec![report.what.clone(), "Records".into(), "Highest score".into()];
    hidden_table(out, &ReportTable { columns, rows, ..ReportTable::default() });
    out.raw("</figure>\n");
}

fn charts(out: &mut Markup, charts: &[Chart]) {
    out.raw("<div class=\"charts\">");
    charts.iter().for_each(|chart| chart_figure(out, chart));
    out.raw("</div>\n");
}

fn chart_figure(out: &mut Markup, chart: &Chart) {
    out.element("<figure><h3>", &chart.title, "</h3>");
    svg::chart(out, chart);
    out.element("<figcaption>", &chart.summary, "</figcaption>");
    let mut rows = Vec::new();
    for series in &chart.series {
        let every = series.points.len().div_ceil(TABLE_POINTS).max(1);
        let points = series.points.iter().step_by(every);
        rows.extend(points.map(|&[x, y]| vec![series.name.clone(), metric(x), metric(y)]));
    }
    let columns = vec!["Line".into(), chart.x.name.clone(), chart.y.name.clone()];
    hidden_table(out, &ReportTable { columns, rows, ..ReportTable::default() });
    out.raw("</figure>\n");
}

/// Numbers behind a chart, for whoever wants to read them.
fn hidden_table(out: &mut Markup, table: &ReportTable) {
    out.raw("<details><summary>As a table</summary>");
    table_of(out, table);
    out.raw("</details>");
}

fn table_section(out: &mut Markup, table: &ReportTable) {
    section(out, &table.title, &table.note);
    table_of(out, table);
}

fn table_of(out: &mut Markup, table: &ReportTable) {
    out.raw("<table><thead><tr>");
    out.elements("<th scope=\"col\">", &table.columns, "</th>");
    out.raw("</tr></thead><tbody>");
    for row in &table.rows {
        out.raw("<tr>").elements("<td>", row, "</td>").raw("</tr>");
    }
    out.raw("</tbody></table>\n");
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{best_order, confusion, curve, reliability};
    use crate::report::{
        Clock, Cuts, DensityGrid, Extent, QuadrantCounts, Ranking, ReportCompared, ReportFile, Swimlanes,
    };
    use crate::report::{pr_chart, reliability_chart, roc_chart};
    use crate::rng::Rng;
    use serde_json::Value;

    /// A report with everything in it.
    fn report() -> Report {
        let mut rng = Rng::new(9);
        let labels: Vec<u8> = (0..2000).map(|_| u8::from(rng.below(20) == 0)).collect();
        let near = |rng: &mut Rng, y: u8| 0.42 + 0.2 * f64::from(y) + 0.05 * rng.normal();
        let forest: Vec<f32> = labels.iter().map(|&y| near(&mut rng, y) as f32).collect();
        let network: Vec<f32> = labels.iter().map(|&y| (0.1 + 0.8 * f64::from(y) * rng.uniform()) as f32).collect();
        let ranking = Ranking::new(&forest, &best_order(&forest), &labels);
        let cuts = Cuts { forest: 0.55, network: 0.5 };
        let mut stages = ReportStages { grid: DensityGrid::around(0.2, 0.8), cuts, counts: QuadrantCounts::default() };
        stages.grid.add(&forest, &network);
        stages.counts.add(&forest, &network, cuts);
        let extent = Extent { ends: Some((1.5e9, 1.5e9 + 7200.0)) };
        let clock = Clock::Since1970 { per_second: 1.0 };
        let mut lanes = Swimlanes::new(clock, extent, vec!["10.0.0.7".into(), "10.0.0.8".into()], 48).unwrap();
        for (row, &score) in forest.iter().enumerate() {
            lanes.add(row % 3, 1.5e9 + 3.6 * row as f64, score);
        }
        let counts = confusion(&forest, &labels, 0.55);
        let (by_forest, by_network) = (curve(&forest, &labels), curve(&network, &labels));
        let curves = [("Forest", &by_forest), ("Network", &by_network)];
        let (anomalies, normal) =
            (counts.true_positives + counts.false_negatives, counts.false_positives + counts.true_negatives);
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Report {
            version: Report::VERSION,
            program: "Oddflow 0.1.0".into(),
            made: Some("2024-05-06 07:08 UTC".into()),
            file: ReportFile {
                name: "flows.csv".into(),
                bytes: 1_234_567,
                sha256: Some("ab".repeat(32)),
                format: "Zeek connections".into(),
                rows: 2000,
                unscored: 3,
            },
            headline: "50 of 2,000 records are odd".into(),
            summary: texts(&["The forest fitted to this file speaks.", "Most are one scan."]),
            warnings: texts(&["3 records could not be read."]),
            figures: vec![Figure::new("Odd", "50"), Figure::new("Threshold", "0.550")],
            groups: vec![ReportGroup {
                title: "10.0.0.7 → 10.0.0.9".into(),
                detail: "src:10.0.0.7 dst:10.0.0.9".into(),
                count: 1,
                score: Some(0.81),
                reasons: texts(&["Sent 48 MB (typical 2 KB), more than 99.8 % of flows here"]),
            }],
            groups_note: "The first of 12 groups.".into(),
            scores: Some(ReportScores {
                histogram: Histogram::of(&ranking, 60),
                threshold: Some(0.55),
                origin: "The highest 5 % of the scores.".into(),
                meaning: "From 0 to 1; about 0.5 is average.".into(),
            }),
            stages: Some(stages),
            lanes: Some(ReportLanes { what: "Source address".into(), lanes, threshold: 0.55 }),
            charts: vec![
                pr_chart(&curves, anomalies, normal, Some(&counts)),
                roc_chart(&curves, anomalies, normal, Some(&counts)),
                reliability_chart("Network", &reliability(&network, &labels).unwrap()),
            ],
            tables: vec![ReportTable {
                title: "Recall by attack".into(),
                note: "At this threshold.".into(),
                columns: texts(&["Attack", "Recall"]),
                rows: vec![texts(&["scan", "0.9"]), texts(&["dos", "0.4"])],
                is_of_values: false,
            }],
            compared: Some(ReportCompared {
                title: "Against monday.csv".into(),
                words: texts(&["flows.csv has 2,000 records, monday.csv 1,900."]),
                charts: vec![roc_chart(&curves, anomalies, normal, None)],
                tables: vec![ReportTable {
                    title: "Columns".into(),
                    note: "The most different first.".into(),
                    columns: texts(&["Column", "Drift"]),
                    rows: vec![texts(&["bytes", "0.31"])],
                    is_of_values: false,
                }],
            }),
            rows: vec![ReportRow {
                record: 1234,
                score: Some(0.81),
                verdict: "odd".into(),
                reasons: texts(&["Service irc: 0.02 % of flows here"]),
                fields: vec![Figure::new("src", "10.0.0.7"), Figure::new("dst", "10.0.0.9")],
            }],
            rows_note: "The first of 50 odd records.".into(),
            settings: vec![Figure::new("Seed", "0"), Figure::new("Trees", "100")],
        }
    }

    /// Elements and attributes that a report is made of; none of them can run or load anything.
    const ELEMENTS: &[&str] = &[
        "html",
        "head",
        "title",
        "style",
        "body",
        "header",
        "main",
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "span",
        "code",
        "figure",
        "figcaption",
        "svg",
        "g",
        "text",
        "details",
        "summary",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ];
    const EMPTY_ELEMENTS: &[&str] = &["meta", "path", "circle"];
    const ATTRIBUTES: &[&str] = &[
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "role",
        "viewBox",
        "aria-label",
        "transform",
        "d",
        "x",
        "y",
        "r",
        "cx",
        "cy",
        "width",
        "height",
        "scope",
        "tabindex",
    ];

    /// Reads the document strictly: known elements, properly nested, with known attributes in double quotes. Gives its text.
    fn read(html: &str) -> String {
        let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a document type");
        let (mut open, mut text): (Vec<&str>, String) = (Vec::new(), String::new());
        while let Some((before, after)) = rest.split_once('<') {
            if open.last() != Some(&"style") {
                assert!(!before.contains(['>', '"', '\'']), "a loose character in {before:?}");
                text.push_str(before);
            }
            let (tag, behind) = after.split_once('>').expect("a closed tag");
            rest = behind;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
                continue;
            }
            let tag = tag.strip_suffix('/').unwrap_or(tag);
            let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            while let Some((attribute, value)) = attributes.split_once("=\"") {
                assert!(ATTRIBUTES.contains(&attribute.trim()), "attribute {attribute}");
                attributes = value.split_once('"').expect("a closed value").1;
            }
            assert_eq!(attributes, "", "in <{tag}>");
            if !EMPTY_ELEMENTS.contains(&name) {
                assert!(ELEMENTS.contains(&name), "element <{name}>");
                open.push(name);
            }
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
        text
    }

    #[test]
    fn a_report_says_what_it_was_given() {
        let html = report().to_html();
        let text = read(&html).replace(['\u{a0}', '\u{202f}'], " ");
        for expected in [
            "50 of 2,000 records are odd",
            "1.23 MB",
            "3 of them not scored",
            "10.0.0.7 → 10.0.0.9",
            "src:10.0.0.7 dst:10.0.0.9",
            "Sent 48 MB (typical 2 KB), more than 99.8 % of flows here",
            "Threshold 0.550",
            "Odd, but like nothing known",
            "2017-07-14",
            "Recall: found among the anomalies",
            "Record 1,234",
            "flows.csv has 2,000 records, monday.csv 1,900.",
            "Seed",
            "abababab",
        ] {
            assert!(text.contains(expected), "{expected}");
        }
        assert!(!text.contains("NaN") && !html.contains("inf"), "a number that is none");
    }

    #[test]
    fn it_stands_by_itself() {
        let html = report().to_html();
        let policy =
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; ";
        assert!(html.contains(policy));
        for loads in ["http:", "https:", "//", "url(", "@import", "src=", "href", "<script", "<link"] {
            assert!(!html.contains(loads), "{loads}");
        }
    }

    /// The same report with one text in the place of each of its own.
    fn with_every_text(text: &str) -> Report {
        fn replace(value: &mut Value, text: &str) {
            match value {
                Value::String(string) => text.clone_into(string),
                Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
                // The clock is one of three words.
                Value::Object(fields) => {
                    fields.iter_mut().filter(|(key, _)| *key != "clock").for_each(|(_, value)| replace(value, text))
                }
                _ => {}
            }
        }
        let mut value = serde_json::from_str(&report().to_json()).unwrap();
        replace(&mut value, text);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn no_text_of_a_file_becomes_markup() {
        for hostile in [
            "</title></style><script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "\" onmouseover=\"alert(1)",
            "' autofocus onfocus='alert(1)",
            "</svg><svg onload=alert(1)>",
            "<!--",
            "]]>",
            "javascript:alert(1)",
            "&#x3c;script&#x3e;",
            "\0\u{1b}[2J\u{202e}",
            "",
            "<",
        ] {
            let html = with_every_text(hostile).to_html();
            let text = read(&html);
            let shown = hostile.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let shown = shown.replace('"', "&quot;").replace('\'', "&#39;");
            let is_plain = !hostile.contains('\0');
            assert!(!is_plain || text.matches(&shown).count() > 20, "{hostile:?} is not shown");
            assert!(!html.contains(['\0', '\u{1b}', '\u{202e}']), "{hostile:?}");
        }
    }

    #[test]
    fn little_makes_a_report_too() {
        let text = read(&Report::default().to_html());
        assert!(text.contains("How this was made") && !text.contains("The oddest records"));
        let mut report = report();
        if let Some(scores) = &mut report.scores {
            *scores = ReportScores::default();
        }
        report.charts.iter_mut().for_each(|chart| chart.series.clear());
        assert!(!read(&report.to_html()).contains("NaN"));
    }

    #[test]
    fn json_is_the_same_report() {
        let report = report();
        let read: Report = serde_json::from_str(&report.to_json()).unwrap();
        // Numbers are read to within their last digit, which no report shows.
        assert!(read.to_html() == report.to_html() && read.settings == report.settings);
    }
}
