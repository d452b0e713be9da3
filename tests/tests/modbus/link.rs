//! One link of the gateway under a loupe: every value that is called Good is compared with what the device can have said.

use std::time::{Duration, Instant};

use forehearth_driver::{Driver, LinkCounters};
use forehearth_driver_modbus::{
    BusSettings, Carrier, Confirm, GroupSettings, ModbusBus, ModbusTcp, SerialSettings, TcpSettings,
};
use forehearth_modbus::{Framing, Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, TagId, Value};

use crate::device::{is_right, millis, time_of};

/// Tags of a link, eight to a request.
pub const TAGS: u32 = 40;
const WORDS: u16 = 16;

/// How long a hostile device may take; those that are late are later than
/// this. On a busy machine an honest one may be later too, which costs values
/// and never makes one wrong.
pub const TIMEOUT: Duration = Duration::from_millis(20);

/// The simulator's `--late`.
pub const LATE: &str = "30ms";

/// A link and what became of it.
pub struct Loupe {
    driver: Box<dyn Driver>,
    pub good: u64,
    pub bad: u64,
    pub scans: u64,
    /// Of each scan, in microseconds.
    pub times: Vec<u32>,
}

impl Loupe {
    /// Opens the link of this URL; `inflight` counts on TCP.
    pub async fn open(url: &str, inflight: u16, timeout: Duration) -> Self {
        let mut driver = driver(url, inflight, timeout);
        driver.connect().await.unwrap();
        Self { driver, good: 0, bad: 0, scans: 0, times: Vec::new() }
    }

    /// Scans once and judges; the values that were Good.
    ///
    /// # Panics
    /// When a Good value is wrong, or a tag has not exactly one sample.
    pub async fn scan(&mut self) -> u64 {
        let mut out = Vec::new();
        let (begin, started) = (millis(), Instant::now());
        let result = self.driver.scan(GroupId(0), &mut out).await;
        let end = millis();
        self.times.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        let mut seen = vec![false; TAGS as usize];
        let mut good = 0;
        for scan in out {
            let mut time = None;
            for sample in scan.samples {
                let tag = sample.tag.index();
                assert!(!std::mem::replace(&mut seen[tag], true), "tag {tag} has two samples");
                if sample.quality != Quality::Good {
                    assert_eq!(sample.value, Value::Null, "a Bad sample of tag {tag} has a value");
                    continue;
                }
                let Value::UInt(value) = sample.value else { panic!("{:?}", sample.value) };
                let what = format!("tag {tag} holds {value:#010x} at {begin}..{end}");
                assert!(is_right(value, tag as u64, begin, end), "a wrong value is Good: {what}");
                // One answer is of one moment.
                let of_answer = *time.get_or_insert(time_of(value));
                assert_eq!(time_of(value), of_answer, "a wrong value is Good: {what}");
                good += 1;
            }
        }
        assert!(seen.iter().all(|seen| *seen), "a tag has no sample");
        self.good += good;
        self.bad += u64::from(TAGS) - good;
        self.scans += 1;
        match result {
            Err(_) => self.connect().await,
            // A unit that is asleep is passed over; the gateway has its rates.
            Ok(()) if good == 0 => tokio::time::sleep(Duration::from_millis(1)).await,
            Ok(()) => {}
        }
        good
    }

    async fn connect(&mut self) {
        let mut last = String::new();
        for _ in 0..50 {
            match self.driver.connect().await {
                Ok(()) => return,
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the device is there, and yet: {last}");
    }

    /// Scans until everything is Good again; how long that took.
    pub async fn recover(&mut self) -> Duration {
        let started = Instant::now();
        while self.scan().await < u64::from(TAGS) {
            assert!(started.elapsed() < Duration::from_secs(15), "not back after 15 s");
        }
        started.elapsed()
    }

    pub fn counters(&self) -> LinkCounters {
        self.driver.counters()
    }
}

/// The driver that the gateway has for this URL.
fn driver(url: &str, inflight: u16, timeout: Duration) -> Box<dyn Driver> {
    let point = |n: u32| Point {
        address: format!("hr:{}", n * 2).parse().unwrap(),
        data_type: DataType::Udint,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    };
    let tags = (0..TAGS).map(|n| (TagId(n), point(n))).collect();
    let group = GroupSettings { device: DeviceId(0), unit: 1, tags };
    let (scheme, rest) = url.split_once("://").unwrap();
    let framing = if url.contains("ascii") { Framing::Ascii } else { Framing::Rtu };
    let socket = || {
        let (host, port) = rest.split_once(':').unwrap();
        (host.to_owned(), port.parse::<u16>().unwrap())
    };
    let carrier = match scheme {
        "tcp" => {
            let (host, port) = socket();
            let settings =
                TcpSettings { timeout, inflight, max_words: WORDS, ..TcpSettings::new(host, port) };
            return Box::new(ModbusTcp::new(settings, [group]).unwrap());
        }
        "serial" => {
            let path = rest.split_once('?').unwrap().0;
            Carrier::Serial(SerialSettings { baud: 115_200, ..SerialSettings::new(path) })
        }
        _ => {
            let (host, port) = socket();
            Carrier::Tcp { host, port }
        }
    };
    let settings = BusSettings {
        framing,
        timeout,
        max_words: WORDS,
        confirm: Confirm::Always,
        ..BusSettings::new(carrier)
    };
    Box::new(ModbusBus::new(settings, [group]).unwrap())
}

/// The `per_mille`-th of these, in microseconds.
pub fn quantile(times: &[u32], per_mille: usize) -> u32 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() * per_mille / 1000).copied().unwrap_or(0)
}
