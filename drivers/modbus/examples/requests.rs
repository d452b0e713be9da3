//! How many requests a second one link does, beside a raw socket loop and the
//! client of tokio-modbus, all against the same device on loopback, which
//! answers at once or some milliseconds after it was asked.
//!
//! `taskset -c 0 cargo run --release -p forehearth-driver-modbus --example requests [SECONDS]`
//!
//! CPU time is that of the client's thread; the device has a thread of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, run by hand")]

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use forehearth_driver::Driver;
use forehearth_driver_modbus::{GroupSettings, ModbusTcp, TcpSettings};
use forehearth_modbus::{Point, RegisterOrder};
use forehearth_model::{DataType, DeviceId, GroupId, TagId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_modbus::client::{Reader, tcp};
use tokio_modbus::slave::Slave;

/// Registers of each request.
const WORDS: u16 = 100;
/// Requests of each scan of ours.
const SPANS: u16 = 40;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2);
    let time = Duration::from_secs(seconds);
    println!("{WORDS} registers per request, {seconds} s each");
    // At once, twice, so that the first round warms up; then as devices do.
    for delay in [0, 0, 5, 20].map(Duration::from_millis) {
        let device = device(delay);
        println!("answers after {} ms", delay.as_millis());
        measure("raw socket loop", time, raw(device, time)).await;
        measure("tokio-modbus", time, tokio_modbus(device, time)).await;
        for inflight in [1, 4, 16] {
            let name = format!("forehearth, depth {inflight}");
            measure(&name, time, forehearth(device, time, inflight)).await;
        }
    }
}

async fn measure(name: &str, time: Duration, requests: impl Future<Output = u64>) {
    let before = cpu();
    let requests = requests.await as f64;
    let micros = (cpu() - before).as_secs_f64() * 1e6;
    println!(
        "{name:22} {:>8.0} requests/s  {:>6.2} µs CPU per request  {:.1} ns per register",
        requests / time.as_secs_f64(),
        micros / requests,
        micros * 1e3 / requests / f64::from(WORDS),
    );
}

/// Time this thread has spent on a CPU (Linux, proc_pid_schedstat).
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Answers every request with registers of zeros, as fast as a thread can
/// once `delay` has passed; requests that came together are answered together.
fn device(delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut asked = [0; 12 * 64];
                let mut answers = Vec::new();
                while let Ok(length @ 1..) = stream.read(&mut asked) {
                    answers.clear();
                    std::thread::sleep(delay);
                    // Requests come whole: each is one segment.
                    for request in asked[..length].chunks_exact(12) {
                        let bytes = request[11] * 2;
                        answers.extend_from_slice(&request[..4]);
                        answers.extend_from_slice(&[0, bytes + 3, request[6], request[7], bytes]);
                        answers.resize(answers.len() + usize::from(bytes), 0);
                    }
                    if stream.write_all(&answers).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn raw(device: SocketAddr, time: Duration) -> u64 {
    let mut stream = TcpStream::connect(device).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = [0; 9 + 2 * WORDS as usize];
    let end = Instant::now() + time;
    let mut requests: u64 = 0;
    while Instant::now() < end {
        let [high, low] = (requests as u16).to_be_bytes();
        let request = [high, low, 0, 0, 0, 6, 1, 3, 0, 0, 0, WORDS as u8];
        stream.write_all(&request).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        requests += 1;
    }
    requests
}

async fn tokio_modbus(device: SocketAddr, time: Duration) -> u64 {
    let mut client = tcp::connect_slave(device, Slave(1)).await.unwrap();
    let end = Instant::now() + time;
    let mut requests = 0;
    while Instant::now() < end {
        let words = client.read_holding_registers(0, WORDS).await.unwrap().unwrap();
        assert_eq!(words.len(), usize::from(WORDS));
        requests += 1;
    }
    requests
}

async fn forehearth(device: SocketAddr, time: Duration, inflight: u16) -> u64 {
    let points = (0..SPANS * WORDS).map(|n| Point {
        address: format!("hr:{n}").parse().unwrap(),
        data_type: DataType::Uint,
        order: RegisterOrder::Abcd,
        string_bytes: 0,
        codec: forehearth_modbus::Codec::Plain,
    });
    let tags = (0..).map(TagId).zip(points).collect();
    let settings = TcpSettings {
        inflight,
        max_words: WORDS,
        ..TcpSettings::new(device.ip().to_string(), device.port())
    };
    let group = GroupSettings { device: DeviceId(0), unit: 1, tags };
    let mut driver = ModbusTcp::new(settings, [group]).unwrap();
    driver.connect().await.unwrap();
    let end = Instant::now() + time;
    let mut out = Vec::new();
    while Instant::now() < end {
        out.clear();
        driver.scan(GroupId(0), &mut out).await.unwrap();
        assert_eq!(out.len(), usize::from(SPANS));
    }
    driver.counters().answers
}
