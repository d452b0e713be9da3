//! `forehearth export --csv`: the tags of a configuration as a sheet, one row each.

use std::process::ExitCode;

use forehearth_config::{Lang, export_csv, load, render, rows};

use crate::cli::ExportArgs;

use super::{FINDINGS, say, say_error};

/// Prints the sheet.
pub fn run(args: &ExportArgs) -> ExitCode {
    let loaded = load(&args.dir);
    let Some(plan) = &loaded.plan else {
        say_error(&format!("{} has errors", args.dir.display()));
        say_error(render(&loaded.report, Lang::En, false).trim_end());
        return ExitCode::from(FINDINGS);
    };
    let sheet = rows(plan);
    say(export_csv(&sheet).trim_end());
    let read = plan.tags.iter().filter(|tag| tag.source.is_none()).count();
    if sheet.len() < read {
        say_error(&format!(
            "{} tags are not in the sheet: it holds only what is read over tcp:// from Modbus devices",
            read - sheet.len()
        ));
    }
    ExitCode::SUCCESS
}
