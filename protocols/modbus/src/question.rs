//! A question: what a request asks, and how long its answer will be.
//!
//! A serial line has no frame boundaries that survive an adapter or a serial
//! server; what is known is which answer is due. So the length of an answer
//! follows from the question and the first bytes, and nothing else is one.

use crate::pdu::{Function, ReadRequest};
use crate::write::Receipt;

/// Function 17: report server id (Application Protocol V1.1b3, 6.13).
const REPORT_SERVER_ID: u8 = 17;
/// Function 43 with MEI type 14: device identification (6.21).
const ENCAPSULATED: u8 = 43;
const DEVICE_IDENTIFICATION: u8 = 14;
/// Read the basic objects as a stream: vendor, product, revision.
const BASIC_STREAM: u8 = 1;

/// What can be asked of a device; nothing of it changes anything there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Question {
    /// Registers or bits.
    Read(ReadRequest),
    /// Who it is, in the vendor's own form (function 17).
    ServerId,
    /// Vendor, product and revision from object `first` on (function 43/14).
    Identification {
        /// First object wanted, 0 to begin with.
        first: u8,
    },
}

/// How long an answer is, as far as its first bytes tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// More of it is needed to tell.
    Open,
    /// So many bytes of PDU.
    Exactly(usize),
    /// This is no answer to the question.
    NotOurs,
}

/// What a late answer can be mistaken by: two questions of one shape have
/// answers that look alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Shape {
    function: u8,
    /// Bytes of data; 0 where the answer has no fixed length.
    data: u8,
}

impl Question {
    /// The function code.
    #[must_use]
    pub const fn function(&self) -> u8 {
        match self {
            Self::Read(request) => Function::reading(request.table()).code(),
            Self::ServerId => REPORT_SERVER_ID,
            Self::Identification { .. } => ENCAPSULATED,
        }
    }

    /// The request as it goes into a frame: a buffer and how much of it is used.
    #[must_use]
    pub const fn encode(&self) -> ([u8; 5], usize) {
        match self {
            Self::Read(request) => (request.encode(), 5),
            Self::ServerId => ([REPORT_SERVER_ID, 0, 0, 0, 0], 1),
            Self::Identification { first } => {
                ([ENCAPSULATED, DEVICE_IDENTIFICATION, BASIC_STREAM, *first, 0], 4)
            }
        }
    }

    /// Bytes of PDU of a correct answer; of the longest where it varies.
    #[must_use]
    pub const fn answer_len(&self) -> usize {
        match self {
            Self::Read(request) => 2 + request.payload_len(),
            Self::ServerId | Self::Identification { .. } => crate::MAX_PDU,
        }
    }

    pub(crate) const fn shape(&self) -> Shape {
        let data = match self {
            Self::Read(request) => request.payload_len() as u8,
            Self::ServerId | Self::Identification { .. } => 0,
        };
        Shape { function: self.function(), data }
    }

    /// The length of the answer that begins with `pdu`.
    pub(crate) fn length(&self, pdu: &[u8]) -> Length {
        let function = self.function();
        match *pdu {
            [] => Length::Open,
            [code, ..] if code == function | 0x80 => Length::Exactly(2),
            [code, ref body @ ..] if code == function => match self {
                Self::Read(request) => match body.first() {
                    None => Length::Open,
                    Some(count) if usize::from(*count) == request.payload_len() => {
                        Length::Exactly(2 + request.payload_len())
                    }
                    Some(_) => Length::NotOurs,
                },
                Self::ServerId => match body.first() {
                    None => Length::Open,
                    Some(count @ 1..=251) => Length::Exactly(2 + usize::from(*count)),
                    Some(_) => Length::NotOurs,
                },
                Self::Identification { .. } => identification_length(body),
            },
            _ => Length::NotOurs,
        }
    }
}

/// What is awaited of a unit: the answer to a question, or the receipt of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Awaited {
    Answer(Question),
    Receipt(Receipt),
}

impl Awaited {
    pub(crate) const fn function(&self) -> u8 {
        match self {
            Self::Answer(question) => question.function(),
            Self::Receipt(receipt) => receipt.function(),
        }
    }

    /// Bytes of PDU of a correct answer; of the longest where it varies.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Answer(question) => question.answer_len(),
            Self::Receipt(receipt) => receipt.bytes().len(),
        }
    }

    /// Receipts of one function are not told apart, so that none is ever
    /// taken for that of another write.
    pub(crate) const fn shape(&self) -> Shape {
        match self {
            Self::Answer(question) => question.shape(),
            Self::Receipt(receipt) => Shape { function: receipt.function(), data: 0 },
        }
    }

    /// The length of the answer that begins with `pdu`.
    pub(crate) fn length(&self, pdu: &[u8]) -> Length {
        match self {
            Self::Answer(question) => question.length(pdu),
            Self::Receipt(receipt) => receipt.length(pdu),
        }
    }
}

impl From<Question> for Awaited {
    fn from(question: Question) -> Self {
        Self::Answer(question)
    }
}

/// MEI type, read code, conformity, more follows, next object, count, then
/// for each object its id, length and bytes.
fn identification_length(body: &[u8]) -> Length {
    const HEAD: usize = 6;
    if body.first().is_some_and(|mei| *mei != DEVICE_IDENTIFICATION) {
        return Length::NotOurs;
    }
    let Some(objects) = body.get(HEAD - 1) else {
        return Length::Open;
    };
    let mut at = HEAD;
    for _ in 0..*objects {
        let Some(len) = body.get(at + 1) else {
            return Length::Open;
        };
        at += 2 + usize::from(*len);
        if 1 + at > crate::MAX_PDU {
            return Length::NotOurs;
        }
    }
    Length::Exactly(1 + at)
}

#[cfg(test)]
mod tests {
    use super::{Length, Question};
    use crate::{ReadRequest, Table};

    #[test]
    fn the_length_of_an_answer_follows_from_its_question() {
        let two = Question::Read(ReadRequest::new(Table::HoldingRegisters, 0, 2).unwrap());
        assert_eq!(two.length(&[]), Length::Open);
        assert_eq!(two.length(&[3]), Length::Open);
        assert_eq!(two.length(&[3, 4]), Length::Exactly(6));
        assert_eq!(two.length(&[3, 6]), Length::NotOurs, "a stale answer of another shape");
        assert_eq!(two.length(&[4, 4]), Length::NotOurs);
        assert_eq!(two.length(&[0x83]), Length::Exactly(2));
        let id = Question::Identification { first: 0 };
        assert_eq!(id.encode(), ([43, 14, 1, 0, 0], 4));
        let answer = [
            43, 14, // function, MEI type
            1, 1, 0, 0, // basic stream, conformity, nothing follows, next object
            2, // objects
            0, 2, b'A', b'B', // vendor
            1, 1, b'C', // product
        ];
        for cut in 0..answer.len() - 1 {
            let told = id.length(&answer[..cut]);
            assert!(matches!(told, Length::Open | Length::Exactly(14)), "{cut} {told:?}");
        }
        assert_eq!(id.length(&answer), Length::Exactly(answer.len()));
        assert_eq!(id.length(&[43, 13]), Length::NotOurs);
        assert_eq!(Question::ServerId.length(&[17, 3]), Length::Exactly(5));
    }
}
