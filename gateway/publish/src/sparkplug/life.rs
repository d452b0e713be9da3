//! Life: which devices a host takes for alive, and which of them are dead in truth.
//!
//! A device is dead when not one of its tags can be read for want of an
//! answer. Its DDEATH waits until the backlog has drained: after a DDEATH no
//! value of the device may follow, and what was read while it lived has to.

use forehearth_model::{Quality, Stamp, TagId};

use super::layout::{Layout, Unit, UnitId};

/// What the host was told of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Not in this session, or its metrics changed: a DBIRTH comes first.
    Nothing,
    /// DBIRTH.
    Born,
    /// DDEATH.
    Dead,
}

#[derive(Clone, Copy, Debug)]
struct Device {
    told: Told,
    /// Tags that answer, or have not been tried yet.
    answering: u32,
    /// The latest scan seen.
    newest: Stamp,
}

/// All devices of a node.
#[derive(Clone, Debug)]
pub(crate) struct Lives {
    devices: Vec<Device>,
    /// By tag of the view: whether the last scan got no answer.
    silent: Vec<bool>,
}

impl Lives {
    pub(crate) fn new(layout: &Layout, tags: usize) -> Self {
        let mut lives = Self { devices: Vec::new(), silent: vec![false; tags] };
        lives.grow(&layout.units);
        lives
    }

    /// Devices of an earlier plan joined: nothing of them answers.
    pub(crate) fn grow(&mut self, units: &[Unit]) {
        for unit in &units[self.devices.len()..] {
            let answering = unit.tags.end - unit.tags.start;
            self.devices.push(Device { told: Told::Nothing, answering, newest: Stamp(i64::MIN) });
        }
    }

    /// The latest scan of a device that is known.
    pub(crate) fn newest(&self, unit: UnitId) -> Stamp {
        self.devices[unit.index()].newest
    }

    pub(crate) fn told(&self, unit: UnitId) -> Told {
        self.devices[unit.index()].told
    }

    pub(crate) fn tell(&mut self, unit: UnitId, told: Told) {
        self.devices[unit.index()].told = told;
    }

    /// Everything is to be born anew.
    pub(crate) fn forget_told(&mut self) {
        for device in &mut self.devices {
            device.told = Told::Nothing;
        }
    }

    /// What the last scan of a tag said, as known at birth or from a batch
    /// that was taken live.
    pub(crate) fn see(&mut self, unit: UnitId, tag: TagId, stamp: Stamp, quality: Quality) {
        let device = &mut self.devices[unit.index()];
        // Lanes may overtake one another by a moment, so an earlier stamp
        // still counts here.
        device.newest = device.newest.max(stamp);
        let Some(silent) = self.silent.get_mut(tag.index()) else { return };
        match (*silent, is_silence(quality)) {
            (false, true) => device.answering = device.answering.saturating_sub(1),
            (true, false) => device.answering += 1,
            _ => {}
        }
        *silent = is_silence(quality);
    }

    /// The same from a batch that waited: counts unless something newer is known.
    pub(crate) fn see_late(&mut self, unit: UnitId, tag: TagId, stamp: Stamp, quality: Quality) {
        if stamp >= self.devices[unit.index()].newest {
            self.see(unit, tag, stamp, quality);
        }
    }

    /// Whether the host takes the device for alive and it is not.
    pub(crate) fn is_dying(&self, unit: UnitId) -> bool {
        let device = &self.devices[unit.index()];
        device.told == Told::Born && device.answering == 0
    }
}

/// Whether a quality means that nobody answered. Other bad qualities are
/// answers of a living device.
pub(crate) const fn is_silence(quality: Quality) -> bool {
    matches!(quality, Quality::BadNoCommunication | Quality::BadNotConnected)
}

#[cfg(test)]
mod tests {
    use super::{Lives, Told};
    use crate::plant;
    use crate::sparkplug::layout::{Layout, UnitId};
    use forehearth_model::{Quality, Stamp, TagId};
    use forehearth_telemetry::topics::{Level, SparkplugTopics};

    fn lives() -> Lives {
        let topics = SparkplugTopics::new(Level::new("G").unwrap(), Level::new("n").unwrap());
        let layout = Layout::new(&topics, &plant::catalogue(), 256 * 1024).unwrap();
        Lives::new(&layout, 4)
    }

    #[test]
    fn a_device_is_dead_when_its_last_tag_fell_silent() {
        let (mut lives, cell) = (lives(), UnitId(0));
        lives.tell(cell, Told::Born);
        for tag in 0..3 {
            assert!(!lives.is_dying(cell));
            lives.see(cell, TagId(tag), Stamp(tag.into()), Quality::BadNoCommunication);
        }
        assert!(lives.is_dying(cell));
        lives.see(cell, TagId(1), Stamp(9), Quality::BadDeviceFailure);
        assert!(!lives.is_dying(cell), "a device that says it can't is alive");
    }

    #[test]
    fn what_was_read_before_does_not_raise_the_dead() {
        let (mut lives, sis) = (lives(), UnitId(1));
        lives.tell(sis, Told::Born);
        lives.see(sis, TagId(3), Stamp(100), Quality::BadNotConnected);
        lives.see_late(sis, TagId(3), Stamp(50), Quality::Good);
        assert!(lives.is_dying(sis));
    }
}
