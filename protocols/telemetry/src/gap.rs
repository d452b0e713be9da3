//! A gap record as bytes: the loss that a destination is told of.

use forehearth_model::{BatchId, Epoch, GapCause, GapRecord, Lane, Stamp};
use prost::Message;

use crate::proto::v1;

/// The version written, and the highest that is read.
const VERSION: u32 = 1;

/// MQTT 5 content type of a gap record.
pub const CONTENT_TYPE: &str = "application/vnd.forehearth.gap.v1";

/// Why bytes are not a gap record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GapError {
    /// Not protobuf, or not this message.
    #[error("not a gap record: {0}")]
    Malformed(String),
    /// A newer gateway wrote it.
    #[error("gap record version {0}; this reader knows up to {VERSION}: update it")]
    Version(u32),
    /// A number that means nothing here.
    #[error("gap record has {field} {value}, which this reader doesn't know")]
    Unknown {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: i32,
    },
}

/// The bytes of a gap record (`forehearth.v1.Gap`).
#[must_use]
pub fn encode(gateway: &str, gap: &GapRecord) -> Vec<u8> {
    let other_epoch = (gap.last.epoch != gap.first.epoch).then_some(gap.last.epoch.0);
    v1::Gap {
        version: VERSION,
        gateway: gateway.to_owned(),
        id: gap.id,
        destination: gap.destination.clone(),
        cause: gap.cause as i32,
        epoch: gap.first.epoch.0,
        first: gap.first.number,
        last: (gap.last.number != u64::MAX).then_some(gap.last.number),
        lane: gap.lane.map_or(0, |lane| lane as i32),
        readings: gap.readings,
        from: gap.from.micros(),
        to: gap.to.micros(),
        declared: gap.declared.micros(),
        last_epoch: other_epoch,
    }
    .encode_to_vec()
}

/// Reads a gap record and the id of its gateway.
///
/// # Errors
/// When the bytes are none, or one from a newer gateway.
pub fn decode(bytes: &[u8]) -> Result<(String, GapRecord), GapError> {
    let gap = v1::Gap::decode(bytes).map_err(|error| GapError::Malformed(error.to_string()))?;
    if gap.version != VERSION {
        return Err(GapError::Version(gap.version));
    }
    let code = |value: i32| u8::try_from(value).ok();
    let unknown = |field, value| GapError::Unknown { field, value };
    let lane = match gap.lane {
        0 => None,
        lane => {
            Some(code(lane).and_then(Lane::from_code).ok_or_else(|| unknown("lane", gap.lane))?)
        }
    };
    let record = GapRecord {
        id: gap.id,
        destination: gap.destination,
        cause: code(gap.cause)
            .and_then(GapCause::from_code)
            .ok_or_else(|| unknown("cause", gap.cause))?,
        first: BatchId::new(Epoch(gap.epoch), gap.first),
        last: BatchId::new(
            Epoch(gap.last_epoch.unwrap_or(gap.epoch)),
            gap.last.unwrap_or(u64::MAX),
        ),
        lane,
        readings: gap.readings,
        from: Stamp(gap.from),
        to: Stamp(gap.to),
        declared: Stamp(gap.declared),
    };
    Ok((gap.gateway, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> GapRecord {
        GapRecord {
            id: 7,
            destination: "plant".to_owned(),
            cause: GapCause::Shed,
            first: BatchId::new(Epoch(2), 10),
            last: BatchId::new(Epoch(2), 19),
            lane: Some(Lane::Live),
            readings: 1234,
            from: Stamp(-5),
            to: Stamp(1_764_000_000_000_000),
            declared: Stamp(1_764_000_000_500_000),
        }
    }

    #[test]
    fn a_gap_record_comes_back_as_it_was() {
        for (cause, lane, last) in [
            (GapCause::Shed, Some(Lane::Live), BatchId::new(Epoch(2), 19)),
            (GapCause::Crash, None, BatchId::new(Epoch(2), u64::MAX)),
            (GapCause::NoStorage, Some(Lane::Alarm), BatchId::new(Epoch(3), 1)),
        ] {
            let gap = GapRecord { cause, lane, last, ..record() };
            assert_eq!(decode(&encode("gw-7", &gap)), Ok(("gw-7".to_owned(), gap)));
        }
    }

    #[test]
    fn a_cause_of_the_future_is_named() {
        let mut wire = v1::Gap::decode(&encode("gw-7", &record())[..]).unwrap();
        wire.cause = 99;
        let expected = GapError::Unknown { field: "cause", value: 99 };
        assert_eq!(decode(&wire.encode_to_vec()), Err(expected));
    }
}
