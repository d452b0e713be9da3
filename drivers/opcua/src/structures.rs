//! What the server's structures look like: asked of the server, because no two vendors' are alike.

use std::collections::HashSet;

use opcua::types::custom::{DataTypeTree, EncodingIds, ParentIds, TypeInfo};
use opcua::types::{
    AttributeId, BrowseDescription, DataTypeDefinition, DataValue, NodeId, ReadValueId, Variant,
};

use crate::fault::Fault;
use crate::services::{self, Limits};
use crate::session::Session;
use crate::view;

/// Deepest structure in structures. Chosen: none was seen deeper than five.
const DEEPEST: usize = 16;
/// Most structures learned. Chosen: a companion specification has some hundred.
const MOST: usize = 2000;

/// Learns the structures that the values of some nodes are made of. What the
/// server does not describe stays unknown, and its tags Bad.
///
/// # Errors
/// [`Fault`] when the server can't be asked.
pub(crate) async fn learn(
    session: &Session,
    limits: &mut Limits,
    nodes: &[NodeId],
) -> Result<(), Fault> {
    let mut wanted = data_types(session, limits, nodes).await?;
    let mut seen: HashSet<NodeId> = HashSet::new();
    let mut parents = ParentIds::new();
    let mut found: Vec<(NodeId, DataTypeDefinition)> = Vec::new();
    for _ in 0..DEEPEST {
        wanted.retain(|id| seen.len() < MOST && seen.insert(id.clone()));
        if wanted.is_empty() {
            break;
        }
        ancestors(session, limits, &wanted, &mut parents).await?;
        let asked: Vec<ReadValueId> = wanted.iter().map(definition_of).collect();
        let answers = services::read(session, limits, &asked).await?;
        let mut next = Vec::new();
        for (id, answer) in wanted.drain(..).zip(answers) {
            let Some(definition) = definition(answer) else { continue };
            if let DataTypeDefinition::Structure(structure) = &definition {
                let fields = structure.fields.iter().flatten();
                next.extend(fields.map(|field| field.data_type.clone()));
            }
            found.push((id, definition));
        }
        wanted = next;
    }
    let mut types = DataTypeTree::new(parents);
    for (id, definition) in found {
        let encodings = match &definition {
            DataTypeDefinition::Structure(structure) => Some(EncodingIds {
                binary_id: structure.default_encoding_id.clone(),
                json_id: NodeId::null(),
                xml_id: NodeId::null(),
            }),
            DataTypeDefinition::Enum(_) => None,
        };
        let name = id.to_string();
        let known = types.parent_ids();
        match TypeInfo::from_type_definition(definition, name, encodings, false, &id, known) {
            Ok(info) => types.add_type(id, info),
            Err(reason) => tracing::debug!(%id, reason, "a structure is not understood"),
        }
    }
    session.learn(types);
    Ok(())
}

async fn data_types(
    session: &Session,
    limits: &mut Limits,
    nodes: &[NodeId],
) -> Result<Vec<NodeId>, Fault> {
    let asked: Vec<ReadValueId> = nodes
        .iter()
        .map(|node| services::attribute_of(node.clone(), AttributeId::DataType))
        .collect();
    let answers = services::read(session, limits, &asked).await?;
    let types = answers.into_iter().filter_map(|answer| match answer.value {
        Some(Variant::NodeId(id)) => Some(*id),
        _ => None,
    });
    Ok(types.collect())
}

fn definition_of(id: &NodeId) -> ReadValueId {
    services::attribute_of(id.clone(), AttributeId::DataTypeDefinition)
}

fn definition(answer: DataValue) -> Option<DataTypeDefinition> {
    match answer.value {
        Some(Variant::ExtensionObject(object)) => {
            DataTypeDefinition::from_extension_object(object).ok()
        }
        _ => None,
    }
}

/// Follows types up to those of the standard.
pub(crate) async fn ancestors(
    session: &Session,
    limits: &mut Limits,
    types: &[NodeId],
    parents: &mut ParentIds,
) -> Result<(), Fault> {
    let mut level: Vec<NodeId> = types.to_vec();
    for _ in 0..DEEPEST {
        level.retain(|id| parents.get_builtin_type(id).is_none());
        if level.is_empty() {
            break;
        }
        let mut above = Vec::new();
        for some in level.chunks(limits.browse.max(1)) {
            let asked: Vec<BrowseDescription> = some.iter().map(view::supertype_of).collect();
            for (id, result) in some.iter().zip(view::browse_as(session, asked).await?) {
                for reference in result.references.into_iter().flatten() {
                    let parent = reference.node_id.node_id;
                    parents.add_type(id.clone(), parent.clone());
                    above.push(parent);
                }
            }
        }
        level = above;
    }
    Ok(())
}
