//! The requests a link makes, each cut to what the server takes at once.

use std::time::Duration;

use opcua::core::ResponseMessage;
use opcua::types::{
    AttributeId, ByteString, CreateMonitoredItemsRequest, CreateSubscriptionRequest,
    DataChangeFilter, DataChangeTrigger, DataValue, DateTime, DeadbandType,
    DeleteSubscriptionsRequest, ExtensionObject, HistoryData, HistoryReadRequest,
    HistoryReadValueId, MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeId,
    NotificationMessage, PublishRequest, PublishResponse, ReadRawModifiedDetails, ReadRequest,
    ReadValueId, RepublishRequest, StatusCode, SubscriptionAcknowledgement, TimestampsToReturn,
    TransferSubscriptionsRequest, VariableId, Variant,
};

use crate::event;
use crate::fault::Fault;
use crate::namespaces::NamespaceTable;
use crate::session::Session;
use crate::settings::{Deadband, Discard};
use crate::supervision::SubscriptionId;

/// Most nodes per request, whatever the server says. Chosen: an answer of
/// 1,000 values fits one chunk of 64 KiB, and no server refuses it.
const MOST_AT_ONCE: usize = 1000;

/// Most nodes per HistoryRead. Chosen: 50 nodes of 1,000 values stay within
/// the largest message taken.
const MOST_HISTORIES: usize = 50;

/// Most nodes per Browse. Chosen: each may answer with a thousand references.
const MOST_BROWSED: usize = 10;

/// Most values of one node per answer; what is left comes by a continuation point.
const MOST_OF_HISTORY: u32 = 1000;

/// Most notifications per message. Chosen: keeps a message within some
/// hundred KiB; the server sends the rest right after.
const MOST_PER_MESSAGE: u32 = 5000;

/// How long a server is asked to keep a subscription nobody publishes for.
/// Chosen: as long as the session.
const SUBSCRIPTION_LIFETIME: Duration = Duration::from_secs(120);

/// How much the server takes at once (OPC 10000-5, OperationLimits).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Nodes per Read.
    pub(crate) read: usize,
    /// Items per CreateMonitoredItems.
    pub(crate) monitor: usize,
    /// Nodes per HistoryRead.
    pub(crate) history: usize,
    /// Paths per TranslateBrowsePathsToNodeIds.
    pub(crate) translate: usize,
    /// Nodes per Browse.
    pub(crate) browse: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read: MOST_AT_ONCE,
            monitor: MOST_AT_ONCE,
            history: MOST_HISTORIES,
            translate: MOST_AT_ONCE,
            browse: MOST_BROWSED,
        }
    }
}

/// A subscription as the server made it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Made {
    pub(crate) id: SubscriptionId,
    pub(crate) interval: Duration,
    pub(crate) keep_alive: u32,
}

/// One item to be monitored.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Monitor {
    /// Comes back with each of its values.
    pub(crate) handle: u32,
    pub(crate) node: NodeId,
    pub(crate) sampling: Duration,
    /// Values the server keeps until they are published.
    pub(crate) queue: u32,
    /// Which one goes when they are too many.
    pub(crate) discard: Discard,
    /// What the server need not send.
    pub(crate) deadband: Option<Deadband>,
    /// Its events, from this severity on, instead of its value.
    pub(crate) events: Option<u16>,
}

impl Monitor {
    /// The value of a node, every change, the newest of them.
    pub(crate) fn watch(handle: u32, node: NodeId, sampling: Duration) -> Self {
        let (deadband, events) = (None, None);
        Self { handle, node, sampling, queue: 1, discard: Discard::Oldest, deadband, events }
    }

    fn filter(&self) -> ExtensionObject {
        if let Some(least) = self.events {
            return ExtensionObject::from_message(event::filter(least));
        }
        let (kind, deadband_value) = match self.deadband {
            None => return ExtensionObject::null(),
            Some(Deadband::Absolute(units)) => (DeadbandType::Absolute, units),
            Some(Deadband::Percent(percent)) => (DeadbandType::Percent, percent),
        };
        ExtensionObject::from_message(DataChangeFilter {
            trigger: DataChangeTrigger::StatusValue,
            deadband_type: kind as u32,
            deadband_value,
        })
    }
}

