//! A plugin that is asked: one group at a time, each answer within its deadline.

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_model::{GroupId, Quality, Scan, Severity};
use tokio::time::{Instant, timeout_at};

use crate::conversation::{Conversation, Fault, News};
use crate::readings::{Roster, nothing};
use crate::refusal::refusal;
use crate::settings::{Clock, PluginSettings};

/// The driver of a device whose driver is a plugin. A process that fails in
/// any way is killed; the next `connect` starts another.
#[derive(Debug)]
pub struct PluginPoller {
    settings: PluginSettings,
    roster: Roster,
    clock: Clock,
    /// `None`: no process. Taken out while it is talked to, so that a dropped
    /// future ends it.
    open: Option<Conversation>,
    counters: LinkCounters,
}

impl PluginPoller {
    /// No process yet.
    #[must_use]
    pub fn new(settings: PluginSettings, clock: Clock) -> Self {
        let roster = Roster::new(&settings);
        Self { settings, roster, clock, open: None, counters: LinkCounters::default() }
    }

    async fn open(&mut self) -> Result<(), LinkError> {
        self.open = None;
        match Conversation::open(&self.settings).await {
            Ok(open) if open.capabilities().poll => {
                self.counters.connects += 1;
                self.open = Some(open);
                Ok(())
            }
            Ok(_) => Err(self.refused(&Fault::NotCapable("be polled"))),
            Err(fault) => Err(self.refused(&fault)),
        }
    }

    fn refused(&self, fault: &Fault) -> LinkError {
        let reason = match fault {
            Fault::Refused(errors) => refusal(&self.settings, errors),
            other => other.to_string(),
        };
        LinkError::Connect { peer: self.peer(), reason }
    }

    fn peer(&self) -> String {
        format!("plugin:{}", self.settings.name)
    }

    async fn ask(&mut self, group: GroupId, out: &mut Vec<Scan>) -> Result<(), Fault> {
        let Some(mut open) = self.open.take() else {
            return Err(Fault::Ended("it is not running".to_owned()));
        };
        self.counters.requests += 1;
        let allowed = self.settings.timeout;
        let deadline = Instant::now() + allowed;
        open.poll(group.0, allowed).await?;
        let mut due = vec![false; self.roster.all().len()];
        self.roster.of(group).for_each(|(number, _)| due[number] = true);
        let before = out.len();
        loop {
            let news = match timeout_at(deadline, open.next()).await {
                Ok(news) => news?,
                Err(_) => {
                    self.counters.timeouts += 1;
                    return Err(Fault::Hung { what: "answer", after: allowed });
                }
            };
            let News::Batch(batch) = news else { continue };
            let last = batch.last;
            let heard = |number, _| std::mem::take(&mut due[number as usize]);
            out.extend(self.roster.scans(batch, (self.clock)(), &mut self.counters, heard)?);
            open.acknowledge().await?;
            if last {
                break;
            }
        }
        let samples = || out[before..].iter().flat_map(|scan| &scan.samples);
        let good = samples().any(|sample| sample.quality.severity() != Severity::Bad);
        if good || samples().next().is_none() {
            self.counters.answers += 1;
        } else {
            self.counters.exceptions += 1;
        }
        self.open = Some(open);
        Ok(())
    }

    /// A sample for each tag of the group that `out` has none of since `before`.
    fn fill(&self, group: GroupId, before: usize, quality: Quality, out: &mut Vec<Scan>) {
        let samples = out[before..].iter().flat_map(|scan| &scan.samples);
        let mut told: Vec<_> = samples.map(|sample| sample.tag).collect();
        told.sort_unstable();
        let missing = self.roster.of(group).map(|(_, known)| known);
        let missing: Vec<_> =
            missing.filter(|known| told.binary_search(&known.tag).is_err()).collect();
        let Some(first) = missing.first() else { return };
        let samples = missing.iter().map(|known| nothing(known.tag, quality)).collect();
        out.push(Scan { device: first.device, stamp: (self.clock)(), samples });
    }
}

impl Driver for PluginPoller {
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(self.open())
    }

    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(async move {
            let before = out.len();
            let asked = self.ask(group, out).await;
            match asked {
                Ok(()) => {
                    // What it left out of a whole answer.
                    self.fill(group, before, Quality::BadDeviceFailure, out);
                    Ok(())
                }
                Err(fault) => {
                    self.fill(group, before, Quality::BadNoCommunication, out);
                    Err(LinkError::Lost { peer: self.peer(), reason: fault.to_string() })
                }
            }
        })
    }

    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        out.extend(self.roster.bad(group, quality, (self.clock)()));
    }

    fn counters(&self) -> LinkCounters {
        self.counters
    }
}
