//! From the bytes of an answer to the values of its tags.
//!
//! Everything that can be known before the answer comes is worked out when
//! the plan is made: a [`Step`] per tag with the place in the answer and the
//! way to read it. Decoding walks the steps; only text allocates.

use alloc::string::String;
use alloc::vec::Vec;

use forehearth_model::{DataType, Quality, Sample, TagId, Value};

use crate::pdu::ResponseError;
use crate::point::width;
use crate::{Codec, Point, ReadPlan, RegisterOrder, Span};

/// How one tag is read out of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    tag: TagId,
    /// Byte of the answer where the value begins; in the bit tables the byte
    /// that holds the bit.
    at: u16,
    order: RegisterOrder,
    form: Form,
}

/// The form of a value in an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A bit of a byte, in the bit tables.
    PackedBit { mask: u8 },
    /// A bit of a register.
    RegisterBit { mask: u16 },
    /// A number of the type's width.
    Number(DataType),
    /// A number packed by a codec.
    Packed(Codec, DataType),
    /// Bytes of text.
    Text { bytes: u16 },
}

impl Step {
    /// `start` is the first address of the span, which is not behind the point.
    pub(crate) fn new(tag: TagId, point: &Point, start: u16) -> Self {
        let form = match (point.address.table.is_bits(), point.data_type) {
            (true, _) => Form::PackedBit { mask: 0 },
            (false, DataType::Bool) => {
                Form::RegisterBit { mask: 1 << point.address.bit.unwrap_or(0) }
            }
            (false, DataType::String) => Form::Text { bytes: point.string_bytes },
            (false, number) if point.codec == Codec::Plain => Form::Number(number),
            (false, number) => Form::Packed(point.codec, number),
        };
        let mut step = Self { tag, at: 0, order: point.order, form };
        step.place(point.address.offset - start);
        step
    }

    /// Puts the step so many registers or bits behind the start of its span.
    pub(crate) fn place(&mut self, distance: u16) {
        match &mut self.form {
            Form::PackedBit { mask } => {
                self.at = distance / 8;
                *mask = 1 << (distance % 8);
            }
            _ => self.at = distance * 2,
        }
    }

    /// Registers or bits from the start of the span to the value.
    pub(crate) fn distance(&self) -> u16 {
        match self.form {
            Form::PackedBit { mask } => self.at * 8 + mask.trailing_zeros() as u16,
            _ => self.at / 2,
        }
    }

    /// Registers or bits of the value.
    pub(crate) const fn width(&self) -> u16 {
        match self.form {
            Form::PackedBit { .. } | Form::RegisterBit { .. } => 1,
            Form::Number(data_type) => width(data_type, 0),
            Form::Packed(codec, data_type) => codec.bits(data_type).div_ceil(16) as u16,
            Form::Text { bytes } => width(DataType::String, bytes),
        }
    }

    pub(crate) const fn tag(&self) -> TagId {
        self.tag
    }

    /// The value in `data`, which holds the whole span.
    fn read(&self, data: &[u8]) -> Value {
        let at = usize::from(self.at);
        match self.form {
            Form::PackedBit { mask } => Value::Bool(data[at] & mask != 0),
            Form::RegisterBit { mask } => Value::Bool(self.word(data) & mask != 0),
            Form::Number(data_type) => self.number(data_type, data),
            // Null stands for digits that are none; it becomes Bad.
            Form::Packed(codec, data_type) => {
                codec.unpack(data_type, self.raw(codec.bits(data_type), data)).unwrap_or_default()
            }
            Form::Text { bytes } => text(&data[at..], usize::from(bytes), self.order),
        }
    }

    fn number(&self, data_type: DataType, data: &[u8]) -> Value {
        match data_type {
            // One byte lives in the less significant half of its register.
            DataType::Sint => Value::Int(i64::from(self.word(data) as u8 as i8)),
            DataType::Usint => Value::UInt(u64::from(self.word(data) as u8)),
            DataType::Int => Value::Int(i64::from(self.word(data) as i16)),
            DataType::Uint => Value::UInt(u64::from(self.word(data))),
            DataType::Dint => Value::Int(i64::from(self.double(data) as i32)),
            DataType::Udint => Value::UInt(u64::from(self.double(data))),
            DataType::Lint => Value::Int(self.quad(data) as i64),
            DataType::Ulint => Value::UInt(self.quad(data)),
            DataType::Real => Value::F32(f32::from_bits(self.double(data))),
            DataType::Lreal => Value::F64(f64::from_bits(self.quad(data))),
            // Have forms of their own.
            DataType::Bool | DataType::String => Value::Null,
        }
    }

    fn raw(&self, bits: u32, data: &[u8]) -> u64 {
        match bits {
            8 => u64::from(self.word(data) as u8),
            16 => u64::from(self.word(data)),
            32 => u64::from(self.double(data)),
            _ => self.quad(data),
        }
    }

