//! The mark and the icons, as strokes that take the colour of the text. All of them are decoration; words stand beside them.

use leptos::prelude::*;

/// Parallel flows, and one that leaves them.
pub fn mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="mark-flow" d="M3 9H29M3 23H29"/>
            <path class="mark-odd" d="M3 16H10C15 16 15.5 4 21 4"/>
            <circle class="mark-dot" cx="25" cy="4" r="3"/>
            <path class="mark-flow mark-rest" d="M18 16H29"/>
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
            "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2.5M12 19.500V22M2 12h2.500M19.500 12H22M5 5l1.700 1.700M17.300 17.300L19 19M5 19l1.700-1.700M17.300 6.700L19 5"
        }
        Icon::System => "M12 3.500a8.500 8.500 0 100 17zM12 3.500a8.500 8.500 0 010 17",
        Icon::Warning => "M12 4l9 16H3zM12 10v4.500M12 17.200v.3",
    };
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d=d/>
        </svg>
    }
}
