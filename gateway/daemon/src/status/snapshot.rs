//! The snapshot: the whole state of the gateway at one moment, as `/healthz` prints it.

use serde::Serialize;

/// Everything at one moment. Field names are a contract with scripts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// Whether the books balance and storage takes what it must.
    pub healthy: bool,
    /// What is wrong; empty when healthy.
    pub problems: Vec<Problem>,
    /// What somebody should look at although all goes well.
    pub warnings: Vec<Problem>,
    /// How the configuration in force came to be.
    pub reload: ReloadState,
    /// `[gateway] id`.
    pub gateway: String,
    /// Version of this program.
    pub version: &'static str,
    /// This run.
    pub epoch: u32,
    /// Process id.
    pub pid: u32,
    /// Seconds since start.
    pub uptime_seconds: u64,
    /// `synced`, `holdover` or `unset`.
    pub clock: &'static str,
    /// Commands since the start.
    pub commands: crate::desk::Snapshot,
    /// Samples handed over by drivers.
    pub acquired: u64,
    /// Not sent on purpose.
    pub suppressed: u64,
    /// In an open batch.
    pub pending: u64,
    /// Sealed into numbered batches.
    pub batched: u64,
    /// By how many readings the books are off; 0.
    pub imbalance: u64,
    /// One per broker.
    pub destinations: Vec<DestinationBooks>,
    /// One per broker.
    pub brokers: Vec<BrokerState>,
    /// One per link.
    pub links: Vec<LinkState>,
    /// Modbus units, as many as are shown.
    pub units: Vec<UnitState>,
    /// Units that are not shown because there are too many.
    pub units_hidden: u64,
    /// The buffer on disk.
    pub buffer: BufferState,
    /// Resident memory of the process in bytes.
    pub memory_bytes: u64,
    /// Processor time of the process in milliseconds.
    pub cpu_ms: u64,
}

/// Something an operator has to know. `forehearth explain CODE` says what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable, FH and four digits.
    pub code: &'static str,
    /// In words, with what it is about.
    pub text: String,
}

impl Problem {
    /// A problem in words.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// How the configuration in force came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadState {
    /// Configurations taken up since start, the first one included.
    pub count: u64,
    /// When the one in force was taken up, RFC 3339.
    pub since: String,
    /// Why the files as they are were not taken up; empty when they were.
    pub refused: String,
    /// Seconds until the last reload is taken back; `None` when it is for good.
    pub unconfirmed_seconds: Option<u64>,
    /// That the last reload was taken back; empty when not.
    pub rolled_back: String,
    /// Sections whose changes wait for the next start.
    pub at_next_start: Vec<String>,
}

/// A destination's side of the books, in readings.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DestinationBooks {
    /// The broker's name.
    pub name: String,
    /// Found waiting at start.
    pub recovered: u64,
    /// Confirmed.
    pub delivered: u64,
    /// Still to be confirmed.
    pub waiting: u64,
    /// Dropped for want of room; declared in gap records.
    pub shed: u64,
    /// Dropped for age; declared in gap records.
    pub expired: u64,
    /// Not meant for this destination.
    pub filtered: u64,
}

/// How a broker link does.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BrokerState {
    /// Its name.
    pub name: String,
    /// `offline`, `connecting`, `online`, `draining` or `stopped`.
    pub state: String,
    /// The last error; empty when there was none.
    pub last_error: String,
    /// Connections made.
    pub connects: u64,
    /// Messages sent.
    pub messages: u64,
    /// Payload bytes sent.
    pub bytes: u64,
    /// Batches given up because the broker will not have them.
    pub refused: u64,
    /// Commands not acted on; commands are off.
    pub ignored_commands: u64,
}

/// How a field link does.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LinkState {
    /// Its name.
    pub name: String,
    /// `starting`, `up`, `down` or `stopped`.
    pub state: String,
    /// The last error; empty when there was none.
    pub last_error: String,
    /// Scans of a group begun.
    pub polls: u64,
    /// Polls that gave Bad readings.
    pub failures: u64,
    /// Polls skipped because the one before still ran.
    pub overruns: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that got no answer in time.
    pub timeouts: u64,
    /// Answers after their deadline, dropped.
    pub late: u64,
    /// Frames that belong to no request.
    pub stray: u64,
    /// Exception answers.
    pub exceptions: u64,
}

/// How a Modbus unit does; counters are since its link was made.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UnitState {
    /// Its link.
    pub link: String,
    /// Its id.
    pub unit: u8,
    /// Whether it answers.
    pub up: bool,
    /// Questions asked, probes included.
    pub requests: u64,
    /// Answers with data.
    pub answers: u64,
    /// Questions that got no answer in time.
    pub timeouts: u64,
    /// Answers after their deadline, dropped.
    pub late: u64,
    /// Questions in whose place only noise was heard.
    pub noise: u64,
    /// Exception answers.
    pub exceptions: u64,
    /// Answers with a wrong checksum, or cut off.
    pub crc_errors: u64,
    /// Values read again because they were surprising.
    pub surprises: u64,
    /// Those that the second read did not confirm.
    pub refuted: u64,
    /// Half of its answers came within these microseconds; at most 19 % too long.
    pub round_trip_p50_us: Option<u64>,
    /// The same of 99 of 100.
    pub round_trip_p99_us: Option<u64>,
}

/// How the buffer does.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BufferState {
    /// `ok`, or what is wrong with storage.
    pub state: String,
    /// Bytes on disk, WAL included.
    pub disk_bytes: u64,
    /// Bytes of batches held in memory.
    pub memory_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Group commits.
    pub commits: u64,
    /// Bytes handed to storage.
    pub written_bytes: u64,
    /// Group commits that ended later than `commit_within`.
    pub late_commits: u64,
    /// Flushes to the medium.
    pub flushes: u64,
    /// Readings written.
    pub stored: u64,
    /// Gap records that wait for a destination.
    pub gaps: u64,
    /// Segments set aside as damaged.
    pub quarantined: u64,
}
