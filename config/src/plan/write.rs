//! What may be written to a tag.

use std::time::Duration;

use forehearth_model::{Formula, TagId};

/// `write = { … }`. Amounts are in engineering units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WritePlan {
    /// Lowest and highest value; 0 and 1 for a BOOL.
    pub bounds: (f64, f64),
    /// Farthest from the present value.
    pub max_step: Option<f64>,
    /// At most once in this time.
    pub every: Option<Duration>,
    /// How a bit of a register is written.
    pub part: PartPlan,
}

/// `interlock` of a tag's `write`: it may be written while this is not 0.
#[derive(Clone, PartialEq, Debug)]
pub struct InterlockPlan {
    /// Which tag may be written.
    pub tag: TagId,
    /// On what.
    pub formula: Formula,
    /// As the map has it, for answers.
    pub text: String,
}

/// How a part of a register is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PartPlan {
    /// By function 22, which touches nothing else.
    #[default]
    Masked,
    /// By reading the register and writing it whole: what the device changes
    /// of the rest in between is lost.
    Rewritten,
}
