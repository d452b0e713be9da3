//! The swinging door: of a slow curve only the corners are sent, and no sample is ever further from the line between them than agreed.
//!
//! From the last sent sample (the anchor) a fan of slopes, the door, is open:
//! the slopes whose line passes every sample since then within `error`. Each
//! sample narrows it. A sample to which such a line leads can be the end of
//! the line; the latest of these is held, and those before it are not needed
//! any more. When the door is shut (no line passes all samples), the held
//! sample is sent with the stamp it had and becomes the next anchor, and the
//! samples after it are looked at anew from there.
//!
//! The textbook's door sends the sample before the one that shut it, which
//! allows up to twice the error. Here a line always ends at a sample that it
//! was proved for, so whoever joins consecutive readings by straight lines, in
//! the order they came, is never wrong by more than `error`.

use std::collections::VecDeque;

use forehearth_model::{DeviceId, Quality, Stamp, Value};

/// A sample at the door.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Visitor {
    pub(crate) device: DeviceId,
    pub(crate) stamp: Stamp,
    pub(crate) quality: Quality,
    /// Raw, as it will be sent.
    pub(crate) value: Value,
    /// The same in engineering units; `None` when it is no number.
    pub(crate) number: Option<f64>,
    /// Acquisition, microseconds since the pipeline was made.
    pub(crate) at: u64,
}

/// What happens to the sample that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Held back; the next sample decides.
    Held,
    /// Sent now.
    Sent,
    /// Not sent: nothing new and no number to hold.
    Suppressed,
}

/// Most samples that wait behind the held one for a line that leads to one of
/// them. Chosen: noise as large as the error lets every fourth sample end a
/// line, so one in a hundred anchors is given up early; 1 KiB for such a tag.
const MOST_WAITING: usize = 16;

/// The last sent sample, where the door hangs.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    stamp: Stamp,
    number: f64,
}

/// The door of one tag.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Engineering units.
    error: f64,
    /// Quality of the last sample; `None` before the first.
    quality: Option<Quality>,
    anchor: Option<Anchor>,
    /// The held sample, then those since, to which no line leads yet.
    waiting: VecDeque<Visitor>,
    /// Slopes that pass every sample since the anchor, per microsecond.
    low: f64,
    high: f64,
    /// Samples that turned out not to be needed since it was asked last.
    dropped: u64,
}

impl Door {
    pub(crate) const fn new(error: f64) -> Self {
        Self {
            error,
            quality: None,
            anchor: None,
            waiting: VecDeque::new(),
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
            dropped: 0,
        }
    }

    /// Takes the next sample of the tag; `overdue` when the tag was silent for
    /// as long as it may be. Samples that are sent before it are added to
    /// `released`.
    ///
    /// A change of quality always passes, with the last sample before it. A
    /// sample that is not younger than the newest one (late, or the clock was
    /// set back) is sent as well and the door starts anew from it: between a
    /// line and a sample out of its order nothing can be proved.
    pub(crate) fn take(
        &mut self,
        visitor: Visitor,
        overdue: bool,
        released: &mut Vec<Visitor>,
    ) -> Fate {
        let same_quality = self.quality.replace(visitor.quality) == Some(visitor.quality);
        let (Some(number), true, Some(anchor)) = (visitor.number, same_quality, self.anchor) else {
            let sent = visitor.number.is_some() || !same_quality || overdue;
            self.settle(released);
            self.hang(&visitor);
            return if sent { Fate::Sent } else { Fate::Suppressed };
        };
        let newest = self.waiting.back().map_or(anchor.stamp, |newest| newest.stamp);
        if visitor.stamp <= newest {
            self.settle(released);
            self.hang(&visitor);
            return Fate::Sent;
        }
        let leads_here = self.narrow(anchor, visitor.stamp, number);
        if leads_here {
            self.dropped += self.waiting.len() as u64;
            self.waiting.clear();
            if overdue {
                self.hang(&visitor);
                return Fate::Sent;
            }
        }
        self.waiting.push_back(visitor);
        if !leads_here && (overdue || self.is_shut() || self.waiting.len() > MOST_WAITING) {
            self.send_held(released);
        }
        Fate::Held
    }

