//! View models: what the page shows, computed where a native test can check it.
//!
//! Nothing here knows a browser. A view asks for numbers, paths and words, and draws them as they come.

mod budget;
mod chart;
mod clock;
mod density;
mod document;
mod histogram;
mod html;
mod markup;
mod plot;
mod ranking;
mod rates;
mod scroll;
mod svg;
mod swimlane;
mod words;

pub use budget::{Budget, Cut, Scale};
pub use chart::{Axis, Chart, Mark, Series, Tick, pr_chart, reliability_chart, roc_chart};
pub use clock::{Clock, Extent, date_time};
pub use density::{Brush, Cuts, DensityGrid, Quadrant, QuadrantCounts, network_position};
pub use document::{
    Figure, Report, ReportCompared, ReportFile, ReportGroup, ReportLanes, ReportRow, ReportScores, ReportStages,
    ReportTable,
};
pub use histogram::{CountScale, Histogram, nice_ticks};
pub use plot::{Plot, bars, cells, line, outline, place};
pub use ranking::Ranking;
pub use rates::stage_confusion;
pub use scroll::{Columns, RowScroll};
pub use swimlane::Swimlanes;
pub use words::{
    WORSE_THAN_CHANCE, auc_words, bytes, confusion_words, count, drift, drift_words, duration, has_no_skill, metric,
    plural, score, share, share_of_one,
};
