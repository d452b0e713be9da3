//! The conditioning task: scans of all links in, numbered and encoded batches into the buffer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use forehearth_buffer::Buffer;
use forehearth_command::Known;
use forehearth_config::{Plan, Succession};
use forehearth_model::{CatalogueHash, Ledger, LinkId, TagId};
use forehearth_pipeline::{Destinations, LastKnown, NextPlan, Pipeline, Settings};
use forehearth_source::Polled;
use forehearth_telemetry::native::{Compression, Encoder};
use tokio::sync::{mpsc, oneshot};

use crate::idiom::Idioms;
use crate::memory::Remembered;
use crate::tap::Tap;
use crate::{clock, stages};

/// The pipeline together with the place its batches go to. Whoever holds the
/// lock sees books that balance: a batch is sealed and appended in one go.
pub struct Conditioner {
    inner: Mutex<Inner>,
    buffer: Arc<Buffer>,
    tap: Tap,
}

struct Inner {
    pipeline: Pipeline,
    encoder: Encoder,
    plan: Arc<Plan>,
    catalogue: CatalogueHash,
    idioms: Idioms,
}

/// Another plan takes over. Everybody who spoke of tags that are gone has
/// stopped; what they read is in the queue.
pub struct Takeover {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Names its catalogue.
    pub catalogue: CatalogueHash,
    /// What of the plan before goes on.
    pub next: Succession,
    /// The link tasks that go on, by their numbers.
    pub tasks: Vec<LinkId>,
    /// Told when it is done.
    pub done: oneshot::Sender<()>,
}

impl Conditioner {
    /// A conditioner for the tags of `plan`.
    pub fn new(plan: &Arc<Plan>, settings: &Settings, buffer: Arc<Buffer>) -> Self {
        let mut pipeline = Pipeline::new(stages::rules(plan), settings, Instant::now());
        pipeline.stage(stages::stages(plan));
        pipeline.compute(stages::calcs(plan));
        let inner = Inner {
            pipeline,
            encoder: Encoder::new(Compression::WhenItPays),
            plan: Arc::clone(plan),
            catalogue: settings.catalogue,
            idioms: Idioms::default(),
        };
        Self { inner: Mutex::new(inner), buffer, tap: Tap::default() }
    }

    /// Runs until every poller has dropped its sender, then seals what is open.
    ///
    /// Not cancel safe: scans in the channel would be lost.
    pub async fn run(
        &self,
        mut scans: mpsc::Receiver<Polled>,
        mut takeovers: mpsc::Receiver<Takeover>,
    ) {
        let mut clock = clock::Watch::new();
        loop {
            let deadline = self.lock().pipeline.deadline(self.destinations());
            let next = async {
                match deadline {
                    Some(at) => tokio::time::timeout_at(at.into(), scans.recv()).await.ok(),
                    None => Some(scans.recv().await),
                }
            };
            let received = tokio::select! {
                received = next => received,
                Some(takeover) = takeovers.recv() => {
                    self.take_over(takeover, &mut scans);
                    continue;
                }
            };
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
            self.take(inner, polled);
            next = queue.try_recv().ok();
        }
    }

    fn take(&self, inner: &mut Inner, mut polled: Polled) {
        for scan in &mut polled.scans {
            inner.idioms.translate(polled.link, scan);
            inner.pipeline.take(scan, polled.acquired);
            self.pass_on(inner, polled.acquired);
        }
    }

    /// Conditions what was read under the plan so far, closes its batches, and
    /// goes on with the next. All under one lock: nobody sees half of it, and
    /// the books balance before and after.
    fn take_over(&self, takeover: Takeover, queue: &mut mpsc::Receiver<Polled>) {
        let Takeover { plan, catalogue, next, tasks, done } = takeover;
        let mut inner = self.lock();
        // Who goes on may fill the queue meanwhile; what counts is in it now.
        for _ in 0..queue.len() {
            let Ok(polled) = queue.try_recv() else { break };
            self.take(&mut inner, polled);
        }
        let now = Instant::now();
        inner.pipeline.end_plan(now);
        self.pass_on(&mut inner, now);
        inner.idioms.change(&next, &tasks);
        inner.pipeline.begin_plan(NextPlan {
            rules: stages::rules(&plan).collect(),
            stages: stages::stages(&plan).collect(),
            calcs: stages::calcs(&plan).collect(),
            heirs: next.heirs,
            catalogue,
            batch_within: plan.gateway.batch_within,
        });
        inner.plan = plan;
        inner.catalogue = catalogue;
        drop(inner);
        // Nobody waits when the gateway stops meanwhile.
        let _ = done.send(());
    }

