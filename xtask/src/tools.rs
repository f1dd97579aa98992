//! Finds the tools that a build or a test needs, and installs what is missing.
//!
//! Programs written in Rust go to `oddflow-tools/<name>-<version>/` in the user's cache, unless that very version is on the
//! PATH; npm packages to `e2e/node_modules`; Chromium comes from the system.

use crate::run::{Result, command, on_path, output, root, run, target};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// 0.22 needs a newer Rust than rust-toolchain.toml names.
const TRUNK: &str = "0.21.14";

/// Makes sure that the compiler can build for the browser.
pub fn wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let libraries = output(&mut command(&format!("rustc --print target-libdir --target {TARGET}")));
    if libraries.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    if on_path("rustup").is_none() {
        return Err(format!("install the Rust target {TARGET}, or rustup, which can (https://rustup.rs)"));
    }
    run(&mut command(&format!("rustup target add {TARGET}")))
}

/// The folder with the program `trunk`.
pub fn trunk() -> Result<PathBuf> {
    installed("trunk", "trunk", TRUNK, "--locked")
}

/// The folder with the programs `wasm-bindgen` and `wasm-bindgen-test-runner`, of the very version that the crate in
/// Cargo.lock has: any other refuses the crate's output.
pub fn wasm_bindgen() -> Result<PathBuf> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    let version = locked_version(&lock, "wasm-bindgen").ok_or("Cargo.lock does not name wasm-bindgen")?;
    // Not --locked: its lock file names a version of a dependency that was withdrawn.
    installed("wasm-bindgen-cli", "wasm-bindgen", version, "")
}

/// The folder with `wasm-opt` and the test runner of the end-to-end tests, from npm packages.
pub fn npm_packages() -> Result<PathBuf> {
    npm("e2e")
}

/// The folder with the peers that run in a browser, from npm packages.
pub fn peers_modules() -> Result<PathBuf> {
    npm("benches/peers").map(|programs| programs.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// The folder with the programs of the npm packages that a folder of the repository locks.
fn npm(folder: &str) -> Result<PathBuf> {
    for program in ["node", "npm"] {
        if on_path(program).is_none() {
            return Err(format!("{program} is missing: install Node.js 20 or newer with npm (https://nodejs.org)"));
        }
    }
    let folder = root().join(folder);
    let modified = |path: &str| fs::metadata(folder.join(path)).and_then(|file| file.modified()).ok();
    // npm writes the second file when it has installed everything.
    if modified("package-lock.json") > modified("node_modules/.package-lock.json") {
        run(command("npm ci --no-audit --no-fund --no-progress").current_dir(&folder))?;
    }
    Ok(folder.join("node_modules/.bin"))
}

/// The Python that peers run with: a virtual environment `NAME` in target/, with the packages that a list in benches/peers/ pins.
pub fn peers_python(name: &str, list: &str) -> Result<PathBuf> {
    let python = ["python3", "python"].into_iter().find_map(on_path);
    let python = python.ok_or("Python is missing: install Python 3.11 or newer (https://www.python.org)")?;
    let (folder, list) = (target().join(name), root().join("benches/peers").join(list));
    let (own, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    if modified(&list) > modified(&installed) {
        println!("Installing the peers' packages into {}", folder.display());
        run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&own).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&list))?;
        fs::copy(&list, &installed).map_err(|error| format!("{}: {error}", installed.display()))?;
    }
    Ok(own)
}

/// The browser that the end-to-end tests drive.
pub fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(PathBuf::from(path));
    }
    let find = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    if let Some(path) = find() {
        return Ok(path);
    }
    const MISSING: &str = "Chromium is missing: install it, or name it in the variable CHROMIUM";
    if on_path("apt-get").is_none() {
        return Err(MISSING.into());
    }
    let sudo = if output(&mut command("id -u")).as_deref() == Some("0") {
        ""
    } else if output(&mut command("sudo -n true")).is_some() {
        "sudo -n "
    } else {
        return Err(MISSING.into());
    };
    run(&mut command(&format!("{sudo}apt-get update -q")))?;
    run(&mut command(&format!("{sudo}apt-get install -q -y --no-install-recommends chromium")))?;
    find().ok_or_else(|| MISSING.into())
}

/// The PATH with these folders before all others.
pub fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&path));
    std::env::join_paths(all).map_err(|error| format!("PATH: {error}"))
}

/// The folder with the program of the crate at this version, which is built if need be.
fn installed(krate: &str, program: &str, version: &str, flag: &str) -> Result<PathBuf> {
    let has_version = |path: &Path| {
        let said = output(Command::new(path).arg("--version"));
        said.is_some_and(|said| said.split_whitespace().any(|word| word == version))
    };
    if let Some(path) = on_path(program).filter(|path| has_version(path)) {
        return Ok(path.parent().map(Path::to_path_buf).unwrap_or_default());
    }
    let home = cache()?.join(format!("{krate}-{version}"));
    let folder = home.join("bin");
    if !has_version(&folder.join(program)) {
        println!("Installing {krate} {version} into {} (some minutes, once)", home.display());
        let install = format!("cargo install {krate} --version ={version} {flag} --root");
        run(command(&install).arg(&home))?;
    }
    Ok(folder)
}

fn cache() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    cache.map(|cache| cache.join("oddflow-tools")).ok_or_else(|| "set HOME or XDG_CACHE_HOME".into())
}

/// The version of a package that occurs once in a Cargo.lock.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split_once('"').map(|(version, _)| version)
}

#[cfg(test)]
mod tests {
    use super::locked_version;

    #[test]
    fn a_version_is_read_from_the_lock_file() {
        const LOCK: &str =
            "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.1\"\n";
        for (package, expected) in [("a", Some("2.0.1")), ("a-b", Some("1.0.0")), ("b", None)] {
            assert_eq!(locked_version(LOCK, package), expected, "{package}");
        }
    }
}
