//! What is known of a tag: the last sample that came in and the last reading that went out.

use forehearth_model::{Quality, Stamp, Value};

use crate::rule::Prepared;

/// The last known state of a tag, for births and the status page.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LastKnown<'a> {
    /// When it was acquired; `None` when nothing was read yet.
    pub stamp: Option<Stamp>,
    /// How far to trust it, judged.
    pub quality: Quality,
    /// Raw; `Null` while the quality is Bad.
    pub value: &'a Value,
}

/// Where a tag's rule stands: in the rule book, or with the chain of its
/// stages. One number for both, so that a tag without stages pays one
/// comparison for those with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(u32);

impl Place {
    const CHAINS: u32 = 1 << 31;

    /// The place of chain number `chain`.
    pub(crate) const fn with_chain(chain: u32) -> Self {
        Self(chain | Self::CHAINS)
    }

    /// The place of the chain; `None` for a tag without stages.
    pub(crate) const fn chain(self) -> Option<usize> {
        if self.0 < Self::CHAINS { None } else { Some((self.0 & !Self::CHAINS) as usize) }
    }

    /// The place in the rule book, for a tag without stages.
    pub(crate) const fn rule(self) -> usize {
        self.0 as usize
    }
}

/// One row of the table of last known values: 80 bytes, so 4 MB at 50,000 tags.
#[derive(Debug)]
pub(crate) struct Tag {
    /// Where its rule stands.
    pub(crate) place: Place,
    /// `None` until the first reading.
    reported_quality: Option<Quality>,
    quality: Quality,
    value: Value,
    reported: Value,
    stamp: Stamp,
    /// Microseconds since the pipeline was made, as the next.
    pub(crate) acquired_at: u64,
    reported_at: u64,
}

impl Tag {
    /// A tag whose rule stands at `rule` in the rule book.
    pub(crate) const fn new(rule: u32) -> Self {
        Self {
            place: Place(rule),
            reported_quality: None,
            quality: Quality::BadWaitingForFirstValue,
            value: Value::Null,
            reported: Value::Null,
            stamp: Stamp(0),
            acquired_at: 0,
            reported_at: 0,
        }
    }

