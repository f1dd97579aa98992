//! One task for every chunk of a file, done by all crews there are; what they find comes in the order of the chunks, so that
//! what is made of it does not depend on how many there are or how fast they are.

use super::Engine;
use super::crew::{Answer, FileId, Finding, Message, Order, Task};
use super::places::Chunk;
use crate::error::{Error, Result};
use crate::ingest::Plan;
use crate::protocol::Bulk;
use crate::store::Store;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// Other crews, in workers or threads of their own. Programs bring theirs; each crew is a [`super::Hand`].
pub trait Pool {
    /// How many there are.
    fn n(&self) -> usize;

    /// Whether it is there by now. Messages may be sent before.
    fn is_ready(&self, at: usize) -> bool;

    /// Sends a message to one of them, with the bytes of a file beside it where it opens one.
    ///
    /// # Errors
    /// If the file cannot be shared, or the worker is gone.
    fn send(&mut self, to: usize, message: &[u8], bulk: Vec<Bulk>, store: Option<&dyn Store>) -> Result<()>;

    /// The next answer that has come.
    fn receive(&mut self) -> Option<Heard>;

    /// Blocks until an answer has come, where that can be done; otherwise the program steps the job again when one has.
    ///
    /// # Errors
    /// If one of them has ended, so that its answer will not come.
    fn wait(&mut self) -> Result<()>;
}

/// An answer of another crew, as [`super::Hand::work`] gave it.
pub struct Heard {
    pub from: usize,
    pub answer: Answered,
}

/// What a hand answers: bytes, bulk, and what it has written.
#[derive(Default)]
pub struct Answered {
    pub bytes: Vec<u8>,
    pub bulk: Vec<Bulk>,
    pub written: Option<Box<dyn Store>>,
}

/// Orders that a crew has at a time: one in hand, and the next so that it need not wait.
const AHEAD: usize = 2;

/// The crews elsewhere, and what they are busy with.
pub(super) struct Crews {
    pool: Box<dyn Pool>,
    /// Orders that each has not answered.
    load: Vec<usize>,
    /// Answers of the present sweep that have come.
    inbox: Vec<Result<Found>>,
}

impl Crews {
    pub fn new(pool: Box<dyn Pool>) -> Self {
        Self { load: vec![0; pool.n()], pool, inbox: Vec::new() }
    }

    pub fn n(&self) -> usize {
        self.load.len()
    }

    /// Tells all of them.
    pub fn tell(&mut self, message: &Message, bulk: &[Bulk], store: Option<&dyn Store>) -> Result<()> {
        let bytes = pack(message)?;
        (0..self.n()).try_for_each(|to| self.pool.send(to, &bytes, bulk.to_vec(), store))
    }

    fn order(&mut self, to: usize, order: Order, bulk: Vec<Bulk>) -> Result<()> {
        self.load[to] += 1;
        self.pool.send(to, &pack(&Message::Order(order))?, bulk, None)
    }

    /// Whether it has that many orders to do and room for one more.
    fn has_room(&self, at: usize, load: usize) -> bool {
        self.load[at] == load && self.pool.is_ready(at)
    }

    /// Takes in what has come; answers to sweeps that were given up are of no use.
    fn receive(&mut self, sweep: u32) -> Result<()> {
        while let Some(Heard { from, answer: Answered { bytes, bulk, written } }) = self.pool.receive() {
            if let Some(load) = self.load.get_mut(from) {
                *load = load.saturating_sub(1);
            }
            let answer: Answer =
                postcard::from_bytes(&bytes).map_err(|_| Error::new("A worker's answer cannot be read"))?;
            if answer.sweep == sweep {
                let (number, by) = (answer.number, from as Owner + 1);
                self.inbox.push(answer.finding.map(|finding| Found { number, by, finding, bulk, written }));
            }
        }
        Ok(())
    }

    pub fn wait(&mut self) -> Result<()> {
        self.pool.wait()
    }
}

fn pack(message: &Message) -> Result<Vec<u8>> {
    postcard::to_stdvec(message).map_err(|_| Error::new("A message to a worker cannot be packed"))
}

