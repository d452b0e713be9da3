//! The health message: how the gateway is, with its books; also its last will.

use forehearth_model::{
    BootId, CatalogueHash, ClockState, DestinationLedger, Epoch, Ledger, Stamp,
};
use prost::Message;

use crate::proto::v1;

/// The version written, and the highest that is read.
const VERSION: u32 = 1;

/// MQTT 5 content type of a health message.
pub const CONTENT_TYPE: &str = "application/vnd.forehearth.health.v1";

/// How the gateway is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Connected and sending.
    Online,
    /// Stopped on purpose.
    Stopped,
    /// The connection was lost: what the last will says.
    Lost,
}

/// What a health message says.
#[derive(Clone, PartialEq, Debug)]
pub struct Health {
    /// The gateway's id.
    pub gateway: String,
    /// How it is.
    pub state: State,
    /// When this was written; a last will is written at connect.
    pub time: Stamp,
    /// The run of the daemon.
    pub epoch: Epoch,
    /// The boot of the machine.
    pub boot: BootId,
    /// What is known of the wall clock.
    pub clock: ClockState,
    /// The catalogue in force.
    pub catalogue: CatalogueHash,
    /// The books.
    pub ledger: Ledger,
}

/// Why bytes are not a health message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HealthError {
    /// Not protobuf, or not this message.
    #[error("not a health message: {0}")]
    Malformed(String),
    /// A newer gateway wrote it.
    #[error("health message version {0}; this reader knows up to {VERSION}: update it")]
    Version(u32),
}

/// The bytes of a health message (`forehearth.v1.Health`).
#[must_use]
pub fn encode(health: &Health) -> Vec<u8> {
    v1::Health {
        version: VERSION,
        gateway: health.gateway.clone(),
        state: match health.state {
            State::Online => v1::health::State::Online,
            State::Stopped => v1::health::State::Stopped,
            State::Lost => v1::health::State::Lost,
        }
        .into(),
        time: health.time.micros(),
        epoch: health.epoch.0,
        boot: health.boot.0,
        clock: health.clock as i32,
        ledger: Some(v1::Ledger {
            acquired: health.ledger.acquired,
            suppressed: health.ledger.suppressed,
            pending: health.ledger.pending,
            batched: health.ledger.batched,
            destinations: health.ledger.destinations.iter().map(destination_to_wire).collect(),
        }),
        catalogue: health.catalogue.0,
    }
    .encode_to_vec()
}

/// Reads a health message.
///
/// # Errors
/// When the bytes are none, or one from a newer gateway.
pub fn decode(bytes: &[u8]) -> Result<Health, HealthError> {
    let health =
        v1::Health::decode(bytes).map_err(|error| HealthError::Malformed(error.to_string()))?;
    if health.version != VERSION {
        return Err(HealthError::Version(health.version));
    }
    let state = match health.state() {
        v1::health::State::Online => State::Online,
        v1::health::State::Stopped => State::Stopped,
        v1::health::State::Lost => State::Lost,
        v1::health::State::Unspecified => {
            return Err(HealthError::Malformed(format!("unknown state {}", health.state)));
        }
    };
    let clock = u8::try_from(health.clock)
        .ok()
        .and_then(ClockState::from_code)
        .ok_or_else(|| HealthError::Malformed(format!("unknown clock {}", health.clock)))?;
    let ledger = health.ledger.unwrap_or_default();
    Ok(Health {
        gateway: health.gateway,
        state,
        time: Stamp(health.time),
        epoch: Epoch(health.epoch),
        boot: BootId(health.boot),
        clock,
        catalogue: CatalogueHash(health.catalogue),
        ledger: Ledger {
            acquired: ledger.acquired,
            suppressed: ledger.suppressed,
            pending: ledger.pending,
            batched: ledger.batched,
            destinations: ledger.destinations.into_iter().map(destination_from_wire).collect(),
        },
    })
}

fn destination_to_wire(books: &DestinationLedger) -> v1::ledger::Destination {
    v1::ledger::Destination {
        name: books.name.clone(),
        recovered: books.recovered,
        delivered: books.delivered,
        waiting: books.waiting,
        shed: books.shed,
        expired: books.expired,
        filtered: books.filtered,
    }
}

fn destination_from_wire(books: v1::ledger::Destination) -> DestinationLedger {
    DestinationLedger {
        name: books.name,
        recovered: books.recovered,
        delivered: books.delivered,
        waiting: books.waiting,
        shed: books.shed,
        expired: books.expired,
        filtered: books.filtered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_comes_back_with_its_books() {
        let plant = DestinationLedger {
            name: "plant".to_owned(),
            recovered: 1,
            delivered: 2,
            waiting: 3,
            shed: 4,
            expired: 5,
            filtered: 6,
        };
        let ledger = Ledger {
            acquired: 100,
            suppressed: 60,
            pending: 1,
            batched: 39,
            destinations: vec![plant],
        };
        for state in [State::Online, State::Stopped, State::Lost] {
            let health = Health {
                gateway: "gw-7".to_owned(),
                state,
                time: Stamp(1_764_000_000_000_000),
                epoch: Epoch(4),
                boot: BootId(u64::MAX),
                clock: ClockState::Holdover,
                catalogue: CatalogueHash(9),
                ledger: ledger.clone(),
            };
            assert_eq!(decode(&encode(&health)), Ok(health));
        }
    }
}
