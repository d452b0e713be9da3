//! Native batches: as stored, settled by PUBACK, filtered at egress.

use std::sync::Arc;

use forehearth_model::{
    BatchId, BootId, ClockState, DestinationLedger, Epoch, GapCause, GapRecord, Grade, Lane,
    Ledger, Stamp, Value,
};
use forehearth_publish::{Format, LinkState, Secret};
use forehearth_telemetry::health::{self, Health, State};
use forehearth_telemetry::{catalogue as catalogue_format, gap, native};

use crate::broker::Mosquitto;
use crate::memory_outbox::{
    HASH, MemoryOutbox, Running, catalogue, native_format, parcel, parcel_of, settings,
};
use crate::observer::Observer;
use crate::proxy::{Proxy, Way};

#[tokio::test]
async fn stored_bytes_arrive_as_they_are_and_are_settled_by_their_puback() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let link = Running::start(settings(broker.port, native_format()));
    let sent: Vec<_> = (1..=200).map(parcel).collect();
    sent.iter().for_each(|parcel| link.outbox.push(parcel.clone()));
    let told = observer.next("").await;
    assert_eq!(told.topic, format!("fh/v1/acme/pot2-east/catalogue/{HASH}"), "before any batch");
    assert_eq!(catalogue_format::decode(&told.payload).unwrap(), *catalogue());
    for parcel in &sent {
        let message = observer.next("").await;
        assert_eq!(message.topic, "fh/v1/acme/pot2-east/batch/live");
        assert_eq!(message.payload, parcel.bytes);
    }
    link.outbox.until_settled(200).await;
    let outbox = link.stop().await;
    let order: Vec<_> = outbox.state().settled.iter().map(|(id, _)| id.number).collect();
    assert_eq!(order, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_a_puback_nothing_is_settled() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let mut settings = settings(proxy.port, native_format());
    settings.keepalive = std::time::Duration::from_secs(20);
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    proxy.set(Way::HoldAnswers);
    link.outbox.push(parcel(2));
    while native::decode(&observer.next("batch").await.payload).unwrap().batch.id.number != 2 {}
    assert_eq!(link.outbox.state().settled.len(), 1, "it arrived, but who knows that");
    proxy.set(Way::Open);
    link.outbox.until_settled(2).await;
}

#[tokio::test]
async fn not_one_byte_of_a_core_tag_reaches_the_outer_broker() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let mut settings = settings(broker.port, native_format());
    settings.grades = Some(vec![Grade::General]);
    let link = Running::start(settings);
    let secret = Value::UInt(3_735_928_559);
    link.outbox.push(parcel_of(1, &[(0, 1, secret.clone()), (1, 2, Value::Bool(true))]));
    link.outbox.push(parcel_of(2, &[(1, 2, Value::Bool(false))]));
    link.outbox.push(parcel_of(3, &[(0, 0, Value::UInt(7)), (0, 1, secret)]));
    link.outbox.until_settled(3).await;
    let told = observer.next("catalogue").await;
    let shown = catalogue_format::decode(&told.payload).unwrap();
    assert_eq!(shown.tags.len(), 1);
    assert_eq!(shown.devices.len(), 1);
    let hash = catalogue_format::hash(&told.payload);
    assert!(told.topic.ends_with(&hash.to_string()), "named by its own content");
    let message = observer.next("batch").await;
    let decoded = native::decode(&message.payload).unwrap();
    assert_eq!(decoded.batch.id.number, 3);
    assert_eq!(decoded.batch.catalogue, hash);
    assert_eq!(decoded.batch.readings.len(), 1);
    let skipped: Vec<_> = decoded.skipped.iter().map(|skip| (skip.first, skip.count)).collect();
    assert_eq!(skipped, [(1, 2)], "so that the numbering still closes");
    let settled: Vec<_> =
        link.outbox.state().settled.iter().map(|(id, filtered)| (id.number, *filtered)).collect();
    assert_eq!(settled, [(1, 2), (2, 1), (3, 1)]);
    let everything = [told, message].into_iter().chain(observer.so_far());
    for message in everything {
        let hay = &message.payload;
        assert!(!hay.windows(6).any(|window| window == b"secret"), "{}", message.topic);
        assert!(!hay.windows(3).any(|window| window == b"sis"), "{}", message.topic);
    }
}

