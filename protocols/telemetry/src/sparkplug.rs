//! The payload of Sparkplug B 3.0: what a birth, a data message and a death of this gateway hold.
//!
//! - Values are in engineering units. A tag that is scaled is a Double, which
//!   holds raw × scale + offset exactly as `decode` of the native format gives
//!   it; a tag that is not keeps its IEC type ([`DataType::of`]).
//! - Births carry name, alias, datatype and all properties; DATA carries the
//!   alias alone, and the quality only while it isn't good or was not told yet.
//! - Signed numbers are sign-extended into the unsigned field (Sparkplug 3.0,
//!   6.4.16).

mod birth;
mod data;
mod data_type;
mod value;

pub use birth::{
    BD_SEQ, BirthTag, REBIRTH, asks_for_rebirth, bd_seq, birth_metric, dbirth, ddeath, nbirth,
    ndeath, rebirth_control,
};
pub use data::{Data, DataHead, DataWriter, Freshness};
pub use data_type::DataType;
pub use value::{metric_value, model_value};

pub use crate::proto::sparkplug::{Payload, payload::Metric};

use prost::Message;

/// Why bytes are not a Sparkplug payload.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a Sparkplug B payload: {0}")]
pub struct PayloadError(String);

/// The bytes of a payload.
#[must_use]
pub fn encode(payload: &Payload) -> Vec<u8> {
    payload.encode_to_vec()
}

/// Reads a payload. An empty metric takes 2 bytes and a few hundred in memory,
/// so the packet limit of the connection bounds this too.
///
/// # Errors
/// When the bytes are none.
pub fn decode(bytes: &[u8]) -> Result<Payload, PayloadError> {
    Payload::decode(bytes).map_err(|error| PayloadError(error.to_string()))
}
