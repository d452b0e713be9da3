//! What a driver in a process of its own is written with.
//!
//! Implement [`Plugin`] and hand it to [`run`] in `main`; the rest (frames,
//! order of messages, credit) is done here. `docs/write-a-driver.md` leads
//! through it.
//!
//! stdout belongs to the gateway: print to stderr only.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod columns;
mod serve;

pub use columns::{Columns, Reading};
pub use forehearth_plugin_protocol::v1;
pub use serve::{Ended, run, serve};

use v1::{ConfigError, Configure, Health, Hello, Value, Write, Written};

/// Why a tag has no value. The numbers are those of the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Bad {
    /// The device did not answer, or the way to it is down.
    NoCommunication = 33,
    /// The device answered that it can't.
    DeviceFailure = 35,
    /// The sensor is broken.
    SensorFailure = 36,
    /// The device refuses the address: the map is wrong.
    Configuration = 37,
    /// Taken out of service on purpose.
    OutOfService = 38,
}

/// A driver. One thread calls it, one call at a time.
pub trait Plugin {
    /// What it is and can do; magic and versions are filled in.
    fn hello(&self) -> Hello;

    /// Takes settings and tags. What it returns is shown to the user under the
    /// line of the map that is wrong; nothing: it is accepted.
    fn configure(&mut self, configure: &Configure) -> Vec<ConfigError>;

    /// Reads each tag of a group once, within `deadline_ms`. A tag that is
    /// left out becomes Bad.
    fn poll(&mut self, group: u32, deadline_ms: u32) -> Vec<Reading>;

    /// What has come up since the last call; called every 50 ms once it is
    /// started, for those that push.
    fn push(&mut self) -> Vec<Reading> {
        Vec::new()
    }

    /// How it is.
    fn health(&self) -> Health {
        Health { state: v1::health::State::Connected.into(), ..Health::default() }
    }

    /// Writes one value and reads it back.
    fn write(&mut self, order: &Write) -> Written {
        let outcome = v1::written::Outcome::NotSent.into();
        let message = "this driver does not write".to_owned();
        Written { request: order.request, outcome, message, read_back: None }
    }
}

/// The text a setting has, if it is there and is one.
#[must_use]
pub fn text<'c>(configure: &'c Configure, key: &str) -> Option<&'c str> {
    match given(configure, key)? {
        v1::value::Kind::Text(text) => Some(text),
        _ => None,
    }
}

/// The whole number a setting has, if it is there and is one.
#[must_use]
pub fn integer(configure: &Configure, key: &str) -> Option<i64> {
    match given(configure, key)? {
        v1::value::Kind::Int(int) => Some(*int),
        v1::value::Kind::Uint(int) => i64::try_from(*int).ok(),
        _ => None,
    }
}

fn given<'c>(configure: &'c Configure, key: &str) -> Option<&'c v1::value::Kind> {
    let given = configure.settings.iter().find(|given| given.key == key)?;
    given.value.as_ref()?.kind.as_ref()
}

/// A mistake in the settings.
#[must_use]
pub fn wrong_setting(key: &str, message: &str, hint: &str) -> ConfigError {
    let (key, message, hint) = (key.to_owned(), message.to_owned(), hint.to_owned());
    ConfigError { key, message, hint, ..ConfigError::default() }
}

/// A mistake in the address of a tag; `offset` is where in the address.
#[must_use]
pub fn wrong_address(tag: u32, offset: usize, message: &str, hint: &str) -> ConfigError {
    let offset = u32::try_from(offset).unwrap_or(0);
    ConfigError { tag: Some(tag), offset, length: 1, ..wrong_setting("at", message, hint) }
}

/// Wraps a value for [`Written::read_back`].
#[must_use]
pub const fn value(kind: v1::value::Kind) -> Value {
    Value { kind: Some(kind) }
}