/// The server's namespaces and what it takes at once.
pub(crate) async fn introduce(session: &Session) -> Result<(NamespaceTable, Limits), Fault> {
    let nodes = [
        VariableId::Server_NamespaceArray,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    ];
    let nodes: Vec<ReadValueId> = nodes.map(|id| value_of(id.into())).into();
    let mut values = read_some(session, &nodes).await?.into_iter();
    let table = values
        .next()
        .and_then(|value| namespaces(value.value.as_ref()))
        .ok_or(Fault::Nonsense("Read of its NamespaceArray"))?;
    let mut limit = |most: usize| match values.next().and_then(|value| value.value) {
        Some(Variant::UInt32(limit)) if limit > 0 => most.min(limit as usize),
        _ => most, // absent or 0: no limit (OPC 10000-5, 6.3.11)
    };
    let limits = Limits {
        read: limit(MOST_AT_ONCE),
        monitor: limit(MOST_AT_ONCE),
        history: limit(MOST_HISTORIES),
        translate: limit(MOST_AT_ONCE),
        browse: limit(MOST_BROWSED),
    };
    Ok((table, limits))
}

/// The NamespaceArray in a value.
pub(crate) fn namespaces(value: Option<&Variant>) -> Option<NamespaceTable> {
    let Some(Variant::Array(array)) = value else { return None };
    let uris = array.values.iter().map(|uri| match uri {
        Variant::String(uri) => Some(uri.as_ref().to_owned()),
        _ => None,
    });
    Some(NamespaceTable::new(uris.collect::<Option<Vec<_>>>()?))
}

/// The value attribute of a node.
pub(crate) fn value_of(node_id: NodeId) -> ReadValueId {
    attribute_of(node_id, AttributeId::Value)
}

/// Another attribute of a node.
pub(crate) fn attribute_of(node_id: NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId { node_id, attribute_id: attribute as u32, ..Default::default() }
}

/// Reads values, one per node and in their order.
///
/// Cancel safe: nothing changes at the server.
pub(crate) async fn read(
    session: &Session,
    limits: &mut Limits,
    nodes: &[ReadValueId],
) -> Result<Vec<DataValue>, Fault> {
    let mut values = Vec::with_capacity(nodes.len());
    while values.len() < nodes.len() {
        let rest = &nodes[values.len()..];
        let some = &rest[..rest.len().min(limits.read)];
        match read_some(session, some).await {
            Ok(answer) => values.extend(answer),
            Err(fault) if is_too_much(&fault) && limits.read > 1 => limits.read /= 2,
            Err(fault) => return Err(fault),
        }
    }
    Ok(values)
}

async fn read_some(session: &Session, nodes: &[ReadValueId]) -> Result<Vec<DataValue>, Fault> {
    let request = ReadRequest {
        request_header: session.header(session.timeout()),
        max_age: 0.0,
        timestamps_to_return: TimestampsToReturn::Both,
        nodes_to_read: Some(nodes.to_vec()),
    };
    match session.ask(request).await? {
        ResponseMessage::Read(answer) => {
            let values = answer.results.unwrap_or_default();
            if values.len() == nodes.len() { Ok(values) } else { Err(Fault::Nonsense("Read")) }
        }
        _ => Err(Fault::Nonsense("Read")),
    }
}

/// Whether asking for less may help.
pub(crate) fn is_too_much(fault: &Fault) -> bool {
    matches!(
        fault.code(),
        Some(
            StatusCode::BadTooManyOperations
                | StatusCode::BadEncodingLimitsExceeded
                | StatusCode::BadResponseTooLarge
                | StatusCode::BadRequestTooLarge
        )
    )
}

