//! The whole buffer but for SQLite, driven by chance in virtual time.
//!
//! A disk in memory stands behind the keeper: what a commit or save returned
//! `Ok` for is kept, what failed may be kept or not. Links take, settle and
//! die, power fails, the disk fails in every way and recovers. After each step
//! the books have to balance; after the last one every batch ever sealed has
//! been confirmed by each destination or stands in one of its gap records.
//!
//! `FOREHEARTH_SEEDS=100000 cargo test -p forehearth-buffer chance` runs more;
//! `FOREHEARTH_SEED=42` runs one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, GapCause, GapRecord, Lane,
    Quality, Reading, Run, Stamp, TagId, Value,
};

use super::{Clock, Keeper, Shared, Stop};
use crate::buffer::Settings;
use crate::claim::Want;
use crate::cursor::LANES;
use crate::outbox::Outbox;
use crate::ram::{Row, Sealed};
use crate::shelf::Segment;
use crate::storage::{
    Bookmark, Found, LostSegment, Room, RunMark, Save, SegmentHead, Storage, StorageCode,
    StorageError, Wear,
};

const NAMES: [&str; 2] = ["plant", "cloud"];
const WITHIN: Duration = Duration::from_millis(500);

/// What survives a power cut.
#[derive(Default)]
struct Medium {
    run: Option<RunMark>,
    bookmarks: BTreeMap<String, Bookmark>,
    gaps: BTreeMap<u64, (GapRecord, bool)>,
    segments: BTreeMap<u64, (SegmentHead, Vec<Row>)>,
    listed: BTreeMap<u64, (Epoch, Lane)>,
    /// Runs that left a trace; of others nothing can be known after a crash.
    epochs: BTreeSet<Epoch>,
    /// Damage is found when a segment is read.
    damaged: BTreeSet<u64>,
    /// Every operation that writes fails like this.
    fault: Option<StorageCode>,
    chance: Rng,
}

#[derive(Clone)]
struct Disk(Arc<Mutex<Medium>>);

impl Disk {
    fn medium(&self) -> std::sync::MutexGuard<'_, Medium> {
        self.0.lock().unwrap()
    }

    fn write<T>(&self, apply: impl FnOnce(&mut Medium) -> T) -> Result<T, StorageError> {
        let medium = &mut *self.medium();
        match medium.fault {
            None => Ok(apply(medium)),
            Some(code) => {
                // It failed, and may have happened all the same.
                if medium.chance.bool() {
                    apply(medium);
                }
                Err(StorageError::new(code, "chance"))
            }
        }
    }
}

fn survey(seq: u64, head: &SegmentHead, rows: &[Row]) -> Option<Segment> {
    let (first, last) = (rows.first()?, rows.last()?);
    Some(Segment {
        seq,
        epoch: head.epoch,
        lane: head.lane,
        prev: first.prev,
        first: first.id.number,
        last: last.id.number,
        rows: rows.len() as u64,
        readings: rows.iter().map(|row| u64::from(row.readings)).sum(),
        from: first.from,
        to: last.to,
        bytes: rows.iter().map(|row| row.bytes.len() as u64).sum::<u64>() + 4096,
    })
}

