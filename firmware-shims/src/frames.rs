//! Frames: which of the bytes on a line are a request to this node.
//!
//! A frame ends with 3.5 characters of silence (Serial Line V1.02, 2.5.1.1).
//! What came before the silence need not be only the frame: a driver that
//! switches on, a surge or the tail of another node's answer can stand before
//! it. So the request is what ends at the silence, has our unit, the exact
//! length of its function and a right checksum; bytes before it are counted.
//! The 1.5 characters within a frame are not held to: adapters break them.

use forehearth_modbus::{MAX_FRAME, Micros, Request, Timing, crc16};

const CRC: usize = 2;
/// Unit, function and checksum: there is no shorter frame.
const SHORTEST: usize = 4;
/// Requests to all units, which nobody answers (2.2).
const BROADCAST: u8 = 0;

/// What a silence ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// A request to this node, and the bytes of noise before it.
    Request {
        /// Function and what it is about.
        pdu: &'a [u8],
        /// Bytes before it.
        noise: usize,
    },
    /// A request to everybody: it is carried out and not answered.
    Broadcast {
        /// Function and what it is about.
        pdu: &'a [u8],
    },
    /// A frame between others.
    OfOthers,
    /// No frame.
    Unreadable,
}

/// The bytes since the last silence. A core: bytes and the time go in.
#[derive(Clone, Debug)]
pub struct Frames {
    unit: u8,
    silence: Micros,
    bytes: [u8; MAX_FRAME],
    length: usize,
    last: Micros,
}

impl Frames {
    /// Frames to `unit`, 1 to 247, at a speed.
    #[must_use]
    pub const fn new(unit: u8, baud: u32) -> Self {
        let silence = Timing::serial(baud).silence;
        Self { unit, silence, bytes: [0; MAX_FRAME], length: 0, last: 0 }
    }

    /// Which unit this is.
    #[must_use]
    pub const fn unit(&self) -> u8 {
        self.unit
    }

    /// These bytes came.
    pub fn receive(&mut self, bytes: &[u8], now: Micros) {
        self.last = now;
        for byte in bytes {
            if self.length == MAX_FRAME {
                // What is longer than a frame has noise at its beginning.
                self.bytes.copy_within(1.., 0);
                self.length -= 1;
            }
            self.bytes[self.length] = *byte;
            self.length += 1;
        }
    }

    /// When the silence is long enough, if no more bytes come.
    #[must_use]
    pub const fn due(&self) -> Option<Micros> {
        if self.length == 0 { None } else { Some(self.last + self.silence) }
    }

    /// What the silence ended; `None` while it is too short.
    pub fn take(&mut self, now: Micros) -> Option<Found<'_>> {
        if now < self.due()? {
            return None;
        }
        let length = core::mem::take(&mut self.length);
        Some(self.find(&self.bytes[..length]))
    }

    fn find<'a>(&self, bytes: &'a [u8]) -> Found<'a> {
        if let Some((unit, pdu)) = whole(bytes) {
            return match unit {
                unit if unit == self.unit => Found::Request { pdu, noise: 0 },
                BROADCAST => Found::Broadcast { pdu },
                _ => Found::OfOthers,
            };
        }
        for noise in 1..bytes.len().saturating_sub(SHORTEST - 1) {
            let rest = &bytes[noise..];
            let is_exact = rest[0] == self.unit
                && Request::length(&rest[1..]).is_some_and(|pdu| 1 + pdu + CRC == rest.len());
            if is_exact && let Some((_, pdu)) = whole(rest) {
                return Found::Request { pdu, noise };
            }
        }
        Found::Unreadable
    }
}

/// Unit and PDU, if the checksum is right.
fn whole(frame: &[u8]) -> Option<(u8, &[u8])> {
    let (body, crc) = frame.split_last_chunk::<CRC>()?;
    let (unit, pdu) = body.split_first()?;
    (!pdu.is_empty() && crc16(body).to_le_bytes() == *crc).then_some((*unit, pdu))
}

#[cfg(test)]
mod tests {
    use super::{Found, Frames};
    use forehearth_modbus::crc16;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const SILENCE: u64 = 1_750;

    fn frame(unit: u8, pdu: &[u8]) -> Vec<u8> {
        let mut frame = vec![unit];
        frame.extend_from_slice(pdu);
        frame.extend_from_slice(&crc16(&frame).to_le_bytes());
        frame
    }

    #[test]
    fn a_frame_ends_with_the_silence_and_not_before() {
        let mut frames = Frames::new(7, 115_200);
        let request = frame(7, &[3, 0, 0, 0, 2]);
        frames.receive(&request[..3], 0);
        frames.receive(&request[3..], 1_000);
        assert_eq!(frames.due(), Some(1_000 + SILENCE));
        assert_eq!(frames.take(1_000 + SILENCE - 1), None);
        let found = Some(Found::Request { pdu: &request[1..6], noise: 0 });
        assert_eq!(frames.take(1_000 + SILENCE), found);
        assert_eq!(frames.due(), None);
        assert_eq!(frames.take(1_000_000), None);
    }

    #[test]
    fn noise_and_the_answer_of_a_neighbour_may_stand_before_a_request() {
        let request = frame(7, &[3, 0, 0, 0, 2]);
        let answer = frame(9, &[3, 4, 0, 1, 0, 2]);
        for before in [vec![0xFF], vec![0x07], vec![7, 3, 0], answer, vec![0x55; 400]] {
            let mut frames = Frames::new(7, 19_200);
            frames.receive(&before, 0);
            frames.receive(&request, 0);
            let Some(Found::Request { pdu, noise }) = frames.take(5_000) else {
                panic!("not found behind {before:02x?}");
            };
            assert_eq!(pdu, [3, 0, 0, 0, 2]);
            assert_eq!(noise, before.len().min(256 - request.len()));
        }
    }

    #[test]
    fn what_is_for_others_or_damaged_is_not_answered() {
        let mut frames = Frames::new(7, 9_600);
        let mut take = |bytes: &[u8], now: u64| {
            frames.receive(bytes, now);
            match frames.take(now + 5_000) {
                Some(Found::OfOthers) => "others",
                Some(Found::Broadcast { .. }) => "all",
                Some(Found::Unreadable) => "no frame",
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(take(&frame(9, &[3, 0, 0, 0, 2]), 0), "others");
        assert_eq!(take(&frame(0, &[6, 0x20, 0, 0, 2]), 10_000), "all");
        let mut damaged = frame(7, &[3, 0, 0, 0, 2]);
        damaged[3] ^= 4;
        assert_eq!(take(&damaged, 20_000), "no frame");
        assert_eq!(take(&[7], 30_000), "no frame");
    }

    proptest! {
        #[test]
        fn no_noise_before_a_request_hides_it(
            before in prop::collection::vec(any::<u8>(), 0..300), cuts in 1usize..40,
        ) {
            let request = frame(7, &[4, 0, 8, 0, 1]);
            let mut all = before;
            all.extend_from_slice(&request);
            let mut frames = Frames::new(7, 115_200);
            for (at, piece) in (0u64..).zip(all.chunks(cuts)) {
                frames.receive(piece, at * 500);
            }
            match frames.take(u64::MAX) {
                Some(Found::Request { pdu, .. }) => prop_assert_eq!(pdu, &request[1..6]),
                // A checksum that is right by chance over all of it.
                other => prop_assert_eq!(other, Some(Found::OfOthers)),
            }
        }
    }
}
