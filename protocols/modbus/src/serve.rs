//! A request as a device reads it: the other side of the table, for devices of our own.
//!
//! Functions 3, 4, 6, 16, 23 and 43/14 (Application Protocol V1.1b3, 6.3,
//! 6.4, 6.6, 6.12, 6.17, 6.21). What has the wrong length or count becomes
//! the exception that the standard's state diagrams give for it. No heap.

use crate::{Exception, MAX_READ_WORDS, MAX_WRITE_WORDS, MAX_WRITE_WORDS_WITH_READ};

const READ_HOLDING: u8 = 3;
const READ_INPUT: u8 = 4;
const WRITE_ONE: u8 = 6;
const WRITE_MANY: u8 = 16;
const WRITE_AND_READ: u8 = 23;
const ENCAPSULATED: u8 = 43;
/// MEI type of the device identification (6.21).
const DEVICE_IDENTIFICATION: u8 = 14;

/// Words as they lie in a request: big-endian pairs of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// Whether there are none; a parsed request always has one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }
}

/// Which objects of the identification are wanted (6.21, "Read Device ID code").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// A stream of objects, from one on; basic, regular or extended.
    Stream,
    /// One object alone.
    One,
}

/// A request that is well-formed; whether its addresses exist the device knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// Functions 3 and 4: 1 to 125 registers, all below 65,536.
    Read {
        /// 3 or 4.
        function: u8,
        /// First address.
        start: u16,
        /// How many.
        count: u16,
    },
    /// Functions 6 and 16: 1 to 123 registers.
    Write {
        /// 6 or 16.
        function: u8,
        /// First address.
        start: u16,
        /// What they are to hold.
        words: Words<'a>,
    },
    /// Function 23: writes first, then reads (6.17).
    WriteThenRead {
        /// First address to write.
        write: u16,
        /// 1 to 121 words.
        words: Words<'a>,
        /// First address to read.
        start: u16,
        /// How many are read, 1 to 125.
        count: u16,
    },
    /// Function 43/14: who the device is.
    Identify {
        /// The code as it came, 1 to 4: the answer repeats it.
        code: u8,
        /// What the code means.
        detail: Detail,
        /// First or only object.
        object: u8,
    },
}

/// A request that a device answers with an exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// As asked.
    pub function: u8,
    /// Why.
    pub exception: Exception,
}

impl Refused {
    /// The answer's PDU: the function with its highest bit set, and the code (7).
    #[must_use]
    pub const fn encode(&self) -> [u8; 2] {
        [self.function | 0x80, self.exception.code()]
    }
}

impl<'a> Request<'a> {
    /// What `pdu` asks for.
    ///
    /// # Errors
    /// The exception to answer with; `None` where there is nothing to answer:
    /// no byte, or a function code that only answers carry.
    pub fn parse(pdu: &'a [u8]) -> Result<Self, Option<Refused>> {
        let (&function, body) = pdu.split_first().ok_or(None)?;
        if function == 0 || function >= 0x80 {
            return Err(None);
        }
        let parsed = match function {
            READ_HOLDING | READ_INPUT => read(function, body),
            WRITE_ONE => write_one(body),
            WRITE_MANY => write_many(body),
            WRITE_AND_READ => write_then_read(body),
            ENCAPSULATED => identify(body),
            _ => Err(Exception::IllegalFunction),
        };
        parsed.map_err(|exception| Some(Refused { function, exception }))
    }

    /// The function code.
    #[must_use]
    pub const fn function(&self) -> u8 {
        match self {
            Self::Read { function, .. } | Self::Write { function, .. } => *function,
            Self::WriteThenRead { .. } => WRITE_AND_READ,
            Self::Identify { .. } => ENCAPSULATED,
        }
    }

