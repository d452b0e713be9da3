//! What the service manager is told: ready, reloading, alive, stopping.

mod notify;
mod pulse;
mod vitals;

pub use notify::Service;
pub use vitals::feed;
