//! The frame of a serial line in ASCII mode: a colon, two hexadecimal digits for each byte, LRC, CR LF.
//!
//! Serial Line V1.02, 2.5.2. The colon makes the beginning certain; the LRC
//! is one byte and lets one damaged frame in 256 through, so what it lets
//! through must be doubted elsewhere.

use alloc::vec::Vec;

use crate::question::{Awaited, Length};
use crate::rtu::Look;

/// Longest frame: colon, 255 bytes as digits (unit, PDU, LRC), CR LF.
pub const MAX_FRAME: usize = 1 + 2 * (1 + crate::MAX_PDU + 1) + 2;

/// Room for the bytes behind the digits of the longest frame.
pub(crate) const MAX_BODY: usize = 1 + crate::MAX_PDU + 1;

/// The checksum: two's complement of the sum (Serial Line V1.02, 6.2.1).
fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

/// Appends a frame to `out`.
pub fn encode(unit: u8, pdu: &[u8], out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let sum = lrc(pdu).wrapping_sub(unit);
    out.push(b':');
    for byte in core::iter::once(&unit).chain(pdu).chain(core::iter::once(&sum)) {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The bytes behind the digits of `line`, which is what stands between colon
/// and CR LF: unit, PDU and LRC, checked. `None` when it is no frame.
fn body<'a>(line: &[u8], room: &'a mut [u8; MAX_BODY]) -> Option<&'a [u8]> {
    let bytes = room.get_mut(..line.len() / 2)?;
    if !line.len().is_multiple_of(2) || bytes.len() < 3 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(line.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    let bytes = &*bytes;
    (lrc(bytes) == 0).then_some(bytes)
}

/// Capital letters are the standard's; small ones are met in the field.
const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'A'..=b'F' => Some(character - b'A' + 10),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Looks for what is `awaited` of `unit` in `bytes`; the PDU is in `room`.
pub(crate) fn look<'a>(
    bytes: &[u8],
    unit: u8,
    awaited: &Awaited,
    room: &'a mut [u8; MAX_BODY],
) -> Look<'a> {
    let mut at = 0;
    let mut damaged = false;
    let found = loop {
        let Some(colon) = bytes[at..].iter().position(|byte| *byte == b':') else {
            break None;
        };
        let start = at + colon + 1;
        // A colon within a frame begins another one: the first was cut off.
        let end = bytes[start..].iter().position(|byte| matches!(byte, b'\r' | b':'));
        let Some(end) = end.map(|end| start + end) else {
            let ours = looks_like(&bytes[start..], unit, awaited);
            return if ours { Look::Begun } else { Look::Nothing };
        };
        at = end;
        if bytes[end] == b':' {
            continue;
        }
        match bytes.get(end + 1) {
            None => return Look::Begun,
            Some(b'\n') if is_answer(&bytes[start..end], unit, awaited) => {
                break Some((start, end));
            }
            _ => damaged |= looks_like(&bytes[start..end], unit, awaited),
        }
    };
    match found.and_then(|(start, end)| Some((body(&bytes[start..end], room)?, end))) {
        Some((body, end)) => Look::Frame { pdu: &body[1..body.len() - 1], end: end + 2 },
        None if damaged => Look::Damaged,
        None => Look::Nothing,
    }
}

fn is_answer(line: &[u8], unit: u8, awaited: &Awaited) -> bool {
    let mut room = [0; MAX_BODY];
    body(line, &mut room).is_some_and(|body| {
        body[0] == unit && awaited.length(&body[1..]) == Length::Exactly(body.len() - 2)
    })
}

/// Whether unit and function are those of the answer; the rest is damaged.
fn looks_like(line: &[u8], unit: u8, awaited: &Awaited) -> bool {
    let byte = |at: usize| {
        let pair = line.get(at..at + 2)?;
        Some(digit(pair[0])? << 4 | digit(pair[1])?)
    };
    byte(0) == Some(unit) && byte(2) == Some(awaited.function())
}

#[cfg(test)]
mod tests {
    use super::{MAX_BODY, MAX_FRAME, encode};
    use crate::question::Question;
    use crate::rtu::Look;
    use crate::{ReadRequest, Table};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn look<'a>(
        bytes: &[u8],
        unit: u8,
        question: &Question,
        room: &'a mut [u8; MAX_BODY],
    ) -> Look<'a> {
        super::look(bytes, unit, &(*question).into(), room)
    }

    fn read(count: u16) -> Question {
        Question::Read(ReadRequest::new(Table::HoldingRegisters, 0x6B, count).unwrap())
    }

    #[test]
    fn a_frame_is_a_colon_digits_lrc_and_crlf() {
        let mut out = Vec::new();
        encode(0x11, &read(3).encode().0, &mut out);
        // 11 + 03 + 00 + 6B + 00 + 03 = 82, two's complement 7E.
        assert_eq!(out, b":1103006B00037E\r\n");
    }

    #[test]
    fn an_answer_is_found_behind_noise_and_a_cut_frame() {
        let mut room = [0; MAX_BODY];
        let bytes = b"x9:1103:1103022B00BF\r\n";
        // 11 + 03 + 02 + 2B + 00 = 41, two's complement BF.
        let found = look(bytes, 0x11, &read(1), &mut room);
        assert_eq!(found, Look::Frame { pdu: &[3, 2, 0x2B, 0], end: bytes.len() });
        assert_eq!(look(&bytes[..21], 0x11, &read(1), &mut room), Look::Begun);
        assert_eq!(look(bytes, 0x12, &read(1), &mut room), Look::Nothing);
        assert_eq!(look(bytes, 0x11, &read(2), &mut room), Look::Damaged, "another shape");
        let damaged = b":1103022B01BF\r\n";
        assert_eq!(look(damaged, 0x11, &read(1), &mut room), Look::Damaged);
    }

    proptest! {
        #[test]
        fn any_answer_survives_any_split(
            words in prop::collection::vec(any::<u16>(), 1..=125), unit in 1u8..=247,
            cut: prop::sample::Index,
        ) {
            let mut pdu = alloc::vec![3, (words.len() * 2) as u8];
            pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            let mut bytes = Vec::new();
            encode(unit, &pdu, &mut bytes);
            prop_assert!(bytes.len() <= MAX_FRAME);
            let mut room = [0; MAX_BODY];
            let question = read(words.len() as u16);
            let cut = 1 + cut.index(bytes.len() - 1);
            let begun = if cut < 5 { Look::Nothing } else { Look::Begun };
            prop_assert_eq!(look(&bytes[..cut], unit, &question, &mut room), begun);
            let end = bytes.len();
            let whole = look(&bytes, unit, &question, &mut room);
            prop_assert_eq!(whole, Look::Frame { pdu: &pdu, end });
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(
            prop::sample::select(b":0123456789ABCDEFabcdef\r\n ".to_vec()), 0..600)) {
            let mut room = [0; MAX_BODY];
            let found = look(&bytes, 0x11, &read(1), &mut room);
            if let Look::Frame { pdu, .. } = found {
                prop_assert!(pdu.len() == 4 || pdu.len() == 2);
            }
        }
    }
}