#[tokio::test]
async fn a_gap_record_is_delivered_like_data() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let outbox = MemoryOutbox::default();
    for id in [4, 5] {
        outbox.push_gap(record(id));
    }
    let link = Running::start_with(settings(broker.port, native_format()), outbox);
    for id in [4, 5] {
        let (gateway, heard) = gap::decode(&observer.next("/gap").await.payload).unwrap();
        assert_eq!((gateway.as_str(), heard), ("pot2-east", record(id)));
    }
    link.outbox.until("gaps settled", |state| state.settled_gaps == [4, 5]).await;
}

fn record(id: u64) -> GapRecord {
    GapRecord {
        id,
        destination: "plant".into(),
        cause: GapCause::Shed,
        first: BatchId::new(Epoch(1), 1),
        last: BatchId::new(Epoch(1), 9),
        lane: Some(Lane::Live),
        readings: 90,
        from: Stamp(1),
        to: Stamp(2),
        declared: Stamp(3),
    }
}

#[tokio::test]
async fn a_batch_larger_than_a_packet_is_given_up_and_the_next_one_passes() {
    let broker = Mosquitto::start();
    let mut settings = settings(broker.port, native_format());
    settings.packet_limit = 4096;
    let link = Running::start(settings);
    let mut large = parcel(1);
    large.bytes = vec![0; 5000].into();
    link.outbox.push(large);
    link.outbox.push(parcel(2));
    link.outbox.until_settled(1).await;
    let state = link.outbox.state();
    assert_eq!(state.refused, [BatchId::new(Epoch(1), 1)]);
    assert_eq!(state.settled[0].0.number, 2);
    assert_eq!(link.status.snapshot().counts.refused, 1);
}

#[tokio::test]
async fn live_batches_overtake_the_backlog() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let outbox = MemoryOutbox::default();
    for number in 1..=50 {
        let mut old = parcel(number);
        // After a restart the batch is not in memory.
        old.batch = None;
        outbox.push_backlog(old);
    }
    let bytes = outbox_bytes(1);
    let mut settings = settings(broker.port, native_format());
    // 20 batches a second: the backlog takes 2.5 s.
    settings.backlog = Some(20 * bytes);
    let link = Running::start_with(settings, outbox);
    observer.next("batch").await;
    for number in 101..=110 {
        link.outbox.push(parcel(number));
    }
    link.outbox.until_settled(60).await;
    let mut order = Vec::new();
    for _ in 0..59 {
        let message = observer.next("batch").await;
        order.push(native::decode(&message.payload).unwrap().batch.id.number);
    }
    let last_live = order.iter().rposition(|number| *number > 100).unwrap();
    assert!(last_live < 25, "live batches wait for the backlog: {order:?}");
    let backlog: Vec<_> = order.into_iter().filter(|number| *number <= 50).collect();
    assert!(backlog.is_sorted(), "oldest first: {backlog:?}");
}

fn outbox_bytes(number: u64) -> u64 {
    parcel(number).bytes.len() as u64
}

#[tokio::test]
async fn a_password_is_read_at_each_connect_and_a_refusal_says_what_to_do() {
    let broker = Mosquitto::start_with("allow_anonymous false");
    let mut settings = settings(broker.port, native_format());
    settings.username = Some("fh".into());
    let reads = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counter = Arc::clone(&reads);
    let secret: Secret = Arc::new(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok("wrong".to_owned())
    });
    settings.password = Some(secret);
    let link = Running::start(settings);
    let status = Arc::clone(&link.status);
    link.outbox.until("two refusals", |_| status.snapshot().counts.failures >= 2).await;
    let shown = status.snapshot();
    assert!(reads.load(std::sync::atomic::Ordering::Relaxed) >= 2);
    assert_ne!(shown.state, LinkState::Online);
    let error = shown.last_error.unwrap();
    assert!(error.contains("username") || error.contains("access rules"), "{error}");
    assert!(!error.contains("wrong"), "{error}");
}

