//! Links against a real mosquitto: what is settled has arrived, what has not arrived is not settled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod authority;
mod broker;
mod commands;
mod faults;
mod five;
mod handshake;
mod host;
mod hostile;
mod json;
mod memory_outbox;
mod native;
mod observer;
mod proxy;
mod sparkplug;
mod tls;