    fn word(&self, data: &[u8]) -> u16 {
        let word = u16::from_be_bytes(self.bytes(data));
        if self.order.swaps_bytes() { word.swap_bytes() } else { word }
    }

    fn double(&self, data: &[u8]) -> u32 {
        let double = u32::from_be_bytes(self.bytes(data));
        match self.order {
            RegisterOrder::Abcd => double,
            RegisterOrder::Cdab => double.rotate_left(16),
            RegisterOrder::Badc => double.swap_bytes().rotate_left(16),
            RegisterOrder::Dcba => double.swap_bytes(),
        }
    }

    fn quad(&self, data: &[u8]) -> u64 {
        let quad = u64::from_be_bytes(self.bytes(data));
        match self.order {
            RegisterOrder::Abcd => quad,
            RegisterOrder::Cdab => swap_within_words(quad.swap_bytes()),
            RegisterOrder::Badc => swap_within_words(quad),
            RegisterOrder::Dcba => quad.swap_bytes(),
        }
    }

    fn bytes<const N: usize>(&self, data: &[u8]) -> [u8; N] {
        let at = usize::from(self.at);
        let mut bytes = [0; N];
        bytes.copy_from_slice(&data[at..at + N]);
        bytes
    }
}

const fn swap_within_words(quad: u64) -> u64 {
    const LOW: u64 = 0x00FF_00FF_00FF_00FF;
    ((quad & LOW) << 8) | ((quad >> 8) & LOW)
}

/// Text ends at the first zero; blanks that pad it are dropped. Words are
/// never swapped in text, bytes are when the order says so. What is not UTF-8
/// becomes U+FFFD.
fn text(data: &[u8], bytes: usize, order: RegisterOrder) -> Value {
    let mut buffer = [0; crate::MAX_STRING_BYTES as usize];
    let padded = bytes.next_multiple_of(2).min(buffer.len());
    let buffer = &mut buffer[..padded];
    buffer.copy_from_slice(&data[..padded]);
    if order.swaps_bytes() {
        for pair in buffer.chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
    }
    let text = &buffer[..bytes.min(padded)];
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Value::Text(String::from_utf8_lossy(&text[..end]).trim_end().into())
}

/// A float that is no finite number, or digits that are none, are a broken
/// sensor, not a value.
fn judge(value: Value) -> (Quality, Value) {
    let broken = match value {
        Value::F32(real) => !real.is_finite(),
        Value::F64(real) => !real.is_finite(),
        Value::Null => true,
        _ => false,
    };
    if broken { (Quality::BadSensorFailure, Value::Null) } else { (Quality::Good, value) }
}

impl ReadPlan {
    /// Appends a sample for each tag of `span`, one of this plan, if `pdu` is
    /// a correct and complete answer to it. Appends nothing otherwise.
    ///
    /// # Errors
    /// What [`ReadRequest::check`](crate::ReadRequest::check) finds.
    pub fn decode(
        &self,
        span: &Span,
        pdu: &[u8],
        out: &mut Vec<Sample>,
    ) -> Result<(), ResponseError> {
        let data = span.request().check(pdu)?;
        out.extend(self.steps(span).iter().map(|step| {
            let (quality, value) = judge(step.read(data));
            Sample { tag: step.tag, quality, value }
        }));
        Ok(())
    }

