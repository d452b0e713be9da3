//! What a poller promises, in virtual time against a scripted driver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_model::{
    DeviceId, GroupId, LinkId, Quality, Sample, Scan, Severity, Stamp, TagId, Value,
};
use forehearth_source::{Group, Link, LinkState, LinkStatus, Polled, Poller};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// A timer of the runtime fires up to this much late.
const TICK: Duration = Duration::from_millis(2);

#[derive(Clone, Copy)]
enum Connecting {
    Opens,
    Refused,
    /// Swallowed by the network: fails after the driver's own deadline.
    Fails(Duration),
    Hangs,
}

#[derive(Clone, Copy)]
enum Scanning {
    Answers,
    /// The link is lost before anything is read.
    Loses,
    /// Accepts requests and answers none; the driver gives the link up at
    /// every third scan.
    Silent,
    /// Answers all but the first tag and believes to be done.
    Omits,
    /// Answers the first tag and never ends.
    Hangs,
}

/// What the driver is to do, and what it did.
struct Script {
    connecting: Connecting,
    scanning: Scanning,
    takes: Duration,
    connects: Vec<Instant>,
    scans: Vec<(u32, Instant)>,
}

type Shared = Arc<Mutex<Script>>;

struct Fake {
    groups: Vec<Group>,
    script: Shared,
}

impl Fake {
    fn give(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>, tags: &[TagId]) {
        let value = |tag: u32| match quality.severity() {
            Severity::Good => Value::UInt(u64::from(tag)),
            _ => Value::Null,
        };
        let samples =
            tags.iter().map(|tag| Sample { tag: *tag, quality, value: value(tag.0) }).collect();
        let device = self.groups[group.index()].device;
        out.push(Scan { device, stamp: Stamp(1), samples });
    }
}

