//! Chips: which bytes each wants on its bus, and what its answer means. No bus, no clock.

mod ads1115;
mod ina219;
mod max31855;
mod max31856;
mod max31865;

pub use ads1115::{Ads1115, FullScale, Input, Loop};
pub use ina219::Ina219;
pub use max31855::Max31855;
pub use max31856::{Max31856, Thermocouple};
pub use max31865::{Max31865, Wires};

pub use step::{Bytes, Chip, Heard, MAINS, Mains, Step};

mod step;
