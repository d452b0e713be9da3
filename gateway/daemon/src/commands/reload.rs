//! `forehearth reload`: the running gateway takes up its files, or keeps what it took up.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{Lang, ReloadArgs};
use crate::control::client::{AskError, Client};
use crate::control::wire::Ask;

use super::{FINDINGS, say, say_error};

/// Exit status 0 when what was asked for is done, 1 when the files were
/// refused, or no gateway runs.
pub fn run(args: &ReloadArgs) -> ExitCode {
    match ask(args) {
        Ok(report) if args.json => {
            say(&format!("{report:#}"));
            done(&report)
        }
        Ok(report) => {
            tell(&report);
            done(&report)
        }
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

fn ask(args: &ReloadArgs) -> Result<Value, AskError> {
    let lang: forehearth_config::Lang = Lang::or_environment(args.lang).into();
    let ask = if args.confirmed {
        Ask::Confirm
    } else {
        let confirm_seconds = args.confirm.map(|within| within.as_secs().max(1));
        Ask::Reload { confirm_seconds, lang: lang.into() }
    };
    Client::connect(&args.state)?.ask(ask)
}

fn done(report: &Value) -> ExitCode {
    match report["outcome"].as_str() {
        Some("taken-up" | "unchanged" | "confirmed") => ExitCode::SUCCESS,
        _ => ExitCode::from(FINDINGS),
    }
}

fn tell(report: &Value) {
    let text = report["text"].as_str().unwrap_or_default().trim_end();
    if !text.is_empty() {
        say(text);
    }
    let names = |key: &str| {
        let names = report[key].as_array().map(Vec::as_slice).unwrap_or_default();
        names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    match report["outcome"].as_str() {
        Some("taken-up") => {
            say("taken up; what is not named below was not touched");
            for (key, what) in [
                ("links_restarted", "links that connect anew  "),
                ("brokers_restarted", "brokers that connect anew"),
                ("at_next_start", "waits for the next start "),
            ] {
                let names = names(key);
                if !names.is_empty() {
                    say(&format!("  {what} {names}"));
                }
            }
        }
        Some("unchanged") => say("nothing changes: the files say what runs already"),
        Some("refused") => say_error("refused; what ran runs on"),
        _ => {}
    }
    if let Some(seconds) = report["confirm_within_seconds"].as_u64() {
        say(&format!(
            "taken back in {seconds} s unless you say `forehearth reload --confirmed` before"
        ));
    }
}
