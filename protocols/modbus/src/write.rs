//! A write: what a device is to hold from now on, and the one answer that says it took it.
//!
//! Requests of functions 5, 6, 15, 16 and 22 (Application Protocol V1.1b3,
//! 6.5, 6.6, 6.11, 6.12, 6.16). Their answers repeat what was asked, so the
//! answer is known to the last bit before it comes and nothing else is one.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::pdu::EXCEPTION_FLAG;
use crate::question::Length;
use crate::{Address, Exception, MAX_WRITE_WORDS, ReadRequest, Table};

/// Most bits of one write (Application Protocol V1.1b3, 6.11).
pub const MAX_WRITE_BITS: usize = 1968;

const ONE_COIL: u8 = 5;
const ONE_REGISTER: u8 = 6;
const COILS: u8 = 15;
const REGISTERS: u8 = 16;
const MASK: u8 = 22;

/// How function 5 says on and off; everything else is illegal (6.5).
const ON: u16 = 0xFF00;
const OFF: u16 = 0;

/// The longest receipt: function 22 repeats seven bytes.
const RECEIPT: usize = 7;

/// One write that fits one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriteRequest {
    pdu: Vec<u8>,
    table: Table,
    start: u16,
    count: u16,
}

impl WriteRequest {
    /// One coil, function 5.
    #[must_use]
    pub fn coil(at: u16, on: bool) -> Self {
        let pdu = five(ONE_COIL, at, if on { ON } else { OFF });
        Self { pdu, table: Table::Coils, start: at, count: 1 }
    }

    /// One register, function 6.
    #[must_use]
    pub fn register(at: u16, word: u16) -> Self {
        let pdu = five(ONE_REGISTER, at, word);
        Self { pdu, table: Table::HoldingRegisters, start: at, count: 1 }
    }

    /// Coils side by side, function 15. `None` when there are none or more
    /// than one request takes, or they reach beyond the table.
    #[must_use]
    pub fn coils(start: u16, bits: &[bool]) -> Option<Self> {
        let count = fitting(start, bits.len(), MAX_WRITE_BITS)?;
        let mut packed = vec![0; bits.len().div_ceil(8)];
        for (n, bit) in bits.iter().enumerate() {
            packed[n / 8] |= u8::from(*bit) << (n % 8);
        }
        let pdu = many(COILS, start, count, &packed);
        Some(Self { pdu, table: Table::Coils, start, count })
    }

    /// Registers side by side, function 16. `None` as of [`coils`](Self::coils).
    #[must_use]
    pub fn registers(start: u16, words: &[u16]) -> Option<Self> {
        let count = fitting(start, words.len(), MAX_WRITE_WORDS)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let pdu = many(REGISTERS, start, count, &bytes);
        Some(Self { pdu, table: Table::HoldingRegisters, start, count })
    }

    /// Some bits of one register, function 22: where `keep` has a 1 the
    /// register stays as it is, elsewhere it becomes what `set` has.
    #[must_use]
    pub fn bits(at: u16, keep: u16, set: u16) -> Self {
        let mut pdu = five(MASK, at, keep);
        pdu.extend((set & !keep).to_be_bytes());
        Self { pdu, table: Table::HoldingRegisters, start: at, count: 1 }
    }

    /// The same write by another function, for a device that does not know
    /// the first: 15 in place of 5, 16 in place of 6.
    #[must_use]
    pub fn by_other_function(&self) -> Option<Self> {
        match *self.pdu {
            [ONE_COIL, _, _, high, _] => Self::coils(self.start, &[high != 0]),
            [ONE_REGISTER, _, _, high, low] => {
                Self::registers(self.start, &[u16::from_be_bytes([high, low])])
            }
            _ => None,
        }
    }

    /// A write of some bits as one of the whole register, which holds `held`
    /// now. What the device changes of it in between is lost.
    #[must_use]
    pub fn over(&self, held: u16) -> Option<Self> {
        match *self.pdu {
            [MASK, _, _, keep_high, keep_low, set_high, set_low] => {
                let keep = u16::from_be_bytes([keep_high, keep_low]);
                let set = u16::from_be_bytes([set_high, set_low]);
                Some(Self::register(self.start, held & keep | set & !keep))
            }
            _ => None,
        }
    }

    /// The function code.
    #[must_use]
    pub fn function(&self) -> u8 {
        self.pdu.first().copied().unwrap_or_default()
    }

    /// The request as it goes into a frame.
    #[must_use]
    pub fn pdu(&self) -> &[u8] {
        &self.pdu
    }

    /// A read of what is written.
    #[must_use]
    pub const fn read_back(&self) -> Option<ReadRequest> {
        ReadRequest::new(self.table, self.start, self.count)
    }

