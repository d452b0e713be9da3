//! The kind of a value on the wire, and its number in a column.

use forehearth_model::Value;

/// `forehearth.v1.Kind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Null = 0,
    Bool = 1,
    Int = 2,
    UInt = 3,
    F32 = 4,
    F64 = 5,
    Text = 6,
}

/// How many columns a section may have.
pub(super) const COLUMNS: usize = 4;

impl Kind {
    pub(super) const fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::UInt(_) => Self::UInt,
            Value::F32(_) => Self::F32,
            Value::F64(_) => Self::F64,
            Value::Text(_) => Self::Text,
        }
    }

    pub(super) const fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            0 => Self::Null,
            1 => Self::Bool,
            2 => Self::Int,
            3 => Self::UInt,
            4 => Self::F32,
            5 => Self::F64,
            6 => Self::Text,
            _ => return None,
        })
    }

    /// The column it stands in: bits, integers, reals, lreals.
    pub(super) const fn column(self) -> Option<usize> {
        match self {
            Self::Null | Self::Text => None,
            Self::Bool => Some(0),
            Self::Int | Self::UInt => Some(1),
            Self::F32 => Some(2),
            Self::F64 => Some(3),
        }
    }

    /// The value behind a number of its column. Bits beyond the kind's width
    /// don't come from us and are dropped.
    pub(super) const fn value(self, number: i64) -> Value {
        match self {
            Self::Null | Self::Text => Value::Null,
            Self::Bool => Value::Bool(number & 1 == 1),
            Self::Int => Value::Int(number),
            Self::UInt => Value::UInt(number.cast_unsigned()),
            Self::F32 => Value::F32(f32::from_bits(number as u32)),
            Self::F64 => Value::F64(f64::from_bits(number.cast_unsigned())),
        }
    }
}

/// The column and the number of a value; `None` for null and text.
pub(super) fn number(value: &Value) -> Option<(usize, i64)> {
    match *value {
        Value::Null | Value::Text(_) => None,
        Value::Bool(bit) => Some((0, i64::from(bit))),
        Value::Int(int) => Some((1, int)),
        Value::UInt(int) => Some((1, int.cast_signed())),
        Value::F32(real) => Some((2, i64::from(real.to_bits().cast_signed()))),
        Value::F64(real) => Some((3, real.to_bits().cast_signed())),
    }
}
