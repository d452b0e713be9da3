//! The poller: the task of one link. It connects, scans what is due and says so when it can't.

use std::sync::Arc;
use std::time::Instant;

use forehearth_driver::{Driver, LinkError, WriteOrder, WritingDriver};
use forehearth_model::{GroupId, LinkId, Quality, Scan, Stamp};
use tokio::sync::{mpsc, watch};

use crate::backoff::Backoff;
use crate::group::{Group, PATIENCE, Roster};
use crate::hands::Hands;
use crate::orders::Slip;
use crate::schedule::Schedule;
use crate::status::{LastError, LinkState, LinkStatus};

/// A link and what is read over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its place in the plan.
    pub id: LinkId,
    /// Its name in the plan, for logs.
    pub name: String,
    /// What is read; a [`GroupId`] is a position here.
    pub groups: Vec<Group>,
    /// How many groups the links before this one have together, so that the
    /// phases of all links are spread.
    pub first_group: u32,
}

/// One scan of one group, complete: at least one sample for each of its tags.
#[derive(Clone, PartialEq, Debug)]
pub struct Polled {
    /// Over which link.
    pub link: LinkId,
    /// Which group of that link.
    pub group: GroupId,
    /// When the driver handed it over, on the monotonic clock.
    pub acquired: Instant,
    /// The samples.
    pub scans: Vec<Scan>,
}

/// The task of one link.
///
/// **When the queue is full** the poller waits: what was acquired never
/// vanishes. The reader of the queue waits for neither disk nor network, so a
/// full queue means that the processor is overloaded; slots that pass
/// meanwhile are counted as overruns, which is what slows the acquisition
/// down instead of filling the memory.
pub struct Poller {
    hands: Hands,
    desk: Desk,
    backoff: Backoff,
}

/// All of a poller but the driver: what stays usable while the driver is busy.
struct Desk {
    id: LinkId,
    name: String,
    rosters: Vec<Roster>,
    schedule: Schedule,
    out: mpsc::Sender<Polled>,
    clock: fn() -> Stamp,
    status: Arc<LinkStatus>,
}

/// What the poller is at. Each mode is a method that returns the next.
enum Mode {
    /// Opening the link.
    Connect,
    /// The link is open.
    Poll,
    /// The link is closed until then.
    Wait(Instant),
    /// Told to stop, or nobody listens any more.
    End,
}

/// The receiver of the queue is gone: the gateway ends.
struct NobodyListens;

impl Poller {
    /// A poller for `link`, which is not connected yet.
    ///
    /// `start` is the same for all links, `out` the queue they share, `clock`
    /// tells gateway time for samples that no driver stamped.
    #[must_use]
    pub fn new(
        link: Link,
        driver: Box<dyn Driver>,
        out: mpsc::Sender<Polled>,
        clock: fn() -> Stamp,
        start: Instant,
    ) -> Self {
        Self::with(link, Hands::Reading(driver), out, clock, start)
    }

    /// A poller that also carries out `orders`, each after at most the request
    /// in flight. While the link is down they are answered, not kept.
    #[must_use]
    pub fn writing(
        link: Link,
        driver: Box<dyn WritingDriver>,
        orders: mpsc::Receiver<Slip>,
        out: mpsc::Sender<Polled>,
        clock: fn() -> Stamp,
        start: Instant,
    ) -> Self {
        Self::with(link, Hands::writing(driver, orders), out, clock, start)
    }

    fn with(
        link: Link,
        hands: Hands,
        out: mpsc::Sender<Polled>,
        clock: fn() -> Stamp,
        start: Instant,
    ) -> Self {
        let periods = link.groups.iter().map(|group| group.period);
        let schedule = Schedule::new(start, link.first_group, periods);
        let rosters = link.groups.into_iter().map(Roster::new).collect();
        let status = Arc::new(LinkStatus::new(start));
        let desk = Desk { id: link.id, name: link.name, rosters, schedule, out, clock, status };
        Self { hands, desk, backoff: Backoff::default() }
    }

    /// Where the state of the link can be read at any time, also after the end.
    #[must_use]
    pub fn status(&self) -> Arc<LinkStatus> {
        Arc::clone(&self.desk.status)
    }

