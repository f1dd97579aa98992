//! The figures of docs/PERFORMANCE.md: Oddflow and its peers on the same made-up flows, in the same rounds; kept as JSON in
//! target/bench/, written as tables between marks.
//!
//! Absolute times are this machine's; ratios within one run are what counts. The file is made by `oddflow generate --like
//! nsl-kdd`. End to end, Oddflow runs a pack that does the peers' very work (benches/peers/pack.rs); the pack that ships,
//! which does more, has a line of its own.

mod contest;
mod tables;

use crate::results::{self, Unmeasured, failed, keep, kept};
use crate::run::{Result, command, json_of, output, root, run, target};
use crate::{server, site, tools};
use contest::Contestant;
use serde_json::{Value, json};
use std::fs;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Size {
    /// Of the file in the middle; the smallest has a hundredth of it and the largest ten times as many.
    pub rows: u64,
    pub rounds: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 1_000_000, rounds: 5 }
    }
}

const PAGE: &str = "docs/PERFORMANCE.md";
/// What a file that no memory holds is measured with, in bytes.
const HUGE: u64 = 5_000_000_000;
/// Records that the bench's own pack is fitted to.
const PACK_ROWS: u64 = 20_000;

/// A part's name, what measures it, and whether it is only measured by name.
type Part = (&'static str, fn(&Bench) -> Result<Value>, bool);

const PARTS: [Part; 5] = [
    ("end-to-end", Bench::end_to_end, false),
    ("stages", Bench::stages, false),
    ("interactions", Bench::interactions, false),
    ("growth", Bench::growth, false),
    ("huge", Bench::huge, true),
];

/// Everything that is needed to measure.
struct Bench {
    size: Size,
    python: PathBuf,
    /// For the drivers of Chromium.
    chromium: PathBuf,
    /// The address of the site, and that of the page that measures stages.
    site: String,
    stages: String,
    /// Whether the program can be told how many threads to use.
    has_threads: bool,
}

/// Measures these parts, or all that are not large, unless results are to be used again; then writes the tables.
pub fn measure(parts: &[&str], size: Size, build: bool, reuse: bool) -> Result<()> {
    if let Some(unknown) = parts.iter().find(|part| PARTS.iter().all(|(name, ..)| name != *part)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, ..)| *name).collect();
        return Err(format!("there is no part named {unknown}, only {}", names.join(", ")));
    }
    if size.rows < 1000 || size.rounds == 0 {
        return Err("a thousand rows and one round are the least to measure".into());
    }
    if !reuse {
        let bench = Bench::new(size, build)?;
        for (name, measure, by_name) in PARTS {
            if parts.contains(&name) || parts.is_empty() && !by_name {
                println!("== {name}");
                let measured = measure(&bench)?;
                keep(&folder(), name, &json!({"rows": size.rows, "rounds": size.rounds, "results": measured}))?;
            }
        }
        keep(&folder(), "machine", &machine())?;
    }
    results::write_tables(PAGE, &tables::TABLES, Unmeasured::Say)
}

fn folder() -> PathBuf {
    target().join("bench")
}

/// The results of a part that were kept; null without any.
fn part(name: &str) -> Value {
    kept(&folder(), name)
}

impl Bench {
    fn new(size: Size, build: bool) -> Result<Self> {
        let python = tools::peers_python("peers-speed", "speed.txt")?;
        let (modules, chromium) = (tools::peers_modules()?, tools::chromium()?);
        tools::npm_packages()?;
        fs::create_dir_all(folder()).map_err(|error| failed(&folder(), &error))?;
        if build {
            run(&mut command("cargo build --release --features cli --bin oddflow --bin bench-pack"))?;
            build_stages()?;
            site::build(site::Mode::Release)?;
        }
        let few = flows(PACK_ROWS)?;
        let pack = folder().join("pack");
        run(Command::new(target().join("release/bench-pack")).arg(few).arg(&pack))?;
        let help = output(oddflow().args(["score", "--help"])).unwrap_or_default();
        let stages = [
            ("/", root().join("benches/browser")),
            ("/npm", modules),
            ("/wasm", folder().join("wasm")),
            ("/pack", pack),
        ];
        let dist = site::dist();
        if !dist.join("index.html").is_file() {
            return Err(format!("{} has no index.html: run `cargo xtask build`", dist.display()));
        }
        Ok(Self {
            size,
            python,
            chromium,
            site: server::serve_aside(&[("/", &dist)])?,
            stages: server::serve_aside(&stages.each_ref().map(|(path, folder)| (*path, folder.as_path())))?,
            has_threads: help.contains("--threads"),
        })
    }

