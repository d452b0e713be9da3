//! A set of batch numbers, kept as stretches: what is finished is nearly always one stretch from 1 on.

use std::collections::BTreeMap;

/// Numbers as inclusive, disjoint stretches that never touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Intervals {
    /// First number → last number.
    stretches: BTreeMap<u64, u64>,
}

impl Intervals {
    /// Adds `first..=last`, joining what overlaps or touches.
    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        debug_assert!(first <= last, "a stretch runs upwards");
        let (mut first, mut last) = (first, last);
        if let Some((&before, &end)) = self.stretches.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            first = before;
            last = last.max(end);
        }
        while let Some((&start, &end)) = self.stretches.range(first..=last.saturating_add(1)).next()
        {
            self.stretches.remove(&start);
            last = last.max(end);
        }
        self.stretches.insert(first, last);
    }

    /// Whether `number` is in the set.
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.stretches.range(..=number).next_back().is_some_and(|(_, &end)| end >= number)
    }

    /// The lowest number from `number` on that is not in the set.
    pub(crate) fn next_missing(&self, number: u64) -> u64 {
        match self.stretches.range(..=number).next_back() {
            Some((_, &end)) if end >= number => end.saturating_add(1),
            _ => number,
        }
    }

    /// The stretches of `first..=last` that are not in the set.
    pub(crate) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut at = self.next_missing(first);
        while at <= last {
            let next = self.stretches.range(at..).next().map(|(&start, &end)| (start, end));
            match next {
                Some((start, end)) if start <= last => {
                    missing.push((at, start - 1));
                    at = end.saturating_add(1);
                }
                _ => {
                    missing.push((at, last));
                    break;
                }
            }
        }
        missing
    }

    /// All stretches in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.stretches.iter().map(|(&first, &last)| (first, last))
    }

    /// How many stretches it takes.
    pub(crate) fn len(&self) -> usize {
        self.stretches.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Intervals;

    proptest! {
        #[test]
        fn intervals_hold_exactly_what_was_inserted(
            inserted in proptest::collection::vec((1_u64..60, 0_u64..8), 0..30)
        ) {
            let mut intervals = Intervals::default();
            let mut model = BTreeSet::new();
            for (first, len) in inserted {
                intervals.insert(first, first + len);
                model.extend(first..=first + len);
            }
            for number in 0..80 {
                prop_assert_eq!(intervals.contains(number), model.contains(&number));
                let next = (number..).find(|n| !model.contains(n));
                prop_assert_eq!(Some(intervals.next_missing(number)), next);
            }
            let missing: Vec<u64> =
                intervals.missing(5, 70).into_iter().flat_map(|(a, b)| a..=b).collect();
            let expected: Vec<u64> = (5..=70).filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(missing, expected);
            let flat: Vec<_> = intervals.iter().collect();
            prop_assert!(flat.windows(2).all(|w| w[0].1 + 1 < w[1].0), "stretches touch: {:?}", flat);
        }
    }
}
