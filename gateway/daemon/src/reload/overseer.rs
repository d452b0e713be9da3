//! The overseer: carries out orders to take up files, one at a time, and takes a change back that nobody confirms.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_config::{Lang, Plan, diff};
use tokio::sync::{mpsc, watch};

use super::order::{Cause, Order, Outcome, Report};
use super::probation::Probation;
use super::works::{Touched, Works};
use crate::clock;
use crate::rooms::Rooms;
use crate::service::Service;

/// Destinations the buffer can keep apart, see `forehearth_buffer`.
const MOST_BROKERS: usize = 64;

/// See the module's first line.
pub struct Overseer {
    config: PathBuf,
    works: Works,
    rooms: Arc<Rooms>,
    service: Arc<Service>,
    probation: Probation<Arc<Plan>>,
}

/// What the files say.
struct Files {
    plan: Option<Plan>,
    /// The findings, rendered.
    text: String,
    errors: usize,
    first: String,
}

impl Overseer {
    /// Oversees what runs; `config` is the directory to read.
    pub fn new(config: PathBuf, works: Works, rooms: Arc<Rooms>, service: Arc<Service>) -> Self {
        let probation = Probation::default();
        Self { config, works, rooms, service, probation }
    }

    /// Carries out orders until `stop` turns true; gives the works back, which
    /// run on. An order at work is finished first.
    pub async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut stop: watch::Receiver<bool>,
    ) -> Works {
        loop {
            let until = self.probation.until();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return self.works,
                () = sleep_until(until) => self.roll_back().await,
                // When nobody can give orders any more, the deadline stands.
                Some(order) = orders.recv() => self.carry_out(order).await,
            }
        }
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Reload { cause: Cause::Directory, .. } if !self.works.plan().gateway.watch => {}
            Order::Reload { cause, confirm, lang, answer } => {
                self.service.reloading();
                let report = self.reload(cause, confirm, lang).await;
                self.service.ready();
                if let Some(answer) = answer {
                    // Who asked may have gone; the log has it too.
                    let _ = answer.send(report);
                }
            }
            Order::Confirm { answer } => {
                let report = if self.probation.confirm() {
                    self.rooms.standing.confirmed();
                    tracing::info!("the reload is confirmed");
                    Report::new(Outcome::Confirmed, "the reload stays")
                } else {
                    let text = "nothing to confirm: no reload with --confirm is waiting; it may \
                                have been taken back already";
                    Report::new(Outcome::NothingToConfirm, text)
                };
                let _ = answer.send(report);
            }
        }
    }

    async fn reload(&mut self, cause: Cause, confirm: Option<Duration>, lang: Lang) -> Report {
        let files = match self.read(lang).await {
            Ok(files) => files,
            Err(error) => return self.refuse(cause, "the files can't be read", error),
        };
        let Some(plan) = files.plan else {
            let why = format!("errors: {}, the first is {}", files.errors, files.first);
            return self.refuse(cause, &why, files.text);
        };
        let now = self.works.plan();
        if plan == **now {
            return self.nothing_new(cause, confirm, files.text);
        }
        if let Some(why) = needs_restart(now, &plan) {
            return self.refuse(cause, &why, format!("{why}\n"));
        }
        let (before, plan) = (Arc::clone(now), Arc::new(plan));
        let changes = diff(&before, &plan);
        let touched = match self.works.take_up(plan).await {
            Ok(touched) => touched,
            Err(error) => return self.refuse(cause, &error.to_string(), error.to_string()),
        };
        self.probation.taken_up(before, confirm, Instant::now());
        let until = self.probation.until();
        let standing = &self.rooms.standing;
        standing.taken_up(clock::now(), until, touched.at_next_start.clone());
        tracing::info!(
            "{}: taken up; links anew: {}; brokers anew: {}",
            cause.name(),
            named(&touched.links),
            named(&touched.brokers),
        );
        let Touched { links, brokers, at_next_start } = touched;
        let mut text = files.text;
        text.push_str(&changes.to_text(lang));
        Report {
            changes: Some(changes),
            links_restarted: links,
            brokers_restarted: brokers,
            at_next_start,
            confirm_within_seconds: seconds_left(until),
            ..Report::new(Outcome::TakenUp, text)
        }
    }

    /// The files say what runs. Another `--confirm` moves the deadline of an
    /// unconfirmed change; without one there is nothing to take back.
    fn nothing_new(&mut self, cause: Cause, confirm: Option<Duration>, text: String) -> Report {
        if self.probation.until().is_some() {
            let now = Arc::clone(self.works.plan());
            self.probation.taken_up(now, confirm, Instant::now());
        }
        let until = self.probation.until();
        self.rooms.standing.unchanged(until);
        tracing::info!("{}: nothing changes", cause.name());
        let confirm_within_seconds = seconds_left(until);
        Report { confirm_within_seconds, ..Report::new(Outcome::Unchanged, text) }
    }

    fn refuse(&self, cause: Cause, why: &str, text: String) -> Report {
        tracing::error!("{}: refused, what ran runs on: {why}", cause.name());
        self.rooms.standing.refused(why);
        Report::new(Outcome::Refused, text)
    }

    async fn roll_back(&mut self) {
        let Some(plan) = self.probation.expired(Instant::now()) else { return };
        self.service.reloading();
        match self.works.take_up(plan).await {
            Ok(_) => {
                self.rooms.standing.rolled_back(clock::now());
                tracing::warn!("nobody confirmed the reload: the configuration before runs again");
            }
            // It ran a moment ago; only the system can refuse it now.
            Err(error) => {
                self.rooms.standing.refused(&format!("it could not be taken back: {error}"));
                tracing::error!("the reload could not be taken back: {error}");
            }
        }
        self.service.ready();
    }

    /// Reads the directory on a thread that may block: 20,000 tags take a second.
    async fn read(&self, lang: Lang) -> Result<Files, String> {
        let config = self.config.clone();
        let read = tokio::task::spawn_blocking(move || {
            let loaded = forehearth_config::load(&config);
            let text = forehearth_config::render(&loaded.report, lang, false);
            let first = text.lines().next().unwrap_or_default().to_owned();
            Files { plan: loaded.plan, errors: loaded.report.errors(), text, first }
        });
        read.await.map_err(|panic| panic.to_string())
    }
}

/// What can't change while the gateway runs, in words; `None` when all can.
fn needs_restart(old: &Plan, new: &Plan) -> Option<String> {
    if old.gateway.id != new.gateway.id || old.gateway.path != new.gateway.path {
        return Some(
            "[gateway] id or path differ: readings are numbered under them, so another one is \
             another gateway; restart it for that"
                .to_owned(),
        );
    }
    (new.brokers.len() > MOST_BROKERS)
        .then(|| format!("{} brokers, at most {MOST_BROKERS} are possible", new.brokers.len()))
}

fn named(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn seconds_left(until: Option<Instant>) -> Option<u64> {
    until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64)
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
