//! A set of numbers that is mostly one long run: ranges without overlap, in order.

/// Inclusive ranges, apart by at least one number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Numbers {
    ranges: Vec<(u64, u64)>,
}

impl Numbers {
    pub(super) fn contains(&self, number: u64) -> bool {
        let place = self.ranges.partition_point(|range| range.1 < number);
        self.ranges.get(place).is_some_and(|range| range.0 <= number)
    }

    /// Adds `first..=last`; nothing when `last` is before `first`.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        if last < first {
            return;
        }
        // Everything that overlaps or touches becomes one range.
        let from = self.ranges.partition_point(|range| range.1.saturating_add(1) < first);
        let to = self.ranges.partition_point(|range| range.0 <= last.saturating_add(1));
        let joined = self.ranges[from..to]
            .iter()
            .fold((first, last), |joined, range| (joined.0.min(range.0), joined.1.max(range.1)));
        self.ranges.splice(from..to, [joined]);
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.ranges.first().map(|range| range.0)
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.ranges.last().map(|range| range.1)
    }

    /// How many numbers.
    pub(super) fn len(&self) -> u64 {
        let sizes = self.ranges.iter().map(|(first, last)| (last - first).saturating_add(1));
        sizes.fold(0, u64::saturating_add)
    }

    /// What lies between the ranges.
    pub(super) fn holes(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.windows(2).map(|pair| (pair[0].1 + 1, pair[1].0 - 1))
    }

    /// All numbers of both.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        other.ranges.iter().for_each(|(first, last)| union.add(*first, *last));
        union
    }

    /// The part from `first` to `last`.
    pub(super) fn within(&self, first: u64, last: u64) -> Self {
        let mut part = Self::default();
        self.ranges.iter().for_each(|range| part.add(range.0.max(first), range.1.min(last)));
        part
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut numbers = Numbers::default();
        numbers.add(5, 5);
        numbers.add(1, 2);
        numbers.add(7, 9);
        assert_eq!(numbers.holes().collect::<Vec<_>>(), [(3, 4), (6, 6)]);
        numbers.add(3, 4);
        assert_eq!(numbers.ranges, [(1, 5), (7, 9)]);
        numbers.add(0, u64::MAX);
        assert_eq!(numbers.ranges, [(0, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn it_holds_what_was_added(ranges in prop::collection::vec((0_u64..60, 0_u64..8), 0..20)) {
            let (mut numbers, mut model) = (Numbers::default(), BTreeSet::new());
            for (first, more) in ranges {
                numbers.add(first, first + more);
                model.extend(first..=first + more);
            }
            prop_assert_eq!(numbers.len(), model.len() as u64);
            prop_assert!((0..80).all(|n| numbers.contains(n) == model.contains(&n)));
            prop_assert!(numbers.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            let holes: BTreeSet<_> = numbers.holes().flat_map(|(a, b)| a..=b).collect();
            if let (Some(first), Some(last)) = (model.first(), model.last()) {
                let missing = (*first..=*last).filter(|n| !model.contains(n));
                prop_assert_eq!(holes, missing.collect::<BTreeSet<_>>());
            }
        }
    }
}
