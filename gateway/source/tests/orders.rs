//! What a poller promises about orders, in virtual time against a scripted driver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forehearth_driver::{
    BoxFuture, Driver, LinkCounters, LinkError, OrderDesk, WriteError, WriteOrder, WritingDriver,
};
use forehearth_model::{DeviceId, GroupId, LinkId, Quality, Sample, Scan, Stamp, TagId, Value};
use forehearth_source::{Group, Link, LinkState, Poller, Slip, WAITING};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// How the device behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Nobody is there.
    Absent,
    /// The write is sent and the answer never comes.
    SwallowsWrites,
    /// The write takes the link with it.
    LosesLink,
}

struct Fake {
    mood: Arc<Mutex<Mood>>,
    written: Arc<Mutex<Vec<(Value, Instant)>>>,
}

impl Fake {
    fn samples(quality: Quality, out: &mut Vec<Scan>) {
        let value = if quality == Quality::Good { Value::UInt(1) } else { Value::Null };
        let samples = vec![Sample { tag: TagId(0), quality, value }];
        out.push(Scan { device: DeviceId(0), stamp: Stamp(1), samples });
    }
}

impl Driver for Fake {
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(async {
            if *self.mood.lock().unwrap() == Mood::Absent {
                sleep(300 * MS).await;
                return Err(LinkError::Connect { peer: "plc".into(), reason: "refused".into() });
            }
            Ok(())
        })
    }

    fn scan<'a>(
        &'a mut self,
        _: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(async {
            sleep(900 * MS).await;
            Self::samples(Quality::Good, out);
            Ok(())
        })
    }

    fn fail(&self, _: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        Self::samples(quality, out);
    }

    fn counters(&self) -> LinkCounters {
        LinkCounters::default()
    }
}

impl WritingDriver for Fake {
    fn write<'a>(&'a mut self, order: &'a WriteOrder) -> BoxFuture<'a, Result<Value, WriteError>> {
        Box::pin(async {
            let mood = *self.mood.lock().unwrap();
            self.written.lock().unwrap().push((order.value.clone(), now()));
            sleep(5 * MS).await;
            match mood {
                Mood::SwallowsWrites => std::future::pending().await,
                Mood::LosesLink => {
                    let (peer, reason) = ("plc".into(), "reset".into());
                    Err(LinkError::Lost { peer, reason }.into())
                }
                _ => Ok(order.value.clone()),
            }
        })
    }

    /// Nine requests of 100 ms.
    fn scan_and_write<'a>(
        &'a mut self,
        _: GroupId,
        out: &'a mut Vec<Scan>,
        desk: &'a mut dyn OrderDesk,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(async {
            for _ in 0..9 {
                sleep(100 * MS).await;
                while let Some(order) = desk.take() {
                    let end = self.write(&order).await;
                    desk.ended(&order, end);
                }
            }
            Self::samples(Quality::Good, out);
            Ok(())
        })
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

struct Rig {
    mood: Arc<Mutex<Mood>>,
    written: Arc<Mutex<Vec<(Value, Instant)>>>,
    orders: mpsc::Sender<Slip>,
    stop: watch::Sender<bool>,
    status: Arc<forehearth_source::LinkStatus>,
    _scans: mpsc::Receiver<forehearth_source::Polled>,
}

fn poll(mood: Mood, period: Duration) -> Rig {
    let (mood, written) = (Arc::new(Mutex::new(mood)), Arc::default());
    let driver = Fake { mood: Arc::clone(&mood), written: Arc::clone(&written) };
    let groups = vec![Group { device: DeviceId(0), period, tags: vec![TagId(0)] }];
    let link = Link { id: LinkId(0), name: "plc".into(), groups, first_group: 0 };
    let (orders, queue) = mpsc::channel(WAITING);
    let (out, scans) = mpsc::channel(10_000);
    let poller = Poller::writing(link, Box::new(driver), queue, out, || Stamp(9), now());
    let (stop, stopped) = watch::channel(false);
    let status = poller.status();
    tokio::spawn(poller.run(stopped));
    Rig { mood, written, orders, stop, status, _scans: scans }
}

