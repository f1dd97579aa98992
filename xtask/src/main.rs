//! `cargo xtask`: builds, serves, tests and measures Oddflow, and installs what these need.
//!
//! Tools go into a folder of the user's cache, never into the system; only Chromium, which the end-to-end tests drive, is
//! taken from the system's packages where that is allowed.

mod bench;
mod checks;
mod figures;
mod results;
mod run;
mod server;
mod site;
mod tools;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use run::Result;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <command>

  serve [--release] [--port N] [--base /PATH/] [--no-build]
                    build dist/ and serve it on this machine, at port 8080 if no other is given
  build [--debug]   build dist/, a folder that any static host serves
  test [unit|e2e]   every check there is, or the quick ones, or those in the browser
  figures [--reuse] [nsl-kdd|unsw|adbench|peers|negative]...
                    measure all, or these parts, and write the tables of docs/DETECTION.md; only write them again
  bench [--rows N] [--rounds N] [--no-build] [--reuse] [end-to-end|stages|interactions|growth|huge]...
                    measure how fast it is beside its peers, and write the tables of docs/PERFORMANCE.md
";

fn main() -> ExitCode {
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line and does what it says.
fn command() -> Result<()> {
    let mut words = Vec::new();
    let mut debug = false;
    let mut release = false;
    let mut no_build = false;
    let mut reuse = false;
    let mut port = 8080;
    let mut base = String::from("/");
    let mut size = bench::Size::default();
    let mut arguments = lexopt::Parser::from_env();
    let said = |error: lexopt::Error| format!("{error}\n\n{USAGE}");
    while let Some(argument) = arguments.next().map_err(said)? {
        match argument {
            Long("debug") => debug = true,
            Long("release") => release = true,
            Long("no-build") => no_build = true,
            Long("reuse") => reuse = true,
            Long("port") => port = arguments.value().and_then(|value| value.parse()).map_err(said)?,
            Long("base") => base = arguments.value().and_then(ValueExt::string).map_err(said)?,
            Long("rows") => size.rows = arguments.value().and_then(|value| value.parse()).map_err(said)?,
            Long("rounds") => size.rounds = arguments.value().and_then(|value| value.parse()).map_err(said)?,
            Long("help") | Short('h') => words.push(String::from("help")),
            Value(word) => words.push(word.string().map_err(said)?),
            other => return Err(said(other.unexpected())),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => {
            if !no_build {
                site::build(if release { site::Mode::Release } else { site::Mode::Debug })?;
            }
            server::serve(&site::dist(), port, &base)
        }
        ["build"] => site::build(if debug { site::Mode::Debug } else { site::Mode::Release }),
        ["test"] => checks::run_checks(checks::Which::All),
        ["test", "unit"] => checks::run_checks(checks::Which::Unit),
        ["test", "e2e"] => checks::run_checks(checks::Which::EndToEnd),
        ["figures", parts @ ..] => figures::measure(parts, reuse),
        ["bench", parts @ ..] => bench::measure(parts, size, !no_build, reuse),
        ["help"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("no such command\n\n{USAGE}")),
    }
}
