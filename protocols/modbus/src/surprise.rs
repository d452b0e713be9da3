//! Surprise: a value that jumps further than its tag ever did is read again before it counts.
//!
//! A CRC-16 lets one damaged frame in 65,536 through, an LRC one in 256. The
//! damage that gets through is arbitrary, so it shows as a jump. How far a
//! tag plausibly moves between two reads is learned from how far it moved.
//!
//! One jump costs one more read of its span. Two reads that agree are
//! believed. If the second agrees with the past instead, the first was
//! damaged. If all differ, nothing is said this time; a tag of which that is
//! so again and again is allowed to move as wildly as it does.

use alloc::vec::Vec;

use forehearth_model::{Sample, TagId, Value};

/// A move of up to so many times the learned one is plausible. Chosen: what
/// is measured moves by about as much each time; damage moves it by orders of
/// magnitude, because a high bit is hit.
const MARGIN: f64 = 4.0;

/// The learned move shrinks by one part in 64 at each read, so that after a
/// wild time a quiet tag is doubted again within a minute or two.
const FORGET: f64 = 63.0 / 64.0;

/// The second read agrees with the first when it lies so much nearer to it
/// than the past does.
const NEARER: f64 = 16.0;

/// Chosen: so many pairs in a row that differ are a tag that moves like that
/// and not damage, which would have to pass the checksum six times.
const UNDECIDED_UNTIL_WILD: u8 = 3;

/// What to do with the values of a span that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surprise {
    /// Nothing surprising: all count.
    None,
    /// Read the same once more.
    ReadAgain,
}

/// What a second read says about one tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Second {
    /// Its value counts.
    Counts,
    /// Its value counts, and the first read was wrong.
    FirstWasWrong,
    /// Neither read can be believed.
    Undecided,
}

/// What is known of the tags of one group.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// In ascending order of tag.
    tags: Vec<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    tag: TagId,
    /// The last value that counted.
    last: Value,
    /// How far the tag moved lately between two reads.
    reach: f64,
    /// The last confirmed jump, slowly forgotten: one is an event, a second of
    /// its size soon after is how the tag moves.
    jump: f64,
    /// Pairs of reads in a row of which neither could be believed.
    undecided: u8,
}

impl Known {
    /// How far `value` is from the last one; infinite where no number tells.
    fn distance(&self, value: &Value) -> f64 {
        distance(&self.last, value)
    }

    fn is_plausible(&self, value: &Value) -> bool {
        self.distance(value) <= self.reach * MARGIN
    }

    /// `value` counts.
    fn settle(&mut self, value: &Value) {
        let moved = self.distance(value);
        self.reach *= FORGET;
        self.jump *= FORGET;
        if moved.is_finite() && moved > self.reach {
            self.reach = moved;
        }
        self.last.clone_from(value);
        self.undecided = 0;
    }
}

fn distance(a: &Value, b: &Value) -> f64 {
    if a.same(b) {
        return 0.0;
    }
    match (a, b) {
        (Value::Bool(_), _) | (_, Value::Bool(_)) => f64::INFINITY,
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs(),
            _ => f64::INFINITY,
        },
    }
}

impl Memory {
    /// Knows nothing yet of these tags: their first values are surprising.
    #[must_use]
    pub fn new(tags: impl Iterator<Item = TagId>) -> Self {
        let known = |tag| Known { tag, last: Value::Null, reach: 0.0, jump: 0.0, undecided: 0 };
        let mut tags: Vec<Known> = tags.map(known).collect();
        tags.sort_unstable_by_key(|known| known.tag);
        Self { tags }
    }

    /// Judges what a first read brought. Bits are doubted only where `bits`
    /// says so: a bit that changes is always a jump.
    #[must_use]
    pub fn first(&mut self, samples: &[Sample], bits: Bits) -> Surprise {
        let surprising = samples.iter().any(|sample| {
            let doubted = bits == Bits::Doubted || !matches!(sample.value, Value::Bool(_));
            let known = self.find(sample.tag);
            doubted
                && !sample.value.is_null()
                && known.is_some_and(|known| !known.is_plausible(&sample.value))
        });
        if surprising {
            return Surprise::ReadAgain;
        }
        for sample in samples.iter().filter(|sample| !sample.value.is_null()) {
            if let Some(known) = self.find(sample.tag) {
                known.settle(&sample.value);
            }
        }
        Surprise::None
    }

