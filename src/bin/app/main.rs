//! The page's program: mounts the view in place of the static first paint.

use leptos::prelude::*;
use leptos::wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{HtmlElement, MessageEvent, Worker};

fn main() {
    let root: HtmlElement = document().get_element_by_id("app").expect("index.html has #app").unchecked_into();
    root.set_text_content(None);
    mount_to(root, App).forget();
}

#[component]
fn App() -> impl IntoView {
    let hello = RwSignal::new(String::from("waiting for the worker"));
    let build = option_env!("ODDFLOW_BUILD").unwrap_or(env!("CARGO_PKG_VERSION"));
    let worker = Worker::new(&format!("worker_loader.js?build={build}")).expect("the worker's address is our own");
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let data: JsValue = event.data();
        hello.set(data.as_string().unwrap_or_default());
    });
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    view! {
        <main>
            <h1>"Oddflow"</h1>
            <p role="status">{hello}</p>
        </main>
    }
}