    /// Polls until `stop` holds true or its sender is gone, then closes the
    /// link. A scan at work is broken off; what it had read is handed over.
    ///
    /// Cancel safe in that nothing else is harmed; samples of a scan at work
    /// are lost uncounted, so stop it with `stop`.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut mode = Mode::Connect;
        loop {
            mode = match mode {
                Mode::Connect => self.connect(&mut stop).await,
                Mode::Poll => self.poll(&mut stop).await,
                Mode::Wait(until) => self.wait(until, &mut stop).await,
                Mode::End => break,
            };
        }
        self.hands.close();
        self.desk.status.update(|status| status.enter(LinkState::Stopped, now()));
    }

    /// Opens the link. The driver is busy with that until its own deadline;
    /// groups that become due meanwhile are answered for by the desk.
    async fn connect(&mut self, stop: &mut watch::Receiver<bool>) -> Mode {
        let Self { hands, desk, backoff } = self;
        let hung = now() + PATIENCE;
        let (driver, mut orders) = hands.split();
        let mut connect = driver.connect();
        let connected = loop {
            tokio::select! {
                biased;
                () = stopped(stop) => return Mode::End,
                connected = &mut connect => break connected,
                () = sleep_until(Some(hung)) => break Err(desk.hung("connect")),
                () = orders.run() => {}
                () = sleep_until(desk.schedule.next(now())) => {
                    if desk.fail_due().await.is_err() {
                        return Mode::End;
                    }
                }
            }
        };
        drop(connect);
        match connected {
            Ok(()) => {
                desk.went_up(driver);
                desk.schedule.all_at_once();
                Mode::Poll
            }
            Err(error) => {
                desk.status.update(|status| status.failed_connects += 1);
                desk.went_down(&error, driver);
                Mode::Wait(now() + backoff.after_failure(fastrand::f64()))
            }
        }
    }

    /// Scans what is due, one group after the other, until the link is lost.
    async fn poll(&mut self, stop: &mut watch::Receiver<bool>) -> Mode {
        loop {
            let Some(group) = self.desk.schedule.due(now()) else {
                tokio::select! {
                    biased;
                    () = stopped(stop) => return Mode::End,
                    () = sleep_until(self.desk.schedule.next(now())) => continue,
                    order = self.hands.order() => match self.write(order).await {
                        Some(mode) => return mode,
                        None => continue,
                    },
                }
            };
            let began = now();
            let hung = began + self.desk.rosters[group.index()].patience();
            let mut scans = Vec::new();
            let ended = tokio::select! {
                biased;
                () = stopped(stop) => None,
                ended = self.hands.scan(group, &mut scans) => Some(ended),
                () = sleep_until(Some(hung)) => Some(Err(self.desk.hung("scan"))),
            };
            self.hands.broken_off();
            let Some(result) = ended else {
                // The rest was never asked for; what is here was acquired.
                let _ = self.desk.deliver(group, scans).await;
                return Mode::End;
            };
            self.desk.schedule.finished(group, now());
            self.desk.scanned(group, &mut scans, &result, began, self.hands.driver());
            if result.is_ok() && answered(&scans) {
                self.backoff.reset();
            }
            if self.desk.deliver(group, scans).await.is_err() {
                return Mode::End;
            }
            if let Err(error) = result {
                return self.lost(&error);
            }
        }
    }

    /// Carries out an order between two scans; `None`: the link is as it was.
    async fn write(&mut self, order: WriteOrder) -> Option<Mode> {
        let hung = now() + PATIENCE;
        let ended = tokio::select! {
            biased;
            ended = self.hands.carry_out(order) => ended,
            () = sleep_until(Some(hung)) => Err(self.desk.hung("write")),
        };
        self.hands.broken_off();
        ended.err().map(|error| self.lost(&error))
    }

    fn lost(&mut self, error: &LinkError) -> Mode {
        self.desk.went_down(error, self.hands.driver());
        Mode::Wait(now() + self.backoff.after_failure(fastrand::f64()))
    }

    /// Waits with the link closed; due groups are answered for.
    async fn wait(&mut self, until: Instant, stop: &mut watch::Receiver<bool>) -> Mode {
        let (_, mut orders) = self.hands.split();
        loop {
            tokio::select! {
                biased;
                () = stopped(stop) => return Mode::End,
                () = sleep_until(Some(until)) => return Mode::Connect,
                () = orders.run() => {}
                () = sleep_until(self.desk.schedule.next(now())) => {
                    if self.desk.fail_due().await.is_err() {
                        return Mode::End;
                    }
                }
            }
        }
    }
}

