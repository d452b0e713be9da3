//! The counter at which this machine's people ask and give orders: a socket in the state directory.

pub mod client;
mod clerk;
mod door;
mod place;
mod tail;
pub mod wire;

pub use clerk::Counter;
pub use door::serve;
