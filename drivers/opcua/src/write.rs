//! Writing one value into a node and reading it back: what only a writing instance can be asked for.
//!
//! An order can be made by a [`Writer`] alone, and a writer exists only of a
//! subscriber that was made for writing. A subscriber made for reading has no
//! other end to its channel, because none was ever made:
//!
//! ```compile_fail
//! # fn f(settings: forehearth_driver_opcua::Settings, clock: fn() -> forehearth_model::Stamp) {
//! let (subscriber, writer) = forehearth_driver_opcua::OpcUaSubscriber::new(settings, clock);
//! # }
//! ```

use std::time::Duration;

use forehearth_driver::{LinkError, WriteError, WriteOrder};
use forehearth_model::Value;
use opcua::core::ResponseMessage;
use opcua::types::{
    AttributeId, DataValue, NodeId, StatusCode, Variant, VariantScalarTypeId, WriteRequest,
    WriteValue,
};
use tokio::sync::{mpsc, oneshot};

use crate::fault::Fault;
use crate::services::{self, Limits};
use crate::session::Session;
use crate::settings::Item;
use crate::value;

/// Orders waiting at once. Chosen: a person or a recipe gives some; more wait
/// at whoever gives them.
const MOST_ORDERS: usize = 16;
/// Longest wait for an order to end: a connection being made, a history read
/// and four answers. Chosen: longer than all of these.
const PATIENCE: Duration = Duration::from_secs(30);

/// An order on its way, with where its end is told.
pub(crate) struct Order {
    pub(crate) order: WriteOrder,
    pub(crate) told: oneshot::Sender<Result<Value, WriteError>>,
}

/// Gives write orders to one subscriber. Whoever uses it has checked that the
/// tag may be written.
#[derive(Clone, Debug)]
pub struct Writer {
    orders: mpsc::Sender<Order>,
    peer: String,
}

/// Both ends.
pub(crate) fn channel(peer: &str) -> (Writer, mpsc::Receiver<Order>) {
    let (orders, desk) = mpsc::channel(MOST_ORDERS);
    (Writer { orders, peer: peer.to_owned() }, desk)
}

impl Writer {
    /// Writes one value and reads it back; the raw value as it was read.
    ///
    /// Not cancel safe: a dropped future leaves unknown whether it was written.
    ///
    /// # Errors
    /// As the variants of [`WriteError`] say. An order is at most one write on
    /// the wire.
    pub async fn write(&self, order: WriteOrder) -> Result<Value, WriteError> {
        let (told, end) = oneshot::channel();
        let lost =
            |reason: &str| LinkError::Lost { peer: self.peer.clone(), reason: reason.into() };
        // With a full desk nothing was given away yet.
        let given = self.orders.try_send(Order { order, told });
        given.map_err(|_| lost("no link takes orders now; nothing was written"))?;
        match tokio::time::timeout(PATIENCE, end).await {
            Ok(Ok(result)) => result,
            // The driver ended, or its connection, with the order in hand.
            Ok(Err(_)) => Err(WriteError::Unknown { reason: "the link ended".to_owned() }),
            Err(_) => Err(WriteError::Unknown { reason: "no end in time".to_owned() }),
        }
    }
}

/// Carries one order out. A fault that ends the connection is returned beside
/// what is told.
pub(crate) async fn carry_out(
    session: &Session,
    limits: &mut Limits,
    item: Option<(&Item, Option<&NodeId>)>,
    wanted: &Value,
) -> (Result<Value, WriteError>, Option<Fault>) {
    let Some((item, Some(node))) = item else { return (Err(WriteError::NotWritable), None) };
    if item.address.part.is_some() || item.events.is_some() {
        return (Err(WriteError::NotWritable), None);
    }
    // What type the node has is told by what it holds.
    let now = match read(session, limits, node).await {
        Ok(now) => now,
        Err(fault) => return (Err(refused(&fault)), ends(fault)),
    };
    let Some(variant) = now.value.as_ref().and_then(|now| fitting(now, wanted)) else {
        let reason = format!("{wanted:?} is not what the node holds: {:?}", now.value);
        return (Err(WriteError::Unfit { reason }), None);
    };
    let request = WriteRequest {
        request_header: session.header(session.timeout()),
        nodes_to_write: Some(vec![WriteValue {
            node_id: node.clone(),
            attribute_id: AttributeId::Value as u32,
            // Without status and times: many servers refuse to take those.
            value: DataValue { value: Some(variant), ..Default::default() },
            ..Default::default()
        }]),
    };
    let code = match session.ask(request).await {
        Ok(ResponseMessage::Write(answer)) => answer.results.unwrap_or_default().first().copied(),
        Ok(_) => None,
        Err(Fault::Service(code)) => Some(code),
        Err(fault) => {
            return (Err(WriteError::Unknown { reason: fault.to_string() }), ends(fault));
        }
    };
    match code {
        Some(code) if code.is_good() => {}
        // Written to the server, not yet to the device (OPC 10000-4, 5.11.4).
        Some(StatusCode::UncertainInitialValue) | None => {
            return (Err(WriteError::Unknown { reason: "no clear answer".to_owned() }), None);
        }
        Some(code) => return (Err(WriteError::Refused { reason: code.to_string() }), None),
    }
    let read = match read(session, limits, node).await {
        Ok(read) => read,
        Err(fault) => {
            return (Err(WriteError::Unknown { reason: fault.to_string() }), ends(fault));
        }
    };
    let found = read.value.as_ref().map(|variant| value::value(variant, item.data_type));
    match found {
        Some(Ok(found)) if found.same(wanted) => (Ok(found), None),
        Some(Ok(found)) => (Err(WriteError::ReadBackDiffers { read: found }), None),
        _ => (Err(WriteError::Unknown { reason: "it can't be read back".to_owned() }), None),
    }
}

