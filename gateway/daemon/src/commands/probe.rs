//! `forehearth probe`: what a device holds, as it is decoded, in every word order, and as it came.

mod point;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use forehearth_driver_modbus::probe::{Looking, identify, read};
use forehearth_modbus::Point;

use crate::cli::ProbeArgs;

use super::look::interrupt::{Interrupt, Step};
use super::look::{self, Site};
use super::{USAGE, say, say_error};
use point::Wanted;
use show::Shown;

/// What is read when nothing is asked for.
const USUAL: &str = "hr:0:UINT[10]";

/// Reads once, or again and again until Ctrl-C.
pub fn run(args: &ProbeArgs) -> ExitCode {
    #[cfg(feature = "opcua")]
    if args.url.starts_with("opc.tcp://") {
        return super::nodes::probe(args);
    }
    let mut wanted = Vec::new();
    let texts = if args.points.is_empty() { &[USUAL.to_owned()][..] } else { &args.points };
    for text in texts {
        match Wanted::parse(text) {
            Ok(some) => wanted.extend(some),
            Err(error) => {
                say_error(&error);
                return ExitCode::from(USAGE);
            }
        }
    }
    match Site::find(&args.url, &args.link, Duration::ZERO) {
        Ok(site) => look::run(probe(args, &site, &wanted)),
        Err(code) => code,
    }
}

async fn probe(args: &ProbeArgs, site: &Site, wanted: &[Wanted]) -> Result<(), ExitCode> {
    let mut link = site.open().await?;
    let mut interrupt = Interrupt::new();
    if args.points.is_empty() && !args.link.json {
        say_identity(args, site, &mut link).await?;
    }
    loop {
        let Step::Done(all_read) = interrupt.or(once(args, site, &mut link, wanted)).await else {
            return Ok(());
        };
        let all_read = all_read?;
        if !args.watch {
            return if all_read { Ok(()) } else { Err(ExitCode::from(super::FINDINGS)) };
        }
        let Step::Done(()) = interrupt.or(tokio::time::sleep(args.every)).await else {
            return Ok(());
        };
    }
}

async fn say_identity(args: &ProbeArgs, site: &Site, link: &mut Looking) -> Result<(), ExitCode> {
    let identity = identify(link, args.unit).await.map_err(|error| site.fail(&error))?;
    if !identity.is_empty() {
        say(&identity.line());
    }
    Ok(())
}

/// Reads everything once and shows it; whether every value was read.
async fn once(
    args: &ProbeArgs,
    site: &Site,
    link: &mut Looking,
    wanted: &[Wanted],
) -> Result<bool, ExitCode> {
    // Every way to look at the same registers, so that one request brings all.
    let mut points: Vec<Point> = Vec::new();
    let mut parts = Vec::new();
    for one in wanted {
        let begin = points.len();
        points.extend(one.points(args.orders, args.raw));
        parts.push(begin..points.len());
    }
    let results = read(link, args.unit, &points).await.map_err(|error| site.fail(&error))?;
    let mut all_read = true;
    let mut rows = Vec::new();
    for (one, part) in wanted.iter().zip(parts) {
        let shown =
            Shown { wanted: one, results: &results[part], orders: args.orders, raw: args.raw };
        all_read &= shown.is_read();
        if args.link.json {
            rows.push(shown.json(site.lang));
        } else {
            say(shown.text(site.lang).trim_end());
        }
    }
    if args.link.json {
        say(&serde_json::json!({ "url": args.url, "unit": args.unit, "values": rows }).to_string());
    } else if args.watch {
        say("");
    }
    Ok(all_read)
}
