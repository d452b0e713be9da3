//! The decoder: believes nothing it is sent, allocates nothing that the bytes don't pay for.

use forehearth_model::{Batch, BatchId, BootId, CatalogueHash, ClockState, Epoch, Lane, Run};

use super::baseline::{Baseline, BaselineName, Baselines};
use super::encode::checksum;
use super::section::Section;
use super::{
    Decoded, MAX_CONTENT, MAX_READINGS, MAX_SKIPPED, MAX_WOVEN, Skipped, VERSION,
    VERSION_WITH_BASELINE,
};
use crate::wire::{Field, Reader, Truncated, unzigzag};

/// Why bytes are not a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer gateway wrote it: update the consumer.
    #[error("batch format version {0}; this reader knows up to {VERSION_WITH_BASELINE}: update it")]
    Version(u64),
    /// It is told against a baseline that was not heard.
    #[error("batch needs the baseline {0}; it is kept by the broker under `…/baseline/+`")]
    Baseline(BaselineName),
    /// The bytes changed on the way or on disk.
    #[error("checksum is {found:08x}, the message says {said:08x}: the bytes are damaged")]
    Checksum {
        /// What the message says.
        said: u32,
        /// What its content gives.
        found: u32,
    },
    /// The checksum is right but the content is not a batch.
    #[error("not a batch: {0}")]
    Malformed(&'static str),
    /// More than any gateway sends.
    #[error("batch is larger than {MAX_READINGS} readings or {MAX_CONTENT} bytes")]
    TooLarge,
}

impl From<Truncated> for DecodeError {
    fn from(_: Truncated) -> Self {
        Self::Malformed("it ends within a field")
    }
}

/// Reads a native message (`forehearth.v1.Batch`).
///
/// Safe on hostile bytes: memory is bounded by [`MAX_CONTENT`] and
/// [`MAX_READINGS`], and each loop by the bytes or by these.
///
/// # Errors
/// See [`DecodeError`]; trying again doesn't help.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    decode_with(bytes, &Baselines::default())
}

/// Reads a native message that may name one of these baselines.
///
/// # Errors
/// See [`DecodeError`]; after [`DecodeError::Baseline`] trying again helps once
/// that baseline has come.
pub fn decode_with(bytes: &[u8], baselines: &Baselines) -> Result<Decoded, DecodeError> {
    let (version, plain_length, content) = open(bytes)?;
    let baselines = (version == VERSION_WITH_BASELINE).then_some(baselines);
    if plain_length == 0 {
        return read_content(content, baselines);
    }
    if plain_length as usize > MAX_CONTENT {
        return Err(DecodeError::TooLarge);
    }
    let plain = zstd::bulk::decompress(content, plain_length as usize)
        .map_err(|_| DecodeError::Malformed("zstd can't read it"))?;
    if plain.len() != plain_length as usize {
        return Err(DecodeError::Malformed("it unpacks to another length than it says"));
    }
    read_content(&plain, baselines)
}

/// Checks version and checksum; gives version, plain length and content.
fn open(bytes: &[u8]) -> Result<(u32, u32, &[u8]), DecodeError> {
    let (mut version, mut said, mut plain_length, mut content) = (0, 0, 0, &[][..]);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Varint(value)) => version = value,
            (2, Field::Fixed32(value)) => said = value,
            (3, Field::Varint(value)) => plain_length = value,
            (4, Field::Bytes(value)) => content = value,
            _ => {}
        }
    }
    let known = [VERSION, VERSION_WITH_BASELINE];
    let Some(version) = known.into_iter().find(|known| u64::from(*known) == version) else {
        return Err(DecodeError::Version(version));
    };
    let plain_length = u32::try_from(plain_length).map_err(|_| DecodeError::TooLarge)?;
    let found = checksum(plain_length, content);
    if said != found {
        return Err(DecodeError::Checksum { said, found });
    }
    Ok((version, plain_length, content))
}

