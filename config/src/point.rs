//! `at` and `type` of a tag: which registers hold it, as one point or as an array of them.

use forehearth_modbus::{
    Address, AddressError, Codec, Point, PointError, RegisterOrder, Table, TypeError, ValueType,
};
use forehearth_model::DataType;

use crate::finding::{Finding, Log, Word};
use crate::reader::{At, Reader, Text};
use crate::tag::report_type;
use crate::texts::{self, phrase};
use crate::tree::Value;

/// Longest array (chosen: a block of 8 requests).
const MOST_ELEMENTS: u16 = 1000;

/// A parameter of type "address" and what the device gave for it.
/// `None` when that is wrong: what starts from it is not said to be wrong too.
pub(crate) type AddressParam = (String, Option<Address>);

/// What `type` says: one value, or several in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    pub(crate) of: ValueType,
    /// `None` for a single value.
    pub(crate) count: Option<u16>,
}

/// Reads `type`.
pub(crate) fn shape(reader: &Reader<'_>) -> Option<Shape> {
    if reader.entry("type").is_none() {
        reader.missing("type", "type = \"REAL\"");
        return None;
    }
    shape_of(reader.log, &reader.filled_text("type")?)
}

/// The same of a text that stands somewhere else.
pub(crate) fn shape_of(log: &Log, text: &Text<'_>) -> Option<Shape> {
    match text.value.parse::<ValueType>() {
        Ok(of) => Some(Shape { of, count: None }),
        Err(TypeError::Array(_)) => array(log, text),
        Err(error) => {
            wrong_type_name(log, text, &error);
            None
        }
    }
}

/// `INT[24]`; STRING never comes here, its brackets hold bytes.
fn array(log: &Log, text: &Text<'_>) -> Option<Shape> {
    let (name, rest) = text.value.trim().split_once('[')?;
    let of = name.trim().parse::<ValueType>().ok()?;
    let count = rest.strip_suffix(']').and_then(|digits| digits.trim().parse::<u16>().ok());
    match count.filter(|count| (1..=MOST_ELEMENTS).contains(count)) {
        Some(count) => Some(Shape { of, count: Some(count) }),
        None => {
            let finding = Finding::new(&texts::ARRAY_LENGTH, text.place);
            log.report(finding.with("value", &*text.value).with("most", MOST_ELEMENTS));
            None
        }
    }
}

fn wrong_type_name(log: &Log, text: &Text<'_>, error: &TypeError) {
    let finding = |code| Finding::new(code, text.place).with("value", &*text.value);
    log.report(match error {
        TypeError::Ambiguous { choices, .. } => {
            let zh = choices.replace(" or ", " 或 ").replace(" bits", " 位");
            finding(&texts::AMBIGUOUS_TYPE).with("choices", Word::Both((*choices).to_owned(), zh))
        }
        TypeError::Foreign { name, .. } => {
            finding(&texts::UNKNOWN_TYPE).with("near", *name).help(phrase::DID_YOU_MEAN)
        }
        TypeError::StringLength(_) => finding(&texts::STRING_LENGTH),
        TypeError::Array(_) | TypeError::Unknown(_) => finding(&texts::UNKNOWN_TYPE),
    });
}

/// Reads an order, of a tag or of a whole device.
pub(crate) fn order(reader: &Reader<'_>) -> Option<RegisterOrder> {
    let text = reader.filled_text("order")?;
    match text.value.parse() {
        Ok(order) => Some(order),
        Err(_) => {
            let finding = Finding::new(&texts::UNKNOWN_ORDER, text.place);
            reader.log.report(finding.with("value", &*text.value));
            None
        }
    }
}