#[tokio::test]
async fn a_catalogue_the_broker_does_not_take_stops_no_batch_for_ever() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    // The catalogue goes out under its name; the name is in the topic.
    proxy.close_on(format!("catalogue/{HASH}").as_bytes());
    let mut settings = settings(proxy.port, native_format());
    settings.packet_limit = 160;
    assert!(catalogue_format::encode(&catalogue()).len() > settings.packet_limit);
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    assert!(link.status.snapshot().counts.failures >= 3);
}

#[tokio::test]
async fn health_says_online_then_stopped_and_lost_when_the_link_is_cut() {
    let broker = Mosquitto::start();
    let proxy = Proxy::start(broker.port).await;
    let mut observer = Observer::start(broker.port).await;
    let mut settings = settings(proxy.port, native_format());
    settings.health = Some(Arc::new(|| Health {
        gateway: "pot2-east".into(),
        state: State::Lost,
        time: Stamp(0),
        epoch: Epoch(3),
        boot: BootId(1),
        clock: ClockState::Synced,
        catalogue: HASH,
        ledger: Ledger {
            batched: 9,
            destinations: ["plant", "cloud"].map(books).to_vec(),
            ..Ledger::default()
        },
    }));
    let link = Running::start(settings);
    let mut next = async || health::decode(&observer.next("/health").await.payload).unwrap();
    let online = next().await;
    assert_eq!((online.state, online.ledger.batched), (State::Online, 9));
    assert_eq!(online.ledger.destinations, [books("plant")], "the others are not its business");
    assert!(online.time > Stamp(0));
    proxy.set(Way::Cut);
    assert_eq!(next().await.state, State::Lost);
    proxy.set(Way::Open);
    assert_eq!(next().await.state, State::Online);
    link.stop().await;
    assert_eq!(next().await.state, State::Stopped);
}

fn books(name: &str) -> DestinationLedger {
    DestinationLedger { name: name.into(), ..DestinationLedger::default() }
}

#[tokio::test]
async fn with_a_baseline_batches_shrink_and_a_late_consumer_reads_them() {
    let broker = Mosquitto::start();
    let mut observer = Observer::start(broker.port).await;
    let format = Format::Native { topic: "fh/v1/acme/pot2-east".into(), baseline: true };
    let link = Running::start(settings(broker.port, format));
    let mut baselines = native::Baselines::default();
    // Long enough that the nine bytes of a baseline's name pay.
    let value = |number: u64| Value::UInt(1 << 62 | number);
    let sent = |number| parcel_of(number, &[(0, 0, value(number)), (0, 1, value(number))]);
    let (mut told, mut needy) = (0, 0);
    for number in 1..=60 {
        let parcel = sent(number);
        link.outbox.push(parcel.clone());
        let message = loop {
            let message = observer.next("fh/v1/acme/pot2-east/ba").await;
            if !message.topic.contains("/baseline/") {
                break message;
            }
            baselines.learn(&message.payload).unwrap();
            told += 1;
        };
        let decoded = native::decode_with(&message.payload, &baselines).unwrap();
        assert_eq!(Some(&decoded.batch), parcel.batch.as_deref());
        needy += usize::from(native::decode(&message.payload).is_err());
    }
    assert!(told >= 1 && needy >= 10, "{told} baselines, {needy} batches told against them");
    // The broker keeps it for whoever comes now.
    let mut late = Observer::start(broker.port).await;
    let mut known = native::Baselines::default();
    known.learn(&late.next("/baseline/").await.payload).unwrap();
    link.outbox.push(sent(61));
    native::decode_with(&late.next("/batch/").await.payload, &known).unwrap();
    link.outbox.until_settled(61).await;
}
