//! The whole buffer but for SQLite, driven by chance in virtual time.
//!
//! A disk in memory stands behind the keeper: what a commit or save returned
//! `Ok` for is kept, what failed may be kept or not. Links take, settle and
//! die, power fails, clocks are stepped, the disk fails in every way (see
//! `medium`) and recovers. After each step the books have to balance; after
//! the last one every batch ever sealed has been confirmed by each destination
//! or stands in one of its gap records.
//!
//! `make soak SEEDS=100000` runs more; `FOREHEARTH_SEED=42` runs one.

mod medium;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, GapCause, GapRecord, Lane,
    Quality, Reading, Run, Stamp, TagId, Value,
};

use self::medium::{Disk, Medium};
use super::{Clock, Keeper, Shared, Stop};
use crate::buffer::Settings;
use crate::claim::Want;
use crate::cursor::LANES;
use crate::destination::Destination;
use crate::outbox::Outbox;
use crate::ram::Sealed;
use crate::storage::StorageCode;

const NAMES: [&str; 2] = ["plant", "cloud"];
const WITHIN: Duration = Duration::from_millis(500);

struct VirtualClock {
    start: Instant,
    now: Mutex<Instant>,
    /// How far the wall clock was stepped, in microseconds.
    stepped: Mutex<i64>,
}

impl VirtualClock {
    fn set(&self, now: Instant) {
        *self.now.lock().unwrap() = now;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn wall(&self) -> Stamp {
        let since = i64::try_from((self.now() - self.start).as_micros()).unwrap();
        Stamp(1_800_000_000_000_000 + since + *self.stepped.lock().unwrap())
    }
}

/// One batch under way on a link.
type OnLink = BTreeMap<BatchId, Lane>;

struct World {
    rng: Rng,
    disk: Disk,
    clock: Arc<VirtualClock>,
    settings: Settings,
    destinations: Vec<Destination>,
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
    /// The wall clock was set at some time.
    stepped: bool,
    /// The disk failed at some time since.
    disturbed_at: Instant,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let capacity = [None, Some(30_000), Some(200_000)][rng.usize(..3)];
        // One in eight finds no directory at first.
        let fault = (rng.u8(..8) == 0).then_some(StorageCode::Missing);
        let medium = Medium::new(rng.fork(), capacity, fault);
        let settings = Settings {
            dir: "nowhere".into(),
            commit_within: WITHIN,
            max_size: [40_000, 400_000, 1 << 30][rng.usize(..3)],
            max_age: Duration::from_secs([900, 14 * 86_400][rng.usize(..2)]),
            reserve: [0, 10_000][rng.usize(..2)],
            memory: [20_000, 60_000, 1 << 20][rng.usize(..3)],
        };
        let mut destinations = NAMES.map(Destination::new).to_vec();
        if rng.bool() {
            destinations[1].max_size = rng.choice([None, Some(20_000), Some(100_000)]).unwrap();
            destinations[1].max_age = rng.choice([None, Some(Duration::from_secs(650))]).unwrap();
        }
        Self::with(rng, medium, settings, destinations)
    }

    /// Room for everything, and a disk that works.
    fn calm() -> Self {
        let rng = Rng::with_seed(1);
        let settings = Settings {
            dir: "nowhere".into(),
            commit_within: WITHIN,
            max_size: 1 << 30,
            max_age: Duration::from_secs(14 * 86_400),
            reserve: 0,
            memory: 1 << 20,
        };
        let medium = Medium::new(Rng::with_seed(1), None, None);
        Self::with(rng, medium, settings, NAMES.map(Destination::new).to_vec())
    }

