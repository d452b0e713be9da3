//! What the buffer costs: bytes on disk and bytes written per reading, flushes,
//! processor time, memory, and how long a full directory takes to open.
//!
//! `cargo run --release -p forehearth-buffer --example flash_cost [SECONDS [MILLIONS]]`
//!
//! Ten devices of 100 tags are scanned once a second, as the pipeline batches
//! them: ten batches of 100 readings a second, noisy analogue inputs and a few
//! counters. The two rates run in real time for SECONDS each (30), because the
//! clock decides what is committed together; MILLIONS of readings (20) are
//! then stored and fetched as fast as it goes. Bytes written are the kernel's
//! (`/proc/self/io`), so the file system's own journal is not in them.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_buffer::{Buffer, Outbox, Sealed, Settings, Want};
use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Lane, Quality, Reading, Run,
    Stamp, TagId, Value,
};
use forehearth_telemetry::native::{Compression, Encoder};

const DEVICES: u32 = 10;
const TAGS: u32 = 100;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap());
    let seconds = arguments.next().unwrap_or(30);
    let millions = arguments.next().unwrap_or(20);
    at_rate("broker confirms at once", seconds, true);
    at_rate("broker away", seconds, false);
    outage(millions * 1_000_000);
}

/// 1,000 readings a second in real time.
fn at_rate(case: &str, seconds: u64, settles: bool) {
    let temp = tempfile::tempdir_in(".").unwrap();
    let buffer = open(temp.path());
    let (mut plant, mut outbox) = (Plant::new(&buffer), buffer.outbox(0));
    let _attach = outbox.try_next(Want::Live);
    let (begun, wrote, cpu) = (Instant::now(), written(), cpu());
    for tick in 0..seconds * u64::from(DEVICES) {
        buffer.append(plant.next());
        if settles {
            while let Some(parcel) = outbox.try_next(Want::Live) {
                outbox.settle(parcel.id, 0);
            }
        }
        let next = begun + Duration::from_millis(1000 / u64::from(DEVICES)) * (tick as u32 + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    std::thread::sleep(Duration::from_millis(600));
    let stats = buffer.stats();
    let (readings, took) = (plant.readings as f64, begun.elapsed().as_secs_f64());
    println!("{case}, 1,000 readings/s for {took:.0} s");
    println!("  encoded            {:8.2} B/reading", plant.bytes as f64 / readings);
    println!("  written (kernel)   {:8.2} B/reading", (written() - wrote) as f64 / readings);
    println!("  written (our sum)  {:8.2} B/reading", stats.wear.bytes_written as f64 / readings);
    println!("  on disk            {:8.2} B/reading", segments(temp.path()) as f64 / readings);
    println!(
        "  commits            {:8.2} /s, {} late",
        stats.commits as f64 / took,
        stats.late_commits
    );
    println!("  slowest commit     {:8.1} ms", stats.slowest_commit_us as f64 / 1000.0);
    println!("  flushes            {:8.0} /h", stats.wear.flushes as f64 / took * 3600.0);
    println!(
        "  processor          {:8.2} s per million, idle included",
        (self::cpu() - cpu) / readings * 1e6
    );
    buffer.close();
}

/// Stores as fast as it goes, dies, starts again, and is fetched from.
fn outage(readings: u64) {
    let temp = tempfile::tempdir_in(".").unwrap();
    let buffer = open(temp.path());
    let mut plant = Plant::new(&buffer);
    let (begun, used, wrote) = (Instant::now(), cpu(), written());
    while plant.readings < readings {
        if buffer.stats().memory_bytes > (Settings::MEMORY / 2) as u64 {
            std::thread::sleep(Duration::from_millis(1));
        } else {
            buffer.append(plant.again());
        }
    }
    while buffer.stats().readings_written < plant.readings {
        std::thread::sleep(Duration::from_millis(5));
    }
    let count = plant.readings as f64;
    println!("{} million readings, as fast as it goes", plant.readings / 1_000_000);
    println!("  stored at          {:8.2} million/s", count / begun.elapsed().as_secs_f64() / 1e6);
    println!("  processor          {:8.3} s per million", (cpu() - used) / count * 1e6);
    println!("  written (kernel)   {:8.2} B/reading", (written() - wrote) as f64 / count);
    println!("  on disk            {:8.2} B/reading", segments(temp.path()) as f64 / count);
    println!("  memory             {:8.1} MiB", resident());
    drop(buffer);

    let begun = Instant::now();
    let buffer = open(temp.path());
    let opened = begun.elapsed();
    println!(
        "  opened in          {:8.1} ms, {} segments, {:.0} MiB",
        opened.as_secs_f64() * 1e3,
        buffer.stats().segments,
        segments(temp.path()) as f64 / 1_048_576.0,
    );
    let (begun, used) = (Instant::now(), cpu());
    let fetched = fetch(&mut buffer.outbox(0), plant.readings);
    println!(
        "  fetched at         {:8.2} million/s",
        fetched as f64 / begun.elapsed().as_secs_f64() / 1e6
    );
    println!("  processor          {:8.3} s per million", (cpu() - used) / fetched as f64 * 1e6);
    println!("  memory             {:8.1} MiB", resident());
    assert_eq!(fetched, plant.readings, "nothing is missing");
    buffer.close();
}

/// Takes and settles until so many readings came, as a link with one message in flight.
fn fetch(outbox: &mut Outbox, readings: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut fetched, mut last) = (0, BatchId::default());
        while fetched < readings {
            let parcel = outbox.next(Want::Backlog).await;
            assert!(parcel.id > last, "in order");
            last = parcel.id;
            fetched += u64::from(parcel.readings);
            outbox.settle(parcel.id, 0);
        }
        fetched
    })
}

