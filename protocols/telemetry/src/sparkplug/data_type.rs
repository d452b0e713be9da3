//! The datatype code of a metric.

use forehearth_model::{self as model, TagEntry};

/// Sparkplug 3.0, 6.4.16. The numbers are the wire codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum DataType {
    Unknown = 0,
    Int8 = 1,
    Int16 = 2,
    Int32 = 3,
    Int64 = 4,
    UInt8 = 5,
    UInt16 = 6,
    UInt32 = 7,
    UInt64 = 8,
    Float = 9,
    Double = 10,
    Boolean = 11,
    String = 12,
    DateTime = 13,
    Text = 14,
    Uuid = 15,
    DataSet = 16,
    Bytes = 17,
    File = 18,
    Template = 19,
    PropertySet = 20,
    PropertySetList = 21,
    Int8Array = 22,
    Int16Array = 23,
    Int32Array = 24,
    Int64Array = 25,
    UInt8Array = 26,
    UInt16Array = 27,
    UInt32Array = 28,
    UInt64Array = 29,
    FloatArray = 30,
    DoubleArray = 31,
    BooleanArray = 32,
    StringArray = 33,
    DateTimeArray = 34,
}

impl DataType {
    /// Every type, in wire order.
    pub const ALL: [Self; 35] = [
        Self::Unknown,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
        Self::Float,
        Self::Double,
        Self::Boolean,
        Self::String,
        Self::DateTime,
        Self::Text,
        Self::Uuid,
        Self::DataSet,
        Self::Bytes,
        Self::File,
        Self::Template,
        Self::PropertySet,
        Self::PropertySetList,
        Self::Int8Array,
        Self::Int16Array,
        Self::Int32Array,
        Self::Int64Array,
        Self::UInt8Array,
        Self::UInt16Array,
        Self::UInt32Array,
        Self::UInt64Array,
        Self::FloatArray,
        Self::DoubleArray,
        Self::BooleanArray,
        Self::StringArray,
        Self::DateTimeArray,
    ];

    /// The wire code.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The type behind a wire code.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.get(code as usize).copied()
    }

    /// How a tag is published: Double when it is scaled, else as its IEC type.
    #[must_use]
    pub fn of(tag: &TagEntry) -> Self {
        match tag.data_type {
            model::DataType::Bool => Self::Boolean,
            model::DataType::String => Self::String,
            _ if !tag.scaling.is_none() => Self::Double,
            model::DataType::Sint => Self::Int8,
            model::DataType::Usint => Self::UInt8,
            model::DataType::Int => Self::Int16,
            model::DataType::Uint => Self::UInt16,
            model::DataType::Dint => Self::Int32,
            model::DataType::Udint => Self::UInt32,
            model::DataType::Lint => Self::Int64,
            model::DataType::Ulint => Self::UInt64,
            model::DataType::Real => Self::Float,
            model::DataType::Lreal => Self::Double,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_positions_without_a_hole() {
        for (code, data_type) in (0..).zip(DataType::ALL) {
            assert_eq!(data_type.code(), code);
            assert_eq!(DataType::from_code(code), Some(data_type));
        }
        assert_eq!(DataType::from_code(35), None);
    }
}
