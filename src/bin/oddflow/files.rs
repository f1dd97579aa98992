//! Files as the engine's stores.

use oddflow::store::{Spool, Store, out_of_range};
use oddflow::{Error, Result};
use std::any::Any;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// A file, read and written through one handle. Clones read the same file.
#[derive(Clone)]
pub struct FileStore {
    file: Arc<File>,
    size: u64,
}

impl FileStore {
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> io::Result<(File, u64)> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::Error::other("it is a folder"));
            }
            let size = metadata.len();
            Ok((file, size))
        };
        let (mut file, size) = open().map_err(|error| failed("read", path, &error))?;
        if size > 0 {
            return Ok(Self { file: file.into(), size });
        }
        // A pipe, or a file of the system's that tells no size, can be read but once.
        let copy = Self::try_temporary()?;
        let size = io::copy(&mut file, &mut &*copy.file).map_err(|error| failed("read", path, &error))?;
        Ok(Self { size, ..copy })
    }

    /// An empty file that goes away with its handle.
    pub fn try_temporary() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| {
            Error::new(format!("Cannot make a temporary file: {error}"))
                .advice("Set TMPDIR to a folder that can be written to")
        })?;
        Ok(Self { file: file.into(), size: 0 })
    }

    /// As [`Self::try_temporary`], where that has worked before.
    pub fn temporary() -> Self {
        Self::try_temporary().expect("temporary files could be made a moment ago")
    }

    /// Copies everything to `out`.
    pub fn copy_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut file.take(self.size), out)?;
        out.flush()
    }
}

/// Without moving the place that the handle shares with its clones.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, start) = (&mut bytes[read..], start + read as u64),
        }
    }
    Ok(())
}

impl Store for FileStore {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        if start.checked_add(len as u64).is_none_or(|end| end > self.size) {
            return Err(out_of_range());
        }
        let filled = out.len();
        out.resize(filled + len, 0);
        read_exact_at(&self.file, &mut out[filled..], start)
            .map_err(|error| Error::new(format!("The file can no longer be read: {error}")).advice("Try again"))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Spool for FileStore {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let mut file = &*self.file;
        let written = file.seek(SeekFrom::Start(self.size)).and_then(|_| file.write_all(bytes));
        written.map_err(|error| {
            Error::new(format!("A temporary file cannot be written: {error}")).advice("Make room on the disk")
        })?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// The error of an operation on a path.
pub fn failed(operation: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(format!("Cannot {operation} {}: {error}", path.display()))
}
