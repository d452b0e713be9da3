//! One destination's view of the buffer, for the link that serves it.

use std::fmt;
use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use forehearth_model::{BatchId, CatalogueHash, GapRecord};
use tokio::sync::oneshot;

use crate::claim::{Parcel, Want};
use crate::keeper::{Shared, State};

/// A link takes, sends and settles; what it took and did not settle goes back
/// when the connection dies. Nothing here blocks but for moments.
///
/// The first batch taken after [`Self::return_all`] (or after the start)
/// begins a connection: what waits at that moment is backlog, what is sealed
/// afterwards is live.
///
/// When the destination is taken away (see [`Buffer::reconfigure`]) nothing
/// comes any more, and what is settled afterwards is nobody's.
///
/// [`Buffer::reconfigure`]: crate::Buffer::reconfigure
pub struct Outbox {
    seat: usize,
    tenancy: u64,
    shared: Arc<Shared>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("seat", &self.seat).finish_non_exhaustive()
    }
}

impl Outbox {
    /// For the destination that has this seat now.
    pub(crate) fn new(seat: usize, shared: Arc<Shared>) -> Self {
        let tenancy = shared.lock().stock.claims[seat].tenancy;
        Self { seat, tenancy, shared }
    }

    /// The lock, as long as the seat is still this destination's.
    fn ours(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.shared.lock();
        (state.stock.claims[self.seat].tenancy == self.tenancy).then_some(state)
    }

    /// The next batch, waiting for one if need be. Taken batches are out
    /// until settled or returned.
    ///
    /// Cancel safe: a dropped future takes nothing.
    pub async fn next(&mut self, want: Want) -> Parcel {
        let shared = Arc::clone(&self.shared);
        loop {
            let news = shared.news[self.seat].notified();
            tokio::pin!(news);
            // From here on no news is missed, even what comes before the await.
            news.as_mut().enable();
            if let Some(parcel) = self.try_next(want) {
                return parcel;
            }
            news.await;
        }
    }

    /// The next batch if there is one in memory now. Backlog that has to be
    /// read from disk first is asked for and there a moment later.
    pub fn try_next(&mut self, want: Want) -> Option<Parcel> {
        let mut state = self.ours()?;
        let parcel = state.stock.take(self.seat, want);
        let thirsty = want == Want::Backlog && state.stock.next_load(self.seat).is_some();
        if thirsty && !state.is_down() {
            self.shared.ring(state);
        }
        parcel
    }

    /// The destination confirmed the batch. `filtered` of its readings were
    /// not meant for it.
    pub fn settle(&mut self, id: BatchId, filtered: u32) {
        if let Some(mut state) = self.ours() {
            state.stock.settle(self.seat, id, filtered);
        }
    }

    /// The destination refuses this batch for good: it becomes a gap record.
    pub fn refuse(&mut self, id: BatchId) {
        let wall = self.shared.clock.wall();
        if let Some(mut state) = self.ours() {
            state.stock.refuse(self.seat, id, wall);
            self.shared.ring(state);
        }
    }

    /// The connection died: everything taken and not settled waits again,
    /// oldest first, and what waits now is backlog.
    pub fn return_all(&mut self) {
        if let Some(mut state) = self.ours() {
            state.stock.return_all(self.seat);
        }
    }

    /// Batches waiting as backlog.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.ours().map_or(0, |state| state.stock.claims[self.seat].backlog())
    }

    /// The next gap record this destination has not confirmed yet.
    pub fn next_gap(&mut self) -> Option<GapRecord> {
        let mut state = self.ours()?;
        let down = state.is_down();
        state.stock.gaps.next(self.seat, down)
    }

    /// The destination confirmed the gap record with this id.
    pub fn settle_gap(&mut self, id: u64) {
        if let Some(mut state) = self.ours() {
            state.stock.gaps.settle(self.seat, id);
        }
    }

    /// The encoded catalogue of an earlier plan, for batches that waited
    /// across a change of the map. It is there with the first batch that
    /// needs it, and for a while longer.
    #[must_use]
    pub fn catalogue(&self, hash: CatalogueHash) -> Option<Bytes> {
        self.shared.lock().catalogues.get(hash)
    }

    /// Takes the next birth/death sequence number (0..=255). It is on disk
    /// before this returns, so that no number serves two connections; while
    /// the disk is down it comes from memory.
    ///
    /// Cancel safe in that a number that nobody fetched is skipped.
    pub async fn next_bd_seq(&mut self) -> u8 {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            state.bd_seq.push((self.seat, self.tenancy, answer));
            self.shared.ring(state);
        }
        // The keeper is gone only after close: then no connection follows.
        answered.await.unwrap_or_default()
    }
}
