//! The forest against scikit-learn's figures on classical outlier sets (ADBench), raw and through the default encoder.
//!
//! The sets are looked for in `adbench/` under `ODDFLOW_DATA`, by default `../shared/data`; without them the test says that
//! it was skipped.

use ndarray::{Array2, ArrayView2};
use oddflow::encode::EncoderParams;
use oddflow::evaluate::roc_auc;
use oddflow::forest::IsolationForestParams;
use oddflow::schema::{ColumnSpec, Kind, Role, Schema};
use oddflow::table::{Cell, Column, Span, Table};
use std::path::{Path, PathBuf};

const SEEDS: u64 = 5;

fn folder() -> PathBuf {
    let data = std::env::var("ODDFLOW_DATA").unwrap_or_else(|_| "../shared/data".into());
    Path::new(env!("CARGO_MANIFEST_DIR")).join(data).join("adbench")
}

/// The features and the labels of a set, whose last column is the label.
fn read(path: &Path) -> (Array2<f32>, Vec<u8>) {
    let file = std::fs::File::open(path).unwrap();
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap() {
        let features = record.len() - 1;
        values.extend(record.iter().take(features).map(|field| field.parse::<f32>().unwrap()));
        labels.push(u8::from(record[features].parse::<f32>().unwrap() != 0.0));
    }
    (Array2::from_shape_vec((labels.len(), values.len() / labels.len()), values).unwrap(), labels)
}

/// The same as a table of numbers, encoded as the forest that is fitted to a file sees it.
fn encoded(x: ArrayView2<'_, f32>) -> Array2<f32> {
    let columns = x.columns().into_iter().enumerate().map(|(at, values)| Column {
        name: format!("x{at}"),
        cells: values.iter().map(|&value| Cell::number(f64::from(value))).collect(),
        ..Column::default()
    });
    let columns: Vec<Column> = columns.collect();
    let specs = columns.iter().map(|column| ColumnSpec {
        name: column.name.clone(),
        canonical: column.name.clone(),
        kind: Kind::Number,
        role: Role::Feature,
        unit: None,
        why: None,
    });
    let schema = Schema { columns: specs.collect(), ..Schema::default() };
    let table = Table { columns, spans: vec![Span { start: 0, len: 0 }; x.nrows()], ..Table::default() };
    let rows: Vec<u32> = (0..x.nrows() as u32).collect();
    let encoder = EncoderParams::for_file().fit(&table, &schema, &rows).unwrap();
    encoder.bind(&table, &schema).unwrap().transform_all(&rows)
}

/// Mean and standard deviation over the seeds.
fn auc(x: ArrayView2<'_, f32>, labels: &[u8]) -> (f64, f64) {
    let auc = |seed| {
        let forest = IsolationForestParams { seed, ..IsolationForestParams::default() }.fit(x).unwrap();
        let mut scores = vec![0.0; labels.len()];
        forest.anomaly_score(x, &mut scores);
        roc_auc(&scores, labels)
    };
    let aucs: Vec<f64> = (0..SEEDS).map(auc).collect();
    let mean = aucs.iter().sum::<f64>() / SEEDS as f64;
    (mean, (aucs.iter().map(|auc| (auc - mean).powi(2)).sum::<f64>() / SEEDS as f64).sqrt())
}

#[test]
fn the_forest_is_as_good_as_that_of_scikit_learn() {
    let Ok(mut references) = csv::Reader::from_path(folder().join("sklearn_iforest_auroc.csv")) else {
        println!("skipped: there is no {}", folder().display());
        return;
    };
    let mut failures = Vec::new();
    for record in references.records() {
        let record = record.unwrap();
        let number = |at: usize| record[at].parse::<f64>().unwrap();
        let (reference, deviation, seeds) = (number(4), number(5), number(6));
        let name = record[0].split_once('_').unwrap().1.to_lowercase();
        let (x, labels) = read(&folder().join(format!("{name}.csv.gz")));
        let ((raw, spread), (encoded, _)) = (auc(x.view(), &labels), auc(encoded(x.view()).view(), &labels));
        println!("{name}: scikit-learn {reference:.4}, raw {raw:.4} ± {spread:.4}, encoded {encoded:.4}");
        // The same algorithm on the same numbers differs by chance alone, in the reference's few seeds and in ours.
        let chance = 2.0 * deviation.max(spread) * (1.0 / seeds + 1.0 / SEEDS as f64).sqrt();
        if raw < reference - 0.01 - chance || encoded < reference - 0.01 {
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "below scikit-learn on {failures:?}");
}
