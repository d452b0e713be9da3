//! Devices that lie, stall, stutter or fall silent: no wrong value is ever
//! Good, the damage stays where it is, and the link comes back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use forehearth_driver::{Driver, LinkError};
use forehearth_model::{GroupId, Quality};

use crate::peer::{Act, Request, frame};
use crate::plant::{Outcome, Plant, TIMEOUT};

type Fault = fn(Request, u8) -> Vec<Act>;

/// A device that does `fault` to the second request it ever gets (input
/// register 10) and is honest before and after.
async fn plant(fault: Fault) -> Plant {
    let script = move |request: Request, generation| match request.nth {
        1 => fault(request, generation),
        _ => vec![Act::Send(request.answer(generation))],
    };
    Plant::new(script, |_| {}).await
}

/// The faulty request alone is Bad, its neighbours are read, the link stays.
async fn costs_one_request(fault: Fault, quality: Quality) -> Plant {
    let mut plant = plant(fault).await;
    let outcome = plant.scan().await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert_eq!(outcome.of_request(1), quality);
    for neighbour in [0, 2, 3, 4] {
        assert_eq!(outcome.of_request(neighbour), Quality::Good, "neighbour {neighbour}");
    }
    assert_eq!(plant.recover().await, 1);
    assert_eq!(plant.counters().connects, 1);
    plant
}

/// The stream is in doubt: the link is closed, what was read before stays
/// Good, and the next scan on a new connection is Good throughout.
async fn costs_the_connection(fault: Fault, quality: Quality) -> (Plant, String) {
    let mut plant = plant(fault).await;
    let outcome = plant.scan().await;
    let reason = lost(&outcome);
    assert_eq!(outcome.of_request(0), Quality::Good, "read before the fault");
    assert_eq!(outcome.of_request(1), quality);
    for after in [2, 3, 4] {
        assert_eq!(outcome.of_request(after), Quality::BadNoCommunication);
    }
    assert_eq!(plant.recover().await, 1);
    assert_eq!(plant.counters().connects, 2);
    (plant, reason)
}

