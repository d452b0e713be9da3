//! A buffer in a temporary directory and the batches to feed it.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_buffer::{Buffer, Outbox, Parcel, Sealed, Settings, Want};
use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Reading,
    Run, Stamp, TagId, Value,
};

/// Where and how buffers are opened.
pub struct Rig {
    pub temp: tempfile::TempDir,
    pub names: Vec<String>,
    pub max_size: u64,
    pub memory: usize,
    pub commit_within: Duration,
}

impl Rig {
    pub fn new(names: &[&str]) -> Self {
        Self {
            temp: tempfile::tempdir().unwrap(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            max_size: 64 << 20,
            memory: Settings::MEMORY,
            commit_within: Duration::from_millis(300),
        }
    }

    pub fn dir(&self) -> PathBuf {
        self.temp.path().join("state")
    }

    pub fn settings(&self) -> Settings {
        Settings {
            dir: self.dir(),
            commit_within: self.commit_within,
            max_size: self.max_size,
            max_age: Duration::from_secs(14 * 86_400),
            reserve: 0,
            memory: self.memory,
        }
    }

    pub fn catalogue(&self) -> (CatalogueHash, Bytes) {
        (CatalogueHash(0xf00d), Bytes::from_static(b"the catalogue"))
    }

    pub fn open(&self) -> Buffer {
        Buffer::open(self.settings(), &self.names, self.catalogue()).unwrap()
    }

    /// Segment files, oldest first.
    pub fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir().join("segments")).unwrap().flatten();
        let mut paths: Vec<_> = entries
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "db"))
            .collect();
        paths.sort();
        paths
    }

    /// Everything in the state directory.
    pub fn disk_bytes(&self) -> u64 {
        fn size(path: &std::path::Path) -> u64 {
            let meta = std::fs::metadata(path).unwrap();
            if !meta.is_dir() {
                return meta.len();
            }
            std::fs::read_dir(path).unwrap().flatten().map(|entry| size(&entry.path())).sum()
        }
        size(&self.dir())
    }
}

/// Seals batches with growing numbers and remembers them.
pub struct Feed {
    epoch: Epoch,
    number: u64,
    pub batched: u64,
    pub catalogue: CatalogueHash,
    pub bytes: BTreeMap<BatchId, Bytes>,
}

impl Feed {
    pub fn new(buffer: &Buffer) -> Self {
        let (epoch, catalogue) = (buffer.epoch(), CatalogueHash(0xf00d));
        Self { epoch, number: 0, batched: 0, catalogue, bytes: BTreeMap::new() }
    }

    pub fn live(&mut self, buffer: &Buffer, readings: u32) -> BatchId {
        self.push(buffer, Lane::Live, readings, 200)
    }

    pub fn alarm(&mut self, buffer: &Buffer, readings: u32) -> BatchId {
        self.push(buffer, Lane::Alarm, readings, 40)
    }

    pub fn noise(&mut self, buffer: &Buffer, readings: u32, bytes: usize) -> BatchId {
        self.push(buffer, Lane::Live, readings, bytes)
    }

    fn push(&mut self, buffer: &Buffer, lane: Lane, readings: u32, bytes: usize) -> BatchId {
        let sealed = self.seal(lane, readings, bytes);
        let id = sealed.batch.id;
        self.bytes.insert(id, sealed.bytes.clone());
        buffer.append(sealed);
        id
    }

    /// The next batch, with random payload.
    pub fn seal(&mut self, lane: Lane, readings: u32, bytes: usize) -> Sealed {
        self.number += 1;
        self.batched += u64::from(readings);
        let stamp = Stamp(1_800_000_000_000_000 + i64::try_from(self.number).unwrap() * 100_000);
        let reading =
            |tag| Reading { tag: TagId(tag), quality: Quality::Good, value: Value::UInt(7) };
        let batch = Batch {
            id: BatchId::new(self.epoch, self.number),
            lane,
            catalogue: self.catalogue,
            boot: BootId(1),
            clock: ClockState::Synced,
            runs: vec![Run { device: DeviceId(0), stamp, len: readings }],
            readings: (0..readings).map(reading).collect(),
        };
        let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(bytes).collect();
        Sealed { batch: Arc::new(batch), bytes: Bytes::from(bytes), acquired: Instant::now() }
    }

    /// The books of a run that recovered nothing hold for every destination.
    pub fn balances(&self, buffer: &Buffer) {
        for books in buffer.ledger() {
            assert_eq!(books.imbalance(self.batched), 0, "{books:?}, batched {}", self.batched);
        }
    }
}

/// Takes `count` batches.
pub fn drain(outbox: &mut Outbox, want: Want, count: usize) -> Vec<Parcel> {
    block_on(async {
        let mut parcels = Vec::new();
        while parcels.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(10), outbox.next(want));
            parcels.push(next.await.expect("a batch within ten seconds"));
        }
        parcels
    })
}

pub fn numbers(parcels: &[Parcel], lane: Lane) -> Vec<u64> {
    parcels.iter().filter(|parcel| parcel.lane == lane).map(|parcel| parcel.id.number).collect()
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Waits for a condition, at most ten seconds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} within ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}