    /// Appends every batch that is due to the buffer.
    fn pass_on(&self, inner: &mut Inner, now: Instant) {
        while let Some(sealed) = inner.pipeline.poll(now, self.destinations()) {
            let gateway = &inner.plan.gateway.id;
            let bytes = Bytes::from(inner.encoder.encode(gateway, &sealed.batch, &[]));
            let batch = Arc::new(sealed.batch);
            self.tap.pass(&batch, &inner.plan.catalogue);
            self.buffer.append(forehearth_buffer::Sealed {
                batch,
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

    /// Names the catalogue in force.
    pub fn catalogue(&self) -> CatalogueHash {
        self.lock().catalogue
    }

    /// The plan in force, for births and questions; its tag ids go with
    /// [`last_values`](Self::last_values) only under one lock, so ask for one
    /// tag with [`last_of`](Self::last_of).
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.lock().plan)
    }

    /// What is known of a tag, with the plan it stands in; `None` when the
    /// plan in force has no such tag.
    pub fn last_of<T>(
        &self,
        find: impl FnOnce(&Plan) -> Option<forehearth_model::TagId>,
        tell: impl FnOnce(&Plan, forehearth_model::TagId, LastKnown<'_>) -> T,
    ) -> Option<T> {
        let inner = self.lock();
        let tag = find(&inner.plan)?;
        let last = inner.pipeline.last_values().nth(tag.index())?;
        Some(tell(&inner.plan, tag, last))
    }

    /// The present value of a tag of the plan whose catalogue is `hash`, for
    /// who decides by it; `None` when it was never read or another plan is in force.
    pub fn known(&self, hash: CatalogueHash, tag: TagId, now: Instant) -> Option<Known> {
        let inner = self.lock();
        if inner.catalogue != hash {
            return None;
        }
        let (last, age) = inner.pipeline.known(tag, now)?;
        let scaling = inner.plan.catalogue.tags.get(tag.index())?.scaling;
        let value = scaling.engineering(last.value);
        Some(Known { value, severity: last.quality.severity(), age })
    }

    /// What must survive a restart, by the names of the tags.
    pub fn remember(&self) -> Vec<Remembered> {
        let inner = self.lock();
        let catalogue = &inner.plan.catalogue;
        let named = |(tag, bytes): (TagId, Vec<u8>)| {
            let entry = catalogue.tags.get(tag.index())?;
            let device = catalogue.devices.get(entry.device.index())?.name.clone();
            Some(Remembered { device, tag: entry.name.clone(), bytes })
        };
        inner.pipeline.save(Instant::now()).into_iter().filter_map(named).collect()
    }

    /// Gives each tag back what was kept of it, before the first scan. Tags
    /// that are gone are left out.
    pub fn recall(&self, remembered: &[Remembered]) {
        let mut inner = self.lock();
        let plan = Arc::clone(&inner.plan);
        let names = (0..).map(TagId).zip(&plan.catalogue.tags).filter_map(|(id, entry)| {
            let device = plan.catalogue.devices.get(entry.device.index())?;
            Some(((device.name.as_str(), entry.name.as_str()), id))
        });
        let by_name: HashMap<(&str, &str), TagId> =
            if remembered.is_empty() { HashMap::new() } else { names.collect() };
        let now = Instant::now();
        for Remembered { device, tag, bytes } in remembered {
            if let Some(id) = by_name.get(&(device.as_str(), tag.as_str())) {
                inner.pipeline.restore(*id, bytes, now);
            }
        }
    }

    /// Readings on their way, for who watches them.
    pub const fn tap(&self) -> &Tap {
        &self.tap
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
