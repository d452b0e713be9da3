//! An annunciator: whether an alarm was acknowledged, is shelved, and came first in its group (ISA-18.2, IEC 62682).
//!
//! It keeps what people did with an alarm, and tells it as one number, a sum
//! of the [`flag`] values. Shelving puts an alarm out of service for a limited
//! time, which its readings say; nothing here silences the plant's own alarm
//! system.

use std::time::Duration;

use crate::saved::{Reader, Writer};

/// What the number of a state tag is the sum of.
pub mod flag {
    /// The value is beyond a limit.
    pub const ACTIVE: u64 = 1;
    /// Nobody has acknowledged it since it became active.
    pub const UNACKNOWLEDGED: u64 = 2;
    /// Put out of service for a time.
    pub const SHELVED: u64 = 4;
    /// It was the first of its group that became active.
    pub const FIRST_OUT: u64 = 8;
}

/// Longest time an alarm may be shelved. Chosen: a shift; whoever needs longer
/// changes the map. ISA-18.2 asks for a limit and sets none.
pub const LONGEST_SHELVING: Duration = Duration::from_secs(12 * 3600);

/// Alarms of which the first one to come is told: one group of the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct FirstOut {
    /// Which alarm came first, by the number of its tag; `None` while none is active.
    first: Option<u32>,
    active: u32,
}

/// What people did with one alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Annunciator {
    active: bool,
    unacknowledged: bool,
    /// Microseconds since the pipeline was made.
    shelved_until: Option<u64>,
}

impl Annunciator {
    /// Takes whether the alarm numbered `me` is active now.
    pub(crate) fn take(&mut self, active: bool, me: u32, group: Option<&mut FirstOut>) {
        let came = active && !self.active;
        let went = !active && self.active;
        self.active = active;
        self.unacknowledged |= came;
        let Some(group) = group else { return };
        if came {
            group.active += 1;
            group.first.get_or_insert(me);
        }
        if went {
            group.active = group.active.saturating_sub(1);
            if group.active == 0 {
                group.first = None;
            }
        }
    }

    /// Counts an active alarm in a group that knows nothing of it.
    pub(crate) const fn join(&self, me: u32, group: &mut FirstOut) {
        if self.active {
            group.active += 1;
            if group.first.is_none() {
                group.first = Some(me);
            }
        }
    }

