//! Unpacking: the batch inside a parcel, or why the parcel is given up.

use std::sync::Arc;

use forehearth_model::{Batch, BatchId, CatalogueHash};
use forehearth_telemetry::native;

use crate::outbox::Parcel;
use crate::session::Order;

/// The batch of a parcel, decoded where it is not in memory any more.
pub(crate) fn unpack(parcel: &Parcel) -> Result<Arc<Batch>, Order> {
    if let Some(batch) = &parcel.batch {
        return Ok(Arc::clone(batch));
    }
    match native::decode(&parcel.bytes) {
        Ok(decoded) => Ok(Arc::new(decoded.batch)),
        Err(error) => Err(unreadable(parcel.id, &error)),
    }
}

pub(crate) fn unreadable(id: BatchId, error: &native::DecodeError) -> Order {
    Order::Refuse { id, reason: error.to_string() }
}

pub(crate) fn unknown_catalogue(id: BatchId, hash: CatalogueHash) -> Order {
    Order::Refuse {
        id,
        reason: format!("it was read under plan {hash}, whose catalogue is not in the buffer"),
    }
}

pub(crate) fn too_large(id: BatchId, bytes: usize, limit: usize) -> Order {
    Order::Refuse { id, reason: format!("{bytes} bytes are more than the packet limit of {limit}") }
}
