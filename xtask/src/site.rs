//! Builds `dist/` with trunk: a folder that any static host serves, under any path.

use crate::run::{Result, command, output, root, run};
use crate::tools;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the site is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Built sooner.
    Debug,
    /// What is published.
    Release,
}

/// The folder with the site.
#[must_use]
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Builds the site, and prints how large its programs are; a release that is too large is an error.
pub fn build(mode: Mode) -> Result<()> {
    tools::wasm_target()?;
    let mut path = vec![tools::trunk()?, tools::wasm_bindgen()?];
    if mode == Mode::Release {
        path.push(tools::npm_packages()?);
    }
    // Trunk calls cargo with --offline, see Trunk.toml.
    run(&mut command("cargo fetch --quiet --locked"))?;
    let build = build_id()?;
    let mut trunk = command("trunk build");
    if mode == Mode::Release {
        trunk.arg("--release");
    }
    // Trunk reads NO_COLOR as `true` or `false` only, and stops at the usual `1`.
    run(trunk
        .env("PATH", tools::path_with(&path)?)
        .env("ODDFLOW_BUILD", &build)
        .env_remove("NO_COLOR")
        .env_remove("RUST_BACKTRACE"))?;
    println!("dist/ is built: {build}");
    check_sizes(mode)
}

/// Names this state of the sources. The page and the worker carry it, so that they know each other, and the page asks for
/// files by it, so that none comes stale from a cache.
fn build_id() -> Result<String> {
    let mut files = Vec::new();
    for part in ["Cargo.lock", "Cargo.toml", "index.html", "models", "public", "src", "style"] {
        list_files(&root().join(part), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let bytes = read(&file)?;
        hash.update(file.strip_prefix(root()).unwrap_or(&file).to_string_lossy().as_bytes());
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(bytes);
    }
    Ok(hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

/// The programs: how the names of their files begin, and how large they may be by brotli. GitHub Pages and many other hosts compress
/// with gzip, which is printed beside it.
const BUDGETS: [(&str, u64); 2] = [("app-", 400_000), ("worker", 2_600_000)];

/// Prints the raw and the compressed sizes of what the browser has to load and compile; in release mode, says so if that is too
/// much.
fn check_sizes(mode: Mode) -> Result<()> {
    let mut files = Vec::new();
    list_files(&dist(), &mut files)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wasm" || extension == "js"));
    files.sort();
    println!("{:>12} {:>12} {:>12}  file", "bytes", "gzip", "brotli");
    let mut programs = BUDGETS.map(|(name, budget)| (name, 0, budget));
    for file in files {
        let bytes = read(&file)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let packed = gzip.write_all(&bytes).and_then(|()| gzip.finish()).map_err(|error| format!("gzip: {error}"))?;
        let brotli = if mode == Mode::Release { Some(brotli_bytes(&file)?) } else { None };
        let name = file.strip_prefix(dist()).unwrap_or(&file).display().to_string();
        let told = brotli.map_or("-".into(), |brotli| brotli.to_string());
        println!("{:>12} {:>12} {told:>12}  {name}", bytes.len(), packed.len());
        programs
            .iter_mut()
            .filter(|(begin, ..)| name.starts_with(begin))
            .for_each(|(_, sum, _)| *sum += brotli.unwrap_or(0));
    }
    match programs.iter().find(|(_, sum, budget)| sum > budget) {
        Some((name, sum, budget)) => {
            Err(format!("the files {name}* have {sum} bytes by brotli, more than the {budget} that they may have"))
        }
        None => Ok(()),
    }
}

/// How large a file is by brotli; by Node.js, which builds for release have.
fn brotli_bytes(file: &Path) -> Result<u64> {
    const SCRIPT: &str = "const { readFileSync: read } = require('node:fs'), { brotliCompressSync: pack } = require('node:zlib'); \
                          console.log(pack(read(process.argv[1])).length)";
    let said = output(Command::new("node").args(["-e", SCRIPT]).arg(file));
    said.and_then(|bytes| bytes.trim().parse().ok())
        .ok_or_else(|| format!("Node.js could not compress {}", file.display()))
}

/// Appends the file, or every file in the folder.
fn list_files(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let said = |error| format!("{}: {error}", path.display());
    for entry in fs::read_dir(path).map_err(said)? {
        list_files(&entry.map_err(said)?.path(), files)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