impl Rig {
    fn order(&self, value: u64, within: Duration) -> oneshot::Receiver<Result<Value, WriteError>> {
        let (reply, answer) = oneshot::channel();
        let order = WriteOrder { tag: TagId(0), value: Value::UInt(value) };
        self.orders.try_send(Slip { order, until: now() + within, reply }).unwrap();
        answer
    }

    fn written(&self) -> usize {
        self.written.lock().unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_waits_for_one_request_and_not_for_the_scan() {
    let rig = poll(Mood::Well, SECOND);
    sleep(2040 * MS).await; // 40 ms into a scan of 900 ms
    let asked = now();
    let answer = rig.order(7, SECOND).await.unwrap();
    assert_eq!(answer.unwrap(), Value::UInt(7));
    assert!(now() - asked <= 110 * MS, "{:?}", now() - asked);
}

#[tokio::test(start_paused = true)]
async fn an_idle_link_writes_at_once() {
    let rig = poll(Mood::Well, 60 * SECOND);
    sleep(20 * SECOND).await;
    let asked = now();
    rig.order(7, SECOND).await.unwrap().unwrap();
    assert!(now() - asked <= 10 * MS);
}

#[tokio::test(start_paused = true)]
async fn an_order_to_a_link_that_is_down_is_answered_and_never_kept() {
    let rig = poll(Mood::Absent, SECOND);
    sleep(SECOND).await;
    for _ in 0..20 {
        let answer = rig.order(7, 60 * SECOND).await.unwrap();
        assert!(matches!(answer, Err(WriteError::NotSent { .. })), "{answer:?}");
        sleep(70 * MS).await; // in the midst of connecting, and of waiting
    }
    *rig.mood.lock().unwrap() = Mood::Well;
    sleep(20 * SECOND).await;
    assert_eq!(rig.status.snapshot().state, LinkState::Up);
    assert_eq!(rig.written(), 0, "nothing fires later");
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_time_is_over_is_not_sent() {
    let rig = poll(Mood::Well, SECOND);
    sleep(2040 * MS).await;
    let answer = rig.order(7, 10 * MS).await.unwrap();
    assert!(matches!(answer, Err(WriteError::NotSent { .. })), "{answer:?}");
    assert_eq!(rig.written(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_never_ends_is_broken_off_and_told_as_unknown() {
    let rig = poll(Mood::SwallowsWrites, 60 * SECOND);
    sleep(20 * SECOND).await;
    let answer = rig.order(7, SECOND).await.unwrap();
    assert!(matches!(answer, Err(WriteError::Unknown { .. })), "{answer:?}");
    *rig.mood.lock().unwrap() = Mood::Well;
    sleep(20 * SECOND).await;
    assert_eq!(rig.written(), 1, "what might have arrived is never repeated");
    assert_eq!(rig.status.snapshot().state, LinkState::Up, "polling goes on");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_loses_the_link_is_told_and_the_link_comes_back() {
    let rig = poll(Mood::LosesLink, 60 * SECOND);
    sleep(20 * SECOND).await;
    let answer = rig.order(7, SECOND).await.unwrap();
    assert!(matches!(answer, Err(WriteError::Link(_))), "{answer:?}");
    sleep(10 * SECOND).await;
    assert_eq!(rig.status.snapshot().state, LinkState::Up);
}

#[tokio::test(start_paused = true)]
async fn orders_that_wait_when_the_gateway_stops_get_their_answer() {
    let rig = poll(Mood::Well, SECOND);
    sleep(2040 * MS).await;
    let answers: Vec<_> = (0..3).map(|value| rig.order(value, SECOND)).collect();
    rig.stop.send(true).unwrap();
    for answer in answers {
        let answer = answer.await.unwrap();
        assert!(matches!(answer, Err(WriteError::NotSent { .. })), "{answer:?}");
    }
    assert_eq!(rig.written(), 0);
}
