//! Instruments that never had a PLC: channels on embedded-hal and a Modbus RTU node that describes itself.
//!
//! The way of a value: a [`chip`] core says which bytes to exchange and what
//! came of it, an [`instrument`] does so on a bus (blocking or async, from one
//! source) and is a [`Channel`] whose [`Reading`] has a raw count, a
//! [`Quality`] and a tick; the [`Node`] keeps it in the registers that a
//! compile-time [`RegisterMap`] lays out, and [`RtuPort`] answers for them on
//! a serial line. A master that knows nothing of the node reads its
//! [`Description`].
//!
//! No heap, no `std`, no `unsafe`, no atomics: it runs on a Cortex-M0+.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(test)]
extern crate std;

mod calibration;
mod channel;
pub mod chip;
mod clock;
mod description;
mod device_map;
mod digital;
mod frames;
mod inquiry;
pub mod instrument;
mod namur;
mod node;
mod port;
mod pulses;
mod quality;
mod register_map;
mod scale;

pub use calibration::{Calibration, CalibrationStore, NotLoaded};
pub use channel::{AsyncChannel, Channel, Facts, Range, Reading};
pub use clock::Clock;
pub use description::{ChannelEntry, CounterEntry, Description, DescriptionError, SettingEntry};
pub use device_map::DeviceMap;
pub use digital::{Active, Debounce, DigitalInput};
pub use frames::{Found, Frames};
pub use inquiry::{Ask, Inquiry};
pub use namur::Namur;
pub use node::{Correction, Counter, Node};
pub use port::{DirectionPin, LineDirection, NoDirection, Polled, RtuPort};
pub use pulses::{PulseInput, Pulses, Quantity};
pub use quality::Quality;
pub use register_map::{
    CHANNEL_WORDS, CHANNELS, COUNTERS, ChannelSpec, DESCRIPTION, RegisterMap, SETTINGS, Setting,
};
pub use scale::Scale;
