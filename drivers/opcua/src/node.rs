//! How a map names a node of an OPC UA server.
//!
//! `dcs:s=FC201.LT_201.PV` names it by an alias of the map's `namespace`
//! table; `nsu=urn:vendor:plant;s=…` by the namespace itself; `i=2258` is a
//! node of the standard. `ns=2;s=…` is understood too, but servers renumber
//! their namespaces when they restart, so it deserves a warning.

use std::fmt;

use opcua::types::{ByteString, Guid, Identifier};

/// Longest identifier and namespace URI taken: 4096 characters, the limit of
/// string node ids (OPC 10000-3, 8.2.4).
const LONGEST: usize = 4096;

/// A node as the map names it; the server's number for its namespace is
/// looked up at each connect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct NodeRef {
    pub(crate) space: Space,
    pub(crate) id: Identifier,
}

/// How the namespace is named.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Space {
    /// The standard's own.
    Standard,
    /// A word of the map's `namespace` table.
    Alias(String),
    /// The URI itself.
    Uri(String),
    /// The number the server gave it once.
    Index(u16),
}

/// Why a text names no node.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NodeError {
    /// No `i=`, `s=`, `g=` or `b=`.
    #[error(
        "`{0}` has no identifier: write alias:s=Name, alias:i=Number, alias:g=GUID or alias:b=Base64"
    )]
    NoIdentifier(String),
    /// The number after `i=` or `ns=` is none.
    #[error("`{0}` is not a number in range")]
    Number(String),
    /// The text after `g=` is no GUID.
    #[error("`{0}` is not a GUID like 72962B91-FA75-4AE6-8D28-B404DC7DAF63")]
    Guid(String),
    /// The text after `b=` is no Base64.
    #[error("`{0}` is not Base64")]
    Base64(String),
    /// The word before the colon can't be an alias.
    #[error(
        "`{0}` is not a namespace alias: letters, digits, `_` and `-`, not starting with a digit"
    )]
    Alias(String),
    /// Nothing after the `=`.
    #[error("the identifier is empty")]
    Empty,
    /// Longer than OPC UA allows.
    #[error("longer than {LONGEST} characters")]
    TooLong,
}

impl NodeRef {
    /// Reads the notation of the map.
    ///
    /// # Errors
    /// [`NodeError`] with what is wrong and how it is written.
    pub fn parse(text: &str) -> Result<Self, NodeError> {
        if text.len() > LONGEST {
            return Err(NodeError::TooLong);
        }
        let (space, id) = split(text)?;
        Ok(Self { space, id: identifier(id)? })
    }

    /// Whether it depends on a number that the server may change at its next
    /// restart: worth a warning with the advice to use an alias.
    #[must_use]
    pub fn is_by_index(&self) -> bool {
        matches!(self.space, Space::Index(_))
    }

    /// The alias it needs from the map's `namespace` table.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        match &self.space {
            Space::Alias(alias) => Some(alias),
            _ => None,
        }
    }
}

/// Namespace and the rest. An alias ends at the first colon, provided that an
/// identifier follows it: `s=a:b` has no alias.
fn split(text: &str) -> Result<(Space, &str), NodeError> {
    if let Some(rest) = text.strip_prefix("ns=") {
        let (index, id) = rest.split_once(';').ok_or_else(|| missing(text))?;
        let index = index.parse().map_err(|_| NodeError::Number(index.to_owned()))?;
        return Ok((if index == 0 { Space::Standard } else { Space::Index(index) }, id));
    }
    if let Some(rest) = text.strip_prefix("nsu=") {
        let (uri, id) = rest.split_once(';').ok_or_else(|| missing(text))?;
        return Ok((Space::Uri(uri.to_owned()), id));
    }
    if has_identifier(text) {
        return Ok((Space::Standard, text));
    }
    let (alias, id) = text.split_once(':').ok_or_else(|| missing(text))?;
    if !is_alias(alias) {
        return Err(NodeError::Alias(alias.to_owned()));
    }
    Ok((Space::Alias(alias.to_owned()), id))
}

