//! `forehearth audit verify`: whether the log of commands is whole.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::AuditVerifyArgs;
use crate::commands::{FINDINGS, say, say_error};

/// Checks every line. Exit status 1 when one does not follow from those before it.
pub fn run(args: &AuditVerifyArgs) -> ExitCode {
    let verified = match forehearth_command::verify(&args.state) {
        Ok(verified) => verified,
        Err(error) => {
            if args.json {
                say(&json!({ "whole": false, "error": error.to_string() }).to_string());
            } else {
                say_error(&format!("the log of commands is not whole: {error}"));
            }
            return ExitCode::from(FINDINGS);
        }
    };
    let forehearth_command::Verified { files, end, torn } = verified;
    if args.json {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let whole = json!({
            "whole": true, "lines": end.lines, "last_hash": end.hash, "torn": torn, "files": files,
        });
        say(&whole.to_string());
    } else if files.is_empty() {
        say("no command was ever received: there is no log");
    } else {
        say(&format!("{} lines in {} files, none changed", end.lines, files.len()));
        if torn {
            say(
                "the last line was torn by a power cut; the gateway sets it aside at its next start",
            );
        }
        say(&format!("last line: {} {}", end.lines.saturating_sub(1), end.hash));
    }
    ExitCode::SUCCESS
}
