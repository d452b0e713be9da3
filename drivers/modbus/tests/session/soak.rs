//! Thousands of answers, a fifth of them faulty at random: none is taken for
//! a value it is not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::peer::{Act, Request, frame};
use crate::plant::Plant;

/// Scans per run; five requests each.
const SCANS: usize = 600;

/// One answer as a bad device gives it. `earlier` is an answer of an earlier scan.
fn answer(
    random: &mut fastrand::Rng,
    request: Request,
    generation: u8,
    earlier: &[u8],
) -> Vec<Act> {
    let good = request.answer(generation);
    let bytes = match random.u8(0..60) {
        0 => frame(request.transaction ^ 0x100, request.unit, &request.pdu(generation)),
        1 => frame(request.transaction, request.unit ^ 1, &request.pdu(generation)),
        2 => earlier.to_vec(),
        3 => [earlier, &good].concat(),
        4 => [&good[..], &good].concat(),
        5 => good[..random.usize(1..good.len())].to_vec(),
        6 => [&good[..], &[random.u8(..)]].concat(),
        7 => request.exception(random.u8(..)),
        8 => (0..random.usize(1..30)).map(|_| random.u8(..)).collect(),
        9 => {
            // Header or counts damaged. The data itself has no check in
            // Modbus TCP, TCP's own is what guards it; nor can anyone tell
            // when a device swaps the ids of two like requests in flight.
            let mut bytes = good;
            let at = [0, 2, 3, 4, 5, 6, 7, 8][random.usize(0..8)];
            bytes[at] ^= 1 << random.u8(0..8);
            bytes
        }
        10 => return vec![Act::Send(good[..8].to_vec()), Act::Close],
        11 => return vec![Act::Wait(Duration::from_millis(30)), Act::Send(good)],
        12 => return vec![Act::Drip(good, Duration::ZERO)],
        _ => good,
    };
    vec![Act::Send(bytes)]
}

async fn soak(seed: u64, inflight: u16) {
    println!("seed {seed}, depth {inflight}");
    let state = Arc::new(Mutex::new((fastrand::Rng::with_seed(seed), Vec::<Vec<u8>>::new())));
    let script = move |request: Request, generation| {
        let mut state = state.lock().unwrap();
        let (random, earlier) = &mut *state;
        let old = earlier.first().cloned().unwrap_or_default();
        if earlier.len() >= 12 {
            earlier.remove(0);
        }
        earlier.push(request.answer(generation));
        answer(random, request, generation, &old)
    };
    let mut plant = Plant::new(script, |settings| {
        settings.timeout = Duration::from_millis(20);
        settings.inflight = inflight;
    })
    .await;
    let (mut good, mut bad) = (0, 0);
    for _ in 0..SCANS {
        let before = plant.counters();
        // `scan` compares every Good value with what the device holds now.
        let outcome = plant.scan().await;
        let here = outcome.qualities.iter().filter(|q| **q == forehearth_model::Quality::Good);
        let here = here.count();
        let after = plant.counters();
        if (after.requests, after.connects) == (before.requests, before.connects) {
            // It was silent so often that it is left alone for a while.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        good += here;
        bad += 8 - here;
    }
    println!("{good} good, {bad} bad, {:?}", plant.counters());
    assert!(good > bad, "most readings get through");
    assert!(bad > SCANS / 10, "the device was hostile indeed");
}

#[tokio::test]
async fn no_wrong_value_is_good_at_depth_one() {
    soak(fastrand::u64(..), 1).await;
}

#[tokio::test]
async fn no_wrong_value_is_good_at_depth_four() {
    soak(fastrand::u64(..), 4).await;
}
