//! `forehearth scan serial`: at which speed and format somebody answers, and who.

use std::process::ExitCode;
use std::time::Duration;

use forehearth_driver_modbus::Format;
use forehearth_driver_modbus::probe::{Looking, ProbeError};
use serde_json::json;

use super::units::{Found, visit};
use crate::cli::ScanSerialArgs;
use crate::commands::look::interrupt::{Interrupt, Step};
use crate::commands::look::progress::Progress;
use crate::commands::look::{self, Site, words};
use crate::commands::{FINDINGS, USAGE, say, say_error};

/// Unless the command line says otherwise. Chosen: a frame at 2,400 Bd takes
/// 70 ms, a slow device 100 ms; every absent unit costs this long.
const TIMEOUT: Duration = Duration::from_millis(250);

/// A speed and a format.
struct Setting {
    baud: u32,
    format: Format,
}

/// Prints what answers where; exit status 1 when nobody does.
pub fn run(args: &ScanSerialArgs) -> ExitCode {
    let mut settings = Vec::new();
    for baud in &args.bauds {
        for format in &args.formats {
            let Ok(format) = format.parse() else {
                say_error(&format!("`{format}` is no format; write 8E1, 8N1, 8O1, 8N2, 7E1 …"));
                return ExitCode::from(USAGE);
            };
            settings.push(Setting { baud: *baud, format });
        }
    }
    look::run(scan(args, &settings))
}

async fn scan(args: &ScanSerialArgs, settings: &[Setting]) -> Result<(), ExitCode> {
    let (mut interrupt, progress) = (Interrupt::new(), Progress::new());
    let mut rows = Vec::new();
    let mut noisy = Vec::new();
    let mut is_stopped = false;
    let mut lang = None;
    'settings: for (n, setting) in (1..).zip(settings) {
        let mut site = site(args, setting)?;
        site.at_most(args.link.timeout.unwrap_or(TIMEOUT));
        lang = Some(site.lang);
        let mut link = site.open().await?;
        let name = format!("{} {}", setting.baud, setting.format);
        let (mut found, mut noise) = (Vec::new(), 0);
        for unit in args.units.0..=args.units.1 {
            progress.tell(&format!("{name} ({n} of {}), unit {unit}", settings.len()));
            match interrupt.or(ask(&mut link, unit)).await {
                Step::Done(Ok(Asked::Found(one))) => {
                    if !args.link.json {
                        progress.tell("");
                        let line = format!("{name}  unit {:<4} {}", one.unit, one.identity.line());
                        say(line.trim_end());
                    }
                    found.push(one);
                }
                Step::Done(Ok(Asked::Noise)) => noise += 1,
                Step::Done(Ok(Asked::Silence)) => {}
                Step::Done(Err(error)) => return Err(site.fail(&error)),
                Step::Stopped => {
                    is_stopped = true;
                    rows.extend(found.iter().map(|one| row(setting, one)));
                    break 'settings;
                }
            }
        }
        if noise > 0 && found.is_empty() {
            noisy.push(name);
        }
        rows.extend(found.iter().map(|one| row(setting, one)));
        if !rows.is_empty() && !args.all {
            break;
        }
    }
    drop(progress);
    finish(args, &rows, &noisy, is_stopped, lang.unwrap_or(crate::cli::Lang::En))
}

fn finish(
    args: &ScanSerialArgs,
    rows: &[serde_json::Value],
    noisy: &[String],
    is_stopped: bool,
    lang: crate::cli::Lang,
) -> Result<(), ExitCode> {
    if args.link.json {
        let port = args.port.display().to_string();
        let all =
            json!({ "port": port, "complete": !is_stopped, "units": rows, "noise_at": noisy });
        say(&all.to_string());
    } else if rows.is_empty() && !noisy.is_empty() {
        say(&format!(
            "nobody answered, but bytes came at {}: is somebody else on the line, or are A and B swapped?",
            noisy.join(", ")
        ));
    }
    if is_stopped {
        say_error(words::stopped(lang));
    }
    if rows.is_empty() || is_stopped { Err(ExitCode::from(FINDINGS)) } else { Ok(()) }
}

fn row(setting: &Setting, one: &Found) -> serde_json::Value {
    let mut row = one.json();
    row["baud"] = json!(setting.baud);
    row["format"] = json!(setting.format.to_string());
    row
}

fn site(args: &ScanSerialArgs, setting: &Setting) -> Result<Site, ExitCode> {
    let mode = if args.ascii { "ascii" } else { "rtu" };
    let (port, Setting { baud, format }) = (args.port.display(), setting);
    Site::find(
        &format!("serial://{port}?baud={baud}&format={format}&mode={mode}"),
        &args.link,
        Duration::ZERO,
    )
}

enum Asked {
    Found(Found),
    /// Something came that is no answer.
    Noise,
    Silence,
}

async fn ask(link: &mut Looking, unit: u8) -> Result<Asked, ProbeError> {
    if let Some(found) = visit(link, unit).await? {
        return Ok(Asked::Found(found));
    }
    Ok(if link.heard_noise() { Asked::Noise } else { Asked::Silence })
}
