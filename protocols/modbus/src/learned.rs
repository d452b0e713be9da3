//! What a link has taught: addresses that a device refuses, how much it answers at once, how long it takes.
//!
//! Plain data with a text form, so that the next start need not learn it
//! again. The text is lines of words behind a line with its version; a
//! version or a line that is not understood is no error of the plant, so the
//! reader starts to learn anew.
//!
//! ```text
//! forehearth-modbus-learned 1
//! unit 17 words 60
//! unit 17 bits 800
//! unit 17 takes 8500
//! unit 17 barred hr:100 20
//! ```

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::{Address, Limits, Micros, ReadRequest, Table};

const HEAD: &str = "forehearth-modbus-learned 1";

/// Barred stretches of one unit. Chosen: a map wrong in more places is
/// corrected, not learned.
const MAX_BARRED: usize = 256;

/// Addresses that the device refuses when they are part of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Barred {
    /// Which table.
    pub table: Table,
    /// First of them.
    pub start: u16,
    /// How many, at least 1.
    pub count: u16,
}

impl Barred {
    /// Whether a request for these addresses would ask for a barred one.
    #[must_use]
    pub fn touches(&self, table: Table, start: u32, end: u32) -> bool {
        let first = u32::from(self.start);
        self.table == table && first < end && start < first + u32::from(self.count)
    }
}

/// What one unit has taught.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnitLearned {
    /// Most registers it answers at once.
    pub max_words: Option<u16>,
    /// Most bits it answers at once.
    pub max_bits: Option<u16>,
    /// How long it takes to answer, without the time on the line.
    pub takes: Option<Micros>,
    /// What it refuses, in ascending order.
    pub barred: Vec<Barred>,
}

impl UnitLearned {
    /// `limits` as far as the unit keeps up with them.
    #[must_use]
    pub fn narrow(&self, limits: Limits) -> Limits {
        Limits {
            max_words: self.max_words.map_or(limits.max_words, |most| most.min(limits.max_words)),
            max_bits: self.max_bits.map_or(limits.max_bits, |most| most.min(limits.max_bits)),
            join: limits.join,
        }
    }

    /// These addresses are refused; whether that is news.
    pub fn bar(&mut self, table: Table, start: u16, count: u16) -> bool {
        let barred = Barred { table, start, count };
        match self.barred.binary_search(&barred) {
            Err(place) if count > 0 && self.barred.len() < MAX_BARRED => {
                self.barred.insert(place, barred);
                true
            }
            _ => false,
        }
    }

    /// Of this table it answers at most so many at once; whether that is news.
    pub fn limit(&mut self, table: Table, most: u16) -> bool {
        let known = if table.is_bits() { &mut self.max_bits } else { &mut self.max_words };
        let is_news = most > 0 && known.is_none_or(|known| most < known);
        if is_news {
            *known = Some(most);
        }
        is_news
    }

    /// It answered `request`: what was learned to the contrary was wrong.
    pub fn answered(&mut self, request: &ReadRequest) {
        let (start, end) = (u32::from(request.start()), request.end());
        self.barred.retain(|barred| !barred.touches(request.table(), start, end));
    }
}

/// What a link has taught, by unit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Learned {
    /// In ascending order of unit, each once.
    units: Vec<(u8, UnitLearned)>,
}

impl Learned {
    /// What `unit` has taught.
    #[must_use]
    pub fn unit(&self, unit: u8) -> Option<&UnitLearned> {
        let place = self.units.binary_search_by_key(&unit, |(unit, _)| *unit).ok()?;
        self.units.get(place).map(|(_, learned)| learned)
    }

    /// The same, to be added to.
    pub fn unit_mut(&mut self, unit: u8) -> &mut UnitLearned {
        let place = match self.units.binary_search_by_key(&unit, |(unit, _)| *unit) {
            Ok(place) => place,
            Err(place) => {
                self.units.insert(place, (unit, UnitLearned::default()));
                place
            }
        };
        &mut self.units[place].1
    }
}

impl Learned {
    /// Whether it says something else than `kept`, answering times that moved
    /// by less than a quarter aside: these move all the time.
    #[must_use]
    pub fn differs_from(&self, kept: &Self) -> bool {
        self.units.len() != kept.units.len()
            || self.units.iter().zip(&kept.units).any(|((unit, now), (known, before))| {
                let same_time = match (now.takes, before.takes) {
                    (Some(now), Some(before)) => now.abs_diff(before) <= before / 4,
                    (now, before) => now == before,
                };
                unit != known
                    || !same_time
                    || (now.max_words, now.max_bits) != (before.max_words, before.max_bits)
                    || now.barred != before.barred
            })
    }
}

/// The text form.
impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        for (unit, learned) in &self.units {
            if let Some(most) = learned.max_words {
                writeln!(f, "unit {unit} words {most}")?;
            }
            if let Some(most) = learned.max_bits {
                writeln!(f, "unit {unit} bits {most}")?;
            }
            if let Some(takes) = learned.takes {
                writeln!(f, "unit {unit} takes {takes}")?;
            }
            for Barred { table, start, count } in &learned.barred {
                writeln!(f, "unit {unit} barred {}:{start} {count}", prefix(*table))?;
            }
        }
        Ok(())
    }
}

