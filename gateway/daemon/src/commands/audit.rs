//! `forehearth audit`: one page for whoever has to answer for the plant's security.

mod concern;
mod files;
mod host;
mod page;
mod reach;
mod verify;

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{AuditArgs, AuditVerb, Lang};

use self::concern::Concern;
use self::files::FileEntry;
use self::host::Host;
use self::reach::Reach;
use super::{FINDINGS, say, say_error};

/// Everything the page says.
#[derive(Serialize, Debug)]
pub struct Audit {
    /// What can be reached over the network and the serial lines, and how.
    reach: Reach,
    /// Files that matter, with owner and mode.
    files: Vec<FileEntry>,
    /// The program and the machine.
    host: Host,
    /// What should be looked at.
    concerns: Vec<Concern>,
}

/// Prints the page. Exit status 1 when something should be looked at.
pub fn run(args: &AuditArgs) -> ExitCode {
    if let Some(AuditVerb::Verify(args)) = &args.verb {
        return verify::run(args);
    }
    if !super::is_configuration(&args.config) {
        return ExitCode::from(FINDINGS);
    }
    let loaded = forehearth_config::load(&args.config);
    let Some(plan) = loaded.plan else {
        let lang = Lang::or_environment(None).into();
        say_error(forehearth_config::render(&loaded.report, lang, false).trim_end());
        return ExitCode::from(FINDINGS);
    };
    let reach = Reach::of(&plan);
    let files = files::look(&plan, &args.config, &args.state);
    let concerns = concern::of(&reach, &files);
    let audit = Audit { reach, files, host: Host::look(), concerns };
    if args.json {
        say(&serde_json::to_string_pretty(&audit).unwrap_or_default());
    } else {
        say(page::text(&audit).trim_end());
    }
    if audit.concerns.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) }
}