    /// A file of flows to an annotated file.
    fn end_to_end(&self) -> Result<Value> {
        let file = flows(self.size.rows)?;
        // What an earlier run has left is not to be compared.
        ["program", "page"]
            .map(scored)
            .iter()
            .try_for_each(|old| if old.exists() { fs::remove_file(old) } else { Ok(()) })
            .map_err(|error| failed(&folder(), &error))?;
        let mut contestants: Vec<Contestant<'_>> = Vec::new();
        for (table, forest) in [("pandas", "scikit-learn"), ("polars", "scikit-learn"), ("polars", "isotree")] {
            let file = &file;
            let run = move || self.peer(&[table, forest], file);
            contestants.push((format!("{table} + {forest} + onnxruntime"), Box::new(run)));
        }
        for threads in self.threads() {
            let file = &file;
            contestants.push((tables::program(threads), Box::new(move || self.program(file, threads))));
        }
        for workers in [1, 2] {
            let file = &file;
            contestants.push((tables::page(workers), Box::new(move || self.page(file, workers, true))));
        }
        contestants.push((tables::CHOSEN.into(), Box::new(|| self.page_asked_where(&file))));
        contestants.push((tables::SHIPPED.into(), Box::new(|| self.page(&file, 2, false))));
        let mut results = contest::rounds(&contestants, self.size.rounds);
        results["bytes"] = json!(size_of(&file)?);
        results["same_bytes"] = json!(same_bytes(&scored("program"), &scored("page")));
        Ok(results)
    }

