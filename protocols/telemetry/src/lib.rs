//! What goes over the wire: the native batch, the Sparkplug B payload, catalogues and gap records.
//!
//! Everything here is pure: bytes and words in, bytes and words out. Who sends
//! them, and when, is the room `gateway/publish`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod catalogue;
pub mod gap;
pub mod health;
pub mod json;
pub mod native;
pub mod proto;
pub mod prove;
pub mod render;
pub mod sparkplug;
pub mod topics;
mod wire;
