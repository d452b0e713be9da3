//! `forehearth buffer`: a look into a state directory, whether its gateway runs or not.

mod stored;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use forehearth_buffer::inspect::{self, FlashStat, GapStat, Stat};
use forehearth_model::Stamp;

use crate::cli::{BufferArgs, BufferCommand};

use super::{FINDINGS, say, say_error};

/// Prints what was asked for. Reads only.
pub fn run(command: &BufferCommand) -> ExitCode {
    let state = match command {
        BufferCommand::Stat(args) | BufferCommand::Gaps(args) => Some((&args.state, "control.db")),
        BufferCommand::Verify(args) => Some((&args.state, "segments")),
        BufferCommand::Peek(args) | BufferCommand::Export(args) => Some((&args.state, "segments")),
        BufferCommand::Salvage(_) => None,
    };
    if let Some((state, part)) = state.filter(|(state, part)| !state.join(part).exists()) {
        say_error(&format!(
            "there is no buffer in {}: it has no {part}. --state takes the directory that \
             `forehearth run --state` was given, /var/lib/forehearth unless told otherwise",
            state.display(),
        ));
        return ExitCode::from(FINDINGS);
    }
    match command {
        BufferCommand::Stat(args) => show(args, inspect::stat, |stat| stat_text(&stat)),
        BufferCommand::Gaps(args) => show(args, inspect::gaps, |gaps| gaps_text(&gaps)),
        BufferCommand::Peek(args) => stored::peek(args),
        BufferCommand::Export(args) => stored::export(args),
        BufferCommand::Verify(args) => stored::verify(args),
        BufferCommand::Salvage(args) => stored::salvage(args),
    }
}

fn show<T: serde::Serialize, E: std::fmt::Display>(
    args: &BufferArgs,
    look: impl Fn(&Path) -> Result<T, E>,
    text: impl Fn(T) -> String,
) -> ExitCode {
    match look(&args.state) {
        Ok(found) if args.json => {
            say(&serde_json::to_string_pretty(&found).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Ok(found) => {
            say(text(found).trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say_error(&format!("{}: {error}", args.state.display()));
            ExitCode::from(FINDINGS)
        }
    }
}

fn stat_text(stat: &Stat) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "epoch        {} ({})\ndestinations {}\non disk      {} KiB in {}\n\
         stored       {} in {}",
        stat.epoch,
        if stat.clean { "stopped in order" } else { "running, or ended without a stop" },
        if stat.destinations.is_empty() { "none".to_owned() } else { stat.destinations.join(", ") },
        stat.bytes / 1024,
        counted(stat.segments.len() as u64, "segment", "segments"),
        counted(stat.readings, "reading", "readings"),
        counted(stat.batches, "batch", "batches"),
    );
    if let Some(oldest) = stat.oldest_us {
        let _ = writeln!(text, "oldest       {}", Stamp(oldest));
    }
    if stat.quarantined > 0 {
        let _ = writeln!(
            text,
            "quarantined  {}, set aside as damaged",
            counted(stat.quarantined, "file", "files")
        );
    }
    let _ = writeln!(text, "gap records  {} not delivered yet", stat.gaps_waiting);
    text.push_str(&flash_text(&stat.flash));
    for segment in &stat.segments {
        let _ = writeln!(
            text,
            "  segment {:>6}  epoch {}  {:<5}  batches {}..{}  {}  {} KiB",
            segment.seq,
            segment.epoch,
            segment.lane,
            segment.first,
            segment.last,
            counted(segment.readings, "reading", "readings"),
            segment.bytes / 1024,
        );
    }
    text
}

/// What the medium has borne, and for how long it goes on so.
fn flash_text(flash: &FlashStat) -> String {
    let mib = |bytes: u64| bytes >> 20;
    let mut text = format!(
        "flash        {} MiB written in {} of running, {}\n",
        mib(flash.bytes_written),
        counted(flash.running_s / 3600, "hour", "hours"),
        counted(flash.flushes, "flush", "flushes"),
    );
    match (flash.bytes_per_hour, flash.flushes_per_hour, flash.years_left) {
        (Some(bytes), Some(flushes), Some(years)) => {
            let _ = writeln!(
                text,
                "             {} MiB and {} an hour; a medium that stands {} TB lasts {}",
                mib(bytes),
                counted(flushes, "flush", "flushes"),
                flash.endurance_bytes / 1_000_000_000_000,
                match years {
                    0 => "less than a year".to_owned(),
                    100.. => "over 100 years".to_owned(),
                    years => counted(years, "year", "years"),
                },
            );
        }
        _ => text.push_str("             how long it lasts is told after the first hour\n"),
    }
    text
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn gaps_text(gaps: &[GapStat]) -> String {
    if gaps.is_empty() {
        return "no gap records: nothing was lost".to_owned();
    }
    let mut text = String::new();
    for gap in gaps {
        let when = |micros: Option<i64>| {
            micros.map_or_else(|| "not known".to_owned(), |micros| Stamp(micros).to_string())
        };
        let _ = writeln!(
            text,
            "{}  {:<10} for {:<12} epoch {} batches {}..{}  {}  from {} to {}",
            Stamp(gap.declared_us),
            gap.cause,
            if gap.destination.is_empty() { "all" } else { &gap.destination },
            gap.epoch,
            gap.first,
            gap.last.map_or_else(|| "end".to_owned(), |last| last.to_string()),
            if gap.readings == 0 {
                "readings not known".to_owned()
            } else {
                counted(gap.readings, "reading", "readings")
            },
            when(gap.from_us),
            when(gap.to_us),
        );
    }
    text
}