/// Makes a subscription without items.
pub(crate) async fn subscribe(
    session: &Session,
    interval: Duration,
    keep_alive: u32,
) -> Result<Made, Fault> {
    let millis = interval.as_secs_f64() * 1000.0;
    let periods = SUBSCRIPTION_LIFETIME.as_millis() / interval.as_millis().max(1);
    let lifetime = u32::try_from(periods).unwrap_or(u32::MAX);
    let request = CreateSubscriptionRequest {
        request_header: session.header(session.timeout()),
        requested_publishing_interval: millis,
        // At least three keep-alives (OPC 10000-4, 5.14.2.2).
        requested_lifetime_count: lifetime.max(keep_alive.saturating_mul(3)),
        requested_max_keep_alive_count: keep_alive,
        max_notifications_per_publish: MOST_PER_MESSAGE,
        publishing_enabled: true,
        priority: 0,
    };
    match session.ask(request).await? {
        ResponseMessage::CreateSubscription(answer) => {
            let millis = answer.revised_publishing_interval;
            // A server that revises to nonsense is held to what was asked.
            let sane = millis.is_finite() && (1.0..=86_400_000.0).contains(&millis);
            Ok(Made {
                id: answer.subscription_id,
                interval: if sane { Duration::from_secs_f64(millis / 1000.0) } else { interval },
                keep_alive: answer.revised_max_keep_alive_count.clamp(1, 1_000_000),
            })
        }
        _ => Err(Fault::Nonsense("CreateSubscription")),
    }
}

/// Adds items to a subscription; one status code per item, in their order.
pub(crate) async fn monitor(
    session: &Session,
    limits: &mut Limits,
    subscription: SubscriptionId,
    items: &[Monitor],
) -> Result<Vec<StatusCode>, Fault> {
    let mut codes = Vec::with_capacity(items.len());
    while codes.len() < items.len() {
        let rest = &items[codes.len()..];
        let some = &rest[..rest.len().min(limits.monitor)];
        match monitor_some(session, subscription, some).await {
            Ok(answer) => codes.extend(answer),
            Err(fault) if is_too_much(&fault) && limits.monitor > 1 => limits.monitor /= 2,
            Err(fault) => return Err(fault),
        }
    }
    Ok(codes)
}

async fn monitor_some(
    session: &Session,
    subscription_id: SubscriptionId,
    items: &[Monitor],
) -> Result<Vec<StatusCode>, Fault> {
    let requests = items.iter().map(|item| MonitoredItemCreateRequest {
        item_to_monitor: match item.events {
            None => value_of(item.node.clone()),
            Some(_) => attribute_of(item.node.clone(), AttributeId::EventNotifier),
        },
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: item.handle,
            sampling_interval: item.sampling.as_secs_f64() * 1000.0,
            queue_size: item.queue,
            discard_oldest: item.discard == Discard::Oldest,
            filter: item.filter(),
        },
    });
    let request = CreateMonitoredItemsRequest {
        request_header: session.header(session.timeout()),
        subscription_id,
        timestamps_to_return: TimestampsToReturn::Both,
        items_to_create: Some(requests.collect()),
    };
    match session.ask(request).await? {
        ResponseMessage::CreateMonitoredItems(answer) => {
            let results = answer.results.unwrap_or_default();
            if results.len() != items.len() {
                return Err(Fault::Nonsense("CreateMonitoredItems"));
            }
            Ok(results.iter().map(|result| result.status_code).collect())
        }
        _ => Err(Fault::Nonsense("CreateMonitoredItems")),
    }
}

