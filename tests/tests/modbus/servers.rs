//! Servers that other people wrote: libmodbus over TCP and at a serial line, read by our drivers and by our verbs.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use forehearth_driver::Driver;
use forehearth_driver_modbus::{
    BusSettings, Carrier, GroupSettings, ModbusBus, ModbusTcp, SerialSettings, TcpSettings,
};
use forehearth_modbus::{Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, TagId, Value};
use forehearth_tests::gateway::Gateway;
use forehearth_tests::peer::{bound, root};
use tempfile::TempDir;

/// `libmodbus_server.c`; ended when dropped.
struct Libmodbus {
    child: Child,
    /// What it says when it is ready.
    ready: String,
    _dir: TempDir,
}

impl Drop for Libmodbus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Libmodbus {
    fn start(kind: &str) -> Self {
        let dir = TempDir::with_prefix("forehearth-libmodbus-").unwrap();
        let program = dir.path().join("server");
        let built = Command::new("cc")
            .args(["-O1", "-I/usr/include/modbus", "-o"])
            .arg(&program)
            .arg(root().join("tests/peers/libmodbus_server.c"))
            .arg("-lmodbus")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "run tests/setup/install.sh test first: {said}");
        let mut child = bound(&program).arg(kind).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(!ready.is_empty(), "it did not start");
        Self { child, ready: ready.trim().to_owned(), _dir: dir }
    }
}

fn points() -> Vec<Point> {
    let point = |place: &&str, data_type| Point {
        address: place.parse().unwrap(),
        data_type,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    };
    let words = ["hr:0", "hr:7", "hr:150", "hr:199", "ir:3"];
    let bits = ["co:0", "co:1", "co:9", "di:30", "di:31"];
    let words = words.iter().map(|place| point(place, DataType::Uint));
    words.chain(bits.iter().map(|place| point(place, DataType::Bool))).collect()
}

fn group() -> GroupSettings {
    let tags = (0..).map(TagId).zip(points()).collect();
    GroupSettings { device: DeviceId(0), unit: 1, tags }
}

async fn reads(mut driver: impl Driver) {
    driver.connect().await.unwrap();
    let points = points();
    for _ in 0..5 {
        let mut out = Vec::new();
        driver.scan(GroupId(0), &mut out).await.unwrap();
        let samples: Vec<_> = out.into_iter().flat_map(|scan| scan.samples).collect();
        assert_eq!(samples.len(), points.len());
        for sample in samples {
            let address = points[sample.tag.index()].address;
            let held = match address.table.is_bits() {
                true => Value::Bool(address.offset.is_multiple_of(3)),
                false => Value::UInt(u64::from(address.offset * 3 + 1)),
            };
            assert_eq!((sample.quality, sample.value), (Quality::Good, held), "{address}");
        }
    }
    let counters = driver.counters();
    assert_eq!((counters.timeouts, counters.stray, counters.exceptions), (0, 0, 0));
}

fn said(arguments: &[&str]) -> String {
    let output = Gateway::verb(&[arguments, &["--config", "/nowhere"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

#[tokio::test]
async fn libmodbus_is_read_over_tcp_and_known_by_its_name() {
    let server = Libmodbus::start("tcp");
    let port = server.ready.parse().unwrap();
    reads(ModbusTcp::new(TcpSettings::new("127.0.0.1", port), [group()]).unwrap()).await;
    let url = format!("tcp://127.0.0.1:{port}");
    let units = said(&["scan", "units", &url, "--units", "1"]);
    assert!(units.starts_with("unit 1") && units.contains("LMB"), "{units}");
    let found =
        said(&["scan", "registers", &url, "--from", "hr:150", "--to", "hr:260", "--pause", "1ms"]);
    assert_eq!(found.trim(), "40151 (hr:150) … 40200 (hr:199)  50");
    assert!(said(&["probe", &url, "hr:7"]).contains(" 22"));
}

#[tokio::test]
async fn libmodbus_is_read_at_a_serial_line() {
    let server = Libmodbus::start("rtu");
    let serial = SerialSettings { baud: 115_200, ..SerialSettings::new(&server.ready) };
    reads(ModbusBus::new(BusSettings::new(Carrier::Serial(serial)), [group()]).unwrap()).await;
    let found = said(&[
        "scan",
        "serial",
        &server.ready,
        "--bauds",
        "9600",
        "--formats",
        "8N1",
        "--units",
        "1-2",
    ]);
    assert!(found.starts_with("9600 8N1  unit 1") && found.contains("LMB"), "{found}");
}
