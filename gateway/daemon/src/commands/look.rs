//! A look at a link: from the URL of a command line, and what the map says about it, to questions that are polite.

pub mod interrupt;
pub mod progress;
pub mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use forehearth_config::{CarrierPlan, LinePlan, LinkPlan, Plan, Transport};
use forehearth_driver_modbus::probe::{Looking, ProbeError, Target};
use forehearth_driver_modbus::{BusSettings, TcpSettings};
use forehearth_modbus::Access;

use crate::cli::{Lang, LinkArgs};
use crate::lines;

use super::{FINDINGS, USAGE, say_error};

/// A link that may be looked at.
pub struct Site {
    /// How it is reached.
    pub target: Target,
    /// Between an answer and the next request; the map's own if that is longer.
    pub pause: Duration,
    /// Of the texts.
    pub lang: Lang,
    owner: Owner,
}

/// What the map says about the link.
enum Owner {
    /// There is no map.
    NoMap,
    /// The map does not name it.
    Stranger,
    /// The map has mistakes; nobody knows.
    Unknown,
    /// The map reads it.
    Link { name: String, read_only: Vec<String> },
}

impl Site {
    /// The link of `url`. What stands in the way is said.
    ///
    /// # Errors
    /// The exit status.
    pub fn find(url: &str, args: &LinkArgs, pause: Duration) -> Result<Self, ExitCode> {
        let lang = Lang::or_environment(args.lang);
        let transport = forehearth_config::link_of(url, "URL").map_err(|findings| {
            say_error(forehearth_config::render(&findings, lang.into(), false).trim_end());
            ExitCode::from(USAGE)
        })?;
        Self::of(&transport, args, pause)
    }

    /// The link of a transport.
    ///
    /// # Errors
    /// The exit status; what stands in the way was said.
    pub fn of(transport: &Transport, args: &LinkArgs, pause: Duration) -> Result<Self, ExitCode> {
        let lang = Lang::or_environment(args.lang);
        let plan = map(&args.config);
        let link = plan.as_ref().and_then(|plan| named(plan.as_ref()?, transport));
        let Some(mut target) = target(transport) else {
            say_error(words::only_modbus(lang));
            return Err(ExitCode::from(USAGE));
        };
        if let Some((_, link)) = &link {
            keep(&mut target, link);
        }
        if let Some(timeout) = args.timeout {
            set_timeout(&mut target, timeout);
        }
        if let Some(user) = port(transport).and_then(|port| other_user(&port)) {
            say_error(&words::in_use(lang, &user));
            return Err(ExitCode::from(FINDINGS));
        }
        let owner = match (&plan, link) {
            (None, _) => Owner::NoMap,
            (Some(None), _) => Owner::Unknown,
            (Some(Some(_)), None) => Owner::Stranger,
            (Some(Some(plan)), Some((id, link))) => {
                let devices = plan.devices.iter().zip(&plan.catalogue.devices);
                let read_only = devices
                    .filter(|(device, _)| device.link.index() == id && is_kept(device.access))
                    .map(|(_, info)| info.name.to_string());
                Owner::Link { name: link.name.clone(), read_only: read_only.collect() }
            }
        };
        Ok(Self { target, pause: args.pause.unwrap_or(pause), lang, owner })
    }

    /// Waits for absent ones no longer than this; a map's shorter timeout is kept.
    pub fn at_most(&mut self, timeout: Duration) {
        let own = match &self.target {
            Target::Tcp(settings) => settings.timeout,
            Target::Bus(settings) => settings.timeout,
        };
        set_timeout(&mut self.target, own.min(timeout));
        if let Target::Bus(settings) = &mut self.target {
            // Each unit is asked once: who is missing is no surprise.
            settings.retries = 0;
        }
    }

    /// Refuses a search on a link of a safety system.
    ///
    /// # Errors
    /// The exit status; why not was said.
    pub fn may_be_searched(&self) -> Result<(), ExitCode> {
        let text = match &self.owner {
            Owner::NoMap | Owner::Stranger => return Ok(()),
            Owner::Link { read_only, .. } if read_only.is_empty() => return Ok(()),
            Owner::Link { name, read_only } => {
                words::safety_link(self.lang, name, &read_only.join(", "))
            }
            Owner::Unknown => words::unreadable_map(self.lang).to_owned(),
        };
        say_error(&text);
        Err(ExitCode::from(FINDINGS))
    }

