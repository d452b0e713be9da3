//! A codec: how a device packs a number into its registers when it is neither two's complement nor an IEEE float of its full width.

use core::fmt;
use core::str::FromStr;

use forehearth_model::{DataType, Value};

/// What one register of `m10k` holds at most, plus one.
const M10K: u64 = 10_000;

/// How digits are packed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Codec {
    /// As the type says.
    #[default]
    Plain,
    /// A decimal digit in every four bits: 0x1234 is 1234. Unsigned integers.
    Bcd,
    /// Every register holds four decimal digits, 0 to 9,999; of a signed type
    /// each register has the sign, too (power meters of Schneider's ION
    /// series). Integers of 32 and 64 bits.
    M10k,
    /// The highest bit is the sign, the others are the amount: 0x8001 is -1.
    /// Signed integers of at least 16 bits.
    SignMagnitude,
    /// A float of 16 bits in one register (IEEE 754 binary16); type REAL.
    Float16,
}

impl Codec {
    /// As a map names it; `None` for [`Plain`](Self::Plain).
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::Bcd => "bcd",
            Self::M10k => "m10k",
            Self::SignMagnitude => "sign-magnitude",
            Self::Float16 => "float16",
        })
    }

    /// Whether values of this type can be packed like that.
    #[must_use]
    pub const fn fits(self, data_type: DataType) -> bool {
        use DataType::{Dint, Int, Lint, Real, Udint, Uint, Ulint, Usint};
        match self {
            Self::Plain => true,
            Self::Bcd => matches!(data_type, Usint | Uint | Udint | Ulint),
            Self::M10k => matches!(data_type, Dint | Udint | Lint | Ulint),
            Self::SignMagnitude => matches!(data_type, Int | Dint | Lint),
            Self::Float16 => matches!(data_type, Real),
        }
    }

    /// Bits of a value of this type.
    pub(crate) const fn bits(self, data_type: DataType) -> u32 {
        use DataType::{Dint, Int, Real, Sint, Udint, Uint, Usint};
        match (self, data_type) {
            (Self::Float16, _) => 16,
            (_, Sint | Usint) => 8,
            (_, Int | Uint) => 16,
            (_, Dint | Udint | Real) => 32,
            _ => 64,
        }
    }

    /// The value packed in `raw`, whose bits beyond those of the type are 0.
    /// `None` when no value is packed like that: a digit above nine.
    pub(crate) fn unpack(self, data_type: DataType, raw: u64) -> Option<Value> {
        let bits = self.bits(data_type);
        match self {
            Self::Plain => None,
            Self::Bcd => digits(raw).map(Value::UInt),
            Self::M10k if matches!(data_type, DataType::Udint | DataType::Ulint) => {
                words(raw, bits)
                    .try_fold(0, |sum, word| {
                        (u64::from(word) < M10K).then_some(sum * M10K + u64::from(word))
                    })
                    .map(Value::UInt)
            }
            Self::M10k => signed_words(raw, bits).map(Value::Int),
            Self::SignMagnitude => {
                let sign = 1 << (bits - 1);
                let amount = i64::try_from(raw & (sign - 1)).ok()?;
                Some(Value::Int(if raw & sign == 0 { amount } else { -amount }))
            }
            Self::Float16 => Some(Value::F32(half(raw as u16))),
        }
    }

    /// The other way; `None` when `value` has no such form.
    pub(crate) fn pack(self, data_type: DataType, value: &Value) -> Option<u64> {
        let bits = self.bits(data_type);
        let packed = match (self, value) {
            (Self::Bcd, Value::UInt(number)) => bcd(*number)?,
            (Self::M10k, Value::UInt(number)) => in_words(*number, bits, |word| word)?,
            (Self::M10k, Value::Int(number)) => {
                let signed = |word: u16| if *number < 0 { word.wrapping_neg() } else { word };
                in_words(number.unsigned_abs(), bits, signed)?
            }
            (Self::SignMagnitude, Value::Int(number)) => {
                let sign = 1 << (bits - 1);
                let amount = number.unsigned_abs();
                (amount < sign).then_some(if *number < 0 { amount | sign } else { amount })?
            }
            (Self::Float16, Value::F32(real)) => u64::from(to_half(*real)?),
            _ => return None,
        };
        // What is unpacked again as something else did not fit.
        let fits = bits == 64 || packed >> bits == 0;
        let back = if fits { self.unpack(data_type, packed) } else { None };
        (back.as_ref() == Some(value)).then_some(packed)
    }
}

/// The registers of `raw`, the most significant first.
fn words(raw: u64, bits: u32) -> impl Iterator<Item = u16> {
    (0..bits / 16).rev().map(move |place| (raw >> (16 * place)) as u16)
}

fn signed_words(raw: u64, bits: u32) -> Option<i64> {
    let most = M10K as i64;
    let all = || words(raw, bits).map(|word| i64::from(word as i16));
    let in_range = all().all(|word| word.abs() < most);
    let one_sign = all().all(|word| word >= 0) || all().all(|word| word <= 0);
    (in_range && one_sign).then(|| all().fold(0, |sum, word| sum * most + word))
}

fn in_words(mut amount: u64, bits: u32, form: impl Fn(u16) -> u16) -> Option<u64> {
    let mut raw = 0;
    for place in 0..bits / 16 {
        raw |= u64::from(form((amount % M10K) as u16)) << (16 * place);
        amount /= M10K;
    }
    (amount == 0).then_some(raw)
}

fn digits(raw: u64) -> Option<u64> {
    (0..16).rev().map(|place| raw >> (4 * place) & 0xF).try_fold(0u64, |sum, digit| {
        // Sixteen digits are less than 2^64.
        (digit <= 9).then_some(sum.wrapping_mul(10).wrapping_add(digit))
    })
}

