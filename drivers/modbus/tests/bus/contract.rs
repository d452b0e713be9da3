//! The contract every driver keeps, on a pseudo-terminal and on a socket, in RTU and ASCII.

use std::time::Duration;

use forehearth_driver::contract::{Bench, Mood, Rig, hold_to_contract};
use forehearth_driver::{BoxFuture, Driver};
use forehearth_driver_modbus::{
    BusSettings, Carrier, Confirm, GroupSettings, ModbusBus, SerialSettings,
};
use forehearth_modbus::{Framing, Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, TagId, Value};

use crate::device::{Act, Devices, Request};
use crate::end::End;

const PLACES: [&str; 6] = ["co:0", "co:20", "ir:10", "hr:0", "hr:1", "hr:250"];

fn point(place: &str) -> Point {
    let data_type = if place.starts_with("co") { DataType::Bool } else { DataType::Uint };
    Point {
        address: place.parse().unwrap(),
        data_type,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    }
}

fn group(unit: u8) -> GroupSettings {
    let tags = (0..).map(TagId).zip(PLACES.map(point)).collect();
    GroupSettings { device: DeviceId(7), unit, tags }
}

#[derive(Clone, Copy, PartialEq)]
enum Over {
    Pty,
    Tcp,
}

struct BusBench {
    over: Over,
    framing: Framing,
}

struct BusRig {
    driver: ModbusBus,
    devices: Option<Devices>,
}

impl Rig for BusRig {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }

    fn open_links(&self) -> usize {
        self.devices.as_ref().map_or(0, Devices::open_links)
    }
}

fn behave(mood: Mood, request: Request) -> Vec<Act> {
    match mood {
        Mood::Healthy | Mood::Absent => vec![Act::Send(request.answer())],
        Mood::Silent => vec![],
        Mood::ClosesMidAnswer if request.nth.is_multiple_of(2) => {
            vec![Act::Send(request.answer())]
        }
        Mood::ClosesMidAnswer => vec![Act::Send(request.answer()[..4].to_vec()), Act::Close],
        Mood::Garbage => {
            vec![Act::Send((0..40).map(|n| request.unit ^ 37u8.wrapping_mul(n) | 1).collect())]
        }
        Mood::Refuses => vec![Act::Send(request.exception(4))],
    }
}

impl Bench for BusBench {
    fn rig(&self, mood: Mood) -> BoxFuture<'_, Box<dyn Rig>> {
        Box::pin(async move {
            let end = match self.over {
                Over::Pty => End::pty(),
                Over::Tcp => End::tcp().await,
            };
            let absent = match self.over {
                Over::Pty => Carrier::Serial(SerialSettings::new("/dev/pts/no-such-port")),
                Over::Tcp => End::tcp().await.carrier(),
            };
            let devices = (mood != Mood::Absent)
                .then(|| Devices::start(end, self.framing, move |request| behave(mood, request)));
            let carrier = devices.as_ref().map_or(absent, |devices| devices.carrier.clone());
            let mut settings = BusSettings::new(carrier);
            settings.timeout = Duration::from_millis(150);
            settings.framing = self.framing;
            settings.confirm = Confirm::Always;
            let driver = ModbusBus::new(settings, [group(1), group(2)]).unwrap();
            Box::new(BusRig { driver, devices }) as Box<dyn Rig>
        })
    }

    fn groups(&self) -> Vec<(DeviceId, Vec<TagId>)> {
        let tags: Vec<TagId> = (0..PLACES.len() as u32).map(TagId).collect();
        vec![(DeviceId(7), tags.clone()), (DeviceId(7), tags)]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}

#[tokio::test]
async fn rtu_on_a_serial_port_keeps_the_contract() {
    hold_to_contract(&BusBench { over: Over::Pty, framing: Framing::Rtu }).await;
}

#[tokio::test]
async fn rtu_over_tcp_keeps_the_contract() {
    hold_to_contract(&BusBench { over: Over::Tcp, framing: Framing::Rtu }).await;
}

#[tokio::test]
async fn ascii_on_a_serial_port_keeps_the_contract() {
    hold_to_contract(&BusBench { over: Over::Pty, framing: Framing::Ascii }).await;
}

#[tokio::test]
async fn ascii_over_tcp_keeps_the_contract() {
    hold_to_contract(&BusBench { over: Over::Tcp, framing: Framing::Ascii }).await;
}

/// A two-wire adapter that hands back what is sent, and a device that is late
/// once: the values are those of the registers that were asked for.
#[tokio::test]
async fn an_echoing_adapter_and_a_late_answer_give_no_wrong_value() {
    let mut owed = None;
    let script = move |request: Request| {
        let mut echo = Vec::new();
        let [start, count] = [request.start.to_be_bytes(), request.count.to_be_bytes()];
        let pdu = [[request.function].as_slice(), &start, &count].concat();
        forehearth_modbus::rtu::encode(request.unit, &pdu, &mut echo);
        let mut acts = vec![Act::Send(echo)];
        if request.nth == 2 {
            owed = Some(request.answer());
            return acts;
        }
        acts.extend(owed.take().map(Act::Send));
        acts.push(Act::Send(request.answer()));
        acts
    };
    let devices = Devices::start(End::pty(), Framing::Rtu, script);
    let mut settings = BusSettings::new(devices.carrier.clone());
    settings.timeout = Duration::from_millis(200);
    settings.confirm = Confirm::Never;
    let mut driver = ModbusBus::new(settings, [group(9)]).unwrap();
    driver.connect().await.unwrap();
    let mut out = Vec::new();
    for _ in 0..3 {
        driver.scan(GroupId(0), &mut out).await.unwrap();
    }
    let mut good = 0;
    for sample in out.iter().flat_map(|scan| &scan.samples) {
        if sample.quality == Quality::Good {
            let address = point(PLACES[sample.tag.index()]).address;
            let held = match address.table.is_bits() {
                true => Value::Bool(false),
                false => Value::UInt(u64::from(address.offset << 8 | 9)),
            };
            assert_eq!(sample.value, held, "{address}");
            good += 1;
        }
    }
    assert_eq!(good, 18, "{:?}", driver.counters());
    assert_eq!((driver.counters().timeouts, driver.counters().late), (1, 1));
}
