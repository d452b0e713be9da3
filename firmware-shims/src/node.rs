//! The node: values, counters and settings in registers, and the answer to each request for them.

use forehearth_modbus::{Detail, Exception, MAX_PDU, Micros, Refused, Request, Words, crc16};

use crate::register_map::{
    CHANNEL_WORDS, COUNTERS, DESCRIPTION, HEAD_WORDS, LAYOUT, MAGIC, SETTINGS,
};
use crate::{Calibration, Facts, Quality, Reading, RegisterMap};

/// Function 43 with MEI type 14 (Application Protocol V1.1b3, 6.21).
const ENCAPSULATED: u8 = 43;
const DEVICE_IDENTIFICATION: u8 = 14;
/// Basic objects, as a stream or one by one (6.21, conformity level).
const CONFORMITY: u8 = 0x81;

/// What the node counts about itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(usize)]
pub enum Counter {
    /// Requests that were answered with data.
    Answered,
    /// Requests that were answered with an exception.
    Refused,
    /// Times that what came before a silence was no frame.
    Unreadable,
    /// Bytes of noise before a request that was found all the same.
    Noise,
    /// Settings that were written.
    Written,
    /// Readings whose quality was bad.
    BadReadings,
    /// Seconds since the node started.
    Uptime,
}

impl Counter {
    /// All, in the order of their registers.
    pub const ALL: [Self; 7] = [
        Self::Answered,
        Self::Refused,
        Self::Unreadable,
        Self::Noise,
        Self::Written,
        Self::BadReadings,
        Self::Uptime,
    ];

    /// The name of its tag.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Noise => "noise_bytes",
            Self::Written => "settings_written",
            Self::BadReadings => "bad_readings",
            Self::Uptime => "uptime",
        }
    }
}

/// How a value is corrected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Correction {
    /// The channel needs none.
    NotNeeded,
    /// By its certificate.
    By(Calibration),
    /// It needs one and there is none: the value is bad (`BadConfiguration`).
    Missing,
}

/// What is held of a channel.
#[derive(Clone, Copy, Debug)]
struct Cell {
    value: f32,
    quality: Quality,
    taken: u16,
    tick: Micros,
    raw: i32,
}

impl Cell {
    const EMPTY: Self = Self {
        value: f32::NAN,
        quality: Quality::BadWaitingForFirstValue,
        taken: 0,
        tick: 0,
        raw: 0,
    };

    /// One of its eight words.
    fn word(&self, at: u16, now: Micros) -> u16 {
        let age = u32::try_from(now.saturating_sub(self.tick) / 1000).unwrap_or(u32::MAX);
        match at {
            0 | 1 => half(self.value.to_bits(), at),
            2 => self.quality.code().into(),
            3 => self.taken,
            4 | 5 => half(age, at),
            _ => half(self.raw.cast_unsigned(), at),
        }
    }
}

/// The high half at an even place, the low one at an odd.
const fn half(number: u32, at: u16) -> u16 {
    if at.is_multiple_of(2) { (number >> 16) as u16 } else { number as u16 }
}

/// A node with the registers that `map` lays out.
#[derive(Debug)]
pub struct Node<const N: usize, const S: usize, const D: usize> {
    map: &'static RegisterMap<N, S, D>,
    cells: [Cell; N],
    settings: [u16; S],
    counters: [u32; Counter::ALL.len()],
    description_crc: u16,
}

impl<const N: usize, const S: usize, const D: usize> Node<N, S, D> {
    /// Holds no value yet, and the settings' defaults.
    #[must_use]
    pub fn new(map: &'static RegisterMap<N, S, D>) -> Self {
        Self {
            map,
            cells: [Cell::EMPTY; N],
            settings: map.settings.map(|setting| setting.default),
            counters: [0; _],
            description_crc: crc16(&map.body[..map.length]),
        }
    }

    /// Keeps a reading of the channel at a place of the map; a place that the
    /// map lacks is not kept.
    pub fn put(&mut self, channel: usize, facts: &Facts, reading: Reading, by: Correction) {
        let Some(cell) = self.cells.get_mut(channel) else {
            return;
        };
        let (measured, quality) = reading.value(facts);
        let (value, quality) = match by {
            _ if quality.is_bad() => (f32::NAN, quality),
            Correction::NotNeeded => (measured, quality),
            Correction::By(calibration) => (calibration.correct(measured), quality),
            Correction::Missing => (f32::NAN, Quality::BadConfiguration),
        };
        // A calibration can be nonsense, and nonsense is no value.
        let (value, quality) = if value.is_finite() || quality.is_bad() {
            (value, quality)
        } else {
            (f32::NAN, Quality::BadConfiguration)
        };
        *cell = Cell {
            value,
            quality,
            taken: cell.taken.wrapping_add(1),
            tick: reading.tick,
            raw: reading.raw,
        };
        if quality.is_bad() {
            self.count(Counter::BadReadings, 1);
        }
    }

    /// Counts.
    pub fn count(&mut self, counter: Counter, by: u32) {
        let count = &mut self.counters[counter as usize];
        *count = count.wrapping_add(by);
    }

    /// How often.
    #[must_use]
    pub const fn counted(&self, counter: Counter) -> u32 {
        self.counters[counter as usize]
    }

    /// A setting as it stands; `None` where the map has none.
    #[must_use]
    pub fn setting(&self, at: usize) -> Option<u16> {
        self.settings.get(at).copied()
    }