const fn prefix(table: Table) -> &'static str {
    match table {
        Table::Coils => "co",
        Table::DiscreteInputs => "di",
        Table::InputRegisters => "ir",
        Table::HoldingRegisters => "hr",
    }
}

/// A text that is not what this version has learned; its 1-based line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnedError {
    /// Which line.
    pub line: usize,
}

impl fmt::Display for LearnedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is not understood; what was learned is learned anew", self.line)
    }
}

impl core::error::Error for LearnedError {}

impl FromStr for Learned {
    type Err = LearnedError;

    fn from_str(text: &str) -> Result<Self, LearnedError> {
        let mut learned = Self::default();
        let mut head = false;
        for (line, words) in (1..).zip(text.lines()) {
            if line == 1 {
                head = words == HEAD;
            }
            if !head || (line > 1 && learned.line(words).is_none()) {
                return Err(LearnedError { line });
            }
        }
        if head { Ok(learned) } else { Err(LearnedError { line: 1 }) }
    }
}

impl Learned {
    fn line(&mut self, text: &str) -> Option<()> {
        let mut words = text.split(' ');
        (words.next() == Some("unit")).then_some(())?;
        let unit = self.unit_mut(words.next()?.parse().ok()?);
        match words.next()? {
            "words" => unit.max_words = Some(words.next()?.parse().ok().filter(|most| *most > 0)?),
            "bits" => unit.max_bits = Some(words.next()?.parse().ok().filter(|most| *most > 0)?),
            "takes" => unit.takes = Some(words.next()?.parse().ok()?),
            "barred" => {
                let at: Address = words.next()?.parse().ok()?;
                let count = words.next()?.parse().ok().filter(|count| *count > 0)?;
                unit.bar(at.table, at.offset, count);
            }
            _ => return None,
        }
        words.next().is_none().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Barred, Learned, LearnedError};
    use crate::{ReadRequest, Table};
    use alloc::string::ToString;

    const TEXT: &str = "forehearth-modbus-learned 1
unit 3 words 60
unit 17 bits 800
unit 17 takes 8500
unit 17 barred co:7 1
unit 17 barred hr:100 20
";

    #[test]
    fn what_was_learned_survives_a_restart() {
        let mut learned = Learned::default();
        assert!(learned.unit_mut(17).bar(Table::HoldingRegisters, 100, 20));
        assert!(!learned.unit_mut(17).bar(Table::HoldingRegisters, 100, 20), "no news");
        learned.unit_mut(17).bar(Table::Coils, 7, 1);
        learned.unit_mut(17).takes = Some(8500);
        learned.unit_mut(17).limit(Table::Coils, 800);
        assert!(learned.unit_mut(3).limit(Table::InputRegisters, 60));
        assert!(!learned.unit_mut(3).limit(Table::InputRegisters, 61));
        assert_eq!(learned.to_string(), TEXT);
        assert_eq!(TEXT.parse(), Ok(learned));
    }

    #[test]
    fn another_version_or_a_damaged_file_is_learned_anew() {
        for (text, line) in [
            ("", 1),
            ("forehearth-modbus-learned 2\n", 1),
            ("forehearth-modbus-learned 1\nunit 3 words 0\n", 2),
            ("forehearth-modbus-learned 1\nunit 3 words 9 9\n", 2),
            ("forehearth-modbus-learned 1\nunit 300 words 9\n", 2),
            ("forehearth-modbus-learned 1\nunit 3 takes 9\nunit 3 barred hr:5 0\n", 3),
        ] {
            assert_eq!(text.parse::<Learned>(), Err(LearnedError { line }), "{text}");
        }
    }

    #[test]
    fn only_what_matters_is_worth_writing_down() {
        let before: Learned = TEXT.parse().unwrap();
        let mut now = before.clone();
        now.unit_mut(17).takes = Some(10_000);
        assert!(!now.differs_from(&before));
        now.unit_mut(17).takes = Some(11_000);
        assert!(now.differs_from(&before));
        let mut now = before.clone();
        now.unit_mut(17).bar(Table::Coils, 8, 1);
        assert!(now.differs_from(&before));
        let mut now = before.clone();
        now.unit_mut(18);
        assert!(now.differs_from(&before) && !before.differs_from(&before));
    }

    #[test]
    fn an_answer_refutes_what_was_learned() {
        let mut learned = Learned::default();
        let unit = learned.unit_mut(1);
        unit.bar(Table::HoldingRegisters, 100, 20);
        unit.bar(Table::HoldingRegisters, 130, 1);
        unit.answered(&ReadRequest::new(Table::InputRegisters, 100, 20).unwrap());
        assert_eq!(unit.barred.len(), 2);
        unit.answered(&ReadRequest::new(Table::HoldingRegisters, 119, 5).unwrap());
        let left = Barred { table: Table::HoldingRegisters, start: 130, count: 1 };
        assert_eq!(unit.barred, [left]);
    }
}
