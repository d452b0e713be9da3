//! Stages: what the map asks for a tag beyond scaling, range and deadband.

use forehearth_model::TagId;

use crate::alarm::AlarmLimits;
use crate::counter::CounterStage;
use crate::filter::Filter;
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
    /// Limits, and the tag that tells beyond which the value is: a
    /// [`Level`](crate::Level) as an integer.
    pub alarm: Option<(AlarmLimits, TagId)>,
}

impl Stages {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filters.is_empty()
            && self.swing.is_none()
            && self.window.is_none()
            && self.counter.is_none()
            && self.alarm.is_none()
    }
}