/// Reads `codec`; one that does not fit the type is reported where it stands.
pub(crate) fn codec(reader: &Reader<'_>, data_type: Option<DataType>) -> Option<Codec> {
    const NAMES: [(&str, Codec); 4] = [
        ("bcd", Codec::Bcd),
        ("m10k", Codec::M10k),
        ("sign-magnitude", Codec::SignMagnitude),
        ("float16", Codec::Float16),
    ];
    if reader.entry("codec").is_none() {
        return Some(Codec::Plain);
    }
    let At { value: codec, place } = reader.word("codec", &NAMES)?;
    if data_type.is_none_or(|data_type| codec.fits(data_type)) {
        return Some(codec);
    }
    let key = format!("codec = \"{}\"", codec.name().unwrap_or_default());
    report_type(reader, &texts::NOT_FOR_TYPE, place, &key, data_type);
    None
}

/// The text of `at`. A number without quotes is told how to write it: TOML
/// reads 00001 as a mistake and 0x10 as 16, so addresses are texts.
pub(crate) fn written<'a>(reader: &Reader<'a>) -> Option<Text<'a>> {
    let node = &reader.entry("at")?.node;
    let Value::Integer(number) = node.value else { return reader.filled_text("at") };
    let finding = Finding::new(&texts::WRONG_TYPE, node.place).with("key", "at");
    let finding = finding.with("expected", phrase::A_TEXT);
    let finding = finding.with("found", crate::reader::kind_of(&node.value));
    let readings = u32::try_from(number).ok().and_then(quoted_readings);
    reader.log.report(match readings {
        Some((en, zh)) => finding.with("readings", Word::Both(en, zh)).help(phrase::AT_IN_QUOTES),
        None => finding,
    });
    None
}

/// What a number without quotes could mean, in both languages.
fn quoted_readings(number: u32) -> Option<(String, String)> {
    let (mut en, mut zh) = (Vec::new(), Vec::new());
    let from_one = [number.to_string(), format!("4x{number}")];
    let from_one =
        from_one.into_iter().find_map(|text| Some((text.parse::<Address>().ok()?, text)));
    if let Some((address, text)) = from_one {
        en.push(format!("at = \"{text}\" counts from 1, that is {address}"));
        zh.push(format!("at = \"{text}\" 从 1 计数，即 {address}"));
    }
    if let Ok(offset) = u16::try_from(number) {
        let address = Address { table: Table::HoldingRegisters, offset, bit: None };
        en.push(format!("at = \"hr:{number}\" counts from 0, that is {address}"));
        zh.push(format!("at = \"hr:{number}\" 从 0 计数，即 {address}"));
    }
    (!en.is_empty()).then(|| (en.join("; "), zh.join("；")))
}

/// Reads an address; `params` are the names it may start from.
pub(crate) fn address(log: &Log, text: &Text<'_>, params: &[AddressParam]) -> Option<Address> {
    let written = text.value.trim();
    let name_len = written.find(['+', '-', '.']).unwrap_or(written.len());
    let name = written[..name_len].trim_end();
    if let Some((_, base)) = params.iter().find(|(known, _)| known == name) {
        return from_base(log, text, (*base)?, written[name_len..].trim());
    }
    match written.parse::<Address>() {
        Ok(address) => Some(address),
        Err(error) => {
            wrong_address(log, text, &error, params);
            None
        }
    }
}

/// `+10`, `-2`, `+10.3` behind the name of a parameter.
fn from_base(log: &Log, text: &Text<'_>, base: Address, behind: &str) -> Option<Address> {
    let (distance, bit) = match behind.split_once('.') {
        Some((distance, bit)) => (distance.trim(), Some(bit)),
        None => (behind, None),
    };
    let distance = if distance.is_empty() {
        Some(0)
    } else {
        let (sign, digits) = distance.split_at(1);
        let digits = digits.trim();
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<i32>().ok().filter(|_| plain);
        number.map(|number| if sign == "-" { -number } else { number })
    };
    let bit = match bit {
        None => Some(base.bit),
        Some(bit) => {
            bit.parse::<u8>().ok().filter(|bit| *bit < 16 && !base.table.is_bits()).map(Some)
        }
    };
    let (Some(distance), Some(bit)) = (distance, bit) else {
        log.report(Finding::new(&texts::WRONG_DISTANCE, text.place).with("value", &*text.value));
        return None;
    };
    match u16::try_from(i64::from(base.offset) + i64::from(distance)) {
        Ok(offset) => Some(Address { offset, bit, ..base }),
        Err(_) => {
            let finding = Finding::new(&texts::ADDRESS_BEYOND, text.place);
            let finding = finding.with("value", &*text.value).with("base", base.to_string());
            log.report(finding.help(phrase::COUNTED_FROM));
            None
        }
    }
}

