//! A group: the tags of one device that are read together, and what a scan of them owes.

use std::time::Duration;

use forehearth_model::{DeviceId, Quality, Sample, Scan, Stamp, TagId, Value};

/// Tags of one device that are read together at one rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Which device.
    pub device: DeviceId,
    /// Scan period.
    pub period: Duration,
    /// Which tags, each once.
    pub tags: Vec<TagId>,
}

/// A driver ends by itself; one that does not within this time, or within two
/// periods of a slower group, hangs. Chosen: many times the deadline of a
/// request, and a full scan of a serial bus at 1,200 Bd is shorter.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How far a driver's scans were from one sample for each tag of the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Breach {
    /// Tags without a sample; they got a Bad one.
    pub missing: u64,
    /// Samples of tags that are not of this group or device; they were dropped.
    pub foreign: u64,
    /// Samples beyond the first of a tag; they were kept.
    pub repeated: u64,
}

/// What a scan of a group owes: one sample for each of its tags.
#[derive(Debug)]
pub(crate) struct Roster {
    device: DeviceId,
    period: Duration,
    /// In ascending order.
    tags: Box<[TagId]>,
    checksum: u64,
}

impl Roster {
    pub(crate) fn new(group: Group) -> Self {
        let Group { device, period, mut tags } = group;
        tags.sort_unstable();
        tags.dedup();
        let checksum = checksum(tags.iter().copied());
        Self { device, period, tags: tags.into(), checksum }
    }

    /// How long a scan may take before it is broken off.
    pub(crate) fn patience(&self) -> Duration {
        PATIENCE.max(self.period * 2)
    }

    /// A scan that says of every tag that it could not be read.
    pub(crate) fn unread(&self, quality: Quality, stamp: Stamp) -> Scan {
        let samples =
            self.tags.iter().map(|tag| Sample { tag: *tag, quality, value: Value::Null }).collect();
        Scan { device: self.device, stamp, samples }
    }

    /// Holds a driver to its contract: afterwards `scans` has at least one
    /// sample for each tag of the group and none of any other; what was
    /// missing is there with `quality`. `None` when all was well.
    pub(crate) fn settle(
        &self,
        scans: &mut Vec<Scan>,
        quality: Quality,
        stamp: Stamp,
    ) -> Option<Breach> {
        if self.is_complete(scans) {
            return None;
        }
        let mut breach = Breach::default();
        let mut seen = vec![false; self.tags.len()];
        for scan in &mut *scans {
            let ours = scan.device == self.device;
            scan.samples.retain(|sample| match self.tags.binary_search(&sample.tag) {
                Ok(place) if ours => {
                    breach.repeated += u64::from(std::mem::replace(&mut seen[place], true));
                    true
                }
                _ => {
                    breach.foreign += 1;
                    false
                }
            });
        }
        let mut filler = self.unread(quality, stamp);
        let mut seen = seen.into_iter();
        filler.samples.retain(|_| !seen.next().unwrap_or(false));
        breach.missing = filler.samples.len() as u64;
        if breach.missing > 0 {
            scans.push(filler);
        }
        Some(breach)
    }

    /// Whether the scans hold each tag exactly once, in any order. A sum of
    /// mixed tag numbers stands for the set, so that the honest case, which
    /// is every scan, costs about a nanosecond per sample and no memory.
    fn is_complete(&self, scans: &[Scan]) -> bool {
        let samples = || scans.iter().flat_map(|scan| &scan.samples);
        scans.iter().all(|scan| scan.device == self.device)
            && samples().count() == self.tags.len()
            && checksum(samples().map(|sample| sample.tag)) == self.checksum
    }
}

/// Order-free sum over well-mixed tag numbers (the finaliser of SplitMix64,
/// Steele et al. 2014).
fn checksum(tags: impl Iterator<Item = TagId>) -> u64 {
    tags.fold(0, |sum, tag| {
        let mut mixed = u64::from(tag.0).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        sum.wrapping_add(mixed ^ (mixed >> 31))
    })
}

#[cfg(test)]
mod tests {
    use super::{Breach, Group, Roster};
    use forehearth_model::{DeviceId, Quality, Sample, Scan, Stamp, TagId, Value};

    fn roster() -> Roster {
        let period = std::time::Duration::from_secs(1);
        let tags = [7, 3, 5].map(TagId).to_vec();
        Roster::new(Group { device: DeviceId(1), period, tags })
    }

    fn scan(device: u32, tags: &[u32]) -> Scan {
        let samples = tags
            .iter()
            .map(|tag| Sample {
                tag: TagId(*tag),
                quality: Quality::Good,
                value: Value::UInt(u64::from(*tag)),
            })
            .collect();
        Scan { device: DeviceId(device), stamp: Stamp(1), samples }
    }

    /// What is left after settling: tag and quality.
    fn settle(mut scans: Vec<Scan>) -> (Option<Breach>, Vec<(u32, Quality)>) {
        let breach = roster().settle(&mut scans, Quality::BadDataLost, Stamp(2));
        let left = scans.iter().flat_map(|scan| &scan.samples);
        (breach, left.map(|sample| (sample.tag.0, sample.quality)).collect())
    }

    const GOOD: Quality = Quality::Good;

    #[test]
    fn a_complete_scan_passes_in_any_order_and_any_number_of_parts() {
        let (breach, left) = settle(vec![scan(1, &[5]), scan(1, &[]), scan(1, &[7, 3])]);
        assert_eq!(breach, None);
        assert_eq!(left, [(5, GOOD), (7, GOOD), (3, GOOD)]);
    }

    #[test]
    fn a_missing_tag_becomes_bad() {
        let (breach, left) = settle(vec![scan(1, &[7, 3])]);
        assert_eq!(breach, Some(Breach { missing: 1, ..Breach::default() }));
        assert_eq!(left, [(7, GOOD), (3, GOOD), (5, Quality::BadDataLost)]);
        let (breach, left) = settle(Vec::new());
        assert_eq!(breach.map(|breach| breach.missing), Some(3));
        assert_eq!(left.len(), 3);
    }

    #[test]
    fn a_foreign_tag_is_dropped_though_the_number_of_samples_is_right() {
        let (breach, left) = settle(vec![scan(1, &[7, 3, 4])]);
        assert_eq!(breach, Some(Breach { missing: 1, foreign: 1, repeated: 0 }));
        assert_eq!(left, [(7, GOOD), (3, GOOD), (5, Quality::BadDataLost)]);
    }

    #[test]
    fn a_repeated_tag_does_not_hide_a_missing_one() {
        let (breach, left) = settle(vec![scan(1, &[7, 3, 3])]);
        assert_eq!(breach, Some(Breach { missing: 1, foreign: 0, repeated: 1 }));
        assert_eq!(left.len(), 4);
    }

    #[test]
    fn a_sample_under_another_device_s_name_is_no_sample() {
        let (breach, left) = settle(vec![scan(2, &[7, 3, 5])]);
        assert_eq!(breach, Some(Breach { missing: 3, foreign: 3, repeated: 0 }));
        assert!(left.iter().all(|(_, quality)| *quality == Quality::BadDataLost));
    }

    #[test]
    fn unread_says_so_of_every_tag() {
        let scan = roster().unread(Quality::BadNoCommunication, Stamp(9));
        assert_eq!((scan.device, scan.stamp), (DeviceId(1), Stamp(9)));
        assert_eq!(scan.samples.len(), 3);
        assert!(
            scan.samples
                .iter()
                .all(|sample| sample.value.is_null()
                    && sample.quality == Quality::BadNoCommunication)
        );
    }
}