fn lost(outcome: &Outcome) -> String {
    match &outcome.result {
        Err(LinkError::Lost { reason, .. }) => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_with_a_foreign_transaction_id_is_dropped() {
    let fault: Fault = |request, generation| {
        let foreign = request.transaction.wrapping_add(1000);
        vec![Act::Send(frame(foreign, request.unit, &request.pdu(generation)))]
    };
    let plant = costs_one_request(fault, Quality::BadNoCommunication).await;
    assert_eq!((plant.counters().stray, plant.counters().timeouts), (1, 1));
}

#[tokio::test]
async fn an_answer_of_another_unit_is_dropped() {
    let fault: Fault = |request, generation| {
        vec![Act::Send(frame(request.transaction, request.unit + 1, &request.pdu(generation)))]
    };
    let plant = costs_one_request(fault, Quality::BadNoCommunication).await;
    assert_eq!((plant.counters().stray, plant.counters().timeouts), (1, 1));
}

#[tokio::test]
async fn a_wrong_answer_before_the_right_one_does_no_harm() {
    let fault: Fault = |request, generation| {
        let foreign = frame(request.transaction, request.unit + 1, &request.pdu(generation));
        vec![Act::Send(foreign), Act::Send(request.answer(generation))]
    };
    let plant = costs_one_request(fault, Quality::Good).await;
    assert_eq!((plant.counters().stray, plant.counters().timeouts), (1, 0));
}

#[tokio::test]
async fn a_late_answer_is_counted_and_never_taken_for_the_next() {
    let fault: Fault = |request, generation| {
        vec![Act::Wait(TIMEOUT * 5 / 4), Act::Send(request.answer(generation.wrapping_sub(1)))]
    };
    let plant = costs_one_request(fault, Quality::BadNoCommunication).await;
    assert_eq!((plant.counters().late, plant.counters().timeouts), (1, 1));
}

/// tokio-modbus #324: a device slower than the timeout puts the client off by
/// one for ever.
#[tokio::test]
async fn a_device_that_was_slower_than_the_timeout_is_read_again_once_it_is_fast() {
    let script = |request: Request, generation| match request.nth {
        0..3 => vec![Act::Wait(TIMEOUT * 5 / 4), Act::Send(request.answer(generation))],
        _ => vec![Act::Send(request.answer(generation))],
    };
    let mut plant = Plant::new(script, |_| {}).await;
    let outcome = plant.scan().await;
    assert_eq!(outcome.of_request(0), Quality::BadNoCommunication);
    plant.recover().await;
    assert!(plant.counters().late >= 1);
}

#[tokio::test]
async fn a_short_answer_is_refused() {
    let fault: Fault = |request, _| vec![Act::Send(request.frame(&[request.function, 0]))];
    costs_one_request(fault, Quality::BadDeviceFailure).await;
}

#[tokio::test]
async fn a_long_answer_is_refused() {
    let fault: Fault =
        |request, _| vec![Act::Send(request.frame(&[request.function, 4, 1, 2, 3, 4]))];
    costs_one_request(fault, Quality::BadDeviceFailure).await;
}

#[tokio::test]
async fn an_answer_to_another_function_is_refused() {
    let fault: Fault = |request, _| vec![Act::Send(request.frame(&[3, 2, 0, 1]))];
    costs_one_request(fault, Quality::BadDeviceFailure).await;
    let exception_of_another: Fault = |request, _| vec![Act::Send(request.frame(&[0x83, 2]))];
    costs_one_request(exception_of_another, Quality::BadDeviceFailure).await;
}

#[tokio::test]
async fn a_lying_byte_count_costs_the_connection() {
    for fault in [
        (|request: Request, _| vec![Act::Send(request.frame(&[request.function, 4, 0, 1]))])
            as Fault,
        |request, _| vec![Act::Send(request.frame(&[request.function, 2, 0]))],
        |request, _| vec![Act::Send(request.frame(&[request.function, 2, 0, 1, 2]))],
        |request, _| vec![Act::Send(request.frame(&[request.function]))],
        |request, _| vec![Act::Send(request.frame(&[request.function | 0x80, 2, 0]))],
    ] {
        let (_, reason) = costs_the_connection(fault, Quality::BadDeviceFailure).await;
        assert!(reason.contains("announces"), "{reason}");
    }
}

#[tokio::test]
async fn an_echoed_request_is_no_answer() {
    let fault: Fault = |request, _| vec![Act::Send(request.raw.to_vec())];
    costs_the_connection(fault, Quality::BadDeviceFailure).await;
}

#[tokio::test]
async fn a_header_that_cannot_be_true_costs_the_connection() {
    for (fault, words) in [
        ((|_, _| vec![Act::Send(vec![0, 1, 0, 7, 0, 6, 1, 4, 2, 0, 1])]) as Fault, "protocol id 7"),
        (|_, _| vec![Act::Send(vec![0, 1, 0, 0, 0, 0, 1, 4])], "frame of 0 bytes"),
        (|_, _| vec![Act::Send(vec![0, 1, 0, 0, 0xFF, 0xFF, 1, 4])], "frame of 65535 bytes"),
        (|_, _| vec![Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())], "protocol id"),
    ] {
        let (plant, reason) = costs_the_connection(fault, Quality::BadNoCommunication).await;
        assert!(reason.contains(words), "{reason}");
        assert_eq!(plant.counters().stray, 1);
    }
}

#[tokio::test]
async fn a_close_in_the_middle_of_a_frame_costs_the_connection() {
    let fault: Fault =
        |request, generation| vec![Act::Send(request.answer(generation)[..9].to_vec()), Act::Close];
    let (_, reason) = costs_the_connection(fault, Quality::BadNoCommunication).await;
    assert_eq!(reason, "closed by the device");
}

#[tokio::test]
async fn frames_split_into_single_bytes_are_read() {
    let fault: Fault =
        |request, generation| vec![Act::Drip(request.answer(generation), Duration::from_millis(1))];
    costs_one_request(fault, Quality::Good).await;
}

#[tokio::test]
async fn a_frame_that_drips_past_its_deadline_is_late() {
    let fault: Fault = |request, generation| {
        let bytes = request.answer(generation);
        let pause = TIMEOUT * 5 / 4 / bytes.len() as u32;
        vec![Act::Drip(bytes, pause)]
    };
    let plant = costs_one_request(fault, Quality::BadNoCommunication).await;
    assert_eq!(plant.counters().late, 1);
}

#[tokio::test]
async fn a_duplicate_answer_is_counted_and_dropped() {
    let fault: Fault = |request, generation| {
        let answer = request.answer(generation);
        vec![Act::Send([answer.clone(), answer].concat())]
    };
    let plant = costs_one_request(fault, Quality::Good).await;
    assert_eq!(plant.counters().stray, 1);
}

#[tokio::test]
async fn each_exception_turns_its_own_tags_bad_and_no_others() {
    async fn exception<const CODE: u8>(quality: Quality) {
        let fault: Fault = |request, _| vec![Act::Send(request.exception(CODE))];
        let plant = costs_one_request(fault, quality).await;
        assert_eq!(plant.counters().exceptions, 1);
    }
    exception::<1>(Quality::BadConfiguration).await;
    exception::<2>(Quality::BadConfiguration).await;
    exception::<3>(Quality::BadConfiguration).await;
    exception::<4>(Quality::BadDeviceFailure).await;
    exception::<5>(Quality::BadDeviceFailure).await;
    exception::<6>(Quality::BadDeviceFailure).await;
    exception::<7>(Quality::BadDeviceFailure).await;
    exception::<8>(Quality::BadDeviceFailure).await;
    exception::<9>(Quality::BadDeviceFailure).await;
    exception::<10>(Quality::BadNoCommunication).await;
    exception::<11>(Quality::BadNoCommunication).await;
}

#[tokio::test]
async fn a_half_open_connection_is_given_up_after_three_missing_answers() {
    let script = |request: Request, generation| match request.nth {
        0..2 => vec![Act::Send(request.answer(generation))],
        2 => vec![Act::Swallow],
        _ => vec![Act::Send(request.answer(generation))],
    };
    let mut plant = Plant::new(script, |_| {}).await;
    // The peer also reads unit 2, so unit 1 is let alone after two.
    let outcome = plant.scan().await;
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.of_request(1), Quality::Good);
    assert_eq!(outcome.of_request(2), Quality::BadNoCommunication);
    assert_eq!(outcome.of_request(4), Quality::BadNoCommunication);
    assert_eq!(plant.counters().timeouts, 2);
    let outcome = plant.scan_group(GroupId(1)).await;
    assert_eq!(lost(&outcome), "no answer any more");
    assert_eq!(plant.counters().timeouts, 3);
    assert_eq!(plant.recover().await, 1);
}

