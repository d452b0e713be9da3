//! A whole bus in virtual time: speed and silence as on a real line, noise, dead units, wrong maps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forehearth_driver::{Driver as _, OrderDesk, WriteError, WriteOrder, WritingDriver as _};
use forehearth_modbus::{Learned, Part, Point, RegisterOrder, Timing, rtu};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, TagId, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::ModbusBus;
use crate::wire::Wire;
use crate::{BusSettings, Carrier, GroupSettings, Reading, SerialSettings, Writable, Writing};

const BAUD: u32 = 19_200;
const TIMING: Timing = Timing::serial(BAUD);
/// What each unit takes to answer, unless told otherwise.
const TURNAROUND: Duration = Duration::from_millis(8);

/// What the devices of a line do, changed by the test while it runs.
#[derive(Debug)]
struct World {
    random: fastrand::Rng,
    /// Chance of each byte, of requests and answers, to be flipped, lost or doubled.
    noise: f64,
    /// Chance of an answer to be wrong behind a right checksum.
    forged: f64,
    dead: BTreeSet<u8>,
    /// Registers that are refused.
    illegal: BTreeSet<u16>,
    /// Most registers of a request.
    most: u16,
    /// What the registers hold moves with it.
    generation: u16,
    asked: u64,
    damaged: u64,
    turnaround: Duration,
    /// What was written, by unit and register; `None` where nothing may be.
    written: Option<BTreeMap<(u8, u16), u16>>,
    /// Functions of the requests, in order.
    functions: Vec<u8>,
    /// Receipts that are swallowed.
    mute: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self {
            random: fastrand::Rng::with_seed(seed),
            noise: 0.0,
            forged: 0.0,
            dead: BTreeSet::new(),
            illegal: BTreeSet::new(),
            most: 125,
            generation: 0,
            asked: 0,
            damaged: 0,
            turnaround: TURNAROUND,
            written: None,
            functions: Vec::new(),
            mute: false,
        }
    }

    /// Register `at` of `unit`: it moves by one with each generation.
    fn register(&self, unit: u8, at: u16) -> u16 {
        if let Some(word) = self.written.as_ref().and_then(|written| written.get(&(unit, at))) {
            return *word;
        }
        (u16::from(unit) << 8 | at & 0xFF).wrapping_mul(7).wrapping_add(self.generation)
    }

    /// The answer to a request, or none.
    fn answer(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let request = self.damage(frame);
        let (_, sent) = rtu::decode(frame).unwrap();
        self.functions.push(sent[0]);
        let (unit, pdu) = rtu::decode(&request)?;
        if let (Some(written), &[6, a, b, c, d]) = (&mut self.written, sent) {
            written.insert((unit, u16::from_be_bytes([a, b])), u16::from_be_bytes([c, d]));
            return (!self.mute).then(|| request.clone());
        }
        assert!(sent.len() == 5 && sent[0] == 3, "only reads ever leave: {sent:?}");
        // A zero behind a frame passes the checksum; devices look at the length.
        if self.dead.contains(&unit) || pdu.len() != 5 || pdu[0] != 3 {
            return None;
        }
        self.asked += 1;
        let start = u16::from_be_bytes([pdu[1], pdu[2]]);
        let count = u16::from_be_bytes([pdu[3], pdu[4]]);
        let mut answer = Vec::new();
        if count > self.most
            || (start..start.saturating_add(count)).any(|at| self.illegal.contains(&at))
        {
            rtu::encode(unit, &[pdu[0] | 0x80, 2], &mut answer);
            return Some(answer);
        }
        let mut data = vec![pdu[0], (count * 2) as u8];
        for at in (0..count).map(|n| start.wrapping_add(n)) {
            data.extend(self.register(unit, at).to_be_bytes());
        }
        if self.random.f64() < self.forged {
            let at = 2 + 2 * self.random.usize(0..usize::from(count));
            data[at] ^= 1 << self.random.u8(3..8);
        }
        rtu::encode(unit, &data, &mut answer);
        Some(self.damage(&answer))
    }

    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 4);
        for byte in bytes {
            if self.random.f64() >= self.noise {
                out.push(*byte);
                continue;
            }
            match self.random.u8(0..4) {
                0 => {}
                1 => out.extend([*byte, self.random.u8(..)]),
                2 => out.push(byte ^ 1 << self.random.u8(0..8)),
                _ => out.push(self.random.u8(..)),
            }
        }
        self.damaged += u64::from(out != bytes);
        out
    }
}

