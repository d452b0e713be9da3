//! The contract, as tests: what every driver runs against itself.
//!
//! A driver brings a [`Bench`] that sets it up against a peer of a given
//! [`Mood`]; [`hold_to_contract`] plays every mood and panics with the
//! promise that was broken. The bench uses real sockets or pipes and short
//! deadlines of its own choosing.
#![allow(clippy::panic, reason = "a broken promise fails the test that runs this")]

use std::collections::BTreeMap;
use std::time::Duration;

use forehearth_model::{DeviceId, GroupId, Quality, Scan, Severity, TagId};
use tokio::time::timeout;

use crate::{BoxFuture, Driver, LinkError};

/// How the peer behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Answers every request correctly.
    Healthy,
    /// Nothing listens.
    Absent,
    /// Accepts the connection and never answers.
    Silent,
    /// Answers the first request and closes in the middle of the next answer.
    ClosesMidAnswer,
    /// Answers every request with bytes that mean nothing.
    Garbage,
    /// Refuses every request in the way its protocol has for it.
    Refuses,
}

impl Mood {
    /// Every mood.
    pub const ALL: [Self; 6] = [
        Self::Healthy,
        Self::Absent,
        Self::Silent,
        Self::ClosesMidAnswer,
        Self::Garbage,
        Self::Refuses,
    ];
}

/// A driver set up against a peer.
pub trait Rig: Send {
    /// The driver; the same at each call.
    fn driver(&mut self) -> &mut dyn Driver;

    /// Connections that are open, as the peer sees it; 0 for an absent peer.
    fn open_links(&self) -> usize;
}

/// Makes rigs. The driver under test reads the groups of [`groups`](Self::groups).
pub trait Bench {
    /// A new driver against a new peer.
    fn rig(&self, mood: Mood) -> BoxFuture<'_, Box<dyn Rig>>;

    /// What is read: device and tags of each group, at least one group with
    /// at least two requests' worth of tags.
    fn groups(&self) -> Vec<(DeviceId, Vec<TagId>)>;

    /// Longer than any `connect` or `scan` of the driver may take.
    fn patience(&self) -> Duration;
}

/// Plays every mood against every promise of [`Driver`]'s contract.
///
/// # Panics
/// When a promise is broken, with the promise and the mood.
pub async fn hold_to_contract(bench: &dyn Bench) {
    for mood in Mood::ALL {
        let trial = Trial { bench, mood };
        trial.every_tag_gets_exactly_one_sample_whatever_happens().await;
        trial.a_scan_without_a_link_is_refused_and_complete().await;
        trial.a_dropped_scan_closes_the_link().await;
        trial.counters_never_go_back().await;
    }
    Trial { bench, mood: Mood::Healthy }.failing_a_group_touches_no_link().await;
}

struct Trial<'a> {
    bench: &'a dyn Bench,
    mood: Mood,
}

