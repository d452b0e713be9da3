//! The keeper: the one thread that owns the disk and does for the stock what has to be done.
//!
//! Each turn looks at what is due, does it without holding the lock, and tells
//! the stock. When the disk fails, the keeper goes down, answers from memory,
//! and tries to open everything anew until it succeeds; a file that failed is
//! never written again.

pub(crate) mod adopt;
mod commit;
#[cfg(test)]
mod model;
pub(crate) mod replay;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forehearth_model::{CatalogueHash, Stamp};
use tokio::sync::{Notify, oneshot};

use crate::buffer::{MOST_DESTINATIONS, Settings};
use crate::catalogues::{Catalogue, Catalogues};
use crate::health::{Health, Stats, StorageState};
use crate::retention::Retention;
use crate::stock::Stock;
use crate::storage::{Bookmark, RunMark, Save, Storage, StorageError};

/// How often a moved cursor is saved while something is on disk. A crash
/// repeats at most this much. Chosen: seconds of repeats cost nothing, a
/// flush per second costs flash.
const SAVE_WITHIN: Duration = Duration::from_secs(2);

/// The same while nothing is on disk, so that nothing can be repeated; it
/// only narrows the range a crash declares.
const SAVE_IDLE: Duration = Duration::from_secs(30);

/// Gap records are saved this soon: they are sent only after that.
const SAVE_GAPS: Duration = Duration::from_millis(250);

/// How often age and budget are looked at when nothing is written.
const RETENTION_TICK: Duration = Duration::from_secs(5);

/// How soon and how late a failed disk is tried again ("recovers within 5 s").
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(4);

/// Time, as the buffer sees it.
pub trait Clock: Send + Sync {
    /// For waiting.
    fn now(&self) -> Instant;
    /// For telling.
    fn wall(&self) -> Stamp;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Stamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Stamp(since.ok().and_then(|d| i64::try_from(d.as_micros()).ok()).unwrap_or_default())
    }
}

/// How the daemon lets go of the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// Write everything that waits, and that the end was orderly.
    Orderly,
    /// Write nothing, as if the power had failed.
    AtOnce,
}

/// Behind the lock: held only for moments, never across I/O or await.
pub(crate) struct State {
    pub(crate) stock: Stock,
    pub(crate) health: Health,
    pub(crate) stats: Stats,
    /// Who waits for a birth/death sequence number: seat and tenancy.
    pub(crate) bd_seq: Vec<(usize, u64, oneshot::Sender<u8>)>,
    pub(crate) catalogues: Catalogues,
    /// A destination came: its cursor has to be on disk before its first batch is.
    pub(crate) reseated: bool,
    /// Destinations that are gone, for the next save.
    pub(crate) forgotten: Vec<String>,
    pub(crate) stop: Option<Stop>,
    /// The keeper should look.
    rung: bool,
    /// The keeper looks by itself at this time.
    looks_at: Option<Instant>,
}

impl State {
    pub(crate) fn new(stock: Stock, catalogue: Catalogue) -> Self {
        Self {
            stock,
            health: Health { storage: StorageState::Up, troubles: 0 },
            stats: Stats::default(),
            bd_seq: Vec::new(),
            catalogues: Catalogues::new(catalogue),
            reseated: false,
            forgotten: Vec::new(),
            stop: None,
            rung: false,
            looks_at: None,
        }
    }

    /// Storage takes nothing at the moment.
    pub(crate) fn is_down(&self) -> bool {
        self.health.storage != StorageState::Up
    }
}

/// What the keeper, the outboxes and the buffer's handle share.
pub(crate) struct Shared {
    state: Mutex<State>,
    bell: Condvar,
    /// Per seat: something may be there to take. There are
    /// as many as there may be destinations, so that none has to be moved.
    pub(crate) news: Vec<Notify>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
}

impl Shared {
    pub(crate) fn new(state: State, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let news = (0..MOST_DESTINATIONS).map(|_| Notify::new()).collect();
        Self { state: Mutex::new(state), bell: Condvar::new(), news, clock, settings }
    }

    /// A panic under the lock is a defect of ours; the others go on with what is there.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the keeper to look now.
    pub(crate) fn ring(&self, mut state: MutexGuard<'_, State>) {
        if !state.rung {
            state.rung = true;
            drop(state);
            self.bell.notify_one();
        }
    }

    /// Asks the keeper to look by `when`, if it would not anyway.
    pub(crate) fn ring_by(&self, when: Instant, state: MutexGuard<'_, State>) {
        if state.looks_at.is_none_or(|looks_at| when < looks_at) {
            self.ring(state);
        }
    }

    /// What waits for the disk takes a good part of the memory.
    pub(crate) fn is_crowded(&self, state: &State) -> bool {
        state.stock.ram.unwritten_bytes() > self.settings.memory / 4
    }