    /// Bytes of the request that begins with `pdu`, as far as its first bytes
    /// tell; `None` while they don't, or for functions that are not served.
    #[must_use]
    pub fn length(pdu: &[u8]) -> Option<usize> {
        match *pdu.first()? {
            READ_HOLDING | READ_INPUT | WRITE_ONE => Some(5),
            WRITE_MANY => Some(6 + usize::from(*pdu.get(5)?)),
            WRITE_AND_READ => Some(10 + usize::from(*pdu.get(9)?)),
            ENCAPSULATED => Some(4),
            _ => None,
        }
    }
}

/// The word at a place of `body`; a request too short for it has a wrong value.
fn word(body: &[u8], at: usize) -> Result<u16, Exception> {
    let pair = body.get(at..at + 2).ok_or(Exception::IllegalDataValue)?;
    Ok(u16::from_be_bytes([pair[0], pair[1]]))
}

/// First the count, then the addresses: the order of the state diagrams.
fn stretch(start: u16, count: usize, most: usize) -> Result<(), Exception> {
    if count == 0 || count > most {
        return Err(Exception::IllegalDataValue);
    }
    if usize::from(start) + count > 65_536 {
        return Err(Exception::IllegalDataAddress);
    }
    Ok(())
}

fn exactly(body: &[u8], length: usize) -> Result<(), Exception> {
    if body.len() == length { Ok(()) } else { Err(Exception::IllegalDataValue) }
}

fn read(function: u8, body: &[u8]) -> Result<Request<'_>, Exception> {
    exactly(body, 4)?;
    let (start, count) = (word(body, 0)?, word(body, 2)?);
    stretch(start, count.into(), MAX_READ_WORDS.into())?;
    Ok(Request::Read { function, start, count })
}

fn write_one(body: &[u8]) -> Result<Request<'_>, Exception> {
    exactly(body, 4)?;
    Ok(Request::Write { function: WRITE_ONE, start: word(body, 0)?, words: Words(&body[2..]) })
}

/// The words behind a count and a byte count that must agree with both.
fn words(body: &[u8], count: u16) -> Result<Words<'_>, Exception> {
    let (&bytes, words) = body.split_first().ok_or(Exception::IllegalDataValue)?;
    let is_whole = words.len() == usize::from(bytes) && words.len() == usize::from(count) * 2;
    if is_whole { Ok(Words(words)) } else { Err(Exception::IllegalDataValue) }
}

fn write_many(body: &[u8]) -> Result<Request<'_>, Exception> {
    let (start, count) = (word(body, 0)?, word(body, 2)?);
    let words = words(&body[4..], count)?;
    stretch(start, words.len(), MAX_WRITE_WORDS)?;
    Ok(Request::Write { function: WRITE_MANY, start, words })
}

fn write_then_read(body: &[u8]) -> Result<Request<'_>, Exception> {
    let (start, count) = (word(body, 0)?, word(body, 2)?);
    let (write, written) = (word(body, 4)?, word(body, 6)?);
    let words = words(&body[8..], written)?;
    stretch(write, words.len(), MAX_WRITE_WORDS_WITH_READ)?;
    stretch(start, count.into(), MAX_READ_WORDS.into())?;
    Ok(Request::WriteThenRead { write, words, start, count })
}

fn identify(body: &[u8]) -> Result<Request<'_>, Exception> {
    let &[mei, ref rest @ ..] = body else {
        return Err(Exception::IllegalDataValue);
    };
    if mei != DEVICE_IDENTIFICATION {
        return Err(Exception::IllegalFunction);
    }
    match *rest {
        [code @ 1..=3, object] => Ok(Request::Identify { code, detail: Detail::Stream, object }),
        [code @ 4, object] => Ok(Request::Identify { code, detail: Detail::One, object }),
        _ => Err(Exception::IllegalDataValue),
    }
}

