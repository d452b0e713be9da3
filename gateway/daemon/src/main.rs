//! The gateway daemon: wiring, lifecycle, command line and status page.

fn main() {}
