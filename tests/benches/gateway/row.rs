//! One row of the table: a load, a format, and what it cost.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::consumer::{Consumer, Tally};
use super::parts;

/// Tags of a simulated device.
const TAGS: u64 = 1000;

/// Column heads of [`Result::print`].
pub const HEADING: &str = "devices × tags @ ms    format     values/s   CPU s/M values  cores  peak MiB  \
                           p50 ms  p99 ms  B/value  overruns";

/// What the broker is sent.
#[derive(Clone, Copy)]
pub enum Format {
    Native,
    Sparkplug,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Sparkplug => "sparkplug",
        }
    }
}

/// A load to be measured.
#[derive(Clone, Copy)]
pub struct Row {
    pub devices: u16,
    pub period: Duration,
    pub format: Format,
}

/// What was measured.
pub struct Result {
    row: Row,
    tally: Tally,
    length: Duration,
    cpu: Duration,
    peak_memory: u64,
    overruns: u64,
    imbalance: u64,
}

impl Row {
    /// At the usual period of a second.
    pub const fn new(devices: u16, format: Format) -> Self {
        Self { devices, period: Duration::from_secs(1), format }
    }

    /// Starts all parts, waits for `settle`, counts for `length`.
    pub fn measure(&self, settle: Duration, length: Duration) -> Result {
        let dir = tempfile::tempdir().expect("a temp dir");
        let (broker, status) = (parts::free_port(), parts::free_port());
        let _mosquitto = parts::mosquitto(dir.path(), broker);
        let config = dir.path().join("config");
        let _load = parts::load(&config, self.devices, self.period);
        parts::complete(&config, broker, self.format.name(), status);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let _guard = runtime.enter();
        let consumer = Consumer::start(broker);
        let gateway = parts::gateway(dir.path());
        std::thread::sleep(settle);
        let before = (gateway.process().cpu(), parts::health(status));
        consumer.take();
        let started = Instant::now();
        std::thread::sleep(length);
        let tally = consumer.take();
        let length = started.elapsed();
        let cpu = gateway.process().cpu() - before.0;
        let after = parts::health(status);
        Result {
            row: *self,
            tally,
            length,
            cpu,
            peak_memory: gateway.process().peak_memory(),
            overruns: overruns(&after) - overruns(&before.1),
            imbalance: after["imbalance"].as_u64().unwrap_or(u64::MAX),
        }
    }
}

fn overruns(health: &serde_json::Value) -> u64 {
    let links = health["links"].as_array().expect("links");
    links.iter().filter_map(|link| link["overruns"].as_u64()).sum()
}

impl Result {
    pub fn values_per_second(&self) -> f64 {
        self.tally.values as f64 / self.length.as_secs_f64()
    }

    /// Whether the load was held: nothing skipped, everything arrived.
    pub fn holds(&self) -> bool {
        let asked = f64::from(self.row.devices) * TAGS as f64 / self.row.period.as_secs_f64();
        self.overruns == 0 && self.values_per_second() >= 0.99 * asked
    }

    pub fn print(&self) {
        let mut latencies = self.tally.latencies.clone();
        latencies.sort_unstable();
        let quantile = |per_mille: usize| {
            let place = latencies.len() * per_mille / 1000;
            latencies.get(place).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
        };
        let millions = self.tally.values as f64 / 1e6;
        println!(
            "{:>7} × {TAGS} @ {:<4}  {:<9} {:>9.0}  {:>15.2}  {:>5.2}  {:>8.1}  {:>6.1}  {:>6.1}  {:>7.2}  \
             {:>8}{}",
            self.row.devices,
            self.row.period.as_millis(),
            self.row.format.name(),
            self.values_per_second(),
            self.cpu.as_secs_f64() / millions,
            self.cpu.as_secs_f64() / self.length.as_secs_f64(),
            self.peak_memory as f64 / f64::from(1 << 20),
            quantile(500),
            quantile(990),
            self.tally.bytes as f64 / self.tally.values as f64,
            self.overruns,
            if self.imbalance == 0 { "" } else { "  BOOKS DON'T BALANCE" },
        );
    }
}

/// What the buffer costs while no broker is there.
pub fn measure_disk(devices: u16, settle: Duration, length: Duration) {
    let dir = tempfile::tempdir().expect("a temp dir");
    let (broker, status) = (parts::free_port(), parts::free_port());
    let config = dir.path().join("config");
    let _load = parts::load(&config, devices, Duration::from_secs(1));
    parts::complete(&config, broker, "native", status);
    let gateway = parts::gateway(dir.path());
    std::thread::sleep(settle);
    let measure = || {
        let health = parts::health(status);
        let of = |key: &str| health["buffer"][key].as_u64().expect("a count");
        let process = gateway.process();
        (of("stored"), of("disk_bytes"), process.written(), of("commits"), process.cpu())
    };
    let before = measure();
    std::thread::sleep(length);
    let after = measure();
    let stored = (after.0 - before.0) as f64;
    println!(
        "stored {stored:.0} readings; on disk {:.2} B/reading; written {:.2} B/reading; \
         {:.1} commits/s; {:.2} CPU s per million; RSS {:.1} MiB",
        (after.1 as f64 - before.1 as f64) / stored,
        (after.2 - before.2) as f64 / stored,
        (after.3 - before.3) as f64 / length.as_secs_f64(),
        (after.4 - before.4).as_secs_f64() / stored * 1e6,
        gateway.process().memory() as f64 / f64::from(1 << 20),
    );
}

/// From exec to the first connection at a device, for a small plant.
pub fn measure_start() {
    let mut times = Vec::new();
    for _ in 0..7 {
        let dir = tempfile::tempdir().expect("a temp dir");
        let device = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = device.local_addr().expect("bound").port();
        let config = dir.path().join("config");
        std::fs::create_dir_all(config.join("devices")).expect("temp dir");
        std::fs::write(
            config.join("gateway.toml"),
            "schema = 1\n[gateway]\nid = \"start\"\npath = \"bench\"\n",
        )
        .expect("temp dir");
        parts::complete(&config, parts::free_port(), "native", parts::free_port());
        std::fs::write(
            config.join("devices/d.toml"),
            format!(
                "schema = 1\n[[device]]\nname = \"d\"\ndriver = \"modbus\"\n\
                 url = \"tcp://127.0.0.1:{port}\"\nunit = 1\nrate = \"1s\"\n[device.tags]\n\
                 t = {{ at = \"hr:0\", type = \"UINT\" }}\n"
            ),
        )
        .expect("temp dir");
        let started = Instant::now();
        let _gateway = parts::gateway(dir.path());
        let (mut stream, _) = device.accept().expect("the gateway connects");
        let mut request = [0u8; 12];
        std::io::Read::read_exact(&mut stream, &mut request).expect("the gateway asks");
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "first request after {:.0} ms (median of {}; {:.0} to {:.0})",
        millis(times[times.len() / 2]),
        times.len(),
        millis(times[0]),
        millis(times[times.len() - 1]),
    );
}
