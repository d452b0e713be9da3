//! Where each tag's node is on a server today: by its namespace's number, or at the end of a way.

use opcua::types::{NodeId, QualifiedName, StatusCode};

use crate::address::{Address, Root};
use crate::fault::Fault;
use crate::namespaces::{NamespaceTable, Resolver};
use crate::services::Limits;
use crate::session::Session;
use crate::view::{self, Way};

/// Looks addresses up, in their order. What is not there today has its reason.
///
/// # Errors
/// [`Fault`] when the server can't be asked.
pub(crate) async fn locate(
    session: &Session,
    limits: &mut Limits,
    resolver: &mut Resolver,
    table: &NamespaceTable,
    addresses: &[&Address],
) -> Result<Vec<Result<NodeId, String>>, Fault> {
    let mut found: Vec<Result<NodeId, String>> = Vec::with_capacity(addresses.len());
    let (mut ways, mut places): (Vec<Way>, Vec<usize>) = (Vec::new(), Vec::new());
    for (place, address) in addresses.iter().enumerate() {
        found.push(match &address.root {
            Root::Node(node) => resolver.resolve(node, table).map_err(|reason| reason.to_string()),
            // The elements of an array are asked for once.
            Root::Path(_) if place > 0 && addresses[place - 1].root == address.root => {
                Err(String::new())
            }
            Root::Path(steps) => {
                let way: Result<Way, _> = steps
                    .iter()
                    .map(|step| {
                        let namespace_index = resolver.number(&step.space, table)?;
                        Ok(QualifiedName { namespace_index, name: step.name.as_str().into() })
                    })
                    .collect();
                match way {
                    Ok(way) => {
                        ways.push(way);
                        places.push(place);
                        Err(String::new())
                    }
                    Err::<_, crate::namespaces::Unresolved>(reason) => Err(reason.to_string()),
                }
            }
        });
    }
    if !ways.is_empty() {
        let results = view::translate(session, limits, &ways).await?;
        for (place, result) in places.into_iter().zip(results) {
            found[place] = target(&result);
        }
    }
    for place in 1..found.len() {
        let same = matches!(&addresses[place].root, Root::Path(_))
            && addresses[place].root == addresses[place - 1].root;
        if same {
            found[place] = found[place - 1].clone();
        }
    }
    Ok(found)
}

/// The one node at the end of a way. Two are none: nobody could say which.
fn target(result: &opcua::types::BrowsePathResult) -> Result<NodeId, String> {
    match (result.status_code, result.targets.as_deref().unwrap_or_default()) {
        (StatusCode::BadNoMatch, _) => Err("nothing is at the end of this path".to_owned()),
        (code, _) if code.is_bad() => Err(format!("the server says {code} to this path")),
        (_, [one]) if one.remaining_path_index == u32::MAX && one.target_id.server_index == 0 => {
            Ok(one.target_id.node_id.clone())
        }
        (_, [_]) => Err("this path leads to another server".to_owned()),
        (_, []) => Err("nothing is at the end of this path".to_owned()),
        (_, several) => Err(format!("{} nodes are at the end of this path", several.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::target;
    use opcua::types::{BrowsePathResult, BrowsePathTarget, NodeId, StatusCode};

    fn result(nodes: &[u32]) -> BrowsePathResult {
        let targets = nodes.iter().map(|number| BrowsePathTarget {
            target_id: NodeId::new(2, *number).into(),
            remaining_path_index: u32::MAX,
        });
        BrowsePathResult { status_code: StatusCode::Good, targets: Some(targets.collect()) }
    }

    #[test]
    fn a_way_that_ends_nowhere_or_twice_is_no_node() {
        assert_eq!(target(&result(&[7])), Ok(NodeId::new(2, 7_u32)));
        assert!(target(&result(&[])).is_err());
        assert!(target(&result(&[7, 8])).unwrap_err().contains("2 nodes"));
        let mut away = result(&[7]);
        if let Some(targets) = &mut away.targets {
            targets[0].remaining_path_index = 1;
        }
        assert!(target(&away).unwrap_err().contains("another server"));
    }
}
