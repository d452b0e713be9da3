//! A request and its answer, without the frame around them: the protocol data unit.
//!
//! Only reads are here; no code of this file can make a device change.

use core::fmt;

use crate::{Address, Exception, MAX_READ_BITS, MAX_READ_WORDS, Table};

/// Set in the function code of an answer that is an exception.
pub(crate) const EXCEPTION_FLAG: u8 = 0x80;

/// The functions this version speaks. More will come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum Function {
    /// Read bits of `co`.
    ReadCoils = 1,
    /// Read bits of `di`.
    ReadDiscreteInputs = 2,
    /// Read words of `hr`.
    ReadHoldingRegisters = 3,
    /// Read words of `ir`.
    ReadInputRegisters = 4,
}

impl Function {
    /// The function that reads a table.
    #[must_use]
    pub const fn reading(table: Table) -> Self {
        match table {
            Table::Coils => Self::ReadCoils,
            Table::DiscreteInputs => Self::ReadDiscreteInputs,
            Table::HoldingRegisters => Self::ReadHoldingRegisters,
            Table::InputRegisters => Self::ReadInputRegisters,
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// A read that fits one request: 1 to 125 registers or 1 to 2,000 bits, all
/// of them within the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReadRequest {
    table: Table,
    start: u16,
    count: u16,
}

impl ReadRequest {
    /// `None` when it would not fit one request or reaches beyond the table.
    #[must_use]
    pub const fn new(table: Table, start: u16, count: u16) -> Option<Self> {
        let most = if table.is_bits() { MAX_READ_BITS } else { MAX_READ_WORDS };
        let end = start as u32 + count as u32;
        if count == 0 || count > most || end > 65_536 {
            return None;
        }
        Some(Self { table, start, count })
    }

    /// Which table.
    #[must_use]
    pub const fn table(&self) -> Table {
        self.table
    }

    /// First address, 0-based.
    #[must_use]
    pub const fn start(&self) -> u16 {
        self.start
    }

    /// Registers or bits.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The address behind the last.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.start as u32 + self.count as u32
    }

    /// Bytes of data in a correct answer, 1 to 250.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        if self.table.is_bits() { self.count.div_ceil(8) as usize } else { self.count as usize * 2 }
    }

    /// The request as it goes into a frame.
    #[must_use]
    pub const fn encode(&self) -> [u8; 5] {
        let [start_high, start_low] = self.start.to_be_bytes();
        let [count_high, count_low] = self.count.to_be_bytes();
        [Function::reading(self.table).code(), start_high, start_low, count_high, count_low]
    }

    /// The data of `pdu`, if and only if it is a complete answer to this request.
    ///
    /// # Errors
    /// The first thing that differs from a correct answer, or the exception.
    pub fn check<'a>(&self, pdu: &'a [u8]) -> Result<&'a [u8], ResponseError> {
        let expected = Function::reading(self.table).code();
        let (&function, body) = pdu.split_first().ok_or(ResponseError::Empty)?;
        if function == expected | EXCEPTION_FLAG {
            return Err(match body {
                [code] => ResponseError::Exception(Exception::from_code(*code)),
                _ => ResponseError::Framing { announced: 1, present: body.len() },
            });
        }
        if function != expected {
            return Err(ResponseError::WrongFunction { expected, got: function });
        }
        let (&announced, data) =
            body.split_first().ok_or(ResponseError::Framing { announced: 1, present: 0 })?;
        if usize::from(announced) != data.len() {
            return Err(ResponseError::Framing {
                announced: announced.into(),
                present: data.len(),
            });
        }
        if data.len() != self.payload_len() {
            return Err(ResponseError::WrongCount {
                expected: self.payload_len(),
                got: data.len(),
            });
        }
        Ok(data)
    }
}

/// `function 3, 10 registers from 40101 (hr:100)`.
impl fmt::Display for ReadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.table.is_bits() { "bits" } else { "registers" };
        let at = Address { table: self.table, offset: self.start, bit: None };
        let code = Function::reading(self.table).code();
        write!(f, "function {code}, {} {unit} from {at}", self.count)
    }
}

/// Why an answer holds no data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseError {
    /// The device answers that it won't.
    Exception(Exception),
    /// Nothing in it.
    Empty,
    /// It answers another function.
    WrongFunction {
        /// What was asked.
        expected: u8,
        /// What came.
        got: u8,
    },
    /// Its own byte count and its length disagree: either may be wrong, and
    /// where the next frame begins is in doubt.
    Framing {
        /// Bytes it says it holds.
        announced: usize,
        /// Bytes it holds.
        present: usize,
    },
    /// Well-formed, but not as much as was asked for.
    WrongCount {
        /// Bytes that were asked for.
        expected: usize,
        /// Bytes that came.
        got: usize,
    },
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exception(exception) => exception.fmt(f),
            Self::Empty => f.write_str("the answer is empty"),
            Self::WrongFunction { expected, got } => {
                write!(f, "the answer is to function {got}, asked was {expected}")
            }
            Self::Framing { announced, present } => {
                write!(f, "the answer announces {announced} bytes and holds {present}")
            }
            Self::WrongCount { expected, got } => {
                write!(f, "the answer holds {got} bytes, asked were {expected}")
            }
        }
    }
}

