//! Makes model packs from labelled tables.

pub mod mlp;
