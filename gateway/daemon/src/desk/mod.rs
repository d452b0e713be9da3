//! The command desk: what a broker asks for goes through the gate, into the audit and to a link, and its answer back.

mod audit;
mod counts;
mod doors;
mod facts;
mod interlock;
mod task;
mod throttle;

pub use counts::{Counts, Snapshot};
pub use doors::{Doors, Orders};
pub use task::Desk;
