//! How fast records are scored, stage by stage, on one core: `cargo bench --bench score`. Figures are records a second.
//!
//! The table is made up: 41 columns, of which three are categories, as wide as the research sets are.

use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::{Array2, ShapeBuilder, s};
use oddflow::dense::{Activation, Dense, Layer, mean_absolute_difference};
use oddflow::encode::{Encoder, EncoderParams};
use oddflow::evaluate::{areas_and_curve, best_order};
use oddflow::features::{BLOCK, Encoded};
use oddflow::forest::{IsolationForest, IsolationForestParams, MaxSamples};
use oddflow::hybrid::{Detector, FileFit, Standardise};
use oddflow::inputs::{Folded, NetworkInputs};
use oddflow::rng::Rng;
use oddflow::schema::{ColumnSpec, Kind, Role, Schema};
use oddflow::table::{Cell, Column, Span, Table};
use std::sync::LazyLock;

const ROWS: u32 = 1 << 15;
/// Were it a power of two, the values of one row would fall into the same few sets of a cache.
const STRIDE: usize = BLOCK + 16;
const FOREST_INPUT: Standardise = Standardise { mean: 0.45, deviation: 0.05 };

fn main() {
    divan::main();
}

struct Data {
    table: Table,
    schema: Schema,
    rows: Vec<u32>,
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    let mut rng = Rng::new(7);
    let (mut columns, mut specs) = (Vec::new(), Vec::new());
    for at in 0..41 {
        let name = format!("c{at}");
        let mut column = Column { name: name.clone(), ..Column::default() };
        let n_categories = [3.0, 40.0, 11.0].get(at).copied();
        for _ in 0..ROWS {
            let cell = match n_categories {
                Some(n) => {
                    let text = format!("v{}", (rng.uniform() * rng.uniform() * n) as u32);
                    Cell::text(column.dictionary.code(&text).expect("a few texts fit"))
                }
                // Amounts with a long tail, most of them nothing; rates; small numbers.
                None => Cell::number(match at % 5 {
                    0 => libm::floor(libm::exp(5.0 + 2.0 * rng.normal())),
                    1 if rng.below(10) < 6 => 0.0,
                    1 => libm::floor(libm::exp(6.0 + 3.0 * rng.normal())),
                    2 => f64::from(rng.below(101)) / 100.0,
                    3 => f64::from(rng.below(256) * rng.below(2)),
                    _ => libm::exp(rng.normal()),
                }),
            };
            column.cells.push(cell);
        }
        columns.push(column);
        let kind = if n_categories.is_some() { Kind::Category } else { Kind::Number };
        specs.push(ColumnSpec { canonical: name.clone(), name, kind, role: Role::Feature, unit: None, why: None });
    }
    Data {
        table: Table { columns, spans: vec![Span { start: 0, len: 0 }; ROWS as usize], ..Table::default() },
        schema: Schema { columns: specs, ..Schema::default() },
        rows: (0..ROWS).collect(),
    }
});

fn encoder(params: EncoderParams) -> Encoder {
    params.fit(&DATA.table, &DATA.schema, &DATA.rows).expect("the columns vary")
}

/// Encoded records, the values of a feature side by side.
fn features(encoder: &Encoder) -> Array2<f32> {
    let rows = encoder.bind(&DATA.table, &DATA.schema).expect("it has the columns").transform_all(&DATA.rows);
    let mut x = Array2::zeros(rows.dim().f());
    x.assign(&rows);
    x
}

/// The same, block by block, as a detector has them.
fn blocks(encoder: &Encoder) -> Vec<Encoded> {
    let bound = encoder.bind(&DATA.table, &DATA.schema).expect("it has the columns");
    let of = |rows| {
        let mut block = bound.room(BLOCK);
        bound.transform(rows, &mut block);
        block
    };
    DATA.rows.chunks(BLOCK).map(of).collect()
}

fn forest(x: &Array2<f32>, samples: u32) -> IsolationForest {
    let params = IsolationForestParams { max_samples: MaxSamples::Count(samples), ..Default::default() };
    params.fit(x.view()).expect("there are rows")
}

#[divan::bench(args = [256, 8192])]
fn forest_many_rows(bencher: Bencher, samples: u32) {
    let x = features(&encoder(EncoderParams::for_file()));
    let forest = forest(&x, samples);
    let mut scores = vec![0.0; ROWS as usize];
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| forest.anomaly_score(x.view(), &mut scores));
}

/// The same, with what the encoder knows of the features.
#[divan::bench(args = [256, 8192])]
fn forest_many_encoded_rows(bencher: Bencher, samples: u32) {
    let encoder = encoder(EncoderParams::for_file());
    let (forest, blocks) = (forest(&features(&encoder), samples), blocks(&encoder));
    let mut scorer = forest.scorer();
    let mut scores = vec![0.0; BLOCK];
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        blocks.iter().for_each(|rows| scorer.anomaly_score(rows, &mut scores));
    });
}

#[divan::bench(args = [256, 8192], sample_count = 10)]
fn forest_row_by_row(bencher: Bencher, samples: u32) {
    let x = features(&encoder(EncoderParams::for_file()));
    let forest = forest(&x, samples);
    let x = x.as_standard_layout();
    let mut scores = vec![0.0; ROWS as usize];
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for (row, score) in x.rows().into_iter().zip(&mut scores) {
            *score = forest.anomaly_score_of_row(row.as_slice().expect("standard layout"));
        }
    });
}