/// How far a step has come.
pub(super) enum Swept {
    /// Something was done, and there is more.
    Working,
    /// Nothing can be done before another crew answers, or bytes have come.
    Waiting,
    /// The next chunk's finding.
    Found(Found),
    Done,
}

/// Who has read a chunk, and has its columns if there was room: 0 the engine's own crew, else the number of another, from 1.
pub(super) type Owner = u32;

/// What there is to do with a chunk, once its columns are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Far less than to read it: only its owner does it.
    Little,
    /// More than that: a crew with nothing to do takes over what others have not come to.
    Much,
}

/// Chunks that a crew must have left before another takes one of them over.
const WORTH_TAKING: usize = 2;
/// Chunks for each crew beyond the next one to be handed over that are given out: what is found of them waits in memory for those
/// before.
const MOST_AHEAD: usize = 8;

/// Chunks in a row that a crew is to have at most, of those that nobody has read: a browser reads on much faster than it begins to.
/// There are fewer of them towards the end, so that all crews come to it together.
const MOST_IN_A_ROW: usize = 8;
/// The same of all crews together, unless that is less than two for each: what is found waits for the rows before.
const MOST_IN_ROWS: usize = 16;

/// See above.
pub(super) struct Sweep {
    id: u32,
    file: FileId,
    chunks: Rc<[Chunk]>,
    /// Of each chunk; empty where nobody has read any.
    owners: Rc<[Owner]>,
    effort: Effort,
    /// Chunks beyond the next one to be handed over that may be given out.
    ahead: usize,
    /// Where nobody has read any: those that each crew has for itself, by its number, and the first one that none has.
    rows: Vec<Range<usize>>,
    unclaimed: usize,
    /// The own crew's next order, whose bytes are on their way.
    own: Option<(Order, Vec<Bulk>)>,
    /// Chunks that have been given out.
    given: Vec<bool>,
    /// All before this one have been.
    first_left: usize,
    /// Chunks whose findings have been handed over.
    taken: u32,
    found: BTreeMap<u32, Found>,
}

/// A chunk's finding, and whose it is.
pub(super) struct Found {
    pub number: u32,
    pub by: Owner,
    pub finding: Finding,
    pub bulk: Vec<Bulk>,
    pub written: Option<Box<dyn Store>>,
}

impl Sweep {
    pub fn new(engine: &mut Engine, file: FileId, chunks: Rc<[Chunk]>, owners: Rc<[Owner]>, effort: Effort) -> Self {
        engine.last_sweep += 1;
        if let Some(crews) = &mut engine.crews {
            crews.inbox.clear();
        }
        let n_crews = 1 + engine.crews.as_ref().map_or(0, Crews::n);
        Self {
            id: engine.last_sweep,
            file,
            given: vec![false; chunks.len()],
            chunks,
            owners,
            effort,
            ahead: MOST_AHEAD * n_crews,
            rows: vec![0..0; n_crews],
            unclaimed: 0,
            own: None,
            first_left: 0,
            taken: 0,
            found: BTreeMap::new(),
        }
    }

    /// Of how many chunks the findings have been handed over, and how many there are.
    pub fn done(&self) -> (u64, u64) {
        (u64::from(self.taken), self.chunks.len() as u64)
    }

    /// Hands over the next finding, or else does a bounded part of the work. `task` says what is to be done with a chunk,
    /// and gives the bulk for it.
    pub fn step(
        &mut self,
        engine: &mut Engine,
        mut task: impl FnMut(u32, &Chunk) -> (Task, Vec<Bulk>),
    ) -> Result<Swept> {
        if let Some(crews) = &mut engine.crews {
            crews.receive(self.id)?;
            for found in std::mem::take(&mut crews.inbox) {
                self.hear(found?);
            }
            for load in 0..AHEAD {
                for to in 0..crews.n() {
                    if crews.has_room(to, load)
                        && let Some((order, bulk)) = self.next(to as Owner + 1, &mut task)
                    {
                        crews.order(to, order, bulk)?;
                    }
                }
            }
        }
        if let Some(found) = self.found.remove(&self.taken) {
            self.taken += 1;
            return Ok(Swept::Found(found));
        }
        if let Some((order, bulk)) = self.own.take().or_else(|| self.next(OWN, &mut task)) {
            if !engine.crew.is_near(&order) {
                self.own = Some((order, bulk));
                return Ok(Swept::Waiting);
            }
            let (finding, bulk) = engine.crew.perform(&order, &bulk)?;
            self.hear(Found { number: order.number, by: OWN, finding, bulk, written: None });
            return Ok(Swept::Working);
        }
        Ok(if (self.taken as usize) < self.chunks.len() { Swept::Waiting } else { Swept::Done })
    }

