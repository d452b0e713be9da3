//! When missing answers mean that the connection is dead, and not only a unit behind it.
//!
//! Behind one socket may be a serial server with many units. One dead unit
//! must not cost the others their connection, so missing answers of a single
//! unit condemn the link only when no other unit is behind it; otherwise the
//! unit is left alone for the rest of its scan.

/// Chosen: one lost answer is noise and two may be a restart of the device;
/// three in a row with nothing between are a dead connection.
const MISSING_UNTIL_LOST: u32 = 3;

/// Chosen: a dead unit costs its neighbours at most two deadlines per scan.
const MISSING_UNTIL_SKIPPED: u32 = 2;

/// Missing answers since the last one that came.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    /// Whether only one unit is read over the link.
    single_unit: bool,
    missing: u32,
    silent: Silent,
}

/// Who is silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silent {
    Nobody,
    One(u8),
    Several,
}

/// What to do about a missing answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Advice {
    /// Ask on.
    AskOn,
    /// Ask nothing more of this unit in this scan.
    Skip,
    /// Open the connection anew.
    Reconnect,
}

impl Silence {
    /// For a link behind which are `units`.
    pub(crate) fn new(units: impl Iterator<Item = u8>) -> Self {
        let mut units: Vec<u8> = units.collect();
        units.sort_unstable();
        units.dedup();
        Self { single_unit: units.len() <= 1, missing: 0, silent: Silent::Nobody }
    }

    /// An answer came, a value or an exception; or the connection is new.
    pub(crate) fn broken(&mut self) {
        self.missing = 0;
        self.silent = Silent::Nobody;
    }

    /// An answer of `unit` is missing.
    pub(crate) fn missed(&mut self, unit: u8) -> Advice {
        self.missing = self.missing.saturating_add(1);
        self.silent = match self.silent {
            Silent::Nobody => Silent::One(unit),
            Silent::One(other) if other == unit => Silent::One(unit),
            Silent::One(_) | Silent::Several => Silent::Several,
        };
        let nobody_else = self.single_unit || self.silent == Silent::Several;
        if nobody_else && self.missing >= MISSING_UNTIL_LOST {
            Advice::Reconnect
        } else if !self.single_unit && self.missing >= MISSING_UNTIL_SKIPPED {
            Advice::Skip
        } else {
            Advice::AskOn
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Advice, Silence};

    #[test]
    fn three_missing_answers_in_a_row_condemn_a_link_with_one_unit() {
        let mut silence = Silence::new([1, 1].into_iter());
        assert_eq!(silence.missed(1), Advice::AskOn);
        assert_eq!(silence.missed(1), Advice::AskOn);
        silence.broken();
        assert_eq!(silence.missed(1), Advice::AskOn);
        assert_eq!(silence.missed(1), Advice::AskOn);
        assert_eq!(silence.missed(1), Advice::Reconnect);
    }

    #[test]
    fn a_dead_unit_does_not_cost_its_neighbours_the_connection() {
        let mut silence = Silence::new([1, 2].into_iter());
        assert_eq!(silence.missed(1), Advice::AskOn);
        for _ in 0..10 {
            assert_eq!(silence.missed(1), Advice::Skip, "unit 2 may still answer");
        }
        silence.broken();
        assert_eq!(silence.missed(1), Advice::AskOn, "unit 2 answered");
        assert_eq!(silence.missed(1), Advice::Skip);
        assert_eq!(silence.missed(2), Advice::Reconnect, "now nobody answers");
    }
}
