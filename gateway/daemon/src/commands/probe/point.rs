//! A value that is asked for on the command line: `40101:REAL`, `hr:100:UDINT:CDAB`, `ir:0:UINT[10]`.

use forehearth_modbus::{Address, Point, RegisterOrder, ValueType};
use forehearth_model::DataType;

/// Values of one `TYPE[n]`. Chosen: what one request holds.
const MOST: u16 = 125;

/// All orders of a value of two registers or more.
pub const ORDERS: [RegisterOrder; 4] =
    [RegisterOrder::Abcd, RegisterOrder::Cdab, RegisterOrder::Badc, RegisterOrder::Dcba];

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub struct Wanted {
    /// Where it is and what it is.
    pub point: Point,
    /// Its type as it is written.
    pub type_name: String,
}

impl Wanted {
    /// Reads one argument; an array becomes its values.
    ///
    /// # Errors
    /// What is wrong with it and what to write.
    pub fn parse(text: &str) -> Result<Vec<Self>, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let has_prefix =
            parts.first().is_some_and(|first| first.bytes().all(|b| b.is_ascii_alphabetic()));
        let (address, rest) = if has_prefix && parts.len() > 1 {
            (parts[..2].join(":"), &parts[2..])
        } else {
            (parts[0].to_owned(), &parts[1..])
        };
        let address: Address = address
            .parse()
            .map_err(|e: forehearth_modbus::AddressError| format!("{text}: {e}; {}", e.hint()))?;
        let is_bit = address.table.is_bits() || address.bit.is_some();
        let (type_text, order) = match rest {
            [] => (if is_bit { "BOOL" } else { "UINT" }, RegisterOrder::Abcd),
            [type_text] => (*type_text, RegisterOrder::Abcd),
            [type_text, order] => (
                *type_text,
                order.parse().map_err(|e: forehearth_modbus::OrderError| {
                    format!("{text}: {e}; {}", e.hint())
                })?,
            ),
            _ => return Err(format!("{text}: write ADDRESS:TYPE or ADDRESS:TYPE:ORDER")),
        };
        let (type_text, count) = array(type_text).ok_or_else(|| {
            format!("{text}: an array has 1 to {MOST} values, for example UINT[10]")
        })?;
        let value_type: ValueType = type_text
            .parse()
            .map_err(|e: forehearth_modbus::TypeError| format!("{text}: {e}; {}", e.hint()))?;
        let mut wanted = Vec::new();
        let mut offset = u32::from(address.offset);
        for _ in 0..count {
            let at =
                u16::try_from(offset).map_err(|_| format!("{text}: it ends behind the table"))?;
            let mut point = Point {
                address: Address { offset: at, ..address },
                data_type: value_type.data_type,
                order,
                string_bytes: value_type.string_bytes,
                codec: forehearth_modbus::Codec::Plain,
            };
            if value_type.data_type == DataType::Bool && !is_bit {
                // A register taken as a bit: its lowest.
                point.address.bit = Some(0);
            }
            point.check().map_err(|e| format!("{text}: {e}; {}", e.hint()))?;
            offset += u32::from(point.width());
            wanted.push(Self { point, type_name: value_type.to_string() });
        }
        Ok(wanted)
    }

    /// This value, then in all orders, then its registers one by one, as asked for.
    pub fn points(&self, orders: bool, raw: bool) -> Vec<Point> {
        let mut points = vec![self.point];
        if orders {
            points.extend(self.orders().iter().map(|order| Point { order: *order, ..self.point }));
        }
        if raw {
            points.extend(self.registers());
        }
        points
    }

    /// The orders in which the value can be taken.
    pub fn orders(&self) -> &'static [RegisterOrder] {
        let is_number = !matches!(self.point.data_type, DataType::Bool | DataType::String);
        match self.point.width() {
            _ if !is_number || self.point.address.table.is_bits() => &[],
            // One register: its bytes can be swapped, and that is all.
            1 => &[RegisterOrder::Abcd, RegisterOrder::Badc],
            _ => &ORDERS,
        }
    }

    fn registers(&self) -> impl Iterator<Item = Point> {
        let first = self.point.address;
        let is_bits = first.table.is_bits();
        (0..self.point.width()).map(move |n| Point {
            address: Address { offset: first.offset + n, bit: None, ..first },
            data_type: if is_bits { DataType::Bool } else { DataType::Uint },
            order: RegisterOrder::Abcd,
            string_bytes: 0,
            codec: forehearth_modbus::Codec::Plain,
        })
    }
}

/// `UINT[10]` is ten of `UINT`; `STRING[16]` is one.
fn array(text: &str) -> Option<(&str, u16)> {
    let Some((name, count)) = text.strip_suffix(']').and_then(|text| text.split_once('[')) else {
        return Some((text, 1));
    };
    if name.trim().eq_ignore_ascii_case("STRING") {
        return Some((text, 1));
    }
    let count = count.trim().parse().ok().filter(|count| (1..=MOST).contains(count))?;
    Some((name, count))
}

#[cfg(test)]
mod tests {
    use super::Wanted;
    use forehearth_modbus::RegisterOrder;

    fn written(text: &str) -> Vec<String> {
        let wanted = Wanted::parse(text).unwrap();
        wanted.iter().map(|one| format!("{} {}", one.point.address, one.type_name)).collect()
    }

    #[test]
    fn a_value_is_an_address_a_type_and_an_order() {
        assert_eq!(written("40101:REAL"), ["40101 (hr:100) REAL"]);
        assert_eq!(written("hr:0x64"), ["40101 (hr:100) UINT"]);
        assert_eq!(written("co:3"), ["00004 (co:3) BOOL"]);
        assert_eq!(written("ir:5:STRING[6]"), ["30006 (ir:5) STRING[6]"]);
        assert_eq!(
            written("hr:8:UDINT[3]:CDAB"),
            ["40009 (hr:8) UDINT", "40011 (hr:10) UDINT", "40013 (hr:12) UDINT"]
        );
        let swapped = Wanted::parse("40101:REAL:CDAB").unwrap();
        assert_eq!(swapped[0].point.order, RegisterOrder::Cdab);
        assert_eq!(swapped[0].points(true, true).len(), 1 + 4 + 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        for (text, words) in [
            ("100:REAL", "hr:100"),
            ("40101:FLOAT", "REAL"),
            ("40101:REAL:WXYZ", "ABCD"),
            ("hr:0:UINT[0]", "UINT[10]"),
            ("hr:65535:UDINT", "hr:65535"),
            ("hr:0:UINT:ABCD:1", "ADDRESS:TYPE"),
            ("", ""),
        ] {
            let error = Wanted::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
