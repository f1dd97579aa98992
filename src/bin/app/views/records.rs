//! All records in one table of which only the window in view exists: rows and columns alike.

use super::due_after;
use super::filter::{Chips, FilterBox, shown_words};
use super::size::size_of;
use crate::actions::{App, RECORDS_GRID, RECORDS_TITLE, use_app};
use crate::draw::icons::{Icon, icon};
use crate::state::{CellCache, Outcome, Side, Sort};
use gloo::timers::callback::Timeout;
use leptos::{html, prelude::*};
use oddflow::protocol::{Lens, SortKey};
use oddflow::report::{RowScroll, count, score};
use oddflow::schema::{Kind, Role};
use oddflow::web::RowList;
use std::ops::Range;
use std::sync::Arc;
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

/// In pixels, as in `table.css`.
const ROW_HEIGHT: f64 = 32.0;
const HEAD_HEIGHT: f64 = 36.0;
const RECORD_WIDTH: f64 = 96.0;
const SCORE_WIDTH: f64 = 148.0;
/// Without its bar, in a table that is narrower than [`NARROW`].
const BARE_SCORE_WIDTH: f64 = 84.0;
const NARROW: f64 = 480.0;
const STAGE_WIDTH: f64 = 96.0;
const WHY_WIDTH: f64 = 440.0;
/// The reasons get half of the table, but no more than they need.
const MOST_WHY_WIDTH: f64 = 680.0;
/// Beside an open panel: a record has its reasons there in full.
const WHY_WIDTH_BESIDE: f64 = 300.0;
/// A file of a few records has a table of a few rows, with room for words where none is shown.
const LEAST_ROWS: usize = 4;
const SCROLLBAR_HEIGHT: f64 = 24.0;
/// Rows and columns that are ready beyond the edges of the window.
const SPARE_ROWS: usize = 8;
const SPARE_COLUMNS: usize = 2;
/// Rows before and behind the window whose cells are fetched when half as many are not here.
const ROWS_AHEAD: usize = 64;
/// Milliseconds without a change of threshold, rules or verdicts before the worker is asked again.
const SETTLE_PAUSE: u32 = 150;
/// Milliseconds without scrolling before the track is put back to where the rows are.
const TRACK_PAUSE: u32 = 150;

/// What the table lists: rows in order, of which the first `n` are shown.
#[derive(Clone, Debug, PartialEq)]
struct Listing {
    order: RowList,
    n: usize,
}

#[component]
pub fn Records(outcome: RwSignal<Option<Arc<Outcome>>>) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let listing = Memo::new(move |_| listing(app));
    ask_on_change(app);
    // The table is drawn after what stands above it, and its rows after its heads: all of it at once takes long where the browser has
    // yet to compile what draws.
    let [table_is_due, rows_are_due] = [1, 2].map(due_after);
    let n_rows = move || state.opened.with(|opened| opened.as_ref().map_or(0, |opened| opened.n_rows));
    // Another result comes with another table, perhaps beside an open panel.
    let width_alone = StoredValue::new(0.0);
    view! {
        <section class="records" aria-labelledby=RECORDS_TITLE>
            <div class="toolbar">
                <h2 id=RECORDS_TITLE tabindex="-1">"Records"</h2>
                <p class="shown" role="status">
                    {move || match listing.with(|listing| listing.n as u64) {
                        _ if state.arranging.get() => "Sorting…".into(),
                        n => shown_words(n, n_rows()),
                    }}
                </p>
                <FilterBox/>
                <label class="toggle">
                    <input type="checkbox" prop:checked=move || state.flagged_only.get()
                        on:change=move |event| state.flagged_only.set(event_target_checked(&event))/>
                    "Odd only"
                </label>
            </div>
            <Chips/>
            <div class="table-and-side">
                {move || outcome.get().filter(|_| table_is_due.get()).map(|outcome| view! { <Grid outcome listing rows_are_due width_alone/> }.into_any())}
                {move || match state.side.get() {
                    Side::Closed => ().into_any(),
                    Side::Record => view! { <super::record::RecordPanel/> }.into_any(),
                    Side::Check => view! { <super::check::CheckPanel/> }.into_any(),
                }}
            </div>
        </section>
    }
}

