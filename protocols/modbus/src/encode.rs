//! From a value to what is written for it: the way of the decoder, backwards.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use forehearth_model::{DataType, Value};

use crate::{Point, RegisterOrder, Table, WriteRequest};

/// A value that cannot be written to a point, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit(String);

impl Unfit {
    pub(crate) fn new(reason: &dyn fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Unfit {}

fn unfit<T>(reason: impl fmt::Display) -> Result<T, Unfit> {
    Err(Unfit(reason.to_string()))
}

impl Point {
    /// The write after which the point is read as `value`. A bit of a register
    /// and a value of one byte leave the rest of their register alone.
    ///
    /// # Errors
    /// What the point cannot hold; also a table that cannot be written.
    pub fn write(&self, value: &Value) -> Result<WriteRequest, Unfit> {
        let at = self.address.offset;
        match (self.address.table, self.address.bit, value) {
            (Table::DiscreteInputs | Table::InputRegisters, ..) => {
                unfit("inputs cannot be written")
            }
            (Table::Coils, _, Value::Bool(on)) => Ok(WriteRequest::coil(at, *on)),
            (Table::HoldingRegisters, Some(bit), Value::Bool(on)) => {
                let mask = 1 << (bit & 15);
                Ok(self.part(mask, if *on { mask } else { 0 }))
            }
            (Table::Coils, ..) | (_, Some(_), _) => unfit("a bit is true or false"),
            (Table::HoldingRegisters, None, _) => self.write_words(value),
        }
    }

    fn write_words(&self, value: &Value) -> Result<WriteRequest, Unfit> {
        if let DataType::Sint | DataType::Usint = self.data_type {
            let byte = self.raw(value)? as u16 & 0xFF;
            return Ok(self.part(0xFF, byte));
        }
        let words = self.words(value)?;
        let request = match words.as_slice() {
            [word] => Some(WriteRequest::register(self.address.offset, *word)),
            words => WriteRequest::registers(self.address.offset, words),
        };
        request.ok_or_else(|| Unfit("one write cannot hold it".to_string()))
    }

    /// A write of the bits of `mask` only, both as they are read.
    fn part(&self, mask: u16, set: u16) -> WriteRequest {
        let arrives = |word: u16| if self.order.swaps_bytes() { word.swap_bytes() } else { word };
        WriteRequest::bits(self.address.offset, !arrives(mask), arrives(set))
    }

    /// The registers of `value`, as they go over the wire.
    fn words(&self, value: &Value) -> Result<Vec<u16>, Unfit> {
        let bits = match (self.data_type, value) {
            (DataType::String, Value::Text(text)) => return self.text(text),
            (DataType::String, _) => return unfit("a text is wanted"),
            _ => self.raw(value)?,
        };
        let count = usize::from(self.width());
        // Most significant first; of a type narrower than 64 bits the last.
        let all = [bits >> 48, bits >> 32, bits >> 16, bits].map(|word| word as u16);
        let mut words = all[all.len() - count..].to_vec();
        if self.order.swaps_words() {
            words.reverse();
        }
        if self.order.swaps_bytes() {
            words.iter_mut().for_each(|word| *word = word.swap_bytes());
        }
        Ok(words)
    }

    /// The bits of `value`; those beyond the width of the type don't count.
    fn raw(&self, value: &Value) -> Result<u64, Unfit> {
        if let Some(name) = self.codec.name() {
            let packed = self.codec.pack(self.data_type, value);
            return packed.map_or_else(|| unfit(format_args!("{value} has no form in {name}")), Ok);
        }
        match (self.data_type, value) {
            (DataType::Real, Value::F32(real)) if real.is_finite() => Ok(real.to_bits().into()),
            (DataType::Lreal, Value::F64(real)) if real.is_finite() => Ok(real.to_bits()),
            (DataType::Real | DataType::Lreal, _) => unfit("a finite real is wanted"),
            _ => Ok(self.integer(value)? as u64),
        }
    }

    /// `value` as the integer that the type holds, in two's complement.
    fn integer(&self, value: &Value) -> Result<i128, Unfit> {
        let integer = match *value {
            Value::Int(integer) => i128::from(integer),
            Value::UInt(integer) => i128::from(integer),
            _ => return unfit("an integer is wanted"),
        };
        let (low, high) = match self.data_type {
            DataType::Sint => (i8::MIN.into(), i8::MAX.into()),
            DataType::Usint => (0, u8::MAX.into()),
            DataType::Int => (i16::MIN.into(), i16::MAX.into()),
            DataType::Uint => (0, u16::MAX.into()),
            DataType::Dint => (i32::MIN.into(), i32::MAX.into()),
            DataType::Udint => (0, u32::MAX.into()),
            DataType::Lint => (i64::MIN.into(), i64::MAX.into()),
            DataType::Ulint => (0, u64::MAX.into()),
            DataType::Bool | DataType::Real | DataType::Lreal | DataType::String => (0, 0),
        };
        if (low..=high).contains(&integer) {
            return Ok(integer);
        }
        unfit(format_args!("{integer} is not within {low} to {high}"))
    }

    /// Text padded with zeros; what would be read back as something else is
    /// refused.
    fn text(&self, text: &str) -> Result<Vec<u16>, Unfit> {
        let room = usize::from(self.string_bytes);
        if text.len() > room {
            return unfit(format_args!("{} bytes of text, there is room for {room}", text.len()));
        }
        if text.contains('\0') || text.ends_with(char::is_whitespace) {
            return unfit(
                "a text with a zero in it or blanks at its end is read back without them",
            );
        }
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(usize::from(self.width()) * 2, 0);
        let word = |pair: &[u8]| match (self.order, pair) {
            (RegisterOrder::Badc | RegisterOrder::Dcba, [a, b]) => u16::from_be_bytes([*b, *a]),
            (_, [a, b]) => u16::from_be_bytes([*a, *b]),
            _ => 0,
        };
        Ok(bytes.chunks(2).map(word).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{any_points, ordered, point};
    use crate::{Codec, Limits, Point, ReadPlan, RegisterOrder, Table, WriteRequest};
    use alloc::vec::Vec;
    use forehearth_model::{DataType, Quality, TagId, Value};
    use proptest::prelude::*;

    /// What is read of a device whose registers all hold `before`, after `write`.
    fn read_after(point: &Point, write: &WriteRequest, before: u16) -> Value {
        let mut held = [before; 130].to_vec();
        let pdu = write.pdu();
        let word = |at: usize| u16::from_be_bytes([pdu[at], pdu[at + 1]]);
        match write.function() {
            5 => held[0] = word(3),
            6 => held[0] = word(3),
            16 => (0..usize::from(word(3))).for_each(|n| held[n] = word(6 + 2 * n)),
            22 => held[0] = before & word(3) | word(5) & !word(3),
            other => panic!("function {other}"),
        }
        let plan = ReadPlan::new(&[(TagId(0), *point)], Limits::default()).unwrap();
        let span = &plan.spans()[0];
        let mut data: Vec<u8> = if point.address.table == Table::Coils {
            [u8::from(held[0] != 0)].to_vec()
        } else {
            held.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        data.truncate(span.request().payload_len());
        let answer = [&[span.request().encode()[0], data.len() as u8], data.as_slice()].concat();
        let mut out = Vec::new();
        plan.decode(span, &answer, &mut out).unwrap();
        assert_eq!(out[0].quality, Quality::Good);
        out[0].value.clone()
    }

    /// Some value of the type.
    fn value(data_type: DataType, seed: u64, room: u16) -> Value {
        match data_type {
            DataType::Bool => Value::Bool(seed & 1 == 1),
            DataType::Sint => Value::Int((seed as i8).into()),
            DataType::Usint => Value::UInt((seed as u8).into()),
            DataType::Int => Value::Int((seed as i16).into()),
            DataType::Uint => Value::UInt((seed as u16).into()),
            DataType::Dint => Value::Int((seed as i32).into()),
            DataType::Udint => Value::UInt((seed as u32).into()),
            DataType::Lint => Value::Int(seed as i64),
            DataType::Ulint => Value::UInt(seed),
            DataType::Real => Value::F32((seed as i32 as f32) / 7.0),
            DataType::Lreal => Value::F64((seed as i64 as f64) / 7.0),
            DataType::String => {
                let len = (seed % u64::from(room + 1)) as usize;
                Value::Text(
                    "Zelle-7 槽"
                        .repeat(9)
                        .chars()
                        .take(len / 3)
                        .collect::<alloc::string::String>()
                        .trim_end()
                        .into(),
                )
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_value(
            points in any_points(1..20),
            seed: u64,
            before: u16,
        ) {
            for (_, point) in points {
                let wanted = value(point.data_type, seed, point.string_bytes);
                let write = point.write(&wanted);
                if matches!(point.address.table, Table::DiscreteInputs | Table::InputRegisters) {
                    prop_assert!(write.is_err());
                    continue;
                }
                let write = write.unwrap();
                let read = read_after(&point, &write, before);
                prop_assert!(read.same(&wanted), "{:?}: {:?} became {:?}", point, wanted, read);
            }
        }
    }

    #[test]
    fn a_bit_and_a_byte_leave_the_rest_of_their_register_alone() {
        let bit = point("hr:9.3", DataType::Bool).write(&Value::Bool(true)).unwrap();
        assert_eq!(bit, WriteRequest::bits(9, !8, 8));
        let byte = point("hr:9", DataType::Usint).write(&Value::UInt(0x7F)).unwrap();
        assert_eq!(byte, WriteRequest::bits(9, 0xFF00, 0x7F));
        let swapped = ordered("hr:9", DataType::Usint, RegisterOrder::Badc);
        let byte = swapped.write(&Value::UInt(0x7F)).unwrap();
        assert_eq!(byte, WriteRequest::bits(9, 0x00FF, 0x7F00));
    }

    #[test]
    fn packed_numbers_are_written_as_they_are_read() {
        for (codec, data_type, value, words) in [
            (Codec::Bcd, DataType::Uint, Value::UInt(1234), &[0x1234_u16][..]),
            (Codec::M10k, DataType::Udint, Value::UInt(12_345_678), &[5678, 1234]),
            (Codec::SignMagnitude, DataType::Int, Value::Int(-5), &[0x8005]),
            (Codec::Float16, DataType::Real, Value::F32(-2.0), &[0xC000]),
        ] {
            let point = Point { codec, ..ordered("hr:9", data_type, RegisterOrder::Cdab) };
            let write = point.write(&value).unwrap();
            let sent: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert!(write.pdu().ends_with(&sent), "{codec:?}: {:02x?}", write.pdu());
            assert!(read_after(&point, &write, 0).same(&value), "{codec:?}");
        }
        let byte = Point { codec: Codec::Bcd, ..point("hr:9", DataType::Usint) };
        let write = byte.write(&Value::UInt(42)).unwrap();
        assert_eq!(write, WriteRequest::bits(9, 0xFF00, 0x42));
        byte.write(&Value::UInt(100)).unwrap_err();
    }

    #[test]
    fn what_a_point_cannot_hold_is_refused() {
        let refused = |at: &str, data_type, value| {
            let mut point = point(at, data_type);
            point.string_bytes = if data_type == DataType::String { 4 } else { 0 };
            point.write(&value).unwrap_err();
        };
        refused("ir:0", DataType::Int, Value::Int(1));
        refused("di:0", DataType::Bool, Value::Bool(true));
        refused("co:0", DataType::Bool, Value::Int(1));
        refused("hr:0.1", DataType::Bool, Value::UInt(1));
        refused("hr:0", DataType::Int, Value::Int(32_768));
        refused("hr:0", DataType::Uint, Value::Int(-1));
        refused("hr:0", DataType::Sint, Value::Int(128));
        refused("hr:0", DataType::Udint, Value::UInt(1 << 32));
        refused("hr:0", DataType::Int, Value::F64(1.0));
        refused("hr:0", DataType::Real, Value::F64(1.0));
        refused("hr:0", DataType::Real, Value::F32(f32::NAN));
        refused("hr:0", DataType::Lreal, Value::F64(f64::INFINITY));
        refused("hr:0", DataType::String, Value::Text("12345".into()));
        refused("hr:0", DataType::String, Value::Text("1 ".into()));
        refused("hr:0", DataType::String, Value::Null);
    }
}
