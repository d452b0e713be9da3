//! Orders against a device that keeps what is written to it and a record of every request.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forehearth_driver::{Driver, OrderDesk, WriteError, WriteOrder, WritingDriver};
use forehearth_driver_modbus::{GroupSettings, ModbusTcp, TcpSettings, Writable, Writing};
use forehearth_modbus::{Learned, Part, Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, Scan, TagId, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::peer::frame;
use crate::plant::TIMEOUT;

/// What the device does that is not in the book.
#[derive(Clone, Default)]
struct Habits {
    /// Functions it does not know.
    lacks: Vec<u8>,
    /// It answers writes with an exception.
    refuses: Option<u8>,
    /// It takes writes and forgets them.
    forgets: bool,
    /// It takes writes and says nothing.
    mute: bool,
    /// It takes writes and closes.
    closes: bool,
    /// It takes this long for each answer.
    takes: Duration,
}

#[derive(Default)]
struct Memory {
    registers: BTreeMap<u16, u16>,
    coils: BTreeMap<u16, bool>,
    /// Function and first address of every request.
    asked: Vec<(u8, u16)>,
}

struct Device {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    _tasks: JoinSet<()>,
}

impl Device {
    async fn start(habits: Habits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let kept = memory.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, habits.clone(), kept.clone()));
            }
        });
        Self { address, memory, _tasks: tasks }
    }

    fn functions(&self) -> Vec<u8> {
        self.memory.lock().unwrap().asked.iter().map(|(function, _)| *function).collect()
    }

    fn register(&self, at: u16) -> u16 {
        self.memory.lock().unwrap().registers.get(&at).copied().unwrap_or_default()
    }
}

async fn serve(mut stream: TcpStream, habits: Habits, memory: Arc<Mutex<Memory>>) {
    stream.set_nodelay(true).unwrap();
    loop {
        let mut head = [0; 7];
        if stream.read_exact(&mut head).await.is_err() {
            return;
        }
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
        stream.read_exact(&mut pdu).await.unwrap();
        sleep(habits.takes).await;
        let Some(answer) = memory.lock().unwrap().answer(&pdu, &habits) else {
            if habits.closes {
                return;
            }
            continue;
        };
        let id = u16::from_be_bytes([head[0], head[1]]);
        if stream.write_all(&frame(id, head[6], &answer)).await.is_err() {
            return;
        }
    }
}

impl Memory {
    fn answer(&mut self, pdu: &[u8], habits: &Habits) -> Option<Vec<u8>> {
        let word = |at: usize| u16::from_be_bytes([pdu[at], pdu[at + 1]]);
        let (function, at) = (pdu[0], word(1));
        self.asked.push((function, at));
        if habits.lacks.contains(&function) {
            return Some(vec![function | 0x80, 1]);
        }
        let is_write = function >= 5;
        if let (true, Some(code)) = (is_write, habits.refuses) {
            return Some(vec![function | 0x80, code]);
        }
        let keep = !habits.forgets;
        match function {
            1 => {
                let mut data = vec![0; usize::from(word(3)).div_ceil(8)];
                for n in 0..word(3) {
                    let on = self.coils.get(&(at + n)).copied().unwrap_or_default();
                    data[usize::from(n) / 8] |= u8::from(on) << (n % 8);
                }
                return Some([vec![1, data.len() as u8], data].concat());
            }
            3 | 4 => {
                let held = |n| self.registers.get(&(at + n)).copied().unwrap_or_default();
                let data: Vec<u8> = (0..word(3)).flat_map(|n| held(n).to_be_bytes()).collect();
                return Some([vec![function, data.len() as u8], data].concat());
            }
            5 if keep => drop(self.coils.insert(at, pdu[3] == 0xFF)),
            15 if keep => (0..word(3)).for_each(|n| {
                let on = pdu[6 + usize::from(n) / 8] >> (n % 8) & 1 == 1;
                self.coils.insert(at + n, on);
            }),
            6 if keep => drop(self.registers.insert(at, word(3))),
            16 if keep => (0..word(3)).for_each(|n| {
                self.registers.insert(at + n, word(6 + 2 * usize::from(n)));
            }),
            22 if keep => {
                let held = self.registers.entry(at).or_default();
                *held = *held & word(3) | word(5) & !word(3);
            }
            _ => {}
        }
        let said = if function == 22 { 7 } else { 5 };
        (!habits.mute && !habits.closes).then(|| pdu[..said].to_vec())
    }
}

