//! The conditioning task: scans of all links in, numbered and encoded batches into the buffer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use forehearth_buffer::Buffer;
use forehearth_config::Plan;
use forehearth_model::Ledger;
use forehearth_pipeline::{Destinations, LastKnown, Pipeline, Settings};
use forehearth_source::Polled;
use forehearth_telemetry::native::{Compression, Encoder};
use tokio::sync::mpsc;

use crate::{clock, stages};

/// The pipeline together with the place its batches go to. Whoever holds the
/// lock sees books that balance: a batch is sealed and appended in one go.
pub struct Conditioner {
    inner: Mutex<Inner>,
    buffer: Arc<Buffer>,
}

struct Inner {
    pipeline: Pipeline,
    encoder: Encoder,
    gateway: String,
}

impl Conditioner {
    /// A conditioner for the tags of `plan`.
    pub fn new(plan: &Plan, settings: &Settings, buffer: Arc<Buffer>) -> Self {
        let mut pipeline = Pipeline::new(stages::rules(plan), settings, Instant::now());
        pipeline.stage(stages::stages(plan));
        let inner = Inner {
            pipeline,
            encoder: Encoder::new(Compression::WhenItPays),
            gateway: plan.gateway.id.clone(),
        };
        Self { inner: Mutex::new(inner), buffer }
    }

    /// Runs until every poller has dropped its sender, then seals what is open.
    ///
    /// Not cancel safe: scans in the channel would be lost.
    pub async fn run(&self, mut scans: mpsc::Receiver<Polled>) {
        let mut clock = clock::Watch::new();
        loop {
            let deadline = self.lock().pipeline.deadline(self.destinations());
            let next = async {
                match deadline {
                    Some(at) => tokio::time::timeout_at(at.into(), scans.recv()).await.ok(),
                    None => Some(scans.recv().await),
                }
            };
            let received = next.await;
            let mut inner = self.lock();
            let now = Instant::now();
            if let Some(state) = clock.changed(now) {
                inner.pipeline.set_clock(state, now);
            }
            match received {
                Some(Some(first)) => self.take_all(&mut inner, first, &mut scans),
                Some(None) => {
                    inner.pipeline.flush(now);
                    self.pass_on(&mut inner, now);
                    return;
                }
                None => {}
            }
            self.pass_on(&mut inner, Instant::now());
        }
    }

    /// Everything that waits in the channel, in one go: fewer wake-ups and
    /// fuller batches when the gateway is busy.
    fn take_all(&self, inner: &mut Inner, first: Polled, queue: &mut mpsc::Receiver<Polled>) {
        let mut next = Some(first);
        while let Some(polled) = next {
            for scan in &polled.scans {
                inner.pipeline.take(scan, polled.acquired);
                self.pass_on(inner, polled.acquired);
            }
            next = queue.try_recv().ok();
        }
    }

    /// Appends every batch that is due to the buffer.
    fn pass_on(&self, inner: &mut Inner, now: Instant) {
        while let Some(sealed) = inner.pipeline.poll(now, self.destinations()) {
            let bytes = Bytes::from(inner.encoder.encode(&inner.gateway, &sealed.batch, &[]));
            self.buffer.append(forehearth_buffer::Sealed {
                batch: Arc::new(sealed.batch),
                bytes,
                acquired: sealed.acquired,
            });
        }
    }

    fn destinations(&self) -> Destinations {
        if self.buffer.quiet() { Destinations::Idle } else { Destinations::Busy }
    }
}

impl Conditioner {
    /// The books of the whole gateway. Both sides are read under one lock, so
    /// they balance unless a reading is really missing.
    pub fn ledger(&self) -> Ledger {
        let inner = self.lock();
        let counts = inner.pipeline.counts();
        Ledger {
            acquired: counts.acquired,
            suppressed: counts.suppressed,
            pending: counts.pending,
            batched: counts.batched,
            destinations: self.buffer.ledger(),
        }
    }

    /// The last known state of every tag, in the order of tag ids.
    pub fn last_values<T>(&self, each: impl FnMut(LastKnown<'_>) -> T) -> Vec<T> {
        self.lock().pipeline.last_values().map(each).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The pipeline counts before it moves, so a panic in between shows as
        // books that don't balance, which is what should be seen.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