    /// Takes in an answer; or, if the crew is not done with the chunk, leaves the chunk to be given out again.
    fn hear(&mut self, found: Found) {
        if matches!(found.finding, Finding::Again) {
            self.given[found.number as usize] = false;
            self.first_left = self.first_left.min(found.number as usize);
        } else {
            self.found.insert(found.number, found);
        }
    }

    /// The next order for a crew.
    fn next(
        &mut self,
        who: Owner,
        task: &mut impl FnMut(u32, &Chunk) -> (Task, Vec<Bulk>),
    ) -> Option<(Order, Vec<Bulk>)> {
        while *self.given.get(self.first_left)? {
            self.first_left += 1;
        }
        let at = if self.owners.is_empty() { self.next_unread(who) } else { self.next_read(who) }?;
        self.given[at] = true;
        let (number, chunk) = (at as u32, self.chunks[at]);
        let (task, bulk) = task(number, &chunk);
        let until = self.chunks[self.last_in_row(at, who)].end;
        Some((Order { sweep: self.id, file: self.file, number, chunk, until, task }, bulk))
    }

    /// The last chunk that may be given out.
    fn farthest(&self) -> usize {
        (self.taken as usize + self.ahead).min(self.chunks.len() - 1)
    }

    /// Of chunks that nobody has read: the next of the row that the crew has, or the first of a new one.
    fn next_unread(&mut self, who: Owner) -> Option<usize> {
        let row = &self.rows[who as usize];
        if let Some(at) = row.clone().find(|&at| !self.given[at]) {
            return (at <= self.farthest()).then_some(at);
        }
        let left = self.chunks.len() - self.unclaimed;
        if left == 0 {
            // The last of somebody's that has not come to it.
            let left_of = |row: &Range<usize>| row.clone().filter(|&at| !self.given[at]).collect::<Vec<_>>();
            let longest = self.rows.iter().map(left_of).max_by_key(Vec::len);
            return longest.filter(|left| left.len() >= WORTH_TAKING).and_then(|left| left.last().copied());
        }
        if self.unclaimed > self.farthest() {
            return None;
        }
        let n_crews = self.rows.len();
        let most = (MOST_IN_ROWS / n_crews).clamp(2, MOST_IN_A_ROW);
        let n = (left / (2 * n_crews)).clamp(1, most);
        let first = self.unclaimed;
        self.unclaimed += n;
        self.rows[who as usize] = first..self.unclaimed;
        Some(first)
    }

    /// Of chunks that crews have read: the next one that it owns, or else one of others, if that is worth while.
    fn next_read(&self, who: Owner) -> Option<usize> {
        let left = || (self.first_left..self.chunks.len()).filter(|&at| !self.given[at]);
        let near = || left().take_while(|&at| at <= self.farthest());
        let is_worth =
            |at: &usize| left().filter(|&other| self.owners[other] == self.owners[*at]).count() >= WORTH_TAKING;
        let of_others = || near().find(is_worth).filter(|_| self.effort == Effort::Much);
        near().find(|&at| self.owners[at] == who).or_else(of_others)
    }

    /// The last chunk of those that a crew will be given one after the other, from this one on.
    fn last_in_row(&self, at: usize, who: Owner) -> usize {
        let next = match self.owners.get(at) {
            None if !self.rows[who as usize].contains(&at) => return at,
            None => at + 1..self.rows[who as usize].end,
            Some(_) => at + 1..self.chunks.len().min(at + MOST_IN_A_ROW),
        };
        next.take_while(|&next| self.owners.get(next) == self.owners.get(at)).last().unwrap_or(at)
    }
}

