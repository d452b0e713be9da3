//! The adapter between two strangers: a broker link's outbox, served by the buffer.

use std::sync::Arc;

use bytes::Bytes;
use forehearth_buffer as buffer;
use forehearth_model::{BatchId, CatalogueHash, GapRecord};
use forehearth_publish::{Last, Outbox, Parcel, Want};

use crate::condition::Conditioner;

/// One destination's view of the buffer, in the words of `publish`.
pub struct BufferOutbox {
    inner: buffer::Outbox,
    conditioner: Arc<Conditioner>,
}

impl BufferOutbox {
    /// Serves the destination behind `inner`; births take their values from
    /// `conditioner`.
    pub const fn new(inner: buffer::Outbox, conditioner: Arc<Conditioner>) -> Self {
        Self { inner, conditioner }
    }
}

impl Outbox for BufferOutbox {
    async fn next(&mut self, want: Want) -> Parcel {
        parcel(self.inner.next(wanted(want)).await)
    }

    fn try_next(&mut self, want: Want) -> Option<Parcel> {
        self.inner.try_next(wanted(want)).map(parcel)
    }

    fn settle(&mut self, id: BatchId, filtered: u32) {
        self.inner.settle(id, filtered);
    }

    fn refuse(&mut self, id: BatchId) {
        self.inner.refuse(id);
    }

    fn return_all(&mut self) {
        self.inner.return_all();
    }

    fn backlog(&self) -> u64 {
        self.inner.backlog()
    }

    fn next_gap(&mut self) -> Option<GapRecord> {
        self.inner.next_gap()
    }

    fn settle_gap(&mut self, id: u64) {
        self.inner.settle_gap(id);
    }

    fn last_values(&self) -> Vec<Last> {
        self.conditioner.last_values(|last| Last {
            stamp: last.stamp,
            quality: last.quality,
            value: last.value.clone(),
        })
    }

    fn catalogue(&mut self, hash: CatalogueHash) -> Option<Bytes> {
        self.inner.catalogue(hash)
    }

    async fn next_bd_seq(&mut self) -> u8 {
        self.inner.next_bd_seq().await
    }
}

const fn wanted(want: Want) -> buffer::Want {
    match want {
        Want::Live => buffer::Want::Live,
        Want::Backlog => buffer::Want::Backlog,
    }
}

fn parcel(taken: buffer::Parcel) -> Parcel {
    Parcel {
        id: taken.id,
        lane: taken.lane,
        readings: taken.readings,
        bytes: taken.bytes,
        batch: taken.batch,
    }
}
