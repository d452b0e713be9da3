//! Frames: how a request is found in what came in, and how an answer is wrapped, on TCP, RTU and ASCII.

use std::str::FromStr;

/// How frames look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Modbus TCP.
    Tcp,
    /// Binary with a CRC.
    Rtu,
    /// Hexadecimal text with an LRC.
    Ascii,
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "rtu" => Ok(Self::Rtu),
            "ascii" => Ok(Self::Ascii),
            _ => Err(format!("`{text}` is no framing; write tcp, rtu or ascii")),
        }
    }
}

/// A request as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Only TCP has one.
    pub transaction: u16,
    /// Who is asked.
    pub unit: u8,
    /// Function and what follows.
    pub pdu: Vec<u8>,
    /// All of its bytes.
    pub raw: Vec<u8>,
}

/// Bytes before the unit id of a TCP frame.
const HEAD: usize = 6;

/// Takes the first whole request out of `inbox`. On a line, what is no
/// request is thrown away, as a device does.
pub fn take(framing: Framing, inbox: &mut Vec<u8>) -> Option<Request> {
    match framing {
        Framing::Tcp => take_tcp(inbox),
        Framing::Rtu => take_rtu(inbox),
        Framing::Ascii => take_ascii(inbox),
    }
}

fn take_tcp(inbox: &mut Vec<u8>) -> Option<Request> {
    let head = inbox.get(..HEAD)?;
    let transaction = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    if length < 2 {
        inbox.clear();
        return None;
    }
    inbox.get(..HEAD + length)?;
    let raw: Vec<u8> = inbox.drain(..HEAD + length).collect();
    Some(Request { transaction, unit: raw[HEAD], pdu: raw[HEAD + 1..].to_vec(), raw })
}

fn take_rtu(inbox: &mut Vec<u8>) -> Option<Request> {
    let length = match inbox.get(1)? {
        1..=6 => 8,
        15 | 16 => 9 + usize::from(*inbox.get(6)?),
        17 => 4,
        22 => 10,
        23 => 13 + usize::from(*inbox.get(10)?),
        43 => 7,
        _ => {
            inbox.clear();
            return None;
        }
    };
    inbox.get(..length)?;
    let raw: Vec<u8> = inbox.drain(..length).collect();
    let (body, check) = raw.split_at(length - 2);
    if crc(body).to_le_bytes() != check {
        inbox.clear();
        return None;
    }
    Some(Request { transaction: 0, unit: body[0], pdu: body[1..].to_vec(), raw })
}

fn take_ascii(inbox: &mut Vec<u8>) -> Option<Request> {
    let end = inbox.iter().position(|byte| *byte == b'\n')? + 1;
    let raw: Vec<u8> = inbox.drain(..end).collect();
    let begin = raw.iter().rposition(|byte| *byte == b':')? + 1;
    let text = raw.get(begin..end.checked_sub(2)?)?;
    let digit = |byte: &u8| (*byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::new();
    for pair in text.chunks(2) {
        let [high, low] = pair else { return None };
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    let (check, body) = bytes.split_last()?;
    if body.len() < 2 || lrc(body) != *check {
        return None;
    }
    Some(Request { transaction: 0, unit: body[0], pdu: body[1..].to_vec(), raw })
}

/// Wraps `pdu`.
#[must_use]
pub fn wrap(framing: Framing, transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let body = [&[unit], pdu].concat();
    match framing {
        Framing::Tcp => {
            let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
            [&transaction.to_be_bytes()[..], &[0, 0], &length, &body].concat()
        }
        Framing::Rtu => [&body[..], &crc(&body).to_le_bytes()].concat(),
        Framing::Ascii => {
            let mut text = String::from(":");
            for byte in body.iter().chain([&lrc(&body)]) {
                text.push_str(&format!("{byte:02X}"));
            }
            text.push_str("\r\n");
            text.into_bytes()
        }
    }
}

/// CRC-16 (Serial Line V1.02, 6.2.2), bit by bit.
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 };
        }
    }
    crc
}

/// LRC (Serial Line V1.02, 6.2.1): with it the sum of all bytes is 0.
fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::{Framing, take, wrap};

    #[test]
    fn a_wrapped_request_is_taken_out_as_it_was_and_damage_is_not() {
        let pdu = [3, 0, 107, 0, 2];
        for framing in [Framing::Tcp, Framing::Rtu, Framing::Ascii] {
            let transaction = if framing == Framing::Tcp { 0x1234 } else { 0 };
            let whole = wrap(framing, transaction, 17, &pdu);
            for cut in 0..whole.len() {
                assert_eq!(take(framing, &mut whole[..cut].to_vec()), None);
            }
            let mut inbox = [&whole[..], &whole].concat();
            let request = take(framing, &mut inbox).unwrap();
            assert_eq!((request.transaction, request.unit), (transaction, 17));
            assert_eq!((&request.pdu[..], &request.raw, &inbox), (&pdu[..], &whole, &whole));
            if framing != Framing::Tcp {
                inbox[5] ^= 1;
                assert_eq!(take(framing, &mut inbox), None);
            }
        }
        // Serial Line V1.02, 6.2.2: the CRC of 02 07 is 12 41 on the wire.
        assert_eq!(wrap(Framing::Rtu, 0, 2, &[7]), [2, 7, 0x41, 0x12]);
        assert_eq!(wrap(Framing::Ascii, 0, 1, &[3]), b":0103FC\r\n");
    }
}
