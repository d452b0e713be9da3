//! An outbox in memory that keeps the rules of the real one and writes down what happens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use forehearth_model::{
    Batch, BatchId, BootId, Catalogue, CatalogueHash, ClockState, DataType, DeviceEntry, DeviceId,
    Epoch, GapRecord, Grade, Lane, Quality, Reading, Run, Scaling, Stamp, TagEntry, TagId, TagKind,
    Value,
};
use forehearth_publish::{
    Destination, DestinationSettings, Format, Last, LinkStatus, Mqtt, Outbox, PACKET_LIMIT_BYTES,
    Parcel, Server, Want,
};
use forehearth_telemetry::native;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const HASH: CatalogueHash = CatalogueHash(0xCA7A);

#[derive(Default)]
pub(crate) struct State {
    live: VecDeque<Parcel>,
    backlog: VecDeque<Parcel>,
    out: Vec<Parcel>,
    gaps: VecDeque<GapRecord>,
    pub(crate) settled: Vec<(BatchId, u32)>,
    pub(crate) refused: Vec<BatchId>,
    pub(crate) settled_gaps: Vec<u64>,
    pub(crate) returned: usize,
    pub(crate) bd_seqs: Vec<u8>,
    pub(crate) lasts: Vec<Last>,
    pub(crate) catalogues: HashMap<CatalogueHash, Bytes>,
}

#[derive(Clone, Default)]
pub(crate) struct MemoryOutbox {
    state: Arc<Mutex<State>>,
    live: Arc<Notify>,
    changed: Arc<Notify>,
}

impl MemoryOutbox {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn push(&self, parcel: Parcel) {
        self.state().live.push_back(parcel);
        self.live.notify_one();
    }

    pub(crate) fn push_backlog(&self, parcel: Parcel) {
        self.state().backlog.push_back(parcel);
    }

    pub(crate) fn push_gap(&self, record: GapRecord) {
        self.state().gaps.push_back(record);
    }

    /// Waits until the state is as asked.
    pub(crate) async fn until(&self, what: &str, mut done: impl FnMut(&State) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if done(&self.state()) {
                    return;
                }
                // Woken by each change; the timeout covers a change in between.
                let _ = timeout(Duration::from_millis(20), changed).await;
            }
        };
        if timeout(Duration::from_secs(30), wait).await.is_err() {
            let state = self.state();
            panic!(
                "not within 30 s: {what}; settled {}, out {}, backlog {}, live {}, returned {}",
                state.settled.len(),
                state.out.len(),
                state.backlog.len(),
                state.live.len(),
                state.returned
            );
        }
    }

    pub(crate) async fn until_settled(&self, count: usize) {
        self.until(&format!("{count} batches settled"), |state| state.settled.len() >= count).await;
    }

    fn give(&self, want: Want) -> Option<Parcel> {
        let mut state = self.state();
        let parcel = match want {
            Want::Live => state.live.pop_front(),
            Want::Backlog => state.backlog.pop_front(),
        }?;
        state.out.push(parcel.clone());
        Some(parcel)
    }

    fn home(&self, id: BatchId) {
        let mut state = self.state();
        let place = state.out.iter().position(|parcel| parcel.id == id);
        state.out.remove(place.expect("settled or refused what was not taken"));
    }
}

impl Outbox for MemoryOutbox {
    async fn next(&mut self, want: Want) -> Parcel {
        loop {
            if let Some(parcel) = self.give(want) {
                return parcel;
            }
            self.live.notified().await;
        }
    }

    fn try_next(&mut self, want: Want) -> Option<Parcel> {
        self.give(want)
    }

    fn settle(&mut self, id: BatchId, filtered: u32) {
        self.home(id);
        self.state().settled.push((id, filtered));
        self.changed.notify_one();
    }

    fn refuse(&mut self, id: BatchId) {
        self.home(id);
        self.state().refused.push(id);
        self.changed.notify_one();
    }

    fn return_all(&mut self) {
        let mut state = self.state();
        let State { out, backlog, live, returned, .. } = &mut *state;
        *returned += out.len();
        backlog.extend(out.drain(..).chain(live.drain(..)));
        backlog.make_contiguous().sort_by_key(|parcel| parcel.id);
        drop(state);
        self.changed.notify_one();
    }

    fn backlog(&self) -> u64 {
        self.state().backlog.len() as u64
    }

    fn next_gap(&mut self) -> Option<GapRecord> {
        self.state().gaps.front().cloned()
    }

    fn settle_gap(&mut self, id: u64) {
        let mut state = self.state();
        assert_eq!(state.gaps.pop_front().map(|gap| gap.id), Some(id));
        state.settled_gaps.push(id);
        drop(state);
        self.changed.notify_one();
    }

