//! Columns: readings one by one, sorted into the sections they travel in.

use std::collections::BTreeMap;

use crate::Bad;
use crate::v1::Section;
use crate::v1::value::Kind;

/// What one tag was found to be.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// Which tag.
    pub tag: u32,
    /// Its value, or why there is none.
    pub value: Result<Kind, Bad>,
    /// When, by the device's own clock, in UTC microseconds since 1970; 0: it
    /// told none.
    pub source: i64,
}

impl Reading {
    /// A good value without a time of its own.
    #[must_use]
    pub const fn good(tag: u32, value: Kind) -> Self {
        Self { tag, value: Ok(value), source: 0 }
    }

    /// No value.
    #[must_use]
    pub const fn bad(tag: u32, why: Bad) -> Self {
        Self { tag, value: Err(why), source: 0 }
    }
}

/// Sorts readings into sections.
#[derive(Debug, Default)]
pub struct Columns {
    /// By source time and column.
    sections: BTreeMap<(i64, u8), Section>,
    acquired: i64,
}

impl Columns {
    /// Empty; `acquired` is when the answers came in, UTC microseconds.
    #[must_use]
    pub const fn new(acquired: i64) -> Self {
        Self { sections: BTreeMap::new(), acquired }
    }

    /// Adds a reading.
    pub fn add(&mut self, reading: Reading) {
        let column = match &reading.value {
            Err(_) => 0,
            Ok(Kind::Bool(_)) => 1,
            Ok(Kind::Int(_)) => 2,
            Ok(Kind::Uint(_)) => 3,
            Ok(Kind::Float(_)) => 4,
            Ok(Kind::Double(_)) => 5,
            Ok(Kind::Text(_)) => 6,
        };
        let section = self.sections.entry((reading.source, column)).or_default();
        section.tags.push(reading.tag);
        match reading.value {
            Err(why) => section.qualities.push(why as u32),
            Ok(Kind::Bool(bit)) => section.bools.push(bit),
            Ok(Kind::Int(int)) => section.ints.push(int),
            Ok(Kind::Uint(int)) => section.uints.push(int),
            Ok(Kind::Float(real)) => section.floats.push(real),
            Ok(Kind::Double(real)) => section.doubles.push(real),
            Ok(Kind::Text(text)) => section.texts.push(text),
        }
    }

    /// The sections.
    #[must_use]
    pub fn sections(self) -> Vec<Section> {
        let acquired = self.acquired;
        let stamped = |((source, _), section)| Section { acquired, source, ..section };
        self.sections.into_iter().map(stamped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, Reading};
    use crate::Bad;
    use crate::v1::value::Kind;

    #[test]
    fn readings_of_a_type_and_a_moment_share_a_section() {
        let mut columns = Columns::new(5);
        columns.add(Reading::good(1, Kind::Int(-3)));
        columns.add(Reading::good(2, Kind::Double(0.5)));
        columns.add(Reading::bad(3, Bad::NoCommunication));
        columns.add(Reading::good(4, Kind::Int(7)));
        columns.add(Reading { source: 9, ..Reading::good(5, Kind::Int(8)) });
        let sections = columns.sections();
        let tags: Vec<_> = sections.iter().map(|section| &section.tags[..]).collect();
        assert_eq!(tags, [&[3][..], &[1, 4], &[2], &[5]]);
        assert_eq!((sections[0].qualities[0], sections[1].ints[1]), (33, 7));
        assert_eq!((sections[3].source, sections[3].acquired), (9, 5));
    }
}
