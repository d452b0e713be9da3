//! What a bad way to the broker does: nothing is lost, repeats are exact, and it is noticed in time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_publish::{Format, LinkState, Mqtt};
use forehearth_telemetry::native;
use forehearth_telemetry::sparkplug;

use crate::broker::Mosquitto;
use crate::memory_outbox::{Running, native_format, parcel, settings, sparkplug_format};
use crate::observer::{Message, Observer};
use crate::proxy::{Proxy, Way};

/// Every batch number heard, with its distinct contents.
type Heard = BTreeMap<u64, Vec<Bytes>>;

fn note(heard: &mut Heard, messages: Vec<Message>) {
    for message in messages {
        if message.topic.contains("/batch/") {
            let number = native::decode(&message.payload).unwrap().batch.id.number;
            heard.entry(number).or_default().push(message.payload);
        } else if message.topic.contains("/DDATA/") {
            let payload = sparkplug::decode(&message.payload).unwrap();
            let uuid = payload.uuid.unwrap();
            let number = uuid.rsplit('/').next().unwrap().parse().unwrap();
            let value = format!("{:?}", payload.metrics[0].value);
            heard.entry(number).or_default().push(value.into());
        }
    }
}

/// Every number from 1 to `last` arrived, and repeats are exact.
fn prove(heard: &Heard, last: u64) {
    let numbers: Vec<_> = heard.keys().copied().collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    for (number, contents) in heard {
        assert!(contents.iter().all(|content| *content == contents[0]), "{number} changed");
    }
}

async fn a_cut_connection_loses_nothing(format: Format) {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, format));
    let mut number = 0;
    for round in 1..=5 {
        for _ in 0..40 {
            number += 1;
            link.outbox.push(parcel(number));
            tokio::task::yield_now().await;
        }
        proxy.set(Way::Cut);
        link.outbox.push(parcel(number + 1));
        number += 1;
        let status = &link.status;
        link.outbox.until("offline", |_| status.snapshot().state == LinkState::Offline).await;
        proxy.set(Way::Open);
        link.outbox.until_settled(41 * round).await;
    }
    link.outbox.until_settled(usize::try_from(number).unwrap()).await;
    let mut heard = Heard::new();
    note(&mut heard, observer.so_far());
    prove(&heard, number);
}

#[tokio::test]
async fn a_cut_connection_loses_nothing_native() {
    a_cut_connection_loses_nothing(native_format()).await;
}

#[tokio::test]
async fn x_sf_no_loss_rst() {
    a_cut_connection_loses_nothing(sparkplug_format()).await;
}

async fn a_broker_restart_loses_nothing(format: Format) {
    let mut broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, format));
    let mut heard = Heard::new();
    for number in 1..=30 {
        link.outbox.push(parcel(number));
    }
    link.outbox.until("some settled", |state| state.settled.len() >= 5).await;
    // The link stays away until the observer listens again.
    proxy.set(Way::Cut);
    let status = &link.status;
    link.outbox.until("offline", |_| status.snapshot().state == LinkState::Offline).await;
    note(&mut heard, drain(&mut observer).await);
    broker.down();
    for number in 31..=60 {
        link.outbox.push(parcel(number));
    }
    broker.up();
    let mut observer = Observer::start(broker.port).await;
    let back = Instant::now();
    proxy.set(Way::Open);
    link.outbox.until_settled(60).await;
    assert!(back.elapsed() < Duration::from_secs(5), "resumed after {:?}", back.elapsed());
    note(&mut heard, drain(&mut observer).await);
    prove(&heard, 60);
}

/// What the broker still has for the observer, until it is quiet.
async fn drain(observer: &mut Observer) -> Vec<Message> {
    let token = format!("quiet-{}", fastrand::u64(..));
    observer.publish(&token, Vec::new());
    let mut all = Vec::new();
    loop {
        let message = observer.next("").await;
        if message.topic == token {
            return all;
        }
        all.push(message);
    }
}