fn wrong_address(log: &Log, text: &Text<'_>, error: &AddressError, params: &[AddressParam]) {
    let finding = |code| Finding::new(code, text.place).with("value", &*text.value);
    log.report(match error {
        // Neither reading exists: what is wrong is not the notation.
        AddressError::BareNumber(number) if *number > 65536 => {
            let table = Table::HoldingRegisters;
            finding(&texts::ADDRESS_BEYOND)
                .with("last", format!("{}65536", table.digit()))
                .with("zero", format!("{}:65535", table.prefix()))
        }
        AddressError::BareNumber(number) => {
            let both = both_readings(*number);
            finding(&texts::BARE_NUMBER).with("readings", Word::Both(both.0, both.1))
        }
        AddressError::CoilOrHex(digits) => {
            finding(&texts::COIL_OR_HEX).with("digits", digits.as_str())
        }
        AddressError::CountsFromOne { table, .. } => finding(&texts::COUNTS_FROM_ONE)
            .with("first", format!("{}0001", table.digit()))
            .with("zero", format!("{}:0", table.prefix())),
        AddressError::BeyondTable { table, .. } => finding(&texts::ADDRESS_BEYOND)
            .with("last", format!("{}65536", table.digit()))
            .with("zero", format!("{}:65535", table.prefix())),
        AddressError::NotABit(bit) => finding(&texts::NOT_A_BIT).with("bit", bit.as_str()),
        AddressError::BitOfABit { table } => {
            finding(&texts::BIT_OF_A_BIT).with("table", table.prefix())
        }
        AddressError::Empty | AddressError::UnknownTable(_) | AddressError::NotANumber(_) => {
            let finding = finding(&texts::NOT_AN_ADDRESS);
            if params.is_empty() {
                finding
            } else {
                let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
                finding.with("params", names.join(", ")).help(phrase::ADDRESS_OR_PARAM)
            }
        }
    });
}

/// What a bare number could mean, in both languages.
fn both_readings(number: u32) -> (String, String) {
    let at = |offset: Option<u32>| {
        let offset = u16::try_from(offset?).ok()?;
        Some(Address { table: Table::HoldingRegisters, offset, bit: None })
    };
    let (mut en, mut zh) = (Vec::new(), Vec::new());
    if let Some(zero) = at(Some(number)) {
        en.push(format!("counted from 0 it is `hr:{number}`, that is {zero}"));
        zh.push(format!("从 0 计数写作 `hr:{number}`，即 {zero}"));
    }
    if let Some(one) = at(number.checked_sub(1)) {
        en.push(format!("counted from 1 it is `4x{number}`, that is {one}"));
        zh.push(format!("从 1 计数写作 `4x{number}`，即 {one}"));
    }
    (en.join("; "), zh.join("；"))
}

/// The points of a tag: one, or one for each element of an array.
pub(crate) fn points(
    log: &Log,
    at: &Text<'_>,
    address: Address,
    shape: Shape,
    order: RegisterOrder,
    codec: Codec,
) -> Option<Vec<Point>> {
    let ValueType { data_type, string_bytes } = shape.of;
    let mut point = Point { address, data_type, order, string_bytes, codec };
    let mut points = Vec::with_capacity(usize::from(shape.count.unwrap_or(1)));
    for element in 0..shape.count.unwrap_or(1) {
        if element > 0 {
            let Some(next) = next(&point) else {
                let error = PointError::BeyondTable(point.address);
                wrong_point(log, at, shape, error);
                return None;
            };
            point.address = next;
        }
        if let Err(error) = point.check() {
            wrong_point(log, at, shape, error);
            return None;
        }
        points.push(point);
    }
    Some(points)
}

