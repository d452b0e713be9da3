//! A plugin that speaks up by itself: what it pushes is handed on, and its silence is doubted.

use std::time::Duration;

use forehearth_driver::{
    BoxFuture, LinkCounters, LinkError, LinkNews, NobodyListens, PushDriver, Sink,
};
use forehearth_model::{Quality, Sample, Scan};
use tokio::time::{Instant, sleep, sleep_until};

use crate::conversation::{Conversation, Fault, News};
use crate::readings::{Roster, nothing};
use crate::refusal::refusal;
use crate::settings::{Clock, PluginSettings};

/// Waits between two starts: doubling from the first to the last. Chosen: an
/// interpreter that dies at once costs a start each 10 s at most.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// How long readings must flow until the next failure counts as the first.
const SETTLED: Duration = Duration::from_secs(30);

/// The driver of a device whose driver is a plugin that pushes.
#[derive(Debug)]
pub struct PluginPusher {
    settings: PluginSettings,
    roster: Roster,
    clock: Clock,
    counters: LinkCounters,
    /// What each tag holds, and since when it was not said.
    held: Vec<Option<(Sample, Instant)>>,
}

/// Why a conversation is over.
enum Over {
    Stopped(Box<Conversation>),
    Nobody,
    Failed(Fault),
}

impl From<NobodyListens> for Over {
    fn from(_: NobodyListens) -> Self {
        Self::Nobody
    }
}

impl From<Fault> for Over {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl PluginPusher {
    /// No process yet.
    #[must_use]
    pub fn new(settings: PluginSettings, clock: Clock) -> Self {
        let roster = Roster::new(&settings);
        let held = vec![None; roster.all().len()];
        Self { settings, roster, clock, counters: LinkCounters::default(), held }
    }

    async fn work(&mut self, sink: &mut dyn Sink, mut stop: BoxFuture<'_, ()>) {
        let mut wait = SHORTEST;
        loop {
            let began = Instant::now();
            let fault = match self.converse(sink, &mut stop).await {
                Over::Stopped(open) => {
                    open.end().await;
                    return;
                }
                Over::Nobody => return,
                Over::Failed(fault) => fault,
            };
            if began.elapsed() > SETTLED {
                wait = SHORTEST;
            }
            let error = self.error(&fault);
            sink.link(LinkNews::Down(&error), &self.counters);
            let scans = self.all_bad(Quality::BadNoCommunication);
            tokio::select! {
                biased;
                () = &mut stop => return,
                told = sink.deliver(scans) => if told.is_err() { return },
            }
            // Between half and all of it, so that ten plugins don't start in step.
            let pause = wait.mul_f64(0.5 + fastrand::f64() / 2.0);
            wait = (wait * 2).min(LONGEST);
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One process, from its start to its end.
    async fn converse(&mut self, sink: &mut dyn Sink, stop: &mut BoxFuture<'_, ()>) -> Over {
        let opened = tokio::select! {
            biased;
            () = &mut *stop => return Over::Nobody,
            opened = Conversation::open(&self.settings) => opened,
        };
        let open = match opened {
            Ok(open) if open.capabilities().push => open,
            Ok(_) => return Over::Failed(Fault::NotCapable("push")),
            Err(fault) => return Over::Failed(fault),
        };
        self.counters.connects += 1;
        sink.link(LinkNews::Opened, &self.counters);
        match self.listen(open, sink, stop).await {
            Ok(over) | Err(over) => over,
        }
    }

    async fn listen(
        &mut self,
        mut open: Conversation,
        sink: &mut dyn Sink,
        stop: &mut BoxFuture<'_, ()>,
    ) -> Result<Over, Over> {
        let allowed = self.settings.timeout;
        let mut pinged: Option<u64> = None;
        let mut next_ping = Instant::now() + allowed;
        loop {
            let news = tokio::select! {
                biased;
                () = &mut *stop => return Ok(Over::Stopped(Box::new(open))),
                news = open.next() => Some(news?),
                () = sleep_until(next_ping) => None,
            };
            match news {
                Some(News::Batch(batch)) => {
                    let scans = self.taken(batch).map_err(Fault::from)?;
                    tokio::select! {
                        biased;
                        () = &mut *stop => return Ok(Over::Stopped(Box::new(open))),
                        told = sink.deliver(scans) => told?,
                    }
                    open.acknowledge().await?;
                }
                Some(News::Alive(number)) => {
                    if pinged.is_some_and(|asked| asked == number) {
                        pinged = None;
                        self.counters.answers += 1;
                        sink.link(LinkNews::Alive, &self.counters);
                    }
                }
                None if pinged.is_some() => {
                    self.counters.timeouts += 1;
                    return Err(Fault::Hung { what: "answer a ping", after: allowed }.into());
                }
                None => {
                    self.counters.requests += 1;
                    pinged = Some(open.ping().await?);
                    next_ping = Instant::now() + allowed;
                    // It answered the ping before: what it told still stands.
                    let again = self.restated();
                    if !again.is_empty() {
                        sink.deliver(again).await?;
                    }
                }
            }
        }
    }

    /// The scans of a batch; what each tag holds is kept.
    fn taken(
        &mut self,
        batch: forehearth_plugin_protocol::v1::Batch,
    ) -> Result<Vec<Scan>, forehearth_plugin_protocol::Breach> {
        let now = Instant::now();
        let numbers: Vec<u32> =
            batch.sections.iter().flat_map(|section| section.tags.iter().copied()).collect();
        let scans = self.roster.scans(batch, (self.clock)(), &mut self.counters, |_, _| true)?;
        let samples = scans.iter().flat_map(|scan| &scan.samples);
        for (number, sample) in numbers.into_iter().zip(samples) {
            self.held[number as usize] = Some((sample.clone(), now));
        }
        Ok(scans)
    }

    /// What was not said for the restating period, said again.
    fn restated(&mut self) -> Vec<Scan> {
        let (now, stamp) = (Instant::now(), (self.clock)());
        let mut scans: Vec<Scan> = Vec::new();
        for (known, held) in self.roster.all().iter().zip(&mut self.held) {
            let Some((sample, said)) = held else { continue };
            if now.saturating_duration_since(*said) < self.settings.restate {
                continue;
            }
            *said = now;
            let sample = sample.clone();
            match scans.last_mut() {
                Some(scan) if scan.device == known.device => scan.samples.push(sample),
                _ => scans.push(Scan { device: known.device, stamp, samples: vec![sample] }),
            }
        }
        scans
    }

    fn all_bad(&mut self, quality: Quality) -> Vec<Scan> {
        self.held.fill(None);
        let stamp = (self.clock)();
        let mut scans: Vec<Scan> = Vec::new();
        for known in self.roster.all() {
            let sample = nothing(known.tag, quality);
            match scans.last_mut() {
                Some(scan) if scan.device == known.device => scan.samples.push(sample),
                _ => scans.push(Scan { device: known.device, stamp, samples: vec![sample] }),
            }
        }
        scans
    }

    fn error(&self, fault: &Fault) -> LinkError {
        let peer = format!("plugin:{}", self.settings.name);
        match fault {
            Fault::Refused(errors) => {
                LinkError::Connect { peer, reason: refusal(&self.settings, errors) }
            }
            Fault::Spawn(_) => LinkError::Connect { peer, reason: fault.to_string() },
            other => LinkError::Lost { peer, reason: other.to_string() },
        }
    }
}

impl PushDriver for PluginPusher {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        Box::pin(self.work(sink, stop))
    }
}
