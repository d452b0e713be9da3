//! `forehearth device`: what the running gateway knows of its links and devices.

use std::fmt::Write as _;
use std::process::ExitCode;

use globset::Glob;
use serde_json::Value;

use crate::cli::{DeviceCommand, DeviceStatArgs};
use crate::control::client::{AskError, Client};
use crate::control::wire::{Ask, Refusal};

use super::{FINDINGS, say, say_error};

/// Runs the verb.
pub fn run(command: &DeviceCommand) -> ExitCode {
    let DeviceCommand::Stat(args) = command;
    match stat(args) {
        Ok(links) if args.json => {
            say(&format!("{:#}", Value::Array(links)));
            ExitCode::SUCCESS
        }
        Ok(links) if links.is_empty() => {
            say_error("no link and no device of such a name");
            ExitCode::from(FINDINGS)
        }
        Ok(links) => {
            say(links.iter().map(text).collect::<Vec<_>>().join("\n").trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

fn stat(args: &DeviceStatArgs) -> Result<Vec<Value>, AskError> {
    let glob = args.glob.as_deref().map(Glob::new).transpose();
    let glob = glob.map_err(|error| Refusal::new("glob", error.to_string()))?;
    let glob = glob.map(|glob| glob.compile_matcher());
    let answer = Client::connect(&args.state)?.ask(Ask::Devices)?;
    let wanted = |link: &&Value| {
        let named = |value: &Value, key: &str| {
            let name = value[key].as_str().unwrap_or_default();
            glob.as_ref().is_none_or(|glob| glob.is_match(name))
        };
        named(link, "link") || list(&link["devices"]).iter().any(|device| named(device, "device"))
    };
    Ok(list(&answer["links"]).iter().filter(wanted).cloned().collect())
}

fn text(link: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", word(&link["link"]), word(&link["state"]));
    let _ = writeln!(
        out,
        "  polls {} ({} failed, {} while down, {} slots too late)   connects {} ({} failed)",
        link["polls"],
        link["failed_polls"],
        link["missed_polls"],
        link["overruns"],
        link["connects"],
        link["failed_connects"],
    );
    let _ = writeln!(
        out,
        "  requests {}   answers {}   no answer in time {}   too late {}   stray {}   exceptions {}",
        link["requests"],
        link["answers"],
        link["timeouts"],
        link["late"],
        link["stray"],
        link["exceptions"],
    );
    let error = word(&link["last_error"]);
    if !error.is_empty() {
        let _ = writeln!(out, "  last error: {error}");
    }
    for group in list(&link["groups"]) {
        let _ = writeln!(
            out,
            "  {}: {} tags every {} ms",
            word(&group["device"]),
            group["tags"],
            group["period_ms"],
        );
    }
    for unit in list(&link["units"]) {
        let _ = writeln!(out, "  unit {}: {}", unit["unit"], word(&unit["text"]));
    }
    for learned in list(&link["learned"]) {
        let _ = writeln!(out, "  learned: {}", word(learned));
    }
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