/// Where the next element of an array starts: the next bit, or behind the last register.
fn next(point: &Point) -> Option<Address> {
    let Address { table, offset, bit } = point.address;
    match bit {
        Some(bit) if bit < 15 => Some(Address { table, offset, bit: Some(bit + 1) }),
        Some(_) => Some(Address { table, offset: offset.checked_add(1)?, bit: Some(0) }),
        None => Some(Address { table, offset: offset.checked_add(point.width())?, bit: None }),
    }
}

fn wrong_point(log: &Log, at: &Text<'_>, shape: Shape, error: PointError) {
    let finding = |code| {
        let finding = Finding::new(code, at.place);
        finding.with("value", &*at.value).with("type", shape.of.to_string())
    };
    log.report(match error {
        PointError::BitTableHoldsBool => finding(&texts::BITS_ARE_BOOL),
        PointError::BoolNeedsBit(at) => finding(&texts::BOOL_NEEDS_BIT)
            .with("at", at.to_string())
            .with("bit", format!("{}:{}.0", at.table.prefix(), at.offset)),
        PointError::BitIsBool(at) => finding(&texts::BIT_IS_BOOL).with("at", at.to_string()),
        PointError::BeyondTable(at) => finding(&texts::VALUE_BEYOND).with("at", at.to_string()),
        PointError::StringLength => finding(&texts::STRING_LENGTH),
        PointError::CodecOfOtherType(codec, data_type) => {
            Finding::new(&texts::NOT_FOR_TYPE, at.place)
                .with("key", codec.name().unwrap_or_default())
                .with("type", data_type.name())
        }
    });
}

/// Whether deadbands, scales and limits make sense for a type.
pub(crate) const fn is_number(data_type: DataType) -> bool {
    !matches!(data_type, DataType::Bool | DataType::String)
}

#[cfg(test)]
mod tests {
    use super::{Shape, address, next, points};
    use crate::finding::Log;
    use crate::reader::At;
    use crate::source::{FileId, Place};
    use forehearth_modbus::{Address, Codec, RegisterOrder};

    fn read(text: &str) -> Option<Address> {
        let base = "hr:100".parse().unwrap();
        let text = At { value: text.into(), place: Place::top(FileId(0)) };
        address(&Log::default(), &text, &[("base".to_owned(), Some(base))])
    }

    #[test]
    fn addresses_may_start_from_a_parameter() {
        for (text, same) in [
            ("base", "hr:100"),
            ("base+0", "hr:100"),
            ("base + 10", "hr:110"),
            ("base-1", "hr:99"),
            ("base+10.3", "hr:110.3"),
            ("base.15", "hr:100.15"),
            ("40001", "hr:0"),
        ] {
            assert_eq!(read(text), same.parse().ok(), "{text}");
        }
        for wrong in ["base+", "base+x", "base+1.16", "base-101", "bas+1", "base+0x10", "base++1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn elements_of_an_array_follow_one_another() {
        let text = At { value: "x".into(), place: Place::top(FileId(0)) };
        let shape = Shape { of: "REAL".parse().unwrap(), count: Some(3) };
        let at = "hr:10".parse().unwrap();
        let (order, codec) = (RegisterOrder::Abcd, Codec::Plain);
        let reals = points(&Log::default(), &text, at, shape, order, codec).unwrap();
        let offsets: Vec<u16> = reals.iter().map(|point| point.address.offset).collect();
        assert_eq!(offsets, [10, 12, 14]);
        let shape = Shape { of: "BOOL".parse().unwrap(), count: Some(18) };
        let at = "hr:10.14".parse().unwrap();
        let bits = points(&Log::default(), &text, at, shape, order, codec).unwrap();
        assert_eq!(bits[2].address, "hr:11.0".parse().unwrap());
        assert_eq!(next(&bits[17]), "hr:12.0".parse().ok());
    }
}
