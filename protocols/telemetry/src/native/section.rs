//! A section being read: its tags and kinds laid out, its columns opened, its scans given one by one.

use std::sync::Arc;

use forehearth_model::{DeviceId, Quality, Reading, Stamp, TagId, Value};

use super::baseline::Baseline;
use super::column::Column;
use super::decode::{DecodeError, read_text, read_u32};
use super::kind::{COLUMNS, Kind};
use crate::wire::{Field, Reader, unzigzag};

const MISSING: DecodeError = DecodeError::Malformed("a value is missing");

/// One section of a message.
pub(super) struct Section<'a> {
    device: DeviceId,
    stamps: Reader<'a>,
    stamp: i64,
    scans_left: usize,
    tags: Vec<(TagId, Kind)>,
    qualities: Qualities<'a>,
    columns: [Option<Column<'a>>; COLUMNS],
    texts: Texts<'a>,
}

/// The fields of a section as they stand.
#[derive(Default)]
struct Raw<'a> {
    device: u32,
    stamps: &'a [u8],
    tags: &'a [u8],
    kinds: &'a [u8],
    qualities: &'a [u8],
    columns: [&'a [u8]; COLUMNS],
}

impl<'a> Section<'a> {
    /// Reads the head of a section. `room` is how many readings the batch may
    /// still have; it is checked before anything is laid out.
    pub(super) fn open(
        bytes: &'a [u8],
        base: i64,
        room: &mut usize,
        baseline: Option<&Baseline>,
    ) -> Result<Self, DecodeError> {
        let raw = read_fields(bytes)?;
        let scans = raw.stamps.iter().filter(|byte| **byte < 0x80).count();
        let width = count_tags(raw.tags, *room)?;
        if scans == 0 || width == 0 {
            return Err(DecodeError::Malformed("a section holds no reading"));
        }
        *room = scans
            .checked_mul(width)
            .and_then(|readings| room.checked_sub(readings))
            .ok_or(DecodeError::TooLarge)?;
        let tags = lay_out(raw.tags, raw.kinds, width)?;
        let count = |column| tags.iter().filter(|(_, kind)| kind.column() == Some(column)).count();
        let known = |column| match baseline {
            Some(baseline) => tags
                .iter()
                .filter(|(_, kind)| kind.column() == Some(column))
                .map(|(tag, _)| baseline.number(*tag, column))
                .collect(),
            None => Vec::new(),
        };
        Ok(Self {
            device: DeviceId(raw.device),
            stamps: Reader::new(raw.stamps),
            stamp: base,
            scans_left: scans,
            qualities: Qualities::new(raw.qualities),
            columns: std::array::from_fn(|i| match count(i) {
                0 => None,
                width => Some(Column::new(raw.columns[i], width, scans, known(i))),
            }),
            tags,
            texts: Texts(Reader::new(bytes)),
        })
    }

    pub(super) const fn device(&self) -> DeviceId {
        self.device
    }

    /// Readings per scan.
    pub(super) const fn width(&self) -> usize {
        self.tags.len()
    }

    pub(super) const fn scans_left(&self) -> usize {
        self.scans_left
    }

    /// Whether all scans were given and nothing is left in the fields.
    pub(super) fn is_used_up(&mut self) -> bool {
        self.scans_left == 0
            && self.stamps.is_empty()
            && self.qualities.is_used_up()
            && self.columns.iter().flatten().all(Column::is_used_up)
            && self.texts.next_text() == Ok(None)
    }

    /// Appends the readings of the next scan and gives its stamp.
    pub(super) fn read_scan(&mut self, out: &mut Vec<Reading>) -> Result<Stamp, DecodeError> {
        self.scans_left = self
            .scans_left
            .checked_sub(1)
            .ok_or(DecodeError::Malformed("the order asks for more scans than there are"))?;
        self.stamp = self.stamp.wrapping_add(unzigzag(self.stamps.varint()?));
        for &(tag, kind) in &self.tags {
            let value = match kind.column() {
                Some(column) => {
                    let column = self.columns[column].as_mut().ok_or(MISSING)?;
                    kind.value(column.number()?)
                }
                None if kind == Kind::Text => {
                    let text = self.texts.next_text()?.ok_or(MISSING)?;
                    Value::Text(Arc::from(read_text(text)?))
                }
                None => Value::Null,
            };
            out.push(Reading { tag, quality: self.qualities.quality()?, value });
        }
        Ok(Stamp(self.stamp))
    }
}