    /// Each stage alone, on one thread or in one worker: reading on the file in the middle, scoring on a fifth of it.
    fn stages(&self) -> Result<Value> {
        let (read, score) = (flows(self.size.rows)?, flows(self.size.rows / 5)?);
        let file = |stage: &str| if tables::READING.contains(&stage) { &read } else { &score };
        let native = ["pandas", "polars", "scikit-learn", "isotree", "onnxruntime"];
        let browser = ["columns", "papaparse", "duckdb", "encode", "forest", "network", "tract", "onnxruntime"];
        let native = native.map(|stage| -> Contestant<'_> {
            (format!("native/{stage}"), Box::new(move || self.peer(&[stage], file(stage))))
        });
        let browser = browser.map(|stage| -> Contestant<'_> {
            (format!("browser/{stage}"), Box::new(move || self.stage(stage, file(stage))))
        });
        let contestants: Vec<Contestant<'_>> = native.into_iter().chain(browser).collect();
        let mut results = contest::rounds(&contestants, self.size.rounds);
        results["bytes"] = json!(size_of(&read)?);
        Ok(results)
    }

    /// What a person waits for on the finished result of the file in the middle.
    fn interactions(&self) -> Result<Value> {
        let file = flows(self.size.rows)?;
        let what = json!({"url": self.site, "file": file, "workers": 2, "pack": folder().join("pack")});
        let contestants: [Contestant<'_>; 1] = [(tables::page(2), Box::new(|| self.drive("interactions", &what)))];
        Ok(contest::rounds(&contestants, self.size.rounds))
    }

    /// Time and memory from a hundredth of the rows to ten times as many.
    fn growth(&self) -> Result<Value> {
        let sizes = [self.size.rows / 100, self.size.rows / 10, self.size.rows, self.size.rows * 10];
        let files: Vec<(u64, PathBuf)> = sizes.iter().map(|&rows| Ok((rows, flows(rows)?))).collect::<Result<_>>()?;
        let threads = self.threads().last().copied().unwrap_or(1);
        let mut contestants: Vec<Contestant<'_>> = Vec::new();
        for (rows, file) in &files {
            contestants.push((format!("{}/{rows}", tables::PROGRAM), Box::new(move || self.program(file, threads))));
            contestants.push((format!("{}/{rows}", tables::PAGE), Box::new(move || self.page(file, 2, true))));
        }
        let mut results = contest::rounds(&contestants, self.size.rounds);
        results["sizes"] = json!(sizes);
        Ok(results)
    }

    /// A file that no memory holds, through the page.
    fn huge(&self) -> Result<Value> {
        const SOME: u64 = 10_000;
        let rows = HUGE * SOME / size_of(&flows(SOME)?)?;
        let file = flows(rows)?;
        let contestants: [Contestant<'_>; 1] = [(tables::page(2), Box::new(|| self.page(&file, 2, true)))];
        let mut results = contest::rounds(&contestants, 1);
        results["bytes"] = json!(size_of(&file)?);
        results["records"] = json!(rows);
        fs::remove_file(&file).map_err(|error| failed(&file, &error))?;
        Ok(results)
    }

    fn threads(&self) -> Vec<u32> {
        if self.has_threads { vec![1, 2] } else { vec![1] }
    }

    fn program(&self, file: &Path, threads: u32) -> Result<Value> {
        let mut program = oddflow();
        program.arg("score").arg(file).arg("--pack").arg(folder().join("pack")).arg("--out").arg(scored("program"));
        if self.has_threads {
            program.args(["--threads", &threads.to_string()]);
        }
        contest::timed(&mut program)
    }

    /// A stack of native Python, or one stage of it.
    fn peer(&self, what: &[&str], file: &Path) -> Result<Value> {
        let mut python = Command::new(&self.python);
        python.arg(root().join("benches/peers/speed.py")).args(what).arg("--file").arg(file);
        json_of(python.arg("--model").arg(folder().join("pack/dnn.onnx")).arg("--out").arg(scored("peer")))
    }

    /// The site in Chromium, with the bench's own pack or with those that ship.
    fn page(&self, file: &Path, workers: u32, own_pack: bool) -> Result<Value> {
        self.drive(
            "page",
            &json!({
                "url": self.site,
                "file": file,
                "workers": workers,
                "pack": own_pack.then(|| folder().join("pack")),
                "out": own_pack.then(|| scored("page")),
            }),
        )
    }

    /// The page in Chromium with two workers, which writes to a file that was chosen.
    fn page_asked_where(&self, file: &Path) -> Result<Value> {
        let pack = folder().join("pack");
        let what = json!({"url": self.site, "file": file, "workers": 2, "pack": pack, "out": null, "chosen": true});
        self.drive("page", &what)
    }

    /// One stage in a worker of Chromium.
    fn stage(&self, stage: &str, file: &Path) -> Result<Value> {
        self.drive("stages", &json!({"url": self.stages, "stage": stage, "file": file}))
    }

    fn drive(&self, driver: &str, what: &Value) -> Result<Value> {
        let mut node = Command::new("node");
        node.env("CHROMIUM", &self.chromium).arg(root().join(format!("benches/browser/{driver}.mjs")));
        json_of(node.arg(what.to_string()))
    }
}

/// The stages of the worker as a module of their own, made as trunk makes the worker.
fn build_stages() -> Result<()> {
    tools::wasm_target()?;
    let (bindgen, binaryen) = (tools::wasm_bindgen()?, tools::npm_packages()?);
    const BUILD: &str = "cargo build --release --target wasm32-unknown-unknown --features worker --bin bench-stages";
    run(&mut command(BUILD))?;
    let built = target().join("wasm32-unknown-unknown/release/bench-stages.wasm");
    let out = folder().join("wasm");
    let mut bind = Command::new(bindgen.join("wasm-bindgen"));
    run(bind.args(["--target", "web", "--no-typescript", "--out-dir"]).arg(&out).arg(built))?;
    let module = out.join("bench-stages_bg.wasm");
    let index = fs::read_to_string(root().join("index.html")).map_err(|error| format!("index.html: {error}"))?;
    let optimize = worker_optimization(&index).ok_or("index.html does not say how the worker is made")?;
    run(Command::new(binaryen.join("wasm-opt")).arg("-Oz").args(optimize).arg("-o").args([&module, &module]))
}

/// What index.html has Trunk tell wasm-opt about the worker, beside how small it is to be.
fn worker_optimization(index: &str) -> Option<impl Iterator<Item = &str>> {
    let (_, worker) = index.split_once(r#"data-bin="worker""#)?;
    let (_, parameters) = worker.split_once(r#"data-wasm-opt-params=""#)?;
    Some(parameters.split_once('"')?.0.split(' '))
}

fn oddflow() -> Command {
    Command::new(target().join("release/oddflow"))
}

/// A file of made-up flows; the same rows are the same bytes.
fn flows(rows: u64) -> Result<PathBuf> {
    let path = folder().join(format!("flows-{rows}.csv"));
    let file = File::create(&path).map_err(|error| failed(&path, &error))?;
    println!("Making {}", path.display());
    run(oddflow().args(["generate", "--like", "nsl-kdd", "--rows", &rows.to_string()]).stdout(Stdio::from(file)))?;
    Ok(path)
}

/// Where a kind of contestant writes the annotated file.
fn scored(by: &str) -> PathBuf {
    folder().join(format!("scored-by-{by}.csv"))
}

fn size_of(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|file| file.len()).map_err(|error| failed(path, &error))
}

/// Whether two files have the same content; `None` if one of them cannot be read.
fn same_bytes(one: &Path, other: &Path) -> Option<bool> {
    if size_of(one).ok()? != size_of(other).ok()? {
        return Some(false);
    }
    let open = |path: &Path| File::open(path).map(|file| BufReader::new(file).bytes()).ok();
    let pairs = open(one)?.zip(open(other)?);
    pairs.map(|(one, other)| Some(one.ok()? == other.ok()?)).try_fold(true, |same, pair| Some(same && pair?))
}

/// What the figures were measured on, as far as the system tells.
fn machine() -> Value {
    let about = |path: &str, key: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?.trim_start_matches([' ', '\t', ':']);
        Some(line.trim().to_owned())
    };
    json!({
        "processor": about("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "memory": about("/proc/meminfo", "MemTotal"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_is_made_as_the_page_has_it() {
        let index = r#"<link data-bin="app" data-wasm-opt-params="--of-app"> <link data-bin="worker" data-wasm-opt-params="--a --b=1">"#;
        assert_eq!(worker_optimization(index).unwrap().collect::<Vec<_>>(), ["--a", "--b=1"]);
        assert!(worker_optimization("<link>").is_none());
        let index = fs::read_to_string(root().join("index.html")).unwrap();
        assert!(worker_optimization(&index).unwrap().all(|parameter| parameter.starts_with("--")));
    }
}