    fn last_values(&self) -> Vec<Last> {
        self.state().lasts.clone()
    }

    fn catalogue(&mut self, hash: CatalogueHash) -> Option<Bytes> {
        self.state().catalogues.get(&hash).cloned()
    }

    async fn next_bd_seq(&mut self) -> u8 {
        let mut state = self.state();
        let next = state.bd_seqs.last().map_or(0, |last| last.wrapping_add(1));
        state.bd_seqs.push(next);
        next
    }
}

/// One device `cell-001` with a counter, a core and a text tag, and `sis`
/// with one tag.
pub(crate) fn catalogue() -> Arc<Catalogue> {
    let device = |name: &str| DeviceEntry { name: name.into(), handle: String::new() };
    let tag = |device, name: &str, data_type, grade| TagEntry {
        device: DeviceId(device),
        name: name.into(),
        data_type,
        scaling: Scaling::NONE,
        unit: String::new(),
        unit_code: String::new(),
        valid: None,
        kind: TagKind::Gauge,
        lane: Lane::Live,
        grade,
        plant_tag: String::new(),
        // Long enough that the catalogue is larger than a batch.
        label: ["x".repeat(100), "槽".repeat(30)],
    };
    Arc::new(Catalogue {
        gateway: "pot2-east".into(),
        path: "acme".into(),
        devices: vec![device("cell-001"), device("sis")],
        tags: vec![
            tag(0, "counter", DataType::Udint, Grade::General),
            tag(0, "secret-recipe", DataType::Udint, Grade::Core),
            tag(1, "esd", DataType::Bool, Grade::Core),
        ],
    })
}

/// Wall time now.
pub(crate) fn now() -> Stamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Stamp(i64::try_from(since.as_micros()).unwrap())
}

/// Batch `number` with counter `number`, read now.
pub(crate) fn parcel(number: u64) -> Parcel {
    parcel_of(number, &[(0, 0, Value::UInt(number))])
}

/// A batch of `(device, tag, value)`, read now.
pub(crate) fn parcel_of(number: u64, values: &[(u32, u32, Value)]) -> Parcel {
    let stamp = now();
    let batch = Batch {
        id: BatchId::new(Epoch(1), number),
        lane: Lane::Live,
        catalogue: HASH,
        boot: BootId(1),
        clock: ClockState::Synced,
        runs: values
            .iter()
            .map(|(device, ..)| Run { device: DeviceId(*device), stamp, len: 1 })
            .collect(),
        readings: values
            .iter()
            .map(|(_, tag, value)| Reading {
                tag: TagId(*tag),
                quality: Quality::Good,
                value: value.clone(),
            })
            .collect(),
    };
    Parcel {
        id: batch.id,
        lane: batch.lane,
        readings: u32::try_from(batch.readings.len()).unwrap(),
        bytes: native::encode("pot2-east", &batch, &[]).into(),
        batch: Some(Arc::new(batch)),
    }
}

/// A server on this machine.
pub(crate) fn server(port: u16) -> Server {
    Server { host: "127.0.0.1".into(), port }
}

pub(crate) fn settings(port: u16, format: Format) -> DestinationSettings {
    DestinationSettings {
        name: "plant".into(),
        servers: vec![server(port)],
        tls: None,
        format,
        mqtt: Mqtt::Newest,
        keepalive: Duration::from_secs(1),
        username: None,
        password: None,
        grades: None,
        devices: None,
        backlog: None,
        packet_limit: PACKET_LIMIT_BYTES,
        clock: Arc::new(now),
        health: None,
        commands: None,
    }
}

pub(crate) fn native_format() -> Format {
    Format::Native { topic: "fh/v1/acme/pot2-east".into(), baseline: false }
}

pub(crate) fn sparkplug_format() -> Format {
    Format::Sparkplug { group: "G".into(), primary_host: None }
}

/// A destination at work.
pub(crate) struct Running {
    pub(crate) outbox: MemoryOutbox,
    pub(crate) status: Arc<LinkStatus>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(settings: DestinationSettings) -> Self {
        Self::start_with(settings, MemoryOutbox::default())
    }

    pub(crate) fn start_with(settings: DestinationSettings, outbox: MemoryOutbox) -> Self {
        let destination = Destination::new(settings, &catalogue(), HASH).unwrap();
        let (stop, stopped) = watch::channel(false);
        let status = Arc::new(LinkStatus::default());
        let run = destination.run(outbox.clone(), stopped, Arc::clone(&status));
        Self { outbox, status, stop, task: tokio::spawn(run) }
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) -> MemoryOutbox {
        self.stop.send_replace(true);
        timeout(Duration::from_secs(5), self.task).await.expect("it does not stop").unwrap();
        self.outbox
    }
}