impl Driver for Fake {
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(async {
            let connecting = {
                let mut script = self.script.lock().unwrap();
                script.connects.push(now());
                script.connecting
            };
            match connecting {
                Connecting::Opens => return Ok(()),
                Connecting::Refused => {}
                Connecting::Fails(after) => sleep(after).await,
                Connecting::Hangs => std::future::pending().await,
            }
            Err(LinkError::Connect { peer: "plc".into(), reason: "refused".into() })
        })
    }

    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(async move {
            let (scanning, takes, scans) = {
                let mut script = self.script.lock().unwrap();
                script.scans.push((group.0, now()));
                (script.scanning, script.takes, script.scans.len())
            };
            sleep(takes).await;
            let tags = self.groups[group.index()].tags.clone();
            match scanning {
                Scanning::Answers => self.give(group, Quality::Good, out, &tags),
                Scanning::Omits => self.give(group, Quality::Good, out, &tags[1..]),
                Scanning::Hangs => {
                    self.give(group, Quality::Good, out, &tags[..1]);
                    std::future::pending::<()>().await;
                }
                Scanning::Silent if scans % 3 != 0 => {
                    self.fail(group, Quality::BadNoCommunication, out);
                }
                Scanning::Loses | Scanning::Silent => {
                    self.fail(group, Quality::BadNoCommunication, out);
                    let (peer, reason) = ("plc".into(), "reset".into());
                    return Err(LinkError::Lost { peer, reason });
                }
            }
            Ok(())
        })
    }

    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        self.give(group, quality, out, &self.groups[group.index()].tags);
    }

    fn counters(&self) -> LinkCounters {
        let connects = self.script.lock().unwrap().connects.len() as u64;
        LinkCounters { connects, ..LinkCounters::default() }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A poller at work.
struct Rig {
    script: Shared,
    status: Arc<LinkStatus>,
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    start: Instant,
}

/// Starts the poller of link `id` with one group of three tags per period.
fn poll(id: u32, periods: &[Duration], out: &mpsc::Sender<Polled>) -> Rig {
    let first = 3 * u32::try_from(periods.len()).unwrap();
    let groups: Vec<Group> = (0..)
        .zip(periods)
        .map(|(place, period)| Group {
            device: DeviceId(id),
            period: *period,
            tags: (0..3).map(|tag| TagId(id * first + place * 3 + tag)).collect(),
        })
        .collect();
    let script = Arc::new(Mutex::new(Script {
        connecting: Connecting::Opens,
        scanning: Scanning::Answers,
        takes: 5 * MS,
        connects: Vec::new(),
        scans: Vec::new(),
    }));
    let driver = Fake { groups: groups.clone(), script: Arc::clone(&script) };
    let name = format!("link {id}");
    let link = Link { id: LinkId(id), name, groups, first_group: 5 * id };
    let start = now();
    let poller = Poller::new(link, Box::new(driver), out.clone(), || Stamp(9), start);
    let (stop, stopped) = watch::channel(false);
    let status = poller.status();
    let task = tokio::spawn(poller.run(stopped));
    Rig { script, status, task, stop, start }
}

impl Rig {
    fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Stops it and tells how long that took.
    async fn stop(self) -> Duration {
        let asked = now();
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        assert_eq!(self.status.snapshot().state, LinkState::Stopped);
        now() - asked
    }
}

fn queue() -> (mpsc::Sender<Polled>, mpsc::Receiver<Polled>) {
    mpsc::channel(10_000)
}

/// Everything that arrived so far.
fn arrived(queue: &mut mpsc::Receiver<Polled>) -> Vec<Polled> {
    std::iter::from_fn(|| queue.try_recv().ok()).collect()
}

fn samples(polled: &Polled) -> impl Iterator<Item = &Sample> {
    polled.scans.iter().flat_map(|scan| &scan.samples)
}

fn all_are(polled: &Polled, quality: Quality) -> bool {
    samples(polled).count() == 3 && samples(polled).all(|sample| sample.quality == quality)
}

/// The longest time a group gave nothing, from the start on.
fn longest_silence(polled: &[Polled], group: u32, start: Instant, end: Instant) -> Duration {
    let told = polled.iter().filter(|polled| polled.group.0 == group).map(|polled| polled.acquired);
    let times: Vec<Instant> = std::iter::once(start).chain(told).chain([end]).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_dead_link_says_so_within_one_period_of_each_group() {
    let ways = [Connecting::Refused, Connecting::Fails(10 * SECOND), Connecting::Hangs];
    for connecting in ways {
        let (out, mut queue) = queue();
        let periods = [SECOND, SECOND / 5, 4 * SECOND];
        let rig = poll(1, &periods, &out);
        rig.script(|script| script.connecting = connecting);
        sleep(90 * SECOND).await;
        let polled = arrived(&mut queue);
        assert!(polled.iter().all(|polled| all_are(polled, Quality::BadNoCommunication)));
        for (group, period) in (0..).zip(periods) {
            let silence = longest_silence(&polled, group, rig.start, now());
            assert!(silence <= period + TICK, "group {group} was silent for {silence:?}");
        }
        let snapshot = rig.status.snapshot();
        assert_eq!((snapshot.overruns, snapshot.polls), (0, 0));
        assert_eq!(snapshot.missed_polls, polled.len() as u64);
        assert_eq!(snapshot.state, LinkState::Down);
        assert!(snapshot.last_error.unwrap().text.contains("plc") || snapshot.failed_connects == 1);
        assert!(rig.stop().await <= TICK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_link_costs_its_neighbours_no_poll() {
    let (out, mut queue) = queue();
    let dead = poll(1, &[SECOND / 10; 4], &out);
    dead.script(|script| script.connecting = Connecting::Fails(10 * SECOND));
    let well = poll(2, &[SECOND / 10; 4], &out);
    sleep(30 * SECOND).await;
    let polled: Vec<Polled> =
        arrived(&mut queue).into_iter().filter(|polled| polled.link.0 == 2).collect();
    assert!(polled.iter().all(|polled| all_are(polled, Quality::Good)));
    for group in 0..4 {
        let scans = polled.iter().filter(|polled| polled.group.0 == group).count();
        assert!((299..=301).contains(&scans), "{scans} scans in 300 periods");
    }
    assert_eq!(well.status.snapshot().overruns, 0);
    assert_eq!(well.status.snapshot().state, LinkState::Up);
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_is_bad_at_once_and_scanned_at_once_when_it_is_back() {
    let (out, mut queue) = queue();
    let rig = poll(1, &[SECOND, 30 * SECOND], &out);
    sleep(45 * SECOND).await;
    arrived(&mut queue);
    rig.script(|script| script.scanning = Scanning::Loses);
    sleep(SECOND + 20 * MS).await;
    let bad = arrived(&mut queue);
    assert!(!bad.is_empty() && bad.iter().all(|p| all_are(p, Quality::BadNoCommunication)));
    rig.script(|script| script.scanning = Scanning::Answers);
    // At most the wait that is under way, then every group, the slow one too.
    sleep(5 * SECOND).await;
    let back = arrived(&mut queue);
    let good = |group| {
        let mut scans = back.iter().filter(|p| p.group.0 == group && all_are(p, Quality::Good));
        scans.next().expect("scanned again").acquired
    };
    assert!(good(0).max(good(1)) - good(0).min(good(1)) <= 10 * MS + TICK);
    let reconnected = *rig.script.lock().unwrap().connects.last().unwrap();
    assert!(good(0).min(good(1)) - reconnected <= 5 * MS + TICK);
    assert!(rig.status.snapshot().failed_polls > 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_device_is_an_overrun_and_never_a_drift() {
    let (out, mut queue) = queue();
    let rig = poll(1, &[SECOND], &out);
    sleep(10 * SECOND).await;
    assert_eq!(rig.status.snapshot().overruns, 0);
    rig.script(|script| script.takes = 2500 * MS);
    sleep(31 * SECOND).await;
    let snapshot = rig.status.snapshot();
    assert!((18..=20).contains(&snapshot.overruns), "{} overruns", snapshot.overruns);
    assert!(snapshot.busy >= 25 * SECOND && snapshot.busy <= 31 * SECOND);
    let script = rig.script.lock().unwrap();
    let on_grid = &script.scans[1..]; // the first came at once
    let phase = on_grid[0].1;
    for (_, began) in on_grid {
        let off = (*began - phase).as_nanos() % SECOND.as_nanos();
        assert!(off <= TICK.as_nanos() || off >= (SECOND - TICK).as_nanos(), "{off} ns off");
    }
    drop(script);
    assert!(arrived(&mut queue).iter().all(|polled| all_are(polled, Quality::Good)));
}

fn waits(rig: &Rig) -> Vec<Duration> {
    let script = rig.script.lock().unwrap();
    script.connects.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn retries_slow_down_until_the_device_answers_again() {
    let (out, _queue) = queue();
    let rig = poll(1, &[SECOND], &out);
    // It accepts every connection and loses it with the first scan.
    rig.script(|script| script.scanning = Scanning::Loses);
    sleep(60 * SECOND).await;
    let slow = waits(&rig);
    assert!(slow[0] <= 110 * MS, "{slow:?}");
    assert!(slow.iter().all(|wait| *wait <= 5010 * MS), "{slow:?}");
    assert!(*slow.last().unwrap() >= 2500 * MS, "{slow:?}");
    rig.script(|script| script.scanning = Scanning::Answers);
    sleep(10 * SECOND).await;
    rig.script(|script| {
        script.connects.clear();
        script.scanning = Scanning::Loses;
    });
    sleep(3 * SECOND).await;
    assert!(waits(&rig)[0] <= 220 * MS, "{:?}", waits(&rig));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_accepts_and_says_nothing_is_not_hammered() {
    let (out, _queue) = queue();
    let rig = poll(1, &[SECOND / 10], &out);
    rig.script(|script| script.scanning = Scanning::Silent);
    sleep(60 * SECOND).await;
    assert!(*waits(&rig).last().unwrap() >= 2500 * MS, "{:?}", waits(&rig));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_nobody() {
    let (out, mut queue) = queue();
    let idle = poll(1, &[10 * SECOND], &out);
    let connecting = poll(2, &[SECOND], &out);
    connecting.script(|script| script.connecting = Connecting::Hangs);
    let waiting = poll(3, &[SECOND], &out);
    waiting.script(|script| script.connecting = Connecting::Refused);
    let scanning = poll(4, &[SECOND], &out);
    scanning.script(|script| script.scanning = Scanning::Hangs);
    sleep(20 * SECOND).await;
    arrived(&mut queue);
    for rig in [idle, connecting, waiting] {
        assert!(rig.stop().await <= TICK);
    }
    arrived(&mut queue);
    assert!(scanning.stop().await <= TICK);
    let partial = arrived(&mut queue);
    assert_eq!(partial.len(), 1, "what a broken-off scan had read is handed over");
    assert_eq!(samples(&partial[0]).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_whose_sender_is_gone_is_a_stop() {
    let (out, _queue) = queue();
    let rig = poll(1, &[SECOND], &out);
    sleep(3 * SECOND).await;
    drop(rig.stop);
    rig.task.await.unwrap();
    assert_eq!(rig.status.snapshot().state, LinkState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_tag_the_driver_forgot_is_bad_and_counted() {
    let (out, mut queue) = queue();
    let rig = poll(1, &[SECOND], &out);
    rig.script(|script| script.scanning = Scanning::Omits);
    sleep(10 * SECOND).await;
    let polled = arrived(&mut queue);
    assert!(polled.len() >= 9);
    for polled in &polled {
        let bad: Vec<_> = samples(polled).filter(|sample| sample.value.is_null()).collect();
        assert_eq!((bad.len(), bad[0].tag, bad[0].quality), (1, TagId(3), Quality::BadDataLost));
        assert_eq!(samples(polled).count(), 3);
    }
    assert_eq!(rig.status.snapshot().breaches, polled.len() as u64);
    assert_eq!(rig.status.snapshot().state, LinkState::Up);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_hangs_is_broken_off_and_what_it_had_read_is_kept() {
    let (out, mut queue) = queue();
    let rig = poll(1, &[SECOND], &out);
    rig.script(|script| script.scanning = Scanning::Hangs);
    sleep(61 * SECOND).await;
    let first = &arrived(&mut queue)[0];
    let qualities: Vec<Quality> = samples(first).map(|sample| sample.quality).collect();
    let (good, bad) = (Quality::Good, Quality::BadNoCommunication);
    assert_eq!(qualities, [good, bad, bad]);
    assert_eq!(rig.status.snapshot().failed_polls, 1);
    assert!(rig.status.snapshot().last_error.unwrap().text.contains("did not end its scan"));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_slows_the_polling_down_and_loses_nothing() {
    let (out, mut queue) = mpsc::channel(1);
    let rig = poll(1, &[SECOND / 10], &out);
    let mut received = 0;
    for _ in 0..20 {
        sleep(SECOND).await;
        let polled = queue.recv().await.unwrap();
        assert!(all_are(&polled, Quality::Good));
        received += 1;
    }
    sleep(SECOND).await;
    let snapshot = rig.status.snapshot();
    // One waits in the queue, one in the poller's hand.
    assert_eq!(snapshot.polls, received + 2);
    assert!(snapshot.overruns >= 150, "{} overruns", snapshot.overruns);
    assert_eq!(snapshot.undelivered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_poller_nobody_listens_to_ends_and_counts_what_it_held() {
    let (out, queue) = queue();
    let rig = poll(1, &[SECOND], &out);
    drop(queue);
    rig.task.await.unwrap();
    assert_eq!(rig.status.snapshot().undelivered, 3);
}
