//! What each column is: its kind, its role, and the known layout that the file follows, found from names and values.
//!
//! Addresses, identifiers, absolute times, constants and free text are never features. A label is for evaluation, never a
//! feature. Nothing here is final: the person can change every role.

use serde::{Deserialize, Serialize};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Number,
    Category,
    Time,
    Address,
    Port,
    Identifier,
    Constant,
    FreeText,
}

/// What a column is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An input of the models.
    Feature,
    /// Normal or not: for evaluation only. At most one column.
    Label,
    /// The name of the attack: for evaluation only. At most one column.
    AttackName,
    Ignored,
}

/// A table layout that Oddflow knows by its column names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// NSL-KDD and KDD Cup 1999, headerless, 41 features.
    NslKdd,
    /// The UNSW-NB15 training and testing sets.
    UnswNb15,
    /// The UNSW-NB15 raw records, headerless, 49 columns.
    UnswNb15Raw,
    /// CICFlowMeter, any of its generations of names.
    CicFlowMeter,
    /// The ten columns of the Python project that Oddflow succeeds.
    TenColumns,
    /// A Zeek connection log.
    ZeekConn,
}

/// What is known of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// As in the table.
    pub name: String,
    /// The layout's own name for it where the layout is known, else the trimmed lower-case name. Model packs and encoders
    /// find their columns by this.
    pub canonical: String,
    pub kind: Kind,
    pub role: Role,
    /// Of the values, such as `µs`, `s`, `bytes`, `packets`.
    pub unit: Option<String>,
    /// In a few words, why the column has this role, where that is not plain.
    pub why: Option<String>,
}

/// The columns of a table, in the table's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    pub layout: Option<Layout>,
    pub columns: Vec<ColumnSpec>,
    /// The values of the label column that mean normal, as text. Every other value that is present is an anomaly.
    pub normal_labels: Vec<String>,
    pub warnings: Vec<String>,
}
