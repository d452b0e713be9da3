//! The benchmark of the whole gateway: registers in, values counted at the broker.
//!
//! Each row starts a real mosquitto, the simulated load and the release build
//! of the gateway, lets them settle, and then counts what arrives at a
//! subscriber. CPU is what the kernel charged to the gateway's process, so a
//! row can be compared with another on a noisy machine; latencies are those of
//! a register that holds the time at which it was read.
//!
//! `make bench` runs it. `BENCH_SECONDS` sets the length of a row (default 15).
#![expect(unreachable_pub, reason = "in a program, pub means for the rest of the program")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod consumer;
mod parts;
mod process;
mod row;

use std::time::Duration;

use row::{Format, Row};

/// Time before counting starts: connections, births and first full scans.
const SETTLE: Duration = Duration::from_secs(4);

fn main() {
    // `cargo test --benches` calls this too; there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(15));
    println!("{}", row::HEADING);
    for (devices, format) in
        [(1, Format::Native), (10, Format::Native), (50, Format::Native), (50, Format::Sparkplug)]
    {
        Row::new(devices, format).measure(SETTLE, length).print();
    }
    println!("\nThe highest load that doesn't slip (no overrun, at least 99 % at the broker):");
    println!("{}", row::HEADING);
    let mut held = None;
    for period in [1000, 500, 250, 200, 100].map(Duration::from_millis) {
        let result = Row { devices: 200, period, format: Format::Native }.measure(SETTLE, length);
        result.print();
        if !result.holds() {
            break;
        }
        held = Some(result.values_per_second());
    }
    match held {
        Some(held) => println!("held: {held:.0} values/s"),
        None => println!("held: less than 200,000 values/s"),
    }
    println!("\nBroker away (buffer on disk), 10 devices × 1,000 at 1 s:");
    row::measure_disk(10, SETTLE, length);
    println!("\nStart to first poll:");
    row::measure_start();
}
