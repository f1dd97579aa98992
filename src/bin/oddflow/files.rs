//! Files as the engine's stores.

use oddflow::store::{Spool, Store, out_of_range};
use oddflow::{Error, Result};
use std::any::Any;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

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

/// A file that is to be written, and takes its place only when it is whole.
pub struct Output {
    path: PathBuf,
    /// Beside it. `None` for what is no file, such as a pipe, which is written as it is.
    draft: Option<NamedTempFile>,
}

impl Output {
    /// # Errors
    /// If it is the input, or cannot be made.
    pub fn new(path: &Path, input: &Path) -> Result<Self> {
        // A link goes on pointing where it does.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let kind = fs::metadata(&path).map(|metadata| metadata.file_type());
        if kind.as_ref().is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
            return Ok(Self { path, draft: None });
        }
        if fs::canonicalize(input).is_ok_and(|input| input == path) {
            return Err(
                Error::new(format!("The output {} is the file itself", path.display())).advice("Write to another file")
            );
        }
        let draft = || -> io::Result<NamedTempFile> {
            if kind.is_ok_and(|kind| kind.is_dir()) {
                return Err(io::Error::other("it is a folder"));
            }
            if path.file_name().is_none() {
                return Err(io::Error::other("it has no name"));
            }
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            draft_in(folder)
        };
        let draft = draft().map_err(|error| failed("write", &path, &error))?;
        Ok(Self { path, draft: Some(draft) })
    }

    /// Writes it, and puts it in its place.
    pub fn write(self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
        let Self { path, draft } = self;
        let written = match draft {
            None => File::create(&path).and_then(|mut file| write(&mut file)),
            Some(mut draft) => {
                write(draft.as_file_mut()).and_then(|()| draft.persist(&path).map(drop).map_err(|error| error.error))
            }
        };
        written.map_err(|error| failed("write", &path, &error))
    }
}

/// With the permissions of any new file, rather than those of a secret one.
#[cfg(unix)]
fn draft_in(folder: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn draft_in(folder: &Path) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

/// The error of an operation on a path.
pub fn failed(operation: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(format!("Cannot {operation} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_takes_its_place_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
        fs::write(&input, "a,b\n1,2\n").unwrap();
        fs::write(&output, "before").unwrap();
        assert!(Output::new(&input, &input).is_err_and(|error| error.what.contains("the file itself")));
        assert!(Output::new(folder.path(), &input).is_err());
        assert!(Output::new(&folder.path().join("none").join("out.csv"), &input).is_err());
        let failed = Output::new(&output, &input).unwrap().write(|file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&output).unwrap(), b"before");
        Output::new(&output, &input).unwrap().write(|file| file.write_all(b"after")).unwrap();
        assert_eq!(fs::read(&output).unwrap(), b"after");
        // No draft is left behind.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
