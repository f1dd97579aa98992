//! What outlives a run: sessions, links, the allow-list on this device; and how all of it is forgotten.
//!
//! Nothing is kept that the person did not ask to keep.

use super::{App, download};
use crate::state::{Draft, Sort, View, Waiting};
use gloo::file::callbacks::{FileReader, read_as_bytes};
use leptos::prelude::*;
use oddflow::allow::AllowList;
use oddflow::error::Error;
use oddflow::protocol::Opened;
use oddflow::session::{self, NamedRole, Same, Session, Setup};
use std::cell::RefCell;
use std::sync::Arc;

/// Under which the allow-list is kept on this device, and one that could not be read.
const ALLOW_KEY: &str = "oddflow-allow-list";
const UNREAD_KEY: &str = "oddflow-allow-list-unread";
/// How all names begin under which something is kept.
const OWN_KEYS: &str = "oddflow-";

thread_local! {
    /// The file that is being read; dropping a reader ends it.
    static READING: RefCell<Option<FileReader>> = const { RefCell::new(None) };
}

impl App {
    /// How the file is analysed and shown.
    fn setup(self) -> Setup {
        let state = self.state;
        let draft = state.draft.get_untracked();
        let changes = state.opened.with_untracked(|opened| {
            let Some(opened) = opened else { return Vec::new() };
            let name = |column: u32| opened.schema.columns[column as usize].name.clone();
            let changes = draft.role_changes(opened).into_iter();
            changes.map(|change| NamedRole { column: name(change.column), role: change.role }).collect()
        });
        let Sort { key, descending } = state.sort.get_untracked();
        Setup {
            settings: draft.settings,
            roles: changes,
            budget: state.budget.get_untracked(),
            filter: state.filter.get_untracked().trim().to_owned(),
            sort: session::Sort { by: key, descending },
            view: state.view.get_untracked().key().into(),
        }
    }

    /// Hands out all that the person set and said, never the data.
    pub fn save_session(self) {
        let state = self.state;
        let Some(opened) = state.opened.get_untracked() else { return };
        let session = Session {
            file: opened.identity.clone(),
            setup: self.setup(),
            allow_list: state.allow_list.get_untracked(),
            verdicts: state.verdicts.get_untracked(),
        };
        self.hand_out(&format!("{}.oddflow-session.json", opened.identity.name), &session.to_json());
    }

    /// Reads a session, and goes on with it at once or when its file is opened.
    pub fn open_session(self, file: web_sys::File) {
        self.read(file, move |bytes| match Session::from_json(bytes) {
            Err(error) => self.problem(error),
            Ok(session) => {
                let session = Arc::new(session);
                let opened = self.state.opened;
                let same = opened.with_untracked(|o| o.as_ref().map(|opened| session.file.compare(&opened.identity)));
                self.state.waiting.set(Some(Waiting::Session(session.clone())));
                match same {
                    Some(Same::Yes | Same::Renamed | Same::Grown) => self.resume(&session),
                    _ => self.inform(
                        Error::new(format!("This session belongs to {}", session.file.name))
                            .advice("Open that file, and it goes on where it was saved"),
                        None,
                    ),
                }
            }
        });
    }

    /// Runs the open file with a session's settings; the rest follows when the run is done.
    fn resume(self, session: &Session) {
        self.take_setup(&session.setup);
        self.state.choosing.set(false);
        self.analyze();
    }

    /// Takes over settings and roles for the next run.
    fn take_setup(self, setup: &Setup) {
        let state = self.state;
        let Some(opened) = state.opened.get_untracked() else { return };
        let reference_file = state.draft.with_untracked(|draft| draft.reference_file);
        let mut draft = Draft::of(&opened, setup.settings.clone(), reference_file);
        for change in setup.roles_for(&opened.schema) {
            draft.set_role(change.column as usize, change.role);
        }
        state.draft.set(draft);
    }

    /// Before a file is analysed for the first time: a session or a link may say how.
    pub(super) fn settle_settings(self, opened: &Opened) {
        match self.state.waiting.get_untracked() {
            Some(Waiting::Session(session)) if session.file.compare(&opened.identity) == Same::No => {
                self.state.waiting.set(None);
                let (name, other) = (&opened.identity.name, &session.file.name);
                let what = match name == other {
                    true => format!("This {name} is not the file of the session: its content is another"),
                    false => format!("{name} is not the file of the session, {other}"),
                };
                self.inform(
                    Error::new(what).advice("The session was put aside; open it again with its own file"),
                    None,
                );
            }
            Some(Waiting::Session(session)) => self.take_setup(&session.setup),
            Some(Waiting::Link(setup)) => self.take_setup(&setup),
            None => {}
        }
    }

