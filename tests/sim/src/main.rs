//! A simulated plant, a demo broker and devices that misbehave.

fn main() {}