#[tokio::test]
async fn a_dead_unit_behind_a_serial_server_leaves_its_neighbour_alone() {
    let script = |request: Request, generation| match request.unit {
        1 => vec![],
        _ => vec![Act::Send(request.answer(generation))],
    };
    let mut plant = Plant::new(script, |settings| {
        settings.timeout = Duration::from_millis(50);
    })
    .await;
    for _ in 0..3 {
        let dead = plant.scan_group(GroupId(0)).await;
        assert!(dead.result.is_ok());
        assert_eq!(dead.qualities, [Quality::BadNoCommunication; 8]);
        assert!(plant.scan_group(GroupId(1)).await.all_good());
    }
    assert_eq!(plant.counters().connects, 1);
    let timeouts = plant.counters().timeouts;
    assert!((2..=3).contains(&timeouts), "{timeouts}: asleep after two, then only probed");
}

#[tokio::test]
async fn a_flood_of_strays_does_not_keep_a_scan_from_ending() {
    let fault: Fault = |request, generation| {
        let foreign = request.transaction.wrapping_add(1000);
        vec![Act::Flood(frame(foreign, request.unit, &request.pdu(generation)).repeat(50))]
    };
    let mut plant = plant(fault).await;
    let outcome = tokio::time::timeout(TIMEOUT * 20, plant.scan()).await.expect("scan ends");
    assert_eq!(outcome.of_request(1), Quality::BadNoCommunication);
    assert!(plant.counters().stray > 100);
    // Unit 2 is as silent, which ends the connection.
    plant.scan_group(GroupId(1)).await;
    plant.recover().await;
}

#[tokio::test]
async fn a_device_that_takes_no_requests_is_given_up() {
    let script = |request: Request, generation| match request.nth {
        0 => vec![Act::Send(request.answer(generation)), Act::Close],
        _ => vec![Act::Send(request.answer(generation))],
    };
    let mut plant = Plant::new(script, |_| {}).await;
    let outcome = plant.scan().await;
    lost(&outcome);
    assert_eq!(plant.recover().await, 1);
}

/// Answers collected by the script, so that it can send them in any order.
type Held = Arc<Mutex<Vec<Vec<u8>>>>;

