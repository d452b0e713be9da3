//! `forehearth scan units`: who is behind a link.

use std::process::ExitCode;
use std::time::Duration;

use forehearth_driver_modbus::probe::{Identity, Looking, ProbeError, identify, is_there};
use serde_json::json;

use crate::cli::ScanUnitsArgs;
use crate::commands::look::interrupt::{Interrupt, Step};
use crate::commands::look::progress::Progress;
use crate::commands::look::{self, Site, words};
use crate::commands::{FINDINGS, USAGE, say, say_error};

/// Unless the map or the command line says otherwise. Chosen: what a slow
/// device behind a serial server needs; 247 absent units take two minutes.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A unit that was found.
pub(super) struct Found {
    pub(super) unit: u8,
    pub(super) identity: Identity,
}

impl Found {
    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "unit": self.unit,
            "identity": self.identity.objects,
            "server_id": self.identity.server_id,
        })
    }
}

/// Prints who answers; exit status 1 when nobody does.
pub fn run(args: &ScanUnitsArgs) -> ExitCode {
    match Site::find(&args.url, &args.link, Duration::ZERO) {
        Ok(mut site) => {
            if args.link.timeout.is_none() {
                site.at_most(TIMEOUT);
            }
            look::run(scan(args, &site))
        }
        Err(code) => code,
    }
}

async fn scan(args: &ScanUnitsArgs, site: &Site) -> Result<(), ExitCode> {
    let mut link = site.open().await?;
    let (mut interrupt, progress) = (Interrupt::new(), Progress::new());
    let (first, last) = args.units;
    let mut found = Vec::new();
    let mut is_stopped = false;
    for unit in first..=last {
        progress.tell(&format!("unit {unit} of {first}-{last}, {} found", found.len()));
        match interrupt.or(visit(&mut link, unit)).await {
            Step::Done(Ok(Some(one))) => {
                if !args.link.json {
                    progress.tell("");
                    say(format!("unit {:<4} {}", one.unit, one.identity.line()).trim_end());
                }
                found.push(one);
            }
            Step::Done(Ok(None)) => {}
            Step::Done(Err(ProbeError::Setup(error))) => {
                say_error(&error.to_string());
                return Err(ExitCode::from(USAGE));
            }
            Step::Done(Err(error)) => return Err(site.fail(&error)),
            Step::Stopped => {
                is_stopped = true;
                break;
            }
        }
    }
    drop(progress);
    if args.link.json {
        let units: Vec<_> = found.iter().map(Found::json).collect();
        say(&json!({ "url": args.url, "complete": !is_stopped, "units": units }).to_string());
    }
    if is_stopped {
        say_error(words::stopped(site.lang));
    }
    if found.is_empty() || is_stopped { Err(ExitCode::from(FINDINGS)) } else { Ok(()) }
}

/// The unit, if it is there, and who it is.
pub(super) async fn visit(link: &mut Looking, unit: u8) -> Result<Option<Found>, ProbeError> {
    if !is_there(link, unit).await? {
        return Ok(None);
    }
    Ok(Some(Found { unit, identity: identify(link, unit).await? }))
}