fn point(place: &str, data_type: DataType) -> Point {
    let string_bytes = if data_type == DataType::String { 6 } else { 0 };
    Point {
        address: place.parse().unwrap(),
        data_type,
        order: RegisterOrder::Cdab,
        string_bytes,
        codec: forehearth_modbus::Codec::Plain,
    }
}

/// Tags 0 to 6; all but the last may be written. Those far apart need a
/// request each.
fn points() -> Vec<(TagId, Point)> {
    let places = [
        ("co:3", DataType::Bool),
        ("hr:0", DataType::Int),
        ("hr:100", DataType::Real),
        ("hr:200.5", DataType::Bool),
        ("hr:300", DataType::Usint),
        ("hr:400", DataType::String),
        ("hr:500", DataType::Uint),
    ];
    (0..).map(TagId).zip(places.map(|(place, data_type)| point(place, data_type))).collect()
}

fn driver(device: &Device, part: Part, inflight: u16) -> ModbusTcp<Writing> {
    let address = device.address;
    let settings = TcpSettings {
        timeout: TIMEOUT,
        inflight,
        ..TcpSettings::new(address.ip().to_string(), address.port())
    };
    let group = GroupSettings { device: DeviceId(0), unit: 1, tags: points() };
    let writable = (0..6).map(|tag| Writable { tag: TagId(tag), part });
    ModbusTcp::writing(settings, [group], Learned::default(), writable).unwrap()
}

fn order(tag: u32, value: Value) -> WriteOrder {
    WriteOrder { tag: TagId(tag), value }
}

/// Writes one value over a new connection.
async fn write(device: &Device, part: Part, order: WriteOrder) -> Result<Value, WriteError> {
    let mut driver = driver(device, part, 1);
    driver.connect().await.unwrap();
    driver.write(&order).await
}

#[tokio::test]
async fn every_kind_of_tag_is_written_and_read_back() {
    let device = Device::start(Habits::default()).await;
    let mut driver = driver(&device, Part::Masked, 1);
    driver.connect().await.unwrap();
    device.memory.lock().unwrap().registers.extend([(200, 0x8001), (300, 0xAB00)]);
    for (tag, value) in [
        (0, Value::Bool(true)),
        (1, Value::Int(-7)),
        (2, Value::F32(123.456)),
        (3, Value::Bool(true)),
        (4, Value::UInt(9)),
        (5, Value::Text("Pot 7".into())),
    ] {
        let order = order(tag, value.clone());
        assert_eq!(driver.write(&order).await.unwrap(), value);
    }
    assert_eq!(device.functions(), [5, 1, 6, 3, 16, 3, 22, 3, 22, 3, 16, 3]);
    assert_eq!((device.register(100), device.register(101)), (0xE979, 0x42F6), "CDAB");
    assert_eq!(device.register(200), 0x8021, "the other bits as they were");
    assert_eq!(device.register(300), 0xAB09, "the other byte as it was");
    let mut out = Vec::new();
    driver.scan(GroupId(0), &mut out).await.unwrap();
    let read = out.iter().flat_map(|scan| &scan.samples).find(|sample| sample.tag == TagId(2));
    assert_eq!(read.unwrap().value, Value::F32(123.456));
}

