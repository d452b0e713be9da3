//! What may be written to one tag.

use std::time::Duration;

use forehearth_model::{DataType, Scaling};

use crate::Interlock;

/// What the map allows for one tag (`write = { … }`).
pub struct WriteRule {
    /// Type of the raw value.
    pub data_type: DataType,
    /// Raw to engineering units.
    pub scaling: Scaling,
    /// Lowest and highest value in engineering units, both allowed. Without
    /// meaning for BOOL.
    pub bounds: (f64, f64),
    /// Farthest from the value the tag holds, in engineering units.
    pub max_step: Option<f64>,
    /// Shortest time between two orders.
    pub every: Option<Duration>,
    /// Condition on other tags.
    pub interlock: Option<Box<dyn Interlock>>,
    /// A value of this tag older than that is not fresh: the step can't be judged.
    pub fresh_for: Duration,
}
