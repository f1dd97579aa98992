//! The ways to give the page records: files, several files as one log, pasted text.

use super::App;
use crate::state::Source;
use oddflow::error::Error;
use oddflow::protocol::FileStart;
use oddflow::report::plural;

impl App {
    /// Opens one file, or several as one log, in the order of their names: hourly logs are named by their hours.
    pub fn open_files(self, files: &web_sys::FileList) {
        let mut files: Vec<web_sys::File> = (0..files.length()).filter_map(|at| files.get(at)).collect();
        files.sort_by_key(web_sys::File::name);
        match <[web_sys::File; 1]>::try_from(files) {
            Ok([file]) => self.open(Source::File { name: file.name(), blob: file.into(), files: Vec::new() }),
            Err(files) if files.is_empty() => {}
            Err(files) => match joined(&files) {
                Ok(source) => self.open(source),
                Err(error) => self.problem(error),
            },
        }
    }

    pub fn open_text(self, text: &str) {
        if text.trim().is_empty() {
            self.problem(Error::new("There is no text to read").advice("Paste some lines of a flow log"));
            return;
        }
        let parts = js_sys::Array::of1(&text.into());
        match web_sys::Blob::new_with_str_sequence(&parts) {
            Ok(blob) => self.open(Source::File { name: "pasted.csv".into(), blob, files: Vec::new() }),
            Err(_) => self.problem(Error::new("The pasted text is too long").advice("Save it as a file and open that")),
        }
    }
}

/// One Blob of all files, by reference. The members of gzip files that follow one another are one gzip file; plain files are
/// parted by a line end, since the last line of one may have none.
fn joined(files: &[web_sys::File]) -> Result<Source, Error> {
    let is_gzip = |file: &web_sys::File| file.name().to_ascii_lowercase().ends_with(".gz");
    let n_gzip = files.iter().filter(|file| is_gzip(file)).count();
    if n_gzip > 0 && n_gzip < files.len() {
        let what = format!("{} of the {} files are gzipped, the others are not", n_gzip, files.len());
        return Err(Error::new(what).advice("Choose files of one kind: all gzipped, or none"));
    }
    let parts = js_sys::Array::new();
    let (mut starts, mut size) = (Vec::with_capacity(files.len()), 0);
    for file in files {
        if n_gzip == 0 && parts.length() > 0 {
            parts.push(&"\n".into());
            size += 1;
        }
        parts.push(file);
        starts.push(FileStart { name: file.name(), start: size });
        size += file.size() as u64;
    }
    let blob = web_sys::Blob::new_with_blob_sequence(&parts)
        .map_err(|_| Error::new("The browser cannot join these files").advice("Choose fewer"))?;
    let others = plural(files.len() as u64 - 1, "more", "more").replace('\u{a0}', " ");
    Ok(Source::File { name: format!("{} and {others}", files[0].name()), blob, files: starts })
}
