//! `forehearth buffer`: a look into a state directory, whether its gateway runs or not.

mod stored;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use forehearth_buffer::inspect::{self, GapStat, Stat};
use forehearth_model::Stamp;

use crate::cli::{BufferArgs, BufferCommand};

use super::{FINDINGS, say, say_error};

/// Prints what was asked for. Reads only.
pub fn run(command: &BufferCommand) -> ExitCode {
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
        "epoch        {} ({})\ndestinations {}\non disk      {} KiB in {} segments\n\
         stored       {} readings in {} batches",
        stat.epoch,
        if stat.clean { "stopped in order" } else { "running, or ended without a stop" },
        if stat.destinations.is_empty() { "none".to_owned() } else { stat.destinations.join(", ") },
        stat.bytes / 1024,
        stat.segments.len(),
        stat.readings,
        stat.batches,
    );
    if let Some(oldest) = stat.oldest_us {
        let _ = writeln!(text, "oldest       {}", Stamp(oldest));
    }
    if stat.quarantined > 0 {
        let _ = writeln!(text, "quarantined  {} files, set aside as damaged", stat.quarantined);
    }
    let _ = writeln!(text, "gap records  {} not delivered yet", stat.gaps_waiting);
    for segment in &stat.segments {
        let _ = writeln!(
            text,
            "  segment {:>6}  epoch {}  {:<5}  batches {}..{}  {} readings  {} KiB",
            segment.seq,
            segment.epoch,
            segment.lane,
            segment.first,
            segment.last,
            segment.readings,
            segment.bytes / 1024,
        );
    }
    text
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
                format!("{} readings", gap.readings)
            },
            when(gap.from_us),
            when(gap.to_us),
        );
    }
    text
}
