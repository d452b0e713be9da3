//! What a pusher promises, in virtual time against a scripted driver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_driver::{BoxFuture, LinkCounters, LinkError, LinkNews, PushDriver, Sink};
use forehearth_model::{DeviceId, GroupId, LinkId, Quality, Sample, Scan, Stamp, TagId, Value};
use forehearth_source::{LinkState, LinkStatus, Polled, Pusher};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// What the device does next.
#[derive(Clone, Copy)]
enum Act {
    Opens,
    Says(u64),
    Refuses,
    IsLost,
    /// Ends neither by itself nor when told to.
    Hangs,
}

/// Acts once a second.
struct Fake(Vec<Act>);

impl PushDriver for Fake {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        let hangs = self.0.iter().any(|act| matches!(act, Act::Hangs));
        let acts = async move {
            let mut counters = LinkCounters::default();
            for act in &self.0 {
                sleep(SECOND).await;
                let (peer, reason) = ("dcs".to_owned(), "cable".to_owned());
                match act {
                    Act::Opens => {
                        counters.connects += 1;
                        sink.link(LinkNews::Opened, &counters);
                    }
                    Act::Says(value) => {
                        counters.answers += 1;
                        sink.link(LinkNews::Alive, &counters);
                        if sink.deliver(vec![scan(*value)]).await.is_err() {
                            return;
                        }
                    }
                    Act::Refuses => {
                        sink.link(LinkNews::Down(&LinkError::Connect { peer, reason }), &counters);
                    }
                    Act::IsLost => {
                        sink.link(LinkNews::Down(&LinkError::Lost { peer, reason }), &counters);
                    }
                    Act::Hangs => std::future::pending().await,
                }
            }
            std::future::pending().await
        };
        Box::pin(async move {
            if hangs {
                acts.await;
                return;
            }
            tokio::select! {
                () = acts => {}
                () = stop => {}
            }
        })
    }
}

fn scan(value: u64) -> Scan {
    let value = Value::UInt(value);
    let samples = vec![Sample { tag: TagId(0), quality: Quality::Good, value }];
    Scan { device: DeviceId(0), stamp: Stamp(1), samples }
}

struct Stage {
    status: Arc<LinkStatus>,
    queue: mpsc::Receiver<Polled>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts a pusher with room for one delivery.
fn stage(acts: &[Act]) -> Stage {
    let (out, queue) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let driver = Box::new(Fake(acts.to_vec()));
    let clock = || Stamp(7);
    let pusher = Pusher::new(LinkId(3), "dcs".into(), driver, out, clock, Instant::now());
    let status = pusher.status();
    Stage { status, queue, stop, task: tokio::spawn(pusher.run(stopped)) }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_is_passed_on_in_order_with_its_link() {
    let mut stage = stage(&[Act::Opens, Act::Says(1), Act::Says(2)]);
    for value in [1, 2] {
        let polled = stage.queue.recv().await.unwrap();
        assert_eq!((polled.link, polled.group), (LinkId(3), GroupId(0)));
        assert_eq!(polled.scans, [scan(value)]);
    }
    let status = stage.status.snapshot();
    assert_eq!((status.state, status.polls), (LinkState::Up, 2));
    assert_eq!((status.counters.connects, status.counters.answers), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_link_says_why_it_is_down_and_keeps_that_when_it_is_back() {
    let stage = stage(&[Act::Refuses, Act::Opens, Act::IsLost, Act::Opens]);
    let half = SECOND / 2;
    assert_eq!(stage.status.snapshot().state, LinkState::Starting);
    sleep(SECOND + half).await;
    let status = stage.status.snapshot();
    assert_eq!((status.state, status.failed_connects), (LinkState::Down, 1));
    let error = status.last_error.unwrap();
    assert_eq!(error.stamp, Stamp(7));
    assert!(error.text.contains("cannot connect to dcs: cable"), "{}", error.text);
    sleep(SECOND).await;
    assert_eq!(stage.status.snapshot().state, LinkState::Up);
    sleep(SECOND).await;
    let status = stage.status.snapshot();
    assert_eq!((status.state, status.failed_polls), (LinkState::Down, 1));
    sleep(SECOND).await;
    let status = stage.status.snapshot();
    assert_eq!(status.state, LinkState::Up);
    assert!(status.last_error.unwrap().text.contains("lost"));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_the_driver_wait_and_loses_nothing() {
    let mut stage = stage(&[Act::Says(1), Act::Says(2), Act::Says(3)]);
    sleep(SECOND * 60).await;
    assert_eq!(stage.status.snapshot().polls, 1, "the second waits for room");
    for value in [1, 2, 3] {
        assert_eq!(stage.queue.recv().await.unwrap().scans, [scan(value)]);
    }
    assert_eq!(stage.status.snapshot().undelivered, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_room_when_the_gateway_stops_is_counted() {
    let stage = stage(&[Act::Says(1), Act::Says(2)]);
    sleep(SECOND * 10).await;
    stage.stop.send(true).unwrap();
    timeout(SECOND, stage.task).await.unwrap().unwrap();
    let status = stage.status.snapshot();
    assert_eq!((status.state, status.undelivered), (LinkState::Stopped, 1));
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_nobody_listens_to_ends() {
    let stage = stage(&[Act::Says(1)]);
    drop(stage.queue);
    timeout(SECOND * 5, stage.task).await.unwrap().unwrap();
    let status = stage.status.snapshot();
    assert_eq!((status.state, status.undelivered), (LinkState::Stopped, 1));
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_does_not_end_is_broken_off() {
    let stage = stage(&[Act::Opens, Act::Hangs]);
    sleep(SECOND * 10).await;
    stage.stop.send(true).unwrap();
    timeout(SECOND * 6, stage.task).await.expect("broken off after 5 s").unwrap();
    assert_eq!(stage.status.snapshot().state, LinkState::Stopped);
}
