//! A frame: the length of a message as a varint, then the message.

use prost::Message;
use prost::bytes::{Buf, BytesMut};

use crate::Breach;

/// Longest frame in bytes. Chosen: a configuration of 40,000 tags with
/// addresses of 60 characters fits; a lying length can't fill the memory of a
/// small box.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

/// Longest varint of a length up to [`MAX_FRAME`]: 7 bits per byte.
const MAX_PREFIX: usize = 4;

/// The bytes of one frame.
///
/// # Errors
/// When the message is longer than a frame may be.
pub fn frame(message: &impl Message) -> Result<Vec<u8>, Breach> {
    let length = message.encoded_len();
    if length > MAX_FRAME {
        return Err(Breach::TooLong { length: length as u64, most: MAX_FRAME });
    }
    Ok(message.encode_length_delimited_to_vec())
}

/// Takes bytes as they come and gives messages when they are whole. Holds at
/// most one frame and what was read beyond it.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: BytesMut,
}

impl Frames {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where a reader may put what it reads.
    pub const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Whether a frame has begun that is not whole.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next whole message, if there is one. After an error the stream has
    /// no beginning of a frame any more: end the conversation.
    ///
    /// # Errors
    /// When the length is out of bounds or the bytes are no such message.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: it can fail and resume")]
    pub fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Breach> {
        let Some((prefix, length)) = self.length()? else { return Ok(None) };
        if self.bytes.len() < prefix + length {
            self.bytes.reserve(prefix + length - self.bytes.len());
            return Ok(None);
        }
        self.bytes.advance(prefix);
        let message = self.bytes.split_to(length);
        let decoded = M::decode(message.freeze());
        decoded.map(Some).map_err(|error| Breach::Garbage { reason: error.to_string() })
    }

    /// Bytes of the prefix and the length it announces; `None`: not all is here.
    fn length(&self) -> Result<Option<(usize, usize)>, Breach> {
        let mut length = 0_usize;
        for (place, byte) in self.bytes.iter().take(MAX_PREFIX).enumerate() {
            length |= usize::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                if length > MAX_FRAME {
                    return Err(Breach::TooLong { length: length as u64, most: MAX_FRAME });
                }
                return Ok(Some((place + 1, length)));
            }
        }
        if self.bytes.len() < MAX_PREFIX {
            return Ok(None);
        }
        let reason = "a length of more than 4 bytes".to_owned();
        Err(Breach::Garbage { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, MAX_FRAME, frame};
    use crate::Breach;
    use crate::v1::{Ack, Hello, ToPlugin, to_plugin};

    fn ack(sequence: u64) -> ToPlugin {
        ToPlugin { kind: Some(to_plugin::Kind::Ack(Ack { sequence, credit: 7 })) }
    }

    #[test]
    fn an_acknowledgement_is_these_bytes() {
        let expected = [
            0x07, // length of the frame
            0x22, 0x05, // field 4 (ack): 5 bytes, which are
            0x08, 0xAC, 0x02, // field 1 (sequence): 300
            0x10, 0x07, // field 2 (credit): 7
        ];
        assert_eq!(frame(&ack(300)).unwrap(), expected);
    }

    #[test]
    fn messages_come_out_whole_however_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..3).flat_map(|n| frame(&ack(n * 1000)).unwrap()).collect();
        for step in 1..bytes.len() {
            let mut frames = Frames::default();
            let mut out = Vec::new();
            for piece in bytes.chunks(step) {
                frames.push(piece);
                while let Some(message) = frames.next::<ToPlugin>().unwrap() {
                    out.push(message);
                }
            }
            assert_eq!(out, [ack(0), ack(1000), ack(2000)], "cut every {step} bytes");
            assert!(!frames.is_cut());
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_memory_is_taken() {
        let mut frames = Frames::default();
        frames.push(&[0xFF, 0xFF, 0xFF, 0x7F]);
        let most = MAX_FRAME;
        let refused = frames.next::<ToPlugin>().unwrap_err();
        assert_eq!(refused, Breach::TooLong { length: 0x0FFF_FFFF, most });
        let mut frames = Frames::default();
        frames.push(&[0xFF; 12]);
        assert!(matches!(frames.next::<ToPlugin>(), Err(Breach::Garbage { .. })));
    }

    #[test]
    fn a_message_that_does_not_fit_is_never_sent() {
        let hello = Hello { name: "x".repeat(MAX_FRAME), ..Hello::default() };
        assert!(matches!(frame(&hello), Err(Breach::TooLong { .. })));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut frames = Frames::default();
            frames.push(&bytes);
            while let Ok(Some(_)) = frames.next::<crate::v1::ToHost>() {}
        }
    }
}
