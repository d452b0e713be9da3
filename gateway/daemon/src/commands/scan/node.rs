//! `forehearth scan node`: the device map of a node that describes itself.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use forehearth_driver_modbus::probe::Heard;
use forehearth_modbus::{Question, ReadRequest, Table};
use forehearth_shims::{DescriptionError, DeviceMap, Inquiry};
use serde_json::json;

use crate::cli::{Lang, ScanNodeArgs};
use crate::commands::look::{self, Site};
use crate::commands::{FINDINGS, USAGE, say, say_error};

/// Room for a description: more than the addresses behind its first leave.
const MOST_BYTES: usize = 0x1_0000;

/// Prints the map, or writes it into a file that must not be there yet; exit
/// status 1 when the device does not describe itself.
pub fn run(args: &ScanNodeArgs) -> ExitCode {
    let site = match Site::find(&args.url, &args.link, Duration::ZERO) {
        Ok(site) => site,
        Err(code) => return code,
    };
    // Who knows whether it is a node? On a safety system's link nobody guesses.
    match site.may_be_searched() {
        Ok(()) => look::run(scan(args, &site)),
        Err(code) => code,
    }
}

async fn scan(args: &ScanNodeArgs, site: &Site) -> Result<(), ExitCode> {
    let mut link = site.open().await?;
    let mut buffer = vec![0; MOST_BYTES];
    let mut inquiry = Inquiry::new(&mut buffer);
    let failed = |error: DescriptionError| {
        say_error(&error.to_string());
        ExitCode::from(FINDINGS)
    };
    while let Some(ask) = inquiry.next() {
        let request = ReadRequest::new(Table::HoldingRegisters, ask.start, ask.count)
            .ok_or_else(|| failed(DescriptionError::Malformed(0)))?;
        let heard = link.ask(args.unit, Question::Read(request)).await;
        match heard.map_err(|error| site.fail(&error))? {
            // A device without these registers is no node; it says so by an exception.
            Heard::Answer(pdu) => match request.check(&pdu) {
                Ok(words) => inquiry.tell(words).map_err(failed)?,
                Err(_) => return Err(failed(DescriptionError::NotANode)),
            },
            Heard::Silence | Heard::Damaged => {
                say_error(match site.lang {
                    Lang::En => "the unit does not answer",
                    Lang::Zh => "该单元无应答",
                });
                return Err(ExitCode::from(FINDINGS));
            }
        }
    }
    let node = inquiry.finish().map_err(failed)?;
    let name = args.name.clone().unwrap_or_else(|| format!("node-{}", args.unit));
    let map = DeviceMap { node, name: &name, url: &args.url, unit: args.unit }.to_string();
    if let Some(file) = &args.write {
        return write(file, &map);
    }
    if args.link.json {
        let [vendor, product, revision] = node.identity;
        let channels: Vec<_> = node.channels().map(|channel| channel.name).collect();
        let all = json!({
            "url": args.url, "unit": args.unit, "vendor": vendor, "product": product,
            "revision": revision, "channels": channels, "map": map,
        });
        say(&all.to_string());
    } else {
        say(map.trim_end());
    }
    Ok(())
}

/// A file that is there may be somebody's work: it is left alone.
fn write(file: &Path, map: &str) -> Result<(), ExitCode> {
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    opened.and_then(|mut open| open.write_all(map.as_bytes())).map_err(|error| {
        say_error(&format!("{}: {error}", file.display()));
        ExitCode::from(USAGE)
    })
}