fn open(dir: &Path) -> Buffer {
    let settings = Settings {
        dir: dir.to_owned(),
        commit_within: Duration::from_millis(500),
        max_size: 8 << 30,
        max_age: Duration::from_secs(14 * 86_400),
        reserve: 0,
        memory: Settings::MEMORY,
    };
    // As large as the dictionary of 1,000 tags.
    let catalogue = (CatalogueHash(1), Bytes::from(vec![7; 40_000]));
    Buffer::open(settings, &["plant".to_owned()], catalogue).unwrap()
}

/// Noisy analogue inputs of a plant, one scan of one device after the other.
struct Plant {
    template: Batch,
    encoder: Encoder,
    signal: Vec<i64>,
    encoded: Vec<(Arc<Batch>, Bytes)>,
    number: u64,
    readings: u64,
    bytes: u64,
}

impl Plant {
    fn new(buffer: &Buffer) -> Self {
        let template = Batch {
            id: BatchId::new(buffer.epoch(), 0),
            lane: Lane::Live,
            catalogue: CatalogueHash(1),
            boot: BootId(1),
            clock: ClockState::Synced,
            runs: Vec::new(),
            readings: Vec::new(),
        };
        let signal = (0..DEVICES * TAGS).map(|_| i64::from(fastrand::u16(4_000..24_000))).collect();
        let encoder = Encoder::new(Compression::WhenItPays);
        let (number, readings, bytes, encoded) = (0, 0, 0, Vec::new());
        Self { template, encoder, signal, encoded, number, readings, bytes }
    }

    /// The scan of the next device, encoded.
    fn next(&mut self) -> Sealed {
        let device = u32::try_from(self.number % u64::from(DEVICES)).unwrap();
        let stamp = Stamp(1_800_000_000_000_000 + i64::try_from(self.number).unwrap() * 100_000);
        let mut batch = self.template.clone();
        batch.id.number = self.number + 1;
        batch.runs = vec![Run { device: DeviceId(device), stamp, len: TAGS }];
        let tags = device * TAGS..(device + 1) * TAGS;
        batch.readings = tags.map(|tag| self.read(tag)).collect();
        let bytes = Bytes::from(self.encoder.encode("plant-1", &batch, &[]));
        self.count(Arc::new(batch), bytes)
    }

    /// One of 600 scans made beforehand under the next number: a minute, so
    /// that making them is not measured.
    fn again(&mut self) -> Sealed {
        if self.encoded.is_empty() {
            for _ in 0..600 {
                let sealed = self.next();
                self.encoded.push((sealed.batch, sealed.bytes));
            }
            (self.number, self.readings, self.bytes) = (0, 0, 0);
        }
        let (batch, bytes) = self.encoded[usize::try_from(self.number % 600).unwrap()].clone();
        let mut batch = Batch::clone(&batch);
        batch.id.number = self.number + 1;
        self.count(Arc::new(batch), bytes)
    }

    fn count(&mut self, batch: Arc<Batch>, bytes: Bytes) -> Sealed {
        self.number += 1;
        self.readings += batch.readings.len() as u64;
        self.bytes += bytes.len() as u64;
        Sealed { batch, bytes, acquired: Instant::now() }
    }

    /// Nine of ten tags are 14-bit inputs with noise, the tenth counts.
    fn read(&mut self, tag: u32) -> Reading {
        let signal = &mut self.signal[tag as usize];
        *signal += if tag.is_multiple_of(10) { 3 } else { fastrand::i64(-6..=6) };
        Reading { tag: TagId(tag), quality: Quality::Good, value: Value::Int(*signal) }
    }
}

/// Bytes this process had written to the disk, as the kernel counts them.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.unwrap().parse().unwrap()
}

/// Processor seconds of all threads.
fn cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let nanos = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e9
}

/// Memory in use, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap().trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Size of all segments with their logs.
fn segments(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("segments")).unwrap().flatten();
    files.map(|file| file.metadata().map_or(0, |meta| meta.len())).sum()
}
