//! Where an OPC UA tag is: a node or a path to one, which part of its value, and what of it is sent.

use std::sync::Arc;

use forehearth_model::DataType;

use crate::browsed::Browsed;
use crate::finding::Finding;
use crate::opcua::{Namespaces, RATE, is_alias};
use crate::plan::{NodePlan, PointPlan, ServerDeadband, TypeFrom};
use crate::point::{self, Shape};
use crate::quantity;
use crate::reader::{Reader, Text};
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::Value;

/// Longest node: string ids end at 4096 characters (OPC 10000-3, 8.2.4).
const LONGEST_NODE: usize = 4096;

/// Longest path in steps, as in `drivers/opcua`.
const MOST_STEPS: usize = 64;

/// Keys of a tag that only OPC UA has.
pub(crate) const KEYS: [&str; 5] = ["node", "path", "field", "sampling", "server_deadband"];

/// A tag as far as its table could be understood.
#[derive(Default)]
pub(crate) struct NodeSpot {
    pub(crate) data_type: Option<DataType>,
    pub(crate) is_array: bool,
    pub(crate) points: Option<(Place, Vec<PointPlan>)>,
}

/// `node` or `path`, `field`, `type`, `sampling` and `server_deadband` of a tag.
pub(crate) fn read(
    reader: &Reader<'_>,
    namespaces: &Namespaces,
    browsed: Option<&Browsed<'_>>,
    is_polled: bool,
) -> NodeSpot {
    let node = read_root(reader, namespaces);
    let field = reader.filled_text("field");
    if let Some(field) = &field
        && field.value.split('.').any(|name| name.trim().is_empty())
    {
        let finding = Finding::new(&texts::NOT_A_FIELD, field.place);
        reader.log.report(finding.with("value", &*field.value));
    }
    let (shape, type_from) = read_shape(reader, node.as_ref(), field.as_ref(), browsed).unzip();
    let type_from = type_from.unwrap_or(TypeFrom::Map);
    for key in ["sampling", "server_deadband"] {
        if let (true, Some(entry)) = (is_polled, reader.entry(key)) {
            reader
                .log
                .report(Finding::new(&texts::SAMPLING_OF_POLL, entry.key_place).with("key", key));
        }
    }
    let sampling = reader.duration("sampling", RATE.0..=RATE.1).map(|sampling| sampling.value);
    let deadband = read_deadband(reader, shape.map(|shape| shape.of.data_type));
    let points = node.zip(shape).map(|(node, shape)| {
        let text: Arc<str> = (&*node.value).into();
        let field: Option<Arc<str>> = field.map(|field| (&*field.value).into());
        let point = |element| {
            let (node, field) = (text.clone(), field.clone());
            let events = None;
            let plan = NodePlan { node, type_from, field, element, sampling, deadband, events };
            PointPlan::OpcUa(Arc::new(plan))
        };
        let points = match shape.count {
            Some(count) => (0..count).map(|element| point(Some(element))).collect(),
            None => vec![point(None)],
        };
        (node.place, points)
    });
    NodeSpot {
        data_type: shape.map(|shape| shape.of.data_type),
        is_array: shape.is_some_and(|shape| shape.count.is_some()),
        points,
    }
}

/// `node` or `path`, exactly one of them.
fn read_root<'a>(reader: &Reader<'a>, namespaces: &Namespaces) -> Option<Text<'a>> {
    let text = match (reader.entry("node"), reader.entry("path")) {
        (Some(node), Some(path)) => {
            let finding = Finding::new(&texts::NODE_AND_PATH, path.key_place);
            reader.log.report(finding.related(node.key_place, phrase::NODE_HERE));
            return None;
        }
        (None, None) => {
            reader.missing("node", "node = \"dcs:s=FC201.LT_201.PV\"");
            return None;
        }
        (Some(_), None) => reader.filled_text("node")?,
        (None, Some(_)) => {
            let path = reader.filled_text("path")?;
            if !path.value.starts_with('/') {
                let finding = Finding::new(&texts::NOT_A_PATH, path.place);
                reader.log.report(finding.with("value", &*path.value));
                return None;
            }
            path
        }
    };
    check(reader, namespaces, &text).then_some(text)
}