impl Trial<'_> {
    /// Three rounds as the source would do them: connect when needed, scan
    /// each group.
    async fn every_tag_gets_exactly_one_sample_whatever_happens(&self) {
        let mut rig = self.bench.rig(self.mood).await;
        let mut connected = false;
        for _ in 0..3 {
            for (group, (device, tags)) in self.groups() {
                if !connected {
                    connected = self.connect(rig.driver()).await.is_ok();
                    self.check_connect(connected);
                }
                let mut out = Vec::new();
                let result = self.scan(rig.driver(), group, &mut out).await;
                self.check_samples(&out, device, &tags);
                self.check_outcome(result.is_ok(), &out);
                if let Err(error) = result {
                    self.promise(
                        "a scan loses a link, it does not open one",
                        matches!(error, LinkError::Lost { .. }),
                    );
                    connected = false;
                    self.wait_until_closed(rig.as_ref(), "after an error the link is closed").await;
                }
            }
        }
    }

    async fn a_scan_without_a_link_is_refused_and_complete(&self) {
        let mut rig = self.bench.rig(self.mood).await;
        for (group, (device, tags)) in self.groups() {
            let mut out = Vec::new();
            let result = self.scan(rig.driver(), group, &mut out).await;
            self.promise("a scan before connect is an error", result.is_err());
            self.check_samples(&out, device, &tags);
            self.promise("and every sample is Bad", all_bad(&out));
        }
    }

    /// The future is polled once, so that a request is on its way, and dropped.
    async fn a_dropped_scan_closes_the_link(&self) {
        let mut rig = self.bench.rig(self.mood).await;
        if self.connect(rig.driver()).await.is_err() {
            return;
        }
        let mut out = Vec::new();
        {
            let mut scan = rig.driver().scan(GroupId(0), &mut out);
            let once = std::future::poll_fn(|context| {
                let ready = scan.as_mut().poll(context).is_ready();
                std::task::Poll::Ready(ready)
            });
            self.promise("a scan needs its peer", !once.await);
        }
        self.wait_until_closed(rig.as_ref(), "dropping a scan closes the link").await;
        let result = self.scan(rig.driver(), GroupId(0), &mut Vec::new()).await;
        self.promise("and the next call must be connect", result.is_err());
        let result = self.connect(rig.driver()).await;
        self.promise("which works as before", result.is_ok());
    }

    async fn counters_never_go_back(&self) {
        let mut rig = self.bench.rig(self.mood).await;
        let mut before = rig.driver().counters();
        for _ in 0..3 {
            let _ = self.connect(rig.driver()).await;
            let _ = self.scan(rig.driver(), GroupId(0), &mut Vec::new()).await;
            let after = rig.driver().counters();
            let grows = after.requests >= before.requests
                && after.answers >= before.answers
                && after.timeouts >= before.timeouts
                && after.late >= before.late
                && after.stray >= before.stray
                && after.exceptions >= before.exceptions
                && after.connects >= before.connects;
            self.promise("counters never go back", grows);
            let ends = after.answers + after.exceptions + after.timeouts;
            self.promise("no more ends than requests", ends <= after.requests);
            before = after;
        }
        self.promise(
            "an open link was counted",
            (before.connects > 0) == (self.mood != Mood::Absent),
        );
    }

    async fn failing_a_group_touches_no_link(&self) {
        let mut rig = self.bench.rig(self.mood).await;
        for (group, (device, tags)) in self.groups() {
            let mut out = Vec::new();
            rig.driver().fail(group, Quality::BadOutOfService, &mut out);
            self.check_samples(&out, device, &tags);
            let as_said = out
                .iter()
                .flat_map(|scan| &scan.samples)
                .all(|sample| sample.quality == Quality::BadOutOfService);
            self.promise("a failed group has the quality it was given", as_said);
        }
        self.promise("failing opens nothing", rig.open_links() == 0);
        self.promise("failing asks nothing", rig.driver().counters().requests == 0);
    }

    async fn connect(&self, driver: &mut dyn Driver) -> Result<(), LinkError> {
        match timeout(self.bench.patience(), driver.connect()).await {
            Ok(result) => result,
            Err(_) => self.broken("connect ends by itself"),
        }
    }

    async fn scan(
        &self,
        driver: &mut dyn Driver,
        group: GroupId,
        out: &mut Vec<Scan>,
    ) -> Result<(), LinkError> {
        match timeout(self.bench.patience(), driver.scan(group, out)).await {
            Ok(result) => result,
            Err(_) => self.broken("a scan ends by itself"),
        }
    }

    fn check_connect(&self, connected: bool) {
        self.promise(
            "connect succeeds where a peer listens",
            connected == (self.mood != Mood::Absent),
        );
    }

    /// Exactly one sample per tag; no value without Good or Uncertain
    /// quality, and none with Bad.
    fn check_samples(&self, out: &[Scan], device: DeviceId, tags: &[TagId]) {
        let mut seen: BTreeMap<TagId, usize> = tags.iter().map(|tag| (*tag, 0)).collect();
        for scan in out {
            self.promise("a scan is of the group's device", scan.device == device);
            self.promise("a scan holds samples", !scan.samples.is_empty());
            for sample in &scan.samples {
                match seen.get_mut(&sample.tag) {
                    Some(times) => *times += 1,
                    None => self.broken("no sample of a tag nobody asked for"),
                }
                let bad = sample.quality.severity() == Severity::Bad;
                self.promise(
                    "a Bad sample has no value, any other has one",
                    sample.value.is_null() == bad,
                );
            }
        }
        self.promise("exactly one sample per tag", seen.values().all(|times| *times == 1));
    }

    fn check_outcome(&self, ok: bool, out: &[Scan]) {
        match self.mood {
            Mood::Healthy => {
                self.promise("a healthy peer is read", ok);
                let good = out.iter().flat_map(|scan| &scan.samples);
                self.promise(
                    "with Good values",
                    good.into_iter().all(|sample| sample.quality == Quality::Good),
                );
            }
            Mood::Absent | Mood::Silent | Mood::Garbage => {
                self.promise("nothing Good comes from nothing", all_bad(out));
            }
            Mood::Refuses => {
                self.promise("a refusal is no lost link", ok);
                self.promise("and no value", all_bad(out));
            }
            Mood::ClosesMidAnswer => {}
        }
    }

    async fn wait_until_closed(&self, rig: &dyn Rig, promise: &str) {
        let closed = async {
            while rig.open_links() > 0 {
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(self.bench.patience(), closed).await.is_err() {
            self.broken(promise);
        }
    }

    fn groups(&self) -> impl Iterator<Item = (GroupId, (DeviceId, Vec<TagId>))> {
        (0..).map(GroupId).zip(self.bench.groups())
    }

    fn promise(&self, promise: &str, kept: bool) {
        if !kept {
            self.broken(promise);
        }
    }

    fn broken(&self, promise: &str) -> ! {
        panic!("broken with a peer that is {:?}: {promise}", self.mood)
    }
}

fn all_bad(out: &[Scan]) -> bool {
    out.iter()
        .flat_map(|scan| &scan.samples)
        .all(|sample| sample.quality.severity() == Severity::Bad)
}