fn bcd(mut number: u64) -> Option<u64> {
    let mut raw = 0;
    for place in 0..16 {
        raw |= (number % 10) << (4 * place);
        number /= 10;
    }
    (number == 0).then_some(raw)
}

/// IEEE 754-2019, 3.4: a sign, 5 bits of exponent with bias 15, 10 of fraction.
fn half(raw: u16) -> f32 {
    let sign = u32::from(raw >> 15) << 31;
    let exponent = u32::from(raw >> 10 & 0x1F);
    let fraction = u32::from(raw & 0x3FF);
    match exponent {
        // Subnormal: the fraction counts in units of 2^-24.
        0 => {
            let amount = fraction as f32 / 16_777_216.0;
            if sign == 0 { amount } else { -amount }
        }
        0x1F => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// Only what a half holds exactly: a value must be read back as it was written.
fn to_half(real: f32) -> Option<u16> {
    // There are 65,536 of them, and writing is rare.
    (0..=u16::MAX).find(|raw| half(*raw).to_bits() == real.to_bits() && real.is_finite())
}

/// A text that names no codec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodecError;

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a codec: write bcd, m10k, sign-magnitude or float16")
    }
}

impl core::error::Error for CodecError {}

impl FromStr for Codec {
    type Err = CodecError;

    fn from_str(text: &str) -> Result<Self, CodecError> {
        [Self::Bcd, Self::M10k, Self::SignMagnitude, Self::Float16]
            .into_iter()
            .find(|codec| codec.name() == Some(text))
            .ok_or(CodecError)
    }
}

#[cfg(test)]
mod tests {
    use super::{Codec, half};
    use forehearth_model::{DataType, Value};
    use proptest::prelude::*;

    #[test]
    fn every_codec_reads_what_its_makers_say() {
        let read = |codec: Codec, data_type, raw| codec.unpack(data_type, raw);
        use Codec::{Bcd, Float16, M10k, SignMagnitude};
        for (codec, data_type, raw, value) in [
            (Bcd, DataType::Uint, 0x1234, Some(Value::UInt(1234))),
            (Bcd, DataType::Usint, 0x59, Some(Value::UInt(59))),
            (Bcd, DataType::Udint, 0x9999_9999, Some(Value::UInt(99_999_999))),
            (Bcd, DataType::Uint, 0x12A4, None),
            (M10k, DataType::Udint, 1234 << 16 | 5678, Some(Value::UInt(12_345_678))),
            (M10k, DataType::Udint, 1 << 16 | 10_000, None),
            (M10k, DataType::Dint, 0xFFFF_FFFE, Some(Value::Int(-10_002))),
            (M10k, DataType::Dint, 0xFFFF_0002, None), // two signs
            (SignMagnitude, DataType::Int, 0x8001, Some(Value::Int(-1))),
            (SignMagnitude, DataType::Int, 0x7FFF, Some(Value::Int(32_767))),
            (SignMagnitude, DataType::Dint, 0x8000_0000, Some(Value::Int(0))),
            (Float16, DataType::Real, 0x3C00, Some(Value::F32(1.0))),
            (Float16, DataType::Real, 0xC000, Some(Value::F32(-2.0))),
            (Float16, DataType::Real, 0x7BFF, Some(Value::F32(65_504.0))),
            (Float16, DataType::Real, 0x3555, Some(Value::F32(0.333_251_95))),
        ] {
            assert_eq!(read(codec, data_type, raw), value, "{codec:?} {raw:#x}");
        }
        assert_eq!(half(1), 5.960_464_5e-8, "the smallest");
        assert!(half(0x7C00).is_infinite() && half(0x7E00).is_nan());
        assert_eq!(Bcd.pack(DataType::Uint, &Value::UInt(10_000)), None);
        assert_eq!(M10k.pack(DataType::Udint, &Value::UInt(100_000_000)), None);
        assert_eq!(SignMagnitude.pack(DataType::Int, &Value::Int(-32_768)), None);
        assert_eq!(Float16.pack(DataType::Real, &Value::F32(1.0001)), None);
    }

    #[test]
    fn a_codec_is_named_as_in_the_map() {
        for name in ["bcd", "m10k", "sign-magnitude", "float16"] {
            assert_eq!(name.parse::<Codec>().unwrap().name(), Some(name));
        }
        assert!("BCD".parse::<Codec>().is_err() && "plain".parse::<Codec>().is_err());
    }

    proptest! {
        #[test]
        fn what_can_be_packed_is_unpacked_as_the_same(raw: u64, shift in 0u32..64) {
            for codec in [Codec::Bcd, Codec::M10k, Codec::SignMagnitude] {
                for data_type in DataType::ALL.into_iter().filter(|of| codec.fits(*of)) {
                    let amount = raw >> shift;
                    let unsigned = matches!(
                        data_type,
                        DataType::Usint | DataType::Uint | DataType::Udint | DataType::Ulint
                    );
                    let value =
                        if unsigned { Value::UInt(amount) } else { Value::Int(amount as i64) };
                    if let Some(packed) = codec.pack(data_type, &value) {
                        prop_assert_eq!(codec.unpack(data_type, packed), Some(value));
                    }
                    let bits = codec.bits(data_type);
                    let any = if bits == 64 { raw } else { raw & ((1 << bits) - 1) };
                    if let Some(value) = codec.unpack(data_type, any) {
                        let again = codec.pack(data_type, &value);
                        let same = again.and_then(|raw| codec.unpack(data_type, raw));
                        prop_assert_eq!(same, Some(value));
                    }
                }
            }
        }
    }
}