/// The devices on the other end of `stream`, as fast as the line is.
async fn devices(mut stream: DuplexStream, world: Arc<Mutex<World>>) {
    let mut request = Vec::new();
    let mut chunk = [0; 64];
    loop {
        match timeout(Duration::from_micros(TIMING.silence), stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(count)) => {
                sleep(Duration::from_micros(TIMING.wire(count))).await;
                request.extend_from_slice(&chunk[..count]);
            }
            Err(_) if request.is_empty() => {
                let Ok(count @ 1..) = stream.read(&mut chunk).await else { return };
                sleep(Duration::from_micros(TIMING.wire(count))).await;
                request.extend_from_slice(&chunk[..count]);
            }
            Err(_) => {
                let answer = world.lock().unwrap().answer(&request);
                let turnaround = world.lock().unwrap().turnaround;
                request.clear();
                if let Some(answer) = answer {
                    let takes = turnaround + Duration::from_micros(TIMING.wire(answer.len()));
                    sleep(takes - Duration::from_micros(TIMING.silence)).await;
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

struct Plant<M = Reading> {
    bus: ModbusBus<M>,
    world: Arc<Mutex<World>>,
    devices: JoinHandle<()>,
    /// Tag's register, by group.
    registers: Vec<Vec<u16>>,
}

/// The qualities of a scan; a Good value that the device does not hold fails the test.
impl Plant {
    fn new(world: World, units: &[u8], registers: &[u16], learned: Learned) -> Self {
        let bus = ModbusBus::with_learned(settings(), groups(units, registers), learned).unwrap();
        Self::on(bus, world, units, registers)
    }
}

fn settings() -> BusSettings {
    let mut serial = SerialSettings::new("/dev/null");
    serial.baud = BAUD;
    BusSettings::new(Carrier::Serial(serial))
}

fn groups(units: &[u8], registers: &[u16]) -> Vec<GroupSettings> {
    let point = |at: &u16| Point {
        address: format!("hr:{at}").parse().unwrap(),
        data_type: DataType::Uint,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    };
    let group = |unit: &u8| GroupSettings {
        device: DeviceId(u32::from(*unit)),
        unit: *unit,
        tags: (0..).map(TagId).zip(registers.iter().map(point)).collect(),
    };
    units.iter().map(group).collect()
}

impl<M: Send> Plant<M> {
    fn on(mut bus: ModbusBus<M>, world: World, units: &[u8], registers: &[u16]) -> Self {
        let (ours, theirs) = tokio::io::duplex(4096);
        bus.begin(Wire::Memory(ours));
        let world = Arc::new(Mutex::new(world));
        let devices = tokio::spawn(devices(theirs, world.clone()));
        Self { bus, world, devices, registers: units.iter().map(|_| registers.to_vec()).collect() }
    }

    async fn scan(&mut self, group: u32) -> Vec<Quality> {
        self.world.lock().unwrap().generation += 1;
        let mut out = Vec::new();
        self.bus.scan(GroupId(group), &mut out).await.unwrap();
        let registers = &self.registers[group as usize];
        let mut qualities = vec![None; registers.len()];
        let world = self.world.lock().unwrap();
        for scan in out {
            for sample in scan.samples {
                let place = sample.tag.index();
                if sample.quality == Quality::Good {
                    let held = world.register(scan.device.0 as u8, registers[place]);
                    assert_eq!(sample.value, Value::UInt(held.into()), "a wrong value is Good");
                }
                assert_eq!(qualities[place].replace(sample.quality), None, "one sample per tag");
            }
        }
        qualities.into_iter().map(|quality| quality.expect("one sample per tag")).collect()
    }
}

impl<M> Drop for Plant<M> {
    fn drop(&mut self) {
        self.devices.abort();
    }
}

fn good(qualities: &[Quality]) -> usize {
    qualities.iter().filter(|quality| **quality == Quality::Good).count()
}

/// Good readings per second of virtual time over `scans` scans of one unit,
/// and how many answers were damaged.
async fn noisy(noise: f64, forged: f64, scans: usize, seed: u64) -> (f64, u64, Plant) {
    let mut world = World::new(seed);
    (world.noise, world.forged) = (noise, forged);
    let registers: Vec<u16> = (0..24).collect();
    let mut plant = Plant::new(world, &[5], &registers, Learned::default());
    let began = Instant::now();
    let mut readings = 0;
    for _ in 0..scans {
        readings += good(&plant.scan(0).await);
        if !plant.bus.isolation.is_asleep(plant.bus.units[0].id) {
            continue;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let rate = readings as f64 / began.elapsed().as_secs_f64();
    let damaged = plant.world.lock().unwrap().damaged;
    (rate, damaged, plant)
}

#[tokio::test(start_paused = true)]
async fn noise_costs_little_and_never_a_wrong_value() {
    let seed = fastrand::u64(..);
    let (possible, _, _) = noisy(0.0, 0.0, 2_000, seed).await;
    for (noise, forged, scans, least) in
        [(1e-4, 1e-3, 20_000, 0.95), (1e-3, 1e-3, 50_000, 0.7), (1e-2, 1e-3, 50_000, 0.1)]
    {
        let (rate, damaged, plant) = noisy(noise, forged, scans, seed).await;
        let share = rate / possible;
        let (_, meter) = plant.bus.meters().next().unwrap();
        println!("noise {noise}: goodput {share:.3} of {possible:.0}/s, {damaged} frames damaged");
        println!("{meter:.0?}");
        assert!(share >= least, "goodput {share:.3} at {noise}");
        assert!(meter.refuted > 0 || noise < 1e-3, "forged answers were seen through");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_unit_leaves_the_others_95_percent_and_is_back_within_five_seconds() {
    let units: Vec<u8> = (1..=32).collect();
    let registers: Vec<u16> = (0..20).collect();
    let mut plant = Plant::new(World::new(1), &units, &registers, Learned::default());
    /// Scans of units other than 9 in `time`; whether 9 was Good in the end.
    async fn run(plant: &mut Plant, time: Duration) -> (u32, bool) {
        let end = Instant::now() + time;
        let (mut others, mut ninth) = (0, false);
        while Instant::now() < end {
            for group in 0..32 {
                let qualities = plant.scan(group).await;
                if group == 8 {
                    ninth = good(&qualities) == 20;
                } else {
                    assert_eq!(good(&qualities), 20, "unit {}", group + 1);
                    others += 1;
                }
            }
        }
        (others, ninth)
    }
    run(&mut plant, Duration::from_secs(5)).await;
    let minute = Duration::from_secs(60);
    let (possible, ninth) = run(&mut plant, minute).await;
    assert!(ninth);
    plant.world.lock().unwrap().dead.insert(9);
    assert_eq!(good(&plant.scan(8).await), 0, "Bad at the first scan");
    let (others, ninth) = run(&mut plant, minute).await;
    assert!(!ninth);
    let share = f64::from(others) / f64::from(possible);
    println!("others keep {share:.3} of {possible} scans a minute");
    assert!(share >= 0.95, "{share:.3}");
    assert_eq!(plant.bus.asleep().map(u8::from).collect::<Vec<_>>(), [9]);
    let report = plant.bus.report().read();
    let asleep: Vec<u8> =
        report.units.iter().filter(|unit| unit.is_asleep).map(|unit| unit.unit).collect();
    assert_eq!((asleep, report.units.len()), (vec![9], 32));
    assert!(report.units[8].meter.timeouts > 10 && report.units[0].meter.timeouts == 0);
    plant.world.lock().unwrap().dead.clear();
    let (_, ninth) = run(&mut plant, Duration::from_secs(5)).await;
    assert!(ninth, "back within 5 s");
}

#[tokio::test(start_paused = true)]
async fn one_illegal_tag_turns_bad_alone_at_once_and_the_next_run_knows() {
    let mut world = World::new(2);
    world.illegal.extend([33, 70, 71]);
    // 70 and 71 lie in a gap nobody asks for.
    let registers: Vec<u16> = (0..64).chain(76..100).collect();
    let mut plant = Plant::new(world, &[5], &registers, Learned::default());
    for _ in 0..2 {
        let qualities = plant.scan(0).await;
        for (register, quality) in registers.iter().zip(&qualities) {
            let expected = if *register == 33 { Quality::BadConfiguration } else { Quality::Good };
            assert_eq!(*quality, expected, "register {register}");
        }
    }
    let text = plant.bus.learned().to_string();
    assert!(text.contains("unit 5 barred hr:33 1\n"), "{text}");
    let asked = plant.world.lock().unwrap().asked;
    let mut world = World::new(3);
    world.illegal.extend([33, 70, 71]);
    let mut next = Plant::new(world, &[5], &registers, text.parse().unwrap());
    next.scan(0).await;
    let asked_next = next.world.lock().unwrap().asked;
    assert!(asked_next * 2 < asked, "{asked_next} after {asked}: {text}");
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_request_is_learned_where_it_is_refused() {
    let mut world = World::new(4);
    world.most = 40;
    let registers: Vec<u16> = (0..120).collect();
    let mut plant = Plant::new(world, &[5], &registers, Learned::default());
    assert_eq!(good(&plant.scan(0).await), 120);
    let learned = plant.bus.learned();
    let most = learned.unit(5).unwrap().max_words.unwrap();
    assert!((20..=40).contains(&most), "{learned}");
    assert!(learned.unit(5).unwrap().barred.is_empty(), "{learned}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_unit_is_asked_across_larger_gaps_once_it_is_known() {
    let mut world = World::new(5);
    world.turnaround = Duration::from_millis(100);
    // A gap of 50 registers takes 57 ms on the line.
    let registers = [0, 1, 52, 53];
    let mut plant = Plant::new(world, &[5], &registers, Learned::default());
    assert_eq!(plant.bus.requests(GroupId(0)), 2);
    for _ in 0..40 {
        assert_eq!(good(&plant.scan(0).await), 4);
    }
    assert_eq!(plant.bus.requests(GroupId(0)), 1);
    let next = Plant::new(World::new(6), &[5], &registers, plant.bus.learned());
    assert_eq!(next.bus.report().read().learned, plant.bus.learned(), "before its first scan");
    assert_eq!(next.bus.requests(GroupId(0)), 1, "and the next run knows it");
}

#[tokio::test(start_paused = true)]
async fn unit_0_is_refused_before_anything_is_asked() {
    let group = GroupSettings { device: DeviceId(0), unit: 0, tags: Vec::new() };
    let carrier = Carrier::Serial(SerialSettings::new("/dev/null"));
    let error = ModbusBus::new(BusSettings::new(carrier), [group]).unwrap_err();
    assert!(error.to_string().contains("nobody answers"), "{error}");
}

fn writable(mut world: World, units: &[u8], registers: &[u16]) -> Plant<Writing> {
    world.written = Some(BTreeMap::new());
    let tags =
        (0..registers.len() as u32).map(|tag| Writable { tag: TagId(tag), part: Part::Masked });
    let groups = groups(units, registers);
    let bus = ModbusBus::writing(settings(), groups, Learned::default(), tags).unwrap();
    Plant::on(bus, world, units, registers)
}

#[tokio::test(start_paused = true)]
async fn a_register_of_a_line_is_written_once_and_read_back() {
    let mut plant = writable(World::new(7), &[5], &[3, 4]);
    let order = WriteOrder { tag: TagId(1), value: Value::UInt(77) };
    assert_eq!(plant.bus.write(&order).await.unwrap(), Value::UInt(77));
    // Nobody knew yet whether the adapter echoes, so it was asked first.
    assert_eq!(plant.world.lock().unwrap().functions, [3, 6, 3]);
    assert_eq!(good(&plant.scan(0).await), 2);
    plant.world.lock().unwrap().functions.clear();
    plant.world.lock().unwrap().mute = true;
    let end = plant.bus.write(&order).await;
    assert!(matches!(end, Err(WriteError::Unknown { .. })), "{end:?}");
    assert_eq!(plant.world.lock().unwrap().functions, [6], "never repeated");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_to_a_unit_that_does_not_answer() {
    let mut plant = writable(World::new(8), &[5, 6], &[3]);
    plant.world.lock().unwrap().dead.insert(5);
    let order = WriteOrder { tag: TagId(0), value: Value::UInt(77) };
    for _ in 0..3 {
        let end = plant.bus.write(&order).await;
        assert!(matches!(end, Err(WriteError::NotSent { .. })), "{end:?}");
        plant.scan(0).await;
    }
    assert!(!plant.world.lock().unwrap().functions.contains(&6));
}

/// An order that comes in when so many requests were sent.
struct Desk(Arc<Mutex<World>>, usize, VecDeque<WriteOrder>, Vec<Result<Value, WriteError>>);

impl OrderDesk for Desk {
    fn is_waiting(&self) -> bool {
        !self.2.is_empty() && self.0.lock().unwrap().functions.len() >= self.1
    }

    fn take(&mut self) -> Option<WriteOrder> {
        if self.is_waiting() { self.2.pop_front() } else { None }
    }

    fn ended(&mut self, _order: &WriteOrder, end: Result<Value, WriteError>) {
        self.3.push(end);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_goes_out_between_two_requests_of_a_scan() {
    // Far apart: a request each.
    let registers = [0, 200, 400, 600, 800];
    let mut plant = writable(World::new(9), &[5], &registers);
    plant.scan(0).await;
    for after in 0..5 {
        plant.world.lock().unwrap().functions.clear();
        let order = WriteOrder { tag: TagId(2), value: Value::UInt(after as u64) };
        let mut desk = Desk(plant.world.clone(), after, [order].into(), Vec::new());
        let mut out = Vec::new();
        plant.bus.scan_and_write(GroupId(0), &mut out, &mut desk).await.unwrap();
        assert!(matches!(desk.3[..], [Ok(_)]), "{:?}", desk.3);
        let functions = plant.world.lock().unwrap().functions.clone();
        assert_eq!(functions.iter().position(|function| *function == 6), Some(after));
        let mut tags: Vec<u32> =
            out.iter().flat_map(|scan| &scan.samples).map(|sample| sample.tag.0).collect();
        tags.sort_unstable();
        assert_eq!(tags, [0, 1, 2, 3, 4], "each tag once");
    }
}

#[tokio::test(start_paused = true)]
async fn noise_never_makes_a_write_of_another_value_look_done() {
    let mut world = World::new(fastrand::u64(..));
    world.noise = 5e-3;
    let mut plant = writable(world, &[5], &[3]);
    let (mut done, mut not) = (0, 0);
    for value in 0..2_000u16 {
        let order = WriteOrder { tag: TagId(0), value: Value::UInt(value.into()) };
        match plant.bus.write(&order).await {
            Ok(_) => {
                let held = plant.world.lock().unwrap().register(5, 3);
                assert_eq!(held, value, "told as done");
                done += 1;
            }
            Err(_) => {
                not += 1;
                // Noise may have put the unit to sleep; it is probed again.
                sleep(Duration::from_millis(300)).await;
                plant.scan(0).await;
            }
        }
    }
    println!("{done} done, {not} not");
    assert!(done > not && not > 0);
}