/// `baselines` where the version allows one to be named.
fn read_content(content: &[u8], baselines: Option<&Baselines>) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded {
        gateway: String::new(),
        batch: Batch {
            id: BatchId::default(),
            lane: Lane::Live,
            catalogue: CatalogueHash(0),
            boot: BootId(0),
            clock: ClockState::Unset,
            runs: Vec::new(),
            readings: Vec::new(),
        },
        skipped: Vec::new(),
    };
    let (mut base, mut order) = (0, None);
    let (mut lane, mut clock) = (0, 0);
    let mut baseline = None;
    let batch = &mut decoded.batch;
    let mut reader = Reader::new(content);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Bytes(text)) => decoded.gateway = read_text(text)?.to_owned(),
            (2, Field::Varint(epoch)) => batch.id.epoch = Epoch(read_u32(epoch)?),
            (3, Field::Varint(number)) => batch.id.number = number,
            (4, Field::Varint(code)) => lane = code,
            (5, Field::Fixed64(hash)) => batch.catalogue = CatalogueHash(hash),
            (6, Field::Fixed64(boot)) => batch.boot = BootId(boot),
            (7, Field::Varint(code)) => clock = code,
            (8, Field::Varint(micros)) => base = unzigzag(micros),
            (10, Field::Bytes(packed)) => order = Some(packed),
            (11, Field::Bytes(range)) => {
                if decoded.skipped.len() == MAX_SKIPPED {
                    return Err(DecodeError::TooLarge);
                }
                decoded.skipped.push(read_skipped(range)?);
            }
            (12, Field::Fixed64(name)) => {
                let name = BaselineName(name);
                let known = baselines.ok_or(DecodeError::Malformed("version 1 has no baseline"))?;
                baseline = Some(known.get(name).ok_or(DecodeError::Baseline(name))?);
            }
            _ => {}
        }
    }
    let code = |code: u64| u8::try_from(code).ok();
    batch.lane =
        code(lane).and_then(Lane::from_code).ok_or(DecodeError::Malformed("unknown lane"))?;
    batch.clock = code(clock)
        .and_then(ClockState::from_code)
        .ok_or(DecodeError::Malformed("unknown clock state"))?;
    match order {
        Some(order) => read_ordered(batch, base, content, order, baseline)?,
        None => read_one_by_one(batch, base, content, baseline)?,
    }
    if batch.runs.is_empty() {
        return Err(DecodeError::Malformed("it holds no reading"));
    }
    Ok(decoded)
}

/// The sections where they stand in the content, which was walked before.
fn sections(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(content);
    std::iter::from_fn(move || reader.field().ok().flatten()).filter_map(|field| match field {
        (9, Field::Bytes(section)) => Some(section),
        _ => None,
    })
}

/// Scans section after section: only one is open at a time.
fn read_one_by_one(
    batch: &mut Batch,
    base: i64,
    content: &[u8],
    baseline: Option<&Baseline>,
) -> Result<(), DecodeError> {
    let mut room = MAX_READINGS;
    for bytes in sections(content) {
        let mut section = Section::open(bytes, base, &mut room, baseline)?;
        while section.scans_left() > 0 {
            read_scan(batch, &mut section)?;
        }
        finish(&mut section)?;
    }
    Ok(())
}

/// Scans in the order the message gives: all sections are open at once.
fn read_ordered(
    batch: &mut Batch,
    base: i64,
    content: &[u8],
    order: &[u8],
    baseline: Option<&Baseline>,
) -> Result<(), DecodeError> {
    let mut room = MAX_READINGS;
    let mut opened = Vec::new();
    for bytes in sections(content) {
        if opened.len() == MAX_WOVEN {
            return Err(DecodeError::TooLarge);
        }
        opened.push(Section::open(bytes, base, &mut room, baseline)?);
    }
    let mut order = Reader::new(order);
    while !order.is_empty() {
        let section = usize::try_from(order.varint()?)
            .ok()
            .and_then(|index| opened.get_mut(index))
            .ok_or(DecodeError::Malformed("the order names a section that isn't there"))?;
        read_scan(batch, section)?;
    }
    opened.iter_mut().try_for_each(finish)
}

fn finish(section: &mut Section<'_>) -> Result<(), DecodeError> {
    if section.is_used_up() {
        Ok(())
    } else {
        Err(DecodeError::Malformed("a section holds more than its scans"))
    }
}

fn read_scan(batch: &mut Batch, section: &mut Section<'_>) -> Result<(), DecodeError> {
    let stamp = section.read_scan(&mut batch.readings)?;
    let len = section.width() as u32;
    batch.runs.push(Run { device: section.device(), stamp, len });
    Ok(())
}

fn read_skipped(bytes: &[u8]) -> Result<Skipped, DecodeError> {
    let mut range = Skipped { epoch: Epoch(0), first: 0, count: 0 };
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Varint(epoch)) => range.epoch = Epoch(read_u32(epoch)?),
            (2, Field::Varint(first)) => range.first = first,
            (3, Field::Varint(count)) => range.count = count,
            _ => {}
        }
    }
    Ok(range)
}

pub(super) fn read_text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed("a text is not UTF-8"))
}

pub(super) fn read_u32(value: u64) -> Result<u32, DecodeError> {
    u32::try_from(value).map_err(|_| DecodeError::Malformed("a number is beyond 32 bits"))
}
