//! Against the TCP server of tokio-modbus, which nobody here wrote: it parses
//! our frames and makes the answers with its own code.

use std::future::{Ready, ready};
use std::sync::Arc;

use forehearth_driver::Driver;
use forehearth_driver_modbus::{GroupSettings, ModbusTcp, TcpSettings};
use forehearth_modbus::{Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, Sample, Stamp, TagId, Value};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

/// Registers 0 to 999 and coils 0 to 2999 of unit 17.
struct Device {
    registers: Vec<u16>,
    coils: Vec<bool>,
}

impl Service for Device {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        ready(self.answer(&request))
    }
}

impl Device {
    fn answer(&self, request: &SlaveRequest<'_>) -> Result<Response, ExceptionCode> {
        if request.slave != 17 {
            return Err(ExceptionCode::GatewayTargetDevice);
        }
        let beyond = ExceptionCode::IllegalDataAddress;
        let range =
            |start: u16, count: u16| usize::from(start)..usize::from(start) + usize::from(count);
        match request.request {
            Request::ReadHoldingRegisters(start, count) => {
                let words = self.registers.get(range(start, count)).ok_or(beyond)?;
                Ok(Response::ReadHoldingRegisters(words.to_vec()))
            }
            Request::ReadInputRegisters(start, count) => {
                let words = self.registers.get(range(start, count)).ok_or(beyond)?;
                Ok(Response::ReadInputRegisters(words.iter().map(|word| !word).collect()))
            }
            Request::ReadCoils(start, count) => {
                let bits = self.coils.get(range(start, count)).ok_or(beyond)?;
                Ok(Response::ReadCoils(bits.to_vec()))
            }
            Request::ReadDiscreteInputs(start, count) => {
                let bits = self.coils.get(range(start, count)).ok_or(beyond)?;
                Ok(Response::ReadDiscreteInputs(bits.iter().map(|bit| !bit).collect()))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

fn device() -> Device {
    let mut registers: Vec<u16> = (0..1000).collect();
    registers[100..102].copy_from_slice(&[0x42F6, 0xE979]); // 123.456, ABCD
    registers[102..104].copy_from_slice(&[0xE979, 0x42F6]); // 123.456, CDAB
    registers[104..108].copy_from_slice(&[0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE]); // -2, ABCD
    registers[108] = 0x8001;
    registers[109..111].copy_from_slice(&[0x7FC0, 0]); // a quiet NaN
    registers[111..113].copy_from_slice(&[u16::from_be_bytes(*b"PT"), u16::from_be_bytes(*b"-9")]);
    Device { registers, coils: (0..3000).map(|n| n % 3 == 0).collect() }
}

/// The server on a free port; ends with the `JoinSet`.
pub(crate) async fn serve(tasks: &mut JoinSet<()>) -> TcpSettings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let device = Arc::new(device());
    tasks.spawn(async move {
        let new_service = |_| Ok(Some(device.clone()));
        let on_connected = |stream, peer| ready(accept_tcp_connection(stream, peer, new_service));
        Server::new(listener).serve(&on_connected, |_| {}).await.unwrap();
    });
    TcpSettings::new(address.ip().to_string(), address.port())
}

pub(crate) fn point(place: &str, data_type: DataType) -> Point {
    Point {
        address: place.parse().unwrap(),
        data_type,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    }
}

/// Connects and scans one group; the samples by tag.
async fn read(settings: TcpSettings, unit: u8, points: Vec<Point>) -> (Vec<Sample>, ModbusTcp) {
    let tags = (0..).map(TagId).zip(points).collect();
    let group = GroupSettings { device: DeviceId(0), unit, tags };
    let mut driver =
        ModbusTcp::new(settings, [group]).unwrap().with_clock(|| Stamp::from_millis(1234));
    driver.connect().await.unwrap();
    let mut out = Vec::new();
    driver.scan(GroupId(0), &mut out).await.unwrap();
    assert!(out.iter().all(|scan| scan.stamp == Stamp::from_millis(1234)));
    let mut samples: Vec<Sample> = out.into_iter().flat_map(|scan| scan.samples).collect();
    samples.sort_by_key(|sample| sample.tag);
    (samples, driver)
}

#[tokio::test]
async fn every_type_reads_as_the_device_holds_it() {
    let mut tasks = JoinSet::new();
    let settings = serve(&mut tasks).await;
    let cdab = Point { order: RegisterOrder::Cdab, ..point("hr:102", DataType::Real) };
    let text = Point { string_bytes: 4, ..point("hr:111", DataType::String) };
    let cases = [
        (point("40101", DataType::Real), Value::F32(123.456)),
        (cdab, Value::F32(123.456)),
        (point("hr:104", DataType::Lint), Value::Int(-2)),
        (point("hr:104", DataType::Ulint), Value::UInt(u64::MAX - 1)),
        (point("hr:108.15", DataType::Bool), Value::Bool(true)),
        (point("hr:108.14", DataType::Bool), Value::Bool(false)),
        (point("hr:108.0", DataType::Bool), Value::Bool(true)),
        (point("hr:108", DataType::Int), Value::Int(-32767)),
        (text, Value::Text("PT-9".into())),
        (point("hr:999", DataType::Uint), Value::UInt(999)),
        (point("ir:5", DataType::Uint), Value::UInt(0xFFFA)),
        (point("ir:5", DataType::Int), Value::Int(-6)),
        (point("co:2999", DataType::Bool), Value::Bool(false)),
        (point("co:0", DataType::Bool), Value::Bool(true)),
        (point("di:0", DataType::Bool), Value::Bool(false)),
        (point("di:1", DataType::Bool), Value::Bool(true)),
    ];
    let (samples, _) = read(settings, 17, cases.iter().map(|(point, _)| *point).collect()).await;
    for (sample, (point, value)) in samples.iter().zip(&cases) {
        assert_eq!((sample.quality, &sample.value), (Quality::Good, value), "{}", point.address);
    }
    assert_eq!(samples.len(), cases.len());
}

#[tokio::test]
async fn a_nan_and_an_address_beyond_the_device_are_bad_alone() {
    let mut tasks = JoinSet::new();
    let settings = serve(&mut tasks).await;
    let points = vec![
        point("hr:109", DataType::Real),
        point("hr:108", DataType::Uint),
        point("hr:1200", DataType::Uint),
    ];
    let (samples, driver) = read(settings, 17, points).await;
    let qualities: Vec<_> = samples.iter().map(|sample| sample.quality).collect();
    let (sensor, good, map) = (Quality::BadSensorFailure, Quality::Good, Quality::BadConfiguration);
    assert_eq!(qualities, [sensor, good, map]);
    assert_eq!(driver.counters().exceptions, 1);
}

/// The device ends at 999; the request for 990 to 1004 is refused because of
/// what lies between and behind, and the tag below the end must not suffer.
#[tokio::test]
async fn a_refused_span_is_halved_until_one_tag_is_bad_alone() {
    let mut tasks = JoinSet::new();
    let settings = serve(&mut tasks).await;
    let points = vec![point("hr:990", DataType::Uint), point("hr:1004", DataType::Uint)];
    let check = |samples: &[Sample]| {
        assert_eq!((samples[0].quality, &samples[0].value), (Quality::Good, &Value::UInt(990)));
        assert_eq!(samples[1].quality, Quality::BadConfiguration);
    };
    let (samples, mut driver) = read(settings, 17, points).await;
    check(&samples);
    for _ in 0..2 {
        let mut out = Vec::new();
        driver.scan(GroupId(0), &mut out).await.unwrap();
        let samples: Vec<_> = out.into_iter().flat_map(|scan| scan.samples).collect();
        check(&samples);
    }
    assert_eq!(driver.counters().requests, 3 + 2 + 2);
    assert!(driver.learned().to_string().contains("unit 17 barred hr:1004 1"));
}

/// At several depths: 300 tags in one piece, one of them refused.
#[tokio::test]
async fn one_illegal_tag_among_hundreds_costs_no_other() {
    let mut tasks = JoinSet::new();
    let settings = serve(&mut tasks).await;
    for inflight in [1, 4] {
        let points: Vec<_> =
            (800..=1000).map(|n| point(&format!("hr:{n}"), DataType::Uint)).collect();
        let settings = TcpSettings { inflight, ..settings.clone() };
        let (samples, driver) = read(settings, 17, points).await;
        assert_eq!(samples.len(), 201);
        for (sample, n) in samples.iter().zip(800u64..) {
            let expected = if n == 1000 { Value::Null } else { Value::UInt(n) };
            assert_eq!(sample.value, expected, "{n} at depth {inflight}");
        }
        assert!(driver.counters().requests <= 2 + 2 * 7, "{:?}", driver.counters());
    }
}

#[tokio::test]
async fn a_unit_the_gateway_cannot_reach_is_no_communication() {
    let mut tasks = JoinSet::new();
    let settings = serve(&mut tasks).await;
    let (samples, _) = read(settings, 3, vec![point("hr:0", DataType::Uint)]).await;
    assert_eq!(samples[0].quality, Quality::BadNoCommunication);
}

/// 1,000 registers and 3,000 coils: full requests, at several depths.
#[tokio::test]
async fn a_thousand_registers_come_in_eight_requests_at_any_depth() {
    let mut tasks = JoinSet::new();
    let settings = serve(&mut tasks).await;
    for inflight in [1, 4, 16] {
        let registers =
            (0..100).chain(113..1000).map(|n| point(&format!("hr:{n}"), DataType::Uint));
        let coils = (0..3000).map(|n| point(&format!("co:{n}"), DataType::Bool));
        let settings = TcpSettings { inflight, ..settings.clone() };
        let (samples, driver) = read(settings, 17, registers.chain(coils).collect()).await;
        for (sample, n) in samples.iter().zip((0..100).chain(113..1000)) {
            assert_eq!(sample.value, Value::UInt(n), "depth {inflight}");
        }
        for (n, sample) in samples[987..].iter().enumerate() {
            assert_eq!(sample.value, Value::Bool(n % 3 == 0), "depth {inflight}");
        }
        assert_eq!(driver.counters().requests, 8 + 2);
    }
}
