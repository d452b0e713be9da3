//! What a value costs: `cargo bench -p forehearth-driver-opcua`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../tests/session/listener.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod listener;
#[path = "../tests/session/server.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod server;

use std::time::Instant;

use forehearth_model::TagId;
use serde_json::json;

use crate::listener::{Listener, group, item, settings};
use crate::server::{How, Server};

const ITEMS: u32 = 10_000;
const ROUNDS: u32 = 10;

/// CPU seconds of this process: user and system, in ticks of 10 ms.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    f64::from(u32::try_from(ticks).unwrap()) / 100.0
}

fn peak_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}

fn main() {
    // `cargo test --all-targets` runs benches, too, without this word.
    if std::env::args().any(|word| word == "--bench") {
        tokio::runtime::Runtime::new().unwrap().block_on(ten_thousand_items());
    }
}

async fn ten_thousand_items() {
    let mut server = Server::start(How { items: ITEMS, ..How::default() }).await;
    let items = (0..ITEMS).map(|n| item(TagId(n), &format!("dcs:s=Item{n}"), None)).collect();
    let began = Instant::now();
    let listener = Listener::start(settings(server.port, vec![group(items)]));
    listener.until("all have a value", 120, |said| said.len() >= ITEMS as usize).await;
    eprintln!("{ITEMS} items have their first value after {:?}", began.elapsed());
    let before = cpu();
    for round in 1..=ROUNDS {
        server.command(json!({ "do": "write-items", "value": round * 100_000 })).await;
    }
    let all = ((ROUNDS + 1) * ITEMS) as usize;
    listener.wait_for_samples(all, 120).await;
    let spent = cpu() - before;
    let per_value = spent * 1e6 / f64::from(ROUNDS * ITEMS);
    eprintln!("{per_value:.2} µs CPU per value, {}", peak_kib());
    listener.stop().await;
}
