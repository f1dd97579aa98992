//! The tables of docs/PERFORMANCE.md, from the results that were kept. What was not measured, or failed, says "not run".

use super::contest::{median, range};
use super::part;
use crate::results::{NOT_RUN, Table};
use serde_json::Value;
use std::collections::BTreeMap;

pub const TABLES: [Table; 7] = [
    ("machine", machine),
    ("targets", targets),
    ("end-to-end", end_to_end),
    ("stages", stages),
    ("interactions", interactions),
    ("growth", growth),
    ("huge", huge),
];

/// The kinds of contestants of our own.
pub const PROGRAM: &str = "program";
pub const PAGE: &str = "page";
/// The page with the pack that ships for such files, in two workers.
pub const SHIPPED: &str = "page/2/shipped";
/// The page in two workers that writes where a person wants to have the file.
pub const CHOSEN: &str = "page/2/chosen";
/// Stages that read a file of text; all others score rows.
pub const READING: [&str; 5] = ["pandas", "polars", "columns", "papaparse", "duckdb"];

const PANDAS: &str = "pandas + scikit-learn + onnxruntime";
const POLARS: [&str; 2] = ["polars + scikit-learn + onnxruntime", "polars + isotree + onnxruntime"];

/// The name of the program with so many threads.
#[must_use]
pub fn program(threads: u32) -> String {
    format!("{PROGRAM}/{threads}")
}

/// The name of the page with so many workers.
#[must_use]
pub fn page(workers: u32) -> String {
    format!("{PAGE}/{workers}")
}

/// What is wanted, and what came out.
fn targets() -> Option<String> {
    let (whole, stages, growth) = (part("end-to-end"), part("stages"), part("growth"));
    let (whole, stages) = (&whole["results"], &stages["results"]);
    let ratio = |slow: Option<f64>, fast: Option<f64>| Some(slow? / fast?);
    let seconds = |name: &str| median(whole, name, "seconds");
    let stage = |name: &str| per_second(stages, name);
    let ours = seconds(&page(2));
    let polars = POLARS.iter().filter_map(|name| seconds(name)).min_by(f64::total_cmp);
    let tasks = range(whole, &page(2), "longest_task_ms").map(|(_, most)| most);
    let rows = [
        (
            "a file to an annotated file: the page with two workers against pandas' stack",
            "≥ 10 ×",
            ratio(seconds(PANDAS), ours),
        ),
        ("the same against the better of polars' stacks", "≥ 3 ×", ratio(polars, ours)),
        (
            "CSV to columns: one worker against pandas' C engine",
            "≥ 2.5 ×",
            ratio(stage("browser/columns"), stage("native/pandas")),
        ),
        (
            "forest: one worker against scikit-learn on one thread",
            "≥ 6 ×",
            ratio(stage("browser/forest"), stage("native/scikit-learn")),
        ),
        (
            "network: one worker with tract against onnxruntime-web on one thread",
            "≥ 1.3 ×",
            ratio(stage("browser/tract"), stage("browser/onnxruntime")),
        ),
        ("time of the page for ten times the records", "≤ 10.5 ×", tenfold(&growth["results"])),
    ];
    if rows.iter().all(|(.., ratio)| ratio.is_none()) {
        return None;
    }
    let mut table = String::from("| | wanted | measured |\n|---|---|---|\n");
    for (what, wanted, ratio) in rows {
        let ratio = ratio.map_or(NOT_RUN.into(), |ratio| format!("**{ratio:.1} ×**"));
        table += &format!("| {what} | {wanted} | {ratio} |\n");
    }
    let answers = part("interactions");
    let answers = &answers["results"];
    let meanwhile = range(answers, &page(2), "longest_task_ms").map(|(_, most)| most);
    let tasks = tasks.into_iter().chain(meanwhile).max_by(f64::total_cmp);
    let milliseconds = |ms: Option<f64>| ms.map_or(NOT_RUN.into(), |ms| format!("**{ms:.0} ms**"));
    table += &format!("| longest task of the page's own thread in any round | ≤ 50 ms | {} |\n", milliseconds(tasks));
    let slowest = INTERACTIONS.iter().filter_map(|(name, _)| answer(answers, name)).max_by(f64::total_cmp);
    table += &format!("| the slowest of the interactions below | ≤ 100 ms | {} |\n", milliseconds(slowest));
    let frames = median(answers, &page(2), "gliding/frames_a_second").map_or(NOT_RUN.into(), |n| format!("**{n:.0}**"));
    table += &format!("| frames a second while the records are scrolled | 60 | {frames} |\n");
    let workers = median(&part("huge")["results"], &page(2), "worker_bytes").map_or(NOT_RUN.into(), megabytes);
    table += &format!("| memory of all workers with a file of 5 GB | < 1500 MB | **{workers}** |\n");
    Some(table)
}

/// What is done on a finished result, and what has to be seen then.
const INTERACTIONS: [(&str, &str); 5] = [
    ("threshold", "the threshold is moved by a page: the new count"),
    ("record", "a record is opened: its reasons"),
    ("scroll", "the table is scrolled by forty windows: all cells"),
    ("sort", "the table is sorted by another column: all cells of the first window"),
    ("filter", "a filter on a column: the number of records, and all cells of the first window"),
];

