//! The engine's crews elsewhere: a thread for each, which ends with the engine.

use crate::files::FileStore;
use oddflow::engine::{Answered, Hand, Heard, Pool};
use oddflow::protocol::Bulk;
use oddflow::store::Store;
use oddflow::{Error, Result};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// A message to a thread.
type Told = (Vec<u8>, Vec<Bulk>, Option<FileStore>);
/// An answer, and whose it is. Threads write nothing by themselves.
type Sent = (usize, Vec<u8>, Vec<Bulk>);
/// What [`Hand::work`] gives.
type Answer = Result<Option<Answered>>;

/// More would only wait for one another.
pub const MOST: u32 = 256;

pub struct Threads {
    to: Vec<Sender<Told>>,
    from: Receiver<Result<Sent>>,
    /// What came while waiting.
    heard: VecDeque<Sent>,
    /// Why a thread has ended: what it was told to do will not be done.
    failed: Option<Error>,
}

impl Threads {
    /// So many threads beside the one that the engine runs on.
    pub fn start(n: usize) -> Result<Self> {
        Self::start_with(n, || {
            let mut hand = Hand::default();
            move |message, bulk, store| {
                hand.hear(message, bulk, store)?;
                hand.work()
            }
        })
    }

    fn start_with<H>(n: usize, new_hand: fn() -> H) -> Result<Self>
    where
        H: FnMut(&[u8], Vec<Bulk>, Option<Box<dyn Store>>) -> Answer + 'static,
    {
        let (answer, from) = mpsc::channel();
        let start = |number| {
            let (to, told) = mpsc::channel::<Told>();
            let answer: Sender<Result<Sent>> = answer.clone();
            let work = move || {
                let mut hear = new_hand();
                for (message, bulk, store) in told {
                    let store = store.map(|store| Box::new(store) as Box<dyn Store>);
                    // A thread that ends without a word would be waited for without end.
                    let heard = catch_unwind(AssertUnwindSafe(|| hear(&message, bulk, store)));
                    let heard = heard.unwrap_or_else(|panic| Err(stopped(&*panic)));
                    let failed = heard.is_err();
                    let sent = match heard {
                        Ok(None) => Ok(()),
                        Ok(Some(Answered { bytes, bulk, .. })) => answer.send(Ok((number, bytes, bulk))),
                        Err(error) => answer.send(Err(error)),
                    };
                    if failed || sent.is_err() {
                        return;
                    }
                }
            };
            match thread::Builder::new().spawn(work) {
                Ok(_) => Ok(to),
                Err(error) => Err(Error::new(format!("{n} more threads cannot be started: {error}"))
                    .advice("Give a smaller number with --threads")),
            }
        };
        let to = (0..n).map(start).collect::<Result<_>>()?;
        Ok(Self { to, from, heard: VecDeque::new(), failed: None })
    }

    fn take(&mut self, heard: Result<Sent>) {
        match heard {
            Ok(heard) => self.heard.push_back(heard),
            Err(error) => self.failed = Some(error),
        }
    }
}

/// What a thread panicked with, which is a fault of the program.
fn stopped(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::new(format!("A thread has stopped: {}", text.unwrap_or("it does not say why")))
        .advice("This is a fault of Oddflow; please report it")
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
        while let Ok(heard) = self.from.try_recv() {
            self.take(heard);
        }
        let (from, bytes, bulk) = self.heard.pop_front()?;
        Some(Heard { from, answer: Answered { bytes, bulk, written: None } })
    }

    fn wait(&mut self) -> Result<()> {
        if self.heard.is_empty() && self.failed.is_none() {
            let heard = self.from.recv().unwrap_or_else(|_| Err(Error::new("All threads have ended")));
            self.take(heard);
        }
        self.failed.clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stops_is_noticed() {
        let panics = || |_: &[u8], _, _| -> Answer { panic!("of no use") };
        let mut threads = Threads::start_with(2, panics).unwrap();
        threads.send(1, &[], Vec::new(), None).unwrap();
        let error = threads.wait().unwrap_err();
        assert!(error.what.contains("of no use"), "{error}");
        // It is remembered: the other threads may go on answering.
        assert!(threads.receive().is_none() && threads.wait().is_err());
    }

    #[test]
    fn a_message_of_another_build_is_an_error() {
        let mut threads = Threads::start(1).unwrap();
        threads.send(0, &[0xFF; 9], Vec::new(), None).unwrap();
        assert!(threads.wait().unwrap_err().what.contains("another build"));
    }
}
