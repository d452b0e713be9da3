//! A device of the simulator, honest or hostile.

use std::time::{SystemTime, UNIX_EPOCH};

use forehearth_tests::peer::Peer;
use serde_json::Value;

/// Bits of a value that tell its millisecond; above them its pair of registers.
const TIME_BITS: u32 = 20;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// `forehearth-sim modbus`; ended when dropped.
pub struct Device {
    peer: Peer,
    url: String,
}

impl Device {
    pub fn start(arguments: &[&str]) -> Self {
        let peer = Peer::sim("modbus", arguments);
        let ready = peer.json();
        println!("{ready}");
        let url = ready["url"].as_str().expect("it says where it is").to_owned();
        Self { peer, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Misbehaves like this from now on; `none` is honest.
    pub fn fault(&mut self, names_and_rates: &str) {
        self.peer.order(&format!("fault {names_and_rates}"));
    }

    /// What it did so far.
    pub fn stat(&mut self) -> Value {
        self.peer.ask("stat")
    }

    /// Answers that met a fault so far.
    pub fn hostile(&mut self) -> u64 {
        self.stat()["hostile"].as_u64().expect("a count")
    }
}

/// What the simulator takes for time.
pub fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 500 million")
}

/// Whether the value is that of `pair` at some moment from `begin` to `end`.
pub fn is_right(value: u64, pair: u64, begin: u64, end: u64) -> bool {
    // The clock of the device is ours, cut to milliseconds.
    let age = end.wrapping_add(1).wrapping_sub(value & TIME_MASK) & TIME_MASK;
    value >> TIME_BITS == pair && age <= end + 2 - begin
}

/// Only its time.
pub const fn time_of(value: u64) -> u64 {
    value & TIME_MASK
}

#[test]
fn a_value_of_another_place_or_time_is_wrong() {
    let at = |pair: u64, millis: u64| pair << TIME_BITS | millis & TIME_MASK;
    let now = 1_700_000_123_456;
    assert!(is_right(at(7, now), 7, now - 3, now + 3));
    assert!(!is_right(at(7, now - 10), 7, now - 3, now + 3), "an old answer");
    assert!(!is_right(at(8, now), 7, now - 3, now + 3), "a neighbour");
    assert!(!is_right(at(7, now) ^ 1 << 12, 7, now - 3, now + 3), "a flipped bit");
    let wrap = (1 << 50) + 1;
    assert!(is_right(at(7, wrap - 2), 7, wrap - 3, wrap + 1), "the time begins anew");
}
