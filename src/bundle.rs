//! Model packs: a manifest with everything that is not a forest or a network, `forest.bin`, and `dnn.onnx`.
//!
//! A pack is untrusted: its version, the SHA-256 and size of its files, the shapes of its parts and every number in it are
//! checked before a row is scored. `train` writes packs, and the page, the program and the tests open them here.

use crate::dnn::Network;
use crate::domain::{Domain, FitReport};
use crate::encode::Encoder;
use crate::error::{Error, Result};
use crate::flow::{self, Record};
use crate::forest::IsolationForest;
use crate::hybrid::{Detector, Fusion, SecondStage};
use crate::inputs::NetworkInputs;
use crate::schema::{BY_HAND, Layout, Role, Schema, layout_name};
use crate::table::Table;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What a manifest says of its kind.
pub const FORMAT: &str = "oddflow-pack";
/// The version of the manifest. Another one is refused.
pub const VERSION: u32 = 2;
/// The names of a pack's files, in the order in which [`Pack::open`] takes them.
pub const FILES: [&str; 3] = ["manifest.json", "forest.bin", "dnn.onnx"];
const MAX_MANIFEST: usize = 8 << 20;
const MAX_FOREST: usize = 64 << 20;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    pub name: String,
    /// In one sentence.
    pub description: String,
    /// The layout of the tables that the pack was made for; `None` for one of its own.
    pub layout: Option<Layout>,
    pub record: Record,
    /// Why the pack is not used unless somebody asks for it by name, if that is so.
    pub switched_off: Option<String>,
    pub forest: FileDigest,
    pub dnn: FileDigest,
    /// A row is an anomaly if its score is at least this.
    pub threshold: f32,
    /// The share of held-out normal rows that the threshold flags.
    pub false_alarm_rate: f64,
    pub training: Training,
    /// On rows that were held out from training.
    pub cross_validation: Validation,
    /// On attack types, or on sources, that were left out of training one by one; means over them.
    pub left_out: Validation,
    pub domain: Domain,
    pub fusion: Fusion,
    pub inputs: NetworkInputs,
    pub encoder: Encoder,
}

/// How well the views do on rows that they have not seen, over several runs with a seed and a split each. No runs: not
/// measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    pub runs: u32,
    /// By view, such as `forest` and `fused`.
    pub by_view: BTreeMap<String, FigureSpread>,
    /// What was left out, with the figures of each view: means over the runs.
    pub by_name: BTreeMap<String, BTreeMap<String, Figures>>,
}

/// [`Figures`] over several runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSpread {
    pub roc_auc: Spread,
    pub pr_auc: Spread,
    pub recall_at_1: Spread,
    pub recall_at_5: Spread,
}

/// Mean and sample standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    pub mean: f64,
    pub sd: f64,
}

/// Of one file of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    pub bytes: u64,
    /// In lower-case hexadecimal digits.
    pub sha256: String,
}

impl FileDigest {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
    }
}

/// What a pack was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Of the training file.
    pub data_sha256: String,
    pub seed: u64,
    /// Rows of the file that could be read and have a label.
    pub rows: u64,
    /// Exact copies of earlier rows, which were removed before anything else.
    pub duplicates_removed: u64,
    /// Rows whose copies bear different labels; the first one's counts.
    pub contradictory: u64,
    pub training_rows: u64,
    pub validation_rows: u64,
    pub missing_cells: u64,
    pub infinite_cells: u64,
    /// Rows by label, or by attack name where there are names, without duplicates.
    pub classes: BTreeMap<String, u64>,
    /// The inputs of the forest in order; the network has the forest's score as one more.
    pub features: Vec<String>,
}

/// How well scores tell anomalies from normal rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    pub roc_auc: f64,
    pub pr_auc: f64,
    /// Recall where 1 % and 5 % of the normal rows are flagged.
    pub recall_at_1: f64,
    pub recall_at_5: f64,
}

/// A pack that has passed every check.
#[derive(Clone)]
pub struct Pack {
    manifest: Manifest,
    forest: IsolationForest,
    network: Network,
    /// As they were read, to be sent on.
    files: [Vec<u8>; 3],
}