    pub(crate) fn last_known(&self) -> LastKnown<'_> {
        // The first sample is always reported, so no report means no sample.
        let stamp = self.reported_quality.map(|_| self.stamp);
        LastKnown { stamp, quality: self.quality, value: &self.value }
    }

    /// Takes a judged sample, acquired `at` microseconds after the pipeline
    /// was made. Returns whether it is news; then it counts as reported.
    pub(crate) fn take(
        &mut self,
        rule: &Prepared,
        (quality, value): (Quality, &Value),
        stamp: Stamp,
        at: u64,
    ) -> bool {
        let news = self.is_news(rule, quality, value, at);
        self.know((quality, value), stamp, at);
        if news {
            self.report(quality, value, at);
        }
        news
    }

    /// Notes a judged sample as the last known one.
    pub(crate) fn know(&mut self, (quality, value): (Quality, &Value), stamp: Stamp, at: u64) {
        self.stamp = stamp;
        self.acquired_at = at;
        self.quality = quality;
        self.value.clone_from(value);
    }

    /// The last known quality and value.
    pub(crate) fn known(&self) -> (Quality, Value) {
        (self.quality, self.value.clone())
    }

    /// Notes that a sample acquired `at` became a reading.
    pub(crate) fn report(&mut self, quality: Quality, value: &Value, at: u64) {
        self.reported.clone_from(value);
        self.reported_quality = Some(quality);
        self.reported_at = at;
    }

    /// Report by exception.
    fn is_news(&self, rule: &Prepared, quality: Quality, value: &Value, at: u64) -> bool {
        self.reported_quality != Some(quality)
            || rule.moved(&self.reported, value)
            || self.is_overdue(rule, at)
    }

    /// When the longest silence ends, if no sample comes to end it. `grace`
    /// microseconds after a sample the next one may still come.
    pub(crate) fn overdue_at(&self, rule: &Prepared, grace: u64) -> u64 {
        let silent = self.reported_at.saturating_add(rule.max_gap);
        silent.max(self.acquired_at.saturating_add(grace))
    }

    /// Whether a sample acquired `at` ends the longest silence. Silence is
    /// measured on the monotonic clock: a step of the wall clock must neither
    /// send every tag at once nor keep one silent for the length of the step.
    pub(crate) fn is_overdue(&self, rule: &Prepared, at: u64) -> bool {
        // Of the samples around the end of `max_gap` the nearest is sent, or
        // a millisecond of jitter would put a whole period on top.
        let silent = at.saturating_sub(self.reported_at);
        let period = at.saturating_sub(self.acquired_at);
        silent.saturating_add(period / 2) >= rule.max_gap
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;
    use crate::rule::{Prepared, Report, Rule};
    use forehearth_model::{Lane, Quality, Scaling, Stamp, Value};
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn rule(report: Report) -> Prepared {
        Prepared::new(&Rule { scaling: Scaling::NONE, valid: None, report, lane: Lane::Live })
    }

    fn by_exception() -> Prepared {
        rule(Report::ByException { deadband: 0.0, max_gap: Duration::from_secs(60) })
    }

    fn take(tag: &mut Tag, rule: &Prepared, quality: Quality, raw: i64, at: u64) -> bool {
        tag.take(rule, (quality, &Value::Int(raw)), Stamp(0), at)
    }

    #[test]
    fn the_first_value_is_news_even_if_it_is_bad() {
        let mut tag = Tag::new(0);
        assert_eq!(tag.last_known().stamp, None);
        assert_eq!(tag.last_known().quality, Quality::BadWaitingForFirstValue);
        let bad = (Quality::BadNoCommunication, &Value::Null);
        assert!(tag.take(&by_exception(), bad, Stamp(7), 0));
        assert!(!tag.take(&by_exception(), bad, Stamp(8), SECOND));
        assert_eq!(tag.last_known().stamp, Some(Stamp(8)));
        assert_eq!(tag.last_known().quality, Quality::BadNoCommunication);
    }

    #[test]
    fn a_change_of_quality_is_always_news() {
        let mut tag = Tag::new(0);
        let rule = rule(Report::ByException { deadband: 1e9, max_gap: Duration::MAX });
        assert!(take(&mut tag, &rule, Quality::Good, 1, 0));
        assert!(!take(&mut tag, &rule, Quality::Good, 1, 1));
        assert!(take(&mut tag, &rule, Quality::UncertainOutOfRange, 1, 2));
        assert!(take(&mut tag, &rule, Quality::Good, 1, 3));
    }

    #[test]
    fn silence_ends_with_the_sample_nearest_to_max_gap_however_late_each_is() {
        let mut tag = Tag::new(0);
        let mut sent = Vec::new();
        for second in 0..=180 {
            let jitter = (second * 7919) % 3000; // up to 3 ms late, no pattern
            if take(&mut tag, &by_exception(), Quality::Good, 5, second * SECOND + jitter) {
                sent.push(second);
            }
        }
        assert_eq!(sent, [0, 60, 120, 180]);
    }

    #[test]
    fn a_slow_drift_is_measured_from_what_was_reported() {
        let mut tag = Tag::new(0);
        let rule = rule(Report::ByException { deadband: 2.5, max_gap: Duration::from_secs(60) });
        let sent: Vec<i64> = (0..10)
            .filter(|raw| take(&mut tag, &rule, Quality::Good, *raw, raw.unsigned_abs() * SECOND))
            .collect();
        assert_eq!(sent, [0, 3, 6, 9]);
    }

    #[test]
    fn every_sample_means_every_sample() {
        let mut tag = Tag::new(0);
        for at in [0, 0, 1] {
            assert!(take(&mut tag, &rule(Report::EverySample), Quality::Good, 1, at));
        }
    }

    #[test]
    fn a_row_of_the_table_stays_small() {
        assert!(size_of::<Tag>() <= 80, "{} bytes", size_of::<Tag>());
    }
}
