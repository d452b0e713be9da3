//! The encoder: writes a batch in one pass, into memory it keeps.

use forehearth_model::{Batch, Quality, Reading, Value};

use super::baseline::{Baseline, BaselineName};
use super::column::put_part;
use super::kind::{COLUMNS, Kind, number};
use super::sections::Sections;
use super::{Skipped, VERSION, VERSION_WITH_BASELINE};
use crate::wire::{
    put_bytes_field, put_fixed32_field, put_fixed64_field, put_varint, put_varint_field, zigzag,
};

/// Whether batches are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Never.
    Off,
    /// With zstd, when a batch is large enough and gets smaller by it.
    WhenItPays,
}

/// Encodes batches one after the other. Keeps scratch memory (as large as the
/// largest batch so far) and the compressor; use one per thread that encodes.
///
/// The bytes of a batch depend on the batches before it only in whether they
/// are compressed.
#[derive(Debug)]
pub struct Encoder {
    sections: Sections,
    content: Vec<u8>,
    section: Vec<u8>,
    scratch: Scratch,
    squeezer: Option<super::squeeze::Squeezer>,
}

/// Memory of one section.
#[derive(Default, Debug)]
struct Scratch {
    /// Per column, the numbers of the first scan.
    first: [Vec<i64>; COLUMNS],
    /// Per column, the differences of all later scans.
    later: [Vec<i64>; COLUMNS],
    packed: Vec<u8>,
}

impl Encoder {
    /// An encoder with empty scratch memory.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        Self {
            sections: Sections::default(),
            content: Vec::new(),
            section: Vec::new(),
            scratch: Scratch::default(),
            squeezer: match compression {
                Compression::Off => None,
                Compression::WhenItPays => Some(super::squeeze::Squeezer::default()),
            },
        }
    }

    /// The message of one batch (`forehearth.v1.Batch`). `skipped` are batches
    /// since the last one this destination was sent that hold nothing for it.
    ///
    /// A batch beyond [`MAX_READINGS`](super::MAX_READINGS) would be refused
    /// by every reader; the pipeline closes batches far below.
    #[must_use]
    pub fn encode(&mut self, gateway: &str, batch: &Batch, skipped: &[Skipped]) -> Vec<u8> {
        self.encode_against(gateway, batch, skipped, None)
    }

    /// The message of one batch, its first scans as differences to a baseline.
    /// Whoever reads it needs that baseline.
    #[must_use]
    pub fn encode_against(
        &mut self,
        gateway: &str,
        batch: &Batch,
        skipped: &[Skipped],
        baseline: Option<(BaselineName, &Baseline)>,
    ) -> Vec<u8> {
        let base = baseline.map(|(_, baseline)| baseline);
        self.sections.place(batch);
        self.content.clear();
        put_header(&mut self.content, gateway, batch);
        for section in 0..self.sections.count() {
            self.section.clear();
            collect_columns(&mut self.scratch, &self.sections, section, batch, base);
            put_section(&mut self.section, &mut self.scratch, &self.sections, section, batch);
            put_bytes_field(&mut self.content, 9, &self.section);
        }
        if !self.sections.is_in_order() {
            self.section.clear();
            for section in self.sections.order() {
                put_varint(&mut self.section, section as u64);
            }
            put_bytes_field(&mut self.content, 10, &self.section);
        }
        for range in skipped {
            self.section.clear();
            put_varint_field(&mut self.section, 1, u64::from(range.epoch.0));
            put_varint_field(&mut self.section, 2, range.first);
            put_varint_field(&mut self.section, 3, range.count);
            put_bytes_field(&mut self.content, 11, &self.section);
        }
        let version = match baseline {
            Some((name, _)) => {
                put_fixed64_field(&mut self.content, 12, name.0);
                VERSION_WITH_BASELINE
            }
            None => VERSION,
        };
        match self.squeezer.as_mut().and_then(|squeezer| squeezer.squeeze(&self.content)) {
            Some(squeezed) => envelope(version, squeezed, self.content.len()),
            None => envelope(version, &self.content, 0),
        }
    }
}

/// The outer message around the content.
fn envelope(version: u32, content: &[u8], plain_length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 24);
    put_varint_field(&mut out, 1, u64::from(version));
    put_fixed32_field(&mut out, 2, checksum(plain_length as u32, content));
    if plain_length > 0 {
        put_varint_field(&mut out, 3, plain_length as u64);
    }
    put_bytes_field(&mut out, 4, content);
    out
}

/// CRC-32C over the plain length and the content as it stands.
pub(super) fn checksum(plain_length: u32, content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&plain_length.to_le_bytes()), content)
}

fn base(batch: &Batch) -> i64 {
    batch.runs.first().map_or(0, |run| run.stamp.micros())
}

