//! What is drawn: charts and icons. Gets view models and sizes, gives SVG.

pub mod histogram;
pub mod icons;
