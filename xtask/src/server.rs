//! A static server for this machine only. It sends what any static host sends: the right media types, 404 where there is no
//! file, and no header that the site could come to rely on.

use crate::run::Result;
use axum::Router;
use axum::http::{HeaderValue, header};
use std::path::Path;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// Serves the folder under the path `base` until the process ends. Port 0 is any free one.
pub fn serve(folder: &Path, port: u16, base: &str) -> Result<()> {
    if !folder.join("index.html").is_file() {
        return Err(format!("{} has no index.html: run `cargo xtask build`", folder.display()));
    }
    let base = base.trim_matches('/');
    let files = ServeDir::new(folder);
    let site = match base {
        "" => Router::new().fallback_service(files),
        _ => Router::new().nest_service(&format!("/{base}"), files),
    };
    // A site that is being worked on is never to come from the browser's cache.
    let no_cache = SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let serving = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.map_err(|error| format!("port {port}: {error} (try --port 0)"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let path = if base.is_empty() { String::from("/") } else { format!("/{base}/") };
        println!("Serving Oddflow at http://{address}{path} (end with Ctrl+C)");
        axum::serve(listener, site.layer(no_cache)).await.map_err(|error| format!("the server stopped: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build();
    runtime.map_err(|error| format!("the server cannot start: {error}"))?.block_on(serving)
}