/// In the run's own order the odd rows are simply the first ones.
fn listing(app: App) -> Listing {
    let state = app.state;
    let Some(outcome) = state.outcome.get() else { return Listing { order: RowList::default(), n: 0 } };
    match state.arranged.get() {
        Some(order) if !state.in_natural_order() => Listing { n: order.len(), order },
        _ => {
            let n = if state.flagged_only.get() { state.n_flagged() } else { outcome.order.len() };
            Listing { order: outcome.order.clone(), n }
        }
    }
}

/// The worker is asked anew for order, survey and comparison when what they depend on has changed and let settle: a threshold may be
/// being dragged. Another sort order or filter is followed at once.
fn ask_on_change(app: App) {
    let state = app.state;
    let has_file = move || state.engine_has_file.get();
    let order = Memo::new(move |_| {
        let natural = state.in_natural_order();
        (state.sort.get(), (!natural).then(|| state.lens()), has_file())
    });
    let lens = Memo::new(move |_| (state.lens(), state.lane_kind.get(), has_file()));
    on_settled(order, |before, now| before.0 != now.0 || is_refiltered(&before.1, &now.1), move || app.arrange());
    on_settled(
        lens,
        |_, _| false,
        move || {
            app.survey();
            app.compare_anew();
        },
    );
}

/// Whether other records are to be shown, however they are flagged and judged.
fn is_refiltered(before: &Option<Lens>, now: &Option<Lens>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => {
            before.filter != now.filter || before.brush != now.brush || before.flagged_only != now.flagged_only
        }
        _ => before.is_some() != now.is_some(),
    }
}

/// Calls back when a value has not changed for a while, or at once where the change is `urgent`.
fn on_settled<T: Clone + PartialEq + Send + Sync + 'static>(
    value: Memo<T>,
    urgent: fn(&T, &T) -> bool,
    act: impl Fn() + Copy + 'static,
) {
    let pause = StoredValue::new_local(None::<Timeout>);
    Effect::new(move |before: Option<T>| {
        let now = value.get();
        match before {
            Some(before) if urgent(&before, &now) => {
                pause.set_value(None);
                act();
            }
            Some(_) => pause.set_value(Some(Timeout::new(SETTLE_PAUSE, act))),
            // The run itself has asked.
            None => {}
        }
        now
    });
}

/// The columns before those of the file.
#[derive(Clone, Copy, PartialEq)]
struct Lead {
    /// Reasons are words, by which nobody sorts.
    key: Option<SortKey>,
    name: &'static str,
    width: f64,
}

const RECORD: Lead = Lead { key: Some(SortKey::Record), name: "Record", width: RECORD_WIDTH };
const SCORE: Lead = Lead { key: Some(SortKey::Score), name: "Score", width: SCORE_WIDTH };
const FOREST: Lead = Lead { key: Some(SortKey::ForestScore), name: "Forest", width: STAGE_WIDTH };
const NETWORK: Lead = Lead { key: Some(SortKey::DnnProbability), name: "Network", width: STAGE_WIDTH };
const WHY: Lead = Lead { key: None, name: "Why", width: WHY_WIDTH };

impl Lead {
    /// Its width in a table that has this width where no panel is open.
    fn width_in(self, table: f64, is_beside: bool) -> f64 {
        match self {
            WHY if is_beside => WHY_WIDTH_BESIDE,
            WHY => (table / 2.0).clamp(WHY_WIDTH, MOST_WHY_WIDTH).floor(),
            SCORE if table < NARROW => BARE_SCORE_WIDTH,
            _ => self.width,
        }
    }
}