fn put_header(out: &mut Vec<u8>, gateway: &str, batch: &Batch) {
    put_bytes_field(out, 1, gateway.as_bytes());
    put_varint_field(out, 2, u64::from(batch.id.epoch.0));
    put_varint_field(out, 3, batch.id.number);
    put_varint_field(out, 4, u64::from(batch.lane as u8));
    put_fixed64_field(out, 5, batch.catalogue.0);
    put_fixed64_field(out, 6, batch.boot.0);
    put_varint_field(out, 7, u64::from(batch.clock as u8));
    put_varint_field(out, 8, zigzag(base(batch)));
}

fn put_section(
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
    sections: &Sections,
    section: usize,
    batch: &Batch,
) {
    let Some(first) = sections.runs_of(section).next() else { return };
    let model = sections.readings(batch, first);
    put_varint_field(out, 1, u64::from(batch.runs[first].device.0));
    let packed = &mut scratch.packed;
    put_packed(out, 2, packed, |packed| put_stamps(packed, sections, section, batch));
    put_packed(out, 3, packed, |packed| put_tags(packed, model));
    put_packed(out, 4, packed, |packed| put_kinds(packed, model));
    put_packed(out, 5, packed, |packed| put_qualities(packed, sections, section, batch));
    for (number, (first, later)) in (6..).zip(scratch.first.iter().zip(&scratch.later)) {
        put_packed(out, number, &mut scratch.packed, |packed| {
            put_part(packed, first);
            put_part(packed, later);
        });
    }
    if model.iter().any(|reading| matches!(reading.value, Value::Text(_))) {
        for run in sections.runs_of(section) {
            for reading in sections.readings(batch, run) {
                if let Value::Text(text) = &reading.value {
                    put_bytes_field(out, 10, text.as_bytes());
                }
            }
        }
    }
}

/// A field of what `fill` writes; no field when it writes nothing.
fn put_packed(
    out: &mut Vec<u8>,
    number: u32,
    packed: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    packed.clear();
    fill(packed);
    if !packed.is_empty() {
        put_bytes_field(out, number, packed);
    }
}

fn put_stamps(out: &mut Vec<u8>, sections: &Sections, section: usize, batch: &Batch) {
    let mut before = base(batch);
    for run in sections.runs_of(section) {
        let stamp = batch.runs[run].stamp.micros();
        put_varint(out, zigzag(stamp.wrapping_sub(before)));
        before = stamp;
    }
}

fn put_tags(out: &mut Vec<u8>, readings: &[Reading]) {
    let mut expected = 0_i64;
    for range in readings.chunk_by(|a, b| a.tag.0.checked_add(1) == Some(b.tag.0)) {
        let first = i64::from(range[0].tag.0);
        let skip = zigzag(first - expected) << 1;
        let length = range.len() as u64;
        if length == 1 {
            put_varint(out, skip);
        } else {
            put_varint(out, skip | 1);
            put_varint(out, length);
        }
        expected = first + range.len() as i64;
    }
}

fn put_kinds(out: &mut Vec<u8>, readings: &[Reading]) {
    for run in readings.chunk_by(|a, b| Kind::of(&a.value) == Kind::of(&b.value)) {
        put_varint(out, Kind::of(&run[0].value) as u64 | (run.len() as u64) << 3);
    }
}

fn put_qualities(out: &mut Vec<u8>, sections: &Sections, section: usize, batch: &Batch) {
    let readings = || sections.runs_of(section).flat_map(|run| sections.readings(batch, run));
    if readings().all(|reading| reading.quality == Quality::Good) {
        return;
    }
    let mut current = (Quality::Good, 0_u64);
    for reading in readings() {
        if reading.quality != current.0 {
            if current.1 > 0 {
                put_varint(out, u64::from(current.0.code()) | current.1 << 8);
            }
            current = (reading.quality, 0);
        }
        current.1 += 1;
    }
    put_varint(out, u64::from(current.0.code()) | current.1 << 8);
}

/// Sorts the numbers of a section by column: the first scan as it is or as
/// differences to the baseline, later scans as differences to the scan before.
fn collect_columns(
    scratch: &mut Scratch,
    sections: &Sections,
    section: usize,
    batch: &Batch,
    base: Option<&Baseline>,
) {
    scratch.first.iter_mut().chain(&mut scratch.later).for_each(Vec::clear);
    let mut before: Option<&[Reading]> = None;
    for run in sections.runs_of(section) {
        let readings = sections.readings(batch, run);
        match before {
            None => {
                for reading in readings {
                    let Some((column, number)) = number(&reading.value) else { continue };
                    let base = base.map_or(0, |base| base.number(reading.tag, column));
                    scratch.first[column].push(number.wrapping_sub(base));
                }
            }
            Some(before) => {
                for (now, before) in readings.iter().zip(before) {
                    if let (Some((column, now)), Some((_, before))) =
                        (number(&now.value), number(&before.value))
                    {
                        scratch.later[column].push(now.wrapping_sub(before));
                    }
                }
            }
        }
        before = Some(readings);
    }
}
