//! Hostile devices: whatever one does, no wrong value is Good, its neighbours are read, and it is back when it behaves.
//!
//! `FOREHEARTH_HOSTILE` is the number of hostile answers over all these
//! tests, 1,500 when absent; `make soak` has 100,000.

use std::time::{Duration, Instant};

use forehearth_tests::peer::{binary, bound};

use crate::device::Device;
use crate::link::{LATE, Loupe, TIMEOUT, quantile};

/// Hostile answers over all tests of this file and `noise.rs`.
const USUAL: u64 = 1_500;

/// Of the whole, in parts of a hundred: TCP at depth 1, TCP at depth 4 with
/// all faults mixed, RTU and ASCII behind a socket, RTU at a port, noise.
pub const SHARES: [u64; 6] = [30, 25, 12, 8, 10, 15];

/// Answers of this share of the whole.
pub fn share(part: usize) -> u64 {
    let wanted = std::env::var("FOREHEARTH_HOSTILE").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(USUAL) * SHARES[part] / 100
}

/// Longest time without a new hostile answer; a unit that is asleep is asked
/// rarely.
const PATIENCE: Duration = Duration::from_secs(20);

/// The faults that `--fault list` names for this place.
fn faults(place: &str) -> Vec<String> {
    let output =
        bound(&binary("forehearth-sim")).args(["modbus", "--fault", "list"]).output().unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    let here = |line: &&str| {
        let places = line[18..31].trim();
        places == "all" || places.contains(place)
    };
    list.lines().filter(here).map(|line| line[..18].trim().to_owned()).collect()
}

#[test]
fn there_are_faults_enough_and_each_is_described() {
    let (tcp, rtu) = (faults("tcp"), faults("rtu"));
    assert!(tcp.len() >= 24, "{}", tcp.len());
    assert!(rtu.len() >= 12 && rtu == faults("ascii"), "{}", rtu.len());
}

/// Scans until the device has met `wanted` more of its answers with a fault.
pub async fn endure(device: &mut Device, link: &mut Loupe, wanted: u64) -> u64 {
    let begun = device.hostile();
    let (mut met, mut last_news) = (0, Instant::now());
    while met < wanted {
        for _ in 0..5 {
            link.scan().await;
        }
        let now = device.hostile() - begun;
        if now > met {
            (met, last_news) = (now, Instant::now());
        }
        assert!(last_news.elapsed() < PATIENCE, "the device is not asked any more");
    }
    met
}

/// Each fault by itself with a driver of its own, and then an honest device.
/// `rate` of the answers are hostile: a unit of a serial line that misses two
/// in a row is put to sleep, as it should be, and then met rarely.
async fn one_by_one(arguments: &[&str], place: &str, rate: f64, wanted: u64) {
    let mut device = Device::start(&[&["--late", LATE], arguments].concat());
    let faults: Vec<String> = faults(place)
        .into_iter()
        .filter(|name| !["flip", "insert", "delete"].contains(&name.as_str()))
        .collect();
    let each = wanted.div_ceil(faults.len() as u64).max(1);
    let (mut met, mut good, mut bad, mut slowest) = (0, 0, 0, Duration::ZERO);
    for fault in &faults {
        let mut link = Loupe::open(device.url(), 1, TIMEOUT).await;
        device.fault(&format!("{fault} {rate}"));
        let now = endure(&mut device, &mut link, each).await;
        device.fault("none");
        let back = link.recover().await;
        println!(
            "{fault:<18} {now:>5} hostile, {:>6} good, {:>6} bad, back within {back:?}",
            link.good, link.bad
        );
        assert!(link.good > 0);
        (met, good, bad, slowest) =
            (met + now, good + link.good, bad + link.bad, slowest.max(back));
    }
    println!(
        "{} faults, {met} hostile answers, {good} good, {bad} bad, back within {slowest:?} at most",
        faults.len()
    );
    assert!(met >= wanted);
}

#[tokio::test]
async fn no_fault_of_a_tcp_device_makes_a_wrong_value_good() {
    one_by_one(&[], "tcp", 0.3, share(0)).await;
}

#[tokio::test]
async fn no_fault_of_an_rtu_device_behind_a_server_makes_a_wrong_value_good() {
    one_by_one(&["--mode", "rtu"], "rtu", 0.2, share(2)).await;
}

#[tokio::test]
async fn no_fault_of_an_ascii_device_makes_a_wrong_value_good() {
    one_by_one(&["--mode", "ascii"], "ascii", 0.2, share(3)).await;
}

#[tokio::test]
async fn no_fault_of_an_rtu_device_at_a_port_makes_a_wrong_value_good() {
    one_by_one(&["--mode", "rtu", "--pty"], "rtu", 0.2, share(4)).await;
}

/// All faults mixed at depth 4, an honest neighbour on a link of its own.
#[tokio::test]
async fn a_hostile_device_costs_its_neighbour_no_value_and_no_memory() {
    let mut device = Device::start(&["--late", LATE]);
    let neighbour = Device::start(&[]);
    let mut link = Loupe::open(device.url(), 4, TIMEOUT).await;
    let mut calm = Loupe::open(neighbour.url(), 1, Duration::from_secs(5)).await;
    // Both links are scanned at once, as the gateway does.
    for _ in 0..300 {
        tokio::join!(link.scan(), calm.scan());
    }
    let before = quantile(&calm.times, 990);
    calm.times.clear();
    let faults = faults("tcp").join(",");
    device.fault(&format!("{faults} 0.2"));
    let (begun, wanted) = (device.hostile(), share(1));
    let (mut met, mut memory) = (0, None);
    while met < wanted {
        let attacked = async {
            for _ in 0..20 {
                link.scan().await;
            }
        };
        let beside = async {
            for _ in 0..20 {
                calm.scan().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::join!(attacked, beside);
        met = device.hostile() - begun;
        if met > wanted / 3 {
            memory.get_or_insert_with(resident);
        }
    }
    let during = quantile(&calm.times, 990);
    device.fault("none");
    let back = link.recover().await;
    let grown = resident().saturating_sub(memory.unwrap_or(0));
    println!(
        "{met} hostile answers at depth 4; neighbour p99 {before} µs before, {during} µs during \
         ({:.2} x); back within {back:?}; memory grew by {} KiB; {:?}",
        f64::from(during) / f64::from(before.max(1)),
        grown / 1024,
        link.counters()
    );
    assert_eq!(calm.bad, 0, "the neighbour is read throughout");
    assert!(grown < 8 << 20, "memory grew by {grown} bytes");
}

/// Memory of this process in bytes (proc_pid_status(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}