    /// Appends a sample without value for each tag of `span`, one of this plan.
    pub fn fail(&self, span: &Span, quality: Quality, out: &mut Vec<Sample>) {
        out.extend(self.tags(span).map(|tag| Sample { tag, quality, value: Value::Null }));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{any_points, ordered, point};
    use crate::{Limits, Point, ReadPlan, RegisterOrder, ResponseError};
    use alloc::vec;
    use alloc::vec::Vec;
    use forehearth_model::{DataType, Quality, TagId, Value};
    use proptest::prelude::*;

    fn read(point: Point, data: &[u8]) -> (Quality, Value) {
        let plan = ReadPlan::new(&[(TagId(0), point)], Limits::default()).unwrap();
        let span = &plan.spans()[0];
        let pdu = [&[span.request().encode()[0], data.len() as u8], data].concat();
        let mut out = Vec::new();
        plan.decode(span, &pdu, &mut out).unwrap();
        let sample = out.pop().unwrap();
        (sample.quality, sample.value)
    }

    #[test]
    fn every_order_reads_the_value_its_letters_say() {
        use RegisterOrder::{Abcd, Badc, Cdab, Dcba};
        let value = |order, data_type, data: &[u8]| read(ordered("hr:0", data_type, order), data).1;
        // 123.456 is 0x42F6E979.
        for (order, data) in [
            (Abcd, [0x42, 0xF6, 0xE9, 0x79]),
            (Cdab, [0xE9, 0x79, 0x42, 0xF6]),
            (Badc, [0xF6, 0x42, 0x79, 0xE9]),
            (Dcba, [0x79, 0xE9, 0xF6, 0x42]),
        ] {
            assert_eq!(value(order, DataType::Real, &data), Value::F32(123.456), "{order}");
        }
        for (order, data) in [
            (Abcd, [1, 2, 3, 4, 5, 6, 7, 8]), // ABCDEFGH
            (Cdab, [7, 8, 5, 6, 3, 4, 1, 2]), // GHEFCDAB
            (Badc, [2, 1, 4, 3, 6, 5, 8, 7]), // BADCFEHG
            (Dcba, [8, 7, 6, 5, 4, 3, 2, 1]), // HGFEDCBA
        ] {
            let expected = Value::UInt(0x0102_0304_0506_0708);
            assert_eq!(value(order, DataType::Ulint, &data), expected, "{order}");
        }
        for (order, data) in
            [(Abcd, [0xFF, 0xFE]), (Cdab, [0xFF, 0xFE]), (Badc, [0xFE, 0xFF]), (Dcba, [0xFE, 0xFF])]
        {
            assert_eq!(value(order, DataType::Int, &data), Value::Int(-2), "{order}");
            assert_eq!(value(order, DataType::Uint, &data), Value::UInt(0xFFFE), "{order}");
            assert_eq!(value(order, DataType::Sint, &data), Value::Int(-2), "{order}");
            assert_eq!(value(order, DataType::Usint, &data), Value::UInt(0xFE), "{order}");
        }
    }

    #[test]
    fn bits_of_a_register_count_from_the_least_significant() {
        let data = [0b1000_0000, 0b0000_0001];
        for bit in 0..16u8 {
            let at = alloc::format!("hr:0.{bit}");
            let expected = Value::Bool(bit == 0 || bit == 15);
            assert_eq!(read(point(&at, DataType::Bool), &data).1, expected, "bit {bit}");
        }
    }

    #[test]
    fn bits_of_a_bit_table_are_packed_from_the_least_significant() {
        // The example of Application Protocol V1.1b3, 6.2: inputs 197 to 218.
        let points: Vec<_> = (0..22u16)
            .map(|n| (TagId(n.into()), point(&alloc::format!("di:{}", 196 + n), DataType::Bool)))
            .collect();
        let plan = ReadPlan::new(&points, Limits::default()).unwrap();
        let pdu = [0x02, 0x03, 0xAC, 0xDB, 0x35];
        let mut out = Vec::new();
        plan.decode(&plan.spans()[0], &pdu, &mut out).unwrap();
        let bits: Vec<_> = out.iter().map(|s| u8::from(s.value == Value::Bool(true))).collect();
        let expected = [
            0, 0, 1, 1, 0, 1, 0, 1, // 0xAC
            1, 1, 0, 1, 1, 0, 1, 1, // 0xDB
            1, 0, 1, 0, 1, 1, // 0x35
        ];
        assert_eq!(bits, expected);
    }

    #[test]
    fn a_float_that_is_no_finite_number_is_a_sensor_failure() {
        for bits in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let got = read(point("hr:0", DataType::Real), &bits.to_be_bytes());
            assert_eq!(got, (Quality::BadSensorFailure, Value::Null));
        }
        let got = read(point("hr:0", DataType::Lreal), &f64::NAN.to_be_bytes());
        assert_eq!(got, (Quality::BadSensorFailure, Value::Null));
        let minus_zero = read(point("hr:0", DataType::Real), &[0x80, 0, 0, 0]);
        assert!(minus_zero.1.same(&Value::F32(-0.0)));
    }

    #[test]
    fn text_ends_at_a_zero_and_loses_its_padding() {
        let text = |bytes, order, data: &[u8]| {
            let mut p = ordered("hr:0", DataType::String, order);
            p.string_bytes = bytes;
            read(p, data).1
        };
        let abcd = RegisterOrder::Abcd;
        assert_eq!(text(4, abcd, b"PT-9"), Value::Text("PT-9".into()));
        assert_eq!(text(6, abcd, b"PT\0xyz"), Value::Text("PT".into()));
        assert_eq!(text(6, abcd, b"PT-9  "), Value::Text("PT-9".into()));
        assert_eq!(text(3, abcd, b"PT-9"), Value::Text("PT-".into()), "an odd length");
        assert_eq!(text(4, RegisterOrder::Badc, b"TP9-"), Value::Text("PT-9".into()));
        assert_eq!(text(6, abcd, "槽控".as_bytes()), Value::Text("槽控".into()));
        assert_eq!(text(2, abcd, &[0xFF, b'A']), Value::Text("\u{FFFD}A".into()));
    }

