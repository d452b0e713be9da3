//! Readings: from a plugin's sections to scans of the gateway, trusting nothing.

use forehearth_driver::LinkCounters;
use forehearth_model::{DeviceId, GroupId, Quality, Sample, Scan, Severity, Stamp, TagId, Value};
use forehearth_plugin_protocol::v1::{Batch, Section, Type};
use forehearth_plugin_protocol::{Breach, Column, check_section};

use crate::settings::PluginSettings;

/// 2020-01-01: no working device shows an earlier time.
const NOT_BEFORE: Stamp = Stamp(1_577_836_800_000_000);
/// A source time further ahead than a day is a clock that was set wrong.
const AHEAD: i64 = 86_400_000_000;

/// One tag as the protocol numbers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) tag: TagId,
    pub(crate) group: u32,
    pub(crate) device: DeviceId,
    data_type: Type,
    bits: u32,
}

/// All tags by their number in the protocol.
#[derive(Debug)]
pub(crate) struct Roster {
    tags: Vec<Known>,
}

impl Roster {
    pub(crate) fn new(settings: &PluginSettings) -> Self {
        let known = |(group, device, tag): (u32, DeviceId, &crate::settings::TagSettings)| Known {
            tag: tag.tag,
            group,
            device,
            data_type: tag.data_type,
            bits: tag.bits,
        };
        Self { tags: settings.tags().map(known).collect() }
    }

    pub(crate) fn all(&self) -> &[Known] {
        &self.tags
    }

    /// Numbers of the tags of a group.
    pub(crate) fn of(&self, group: GroupId) -> impl Iterator<Item = (usize, Known)> {
        let tags = self.tags.iter().copied().enumerate();
        tags.filter(move |(_, known)| known.group == group.0)
    }

    fn get(&self, number: u32) -> Option<Known> {
        self.tags.get(number as usize).copied()
    }

    /// One sample of each tag of a group, without a value.
    pub(crate) fn bad(&self, group: GroupId, quality: Quality, stamp: Stamp) -> Option<Scan> {
        let mut tags = self.of(group).peekable();
        let device = tags.peek()?.1.device;
        let samples = tags.map(|(_, known)| nothing(known.tag, quality)).collect();
        Some(Scan { device, stamp, samples })
    }

    /// The scans of a batch. `heard` is called with the number of each tag and
    /// says whether it may be heard now.
    ///
    /// # Errors
    /// When the batch names tags that are unknown or not due, or qualities
    /// that don't exist.
    pub(crate) fn scans(
        &self,
        batch: Batch,
        now: Stamp,
        counters: &mut LinkCounters,
        mut heard: impl FnMut(u32, Known) -> bool,
    ) -> Result<Vec<Scan>, Breach> {
        let mut scans: Vec<Scan> = Vec::with_capacity(batch.sections.len());
        for mut section in batch.sections {
            let column = check_section(&section)?;
            let stamp = stamp(&section, now, counters);
            let tags = std::mem::take(&mut section.tags);
            for (place, number) in tags.into_iter().enumerate() {
                let known = self.get(number).filter(|known| heard(number, *known));
                let Some(known) = known else {
                    return Err(Breach::OutOfTurn {
                        message: "a reading of a tag",
                        when: "that was not asked for, or twice",
                    });
                };
                let sample = sample(known, &mut section, column, place)?;
                match scans.last_mut() {
                    Some(scan) if scan.device == known.device && scan.stamp == stamp => {
                        scan.samples.push(sample);
                    }
                    _ => scans.push(Scan { device: known.device, stamp, samples: vec![sample] }),
                }
            }
        }
        Ok(scans)
    }
}

/// The device's own time if it can be believed, else ours: the clock of the
/// plugin's process is ours, and what it says about it needs no belief.
fn stamp(section: &Section, now: Stamp, counters: &mut LinkCounters) -> Stamp {
    let source = Stamp(section.source);
    if section.source == 0 {
        return now;
    }
    if source >= NOT_BEFORE && source.0.saturating_sub(now.0) <= AHEAD {
        return source;
    }
    counters.stray += 1;
    now
}

fn sample(
    known: Known,
    section: &mut Section,
    column: Column,
    place: usize,
) -> Result<Sample, Breach> {
    let code = section.qualities.get(place).copied().unwrap_or(0);
    let quality = u8::try_from(code).ok().and_then(Quality::from_code);
    let quality = quality.ok_or(Breach::UnknownQuality { code })?;
    if quality.severity() == Severity::Bad {
        return Ok(nothing(known.tag, quality));
    }
    let value = match (column, known.data_type) {
        (Column::Bools, Type::Bool) => Value::Bool(section.bools[place]),
        (Column::Ints, Type::Int) if fits_signed(section.ints[place], known.bits) => {
            Value::Int(section.ints[place])
        }
        (Column::Uints, Type::Uint) if fits(section.uints[place], known.bits) => {
            Value::UInt(section.uints[place])
        }
        (Column::Floats, Type::Float) => Value::F32(section.floats[place]),
        (Column::Doubles, Type::Double) => Value::F64(section.doubles[place]),
        (Column::Texts, Type::Text) => Value::Text(section.texts[place].as_str().into()),
        // A value of another type is no value: the map and the plugin disagree.
        _ => return Ok(nothing(known.tag, Quality::BadConfiguration)),
    };
    Ok(Sample { tag: known.tag, quality, value })
}

/// Whether a number is one of so many bits.
fn fits(number: u64, bits: u32) -> bool {
    number.checked_shr(bits).unwrap_or(0) == 0
}

/// The same with a sign: all bits from the sign on are alike.
fn fits_signed(number: i64, bits: u32) -> bool {
    matches!(number >> bits.clamp(1, 64).saturating_sub(1), 0 | -1)
}

pub(crate) const fn nothing(tag: TagId, quality: Quality) -> Sample {
    Sample { tag, quality, value: Value::Null }
}

#[cfg(test)]
mod tests {
    use super::{fits, fits_signed};

    #[test]
    fn a_number_that_the_tag_s_type_cannot_hold_does_not_fit() {
        assert!(fits(255, 8) && !fits(256, 8) && fits(u64::MAX, 64));
        assert!(fits_signed(127, 8) && fits_signed(-128, 8));
        assert!(!fits_signed(128, 8) && !fits_signed(-129, 8));
        assert!(fits_signed(i64::MIN, 64) && fits_signed(i64::MAX, 64));
    }
}
