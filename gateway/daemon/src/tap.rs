//! The tap: whoever watches the gateway is shown the readings on their way, and never slows them down.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forehearth_model::{Batch, Catalogue};
use tokio::sync::mpsc;

/// Batches that wait for one watcher. Chosen: some seconds of a busy plant;
/// who reads more slowly than that can't watch it anyway.
const WAITING: usize = 64;

/// Watchers at once. Chosen: as many as people look at one box.
const WATCHERS: usize = 8;

/// A batch that was sealed, with what its numbers mean.
pub type Shown = (Arc<Batch>, Arc<Catalogue>);

/// Where readings can be watched. Without a watcher a batch costs one load.
#[derive(Debug, Default)]
pub struct Tap {
    count: AtomicUsize,
    watchers: Mutex<Vec<Watcher>>,
}

#[derive(Debug)]
struct Watcher {
    out: mpsc::Sender<Shown>,
    missed: Arc<AtomicU64>,
}

/// The end of the tap that a watcher holds.
#[derive(Debug)]
pub struct Watching {
    batches: mpsc::Receiver<Shown>,
    missed: Arc<AtomicU64>,
}

impl Tap {
    /// Begins to watch; `None` when too many do.
    pub fn watch(&self) -> Option<Watching> {
        let mut watchers = self.lock();
        watchers.retain(|watcher| !watcher.out.is_closed());
        if watchers.len() >= WATCHERS {
            return None;
        }
        let (out, batches) = mpsc::channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        watchers.push(Watcher { out, missed: Arc::clone(&missed) });
        self.count.store(watchers.len(), Ordering::Relaxed);
        Some(Watching { batches, missed })
    }

    /// Shows a batch to all who watch. Never waits: who has no room misses it,
    /// and is told how much.
    pub fn pass(&self, batch: &Arc<Batch>, catalogue: &Arc<Catalogue>) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut watchers = self.lock();
        watchers.retain(|watcher| {
            match watcher.out.try_send((Arc::clone(batch), Arc::clone(catalogue))) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    watcher.missed.fetch_add(batch.readings.len() as u64, Ordering::Relaxed);
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            }
        });
        self.count.store(watchers.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watcher>> {
        // A list of channels is whole after each change.
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// The next batch; `None` when the gateway ends. Cancel safe.
    pub async fn next(&mut self) -> Option<Shown> {
        self.batches.recv().await
    }

    /// Readings missed since it was asked last, whatever the filter.
    pub fn missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Tap, WAITING, WATCHERS};
    use forehearth_model::{
        Batch, BatchId, BootId, Catalogue, CatalogueHash, ClockState, DeviceId, Epoch, Lane,
        Quality, Reading, Run, Stamp, TagId, Value,
    };
    use std::sync::Arc;

    fn batch() -> Arc<Batch> {
        let reading = Reading { tag: TagId(0), quality: Quality::Good, value: Value::Int(1) };
        Arc::new(Batch {
            id: BatchId::new(Epoch(1), 1),
            lane: Lane::Live,
            catalogue: CatalogueHash(1),
            boot: BootId(1),
            clock: ClockState::Synced,
            runs: vec![Run { device: DeviceId(0), stamp: Stamp(1), len: 1 }],
            readings: vec![reading],
        })
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_what_it_missed_and_holds_nobody_up() {
        let (tap, catalogue) = (Tap::default(), Arc::new(Catalogue::default()));
        tap.pass(&batch(), &catalogue);
        let mut slow = tap.watch().unwrap();
        for _ in 0..WAITING + 3 {
            tap.pass(&batch(), &catalogue);
        }
        assert_eq!((slow.missed(), slow.missed()), (3, 0));
        assert!(slow.next().await.is_some());
    }

    #[test]
    fn watchers_are_bounded_and_who_leaves_makes_room() {
        let tap = Tap::default();
        let mut watching: Vec<_> = (0..WATCHERS).map(|_| tap.watch().unwrap()).collect();
        assert!(tap.watch().is_none());
        watching.pop();
        assert!(tap.watch().is_some());
    }
}
