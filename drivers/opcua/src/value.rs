//! What an OPC UA value is to the gateway.
//!
//! Integers keep their sign and every bit. A DateTime becomes microseconds
//! since 1970 (LINT) so that it can be compared and scaled like any number;
//! a tag of type STRING gets it as ISO 8601 text. Localized text, GUID, node
//! ids and qualified names become text, a ByteString its bytes in hexadecimal.
//! Of arrays and structures a tag takes a part; whole, they have no place in
//! one and are a mistake of the map.

use std::sync::Arc;

use forehearth_model::{DataType, Quality, Stamp, Value};
use opcua::types::custom::DynamicStructure;
use opcua::types::{DateTime, Variant};

use crate::address::Part;

/// 100 ns ticks from 1601-01-01, where OPC UA counts from, to 1970-01-01.
const TICKS_TO_1970: i64 = 116_444_736_000_000_000;
const TICKS_PER_MICROSECOND: i64 = 10;

/// The value as the tag wants it; `None` as type takes what the server has.
///
/// # Errors
/// `BadConfiguration` when the type doesn't fit, `BadSensorFailure` for NaN,
/// `BadDeviceFailure` for no value at all.
pub(crate) fn value(variant: &Variant, wanted: Option<DataType>) -> Result<Value, Quality> {
    let natural = match variant {
        Variant::DateTime(time) if wanted == Some(DataType::String) => {
            return Ok(Value::Text(Arc::from(stamp(time).to_string())));
        }
        other => natural(other)?,
    };
    if natural.as_f64().is_some_and(f64::is_nan) {
        return Err(Quality::BadSensorFailure);
    }
    match wanted {
        Some(data_type) => cast(natural, data_type).ok_or(Quality::BadConfiguration),
        None => Ok(natural),
    }
}

fn natural(variant: &Variant) -> Result<Value, Quality> {
    Ok(match variant {
        Variant::Boolean(bit) => Value::Bool(*bit),
        Variant::SByte(int) => Value::Int(i64::from(*int)),
        Variant::Int16(int) => Value::Int(i64::from(*int)),
        Variant::Int32(int) => Value::Int(i64::from(*int)),
        Variant::Int64(int) => Value::Int(*int),
        Variant::Byte(int) => Value::UInt(u64::from(*int)),
        Variant::UInt16(int) => Value::UInt(u64::from(*int)),
        Variant::UInt32(int) => Value::UInt(u64::from(*int)),
        Variant::UInt64(int) => Value::UInt(*int),
        Variant::Float(real) => Value::F32(*real),
        Variant::Double(real) => Value::F64(*real),
        Variant::String(text) => Value::Text(Arc::from(text.as_ref())),
        Variant::LocalizedText(text) => Value::Text(Arc::from(text.text.as_ref())),
        Variant::Guid(guid) => Value::Text(Arc::from(guid.to_string())),
        Variant::NodeId(node) => Value::Text(Arc::from(node.to_string())),
        Variant::QualifiedName(name) => Value::Text(Arc::from(name.name.as_ref())),
        Variant::StatusCode(code) => Value::UInt(u64::from(code.bits())),
        Variant::DateTime(time) => Value::Int(stamp(time).micros()),
        Variant::ByteString(bytes) => Value::Text(Arc::from(hex(bytes.as_ref()))),
        Variant::Variant(inner) => return natural(inner),
        Variant::Empty => return Err(Quality::BadDeviceFailure),
        _ => return Err(Quality::BadConfiguration),
    })
}

/// Bytes as people compare them. A ByteString is bounded by the session.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
    }
    text
}

/// A part of a value; `None` when it has no such part.
pub(crate) fn part<'v>(variant: &'v Variant, part: &Part) -> Option<&'v Variant> {
    let mut found = variant;
    for field in &part.fields {
        let (name, element) = match field.strip_suffix(']').and_then(|f| f.rsplit_once('[')) {
            Some((name, digits)) => (name, Some(digits.parse().ok()?)),
            None => (field.as_str(), None),
        };
        let Variant::ExtensionObject(object) = found else { return None };
        found = object.inner_as::<DynamicStructure>()?.get_field_by_name(name)?;
        if let Some(element) = element {
            found = at(found, element)?;
        }
    }
    match part.element {
        Some(element) => at(found, element as usize),
        None => Some(found),
    }
}

/// An element of an array; matrices row by row, as they are sent.
fn at(variant: &Variant, element: usize) -> Option<&Variant> {
    match variant {
        Variant::Array(array) => array.values.get(element),
        _ => None,
    }
}

/// The same quantity in the tag's type; `None` when it doesn't fit. Reals may
/// lose digits to a REAL, an integer never loses its value to an integer.
fn cast(value: Value, data_type: DataType) -> Option<Value> {
    let (bits, signed) = match data_type {
        DataType::Bool => return matches!(value, Value::Bool(_)).then_some(value),
        DataType::String => return matches!(value, Value::Text(_)).then_some(value),
        DataType::Real => return real(&value),
        DataType::Lreal => return Some(Value::F64(number(&value)?)),
        DataType::Sint => (8, true),
        DataType::Int => (16, true),
        DataType::Dint => (32, true),
        DataType::Lint => (64, true),
        DataType::Usint => (8, false),
        DataType::Uint => (16, false),
        DataType::Udint => (32, false),
        DataType::Ulint => (64, false),
    };
    let int = match value {
        Value::Int(int) => i128::from(int),
        Value::UInt(int) => i128::from(int),
        _ => return None,
    };
    if signed {
        let fits = (-(1_i128 << (bits - 1))..1_i128 << (bits - 1)).contains(&int);
        i64::try_from(int).ok().filter(|_| fits).map(Value::Int)
    } else {
        let fits = (0..1_i128 << bits).contains(&int);
        u64::try_from(int).ok().filter(|_| fits).map(Value::UInt)
    }
}