impl Desk {
    /// What is said of a driver that breaks its contract and does not end.
    fn hung(&self, what: &str) -> LinkError {
        LinkError::Lost {
            peer: self.name.clone(),
            reason: format!("the driver did not end its {what} in time and was broken off"),
        }
    }

    /// Answers for every group that is due: no communication.
    async fn fail_due(&mut self) -> Result<(), NobodyListens> {
        while let Some(group) = self.schedule.due(now()) {
            let unread =
                self.rosters[group.index()].unread(Quality::BadNoCommunication, (self.clock)());
            let overruns = self.schedule.overruns();
            self.status.update(|status| {
                status.missed_polls += 1;
                status.overruns = overruns;
            });
            self.deliver(group, vec![unread]).await?;
        }
        Ok(())
    }

    /// Books a scan that ended and holds the driver to its contract.
    fn scanned(
        &self,
        group: GroupId,
        scans: &mut Vec<Scan>,
        result: &Result<(), LinkError>,
        began: Instant,
        driver: &dyn Driver,
    ) {
        let missing = match result {
            Ok(()) => Quality::BadDataLost,
            Err(_) => Quality::BadNoCommunication,
        };
        let breach = self.rosters[group.index()].settle(scans, missing, (self.clock)());
        let wrong = breach.map_or(0, |b| b.missing + b.foreign + b.repeated);
        let first = self.status.update(|status| {
            status.polls += 1;
            status.failed_polls += u64::from(result.is_err());
            status.busy += now().saturating_duration_since(began);
            status.overruns = self.schedule.overruns();
            status.counters = driver.counters();
            status.breaches += wrong;
            status.breaches == wrong
        });
        if let (Some(breach), true) = (breach, first) {
            tracing::error!(
                link = self.name,
                group = group.0,
                missing = breach.missing,
                foreign = breach.foreign,
                repeated = breach.repeated,
                "the driver broke its contract: a scan was not one sample per tag; told once, counted always"
            );
        }
    }

    /// Hands a scan over, waiting for room if need be.
    async fn deliver(&self, group: GroupId, scans: Vec<Scan>) -> Result<(), NobodyListens> {
        if scans.iter().all(|scan| scan.samples.is_empty()) {
            return Ok(());
        }
        let polled = Polled { link: self.id, group, acquired: now(), scans };
        self.out.send(polled).await.map_err(|refused| {
            let samples = refused.0.scans.iter().map(|scan| scan.samples.len() as u64).sum::<u64>();
            self.status.update(|status| status.undelivered += samples);
            NobodyListens
        })
    }

    fn went_up(&self, driver: &dyn Driver) {
        let entered = self.status.update(|status| {
            status.counters = driver.counters();
            status.enter(LinkState::Up, now())
        });
        if entered {
            tracing::info!(link = self.name, "link up");
        }
    }

    fn went_down(&self, error: &LinkError, driver: &dyn Driver) {
        let last_error = LastError { stamp: (self.clock)(), text: error.to_string() };
        let entered = self.status.update(|status| {
            status.last_error = Some(last_error);
            status.counters = driver.counters();
            status.enter(LinkState::Down, now())
        });
        if entered {
            tracing::warn!(link = self.name, %error, "link down; its tags are bad until it is back");
        }
    }
}

/// Whether the device said anything, be it an exception.
fn answered(scans: &[Scan]) -> bool {
    let mut samples = scans.iter().flat_map(|scan| &scan.samples);
    samples.any(|sample| sample.quality != Quality::BadNoCommunication)
}

/// The runtime's clock, so that virtual time in tests moves it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Cancel safe. Never ends for `None`: there is nothing to wait for.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Ends when the gateway stops. Cancel safe.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
