//! Several units behind one socket: a dead one costs the others little, and each has its own counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forehearth_model::{GroupId, Quality};
use tokio::time::Instant;

use crate::peer::Act;
use crate::plant::Plant;

#[tokio::test]
async fn a_dead_unit_behind_a_gateway_is_only_probed_and_comes_back() {
    let dead = Arc::new(AtomicBool::new(true));
    let silent = dead.clone();
    let mut plant = Plant::new(
        move |request, generation| match request.unit {
            2 if silent.load(Ordering::SeqCst) => vec![],
            _ => vec![Act::Send(request.answer(generation))],
        },
        |settings| settings.timeout = Duration::from_millis(100),
    )
    .await;
    plant.scan().await;
    let began = Instant::now();
    let mut rounds = 0u32;
    while began.elapsed() < Duration::from_secs(2) {
        assert!(plant.scan().await.all_good(), "the neighbour");
        let outcome = plant.scan_group(GroupId(1)).await;
        assert!(outcome.result.is_ok(), "one dead unit is no dead link");
        assert!(outcome.qualities.iter().all(|of| *of == Quality::BadNoCommunication));
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let report = plant.driver.report().read();
    let [alive, asleep] = report.units.as_slice() else { panic!("{report:?}") };
    assert!(!alive.is_asleep && asleep.is_asleep);
    assert_eq!((alive.meter.timeouts, asleep.meter.answers), (0, 0));
    let (lost, asked) = (asleep.meter.timeouts, plant.counters().requests);
    assert!(lost < 12, "{lost} of {asked} requests in {rounds} rounds waited in vain");
    dead.store(false, Ordering::SeqCst);
    let began = Instant::now();
    while !plant.scan_group(GroupId(1)).await.all_good() {
        assert!(began.elapsed() < Duration::from_secs(5), "back within 5 s");
        assert!(plant.scan().await.all_good());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn neighbours_are_joined_across_what_is_measured_to_be_worth_it() {
    let mut plant = Plant::new(
        |request, generation| {
            vec![Act::Wait(Duration::from_millis(3)), Act::Send(request.answer(generation))]
        },
        |_| {},
    )
    .await;
    // Registers 0 and 1, 50, and 100: too far apart for the first guess.
    assert_eq!(plant.driver.requests(GroupId(0)), 5);
    for _ in 0..70 {
        assert!(plant.scan().await.all_good());
    }
    assert_eq!(plant.driver.requests(GroupId(0)), 5, "requests of one size tell nothing");
}
