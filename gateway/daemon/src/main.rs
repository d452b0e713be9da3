//! The gateway daemon and its command line.
//!
//! `main` only reads the command line and hands over to the file of that
//! command; `gateway.rs` is the place where the rooms are wired together.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![expect(unreachable_pub, reason = "in a program, pub means for the rest of the program")]

mod brokers;
mod cli;
mod clock;
mod commands;
mod condition;
mod control;
mod crew;
mod desk;
mod drivers;
mod gateway;
mod house;
mod idiom;
mod lessons;
mod lines;
mod logging;
mod memory;
#[cfg(feature = "opcua")]
mod opcua;
mod outbox;
mod plugins;
mod reload;
mod rooms;
mod secrets;
mod service;
mod stages;
mod status;
mod summary;
mod tap;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::dispatch(cli::Cli::parse())
}
