//! A static server for this machine only. It sends what any static host sends: the right media types, 404 where there is no
//! file, and no header that the site could come to rely on.

use crate::run::Result;
use axum::Router;
use axum::http::{HeaderValue, header};
use std::net::TcpListener;
use std::path::Path;
use tokio::runtime::{Builder, Runtime};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// Serves the folder under the path `base` until the process ends. Port 0 is any free one.
pub fn serve(folder: &Path, port: u16, base: &str) -> Result<()> {
    let base = base.trim_matches('/');
    let path = if base.is_empty() { String::from("/") } else { format!("/{base}/") };
    if !folder.join("index.html").is_file() {
        return Err(format!("{} has no index.html: run `cargo xtask build`", folder.display()));
    }
    let (listener, address) = listen(port)?;
    let site = site(&[(&path, folder)]);
    println!("Serving Oddflow at {address}{path} (end with Ctrl+C)");
    run(&runtime()?, listener, site)
}

/// Serves each folder under its path, such as `/` or `/some/path/`, while the process lives; gives the address, without a path.
pub fn serve_aside(folders: &[(&str, &Path)]) -> Result<String> {
    let (listener, address) = listen(0)?;
    let (runtime, site) = (runtime()?, site(folders));
    std::thread::spawn(move || run(&runtime, listener, site));
    Ok(address)
}

fn listen(port: u16) -> Result<(TcpListener, String)> {
    let failed = |error: std::io::Error| format!("port {port}: {error} (try --port 0)");
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{address}")))
}

fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().enable_io().build().map_err(|error| format!("the server cannot start: {error}"))
}

fn site(folders: &[(&str, &Path)]) -> Router {
    let mut site = Router::new();
    for (path, folder) in folders {
        site = match *path {
            "/" => site.fallback_service(ServeDir::new(folder)),
            path => site.nest_service(path.trim_end_matches('/'), ServeDir::new(folder)),
        };
    }
    // A site that is being worked on is never to come from the browser's cache.
    site.layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

fn run(runtime: &Runtime, listener: TcpListener, site: Router) -> Result<()> {
    let serving = async { axum::serve(tokio::net::TcpListener::from_std(listener)?, site).await };
    runtime.block_on(serving).map_err(|error| format!("the server stopped: {error}"))
}
