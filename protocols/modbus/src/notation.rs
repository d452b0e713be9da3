//! How a person writes an address: `40101`, `400101`, `4x101` count from 1, `hr:100` counts from 0.
//!
//! The notation decides the base, so a number without a table is refused: it
//! could be meant either way and would silently read the neighbour.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use crate::{Address, Table};

/// Addresses of one table (Application Protocol V1.1b3, 4.4: 0 to 65535).
const TABLE_SIZE: u32 = 65_536;

impl Table {
    /// `co`, `di`, `ir` or `hr`: the prefix that counts from 0.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Coils => "co",
            Self::DiscreteInputs => "di",
            Self::InputRegisters => "ir",
            Self::HoldingRegisters => "hr",
        }
    }

    /// 0, 1, 3 or 4: the leading digit of the notations that count from 1.
    #[must_use]
    pub const fn digit(self) -> u8 {
        match self {
            Self::Coils => 0,
            Self::DiscreteInputs => 1,
            Self::InputRegisters => 3,
            Self::HoldingRegisters => 4,
        }
    }

    /// Whether the table holds single bits.
    #[must_use]
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coils | Self::DiscreteInputs)
    }

    fn from_prefix(prefix: &str) -> Option<Self> {
        [Self::Coils, Self::DiscreteInputs, Self::InputRegisters, Self::HoldingRegisters]
            .into_iter()
            .find(|table| table.prefix().eq_ignore_ascii_case(prefix))
    }

    const fn from_digit(digit: u8) -> Option<Self> {
        match digit {
            b'0' => Some(Self::Coils),
            b'1' => Some(Self::DiscreteInputs),
            b'3' => Some(Self::InputRegisters),
            b'4' => Some(Self::HoldingRegisters),
            _ => None,
        }
    }
}

/// Why a text is no address. `Display` says what is wrong, [`hint`](Self::hint)
/// what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AddressError {
    /// Nothing was written.
    Empty,
    /// A number that names neither table nor base.
    BareNumber(u32),
    /// `0x…`: a coil counted from 1, or a hexadecimal number?
    CoilOrHex(String),
    /// Position 0 in a notation that counts from 1.
    CountsFromOne {
        /// Which table.
        table: Table,
        /// As written.
        text: String,
    },
    /// Beyond the 65,536 addresses of a table.
    BeyondTable {
        /// Which table.
        table: Table,
        /// As written.
        text: String,
    },
    /// The part before `:` is no table.
    UnknownTable(String),
    /// The position is no number.
    NotANumber(String),
    /// The part behind `.` is not 0 to 15.
    NotABit(String),
    /// A bit of something that is a bit already.
    BitOfABit {
        /// Which table.
        table: Table,
    },
}

impl AddressError {
    /// What to write instead, for the line below the message.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Empty | Self::UnknownTable(_) | Self::NotANumber(_) => {
                "write `hr:100`, `ir:100`, `di:100`, `co:100` (counted from 0, hex allowed) or \
                 `40101`, `400101`, `4x101` (counted from 1)"
                    .to_string()
            }
            Self::BareNumber(number) => both_readings(*number),
            Self::CoilOrHex(digits) => format!(
                "if it is hexadecimal, write `hr:0x{digits}` (or ir, di, co); if it is coil \
                 {digits} counted from 1, write it with five digits, like `00001`, or counted \
                 from 0, like `co:0`"
            ),
            Self::CountsFromOne { table, .. } => {
                format!("the first one is `{}0001`, which is `{}:0`", table.digit(), table.prefix())
            }
            Self::BeyondTable { table, .. } => format!(
                "the last one is `{}65536`, which is `{}:65535`",
                table.digit(),
                table.prefix()
            ),
            Self::NotABit(_) => {
                "bits of a register count from 0 (least significant) to 15: `hr:100.0`".to_string()
            }
            Self::BitOfABit { table } => {
                format!("`{}` holds single bits; leave out the part behind the dot", table.prefix())
            }
        }
    }
}

