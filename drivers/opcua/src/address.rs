//! Where a tag's value is on its server: a node or a way to one, and which part of its value.
//!
//! `dcs:s=FC201.PV` is a node. `/Objects/dcs:FC201/dcs:BIAS` is a way to one,
//! by the names that people see in the server's tree: from the root, along
//! hierarchical references, each step `alias:Name` or, of the standard's own
//! namespace, `Name`. A sign that means something here stands in a name
//! behind `&`, as in OPC 10000-4, A.2: `dcs:a&/b`.

use std::fmt;
use std::sync::Arc;

use crate::node::{NodeError, NodeRef, Space, is_alias};

/// Longest way; chosen: no server's tree is as deep.
const MOST_STEPS: usize = 64;

/// What a tag reads. Equal roots are one node to the server, whatever part of
/// its value is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub(crate) root: Root,
    pub(crate) part: Option<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Root {
    Node(NodeRef),
    Path(Arc<[Step]>),
}

/// One name on the way to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) space: Space,
    pub(crate) name: String,
}

/// A part of a value: first into its fields, then an element.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Names of fields, outermost first; an element of a field that is an
    /// array is `Name[3]`.
    pub fields: Vec<String>,
    /// Position in the array at the end.
    pub element: Option<u32>,
}

impl Address {
    /// Reads the notation of the map: a node, or a way that starts with `/`.
    ///
    /// # Errors
    /// [`NodeError`] with what is wrong and how it is written.
    pub fn parse(text: &str) -> Result<Self, NodeError> {
        let root = match text.strip_prefix('/') {
            Some(way) => Root::Path(steps(way)?.into()),
            None => Root::Node(NodeRef::parse(text)?),
        };
        Ok(Self { root, part: None })
    }

    /// Takes only a part of the value: `field` as `Motor.Temperature`, an
    /// element of the array at its end.
    #[must_use]
    pub fn part(mut self, field: Option<&str>, element: Option<u32>) -> Self {
        let fields: Vec<String> =
            field.iter().flat_map(|field| field.split('.')).map(str::to_owned).collect();
        let whole = fields.is_empty() && element.is_none();
        self.part = (!whole).then_some(Part { fields, element });
        self
    }
}

impl From<NodeRef> for Address {
    fn from(node: NodeRef) -> Self {
        Self { root: Root::Node(node), part: None }
    }
}

fn steps(way: &str) -> Result<Vec<Step>, NodeError> {
    let mut steps = Vec::new();
    let mut rest = way;
    loop {
        let (step, behind) = step(rest)?;
        steps.push(step);
        match behind {
            Some(behind) if steps.len() < MOST_STEPS => rest = behind,
            Some(_) => return Err(NodeError::TooLong),
            None => return Ok(steps),
        }
    }
}

/// The first step and what follows its slash.
fn step(text: &str) -> Result<(Step, Option<&str>), NodeError> {
    let mut name = String::new();
    let mut space = None;
    let mut letters = text.char_indices();
    let mut behind = None;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '&' => {
                let (_, quoted) = letters.next().ok_or(NodeError::Empty)?;
                name.push(quoted);
            }
            '/' => {
                behind = Some(&text[at + 1..]);
                break;
            }
            ':' if space.is_none() => space = Some(std::mem::take(&mut name)),
            other => name.push(other),
        }
    }
    if name.is_empty() {
        return Err(NodeError::Empty);
    }
    let space = match space {
        None => Space::Standard,
        Some(word) if is_alias(&word) => Space::Alias(word),
        Some(word) => match word.parse() {
            Ok(0) => Space::Standard,
            Ok(index) => Space::Index(index),
            Err(_) => return Err(NodeError::Alias(word)),
        },
    };
    Ok((Step { space, name }, behind))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.space {
            Space::Standard => {}
            Space::Alias(alias) => write!(f, "{alias}:")?,
            Space::Uri(uri) => write!(f, "nsu={uri};")?,
            Space::Index(index) => write!(f, "{index}:")?,
        }
        for letter in self.name.chars() {
            if matches!(letter, '/' | '&' | ':') {
                f.write_str("&")?;
            }
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

/// As the map writes it, the part behind it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Node(node) => write!(f, "{node}")?,
            Root::Path(steps) => {
                for step in &**steps {
                    write!(f, "/{step}")?;
                }
            }
        }
        let Some(part) = &self.part else { return Ok(()) };
        for field in &part.fields {
            write!(f, " .{field}")?;
        }
        part.element.map_or(Ok(()), |element| write!(f, "[{element}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use crate::node::NodeError;

    #[test]
    fn a_way_survives_its_notation() {
        for text in [
            "/Objects/dcs:FC201/dcs:BIAS",
            "/Objects/3:Drum",
            "/Objects/dcs:a&/b&:c&&d",
            "dcs:s=FC201/PV",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_way_is_refused() {
        for text in ["/", "//x", "/Objects/", "/Objects/dcs:", "/Objects/a&"] {
            assert_eq!(Address::parse(text), Err(NodeError::Empty), "{text}");
        }
        assert!(matches!(Address::parse("/Objects/2dcs:x"), Err(NodeError::Alias(_))));
        assert_eq!(Address::parse(&"/x".repeat(65)), Err(NodeError::TooLong));
    }

    #[test]
    fn a_part_is_named_by_field_and_element() {
        let whole = Address::parse("dcs:s=Mill").unwrap();
        let part = whole.clone().part(Some("Motor.Speed"), Some(2));
        assert_eq!(part.to_string(), "dcs:s=Mill .Motor .Speed[2]");
        assert_eq!(part.root, whole.root);
        assert_eq!(whole.clone().part(None, None), whole);
    }
}