#[tokio::test]
async fn what_must_not_be_written_is_refused_before_anything_is_sent() {
    let device = Device::start(Habits::default()).await;
    let result = write(&device, Part::Masked, order(6, Value::UInt(1))).await;
    assert!(matches!(result, Err(WriteError::NotWritable)), "{result:?}");
    let result = write(&device, Part::Masked, order(99, Value::UInt(1))).await;
    assert!(matches!(result, Err(WriteError::NotWritable)), "{result:?}");
    let result = write(&device, Part::Masked, order(1, Value::Int(40_000))).await;
    assert!(matches!(result, Err(WriteError::Unfit { .. })), "{result:?}");
    assert_eq!(device.functions(), []);
    let mut unconnected = driver(&device, Part::Masked, 1);
    let result = unconnected.write(&order(1, Value::Int(1))).await;
    assert!(matches!(result, Err(WriteError::Link(_))), "{result:?}");
}

#[tokio::test]
async fn how_a_write_ended_is_told_apart() {
    let refuses = |code| Habits { refuses: Some(code), ..Habits::default() };
    let told = |habits| async {
        let device = Device::start(habits).await;
        let result = write(&device, Part::Masked, order(1, Value::Int(7))).await;
        (result, device.functions())
    };
    let (result, asked) = told(refuses(3)).await;
    assert!(matches!(result, Err(WriteError::Refused { .. })), "{result:?}");
    assert_eq!(asked, [6]);
    let (result, asked) = told(refuses(4)).await;
    assert!(matches!(result, Err(WriteError::Unknown { .. })), "{result:?}");
    assert_eq!(asked, [6]);
    let (result, asked) = told(Habits { mute: true, ..Habits::default() }).await;
    assert!(matches!(result, Err(WriteError::Unknown { .. })), "{result:?}");
    assert_eq!(asked, [6], "never repeated");
    let (result, asked) = told(Habits { closes: true, ..Habits::default() }).await;
    assert!(matches!(result, Err(WriteError::Link(_))), "{result:?}");
    assert_eq!(asked, [6], "never repeated");
    let (result, asked) = told(Habits { forgets: true, ..Habits::default() }).await;
    let differs = matches!(result, Err(WriteError::ReadBackDiffers { read: Value::Int(0) }));
    assert!(differs, "{result:?}");
    assert_eq!(asked, [6, 3, 3], "a cycle of the device later it is looked at again");
}

#[tokio::test]
async fn a_device_without_a_function_is_written_by_another() {
    let device = Device::start(Habits { lacks: vec![5, 6, 22], ..Habits::default() }).await;
    device.memory.lock().unwrap().registers.insert(200, 0x8001);
    write(&device, Part::Masked, order(0, Value::Bool(true))).await.unwrap();
    write(&device, Part::Masked, order(1, Value::Int(7))).await.unwrap();
    let result = write(&device, Part::Masked, order(3, Value::Bool(true))).await;
    assert!(matches!(result, Err(WriteError::Refused { .. })), "{result:?}");
    assert_eq!(device.register(200), 0x8001);
    write(&device, Part::Rewritten, order(3, Value::Bool(true))).await.unwrap();
    assert_eq!(device.register(200), 0x8021);
    let bit = [22, 22, 3, 6, 16, 3];
    assert_eq!(device.functions(), [&[5, 15, 1, 6, 16, 3], &bit[..]].concat());
}

/// Orders that come in while a scan runs.
struct Desk {
    device: Arc<Mutex<Memory>>,
    /// Not before the device was asked so often.
    after: usize,
    waiting: VecDeque<WriteOrder>,
    ends: Vec<Result<Value, WriteError>>,
}

impl OrderDesk for Desk {
    fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() && self.device.lock().unwrap().asked.len() >= self.after
    }

    fn take(&mut self) -> Option<WriteOrder> {
        if self.is_waiting() { self.waiting.pop_front() } else { None }
    }

    fn ended(&mut self, _order: &WriteOrder, end: Result<Value, WriteError>) {
        self.ends.push(end);
    }
}

