//! What the gateway tells about itself: a page, metrics and health over HTTP.

mod metrics;
mod page;
mod server;
mod snapshot;

pub use server::serve;
pub use snapshot::{BrokerState, BufferState, DestinationBooks, LinkState, Problem, ReloadState, Snapshot};
