//! Everything that must hold, each check under its heading; the first that fails ends the run.

use crate::run::{Result, command, root, run, target};
use crate::{site, tools};
use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

/// Which checks to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// The native tests.
    Unit,
    /// Those in the browser, against `dist/` as it is built now.
    EndToEnd,
}

type Check = (&'static str, fn() -> Result<()>);

const UNIT: [Check; 2] = [
    ("Tests of the detector", || run(&mut command("cargo test --workspace"))),
    ("Tests with the network and the command line", || run(&mut command("cargo test --features cli"))),
];

const STATIC: [Check; 5] = [
    ("Format", || run(&mut command("cargo fmt --all --check"))),
    ("Lints: the detector", || clippy("--workspace --all-targets")),
    ("Lints: the command line", || clippy("--all-targets --features cli")),
    ("Lints: the page", || clippy("--target wasm32-unknown-unknown --lib --bin app --features app")),
    ("Lints: the worker", || {
        clippy("--target wasm32-unknown-unknown --lib --bin worker --bin bench-stages --features worker")
    }),
];

/// With the worker's own profile and features, which saves building the dependencies twice and tests what is shipped.
const WASM: Check = ("Tests as WebAssembly", || {
    let runner = tools::wasm_bindgen()?.join("wasm-bindgen-test-runner");
    let mut test = command("cargo test --lib --release --target wasm32-unknown-unknown --features worker");
    run(test.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner))
});

const SITE: Check = ("The site", || site::build(site::Mode::Release));

/// The page is compared with the command line, which `--no-run` builds from the very parts that the tests were built from.
const END_TO_END: Check = ("Tests in the browser", || {
    let bin = tools::npm_packages()?;
    run(&mut command("cargo test --quiet --features cli --no-run"))?;
    let program = target().join("debug/oddflow");
    let mut playwright = Command::new(bin.join("playwright"));
    playwright.arg("test").current_dir(root().join("e2e"));
    playwright.env("CHROMIUM", tools::chromium()?).env("ODDFLOW_PROGRAM", program);
    run(playwright.env("ODDFLOW_PORT", free_port()?.to_string()))
});

/// Installs what is missing, then runs the checks.
pub fn run_checks(which: Which) -> Result<()> {
    let tools: Check = ("Tools", || {
        tools::wasm_target()?;
        tools::trunk()?;
        tools::wasm_bindgen()?;
        tools::npm_packages()?;
        tools::chromium().map(drop)
    });
    let checks: Vec<Check> = match which {
        Which::All => [&[tools][..], &STATIC, &UNIT, &[WASM, SITE, END_TO_END]].concat(),
        Which::Unit => UNIT.to_vec(),
        Which::EndToEnd => vec![END_TO_END],
    };
    let start = Instant::now();
    let mut summary = Vec::new();
    for (number, (name, check)) in (1..).zip(&checks) {
        println!("\n== {number}/{}: {name}", checks.len());
        let begin = Instant::now();
        check().map_err(|error| format!("check {number}/{} ({name}) failed: {error}", checks.len()))?;
        summary.push(format!("{:>6.0} s  {name}", begin.elapsed().as_secs_f64()));
    }
    println!("\n== All {} checks hold\n{}", checks.len(), summary.join("\n"));
    println!("{:>6.0} s  in all", start.elapsed().as_secs_f64());
    Ok(())
}

fn clippy(what: &str) -> Result<()> {
    run(&mut command(&format!("cargo clippy --quiet {what} -- -D warnings")))
}

/// A port that nobody listens at.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}
