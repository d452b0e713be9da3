//! A point: where on a Modbus device a tag lives and how its words are read.

use core::fmt;

use forehearth_model::DataType;

use crate::{Codec, MAX_STRING_BYTES};

/// The four tables of the Modbus data model (Application Protocol V1.1b3, 4.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    /// `co`, 0xxxx: read with function 1, writable bits.
    Coils,
    /// `di`, 1xxxx: read with function 2, read-only bits.
    DiscreteInputs,
    /// `ir`, 3xxxx: read with function 4, read-only words.
    InputRegisters,
    /// `hr`, 4xxxx: read with function 3, writable words.
    HoldingRegisters,
}

/// A protocol address, 0-based. Nothing behind the parser knows 40001.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// Which table.
    pub table: Table,
    /// 0-based position within the table.
    pub offset: u16,
    /// A bit of a register, LSB 0; always `None` in the bit tables.
    pub bit: Option<u8>,
}

/// How a device lays a multi-byte value over its registers. `Abcd` is
/// big-endian, Modbus' own order; the letters name the bytes from most to
/// least significant in the order they arrive. For 64 bits the same four
/// patterns apply to four words (`Cdab` = words reversed, bytes kept).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RegisterOrder {
    /// Big-endian words, big-endian bytes.
    #[default]
    Abcd,
    /// Words swapped.
    Cdab,
    /// Bytes swapped within each word.
    Badc,
    /// Words and bytes swapped: little-endian.
    Dcba,
}

/// Whether a device may ever be written to. The type of its session follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Access {
    /// Writes are possible where a tag and a broker allow them.
    #[default]
    ReadWrite,
    /// No write path exists.
    ReadOnly,
}

/// Where a tag lives and how its words are read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Point {
    /// First register or bit.
    pub address: Address,
    /// Type of the value.
    pub data_type: DataType,
    /// Layout of its bytes.
    pub order: RegisterOrder,
    /// Length of a STRING in bytes; 0 for every other type.
    pub string_bytes: u16,
    /// How its digits are packed.
    pub codec: Codec,
}

impl Point {
    /// How many consecutive registers (or bits, in the bit tables) the value occupies.
    #[must_use]
    pub const fn width(&self) -> u16 {
        match self.codec {
            Codec::Float16 => 1,
            _ => width(self.data_type, self.string_bytes),
        }
    }
}

/// Registers (or bits, in the bit tables) of a value.
pub(crate) const fn width(data_type: DataType, string_bytes: u16) -> u16 {
    match data_type {
        DataType::Bool | DataType::Sint | DataType::Usint | DataType::Int | DataType::Uint => 1,
        DataType::Dint | DataType::Udint | DataType::Real => 2,
        DataType::Lint | DataType::Ulint | DataType::Lreal => 4,
        DataType::String => string_bytes.div_ceil(2),
    }
}

/// Why address and type don't fit each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointError {
    /// A coil or discrete input can only be BOOL.
    BitTableHoldsBool,
    /// BOOL in a register without saying which bit.
    BoolNeedsBit(Address),
    /// A bit of a register can only be BOOL.
    BitIsBool(Address),
    /// The value reaches beyond address 65535.
    BeyondTable(Address),
    /// A STRING without a length, or longer than one answer.
    StringLength,
    /// Values of this type cannot be packed like that.
    CodecOfOtherType(Codec, DataType),
}

impl PointError {
    /// What to write instead.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::BitTableHoldsBool => "use type BOOL, or an address in `hr:` or `ir:`",
            Self::BoolNeedsBit(_) => "add the bit, 0 (least significant) to 15: `hr:100.0`",
            Self::BitIsBool(_) => "use type BOOL, or leave out the part behind the dot",
            Self::BeyondTable(_) => "is the type too wide, or the address off?",
            Self::StringLength => "write `STRING[n]` with 1 to 250 bytes",
            Self::CodecOfOtherType(codec, _) => match codec {
                Codec::Plain => "",
                Codec::Bcd => "use type USINT, UINT, UDINT or ULINT",
                Codec::M10k => "use type UDINT, DINT, ULINT or LINT",
                Codec::SignMagnitude => "use type INT, DINT or LINT",
                Codec::Float16 => "use type REAL; it takes one register then",
            },
        }
    }
}

