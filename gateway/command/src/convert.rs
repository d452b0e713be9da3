//! From engineering units back to the raw number of the device.

use forehearth_model::{DataType, Scaling, Value};

/// Why a value can't become the tag's type.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum Misfit {
    /// Text for a number, or the other way round; nothing at all.
    #[error("the value must be a {0}")]
    WrongKind(&'static str),
    /// NaN or infinite.
    #[error("the value must be a finite number")]
    NotFinite,
    /// The raw number does not fit the type.
    #[error("the value does not fit {0} after scaling")]
    TooLarge(&'static str),
    /// Tags of this type can't be written.
    #[error("tags of type {0} cannot be written")]
    Type(&'static str),
}

/// The raw value to send for `value` in engineering units.
///
/// # Errors
/// When it can't be told exactly what the device should hold.
pub(crate) fn raw(value: &Value, data_type: DataType, scaling: &Scaling) -> Result<Value, Misfit> {
    match data_type {
        DataType::Bool => bit(value).map(Value::Bool),
        DataType::String => Err(Misfit::Type("STRING")),
        DataType::Real => unscaled(value, scaling).and_then(real),
        DataType::Lreal => unscaled(value, scaling).map(Value::F64),
        _ => integer(value, data_type, scaling),
    }
}

fn bit(value: &Value) -> Result<bool, Misfit> {
    match value {
        Value::Bool(bit) => Ok(*bit),
        Value::Int(0) | Value::UInt(0) => Ok(false),
        Value::Int(1) | Value::UInt(1) => Ok(true),
        _ => Err(Misfit::WrongKind("true or false")),
    }
}

fn unscaled(value: &Value, scaling: &Scaling) -> Result<f64, Misfit> {
    if matches!(value, Value::Bool(_)) {
        return Err(Misfit::WrongKind("number"));
    }
    let number = value.as_f64().ok_or(Misfit::WrongKind("number"))?;
    let raw = (number - scaling.offset) / scaling.scale;
    if raw.is_finite() { Ok(raw) } else { Err(Misfit::NotFinite) }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to REAL is what the device does")]
fn real(raw: f64) -> Result<Value, Misfit> {
    let short = raw as f32;
    if short.is_finite() { Ok(Value::F32(short)) } else { Err(Misfit::TooLarge("REAL")) }
}

/// Unscaled integers stay exact beyond 2^53; scaled ones are rounded to the
/// nearest count.
fn integer(value: &Value, data_type: DataType, scaling: &Scaling) -> Result<Value, Misfit> {
    let wide = match (value, scaling.is_none()) {
        (Value::Int(int), true) => i128::from(*int),
        (Value::UInt(int), true) => i128::from(*int),
        _ => rounded(unscaled(value, scaling)?, data_type)?,
    };
    let (low, high) = range(data_type);
    if !(low..=high).contains(&wide) {
        return Err(Misfit::TooLarge(data_type.name()));
    }
    let too_large = Misfit::TooLarge(data_type.name());
    if low < 0 {
        i64::try_from(wide).map(Value::Int).map_err(|_| too_large)
    } else {
        u64::try_from(wide).map(Value::UInt).map_err(|_| too_large)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded on the line before")]
fn rounded(raw: f64, data_type: DataType) -> Result<i128, Misfit> {
    if raw.abs() > 1e20 {
        return Err(Misfit::TooLarge(data_type.name()));
    }
    Ok(raw.round() as i128)
}

fn range(data_type: DataType) -> (i128, i128) {
    let signed = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    let unsigned = |bits: u32| (0, (1_i128 << bits) - 1);
    match data_type {
        DataType::Sint => signed(8),
        DataType::Int => signed(16),
        DataType::Dint => signed(32),
        DataType::Lint => signed(64),
        DataType::Usint => unsigned(8),
        DataType::Uint => unsigned(16),
        DataType::Udint => unsigned(32),
        _ => unsigned(64),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TENTH: Scaling = Scaling { scale: 0.1, offset: 0.0, clamp: None };

    #[test]
    fn a_scaled_value_becomes_the_nearest_count() {
        assert_eq!(raw(&Value::F64(955.04), DataType::Int, &TENTH), Ok(Value::Int(9550)));
        assert_eq!(raw(&Value::Int(955), DataType::Uint, &TENTH), Ok(Value::UInt(9550)));
    }

    #[test]
    fn what_does_not_fit_is_refused_not_wrapped() {
        let none = Scaling::NONE;
        assert_eq!(raw(&Value::Int(40_000), DataType::Int, &none), Err(Misfit::TooLarge("INT")));
        assert_eq!(raw(&Value::Int(-1), DataType::Uint, &none), Err(Misfit::TooLarge("UINT")));
        assert_eq!(raw(&Value::F64(1e300), DataType::Ulint, &none), Err(Misfit::TooLarge("ULINT")));
        assert_eq!(raw(&Value::F64(f64::NAN), DataType::Real, &none), Err(Misfit::NotFinite));
        assert_eq!(raw(&Value::F64(1e39), DataType::Real, &none), Err(Misfit::TooLarge("REAL")));
    }

    #[test]
    fn a_bit_takes_a_bit_and_nothing_like_it() {
        let none = Scaling::NONE;
        assert_eq!(raw(&Value::Int(1), DataType::Bool, &none), Ok(Value::Bool(true)));
        assert!(raw(&Value::Int(2), DataType::Bool, &none).is_err());
        assert!(raw(&Value::Text("true".into()), DataType::Bool, &none).is_err());
        assert!(raw(&Value::Bool(true), DataType::Int, &none).is_err());
    }

    #[test]
    fn the_largest_integers_stay_exact() {
        let all = Value::UInt(u64::MAX);
        assert_eq!(raw(&all, DataType::Ulint, &Scaling::NONE), Ok(all));
    }

    proptest! {
        #[test]
        fn what_is_sent_reads_back_within_half_a_count(eng in -3000.0..3000.0_f64) {
            let Ok(Value::Int(count)) = raw(&Value::F64(eng), DataType::Int, &TENTH) else {
                panic!("fits")
            };
            let back = TENTH.apply(f64::from(i32::try_from(count).unwrap()));
            prop_assert!((back - eng).abs() <= 0.05 + 1e-9);
        }
    }
}