/// `width_alone` is that of the table when no panel was open, or what it has grown to since.
#[component]
fn Grid(
    outcome: Arc<Outcome>,
    listing: Memo<Listing>,
    rows_are_due: ReadSignal<bool>,
    width_alone: StoredValue<f64>,
) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let node = NodeRef::<html::Div>::new();
    let size = size_of(node);
    // Where the window stands: pixels into all rows, and pixels of the track.
    let offset = RwSignal::new(0.0);
    let top = RwSignal::new(0.0);
    let left = RwSignal::new(0.0);
    let cursor = RwSignal::new(None::<usize>);

    // Without a network the score is the forest's.
    let leads = if outcome.has_network { vec![SCORE, WHY, RECORD, FOREST, NETWORK] } else { vec![SCORE, WHY, RECORD] };
    let table_width = Memo::new(move |_| {
        let (now, alone) = (size.get().0, width_alone.get_value());
        let is_open = state.side.get_untracked() != Side::Closed;
        // Where there is room for more by now, that was of another window.
        let width = if is_open { alone.max(now) } else { now };
        width_alone.set_value(width);
        width
    });
    // What a panel takes of the table is taken from the reasons: the columns behind them stay in view.
    let is_beside = Memo::new(move |_| state.side.get() != Side::Closed && size.get().0 < table_width.get());
    let lead_widths = {
        let leads = leads.clone();
        Memo::new(move |_| {
            let (table, is_beside) = (table_width.get(), is_beside.get());
            leads.iter().map(|lead| lead.width_in(table, is_beside)).collect::<Vec<f64>>()
        })
    };
    let lead_width = move || lead_widths.with(|widths| widths.iter().sum::<f64>());
    let columns_width = outcome.columns.total();
    let total_width = move || format!("{}px", lead_width() + columns_width);
    let n_columns = leads.len() + outcome.columns.len();
    let outcome = StoredValue::new(outcome);
    let leads = StoredValue::new(leads);

    let scroll = Memo::new(move |_| {
        let viewport = (size.get().1 - HEAD_HEIGHT).max(0.0);
        RowScroll { n_rows: listing.with(|listing| listing.n), row_height: ROW_HEIGHT, viewport }
    });
    let window = Memo::new(move |_| scroll.get().visible(offset.get(), SPARE_ROWS));
    let columns = Memo::new(move |_| {
        outcome.with_value(|outcome| {
            outcome.columns.visible((left.get() - lead_width()).max(0.0), size.get().0, SPARE_COLUMNS)
        })
    });
    let template = Memo::new(move |_| {
        outcome.with_value(|outcome| lead_widths.with(|leads| template(leads, outcome, &columns.get())))
    });

    let go_to = move |to: f64| {
        let scroll = scroll.get_untracked();
        offset.set(to);
        top.set(scroll.top_of(to));
        if let Some(node) = node.get_untracked() {
            node.set_scroll_top(scroll.top_of(to).round() as i32);
            // What the browser made of it.
            top.set(f64::from(node.scroll_top()));
        }
    };
    let settle = StoredValue::new_local(None::<Timeout>);
    let scrolled = move |_| {
        let Some(node) = node.get_untracked() else { return };
        left.set(f64::from(node.scroll_left()));
        let (from, to) = (top.get_untracked(), f64::from(node.scroll_top()));
        if from == to {
            return;
        }
        let scroll = scroll.get_untracked();
        offset.update(|offset| *offset = scroll.moved(*offset, from, to));
        top.set(to);
        if scroll.height() > RowScroll::MAX_TRACK {
            settle.set_value(Some(Timeout::new(TRACK_PAUSE, move || {
                // Otherwise a scroll has happened, of which the event is still to come.
                if f64::from(node.scroll_top()) == top.get_untracked() {
                    go_to(offset.get_untracked());
                }
            })));
        }
    };
    // Another order or filter starts at the top.
    Effect::new(move |before: Option<(Sort, String)>| {
        let now = (state.sort.get(), state.filter.get());
        if before.is_some_and(|before| before != now) {
            cursor.set(None);
            go_to(0.0);
        }
        now
    });
    // Who looks at columns far behind the reasons goes on to look at them.
    Effect::new(move |before: Option<f64>| {
        let now = lead_width();
        if let Some(before) = before.filter(|&before| before != now && left.get_untracked() >= before) {
            request_animation_frame(move || {
                if let Some(node) = node.get_untracked() {
                    node.set_scroll_left(node.scroll_left() + (now - before) as i32);
                }
            });
        }
        now
    });
    // A list that became shorter has no rows beyond its end.
    Effect::new(move |_| {
        let end = scroll.get().max_offset();
        if offset.get_untracked() > end {
            go_to(end);
        }
    });
    Effect::new(move |_| {
        let all = RowScroll { n_rows: usize::MAX, ..scroll.get() };
        // Who has scrolled looks at others.
        let is_at_top = offset.with(|offset| *offset == 0.0);
        state.n_first.set_value(if is_at_top { all.visible(0.0, SPARE_ROWS).len() as u32 } else { 0 });
    });
    fetch_visible(app, window, listing);

    let reveal = move |place: usize| {
        let here = offset.get_untracked();
        let to = scroll.get_untracked().reveal(here, place);
        if to != here {
            go_to(to);
        }
    };
    let select = move |place: usize| {
        if let Some(row) = listing.with_untracked(|listing| listing.order.get(place)) {
            cursor.set(Some(place));
            app.select(row);
            // Not left to the browser, which knows nothing of rows beyond its track.
            reveal(place);
            request_animation_frame(move || show(&row_id(place)));
        }
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        let n = listing.with_untracked(|listing| listing.n);
        if n == 0 || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let here = cursor.get_untracked();
        let page = (scroll.get_untracked().viewport / ROW_HEIGHT) as usize;
        let to = match event.key().as_str() {
            "ArrowDown" => here.map_or(0, |here| here + 1),
            "ArrowUp" => here.unwrap_or(0).saturating_sub(1),
            "PageDown" => here.unwrap_or(0) + page,
            "PageUp" => here.unwrap_or(0).saturating_sub(page),
            "Home" => 0,
            "End" => n - 1,
            // On the head of a column, they sort.
            "Enter" | " " if event.target() != event.current_target() => return,
            "Enter" | " " => {
                event.prevent_default();
                let place = here.unwrap_or(0);
                let row = listing.with_untracked(|listing| listing.order.get(place));
                let is_open = state.side.get_untracked() == Side::Record && state.selected.get_untracked() == row;
                return if is_open { app.enter_side() } else { select(place) };
            }
            "Escape" => return state.side.set(Side::Closed),
            _ => return,
        };
        event.prevent_default();
        let to = to.min(n - 1);
        cursor.set(Some(to));
        reveal(to);
        // An open panel follows the cursor.
        if state.side.get_untracked() == Side::Record {
            select(to);
        }
    };

    // Only the part of the listing that is in view, each with its place.
    let visible = move || {
        let window = if rows_are_due.get() { window.get() } else { 0..0 };
        let rows = listing.with(|listing| listing.order.window(window.clone()));
        window.zip(rows).collect::<Vec<_>>()
    };
    let n_rows = outcome.with_value(|outcome| outcome.order.len());
    let most_height = format!("{}px", HEAD_HEIGHT + n_rows.max(LEAST_ROWS) as f64 * ROW_HEIGHT + SCROLLBAR_HEIGHT);
    let shift = move || {
        let first = window.get().start as f64 * ROW_HEIGHT;
        format!("translateY({}px)", first - offset.get() + top.get())
    };
    view! {
        <p id="grid-keys" class="visually-hidden">
            "Arrow keys move, Enter opens a record, Enter again goes into it, Escape comes back."
        </p>
        <div id=RECORDS_GRID class="grid" class:without-bars=move || table_width.get() < NARROW role="grid" tabindex="0" aria-label="Records" aria-describedby="grid-keys" aria-rowcount=move || (listing.with(|l| l.n) + 1).to_string()
            aria-colcount=n_columns.to_string() aria-busy=move || state.arranging.get().to_string()
            aria-activedescendant=move || cursor.get().map(row_id)
            style=("--columns", move || template.get()) style:max-height=most_height node_ref=node on:scroll=scrolled on:keydown=keys>
            <div class="grid-head" role="row" aria-rowindex="1" style:width=total_width>
                {leads.with_value(|leads| leads.iter().enumerate().map(|(at, lead)| {
                    let class = match lead.key {
                        Some(SortKey::Score) => "cell head number sticky",
                        Some(_) => "cell head number",
                        None => "cell head plain",
                    };
                    head(app, class, lead.key, lead.name.to_owned(), at + 1)
                }).collect_view())}
                <div class="spacer" role="presentation"></div>
                // A head that has the focus keeps it when others come into view.
                <For each=move || columns.get() key=|&column| column let(column)>
                    {outcome.with_value(|outcome| {
                        let spec = &outcome.analysis.schema.columns[column];
                        let class = if is_numeric(spec.kind) { "cell head number" } else { "cell head" };
                        let at = leads.with_value(Vec::len) + column + 1;
                        head(app, class, Some(SortKey::Column(column as u32)), spec.name.clone(), at)
                    })}
                </For>
            </div>
            <div class="grid-track" role="rowgroup" style:height=move || format!("{}px", scroll.get().track()) style:width=total_width>
                <div class="grid-window" role="presentation" style:transform=shift>
                    <For each=visible key=|&row| row let((place, row))>
                        <RecordRow place row outcome leads columns cursor on_select=select/>
                    </For>
                </div>
            </div>
            <Show when=move || listing.with(|listing| listing.n == 0) && !state.arranging.get()>
                <p class="grid-empty">
                    {move || if untrack(|| state.filter.with(String::is_empty)) { "No record is odd at this threshold." } else { "No record passes the filter." }}
                </p>
            </Show>
        </div>
    }
}

