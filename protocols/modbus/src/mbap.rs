//! The frame of Modbus TCP: seven bytes of header (MBAP) before each PDU.
//!
//! A TCP stream has no frame boundaries: frames arrive split and glued. The
//! length in the header is the only guide, so a header that cannot be true
//! ends the connection; searching for the next one would be guessing.
//! Layout (Messaging on TCP/IP V1.0b, 3.1.3): transaction id (2 bytes),
//! protocol id (2, always 0), length of what follows (2), unit id (1), PDU.

use alloc::vec::Vec;
use core::fmt;

use crate::MAX_PDU;

/// Bytes before the PDU.
pub const HEADER: usize = 7;
/// Longest frame.
pub const MAX_FRAME: usize = HEADER + MAX_PDU;

/// The length field counts the unit id and the PDU: at least unit and
/// function, at most unit and 253 bytes.
const LENGTHS: core::ops::RangeInclusive<u16> = 2..=254;

/// One frame within a buffer of received bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Transaction id, repeated from the request.
    pub transaction: u16,
    /// Unit id, repeated from the request.
    pub unit: u8,
    /// Function and data, 1 to 253 bytes.
    pub pdu: &'a [u8],
}

impl Frame<'_> {
    /// Bytes the frame took in the buffer.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        HEADER + self.pdu.len()
    }
}

/// A header that cannot be true; the stream cannot be followed any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MbapError {
    /// The protocol id is not 0.
    Protocol(u16),
    /// The length is not 2 to 254.
    Length(u16),
}

impl fmt::Display for MbapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(id) => {
                write!(f, "protocol id {id} where Modbus has 0: is it a Modbus TCP port?")
            }
            Self::Length(length) => write!(f, "a frame of {length} bytes, possible are 2 to 254"),
        }
    }
}

impl core::error::Error for MbapError {}

/// The first frame of `bytes`, or `None` when it is not complete yet.
///
/// Bytes behind the frame must begin another one. A device that drops a byte
/// has the next frame's first byte end this one, and only what follows shows
/// it; so a frame with a piece of a header behind it waits for the rest.
///
/// # Errors
/// As soon as the bytes that are there cannot be frames one behind the other.
pub fn decode(bytes: &[u8]) -> Result<Option<Frame<'_>>, MbapError> {
    let Some(length) = length(bytes)? else {
        return Ok(None);
    };
    let [id_high, id_low, _, _, _, _, ref rest @ ..] = *bytes else {
        return Ok(None);
    };
    let Some(([unit, pdu @ ..], behind)) = rest.split_at_checked(length) else {
        return Ok(None);
    };
    if !behind.is_empty() && self::length(behind)?.is_none() {
        return Ok(None);
    }
    let transaction = u16::from_be_bytes([id_high, id_low]);
    Ok(Some(Frame { transaction, unit: *unit, pdu }))
}

/// The length field of a header that can be true; `None` when it has not come yet.
fn length(bytes: &[u8]) -> Result<Option<usize>, MbapError> {
    if let [_, _, high, low, ..] = *bytes {
        let protocol = u16::from_be_bytes([high, low]);
        if protocol != 0 {
            return Err(MbapError::Protocol(protocol));
        }
    }
    let [_, _, _, _, high, low, ..] = *bytes else {
        return Ok(None);
    };
    let length = u16::from_be_bytes([high, low]);
    if !LENGTHS.contains(&length) {
        return Err(MbapError::Length(length));
    }
    Ok(Some(length.into()))
}

