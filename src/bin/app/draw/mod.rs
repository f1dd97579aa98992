//! What is drawn: icons. Charts come as paths from `report`.

pub mod icons;