/// Ends a subscription; one the server does not know is as good as ended.
pub(crate) async fn unsubscribe(session: &Session, id: SubscriptionId) -> Result<(), Fault> {
    let request = DeleteSubscriptionsRequest {
        request_header: session.header(session.timeout()),
        subscription_ids: Some(vec![id]),
    };
    match session.ask(request).await {
        Ok(_) | Err(Fault::Service(_)) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Takes subscriptions over from the session before; which ones came along.
pub(crate) async fn transfer(
    session: &Session,
    ids: &[SubscriptionId],
) -> Result<Vec<bool>, Fault> {
    let request = TransferSubscriptionsRequest {
        request_header: session.header(session.timeout()),
        subscription_ids: Some(ids.to_vec()),
        send_initial_values: false,
    };
    match session.ask(request).await {
        Ok(ResponseMessage::TransferSubscriptions(answer)) => {
            let results = answer.results.unwrap_or_default();
            let came = |place: usize| results.get(place).is_some_and(|r| r.status_code.is_good());
            Ok((0..ids.len()).map(came).collect())
        }
        // Not every server can.
        Ok(_) | Err(Fault::Service(_)) => Ok(vec![false; ids.len()]),
        Err(fault) => Err(fault),
    }
}

/// Asks for a message again. `None`: the server no longer has it.
pub(crate) async fn republish(
    session: &Session,
    subscription_id: SubscriptionId,
    sequence: u32,
) -> Result<Option<NotificationMessage>, Fault> {
    let request = RepublishRequest {
        request_header: session.header(session.timeout()),
        subscription_id,
        retransmit_sequence_number: sequence,
    };
    match session.ask(request).await {
        // Servers were seen to answer Good with an empty message instead of
        // BadMessageNotAvailable (asyncua 2.1).
        Ok(ResponseMessage::Republish(answer)) => {
            let message = answer.notification_message;
            Ok((message.sequence_number == sequence).then_some(message))
        }
        Ok(_) | Err(Fault::Service(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A node's history under way.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The caller's word for the node.
    pub(crate) place: usize,
    pub(crate) node: NodeId,
    /// Where the server stands; null at first.
    pub(crate) continuation: ByteString,
}

/// One step through the histories of some nodes: takes their next values out
/// of the server's archive, oldest first, and leaves in `asked` the nodes
/// that have more. A node without history has none.
pub(crate) async fn history(
    session: &Session,
    limits: Limits,
    from: DateTime,
    until: DateTime,
    asked: &mut Vec<History>,
) -> Result<Vec<(usize, Vec<DataValue>)>, Fault> {
    let step = asked.len().min(limits.history);
    let some: Vec<History> = asked.drain(..step).collect();
    let details = ReadRawModifiedDetails {
        is_read_modified: false,
        start_time: from,
        end_time: until,
        num_values_per_node: MOST_OF_HISTORY,
        return_bounds: false,
    };
    let nodes = some.iter().map(|history| HistoryReadValueId {
        node_id: history.node.clone(),
        continuation_point: history.continuation.clone(),
        ..Default::default()
    });
    let request = HistoryReadRequest {
        request_header: session.header(session.timeout()),
        history_read_details: ExtensionObject::from_message(details),
        timestamps_to_return: TimestampsToReturn::Both,
        release_continuation_points: false,
        nodes_to_read: Some(nodes.collect()),
    };
    let results = match session.ask(request).await {
        Ok(ResponseMessage::HistoryRead(answer)) => answer.results.unwrap_or_default(),
        Ok(_) => return Err(Fault::Nonsense("HistoryRead")),
        // Not every server keeps history.
        Err(Fault::Service(_)) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let mut values = Vec::with_capacity(results.len());
    for (mut history, result) in some.into_iter().zip(results) {
        if result.status_code.is_bad() {
            continue;
        }
        let data = result.history_data.into_inner_as::<HistoryData>();
        let data = data.and_then(|data| data.data_values).unwrap_or_default();
        if !result.continuation_point.is_null_or_empty() && !data.is_empty() {
            history.continuation = result.continuation_point;
            asked.push(history.clone());
        }
        values.push((history.place, data));
    }
    Ok(values)
}

/// The request with which the server may send the next message.
pub(crate) fn publish(
    session: &Session,
    acknowledged: Vec<SubscriptionAcknowledgement>,
    patience: Duration,
) -> PublishRequest {
    PublishRequest {
        request_header: session.header(patience),
        subscription_acknowledgements: (!acknowledged.is_empty()).then_some(acknowledged),
    }
}

/// The message in the answer to a publish request.
pub(crate) fn published(answer: ResponseMessage) -> Result<PublishResponse, Fault> {
    match answer {
        ResponseMessage::Publish(answer) => Ok(*answer),
        _ => Err(Fault::Nonsense("Publish")),
    }
}