#[tokio::test]
async fn a_broker_restart_loses_nothing_native() {
    a_broker_restart_loses_nothing(native_format()).await;
}

#[tokio::test]
async fn a_broker_restart_loses_nothing_sparkplug() {
    a_broker_restart_loses_nothing(sparkplug_format()).await;
}

async fn a_black_hole_loses_nothing_and_is_noticed(format: Format) {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, format));
    for number in 1..=10 {
        link.outbox.push(parcel(number));
    }
    link.outbox.until_settled(10).await;
    proxy.set(Way::Swallow);
    let swallowed = Instant::now();
    for number in 11..=30 {
        link.outbox.push(parcel(number));
    }
    link.outbox.until("unsettled batches returned", |state| state.returned > 0).await;
    let noticed = swallowed.elapsed();
    assert!(noticed < Duration::from_millis(2300), "2 keep-alives of 1 s, not {noticed:?}");
    assert_eq!(link.outbox.state().settled.len(), 10, "nothing swallowed was settled");
    proxy.set(Way::Open);
    link.outbox.until_settled(30).await;
    let mut heard = Heard::new();
    note(&mut heard, drain(&mut observer).await);
    prove(&heard, 30);
}

#[tokio::test]
async fn a_black_hole_loses_nothing_and_is_noticed_native() {
    a_black_hole_loses_nothing_and_is_noticed(native_format()).await;
}

#[tokio::test]
async fn x_sf_no_loss_blackhole() {
    a_black_hole_loses_nothing_and_is_noticed(sparkplug_format()).await;
}

