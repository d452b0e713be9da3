//! From the buffer to the brokers and back with a confirmation.
//!
//! A [`Destination`] is one broker. Its link owns one connection at a time
//! and feeds what happens on it to a session, a core without I/O that knows
//! the format and answers with orders: what to publish, and which batches the
//! broker has for certain. Only these are settled with the [`Outbox`];
//! everything else goes back to it when the connection dies.
//!
//! Commands that come in are handed to an [`Intake`], and what became of them
//! is told to the client; who decides about them is not in this crate.
//!
//! What this crate never does: keep a reading (that is the buffer), write to
//! a device, or let one broker wait for another.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backoff;
mod broken;
mod budget;
mod destination;
mod dial;
mod dialect;
mod doorman;
mod gap_json;
mod intake;
mod json;
mod line;
mod link;
pub mod listen;
mod native;
mod opener;
mod outbox;
#[cfg(test)]
mod plant;
mod refusal;
mod route;
mod session;
mod settings;
mod skips;
mod sparkplug;
mod status;
mod suspicion;
mod talk;
mod text_commands;
mod tls;
mod tls_words;
mod unpack;
mod view;
mod wire;

pub use destination::Destination;
pub use intake::{Incoming, Intake, Outcome, ReplyTo, Request};
pub use outbox::{Last, Outbox, Parcel, Want};
pub use settings::{
    DestinationSettings, Format, HealthSource, Mqtt, PACKET_LIMIT_BYTES, Secret, Server,
    SettingsError, WallClock,
};
pub use status::{Certificates, LinkCounts, LinkSnapshot, LinkState, LinkStatus};
pub use tls::{ClientCertificate, Tls};
