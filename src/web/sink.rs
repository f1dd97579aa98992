//! Files that the person chose, to be written.

use super::blobs::{BlobStore, no_room};
use crate::error::{Error, Result};
use crate::store::{Spool, Store, out_of_range};
use js_sys::futures::{JsFuture, spawn_local};
use js_sys::{Function, Object, Promise, Reflect};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, FileSystemFileHandle, FileSystemWritableFileStream};

/// Where the person wants a file to be written.
pub enum Place {
    /// Where the browser puts downloads; it has no dialog of its own to offer.
    Downloads,
    File(FileSystemFileHandle),
    /// They have thought better of it.
    Nowhere,
}

/// Asks the person where to save a file of this name, which browsers allow shortly after a click only.
///
/// # Errors
/// If the browser does not let them write there.
pub async fn ask_where(name: &str) -> Result<Place> {
    let global = js_sys::global();
    let Some(picker) =
        Reflect::get(&global, &"showSaveFilePicker".into()).ok().and_then(|x| x.dyn_into::<Function>().ok())
    else {
        return Ok(Place::Downloads);
    };
    let options = Object::new();
    Reflect::set(&options, &"suggestedName".into(), &name.into()).expect("a new object takes every property");
    let chosen = match picker.call1(&global, &options).map(JsCast::unchecked_into::<Promise>) {
        Ok(promise) => JsFuture::from(promise).await,
        Err(error) => Err(error),
    };
    match chosen {
        Ok(file) => Ok(Place::File(file.unchecked_into())),
        Err(error) => match error.unchecked_ref::<js_sys::Error>().name().as_string().unwrap_or_default().as_str() {
            "AbortError" => Ok(Place::Nowhere),
            // In a frame of another site's page there is no such dialog.
            "SecurityError" => Ok(Place::Downloads),
            _ => Err(unwritable(&error)),
        },
    }
}

/// Why a file that the person chose cannot be written, in plain words.
fn unwritable(error: &JsValue) -> Error {
    let error: &js_sys::Error = error.unchecked_ref();
    let text = |text: js_sys::JsString| text.as_string().unwrap_or_default();
    match text(error.name()).as_str() {
        "QuotaExceededError" => {
            Error::new("There is no room left for the annotated file").advice("Make room, or choose another place")
        }
        "NotReadableError" => no_room(),
        "NotAllowedError" | "SecurityError" => {
            Error::new("The browser was not allowed to write the annotated file there")
                .advice("Choose another place, and allow it to save there")
        }
        "NoModificationAllowedError" | "InvalidStateError" => {
            Error::new("The annotated file cannot be written while another program uses it")
                .advice("Close it there first")
        }
        name => Error::new(format!("The annotated file could not be written ({name}: {})", text(error.message())))
            .advice("Choose another place"),
    }
}

/// A file that the person chose, written batch by batch as the bytes come. Browsers put it in place when it is finished, and only
/// then; one that is dropped before that leaves nothing.
pub struct FileSink {
    file: FileSystemFileHandle,
    sinking: Rc<RefCell<Sinking>>,
    on_room: Rc<dyn Fn()>,
    /// What is not on its way yet.
    gathered: BlobStore,
    /// Bytes that have been sent on their way.
    sent: u64,
}

#[derive(Default)]
struct Sinking {
    /// Once the browser has opened it.
    stream: Option<FileSystemWritableFileStream>,
    failure: Option<Error>,
    /// Bytes on their way.
    pending: u64,
    is_over: bool,
}

/// Bytes that may be on their way to a file; its disk may be slower than we are.
const MOST_PENDING: u64 = 64 << 20;
/// Bytes that are sent on their way at a time. A browser writes one batch after another, and takes long between two: 240 MB took
/// Chromium 0.44 seconds in sixteens, 0.7 in fours, and 0.98 in fours that were not Blobs.
const BATCH: u64 = 16 << 20;

