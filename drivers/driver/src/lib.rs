//! What a driver owes the gateway.
//!
//! A [`Driver`] owns one link (a socket or a bus) and the devices behind it.
//! It never sees the gateway: it is asked to connect and to scan a group, and
//! answers with [`Scan`]s. It has no clock of its own but the one it needs for
//! deadlines, and keeps no queue.
//!
//! A [`PushDriver`] is one whose device speaks up by itself (OPC UA
//! subscriptions): it hands over what arrives to a [`Sink`].

#[cfg(feature = "contract")]
pub mod contract;
mod push;
mod write;

use std::future::Future;
use std::pin::Pin;

use forehearth_model::{GroupId, Quality, Scan};

pub use push::{LinkNews, NobodyListens, PushDriver, Sink};
pub use write::{OrderDesk, WriteError, WriteOrder, WritingDriver};

/// A boxed future, so that drivers of several kinds stand behind one trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a link must be opened anew.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It could not be opened.
    #[error("cannot connect to {peer}: {reason}")]
    Connect {
        /// Address as the map has it.
        peer: String,
        /// What the system said.
        reason: String,
    },
    /// It was open and is lost.
    #[error("connection to {peer} lost: {reason}")]
    Lost {
        /// Address as the map has it.
        peer: String,
        /// What ended it.
        reason: String,
    },
}

/// What happened on a link since it was made; counters never go back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkCounters {
    /// Requests sent.
    pub requests: u64,
    /// Answers accepted.
    pub answers: u64,
    /// Requests whose deadline passed.
    pub timeouts: u64,
    /// Answers that came after their deadline and were dropped.
    pub late: u64,
    /// Frames that belong to no request, or are damaged.
    pub stray: u64,
    /// Exception answers of the device.
    pub exceptions: u64,
    /// Connections opened.
    pub connects: u64,
}

/// One link and the devices behind it.
///
/// # Contract
/// - [`scan`](Self::scan) gives **exactly one sample for each tag of the
///   group**, whatever happens, distributed over one or more scans; a tag that
///   could not be read has `Value::Null` and a Bad quality.
/// - Every wait has a deadline: `connect` and `scan` end by themselves.
/// - After an `Err` the link is closed; the next call must be `connect`.
/// - Dropping a future of `connect` or `scan` closes the link: a half-read
///   answer never survives into the next request.
pub trait Driver: Send {
    /// Opens the link.
    ///
    /// # Errors
    /// [`LinkError::Connect`] with what the system said.
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>>;

    /// Reads every tag of `group` once and appends the scans to `out`.
    ///
    /// # Errors
    /// When the link is lost; `out` then holds Bad samples for what was not read.
    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>>;

    /// Appends one sample with `quality` and no value for each tag of
    /// `group`, without touching the link: what the source says while it is down.
    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>);

    /// Counters of the link.
    fn counters(&self) -> LinkCounters;
}