fn number(value: &Value) -> Option<f64> {
    (!matches!(value, Value::Bool(_))).then(|| value.as_f64())?
}

#[expect(clippy::cast_possible_truncation, reason = "a REAL tag asked for 24 bits of precision")]
fn real(value: &Value) -> Option<Value> {
    match value {
        Value::F32(real) => Some(Value::F32(*real)),
        other => Some(Value::F32(number(other)? as f32)),
    }
}

/// A DateTime as gateway stamp. OPC UA's smallest time is 1601-01-01.
pub(crate) fn stamp(time: &DateTime) -> Stamp {
    Stamp((time.ticks() - TICKS_TO_1970).div_euclid(TICKS_PER_MICROSECOND))
}

/// A gateway stamp as DateTime.
pub(crate) fn date_time(stamp: Stamp) -> DateTime {
    let ticks = stamp.micros().saturating_mul(TICKS_PER_MICROSECOND);
    DateTime::from(ticks.saturating_add(TICKS_TO_1970))
}

#[cfg(test)]
mod tests {
    use super::{date_time, stamp, value};
    use forehearth_model::{DataType, Quality, Stamp, Value};
    use opcua::types::{DateTime, LocalizedText, Variant};
    use proptest::prelude::*;

    #[test]
    fn integers_keep_their_sign_and_every_bit() {
        assert_eq!(value(&Variant::SByte(-1), None), Ok(Value::Int(-1)));
        assert_eq!(value(&Variant::UInt64(u64::MAX), None), Ok(Value::UInt(u64::MAX)));
        assert_eq!(value(&Variant::Int64(i64::MIN), None), Ok(Value::Int(i64::MIN)));
        assert_eq!(value(&Variant::Byte(255), Some(DataType::Int)), Ok(Value::Int(255)));
    }

    #[test]
    fn a_value_that_does_not_fit_its_tag_is_a_mistake_of_the_map() {
        let bad = Err(Quality::BadConfiguration);
        assert_eq!(value(&Variant::Int32(40_000), Some(DataType::Int)), bad);
        assert_eq!(value(&Variant::Int32(-1), Some(DataType::Udint)), bad);
        assert_eq!(value(&Variant::Double(1.5), Some(DataType::Dint)), bad);
        assert_eq!(value(&Variant::from("7"), Some(DataType::Int)), bad);
        assert_eq!(value(&Variant::Boolean(true), Some(DataType::Lreal)), bad);
        assert_eq!(value(&Variant::Int32(1), Some(DataType::Bool)), bad);
        assert_eq!(value(&Variant::from(vec![1_i32, 2]), None), bad);
    }

    #[test]
    fn a_missing_value_and_not_a_number_are_never_passed_on() {
        assert_eq!(value(&Variant::Empty, None), Err(Quality::BadDeviceFailure));
        assert_eq!(value(&Variant::Float(f32::NAN), None), Err(Quality::BadSensorFailure));
        assert_eq!(
            value(&Variant::Double(f64::NAN), Some(DataType::Real)),
            Err(Quality::BadSensorFailure)
        );
    }

    #[test]
    fn a_time_is_microseconds_or_text_as_the_tag_wants() {
        let time = || Variant::DateTime(Box::new(date_time(Stamp(1_709_210_096_007_000))));
        assert_eq!(value(&time(), None), Ok(Value::Int(1_709_210_096_007_000)));
        assert_eq!(
            value(&time(), Some(DataType::String)),
            Ok(Value::Text("2024-02-29T12:34:56.007Z".into()))
        );
    }

    #[test]
    fn text_of_every_kind_is_text() {
        let label = Variant::LocalizedText(Box::new(LocalizedText::new("en", "running")));
        assert_eq!(value(&label, Some(DataType::String)), Ok(Value::Text("running".into())));
    }

    #[test]
    fn the_oldest_time_of_opc_ua_does_not_overflow() {
        assert_eq!(stamp(&DateTime::null()), Stamp(-11_644_473_600_000_000));
        let _ = date_time(Stamp(i64::MAX));
        let _ = date_time(Stamp(i64::MIN));
    }

    proptest! {
        #[test]
        fn a_stamp_survives(micros in 0_i64..4_000_000_000_000_000) {
            prop_assert_eq!(stamp(&date_time(Stamp(micros))), Stamp(micros));
        }

        #[test]
        fn an_integer_never_changes_its_value(int: i64) {
            for data_type in DataType::ALL {
                if let Ok(Value::Int(got)) = value(&Variant::Int64(int), Some(data_type)) {
                    prop_assert_eq!(got, int);
                }
                if let Ok(Value::UInt(got)) = value(&Variant::Int64(int), Some(data_type)) {
                    prop_assert_eq!(i128::from(got), i128::from(int));
                }
            }
        }
    }
}