/// Whether a text names a node, or a path to one; if not, it is in the log.
pub(crate) fn check(reader: &Reader<'_>, namespaces: &Namespaces, text: &Text<'_>) -> bool {
    let spaces = match text.value.strip_prefix('/') {
        Some(way) => steps(way),
        None => space(&text.value).map(|space| vec![space]),
    };
    let Some(spaces) = spaces else {
        let code =
            if text.value.starts_with('/') { &texts::NOT_A_PATH } else { &texts::NOT_A_NODE };
        reader.log.report(Finding::new(code, text.place).with("value", &*text.value));
        return false;
    };
    let mut right = true;
    for space in spaces {
        match space {
            Space::Alias(alias) if !namespaces.iter().any(|(known, _)| known == alias) => {
                let known: Vec<&str> = namespaces.iter().map(|(known, _)| known.as_str()).collect();
                let finding = Finding::new(&texts::UNKNOWN_ALIAS, text.place).with("name", alias);
                reader.log.report(match crate::nearest::nearest(alias, &known) {
                    Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
                    None => finding,
                });
                right = false;
            }
            Space::Index(index) => {
                let finding = Finding::new(&texts::NODE_BY_INDEX, text.place);
                reader.log.report(finding.with("index", index));
            }
            Space::Alias(_) | Space::Named => {}
        }
    }
    right
}

/// `type`, or what was found when the server was browsed; texts need no
/// length. What is not known stands in as LREAL: such a map has an error, and
/// is read only to be browsed for.
fn read_shape(
    reader: &Reader<'_>,
    node: Option<&Text<'_>>,
    field: Option<&Text<'_>>,
    browsed: Option<&Browsed<'_>>,
) -> Option<(Shape, TypeFrom)> {
    let (name, place, from) = match reader.entry("type") {
        Some(entry) => match &entry.node.value {
            Value::Text(text) => (&**text, entry.node.place, TypeFrom::Map),
            _ => return point::shape(reader).map(|shape| (shape, TypeFrom::Map)),
        },
        None => {
            match node.filter(|_| field.is_none()).and_then(|node| browsed?.type_of(&node.value)) {
                Some((name, place)) => (name, place, TypeFrom::Server),
                None => {
                    reader.log.report(Finding::new(&texts::TYPE_OF_NODE, reader.place()));
                    ("LREAL", reader.place(), TypeFrom::Nowhere)
                }
            }
        }
    };
    // Its length is the server's business.
    let name = if name.trim().eq_ignore_ascii_case("STRING") { "STRING[1]" } else { name };
    let shape = match from {
        TypeFrom::Map if name != "STRING[1]" => point::shape(reader)?,
        _ => point::shape_of(reader.log, &Text { value: name.into(), place })?,
    };
    Some((shape, from))
}

fn read_deadband(reader: &Reader<'_>, data_type: Option<DataType>) -> Option<ServerDeadband> {
    let entry = reader.entry("server_deadband")?;
    let place = entry.node.place;
    if data_type.is_some_and(|data_type| !point::is_number(data_type)) {
        let key = "server_deadband";
        crate::tag::report_type(reader, &texts::NOT_FOR_TYPE, place, key, data_type);
        return None;
    }
    if let Value::Text(text) = &entry.node.value
        && text.trim_end().ends_with('%')
    {
        let Some(fraction) = quantity::percent(text.trim()).filter(|part| *part <= 1.0) else {
            let finding = Finding::new(&texts::NOT_A_PERCENTAGE, place);
            reader.log.report(finding.with("value", text.as_str()));
            return None;
        };
        return Some(ServerDeadband::Percent(fraction * 100.0));
    }
    reader.positive("server_deadband").map(|units| ServerDeadband::Absolute(units.value))
}