/// What is read before the rest of a manifest, so that another version says so.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Pack {
    /// Opens a pack from the bytes of its three files.
    ///
    /// # Errors
    /// If it is of another version, damaged, or makes no sense; the error says which part.
    pub fn open(manifest: &[u8], forest: &[u8], dnn: &[u8]) -> Result<Self> {
        if manifest.len() > MAX_MANIFEST || forest.len() > MAX_FOREST {
            return Err(Error::new("The pack is far larger than any that Oddflow makes"));
        }
        let unreadable = |e: serde_json::Error| {
            let why: String = e.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
            Error::new(format!("The pack's manifest cannot be read: {why}"))
        };
        let head: Head = serde_json::from_slice(manifest).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(Error::new("The manifest is not that of an Oddflow pack"));
        }
        if head.version != VERSION {
            return Err(Error::new(format!("The pack is of version {}; this Oddflow reads {VERSION}", head.version))
                .advice("Train it again, or use the Oddflow that it was made with"));
        }
        let files = [manifest, forest, dnn].map(<[u8]>::to_vec);
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(unreadable)?;
        manifest.check()?;
        for (name, bytes, digest) in [("forest.bin", forest, &manifest.forest), ("dnn.onnx", dnn, &manifest.dnn)] {
            if FileDigest::of(bytes) != *digest {
                return Err(Error::new(format!("The pack's {name} is not the file that its manifest describes"))
                    .advice("Get the pack again, whole"));
            }
        }
        let forest = IsolationForest::from_bytes(forest)?;
        let n_features = manifest.encoder.n_features();
        if forest.n_features() != n_features {
            return Err(Error::new(format!(
                "The pack's forest takes {} features, and its encoder makes {n_features}",
                forest.n_features()
            )));
        }
        manifest.inputs.check(n_features)?;
        let network = Network::from_onnx(dnn, manifest.inputs.n_inputs(n_features))?;
        if network.has_autoencoder() != manifest.fusion.autoencoder.is_some() {
            return Err(Error::new("The pack's network and its calibration have different outputs"));
        }
        Ok(Self { manifest, forest, network, files })
    }

    /// The bytes of its [`FILES`].
    #[must_use]
    pub fn files(&self) -> &[Vec<u8>; 3] {
        &self.files
    }

    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Whether the pack can read tables of this schema. Whether it knows such traffic is for its domain to say.
    ///
    /// # Errors
    /// If it was made for another layout, or columns are missing; the error names them.
    pub fn fits(&self, table: &Table, schema: &Schema) -> Result<()> {
        let manifest = &self.manifest;
        if manifest.record == Record::Flow {
            return match flow::is_flow_log(table, schema) {
                true => Ok(()),
                false => Err(Error::new("The file is no flow log: it lacks bytes and packets, or protocol and ports")),
            };
        }
        if manifest.layout != schema.layout
            && let (Some(ours), Some(theirs)) = (manifest.layout, schema.layout)
        {
            return Err(Error::new(format!(
                "The pack {} is made for {}, and the file is {}",
                manifest.name,
                layout_name(ours),
                layout_name(theirs)
            )));
        }
        let taken = schema.columns.iter().find(|column| {
            let is_input = manifest.encoder.columns.iter().any(|encoding| encoding.name == column.canonical);
            let is_label = matches!(column.role, Role::Label | Role::AttackName);
            is_input && (is_label || column.role == Role::Ignored && column.why.as_deref() == Some(BY_HAND))
        });
        if let Some(column) = taken {
            return Err(Error::new(format!(
                "The pack {} reads the column \"{}\", which has been given another role",
                manifest.name, column.name
            )));
        }
        let has = |name: &str| schema.columns.iter().any(|column| column.canonical == name);
        let missing: Vec<_> =
            manifest.encoder.columns.iter().map(|c| c.name.as_str()).filter(|name| !has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let named = missing.iter().take(5).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
        Err(Error::new(format!("The file lacks columns that the pack {} needs: {named}{more}", manifest.name)))
    }

    /// How well a table that the pack can read fits it.
    ///
    /// # Errors
    /// If the pack cannot read the table.
    pub fn fit(&self, table: &Table, schema: &Schema, rows: &[u32]) -> Result<FitReport> {
        let manifest = &self.manifest;
        let (table, schema) = manifest.record.read(table, schema)?;
        manifest.domain.report(&manifest.name, &table, &schema, rows)
    }

    /// The detector that the pack holds.
    #[must_use]
    pub fn detector(&self) -> Detector {
        let manifest = &self.manifest;
        Detector {
            record: manifest.record,
            encoder: manifest.encoder.clone(),
            forest: self.forest.clone(),
            second: Some(SecondStage {
                inputs: manifest.inputs.clone(),
                network: self.network.clone(),
                fusion: manifest.fusion.clone(),
            }),
            unscaled: None,
            seen: None,
            threshold: manifest.threshold,
            threshold_origin: format!(
                "Set while training, where it flagged {:.1} % of the normal rows that were held out.",
                manifest.false_alarm_rate * 100.0
            ),
            score_meaning:
                "How rare such a row is among normal ones: at 1, one normal row in 10 looks this odd, at 2 one \
                            in 100, at 3 one in 1,000."
                    .into(),
            pack: Some(manifest.name.clone()),
        }
    }
}

impl Manifest {
    fn check(&self) -> Result<()> {
        if !self.threshold.is_finite() || !(0.0..=1.0).contains(&self.false_alarm_rate) {
            return Err(Error::new("The pack's threshold makes no sense"));
        }
        self.domain.check()?;
        self.fusion.check()
    }

    /// As it is stored: JSON on one line, since most of it is tables of numbers.
    ///
    /// # Panics
    /// Never: a manifest is plain data, and finite.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).expect("a manifest is plain data");
        json.push(b'\n');
        json
    }
}

/// SHA-256 in lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