#[cfg(test)]
mod tests {
    use super::{Detail, Refused, Request};
    use crate::Exception;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_standard_are_read_as_they_are_meant() {
        // Application Protocol V1.1b3, 6.3: registers 108 to 110.
        let read = Request::parse(&[0x03, 0x00, 0x6B, 0x00, 0x03]);
        assert_eq!(read, Ok(Request::Read { function: 3, start: 0x6B, count: 3 }));
        // 6.4: input register 9.
        let read = Request::parse(&[0x04, 0x00, 0x08, 0x00, 0x01]);
        assert_eq!(read, Ok(Request::Read { function: 4, start: 8, count: 1 }));
        // 6.6: 3 into register 2.
        let Ok(Request::Write { function: 6, start: 1, words }) =
            Request::parse(&[0x06, 0x00, 0x01, 0x00, 0x03])
        else {
            panic!("function 6");
        };
        assert!(words.iter().eq([3]));
        // 6.12: 10 and 258 into registers 2 and 3.
        let Ok(Request::Write { function: 16, start: 1, words }) =
            Request::parse(&[0x10, 0, 1, 0, 2, 4, 0x00, 0x0A, 0x01, 0x02])
        else {
            panic!("function 16");
        };
        assert!(words.iter().eq([10, 258]));
        // 6.17: six registers from 4 are read, three from 15 written.
        let pdu = [0x17, 0, 3, 0, 6, 0, 14, 0, 3, 6, 0, 255, 0, 255, 0, 255];
        let Ok(Request::WriteThenRead { write: 14, words, start: 3, count: 6 }) =
            Request::parse(&pdu)
        else {
            panic!("function 23");
        };
        assert!(words.iter().eq([255; 3]));
        // 6.21: the basic objects as a stream.
        let identify = Request::parse(&[0x2B, 0x0E, 0x01, 0x00]);
        assert_eq!(identify, Ok(Request::Identify { code: 1, detail: Detail::Stream, object: 0 }));
    }

    #[test]
    fn what_is_wrong_becomes_the_exception_of_the_state_diagram() {
        use Exception::{IllegalDataAddress, IllegalDataValue, IllegalFunction};
        let cases: [(&[u8], Exception); 13] = [
            (&[1, 0, 0, 0, 1], IllegalFunction),
            (&[3, 0, 0, 0, 0], IllegalDataValue),
            (&[3, 0, 0, 0, 126], IllegalDataValue),
            (&[3, 0xFF, 0xFF, 0, 2], IllegalDataAddress),
            (&[3, 0, 0, 0], IllegalDataValue),
            (&[6, 0, 0, 0, 0, 0], IllegalDataValue),
            (&[16, 0, 0, 0, 1, 4, 0, 0], IllegalDataValue),
            (&[16, 0, 0, 0, 2, 2, 0, 0], IllegalDataValue),
            (&[16, 0xFF, 0xFF, 0, 2, 4, 0, 0, 0, 0], IllegalDataAddress),
            (&[16, 0, 0, 0, 0, 0], IllegalDataValue),
            (&[43, 13, 1, 0], IllegalFunction),
            (&[43, 14, 5, 0], IllegalDataValue),
            (&[23, 0, 0, 0, 1, 0, 0, 0, 0, 0], IllegalDataValue),
        ];
        for (pdu, exception) in cases {
            let function = pdu[0];
            let refused = Refused { function, exception };
            assert_eq!(Request::parse(pdu), Err(Some(refused)), "{pdu:02x?}");
            assert_eq!(refused.encode(), [function | 0x80, exception.code()]);
        }
    }

    #[test]
    fn what_no_master_sends_is_not_answered() {
        for pdu in [&[][..], &[0, 1, 2], &[0x83, 2]] {
            assert_eq!(Request::parse(pdu), Err(None), "{pdu:02x?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail_and_lengths_agree(
            pdu in prop::collection::vec(any::<u8>(), 0..260),
        ) {
            if let Ok(request) = Request::parse(&pdu) {
                prop_assert_eq!(Request::length(&pdu), Some(pdu.len()));
                prop_assert_eq!(request.function(), pdu[0]);
            }
        }
    }
}
