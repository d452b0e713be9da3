//! The buffer as the daemon holds it: batches go in, outboxes take them out.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use forehearth_model::{CatalogueHash, DestinationLedger, Epoch};

use crate::destination::Destination;
use crate::health::{Health, Stats};
use crate::keeper::{Clock, Keeper, Shared, Stop, SystemClock};
use crate::outbox::Outbox;
use crate::ram::Sealed;
use crate::sqlite::SqliteStorage;
use crate::storage::{Storage, StorageError};

/// A set of destinations is one machine word.
pub(crate) const MOST_DESTINATIONS: usize = 64;

/// How the buffer keeps its promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The state directory.
    pub dir: PathBuf,
    /// Durable or delivered within this time of acquisition.
    pub commit_within: Duration,
    /// Most bytes on disk, logs included.
    pub max_size: u64,
    /// Older batches expire.
    pub max_age: Duration,
    /// Bytes of the volume that stay free.
    pub reserve: u64,
    /// Most bytes of memory for batches.
    pub memory: usize,
}

impl Settings {
    /// Memory for batches unless told otherwise. Chosen: half of what a
    /// gateway of 50,000 tags may take; several seconds of its readings.
    pub const MEMORY: usize = 24 << 20;
}

/// Why the buffer refuses to start. Everything else is survived.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Two daemons would number and publish against each other.
    #[error(
        "the state directory is in use: {0}; stop the other daemon or give this one its own --state"
    )]
    Locked(StorageError),
    /// Writing to it could destroy what the newer version stored.
    #[error("the state directory belongs to a newer version: {0}")]
    Newer(StorageError),
    /// More brokers than the buffer can keep apart.
    #[error("{0} brokers are configured, at most 64 are possible")]
    TooManyDestinations(usize),
    /// The system gave no thread.
    #[error("no thread for the buffer: {0}")]
    Thread(std::io::Error),
}

/// Dropping it without [`Self::close`] stops it like a power cut: nothing more
/// is written, and the next start finds what was committed.
pub struct Buffer {
    shared: Arc<Shared>,
    /// Taken by whoever stops it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

impl Buffer {
    /// Opens the state directory, takes over what waits in it, and starts a
    /// run. Blocks for the time that takes: a few flushes, and a few
    /// milliseconds per hundred segments. A disk that does not work is no
    /// error (see [`Self::health`]), and costs up to 2 s more.
    ///
    /// # Errors
    /// What an operator has to decide; see [`OpenError`].
    pub fn open(
        settings: Settings,
        destinations: &[impl Into<Destination> + Clone],
        catalogue: (CatalogueHash, Bytes),
    ) -> Result<Self, OpenError> {
        let storage = Box::new(SqliteStorage::new(&settings.dir));
        let buffer =
            Self::open_with(settings, destinations, catalogue, storage, Arc::new(SystemClock))?;
        buffer.let_the_epoch_pass();
        Ok(buffer)
    }

    /// An epoch that is not on disk is the second after the start. Numbers may
    /// be given only when it is over, so that a run that starts after a kill
    /// reads a later one off the clock.
    fn let_the_epoch_pass(&self) {
        let (down, epoch) = {
            let state = self.shared.lock();
            (state.is_down(), i64::from(state.stock.epoch.0))
        };
        let over = epoch.saturating_add(1).saturating_mul(1_000_000);
        let left = over.saturating_sub(self.shared.clock.wall().micros());
        // A drawn epoch, or a clock that jumps, must not delay the start.
        if let (true, Ok(left @ 1..=2_000_000)) = (down, u64::try_from(left)) {
            std::thread::sleep(Duration::from_micros(left));
        }
    }

    /// The same with another disk and clock, for tests.
    ///
    /// # Errors
    /// See [`Self::open`].
    pub fn open_with(
        settings: Settings,
        destinations: &[impl Into<Destination> + Clone],
        catalogue: (CatalogueHash, Bytes),
        storage: Box<dyn Storage>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let destinations = checked(destinations)?;
        let (keeper, shared) = Keeper::open(settings, &destinations, catalogue, storage, clock)?;
        let thread = std::thread::Builder::new()
            .name("buffer".to_owned())
            .spawn(move || keeper.run())
            .map_err(OpenError::Thread)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// This run. Batches handed to [`Self::append`] carry it.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.lock().stock.epoch
    }