/// The milliseconds of an interaction, the median of all rounds.
fn answer(results: &Value, name: &str) -> Option<f64> {
    median(results, &page(2), &format!("ms/{name}"))
}

fn interactions() -> Option<String> {
    let measured = part("interactions");
    let results = &measured["results"];
    results.as_object()?;
    let mut table = format!(
        "{} records, two workers; medians of {} rounds of five times each.\n\n| what is done, and then seen | after |\n|---|---|\n",
        grouped(measured["rows"].as_u64()?),
        measured["rounds"],
    );
    for (name, words) in INTERACTIONS {
        let answered = answer(results, name).map_or(NOT_RUN.into(), |ms| format!("{ms:.0} ms"));
        table += &format!("| {words} | {answered} |\n");
    }
    let gliding = |what: &str| median(results, &page(2), &format!("gliding/{what}"));
    if let (Some(frames), Some(late), Some(empty)) = (gliding("frames_a_second"), gliding("p95_ms"), gliding("empty")) {
        table += &format!(
            "\nScrolled steadily for five seconds, 40 pixels a frame: {frames:.0} frames a second, 95 % of them within {late:.1} ms of \
             the one before; {empty:.0} of the frames show a row whose cells are not here yet.\n",
        );
    }
    Some(table)
}

/// How many times longer the page takes for the largest file than for the one that has a tenth of its records.
fn tenfold(growth: &Value) -> Option<f64> {
    let sizes = growth["sizes"].as_array()?;
    let [.., some, many] = sizes.as_slice() else { return None };
    let seconds = |rows: &Value| median(growth, &format!("{PAGE}/{rows}"), "seconds");
    Some(seconds(many)? / seconds(some)?)
}

fn end_to_end() -> Option<String> {
    let whole = part("end-to-end");
    let results = whole["results"].as_object()?;
    let results = &Value::Object(results.clone());
    let pandas = median(results, PANDAS, "seconds");
    let titles = [
        (PANDAS.to_owned(), PANDAS),
        (POLARS[0].to_owned(), POLARS[0]),
        (POLARS[1].to_owned(), POLARS[1]),
        (program(1), "Oddflow's program, one thread"),
        (program(2), "Oddflow's program, two threads"),
        (page(1), "**Oddflow's page**, one worker"),
        (page(2), "**Oddflow's page**, two workers"),
        (CHOSEN.to_owned(), "Oddflow's page, two workers, to a chosen file"),
        (SHIPPED.to_owned(), "Oddflow's page, two workers, with the pack that ships"),
    ];
    let mut table = format!(
        "{} records, {}; medians of {} rounds.\n\n| | time | least to greatest | against pandas' stack | processor time | peak memory |\n\
         |---|---|---|---|---|---|\n",
        grouped(whole["rows"].as_u64()?),
        megabytes(results["bytes"].as_f64()?),
        whole["rounds"],
    );
    for (name, title) in titles {
        let time = median(results, &name, "seconds");
        let spread = range(results, &name, "seconds");
        // A page that does not know the parameter, or a machine that has fewer, decides for itself.
        let workers = median(results, &name, "workers").map_or(String::new(), |workers| format!(" ({workers} ran)"));
        table += &format!(
            "| {title}{workers} | {} | {} | {} | {} | {} |\n",
            seconds(time),
            spread.map_or(NOT_RUN.into(), |(least, most)| format!("{least:.2} to {most:.2} s")),
            pandas.zip(time).map_or(NOT_RUN.into(), |(pandas, time)| format!("{:.1} ×", pandas / time)),
            seconds(median(results, &name, "cpu_seconds")),
            median(results, &name, "peak_bytes").map_or(NOT_RUN.into(), megabytes),
        );
    }
    table += &match results["same_bytes"].as_bool() {
        Some(true) => "\nThe page and the program wrote the same bytes.\n".to_owned(),
        Some(false) => "\n**The page and the program wrote different files.**\n".to_owned(),
        None => String::new(),
    };
    Some(table)
}

fn stages() -> Option<String> {
    let stages = part("stages");
    let results = &stages["results"];
    results.as_object()?;
    let titles = [
        ("CSV to columns", "native/pandas", "pandas, C engine"),
        ("", "native/polars", "polars"),
        ("", "browser/papaparse", "PapaParse in a worker"),
        ("", "browser/duckdb", "DuckDB-WASM"),
        ("", "browser/columns", "**Oddflow** in a worker"),
        ("columns to features", "browser/encode", "**Oddflow** in a worker"),
        ("forest", "native/scikit-learn", "scikit-learn"),
        ("", "native/isotree", "isotree"),
        ("", "browser/forest", "**Oddflow** in a worker"),
        ("network", "native/onnxruntime", "onnxruntime"),
        ("", "browser/onnxruntime", "onnxruntime-web in a worker"),
        ("", "browser/tract", "**Oddflow** in a worker, by tract"),
        ("", "browser/network", "**Oddflow** in a worker, by its own kernel"),
    ];
    let bytes_per_row = results["bytes"].as_f64()? / stages["rows"].as_f64()?;
    let mut table = String::from("| stage | by | records a second | text a second |\n|---|---|---|---|\n");
    for (stage, name, title) in titles {
        let rate = per_second(results, name);
        let reads = name.split_once('/').is_some_and(|(_, stage)| READING.contains(&stage));
        let text = rate.filter(|_| reads).map_or(String::new(), |rate| megabytes(rate * bytes_per_row));
        let rate = rate.map_or(NOT_RUN.into(), |rate| format!("{:.2} million", rate / 1e6));
        table += &format!("| {stage} | {title} | {rate} | {text} |\n");
    }
    if let Some(most) = range(results, "browser/onnxruntime", "difference").map(|(_, most)| most) {
        table += &format!("\nThe outputs of tract and onnxruntime-web differ by {most:.0e} at most.\n");
    }
    Some(table)
}