#[divan::bench(args = ["file", "pack"])]
fn encode(bencher: Bencher, purpose: &str) {
    let encoder = encoder(if purpose == "file" { EncoderParams::for_file() } else { EncoderParams::for_pack() });
    let bound = encoder.bind(&DATA.table, &DATA.schema).expect("it has the columns");
    let mut block = bound.room(BLOCK);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        DATA.rows.chunks(BLOCK).for_each(|rows| bound.transform(rows, &mut block));
    });
}

/// A detector that was fitted to the table itself, from cells to scores.
#[divan::bench(args = [256, 4096])]
fn detector(bencher: Bencher, max_samples: u32) {
    let Data { table, schema, rows } = &*DATA;
    let fit = FileFit { n_estimators: 100, max_samples, seed: 1 };
    let detector = Detector::fit_to_file(table, schema, rows, fit).expect("the columns vary");
    let mut bound = detector.bind(table, schema).expect("it has the columns");
    let [mut forest, mut score] = [(); 2].map(|()| vec![0.0; rows.len()]);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| bound.score(rows, &mut forest, &mut [], &mut score));
}

/// Layers of these sizes with drawn weights; all but the last with this activation.
fn network(sizes: &[usize], hidden: Activation, last: Activation) -> Dense {
    let mut rng = Rng::new(9);
    let layers = sizes.windows(2).enumerate().map(|(at, n)| {
        let scale = 1.0 / libm::sqrt(n[0] as f64);
        let mut draw = |count: usize| (0..count).map(|_| (rng.normal() * scale) as f32).collect::<Vec<_>>();
        let activation = if at + 2 == sizes.len() { last } else { hidden };
        Layer::new(n[0], &draw(n[0] * n[1]), &draw(n[1]), activation).expect("the sizes fit")
    });
    Dense::new(layers.collect()).expect("the layers fit")
}

/// As a pack's classifier.
fn classifier(inputs: &NetworkInputs, n_features: usize) -> Dense {
    network(&[inputs.n_inputs(n_features), 128, 64, 32, 1], Activation::Relu, Activation::Sigmoid)
}

#[divan::bench]
fn classifier_folded(bencher: Bencher) {
    let encoder = encoder(EncoderParams::for_pack());
    let (blocks, inputs) = (blocks(&encoder), NetworkInputs::of(&encoder));
    let network = classifier(&inputs, blocks[0].n_features());
    let folded = Folded::new(&inputs, &encoder.usual(), &network).expect("it reads these inputs");
    let (scores, mut out) = (vec![0.5; BLOCK], vec![0.0; BLOCK]);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for rows in &blocks {
            folded.for_each_row(rows, &scores, FOREST_INPUT, |row, y| out[row] = y[0]);
        }
    });
}

#[divan::bench(sample_count = 20)]
fn classifier_whole(bencher: Bencher) {
    let encoder = encoder(EncoderParams::for_pack());
    let (x, inputs) = (features(&encoder), NetworkInputs::of(&encoder));
    let network = classifier(&inputs, x.ncols());
    let mut block = Array2::zeros((BLOCK, network.n_inputs()));
    let (scores, mut out) = (vec![0.5; BLOCK], vec![0.0; x.nrows()]);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for first in (0..x.nrows()).step_by(BLOCK) {
            inputs.fill(x.slice(s![first..first + BLOCK, ..]), &scores, FOREST_INPUT, block.view_mut());
            network.for_each_row(block.view(), |row, _, y| out[first + row] = y[0]);
        }
    });
}

#[divan::bench(sample_count = 20)]
fn autoencoder(bencher: Bencher) {
    let x = features(&encoder(EncoderParams::for_pack()));
    let network = network(&[x.ncols(), 64, 16, 64, x.ncols()], Activation::Tanh, Activation::Identity);
    let mut block = Array2::zeros((STRIDE, x.ncols()).f());
    let mut out = vec![0.0; BLOCK];
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for first in (0..x.nrows()).step_by(BLOCK) {
            block.slice_mut(s![..BLOCK, ..]).assign(&x.slice(s![first..first + BLOCK, ..]));
            network.for_each_row(block.slice(s![..BLOCK, ..]), |row, x, y| out[row] = mean_absolute_difference(x, y));
        }
    });
}

/// Scores between 0.3 and a few, and one label in ten.
fn made_up_scores(n: usize) -> (Vec<f32>, Vec<u8>) {
    let mut rng = Rng::new(9);
    (0..n).map(|_| (0.3 + libm::exp(rng.normal() - 3.0) as f32, u8::from(rng.below(10) == 0))).unzip()
}

#[divan::bench(args = [1_000_000, 10_000_000], sample_count = 5, sample_size = 1)]
fn order_by_score(bencher: Bencher, n: usize) {
    let (scores, _) = made_up_scores(n);
    bencher.counter(ItemsCount::new(n)).bench(|| best_order(&scores));
}

#[divan::bench(args = [1_000_000, 10_000_000], sample_count = 5, sample_size = 1)]
fn areas_by_labels(bencher: Bencher, n: usize) {
    let (scores, labels) = made_up_scores(n);
    bencher.counter(ItemsCount::new(n)).bench(|| areas_and_curve(&scores, &labels));
}
