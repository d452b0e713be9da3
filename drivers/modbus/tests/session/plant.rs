//! A driver and the peer it reads: scans like the source does and knows what
//! each Good value must be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use forehearth_driver::{Driver, LinkCounters, LinkError};
use forehearth_driver_modbus::{GroupSettings, ModbusTcp, TcpSettings};
use forehearth_modbus::{Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, TagId, Value};

use crate::peer::{Act, Peer, Request, bit, register};

/// The deadline of a request in these tests: long for a loaded machine, short
/// for a person.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);

/// Five requests: coils, input register 10, holding registers 0–1, 50, 100.
pub(crate) const PLACES: [&str; 8] =
    ["co:0", "co:1", "co:20", "ir:10", "hr:0", "hr:1", "hr:50", "hr:100"];

/// Which of the five requests fetches the tag at each place.
pub(crate) const REQUEST_OF: [usize; 8] = [0, 0, 0, 1, 2, 2, 3, 4];

pub(crate) fn point(place: &str) -> Point {
    let data_type = if place.starts_with("co") { DataType::Bool } else { DataType::Uint };
    Point {
        address: place.parse().unwrap(),
        data_type,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    }
}

pub(crate) fn group(unit: u8) -> GroupSettings {
    let tags = (0..).map(TagId).zip(PLACES.map(point)).collect();
    GroupSettings { device: DeviceId(7), unit, tags }
}

pub(crate) fn settings(address: SocketAddr) -> TcpSettings {
    TcpSettings { timeout: TIMEOUT, ..TcpSettings::new(address.ip().to_string(), address.port()) }
}

/// What a scan brought: a quality for each place.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) qualities: [Quality; 8],
    pub(crate) result: Result<(), LinkError>,
}

impl Outcome {
    pub(crate) fn all_good(&self) -> bool {
        self.result.is_ok() && self.qualities.iter().all(|quality| *quality == Quality::Good)
    }

    /// The quality of request `n`, which all its tags share.
    pub(crate) fn of_request(&self, n: usize) -> Quality {
        let mut of_it =
            (0..8).filter(|place| REQUEST_OF[*place] == n).map(|place| self.qualities[place]);
        let first = of_it.next().unwrap();
        assert!(of_it.all(|quality| quality == first), "tags of one request differ");
        first
    }
}

/// A driver and its peer.
pub(crate) struct Plant {
    pub(crate) driver: ModbusTcp,
    pub(crate) peer: Peer,
    generation: Arc<AtomicU8>,
    connected: bool,
}

impl Plant {
    /// `script` gets each request and the generation its answer belongs to.
    pub(crate) async fn new(
        mut script: impl FnMut(Request, u8) -> Vec<Act> + Send + Clone + 'static,
        tune: impl FnOnce(&mut TcpSettings),
    ) -> Self {
        let generation = Arc::new(AtomicU8::new(0));
        let now = generation.clone();
        let peer = Peer::start(move |request| script(request, now.load(Ordering::SeqCst))).await;
        let mut settings = settings(peer.address);
        tune(&mut settings);
        let driver = ModbusTcp::new(settings, [group(1), group(2)]).unwrap();
        Self { driver, peer, generation, connected: false }
    }

    pub(crate) fn counters(&self) -> LinkCounters {
        self.driver.counters()
    }

    /// One scan of unit 1, with a connect before it when there is no link.
    pub(crate) async fn scan(&mut self) -> Outcome {
        self.scan_group(GroupId(0)).await
    }

    /// Every Good value is the one the device holds *now*, or the test fails.
    pub(crate) async fn scan_group(&mut self, group: GroupId) -> Outcome {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        if !self.connected {
            self.driver.connect().await.unwrap();
        }
        let mut out = Vec::new();
        let result = self.driver.scan(group, &mut out).await;
        self.connected = result.is_ok();
        let mut qualities = [None; 8];
        for sample in out.iter().flat_map(|scan| &scan.samples) {
            let place = sample.tag.index();
            if sample.quality == Quality::Good {
                assert_eq!(sample.value, held(place, generation), "{}", PLACES[place]);
            } else {
                assert_eq!(sample.value, Value::Null, "{}", PLACES[place]);
            }
            assert_eq!(qualities[place].replace(sample.quality), None, "one sample per tag");
        }
        Outcome { qualities: qualities.map(|quality| quality.expect("one sample per tag")), result }
    }

    /// Scans until everything is Good; how many scans it took.
    pub(crate) async fn recover(&mut self) -> usize {
        for n in 1..=5 {
            if self.scan().await.all_good() {
                return n;
            }
        }
        panic!("no recovery within five scans: {:?}", self.counters());
    }
}

fn held(place: usize, generation: u8) -> Value {
    let address = point(PLACES[place]).address;
    if address.table.is_bits() {
        Value::Bool(bit(address.offset, generation))
    } else {
        Value::UInt(register(address.offset, generation).into())
    }
}
