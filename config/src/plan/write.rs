//! What may be written to a tag.

use std::time::Duration;

/// `write = { … }`. Amounts are in engineering units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WritePlan {
    /// Lowest and highest value; 0 and 1 for a BOOL.
    pub bounds: (f64, f64),
    /// Farthest from the present value.
    pub max_step: Option<f64>,
    /// At most once in this time.
    pub every: Option<Duration>,
}
