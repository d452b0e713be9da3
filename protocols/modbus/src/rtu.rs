//! The frame of a serial line in RTU mode: unit, PDU, CRC; nothing marks where it begins or ends.
//!
//! Serial Line V1.02, 2.5.1: a frame ends with silence. Adapters and serial
//! servers invent and swallow silence, so a frame is found by what is known
//! of it instead: the unit that was asked, the function, the exact length and
//! the CRC. A stray byte before it costs nothing then.

use alloc::vec::Vec;

use crate::crc::crc16;
use crate::question::{Awaited, Length};

pub use crate::MAX_FRAME;

const CRC: usize = 2;

/// Bytes of an exception's PDU.
const EXCEPTION: usize = 2;

/// What received bytes hold of an awaited answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look<'a> {
    /// The whole answer; `end` is the place behind it.
    Frame { pdu: &'a [u8], end: usize },
    /// Unit, function and length of it are here, and more must come.
    Begun,
    /// It is here and its checksum is wrong.
    Damaged,
    /// Nothing that looks like it.
    Nothing,
}

/// Appends a frame to `out`.
pub fn encode(unit: u8, pdu: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(unit);
    out.extend_from_slice(pdu);
    let crc = crc16(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The unit and PDU of `frame`, if exactly that is what it is.
#[must_use]
pub fn decode(frame: &[u8]) -> Option<(u8, &[u8])> {
    let (body, crc) = frame.split_last_chunk::<CRC>()?;
    let (unit, pdu) = body.split_first()?;
    let whole = !pdu.is_empty() && frame.len() <= MAX_FRAME;
    (whole && crc16(body).to_le_bytes() == *crc).then_some((*unit, pdu))
}

/// Looks for what is `awaited` of `unit` anywhere in `bytes`.
pub(crate) fn look<'a>(bytes: &'a [u8], unit: u8, awaited: &Awaited) -> Look<'a> {
    let mut found = Look::Nothing;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != unit {
            continue;
        }
        let rest = &bytes[at..];
        let Length::Exactly(pdu) = awaited.length(&rest[1..]) else {
            continue;
        };
        // The two bytes of an exception turn up by chance too often to say
        // more than its checksum does.
        let is_sure = pdu > EXCEPTION && found == Look::Nothing;
        match rest.get(..1 + pdu + CRC) {
            None if pdu > EXCEPTION => found = Look::Begun,
            None => {}
            Some(frame) => match decode(frame) {
                Some((_, pdu)) => return Look::Frame { pdu, end: at + frame.len() },
                None if is_sure => found = Look::Damaged,
                None => {}
            },
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Look, decode, encode};
    use crate::question::Question;
    use crate::{ReadRequest, Table};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const ANSWER: [u8; 9] = [
        0x11, // unit 17
        0x03, // function: read holding registers
        0x04, // bytes that follow
        0x02, 0x2B, 0x00, 0x64, // two registers
        0x8B, 0x4E, // CRC, low byte first
    ];

    fn look<'a>(bytes: &'a [u8], unit: u8, question: &Question) -> Look<'a> {
        super::look(bytes, unit, &(*question).into())
    }

    fn two() -> Question {
        Question::Read(ReadRequest::new(Table::HoldingRegisters, 0x6B, 2).unwrap())
    }

    #[test]
    fn a_frame_is_unit_pdu_and_crc() {
        let mut out = Vec::new();
        encode(0x11, &two().encode().0, &mut out);
        // Unit, function, address 107, count 2, CRC.
        assert_eq!(out[..6], [0x11, 0x03, 0x00, 0x6B, 0x00, 0x02]);
        let mut answer = Vec::new();
        encode(0x11, &ANSWER[1..7], &mut answer);
        assert_eq!(decode(&answer), Some((0x11, &ANSWER[1..7])));
        assert_eq!(decode(&answer[..8]), None);
    }

    #[test]
    fn a_stray_byte_before_an_answer_costs_nothing() {
        let mut answer = alloc::vec![0x00, 0xFF, 0x11];
        encode(0x11, &ANSWER[1..7], &mut answer);
        assert_eq!(look(&answer, 0x11, &two()), Look::Frame { pdu: &ANSWER[1..7], end: 12 });
        assert_eq!(look(&answer[..11], 0x11, &two()), Look::Begun);
        assert_eq!(look(&answer, 0x12, &two()), Look::Nothing, "of another unit");
        answer[7] ^= 1;
        assert_eq!(look(&answer, 0x11, &two()), Look::Damaged);
    }

    #[test]
    fn an_exception_is_an_answer() {
        let mut answer = Vec::new();
        encode(0x11, &[0x83, 2], &mut answer);
        assert_eq!(answer.len(), 5);
        assert_eq!(look(&answer, 0x11, &two()), Look::Frame { pdu: &[0x83, 2], end: 5 });
    }

    proptest! {
        #[test]
        fn an_answer_is_found_behind_any_noise_and_never_where_it_is_not(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            words in prop::collection::vec(any::<u16>(), 1..=125),
            unit in 1u8..=247, cut: prop::sample::Index,
        ) {
            let count = words.len() as u16;
            let question =
                Question::Read(ReadRequest::new(Table::InputRegisters, 0, count).unwrap());
            let mut pdu = alloc::vec![4, (count * 2) as u8];
            pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            let mut bytes = noise.clone();
            encode(unit, &pdu, &mut bytes);
            let end = bytes.len();
            prop_assert_eq!(look(&bytes, unit, &question), Look::Frame { pdu: &pdu, end });
            let cut = noise.len() + cut.index(end - noise.len());
            let partial = look(&bytes[..cut], unit, &question);
            let is_frame = matches!(partial, Look::Frame { .. });
            prop_assert!(!is_frame);
            prop_assert!(cut < noise.len() + 3 || partial == Look::Begun);
        }

        #[test]
        fn garbage_is_never_a_frame_of_another_shape(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Look::Frame { pdu, end } = look(&bytes, 7, &two()) {
                prop_assert!(pdu.len() == 6 || pdu.len() == 2);
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
