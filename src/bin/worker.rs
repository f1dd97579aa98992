//! The worker's program: says hello.

use wasm_bindgen::JsCast;
use web_sys::DedicatedWorkerGlobalScope;

fn main() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let build = option_env!("ODDFLOW_BUILD").unwrap_or(env!("CARGO_PKG_VERSION"));
    scope.post_message(&format!("worker of build {build} is ready").into()).expect("a text can be posted");
}
