//! From the buffer to the brokers and back with a confirmation.

pub mod listen;
mod outbox;

pub use outbox::{Last, Outbox, Parcel, Want};
