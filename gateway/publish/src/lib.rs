//! From the buffer to the brokers and back with a confirmation.

mod outbox;

pub use outbox::{Last, Outbox, Parcel, Want};