fn read_fields(bytes: &[u8]) -> Result<Raw<'_>, DecodeError> {
    let mut raw = Raw::default();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Varint(device)) => raw.device = read_u32(device)?,
            (2, Field::Bytes(packed)) => raw.stamps = packed,
            (3, Field::Bytes(packed)) => raw.tags = packed,
            (4, Field::Bytes(packed)) => raw.kinds = packed,
            (5, Field::Bytes(packed)) => raw.qualities = packed,
            (number @ 6..=9, Field::Bytes(column)) => raw.columns[number as usize - 6] = column,
            _ => {}
        }
    }
    Ok(raw)
}

/// Ranges of tags as (first, length).
fn ranges(packed: &[u8]) -> impl Iterator<Item = Result<(u32, u64), DecodeError>> + '_ {
    let mut reader = Reader::new(packed);
    let mut expected = 0_i64;
    std::iter::from_fn(move || {
        (!reader.is_empty()).then(|| {
            let token = reader.varint()?;
            let first = expected.wrapping_add(unzigzag(token >> 1));
            let length = if token & 1 == 1 { reader.varint()? } else { 1 };
            let end = i64::try_from(length).ok().and_then(|length| first.checked_add(length));
            let first = u32::try_from(first).ok();
            match (first, end) {
                (Some(first), Some(end)) if length > 0 && end <= 1 << 32 => {
                    expected = end;
                    Ok((first, length))
                }
                _ => Err(DecodeError::Malformed("a range of tags is impossible")),
            }
        })
    })
}

/// How many tags the ranges name, at most `room`.
fn count_tags(packed: &[u8], room: usize) -> Result<usize, DecodeError> {
    let mut count = 0_u64;
    for range in ranges(packed) {
        count += range?.1;
        if count > room as u64 {
            return Err(DecodeError::TooLarge);
        }
    }
    Ok(count as usize)
}

/// The tags one by one, each with its kind. `width` was counted and bounded.
fn lay_out(tags: &[u8], kinds: &[u8], width: usize) -> Result<Vec<(TagId, Kind)>, DecodeError> {
    const UNEVEN: DecodeError = DecodeError::Malformed("kinds and tags differ in number");
    let mut laid_out = Vec::with_capacity(width);
    let mut kinds = Reader::new(kinds);
    let (mut kind, mut left) = (Kind::Null, 0);
    for range in ranges(tags) {
        let (first, length) = range?;
        for offset in 0..length as u32 {
            if left == 0 {
                let token = kinds.varint()?;
                kind = Kind::from_code(token & 7).ok_or(DecodeError::Malformed("unknown kind"))?;
                left = token >> 3;
            }
            left = left.checked_sub(1).ok_or(UNEVEN)?;
            laid_out.push((TagId(first + offset), kind));
        }
    }
    if left == 0 && kinds.is_empty() { Ok(laid_out) } else { Err(UNEVEN) }
}

/// The qualities of a section, reading by reading.
struct Qualities<'a> {
    tokens: Reader<'a>,
    current: Quality,
    /// Readings the current quality still holds for; `None`: for all.
    left: Option<u64>,
}

impl<'a> Qualities<'a> {
    const fn new(packed: &'a [u8]) -> Self {
        let left = if packed.is_empty() { None } else { Some(0) };
        Self { tokens: Reader::new(packed), current: Quality::Good, left }
    }

    fn quality(&mut self) -> Result<Quality, DecodeError> {
        let Some(left) = &mut self.left else { return Ok(Quality::Good) };
        if *left == 0 {
            let token = self.tokens.varint()?;
            self.current = u8::try_from(token & 0xff)
                .ok()
                .and_then(Quality::from_code)
                .ok_or(DecodeError::Malformed("unknown quality"))?;
            *left = token >> 8;
        }
        *left = left.checked_sub(1).ok_or(DecodeError::Malformed("an empty run of quality"))?;
        Ok(self.current)
    }

    fn is_used_up(&self) -> bool {
        self.tokens.is_empty() && self.left.is_none_or(|left| left == 0)
    }
}

/// The texts of a section, found where they stand.
struct Texts<'a>(Reader<'a>);

impl<'a> Texts<'a> {
    fn next_text(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        while let Some(field) = self.0.field()? {
            if let (10, Field::Bytes(text)) = field {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}