async fn a_moment_of_black_hole_loses_nothing(format: Format) {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let mut settings = settings(proxy.port, format);
    settings.keepalive = Duration::from_secs(2);
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    proxy.set(Way::Swallow);
    let swallowed = proxy.swallowed();
    link.outbox.push(parcel(2));
    link.outbox.until("something vanished", |_| proxy.swallowed() > swallowed).await;
    // Data and fence are two writes a moment apart; both are to vanish. (A
    // hole that ends between the two is the one case a fence can't see.)
    tokio::time::sleep(Duration::from_millis(100)).await;
    proxy.set(Way::Open);
    // The others are confirmed all the time.
    let mut number = 2;
    while link.outbox.state().returned == 0 {
        number += 1;
        assert!(number < 1000, "what vanished stays out for ever");
        link.outbox.push(parcel(number));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    link.outbox.until_settled(usize::try_from(number).unwrap()).await;
    let mut heard = Heard::new();
    note(&mut heard, drain(&mut observer).await);
    prove(&heard, number);
}

#[tokio::test]
async fn a_moment_of_black_hole_loses_nothing_native() {
    a_moment_of_black_hole_loses_nothing(native_format()).await;
}

#[tokio::test]
async fn a_moment_of_black_hole_loses_nothing_sparkplug() {
    a_moment_of_black_hole_loses_nothing(sparkplug_format()).await;
}

async fn an_idle_dead_link_is_noticed(mqtt: Mqtt, keepalive: Duration) {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut settings = settings(proxy.port, native_format());
    (settings.mqtt, settings.keepalive) = (mqtt, keepalive);
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    proxy.set(Way::Swallow);
    let swallowed = Instant::now();
    let status = &link.status;
    link.outbox.until("noticed", |_| status.snapshot().counts.failures > 0).await;
    let took = swallowed.elapsed();
    assert!(took < keepalive * 2 + Duration::from_millis(300), "{took:?}");
}

#[tokio::test]
async fn an_idle_dead_link_is_noticed_within_two_keep_alives() {
    an_idle_dead_link_is_noticed(Mqtt::Three, Duration::from_secs(1)).await;
}

/// 5 s is the least a map may ask for.
#[tokio::test]
async fn an_idle_dead_link_is_noticed_within_two_keep_alives_in_mqtt_5() {
    an_idle_dead_link_is_noticed(Mqtt::Five, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_poisoned_batch_does_not_block_the_others_for_ever() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    proxy.close_on(b"POISON");
    let link = Running::start(settings(proxy.port, native_format()));
    let mut poisoned = parcel(1);
    poisoned.bytes = Bytes::from_static(b"POISON");
    link.outbox.push(poisoned);
    let mut number = 1;
    let status = &link.status;
    while link.outbox.state().refused.is_empty() {
        number += 1;
        assert!(number < 100, "never given up: {:?}", status.snapshot());
        link.outbox.push(parcel(number));
        let count = link.outbox.state().settled.len();
        let failures = status.snapshot().counts.failures;
        link.outbox
            .until("another failure or settlement", |state| {
                state.settled.len() > count
                    || status.snapshot().counts.failures > failures
                    || !state.refused.is_empty()
            })
            .await;
    }
    assert_eq!(link.outbox.state().refused[0].number, 1);
    link.outbox.until_settled(usize::try_from(number).unwrap() - 1).await;
}

#[tokio::test]
async fn a_broker_that_was_never_there_is_found_when_it_comes() {
    let mut broker = Mosquitto::start();
    broker.down();
    let link = Running::start(settings(broker.port, sparkplug_format()));
    link.outbox.push(parcel(1));
    let status = &link.status;
    link.outbox.until("three failures", |_| status.snapshot().counts.failures >= 3).await;
    let error = status.snapshot().last_error.unwrap();
    assert!(error.contains("nobody listens there"), "{error}");
    broker.up();
    let back = Instant::now();
    link.outbox.until_settled(1).await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    assert_eq!(link.outbox.state().bd_seqs, [0], "refused attempts use no number up");
}

#[tokio::test]
async fn stopping_while_the_broker_is_away_takes_no_time() {
    let mut broker = Mosquitto::start();
    broker.down();
    let link = Running::start(settings(broker.port, native_format()));
    let status = std::sync::Arc::clone(&link.status);
    link.outbox.until("a failure", |_| status.snapshot().counts.failures >= 1).await;
    let asked = Instant::now();
    link.stop().await;
    assert!(asked.elapsed() < Duration::from_millis(500));
    assert_eq!(status.snapshot().state, LinkState::Stopped);
}

/// How often the broker restarts; `RESTARTS=200` for the long run.
fn restarts() -> u64 {
    std::env::var("RESTARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

async fn restarts_with_lost_sessions_lose_nothing(format: Format) {
    let mut broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(proxy.port, format));
    let status = &link.status;
    let (mut heard, mut number, mut slowest) = (Heard::new(), 0, Duration::ZERO);
    for round in 1..=restarts() {
        for _ in 0..20 {
            number += 1;
            link.outbox.push(parcel(number));
        }
        // Anywhere between the first and the last of them.
        let some = usize::try_from((round - 1) * 25 + fastrand::u64(1..20)).unwrap();
        link.outbox.until_settled(some).await;
        proxy.set(Way::Cut);
        link.outbox.until("offline", |_| status.snapshot().state == LinkState::Offline).await;
        note(&mut heard, drain(&mut observer).await);
        broker.down();
        for _ in 0..5 {
            number += 1;
            link.outbox.push(parcel(number));
        }
        broker.up();
        observer = Observer::start(broker.port).await;
        let back = Instant::now();
        proxy.set(Way::Open);
        link.outbox.until_settled(usize::try_from(number).unwrap()).await;
        slowest = slowest.max(back.elapsed());
    }
    note(&mut heard, drain(&mut observer).await);
    prove(&heard, number);
    println!("{} restarts, slowest resume {slowest:?}", restarts());
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[tokio::test]
async fn restarts_with_lost_sessions_lose_nothing_native() {
    restarts_with_lost_sessions_lose_nothing(native_format()).await;
}

#[tokio::test]
async fn restarts_with_lost_sessions_lose_nothing_sparkplug() {
    restarts_with_lost_sessions_lose_nothing(sparkplug_format()).await;
}
