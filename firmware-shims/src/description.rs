//! The description: what a node says of itself, as a master reads it.
//!
//! Texts are a length byte and UTF-8; numbers are big-endian.
//!
//! ```text
//! vendor, product, revision                                  three texts
//! n, then per channel:  name, unit, u16 address, f32 low, f32 high
//! n, then per counter:  name, u16 address
//! n, then per setting:  name, u16 address, u16 low, u16 high
//! ```
//! What a later layout adds stands behind this and is not looked at.

use core::fmt;

use forehearth_modbus::crc16;

use crate::register_map::{LAYOUT, MAGIC, is_name};

/// A channel of a node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChannelEntry<'a> {
    /// Name of the tag.
    pub name: &'a str,
    /// Unit; empty where there is none.
    pub unit: &'a str,
    /// First of its eight registers.
    pub address: u16,
    /// Lowest value of its span.
    pub low: f32,
    /// Highest value of its span.
    pub high: f32,
}

/// A counter of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CounterEntry<'a> {
    /// Name of the tag.
    pub name: &'a str,
    /// First of its two registers.
    pub address: u16,
}

/// A setting of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SettingEntry<'a> {
    /// Name of the tag.
    pub name: &'a str,
    /// Its register.
    pub address: u16,
    /// Lowest value that the node takes.
    pub low: u16,
    /// Highest value that the node takes.
    pub high: u16,
}

/// Why bytes are no description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DescriptionError {
    /// The device does not describe itself.
    NotANode,
    /// It does, in a layout of another version.
    OtherLayout(u16),
    /// The checksum is wrong: read it again.
    Checksum,
    /// The node's own mistake: a text or a number is cut off or illegal, at
    /// this byte.
    Malformed(usize),
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANode => f.write_str("the device does not describe itself"),
            Self::OtherLayout(layout) => {
                write!(f, "the node describes itself in layout {layout}, known is {LAYOUT}")
            }
            Self::Checksum => f.write_str("the description arrived damaged; ask again"),
            Self::Malformed(at) => write!(f, "the node describes itself wrongly, at byte {at}"),
        }
    }
}

impl core::error::Error for DescriptionError {}

/// The four words before a description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) length: u16,
    pub(crate) crc: u16,
}

impl Head {
    pub(crate) fn parse(words: &[u8]) -> Result<Self, DescriptionError> {
        let &[m1, m2, v1, v2, l1, l2, c1, c2] = words else {
            return Err(DescriptionError::NotANode);
        };
        if u16::from_be_bytes([m1, m2]) != MAGIC {
            return Err(DescriptionError::NotANode);
        }
        match u16::from_be_bytes([v1, v2]) {
            LAYOUT => {
                Ok(Self { length: u16::from_be_bytes([l1, l2]), crc: u16::from_be_bytes([c1, c2]) })
            }
            other => Err(DescriptionError::OtherLayout(other)),
        }
    }
}

/// What a node says of itself, wholly checked: every entry is there, and
/// every name is legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Description<'a> {
    /// Vendor, product, revision.
    pub identity: [&'a str; 3],
    channels: Part<'a>,
    counters: Part<'a>,
    settings: Part<'a>,
}

/// The entries of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part<'a> {
    body: &'a [u8],
    start: usize,
    count: u8,
}

impl<'a> Part<'a> {
    fn new<T>(
        reader: &mut Reader<'a>,
        read: fn(&mut Reader<'a>) -> Result<T, DescriptionError>,
    ) -> Result<Self, DescriptionError> {
        let count = reader.byte()?;
        let part = Self { body: reader.body, start: reader.at, count };
        for _ in 0..count {
            read(reader)?;
        }
        Ok(part)
    }

    fn iter<T>(
        self,
        read: fn(&mut Reader<'a>) -> Result<T, DescriptionError>,
    ) -> impl Iterator<Item = T> {
        let mut reader = Reader { body: self.body, at: self.start };
        (0..self.count).filter_map(move |_| read(&mut reader).ok())
    }
}

impl<'a> Description<'a> {
    /// The description in `body`, whose checksum is to be `crc`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn parse(body: &'a [u8], crc: u16) -> Result<Self, DescriptionError> {
        if crc16(body) != crc {
            return Err(DescriptionError::Checksum);
        }
        let mut reader = Reader { body, at: 0 };
        Ok(Self {
            identity: [reader.text()?, reader.text()?, reader.text()?],
            channels: Part::new(&mut reader, channel)?,
            counters: Part::new(&mut reader, counter)?,
            settings: Part::new(&mut reader, setting)?,
        })
    }

    /// The channels, in the order of the node.
    pub fn channels(&self) -> impl Iterator<Item = ChannelEntry<'a>> {
        self.channels.iter(channel)
    }

    /// The counters.
    pub fn counters(&self) -> impl Iterator<Item = CounterEntry<'a>> {
        self.counters.iter(counter)
    }

    /// The settings.
    pub fn settings(&self) -> impl Iterator<Item = SettingEntry<'a>> {
        self.settings.iter(setting)
    }
}

fn channel<'a>(reader: &mut Reader<'a>) -> Result<ChannelEntry<'a>, DescriptionError> {
    let (name, unit) = (reader.name()?, reader.text()?);
    let (address, at) = (reader.word()?, reader.at);
    let (low, high) = (reader.float()?, reader.float()?);
    if !(low.is_finite() && high.is_finite() && low < high) || address > u16::MAX - 7 {
        return Err(DescriptionError::Malformed(at));
    }
    Ok(ChannelEntry { name, unit, address, low, high })
}

fn counter<'a>(reader: &mut Reader<'a>) -> Result<CounterEntry<'a>, DescriptionError> {
    let (name, at, address) = (reader.name()?, reader.at, reader.word()?);
    if address == u16::MAX {
        return Err(DescriptionError::Malformed(at));
    }
    Ok(CounterEntry { name, address })
}

fn setting<'a>(reader: &mut Reader<'a>) -> Result<SettingEntry<'a>, DescriptionError> {
    let (name, address) = (reader.name()?, reader.word()?);
    Ok(SettingEntry { name, address, low: reader.word()?, high: reader.word()? })
}

/// A place in a description.
struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], DescriptionError> {
        let bytes = self.body.get(self.at..self.at + count);
        self.at += count;
        bytes.ok_or(DescriptionError::Malformed(self.at - count))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DescriptionError> {
        let at = self.at;
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| DescriptionError::Malformed(at))
    }

    fn byte(&mut self) -> Result<u8, DescriptionError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn word(&mut self) -> Result<u16, DescriptionError> {
        self.array().map(u16::from_be_bytes)
    }

    fn float(&mut self) -> Result<f32, DescriptionError> {
        self.array().map(f32::from_be_bytes)
    }

    fn text(&mut self) -> Result<&'a str, DescriptionError> {
        let at = self.at;
        let length = self.byte()?;
        let text = core::str::from_utf8(self.bytes(length.into())?);
        let text = text.map_err(|_| DescriptionError::Malformed(at))?;
        // Control characters have no place in a name, a unit or a map.
        if text.chars().any(char::is_control) {
            return Err(DescriptionError::Malformed(at));
        }
        Ok(text)
    }

    fn name(&mut self) -> Result<&'a str, DescriptionError> {
        let at = self.at;
        let name = self.text()?;
        if is_name(name.as_bytes()) { Ok(name) } else { Err(DescriptionError::Malformed(at)) }
    }
}
