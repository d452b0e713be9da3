//! What the stages of a tag remember over a restart, as bytes that a later version can read in part.
//!
//! One record per stage: its number, its length (16 bits) and what it needs,
//! all little-endian. A reader leaves out records it does not know, and
//! refuses one that is shorter than it needs.

/// Which stage a record is of. Numbers are on disk; never renumber, only add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Record {
    Counter = 1,
    Integral = 2,
    Duty = 3,
    Alarm = 4,
}

/// Writes records.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A record that `fill` writes.
    pub(crate) fn record(&mut self, record: Record, fill: impl FnOnce(&mut Self)) {
        self.bytes.push(record as u8);
        let length_at = self.bytes.len();
        self.bytes.extend([0, 0]);
        fill(self);
        let length = self.bytes.len() - length_at - 2;
        // The longest is a duty of some hundred states; a longer one is left out.
        match u16::try_from(length) {
            Ok(length) => {
                self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_le_bytes())
            }
            Err(_) => self.bytes.truncate(length_at - 1),
        }
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.bytes.extend(number.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, number: i64) {
        self.bytes.extend(number.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, number: f64) {
        self.bytes.extend(number.to_bits().to_le_bytes());
    }

    /// A number that may be missing.
    pub(crate) fn maybe(&mut self, number: Option<i64>) {
        self.flag(number.is_some());
        self.i64(number.unwrap_or(0));
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.bytes.push(u8::from(flag));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads one record. Everything is `None` at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The first record of this kind, if there is one and its length is true.
    pub(crate) fn find(mut bytes: &'a [u8], wanted: Record) -> Option<Self> {
        while let [kind, low, high, rest @ ..] = bytes {
            let (record, after) =
                rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
            if *kind == wanted as u8 {
                return Some(Self { bytes: record });
            }
            bytes = after;
        }
        None
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        let (eight, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some(*eight)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.eight().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.eight().map(i64::from_le_bytes)
    }

    /// A finite number; nothing else is ever written.
    pub(crate) fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits).filter(|number| number.is_finite())
    }

    pub(crate) fn maybe(&mut self) -> Option<Option<i64>> {
        let is_there = self.flag()?;
        let number = self.i64()?;
        Some(is_there.then_some(number))
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        let (flag, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*flag != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Record, Writer};
    use proptest::prelude::*;

    #[test]
    fn a_record_is_found_among_those_of_a_later_version() {
        let mut writer = Writer::default();
        writer.record(Record::Integral, |writer| writer.f64(1.5));
        writer.record(Record::Counter, |writer| {
            writer.u64(7);
            writer.maybe(Some(-3));
            writer.maybe(None);
        });
        let mut bytes = vec![99, 2, 0, 1, 1]; // a stage of the future
        bytes.extend(writer.finish());
        let mut counter = Reader::find(&bytes, Record::Counter).unwrap();
        assert_eq!(counter.u64(), Some(7));
        assert_eq!((counter.maybe(), counter.maybe()), (Some(Some(-3)), Some(None)));
        assert_eq!((counter.u64(), counter.flag()), (None, None));
        assert!(Reader::find(&bytes, Record::Duty).is_none());
        assert!(Reader::find(&bytes[..bytes.len() - 1], Record::Counter).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for record in [Record::Counter, Record::Integral, Record::Duty, Record::Alarm] {
                if let Some(mut reader) = Reader::find(&bytes, record) {
                    let _ = (reader.flag(), reader.u64(), reader.f64(), reader.maybe());
                }
            }
        }
    }
}