    fn with(rng: Rng, medium: Medium, settings: Settings, destinations: Vec<Destination>) -> Self {
        let disk = Disk::new(medium);
        let start = Instant::now();
        let clock =
            Arc::new(VirtualClock { start, now: Mutex::new(start), stepped: Mutex::new(0) });
        let (keeper, shared) = open(&disk, &clock, &settings, &destinations);
        let mut world = Self {
            rng,
            disk,
            clock,
            settings,
            destinations,
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
            stepped: false,
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
        let lane = if self.rng.u8(..6) == 0 { Lane::Alarm } else { Lane::Live };
        self.seal_in(lane);
    }

    fn seal_in(&mut self, lane: Lane) {
        self.number += 1;
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
        if self.stepped {
            // A run may have a lower number than the one before.
            self.last[link].retain(|_, last| last.epoch == parcel.id.epoch);
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
                self.clock.set(until);
                return;
            }
            self.clock.set(next.max(self.clock.now()));
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

    /// The wall clock is set, by an hour or by years, or was reset to 1970.
    fn step_clock(&mut self) {
        let hour = 3_600_000_000;
        let by = self.rng.choice([hour, -hour, 20 * 24 * hour, -5_000 * 24 * hour]).unwrap();
        *self.clock.stepped.lock().unwrap() += by;
        self.stepped = true;
    }

    /// The map changes; sometimes a destination is gone, and there again later.
    fn reload(&mut self) {
        let wall = self.clock.wall();
        let link = self.rng.usize(..NAMES.len());
        let names = self.destinations.clone();
        if self.rng.bool() {
            let mut state = self.shared.lock();
            let stays = names.iter().filter(|to| to.name != NAMES[link]).cloned();
            let gone = state.stock.seat(&stays.collect::<Vec<_>>(), wall);
            state.forgotten.extend(gone);
            state.reseated = true;
            drop(state);
            // What is sealed while it is away is not its business, nor is what was.
            let before = self.batched;
            for _ in 0..self.rng.usize(..4) {
                self.seal();
            }
            let ms = if self.rng.bool() { self.rng.u64(..1_000) } else { 0 };
            self.pass(ms);
            assert!(self.batched >= before);
        }
        let mut state = self.shared.lock();
        let present =
            |name: &str| state.stock.claims.iter().any(|c| c.is_occupied() && c.books.name == name);
        let returns: Vec<usize> = (0..NAMES.len()).filter(|&at| !present(NAMES[at])).collect();
        let gone = state.stock.seat(&names, wall);
        assert!(gone.is_empty());
        state.catalogues.replace((CatalogueHash(self.rng.u64(1..4)), Bytes::new()), |_| true);
        state.reseated = true;
        drop(state);
        for link in returns {
            self.confirmed[link].extend(self.sealed.keys());
            self.on_link[link].clear();
            self.seen[link].clear();
            self.last[link].clear();
            let seat = self.shared.lock().stock.order[link];
            self.outboxes[link] = Outbox::new(seat, Arc::clone(&self.shared));
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
        // Whose coming had not reached the disk yet comes with the next run.
        for (link, name) in NAMES.iter().enumerate() {
            if !self.disk.medium().knows(name) {
                self.confirmed[link].extend(self.sealed.keys());
            }
        }
        // A daemon does not start twice in one second; see `next_epoch`.
        self.clock.set(self.clock.now() + Duration::from_millis(1001));
        let (keeper, shared) = open(&self.disk, &self.clock, &self.settings, &self.destinations);
        (self.keeper, self.shared) = (Some(keeper), shared);
        (self.number, self.batched) = (0, 0);
        // A run without a trace may share its number with a later one when the
        // clock was set back to its very second: nothing tells them apart.
        let epoch = self.shared.lock().stock.epoch;
        self.sealed.retain(|id, _| id.epoch != epoch);
        self.confirmed.iter_mut().for_each(|ids| ids.retain(|id| id.epoch != epoch));
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
            94 => {
                let ms = self.rng.choice([12_000, 12_000, 12_000, 700_000]).unwrap();
                self.pass(ms);
            }
            95..97 => self.fault(),
            97 => match self.rng.u8(..8) {
                0..2 => {
                    self.disk.medium().rot();
                    self.disturbed_at = self.clock.now();
                }
                2 => self.step_clock(),
                _ => self.pass(5_000),
            },
            98 if self.rng.bool() => self.reload(),
            98 => self.restart(false),
            _ => self.restart(true),
        }
        self.check();
    }

    /// The disk works, the links work, everything is fetched.
    fn settle_down(&mut self) {
        {
            let mut medium = self.disk.medium();
            (medium.fault, medium.capacity) = (None, None);
        }
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
                self.pass(1);
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
                let told = || {
                    let run = self.gaps[link].iter().filter(|gap| gap.first.epoch == id.epoch);
                    run.map(|g| {
                        format!("\n{:?} {:?} {}..{}", g.cause, g.lane, g.first, g.last.number)
                    })
                };
                assert!(
                    self.confirmed[link].contains(id) || declared,
                    "{id} ({lane:?}) is lost to {name} and nobody said so;{}",
                    told().collect::<String>()
                );
            }
            // A crash declares only what was not known to be safe.
            assert!(self.gaps[link].iter().all(|g| g.cause != GapCause::Crash || g.readings == 0));
        }
        self.pass(60_000);
        assert!(self.disk.medium().is_empty(), "what nobody waits for leaves the disk");
    }
}

