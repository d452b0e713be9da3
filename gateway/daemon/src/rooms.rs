//! All rooms of a running gateway, seen from outside: who is asked for what `/healthz` says.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use forehearth_buffer::{Buffer, StorageState};
use forehearth_model::{DestinationLedger, Ledger};

use crate::clock;
use crate::condition::Conditioner;
use crate::reload::Standing;
use crate::status::{
    BrokerState, BufferState, DestinationBooks, LinkState, Problem, ReloadState, Snapshot,
};

/// Handles on every room.
pub struct Rooms {
    /// `[gateway] id`.
    pub gateway: String,
    /// When the daemon started.
    pub started: Instant,
    /// The pipeline.
    pub conditioner: Arc<Conditioner>,
    /// The buffer.
    pub buffer: Arc<Buffer>,
    /// Field links with their names.
    pub links: Named<forehearth_source::LinkStatus>,
    /// What Modbus links report of their units.
    pub reports: Named<forehearth_driver_modbus::ReportReader>,
    /// Broker links with their names.
    pub brokers: Named<forehearth_publish::LinkStatus>,
    /// How the plan in force came to be.
    pub standing: Standing,
    /// What became of commands.
    pub commands: Arc<crate::desk::Counts>,
}

/// What has a name and a state. A reload changes who is there.
#[derive(Debug)]
pub struct Named<S>(RwLock<Vec<(String, Arc<S>)>>);

impl<S> Default for Named<S> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<S> Named<S> {
    /// Who is there from now on.
    pub fn set(&self, all: Vec<(String, Arc<S>)>) {
        // A list is whole after each change, so a panic elsewhere harms none.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    /// Who is there now.
    pub fn get(&self) -> Vec<(String, Arc<S>)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Rooms {
    /// Everything at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let ledger = self.conditioner.ledger();
        let buffer = self.buffer_state();
        let reload = self.standing.state();
        let problems = problems(&ledger, &buffer);
        let mut warnings = warnings(&reload);
        warnings
            .extend(self.brokers.get().iter().flat_map(|(name, status)| expiries(name, status)));
        let usage = usage();
        let (units, units_hidden) = crate::house::units(self);
        Snapshot {
            healthy: problems.is_empty(),
            problems,
            warnings,
            reload,
            gateway: self.gateway.clone(),
            version: env!("CARGO_PKG_VERSION"),
            epoch: self.buffer.epoch().0,
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            clock: clock::state().name(),
            commands: self.commands.snapshot(),
            acquired: ledger.acquired,
            suppressed: ledger.suppressed,
            pending: ledger.pending,
            batched: ledger.batched,
            imbalance: ledger.imbalance(),
            destinations: ledger.destinations.into_iter().map(books).collect(),
            brokers: self.brokers.get().iter().map(|(name, status)| broker(name, status)).collect(),
            links: self.links.get().iter().map(|(name, status)| link(name, status)).collect(),
            units,
            units_hidden,
            buffer,
            memory_bytes: usage.0,
            cpu_ms: usage.1,
        }
    }
}

impl Rooms {
    fn buffer_state(&self) -> BufferState {
        let (stats, health) = (self.buffer.stats(), self.buffer.health());
        let state = match health.storage {
            StorageState::Up => "ok".to_owned(),
            StorageState::Down { code, detail, .. } => format!("{}: {detail}", code.name()),
        };
        BufferState {
            state,
            disk_bytes: stats.disk_bytes,
            memory_bytes: stats.memory_bytes,
            segments: stats.segments,
            commits: stats.commits,
            late_commits: stats.late_commits,
            written_bytes: stats.wear.bytes_written,
            flushes: stats.wear.flushes,
            stored: stats.readings_written,
            gaps: stats.gaps_waiting,
            quarantined: stats.quarantined,
        }
    }
}

/// What an operator has to know, in words; nothing when all is well. An absent
/// broker or device is no problem of the gateway's.
fn problems(ledger: &Ledger, buffer: &BufferState) -> Vec<Problem> {
    let mut problems = Vec::new();
    if ledger.imbalance() != 0 {
        problems.push(Problem::new(
            "FH9001",
            format!(
                "the books are off by {} readings: a defect, please report it",
                ledger.imbalance()
            ),
        ));
    }
    if buffer.state != "ok" {
        problems.push(Problem::new(
            "FH9002",
            format!(
                "storage is down, readings are kept in memory as long as it lasts: {}",
                buffer.state
            ),
        ));
    }
    problems
}

/// What somebody should look at although all goes well.
fn warnings(reload: &ReloadState) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if !reload.refused.is_empty() {
        warnings.push(Problem::new(
            "FH9003",
            format!(
                "the files were not taken up, the configuration before runs on: {}",
                reload.refused
            ),
        ));
    }
    if let Some(seconds) = reload.unconfirmed_seconds {
        warnings.push(Problem::new(
            "FH9004",
            format!(
                "the last reload is taken back in {seconds} s unless `forehearth reload --confirmed` comes"
            ),
        ));
    }
    if !reload.rolled_back.is_empty() {
        warnings.push(Problem::new(
            "FH9005",
            format!("{}; the files say something else than what runs", reload.rolled_back),
        ));
    }
    if !reload.at_next_start.is_empty() {
        warnings.push(Problem::new(
            "FH9006",
            format!("changes to {} take effect at the next start", reload.at_next_start.join(", ")),
        ));
    }
    warnings
}

/// Certificates of a broker's connection that are near their end.
fn expiries(broker: &str, status: &forehearth_publish::LinkStatus) -> Vec<Problem> {
    let warnings = status.snapshot().warnings(clock::now());
    warnings.iter().map(|text| Problem::new("FH9007", format!("broker {broker}: {text}"))).collect()
}

fn books(ledger: DestinationLedger) -> DestinationBooks {
    let DestinationLedger { name, recovered, delivered, waiting, shed, expired, filtered } = ledger;
    DestinationBooks { name, recovered, delivered, waiting, shed, expired, filtered }
}

fn broker(name: &str, status: &forehearth_publish::LinkStatus) -> BrokerState {
    let now = status.snapshot();
    BrokerState {
        name: name.to_owned(),
        state: now.state.name().to_owned(),
        last_error: now.last_error.unwrap_or_default(),
        connects: now.counts.connects,
        messages: now.counts.messages,
        bytes: now.counts.bytes,
        refused: now.counts.refused,
        ignored_commands: now.counts.ignored_commands,
    }
}

fn link(name: &str, status: &forehearth_source::LinkStatus) -> LinkState {
    let now = status.snapshot();
    LinkState {
        name: name.to_owned(),
        state: now.state.name().to_owned(),
        last_error: now.last_error.map(|error| error.text).unwrap_or_default(),
        polls: now.polls,
        failures: now.failed_polls + now.missed_polls,
        overruns: now.overruns,
        requests: now.counters.requests,
        timeouts: now.counters.timeouts,
        late: now.counters.late,
        stray: now.counters.stray,
        exceptions: now.counters.exceptions,
    }
}

/// Resident memory in bytes and processor time in milliseconds of this
/// process; zeros where /proc can't be read.
pub fn usage() -> (u64, u64) {
    let memory = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * rustix::param::page_size() as u64);
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let millis = cpu.tv_sec * 1000 + cpu.tv_nsec / 1_000_000;
    (memory, u64::try_from(millis).unwrap_or(0))
}