impl core::error::Error for ResponseError {}

#[cfg(test)]
mod tests {
    use super::{ReadRequest, ResponseError};
    use crate::{Exception, Table};
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn two_registers() -> ReadRequest {
        ReadRequest::new(Table::HoldingRegisters, 0x006B, 2).unwrap()
    }

    #[test]
    fn a_request_is_function_start_and_count() {
        assert_eq!(
            two_registers().encode(),
            [
                0x03, // function: read holding registers
                0x00, 0x6B, // first address 107
                0x00, 0x02, // two registers
            ]
        );
        let bits = ReadRequest::new(Table::DiscreteInputs, 0x00C4, 22).unwrap();
        assert_eq!(bits.encode(), [0x02, 0x00, 0xC4, 0x00, 0x16]);
        assert_eq!(ReadRequest::new(Table::Coils, 0, 1).unwrap().encode()[0], 1);
        assert_eq!(ReadRequest::new(Table::InputRegisters, 0, 1).unwrap().encode()[0], 4);
        assert_eq!(two_registers().to_string(), "function 3, 2 registers from 40108 (hr:107)");
    }

    #[test]
    fn a_correct_answer_gives_its_data() {
        let answer = [
            0x03, // function
            0x04, // bytes that follow
            0x02, 0x2B, // register 107
            0x00, 0x64, // register 108
        ];
        assert_eq!(two_registers().check(&answer), Ok(&answer[2..]));
        let bits = ReadRequest::new(Table::DiscreteInputs, 196, 22).unwrap();
        let answer = [0x02, 0x03, 0xAC, 0xDB, 0x35]; // 22 bits in 3 bytes
        assert_eq!(bits.check(&answer), Ok(&answer[2..]));
    }

    #[test]
    fn an_exception_is_told_in_words() {
        let answer = [0x83, 0x02]; // function 3 with the exception flag, code 2
        let error = two_registers().check(&answer).unwrap_err();
        assert_eq!(error, ResponseError::Exception(Exception::IllegalDataAddress));
        assert_eq!(error.to_string(), "exception 2 (illegal data address)");
    }

    #[test]
    fn whatever_differs_from_a_correct_answer_is_refused() {
        let request = two_registers();
        let cases: [(&[u8], ResponseError); 11] = [
            (&[], ResponseError::Empty),
            (&[0x04, 4, 0, 1, 0, 2], ResponseError::WrongFunction { expected: 3, got: 4 }),
            (&[0x84, 2], ResponseError::WrongFunction { expected: 3, got: 0x84 }),
            (&[0x03], ResponseError::Framing { announced: 1, present: 0 }),
            (&[0x03, 4, 0, 1, 0], ResponseError::Framing { announced: 4, present: 3 }),
            (&[0x03, 4, 0, 1, 0, 2, 0], ResponseError::Framing { announced: 4, present: 5 }),
            (&[0x03, 6, 0, 1, 0, 2], ResponseError::Framing { announced: 6, present: 4 }),
            (&[0x03, 2, 0, 1], ResponseError::WrongCount { expected: 4, got: 2 }),
            (&[0x03, 6, 0, 1, 0, 2, 0, 3], ResponseError::WrongCount { expected: 4, got: 6 }),
            (&[0x83], ResponseError::Framing { announced: 1, present: 0 }),
            (&[0x83, 2, 0], ResponseError::Framing { announced: 1, present: 2 }),
        ];
        for (pdu, expected) in cases {
            assert_eq!(request.check(pdu), Err(expected), "{pdu:02x?}");
        }
    }

    #[test]
    fn what_does_not_fit_one_request_cannot_be_made() {
        use Table::{Coils, HoldingRegisters, InputRegisters};
        assert!(ReadRequest::new(HoldingRegisters, 0, 125).is_some());
        assert!(ReadRequest::new(HoldingRegisters, 0, 126).is_none());
        assert!(ReadRequest::new(InputRegisters, 0, 0).is_none());
        assert!(ReadRequest::new(Coils, 0, 2000).is_some());
        assert!(ReadRequest::new(Coils, 0, 2001).is_none());
        assert!(ReadRequest::new(HoldingRegisters, 65535, 1).is_some());
        assert!(ReadRequest::new(HoldingRegisters, 65535, 2).is_none());
    }

    proptest! {
        #[test]
        fn only_the_exact_shape_is_accepted(
            count in 1u16..=125,
            pdu in prop::collection::vec(any::<u8>(), 0..260),
        ) {
            let request = ReadRequest::new(Table::HoldingRegisters, 0, count).unwrap();
            let exact = pdu.len() == 2 + usize::from(count) * 2
                && pdu[0] == 3
                && u16::from(pdu[1]) == count * 2;
            prop_assert_eq!(request.check(&pdu).is_ok(), exact);
        }
    }
}