/// The engine's own crew.
const OWN: Owner = 0;

impl Engine {
    /// Opens a file in every crew.
    pub(super) fn open_everywhere(&mut self, store: &Rc<dyn Store>, plan: &Rc<Plan>) -> Result<FileId> {
        // Jobs that were given up have left theirs behind.
        let used = [&self.dataset, &self.reference].map(|dataset| dataset.as_ref().map(|dataset| dataset.file));
        for stray in self.crew.files().filter(|file| !used.contains(&Some(*file))).collect::<Vec<_>>() {
            self.close_everywhere(stray);
        }
        self.last_file += 1;
        let file = self.last_file;
        self.crew.open(file, store.clone(), plan.clone());
        if let Some(crews) = &mut self.crews {
            crews.tell(&Message::Open { file, plan: (**plan).clone() }, &[], Some(&**store))?;
        }
        Ok(file)
    }

    pub(super) fn close_everywhere(&mut self, file: FileId) {
        self.crew.close(file);
        if let Some(crews) = &mut self.crews {
            // A worker that is gone has nothing open.
            let _ = crews.tell(&Message::Close { file }, &[], None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Start;
    use crate::rng::Rng;

    /// A sweep over chunks that nobody has read, by so many crews, whose answers come in any order.
    fn check(n_chunks: u64, n_crews: usize, rng: &mut Rng) {
        let chunk = |at| Chunk { start: Start::at(at), end: at + 1, first_row: 0, n_rows: 0, first_line: 0 };
        let chunks: Rc<[Chunk]> = (0..n_chunks).map(chunk).collect();
        let mut sweep = Sweep::new(&mut Engine::new(|| Box::new(Vec::new())), 1, chunks, [].into(), Effort::Much);
        (sweep.rows, sweep.ahead) = (vec![0..0; n_crews], MOST_AHEAD * n_crews);
        let mut task = |_, _: &_| (Task::Score, Vec::new());
        let (mut under_way, mut last) = (Vec::new(), vec![u64::MAX; n_crews]);
        let (mut in_a_row, mut orders) = (0, 0);
        while u64::from(sweep.taken) < n_chunks {
            // Now and then all of them wait for the same answer.
            let mut given = 0;
            for (who, last) in last.iter_mut().enumerate() {
                if under_way.len() > 1 && rng.below(2) == 0 {
                    continue;
                }
                let Some((order, _)) = sweep.next(who as Owner, &mut task) else { continue };
                let at = u64::from(order.number);
                assert!(at < order.until && order.until <= n_chunks);
                assert!(at <= u64::from(sweep.taken) + sweep.ahead as u64);
                in_a_row += u64::from(last.wrapping_add(1) == at);
                *last = at;
                (given, orders) = (given + 1, orders + 1);
                under_way.push(order.number);
            }
            assert!(given > 0 || !under_way.is_empty(), "nobody can go on after {} of {n_chunks}", sweep.taken);
            let number = under_way.swap_remove(rng.below(under_way.len() as u32) as usize);
            sweep.hear(Found { number, by: OWN, finding: Finding::Scored, bulk: Vec::new(), written: None });
            while sweep.found.remove(&sweep.taken).is_some() {
                sweep.taken += 1;
            }
        }
        assert_eq!(orders, n_chunks, "each is given out once");
        assert!(n_chunks < 100 || in_a_row > n_chunks / 8, "{in_a_row} of {n_chunks} follow the one before");
    }

    #[test]
    fn chunks_are_given_out_in_rows_and_all_of_them() {
        let mut rng = Rng::new(51);
        for n_crews in [1, 2, 3, 8, 16] {
            for n_chunks in [1, 2, 7, 40, 100, 300] {
                (0..10).for_each(|_| check(n_chunks, n_crews, &mut rng));
            }
        }
    }
}
