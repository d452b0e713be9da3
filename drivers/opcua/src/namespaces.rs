//! Which number a server gives to which namespace, today.
//!
//! A server may number its namespaces anew at each start. Every node is
//! therefore looked up by URI at each connect, and a node that a map names by
//! number is held to the URI that the number meant when it was first seen:
//! it is followed to its new number, or refused, never silently replaced.

use std::collections::BTreeMap;

use opcua::types::NodeId;

use crate::node::{NodeRef, Space};

/// Most namespaces taken from a server; chosen: real servers have some tens.
const MOST: usize = 4096;

/// The server's NamespaceArray (i=2255): a namespace's number is its place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NamespaceTable(Vec<String>);

/// Why a node has no number today.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unresolved {
    /// The map's `namespace` table lacks the alias.
    #[error("the map's namespace table has no `{0}`")]
    Alias(String),
    /// The server has no such namespace.
    #[error("the server has no namespace `{0}`")]
    Namespace(String),
    /// The server has fewer namespaces.
    #[error("the server has no namespace number {0}")]
    Index(u16),
}

impl NamespaceTable {
    /// From the server's array.
    pub(crate) fn new(mut uris: Vec<String>) -> Self {
        uris.truncate(MOST);
        Self(uris)
    }

    fn index(&self, uri: &str) -> Option<u16> {
        let place = self.0.iter().position(|known| known == uri)?;
        u16::try_from(place).ok()
    }

    pub(crate) fn uri(&self, index: u16) -> Option<&str> {
        self.0.get(usize::from(index)).map(String::as_str)
    }
}

/// What the map says of namespaces, and what its numbers meant when first seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver {
    aliases: BTreeMap<String, String>,
    meant: BTreeMap<u16, String>,
}

impl Resolver {
    /// With the map's `namespace` table: alias → URI.
    pub(crate) fn new(aliases: &[(String, String)]) -> Self {
        Self { aliases: aliases.iter().cloned().collect(), meant: BTreeMap::new() }
    }

    /// The node id that is good as long as `table` is.
    pub(crate) fn resolve(
        &mut self,
        node: &NodeRef,
        table: &NamespaceTable,
    ) -> Result<NodeId, Unresolved> {
        let namespace = self.number(&node.space, table)?;
        Ok(NodeId { namespace, identifier: node.id.clone() })
    }

    /// The number of a namespace that is good as long as `table` is.
    pub(crate) fn number(
        &mut self,
        space: &Space,
        table: &NamespaceTable,
    ) -> Result<u16, Unresolved> {
        let by_uri =
            |uri: &str| table.index(uri).ok_or_else(|| Unresolved::Namespace(uri.to_owned()));
        Ok(match space {
            Space::Standard => 0,
            Space::Uri(uri) => by_uri(uri)?,
            Space::Alias(alias) => match self.aliases.get(alias) {
                Some(uri) => by_uri(uri)?,
                None => return Err(Unresolved::Alias(alias.clone())),
            },
            Space::Index(index) => match self.meant.get(index) {
                Some(uri) => by_uri(uri)?,
                None => {
                    let uri = table.uri(*index).ok_or(Unresolved::Index(*index))?;
                    self.meant.insert(*index, uri.to_owned());
                    *index
                }
            },
        })
    }

    /// Whether a node resolved against `before` may be another one in `after`.
    pub(crate) fn is_stale(before: &NamespaceTable, after: &NamespaceTable) -> bool {
        before.0.iter().zip(&after.0).any(|(was, is)| was != is) || after.0.len() < before.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{NamespaceTable, Resolver, Unresolved};
    use crate::node::NodeRef;

    fn table(uris: &[&str]) -> NamespaceTable {
        NamespaceTable::new(uris.iter().map(|uri| (*uri).to_owned()).collect())
    }

    fn resolver() -> Resolver {
        Resolver::new(&[("dcs".to_owned(), "urn:dcs".to_owned())])
    }

    #[test]
    fn an_alias_is_found_wherever_the_server_puts_it() {
        let mut resolver = resolver();
        let node = NodeRef::parse("dcs:s=PV").unwrap();
        let first = resolver.resolve(&node, &table(&["ua", "app", "urn:dcs"])).unwrap();
        assert_eq!(first.to_string(), "ns=2;s=PV");
        let then = resolver.resolve(&node, &table(&["ua", "urn:dcs", "app"])).unwrap();
        assert_eq!(then.to_string(), "ns=1;s=PV");
    }

    #[test]
    fn a_number_is_held_to_what_it_meant_first() {
        let mut resolver = resolver();
        let node = NodeRef::parse("ns=2;s=PV").unwrap();
        let before = table(&["ua", "app", "urn:dcs"]);
        assert_eq!(resolver.resolve(&node, &before).unwrap().namespace, 2);
        let moved = table(&["ua", "app", "urn:new", "urn:dcs"]);
        assert_eq!(resolver.resolve(&node, &moved).unwrap().namespace, 3, "followed");
        let gone = table(&["ua", "app", "urn:new"]);
        let refused = resolver.resolve(&node, &gone).unwrap_err();
        assert_eq!(refused, Unresolved::Namespace("urn:dcs".to_owned()), "not read as urn:new");
    }

    #[test]
    fn what_the_map_or_the_server_lacks_is_named() {
        let mut resolver = resolver();
        let mut resolve = |text: &str| {
            resolver.resolve(&NodeRef::parse(text).unwrap(), &table(&["ua"])).unwrap_err()
        };
        assert_eq!(resolve("dcs:s=PV"), Unresolved::Namespace("urn:dcs".to_owned()));
        assert_eq!(resolve("sis:s=PV"), Unresolved::Alias("sis".to_owned()));
        assert_eq!(resolve("ns=7;s=PV"), Unresolved::Index(7));
    }

    #[test]
    fn a_table_that_only_grows_leaves_every_node_in_place() {
        let before = table(&["ua", "app"]);
        assert!(!Resolver::is_stale(&before, &before));
        assert!(!Resolver::is_stale(&before, &table(&["ua", "app", "more"])));
        assert!(Resolver::is_stale(&before, &table(&["ua", "more", "app"])));
        assert!(Resolver::is_stale(&before, &table(&["ua"])));
    }
}
