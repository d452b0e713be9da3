//! OPC UA servers: an outside wire library behind a session that believes only data.
//!
//! The library (`opcua`, which is async-opcua) encodes, signs and encrypts;
//! everything that decides is ours. Cores without socket or clock:
//! [`NodeRef`] (how a map names a node), `namespaces` (which number that is
//! today), `quality` and `value` (what a server's answer means) and
//! `supervision` (is every subscription still delivering, is anything missing).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![allow(dead_code, reason = "the session around these cores is being written")]

mod namespaces;
mod node;
mod quality;
mod supervision;
mod value;

pub use node::{NodeError, NodeRef, is_alias};