    /// Opens it; says why it can't.
    ///
    /// # Errors
    /// The exit status.
    pub async fn open(&self) -> Result<Looking, ExitCode> {
        Looking::open(&self.target, self.pause).await.map_err(|error| self.fail(&error))
    }

    /// Says what ended a look.
    pub fn fail(&self, error: &ProbeError) -> ExitCode {
        say_error(&words::lost(self.lang, error));
        ExitCode::from(FINDINGS)
    }
}

/// Read-only devices are those that somebody wants left alone.
fn is_kept(access: Access) -> bool {
    access == Access::ReadOnly
}

/// The plan of a map; `Some(None)` when it has mistakes.
#[expect(clippy::option_option, reason = "no map, a map with mistakes, a plan")]
fn map(dir: &Path) -> Option<Option<Plan>> {
    dir.join("gateway.toml").is_file().then(|| forehearth_config::load(dir).plan)
}

/// The link of the map that occupies the same port.
fn named<'p>(plan: &'p Plan, transport: &Transport) -> Option<(usize, &'p LinkPlan)> {
    let wanted = forehearth_config::occupied(transport)?;
    let mut links = plan.links.iter().enumerate();
    links.find(|(_, link)| forehearth_config::occupied(&link.transport).as_ref() == Some(&wanted))
}

fn target(transport: &Transport) -> Option<Target> {
    match transport {
        Transport::ModbusTcp { host, port, .. } => {
            Some(Target::Tcp(TcpSettings::new(host.clone(), *port)))
        }
        Transport::ModbusLine(line) => bus(line).map(Target::Bus),
        _ => None,
    }
}

fn bus(line: &LinePlan) -> Option<BusSettings> {
    let carrier = lines::carrier(line).ok()?;
    Some(BusSettings {
        framing: line.framing,
        retries: line.retries,
        echo: line.echo,
        ..BusSettings::new(carrier)
    })
}

/// What the map asks for on this link holds here too.
fn keep(target: &mut Target, link: &LinkPlan) {
    match target {
        Target::Tcp(settings) => {
            settings.timeout = link.timeout;
            settings.max_words = link.max_words;
            settings.max_bits = link.max_bits;
            settings.pause_after_connect = link.pause_after_connect;
            settings.pause_between = link.pause_between;
        }
        Target::Bus(settings) => {
            settings.timeout = link.timeout;
            settings.max_words = link.max_words;
            settings.max_bits = link.max_bits;
            settings.pause_after_connect = link.pause_after_connect;
            settings.pause_between = link.pause_between;
        }
    }
}

fn set_timeout(target: &mut Target, timeout: Duration) {
    match target {
        Target::Tcp(settings) => settings.timeout = timeout,
        Target::Bus(settings) => settings.timeout = timeout,
    }
}

fn port(transport: &Transport) -> Option<PathBuf> {
    match transport {
        Transport::ModbusLine(LinePlan { carrier: CarrierPlan::Serial(serial), .. }) => {
            Some(serial.path.clone())
        }
        _ => None,
    }
}

/// Another process that has this port open, as far as we may see: two masters
/// on one line damage each other's frames. A pseudo-terminal is exempt: who
/// made it has it open.
fn other_user(port: &Path) -> Option<String> {
    let port = port.canonicalize().ok()?;
    if port.starts_with("/dev/pts") {
        return None;
    }
    let ours = std::process::id().to_string();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = process.file_name().into_string().unwrap_or_default();
        if pid == ours || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let has_it = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|path| path == port)
        };
        if files.flatten().any(has_it) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} ({pid})", name.trim()));
        }
    }
    None
}

/// Runs a look on a runtime of its own.
pub fn run(look: impl Future<Output = Result<(), ExitCode>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say_error(&format!("cannot start: {error}"));
            return ExitCode::from(FINDINGS);
        }
    };
    match runtime.block_on(look) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}