    /// Judges a tag by a second read of its span.
    pub fn second(&mut self, tag: TagId, first: &Value, second: &Value) -> Second {
        let Some(known) = self.find(tag) else {
            return Second::Counts;
        };
        if second.is_null() {
            return Second::Counts;
        }
        let first_was_plausible = known.is_plausible(first);
        if known.is_plausible(second) {
            known.settle(second);
            return if first_was_plausible { Second::Counts } else { Second::FirstWasWrong };
        }
        let between = distance(first, second);
        let jump = known.distance(first);
        let is_near = jump.is_finite() && between * NEARER <= jump;
        if between == 0.0 || between <= known.reach * MARGIN || is_near {
            known.last.clone_from(first);
            known.settle(second);
            // The first value of a tag says nothing about how it moves.
            if jump.is_finite() {
                if known.jump >= jump / 2.0 {
                    known.reach = known.reach.max(jump / 2.0);
                }
                known.jump = jump;
            }
            return Second::Counts;
        }
        known.undecided = known.undecided.saturating_add(1);
        if known.undecided >= UNDECIDED_UNTIL_WILD && between.is_finite() {
            known.settle(second);
            known.reach = known.reach.max(between);
        }
        Second::Undecided
    }

    fn find(&mut self, tag: TagId) -> Option<&mut Known> {
        let place = self.tags.binary_search_by_key(&tag, |known| known.tag).ok()?;
        self.tags.get_mut(place)
    }
}

/// Whether a bit that changed is read again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bits {
    /// The line is clean: a damaged frame would have been seen before one
    /// that looks whole.
    Believed,
    /// Frames were damaged lately.
    Doubted,
}

#[cfg(test)]
mod tests {
    use super::{Bits, Memory, Second, Surprise};
    use alloc::vec;
    use alloc::vec::Vec;
    use forehearth_model::{Quality, Sample, TagId, Value};

    const TAG: TagId = TagId(3);

    fn sample(value: &Value) -> Vec<Sample> {
        vec![Sample { tag: TAG, quality: Quality::Good, value: value.clone() }]
    }

    /// Reads `values` one after the other; each is read twice where it surprises.
    fn read(memory: &mut Memory, values: &[f64]) -> usize {
        let mut again = 0;
        for value in values {
            let value = Value::F64(*value);
            if memory.first(&sample(&value), Bits::Doubted) == Surprise::ReadAgain {
                again += 1;
                assert_eq!(memory.second(TAG, &value, &value), Second::Counts);
            }
        }
        again
    }

    fn memory() -> Memory {
        Memory::new([TAG].into_iter())
    }

    #[test]
    fn a_tag_that_moves_as_it_always_does_is_read_once() {
        let mut memory = memory();
        let wave: Vec<f64> = (0..2000).map(|n| 50.0 + f64::from(n * 7 % 40) / 10.0).collect();
        let again = read(&mut memory, &wave);
        assert!(again <= 6, "{again} of 2000 read twice");
        let counter: Vec<f64> = (0..2000).map(f64::from).collect();
        let again = read(&mut self::memory(), &counter);
        assert!(again <= 3, "{again} of 2000 read twice");
    }

    #[test]
    fn a_jump_counts_only_when_a_second_read_agrees() {
        let mut memory = memory();
        read(&mut memory, &[20.0, 20.1, 20.0, 20.2, 20.1]);
        let (wrong, right) = (Value::F64(5000.0), Value::F64(20.2));
        assert_eq!(memory.first(&sample(&wrong), Bits::Believed), Surprise::ReadAgain);
        assert_eq!(memory.second(TAG, &wrong, &right), Second::FirstWasWrong);
        // And the wrong one has taught nothing.
        assert_eq!(memory.first(&sample(&wrong), Bits::Believed), Surprise::ReadAgain);
        let step = Value::F64(5003.0);
        assert_eq!(memory.second(TAG, &wrong, &step), Second::Counts);
    }

