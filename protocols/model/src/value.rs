//! What a tag held, as the device gave it.

use alloc::sync::Arc;
use core::fmt;

/// One value, raw: integers stay integers, scaling is in the catalogue.
/// `Null` stands where nothing could be read.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value {
    /// Nothing could be read; the quality says why.
    #[default]
    Null,
    /// A bit.
    Bool(bool),
    /// Any signed integer type, sign-extended.
    Int(i64),
    /// Any unsigned integer type, zero-extended.
    UInt(u64),
    /// REAL.
    F32(f32),
    /// LREAL.
    F64(f64),
    /// STRING.
    Text(Arc<str>),
}

impl Value {
    /// The value as a number, for scaling and comparison; integers beyond
    /// 2^53 lose their last bits. `None` for null and text.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "documented: beyond 2^53 the last bits go")]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Null | Self::Text(_) => None,
            Self::Bool(bit) => Some(f64::from(u8::from(bit))),
            Self::Int(int) => Some(int as f64),
            Self::UInt(int) => Some(int as f64),
            Self::F32(real) => Some(f64::from(real)),
            Self::F64(real) => Some(real),
        }
    }

    /// Whether nothing could be read.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Equality for report by exception and round trips: floats by their
    /// bits, so that NaN equals itself and 0.0 differs from -0.0.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::F32(a), Self::F32(b)) => a.to_bits() == b.to_bits(),
            (Self::F64(a), Self::F64(b)) => a.to_bits() == b.to_bits(),
            _ => self == other,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("-"),
            Self::Bool(bit) => write!(f, "{bit}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::UInt(int) => write!(f, "{int}"),
            Self::F32(real) => write!(f, "{real}"),
            Self::F64(real) => write!(f, "{real}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