    /// Gives everything away that is needed to draw the curve up to the last
    /// sample and starts anew with the next: for a stop, and when stamps of
    /// now and of then are not of one clock.
    pub(crate) fn release(&mut self, released: &mut Vec<Visitor>) {
        self.settle(released);
        self.quality = None;
        self.anchor = None;
    }

    /// Whether a sample is held.
    pub(crate) fn holds(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives away what is needed to draw the curve up to the last sample,
    /// because none came for too long. The line goes on from there.
    pub(crate) fn expire(&mut self, released: &mut Vec<Visitor>) {
        self.settle(released);
    }

    /// How many samples turned out not to be needed since the last call.
    pub(crate) const fn take_dropped(&mut self) -> u64 {
        std::mem::replace(&mut self.dropped, 0)
    }

    fn settle(&mut self, released: &mut Vec<Visitor>) {
        while !self.waiting.is_empty() {
            self.send_held(released);
        }
    }

    /// Sends the held sample and looks at those behind it from there.
    fn send_held(&mut self, released: &mut Vec<Visitor>) {
        let Some(mut sent) = self.waiting.pop_front() else { return };
        loop {
            let anchor = self.hang(&sent);
            released.push(sent);
            let Some(anchor) = anchor else { return };
            // A line leads to the first one always: the door is wide open.
            let mut held = 0;
            for place in 0..self.waiting.len() {
                let Some(number) = self.waiting[place].number else { return };
                if self.narrow(anchor, self.waiting[place].stamp, number) {
                    held = place;
                }
                if self.is_shut() {
                    break;
                }
            }
            self.dropped += held as u64;
            self.waiting.drain(..held);
            if !self.is_shut() {
                return;
            }
            let Some(next) = self.waiting.pop_front() else { return };
            sent = next;
        }
    }

    /// Hangs the door at a sample that is sent, wide open.
    fn hang(&mut self, sent: &Visitor) -> Option<Anchor> {
        self.anchor = sent.number.map(|number| Anchor { stamp: sent.stamp, number });
        (self.low, self.high) = (f64::NEG_INFINITY, f64::INFINITY);
        self.anchor
    }

    /// Narrows the door by a sample; returns whether a line that passes all
    /// samples before led straight to it.
    fn narrow(&mut self, anchor: Anchor, stamp: Stamp, number: f64) -> bool {
        let after = micros(anchor.stamp, stamp);
        let slope = (number - anchor.number) / after;
        let led_here = (self.low..=self.high).contains(&slope);
        // The consumer's line and this door both round; what they may differ
        // by is taken off the error beforehand.
        let rounding = 8.0 * f64::EPSILON * (number.abs() + anchor.number.abs());
        let error = (self.error - rounding).max(0.0);
        self.low = self.low.max((number - error - anchor.number) / after);
        self.high = self.high.min((number + error - anchor.number) / after);
        led_here
    }

    /// Whether no line passes all samples.
    fn is_shut(&self) -> bool {
        self.low > self.high
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn micros(from: Stamp, to: Stamp) -> f64 {
    to.micros().wrapping_sub(from.micros()) as f64
}

#[cfg(test)]
mod tests {
    use super::{Door, Fate, Visitor};
    use forehearth_model::{DeviceId, Quality, Stamp, Value};
    use proptest::prelude::*;

    fn visitor(second: i64, number: f64) -> Visitor {
        Visitor {
            device: DeviceId(0),
            stamp: Stamp(second * 1_000_000),
            quality: Quality::Good,
            value: Value::F64(number),
            number: Some(number),
            at: second.unsigned_abs() * 1_000_000,
        }
    }

    fn bad(second: i64) -> Visitor {
        let quality = Quality::BadNoCommunication;
        Visitor { quality, value: Value::Null, number: None, ..visitor(second, 0.0) }
    }

    /// Everything sent, in the order of sending.
    fn sent(door: &mut Door, visitors: &[Visitor]) -> Vec<Visitor> {
        let mut sent = Vec::new();
        for visitor in visitors {
            if door.take(visitor.clone(), false, &mut sent) == Fate::Sent {
                sent.push(visitor.clone());
            }
        }
        door.release(&mut sent);
        sent
    }

    fn seconds(sent: &[Visitor]) -> Vec<i64> {
        sent.iter().map(|visitor| visitor.stamp.micros() / 1_000_000).collect()
    }

    #[test]
    fn of_a_straight_line_only_the_ends_are_sent() {
        let ramp: Vec<_> = (0..100).map(|s| visitor(s, 2.0 * s as f64)).collect();
        assert_eq!(seconds(&sent(&mut Door::new(0.1), &ramp)), [0, 99]);
        let flat: Vec<_> = (0..100).map(|s| visitor(s, 955.5)).collect();
        assert_eq!(seconds(&sent(&mut Door::new(0.0), &flat)), [0, 99]);
    }

    #[test]
    fn a_corner_is_sent_with_the_stamp_it_had() {
        let roof: Vec<_> = (0..=20).map(|s| visitor(s, 10.0 - (s - 10).abs() as f64)).collect();
        let sent = sent(&mut Door::new(0.01), &roof);
        assert_eq!(seconds(&sent), [0, 10, 20]);
        assert_eq!(sent[1], roof[10]);
    }

    #[test]
    fn a_change_of_quality_passes_with_the_sample_before_it() {
        let mut visitors: Vec<_> = (0..5).map(|s| visitor(s, 1.0)).collect();
        visitors.extend([bad(5), bad(6)]);
        visitors.extend((7..10).map(|s| visitor(s, 1.0)));
        assert_eq!(seconds(&sent(&mut Door::new(1.0), &visitors)), [0, 4, 5, 7, 9]);
    }

    #[test]
    fn a_late_sample_is_sent_and_the_door_starts_anew_from_it() {
        let order = [0, 1, 2, 3, 2, 3, 4, 5];
        let visitors = order.map(|s| visitor(s, 0.0));
        assert_eq!(seconds(&sent(&mut Door::new(1.0), &visitors)), [0, 3, 2, 5]);
    }

    #[test]
    fn silence_ends_with_the_sample_that_is_overdue() {
        let (mut door, mut released) = (Door::new(1.0), Vec::new());
        assert_eq!(door.take(visitor(0, 0.0), true, &mut released), Fate::Sent);
        assert_eq!(door.take(visitor(1, 0.0), false, &mut released), Fate::Held);
        assert_eq!(door.take(visitor(2, 0.0), true, &mut released), Fate::Sent);
        assert_eq!(door.take_dropped(), 1);
        assert_eq!(door.take(bad(3), false, &mut released), Fate::Sent);
        assert_eq!(door.take(bad(4), false, &mut released), Fate::Suppressed);
        assert_eq!(door.take(bad(5), true, &mut released), Fate::Sent);
        assert_eq!(released, []);
    }

    #[test]
    fn noise_smaller_than_the_error_is_not_sent_though_it_is_larger_from_peak_to_peak() {
        let noise = |s: i64| f64::from(u32::try_from((s * 7919) % 17).unwrap()) - 8.0;
        let visitors: Vec<_> = (0..1000).map(|s| visitor(s, noise(s))).collect();
        let sent = sent(&mut Door::new(10.0), &visitors);
        assert!(sent.len() < 150, "{}", sent.len());
    }

    /// What a consumer computes for `stamp` between two readings.
    fn between(from: &Visitor, to: &Visitor, stamp: Stamp) -> f64 {
        let (a, b) = (from.number.unwrap(), to.number.unwrap());
        let share = (stamp.micros() - from.stamp.micros()) as f64
            / (to.stamp.micros() - from.stamp.micros()) as f64;
        a + (b - a) * share
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Sample { after: i64, number: f64, uncertain: bool, overdue: bool },
        Bad { after: i64 },
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        let after = prop_oneof![9 => 1i64..3_000_000, 1 => -5_000_000i64..1];
        let number = prop_oneof![4 => -3.0..3.0, 1 => -1e9..1e9f64];
        prop_oneof![
            20 => (after, number, prop::bool::weighted(0.1), prop::bool::weighted(0.05))
                .prop_map(|(after, number, uncertain, overdue)| Step::Sample { after, number, uncertain, overdue }),
            1 => (1i64..2_000_000).prop_map(|after| Step::Bad { after }),
            1 => Just(Step::Restart),
        ]
    }

    proptest! {
        /// The bound of the module head, for every sample: late ones, jumps,
        /// changes of quality and restarts included. A sample is checked
        /// against the reading sent before it and the first sent after it.
        #[test]
        fn no_sample_is_further_from_the_line_than_the_error(
            steps in prop::collection::vec(step(), 1..200),
            error in prop_oneof![Just(0.0), 0.001..5.0],
        ) {
            let mut door = Door::new(error);
            let mut now = 0;
            let mut last: Option<Visitor> = None;
            let mut open: Vec<Visitor> = Vec::new();
            let mut released = Vec::new();
            let check = |reading: &Visitor, last: &mut Option<Visitor>, open: &mut Vec<Visitor>| {
                // Everything up to the reading itself lies on this line.
                let until = open.iter().position(|sample| sample == reading).unwrap();
                for sample in open.drain(..=until) {
                    if sample == *reading { continue; }
                    let last = last.as_ref().unwrap();
                    assert_eq!(sample.quality, last.quality);
                    let (Some(number), Some(_)) = (sample.number, last.number) else { continue };
                    let told = between(last, reading, sample.stamp);
                    assert!((told - number).abs() <= error, "{told} for {number}, error {error}");
                }
                *last = Some(reading.clone());
            };
            for step in steps {
                let sample = match step {
                    Step::Restart => {
                        door.release(&mut released);
                        for reading in released.drain(..) { check(&reading, &mut last, &mut open); }
                        prop_assert!(open.iter().all(|sample| sample.number.is_none()));
                        open.clear();
                        door = Door::new(error);
                        continue;
                    }
                    Step::Bad { after } => { now += after; bad(0) }
                    Step::Sample { after, number, uncertain, .. } => {
                        now += after;
                        let quality = if uncertain { Quality::UncertainOutOfRange } else { Quality::Good };
                        Visitor { quality, ..visitor(0, number) }
                    }
                };
                let overdue = matches!(step, Step::Sample { overdue: true, .. });
                let sample = Visitor { stamp: Stamp(now), ..sample };
                open.push(sample.clone());
                let waiting = door.waiting.len() as u64;
                let fate = door.take(sample.clone(), overdue, &mut released);
                // A waiting sample is either released, dropped or still waiting.
                let gone = released.len() as u64 + door.take_dropped();
                let came = u64::from(fate == Fate::Held);
                prop_assert_eq!(waiting + came, gone + door.waiting.len() as u64);
                prop_assert!(door.waiting.len() <= super::MOST_WAITING);
                for reading in released.drain(..) { check(&reading, &mut last, &mut open); }
                if fate == Fate::Sent { check(&sample, &mut last, &mut open); }
                if fate == Fate::Suppressed { open.pop(); }
            }
            door.release(&mut released);
            for reading in released.drain(..) { check(&reading, &mut last, &mut open); }
            prop_assert!(open.is_empty(), "the last sample is told at a stop");
        }

        /// What passed one door passes a second one like it: corners are corners.
        #[test]
        fn what_was_sent_is_within_the_error_of_what_a_second_door_sends(
            numbers in prop::collection::vec(-3.0..3.0f64, 2..200),
        ) {
            let visitors: Vec<_> = (0..).zip(&numbers).map(|(s, n)| visitor(s, *n)).collect();
            let once = sent(&mut Door::new(0.5), &visitors);
            let twice = sent(&mut Door::new(0.0), &once);
            prop_assert!(twice.len() <= once.len() && once.len() <= visitors.len());
            prop_assert!(once.windows(2).all(|pair| pair[0].stamp < pair[1].stamp));
        }
    }
}