/// Appends a frame to `out`. A PDU is 1 to 253 bytes long; what is longer
/// cannot be made by this crate.
pub fn encode(transaction: u16, unit: u8, pdu: &[u8], out: &mut Vec<u8>) {
    debug_assert!((1..=MAX_PDU).contains(&pdu.len()), "a PDU has 1 to 253 bytes");
    let length = pdu.len() as u16 + 1;
    out.extend_from_slice(&transaction.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(unit);
    out.extend_from_slice(pdu);
}

#[cfg(test)]
mod tests {
    use super::{Frame, MAX_FRAME, MbapError, decode, encode};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const ANSWER: [u8; 13] = [
        0x15, 0x01, // transaction id
        0x00, 0x00, // protocol id: Modbus
        0x00, 0x07, // length: unit and 6 bytes of PDU
        0xFF, // unit id
        0x03, // function: read holding registers
        0x04, // bytes that follow
        0x02, 0x2B, 0x00, 0x64, // two registers
    ];

    #[test]
    fn a_frame_is_header_unit_and_pdu() {
        let frame = decode(&ANSWER).unwrap().unwrap();
        assert_eq!(frame, Frame { transaction: 0x1501, unit: 0xFF, pdu: &ANSWER[7..] });
        assert_eq!(frame.encoded_len(), ANSWER.len());
        let mut out = Vec::new();
        encode(0x1501, 0xFF, &ANSWER[7..], &mut out);
        assert_eq!(out, ANSWER);
    }

    #[test]
    fn a_split_frame_waits_for_its_rest_and_glued_frames_come_one_by_one() {
        for cut in 0..ANSWER.len() {
            assert_eq!(decode(&ANSWER[..cut]), Ok(None), "after {cut} bytes");
        }
        let glued = [&ANSWER[..], &ANSWER[..], &ANSWER[..6]].concat();
        let first = decode(&glued).unwrap().unwrap();
        let second = decode(&glued[first.encoded_len()..]).unwrap().unwrap();
        assert_eq!(first, second);
        assert_eq!(decode(&glued[2 * ANSWER.len()..]), Ok(None));
    }

    #[test]
    fn a_frame_that_lost_a_byte_is_not_completed_by_the_next() {
        for lost in 1..ANSWER.len() - 6 {
            let short = &ANSWER[..ANSWER.len() - lost];
            let glued = [short, &ANSWER[..], &ANSWER[..]].concat();
            for end in short.len()..=glued.len() {
                // Where the bytes end exactly with the false frame nobody can tell.
                let exact = end == ANSWER.len();
                assert!(exact || !matches!(decode(&glued[..end]), Ok(Some(_))), "{lost} {end}");
            }
            assert!(decode(&glued).is_err(), "{lost} bytes lost");
        }
    }

    #[test]
    fn a_header_that_cannot_be_true_is_refused_at_once() {
        assert_eq!(decode(&[0, 1, 0, 1]), Err(MbapError::Protocol(1)));
        assert_eq!(decode(b"HTTP/1.1"), Err(MbapError::Protocol(0x5450)));
        assert_eq!(decode(&[0, 1, 0, 0, 0, 1]), Err(MbapError::Length(1)));
        assert_eq!(decode(&[0, 1, 0, 0, 0, 255]), Err(MbapError::Length(255)));
        assert_eq!(decode(&[0, 1, 0, 0, 0, 254]), Ok(None));
    }

    proptest! {
        #[test]
        fn any_frame_survives_any_split(
            transaction: u16, unit: u8,
            pdu in prop::collection::vec(any::<u8>(), 1..=253),
            cut in 0usize..260,
        ) {
            let mut bytes = Vec::new();
            encode(transaction, unit, &pdu, &mut bytes);
            prop_assert!(bytes.len() <= MAX_FRAME);
            if cut < bytes.len() {
                prop_assert_eq!(decode(&bytes[..cut]), Ok(None));
            }
            prop_assert_eq!(decode(&bytes), Ok(Some(Frame { transaction, unit, pdu: &pdu })));
        }

        #[test]
        fn garbage_never_panics_nor_claims_more_than_is_there(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(Some(frame)) = decode(&bytes) {
                prop_assert!(frame.encoded_len() <= bytes.len());
            }
        }
    }
}