fn open(
    disk: &Disk,
    clock: &Arc<VirtualClock>,
    settings: &Settings,
    destinations: &[Destination],
) -> (Keeper, Arc<Shared>) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let catalogue = (CatalogueHash(1), Bytes::new());
    Keeper::open(settings.clone(), destinations, catalogue, Box::new(disk.clone()), clock).unwrap()
}

#[test]
fn whatever_chance_does_every_batch_is_confirmed_or_declared_and_the_books_balance() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("FOREHEARTH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FOREHEARTH_SEEDS").unwrap_or(2_000),
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

/// What the model found, or its reading suggested, as short histories. They
/// were written after the mending; the seeds failed before it.
mod found {
    use super::*;

    /// A world in which each lane has a file whose first batch is confirmed.
    fn two_files_begun() -> World {
        let mut world = World::calm();
        for at in 0..8 {
            world.seal_in(if at % 2 == 0 { Lane::Live } else { Lane::Alarm });
        }
        world.pass(1_000);
        for link in 0..NAMES.len() {
            for _ in 0..5 {
                let Some(parcel) = world.outboxes[link].try_next(Want::Backlog) else {
                    world.pass(1);
                    continue;
                };
                world.confirmed[link].insert(parcel.id);
                world.outboxes[link].settle(parcel.id, 0);
            }
        }
        world.pass(5_000);
        world
    }

    #[test]
    fn a_late_disk_and_a_clock_set_back_cost_nothing_of_earlier_runs() {
        let mut world = two_files_begun();
        world.disk.medium().fault = Some(StorageCode::Missing);
        *world.clock.stepped.lock().unwrap() -= 3_600_000_000;
        world.restart(false);
        world.seal();
        world.pass(1_000);
        world.disk.medium().fault = None;
        world.pass(5_000);
        let books = world.shared.lock().stock.ledger();
        assert!(books.iter().all(|books| books.recovered > 0), "{books:?}");
        world.settle_down();
    }

    #[test]
    fn a_crash_under_a_clock_set_back_is_declared() {
        let mut world = World::calm();
        world.pass(1_000);
        world.seal();
        world.disk.medium().fault = Some(StorageCode::Missing);
        *world.clock.stepped.lock().unwrap() -= 3_600_000_000;
        world.restart(false);
        world.settle_down();
    }

    #[test]
    fn segments_that_rot_do_not_keep_the_next_run_in_memory() {
        let mut world = two_files_begun();
        world.disk.medium().rot_all();
        world.restart(false);
        assert!(!world.shared.lock().is_down());
        world.settle_down();
    }

    #[test]
    fn a_commit_without_room_leaves_no_file_behind() {
        let mut world = World::calm();
        world.disk.medium().capacity = Some(4_200);
        world.rng = Rng::with_seed(7);
        for _ in 0..8 {
            world.seal_in(Lane::Live);
        }
        world.pass(2_000);
        assert!(world.disk.medium().is_empty(), "nothing fitted");
        world.settle_down();
    }

    #[test]
    fn a_run_takes_no_number_that_a_cursor_has_seen() {
        let mut world = World::calm();
        *world.clock.stepped.lock().unwrap() += 3_600_000_000;
        world.restart(true);
        let ahead = world.shared.lock().stock.epoch;
        world.seal();
        for link in 0..NAMES.len() {
            let parcel = world.outboxes[link].try_next(Want::Backlog).unwrap();
            world.outboxes[link].settle(parcel.id, 0);
            world.confirmed[link].insert(parcel.id);
        }
        world.restart(true);
        *world.clock.stepped.lock().unwrap() = 0;
        world.restart(true);
        assert!(world.shared.lock().stock.epoch > ahead);
        world.settle_down();
    }

    #[test]
    fn what_leaves_memory_behind_the_reader_is_still_read() {
        let mut world = World::calm();
        let first =
            [world.outboxes[0].try_next(Want::Live), world.outboxes[0].try_next(Want::Backlog)];
        assert!(first.iter().all(Option::is_none), "link 0 is up");
        // Link 0 will take these as live; nobody else is up.
        for _ in 0..4 {
            world.seal_in(Lane::Live);
        }
        world.pass(1_000);
        {
            let mut state = world.shared.lock();
            let stock = &mut state.stock;
            let next = BatchId::new(stock.epoch, 5);
            stock.claims[0].loaded(Lane::Live, Vec::new(), next, next.epoch);
            for number in 1..=4 {
                stock.evict(Lane::Live, number);
            }
        }
        for _ in 0..20 {
            world.take(0);
            world.settle(0);
            world.pass(10);
        }
        assert_eq!(world.shared.lock().stock.claims[0].waiting, 0, "without a new connection");
        world.settle_down();
    }
}
