//! The counter at which this machine's people ask and give orders: a socket in the state directory.

mod clerk;
pub mod client;
mod door;
mod place;
mod tail;
pub mod wire;

pub use clerk::Counter;
pub use door::serve;
pub use tail::engineering;
