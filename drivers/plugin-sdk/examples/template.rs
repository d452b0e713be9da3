//! A driver that runs: replace what `Device` does.

use std::process::ExitCode;

use forehearth_plugin_sdk::v1::value::Kind;
use forehearth_plugin_sdk::v1::{
    Capabilities, ConfigError, Configure, Grammar, Hello, Setting, Tag, Type,
};
use forehearth_plugin_sdk::{Bad, Plugin, Reading, run, text, wrong_address, wrong_setting};

/// Stands for the device: register n holds n.
struct Device;

impl Device {
    fn read(&self, register: u16) -> Result<f64, Bad> {
        Ok(f64::from(register))
    }
}

/// A tag, with its address as the device wants it.
struct Point {
    tag: Tag,
    register: u16,
}

#[derive(Default)]
struct Driver {
    points: Vec<Point>,
    device: Option<Device>,
}

/// `r0` to `r999`, or where it stops being one.
fn register(at: &str) -> Result<u16, usize> {
    let digits = at.strip_prefix('r').ok_or(0_usize)?;
    if let Some(wrong) = digits.find(|c: char| !c.is_ascii_digit()) {
        return Err(1 + wrong);
    }
    if digits.len() > 3 {
        return Err(4);
    }
    digits.parse().map_err(|_| at.len())
}

impl Plugin for Driver {
    fn hello(&self) -> Hello {
        let setting = |key: &str, kind: Type, required, help: &str, example: &str| Setting {
            key: key.to_owned(),
            r#type: kind.into(),
            required,
            help: help.to_owned(),
            example: example.to_owned(),
        };
        Hello {
            name: "{name}".to_owned(),
            plugin_version: "0.1.0".to_owned(),
            capabilities: Some(Capabilities { poll: true, ..Capabilities::default() }),
            settings: vec![
                setting("host", Type::Text, true, "Address of the device", "192.0.2.7"),
                setting("unit", Type::Uint, false, "Number of the device on its bus", "1"),
            ],
            address: Some(Grammar {
                pattern: "r[0-9]{1,3}".to_owned(),
                example: "r7".to_owned(),
                help: "r0 to r999".to_owned(),
                example_type: Type::Double.into(),
            }),
            ..Hello::default()
        }
    }

    fn configure(&mut self, configure: &Configure) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        for given in &configure.settings {
            if !["host", "unit"].contains(&&*given.key) {
                errors.push(wrong_setting(&given.key, "there is no such setting", "host, unit"));
            }
        }
        if text(configure, "host").is_none() {
            errors.push(wrong_setting("host", "the address of the device is missing", ""));
        }
        for tag in &configure.tags {
            match register(&tag.at) {
                Ok(register) => self.points.push(Point { tag: tag.clone(), register }),
                Err(at) => errors.push(wrong_address(tag.id, at, "no register", "r0 to r999")),
            }
        }
        self.device = Some(Device);
        errors
    }

    fn poll(&mut self, group: u32, _deadline_ms: u32) -> Vec<Reading> {
        let mut readings = Vec::new();
        for point in self.points.iter().filter(|point| point.tag.group == group) {
            let (tag, read) = (point.tag.id, self.device.as_ref().map(|d| d.read(point.register)));
            readings.push(match (read, point.tag.r#type()) {
                (Some(Ok(value)), Type::Double) => Reading::good(tag, Kind::Double(value)),
                (Some(Ok(_)), _) => Reading::bad(tag, Bad::Configuration),
                (Some(Err(why)), _) => Reading::bad(tag, why),
                (None, _) => Reading::bad(tag, Bad::NoCommunication),
            });
        }
        readings
    }
}

fn main() -> ExitCode {
    run(&mut Driver::default())
}