    pub(crate) fn tell_all(&self) {
        self.news.iter().for_each(Notify::notify_waiters);
    }
}

/// The segment being written to in a lane.
#[derive(Clone, Copy, Debug)]
struct Current {
    seq: u64,
    started: Instant,
    /// What all its batches are read with.
    catalogue: CatalogueHash,
}

/// Whether the disk works.
#[derive(Debug)]
enum Mode {
    Up,
    Down { retry_at: Instant, pause: Duration },
}

/// See the module's first line.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    storage: Box<dyn Storage>,
    mode: Mode,
    retention: Retention,
    current: [Option<Current>; 2],
    next_seq: u64,
    /// Segments of this run, failed ones included.
    created: BTreeSet<u64>,
    /// The control database was read in this run.
    adopted: bool,
    /// For the next save: segments that are gone.
    unlisted: Vec<u64>,
    saved_at: Instant,
    looked_at: Instant,
    /// How long a commit takes, remembered with decay.
    flush: Duration,
    done: bool,
    /// A segment that failed to be read, and then everything was opened anew.
    suspect: Option<u64>,
}

impl Keeper {
    /// The thread: turn after turn until stopped.
    pub(crate) fn run(mut self) {
        loop {
            let next = self.turn();
            if self.done {
                return;
            }
            let mut state = self.shared.lock();
            state.looks_at = Some(next);
            while !state.rung {
                let now = self.shared.clock.now();
                if now >= next {
                    break;
                }
                let waited = self.shared.bell.wait_timeout(state, next - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.rung = false;
            state.looks_at = None;
        }
    }

    /// Does what is due and tells when to look again.
    pub(crate) fn turn(&mut self) -> Instant {
        let stop = {
            let mut state = self.shared.lock();
            state.stats.turns += 1;
            state.stop
        };
        if stop == Some(Stop::AtOnce) {
            self.done = true;
            return self.shared.clock.now();
        }
        if let Mode::Down { retry_at, pause } = self.mode
            && (self.shared.clock.now() >= retry_at || stop.is_some())
        {
            self.retry(pause);
        }
        if matches!(self.mode, Mode::Up) {
            let worked = match stop {
                Some(_) => self.finish(),
                None => self.work(),
            };
            match worked {
                Ok(next) => return next,
                Err(error) => self.go_down(&error, RETRY_FIRST),
            }
        }
        self.done |= stop.is_some();
        self.answer_from_memory();
        match self.mode {
            Mode::Down { retry_at, .. } => retry_at,
            Mode::Up => self.shared.clock.now(),
        }
    }

    /// One round with a working disk.
    fn work(&mut self) -> Result<Instant, StorageError> {
        self.answer_bd_seq()?;
        self.commit_if_due()?;
        let read = self.read_backlog()?;
        self.look_after_disk()?;
        self.save_if_due()?;
        self.publish_stats();
        let now = self.shared.clock.now();
        if read {
            return Ok(now);
        }
        let state = self.shared.lock();
        let due = state.stock.ram.due(self.shared.settings.commit_within);
        let due = due.map(|due| due.checked_sub(self.margin()).unwrap_or(now));
        let tick = self.looked_at + RETENTION_TICK;
        let save = self.save_due(&state);
        Ok([due, Some(tick), save].into_iter().flatten().min().unwrap_or(tick))
    }

    /// The last round: everything that waits is written.
    fn finish(&mut self) -> Result<Instant, StorageError> {
        // A full disk makes room segment by segment; there are only so many.
        while self.shared.lock().stock.ram.due(Duration::ZERO).is_some() {
            self.commit()?;
        }
        for lane in 0..2 {
            self.seal(lane)?;
        }
        self.release()?;
        self.save(true)?;
        self.publish_stats();
        self.done = true;
        Ok(self.shared.clock.now())
    }

    /// The disk failed: nothing it said lately is believed.
    fn go_down(&mut self, error: &StorageError, pause: Duration) {
        let now = self.shared.clock.now();
        for current in self.current.iter_mut().filter_map(Option::take) {
            self.storage.abandon(current.seq);
        }
        self.mode = Mode::Down { retry_at: now + pause, pause };
        let mut state = self.shared.lock();
        let since = match state.health.storage {
            StorageState::Down { since, .. } => since,
            StorageState::Up => {
                tracing::error!(code = error.code.name(), %error, "the buffer keeps to memory");
                state.health.troubles += 1;
                now
            }
        };
        let (code, detail) = (error.code, error.detail.clone());
        state.health.storage = StorageState::Down { code, detail, since };
        state.stock.shelf.close_all();
        state.stock.claims.iter_mut().for_each(|claim| claim.moved = true);
    }

    /// Opens everything anew.
    fn retry(&mut self, pause: Duration) {
        let opened = self.storage.open().and_then(|found| self.adopt(&found));
        let opened = opened.and_then(|()| self.save(false));
        match opened {
            Ok(()) => {
                self.mode = Mode::Up;
                let mut state = self.shared.lock();
                state.health.storage = StorageState::Up;
                drop(state);
                tracing::info!("the disk works again");
                self.shared.tell_all();
            }
            Err(error) => self.go_down(&error, (pause * 2).min(RETRY_LAST)),
        }
    }

    /// Takes a sequence number and saves its successor before handing it out.
    fn answer_bd_seq(&mut self) -> Result<(), StorageError> {
        let asked = std::mem::take(&mut self.shared.lock().bd_seq);
        if asked.is_empty() {
            return Ok(());
        }
        let answers = self.number(asked);
        let saved = self.save(false);
        // On failure they go out all the same: a connection without a number
        // cannot be made, and two with the same one are told apart by time.
        for (answer, seq) in answers {
            let _gone = answer.send(seq);
        }
        saved
    }

    fn answer_from_memory(&mut self) {
        let asked = std::mem::take(&mut self.shared.lock().bd_seq);
        for (answer, seq) in self.number(asked) {
            let _gone = answer.send(seq);
        }
    }

    fn number(
        &mut self,
        asked: Vec<(usize, u64, oneshot::Sender<u8>)>,
    ) -> Vec<(oneshot::Sender<u8>, u8)> {
        let mut state = self.shared.lock();
        let mut number = |(seat, tenancy, answer): (usize, u64, _)| {
            let claim = &mut state.stock.claims[seat];
            let seq = claim.bd_seq;
            // Who asked may be gone meanwhile.
            if claim.tenancy == tenancy {
                claim.bd_seq = seq.wrapping_add(1);
                claim.moved = true;
            }
            (answer, seq)
        };
        asked.into_iter().map(&mut number).collect()
    }

    fn forget_current(&mut self, seq: u64) {
        for current in self.current.iter_mut().filter(|c| c.is_some_and(|c| c.seq == seq)) {
            *current = None;
        }
    }

    /// When the next save is due.
    fn save_due(&self, state: &State) -> Option<Instant> {
        if state.reseated {
            return Some(self.saved_at);
        }
        let stock = &state.stock;
        let gaps = stock.gaps.is_unsaved().then_some(SAVE_GAPS);
        let moved = !state.forgotten.is_empty()
            || stock.claims.iter().any(|claim| claim.is_occupied() && claim.moved);
        let on_disk = stock.shelf.iter().next().is_some();
        let cursors = moved.then_some(if on_disk { SAVE_WITHIN } else { SAVE_IDLE });
        [gaps, cursors].into_iter().flatten().min().map(|within| self.saved_at + within)
    }

    fn save_if_due(&mut self) -> Result<(), StorageError> {
        let due = self.save_due(&self.shared.lock());
        if due.is_none_or(|due| self.shared.clock.now() < due) {
            return Ok(());
        }
        self.save(false)?;
        self.release()
    }

    /// Saves everything that changed in the control database.
    fn save(&mut self, clean: bool) -> Result<(), StorageError> {
        let save = self.snapshot(clean);
        let saved = self.storage.save(&save);
        self.saved_at = self.shared.clock.now();
        let mut state = self.shared.lock();
        if let Err(error) = saved {
            state.stock.claims.iter_mut().for_each(|claim| claim.moved = true);
            state.reseated = true;
            return Err(error);
        }
        state.stock.gaps.saved(&save.gaps, &save.settled_gaps);
        state.forgotten.retain(|name| !save.forgotten.contains(name));
        self.unlisted.retain(|seq| !save.unlisted.contains(seq));
        Ok(())
    }

    fn snapshot(&self, clean: bool) -> Save {
        let mut state = self.shared.lock();
        state.reseated = false;
        let stock = &mut state.stock;
        let (epoch, safe_to) = (stock.epoch, stock.ram.safe_to());
        let oldest = stock.shelf.iter().map(|s| s.segment.epoch).min().unwrap_or(epoch).min(epoch);
        let mut bookmarks = Vec::new();
        for claim in stock.claims.iter_mut().filter(|claim| claim.is_occupied()) {
            if std::mem::take(&mut claim.moved) {
                claim.cursor.forget_before(oldest);
                let (name, cursor) = (claim.books.name.clone(), claim.cursor.encode());
                bookmarks.push(Bookmark { name, cursor, bd_seq: claim.bd_seq });
            }
        }
        let (gaps, settled_gaps) = stock.gaps.unsaved();
        let run = RunMark { epoch, clean, safe_to };
        let (forgotten, unlisted) = (state.forgotten.clone(), self.unlisted.clone());
        Save { run, bookmarks, forgotten, gaps, settled_gaps, unlisted }
    }

    fn publish_stats(&mut self) {
        let wear = self.storage.wear();
        let mut state = self.shared.lock();
        state.stats.wear = wear;
    }
}
