//! The report of a link: what its devices have taught and what happened with each unit, to be read while the driver is at work elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forehearth_modbus::{Learned, UnitMeter};
use tokio::time::Instant;

/// How often it is written anew. Chosen: a page is looked at no oftener.
const EVERY: Duration = Duration::from_secs(1);

/// One unit, as the driver saw it last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitReport {
    /// Its id.
    pub unit: u8,
    /// Whether it does not answer and is only probed.
    pub is_asleep: bool,
    /// What happened with it.
    pub meter: UnitMeter,
}

/// A link, as the driver saw it last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// To be kept for the next run.
    pub learned: Learned,
    /// In ascending order; empty before the first scan.
    pub units: Vec<UnitReport>,
}

/// Where the report of a driver can be read at any time, also after its end.
#[derive(Clone, Debug, Default)]
pub struct ReportReader(Arc<Mutex<Report>>);

impl ReportReader {
    /// A copy of the report, at most a second old while the link is scanned.
    #[must_use]
    pub fn read(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The driver's side of it.
#[derive(Debug)]
pub(crate) struct ReportWriter {
    shared: ReportReader,
    written: Option<Instant>,
}

impl ReportWriter {
    /// A report that says what is known before the first scan, so that nobody
    /// who keeps it loses that.
    pub(crate) fn new(learned: Learned) -> Self {
        let report = Report { learned, units: Vec::new() };
        Self { shared: ReportReader(Arc::new(Mutex::new(report))), written: None }
    }

    pub(crate) fn reader(&self) -> ReportReader {
        self.shared.clone()
    }

    /// Whether it is time to write.
    pub(crate) fn is_due(&self) -> bool {
        self.written.is_none_or(|written| written.elapsed() >= EVERY)
    }

    pub(crate) fn write(&mut self, report: Report) {
        self.written = Some(Instant::now());
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}
