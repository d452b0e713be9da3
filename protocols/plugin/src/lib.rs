//! What a gateway and a driver in another process say to each other.
//!
//! `proto/` has the messages and when which may come. Here are the frames
//! ([`Frames`], [`frame`]) and the two sides of the conversation as cores:
//! [`HostSession`] for the gateway, [`PluginSession`] for the driver. Both are
//! pure: whoever owns the pipe hands in what came and sends what comes out,
//! and a side that says what it may not say is a [`Breach`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod breach;
mod frames;
mod host;
mod plugin;
mod section;

/// The messages as prost sees them, generated from `proto/`.
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, rustdoc::all, reason = "generated; the .proto has the words")]
pub mod v1 {
    include!("generated/forehearth.plugin.v1.rs");
}

pub use breach::Breach;
pub use frames::{Frames, MAX_FRAME, frame};
pub use host::{HostEvent, HostSession};
pub use plugin::{Part, PluginEvent, PluginSession, browsed, health, written};
pub use section::{Column, check_section};

/// First field of every [`Hello`](v1::Hello).
pub const MAGIC: &str = "forehearth.plugin";

/// The one version there is.
pub const VERSION: u32 = 1;
