//! What is stored, as batches and as readings, and whether it is whole.

use std::io::Write as _;
use std::process::ExitCode;

use forehearth_buffer::inspect::{Seen, Walked, walk, walk_file};
use forehearth_telemetry::render::Renderer;
use serde_json::json;

use crate::cli::{BufferArgs, ReadArgs, SalvageArgs};
use crate::commands::decode::Printer;
use crate::commands::{FINDINGS, say, say_error};

/// The batches, oldest first.
pub(super) fn peek(args: &ReadArgs) -> ExitCode {
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut out = std::io::stdout();
    finish(walk(&args.state, |seen| {
        let Seen::Batch(row) = seen else { return true };
        if left == 0 {
            return false;
        }
        left -= 1;
        let text = if args.json {
            json!({
                "epoch": row.id.epoch.0,
                "number": row.id.number,
                "lane": row.lane.name(),
                "readings": row.readings,
                "from_us": row.from.micros(),
                "to_us": row.to.micros(),
                "bytes": row.bytes.len(),
            })
            .to_string()
        } else {
            format!(
                "{}  {:<5}  {:>6} readings  {:>8} bytes  from {} to {}",
                row.id,
                row.lane.name(),
                row.readings,
                row.bytes.len(),
                row.from,
                row.to
            )
        };
        writeln!(out, "{text}").is_ok()
    }))
}

/// The readings, as rows.
pub(super) fn export(args: &ReadArgs) -> ExitCode {
    let printer = Printer { json: args.json, left: args.count, out: std::io::stdout() };
    finish(walk(&args.state, readings(printer)))
}

/// The readings of one file.
pub(super) fn salvage(args: &SalvageArgs) -> ExitCode {
    let printer = Printer { json: args.json, left: None, out: std::io::stdout() };
    finish::<std::convert::Infallible>(Ok(vec![walk_file(&args.file, readings(printer))]))
}

/// Whether every batch is whole.
pub(super) fn verify(args: &BufferArgs) -> ExitCode {
    let walked = walk(&args.state, |_| true);
    if let Ok(walked) = &walked {
        if args.json {
            say(&serde_json::to_string_pretty(walked).unwrap_or_default());
        }
        for one in walked.iter().filter(|_| !args.json) {
            let state = if one.is_whole() { "whole" } else { "DAMAGED" };
            say(&format!(
                "{}  {state}  {} batches  {} readings",
                one.file, one.batches, one.readings
            ));
        }
    }
    finish(walked)
}

/// Prints the readings of what comes by.
fn readings(mut printer: Printer) -> impl FnMut(Seen<'_>) -> bool {
    let mut renderer = Renderer::new();
    move |seen| match seen {
        Seen::Catalogue(bytes) => {
            if let Err(error) = renderer.learn_catalogue(bytes) {
                say_error(&format!("a catalogue cannot be read, tags stay numbers: {error}"));
            }
            true
        }
        Seen::Batch(row) => match renderer.native_batch(&row.bytes) {
            Ok(lines) => printer.print(&lines).is_ok() && printer.left != Some(0),
            Err(error) => {
                say_error(&format!("batch {}: {error}", row.id));
                true
            }
        },
    }
}

/// Says what is damaged, and ends with findings when anything is.
fn finish<E: std::fmt::Display>(walked: Result<Vec<Walked>, E>) -> ExitCode {
    let walked = match walked {
        Ok(walked) => walked,
        Err(error) => {
            say_error(&error.to_string());
            return ExitCode::from(FINDINGS);
        }
    };
    for one in &walked {
        for (first, last) in &one.damaged {
            say_error(&format!("{}: batches {first}..{last} cannot be read", one.file));
        }
        if let Some(error) = &one.error {
            say_error(error);
        }
    }
    if walked.iter().all(Walked::is_whole) { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) }
}
