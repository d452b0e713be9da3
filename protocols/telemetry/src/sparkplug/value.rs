//! A value as the wire field its datatype asks for, and back.

use std::sync::Arc;

use forehearth_model::Value;

use super::DataType;
use crate::proto::sparkplug::payload::metric;

/// The wire value of an engineering value; `None` when it is null or cannot
/// be of this type, and the metric must then say `is_null`.
#[must_use]
pub fn metric_value(data_type: DataType, value: &Value) -> Option<metric::Value> {
    Some(match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => {
            metric::Value::IntValue((integer(value)? as i32).cast_unsigned())
        }
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            metric::Value::IntValue(integer(value)? as u32)
        }
        DataType::Int64 | DataType::UInt64 | DataType::DateTime => {
            metric::Value::LongValue(integer(value)?.cast_unsigned())
        }
        DataType::Float => metric::Value::FloatValue(match value {
            Value::F32(real) => *real,
            _ => value.as_f64()? as f32,
        }),
        DataType::Double => metric::Value::DoubleValue(value.as_f64()?),
        DataType::Boolean => metric::Value::BooleanValue(match value {
            Value::Bool(bit) => *bit,
            _ => value.as_f64()? != 0.0,
        }),
        DataType::String | DataType::Text | DataType::Uuid => match value {
            Value::Null => return None,
            _ => metric::Value::StringValue(value.to_string()),
        },
        _ => return None,
    })
}

/// The value behind a wire value. Without a datatype signed numbers can't be
/// told from unsigned ones and come as unsigned. `None` for bytes, data sets
/// and templates.
#[must_use]
pub fn model_value(data_type: Option<DataType>, value: &metric::Value) -> Option<Value> {
    use DataType as T;
    let integer = |bits: u64| match data_type {
        Some(T::Int8) => Value::Int(i64::from(bits as i8)),
        Some(T::Int16) => Value::Int(i64::from(bits as i16)),
        Some(T::Int32) => Value::Int(i64::from(bits as i32)),
        Some(T::Int64) => Value::Int(bits.cast_signed()),
        _ => Value::UInt(bits),
    };
    Some(match value {
        metric::Value::IntValue(bits) => integer(u64::from(*bits)),
        metric::Value::LongValue(bits) => integer(*bits),
        metric::Value::FloatValue(real) => Value::F32(*real),
        metric::Value::DoubleValue(real) => Value::F64(*real),
        metric::Value::BooleanValue(bit) => Value::Bool(*bit),
        metric::Value::StringValue(text) => Value::Text(Arc::from(text.as_str())),
        metric::Value::BytesValue(_)
        | metric::Value::DatasetValue(_)
        | metric::Value::TemplateValue(_) => return None,
    })
}

/// The 64 bits of a whole number; unsigned ones as their bits.
const fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Null | Value::Text(_) => None,
        Value::Bool(bit) => Some(*bit as i64),
        Value::Int(int) => Some(*int),
        Value::UInt(int) => Some(int.cast_signed()),
        Value::F32(real) => Some(*real as i64),
        Value::F64(real) => Some(*real as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_are_sign_extended() {
        let value = |data_type| metric_value(data_type, &Value::Int(-2));
        assert_eq!(value(DataType::Int8), Some(metric::Value::IntValue(0xffff_fffe)));
        assert_eq!(value(DataType::Int16), Some(metric::Value::IntValue(0xffff_fffe)));
        assert_eq!(value(DataType::Int64), Some(metric::Value::LongValue(u64::MAX - 1)));
        for data_type in [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64] {
            let wire = value(data_type).unwrap();
            assert_eq!(model_value(Some(data_type), &wire), Some(Value::Int(-2)));
        }
    }

    #[test]
    fn a_large_unsigned_number_keeps_its_bits() {
        let wire = metric_value(DataType::UInt64, &Value::UInt(u64::MAX)).unwrap();
        assert_eq!(model_value(Some(DataType::UInt64), &wire), Some(Value::UInt(u64::MAX)));
        let wire = metric_value(DataType::UInt32, &Value::UInt(4_000_000_000)).unwrap();
        assert_eq!(wire, metric::Value::IntValue(4_000_000_000));
    }

    #[test]
    fn what_does_not_fit_its_type_is_null_and_never_a_made_up_number() {
        assert_eq!(metric_value(DataType::Int32, &Value::Text("x".into())), None);
        assert_eq!(metric_value(DataType::Double, &Value::Null), None);
        assert_eq!(metric_value(DataType::String, &Value::Null), None);
    }
}
