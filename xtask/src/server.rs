//! A small static server for this machine only. It sends what any static host sends: the right media types, 404 where there
//! is no file, and no header that the site could come to rely on.

use crate::run::Result;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

/// A browser opens up to six connections to a host.
const THREADS: usize = 6;

/// Serves the folder under the path `base` until the process ends. Port 0 is any free one.
pub fn serve(folder: &Path, port: u16, base: &str) -> Result<()> {
    let base = format!("/{}/", base.trim_matches('/')).replace("//", "/");
    if !folder.join("index.html").is_file() {
        return Err(format!("{} has no index.html: run `cargo xtask build`", folder.display()));
    }
    let server = Server::http(("127.0.0.1", port)).map_err(|error| format!("port {port}: {error} (try --port 0)"))?;
    let server = Arc::new(server);
    println!("Serving Oddflow at http://{}{base} (end with Ctrl+C)", server.server_addr());
    let workers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (server, folder, base) = (Arc::clone(&server), folder.to_path_buf(), base.clone());
            thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    // A browser that went away before the end is none of our business.
                    let _ = answer(request, &folder, &base);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| String::from("the server stopped"))?;
    }
    Ok(())
}

fn answer(request: Request, folder: &Path, base: &str) -> std::io::Result<()> {
    let text = |status, text: &str| Response::from_string(text).with_status_code(StatusCode(status));
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(text(405, "405: only GET and HEAD\n"));
    }
    match find(folder, base, request.url()) {
        Found::File(path) => {
            // With a length, not in chunks, as hosts of files do.
            let response = Response::from_file(File::open(&path)?).with_chunked_threshold(usize::MAX);
            let response = response.with_header(header("Content-Type", media_type(&path)));
            request.respond(response.with_header(header("Cache-Control", "no-cache")))
        }
        Found::Moved => request.respond(text(301, "").with_header(header("Location", base))),
        Found::Nothing => request.respond(text(404, "404: no such file\n")),
    }
}

/// What there is at an address.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    File(PathBuf),
    /// The base without its last slash: relative addresses would not work from there.
    Moved,
    Nothing,
}

/// Looks an address up. Escapes (`%41`) are not undone: no file of the site needs any.
fn find(folder: &Path, base: &str, url: &str) -> Found {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let Some(path) = path.strip_prefix(base) else {
        return if base.strip_suffix('/') == Some(path) { Found::Moved } else { Found::Nothing };
    };
    let path = if path.is_empty() { "index.html" } else { path };
    // Nothing hidden, nothing outside of the folder.
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(['\\', ':'])) {
        return Found::Nothing;
    }
    let file = folder.join(path);
    if file.is_file() { Found::File(file) } else { Found::Nothing }
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("our own headers are ASCII")
}

#[cfg(test)]
mod tests {
    use super::{Found, find};
    use crate::run::root;

    #[test]
    fn addresses_lead_to_files_of_the_folder_alone() {
        let folder = root().join("xtask");
        let file = |name: &str| Found::File(folder.join(name));
        for (base, url, expected) in [
            ("/", "/Cargo.toml", file("Cargo.toml")),
            ("/", "/src/main.rs?build=1", file("src/main.rs")),
            ("/a/b/", "/a/b/Cargo.toml", file("Cargo.toml")),
            ("/a/b/", "/a/b", Found::Moved),
            ("/a/b/", "/Cargo.toml", Found::Nothing),
            ("/a/b/", "/a/bc", Found::Nothing),
            ("/", "/", Found::Nothing),
            ("/", "/src", Found::Nothing),
            ("/", "/../Cargo.toml", Found::Nothing),
            ("/", "//etc/passwd", Found::Nothing),
            ("/", "/src/../Cargo.toml", Found::Nothing),
        ] {
            assert_eq!(find(&folder, base, url), expected, "{base} {url}");
        }
    }
}