    #[test]
    fn a_wrong_answer_leaves_no_sample() {
        let plan =
            ReadPlan::new(&[(TagId(0), point("hr:0", DataType::Int))], Limits::default()).unwrap();
        let mut out = Vec::new();
        let error = plan.decode(&plan.spans()[0], &[3, 4, 0, 1, 0, 2], &mut out).unwrap_err();
        assert_eq!(error, ResponseError::WrongCount { expected: 2, got: 4 });
        assert!(out.is_empty());
        plan.fail(&plan.spans()[0], Quality::BadNoCommunication, &mut out);
        assert_eq!((out[0].quality, &out[0].value), (Quality::BadNoCommunication, &Value::Null));
    }

    /// Writes `raw` into the table as the letters of the order say, byte by
    /// byte, independent of how decoding does it.
    fn store(table: &mut [u8], point: &Point, raw: u64) {
        let width = usize::from(point.width());
        let at = usize::from(point.address.offset) * 2;
        let big_endian = raw.to_be_bytes();
        let mut words: Vec<[u8; 2]> =
            big_endian[8 - 2 * width..].chunks(2).map(|pair| [pair[0], pair[1]]).collect();
        if matches!(point.order, RegisterOrder::Cdab | RegisterOrder::Dcba) {
            words.reverse();
        }
        for (n, [high, low]) in words.into_iter().enumerate() {
            let swapped = matches!(point.order, RegisterOrder::Badc | RegisterOrder::Dcba);
            let pair = if swapped { [low, high] } else { [high, low] };
            table[at + 2 * n..][..2].copy_from_slice(&pair);
        }
    }

    fn expected(data_type: DataType, raw: u64) -> Value {
        match data_type {
            DataType::Sint => Value::Int((raw as i8).into()),
            DataType::Usint => Value::UInt((raw as u8).into()),
            DataType::Int => Value::Int((raw as i16).into()),
            DataType::Uint => Value::UInt((raw as u16).into()),
            DataType::Dint => Value::Int((raw as i32).into()),
            DataType::Udint => Value::UInt((raw as u32).into()),
            DataType::Lint => Value::Int(raw as i64),
            DataType::Ulint => Value::UInt(raw),
            DataType::Real => Value::F32(f32::from_bits(raw as u32)),
            _ => Value::F64(f64::from_bits(raw)),
        }
    }

    proptest! {
        /// One number at a time, wherever it lies, in a table of noise.
        #[test]
        fn a_number_reads_back_as_it_was_stored(
            data_type in prop::sample::select(&DataType::ALL[1..11]),
            order in prop::sample::select(vec![
                RegisterOrder::Abcd, RegisterOrder::Cdab, RegisterOrder::Badc, RegisterOrder::Dcba,
            ]),
            lead in 0u16..60, raw: u64, noise: u8,
        ) {
            let first = (TagId(0), point("hr:0", DataType::Int));
            let mut target = ordered("hr:0", data_type, order);
            target.address.offset = lead;
            let limits = Limits { join: crate::Join::Gap(125), ..Limits::default() };
            let plan = ReadPlan::new(&[first, (TagId(1), target)], limits).unwrap();
            let span = &plan.spans()[0];
            let mut table = vec![noise; span.request().payload_len()];
            store(&mut table, &target, raw);
            let pdu = [vec![3, table.len() as u8], table].concat();
            let mut out = Vec::new();
            plan.decode(span, &pdu, &mut out).unwrap();
            let sample = out.iter().find(|s| s.tag == TagId(1)).unwrap();
            let wanted = expected(data_type, raw);
            if wanted.as_f64().unwrap().is_finite() {
                prop_assert!(sample.value.same(&wanted), "{:?} {wanted:?}", sample.value);
            } else {
                prop_assert_eq!(sample.quality, Quality::BadSensorFailure);
            }
        }

        /// Whatever a plan asks for, a correct answer decodes without panic
        /// into one sample for each tag.
        #[test]
        fn every_span_decodes_into_one_sample_per_tag(points in any_points(1..60), noise: u8) {
            let plan = ReadPlan::new(&points, Limits::default()).unwrap();
            let mut out = Vec::new();
            for span in plan.spans() {
                let request = span.request();
                let mut pdu = vec![noise; request.payload_len() + 2];
                pdu[0] = request.encode()[0];
                pdu[1] = request.payload_len() as u8;
                plan.decode(span, &pdu, &mut out).unwrap();
            }
            let mut tags: Vec<_> = out.iter().map(|sample| sample.tag).collect();
            tags.sort_unstable();
            let mut wanted: Vec<_> = points.iter().map(|(tag, _)| *tag).collect();
            wanted.sort_unstable();
            prop_assert_eq!(tags, wanted);
        }
    }
}
