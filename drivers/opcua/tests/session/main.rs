//! The driver against a server no one here wrote: asyncua, from PyPI, in the
//! `.venv` that `make test` sets up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod cuts;
mod events;
mod hostile;
mod liar;
mod listener;
mod polling;
mod proxy;
mod reading;
mod secured;
mod server;
mod shapes;
mod standby;
mod writes;