impl Storage for Disk {
    fn open(&mut self) -> Result<Found, StorageError> {
        if let Some(code) = self.medium().fault {
            return Err(StorageError::new(code, "chance"));
        }
        let medium = &mut *self.medium();
        let mut empty: Vec<u64> = medium
            .segments
            .iter()
            .filter(|(_, (_, rows))| rows.is_empty())
            .map(|(s, _)| *s)
            .collect();
        for seq in &empty {
            medium.segments.remove(seq);
        }
        let mut segments: Vec<Segment> = medium
            .segments
            .iter()
            .filter_map(|(&seq, (head, rows))| survey(seq, head, rows))
            .collect();
        let mut cut = Vec::new();
        for at in 0..segments.len() {
            let (this, later) = (&segments[at], &segments[at + 1..]);
            let next = later.iter().find(|s| s.lane == this.lane && s.epoch == this.epoch);
            if let Some(first) = next.map(|next| next.first).filter(|first| *first <= this.last) {
                cut.push((this.seq, first));
            }
        }
        for (seq, first) in cut {
            let (_, rows) = medium.segments.get_mut(&seq).unwrap();
            rows.retain(|row| row.id.number < first);
        }
        medium.segments.retain(|seq, (_, rows)| {
            if rows.is_empty() {
                empty.push(*seq);
            }
            !rows.is_empty()
        });
        segments = medium
            .segments
            .iter()
            .filter_map(|(&seq, (head, rows))| survey(seq, head, rows))
            .collect();
        let unlisted: Vec<u64> = medium
            .listed
            .keys()
            .copied()
            .filter(|seq| !medium.segments.contains_key(seq))
            .collect();
        let missing = unlisted.iter().filter(|seq| !empty.contains(seq));
        let lost = missing
            .map(|&seq| {
                let (epoch, lane) = medium.listed[&seq];
                LostSegment { seq, epoch, lane, first: 1, last: u64::MAX }
            })
            .collect();
        let next_seq =
            medium.listed.keys().chain(medium.segments.keys()).max().map_or(1, |s| s + 1);
        let unsettled = medium.gaps.values().filter(|(_, settled)| !settled);
        Ok(Found {
            run: medium.run,
            bookmarks: medium.bookmarks.values().cloned().collect(),
            gaps: unsettled.map(|(gap, _)| gap.clone()).collect(),
            next_gap: medium.gaps.keys().next_back().map_or(0, |id| id + 1),
            next_seq,
            segments,
            lost,
            unlisted,
        })
    }

    fn create(&mut self, head: &SegmentHead) -> Result<(), StorageError> {
        self.write(|medium| {
            medium.segments.insert(head.seq, (head.clone(), Vec::new()));
            medium.listed.insert(head.seq, (head.epoch, head.lane));
        })
    }

    fn commit(&mut self, seq: u64, rows: &[Row]) -> Result<Segment, StorageError> {
        self.write(|medium| {
            let (head, stored) = medium.segments.get_mut(&seq).unwrap();
            stored.extend_from_slice(rows);
            survey(seq, head, stored).unwrap()
        })
    }

    fn seal(&mut self, seq: u64) -> Result<u64, StorageError> {
        self.write(|medium| {
            let (head, rows) = &medium.segments[&seq];
            survey(seq, head, rows).map_or(0, |segment| segment.bytes)
        })
    }

    fn abandon(&mut self, _seq: u64) {}

    fn read(
        &mut self,
        seq: u64,
        from: u64,
        to: u64,
        _bytes: usize,
    ) -> Result<(Vec<Row>, bool), StorageError> {
        let medium = self.medium();
        if medium.damaged.contains(&seq) {
            return Err(StorageError::new(StorageCode::Damaged, "chance"));
        }
        let (_, rows) = &medium.segments[&seq];
        let mut rows: Vec<Row> =
            rows.iter().filter(|row| (from..=to).contains(&row.id.number)).cloned().collect();
        let more = rows.len() > 3;
        rows.truncate(3);
        Ok((rows, more))
    }

    fn sum(&mut self, seq: u64, from: u64, to: u64) -> Result<(u64, u64), StorageError> {
        let medium = self.medium();
        let (_, rows) = &medium.segments[&seq];
        let rows = rows.iter().filter(|row| (from..=to).contains(&row.id.number));
        Ok(rows.fold((0, 0), |(n, sum), row| (n + 1, sum + u64::from(row.readings))))
    }

    fn catalogue(&mut self, _: u64, _: CatalogueHash) -> Result<Option<Bytes>, StorageError> {
        Ok(None)
    }

    fn remove(&mut self, seq: u64) -> Result<(), StorageError> {
        self.write(|medium| {
            medium.segments.remove(&seq);
        })
    }

    fn quarantine(&mut self, seq: u64) -> Result<(), StorageError> {
        self.remove(seq)
    }

    fn save(&mut self, save: &Save) -> Result<(), StorageError> {
        self.write(|medium| {
            medium.run = Some(save.run);
            medium.epochs.insert(save.run.epoch);
            for mark in &save.bookmarks {
                medium.bookmarks.insert(mark.name.clone(), mark.clone());
            }
            for name in &save.forgotten {
                medium.bookmarks.remove(name);
            }
            for gap in &save.gaps {
                medium.gaps.insert(gap.id, (gap.clone(), false));
            }
            for id in &save.settled_gaps {
                if let Some((_, settled)) = medium.gaps.get_mut(id) {
                    *settled = true;
                }
            }
            medium.listed.retain(|seq, _| !save.unlisted.contains(seq));
        })
    }