    /// Whether `pdu` says that the device took it.
    ///
    /// # Errors
    /// What else it says.
    pub fn check(&self, pdu: &[u8]) -> Result<(), WriteRefusal> {
        let receipt = self.receipt();
        match *pdu {
            [function, code] if function == self.function() | EXCEPTION_FLAG => {
                Err(WriteRefusal::Exception(Exception::from_code(code)))
            }
            _ if pdu == receipt.bytes() => Ok(()),
            _ => Err(WriteRefusal::NoReceipt),
        }
    }

    /// The answer of a device that took it.
    pub(crate) fn receipt(&self) -> Receipt {
        // Functions 15 and 16 repeat function, start and count.
        let len = if self.function() == MASK { RECEIPT } else { 5 };
        let mut pdu = [0; RECEIPT];
        let len = len.min(self.pdu.len());
        pdu[..len].copy_from_slice(&self.pdu[..len]);
        Receipt { pdu, len }
    }
}

/// `function 16, 2 registers from 40101 (hr:100)`.
impl fmt::Display for WriteRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.table.is_bits() { "bits" } else { "registers" };
        let at = Address { table: self.table, offset: self.start, bit: None };
        write!(f, "function {}, {} {unit} from {at}", self.function(), self.count)
    }
}

fn five(function: u8, at: u16, word: u16) -> Vec<u8> {
    let [at_high, at_low] = at.to_be_bytes();
    let [high, low] = word.to_be_bytes();
    vec![function, at_high, at_low, high, low]
}

fn many(function: u8, start: u16, count: u16, bytes: &[u8]) -> Vec<u8> {
    let mut pdu = five(function, start, count);
    // At most 246 bytes of data.
    pdu.push(bytes.len() as u8);
    pdu.extend_from_slice(bytes);
    pdu
}

fn fitting(start: u16, count: usize, most: usize) -> Option<u16> {
    let fits = (1..=most).contains(&count) && usize::from(start) + count <= 65_536;
    if fits { u16::try_from(count).ok() } else { None }
}

/// An answer that is no receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteRefusal {
    /// The device answers that it won't.
    Exception(Exception),
    /// Whatever it is, it is not the answer to this write.
    NoReceipt,
}

impl WriteRefusal {
    /// Whether it is certain that the device holds what it held: it did not
    /// accept the request, or a gateway before it had no way to it.
    ///
    /// A failure on the way (4, 8), a promise (5) and a silent unit behind a
    /// gateway (11) leave it open.
    #[must_use]
    pub const fn left_it_alone(&self) -> bool {
        matches!(
            self,
            Self::Exception(
                Exception::IllegalFunction
                    | Exception::IllegalDataAddress
                    | Exception::IllegalDataValue
                    | Exception::ServerDeviceBusy
                    | Exception::NegativeAcknowledge
                    | Exception::GatewayPathUnavailable
            )
        )
    }
}

impl fmt::Display for WriteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exception(exception) => exception.fmt(f),
            Self::NoReceipt => f.write_str("the answer does not repeat what was written"),
        }
    }
}

impl core::error::Error for WriteRefusal {}

/// What a write is answered with, to the last bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Receipt {
    pdu: [u8; RECEIPT],
    len: usize,
}

