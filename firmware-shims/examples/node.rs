//! A node on this machine: its serial port is a file, its sensors are sums.
//!
//! `cargo run -p forehearth-shims --example node` makes a pseudo-terminal, prints its path and serves;
//! with a path it serves that serial port as it is set up.

#[path = "node/host.rs"]
mod host;

use std::io::{Write as _, stdout};

fn main() -> std::io::Result<()> {
    let port = match std::env::args().nth(1) {
        Some(path) => host::HostPort::open(path.as_ref())?,
        None => {
            let (port, path) = host::HostPort::pair()?;
            writeln!(stdout(), "{path}")?;
            port
        }
    };
    host::serve(port, || true)
}
