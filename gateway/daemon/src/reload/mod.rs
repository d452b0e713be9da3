//! Another configuration is taken up while the gateway runs: what changes is restarted, the rest misses nothing.

mod order;
mod overseer;
mod probation;
mod standing;
mod watch;
mod works;

pub use order::{Cause, Order, Report};
pub use overseer::Overseer;
pub use standing::Standing;
pub use watch::{on_change, on_hangup};
pub use works::{Ground, Works};