/// Scrolls as little as brings a row into view, and above an open record that has come over the table.
fn show(row: &str) {
    if let Some(row) = gloo::utils::document().get_element_by_id(row) {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        row.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

fn row_id(place: usize) -> String {
    format!("record-at-{place}")
}

fn is_numeric(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Port)
}

/// The widths of the cells of a row: the leading ones, what is left of the window in one piece, and those in view.
fn template(leads: &[f64], outcome: &Outcome, columns: &Range<usize>) -> String {
    let spacer = std::iter::once(outcome.columns.left(columns.start));
    let widths = leads.iter().copied().chain(spacer).chain(columns.clone().map(|column| outcome.columns.width(column)));
    widths.map(|width| format!("{width}px")).collect::<Vec<_>>().join(" ")
}

/// A heading that sorts: first as most people want it (scores falling, the rest rising), then the other way round.
fn head(app: App, class: &'static str, key: Option<SortKey>, name: String, at: usize) -> impl IntoView + use<> {
    let Some(key) = key else {
        return view! { <div class=class role="columnheader" aria-colindex=at.to_string()>{name}</div> }.into_any();
    };
    let sort = app.state.sort;
    let falls_first = matches!(key, SortKey::Score | SortKey::ForestScore | SortKey::DnnProbability);
    let direction = move || match sort.get() {
        Sort { key: current, .. } if current != key => "none",
        Sort { descending: true, .. } => "descending",
        Sort { descending: false, .. } => "ascending",
    };
    let click = move |_| {
        sort.update(|sort| {
            let descending = if sort.key == key { !sort.descending } else { falls_first };
            *sort = Sort { key, descending };
        });
    };
    let title = name.clone();
    view! {
        <div class=class role="columnheader" aria-colindex=at.to_string() aria-sort=direction>
            <button type="button" title=title on:click=click disabled=move || !app.state.engine_has_file.get()>
                <span>{name}</span>
                {icon(Icon::Down)}
            </button>
        </div>
    }
    .into_any()
}

/// Asks for the cells in view: at once, unless others are on their way. Then it does when these have come, so that fast scrolling
/// asks for what is in view by then. Steady scrolling asks for those around the window too, many at a time: nobody sees an empty
/// row then, and each is drawn once.
fn fetch_visible(app: App, window: Memo<Range<usize>>, listing: Memo<Listing>) {
    Effect::new(move |before: Option<(Listing, Range<usize>)>| {
        let (window, now) = (window.get(), listing.get());
        app.state.engine_has_file.track();
        // What is odd has a reason, which is asked for when the rest is there.
        app.state.threshold.track();
        app.state.cells_version.track();
        // The window that was last asked for: what has moved while cells were awaited has moved, too.
        let was = match before.filter(|(listing, _)| *listing == now) {
            Some((_, was)) if app.state.cells.with_value(CellCache::awaits_cells) => return (now, was),
            Some((_, was)) => was,
            None => 0..0,
        };
        let is_moving = was != window && was.start < window.end && window.start < was.end;
        let around = |n: usize| now.order.window(window.start.saturating_sub(n)..(window.end + n).min(now.n));
        let is_short = is_moving && app.lacks_rows(around(ROWS_AHEAD / 2));
        app.want_rows(around(if is_short { ROWS_AHEAD } else { 0 }));
        (now, window)
    });
}

#[component]
fn RecordRow(
    place: usize,
    row: u32,
    outcome: StoredValue<Arc<Outcome>>,
    leads: StoredValue<Vec<Lead>>,
    columns: Memo<Range<usize>>,
    cursor: RwSignal<Option<usize>>,
    on_select: impl Fn(usize) + 'static,
) -> impl IntoView {
    let app = use_app();
    let state = app.state;
    let cells = Memo::new(move |_| app.cells(row));
    let scores = move || cells.with(|record| record.as_ref().and_then(|record| record.scores));
    let value = move || scores().map_or(f32::NAN, |scores| scores.score);
    let odd = Memo::new(move |_| value() >= state.threshold.get());
    let reason =
        move || cells.with(|record| record.as_ref().and_then(|record| record.reason.clone()).unwrap_or_default());
    let unscored = Memo::new(move |_| cells.with(|record| record.as_ref().is_some_and(|r| r.scores.is_none())));
    let share = move || outcome.with_value(|outcome| outcome.analysis.histogram.position(value().into())) * 100.0;
    let words =
        move |x: Option<f32>| if cells.with(Option::is_none) { String::new() } else { score(x.unwrap_or(f32::NAN)) };
    let lead = move |(at, lead): (usize, &Lead)| {
        let at = (at + 1).to_string();
        match lead.key {
        Some(SortKey::Score) => view! {
            <div class="cell score sticky" role="gridcell" aria-colindex=at>
                <span class="score-track"><span class="score-bar" style:width=move || format!("{:.1}%", share())></span></span>
                <span class="score-value">{move || words(Some(value()))}</span>
                <span class="visually-hidden">{move || if unscored.get() { " unscored" } else if odd.get() { " odd" } else { "" }}</span>
            </div>
        }
        .into_any(),
        Some(SortKey::ForestScore) => stage_cell(at, move || words(scores().map(|scores| scores.forest))),
        Some(SortKey::DnnProbability) => stage_cell(at, move || words(scores().and_then(|scores| scores.probability))),
        Some(SortKey::Record | SortKey::Column(_)) => stage_cell(at, move || count(u64::from(row) + 1)),
        None => view! {
            <div class="cell why" role="gridcell" aria-colindex=at title=reason>{reason}</div>
        }
        .into_any(),
    }
    };
    let first_column = leads.with_value(Vec::len) + 1;
    // They are not drawn anew when the reason comes.
    let texts = Memo::new(move |_| cells.with(|record| record.as_ref().map(|record| record.cells.clone())));
    let file_cells = move || {
        let columns = columns.get();
        texts.with(|texts| {
            outcome.with_value(|outcome| {
                let schema = &outcome.analysis.schema;
                let cell = |column: usize| {
                    let spec = &schema.columns[column];
                    let class = match (is_numeric(spec.kind), spec.role) {
                        (true, Role::Feature) => "cell number",
                        (true, _) => "cell number unused",
                        (false, Role::Feature) => "cell",
                        (false, _) => "cell unused",
                    };
                    let at = (first_column + column).to_string();
                    let text = texts.as_ref().and_then(|texts| texts.get(column).cloned()).unwrap_or_default();
                    let is_long = !outcome.columns.holds(column, &text);
                    view! { <div class=class class:long=is_long role="gridcell" aria-colindex=at>{text}</div> }
                };
                match texts {
                    Some(_) => columns.map(cell).collect_view().into_any(),
                    // One for all of them: a jump through the table makes a window full of these, to be thrown away at once.
                    None => {
                        let (at, n) = ((first_column + columns.start).to_string(), columns.len().to_string());
                        let span = format!("span {n}");
                        view! {
                            <div class="cell waiting" role="gridcell" aria-colindex=at aria-colspan=n style:grid-column=span><span></span></div>
                        }
                        .into_any()
                    }
                }
            })
        })
    };
    view! {
        <div class="grid-row" role="row" id=row_id(place) aria-rowindex=(place + 2).to_string()
            aria-selected=move || (state.selected.get() == Some(row) && state.side.get() != Side::Closed).to_string()
            class:odd=move || odd.get() class:unscored=move || unscored.get() class:at-cursor=move || cursor.get() == Some(place)
            on:click=move |_| on_select(place)>
            {leads.with_value(|leads| leads.iter().enumerate().map(lead).collect_view())}
            <div class="spacer" role="presentation"></div>
            {file_cells}
        </div>
    }
}

fn stage_cell(at: String, text: impl Fn() -> String + Send + 'static) -> AnyView {
    view! { <div class="cell number lead" role="gridcell" aria-colindex=at>{text}</div> }.into_any()
}
