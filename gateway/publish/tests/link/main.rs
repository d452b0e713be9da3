//! Links against a real mosquitto: what is settled has arrived, what has not arrived is not settled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broker;
mod faults;
mod memory_outbox;
mod native;
mod observer;
mod proxy;
mod sparkplug;
