//! Against pymodbus, which nobody here wrote: RTU and ASCII, on a socket and on a serial port.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use forehearth_driver::Driver as _;
use forehearth_driver_modbus::{
    BusSettings, Carrier, Confirm, GroupSettings, ModbusBus, SerialSettings,
};
use forehearth_modbus::{Framing, Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, TagId, Value};
use tokio::task::JoinSet;

use crate::end::{Came, End};

/// The peer; ended when dropped.
struct Peer {
    child: Child,
    /// What it says when it is ready: a port number, or `ready`.
    ready: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None`, with a line that says so, where the peers are not installed.
fn peer(framing: Framing, port: Option<&Path>) -> Option<Peer> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv/bin/python");
    if !python.exists() {
        println!("skipped: no .venv; tests/setup/install.sh test makes it");
        return None;
    }
    let framing = if framing == Framing::Rtu { "rtu" } else { "ascii" };
    let mut command = Command::new(python);
    command.arg(root.join("tests/peers/modbus_line.py")).args(["--framing", framing]);
    command.stdout(Stdio::piped()).stdin(Stdio::piped());
    if let Some(port) = port {
        command.arg("--port").arg(port);
    }
    let mut child = command.spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(!ready.is_empty(), "the peer did not start");
    Some(Peer { child, ready: ready.trim().to_owned() })
}

/// Registers `n` hold `3 n + unit`, coils every third: read by three units, three times.
async fn reads(carrier: Carrier, framing: Framing) {
    let mut settings = BusSettings::new(carrier);
    settings.framing = framing;
    settings.confirm = Confirm::Always;
    settings.timeout = Duration::from_secs(3);
    // A machine that is busy with other tests may keep the peer from answering
    // for longer than the driver has learned to wait.
    settings.retries = 5;
    let points = |places: &[&str], data_type| -> Vec<Point> {
        let point = |place: &&str| Point {
            address: place.parse().unwrap(),
            data_type,
            order: RegisterOrder::Abcd,
            string_bytes: 0,
            codec: forehearth_modbus::Codec::Plain,
        };
        places.iter().map(point).collect()
    };
    let mut places = points(&["hr:0", "hr:7", "hr:150", "hr:199", "ir:3"], DataType::Uint);
    places.extend(points(&["co:0", "co:1", "co:9", "di:30"], DataType::Bool));
    let groups = [1, 5, 9].map(|unit| GroupSettings {
        device: DeviceId(u32::from(unit)),
        unit,
        tags: (0..).map(TagId).zip(places.iter().copied()).collect(),
    });
    let mut bus = ModbusBus::new(settings, groups).unwrap();
    bus.connect().await.unwrap();
    for _ in 0..3 {
        for group in 0..3 {
            let mut out = Vec::new();
            bus.scan(GroupId(group), &mut out).await.unwrap();
            let mut seen = 0;
            for scan in out {
                for sample in scan.samples {
                    let address = places[sample.tag.index()].address;
                    let held = match address.table.is_bits() {
                        true => Value::Bool(address.offset.is_multiple_of(3)),
                        false => {
                            Value::UInt(u64::from(address.offset * 3) + u64::from(scan.device.0))
                        }
                    };
                    assert_eq!(
                        (sample.quality, &sample.value),
                        (Quality::Good, &held),
                        "{address}"
                    );
                    seen += 1;
                }
            }
            assert_eq!(seen, places.len());
        }
    }
    let counters = bus.counters();
    assert_eq!((counters.stray, counters.exceptions), (0, 0));
}

#[tokio::test]
async fn rtu_and_ascii_over_tcp_are_read_from_pymodbus() {
    for framing in [Framing::Rtu, Framing::Ascii] {
        let Some(peer) = peer(framing, None) else { return };
        let port = peer.ready.parse().unwrap();
        reads(Carrier::Tcp { host: "127.0.0.1".to_owned(), port }, framing).await;
    }
}

/// Two pseudo-terminals, cross-connected.
#[tokio::test]
async fn rtu_on_a_serial_port_is_read_from_pymodbus() {
    let (mut ours, mut theirs) = (End::pty(), End::pty());
    let carrier =
        Carrier::Serial(SerialSettings { baud: 115_200, ..SerialSettings::new(ours.path()) });
    let port = theirs.path().to_owned();
    let mut wires = JoinSet::new();
    wires.spawn(async move {
        loop {
            let (from, came) = tokio::select! {
                came = ours.read() => (true, came),
                came = theirs.read() => (false, came),
            };
            if let Came::Bytes(bytes) = came {
                if from { theirs.write(&bytes).await } else { ours.write(&bytes).await }
            }
        }
    });
    let started =
        tokio::task::spawn_blocking(move || peer(Framing::Rtu, Some(&port))).await.unwrap();
    let Some(_peer) = started else { return };
    reads(carrier, Framing::Rtu).await;
}