impl FileSink {
    /// `on_room` is called whenever more can be appended than before, or has failed.
    pub fn new(file: FileSystemFileHandle, on_room: Rc<dyn Fn()>) -> Self {
        let sink = Self { file, sinking: Rc::default(), on_room, gathered: BlobStore::default(), sent: 0 };
        let (file, sinking, on_room) = (sink.file.clone(), sink.sinking.clone(), sink.on_room.clone());
        spawn_local(async move {
            match JsFuture::from(file.create_writable()).await {
                Ok(stream) if sinking.borrow().is_over => discard(stream.unchecked_into(), file).await,
                Ok(stream) => sinking.borrow_mut().stream = Some(stream.unchecked_into()),
                Err(error) => sinking.borrow_mut().failure = Some(unwritable(&error)),
            }
            on_room();
        });
        sink
    }

    /// Waits until all of it is in its place.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn finish(mut self) -> Result<()> {
        self.send()?;
        let stream = {
            let mut sinking = self.sinking.borrow_mut();
            if let Some(failure) = sinking.failure.clone() {
                return Err(failure);
            }
            sinking.is_over = true;
            sinking.stream.take()
        };
        let Some(stream) = stream else { return Ok(()) };
        // Closing waits for what is on its way, and fails if some of it has.
        match JsFuture::from(stream.close()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = self.sinking.borrow_mut().failure.take();
                discard(stream, self.file.clone()).await;
                Err(failure.unwrap_or_else(|| unwritable(&error)))
            }
        }
    }

    /// Sends what is gathered on its way.
    fn send(&mut self) -> Result<()> {
        let mut sinking = self.sinking.borrow_mut();
        if let Some(failure) = &sinking.failure {
            return Err(failure.clone());
        }
        let batch = std::mem::take(&mut self.gathered).to_blob("");
        let stream = sinking.stream.as_ref().expect("nothing is appended to what is full");
        let written = stream.write_with_blob(&batch).map_err(|error| unwritable(&error))?;
        let n = batch.size() as u64;
        self.sent += n;
        sinking.pending += n;
        let (sinking, on_room) = (self.sinking.clone(), self.on_room.clone());
        spawn_local(async move {
            let written = JsFuture::from(written).await;
            let mut sinking = sinking.borrow_mut();
            sinking.pending -= n;
            if let Err(error) = written {
                sinking.failure.get_or_insert_with(|| unwritable(&error));
            }
            drop(sinking);
            on_room();
        });
        Ok(())
    }

    fn gathered_more(&mut self) -> Result<()> {
        match &self.sinking.borrow().failure {
            Some(failure) => return Err(failure.clone()),
            None if self.gathered.size() < BATCH => return Ok(()),
            None => {}
        }
        self.send()
    }
}

/// Gives up what was written.
async fn discard(stream: FileSystemWritableFileStream, file: FileSystemFileHandle) {
    let _ = JsFuture::from(stream.abort()).await;
    give_back(file).await;
}

/// Takes away the empty file that choosing a place has made, where nothing comes of it.
pub async fn give_back(file: FileSystemFileHandle) {
    let is_empty = JsFuture::from(file.get_file()).await.is_ok_and(|file| file.unchecked_ref::<Blob>().size() == 0.0);
    let remove = Reflect::get(&file, &"remove".into()).ok().and_then(|remove| remove.dyn_into::<Function>().ok());
    if let (true, Some(remove)) = (is_empty, remove)
        && let Ok(removed) = remove.call0(&file)
    {
        let _ = JsFuture::from(removed.unchecked_into::<Promise>()).await;
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        let mut sinking = self.sinking.borrow_mut();
        sinking.is_over = true;
        if let Some(stream) = sinking.stream.take() {
            spawn_local(discard(stream, self.file.clone()));
        }
    }
}

impl Store for FileSink {
    fn size(&self) -> u64 {
        self.sent + self.gathered.size()
    }

    /// What is on its way cannot be read.
    fn read(&self, _: u64, _: usize, _: &mut Vec<u8>) -> Result<()> {
        Err(out_of_range())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Spool for FileSink {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.gathered.append(bytes)?;
        self.gathered_more()
    }

    fn takes_stores(&self) -> bool {
        self.gathered.takes_stores()
    }

    fn append_store(&mut self, store: &dyn Store) -> Result<()> {
        self.gathered.append_store(store)?;
        self.gathered_more()
    }

    fn is_full(&self) -> bool {
        let sinking = self.sinking.borrow();
        sinking.failure.is_none() && (sinking.stream.is_none() || sinking.pending > MOST_PENDING)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