    fn room(&mut self) -> Result<Room, StorageError> {
        Ok(Room { other: 0, free: u64::MAX })
    }

    fn wear(&self) -> Wear {
        Wear::default()
    }
}

struct VirtualClock(Mutex<Instant>, Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn wall(&self) -> Stamp {
        let since = self.now() - self.1;
        Stamp(1_800_000_000_000_000 + i64::try_from(since.as_micros()).unwrap())
    }
}

/// One batch under way on a link.
type OnLink = BTreeMap<BatchId, Lane>;

struct World {
    rng: Rng,
    disk: Disk,
    clock: Arc<VirtualClock>,
    settings: Settings,
    keeper: Option<Keeper>,
    shared: Arc<Shared>,
    outboxes: Vec<Outbox>,
    on_link: Vec<OnLink>,
    /// What this connection has delivered, to see repeats and order.
    seen: Vec<BTreeSet<BatchId>>,
    last: Vec<BTreeMap<(bool, Lane), BatchId>>,
    /// When the backlog was last begun from its start.
    looked: Vec<u64>,
    number: u64,
    batched: u64,
    sealed: BTreeMap<BatchId, (Lane, Instant)>,
    confirmed: Vec<BTreeSet<BatchId>>,
    gaps: Vec<Vec<GapRecord>>,
    /// The disk failed at some time since.
    disturbed_at: Instant,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let medium = Medium { chance: rng.fork(), ..Medium::default() };
        let disk = Disk(Arc::new(Mutex::new(medium)));
        let start = Instant::now();
        let clock = Arc::new(VirtualClock(Mutex::new(start), start));
        let settings = Settings {
            dir: "nowhere".into(),
            commit_within: WITHIN,
            max_size: [40_000, 400_000, 1 << 30][rng.usize(..3)],
            max_age: Duration::from_secs(14 * 86_400),
            reserve: 0,
            memory: [20_000, 60_000, 1 << 20][rng.usize(..3)],
        };
        let (keeper, shared) = open(&disk, &clock, &settings);
        let mut world = Self {
            rng,
            disk,
            clock,
            settings,
            keeper: Some(keeper),
            shared,
            outboxes: Vec::new(),
            on_link: Vec::new(),
            seen: Vec::new(),
            last: Vec::new(),
            looked: vec![0; NAMES.len()],
            number: 0,
            batched: 0,
            sealed: BTreeMap::new(),
            confirmed: vec![BTreeSet::new(); NAMES.len()],
            gaps: vec![Vec::new(); NAMES.len()],
            disturbed_at: start,
        };
        world.connect_all();
        world
    }

    fn connect_all(&mut self) {
        self.outboxes =
            (0..NAMES.len()).map(|i| Outbox::new(i, Arc::clone(&self.shared))).collect();
        self.on_link = vec![OnLink::new(); NAMES.len()];
        self.seen = vec![BTreeSet::new(); NAMES.len()];
        self.last = vec![BTreeMap::new(); NAMES.len()];
    }

    fn seal(&mut self) {
        self.number += 1;
        let lane = if self.rng.u8(..6) == 0 { Lane::Alarm } else { Lane::Live };
        let readings = self.rng.u32(1..5);
        self.batched += u64::from(readings);
        let (now, stamp) = (self.clock.now(), self.clock.wall());
        let id = BatchId::new(self.shared.lock().stock.epoch, self.number);
        let reading = |tag| Reading { tag: TagId(tag), quality: Quality::Good, value: Value::Null };
        let batch = Batch {
            id,
            lane,
            catalogue: CatalogueHash(1),
            boot: BootId(1),
            clock: ClockState::Synced,
            runs: vec![Run { device: DeviceId(0), stamp, len: readings }],
            readings: (0..readings).map(reading).collect(),
        };
        let bytes = Bytes::from(vec![0; self.rng.usize(1..2000)]);
        self.sealed.insert(id, (lane, now));
        let sealed = Sealed { batch: Arc::new(batch), bytes, acquired: now };
        self.shared.lock().stock.append(sealed, stamp);
    }

    fn take(&mut self, link: usize) {
        let want = if self.rng.bool() { Want::Live } else { Want::Backlog };
        let Some(parcel) = self.outboxes[link].try_next(want) else { return };
        assert!(self.seen[link].insert(parcel.id), "{} twice in a connection", parcel.id);
        let lane = self.sealed[&parcel.id].0;
        assert_eq!(lane, parcel.lane);
        // A disk that appears late brings older backlog with it.
        let found = self.shared.lock().stock.claims[link].connection;
        if found != self.looked[link] {
            self.looked[link] = found;
            self.last[link].clear();
        }
        let last = self.last[link].insert((want == Want::Live, lane), parcel.id);
        assert!(last < Some(parcel.id), "{} after {last:?} as {want:?}", parcel.id);
        self.on_link[link].insert(parcel.id, lane);
    }

    fn settle(&mut self, link: usize) {
        let ids: Vec<BatchId> = self.on_link[link].keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.rng.usize(..ids.len())];
        self.on_link[link].remove(&id);
        if self.rng.u8(..40) == 0 {
            self.outboxes[link].refuse(id);
        } else {
            self.confirmed[link].insert(id);
            self.outboxes[link].settle(id, 0);
        }
    }

    fn gap(&mut self, link: usize) {
        if let Some(gap) = self.outboxes[link].next_gap() {
            assert_eq!(gap.destination, NAMES[link]);
            if self.rng.u8(..4) > 0 {
                self.outboxes[link].settle_gap(gap.id);
                self.gaps[link].push(gap);
            }
        }
    }

    fn disconnect(&mut self, link: usize) {
        self.outboxes[link].return_all();
        self.on_link[link].clear();
        self.seen[link].clear();
        self.last[link].clear();
    }

    /// Lets the keeper work until it wants to wait beyond `ms` from now.
    fn pass(&mut self, ms: u64) {
        let until = self.clock.now() + Duration::from_millis(ms);
        let keeper = self.keeper.as_mut().unwrap();
        for _ in 0..10_000 {
            let next = keeper.turn();
            if next > until {
                *self.clock.0.lock().unwrap() = until;
                return;
            }
            let now = self.clock.now();
            *self.clock.0.lock().unwrap() = next.max(now);
        }
        panic!("the keeper never rests");
    }

    fn fault(&mut self) {
        let fault = match self.rng.u8(..8) {
            0 => Some(StorageCode::Full),
            1 => Some(StorageCode::Io),
            2 => Some(StorageCode::ReadOnly),
            _ => None,
        };
        self.disk.medium().fault = fault;
        self.disturbed_at = self.clock.now();
    }

    fn damage(&mut self) {
        let seqs: Vec<u64> = self.disk.medium().segments.keys().copied().collect();
        if !seqs.is_empty() && self.rng.u8(..4) == 0 {
            let seq = seqs[self.rng.usize(..seqs.len())];
            self.disk.medium().damaged.insert(seq);
        }
    }

    /// Power fails, or the daemon is stopped.
    fn restart(&mut self, orderly: bool) {
        self.keep_promise();
        if orderly {
            self.shared.lock().stop = Some(Stop::Orderly);
            self.keeper.as_mut().unwrap().turn();
        }
        // What was declared and not delivered yet must not be forgotten when
        // it was saved; what was not saved is declared by a crash.
        self.keeper = None;
        // A daemon does not start twice in one second; see `next_epoch`.
        *self.clock.0.lock().unwrap() += Duration::from_millis(1001);
        let (keeper, shared) = open(&self.disk, &self.clock, &self.settings);
        (self.keeper, self.shared) = (Some(keeper), shared);
        (self.number, self.batched) = (0, 0);
        self.connect_all();
    }

    /// What is older than the promise, with a disk that works, is on disk or settled by all.
    fn keep_promise(&self) {
        let now = self.clock.now();
        let calm = now - self.disturbed_at > Duration::from_secs(10);
        let state = self.shared.lock();
        if !calm || state.is_down() {
            return;
        }
        for lane in LANES {
            for row in state.stock.ram.unwritten(lane) {
                let acquired = self.sealed[&row.id].1;
                assert!(now - acquired <= WITHIN, "{} is late", row.id);
            }
        }
    }

    fn check(&self) {
        let state = self.shared.lock();
        let stock = &state.stock;
        assert!(stock.ram.bytes() <= self.settings.memory, "memory is bounded");
        for (index, claim) in stock.claims.iter().enumerate() {
            assert_eq!(claim.books.imbalance(self.batched), 0, "{:?}", claim.books);
            let owed = stock.shelf.iter().map(|shelved| shelved.owed[index]);
            let (mut rows, mut readings) =
                owed.fold((0, 0), |(n, sum), owed| (n + owed.rows, sum + owed.readings));
            for lane in LANES {
                for row in stock.ram.unwritten(lane) {
                    if stock.ram.get(lane, row.id.number).unwrap().owed & (1 << index) != 0 {
                        rows += 1;
                        readings += u64::from(row.readings);
                    }
                }
            }
            assert_eq!(
                (claim.waiting, claim.books.waiting),
                (rows, readings),
                "{}",
                claim.books.name
            );
            assert!(claim.backlog() <= claim.waiting);
        }
    }

    fn step(&mut self) {
        let link = self.rng.usize(..NAMES.len());
        match self.rng.u8(..100) {
            0..30 => self.seal(),
            30..55 => self.take(link),
            55..72 => self.settle(link),
            72..76 => self.gap(link),
            76..79 => self.disconnect(link),
            79..94 => {
                let ms = self.rng.u64(..400);
                self.pass(ms);
            }
            94 => self.pass(12_000),
            95..97 => self.fault(),
            97 => self.damage(),
            98 => self.restart(false),
            _ => self.restart(true),
        }
        self.check();
    }

    /// The disk works, the links work, everything is fetched.
    fn settle_down(&mut self) {
        self.disk.medium().fault = None;
        self.pass(12_000);
        for link in 0..NAMES.len() {
            self.disconnect(link);
            for _ in 0..50_000 {
                let parcel = [Want::Live, Want::Backlog]
                    .into_iter()
                    .find_map(|want| self.outboxes[link].try_next(want));
                if let Some(parcel) = parcel {
                    self.confirmed[link].insert(parcel.id);
                    self.outboxes[link].settle(parcel.id, 0);
                } else if self.shared.lock().stock.claims[link].waiting == 0 {
                    break;
                }
                self.pass(0);
            }
            self.pass(1_000);
            while let Some(gap) = self.outboxes[link].next_gap() {
                self.outboxes[link].settle_gap(gap.id);
                self.gaps[link].push(gap);
            }
            self.check();
        }
        assert!(self.shared.lock().stock.is_quiet(), "everything was fetched");
        for (link, name) in NAMES.iter().enumerate() {
            for (id, (lane, _)) in &self.sealed {
                if !self.disk.medium().epochs.contains(&id.epoch) {
                    continue;
                }
                let declared = self.gaps[link].iter().any(|gap| {
                    (gap.first..=gap.last).contains(id) && gap.lane.is_none_or(|l| l == *lane)
                });
                assert!(
                    self.confirmed[link].contains(id) || declared,
                    "{id} ({lane:?}) is lost to {name} and nobody said so; {:?}",
                    self.gaps[link]
                );
            }
            // A crash declares only what was not known to be safe.
            assert!(self.gaps[link].iter().all(|g| g.cause != GapCause::Crash || g.readings == 0));
        }
        self.pass(60_000);
        assert!(self.disk.medium().segments.is_empty(), "what nobody waits for leaves the disk");
    }
}

fn open(disk: &Disk, clock: &Arc<VirtualClock>, settings: &Settings) -> (Keeper, Arc<Shared>) {
    let names = NAMES.map(str::to_owned);
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let catalogue = (CatalogueHash(1), Bytes::new());
    Keeper::open(settings.clone(), &names, catalogue, Box::new(disk.clone()), clock).unwrap()
}

#[test]
fn whatever_chance_does_every_batch_is_confirmed_or_declared_and_the_books_balance() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("FOREHEARTH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FOREHEARTH_SEEDS").unwrap_or(500),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..400 {
                world.step();
            }
            world.settle_down();
        });
        assert!(run.is_ok(), "FOREHEARTH_SEED={seed} fails");
    }
}
