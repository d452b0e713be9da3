//! A point: where on a Modbus device a tag lives and how its words are read.

use forehearth_model::DataType;

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
}

impl Point {
    /// How many consecutive registers (or bits, in the bit tables) the value occupies.
    #[must_use]
    pub const fn width(&self) -> u16 {
        match self.data_type {
            DataType::Bool | DataType::Sint | DataType::Usint | DataType::Int | DataType::Uint => 1,
            DataType::Dint | DataType::Udint | DataType::Real => 2,
            DataType::Lint | DataType::Ulint | DataType::Lreal => 4,
            DataType::String => self.string_bytes.div_ceil(2),
        }
    }
}