    #[test]
    fn a_counter_that_wraps_is_doubted_as_before() {
        let mut memory = memory();
        read(&mut memory, &[65_533.0, 65_534.0, 65_535.0, 0.0, 1.0, 2.0]);
        let wrong = Value::F64(16_386.0);
        assert_eq!(memory.first(&sample(&wrong), Bits::Believed), Surprise::ReadAgain);
    }

    #[test]
    fn the_first_value_of_a_tag_is_read_twice() {
        let mut memory = memory();
        let value = Value::UInt(7);
        assert_eq!(memory.first(&sample(&value), Bits::Believed), Surprise::ReadAgain);
        assert_eq!(memory.second(TAG, &value, &Value::UInt(9000)), Second::Undecided);
    }

    #[test]
    fn a_wild_tag_is_not_silenced_for_ever() {
        let mut memory = memory();
        let wild = |n: u64| Value::UInt(n.wrapping_mul(0x9E37_79B9) % 60_000);
        let mut undecided = 0;
        for n in 0..500 {
            if memory.first(&sample(&wild(2 * n)), Bits::Believed) == Surprise::ReadAgain {
                let second = memory.second(TAG, &wild(2 * n), &wild(2 * n + 1));
                undecided += usize::from(second == Second::Undecided);
            }
        }
        assert!(undecided <= 8, "{undecided}");
    }

    #[test]
    fn bits_are_doubted_where_the_line_is_noisy() {
        let mut memory = memory();
        let (off, on) = (Value::Bool(false), Value::Bool(true));
        assert_eq!(memory.first(&sample(&off), Bits::Believed), Surprise::None);
        assert_eq!(memory.first(&sample(&on), Bits::Believed), Surprise::None);
        assert_eq!(memory.first(&sample(&off), Bits::Doubted), Surprise::ReadAgain);
        assert_eq!(memory.second(TAG, &off, &on), Second::FirstWasWrong);
        assert_eq!(memory.first(&sample(&off), Bits::Doubted), Surprise::ReadAgain);
        assert_eq!(memory.second(TAG, &off, &off), Second::Counts);
        let text = |text: &str| Value::Text(text.into());
        let mut memory = self::memory();
        assert_eq!(memory.first(&sample(&text("A")), Bits::Believed), Surprise::ReadAgain);
        assert_eq!(memory.second(TAG, &text("A"), &text("A")), Second::Counts);
        assert_eq!(memory.first(&sample(&text("A")), Bits::Believed), Surprise::None);
        assert_eq!(memory.first(&sample(&text("B")), Bits::Believed), Surprise::ReadAgain);
    }

    /// Of 200,000 reads one in 4,000 is damaged at random in a way no checksum
    /// sees, sixteen times as often as if every frame on the line were damaged: none of these values counts.
    #[test]
    fn no_random_damage_counts() {
        let seed = 0x5EED_1234_u64;
        let mut state = seed;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut memory = memory();
        let (mut refuted, mut undecided, mut good) = (0, 0, 0);
        let mut truth = 1000_u64;
        for _ in 0..200_000 {
            truth = truth + random() % 5 - 2;
            let truth = Value::UInt(truth);
            let mut read = |fresh: u64| {
                if random() % 4000 == 0 {
                    Value::UInt(fresh ^ random() >> 32 | 1 << 30)
                } else {
                    truth.clone()
                }
            };
            let first = read(17);
            if memory.first(&sample(&first), Bits::Believed) == Surprise::None {
                assert_eq!(first, truth, "seed {seed:#x}");
                good += 1;
                continue;
            }
            let second = read(29);
            match memory.second(TAG, &first, &second) {
                Second::Undecided => undecided += 1,
                Second::Counts => assert_eq!(second, truth, "seed {seed:#x}"),
                Second::FirstWasWrong => {
                    assert_eq!(second, truth, "seed {seed:#x}");
                    refuted += 1;
                }
            }
        }
        assert!(good > 190_000 && refuted > 20, "{good} {refuted} {undecided}");
    }
}
