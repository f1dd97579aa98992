//! The size of an element, as it changes.

use leptos::html::ElementType;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, prelude::Closure};

/// Width and height of the content of an element in pixels; zero before it is there.
pub fn size_of<E>(node: NodeRef<E>) -> ReadSignal<(f64, f64)>
where
    E: ElementType + 'static,
    E::Output: JsCast + Clone + 'static,
{
    let (size, set_size) = signal((0.0, 0.0));
    Effect::new(move |_| {
        let Some(element) = node.get() else { return };
        let element: web_sys::Element = element.unchecked_into();
        let target = element.clone();
        let measure = move || set_size.set((f64::from(target.client_width()), f64::from(target.client_height())));
        measure();
        let callback = Closure::<dyn FnMut()>::new(measure);
        let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) else { return };
        observer.observe(&element);
        // Both live as long as the element is watched.
        let watching = StoredValue::new_local(Some((observer, callback)));
        on_cleanup(move || {
            watching.update_value(|watching| {
                if let Some((observer, _callback)) = watching.take() {
                    observer.disconnect();
                }
            });
        });
    });
    size
}