/// The namespaces of a path's steps; `None` when it is none. `&` quotes the
/// sign behind it (OPC 10000-4, A.2).
fn steps(way: &str) -> Option<Vec<Space<'_>>> {
    let bytes = way.as_bytes();
    let (mut spaces, mut start, mut colon, mut at) = (Vec::new(), 0, None, 0);
    while at <= bytes.len() {
        match bytes.get(at) {
            Some(b'&') => at += 1,
            Some(b':') if colon.is_none() => colon = Some(at),
            None | Some(b'/') => {
                if at > bytes.len() || colon.map_or(start, |colon| colon + 1) >= at {
                    return None;
                }
                let word = colon.map(|colon| &way[start..colon]);
                spaces.push(match word {
                    None | Some("0") => Space::Named,
                    Some(word) if is_alias(word) => Space::Alias(word),
                    Some(word) => Space::Index(word.parse().ok()?),
                });
                (start, colon) = (at + 1, None);
            }
            Some(_) => {}
        }
        at += 1;
    }
    // A quoted sign that never came.
    let ends = !way.ends_with('&') || way.ends_with("&&");
    (ends && spaces.len() <= MOST_STEPS && way.len() <= LONGEST_NODE).then_some(spaces)
}

/// How a node's namespace is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Space<'t> {
    /// By the standard or by its own URI.
    Named,
    Alias(&'t str),
    Index(u16),
}

/// `alias:s=…`, `ns=N;i=…`, `nsu=URI;g=…`, or `i=…` of the standard. `None`
/// when it names no node.
fn space(text: &str) -> Option<Space<'_>> {
    if text.len() > LONGEST_NODE {
        return None;
    }
    let (space, id) = if let Some(rest) = text.strip_prefix("ns=") {
        let (index, id) = rest.split_once(';')?;
        let index: u16 = index.parse().ok()?;
        (if index == 0 { Space::Named } else { Space::Index(index) }, id)
    } else if let Some(rest) = text.strip_prefix("nsu=") {
        (Space::Named, rest.split_once(';')?.1)
    } else if is_identifier(text) {
        (Space::Named, text)
    } else {
        let (alias, id) = text.split_once(':')?;
        (Space::Alias(Some(alias).filter(|alias| is_alias(alias))?), id)
    };
    is_identifier(id).then_some(space)
}

fn is_identifier(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    match text.split_at_checked(2) {
        Some(("s=", name)) => !name.is_empty(),
        Some(("i=", number)) => number.parse::<u32>().is_ok(),
        Some(("g=", guid)) => {
            let parts: Vec<&str> = guid.split('-').collect();
            parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
                && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
        Some(("b=", bytes)) => {
            !bytes.is_empty() && bytes.len() % 4 == 0 && bytes.chars().all(base64)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Space, space, steps};

    #[test]
    fn nodes_are_named_by_alias_number_uri_or_standard() {
        for (text, expected) in [
            ("dcs:s=FC201:LT_201.PV", Space::Alias("dcs")),
            ("dcs:i=42", Space::Alias("dcs")),
            ("dcs:g=72962b91-fa75-4ae6-8d28-b404dc7daf63", Space::Alias("dcs")),
            ("dcs:b=M/RbKBsRVkePCePcx24oRA==", Space::Alias("dcs")),
            ("ns=2;s=Drum;1", Space::Index(2)),
            ("ns=0;i=2258", Space::Named),
            ("i=2258", Space::Named),
            ("s=a:b", Space::Named),
            ("nsu=urn:vendor:plant;s=x", Space::Named),
        ] {
            assert_eq!(space(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_node_is_refused() {
        let long = format!("s={}", "x".repeat(5000));
        for text in [
            "",
            "dcs",
            "dcs:FC201",
            "dcs:s=",
            "dcs:i=-1",
            "dcs:i=4294967296",
            "dcs:g=nonsense",
            "dcs:b=???",
            "2dcs:i=1",
            "ns=70000;i=1",
            "ns=2,i=1",
            "nsu=urn:x",
            "é",
            &long,
        ] {
            assert_eq!(space(text), None, "{text}");
        }
    }

    #[test]
    fn steps_of_a_path_are_named_by_alias_number_or_standard() {
        let named = vec![Space::Named, Space::Alias("dcs"), Space::Alias("dcs")];
        assert_eq!(steps("Objects/dcs:FC201/dcs:BIAS"), Some(named));
        assert_eq!(steps("Objects/3:Drum"), Some(vec![Space::Named, Space::Index(3)]));
        assert_eq!(steps("dcs:a&/b&:c"), Some(vec![Space::Alias("dcs")]));
        for wrong in ["", "Objects/", "/x", "dcs:", "2x:y", "a&", "Objects//x"] {
            assert_eq!(steps(wrong), None, "{wrong}");
        }
    }
}
