//! Cutting the open file: into a training and a test part, or into chunks.

use super::Engine;
use crate::error::{Error, Result};
use crate::protocol::RoleChange;
use crate::rng::Rng;
use crate::schema::Schema;
use std::collections::BTreeMap;

impl Engine {
    /// The rows of a training and of a test part, each in file order; `test` is the share of the second. With `stratify`
    /// each value of the label column (of the attack names, where there are some) is shared out by itself.
    ///
    /// # Errors
    /// If no file is open, a part would be empty, or there is no label column to stratify by.
    pub fn split(&mut self, test: f64, stratify: bool, seed: u64, roles: &[RoleChange]) -> Result<[Vec<u32>; 2]> {
        let dataset = self.dataset()?;
        let schema = dataset.schema_with(roles)?;
        let mut strata = if stratify { self.strata(&schema)? } else { vec![(0..dataset.n_rows() as u32).collect()] };
        let mut parts = [Vec::new(), Vec::new()];
        for (stream, rows) in strata.iter_mut().enumerate() {
            Rng::stream(seed, stream as u64).shuffle(rows);
            let n_test = (rows.len() as f64 * test).round() as usize;
            parts[1].extend_from_slice(&rows[..n_test]);
            parts[0].extend_from_slice(&rows[n_test..]);
        }
        for part in &mut parts {
            if part.is_empty() {
                return Err(Error::new("The file has too few records to be cut like this"));
            }
            part.sort_unstable();
        }
        Ok(parts)
    }

    /// The rows of `n` chunks in file order, whose sizes differ by one at most.
    ///
    /// # Errors
    /// If no file is open or it has fewer records than chunks.
    pub fn chunks(&self, n: u32) -> Result<Vec<Vec<u32>>> {
        let n_rows = self.dataset()?.n_rows() as u64;
        if u64::from(n) > n_rows {
            return Err(Error::new(format!("The file has {n_rows} records, too few for {n} chunks")));
        }
        let end = |chunk: u32| (n_rows * u64::from(chunk) / u64::from(n)) as u32;
        Ok((0..n).map(|chunk| (end(chunk)..end(chunk + 1)).collect()).collect())
    }

    /// Writes some records as they stand in the file, below its header if it has one.
    ///
    /// # Errors
    /// If no file is open or it can no longer be read, and what `write` says.
    pub fn write_part(&self, rows: &[u32], mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let dataset = self.dataset()?;
        let mut line = Vec::new();
        if dataset.dialect().has_header {
            for (at, column) in dataset.sample.columns.iter().enumerate() {
                if at > 0 {
                    line.push(dataset.dialect().delimiter);
                }
                match dataset.plan.header_field(at) {
                    Some(name) => dataset.dialect().write_bytes(name, &mut line),
                    None => dataset.dialect().write_field(&column.name, &mut line),
                }
            }
            line.extend_from_slice(dataset.dialect().line_end.bytes());
            write(&line)?;
        }
        for &row in rows {
            let span = dataset.places.span(row).ok_or_else(|| Error::new("There is no such record"))?;
            line.clear();
            dataset.store.read(span.start, span.len as usize, &mut line)?;
            line.extend_from_slice(dataset.dialect().line_end.bytes());
            write(&line)?;
        }
        Ok(())
    }

    /// The rows of each distinct value of the attack names or labels.
    fn strata(&mut self, schema: &Schema) -> Result<Vec<Vec<u32>>> {
        let column = schema.attack_column().or(schema.label_column()).ok_or_else(|| {
            Error::new("The file has no label column to stratify by")
                .advice("Name it with --label, or leave out --stratify")
        })?;
        let dataset = self.dataset()?;
        let (_, texts) = self.texts_of(&dataset, column)?;
        let mut strata: BTreeMap<(Option<u32>, u64), Vec<u32>> = BTreeMap::new();
        for &chunk in &*dataset.chunks {
            let table = self.crew.table(dataset.file, chunk)?;
            for (row, cell) in (chunk.first_row..).zip(table.columns[column].cells.iter()) {
                let text = texts[row as usize];
                // The same text has another code in every chunk.
                let other = if text.is_some() { 0 } else { cell.to_bits() };
                strata.entry((text, other)).or_default().push(row);
            }
        }
        Ok(strata.into_values().collect())
    }
}
