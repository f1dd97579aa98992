//! The engine's crews elsewhere: a thread for each, which ends with the engine.

use crate::files::FileStore;
use oddflow::engine::{Hand, Pool};
use oddflow::protocol::Bulk;
use oddflow::store::Store;
use oddflow::{Error, Result};
use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// A message to a thread.
type Told = (Vec<u8>, Vec<Bulk>, Option<FileStore>);
/// An answer, and whose it is.
type Heard = (usize, Vec<u8>, Vec<Bulk>);

pub struct Threads {
    to: Vec<Sender<Told>>,
    from: Receiver<Heard>,
    /// What came while waiting.
    heard: VecDeque<Heard>,
}

impl Threads {
    /// So many threads beside the one that the engine runs on.
    pub fn start(n: usize) -> Self {
        let (answer, from) = mpsc::channel();
        let start = |number| {
            let (to, told) = mpsc::channel::<Told>();
            let answer: Sender<Heard> = answer.clone();
            thread::spawn(move || {
                let mut hand = Hand::default();
                for (message, bulk, store) in told {
                    let store = store.map(|store| Box::new(store) as Box<dyn Store>);
                    let heard = hand.hear(&message, bulk, store).expect("both sides are of one build");
                    if let Some((bytes, bulk)) = heard
                        && answer.send((number, bytes, bulk)).is_err()
                    {
                        return;
                    }
                }
            });
            to
        };
        Self { to: (0..n).map(start).collect(), from, heard: VecDeque::new() }
    }
}

impl Pool for Threads {
    fn n(&self) -> usize {
        self.to.len()
    }

    fn is_ready(&self, _: usize) -> bool {
        true
    }

    fn send(&mut self, to: usize, message: &[u8], bulk: Vec<Bulk>, store: Option<&dyn Store>) -> Result<()> {
        let store = store.and_then(|store| store.as_any().downcast_ref::<FileStore>()).cloned();
        self.to[to].send((message.to_vec(), bulk, store)).map_err(|_| Error::new("A thread has ended"))
    }

    fn receive(&mut self) -> Option<Heard> {
        self.heard.pop_front().or_else(|| self.from.try_recv().ok())
    }

    fn wait(&mut self) {
        self.heard.extend(self.from.recv().ok());
    }
}