fn good(out: &[Scan]) -> Vec<TagId> {
    let samples = out.iter().flat_map(|scan| &scan.samples);
    samples.filter(|sample| sample.quality == Quality::Good).map(|sample| sample.tag).collect()
}

#[tokio::test]
async fn an_order_waits_for_the_requests_in_flight_and_not_for_the_scan() {
    for inflight in [1, 3] {
        for after in 0..=7 {
            let device =
                Device::start(Habits { takes: Duration::from_millis(2), ..Habits::default() })
                    .await;
            let mut driver = driver(&device, Part::Masked, inflight);
            driver.connect().await.unwrap();
            let waiting = VecDeque::from([order(1, Value::Int(7)), order(2, Value::F32(1.5))]);
            let ends = Vec::new();
            let mut desk = Desk { device: device.memory.clone(), after, waiting, ends };
            let mut out = Vec::new();
            driver.scan_and_write(GroupId(0), &mut out, &mut desk).await.unwrap();
            let mut tags = good(&out);
            tags.sort_unstable();
            assert_eq!(tags, (0..7).map(TagId).collect::<Vec<_>>(), "each tag once");
            let functions = device.functions();
            // Behind the last request it is the source's turn.
            if after + usize::from(inflight) <= 7 || !desk.ends.is_empty() {
                assert!(desk.ends.iter().all(Result::is_ok) && desk.ends.len() == 2);
                let at = functions.iter().position(|function| *function == 6).unwrap();
                let most = after + usize::from(inflight);
                assert!(at <= most, "sent {at}th, asked for after {after}: {functions:?}");
                assert_eq!(functions[at..at + 4], [6, 3, 16, 3], "one after the other");
                assert_eq!(functions.len(), 11);
            } else {
                assert_eq!((desk.waiting.len(), functions.len()), (2, 7), "nothing was lost");
            }
        }
    }
}

#[tokio::test]
async fn a_link_lost_by_a_write_leaves_no_tag_without_a_sample() {
    let device = Device::start(Habits { closes: true, ..Habits::default() }).await;
    let mut driver = driver(&device, Part::Masked, 1);
    driver.connect().await.unwrap();
    let waiting = VecDeque::from([order(1, Value::Int(7))]);
    let mut desk = Desk { device: device.memory.clone(), after: 3, waiting, ends: Vec::new() };
    let mut out = Vec::new();
    let result = driver.scan_and_write(GroupId(0), &mut out, &mut desk).await;
    assert!(result.is_err());
    assert!(matches!(desk.ends[..], [Err(WriteError::Unknown { .. })]), "{:?}", desk.ends);
    let mut tags: Vec<TagId> =
        out.iter().flat_map(|scan| &scan.samples).map(|sample| sample.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, (0..7).map(TagId).collect::<Vec<_>>(), "each tag once");
    assert!(!good(&out).is_empty());
}

/// Every byte that leaves a driver that reads only, and one that may write
/// and was not told to.
#[tokio::test]
async fn no_write_leaves_without_an_order() {
    let device = Device::start(Habits::default()).await;
    let address = device.address;
    let settings = TcpSettings::new(address.ip().to_string(), address.port());
    let group = GroupSettings { device: DeviceId(0), unit: 1, tags: points() };
    let mut reading = ModbusTcp::new(settings, [group]).unwrap();
    let mut writing = driver(&device, Part::Rewritten, 2);
    for _ in 0..20 {
        reading.connect().await.unwrap();
        reading.scan(GroupId(0), &mut Vec::new()).await.unwrap();
        writing.connect().await.unwrap();
        writing.scan(GroupId(0), &mut Vec::new()).await.unwrap();
    }
    let functions = device.functions();
    assert!(functions.len() == 280 && functions.iter().all(|function| *function <= 4));
}
