//! The stages of the worker one by one, for a page that measures them: CSV to columns, encoding, forest, network.
//!
//! Only what stands before a stage is done before it, and each stage runs over all rows at once; `stages.mjs` holds the clock.

use js_sys::futures::{JsFuture, future_to_promise};
use js_sys::{Error as JsError, Function, Promise};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use oddflow::bundle::Manifest;
use oddflow::dnn::Network;
use oddflow::encode::Encoder;
use oddflow::features::{BLOCK, Encoded};
use oddflow::forest::{IsolationForest, IsolationForestParams};
use oddflow::ingest::{Ingested, Part, PartReader, Plan};
use oddflow::schema::{self, Schema};
use oddflow::store::Store;
use oddflow::web::BlobStore;
use oddflow::{Error, Result};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Blob;

/// The file is read in chunks of this size, and a little more to see where the last record ends, as the engine reads it.
const CHUNK_BYTES: u64 = 4 << 20;
/// Bytes that are pushed at a time, as the engine does.
const STEP_BYTES: u64 = 1 << 20;
const REST: u64 = 64 << 10;

/// A module is made of a program, which has nothing to do by itself.
fn main() {}

/// A file that has been read, chunk by chunk.
#[wasm_bindgen]
pub struct Columns {
    plan: Plan,
    parts: Vec<Part>,
}

#[wasm_bindgen]
impl Columns {
    /// Promises one: CSV to columns as workers read it, while the browser reads ahead.
    pub fn of(file: Blob) -> Promise {
        future_to_promise(async { Self::read(file).await.map(Into::into).map_err(|error| said(error).into()) })
    }

    #[must_use]
    pub fn rows(&self) -> u32 {
        self.parts.iter().map(|part| part.table.n_rows() as u32).sum()
    }

    async fn read(file: Blob) -> Result<Self> {
        let awaiting: Rc<RefCell<Option<Function>>> = Rc::default();
        let on_near = awaiting.clone();
        let file = BlobStore::ahead(
            file,
            Rc::new(move || {
                if let Some(goes_on) = on_near.take() {
                    goes_on.call0(&JsValue::NULL).expect("a promise can be fulfilled");
                }
            }),
        );
        let mut bytes = Vec::new();
        file.read(0, file.size().min(Plan::HEAD as u64) as usize, &mut bytes)?;
        let plan = Plan::new(&bytes)?;
        let (mut parts, mut start) = (Vec::new(), plan.start());
        while start.offset < file.size() {
            let (mut at, end) = (start.offset, start.offset + CHUNK_BYTES);
            let mut reader = PartReader::new(&plan, start, end);
            while at < file.size() && !reader.is_done() {
                let last = (end.max(at) + REST).min(file.size());
                let until = if last - at < 2 * STEP_BYTES { last } else { at + STEP_BYTES };
                let near = Promise::new(&mut |goes_on, _| *awaiting.borrow_mut() = Some(goes_on));
                if !file.is_near(at..until, file.size()) {
                    JsFuture::from(near).await.expect("it is fulfilled");
                }
                bytes.clear();
                file.read(at, (until - at) as usize, &mut bytes)?;
                reader.push(&bytes)?;
                at = until;
            }
            let part = reader.finish()?;
            start = part.end;
            parts.push(part);
        }
        Ok(Self { plan, parts })
    }

    /// As one table.
    fn whole(self) -> Result<Ingested> {
        let mut all = self.plan.begin();
        self.parts.into_iter().try_for_each(|part| all.append(part))?;
        self.plan.finish(all)
    }
}

/// Encoded rows, and the models that score them.
#[wasm_bindgen]
pub struct Scoring {
    columns: Ingested,
    schema: Schema,
    encoder: Encoder,
    rows: Vec<u32>,
    /// As the encoder gives them to the forest.
    blocks: Vec<Encoded>,
    forest: IsolationForest,
    network: Network,
    /// What the network reads: features and the forest's scores.
    inputs: Array2<f32>,
    out: Vec<f32>,
}

#[wasm_bindgen]
impl Scoring {
    /// A forest of 100 trees of 256 rows, fitted to the file, and the network of a pack that reads such files.
    ///
    /// # Errors
    /// If the pack is none, or is not made for the file.
    #[wasm_bindgen(constructor)]
    pub fn new(columns: Columns, manifest: &[u8], dnn: &[u8]) -> std::result::Result<Self, JsError> {
        columns.whole().and_then(|columns| Self::try_new(columns, manifest, dnn)).map_err(said)
    }

    fn try_new(columns: Ingested, manifest: &[u8], dnn: &[u8]) -> Result<Self> {
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| Error::new(error.to_string()))?;
        let encoder = manifest.encoder;
        let schema = schema::detect(&columns.table, columns.detected);
        let rows = columns.table.good_rows();
        let bound = encoder.bind(&columns.table, &schema)?;
        let x = bound.transform_all(&rows);
        let encoded = |rows| {
            let mut block = bound.room(BLOCK);
            bound.transform(rows, &mut block);
            block
        };
        let blocks = rows.chunks(BLOCK).map(encoded).collect();
        drop(bound);
        let forest = IsolationForestParams::default().fit(x.view())?;
        let network = Network::from_onnx(dnn, x.ncols() + 1)?;
        let mut out = vec![0.0; rows.len()];
        forest.anomaly_score(x.view(), &mut out);
        let scores = ArrayView2::from_shape((rows.len(), 1), &out).expect("a score for each row");
        // Row by row, as networks are given them; side by side it would be column by column.
        let inputs = concatenate(Axis(1), &[x.view(), scores]).expect("as many rows").as_standard_layout().into_owned();
        Ok(Self { columns, schema, encoder, rows, blocks, forest, network, inputs, out })
    }

    /// # Panics
    /// Never: the encoder has been bound before.
    pub fn encode(&mut self) {
        let bound = self.encoder.bind(&self.columns.table, &self.schema).expect("it was bound before");
        let mut block = bound.room(BLOCK);
        self.rows.chunks(BLOCK).for_each(|rows| bound.transform(rows, &mut block));
    }

    pub fn forest(&mut self) {
        let mut scorer = self.forest.scorer();
        let blocks = self.blocks.iter().zip(self.out.chunks_mut(BLOCK));
        blocks.for_each(|(rows, out)| scorer.anomaly_score(rows, out));
    }

    /// The network as packs run it.
    ///
    /// # Panics
    /// Never: the sizes fit.
    pub fn network(&mut self) {
        self.network.probability(self.inputs.view(), &mut self.out).expect("the sizes fit");
    }

    /// The network by tract.
    ///
    /// # Panics
    /// If tract fails.
    pub fn tract(&mut self) {
        self.network.judge(self.inputs.view(), &mut self.out, &mut []).expect("tract runs the network");
    }

    /// What the network reads, rows × [`Self::n_inputs`].
    #[must_use]
    pub fn inputs(&self) -> Vec<f32> {
        self.inputs.iter().copied().collect()
    }

    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.inputs.ncols()
    }

    /// What the last stage said of each row.
    #[must_use]
    pub fn out(&self) -> Vec<f32> {
        self.out.clone()
    }
}

fn said(error: Error) -> JsError {
    JsError::new(&error.to_string())
}
