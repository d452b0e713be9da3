//! What the gateway tells about itself: a page, metrics and health over HTTP.

mod codes;
mod metrics;
mod page;
mod server;
mod snapshot;

pub use codes::explain;
pub use server::serve;
pub use snapshot::{
    BrokerState, BufferState, DestinationBooks, LinkState, Problem, ReloadState, Snapshot,
    UnitState,
};
