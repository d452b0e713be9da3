//! Interference: bytes flip, slip in and get lost. No wrong value is Good, and most of what is possible gets through.

use std::time::{Duration, Instant};

use crate::device::Device;
use crate::hostile::{endure, share};
use crate::link::{LATE, Loupe, TAGS, TIMEOUT};

/// Bytes of a request and of its answer (Serial Line V1.02, 2.3): 8, and 5
/// around 16 registers.
const BYTES: i32 = 8 + 5 + 2 * 16;

/// Values per second over about `time`.
async fn rate(link: &mut Loupe, time: Duration) -> f64 {
    let (started, good) = (Instant::now(), link.good);
    while started.elapsed() < time {
        link.scan().await;
    }
    (link.good - good) as f64 / started.elapsed().as_secs_f64()
}

async fn under_noise(arguments: &[&str], wanted: u64) {
    let mut device = Device::start(&[&["--late", LATE], arguments].concat());
    let mut link = Loupe::open(device.url(), 1, TIMEOUT).await;
    let time = Duration::from_millis(700);
    rate(&mut link, time / 2).await;
    let calm = rate(&mut link, time).await;
    for byte_rate in [1e-4_f64, 1e-3, 1e-2] {
        device.fault(&format!("flip,insert,delete 0 {byte_rate}"));
        let noisy = rate(&mut link, time).await;
        let possible = calm * (1.0 - byte_rate).powi(BYTES);
        println!(
            "{byte_rate:.0e} per byte: {noisy:.0} values/s, {:.0} % of the possible {possible:.0}",
            noisy / possible * 100.0
        );
    }
    let met = endure(&mut device, &mut link, wanted).await;
    device.fault("none");
    let back = link.recover().await;
    println!("{met} damaged answers, back within {back:?}, {:?}", link.counters());
    assert!(link.good > u64::from(TAGS));
}

#[tokio::test]
async fn a_noisy_rtu_line_gives_no_wrong_value() {
    under_noise(&["--mode", "rtu", "--pty"], share(5) / 2).await;
}

#[tokio::test]
async fn a_noisy_line_behind_a_serial_server_gives_no_wrong_value() {
    under_noise(&["--mode", "rtu"], share(5) / 2).await;
}

/// An LRC lets far more through than a CRC: what it lets through must be caught by reading again.
#[tokio::test]
async fn a_noisy_ascii_line_gives_no_wrong_value() {
    let mut device = Device::start(&["--mode", "ascii", "--late", LATE]);
    let mut link = Loupe::open(device.url(), 1, TIMEOUT).await;
    device.fault("flip 0 0.001");
    let met = endure(&mut device, &mut link, share(5) / 4).await;
    println!("{met} damaged answers, {} good, {} bad, {:?}", link.good, link.bad, link.counters());
}
