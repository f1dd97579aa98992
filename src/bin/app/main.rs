//! The page: mounts the views. Computes nothing itself; the detector runs in a worker, the figures come from `report`.

mod actions;
mod client;
mod draw;
mod state;
mod views;

use wasm_bindgen::JsCast;

fn main() {
    // The document shows its own first words here until now.
    let root = gloo::utils::document().get_element_by_id("app").expect("index.html has the element #app");
    root.set_text_content(None);
    leptos::mount::mount_to(root.unchecked_into(), views::Page).forget();
}
