//! A button that unfolds a few actions below it. Escape and leaving it fold it again.

use crate::draw::icons::{Icon, icon};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

#[component]
pub fn Menu(
    label: &'static str,
    /// What it is called where the label alone does not tell it from others.
    #[prop(optional, into)]
    name: Option<String>,
    /// Class of the button.
    #[prop(default = "button")]
    class: &'static str,
    #[prop(into, default = Signal::derive(|| false))] disabled: Signal<bool>,
    children: ChildrenFn,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let button = NodeRef::<html::Button>::new();
    let fold = move || {
        open.set(false);
        if let Some(button) = button.get_untracked() {
            let _ = button.focus();
        }
    };
    let left = move |event: web_sys::FocusEvent| {
        let inside = event.related_target().zip(event.current_target()).is_some_and(|(to, here)| {
            let (to, here) = (to.dyn_into::<web_sys::Node>(), here.dyn_into::<web_sys::Node>());
            matches!((to, here), (Ok(to), Ok(here)) if here.contains(Some(&to)))
        });
        // Without a target the focus has gone nowhere: a click on what cannot have it, or another window.
        if !inside && event.related_target().is_some() {
            open.set(false);
        }
    };
    // What was chosen is being done.
    Effect::new(move |_| {
        if disabled.get() {
            open.set(false);
        }
    });
    let children = StoredValue::new(children);
    let name = StoredValue::new(name.unwrap_or_else(|| label.to_owned()));
    view! {
        <div class="menu" on:focusout=left on:keydown=move |event| {
            if event.key() == "Escape" && open.get_untracked() {
                event.stop_propagation();
                fold();
            }
        }>
            <button type="button" class=class aria-label=name.get_value() aria-expanded=move || open.get().to_string() disabled=move || disabled.get()
                node_ref=button on:click=move |_| open.update(|open| *open = !*open)>
                {label} {icon(Icon::Down)}
            </button>
            <Show when=move || open.get()>
                <div class="menu-veil" on:click=move |_| open.set(false)></div>
                <div class="menu-panel" role="group" aria-label=name.get_value()>{children.with_value(|children| children())}</div>
            </Show>
        </div>
    }
}
