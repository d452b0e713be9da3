//! What a driver owes the gateway whose device speaks up by itself.
//!
//! A polled [`Driver`](crate::Driver) is asked; a [`PushDriver`] runs as a
//! task of its own and hands over what arrives, when it arrives. It keeps no
//! queue either: while the gateway has no room, [`Sink::deliver`] waits, and
//! with it the driver, the connection and finally the server.

use forehearth_model::Scan;

use crate::{BoxFuture, LinkCounters, LinkError};

/// The gateway ends: nothing that is delivered is read any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nobody listens any more")]
pub struct NobodyListens;

/// What became of a link.
#[derive(Debug)]
pub enum LinkNews<'a> {
    /// It is open.
    Opened,
    /// It was lost, or could not be opened; the driver tries again by itself.
    Down(&'a LinkError),
    /// It works; counters only.
    Alive,
}

/// Where a push driver puts what arrives.
pub trait Sink: Send {
    /// Hands over scans; waits while there is no room. A tag may occur in
    /// several scans, oldest first.
    ///
    /// Cancel safe in that nothing else is harmed; scans of a dropped future
    /// may be lost.
    ///
    /// # Errors
    /// When nobody reads any more; the driver then ends.
    fn deliver(&mut self, scans: Vec<Scan>) -> BoxFuture<'_, Result<(), NobodyListens>>;

    /// Tells the state of the link. Must not block.
    fn link(&mut self, news: LinkNews<'_>, counters: &LinkCounters);
}

/// One link whose devices speak up by themselves.
///
/// # Contract
/// - It connects, reconnects and waits in between by itself, each with a
///   deadline and a ceiling.
/// - **As soon as a value can't be vouched for any more**, each tag concerned
///   gets a sample with a Bad quality and no value; a tag that was never read
///   gets one when the first attempt failed.
/// - What a tag holds is said again at the latest when the restating period
///   of its settings is over, so that a quiet tag differs from a dead one.
/// - When `stop` ends or nobody listens, the link is closed and `run` returns.
///   Dropping the future closes the link, too.
pub trait PushDriver: Send {
    /// Runs until `stop` ends or nobody listens.
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: BoxFuture<'a, ()>) -> BoxFuture<'a, ()>;
}
