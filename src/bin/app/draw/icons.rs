//! The mark and the icons, as strokes that take the colour of the text. All of them are decoration; words stand beside them.

use leptos::prelude::*;

/// Parallel flows, and one that does not run straight.
pub fn mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="mark-flow" d="M3 6H29M3 26H29"/>
            <path class="mark-odd" d="M3 17.5H8.5C12 17.5 12.5 11 16 11S20 17.5 23.5 17.5H29"/>
        </svg>
    }
}

#[derive(Clone, Copy)]
pub enum Icon {
    Close,
    Down,
    Download,
    File,
    Lock,
    Moon,
    Sun,
    System,
    Warning,
}

pub fn icon(which: Icon) -> impl IntoView {
    let d = match which {
        Icon::Close => "M6 6l12 12M18 6L6 18",
        Icon::Down => "M6 9l6 6 6-6",
        Icon::Download => "M12 4v11M7 11l5 5 5-5M5 20h14",
        Icon::File => "M12 16V4M7 9l5-5 5 5M5 16v3a1 1 0 001 1h12a1 1 0 001-1v-3",
        Icon::Lock => "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
        Icon::Moon => "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
        Icon::Sun => {
            "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3L19 19M5 19l1.7-1.7M17.3 6.7L19 5"
        }
        Icon::System => "M12 3.5a8.5 8.5 0 100 17zM12 3.5a8.5 8.5 0 010 17",
        Icon::Warning => "M12 4l9 16H3zM12 10v4.5M12 17.2v.3",
    };
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d=d/>
        </svg>
    }
}