    /// After a run: what a session or a link says of how it is looked at.
    pub(super) fn settle_session(self) {
        let state = self.state;
        let waiting = state.waiting.get_untracked();
        state.waiting.set(None);
        let setup = match waiting {
            Some(Waiting::Session(session)) => {
                self.change_rules(|list| {
                    list.clone_from(&session.allow_list);
                    Ok(())
                });
                state.verdicts.set(session.verdicts.clone());
                session.setup.clone()
            }
            Some(Waiting::Link(setup)) => (*setup).clone(),
            None => return,
        };
        state.budget.set(setup.budget);
        state.filter.set(setup.filter);
        state.sort.set(Sort { key: setup.sort.by, descending: setup.sort.descending });
        state.view.set(View::of_key(&setup.view));
    }

    /// What the page's address asks for serves the first file.
    pub(super) fn take_link(self) {
        let fragment = gloo::utils::window().location().hash().unwrap_or_default();
        if fragment.len() <= 1 {
            return;
        }
        match Setup::from_fragment(&fragment) {
            Ok(setup) => self.state.waiting.set(Some(Waiting::Link(Arc::new(setup)))),
            Err(error) => self.problem(error),
        }
    }

    /// The page's address with the settings in its fragment, which no browser sends to a server.
    pub fn link(self) -> String {
        let location = gloo::utils::window().location();
        let href = location.href().unwrap_or_default();
        let base = href.split('#').next().unwrap_or_default();
        match self.setup().to_fragment() {
            fragment if fragment.is_empty() => base.to_owned(),
            fragment => format!("{base}#{fragment}"),
        }
    }

    pub fn export_rules(self) {
        self.hand_out("oddflow-allow-list.json", &self.state.allow_list.with_untracked(AllowList::to_json));
    }

    /// Adds the rules of a file that are not here yet.
    pub fn import_rules(self, file: web_sys::File) {
        self.read(file, move |bytes| match AllowList::from_json(bytes) {
            Err(error) => self.problem(error),
            Ok(list) => self.change_rules(|rules| list.rules.iter().try_for_each(|rule| rules.insert(rule.clone()))),
        });
    }

    /// Takes over what was kept on this device, and keeps it up to date while the person wants that.
    pub fn keep_rules(self) {
        let state = self.state;
        let kept = storage().and_then(|storage| storage.get_item(ALLOW_KEY).ok().flatten());
        if let Some(kept) = kept {
            match AllowList::from_json(kept.as_bytes()) {
                Ok(list) => {
                    state.allow_list.set(list);
                    state.keeps_allowed.set(true);
                }
                Err(error) => {
                    // Put aside, so that nothing takes its place.
                    let _ = storage().map(|storage| storage.set_item(UNREAD_KEY, &kept));
                    let what = format!("The allow-list kept on this device cannot be read: {}", error.what);
                    self.inform(Error::new(what), None);
                }
            }
        }
        Effect::new(move |kept: Option<bool>| {
            let (keeps, list) = (state.keeps_allowed.get(), state.allow_list.get());
            if let Some(storage) = storage() {
                let _ = match (keeps, kept) {
                    (true, _) => storage.set_item(ALLOW_KEY, &list.to_json()),
                    // The person wants it no longer.
                    (false, Some(true)) => storage.remove_item(ALLOW_KEY),
                    (false, _) => Ok(()),
                };
            }
            keeps
        });
    }

    /// Leaves no trace on this device: what Oddflow keeps and the link are emptied, and the page starts afresh. Other pages of the
    /// same site share its storage.
    pub fn forget_everything(self) {
        self.state.keeps_allowed.set(false);
        let window = gloo::utils::window();
        let storages = [window.local_storage(), window.session_storage()];
        for storage in storages.into_iter().filter_map(|storage| storage.ok().flatten()) {
            let keys: Vec<String> = (0..storage.length().unwrap_or(0)).filter_map(|at| storage.key(at).ok()?).collect();
            for key in keys.iter().filter(|key| key.starts_with(OWN_KEYS)) {
                let _ = storage.remove_item(key);
            }
        }
        let _ = window.location().set_hash("");
        let _ = window.location().reload();
    }

    fn hand_out(self, name: &str, text: &str) {
        match web_sys::Blob::new_with_str_sequence(&js_sys::Array::of1(&text.into())) {
            Ok(blob) => download(name, &blob),
            Err(_) => self.problem(Error::new(format!("The browser cannot make {name}"))),
        }
    }

    /// Reads a small file of Oddflow's own; not one with flows.
    fn read(self, file: web_sys::File, then: impl FnOnce(&[u8]) + 'static) {
        let file = gloo::file::File::from(file);
        let reader = read_as_bytes(&file, move |read| match read {
            Ok(bytes) => then(&bytes),
            Err(error) => self.problem(Error::new(format!("The file cannot be read ({error})"))),
        });
        READING.set(Some(reader));
    }
}

fn storage() -> Option<web_sys::Storage> {
    gloo::utils::window().local_storage().ok().flatten()
}