/// The two addresses a bare number could mean, each in both forms.
fn both_readings(number: u32) -> String {
    let zero_based = position(Table::HoldingRegisters, number);
    let one_based = number.checked_sub(1).and_then(|n| position(Table::HoldingRegisters, n));
    match (zero_based, one_based) {
        (Some(zero), Some(one)) => format!(
            "counted from 0 it is `hr:{number}`, that is {zero}; counted from 1 it is \
             `4x{number}`, that is {one}; ir, di and co likewise"
        ),
        (Some(zero), None) => format!("counted from 0 it is `hr:{number}`, that is {zero}"),
        (None, Some(one)) => format!("counted from 1 it is `4x{number}`, that is {one}"),
        (None, None) => {
            "no table has so many addresses: positions end at 65535, counted from 0".to_string()
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the address is empty"),
            Self::BareNumber(number) => write!(
                f,
                "`{number}` names no table and does not say whether it counts from 0 or from 1"
            ),
            Self::CoilOrHex(digits) => {
                write!(f, "`0x{digits}` can be a coil or a hexadecimal number")
            }
            Self::CountsFromOne { text, .. } => {
                write!(f, "`{text}` is position 0 of a notation that counts from 1")
            }
            Self::BeyondTable { text, .. } => {
                write!(f, "`{text}` is beyond the 65536 addresses of its table")
            }
            Self::UnknownTable(table) => write!(f, "`{table}` is no Modbus table"),
            Self::NotANumber(text) => write!(f, "`{text}` is no Modbus address"),
            Self::NotABit(text) => write!(f, "`.{text}` is no bit of a register"),
            Self::BitOfABit { .. } => f.write_str("a coil or discrete input has no bits"),
        }
    }
}

impl core::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let (place, bit) = match text.split_once('.') {
            Some((place, bit)) => (place, Some(bit)),
            None => (text, None),
        };
        let mut address = parse_place(place)?;
        if let Some(bit) = bit {
            address.bit = Some(parse_bit(bit, address.table)?);
        }
        Ok(address)
    }
}

fn parse_place(place: &str) -> Result<Address, AddressError> {
    if let Some((prefix, number)) = place.split_once(':') {
        return parse_zero_based(place, prefix.trim(), number.trim());
    }
    if let Some((digit, number)) = place.split_once(['x', 'X']) {
        return parse_reference(place, digit, number);
    }
    let number = decimal(place).ok_or_else(|| AddressError::NotANumber(place.to_string()))?;
    let table = place.bytes().next().and_then(Table::from_digit);
    match (place.len(), table) {
        (5 | 6, Some(table)) => {
            let position = decimal(&place[1..]).unwrap_or(u32::MAX);
            one_based(table, position, place)
        }
        _ => Err(AddressError::BareNumber(number)),
    }
}

/// `hr:100`, `hr:0x64`.
fn parse_zero_based(place: &str, prefix: &str, number: &str) -> Result<Address, AddressError> {
    let table =
        Table::from_prefix(prefix).ok_or_else(|| AddressError::UnknownTable(prefix.to_string()))?;
    let parsed = match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        Some(hex) => hexadecimal(hex),
        None => decimal(number),
    };
    let parsed = parsed.ok_or_else(|| AddressError::NotANumber(place.to_string()))?;
    position(table, parsed)
        .ok_or_else(|| AddressError::BeyondTable { table, text: place.to_string() })
}

/// `4x101`. `0x…` is refused because every other tool reads it as hexadecimal.
fn parse_reference(place: &str, digit: &str, number: &str) -> Result<Address, AddressError> {
    if digit == "0" && hexadecimal(number).is_some() {
        return Err(AddressError::CoilOrHex(number.to_string()));
    }
    let table = match digit.as_bytes() {
        [digit] => Table::from_digit(*digit),
        _ => None,
    };
    match (table, decimal(number)) {
        (Some(table), Some(number)) => one_based(table, number, place),
        _ => Err(AddressError::NotANumber(place.to_string())),
    }
}

