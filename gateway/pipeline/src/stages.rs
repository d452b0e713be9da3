//! Stages: what the map asks for a tag beyond scaling, range and deadband.

use forehearth_model::TagId;

use crate::alarm::AlarmLimits;
use crate::counter::CounterStage;
use crate::duty::DutyStage;
use crate::filter::Filter;
use crate::integral::IntegralStage;
use crate::window::WindowStage;

/// What a few of the tags have. A tag without costs nothing for it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stages {
    /// What is done to a sample before it is judged, in any order.
    pub filters: Vec<Filter>,
    /// Report through the swinging door with this error, in engineering
    /// units, in place of the deadband. The longest silence is the rule's.
    pub swing: Option<f64>,
    /// Windows of it, each value told by a tag of its own.
    pub window: Option<WindowStage>,
    /// Its total, for a counter of an unsigned type.
    pub counter: Option<CounterStage>,
    /// Its integral: a volume of a flow, an energy of a power.
    pub integral: Option<IntegralStage>,
    /// Run hours, starts and time in states, for a bit or a whole number.
    pub duty: Option<DutyStage>,
    /// Its alarm.
    pub alarm: Option<AlarmStage>,
}

/// The alarm of a tag.
#[derive(Clone, PartialEq, Debug)]
pub struct AlarmStage {
    /// The limits.
    pub limits: AlarmLimits,
    /// The tag that tells beyond which limit the value is: a
    /// [`Level`](crate::Level) as an integer.
    pub tag: TagId,
    /// The tag that tells what people did with it: a sum of the
    /// [`flag`](crate::flag) values.
    pub state: Option<TagId>,
    /// Alarms with this number are a group, of which the first one is told.
    pub group: Option<u32>,
}

impl Stages {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filters.is_empty()
            && self.swing.is_none()
            && self.window.is_none()
            && self.counter.is_none()
            && self.integral.is_none()
            && self.duty.is_none()
            && self.alarm.is_none()
    }
}
