//! Decoded bytes in, table out. What comes out does not depend on how the bytes were cut into pushes.
//!
//! The beginning of the file is kept back until it is enough to find out how the table is written; from then on whole records
//! are read as they come, as one part that is the whole file.

use super::Ingested;
use super::part::PartReader;
use super::plan::Plan;
use crate::error::Result;

/// Reads a table as its bytes come.
#[derive(Default)]
pub struct Reader {
    /// The beginning of the file, until it is known how the table is written.
    head: Vec<u8>,
    size: u64,
    body: Option<(Plan, PartReader)>,
}

impl Reader {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader that makes room for a file of about `size` bytes.
    #[must_use]
    pub fn sized(size: u64) -> Self {
        Self { size, ..Self::default() }
    }

    /// Takes the next bytes of the decoded file.
    ///
    /// # Errors
    /// What is no table at all, and a table that is too large to be held.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((_, part)) = &mut self.body {
            return part.push(bytes);
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= Plan::HEAD { self.begin() } else { Ok(()) }
    }

    /// How the file is to be read, once enough of it has come.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.body.as_ref().map(|(plan, _)| plan)
    }

    /// Records read so far, the bad ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.body.as_ref().map_or(0, |(_, part)| part.rows())
    }

    /// Reads what is left.
    ///
    /// # Errors
    /// What is no table at all, such as a file without a record.
    pub fn finish(mut self) -> Result<Ingested> {
        if self.body.is_none() {
            self.begin()?;
        }
        let (plan, part) = self.body.expect("the body was begun");
        plan.finish(part.finish()?)
    }

    fn begin(&mut self) -> Result<()> {
        let head = std::mem::take(&mut self.head);
        let plan = Plan::new(&head)?;
        let mut part = PartReader::whole(&plan, self.size);
        // The beginning that was sniffed is larger than what is passed over.
        part.push(&head[plan.skip as usize..])?;
        self.body = Some((plan, part));
        Ok(())
    }
}
