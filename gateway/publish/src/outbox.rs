//! The outbox: what a broker link takes batches from and settles them with.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use forehearth_model::{Batch, BatchId, CatalogueHash, GapRecord, Lane, Quality, Stamp, Value};

/// Which batches a link asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Sealed since the link came up; alarms before the rest.
    Live,
    /// Waiting from before, oldest first.
    Backlog,
}

/// A batch on its way to one destination.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its place in the numbering.
    pub id: BatchId,
    /// Its queue.
    pub lane: Lane,
    /// How many readings it holds, at least 1.
    pub readings: u32,
    /// `forehearth.v1.Batch`, the very bytes of the buffer.
    pub bytes: Bytes,
    /// The batch itself while it is still in memory; `None` after a restart
    /// or a long outage: decode `bytes`.
    pub batch: Option<Arc<Batch>>,
}

/// The last known state of a tag, for births.
#[derive(Clone, Debug)]
pub struct Last {
    /// When it was acquired; `None` when nothing was read yet.
    pub stamp: Option<Stamp>,
    /// How far to trust it.
    pub quality: Quality,
    /// Raw.
    pub value: Value,
}

/// One destination's view of the buffer. A link takes, sends and settles;
/// what it took and did not settle goes back when the connection dies.
/// Nothing here blocks.
pub trait Outbox: Send + 'static {
    /// The next batch, waiting for one if need be. Taken batches are out
    /// until settled or returned.
    ///
    /// Cancel safe: a dropped future takes nothing.
    fn next(&mut self, want: Want) -> impl Future<Output = Parcel> + Send;

    /// The next batch if there is one now.
    fn try_next(&mut self, want: Want) -> Option<Parcel>;

    /// The destination confirmed the batch. `filtered` of its readings were
    /// not meant for it.
    fn settle(&mut self, id: BatchId, filtered: u32);

    /// The destination refuses this batch for good: it becomes a gap record.
    fn refuse(&mut self, id: BatchId);

    /// The connection died, or a birth comes that was waited for: everything
    /// taken and not settled waits again, oldest first, and what waits now is
    /// backlog.
    fn return_all(&mut self);

    /// Batches waiting as backlog; those that are out are not among them.
    fn backlog(&self) -> u64;

    /// The next gap record this destination has not confirmed yet.
    fn next_gap(&mut self) -> Option<GapRecord>;

    /// The destination confirmed the gap record with this id.
    fn settle_gap(&mut self, id: u64);

    /// The last known state of every tag, indexed by tag id.
    fn last_values(&self) -> Vec<Last>;

    /// The encoded catalogue of an earlier plan, for batches that waited
    /// across a change of the map. `None` when it is not on disk.
    fn catalogue(&mut self, hash: CatalogueHash) -> Option<Bytes>;

    /// Takes the next birth/death sequence number (0..=255). It is on disk
    /// before this returns, so that no number serves two connections.
    fn next_bd_seq(&mut self) -> impl Future<Output = u8> + Send;
}