    /// Takes in a batch. Numbers of one run grow by one. Never waits for the disk.
    pub fn append(&self, sealed: Sealed) {
        let due = sealed.acquired + self.shared.settings.commit_within / 2;
        let wall = self.shared.clock.wall();
        let mut state = self.shared.lock();
        state.stock.append(sealed, wall);
        if self.shared.is_crowded(&state) && !state.is_down() {
            self.shared.ring(state);
        } else {
            self.shared.ring_by(due, state);
        }
        self.shared.tell_all();
    }

    /// The map changed: these are the destinations and this is the catalogue
    /// from now on. Call it before the first batch that is sealed under the
    /// new catalogue; batches of the one before may still come. Waits neither
    /// for the disk nor for a link.
    ///
    /// A destination that stays keeps its place, its books, and its
    /// [`Outbox`]. One that is new is owed what is sealed from here on: what
    /// was before stands in its books as `filtered`. Its cursor is on disk a
    /// moment later; a kill within that moment makes it come with the next
    /// start instead. For one that is gone
    /// nothing waits any more; its `Outbox` gives nothing, and one who comes
    /// again later under the same name starts anew.
    ///
    /// # Errors
    /// When there are too many; then nothing has changed.
    pub fn reconfigure(
        &self,
        destinations: &[impl Into<Destination> + Clone],
        catalogue: (CatalogueHash, Bytes),
    ) -> Result<(), OpenError> {
        let destinations = checked(destinations)?;
        let wall = self.shared.clock.wall();
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let gone = state.stock.seat(&destinations, wall);
        state.forgotten.extend(gone);
        let ram = &state.stock.ram;
        state.catalogues.replace(catalogue, |hash| ram.needs_catalogue(hash));
        state.reseated = true;
        self.shared.ring(guard);
        Ok(())
    }

    /// The outbox of the destination at this position of the list given last;
    /// one link holds it.
    ///
    /// # Panics
    /// When there is no such destination: the wiring is wrong.
    #[must_use]
    pub fn outbox(&self, index: usize) -> Outbox {
        let seat = self.shared.lock().stock.order.get(index).copied();
        assert!(seat.is_some(), "an outbox belongs to a destination");
        Outbox::new(seat.unwrap_or_default(), Arc::clone(&self.shared))
    }

    /// The books of every destination, in the order of the list given last.
    #[must_use]
    pub fn ledger(&self) -> Vec<DestinationLedger> {
        self.shared.lock().stock.ledger()
    }

    /// Whether the disk takes what it is given.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.lock().health.clone()
    }

    /// Figures for metrics and the status page.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.shared.lock();
        let stock = &state.stock;
        Stats {
            segments: stock.shelf.iter().count() as u64,
            memory_batches: stock.ram.len() as u64,
            memory_bytes: stock.ram.bytes() as u64,
            oldest_waiting: stock.oldest(),
            gaps_waiting: stock.gaps.len() as u64,
            stray_confirmations: stock.strays,
            ..state.stats.clone()
        }
    }

    /// No destination has anything waiting: a batch closed now goes out at once.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.shared.lock().stock.is_quiet()
    }

    /// Writes everything that waits, saves the cursors, and marks the end as
    /// orderly. Blocks for the time that takes; call it from a blocking thread.
    /// What is appended afterwards stays in memory and is lost with it.
    pub fn close(&self) {
        self.stop(Stop::Orderly);
    }

    fn stop(&self, how: Stop) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let mut state = self.shared.lock();
        state.stop = Some(how);
        self.shared.ring(state);
        if thread.join().is_err() {
            tracing::error!("the buffer's thread had ended with a panic");
        }
    }
}

/// As many as can be kept apart.
fn checked(destinations: &[impl Into<Destination> + Clone]) -> Result<Vec<Destination>, OpenError> {
    if destinations.len() > MOST_DESTINATIONS {
        return Err(OpenError::TooManyDestinations(destinations.len()));
    }
    Ok(destinations.iter().cloned().map(Into::into).collect())
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.stop(Stop::AtOnce);
    }
}