fn missing(text: &str) -> NodeError {
    NodeError::NoIdentifier(text.to_owned())
}

fn has_identifier(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && matches!(bytes[0], b'i' | b's' | b'g' | b'b') && bytes[1] == b'='
}

/// Whether a word may name a namespace in a map.
#[must_use]
pub fn is_alias(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn identifier(text: &str) -> Result<Identifier, NodeError> {
    if !has_identifier(text) {
        return Err(missing(text));
    }
    let (kind, value) = text.split_at(2);
    if value.is_empty() {
        return Err(NodeError::Empty);
    }
    match kind {
        "i=" => {
            value.parse().map(Identifier::Numeric).map_err(|_| NodeError::Number(value.to_owned()))
        }
        "g=" => value
            .parse::<Guid>()
            .map(Identifier::Guid)
            .map_err(|_| NodeError::Guid(value.to_owned())),
        "b=" => ByteString::from_base64(value)
            .map(Identifier::ByteString)
            .ok_or_else(|| NodeError::Base64(value.to_owned())),
        _ => Ok(Identifier::String(value.into())),
    }
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.space {
            Space::Standard => {}
            Space::Alias(alias) => write!(f, "{alias}:")?,
            Space::Uri(uri) => write!(f, "nsu={uri};")?,
            Space::Index(index) => write!(f, "ns={index};")?,
        }
        write!(f, "{}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeError, NodeRef};
    use proptest::prelude::*;

    #[test]
    fn an_alias_ends_at_the_first_colon() {
        let node = NodeRef::parse("dcs:s=FC201:LT_201.PV").unwrap();
        assert_eq!(node.alias(), Some("dcs"));
        assert_eq!(node.to_string(), "dcs:s=FC201:LT_201.PV");
        assert!(!node.is_by_index());
    }

    #[test]
    fn a_node_of_the_standard_needs_no_alias() {
        assert_eq!(NodeRef::parse("i=2258").unwrap().alias(), None);
        assert_eq!(NodeRef::parse("s=a:b").unwrap().to_string(), "s=a:b");
        assert_eq!(NodeRef::parse("ns=0;i=2258"), NodeRef::parse("i=2258"));
    }

    #[test]
    fn a_namespace_number_is_understood_and_flagged() {
        let node = NodeRef::parse("ns=2;s=Drum;1").unwrap();
        assert!(node.is_by_index());
        assert_eq!(node.to_string(), "ns=2;s=Drum;1");
    }

    #[test]
    fn every_kind_of_identifier_survives_its_notation() {
        for text in [
            "dcs:i=42",
            "nsu=urn:vendor:plant;s=x",
            "dcs:g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            "dcs:b=M/RbKBsRVkePCePcx24oRA==",
        ] {
            assert_eq!(NodeRef::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_node_says_how_to_write_one() {
        let refused = |text: &str| NodeRef::parse(text).unwrap_err();
        assert!(matches!(refused("dcs"), NodeError::NoIdentifier(_)));
        assert!(matches!(refused("dcs:FC201"), NodeError::NoIdentifier(_)));
        assert!(matches!(refused("ns=70000;i=1"), NodeError::Number(_)));
        assert!(matches!(refused("dcs:i=-1"), NodeError::Number(_)));
        assert!(matches!(refused("2dcs:i=1"), NodeError::Alias(_)));
        assert!(matches!(refused("dcs:g=nonsense"), NodeError::Guid(_)));
        assert!(matches!(refused("dcs:s="), NodeError::Empty));
        assert!(matches!(refused(&format!("s={}", "x".repeat(5000))), NodeError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = NodeRef::parse(&text);
        }

        #[test]
        fn what_was_read_is_written_the_same(text in "[a-z]{1,8}:(i=[1-9][0-9]{0,8}|s=[!-~]{1,40})") {
            prop_assert_eq!(NodeRef::parse(&text).unwrap().to_string(), text);
        }
    }
}