async fn read(session: &Session, limits: &mut Limits, node: &NodeId) -> Result<DataValue, Fault> {
    let values = services::read(session, limits, &[services::value_of(node.clone())]).await?;
    values.into_iter().next().ok_or(Fault::Nonsense("Read"))
}

/// What is told of a fault before anything was sent.
fn refused(fault: &Fault) -> WriteError {
    let peer = "the server".to_owned();
    WriteError::Link(LinkError::Lost { peer, reason: fault.to_string() })
}

/// Whether the connection goes with it.
fn ends(fault: Fault) -> Option<Fault> {
    (!matches!(fault, Fault::Service(_))).then_some(fault)
}

/// The value in the type that the node holds now; `None` when it doesn't fit.
#[expect(clippy::cast_possible_truncation, reason = "a Float node holds 24 bits of precision")]
fn fitting(now: &Variant, wanted: &Value) -> Option<Variant> {
    let int = match wanted {
        Value::Int(int) => Some(i128::from(*int)),
        Value::UInt(int) => Some(i128::from(*int)),
        _ => None,
    };
    let opcua::types::VariantTypeId::Scalar(kind) = now.type_id() else { return None };
    Some(match kind {
        VariantScalarTypeId::Boolean => match wanted {
            Value::Bool(bit) => Variant::Boolean(*bit),
            _ => return None,
        },
        VariantScalarTypeId::SByte => Variant::SByte(int?.try_into().ok()?),
        VariantScalarTypeId::Int16 => Variant::Int16(int?.try_into().ok()?),
        VariantScalarTypeId::Int32 => Variant::Int32(int?.try_into().ok()?),
        VariantScalarTypeId::Int64 => Variant::Int64(int?.try_into().ok()?),
        VariantScalarTypeId::Byte => Variant::Byte(int?.try_into().ok()?),
        VariantScalarTypeId::UInt16 => Variant::UInt16(int?.try_into().ok()?),
        VariantScalarTypeId::UInt32 => Variant::UInt32(int?.try_into().ok()?),
        VariantScalarTypeId::UInt64 => Variant::UInt64(int?.try_into().ok()?),
        VariantScalarTypeId::Float => match wanted {
            Value::F32(real) => Variant::Float(*real),
            other => Variant::Float(number(other)? as f32),
        },
        VariantScalarTypeId::Double => Variant::Double(number(wanted)?),
        VariantScalarTypeId::String => match wanted {
            Value::Text(text) => Variant::String((&**text).into()),
            _ => return None,
        },
        _ => return None,
    })
}

fn number(value: &Value) -> Option<f64> {
    if matches!(value, Value::Bool(_)) { None } else { value.as_f64() }
}

#[cfg(test)]
mod tests {
    use super::fitting;
    use forehearth_model::Value;
    use opcua::types::Variant;

    #[test]
    fn a_value_is_sent_in_the_type_the_node_has_or_not_at_all() {
        let sent = |now: Variant, wanted: Value| fitting(&now, &wanted);
        assert_eq!(sent(Variant::Int16(0), Value::Int(-5)), Some(Variant::Int16(-5)));
        assert_eq!(sent(Variant::Int16(0), Value::Int(40_000)), None);
        assert_eq!(sent(Variant::UInt32(0), Value::Int(-1)), None);
        assert_eq!(sent(Variant::Double(0.0), Value::F32(0.5)), Some(Variant::Double(0.5)));
        assert_eq!(sent(Variant::Boolean(false), Value::Int(1)), None);
        assert_eq!(sent(Variant::Double(0.0), Value::Bool(true)), None);
        assert_eq!(sent(Variant::Empty, Value::Int(1)), None);
        assert_eq!(sent(Variant::from(vec![1_i32]), Value::Int(1)), None);
    }
}