/// A device that waits for four requests before it answers in the order `arrange` makes.
async fn pipelined(arrange: fn(&mut Vec<Vec<u8>>)) -> Outcome {
    let held: Held = Arc::default();
    let script = move |request: Request, generation| {
        let mut held = held.lock().unwrap();
        held.push(request.answer(generation));
        match request.nth {
            3 => {
                arrange(&mut held);
                let glued = held.concat();
                held.clear();
                vec![Act::Send(glued)]
            }
            0..3 => vec![],
            _ => vec![Act::Send(held.pop().unwrap())],
        }
    };
    let mut plant = Plant::new(script, |settings| settings.inflight = 4).await;
    let outcome = plant.scan().await;
    assert_eq!(plant.recover().await, 1);
    outcome
}

#[tokio::test]
async fn four_requests_are_in_flight_and_their_glued_answers_are_told_apart() {
    assert!(pipelined(|_| {}).await.all_good());
}

#[tokio::test]
async fn answers_in_another_order_find_their_requests() {
    assert!(pipelined(|answers| answers.reverse()).await.all_good());
    assert!(pipelined(|answers| answers.swap(0, 2)).await.all_good());
}

#[tokio::test]
async fn an_answer_missing_from_the_middle_of_four_costs_only_itself() {
    let outcome = pipelined(|answers| drop(answers.remove(1))).await;
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.of_request(1), Quality::BadNoCommunication);
    assert_eq!(outcome.of_request(4), Quality::Good);
}

/// Found by the soak: the device drops the last byte of an answer, the first
/// byte of the next one completes it and arrives alone.
#[tokio::test]
async fn an_answer_that_lost_a_byte_is_not_completed_by_the_next() {
    let held: Held = Arc::default();
    let script = move |request: Request, generation| {
        let mut held = held.lock().unwrap();
        let answer = request.answer(generation);
        match request.nth {
            0..300 => vec![Act::Send(answer)],
            300 => {
                held.push(answer);
                vec![]
            }
            301 => {
                let mut first = held.remove(0);
                // Transaction 301 begins with this byte; the data must not.
                assert_ne!(first.pop(), Some(answer[0]));
                first.push(answer[0]);
                let pause = Act::Wait(Duration::from_millis(50));
                vec![Act::Send(first), pause, Act::Send(answer[1..].to_vec())]
            }
            _ => vec![Act::Send(answer)],
        }
    };
    let mut plant = Plant::new(script, |settings| settings.inflight = 2).await;
    for _ in 0..60 {
        assert!(plant.scan().await.all_good());
    }
    let outcome = plant.scan().await;
    assert_ne!(outcome.of_request(0), Quality::Good);
    plant.recover().await;
}

#[tokio::test]
async fn pauses_are_kept_after_connecting_and_between_requests() {
    let arrivals: Arc<Mutex<Vec<std::time::Instant>>> = Arc::default();
    let seen = arrivals.clone();
    let script = move |request: Request, generation| {
        seen.lock().unwrap().push(std::time::Instant::now());
        vec![Act::Send(request.answer(generation))]
    };
    let mut plant = Plant::new(script, |settings| {
        settings.pause_after_connect = Duration::from_millis(60);
        settings.pause_between = Duration::from_millis(20);
        settings.inflight = 4;
    })
    .await;
    let start = std::time::Instant::now();
    assert!(plant.scan().await.all_good());
    let arrivals = arrivals.lock().unwrap();
    assert!(arrivals[0] - start >= Duration::from_millis(60));
    // The peer sees a request a little after it was sent, the answer before it
    // is read: the pause at the peer is never shorter than asked for.
    for pair in arrivals.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(20), "{arrivals:?}");
    }
}

#[tokio::test]
async fn a_peer_that_is_absent_is_an_error_with_its_address() {
    let address = crate::peer::absent().await;
    let mut driver = forehearth_driver_modbus::ModbusTcp::new(
        crate::plant::settings(address),
        [crate::plant::group(1)],
    )
    .unwrap();
    let error = driver.connect().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot connect to {address}: ")), "{error}");
}

#[tokio::test]
async fn a_read_only_device_sees_nothing_but_reads() {
    // The peer asserts that every request is function 1 to 4.
    let script = |request: Request, generation| vec![Act::Send(request.answer(generation))];
    let mut plant = Plant::new(script, |_| {}).await;
    for _ in 0..20 {
        assert!(plant.scan().await.all_good());
    }
    assert_eq!(plant.peer.asked(), 100);
    assert_eq!(plant.counters().answers, 100);
}
