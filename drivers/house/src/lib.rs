//! Reads what the house itself knows: the box, the gateway, its links and their units.
//!
//! To the gateway this is a driver like any other: its samples go through the
//! same queue, the same conditions and the same books as those of a device.
//! [`Tree`] reads the kernel's files; [`Insight`] is what the gateway tells.

mod driver;
mod insight;
mod sensors;
mod tree;

pub use driver::{Clock, HouseDriver, HouseGroup, HouseSettings};
pub use insight::{GatewayFigures, Insight, LinkFigures};
pub use tree::Tree;
