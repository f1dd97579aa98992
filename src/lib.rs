//! Oddflow finds the odd flows in a network log.
//!
//! The library is the detector: no browser, no clock, no file, no global state, and no thread but in `train`. Bytes come in, scores and their
//! reasons go out. `engine` is the boundary that the page's worker, the command-line program and the tests share.

pub mod allow;
pub mod bundle;
pub mod compare;
pub mod dense;
#[cfg_attr(not(feature = "onnx"), path = "no_dnn.rs")]
pub mod dnn;
pub mod domain;
pub mod encode;
pub mod engine;
pub mod error;
pub mod evaluate;
pub mod explain;
pub mod features;
pub mod flow;
pub mod forest;
pub mod generate;
pub mod groups;
pub mod hybrid;
pub mod ingest;
pub mod inputs;
pub mod protocol;
pub mod query;
mod radix;
mod ranker;
pub mod report;
pub mod rng;
pub mod schema;
pub mod seen;
pub mod session;
pub mod store;
pub mod table;
#[cfg(feature = "train")]
pub mod train;
pub mod verdicts;
#[cfg(feature = "web")]
pub mod web;

pub use error::{Error, Place, Result};
