//! OPC UA servers: an outside wire library behind a session that believes only data.
//!
//! The library (`opcua`, which is async-opcua) encodes, signs and encrypts;
//! everything that decides is ours. [`OpcUaSubscriber`] is a push driver,
//! [`OpcUaPoller`] a polled one; both take the same [`Settings`].
//!
//! Cores without socket or clock: [`NodeRef`] (how a map names a node),
//! `namespaces` (which number that is today), `quality` and `value` (what an
//! answer means), `supervision` (is every subscription still delivering, is
//! anything missing), `board` (what was last said of each tag), `security`
//! (which endpoint is taken). Around them: `session` (one connection),
//! `services` (the requests it makes), `trust` and `identity` (certificates).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
mod backoff;
mod board;
mod depth;
mod event;
mod explore;
mod fault;
mod flight;
mod identity;
mod locate;
mod namespaces;
mod node;
mod poller;
mod quality;
mod security;
mod servers;
mod services;
mod session;
mod settings;
mod structures;
mod subscriber;
mod supervision;
mod token;
mod trust;
mod value;
mod view;
mod wire;
mod write;

pub use address::{Address, Part};
pub use board::Tally;
pub use explore::{ExploreError, Explorer, Facts, Found, Greeting, greet, knock};
pub use identity::{Identity, IdentityError};
pub use node::{NodeError, NodeRef, is_alias};
pub use poller::OpcUaPoller;
pub use security::{Mode, Policy, Security, SecurityError};
pub use settings::{Deadband, Discard, Group, Item, Password, Settings, User};
pub use subscriber::OpcUaSubscriber;
pub use trust::{Fingerprint, FingerprintError, Trust};
pub use write::Writer;