    /// The sum of the flags that hold.
    pub(crate) fn flags(&self, me: u32, group: Option<&FirstOut>) -> u64 {
        let first = group.is_some_and(|group| group.first == Some(me));
        let held = [
            (self.active, flag::ACTIVE),
            (self.unacknowledged, flag::UNACKNOWLEDGED),
            (self.shelved_until.is_some(), flag::SHELVED),
            (first, flag::FIRST_OUT),
        ];
        held.iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).sum()
    }

    pub(crate) const fn acknowledge(&mut self) {
        self.unacknowledged = false;
    }

    pub(crate) fn shelve(&mut self, now: u64, time: Duration) {
        let time = time.min(LONGEST_SHELVING);
        let until = now.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        self.shelved_until = (!time.is_zero()).then_some(until);
    }

    pub(crate) const fn is_shelved(&self) -> bool {
        self.shelved_until.is_some()
    }

    /// When shelving ends.
    pub(crate) const fn due(&self) -> Option<u64> {
        self.shelved_until
    }

    /// Ends shelving that is over.
    pub(crate) fn tick(&mut self, at: u64) {
        if self.shelved_until.is_some_and(|until| at >= until) {
            self.shelved_until = None;
        }
    }

    pub(crate) fn save(&self, writer: &mut Writer, now: u64, group: Option<&FirstOut>, me: u32) {
        writer.flag(self.active);
        writer.flag(self.unacknowledged);
        writer.flag(group.is_some_and(|group| group.first == Some(me)));
        writer.maybe(
            self.shelved_until
                .map(|until| i64::try_from(until.saturating_sub(now)).unwrap_or(i64::MAX)),
        );
    }

    /// Takes what was saved; shelving goes on for what was left of it, since
    /// nobody knows how long the gateway was away without a trusted clock.
    pub(crate) fn restore(
        &mut self,
        reader: &mut Reader<'_>,
        now: u64,
        group: Option<&mut FirstOut>,
        me: u32,
    ) -> Option<()> {
        let (active, unacknowledged, first, left) =
            (reader.flag()?, reader.flag()?, reader.flag()?, reader.maybe()?);
        (self.active, self.unacknowledged) = (active, unacknowledged);
        let left = left.map(|left| u64::try_from(left).unwrap_or(0));
        let most = u64::try_from(LONGEST_SHELVING.as_micros()).unwrap_or(u64::MAX);
        self.shelved_until = left.map(|left| now.saturating_add(left.min(most)));
        if let Some(group) = group {
            group.active += u32::from(active);
            if first {
                group.first = Some(me);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Annunciator, FirstOut, flag};
    use crate::saved::{Reader, Record, Writer};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn the_first_of_a_group_stays_the_first_until_all_are_normal() {
        let (mut a, mut b) = (Annunciator::default(), Annunciator::default());
        let mut group = FirstOut::default();
        b.take(true, 2, Some(&mut group));
        a.take(true, 1, Some(&mut group));
        b.take(false, 2, Some(&mut group));
        assert_eq!(a.flags(1, Some(&group)) & flag::FIRST_OUT, 0);
        assert_eq!(b.flags(2, Some(&group)), flag::UNACKNOWLEDGED | flag::FIRST_OUT);
        a.take(false, 1, Some(&mut group));
        a.take(true, 1, Some(&mut group));
        assert_eq!(a.flags(1, Some(&group)) & flag::FIRST_OUT, flag::FIRST_OUT);
        assert_eq!(b.flags(2, Some(&group)) & flag::FIRST_OUT, 0);
    }

    #[test]
    fn shelving_ends_by_itself_and_an_acknowledged_alarm_is_new_when_it_comes_again() {
        let mut alarm = Annunciator::default();
        alarm.take(true, 1, None);
        alarm.acknowledge();
        alarm.shelve(0, Duration::from_secs(60));
        assert_eq!(alarm.flags(1, None), flag::ACTIVE | flag::SHELVED);
        alarm.tick(59_999_999);
        assert!(alarm.is_shelved());
        alarm.tick(60_000_000);
        assert_eq!(alarm.flags(1, None), flag::ACTIVE);
        alarm.take(false, 1, None);
        alarm.take(true, 1, None);
        assert_eq!(alarm.flags(1, None), flag::ACTIVE | flag::UNACKNOWLEDGED);
        alarm.shelve(0, Duration::from_secs(1_000_000));
        assert_eq!(alarm.due(), Some(12 * 3_600_000_000));
    }

    proptest! {
        #[test]
        fn a_restart_changes_nothing(
            steps in prop::collection::vec((0u32..3, any::<bool>(), any::<bool>()), 1..60),
            cut in 0usize..60,
        ) {
            let mut whole = ([Annunciator::default(); 3], FirstOut::default());
            let mut cut_one = whole;
            for (place, (me, active, acknowledge)) in steps.into_iter().enumerate() {
                if place == cut {
                    let saved: Vec<Vec<u8>> = (0..3).map(|me| {
                        let mut writer = Writer::default();
                        writer.record(Record::Alarm, |writer| {
                            cut_one.0[me as usize].save(writer, 0, Some(&cut_one.1), me);
                        });
                        writer.finish()
                    }).collect();
                    cut_one = ([Annunciator::default(); 3], FirstOut::default());
                    for (me, bytes) in (0..).zip(&saved) {
                        let mut reader = Reader::find(bytes, Record::Alarm).unwrap();
                        cut_one.0[me as usize].restore(&mut reader, 0, Some(&mut cut_one.1), me).unwrap();
                    }
                }
                for (alarms, group) in [&mut whole, &mut cut_one] {
                    alarms[me as usize].take(active, me, Some(group));
                    if acknowledge { alarms[me as usize].acknowledge(); }
                }
                for me in 0..3 {
                    prop_assert_eq!(
                        whole.0[me as usize].flags(me, Some(&whole.1)),
                        cut_one.0[me as usize].flags(me, Some(&cut_one.1))
                    );
                }
            }
        }
    }
}