impl Receipt {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.pdu[..self.len]
    }

    pub(crate) const fn function(&self) -> u8 {
        self.pdu[0]
    }

    /// The length of the answer that begins with `pdu`.
    pub(crate) fn length(&self, pdu: &[u8]) -> Length {
        let seen = pdu.len().min(self.len);
        match pdu.first() {
            None => Length::Open,
            Some(function) if *function == self.function() | EXCEPTION_FLAG => Length::Exactly(2),
            Some(_) if pdu[..seen] == self.pdu[..seen] => Length::Exactly(self.len),
            Some(_) => Length::NotOurs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_WRITE_BITS, WriteRefusal, WriteRequest};
    use crate::{Exception, MAX_WRITE_WORDS, ReadRequest, Table};
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn the_bytes_are_those_of_the_standards_examples() {
        // Application Protocol V1.1b3, 6.5: coil 173 on.
        assert_eq!(WriteRequest::coil(0xAC, true).pdu(), [5, 0x00, 0xAC, 0xFF, 0x00]);
        assert_eq!(WriteRequest::coil(0xAC, false).pdu(), [5, 0x00, 0xAC, 0x00, 0x00]);
        // 6.6: register 2 becomes 3.
        assert_eq!(WriteRequest::register(1, 3).pdu(), [6, 0, 1, 0, 3]);
        // 6.11: ten coils from 20 on, CD 01.
        let bits = [true, false, true, true, false, false, true, true, true, false];
        assert_eq!(
            WriteRequest::coils(19, &bits).unwrap().pdu(),
            [0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01]
        );
        // 6.12: two registers from 2 on, 000A and 0102.
        assert_eq!(
            WriteRequest::registers(1, &[0x000A, 0x0102]).unwrap().pdu(),
            [0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02]
        );
        // 6.16: register 5, and-mask F2, or-mask 25; the bits of the or-mask
        // that are kept anyway are left out.
        assert_eq!(WriteRequest::bits(4, 0x00F2, 0x0025).pdu(), [22, 0, 4, 0, 0xF2, 0, 0x05]);
        assert_eq!(
            WriteRequest::registers(100, &[0, 0]).unwrap().to_string(),
            "function 16, 2 registers from 40101 (hr:100)"
        );
    }

    #[test]
    fn only_the_repetition_of_the_request_is_a_receipt() {
        let writes = [
            (WriteRequest::coil(7, true), vec![5, 0, 7, 0xFF, 0]),
            (WriteRequest::register(7, 9), vec![6, 0, 7, 0, 9]),
            (WriteRequest::coils(7, &[true; 9]).unwrap(), vec![15, 0, 7, 0, 9]),
            (WriteRequest::registers(7, &[1, 2, 3]).unwrap(), vec![16, 0, 7, 0, 3]),
            (WriteRequest::bits(7, 0xFFFE, 1), vec![22, 0, 7, 0xFF, 0xFE, 0, 1]),
        ];
        for (write, receipt) in writes {
            assert_eq!(write.check(&receipt), Ok(()));
            for at in 0..receipt.len() {
                let mut wrong = receipt.clone();
                wrong[at] ^= 1;
                assert_eq!(write.check(&wrong), Err(WriteRefusal::NoReceipt), "{wrong:?}");
                assert_eq!(write.check(&receipt[..at]), Err(WriteRefusal::NoReceipt));
            }
            let refusal = write.check(&[write.function() | 0x80, 2]).unwrap_err();
            assert_eq!(refusal, WriteRefusal::Exception(Exception::IllegalDataAddress));
        }
    }

    #[test]
    fn what_does_not_fit_one_request_cannot_be_made() {
        assert!(WriteRequest::registers(0, &[0; MAX_WRITE_WORDS]).is_some());
        assert!(WriteRequest::registers(0, &[0; MAX_WRITE_WORDS + 1]).is_none());
        assert!(WriteRequest::registers(0, &[]).is_none());
        assert!(WriteRequest::registers(65_535, &[0]).is_some());
        assert!(WriteRequest::registers(65_535, &[0; 2]).is_none());
        assert!(WriteRequest::coils(0, &[true; MAX_WRITE_BITS]).is_some());
        assert!(WriteRequest::coils(0, &[true; MAX_WRITE_BITS + 1]).is_none());
        let longest = WriteRequest::coils(0, &[true; MAX_WRITE_BITS]).unwrap();
        assert!(longest.pdu().len() <= crate::MAX_PDU);
    }

    #[test]
    fn a_device_that_lacks_a_function_is_asked_by_another() {
        let coil = WriteRequest::coil(7, true).by_other_function().unwrap();
        assert_eq!(coil.pdu(), [15, 0, 7, 0, 1, 1, 1]);
        let register = WriteRequest::register(7, 0x1234).by_other_function().unwrap();
        assert_eq!(register.pdu(), [16, 0, 7, 0, 1, 2, 0x12, 0x34]);
        assert_eq!(coil.by_other_function(), None);
        // Bit 3 on, the others as they are.
        let bit = WriteRequest::bits(7, !8, 8);
        assert_eq!(bit.by_other_function(), None, "the other bits are not ours to write");
        assert_eq!(bit.over(0x8001).unwrap(), WriteRequest::register(7, 0x8009));
        assert_eq!(WriteRequest::bits(7, !8, 0).over(0x800F).unwrap().pdu()[3..], [0x80, 0x07]);
        assert_eq!(bit.read_back(), ReadRequest::new(Table::HoldingRegisters, 7, 1));
    }

    #[test]
    fn only_a_refusal_before_anything_was_done_left_the_device_alone() {
        let left_alone = |code| WriteRefusal::Exception(Exception::from_code(code)).left_it_alone();
        assert!([1, 2, 3, 6, 7, 10].into_iter().all(left_alone));
        assert!(![4, 5, 8, 9, 11, 0].into_iter().any(left_alone));
        assert!(!WriteRefusal::NoReceipt.left_it_alone());
    }
}
