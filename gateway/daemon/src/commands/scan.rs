//! `forehearth scan`: what is there, where nobody wrote it down.

mod node;
mod registers;
mod serial;
mod units;

use std::process::ExitCode;

use crate::cli::ScanCommand;

/// Runs the scan that was asked for.
pub fn run(command: &ScanCommand) -> ExitCode {
    match command {
        ScanCommand::Serial(args) => serial::run(args),
        ScanCommand::Units(args) => units::run(args),
        ScanCommand::Registers(args) => registers::run(args),
        ScanCommand::Node(args) => node::run(args),
    }
}