fn one_based(table: Table, number: u32, text: &str) -> Result<Address, AddressError> {
    let Some(offset) = number.checked_sub(1) else {
        return Err(AddressError::CountsFromOne { table, text: text.to_string() });
    };
    position(table, offset)
        .ok_or_else(|| AddressError::BeyondTable { table, text: text.to_string() })
}

fn position(table: Table, offset: u32) -> Option<Address> {
    let offset = u16::try_from(offset).ok()?;
    Some(Address { table, offset, bit: None })
}

fn parse_bit(text: &str, table: Table) -> Result<u8, AddressError> {
    if table.is_bits() {
        return Err(AddressError::BitOfABit { table });
    }
    match decimal(text) {
        Some(bit @ 0..=15) if text.len() <= 2 => Ok(bit as u8),
        _ => Err(AddressError::NotABit(text.to_string())),
    }
}

/// Digits only: no sign, no blanks, no underscores. Saturates far above any
/// table, so that a long number is "too large" and not "no number".
fn decimal(text: &str) -> Option<u32> {
    digits(text, 10)
}

fn hexadecimal(text: &str) -> Option<u32> {
    digits(text, 16)
}

fn digits(text: &str, radix: u32) -> Option<u32> {
    if text.is_empty() || !text.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(u32::from_str_radix(text, radix).unwrap_or(u32::MAX))
}

impl Address {
    /// How many addresses of the table lie at and behind this one.
    #[must_use]
    pub const fn room(&self) -> u32 {
        TABLE_SIZE - self.offset as u32
    }
}