fn growth() -> Option<String> {
    let growth = part("growth");
    let results = &growth["results"];
    let mut table = String::from(
        "| records | program | of a tenth | peak memory | page, two workers | of a tenth | peak memory | longest task |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut before = [None, None];
    for rows in results["sizes"].as_array()? {
        let mut cells = vec![grouped(rows.as_u64()?)];
        for (kind, before) in [PROGRAM, PAGE].iter().zip(&mut before) {
            let name = format!("{kind}/{rows}");
            let time = median(results, &name, "seconds");
            cells.push(seconds(time));
            cells.push(before.zip(time).map_or(String::new(), |(before, time)| format!("{:.1} ×", time / before)));
            cells.push(median(results, &name, "peak_bytes").map_or(NOT_RUN.into(), megabytes));
            *before = time;
        }
        let task = range(results, &format!("{PAGE}/{rows}"), "longest_task_ms");
        cells.push(task.map_or(NOT_RUN.into(), |(_, most)| format!("{most:.0} ms")));
        table += &format!("| {} |\n", cells.join(" | "));
    }
    Some(table)
}

fn huge() -> Option<String> {
    let huge = part("huge");
    let (results, name) = (&huge["results"], page(2));
    let figure = |figure: &str| median(results, &name, figure);
    let cells = [
        results["bytes"].as_f64().map(megabytes)?,
        grouped(results["records"].as_u64()?),
        seconds(figure("stages/shown")),
        seconds(figure("stages/written")),
        figure("worker_bytes").map_or(NOT_RUN.into(), megabytes),
        figure("peak_bytes").map_or(NOT_RUN.into(), megabytes),
        figure("longest_task_ms").map_or(NOT_RUN.into(), |ms| format!("{ms:.0} ms")),
    ];
    Some(format!(
        "| file | records | shown after | annotated file after another | memory of the workers | of page and workers | longest task |\n\
         |---|---|---|---|---|---|---|\n| {} |\n",
        cells.join(" | ")
    ))
}

fn machine() -> Option<String> {
    let machine = part("machine");
    machine.as_object()?;
    let said = |what: &str| machine[what].as_str().unwrap_or("unknown").to_owned();
    let mut versions = BTreeMap::new();
    for part in ["end-to-end", "stages"].map(part) {
        let contestants = part["results"].as_object().cloned().unwrap_or_default();
        for round in contestants.values().filter_map(|rounds| rounds.get(0)) {
            let packages = round["versions"].as_object().cloned().unwrap_or_default();
            versions
                .extend(packages.into_iter().filter_map(|(name, version)| Some((name, version.as_str()?.to_owned()))));
            versions.extend(round["version"].as_str().map(|version| (String::from("Chromium"), version.to_owned())));
        }
    }
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    Some(format!(
        "{}, {} cores, {} of memory. {}.\n",
        said("processor"),
        machine["cores"],
        said("memory"),
        versions.join(", ")
    ))
}

/// Rows a second by the median time.
fn per_second(results: &Value, name: &str) -> Option<f64> {
    let rows = results[name].get(0)?["rows"].as_f64()?;
    Some(rows / median(results, name, "seconds")?)
}

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or(NOT_RUN.into(), |seconds| format!("{seconds:.2} s"))
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}

/// With a comma between thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rates_are_of_rows_by_the_median_time() {
        let results =
            json!({"a": [{"rows": 100, "seconds": 4}, {"rows": 100, "seconds": 2}, {"rows": 100, "seconds": 1}]});
        assert_eq!(per_second(&results, "a"), Some(50.0));
        assert_eq!(per_second(&results, "b"), None);
        assert_eq!(per_second(&json!({"a": "failed"}), "a"), None);
    }

    #[test]
    fn the_last_two_sizes_tell_how_time_grows() {
        let mut growth = json!({"sizes": [1, 10, 100], "page/10": [{"seconds": 2}], "page/100": [{"seconds": 21}]});
        assert_eq!(tenfold(&growth), Some(10.5));
        growth["page/100"] = json!("failed");
        assert_eq!(tenfold(&growth), None);
    }

    #[test]
    fn numbers_are_grouped() {
        for (n, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (10_000_000, "10,000,000")] {
            assert_eq!(grouped(n), expected);
        }
    }
}
