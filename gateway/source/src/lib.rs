//! When each link is polled, and what happens when it does not answer.
//!
//! The daemon makes one [`Poller`] per link, gives all of them one queue and
//! runs each as a task of its own, so that a dead, slow or lying device harms
//! no other link. A poller hands over a [`Polled`] per scan, with one sample
//! per tag of the group, **whatever happens**: while the link is down each
//! group that is due gives Bad samples at once.
//!
//! A device that speaks up by itself (OPC UA subscriptions) has a [`Pusher`] in
//! place of a poller.
//!
//! [`Schedule`], [`Backoff`] and the check of the driver's contract are cores
//! without a clock; [`Poller`] is the shell around them.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backoff;
mod group;
mod hands;
mod orders;
mod poller;
mod pusher;
mod schedule;
mod status;

pub use backoff::{Backoff, LONGEST, SHORTEST};
pub use group::{Breach, Group};
pub use orders::{Slip, WAITING};
pub use poller::{Link, Polled, Poller};
pub use pusher::Pusher;
pub use schedule::{SHORTEST_PERIOD, Schedule};
pub use status::{LastError, LinkSnapshot, LinkState, LinkStatus};