/// Both forms: `40101 (hr:100)`, `410001.3 (hr:10000.3)`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u32::from(self.offset) + 1;
        let width = if number > 9999 { 5 } else { 4 };
        let (digit, prefix) = (self.table.digit(), self.table.prefix());
        match self.bit {
            None => write!(f, "{digit}{number:0width$} ({prefix}:{})", self.offset),
            Some(bit) => {
                write!(f, "{digit}{number:0width$}.{bit} ({prefix}:{}.{bit})", self.offset)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AddressError;
    use crate::{Address, Table};
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn at(table: Table, offset: u16, bit: Option<u8>) -> Address {
        Address { table, offset, bit }
    }

    #[test]
    fn the_notation_decides_the_base() {
        use Table::{Coils, DiscreteInputs, HoldingRegisters, InputRegisters};
        let cases = [
            ("40001", at(HoldingRegisters, 0, None)),
            ("49999", at(HoldingRegisters, 9998, None)),
            ("30011", at(InputRegisters, 10, None)),
            ("10001", at(DiscreteInputs, 0, None)),
            ("00001", at(Coils, 0, None)),
            ("400001", at(HoldingRegisters, 0, None)),
            ("465536", at(HoldingRegisters, 65535, None)),
            ("300101", at(InputRegisters, 100, None)),
            ("100001", at(DiscreteInputs, 0, None)),
            ("000001", at(Coils, 0, None)),
            ("4x100", at(HoldingRegisters, 99, None)),
            ("3X100", at(InputRegisters, 99, None)),
            ("1x1", at(DiscreteInputs, 0, None)),
            ("hr:100", at(HoldingRegisters, 100, None)),
            ("HR:100", at(HoldingRegisters, 100, None)),
            ("ir:0", at(InputRegisters, 0, None)),
            ("di:65535", at(DiscreteInputs, 65535, None)),
            ("co:7", at(Coils, 7, None)),
            ("hr:0x64", at(HoldingRegisters, 100, None)),
            ("ir:0XfF", at(InputRegisters, 255, None)),
            ("hr:100.3", at(HoldingRegisters, 100, Some(3))),
            ("40101.15", at(HoldingRegisters, 100, Some(15))),
            ("4x101.0", at(HoldingRegisters, 100, Some(0))),
            (" hr:5 ", at(HoldingRegisters, 5, None)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Address>(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_refused_and_shows_both_readings() {
        for text in ["100", "1", "0100", "20001", "4000001", "65000"] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(matches!(error, AddressError::BareNumber(_)), "{text}: {error:?}");
        }
        let error = "100".parse::<Address>().unwrap_err();
        assert_eq!(
            error.hint(),
            "counted from 0 it is `hr:100`, that is 40101 (hr:100); counted from 1 it is `4x100`, \
             that is 40100 (hr:99); ir, di and co likewise"
        );
        assert_eq!(
            AddressError::BareNumber(0).hint(),
            "counted from 0 it is `hr:0`, that is 40001 (hr:0)"
        );
        assert_eq!(
            AddressError::BareNumber(65536).hint(),
            "counted from 1 it is `4x65536`, that is 465536 (hr:65535)"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        type Check = fn(&AddressError) -> bool;
        let cases: [(&str, Check); 18] = [
            ("", |e| matches!(e, AddressError::Empty)),
            ("  ", |e| matches!(e, AddressError::Empty)),
            ("40000", |e| matches!(e, AddressError::CountsFromOne { .. })),
            ("00000", |e| matches!(e, AddressError::CountsFromOne { .. })),
            ("4x0", |e| matches!(e, AddressError::CountsFromOne { .. })),
            ("465537", |e| matches!(e, AddressError::BeyondTable { .. })),
            ("hr:65536", |e| matches!(e, AddressError::BeyondTable { .. })),
            ("hr:99999999999999", |e| matches!(e, AddressError::BeyondTable { .. })),
            ("0x100", |e| matches!(e, AddressError::CoilOrHex(_))),
            ("0xff", |e| matches!(e, AddressError::CoilOrHex(_))),
            ("xx:5", |e| matches!(e, AddressError::UnknownTable(_))),
            ("hr:", |e| matches!(e, AddressError::NotANumber(_))),
            ("hr:-1", |e| matches!(e, AddressError::NotANumber(_))),
            ("hr:+1", |e| matches!(e, AddressError::NotANumber(_))),
            ("2x10", |e| matches!(e, AddressError::NotANumber(_))),
            ("hr:5.16", |e| matches!(e, AddressError::NotABit(_))),
            ("hr:5.", |e| matches!(e, AddressError::NotABit(_))),
            ("co:5.1", |e| matches!(e, AddressError::BitOfABit { .. })),
        ];
        for (text, check) in cases {
            let error = text.parse::<Address>().unwrap_err();
            assert!(check(&error), "{text}: {error:?}");
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
        }
    }

    #[test]
    fn messages_print_both_forms() {
        assert_eq!(at(Table::HoldingRegisters, 100, None).to_string(), "40101 (hr:100)");
        assert_eq!(at(Table::HoldingRegisters, 9999, None).to_string(), "410000 (hr:9999)");
        assert_eq!(at(Table::HoldingRegisters, 100, Some(3)).to_string(), "40101.3 (hr:100.3)");
        assert_eq!(at(Table::Coils, 0, None).to_string(), "00001 (co:0)");
    }

    proptest! {
        #[test]
        fn both_printed_forms_read_back(
            table in prop::sample::select(&[
                Table::Coils, Table::DiscreteInputs, Table::InputRegisters, Table::HoldingRegisters,
            ][..]),
            offset: u16,
            bit in prop::option::of(0u8..16),
        ) {
            let address = at(table, offset, bit.filter(|_| !table.is_bits()));
            let printed = address.to_string();
            let (one_based, rest) = printed.split_once(" (").unwrap();
            prop_assert_eq!(one_based.parse::<Address>(), Ok(address));
            prop_assert_eq!(rest.trim_end_matches(')').parse::<Address>(), Ok(address));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,12}") {
            if let Err(error) = text.parse::<Address>() {
                let _ = format!("{error} {}", error.hint());
            }
        }
    }
}
