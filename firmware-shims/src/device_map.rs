//! The device map: what a node says of itself, as a file of the gateway's map in TOML.
//!
//! Each channel becomes three tags: its value with unit and span, its quality
//! with a word for each code, and its age. The value needs no mapping of
//! qualities: a node holds no number where the quality is bad, and the
//! gateway takes no number for Bad.

use core::fmt::{self, Write};

use crate::{Description, Quality};

/// A node to be written as `devices/NAME.toml`. `Display` writes it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceMap<'a> {
    /// What the node says.
    pub node: Description<'a>,
    /// Name of the device.
    pub name: &'a str,
    /// How the gateway reaches it.
    pub url: &'a str,
    /// Its unit id.
    pub unit: u8,
}

impl fmt::Display for DeviceMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [vendor, product, revision] = self.node.identity;
        // No control character is in these: a comment stays one line.
        writeln!(f, "# What {vendor} {product} {revision} says of itself.")?;
        writeln!(f, "schema = 1\n\n[[device]]")?;
        writeln!(f, "name   = {}", Quoted(self.name))?;
        writeln!(f, "driver = \"modbus\"")?;
        writeln!(f, "title  = {}", Quoted(product))?;
        writeln!(f, "url    = {}", Quoted(self.url))?;
        writeln!(f, "unit   = {}", self.unit)?;
        writeln!(f, "order  = \"ABCD\"\n\n[device.tags]")?;
        self.channels(f)?;
        for counter in self.node.counters() {
            let (name, at) = (counter.name, counter.address);
            let kind = if name == "uptime" { "unit = \"s\"" } else { "kind = \"counter\"" };
            writeln!(
                f,
                "node_{name} = {{ at = \"hr:{at}\", type = \"UDINT\", {kind}, rate = \"1m\" }}"
            )?;
        }
        for setting in self.node.settings() {
            let (name, at, low, high) = (setting.name, setting.address, setting.low, setting.high);
            writeln!(
                f,
                "set_{name} = {{ at = \"hr:{at}\", type = \"UINT\", rate = \"1m\", \
                 write = {{ min = {low}, max = {high} }} }}"
            )?;
        }
        Ok(())
    }
}

impl DeviceMap<'_> {
    fn channels(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for channel in self.node.channels() {
            let (name, at) = (channel.name, channel.address);
            write!(f, "{name} = {{ at = \"hr:{at}\", type = \"REAL\"")?;
            if !channel.unit.is_empty() {
                write!(f, ", unit = {}", Quoted(channel.unit))?;
            }
            writeln!(f, ", valid = [{:?}, {:?}] }}", channel.low, channel.high)?;
            write!(f, "{name}_quality = {{ at = \"hr:{}\", type = \"UINT\", enum = {{ ", at + 2)?;
            for (at, quality) in Quality::ALL.into_iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                write!(f, "{comma}{} = {}", quality.code(), Quoted(quality.words()))?;
            }
            writeln!(f, " }} }}")?;
            writeln!(
                f,
                "{name}_age = {{ at = \"hr:{}\", type = \"UDINT\", unit = \"ms\", \
                 deadband = 1000 }}",
                at + 4
            )?;
        }
        Ok(())
    }
}

/// A text as a TOML string.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}
