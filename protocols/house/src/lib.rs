//! What the gateway can tell of itself: the names, types and units of its own values.
//!
//! A tag of a device with `driver = "gateway"` names a [`Fact`] in its `at`.
//! The map and the driver read this list, so that neither knows a fact that
//! the other does not.

mod fact;
mod figure;

pub use fact::{Fact, NoFact};
pub use figure::{BoxFigure, Figure, LinkFigure, UnitFigure};