    /// Answers a request; returns how much of `out` the answer takes, 0 where
    /// there is nothing to answer.
    pub fn answer(&mut self, pdu: &[u8], now: Micros, out: &mut [u8; MAX_PDU]) -> usize {
        self.counters[Counter::Uptime as usize] = (now / 1_000_000) as u32;
        let request = match Request::parse(pdu) {
            Ok(request) => request,
            Err(None) => return 0,
            Err(Some(refused)) => return self.refuse(refused, out),
        };
        match self.serve(&request, now, out) {
            Ok(length) => {
                self.count(Counter::Answered, 1);
                length
            }
            Err(exception) => self.refuse(Refused { function: request.function(), exception }, out),
        }
    }

    fn refuse(&mut self, refused: Refused, out: &mut [u8; MAX_PDU]) -> usize {
        self.count(Counter::Refused, 1);
        let answer = refused.encode();
        out[..answer.len()].copy_from_slice(&answer);
        answer.len()
    }

    fn serve(
        &mut self,
        request: &Request<'_>,
        now: Micros,
        out: &mut [u8; MAX_PDU],
    ) -> Result<usize, Exception> {
        out[0] = request.function();
        match *request {
            Request::Read { start, count, .. } => self.read(start, count, now, out),
            Request::Write { function, start, words } => {
                self.write(start, words)?;
                let second = match function {
                    6 => words.iter().next().unwrap_or_default(),
                    _ => words.len() as u16,
                };
                out[1..3].copy_from_slice(&start.to_be_bytes());
                out[3..5].copy_from_slice(&second.to_be_bytes());
                Ok(5)
            }
            Request::WriteThenRead { write, words, start, count } => {
                // Whether the read can be answered is asked before anything is written.
                self.read(start, count, now, out)?;
                self.write(write, words)?;
                self.read(start, count, now, out)
            }
            Request::Identify { code, detail, object } => {
                identify(&self.map.identity, code, detail, object, out)
            }
        }
    }

    fn read(
        &self,
        start: u16,
        count: u16,
        now: Micros,
        out: &mut [u8; MAX_PDU],
    ) -> Result<usize, Exception> {
        let bytes = usize::from(count) * 2;
        out[1] = bytes as u8;
        for (at, pair) in (start..).zip(out[2..2 + bytes].chunks_exact_mut(2)) {
            let word = self.word(at, now).ok_or(Exception::IllegalDataAddress)?;
            pair.copy_from_slice(&word.to_be_bytes());
        }
        Ok(2 + bytes)
    }

    /// The register at an address, if there is one.
    fn word(&self, at: u16, now: Micros) -> Option<u16> {
        match at {
            DESCRIPTION.. => self.description(at - DESCRIPTION),
            SETTINGS.. => self.settings.get(usize::from(at - SETTINGS)).copied(),
            COUNTERS.. => {
                let at = at - COUNTERS;
                self.counters.get(usize::from(at / 2)).map(|count| half(*count, at))
            }
            _ => {
                let cell = self.cells.get(usize::from(at / CHANNEL_WORDS))?;
                Some(cell.word(at % CHANNEL_WORDS, now))
            }
        }
    }

    fn description(&self, at: u16) -> Option<u16> {
        match at {
            0 => Some(MAGIC),
            1 => Some(LAYOUT),
            2 => Some(self.map.length as u16),
            3 => Some(self.description_crc),
            _ => {
                let at = usize::from(at - HEAD_WORDS) * 2;
                let body = &self.map.body[..self.map.length];
                let low = body.get(at + 1).copied().unwrap_or_default();
                Some(u16::from_be_bytes([*body.get(at)?, low]))
            }
        }
    }

    /// Writes all of it or nothing.
    fn write(&mut self, start: u16, words: Words<'_>) -> Result<(), Exception> {
        let first = usize::from(start.checked_sub(SETTINGS).ok_or(Exception::IllegalDataAddress)?);
        let places = first..first + words.len();
        let specs = self.map.settings.get(places.clone());
        let specs = specs.ok_or(Exception::IllegalDataAddress)?;
        let fits = |(spec, word): (&crate::Setting, u16)| (spec.low..=spec.high).contains(&word);
        if !specs.iter().zip(words.iter()).all(fits) {
            return Err(Exception::IllegalDataValue);
        }
        for (setting, word) in self.settings[places].iter_mut().zip(words.iter()) {
            *setting = word;
        }
        self.count(Counter::Written, words.len() as u32);
        Ok(())
    }
}

/// The basic objects: vendor, product, revision.
fn identify(
    identity: &[&str; 3],
    code: u8,
    detail: Detail,
    object: u8,
    out: &mut [u8; MAX_PDU],
) -> Result<usize, Exception> {
    let first = usize::from(object);
    let objects = match detail {
        Detail::One if first < identity.len() => first..first + 1,
        Detail::One => return Err(Exception::IllegalDataAddress),
        // An object that does not exist: from the beginning (6.21).
        Detail::Stream if first < identity.len() => first..identity.len(),
        Detail::Stream => 0..identity.len(),
    };
    // More follows: no; next object: none.
    let head = [ENCAPSULATED, DEVICE_IDENTIFICATION, code, CONFORMITY, 0, 0, objects.len() as u8];
    out[..head.len()].copy_from_slice(&head);
    let mut end = head.len();
    for id in objects {
        let text = identity[id].as_bytes();
        out[end] = id as u8;
        out[end + 1] = text.len() as u8;
        out[end + 2..end + 2 + text.len()].copy_from_slice(text);
        end += 2 + text.len();
    }
    Ok(end)
}
