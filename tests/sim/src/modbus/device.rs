//! The device behind the faults: registers whose every value tells its address and its millisecond, so that a wrong one shows.

use std::ops::RangeInclusive;

/// Bits of a value that tell the time.
pub const TIME_BITS: u32 = 20;

/// What the device is.
#[derive(Clone, Debug)]
pub struct Device {
    /// Units that answer.
    pub units: Vec<u8>,
    /// Registers of each table, at most 4,096.
    pub words: u16,
    /// Addresses that do not exist.
    pub holes: Vec<RangeInclusive<u16>>,
}

/// The UDINT (high word first) at the even address `2 * pair`: the pair above
/// [`TIME_BITS`], the Unix millisecond below.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "modulo 2^20 is what is meant")]
pub const fn value(pair: u16, millis: u64) -> u32 {
    (pair as u32) << TIME_BITS | (millis as u32 & ((1 << TIME_BITS) - 1))
}

impl Device {
    /// What it answers at this millisecond; `None` where no such unit is.
    #[must_use]
    pub fn answer(&self, unit: u8, pdu: &[u8], millis: u64) -> Option<Vec<u8>> {
        if !self.units.contains(&unit) {
            return None;
        }
        Some(match *pdu {
            [function @ 1..=4, a, b, c, d] => {
                let (start, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                self.read(function, start, count, millis)
            }
            [17] => [&[17, 12], &b"simulator"[..], &[0xFF, 1, 0]].concat(),
            [43, 14, code @ 1..=4, first @ 0..=2] => identification(code, first),
            [function, ..] => vec![function | 0x80, 1],
            [] => vec![0x80, 1],
        })
    }

    fn read(&self, function: u8, start: u16, count: u16, millis: u64) -> Vec<u8> {
        let most = if function <= 2 { 2000 } else { 125 };
        if !(1..=most).contains(&count) {
            return vec![function | 0x80, 3];
        }
        let end = u32::from(start) + u32::from(count);
        let is_hole =
            |hole: &RangeInclusive<u16>| u32::from(*hole.start()) < end && *hole.end() >= start;
        if end > u32::from(self.words) || self.holes.iter().any(is_hole) {
            return vec![function | 0x80, 2];
        }
        let mut data = Vec::new();
        if function <= 2 {
            data.resize(usize::from(count).div_ceil(8), 0);
            for n in 0..count {
                data[usize::from(n / 8)] |= u8::from((start + n).is_multiple_of(3)) << (n % 8);
            }
        } else {
            for address in start..start + count {
                let [a, b, c, d] = value(address / 2, millis).to_be_bytes();
                data.extend(if address.is_multiple_of(2) { [a, b] } else { [c, d] });
            }
        }
        let bytes = u8::try_from(data.len()).unwrap_or(u8::MAX);
        [&[function, bytes], &data[..]].concat()
    }
}

/// Vendor, product and revision (Application Protocol V1.1b3, 6.21).
fn identification(code: u8, first: u8) -> Vec<u8> {
    let objects = [&b"Forehearth"[..], b"simulator", b"1.0"];
    let wanted = objects.iter().enumerate().skip(usize::from(first));
    let wanted: Vec<_> = if code == 4 { wanted.take(1).collect() } else { wanted.collect() };
    let byte = |size: usize| u8::try_from(size).unwrap_or(u8::MAX);
    let mut pdu = vec![43, 14, code, 0x81, 0, 0, byte(wanted.len())];
    for (id, object) in wanted {
        pdu.extend([byte(id), byte(object.len())]);
        pdu.extend(*object);
    }
    pdu
}

#[cfg(test)]
mod tests {
    use super::{Device, value};

    #[test]
    fn a_value_tells_its_address_and_its_time_and_holes_are_refused() {
        let device = Device { units: vec![1], words: 100, holes: vec![20..=29] };
        let answer = device.answer(1, &[3, 0, 4, 0, 2], 0x1234_5678).unwrap();
        assert_eq!(answer, [3, 4, 0x00, 0x24, 0x56, 0x78]); // pair 2, 0x45678
        assert_eq!(value(2, 0x1234_5678), 0x0024_5678);
        for (start, count) in [(15, 6), (29, 1), (10, 40), (99, 2)] {
            assert_eq!(device.answer(1, &[4, 0, start, 0, count], 0).unwrap(), [0x84, 2]);
        }
        assert!(device.answer(1, &[3, 0, 30, 0, 70], 0).unwrap().len() > 2);
        assert_eq!(device.answer(1, &[3, 0, 0, 0, 126], 0).unwrap(), [0x83, 3]);
        assert_eq!(device.answer(2, &[3, 0, 0, 0, 1], 0), None);
        assert_eq!(device.answer(1, &[6, 0, 0, 0, 1], 0).unwrap(), [0x86, 1], "no writes");
    }
}
