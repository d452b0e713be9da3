//! The requests that look into a server's tree: what is below a node, and where a way leads.

use opcua::core::ResponseMessage;
use opcua::types::{
    BrowseDescription, BrowseDirection, BrowseNextRequest, BrowsePath, BrowsePathResult,
    BrowseRequest, BrowseResult, BrowseResultMask, ByteString, NodeId, ObjectId, ReferenceTypeId,
    RelativePath, RelativePathElement, TranslateBrowsePathsToNodeIdsRequest, ViewDescription,
};

use crate::fault::Fault;
use crate::services::{self, Limits};
use crate::session::Session;

/// Most references per node and answer; the rest comes by a continuation
/// point. Chosen: some hundred KiB.
const MOST_REFERENCES: u32 = 1000;

/// A way with its namespaces as numbers.
pub(crate) type Way = Vec<opcua::types::QualifiedName>;

/// Where ways lead from the root, in their order. A server that does not know
/// the service leads nowhere.
///
/// Cancel safe: nothing changes at the server.
pub(crate) async fn translate(
    session: &Session,
    limits: &mut Limits,
    ways: &[Way],
) -> Result<Vec<BrowsePathResult>, Fault> {
    let mut found = Vec::with_capacity(ways.len());
    while found.len() < ways.len() {
        let rest = &ways[found.len()..];
        let some = &rest[..rest.len().min(limits.translate)];
        match translate_some(session, some).await {
            Ok(answer) => found.extend(answer),
            Err(fault) if services::is_too_much(&fault) && limits.translate > 1 => {
                limits.translate /= 2;
            }
            Err(Fault::Service(status_code)) => {
                let refused = BrowsePathResult { status_code, targets: None };
                found.extend(some.iter().map(|_| refused.clone()));
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

async fn translate_some(session: &Session, ways: &[Way]) -> Result<Vec<BrowsePathResult>, Fault> {
    let element = |name: &opcua::types::QualifiedName| RelativePathElement {
        reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
        is_inverse: false,
        include_subtypes: true,
        target_name: name.clone(),
    };
    let paths = ways.iter().map(|way| BrowsePath {
        starting_node: ObjectId::RootFolder.into(),
        relative_path: RelativePath { elements: Some(way.iter().map(element).collect()) },
    });
    let request = TranslateBrowsePathsToNodeIdsRequest {
        request_header: session.header(session.timeout()),
        browse_paths: Some(paths.collect()),
    };
    match session.ask(request).await? {
        ResponseMessage::TranslateBrowsePathsToNodeIds(answer) => {
            let results = answer.results.unwrap_or_default();
            if results.len() == ways.len() {
                Ok(results)
            } else {
                Err(Fault::Nonsense("TranslateBrowsePathsToNodeIds"))
            }
        }
        _ => Err(Fault::Nonsense("TranslateBrowsePathsToNodeIds")),
    }
}

/// What is below some nodes, along hierarchical references; at most as many
/// as the server takes at once (`limits.browse`), the caller cuts.
///
/// Cancel safe: nothing but continuation points is kept at the server.
pub(crate) async fn browse(
    session: &Session,
    nodes: &[NodeId],
) -> Result<Vec<BrowseResult>, Fault> {
    let below = nodes.iter().map(|node| {
        let references = ReferenceTypeId::HierarchicalReferences.into();
        references_of(node, references, BrowseDirection::Forward)
    });
    browse_as(session, below.collect()).await
}

/// The type that a data type is a kind of.
pub(crate) fn supertype_of(data_type: &NodeId) -> BrowseDescription {
    references_of(data_type, ReferenceTypeId::HasSubtype.into(), BrowseDirection::Inverse)
}

/// What is reached from a node along some references.
pub(crate) fn references_of(
    node: &NodeId,
    reference_type_id: NodeId,
    browse_direction: BrowseDirection,
) -> BrowseDescription {
    BrowseDescription {
        node_id: node.clone(),
        browse_direction,
        reference_type_id,
        include_subtypes: true,
        node_class_mask: 0,
        result_mask: BrowseResultMask::All as u32,
    }
}

/// As [`browse`], along other references.
pub(crate) async fn browse_as(
    session: &Session,
    nodes: Vec<BrowseDescription>,
) -> Result<Vec<BrowseResult>, Fault> {
    let asked = nodes.len();
    let request = BrowseRequest {
        request_header: session.header(session.timeout()),
        view: ViewDescription::default(),
        requested_max_references_per_node: MOST_REFERENCES,
        nodes_to_browse: Some(nodes),
    };
    match session.ask(request).await? {
        ResponseMessage::Browse(answer) => counted(answer.results, asked, "Browse"),
        _ => Err(Fault::Nonsense("Browse")),
    }
}

/// The rest of answers that were cut.
pub(crate) async fn browse_next(
    session: &Session,
    points: &[ByteString],
) -> Result<Vec<BrowseResult>, Fault> {
    let request = BrowseNextRequest {
        request_header: session.header(session.timeout()),
        release_continuation_points: false,
        continuation_points: Some(points.to_vec()),
    };
    match session.ask(request).await? {
        ResponseMessage::BrowseNext(answer) => counted(answer.results, points.len(), "BrowseNext"),
        _ => Err(Fault::Nonsense("BrowseNext")),
    }
}

fn counted(
    results: Option<Vec<BrowseResult>>,
    asked: usize,
    what: &'static str,
) -> Result<Vec<BrowseResult>, Fault> {
    let results = results.unwrap_or_default();
    if results.len() == asked { Ok(results) } else { Err(Fault::Nonsense(what)) }
}
