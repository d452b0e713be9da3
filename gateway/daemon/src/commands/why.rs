//! `forehearth why`: the cause of a missing or bad value, in words.

mod cause;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use forehearth_buffer::inspect::{self, Seen};
use forehearth_model::Stamp;
use forehearth_telemetry::{catalogue, native};
use serde_json::{Value, json};

use crate::cli::{Lang, WhyArgs};
use crate::clock;
use crate::control::client::{AskError, Client};
use crate::control::wire::Ask;
use cause::{Facts, Live, Stored};

use super::{FINDINGS, say, say_error};

/// Asks the running gateway, if there is one, and looks into its state
/// directory in any case.
pub fn run(args: &WhyArgs) -> ExitCode {
    let live = match ask(args) {
        Ok(live) => Some(live),
        Err(AskError::NobodyThere { .. }) => None,
        Err(error) => return failed(&error.to_string()),
    };
    let gaps = match inspect::gaps(&args.state) {
        Ok(gaps) => gaps,
        // A gateway that runs without a disk can still be asked.
        Err(_) if live.is_some() => Vec::new(),
        Err(error) => return failed(&format!("{}: {error}", args.state.display())),
    };
    let at = args.at.unwrap_or_else(clock::now);
    let stored = args.at.and_then(|at| stored(args, at));
    let facts = Facts { at, past: args.at.is_some(), live, gaps, stored };
    let causes = cause::causes(&facts);
    let lang = Lang::or_environment(args.lang).into();
    if args.json {
        let told = causes.iter().map(|cause| {
            let mut told = json!(cause);
            told["text"] = json!(words::words(cause, lang));
            told
        });
        let told =
            json!({ "tag": args.tag, "at": at.to_string(), "causes": told.collect::<Vec<_>>() });
        say(&format!("{told:#}"));
    } else {
        for cause in &causes {
            say(&words::words(cause, lang));
        }
    }
    ExitCode::SUCCESS
}

fn failed(text: &str) -> ExitCode {
    say_error(text);
    ExitCode::from(FINDINGS)
}

/// What the running gateway knows.
fn ask(args: &WhyArgs) -> Result<Live, AskError> {
    let mut client = Client::connect(&args.state)?;
    let tag = client.ask(Ask::Tag { name: args.tag.clone() })?;
    let status = client.ask(Ask::Status)?;
    Ok(live(&tag, &status))
}

fn live(tag: &Value, status: &Value) -> Live {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let served: Vec<Value> = list(&tag["brokers"]);
    let brokers = list(&status["brokers"]);
    let brokers = brokers.iter().filter(|broker| served.contains(&broker["name"]));
    let books = list(&status["destinations"]);
    let waiting = |name: &Value| {
        books
            .iter()
            .find(|books| books["name"] == *name)
            .map_or(0, |books| number(&books["waiting"]))
    };
    let up = Duration::from_secs(number(&status["uptime_seconds"]));
    let storage = text(&status["buffer"]["state"]);
    Live {
        link: text(&tag["link"]),
        link_state: text(&tag["link_state"]),
        link_since_seconds: number(&tag["link_since_s"]),
        link_error: text(&tag["link_error"]),
        unit: number(&tag["unit"]),
        period_ms: tag["period_ms"].as_u64(),
        sampled: tag["stamp_us"].as_i64().map(Stamp),
        quality: text(&tag["quality"]),
        severity: text(&tag["severity"]),
        value: shown(&tag["value"], &text(&tag["engineering_unit"])),
        valid: tag["valid"].as_array().map(|_| tag["valid"].to_string()),
        deadband: tag["deadband"].as_f64().unwrap_or(0.0),
        max_gap_seconds: tag["max_gap_s"].as_f64().unwrap_or(0.0),
        every_sample: tag["every_sample"] == true,
        brokers: brokers
            .map(|broker| {
                let name = &broker["name"];
                (text(name), text(&broker["state"]), text(&broker["last_error"]), waiting(name))
            })
            .collect(),
        storage: if storage == "ok" { String::new() } else { storage },
        started: Stamp(clock::now().0.saturating_sub(i64::try_from(up.as_micros()).unwrap_or(0))),
    }
}

fn shown(value: &Value, unit: &str) -> String {
    match value {
        Value::Null => "no value".to_owned(),
        value => format!("{value} {unit}").trim_end().to_owned(),
    }
}

/// The stored reading of the tag nearest to a moment. Reads what may hold it
/// and no more; what can't be read is left to `buffer verify`.
fn stored(args: &WhyArgs, at: Stamp) -> Option<Stored> {
    let (device, name) = args.tag.split_once('/')?;
    let mut plan = None;
    let mut nearest: Option<(i64, Stored)> = None;
    // Nobody reports a tag less often than once an hour without being asked to.
    const REACH: i64 = 3_600_000_000;
    let _walked = inspect::walk(&args.state, |seen| {
        match seen {
            Seen::Catalogue(bytes) => plan = catalogue::decode(bytes).ok(),
            Seen::Batch(row) if row.to.0 < at.0 - REACH || row.from.0 > at.0 + REACH => {}
            Seen::Batch(row) => {
                let (Some(plan), Ok(decoded)) = (&plan, native::decode(&row.bytes)) else {
                    return true;
                };
                for (run, readings) in decoded.batch.iter() {
                    let distance = (run.stamp.0 - at.0).abs();
                    if nearest.as_ref().is_some_and(|(known, _)| *known <= distance) {
                        continue;
                    }
                    let of_tag = readings.iter().find(|reading| {
                        plan.tags.get(reading.tag.index()).is_some_and(|tag| {
                            tag.name == name && plan.devices[tag.device.index()].name == device
                        })
                    });
                    let Some(reading) = of_tag else { continue };
                    let tag = &plan.tags[reading.tag.index()];
                    let value = tag.scaling.engineering(&reading.value);
                    let stored = Stored {
                        stamp: run.stamp,
                        quality: reading.quality.name().to_owned(),
                        value: shown(&crate::control::engineering(&value), &tag.unit),
                    };
                    nearest = Some((distance, stored));
                }
            }
        }
        true
    });
    nearest.map(|(_, stored)| stored)
}
