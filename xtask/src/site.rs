//! Builds `dist/` with trunk: a folder that any static host serves, under any path.

use crate::run::{Result, command, root, run};
use crate::tools;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

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

/// Builds the site, and prints how large its programs are.
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
    print_sizes()
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

/// Prints the raw and the compressed size of what the browser has to load and compile.
fn print_sizes() -> Result<()> {
    let mut files = Vec::new();
    list_files(&dist(), &mut files)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wasm" || extension == "js"));
    files.sort();
    println!("{:>12} {:>12}  file", "bytes", "gzip");
    for file in files {
        let bytes = read(&file)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let packed = gzip.write_all(&bytes).and_then(|()| gzip.finish()).map_err(|error| format!("gzip: {error}"))?;
        println!("{:>12} {:>12}  {}", bytes.len(), packed.len(), file.strip_prefix(dist()).unwrap_or(&file).display());
    }
    Ok(())
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