impl fmt::Display for PointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BitTableHoldsBool => f.write_str("a coil or discrete input holds only BOOL"),
            Self::BoolNeedsBit(at) => write!(f, "which bit of register {at} is meant?"),
            Self::BitIsBool(at) => write!(f, "{at} is a single bit"),
            Self::BeyondTable(at) => {
                write!(f, "the value at {at} reaches beyond the last address of its table")
            }
            Self::StringLength => f.write_str("the text has no length that fits one answer"),
            Self::CodecOfOtherType(codec, data_type) => {
                let codec = codec.name().unwrap_or_default();
                write!(f, "`{codec}` does not pack values of type {}", data_type.name())
            }
        }
    }
}

impl core::error::Error for PointError {}

impl Point {
    /// Whether address and type fit each other; the map is checked with this
    /// and the read planner refuses what it refuses.
    ///
    /// # Errors
    /// The first [`PointError`] that applies.
    pub fn check(&self) -> Result<(), PointError> {
        let is_bool = self.data_type == DataType::Bool;
        if self.address.table.is_bits() {
            if !is_bool || self.address.bit.is_some() {
                return Err(PointError::BitTableHoldsBool);
            }
        } else {
            match (is_bool, self.address.bit) {
                (true, None) => return Err(PointError::BoolNeedsBit(self.address)),
                (false, Some(_)) => return Err(PointError::BitIsBool(self.address)),
                (true, Some(bit)) if bit > 15 => {
                    return Err(PointError::BoolNeedsBit(self.address));
                }
                _ => {}
            }
        }
        if self.data_type == DataType::String
            && !(1..=MAX_STRING_BYTES).contains(&self.string_bytes)
        {
            return Err(PointError::StringLength);
        }
        if !self.codec.fits(self.data_type) {
            return Err(PointError::CodecOfOtherType(self.codec, self.data_type));
        }
        if u32::from(self.width()) > self.address.room() {
            return Err(PointError::BeyondTable(self.address));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Point, PointError, RegisterOrder};
    use crate::Codec;
    use forehearth_model::DataType;

    fn point(at: &str, data_type: DataType, string_bytes: u16) -> Point {
        let address = at.parse().unwrap();
        let codec = Codec::Plain;
        Point { address, data_type, order: RegisterOrder::Abcd, string_bytes, codec }
    }

    #[test]
    fn address_and_type_must_fit_each_other() {
        for (at, data_type, bytes) in [
            ("co:0", DataType::Bool, 0),
            ("hr:0.3", DataType::Bool, 0),
            ("hr:65534", DataType::Real, 0),
            ("ir:65535", DataType::Sint, 0),
            ("hr:0", DataType::String, 250),
        ] {
            assert_eq!(point(at, data_type, bytes).check(), Ok(()), "{at}");
        }
        let refused = |at, data_type, bytes| point(at, data_type, bytes).check().unwrap_err();
        assert_eq!(refused("di:0", DataType::Int, 0), PointError::BitTableHoldsBool);
        assert!(matches!(refused("hr:0", DataType::Bool, 0), PointError::BoolNeedsBit(_)));
        assert!(matches!(refused("hr:0.1", DataType::Int, 0), PointError::BitIsBool(_)));
        assert!(matches!(refused("hr:65535", DataType::Real, 0), PointError::BeyondTable(_)));
        assert_eq!(refused("hr:0", DataType::String, 0), PointError::StringLength);
        assert_eq!(refused("hr:0", DataType::String, 251), PointError::StringLength);
        let coded = |data_type, codec| Point { codec, ..point("hr:65535", data_type, 0) }.check();
        assert_eq!(coded(DataType::Real, Codec::Float16), Ok(()), "one register");
        let refused = PointError::CodecOfOtherType(Codec::Bcd, DataType::Int);
        assert_eq!(coded(DataType::Int, Codec::Bcd), Err(refused));
    }
}
